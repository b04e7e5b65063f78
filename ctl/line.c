/* SPDX-License-Identifier: Apache-2.0 */
/* Lines of rule and entry files that are made for a certificate, and tried on it. */
#include "line.h"

#include <string.h>

/* A field's first value; NULL: it has none. */
static const certmap_value_t *first_value(const certmap_cert_t *view, const char *name, apr_pool_t *p)
{
    const certmap_value_t *values;
    certmap_field_t field;
    const char *why;
    apr_size_t n;

    if (certmap_field_parse((certmap_str_t){ name, strlen(name) }, &field, &why, p) != APR_SUCCESS
        || certmap_cert_values(view, NULL, &field, &values, &n, p) != CERTMAP_VALID) {
        return NULL;
    }
    return &values[0];
}

const char *ctl_first_text(const certmap_cert_t *view, const char *name, apr_pool_t *p)
{
    const certmap_value_t *value = first_value(view, name, p);

    return value != NULL ? apr_pstrmemdup(p, value->text.data, value->text.len) : NULL;
}

/* Quotes that every text survives: backslashes escape the quote and themselves. */
const char *ctl_quoted(const char *text, apr_pool_t *p)
{
    char *out = apr_palloc(p, 2 * strlen(text) + 3), *to = out;

    *to++ = '"';
    for (; *text; text++) {
        if (*text == '"' || *text == '\\') {
            *to++ = '\\';
        }
        *to++ = *text;
    }
    *to++ = '"';
    *to = '\0';
    return out;
}

const char *ctl_key_text(const certmap_cert_t *view, certmap_key_kind_e kind, apr_pool_t *p)
{
    const char *issuer = ctl_quoted(certmap_cert_issuer_text(view), p);
    const char *hex;

    switch (kind) {
    case CERTMAP_K_SHA256:
        return apr_pstrcat(p, "sha256:", certmap_cert_sha256(view), NULL);
    case CERTMAP_K_SPKI:
        hex = ctl_first_text(view, "spki", p);
        return hex ? apr_pstrcat(p, "spki:", hex, NULL) : NULL;
    case CERTMAP_K_SKI_ISSUER:
        hex = ctl_first_text(view, "ski", p);
        return hex ? apr_pstrcat(p, "ski:", hex, " ", issuer, NULL) : NULL;
    case CERTMAP_K_ISSUER_SERIAL:
        return apr_pstrcat(p, "issuer-serial:", certmap_cert_serial(view), " ", issuer, NULL);
    case CERTMAP_K_DN:
        return apr_pstrcat(p, "dn:", ctl_quoted(certmap_cert_subject_text(view), p), " ", issuer, NULL);
    case CERTMAP_K_SKI:
    case CERTMAP_K_SUBJECT:
    case CERTMAP_K_EMAIL:
    case CERTMAP_K_COUNT:
        break;
    }
    return NULL;
}

int ctl_entry_maps(const certmap_cert_t *view, const char *line, apr_pool_t *p)
{
    const certmap_entries_t *entries;
    apr_array_header_t *errors;
    certmap_lookup_t found;

    return certmap_entries_parse((certmap_str_t){ line, strlen(line) }, NULL, &entries, &errors, p) == APR_SUCCESS
           && certmap_entries_lookup(entries, view, &found, p) == APR_SUCCESS && found.has_allow && !found.has_deny
           && !found.ambiguous;
}

const certmap_rule_t *ctl_rule_maps(const certmap_cert_t *view, const char *line, certmap_strength_e min,
                                    apr_time_t now, apr_pool_t *p)
{
    certmap_builder_t *builder = certmap_builder_create(p);
    certmap_decision_t d;
    certmap_list_t list = { .outer = NULL };
    certmap_question_t question = { .list = &list, .cert = view, .min = min, .now = now, .taken_as_valid = 1 };

    if (certmap_builder_add_file_text(builder, (certmap_str_t){ line, strlen(line) }, NULL) != APR_SUCCESS) {
        return NULL;
    }
    list.rules = certmap_builder_finish(builder);
    if (certmap_decide(&question, &d, p) != APR_SUCCESS || d.outcome != CERTMAP_MAPPED) {
        return NULL;
    }
    return d.rule;
}
