/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file engine/base/internal.h
 * @brief What of base/ only the engine uses: more of text, digests, hints, pools.
 */
#ifndef CERTMAP_BASE_INTERNAL_H
#define CERTMAP_BASE_INTERNAL_H

#include "base/base.h"

/* ---- text ------------------------------------------------------------------------------------------------------ */

/** Where a URI ignores case: its scheme, and its host with the port; all else of it does not (RFC 3986, 6.2.2.1). */
typedef struct certmap_uri_t {
    apr_size_t scheme; /**< the first bytes */
    apr_size_t host;   /**< from this byte */
    apr_size_t end;    /**< to this one, exclusive */
} certmap_uri_t;

certmap_uri_t certmap_uri_parts(certmap_str_t uri);
/** The folded form of a URI: scheme and host in ASCII lower case, all else as it is; empty when it is all blanks. */
certmap_str_t certmap_fold_uri(certmap_str_t uri, apr_pool_t *p);

static inline int certmap_uri_ignores_case(const certmap_uri_t *uri, apr_size_t at)
{
    return at < uri->scheme || (at >= uri->host && at < uri->end);
}
/** Why a code point makes a value of a certificate malformed, or NULL: NUL and controls. */
const char *certmap_control_check(apr_uint32_t c);
/** Why no certificate can hold this text (bad encoding, NUL, controls), or NULL. A constant. */
const char *certmap_value_check(certmap_str_t text);
/** Bytes copied into a pool, with a NUL after them. */
certmap_str_t certmap_str_copy(const void *data, apr_size_t len, apr_pool_t *p);
/** Lower-case hex of bytes. */
certmap_str_t certmap_hex(const unsigned char *data, apr_size_t len, apr_pool_t *p);

/* ---- pools, digests -------------------------------------------------------------------------------------------- */

/** A pool whose memory goes back to the system with it. */
apr_pool_t *certmap_pool_temporary(apr_pool_t *parent);
/** Digests, by certmap_engine_init's algorithms. @return 1, or 0 when OpenSSL failed */
int certmap_digest_sha256(const void *data, apr_size_t len, unsigned char out[32]);
int certmap_digest_sha1(const void *data, apr_size_t len, unsigned char out[20]);

/** Brings errors (of certmap_error_t) into the order of their places, from index `from` on.
 *  Equals stay as they came. */
void certmap_errors_sort(apr_array_header_t *list, int from);

#endif
