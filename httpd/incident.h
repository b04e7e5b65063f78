/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file httpd/incident.h
 * @brief Incident ids: one for a certificate and a reason, for a while, so that a page's id is always in the log.
 */
#ifndef CERTMAP_HTTPD_INCIDENT_H
#define CERTMAP_HTTPD_INCIDENT_H

#include <apr_pools.h>
#include <apr_time.h>

#include "certmap.h"

/** Makes this process's table. @return APR_SUCCESS, or why there is none (every incident is a new one then) */
apr_status_t certmap_incident_init(apr_pool_t *p);

/**
 * The incident id for a refusal.
 * @param who   the certificate's SHA-256 in hex, or the client's address when it presented none
 * @param first out: 1 when the id is new and its log line belongs at error level, 0 when it was given before
 * @return 13 characters of a-z and 2-7, from p
 */
const char *certmap_incident(const char *who, certmap_reason_e reason, apr_time_t now, int *first, apr_pool_t *p);

#endif
