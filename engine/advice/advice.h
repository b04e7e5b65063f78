/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file engine/advice/advice.h
 * @brief What is wrong with lists and entries as a whole, and what may not be meant.
 */
#ifndef CERTMAP_ADVICE_H
#define CERTMAP_ADVICE_H

#include "entries/entries.h"

#ifdef __cplusplus
extern "C" {
#endif

/* ---- lists ------------------------------------------------------------------------------------------------------- */

/**
 * What is wrong with a list as a whole: names used twice across linked rulesets (errors), rules that can never match
 * because one before always does or their conditions contradict one another, weak rules (warnings), rules below min
 * (errors), expired rules (warnings). This is what a start-up says.
 * @return array of certmap_error_t
 * @param now what expires= is compared with
 */
apr_array_header_t *certmap_list_lint(const certmap_list_t *list, certmap_strength_e min, apr_time_t now,
                                      apr_pool_t *p);
/** The errors of these alone, which take a small part of the time.
 *  @param list as of certmap_list_lint  @param min as there
 *  @return array of certmap_error_t, none of them a warning */
apr_array_header_t *certmap_list_errors(const certmap_list_t *list, certmap_strength_e min, apr_pool_t *p);

/**
 * What is not wrong but may not be meant, for those who check before they deploy: USER templates that give nothing for
 * some of the certificates that their rule matches (warnings).
 * @return array of certmap_error_t
 * @param list NULL: nothing to say
 */
apr_array_header_t *certmap_list_advise(const certmap_list_t *list, apr_pool_t *p);
/** The enabled rules that pin a certificate: strong ones whose conditions hold. @return array of
 *  const certmap_rule_t *
 *  @param list outer lists count too  @param cert a certificate, verified or not */
apr_array_header_t *certmap_list_pinning(const certmap_list_t *list, const certmap_cert_t *cert, apr_pool_t *p);

/* ---- entries ----------------------------------------------------------------------------------------------------- */

/**
 * What is not wrong but may not be meant: entries that have expired, and, once for each type, entries that are weak or
 * weaker than min. In no order of lines.
 * @return array of certmap_error_t, all warnings
 * @param file its name, for the places of the warnings
 * @param now what expires= is compared with
 */
apr_array_header_t *certmap_entries_lint(const certmap_entries_t *entries, const char *file, certmap_strength_e min,
                                         apr_time_t now, apr_pool_t *p);
/** Keys that are in two files that are asked together. Returns as certmap_entries_lint, in order of file's lines.
 *  @param before the entries that are asked first, of the file before_file  @param entries those asked after them */
apr_array_header_t *certmap_entries_compare(const certmap_entries_t *before, const char *before_file,
                                            const certmap_entries_t *entries, const char *file, apr_pool_t *p);
/** Calls fn for each entry that is under one of a certificate's keys; what fn gets as the key is its type. @return
 *  APR_SUCCESS, or APR_EGENERAL: OpenSSL failed
 *  @param entries of one file  @param cert whose keys are looked for  @param baton given to fn */
apr_status_t certmap_entries_naming(const certmap_entries_t *entries, const certmap_cert_t *cert, certmap_entry_fn *fn,
                                    void *baton, apr_pool_t *p);

#ifdef __cplusplus
}
#endif
#endif
