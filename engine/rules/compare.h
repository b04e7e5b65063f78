/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file engine/rules/compare.h
 * @brief Comparing conditions with one another (compare.c, glob.c), and what regexes capture (captures.c).
 */
#ifndef CERTMAP_RULES_COMPARE_H
#define CERTMAP_RULES_COMPARE_H

#include "rules/condition.h"

/** What comparing conditions works with. What it may spend has an end, after which nothing is certain. */
typedef struct certmap_compare_t {
    apr_pool_t *pool; /**< for a while */
    apr_size_t left;  /**< steps */
} certmap_compare_t;

/** Whether every value that inner's pattern matches is one that outer's matches; 0 also where that is not certain. */
int certmap_cond_contains(certmap_compare_t *c, const certmap_cond_t *outer, const certmap_cond_t *inner);
/** Whether it is certain that no value is matched by both patterns. */
int certmap_cond_disjoint(certmap_compare_t *c, const certmap_cond_t *a, const certmap_cond_t *b);
/** Whether it is certain that `then` holds for every certificate for which `given` does. A `then` that binds a value is
 *  implied by conditions only that bind a value, or by all:, so that the value is the same. */
int certmap_cond_implies(certmap_compare_t *c, const certmap_cond_t *given, const certmap_cond_t *then);

/** Texts that a pattern matches, or more than these: characters, '?' and '*'. */
typedef struct certmap_glob_t {
    apr_uint32_t *symbols;
    apr_size_t n;
    int raw; /**< of unchanged values, not folded */
} certmap_glob_t;

/** @return 0 when the pattern is about no text */
int certmap_glob_of(const certmap_cond_t *cond, certmap_glob_t *g, apr_pool_t *p);
/** Turns it into one of folded values, and of more than these. @return 0 when there is none */
int certmap_glob_fold(certmap_glob_t *g);
int certmap_glob_contains(const certmap_glob_t *outer, const certmap_glob_t *inner);
int certmap_glob_disjoint(const certmap_glob_t *a, const certmap_glob_t *b, apr_pool_t *p);
/** A capture of a regex. */
typedef struct certmap_capture_t {
    certmap_str_t text; /**< what is between its parentheses */
    int whole;          /**< it is all of the regex: what it captures is the value */
    int may_skip;       /**< the regex may match without it */
    int may_be_empty;   /**< or with nothing in it */
} certmap_capture_t;

/** Finds a capture. @return 0 when there is none of that number, or something of the regex is not understood */
int certmap_regex_capture(certmap_str_t pattern, apr_uint32_t number, certmap_capture_t *capture);
/** Whether it is certain that two conditions of a rule never hold together, and which. */
int certmap_rule_contradicts(certmap_compare_t *c, const certmap_rule_t *rule, const certmap_cond_t **first,
                             const certmap_cond_t **second);

#endif
