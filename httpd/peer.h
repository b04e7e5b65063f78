/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file httpd/peer.h
 * @brief The client certificate of a connection as the engine sees it, and the decisions already made about it.
 */
#ifndef CERTMAP_HTTPD_PEER_H
#define CERTMAP_HTTPD_PEER_H

#include "certmap.h"
#include "tls.h"

/** A decision made for one list on one verification. Immutable but for next, which is set before publication. */
typedef struct certmap_memo_t {
    const struct certmap_memo_t *next;
    const certmap_ruleset_t **rules;    /**< the list it was made for, innermost first */
    apr_size_t nrules;
    certmap_strength_e min;
    certmap_decision_t decision;
    const char *groups;                 /**< the decision's groups joined by commas, or NULL */
} certmap_memo_t;

/** A presented certificate and what one verification said of it. Immutable but for memos, which only ever grow. */
typedef struct certmap_peer_t {
    struct certmap_peer_t *older;
    const certmap_tls_record_t *record;
    const certmap_cert_t *cert;         /**< NULL: the view could not be made; nothing maps then */
    const char *not_after;              /**< ISO 8601 */
    const certmap_memo_t *memos;
    apr_pool_t *pool;                   /**< under the connection's lock */
} certmap_peer_t;

/**
 * The peer of a connection or HTTP/2 stream, made on first use. No lock is taken when it is there already.
 * @return NULL when there is no TLS, no certificate was presented, or memory ran out (the caller refuses in any case)
 */
const certmap_peer_t *certmap_peer(const conn_rec *c);

/**
 * The decision on a peer by a list, from memory when it was made before on this connection.
 * @return NULL when the engine could not run; the caller refuses
 */
const certmap_memo_t *certmap_peer_decide(const conn_rec *c, const certmap_peer_t *peer, const certmap_list_t *list,
                                          certmap_strength_e min, apr_time_t now);

/** Frees what a connection gathered. */
void certmap_peer_closed(certmap_conn_t *conn);

#endif
