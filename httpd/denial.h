/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file httpd/denial.h
 * @brief Whether Require refuses because of who the user is. Only then is the 403 one of ours (user-denied).
 *
 * mod_authz_core says 403 for Require ip, Require all denied and Require user alike. But without a user it says
 * something else where a user could change the answer: then it asks for one. So after a refusal it is asked once more,
 * as if nobody had been mapped.
 */
#ifndef CERTMAP_HTTPD_DENIAL_H
#define CERTMAP_HTTPD_DENIAL_H

#include <httpd.h>

#include "request.h"

/** When all hooks are known: finds mod_authz_core's. */
void certmap_denial_prepare(void);
/** Whether Require refuses everybody. */
int certmap_denial_is_for_all(request_rec *r, certmap_request_t *state);

#endif
