/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file engine/rules/rules.h
 * @brief What the rule side of the engine shares with itself: words with their places, compiled conditions and
 * templates, and the context in which one certificate is put before many rules. Nothing outside engine/ includes this.
 */
#ifndef CERTMAP_RULES_H
#define CERTMAP_RULES_H

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

#include <time.h>

#include <apr_hash.h>

#include "certmap.h"
#include "x509/internal.h"
#include "base/limits.h"

/* ---- words --------------------------------------------------------------------------------------------------- */

/** One word, quotes taken off. */
typedef struct certmap_word_t {
    certmap_str_t text;
    const certmap_place_t *at; /**< where each byte of text stood, and one more: where the word ended; NULL: of a line
                                     that is read again by the lexer when anything is wrong with it */
    certmap_place_t place;     /**< where the word began, an opening quote included */
    int broken;                /**< an error about it has been reported; its text means nothing */
} certmap_word_t;

typedef struct certmap_lexer_t {
    certmap_str_t text;
    certmap_text_e mode;
    apr_size_t pos;
    certmap_place_t place; /**< of text.data[pos] */
    int complained;        /**< about an encoding error of this logical line */
    certmap_sink_t *sink;
} certmap_lexer_t;

/** Where byte i of a word stood. */
static inline certmap_place_t certmap_word_at(const certmap_word_t *word, apr_size_t i)
{
    return word->at != NULL ? word->at[i] : word->place;
}

/** Starts at the text's beginning, which stands at place in its file. A byte order mark is skipped in files. */
void certmap_lex_init(certmap_lexer_t *lx, certmap_str_t text, certmap_text_e mode, certmap_place_t place,
                      certmap_sink_t *sink);
/**
 * The words of the next logical line that has any.
 * @param words out: array of certmap_word_t, at least one
 * @return APR_SUCCESS (errors may have been reported, then words are marked broken), or APR_EOF
 */
apr_status_t certmap_lex_line(certmap_lexer_t *lx, apr_array_header_t **words, apr_pool_t *p);
/** Puts a word into quotes where the lexer would read it differently otherwise. */
const char *certmap_lex_quote(const char *text, apr_pool_t *p);

/* ---- options ------------------------------------------------------------------------------------------------- */

/** What rules and entries may say behind everything else: groups= expires= note=. */
typedef struct certmap_options_t {
    unsigned seen; /**< a bit for each option that has been read */
    const char *const *groups;
    apr_size_t ngroups;
    apr_time_t expires; /**< first instant at which it has expired; 0: never */
    const char *note;   /**< or NULL */
} certmap_options_t;

/** Whether a word reads as an option. */
int certmap_option_is(certmap_str_t text);
/** Reads a word for which certmap_option_is holds. All errors go to the sink; what is kept lives in p. */
void certmap_option_read(certmap_options_t *options, const certmap_word_t *word, certmap_sink_t *sink, apr_pool_t *p);
/** "a,b", as groups= has them. */
const char *certmap_option_groups_text(const char *const *groups, apr_size_t n, apr_pool_t *p);
/** "YYYY-MM-DD", the last day before an instant that expires= gave. */
const char *certmap_option_expires_text(apr_time_t expires, apr_pool_t *p);

/* ---- conditions ---------------------------------------------------------------------------------------------- */

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
    unsigned regex_group : 1;   /**< on a leader or a condition that binds nothing: a regex must be asked */
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
/** How regexes are compiled, where this PCRE2 can keep ASCII and other letters apart; else NULL. Freed with the
 *  pool. */
pcre2_compile_context *certmap_cond_compiling(apr_pool_t *p);

/** The names of key usages, NULL at the end. */
extern const char *const certmap_key_usages[];
/** Why no certificate can have a value that a condition's pattern matches; NULL where that is not certain. */
const char *certmap_cond_impossible(const certmap_cond_t *cond, apr_pool_t *p);
/** The same for a whole name, and for an e-mail address. */
const char *certmap_name_impossible(const certmap_dn_t *dn, apr_pool_t *p);
const char *certmap_email_impossible(certmap_str_t address, apr_pool_t *p);
/** A host name with A-labels in place of labels with letters beyond ASCII; NULL where these are not certain. */
const char *certmap_a_labels(certmap_str_t name, apr_pool_t *p);

/* ---- one certificate before many rules ------------------------------------------------------------------------ */

/** Logic with two more answers beside yes and no. Of the answers of conditions that must all hold, the first in this
 *  order is the answer of all of them, whatever the order in which they are asked. */
typedef enum certmap_match_e {
    CERTMAP_MATCH_NO,
    CERTMAP_MATCH_MALFORMED, /**< the field cannot be decoded, or is no text and text is asked for */
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
/** Whether one value of the leader's field meets the conditions of its group up to index last, that one included. */
certmap_match_e certmap_group_holds(certmap_eval_t *ev, const certmap_rule_t *rule, apr_size_t leader, apr_size_t last);
/** Whether a value meets all conditions of a rule that bind values of its field, up to index last. */
certmap_match_e certmap_group_value(certmap_eval_t *ev, const certmap_rule_t *rule, apr_size_t leader, apr_size_t last,
                                    const certmap_value_t *value);
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

/* ---- linting (compare.c, glob.c, captures.c) --------------------------------------------------------- */

/** What comparing conditions works with. What it may spend has an end, behind which nothing is certain. */
typedef struct certmap_compare_t {
    apr_pool_t *pool; /**< for a while */
    apr_size_t left;  /**< steps */
} certmap_compare_t;

/** What one regex on one literal counts as, in steps: it has the limits of one that is tried. */
#define CERTMAP_REGEX_STEPS 1000

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
    int raw; /**< of values as they stand, not folded */
} certmap_glob_t;

/** @return 0 when the pattern is about no text */
int certmap_glob_of(const certmap_cond_t *cond, certmap_glob_t *g, apr_pool_t *p);
/** Turns it into one of folded values, and of more than these. @return 0 when there is none */
int certmap_glob_fold(certmap_glob_t *g);
int certmap_glob_contains(const certmap_glob_t *outer, const certmap_glob_t *inner);
int certmap_glob_disjoint(const certmap_glob_t *a, const certmap_glob_t *b, apr_pool_t *p);
/** A capturing group of a regex. */
typedef struct certmap_group_t {
    certmap_str_t text; /**< what stands between its parentheses */
    int whole;          /**< it is all of the regex: what it captures is the value */
    int may_skip;       /**< the regex may match without it */
    int may_be_empty;   /**< or with nothing in it */
} certmap_group_t;

/** Finds a group. @return 0 when there is none of that number, or something of the regex is not understood */
int certmap_regex_group(certmap_str_t pattern, apr_uint32_t number, certmap_group_t *group);
/** Whether it is certain that two conditions of a rule never hold together, and which. */
int certmap_rule_contradicts(certmap_compare_t *c, const certmap_rule_t *rule, const certmap_cond_t **first,
                             const certmap_cond_t **second);

/** Rules of a list that have been asked about, for finding the one before that matches whatever another does. */
typedef struct certmap_reach_t certmap_reach_t;

certmap_reach_t *certmap_reach_create(const certmap_list_t *list, apr_pool_t *p);
/** Asked for each enabled rule, in the order of the list. @return a rule before, or NULL: there is none, or it is not
 *  certain */
const certmap_rule_t *certmap_reach_covering(certmap_reach_t *r, const certmap_rule_t *rule, apr_pool_t *scratch);

/* ---- templates ----------------------------------------------------------------------------------------------- */

#define CERTMAP_MOD_LOWER 0x01u
#define CERTMAP_MOD_UPPER 0x02u
#define CERTMAP_MOD_LOCAL 0x04u
#define CERTMAP_MOD_DOMAIN 0x08u
#define CERTMAP_MOD_FIRST 0x10u
#define CERTMAP_MOD_LAST 0x20u

typedef enum certmap_part_e {
    CERTMAP_PART_TEXT,
    CERTMAP_PART_FIELD,
    CERTMAP_PART_CAPTURE
} certmap_part_e;

typedef struct certmap_part_t {
    certmap_part_e kind;
    const char *source;    /**< a placeholder as written, for messages */
    certmap_place_t place; /**< of a placeholder */
    unsigned mods;
    union {
        certmap_str_t text;
        certmap_field_t field;
        apr_uint32_t capture;
    } u;
} certmap_part_t;

struct certmap_template_t {
    const certmap_part_t *parts;
    apr_size_t nparts;
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

/* ---- the index ----------------------------------------------------------------------------------------------- */

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

/** certmap_decide without an index: asks every rule until one decides. For tests and benchmarks. */
apr_status_t certmap_decide_plain(const certmap_list_t *list, const certmap_cert_t *cert,
                                  const certmap_verdict_t *verdict, certmap_strength_e min, apr_time_t now,
                                  certmap_decision_t *decision, apr_pool_t *p);

/* ---- rules and sets ------------------------------------------------------------------------------------------ */

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

#endif
