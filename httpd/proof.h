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
#include "trust.h"

/**
 * Puts the proof into a session that was just verified.
 * @param chain SHA-256 of each CA of the verified chain
 * @return 1, or 0 when the session carries no proof (it will be verified again)
 */
int certmap_proof_write(SSL_SESSION *session, const certmap_trust_digest_t *settings, apr_time_t now,
                        const unsigned char (*chain)[32], apr_size_t nchain);

/**
 * Reads the proof of a session.
 * @param timeout seconds for which a verification may be relied upon
 * @param chain   out: the chain's digests, pointing into the session; NULL when not wanted
 * @return 1 when the session was verified under these settings within the timeout, else 0
 */
int certmap_proof_holds(SSL_SESSION *session, const certmap_trust_digest_t *settings, apr_time_t now, long timeout,
                        const unsigned char (**chain)[32], apr_size_t *nchain);

#endif
