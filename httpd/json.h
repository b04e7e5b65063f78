/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file httpd/json.h
 * @brief Writes JSON (RFC 8259), for the pages and for what httpd -t -D DUMP_CERTMAP_JSON prints.
 *
 * Names are the caller's own words in ASCII and are written as they are. A name is NULL for values of an array, and for
 * the outermost value. Each begin needs its end.
 */
#ifndef CERTMAP_HTTPD_JSON_H
#define CERTMAP_HTTPD_JSON_H

#include "out.h"

typedef struct certmap_json_t {
    certmap_out_t *out;
    int ascii; /**< characters beyond ASCII are written as \uHHHH */
    int depth;
    int begun; /**< nothing is yet in the innermost object or array */
} certmap_json_t;

/** @param ascii for terminals and pipes of any locale: nothing but printable ASCII is written */
certmap_json_t certmap_json_create(certmap_out_t *out, int ascii);
void certmap_json_object(certmap_json_t *j, const char *name);
void certmap_json_object_end(certmap_json_t *j);
void certmap_json_array(certmap_json_t *j, const char *name);
void certmap_json_array_end(certmap_json_t *j);
/** A string, of any bytes. What is not UTF-8 becomes {"hex": "..."} with all of its bytes, so that nothing is lost.
 *  @param text NULL: null */
void certmap_json_text(certmap_json_t *j, const char *name, const char *text);
void certmap_json_number(certmap_json_t *j, const char *name, long number);
void certmap_json_bool(certmap_json_t *j, const char *name, int yes);

#endif
