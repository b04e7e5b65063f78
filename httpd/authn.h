/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file httpd/authn.h
 * @brief Authentication: AuthType Certificate, and whose user Require is asked about.
 */
#ifndef CERTMAP_HTTPD_AUTHN_H
#define CERTMAP_HTTPD_AUTHN_H

#include <httpd.h>

#include "config.h"
#include "request.h"

/** Under AuthType Certificate, where CertMap is unset: maps, because Require is about to be asked. */
void certmap_authn_map(request_rec *r, const certmap_dir_conf_t *conf);
/** Require has been asked, and was not the one to refuse: takes back what was announced for that. */
void certmap_authn_withdraw(request_rec *r, certmap_request_t *state);
/** Hook access_checker_ex: the last word before Require is asked, and asks it; nobody has asked for a password yet. */
int certmap_authn_before_require(request_rec *r);
/** At start-up, when all modules have registered: finds out whether others take part in authorization. */
void certmap_authn_prepare(void);
/** Hook force_authn: a request with a user from the mapping goes through authentication and authorization as others
 *  do. */
int certmap_authn_force(request_rec *r);
/**
 * Hook check_authn: httpd asks for a password now, because Require needs a user or another module wants the last word
 * (force_authn). What they refuse is theirs.
 */
int certmap_authn_after_require(request_rec *r);
/** Hook check_authn: the answer under AuthType Certificate. */
int certmap_authn_authenticate(request_rec *r);
/** Hook check_authz: before Require decides about an authenticated user. */
int certmap_authn_before_require_user(request_rec *r);

#endif
