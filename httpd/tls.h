/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file httpd/tls.h
 * @brief What TLS found out about a connection's client certificate.
 *
 * tls.c, proof.c and trust.c are the only files that know what is in an SSL *. Everything else reads the record below,
 * which is written when a handshake ends (a failure: at once) and never changes afterwards; a later verification on
 * the same connection (renegotiation, post-handshake authentication) publishes a new one with a higher epoch.
 */
#ifndef CERTMAP_HTTPD_TLS_H
#define CERTMAP_HTTPD_TLS_H

#include <httpd.h>
#include <openssl/x509.h>

#include "certmap.h"
#include "config.h"

/** The outcome of one verification. Lives as long as the connection. */
typedef struct certmap_tls_record_t {
    apr_uint32_t epoch;        /**< from 1 */
    int deferred;              /**< the TLS virtual host defers errors: the guard watches this connection */
    const server_rec *server;  /**< whose handshake it was; NULL: not known */
    X509 *leaf;                /**< what the client presented; NULL: nothing */
    certmap_verdict_t verdict; /**< meaningful when leaf is set */
} certmap_tls_record_t;

/** Where other rooms keep what belongs to the TLS connection. */
typedef struct certmap_conn_t {
    const certmap_tls_record_t *record;  /**< of the last verification that has ended */
    const certmap_tls_record_t *pending; /**< verified, but the handshake has not ended; tls.c sets it */
    apr_uint32_t verifications;          /**< tls.c alone */
    const apr_pool_t *asking;            /**< of the request for which mod_ssl may be asking for a certificate;
                                                     tls.c alone */
    int dropped;                         /**< to be closed before the first request; tls.c alone */
    struct certmap_peer_t *peer;         /**< peer.c: views and decisions, newest first; read atomically */
    apr_thread_mutex_t *lock;            /**< writers of peer; readers take none */
    apr_abortfunc_t out_of_memory;       /**< httpd's, for pools that are not children of the connection's */
    request_rec *early;                  /**< asking.c: the request whose verification mod_ssl may be running */
} certmap_conn_t;

/** What belongs to a TLS connection, of an HTTP/2 stream's main connection too; NULL when it is not TLS. */
static inline certmap_conn_t *certmap_tls_conn(const conn_rec *c)
{
    return ap_get_module_config((c->master ? c->master : c)->conn_config, &certmap_module);
}

/** The record of the last verification; NULL when the connection is not TLS, or not under mod_ssl's and our eyes. */
static inline const certmap_tls_record_t *certmap_tls_record(const conn_rec *c)
{
    certmap_conn_t *conn = certmap_tls_conn(c);

    return conn ? conn->record : NULL;
}

/**
 * Whether the certificate was verified with other CAs, CRLs or responders than the virtual host of the request has.
 * mod_ssl answers most of these requests with 421 itself; where it has no SSLVHostSNIPolicy, or that is insecure, not
 * all.
 */
int certmap_tls_is_misdirected(const request_rec *r);
/** mod_ssl may ask for a certificate from now on, for r or the request that it is a part of. Not for streams. */
void certmap_tls_ask(const request_rec *r);
/**
 * For this request mod_ssl has done with renegotiation or post-handshake authentication, whatever came of it. A
 * certificate whose key was not shown by now counts as one with a bad signature. In the connection's own thread, and
 * not for streams; does nothing where another request asks now: one that ended earlier may be logged during
 * its handshake.
 */
void certmap_tls_settle_asked(const request_rec *r);

/** The same for any request, also where mod_ssl was not asking. */
static inline void certmap_tls_settle(const request_rec *r)
{
    if (!r->connection->master) {
        const certmap_conn_t *conn = certmap_tls_conn(r->connection);

        if (conn && (conn->asking || conn->pending)) {
            certmap_tls_settle_asked(r);
        }
    }
}

/** What other rooms want to hear about. */
typedef struct certmap_tls_listener_t {
    /** In the middle of a request's renegotiation or post-handshake authentication: there is a new record. */
    void (*verified)(request_rec *early);
    /** The connection ends; no stream of it runs any more. */
    void (*closed)(certmap_conn_t *conn);
} certmap_tls_listener_t;

/** Sets the listener. It must outlive the configuration. */
void certmap_tls_listen(const certmap_tls_listener_t *listener);

/** mod_ssl's hook init_server: prepares the SSL_CTX of a virtual host. */
int certmap_tls_init_server(server_rec *s, apr_pool_t *p, int is_proxy, SSL_CTX *ctx);
/** mod_ssl's hook pre_handshake: a connection begins. */
int certmap_tls_pre_handshake(conn_rec *c, SSL *ssl, int is_proxy);
/** Hook process_connection, after mod_ssl, which has finished the handshake there: closes what was dropped in it. */
int certmap_tls_drop(conn_rec *c);

#endif
