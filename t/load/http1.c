/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The load test's HTTP/1.1. A request that was written to a connection which had answered before, and on which not one
 * byte came back, met a connection that the server had closed as idle: RFC 9112 9.3.1 lets clients ask again, and every
 * browser does. On a new connection, or after the first byte, the same is a lost request.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "client.h"

#define LINE_MAX_LEN 4096

/* Takes one line without its end. @return as load_fill does */
static int take_line(load_conn_t *conn, char *line)
{
    size_t len = 0;

    for (;;) {
        while (conn->at < conn->end) {
            char c = (char)conn->in[conn->at++];

            if (c == '\n') {
                line[len && line[len - 1] == '\r' ? len - 1 : len] = '\0';
                return 1;
            }
            if (len + 1 >= LINE_MAX_LEN) {
                return -1;
            }
            line[len++] = c;
        }
        int rv = load_fill(conn);

        if (rv <= 0) {
            return rv;
        }
    }
}

static int take_bytes(load_conn_t *conn, load_exchange_t *x, size_t len)
{
    while (len) {
        size_t here = conn->end - conn->at;

        if (!here) {
            int rv = load_fill(conn);

            if (rv <= 0) {
                return rv;
            }
            continue;
        }
        here = here < len ? here : len;
        load_body(x, conn->in + conn->at, here);
        conn->at += here;
        len -= here;
    }
    return 1;
}

static int take_chunks(load_conn_t *conn, load_exchange_t *x)
{
    char line[LINE_MAX_LEN], *end;
    int rv;

    for (;;) {
        if ((rv = take_line(conn, line)) <= 0) {
            return rv;
        }
        unsigned long len = strtoul(line, &end, 16);

        if (end == line) {
            return -1;
        }
        if (len && (rv = take_bytes(conn, x, len)) <= 0) {
            return rv;
        }
        /* the line end of the chunk, or the empty line after the last one (httpd sends no trailers here) */
        if ((rv = take_line(conn, line)) <= 0 || line[0]) {
            return rv > 0 ? -1 : rv;
        }
        if (!len) {
            return 1;
        }
    }
}

/* @return 1, or why it failed: 0 closed, -1 error */
static int take_response(load_conn_t *conn, load_exchange_t *x)
{
    char line[LINE_MAX_LEN];
    long length = -1;
    int chunked = 0, rv;

    if ((rv = take_line(conn, line)) <= 0) {
        return rv;
    }
    if (sscanf(line, "HTTP/1.1 %3d ", &x->status) != 1) {
        return -1;
    }
    while ((rv = take_line(conn, line)) > 0 && line[0]) {
        char *value = strchr(line, ':');

        if (!value) {
            return -1;
        }
        *value++ = '\0';
        value += strspn(value, " ");
        if (!strcasecmp(line, "content-length")) {
            length = atol(value);
        }
        else if (!strcasecmp(line, "transfer-encoding")) {
            chunked = !strcasecmp(value, "chunked");
        }
        else if (!strcasecmp(line, "connection") && !strcasecmp(value, "close")) {
            conn->closing = 1;
        }
    }
    if (rv <= 0) {
        return rv;
    }
    if (chunked) {
        return take_chunks(conn, x);
    }
    /* neither a length nor chunks: a cut off body could not be told from a whole one */
    return length < 0 ? -1 : take_bytes(conn, x, (size_t)length);
}

void load_http1(load_conn_t *conn, const load_request_t *request, load_exchange_t *x)
{
    char text[1024];
    int len = snprintf(text, sizeof(text),
                       "GET %s HTTP/1.1\r\nHost: %s\r\nAccept: application/problem+json\r\n"
                       "X-Test: %s\r\n\r\n",
                       request->path, request->host, request->mark);
    unsigned long received = conn->received;
    int rv = load_write(conn, text, (size_t)len) ? take_response(conn, x) : -1;

    if (rv > 0) {
        load_end(x, LOAD_ANSWERED, NULL);
        return;
    }
    conn->closing = 1;
    if (conn->received != received) {
        load_end(x, LOAD_LOST, "response cut off or not understood");
    }
    else if (conn->answered) {
        load_end(x, LOAD_RETRY, "idle connection was closed");
    }
    else {
        load_end(x, LOAD_LOST, rv == 0 ? "new connection closed without response" : "new connection failed");
    }
}
