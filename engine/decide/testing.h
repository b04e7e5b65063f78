/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file engine/decide/testing.h
 * @brief What tests and benchmarks see of decide/ in addition to its public header.
 */
#ifndef CERTMAP_DECIDE_TESTING_H
#define CERTMAP_DECIDE_TESTING_H

#include "decide/decide.h"

/** certmap_decide without an index: asks every rule until one decides. */
apr_status_t certmap_decide_plain(const certmap_question_t *question, certmap_decision_t *decision, apr_pool_t *p);

#endif
