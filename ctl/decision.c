/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Asks the engine what the server asks it, and what sources and rules say by themselves, whatever refuses the
 * certificate before they are asked.
 */
#include "decision.h"

#include <string.h>
#include <strings.h>

int ctl_is_early(const ctl_case_t *c)
{
    return certmap_reason_is_verification(c->decision.reason)
           || (c->decision.reason == CERTMAP_R_MALFORMED && c->decision.rule == NULL && c->decision.source == NULL);
}

int ctl_is_unasked(const ctl_case_t *c)
{
    return ctl_is_early(c) || (c->place != NULL && !c->place->answer.is_asked);
}

int ctl_status(const ctl_case_t *c)
{
    if (c->place != NULL ? c->place->answer.http == 503 : c->decision.outcome == CERTMAP_UNDECIDED) {
        return CTL_ERROR;
    }
    if (c->place != NULL && (!c->place->certain || c->place->answer.http != 200)) {
        return CTL_FINDINGS;
    }
    return c->decision.outcome == CERTMAP_MAPPED && (c->place == NULL || !ctl_is_unasked(c)) ? CTL_OK : CTL_FINDINGS;
}

const char ctl_chain_missed[] = "rules ask for the chain, which is unknown without --ca: the server may decide "
                                "otherwise";

int ctl_asks_chain(const certmap_trace_cond_t *cond)
{
    static const char *const fields[] = { "chain.sha256", "root.sha256" };
    apr_size_t len = strcspn(cond->text, "!=~"), i;

    for (i = 0; i < sizeof(fields) / sizeof(fields[0]); i++) {
        apr_size_t n = strlen(fields[i]);

        if (len >= n && strncasecmp(cond->text + len - n, fields[i], n) == 0) {
            return 1;
        }
    }
    return 0;
}

int ctl_misses_chain(const ctl_case_t *c)
{
    apr_size_t i, k;

    if (c->verify != NULL || (c->apart.rule == NULL && c->apart.source != NULL)) {
        return 0;
    }
    for (i = 0; i < c->trace->nrules; i++) {
        const certmap_trace_rule_t *rule = &c->trace->rules[i];

        for (k = 0; k < rule->nconds; k++) {
            if (ctl_asks_chain(&rule->conds[k])) {
                return 1;
            }
        }
        if (rule->decided) {
            break;
        }
    }
    return 0;
}

apr_size_t ctl_failing(const certmap_trace_rule_t *rule)
{
    apr_size_t i, n = 0;

    for (i = 0; i < rule->nconds; i++) {
        n += rule->conds[i].told == CERTMAP_COND_NO || rule->conds[i].told == CERTMAP_COND_ERROR;
    }
    return n;
}

apr_size_t ctl_count_asked(const ctl_case_t *c)
{
    const certmap_trace_t *trace = c->trace;
    apr_size_t i;

    if (c->apart.rule == NULL && (c->apart.source != NULL || c->apart.reason == CERTMAP_R_MALFORMED)) {
        return 0;
    }
    for (i = 0; i < trace->nrules; i++) {
        if (trace->rules[i].decided) {
            return i + 1;
        }
    }
    return trace->nrules;
}

int ctl_decide(ctl_t *ctl, ctl_case_t *c)
{
    certmap_question_t question = {
        .list = c->list, .cert = c->view, .verdict = &c->verdict, .min = c->min, .now = c->now
    };
    certmap_question_t apart = question;
    int i;

    for (i = 0; i < c->asked->nelts; i++) {
        ctl_asked_t *a = &APR_ARRAY_IDX(c->asked, i, ctl_asked_t);

        if (a->source->vtable->lookup(a->source, c->view, &a->found, &a->why, ctl->pool) != APR_SUCCESS) {
            a->why = a->why ? a->why : "it cannot be asked";
        }
        else {
            a->why = NULL;
        }
    }
    apart.taken_as_valid = 1;
    if (certmap_explain(&apart, &c->apart, &c->trace, ctl->pool) != APR_SUCCESS) {
        return ctl_fail(ctl, "the engine could not decide");
    }
    c->decision = c->apart;
    if (certmap_cert_refusal(c->view, &c->verdict, c->now) != CERTMAP_R_NONE
        && certmap_decide(&question, &c->decision, ctl->pool) != APR_SUCCESS) {
        return ctl_fail(ctl, "the engine could not decide");
    }
    if (c->decision.reason == CERTMAP_R_NO_MATCH) {
        certmap_nearest(&apart, certmap_list_count(c->list), &c->nearest, &c->failed, ctl->pool);
    }
    return CTL_OK;
}
