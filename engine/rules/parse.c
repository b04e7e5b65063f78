/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Words become rules: "NAME allow USER COND... [OPT...]" and "NAME deny COND... [OPT...]". Everything that is wrong
 * with a rule is said at once, at its place and with a hint, and nothing is guessed: a word that is not understood is
 * an error.
 */
#include <string.h>

#include <apr_strings.h>

#include "rules/compare.h"
#include "rules/ruleset.h"
#include "rules/template.h"

/* Written out: what a letter is must not depend on the locale. */
static const char name_chars[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-";

static const char *const bare_words[] = { "any", NULL };
static const char *const verbs[] = { "allow", "deny", NULL };

/* One rule while it is read. */
typedef struct parser_t {
    certmap_builder_t *b;
    certmap_rule_t *rule;
    const certmap_word_t *words;
    int nwords;
    int next;
    certmap_options_t options;
    int positive;              /* a positive condition */
    int lost;                  /* something could not be read: do not say that it is missing, too */
    apr_array_header_t *conds; /* of certmap_cond_t */
} parser_t;

static int word_is(const certmap_word_t *w, const char *text)
{
    return !w->broken && w->text.len == strlen(text) && memcmp(w->text.data, text, w->text.len) == 0;
}

/* Whether a word can only be a condition, an option, or one of the words that may come between them. */
static int is_rule_part(const parser_t *ps, const certmap_word_t *w)
{
    return word_is(w, "any") || certmap_option_is(w->text, CERTMAP_OPTION_OF_RULE)
           || certmap_cond_looks_like(ps->b, w->text);
}

/* ---- conditions and what comes between them -------------------------------------------------------------------- */

static int begins_with_operator(const certmap_word_t *w)
{
    return !w->broken && w->text.len > 0 && strchr(CERTMAP_OPERATOR_CHARS, w->text.data[0]) != NULL;
}

/* A word without an operator. */
static void bare_word(parser_t *ps, const certmap_word_t *w)
{
    const char *hint = certmap_suggest(w->text, bare_words);
    certmap_sink_t *sink = &ps->b->sink;

    if (hint == NULL) {
        hint = certmap_option_suggest(w->text, CERTMAP_OPTION_OF_RULE, ps->b->scratch);
    }

    ps->lost = 1;
    if (ps->next < ps->nwords && begins_with_operator(w + 1)) {
        int alone = strspn(w[1].text.data, CERTMAP_OPERATOR_CHARS) == w[1].text.len;
        int follows = alone && ps->next + 1 < ps->nwords;
        const char *value = follows && !w[2].broken ? w[2].text.data : alone ? "VALUE" : "";

        certmap_sink_error(sink, w[1].place,
                           "blanks around the operator; write %s%s%s in one word, quote blanks of the value",
                           w->text.data, w[1].text.data, value);
        ps->next += follows ? 2 : 1;
    }
    else if (word_is(w, "\\")) {
        certmap_sink_error(sink, w->place, "a lone backslash; it continues a line only as its very last character");
    }
    else if (hint != NULL) {
        certmap_sink_error(sink, w->place, "\"%s\": did you mean %s?", w->text.data, hint);
    }
    else if (ps->rule->deny && ps->next == 3) {
        certmap_sink_error(sink, w->place, "\"%s\" is not a condition; a deny rule has no USER", w->text.data);
    }
    else {
        certmap_sink_error(sink, w->place,
                           "\"%s\" is neither a condition nor an option; a condition reads FIELD=VALUE, "
                           "a value with blanks is quoted",
                           w->text.data);
    }
}

static void condition(parser_t *ps, const certmap_word_t *w)
{
    certmap_cond_t *cond;
    int said = ps->b->sink.list->nelts;
    apr_size_t op = strcspn(w->text.data, CERTMAP_OPERATOR_CHARS);
    const char *hint = certmap_cond_looks_like(ps->b, w->text)
                           ? NULL
                           : certmap_option_suggest((certmap_str_t){ w->text.data, op }, CERTMAP_OPTION_OF_RULE,
                                                    ps->b->scratch);

    if (hint != NULL) {
        certmap_sink_error(&ps->b->sink, w->place, "unknown option \"%.*s\"; did you mean %s?", (int)op, w->text.data,
                           hint);
        return;
    }
    cond = apr_array_push(ps->conds);
    if (certmap_cond_compile(ps->b, w, cond) != APR_SUCCESS) {
        ps->lost = 1;
        apr_array_pop(ps->conds);
        if (ps->b->sink.list->nelts == said + 1 && cond->raw.data != NULL && cond->raw.len == 0 && ps->next < ps->nwords
            && !is_rule_part(ps, w + 1)) {
            APR_ARRAY_IDX(ps->b->sink.list, ps->b->sink.list->nelts - 1, certmap_error_t)
                .text = "blank after the operator; write the condition in one word, quote blanks of the value";
            ps->next++;
        }
        return;
    }
    ps->positive |= !cond->negated && !certmap_cond_asks_nothing(cond);
}

/* What follows NAME, verb and USER. */
static void parse_part(parser_t *ps)
{
    const certmap_word_t *w = &ps->words[ps->next++];

    if (w->broken) {
        ps->lost = 1;
    }
    else if (word_is(w, "any")) {
        if (ps->rule->any) {
            certmap_sink_error(&ps->b->sink, w->place, "\"any\" appears twice");
        }
        ps->rule->any = 1;
    }
    else if (certmap_option_is(w->text, CERTMAP_OPTION_OF_RULE)) {
        certmap_option_read(&ps->options, CERTMAP_OPTION_OF_RULE, w, &ps->b->sink, ps->b->pool);
        ps->rule->disabled = ps->options.disabled;
    }
    else if (strcspn(w->text.data, CERTMAP_OPERATOR_CHARS) == w->text.len) {
        bare_word(ps, w);
    }
    else {
        condition(ps, w);
    }
}

/* Positive conditions on one field must hold on one value: the first of them leads the others. */
static void bind_conditions(certmap_cond_t *conds, int n)
{
    int i;
    int j;

    for (i = 0; i < n; i++) {
        certmap_cond_t *cond = &conds[i];

        cond->regex_binding = cond->pattern == CERTMAP_P_REGEX;
        if (cond->negated || cond->all) {
            continue;
        }
        cond->leader = i;
        for (j = 0; j < i; j++) {
            if (conds[j].leader == j && certmap_field_same(&conds[j].field, &cond->field)) {
                cond->leader = j;
                conds[j].regex_binding |= cond->regex_binding;
                break;
            }
        }
    }
}

/* ---- name, verb, user ------------------------------------------------------------------------------------------ */

static void parse_name(parser_t *ps)
{
    const certmap_word_t *w = &ps->words[ps->next++];
    certmap_builder_t *b = ps->b;
    const certmap_rule_full_t *first;
    apr_size_t i;

    ps->rule->name = apr_pstrmemdup(b->pool, w->text.data, w->text.len);
    if (w->broken) {
        ps->lost = 1;
        return;
    }
    for (i = 0; i < w->text.len; i++) {
        if (strchr(name_chars, w->text.data[i]) == NULL) {
            ps->lost = certmap_cond_looks_like(b, w->text);
            certmap_sink_error(&b->sink, w->at[i], "a rule's NAME has letters, digits, '.', '_' and '-' only%s",
                               ps->lost ? "; NAME forgotten?" : "");
            return;
        }
    }
    if (w->text.len == 0 || w->text.len > CERTMAP_RULE_NAME_MOST) {
        certmap_sink_error(&b->sink, w->place, "a rule's NAME has 1 to %d characters", CERTMAP_RULE_NAME_MOST);
        return;
    }
    first = apr_hash_get(b->names, ps->rule->name, (apr_ssize_t)w->text.len);
    if (first != NULL) {
        certmap_sink_error(&b->sink, w->place, "the name \"%s\" has been given before, at %s%s%d:%d; names are unique",
                           ps->rule->name, first->rule.file ? first->rule.file : "line ", first->rule.file ? ":" : "",
                           first->rule.line, first->column);
    }
    else {
        apr_hash_set(b->names, ps->rule->name, (apr_ssize_t)w->text.len, ps->rule);
    }
}

static void parse_user(parser_t *ps)
{
    const certmap_word_t *w = &ps->words[ps->next];

    if (ps->next >= ps->nwords) {
        certmap_sink_error(&ps->b->sink, ps->words[ps->nwords - 1].place,
                           "USER is missing; write NAME allow USER "
                           "CONDITION...");
        ps->lost = 1;
        return;
    }
    if (w->broken) {
        ps->next++;
        ps->lost = 1;
        return;
    }
    if (is_rule_part(ps, w)) {
        certmap_sink_error(&ps->b->sink, w->place,
                           "USER forgotten? \"%s\" reads as %s; write NAME allow USER CONDITION...", w->text.data,
                           certmap_cond_looks_like(ps->b, w->text) ? "a condition"
                           : word_is(w, "any")                     ? "the word that stands for conditions"
                                                                   : "an option");
        return;
    }
    ps->next++;
    ps->rule->effect.user = apr_pstrmemdup(ps->b->pool, w->text.data, w->text.len);
    certmap_template_compile(ps->b, w, (certmap_str_t){ ps->rule->effect.user, w->text.len }, &ps->rule->user);
}

/* Reads the verb, and USER where the verb asks for one. */
static void parse_verb(parser_t *ps)
{
    const certmap_word_t *w = &ps->words[ps->next];
    const char *hint;

    if (ps->next >= ps->nwords) {
        certmap_sink_error(&ps->b->sink, ps->words[0].place,
                           "the rule ends after its name; write NAME allow USER "
                           "CONDITION... or NAME deny CONDITION...");
        ps->lost = 1;
        return;
    }
    ps->next++;
    if (word_is(w, "deny")) {
        ps->rule->deny = 1;
        return;
    }
    hint = certmap_suggest(w->text, verbs);
    if (!w->broken && !word_is(w, "allow")) {
        int forgotten = word_is(&ps->words[0], "allow") || word_is(&ps->words[0], "deny");

        certmap_sink_error(&ps->b->sink, forgotten ? ps->words[0].place : w->place,
                           "%s\"%s\" is not allow or deny%s%s%s", forgotten ? "NAME forgotten? " : "", w->text.data,
                           hint ? "; did you mean " : "", hint ? hint : "", hint ? "?" : "");
        if (forgotten) {
            ps->next = 1; /* read on as if the name were there: NAME allow USER... */
        }
        ps->rule->deny = forgotten ? word_is(&ps->words[0], "deny") : hint != NULL && strcmp(hint, "deny") == 0;
        if (ps->rule->deny
            || (hint == NULL && !forgotten && ps->next < ps->nwords && is_rule_part(ps, &ps->words[ps->next]))) {
            return;
        }
    }
    parse_user(ps);
}

static void check_contradictions(parser_t *ps)
{
    certmap_compare_t c = { ps->b->scratch, CERTMAP_COMPARE_STEPS + ps->rule->nconds * CERTMAP_COMPARE_STEPS_EACH };
    const certmap_cond_t *first;
    const certmap_cond_t *second;

    if (ps->lost || ps->rule->disabled || !certmap_rule_contradicts(&c, ps->rule, &first, &second)) {
        return;
    }
    certmap_sink_error(&ps->b->sink, second->place, "rule %s can never match: %s and %s contradict each other%s%s%s",
                       ps->rule->name, first->text, second->text,
                       first->leader >= 0 && first->leader == second->leader ? "; conditions on " : "",
                       first->leader >= 0 && first->leader == second->leader ? first->field.name : "",
                       first->leader >= 0 && first->leader == second->leader ? " must hold on one same value" : "");
}

/* What can be said only when all words have been read. */
static void check_rule(parser_t *ps)
{
    certmap_rule_t *rule = ps->rule;
    certmap_sink_t *sink = &ps->b->sink;
    certmap_place_t end = ps->words[ps->nwords - 1].place;
    apr_size_t i;

    if (!ps->positive && !ps->lost && !rule->any) {
        for (i = 0; i < rule->nconds && !certmap_cond_asks_nothing(&rule->conds[i]); i++) {
        }
        if (i < rule->nconds) {
            certmap_sink_error(sink, rule->conds[i].place,
                               "every certificate meets %s; write \"any\" if every verified certificate is meant",
                               rule->conds[i].text);
        }
        else if (rule->nconds > 0) {
            certmap_sink_error(sink, rule->conds[0].place,
                               "only negative conditions, which nearly every certificate meets; "
                               "add a positive one, or the word \"any\" if every verified certificate is meant");
        }
        else {
            certmap_sink_error(sink, end,
                               "no condition; write at least one, or the word \"any\" for every verified "
                               "certificate");
        }
    }
    for (i = 0; i < rule->nconds && rule->any; i++) {
        if (!rule->conds[i].negated && !certmap_cond_asks_nothing(&rule->conds[i])) {
            certmap_sink_warning(sink, rule->conds[i].place,
                                 "\"any\" together with a positive condition does nothing; leave it out");
            break;
        }
    }
    check_contradictions(ps);
    if (rule->user != NULL && !ps->lost) {
        certmap_template_check(rule->user, rule, sink);
    }
}

certmap_rule_t *certmap_parse_rule(certmap_builder_t *b, const apr_array_header_t *words)
{
    certmap_rule_full_t *full = apr_pcalloc(b->pool, sizeof(*full));
    parser_t ps = { .b = b,
                    .rule = &full->rule,
                    .words = (const certmap_word_t *)words->elts,
                    .nwords = words->nelts,
                    .conds = apr_array_make(b->scratch, 4, sizeof(certmap_cond_t)) };
    int before = b->sink.nerrors;

    full->rule.file = b->sink.file;
    full->rule.line = ps.words[0].place.line;
    full->column = ps.words[0].place.column;
    parse_name(&ps);
    parse_verb(&ps);
    while (ps.next < ps.nwords) {
        parse_part(&ps);
    }
    full->rule.effect.groups = ps.options.groups;
    full->rule.effect.ngroups = ps.options.ngroups;
    full->rule.effect.expires = ps.options.expires;
    full->rule.effect.note = ps.options.note;
    bind_conditions((certmap_cond_t *)ps.conds->elts, ps.conds->nelts);
    full->rule.nconds = (apr_size_t)ps.conds->nelts;
    full->rule.conds = apr_pmemdup(b->pool, ps.conds->elts, full->rule.nconds * sizeof(certmap_cond_t));
    check_rule(&ps);
    full->rule.effect.strength = certmap_rule_strength(&full->rule);
    return b->sink.nerrors == before ? &full->rule : NULL;
}
