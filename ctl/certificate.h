/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file ctl/certificate.h
 * @brief Certificates and revocation lists, read from files.
 */
#ifndef CTL_CERTIFICATE_H
#define CTL_CERTIFICATE_H

#include "ctl.h"

typedef struct ctl_certificate_t {
    X509 *x509;
    STACK_OF(X509) *all;        /**< the client's own first, then what follows it in the file */
    const certmap_cert_t *view; /**< of exactly the bytes that were given */
} ctl_certificate_t;

/** Reads a client's certificate, PEM or DER, "-": standard input. What is returned lives as long as the command.
 *  @return CTL_OK, or CTL_ERROR: what the file holds instead has been reported */
int ctl_certificate_read(ctl_t *ctl, const char *path, ctl_certificate_t *certificate);
/** All certificates of a file. Same returns. */
int ctl_certificates_read(ctl_t *ctl, const char *path, STACK_OF(X509) **all);
/** All revocation lists of a file. Same returns. */
int ctl_crls_read(ctl_t *ctl, const char *path, STACK_OF(X509_CRL) **all);

#endif
