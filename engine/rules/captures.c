/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Capturing groups of a regex: whether the regex may match without one of them, or with nothing in it. Read from the
 * pattern only where that is certain; of a pattern with anything that is not understood here (\Q, (?x), (?|, verbs,
 * recursion, conditions) nothing is said.
 */
#include <string.h>

#include <apr_lib.h>

#include "base/limits.h"
#include "rules/compare.h"

/* A parenthesis that has been opened. */
typedef struct open_t {
    apr_uint32_t number; /* 0: captures nothing */
    apr_size_t open;     /* where "(" is */
    apr_size_t begin;    /* of what is inside */
    int alternatives;    /* there is a '|' in it */
    int negative;        /* (?!, (?<!: what is inside is not there when it matches */
} open_t;

typedef struct walk_t {
    certmap_str_t pattern;
    apr_size_t at;
    open_t stack[CERTMAP_REGEX_NESTING_MOST]; /* the first one is the whole pattern */
    int depth;
    apr_uint32_t count; /* of captures so far */
    apr_uint32_t wanted;
    int inside;      /* the wanted one has been closed, with so many open around it; 0: not yet */
    apr_size_t from; /* where the wanted one begins and ends, parentheses included */
    apr_size_t to;
    certmap_capture_t *capture;
} walk_t;

static char look(const walk_t *w, apr_size_t ahead)
{
    return w->at + ahead < w->pattern.len ? w->pattern.data[w->at + ahead] : '\0';
}

static int skip_escape(walk_t *w)
{
    if (look(w, 1) == '\0' || look(w, 1) == 'Q' || look(w, 1) == 'c') {
        return 0;
    }
    w->at += 2;
    return 1;
}

static int skip_class(walk_t *w)
{
    w->at++;
    w->at += look(w, 0) == '^';
    w->at += look(w, 0) == ']'; /* in the first place it is a member */
    while (look(w, 0) != ']') {
        if (look(w, 0) == '\0' || (look(w, 0) == '\\' && (look(w, 1) == 'Q' || look(w, 1) == '\0'))) {
            return 0;
        }
        if (look(w, 0) == '[' && look(w, 1) == ':') {
            const char *end = strstr(w->pattern.data + w->at, ":]");

            if (end == NULL) {
                return 0;
            }
            w->at = (apr_size_t)(end - w->pattern.data) + 2;
            continue;
        }
        w->at += look(w, 0) == '\\' ? 2 : 1;
    }
    w->at++;
    return 1;
}

/* The name in "(?<name>", "(?'name'". */
static int skip_name(walk_t *w, char close)
{
    while (apr_isalnum(look(w, 0)) || look(w, 0) == '_') {
        w->at++;
    }
    if (look(w, 0) != close) {
        return 0;
    }
    w->at++;
    return 1;
}

/* "(" and what belongs to it. */
static int open_parenthesis(walk_t *w)
{
    open_t opened = { .open = w->at };
    int named = 0;

    w->at++;
    if (look(w, 0) == '*' || w->depth == CERTMAP_REGEX_NESTING_MOST) {
        return 0;
    }
    if (look(w, 0) == '?') {
        int behind;

        w->at++;
        w->at += look(w, 0) == 'P' && look(w, 1) == '<';
        behind = look(w, 0) == '<' && (look(w, 1) == '=' || look(w, 1) == '!');
        w->at += behind;
        if (look(w, 0) == '<' || look(w, 0) == '\'') {
            char close = look(w, 0) == '<' ? '>' : '\'';

            w->at++;
            named = 1;
            if (!skip_name(w, close)) {
                return 0;
            }
        }
        else if (look(w, 0) == 'i' && look(w, 1) == ')') {
            w->at += 2; /* an option, no group */
            return 1;
        }
        else {
            w->at += look(w, 0) == 'i' && look(w, 1) == ':';
            if (look(w, 0) == '\0' || strchr(":=!>", look(w, 0)) == NULL) {
                return 0;
            }
            opened.negative = look(w, 0) == '!';
            w->at++;
        }
    }
    else {
        named = 1;
    }
    opened.number = named ? ++w->count : 0;
    opened.begin = w->at;
    w->stack[w->depth++] = opened;
    return 1;
}

/* Whether what comes before may also be absent; moves past the quantifier. */
static int may_be_left_out(walk_t *w)
{
    char c = look(w, 0);
    apr_size_t n = 1;
    int some = 0;

    if (c == '*' || c == '?') {
        w->at++;
        return 1;
    }
    if (c != '{') {
        return 0;
    }
    for (; apr_isdigit(look(w, n)); n++) {
        some |= look(w, n) != '0';
    }
    return !some && (look(w, n) == ',' || (n > 1 && look(w, n) == '}'));
}

static int close_parenthesis(walk_t *w)
{
    open_t closed;
    apr_size_t end = w->at;
    int optional;

    if (w->depth < 2) {
        return 0;
    }
    closed = w->stack[--w->depth];
    w->at++;
    optional = may_be_left_out(w);
    if (closed.number != 0 && closed.number == w->wanted) {
        w->capture->text = (certmap_str_t){ w->pattern.data + closed.begin, end - closed.begin };
        w->capture->may_skip = optional;
        w->from = closed.open;
        w->to = end + 1;
        w->inside = w->depth;
    }
    else if (w->inside > w->depth) {
        w->capture->may_skip |= optional || closed.alternatives || closed.negative;
        w->inside = w->depth;
    }
    return 1;
}

/* Whether what a group holds can match nothing. */
static int matches_nothing(certmap_str_t inner)
{
    pcre2_match_context *limit = pcre2_match_context_create(NULL);
    pcre2_match_data *match;
    pcre2_code *code;
    PCRE2_SIZE at;
    int rc;
    int yes = 0;

    code = pcre2_compile((PCRE2_SPTR)inner.data, inner.len,
                         PCRE2_ANCHORED | PCRE2_ENDANCHORED | PCRE2_UTF | PCRE2_NEVER_BACKSLASH_C, &rc, &at, NULL);
    match = code != NULL ? pcre2_match_data_create_from_pattern(code, NULL) : NULL;
    if (match != NULL && limit != NULL) {
        pcre2_set_match_limit(limit, CERTMAP_REGEX_PROBE);
        yes = pcre2_match(code, (PCRE2_SPTR) "", 0, 0, 0, match, limit) >= 0;
    }
    pcre2_match_context_free(limit);
    pcre2_match_data_free(match);
    pcre2_code_free(code);
    return yes;
}

int certmap_regex_capture(certmap_str_t pattern, apr_uint32_t number, certmap_capture_t *capture)
{
    walk_t w = { .pattern = pattern, .depth = 1, .wanted = number, .capture = capture };
    apr_size_t first = pattern.len >= 4 && memcmp(pattern.data, "(?i)", 4) == 0 ? 4 : 0;
    apr_size_t last = pattern.len;

    memset(capture, 0, sizeof(*capture));
    while (w.at < pattern.len) {
        int understood = 1;

        switch (look(&w, 0)) {
        case '\\':
            understood = skip_escape(&w);
            break;
        case '[':
            understood = skip_class(&w);
            break;
        case '(':
            understood = open_parenthesis(&w);
            break;
        case ')':
            understood = close_parenthesis(&w);
            break;
        default:
            w.stack[w.depth - 1].alternatives |= look(&w, 0) == '|';
            w.at++;
            break;
        }
        if (!understood) {
            return 0;
        }
    }
    if (w.inside == 0 || w.depth != 1) {
        return 0;
    }
    first += first < pattern.len && pattern.data[first] == '^';
    last -= last > 0 && pattern.data[last - 1] == '$';
    capture->whole = w.from == first && w.to == last;
    capture->may_skip |= w.stack[0].alternatives;
    capture->may_be_empty = !capture->whole && matches_nothing(capture->text);
    return 1;
}
