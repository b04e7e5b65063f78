/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file engine/advice/internal.h
 * @brief What the files of advice/ share.
 */
#ifndef CERTMAP_ADVICE_INTERNAL_H
#define CERTMAP_ADVICE_INTERNAL_H

#include "advice/advice.h"

/** Rules of a list that have been asked about, for finding the one before that matches whatever another does. */
typedef struct certmap_reach_t certmap_reach_t;

certmap_reach_t *certmap_reach_create(const certmap_list_t *list, apr_pool_t *p);
/** Asked for each enabled rule, in the order of the list. @return a rule before, or NULL: there is none, or it is not
 *  certain */
const certmap_rule_t *certmap_reach_covering(certmap_reach_t *r, const certmap_rule_t *rule, apr_pool_t *scratch);

#endif
