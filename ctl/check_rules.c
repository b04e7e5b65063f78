/* SPDX-License-Identifier: Apache-2.0 */
/* check over rules: a list, and a file of them. */
#include "check.h"

void ctl_check_list(const ctl_check_t *check, const certmap_list_t *list, certmap_strength_e min,
                    apr_array_header_t *findings)
{
    apr_pool_t *p = check->ctl->pool;
    int i, k;

    apr_array_cat(findings, certmap_list_lint(list, min, check->now, p));
    apr_array_cat(findings, certmap_list_advise(list, p));
    for (i = 0; i < check->stale->nelts; i++) {
        const ctl_stale_t *stale = &APR_ARRAY_IDX(check->stale, i, ctl_stale_t);
        const apr_array_header_t *rules = certmap_list_pinning(list, stale->cert, p);

        for (k = 0; k < rules->nelts; k++) {
            const certmap_rule_t *rule = APR_ARRAY_IDX(rules, k, const certmap_rule_t *);

            ctl_add_warning(
                findings, rule->file, rule->line,
                apr_psprintf(p, "rule %s names a certificate that is not valid: %s", rule->name, stale->text));
        }
    }
}

int ctl_check_rules(ctl_check_t *check, const char *path, certmap_str_t text)
{
    apr_pool_t *p = check->ctl->pool;
    certmap_builder_t *builder = certmap_builder_create(p);
    apr_status_t rv = certmap_builder_add_file_text(builder, text, path);
    apr_array_header_t *findings = apr_array_copy(p, certmap_builder_errors(builder));
    certmap_list_t list = { .rules = certmap_builder_finish(builder) };

    if (rv == APR_SUCCESS) {
        ctl_check_list(check, &list, check->min, findings);
        if (certmap_list_count(&list) == 0) {
            ctl_add_warning(findings, path, 1, "no rules: everybody is refused with no-match");
        }
        ctl_sort_findings(findings);
    }
    return ctl_report(check->ctl, findings, path, text);
}
