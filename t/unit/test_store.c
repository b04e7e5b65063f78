/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Stores: what is written is found, by those who read while others write; damage is an error and never "nothing found";
 * a writer that is killed leaves the old contents or the new.
 */
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "fixture.h"
#include "store.h"

static const char *directory;

static const char *path_of(const char *name)
{
    return apr_pstrcat(pool, directory, "/", name, NULL);
}

static certmap_str_t str(const char *text)
{
    return (certmap_str_t){ text, strlen(text) };
}

/* "ok N", or the error and why. */
static const char *result(apr_status_t rv, apr_size_t count, const char *why, const apr_array_header_t *errors)
{
    const char *text = rv == APR_SUCCESS ? apr_psprintf(pool, "ok %d", (int)count)
                       : apr_psprintf(pool, "%s: %s", rv == APR_EINVAL ? "invalid" : rv == APR_NOTFOUND ? "not found"
                                      : rv == APR_EBUSY ? "busy" : rv == APR_EGENERAL ? "damaged" : "system", why);
    int i;

    for (i = 0; errors != NULL && i < errors->nelts; i++) {
        const certmap_error_t *e = &APR_ARRAY_IDX(errors, i, certmap_error_t);

        text = apr_psprintf(pool, "%s; %d:%d %s", text, e->line, e->column, e->text);
    }
    return text;
}

static const char *build(const char *path, const char *text)
{
    apr_array_header_t *errors;
    const char *why;
    apr_size_t count;
    apr_status_t rv = certmap_store_build(path, str(text), NULL, NULL, NULL, &count, &errors, &why, pool);

    return result(rv, count, why, errors);
}

static const char *add(const char *path, const char *text, int replace)
{
    apr_array_header_t *errors;
    const char *why;
    apr_size_t count;
    apr_status_t rv = certmap_store_add(path, str(text), NULL, replace, &count, &errors, &why, pool);

    return result(rv, count, why, errors);
}

static const char *take(const char *path, const char *key)
{
    apr_array_header_t *errors;
    apr_size_t count;
    const char *why;
    apr_status_t rv = certmap_store_remove(path, str(key), NULL, &count, &errors, &why, pool);

    return result(rv, count, why, errors);
}

static const char *get(const char *path, const char *key)
{
    apr_array_header_t *errors;
    certmap_entry_t entry;
    const char *text;
    const char *why;
    apr_status_t rv = certmap_store_get(path, str(key), &text, &entry, &errors, &why, pool);

    return rv == APR_SUCCESS ? certmap_entry_text(text, &entry, pool) : result(rv, 0, why, errors);
}

static const char *verify(const char *path)
{
    apr_size_t counts[CERTMAP_K_COUNT];
    const char *why;
    apr_size_t n = 0;
    apr_status_t rv = certmap_store_verify(path, NULL, NULL, counts, &why, pool);
    int i;

    for (i = 0; i < CERTMAP_K_COUNT; i++) {
        n += counts[i];
    }
    return result(rv, n, why, NULL);
}

static const char *ask(certmap_source_t *source, const certmap_cert_t *cert, apr_pool_t *p)
{
    certmap_lookup_t found;
    const char *why;
    apr_status_t rv = source->vtable->lookup(source, cert, &found, &why, p);

    return rv != APR_SUCCESS ? apr_pstrcat(p, "error: ", why, NULL)
           : found.has_deny ? "deny" : found.unformed ? apr_pstrcat(p, "malformed: ", found.unformed, NULL)
           : found.has_allow ? found.allow.user : "nothing";
}

/* ---- writing and reading ------------------------------------------------------------------------------------- */

static const char three[] = "dn:CN=ann \"CN=Test CA\" ann groups=a,b expires=2030-01-31 note=\"two words\"\n"
                            "issuer-serial:1f3a \"CN=Test CA\" - deny\n"
                            "\"X509:<S>CN=bob x\" bob\n";

static int list_one(void *baton, const char *key, const certmap_entry_t *entry, int line)
{
    apr_array_header_t *lines = baton;

    (void)line;
    APR_ARRAY_PUSH(lines, const char *) = certmap_entry_text(key, entry, pool);
    return lines->nelts == 2 ? 1 : 0;
}

static void test_words(void)
{
    const char *path = path_of("words");
    apr_array_header_t *lines = apr_array_make(pool, 4, sizeof(const char *));
    const char *why;
    struct stat st;

    is_str(add(path, three, 0), "system: No such file or directory", "nothing is added to a store that is not there");
    is_str(get(path, "dn:CN=ann CN=x"), "system: No such file or directory", "nothing is found there");
    is_str(build(path, "dn:CN=ann\n"), "invalid: the text has errors; 1:1 the issuer's name is missing; write "
           "dn:\"SUBJECT-DN\" \"ISSUER-DN\" USER", "a text with errors is no store");
    ok(stat(path, &st) != 0, "and none is made");
    is_str(build(path, three), "ok 3", "three entries");
    is_str(verify(path), "ok 3", "they are whole");
    ok(stat(apr_pstrcat(pool, path, ".new", NULL), &st) != 0 && stat(apr_pstrcat(pool, path, "-lock", NULL), &st) != 0,
       "no other file is left");
    is_str(get(path, "dn:CN=ANN \"cn=test  ca\""),
           "dn:CN=ann \"CN=Test CA\" ann groups=a,b expires=2030-01-31 note=\"two words\"",
           "an entry is found by another spelling of its key, and reads as it was written");
    is_str(get(path, "X509:<I>CN=x<SR>1f"), "not found: the store has no entry for this key", "no such key");
    is_str(get(path, "dn:CN=ann"), "invalid: the key has errors; 1:1 the issuer's name is missing; write "
           "dn:\"SUBJECT-DN\" \"ISSUER-DN\" USER", "no key at all");
    is_str(get(path, "X509:<S>CN=a ann"), "invalid: the key has errors; 1:14 the key ends before this word",
           "more than a key");
    is_str(add(path, "X509:<S>CN=new new\ndn:CN=ann \"CN=Test CA\" eve\n", 0),
           "invalid: keys are in the store already; 2:1 this key is in the store already, for ann",
           "a key that is there already");
    is_str(get(path, "X509:<S>CN=new"), "not found: the store has no entry for this key", "then nothing is added");
    is_str(add(path, "X509:<S>CN=new new\ndn:CN=ann \"CN=Test CA\" eve\n", 1), "ok 2", "it can be replaced");
    is_str(get(path, "dn:CN=ann \"CN=Test CA\""), "dn:CN=ann \"CN=Test CA\" eve", "and is");
    is_str(verify(path), "ok 4", "the counts are right");
    is_str(take(path, "issuer-serial:001f3a \"CN=Test CA\""), "ok 1", "one is removed");
    is_str(take(path, "issuer-serial:1f3a \"CN=Test CA\""),
           "not found: the store has no entry for some keys; 1:1 the store has no entry for this key", "once");
    is_str(take(path, "X509:<S>CN=new\n\n  X509:<S>CN=old # no such\n'X509:<S>CN=bob x'\n"),
           "not found: the store has no entry for some keys; 3:3 the store has no entry for this key", "one of three");
    is_str(take(path, "X509:<S>CN=new\nX509:<S>cn=NEW\n"),
           "invalid: the key has errors; 2:1 this key stands in line 1 already", "one that stands twice");
    is_str(take(path, "X509:<S>CN=new new\n"), "invalid: the key has errors; 1:16 the key ends before this word",
           "an entry is no key");
    is_str(verify(path), "ok 3", "then none is removed");
    is_str(take(path, "X509:<S>CN=new\n'X509:<S>CN=bob x'\n"), "ok 2", "two at once");
    is_str(verify(path), "ok 1", "the counts are right");
    is_str(add(path, "X509:<S>CN=a a\nX509:<S>CN=b b\n", 0), "ok 2", "two more");
    ok(certmap_store_each(path, list_one, lines, &why, pool) == APR_SUCCESS && lines->nelts == 2,
       "a list ends where it is told to");
    is_str(build(path, ""), "ok 0", "a store may be empty");
    is_str(verify(path), "ok 0", "and is still one");
}

/* An entry of every length, beyond a page. */
static void test_lengths(void)
{
    const char *path = path_of("lengths");
    apr_array_header_t *lines = apr_array_make(pool, 100, sizeof(const char *));
    char *note = apr_palloc(pool, 50001);
    int n = 0;
    int i;

    memset(note, 'n', 50000);
    for (i = 0; i < 50000; i = i < 5000 ? i + 61 : i + 5003) {
        APR_ARRAY_PUSH(lines, const char *) = apr_psprintf(pool, "sha256:%064x u%d note=%.*s\n", i, i, i, note);
        n++;
    }
    is_str(build(path, apr_array_pstrcat(pool, lines, 0)), apr_psprintf(pool, "ok %d", n), "entries of many lengths");
    is_str(verify(path), apr_psprintf(pool, "ok %d", n), "all of them are whole");
    is_int((long long)strlen(get(path, apr_psprintf(pool, "sha256:%064x", 10005))), 7 + 64 + 1 + 6 + 6 + 10005,
           "a long one is found");
    note[0] = '"';
    is_str(add(path, apr_psprintf(pool, "spki:%064x u note=%s%s\"", 1, note, note + 1), 0),
           "invalid: the text has errors; 1:1 this entry is too long; 60 kB are the most", "one that is too long");
}

static void test_source(void)
{
    const certmap_cert_t *ann = person("CN", "ann", NULL);
    const char *path = path_of("source");
    certmap_source_t *source = certmap_source_lmdb_create(path, pool);
    apr_size_t counts[CERTMAP_K_COUNT];
    apr_uint64_t generation;
    const char *why;

    is_str(source->name, apr_pstrcat(pool, "lmdb ", path, NULL), "its name");
    is_str(ask(source, ann, pool), "error: No such file or directory", "no file");
    generation = source->vtable->generation(source);
    is_int((long long)(generation == source->vtable->generation(source)), 1, "a generation that stays");
    is_str(build(path, "dn:CN=ann \"CN=Test CA\" ann\n"), "ok 1", "a store");
    is_str(ask(source, ann, pool), "ann", "is found at once");
    ok(source->vtable->generation(source) != generation, "its generation is another");
    ok(certmap_source_lmdb_check(source, counts, &why, pool) == APR_SUCCESS && counts[CERTMAP_K_DN] == 1
       && counts[CERTMAP_K_SHA256] == 0, "it counts its entries by kind");
    generation = source->vtable->generation(source);
    is_str(add(path, "X509:<S>CN=ann - deny\n", 0), "ok 1", "one is added, of a kind that was not there");
    ok(source->vtable->generation(source) != generation, "the generation is another");
    is_str(ask(source, ann, pool), "deny", "it is found");
    is_str(take(path, "X509:<S>CN=ann"), "ok 1", "it is removed");
    is_str(ask(source, ann, pool), "ann", "it is gone");
    is_str(build(path, "dn:CN=ann \"CN=Test CA\" bob\n"), "ok 1", "the store is built anew, in another file");
    is_str(ask(source, ann, pool), "bob", "that is seen at once");
    is_str(ask(source, person("odd", "0", NULL), pool), "malformed: dn", "a name that is malformed might be denied");
    is_str(ask(source, person("CN", "ann", "odd", "6", NULL), pool), "bob", "an address of which it has no entry not");
    ok(rename(path, path_of("away")) == 0, "the store is moved away");
    apr_sleep(apr_time_from_msec(2100));
    is_str(ask(source, ann, pool), "error: No such file or directory", "that is seen a little later");
    ok(mkdir(path, 0700) == 0, "mkdir");
    is_str(ask(source, ann, pool), "error: a directory; a store is one file", "a directory");
    rmdir(path);
    ok(rename(path_of("away"), path) == 0, "it comes back");
    is_str(ask(source, ann, pool), "bob", "and answers");
    ok(truncate(path, 4096 + 200) == 0, "it is cut off");
    is_str(ask(source, ann, pool), "error: the file is cut off", "that is an error");
}

/* ---- damage -------------------------------------------------------------------------------------------------- */

static char *slurp(const char *path, apr_size_t *len)
{
    struct stat st;
    int fd = open(path, O_RDONLY);
    char *data;

    if (fd < 0 || fstat(fd, &st) != 0) {
        fixture_fail(path);
    }
    data = apr_palloc(pool, (apr_size_t)st.st_size);
    *len = (apr_size_t)st.st_size;
    if (read(fd, data, *len) != st.st_size) {
        fixture_fail(path);
    }
    close(fd);
    return data;
}

static void spew(const char *path, const char *data, apr_size_t len)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);

    if (fd < 0 || write(fd, data, len) != (ssize_t)len) {
        fixture_fail(path);
    }
    close(fd);
}

typedef struct damage_t {
    int errors;
    int same;
    int wrong;
    int verified;               /* damaged, and verify found nothing */
} damage_t;

/* Asks a damaged copy. */
static void ask_copy(const char *path, const certmap_cert_t *const certs[3], damage_t *d, apr_size_t where)
{
    static const char *const expected[3] = { "u7", "deny", "nothing" };
    apr_pool_t *p;
    certmap_source_t *source;
    int i;

    apr_pool_create(&p, pool);
    source = certmap_source_lmdb_create(path, p);
    for (i = 0; i < 3; i++) {
        const char *got = ask(source, certs[i], p);

        if (strncmp(got, "error: ", 7) == 0) {
            d->errors++;
        }
        else if (strcmp(got, expected[i]) == 0) {
            d->same++;
        }
        else {
            d->wrong++;
            diag("damage at %d: %s instead of %s", (int)where, got, expected[i]);
        }
    }
    apr_pool_destroy(p);
}

static const char *many_entries(int n)
{
    apr_array_header_t *lines = apr_array_make(pool, n + 2, sizeof(const char *));
    int i;

    for (i = 0; i < n; i++) {
        APR_ARRAY_PUSH(lines, const char *) = apr_psprintf(pool, "dn:CN=p%d \"CN=Test CA\" u%d note=%d\n", i, i, i);
    }
    APR_ARRAY_PUSH(lines, const char *) = "dn:CN=mallory \"CN=Test CA\" - deny\n";
    return apr_array_pstrcat(pool, lines, 0);
}

static void test_damage(void)
{
    const certmap_cert_t *certs[3] = { person("CN", "p7", NULL), person("CN", "mallory", NULL),
                                       person("CN", "nobody", NULL) };
    const char *path = path_of("damage");
    const char *copy = path_of("copy");
    damage_t d = { 0, 0, 0, 0 };
    apr_uint32_t state = 12345;
    apr_size_t len;
    char *data;
    apr_size_t i;

    is_str(build(path, many_entries(500)), "ok 501", "a store of some pages");
    data = slurp(path, &len);
    ok(len > 12 * 4096, "of %d bytes", (int)len);
    for (i = 0; i < len; i += 11 + (state >> 16) % 32) {
        char kept = data[i];

        state = state * 1103515245 + 12345;
        data[i] ^= (char)(1 << (state >> 16) % 8);
        spew(copy, data, len);
        ask_copy(copy, certs, &d, i);
        data[i] = kept;
    }
    is_int(d.wrong, 0, "a damaged bit never changes an answer");
    ok(d.errors > 20 && d.same > 5000, "it is an error where it matters (%d errors, %d answers)", d.errors, d.same);
    memset(&d, 0, sizeof(d));
    for (i = 0; i < len; i += 1021) {
        spew(copy, data, i);
        ask_copy(copy, certs, &d, i);
    }
    is_int(d.wrong, 0, "a store that was cut off never says \"nothing found\" for what it had");
    ok(d.errors > 60, "it is an error (%d errors, %d answers)", d.errors, d.same);
    memset(&d, 0, sizeof(d));
    for (i = 0; i + 4096 <= len; i += 4096) {
        char *page = apr_pmemdup(pool, data + i, 4096);

        memset(data + i, 0, 4096);
        spew(copy, data, len);
        ask_copy(copy, certs, &d, i);
        d.verified += strncmp(verify(copy), "ok", 2) == 0;
        memcpy(data + i, page, 4096);
    }
    is_int(d.wrong, 0, "a page of zeros never changes an answer");
    is_int(d.verified, 0, "and verify finds each of them");
}

/* liblmdb trusts its pages: who adds to a damaged store must be refused, whichever page it is, and not crash. */
static void test_damage_added_to(void)
{
    const char *path = path_of("damage");
    const char *copy = path_of("copy");
    apr_uint32_t state = 777;
    apr_size_t len;
    apr_size_t i;
    char *data;
    int worse = 0;
    int refused = 0;
    int added = 0;

    for (i = 0; i < 4; i++) {
        is_str(take(path, apr_psprintf(pool, "dn:CN=p%d \"CN=Test CA\"", (int)(100 * i))), "ok 1",
               "a page becomes free");
    }
    data = slurp(path, &len);
    for (i = 0; i < 1500; i++) {
        apr_size_t at = (state >> 8) % len;
        int before;

        state = state * 1103515245 + 12345;
        if (i % 2 == 0) {
            at = at / 4096 * 4096 + at % 32;        /* heads of pages */
        }
        data[at] ^= (char)(1 + state % 255);
        spew(copy, data, len);
        data[at] ^= (char)(1 + state % 255);
        before = strncmp(verify(copy), "ok", 2) == 0;
        if (strncmp(add(copy, "dn:CN=p7 \"CN=Test CA\" new\nX509:<S>CN=new new\n", 1), "ok", 2) == 0) {
            added++;
            worse += before && strncmp(verify(copy), "ok", 2) != 0;
        }
        else {
            refused++;
        }
    }
    ok(refused > 300 && added > 300, "adding to a damaged store is refused, or touches nothing that is damaged "
       "(%d, %d)", refused, added);
    is_int(worse, 0, "and never makes it worse");
}

/* Every bit of the first leaf that verify reads. */
static void test_verify_damage(void)
{
    const char *path = path_of("few");
    const char *copy = path_of("copy");
    apr_size_t len;
    apr_size_t i;
    char *data;
    int missed = 0;
    int used = 0;

    is_str(build(path, three), "ok 3", "a store of one page");
    data = slurp(path, &len);
    is_int((long long)len, 3 * 4096, "behind two others");
    for (i = 2 * 4096; i < len; i++) {
        char kept = data[i];

        used += kept != 0;
        data[i] = (char)(kept ^ 0x10);
        spew(copy, data, len);
        missed += kept != 0 && strncmp(verify(copy), "ok", 2) == 0;
        data[i] = kept;
    }
    /* LMDB leaves what was in its memory between the records and in one flag that says "changed". */
    ok(used > 250 && missed < 8, "verify finds damage anywhere in it (%d bytes used, %d of no meaning)", used, missed);
}

static void test_not_stores(void)
{
    const char *path = path_of("other");
    const char *text = "not a store at all, but longer than the head of a page of LMDB is\n";
    apr_size_t len;
    char *data;

    spew(path, text, strlen(text));
    is_str(verify(path), "invalid: not an LMDB file", "a text");
    is_str(build(path, three), "invalid: not an LMDB file", "it is not replaced by a store");
    is_str(add(path, three, 0), "invalid: not an LMDB file", "nor added to");
    data = slurp(path, &len);
    ok(len == strlen(text) && memcmp(data, text, len) == 0, "it stays what it was");
    spew(path, "", 0);
    is_str(verify(path), "damaged: the file is empty", "an empty file");
    is_str(build(path, three), "ok 3", "it may become a store");
    truncate(path, 5000);
    is_str(verify(path), "damaged: the file is cut off", "a store that was cut off");
    is_str(add(path, three, 1), "damaged: the file is cut off", "it is not added to");
    is_str(build(path, three), "ok 3", "a build mends it");
    is_str(verify(path), "ok 3", "as new");
}

/* ---- others at work ------------------------------------------------------------------------------------------ */

static void test_locked(void)
{
    const char *path = path_of("locked");
    const char *expected;
    char command[64] = "";
    FILE *comm = fopen("/proc/self/comm", "r");
    const char *why;
    apr_pool_t *p;
    int pipes[2];
    pid_t child;
    char c;
    int fd;

    is_str(build(path, three), "ok 3", "a store");
    if (comm == NULL || fgets(command, sizeof(command), comm) == NULL || pipe(pipes) != 0) {
        fixture_fail("pipe");
    }
    fclose(comm);
    command[strcspn(command, "\n")] = '\0';
    child = fork();
    if (child == 0) {
        if (certmap_store_lock(path, O_RDWR, &fd, &why, pool) != APR_SUCCESS || write(pipes[1], "x", 1) != 1) {
            _exit(1);
        }
        pause();
        _exit(0);
    }
    is_int(read(pipes[0], &c, 1), 1, "another process writes");
    expected = apr_psprintf(pool, "busy: process %ld (%s) is at work on it", (long)child, command);
    is_str(add(path, "X509:<S>CN=x x\n", 0), expected, "that is told, and by which");
    is_str(get(path, "'X509:<S>CN=bob x'"), "\"X509:<S>CN=bob x\" bob", "reading needs no lock");
    kill(child, SIGKILL);
    waitpid(child, NULL, 0);
    is_str(add(path, "X509:<S>CN=x x\n", 0), "ok 1", "its lock dies with it");
    apr_pool_create(&p, pool);
    ok(certmap_store_lock(path, O_RDONLY, &fd, &why, p) == APR_SUCCESS, "who reads everything locks too");
    is_str(verify(path), "ok 4", "others may do the same");
    apr_pool_destroy(p);
    close(pipes[0]);
    close(pipes[1]);
}

/* A child that writes until it is killed. Round i has entries of user "i" only, twenty of them and no others. Before
 * each round it writes a byte to the pipe, unless that is -1. */
static void write_rounds(const char *path, int build_anew, int from, int begun)
{
    int i;

    for (i = from;; i++) {
        apr_array_header_t *errors;
        apr_size_t count;
        const char *why;
        apr_pool_t *p;
        char text[4096] = "";
        int j;

        if (begun != -1 && write(begun, "", 1) != 1) {
            _exit(4);
        }
        apr_pool_create(&p, pool);
        for (j = 0; j < 20; j++) {
            snprintf(text + strlen(text), sizeof(text) - strlen(text), "dn:CN=p%d \"CN=Test CA\" round%d\n", j, i);
        }
        if ((build_anew ? certmap_store_build(path, str(text), NULL, NULL, NULL, &count, &errors, &why, p)
                        : certmap_store_add(path, str(text), NULL, 1, &count, &errors, &why, p)) != APR_SUCCESS) {
            _exit(3);
        }
        apr_pool_destroy(p);
    }
}

static int one_round(void *baton, const char *key, const certmap_entry_t *entry, int line)
{
    const char **user = baton;

    (void)key;
    (void)line;
    if (*user == NULL) {
        *user = apr_pstrdup(pool, entry->user);
    }
    return strcmp(*user, entry->user) != 0;
}

static void test_killed(int build_anew)
{
    const char *path = path_of(build_anew ? "killed-build" : "killed-add");
    apr_uint32_t state = 20261122;
    int broken = 0;
    int mixed = 0;
    int last = 0;
    int rounds = 0;
    apr_interval_time_t span = 10000;
    int i;

    for (i = 0; i < 20; i++) {
        char text[100];

        snprintf(text, sizeof(text), "dn:CN=p%d \"CN=Test CA\" round0\n", i);
        if (i == 0) {
            build(path, text);
        }
        else {
            add(path, text, 0);
        }
    }
    for (i = 0; i < 60; i++) {
        const char *user = NULL;
        const char *why;
        char begun[1000];
        ssize_t n;
        int status = 0;
        int pipes[2];
        pid_t child;

        if (pipe(pipes) != 0 || (child = fork()) == -1) {
            perror("test_store");
            exit(1);
        }
        if (child == 0) {
            write_rounds(path, build_anew, last + 1, pipes[1]);
        }
        close(pipes[1]);
        n = read(pipes[0], begun, 1);
        state = state * 1103515245 + 12345;
        apr_sleep((state >> 16) % 1024 * span / 1024);
        kill(child, SIGKILL);
        waitpid(child, &status, 0);
        if (n == 1) {
            /* what it began beyond the first round: where that is none or many, the next one has more time or less */
            n = read(pipes[0], begun, sizeof(begun));
            span = n == 0 ? span * 5 / 4 : n > 2 ? span * 4 / 5 : span;
        }
        close(pipes[0]);
        if (!WIFSIGNALED(status)) {
            broken++;
        }
        if (strcmp(verify(path), "ok 20") != 0) {
            broken++;
            diag("%s", verify(path));
        }
        mixed += certmap_store_each(path, one_round, &user, &why, pool) != APR_SUCCESS || user == NULL;
        if (user != NULL) {
            const char *kept = user;

            certmap_store_each(path, one_round, &kept, &why, pool);
            mixed += strncmp(user, "round", 5) != 0 || atoi(user + 5) < last;
            rounds += atoi(user + 5) > last;
            last = atoi(user + 5);
        }
    }
    ok(broken == 0, "killed 60 times %s: always whole", build_anew ? "while it was built" : "while entries were added");
    ok(mixed == 0 && rounds > 5, "and always one round or the next (%d rounds got through, the last is %d)", rounds,
       last);
}

typedef struct asker_t {
    certmap_source_t *source;
    const certmap_cert_t *certs[3];
    int *stop;
    int asked;
    int wrong;
} asker_t;

static void *ask_on(void *data)
{
    asker_t *a = data;
    int last = 0;

    while (!__atomic_load_n(a->stop, __ATOMIC_ACQUIRE) || a->asked == 0) {
        apr_pool_t *p;
        const char *user;

        apr_pool_create(&p, NULL);
        a->source->vtable->generation(a->source);
        user = ask(a->source, a->certs[a->asked % 3], p);
        if (strncmp(user, "round", 5) != 0 || atoi(user + 5) < last) {
            a->wrong++;
            diag("%s after round%d", user, last);
        }
        else {
            last = atoi(user + 5);
        }
        a->asked++;
        apr_pool_destroy(p);
    }
    return NULL;
}

/* Threads read while another process writes as fast as it can, in both ways. */
static void test_busy(int build_anew)
{
    const char *path = path_of(build_anew ? "killed-build" : "killed-add");
    certmap_source_t *source = certmap_source_lmdb_create(path, pool);
    pthread_t threads[3];
    asker_t askers[3];
    int stop = 0;
    int i;
    pid_t child = fork();

    if (child == 0) {
        write_rounds(path, build_anew, 100000, -1);
    }
    for (i = 0; i < 3; i++) {
        askers[i] = (asker_t){ .source = source, .stop = &stop };
        askers[i].certs[0] = person("CN", "p0", NULL);
        askers[i].certs[1] = person("CN", "p11", NULL);
        askers[i].certs[2] = person("CN", "p19", NULL);
        pthread_create(&threads[i], NULL, ask_on, &askers[i]);
    }
    apr_sleep(apr_time_from_msec(1500));
    __atomic_store_n(&stop, 1, __ATOMIC_RELEASE);
    for (i = 0; i < 3; i++) {
        pthread_join(threads[i], NULL);
        ok(askers[i].wrong == 0 && askers[i].asked > 10, "a thread asks while the store is %s: always an answer, never "
           "an older one (%d answers)", build_anew ? "built anew" : "changed", askers[i].asked);
    }
    kill(child, SIGKILL);
    waitpid(child, NULL, 0);
    is_str(verify(path), "ok 20", "the store is whole");
}

/* ---- many ---------------------------------------------------------------------------------------------------- */

static int count_progress(void *baton, apr_size_t done, apr_size_t total)
{
    apr_size_t *last = baton;

    if (done < last[0] || done > total) {
        last[1]++;
    }
    last[0] = done;
    last[2]++;
    return last[3] != 0 && done >= last[3];
}

static void test_many(void)
{
    const char *path = path_of("many");
    apr_array_header_t *lines = apr_array_make(pool, 40000, sizeof(const char *));
    apr_size_t progress[4] = { 0, 0, 0, 0 };
    apr_size_t counts[CERTMAP_K_COUNT];
    apr_array_header_t *errors;
    apr_size_t count;
    const char *why;
    int i;

    for (i = 0; i < 40000; i++) {
        APR_ARRAY_PUSH(lines, const char *) = apr_psprintf(pool, "sha256:%064x u%d\n", i, i);
    }
    ok(certmap_store_build(path, str(apr_array_pstrcat(pool, lines, 0)), NULL, count_progress, progress, &count,
                           &errors, &why, pool) == APR_SUCCESS && count == 40000, "40,000 entries");
    ok(progress[0] == 40000 && progress[1] == 0 && progress[2] > 5, "progress goes up to all of them");
    memset(progress, 0, sizeof(progress));
    ok(certmap_store_verify(path, count_progress, progress, counts, &why, pool) == APR_SUCCESS
       && counts[CERTMAP_K_SHA256] == 40000 && progress[0] == 40000 && progress[1] == 0, "all of them whole");
    for (i = 0; i < 40000; i++) {
        APR_ARRAY_IDX(lines, i, const char *) = apr_psprintf(pool, "sha256:%064x other\n", i);
    }
    for (i = 1; i <= 40000; i += 39999) {
        memset(progress, 0, sizeof(progress));
        progress[3] = (apr_size_t)i;
        ok(certmap_store_build(path, str(apr_array_pstrcat(pool, lines, 0)), NULL, count_progress, progress, &count,
                               &errors, &why, pool) == APR_EINTR && count == 0 && strstr(why, "stopped") != NULL
           && progress[0] >= progress[3] && access(apr_pstrcat(pool, path, ".new", NULL), F_OK) != 0,
           "a build is stopped, and leaves nothing behind");
    }
    memset(progress, 0, sizeof(progress));
    progress[3] = 1;
    is_int(certmap_store_verify(path, count_progress, progress, counts, &why, pool), APR_EINTR, "so is a check");
    is_str(get(path, apr_psprintf(pool, "sha256:%064x", 31999)), apr_psprintf(pool, "sha256:%064x u31999", 31999),
           "one of them");
    is_str(get(path, apr_psprintf(pool, "sha256:%064x", 40000)), "not found: the store has no entry for this key",
           "none of them");
}

static void remove_files(void)
{
    static const char *const names[] = {
        "words", "lengths", "source", "damage", "copy", "few", "other", "locked", "killed-add", "killed-build",
        "killed-build.new", "many",
    };
    apr_size_t i;

    for (i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        unlink(path_of(names[i]));
    }
    is_int(rmdir(directory), 0, "nothing else was left behind");
}

int main(void)
{
    char template[] = "/tmp/certmap-test-XXXXXX";

    plan(0);
    fixture_start();
    directory = mkdtemp(template);
    if (directory == NULL) {
        fixture_fail("mkdtemp");
    }
    test_words();
    test_lengths();
    test_source();
    test_damage();
    test_damage_added_to();
    test_verify_damage();
    test_not_stores();
    test_locked();
    test_killed(0);
    test_killed(1);
    test_busy(0);
    test_busy(1);
    test_many();
    remove_files();
    return fixture_done();
}
