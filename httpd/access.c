/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who gets in. Two questions are asked of a request, in this order:
 *
 *  the guard    In a virtual host that defers TLS errors a certificate that failed verification is refused for every
 *               request on its connection, unless the place says CertMap Off. It replaces the TLS alert.
 *  the mapping  Where CertMap is On or Optional the certificate must map to a user.
 *
 * They are asked wherever httpd lets a module refuse: in map_to_storage for TRACE and OPTIONS *, which never reach
 * the access checks; in access_checker; and again in access_checker_ex, because under Satisfy any the former is not
 * the last word.
 *
 * Other modules answer before all of these (mod_alias, mod_rewrite). So the guard also stands at the way out: what
 * anybody answers on such a connection is withheld, and the refusal goes out in its place.
 */
#include "access.h"

#include <apr_strings.h>
#include <http_core.h>
#include <http_log.h>
#include <http_protocol.h>
#include <http_request.h>
#include <mod_auth.h>
#include <util_filter.h>

#include "config.h"
#include "mod_certmap.h"
#include "peer.h"
#include "respond.h"
#include "tls.h"

APLOG_USE_MODULE(certmap);

/* ---- the two questions ---------------------------------------------------------------------------------------- */

static ap_filter_rec_t *gate_rec;
static const char refusal; /* its address: a gate that lets the refusal out, and nothing after it */

/* Of the request that is, or whose part is, the error document of a refusal of ours; NULL: of none. */
static inline const certmap_request_t *document_of(const request_rec *r)
{
    const certmap_request_t *state;

    while (r->main) {
        r = r->main;
    }
    state = certmap_request_if_any(r);
    return state && state->error_document ? state : NULL;
}

/* Whoever may write a file there could turn the document into another one, in more ways than can be listed. */
static int has_htaccess(const request_rec *r)
{
    const struct htaccess_result *file;

    for (file = r->htaccess; file; file = file->next) {
        if (file->htaccess && r->filename && strncmp(r->filename, file->dir, strlen(file->dir)) == 0) {
            return 1;
        }
    }
    return 0;
}

/*
 * The error document of a refusal goes out unchecked: what the configuration names, and what that is put together from
 * if it lies in the document's own directory or below, where that is not the whole site. Not what .htaccess may make of
 * it, nor where it redirects to.
 */
static int belongs_to_document(const request_rec *r, const char *uri)
{
    apr_size_t dir;

    if (has_htaccess(r)) {
        return 0;
    }
    if (!uri || strcmp(r->uri, uri) == 0) {
        return 1;
    }
    dir = (apr_size_t)(strrchr(uri, '/') - uri) + 1;
    return dir > 1 && strncmp(r->uri, uri, dir) == 0;
}

static inline int is_error_document(const request_rec *r)
{
    const certmap_request_t *state = document_of(r);

    return state && belongs_to_document(r, state->document_uri);
}

/* Looks at the connection's certificate, once for a request unless it may have changed since. */
static void look(request_rec *r, certmap_request_t *state)
{
    if (state->record) {
        return;
    }
    state->conn = certmap_tls_conn(r->connection);
    state->record = state->conn ? state->conn->record : NULL;
    state->peer = certmap_peer(state->conn);
    if (!state->record || !state->record->leaf) {
        state->wrong = CERTMAP_R_NONE;
    }
    else if (state->record->verdict.reason != CERTMAP_R_NONE) {
        state->wrong = state->record->verdict.reason;
    }
    else if (!state->peer || !state->peer->cert) {
        state->wrong = CERTMAP_R_MALFORMED;
    }
    else {
        state->wrong = certmap_verdict_dates(state->peer->cert, r->request_time);
    }
}

/* The virtual host of the handshake may be another one than the request's, by SNI: either may ask for the guard. */
static int is_watched(const request_rec *r)
{
    const certmap_tls_record_t *record = certmap_tls_record(r->connection);

    return record && record->leaf && (record->deferred || certmap_srv_conf(r->server)->defer == 1);
}

/* Why there is no certificate to speak of, or NONE. */
static certmap_reason_e missing(const request_rec *r, const certmap_request_t *state)
{
    if (!state->conn) {
        return CERTMAP_R_SSL_REQUIRED;
    }
    if (!state->record || !state->record->leaf) {
        return apr_table_get(r->notes, "ssl-renegotiate-forbidden") ? CERTMAP_R_CERTIFICATE_NOT_REQUESTABLE
                                                                    : CERTMAP_R_CERTIFICATE_MISSING;
    }
    return CERTMAP_R_NONE;
}

static int maps(const certmap_dir_conf_t *conf)
{
    return conf->mode == CERTMAP_MODE_ON || conf->mode == CERTMAP_MODE_OPTIONAL;
}

/* What is wrong with a certificate, where somebody is to be mapped. OpenSSL may have failed for what makes it
 * malformed, and call that by another name: for an extension that it cannot read it finds no issuer. */
static certmap_reason_e as_told(const certmap_dir_conf_t *conf, const certmap_request_t *state)
{
    if (state->wrong != CERTMAP_R_NONE && state->record->verdict.reason != CERTMAP_R_NONE && maps(conf) && state->peer
        && state->peer->cert) {
        return certmap_cert_refusal(state->peer->cert, &state->record->verdict);
    }
    return state->wrong;
}

static certmap_reason_e map(request_rec *r, const certmap_dir_conf_t *conf, certmap_request_t *state)
{
    const request_rec *top;
    certmap_reason_e reason;

    state->memo = NULL;
    look(r, state);
    reason = missing(r, state);
    if (reason != CERTMAP_R_NONE) {
        return reason;
    }
    if (state->wrong != CERTMAP_R_NONE) {
        return as_told(conf, state);
    }
    if (certmap_cert_malformed(state->peer->cert)) {
        return CERTMAP_R_MALFORMED;
    }
    for (top = r; top->main; top = top->main) {
        /* what a sub-request is refused with may be told by the main one */
    }
    state->memo = certmap_peer_decide(state->conn, state->peer, certmap_conf_chain(conf, r->pool),
                                      certmap_conf_min_strength(conf), r->request_time, top->pool);
    if (!state->memo) {
        ap_log_rerror(APLOG_MARK, APLOG_ERR, 0, r, "certmap: the decision could not be made (out of memory?)");
        return CERTMAP_R_NO_MATCH;
    }
    if (state->memo->decision.outcome == CERTMAP_MAPPED && state->memo->decision.user) {
        return CERTMAP_R_NONE;
    }
    return state->memo->decision.reason != CERTMAP_R_NONE ? state->memo->decision.reason : CERTMAP_R_NO_MATCH;
}

/* Once for a request and configuration; httpd may change the configuration under a request (DirectoryIndex). */
static certmap_request_t *evaluate(request_rec *r, const certmap_dir_conf_t *conf)
{
    certmap_request_t *state = certmap_request(r);

    if (state->evaluated != r->per_dir_config) {
        state->reason = map(r, conf, state);
        state->undecided = CERTMAP_R_NONE;
        state->evaluated = r->per_dir_config;
    }
    return state;
}

/* CertMap Optional goes on without a user only where nobody can be wronged by it. */
static int optional_goes_on(certmap_reason_e reason)
{
    return reason == CERTMAP_R_SSL_REQUIRED || reason == CERTMAP_R_CERTIFICATE_MISSING
           || reason == CERTMAP_R_CERTIFICATE_NOT_REQUESTABLE || reason == CERTMAP_R_NO_MATCH;
}

static int is_ours(const char *auth_type)
{
    return auth_type && strcasecmp(auth_type, CERTMAP_AUTH_TYPE) == 0;
}

/* Whether users are ours to give here. CertMap Off counts under AuthType Certificate: there is none to be had. */
static int speaks(request_rec *r, const certmap_dir_conf_t *conf)
{
    return maps(conf) || is_ours(ap_auth_type(r));
}

/* Beside another AuthType a certificate never stands in for its password. */
static int may_set_user(request_rec *r)
{
    const char *auth_type = ap_auth_type(r);

    return !auth_type || strcasecmp(auth_type, "None") == 0 || is_ours(auth_type);
}

/*
 * Under AuthType Certificate the mapping is wanted even where CertMap is unset; there it is made when Require is
 * about to be asked, so that "Require all granted" still needs no certificate.
 */
static int maps_for_require(request_rec *r, const certmap_dir_conf_t *conf)
{
    return maps(conf) || (conf->mode == CERTMAP_MODE_UNSET && is_ours(ap_auth_type(r)));
}

static void set_user(request_rec *r, certmap_request_t *state)
{
    r->user = (char *)state->memo->decision.user;
    r->ap_auth_type = (char *)CERTMAP_AUTH_TYPE;
    state->user_set = 1;
}

static void forget_user(request_rec *r)
{
    r->user = NULL;
    r->ap_auth_type = NULL;
}

/* An earlier configuration of this request had a user. */
static void drop_user(request_rec *r, certmap_request_t *state)
{
    if (state->user_set) {
        forget_user(r);
        state->user_set = 0;
    }
}

/* Another AuthType has asked for a password; mod_ssl names no type with the user of SSLUserName. */
static int is_proved(request_rec *r)
{
    return r->ap_auth_type && !may_set_user(r);
}

static inline int is_own_user(const request_rec *r, const certmap_request_t *state)
{
    return state && state->user_set && r->user == state->memo->decision.user;
}

/*
 * No user but the mapping's. mod_ssl takes one from the certificate, whatever the mapping says of that (SSLUserName),
 * and other modules' access checks may; mod_authz_core believes whom it finds, and no password is asked for then.
 */
static void keep_own_user(request_rec *r, const certmap_dir_conf_t *conf, certmap_request_t *state)
{
    if (state && state->user_set) {
        set_user(r, state);
    }
    else if (r->user && (speaks(r, conf) || is_error_document(r))) {
        forget_user(r);
    }
}

static int refuse(request_rec *r, certmap_request_t *state, certmap_reason_e reason)
{
    drop_user(r, state);
    if (r->user && !is_proved(r)) {
        forget_user(r);
    }
    certmap_respond_announce(r, state, CERTMAP_REFUSAL_OURS, reason);
    if (r->main) {
        certmap_request_t *outer = certmap_request(r->main);

        /* nobody answers a sub-request; should the main one fail for it, it says the same */
        certmap_respond_commit(r, state);
        if (outer->refusal == CERTMAP_REFUSAL_NONE) {
            outer->conn = state->conn;
            outer->peer = state->peer;
            outer->memo = state->memo;
            certmap_respond_announce(r->main, outer, CERTMAP_REFUSAL_OURS, reason);
        }
    }
    return certmap_reason_http(reason);
}

static int check(request_rec *r)
{
    const certmap_dir_conf_t *conf = certmap_dir_conf(r);
    certmap_request_t *state = certmap_request_if_any(r);

    if ((state && state->passed == r->per_dir_config) || is_error_document(r)) {
        return DECLINED;
    }
    if (state && state->error_document) {
        ap_log_rerror(APLOG_MARK, APLOG_INFO, 0, r, "certmap: the error document %s is checked like any other: %s",
                      state->document_uri, has_htaccess(r) ? ".htaccess applies to it" : "it is another one by now");
    }
    if (certmap_tls_is_misdirected(r) && (maps_for_require(r, conf) || (conf->exempt != 1 && is_watched(r)))) {
        ap_log_rerror(APLOG_MARK, APLOG_INFO, 0, r,
                      "certmap: 421: the handshake was another virtual host's, which "
                      "does not trust the same CAs, CRLs or OCSP responders");
        return HTTP_MISDIRECTED_REQUEST;
    }
    if (conf->exempt != 1 && is_watched(r)) {
        state = certmap_request(r);
        look(r, state);
        if (state->wrong != CERTMAP_R_NONE) {
            state->memo = NULL;
            state->evaluated = NULL;
            return refuse(r, state, as_told(conf, state));
        }
    }
    if (!maps(conf)) {
        return DECLINED;
    }
    state = evaluate(r, conf);
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
    if (state->reason != CERTMAP_R_NONE && !(conf->mode == CERTMAP_MODE_OPTIONAL && optional_goes_on(state->reason))) {
        return refuse(r, state, state->reason);
    }
    certmap_respond_accept(r, state);
    if (state->reason == CERTMAP_R_NONE && may_set_user(r)) {
        set_user(r, state);
    }
    else {
        drop_user(r, state);
    }
    state->passed = r->per_dir_config;
    return DECLINED;
}

/* ---- around mod_ssl's own access check ------------------------------------------------------------------------ */

/* What mod_ssl's 403 would mean, as far as we know before or while it asks. */
static void announce_early(request_rec *r)
{
    certmap_request_t *state = certmap_request(r);
    certmap_reason_e reason;

    state->record = NULL;
    look(r, state);
    reason = missing(r, state);
    if (reason == CERTMAP_R_NONE) {
        reason = as_told(certmap_dir_conf(r), state);
    }
    if (reason == CERTMAP_R_NONE && maps(certmap_dir_conf(r))) {
        /* mod_ssl may want to ask anew although there is a good certificate, and be unable to */
        reason = CERTMAP_R_CERTIFICATE_NOT_REQUESTABLE;
    }
    if (reason == CERTMAP_R_NONE || (!maps(certmap_dir_conf(r)) && !is_watched(r))) {
        certmap_respond_withdraw(r, state);
        return;
    }
    certmap_respond_announce(r, state, CERTMAP_REFUSAL_EARLY, reason);
}

/* Where mod_ssl refuses, after_mod_ssl does not come; and nobody logs a part. */
static apr_status_t request_gone(void *request)
{
    request_rec *r = request;
    certmap_conn_t *conn = certmap_tls_conn(r->connection);

    if (conn && conn->early == r) {
        conn->early = NULL;
    }
    if (r->main) {
        certmap_tls_settle(r);
    }
    return APR_SUCCESS;
}

/* mod_ssl renegotiates or asks for post-handshake authentication in its access_checker, and may refuse there. */
static int before_mod_ssl(request_rec *r)
{
    const certmap_srv_conf_t *conf = certmap_srv_conf(r->server);
    certmap_conn_t *conn = certmap_tls_conn(r->connection);
    int may_ask = conn && !r->connection->master; /* a stream never renegotiates, and streams would share this */
    int announces = conf->asks_in_sections == 1 && !is_error_document(r);

    if (may_ask) {
        certmap_tls_ask(r);
        conn->early = announces ? r : NULL;
        if (announces || r->main) {
            apr_pool_pre_cleanup_register(r->pool, r, request_gone);
        }
    }
    if (conn && announces) {
        announce_early(r);
    }
    return DECLINED;
}

/* mod_ssl has done, whatever it said. */
static void forget_asking(request_rec *r)
{
    certmap_conn_t *conn = certmap_tls_conn(r->connection);
    certmap_request_t *state = certmap_request_if_any(r);

    if (conn && !r->connection->master) {
        conn->early = NULL;
        certmap_tls_settle(r);
    }
    if (state) {
        if (state->refusal == CERTMAP_REFUSAL_EARLY) {
            certmap_respond_withdraw(r, state);
        }
        if (!conn || state->record != conn->record) { /* another certificate by now */
            state->record = NULL;
            state->evaluated = NULL;
            state->passed = NULL;
        }
    }
}

static int after_mod_ssl(request_rec *r)
{
    forget_asking(r);
    return check(r);
}

static void on_closed(certmap_conn_t *conn)
{
    certmap_peer_closed(conn);
}

/*
 * A request that ended before, or beside, mod_ssl's check: what comes later was not asked for by anybody. And the log
 * says what the answer would have been that was withheld (%s).
 */
static int request_ended(request_rec *r)
{
    certmap_tls_settle(r);
    for (r = r->next; r; r = r->next) {
        const certmap_request_t *state = certmap_request_if_any(r);

        if (state && state->status) {
            r->prev->status = state->status;
        }
    }
    return DECLINED;
}

static const certmap_tls_listener_t listener = { .verified = announce_early, .closed = on_closed };

/* ---- the other hooks ------------------------------------------------------------------------------------------- */

/* TRACE and OPTIONS * are answered in map_to_storage, by the core, without any access check. */
static int check_storage(request_rec *r)
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

static void map_for_require(request_rec *r, const certmap_dir_conf_t *conf)
{
    certmap_request_t *state;

    if (maps(conf) || conf->report_only == 1 || !maps_for_require(r, conf)) {
        return;
    }
    state = evaluate(r, conf);
    if (state->reason == CERTMAP_R_NONE) {
        certmap_respond_accept(r, state);
        set_user(r, state);
    }
    else {
        drop_user(r, state);
    }
}

/* Before mod_authz_core asks Require. Whether it will refuse is known when it has. */
static int check_again(request_rec *r)
{
    const certmap_dir_conf_t *conf = certmap_dir_conf(r);
    certmap_request_t *state = certmap_request_if_any(r);
    int status;

    if (state && state->refusal == CERTMAP_REFUSAL_EARLY) {
        /* under Satisfy any mod_ssl's refusal is not the last word, and after_mod_ssl did not come */
        forget_asking(r);
    }
    status = check(r);
    if (status != DECLINED || is_error_document(r)) {
        return status;
    }
    map_for_require(r, conf);
    state = certmap_request_if_any(r);
    if (state && state->user_set) {
        certmap_respond_announce(r, state, CERTMAP_REFUSAL_AUTHZ, CERTMAP_R_USER_DENIED);
    }
    return DECLINED;
}

/* The last word before Require is asked; nobody has asked for a password yet. */
static int before_require(request_rec *r)
{
    if (r->user) {
        certmap_request_t *state = certmap_request_if_any(r);

        if (!is_own_user(r, state)) {
            keep_own_user(r, certmap_dir_conf(r), state);
        }
    }
    return DECLINED;
}

/*
 * Before Require is asked of a user who has been authenticated. Where that was not by a password, somebody else has
 * answered in our place.
 */
static int before_require_user(request_rec *r)
{
    const certmap_dir_conf_t *conf = certmap_dir_conf(r);
    certmap_request_t *state = certmap_request_if_any(r);

    if (!r->user || !speaks(r, conf)) {
        return DECLINED;
    }
    if (!may_set_user(r)) {
        if (!r->ap_auth_type) { /* not every module names it, and it is what tells this user from a stranger */
            r->ap_auth_type = (char *)ap_auth_type(r);
        }
        return DECLINED;
    }
    keep_own_user(r, conf, state);
    return r->user ? DECLINED : refuse(r, certmap_request(r), CERTMAP_R_USER_DENIED);
}

/* What follows is no access check any more: who is there without a password is the mapping's user, or nobody. */
static void keep_known_user(request_rec *r)
{
    certmap_request_t *state = certmap_request_if_any(r);

    if (r->user && !is_own_user(r, state) && !is_proved(r)) {
        keep_own_user(r, certmap_dir_conf(r), state);
    }
}

/*
 * Authorization passed, or there was none: a 403 from here on is somebody else's. httpd skips the access checks of an
 * internal redirect or a part that stays within one configuration, whatever hooks are registered as; so they are made
 * up for here, lest an error document takes its exemption along.
 */
static int authorized(request_rec *r)
{
    certmap_request_t *state;

    certmap_tls_settle(r);
    if (r->prev || (r->main && document_of(r))) {
        int status = check(r);

        if (status != DECLINED) {
            return status;
        }
    }
    keep_known_user(r);
    state = certmap_request_if_any(r);
    if (!state) {
        return DECLINED;
    }
    if (state->refusal == CERTMAP_REFUSAL_AUTHZ) {
        certmap_respond_withdraw(r, state);
    }
    if (state->undecided != CERTMAP_R_NONE && !is_error_document(r)) {
        return refuse(r, state, state->undecided);
    }
    state->authorized = r->per_dir_config;
    return DECLINED;
}

/*
 * mod_dir and mod_negotiation put another configuration under a request that has been checked. What they found was
 * checked as a sub-request, but whom that was mapped to does not come along: the user would be the one of the
 * directory, whatever the rules of its index say.
 */
static int replaced(request_rec *r)
{
    const certmap_dir_conf_t *conf = certmap_dir_conf(r);
    certmap_request_t *state = certmap_request_if_any(r);
    int status;

    if (document_of(r) ? is_error_document(r) : state ? state->authorized == r->per_dir_config : !speaks(r, conf)) {
        return DECLINED;
    }
    if (state && state->user_set) {
        drop_user(r, state);
        certmap_respond_forget(r);
    }
    status = check(r);
    if (status == DECLINED) {
        map_for_require(r, conf);
        keep_known_user(r);
    }
    return status;
}

/*
 * httpd asks this when Require needs a user. Under AuthType Certificate the answer is ours. With no AuthType, CertMap
 * Optional may have gone on without a user; httpd would call that a configuration error (500), and the person would not
 * learn what is missing.
 */
static int authenticate(request_rec *r)
{
    const certmap_dir_conf_t *conf = certmap_dir_conf(r);
    const char *auth_type = ap_auth_type(r);
    certmap_request_t *state;

    if (!is_ours(auth_type) && (!maps(conf) || (auth_type && strcasecmp(auth_type, "None") != 0))) {
        return DECLINED;
    }
    state = certmap_request(r);
    if (state->user_set && r->user) {
        return OK;
    }
    if (!maps_for_require(r, conf)) { /* CertMap Off: nothing maps here */
        return refuse(r, state, CERTMAP_R_NO_MATCH);
    }
    state = evaluate(r, conf);
    /* report-only sets no user: nobody is let in by a mapping on trial */
    return refuse(r, state, state->reason != CERTMAP_R_NONE ? state->reason : CERTMAP_R_USER_DENIED);
}

/*
 * FakeBasicAuth: mod_ssl makes up a Basic header out of the certificate's subject and a password that everybody knows,
 * in place of what the client has sent. Where users are ours to give it is no password.
 */
static int before_fake(request_rec *r)
{
    if (speaks(r, certmap_dir_conf(r))) {
        certmap_request(r)->authorization = apr_table_get(r->headers_in, "Authorization");
    }
    return DECLINED;
}

/*
 * One that was made up for the request before an internal redirect is still there. mod_ssl lets no client send such a
 * one, but the password files for it are crypt()'s, who reads eight letters of a password; and what follows a colon in
 * the subject is part of it.
 */
static int is_fake(const request_rec *r)
{
    static const char fake[] = "password";
    const char *user, *password;

    return ap_get_basic_auth_components(r, &user, &password) == APR_SUCCESS && (*user == '/' || !*user)
           && strncmp(password, fake, sizeof(fake) - 1) == 0;
}

static int after_fake(request_rec *r)
{
    certmap_request_t *state = certmap_request_if_any(r);

    if (!speaks(r, certmap_dir_conf(r))) {
        return DECLINED;
    }
    if (state && state->authorization != apr_table_get(r->headers_in, "Authorization")) {
        if (state->authorization) {
            apr_table_setn(r->headers_in, "Authorization", state->authorization);
        }
        else {
            apr_table_unset(r->headers_in, "Authorization");
        }
    }
    if (is_fake(r)) {
        apr_table_unset(r->headers_in, "Authorization");
    }
    return DECLINED;
}

/* ---- the guard's last word -------------------------------------------------------------------------------------- */

/* <Location> is looked up before the name is translated and again after all other sections. What answers in between
 * goes without, but the path is what it will be. */
static int is_exempt(request_rec *r, const certmap_request_t *state)
{
    if (certmap_dir_conf(r)->exempt != 1 && state->routed) {
        ap_location_walk(r);
    }
    return certmap_dir_conf(r)->exempt == 1;
}

/* 421 shows nothing, and with it the client comes back where it should. */
static int is_withheld(request_rec *r, const certmap_request_t *state)
{
    return state && state->withheld && state->wrong != CERTMAP_R_NONE && !state->committed
           && r->status != HTTP_MISDIRECTED_REQUEST && !is_exempt(r, state);
}

static int has_end(const apr_bucket_brigade *bb)
{
    const apr_bucket *b;

    for (b = APR_BRIGADE_FIRST(bb); b != APR_BRIGADE_SENTINEL(bb); b = APR_BUCKET_NEXT(b)) {
        if (APR_BUCKET_IS_EOS(b)) {
            return 1;
        }
    }
    return 0;
}

/*
 * The first of what anybody answers: the refusal in its place, with its error document and all. httpd takes this filter
 * away when it writes an error answer, so that there is another one for the refusal: what comes after that is from who
 * was interrupted and does not know it.
 */
static apr_status_t gate(ap_filter_t *f, apr_bucket_brigade *answer)
{
    request_rec *r = f->r;
    certmap_request_t *state = certmap_request_if_any(r);
    int status;

    if (f->ctx == &refusal) {
        if (has_end(answer)) {
            f->ctx = state;
        }
        return ap_pass_brigade(f->next, answer);
    }
    if (!f->ctx) {
        if (!is_withheld(r, state)) {
            if (state && state->status && r->status == HTTP_OK) {
                r->status = r->prev->status = state->status;
            }
            ap_remove_output_filter(f);
            return ap_pass_brigade(f->next, answer);
        }
        f->ctx = state;
        state->interrupts = 1;
        state->memo = NULL;
        state->evaluated = NULL;
        status = refuse(r, state, as_told(certmap_dir_conf(r), state));
        r->status = HTTP_OK; /* not an error within an error: it has not happened */
        ap_die(status, r);
    }
    apr_brigade_cleanup(answer);
    return APR_SUCCESS;
}

/* The earliest place where httpd knows the request; where it leads to is known later. */
static int request_begins(request_rec *r)
{
    certmap_request_t *state;

    if (r->prev) {
        keep_known_user(r->prev);
        if (!r->main) {
            certmap_respond_redirected(r);
        }
    }
    if (r->main || !is_watched(r)) {
        return DECLINED;
    }
    state = certmap_request(r);
    look(r, state);
    if (state->wrong != CERTMAP_R_NONE && !state->error_document) {
        state->withheld = 1;
        if (r->prev && is_withheld(r->prev, certmap_request_if_any(r->prev))) {
            state->status = r->status;
            r->prev->status = r->status = HTTP_OK; /* as in gate, which sets it again where CertMap is Off */
        }
        ap_add_output_filter_handle(gate_rec, NULL, r, r->connection);
    }
    return DECLINED;
}

/* No other module's quick handler is asked: it would answer without a look at any section. */
static int request_quick(request_rec *r, int lookup)
{
    certmap_request_t *state = certmap_request_if_any(r);
    int status;

    if (lookup || !state || !state->withheld) {
        return DECLINED;
    }
    state->routed = 1;
    status = ap_process_request_internal(r);
    return status == OK ? ap_invoke_handler(r) : status;
}

static void on_error_answer(request_rec *r)
{
    certmap_request_t *state;

    certmap_respond_error_answer(r);
    state = certmap_request_if_any(r);
    if (state && state->refusal == CERTMAP_REFUSAL_OURS && !is_proved(r)) {
        forget_user(r); /* refused for a part of it */
    }
    keep_known_user(r); /* nobody may have looked yet whose user that is */
    if (state && state->interrupts) {
        ap_add_output_filter_handle(gate_rec, (void *)&refusal, r, r->connection);
    }
    else if (is_withheld(r, state)) {
        ap_add_output_filter_handle(gate_rec, NULL, r, r->connection);
    }
}

/* ---- Require certmap-* ------------------------------------------------------------------------------------------ */

static const certmap_decision_t *mapped(request_rec *r)
{
    const certmap_dir_conf_t *conf = certmap_dir_conf(r);
    const certmap_request_t *state;

    if (!maps_for_require(r, conf) || conf->report_only == 1) {
        return NULL;
    }
    state = evaluate(r, conf);
    return state->reason == CERTMAP_R_NONE ? &state->memo->decision : NULL;
}

/* Should this Require be the one that refuses, the answer says what was missing. */
static authz_status denied(request_rec *r, certmap_reason_e reason)
{
    certmap_request_t *state = certmap_request(r);

    if (!state->user_set && state->refusal == CERTMAP_REFUSAL_NONE && !is_error_document(r)) {
        certmap_respond_announce(r, state, CERTMAP_REFUSAL_AUTHZ,
                                 reason != CERTMAP_R_NONE ? reason : CERTMAP_R_USER_DENIED);
    }
    return AUTHZ_DENIED;
}

/* "Require not" makes a denial harmless. Where the mapping refuses, or cannot tell, that would let in whom it is about;
 * so that is remembered, and refused when authorization has passed. */
static authz_status denied_by_mapping(request_rec *r)
{
    const certmap_dir_conf_t *conf = certmap_dir_conf(r);
    certmap_request_t *state;

    if (!maps_for_require(r, conf)) {
        return AUTHZ_DENIED;
    }
    if (conf->report_only == 1) {
        return denied(r, CERTMAP_R_USER_DENIED);
    }
    state = certmap_request(r);
    if (state->reason != CERTMAP_R_NONE && (!optional_goes_on(state->reason) || (state->peer && !state->memo))) {
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
    for (i = 0; decision && i < decision->ngroups; i++) {
        if (is_named(names, decision->groups[i])) {
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
    look(r, state);
    reason = missing(r, state);
    if (reason == CERTMAP_R_NONE) {
        reason = certmap_tls_is_misdirected(r) ? CERTMAP_R_USER_DENIED : state->wrong;
    }
    return reason == CERTMAP_R_NONE ? AUTHZ_GRANTED : denied(r, reason);
}

static const authz_provider rule_provider = { check_rule, parse_names };
static const authz_provider group_provider = { check_group, parse_names };
static const authz_provider verified_provider = { check_verified, parse_nothing };

/* ---- registration ------------------------------------------------------------------------------------------------ */

static int prepare(apr_pool_t *pconf, apr_pool_t *plog, apr_pool_t *ptemp, server_rec *s)
{
    (void)plog;
    (void)ptemp;
    if (certmap_peer_prepare(pconf) != APR_SUCCESS) {
        ap_log_error(APLOG_MARK, APLOG_EMERG, 0, s, "certmap: no memory for connections");
        return HTTP_INTERNAL_SERVER_ERROR;
    }
    return OK;
}

void certmap_access_register(apr_pool_t *p)
{
    static const char *const ssl[] = { "mod_ssl.c", NULL };
    static const char *const host_checks[] = { "mod_access_compat.c", NULL };
    static const char *const authz[] = { "mod_authz_core.c", NULL };

    certmap_tls_register(p, &listener);
    ap_hook_post_config(prepare, NULL, NULL, APR_HOOK_MIDDLE);
    ap_hook_post_read_request(request_begins, NULL, NULL, APR_HOOK_REALLY_FIRST);
    ap_hook_quick_handler(request_quick, NULL, NULL, APR_HOOK_REALLY_FIRST);
    ap_hook_map_to_storage(check_storage, NULL, NULL, APR_HOOK_REALLY_FIRST);
    /* PER_URI: the answer depends on more than the configuration. Next to mod_ssl's check, so that no other module's
     * 403 falls between. */
    ap_hook_check_access(before_mod_ssl, host_checks, ssl, APR_HOOK_MIDDLE, AP_AUTH_INTERNAL_PER_URI);
    ap_hook_check_access(after_mod_ssl, ssl, NULL, APR_HOOK_MIDDLE, AP_AUTH_INTERNAL_PER_URI);
    ap_hook_check_access_ex(check_again, NULL, authz, APR_HOOK_FIRST, AP_AUTH_INTERNAL_PER_URI);
    ap_hook_check_access_ex(before_require, NULL, authz, APR_HOOK_LAST, AP_AUTH_INTERNAL_PER_URI);
    ap_hook_check_authn(before_fake, NULL, ssl, APR_HOOK_FIRST, AP_AUTH_INTERNAL_PER_URI);
    ap_hook_check_authn(after_fake, ssl, NULL, APR_HOOK_FIRST, AP_AUTH_INTERNAL_PER_URI);
    ap_hook_check_authn(authenticate, NULL, NULL, APR_HOOK_FIRST, AP_AUTH_INTERNAL_PER_URI);
    ap_hook_check_authz(before_require_user, NULL, authz, APR_HOOK_LAST, AP_AUTH_INTERNAL_PER_URI);
    ap_hook_insert_error_filter(on_error_answer, NULL, NULL, APR_HOOK_MIDDLE);
    ap_hook_fixups(authorized, NULL, NULL, APR_HOOK_REALLY_FIRST);
    ap_hook_handler(replaced, NULL, NULL, APR_HOOK_REALLY_FIRST);
    ap_hook_log_transaction(request_ended, NULL, NULL, APR_HOOK_REALLY_FIRST);

    gate_rec = ap_register_output_filter("CERTMAP_GATE", gate, NULL, AP_FTYPE_RESOURCE - 1);
    ap_register_auth_provider(p, AUTHZ_PROVIDER_GROUP, "certmap-rule", AUTHZ_PROVIDER_VERSION, &rule_provider,
                              AP_AUTH_INTERNAL_PER_CONF);
    ap_register_auth_provider(p, AUTHZ_PROVIDER_GROUP, "certmap-group", AUTHZ_PROVIDER_VERSION, &group_provider,
                              AP_AUTH_INTERNAL_PER_CONF);
    ap_register_auth_provider(p, AUTHZ_PROVIDER_GROUP, "certmap-verified", AUTHZ_PROVIDER_VERSION, &verified_provider,
                              AP_AUTH_INTERNAL_PER_CONF);
}
