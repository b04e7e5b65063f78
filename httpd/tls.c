/* SPDX-License-Identifier: Apache-2.0 */
/*
 * TLS: lets a handshake finish although the client's certificate failed verification (CertMapDeferErrors), remembers
 * the verdict, keeps failed sessions from being resumed by anyone, and makes good sessions carry the proof that they
 * were verified. docs/internals.md says why each step is as it is.
 */
#include "tls.h"

#include <apr_hash.h>
#include <apr_strings.h>
#include <http_log.h>
#include <mpm_common.h>
#include <openssl/rand.h>
#include <openssl/ssl.h>
#include <openssl/x509_vfy.h>

#include "config.h"
#include "proof.h"
#include "trust.h"

APLOG_USE_MODULE(certmap);

typedef SSL_SESSION *get_session_fn(SSL *ssl, const unsigned char *id, int len, int *copy);
typedef void info_fn(const SSL *ssl, int where, int ret);

/** What verification needs to know about one virtual host's SSL_CTX; made at start-up, read-only afterwards. */
typedef struct tls_server_t {
    server_rec *s;
    int defer;
    int provable; /**< settings could be digested */
    certmap_trust_digest_t settings;
    certmap_trust_digest_t trust;
    get_session_fn *get_session; /**< mod_ssl's own, from the session cache */
    info_fn *info;               /**< mod_ssl's own */
} tls_server_t;

/** One run of X509_verify_cert. */
typedef struct verification_t {
    int (*theirs)(int ok, X509_STORE_CTX *ctx); /**< mod_ssl's callback */
    SSL *ssl;
    const tls_server_t *server;
    int failed;
    int x509_err;             /**< the context's error when mod_ssl was last asked */
    apr_uint64_t missing_crl; /**< bit n: the certificate at depth n has no CRL, and mod_ssl does not know yet */
    certmap_verdict_t verdict;
} verification_t;

static const certmap_tls_listener_t *listener;
/* SSL_CTX* to tls_server_t*; filled while the configuration is read by one thread, only read afterwards. */
static apr_hash_t *servers;
static int verification_idx = -1;

static const tls_server_t *server_of(const SSL *ssl)
{
    SSL_CTX *ctx = SSL_get_SSL_CTX(ssl);

    return servers ? apr_hash_get(servers, &ctx, sizeof(ctx)) : NULL;
}

/* ---- records ------------------------------------------------------------------------------------------------- */

static apr_status_t free_leaf(void *leaf)
{
    X509_free(leaf);
    return APR_SUCCESS;
}

/* @return NULL when the certificate cannot be held: the guard could not decide, so the connection ends */
static const certmap_tls_record_t *make_record(conn_rec *c, certmap_conn_t *conn, const tls_server_t *server,
                                               X509 *leaf, const certmap_verdict_t *verdict)
{
    certmap_tls_record_t *record = apr_pcalloc(c->pool, sizeof(*record));

    record->epoch = ++conn->verifications;
    if (record->epoch >= CERTMAP_VERIFICATIONS_MOST) {
        c->keepalive = AP_CONN_CLOSE;
    }
    record->deferred = server && server->defer;
    record->server = server ? server->s : NULL;
    record->verdict = *verdict;
    if (verdict->nchain) {
        record->verdict.chain = apr_pmemdup(c->pool, verdict->chain, verdict->nchain * sizeof(*verdict->chain));
    }
    if (leaf && X509_up_ref(leaf)) {
        record->leaf = leaf;
        apr_pool_cleanup_register(c->pool, leaf, free_leaf, apr_pool_cleanup_null);
    }
    else if (leaf) {
        c->aborted = 1;
        return NULL;
    }
    return record;
}

/* Runs in the thread that handles the connection; HTTP/2 streams only ever read what was published before they began.
 * */
static void publish(certmap_conn_t *conn, const certmap_tls_record_t *record)
{
    conn->pending = NULL;
    if (record) {
        conn->record = record;
        if (conn->early) {
            listener->verified(conn->early);
        }
    }
}

int certmap_tls_is_misdirected(const request_rec *r)
{
    const certmap_tls_record_t *record = certmap_tls_record(r->connection);
    const unsigned char *here, *there;

    if (!record || !record->leaf || record->server == r->server) {
        return 0;
    }
    here = certmap_srv_conf(r->server)->trust;
    there = record->server ? certmap_srv_conf(record->server)->trust : NULL;
    /* [promise same-trust] */
    return !here || !there || memcmp(here, there, sizeof(certmap_trust_digest_t)) != 0;
}

/* Stands for a request: its redirects have the same pool, its parts are found by it. */
static const apr_pool_t *top_pool(const request_rec *r)
{
    while (r->main) {
        r = r->main;
    }
    return r->pool;
}

void certmap_tls_ask(const request_rec *r)
{
    certmap_tls_conn(r->connection)->asking = top_pool(r);
}

void certmap_tls_settle_asked(const request_rec *r)
{
    conn_rec *c = r->connection;
    certmap_conn_t *conn = certmap_tls_conn(c);
    certmap_tls_record_t *record;

    if (conn->asking && conn->asking != top_pool(r)) {
        return;
    }
    conn->asking = NULL;
    if (!conn->pending) {
        return;
    }
    record = apr_pmemdup(c->pool, conn->pending, sizeof(*record));
    memset(&record->verdict, 0, sizeof(record->verdict));
    certmap_verdict_add(&record->verdict, X509_V_ERR_CERT_SIGNATURE_FAILURE, 0);
    c->keepalive = AP_CONN_CLOSE;
    publish(conn, record);
}

/* ---- verification -------------------------------------------------------------------------------------------- */

/* The session of a failed verification must never be resumed, here or anywhere that shares the ticket key or the cache:
 * a session id context that no server has makes OpenSSL refuse it. */
static int poison_session(SSL *ssl)
{
    unsigned char random[16];
    SSL_SESSION *session = SSL_get_session(ssl);

    /* [promise no-resumption] */
    return session && RAND_bytes(random, sizeof(random)) == 1
           && SSL_SESSION_set1_id_context(session, random, sizeof(random)) == 1;
}

static void record_failure(verification_t *v, int x509_err, int depth)
{
    certmap_verdict_add(&v->verdict, x509_err, depth);
    v->failed = 1;
}

/*
 * A missing CRL comes up before OpenSSL has checked a signature. With no_crl_for_cert_ok mod_ssl turns it into success
 * and asks the OCSP responder that the certificate names, there and then: a forged certificate would make httpd send
 * requests, and mod_ssl crashes, because the context has no issuer yet. So mod_ssl is called when the signature has
 * held.
 */
static int put_off_missing_crl(verification_t *v, X509_STORE_CTX *ctx, int depth)
{
    if (depth < 0 || depth >= CERTMAP_MISSING_CRL_DEPTHS) {
        return 0;
    }
    v->missing_crl |= (apr_uint64_t)1 << depth;
    X509_STORE_CTX_set_error(ctx, v->x509_err);
    return 1;
}

static int was_put_off(verification_t *v, int depth)
{
    apr_uint64_t bit = depth < 0 || depth >= CERTMAP_MISSING_CRL_DEPTHS ? 0 : (apr_uint64_t)1 << depth;

    if (!(v->missing_crl & bit)) {
        return 0;
    }
    v->missing_crl &= ~bit;
    return 1;
}

/* Comes between X509_verify_cert and mod_ssl's callback: mod_ssl sees every error and logs it, and we keep the
 * cause. */
static int verify_step(int ok, X509_STORE_CTX *ctx)
{
    verification_t *v = X509_STORE_CTX_get_ex_data(ctx, verification_idx);
    int before = X509_STORE_CTX_get_error(ctx);
    int depth = X509_STORE_CTX_get_error_depth(ctx);
    int answer, after;

    if (ok && v->failed && v->server->defer) {
        return 1;
    }
    /* [promise ocsp-late] */
    if (!ok && before == X509_V_ERR_UNABLE_TO_GET_CRL && put_off_missing_crl(v, ctx, depth)) {
        return 1;
    }
    if (ok && was_put_off(v, depth)) {
        ok = 0;
        before = X509_V_ERR_UNABLE_TO_GET_CRL;
        X509_STORE_CTX_set_error(ctx, before);
    }
    answer = v->theirs ? v->theirs(ok, ctx) : ok;
    after = v->x509_err = X509_STORE_CTX_get_error(ctx);
    if (answer && after == X509_V_OK) {
        return 1;
    }
    /* ok before: what mod_ssl found itself (OCSP); not ok before: what OpenSSL found, whatever mod_ssl made of it */
    if (!ok) {
        record_failure(v, before, depth);
    }
    else {
        record_failure(v, after != X509_V_OK ? after : X509_V_ERR_CERT_CHAIN_TOO_LONG, depth);
    }
    return v->server->defer ? 1 : answer;
}

/* @return 0 when there is no telling: rules that deny by the chain would not bite then */
static int digest_chain(X509_STORE_CTX *ctx, unsigned char (*digests)[32], apr_size_t most, apr_size_t *used)
{
    STACK_OF(X509) *chain = X509_STORE_CTX_get0_chain(ctx);
    int i, n = chain ? sk_X509_num(chain) : 0;

    if (n < 1 || n > (int)most) {
        return 0;
    }
    for (i = 1; i < n; i++) {
        unsigned int len = sizeof(*digests);

        if (!X509_digest(sk_X509_value(chain, i), EVP_sha256(), digests[i - 1], &len)) {
            return 0;
        }
    }
    *used = (apr_size_t)n - 1;
    return 1;
}

static int verify_certificate(X509_STORE_CTX *ctx, void *server)
{
    unsigned char chain[CERTMAP_CHAIN_MOST][32];
    verification_t v = { 0 };
    const certmap_tls_record_t *record;
    conn_rec *c;
    certmap_conn_t *conn;
    int rv;

    v.ssl = X509_STORE_CTX_get_ex_data(ctx, SSL_get_ex_data_X509_STORE_CTX_idx());
    v.server = server;
    c = v.ssl ? SSL_get_app_data(v.ssl) : NULL;
    conn = c ? certmap_tls_conn(c) : NULL;
    if (!conn || !X509_STORE_CTX_set_ex_data(ctx, verification_idx, &v)) {
        X509_STORE_CTX_set_error(ctx, X509_V_ERR_OUT_OF_MEM);
        return 0;
    }
    if (conn->record && !conn->asking) {
        /* An answer that came late, after the next request's first bytes. mod_ssl would look for the request that
         * asked, which is gone. */
        X509_STORE_CTX_set_error(ctx, X509_V_ERR_UNSPECIFIED);
        return 0;
    }
    v.theirs = SSL_get_verify_callback(v.ssl);
    X509_STORE_CTX_set_verify_cb(ctx, verify_step);
    rv = X509_verify_cert(ctx);
    if (rv > 0 && v.missing_crl && !(v.failed && v.server->defer)) {
        /* OpenSSL never came back to it: mod_ssl does not know, and nobody has refused */
        X509_STORE_CTX_set_error(ctx, X509_V_ERR_UNABLE_TO_GET_CRL);
        return 0;
    }
    if (rv <= 0 && !v.failed) {
        /* OpenSSL could not even try (out of memory), and mod_ssl knows nothing of it: no connection */
        return rv;
    }
    if (!v.failed) {
        if (!digest_chain(ctx, chain, sizeof(chain) / sizeof(chain[0]), &v.verdict.nchain)) {
            X509_STORE_CTX_set_error(ctx, X509_V_ERR_UNSPECIFIED);
            return 0;
        }
        v.verdict.chain = (const unsigned char(*)[32])chain;
        if (v.server->provable) {
            certmap_proof_write(SSL_get_session(v.ssl), &v.server->settings, apr_time_now(), v.verdict.chain,
                                v.verdict.nchain);
        }
    }
    else if (!poison_session(v.ssl)) {
        /* without the poison the session could come back as a good one: no connection then */
        X509_STORE_CTX_set_error(ctx, X509_V_ERR_UNSPECIFIED);
        return 0;
    }
    record = make_record(c, conn, v.server, X509_STORE_CTX_get0_cert(ctx), &v.verdict);
    if (!record) {
        X509_STORE_CTX_set_error(ctx, X509_V_ERR_OUT_OF_MEM);
        return 0;
    }
    if (v.failed) {
        publish(conn, record);
    }
    else {
        /* [promise proof-of-key] */
        conn->pending = record; /* whose certificate it is has yet to be shown, with the key */
    }
    if (v.failed && v.server->defer) {
        /* one of the five codes that mod_ssl lets pass under optional_no_ca; it reports FAILED with its own text */
        X509_STORE_CTX_set_error(ctx, X509_V_ERR_CERT_UNTRUSTED);
        return 1;
    }
    return rv;
}

/* ---- resumption ---------------------------------------------------------------------------------------------- */

static int may_resume(SSL *ssl, SSL_SESSION *session)
{
    const tls_server_t *server = server_of(ssl);

    if (!SSL_SESSION_get0_peer(session)) {
        return 1; /* nobody was authenticated, so nobody can be mistaken */
    }
    return server && server->provable
           && certmap_proof_holds(session, &server->settings, apr_time_now(), SSL_CTX_get_timeout(SSL_get_SSL_CTX(ssl)),
                                  NULL, NULL);
}

/* OpenSSL asks the first virtual host's SSL_CTX of an address; by then mod_ssl has set the right one for ssl. */
static SSL_TICKET_RETURN ticket_decrypted(SSL *ssl, SSL_SESSION *session, const unsigned char *key_name,
                                          size_t key_name_len, SSL_TICKET_STATUS status, void *baton)
{
    (void)key_name;
    (void)key_name_len;
    (void)baton;
    if (status != SSL_TICKET_SUCCESS && status != SSL_TICKET_SUCCESS_RENEW) {
        return SSL_TICKET_RETURN_IGNORE_RENEW;
    }
    if (!may_resume(ssl, session)) {
        return SSL_TICKET_RETURN_IGNORE_RENEW;
    }
    return status == SSL_TICKET_SUCCESS ? SSL_TICKET_RETURN_USE : SSL_TICKET_RETURN_USE_RENEW;
}

/* Sessions by id come from mod_ssl's cache and bypass the ticket callback; one that does not hold is not found. */
static SSL_SESSION *get_session(SSL *ssl, const unsigned char *id, int len, int *copy)
{
    const tls_server_t *server = server_of(ssl);
    SSL_SESSION *session = server && server->get_session ? server->get_session(ssl, id, len, copy) : NULL;

    if (session && !may_resume(ssl, session)) {
        if (!*copy) {
            SSL_SESSION_free(session);
        }
        return NULL;
    }
    return session;
}

/* ---- connections --------------------------------------------------------------------------------------------- */

static apr_status_t close_conn(void *conn)
{
    listener->closed(conn);
    return APR_SUCCESS;
}

int certmap_tls_pre_handshake(conn_rec *c, SSL *ssl, int is_proxy)
{
    certmap_conn_t *conn;

    (void)ssl;
    if (is_proxy || c->master) {
        return OK;
    }
    conn = apr_pcalloc(c->pool, sizeof(*conn));
    if (apr_thread_mutex_create(&conn->lock, APR_THREAD_MUTEX_DEFAULT, c->pool) != APR_SUCCESS) {
        return HTTP_INTERNAL_SERVER_ERROR;
    }
    conn->out_of_memory = apr_pool_abort_get(c->pool);
    apr_pool_cleanup_register(c->pool, conn, close_conn, apr_pool_cleanup_null);
    ap_set_module_config(c->conn_config, &certmap_module, conn);
    return OK;
}

static void capture_resumed(conn_rec *c, certmap_conn_t *conn, const SSL *ssl, const tls_server_t *server, X509 *leaf)
{
    certmap_verdict_t verdict = { 0 };

    if (!server || !server->provable
        || !certmap_proof_holds(SSL_get_session(ssl), &server->settings, apr_time_now(),
                                SSL_CTX_get_timeout(SSL_get_SSL_CTX(ssl)), &verdict.chain, &verdict.nchain)) {
        /* The callbacks above let no such session through. Should another cache have done so: forget it, and close, so
         * that the client's next attempt is verified. */
        ap_log_cerror(APLOG_MARK, APLOG_INFO, 0, c,
                      "certmap: a resumed TLS session without proof of verification "
                      "was dropped");
        SSL_CTX_remove_session(SSL_get_SSL_CTX(ssl), SSL_get_session(ssl));
        memset(&verdict, 0, sizeof(verdict));
        certmap_verdict_add(&verdict, X509_V_ERR_UNSPECIFIED, 0);
        conn->dropped = 1;
    }
    publish(conn, make_record(c, conn, server, leaf, &verdict));
}

/*
 * A handshake has ended, with a certificate or without: a client that sent one has shown the key that belongs to it.
 * Until then a certificate that verified is anybody's, and mod_ssl continues with a request whose post-handshake
 * authentication broke off there. OpenSSL also reports key updates and requests to begin one; then there is nothing to
 * do.
 */
static void handshake_ended(const SSL *ssl, const tls_server_t *server)
{
    conn_rec *c = SSL_get_app_data(ssl);
    certmap_conn_t *conn = c && !c->master ? certmap_tls_conn(c) : NULL;
    certmap_verdict_t verdict = { 0 };
    X509 *leaf;

    if (!conn) {
        return;
    }
    /* [promise proof-of-key] */
    if (conn->pending) {
        publish(conn, conn->pending);
        return;
    }
    if (conn->record) {
        return;
    }
    leaf = SSL_get0_peer_certificate(ssl);
    if (leaf && SSL_session_reused(ssl)) {
        capture_resumed(c, conn, ssl, server, leaf);
        return;
    }
    if (leaf) { /* verified by somebody else's code: nothing that we can vouch for */
        certmap_verdict_add(&verdict, X509_V_ERR_UNSPECIFIED, 0);
    }
    publish(conn, make_record(c, conn, server, leaf, &verdict));
}

static void on_info(const SSL *ssl, int where, int ret)
{
    const tls_server_t *server = server_of(ssl);

    if (server && server->info) {
        server->info(ssl, where, ret);
    }
    /* not SSL_CB_HANDSHAKE_DONE, which post-handshake authentication does not have */
    if (where == SSL_CB_ACCEPT_EXIT && ret == 1) {
        handshake_ended(ssl, server);
    }
}

int certmap_tls_drop(conn_rec *c)
{
    const certmap_conn_t *conn = c->master ? NULL : certmap_tls_conn(c);

    if (!conn || !conn->dropped) {
        return DECLINED;
    }
    c->aborted = 1;
    if (c->cs) {
        c->cs->state = CONN_STATE_LINGER;
    }
    return OK;
}

/* ---- start-up ------------------------------------------------------------------------------------------------ */

static apr_status_t forget_servers(void *unused)
{
    (void)unused;
    servers = NULL;
    if (verification_idx >= 0) {
        CRYPTO_free_ex_index(CRYPTO_EX_INDEX_X509_STORE_CTX, verification_idx);
        verification_idx = -1;
    }
    return APR_SUCCESS;
}

static int prepare_servers(apr_pool_t *p)
{
    if (servers) {
        return 1;
    }
    verification_idx = X509_STORE_CTX_get_ex_new_index(0, NULL, NULL, NULL, NULL);
    if (verification_idx < 0) {
        return 0;
    }
    servers = apr_hash_make(p);
    apr_pool_cleanup_register(p, NULL, forget_servers, apr_pool_cleanup_null);
    return 1;
}

int certmap_tls_init_server(server_rec *s, apr_pool_t *p, int is_proxy, SSL_CTX *ctx)
{
    tls_server_t *server;
    SSL_CTX **key;

    if (is_proxy) {
        return OK;
    }
    if (!prepare_servers(p)) {
        ap_log_error(APLOG_MARK, APLOG_EMERG, 0, s, "certmap: OpenSSL has no index left for verification data");
        return HTTP_INTERNAL_SERVER_ERROR;
    }
    server = apr_pcalloc(p, sizeof(*server));
    server->s = s;
    server->defer = certmap_srv_conf(s)->defer == 1;
    if (certmap_trust(s, ctx, &server->trust, p) == APR_SUCCESS) {
        certmap_srv_conf(s)->trust = server->trust.bytes;
        server->provable = certmap_trust_settings(s, ctx, &server->trust, &server->settings, p) == APR_SUCCESS;
    }
    if (!server->provable) {
        ap_log_error(APLOG_MARK, certmap_srv_conf(s)->used == 1 ? APLOG_WARNING : APLOG_DEBUG, 0, s,
                     "certmap: what "
                     "decides about certificates in %s:%d cannot be found out; its TLS sessions with a client "
                     "certificate will not be resumed, and no certificate of theirs counts in another virtual host",
                     s->server_hostname, s->port);
    }
    key = apr_palloc(p, sizeof(*key));
    *key = ctx;
    apr_hash_set(servers, key, sizeof(*key), server);

    SSL_CTX_set_cert_verify_callback(ctx, verify_certificate, server);
    SSL_CTX_set_session_ticket_cb(ctx, NULL, ticket_decrypted, NULL);
    server->info = SSL_CTX_get_info_callback(ctx);
    SSL_CTX_set_info_callback(ctx, on_info);
    server->get_session = SSL_CTX_sess_get_get_cb(ctx);
    if (server->get_session) {
        SSL_CTX_sess_set_get_cb(ctx, get_session);
    }
    return OK;
}

void certmap_tls_listen(const certmap_tls_listener_t *who)
{
    listener = who;
}
