/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file engine/x509/field.c
 * @brief The names of certificate fields, as rules and templates write them.
 */
#include <string.h>

#include <apr_cstr.h>
#include <apr_lib.h>
#include <apr_strings.h>

#include "x509/internal.h"

/** What stands behind a field's fixed name. */
typedef enum tail_e {
    TAIL_NONE,
    TAIL_ATTR, /**< an attribute type */
    TAIL_OID   /**< an OID */
} tail_e;

static const struct {
    const char *name;
    tail_e tail;
    certmap_value_kind_e holds;
} fields[CERTMAP_F_COUNT] = {
    [CERTMAP_F_SUBJECT] = { "subject", TAIL_NONE, CERTMAP_V_DN },
    [CERTMAP_F_ISSUER] = { "issuer", TAIL_NONE, CERTMAP_V_DN },
    [CERTMAP_F_SUBJECT_ATTR] = { "subject.", TAIL_ATTR, CERTMAP_V_TEXT },
    [CERTMAP_F_ISSUER_ATTR] = { "issuer.", TAIL_ATTR, CERTMAP_V_TEXT },
    [CERTMAP_F_SAN_EMAIL] = { "san.email", TAIL_NONE, CERTMAP_V_TEXT },
    [CERTMAP_F_SAN_DNS] = { "san.dns", TAIL_NONE, CERTMAP_V_TEXT },
    [CERTMAP_F_SAN_URI] = { "san.uri", TAIL_NONE, CERTMAP_V_TEXT },
    [CERTMAP_F_SAN_IP] = { "san.ip", TAIL_NONE, CERTMAP_V_IP },
    [CERTMAP_F_SAN_UPN] = { "san.upn", TAIL_NONE, CERTMAP_V_TEXT },
    [CERTMAP_F_SAN_DIRNAME] = { "san.dirname", TAIL_NONE, CERTMAP_V_DN },
    [CERTMAP_F_SAN_RID] = { "san.rid", TAIL_NONE, CERTMAP_V_OID },
    [CERTMAP_F_SAN_OTHER] = { "san.other:", TAIL_OID, CERTMAP_V_TEXT },
    [CERTMAP_F_SERIAL] = { "serial", TAIL_NONE, CERTMAP_V_HEX },
    [CERTMAP_F_SHA256] = { "sha256", TAIL_NONE, CERTMAP_V_HEX },
    [CERTMAP_F_SHA1] = { "sha1", TAIL_NONE, CERTMAP_V_HEX },
    [CERTMAP_F_SPKI] = { "spki", TAIL_NONE, CERTMAP_V_HEX },
    [CERTMAP_F_SKI] = { "ski", TAIL_NONE, CERTMAP_V_HEX },
    [CERTMAP_F_AKI] = { "aki", TAIL_NONE, CERTMAP_V_HEX },
    [CERTMAP_F_EKU] = { "eku", TAIL_NONE, CERTMAP_V_OID },
    [CERTMAP_F_KU] = { "ku", TAIL_NONE, CERTMAP_V_TEXT },
    [CERTMAP_F_POLICY] = { "policy", TAIL_NONE, CERTMAP_V_OID },
    [CERTMAP_F_EXT] = { "ext:", TAIL_OID, CERTMAP_V_TEXT },
    [CERTMAP_F_SID] = { "sid", TAIL_NONE, CERTMAP_V_TEXT },
    [CERTMAP_F_CHAIN_SHA256] = { "chain.sha256", TAIL_NONE, CERTMAP_V_HEX },
    [CERTMAP_F_ROOT_SHA256] = { "root.sha256", TAIL_NONE, CERTMAP_V_HEX },
};

/** What people write who come from elsewhere. */
static const struct {
    const char *wrote;
    const char *hint;
} habits[] = {
    { "san", "san.email, san.dns, san.uri, san.ip, san.upn, san.dirname, san.rid or san.other:OID" },
    { "subjectaltname", "san.email, san.dns, san.uri, san.ip, san.upn, san.dirname, san.rid or san.other:OID" },
    { "cn", "subject.CN or issuer.CN" },
    { "dn", "subject or issuer" },
    { "email", "san.email or subject.emailAddress" },
    { "upn", "san.upn" },
    { "dns", "san.dns" },
    { "fingerprint", "sha256" },
    { "thumbprint", "sha256 or sha1" },
    { "san.rfc822", "san.email" },
    { "chain", "chain.sha256" },
    { "root", "root.sha256" },
};

#define NAME_MAX_LEN 32

#define FAR 3

/** Edit distance of two short words, ASCII case aside; FAR and more are not told apart. */
static int distance(const char *a, apr_size_t la, const char *b, apr_size_t lb)
{
    int row[NAME_MAX_LEN + 1];
    apr_size_t i, j;

    if (la >= lb + FAR || lb >= la + FAR) {
        return FAR;
    }
    for (j = 0; j <= lb; j++) {
        row[j] = (int)j;
    }
    for (i = 1; i <= la; i++) {
        int diagonal = row[0];

        row[0] = (int)i;
        for (j = 1; j <= lb; j++) {
            int best = diagonal + (apr_tolower(a[i - 1]) != apr_tolower(b[j - 1]));

            diagonal = row[j];
            best = row[j] + 1 < best ? row[j] + 1 : best;
            row[j] = row[j - 1] + 1 < best ? row[j - 1] + 1 : best;
        }
    }
    return row[lb];
}

/** "unknown field", and what was probably meant. */
static const char *unknown(certmap_str_t text, apr_pool_t *p)
{
    const char *word = apr_pstrmemdup(p, text.data, text.len);
    const char *hint = NULL;
    apr_size_t i;
    int best = FAR;

    for (i = 0; !hint && i < sizeof(habits) / sizeof(habits[0]); i++) {
        if (apr_cstr_casecmp(word, habits[i].wrote) == 0) {
            hint = habits[i].hint;
        }
    }
    for (i = 0; !hint && text.len <= NAME_MAX_LEN && i < CERTMAP_F_COUNT; i++) {
        int d = distance(text.data, text.len, fields[i].name, strlen(fields[i].name));

        if (d < best) {
            best = d;
        }
    }
    for (i = 0; !hint && best < FAR && i < CERTMAP_F_COUNT; i++) {
        if (distance(text.data, text.len, fields[i].name, strlen(fields[i].name)) == best) {
            hint = apr_pstrcat(p, fields[i].name,
                               fields[i].tail == TAIL_ATTR  ? "CN"
                               : fields[i].tail == TAIL_OID ? "OID"
                                                            : "",
                               NULL);
        }
    }
    if (!hint) {
        hint = "subject, subject.CN, issuer, san.email, san.upn, serial, sha256 and others of the documentation";
    }
    return apr_psprintf(p, "unknown field \"%s\"; did you mean %s?", word, hint);
}

/** Reads what stands behind a fixed name. */
static apr_status_t parse_tail(certmap_str_t tail, certmap_field_t *field, const char **why, apr_pool_t *p)
{
    const char *fixed = fields[field->kind].name;
    const char *word = apr_pstrmemdup(p, tail.data, tail.len);

    switch (fields[field->kind].tail) {
    case TAIL_NONE:
        field->name = fixed;
        return APR_SUCCESS;
    case TAIL_ATTR:
        field->oid = certmap_attr_oid(tail, p);
        if (!field->oid) {
            *why = apr_psprintf(p,
                                "unknown attribute \"%s\" of the %.*s; use a name as CN, OU, O, UID, emailAddress, "
                                "an OpenSSL name or a dotted OID",
                                word, (int)strlen(fixed) - 1, fixed);
            return APR_EINVAL;
        }
        field->name = apr_pstrcat(p, fixed, certmap_attr_name(field->oid, p), NULL);
        return APR_SUCCESS;
    case TAIL_OID:
        field->oid = certmap_oid_canonical(tail, p);
        if (!field->oid) {
            *why = apr_psprintf(p, "\"%s\" behind %s is no dotted OID, as 1.3.6.1.4.1.311.20.2.3", word, fixed);
            return APR_EINVAL;
        }
        field->name = apr_pstrcat(p, fixed, field->oid, NULL);
        return APR_SUCCESS;
    }
    return APR_EINVAL;
}

apr_status_t certmap_field_parse(certmap_str_t text, certmap_field_t *field, const char **why, apr_pool_t *p)
{
    int i;

    memset(field, 0, sizeof(*field));
    *why = NULL;
    for (i = 0; i < CERTMAP_F_COUNT; i++) {
        apr_size_t len = strlen(fields[i].name);

        if ((fields[i].tail == TAIL_NONE ? text.len == len : text.len >= len)
            && apr_cstr_casecmpn(text.data, fields[i].name, len) == 0) {
            certmap_str_t tail = { text.data + len, text.len - len };

            field->kind = (certmap_field_e)i;
            return parse_tail(tail, field, why, p);
        }
    }
    *why = unknown(text, p);
    return APR_EINVAL;
}

const char *certmap_field_word(certmap_field_e field)
{
    return fields[field].name;
}

int certmap_field_same(const certmap_field_t *a, const certmap_field_t *b)
{
    if (a->kind != b->kind) {
        return 0;
    }
    return a->oid == b->oid || (a->oid && b->oid && strcmp(a->oid, b->oid) == 0);
}

certmap_value_kind_e certmap_field_kind(const certmap_field_t *field)
{
    return fields[field->kind].holds;
}

apr_size_t certmap_hex_digits(certmap_field_e field)
{
    if (field == CERTMAP_F_SHA1) {
        return 40;
    }
    return field == CERTMAP_F_SHA256 || field == CERTMAP_F_SPKI || field == CERTMAP_F_CHAIN_SHA256
                   || field == CERTMAP_F_ROOT_SHA256
               ? 64
               : 0;
}
