/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What two conditions say together: whether every value that one matches is matched by the other, whether no value is
 * matched by both, whether one implies the other, and whether the conditions of a rule contradict one another. It
 * answers only where it is certain.
 */
#include <string.h>

#include <apr_strings.h>

#include "base/limits.h"
#include "rules/compare.h"
#include "rules/eval.h"

/* Takes from what may be spent. @return 0 when there is nothing left: then nothing is certain */
static int spend(certmap_compare_t *c, apr_size_t steps)
{
    if (c->left < steps) {
        c->left = 0;
        return 0;
    }
    c->left -= steps;
    return 1;
}

static int is_name(const certmap_cond_t *cond)
{
    return cond->pattern == CERTMAP_P_DN || cond->pattern == CERTMAP_P_DN_BELOW;
}

/* ---- one text ------------------------------------------------------------------------------------------------- */

/* Whether a pattern matches a text whose every byte is given. */
static certmap_match_e meets(const certmap_cond_t *cond, certmap_str_t text, apr_pool_t *p)
{
    certmap_eval_t ev;
    certmap_value_t value;

    memset(&value, 0, sizeof(value));
    value.kind = cond->opaque ? CERTMAP_V_OPAQUE : certmap_field_kind(&cond->field);
    value.text = value.folded = text;
    certmap_eval_init(&ev, NULL, NULL, p);
    ev.trying = 1;
    return certmap_cond_value(&ev, cond, &value);
}

static certmap_str_t folded(const certmap_cond_t *cond, apr_pool_t *p)
{
    return cond->field.kind == CERTMAP_F_SAN_URI ? certmap_fold_uri(cond->u.literal, p)
                                                 : certmap_fold(cond->u.literal, p);
}

/* The literal of inner in the form that outer compares; *text.data NULL where case has been lost. */
static certmap_str_t literal_for(const certmap_cond_t *outer, const certmap_cond_t *inner, apr_pool_t *p)
{
    certmap_str_t none = { NULL, 0 };

    if (certmap_field_kind(&inner->field) != CERTMAP_V_TEXT || inner->exact == outer->exact || inner->opaque) {
        return inner->u.literal;
    }
    return inner->exact ? folded(inner, p) : none;
}

/* Whether a literal stands for one text only, and not for all that fold to the same. */
static int has_one_spelling(const certmap_cond_t *literal)
{
    return certmap_field_kind(&literal->field) != CERTMAP_V_TEXT || literal->opaque || literal->exact;
}

/* ---- containing ----------------------------------------------------------------------------------------------- */

static int same_pattern(const certmap_cond_t *a, const certmap_cond_t *b)
{
    return a->pattern == b->pattern && a->exact == b->exact && a->opaque == b->opaque
           && certmap_str_same(a->raw, b->raw);
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

/* Whether a wildcard matches all that a wildcard or a regex does. */
static int wildcard_contains(certmap_compare_t *c, const certmap_cond_t *outer, const certmap_cond_t *inner)
{
    certmap_glob_t a;
    certmap_glob_t b;

    if (!spend(c, outer->u.wildcard.n + inner->raw.len) || !certmap_glob_of(outer, &a, c->pool)
        || !certmap_glob_of(inner, &b, c->pool) || !spend(c, a.n * b.n)) {
        return 0;
    }
    /* What a URI's folded form is, and where, is unknown for a regex or an unchanged text. */
    if (outer->field.kind == CERTMAP_F_SAN_URI
        && (inner->pattern == CERTMAP_P_REGEX ? !outer->exact : outer->exact != inner->exact)) {
        return 0;
    }
    if (a.raw != b.raw && (a.raw || !certmap_glob_fold(&b))) {
        return 0;
    }
    /* A regex that ignores case needs what it needs in any case. */
    if (a.raw && inner->pattern == CERTMAP_P_REGEX && inner->u.regex.needs != NULL && inner->u.regex.needs->caseless) {
        return 0;
    }
    return certmap_glob_contains(&a, &b);
}

static int literal_contains(certmap_compare_t *c, const certmap_cond_t *outer, const certmap_cond_t *inner)
{
    certmap_str_t text = inner->pattern == CERTMAP_P_LITERAL ? literal_for(outer, inner, c->pool)
                                                             : (certmap_str_t){ NULL, 0 };

    return text.data != NULL && certmap_str_same(outer->u.literal, text);
}

int certmap_cond_contains(certmap_compare_t *c, const certmap_cond_t *outer, const certmap_cond_t *inner)
{
    certmap_str_t text;

    if (same_pattern(outer, inner) || certmap_cond_is_presence(outer)) {
        return 1;
    }
    if (outer->opaque != inner->opaque || (is_name(inner) && outer->exact && !inner->exact)) {
        return 0;
    }
    switch (outer->pattern) {
    case CERTMAP_P_LITERAL:
        return literal_contains(c, outer, inner);
    case CERTMAP_P_WILDCARD:
        if (inner->pattern != CERTMAP_P_LITERAL) {
            return wildcard_contains(c, outer, inner);
        }
        text = literal_for(outer, inner, c->pool);
        return text.data != NULL && spend(c, outer->u.wildcard.n * text.len)
               && meets(outer, text, c->pool) == CERTMAP_MATCH_YES;
    case CERTMAP_P_NETWORK:
        return inner->pattern == CERTMAP_P_NETWORK && network_contains(outer, inner);
    case CERTMAP_P_DN:
        return inner->pattern == CERTMAP_P_DN && certmap_dn_equal(outer->u.dn, inner->u.dn, outer->exact);
    case CERTMAP_P_DN_BELOW:
        return is_name(inner)
               && (certmap_dn_below(inner->u.dn, outer->u.dn, outer->exact)
                   || (inner->pattern == CERTMAP_P_DN_BELOW
                       && certmap_dn_equal(inner->u.dn, outer->u.dn, outer->exact)));
    case CERTMAP_P_REGEX:
        return inner->pattern == CERTMAP_P_LITERAL && has_one_spelling(inner) && spend(c, CERTMAP_REGEX_STEPS)
               && meets(outer, inner->u.literal, c->pool) == CERTMAP_MATCH_YES;
    }
    return 0;
}

/* ---- having nothing in common ---------------------------------------------------------------------------------- */

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

/* By the characters that texts must have. */
static int globs_miss(certmap_compare_t *c, const certmap_cond_t *a, const certmap_cond_t *b)
{
    certmap_glob_t x;
    certmap_glob_t y;
    int uri = a->field.kind == CERTMAP_F_SAN_URI;
    int caseless = (a->pattern == CERTMAP_P_REGEX && a->u.regex.needs != NULL && a->u.regex.needs->caseless)
                   || (b->pattern == CERTMAP_P_REGEX && b->u.regex.needs != NULL && b->u.regex.needs->caseless);

    if (!spend(c, a->raw.len + b->raw.len) || !certmap_glob_of(a, &x, c->pool) || !certmap_glob_of(b, &y, c->pool)
        || !spend(c, (x.n + 1) * (y.n + 1))) {
        return 0;
    }
    if (x.raw && y.raw) {
        x.raw = y.raw = 0; /* both about the unchanged text, with its blanks */
        if (caseless) {
            certmap_glob_fold(&x);
            certmap_glob_fold(&y);
        }
    }
    else {
        x.raw &= !uri; /* no blank of a URI is dropped */
        y.raw &= !uri;
        if (!certmap_glob_fold(&x) || !certmap_glob_fold(&y)) {
            return 0;
        }
    }
    return certmap_glob_disjoint(&x, &y, c->pool);
}

/* Whether a literal is certain to be none of the values that other matches. */
static int literal_misses(certmap_compare_t *c, const certmap_cond_t *literal, const certmap_cond_t *other)
{
    certmap_str_t text = literal->u.literal;

    if (other->pattern == CERTMAP_P_LITERAL) {
        return literal->exact != other->exact && certmap_field_kind(&literal->field) == CERTMAP_V_TEXT
                       && !literal->opaque
                   ? !certmap_str_same(folded(literal, c->pool), folded(other, c->pool))
                   : !certmap_str_same(text, other->u.literal);
    }
    if (other->pattern == CERTMAP_P_REGEX && has_one_spelling(literal)) {
        return spend(c, CERTMAP_REGEX_STEPS) && meets(other, text, c->pool) == CERTMAP_MATCH_NO;
    }
    if (other->pattern == CERTMAP_P_WILDCARD && (text = literal_for(other, literal, c->pool)).data != NULL) {
        return spend(c, other->u.wildcard.n * text.len) && meets(other, text, c->pool) == CERTMAP_MATCH_NO;
    }
    return globs_miss(c, literal, other);
}

int certmap_cond_disjoint(certmap_compare_t *c, const certmap_cond_t *a, const certmap_cond_t *b)
{
    if (certmap_cond_is_presence(a) || certmap_cond_is_presence(b)) {
        return 0;
    }
    if (a->opaque != b->opaque) {
        return 1;
    }
    if (is_name(a) || is_name(b)) {
        return is_name(a) && is_name(b) && names_miss(a, b);
    }
    if (a->pattern == CERTMAP_P_NETWORK || b->pattern == CERTMAP_P_NETWORK) {
        return a->pattern == CERTMAP_P_NETWORK && b->pattern == CERTMAP_P_NETWORK && !network_contains(a, b)
               && !network_contains(b, a);
    }
    if (a->pattern == CERTMAP_P_LITERAL) {
        return literal_misses(c, a, b);
    }
    return b->pattern == CERTMAP_P_LITERAL ? literal_misses(c, b, a) : globs_miss(c, a, b);
}

/* ---- whole names and their attributes -------------------------------------------------------------------------- */

/* Whether a positive condition on a whole name says what attributes of that type the certificate has. */
static int speaks_of(const certmap_cond_t *name, const certmap_cond_t *attr)
{
    return !name->negated && is_name(name)
           && ((name->field.kind == CERTMAP_F_SUBJECT && attr->field.kind == CERTMAP_F_SUBJECT_ATTR)
               || (name->field.kind == CERTMAP_F_ISSUER && attr->field.kind == CERTMAP_F_ISSUER_ATTR));
}

/* What a condition on a whole name says of one on an attribute of it. */
typedef struct parts_t {
    int n;         /* attributes of that type in the name */
    int contained; /* of them, those that the condition is certain to match */
    int missed;    /* and those that it is certain not to */
} parts_t;

static parts_t compare_parts(certmap_compare_t *c, const certmap_cond_t *name, const certmap_cond_t *attr)
{
    certmap_cond_t part = { .field = attr->field, .exact = name->exact, .pattern = CERTMAP_P_LITERAL };
    parts_t parts = { 0, 0, 0 };
    int i;
    int j;

    for (i = 0; i < name->u.dn->nrdns; i++) {
        for (j = 0; j < name->u.dn->rdns[i].navas; j++) {
            const certmap_ava_t *ava = &name->u.dn->rdns[i].avas[j];

            if (ava->folded.len == 0 || strcmp(ava->oid, attr->field.oid) != 0) {
                continue;
            }
            part.raw = part.u.literal = name->exact ? ava->value : ava->folded;
            part.opaque = ava->kind != CERTMAP_AVA_TEXT;
            parts.n++;
            parts.contained += certmap_cond_contains(c, attr, &part);
            /* a condition about text is malformed, and no "no", where a value has another type */
            parts.missed += !part.opaque && certmap_cond_disjoint(c, attr, &part);
        }
    }
    return parts;
}

static int name_contradicts(certmap_compare_t *c, const certmap_cond_t *name, const certmap_cond_t *attr)
{
    parts_t parts = compare_parts(c, name, attr);
    int complete = name->pattern == CERTMAP_P_DN;

    if (attr->negated) {
        return parts.contained > 0 || (attr->all && complete && parts.n == 0);
    }
    return attr->all ? parts.missed > 0 || (complete && parts.n == 0) : complete && parts.missed == parts.n;
}

static int name_implies(certmap_compare_t *c, const certmap_cond_t *name, const certmap_cond_t *attr)
{
    parts_t parts = compare_parts(c, name, attr);
    int complete = name->pattern == CERTMAP_P_DN;

    if (!attr->negated && !attr->all) {
        return parts.contained > 0;
    }
    return complete && parts.n == (attr->negated ? parts.missed : parts.contained) && (parts.n > 0 || !attr->all);
}

/* ---- conditions ------------------------------------------------------------------------------------------------ */

int certmap_cond_implies(certmap_compare_t *c, const certmap_cond_t *given, const certmap_cond_t *then)
{
    if (speaks_of(given, then)) {
        return name_implies(c, given, then);
    }
    if (!certmap_field_same(&given->field, &then->field)) {
        return 0;
    }
    if (given->negated != then->negated) {
        return given->all && !given->negated && certmap_cond_disjoint(c, given, then);
    }
    return (!then->all || given->all)
           && (then->negated ? certmap_cond_contains(c, given, then) : certmap_cond_contains(c, then, given));
}

/* Whether two conditions of a rule can never hold together. */
static int contradict(certmap_compare_t *c, const certmap_cond_t *a, const certmap_cond_t *b)
{
    const certmap_cond_t *negated = a->negated ? a : b;
    const certmap_cond_t *other = a->negated ? b : a;

    if (speaks_of(a, b) || speaks_of(b, a)) {
        return speaks_of(a, b) ? name_contradicts(c, a, b) : name_contradicts(c, b, a);
    }
    if (!certmap_field_same(&a->field, &b->field)) {
        return 0;
    }
    if (!a->negated && !b->negated) {
        return certmap_cond_disjoint(c, a, b); /* both must hold on one value, or all: on every one */
    }
    if (!other->negated) {
        return certmap_cond_contains(c, negated, other);
    }
    /* all:F!=x wants a value, F!=* wants none */
    return (a->all && certmap_cond_is_presence(b)) || (b->all && certmap_cond_is_presence(a));
}

int certmap_rule_contradicts(certmap_compare_t *c, const certmap_rule_t *rule, const certmap_cond_t **first,
                             const certmap_cond_t **second)
{
    apr_size_t i;
    apr_size_t j;

    /* [promise never-matches] */
    for (i = 1; i < rule->nconds; i++) {
        for (j = 0; j < i && spend(c, 1); j++) {
            if (contradict(c, &rule->conds[j], &rule->conds[i])) {
                *first = &rule->conds[j];
                *second = &rule->conds[i];
                return 1;
            }
        }
    }
    return 0;
}
