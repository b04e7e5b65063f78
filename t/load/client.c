/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The load test's client: workers that ask the server in parallel, each with a certificate, a TLS version, an HTTP
 * version and a way to resume sessions of its own, and that count every answer. t/load.t starts it and judges what it
 * counted.
 *
 *   client HOST PORT WORKER...
 *
 * WORKER is a list of NAME=VALUE with commas between: name, cert (file; none without), path, tls (1.2, 1.3), http (1.1,
 * 2), streams (how many HTTP/2 requests at the same time), resume (no, ticket, cache), per (most requests on a
 * connection), pause (most milliseconds between requests), requests (how many in all; 0: until told to stop).
 *
 * On standard input come lines "OLDEST NEWEST", the versions of the rules that may answer from now on; its end stops
 * the workers. In the end each outcome of each worker is printed as WORKER, tab, COUNT, tab, OUTCOME. An outcome is
 * "200 USER", "403.N", "resumed", "connections", "retry: ...", "lost: ...", or whatever else the answer was. A user
 * reads NAME-vVERSION; a version out of bounds stays in the outcome.
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "client.h"

#define OUTCOMES_MAX 64
#define WORKERS_MAX 64
#define TIMEOUT_SECONDS 30

typedef struct outcome_t {
    char text[96];
    unsigned long count;
} outcome_t;

typedef struct worker_t {
    const char *name, *cert, *path, *tls, *http, *resume;
    unsigned streams, per, pause;
    unsigned long requests;
    unsigned seed;
    SSL_CTX *ctx;
    SSL_SESSION *session; /* the newest one */
    pthread_t thread;
    unsigned noutcomes;
    outcome_t outcomes[OUTCOMES_MAX];
    load_exchange_t x[LOAD_STREAMS_MAX];
} worker_t;

static const char *host;
static int port;
static atomic_long oldest, newest;
static atomic_int stopping, running;
static int worker_idx;

/* ---- counting ---------------------------------------------------------------------------------------------------- */

static void count(worker_t *w, const char *text, unsigned long n)
{
    unsigned i = 0;

    while (i < w->noutcomes && strncmp(w->outcomes[i].text, text, sizeof(w->outcomes[i].text) - 1)) {
        i++;
    }
    if (i == w->noutcomes) {
        if (i == OUTCOMES_MAX - 1) {
            text = "too many different outcomes";
        }
        if (i == OUTCOMES_MAX) {
            i--;
        }
        else {
            w->noutcomes++;
            snprintf(w->outcomes[i].text, sizeof(w->outcomes[i].text), "%s", text);
        }
    }
    w->outcomes[i].count += n;
}

/* "alice-v7" becomes "alice" where 7 is a version that may answer. */
static void check_version(const load_exchange_t *x, char *user)
{
    char *mark = strrchr(user, '-'), *end;

    if (mark && mark[1] == 'v' && mark[2]) {
        long version = strtol(mark + 2, &end, 10);

        if (!*end && version >= x->oldest && version <= atomic_load(&newest)) {
            *mark = '\0';
        }
    }
}

static void count_answer(worker_t *w, load_exchange_t *x)
{
    char text[96], user[64];
    const char *found;
    int substatus;

    if (x->status == 200 && sscanf(x->body, "user=%63[^\r\n]", user) == 1) {
        check_version(x, user);
        snprintf(text, sizeof(text), "200 %s", user);
    }
    else if ((found = strstr(x->body, "\"substatus\": ")) && sscanf(found, "\"substatus\": %d", &substatus) == 1) {
        snprintf(text, sizeof(text), "%d.%d", x->status, substatus);
    }
    else {
        snprintf(text, sizeof(text), "%d, %.60s", x->status, x->body);
        for (char *p = text; *p; p++) {
            *p = *p == '\n' || *p == '\t' ? ' ' : *p;
        }
    }
    count(w, text, 1);
}

void load_body(load_exchange_t *x, const void *data, size_t len)
{
    size_t room = sizeof(x->body) - 1 - x->len;

    len = len < room ? len : room;
    memcpy(x->body + x->len, data, len);
    x->len += len;
    x->body[x->len] = '\0';
}

void load_end(load_exchange_t *x, load_end_e end, const char *why)
{
    x->end = end;
    x->why = why;
}

/* ---- connections ------------------------------------------------------------------------------------------------- */

int load_fill(load_conn_t *conn)
{
    int n;

    memmove(conn->in, conn->in + conn->at, conn->end - conn->at);
    conn->end -= conn->at;
    conn->at = 0;
    if (conn->end == sizeof(conn->in)) {
        return -1;
    }
    ERR_clear_error();
    n = SSL_read(conn->ssl, conn->in + conn->end, (int)(sizeof(conn->in) - conn->end));
    if (n > 0) {
        conn->end += (size_t)n;
        conn->received += (unsigned long)n;
        return 1;
    }
    return SSL_get_error(conn->ssl, n) == SSL_ERROR_ZERO_RETURN ? 0 : -1;
}

int load_write(load_conn_t *conn, const void *data, size_t len)
{
    ERR_clear_error();
    return SSL_write(conn->ssl, data, (int)len) == (int)len;
}

static int new_session(SSL *ssl, SSL_SESSION *session)
{
    worker_t *w = SSL_get_ex_data(ssl, worker_idx);

    SSL_SESSION_free(w->session);
    w->session = session;
    return 1;
}

static int dial(void)
{
    const struct timeval timeout = { .tv_sec = TIMEOUT_SECONDS };
    struct sockaddr_in to = { .sin_family = AF_INET, .sin_port = htons((unsigned short)port) };
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), on = 1;

    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof(timeout))
        || setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &timeout, sizeof(timeout))
        || setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on))
        || connect(fd, (const struct sockaddr *)&to, sizeof(to))) {
        if (fd >= 0) {
            close(fd);
        }
        return -1;
    }
    return fd;
}

/* @return NULL, or why there is no connection */
static const char *open_conn(worker_t *w, load_conn_t *conn)
{
    int fd = dial();
    const unsigned char *protocol;
    unsigned len;

    memset(conn, 0, offsetof(load_conn_t, in));
    conn->at = conn->end = 0;
    conn->answered = conn->received = 0;
    conn->closing = conn->begun = 0;
    if (fd < 0) {
        return "lost: no connection";
    }
    conn->ssl = SSL_new(w->ctx);
    if (!conn->ssl || !SSL_set_fd(conn->ssl, fd) || !SSL_set_ex_data(conn->ssl, worker_idx, w)
        || !SSL_set_tlsext_host_name(conn->ssl, host)
        || (w->session && strcmp(w->resume, "no") && !SSL_set_session(conn->ssl, w->session))) {
        abort();
    }
    ERR_clear_error();
    if (SSL_connect(conn->ssl) != 1) {
        return "lost: no handshake";
    }
    SSL_get0_alpn_selected(conn->ssl, &protocol, &len);
    if ((*w->http == '2') != (len == 2)) {
        return "lost: no such protocol";
    }
    count(w, "connections", 1);
    if (SSL_session_reused(conn->ssl)) {
        count(w, "resumed", 1);
    }
    return NULL;
}

static void close_conn(load_conn_t *conn)
{
    if (conn->ssl) {
        int fd = SSL_get_fd(conn->ssl);

        SSL_shutdown(conn->ssl);
        SSL_free(conn->ssl);
        close(fd);
        conn->ssl = NULL;
    }
}

/* ---- workers ----------------------------------------------------------------------------------------------------- */

static unsigned one_to(worker_t *w, unsigned most)
{
    return 1 + (unsigned)rand_r(&w->seed) % (most ? most : 1);
}

/* Asks n times, and counts. @return how many need not be asked again */
static unsigned long ask(worker_t *w, load_conn_t *conn, unsigned n)
{
    const load_request_t request = { host, w->path, w->name };
    unsigned long done = 0;

    for (unsigned i = 0; i < n; i++) {
        memset(&w->x[i], 0, offsetof(load_exchange_t, body) + 1);
        w->x[i].oldest = atomic_load(&oldest);
    }
    if (*w->http == '2') {
        load_http2(conn, &request, w->x, n);
    }
    else {
        load_http1(conn, &request, w->x);
    }
    for (unsigned i = 0; i < n; i++) {
        char text[96];

        switch (w->x[i].end) {
        case LOAD_ANSWERED:
            done++;
            conn->answered++;
            count_answer(w, &w->x[i]);
            break;
        case LOAD_RETRY:
            snprintf(text, sizeof(text), "retry: %s", w->x[i].why);
            count(w, text, 1);
            break;
        case LOAD_LOST:
            done++;
            snprintf(text, sizeof(text), "lost: %s", w->x[i].why);
            count(w, text, 1);
            break;
        }
    }
    return done;
}

static void *work(void *worker)
{
    worker_t *w = worker;
    load_conn_t conn = { 0 };
    unsigned long done = 0;

    while (!atomic_load(&stopping) && (!w->requests || done < w->requests)) {
        const char *failed = open_conn(w, &conn);
        unsigned here = w->requests ? w->per : one_to(w, w->per);

        if (failed) {
            count(w, failed, 1);
            done++;
            usleep(10000);
        }
        while (!failed && here && !conn.closing && !atomic_load(&stopping) && (!w->requests || done < w->requests)) {
            unsigned n = *w->http == '2' ? one_to(w, w->streams < here ? w->streams : here) : 1;

            if (w->requests && n > w->requests - done) {
                n = (unsigned)(w->requests - done);
            }
            done += ask(w, &conn, n);
            here -= n;
            if (w->pause) {
                usleep(one_to(w, w->pause * 1000));
            }
        }
        close_conn(&conn);
    }
    atomic_fetch_sub(&running, 1);
    return NULL;
}

/* ---- setting up -------------------------------------------------------------------------------------------------- */

static void parse(worker_t *w, char *spec)
{
    enum {
        NAME,
        CERT,
        PATH,
        TLS,
        HTTP,
        STREAMS,
        RESUME,
        PER,
        PAUSE,
        REQUESTS
    };
    static char *const words[] = { [NAME] = "name",
                                   [CERT] = "cert",
                                   [PATH] = "path",
                                   [TLS] = "tls",
                                   [HTTP] = "http",
                                   [STREAMS] = "streams",
                                   [RESUME] = "resume",
                                   [PER] = "per",
                                   [PAUSE] = "pause",
                                   [REQUESTS] = "requests",
                                   NULL };
    char *value;

    *w = (worker_t){ .name = "?", .path = "/", .tls = "1.3", .http = "1.1", .resume = "no", .streams = 1, .per = 1 };
    while (*spec) {
        int word = getsubopt(&spec, words, &value);

        if (word < 0 || !value) {
            fprintf(stderr, "client: not understood: %s\n", value ? value : spec);
            exit(2);
        }
        switch (word) {
        case NAME:
            w->name = value;
            break;
        case CERT:
            w->cert = value;
            break;
        case PATH:
            w->path = value;
            break;
        case TLS:
            w->tls = value;
            break;
        case HTTP:
            w->http = value;
            break;
        case STREAMS:
            w->streams = (unsigned)atoi(value);
            break;
        case RESUME:
            w->resume = value;
            break;
        case PER:
            w->per = (unsigned)atoi(value);
            break;
        case PAUSE:
            w->pause = (unsigned)atoi(value);
            break;
        case REQUESTS:
            w->requests = strtoul(value, NULL, 10);
            break;
        }
    }
    if (w->streams < 1 || w->streams > LOAD_STREAMS_MAX || w->per < 1 || strlen(w->path) + strlen(w->name) > 100) {
        fprintf(stderr, "client: %s: out of bounds\n", w->name);
        exit(2);
    }
}

static void prepare(worker_t *w)
{
    int version = !strcmp(w->tls, "1.2") ? TLS1_2_VERSION : TLS1_3_VERSION;
    const char *alpn = *w->http == '2' ? "\2h2" : "\10http/1.1";

    w->ctx = SSL_CTX_new(TLS_client_method());
    if (!w->ctx || !SSL_CTX_set_min_proto_version(w->ctx, version) || !SSL_CTX_set_max_proto_version(w->ctx, version)
        || SSL_CTX_set_alpn_protos(w->ctx, (const unsigned char *)alpn, (unsigned)strlen(alpn))
        || (w->cert
            && (SSL_CTX_use_certificate_chain_file(w->ctx, w->cert) != 1
                || SSL_CTX_use_PrivateKey_file(w->ctx, w->cert, SSL_FILETYPE_PEM) != 1))) {
        ERR_print_errors_fp(stderr);
        exit(2);
    }
    SSL_CTX_set_session_cache_mode(w->ctx, SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
    SSL_CTX_sess_set_new_cb(w->ctx, new_session);
    if (!strcmp(w->resume, "cache")) {
        SSL_CTX_set_options(w->ctx, SSL_OP_NO_TICKET);
    }
}

/* Takes what standard input says, until it ends or the workers have. */
static void obey(void)
{
    char line[256];
    size_t len = 0;
    struct pollfd in = { .fd = 0, .events = POLLIN };

    while (atomic_load(&running) > 0) {
        ssize_t n;
        char *end;
        long from, to;

        if (poll(&in, 1, 50) <= 0) {
            continue;
        }
        n = read(0, line + len, sizeof(line) - 1 - len);
        if (n <= 0) {
            break;
        }
        len += (size_t)n;
        line[len] = '\0';
        while ((end = strchr(line, '\n'))) {
            if (sscanf(line, "%ld %ld", &from, &to) == 2) {
                atomic_store(&newest, to);
                atomic_store(&oldest, from);
            }
            len -= (size_t)(end + 1 - line);
            memmove(line, end + 1, len + 1);
        }
    }
    atomic_store(&stopping, 1);
}

int main(int argc, char **argv)
{
    static worker_t workers[WORKERS_MAX];
    int n = argc - 3;

    if (n < 1 || n > WORKERS_MAX) {
        fprintf(stderr, "usage: client HOST PORT WORKER...\n");
        return 2;
    }
    signal(SIGPIPE, SIG_IGN);
    host = argv[1];
    port = atoi(argv[2]);
    worker_idx = SSL_get_ex_new_index(0, NULL, NULL, NULL, NULL);
    for (int i = 0; i < n; i++) {
        parse(&workers[i], argv[i + 3]);
        workers[i].seed = (unsigned)i + 1;
        prepare(&workers[i]);
    }
    atomic_store(&running, n);
    for (int i = 0; i < n; i++) {
        if (pthread_create(&workers[i].thread, NULL, work, &workers[i])) {
            abort();
        }
    }
    obey();
    for (int i = 0; i < n; i++) {
        pthread_join(workers[i].thread, NULL);
        for (unsigned j = 0; j < workers[i].noutcomes; j++) {
            printf("%s\t%lu\t%s\n", workers[i].name, workers[i].outcomes[j].count, workers[i].outcomes[j].text);
        }
        SSL_SESSION_free(workers[i].session);
        SSL_CTX_free(workers[i].ctx);
    }
    return 0;
}
