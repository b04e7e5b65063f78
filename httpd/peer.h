/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file httpd/peer.h
 * @brief The client certificate of a connection as the engine sees it, and the decisions already made about it.
 */
#ifndef CERTMAP_HTTPD_PEER_H
#define CERTMAP_HTTPD_PEER_H

#include "certmap.h"
#include "links.h"
#include "tls.h"

/** The environment of a mapped request, which holds for a day (CERTMAP_DAYS_LEFT). */
typedef struct certmap_told_t {
    long days_left;
    apr_time_t first, last; /**< when so many days are left */
    apr_table_t *env;       /**< copied into requests, never changed */
} certmap_told_t;

/** A decision made for one list on one verification. Immutable except for `told` and `nearest`. */
typedef struct certmap_memo_t {
    const struct certmap_memo_t *next;
    certmap_link_t **links;          /**< the list it was made for, innermost first; NULL after the last */
    const apr_uint64_t *generations; /**< of the links */
    apr_size_t nlinks;
    certmap_strength_e min;
    certmap_decision_t decision; /**< outlives the generations it was made from; of rule only the name */
    const char *groups;          /**< the decision's groups joined by commas, or NULL */
    const certmap_told_t *told;  /**< of the last day asked for, or NULL; read atomically */
    const char *nearest;         /**< see certmap_peer_nearest; NULL: not asked yet; read atomically */
    apr_pool_t *pool;            /**< that it is in: the peer's, or a request's */
} certmap_memo_t;

/** A presented certificate and what one verification said of it. Immutable except for memos, which only ever grow. */
typedef struct certmap_peer_t {
    struct certmap_peer_t *older;
    const certmap_tls_record_t *record;
    const certmap_cert_t *cert;  /**< NULL: the view could not be made; nothing maps then */
    const char *not_after;       /**< ISO 8601 */
    const certmap_memo_t *memos; /**< newest first; read atomically */
    int nmemos;                  /**< under the connection's lock, as pool is */
    apr_pool_t *pool;
} certmap_peer_t;

/** Before there are connections.  @param p outlives all of them */
apr_status_t certmap_peer_prepare(apr_pool_t *p);

/** Makes the peer of a connection on which a certificate was presented, unless another thread has. */
const certmap_peer_t *certmap_peer_make(certmap_conn_t *conn);

/**
 * The peer of a TLS connection, made on first use. No lock is taken when it is there already.
 * @param conn from certmap_tls_conn, may be NULL
 * @return NULL when there is no TLS, no certificate was presented, or memory ran out (the caller refuses in any case)
 */
static inline const certmap_peer_t *certmap_peer(certmap_conn_t *conn)
{
    const certmap_tls_record_t *record = conn ? conn->record : NULL;
    const certmap_peer_t *peer;

    if (!record || !record->leaf) {
        return NULL;
    }
    peer = __atomic_load_n(&conn->peer, __ATOMIC_ACQUIRE);
    return peer && peer->record == record ? peer : certmap_peer_make(conn);
}

/** The decision, when it was made before on this connection and still holds; else NULL. Takes no lock. */
const certmap_memo_t *certmap_peer_recall(const certmap_peer_t *peer, const certmap_links_t *links,
                                          certmap_strength_e min, apr_time_t now);

/** Makes that decision and remembers it, unless another thread has in the meantime. */
const certmap_memo_t *certmap_peer_decide_anew(certmap_conn_t *conn, const certmap_peer_t *peer,
                                               const certmap_links_t *links, certmap_strength_e min, apr_time_t now,
                                               apr_pool_t *p);

/**
 * The decision on a peer by a list, from memory when it was made before on this connection. The caller has asked
 * certmap_cert_refusal for the same `now`: what is remembered outlives the certificate's dates.
 * @param p for a decision that is not remembered
 * @return NULL when the engine could not run; the caller refuses
 */
static inline const certmap_memo_t *certmap_peer_decide(certmap_conn_t *conn, const certmap_peer_t *peer,
                                                        const certmap_links_t *links, certmap_strength_e min,
                                                        apr_time_t now, apr_pool_t *p)
{
    const certmap_memo_t *memo = certmap_peer_recall(peer, links, min, now);

    return memo ? memo : certmap_peer_decide_anew(conn, peer, links, min, now, p);
}

/** Fills the environment of a memo; what is put into it lives in p or as long as the memo. */
typedef void certmap_tell_fn(const certmap_peer_t *peer, const certmap_memo_t *memo, certmap_told_t *told,
                             apr_pool_t *p);

/** For how many whole days from now the certificate, which there is, will be valid. */
long certmap_peer_days_left(const certmap_peer_t *peer, apr_time_t now);

/** Makes the environment of a memo, unless another thread has in the meantime. */
const certmap_told_t *certmap_peer_tell(certmap_conn_t *conn, const certmap_peer_t *peer, const certmap_memo_t *memo,
                                        apr_time_t now, certmap_tell_fn *tell);

/** The environment of a memo, made by tell on the first request of a day. */
static inline const certmap_told_t *certmap_peer_told(certmap_conn_t *conn, const certmap_peer_t *peer,
                                                      const certmap_memo_t *memo, apr_time_t now, certmap_tell_fn *tell)
{
    const certmap_told_t *told = __atomic_load_n(&memo->told, __ATOMIC_ACQUIRE);

    return told && now >= told->first && now <= told->last ? told : certmap_peer_tell(conn, peer, memo, now, tell);
}

/** Says in words which rule came nearest to a match; the text is in p. */
typedef const char *certmap_nearest_fn(const certmap_peer_t *peer, const certmap_links_t *links, apr_pool_t *p);

/** The nearest miss of a memo without a match, found by fn in the memo's own list the first time. */
const char *certmap_peer_nearest(certmap_conn_t *conn, const certmap_peer_t *peer, const certmap_memo_t *memo,
                                 certmap_nearest_fn *fn);

/** Frees what a connection gathered. */
void certmap_peer_closed(certmap_conn_t *conn);

#endif
