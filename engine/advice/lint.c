/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is wrong with a list as a whole: rules that can never match because one before always does, names used twice,
 * weak and expired rules.
 */
#include <string.h>

#include <apr_strings.h>

#include "advice/internal.h"
#include "base/internal.h"
#include "rules/ruleset.h"

/* What is said of rules. Of each kind there may be as many as there are rules, and none may keep another from being
 * seen. */
typedef enum finding_e {
    FOUND_NAME,
    FOUND_STRENGTH,
    FOUND_EXPIRED,
    FOUND_OTHER,
    FOUND_COUNT
} finding_e;

typedef struct rule_linter_t {
    apr_array_header_t *found; /* of certmap_error_t */
    certmap_sink_t sink;
    finding_e finding; /* what is looked for */
    certmap_unsaid_t unsaid[FOUND_COUNT][2];
    apr_hash_t *names; /* name to rule */
    certmap_reach_t *reach;
    apr_pool_t *scratch; /* of one rule */
} rule_linter_t;

static void report(rule_linter_t *l, const certmap_rule_t *rule, const certmap_cond_t *cond, int warning,
                   const char *text)
{
    const certmap_rule_full_t *full = (const certmap_rule_full_t *)rule;
    certmap_place_t at = cond ? cond->place : (certmap_place_t){ rule->line, full->column };

    l->sink.file = rule->file;
    memcpy(l->sink.unsaid, l->unsaid[l->finding], sizeof(l->sink.unsaid));
    if (warning) {
        certmap_sink_warning(&l->sink, at, "%s", text);
    }
    else {
        certmap_sink_error(&l->sink, at, "%s", text);
    }
    memcpy(l->unsaid[l->finding], l->sink.unsaid, sizeof(l->sink.unsaid));
}

/* Says how many there were of each kind beyond those that were said. */
static void end_reports(rule_linter_t *l)
{
    for (l->finding = FOUND_NAME; l->finding < FOUND_COUNT; l->finding++) {
        memcpy(l->sink.unsaid, l->unsaid[l->finding], sizeof(l->sink.unsaid));
        certmap_sink_end(&l->sink);
    }
}

static const char *where(const certmap_rule_t *rule, apr_pool_t *p)
{
    return rule->file ? apr_psprintf(p, "%s:%d", rule->file, rule->line) : apr_psprintf(p, "line %d", rule->line);
}

static void lint_name(rule_linter_t *l, const certmap_rule_t *rule)
{
    const certmap_rule_t *first = apr_hash_get(l->names, rule->name, APR_HASH_KEY_STRING);

    l->finding = FOUND_NAME;
    if (first != NULL) {
        report(l, rule, NULL, 0,
               apr_psprintf(l->scratch, "the name \"%s\" has been given before, at %s; names are unique in a list",
                            rule->name, where(first, l->scratch)));
    }
    else {
        apr_hash_set(l->names, rule->name, APR_HASH_KEY_STRING, rule);
    }
}

static void lint_strength(rule_linter_t *l, const certmap_rule_t *rule, certmap_strength_e min)
{
    static const char *const hints[] = {
        [CERTMAP_WEAK] = "add issuer=DN, chain.sha256= or root.sha256= and something of the subject",
        [CERTMAP_SCOPED] = "add issuer=DN with something of the subject, or pin it as for strong",
        [CERTMAP_STRONG] = "pin sha256=, spki=, or issuer=DN with serial=",
    };

    if (rule->effect.strength < min) {
        report(l, rule, NULL, 0,
               apr_psprintf(l->scratch, "rule %s is %s, %s is required: %s", rule->name,
                            certmap_strength_name(rule->effect.strength), certmap_strength_name(min), hints[min]));
    }
    else if (rule->effect.strength == CERTMAP_WEAK && l->reach != NULL) {
        report(l, rule, NULL, 1,
               certmap_rule_has_issuer(rule)
                   ? apr_psprintf(l->scratch,
                                  "rule %s is weak, it accepts almost every certificate of its CA: add "
                                  "something of the subject, in full or three letters of it, or make USER of it",
                                  rule->name)
                   : apr_psprintf(l->scratch,
                                  "rule %s is weak, any trusted CA could issue a certificate that matches: %s",
                                  rule->name, hints[CERTMAP_WEAK]));
    }
}

/* What is doubtful about a rule. */
static void lint_rule(rule_linter_t *l, const certmap_rule_t *rule, apr_time_t now)
{
    const certmap_rule_t *before;
    apr_size_t i;

    l->finding = FOUND_EXPIRED;
    if (rule->effect.expires != 0 && now >= rule->effect.expires) {
        report(l, rule, NULL, 1,
               apr_psprintf(l->scratch,
                            rule->deny ? "rule %s has expired; it still denies"
                                       : "rule %s has expired; it refuses the certificates that it matches",
                            rule->name));
    }
    l->finding = FOUND_OTHER;
    for (i = 0; i < rule->nconds; i++) {
        if (rule->conds[i].matches_empty && !rule->conds[i].negated) {
            report(l, rule, &rule->conds[i], 1,
                   apr_psprintf(l->scratch,
                                "rule %s: the regex %s also matches an empty value, so it asks for almost nothing",
                                rule->name, rule->conds[i].text));
        }
    }
    before = certmap_reach_covering(l->reach, rule, l->scratch);
    if (before != NULL) {
        report(l, rule, NULL, 1,
               apr_psprintf(l->scratch,
                            "rule %s can never match: %s (%s) comes before it and matches everything that it matches",
                            rule->name, before->name, where(before, l->scratch)));
    }
}

/* now is of no interest where only errors are. */
static apr_array_header_t *lint(const certmap_list_t *list, certmap_strength_e min, apr_time_t now, int only_errors,
                                apr_pool_t *p)
{
    /* The tables take as much as the rules: servers lint at each start, and want the memory back. */
    apr_pool_t *temporary = certmap_pool_temporary(p);
    apr_array_header_t *rules = certmap_list_flatten(list, temporary);
    rule_linter_t l = { .found = apr_array_make(p, 4, sizeof(certmap_error_t)),
                        .names = apr_hash_make(temporary),
                        .reach = only_errors ? NULL : certmap_reach_create(list, temporary) };
    int i;

    l.sink = (certmap_sink_t){ .list = l.found, .pool = p };
    apr_pool_create(&l.scratch, temporary);
    for (i = 0; i < rules->nelts; i++) {
        const certmap_rule_t *rule = APR_ARRAY_IDX(rules, i, const certmap_rule_t *);

        lint_name(&l, rule);
        l.finding = FOUND_STRENGTH;
        if (!rule->disabled && !rule->deny) {
            lint_strength(&l, rule, min);
        }
        if (!rule->disabled && !only_errors) {
            lint_rule(&l, rule, now);
        }
        apr_pool_clear(l.scratch);
    }
    apr_pool_destroy(temporary);
    end_reports(&l);
    return l.found;
}

apr_array_header_t *certmap_list_lint(const certmap_list_t *list, certmap_strength_e min, apr_time_t now, apr_pool_t *p)
{
    return lint(list, min, now, 0, p);
}

apr_array_header_t *certmap_list_errors(const certmap_list_t *list, certmap_strength_e min, apr_pool_t *p)
{
    return lint(list, min, 0, 1, p);
}
