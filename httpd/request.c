/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a request finds out about its certificate: whether there is one, what is wrong with it, and to which user it
 * maps.
 */
#include "request.h"

#include <http_log.h>

#include "tls.h"

APLOG_USE_MODULE(certmap);

static inline void read_certificate(const request_rec *r, certmap_request_t *state)
{
    state->conn = certmap_tls_conn(r->connection);
    state->record = state->conn ? state->conn->record : NULL;
    state->peer = certmap_peer(state->conn);
    state->wrong = !state->record || !state->record->leaf
                       ? CERTMAP_R_NONE
                       : certmap_cert_refusal(state->peer ? state->peer->cert : NULL, &state->record->verdict,
                                              r->request_time);
}

void certmap_request_read(request_rec *r, certmap_request_t *state)
{
    read_certificate(r, state);
}

certmap_reason_e certmap_request_missing(const request_rec *r, const certmap_request_t *state)
{
    /* [promise no-crash] */
    if (!state->conn) {
        return CERTMAP_R_SSL_REQUIRED;
    }
    if (!state->record || !state->record->leaf) {
        return apr_table_get(r->notes, "ssl-renegotiate-forbidden") ? CERTMAP_R_CERTIFICATE_NOT_REQUESTABLE
                                                                    : CERTMAP_R_CERTIFICATE_MISSING;
    }
    return CERTMAP_R_NONE;
}

/* The first request that asks this of the connection. Kept apart: those that follow need none of it. */
static __attribute__((noinline)) const certmap_memo_t *decide(request_rec *r, const certmap_dir_conf_t *conf,
                                                              const certmap_request_t *state)
{
    const certmap_memo_t *memo;
    const request_rec *top;

    for (top = r; top->main; top = top->main) {
        /* what a sub-request is refused with may be reported by the main one */
    }
    memo = certmap_peer_decide_anew(state->conn, state->peer, certmap_conf_links(conf, r->pool),
                                    certmap_conf_min_strength(conf), r->request_time, top->pool);
    if (!memo) {
        ap_log_rerror(APLOG_MARK, APLOG_ERR, 0, r, "certmap: the decision could not be made (out of memory?)");
    }
    return memo;
}

static certmap_reason_e map(request_rec *r, const certmap_dir_conf_t *conf, certmap_request_t *state)
{
    certmap_reason_e reason;

    state->memo = NULL;
    if (!state->record) {
        read_certificate(r, state);
    }
    reason = certmap_request_missing(r, state);
    if (reason != CERTMAP_R_NONE) {
        return reason;
    }
    if (state->wrong != CERTMAP_R_NONE) {
        return state->wrong;
    }
    state->memo = certmap_peer_recall(state->peer, certmap_conf_links(conf, r->pool), certmap_conf_min_strength(conf),
                                      r->request_time);
    if (!state->memo) {
        state->memo = decide(r, conf, state);
    }
    if (!state->memo) {
        return CERTMAP_R_NO_MATCH;
    }
    /* [promise no-user] */
    if (state->memo->decision.outcome == CERTMAP_MAPPED && state->memo->decision.effect.user) {
        return CERTMAP_R_NONE;
    }
    return state->memo->decision.reason != CERTMAP_R_NONE ? state->memo->decision.reason : CERTMAP_R_NO_MATCH;
}

void certmap_request_map(request_rec *r, const certmap_dir_conf_t *conf, certmap_request_t *state)
{
    state->reason = map(r, conf, state);
    state->undecided = CERTMAP_R_NONE;
    state->evaluated = r->per_dir_config;
}
