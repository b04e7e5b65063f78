/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Texts that a condition's pattern matches, as a list of characters, '?' and '*': whether two of them have a text in
 * common, whether one has all texts of another. A literal and a wildcard are such a list; a regex matches no text that
 * is not in the list of what it needs.
 */
#include <string.h>

#include "rules/compare.h"

/* Values next to those of characters. */
#define ONE 0x110000u
#define ANY 0x110001u

/* Whether values of the field have another form, folded, in which they are compared without case:. */
static int has_folded(const certmap_cond_t *cond)
{
    return certmap_field_kind(&cond->field) == CERTMAP_V_TEXT && !cond->opaque;
}

static void add_text(certmap_glob_t *g, certmap_str_t text)
{
    apr_size_t i = 0;

    while (i < text.len) {
        apr_uint32_t c = 0;
        int n = certmap_utf8_next((const unsigned char *)text.data + i, text.len - i, &c);

        g->symbols[g->n++] = n > 0 ? c : (unsigned char)text.data[i];
        i += n > 0 ? (apr_size_t)n : 1;
    }
}

static void add_tokens(certmap_glob_t *g, const apr_uint16_t *tokens, apr_size_t n, apr_pool_t *p)
{
    char *bytes = apr_palloc(p, n + 1);
    apr_size_t from;
    apr_size_t to;

    for (from = 0; from < n; from = to) {
        for (to = from; to < n && tokens[to] != CERTMAP_TOKEN_ONE && tokens[to] != CERTMAP_TOKEN_ANY; to++) {
            bytes[to] = (char)(tokens[to] & 0xff);
        }
        add_text(g, (certmap_str_t){ bytes + from, to - from });
        if (to < n) {
            g->symbols[g->n++] = tokens[to++] == CERTMAP_TOKEN_ONE ? ONE : ANY;
        }
    }
}

static void add_needs(certmap_glob_t *g, const certmap_needs_t *needs)
{
    if (needs != NULL) {
        add_text(g, needs->prefix);
    }
    if (needs == NULL || !needs->whole) {
        g->symbols[g->n++] = ANY;
    }
    if (needs != NULL && needs->inner.len > 0) {
        add_text(g, needs->inner);
        g->symbols[g->n++] = ANY;
    }
    if (needs != NULL) {
        add_text(g, needs->suffix);
    }
}

/* In a run of wildcards '?' come first: "*?" and "?*" are the same. */
static void order_wildcards(certmap_glob_t *g)
{
    apr_size_t from;
    apr_size_t i;

    for (from = 0; from < g->n; from = i + 1) {
        apr_size_t ones = 0;
        int any = 0;

        for (i = from; i < g->n && g->symbols[i] >= ONE; i++) {
            ones += g->symbols[i] == ONE;
            any |= g->symbols[i] == ANY;
        }
        if (any && i - from > 1) {
            apr_size_t k;

            for (k = 0; k < ones; k++) {
                g->symbols[from + k] = ONE;
            }
            g->symbols[from + ones] = ANY;
            memmove(g->symbols + from + ones + 1, g->symbols + i, (g->n - i) * sizeof(*g->symbols));
            g->n -= i - (from + ones + 1);
            i = from + ones + 1;
        }
    }
}

int certmap_glob_of(const certmap_cond_t *cond, certmap_glob_t *g, apr_pool_t *p)
{
    const certmap_needs_t *needs;
    apr_size_t most;

    g->n = 0;
    g->raw = has_folded(cond) && cond->exact;
    switch (cond->pattern) {
    case CERTMAP_P_LITERAL:
        g->symbols = apr_palloc(p, (cond->u.literal.len + 1) * sizeof(*g->symbols));
        add_text(g, cond->u.literal);
        return 1;
    case CERTMAP_P_WILDCARD:
        g->symbols = apr_palloc(p, (cond->u.wildcard.n + 1) * sizeof(*g->symbols));
        add_tokens(g, cond->u.wildcard.tokens, cond->u.wildcard.n, p);
        order_wildcards(g);
        return 1;
    case CERTMAP_P_REGEX:
        needs = cond->u.regex.needs;
        most = needs ? needs->prefix.len + needs->inner.len + needs->suffix.len + 3 : 3;
        g->symbols = apr_palloc(p, most * sizeof(*g->symbols));
        g->raw = has_folded(cond);
        add_needs(g, needs);
        return 1;
    case CERTMAP_P_NETWORK:
    case CERTMAP_P_DN:
    case CERTMAP_P_DN_BELOW:
        break;
    }
    return 0;
}

int certmap_glob_fold(certmap_glob_t *g)
{
    apr_size_t i;

    for (i = 0; i < g->n; i++) {
        /* Folding drops blanks: those that are written, and those that '?' could be. */
        if (g->raw && (g->symbols[i] == ' ' || g->symbols[i] == '\t' || g->symbols[i] == ONE)) {
            return 0;
        }
        if (g->symbols[i] >= 'A' && g->symbols[i] <= 'Z') {
            g->symbols[i] += 'a' - 'A';
        }
    }
    g->raw = 0;
    return 1;
}

int certmap_glob_contains(const certmap_glob_t *outer, const certmap_glob_t *inner)
{
    apr_size_t o = 0;
    apr_size_t i = 0;
    apr_size_t star = outer->n; /* where the last '*' is */
    apr_size_t resume = 0;

    while (i < inner->n) {
        apr_uint32_t symbol = o < outer->n ? outer->symbols[o] : 0;

        if (o < outer->n && symbol == ANY) {
            star = o++;
            resume = i;
        }
        else if (o < outer->n && (symbol == inner->symbols[i] || (symbol == ONE && inner->symbols[i] != ANY))) {
            o++;
            i++;
        }
        else if (star < outer->n) {
            i = ++resume;
            o = star + 1;
        }
        else {
            return 0;
        }
    }
    while (o < outer->n && outer->symbols[o] == ANY) {
        o++;
    }
    return o == outer->n;
}

/* Whether beginnings, or ends, that are all characters differ: most pairs differ there already. */
static int ends_differ(const certmap_glob_t *a, const certmap_glob_t *b)
{
    apr_size_t least = a->n < b->n ? a->n : b->n;
    apr_size_t i;

    for (i = 0; i < least && a->symbols[i] < ONE && b->symbols[i] < ONE; i++) {
        if (a->symbols[i] != b->symbols[i]) {
            return 1;
        }
    }
    for (i = 1; i <= least && a->symbols[a->n - i] < ONE && b->symbols[b->n - i] < ONE; i++) {
        if (a->symbols[a->n - i] != b->symbols[b->n - i]) {
            return 1;
        }
    }
    return 0;
}

int certmap_glob_disjoint(const certmap_glob_t *a, const certmap_glob_t *b, apr_pool_t *p)
{
    char *row = apr_pcalloc(p, b->n + 1); /* whether what is left from i and from j on have a text in common */
    apr_size_t i;
    apr_size_t j;

    if (ends_differ(a, b)) {
        return 1;
    }
    for (i = a->n + 1; i-- > 0;) {
        char below = 0; /* what was at i + 1, j + 1 */

        for (j = b->n + 1; j-- > 0;) {
            char before = row[j]; /* at i + 1, j */
            int is_any = i < a->n && a->symbols[i] == ANY;
            int meets_any = j < b->n && b->symbols[j] == ANY;

            if (i == a->n && j == b->n) {
                row[j] = 1;
            }
            else {
                row[j] = (i < a->n && (is_any || meets_any) && before)
                         || (j < b->n && (is_any || meets_any) && row[j + 1])
                         || (i < a->n && j < b->n && !is_any && !meets_any && below
                             && (a->symbols[i] == b->symbols[j] || a->symbols[i] == ONE || b->symbols[j] == ONE));
            }
            below = before;
        }
    }
    return !row[0];
}
