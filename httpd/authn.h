/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file httpd/authn.h
 * @brief Authentication: AuthType Certificate, and whose user Require is asked about.
 */
#ifndef CERTMAP_HTTPD_AUTHN_H
#define CERTMAP_HTTPD_AUTHN_H

#include <httpd.h>

#include "config.h"

/** Under AuthType Certificate, where CertMap is unset: maps, because Require is about to be asked. */
void certmap_authn_map(request_rec *r, const certmap_dir_conf_t *conf);
/** Hook access_checker_ex: the last word before Require is asked; nobody has asked for a password yet. */
int certmap_authn_before_require(request_rec *r);
/** Hook check_authn: the answer under AuthType Certificate. */
int certmap_authn_authenticate(request_rec *r);
/** Hook check_authz: before Require is asked of a user who has been authenticated. */
int certmap_authn_before_require_user(request_rec *r);

#endif
