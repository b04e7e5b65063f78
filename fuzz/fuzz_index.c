/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Fuzz target: the indexed decision against a plain first-match loop, both the engine's. The lines up to an empty one
 * are the certificate (fuzz_read_cert), the rest is a rule file; rules with errors are left out. The answers must be
 * the same, and every rule that does not clearly fail must be a candidate, in its order and once. What the loop itself
 * answers is judged by fuzz_decide.
 */
#include "fuzz.h"
#include "decide/testing.h"
#include "rules/testing.h"

static void compare_candidates(const certmap_ruleset_t *rs, const certmap_cert_t *cert,
                               const certmap_verdict_t *verdict, apr_pool_t *p)
{
    certmap_eval_t *ev = apr_palloc(p, sizeof(*ev));
    char *candidate = apr_pcalloc(p, rs->n + 1);
    certmap_candidates_t found;
    apr_size_t last = 0;
    apr_size_t i;

    certmap_eval_init(ev, cert, verdict, p);
    certmap_index_find(rs->index, ev, &found);
    while (certmap_index_next(&found, &i)) {
        FUZZ_CHECK(i < rs->n && !candidate[i] && i >= last);
        candidate[i] = 1;
        last = i;
    }
    for (i = 0; i < rs->n; i++) {
        certmap_match_e m;

        if (candidate[i] || rs->rules[i]->disabled) {
            continue;
        }
        certmap_eval_init(ev, cert, verdict, p);
        m = certmap_rule_matches(ev, rs->rules[i]);
        FUZZ_CHECK(m == CERTMAP_MATCH_NO);
    }
}

int FUZZ_TARGET(index)(const uint8_t *data, size_t size)
{
    static const unsigned char chain[1][32] = { { 0xab, 0xcd } };
    apr_pool_t *p = fuzz_pool();
    fuzz_in_t in = { data, data + size };
    certmap_verdict_t verified = { .reason = CERTMAP_R_NONE, .chain = chain, .nchain = 1 };
    certmap_builder_t *b = certmap_builder_create(p);
    const certmap_cert_t *cert = fuzz_read_cert(&in, p);
    certmap_str_t text = { (const char *)in.at, (apr_size_t)(in.end - in.at) };
    certmap_decision_t indexed;
    certmap_decision_t plain;
    certmap_list_t list;

    certmap_builder_add_file_text(b, text, NULL);
    list = (certmap_list_t){ .rules = certmap_builder_finish(b) };
    FUZZ_CHECK(certmap_decide(QUESTION(&list, cert, &verified, CERTMAP_WEAK, FUZZ_NOW), &indexed, p) == APR_SUCCESS);
    FUZZ_CHECK(certmap_decide_plain(QUESTION(&list, cert, &verified, CERTMAP_WEAK, FUZZ_NOW), &plain, p)
               == APR_SUCCESS);
    fuzz_check_decision(&indexed);
    if (fuzz_timed_out(&indexed) || fuzz_timed_out(&plain)) {
        return 0;
    }
    FUZZ_CHECK(fuzz_same_decision(&indexed, &plain));
    FUZZ_CHECK(list.rules->index != NULL);
    if (certmap_cert_malformed(cert) == NULL) {
        compare_candidates(list.rules, cert, &verified, p);
    }
    return 0;
}
