/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file t/unit/judge.c
 * @brief What the engine makes of certificates that a test wrote as DER: the view, and a decision under each rule.
 *
 *   judge RULES CERT.der...
 *
 * Every line of RULES is a ruleset of its own; all lines together are one more. One line a certificate, separated by
 * tabs: file, state (undecodable, malformed, "odd": a value is, valid), what is malformed ("-": nothing), what the
 * dates say now ("none": they hold), microseconds for view and decisions, then "=USER" or the reason for each line of
 * RULES and for all of them. Verification is taken as passed: what is malformed must be refused here nevertheless.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <apr_file_io.h>
#include <apr_general.h>
#include <apr_strings.h>

#include "certmap.h"

static void __attribute__((noreturn)) fail(const char *what, const char *why)
{
    fprintf(stderr, "judge: %s: %s\n", what, why);
    exit(1);
}

static certmap_str_t slurp(const char *name, apr_pool_t *p)
{
    apr_file_t *file;
    apr_finfo_t info;
    apr_size_t got = 0;
    char *data;

    if (apr_file_open(&file, name, APR_FOPEN_READ | APR_FOPEN_BINARY, APR_OS_DEFAULT, p) != APR_SUCCESS
        || apr_file_info_get(&info, APR_FINFO_SIZE, file) != APR_SUCCESS) {
        fail(name, "cannot be opened");
    }
    data = apr_palloc(p, (apr_size_t)info.size + 1);
    if (info.size > 0 && apr_file_read_full(file, data, (apr_size_t)info.size, &got) != APR_SUCCESS) {
        fail(name, "cannot be read");
    }
    apr_file_close(file);
    data[got] = '\0';
    return (certmap_str_t){ data, got };
}

static const certmap_ruleset_t *compile(certmap_str_t text, const char *file, apr_pool_t *p)
{
    certmap_builder_t *b = certmap_builder_create(p);

    if (certmap_builder_add_file_text(b, text, file) != APR_SUCCESS) {
        fail(text.data, APR_ARRAY_IDX(certmap_builder_errors(b), 0, certmap_error_t).text);
    }
    return certmap_builder_finish(b);
}

/** One list for each line of the rules, and one for all of them. */
static apr_array_header_t *read_rules(const char *name, apr_pool_t *p)
{
    apr_array_header_t *lists = apr_array_make(p, 32, sizeof(certmap_list_t));
    certmap_str_t text = slurp(name, p);
    char *rest = apr_pstrmemdup(p, text.data, text.len), *line, *state;

    while ((line = apr_strtok(rest, "\n", &state)) != NULL) {
        rest = NULL;
        APR_ARRAY_PUSH(lists, certmap_list_t) = (certmap_list_t){ .rules = compile(
                                                                      (certmap_str_t){ line, strlen(line) }, name, p) };
    }
    APR_ARRAY_PUSH(lists, certmap_list_t) = (certmap_list_t){ .rules = compile(text, name, p) };
    return lists;
}

static const char *decide(const certmap_list_t *list, const certmap_cert_t *cert, apr_pool_t *p)
{
    const certmap_question_t question = {
        .list = list, .cert = cert, .min = CERTMAP_WEAK, .now = apr_time_now(), .taken_as_valid = 1
    };
    certmap_decision_t d;

    if (certmap_decide(&question, &d, p) != APR_SUCCESS) {
        return "error";
    }
    return d.outcome == CERTMAP_MAPPED ? apr_pstrcat(p, "=", d.effect.user, NULL) : certmap_reason_name(d.reason);
}

static void judge(const char *name, const apr_array_header_t *lists, apr_pool_t *p)
{
    certmap_str_t der = slurp(name, p);
    apr_time_t start = apr_time_now();
    const certmap_cert_t *cert;
    const char *words = "", *why, *state, *const * odd;
    apr_size_t n;
    int i;

    if (certmap_cert_create_der((const unsigned char *)der.data, der.len, &cert, p) != APR_SUCCESS) {
        printf("%s\tundecodable\t-\t-\t%" APR_TIME_T_FMT "\n", name, apr_time_now() - start);
        return;
    }
    for (i = 0; i < lists->nelts; i++) {
        words = apr_pstrcat(p, words, "\t", decide(&APR_ARRAY_IDX(lists, i, certmap_list_t), cert, p), NULL);
    }
    odd = certmap_cert_odd(cert, &n);
    why = certmap_cert_malformed(cert);
    state = why ? "malformed" : n > 0 ? "odd" : "valid";
    for (i = 0; i < (int)n && certmap_cert_malformed(cert) == NULL; i++) {
        why = why ? apr_pstrcat(p, why, "; ", odd[i], NULL) : odd[i];
    }
    printf("%s\t%s\t%s\t%s\t%" APR_TIME_T_FMT "%s\n", name, state, why ? why : "-",
           certmap_reason_name(certmap_verdict_dates(cert, apr_time_now())), apr_time_now() - start, words);
}

int main(int argc, char **argv)
{
    apr_pool_t *pool, *each;
    apr_array_header_t *lists;
    int i;

    apr_initialize();
    atexit(apr_terminate);
    apr_pool_create(&pool, NULL);
    if (argc < 2 || certmap_engine_init(pool) != APR_SUCCESS) {
        fail("usage", "judge RULES CERT.der...");
    }
    lists = read_rules(argv[1], pool);
    for (i = 2; i < argc; i++) {
        apr_pool_create(&each, pool);
        judge(argv[i], lists, each);
        apr_pool_destroy(each);
    }
    apr_pool_destroy(pool);
    return 0;
}
