/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Keys of one-to-one entries: how they are hashed, and which of them a certificate has. Every part of a key is hashed
 * with its length before it, so no two different keys can run together into the same bytes.
 */
#include <stdlib.h>
#include <string.h>

#include "entries/internal.h"
#include "x509/internal.h"

/* ---- hashing ------------------------------------------------------------------------------------------------- */

static unsigned char *put32(unsigned char *s, apr_size_t n)
{
    s[0] = (unsigned char)(n >> 24);
    s[1] = (unsigned char)(n >> 16);
    s[2] = (unsigned char)(n >> 8);
    s[3] = (unsigned char)n;
    return s + 4;
}

static unsigned char *put_part(unsigned char *s, const void *data, apr_size_t len)
{
    s = put32(s, len);
    memcpy(s, data, len);
    return s + len;
}

certmap_str_t certmap_dn_canonical(const certmap_dn_t *dn, apr_pool_t *p)
{
    apr_size_t room = 4;
    unsigned char *data;
    unsigned char *s;
    int i;
    int j;

    for (i = 0; i < dn->nrdns; i++) {
        room += 4;
        for (j = 0; j < dn->rdns[i].navas; j++) {
            room += 8 + strlen(dn->rdns[i].avas[j].oid) + dn->rdns[i].avas[j].folded.len
                    + (dn->rdns[i].avas[j].kind == CERTMAP_AVA_OPAQUE);
        }
    }
    s = data = apr_palloc(p, room);
    s = put32(s, (apr_size_t)dn->nrdns);
    for (i = 0; i < dn->nrdns; i++) {
        const certmap_rdn_t *rdn = &dn->rdns[i];

        s = put32(s, (apr_size_t)rdn->navas);
        for (j = 0; j < rdn->navas; j++) {
            s = put_part(s, rdn->avas[j].oid, strlen(rdn->avas[j].oid));
            if (rdn->avas[j].kind == CERTMAP_AVA_OPAQUE) { /* after a NUL, which no text has */
                s = put32(s, rdn->avas[j].folded.len + 1);
                *s++ = '\0';
                memcpy(s, rdn->avas[j].folded.data, rdn->avas[j].folded.len);
                s += rdn->avas[j].folded.len;
                continue;
            }
            s = put_part(s, rdn->avas[j].folded.data, rdn->avas[j].folded.len);
        }
    }
    return (certmap_str_t){ (const char *)data, room };
}

/* What most keys fit into; names may be longer. */
#define KEY_ROOM 1024

int certmap_key_make(certmap_key_kind_e kind, certmap_str_t a, certmap_str_t b, certmap_key_t *key)
{
    unsigned char few[KEY_ROOM];
    apr_size_t room = 1 + 4 + a.len + (b.data != NULL ? 4 + b.len : 0);
    unsigned char *data = room <= sizeof(few) ? few : malloc(room);
    unsigned char *s = data;
    int done = 0;

    key->kind = kind;
    if (data != NULL) {
        *s++ = certmap_key_kinds[kind].tag;
        s = put_part(s, a.data, a.len);
        if (b.data != NULL) {
            s = put_part(s, b.data, b.len);
        }
        done = certmap_digest_sha256(data, (apr_size_t)(s - data), key->hash);
    }
    if (data != few) {
        free(data);
    }
    return done;
}

/* ---- of a certificate ---------------------------------------------------------------------------------------- */

/* A certificate while its keys are made. */
typedef struct keys_job_t {
    const certmap_cert_t *cert;
    unsigned kinds;
    certmap_key_t *keys;
    apr_size_t n;
    apr_pool_t *pool;
    certmap_str_t issuer; /* canonical, made when first asked */
    certmap_str_t subject;
    unsigned unformed;
    int failed;
} keys_job_t;

static int wanted(const keys_job_t *job, certmap_key_kind_e kind)
{
    return (job->kinds & CERTMAP_KIND_BIT(kind)) != 0;
}

static void push_key(keys_job_t *job, certmap_key_kind_e kind, certmap_str_t a, certmap_str_t b)
{
    if (certmap_key_make(kind, a, b, &job->keys[job->n])) {
        job->n++;
    }
    else {
        job->failed = 1;
    }
}

/* Whether a key cannot be made because a field that it needs is malformed. */
static int is_unformed(keys_job_t *job, certmap_key_kind_e kind, certmap_field_e field)
{
    int malformed = job->cert->f[field].state == CERTMAP_MALFORMED;

    job->unformed |= malformed ? CERTMAP_KIND_BIT(kind) : 0;
    return malformed;
}

/* The octets of a field that has one value of hex digits; len 0 when it has none. */
static certmap_str_t octets(const keys_job_t *job, certmap_field_e field)
{
    const certmap_vals_t *vals = &job->cert->f[field];
    certmap_str_t hex;
    unsigned char *data;
    apr_size_t i;

    if (vals->state != CERTMAP_VALID || vals->n != 1) {
        return (certmap_str_t){ NULL, 0 };
    }
    hex = vals->v[0].text;
    data = apr_palloc(job->pool, hex.len / 2 + 1);
    for (i = 0; i + 1 < hex.len; i += 2) {
        data[i / 2] = (unsigned char)(16 * certmap_hexval(hex.data[i]) + certmap_hexval(hex.data[i + 1]));
    }
    return (certmap_str_t){ (const char *)data, hex.len / 2 };
}

static certmap_str_t name_of(const keys_job_t *job, certmap_field_e field)
{
    const certmap_vals_t *vals = &job->cert->f[field];

    return vals->state == CERTMAP_VALID && vals->n == 1 ? certmap_dn_canonical(vals->v[0].dn, job->pool)
                                                        : (certmap_str_t){ NULL, 0 };
}

static void email_keys(keys_job_t *job, certmap_key_kind_e kind)
{
    const certmap_vals_t *emails = &job->cert->f[CERTMAP_F_SAN_EMAIL];
    apr_size_t i;

    for (i = 0; i < emails->n; i++) {
        push_key(job, kind, emails->v[i].folded, (certmap_str_t){ NULL, 0 });
    }
}

/* What the key is made of, apart from the issuer's name; len 0: the certificate has none. */
static certmap_str_t part_of(keys_job_t *job, certmap_key_kind_e kind)
{
    if (certmap_key_kinds[kind].part != CERTMAP_KEY_NAME) {
        return octets(job, certmap_key_kinds[kind].field);
    }
    if (job->subject.data == NULL) {
        job->subject = name_of(job, certmap_key_kinds[kind].field);
    }
    return job->subject;
}

static void make_keys(keys_job_t *job, certmap_key_kind_e kind)
{
    int with_issuer = certmap_key_kinds[kind].issuer;
    certmap_str_t part;

    if (is_unformed(job, kind, certmap_key_kinds[kind].field)) {
        return;
    }
    if (certmap_key_kinds[kind].part == CERTMAP_KEY_EMAIL) {
        email_keys(job, kind);
        return;
    }
    part = part_of(job, kind);
    if (part.len == 0 || (with_issuer && is_unformed(job, kind, CERTMAP_F_ISSUER))) {
        return;
    }
    if (with_issuer && job->issuer.data == NULL) {
        job->issuer = name_of(job, CERTMAP_F_ISSUER);
    }
    if (!with_issuer || job->issuer.data != NULL) {
        push_key(job, kind, part, with_issuer ? job->issuer : (certmap_str_t){ NULL, 0 });
    }
}

apr_status_t certmap_cert_keys(const certmap_cert_t *cert, unsigned kinds, const certmap_key_t **keys, apr_size_t *n,
                               unsigned *unformed, apr_pool_t *p)
{
    keys_job_t job = { .cert = cert, .kinds = kinds, .pool = p };
    apr_size_t most = CERTMAP_K_COUNT;
    certmap_key_kind_e kind;

    if (wanted(&job, CERTMAP_K_EMAIL)) {
        most += cert->f[CERTMAP_F_SAN_EMAIL].n;
    }
    job.keys = apr_palloc(p, most * sizeof(*job.keys));
    for (kind = CERTMAP_K_SHA256; kind < CERTMAP_K_COUNT; kind++) {
        if (wanted(&job, kind)) {
            make_keys(&job, kind);
        }
    }
    *keys = job.keys;
    *n = job.n;
    *unformed = job.unformed;
    return job.failed ? APR_EGENERAL : APR_SUCCESS;
}
