/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The same question put to libsss_certmap, where it can express it: which of so many regexes on the subject does a
 * certificate match? Built and run by "make bench" only where that library is installed.
 *
 *   bench_sssd [MOST]        MOST: the greatest number of rules, 10000 if none is given; loading grows as its square
 */
#include <sss_certmap.h>

#include "bench.h"
#include "fixture.h"

/* A certificate of CN=user999999, which no rule is about. */
static unsigned char *certificate(int *len)
{
    X509 *x = X509_new();
    unsigned char *der = NULL;

    X509_set_version(x, X509_VERSION_3);
    ASN1_INTEGER_set(X509_get_serialNumber(x), 7);
    X509_gmtime_adj(X509_getm_notBefore(x), 0);
    X509_gmtime_adj(X509_getm_notAfter(x), 86400);
    X509_set_pubkey(x, fixture_key());
    fixture_attribute(X509_get_subject_name(x), "C", "DE");
    fixture_attribute(X509_get_subject_name(x), "O", "Example Ltd");
    fixture_attribute(X509_get_subject_name(x), "CN", "user999999");
    fixture_attribute(X509_get_issuer_name(x), "CN", "Issuing CA");
    fixture_extension(x, "keyUsage", "critical,digitalSignature");
    fixture_extension(x, "extendedKeyUsage", "clientAuth");
    if (!X509_sign(x, fixture_key(), EVP_sha256()) || (*len = i2d_X509(x, &der)) <= 0) {
        fixture_fail("no certificate");
    }
    X509_free(x);
    return der;
}

typedef struct matching_t {
    struct sss_certmap_ctx *ctx;
    unsigned char *der;
    int len;
    int rc;
} matching_t;

static void match(void *arg)
{
    matching_t *m = arg;

    m->rc = sss_certmap_match_cert(m->ctx, m->der, (size_t)m->len);
}

int main(int argc, char **argv)
{
    unsigned most = argc > 1 ? (unsigned)strtoul(argv[1], NULL, 10) : 10000;
    matching_t m = { .ctx = NULL };
    unsigned n;
    unsigned i;

    fixture_start();
    m.der = certificate(&m.len);
    printf("%-14s %7s | %9s | %9s\n", "libsss_certmap", "rules", "load, ms", "none, us");
    for (n = 10; n <= most; n *= 10) {
        double start = bench_cpu();
        double load;

        if (sss_certmap_init(NULL, NULL, NULL, &m.ctx) != 0) {
            fixture_fail("sss_certmap_init");
        }
        for (i = 0; i < n; i++) {
            const char *rule = apr_psprintf(pool, "<SUBJECT>^CN=user%06u,.*$", i);

            if (sss_certmap_add_rule(m.ctx, i + 1, rule, "LDAP:(uid=x)", NULL) != 0) {
                fixture_fail(rule);
            }
        }
        load = bench_cpu() - start;
        printf("%-14s %7u | %9.1f | %9.1f\n", "", n, load * 1e3, bench_ns(match, &m, 0.3) / 1e3);
        if (m.rc == 0) {
            fixture_fail("a rule matches");
        }
        sss_certmap_free_ctx(m.ctx);
    }
    OPENSSL_free(m.der);
    EVP_PKEY_free(fixture_key());
    return 0;
}
