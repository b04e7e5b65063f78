/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file httpd/fakebasic.h
 * @brief FakeBasicAuth: the Basic header that mod_ssl invents is not a password where users are ours to give.
 */
#ifndef CERTMAP_HTTPD_FAKEBASIC_H
#define CERTMAP_HTTPD_FAKEBASIC_H

#include <httpd.h>

/** Hook check_authn, before mod_ssl's: remembers what the client has sent. */
int certmap_fakebasic_before(request_rec *r);
/** Hook check_authn, after mod_ssl's: puts that back. */
int certmap_fakebasic_after(request_rec *r);

#endif
