/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file engine/rules/condition.h
 * @brief Compiled conditions, what regexes need and cost, and what no certificate can have.
 */
#ifndef CERTMAP_RULES_CONDITION_H
#define CERTMAP_RULES_CONDITION_H

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

#include "rules/words.h"
#include "x509/internal.h"

/** What operators are made of: no name of a field has one of these. */
#define CERTMAP_OPERATOR_CHARS "!=~"

/** How a condition's value compares. */
typedef enum certmap_pattern_e {
    CERTMAP_P_LITERAL,  /**< bytes, folded or exact */
    CERTMAP_P_WILDCARD, /**< tokens, folded or exact */
    CERTMAP_P_REGEX,    /**< PCRE2, on the raw text */
    CERTMAP_P_NETWORK,  /**< address and prefix length */
    CERTMAP_P_DN,       /**< the whole name */
    CERTMAP_P_DN_BELOW  /**< anything at least one RDN below */
} certmap_pattern_e;

/** What a text must hold for a regex to match it: how it begins and ends, and something between, in this order. */
typedef struct certmap_needs_t {
    certmap_str_t prefix;
    certmap_str_t suffix;
    certmap_str_t inner;
    int whole;    /**< the text must be the prefix and nothing else */
    int caseless; /**< in any ASCII case; they are in lower case here, and without blanks */
} certmap_needs_t;

/** What a regex needs, as far as it is certain; NULL: nothing is known. */
const certmap_needs_t *certmap_regex_needs(certmap_str_t pattern, apr_pool_t *p);
/** How many letters and digits a text must have for a regex to match it; what may be any of several does not count, and
 *  of letters beyond ASCII each byte does. -1: something of the regex is not understood. */
int certmap_regex_letters(certmap_str_t pattern);
/** Whether a regex is one character, a class or the like, over and over. @param atom out: which */
int certmap_regex_repeats(certmap_str_t pattern, certmap_str_t *atom);
/** Whether a text has all of it. */
int certmap_needs_met(const certmap_needs_t *needs, certmap_str_t text);
/** The steps that this takes: searching for text in any case goes back, searching for bytes does not. */
static inline apr_size_t certmap_needs_cost(const certmap_needs_t *needs, certmap_str_t text)
{
    return needs->caseless ? text.len * needs->inner.len / 4 : text.len / 8;
}

/** Whether a pattern ignores case somewhere so that PCRE2 may take letters beyond ASCII for those of ASCII.
 *  @param restricts PCRE2 is asked to keep them apart, as far as the pattern itself does not undo that */
int certmap_regex_mixes(certmap_str_t pattern, int restricts);
/** Whether a text has a letter in it that PCRE2 then takes for one of ASCII: U+212A for k, U+017F for s. */
int certmap_text_mixes(certmap_str_t text);

/** Tokens of a wildcard pattern: a byte, or one of these. */
#define CERTMAP_TOKEN_ONE 0x100   /* '?': one character */
#define CERTMAP_TOKEN_ANY 0x101   /* '*': any run, the empty one too */
#define CERTMAP_TOKEN_UPPER 0x200 /* on a letter of a URI: in lower case, too, where the URI ignores case */

struct certmap_cond_t {
    const char *text; /**< as written, quotes taken off */
    certmap_place_t place;
    certmap_field_t field;
    certmap_str_t raw;    /**< the value as written */
    unsigned negated : 1; /**< != or !~ */
    unsigned all : 1;
    unsigned exact : 1;         /**< case: */
    unsigned opaque : 1;        /**< "#hex": speaks of CERTMAP_V_OPAQUE values, and only of those */
    unsigned matches_empty : 1; /**< a regex that matches the empty text */
    unsigned regex_binding : 1; /**< on a leader or a condition that binds nothing: a regex must be asked */
    int leader;                 /**< index of the first condition that must hold on the same value, itself included; -1:
                                     binds nothing (negated or all:) */
    certmap_pattern_e pattern;
    union {
        certmap_str_t literal;
        struct {
            const apr_uint16_t *tokens;
            apr_size_t n;
            int upper; /**< some have CERTMAP_TOKEN_UPPER */
        } wildcard;
        struct {
            pcre2_code *code;
            pcre2_match_context *const *limits; /**< see certmap_cond_limits */
            const certmap_needs_t *needs;       /**< or NULL; a text without them is a "no" before PCRE2 is asked */
            apr_uint32_t captures;
            int mixes; /**< a text for which certmap_text_mixes holds is an error */
        } regex;
        struct {
            unsigned char octets[16];
            unsigned char len; /**< 4 or 16 */
            unsigned char bits;
        } network;
        const certmap_dn_t *dn;
    } u;
};

/** Whether a word reads as a condition: prefixes and a field of ours, or nearly, before an operator. */
int certmap_cond_looks_like(certmap_builder_t *b, certmap_str_t text);
/** Compiles the condition that a word holds. All errors go to the builder's sink. @return APR_SUCCESS or APR_EINVAL */
apr_status_t certmap_cond_compile(certmap_builder_t *b, const certmap_word_t *word, certmap_cond_t *cond);
/** The bounds of every regex match: by the length of the text (CERTMAP_REGEX_LIMITS), and a last one for trying a regex
 *  when it is read. Freed with the pool. NULL: out of memory. */
pcre2_match_context *const *certmap_cond_limits(apr_pool_t *p);
/** The one for a text of this length; NULL: too long for any. trying: the last one, where the text is not too long. */
pcre2_match_context *certmap_cond_limit(const certmap_cond_t *cond, apr_size_t len, int trying);
/** Whether a regex matches the empty text, and so hardly asks anything. */
int certmap_regex_takes_empty(const certmap_cond_t *cond);
/** How regexes are compiled, where this PCRE2 can keep ASCII and other letters apart; else NULL. Freed with the
 *  pool. */
pcre2_compile_context *certmap_cond_compiling(apr_pool_t *p);

/** Why no certificate can have a value that a condition's pattern matches; NULL where that is not certain. */
const char *certmap_cond_impossible(const certmap_cond_t *cond, apr_pool_t *p);
/** The same for a whole name, and for an e-mail address. */
const char *certmap_name_impossible(const certmap_dn_t *dn, apr_pool_t *p);
const char *certmap_email_impossible(certmap_str_t address, apr_pool_t *p);
/** A host name with A-labels in place of labels with letters beyond ASCII; NULL where these are not certain. */
const char *certmap_a_labels(certmap_str_t name, apr_pool_t *p);

#endif
