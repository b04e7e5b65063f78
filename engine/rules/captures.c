/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Capturing groups of a regex: whether the regex may match without one of them, or with nothing in it. Read from the
 * pattern only where that is certain; of a pattern with anything that is not understood here (\Q, (?x), (?|, verbs,
 * recursion, conditions) nothing is said.
 */
#include <string.h>

#include "base/limits.h"
#include "rules/compare.h"
#include "rules/regex_reader.h"

/* A parenthesis that has been opened. */
typedef struct open_t {
    apr_uint32_t number; /* 0: captures nothing */
    apr_size_t open;     /* where "(" is */
    apr_size_t begin;    /* of what is inside */
    int alternatives;    /* there is a '|' in it */
    int negative;        /* (?!, (?<!: what is inside is not there when it matches */
} open_t;

typedef struct walk_t {
    certmap_regex_reader_t r;
    open_t stack[CERTMAP_REGEX_NESTING_MOST]; /* the first one is the whole pattern */
    int depth;
    apr_uint32_t count; /* of captures so far */
    apr_uint32_t wanted;
    int inside;      /* the wanted one has been closed, with so many open around it; 0: not yet */
    apr_size_t from; /* where the wanted one begins and ends, parentheses included */
    apr_size_t to;
    certmap_capture_t *capture;
} walk_t;

/* "(" and what belongs to it. */
static int open_parenthesis(walk_t *w)
{
    open_t opened = { .open = w->r.at };
    certmap_opening_e opening = certmap_regex_opening(&w->r);

    if (opening == CERTMAP_OPENING_OPTION) {
        return 1; /* no group */
    }
    if (opening == CERTMAP_OPENING_UNKNOWN || opening == CERTMAP_OPENING_BRANCH_RESET
        || w->depth == CERTMAP_REGEX_NESTING_MOST) {
        return 0;
    }
    opened.negative = opening == CERTMAP_OPENING_NEGATIVE;
    opened.number = opening == CERTMAP_OPENING_CAPTURE ? ++w->count : 0;
    opened.begin = w->r.at;
    w->stack[w->depth++] = opened;
    return 1;
}

/* Whether what comes before may also be absent; moves past the quantifier. */
static int may_be_left_out(walk_t *w)
{
    int some, least;

    if (!certmap_regex_quantifier(&w->r, &some, &least)) {
        return certmap_regex_look(&w->r, 1) == ','; /* "{,3}": a quantifier from PCRE2 10.43 on */
    }
    return some && !least;
}

static int close_parenthesis(walk_t *w)
{
    open_t closed;
    apr_size_t end = w->r.at;
    int optional;

    if (w->depth < 2) {
        return 0;
    }
    closed = w->stack[--w->depth];
    w->r.at++;
    optional = may_be_left_out(w);
    if (closed.number != 0 && closed.number == w->wanted) {
        w->capture->text = (certmap_str_t){ w->r.pattern.data + closed.begin, end - closed.begin };
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
    walk_t w = { .r.pattern = pattern, .depth = 1, .wanted = number, .capture = capture };
    apr_size_t first = pattern.len >= 4 && memcmp(pattern.data, "(?i)", 4) == 0 ? 4 : 0;
    apr_size_t last = pattern.len;

    memset(capture, 0, sizeof(*capture));
    while (w.r.at < pattern.len) {
        int understood = 1;

        switch (certmap_regex_look(&w.r, 0)) {
        case '\\':
            understood = certmap_regex_escape(&w.r) != CERTMAP_ATOM_UNKNOWN;
            break;
        case '[':
            understood = certmap_regex_class(&w.r) != CERTMAP_ATOM_UNKNOWN;
            break;
        case '(':
            understood = open_parenthesis(&w);
            break;
        case ')':
            understood = close_parenthesis(&w);
            break;
        default:
            w.stack[w.depth - 1].alternatives |= certmap_regex_look(&w.r, 0) == '|';
            w.r.at++;
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
