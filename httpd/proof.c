/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Writing and reading the proof of verification that a TLS session carries. The content is authenticated by what
 * protects the session itself (the ticket key, or the server's own cache); it needs no signature of its own.
 */
#include "proof.h"

#define PROOF_VERSION 1
#define DIGEST_LEN 32

/* Fixed-width and the same on every machine that shares a ticket key: version, time in seconds (big endian),
 * settings, number of CAs, their digests. */
typedef struct proof_head_t {
    unsigned char version;
    unsigned char verified[8];
    unsigned char settings[DIGEST_LEN];
    unsigned char nchain;
} proof_head_t;

int certmap_proof_write(SSL_SESSION *session, const certmap_trust_digest_t *settings, apr_time_t now,
                        const unsigned char (*chain)[32], apr_size_t nchain)
{
    unsigned char buf[sizeof(proof_head_t) + CERTMAP_CHAIN_MOST * DIGEST_LEN];
    proof_head_t *head = (proof_head_t *)buf;
    apr_uint64_t seconds = (apr_uint64_t)apr_time_sec(now);
    int i;

    if (!session || nchain > CERTMAP_CHAIN_MOST) {
        return 0;
    }
    head->version = PROOF_VERSION;
    for (i = 0; i < 8; i++) {
        head->verified[i] = (unsigned char)(seconds >> (56 - 8 * i));
    }
    memcpy(head->settings, settings->bytes, DIGEST_LEN);
    head->nchain = (unsigned char)nchain;
    if (nchain) {
        memcpy(buf + sizeof(*head), chain, nchain * DIGEST_LEN);
    }
    return SSL_SESSION_set1_ticket_appdata(session, buf, sizeof(*head) + nchain * DIGEST_LEN) == 1;
}

int certmap_proof_holds(SSL_SESSION *session, const certmap_trust_digest_t *settings, apr_time_t now, long timeout,
                        const unsigned char (**chain)[32], apr_size_t *nchain)
{
    void *data = NULL;
    size_t len = 0;
    const proof_head_t *head;
    apr_int64_t seconds = 0, age;
    int i;

    if (!SSL_SESSION_get0_ticket_appdata(session, &data, &len) || !data || len < sizeof(*head)) {
        return 0;
    }
    head = data;
    /* [promise session-proof] */
    if (head->version != PROOF_VERSION || len != sizeof(*head) + (size_t)head->nchain * DIGEST_LEN
        || memcmp(head->settings, settings->bytes, DIGEST_LEN) != 0) {
        return 0;
    }
    for (i = 0; i < 8; i++) {
        seconds = (apr_int64_t)(((apr_uint64_t)seconds << 8) | head->verified[i]);
    }
    age = apr_time_sec(now) - seconds;
    if (age < 0 || age > timeout) { /* a time in the future is a clock that cannot be relied upon */
        return 0;
    }
    if (chain) {
        *chain = (const unsigned char(*)[32])((const unsigned char *)data + sizeof(*head));
        *nchain = head->nchain;
    }
    return 1;
}
