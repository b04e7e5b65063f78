/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file engine/rules/eval.h
 * @brief The context in which one certificate is put before many rules.
 */
#ifndef CERTMAP_RULES_EVAL_H
#define CERTMAP_RULES_EVAL_H

#include <apr_hash.h>

#include "rules/condition.h"

/** Logic with two more answers than yes and no. Of the answers of conditions that must all hold, the first in this
 *  order is the answer of all of them, whatever the order in which they are asked. */
typedef enum certmap_match_e {
    CERTMAP_MATCH_NO,
    CERTMAP_MATCH_MALFORMED, /**< the field cannot be decoded, or is not text and text is asked for */
    CERTMAP_MATCH_ERROR,     /**< the matcher failed: neither yes nor no */
    CERTMAP_MATCH_YES
} certmap_match_e;

/** A field's values, asked once per context. */
typedef struct certmap_values_t {
    const certmap_field_t *field;
    certmap_state_e state;
    int odd;                       /**< a value is of another type than text, of those that may be text */
    const certmap_value_t *values; /**< of a malformed field: the names that could be split into attributes */
    apr_size_t n;
} certmap_values_t;

#define CERTMAP_EVAL_CACHE 32

/** The context of one decision; one thread's, short-lived, in pool. */
typedef struct certmap_eval_t {
    const certmap_cert_t *cert;
    const certmap_verdict_t *verdict;
    apr_pool_t *pool;
    certmap_values_t cache[CERTMAP_EVAL_CACHE];
    apr_size_t ncached;
    pcre2_match_data *match; /**< made when the first regex is asked */
    apr_uint32_t match_pairs;
    apr_int64_t steps;            /**< that are left: CERTMAP_STEPS_MOST and fewer; from 0 on every matcher fails */
    apr_int64_t regex_time;       /**< nanoseconds that regexes may take from the first one on */
    apr_int64_t regex_end;        /**< when that is; 0: none has been asked */
    int regex_late;               /**< it has come */
    int trying;                   /**< no certificate is asked about, and no regex may take long */
    apr_size_t regex_bytes;       /**< that regexes were asked about since the clock was read */
    apr_hash_t *more;             /**< fields beyond those in the cache, by name; NULL: none */
    const certmap_cond_t *failed; /**< whose matcher failed last */
    int failed_rc;                /**< PCRE2's code */
} certmap_eval_t;

/** Starts with all that a decision may take. */
void certmap_eval_init(certmap_eval_t *ev, const certmap_cert_t *cert, const certmap_verdict_t *verdict, apr_pool_t *p);
/** Takes steps away. @return 0 when there are none left */
static inline int certmap_eval_spend(certmap_eval_t *ev, apr_size_t steps)
{
    ev->steps -= (apr_int64_t)steps;
    return ev->steps > 0;
}
/** The values of a field, remembered. */
certmap_values_t certmap_eval_values(certmap_eval_t *ev, const certmap_field_t *field);
/** Whether a condition asks for a value whatever it is, text or not: "=*". */
static inline int certmap_cond_is_presence(const certmap_cond_t *cond)
{
    return cond->pattern == CERTMAP_P_WILDCARD && !cond->opaque && cond->u.wildcard.n == 1
           && cond->u.wildcard.tokens[0] == CERTMAP_TOKEN_ANY;
}
/** Whether a condition asks for what cannot be compared: a malformed field, or text of one that has another type. */
static inline int certmap_cond_touches(const certmap_cond_t *cond, const certmap_values_t *v)
{
    return v->state == CERTMAP_MALFORMED || (v->odd && !cond->opaque && !certmap_cond_is_presence(cond));
}
/** Whether one value meets a condition's pattern; negation and all: are not looked at. Sets ev->match for a regex. */
certmap_match_e certmap_cond_value(certmap_eval_t *ev, const certmap_cond_t *cond, const certmap_value_t *value);
/** Whether a condition holds by itself, bound to no other. */
certmap_match_e certmap_cond_holds(certmap_eval_t *ev, const certmap_cond_t *cond);
/** Whether one value of the leader's field meets the conditions of its binding up to index last, that one included. */
certmap_match_e certmap_binding_holds(certmap_eval_t *ev, const certmap_rule_t *rule, apr_size_t leader,
                                      apr_size_t last);
/** Whether a value meets all conditions of a rule that bind values of its field, up to index last. */
certmap_match_e certmap_binding_value(certmap_eval_t *ev, const certmap_rule_t *rule, apr_size_t leader,
                                      apr_size_t last, const certmap_value_t *value);
/**
 * Whether a rule's conditions hold, all together: no, if one that asks for nothing malformed is certainly false; else
 * malformed, if the rule asks for a malformed field anywhere, its USER included. Asks neither "disabled" nor "expires".
 * An index that picks candidates calls this for each of them; what it does not pick must be a rule for which this says
 * CERTMAP_MATCH_NO.
 */
certmap_match_e certmap_rule_matches(certmap_eval_t *ev, const certmap_rule_t *rule);
/** Nanoseconds since the first regex was asked; 0: none was. */
apr_int64_t certmap_eval_regex_used(const certmap_eval_t *ev);
/** What is malformed of all that a rule asks for, the first thing: "subject.CN is malformed: NUL inside". */
const char *certmap_rule_malformed(certmap_eval_t *ev, const certmap_rule_t *rule, apr_pool_t *p);
/** What ev->failed says, in words, in p. */
const char *certmap_eval_error(const certmap_eval_t *ev, apr_pool_t *p);

#endif
