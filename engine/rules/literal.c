/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Literals that a text must hold for a regex to match it at all: what the pattern begins with, ends with, and the
 * longest run between. They are read from the pattern only where that is certain; a pattern with anything that is not
 * understood here (options but a leading (?i), verbs, alternatives at its top, recursion, ...) has none, which is
 * always right.
 *
 * They are part of what a regex condition means: a text without them is a plain "no", before PCRE2 is asked and could
 * run into its limits. That is why an index may pick rules by them and still give the answer of the plain loop.
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE /* memmem */
#endif
#include <string.h>

#include <apr_lib.h>
#include <apr_strings.h>

#include "rules/condition.h"
#include "rules/regex_reader.h"

/* Of what the reader knows, an atom for literals: one of CERTMAP_ATOM_LITERAL, _GAP and _UNKNOWN. */
static certmap_atom_e certain(certmap_atom_e atom)
{
    return atom == CERTMAP_ATOM_OTHER ? CERTMAP_ATOM_UNKNOWN : atom;
}

/* A group, with all that is in it. Letters in a part that ignores case are none of the pattern's own. */
static certmap_atom_e read_parentheses(certmap_regex_reader_t *r)
{
    certmap_opening_e opening;
    int depth = 0;

    do {
        switch (certmap_regex_look(r, 0)) {
        case '(':
            opening = certmap_regex_opening(r);
            if (opening == CERTMAP_OPENING_UNKNOWN || opening == CERTMAP_OPENING_OPTION
                || opening == CERTMAP_OPENING_CASELESS) {
                return CERTMAP_ATOM_UNKNOWN;
            }
            depth++;
            break;
        case '\\':
            if (certain(certmap_regex_escape(r)) == CERTMAP_ATOM_UNKNOWN) {
                return CERTMAP_ATOM_UNKNOWN;
            }
            break;
        case '[':
            if (certain(certmap_regex_class(r)) == CERTMAP_ATOM_UNKNOWN) {
                return CERTMAP_ATOM_UNKNOWN;
            }
            break;
        default:
            depth -= certmap_regex_look(r, 0) == ')';
            r->at++;
            break;
        }
    } while (depth > 0 && r->at < r->pattern.len);
    return depth == 0 ? CERTMAP_ATOM_GAP : CERTMAP_ATOM_UNKNOWN;
}

/* One atom without its quantifier. begin: where the pattern begins, after a (?i) */
static certmap_atom_e read_atom(certmap_regex_reader_t *r, apr_size_t begin)
{
    apr_uint32_t c;
    apr_size_t from = r->at;

    switch (certmap_regex_look(r, 0)) {
    case '\\':
        return certain(certmap_regex_escape(r));
    case '[':
        return certain(certmap_regex_class(r));
    case '(':
        return read_parentheses(r);
    case '.':
        r->at++;
        return CERTMAP_ATOM_GAP;
    case '^':
        r->at++;
        return from == begin ? CERTMAP_ATOM_ANCHOR : CERTMAP_ATOM_GAP;
    case '$':
        r->at++;
        return r->at == r->pattern.len ? CERTMAP_ATOM_ANCHOR : CERTMAP_ATOM_GAP;
    case '|':
    case ')':
    case '*':
    case '+':
    case '?':
    case '{':
    case '\0':
        return CERTMAP_ATOM_UNKNOWN;
    }
    r->literal = r->pattern.data + r->at;
    r->nliteral = (apr_size_t)certmap_utf8_next((const unsigned char *)r->literal, r->pattern.len - r->at, &c);
    r->at += r->nliteral;
    return r->nliteral > 0 ? CERTMAP_ATOM_LITERAL : CERTMAP_ATOM_UNKNOWN;
}

/* ---- letters ---------------------------------------------------------------------------------------------------- */

static int letters_of(certmap_regex_reader_t *r, unsigned depth, unsigned *letters);

/* A class: it counts when it is one letter, in both cases or one. */
static int letters_of_class(certmap_regex_reader_t *r, unsigned *letters)
{
    const char *c = r->pattern.data + r->at + 1;

    if (certmap_regex_class(r) != CERTMAP_ATOM_GAP) {
        return 0;
    }
    *letters = apr_isalnum(c[0]) && (c[1] == ']' || (c[2] == ']' && apr_isalpha(c[0]) && (c[0] ^ c[1]) == 0x20));
    return 1;
}

/* A group, with all that is in it; lookahead and lookbehind do not count. opening: what has been read of it */
static int letters_of_parentheses(certmap_regex_reader_t *r, certmap_opening_e opening, unsigned depth,
                                  unsigned *letters)
{
    if (opening == CERTMAP_OPENING_UNKNOWN || depth == CERTMAP_LITERAL_DEPTH_MOST || !letters_of(r, depth + 1, letters)
        || certmap_regex_look(r, 0) != ')') {
        return 0;
    }
    r->at++;
    *letters = opening == CERTMAP_OPENING_LOOK || opening == CERTMAP_OPENING_NEGATIVE ? 0 : *letters;
    return 1;
}

/* One atom with its quantifier. */
static int letters_of_atom(certmap_regex_reader_t *r, unsigned depth, unsigned *letters)
{
    int understood;
    int some;
    int least;

    *letters = 0;
    if (certmap_regex_look(r, 0) == '(') {
        certmap_opening_e opening = certmap_regex_opening(r);

        if (opening == CERTMAP_OPENING_OPTION) {
            return 1;
        }
        understood = letters_of_parentheses(r, opening, depth, letters);
    }
    else if (certmap_regex_look(r, 0) == '[') {
        understood = letters_of_class(r, letters);
    }
    else {
        certmap_atom_e atom = read_atom(r, 0);

        understood = atom != CERTMAP_ATOM_UNKNOWN;
        *letters = atom != CERTMAP_ATOM_LITERAL ? 0
                   : r->nliteral > 1            ? (unsigned)r->nliteral
                                                : apr_isalnum(*r->literal) != 0;
    }
    if (!understood || !certmap_regex_quantifier(r, &some, &least)) {
        return 0;
    }
    *letters = some && !least ? 0 : *letters;
    return 1;
}

/* Alternatives, up to the end or the ")" after them: what the one has that asks for least. */
static int letters_of(certmap_regex_reader_t *r, unsigned depth, unsigned *letters)
{
    unsigned least = CERTMAP_LITERAL_LETTERS_MOST;
    unsigned sum = 0;

    while (r->at < r->pattern.len && certmap_regex_look(r, 0) != ')') {
        unsigned n;

        if (certmap_regex_look(r, 0) == '|') {
            least = sum < least ? sum : least;
            sum = 0;
            r->at++;
            continue;
        }
        if (!letters_of_atom(r, depth, &n)) {
            return 0;
        }
        sum = sum + n < CERTMAP_LITERAL_LETTERS_MOST ? sum + n : CERTMAP_LITERAL_LETTERS_MOST;
    }
    *letters = sum < least ? sum : least;
    return 1;
}

int certmap_regex_letters(certmap_str_t pattern)
{
    certmap_regex_reader_t r = { .pattern = pattern };
    unsigned letters;

    return letters_of(&r, 0, &letters) && r.at == pattern.len ? (int)letters : -1;
}

int certmap_regex_repeats(certmap_str_t pattern, certmap_str_t *atom)
{
    certmap_regex_reader_t r = { .pattern = pattern };
    apr_size_t from;
    int captures;
    int some;
    int least;

    r.at += pattern.len >= 4 && memcmp(pattern.data, "(?i)", 4) == 0 ? 4 : 0;
    r.at += certmap_regex_look(&r, 0) == '^';
    captures = certmap_regex_look(&r, 0) == '(' && certmap_regex_look(&r, 1) != '?' && certmap_regex_look(&r, 1) != '*';
    r.at += (apr_size_t)captures;
    from = r.at;
    if (certmap_regex_look(&r, 0) == '(' || read_atom(&r, 0) != CERTMAP_ATOM_GAP) {
        return 0;
    }
    *atom = (certmap_str_t){ pattern.data + from, r.at - from };
    if ((certmap_regex_look(&r, 0) != '+' && certmap_regex_look(&r, 0) != '*')
        || !certmap_regex_quantifier(&r, &some, &least) || (captures && certmap_regex_look(&r, 0) != ')')) {
        return 0;
    }
    r.at += (apr_size_t)captures;
    r.at += certmap_regex_look(&r, 0) == '$';
    return r.at == pattern.len;
}

/* ---- case ------------------------------------------------------------------------------------------------------ */

/* Letters of options after "(?": all that PCRE2 knows, and '-' and '^', which unset some. */
static int is_option(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '-' || c == '^';
}

int certmap_regex_mixes(certmap_str_t pattern, int restricts)
{
    apr_size_t i;
    int caseless = 0;
    int undone = 0;
    int unset;

    for (i = 0; i + 2 < pattern.len; i++) {
        if (pattern.data[i] != '(' || pattern.data[i + 1] != '?') {
            continue;
        }
        unset = 0;
        for (i += 2; i < pattern.len && is_option(pattern.data[i]); i++) {
            unset |= pattern.data[i] == '-';
            caseless |= pattern.data[i] == 'i' && !unset;
            undone |= pattern.data[i] == '^' || (pattern.data[i] == 'r' && unset);
        }
        i--;
    }
    return caseless && (!restricts || undone);
}

int certmap_text_mixes(certmap_str_t text)
{
    const unsigned char *s = (const unsigned char *)text.data;
    apr_size_t i;

    for (i = 0; i + 1 < text.len; i++) {
        if ((s[i] == 0xc5 && s[i + 1] == 0xbf)
            || (s[i] == 0xe2 && s[i + 1] == 0x84 && i + 2 < text.len && s[i + 2] == 0xaa)) {
            return 1;
        }
    }
    return 0;
}

/* ---- what a regex needs ---------------------------------------------------------------------------------------- */

/* Puts a finished run where it belongs. */
static void end_run(certmap_needs_t *needs, int *first, int last, certmap_str_t run)
{
    if (*first) {
        needs->prefix = run;
    }
    else if (last) {
        needs->suffix = run;
    }
    else if (run.len > needs->inner.len) {
        needs->inner = run;
    }
    *first = 0;
}

/* Whether a character stands for nothing but itself and, with (?i), its other case. Under (?i) U+212A matches k, U+017F
 * matches s, and what is not ASCII is left alone; blanks are, too, so that the literal is the same in folded text. */
static int is_steady(const certmap_regex_reader_t *r, int caseless)
{
    return !caseless
           || (r->nliteral == 1 && (unsigned char)r->literal[0] < 0x80 && strchr("kKsS \t", r->literal[0]) == NULL);
}

static char lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c + ('a' - 'A')) : c;
}

const certmap_needs_t *certmap_regex_needs(certmap_str_t pattern, apr_pool_t *p)
{
    certmap_regex_reader_t r = { .pattern = pattern };
    certmap_needs_t needs = { .whole = 1 };
    char *bytes = apr_palloc(p, pattern.len + 1);
    certmap_str_t run = { bytes, 0 };
    apr_size_t used = 0;
    apr_size_t begin = 0;
    int first = 1;

    if (pattern.len >= 4 && memcmp(pattern.data, "(?i)", 4) == 0) {
        needs.caseless = 1;
        begin = r.at = 4;
    }
    while (r.at < pattern.len) {
        certmap_atom_e atom = read_atom(&r, begin);
        apr_size_t i;
        int some;
        int least;

        if (atom == CERTMAP_ATOM_UNKNOWN || !certmap_regex_quantifier(&r, &some, &least)) {
            return NULL;
        }
        if (atom == CERTMAP_ATOM_LITERAL && !is_steady(&r, needs.caseless)) {
            atom = CERTMAP_ATOM_GAP;
        }
        for (i = 0; atom == CERTMAP_ATOM_LITERAL && (!some || least) && i < r.nliteral; i++) {
            bytes[used++] = needs.caseless ? lower(r.literal[i]) : r.literal[i];
            run.len++;
        }
        if (atom == CERTMAP_ATOM_GAP || some) {
            needs.whole = 0;
            end_run(&needs, &first, 0, run);
            run = (certmap_str_t){ bytes + used, 0 };
        }
    }
    end_run(&needs, &first, 1, run);
    return used > 0 ? apr_pmemdup(p, &needs, sizeof(needs)) : NULL;
}

/* Whether part is at this place. */
static int stands(const certmap_needs_t *needs, const char *at, certmap_str_t part)
{
    apr_size_t i;

    if (!needs->caseless) {
        return part.len == 0 || memcmp(at, part.data, part.len) == 0;
    }
    for (i = 0; i < part.len && lower(at[i]) == part.data[i]; i++) {
    }
    return i == part.len;
}

static int contains(const certmap_needs_t *needs, certmap_str_t text, certmap_str_t part)
{
    const char *at = text.data;
    const char *last = text.data + text.len - part.len; /* the text is long enough */

    if (!needs->caseless) {
        return memmem(text.data, text.len, part.data, part.len) != NULL;
    }
    for (; at <= last; at++) {
        if (stands(needs, at, part)) {
            return 1;
        }
    }
    return 0;
}

int certmap_needs_met(const certmap_needs_t *needs, certmap_str_t text)
{
    apr_size_t least = needs->prefix.len + needs->inner.len + needs->suffix.len;

    if (text.len < least || (needs->whole && text.len != least)) {
        return 0;
    }
    return stands(needs, text.data, needs->prefix)
           && stands(needs, text.data + text.len - needs->suffix.len, needs->suffix)
           && (needs->inner.len == 0 || contains(needs, text, needs->inner));
}
