/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file httpd/respond.h
 * @brief From a decision to what httpd, logs and people see of it.
 *
 * A refusal is announced before anyone knows whether it will be needed: mod_ssl and mod_authz_core answer 403
 * themselves, and only then is there an answer to dress. Announcing costs a few stores. The incident id, notes,
 * environment, headers and the log line are made when httpd begins to answer (certmap_respond_commit), and only then.
 */
#ifndef CERTMAP_HTTPD_RESPOND_H
#define CERTMAP_HTTPD_RESPOND_H

#include <httpd.h>
#include <http_config.h>

#include "certmap.h"
#include "config.h"
#include "peer.h"

/** Who says the 403 that was announced. */
typedef enum certmap_refusal_e {
    CERTMAP_REFUSAL_NONE,
    CERTMAP_REFUSAL_EARLY, /**< mod_ssl may, while it asks for a certificate */
    CERTMAP_REFUSAL_AUTHZ, /**< mod_authz_core may, because of Require */
    CERTMAP_REFUSAL_OURS   /**< we do */
} certmap_refusal_e;

/** What the module knows of one request. */
typedef struct certmap_request_t {
    /* the connection's certificate, when this request looked at it; record NULL: not yet, or nothing there */
    certmap_conn_t *conn;
    const certmap_tls_record_t *record;
    const certmap_peer_t *peer;
    certmap_reason_e wrong; /**< what is wrong with it: the verdict, and the dates now */
    /* what the mapping says under the configuration `evaluated` */
    const ap_conf_vector_t *evaluated;
    certmap_reason_e reason;
    const certmap_memo_t *memo;
    certmap_reason_e undecided;         /**< Require certmap-* was asked, and the mapping refuses: why */
    const ap_conf_vector_t *passed;     /**< checked and not refused under this configuration */
    const ap_conf_vector_t *authorized; /**< so far it came; a later configuration has to be checked anew */
    /* announced */
    certmap_refusal_e refusal;
    certmap_reason_e refusal_reason;
    const char *document; /**< CertMapErrorDocument for it, or NULL */
    int document_set;     /**< in httpd's slot for this request */
    int committed;
    const char *incident;
    const char *authorization; /**< the client's own header, before FakeBasicAuth may replace it */
    int user_set;              /**< r->user is the mapped user, set by us */
    int error_document;        /**< this request is the error document of a refusal of ours */
    const char *document_uri;  /**< as the configuration has translated it; NULL: not yet */
    int withheld;              /**< the certificate has failed: what answers must not go out (access.c) */
    int status;                /**< of what the request is an error document for, while it is withheld; or 0 */
    int interrupts;            /**< the refusal goes out while somebody else is answering */
    int routed;                /**< its path is normalized, or being so */
    int reported;              /**< report-only: logged */
} certmap_request_t;

/** The request's record, NULL when there is none. */
static inline certmap_request_t *certmap_request_if_any(const request_rec *r)
{
    return ap_get_module_config(r->request_config, &certmap_module);
}

/** The same, made when there is none. */
static inline certmap_request_t *certmap_request(request_rec *r)
{
    certmap_request_t *state = certmap_request_if_any(r);

    if (!state) {
        state = apr_pcalloc(r->pool, sizeof(*state));
        ap_set_module_config(r->request_config, &certmap_module, state);
    }
    return state;
}

/** Announces a refusal: sets the error document that fits the reason. Announcing again replaces. */
void certmap_respond_announce(request_rec *r, certmap_request_t *state, certmap_refusal_e who, certmap_reason_e reason);
/** Takes an announcement back. */
void certmap_respond_withdraw(request_rec *r, certmap_request_t *state);
/**
 * httpd answers with the status that was announced: log line, notes, environment, headers. Does it once.
 * @return 0 when the answer is somebody else's: nothing was announced, or mod_ssl did not say what was expected of it
 */
int certmap_respond_commit(request_rec *r, certmap_request_t *state);
/** The request is served for a mapped user, or for nobody (CertMap Optional): notes and environment. */
void certmap_respond_accept(request_rec *r, certmap_request_t *state);
/** The user is not the mapped one any more: what says who that was goes from notes and environment. */
void certmap_respond_forget(request_rec *r);
/** CertMapReportOnly: log line and notes of a refusal that does not happen. */
void certmap_respond_report(request_rec *r, certmap_request_t *state, certmap_reason_e reason);

/** An internal redirect begins: perhaps to the error document of a refusal, which is told of it then. */
void certmap_respond_redirected(request_rec *r);
/** httpd is about to write an error answer itself: dresses it, if it is a refusal of ours. */
void certmap_respond_error_answer(request_rec *r);

/** Registers what dresses the answer; access.c says when. */
void certmap_respond_register(apr_pool_t *p);

#endif
