/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What stays current while it is replaced: slots under threads, files that are read again, the source of a file.
 */
#include <fcntl.h>
#include <pthread.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "fixture.h"
#include "source/testing.h"

static const char *directory;

static const char *path_of(const char *name)
{
    return apr_pstrcat(pool, directory, "/", name, NULL);
}

/* Writes a file as an editor would: in place. Its times are those of a file that nobody has touched for a while. */
static void write_file(const char *path, const char *text)
{
    static int age = 10000;
    struct timespec times[2] = { { time(NULL) - age, 0 }, { time(NULL) - age, 0 } };
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);

    age--;
    if (fd < 0 || write(fd, text, strlen(text)) != (ssize_t)strlen(text) || futimens(fd, times) != 0) {
        fixture_fail(path);
    }
    close(fd);
}

/* ---- slots --------------------------------------------------------------------------------------------------- */

static int ended;

static apr_status_t count_end(void *data)
{
    (void)data;
    __atomic_add_fetch(&ended, 1, __ATOMIC_RELAXED);
    return APR_SUCCESS;
}

static void replace(certmap_slot_t *slot, int number)
{
    apr_pool_t *own = certmap_generation_pool(slot);
    int *object = apr_palloc(own, 1000 * sizeof(*object));
    int i;

    for (i = 0; i < 1000; i++) {
        object[i] = number;
    }
    apr_pool_cleanup_register(own, NULL, count_end, apr_pool_cleanup_null);
    certmap_slot_replace(slot, object, own);
}

static void test_slot(void)
{
    apr_pool_t *p;
    certmap_slot_t *slot;
    certmap_generation_t *first;
    certmap_generation_t *second;

    apr_pool_create(&p, pool);
    slot = certmap_slot_create(p);
    ok(certmap_slot_acquire(slot) == NULL && certmap_slot_number(slot) == 0, "an empty slot has no generation");
    replace(slot, 1);
    first = certmap_slot_acquire(slot);
    is_int((long long)certmap_generation_number(first), 1, "the first is number 1");
    replace(slot, 2);
    is_int((long long)certmap_slot_number(slot), 2, "the next is number 2");
    second = certmap_slot_acquire(slot);
    is_int(ended, 0, "what is held stays");
    is_int(*(const int *)certmap_generation_object(first), 1, "and is what it was");
    certmap_generation_release(first);
    is_int(ended, 1, "it ends when its last reader lets go");
    certmap_slot_clear(slot);
    ok(certmap_slot_acquire(slot) == NULL && ended == 1, "a slot that is cleared has none, and readers keep theirs");
    replace(slot, 3);
    is_int((long long)certmap_slot_number(slot), 3, "numbers go on");
    certmap_slot_clear(slot);
    is_int(ended, 2, "a generation that nobody reads ends at once");
    apr_pool_destroy(p);
    is_int(ended, 2, "what is held outlives the slot");
    is_int(*(const int *)certmap_generation_object(second), 2, "and is what it was");
    certmap_generation_release(second);
    is_int(ended, 3, "until it is let go");
}

typedef struct source_reader_t {
    certmap_slot_t *slot;
    int *stop;
    long reads;
    long torn;
} source_reader_t;

static void *read_on(void *data)
{
    source_reader_t *r = data;
    int last = 0;

    while (!__atomic_load_n(r->stop, __ATOMIC_ACQUIRE) || r->reads == 0) {
        certmap_generation_t *g = certmap_slot_acquire(r->slot);
        const int *object = certmap_generation_object(g);
        int i;

        for (i = 1; i < 1000; i++) {
            r->torn += object[i] != object[0];
        }
        r->torn += object[0] < last || (int)certmap_generation_number(g) != object[0];
        last = object[0];
        certmap_generation_release(g);
        r->reads++;
    }
    return NULL;
}

static void test_slot_threads(void)
{
    apr_pool_t *p;
    pthread_t threads[4];
    source_reader_t readers[4];
    int stop = 0;
    long reads = 0;
    long torn = 0;
    int i;

    apr_pool_create(&p, pool);
    ended = 0;
    for (i = 0; i < 4; i++) {
        readers[i] = (source_reader_t){ i == 0 ? certmap_slot_create(p) : readers[0].slot, &stop, 0, 0 };
    }
    replace(readers[0].slot, 1);
    for (i = 0; i < 4; i++) {
        pthread_create(&threads[i], NULL, read_on, &readers[i]);
    }
    for (i = 2; i <= 3000; i++) {
        replace(readers[0].slot, i);
    }
    __atomic_store_n(&stop, 1, __ATOMIC_RELEASE);
    for (i = 0; i < 4; i++) {
        pthread_join(threads[i], NULL);
        reads += readers[i].reads;
        torn += readers[i].torn;
    }
    ok(reads >= 4 && torn == 0, "four threads read 3,000 generations, each whole and in order (%ld reads)", reads);
    is_int(ended, 2999, "all but the current one have ended");
    apr_pool_destroy(p);
    is_int(ended, 3000, "and that one with the slot");
}

/* ---- files that are read again ------------------------------------------------------------------------------- */

/* A report as text: "replaced 2 +a -b ~c", "kept 3:1: ...", "same". */
static const char *told(const certmap_report_t *r)
{
    static const char *const outcomes[] = {
        [CERTMAP_REREAD_SAME] = "same",
        [CERTMAP_REREAD_REPLACED] = "replaced",
        [CERTMAP_REREAD_KEPT] = "kept",
    };
    const char *text = apr_psprintf(pool, "%s %d", outcomes[r->outcome], (int)r->count);
    const apr_array_header_t *const names[] = { r->added, r->removed, r->changed };
    int i;
    int j;

    for (j = 0; j < 3; j++) {
        for (i = 0; names[j] != NULL && i < names[j]->nelts; i++) {
            text = apr_psprintf(pool, "%s %c%s", text, "+-~"[j], APR_ARRAY_IDX(names[j], i, const char *));
        }
    }
    for (i = 0; i < r->errors->nelts; i++) {
        const certmap_error_t *e = &APR_ARRAY_IDX(r->errors, i, certmap_error_t);

        text = apr_psprintf(pool, "%s; %d:%d", text, e->line, e->column);
    }
    return r->why != NULL ? apr_pstrcat(pool, text, "; ", r->why, NULL) : text;
}

static void check(certmap_reread_t *file, const char *expected, const char *what)
{
    certmap_report_t report;

    certmap_reread_check(file, &report, pool);
    is_str(told(&report), expected, what);
}

/* Turns down rules of the name that it is given. */
static void accept_but(void *baton, const certmap_reread_t *file, const void *object, apr_array_header_t *errors,
                       apr_pool_t *p)
{
    apr_size_t i;

    (void)p;
    for (i = 0; i < certmap_ruleset_count(object); i++) {
        const certmap_rule_t *rule = certmap_ruleset_rule(object, i);
        certmap_error_t error = {
            .file = certmap_reread_path(file), .line = rule->line, .column = 1, .text = "not here"
        };

        if (strcmp(rule->name, *(const char **)baton) == 0) {
            APR_ARRAY_PUSH(errors, certmap_error_t) = error;
        }
    }
}

static void test_accept(void)
{
    const char *path = path_of("accept");
    const char *unwanted = "b";
    certmap_reread_t *file = certmap_reread_create(path, CERTMAP_FILE_RULES, pool);

    certmap_reread_accept(file, accept_but, &unwanted);
    write_file(path, "a deny any\n");
    check(file, "replaced 1 +a", "a text that is accepted");
    write_file(path, "b deny any\nc deny any\n");
    check(file, "kept 1; 1:1", "a text that is turned down");
    is_str(certmap_ruleset_rule(certmap_reread_object(file), 0)->name, "a", "what was there stays");
    check(file, "same 1", "it is told once");
    ok(certmap_reread_retry(file), "it can be tried again");
    check(file, "kept 1; 1:1", "and is turned down again");
    unwanted = "x";
    check(file, "same 1", "it is not tried by itself");
    ok(certmap_reread_retry(file), "when it is asked to");
    check(file, "replaced 2 +b +c -a", "it is tried, and accepted");
    ok(!certmap_reread_retry(file), "then there is nothing to try");
    write_file(path, "broken\n");
    check(file, "kept 2; 1:1", "a text that is broken");
    ok(!certmap_reread_retry(file), "is not tried again");
}

static void test_reread_rules(void)
{
    const char *path = path_of("rules");
    certmap_reread_t *file = certmap_reread_create(path, CERTMAP_FILE_RULES, pool);
    certmap_generation_t *held;
    struct stat st;
    struct timespec times[2];

    check(file, "kept 0; No such file or directory", "a file that is not there");
    check(file, "same 0", "is told once");
    write_file(path, "a allow ann subject.CN=a\nb deny subject.CN=b\nc allow c subject.CN=c\n");
    check(file, "replaced 3 +a +b +c", "it is there");
    check(file, "same 3", "it stays");
    held = certmap_slot_acquire(certmap_reread_slot(file));
    write_file(path, "a allow ann subject.CN=a\n# more\nb allow bob subject.CN=b\nd deny subject.CN=d\n");
    check(file, "replaced 3 +d -c ~b", "rules come, go and change");
    is_int((long long)certmap_ruleset_count(certmap_generation_object(held)), 3, "who held the old ones still does");
    is_str(certmap_ruleset_rule(certmap_generation_object(held), 2)->name, "c", "with the rule that is gone");
    certmap_generation_release(held);
    write_file(path, "a allow ann subject.CN=a\nb allow\nd deny\n");
    check(file, "kept 3; 2:3; 3:3", "a text with errors is not taken, all of them are told");
    check(file, "same 3", "once");
    is_int((long long)certmap_slot_number(certmap_reread_slot(file)), 2, "the old generation stays");
    write_file(path, "a allow ann subject.CN=a\n# more\nb allow bob subject.CN=b\nd deny subject.CN=d\n");
    check(file, "replaced 3", "the good text again: no rule has changed");
    write_file(path, "a allow ann subject.CN=a\n# more\nb allow bob subject.CN=b\nd deny subject.CN=d\n");
    check(file, "same 3", "the same text written anew");
    ok(stat(path, &st) == 0, "stat");
    times[0] = times[1] = st.st_mtim;
    write_file(path, "a allow ann subject.CN=x\n# more\nb allow bob subject.CN=b\nd deny subject.CN=d\n");
    utimensat(AT_FDCWD, path, times, 0);
    check(file, "replaced 3 ~a", "another text of the same size and modification time");
    unlink(path);
    check(file, "kept 3; No such file or directory", "the file has gone, its rules stay");
    ok(mkdir(path, 0700) == 0, "mkdir");
    check(file, "kept 3; Is a directory", "a directory in its place");
    rmdir(path);
    ok(mkfifo(path, 0600) == 0, "mkfifo");
    check(file, "kept 3; not a regular file", "a FIFO in its place");
    unlink(path);
    write_file(path, "");
    check(file, "replaced 0 -a -b -d", "an empty file has no rules");
}

static void restore(certmap_reread_t *file, certmap_kept_t *kept, const char *expected, const char *name)
{
    certmap_report_t report;

    is_int(certmap_reread_restore(file, kept, &report, pool), APR_SUCCESS, name);
    is_str(told(&report), expected, name);
}

/* Another look at a path, as a server's next configuration takes it, with what the one before has kept. */
static certmap_reread_t *next(const char *path, certmap_file_e kind, certmap_kept_t **kept, const char *expected,
                              const char *name)
{
    certmap_reread_t *file = certmap_reread_create(path, kind, pool);
    certmap_report_t report;

    is_int(certmap_reread_first(file, kept, 1, &report, pool), APR_SUCCESS, name);
    is_str(told(&report), expected, name);
    return file;
}

/* A time long enough ago that a look at the file shows whether it has changed. */
static void settle(const char *path)
{
    struct timespec wait = { 0, 100000000 };
    struct stat st;

    do {
        nanosleep(&wait, NULL);
    } while (stat(path, &st) == 0 && time(NULL) - st.st_ctim.tv_sec <= 3);
}

static void test_kept(void)
{
    const char *path = path_of("kept");
    apr_pool_t *p;
    certmap_reread_t *file;
    certmap_kept_t *kept[1];
    const void *object;

    apr_pool_create(&p, pool);
    file = certmap_reread_create(path, CERTMAP_FILE_RULES, p);
    ok(certmap_reread_keep(file) == NULL, "nothing was read, and nothing is kept");
    write_file(path, "a allow ann issuer=\"CN=x,O=y\" subject.CN=a expires=2020-01-01\nb deny C=x subject.CN=b\n");
    check(file, "kept 0; 2:8", "a text with an error");
    ok(certmap_reread_keep(file) == NULL, "nothing is kept of it");
    write_file(path, "a allow ann issuer=\"C=x,CN=y\" subject.CN=a\n");
    check(file, "replaced 1 +a; 1:21", "a text with a warning");
    kept[0] = certmap_reread_keep(file);
    object = certmap_reread_object(file);
    apr_pool_destroy(p);
    is_str(certmap_ruleset_rule(object, 0)->file, path, "what is kept outlives the file that it was read by");
    file = next(path, CERTMAP_FILE_RULES, kept, "replaced 1 +a; 1:21", "the same text: its warning is reported again");
    ok(certmap_reread_object(file) == object, "it is taken as it was kept, and not parsed");
    check(file, "same 1", "and there is nothing new");
    settle(path);
    file = next(path, CERTMAP_FILE_RULES, kept, "replaced 1 +a; 1:21", "once more, the file at rest");
    chmod(path, 0);
    file = next(path, CERTMAP_FILE_RULES, kept, geteuid() == 0 ? "replaced 1 +a; 1:21" : "kept 0; Permission denied",
                "a file of another mode is read, its text compared");
    chmod(path, 0600);
    file = next(path, CERTMAP_FILE_ENTRIES, kept, "kept 0; 1:1", "what was read as rules is not taken for entries");
    write_file(path, "b deny subject.CN=b\n");
    file = next(path, CERTMAP_FILE_RULES, kept, "replaced 1 +b", "another text is parsed");
    ok(certmap_reread_object(file) != object, "and taken");
    write_file(path, "broken\n");
    file = next(path, CERTMAP_FILE_RULES, kept, "kept 0; 1:1", "a broken text");
    ok(certmap_reread_object(file) == NULL, "is not replaced by what was kept, unasked");
    restore(file, kept[0], "replaced 1 +a; 1:21", "what was kept is restored");
    check(file, "same 1", "the file has not changed since");
    write_file(path, "a allow ann subject.CN=a\n");
    check(file, "replaced 1 ~a", "now it has");
    certmap_kept_release(kept[0]);
}

/* A file that was changed just now may change again within the same tick of the clock. */
static void test_unsettled(void)
{
    const char *path = path_of("busy");
    certmap_reread_t *file = certmap_reread_create(path, CERTMAP_FILE_RULES, pool);
    int i;
    int seen = 0;

    for (i = 0; i < 200; i++) {
        const char *text = apr_psprintf(pool, "r%03d deny any\n", i);
        int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
        certmap_report_t report;

        if (fd < 0 || write(fd, text, strlen(text)) != (ssize_t)strlen(text)) {
            fixture_fail(path);
        }
        close(fd);
        certmap_reread_check(file, &report, pool);
        seen += report.outcome == CERTMAP_REREAD_REPLACED;
    }
    is_int(seen, 200, "200 texts of one size as fast as they can be written: each is seen");
}

/* ---- the source of a file ------------------------------------------------------------------------------------ */

static const char *ask(certmap_source_t *source, const certmap_cert_t *cert)
{
    certmap_lookup_t found;
    const char *why;
    apr_status_t rv = source->vtable->lookup(source, cert, &found, &why, pool);

    return rv != APR_SUCCESS ? apr_pstrcat(pool, "error: ", why, NULL)
           : found.has_deny  ? "deny"
           : found.has_allow ? found.allow.effect.user
                             : "nothing";
}

static void test_source(void)
{
    const certmap_cert_t *ann = person("CN", "ann", NULL);
    const char *path = path_of("entries");
    certmap_source_t *source = certmap_source_file_create(path, pool);
    certmap_reread_t *file = certmap_source_file_reread(source);

    is_str(source->name, apr_pstrcat(pool, "file ", path, NULL), "its name");
    is_str(source->vtable->name, "file", "its kind");
    is_str(ask(source, ann), "error: the file has not been read", "before the file is read nothing is answered");
    is_int((long long)source->vtable->generation(source), 0, "and there is no generation");
    check(file, "kept 0; No such file or directory", "no file");
    is_str(ask(source, ann), "error: the file has not been read", "a missing file is no answer either");
    write_file(path, "dn:CN=ann \"CN=Test CA\" ann groups=a,b note=\"n\"\n");
    check(file, "replaced 1", "an entry");
    is_str(ask(source, ann), "ann", "is found");
    is_int((long long)source->vtable->generation(source), 1, "in the first generation");
    write_file(path, "dn:CN=ann \"CN=Test CA\" bob\ndn:CN=ann \"CN=Test CA\" bob\n");
    check(file, "kept 1; 2:1", "a key twice");
    is_str(ask(source, ann), "ann", "the old one stays");
    write_file(path, "dn:CN=ann \"CN=Test CA\" bob\n");
    check(file, "replaced 1", "another user");
    is_str(ask(source, ann), "bob", "is found");
    is_int((long long)source->vtable->generation(source), 2, "in the second generation");
}

/* Everybody whose deny entry it might be is refused, whatever allows them. */
static void test_malformed(void)
{
    const certmap_cert_t *odd = person("CN", "ann", "odd", "0", NULL);
    const char *path = path_of("entries");
    certmap_source_t *source = certmap_source_file_create(path, pool);
    certmap_reread_t *file = certmap_source_file_reread(source);
    certmap_list_t list = { .source = source, .rules = rules_of("r allow u any") };
    certmap_list_t two = { .outer = &list, .source = certmap_source_file_create(path_of("none"), pool) };
    certmap_verdict_t good = { .reason = CERTMAP_R_NONE };
    certmap_decision_t d;

    write_file(path, apr_pstrcat(pool, "dn:CN=mallory \"CN=Test CA\" - deny\nsha256:", certmap_cert_sha256(odd),
                                 " ann\n", NULL));
    check(file, "replaced 2", "a deny entry under a name");
    certmap_decide(QUESTION(&list, odd, &good, CERTMAP_WEAK, NOW), &d, pool);
    is_str(in_a_word(&d), "malformed", "a certificate whose name is malformed is refused");
    is_str(d.source, source->name, "... by that source");
    is_str(d.detail, "it may deny by dn, and what that key is made of is malformed", "... and why");
    certmap_decide(QUESTION(&list, person("CN", "ann", "odd", "6", NULL), &good, CERTMAP_WEAK, NOW), &d, pool);
    is_str(in_a_word(&d), "=u", "one whose address is, is not");
    certmap_decide(QUESTION(&two, odd, &good, CERTMAP_WEAK, NOW), &d, pool);
    is_str(in_a_word(&d), "malformed", "that is certain, whatever other sources cannot say");
    write_file(path, "dn:CN=mallory \"CN=Test CA\" mallory\n");
    check(file, "replaced 1", "the same name, allowed");
    certmap_decide(QUESTION(&list, odd, &good, CERTMAP_WEAK, NOW), &d, pool);
    is_str(in_a_word(&d), "=u", "an allow entry that cannot be found maps nobody, and keeps nobody out");
}

typedef struct source_asker_t {
    certmap_source_t *source;
    const certmap_cert_t *cert;
    int *stop;
    int wrong;
    int asked;
} source_asker_t;

static void *ask_on(void *data)
{
    source_asker_t *a = data;

    while (!__atomic_load_n(a->stop, __ATOMIC_ACQUIRE) || a->asked == 0) {
        apr_pool_t *p;
        certmap_lookup_t found;
        const char *why;

        apr_pool_create(&p, NULL);
        a->wrong += a->source->vtable->lookup(a->source, a->cert, &found, &why, p) != APR_SUCCESS || !found.has_allow
                    || strncmp(found.allow.effect.user, "user", 4) != 0;
        a->asked++;
        apr_pool_destroy(p);
    }
    return NULL;
}

static void test_source_threads(void)
{
    const char *path = path_of("threads");
    certmap_source_t *source = certmap_source_file_create(path, pool);
    const certmap_cert_t *ann = person("CN", "ann", NULL);
    pthread_t threads[3];
    source_asker_t askers[3];
    int stop = 0;
    int replaced = 0;
    int i;

    write_file(path, "dn:CN=ann \"CN=Test CA\" user0\n");
    check(certmap_source_file_reread(source), "replaced 1", "the first text");
    for (i = 0; i < 3; i++) {
        askers[i] = (source_asker_t){ source, ann, &stop, 0, 0 };
        pthread_create(&threads[i], NULL, ask_on, &askers[i]);
    }
    for (i = 1; i <= 100; i++) {
        certmap_report_t report;

        write_file(path, apr_psprintf(pool, "dn:CN=ann \"CN=Test CA\" user%d\n", i));
        certmap_reread_check(certmap_source_file_reread(source), &report, pool);
        replaced += report.outcome == CERTMAP_REREAD_REPLACED;
    }
    __atomic_store_n(&stop, 1, __ATOMIC_RELEASE);
    for (i = 0; i < 3; i++) {
        pthread_join(threads[i], NULL);
        ok(askers[i].wrong == 0 && askers[i].asked > 0, "a thread asks while the file is replaced: always an answer");
    }
    is_int(replaced, 100, "the file was replaced a hundred times");
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
    test_slot();
    test_slot_threads();
    test_reread_rules();
    test_accept();
    test_kept();
    test_unsettled();
    test_source();
    test_malformed();
    test_source_threads();
    unlink(path_of("rules"));
    unlink(path_of("busy"));
    unlink(path_of("entries"));
    unlink(path_of("threads"));
    rmdir(directory);
    return fixture_done();
}
