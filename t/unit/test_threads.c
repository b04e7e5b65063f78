/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What runs at the same time in a server with threads: decisions over shared rules about shared and own certificates,
 * rules replaced while they are read, and what a connection remembers (httpd/peer.c, which needs httpd's types and none
 * of its functions). An ordinary test of the answers; under ThreadSanitizer also one of every access.
 */
#include <pthread.h>

#include <apr_thread_mutex.h>
#include <apr_thread_proc.h>

#include "fixture.h"
#include "peer.h"

enum {
    THREADS = 6,
    ROUNDS = 400,
    GENERATIONS = 60,
    PEOPLE = 6,
    STRANGER = 5,
    CONNECTIONS = 100,
    REQUESTS = 8
};

static const char outer_text[] =
    "mallory deny subject.CN=person-3\n"
    "numbered allow %{1}-%{subject.OU:lower} \"subject.CN~^person-([01])$\" subject.OU=Staff groups=staff,people\n";
static const char inner_text[] = "short allow temporary subject.CN=person-2 expires=2026-07-01\n"
                                 "guests allow guest-%{subject.CN:lower} subject.OU=Guests subject.CN!=person-5\n";

/* Leaves, their views and what the rules say of them, found out alone before the threads start. */
static struct {
    X509 *x509;
    unsigned char *der;
    int len;
    const certmap_cert_t *cert;
    const char *alone;
} people[PEOPLE];

static const char *const answers[PEOPLE] = {
    "=0-staff", "=1-staff", "=temporary", "denied-by-rule", "=guest-person-4", [STRANGER] = "no-match",
};

static certmap_list_t outer, inner;
static const certmap_verdict_t verified = { .reason = CERTMAP_R_NONE };

/* ---- threads ------------------------------------------------------------------------------------------------- */

/* One thread: only the main thread writes TAP, so this one counts what went wrong and keeps the first of it. */
typedef struct thread_worker_t {
    int number;
    apr_thread_t *thread;
    apr_pool_t *pool; /* of its own, emptied after each round */
    long done;
    long wrong;
    char first[160];
    void (*body)(struct thread_worker_t *w);
} thread_worker_t;

static pthread_barrier_t start;

static void is_right(thread_worker_t *w, const char *got, const char *expected)
{
    w->done++;
    if (strcmp(got, expected) != 0 && w->wrong++ == 0) {
        apr_snprintf(w->first, sizeof(w->first), "got %s, expected %s", got, expected);
    }
}

static const char *word(const certmap_decision_t *d, apr_pool_t *p)
{
    return d->outcome == CERTMAP_MAPPED ? apr_pstrcat(p, "=", d->effect.user, NULL) : certmap_reason_name(d->reason);
}

static void *APR_THREAD_FUNC run(apr_thread_t *thread, void *data)
{
    thread_worker_t *w = data;

    (void)thread;
    pthread_barrier_wait(&start);
    w->body(w);
    return NULL;
}

/* One test: all threads at once, first in the first one and others in the rest. */
static void at_once(void (*first)(thread_worker_t *), void (*others)(thread_worker_t *), const char *what)
{
    static thread_worker_t workers[THREADS];
    apr_threadattr_t *attr;
    long done = 0;
    long wrong = 0;
    int i;

    memset(workers, 0, sizeof(workers));
    apr_threadattr_create(&attr, pool);
    pthread_barrier_init(&start, NULL, THREADS);
    for (i = 0; i < THREADS; i++) {
        workers[i].number = i;
        workers[i].body = i ? others : first;
        apr_pool_create(&workers[i].pool, NULL);
        if (apr_thread_create(&workers[i].thread, attr, run, &workers[i], pool) != APR_SUCCESS) {
            fixture_fail("no thread");
        }
    }
    for (i = 0; i < THREADS; i++) {
        apr_status_t status;

        apr_thread_join(&status, workers[i].thread);
        done += workers[i].done;
        wrong += workers[i].wrong;
        if (workers[i].wrong) {
            diag("thread %d: %ld of %ld wrong: %s", i, workers[i].wrong, workers[i].done, workers[i].first);
        }
        apr_pool_destroy(workers[i].pool);
    }
    pthread_barrier_destroy(&start);
    ok(done >= THREADS && wrong == 0, "%s: %ld answers, all right", what, done);
}

/* ---- shared rules -------------------------------------------------------------------------------------------- */

static void decide_same(thread_worker_t *w)
{
    int i;

    for (i = 0; i < ROUNDS; i++) {
        certmap_decision_t d = { .outcome = CERTMAP_UNDECIDED };

        certmap_decide(QUESTION(&inner, people[0].cert, &verified, CERTMAP_WEAK, NOW), &d, w->pool);
        is_right(w, word(&d, w->pool), answers[0]);
        apr_pool_clear(w->pool);
    }
}

static void decide_different(thread_worker_t *w)
{
    int i;

    for (i = 0; i < ROUNDS; i++) {
        int who = (w->number + i) % PEOPLE;
        certmap_decision_t d = { .outcome = CERTMAP_UNDECIDED };

        certmap_decide(QUESTION(&inner, people[who].cert, &verified, CERTMAP_WEAK, NOW), &d, w->pool);
        is_right(w, word(&d, w->pool), answers[who]);
        apr_pool_clear(w->pool);
    }
}

static void explain_different(thread_worker_t *w)
{
    int i;

    for (i = 0; i < ROUNDS / 4; i++) {
        int who = (w->number + i) % PEOPLE;
        certmap_decision_t d = { .outcome = CERTMAP_UNDECIDED };
        certmap_trace_t *trace = NULL;
        const certmap_rule_t *rule;
        const certmap_cond_t *failed;

        certmap_explain(QUESTION(&inner, people[who].cert, &verified, CERTMAP_WEAK, NOW), &d, &trace, w->pool);
        is_right(w, word(&d, w->pool), answers[who]);
        is_right(w, apr_itoa(w->pool, trace ? (int)trace->nrules : -1), "4");
        certmap_nearest(QUESTION(&inner, people[STRANGER].cert, &verified, CERTMAP_WEAK, 0), 32, &rule, &failed,
                        w->pool);
        is_right(w, rule ? rule->name : "none", "guests");
        apr_pool_clear(w->pool);
    }
}

/* A certificate arrives on each connection: the digests that certmap_engine_init() fetched are shared. */
static void view_different(thread_worker_t *w)
{
    int i;

    for (i = 0; i < ROUNDS / 4; i++) {
        int who = (w->number + i) % PEOPLE;
        const certmap_cert_t *cert = NULL;
        certmap_decision_t d = { .outcome = CERTMAP_UNDECIDED };

        certmap_cert_create_der(people[who].der, (apr_size_t)people[who].len, &cert, w->pool);
        certmap_decide(QUESTION(&inner, cert, &verified, CERTMAP_WEAK, NOW), &d, w->pool);
        is_right(w, word(&d, w->pool), answers[who]);
        is_right(w, certmap_cert_sha256(cert), certmap_cert_sha256(people[who].cert));
        apr_pool_clear(w->pool);
    }
}

/* ---- generations --------------------------------------------------------------------------------------------- */

/* Rules that are replaced while they are read: a reader holds what it found, the last one to let go frees it. */
typedef struct generation_t {
    apr_pool_t *pool;
    certmap_list_t list;
    int number;
    int holders;
} generation_t;

static apr_thread_mutex_t *swap_lock;
static generation_t *current;
static int freed, last_seen[THREADS];

static generation_t *grab(void)
{
    generation_t *g;

    apr_thread_mutex_lock(swap_lock);
    g = current;
    g->holders++;
    apr_thread_mutex_unlock(swap_lock);
    return g;
}

static void let_go(generation_t *g)
{
    int left;

    apr_thread_mutex_lock(swap_lock);
    left = --g->holders;
    freed += left == 0;
    apr_thread_mutex_unlock(swap_lock);
    if (left == 0) {
        apr_pool_destroy(g->pool);
    }
}

/* Compiled in a pool of its own while others decide, then published; the one before loses its first holder. */
static void publish(int number)
{
    apr_pool_t *p;
    generation_t *g, *before;
    certmap_builder_t *b;
    const char *text;

    apr_pool_create(&p, NULL);
    g = apr_pcalloc(p, sizeof(*g));
    g->pool = p;
    g->number = number;
    g->holders = 1;
    text = apr_psprintf(p, "g%d allow generation-%d-%%{1} \"subject.CN~^person-([0-9])$\"\n", number, number);
    b = certmap_builder_create(p);
    if (certmap_builder_add_file_text(b, (certmap_str_t){ text, strlen(text) }, "generation") != APR_SUCCESS) {
        fixture_fail(text);
    }
    g->list.rules = certmap_builder_finish(b);
    apr_thread_mutex_lock(swap_lock);
    before = current;
    current = g;
    apr_thread_mutex_unlock(swap_lock);
    if (before) {
        let_go(before);
    }
}

static void replace_rules(thread_worker_t *w)
{
    int i;

    for (i = 1; i <= GENERATIONS; i++) {
        publish(i);
        w->done++;
        apr_thread_yield();
    }
}

static void decide_replaced(thread_worker_t *w)
{
    generation_t *g;

    do {
        int who = (int)(w->done % PEOPLE);
        certmap_decision_t d = { .outcome = CERTMAP_UNDECIDED };

        g = grab();
        certmap_decide(QUESTION(&g->list, people[who].cert, &verified, CERTMAP_WEAK, NOW), &d, w->pool);
        is_right(w, word(&d, w->pool), apr_psprintf(w->pool, "=generation-%d-%d", g->number, who));
        is_right(w, g->number >= last_seen[w->number] ? "newer" : "older", "newer");
        last_seen[w->number] = g->number;
        let_go(g);
        apr_pool_clear(w->pool);
    } while (last_seen[w->number] < GENERATIONS);
}

static void test_generations(void)
{
    apr_thread_mutex_create(&swap_lock, APR_THREAD_MUTEX_DEFAULT, pool);
    publish(0);
    at_once(replace_rules, decide_replaced, "rules replaced while others decide by them");
    is_int(freed, GENERATIONS, "every generation but the last is freed");
    is_int(current->holders, 1, "and nobody holds the last one any more");
    let_go(current);
}

/* ---- what a connection remembers ------------------------------------------------------------------------------ */

static certmap_link_t outer_link, inner_link;
static const certmap_links_t outer_links = { NULL, &outer_link }, inner_links = { &outer_links, &inner_link };
static certmap_conn_t connections[CONNECTIONS];
static certmap_conn_t *const connection = &connections[0];
static certmap_tls_record_t records[3];

/* What each thread met: three decisions and the view. */
static const void *met[THREADS][CONNECTIONS][4];

/* The streams of an HTTP/2 connection: the same and different lists, asked for the first time by all at once. */
static void ask_streams(thread_worker_t *w, certmap_conn_t *conn, const void **mine)
{
    int i;

    for (i = 0; i < REQUESTS; i++) {
        const certmap_peer_t *peer = certmap_peer(conn);
        int which = (w->number + i) % 3;
        /* httpd merges sections for each request: the links of a chain differ every time, its parts do not */
        certmap_links_t first = { NULL, &outer_link };
        certmap_links_t merged = { which == 0 ? &first : NULL, which == 2 ? &outer_link : &inner_link };
        const certmap_memo_t *memo = peer ? certmap_peer_decide(conn, peer, &merged, CERTMAP_WEAK, NOW, w->pool) : NULL;

        is_right(w, memo ? word(&memo->decision, w->pool) : "no memo", which == 1 ? "no-match" : answers[0]);
        is_right(w, !mine[which] || mine[which] == memo ? "the same" : "another", "the same");
        is_right(w, !mine[3] || mine[3] == peer ? "the same" : "another", "the same");
        mine[which] = memo;
        mine[3] = peer;
        apr_pool_clear(w->pool);
    }
}

static void ask_memo(thread_worker_t *w)
{
    int n;

    for (n = 0; n < CONNECTIONS; n++) {
        pthread_barrier_wait(&start);
        ask_streams(w, &connections[n], met[w->number][n]);
    }
}

/* The clock passes an expires=: the early may meet either decision, but no third one, the late only the later. */
static void ask_expiring(thread_worker_t *w)
{
    const certmap_peer_t *peer = certmap_peer(connection);
    const apr_time_t end = NOW + apr_time_from_sec(86400 * 30);
    int i;

    for (i = 0; peer && i < ROUNDS; i++) {
        apr_time_t now = i < ROUNDS / 2 ? NOW : end;
        const certmap_memo_t *memo = certmap_peer_decide(connection, peer, &inner_links, CERTMAP_WEAK, now, w->pool);
        const char *got = memo ? word(&memo->decision, w->pool) : "no memo";
        int early = now == NOW && strcmp(got, "=temporary") == 0;

        is_right(w, early ? "mapping-expired" : got, "mapping-expired");
        apr_pool_clear(w->pool);
    }
}

#define DAY apr_time_from_sec(86400)

static apr_time_t today;
static const char *days; /* that are left then */
static int tellings;     /* under the lock of the connection that is asked */

/* The environment that a mapped request is given. */
static void tell(const certmap_peer_t *peer, const certmap_memo_t *memo, certmap_told_t *told, apr_pool_t *p)
{
    (void)peer;
    tellings++;
    apr_table_setn(told->env, "user", memo->decision.effect.user);
    apr_table_setn(told->env, "days", apr_ltoa(p, told->days_left));
}

static void ask_told(thread_worker_t *w)
{
    int n, i;

    for (n = 0; n < CONNECTIONS; n++) {
        const certmap_peer_t *peer = certmap_peer(&connections[n]);
        const certmap_memo_t *memo = certmap_peer_decide(&connections[n], peer, &inner_links, CERTMAP_WEAK, NOW,
                                                         w->pool);

        pthread_barrier_wait(&start);
        for (i = 0; i < REQUESTS; i++) {
            const certmap_told_t *told = certmap_peer_told(&connections[n], peer, memo, today, tell);

            is_right(w, apr_table_get(told->env, "user"), memo->decision.effect.user);
            is_right(w, apr_table_get(told->env, "days"), days);
            apr_pool_clear(w->pool);
        }
    }
}

/* The number of days that are left changes in one microsecond, and a clock may be put back. */
static void test_days(const certmap_peer_t *peer, const certmap_memo_t *memo)
{
    static const struct {
        apr_time_t left;
        const char *days;
    } rows[] = {
        { 9 * DAY, "9" }, { 9 * DAY - 1, "8" }, { 8 * DAY, "8" }, { 8 * DAY - 1, "7" }, { DAY, "1" },
        { DAY - 1, "0" }, { 0, "0" },           { -DAY, "0" },    { -9 * DAY, "0" },    { 9 * DAY + 1, "9" },
    };
    apr_size_t i;

    for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        apr_time_t now = certmap_cert_not_after(peer->cert) - rows[i].left;
        const certmap_told_t *told = certmap_peer_told(connection, peer, memo, now, tell);

        is_str(apr_table_get(told->env, "days"), rows[i].days, "days that are left");
        ok(certmap_peer_told(connection, peer, memo, now, tell) == told, "asked again, they are not made again");
    }
}

static int memos_of(const certmap_peer_t *peer)
{
    const certmap_memo_t *memo;
    int n = 0;

    for (memo = peer->memos; memo; memo = memo->next) {
        n++;
    }
    return n;
}

static void test_memo(void)
{
    const certmap_peer_t *peer, *second, *third;
    const certmap_memo_t *memo;
    int i, n, different = 0, often = 0;

    for (i = 0; i < 3; i++) {
        records[i] = (certmap_tls_record_t){ .epoch = (apr_uint32_t)i + 1, .leaf = people[i ? 2 : 0].x509 };
    }
    outer_link.rules = outer.rules;
    inner_link.rules = inner.rules;
    is_int(certmap_peer_prepare(pool), APR_SUCCESS, "connections will share an allocator");
    ok(certmap_peer(connection) == NULL, "no verification, no peer");
    for (n = 0; n < CONNECTIONS; n++) {
        apr_thread_mutex_create(&connections[n].lock, APR_THREAD_MUTEX_DEFAULT, pool);
        connections[n].record = &records[0];
    }
    at_once(ask_memo, ask_memo, "streams of the same connection");
    for (n = 0; n < CONNECTIONS; n++) {
        for (i = 1; i < THREADS; i++) {
            different += memcmp(met[0][n], met[i][n], sizeof(met[0][n])) != 0;
        }
        peer = certmap_peer(&connections[n]);
        different += met[0][n][3] != peer;
        often += memos_of(peer) != 3;
    }
    is_int(different, 0, "all of them met the same view and the same three decisions");
    is_int(often, 0, "which were made once each");
    peer = certmap_peer(connection);
    memo = certmap_peer_decide(connection, peer, &inner_links, CERTMAP_WEAK, NOW, pool);
    is_str(memo->groups, "staff,people", "with their groups in one line");
    today = certmap_cert_not_after(peer->cert) - 9 * DAY;
    days = "9";
    at_once(ask_told, ask_told, "what requests are given");
    today++;
    days = "8";
    at_once(ask_told, ask_told, "what they are given the day after");
    is_int(tellings, 2 * CONNECTIONS, "made once a day for each");
    test_days(peer, memo);
    is_str(peer->not_after, "2035-01-01T00:00:00Z", "and the certificate's end");
    memo = certmap_peer_decide(connection, peer, &inner_links, CERTMAP_STRONG, NOW, pool);
    is_str(certmap_reason_name(memo->decision.reason), "mapping-too-weak", "another minimum is another decision");
    is_int(memos_of(peer), 4, "beside the others");

    connection->record = &records[1];
    second = certmap_peer(connection);
    ok(second != peer && second->record == &records[1], "after another verification there is another peer");
    ok(second->older == peer, "and the one before may still be read");
    at_once(ask_expiring, ask_expiring, "a mapping that runs out");
    is_int(memos_of(second), 2, "decided once before and once after");
    connection->record = &records[2];
    third = certmap_peer(connection);
    ok(third->older == second && second->older == peer, "all stay while the connection lasts");
    for (n = 0; n < CONNECTIONS; n++) {
        certmap_peer_closed(&connections[n]);
    }
    ok(connection->peer == NULL, "nothing is left when the connection ends");
}

/* -------------------------------------------------------------------------------------------------------------- */

static X509 *leaf(int number)
{
    X509 *x = X509_new();
    X509_NAME *subject = X509_get_subject_name(x);

    X509_set_version(x, X509_VERSION_3);
    ASN1_INTEGER_set(X509_get_serialNumber(x), 1000 + number);
    ASN1_TIME_set_string(X509_getm_notBefore(x), "20250101000000Z");
    ASN1_TIME_set_string(X509_getm_notAfter(x), "20350101000000Z");
    fixture_attribute(subject, "CN", apr_psprintf(pool, "person-%d", number));
    fixture_attribute(subject, "OU", number < 2 ? "Staff" : "Guests");
    fixture_attribute(X509_get_issuer_name(x), "CN", "Test CA");
    if (!X509_set_pubkey(x, fixture_key()) || !X509_sign(x, fixture_key(), EVP_sha256())) {
        fixture_fail("no certificate");
    }
    return x;
}

int main(void)
{
    int i;

    fixture_start();
    plan(0);
    outer.rules = rules_of(outer_text);
    inner.rules = rules_of(inner_text);
    inner.outer = &outer;
    for (i = 0; i < PEOPLE; i++) {
        certmap_decision_t d;

        people[i].x509 = leaf(i);
        people[i].len = i2d_X509(people[i].x509, &people[i].der);
        if (certmap_cert_create(people[i].x509, &people[i].cert, pool) != APR_SUCCESS
            || certmap_decide(QUESTION(&inner, people[i].cert, &verified, CERTMAP_WEAK, NOW), &d, pool)
                   != APR_SUCCESS) {
            fixture_fail("no view");
        }
        is_str(in_a_word(&d), answers[i], apr_psprintf(pool, "person %d, asked alone", i));
    }
    at_once(decide_same, decide_same, "one certificate, shared rules");
    at_once(decide_different, decide_different, "several certificates, shared rules");
    at_once(decide_different, explain_different, "explained while decided");
    at_once(view_different, view_different, "views made at once");
    test_generations();
    test_memo();
    for (i = 0; i < PEOPLE; i++) {
        X509_free(people[i].x509);
        OPENSSL_free(people[i].der);
    }
    return fixture_done();
}
