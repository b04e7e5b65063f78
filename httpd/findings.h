/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file httpd/findings.h
 * @brief What start-up has to say of a list of rules (certmap_list_lint), found once for the same rules: httpd reads
 *        its configuration twice at the start and once more at each restart.
 */
#ifndef CERTMAP_HTTPD_FINDINGS_H
#define CERTMAP_HTTPD_FINDINGS_H

#include <httpd.h>

#include "links.h"

/**
 * What is wrong with a list, or doubtful.
 * @param pinned  the list; what it holds is held further by what is kept
 * @param now     its day (UTC) counts: rules expire at the end of a day
 * @return array of certmap_error_t; it lives in p, or until certmap_findings_settle is called twice
 */
const apr_array_header_t *certmap_findings(process_rec *process, const certmap_pinned_t *pinned, certmap_strength_e min,
                                           apr_time_t now, apr_pool_t *p);
/** All lists of a configuration have been asked about: lets go of what was not asked for since the last call. */
void certmap_findings_settle(process_rec *process, apr_pool_t *p);

#endif
