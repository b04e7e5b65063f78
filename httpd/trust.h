/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file httpd/trust.h
 * @brief What decides about a client's certificate in a virtual host, as two digests.
 *
 * trust.c has a table of all of mod_ssl's directives that says for each whether it counts, and why.
 */
#ifndef CERTMAP_HTTPD_TRUST_H
#define CERTMAP_HTTPD_TRUST_H

#include <httpd.h>
#include <openssl/ssl.h>

/** SHA-256 of settings. */
typedef struct certmap_trust_digest_t {
    unsigned char bytes[32];
} certmap_trust_digest_t;

/**
 * Digests what decides whether a certificate is good, and no more: CAs, CRLs, OCSP, depth, security level. Two virtual
 * hosts with one digest find the same certificates good.
 * @param ctx the virtual host's, as mod_ssl has set it up
 * @return APR_SUCCESS, or APR_EGENERAL when it cannot be found out: OpenSSL failed, a file could not be read, the
 * virtual
 *         host is not in the configuration tree, or OpenSSL asks a store for CAs of which we see nothing
 */
apr_status_t certmap_trust(const server_rec *s, SSL_CTX *ctx, certmap_trust_digest_t *trust, apr_pool_t *p);
/**
 * Digests trust, the virtual host's identity and how it asks for certificates: a session from before a change of any of
 * these is verified again.
 */
apr_status_t certmap_trust_settings(const server_rec *s, SSL_CTX *ctx, const certmap_trust_digest_t *trust,
                                    certmap_trust_digest_t *settings, apr_pool_t *p);

#endif
