/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file httpd/access.h
 * @brief The checks: guard, mapping, AuthType Certificate, Require certmap-*.
 */
#ifndef CERTMAP_HTTPD_ACCESS_H
#define CERTMAP_HTTPD_ACCESS_H

#include <apr_pools.h>

/** Registers the access hooks and authorization providers; see the order in access.c. */
void certmap_access_register(apr_pool_t *p);

#endif
