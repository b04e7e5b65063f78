/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file httpd/authz.h
 * @brief The Require providers: certmap-rule, certmap-group, certmap-verified.
 */
#ifndef CERTMAP_HTTPD_AUTHZ_H
#define CERTMAP_HTTPD_AUTHZ_H

#include <mod_auth.h>

/** Require certmap-rule NAME...: one of these rules gave the user. */
extern const authz_provider certmap_authz_rule;
/** Require certmap-group NAME...: the user is in one of these groups. */
extern const authz_provider certmap_authz_group;
/** Require certmap-verified: there is a certificate, and it passed verification. */
extern const authz_provider certmap_authz_verified;

#endif
