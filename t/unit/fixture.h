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
    int set = type[0] == '+' ? -1 : 0; /* "+UID": in the RDN of the attribute before */

    if (!X509_NAME_add_entry_by_txt(name, type + (set != 0), MBSTRING_UTF8, (const unsigned char *)value, -1, -1,
                                    set)) {
        ERR_print_errors_fp(stdout);
        fixture_fail(type);
    }
}

/** Adds an unchanged attribute: "hh:HEX", the number of its string type and its content. */
static inline void fixture_raw_attribute(X509_NAME *name, const char *type, const char *value)
{
    ASN1_OBJECT *oid = OBJ_txt2obj(type, 0);
    long len = 0;
    unsigned char *content = OPENSSL_hexstr2buf(value + 3, &len);
    int tag = (int)strtol(value, NULL, 16);

    if (content == NULL || !X509_NAME_add_entry_by_OBJ(name, oid, tag, content, (int)len, -1, 0)) {
        fixture_fail(type);
    }
    OPENSSL_free(content);
    ASN1_OBJECT_free(oid);
}

/** One name more for the SAN: form and content (of a dirName, its common name); oid and tag are an otherName's. */
static inline void fixture_san(X509 *x, int form, const char *oid, int tag, const char *content, int len)
{
    GENERAL_NAMES *names = X509_get_ext_d2i(x, NID_subject_alt_name, NULL, NULL);
    GENERAL_NAME *name = GENERAL_NAME_new();
    ASN1_STRING *text = ASN1_STRING_type_new(form == GEN_OTHERNAME ? tag : V_ASN1_IA5STRING);

    names = names != NULL ? names : GENERAL_NAMES_new();
    ASN1_STRING_set(text, content, len);
    if (form == GEN_DIRNAME) {
        X509_NAME *dn = X509_NAME_new();

        X509_NAME_add_entry_by_txt(dn, "O", MBSTRING_UTF8, (const unsigned char *)"Dir", -1, -1, 0);
        X509_NAME_add_entry_by_NID(dn, NID_commonName, V_ASN1_UTF8STRING, (unsigned char *)content, len, -1, 0);
        GENERAL_NAME_set0_value(name, GEN_DIRNAME, dn);
        ASN1_STRING_free(text);
    }
    else if (form == GEN_OTHERNAME) {
        ASN1_TYPE *value = ASN1_TYPE_new();

        ASN1_TYPE_set(value, tag, text);
        GENERAL_NAME_set0_othername(name, OBJ_txt2obj(oid, 1), value);
    }
    else {
        GENERAL_NAME_set0_value(name, form, text);
    }
    sk_GENERAL_NAME_push(names, name);
    if (X509_add1_ext_i2d(x, NID_subject_alt_name, names, 0, X509V3_ADD_REPLACE) != 1) {
        fixture_fail("no SAN");
    }
    GENERAL_NAMES_free(names);
}

#define FIXTURE_ODD 19

/** Makes a field malformed, or of another type than text (the last two). @return the field, as a rule names it */
static inline const char *fixture_spoil(X509 *x, int which)
{
    X509_NAME *subject = X509_get_subject_name(x), *issuer = X509_get_issuer_name(x);
    ASN1_INTEGER *serial;

    switch (which % FIXTURE_ODD) {
    case 0:
        fixture_raw_attribute(subject, "CN", "0c:616e6e00");
        return "subject.CN";
    case 1:
        fixture_raw_attribute(subject, "OU", "03:6f7073");
        return "subject.OU";
    case 2:
        fixture_raw_attribute(subject, "O", "0c:0a61");
        return "subject.O";
    case 3:
        fixture_raw_attribute(subject, "UID", "13:61ff");
        return "subject.UID";
    case 4:
        fixture_raw_attribute(issuer, "CN", "0c:526f6f74204341001b");
        return "issuer.CN";
    case 5:
        fixture_raw_attribute(issuer, "O", "16:e4");
        return "issuer.O";
    case 6:
        fixture_san(x, GEN_EMAIL, NULL, 0, "ann@example.org@example.com", 27);
        return "san.email";
    case 7:
        fixture_san(x, GEN_DNS, NULL, 0, "ann.example.org\0x", 17);
        return "san.dns";
    case 8:
        fixture_san(x, GEN_URI, NULL, 0, "urn:x:\n42", 9);
        return "san.uri";
    case 9:
        fixture_san(x, GEN_OTHERNAME, "1.3.6.1.4.1.311.20.2.3", V_ASN1_IA5STRING, "ann@example.org", 15);
        return "san.upn";
    case 10:
        fixture_san(x, GEN_DIRNAME, NULL, 0, "ann\0", 4);
        return "san.dirname";
    case 11:
        fixture_san(x, GEN_OTHERNAME, "1.2.3.4", V_ASN1_UTF8STRING, "ann@example.org\t", 16);
        return "san.other:1.2.3.4";
    case 12:
        serial = X509_get_serialNumber(x);
        ASN1_INTEGER_set_int64(serial, -7);
        return "serial";
    case 13:
        X509_EXTENSION_free(X509_delete_ext(x, X509_get_ext_by_NID(x, NID_subject_key_identifier, -1)));
        fixture_extension(x, "subjectKeyIdentifier", "DER:0400");
        return "ski";
    case 14:
        X509_EXTENSION_free(X509_delete_ext(x, X509_get_ext_by_NID(x, NID_key_usage, -1)));
        fixture_extension(x, "keyUsage", "DER:03020700");
        return "ku";
    case 15:
        fixture_extension(x, "1.2.3.4.7", "DER:0c026100");
        return "ext:1.2.3.4.7";
    case 16:
        fixture_san(x, GEN_URI, NULL, 0, "tag:microsoft.com,2022-09-14:sid:x", 34);
        return "sid";
    case 17:
        fixture_raw_attribute(subject, "1.2.3.9", "03:616263");
        return "subject.1.2.3.9";
    default:
        fixture_san(x, GEN_OTHERNAME, "1.2.3.4", V_ASN1_OCTET_STRING, "ann@example.org", 15);
        return "san.other:1.2.3.4";
    }
}

/**
 * A certificate from pairs of names and values, NULL at the end: "serial" hex, "issuer.TYPE" and "TYPE" attributes (a
 * '+' before TYPE: multi-valued), "raw:TYPE" one unchanged ("0c:616200"), "ext:NAME" an extension in OpenSSL's words
 * or "DER:hex", "odd" a number for fixture_spoil. Without an issuer: CN=Test CA.
 */
static inline const certmap_cert_t *person(const char *first, ...)
{
    X509 *x = X509_new();
    X509_NAME *subject = X509_NAME_new();
    X509_NAME *issuer = X509_NAME_new();
    BIGNUM *serial = NULL;
    const certmap_cert_t *cert = NULL;
    const char *name;
    int odd = -1;
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
        else if (strncmp(name, "raw:", 4) == 0) {
            fixture_raw_attribute(subject, name + 4, value);
        }
        else if (strcmp(name, "odd") == 0) {
            odd = atoi(value);
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
    if (odd >= 0) {
        fixture_spoil(x, odd);
    }
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

/** A question in one line. */
#define QUESTION(l, c, v, m, n) \
    (&(certmap_question_t){ .list = (l), .cert = (c), .verdict = (v), .min = (m), .now = (n) })

/** Decides under rules given as text; the verdict is "verified". */
static inline certmap_decision_t decide_text(const char *text, const certmap_cert_t *cert)
{
    certmap_list_t list = { .rules = rules_of(text) };
    certmap_verdict_t verdict = { .reason = CERTMAP_R_NONE };
    certmap_decision_t d;

    if (certmap_decide(QUESTION(&list, cert, &verdict, CERTMAP_WEAK, NOW), &d, pool) != APR_SUCCESS) {
        fixture_fail("certmap_decide");
    }
    return d;
}

/** The decision in a word: "=USER", or the reason. */
static inline const char *in_a_word(const certmap_decision_t *d)
{
    return d->outcome == CERTMAP_MAPPED ? apr_pstrcat(pool, "=", d->effect.user, NULL) : certmap_reason_name(d->reason);
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
