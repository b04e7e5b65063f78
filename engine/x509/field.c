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

/** What follows a field's fixed name. */
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

/** Reads what follows a fixed name. */
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
            *why = certmap_attr_meant(tail, fixed, p);
            return APR_EINVAL;
        }
        field->name = apr_pstrcat(p, fixed, certmap_attr_name(field->oid, p), NULL);
        return APR_SUCCESS;
    case TAIL_OID:
        field->oid = certmap_oid_canonical(tail, p);
        if (!field->oid) {
            *why = apr_psprintf(p, "\"%s\" after %s is not a dotted OID such as 1.3.6.1.4.1.311.20.2.3", word, fixed);
            return APR_EINVAL;
        }
        field->name = apr_pstrcat(p, fixed, field->oid, NULL);
        return APR_SUCCESS;
    }
    return APR_EINVAL;
}

apr_status_t certmap_field_parse(certmap_str_t text, certmap_field_t *field, const char **why, apr_pool_t *p)
{
    const char *names[CERTMAP_F_COUNT + 1];
    int i;

    memset(field, 0, sizeof(*field));
    *why = NULL;
    for (i = 0; i < CERTMAP_F_COUNT; i++) {
        apr_size_t len = strlen(fields[i].name);

        names[i] = fields[i].name;
        if ((fields[i].tail == TAIL_NONE ? text.len == len : text.len >= len)
            && apr_cstr_casecmpn(text.data, fields[i].name, len) == 0) {
            certmap_str_t tail = { text.data + len, text.len - len };

            field->kind = (certmap_field_e)i;
            return parse_tail(tail, field, why, p);
        }
    }
    names[i] = NULL;
    *why = certmap_field_meant(text, names, p);
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
