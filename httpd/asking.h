/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file httpd/asking.h
 * @brief Around mod_ssl's own access check, in which it may ask for a certificate, and may refuse.
 *
 * mod_ssl renegotiates, or asks for post-handshake authentication, in its access_checker. Where it refuses it answers
 * 403 itself, before our check: what that 403 would mean is announced before, and taken back after.
 */
#ifndef CERTMAP_HTTPD_ASKING_H
#define CERTMAP_HTTPD_ASKING_H

#include <httpd.h>

/** Hook access_checker, immediately before mod_ssl's. */
int certmap_asking_begin(request_rec *r);
/** While mod_ssl asks: there is a new verification. Announces what mod_ssl's 403 would mean, as far as is known. */
void certmap_asking_verified(request_rec *r);
/** mod_ssl's check is over, whatever it said. */
void certmap_asking_end(request_rec *r);

#endif
