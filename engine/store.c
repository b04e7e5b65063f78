/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Writes stores, with liblmdb, and reads them whole. A build makes a new file beside the old one and renames it, so it
 * mends a damaged store too; adding and removing are one transaction in the file that is there. All of them first lock
 * the data file itself; liblmdb's own lock file is not used, since no reader of ours would look at it.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <apr_hash.h>
#include <apr_strings.h>
#include <lmdb.h>

#include "store.h"

/* Entries in one transaction of a build; nobody sees that file before it is whole. */
#define BATCH 200000

/* How often progress is told. */
#define PROGRESS_STEP 4096

/* What a store may grow by in one transaction before it is tried again with twice as much: address space, not disk. */
#define MAP_LEAST ((apr_size_t)64 * 1024 * 1024)

static const char *system_text(apr_status_t rv, apr_pool_t *p)
{
    char buf[200];

    return apr_pstrdup(p, apr_strerror(rv, buf, sizeof(buf)));
}

/* liblmdb's errors are negative, the system's positive. */
static apr_status_t lmdb_error(int rc, const char **why)
{
    *why = mdb_strerror(rc);
    return rc > 0 ? rc : APR_EGENERAL;
}

/*
 * liblmdb calls every write that fell short an input/output error. What stands in its way is asked for again, behind
 * the end of the file.
 */
static int full_error(int rc, int fd)
{
    static const char zeros[65536];
    struct stat st;
    ssize_t n = 0;
    off_t at;

    if (rc != EIO || fstat(fd, &st) != 0) {
        return rc;
    }
    for (at = st.st_size; at < st.st_size + (off_t)sizeof(zeros) && n >= 0; at += n) {
        n = pwrite(fd, zeros, sizeof(zeros), at);
    }
    rc = n < 0 ? errno : rc;
    return ftruncate(fd, st.st_size) == 0 ? rc : errno;
}

/* ---- writing ------------------------------------------------------------------------------------------------- */

/* An environment and its transaction. */
typedef struct writer_t {
    MDB_env *env;
    MDB_txn *txn;
    MDB_dbi dbi;
} writer_t;

static void close_writer(writer_t *w)
{
    if (w->txn != NULL) {
        mdb_txn_abort(w->txn);
        w->txn = NULL;
    }
    if (w->env != NULL) {
        mdb_env_close(w->env);
        w->env = NULL;
    }
}

static int begin(writer_t *w)
{
    int rc = mdb_txn_begin(w->env, NULL, 0, &w->txn);

    if (rc != 0) {
        w->txn = NULL;
    }
    return rc != 0 ? rc : mdb_dbi_open(w->txn, NULL, 0, &w->dbi);
}

static int commit(writer_t *w)
{
    int rc = mdb_txn_commit(w->txn);

    w->txn = NULL;
    return rc;
}

/* Opens a locked file for writing and begins. room: address space. */
static int open_writer(writer_t *w, const char *path, unsigned flags, apr_size_t room)
{
    int rc = mdb_env_create(&w->env);

    if (rc == 0) {
        rc = mdb_env_set_mapsize(w->env, room & ~(apr_size_t)0xffff);
    }
    if (rc == 0) {
        rc = mdb_env_open(w->env, path, MDB_NOSUBDIR | MDB_NOLOCK | MDB_NORDAHEAD | flags, 0644);
    }
    return rc != 0 ? rc : begin(w);
}

static int put_header(writer_t *w, const certmap_header_t *header, unsigned flags)
{
    unsigned char bytes[CERTMAP_HEADER_LEN];
    char name[] = CERTMAP_HEADER_KEY;
    MDB_val key = { CERTMAP_HEADER_KEY_LEN, name };
    MDB_val value = { sizeof(bytes), bytes };

    certmap_header_pack(header, bytes);
    return mdb_put(w->txn, w->dbi, &key, &value, flags);
}

static int put_entry(writer_t *w, const certmap_packed_t *packed, unsigned flags)
{
    MDB_val key = { CERTMAP_HASH_LEN, (void *)(apr_uintptr_t)packed->hash };
    MDB_val value = { CERTMAP_SUM_LEN + packed->len, NULL };
    apr_uint64_t sum = certmap_store_sum(packed->hash, CERTMAP_HASH_LEN, packed->record, packed->len);
    unsigned char *s;
    int rc = mdb_put(w->txn, w->dbi, &key, &value, flags | MDB_RESERVE);
    int i;

    if (rc == 0) {
        s = value.mv_data;
        for (i = CERTMAP_SUM_LEN; i-- > 0; sum >>= 8) {
            s[i] = (unsigned char)sum;
        }
        memcpy(s + CERTMAP_SUM_LEN, packed->record, packed->len);
    }
    return rc;
}

/* ---- building ------------------------------------------------------------------------------------------------ */

typedef struct build_t {
    const certmap_packed_t *const *all;
    apr_size_t n;
    certmap_header_t header;
    certmap_progress_fn *progress;
    void *baton;
} build_t;

/* @return 0, or EINTR to stop */
static int tell(const build_t *b, apr_size_t done)
{
    return b->progress != NULL && b->progress(b->baton, done, b->n) != 0 ? EINTR : 0;
}

/* Fills a new file. All keys come in their order, the header among them, so that pages are filled to the brim. */
static int fill(writer_t *w, const build_t *b)
{
    apr_size_t i;
    int headed = 0;
    int rc = 0;

    for (i = 0; i < b->n && rc == 0; i++) {
        if (!headed && memcmp(b->all[i]->hash, CERTMAP_HEADER_KEY, CERTMAP_HEADER_KEY_LEN) > 0) {
            rc = put_header(w, &b->header, MDB_APPEND);
            headed = 1;
        }
        if (rc == 0) {
            rc = put_entry(w, b->all[i], MDB_APPEND);
        }
        if (rc == 0 && (i + 1) % BATCH == 0 && (rc = commit(w)) == 0) {
            rc = begin(w);
        }
        if (rc == 0 && (i + 1) % PROGRESS_STEP == 0) {
            rc = tell(b, i + 1);
        }
    }
    if (rc == 0 && !headed) {
        rc = put_header(w, &b->header, MDB_APPEND);
    }
    if (rc == 0) {
        rc = commit(w);
    }
    if (rc == 0) {
        rc = mdb_env_sync(w->env, 1);
    }
    return rc != 0 ? rc : tell(b, b->n);
}

/* The sizes of all records, roughly as LMDB will need it. */
static apr_size_t room_for(const build_t *b)
{
    apr_size_t room = MAP_LEAST;
    apr_size_t i;

    for (i = 0; i < b->n; i++) {
        room += 4 * (apr_size_t)(b->all[i]->len + CERTMAP_HASH_LEN + 64);
    }
    return room;
}

/* Makes the new file at a path that is locked. */
static apr_status_t write_new(const char *path, int fd, const build_t *b, const char **why)
{
    apr_size_t room = room_for(b);
    int rc;

    do {
        writer_t w = { NULL, NULL, 0 };

        rc = ftruncate(fd, 0) == 0 ? open_writer(&w, path, MDB_NOSYNC, room) : errno;
        if (rc == 0) {
            rc = fill(&w, b);
        }
        close_writer(&w);
        room *= 2;
    } while (rc == MDB_MAP_FULL);
    if (rc == EINTR) {
        *why = "stopped before it was done";
        return APR_EINTR;
    }
    return rc == 0 ? APR_SUCCESS : lmdb_error(full_error(rc, fd), why);
}

/* So that a rename outlives a power failure. */
static apr_status_t sync_directory(const char *path, apr_pool_t *p)
{
    const char *slash = strrchr(path, '/');
    const char *dir = slash == NULL ? "." : slash == path ? "/" : apr_pstrmemdup(p, path, (apr_size_t)(slash - path));
    int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    apr_status_t rv = fd >= 0 && fsync(fd) == 0 ? APR_SUCCESS : errno;

    if (fd >= 0) {
        close(fd);
    }
    return rv;
}

static const char *read_header(void *baton, const certmap_pages_t *pages, const certmap_snapshot_t *snapshot,
                               apr_pool_t *p)
{
    return certmap_store_header(pages, snapshot, baton, p);
}

/* Whether the file that is there may be replaced: a store, a damaged one too, or nothing at all. */
static apr_status_t may_replace(const char *path, const char **why, apr_pool_t *p)
{
    certmap_pages_t *pages;
    certmap_header_t header;
    certmap_node_t node;
    certmap_node_t around[2];
    certmap_snapshot_t snapshot;
    apr_status_t rv = certmap_pages_open(path, &pages, why, p);

    if (rv != APR_SUCCESS) {
        return rv == APR_ENOENT || rv == APR_EGENERAL ? APR_SUCCESS : rv;
    }
    if (certmap_store_ask(pages, read_header, &header, why, p) == APR_SUCCESS
        || !certmap_pages_snapshot(pages, &snapshot)) {
        return APR_SUCCESS;
    }
    rv = certmap_pages_find(pages, &snapshot, (const unsigned char *)CERTMAP_HEADER_KEY, CERTMAP_HEADER_KEY_LEN, &node,
                            around, why, p);
    *why = rv == APR_NOTFOUND ? "an LMDB file, but not a store of certmap entries; it is not replaced" : NULL;
    return rv == APR_NOTFOUND ? APR_EGENERAL : APR_SUCCESS;
}

/* The new file takes the place, mode and owner of the old one. */
static apr_status_t put_in_place(const char *made, int fd, const char *path, int old, const char **why, apr_pool_t *p)
{
    struct stat st;
    apr_status_t rv = APR_SUCCESS;

    if (old >= 0 && fstat(old, &st) == 0) {
        if (fchown(fd, st.st_uid, st.st_gid) != 0) {
            st.st_mode &= 0777;         /* somebody else's bits are not taken along */
        }
        rv = fchmod(fd, st.st_mode & 07777) == 0 ? APR_SUCCESS : errno;
    }
    if (rv == APR_SUCCESS && (fsync(fd) != 0 || rename(made, path) != 0)) {
        rv = errno;
    }
    if (rv == APR_SUCCESS) {
        rv = sync_directory(path, p);
    }
    if (rv != APR_SUCCESS) {
        *why = system_text(rv, p);
    }
    return rv;
}

/* The file that a link names: it is replaced, not the link. */
static const char *behind_links(const char *path, apr_pool_t *p)
{
    char *real = realpath(path, NULL);

    if (real != NULL) {
        path = apr_pstrdup(p, real);
        free(real);
    }
    return path;
}

/*
 * Opens and locks the new file. What an earlier build has left is taken over; anything else of that name, which
 * somebody may have put there to have another file overwritten, is not.
 */
static apr_status_t open_new(const char *made, int *fd, const char **why, apr_pool_t *p)
{
    struct stat st;
    apr_status_t rv = certmap_store_lock(made, O_RDWR | O_CREAT | O_NOFOLLOW, fd, why, p);

    if (rv == APR_SUCCESS
        && (fstat(*fd, &st) != 0 || !S_ISREG(st.st_mode) || st.st_nlink != 1 || st.st_uid != geteuid())) {
        rv = APR_EEXIST;
    }
    if (rv == APR_EEXIST || rv == ELOOP || rv == EISDIR) {
        *why = apr_pstrcat(p, made, " is in the way; it was not left by a build of this account", NULL);
        rv = APR_EEXIST;
    }
    else if (rv != APR_SUCCESS) {
        *why = apr_pstrcat(p, made, ": ", *why, NULL);
    }
    return rv;
}

static apr_status_t build(const char *name, const build_t *b, const char **why, apr_pool_t *p)
{
    const char *path = behind_links(name, p);
    const char *made = apr_pstrcat(p, path, ".new", NULL);
    int fd;
    int old = -1;
    apr_status_t rv = may_replace(path, why, p);

    if (rv == APR_SUCCESS) {
        *why = NULL;
        rv = open_new(made, &fd, why, p);
    }
    if (rv != APR_SUCCESS) {
        return rv;
    }
    rv = write_new(made, fd, b, why);
    if (rv == APR_SUCCESS) {
        rv = certmap_store_lock(path, O_RDWR, &old, why, p);
        if (rv == APR_ENOENT) {
            old = -1;
            *why = NULL;
            rv = APR_SUCCESS;
        }
    }
    if (rv == APR_SUCCESS) {
        rv = put_in_place(made, fd, path, old, why, p);
    }
    if (rv != APR_SUCCESS) {
        unlink(made);
    }
    return rv;
}

apr_status_t certmap_store_build(const char *path, certmap_str_t text, const char *file, certmap_progress_fn *progress,
                                 void *baton, apr_size_t *count, apr_array_header_t **errors, const char **why,
                                 apr_pool_t *p)
{
    const certmap_entries_t *entries;
    build_t b = { .progress = progress, .baton = baton };
    certmap_kind_e kind;
    apr_pool_t *own;
    apr_status_t rv = certmap_entries_read(text, file, 1, &entries, errors, p);

    *count = 0;
    *why = NULL;
    if (rv != APR_SUCCESS) {
        *why = "the text has errors";
        return rv;
    }
    if (apr_pool_create(&own, p) != APR_SUCCESS) {
        *why = "out of memory";
        return APR_ENOMEM;
    }
    b.all = certmap_entries_sorted(entries, own);
    b.n = certmap_entries_count(entries, CERTMAP_K_COUNT);
    for (kind = CERTMAP_K_SHA256; kind < CERTMAP_K_COUNT; kind++) {
        b.header.counts[kind] = certmap_entries_count(entries, kind);
    }
    rv = build(path, &b, why, own);
    *count = rv == APR_SUCCESS ? b.n : 0;
    *why = *why != NULL ? apr_pstrdup(p, *why) : NULL;
    apr_pool_destroy(own);
    return rv;
}

/* ---- changing ------------------------------------------------------------------------------------------------ */

/* One change of the store that is there; asked again when there was too little room. */
typedef struct change_t {
    const certmap_entries_t *entries;       /* to add; NULL: keys are to be removed */
    int replace;
    const apr_array_header_t *keys;         /* of certmap_wanted_t */
    apr_size_t done;
    certmap_sink_t *sink;                   /* for keys that are there already, or are not */
} change_t;

/* What the store has under a hash. @return 0, MDB_NOTFOUND, or MDB_CORRUPTED */
static int stored(writer_t *w, const unsigned char *hash, certmap_kind_e *kind, certmap_entry_t *entry, apr_pool_t *p)
{
    MDB_val key = { CERTMAP_HASH_LEN, (void *)(apr_uintptr_t)hash };
    MDB_val value;
    int rc = mdb_get(w->txn, w->dbi, &key, &value);
    certmap_node_t node = { hash, CERTMAP_HASH_LEN, NULL, 0 };

    if (rc != 0) {
        return rc;
    }
    node.value = value.mv_data;
    node.len = value.mv_size;
    return certmap_store_unpack(&node, kind, entry, NULL, p) == NULL ? 0 : MDB_CORRUPTED;
}

static int add_entries(writer_t *w, change_t *c, certmap_header_t *header, apr_pool_t *p)
{
    const certmap_packed_t **all = certmap_entries_sorted(c->entries, p);
    apr_size_t n = certmap_entries_count(c->entries, CERTMAP_K_COUNT);
    apr_size_t i;
    int rc = 0;

    for (i = 0; i < n && rc == 0; i++) {
        certmap_entry_t before;
        certmap_kind_e kind;

        rc = stored(w, all[i]->hash, &kind, &before, p);
        if (rc == 0 && !c->replace) {
            certmap_sink_error(c->sink, (certmap_place_t){ (int)all[i]->line, 1 }, "this key is in the store already, "
                               "%s%s", before.deny ? "denied" : "for ", before.deny ? "" : before.user);
            continue;
        }
        if (rc == MDB_NOTFOUND) {
            header->counts[certmap_kind_of_tag(all[i]->record[1])]++;
            rc = 0;
        }
        if (rc == 0) {
            rc = put_entry(w, all[i], 0);
        }
    }
    c->done = n;
    return rc;
}

static int remove_keys(writer_t *w, change_t *c, certmap_header_t *header, apr_pool_t *p)
{
    int i;
    int rc = 0;

    for (i = 0; i < c->keys->nelts && rc == 0; i++) {
        certmap_wanted_t *wanted = &APR_ARRAY_IDX(c->keys, i, certmap_wanted_t);
        MDB_val key = { CERTMAP_HASH_LEN, wanted->key.hash };
        certmap_entry_t before;
        certmap_kind_e kind;

        rc = stored(w, wanted->key.hash, &kind, &before, p);
        if (rc == MDB_NOTFOUND) {
            certmap_sink_error(c->sink, wanted->place, "the store has no entry for this key");
            rc = 0;
            continue;
        }
        if (rc == 0 && header->counts[kind] == 0) {
            rc = MDB_CORRUPTED;
        }
        if (rc == 0) {
            header->counts[kind]--;
            rc = mdb_del(w->txn, w->dbi, &key, NULL);
        }
    }
    c->done = (apr_size_t)c->keys->nelts;
    return rc;
}

/* One try. */
static int change_once(const char *path, change_t *c, const certmap_header_t *header, apr_size_t room, apr_pool_t *p)
{
    certmap_header_t next = *header;
    writer_t w = { NULL, NULL, 0 };
    int rc = open_writer(&w, path, 0, room);

    if (rc == 0) {
        rc = c->entries != NULL ? add_entries(&w, c, &next, p) : remove_keys(&w, c, &next, p);
    }
    if (rc == 0 && c->sink->nerrors == 0) {
        rc = put_header(&w, &next, 0);
        if (rc == 0) {
            rc = commit(&w);
        }
    }
    close_writer(&w);
    return rc;
}

static int compare_lines(const void *a, const void *b)
{
    int x = ((const certmap_error_t *)a)->line;
    int y = ((const certmap_error_t *)b)->line;

    return (x > y) - (x < y);
}

/* Keys were looked up in the order of their hashes. */
static void sort_by_line(apr_array_header_t *errors)
{
    qsort(errors->elts, (size_t)errors->nelts, sizeof(certmap_error_t), compare_lines);
}

/* What a version says of itself, and whether liblmdb may be let near it. */
static const char *read_checked(void *baton, const certmap_pages_t *pages, const certmap_snapshot_t *snapshot,
                                apr_pool_t *p)
{
    const char *why = certmap_store_header(pages, snapshot, baton, p);

    if (why == NULL) {
        (void)certmap_pages_check(pages, snapshot, &why, p);
    }
    return why;
}

static apr_status_t change(const char *path, change_t *c, const char **why, apr_pool_t *p)
{
    certmap_header_t header;
    certmap_pages_t *pages;
    int warnings = c->sink->list->nelts;
    apr_size_t room;
    int fd;
    int rc;
    apr_status_t rv = certmap_store_lock(path, O_RDWR, &fd, why, p);

    if (rv == APR_SUCCESS) {
        rv = certmap_pages_open(path, &pages, why, p);
    }
    if (rv == APR_SUCCESS) {
        rv = certmap_store_ask(pages, read_checked, &header, why, p);
    }
    if (rv != APR_SUCCESS) {
        return rv;
    }
    room = 2 * pages->len + MAP_LEAST;
    do {
        c->sink->list->nelts = warnings;        /* what the try before had said */
        c->sink->nerrors = 0;
        memset(c->sink->unsaid, 0, sizeof(c->sink->unsaid));
        rc = change_once(path, c, &header, room, p);
        room *= 2;
    } while (rc == MDB_MAP_FULL);
    if (rc == 0 && c->sink->nerrors > 0) {
        certmap_sink_end(c->sink);
        sort_by_line(c->sink->list);
        *why = c->entries != NULL ? "keys are in the store already" : "the store has no entry for some keys";
        return c->entries != NULL ? APR_EINVAL : APR_NOTFOUND;
    }
    return rc == 0 ? APR_SUCCESS : lmdb_error(full_error(rc, fd), why);
}

static certmap_sink_t sink_on(apr_array_header_t *errors, const char *file, apr_pool_t *p)
{
    certmap_sink_t sink = { .list = errors, .file = file != NULL ? apr_pstrdup(p, file) : NULL, .pool = p };

    return sink;
}

apr_status_t certmap_store_add(const char *path, certmap_str_t text, const char *file, int replace, apr_size_t *count,
                               apr_array_header_t **errors, const char **why, apr_pool_t *p)
{
    change_t c = { .replace = replace };
    apr_status_t rv = certmap_entries_read(text, file, 1, &c.entries, errors, p);
    certmap_sink_t sink = sink_on(*errors, file, p);
    apr_pool_t *own;

    *count = 0;
    *why = NULL;
    if (rv != APR_SUCCESS) {
        *why = "the text has errors";
        return rv;
    }
    if (apr_pool_create(&own, p) != APR_SUCCESS) {
        *why = "out of memory";
        return APR_ENOMEM;
    }
    c.sink = &sink;
    rv = change(path, &c, why, own);
    *count = rv == APR_SUCCESS ? c.done : 0;
    *why = *why != NULL ? apr_pstrdup(p, *why) : NULL;
    apr_pool_destroy(own);
    return rv;
}

/* Reads one line's words as a key and nothing else. */
static int read_key(const certmap_key_reader_t *reader, const apr_array_header_t *words, certmap_wanted_t *wanted)
{
    const certmap_word_t *w = (const certmap_word_t *)words->elts;
    int n = certmap_key_read(reader, w, words->nelts, &wanted->key);

    wanted->place = w->place;
    if (n > 0 && n < words->nelts) {
        certmap_sink_error(reader->sink, w[n].place, "the key ends before this word");
    }
    return n == words->nelts;
}

/* A key that stands twice could be removed once. */
static void find_twice(const apr_array_header_t *keys, certmap_sink_t *sink, apr_pool_t *p)
{
    apr_hash_t *seen = apr_hash_make(p);
    int i;

    for (i = 0; i < keys->nelts; i++) {
        const certmap_wanted_t *wanted = &APR_ARRAY_IDX(keys, i, certmap_wanted_t);
        const certmap_wanted_t *before = apr_hash_get(seen, wanted->key.hash, CERTMAP_HASH_LEN);

        if (before != NULL) {
            certmap_sink_error(sink, wanted->place, "this key stands in line %d already", before->place.line);
        }
        else {
            apr_hash_set(seen, wanted->key.hash, CERTMAP_HASH_LEN, wanted);
        }
    }
}

apr_status_t certmap_store_keys(certmap_str_t text, const char *file, apr_array_header_t **keys,
                                apr_array_header_t **errors, const char **why, apr_pool_t *p)
{
    certmap_sink_t sink;
    certmap_key_reader_t reader = { .sink = &sink };
    certmap_lexer_t lexer;
    apr_array_header_t *words;
    certmap_wanted_t wanted;

    if (apr_pool_create(&reader.pool, p) != APR_SUCCESS) {
        *why = "out of memory";
        return APR_ENOMEM;
    }
    *errors = apr_array_make(p, 1, sizeof(certmap_error_t));
    *keys = apr_array_make(p, 1, sizeof(certmap_wanted_t));
    sink = sink_on(*errors, file, p);
    certmap_lex_init(&lexer, text, CERTMAP_TEXT_FILE, (certmap_place_t){ 1, 1 }, &sink);
    while (certmap_lex_line(&lexer, &words, reader.pool) == APR_SUCCESS) {
        if (read_key(&reader, words, &wanted)) {
            APR_ARRAY_PUSH(*keys, certmap_wanted_t) = wanted;
        }
        apr_pool_clear(reader.pool);
    }
    apr_pool_destroy(reader.pool);
    if ((*keys)->nelts == 0 && sink.nerrors == 0) {
        certmap_sink_error(&sink, (certmap_place_t){ 1, 1 }, "a key is missing");
    }
    if ((*keys)->nelts > 1) {
        find_twice(*keys, &sink, p);
    }
    certmap_sink_end(&sink);
    *why = sink.nerrors > 0 ? "the key has errors" : NULL;
    return sink.nerrors > 0 ? APR_EINVAL : APR_SUCCESS;
}

apr_status_t certmap_store_remove(const char *path, certmap_str_t keys, const char *file, apr_size_t *count,
                                  apr_array_header_t **errors, const char **why, apr_pool_t *p)
{
    apr_array_header_t *wanted;
    change_t c = { .replace = 0 };
    apr_status_t rv = certmap_store_keys(keys, file, &wanted, errors, why, p);
    certmap_sink_t sink = sink_on(*errors, file, p);
    apr_pool_t *own;

    *count = 0;
    if (rv != APR_SUCCESS) {
        return rv;
    }
    if (apr_pool_create(&own, p) != APR_SUCCESS) {
        *why = "out of memory";
        return APR_ENOMEM;
    }
    c.keys = wanted;
    c.sink = &sink;
    rv = change(path, &c, why, own);
    *count = rv == APR_SUCCESS ? c.done : 0;
    *why = *why != NULL ? apr_pstrdup(p, *why) : NULL;
    apr_pool_destroy(own);
    return rv;
}
