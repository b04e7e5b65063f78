/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Deciding: one certificate is put before the sources and the rules of a list.
 */
#include <string.h>

#include <apr_strings.h>

#include "decide/decide.h"
#include "decide/testing.h"
#include "rules/candidates.h"
#include "rules/eval.h"
#include "rules/ruleset.h"
#include "rules/template.h"

/* ---- the decision --------------------------------------------------------------------------------------------- */

static void refuse(certmap_decision_t *d, certmap_reason_e reason, const char *detail)
{
    d->outcome = CERTMAP_REFUSED;
    d->reason = reason;
    d->detail = detail;
}

/* One decision's way through the sources and rules. */
typedef struct asking_t {
    const certmap_question_t *question;
    certmap_decision_t *d;
    certmap_eval_t *ev;
    int plain; /* ask every rule, index or not */
    apr_pool_t *pool;
} asking_t;

/* What maps, for the log. @param key of an entry; NULL: it is the rule that has decided */
static const char *what_maps(const asking_t *a, const char *key)
{
    return key != NULL ? apr_psprintf(a->pool, "the %s entry", key)
                       : apr_psprintf(a->pool, "rule %s", a->d->rule->name);
}

/* What is wanted of a mapping in addition to a user. Of several reasons against it only the most important one is
 * reported. */
static int may_map(const asking_t *a, const certmap_effect_t *effect, const char *key)
{
    const certmap_question_t *q = a->question;

    if (effect->expires != 0 && q->now >= effect->expires) {
        refuse(a->d, CERTMAP_R_MAPPING_EXPIRED, apr_psprintf(a->pool, "%s has expired", what_maps(a, key)));
        return 0;
    }
    a->d->effect.expires = effect->expires;
    /* [promise weak] */
    if (effect->strength < q->min) {
        refuse(a->d, CERTMAP_R_MAPPING_TOO_WEAK,
               apr_psprintf(a->pool, "%s is %s, %s is required", what_maps(a, key),
                            certmap_strength_name(effect->strength), certmap_strength_name(q->min)));
        return 0;
    }
    return 1;
}

static void map(certmap_decision_t *d, const certmap_effect_t *effect, const char *user)
{
    d->outcome = CERTMAP_MAPPED;
    d->reason = CERTMAP_R_NONE;
    d->effect = *effect;
    d->effect.user = user;
}

/* An allow rule has matched. */
static void allow(const asking_t *a, const certmap_rule_t *rule)
{
    const char *user = NULL;
    const char *detail = NULL;
    certmap_reason_e reason;

    if (!may_map(a, &rule->effect, NULL)) {
        return;
    }
    reason = certmap_template_expand(rule, a->ev, &user, &detail, a->pool);
    if (reason != CERTMAP_R_NONE || user == NULL) {
        refuse(a->d, reason != CERTMAP_R_NONE ? reason : CERTMAP_R_USER_INVALID,
               apr_psprintf(a->pool, "%s: %s", what_maps(a, NULL), detail ? detail : "no user"));
        return;
    }
    map(a->d, &rule->effect, user);
}

/* One rule. @return whether it has decided */
static int ask_rule(const asking_t *a, const certmap_rule_t *rule)
{
    certmap_match_e m = rule->disabled ? CERTMAP_MATCH_NO : certmap_rule_matches(a->ev, rule);
    certmap_decision_t *d = a->d;

    if (m == CERTMAP_MATCH_NO) {
        return 0;
    }
    d->rule = rule;
    d->effect.strength = rule->effect.strength;
    switch (m) {
    case CERTMAP_MATCH_MALFORMED:
        refuse(d, rule->deny ? CERTMAP_R_DENIED_BY_RULE : CERTMAP_R_MALFORMED,
               apr_psprintf(a->pool, "rule %s: %s", rule->name, certmap_rule_malformed(a->ev, rule, a->pool)));
        break;
    case CERTMAP_MATCH_ERROR:
        refuse(d, rule->deny ? CERTMAP_R_DENIED_BY_RULE : CERTMAP_R_AMBIGUOUS,
               apr_psprintf(a->pool, "rule %s: matcher error: %s", rule->name, certmap_eval_error(a->ev, a->pool)));
        break;
    case CERTMAP_MATCH_YES:
        if (rule->deny) {
            refuse(d, CERTMAP_R_DENIED_BY_RULE, NULL);
        }
        else {
            allow(a, rule);
        }
        break;
    case CERTMAP_MATCH_NO:
        break;
    }
    return 1;
}

static int ask_rules(const asking_t *a, const certmap_ruleset_t *rules)
{
    certmap_candidates_t candidates;
    apr_size_t i;

    if (rules->index == NULL || a->plain) {
        for (i = 0; i < rules->n; i++) {
            if (ask_rule(a, rules->rules[i])) {
                return 1;
            }
        }
        return 0;
    }
    certmap_index_find(rules->index, a->ev, &candidates);
    while (certmap_index_next(&candidates, &i)) {
        if (ask_rule(a, rules->rules[i])) {
            return 1;
        }
    }
    return 0;
}

/* The outer list is asked first. */
static int ask_list(const asking_t *a, const certmap_list_t *list)
{
    return list != NULL && (ask_list(a, list->outer) || (list->rules != NULL && ask_rules(a, list->rules)));
}

/* ---- sources ---------------------------------------------------------------------------------------------------- */

typedef struct found_t {
    const certmap_source_t *source;
    certmap_lookup_t lookup;
} found_t;

static apr_size_t count_sources(const certmap_list_t *list)
{
    apr_size_t n = 0;

    for (; list != NULL; list = list->outer) {
        n += list->source != NULL;
    }
    return n;
}

/* Asks all sources of a list, outer ones first. *failed: the first one that could not be asked. */
static void look_up(const asking_t *a, const certmap_list_t *list, found_t *found, apr_size_t *n,
                    const certmap_source_t **failed)
{
    const char *why = NULL;

    if (list == NULL) {
        return;
    }
    look_up(a, list->outer, found, n, failed);
    if (list->source == NULL) {
        return;
    }
    found[*n].source = list->source;
    if (list->source->vtable->lookup(list->source, a->ev->cert, &found[*n].lookup, &why, a->pool) != APR_SUCCESS) {
        memset(&found[*n].lookup, 0, sizeof(found[*n].lookup));
        if (*failed == NULL) {
            *failed = list->source;
            a->d->detail = why;
        }
    }
    (*n)++;
}

/* An allow entry has been found. */
static void allow_entry(const asking_t *a, const found_t *found)
{
    const certmap_entry_t *entry = &found->lookup.allow;
    certmap_str_t user = { entry->effect.user, entry->effect.user ? strlen(entry->effect.user) : 0 };
    const char *why = entry->effect.user ? certmap_user_check(user) : "no user";

    a->d->effect.strength = entry->effect.strength;
    if (!may_map(a, &entry->effect, entry->key)) {
        return;
    }
    if (why != NULL || found->lookup.ambiguous) {
        refuse(a->d, why ? CERTMAP_R_USER_INVALID : CERTMAP_R_AMBIGUOUS,
               why ? apr_psprintf(a->pool, "%s: %s", what_maps(a, entry->key), why)
                   : apr_psprintf(a->pool, "several %s entries say different things", entry->key));
        return;
    }
    map(a->d, &entry->effect, entry->effect.user);
}

/* Whether the sources decide. A deny entry is certain whatever else could not be asked. Without one, nobody gets in
 * who might be denied by an entry that cannot be found: the certificate's key cannot be made, or a source cannot be
 * asked. */
static int ask_sources(const asking_t *a, const certmap_list_t *list)
{
    apr_size_t i, n = count_sources(list);
    const certmap_source_t *failed = NULL;
    found_t *found;

    if (n == 0) {
        return 0;
    }
    found = apr_pcalloc(a->pool, n * sizeof(*found));
    n = 0;
    look_up(a, list, found, &n, &failed);
    for (i = 0; i < n; i++) {
        if (found[i].lookup.has_deny) {
            a->d->source = found[i].source->name;
            refuse(a->d, CERTMAP_R_DENIED_BY_SOURCE, apr_psprintf(a->pool, "its %s entry", found[i].lookup.deny.key));
            return 1;
        }
    }
    for (i = 0; i < n; i++) {
        if (found[i].lookup.unformed != NULL) {
            a->d->source = found[i].source->name;
            refuse(a->d, CERTMAP_R_MALFORMED,
                   apr_psprintf(a->pool, "it may deny by %s, and what that key is made of is malformed",
                                found[i].lookup.unformed));
            return 1;
        }
    }
    if (failed != NULL) {
        a->d->source = failed->name;
        refuse(a->d, CERTMAP_R_SOURCE_UNAVAILABLE, a->d->detail);
        a->d->outcome = CERTMAP_UNDECIDED;
        return 1;
    }
    for (i = 0; i < n; i++) {
        if (found[i].lookup.has_allow) {
            a->d->source = found[i].source->name;
            allow_entry(a, &found[i]);
            return 1;
        }
    }
    return 0;
}

/* ---- all of it -------------------------------------------------------------------------------------------------- */

/* What refuses before anything is asked. */
static certmap_reason_e refusal(const certmap_question_t *q)
{
    if (q->taken_as_valid && q->cert != NULL) {
        return certmap_cert_malformed(q->cert) != NULL ? CERTMAP_R_MALFORMED : CERTMAP_R_NONE;
    }
    return certmap_cert_refusal(q->cert, q->verdict, q->now);
}

static const char *refusal_detail(const certmap_question_t *q, certmap_reason_e reason)
{
    if (q->cert == NULL) {
        return NULL;
    }
    return reason == CERTMAP_R_MALFORMED              ? certmap_cert_malformed(q->cert)
           : q->verdict == NULL && !q->taken_as_valid ? "nothing has verified the certificate"
                                                      : NULL;
}

static apr_status_t decide(asking_t *a)
{
    const certmap_question_t *q = a->question;
    certmap_reason_e reason = refusal(q);

    memset(a->d, 0, sizeof(*a->d));
    if (reason != CERTMAP_R_NONE) {
        refuse(a->d, reason, refusal_detail(q, reason));
        return APR_SUCCESS;
    }
    /* [promise no-user] */
    refuse(a->d, CERTMAP_R_NO_MATCH, NULL);
    a->ev = apr_palloc(a->pool, sizeof(*a->ev));
    certmap_eval_init(a->ev, q->cert, q->verdict, a->pool);
    if (!ask_sources(a, q->list)) {
        ask_list(a, q->list);
    }
    return APR_SUCCESS;
}

apr_status_t certmap_decide(const certmap_question_t *question, certmap_decision_t *decision, apr_pool_t *p)
{
    asking_t a = { .question = question, .d = decision, .pool = p };

    return decide(&a);
}

apr_status_t certmap_decide_plain(const certmap_question_t *question, certmap_decision_t *decision, apr_pool_t *p)
{
    asking_t a = { .question = question, .d = decision, .plain = 1, .pool = p };

    return decide(&a);
}
