/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Fuzz target: text to rules. The first byte says whether the rest is a file ('F') or a directive's arguments. Every
 * error has a place and one clean line; what was taken can be written and read again, and decides the same.
 */
#include "fuzz.h"
#include "rules/testing.h"

static const certmap_cert_t *people[3];

static void make_people(void)
{
    static const fuzz_value_t ann[] = {
        { 'C', 0x0c, 0, { "Ann Lee", 7 } },       { 'O', 0x0c, 0, { "Example Ltd", 11 } },
        { 'U', 0x0c, 0, { "Sales", 5 } },         { 'U', 0x0c, 0, { "audit", 5 } },
        { 'e', 0, 0, { "ann@example.org", 15 } }, { 'p', 0x0c, 0, { "ann@corp", 8 } },
    };
    static const fuzz_value_t bob[] = {
        { 'C', 0x13, 0, { "bob,CN=admin", 12 } },
        { 'e', 0, 0, { "Bob@x", 5 } },
        { 'e', 0, 0, { "b@y", 3 } },
        { 'd', 0, 0, { "a.x", 3 } },
    };

    if (people[0] == NULL) {
        people[0] = fuzz_cert(ann, 6, fuzz_lasting_pool());
        people[1] = fuzz_cert(bob, 4, fuzz_lasting_pool());
        people[2] = fuzz_cert(NULL, 0, fuzz_lasting_pool());
        FUZZ_CHECK(certmap_cert_malformed(people[0]) == NULL && certmap_cert_malformed(people[1]) == NULL);
    }
}

static int same_text(const char *a, const char *b)
{
    return a == b || (a != NULL && b != NULL && strcmp(a, b) == 0);
}

static void check_same_rule(const certmap_rule_t *a, const certmap_rule_t *b)
{
    apr_size_t i;

    FUZZ_CHECK(strcmp(a->name, b->name) == 0 && a->deny == b->deny && a->disabled == b->disabled && a->any == b->any);
    FUZZ_CHECK(same_text(a->effect.user, b->effect.user) && same_text(a->effect.note, b->effect.note));
    FUZZ_CHECK(a->effect.expires == b->effect.expires && a->effect.strength == b->effect.strength);
    FUZZ_CHECK(a->nconds == b->nconds && a->effect.ngroups == b->effect.ngroups);
    for (i = 0; i < a->nconds; i++) {
        FUZZ_CHECK(strcmp(certmap_cond_text(certmap_rule_cond(a, i)), certmap_cond_text(certmap_rule_cond(b, i))) == 0);
    }
    for (i = 0; i < a->effect.ngroups; i++) {
        FUZZ_CHECK(strcmp(a->effect.groups[i], b->effect.groups[i]) == 0);
    }
}

/* One rule written and read again, as a line of a file and as a directive. */
static const char *check_round_trip(const certmap_rule_t *rule, apr_pool_t *p)
{
    const char *text = certmap_rule_text(rule, p);
    int mode;

    for (mode = 0; mode < 2; mode++) {
        certmap_builder_t *b = certmap_builder_create(p);
        const certmap_ruleset_t *rs;

        if (mode == 0) {
            FUZZ_CHECK(certmap_builder_add_file_text(b, (certmap_str_t){ text, strlen(text) }, NULL) == APR_SUCCESS);
        }
        else if (strstr(text, "${") != NULL) {
            continue; /* literal in a file, an unresolved variable in a directive */
        }
        else {
            FUZZ_CHECK(certmap_builder_add_directive(b, text, NULL, 7, 3) == APR_SUCCESS);
        }
        rs = certmap_builder_finish(b);
        FUZZ_CHECK(certmap_ruleset_count(rs) == 1 && certmap_ruleset_rule(rs, 1) == NULL);
        check_same_rule(rule, certmap_ruleset_rule(rs, 0));
        FUZZ_CHECK(strcmp(certmap_rule_text(certmap_ruleset_rule(rs, 0), p), text) == 0);
    }
    return text;
}

static void decide(const certmap_ruleset_t *rs, const certmap_ruleset_t *copy, apr_pool_t *p)
{
    certmap_verdict_t verified = { .reason = CERTMAP_R_NONE };
    certmap_list_t list = { .rules = rs };
    certmap_list_t second = { .rules = copy };
    int i;

    for (i = 0; i < 3; i++) {
        certmap_decision_t a;
        certmap_decision_t b;
        certmap_decision_t c;
        certmap_trace_t *trace;
        const certmap_rule_t *rule;
        const certmap_cond_t *failed;

        FUZZ_CHECK(certmap_decide(QUESTION(&list, people[i], &verified, CERTMAP_WEAK, FUZZ_NOW), &a, p) == APR_SUCCESS);
        FUZZ_CHECK(certmap_decide(QUESTION(&second, people[i], &verified, CERTMAP_WEAK, FUZZ_NOW), &b, p)
                   == APR_SUCCESS);
        FUZZ_CHECK(certmap_explain(QUESTION(&list, people[i], &verified, CERTMAP_WEAK, FUZZ_NOW), &c, &trace, p)
                   == APR_SUCCESS);
        certmap_nearest(QUESTION(&list, people[i], &verified, CERTMAP_WEAK, 0), 64, &rule, &failed, p);
        fuzz_check_decision(&a);
        if (fuzz_timed_out(&a) || fuzz_timed_out(&b) || fuzz_timed_out(&c)) {
            continue;
        }
        FUZZ_CHECK(fuzz_same_decision(&a, &c));
        FUZZ_CHECK(a.outcome == b.outcome && a.reason == b.reason && same_text(a.effect.user, b.effect.user));
        FUZZ_CHECK((a.rule == NULL) == (b.rule == NULL) && (a.rule == NULL || strcmp(a.rule->name, b.rule->name) == 0));
    }
}

static void lint(const certmap_ruleset_t *rs, apr_pool_t *p)
{
    certmap_list_t outer = { .rules = rs };
    certmap_list_t twice = { .outer = &outer, .rules = rs };
    apr_array_header_t *found;
    int i;
    int errors = 0;

    fuzz_check_errors(certmap_list_lint(&outer, CERTMAP_SCOPED, FUZZ_NOW, p));
    found = certmap_list_lint(&twice, CERTMAP_WEAK, FUZZ_NOW, p);
    fuzz_check_errors(found);
    for (i = 0; i < found->nelts; i++) {
        errors += !APR_ARRAY_IDX(found, i, certmap_error_t).warning;
    }
    FUZZ_CHECK((certmap_ruleset_count(rs) > 0) == (errors > 0)); /* every name is there twice */
    FUZZ_CHECK(certmap_list_count(&twice) == 2 * certmap_ruleset_count(rs));
}

int FUZZ_TARGET(rules)(const uint8_t *data, size_t size)
{
    apr_pool_t *p = fuzz_pool();
    certmap_builder_t *b = certmap_builder_create(p);
    certmap_builder_t *again = certmap_builder_create(p);
    const certmap_ruleset_t *rs;
    const apr_array_header_t *errors;
    int bad = 0;
    apr_status_t rv;
    apr_size_t i;
    int j;

    if (size == 0) {
        return 0;
    }
    make_people();
    if (data[0] == 'F') {
        certmap_str_t text = { apr_pmemdup(p, data + 1, size - 1), size - 1 };

        rv = certmap_builder_add_file_text(b, text, "fuzz");
    }
    else {
        rv = certmap_builder_add_directive(b, apr_pstrmemdup(p, (const char *)data + 1, size - 1), "fuzz.conf", 3, 13);
    }
    errors = certmap_builder_errors(b);
    fuzz_check_errors(errors);
    for (j = 0; j < errors->nelts; j++) {
        bad += !APR_ARRAY_IDX(errors, j, certmap_error_t).warning;
        FUZZ_CHECK(j == 0
                   || APR_ARRAY_IDX(errors, j, certmap_error_t).line
                          >= APR_ARRAY_IDX(errors, j - 1, certmap_error_t).line);
    }
    FUZZ_CHECK(rv == (bad ? APR_EINVAL : APR_SUCCESS));
    rs = certmap_builder_finish(b);
    FUZZ_CHECK(data[0] == 'F' || certmap_ruleset_count(rs) == (rv == APR_SUCCESS));
    for (i = 0; i < certmap_ruleset_count(rs); i++) {
        const char *text = check_round_trip(certmap_ruleset_rule(rs, i), p);

        FUZZ_CHECK(certmap_builder_add_file_text(again, (certmap_str_t){ text, strlen(text) }, "again") == APR_SUCCESS);
    }
    lint(rs, p);
    decide(rs, certmap_builder_finish(again), p);
    return 0;
}
