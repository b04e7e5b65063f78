/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file httpd/dump.h
 * @brief What httpd -t prints of the configuration that is in force.
 */
#ifndef CERTMAP_HTTPD_DUMP_H
#define CERTMAP_HTTPD_DUMP_H

#include "config.h"

/** A test_config hook: words under -D DUMP_CERTMAP, JSON under -D DUMP_CERTMAP_JSON. */
void certmap_dump_config(apr_pool_t *pconf, server_rec *s);
/** One JSON document on standard output (dump_json.c). */
void certmap_dump_json(apr_pool_t *pconf, server_rec *s);

#endif
