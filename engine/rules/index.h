/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file engine/rules/index.h
 * @brief The index over a ruleset: what building it (index.c) and asking it (candidates.c) share. Private to these two.
 *
 * Every rule is put under one key: of all that its positive conditions ask, what the fewest other rules ask, too. A
 * certificate's values give the keys that it meets in one pass over each value, and only the rules under those keys
 * are asked, in their order. Keys are 64-bit hashes and nothing but a filter: a key that is met by chance costs a rule
 * asked without need, while a rule that matches is always found, because each of its positive conditions implies its
 * key:
 *
 *   EQUAL     FIELD=text; a regex that is all literal        hash of the value, folded or as it stands
 *   PREFIX    FIELD=text*; a regex that begins with it       hash of its first bytes, for each length in use
 *   SUFFIX    FIELD=*text; a regex that ends with it         hash of its last bytes, likewise
 *   INNER     FIELD=*text*; a regex with it in between       hash of each of its substrings of a few lengths
 *   DN        FIELD=DN                                       hash over the RDNs, folded
 *   BELOW     FIELD=*,DN                                     that hash at each ancestor
 *   NETWORK   san.ip=192.0.2.0/24                            hash of its first bits, for each prefix length in use
 *   PRESENT   any of them                                    the field has a value
 *
 * Where many rules share even their best key, they are put under a pair of keys instead. Rules without a positive
 * condition are always asked. Where a certificate's field is malformed, or has a value of another type than text, its
 * values give no keys that could be trusted: all rules that have one of their keys in this field are asked then.
 */
#ifndef CERTMAP_INDEX_H
#define CERTMAP_INDEX_H

#include <string.h>

#include "rules/candidates.h"

#define CERTMAP_INDEX_BASE APR_UINT64_C(0x9e3779b97f4a7c15)
#define CERTMAP_INDEX_NOTHING 0xffffffffu

typedef enum how_e {
    HOW_EQUAL,
    HOW_DN,
    HOW_PREFIX,
    HOW_SUFFIX,
    HOW_NETWORK,
    HOW_BELOW,
    HOW_INNER,
    HOW_PRESENT
} how_e;

/* A way to look for keys, the same for many. */
typedef struct way_t {
    how_e how;
    int exact;          /* in the unchanged value, not folded */
    unsigned len;       /* of PREFIX, SUFFIX, INNER; of NETWORK: octets << 8 | bits */
    apr_uint64_t power; /* BASE to the len */
    apr_uint64_t seed;
    apr_uint64_t mask;    /* bits of the filter, less one */
    apr_uint64_t *filter; /* a bit for each key, small enough to stay in a cache */
    apr_uint32_t nkeys;
    apr_uint32_t field; /* of certmap_index_t's fields */
} way_t;

typedef struct field_t {
    const certmap_field_t *field;
    const way_t *ways;
    apr_size_t nways;
    const apr_uint32_t *rules; /* all that have a key in one of its ways */
    apr_size_t nrules;
} field_t;

/* A key, or a pair of keys. The rules are in certmap_index_t's rules. */
typedef struct bucket_t {
    apr_uint32_t first; /* the rules under it */
    apr_uint32_t n;
    apr_uint32_t all_first; /* the rules under pairs that it leads */
    apr_uint32_t all_n;
    apr_uint32_t follows; /* it is the second of a pair */
} bucket_t;

typedef struct bucket_slot_t {
    apr_uint32_t check;  /* a part of the key */
    apr_uint32_t bucket; /* or NOTHING */
} bucket_slot_t;

struct certmap_index_t {
    const field_t *fields;
    apr_size_t nfields;
    const bucket_slot_t *slots;
    apr_uint64_t mask; /* slots, less one */
    const bucket_t *buckets;
    const apr_uint32_t *rules;
    const apr_uint32_t *always; /* rules that are always asked */
    apr_size_t nalways;
};

/* ---- hashes --------------------------------------------------------------------------------------------------- */

/* A text's hash is a polynomial, h(text c) = h(text) * BASE + c + 1, so that of a part follows from two beginnings'. */

static inline apr_uint64_t index_mix(apr_uint64_t h)
{
    h ^= h >> 30;
    h *= APR_UINT64_C(0xbf58476d1ce4e5b9);
    h ^= h >> 27;
    h *= APR_UINT64_C(0x94d049bb133111eb);
    return h ^ (h >> 31);
}

static inline apr_uint64_t index_hash(apr_uint64_t h, const void *data, apr_size_t len)
{
    const unsigned char *s = data;
    apr_size_t i;

    for (i = 0; i < len; i++) {
        h = h * CERTMAP_INDEX_BASE + s[i] + 1;
    }
    return h;
}

/* One RDN after those that h stands for. Names that are equal byte for byte are equal folded. */
static inline apr_uint64_t index_hash_rdn(apr_uint64_t h, const certmap_rdn_t *rdn)
{
    int i;

    for (i = 0; i < rdn->navas; i++) {
        h = index_mix(index_hash(h, rdn->avas[i].oid, strlen(rdn->avas[i].oid)) + 1);
        h = index_mix(index_hash(h, rdn->avas[i].folded.data, rdn->avas[i].folded.len) + 2);
    }
    return index_mix(h + 3);
}

static inline apr_uint64_t index_hash_network(const unsigned char *octets, unsigned bits)
{
    apr_uint64_t h = index_hash(0, octets, bits / 8);

    return bits % 8 ? h * CERTMAP_INDEX_BASE + (octets[bits / 8] >> (8 - bits % 8)) + 1u : h;
}

static inline apr_uint64_t index_key(apr_uint64_t seed, apr_uint64_t h)
{
    return index_mix(h ^ seed);
}

static inline apr_uint64_t index_pair_key(apr_uint32_t lead, apr_uint32_t follow)
{
    return index_mix(index_mix((apr_uint64_t)lead << 32 | follow) + 1);
}

/* The slot of a key, or the free one where it would be. */
static inline const bucket_slot_t *index_slot(const bucket_slot_t *slots, apr_uint64_t mask, apr_uint64_t key)
{
    apr_uint32_t check = (apr_uint32_t)key;
    apr_uint64_t at = key >> 32;

    while (slots[at & mask].bucket != CERTMAP_INDEX_NOTHING && slots[at & mask].check != check) {
        at++;
    }
    return &slots[at & mask];
}

#endif
