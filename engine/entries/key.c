/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Keys of one-to-one entries: what they are called, how firmly they bind, how they are hashed, and which of them a
 * certificate has. Every part of a key is hashed with its length before it, so no two different keys can run together
 * into the same bytes.
 */
#include <stdlib.h>
#include <string.h>

#include "entries/internal.h"
#include "x509/internal.h"

static const struct {
    const char *name;
    certmap_strength_e strength;
    unsigned char tag; /* in every hash and store: never to be changed */
} kind_table[CERTMAP_K_COUNT] = {
    [CERTMAP_K_SHA256] = { .name = "sha256", .strength = CERTMAP_STRONG, .tag = 1 },
    [CERTMAP_K_SPKI] = { .name = "spki", .strength = CERTMAP_STRONG, .tag = 2 },
    [CERTMAP_K_SKI_ISSUER] = { .name = "ski", .strength = CERTMAP_STRONG, .tag = 3 },
    [CERTMAP_K_ISSUER_SERIAL] = { .name = "issuer-serial", .strength = CERTMAP_STRONG, .tag = 4 },
    [CERTMAP_K_DN] = { .name = "dn", .strength = CERTMAP_SCOPED, .tag = 5 },
    [CERTMAP_K_SKI] = { .name = "X509:<SKI>", .strength = CERTMAP_WEAK, .tag = 6 },
    [CERTMAP_K_SUBJECT] = { .name = "X509:<S>", .strength = CERTMAP_WEAK, .tag = 7 },
    [CERTMAP_K_EMAIL] = { .name = "X509:<RFC822>", .strength = CERTMAP_WEAK, .tag = 8 },
};

const char *certmap_kind_name(certmap_kind_e kind)
{
    return kind_table[kind].name;
}

certmap_strength_e certmap_kind_strength(certmap_kind_e kind)
{
    return kind_table[kind].strength;
}

unsigned char certmap_kind_tag(certmap_kind_e kind)
{
    return kind_table[kind].tag;
}

certmap_kind_e certmap_kind_of_tag(unsigned char tag)
{
    certmap_kind_e kind = CERTMAP_K_SHA256;

    while (kind < CERTMAP_K_COUNT && kind_table[kind].tag != tag) {
        kind++;
    }
    return kind;
}

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
            if (rdn->avas[j].kind == CERTMAP_AVA_OPAQUE) { /* behind a NUL, which no text has */
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

int certmap_key_make(certmap_kind_e kind, certmap_str_t a, certmap_str_t b, certmap_key_t *key)
{
    unsigned char few[KEY_ROOM];
    apr_size_t room = 1 + 4 + a.len + (b.data != NULL ? 4 + b.len : 0);
    unsigned char *data = room <= sizeof(few) ? few : malloc(room);
    unsigned char *s = data;
    int done = 0;

    key->kind = kind;
    if (data != NULL) {
        *s++ = kind_table[kind].tag;
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

static int wanted(const keys_job_t *job, certmap_kind_e kind)
{
    return (job->kinds & CERTMAP_KIND_BIT(kind)) != 0;
}

static void push_key(keys_job_t *job, certmap_kind_e kind, certmap_str_t a, certmap_str_t b)
{
    if (certmap_key_make(kind, a, b, &job->keys[job->n])) {
        job->n++;
    }
    else {
        job->failed = 1;
    }
}

/* Whether a key cannot be made because a field that it needs is malformed. */
static int is_unformed(keys_job_t *job, certmap_kind_e kind, certmap_field_e field)
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

static void hex_key(keys_job_t *job, certmap_kind_e kind, certmap_field_e field)
{
    certmap_str_t value = octets(job, field);
    certmap_str_t none = { NULL, 0 };
    int with_issuer = kind == CERTMAP_K_SKI_ISSUER || kind == CERTMAP_K_ISSUER_SERIAL;

    if (is_unformed(job, kind, field) || (value.len > 0 && with_issuer && is_unformed(job, kind, CERTMAP_F_ISSUER))) {
        return;
    }
    if (with_issuer && job->issuer.data == NULL) {
        job->issuer = name_of(job, CERTMAP_F_ISSUER);
    }
    if (value.len > 0 && (!with_issuer || job->issuer.data != NULL)) {
        push_key(job, kind, value, with_issuer ? job->issuer : none);
    }
}

static void subject_key(keys_job_t *job, certmap_kind_e kind)
{
    certmap_str_t none = { NULL, 0 };

    if (is_unformed(job, kind, CERTMAP_F_SUBJECT)) {
        return;
    }
    if (job->subject.data == NULL) {
        job->subject = name_of(job, CERTMAP_F_SUBJECT);
    }
    if (kind == CERTMAP_K_DN && job->subject.data != NULL && is_unformed(job, kind, CERTMAP_F_ISSUER)) {
        return;
    }
    if (kind == CERTMAP_K_DN && job->issuer.data == NULL) {
        job->issuer = name_of(job, CERTMAP_F_ISSUER);
    }
    if (job->subject.data != NULL && (kind != CERTMAP_K_DN || job->issuer.data != NULL)) {
        push_key(job, kind, job->subject, kind == CERTMAP_K_DN ? job->issuer : none);
    }
}

static void email_keys(keys_job_t *job)
{
    const certmap_vals_t *emails = &job->cert->f[CERTMAP_F_SAN_EMAIL];
    apr_size_t i;

    for (i = 0; !is_unformed(job, CERTMAP_K_EMAIL, CERTMAP_F_SAN_EMAIL) && i < emails->n; i++) {
        push_key(job, CERTMAP_K_EMAIL, emails->v[i].folded, (certmap_str_t){ NULL, 0 });
    }
}

static void make_keys(keys_job_t *job, certmap_kind_e kind)
{
    switch (kind) {
    case CERTMAP_K_SHA256:
        hex_key(job, kind, CERTMAP_F_SHA256);
        break;
    case CERTMAP_K_SPKI:
        hex_key(job, kind, CERTMAP_F_SPKI);
        break;
    case CERTMAP_K_SKI_ISSUER:
    case CERTMAP_K_SKI:
        hex_key(job, kind, CERTMAP_F_SKI);
        break;
    case CERTMAP_K_ISSUER_SERIAL:
        hex_key(job, kind, CERTMAP_F_SERIAL);
        break;
    case CERTMAP_K_DN:
    case CERTMAP_K_SUBJECT:
        subject_key(job, kind);
        break;
    case CERTMAP_K_EMAIL:
        email_keys(job);
        break;
    case CERTMAP_K_COUNT:
        break;
    }
}

const char *certmap_kinds_first(unsigned kinds)
{
    certmap_kind_e kind = CERTMAP_K_SHA256;

    while (kind < CERTMAP_K_COUNT && !(kinds & CERTMAP_KIND_BIT(kind))) {
        kind++;
    }
    return kind < CERTMAP_K_COUNT ? kind_table[kind].name : NULL;
}

apr_status_t certmap_cert_keys(const certmap_cert_t *cert, unsigned kinds, const certmap_key_t **keys, apr_size_t *n,
                               unsigned *unformed, apr_pool_t *p)
{
    keys_job_t job = { .cert = cert, .kinds = kinds, .pool = p };
    apr_size_t most = CERTMAP_K_COUNT;
    certmap_kind_e kind;

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
