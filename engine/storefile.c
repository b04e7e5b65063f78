/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What stands in a store: under each key's hash a sum and a record, and one header with a magic word, a version and how
 * many entries of each kind there are. Everything that is read is checked; what is damaged is an error, never "nothing
 * found".
 */
#include <string.h>

#include "store.h"

static const unsigned char magic[8] = { 'c', 'e', 'r', 't', 'm', 'a', 'p', '\n' };

static const char damaged_entry[] = "an entry is damaged";
static const char damaged_header[] = "its header is damaged";

static unsigned char *put(unsigned char *s, apr_uint64_t n, int octets)
{
    int i;

    for (i = octets; i-- > 0; n >>= 8) {
        s[i] = (unsigned char)n;
    }
    return s + octets;
}

static apr_uint64_t get(const unsigned char *s, int octets)
{
    apr_uint64_t n = 0;

    while (octets-- > 0) {
        n = n << 8 | *s++;
    }
    return n;
}

/* ---- sums ---------------------------------------------------------------------------------------------------- */

/* Each step is a bijection of the sum so far and of the word, so no single damaged word can go unnoticed. */
static apr_uint64_t add_word(apr_uint64_t sum, apr_uint64_t word)
{
    sum = (sum ^ word) * 0x9e3779b97f4a7c15u;
    return sum ^ sum >> 29;
}

static apr_uint64_t add_bytes(apr_uint64_t sum, const unsigned char *data, apr_size_t len)
{
    sum = add_word(sum, len);
    for (; len >= 8; data += 8, len -= 8) {
        sum = add_word(sum, get(data, 8));
    }
    return len > 0 ? add_word(sum, get(data, (int)len)) : sum;
}

apr_uint64_t certmap_store_sum(const unsigned char *key, apr_size_t keylen, const unsigned char *data, apr_size_t len)
{
    return add_bytes(add_bytes(0x636572746d6170u, key, keylen), data, len);
}

/* ---- the header ---------------------------------------------------------------------------------------------- */

static apr_uint64_t header_sum(const unsigned char *header)
{
    return certmap_store_sum((const unsigned char *)CERTMAP_HEADER_KEY, CERTMAP_HEADER_KEY_LEN, header,
                             CERTMAP_HEADER_LEN - 8);
}

void certmap_header_pack(const certmap_header_t *header, unsigned char to[CERTMAP_HEADER_LEN])
{
    unsigned char *s = to;
    int i;

    memcpy(s, magic, sizeof(magic));
    s = put(s + sizeof(magic), CERTMAP_STORE_VERSION, 4);
    s = put(s, CERTMAP_K_COUNT, 4);
    for (i = 0; i < CERTMAP_K_COUNT; i++) {
        s = put(s, header->counts[i], 8);
    }
    put(s, header_sum(to), 8);
}

const char *certmap_header_unpack(const unsigned char *data, apr_size_t len, certmap_header_t *header)
{
    int i;

    if (len < 16 || memcmp(data, magic, sizeof(magic)) != 0) {
        return damaged_header;
    }
    if (get(data + 8, 4) != CERTMAP_STORE_VERSION) {
        return "a store of another version; build it anew with this version's certmapctl";
    }
    if (len != CERTMAP_HEADER_LEN || get(data + 12, 4) != CERTMAP_K_COUNT
        || get(data + CERTMAP_HEADER_LEN - 8, 8) != header_sum(data)) {
        return damaged_header;
    }
    for (i = 0; i < CERTMAP_K_COUNT; i++) {
        header->counts[i] = get(data + 16 + 8 * i, 8);
    }
    return NULL;
}

const char *certmap_store_header(const certmap_pages_t *pages, const certmap_snapshot_t *snapshot,
                                 certmap_header_t *header, apr_pool_t *p)
{
    certmap_node_t node;
    certmap_node_t around[2];
    apr_uint64_t sum = 1;
    const char *why;
    int i;

    switch (certmap_pages_find(pages, snapshot, (const unsigned char *)CERTMAP_HEADER_KEY, CERTMAP_HEADER_KEY_LEN,
                               &node, around, &why, p)) {
    case APR_SUCCESS:
        why = certmap_header_unpack(node.value, node.len, header);
        break;
    case APR_NOTFOUND:
        why = "an LMDB file, but not a store of certmap entries";
        break;
    }
    for (i = 0; i < CERTMAP_K_COUNT && why == NULL; i++) {
        sum += header->counts[i];
    }
    return why == NULL && sum != snapshot->entries ? damaged_header : why;
}

unsigned certmap_header_kinds(const certmap_header_t *header)
{
    unsigned kinds = 0;
    certmap_kind_e kind;

    for (kind = CERTMAP_K_SHA256; kind < CERTMAP_K_COUNT; kind++) {
        kinds |= header->counts[kind] > 0 ? CERTMAP_KIND_BIT(kind) : 0;
    }
    return kinds;
}

/* ---- entries ------------------------------------------------------------------------------------------------- */

/* Whether a node is what was put there. */
static int is_whole(const certmap_node_t *node)
{
    if (node->keylen == CERTMAP_HEADER_KEY_LEN) {
        certmap_header_t header;

        return memcmp(node->key, CERTMAP_HEADER_KEY, CERTMAP_HEADER_KEY_LEN) == 0
               && certmap_header_unpack(node->value, node->len, &header) == NULL;
    }
    return node->keylen == CERTMAP_HASH_LEN && node->len > CERTMAP_SUM_LEN
           && get(node->value, 8) == certmap_store_sum(node->key, node->keylen, node->value + CERTMAP_SUM_LEN,
                                                       node->len - CERTMAP_SUM_LEN);
}

const char *certmap_store_unpack(const certmap_node_t *node, certmap_kind_e *kind, certmap_entry_t *entry,
                                 const char **key_text, apr_pool_t *p)
{
    return is_whole(node) && certmap_record_unpack(node->value + CERTMAP_SUM_LEN, node->len - CERTMAP_SUM_LEN, kind,
                                                   entry, key_text, p) ? NULL : damaged_entry;
}

apr_status_t certmap_store_find(const certmap_pages_t *pages, const certmap_snapshot_t *snapshot,
                                const certmap_key_t *key, certmap_entry_t *entry, const char **key_text,
                                const char **why, apr_pool_t *p)
{
    certmap_node_t found;
    certmap_node_t around[2];
    apr_status_t rv = certmap_pages_find(pages, snapshot, key->hash, CERTMAP_HASH_LEN, &found, around, why, p);
    certmap_kind_e kind;
    int side;

    if (rv == APR_SUCCESS) {
        *why = certmap_store_unpack(&found, &kind, entry, key_text, p);
        if (*why == NULL && kind != key->kind) {
            *why = damaged_entry;
        }
    }
    /* A key that was damaged hides where it should be: next to the place where it was looked for. */
    for (side = 0; side < 2 && rv == APR_NOTFOUND; side++) {
        if (around[side].key != NULL && !is_whole(&around[side])) {
            *why = damaged_entry;
        }
    }
    return *why == NULL ? rv : APR_EGENERAL;
}

/* ---- versions ------------------------------------------------------------------------------------------------ */

/* How often a version may slip away while it is read; each time two writers have committed meanwhile. */
#define TRIES_MAX 1000

/* Whether the file has grown, since it was mapped, to pages that a version has. */
static int has_grown(const certmap_pages_t *pages, const certmap_snapshot_t *snapshot)
{
    struct stat st;

    return snapshot->last >= pages->len / pages->page && fstat(pages->fd, &st) == 0
           && (apr_size_t)st.st_size / pages->page > pages->len / pages->page;
}

apr_status_t certmap_store_ask(const certmap_pages_t *pages, certmap_version_fn *fn, void *baton, const char **why,
                               apr_pool_t *p)
{
    certmap_snapshot_t snapshot;
    int tries;

    for (tries = 0; tries < TRIES_MAX; tries++) {
        *why = NULL;
        if (!certmap_pages_snapshot(pages, &snapshot)) {
            *why = "its first pages make no sense";
            return APR_EGENERAL;
        }
        if (has_grown(pages, &snapshot)) {
            return APR_EAGAIN;
        }
        *why = fn(baton, pages, &snapshot, p);
        if (certmap_pages_still(pages, &snapshot)) {
            return *why == NULL ? APR_SUCCESS : APR_EGENERAL;
        }
    }
    *why = "it changes faster than it can be read";
    return APR_EGENERAL;
}
