/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file ctl/decision.h
 * @brief One decision with all that is known about it, which tell.c puts into words and tell_json.c into JSON.
 */
#ifndef CTL_DECISION_H
#define CTL_DECISION_H

#include "answer.h"
#include "json.h"

/** A source, and what it holds for the certificate. */
typedef struct ctl_asked_t {
    certmap_source_t *source;
    const char *path;
    int is_store;    /**< else an entry file */
    const char *why; /**< it could not be asked; else NULL */
    certmap_lookup_t found;
} ctl_asked_t;

typedef struct ctl_case_t {
    const char *file; /**< of the certificate, as it was given */
    const ctl_certificate_t *certificate;
    const certmap_cert_t *view;
    const ctl_verify_t *verify; /**< NULL: the chain is taken as verified */
    certmap_verdict_t verdict;
    const certmap_list_t *list;
    const apr_array_header_t *asked; /**< of ctl_asked_t, in the list's order */
    const ctl_place_t *place;        /**< of --httpd-conf, with the server's answer; else NULL */
    certmap_strength_e min;
    apr_time_t now;
    certmap_decision_t decision;   /**< of the mapping */
    certmap_decision_t apart;      /**< what it would be if the certificate were verified and in time */
    certmap_trace_t *trace;        /**< of apart */
    const certmap_rule_t *nearest; /**< after no-match; else NULL */
    const certmap_cond_t *failed;  /**< its first condition that fails */
} ctl_case_t;

/** Fills in what the server would decide: decision, apart, trace, nearest and failed, and what each source holds.
 *  @return CTL_OK, or CTL_ERROR, which has been reported */
int ctl_decide(ctl_t *ctl, ctl_case_t *c);
/** Whether a refusal was made before sources and rules were asked. */
int ctl_is_early(const ctl_case_t *c);
/** Whether sources and rules are not asked: for that, or because the place asks none. */
int ctl_is_unasked(const ctl_case_t *c);
/** The exit status that the answer is. */
int ctl_status(const ctl_case_t *c);
/** Whether a condition asks for the verified chain. */
int ctl_asks_chain(const certmap_trace_cond_t *cond);
/** Whether a rule that was asked does, and no chain is known. ctl_chain_missed says so. */
int ctl_misses_chain(const ctl_case_t *c);
extern const char ctl_chain_missed[];
/** How many conditions of a rule fail by themselves; those on a malformed field do not, nor do they hold. */
apr_size_t ctl_failing(const certmap_trace_rule_t *rule);
/** How many of the rules come to be asked; the rest follows the one that decides. */
apr_size_t ctl_count_asked(const ctl_case_t *c);
/** In words, on standard output. @param all tell every rule, however many there are */
void ctl_tell(ctl_t *ctl, const ctl_case_t *c, int all);
/** As one JSON value. */
json_t *ctl_tell_json(ctl_t *ctl, const ctl_case_t *c);

/** That a certificate looks like the renewal of another one. */
typedef struct ctl_renewal_t {
    const char *because; /**< what is the same, and what is new */
    const char *line;    /**< to be added; tried on the certificate */
    const char *where;   /**< what file or list it belongs to */
} ctl_renewal_t;

/** After no-match, or a mapping by names that is too weak. @return array of ctl_renewal_t, never NULL */
const apr_array_header_t *ctl_renewals(ctl_t *ctl, const ctl_case_t *c);

#endif
