/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file import/sssd.h
 * @brief The halves of the importer for SSSD: sections of sssd.conf, and matching and mapping rules as conditions and
 *        users. Private to import/sssd*.c.
 */
#ifndef CERTMAP_IMPORT_SSSD_H
#define CERTMAP_IMPORT_SSSD_H

#include "import/out.h"

/** A matching rule. Its alternatives are arrays of const char *, the conditions that hold together. */
typedef struct sssd_match_t {
    apr_array_header_t *alternatives; /**< of apr_array_header_t * */
    int asks_ku;                      /**< one of them has a condition on ku */
} sssd_match_t;

/** A mapping rule as far as it names a user by the certificate alone. */
typedef struct sssd_map_t {
    const char *user;      /**< a template */
    const char *condition; /**< that the template's %{1} comes from; NULL: none */
} sssd_map_t;

/** Reads a matching rule. @return NULL, or why it cannot be carried over */
const char *certmap_sssd_match(const char *text, sssd_match_t *match, apr_pool_t *p);
/** Reads a mapping rule of a domain with a directory. @return NULL, or why it cannot be carried over */
const char *certmap_sssd_map(const char *text, sssd_map_t *map, apr_pool_t *p);

#endif
