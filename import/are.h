/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file import/are.h
 * @brief Regular expressions of PostgreSQL ("advanced" ones) as PCRE2, where both mean the same. Private to
 *        import/.
 */
#ifndef CERTMAP_IMPORT_ARE_H
#define CERTMAP_IMPORT_ARE_H

#include "certmap.h"

typedef struct certmap_are_t {
    const char *pattern;   /**< for '~': it meets whole values, so what was not anchored has ".*" there */
    int captures;          /**< that capture */
    int exact;             /**< it matches every value that the original matches; else some of them that are not ASCII
                                 are missing. It never matches more. */
    const char *uncertain; /**< why it is not certain that the first group holds the same in both; NULL: it does */
} certmap_are_t;

/** @return NULL, or why there is no such pattern, in words */
const char *certmap_import_are(certmap_str_t text, certmap_are_t *are, apr_pool_t *p);

#endif
