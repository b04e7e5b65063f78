/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Digests, fetched once: what is set up before threads start.
 */
#include <openssl/err.h>
#include <openssl/evp.h>

#include "base/internal.h"

/* Written by certmap_engine_init only, before threads start. Fetching per use would cost more than hashing. */
static EVP_MD *sha256_md;
static EVP_MD *sha1_md;

/* Making a context costs as much as hashing a key: the last one that was used waits here for the next user. Atomic;
 * who finds none, because others are hashing, makes one. */
static EVP_MD_CTX *spare;

static void spare_context(EVP_MD_CTX *ctx)
{
    EVP_MD_CTX_free(__atomic_exchange_n(&spare, ctx, __ATOMIC_ACQ_REL));
}

static EVP_MD_CTX *take_context(void)
{
    EVP_MD_CTX *ctx = __atomic_exchange_n(&spare, NULL, __ATOMIC_ACQ_REL);

    return ctx != NULL ? ctx : EVP_MD_CTX_new();
}

static apr_status_t forget_digests(void *unused)
{
    (void)unused;
    spare_context(NULL);
    EVP_MD_free(sha256_md);
    EVP_MD_free(sha1_md);
    sha256_md = sha1_md = NULL;
    return APR_SUCCESS;
}

apr_status_t certmap_engine_init(apr_pool_t *p)
{
    if (!sha256_md && !sha1_md) {
        apr_pool_cleanup_register(p, NULL, forget_digests, apr_pool_cleanup_null);
    }
    ERR_set_mark();
    if (!sha256_md) {
        sha256_md = EVP_MD_fetch(NULL, "SHA256", NULL);
    }
    if (!sha1_md) {
        sha1_md = EVP_MD_fetch(NULL, "SHA1", NULL);
    }
    ERR_pop_to_mark();
    return sha256_md && sha1_md ? APR_SUCCESS : APR_EGENERAL;
}

static int digest(const EVP_MD *md, const void *data, apr_size_t len, unsigned char *out)
{
    EVP_MD_CTX *ctx = take_context();
    int done;

    ERR_set_mark();
    done = md != NULL && ctx != NULL && EVP_DigestInit_ex2(ctx, md, NULL) == 1 && EVP_DigestUpdate(ctx, data, len) == 1
           && EVP_DigestFinal_ex(ctx, out, NULL) == 1;
    ERR_pop_to_mark();
    if (done) {
        spare_context(ctx);
    }
    else {
        EVP_MD_CTX_free(ctx);
    }
    return done;
}

int certmap_digest_sha256(const void *data, apr_size_t len, unsigned char out[32])
{
    return digest(sha256_md, data, len, out);
}

int certmap_digest_sha1(const void *data, apr_size_t len, unsigned char out[20])
{
    return digest(sha1_md, data, len, out);
}
