/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A reader of httpd's expressions that never guesses: what it does not understand, or what a request's headers decide,
 * is unknown. Of "and" and "or" one side may be enough.
 */
#include "expr.h"

#include <string.h>
#include <strings.h>

#include <apr_lib.h>

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

typedef struct expr_parser_t {
    const char *at;
    const ctl_known_t *known;
    apr_pool_t *p;
    int strange; /* what follows is not understood, so that nothing of it may be believed */
    int depth;
} expr_parser_t;

/* A string of the expression. */
typedef struct word_t {
    const char *text; /* NULL: not known */
    int failed;       /* "FAILED:" and more that is not known */
} word_t;

static ctl_answer3_e either(expr_parser_t *x);

ctl_answer3_e ctl_regex(const char *pattern, const char *text, int any_case)
{
    pcre2_match_data *match;
    pcre2_code *code;
    PCRE2_SIZE offset;
    int error, rv;

    code = pcre2_compile((PCRE2_SPTR)pattern, PCRE2_ZERO_TERMINATED,
                         PCRE2_DOLLAR_ENDONLY | (any_case ? PCRE2_CASELESS : 0), &error, &offset, NULL);
    match = code ? pcre2_match_data_create_from_pattern(code, NULL) : NULL;
    rv = match ? pcre2_match(code, (PCRE2_SPTR)text, strlen(text), 0, 0, match, NULL) : PCRE2_ERROR_INTERNAL;
    pcre2_match_data_free(match);
    pcre2_code_free(code);
    return rv >= 0 ? CTL_YES : rv == PCRE2_ERROR_NOMATCH ? CTL_NO : CTL_UNKNOWN;
}

static ctl_answer3_e not_so(ctl_answer3_e answer)
{
    return answer == CTL_UNKNOWN ? CTL_UNKNOWN : answer == CTL_YES ? CTL_NO : CTL_YES;
}

static void skip(expr_parser_t *x)
{
    while (apr_isspace(*x->at)) {
        x->at++;
    }
}

/* Takes a sign, or a word that no letter follows. */
static int takes(expr_parser_t *x, const char *sign)
{
    apr_size_t n = strlen(sign);

    skip(x);
    if (strncmp(x->at, sign, n) != 0 || (apr_isalpha(*sign) && (apr_isalnum(x->at[n]) || x->at[n] == '_'))) {
        return 0;
    }
    x->at += n;
    return 1;
}

static word_t strange(expr_parser_t *x)
{
    x->strange = 1;
    return (word_t){ NULL, 0 };
}

/* ---- words --------------------------------------------------------------------------------------------------- */

static word_t variable(const expr_parser_t *x, const char *name)
{
    const ctl_known_t *known = x->known;
    const struct {
        const char *name;
        const char *value;
    } values[] = {
        { "REQUEST_URI", known->path },
        { "QUERY_STRING", known->query },
        { "REQUEST_FILENAME", known->filename },
        { "SCRIPT_FILENAME", known->filename },
        { "REMOTE_USER", known->user },
        { "REQUEST_METHOD", "GET" },
        { "HTTPS", known->is_tls ? "on" : "off" },
        { "REQUEST_SCHEME", known->is_tls ? "https" : "http" },
        { "IS_SUBREQ", "false" },
        { "SSL:SSL_CLIENT_VERIFY", known->verify },
    };
    apr_size_t i;

    for (i = 0; i < sizeof(values) / sizeof(values[0]); i++) {
        if (strcasecmp(values[i].name, name) == 0) {
            int failed = values[i].value && strcmp(values[i].value, "FAILED") == 0 && strchr(name, ':') != NULL;

            return (word_t){ failed ? NULL : values[i].value, failed };
        }
    }
    return (word_t){ NULL, 0 };
}

static word_t read_variable(expr_parser_t *x)
{
    apr_size_t n = strcspn(x->at, "}%{");
    word_t word;

    if (x->at[n] != '}') {
        return strange(x);
    }
    word = variable(x, apr_pstrmemdup(x->p, x->at, n));
    x->at += n + 1;
    return word;
}

static word_t read_string(expr_parser_t *x)
{
    char quote = *x->at++;
    const char *begin = x->at;
    apr_size_t n;

    while (*x->at && *x->at != quote && *x->at != '\\') {
        x->at++;
    }
    n = (apr_size_t)(x->at - begin);
    if (*x->at != quote) {
        return strange(x); /* with escapes, or without an end */
    }
    x->at++;
    if (memchr(begin, '%', n) || memchr(begin, '$', n)) {
        return (word_t){ NULL, 0 };
    }
    return (word_t){ apr_pstrmemdup(x->p, begin, n), 0 };
}

static word_t read_word(expr_parser_t *x)
{
    skip(x);
    if (*x->at == '\'' || *x->at == '"') {
        return read_string(x);
    }
    if (x->at[0] == '%' && x->at[1] == '{') {
        x->at += 2;
        return read_variable(x);
    }
    if (apr_isdigit(*x->at)) {
        const char *begin = x->at;

        while (apr_isdigit(*x->at)) {
            x->at++;
        }
        return (word_t){ apr_pstrmemdup(x->p, begin, (apr_size_t)(x->at - begin)), 0 };
    }
    return strange(x);
}

/* ---- comparisons --------------------------------------------------------------------------------------------- */

static ctl_answer3_e equal(word_t a, word_t b)
{
    if (a.text && b.text) {
        return strcmp(a.text, b.text) == 0 ? CTL_YES : CTL_NO;
    }
    if (a.failed || b.failed) { /* "FAILED:..." or "GENEROUS" */
        const char *other = a.failed ? b.text : a.text;

        return other && (strcmp(other, "SUCCESS") == 0 || strcmp(other, "NONE") == 0) ? CTL_NO : CTL_UNKNOWN;
    }
    return CTL_UNKNOWN;
}

static ctl_answer3_e matches(expr_parser_t *x, word_t word)
{
    const char *begin;
    char end;
    apr_size_t n;
    int any_case = 0;

    skip(x);
    end = *x->at == 'm' && x->at[1] ? *++x->at : *x->at;
    if (!end || (*x->at != '/' && !strchr("#$%^|?!'\",;:._-", end))) {
        strange(x);
        return CTL_UNKNOWN;
    }
    begin = ++x->at;
    n = strcspn(begin, (char[]){ end, '\0' });
    if (begin[n] != end || (n > 0 && begin[n - 1] == '\\')) {
        strange(x);
        return CTL_UNKNOWN;
    }
    for (x->at = begin + n + 1; apr_isalpha(*x->at); x->at++) {
        if (*x->at != 'i') {
            strange(x);
        }
        any_case = 1;
    }
    return word.text ? ctl_regex(apr_pstrmemdup(x->p, begin, n), word.text, any_case) : CTL_UNKNOWN;
}

static ctl_answer3_e is_in(expr_parser_t *x, word_t word)
{
    ctl_answer3_e answer = CTL_NO;

    if (!takes(x, "{")) {
        strange(x);
        return CTL_UNKNOWN;
    }
    do {
        ctl_answer3_e one = equal(word, read_word(x));

        answer = answer == CTL_YES || one == CTL_YES           ? CTL_YES
                 : answer == CTL_UNKNOWN || one == CTL_UNKNOWN ? CTL_UNKNOWN
                                                               : CTL_NO;
    } while (!x->strange && takes(x, ","));
    if (!takes(x, "}")) {
        strange(x);
    }
    return answer;
}

static ctl_answer3_e comparison(expr_parser_t *x)
{
    word_t word = read_word(x);

    if (x->strange) {
        return CTL_UNKNOWN;
    }
    if (takes(x, "==")) {
        return equal(word, read_word(x));
    }
    if (takes(x, "!=")) {
        return not_so(equal(word, read_word(x)));
    }
    if (takes(x, "=~")) {
        return matches(x, word);
    }
    if (takes(x, "!~")) {
        return not_so(matches(x, word));
    }
    if (takes(x, "in")) {
        return is_in(x, word);
    }
    strange(x);
    return CTL_UNKNOWN;
}

/* ---- and, or, not -------------------------------------------------------------------------------------------- */

static ctl_answer3_e one(expr_parser_t *x)
{
    ctl_answer3_e answer;

    if (++x->depth > CTL_EXPR_DEPTH_MOST) {
        strange(x);
        return CTL_UNKNOWN;
    }
    if (takes(x, "true")) {
        return CTL_YES;
    }
    if (takes(x, "false")) {
        return CTL_NO;
    }
    skip(x);
    if (*x->at == '!' && x->at[1] != '=' && x->at[1] != '~') {
        x->at++;
        return not_so(one(x));
    }
    if (takes(x, "(")) {
        answer = either(x);
        if (!takes(x, ")")) {
            strange(x);
        }
        return answer;
    }
    return comparison(x);
}

static ctl_answer3_e both(expr_parser_t *x)
{
    ctl_answer3_e answer = one(x);

    while (!x->strange && takes(x, "&&")) {
        ctl_answer3_e other = one(x);

        answer = answer == CTL_NO || other == CTL_NO             ? CTL_NO
                 : answer == CTL_UNKNOWN || other == CTL_UNKNOWN ? CTL_UNKNOWN
                                                                 : CTL_YES;
    }
    return answer;
}

static ctl_answer3_e either(expr_parser_t *x)
{
    ctl_answer3_e answer = both(x);

    while (!x->strange && takes(x, "||")) {
        ctl_answer3_e other = both(x);

        answer = answer == CTL_YES || other == CTL_YES           ? CTL_YES
                 : answer == CTL_UNKNOWN || other == CTL_UNKNOWN ? CTL_UNKNOWN
                                                                 : CTL_NO;
    }
    return answer;
}

ctl_answer3_e ctl_expr(const char *text, const ctl_known_t *known, apr_pool_t *p)
{
    expr_parser_t x = { .at = text, .known = known, .p = p };
    ctl_answer3_e answer = either(&x);

    skip(&x);
    return x.strange || *x.at ? CTL_UNKNOWN : answer;
}
