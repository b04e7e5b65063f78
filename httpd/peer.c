/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A connection's certificate is viewed once and decided once for each list. HTTP/2 streams of one connection run in
 * parallel: readers follow published pointers without a lock, writers hold the connection's lock and publish only
 * what is complete. Everything lives in pools of its own, because a stream must not allocate from the main
 * connection's pool.
 */
#include "peer.h"

#include <apr_allocator.h>
#include <apr_strings.h>
#include <apr_thread_mutex.h>
#include <httpd.h>

/* A source that could not be asked is asked again, but not by every request. */
#define RETRY_AFTER apr_time_from_sec(1)

#define DAY apr_time_from_sec(86400)

/* The blocks that ended connections leave to new ones, in bytes. Given back to the system, each would be mapped again a
 * moment later, and every unmapping stops the other threads of the process. */
#define RECYCLED_MOST (1024 * 1024)

/* Of the pools of all peers; made before there are threads, and none before that. */
static apr_allocator_t *recycled;

static apr_status_t forget_recycled(void *unused)
{
    (void)unused;
    apr_allocator_destroy(recycled);
    recycled = NULL;
    return APR_SUCCESS;
}

apr_status_t certmap_peer_prepare(apr_pool_t *p)
{
    apr_allocator_t *allocator;
    apr_thread_mutex_t *lock;
    apr_status_t rv = apr_thread_mutex_create(&lock, APR_THREAD_MUTEX_DEFAULT, p);

    if (rv == APR_SUCCESS) {
        rv = apr_allocator_create(&allocator);
    }
    if (rv == APR_SUCCESS) {
        apr_allocator_mutex_set(allocator, lock);
        apr_allocator_max_free_set(allocator, RECYCLED_MOST);
        recycled = allocator;
        apr_pool_cleanup_register(p, NULL, forget_recycled, apr_pool_cleanup_null);
    }
    return rv;
}

/* Not before: a request may point to what was decided before its sub-requests renegotiated. tls.c makes sure that there
 * are not many. */
void certmap_peer_closed(certmap_conn_t *conn)
{
    certmap_peer_t *peer = conn->peer;

    conn->peer = NULL;
    while (peer) {
        certmap_peer_t *older = peer->older;

        apr_pool_destroy(peer->pool);
        peer = older;
    }
}

static certmap_peer_t *make_peer(const certmap_conn_t *conn, const certmap_tls_record_t *record, certmap_peer_t *older)
{
    apr_pool_t *pool;
    certmap_peer_t *peer;

    /* out of memory ends the process, as everywhere in httpd, rather than go on with half a decision */
    if (apr_pool_create_unmanaged_ex(&pool, conn->out_of_memory, recycled) != APR_SUCCESS) {
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
        peer->not_after = certmap_time_text(certmap_cert_not_after(peer->cert), CERTMAP_TIME_ISO, pool);
    }
    return peer;
}

const certmap_peer_t *certmap_peer_make(certmap_conn_t *conn)
{
    const certmap_tls_record_t *record = conn->record;
    certmap_peer_t *peer;

    apr_thread_mutex_lock(conn->lock);
    peer = conn->peer;
    if (!peer || peer->record != record) {
        peer = make_peer(conn, record, peer);
        if (peer) {
            __atomic_store_n(&conn->peer, peer, __ATOMIC_RELEASE);
        }
    }
    apr_thread_mutex_unlock(conn->lock);
    return peer;
}

static int made_for(const certmap_memo_t *memo, const certmap_links_t *links)
{
    certmap_link_t *const *link = memo->links;

    for (; links; links = links->outer, link++) {
        if (*link != links->link) { /* NULL at the end */
            return 0;
        }
    }
    return !*link;
}

static int is_current(const certmap_memo_t *memo, apr_time_t now)
{
    certmap_link_t *const *link = memo->links;
    const apr_uint64_t *generation = memo->generations;

    /* [promise parallel] */
    for (; *link; link++, generation++) {
        if (certmap_link_generation(*link) != *generation) {
            return 0;
        }
    }
    return !memo->decision.effect.expires || now < memo->decision.effect.expires;
}

/* Copies what a decision points to: the memo lives longer than the generations that it was made from. */
static void keep(certmap_memo_t *memo, apr_pool_t *pool)
{
    certmap_decision_t *d = &memo->decision;
    apr_array_header_t *groups = apr_array_make(pool, (int)d->effect.ngroups + 1, sizeof(const char *));
    apr_size_t i;

    if (d->rule) {
        certmap_rule_t *rule = apr_pcalloc(pool, sizeof(*rule));

        rule->name = apr_pstrdup(pool, d->rule->name);
        d->rule = rule;
    }
    d->effect.user = d->effect.user ? apr_pstrdup(pool, d->effect.user) : NULL;
    d->effect.note = d->effect.note ? apr_pstrdup(pool, d->effect.note) : NULL;
    d->source = d->source ? apr_pstrdup(pool, d->source) : NULL;
    d->detail = d->detail ? apr_pstrdup(pool, d->detail) : NULL;
    for (i = 0; i < d->effect.ngroups; i++) {
        APR_ARRAY_PUSH(groups, const char *) = apr_pstrdup(pool, d->effect.groups[i]);
    }
    d->effect.groups = (const char *const *)groups->elts;
    memo->groups = d->effect.ngroups ? apr_array_pstrcat(pool, groups, ',') : NULL;
}

static certmap_memo_t *make_memo(const certmap_peer_t *peer, const certmap_links_t *links, certmap_strength_e min,
                                 apr_time_t now, apr_pool_t *pool)
{
    certmap_question_t question = { .cert = peer->cert, .verdict = &peer->record->verdict, .min = min, .now = now };
    certmap_memo_t *memo = apr_pcalloc(pool, sizeof(*memo));
    const certmap_links_t *member;
    apr_uint64_t *generations;
    certmap_pinned_t pinned;
    apr_status_t rv;
    apr_size_t i;

    memo->nlinks = certmap_links_count(links);
    memo->links = apr_palloc(pool, sizeof(*memo->links) * (memo->nlinks + 1));
    generations = apr_palloc(pool, sizeof(*generations) * (memo->nlinks + 1));
    /* Before they are pinned: a change in between makes the memo look old, never new. */
    for (i = 0, member = links; member; i++, member = member->outer) {
        memo->links[i] = member->link;
        generations[i] = certmap_link_generation(member->link);
    }
    memo->links[i] = NULL;
    memo->generations = generations;
    memo->pool = pool;
    memo->min = min;
    certmap_links_pin(links, &pinned, pool);
    question.list = pinned.list;
    rv = pinned.incomplete ? APR_ENOENT : certmap_decide(&question, &memo->decision, pool);
    if (rv == APR_SUCCESS) {
        keep(memo, pool);
    }
    certmap_links_unpin(&pinned);
    return rv == APR_SUCCESS ? memo : NULL;
}

/* The newest memo of a list comes first; one that has run out is made again. */
const certmap_memo_t *certmap_peer_recall(const certmap_peer_t *peer, const certmap_links_t *links,
                                          certmap_strength_e min, apr_time_t now)
{
    const certmap_memo_t *memo;

    for (memo = __atomic_load_n(&peer->memos, __ATOMIC_ACQUIRE); memo; memo = memo->next) {
        if (memo->min == min && made_for(memo, links)) {
            return is_current(memo, now) ? memo : NULL;
        }
    }
    return NULL;
}

const certmap_memo_t *certmap_peer_decide_anew(certmap_conn_t *conn, const certmap_peer_t *peer,
                                               const certmap_links_t *links, certmap_strength_e min, apr_time_t now,
                                               apr_pool_t *p)
{
    certmap_peer_t *mine = (certmap_peer_t *)peer; /* only memos change, under the lock */
    const certmap_memo_t *memo;
    certmap_memo_t *made;

    apr_thread_mutex_lock(conn->lock);
    memo = certmap_peer_recall(peer, links, min, now);
    if (!memo && mine->nmemos < CERTMAP_MEMOS_MOST) {
        made = make_memo(peer, links, min, now, peer->pool);
        if (made) {
            if (made->decision.outcome == CERTMAP_UNDECIDED) {
                made->decision.effect.expires = now + RETRY_AFTER;
            }
            made->next = mine->memos;
            mine->nmemos++;
            __atomic_store_n(&mine->memos, made, __ATOMIC_RELEASE);
        }
        memo = made;
    }
    apr_thread_mutex_unlock(conn->lock);
    return memo ? memo : make_memo(peer, links, min, now, p);
}

long certmap_peer_days_left(const certmap_peer_t *peer, apr_time_t now)
{
    apr_time_t left = certmap_cert_not_after(peer->cert) - now;

    return left > 0 ? (long)(left / DAY) : 0;
}

static certmap_told_t *make_told(const certmap_peer_t *peer, const certmap_memo_t *memo, apr_time_t now,
                                 certmap_tell_fn *tell)
{
    certmap_told_t *told = apr_pcalloc(memo->pool, sizeof(*told));
    apr_time_t end = certmap_cert_not_after(peer->cert);

    told->days_left = certmap_peer_days_left(peer, now);
    told->first = end - (told->days_left + 1) * DAY + 1;
    told->last = told->days_left ? end - told->days_left * DAY : APR_INT64_MAX;
    told->env = apr_table_make(memo->pool, 8);
    tell(peer, memo, told, memo->pool);
    return told;
}

const certmap_told_t *certmap_peer_tell(certmap_conn_t *conn, const certmap_peer_t *peer, const certmap_memo_t *memo,
                                        apr_time_t now, certmap_tell_fn *tell)
{
    certmap_memo_t *mine = (certmap_memo_t *)memo; /* only `told` changes, under the lock */
    const certmap_told_t *told;

    apr_thread_mutex_lock(conn->lock);
    told = mine->told;
    if (!told || now < told->first || now > told->last) {
        told = make_told(peer, memo, now, tell);
        __atomic_store_n(&mine->told, told, __ATOMIC_RELEASE);
    }
    apr_thread_mutex_unlock(conn->lock);
    return told;
}

/* The list that a memo was made for; NULL for an empty one. */
static const certmap_links_t *links_of(const certmap_memo_t *memo, apr_pool_t *p)
{
    certmap_links_t *links = apr_palloc(p, sizeof(*links) * (memo->nlinks + 1));
    apr_size_t i;

    for (i = 0; i < memo->nlinks; i++) {
        links[i].link = memo->links[i];
        links[i].outer = i + 1 < memo->nlinks ? &links[i + 1] : NULL;
    }
    return memo->nlinks ? links : NULL;
}

const char *certmap_peer_nearest(certmap_conn_t *conn, const certmap_peer_t *peer, const certmap_memo_t *memo,
                                 certmap_nearest_fn *fn)
{
    certmap_memo_t *mine = (certmap_memo_t *)memo; /* only nearest changes, under the lock */
    const char *text = __atomic_load_n(&memo->nearest, __ATOMIC_ACQUIRE);

    if (text) {
        return text;
    }
    apr_thread_mutex_lock(conn->lock);
    text = mine->nearest;
    if (!text) {
        text = fn(peer, links_of(memo, memo->pool), memo->pool);
        __atomic_store_n(&mine->nearest, text, __ATOMIC_RELEASE);
    }
    apr_thread_mutex_unlock(conn->lock);
    return text;
}
