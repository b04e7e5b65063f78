/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file t/load/client.h
 * @brief The load test's client: what its connections, its HTTP/1.1 and its HTTP/2 share.
 *
 * A worker is a thread that makes one connection after the other with one certificate, and on each some requests. Every
 * request ends in one of three ways. ANSWERED: the response came, complete. RETRY: the server said, or is entitled to
 * imply, that it has not begun with it, and the worker asks again on a new connection. LOST: everything else. What
 * counts as RETRY is decided in http1.c and http2.c; nothing else may.
 */
#ifndef LOAD_CLIENT_H
#define LOAD_CLIENT_H

#include <openssl/ssl.h>
#include <stddef.h>

#define LOAD_BODY_MAX 16384
#define LOAD_STREAMS_MAX 32

typedef enum load_end_e {
    LOAD_ANSWERED,
    LOAD_RETRY,
    LOAD_LOST
} load_end_e;

/** One connection, and what was read from it and not yet taken. */
typedef struct load_conn_t {
    SSL *ssl;
    unsigned char in[32768];
    size_t at, end;
    unsigned long answered; /**< requests */
    unsigned long received; /**< bytes */
    int closing;            /**< the server will take no more requests here */
    unsigned stream;        /**< HTTP/2: the id of the next one */
    int begun;              /**< HTTP/2: the preface is sent */
} load_conn_t;

/** One request and what came of it. */
typedef struct load_exchange_t {
    load_end_e end;
    const char *why; /**< of RETRY and LOST */
    long oldest;     /**< the oldest version of the rules that may answer */
    int status;
    size_t len;
    char body[LOAD_BODY_MAX]; /**< ends with NUL; what is longer is cut off */
} load_exchange_t;

/** What is asked, always the same. */
typedef struct load_request_t {
    const char *host, *path, *mark;
} load_request_t;

/** Reads what there is, and waits for it. @return 1, 0 at the end of the connection, -1 on errors and timeouts */
int load_fill(load_conn_t *conn);
/** Writes all of it. @return whether that worked */
int load_write(load_conn_t *conn, const void *data, size_t len);
/** Adds to the body what fits. */
void load_body(load_exchange_t *x, const void *data, size_t len);
/** Ends an exchange. */
void load_end(load_exchange_t *x, load_end_e end, const char *why);

/** One request over HTTP/1.1. */
void load_http1(load_conn_t *conn, const load_request_t *request, load_exchange_t *x);
/** n requests at the same time over HTTP/2, n <= LOAD_STREAMS_MAX. */
void load_http2(load_conn_t *conn, const load_request_t *request, load_exchange_t *x, unsigned n);

#endif
