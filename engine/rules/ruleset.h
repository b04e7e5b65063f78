/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file engine/rules/ruleset.h
 * @brief What builders and sets are made of, and what is asked of rules and lists.
 */
#ifndef CERTMAP_RULES_RULESET_H
#define CERTMAP_RULES_RULESET_H

#include <apr_hash.h>

#include "rules/candidates.h"

/** A rule and what only the engine asks of it. */
typedef struct certmap_rule_full_t {
    certmap_rule_t rule; /**< first: certmap_rule_t pointers are pointers to this */
    int column;
} certmap_rule_full_t;

struct certmap_builder_t {
    apr_pool_t *pool;      /**< what lasts, and nothing else: there may be many rules */
    apr_pool_t *temporary; /**< goes when the set is finished */
    apr_pool_t *scratch;   /**< cleared after each line */
    certmap_sink_t sink;
    apr_array_header_t *rules; /**< of certmap_rule_t * */
    apr_hash_t *names;         /**< name to the first certmap_rule_full_t with it */
    apr_hash_t *fields;        /**< a field as written to certmap_field_t: read once, shared by all conditions */
    apr_size_t njit;           /**< regexes compiled to machine code so far */
    apr_size_t regex_bytes;    /**< of all regexes so far, compiled */
    pcre2_match_context *const *limits;
    pcre2_compile_context *compiling; /**< or NULL: there is nothing to ask of PCRE2 */
    int restricts;                    /**< PCRE2 keeps ASCII and other letters apart when it ignores case */
};

struct certmap_ruleset_t {
    const certmap_rule_t *const *rules;
    apr_size_t n;
    const certmap_index_t *index; /**< or NULL */
};

/** Parses one logical line into a rule. All errors go to the builder's sink. @return the rule, or NULL */
certmap_rule_t *certmap_parse_rule(certmap_builder_t *b, const apr_array_header_t *words);
/** The rules of a list in the order in which they are asked. @return array of const certmap_rule_t * */
apr_array_header_t *certmap_list_flatten(const certmap_list_t *list, apr_pool_t *p);
certmap_strength_e certmap_rule_strength(const certmap_rule_t *rule);
/** Whether every certificate meets a condition: the field is one that each has, and its value may be any. */
int certmap_cond_asks_nothing(const certmap_cond_t *cond);
/** Whether a rule's conditions pin the whole issuer or a CA of the chain. */
int certmap_rule_has_issuer(const certmap_rule_t *rule);
const certmap_cond_t *certmap_rule_cond(const certmap_rule_t *rule, apr_size_t i);

#endif
