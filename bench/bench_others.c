/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What else a store could be: the same records under the same keys in SQLite, and in tinycdb without a seal. One row
 * asks tinycdb between two looks at the file's state, which is the least that a reader of a file costs that may change.
 * Building from records that are there, adding one, opening, and asking for a key, with nothing around it: no
 * certificate, no entry.
 *
 *   bench_others [NUMBER]        NUMBER: of records, 1000000 if none is given
 */
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cdb.h>
#include <sqlite3.h>

#include "bench.h"
#include "fixture.h"
#include "entries/testing.h"

/* Keys that are asked for in turn, and as many that are not there. */
#define ASKED 512

static const certmap_packed_t **all;
static unsigned number;
static unsigned char known[ASKED][CERTMAP_HASH_LEN];
static unsigned char unknown[ASKED][CERTMAP_HASH_LEN];

/* A database while it is measured. */
typedef struct database_t {
    struct cdb cdb;
    sqlite3 *sqlite;
    sqlite3_stmt *select;
} database_t;

typedef struct database_kind_t {
    const char *name;
    void (*build)(const char *path);
    void (*add)(const char *path);
    void (*open)(database_t *db, const char *path);
    unsigned (*ask)(database_t *db, const unsigned char *key);
    void (*close)(database_t *db);
} database_kind_t;

static void must(int done, const char *what)
{
    if (!done) {
        fixture_fail(what);
    }
}

/* ---- tinycdb ---------------------------------------------------------------------------------------------------- */

static void cdb_build_file(const char *path)
{
    int fd = open(path, O_RDWR | O_CREAT | O_TRUNC, 0600);
    struct cdb_make make;
    unsigned i;

    must(fd >= 0 && cdb_make_start(&make, fd) == 0, path);
    for (i = 0; i < number; i++) {
        must(cdb_make_add(&make, all[i]->hash, CERTMAP_HASH_LEN, all[i]->record, all[i]->len) == 0, "cdb_make_add");
    }
    must(cdb_make_finish(&make) == 0 && fsync(fd) == 0, path);
    close(fd);
}

static void cdb_open_file(database_t *db, const char *path)
{
    must(cdb_init(&db->cdb, open(path, O_RDONLY)) == 0, path);
}

static unsigned cdb_ask(database_t *db, const unsigned char *key)
{
    return cdb_find(&db->cdb, key, CERTMAP_HASH_LEN) > 0 ? cdb_datalen(&db->cdb) : 0;
}

static unsigned cdb_ask_between(database_t *db, const unsigned char *key)
{
    struct stat before;
    struct stat after;
    unsigned found;

    must(fstat(cdb_fileno(&db->cdb), &before) == 0, "fstat");
    found = cdb_ask(db, key);
    must(fstat(cdb_fileno(&db->cdb), &after) == 0 && before.st_size == after.st_size, "fstat");
    return found;
}

static void cdb_close(database_t *db)
{
    int fd = cdb_fileno(&db->cdb);

    cdb_free(&db->cdb);
    close(fd);
}

/* ---- SQLite ----------------------------------------------------------------------------------------------------- */

static void sqlite_do(sqlite3 *sqlite, const char *sql)
{
    must(sqlite3_exec(sqlite, sql, NULL, NULL, NULL) == SQLITE_OK, sqlite3_errmsg(sqlite));
}

static void sqlite_put(sqlite3_stmt *insert, const unsigned char *key, const void *data, int len)
{
    sqlite3_bind_blob(insert, 1, key, CERTMAP_HASH_LEN, SQLITE_STATIC);
    sqlite3_bind_blob(insert, 2, data, len, SQLITE_STATIC);
    must(sqlite3_step(insert) == SQLITE_DONE && sqlite3_reset(insert) == SQLITE_OK, "insert");
}

static const char insertion[] = "INSERT INTO entries VALUES (?, ?)";

/* In the order of the keys, in one transaction. */
static void sqlite_build(const char *path)
{
    sqlite3 *sqlite;
    sqlite3_stmt *insert;
    unsigned i;

    must(sqlite3_open(path, &sqlite) == SQLITE_OK, path);
    sqlite_do(sqlite, "CREATE TABLE entries (hash BLOB PRIMARY KEY, record BLOB) WITHOUT ROWID; BEGIN");
    must(sqlite3_prepare_v2(sqlite, insertion, -1, &insert, NULL) == SQLITE_OK, "prepare");
    for (i = 0; i < number; i++) {
        sqlite_put(insert, all[i]->hash, all[i]->record, (int)all[i]->len);
    }
    sqlite3_finalize(insert);
    sqlite_do(sqlite, "COMMIT");
    sqlite3_close(sqlite);
}

static void sqlite_add(const char *path)
{
    sqlite3 *sqlite;
    sqlite3_stmt *insert;

    must(sqlite3_open(path, &sqlite) == SQLITE_OK, path);
    must(sqlite3_prepare_v2(sqlite, insertion, -1, &insert, NULL) == SQLITE_OK, "prepare");
    sqlite_put(insert, unknown[0], "record", 6);
    sqlite3_finalize(insert);
    sqlite3_close(sqlite);
}

static void sqlite_open_file(database_t *db, const char *path)
{
    must(sqlite3_open_v2(path, &db->sqlite, SQLITE_OPEN_READONLY, NULL) == SQLITE_OK, path);
    sqlite_do(db->sqlite, "PRAGMA mmap_size = 4000000000");
    must(sqlite3_prepare_v2(db->sqlite, "SELECT record FROM entries WHERE hash = ?", -1, &db->select, NULL)
             == SQLITE_OK,
         "prepare");
}

static unsigned sqlite_ask(database_t *db, const unsigned char *key)
{
    unsigned len = 0;

    sqlite3_bind_blob(db->select, 1, key, CERTMAP_HASH_LEN, SQLITE_STATIC);
    if (sqlite3_step(db->select) == SQLITE_ROW) {
        sqlite3_column_blob(db->select, 0);
        len = (unsigned)sqlite3_column_bytes(db->select, 0);
    }
    sqlite3_reset(db->select);
    return len;
}

static void sqlite_close(database_t *db)
{
    sqlite3_finalize(db->select);
    sqlite3_close(db->sqlite);
}

/* ---- measuring -------------------------------------------------------------------------------------------------- */

static const database_kind_t kinds[] = {
    { "tinycdb", cdb_build_file, NULL, cdb_open_file, cdb_ask, cdb_close },
    { "tinycdb, two fstat", cdb_build_file, NULL, cdb_open_file, cdb_ask_between, cdb_close },
    { "SQLite", sqlite_build, sqlite_add, sqlite_open_file, sqlite_ask, sqlite_close },
};

typedef struct others_asking_t {
    const database_kind_t *kind;
    database_t *db;
    unsigned char (*keys)[CERTMAP_HASH_LEN];
    unsigned n;
    unsigned next;
    unsigned found;
} others_asking_t;

static void ask_next(void *arg)
{
    others_asking_t *a = arg;

    a->found += a->kind->ask(a->db, a->keys[a->next++ % a->n]) > 0;
}

static double cost(const database_kind_t *kind, database_t *db, unsigned char (*keys)[CERTMAP_HASH_LEN], unsigned n,
                   int expected)
{
    others_asking_t a = { .kind = kind, .db = db, .keys = keys, .n = n };
    double ns = bench_ns(ask_next, &a, 0.2);

    must(a.found == (expected ? a.next : 0), "wrong answers");
    return ns;
}

static void measure(const database_kind_t *kind, const char *path)
{
    double build = bench_cpu();
    double add = 0;
    double opened;
    database_t db;
    struct stat st;

    kind->build(path);
    build = bench_cpu() - build;
    opened = bench_cpu();
    kind->open(&db, path);
    opened = bench_cpu() - opened;
    must(stat(path, &st) == 0, path);
    printf("%-18s %9u | %8.3f %9.3f %7.1f | %9.0f %8.0f %9.0f |", kind->name, number, build, opened * 1e3,
           (double)st.st_size / 1048576, cost(kind, &db, known, 1, 1), cost(kind, &db, known, ASKED, 1),
           cost(kind, &db, unknown, ASKED, 0));
    kind->close(&db);
    if (kind->add != NULL) {
        add = bench_cpu();
        kind->add(path);
        add = bench_cpu() - add;
        printf(" %9.4f", add);
    }
    printf("\n");
    fflush(stdout);
    unlink(path);
}

/* Records as a store has them, of entries that pin certificates. */
static void make_records(void)
{
    apr_size_t room = (apr_size_t)number * 110 + 1;
    char *text = malloc(room);
    char *at = text;
    const certmap_entries_t *entries;
    apr_array_header_t *errors;
    unsigned i;

    must(text != NULL, "no memory");
    for (i = 0; i < number; i++) {
        at += snprintf(at, 110, "sha256:%08x%08x%048x user%u\n", i * 2654435761u, i * 40503u, i, i);
    }
    must(certmap_entries_read((certmap_str_t){ text, (apr_size_t)(at - text) }, NULL, 1, &entries, &errors, pool)
             == APR_SUCCESS,
         "entries");
    free(text);
    all = certmap_entries_sorted(entries, pool);
    for (i = 0; i < ASKED; i++) {
        memcpy(known[i], all[(apr_size_t)i * (number / ASKED)]->hash, CERTMAP_HASH_LEN);
        memcpy(unknown[i], known[i], CERTMAP_HASH_LEN);
        unknown[i][CERTMAP_HASH_LEN - 1] ^= 1;
    }
}

int main(int argc, char **argv)
{
    char directory[] = "/tmp/certmap-bench-XXXXXX";
    size_t i;

    number = argc > 1 ? (unsigned)strtoul(argv[1], NULL, 10) : 1000000;
    fixture_start();
    if (number < ASKED || mkdtemp(directory) == NULL) {
        fixture_fail("bench_others");
    }
    make_records();
    printf("%-18s %9s | %8s %9s %7s | %9s %8s %9s | %9s\n", "records", "number", "build, s", "open, ms", "MB",
           "warm, ns", "hit, ns", "miss, ns", "add, s");
    for (i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
        measure(&kinds[i], apr_pstrcat(pool, directory, "/records", NULL));
    }
    rmdir(directory);
    EVP_PKEY_free(fixture_key());
    return 0;
}
