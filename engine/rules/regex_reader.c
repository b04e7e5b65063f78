/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How a regex is written: escapes, classes, parentheses and quantifiers, as far as they are certain.
 */
#include <string.h>

#include <apr_lib.h>

#include "rules/regex_reader.h"

certmap_atom_e certmap_regex_escape(certmap_regex_reader_t *r)
{
    unsigned char c = (unsigned char)certmap_regex_look(r, 1);

    if (c == '\0' || c == 'Q' || c == 'c') {
        return CERTMAP_ATOM_UNKNOWN;
    }
    r->at += 2;
    if (c < 0x80 && !apr_isalnum(c)) {
        r->literal = r->pattern.data + r->at - 1;
        r->nliteral = 1;
        return CERTMAP_ATOM_LITERAL;
    }
    if (strchr("dDwWsShHvVRXbBAzZnrtfea", c) != NULL) {
        return CERTMAP_ATOM_GAP;
    }
    if (c != 'p' && c != 'P') {
        return CERTMAP_ATOM_OTHER;
    }
    if (certmap_regex_look(r, 0) == '{') {
        const char *close = memchr(r->pattern.data + r->at, '}', r->pattern.len - r->at);

        if (close == NULL) {
            return CERTMAP_ATOM_UNKNOWN;
        }
        r->at = (apr_size_t)(close - r->pattern.data);
    }
    r->at++;
    return CERTMAP_ATOM_GAP;
}

/* "[:alpha:]" inside a class. */
static int read_posix(certmap_regex_reader_t *r)
{
    apr_size_t n = 2;

    while (apr_islower(certmap_regex_look(r, n)) || certmap_regex_look(r, n) == '^') {
        n++;
    }
    if (certmap_regex_look(r, 1) != ':' || certmap_regex_look(r, n) != ':' || certmap_regex_look(r, n + 1) != ']') {
        return 0;
    }
    r->at += n + 2;
    return 1;
}

certmap_atom_e certmap_regex_class(certmap_regex_reader_t *r)
{
    certmap_atom_e found = CERTMAP_ATOM_GAP;

    r->at++;
    r->at += certmap_regex_look(r, 0) == '^';
    r->at += certmap_regex_look(r, 0) == ']'; /* in the first place it is a member */
    while (r->at < r->pattern.len) {
        char c = certmap_regex_look(r, 0);

        if (c == ']') {
            r->at++;
            return found;
        }
        if (c == '\\') {
            certmap_atom_e atom = certmap_regex_escape(r);

            if (atom == CERTMAP_ATOM_UNKNOWN) {
                return atom;
            }
            found = atom == CERTMAP_ATOM_OTHER ? atom : found;
        }
        else if (c == '[' && certmap_regex_look(r, 1) != '\0' && strchr(":.=", certmap_regex_look(r, 1)) != NULL) {
            if (!read_posix(r)) {
                return CERTMAP_ATOM_UNKNOWN;
            }
        }
        else {
            r->at++;
        }
    }
    return CERTMAP_ATOM_UNKNOWN;
}

/* The name in "(?<name>", "(?'name'". */
static certmap_opening_e read_name(certmap_regex_reader_t *r, char close)
{
    while (apr_isalnum(certmap_regex_look(r, 0)) || certmap_regex_look(r, 0) == '_') {
        r->at++;
    }
    if (certmap_regex_look(r, 0) != close) {
        return CERTMAP_OPENING_UNKNOWN;
    }
    r->at++;
    return CERTMAP_OPENING_CAPTURE;
}

certmap_opening_e certmap_regex_opening(certmap_regex_reader_t *r)
{
    char c;

    r->at++;
    if (certmap_regex_look(r, 0) == '*') {
        return CERTMAP_OPENING_UNKNOWN;
    }
    if (certmap_regex_look(r, 0) != '?') {
        return CERTMAP_OPENING_CAPTURE;
    }
    r->at++;
    r->at += certmap_regex_look(r, 0) == 'P' && certmap_regex_look(r, 1) == '<';
    r->at += certmap_regex_look(r, 0) == '<' && (certmap_regex_look(r, 1) == '=' || certmap_regex_look(r, 1) == '!');
    c = certmap_regex_look(r, 0);
    r->at += c != '\0';
    switch (c) {
    case '<':
        return read_name(r, '>');
    case '\'':
        return read_name(r, '\'');
    case ':':
    case '>':
        return CERTMAP_OPENING_PLAIN;
    case '=':
        return CERTMAP_OPENING_LOOK;
    case '!':
        return CERTMAP_OPENING_NEGATIVE;
    case '|':
        return CERTMAP_OPENING_BRANCH_RESET;
    case 'i':
        c = certmap_regex_look(r, 0);
        r->at += c != '\0';
        return c == ')' ? CERTMAP_OPENING_OPTION : c == ':' ? CERTMAP_OPENING_CASELESS : CERTMAP_OPENING_UNKNOWN;
    default:
        return CERTMAP_OPENING_UNKNOWN;
    }
}

/* "{2}", "{2,}", "{2,3}". @return its length, or 0 when it is none; *least as it says */
static apr_size_t read_braces(const certmap_regex_reader_t *r, int *least)
{
    apr_size_t n = 1;

    *least = 0;
    while (apr_isdigit(certmap_regex_look(r, n))) {
        *least |= certmap_regex_look(r, n++) != '0';
    }
    if (n == 1) {
        return 0;
    }
    if (certmap_regex_look(r, n) == ',') {
        for (n++; apr_isdigit(certmap_regex_look(r, n)); n++) {
        }
    }
    return certmap_regex_look(r, n) == '}' ? n + 1 : 0;
}

int certmap_regex_quantifier(certmap_regex_reader_t *r, int *some, int *least)
{
    char c = certmap_regex_look(r, 0);
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
    r->at += certmap_regex_look(r, 0) == '?' || certmap_regex_look(r, 0) == '+';
    return 1;
}
