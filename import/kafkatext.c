/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which texts a pattern of Kafka matches. Rules here compare names part by part and Kafka's compare their text, so only
 * a pattern that stands for a few whole names can be carried over: literals, groups, alternatives, short classes,
 * counts. All else ("." and "*" above all) also matches names that have other parts.
 */
#define PCRE2_CODE_UNIT_WIDTH 8
#include <string.h>

#include <apr_lib.h>
#include <apr_strings.h>
#include <pcre2.h>

#include "import/kafka.h"

typedef struct kafka_pattern_t {
    const char *at;
    const char *end;
    int captures;
    int depth;
    const char *why;
    apr_pool_t *pool;
} kafka_pattern_t;

static apr_array_header_t *alternatives(kafka_pattern_t *x);

static apr_array_header_t *fail(kafka_pattern_t *x, const char *why)
{
    x->why = x->why ? x->why : why;
    return NULL;
}

static apr_array_header_t *one_text(const kafka_pattern_t *x, const char *text)
{
    apr_array_header_t *list = apr_array_make(x->pool, 1, sizeof(kafka_text_t));
    kafka_text_t *t = apr_array_push(list);
    int g;

    t->text = text;
    for (g = 0; g <= KAFKA_CAPTURES_MAX; g++) {
        t->from[g] = t->to[g] = -1;
    }
    return list;
}

/* Every text of a before every text of b. */
static apr_array_header_t *join(kafka_pattern_t *x, const apr_array_header_t *a, const apr_array_header_t *b)
{
    apr_array_header_t *list = apr_array_make(x->pool, a->nelts * b->nelts + 1, sizeof(kafka_text_t));
    int i, j, g;

    if (a->nelts * b->nelts > CERTMAP_IMPORT_KAFKA_TEXTS_MOST) {
        return fail(x, "its pattern matches more than 64 names");
    }
    for (i = 0; i < a->nelts; i++) {
        for (j = 0; j < b->nelts; j++) {
            const kafka_text_t *left = &APR_ARRAY_IDX(a, i, kafka_text_t);
            const kafka_text_t *right = &APR_ARRAY_IDX(b, j, kafka_text_t);
            int len = (int)strlen(left->text);
            kafka_text_t *t = apr_array_push(list);

            *t = *left;
            t->text = apr_pstrcat(x->pool, left->text, right->text, NULL);
            for (g = 1; g <= KAFKA_CAPTURES_MAX; g++) {
                if (right->from[g] >= 0) {
                    t->from[g] = right->from[g] + len;
                    t->to[g] = right->to[g] + len;
                }
            }
        }
    }
    return list;
}

/* "(" has been read. */
static apr_array_header_t *parentheses(kafka_pattern_t *x)
{
    apr_array_header_t *list;
    int number = 0;
    int i;

    if (x->at < x->end && *x->at == '?') {
        if (x->end - x->at < 2 || x->at[1] != ':') {
            return fail(x, "its pattern uses (?...), which is not carried over");
        }
        x->at += 2;
    }
    else if (x->captures == KAFKA_CAPTURES_MAX) {
        return fail(x, "its pattern has more than 9 groups");
    }
    else {
        number = ++x->captures;
    }
    list = x->depth < CERTMAP_IMPORT_KAFKA_DEPTH_MOST ? alternatives(x) : fail(x, "its groups are nested too deeply");
    if (list == NULL) {
        return NULL;
    }
    if (x->at == x->end) {
        return fail(x, "a group of its pattern has no end");
    }
    x->at++;
    for (i = 0; number > 0 && i < list->nelts; i++) {
        kafka_text_t *t = &APR_ARRAY_IDX(list, i, kafka_text_t);

        t->from[number] = 0;
        t->to[number] = (int)strlen(t->text);
    }
    return list;
}

/* "[" has been read. */
static apr_array_header_t *class_of(kafka_pattern_t *x)
{
    apr_array_header_t *list = apr_array_make(x->pool, 16, sizeof(kafka_text_t));

    while (x->at < x->end && *x->at != ']') {
        unsigned char from = (unsigned char)*x->at++, to = from;
        int c;

        if (!apr_isalnum(from) && strchr("._@ ", from) == NULL) {
            return fail(x, "a class of its pattern has more in it than letters, digits and ranges of them");
        }
        if (x->end - x->at >= 2 && x->at[0] == '-' && x->at[1] != ']') {
            to = (unsigned char)x->at[1];
            x->at += 2;
            if (!apr_isalnum(to) || to < from || !apr_isdigit(from) != !apr_isdigit(to)
                || !apr_isupper(from) != !apr_isupper(to)) {
                return fail(x, "a range of its pattern is not one of letters or digits");
            }
        }
        for (c = from; c <= to; c++) {
            apr_array_cat(list, one_text(x, apr_psprintf(x->pool, "%c", c)));
        }
        if (list->nelts > CERTMAP_IMPORT_KAFKA_TEXTS_MOST) {
            return fail(x, "its pattern matches more than 64 names");
        }
    }
    if (x->at == x->end || list->nelts == 0) {
        return fail(x, "a class of its pattern is empty or has no end");
    }
    x->at++;
    return list;
}

static apr_array_header_t *atom(kafka_pattern_t *x)
{
    char c[2] = { *x->at++, '\0' };

    switch (*c) {
    case '(':
        return parentheses(x);
    case '[':
        return class_of(x);
    case '\\':
        if (x->at == x->end || (unsigned char)*x->at >= 0x80 || apr_isalnum(*x->at)) {
            return fail(x, "its pattern has an escape that stands for more than one character");
        }
        *c = *x->at++;
        return one_text(x, apr_pstrdup(x->pool, c));
    case '.':
    case '*':
    case '+':
        return fail(x, "its pattern (\".\", \"*\", \"+\") also matches names that have more parts: Kafka "
                       "compares the text of a name, rules here its parts; write a rule for the attributes that count");
    case '^':
    case '$':
    case '{':
    case '}':
    case ']':
    case '?':
        return fail(x, "its pattern has an anchor or a quantifier where it is not carried over");
    default:
        return one_text(x, apr_pstrdup(x->pool, c));
    }
}

/* An atom and the count after it. */
static apr_array_header_t *counted(kafka_pattern_t *x)
{
    apr_array_header_t *list = atom(x);
    apr_array_header_t *many;
    int n = 0;

    if (list == NULL || x->at == x->end || strchr("?*+{", *x->at) == NULL) {
        return list;
    }
    if (*x->at == '?') {
        many = one_text(x, "");
        apr_array_cat(many, list);
        x->at++;
    }
    else if (*x->at == '{') {
        for (x->at++; x->at < x->end && apr_isdigit(*x->at) && n <= CERTMAP_IMPORT_KAFKA_REPEAT_MOST; x->at++) {
            n = 10 * n + (*x->at - '0');
        }
        if (x->at == x->end || *x->at != '}' || n < 1 || n > CERTMAP_IMPORT_KAFKA_REPEAT_MOST) {
            return fail(x, "its pattern has a count that is not carried over");
        }
        x->at++;
        for (many = list; many != NULL && n > 1; n--) {
            many = join(x, many, list);
        }
    }
    else {
        return atom(x); /* says why */
    }
    if (many != NULL && x->at < x->end && strchr("?*+{", *x->at) != NULL) {
        return fail(x, "its pattern has a quantifier after a quantifier");
    }
    return many;
}

static apr_array_header_t *alternatives(kafka_pattern_t *x)
{
    apr_array_header_t *all = apr_array_make(x->pool, 4, sizeof(kafka_text_t));
    apr_array_header_t *list = one_text(x, "");

    x->depth++;
    while (list != NULL) {
        if (x->at == x->end || *x->at == '|' || *x->at == ')') {
            apr_array_cat(all, list);
            if (all->nelts > CERTMAP_IMPORT_KAFKA_TEXTS_MOST) {
                return fail(x, "its pattern matches more than 64 names");
            }
            if (x->at == x->end || *x->at == ')') {
                x->depth--;
                return all;
            }
            x->at++;
            list = one_text(x, "");
        }
        else {
            apr_array_header_t *next = counted(x);

            list = next ? join(x, list, next) : NULL;
        }
    }
    return NULL;
}

apr_array_header_t *certmap_kafka_texts(const char *pattern, int *captures, const char **why, apr_pool_t *p)
{
    kafka_pattern_t x = { .at = pattern, .end = pattern + strlen(pattern), .pool = p };
    apr_array_header_t *list;
    apr_size_t len = strlen(pattern);
    int anchored = 0;

    *captures = 0;
    if (len > CERTMAP_IMPORT_KAFKA_PATTERN_MOST) {
        *why = "its pattern is longer than 1000 characters";
        return NULL;
    }
    if (*pattern == '^') {
        x.at++;
        anchored++;
    }
    if (len >= 2 && pattern[len - 1] == '$' && pattern[len - 2] != '\\') {
        x.end--;
        anchored++;
    }
    list = alternatives(&x);
    if (list != NULL && x.at != x.end) {
        list = fail(&x, "its pattern has a \")\" too many");
    }
    /* Kafka looks for the pattern again in order to replace it, and then it may match a part only. */
    if (list != NULL && list->nelts > 1 && anchored < 2) {
        list = fail(&x, "its pattern has alternatives but is not anchored by ^ and $, and Kafka replaces what it finds "
                        "first");
    }
    *captures = x.captures;
    *why = x.why;
    return list;
}

/* Whether PCRE2 reads a pattern as Java does: the simplest of both. */
static int is_common(const char *pattern)
{
    const char *c;
    int in_class = 0;

    for (c = pattern; *c != '\0'; c++) {
        if ((unsigned char)*c < 0x20 || (unsigned char)*c >= 0x7f) {
            return 0;
        }
        if (*c == '\\') {
            c++;
            if (*c == '\0' || (unsigned char)*c >= 0x7f || apr_isalnum(*c)) {
                return 0;
            }
        }
        else if (in_class) {
            if (*c == '[' || *c == '&') {
                return 0;
            }
            in_class = *c != ']';
        }
        else if (*c == '[') {
            in_class = 1;
            c += c[1] == '^';
            if (c[1] == ']') {
                return 0;
            }
        }
        else if (*c == '{' || *c == '}' || *c == ']' || (*c == '(' && (c[1] == '?' || c[1] == '*')) || *c == '#') {
            return 0;
        }
    }
    return !in_class;
}

int certmap_kafka_excludes(const char *pattern, const char *text)
{
    pcre2_match_context *limits = pcre2_match_context_create(NULL);
    pcre2_match_data *match = NULL;
    pcre2_code *code = NULL;
    int rc = 0, excludes = 0, error;
    PCRE2_SIZE at;

    if (limits != NULL && is_common(pattern)) {
        code = pcre2_compile((PCRE2_SPTR)pattern, PCRE2_ZERO_TERMINATED, PCRE2_ANCHORED | PCRE2_ENDANCHORED, &error,
                             &at, NULL);
        match = code ? pcre2_match_data_create_from_pattern(code, NULL) : NULL;
    }
    if (match != NULL) {
        pcre2_set_match_limit(limits, 100000);
        pcre2_set_depth_limit(limits, 10000);
        rc = pcre2_match(code, (PCRE2_SPTR)text, strlen(text), 0, 0, match, limits);
        excludes = rc == PCRE2_ERROR_NOMATCH;
    }
    pcre2_match_data_free(match);
    pcre2_code_free(code);
    pcre2_match_context_free(limits);
    return excludes;
}
