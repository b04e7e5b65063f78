/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file httpd/out.h
 * @brief Text that grows while it is written: the pages, and what httpd -t -D DUMP_CERTMAP_JSON prints.
 */
#ifndef CERTMAP_HTTPD_OUT_H
#define CERTMAP_HTTPD_OUT_H

#include <apr_pools.h>

typedef struct certmap_out_t {
    char *data; /**< a NUL follows */
    apr_size_t len;
    apr_size_t cap;
    apr_pool_t *p;
} certmap_out_t;

/** An empty text. @param cap how long it usually becomes; it grows when it has to */
certmap_out_t certmap_out_create(apr_size_t cap, apr_pool_t *p);
void certmap_out_bytes(certmap_out_t *o, const char *s, apr_size_t len);
/** The same for text that a NUL ends. */
void certmap_out_text(certmap_out_t *o, const char *s);

#endif
