/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Before and after mod_ssl asks for a certificate in the middle of a request.
 */
#include "asking.h"

#include "config.h"
#include "document.h"
#include "guard.h"
#include "request.h"
#include "respond.h"
#include "tls.h"

void certmap_asking_verified(request_rec *r)
{
    certmap_request_t *state = certmap_request(r);
    certmap_reason_e reason;

    state->record = NULL;
    certmap_request_look(r, state);
    reason = certmap_request_missing(r, state);
    if (reason == CERTMAP_R_NONE) {
        reason = certmap_request_unproved(state);
    }
    if (reason == CERTMAP_R_NONE && certmap_conf_maps(certmap_dir_conf(r))) {
        /* mod_ssl may want to ask again although there is a good certificate, and be unable to */
        reason = CERTMAP_R_CERTIFICATE_NOT_REQUESTABLE;
    }
    if (reason == CERTMAP_R_NONE || (!certmap_conf_maps(certmap_dir_conf(r)) && !certmap_guard_watches(r))) {
        certmap_respond_withdraw(r, state);
        return;
    }
    certmap_respond_announce(r, state, CERTMAP_REFUSAL_EARLY, reason);
}

/* Where mod_ssl refuses, certmap_asking_end does not come; and nobody logs a part. */
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

int certmap_asking_begin(request_rec *r)
{
    const certmap_srv_conf_t *conf = certmap_srv_conf(r->server);
    certmap_conn_t *conn = certmap_tls_conn(r->connection);
    int may_ask = conn && !r->connection->master; /* a stream never renegotiates, and streams would share this */
    int announces = conf->asks_in_sections == 1 && !certmap_document_is(r);

    if (may_ask) {
        certmap_tls_ask(r);
        conn->early = announces ? r : NULL;
        if (announces || r->main) {
            apr_pool_pre_cleanup_register(r->pool, r, request_gone);
        }
    }
    if (conn && announces) {
        certmap_asking_verified(r);
    }
    return DECLINED;
}

void certmap_asking_end(request_rec *r)
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
