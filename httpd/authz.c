/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the Require lines of the module ask, and what a denial of theirs says.
 */
#include "authz.h"

#include <apr_strings.h>
#include <httpd.h>

#include "config.h"
#include "denial.h"
#include "document.h"
#include "request.h"
#include "respond.h"
#include "tls.h"
#include "user.h"

static const certmap_decision_t *mapped(request_rec *r)
{
    const certmap_dir_conf_t *conf = certmap_dir_conf(r);
    const certmap_request_t *state;

    if (!certmap_user_is_wanted(r, conf) || conf->report_only == 1) {
        return NULL;
    }
    state = certmap_request_evaluate(r, conf);
    return state->reason == CERTMAP_R_NONE && !state->nobody ? &state->memo->decision : NULL;
}

/* Should this Require be the one that refuses, the answer says what was missing. */
static authz_status denied(request_rec *r, certmap_reason_e reason)
{
    certmap_request_t *state = certmap_request(r);

    if (state->nobody) {
        return AUTHZ_DENIED_NO_USER;
    }
    if (!state->user_set && state->refusal == CERTMAP_REFUSAL_NONE && !certmap_document_is(r)
        && !certmap_denial_is_for_all(r, state)) {
        certmap_respond_announce(r, state, CERTMAP_REFUSAL_AUTHZ,
                                 reason != CERTMAP_R_NONE ? reason : CERTMAP_R_USER_DENIED);
    }
    return AUTHZ_DENIED;
}

/* "Require not" makes a denial harmless. Where the mapping refuses, or does not know, that would let in exactly that
 * user; so that is remembered, and refused when authorization has passed. */
static authz_status denied_by_mapping(request_rec *r)
{
    const certmap_dir_conf_t *conf = certmap_dir_conf(r);
    certmap_request_t *state;

    if (!certmap_user_is_wanted(r, conf)) {
        return AUTHZ_DENIED;
    }
    if (certmap_request(r)->nobody) {
        return AUTHZ_DENIED_NO_USER;
    }
    if (conf->report_only == 1) {
        return denied(r, CERTMAP_R_USER_DENIED);
    }
    state = certmap_request(r);
    if (state->reason != CERTMAP_R_NONE && (!certmap_request_goes_on(state->reason) || (state->peer && !state->memo))) {
        state->undecided = state->reason;
    }
    return denied(r, state->reason);
}

static const char *parse_names(cmd_parms *cmd, const char *line, const void **parsed)
{
    apr_array_header_t *names = apr_array_make(cmd->pool, 4, sizeof(const char *));
    const char *word;

    while (*(word = ap_getword_conf(cmd->pool, &line))) {
        APR_ARRAY_PUSH(names, const char *) = word;
    }
    if (!names->nelts) {
        return "Require certmap-rule and certmap-group need at least one name";
    }
    *parsed = names;
    return NULL;
}

static const char *parse_nothing(cmd_parms *cmd, const char *line, const void **parsed)
{
    (void)cmd;
    *parsed = NULL;
    return *line ? apr_psprintf(cmd->pool, "Require certmap-verified takes no argument, but got '%s'", line) : NULL;
}

static int is_named(const apr_array_header_t *names, const char *name)
{
    int i;

    for (i = 0; i < names->nelts; i++) {
        if (strcmp(APR_ARRAY_IDX(names, i, const char *), name) == 0) {
            return 1;
        }
    }
    return 0;
}

static authz_status check_rule(request_rec *r, const char *line, const void *names)
{
    const certmap_decision_t *decision = mapped(r);

    (void)line;
    return decision && decision->rule && is_named(names, decision->rule->name) ? AUTHZ_GRANTED : denied_by_mapping(r);
}

static authz_status check_group(request_rec *r, const char *line, const void *names)
{
    const certmap_decision_t *decision = mapped(r);
    apr_size_t i;

    (void)line;
    for (i = 0; decision && i < decision->effect.ngroups; i++) {
        if (is_named(names, decision->effect.groups[i])) {
            return AUTHZ_GRANTED;
        }
    }
    return denied_by_mapping(r);
}

static authz_status check_verified(request_rec *r, const char *line, const void *parsed)
{
    certmap_request_t *state = certmap_request(r);
    certmap_reason_e reason;

    (void)line;
    (void)parsed;
    certmap_request_look(r, state);
    reason = certmap_request_missing(r, state);
    if (reason == CERTMAP_R_NONE) {
        reason = certmap_tls_is_misdirected(r) ? CERTMAP_R_USER_DENIED : certmap_request_unproved(state);
    }
    return reason == CERTMAP_R_NONE ? AUTHZ_GRANTED : denied(r, reason);
}

const authz_provider certmap_authz_rule = { check_rule, parse_names };
const authz_provider certmap_authz_group = { check_group, parse_names };
const authz_provider certmap_authz_verified = { check_verified, parse_nothing };
