/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file engine/rules/template.h
 * @brief USER templates.
 */
#ifndef CERTMAP_RULES_TEMPLATE_H
#define CERTMAP_RULES_TEMPLATE_H

#include "rules/eval.h"

#define CERTMAP_MOD_LOWER 0x01u
#define CERTMAP_MOD_UPPER 0x02u
#define CERTMAP_MOD_LOCAL 0x04u
#define CERTMAP_MOD_DOMAIN 0x08u
#define CERTMAP_MOD_FIRST 0x10u
#define CERTMAP_MOD_LAST 0x20u

typedef enum certmap_piece_e {
    CERTMAP_PIECE_TEXT,
    CERTMAP_PIECE_FIELD,
    CERTMAP_PIECE_CAPTURE
} certmap_piece_e;

typedef struct certmap_piece_t {
    certmap_piece_e kind;
    const char *source;    /**< a placeholder as written, for messages */
    certmap_place_t place; /**< of a placeholder */
    unsigned mods;
    union {
        certmap_str_t text;
        certmap_field_t field;
        apr_uint32_t capture;
    } u;
} certmap_piece_t;

struct certmap_template_t {
    const certmap_piece_t *pieces;
    apr_size_t npieces;
    int literal; /**< no placeholder in it */
};

/**
 * Compiles a USER. Captures are checked by certmap_template_check once the conditions are known.
 * @param text the word's text, as it lasts
 */
apr_status_t certmap_template_compile(certmap_builder_t *b, const certmap_word_t *word, certmap_str_t text,
                                      const certmap_template_t **t);
/** The regex whose captures %{N} means: the last positive one without all:. NULL when there is none. */
const certmap_cond_t *certmap_template_regex(const certmap_rule_t *rule);
/** Reports captures that the rule's regex cannot give. */
void certmap_template_check(const certmap_template_t *t, const certmap_rule_t *rule, certmap_sink_t *sink);
/**
 * The user name that a rule which matched gives.
 * @return CERTMAP_R_NONE with *user, or why there is none, with *detail
 */
certmap_reason_e certmap_template_expand(const certmap_rule_t *rule, certmap_eval_t *ev, const char **user,
                                         const char **detail, apr_pool_t *p);

#endif
