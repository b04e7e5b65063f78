/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Lists: sources and rulesets in the order in which they are asked.
 */
#include <string.h>

#include "rules/ruleset.h"

apr_size_t certmap_list_count(const certmap_list_t *list)
{
    apr_size_t n = 0;

    for (; list != NULL; list = list->outer) {
        n += list->rules ? list->rules->n : 0;
    }
    return n;
}

apr_array_header_t *certmap_list_flatten(const certmap_list_t *list, apr_pool_t *p)
{
    apr_size_t left = certmap_list_count(list);
    apr_array_header_t *out = apr_array_make(p, (int)left, sizeof(const certmap_rule_t *));
    const certmap_rule_t **rules = (const certmap_rule_t **)out->elts;

    out->nelts = (int)left;
    for (; list != NULL; list = list->outer) { /* the outermost comes last here and first in the list */
        if (list->rules != NULL) {
            left -= list->rules->n;
            memcpy(rules + left, list->rules->rules, list->rules->n * sizeof(*rules));
        }
    }
    return out;
}
