/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file engine/source/sealed.h
 * @brief Stores: constant databases of entries, sealed as a whole. For the engine and store/.
 *
 * A store is a file of tinycdb's (cdb), which is written once and never changed, and a seal after it. Its first record
 * has the key "certmap-store" and says what the file is. Each other record has a key's hash (32 bytes, see
 * entries/internal.h) and an entry (store_record.c), in ascending order of the hashes, so that the same entries are
 * always the same bytes. The seal is CERTMAP_SEAL_LEN bytes, its numbers big-endian:
 *
 *     16 bytes  "certmap seal" and four zeros
 *      4        version of the format
 *      4        zero
 *      8        build: grows with each build, microseconds since 1970 or one more than before
 *    16 x 8     entries by the tag of their kind, from tag 1 (key.c)
 *    16 x 8     of these, entries that deny
 *     32        SHA-256 over everything before it
 *
 * Before a store is asked, its seal must be checked. After that "not found" is certain as long as the file stays what
 * it was: device, inode, size and times. The seal finds accidents; who may write the file may seal it as well.
 */
#ifndef CERTMAP_SOURCE_SEALED_H
#define CERTMAP_SOURCE_SEALED_H

#include <sys/stat.h>
#include <cdb.h>

#include "entries/internal.h"
#include "source/source.h"

#define CERTMAP_STORE_VERSION 1
#define CERTMAP_STORE_MARK "certmap-store"
#define CERTMAP_STORE_MARK_LEN (sizeof(CERTMAP_STORE_MARK) - 1)
#define CERTMAP_SEAL_TAGS 16
#define CERTMAP_SEAL_LEN (16 + 4 + 4 + 8 + 2 * CERTMAP_SEAL_TAGS * 8 + 32)

/** What a seal says. */
typedef struct certmap_seal_t {
    apr_uint64_t build;
    apr_uint64_t counts[CERTMAP_K_COUNT];
    apr_uint64_t denies[CERTMAP_K_COUNT];
    unsigned char digest[32];
} certmap_seal_t;

/** How a file was. Plain numbers, so that processes can share it. */
typedef struct certmap_state_t {
    apr_uint64_t dev;
    apr_uint64_t ino;
    apr_uint64_t size;
    apr_int64_t mtime; /**< nanoseconds */
    apr_int64_t ctime;
} certmap_state_t;

/* ---- what has been checked, for all processes (checked.c) ---------------------------------------------------- */

/** File systems count time in steps: what changed so many seconds ago or less may change again and look the same. */
#define CERTMAP_SETTLED_SECONDS 2

void certmap_state_of(const struct stat *st, certmap_state_t *state);
/** Whether both are one file in one state. */
int certmap_state_same(const certmap_state_t *a, const certmap_state_t *b);
/** Whether an open file still has the contents that it had. Losing its name to another file changes its ctime. */
int certmap_state_holds(const certmap_state_t *state, const struct stat *st);
int certmap_state_is_settled(const certmap_state_t *state);
/** Whether a file system's times and contents may come from elsewhere, a moment too late. @param type as of statfs */
int certmap_is_remote(unsigned long type);

typedef enum certmap_known_e {
    CERTMAP_KNOWN_NOT,
    CERTMAP_KNOWN_WHOLE,
    CERTMAP_KNOWN_DAMAGED
} certmap_known_e;

/** One process at a time checks, and what it found is known to all. @param checked may be NULL
 *  @return 1; 0: go on without, and do not call the others; -1: stopped by the progress function */
int certmap_checked_lock(certmap_checked_t *checked, certmap_progress_fn *progress, void *baton);
void certmap_checked_unlock(certmap_checked_t *checked);
/** What is known of a file in this state with this digest in its seal. What was found before the file had settled
 *  counts only until then. Locked. */
certmap_known_e certmap_checked_find(const certmap_checked_t *checked, const certmap_state_t *state,
                                     const unsigned char digest[32]);
/** @param settled whether it had when the check began */
void certmap_checked_remember(certmap_checked_t *checked, const certmap_state_t *state, const unsigned char digest[32],
                              int whole, int settled);

/* ---- sealed files (sealed.c) --------------------------------------------------------------------------------- */

/** An open store. Nothing in it is believed before certmap_sealed_check. */
typedef struct certmap_sealed_t {
    int fd;
    certmap_state_t state; /**< when it was opened */
    certmap_seal_t seal;
    unsigned kinds;      /**< that it holds, as a set */
    unsigned deny_kinds; /**< kinds of entries that deny */
    int remote;          /**< certmap_is_remote */
    int settled;         /**< it had when it was checked */
    struct cdb cdb;      /**< mapped; copied before it is asked, because asking writes to it */
} certmap_sealed_t;

void certmap_seal_pack(const certmap_seal_t *seal, unsigned char to[CERTMAP_SEAL_LEN]);
/** @return NULL, or what is wrong (a constant) */
const char *certmap_seal_unpack(const unsigned char from[CERTMAP_SEAL_LEN], certmap_seal_t *seal);

/**
 * Opens a store and maps it; it is closed with p.
 * @param why out: what is wrong with it, a constant or in p
 * @return APR_SUCCESS, an error of the system, APR_EINVAL: this is not a store, or APR_EGENERAL: it is damaged
 */
apr_status_t certmap_sealed_open(const char *path, certmap_sealed_t **sealed, const char **why, apr_pool_t *p);
/** The same of an open file, which is closed with p, or now when this fails. */
apr_status_t certmap_sealed_take(int fd, certmap_sealed_t **sealed, const char **why, apr_pool_t *p);
/** SHA-256 over the first len bytes, read and not mapped: a file that somebody cuts off meanwhile is an error and not
 *  a signal. @param progress may be NULL  @return APR_SUCCESS, APR_EINTR, or an error with *why */
apr_status_t certmap_sealed_digest(int fd, apr_uint64_t len, unsigned char digest[32], certmap_progress_fn *progress,
                                   void *baton, const char **why);
/** Reads all of it, unless another process has done so: does the seal hold? @param checked NULL: nobody is asked
 *  @return APR_SUCCESS, APR_EINTR, APR_EAGAIN: it has changed meanwhile, or APR_EGENERAL: it is damaged; with *why */
apr_status_t certmap_sealed_check(certmap_sealed_t *sealed, certmap_checked_t *checked, certmap_progress_fn *progress,
                                  void *baton, const char **why);
/** Whether the file is still what it was. One system call. */
int certmap_sealed_holds(const certmap_sealed_t *sealed);
/** Whether it is as long as it was: half the price of knowing that it holds, and enough to ask it without a signal. */
int certmap_sealed_is_long_enough(const certmap_sealed_t *sealed);
/** Looks a hash up. @return 1 with the record, which is in the file; 0; -1: the file is damaged */
int certmap_sealed_find(const certmap_sealed_t *sealed, const unsigned char hash[CERTMAP_HASH_LEN],
                        const unsigned char **record, apr_size_t *len);
/** The entry under a key, in p. @return APR_SUCCESS, APR_NOTFOUND, or APR_EGENERAL: the file is damaged */
apr_status_t certmap_sealed_entry(const certmap_sealed_t *sealed, const certmap_key_t *key, certmap_entry_t *entry,
                                  const char **key_text, apr_pool_t *p);

/** One record after another, in the order of the file. */
typedef struct certmap_sealed_iter_t {
    struct cdb cdb;
    unsigned at;
    const unsigned char *hash;
    const unsigned char *record;
    unsigned len;
} certmap_sealed_iter_t;

void certmap_sealed_first(const certmap_sealed_t *sealed, certmap_sealed_iter_t *iter);
/** @return 1 with the next record, 0 after the last one, -1: the file is damaged, or not in order */
int certmap_sealed_next(certmap_sealed_iter_t *iter);
extern const char certmap_store_damaged[];
extern const char certmap_store_changing[];

#endif
