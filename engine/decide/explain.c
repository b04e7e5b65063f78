/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The same decision with reasons: what every rule and condition met in the certificate, and which rule missed by
 * least. It asks the functions that decide, never rules of its own, so that what is reported is what happens.
 */
#include <string.h>

#include <apr_strings.h>

#include "base/limits.h"
#include "decide/decide.h"
#include "rules/eval.h"
#include "rules/ruleset.h"

/* The texts of a field's values appear with every condition on it, and may be long: they are made once. */
typedef struct texts_t {
    apr_hash_t *known; /* the first value of a field, to its texts */
    apr_pool_t *pool;
} texts_t;

static const char *const *texts_of(const texts_t *texts, const certmap_values_t *v, apr_size_t n)
{
    const char **made = apr_hash_get(texts->known, &v->values, sizeof(v->values));
    apr_size_t i;

    if (made == NULL) {
        made = apr_pcalloc(texts->pool, (n + 1) * sizeof(*made));
        for (i = 0; i < n; i++) {
            made[i] = apr_pstrcat(texts->pool, v->values[i].kind == CERTMAP_V_OPAQUE ? "#" : "",
                                  apr_pstrmemdup(texts->pool, v->values[i].text.data, v->values[i].text.len), NULL);
        }
        apr_hash_set(texts->known, apr_pmemdup(texts->pool, &v->values, sizeof(v->values)), sizeof(v->values), made);
    }
    return made;
}

/* The value that made a condition hold, or fail; of a rule that matches, one that meets all conditions bound to it. */
static int which_value(const certmap_trace_cond_t *t, const certmap_rule_t *rule, int matched, certmap_eval_t *ev)
{
    const certmap_cond_t *cond = t->cond;
    certmap_values_t v = certmap_eval_values(ev, &cond->field);
    apr_size_t i;

    for (i = 0; i < t->nvalues && (t->told == CERTMAP_COND_YES || t->told == CERTMAP_COND_NO); i++) {
        certmap_match_e m = matched && cond->leader >= 0 ? certmap_binding_value(ev, rule, (apr_size_t)cond->leader,
                                                                                 rule->nconds - 1, &v.values[i])
                                                         : certmap_cond_value(ev, cond, &v.values[i]);
        int positive = !cond->negated && !cond->all;

        if (positive ? t->holds && m == CERTMAP_MATCH_YES
                     : !t->holds && (m == CERTMAP_MATCH_YES) == (cond->negated != 0)) {
            return (int)i;
        }
    }
    return -1;
}

/* What is to be said of a condition that gave this answer. */
static certmap_told_e told_of(certmap_match_e m, certmap_state_e state)
{
    switch (m) {
    case CERTMAP_MATCH_NO:
        return CERTMAP_COND_NO;
    case CERTMAP_MATCH_MALFORMED:
        return state == CERTMAP_MALFORMED ? CERTMAP_COND_MALFORMED : CERTMAP_COND_OTHER_TYPE;
    case CERTMAP_MATCH_ERROR:
        return CERTMAP_COND_ERROR;
    case CERTMAP_MATCH_YES:
        break;
    }
    return CERTMAP_COND_YES;
}

static void trace_cond(certmap_trace_cond_t *t, const certmap_cond_t *cond, certmap_eval_t *ev, const texts_t *texts,
                       apr_pool_t *p)
{
    certmap_values_t v = certmap_eval_values(ev, &cond->field);
    certmap_match_e m = certmap_cond_holds(ev, cond);

    t->cond = cond;
    t->text = cond->text;
    t->holds = m == CERTMAP_MATCH_YES;
    t->told = told_of(m, v.state);
    t->why = certmap_cert_why(ev->cert, &cond->field, p);
    t->state = v.state;
    t->total = v.n;
    t->nvalues = v.n < CERTMAP_EXPLAIN_VALUES_MOST ? v.n : CERTMAP_EXPLAIN_VALUES_MOST;
    t->error = m == CERTMAP_MATCH_ERROR ? certmap_eval_error(ev, p) : NULL;
    t->values = texts_of(texts, &v, t->nvalues);
}

static void trace_rule(certmap_trace_rule_t *t, const certmap_rule_t *rule, certmap_eval_t *ev, const texts_t *texts,
                       apr_pool_t *p)
{
    certmap_trace_cond_t *conds = apr_pcalloc(p, (rule->nconds + 1) * sizeof(*conds));
    certmap_match_e m = certmap_rule_matches(ev, rule);
    apr_size_t i;

    t->rule = rule;
    t->matched = m == CERTMAP_MATCH_YES;
    t->malformed = m == CERTMAP_MATCH_MALFORMED ? certmap_rule_malformed(ev, rule, p) : NULL;
    for (i = 0; i < rule->nconds; i++) {
        trace_cond(&conds[i], &rule->conds[i], ev, texts, p);
        conds[i].which = which_value(&conds[i], rule, t->matched, ev);
    }
    t->conds = conds;
    t->nconds = rule->nconds;
}

/* What a rule may take of what is left for all of them: as much as a decision, so that no rule is reported as failing
 * that did not fail when it was asked. */
static void begin_share(certmap_eval_t *ev, apr_int64_t steps, apr_int64_t regex_time)
{
    ev->steps = steps < CERTMAP_STEPS_MOST ? steps : CERTMAP_STEPS_MOST;
    ev->regex_time = regex_time < CERTMAP_REGEX_TIME ? regex_time : CERTMAP_REGEX_TIME;
    ev->regex_end = 0;
    ev->regex_late = 0;
}

static void end_share(const certmap_eval_t *ev, apr_int64_t *steps, apr_int64_t *regex_time)
{
    *steps -= (*steps < CERTMAP_STEPS_MOST ? *steps : CERTMAP_STEPS_MOST) - ev->steps;
    *regex_time -= certmap_eval_regex_used(ev);
}

apr_status_t certmap_explain(const certmap_question_t *question, certmap_decision_t *decision, certmap_trace_t **trace,
                             apr_pool_t *p)
{
    apr_array_header_t *rules = certmap_list_flatten(question->list, p);
    certmap_trace_rule_t *told = apr_pcalloc(p, ((apr_size_t)rules->nelts + 1) * sizeof(*told));
    apr_status_t rv = certmap_decide(question, decision, p);
    texts_t texts = { apr_hash_make(p), p };
    apr_int64_t steps = (apr_int64_t)CERTMAP_STEPS_MOST * CERTMAP_EXPLAIN_TIMES;
    apr_int64_t regex_time = (apr_int64_t)CERTMAP_REGEX_TIME * CERTMAP_EXPLAIN_TIMES;
    certmap_eval_t ev;
    int i;

    certmap_eval_init(&ev, question->cert, question->verdict, p);
    *trace = apr_pcalloc(p, sizeof(**trace));
    (*trace)->rules = told;
    for (i = 0; i < rules->nelts && question->cert != NULL && rv == APR_SUCCESS; i++) {
        const certmap_rule_t *rule = APR_ARRAY_IDX(rules, i, const certmap_rule_t *);
        certmap_trace_rule_t *t = &told[(*trace)->nrules];

        if (rule->disabled) {
            continue;
        }
        begin_share(&ev, steps, regex_time);
        trace_rule(t, rule, &ev, &texts, p);
        end_share(&ev, &steps, &regex_time);
        t->decided = rule == decision->rule;
        (*trace)->nrules++;
    }
    return rv;
}

/* How many conditions of a rule fail, the values bound to one another, up to `most`, and how many hold; *first: the
 * first that fails. Those on a malformed field do neither. */
static apr_size_t count_failed(const certmap_rule_t *rule, certmap_eval_t *ev, apr_size_t most,
                               const certmap_cond_t **first, apr_size_t *held)
{
    apr_size_t failed = 0;
    apr_size_t i;

    for (i = 0; i < rule->nconds && failed < most; i++) {
        const certmap_cond_t *cond = &rule->conds[i];
        certmap_match_e m = cond->leader < 0 ? certmap_cond_holds(ev, cond)
                                             : certmap_binding_holds(ev, rule, (apr_size_t)cond->leader, i);

        *held += m == CERTMAP_MATCH_YES;
        if (m != CERTMAP_MATCH_YES && m != CERTMAP_MATCH_MALFORMED && failed++ == 0) {
            *first = cond;
        }
    }
    return failed;
}

#define VALUES_AT_ONE_PRICE 64

/* The search for the nearest miss. */
typedef struct nearest_t {
    certmap_eval_t *ev;
    apr_size_t left;  /* of what may be spent */
    apr_size_t price; /* of a rule */
    apr_size_t least; /* failing conditions of the best so far */
    const certmap_rule_t *rule;
    const certmap_cond_t *failed;
} nearest_t;

static void look_at(nearest_t *s, const certmap_rule_t *rule)
{
    const certmap_cond_t *first = NULL;
    apr_size_t held = 0;
    apr_size_t n;

    if (rule->disabled || rule->deny) {
        return;
    }
    s->left -= s->price;
    s->ev->steps -= CERTMAP_STEPS_RULE;
    n = count_failed(rule, s->ev, s->rule != NULL ? s->least : rule->nconds, &first, &held);
    if (n > 0 && held > 0 && (s->rule == NULL || n < s->least) && s->ev->steps > 0) {
        s->least = n;
        s->rule = rule;
        s->failed = first;
    }
}

/* The outer list is asked first. */
static void look_through(nearest_t *s, const certmap_list_t *list)
{
    apr_size_t i;

    if (list == NULL) {
        return;
    }
    look_through(s, list->outer);
    for (i = 0; list->rules != NULL && i < list->rules->n && s->left >= s->price && s->ev->steps > 0; i++) {
        look_at(s, list->rules->rules[i]);
    }
}

/* A condition asks each value of its field, so a rule costs more where a certificate has more than people's have. */
static apr_size_t price_of_rule(const certmap_cert_t *cert)
{
    apr_size_t n = cert->others.n + cert->subject_attrs.n + cert->issuer_attrs.n;
    int i;

    for (i = 0; i < CERTMAP_F_COUNT; i++) {
        n += cert->f[i].n;
    }
    return 1 + n / VALUES_AT_ONE_PRICE;
}

void certmap_nearest(const certmap_question_t *question, apr_size_t most, const certmap_rule_t **rule,
                     const certmap_cond_t **failed, apr_pool_t *p)
{
    nearest_t s = { .ev = apr_palloc(p, sizeof(*s.ev)), .left = most };

    certmap_eval_init(s.ev, question->cert, question->verdict, p);
    s.ev->steps /= CERTMAP_NEAREST_PART;
    s.ev->regex_time /= CERTMAP_NEAREST_PART;
    if (question->cert != NULL) {
        s.price = price_of_rule(question->cert);
        look_through(&s, question->list);
    }
    *rule = s.rule;
    *failed = s.failed;
}
