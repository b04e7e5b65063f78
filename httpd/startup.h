/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file httpd/startup.h
 * @brief What is done before the server runs.
 */
#ifndef CERTMAP_HTTPD_STARTUP_H
#define CERTMAP_HTTPD_STARTUP_H

#include <httpd.h>

/** Hook pre_config: the engine. */
int certmap_startup_engine(apr_pool_t *pconf, apr_pool_t *plog, apr_pool_t *ptemp);
/**
 * Hook check_config, so that httpd -t reports it too: everything that can be said of the configuration before the
 * server runs. All is reported before the server refuses to start.
 */
int certmap_startup_check(apr_pool_t *pconf, apr_pool_t *plog, apr_pool_t *ptemp, server_rec *s);
/** Hook post_config: what requests need of the process. */
int certmap_startup_prepare(apr_pool_t *pconf, apr_pool_t *plog, apr_pool_t *ptemp, server_rec *s);

#endif
