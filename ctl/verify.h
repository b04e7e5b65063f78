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

typedef struct ctl_verify_t {
    const char *ca;  /**< file of trusted CAs */
    const char *crl; /**< file of CRLs, which are then asked for the whole chain; or NULL */
    int depth;       /**< SSLVerifyDepth, or CTL_ANY_DEPTH */
    apr_time_t now;
} ctl_verify_t;

/** Verifies as httpd would. @return CTL_OK with *verdict filled, or CTL_ERROR, which has been told */
int ctl_verify(ctl_t *ctl, const ctl_verify_t *how, const ctl_certificate_t *certificate, certmap_verdict_t *verdict);

#endif
