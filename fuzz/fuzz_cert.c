/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Fuzz target: bytes to the certificate view and all of its fields. What a view says is clean, whole and the same each
 * time; where the view is not malformed, OpenSSL read the same subject, serial and dates out of the same bytes; and a
 * malformed view is never mapped, whatever the rules.
 */
#include <arpa/inet.h>

#include <openssl/asn1.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <time.h>

#include "fuzz.h"
#include "x509/testing.h"

static const char *const fields[] = {
    "subject",
    "issuer",
    "subject.CN",
    "subject.O",
    "subject.OU",
    "subject.UID",
    "subject.emailAddress",
    "issuer.CN",
    "issuer.O",
    "san.email",
    "san.dns",
    "san.uri",
    "san.ip",
    "san.upn",
    "san.dirname",
    "san.rid",
    "san.other:1.3.6.1.4.1.311.20.2.3",
    "san.other:1.3.6.1.4.1.311.25.2.1",
    "san.other:1.2.3.4",
    "serial",
    "sha256",
    "sha1",
    "spki",
    "ski",
    "aki",
    "eku",
    "ku",
    "policy",
    "ext:1.2.3.4",
    "ext:2.5.29.17",
    "sid",
    "chain.sha256",
    "root.sha256",
};

#define NFIELDS (sizeof(fields) / sizeof(fields[0]))

static const char anyone[] = "x allow u any";

/* Rules that ask every field, so that deciding and explaining meet each of them. */
static const char every_field[] =
    "a allow %{subject.CN:first} subject.CN=x* san.email~(.*)@x subject=*,O=x all:san.dns=*.x\n"
    "b deny issuer.CN!=* san.ip=10.0.0.0/8 san.dirname=CN=x san.rid=1.2.* san.other:1.2.3.4=x serial=01*\n"
    "c allow %{san.email:local:last} any sha256!=00* sha1!=00* spki!=00* ski!=00 aki!=00 eku!=clientAuth ku!=cRLSign\n"
    "d deny policy=1.2.3 ext:1.2.3.4=x\n"
    "e allow %{san.upn} san.upn=* sid!=S-1-5-21-* chain.sha256!=00* root.sha256!=00*\n"
    "f allow %{subject.UID:lower}-%{subject.O} subject.UID=?* all:subject.OU!~x.*\n";

static const certmap_ruleset_t *compiled(const char *text)
{
    certmap_builder_t *b = certmap_builder_create(fuzz_lasting_pool());

    FUZZ_CHECK(certmap_builder_add_file_text(b, (certmap_str_t){ text, strlen(text) }, "fuzz") == APR_SUCCESS);
    return certmap_builder_finish(b);
}

static int all_of(certmap_str_t text, const char *of)
{
    apr_size_t i;

    for (i = 0; i < text.len; i++) {
        if (strchr(of, text.data[i]) == NULL || text.data[i] == '\0') {
            return 0;
        }
    }
    return text.len > 0;
}

static void check_value(const certmap_field_t *field, const certmap_value_t *v, apr_pool_t *p)
{
    unsigned char ip[16];

    FUZZ_CHECK(v->text.data != NULL && v->text.data[v->text.len] == '\0');
    FUZZ_CHECK(fuzz_is_sound(v->text));
    FUZZ_CHECK(v->kind == certmap_field_kind(field) || (v->kind == CERTMAP_V_OPAQUE && field->oid != NULL));
    switch (v->kind) {
    case CERTMAP_V_TEXT:
        FUZZ_CHECK(v->folded.len > 0 && fuzz_same(v->folded, fuzz_fold(v->text, p)));
        break;
    case CERTMAP_V_OPAQUE:
        if (v->text.len == 0 && field->kind == CERTMAP_F_EXT) {
            break; /* an extension with nothing in it */
        }
        /* fall through */
    case CERTMAP_V_HEX:
        FUZZ_CHECK(all_of(v->text, "0123456789abcdef") && v->text.len % 2 == 0 && fuzz_same(v->text, v->folded));
        break;
    case CERTMAP_V_IP:
        FUZZ_CHECK(v->iplen == 4 || v->iplen == 16);
        FUZZ_CHECK(inet_pton(v->iplen == 4 ? AF_INET : AF_INET6, v->text.data, ip) == 1);
        FUZZ_CHECK(memcmp(ip, v->ip, v->iplen) == 0);
        break;
    case CERTMAP_V_DN:
        FUZZ_CHECK(v->dn != NULL && v->dn->nrdns > 0 && strcmp(certmap_dn_text(v->dn, p), v->text.data) == 0);
        break;
    case CERTMAP_V_OID:
        FUZZ_CHECK(all_of(v->text, "0123456789.") && fuzz_same(v->text, v->folded));
        break;
    }
}

/* The field's values, found twice. */
static certmap_state_e values_of(const certmap_cert_t *cert, const char *name, const certmap_value_t **values,
                                 apr_size_t *n, apr_pool_t *p)
{
    static const unsigned char chain[2][32] = { { 1 }, { 2 } };
    certmap_verdict_t verdict = { .reason = CERTMAP_R_NONE, .chain = chain, .nchain = 2 };
    const certmap_value_t *again = NULL;
    certmap_field_t field;
    const char *why = NULL;
    certmap_state_e state;
    apr_size_t m;
    apr_size_t i;

    if (certmap_field_parse((certmap_str_t){ name, strlen(name) }, &field, &why, p) != APR_SUCCESS) {
        *n = 0;
        return CERTMAP_ABSENT; /* an OID that rules cannot write */
    }
    state = certmap_cert_values(cert, &verdict, &field, values, n, p);
    FUZZ_CHECK((state == CERTMAP_VALID) == (*n > 0) && (*n > 0) == (*values != NULL));
    FUZZ_CHECK((state == CERTMAP_MALFORMED) == (certmap_cert_why(cert, &field, p) != NULL));
    FUZZ_CHECK(certmap_cert_values(cert, &verdict, &field, &again, &m, p) == state && m == *n);
    for (i = 0; i < m; i++) {
        check_value(&field, &(*values)[i], p);
        FUZZ_CHECK(fuzz_same((*values)[i].text, again[i].text));
    }
    return state;
}

static const char *dotted(const ASN1_OBJECT *obj, apr_pool_t *p)
{
    char text[1024];
    int n = OBJ_obj2txt(text, sizeof(text), obj, 1);

    return n > 0 && n < (int)sizeof(text) ? apr_pstrmemdup(p, text, (apr_size_t)n) : NULL;
}

/* An attribute's text as OpenSSL reads it; data NULL where it is none. */
static certmap_str_t openssl_text(const X509_NAME_ENTRY *entry, apr_pool_t *p)
{
    ASN1_STRING *data = X509_NAME_ENTRY_get_data(entry);
    int type = ASN1_STRING_type(data);
    unsigned char *utf8 = NULL;
    const char *text = NULL;
    int len = -1;

    if (type != V_ASN1_BIT_STRING && type != V_ASN1_SEQUENCE && type != V_ASN1_OTHER) {
        len = ASN1_STRING_to_UTF8(&utf8, data);
    }
    if (len >= 0) {
        text = apr_pstrmemdup(p, (const char *)utf8, (apr_size_t)len);
    }
    OPENSSL_free(utf8);
    return (certmap_str_t){ text, len >= 0 ? (apr_size_t)len : 0 };
}

/* OpenSSL's reading of the subject's attributes is the view's, value by value in encoded order; what has nothing but
 * blanks is not a value. */
static void compare_subject(const certmap_cert_t *cert, const X509 *x509, apr_pool_t *p)
{
    X509_NAME *name = X509_get_subject_name(x509);
    int total = X509_NAME_entry_count(name);
    int i;
    int j;

    FUZZ_CHECK((total > 0) == (certmap_cert_subject(cert)->nrdns > 0));
    for (i = 0; i < total && i < 64; i++) {
        X509_NAME_ENTRY *entry = X509_NAME_get_entry(name, i);
        const certmap_value_t *values = NULL;
        const char *oid = dotted(X509_NAME_ENTRY_get_object(entry), p);
        certmap_str_t text = openssl_text(entry, p);
        certmap_state_e state;
        apr_size_t at = 0;
        apr_size_t n;

        state = oid ? values_of(cert, apr_pstrcat(p, "subject.", oid, NULL), &values, &n, p) : CERTMAP_ABSENT;
        if (state != CERTMAP_VALID || (text.data != NULL && fuzz_fold(text, p).len == 0)) {
            FUZZ_CHECK(oid == NULL || strlen(oid) > 200 || state == CERTMAP_MALFORMED
                       || (text.data != NULL && fuzz_fold(text, p).len == 0));
            continue;
        }
        for (j = 0; j < i; j++) {
            X509_NAME_ENTRY *before = X509_NAME_get_entry(name, j);
            certmap_str_t other = openssl_text(before, p);

            at += OBJ_cmp(X509_NAME_ENTRY_get_object(before), X509_NAME_ENTRY_get_object(entry)) == 0
                  && (other.data == NULL || fuzz_fold(other, p).len > 0);
        }
        FUZZ_CHECK(at < n && (values[at].kind == CERTMAP_V_OPAQUE) == (text.data == NULL));
        FUZZ_CHECK(text.data == NULL || fuzz_same(text, values[at].text));
    }
}

static void compare_times(const certmap_cert_t *cert, const X509 *x509)
{
    struct tm tm;

    FUZZ_CHECK(ASN1_TIME_to_tm(X509_get0_notBefore(x509), &tm)
               && apr_time_from_sec(timegm(&tm)) == certmap_cert_not_before(cert));
    FUZZ_CHECK(ASN1_TIME_to_tm(X509_get0_notAfter(x509), &tm)
               && apr_time_from_sec(timegm(&tm)) == certmap_cert_not_after(cert));
}

static void compare_serial(const certmap_cert_t *cert, X509 *x509)
{
    BIGNUM *number = ASN1_INTEGER_to_BN(X509_get_serialNumber(x509), NULL);
    char *hex = number ? BN_bn2hex(number) : NULL;

    FUZZ_CHECK(hex != NULL);
    if (*hex != '-' && strlen(hex) <= 128) {
        FUZZ_CHECK(strcmp(strcmp(hex, "0") == 0 ? "00" : hex, certmap_cert_serial(cert)) == 0);
    }
    OPENSSL_free(hex);
    BN_free(number);
}

static void compare_digest(const certmap_cert_t *cert, const uint8_t *data, size_t size, apr_pool_t *p)
{
    unsigned char sum[32];
    char *hex = apr_pcalloc(p, 65);
    int i;

    FUZZ_CHECK(EVP_Digest(data, size, sum, NULL, EVP_sha256(), NULL) == 1);
    for (i = 0; i < 32; i++) {
        apr_snprintf(hex + 2 * i, 3, "%02x", (unsigned)sum[i]);
    }
    FUZZ_CHECK(strcmp(hex, certmap_cert_sha256(cert)) == 0);
}

/* Every extension and every attribute type that the certificate has, and the list above. */
static void ask_fields(const certmap_cert_t *cert, const X509 *x509, apr_pool_t *p)
{
    const certmap_value_t *values;
    apr_size_t n;
    apr_size_t i;
    int j;

    for (i = 0; i < NFIELDS; i++) {
        values = NULL;
        values_of(cert, fields[i], &values, &n, p);
    }
    for (j = 0; x509 != NULL && j < X509_get_ext_count(x509) && j < 64; j++) {
        const char *oid = dotted(X509_EXTENSION_get_object(X509_get_ext(x509, j)), p);

        values = NULL;
        if (oid != NULL && values_of(cert, apr_pstrcat(p, "ext:", oid, NULL), &values, &n, p) == CERTMAP_ABSENT) {
            FUZZ_CHECK(certmap_cert_malformed(cert) != NULL || strlen(oid) > 200);
        }
    }
}

static void decide(const certmap_cert_t *cert, apr_pool_t *p)
{
    static const certmap_ruleset_t *any;
    static const certmap_ruleset_t *every;
    certmap_verdict_t verified = { .reason = CERTMAP_R_NONE };
    certmap_verdict_t expired = { .reason = CERTMAP_R_EXPIRED };
    certmap_list_t list = { .rules = any ? any : (any = compiled(anyone)) };
    certmap_list_t second = { .rules = every ? every : (every = compiled(every_field)) };
    const certmap_rule_t *rule;
    const certmap_cond_t *failed;
    certmap_decision_t d;
    certmap_decision_t told;
    certmap_trace_t *trace;
    certmap_question_t in_force = { .list = &list, .cert = cert, .now = FUZZ_NOW, .taken_as_valid = 1 };
    int malformed = certmap_cert_malformed(cert) != NULL;
    certmap_reason_e dates = certmap_verdict_dates(cert, FUZZ_NOW);
    certmap_reason_e reason = dates != CERTMAP_R_NONE ? dates : malformed ? CERTMAP_R_MALFORMED : CERTMAP_R_NONE;

    FUZZ_CHECK(certmap_decide(QUESTION(&list, cert, &verified, CERTMAP_WEAK, FUZZ_NOW), &d, p) == APR_SUCCESS);
    FUZZ_CHECK(d.outcome == (reason != CERTMAP_R_NONE ? CERTMAP_REFUSED : CERTMAP_MAPPED) && d.reason == reason);
    FUZZ_CHECK(certmap_decide(&in_force, &d, p) == APR_SUCCESS);
    FUZZ_CHECK(d.reason == (malformed ? CERTMAP_R_MALFORMED : CERTMAP_R_NONE));
    FUZZ_CHECK(certmap_decide(QUESTION(&list, cert, &expired, CERTMAP_WEAK, FUZZ_NOW), &d, p) == APR_SUCCESS);
    FUZZ_CHECK(d.reason == CERTMAP_R_EXPIRED && d.effect.user == NULL);
    FUZZ_CHECK(certmap_decide(QUESTION(&list, cert, NULL, CERTMAP_WEAK, FUZZ_NOW), &d, p) == APR_SUCCESS);
    FUZZ_CHECK(d.outcome == CERTMAP_REFUSED && d.effect.user == NULL);

    FUZZ_CHECK(certmap_decide(QUESTION(&second, cert, &verified, CERTMAP_WEAK, FUZZ_NOW), &d, p) == APR_SUCCESS);
    FUZZ_CHECK(certmap_explain(QUESTION(&second, cert, &verified, CERTMAP_WEAK, FUZZ_NOW), &told, &trace, p)
               == APR_SUCCESS);
    fuzz_check_decision(&d);
    FUZZ_CHECK(fuzz_same_decision(&d, &told));
    FUZZ_CHECK(reason == CERTMAP_R_NONE || d.reason == reason);
    certmap_nearest(QUESTION(&second, cert, &verified, CERTMAP_WEAK, 0), 8, &rule, &failed, p);
    FUZZ_CHECK((rule == NULL) == (failed == NULL));
}

static void check_text(const char *text)
{
    FUZZ_CHECK(text != NULL && fuzz_is_sound((certmap_str_t){ text, strlen(text) }));
}

int FUZZ_TARGET(cert)(const uint8_t *data, size_t size)
{
    apr_pool_t *p = fuzz_pool();
    const certmap_cert_t *cert = NULL;
    const certmap_cert_t *same = NULL;
    const uint8_t *at = data;
    apr_status_t rv = certmap_cert_create_der(data, size, &cert, p);
    X509 *x509 = size > 0 && size < 0x7fffffff ? d2i_X509(NULL, &at, (long)size) : NULL;

    ERR_clear_error();
    FUZZ_CHECK((rv == APR_SUCCESS) == (cert != NULL));
    FUZZ_CHECK((cert != NULL) == (x509 != NULL));
    if (cert != NULL) {
        const char *malformed = certmap_cert_malformed(cert);

        check_text(certmap_cert_subject_text(cert));
        check_text(certmap_cert_issuer_text(cert));
        check_text(malformed ? malformed : "");
        FUZZ_CHECK(strlen(certmap_cert_sha256(cert)) == 64);
        ask_fields(cert, x509, p);
        decide(cert, p);
        FUZZ_CHECK(certmap_cert_create(x509, &same, p) == APR_SUCCESS);
        FUZZ_CHECK(certmap_cert_malformed(same) == NULL || malformed != NULL);
        if (malformed == NULL) {
            FUZZ_CHECK(at == data + size);
            FUZZ_CHECK(strcmp(certmap_cert_sha256(same), certmap_cert_sha256(cert)) == 0);
            compare_digest(cert, data, size, p);
            compare_subject(cert, x509, p);
            compare_times(cert, x509);
            compare_serial(cert, x509);
        }
    }
    X509_free(x509);
    ERR_clear_error();
    return 0;
}
