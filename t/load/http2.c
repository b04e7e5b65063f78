/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The load test's HTTP/2 (RFC 9113), as much as it takes: requests without body, header blocks of which only :status is
 * read. The server is told to keep no header table, so that no state has to be followed. It may refuse a stream in
 * two ways, with GOAWAY and a lower last stream id, or with RST_STREAM and REFUSED_STREAM: both promise that nothing
 * was done about the request, so it is asked again. A connection that ends in any other way loses what was open on it.
 */
#include <string.h>

#include "client.h"

enum {
    DATA = 0,
    HEADERS = 1,
    RST_STREAM = 3,
    SETTINGS = 4,
    PING = 6,
    GOAWAY = 7,
    WINDOW_UPDATE = 8,
    CONTINUATION = 9
};
enum {
    ACK = 1,
    END_STREAM = 1,
    END_HEADERS = 4,
    PADDED = 8,
    PRIORITY = 0x20
};
#define REFUSED_STREAM 7

typedef struct frame_t {
    unsigned type, flags, id;
    size_t len;
    const unsigned char *payload;
} frame_t;

/* What one call of load_http2 works on. */
typedef struct batch_t {
    load_conn_t *conn;
    load_exchange_t *x;
    unsigned char open[LOAD_STREAMS_MAX];
    unsigned first, n, left;
} batch_t;

static unsigned number(const unsigned char *p)
{
    return ((unsigned)p[0] & 0x7f) << 24 | (unsigned)p[1] << 16 | (unsigned)p[2] << 8 | p[3];
}

static size_t put_frame_head(unsigned char *out, size_t len, unsigned type, unsigned flags, unsigned id)
{
    const unsigned char head[9] = { (unsigned char)(len >> 16), (unsigned char)(len >> 8), (unsigned char)len,
                                    (unsigned char)type,        (unsigned char)flags,      (unsigned char)(id >> 24),
                                    (unsigned char)(id >> 16),  (unsigned char)(id >> 8),  (unsigned char)id };

    memcpy(out, head, sizeof(head));
    return sizeof(head);
}

/* A string literal without Huffman coding; ours are all shorter than 127 bytes. */
static size_t put_string(unsigned char *out, const char *text)
{
    size_t len = strlen(text);

    out[0] = (unsigned char)len;
    memcpy(out + 1, text, len);
    return len + 1;
}

static size_t put_request(unsigned char *out, const load_request_t *request, unsigned id)
{
    unsigned char *block = out + 9;
    size_t len = 0;

    block[len++] = 0x82; /* :method GET */
    block[len++] = 0x87; /* :scheme https */
    block[len++] = 0x04; /* :path, not indexed */
    len += put_string(block + len, request->path);
    block[len++] = 0x01; /* :authority */
    len += put_string(block + len, request->host);
    block[len++] = 0x0f; /* accept is 19 in the static table: 15 + 4 */
    block[len++] = 0x04;
    len += put_string(block + len, "application/problem+json");
    block[len++] = 0x00; /* a name of our own */
    len += put_string(block + len, "x-test");
    len += put_string(block + len, request->mark);
    return len + put_frame_head(out, len, HEADERS, END_STREAM | END_HEADERS, id);
}

static int begin(load_conn_t *conn)
{
    static const unsigned char settings[] = {
        0, 1, 0, 0,    0, 0, /* HEADER_TABLE_SIZE 0 */
        0, 2, 0, 0,    0, 0, /* ENABLE_PUSH 0 */
        0, 4, 0, 0x10, 0, 0, /* INITIAL_WINDOW_SIZE 1 MB */
    };
    static const unsigned char window[] = { 0x7f, 0, 0, 0 };
    unsigned char out[128];
    size_t len = 24;

    memcpy(out, "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", len);
    len += put_frame_head(out + len, sizeof(settings), SETTINGS, 0, 0);
    memcpy(out + len, settings, sizeof(settings));
    len += sizeof(settings);
    len += put_frame_head(out + len, sizeof(window), WINDOW_UPDATE, 0, 0);
    memcpy(out + len, window, sizeof(window));
    len += sizeof(window);
    conn->begun = 1;
    conn->stream = 1;
    return load_write(conn, out, len);
}

/* Reads until a whole frame is there. @return as load_fill does */
static int take_frame(load_conn_t *conn, frame_t *frame)
{
    for (;;) {
        const unsigned char *p = conn->in + conn->at;
        size_t have = conn->end - conn->at;

        if (have >= 9) {
            frame->len = (size_t)p[0] << 16 | (size_t)p[1] << 8 | p[2];
            if (frame->len > 16384) {
                return -1;
            }
            if (have >= 9 + frame->len) {
                frame->type = p[3];
                frame->flags = p[4];
                frame->id = number(p + 5);
                frame->payload = p + 9;
                conn->at += 9 + frame->len;
                return 1;
            }
        }
        int rv = load_fill(conn);

        if (rv <= 0) {
            return rv;
        }
    }
}

/* :status comes first. @return 0 when it cannot be read */
static int status_of(const unsigned char *p, size_t len)
{
    static const int indexed[] = { 200, 204, 206, 304, 400, 404, 500 };
    int status = 0;

    while (len && (p[0] & 0xe0) == 0x20) { /* table size updates; 0 takes one byte */
        p++;
        len--;
    }
    if (len && p[0] >= 0x88 && p[0] <= 0x8e) {
        return indexed[p[0] - 0x88];
    }
    if (len < 4 || (p[0] & 0x0f) < 8 || (p[0] & 0x0f) > 14) {
        return 0;
    }
    if (p[1] == 3) {
        for (int i = 2; i < 5 && len >= 5; i++) {
            status = p[i] >= '0' && p[i] <= '9' ? status * 10 + p[i] - '0' : -1000;
        }
        return status > 0 ? status : 0;
    }
    if (p[1] == 0x82) {
        /* Huffman codes of digits: 0 to 2 in five bits, 3 to 9 in six; only some, as 421, fit in two bytes */
        unsigned bits = (unsigned)p[2] << 8 | p[3], left = 16;

        for (int i = 0; i < 3; i++) {
            unsigned five = left >= 5 ? bits >> (left - 5) & 0x1f : 0x1f;
            unsigned wide = five >= 3;
            unsigned six = left >= 6 ? bits >> (left - 6) & 0x3f : 0;

            status = status * 10 + (int)(wide ? six - 0x16 : five);
            left -= wide ? 6 : 5;
        }
        return status;
    }
    return 0;
}

static void finish(batch_t *b, unsigned i, load_end_e end, const char *why)
{
    if (b->open[i]) {
        b->open[i] = 0;
        b->left--;
        load_end(&b->x[i], end, why);
    }
}

static void finish_all(batch_t *b, load_end_e end, const char *why)
{
    b->conn->closing = 1;
    for (unsigned i = 0; i < b->n; i++) {
        finish(b, i, end, why);
    }
}

/* The frames of one stream. */
static void stream_frame(batch_t *b, const frame_t *frame)
{
    unsigned i = (frame->id - b->first) / 2;
    const unsigned char *p = frame->payload;
    size_t len = frame->len, skip = 0;

    if (frame->id < b->first || i >= b->n || !b->open[i]) {
        return; /* an earlier stream's WINDOW_UPDATE or RST_STREAM(NO_ERROR), after its answer */
    }
    if (frame->type == RST_STREAM) {
        int refused = len == 4 && number(p) == REFUSED_STREAM;

        finish(b, i, refused ? LOAD_RETRY : LOAD_LOST, refused ? "stream refused" : "stream reset");
        return;
    }
    if ((frame->type == DATA || frame->type == HEADERS) && frame->flags & PADDED && len) {
        len -= p[0] < len ? p[0] : len - 1;
        skip = 1;
    }
    if (frame->type == HEADERS) {
        skip += frame->flags & PRIORITY ? 5 : 0;
        if (!b->x[i].status && len >= skip) {
            b->x[i].status = status_of(p + skip, len - skip);
        }
    }
    else if (frame->type == DATA && len >= skip) {
        load_body(&b->x[i], p + skip, len - skip);
    }
    if ((frame->type == DATA || frame->type == HEADERS) && frame->flags & END_STREAM) {
        finish(b, i, b->x[i].status ? LOAD_ANSWERED : LOAD_LOST, "status not understood");
    }
}

/* The frames of the connection as a whole. */
static void connection_frame(batch_t *b, const frame_t *frame)
{
    unsigned char out[17];

    if (frame->type == SETTINGS && !(frame->flags & ACK)) {
        load_write(b->conn, out, put_frame_head(out, 0, SETTINGS, ACK, 0));
    }
    else if (frame->type == PING && !(frame->flags & ACK) && frame->len == 8) {
        memcpy(out + put_frame_head(out, 8, PING, ACK, 0), frame->payload, 8);
        load_write(b->conn, out, sizeof(out));
    }
    else if (frame->type == GOAWAY && frame->len >= 8) {
        b->conn->closing = 1;
        for (unsigned i = 0; i < b->n; i++) {
            if (b->first + 2 * i > number(frame->payload)) {
                finish(b, i, LOAD_RETRY, "GOAWAY");
            }
        }
    }
}

void load_http2(load_conn_t *conn, const load_request_t *request, load_exchange_t *x, unsigned n)
{
    unsigned char out[LOAD_STREAMS_MAX * 320];
    size_t len = 0;
    batch_t b = { .conn = conn, .x = x, .n = n, .left = n };
    frame_t frame;
    int written = conn->begun || begin(conn), rv;

    b.first = conn->stream;
    for (unsigned i = 0; i < n; i++) {
        b.open[i] = 1;
        len += put_request(out + len, request, conn->stream);
        conn->stream += 2;
    }
    /* Also after a failed write: what the server said before it closed is still there to be read. */
    written = written && load_write(conn, out, len);
    while (b.left) {
        if ((rv = take_frame(conn, &frame)) <= 0) {
            finish_all(&b, LOAD_LOST,
                       rv == 0   ? "connection closed with open streams"
                       : written ? "connection failed with open streams"
                                 : "connection failed, requests not written");
            return;
        }
        if (frame.id) {
            stream_frame(&b, &frame);
        }
        else {
            connection_frame(&b, &frame);
        }
    }
}
