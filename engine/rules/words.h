/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file engine/rules/words.h
 * @brief Words with their places, and the options that rules and entries share.
 */
#ifndef CERTMAP_RULES_WORDS_H
#define CERTMAP_RULES_WORDS_H

#include "rules/rules.h"

/* ---- words --------------------------------------------------------------------------------------------------- */

/** Where text comes from: a directive's arguments or a file. The lexer differs as docs/conditions.md says ("Words"). */
typedef enum certmap_text_e {
    CERTMAP_TEXT_DIRECTIVE,
    CERTMAP_TEXT_FILE
} certmap_text_e;

/** One word, quotes taken off. */
typedef struct certmap_word_t {
    certmap_str_t text;
    const certmap_place_t *at; /**< where each byte of text was, and one more: where the word ended; NULL: of a line
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

/** Where byte i of a word was. */
static inline certmap_place_t certmap_word_at(const certmap_word_t *word, apr_size_t i)
{
    return word->at != NULL ? word->at[i] : word->place;
}

/** Starts at the text's beginning, which is at place in its file. A byte order mark is skipped in files. */
void certmap_lex_init(certmap_lexer_t *lx, certmap_str_t text, certmap_text_e mode, certmap_place_t place,
                      certmap_sink_t *sink);
/**
 * The words of the next logical line that has any.
 * @param words out: array of certmap_word_t, at least one
 * @return APR_SUCCESS (errors may have been reported, then words are marked broken), or APR_EOF
 */
apr_status_t certmap_lex_line(certmap_lexer_t *lx, apr_array_header_t **words, apr_pool_t *p);

/* ---- options ------------------------------------------------------------------------------------------------- */

/** What has an option: a set of these. */
#define CERTMAP_OPTION_OF_RULE 1u
#define CERTMAP_OPTION_OF_ENTRY 2u

/** What rules and entries may say after everything else: groups= expires= note=, and rules disabled. */
typedef struct certmap_options_t {
    unsigned seen; /**< a bit for each option that has been read */
    const char *const *groups;
    apr_size_t ngroups;
    apr_time_t expires; /**< first instant at which it has expired; 0: never */
    const char *note;   /**< or NULL */
    int disabled;
} certmap_options_t;

/** Whether a word reads as an option. */
int certmap_option_is(certmap_str_t text, unsigned of);
/** Reads a word for which certmap_option_is holds. All errors go to the sink; what is kept lives in p. */
void certmap_option_read(certmap_options_t *options, unsigned of, const certmap_word_t *word, certmap_sink_t *sink,
                         apr_pool_t *p);
/** What may be meant by a name that is not an option's, as it is written ("groups=", "disabled"); NULL: nothing. */
const char *certmap_option_suggest(certmap_str_t name, unsigned of, apr_pool_t *p);
/** "groups=, expires= and note=": for messages. */
const char *certmap_option_list(unsigned of, apr_pool_t *p);
/** "a,b", as groups= has them. */
const char *certmap_option_groups_text(const char *const *groups, apr_size_t n, apr_pool_t *p);
/** "YYYY-MM-DD", the last day before an instant that expires= gave. */
const char *certmap_option_expires_text(apr_time_t expires, apr_pool_t *p);

#endif
