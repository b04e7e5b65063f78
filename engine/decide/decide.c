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

/* An allow rule has matched. Of several reasons against it the one of highest precedence is told. */
static void allow(certmap_decision_t *d, const certmap_rule_t *rule, certmap_eval_t *ev, certmap_strength_e min,
                  apr_time_t now, apr_pool_t *p)
{
    const char *user = NULL;
    const char *detail = NULL;
    certmap_reason_e reason;

    if (rule->expires != 0 && now >= rule->expires) {
        refuse(d, CERTMAP_R_MAPPING_EXPIRED, apr_psprintf(p, "rule %s has expired", rule->name));
        return;
    }
    d->until = rule->expires;
    if (rule->strength < min) {
        refuse(d, CERTMAP_R_MAPPING_TOO_WEAK,
               apr_psprintf(p, "rule %s is %s, %s is asked for", rule->name, certmap_strength_name(rule->strength),
                            certmap_strength_name(min)));
        return;
    }
    reason = certmap_template_expand(rule, ev, &user, &detail, p);
    if (reason != CERTMAP_R_NONE || user == NULL) {
        refuse(d, reason != CERTMAP_R_NONE ? reason : CERTMAP_R_USER_INVALID,
               apr_psprintf(p, "rule %s: %s", rule->name, detail ? detail : "no user"));
        return;
    }
    d->outcome = CERTMAP_MAPPED;
    d->reason = CERTMAP_R_NONE;
    d->user = user;
    d->groups = rule->groups;
    d->ngroups = rule->ngroups;
}

/* One rule. @return whether it has decided */
static int ask_rule(certmap_decision_t *d, const certmap_rule_t *rule, certmap_eval_t *ev, certmap_strength_e min,
                    apr_time_t now, apr_pool_t *p)
{
    certmap_match_e m = rule->disabled ? CERTMAP_MATCH_NO : certmap_rule_matches(ev, rule);

    if (m == CERTMAP_MATCH_NO) {
        return 0;
    }
    d->rule = rule;
    d->strength = rule->strength;
    switch (m) {
    case CERTMAP_MATCH_MALFORMED:
        refuse(d, rule->deny ? CERTMAP_R_DENIED_BY_RULE : CERTMAP_R_MALFORMED,
               apr_psprintf(p, "rule %s: %s", rule->name, certmap_rule_malformed(ev, rule, p)));
        break;
    case CERTMAP_MATCH_ERROR:
        refuse(d, rule->deny ? CERTMAP_R_DENIED_BY_RULE : CERTMAP_R_AMBIGUOUS,
               apr_psprintf(p, "rule %s: matcher error: %s", rule->name, certmap_eval_error(ev, p)));
        break;
    case CERTMAP_MATCH_YES:
        if (rule->deny) {
            refuse(d, CERTMAP_R_DENIED_BY_RULE, NULL);
        }
        else {
            allow(d, rule, ev, min, now, p);
        }
        break;
    case CERTMAP_MATCH_NO:
        break;
    }
    return 1;
}

/* One decision's way through the rules. */
typedef struct asking_t {
    certmap_decision_t *d;
    certmap_eval_t *ev;
    certmap_strength_e min;
    apr_time_t now;
    int plain; /* ask every rule, index or not */
    apr_pool_t *pool;
} asking_t;

static int ask_rules(const asking_t *a, const certmap_ruleset_t *rules)
{
    certmap_candidates_t candidates;
    apr_size_t i;

    if (rules->index == NULL || a->plain) {
        for (i = 0; i < rules->n; i++) {
            if (ask_rule(a->d, rules->rules[i], a->ev, a->min, a->now, a->pool)) {
                return 1;
            }
        }
        return 0;
    }
    certmap_index_find(rules->index, a->ev, &candidates);
    while (certmap_index_next(&candidates, &i)) {
        if (ask_rule(a->d, rules->rules[i], a->ev, a->min, a->now, a->pool)) {
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

/* An allow entry has been found. Of several reasons against it the one of highest precedence is told. */
static void allow_entry(const asking_t *a, const found_t *found)
{
    const certmap_entry_t *entry = &found->lookup.allow;
    certmap_decision_t *d = a->d;
    certmap_str_t user = { entry->user, entry->user ? strlen(entry->user) : 0 };
    const char *why = entry->user ? certmap_user_check(user) : "no user";

    d->strength = entry->strength;
    if (entry->expires != 0 && a->now >= entry->expires) {
        refuse(d, CERTMAP_R_MAPPING_EXPIRED, apr_psprintf(a->pool, "the %s entry has expired", entry->key));
        return;
    }
    d->until = entry->expires;
    if (entry->strength < a->min) {
        refuse(d, CERTMAP_R_MAPPING_TOO_WEAK,
               apr_psprintf(a->pool, "the %s entry is %s, %s is asked for", entry->key,
                            certmap_strength_name(entry->strength), certmap_strength_name(a->min)));
        return;
    }
    if (why != NULL || found->lookup.ambiguous) {
        refuse(d, why ? CERTMAP_R_USER_INVALID : CERTMAP_R_AMBIGUOUS,
               why ? apr_psprintf(a->pool, "the %s entry: %s", entry->key, why)
                   : apr_psprintf(a->pool, "several %s entries say different things", entry->key));
        return;
    }
    d->outcome = CERTMAP_MAPPED;
    d->reason = CERTMAP_R_NONE;
    d->user = entry->user;
    d->groups = entry->groups;
    d->ngroups = entry->ngroups;
}

/* Whether the sources decide. A deny entry is certain whatever else could not be asked. Without one, nobody gets in
 * whom an entry might deny that nobody can find: the certificate's key cannot be made, or a source cannot be asked. */
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

static apr_status_t decide(const certmap_list_t *list, const certmap_cert_t *cert, const certmap_verdict_t *verdict,
                           asking_t *a)
{
    static const certmap_verdict_t unverified = { .reason = CERTMAP_R_UNTRUSTED_ISSUER };
    certmap_eval_t *ev = apr_palloc(a->pool, sizeof(*ev));
    certmap_decision_t *d = a->d;
    certmap_reason_e reason;

    memset(d, 0, sizeof(*d));
    refuse(d, CERTMAP_R_NO_MATCH, NULL);
    certmap_eval_init(ev, cert, verdict, a->pool);
    a->ev = ev;
    if (cert == NULL) {
        refuse(d,
               verdict != NULL && verdict->reason != CERTMAP_R_NONE ? verdict->reason : CERTMAP_R_CERTIFICATE_MISSING,
               NULL);
        return APR_SUCCESS;
    }
    reason = certmap_cert_refusal(cert, verdict != NULL ? verdict : &unverified);
    if (reason != CERTMAP_R_NONE) {
        refuse(d, reason,
               reason == CERTMAP_R_MALFORMED ? certmap_cert_malformed(cert)
               : verdict == NULL             ? "nothing has verified the certificate"
                                             : NULL);
    }
    else if (!ask_sources(a, list)) {
        ask_list(a, list);
    }
    return APR_SUCCESS;
}

apr_status_t certmap_decide(const certmap_list_t *list, const certmap_cert_t *cert, const certmap_verdict_t *verdict,
                            certmap_strength_e min, apr_time_t now, certmap_decision_t *decision, apr_pool_t *p)
{
    asking_t a = { decision, NULL, min, now, 0, p };

    return decide(list, cert, verdict, &a);
}

apr_status_t certmap_decide_plain(const certmap_list_t *list, const certmap_cert_t *cert,
                                  const certmap_verdict_t *verdict, certmap_strength_e min, apr_time_t now,
                                  certmap_decision_t *decision, apr_pool_t *p)
{
    asking_t a = { decision, NULL, min, now, 1, p };

    return decide(list, cert, verdict, &a);
}
