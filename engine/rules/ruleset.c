/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Rulesets: a builder collects rules and every error about them, finishing freezes them. Also how a rule is written.
 */
#include <string.h>

#include <apr_strings.h>

#include "base/internal.h"
#include "rules/ruleset.h"

/* ---- building ------------------------------------------------------------------------------------------------- */

certmap_builder_t *certmap_builder_create(apr_pool_t *p)
{
    certmap_builder_t *b = apr_pcalloc(p, sizeof(*b));

    b->pool = p;
    b->temporary = certmap_pool_temporary(p);
    apr_pool_create(&b->scratch, b->temporary);
    b->sink.pool = p;
    b->sink.list = apr_array_make(p, 4, sizeof(certmap_error_t));
    b->rules = apr_array_make(b->temporary, 16, sizeof(certmap_rule_t *));
    b->names = apr_hash_make(b->temporary);
    b->fields = apr_hash_make(b->temporary);
    b->limits = certmap_cond_limits(p);
    b->compiling = certmap_cond_compiling(p);
    b->restricts = b->compiling != NULL;
    return b;
}

/* Adds the rules of a text, one for each logical line. */
static apr_status_t add_text(certmap_builder_t *b, certmap_str_t text, certmap_text_e mode, const char *file,
                             certmap_place_t place)
{
    certmap_lexer_t lexer;
    apr_array_header_t *words;
    int before = b->sink.nerrors;

    b->sink.file = file ? apr_pstrdup(b->pool, file) : NULL;
    certmap_lex_init(&lexer, text, mode, place, &b->sink);
    for (;;) {
        int from = b->sink.list->nelts;
        int errors = b->sink.nerrors;
        apr_status_t rv = certmap_lex_line(&lexer, &words, b->scratch);

        if (rv == APR_SUCCESS) {
            certmap_rule_t *rule = certmap_parse_rule(b, words);

            if (rule != NULL && b->sink.nerrors == errors) {
                APR_ARRAY_PUSH(b->rules, certmap_rule_t *) = rule;
            }
        }
        certmap_errors_sort(b->sink.list, from);
        apr_pool_clear(b->scratch);
        if (rv != APR_SUCCESS) {
            certmap_sink_end(&b->sink);
            return b->sink.nerrors == before ? APR_SUCCESS : APR_EINVAL;
        }
    }
}

apr_status_t certmap_builder_add_directive(certmap_builder_t *b, const char *text, const char *file, int line,
                                           int column)
{
    certmap_place_t place = { line, column };
    int before = b->sink.list->nelts;
    apr_status_t rv = add_text(b, (certmap_str_t){ text, strlen(text) }, CERTMAP_TEXT_DIRECTIVE, file, place);

    if (rv == APR_SUCCESS && b->sink.list->nelts == before && text[strspn(text, " \t")] == '\0') {
        certmap_sink_error(&b->sink, place, "empty rule; write NAME allow USER CONDITION... or NAME deny CONDITION...");
        rv = APR_EINVAL;
    }
    return rv;
}

apr_status_t certmap_builder_add_file_text(certmap_builder_t *b, certmap_str_t text, const char *file)
{
    return add_text(b, text, CERTMAP_TEXT_FILE, file, (certmap_place_t){ 1, 1 });
}

apr_status_t certmap_builder_add_line(certmap_builder_t *b, certmap_str_t text, const char *file, int line)
{
    return add_text(b, text, CERTMAP_TEXT_FILE, file, (certmap_place_t){ line, 1 });
}

const apr_array_header_t *certmap_builder_errors(const certmap_builder_t *b)
{
    return b->sink.list;
}

const certmap_ruleset_t *certmap_builder_finish(certmap_builder_t *b)
{
    certmap_ruleset_t *rs = apr_pcalloc(b->pool, sizeof(*rs));

    rs->n = (apr_size_t)b->rules->nelts;
    rs->rules = apr_pmemdup(b->pool, b->rules->elts, rs->n * sizeof(*rs->rules));
    apr_pool_destroy(b->temporary);
    b->temporary = b->scratch = NULL;
    rs->index = certmap_index_create(rs->rules, rs->n, b->pool);
    return rs;
}

apr_size_t certmap_ruleset_count(const certmap_ruleset_t *rs)
{
    return rs->n;
}

const certmap_rule_t *certmap_ruleset_rule(const certmap_ruleset_t *rs, apr_size_t i)
{
    return i < rs->n ? rs->rules[i] : NULL;
}

/* ---- text ----------------------------------------------------------------------------------------------------- */

const char *certmap_cond_text(const certmap_cond_t *cond)
{
    return cond->text;
}

const certmap_cond_t *certmap_rule_cond(const certmap_rule_t *rule, apr_size_t i)
{
    return i < rule->nconds ? &rule->conds[i] : NULL;
}

/* A word with its value quoted where need be: subject.O="Example Ltd". */
static const char *quote_value(const char *text, apr_pool_t *p)
{
    apr_size_t n = strcspn(text, "!=~");

    n += strspn(text + n, "!=~");
    return text[n] == '\0' ? certmap_lex_quote(text, p)
                           : apr_pstrcat(p, apr_pstrmemdup(p, text, n), certmap_lex_quote(text + n, p), NULL);
}

const char *certmap_rule_text(const certmap_rule_t *rule, apr_pool_t *p)
{
    apr_array_header_t *words = apr_array_make(p, 16, sizeof(const char *));
    apr_size_t i;

    APR_ARRAY_PUSH(words, const char *) = rule->name;
    APR_ARRAY_PUSH(words, const char *) = rule->deny ? "deny" : "allow";
    if (!rule->deny) {
        APR_ARRAY_PUSH(words, const char *) = certmap_lex_quote(rule->effect.user, p);
    }
    if (rule->any) {
        APR_ARRAY_PUSH(words, const char *) = "any";
    }
    for (i = 0; i < rule->nconds; i++) {
        APR_ARRAY_PUSH(words, const char *) = quote_value(rule->conds[i].text, p);
    }
    if (rule->effect.ngroups > 0) {
        const char *groups = certmap_option_groups_text(rule->effect.groups, rule->effect.ngroups, p);

        APR_ARRAY_PUSH(words, const char *) = apr_pstrcat(p, "groups=", certmap_lex_quote(groups, p), NULL);
    }
    if (rule->effect.expires != 0) {
        APR_ARRAY_PUSH(words, const char *) = apr_pstrcat(
            p, "expires=", certmap_option_expires_text(rule->effect.expires, p), NULL);
    }
    if (rule->disabled) {
        APR_ARRAY_PUSH(words, const char *) = "disabled";
    }
    if (rule->effect.note != NULL) {
        APR_ARRAY_PUSH(words, const char *) = apr_pstrcat(p, "note=", certmap_lex_quote(rule->effect.note, p), NULL);
    }
    return apr_array_pstrcat(p, words, ' ');
}
