/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file engine/rules/regex_reader.h
 * @brief The one reader of how a regex is written. It finds where the parts of a pattern end; literal.c asks it what a
 * text must hold, captures.c what may be captured. Internal to rules/.
 *
 * It reads a part of what PCRE2 reads. Where it does not know a construct (verbs, recursion, conditions, \Q, options
 * other than (?i)) it says so, and nobody draws a conclusion from the pattern.
 */
#ifndef CERTMAP_REGEX_READER_H
#define CERTMAP_REGEX_READER_H

#include "base/base.h"

typedef struct certmap_regex_reader_t {
    certmap_str_t pattern;
    apr_size_t at;
    const char *literal; /**< of a CERTMAP_ATOM_LITERAL: the character */
    apr_size_t nliteral; /**< its bytes */
} certmap_regex_reader_t;

/** What an atom matches. */
typedef enum certmap_atom_e {
    CERTMAP_ATOM_LITERAL, /**< one character that must be there */
    CERTMAP_ATOM_GAP,     /**< anything, nothing too */
    CERTMAP_ATOM_ANCHOR,  /**< an anchor at an end, which every pattern has anyway */
    CERTMAP_ATOM_OTHER,   /**< it is known that it ends here or before a digit, a name or braces of its own, not what it
                               matches: \1, \x41 */
    CERTMAP_ATOM_UNKNOWN  /**< not understood */
} certmap_atom_e;

/** What a parenthesis opens. */
typedef enum certmap_opening_e {
    CERTMAP_OPENING_CAPTURE,      /**< "(", "(?<name>", "(?P<name>", "(?'name'" */
    CERTMAP_OPENING_PLAIN,        /**< "(?:", "(?>" */
    CERTMAP_OPENING_CASELESS,     /**< "(?i:" */
    CERTMAP_OPENING_LOOK,         /**< "(?=", "(?<=" */
    CERTMAP_OPENING_NEGATIVE,     /**< "(?!", "(?<!": what is inside is not there when it matches */
    CERTMAP_OPENING_BRANCH_RESET, /**< "(?|" */
    CERTMAP_OPENING_OPTION,       /**< "(?i)", which is closed already */
    CERTMAP_OPENING_UNKNOWN
} certmap_opening_e;

/** The byte that is so many bytes ahead; NUL: the pattern ends before. */
static inline char certmap_regex_look(const certmap_regex_reader_t *r, apr_size_t ahead)
{
    return r->at + ahead < r->pattern.len ? r->pattern.data[r->at + ahead] : '\0';
}

/** A backslash and what belongs to it. */
certmap_atom_e certmap_regex_escape(certmap_regex_reader_t *r);
/** "[...]": CERTMAP_ATOM_GAP; CERTMAP_ATOM_OTHER where an escape in it is that. */
certmap_atom_e certmap_regex_class(certmap_regex_reader_t *r);
/** "(" and what belongs to it. */
certmap_opening_e certmap_regex_opening(certmap_regex_reader_t *r);
/** A quantifier, if there is one here. @return 0 when it is not understood, and nothing is read; *some: there is one,
 *  *least: at least once */
int certmap_regex_quantifier(certmap_regex_reader_t *r, int *some, int *least);

#endif
