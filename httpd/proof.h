/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file httpd/proof.h
 * @brief The proof that a resumed TLS session was verified under the settings of the virtual host that resumes it.
 *
 * OpenSSL resumes a session on the strength of a ticket key or a shared cache. Neither says which CAs, CRLs and
 * options the first connection was verified with, nor keeps the chain. The proof travels as the session's ticket
 * application data (RFC 5077 tickets, TLS 1.3 tickets and the session cache alike).
 */
#ifndef CERTMAP_HTTPD_PROOF_H
#define CERTMAP_HTTPD_PROOF_H

#include <httpd.h>
#include <openssl/ssl.h>

#include "certmap.h"

/** SHA-256 of a virtual host's verification settings. */
typedef struct certmap_proof_settings_t {
    unsigned char digest[32];
} certmap_proof_settings_t;

/**
 * Digests the settings: the virtual host's identity, its verification directives as written, verify mode and
 * parameters, all CAs and CRLs in the SSL_CTX's store, and those in the directories that OpenSSL reads on demand.
 * @return APR_SUCCESS, or APR_EGENERAL when OpenSSL failed or a file could not be read
 */
apr_status_t certmap_proof_settings(const server_rec *s, SSL_CTX *ctx, certmap_proof_settings_t *settings,
                                    apr_pool_t *p);

/**
 * Digests what decides whether a certificate is good, and no more: CAs, CRLs, how they are asked for, OCSP and depth,
 * as the virtual host has them outside of sections. Two virtual hosts with one digest find the same certificates good.
 * @return as certmap_proof_settings
 */
apr_status_t certmap_proof_trust(const server_rec *s, SSL_CTX *ctx, certmap_proof_settings_t *trust, apr_pool_t *p);
/**
 * Puts the proof into a session that was just verified.
 * @param chain SHA-256 of each CA of the verified chain
 * @return 1, or 0 when the session carries no proof (it will be verified anew)
 */
int certmap_proof_write(SSL_SESSION *session, const certmap_proof_settings_t *settings, apr_time_t now,
                        const unsigned char (*chain)[32], apr_size_t nchain);

/**
 * Reads the proof of a session.
 * @param timeout seconds for which a verification may be relied upon
 * @param chain   out: the chain's digests, pointing into the session; NULL when not wanted
 * @return 1 when the session was verified under these settings within the timeout, else 0
 */
int certmap_proof_holds(SSL_SESSION *session, const certmap_proof_settings_t *settings, apr_time_t now, long timeout,
                        const unsigned char (**chain)[32], apr_size_t *nchain);

#endif
