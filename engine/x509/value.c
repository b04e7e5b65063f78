/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file engine/x509/value.c
 * @brief Values of fields: how one is filled, sorted and found by OID, and how a view notes what cannot be read.
 */
#include <stdlib.h>
#include <string.h>

#include <apr_strings.h>

#include "x509/internal.h"

/* ---- what is malformed ------------------------------------------------------------------------------------------ */

void certmap_cert_blame(certmap_cert_t *cert, certmap_fault_e fault, const char *field, const char *why, apr_pool_t *p)
{
    /* [promise malformed] */
    cert->faults |= 1u << fault;
    if (!cert->malformed) {
        cert->malformed = apr_pstrcat(p, field, *why == '.' ? "" : ": ", why, NULL);
    }
}

void certmap_cert_mark(certmap_cert_t *cert, const char *field, const char *why, apr_pool_t *p)
{
    /* [promise one-reading] */
    if (cert->nodd < CERTMAP_ODD_MOST) {
        cert->odd[cert->nodd++] = apr_pstrcat(p, field, ": ", why, NULL);
    }
}

void certmap_cert_spoil(certmap_cert_t *cert, certmap_field_e field, const char *why)
{
    cert->f[field] = (certmap_vals_t){ CERTMAP_MALFORMED, 0, NULL, why };
}

/* ---- one value -------------------------------------------------------------------------------------------------- */

int certmap_value_blank(const certmap_value_t *v)
{
    return v->kind == CERTMAP_V_TEXT && v->folded.len == 0;
}

void certmap_value_text(certmap_value_t *v, certmap_str_t text, apr_pool_t *p)
{
    memset(v, 0, sizeof(*v));
    v->kind = CERTMAP_V_TEXT;
    v->text = text;
    v->folded = certmap_fold(text, p);
}

void certmap_value_plain(certmap_value_t *v, certmap_value_kind_e kind, certmap_str_t text)
{
    memset(v, 0, sizeof(*v));
    v->kind = kind;
    v->text = text;
    v->folded = text;
}

const char *certmap_value_read(certmap_value_t *v, certmap_der_t whole, apr_pool_t *p)
{
    certmap_der_t in = whole, content;
    certmap_str_t text;
    unsigned int tag;
    const char *why;

    if (!certmap_der_next(&in, &tag, &content) || in.at != in.end || !certmap_der_is_string(tag)) {
        certmap_value_plain(v, CERTMAP_V_OPAQUE, certmap_hex(whole.at, certmap_der_left(&whole), p));
        return NULL;
    }
    why = certmap_der_string(tag, content, &text, p);
    if (!why) {
        certmap_value_text(v, text, p);
    }
    return why;
}

/* ---- values by OID ---------------------------------------------------------------------------------------------- */

typedef struct keyref_t {
    const char *oid;
    apr_size_t at;
} keyref_t;

static int compare_keyrefs(const void *x, const void *y)
{
    const keyref_t *a = x, *b = y;
    int c = strcmp(a->oid, b->oid);

    return c ? c : (a->at > b->at) - (a->at < b->at);
}

void certmap_keyed_sort(certmap_keyed_t *k, apr_pool_t *p)
{
    keyref_t *refs;
    certmap_value_t *v;
    const char **why;
    apr_size_t i;

    if (k->n < 2) {
        return;
    }
    refs = apr_palloc(p, k->n * sizeof(*refs));
    for (i = 0; i < k->n; i++) {
        refs[i].oid = k->oid[i];
        refs[i].at = i;
    }
    qsort(refs, k->n, sizeof(*refs), compare_keyrefs);
    v = apr_palloc(p, k->n * sizeof(*v));
    why = k->why ? apr_palloc(p, k->n * sizeof(*why)) : NULL;
    for (i = 0; i < k->n; i++) {
        v[i] = k->v[refs[i].at];
        k->oid[i] = refs[i].oid;
        if (why) {
            why[i] = k->why[refs[i].at];
        }
    }
    k->v = v;
    k->why = why;
}

const certmap_value_t *certmap_keyed_find(const certmap_keyed_t *k, const char *oid, apr_size_t *n)
{
    apr_size_t low = 0, high = k->n, end;

    while (low < high) {
        apr_size_t mid = low + (high - low) / 2;

        if (strcmp(k->oid[mid], oid) < 0) {
            low = mid + 1;
        }
        else {
            high = mid;
        }
    }
    for (end = low; end < k->n && strcmp(k->oid[end], oid) == 0; end++) {
    }
    *n = end - low;
    return *n ? &k->v[low] : NULL;
}
