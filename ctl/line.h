/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file ctl/line.h
 * @brief Lines of rule and entry files that are made for a certificate, and tried on it.
 */
#ifndef CTL_LINE_H
#define CTL_LINE_H

#include "ctl.h"

/** A field's first value; NULL: it has none. */
const char *ctl_first_text(const certmap_cert_t *view, const char *field, apr_pool_t *p);
/** A certificate's key of a kind as a line of an entry file begins; NULL: it has none, or no line can say it. */
const char *ctl_key_text(const certmap_cert_t *view, certmap_key_kind_e kind, apr_pool_t *p);
/** Whether a line is an entry that maps the certificate. */
int ctl_entry_maps(const certmap_cert_t *view, const char *line, apr_pool_t *p);
/** The rule of a line that maps the certificate; NULL: it does not, or is not a rule. */
const certmap_rule_t *ctl_rule_maps(const certmap_cert_t *view, const char *line, certmap_strength_e min,
                                    apr_time_t now, apr_pool_t *p);
/** text in quotes, for any line. */
const char *ctl_quoted(const char *text, apr_pool_t *p);

#endif
