/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A decision as a JSON document: all that tell.c puts into words. docs/certmapctl.md describes the members.
 */
#include <string.h>

#include <openssl/x509_vfy.h>

#include "decision.h"

/* ---- the certificate ----------------------------------------------------------------------------------------- */

static json_t *certificate(const ctl_case_t *c, apr_pool_t *p)
{
    const certmap_cert_t *view = c->view;
    int sound = certmap_cert_malformed(view) == NULL;
    certmap_reason_e dates = certmap_verdict_dates(view, c->now);
    apr_size_t n;
    const char *const *odd = certmap_cert_odd(view, &n);

    return json_pack("{s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o}", "subject",
                     ctl_json_text(certmap_cert_subject_text(view)), "issuer",
                     ctl_json_text(certmap_cert_issuer_text(view)), "serial", ctl_json_text(certmap_cert_serial(view)),
                     "sha256", ctl_json_text(certmap_cert_sha256(view)),
                     /* of a malformed certificate the dates may be what is malformed */
                     "notBefore", ctl_json_text(sound ? ctl_time_text(certmap_cert_not_before(view), p) : NULL),
                     "notAfter", ctl_json_text(sound ? ctl_time_text(certmap_cert_not_after(view), p) : NULL), "dates",
                     ctl_json_text(!sound                    ? NULL
                                   : dates == CERTMAP_R_NONE ? "in-force"
                                                             : certmap_reason_name(dates)),
                     "malformed", ctl_json_text(certmap_cert_malformed(view)), "odd", ctl_json_texts(odd, n));
}

static json_t *digests(const certmap_verdict_t *v, apr_pool_t *p)
{
    json_t *all = json_array();
    apr_size_t i, k;

    for (i = 0; v->chain != NULL && i < v->nchain; i++) {
        char *hex = apr_palloc(p, 65);

        for (k = 0; k < 32; k++) {
            apr_snprintf(hex + 2 * k, 3, "%02x", v->chain[i][k]);
        }
        json_array_append_new(all, ctl_json_text(hex));
    }
    return all;
}

/* null: it was not looked at. */
static json_t *chain(const ctl_case_t *c, apr_pool_t *p)
{
    static const char *const revocation[] = {
        [CTL_CRL_NONE] = NULL,
        [CTL_CRL_LEAF] = "leaf",
        [CTL_CRL_CHAIN] = "chain",
    };
    const certmap_verdict_t *v = &c->verdict;
    int fails = v->reason != CERTMAP_R_NONE;

    if (c->verify == NULL) {
        return json_null();
    }
    return json_pack("{s:b, s:o, s:o, s:o, s:o, s:o, s:o, s:o}", "verified", !fails, "status",
                     ctl_json_text(fails ? certmap_reason_status(v->reason) : NULL), "reason",
                     ctl_json_text(fails ? certmap_reason_name(v->reason) : NULL), "error",
                     fails ? json_integer(v->x509_err) : json_null(), "errorText",
                     ctl_json_text(fails ? X509_verify_cert_error_string(v->x509_err) : NULL), "depth",
                     fails ? json_integer(v->depth) : json_null(), "revocation",
                     ctl_json_text(revocation[c->verify->crl_check]), "cas", digests(v, p));
}

/* ---- sources and rules --------------------------------------------------------------------------------------- */

static json_t *entry(const certmap_entry_t *e, apr_pool_t *p)
{
    return json_pack("{s:o, s:b, s:o, s:o, s:s, s:o, s:o}", "key", ctl_json_text(e->key), "deny", e->deny != 0, "user",
                     ctl_json_text(e->deny ? NULL : e->effect.user), "groups",
                     ctl_json_texts(e->effect.groups, e->effect.ngroups), "strength",
                     certmap_strength_name(e->effect.strength), "expires", ctl_json_time(e->effect.expires, p), "note",
                     ctl_json_text(e->effect.note));
}

static json_t *sources(const ctl_case_t *c, apr_pool_t *p)
{
    json_t *all = json_array();
    int i;

    for (i = 0; i < c->asked->nelts; i++) {
        const ctl_asked_t *a = &APR_ARRAY_IDX(c->asked, i, ctl_asked_t);
        json_t *entries = json_array();

        if (a->why == NULL && a->found.has_deny) {
            json_array_append_new(entries, entry(&a->found.deny, p));
        }
        if (a->why == NULL && a->found.has_allow) {
            json_array_append_new(entries, entry(&a->found.allow, p));
        }
        json_array_append_new(all,
                              json_pack("{s:o, s:o, s:o, s:o}", "name", ctl_json_text(a->source->name), "error",
                                        ctl_json_text(a->why), "mayDenyBy",
                                        ctl_json_text(a->why == NULL ? a->found.unformed : NULL), "entries", entries));
    }
    return all;
}

/* What is to be said of a condition. */
static const char *const answers[] = {
    [CERTMAP_COND_NO] = "no",
    [CERTMAP_COND_YES] = "yes",
    [CERTMAP_COND_MALFORMED] = "malformed",
    [CERTMAP_COND_OTHER_TYPE] = "other-type",
    [CERTMAP_COND_ERROR] = "error",
};

static json_t *conditions(const ctl_case_t *c, const certmap_trace_rule_t *rule, apr_pool_t *p)
{
    json_t *all = json_array();
    apr_size_t k;

    for (k = 0; k < rule->nconds; k++) {
        const certmap_trace_cond_t *cond = &rule->conds[k];

        const char *how = cond->told == CERTMAP_COND_NO ? certmap_cond_differs(cond->cond, c->view, p) : NULL;

        json_array_append_new(all, json_pack("{s:o, s:b, s:s, s:o, s:o, s:o*}", "text", ctl_json_text(cond->text),
                                             "holds", cond->holds, "answer", answers[cond->told], "values",
                                             ctl_json_texts(cond->values, cond->nvalues), "why",
                                             ctl_json_text(cond->error != NULL                    ? cond->error
                                                           : cond->told == CERTMAP_COND_MALFORMED ? cond->why
                                                                                                  : NULL),
                                             "differs", how ? ctl_json_text(how) : NULL));
    }
    return all;
}

static json_t *rules(const ctl_case_t *c, apr_pool_t *p)
{
    json_t *all = json_array();
    apr_size_t i, n = ctl_count_asked(c);

    for (i = 0; i < c->trace->nrules; i++) {
        const certmap_trace_rule_t *rule = &c->trace->rules[i];

        json_array_append_new(all, json_pack("{s:o, s:b, s:o, s:b, s:b, s:b, s:o, s:o, s:o, s:o}", "name",
                                             ctl_json_text(rule->rule->name), "deny", rule->rule->deny != 0, "user",
                                             ctl_json_text(rule->rule->deny ? NULL : rule->rule->effect.user), "asked",
                                             i < n && !ctl_is_unasked(c), "matched", rule->matched, "decided",
                                             rule->decided && !ctl_is_unasked(c), "place",
                                             ctl_json_place(rule->rule->file, rule->rule->line), "expires",
                                             ctl_json_time(rule->rule->effect.expires, p), "malformed",
                                             ctl_json_text(rule->malformed), "conditions", conditions(c, rule, p)));
    }
    return all;
}

/* All conditions of the nearest rule that fail; where each holds by itself, the one that another value meets. */
static json_t *nearest(const ctl_case_t *c)
{
    json_t *failed;
    apr_size_t i, k;

    if (c->nearest == NULL) {
        return json_null();
    }
    failed = json_array();
    for (i = 0; i < c->trace->nrules; i++) {
        const certmap_trace_rule_t *rule = &c->trace->rules[i];

        for (k = 0; rule->rule == c->nearest && k < rule->nconds; k++) {
            if (rule->conds[k].told == CERTMAP_COND_NO || rule->conds[k].told == CERTMAP_COND_ERROR) {
                json_array_append_new(failed, ctl_json_text(rule->conds[k].text));
            }
        }
    }
    if (json_array_size(failed) == 0) {
        json_array_append_new(failed, ctl_json_text(certmap_cond_text(c->failed)));
    }
    return json_pack("{s:o, s:o}", "rule", ctl_json_text(c->nearest->name), "failed", failed);
}

static json_t *renewals(ctl_t *ctl, const ctl_case_t *c)
{
    const apr_array_header_t *found = ctl_renewals(ctl, c);
    json_t *all = json_array();
    int i;

    for (i = 0; i < found->nelts; i++) {
        const ctl_renewal_t *r = &APR_ARRAY_IDX(found, i, ctl_renewal_t);

        json_array_append_new(all, json_pack("{s:o, s:o, s:o}", "because", ctl_json_text(r->because), "where",
                                             ctl_json_text(r->where), "line", ctl_json_text(r->line)));
    }
    return all;
}

/* ---- decisions ----------------------------------------------------------------------------------------------- */

/* Whether there is a mapping, or a denial, whose strength is known. */
static int has_strength(const certmap_decision_t *d)
{
    return d->outcome != CERTMAP_UNDECIDED
           && ((d->rule != NULL && !d->rule->deny)
               || (d->source != NULL && d->reason != CERTMAP_R_DENIED_BY_SOURCE && d->reason != CERTMAP_R_MALFORMED));
}

static json_t *decision(const certmap_decision_t *d, apr_pool_t *p)
{
    int substatus = certmap_reason_substatus(d->reason);

    return json_pack("{s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o}", "status",
                     ctl_json_text(certmap_reason_status(d->reason)), "substatus",
                     substatus ? json_integer(substatus) : json_null(), "reason",
                     ctl_json_text(d->reason != CERTMAP_R_NONE ? certmap_reason_name(d->reason) : NULL), "detail",
                     ctl_json_text(d->detail), "user", ctl_json_text(d->effect.user), "groups",
                     d->outcome == CERTMAP_MAPPED ? ctl_json_texts(d->effect.groups, d->effect.ngroups) : json_null(),
                     "rule", ctl_json_text(d->rule ? d->rule->name : NULL), "source", ctl_json_text(d->source),
                     "strength", ctl_json_text(has_strength(d) ? certmap_strength_name(d->effect.strength) : NULL),
                     "until", ctl_json_time(d->outcome == CERTMAP_MAPPED ? d->effect.expires : 0, p));
}

/* The server's answer in a place, in the members of a decision. What is not certain is null, so that no script takes
 * it. */
static json_t *place_answer(const ctl_case_t *c, apr_pool_t *p)
{
    const ctl_answer_t *a = &c->place->answer;
    certmap_decision_t d = { .outcome = CERTMAP_REFUSED, .reason = a->reason };
    json_t *made;

    if (a->user != NULL || (a->reason != CERTMAP_R_NONE && a->reason == c->decision.reason)) {
        d = c->decision;
    }
    made = decision(&d, p);
    if (a->reason == CERTMAP_R_NONE) {
        json_object_set_new(made, "status", ctl_json_text(apr_itoa(p, a->http)));
    }
    if (!c->place->certain) {
        const char *name;
        void *next;
        json_t *value;

        json_object_foreach_safe(made, next, name, value)
        {
            json_object_set_new(made, name, json_null());
        }
    }
    return made;
}

static json_t *place(const ctl_place_t *place, apr_pool_t *p)
{
    static const char *const modes[] = {
        [CTL_MODE_UNSET] = NULL,
        [CTL_MODE_OFF] = "Off",
        [CTL_MODE_OPTIONAL] = "Optional",
        [CTL_MODE_ON] = "On",
    };
    const ctl_answer_t *a = &place->answer;
    const ctl_directive_t *require = place->certain ? a->require : NULL;

    return json_pack(
        "{s:o, s:i, s:o, s:b, s:o, s:s, s:b, s:b, s:b, s:o, s:o, s:o, s:o}", "host", ctl_json_text(place->vhost->name),
        "port", place->vhost->port, "name", ctl_json_text(place->name), "isSection", place->section != NULL, "mode",
        ctl_json_text(modes[a->mode]), "minStrength", certmap_strength_name(a->min), "reportOnly", a->report_only,
        "deferErrors", place->vhost->defer, "handshakeFails", place->certain && a->http == 0, "require",
        ctl_json_text(require ? require->arguments : NULL), "requirePlace",
        ctl_json_place(require ? require->file : NULL, require ? require->line : 0), "because",
        ctl_json_text(place->certain ? a->because : NULL), "passedOver",
        ctl_json_text(place->certain && a->passed_over != CERTMAP_R_NONE ? apr_pstrcat(
                          p, certmap_reason_status(a->passed_over), " ", certmap_reason_name(a->passed_over), NULL)
                                                                         : NULL));
}

static json_t *unknown(const ctl_case_t *c)
{
    json_t *all = json_array();
    int i;

    for (i = 0; c->place != NULL && i < c->place->unknown->nelts; i++) {
        json_array_append_new(all, ctl_json_text(APR_ARRAY_IDX(c->place->unknown, i, const char *)));
    }
    if (ctl_misses_chain(c)) {
        json_array_append_new(all, ctl_json_text(ctl_chain_missed));
    }
    return all;
}

json_t *ctl_tell_json(ctl_t *ctl, const ctl_case_t *c)
{
    apr_pool_t *p = ctl->pool;
    json_t *root = json_pack("{s:i, s:o, s:o, s:b, s:o}", "schema", CTL_JSON_SCHEMA, "file", ctl_json_text(c->file),
                             "at", ctl_json_time(c->now, p), "certain",
                             !ctl_misses_chain(c) && (!c->place || c->place->certain), "unknown", unknown(c));
    json_t *answer = c->place != NULL ? place_answer(c, p) : decision(&c->decision, p);

    json_object_update(root, answer);
    json_decref(answer);
    json_object_set_new(root, "place", c->place != NULL ? place(c->place, p) : json_null());
    json_object_set_new(root, "asked", json_boolean(!ctl_is_unasked(c)));
    json_object_set_new(root, "mapping", decision(&c->apart, p));
    json_object_set_new(root, "certificate", certificate(c, p));
    json_object_set_new(root, "chain", chain(c, p));
    json_object_set_new(root, "sources", sources(c, p));
    json_object_set_new(root, "rules", rules(c, p));
    json_object_set_new(root, "nearest", nearest(c));
    json_object_set_new(root, "renewals", renewals(ctl, c));
    return root;
}
