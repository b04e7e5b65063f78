/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file httpd/request.h
 * @brief What the module knows of one request: the certificate, the user that it maps to, and the refusal that may
 * follow.
 */
#ifndef CERTMAP_HTTPD_REQUEST_H
#define CERTMAP_HTTPD_REQUEST_H

#include <httpd.h>
#include <http_config.h>

#include "certmap.h"
#include "config.h"
#include "peer.h"

/** What sends the 403 that was announced. */
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
    certmap_reason_e wrong; /**< what refuses it before the list is asked, by its dates now */
    /* what the mapping says under the configuration `evaluated` */
    const ap_conf_vector_t *evaluated;
    certmap_reason_e reason;
    const certmap_memo_t *memo;
    certmap_reason_e undecided;         /**< Require certmap-* was asked, and the mapping refuses: why */
    const ap_conf_vector_t *passed;     /**< checked and not refused under this configuration */
    const ap_conf_vector_t *authorized; /**< so far it came; a later configuration has to be checked again */
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
    int withheld;              /**< the certificate has failed: what answers must not go out (guard.c) */
    int status;                /**< of what the request is an error document for, while it is withheld; or 0 */
    int interrupts;            /**< the refusal goes out while somebody else is answering */
    int routed;                /**< its path is normalized, or being so */
    int reported;              /**< report-only: logged */
    int nobody;                /**< Require is asked as if nobody had been mapped (denial.c) */
    const ap_conf_vector_t *asked_for_all; /**< under which configuration it was */
    int for_all;                           /**< what it answered */
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

/** Looks at the connection's certificate; certmap_request_look does so once for a request. */
void certmap_request_read(request_rec *r, certmap_request_t *state);

/** Fills in conn, record, peer and wrong, unless that was done and the certificate cannot have changed since. */
static inline void certmap_request_look(request_rec *r, certmap_request_t *state)
{
    if (!state->record) {
        certmap_request_read(r, state);
    }
}

/** What takes the certificate's proof away, so that it matters where nobody is mapped, too; CERTMAP_R_NONE: nothing, or
 *  there is no certificate. The request has been looked at. */
static inline certmap_reason_e certmap_request_unproved(const certmap_request_t *state)
{
    return state->wrong != CERTMAP_R_NONE
                   && certmap_cert_unproved(state->wrong, state->peer ? state->peer->cert : NULL,
                                            &state->record->verdict)
               ? state->wrong
               : CERTMAP_R_NONE;
}

/** Why there is no certificate to speak of, or CERTMAP_R_NONE. The request has been looked at. */
certmap_reason_e certmap_request_missing(const request_rec *r, const certmap_request_t *state);
/** Fills in reason and memo under the request's configuration, whatever was known before. */
void certmap_request_map(request_rec *r, const certmap_dir_conf_t *conf, certmap_request_t *state);

/** Once for a request and configuration; httpd may change the configuration under a request (DirectoryIndex). */
static inline certmap_request_t *certmap_request_evaluate(request_rec *r, const certmap_dir_conf_t *conf)
{
    certmap_request_t *state = certmap_request(r);

    if (state->evaluated != r->per_dir_config) {
        certmap_request_map(r, conf, state);
    }
    return state;
}

/** The question has to be asked again. */
static inline void certmap_request_forget_mapping(certmap_request_t *state)
{
    state->memo = NULL;
    state->evaluated = NULL;
}

/** CertMap Optional continues without a user only where nobody can be wronged by it. */
static inline int certmap_request_goes_on(certmap_reason_e reason)
{
    return reason == CERTMAP_R_SSL_REQUIRED || reason == CERTMAP_R_CERTIFICATE_MISSING
           || reason == CERTMAP_R_CERTIFICATE_NOT_REQUESTABLE || reason == CERTMAP_R_NO_MATCH;
}

#endif
