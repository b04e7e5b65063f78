/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file t/unit/fixture.h
 * @brief Certificates and rules for the tests of the rule side: real certificates, signed by OpenSSL, described in a
 * line.
 */
#ifndef FIXTURE_H
#define FIXTURE_H

#include <stdarg.h>
#include <stdlib.h>

#include <apr_general.h>
#include <apr_strings.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/x509v3.h>

#include "certmap.h"
#include "tap.h"

static apr_pool_t *pool;

/** 2026-06-15T12:00:00Z: "now" in these tests. */
#define NOW (apr_time_from_sec(1781524800))

static inline void fixture_fail(const char *what)
{
    printf("Bail out! fixture: %s\n", what);
    exit(1);
}

static inline EVP_PKEY *fixture_key(void)
{
    static EVP_PKEY *key;

    if (key == NULL && (key = EVP_EC_gen("P-256")) == NULL) {
        fixture_fail("no key");
    }
    return key;
}

static inline void fixture_extension(X509 *x, const char *name, const char *value)
{
    ASN1_OBJECT *oid = OBJ_txt2obj(name, 0);
    int nid = oid ? OBJ_obj2nid(oid) : NID_undef;
    X509V3_CTX ctx;
    X509_EXTENSION *ext = NULL;

    X509V3_set_ctx_nodb(&ctx);
    X509V3_set_ctx(&ctx, x, x, NULL, NULL, 0);
    if (strncmp(value, "DER:", 4) == 0) {
        ASN1_OCTET_STRING *os = ASN1_OCTET_STRING_new();
        long len = 0;
        unsigned char *der = OPENSSL_hexstr2buf(value + 4, &len);

        ASN1_OCTET_STRING_set(os, der, (int)len);
        ext = X509_EXTENSION_create_by_OBJ(NULL, oid, 0, os);
        OPENSSL_free(der);
        ASN1_OCTET_STRING_free(os);
    }
    else {
        ext = X509V3_EXT_conf_nid(NULL, &ctx, nid, value);
    }
    if (ext == NULL || !X509_add_ext(x, ext, -1)) {
        fixture_fail(value);
    }
    X509_EXTENSION_free(ext);
    ASN1_OBJECT_free(oid);
}

static inline void fixture_attribute(X509_NAME *name, const char *type, const char *value)
{
    int set = type[0] == '+' ? -1 : 0;      /* "+UID": in the RDN of the attribute before */

    if (!X509_NAME_add_entry_by_txt(name, type + (set != 0), MBSTRING_UTF8, (const unsigned char *)value, -1, -1,
                                    set)) {
        ERR_print_errors_fp(stdout);
        fixture_fail(type);
    }
}

/**
 * A certificate from pairs of names and values, NULL at the end: "serial" hex, "issuer.TYPE" and "TYPE" attributes (a
 * '+' before TYPE: multi-valued), "ext:NAME" an extension in OpenSSL's words or "DER:hex". Without an issuer: CN=Test
 * CA.
 */
static inline const certmap_cert_t *person(const char *first, ...)
{
    X509 *x = X509_new();
    X509_NAME *subject = X509_NAME_new();
    X509_NAME *issuer = X509_NAME_new();
    BIGNUM *serial = NULL;
    const certmap_cert_t *cert = NULL;
    const char *name;
    va_list ap;

    BN_hex2bn(&serial, "1f3a");
    X509_set_version(x, X509_VERSION_3);
    ASN1_TIME_set_string(X509_getm_notBefore(x), "20250101000000Z");
    ASN1_TIME_set_string(X509_getm_notAfter(x), "20350101000000Z");
    X509_set_pubkey(x, fixture_key());
    va_start(ap, first);
    for (name = first; name != NULL; name = va_arg(ap, const char *)) {
        const char *value = va_arg(ap, const char *);

        if (strcmp(name, "serial") == 0) {
            BN_hex2bn(&serial, value);
        }
        else if (strncmp(name, "issuer.", 7) == 0) {
            fixture_attribute(issuer, name + 7, value);
        }
        else if (strncmp(name, "ext:", 4) == 0) {
            fixture_extension(x, name + 4, value);
        }
        else {
            fixture_attribute(subject, name, value);
        }
    }
    va_end(ap);
    if (X509_NAME_entry_count(issuer) == 0) {
        fixture_attribute(issuer, "CN", "Test CA");
    }
    X509_set_subject_name(x, subject);
    X509_set_issuer_name(x, issuer);
    BN_to_ASN1_INTEGER(serial, X509_get_serialNumber(x));
    if (!X509_sign(x, fixture_key(), EVP_sha256()) || certmap_cert_create(x, &cert, pool) != APR_SUCCESS) {
        fixture_fail("no certificate");
    }
    BN_free(serial);
    X509_NAME_free(subject);
    X509_NAME_free(issuer);
    X509_free(x);
    return cert;
}

/** A ruleset of a file's text. The errors are shown and end the test program. */
static inline const certmap_ruleset_t *rules_of(const char *text)
{
    certmap_builder_t *b = certmap_builder_create(pool);

    if (certmap_builder_add_file_text(b, (certmap_str_t){ text, strlen(text) }, "rules") != APR_SUCCESS) {
        const apr_array_header_t *errors = certmap_builder_errors(b);
        const certmap_error_t *e = &APR_ARRAY_IDX(errors, 0, certmap_error_t);

        fixture_fail(apr_psprintf(pool, "%s: %d:%d: %s", text, e->line, e->column, e->text));
    }
    return certmap_builder_finish(b);
}

/** Decides under rules given as text; the verdict is "verified". */
static inline certmap_decision_t decide_text(const char *text, const certmap_cert_t *cert)
{
    certmap_list_t list = { .rules = rules_of(text) };
    certmap_verdict_t verdict = { .reason = CERTMAP_R_NONE };
    certmap_decision_t d;

    if (certmap_decide(&list, cert, &verdict, CERTMAP_WEAK, NOW, &d, pool) != APR_SUCCESS) {
        fixture_fail("certmap_decide");
    }
    return d;
}

/** The decision in a word: "=USER", or the reason. */
static inline const char *in_a_word(const certmap_decision_t *d)
{
    return d->outcome == CERTMAP_MAPPED ? apr_pstrcat(pool, "=", d->user, NULL) : certmap_reason_name(d->reason);
}

/** One test: what the rules make of the certificate. */
static inline void decides(const char *text, const certmap_cert_t *cert, const char *expected, const char *what)
{
    certmap_decision_t d = decide_text(text, cert);

    if (!is_str(in_a_word(&d), expected, what ? what : text)) {
        diag("   rules: %s", text);
        diag("  detail: %s", d.detail ? d.detail : "-");
        diag("certificate: %s",
             certmap_cert_malformed(cert) ? certmap_cert_malformed(cert) : certmap_cert_subject_text(cert));
    }
}

static inline void fixture_start(void)
{
    apr_initialize();
    atexit(apr_terminate);
    apr_pool_create(&pool, NULL);
    if (certmap_engine_init(pool) != APR_SUCCESS) {
        fixture_fail("certmap_engine_init");
    }
}

static inline int fixture_done(void)
{
    apr_pool_destroy(pool);
    EVP_PKEY_free(fixture_key());
    return tap_done();
}

#endif
