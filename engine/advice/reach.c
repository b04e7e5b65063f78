/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Finding the rule before that matches whatever another one does, in long lists too: the index is asked with values
 * made of what the rule itself asks for, wildcards being characters that no value has. A rule that covers it has
 * only conditions that such values meet, so it is among the candidates. What is found is compared condition by
 * condition.
 */
#include <stdlib.h>
#include <string.h>

#include <apr_strings.h>

#include "advice/internal.h"
#include "rules/compare.h"
#include "rules/ruleset.h"

/* Stands for wildcards; no value and no pattern has a control character in it. */
#define WILD '\1'

struct certmap_reach_t {
    const certmap_ruleset_t **sets; /* in the order in which they are asked */
    apr_size_t nsets;
    apr_size_t set; /* the place of the rule that was asked about last */
    apr_size_t number;
    apr_hash_t *same;               /* key of all conditions to the first rule that has these */
    const certmap_rule_t *everyone; /* the first rule without any condition */
    apr_size_t most;                /* candidates that a rule is compared with */
    apr_size_t left;                /* steps, of all rules */
    apr_pool_t *pool;
};

certmap_reach_t *certmap_reach_create(const certmap_list_t *list, apr_pool_t *p)
{
    certmap_reach_t *r = apr_pcalloc(p, sizeof(*r));
    apr_size_t n = certmap_list_count(list);
    const certmap_list_t *l;
    apr_size_t i;

    for (l = list; l != NULL; l = l->outer) {
        r->nsets += l->rules != NULL;
    }
    r->sets = apr_palloc(p, (r->nsets + 1) * sizeof(*r->sets));
    for (i = r->nsets, l = list; l != NULL; l = l->outer) {
        if (l->rules != NULL) {
            r->sets[--i] = l->rules;
        }
    }
    r->same = apr_hash_make(p);
    r->most = n > 0 && CERTMAP_REACH_PAIRS / n < CERTMAP_REACH_RULES_MOST ? CERTMAP_REACH_PAIRS / n
                                                                          : CERTMAP_REACH_RULES_MOST;
    r->most = r->most < CERTMAP_REACH_RULES_LEAST ? CERTMAP_REACH_RULES_LEAST : r->most;
    r->left = CERTMAP_REACH_STEPS;
    r->pool = p;
    return r;
}

/* ---- what a rule asks for, as values --------------------------------------------------------------------------- */

static void add_value(certmap_eval_t *ev, apr_array_header_t **values, const certmap_field_t *field,
                      const certmap_value_t *value)
{
    apr_size_t i;

    for (i = 0; i < ev->ncached && !certmap_field_same(ev->cache[i].field, field); i++) {
    }
    if (i == CERTMAP_EVAL_CACHE) {
        return; /* by this condition nothing is found, then */
    }
    if (i == ev->ncached) {
        values[i] = apr_array_make(ev->pool, 2, sizeof(certmap_value_t));
        ev->cache[ev->ncached++] = (certmap_values_t){ .field = field, .state = CERTMAP_VALID };
    }
    APR_ARRAY_PUSH(values[i], certmap_value_t) = *value;
    ev->cache[i].values = (const certmap_value_t *)values[i]->elts;
    ev->cache[i].n = (apr_size_t)values[i]->nelts;
    ev->cache[i].odd |= value->kind == CERTMAP_V_OPAQUE;
}

/* A text that a wildcard matches, and whatever matches all that the wildcard does. */
static certmap_str_t text_of_wildcard(const certmap_cond_t *cond, apr_pool_t *p)
{
    char *text = apr_palloc(p, cond->u.wildcard.n + 1);
    apr_size_t i;

    for (i = 0; i < cond->u.wildcard.n; i++) {
        apr_uint16_t token = cond->u.wildcard.tokens[i];

        text[i] = token == CERTMAP_TOKEN_ONE || token == CERTMAP_TOKEN_ANY ? WILD : (char)(token & 0xff);
    }
    return (certmap_str_t){ text, i };
}

static certmap_str_t text_of_regex(const certmap_cond_t *cond, apr_pool_t *p)
{
    const certmap_needs_t *needs = cond->u.regex.needs;
    char *text;
    char *s;

    if (needs == NULL || needs->whole) {
        return needs ? needs->prefix : (certmap_str_t){ "\1", 1 };
    }
    s = text = apr_palloc(p, needs->prefix.len + needs->inner.len + needs->suffix.len + 2);
    memcpy(s, needs->prefix.data, needs->prefix.len);
    s += needs->prefix.len;
    *s++ = WILD;
    memcpy(s, needs->inner.data ? needs->inner.data : "", needs->inner.len);
    s += needs->inner.len;
    *s++ = WILD;
    memcpy(s, needs->suffix.data ? needs->suffix.data : "", needs->suffix.len);
    s += needs->suffix.len;
    return (certmap_str_t){ text, (apr_size_t)(s - text) };
}

/* A name below the one given. */
static const certmap_dn_t *one_below(const certmap_dn_t *dn, apr_pool_t *p)
{
    certmap_dn_t *below = apr_palloc(p, sizeof(*below));
    certmap_rdn_t *rdns = apr_pcalloc(p, ((apr_size_t)dn->nrdns + 1) * sizeof(*rdns));

    memcpy(rdns, dn->rdns, (apr_size_t)dn->nrdns * sizeof(*rdns));
    below->nrdns = dn->nrdns + 1;
    below->rdns = rdns;
    return below;
}

/* The attributes that a condition on a whole name asks for. */
static void add_parts(certmap_eval_t *ev, apr_array_header_t **values, const certmap_cond_t *cond)
{
    certmap_field_t field = { cond->field.kind == CERTMAP_F_SUBJECT ? CERTMAP_F_SUBJECT_ATTR : CERTMAP_F_ISSUER_ATTR,
                              NULL, NULL };
    int i;
    int j;

    for (i = 0; i < cond->u.dn->nrdns && cond->field.kind != CERTMAP_F_SAN_DIRNAME; i++) {
        for (j = 0; j < cond->u.dn->rdns[i].navas; j++) {
            const certmap_ava_t *ava = &cond->u.dn->rdns[i].avas[j];
            certmap_value_t value = { .kind = ava->kind == CERTMAP_AVA_TEXT ? CERTMAP_V_TEXT : CERTMAP_V_OPAQUE,
                                      .text = ava->value,
                                      .folded = ava->folded };

            field.oid = field.name = ava->oid;
            add_value(ev, values, apr_pmemdup(ev->pool, &field, sizeof(field)), &value);
        }
    }
}

static void add_condition(certmap_eval_t *ev, apr_array_header_t **values, const certmap_cond_t *cond)
{
    certmap_value_t value;

    memset(&value, 0, sizeof(value));
    value.kind = cond->opaque ? CERTMAP_V_OPAQUE : certmap_field_kind(&cond->field);
    switch (cond->pattern) {
    case CERTMAP_P_LITERAL:
        value.text = cond->u.literal;
        break;
    case CERTMAP_P_WILDCARD:
        value.text = text_of_wildcard(cond, ev->pool);
        break;
    case CERTMAP_P_REGEX:
        value.text = text_of_regex(cond, ev->pool);
        break;
    case CERTMAP_P_NETWORK:
        value.iplen = cond->u.network.len;
        memcpy(value.ip, cond->u.network.octets, sizeof(value.ip));
        break;
    case CERTMAP_P_DN:
        value.dn = cond->u.dn;
        add_parts(ev, values, cond);
        break;
    case CERTMAP_P_DN_BELOW:
        value.dn = one_below(cond->u.dn, ev->pool);
        add_parts(ev, values, cond);
        break;
    }
    value.folded = value.text;
    if (value.kind == CERTMAP_V_TEXT) {
        value.folded = cond->field.kind != CERTMAP_F_SAN_URI ? certmap_fold(value.text, ev->pool)
                       : cond->pattern == CERTMAP_P_LITERAL  ? certmap_fold_uri(value.text, ev->pool)
                                                             : value.text;
    }
    add_value(ev, values, &cond->field, &value);
}

static certmap_eval_t *values_of(const certmap_rule_t *rule, apr_pool_t *p)
{
    certmap_eval_t *ev = apr_palloc(p, sizeof(*ev));
    apr_array_header_t *values[CERTMAP_EVAL_CACHE];
    apr_size_t i;

    certmap_eval_init(ev, NULL, NULL, p);
    for (i = 0; i < rule->nconds; i++) {
        if (!rule->conds[i].negated) {
            add_condition(ev, values, &rule->conds[i]);
        }
    }
    return ev;
}

/* ---- comparing rules ------------------------------------------------------------------------------------------- */

/* Whether the earlier rule matches every certificate that the later one does. */
static int covers(certmap_compare_t *c, const certmap_rule_t *earlier, const certmap_rule_t *later)
{
    apr_size_t i;
    apr_size_t j;

    for (i = 0; i < earlier->nconds; i++) {
        for (j = 0; j < later->nconds; j++) {
            if (c->left == 0) {
                return 0;
            }
            c->left--;
            if (certmap_cond_implies(c, &later->conds[j], &earlier->conds[i])) {
                break;
            }
        }
        if (j == later->nconds) {
            return 0;
        }
    }
    return 1;
}

static int compare_words(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* A key that rules with the same conditions have, in whatever order. */
static const char *set_key(const certmap_rule_t *rule, apr_pool_t *p)
{
    apr_array_header_t *words = apr_array_make(p, (int)rule->nconds + 1, sizeof(const char *));
    apr_size_t i;

    for (i = 0; i < rule->nconds; i++) {
        const certmap_cond_t *cond = &rule->conds[i];

        /* No value has a control character in it, so that the words cannot run into one another. */
        APR_ARRAY_PUSH(words, const char *) = apr_psprintf(
            p, "%d%d%d%d%d%s=%s", cond->negated, cond->all, cond->exact, cond->opaque, cond->pattern, cond->field.name,
            cond->pattern == CERTMAP_P_LITERAL ? cond->u.literal.data : cond->raw.data);
    }
    qsort(words->elts, (size_t)words->nelts, sizeof(const char *), compare_words);
    return apr_array_pstrcat(p, words, '\n');
}

/* The first rule before that has the same conditions, or none at all; what is new is remembered. */
static const certmap_rule_t *same_or_everyone(certmap_reach_t *r, const certmap_rule_t *rule, apr_pool_t *scratch)
{
    const char *key = set_key(rule, scratch);
    const certmap_rule_t *before = r->everyone ? r->everyone : apr_hash_get(r->same, key, APR_HASH_KEY_STRING);

    if (before == NULL) {
        apr_hash_set(r->same, apr_pstrdup(r->pool, key), APR_HASH_KEY_STRING, rule);
        r->everyone = rule->nconds == 0 ? rule : NULL;
    }
    return before;
}

/* Moves on to the place of the rule. */
static void find_place(certmap_reach_t *r, const certmap_rule_t *rule)
{
    while (r->set < r->nsets && (r->number == r->sets[r->set]->n || r->sets[r->set]->rules[r->number] != rule)) {
        if (r->number == r->sets[r->set]->n) {
            r->set++;
            r->number = 0;
        }
        else {
            r->number++;
        }
    }
}

const certmap_rule_t *certmap_reach_covering(certmap_reach_t *r, const certmap_rule_t *rule, apr_pool_t *scratch)
{
    const certmap_rule_t *before = same_or_everyone(r, rule, scratch);
    apr_size_t steps = r->left < CERTMAP_REACH_STEPS_EACH ? r->left : CERTMAP_REACH_STEPS_EACH;
    certmap_compare_t c = { scratch, steps };
    certmap_eval_t *ev;
    apr_size_t compared = 0;
    apr_size_t set;
    apr_size_t i;

    find_place(r, rule);
    if (before != NULL) {
        return before;
    }
    ev = values_of(rule, scratch);
    for (set = 0; set <= r->set && set < r->nsets && before == NULL; set++) {
        certmap_candidates_t candidates;

        if (r->sets[set]->index == NULL) {
            continue;
        }
        certmap_index_find(r->sets[set]->index, ev, &candidates);
        while (before == NULL && compared++ < r->most && certmap_index_next(&candidates, &i)
               && (set < r->set || i < r->number)) {
            before = covers(&c, r->sets[set]->rules[i], rule) ? r->sets[set]->rules[i] : NULL;
        }
    }
    r->left -= steps - c.left;
    return before;
}
