/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a decision costs by the number and the kind of rules, what it costs to parse and compile them, and what the view
 * of a certificate costs. Each set of rules is measured in a process of its own, so that its memory can be measured.
 *
 *   bench_decide [MOST]      MOST: the greatest number of rules, 100000 if none is given
 */
#include <sys/wait.h>
#include <unistd.h>

#include "bench.h"
#include "fixture.h"
#include "decide/testing.h"
#include "rules/testing.h"

/* ---- rules and certificates ----------------------------------------------------------------------------------- */

/* Appends the conditions of rule i. */
typedef void conditions_fn(char *to, size_t size, unsigned i);

static void exact(char *to, size_t size, unsigned i)
{
    snprintf(to, size, "subject.O=\"Example Ltd\" subject.CN=user%06u", i);
}

static void wildcard(char *to, size_t size, unsigned i)
{
    switch (i % 3) {
    case 0:
        snprintf(to, size, "subject.CN=user%06u*", i);
        break;
    case 1:
        snprintf(to, size, "subject.CN=*ser%06u", i);
        break;
    default:
        snprintf(to, size, "san.uri=spiffe://*/user%06u/*", i);
        break;
    }
}

static void regex(char *to, size_t size, unsigned i)
{
    switch (i % 3) {
    case 0:
        snprintf(to, size, "subject.CN~user%06u(-[a-z]+)?", i);
        break;
    case 1:
        snprintf(to, size, "subject.CN~[a-z]*%06u", i);
        break;
    default:
        snprintf(to, size, "san.email~([^@]+)%06u@example\\.(org|net)", i);
        break;
    }
}

static void mixed(char *to, size_t size, unsigned i)
{
    switch (i % 10) {
    case 0:
    case 1:
        wildcard(to, size, i);
        break;
    case 2:
    case 3:
        regex(to, size, i);
        break;
    case 4:
        snprintf(to, size, "subject=\"CN=user%06u,O=Example Ltd,C=DE\"", i);
        break;
    case 5:
        snprintf(to, size, "issuer=\"CN=Issuing CA,O=Example Ltd,C=DE\" serial=%08x", 0x10000000 + i);
        break;
    case 6:
        snprintf(to, size, "san.ip=10.%u.%u.%u/32 subject.O=\"Example Ltd\"", i >> 16, i >> 8 & 255, i & 255);
        break;
    case 7:
        snprintf(to, size, "san.email=user%06u@example.org eku=clientAuth", i);
        break;
    default:
        exact(to, size, i);
        break;
    }
}

/* Each condition is shared by many rules, but no two of them by more than a few. */
static void grid(char *to, size_t size, unsigned i)
{
    snprintf(to, size, "subject.O=\"Org %u\" subject.OU=\"Unit %u\"", i % 317, i / 317);
}

/* The rules differ only in what cannot be looked up. */
static void shared(char *to, size_t size, unsigned i)
{
    snprintf(to, size, "subject.O=\"Example Ltd\" subject.CN=user* subject.CN~\\w+(%06u|x%u)", i, i);
}

static const struct {
    const char *name;
    conditions_fn *conditions;
} kinds[] = {
    { "exact", exact }, { "wildcard", wildcard }, { "regex", regex },
    { "mixed", mixed }, { "grid", grid },         { "shared", shared },
};

#define NKINDS (sizeof(kinds) / sizeof(kinds[0]))

/* The certificate that rule i, of any kind, maps; user number 999999 is mapped by none. */
static X509 *certificate(unsigned i)
{
    X509 *x = X509_new();
    X509_NAME *name = X509_get_subject_name(x);
    BIGNUM *serial = NULL;

    X509_set_version(x, X509_VERSION_3);
    ASN1_TIME_set_string(X509_getm_notBefore(x), "20250101000000Z");
    ASN1_TIME_set_string(X509_getm_notAfter(x), "20350101000000Z");
    X509_set_pubkey(x, fixture_key());
    BN_hex2bn(&serial, apr_psprintf(pool, "%08x", 0x10000000 + i));
    BN_to_ASN1_INTEGER(serial, X509_get_serialNumber(x));
    BN_free(serial);
    fixture_attribute(name, "C", "DE");
    fixture_attribute(name, "O", "Example Ltd");
    fixture_attribute(name, "CN", apr_psprintf(pool, "user%06u", i));
    name = X509_get_issuer_name(x);
    fixture_attribute(name, "C", "DE");
    fixture_attribute(name, "O", "Example Ltd");
    fixture_attribute(name, "CN", "Issuing CA");
    fixture_extension(x, "basicConstraints", "critical,CA:FALSE");
    fixture_extension(x, "keyUsage", "critical,digitalSignature");
    fixture_extension(x, "extendedKeyUsage", "clientAuth,emailProtection");
    fixture_extension(x, "subjectKeyIdentifier", "hash");
    fixture_extension(x, "subjectAltName",
                      apr_psprintf(pool,
                                   "email:user%06u@example.org,DNS:user%06u.example.org,"
                                   "URI:spiffe://x/user%06u/y,IP:10.%u.%u.%u,"
                                   "otherName:1.3.6.1.4.1.311.20.2.3;UTF8:user%06u@corp.example",
                                   i, i, i, i >> 16, i >> 8 & 255, i & 255, i));
    if (!X509_sign(x, fixture_key(), EVP_sha256())) {
        fixture_fail("no certificate");
    }
    return x;
}

static const certmap_cert_t *view(unsigned i)
{
    X509 *x = certificate(i);
    const certmap_cert_t *cert;

    if (certmap_cert_create(x, &cert, pool) != APR_SUCCESS) {
        fixture_fail("no view");
    }
    X509_free(x);
    return cert;
}

/* For the grid, whose rules are about organizations and units. */
static const certmap_cert_t *grid_view(unsigned i, int none)
{
    return person("C", "DE", "O", apr_psprintf(pool, "Org %u", i % 317), "OU",
                  none ? "Unit none" : apr_psprintf(pool, "Unit %u", i / 317), "CN", "user000000", NULL);
}

static char *rules_text(conditions_fn *conditions, unsigned n)
{
    size_t size = (size_t)n * 160 + 1;
    char *text = malloc(size);
    char *at = text;
    char some[160];
    unsigned i;

    for (i = 0; i < n && text != NULL; i++) {
        conditions(some, sizeof(some), i);
        at += snprintf(at, size - (size_t)(at - text), "rule-%u allow u%u %s\n", i, i, some);
    }
    return text;
}

/* ---- measuring ------------------------------------------------------------------------------------------------ */

typedef struct deciding_t {
    certmap_list_t list;
    const certmap_cert_t *cert;
    certmap_verdict_t verdict;
    int plain;
    certmap_decision_t d;
    apr_pool_t *pool;
} deciding_t;

static void decide(void *arg)
{
    deciding_t *a = arg;

    (a->plain ? certmap_decide_plain : certmap_decide)(QUESTION(&a->list, a->cert, &a->verdict, CERTMAP_WEAK, NOW),
                                                       &a->d, a->pool);
    apr_pool_clear(a->pool);
}

/* One decision's cost; what it decides is checked, too. */
static double cost(deciding_t *a, const certmap_cert_t *cert, const char *rule, int plain, double seconds)
{
    double ns;

    a->cert = cert;
    a->plain = plain;
    ns = bench_ns(decide, a, seconds);
    if ((a->d.rule == NULL) != (rule == NULL) || (rule != NULL && strcmp(rule, a->d.rule->name) != 0)) {
        printf("wrong decision: %s instead of %s\n", a->d.rule ? a->d.rule->name : "none", rule ? rule : "none");
        exit(1);
    }
    return ns;
}

#define MANY 512

typedef struct many_t {
    deciding_t *deciding;
    const certmap_cert_t *certs[MANY];
    unsigned next;
    unsigned mapped;
} many_t;

static void decide_next(void *arg)
{
    many_t *m = arg;

    m->deciding->cert = m->certs[m->next++ % MANY];
    decide(m->deciding);
    m->mapped += m->deciding->d.outcome == CERTMAP_MAPPED;
}

/* Certificates of many users in turn, mapped by rules at any place: what caches no longer hold counts. */
static double cost_of_many(deciding_t *a, size_t kind, unsigned n)
{
    many_t m = { .deciding = a };
    unsigned i;
    double ns;

    for (i = 0; i < MANY; i++) {
        unsigned user = (unsigned)((apr_uint64_t)i * 2654435761u % n);

        m.certs[i] = kinds[kind].conditions == grid ? grid_view(user, 0) : view(user);
    }
    a->plain = 0;
    ns = bench_ns(decide_next, &m, 0.3);
    if (m.mapped != m.next) {
        printf("wrong decision: %u of %u mapped\n", m.mapped, m.next);
        exit(1);
    }
    return ns;
}

/* What is reported about one set. */
typedef struct decide_row_t {
    double load; /* seconds */
    double megabytes;
    double peak;
    double first; /* nanoseconds */
    double last;
    double many;
    double none;
    double plain; /* none, without the index */
} decide_row_t;

static void measure(size_t kind, unsigned n, decide_row_t *row)
{
    deciding_t a = { .verdict = { .reason = CERTMAP_R_NONE } };
    int is_grid = kinds[kind].conditions == grid;
    char *text = rules_text(kinds[kind].conditions, n);
    double start;
    double before;
    certmap_list_t list = { .rules = NULL };

    bench_forget_peak();
    before = bench_memory("VmRSS:");
    start = bench_cpu();
    list.rules = rules_of(text);
    row->load = bench_cpu() - start;
    row->megabytes = bench_memory("VmRSS:") - before;
    row->peak = bench_memory("VmHWM:") - before;
    free(text);
    a.list = list;
    apr_pool_create(&a.pool, pool);
    row->first = cost(&a, is_grid ? grid_view(0, 0) : view(0), "rule-0", 0, 0.2);
    row->last = cost(&a, is_grid ? grid_view(n - 1, 0) : view(n - 1), apr_psprintf(pool, "rule-%u", n - 1), 0, 0.2);
    row->many = cost_of_many(&a, kind, n);
    row->none = cost(&a, is_grid ? grid_view(0, 1) : view(999999), NULL, 0, 0.2);
    row->plain = cost(&a, is_grid ? grid_view(0, 1) : view(999999), NULL, 1, 0.2);
}

/* Measures in a process of its own. */
static decide_row_t measured(size_t kind, unsigned n)
{
    decide_row_t row = { 0 };
    int pipes[2];
    pid_t child = -1;

    fflush(stdout);
    if (pipe(pipes) != 0 || (child = fork()) < 0) {
        fixture_fail("no process");
    }
    if (child == 0) {
        close(pipes[0]);
        measure(kind, n, &row);
        _exit(write(pipes[1], &row, sizeof(row)) == (ssize_t)sizeof(row) ? 0 : 1);
    }
    close(pipes[1]);
    if (read(pipes[0], &row, sizeof(row)) != (ssize_t)sizeof(row)) {
        exit(1);
    }
    close(pipes[0]);
    waitpid(child, NULL, 0);
    return row;
}

static void make_view(void *arg)
{
    X509 *x = ((void **)arg)[0];
    apr_pool_t *p = ((void **)arg)[1];
    const certmap_cert_t *cert;

    if (certmap_cert_create(x, &cert, p) != APR_SUCCESS || certmap_cert_malformed(cert) != NULL) {
        fixture_fail("no view");
    }
    apr_pool_clear(p);
}

static void bench_view(void)
{
    void *arg[2] = { certificate(7), NULL };
    apr_pool_t *p;

    apr_pool_create(&p, pool);
    arg[1] = p;
    printf("view of a certificate (3 + 3 attributes, 5 extensions, 5 SANs): %.1f us\n\n",
           bench_ns(make_view, arg, 0.3) / 1000);
    X509_free(arg[0]);
}

static unsigned count_of(const char *text)
{
    return text ? (unsigned)strtoul(text, NULL, 10) : 100000;
}

int main(int argc, char **argv)
{
    unsigned most = count_of(argc > 1 ? argv[1] : NULL);
    size_t k;

    fixture_start();
    bench_view();
    printf("%-9s %7s | %8s %6s %6s | %9s %9s %9s %9s %7s | %9s\n", "rules", "number", "load, ms", "MB", "peak",
           "first, us", "last, us", "many, us", "none, us", ": 100", "plain, us");
    for (k = 0; k < NKINDS; k++) {
        double hundred = 0;
        unsigned n;

        for (n = 10; n <= most; n *= 10) {
            decide_row_t r = measured(k, n);

            hundred = n == 100 ? r.none : hundred;
            printf("%-9s %7u | %8.1f %6.1f %6.1f | %9.2f %9.2f %9.2f %9.2f ", kinds[k].name, n, r.load * 1e3,
                   r.megabytes, r.peak, r.first / 1e3, r.last / 1e3, r.many / 1e3, r.none / 1e3);
            printf("%7s | %9.1f\n", n < 100 ? "" : apr_psprintf(pool, "%.2f", r.none / hundred), r.plain / 1e3);
        }
    }
    EVP_PKEY_free(fixture_key());
    return 0;
}
