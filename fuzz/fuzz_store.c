/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Fuzz target: bytes as a store. The seal of what looks like one is made to hold, as somebody could do who may write
 * the file: nothing is read outside of it, and nothing but user names comes out of it, whether it is asked or
 * walked over. "store" seeds are real stores.
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <sys/mman.h>
#include <unistd.h>

#include "fuzz.h"
#include "source/testing.h"
#include "store/testing.h"

/* Puts a seal that holds after the bytes, whatever they are, with a mark before them. */
static int seal_it(int fd, const uint8_t *data, size_t size)
{
    unsigned char bytes[CERTMAP_SEAL_LEN];
    unsigned char digest[32];
    certmap_seal_t seal;
    const char *why;

    FUZZ_CHECK(write(fd, data, size) == (ssize_t)size);
    if (size < 2048 + 8 + CERTMAP_STORE_MARK_LEN + CERTMAP_SEAL_LEN) {
        return 0;
    }
    FUZZ_CHECK(pwrite(fd, CERTMAP_STORE_MARK, CERTMAP_STORE_MARK_LEN, 2048 + 8) == (ssize_t)CERTMAP_STORE_MARK_LEN);
    memcpy(bytes, data + size - sizeof(bytes), sizeof(bytes));
    if (certmap_seal_unpack(bytes, &seal) != NULL) {
        return 0;
    }
    FUZZ_CHECK(certmap_sealed_digest(fd, size - 32, digest, NULL, NULL, &why) == APR_SUCCESS);
    FUZZ_CHECK(pwrite(fd, digest, 32, (off_t)size - 32) == 32);
    return 1;
}

static void ask(const certmap_sealed_t *sealed, const unsigned char *hash, apr_pool_t *p)
{
    certmap_key_t key = { .kind = CERTMAP_K_SHA256 };
    const char *key_text;
    certmap_entry_t entry;
    apr_status_t rv;

    memcpy(key.hash, hash, CERTMAP_HASH_LEN);
    for (; key.kind < CERTMAP_K_COUNT; key.kind++) {
        rv = certmap_sealed_entry(sealed, &key, &entry, &key_text, p);
        FUZZ_CHECK(rv == APR_SUCCESS || rv == APR_NOTFOUND || rv == APR_EGENERAL);
        if (rv == APR_SUCCESS && !entry.deny) {
            FUZZ_CHECK(fuzz_is_user((certmap_str_t){ entry.effect.user, strlen(entry.effect.user) }));
        }
    }
}

static void walk(const certmap_sealed_t *sealed, apr_pool_t *p)
{
    unsigned char key[CERTMAP_HASH_LEN] = { 0x63, 0x80 };
    certmap_sealed_iter_t iter;
    apr_pool_t *own;
    int has;

    apr_pool_create(&own, p);
    ask(sealed, key, own);
    certmap_sealed_first(sealed, &iter);
    while ((has = certmap_sealed_next(&iter)) > 0) {
        certmap_entry_t entry;
        certmap_key_kind_e kind;
        int deny;

        memcpy(key, iter.hash, sizeof(key));
        ask(sealed, key, own);
        key[CERTMAP_HASH_LEN - 1]++;
        ask(sealed, key, own);
        if (certmap_store_record_unpack(iter.record, iter.len, &kind, &entry, NULL, own)) {
            FUZZ_CHECK(certmap_store_record_head(iter.record, iter.len, &kind, &deny) && deny == entry.deny);
        }
        apr_pool_clear(own);
    }
    FUZZ_CHECK(has == 0 || has == -1);
    apr_pool_destroy(own);
}

int FUZZ_TARGET(store)(const uint8_t *data, size_t size)
{
    apr_pool_t *p = fuzz_pool();
    int fd = memfd_create("store", MFD_CLOEXEC);
    certmap_sealed_t *sealed;
    const char *why;
    apr_pool_t *own;
    apr_status_t rv;
    int is_sealed;

    FUZZ_CHECK(fd >= 0);
    is_sealed = seal_it(fd, data, size);
    apr_pool_create(&own, p);
    rv = certmap_sealed_take(fd, &sealed, &why, own);
    FUZZ_CHECK((rv == APR_SUCCESS) == (why == NULL) && (is_sealed || rv != APR_SUCCESS));
    if (rv == APR_SUCCESS) {
        FUZZ_CHECK(certmap_sealed_check(sealed, NULL, NULL, NULL, &why) == APR_SUCCESS);
        walk(sealed, own);
    }
    apr_pool_destroy(own);
    return 0;
}
