/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A decision as one JSON document. JSON is UTF-8 and nothing else: bytes of a file's name that are not become U+FFFD.
 * It is written in ASCII, so that a terminal neither obeys nor hides any of it.
 */
#include "decision.h"

#include <stdlib.h>
#include <string.h>

#include <jansson.h>

/* A document from which something is missing would be a lie: without memory the command ends, as everywhere. */
static void *must_allocate(size_t size)
{
    void *made = malloc(size);

    if (made == NULL) {
        fputs("certmapctl: error: out of memory\n", stderr);
        exit(CTL_ERROR);
    }
    return made;
}

static json_t *text(const char *data)
{
    apr_size_t len = data ? strlen(data) : 0;
    json_t *made, *whole = data ? json_stringn(data, len) : json_null();
    char *copy, *to;
    int n;

    if (whole != NULL) {
        return whole;
    }
    to = copy = must_allocate(len * 3 + 1);
    for (; *data != '\0'; data += n) {
        int fine = ctl_character(data, &n) != CTL_NO_CHARACTER;

        memcpy(to, fine ? data : "\xef\xbf\xbd", fine ? (size_t)n : 3);
        to += fine ? n : 3;
    }
    made = json_stringn(copy, (size_t)(to - copy));
    free(copy);
    return made;
}

static json_t *texts(const char *const *list, apr_size_t n)
{
    json_t *array = json_array();
    apr_size_t i;

    for (i = 0; i < n; i++) {
        json_array_append_new(array, text(list[i]));
    }
    return array;
}

static json_t *certificate(const ctl_case_t *c, apr_pool_t *p)
{
    int sound = certmap_cert_malformed(c->view) == NULL;

    return json_pack("{s:o, s:o, s:o, s:o, s:o, s:o}", "subject", text(certmap_cert_subject_text(c->view)), "issuer",
                     text(certmap_cert_issuer_text(c->view)), "serial", text(certmap_cert_serial(c->view)), "sha256",
                     text(certmap_cert_sha256(c->view)),
                     /* of a malformed certificate the dates may be what is malformed */
                     "notBefore", text(sound ? ctl_time_text(certmap_cert_not_before(c->view), p) : NULL), "notAfter",
                     text(sound ? ctl_time_text(certmap_cert_not_after(c->view), p) : NULL));
}

/* What is to be said of a condition. */
static const char *const answers[] = {
    [CERTMAP_COND_NO] = "no",
    [CERTMAP_COND_YES] = "yes",
    [CERTMAP_COND_MALFORMED] = "malformed",
    [CERTMAP_COND_OTHER_TYPE] = "other-type",
    [CERTMAP_COND_ERROR] = "error",
};

static json_t *rules(const ctl_case_t *c, apr_pool_t *p)
{
    json_t *all = json_array();
    apr_size_t i, k;

    for (i = 0; i < c->trace->nrules; i++) {
        const certmap_trace_rule_t *rule = &c->trace->rules[i];
        json_t *conditions = json_array();

        for (k = 0; k < rule->nconds; k++) {
            const certmap_trace_cond_t *cond = &rule->conds[k];

            const char *how = cond->told == CERTMAP_COND_NO ? certmap_cond_differs(cond->cond, c->view, p) : NULL;

            json_array_append_new(conditions,
                                  json_pack("{s:o, s:b, s:s, s:o, s:o*}", "text", text(cond->text), "holds",
                                            cond->holds, "answer", answers[cond->told], "values",
                                            texts(cond->values, cond->nvalues), "differs", how ? text(how) : NULL));
        }
        json_array_append_new(all, json_pack("{s:o, s:b, s:o}", "name", text(rule->rule->name), "matched",
                                             rule->matched, "conditions", conditions));
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
                json_array_append_new(failed, text(rule->conds[k].text));
            }
        }
    }
    if (json_array_size(failed) == 0) {
        json_array_append_new(failed, text(certmap_cond_text(c->failed)));
    }
    return json_pack("{s:o, s:o}", "rule", text(c->nearest->name), "failed", failed);
}

/* Whether there is a mapping, or a denial, whose strength can be told. */
static int has_strength(const certmap_decision_t *d)
{
    return d->outcome != CERTMAP_UNDECIDED
           && ((d->rule != NULL && !d->rule->deny)
               || (d->source != NULL && d->reason != CERTMAP_R_DENIED_BY_SOURCE && d->reason != CERTMAP_R_MALFORMED));
}

int ctl_tell_json(ctl_t *ctl, const ctl_case_t *c)
{
    const certmap_decision_t *d = &c->decision;
    int substatus = certmap_reason_substatus(d->reason);
    int status = CTL_OK;
    json_t *root;

    json_set_alloc_funcs(must_allocate, free);
    root = json_pack(
        "{s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o}", "status", text(certmap_reason_status(d->reason)),
        "substatus", substatus ? json_integer(substatus) : json_null(), "reason",
        text(d->reason != CERTMAP_R_NONE ? certmap_reason_name(d->reason) : NULL), "user", text(d->effect.user),
        "groups", d->outcome == CERTMAP_MAPPED ? texts(d->effect.groups, d->effect.ngroups) : json_null(), "rule",
        text(d->rule ? d->rule->name : NULL), "source", text(d->source), "strength",
        text(has_strength(d) ? certmap_strength_name(d->effect.strength) : NULL), "certificate",
        certificate(c, ctl->pool), "rules", rules(c, ctl->pool), "nearest", nearest(c));
    if (root == NULL || json_dumpf(root, stdout, JSON_INDENT(2) | JSON_ENSURE_ASCII) != 0 || putchar('\n') == EOF) {
        status = ctl_fail(ctl, "the JSON document could not be made or written");
    }
    json_decref(root);
    return status;
}
