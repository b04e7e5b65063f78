/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A connection's certificate is viewed once and decided once for each list. HTTP/2 streams of one connection run in
 * parallel: readers follow published pointers without a lock, writers hold the connection's lock and publish only
 * what is complete. Everything lives in pools of its own, because a stream must not allocate from the main
 * connection's pool.
 */
#include "peer.h"

#include <apr_strings.h>
#include <httpd.h>

static void free_peers(certmap_peer_t *peer)
{
    while (peer) {
        certmap_peer_t *older = peer->older;

        apr_pool_destroy(peer->pool);
        peer = older;
    }
}

void certmap_peer_closed(certmap_conn_t *conn)
{
    free_peers(conn->peer);
    conn->peer = NULL;
}

/* Only HTTP/1 connections verify more than once, and they run one request at a time, which may still hold what was
 * decided just before its renegotiation. What is older than that nobody can see any more. */
static void forget_older(certmap_peer_t *peer)
{
    if (peer->older) {
        free_peers(peer->older->older);
        peer->older->older = NULL;
    }
}

static certmap_peer_t *make_peer(const certmap_tls_record_t *record, certmap_peer_t *older)
{
    apr_pool_t *pool;
    certmap_peer_t *peer;
    char *text;

    if (apr_pool_create_unmanaged_ex(&pool, NULL, NULL) != APR_SUCCESS) {
        return NULL;
    }
    peer = apr_pcalloc(pool, sizeof(*peer));
    peer->pool = pool;
    peer->record = record;
    peer->older = older;
    if (certmap_cert_create(record->leaf, &peer->cert, pool) != APR_SUCCESS) {
        peer->cert = NULL;
    }
    else {
        apr_time_exp_t tm;
        apr_size_t len = 0;

        text = apr_palloc(pool, 32);
        if (apr_time_exp_gmt(&tm, certmap_cert_not_after(peer->cert)) == APR_SUCCESS
            && apr_strftime(text, &len, 32, "%Y-%m-%dT%H:%M:%SZ", &tm) == APR_SUCCESS) {
            peer->not_after = text;
        }
    }
    return peer;
}

const certmap_peer_t *certmap_peer(certmap_conn_t *conn)
{
    const certmap_tls_record_t *record = conn ? conn->record : NULL;
    certmap_peer_t *peer;

    if (!record || !record->leaf) {
        return NULL;
    }
    peer = __atomic_load_n(&conn->peer, __ATOMIC_ACQUIRE);
    if (peer && peer->record == record) {
        return peer;
    }
    apr_thread_mutex_lock(conn->lock);
    peer = conn->peer;
    if (!peer || peer->record != record) {
        peer = make_peer(record, peer);
        if (peer) {
            forget_older(peer);
            __atomic_store_n(&conn->peer, peer, __ATOMIC_RELEASE);
        }
    }
    apr_thread_mutex_unlock(conn->lock);
    return peer;
}

static int made_for(const certmap_memo_t *memo, const certmap_list_t *list)
{
    apr_size_t i;

    for (i = 0; i < memo->nrules && list; i++, list = list->outer) {
        if (memo->rules[i] != list->rules) {
            return 0;
        }
    }
    return i == memo->nrules && !list;
}

static const certmap_memo_t *find_memo(const certmap_memo_t *memo, const certmap_list_t *list, certmap_strength_e min,
                                       apr_time_t now)
{
    for (; memo; memo = memo->next) {
        if (memo->min == min && made_for(memo, list)) {
            /* the newest one comes first; one that has run out is made anew */
            return !memo->decision.until || now < memo->decision.until ? memo : NULL;
        }
    }
    return NULL;
}

static certmap_memo_t *make_memo(const certmap_peer_t *peer, const certmap_list_t *list, certmap_strength_e min,
                                 apr_time_t now)
{
    apr_pool_t *pool = peer->pool;
    certmap_memo_t *memo = apr_pcalloc(pool, sizeof(*memo));
    const certmap_list_t *l;
    apr_size_t i;

    for (l = list; l; l = l->outer) {
        memo->nrules++;
    }
    memo->rules = apr_palloc(pool, sizeof(*memo->rules) * (memo->nrules + 1));
    for (l = list, i = 0; l; l = l->outer) {
        memo->rules[i++] = l->rules;
    }
    memo->min = min;
    if (certmap_decide(list, peer->cert, &peer->record->verdict, min, now, &memo->decision, pool) != APR_SUCCESS) {
        return NULL;
    }
    for (i = 0; i < memo->decision.ngroups; i++) {
        memo->groups = memo->groups ? apr_pstrcat(pool, memo->groups, ",", memo->decision.groups[i], NULL)
                                    : memo->decision.groups[i];
    }
    return memo;
}

const certmap_memo_t *certmap_peer_decide(certmap_conn_t *conn, const certmap_peer_t *peer, const certmap_list_t *list,
                                          certmap_strength_e min, apr_time_t now)
{
    certmap_peer_t *mine = (certmap_peer_t *)peer;      /* only memos change, under the lock */
    const certmap_memo_t *memo = find_memo(__atomic_load_n(&peer->memos, __ATOMIC_ACQUIRE), list, min, now);
    certmap_memo_t *made;

    if (memo) {
        return memo;
    }
    apr_thread_mutex_lock(conn->lock);
    memo = find_memo(mine->memos, list, min, now);
    if (!memo) {
        made = make_memo(peer, list, min, now);
        if (made) {
            made->next = mine->memos;
            __atomic_store_n(&mine->memos, made, __ATOMIC_RELEASE);
        }
        memo = made;
    }
    apr_thread_mutex_unlock(conn->lock);
    return memo;
}

const certmap_told_t *certmap_peer_told(certmap_conn_t *conn, const certmap_peer_t *peer, const certmap_memo_t *memo,
                                        long days_left, certmap_tell_fn *tell)
{
    certmap_memo_t *mine = (certmap_memo_t *)memo;      /* only told changes, under the lock */
    const certmap_told_t *told = __atomic_load_n(&memo->told, __ATOMIC_ACQUIRE);
    certmap_told_t *made;

    if (told && told->days_left == days_left) {
        return told;
    }
    apr_thread_mutex_lock(conn->lock);
    told = mine->told;
    if (!told || told->days_left != days_left) {
        made = apr_pcalloc(peer->pool, sizeof(*made));
        made->days_left = days_left;
        made->env = apr_table_make(peer->pool, 8);
        tell(peer, memo, made, peer->pool);
        __atomic_store_n(&mine->told, made, __ATOMIC_RELEASE);
        told = made;
    }
    apr_thread_mutex_unlock(conn->lock);
    return told;
}
