/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file store/store.h
 * @brief Writing stores, and reading them whole: libcertstore, for certmapctl; no part of the module.
 */
#ifndef CERTMAP_STORE_H
#define CERTMAP_STORE_H

#include "source/source.h"

#ifdef __cplusplus
extern "C" {
#endif

/* ---- stores -------------------------------------------------------------------------------------------------- */

/*
 * A store is one file that is written whole next to the old one and takes its place; all of these work while servers
 * read it. A writer that is killed at any moment leaves the old contents or the new, and at most PATH.new, which the
 * next one takes over. Where a function fails, why says why in words, and errors (where there are any) what is wrong
 * with the text that was given.
 * Returns: APR_EINVAL: the text has errors, or the file is not a store; APR_EBUSY: another process writes, *why says
 * which; APR_EINTR: stopped by the progress function; APR_ENOENT and other errors of the system; APR_EGENERAL: the
 * store is damaged, or would be too large.
 */

/** What a store is to be changed by. */
typedef struct certmap_store_change_t {
    certmap_str_t text;            /**< entries, or keys, one a line, as in an entry file */
    const char *file;              /**< what the text is called in messages, or NULL */
    int replace;                   /**< to add: keys that have an entry get the new one; else that is an error */
    certmap_progress_fn *progress; /**< or NULL */
    void *baton;                   /**< of progress */
} certmap_store_change_t;

/** How it went. Filled whatever the function returns. */
typedef struct certmap_store_outcome_t {
    apr_size_t count;           /**< entries that were written, added or replaced, or removed; 0 after an error */
    apr_array_header_t *errors; /**< of certmap_error_t: what is wrong with the text, warnings too; may be NULL */
    const char *why;            /**< it failed: why; else NULL */
} certmap_store_outcome_t;

/** Replaces all contents by a text's entries, in one step. The store is made when it is not there, readable by all that
 *  the umask does not keep out; else it keeps its mode and owner.
 *  @param path of the store; links are followed  @param change the entries  @param outcome out
 *  @return as above */
apr_status_t certmap_store_build(const char *path, const certmap_store_change_t *change,
                                 certmap_store_outcome_t *outcome, apr_pool_t *p);
/** Adds entries, all or none.
 *  @param path of a store that is there  @param change the entries  @param outcome out
 *  @return as above */
apr_status_t certmap_store_add(const char *path, const certmap_store_change_t *change, certmap_store_outcome_t *outcome,
                               apr_pool_t *p);
/** Removes the entries of keys, all or none. @return APR_NOTFOUND: some have none, the errors say which
 *  @param path of a store that is there  @param change the keys  @param outcome out */
apr_status_t certmap_store_remove(const char *path, const certmap_store_change_t *change,
                                  certmap_store_outcome_t *outcome, apr_pool_t *p);
/** One key's entry. @param text out: the key as it was written when it was added
 *  @return APR_NOTFOUND: it has none
 *  @param path of a store that is there  @param key as a line of an entry file begins
 *  @param entry out: lives in p  @param outcome out: count has no meaning */
apr_status_t certmap_store_get(const char *path, certmap_str_t key, const char **text, certmap_entry_t *entry,
                               certmap_store_outcome_t *outcome, apr_pool_t *p);
/** Calls fn for each entry of one version, in no order that would mean anything.
 *  @param path of a store that is there  @param baton given to fn  @param why out: on an error, in words
 *  @return as above */
apr_status_t certmap_store_each(const char *path, certmap_entry_fn *fn, void *baton, const char **why, apr_pool_t *p);
/** Reads and checks everything, each key against its text too. @param counts out: entries of each kind
 *  @param path of a store that is there  @param progress may be NULL  @param baton given to it
 *  @param why out: on an error, in words
 *  @return as above */
apr_status_t certmap_store_verify(const char *path, certmap_progress_fn *progress, void *baton,
                                  apr_size_t counts[CERTMAP_K_COUNT], const char **why, apr_pool_t *p);

#ifdef __cplusplus
}
#endif
#endif
