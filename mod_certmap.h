/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file mod_certmap.h
 * @brief The public face of mod_certmap: the names that other modules, log formats and scripts depend on.
 */
#ifndef MOD_CERTMAP_H
#define MOD_CERTMAP_H

/** Notes on the request (and on the request that an ErrorDocument redirect makes): %{certmap-substatus}n and so on. */
#define CERTMAP_NOTE_STATUS "certmap-status"
#define CERTMAP_NOTE_SUBSTATUS "certmap-substatus"
#define CERTMAP_NOTE_REASON "certmap-reason"
#define CERTMAP_NOTE_RULE "certmap-rule"
#define CERTMAP_NOTE_USER "certmap-user"
#define CERTMAP_NOTE_INCIDENT "certmap-incident"

/** Environment of CGI and, with REDIRECT_ in front, of error documents. */
#define CERTMAP_ENV_STATUS "CERTMAP_STATUS"
#define CERTMAP_ENV_SUBSTATUS "CERTMAP_SUBSTATUS"
#define CERTMAP_ENV_REASON "CERTMAP_REASON"
#define CERTMAP_ENV_RULE "CERTMAP_RULE"
#define CERTMAP_ENV_USER "CERTMAP_USER"
#define CERTMAP_ENV_GROUPS "CERTMAP_GROUPS"
#define CERTMAP_ENV_STRENGTH "CERTMAP_STRENGTH"
#define CERTMAP_ENV_INCIDENT "CERTMAP_INCIDENT"
#define CERTMAP_ENV_NOT_AFTER "CERTMAP_NOT_AFTER"
#define CERTMAP_ENV_DAYS_LEFT "CERTMAP_DAYS_LEFT"

/** Response header of a refusal; the same id as in the note, on the page and in the error log. */
#define CERTMAP_HEADER_INCIDENT "X-Certmap-Incident"

/** AuthType under which the mapped user is the authenticated one; also the value of AUTH_TYPE. */
#define CERTMAP_AUTH_TYPE "Certificate"

#endif
