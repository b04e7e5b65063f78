/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file t/unit/test_verdict.c
 * @brief Reasons, strengths and the table from OpenSSL's verification errors to reasons.
 */
#include <stdlib.h>

#include <apr_general.h>
#include <openssl/x509_vfy.h>

#include "cert.h"
#include "tap.h"

/** INTERFACE.md's table, in its order, which is the order of precedence. */
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
        certmap_reason_e r = (certmap_reason_e) i;

        is_str(certmap_reason_name(r), reasons[i].name, reasons[i].name);
        is_str(certmap_reason_status(r), reasons[i].status, "  status");
        is_int(certmap_reason_http(r), reasons[i].http, "  http");
        is_int(certmap_reason_substatus(r), reasons[i].substatus, "  substatus");
        is_int(certmap_reason_is_verification(r), reasons[i].verification, "  verification");
    }
    is_int(certmap_reason_http((certmap_reason_e) 99), 403, "what is no reason refuses");
    is_int(certmap_reason_http((certmap_reason_e) -1), 403, "either side");
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

/** Causes that INTERFACE.md and OpenSSL's documentation fix. */
static const struct {
    int err;
    const char *leaf;
    const char *above;
} causes[] = {
    { X509_V_OK, "none", "none" },
    { 18, "self-signed", "untrusted-issuer" },
    { 2, "untrusted-issuer", "untrusted-issuer" },
    { 19, "untrusted-issuer", "untrusted-issuer" },
    { 20, "untrusted-issuer", "untrusted-issuer" },
    { 21, "untrusted-issuer", "untrusted-issuer" },
    { 27, "untrusted-issuer", "untrusted-issuer" },
    { 28, "untrusted-issuer", "untrusted-issuer" },
    { 4, "bad-signature", "bad-signature" },
    { 7, "bad-signature", "bad-signature" },
    { 10, "expired", "issuer-expired" },
    { 9, "not-yet-valid", "issuer-expired" },
    { 23, "revoked", "revoked" },
    { 3, "revocation-unknown", "revocation-unknown" },
    { 8, "revocation-unknown", "revocation-unknown" },
    { 11, "revocation-unknown", "revocation-unknown" },
    { 12, "revocation-unknown", "revocation-unknown" },
    { 33, "revocation-unknown", "revocation-unknown" },
    { 50, "revocation-unknown", "revocation-unknown" },
    { 73, "revocation-unknown", "revocation-unknown" },
    { 74, "revocation-unknown", "revocation-unknown" },
    { 75, "revocation-unknown", "revocation-unknown" },
    { 22, "chain-too-long", "chain-too-long" },
    { 25, "constraint-violation", "constraint-violation" },
    { 26, "wrong-purpose", "constraint-violation" },
    { 34, "constraint-violation", "constraint-violation" },
    { 47, "constraint-violation", "constraint-violation" },
    { 66, "constraint-violation", "constraint-violation" },
    { 79, "constraint-violation", "constraint-violation" },
    { 0x7fff, "untrusted-issuer", "untrusted-issuer" },
    { -1, "untrusted-issuer", "untrusted-issuer" },
};

static void test_causes(void)
{
    const char *unknown = X509_verify_cert_error_string(0x7fff);
    char stranger[128];
    apr_size_t i;
    int err, known = 0;

    for (i = 0; i < sizeof(causes) / sizeof(causes[0]); i++) {
        is_str(certmap_reason_name(certmap_verdict_reason(causes[i].err, 0)), causes[i].leaf,
               X509_verify_cert_error_string(causes[i].err));
        is_str(certmap_reason_name(certmap_verdict_reason(causes[i].err, 1)), causes[i].above, "  of a CA");
        is_str(certmap_reason_name(certmap_verdict_reason(causes[i].err, 3)), causes[i].above, "  of a CA further up");
    }
    /* every code that this OpenSSL has words for must be in the table, and refuse as a verification failure */
    snprintf(stranger, sizeof(stranger), "%s", unknown);
    for (err = 1; err < 256; err++) {
        if (strcmp(X509_verify_cert_error_string(err), stranger) != 0) {
            known++;
            ok(certmap_verdict_known(err) && certmap_reason_is_verification(certmap_verdict_reason(err, 0))
               && certmap_reason_is_verification(certmap_verdict_reason(err, 1)), "%d: %s", err,
               X509_verify_cert_error_string(err));
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
    plan(0);
    test_reasons();
    test_strengths();
    test_causes();
    test_add();
    return tap_done();
}
