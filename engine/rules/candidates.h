/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file engine/rules/candidates.h
 * @brief Asking the index of a set: the rules that may match.
 */
#ifndef CERTMAP_RULES_CANDIDATES_H
#define CERTMAP_RULES_CANDIDATES_H

#include "rules/eval.h"

typedef struct certmap_index_t certmap_index_t;

/** Numbers of rules, ascending. */
typedef struct certmap_slice_t {
    const apr_uint32_t *at;
    const apr_uint32_t *end;
} certmap_slice_t;

/** Candidates, merged as they are asked for. Not to be copied. */
typedef struct certmap_candidates_t {
    certmap_slice_t *slices; /**< a heap: the one that is next is on top */
    apr_size_t n;
    apr_size_t room;
    certmap_slice_t few[16];
} certmap_candidates_t;

/** Indexes rules, which must stay where they are. NULL: too many to be numbered; ask every rule then. */
const certmap_index_t *certmap_index_create(const certmap_rule_t *const *rules, apr_size_t n, apr_pool_t *p);
/** Finds the rules that may match: all enabled ones but some for which certmap_rule_matches says CERTMAP_MATCH_NO. */
void certmap_index_find(const certmap_index_t *ix, certmap_eval_t *ev, certmap_candidates_t *c);
/** The next of them, in the order of the rules, each once. @return 0 when there is none */
int certmap_index_next(certmap_candidates_t *c, apr_size_t *rule);

#endif
