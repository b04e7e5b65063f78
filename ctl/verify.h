/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file ctl/verify.h
 * @brief Verification of a certificate, as httpd would do it.
 */
#ifndef CTL_VERIFY_H
#define CTL_VERIFY_H

#include "certificate.h"

/** SSLVerifyDepth is not given. */
#define CTL_ANY_DEPTH (-1)

typedef enum ctl_crl_e {
    CTL_CRL_NONE,
    CTL_CRL_LEAF, /**< of the client's own certificate */
    CTL_CRL_CHAIN
} ctl_crl_e;

typedef struct ctl_verify_t {
    int is_httpd;        /**< the files are read as httpd reads them; else as the command's options say */
    const char *ca;      /**< file of trusted CAs; or NULL, as the next three */
    const char *ca_path; /**< folder of them */
    const char *crl;     /**< file of CRLs */
    const char *crl_path;
    ctl_crl_e crl_check;
    int crl_may_miss;    /**< no_crl_for_cert_ok */
    int depth;           /**< SSLVerifyDepth, or CTL_ANY_DEPTH */
    const char *ciphers; /**< SSLCipherSuite, for its security level; or NULL */
    apr_time_t now;
} ctl_verify_t;

/** What came of it. */
typedef struct ctl_verified_t {
    const ctl_verify_t *how;
    certmap_verdict_t verdict;
    int is_hard; /**< an error of those that optional_no_ca does not pass over */
} ctl_verified_t;

/** Verifies as httpd would. @return CTL_OK with *verified filled, or CTL_ERROR, which has been reported */
int ctl_verify(ctl_t *ctl, const ctl_verify_t *how, const ctl_certificate_t *certificate, ctl_verified_t *verified);

#endif
