/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Fuzz target: bytes as a store. Nothing is read outside the file; when all of it can be walked, every key of it is
 * found and others are not; what is an error says why. "store" seeds are real stores, written by liblmdb.
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <sys/mman.h>
#include <unistd.h>

#include "fuzz.h"
#include "store.h"

#define KEYS_MAX 2000

typedef struct walked_t {
    certmap_node_t nodes[KEYS_MAX];
    int n;
    apr_pool_t *pool;
} walked_t;

static const char *remember(void *baton, const certmap_node_t *node, apr_pool_t *p)
{
    walked_t *w = baton;
    const char *key_text;
    certmap_entry_t entry;
    certmap_kind_e kind;
    const char *why = certmap_store_unpack(node, &kind, &entry, &key_text, p);

    if (why == NULL && !entry.deny) {
        FUZZ_CHECK(fuzz_is_user((certmap_str_t){ entry.user, strlen(entry.user) }));
    }
    if (w->n < KEYS_MAX) {
        w->nodes[w->n].key = apr_pmemdup(w->pool, node->key, node->keylen);
        w->nodes[w->n].keylen = node->keylen;
        w->nodes[w->n].value = apr_pmemdup(w->pool, node->value, node->len);
        w->nodes[w->n].len = node->len;
        w->n++;
    }
    return NULL;
}

/* Every key that a walk met, and one beside each. */
static void find_all(const certmap_pages_t *pages, const certmap_snapshot_t *snapshot, const walked_t *w, apr_pool_t *p)
{
    int i;

    for (i = 0; i < w->n; i++) {
        const certmap_node_t *node = &w->nodes[i];
        unsigned char *beside = apr_pmemdup(p, node->key, node->keylen);
        certmap_node_t found;
        certmap_node_t around[2];
        const char *why;

        FUZZ_CHECK(certmap_pages_find(pages, snapshot, node->key, node->keylen, &found, around, &why, p)
                   == APR_SUCCESS);
        FUZZ_CHECK(found.len == node->len && memcmp(found.value, node->value, node->len) == 0);
        if (node->keylen == 0) {
            continue;
        }
        beside[node->keylen - 1]++;
        if (i + 1 < w->n && w->nodes[i + 1].keylen == node->keylen
            && memcmp(w->nodes[i + 1].key, beside, node->keylen) == 0) {
            continue;
        }
        if (beside[node->keylen - 1] != 0) {
            apr_status_t rv = certmap_pages_find(pages, snapshot, beside, node->keylen, &found, around, &why, p);

            FUZZ_CHECK(rv == APR_NOTFOUND || (rv == APR_SUCCESS && found.keylen == node->keylen));
        }
    }
}

static void ask(const char *path, apr_pool_t *p)
{
    unsigned char key[CERTMAP_HASH_LEN] = { 0x63, 0x80 };
    certmap_node_t node;
    certmap_node_t around[2];
    certmap_pages_t *pages;
    certmap_snapshot_t snapshot;
    certmap_header_t header;
    const char *why;
    walked_t *w = apr_pcalloc(p, sizeof(*w));
    apr_status_t rv = certmap_pages_open(path, &pages, &why, p);

    w->pool = p;
    FUZZ_CHECK((rv == APR_SUCCESS) == (why == NULL));
    if (rv != APR_SUCCESS || !certmap_pages_snapshot(pages, &snapshot)) {
        return;
    }
    why = certmap_store_header(pages, &snapshot, &header, p);
    FUZZ_CHECK(why == NULL || why[0] != '\0');
    rv = certmap_pages_find(pages, &snapshot, key, sizeof(key), &node, around, &why, p);
    FUZZ_CHECK((rv == APR_EGENERAL) == (why != NULL));
    rv = certmap_pages_walk(pages, &snapshot, remember, w, &why, p);
    FUZZ_CHECK((rv == APR_SUCCESS) == (why == NULL));
    if (rv == APR_SUCCESS) {
        find_all(pages, &snapshot, w, p);
    }
    /* What may be written to can be read. */
    if (certmap_pages_check(pages, &snapshot, &why, p) == APR_SUCCESS) {
        FUZZ_CHECK(why == NULL && rv == APR_SUCCESS);
    }
    else {
        FUZZ_CHECK(why != NULL && why[0] != '\0');
    }
}

int FUZZ_TARGET(store)(const uint8_t *data, size_t size)
{
    apr_pool_t *p = fuzz_pool();
    int fd = memfd_create("store", MFD_CLOEXEC);
    apr_pool_t *own;

    FUZZ_CHECK(fd >= 0 && write(fd, data, size) == (ssize_t) size);
    apr_pool_create(&own, p);
    ask(apr_psprintf(p, "/proc/self/fd/%d", fd), own);
    apr_pool_destroy(own);
    close(fd);
    return 0;
}
