/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What two conditions say together: whether every value that one matches is matched by the other, whether no value is
 * matched by both, and whether the conditions of a rule contradict one another. Told only where it is certain.
 */
#include <string.h>

#include <apr_strings.h>

#include "rules.h"

/* ---- containing ----------------------------------------------------------------------------------------------- */

/* Whether a wildcard pattern matches a text whose every byte is given. */
static int wildcard_meets(const certmap_cond_t *wild, certmap_str_t text, apr_pool_t *p)
{
    certmap_eval_t ev;
    certmap_value_t value;

    memset(&value, 0, sizeof(value));
    value.kind = wild->opaque ? CERTMAP_V_OPAQUE : CERTMAP_V_TEXT;
    value.text = value.folded = text;
    certmap_eval_init(&ev, NULL, NULL, p);
    return certmap_cond_value(&ev, wild, &value) == CERTMAP_MATCH_YES;
}

static int same_pattern(const certmap_cond_t *a, const certmap_cond_t *b)
{
    return a->pattern == b->pattern && a->exact == b->exact && a->opaque == b->opaque
           && certmap_str_same(a->raw, b->raw);
}

/* The literal of inner in the form that outer compares; *text.data NULL where case has been lost. */
static certmap_str_t literal_for(const certmap_cond_t *outer, const certmap_cond_t *inner, apr_pool_t *p)
{
    certmap_str_t none = { NULL, 0 };

    if (certmap_field_kind(&inner->field) != CERTMAP_V_TEXT || inner->exact == outer->exact || inner->opaque) {
        return inner->u.literal;
    }
    return inner->exact ? certmap_fold(inner->u.literal, p) : none;
}

static int network_contains(const certmap_cond_t *outer, const certmap_cond_t *inner)
{
    unsigned i;

    if (outer->u.network.len != inner->u.network.len || outer->u.network.bits > inner->u.network.bits) {
        return 0;
    }
    for (i = 0; i < outer->u.network.bits; i++) {
        if ((outer->u.network.octets[i / 8] ^ inner->u.network.octets[i / 8]) & (0x80u >> (i % 8))) {
            return 0;
        }
    }
    return 1;
}

int certmap_cond_contains(const certmap_cond_t *outer, const certmap_cond_t *inner, apr_pool_t *p)
{
    int dn = inner->pattern == CERTMAP_P_DN || inner->pattern == CERTMAP_P_DN_BELOW;
    certmap_str_t text;

    if (same_pattern(outer, inner) || certmap_cond_is_presence(outer)) {
        return 1;
    }
    if (outer->opaque != inner->opaque || (dn && outer->exact && !inner->exact)) {
        return 0;
    }
    switch (outer->pattern) {
    case CERTMAP_P_LITERAL:
        text = inner->pattern == CERTMAP_P_LITERAL ? literal_for(outer, inner, p) : (certmap_str_t){ NULL, 0 };
        return text.data != NULL && certmap_str_same(outer->u.literal, text);
    case CERTMAP_P_WILDCARD:
        if (outer->u.wildcard.n == 1 && outer->u.wildcard.tokens[0] == CERTMAP_TOKEN_ANY) {
            return 1;
        }
        text = inner->pattern == CERTMAP_P_LITERAL ? literal_for(outer, inner, p) : (certmap_str_t){ NULL, 0 };
        return text.data != NULL && wildcard_meets(outer, text, p);
    case CERTMAP_P_NETWORK:
        return inner->pattern == CERTMAP_P_NETWORK && network_contains(outer, inner);
    case CERTMAP_P_DN:
        return inner->pattern == CERTMAP_P_DN && certmap_dn_equal(outer->u.dn, inner->u.dn, outer->exact);
    case CERTMAP_P_DN_BELOW:
        return dn && (certmap_dn_below(inner->u.dn, outer->u.dn, outer->exact)
                      || (inner->pattern == CERTMAP_P_DN_BELOW
                          && certmap_dn_equal(inner->u.dn, outer->u.dn, outer->exact)));
    case CERTMAP_P_REGEX:
        return 0;
    }
    return 0;
}

/* ---- contradicting -------------------------------------------------------------------------------------------- */

static int regex_misses(const certmap_cond_t *regex, const certmap_cond_t *literal, apr_pool_t *p)
{
    certmap_value_kind_e kind = certmap_field_kind(&literal->field);
    certmap_value_t value;
    certmap_eval_t ev;

    /* A literal that compares folded stands for texts of any case. */
    if (kind != CERTMAP_V_HEX && kind != CERTMAP_V_OID && !literal->exact) {
        return 0;
    }
    memset(&value, 0, sizeof(value));
    value.kind = kind;
    value.text = value.folded = literal->u.literal;
    certmap_eval_init(&ev, NULL, NULL, p);
    return certmap_cond_value(&ev, regex, &value) == CERTMAP_MATCH_NO;
}

/* Whether a literal is certain to be none of the values that other matches. */
static int literal_misses(const certmap_cond_t *literal, const certmap_cond_t *other, apr_pool_t *p)
{
    certmap_str_t a = literal->u.literal;
    certmap_str_t b;

    switch (other->pattern) {
    case CERTMAP_P_LITERAL:
        b = other->u.literal;
        if (literal->exact != other->exact && certmap_field_kind(&literal->field) == CERTMAP_V_TEXT
            && !literal->opaque) {
            a = certmap_fold(a, p);
            b = certmap_fold(b, p);
        }
        return !certmap_str_same(a, b);
    case CERTMAP_P_WILDCARD:
        a = literal_for(other, literal, p);
        return a.data != NULL && !wildcard_meets(other, a, p);
    case CERTMAP_P_REGEX:
        return regex_misses(other, literal, p);
    case CERTMAP_P_NETWORK:
    case CERTMAP_P_DN:
    case CERTMAP_P_DN_BELOW:
        return 0;
    }
    return 0;
}

static int names_miss(const certmap_cond_t *a, const certmap_cond_t *b)
{
    int below_a = a->pattern == CERTMAP_P_DN_BELOW;
    int below_b = b->pattern == CERTMAP_P_DN_BELOW;

    if (!below_a && !below_b) {
        return !certmap_dn_equal(a->u.dn, b->u.dn, a->exact && b->exact);
    }
    if (below_a && below_b && certmap_dn_equal(a->u.dn, b->u.dn, a->exact && b->exact)) {
        return 0;
    }
    return !(below_a && certmap_dn_below(b->u.dn, a->u.dn, a->exact && b->exact))
           && !(below_b && certmap_dn_below(a->u.dn, b->u.dn, a->exact && b->exact));
}

/* Whether it is certain that no value is matched by both patterns. */
static int disjoint(const certmap_cond_t *a, const certmap_cond_t *b, apr_pool_t *p)
{
    int dn_a = a->pattern == CERTMAP_P_DN || a->pattern == CERTMAP_P_DN_BELOW;
    int dn_b = b->pattern == CERTMAP_P_DN || b->pattern == CERTMAP_P_DN_BELOW;

    if (a->opaque != b->opaque) {
        return !certmap_cond_is_presence(a) && !certmap_cond_is_presence(b);
    }
    if (dn_a && dn_b) {
        return names_miss(a, b);
    }
    if (a->pattern == CERTMAP_P_NETWORK && b->pattern == CERTMAP_P_NETWORK) {
        return !network_contains(a, b) && !network_contains(b, a);
    }
    return (a->pattern == CERTMAP_P_LITERAL && literal_misses(a, b, p))
           || (b->pattern == CERTMAP_P_LITERAL && literal_misses(b, a, p));
}

/* Whether two conditions of a rule can never hold together. */
static int contradict(const certmap_cond_t *a, const certmap_cond_t *b, apr_pool_t *p)
{
    const certmap_cond_t *negated = a->negated ? a : b;
    const certmap_cond_t *other = a->negated ? b : a;

    if (!certmap_field_same(&a->field, &b->field)) {
        return 0;
    }
    if (!a->negated && !b->negated) {
        return disjoint(a, b, p);       /* both must hold on one value, or all: on every one */
    }
    if (!other->negated) {
        return certmap_cond_contains(negated, other, p);
    }
    /* all:F!=x wants a value, F!=* wants none */
    return (a->all && certmap_cond_is_presence(b)) || (b->all && certmap_cond_is_presence(a));
}

int certmap_rule_contradicts(const certmap_rule_t *rule, const certmap_cond_t **first, const certmap_cond_t **second,
                             apr_pool_t *p)
{
    apr_size_t i;
    apr_size_t j;

    for (i = 1; i < rule->nconds; i++) {
        for (j = 0; j < i; j++) {
            if (contradict(&rule->conds[j], &rule->conds[i], p)) {
                *first = &rule->conds[j];
                *second = &rule->conds[i];
                return 1;
            }
        }
    }
    return 0;
}
