/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file engine/entries/internal.h
 * @brief What of entries/ only the engine and store/ use: keys, lines of entries, records
 *        as tables and stores hold them.
 *
 * A key is known by its kind and by a SHA-256 over the kind and its parts, each with its length before it: 32 bytes,
 * whatever was in the file. Names enter it decoded, folded and RDN by RDN, so that two spellings of a name are one
 * key. A store record is what an entry says after its key, packed; a table in memory and a store on disk hold the same
 * bytes.
 */
#ifndef CERTMAP_ENTRIES_INTERNAL_H
#define CERTMAP_ENTRIES_INTERNAL_H

#include "entries/entries.h"
#include "rules/words.h"

/* ---- kinds of keys (kind.c) ----------------------------------------------------------------------------------- */

/** What a key is made of, apart from the issuer's name. */
typedef enum certmap_key_part_e {
    CERTMAP_KEY_HASH,   /**< a SHA-256 */
    CERTMAP_KEY_SKI,    /**< a key identifier */
    CERTMAP_KEY_SERIAL, /**< a serial number */
    CERTMAP_KEY_NAME,
    CERTMAP_KEY_EMAIL
} certmap_key_part_e;

/** The tags of Active Directory's strings. */
typedef enum certmap_ad_tag_e {
    CERTMAP_AD_ISSUER,
    CERTMAP_AD_SUBJECT,
    CERTMAP_AD_SERIAL,
    CERTMAP_AD_SKI,
    CERTMAP_AD_EMAIL,
    CERTMAP_AD_PUKEY,
    CERTMAP_AD_SID,
    CERTMAP_AD_COUNT
} certmap_ad_tag_e;

/** Set of tags. */
#define CERTMAP_AD_BIT(tag) (1u << (tag))

typedef struct certmap_key_kind_t {
    const char *name; /**< "sha256": the word before ':'; or "X509:<SKI>": written as Active Directory's string only */
    certmap_strength_e strength;
    unsigned char tag;     /**< in every hash and store: never to be changed */
    certmap_field_e field; /**< of a certificate, that has the part */
    certmap_key_part_e part;
    int issuer;  /**< the issuer's name is in the key, too */
    unsigned ad; /**< the tags that make it, together; 0: none do */
} certmap_key_kind_t;

extern const certmap_key_kind_t certmap_key_kinds[CERTMAP_K_COUNT];

/** Set of kinds. */
#define CERTMAP_KIND_BIT(kind) (1u << (kind))
#define CERTMAP_KINDS_ALL ((1u << CERTMAP_K_COUNT) - 1)

/** The kind of a tag; CERTMAP_K_COUNT: it is none. */
certmap_key_kind_e certmap_key_kind_of_tag(unsigned char tag);
/** The name of the strongest kind of a set; NULL when it is empty. */
const char *certmap_kinds_first(unsigned kinds);

/* ---- keys (key.c) -------------------------------------------------------------------------------------------- */

/** The bytes of a name that a key is made of. */
certmap_str_t certmap_dn_canonical(const certmap_dn_t *dn, apr_pool_t *p);
/** Makes a key of one or two parts; b may have NULL data. @return 1, or 0 when OpenSSL failed */
int certmap_key_make(certmap_key_kind_e kind, certmap_str_t a, certmap_str_t b, certmap_key_t *key);
/**
 * A certificate's keys of these kinds, strongest first.
 * @param keys     out: array of *n keys
 * @param unformed out: kinds of which it has a key that cannot be made, because what it is made of is malformed
 * @return APR_SUCCESS, or APR_EGENERAL when OpenSSL failed
 */
apr_status_t certmap_cert_keys(const certmap_cert_t *cert, unsigned kinds, const certmap_key_t **keys, apr_size_t *n,
                               unsigned *unformed, apr_pool_t *p);
/* ---- lines of entries (line.c, key_reader.c) ------------------------------------------------------------------- */

/** Names that have been read, by their text: one issuer is on most lines. */
typedef struct certmap_dn_cache_t certmap_dn_cache_t;

/** What a key is read with. */
typedef struct certmap_key_reader_t {
    certmap_sink_t *sink;
    certmap_dn_cache_t *cache; /**< or NULL */
    apr_pool_t *pool;
} certmap_key_reader_t;

certmap_dn_cache_t *certmap_dn_cache_create(apr_pool_t *p);
/** Reads the key that words begin with. All errors go to the sink. @return how many words it has; 0: an error */
int certmap_key_read(const certmap_key_reader_t *reader, const certmap_word_t *words, int nwords, certmap_key_t *key);

/** One entry of a text. Its strings live until the next one is read. */
typedef struct certmap_line_t {
    certmap_key_t key;
    certmap_entry_t entry;
    certmap_place_t place;
    const certmap_word_t *words; /**< the first nkey of them are the key */
    int nkey;
} certmap_line_t;

typedef struct certmap_line_reader_t certmap_line_reader_t;

/** Starts at the beginning of a text. fast: lines of the usual form take a shorter way, with the same results. */
certmap_line_reader_t *certmap_line_reader_create(certmap_str_t text, certmap_sink_t *sink, int fast, apr_pool_t *p);
/** The next entry without an error. @return APR_SUCCESS, or APR_EOF */
apr_status_t certmap_line_next(certmap_line_reader_t *reader, certmap_line_t *line);
/** The key of a line, written so that reading gives the same words. */
const char *certmap_line_key_text(const certmap_line_t *line, apr_pool_t *p);

/* ---- keys without an entry (keys.c) ---------------------------------------------------------------------------- */

/** A key and where it was. */
typedef struct certmap_wanted_t {
    certmap_key_t key;
    certmap_place_t place;
} certmap_wanted_t;

/** Reads keys without an entry, one a line, at least one, none twice. @param keys out: of certmap_wanted_t
 *  @return APR_SUCCESS, or APR_EINVAL with *errors and *why */
apr_status_t certmap_keys_read(certmap_str_t text, const char *file, apr_array_header_t **keys,
                               apr_array_header_t **errors, const char **why, apr_pool_t *p);

/* ---- records (store_record.c) -------------------------------------------------------------------------------- */

/** Numbers in records and stores: big-endian, wherever they are written. */
void certmap_put_number(unsigned char *s, apr_uint64_t n, int octets);
apr_uint64_t certmap_get_number(const unsigned char *s, int octets);
/** Bytes that an entry takes, key_text ("" for none) included. */
apr_size_t certmap_store_record_size(const certmap_entry_t *entry, const char *key_text);
/** Packs an entry into certmap_store_record_size bytes. */
void certmap_store_record_pack(certmap_key_kind_e kind, const certmap_entry_t *entry, const char *key_text,
                               unsigned char *to);
/** What a record's first bytes say. @return 1, or 0 when it is not a record */
int certmap_store_record_head(const unsigned char *record, apr_size_t len, certmap_key_kind_e *kind, int *deny);
/**
 * Unpacks a record, which may be any bytes. Everything is copied into p.
 * @param key_text out or NULL
 * @return 1, or 0 when it is not a record
 */
int certmap_store_record_unpack(const unsigned char *record, apr_size_t len, certmap_key_kind_e *kind,
                                certmap_entry_t *entry, const char **key_text, apr_pool_t *p);
/** Puts one entry found under a key into the answer; they come strongest first. */
void certmap_lookup_add(certmap_lookup_t *found, const certmap_entry_t *entry, certmap_key_kind_e kind);

/* ---- tables (table.c) ---------------------------------------------------------------------------------------- */

/** certmap_entries_parse, with the keys' texts kept for those who write stores. */
apr_status_t certmap_entries_read(certmap_str_t text, const char *file, int key_texts,
                                  const certmap_entries_t **entries, apr_array_header_t **errors, apr_pool_t *p);
/** One entry of a table: its hash, and its record. */
typedef struct certmap_packed_t {
    apr_uint32_t line;
    apr_uint32_t len;
    unsigned char hash[CERTMAP_HASH_LEN];
    unsigned char record[];
} certmap_packed_t;

/** All entries in the order of their hashes, in p. */
const certmap_packed_t **certmap_entries_sorted(const certmap_entries_t *entries, apr_pool_t *p);
/** And in the order of their lines. */
const certmap_packed_t **certmap_entries_by_line(const certmap_entries_t *entries, apr_pool_t *p);
/** The entry of a key's hash, or NULL. */
const certmap_packed_t *certmap_entries_find(const certmap_entries_t *entries, const unsigned char *hash);
/** The kinds that it holds, as a set. */
unsigned certmap_entries_kinds(const certmap_entries_t *entries);

#endif
