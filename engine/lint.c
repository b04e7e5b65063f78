/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is wrong with a list as a whole: rules that can never match because one before always does or because their
 * conditions contradict one another, names used twice, weak and expired rules. Implication between conditions is told
 * only where it is certain; what cannot be told is not said.
 */
#include <stdlib.h>
#include <string.h>

#include <apr_strings.h>

#include "rules.h"

/* Earlier rules without a literal condition, or with the same one, are compared with each rule: at most so many, and in
 * long lists fewer, so that a start-up does not wait for it. */
#define COMPARED_MOST 1000
#define COMPARED_LEAST 50
#define COMPARED_IN_ALL 10000000

/* ---- implication ---------------------------------------------------------------------------------------------- */

/* Whether `then` holds for every certificate for which `given` does. */
static int implies(const certmap_cond_t *given, const certmap_cond_t *then, apr_pool_t *p)
{
    if (given->negated != then->negated || (then->all && !given->all)
        || !certmap_field_same(&given->field, &then->field)) {
        return 0;
    }
    return then->negated ? certmap_cond_contains(given, then, p) : certmap_cond_contains(then, given, p);
}

/* Whether the earlier rule matches every certificate that the later one does. Conditions that bind one value are
 * implied by conditions that bind one value, or by all:, so that the value is the same. */
static int covers(const certmap_rule_t *earlier, const certmap_rule_t *later, apr_pool_t *p)
{
    apr_size_t i;
    apr_size_t j;

    for (i = 0; i < earlier->nconds; i++) {
        for (j = 0; j < later->nconds && !implies(&later->conds[j], &earlier->conds[i], p); j++) {
        }
        if (j == later->nconds) {
            return 0;
        }
    }
    return 1;
}

/* ---- finding covering rules without comparing all with all ----------------------------------------------------- */

typedef struct linter_t {
    apr_array_header_t *found;      /* of certmap_error_t */
    certmap_sink_t sink;
    apr_hash_t *names;              /* name to rule */
    apr_hash_t *keyed;              /* key to array of rules before that have this literal condition */
    apr_hash_t *sets;               /* key of all conditions to the first rule that has these */
    const certmap_rule_t *everyone; /* the first rule without any condition */
    apr_array_header_t *residual;   /* rules before that have none */
    int most;                       /* rules of a kind that each rule is compared with */
    apr_pool_t *scratch;            /* of one rule */
    apr_pool_t *temporary;          /* of the tables */
} linter_t;

static void report(linter_t *l, const certmap_rule_t *rule, const certmap_cond_t *cond, int warning, const char *text)
{
    const certmap_rule_full_t *full = (const certmap_rule_full_t *)rule;
    certmap_place_t at = cond ? cond->place : (certmap_place_t){ rule->line, full->column };

    l->sink.file = rule->file;
    if (warning) {
        certmap_sink_warning(&l->sink, at, "%s", text);
    }
    else {
        certmap_sink_error(&l->sink, at, "%s", text);
    }
}

static const char *where(const certmap_rule_t *rule, apr_pool_t *p)
{
    return rule->file ? apr_psprintf(p, "%s:%d", rule->file, rule->line) : apr_psprintf(p, "line %d", rule->line);
}

/* The key under which a rule with this condition is looked up, or NULL. A later rule is covered by a rule with a
 * literal condition only when it has a literal on the same field that folds to the same text. */
static const char *key_of(const certmap_cond_t *cond, apr_pool_t *p)
{
    certmap_str_t folded;

    if (cond->pattern != CERTMAP_P_LITERAL || cond->negated) {
        return NULL;
    }
    folded = certmap_fold(cond->u.literal, p);
    return apr_pstrcat(p, cond->field.name, "=", folded.data, NULL);
}

static const certmap_rule_t *covering(const linter_t *l, const apr_array_header_t *rules, const certmap_rule_t *later)
{
    int n = rules == NULL ? 0 : rules->nelts < l->most ? rules->nelts : l->most;
    int i;

    for (i = 0; i < n; i++) {
        if (covers(APR_ARRAY_IDX(rules, i, const certmap_rule_t *), later, l->scratch)) {
            return APR_ARRAY_IDX(rules, i, const certmap_rule_t *);
        }
    }
    return NULL;
}

static int compare_words(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* A key that rules with the same conditions have, in whatever order these stand. */
static const char *set_key(const certmap_rule_t *rule, apr_pool_t *p)
{
    apr_array_header_t *words = apr_array_make(p, (int)rule->nconds + 1, sizeof(const char *));
    apr_size_t i;

    for (i = 0; i < rule->nconds; i++) {
        const certmap_cond_t *cond = &rule->conds[i];

        /* No value has a control character in it, so that the words cannot run into one another. */
        APR_ARRAY_PUSH(words, const char *) =
            apr_psprintf(p, "%d%d%d%d%d%s=%s", cond->negated, cond->all, cond->exact, cond->opaque, cond->pattern,
                         cond->field.name,
                         cond->pattern == CERTMAP_P_LITERAL ? cond->u.literal.data : cond->raw.data);
    }
    qsort(words->elts, (size_t)words->nelts, sizeof(const char *), compare_words);
    return apr_array_pstrcat(p, words, '\n');
}

/* The first rule before that has the same conditions, or none at all; what is new is remembered. */
static const certmap_rule_t *same_or_everyone(linter_t *l, const certmap_rule_t *rule)
{
    const char *key = set_key(rule, l->scratch);
    const certmap_rule_t *before = l->everyone ? l->everyone : apr_hash_get(l->sets, key, APR_HASH_KEY_STRING);

    if (before == NULL) {
        apr_hash_set(l->sets, apr_pstrdup(l->temporary, key), APR_HASH_KEY_STRING, rule);
        l->everyone = rule->nconds == 0 ? rule : NULL;
    }
    return before;
}

static void lint_reach(linter_t *l, const certmap_rule_t *rule)
{
    const certmap_rule_t *before = covering(l, l->residual, rule);
    const certmap_rule_t *same = same_or_everyone(l, rule);
    apr_array_header_t *bucket = NULL;
    const char *best = NULL;
    apr_size_t i;

    before = before ? before : same;

    for (i = 0; i < rule->nconds && before == NULL; i++) {
        const char *key = key_of(&rule->conds[i], l->scratch);
        apr_array_header_t *others = key ? apr_hash_get(l->keyed, key, APR_HASH_KEY_STRING) : NULL;

        before = covering(l, others, rule);
        if (key != NULL && (best == NULL || (bucket != NULL && (others == NULL || others->nelts < bucket->nelts)))) {
            best = key;         /* where the fewest stand */
            bucket = others;
        }
    }
    if (before != NULL) {
        report(l, rule, NULL, 1,
               apr_psprintf(l->scratch,
                            "rule %s can never match: %s (%s) stands before it and matches whatever it does",
                            rule->name, before->name, where(before, l->scratch)));
        return;     /* what it covers is covered by the one before */
    }
    if (best == NULL) {
        APR_ARRAY_PUSH(l->residual, const certmap_rule_t *) = rule;
        return;
    }
    if (bucket == NULL) {
        bucket = apr_array_make(l->temporary, 1, sizeof(const certmap_rule_t *));
        apr_hash_set(l->keyed, apr_pstrdup(l->temporary, best), APR_HASH_KEY_STRING, bucket);
    }
    APR_ARRAY_PUSH(bucket, const certmap_rule_t *) = rule;
}

/* ---- the rest ------------------------------------------------------------------------------------------------- */

static void lint_name(linter_t *l, const certmap_rule_t *rule)
{
    const certmap_rule_t *first = apr_hash_get(l->names, rule->name, APR_HASH_KEY_STRING);

    if (first != NULL) {
        report(l, rule, NULL, 0,
               apr_psprintf(l->scratch,
                            "the name \"%s\" has been given before, at %s; names are unique in a list",
                            rule->name, where(first, l->scratch)));
    }
    else {
        apr_hash_set(l->names, rule->name, APR_HASH_KEY_STRING, rule);
    }
}

static void lint_strength(linter_t *l, const certmap_rule_t *rule, certmap_strength_e min)
{
    static const char *const hints[] = {
        [CERTMAP_WEAK] = "add issuer=DN, chain.sha256= or root.sha256= and something of the subject",
        [CERTMAP_SCOPED] = "add issuer=DN with something of the subject, or pin it as for strong",
        [CERTMAP_STRONG] = "pin sha256=, spki=, or issuer=DN with serial="
    };

    if (rule->strength < min) {
        report(l, rule, NULL, 0, apr_psprintf(l->scratch, "rule %s is %s, %s is asked for: %s", rule->name,
                                              certmap_strength_name(rule->strength), certmap_strength_name(min),
                                              hints[min]));
    }
    else if (rule->strength == CERTMAP_WEAK) {
        report(l, rule, NULL, 1,
               apr_psprintf(l->scratch,
                            "rule %s is weak, any trusted CA could issue a certificate that matches: %s",
                            rule->name, hints[CERTMAP_WEAK]));
    }
}

static void lint_rule(linter_t *l, const certmap_rule_t *rule, certmap_strength_e min, apr_time_t now)
{
    const certmap_cond_t *first;
    const certmap_cond_t *second;
    apr_size_t i;

    if (!rule->deny) {
        lint_strength(l, rule, min);
    }
    if (rule->expires != 0 && now >= rule->expires) {
        report(l, rule, NULL, 1, apr_psprintf(l->scratch, rule->deny ? "rule %s has expired; it still denies"
                                              : "rule %s has expired; it refuses whom it matches", rule->name));
    }
    for (i = 0; i < rule->nconds; i++) {
        if (rule->conds[i].matches_empty && !rule->conds[i].negated) {
            report(l, rule, &rule->conds[i], 1,
                   apr_psprintf(l->scratch,
                                "rule %s: the regex %s also matches nothing at all, it hardly asks anything",
                                rule->name, rule->conds[i].text));
        }
    }
    if (certmap_rule_contradicts(rule, &first, &second, l->scratch)) {
        report(l, rule, second, 1, apr_psprintf(l->scratch, "rule %s can never match: %s and %s contradict each other",
                                                rule->name, first->text, second->text));
    }
    else {
        lint_reach(l, rule);
    }
}

apr_array_header_t *certmap_list_lint(const certmap_list_t *list, certmap_strength_e min, apr_time_t now, apr_pool_t *p)
{
    apr_array_header_t *rules;
    linter_t l;
    int i;

    memset(&l, 0, sizeof(l));
    /* The tables take as much as the rules: servers lint at each start, and want the memory back. */
    l.temporary = certmap_pool_temporary(p);
    rules = certmap_list_flatten(list, l.temporary);
    l.found = apr_array_make(p, 4, sizeof(certmap_error_t));
    l.sink = (certmap_sink_t){ l.found, NULL, 0, p };
    apr_pool_create(&l.scratch, l.temporary);
    l.names = apr_hash_make(l.temporary);
    l.keyed = apr_hash_make(l.temporary);
    l.sets = apr_hash_make(l.temporary);
    l.residual = apr_array_make(l.temporary, 16, sizeof(const certmap_rule_t *));
    l.most = rules->nelts > 0 && COMPARED_IN_ALL / rules->nelts < COMPARED_MOST ? COMPARED_IN_ALL / rules->nelts
                                                                                : COMPARED_MOST;
    l.most = l.most < COMPARED_LEAST ? COMPARED_LEAST : l.most;
    for (i = 0; i < rules->nelts; i++) {
        const certmap_rule_t *rule = APR_ARRAY_IDX(rules, i, const certmap_rule_t *);

        lint_name(&l, rule);
        if (!rule->disabled) {
            lint_rule(&l, rule, min, now);
        }
        apr_pool_clear(l.scratch);
    }
    apr_pool_destroy(l.temporary);
    return l.found;
}
