/* SPDX-License-Identifier: Apache-2.0 */
/* check over a file of entries. */
#include "check.h"

/* What is reported about entries that name a certificate which is not valid. */
typedef struct naming_t {
    apr_array_header_t *findings;
    const char *file;
    const char *text;
    apr_pool_t *pool;
} naming_t;

static int note_entry(void *baton, const char *key, const certmap_entry_t *entry, int line)
{
    const naming_t *naming = baton;

    /* Names outlive a certificate, its successor has them too. */
    if (entry->effect.strength == CERTMAP_STRONG) {
        ctl_add_warning(
            naming->findings, naming->file, line,
            apr_psprintf(naming->pool, "this entry (%s) names a certificate that is not valid: %s", key, naming->text));
    }
    return 0;
}

static int check_table(ctl_check_t *check, const char *path, const certmap_entries_t *entries, certmap_strength_e min,
                       apr_array_header_t *findings)
{
    apr_pool_t *p = check->ctl->pool;
    int i;

    apr_array_cat(findings, certmap_entries_lint(entries, path, min, check->now, p));
    for (i = 0; i < check->tables->nelts; i++) {
        const ctl_table_t *before = &APR_ARRAY_IDX(check->tables, i, ctl_table_t);

        apr_array_cat(findings, certmap_entries_compare(before->entries, before->file, entries, path, p));
    }
    for (i = 0; i < check->stale->nelts; i++) {
        const ctl_stale_t *stale = &APR_ARRAY_IDX(check->stale, i, ctl_stale_t);
        naming_t naming = { findings, path, stale->text, p };

        if (certmap_entries_naming(entries, stale->cert, note_entry, &naming, p) != APR_SUCCESS) {
            return ctl_fail(check->ctl, "OpenSSL failed");
        }
    }
    if (certmap_entries_count(entries, CERTMAP_K_COUNT) == 0) {
        ctl_add_warning(findings, path, 1, "no entries");
    }
    APR_ARRAY_PUSH(check->tables, ctl_table_t) = (ctl_table_t){ path, entries };
    ctl_sort_findings(findings);
    return CTL_OK;
}

int ctl_check_entries(ctl_check_t *check, const char *path, certmap_str_t text, certmap_strength_e min)
{
    const certmap_entries_t *entries;
    apr_array_header_t *findings;
    apr_status_t rv = certmap_entries_parse(text, path, &entries, &findings, check->ctl->pool);

    if (rv == APR_SUCCESS && check_table(check, path, entries, min, findings) != CTL_OK) {
        return CTL_ERROR;
    }
    if (rv != APR_SUCCESS && rv != APR_EINVAL) {
        return ctl_fail(check->ctl, "%s: out of memory", ctl_printable(path, check->ctl->pool));
    }
    return ctl_report(check->ctl, findings, path, text);
}
