/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file httpd/stores.h
 * @brief Stores while the server runs: checked outside of requests, by one process for all. Used by reload.c alone.
 */
#ifndef CERTMAP_HTTPD_STORES_H
#define CERTMAP_HTTPD_STORES_H

#include <httpd.h>
#include <http_config.h>

#include "certmap.h"

/**
 * Makes the source for a store and opens it. A store that cannot be used refuses a cold start; at a restart the one
 * that was in force stays in force, if there was one and the file is not gone.
 * @return NULL, or the message for httpd
 */
const char *certmap_stores_first(cmd_parms *cmd, const char *path, certmap_source_t **source);
/** The configuration's stores, of certmap_source_t *; NULL: none. */
const apr_array_header_t *certmap_stores(void);
/** Looks at all of them. The parent says little: every child says the same. */
void certmap_stores_look(int in_parent, server_rec *s, apr_pool_t *scratch);
/** A look that is under way is to end soon. */
void certmap_stores_stop(void);
/** The configuration ends: what is in force is kept for the next one. */
void certmap_stores_hand_over(process_rec *process);
/** The configuration is good: what was kept for it goes. */
void certmap_stores_forget_kept(process_rec *process, apr_pool_t *p);

#endif
