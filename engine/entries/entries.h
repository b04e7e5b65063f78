/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file engine/entries/entries.h
 * @brief Entries: the kinds of their keys, files of them, tables in memory.
 */
#ifndef CERTMAP_ENTRIES_H
#define CERTMAP_ENTRIES_H

#include "rules/rules.h"

#ifdef __cplusplus
extern "C" {
#endif

/* ---- keys -------------------------------------------------------------------------------------------------------- */

/**
 * Keys of entries, strongest first. A certificate has at most one key of each kind, and one CERTMAP_K_EMAIL for each
 * address of its subject alternative name. Active Directory's strings are these keys in another spelling:
 * X509:<I>...<SR>... is an ISSUER_SERIAL, X509:<I>...<S>... a DN. X509:<SKI>... alone is weak here: a key identifier is
 * what a CA wrote into a certificate, and another CA may write the same.
 */
typedef enum certmap_key_kind_e {
    CERTMAP_K_SHA256,        /**< the certificate; strong */
    CERTMAP_K_SPKI,          /**< its key; strong */
    CERTMAP_K_SKI_ISSUER,    /**< subject key identifier and issuer; strong */
    CERTMAP_K_ISSUER_SERIAL, /**< strong */
    CERTMAP_K_DN,            /**< subject and issuer; scoped */
    CERTMAP_K_SKI,           /**< subject key identifier alone; weak */
    CERTMAP_K_SUBJECT,       /**< subject alone; weak */
    CERTMAP_K_EMAIL,         /**< an address of the subject alternative name; weak */
    CERTMAP_K_COUNT
} certmap_key_kind_e;

/** How an entry's type is written: "sha256", "issuer-serial", "X509:<S>", ...
 *  @param kind not CERTMAP_K_COUNT  @return never NULL */
const char *certmap_key_kind_name(certmap_key_kind_e kind);
/** How firmly a key of this kind binds. @param kind not CERTMAP_K_COUNT */
certmap_strength_e certmap_key_kind_strength(certmap_key_kind_e kind);

#define CERTMAP_HASH_LEN 32

typedef struct certmap_key_t {
    certmap_key_kind_e kind;
    unsigned char hash[CERTMAP_HASH_LEN];
} certmap_key_t;

/* ---- entries of a file --------------------------------------------------------------------------------------- */

/** A table of entries, immutable, in memory. */
typedef struct certmap_entries_t certmap_entries_t;

/**
 * Reads the text of an entry file. All errors are reported, duplicate keys too.
 * @param errors out: array of certmap_error_t, never NULL
 * @return APR_SUCCESS, APR_EINVAL (an error is among them) or APR_ENOMEM; *entries is set on success only
 */
apr_status_t certmap_entries_parse(certmap_str_t text, const char *file, const certmap_entries_t **entries,
                                   apr_array_header_t **errors, apr_pool_t *p);
/** How many entries of a kind there are; CERTMAP_K_COUNT: of all kinds. */
apr_size_t certmap_entries_count(const certmap_entries_t *entries, certmap_key_kind_e kind);
/** What the table holds for a certificate. @return APR_SUCCESS (also for nothing), or APR_EGENERAL: OpenSSL failed
 *  @param entries of one file  @param cert any certificate  @param found out: zeroed where there is nothing */
apr_status_t certmap_entries_lookup(const certmap_entries_t *entries, const certmap_cert_t *cert,
                                    certmap_lookup_t *found, apr_pool_t *p);

/**
 * Called for each entry. @param key as a line of a file would write it, quotes included ("ski:0a1b "CN=x"")
 * @param line of the text, 0 from a store  @return 0, or nonzero to stop
 * @param baton as given with the function  @param entry lives until the function returns
 */
typedef int certmap_entry_fn(void *baton, const char *key, const certmap_entry_t *entry, int line);
/** Calls fn for each entry of a text in its order, without a table and without looking for duplicate keys. What fn is
 *  given lives until it returns. Errors and returns as certmap_entries_parse.
 *  @param file its name for errors, or NULL  @param baton given to fn
 *  @param errors out: as there */
apr_status_t certmap_entries_each(certmap_str_t text, const char *file, certmap_entry_fn *fn, void *baton,
                                  apr_array_header_t **errors, apr_pool_t *p);
/** An entry as a line of an entry file, which reads back as the same entry.
 *  @param key as certmap_entry_fn gets it */
const char *certmap_entry_text(const char *key, const certmap_entry_t *entry, apr_pool_t *p);
/** Reads the one entry of a text, which is a line of an entry file. All errors are reported, warnings too.
 *  @param key out: the entry's key  @param more out: whether another entry follows
 *  @return APR_SUCCESS, or APR_EINVAL: it is none, or there are errors */
apr_status_t certmap_entry_key(certmap_str_t text, certmap_key_t *key, int *more, apr_array_header_t **errors,
                               apr_pool_t *p);

#ifdef __cplusplus
}
#endif
#endif
