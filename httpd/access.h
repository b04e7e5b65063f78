/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file httpd/access.h
 * @brief The access check.
 */
#ifndef CERTMAP_HTTPD_ACCESS_H
#define CERTMAP_HTTPD_ACCESS_H

#include <httpd.h>

/** Hook map_to_storage: TRACE and OPTIONS *, which the core answers there, without any access check. */
int certmap_access_storage(request_rec *r);
/** Hook access_checker, immediately after mod_ssl's. */
int certmap_access_check(request_rec *r);
/** Hook access_checker_ex, before mod_authz_core asks Require: under Satisfy any the check above does not count. */
int certmap_access_again(request_rec *r);
/** Hook fixups: authorization passed, or there was none. A 403 from here on is somebody else's. */
int certmap_access_passed(request_rec *r);
/** Hook handler: a request that was checked may have got that has been checked. */
int certmap_access_replaced(request_rec *r);

#endif
