/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file engine/decide/decide.h
 * @brief Deciding, and telling how a decision came about.
 */
#ifndef CERTMAP_DECIDE_H
#define CERTMAP_DECIDE_H

#include "rules/rules.h"

#ifdef __cplusplus
extern "C" {
#endif

/* ---- deciding ------------------------------------------------------------------------------------------------ */

typedef enum certmap_outcome_e {
    CERTMAP_MAPPED,
    CERTMAP_REFUSED,
    CERTMAP_UNDECIDED /**< a source could not be asked: 503 */
} certmap_outcome_e;

typedef struct certmap_decision_t {
    certmap_outcome_e outcome;
    certmap_reason_e reason;    /**< CERTMAP_R_NONE when mapped */
    certmap_effect_t effect;    /**< its user is valid (certmap_user_check), and NULL unless mapped */
    const certmap_rule_t *rule; /**< that decided, or NULL */
    const char *source;         /**< that decided, or could not be asked, or NULL */
    const char *detail;         /**< more for the log ("%{subject.CN}: 2 values"), or NULL */
} certmap_decision_t;

/** What is asked: the user to which a list maps a certificate, and at which time. */
typedef struct certmap_question_t {
    const certmap_list_t *list;       /**< NULL: no rule and no source */
    const certmap_cert_t *cert;       /**< NULL: none was presented; with a verdict: there is no view of it */
    const certmap_verdict_t *verdict; /**< NULL: nothing has verified the certificate */
    certmap_strength_e min;           /**< weaker mappings are refused */
    apr_time_t now;                   /**< for the certificate's dates, and for expires= */
    int taken_as_valid;               /**< what sources and rules say by themselves, as if the certificate were verified
                                           and in force: for trying rules and explaining them, never for a request */
} certmap_question_t;

/**
 * Decides. What refuses the certificate by itself comes first (certmap_cert_refusal), whatever the list says. Then the
 * sources, then the rules in order; the first that matches, or that asks for a malformed field and is not ruled out by
 * what is sound, decides. A caller that remembers a decision has to ask certmap_cert_refusal again for each request:
 * the dates are those of one instant.
 * @return APR_SUCCESS with *decision filled (strings in p or in the list), or an error: the caller refuses
 * @param question stays unchanged; what it points to must live as long as the decision is used
 */
apr_status_t certmap_decide(const certmap_question_t *question, certmap_decision_t *decision, apr_pool_t *p);

/* ---- telling ------------------------------------------------------------------------------------------------- */

/** What is to be said of a condition by itself. */
typedef enum certmap_told_e {
    CERTMAP_COND_NO,
    CERTMAP_COND_YES,
    CERTMAP_COND_MALFORMED,  /**< its field is malformed */
    CERTMAP_COND_OTHER_TYPE, /**< it asks for text, and its field has a value of another type */
    CERTMAP_COND_ERROR       /**< the matcher failed */
} certmap_told_e;

typedef struct certmap_trace_cond_t {
    const certmap_cond_t *cond;
    const char *text; /**< the condition as written */
    int holds;        /**< `told` is CERTMAP_COND_YES */
    certmap_told_e told;
    const char *why;           /**< the field is malformed, or NULL */
    certmap_state_e state;     /**< of the field */
    const char *const *values; /**< the values met (RFC 4514 for DNs), at most 16 */
    apr_size_t nvalues;        /**< of values */
    apr_size_t total;          /**< of the certificate */
    int which;                 /**< index of the value that made it hold, or fail; -1: no single one did */
    const char *error;         /**< matcher error, or NULL */
} certmap_trace_cond_t;

typedef struct certmap_trace_rule_t {
    const certmap_rule_t *rule;
    int matched;           /**< all conditions together hold, values bound to one another */
    const char *malformed; /**< nobody can say whether it matches: what is malformed; or NULL */
    int decided;           /**< this rule made the decision */
    const certmap_trace_cond_t *conds;
    apr_size_t nconds;
} certmap_trace_rule_t;

typedef struct certmap_trace_t {
    const certmap_trace_rule_t *rules; /**< every enabled rule up to the one that decided, and those after it */
    apr_size_t nrules;
} certmap_trace_t;

/** Decides as certmap_decide does, and reports every rule and condition. Same returns.
 *  @param question as there  @param decision out: the same as there
 *  @param trace out: lives in p, and points into the question's list */
apr_status_t certmap_explain(const certmap_question_t *question, certmap_decision_t *decision, certmap_trace_t **trace,
                             apr_pool_t *p);

/**
 * The nearest miss among the first `most` enabled allow rules: the one with the fewest failing conditions (at least one
 * condition must hold; on a malformed field they neither hold nor fail), the first of equals. For a certificate of many
 * values (from 64 on) fewer rules are looked at, so that the time it takes is bounded. The question's list, certificate
 * and verdict count, and nothing else of it.
 * @param rule   out: or NULL when there is none
 * @param failed out: its first failing condition
 */
void certmap_nearest(const certmap_question_t *question, apr_size_t most, const certmap_rule_t **rule,
                     const certmap_cond_t **failed, apr_pool_t *p);
/**
 * How the certificate's name differs from the one that a failed condition asks for: "O=Example GmbH in place of
 * O=Example Ltd; OU=Staff is missing".
 * @return NULL where the condition asks for no whole name, negates, or the certificate has no such name
 * @param cond a condition that failed  @param cert the certificate that it failed for
 */
const char *certmap_cond_differs(const certmap_cond_t *cond, const certmap_cert_t *cert, apr_pool_t *p);

#ifdef __cplusplus
}
#endif
#endif
