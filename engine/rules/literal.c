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

typedef enum atom_e {
    ATOM_LITERAL, /* one character that must be there */
    ATOM_GAP,     /* anything, nothing too */
    ATOM_NONE,    /* an anchor that every pattern has anyway */
    ATOM_UNKNOWN  /* not understood: nothing is said of the whole pattern */
} atom_e;

typedef struct regex_reader_t {
    certmap_str_t pattern;
    apr_size_t at;
    apr_size_t begin; /* after a leading (?i) */
    int caseless;
    const char *literal; /* of an ATOM_LITERAL */
    apr_size_t nliteral;
} regex_reader_t;

static char look(const regex_reader_t *r, apr_size_t ahead)
{
    return r->at + ahead < r->pattern.len ? r->pattern.data[r->at + ahead] : '\0';
}

/* A backslash and what belongs to it. */
static atom_e read_escape(regex_reader_t *r)
{
    unsigned char c = (unsigned char)look(r, 1);

    if (c == '\0' || c >= 0x80) {
        return ATOM_UNKNOWN;
    }
    if (!apr_isalnum(c)) {
        r->literal = r->pattern.data + r->at + 1;
        r->nliteral = 1;
        r->at += 2;
        return ATOM_LITERAL;
    }
    if (strchr("dDwWsShHvVRXbBAzZnrtfea", c) != NULL) {
        r->at += 2;
        return ATOM_GAP;
    }
    if (c != 'p' && c != 'P') {
        return ATOM_UNKNOWN;
    }
    r->at += 2;
    if (look(r, 0) == '{') {
        const char *close = memchr(r->pattern.data + r->at, '}', r->pattern.len - r->at);

        if (close == NULL) {
            return ATOM_UNKNOWN;
        }
        r->at = (apr_size_t)(close - r->pattern.data);
    }
    r->at++;
    return ATOM_GAP;
}

/* "[:alpha:]" inside a class. */
static int read_posix(regex_reader_t *r)
{
    apr_size_t n = 2;

    while (apr_islower(look(r, n)) || look(r, n) == '^') {
        n++;
    }
    if (look(r, 1) != ':' || look(r, n) != ':' || look(r, n + 1) != ']') {
        return 0;
    }
    r->at += n + 2;
    return 1;
}

static atom_e read_class(regex_reader_t *r)
{
    r->at++;
    r->at += look(r, 0) == '^';
    r->at += look(r, 0) == ']'; /* in the first place it is a member */
    while (r->at < r->pattern.len) {
        char c = look(r, 0);

        if (c == ']') {
            r->at++;
            return ATOM_GAP;
        }
        if (c == '\\') {
            if (read_escape(r) == ATOM_UNKNOWN) {
                return ATOM_UNKNOWN;
            }
        }
        else if (c == '[' && look(r, 1) != '\0' && strchr(":.=", look(r, 1)) != NULL) {
            if (!read_posix(r)) {
                return ATOM_UNKNOWN;
            }
        }
        else {
            r->at++;
        }
    }
    return ATOM_UNKNOWN;
}

/* What opens a group: "(", "(?:", "(?=", "(?!", "(?>", "(?|", "(?<=", "(?<!", "(?<name>", "(?P<name>", "(?'name'". */
static int read_opening(regex_reader_t *r)
{
    char close = '\0';

    r->at++;
    if (look(r, 0) == '*') {
        return 0;
    }
    if (look(r, 0) != '?') {
        return 1;
    }
    r->at++;
    if (look(r, 0) == 'P' && look(r, 1) == '<') {
        r->at++;
    }
    if (look(r, 0) == '<' && (look(r, 1) == '=' || look(r, 1) == '!')) {
        r->at += 2;
        return 1;
    }
    if (look(r, 0) == '<') {
        close = '>';
    }
    else if (look(r, 0) == '\'') {
        close = '\'';
    }
    else if (look(r, 0) == '\0' || strchr(":=!>|", look(r, 0)) == NULL) {
        return 0;
    }
    r->at++;
    if (close != '\0') {
        while (apr_isalnum(look(r, 0)) || look(r, 0) == '_') {
            r->at++;
        }
        if (look(r, 0) != close) {
            return 0;
        }
        r->at++;
    }
    return 1;
}

/* A group, with all that is in it. */
static atom_e read_parentheses(regex_reader_t *r)
{
    int depth = 0;

    do {
        switch (look(r, 0)) {
        case '(':
            if (!read_opening(r)) {
                return ATOM_UNKNOWN;
            }
            depth++;
            break;
        case '\\':
            if (read_escape(r) == ATOM_UNKNOWN) {
                return ATOM_UNKNOWN;
            }
            break;
        case '[':
            if (read_class(r) == ATOM_UNKNOWN) {
                return ATOM_UNKNOWN;
            }
            break;
        default:
            depth -= look(r, 0) == ')';
            r->at++;
            break;
        }
    } while (depth > 0 && r->at < r->pattern.len);
    return depth == 0 ? ATOM_GAP : ATOM_UNKNOWN;
}

static atom_e read_atom(regex_reader_t *r)
{
    apr_uint32_t c;
    int first = r->at == r->begin;

    switch (look(r, 0)) {
    case '\\':
        return read_escape(r);
    case '[':
        return read_class(r);
    case '(':
        return read_parentheses(r);
    case '.':
        r->at++;
        return ATOM_GAP;
    case '^':
        r->at++;
        return first ? ATOM_NONE : ATOM_GAP;
    case '$':
        r->at++;
        return r->at == r->pattern.len ? ATOM_NONE : ATOM_GAP;
    case '|':
    case ')':
    case '*':
    case '+':
    case '?':
    case '{':
    case '\0':
        return ATOM_UNKNOWN;
    }
    r->literal = r->pattern.data + r->at;
    r->nliteral = (apr_size_t)certmap_utf8_next((const unsigned char *)r->literal, r->pattern.len - r->at, &c);
    r->at += r->nliteral;
    return r->nliteral > 0 ? ATOM_LITERAL : ATOM_UNKNOWN;
}

/* "{2}", "{2,}", "{2,3}". @return its length, or 0 when it is none; *least as it says */
static apr_size_t read_braces(const regex_reader_t *r, int *least)
{
    apr_size_t n = 1;

    *least = 0;
    while (apr_isdigit(look(r, n))) {
        *least |= look(r, n++) != '0';
    }
    if (n == 1) {
        return 0;
    }
    if (look(r, n) == ',') {
        for (n++; apr_isdigit(look(r, n)); n++) {
        }
    }
    return look(r, n) == '}' ? n + 1 : 0;
}

/* A quantifier, if there is one here. @return 0 when it is not understood; *some: there is one, *least: at least
 * once */
static int read_quantifier(regex_reader_t *r, int *some, int *least)
{
    char c = look(r, 0);
    apr_size_t n = 1;

    *some = c != '\0' && strchr("*+?{", c) != NULL;
    *least = c == '+';
    if (!*some) {
        return 1;
    }
    if (c == '{') {
        n = read_braces(r, least);
        if (n == 0) {
            return 0;
        }
    }
    r->at += n;
    r->at += look(r, 0) == '?' || look(r, 0) == '+';
    return 1;
}

/* ---- letters ---------------------------------------------------------------------------------------------------- */

static int letters_of(regex_reader_t *r, unsigned depth, unsigned *letters);

/* A class: it counts when it is one letter, in both cases or one. */
static int letters_of_class(regex_reader_t *r, unsigned *letters)
{
    const char *c = r->pattern.data + r->at + 1;

    if (read_class(r) == ATOM_UNKNOWN) {
        return 0;
    }
    *letters = apr_isalnum(c[0]) && (c[1] == ']' || (c[2] == ']' && apr_isalpha(c[0]) && (c[0] ^ c[1]) == 0x20));
    return 1;
}

/* A group, with all that is in it; lookahead and lookbehind do not count. */
static int letters_of_parentheses(regex_reader_t *r, unsigned depth, unsigned *letters)
{
    int looks = look(r, 1) == '?'
                && (look(r, 2) == '=' || look(r, 2) == '!'
                    || (look(r, 2) == '<' && (look(r, 3) == '=' || look(r, 3) == '!')));

    if (look(r, 1) == '?' && look(r, 2) == 'i' && look(r, 3) == ':') {
        r->at += 4;
    }
    else if (!read_opening(r)) {
        return 0;
    }
    if (depth == CERTMAP_LITERAL_DEPTH_MOST || !letters_of(r, depth + 1, letters) || look(r, 0) != ')') {
        return 0;
    }
    r->at++;
    *letters = looks ? 0 : *letters;
    return 1;
}

/* One atom with its quantifier. */
static int letters_of_atom(regex_reader_t *r, unsigned depth, unsigned *letters)
{
    int understood;
    int some;
    int least;

    *letters = 0;
    if (look(r, 0) == '(' && look(r, 1) == '?' && look(r, 2) == 'i' && look(r, 3) == ')') {
        r->at += 4;
        return 1;
    }
    if (look(r, 0) == '(') {
        understood = letters_of_parentheses(r, depth, letters);
    }
    else if (look(r, 0) == '[') {
        understood = letters_of_class(r, letters);
    }
    else {
        atom_e atom = read_atom(r);

        understood = atom != ATOM_UNKNOWN;
        *letters = atom != ATOM_LITERAL ? 0 : r->nliteral > 1 ? (unsigned)r->nliteral : apr_isalnum(*r->literal) != 0;
    }
    if (!understood || !read_quantifier(r, &some, &least)) {
        return 0;
    }
    *letters = some && !least ? 0 : *letters;
    return 1;
}

/* Alternatives, up to the end or the ")" after them: what the one has that asks for least. */
static int letters_of(regex_reader_t *r, unsigned depth, unsigned *letters)
{
    unsigned least = CERTMAP_LITERAL_LETTERS_MOST;
    unsigned sum = 0;

    while (r->at < r->pattern.len && look(r, 0) != ')') {
        unsigned n;

        if (look(r, 0) == '|') {
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
    regex_reader_t r = { .pattern = pattern };
    unsigned letters;

    return letters_of(&r, 0, &letters) && r.at == pattern.len ? (int)letters : -1;
}

int certmap_regex_repeats(certmap_str_t pattern, certmap_str_t *atom)
{
    regex_reader_t r = { .pattern = pattern };
    apr_size_t from;
    int captures;
    int some;
    int least;

    r.at += pattern.len >= 4 && memcmp(pattern.data, "(?i)", 4) == 0 ? 4 : 0;
    r.at += look(&r, 0) == '^';
    captures = look(&r, 0) == '(' && look(&r, 1) != '?' && look(&r, 1) != '*';
    r.at += (apr_size_t)captures;
    from = r.at;
    if (look(&r, 0) == '(' || read_atom(&r) != ATOM_GAP) {
        return 0;
    }
    *atom = (certmap_str_t){ pattern.data + from, r.at - from };
    if ((look(&r, 0) != '+' && look(&r, 0) != '*') || !read_quantifier(&r, &some, &least)
        || (captures && look(&r, 0) != ')')) {
        return 0;
    }
    r.at += (apr_size_t)captures;
    r.at += look(&r, 0) == '$';
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
static int is_steady(const regex_reader_t *r)
{
    return !r->caseless
           || (r->nliteral == 1 && (unsigned char)r->literal[0] < 0x80 && strchr("kKsS \t", r->literal[0]) == NULL);
}

static char lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c + ('a' - 'A')) : c;
}

const certmap_needs_t *certmap_regex_needs(certmap_str_t pattern, apr_pool_t *p)
{
    regex_reader_t r = { .pattern = pattern };
    certmap_needs_t needs = { .whole = 1 };
    char *bytes = apr_palloc(p, pattern.len + 1);
    certmap_str_t run = { bytes, 0 };
    apr_size_t used = 0;
    int first = 1;

    if (pattern.len >= 4 && memcmp(pattern.data, "(?i)", 4) == 0) {
        needs.caseless = r.caseless = 1;
        r.begin = r.at = 4;
    }
    while (r.at < pattern.len) {
        atom_e atom = read_atom(&r);
        apr_size_t i;
        int some;
        int least;

        if (atom == ATOM_UNKNOWN || !read_quantifier(&r, &some, &least)) {
            return NULL;
        }
        if (atom == ATOM_LITERAL && !is_steady(&r)) {
            atom = ATOM_GAP;
        }
        for (i = 0; atom == ATOM_LITERAL && (!some || least) && i < r.nliteral; i++) {
            bytes[used++] = r.caseless ? lower(r.literal[i]) : r.literal[i];
            run.len++;
        }
        if (atom == ATOM_GAP || some) {
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
