/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Stores: what is written is found, by those who read while others write; damage is an error and never "nothing found";
 * a writer that is killed leaves the old contents or the new. The bytes of a store are the same on every machine.
 */
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "fixture.h"
#include "entries/testing.h"
#include "source/testing.h"
#include "store/testing.h"

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
                                         : apr_psprintf(pool, "%s: %s",
                                                        rv == APR_EINVAL     ? "invalid"
                                                        : rv == APR_NOTFOUND ? "not found"
                                                        : rv == APR_EBUSY    ? "busy"
                                                        : rv == APR_EGENERAL ? "damaged"
                                                                             : "system",
                                                        why);
    int i;

    for (i = 0; errors != NULL && i < errors->nelts; i++) {
        const certmap_error_t *e = &APR_ARRAY_IDX(errors, i, certmap_error_t);

        text = apr_psprintf(pool, "%s; %d:%d %s", text, e->line, e->column, e->text);
    }
    return text;
}

static const char *build(const char *path, const char *text)
{
    certmap_store_change_t change = { .text = str(text) };
    certmap_store_outcome_t outcome;
    apr_status_t rv = certmap_store_build(path, &change, &outcome, pool);

    return result(rv, outcome.count, outcome.why, outcome.errors);
}

static const char *add(const char *path, const char *text, int replace)
{
    certmap_store_change_t change = { .text = str(text), .replace = replace };
    certmap_store_outcome_t outcome;
    apr_status_t rv = certmap_store_add(path, &change, &outcome, pool);

    return result(rv, outcome.count, outcome.why, outcome.errors);
}

static const char *take(const char *path, const char *key)
{
    certmap_store_change_t change = { .text = str(key) };
    certmap_store_outcome_t outcome;
    apr_status_t rv = certmap_store_remove(path, &change, &outcome, pool);

    return result(rv, outcome.count, outcome.why, outcome.errors);
}

static const char *get(const char *path, const char *key)
{
    certmap_store_outcome_t outcome;
    certmap_entry_t entry;
    const char *text;
    apr_status_t rv = certmap_store_get(path, str(key), &text, &entry, &outcome, pool);

    return rv == APR_SUCCESS ? certmap_entry_text(text, &entry, pool) : result(rv, 0, outcome.why, outcome.errors);
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
           : found.has_deny  ? "deny"
           : found.unformed  ? apr_pstrcat(p, "malformed: ", found.unformed, NULL)
           : found.has_allow ? found.allow.effect.user
                             : "nothing";
}

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
    is_str(build(path, "dn:CN=ann\n"),
           "invalid: the text has errors; 1:1 the issuer's name is missing; write "
           "dn:\"SUBJECT-DN\" \"ISSUER-DN\" USER",
           "a text with errors is no store");
    ok(stat(path, &st) != 0, "and none is made");
    is_str(build(path, three), "ok 3", "three entries");
    is_str(verify(path), "ok 3", "they are whole");
    ok(stat(apr_pstrcat(pool, path, ".new", NULL), &st) != 0 && stat(apr_pstrcat(pool, path, "-lock", NULL), &st) != 0,
       "no other file is left");
    is_str(get(path, "dn:CN=ANN \"cn=test  ca\""),
           "dn:CN=ann \"CN=Test CA\" ann groups=a,b expires=2030-01-31 note=\"two words\"",
           "an entry is found by another spelling of its key, and reads as it was written");
    is_str(get(path, "X509:<I>CN=x<SR>1f"), "not found: the store has no entry for this key", "no such key");
    is_str(get(path, "dn:CN=ann"),
           "invalid: the key has errors; 1:1 the issuer's name is missing; write "
           "dn:\"SUBJECT-DN\" \"ISSUER-DN\" USER",
           "no key at all");
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
           "invalid: the key has errors; 2:1 this key is already in line 1", "one that appears twice");
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

static int reads; /* chunks that a check has read */

static int count_reads(void *baton, apr_size_t done, apr_size_t total)
{
    (void)baton;
    (void)done;
    (void)total;
    reads++;
    return 0;
}

/* What a look finds: "same", "replaced 3", "kept: WHY", "lost: WHY". */
static const char *look(certmap_source_t *source)
{
    certmap_store_report_t report;

    reads = 0;
    certmap_source_store_look(source, count_reads, NULL, &report, pool);
    switch (report.outcome) {
    case CERTMAP_REREAD_SAME:
        return "same";
    case CERTMAP_REREAD_REPLACED:
        return apr_psprintf(pool, "replaced %d", (int)report.count);
    case CERTMAP_REREAD_KEPT:
        return apr_pstrcat(pool, "kept: ", report.why, NULL);
    case CERTMAP_REREAD_LOST:
        return apr_pstrcat(pool, "lost: ", report.why, NULL);
    }
    return "?";
}

/* What is written within one step of a file system's clock may have the same time. */
static void wait_a_step(void)
{
    apr_sleep(apr_time_from_msec(20));
}

/* Copies a file onto another one, in place. */
static void copy_onto(const char *from, const char *to)
{
    apr_size_t len;
    char *data = slurp(from, &len);

    spew(to, data, len);
}

static void test_source(void)
{
    const certmap_cert_t *ann = person("CN", "ann", NULL);
    const char *path = path_of("source");
    const char *away = path_of("away");
    certmap_source_t *source = certmap_source_store_create(path, NULL, pool);
    apr_uint64_t generation;

    is_str(source->name, apr_pstrcat(pool, "store ", path, NULL), "its name");
    is_str(ask(source, ann, pool), "error: the store has not been opened", "nothing is opened by asking");
    is_str(look(source), "lost: No such file or directory", "no file");
    is_str(look(source), "same", "that is reported once");
    is_str(ask(source, ann, pool), "error: No such file or directory", "and to who asks");
    generation = source->vtable->generation(source);
    is_str(build(path, "dn:CN=ann \"CN=Test CA\" ann\n"), "ok 1", "a store");
    is_str(ask(source, ann, pool), "error: No such file or directory", "asking does not look");
    is_int((long long)(generation == source->vtable->generation(source)), 1, "the generation stays");
    is_str(look(source), "replaced 1", "looking does");
    is_str(ask(source, ann, pool), "ann", "it is found");
    ok(source->vtable->generation(source) != generation, "its generation is another");
    generation = source->vtable->generation(source);
    is_str(add(path, "X509:<S>CN=ann - deny\n", 0), "ok 1", "one is added, of a kind that was not there");
    is_str(ask(source, ann, pool), "ann", "what is in force stays, though its file has no name any more");
    is_int((long long)(generation == source->vtable->generation(source)), 1, "and is the same generation");
    is_str(look(source), "replaced 2", "until somebody looks");
    is_str(ask(source, ann, pool), "deny", "then it is found");
    ok(source->vtable->generation(source) != generation, "and the generation is another");
    copy_onto(path, away);
    is_str(take(path, "X509:<S>CN=ann"), "ok 1", "it is removed");
    is_str(look(source), "replaced 1", "which is seen");
    is_str(ask(source, ann, pool), "ann", "it is gone");
    ok(rename(away, path) == 0 && strstr(look(source), "kept: it is older (built 20") != NULL, "an older store");
    is_str(look(source), "same", "that is reported once");
    is_str(ask(source, ann, pool), "ann", "it is not used");
    spew(away, "no store\n", 9);
    ok(rename(away, path) == 0, "something else takes its place");
    is_str(look(source), "kept: not a store of certmap entries", "that is reported");
    is_str(ask(source, ann, pool), "ann", "what was in force stays");
    unlink(path);
    is_str(look(source), "lost: No such file or directory", "but not when there is nothing any more");
    is_str(ask(source, ann, pool), "error: No such file or directory", "then it is not asked");
    is_str(build(path, "dn:CN=ann \"CN=Test CA\" bob\n"), "ok 1", "a new one");
    is_str(look(source), "replaced 1", "is taken");
    is_str(ask(source, ann, pool), "bob", "and answers");
    is_str(ask(source, person("odd", "0", NULL), pool), "nothing", "a name that is malformed: no entry denies a name");
    is_str(add(path, "X509:<RFC822>m@x.org - deny\n", 0), "ok 1", "one denies an address");
    is_str(look(source), "replaced 2", "which is seen");
    is_str(ask(source, person("CN", "ann", "odd", "6", NULL), pool), "malformed: X509:<RFC822>",
           "an address that is malformed might be the one");
    is_str(ask(source, person("odd", "0", NULL), pool), "nothing", "a name still not");
    unlink(path);
    ok(mkdir(path, 0700) == 0, "mkdir");
    is_str(look(source), "kept: a directory; a store is one file", "a directory");
    rmdir(path);
    unlink(away);
}

static int stop_at_once(void *baton, apr_size_t done, apr_size_t total)
{
    (void)baton;
    (void)done;
    (void)total;
    return 1;
}

/* A process ends while it checks. */
static void test_stopped(void)
{
    const certmap_cert_t *ann = person("CN", "ann", NULL);
    const char *path = path_of("source");
    certmap_checked_t *checked = certmap_checked_create();
    certmap_source_t *source = certmap_source_store_create(path, checked, pool);
    certmap_store_report_t report;

    is_str(build(path, "dn:CN=ann \"CN=Test CA\" ann\n"), "ok 1", "a store");
    is_str(look(source), "replaced 1", "is opened");
    is_str(build(path, "dn:CN=ann \"CN=Test CA\" bob\n"), "ok 1", "and another");
    is_int(certmap_source_store_look(source, stop_at_once, NULL, &report, pool), APR_SUCCESS, "not checked to its end");
    is_int(report.outcome, CERTMAP_REREAD_SAME, "it is not used");
    is_str(ask(source, ann, pool), "ann", "the old one is");
    is_str(look(source), "replaced 1", "until the new one has been checked");
    is_str(ask(source, ann, pool), "bob", "then that is");
}

/* What happens to the very file that is in force. */
static void test_in_place(void)
{
    const certmap_cert_t *ann = person("CN", "ann", NULL);
    const char *path = path_of("source");
    const char *away = path_of("away");
    static const char changed[] = "error: the file has been changed in place and not been checked since";
    certmap_source_t *source = certmap_source_store_create(path, NULL, pool);

    is_str(build(path, "dn:CN=ann \"CN=Test CA\" ann\n"), "ok 1", "a store");
    is_str(look(source), "replaced 1", "is opened");
    is_str(build(away, "dn:CN=ann \"CN=Test CA\" - deny\nsha256:"
                       "00000000000000000000000000000000"
                       "00000000000000000000000000000000 x note=\"to make it longer\"\n"),
           "ok 2", "another");
    wait_a_step();
    copy_onto(away, path);
    is_str(ask(source, ann, pool), changed, "it is copied over the first one: that is not asked any more");
    is_str(look(source), "replaced 2", "until it has been checked");
    is_str(ask(source, ann, pool), "deny", "then it is");
    wait_a_step();
    ok(link(path, path_of("link")) == 0, "it gets another name");
    is_str(ask(source, ann, pool), changed, "which changes its times");
    is_str(look(source), "replaced 2", "but nothing else");
    ok(truncate(path, 2200) == 0, "it is cut off");
    is_str(ask(source, ann, pool), changed, "it is not asked");
    is_str(look(source), "lost: it is cut off, or was not written to its end", "that is reported");
    is_str(look(source), "same", "once");
    is_str(ask(source, ann, pool), "error: it is cut off, or was not written to its end", "and to who asks");
    is_str(build(path, "dn:CN=ann \"CN=Test CA\" ann\n"), "ok 1", "it is built anew");
    is_str(look(source), "replaced 1", "that counts");
    is_str(ask(source, ann, pool), "ann", "again");
    unlink(path_of("link"));
    unlink(away);
}

/* One process checks a file for all. */
static void test_checked(void)
{
    const char *path = path_of("source");
    certmap_checked_t *checked = certmap_checked_create();
    certmap_source_t *first = certmap_source_store_create(path, checked, pool);
    certmap_source_t *second = certmap_source_store_create(path, checked, pool);
    int status = -1;
    pid_t child;

    ok(checked != NULL, "memory that processes share");
    is_str(build(path, three), "ok 3", "a store");
    is_str(look(first), "replaced 3", "is opened");
    ok(reads > 0, "and read");
    child = fork();
    if (child == 0) {
        _exit(strcmp(look(second), "replaced 3") == 0 && reads == 0 ? 0 : 1);
    }
    waitpid(child, &status, 0);
    is_int(status, 0, "another process does not read it again");
    apr_sleep(apr_time_from_msec(1000 * CERTMAP_SETTLED_SECONDS + 200));
    child = fork();
    if (child == 0) {
        _exit(strcmp(look(first), "same") == 0 && reads > 0 ? 0 : 1);
    }
    waitpid(child, &status, 0);
    is_int(status, 0, "when it has not changed for some time, it is read once more");
    is_str(look(first), "same", "once");
    is_int(reads, 0, "for all");
    is_str(look(second), "replaced 3", "and for those who open it now");
    is_int(reads, 0, "too");
    child = fork();
    if (child == 0) {
        certmap_checked_lock(checked, NULL, NULL);
        _exit(0);
    }
    waitpid(child, &status, 0);
    is_str(build(path, ""), "ok 0", "a process has died while it checked");
    is_str(look(first), "replaced 0", "others go on");
    ok(certmap_is_remote(0x6969) && certmap_is_remote((unsigned long)(int)0xff534d42) && !certmap_is_remote(0xef53),
       "NFS and CIFS are remote, ext4 is not");
}

/* ---- damage -------------------------------------------------------------------------------------------------- */

/* Entries that allow and, each third, that deny. */
static const char *some_entries(int n)
{
    apr_array_header_t *lines = apr_array_make(pool, n, sizeof(const char *));
    int i;

    for (i = 0; i < n; i++) {
        APR_ARRAY_PUSH(lines, const char *) = i % 3 ? apr_psprintf(pool, "X509:<S>CN=p%d u%d\n", i, i)
                                                    : apr_psprintf(pool, "X509:<S>CN=p%d - deny\n", i);
    }
    return apr_array_pstrcat(pool, lines, 0);
}

/* What happens to a damaged file. */
typedef struct damage_t {
    const certmap_cert_t **certs; /* of all entries, and one without */
    int n;
    int seen;
    int harmless;
    int lost;
    int wrong;
} damage_t;

static void ask_all(damage_t *d, certmap_source_t *source, apr_size_t where, apr_pool_t *p)
{
    int lost = d->lost;
    int wrong = d->wrong;
    int i;

    for (i = 0; i <= d->n; i++) {
        const char *got = ask(source, d->certs[i], p);
        const char *expected = i == d->n ? "nothing" : i % 3 ? apr_psprintf(p, "u%d", i) : "deny";

        if (strcmp(got, expected) != 0 && strncmp(got, "error: ", 7) != 0) {
            d->lost += strcmp(got, "nothing") == 0;
            d->wrong++;
            diag("damage at %d: %s instead of %s", (int)where, got, expected);
        }
    }
    d->harmless += lost == d->lost && wrong == d->wrong;
}

/* Opens a damaged copy, and asks it for all there was when it opens. */
static void try_copy(damage_t *d, const char *path, apr_size_t where)
{
    certmap_store_report_t report;
    certmap_source_t *source;
    apr_pool_t *p;

    apr_pool_create(&p, pool);
    source = certmap_source_store_create(path, NULL, p);
    if (certmap_source_store_look(source, NULL, NULL, &report, p) != APR_SUCCESS) {
        d->seen++;
    }
    else {
        ask_all(d, source, where, p);
    }
    apr_pool_destroy(p);
}

static void write_byte(int fd, char c, apr_size_t at)
{
    if (pwrite(fd, &c, 1, (off_t)at) != 1) {
        fixture_fail("pwrite");
    }
}

/* Every bit of a store is flipped, one at a time. CERTMAP_FLIPS=7: every seventh. */
static void test_flips(void)
{
    const char *path = path_of("damage");
    const char *copy = path_of("copy");
    const char *step = getenv("CERTMAP_FLIPS");
    apr_size_t every = step ? (apr_size_t)atoi(step) : getenv("CERTMAP_PRELOAD") ? 29 : 1;
    damage_t d = { .n = 300 };
    damage_t live;
    certmap_source_t *source;
    apr_size_t len;
    apr_size_t bit;
    char *data;
    int cut = 0;
    int fd;
    int i;

    d.certs = apr_palloc(pool, (apr_size_t)(d.n + 1) * sizeof(*d.certs));
    for (i = 0; i <= d.n; i++) {
        d.certs[i] = person("CN", apr_psprintf(pool, "p%d", i), NULL);
    }
    is_str(build(path, some_entries(d.n)), "ok 300", "a store of 300 entries, 100 of which deny");
    data = slurp(path, &len);
    try_copy(&d, path, 0);
    ok(d.harmless == 1 && d.wrong == 0 && d.seen == 0, "it answers");
    spew(copy, data, len);
    fd = open(copy, O_RDWR);
    live = d;
    d.harmless = 0;
    for (bit = 0; bit < 8 * len; bit += every) {
        write_byte(fd, (char)(data[bit / 8] ^ 1 << bit % 8), bit / 8);
        try_copy(&d, copy, bit / 8);
        write_byte(fd, data[bit / 8], bit / 8);
    }
    diag("%d bits: %d seen, %d harmless", (int)((8 * len + every - 1) / every), d.seen, d.harmless);
    is_int(d.lost, 0, "whatever bit of a store is another, no key is lost");
    is_int(d.wrong, 0, "no answer is wrong");
    is_int(d.seen + d.harmless, (long long)((8 * len + every - 1) / every), "each is seen or harmless");
    ok(d.seen > d.harmless, "and most are seen");
    /* The same while it is open. */
    source = certmap_source_store_create(copy, NULL, pool);
    is_str(look(source), "replaced 300", "the copy is whole again");
    live.harmless = live.lost = live.wrong = 0;
    wait_a_step();
    for (bit = 0; bit < 8 * len; bit += 4999) {
        apr_pool_t *p;

        apr_pool_create(&p, pool);
        write_byte(fd, (char)(data[bit / 8] ^ 1 << bit % 8), bit / 8);
        ask_all(&live, source, bit / 8, p);
        write_byte(fd, data[bit / 8], bit / 8);
        apr_pool_destroy(p);
    }
    is_int(live.wrong, 0, "the same of a store that is open: no answer is wrong");
    close(fd);
    for (i = 0; i < (int)len; i += 101) {
        spew(copy, data, (apr_size_t)i);
        memset(&live, 0, sizeof(live));
        try_copy(&live, copy, (apr_size_t)i);
        cut += live.seen == 0;
    }
    is_int(cut, 0, "a store that was cut off anywhere is refused");
}

/* Adding to a damaged store is refused, and verify finds what is damaged. */
static void test_damage_added_to(void)
{
    const char *path = path_of("damage");
    const char *copy = path_of("copy");
    apr_size_t len;
    apr_size_t i;
    char *data = slurp(path, &len);
    int added = 0;
    int removed = 0;
    int verified = 0;

    for (i = 0; i < len; i += 73) {
        data[i] ^= 0x10;
        spew(copy, data, len);
        data[i] ^= 0x10;
        added += strncmp(add(copy, "X509:<S>CN=p7 new\nX509:<S>CN=new new\n", 1), "ok", 2) == 0;
        removed += strncmp(take(copy, "X509:<S>CN=p7"), "ok", 2) == 0;
        verified += strncmp(verify(copy), "ok", 2) == 0;
    }
    is_int(added, 0, "nothing is added to a damaged store");
    is_int(removed, 0, "nor removed");
    is_int(verified, 0, "and verify finds the damage");
    is_str(build(copy, three), "ok 3", "a build mends it");
}

static void test_not_stores(void)
{
    const char *path = path_of("other");
    const char *text = "not a store at all\n";
    apr_size_t len;
    char *data;

    spew(path, text, strlen(text));
    is_str(verify(path), "invalid: not a store of certmap entries", "a text");
    is_str(build(path, three), "invalid: not a store of certmap entries", "it is not replaced by a store");
    is_str(add(path, three, 0), "invalid: not a store of certmap entries", "nor added to");
    data = slurp(path, &len);
    ok(len == strlen(text) && memcmp(data, text, len) == 0, "it stays what it was");
    spew(path, "", 0);
    is_str(verify(path), "damaged: the file is empty", "an empty file");
    is_str(build(path, three), "ok 3", "it may become a store");
    ok(truncate(path, 2500) == 0, "truncate");
    is_str(verify(path), "damaged: it is cut off, or was not written to its end", "a store that was cut off");
    is_str(add(path, three, 1), "damaged: it is cut off, or was not written to its end", "it is not added to");
    is_str(build(path, three), "ok 3", "a build mends it");
    is_str(verify(path), "ok 3", "as new");
}

/* ---- the same bytes everywhere ------------------------------------------------------------------------------- */

static const char *hex(const unsigned char *data, apr_size_t len)
{
    char *text = apr_palloc(pool, 2 * len + 1);
    apr_size_t i;

    for (i = 0; i < len; i++) {
        snprintf(text + 2 * i, 3, "%02x", data[i]);
    }
    text[2 * len] = '\0';
    return text;
}

static const char *key_hex(const char *text)
{
    apr_array_header_t *keys;
    apr_array_header_t *errors;
    const char *why;

    if (certmap_keys_read(str(text), NULL, &keys, &errors, &why, pool) != APR_SUCCESS) {
        return why;
    }
    return hex(APR_ARRAY_IDX(keys, 0, certmap_wanted_t).key.hash, CERTMAP_HASH_LEN);
}

static void test_bytes(void)
{
    static const struct {
        const char *text;
        const char *hex;
    } keys[] = {
        { "sha256:000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f",
          "5a16a1d8688d94db937766c6a3f5e6201f80c153483ddc9cfdb5dee39d76133e" },
        { "spki:000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f",
          "ad315de8b1264e589f80fa562df80d9925b19a17137ad9210bacf6856583c1cc" },
        { "ski:0102 \"CN=Test CA\"", "d2089e436d6c67faf0d0cc4d80de4e9a09af4d39eb8679d5f484271a6296cc99" },
        { "issuer-serial:1f3a \"CN=Test CA\"", "2a7460f3318c051be0b6bc6ec112d8fe2257c83e7a3e3a99cf5767fa968b9b38" },
        { "dn:\"CN=\xc3\x84nn,O=X\" \"CN=Test CA\"",
          "09e94e37ed9a52104c95faa30a5fca16e4af38963b039cacc1307ae3bd54a7cc" },
        { "X509:<SKI>0102", "ff50d52fe9b6871bd1bc0f493bd109cb49377d2924eacc2a9323a3742b8bb9c3" },
        { "\"X509:<S>CN=Ann\"", "d85ed67c9b46fada53fcec2f153214861c76f659638d2afe4f9d29a1dcc5c93d" },
        { "X509:<RFC822>ann@example.org", "796b49d08c7fbadb05c36268bdfe0602ba66631a6513a608944e21d74aab3845" },
    };
    static const char *const groups[] = { "a", "b" };
    certmap_entry_t entry = { .effect = { .user = "ann",
                                          .groups = groups,
                                          .ngroups = 2,
                                          .note = "n",
                                          .expires = (apr_time_t)1798761600 * 1000000 } };
    certmap_seal_t seal = { .build = 0x0102030405060708u };
    unsigned char bytes[CERTMAP_SEAL_LEN];
    const char *path = path_of("words");
    const char *why;
    apr_size_t len;
    apr_size_t i;
    int fd;

    certmap_store_record_pack(CERTMAP_K_DN, &entry, "k", bytes);
    is_str(hex(bytes, certmap_store_record_size(&entry, "k")),
           "01050200"
           "00000003"
           "00000003"
           "00000001"
           "00000001"
           "000663f6d2342000"
           "616e6e"
           "612c62"
           "6e"
           "6b",
           "a record's bytes");
    for (i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
        is_str(key_hex(keys[i].text), keys[i].hex, apr_pstrcat(pool, "a key's bytes: ", keys[i].text, NULL));
    }
    seal.counts[CERTMAP_K_SHA256] = 0x1112131415161718u;
    seal.denies[CERTMAP_K_EMAIL] = 3;
    memset(seal.digest, 0xab, sizeof(seal.digest));
    certmap_seal_pack(&seal, bytes);
    is_int(CERTMAP_SEAL_LEN, 320, "a seal's length");
    is_str(hex(bytes, 48),
           "636572746d6170207365616c00000000"
           "00000001"
           "00000000"
           "0102030405060708"
           "1112131415161718"
           "0000000000000000",
           "a seal's bytes");
    is_str(hex(bytes + 32 + 16 * 8 + 7 * 8, 16), "00000000000000030000000000000000", "and where it counts");
    is_str(hex(bytes + 288, 32), "abababababababababababababababababababababababababababababababab", "its digest");
    is_str(build(path, three), "ok 3", "a store");
    slurp(path, &len);
    fd = open(path, O_RDONLY);
    is_int((long long)len, 2746, "is so long everywhere");
    ok(certmap_sealed_digest(fd, len - CERTMAP_SEAL_LEN, bytes, NULL, NULL, &why) == APR_SUCCESS,
       "and before its seal");
    is_str(hex(bytes, 32), "ad5e6fd75f8784f075857f5de7b50299f275b871748238596f36e18f21ccea90", "is these bytes");
    close(fd);
    is_str(build(path, "issuer-serial:1f3a \"CN=Test CA\" - deny\n"), "ok 1", "one of its entries");
    is_str(add(path,
               "dn:CN=ann \"CN=Test CA\" ann groups=a,b expires=2030-01-31 note=\"two words\"\n"
               "\"X509:<S>CN=bob x\" bob\ndn:CN=zoe \"CN=Test CA\" zoe\n",
               0),
           "ok 3", "and the others");
    is_str(take(path, "dn:CN=zoe \"CN=Test CA\""), "ok 1", "and less one");
    fd = open(path, O_RDONLY);
    ok(certmap_sealed_digest(fd, len - CERTMAP_SEAL_LEN, bytes, NULL, NULL, &why) == APR_SUCCESS, "that is");
    is_str(hex(bytes, 32), "ad5e6fd75f8784f075857f5de7b50299f275b871748238596f36e18f21ccea90",
           "the same, however the entries came in");
    close(fd);
}

/* What a seal says of the entries. */
static void test_kinds(void)
{
    const char *path = path_of("words");
    certmap_sealed_t *sealed;
    const char *why;

    is_str(build(path, three), "ok 3", "a store");
    is_int(certmap_sealed_open(path, &sealed, &why, pool), APR_SUCCESS, "is opened");
    is_int(sealed->kinds,
           CERTMAP_KIND_BIT(CERTMAP_K_DN) | CERTMAP_KIND_BIT(CERTMAP_K_ISSUER_SERIAL)
               | CERTMAP_KIND_BIT(CERTMAP_K_SUBJECT),
           "the kinds that it holds");
    is_int(sealed->deny_kinds, CERTMAP_KIND_BIT(CERTMAP_K_ISSUER_SERIAL), "and those that deny");
    is_str(add(path, "issuer-serial:1f3a \"CN=Test CA\" ann\ndn:CN=x \"CN=Test CA\" - deny\n", 1), "ok 2",
           "that changes");
    is_int(certmap_sealed_open(path, &sealed, &why, pool), APR_SUCCESS, "and is opened");
    is_int(sealed->deny_kinds, CERTMAP_KIND_BIT(CERTMAP_K_DN), "with what it says");
}

/* 4 GB are reported before anything is written. */
static void test_size(void)
{
    ok(certmap_store_fits(1000000, 140000000, pool) == NULL, "a million entries fit");
    ok(certmap_store_fits(0, CERTMAP_STORE_MAX - 2500, pool) == NULL, "all but 4 GB fit");
    is_str(certmap_store_fits(30000000, 4200000000u, pool),
           "30000000 entries would take 4693 MB; 4,096 MB are the "
           "most that a store holds: shorten their notes, or make several stores",
           "more do not");
    ok(certmap_store_fits(200000000, 1, pool) != NULL, "nor many without any contents");
}

/* ---- others at work ------------------------------------------------------------------------------------------ */

static void test_locked(void)
{
    const char *path = path_of("locked");
    const char *expected;
    char command[64] = "";
    FILE *comm = fopen("/proc/self/comm", "r");
    const char *why;
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
        if (certmap_store_lock(apr_pstrcat(pool, path, ".new", NULL), &fd, &why, pool) != APR_SUCCESS
            || write(pipes[1], "x", 1) != 1) {
            _exit(1);
        }
        pause();
        _exit(0);
    }
    is_int(read(pipes[0], &c, 1), 1, "another process writes");
    expected = apr_psprintf(pool, "busy: process %ld (%s) is at work on it", (long)child, command);
    is_str(add(path, "X509:<S>CN=x x\n", 0), expected, "that is told, and by which");
    is_str(get(path, "'X509:<S>CN=bob x'"), "\"X509:<S>CN=bob x\" bob", "reading needs no lock");
    is_str(verify(path), "ok 3", "however much");
    kill(child, SIGKILL);
    waitpid(child, NULL, 0);
    is_str(add(path, "X509:<S>CN=x x\n", 0), "ok 1", "its lock dies with it");
    ok(access(apr_pstrcat(pool, path, ".new", NULL), F_OK) != 0, "and what it left is gone");
    close(pipes[0]);
    close(pipes[1]);
}

/* A child that writes until it is killed. Round i has entries of user "i" only, twenty of them and no others. Before
 * each round it writes a byte to the pipe, unless that is -1. */
static void write_rounds(const char *path, int build_anew, int from, int begun)
{
    int i;

    for (i = from;; i++) {
        certmap_store_change_t change = { .replace = 1 };
        certmap_store_outcome_t outcome;
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
        change.text = str(text);
        if ((build_anew ? certmap_store_build : certmap_store_add)(path, &change, &outcome, p) != APR_SUCCESS) {
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
        *user = apr_pstrdup(pool, entry->effect.user);
    }
    return strcmp(*user, entry->effect.user) != 0;
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

typedef struct store_asker_t {
    certmap_source_t *source;
    const certmap_cert_t *certs[3];
    int *stop;
    int asked;
    int wrong;
} store_asker_t;

static void *ask_on(void *data)
{
    store_asker_t *a = data;
    int last = 0;

    while (!__atomic_load_n(a->stop, __ATOMIC_ACQUIRE) || a->asked == 0) {
        apr_pool_t *p;
        const char *user;

        apr_pool_create(&p, NULL);
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

/* What mod_watchdog does, only faster. */
static void *look_on(void *data)
{
    store_asker_t *a = data;

    while (!__atomic_load_n(a->stop, __ATOMIC_ACQUIRE)) {
        certmap_store_report_t report;
        apr_pool_t *p;

        apr_pool_create(&p, NULL);
        certmap_source_store_look(a->source, NULL, NULL, &report, p);
        a->asked += report.outcome == CERTMAP_REREAD_REPLACED;
        if (report.outcome > CERTMAP_REREAD_REPLACED) {
            a->wrong++;
            diag("%s", report.why);
        }
        apr_pool_destroy(p);
        apr_sleep(1000);
    }
    return NULL;
}

/* Threads read while another process writes as fast as it can, in both ways. */
static void test_busy(int build_anew)
{
    const char *path = path_of(build_anew ? "killed-build" : "killed-add");
    certmap_source_t *source = certmap_source_store_create(path, NULL, pool);
    pthread_t threads[4];
    store_asker_t askers[4];
    int stop = 0;
    int i;
    pid_t child = fork();

    if (child == 0) {
        write_rounds(path, build_anew, 100000, -1);
    }
    look(source);
    askers[3] = (store_asker_t){ .source = source, .stop = &stop };
    pthread_create(&threads[3], NULL, look_on, &askers[3]);
    for (i = 0; i < 3; i++) {
        askers[i] = (store_asker_t){ .source = source, .stop = &stop };
        askers[i].certs[0] = person("CN", "p0", NULL);
        askers[i].certs[1] = person("CN", "p11", NULL);
        askers[i].certs[2] = person("CN", "p19", NULL);
        pthread_create(&threads[i], NULL, ask_on, &askers[i]);
    }
    apr_sleep(apr_time_from_msec(1500));
    __atomic_store_n(&stop, 1, __ATOMIC_RELEASE);
    for (i = 0; i < 3; i++) {
        pthread_join(threads[i], NULL);
        ok(askers[i].wrong == 0 && askers[i].asked > 10,
           "a thread asks while the store is %s: always an answer, never "
           "an older one (%d answers)",
           build_anew ? "built anew" : "changed", askers[i].asked);
    }
    pthread_join(threads[3], NULL);
    ok(askers[3].wrong == 0 && askers[3].asked > 3, "and a change is seen, %d times", askers[3].asked);
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
    certmap_store_change_t change = { .progress = count_progress, .baton = progress };
    certmap_store_outcome_t outcome;
    apr_size_t counts[CERTMAP_K_COUNT];
    const char *why;
    int i;

    for (i = 0; i < 40000; i++) {
        APR_ARRAY_PUSH(lines, const char *) = apr_psprintf(pool, "sha256:%064x u%d\n", i, i);
    }
    change.text = str(apr_array_pstrcat(pool, lines, 0));
    ok(certmap_store_build(path, &change, &outcome, pool) == APR_SUCCESS && outcome.count == 40000, "40,000 entries");
    ok(progress[0] == 40000 && progress[1] == 0 && progress[2] > 5, "progress goes up to all of them");
    memset(progress, 0, sizeof(progress));
    ok(certmap_store_verify(path, count_progress, progress, counts, &why, pool) == APR_SUCCESS
           && counts[CERTMAP_K_SHA256] == 40000 && progress[0] == 40000 && progress[1] == 0,
       "all of them whole");
    for (i = 0; i < 40000; i++) {
        APR_ARRAY_IDX(lines, i, const char *) = apr_psprintf(pool, "sha256:%064x other\n", i);
    }
    for (i = 1; i <= 40000; i += 39999) {
        memset(progress, 0, sizeof(progress));
        progress[3] = (apr_size_t)i;
        change.text = str(apr_array_pstrcat(pool, lines, 0));
        ok(certmap_store_build(path, &change, &outcome, pool) == APR_EINTR && outcome.count == 0
               && strstr(outcome.why, "stopped") != NULL && progress[0] >= progress[3]
               && access(apr_pstrcat(pool, path, ".new", NULL), F_OK) != 0,
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
        "words",  "lengths",    "source",       "damage",           "copy",           "other",
        "locked", "killed-add", "killed-build", "killed-build.new", "killed-add.new", "many",
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
    test_bytes();
    test_kinds();
    test_size();
    test_source();
    test_stopped();
    test_in_place();
    test_checked();
    test_not_stores();
    test_flips();
    test_damage_added_to();
    test_locked();
    test_killed(0);
    test_killed(1);
    test_busy(0);
    test_busy(1);
    test_many();
    remove_files();
    return fixture_done();
}
