/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Asking the index (see index.h): the keys that a certificate's values meet, and the rules under them in their order.
 */
#include <stdlib.h>
#include <string.h>

#include "rules/index.h"

/* Pairs of met keys that are looked up at most; with more of them, all rules under the first keys are asked. */
#define PAIRS_MOST 1024

/* Hashes of the beginnings of a text: h[n] is that of its first n bytes. */
typedef struct hashes_t {
    apr_uint64_t few[256];
    apr_uint64_t *h;
    apr_size_t room;
    apr_size_t len;
} hashes_t;

/* What finding works with. */
typedef struct candidate_search_t {
    const certmap_index_t *ix;
    certmap_candidates_t *c;
    apr_uint32_t leads[64]; /* buckets met that lead pairs, and that follow in some */
    apr_uint32_t follows[64];
    apr_size_t nleads;
    apr_size_t nfollows;
    hashes_t hashes;
    apr_pool_t *pool;
} candidate_search_t;

static int compare_slices(const void *a, const void *b)
{
    const apr_uint32_t *x = ((const certmap_slice_t *)a)->at;
    const apr_uint32_t *y = ((const certmap_slice_t *)b)->at;

    return (x > y) - (x < y);
}

/* Takes out what is there more than once: thousands of values may meet the same key. */
static void once_each(certmap_candidates_t *c)
{
    apr_size_t n = 0;
    apr_size_t i;

    qsort(c->slices, c->n, sizeof(*c->slices), compare_slices);
    for (i = 0; i < c->n; i++) {
        if (n == 0 || c->slices[n - 1].at != c->slices[i].at) {
            c->slices[n++] = c->slices[i];
        }
    }
    c->n = n;
}

static void add_slice(candidate_search_t *f, const apr_uint32_t *rules, apr_size_t n)
{
    certmap_candidates_t *c = f->c;

    if (n == 0) {
        return;
    }
    if (c->n == c->room) {
        once_each(c);
        if (c->n > c->room / 2) {
            certmap_slice_t *more = apr_palloc(f->pool, 2 * c->room * sizeof(*more));

            memcpy(more, c->slices, c->n * sizeof(*more));
            c->slices = more;
            c->room *= 2;
        }
    }
    c->slices[c->n++] = (certmap_slice_t){ rules, rules + n };
}

/* All rules under pairs that a bucket leads: right in any case, if more than need be. */
static void add_all(candidate_search_t *f, const bucket_t *e)
{
    add_slice(f, f->ix->rules + e->all_first, e->all_n);
}

/* A key has been met, or shares what is looked at with one that exists. */
static void met(candidate_search_t *f, apr_uint64_t key)
{
    const bucket_slot_t *slot = index_slot(f->ix->slots, f->ix->mask, key);
    const bucket_t *e;

    if (slot->bucket == CERTMAP_INDEX_NOTHING) {
        return;
    }
    e = &f->ix->buckets[slot->bucket];
    add_slice(f, f->ix->rules + e->first, e->n);
    if (e->all_n > 0 && f->nleads < sizeof(f->leads) / sizeof(f->leads[0])) {
        f->leads[f->nleads++] = slot->bucket;
    }
    else if (e->all_n > 0) {
        add_all(f, e);
    }
    if (e->follows) {
        if (f->nfollows < sizeof(f->follows) / sizeof(f->follows[0])) {
            f->follows[f->nfollows] = slot->bucket;
        }
        f->nfollows++;
    }
}

static void try_key(candidate_search_t *f, const way_t *g, apr_uint64_t h)
{
    apr_uint64_t key = index_key(g->seed, h);

    if (g->filter[(key & g->mask) / 64] & APR_UINT64_C(1) << (key & 63)) {
        met(f, key);
    }
}

static void hash_text(candidate_search_t *f, certmap_str_t text)
{
    hashes_t *hs = &f->hashes;
    apr_uint64_t h = 0;
    apr_size_t i;

    if (text.len >= hs->room) {
        hs->room = 2 * text.len + 1;
        hs->h = apr_palloc(f->pool, hs->room * sizeof(*hs->h));
    }
    hs->h[0] = 0;
    for (i = 0; i < text.len; i++) {
        h = h * CERTMAP_INDEX_BASE + (unsigned char)text.data[i] + 1;
        hs->h[i + 1] = h;
    }
    hs->len = text.len;
}

static void try_name(candidate_search_t *f, const way_t *g, const certmap_dn_t *dn)
{
    apr_uint64_t h = 0;
    int i;

    for (i = 0; i < dn->nrdns; i++) {
        h = index_hash_rdn(h, &dn->rdns[i]);
        if ((i + 1 < dn->nrdns) == (g->how == HOW_BELOW)) {
            try_key(f, g, h);
        }
    }
}

/* Whether a way is about the text of values, whose hashes must be known then. */
static int about_text(const way_t *g)
{
    return g->how == HOW_EQUAL || g->how == HOW_PREFIX || g->how == HOW_SUFFIX || g->how == HOW_INNER;
}

static void try_value(candidate_search_t *f, const way_t *g, const certmap_value_t *value)
{
    const apr_uint64_t *h = f->hashes.h;
    apr_size_t n = f->hashes.len;
    apr_size_t i;

    switch (g->how) {
    case HOW_EQUAL:
        try_key(f, g, h[n] + n);
        break;
    case HOW_PREFIX:
        if (n >= g->len) {
            try_key(f, g, h[g->len]);
        }
        break;
    case HOW_SUFFIX:
        if (n >= g->len) {
            try_key(f, g, h[n] - h[n - g->len] * g->power);
        }
        break;
    case HOW_INNER:
        for (i = g->len; i <= n; i++) {
            try_key(f, g, h[i] - h[i - g->len] * g->power);
        }
        break;
    case HOW_NETWORK:
        if (value->kind == CERTMAP_V_IP && value->iplen == g->len >> 8) {
            try_key(f, g, index_hash_network(value->ip, g->len & 0xff));
        }
        break;
    case HOW_DN:
    case HOW_BELOW:
        if (value->kind == CERTMAP_V_DN && value->dn != NULL) {
            try_name(f, g, value->dn);
        }
        break;
    case HOW_PRESENT:
        break;
    }
}

static void find_field(candidate_search_t *f, const field_t *field, certmap_eval_t *ev)
{
    certmap_values_t v = certmap_eval_values(ev, field->field);
    apr_size_t i;
    apr_size_t j;

    if (v.state == CERTMAP_MALFORMED || v.odd) {
        add_slice(f, field->rules, field->nrules);
        return;
    }
    for (j = 0; j < field->nways && v.n > 0; j++) {
        if (field->ways[j].how == HOW_PRESENT) {
            try_key(f, &field->ways[j], 0);
        }
    }
    for (i = 0; i < v.n; i++) {
        int hashed = -1; /* 0: the folded text, 1: the unchanged text */

        for (j = 0; j < field->nways; j++) {
            const way_t *g = &field->ways[j];

            if (about_text(g) && hashed != g->exact) {
                hash_text(f, g->exact ? v.values[i].text : v.values[i].folded);
                hashed = g->exact;
            }
            try_value(f, g, &v.values[i]);
        }
    }
}

static void find_pairs(candidate_search_t *f)
{
    int all = f->nfollows > sizeof(f->follows) / sizeof(f->follows[0]) || f->nleads * f->nfollows > PAIRS_MOST;
    apr_size_t i;
    apr_size_t j;

    for (i = 0; i < f->nleads; i++) {
        if (all) {
            add_all(f, &f->ix->buckets[f->leads[i]]);
        }
        for (j = 0; j < f->nfollows && !all; j++) {
            const bucket_slot_t *slot = index_slot(f->ix->slots, f->ix->mask,
                                                   index_pair_key(f->leads[i], f->follows[j]));

            if (slot->bucket != CERTMAP_INDEX_NOTHING) {
                add_slice(f, f->ix->rules + f->ix->buckets[slot->bucket].first, f->ix->buckets[slot->bucket].n);
            }
        }
    }
}

/* Moves the slice at i down to where it belongs: the one whose next rule comes first is on top. */
static void sift(certmap_candidates_t *c, apr_size_t i)
{
    certmap_slice_t moved = c->slices[i];
    apr_size_t child;

    while ((child = 2 * i + 1) < c->n) {
        child += child + 1 < c->n && *c->slices[child + 1].at < *c->slices[child].at;
        if (*moved.at <= *c->slices[child].at) {
            break;
        }
        c->slices[i] = c->slices[child];
        i = child;
    }
    c->slices[i] = moved;
}

void certmap_index_find(const certmap_index_t *ix, certmap_eval_t *ev, certmap_candidates_t *c)
{
    candidate_search_t f;
    apr_size_t i;

    f.ix = ix;
    f.c = c;
    f.nleads = f.nfollows = 0;
    f.hashes.h = f.hashes.few;
    f.hashes.room = sizeof(f.hashes.few) / sizeof(f.hashes.few[0]);
    f.pool = ev->pool;
    c->slices = c->few;
    c->room = sizeof(c->few) / sizeof(c->few[0]);
    c->n = 0;
    add_slice(&f, ix->always, ix->nalways);
    for (i = 0; i < ix->nfields; i++) {
        find_field(&f, &ix->fields[i], ev);
    }
    find_pairs(&f);
    for (i = c->n / 2; i-- > 0;) {
        sift(c, i);
    }
}

int certmap_index_next(certmap_candidates_t *c, apr_size_t *rule)
{
    if (c->n == 0) {
        return 0;
    }
    *rule = *c->slices[0].at;
    do { /* a key that two values meet brings its rules twice */
        if (++c->slices[0].at == c->slices[0].end) {
            c->slices[0] = c->slices[--c->n];
        }
        if (c->n > 0) {
            sift(c, 0);
        }
    } while (c->n > 0 && *c->slices[0].at == *rule);
    return 1;
}
