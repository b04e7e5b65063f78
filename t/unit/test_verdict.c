/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file t/unit/test_verdict.c
 * @brief Reasons, strengths and the table from OpenSSL's verification errors to reasons.
 */
#include <stdlib.h>

#include <apr_general.h>
#include <apr_strings.h>
#include <openssl/x509_vfy.h>

#include "x509/testing.h"
#include "tap.h"

static apr_pool_t *pool;

/** The table of docs/refusals.md, in its order, which is the order of precedence. */
static const struct {
    const char *name;
    const char *status;
    int http;
    int substatus;
    int verification;
} reasons[] = {
    { "none", "200", 200, 0, 0 },
    { "malformed", "403.16", 403, 16, 0 },
    { "self-signed", "403.16", 403, 16, 1 },
    { "untrusted-issuer", "403.16", 403, 16, 1 },
    { "bad-signature", "403.16", 403, 16, 1 },
    { "issuer-expired", "403.16", 403, 16, 1 },
    { "chain-too-long", "403.16", 403, 16, 1 },
    { "constraint-violation", "403.16", 403, 16, 1 },
    { "wrong-purpose", "403.16", 403, 16, 1 },
    { "revoked", "403.13", 403, 13, 1 },
    { "revocation-unknown", "403.13", 403, 13, 1 },
    { "expired", "403.17", 403, 17, 1 },
    { "not-yet-valid", "403.17", 403, 17, 1 },
    { "ssl-required", "403.4", 403, 4, 0 },
    { "certificate-missing", "403.7", 403, 7, 0 },
    { "certificate-not-requestable", "403.7", 403, 7, 0 },
    { "denied-by-source", "403.12", 403, 12, 0 },
    { "denied-by-rule", "403.12", 403, 12, 0 },
    { "mapping-expired", "403.12", 403, 12, 0 },
    { "mapping-too-weak", "403.12", 403, 12, 0 },
    { "user-invalid", "403.12", 403, 12, 0 },
    { "ambiguous", "403.12", 403, 12, 0 },
    { "no-match", "403.12", 403, 12, 0 },
    { "user-denied", "403.12", 403, 12, 0 },
    { "source-unavailable", "503", 503, 0, 0 },
};

static void test_reasons(void)
{
    int i;

    is_int(sizeof(reasons) / sizeof(reasons[0]), CERTMAP_R_COUNT, "the table has every reason");
    for (i = 0; i < CERTMAP_R_COUNT; i++) {
        certmap_reason_e r = (certmap_reason_e)i;

        is_str(certmap_reason_name(r), reasons[i].name, reasons[i].name);
        is_str(certmap_reason_status(r), reasons[i].status, "  status");
        is_int(certmap_reason_http(r), reasons[i].http, "  http");
        is_int(certmap_reason_substatus(r), reasons[i].substatus, "  substatus");
        is_int(certmap_reason_is_verification(r), reasons[i].verification, "  verification");
    }
    is_int(certmap_reason_http((certmap_reason_e)99), 403, "what is no reason refuses");
    is_int(certmap_reason_http((certmap_reason_e)-1), 403, "either side");
}

static void test_strengths(void)
{
    certmap_strength_e s = CERTMAP_WEAK;

    is_str(certmap_strength_name(CERTMAP_WEAK), "weak", "weak");
    is_str(certmap_strength_name(CERTMAP_SCOPED), "scoped", "scoped");
    is_str(certmap_strength_name(CERTMAP_STRONG), "strong", "strong");
    ok(certmap_strength_parse("Strong", &s) == APR_SUCCESS && s == CERTMAP_STRONG, "read in any case");
    ok(certmap_strength_parse("scoped", &s) == APR_SUCCESS && s == CERTMAP_SCOPED, "scoped is read");
    is_int(certmap_strength_parse("stronger", &s), APR_NOTFOUND, "stronger is none");
    is_int(certmap_strength_parse("", &s), APR_NOTFOUND, "nor is nothing");
    is_int(certmap_strength_parse(NULL, &s), APR_NOTFOUND, "nor NULL");
}

/** Every code of OpenSSL up to 4.0, by its number: the headers that this is compiled with may be older. */
#define SELF "self-signed"
#define TRUST "untrusted-issuer"
#define SIGN "bad-signature"
#define LIMIT "constraint-violation"
#define STALE "revocation-unknown"
#define OLD "issuer-expired"
#define USE "wrong-purpose"

#define LAST_CODE 104

static const struct {
    int from;
    int to;
    const char *leaf;
    const char *above;
} causes[] = {
    { 1, 2, TRUST, TRUST }, /* unspecified; no issuer */
    { 3, 3, STALE, STALE }, /* no CRL */
    { 4, 4, SIGN, SIGN },
    { 5, 5, STALE, STALE }, /* of a CRL */
    { 6, 7, SIGN, SIGN },
    { 8, 8, STALE, STALE }, /* of a CRL */
    { 9, 9, "not-yet-valid", OLD },
    { 10, 10, "expired", OLD },
    { 11, 12, STALE, STALE }, /* a CRL's dates */
    { 13, 14, LIMIT, LIMIT }, /* dates that are none */
    { 15, 16, STALE, STALE }, /* in a CRL */
    { 17, 17, TRUST, TRUST }, /* no memory */
    { 18, 18, SELF, TRUST },
    { 19, 21, TRUST, TRUST },
    { 22, 22, "chain-too-long", "chain-too-long" },
    { 23, 23, "revoked", "revoked" },
    { 24, 25, LIMIT, LIMIT }, /* no key in the issuer; path length */
    { 26, 26, USE, LIMIT },
    { 27, 31, TRUST, TRUST }, /* not trusted, rejected; issuers that do not fit */
    { 32, 32, LIMIT, LIMIT }, /* no keyCertSign */
    { 33, 33, STALE, STALE }, /* no issuer of the CRL */
    { 34, 34, LIMIT, LIMIT }, /* critical extension */
    { 35, 36, STALE, STALE }, /* no cRLSign; a CRL's critical extension */
    { 37, 38, LIMIT, LIMIT },
    { 39, 39, USE, LIMIT },   /* no digitalSignature */
    { 40, 43, LIMIT, LIMIT }, /* proxies, extensions, policies */
    { 44, 44, STALE, STALE }, /* scope of a CRL */
    { 45, 49, LIMIT, LIMIT }, /* name constraints */
    { 50, 50, STALE, STALE }, /* mod_ssl's for OCSP */
    { 51, 53, LIMIT, LIMIT },
    { 54, 54, STALE, STALE }, /* a CRL's chain */
    { 55, 55, TRUST, TRUST }, /* path loop */
    { 56, 64, LIMIT, LIMIT }, /* Suite B; names of hosts */
    { 65, 65, TRUST, TRUST }, /* DANE */
    { 66, 68, LIMIT, LIMIT }, /* weak keys and digests */
    { 69, 70, TRUST, TRUST }, /* invalid call, lookup */
    { 71, 72, LIMIT, LIMIT },
    { 73, 75, STALE, STALE },   /* OCSP: needed, failed, unknown certificate */
    { 76, 78, SIGN, SIGN },     /* algorithms */
    { 79, 94, LIMIT, LIMIT },   /* of RFC 5280 */
    { 95, 95, TRUST, TRUST },   /* raw public key */
    { 96, 100, STALE, STALE },  /* OCSP: invalid, bad signature, not yet valid, expired, no response */
    { 101, 101, STALE, STALE }, /* a CRL that does not hold */
    { 102, 104, LIMIT, LIMIT }, /* authority key identifier; an extension twice */
};

static void test_cause(int err, const char *leaf, const char *above)
{
    is_str(certmap_reason_name(certmap_verdict_reason(err, 0)), leaf, apr_psprintf(pool, "code %d", err));
    is_str(certmap_reason_name(certmap_verdict_reason(err, 1)), above, "  of a CA");
    is_str(certmap_reason_name(certmap_verdict_reason(err, 3)), above, "  of a CA further up");
}

static void test_causes(void)
{
    const char *unknown = X509_verify_cert_error_string(0x7fff);
    char stranger[128];
    apr_size_t i;
    int err = 0, known = 0;

    test_cause(X509_V_OK, "none", "none");
    for (i = 0; i < sizeof(causes) / sizeof(causes[0]); i++) {
        is_int(causes[i].from, err + 1, "no code is left out before this one");
        for (err = causes[i].from; err <= causes[i].to; err++) {
            ok(certmap_verdict_known(err), "%d is known", err);
            test_cause(err, causes[i].leaf, causes[i].above);
        }
        err--;
    }
    is_int(err, LAST_CODE, "nor behind the last");
    ok(!certmap_verdict_known(LAST_CODE + 1) && !certmap_verdict_known(0) && !certmap_verdict_known(-1),
       "others are not known");
    test_cause(LAST_CODE + 1, TRUST, TRUST);
    test_cause(0x7fff, TRUST, TRUST);
    test_cause(-1, TRUST, TRUST);
    /* every code that this OpenSSL has words for must be in the table, and refuse as a verification failure */
    snprintf(stranger, sizeof(stranger), "%s", unknown);
    for (err = 1; err < 256; err++) {
        if (strcmp(X509_verify_cert_error_string(err), stranger) != 0) {
            known++;
            ok(certmap_verdict_known(err) && certmap_reason_is_verification(certmap_verdict_reason(err, 0))
                   && certmap_reason_is_verification(certmap_verdict_reason(err, 1)),
               "%d: %s", err, X509_verify_cert_error_string(err));
        }
    }
    ok(known >= 90, "%d codes are known to this OpenSSL", known);
}

static void test_add(void)
{
    certmap_verdict_t v;

    memset(&v, 0, sizeof(v));
    certmap_verdict_add(&v, X509_V_OK, 0);
    is_int(v.reason, CERTMAP_R_NONE, "no error adds nothing");
    certmap_verdict_add(&v, X509_V_ERR_CERT_HAS_EXPIRED, 0);
    is_int(v.reason, CERTMAP_R_EXPIRED, "expired");
    is_int(v.x509_err, X509_V_ERR_CERT_HAS_EXPIRED, "with its code");
    certmap_verdict_add(&v, X509_V_ERR_CERT_REVOKED, 0);
    is_int(v.reason, CERTMAP_R_REVOKED, "revoked goes before expired");
    certmap_verdict_add(&v, X509_V_ERR_CERT_NOT_YET_VALID, 0);
    is_int(v.reason, CERTMAP_R_REVOKED, "and stays");
    certmap_verdict_add(&v, X509_V_ERR_CERT_HAS_EXPIRED, 2);
    is_int(v.reason, CERTMAP_R_ISSUER_EXPIRED, "an expired CA goes before both");
    is_int(v.depth, 2, "with its depth");
    certmap_verdict_add(&v, X509_V_ERR_CERT_NOT_YET_VALID, 1);
    ok(v.depth == 2 && v.x509_err == X509_V_ERR_CERT_HAS_EXPIRED, "the first of equals stays");
    certmap_verdict_add(&v, 0x7fff, 0);
    is_int(v.reason, CERTMAP_R_UNTRUSTED_ISSUER, "a code that nobody knows refuses");
    certmap_verdict_add(&v, X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT, 0);
    is_int(v.reason, CERTMAP_R_SELF_SIGNED, "self-signed goes before untrusted-issuer");
}

int main(void)
{
    apr_initialize();
    atexit(apr_terminate);
    apr_pool_create(&pool, NULL);
    plan(0);
    test_reasons();
    test_strengths();
    test_causes();
    test_add();
    return tap_done();
}
