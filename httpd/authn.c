/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which user mod_authz_core finds. A certificate never replaces another AuthType's password, and where the mapping
 * gives the user nobody else does.
 */
#include "authn.h"

#include <http_core.h>
#include <http_request.h>

#include "denial.h"
#include "document.h"
#include "request.h"
#include "respond.h"
#include "user.h"

void certmap_authn_map(request_rec *r, const certmap_dir_conf_t *conf)
{
    certmap_request_t *state;

    if (certmap_conf_maps(conf) || conf->report_only == 1 || !certmap_user_is_wanted(r, conf)) {
        return;
    }
    state = certmap_request_evaluate(r, conf);
    if (state->reason == CERTMAP_R_NONE) {
        certmap_respond_accept(r, state);
        certmap_user_set(r, state);
    }
    else {
        certmap_user_drop(r, state);
    }
}

void certmap_authn_withdraw(request_rec *r, certmap_request_t *state)
{
    if (state->refusal == CERTMAP_REFUSAL_AUTHZ) {
        certmap_respond_withdraw(r, state);
    }
}

/*
 * Asks Require in httpd's place, and all that come after certmap_authn_before_require, so that it is known which one
 * has refused. Other modules may put the same question before (mod_authz_svn, by ap_some_authn_required) and refuse
 * then for a reason of their own: that must not look like an answer of Require.
 */
static int ask_require(request_rec *r, certmap_request_t *state)
{
    const apr_array_header_t *hooks = ap_hook_get_access_checker_ex();
    const ap_LINK_access_checker_ex_t *hook = (const ap_LINK_access_checker_ex_t *)hooks->elts;
    int i = 0, status = DECLINED;

    while (i < hooks->nelts && hook[i].pFunc != certmap_authn_before_require) {
        i++;
    }
    while (++i < hooks->nelts && status == DECLINED) {
        int is_require = hook[i].szName && strcmp(hook[i].szName, "mod_authz_core.c") == 0;

        status = hook[i].pFunc(r);
        if (!is_require || status != HTTP_FORBIDDEN) {
            certmap_authn_withdraw(r, state);
        }
        else if (state->user_set && !certmap_denial_is_for_all(r, state)) {
            /* [promise user-denied] */
            certmap_respond_announce(r, state, CERTMAP_REFUSAL_AUTHZ, CERTMAP_R_USER_DENIED);
        }
    }
    return status;
}

int certmap_authn_before_require(request_rec *r)
{
    certmap_request_t *state = certmap_request_if_any(r);

    if (r->user && !certmap_user_is_own(r, state)) {
        certmap_user_keep_own(r, certmap_dir_conf(r), state);
    }
    return state && !certmap_document_is(r) ? ask_require(r, state) : DECLINED;
}

/* Set at start-up: a module has a say in authorization together with mod_authz_core. */
static int others_authorize;

void certmap_authn_prepare(void)
{
    static const char *const usual[] = { "mod_authz_core.c", "mod_ssl.c", "mod_certmap.c" };
    const apr_array_header_t *hooks = ap_hook_get_auth_checker();
    size_t k;
    int i;

    others_authorize = 0;
    for (i = 0; hooks != NULL && i < hooks->nelts; i++) {
        const char *name = APR_ARRAY_IDX(hooks, i, ap_LINK_auth_checker_t).szName;

        for (k = 0; k < sizeof(usual) / sizeof(usual[0]) && strcmp(name, usual[k]) != 0; k++) {
        }
        others_authorize |= k == sizeof(usual) / sizeof(usual[0]);
    }
}

/*
 * Require is content, because the user is there already, and httpd would be done. Other modules' authorization
 * (auth_checker: LuaHookAuthChecker, PerlAuthzHandler, mod_authz_svn) would never be asked about a certificate's user.
 * Where there is none, the request is spared a second evaluation of Require.
 */
int certmap_authn_force(request_rec *r)
{
    /* [promise other-authz] */
    return others_authorize && certmap_user_is_own(r, certmap_request_if_any(r)) ? OK : DECLINED;
}

int certmap_authn_after_require(request_rec *r)
{
    certmap_request_t *state = certmap_request_if_any(r);

    if (state) {
        certmap_authn_withdraw(r, state);
    }
    return DECLINED;
}

/*
 * httpd asks this when Require needs a user. Under AuthType Certificate the answer is ours. With no AuthType, CertMap
 * Optional may have gone on without a user; httpd would call that a configuration error (500), and the person would not
 * learn what is missing.
 */
int certmap_authn_authenticate(request_rec *r)
{
    const certmap_dir_conf_t *conf = certmap_dir_conf(r);
    const char *auth_type = ap_auth_type(r);
    certmap_request_t *state;

    if (!certmap_user_is_type(auth_type)
        && (!certmap_conf_maps(conf) || (auth_type && strcasecmp(auth_type, "None") != 0))) {
        return DECLINED;
    }
    state = certmap_request(r);
    if (state->user_set && r->user) {
        return OK;
    }
    if (!certmap_user_is_wanted(r, conf)) { /* CertMap Off: nothing maps here */
        return certmap_respond_refuse(r, state, CERTMAP_R_NO_MATCH);
    }
    state = certmap_request_evaluate(r, conf);
    /* report-only sets no user: nobody is let in by a mapping on trial */
    return certmap_respond_refuse(r, state, state->reason != CERTMAP_R_NONE ? state->reason : CERTMAP_R_USER_DENIED);
}

/*
 * Before Require decides about an authenticated user. Where that was not by a password, somebody else has
 * answered in our place.
 */
int certmap_authn_before_require_user(request_rec *r)
{
    const certmap_dir_conf_t *conf = certmap_dir_conf(r);
    certmap_request_t *state = certmap_request_if_any(r);

    if (!r->user || !certmap_user_is_ours(r, conf)) {
        return DECLINED;
    }
    if (!certmap_user_may_set(r)) {
        if (!r->ap_auth_type) { /* not every module names it, and it distinguishes this user from a stranger */
            r->ap_auth_type = (char *)ap_auth_type(r);
        }
        return DECLINED;
    }
    certmap_user_keep_own(r, conf, state);
    return r->user ? DECLINED : certmap_respond_refuse(r, certmap_request(r), CERTMAP_R_USER_DENIED);
}
