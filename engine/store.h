/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file engine/store.h
 * @brief Stores: LMDB files of entries, and how they are read without LMDB. Private to engine/.
 *
 * Stores are written by liblmdb and read by pages.c, which knows the layout of LMDB 0.9's data files (magic number and
 * version are checked). A server must not die of a file, and liblmdb trusts the pages that it is given; here each
 * offset is checked before it is followed. Reading needs no lock file (which the account of a server's children could
 * not write), no slot in a table of readers, and nothing that a fork() could break. Writers exclude one another, and
 * whoever wants to read all of one version, by locks on the data file itself.
 *
 * What keeps a reader safe from a writer: LMDB writes a new version of whatever changes into pages that are free, then
 * one of two meta pages. Pages that the version with transaction number N uses are written to again by transaction
 * N + 3 at the earliest, which begins when N + 2 has been committed. A reader that finds N or N + 1 as the newest after
 * it has read, has read whole pages of version N; else it reads again.
 */
#ifndef CERTMAP_STORE_H
#define CERTMAP_STORE_H

#include <fcntl.h>
#include <sys/stat.h>

#include "source.h"

/* ---- pages (pages.c) ----------------------------------------------------------------------------------------- */

/** A data file, mapped as long as it was when it was opened. */
typedef struct certmap_pages_t {
    const unsigned char *map;
    apr_size_t len;
    apr_size_t page;                /**< size of a page */
    int fd;
    struct stat st;                 /**< when it was mapped */
} certmap_pages_t;

/** One version of the contents. */
typedef struct certmap_snapshot_t {
    apr_uint64_t txnid;
    apr_uint64_t root;
    apr_uint64_t last;              /**< last page */
    apr_uint64_t entries;
    unsigned depth;
    apr_uint64_t free_root;         /**< the tree of pages that are free */
    apr_uint64_t free_entries;
    unsigned free_depth;
    unsigned free_flags;
} certmap_snapshot_t;

/** One key and its value, copied. */
typedef struct certmap_node_t {
    const unsigned char *key;
    apr_size_t keylen;
    const unsigned char *value;
    apr_size_t len;
} certmap_node_t;

/**
 * Opens a data file; it is closed with p.
 * @param why out: what is wrong with it, a constant or in p
 * @return APR_SUCCESS, an error of the system, APR_EINVAL: this is no LMDB file, or APR_EGENERAL: it is damaged
 */
apr_status_t certmap_pages_open(const char *path, certmap_pages_t **pages, const char **why, apr_pool_t *p);
#define CERTMAP_MARKS 4
/** Numbers that change with the contents, without making sure that there is a version to be read. While a version is
 *  being written they may be of no version at all. */
void certmap_pages_marks(const certmap_pages_t *pages, apr_uint64_t marks[CERTMAP_MARKS]);
/** The newest version. @return 1, or 0 when the meta pages make no sense */
int certmap_pages_snapshot(const certmap_pages_t *pages, certmap_snapshot_t *snapshot);
/** Whether what was read of a version was that version. Asked after reading. */
int certmap_pages_still(const certmap_pages_t *pages, const certmap_snapshot_t *snapshot);
/**
 * Looks a key up. When it is not there, *around are its neighbours (key NULL: none), so that a caller can make sure of
 * them: a damaged key hides next to the place where it should be.
 * @return APR_SUCCESS with *found, APR_NOTFOUND with around, or APR_EGENERAL with *why (a constant)
 */
apr_status_t certmap_pages_find(const certmap_pages_t *pages, const certmap_snapshot_t *snapshot,
                                const unsigned char *key, apr_size_t keylen, certmap_node_t *found,
                                certmap_node_t around[2], const char **why, apr_pool_t *p);
/** Calls fn for every key in order, everything checked. fn returns NULL, or why to stop; what it gets is freed after
 *  it. @return APR_SUCCESS, or APR_EGENERAL with *why */
typedef const char *certmap_node_fn(void *baton, const certmap_node_t *node, apr_pool_t *p);
apr_status_t certmap_pages_walk(const certmap_pages_t *pages, const certmap_snapshot_t *snapshot, certmap_node_fn *fn,
                                void *baton, const char **why, apr_pool_t *p);

/** Whether every page that a version has stands where it should and is used once, the free ones too: liblmdb trusts
 *  what it is given, and would write into pages that are in use. @return APR_SUCCESS, or APR_EGENERAL with *why */
apr_status_t certmap_pages_check(const certmap_pages_t *pages, const certmap_snapshot_t *snapshot, const char **why,
                                 apr_pool_t *p);

/* ---- what stands in a store (storefile.c) -------------------------------------------------------------------- */

#define CERTMAP_STORE_VERSION 1
/** The one key that is no hash. */
#define CERTMAP_HEADER_KEY "certmap-store"
#define CERTMAP_HEADER_KEY_LEN (sizeof(CERTMAP_HEADER_KEY) - 1)
#define CERTMAP_HEADER_LEN (8 + 4 + 4 + 8 * CERTMAP_K_COUNT + 8)
/** Before each record. */
#define CERTMAP_SUM_LEN 8

/** What the header says. */
typedef struct certmap_header_t {
    apr_uint64_t counts[CERTMAP_K_COUNT];
} certmap_header_t;

/** Sum over a key and bytes: any one damaged word changes it. */
apr_uint64_t certmap_store_sum(const unsigned char *key, apr_size_t keylen, const unsigned char *data, apr_size_t len);
void certmap_header_pack(const certmap_header_t *header, unsigned char to[CERTMAP_HEADER_LEN]);
/** @return NULL, or what is wrong (a constant) */
const char *certmap_header_unpack(const unsigned char *data, apr_size_t len, certmap_header_t *header);
/** The header of a version, found and checked, against the number of entries too. @return NULL or what is wrong */
const char *certmap_store_header(const certmap_pages_t *pages, const certmap_snapshot_t *snapshot,
                                 certmap_header_t *header, apr_pool_t *p);
/** What a key has; checked. @return APR_SUCCESS, APR_NOTFOUND (certain), or APR_EGENERAL with *why (a constant) */
apr_status_t certmap_store_find(const certmap_pages_t *pages, const certmap_snapshot_t *snapshot,
                                const certmap_key_t *key, certmap_entry_t *entry, const char **key_text,
                                const char **why, apr_pool_t *p);
/** Checks and unpacks a node that is no header. @return NULL or what is wrong (a constant) */
const char *certmap_store_unpack(const certmap_node_t *node, certmap_kind_e *kind, certmap_entry_t *entry,
                                 const char **key_text, apr_pool_t *p);
unsigned certmap_header_kinds(const certmap_header_t *header);

/** Reads something of one version, which may be asked for several times. @return NULL, or what is wrong */
typedef const char *certmap_version_fn(void *baton, const certmap_pages_t *pages, const certmap_snapshot_t *snapshot,
                                       apr_pool_t *p);
/**
 * Calls fn until what it read was one version.
 * @return APR_SUCCESS, APR_EGENERAL with *why, or APR_EAGAIN: the file has grown and must be opened anew
 */
apr_status_t certmap_store_ask(const certmap_pages_t *pages, certmap_version_fn *fn, void *baton, const char **why,
                               apr_pool_t *p);

/* ---- writers and those who read everything (storelock.c, store.c) -------------------------------------------- */

/**
 * Opens the data file, with open()'s flags, and locks it: for writing, or for reading a version that nobody replaces
 * meanwhile. Waits some seconds for others. Closed and unlocked with p.
 * @return APR_SUCCESS, APR_EBUSY, or an error of the system; *why says why
 */
apr_status_t certmap_store_lock(const char *path, int flags, int *fd, const char **why, apr_pool_t *p);
/** A key and where it stood. */
typedef struct certmap_wanted_t {
    certmap_key_t key;
    certmap_place_t place;
} certmap_wanted_t;

/** Reads keys that stand alone, one a line, at least one, none twice. @param keys out: of certmap_wanted_t
 *  @return APR_SUCCESS, or APR_EINVAL with *errors and *why */
apr_status_t certmap_store_keys(certmap_str_t text, const char *file, apr_array_header_t **keys,
                                apr_array_header_t **errors, const char **why, apr_pool_t *p);

#endif
