/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file store/internal.h
 * @brief What the files of store/ share.
 */
#ifndef CERTMAP_STORE_INTERNAL_H
#define CERTMAP_STORE_INTERNAL_H

#include "source/sealed.h"
#include "store/store.h"

/**
 * Opens the new file next to a store, made when it is not there, and locks it: there is one writer at a time. One that
 * was killed left a file, which the next one takes over. Waits some seconds for others. Closed and unlocked with p.
 * @return APR_SUCCESS, APR_EBUSY, or an error of the system; *why says why
 */
apr_status_t certmap_store_lock(const char *path, int *fd, const char **why, apr_pool_t *p);
/** Whether a store of so many entries fits, whose keys and records have so many bytes. @return NULL, or why not */
const char *certmap_store_fits(apr_uint64_t entries, apr_uint64_t bytes, apr_pool_t *p);

#endif
