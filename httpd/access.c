/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The access check. Two questions are asked of a request, in this order:
 *
 *  the guard    In a virtual host that defers TLS errors a certificate that failed verification is refused for every
 *               request on its connection, unless the place says CertMap Off. It replaces the TLS alert (guard.h).
 *  the mapping  Where CertMap is On or Optional the certificate must map to a user.
 *
 * They are asked wherever httpd lets a module refuse: in map_to_storage for TRACE and OPTIONS *, which never reach
 * the access checks; in access_checker; and again in access_checker_ex, because under Satisfy any the former is not
 * the last word.
 */
#include "access.h"

#include <apr_strings.h>
#include <http_log.h>

#include "asking.h"
#include "authn.h"
#include "config.h"
#include "document.h"
#include "guard.h"
#include "request.h"
#include "respond.h"
#include "tls.h"
#include "user.h"

APLOG_USE_MODULE(certmap);

static int check(request_rec *r)
{
    const certmap_dir_conf_t *conf = certmap_dir_conf(r);
    certmap_request_t *state = certmap_request_if_any(r);

    if ((state && state->passed == r->per_dir_config) || certmap_document_is(r)) {
        return DECLINED;
    }
    if (state && state->error_document) {
        ap_log_rerror(APLOG_MARK, APLOG_INFO, 0, r, "certmap: the error document %s is checked like any other: %s",
                      state->document_uri,
                      certmap_document_has_htaccess(r) ? ".htaccess applies to it" : "it is another one by now");
    }
    /* RFC 9110, 15.5.20: 421, the client may ask again over another connection. */
    if (certmap_tls_is_misdirected(r) && (certmap_user_is_wanted(r, conf) || certmap_guard_applies(r, conf))) {
        ap_log_rerror(APLOG_MARK, APLOG_INFO, 0, r,
                      "certmap: 421: the handshake was another virtual host's, which "
                      "does not trust the same CAs, CRLs or OCSP responders");
        return HTTP_MISDIRECTED_REQUEST;
    }
    /* [promise guard] */
    if (certmap_guard_applies(r, conf)) {
        state = certmap_request(r);
        certmap_request_look(r, state);
        if (certmap_request_unproved(state) != CERTMAP_R_NONE) {
            return certmap_guard_refuse(r, state);
        }
    }
    if (!certmap_conf_maps(conf)) {
        return DECLINED;
    }
    state = certmap_request_evaluate(r, conf);
    if (conf->report_only == 1) {
        if (state->reason != CERTMAP_R_NONE) {
            certmap_respond_report(r, state, state->reason);
        }
        else {
            certmap_respond_accept(r, state);
        }
        state->passed = r->per_dir_config;
        return DECLINED;
    }
    if (state->reason != CERTMAP_R_NONE
        && !(conf->mode == CERTMAP_MODE_OPTIONAL && certmap_request_goes_on(state->reason))) {
        return certmap_respond_refuse(r, state, state->reason);
    }
    certmap_respond_accept(r, state);
    if (state->reason == CERTMAP_R_NONE && certmap_user_may_set(r)) {
        certmap_user_set(r, state);
    }
    else {
        certmap_user_drop(r, state);
    }
    state->passed = r->per_dir_config;
    return DECLINED;
}

/* Under AuthType Certificate a mapped request has a user from here on: mod_authz_svn decides soon after. */
int certmap_access_check(request_rec *r)
{
    int status;

    certmap_asking_end(r);
    status = check(r);
    if (status == DECLINED && !certmap_document_is(r)) {
        certmap_authn_map(r, certmap_dir_conf(r));
    }
    return status;
}

int certmap_access_storage(request_rec *r)
{
    certmap_request_t *state = certmap_request_if_any(r);

    if (state && state->error_document && !state->document_uri) {
        state->document_uri = apr_pstrdup(r->pool, r->uri);
    }
    if (r->method_number == M_TRACE || (r->method_number == M_OPTIONS && r->uri && strcmp(r->uri, "*") == 0)) {
        return check(r);
    }
    return DECLINED;
}

int certmap_access_again(request_rec *r)
{
    const certmap_dir_conf_t *conf = certmap_dir_conf(r);
    certmap_request_t *state = certmap_request_if_any(r);
    int status;

    if (state && state->refusal == CERTMAP_REFUSAL_EARLY) {
        /* under Satisfy any mod_ssl's refusal is not the last word, and certmap_access_check did not come */
        certmap_asking_end(r);
    }
    if (!state || state->passed != r->per_dir_config) {
        /* [promise satisfy-any] */
        status = check(r);
        if (status != DECLINED) {
            return status;
        }
    }
    if (certmap_document_is(r)) {
        return DECLINED;
    }
    certmap_authn_map(r, conf);
    return DECLINED;
}

/*
 * Authorization passed, or there was none: a 403 from here on is somebody else's. httpd skips the access checks of an
 * internal redirect or a part that stays within one configuration, whatever hooks are registered as; so they are made
 * up for here, so that an error document does not take its exemption along.
 */
int certmap_access_passed(request_rec *r)
{
    certmap_request_t *state;

    certmap_tls_settle(r);
    if (r->prev || (r->main && certmap_document_of(r))) {
        int status = check(r);

        if (status != DECLINED) {
            return status;
        }
    }
    certmap_user_keep_known(r);
    state = certmap_request_if_any(r);
    if (!state) {
        return DECLINED;
    }
    certmap_authn_withdraw(r, state);
    if (state->undecided != CERTMAP_R_NONE && !certmap_document_is(r)) {
        return certmap_respond_refuse(r, state, state->undecided);
    }
    state->authorized = r->per_dir_config;
    return DECLINED;
}

/*
 * mod_dir and mod_negotiation put another configuration under a request that has been checked. What they found was
 * checked as a sub-request, but the user of that does not come along: the user would be the one of the
 * directory, whatever the rules of its index say.
 */
static int check_replaced(request_rec *r)
{
    const certmap_dir_conf_t *conf = certmap_dir_conf(r);
    certmap_request_t *state = certmap_request_if_any(r);
    int status;

    if (certmap_document_of(r) ? certmap_document_is(r) : !state && !certmap_user_is_ours(r, conf)) {
        return DECLINED;
    }
    if (state && state->user_set) {
        certmap_user_drop(r, state);
        certmap_respond_forget(r);
    }
    status = check(r);
    if (status == DECLINED) {
        certmap_authn_map(r, conf);
        certmap_user_keep_known(r);
    }
    return status;
}

int certmap_access_replaced(request_rec *r)
{
    const certmap_request_t *state = certmap_request_if_any(r);

    return state && state->authorized == r->per_dir_config && !certmap_document_of(r) ? DECLINED : check_replaced(r);
}
