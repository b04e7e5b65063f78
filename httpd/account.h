/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file httpd/account.h
 * @brief What the account of the server's children (User, Group) may do with a file.
 */
#ifndef CERTMAP_HTTPD_ACCOUNT_H
#define CERTMAP_HTTPD_ACCOUNT_H

#include <apr_pools.h>

/** Whether the children have another account than the process that reads the configuration. */
int certmap_account_is_other(void);
/** Whether they can read a file. */
int certmap_account_reads(const char *path, apr_pool_t *p);
/** Whether they can write a file or a folder. */
int certmap_account_writes(const char *path, apr_pool_t *p);

#endif
