/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file httpd/anchors.h
 * @brief The certificates that a virtual host trusts (SSLCACertificateFile, SSLCACertificatePath) and its CRLs, as
 *        start-up checks read them. mod_ssl reads them again, by itself, after these checks.
 */
#ifndef CERTMAP_HTTPD_ANCHORS_H
#define CERTMAP_HTTPD_ANCHORS_H

#include <apr_hash.h>
#include <apr_tables.h>
#include <httpd.h>

#include "certmap.h"

/** One trusted certificate. */
typedef struct certmap_anchor_t {
    const certmap_cert_t *cert;
    int self_signed;  /**< signed with its own key */
    int is_ca;        /**< OpenSSL lets it issue others: CA:TRUE, or version 1 and self-signed */
    const char *file; /**< the file or folder in which it is */
} certmap_anchor_t;

/**
 * The certificates that s trusts to issue client certificates.
 * @param known by their paths the files that other virtual hosts have, so that each is read once. Those that are read
 * are added
 * @param p     what is returned, and what known gets, lives in it
 * @return array of certmap_anchor_t, never NULL; what cannot be read is left out, for mod_ssl refuses to start with it
 */
apr_array_header_t *certmap_anchors(const server_rec *s, apr_hash_t *known, apr_pool_t *p);

/** One CRL. */
typedef struct certmap_crl_t {
    const char *issuer; /**< for display */
    apr_time_t begins;
    apr_time_t ends;  /**< 0: it does not say */
    const char *file; /**< the file or folder in which it is */
} certmap_crl_t;

/** The CRLs of s, array of certmap_crl_t, never NULL. A file is read once, for as long as it stays the same. */
apr_array_header_t *certmap_crls(const server_rec *s, apr_pool_t *p);

#endif
