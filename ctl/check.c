/* SPDX-License-Identifier: Apache-2.0 */
/* certmapctl check: what is wrong with rules, entries and configurations, and what may not be meant, before a server
 * reads them. */
#include "check.h"

#include <stdlib.h>
#include <string.h>

#include <apr_file_info.h>

#include "explain.h"

typedef enum option_e {
    OPT_RULES = 256,
    OPT_ENTRIES,
    OPT_CONF,
    OPT_AS,
    OPT_MIN,
    OPT_AT,
    OPT_CERTIFICATES,
    OPT_HTTPD
} option_e;

static const apr_getopt_option_t table[] = {
    { "rules", OPT_RULES, 0, NULL },
    { "entries", OPT_ENTRIES, 0, NULL },
    { "httpd-conf", OPT_CONF, 0, NULL },
    { "as", OPT_AS, 1, NULL },
    { "min-strength", OPT_MIN, 1, NULL },
    { "at", OPT_AT, 1, NULL },
    { "certificates", OPT_CERTIFICATES, 1, NULL },
    { "httpd", OPT_HTTPD, 1, NULL },
    { NULL, 0, 0, NULL },
};

/* From which file on which kind is meant. */
typedef struct from_t {
    int file;
    ctl_kind_e kind;
} from_t;

typedef struct options_t {
    ctl_check_t check;
    apr_array_header_t *from;         /* of from_t */
    apr_array_header_t *certificates; /* of const char * */
} options_t;

/* ---- findings -------------------------------------------------------------------------------------------------- */

/* A finding and its number, so that those of one place stay as they came. */
typedef struct numbered_t {
    certmap_error_t error;
    int number;
} numbered_t;

static int by_place(const void *a, const void *b)
{
    const numbered_t *x = a, *y = b;

    if (x->error.line != y->error.line) {
        return x->error.line < y->error.line ? -1 : 1;
    }
    if (x->error.column != y->error.column) {
        return x->error.column < y->error.column ? -1 : 1;
    }
    return x->number - y->number;
}

void ctl_sort_findings(apr_array_header_t *findings)
{
    int i, n = findings->nelts;
    numbered_t *all = apr_palloc(findings->pool, (apr_size_t)n * sizeof(*all) + 1);

    for (i = 0; i < n; i++) {
        all[i] = (numbered_t){ APR_ARRAY_IDX(findings, i, certmap_error_t), i };
    }
    qsort(all, (size_t)n, sizeof(*all), by_place);
    for (i = 0; i < n; i++) {
        APR_ARRAY_IDX(findings, i, certmap_error_t) = all[i].error;
    }
}

static void add_warning(apr_array_header_t *findings, const char *file, int line, const char *text)
{
    APR_ARRAY_PUSH(findings, certmap_error_t) = (certmap_error_t){
        .file = file, .line = line, .column = 1, .warning = 1, .text = text
    };
}

/* ---- rules ----------------------------------------------------------------------------------------------------- */

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

            add_warning(findings, rule->file, rule->line,
                        apr_psprintf(p, "rule %s names a certificate that is not valid: %s", rule->name, stale->text));
        }
    }
}

static int check_rules(const ctl_check_t *check, const char *path, certmap_str_t text)
{
    apr_pool_t *p = check->ctl->pool;
    certmap_builder_t *builder = certmap_builder_create(p);
    apr_status_t rv = certmap_builder_add_file_text(builder, text, path);
    apr_array_header_t *findings = apr_array_copy(p, certmap_builder_errors(builder));
    certmap_list_t list = { .rules = certmap_builder_finish(builder) };

    if (rv == APR_SUCCESS) {
        ctl_check_list(check, &list, check->min, findings);
        if (certmap_list_count(&list) == 0) {
            add_warning(findings, path, 1, "no rules: everybody is refused with no-match");
        }
        ctl_sort_findings(findings);
    }
    return ctl_report(check->ctl, findings, path, text);
}

/* ---- entries --------------------------------------------------------------------------------------------------- */

/* What is told of entries that name a certificate which is not valid. */
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
    if (entry->strength == CERTMAP_STRONG) {
        add_warning(
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
        add_warning(findings, path, 1, "no entries");
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

/* ---- certificates ---------------------------------------------------------------------------------------------- */

static int take_certificates(ctl_check_t *check, const char *path, int *count)
{
    apr_pool_t *p = check->ctl->pool;
    STACK_OF(X509) *all;
    int i;

    if (ctl_certificates_read(check->ctl, path, &all) != CTL_OK) {
        return CTL_ERROR;
    }
    for (i = 0; i < sk_X509_num(all); i++) {
        const certmap_cert_t *cert;
        certmap_reason_e dates;
        apr_time_t at;

        if (certmap_cert_create(sk_X509_value(all, i), &cert, p) != APR_SUCCESS) {
            return ctl_fail(check->ctl, "%s: OpenSSL failed", ctl_printable(path, p));
        }
        ++*count;
        dates = certmap_verdict_dates(cert, check->now);
        if (dates != CERTMAP_R_NONE) {
            at = dates == CERTMAP_R_EXPIRED ? certmap_cert_not_after(cert) : certmap_cert_not_before(cert);
            APR_ARRAY_PUSH(check->stale, ctl_stale_t) = (ctl_stale_t){
                cert, apr_psprintf(p, "%s: %s %s %s", path, certmap_cert_subject_text(cert),
                                   dates == CERTMAP_R_EXPIRED ? "has expired on" : "is not valid before",
                                   ctl_time_text(at, p) ? ctl_time_text(at, p) : "a day of no calendar")
            };
        }
    }
    return CTL_OK;
}

static int ends_with(const char *name, const char *end)
{
    apr_size_t n = strlen(name), m = strlen(end);

    return n > m && strcmp(name + n - m, end) == 0;
}

/* Files of a directory that hold certificates; keys and whatever else stands there are passed over. */
static int take_directory(ctl_check_t *check, const char *path, int *count)
{
    apr_pool_t *p = check->ctl->pool;
    apr_finfo_t info;
    apr_dir_t *dir;
    int status = CTL_OK;

    if (apr_dir_open(&dir, path, p) != APR_SUCCESS) {
        return ctl_fail(check->ctl, "%s: cannot be read", ctl_printable(path, p));
    }
    while (status == CTL_OK && apr_dir_read(&info, APR_FINFO_NAME, dir) == APR_SUCCESS) {
        const char *file = apr_pstrcat(p, path, "/", info.name, NULL);
        certmap_str_t text;

        if (apr_stat(&info, file, APR_FINFO_TYPE | APR_FINFO_SIZE, p) != APR_SUCCESS || info.filetype != APR_REG
            || info.size > (apr_off_t)CTL_CERTIFICATE_MAX) {
            continue;
        }
        status = ctl_read(check->ctl, file, CTL_CERTIFICATE_MAX, &text);
        if (status == CTL_OK
            && (strstr(text.data, "-----BEGIN CERTIFICATE-----") || ends_with(file, ".der")
                || ends_with(file, ".cer"))) {
            status = take_certificates(check, file, count);
        }
    }
    apr_dir_close(dir);
    return status;
}

static int read_certificates(ctl_check_t *check, const char *path)
{
    apr_finfo_t info;
    int count = 0, status;

    if (apr_stat(&info, path, APR_FINFO_TYPE, check->ctl->pool) == APR_SUCCESS && info.filetype == APR_DIR) {
        status = take_directory(check, path, &count);
        return status != CTL_OK || count > 0 ? status
                                             : ctl_fail(check->ctl, "%s: no certificate in this directory",
                                                        ctl_printable(path, check->ctl->pool));
    }
    return take_certificates(check, path, &count);
}

/* ---- files ----------------------------------------------------------------------------------------------------- */

static int check_file(ctl_check_t *check, const char *path, ctl_kind_e kind)
{
    ctl_t *ctl = check->ctl;
    const char *name = strcmp(path, "-") == 0 ? "standard input" : path;
    certmap_str_t text;
    const char *what;

    if (ctl_read(ctl, path, CTL_TEXT_MAX, &text) != CTL_OK) {
        return CTL_ERROR;
    }
    what = ctl_no_text(text, ctl->pool);
    if (what) {
        return ctl_fail(ctl, "%s: %s", ctl_printable(name, ctl->pool), ctl_printable(what, ctl->pool));
    }
    switch (kind == CTL_KIND_UNKNOWN ? ctl_kind_of(text) : kind) {
    case CTL_KIND_RULES:
        return check_rules(check, name, text);
    case CTL_KIND_ENTRIES:
        return ctl_check_entries(check, name, text, check->min);
    case CTL_KIND_HTTPD:
        return strcmp(path, "-") == 0 ? ctl_fail(ctl, "httpd reads its configuration from a file, not from standard "
                                                      "input")
                                      : ctl_check_conf(check, path);
    case CTL_KIND_NOTHING:
        ctl_warn(ctl, "%s: neither rules nor entries in it", ctl_printable(name, ctl->pool));
        return CTL_FINDINGS;
    case CTL_KIND_UNKNOWN:
        break;
    }
    return ctl_fail(ctl,
                    "%s: cannot be told to be rules, entries or an httpd configuration; say it: --rules, "
                    "--entries or --httpd-conf",
                    ctl_printable(name, ctl->pool));
}

/* ---- options --------------------------------------------------------------------------------------------------- */

static int kind_named(const char *name, ctl_kind_e *kind)
{
    static const struct {
        const char *name;
        ctl_kind_e kind;
    } kinds[] = {
        { "rules", CTL_KIND_RULES },
        { "entries", CTL_KIND_ENTRIES },
        { "httpd", CTL_KIND_HTTPD },
    };
    apr_size_t i;

    for (i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
        if (strcmp(kinds[i].name, name) == 0) {
            *kind = kinds[i].kind;
            return 1;
        }
    }
    return 0;
}

static void from_here(options_t *o, const apr_getopt_t *options, ctl_kind_e kind)
{
    /* APR has moved the files that stood before this option together; they are so many. */
    APR_ARRAY_PUSH(o->from, from_t) = (from_t){ options->skip_end - options->skip_start, kind };
}

static int take_option(ctl_t *ctl, const ctl_command_t *self, options_t *o, const apr_getopt_t *options, int option,
                       const char *value)
{
    ctl_kind_e kind;

    switch ((option_e)option) {
    case OPT_RULES:
        from_here(o, options, CTL_KIND_RULES);
        break;
    case OPT_ENTRIES:
        from_here(o, options, CTL_KIND_ENTRIES);
        break;
    case OPT_CONF:
        from_here(o, options, CTL_KIND_HTTPD);
        break;
    case OPT_AS:
        if (!kind_named(value, &kind)) {
            return ctl_misused(ctl, self, "--as takes rules, entries or httpd, not \"%s\"",
                               ctl_printable(value, ctl->pool));
        }
        from_here(o, options, kind);
        break;
    case OPT_MIN:
        if (certmap_strength_parse(value, &o->check.min) != APR_SUCCESS) {
            return ctl_misused(ctl, self, "--min-strength takes weak, scoped or strong, not \"%s\"",
                               ctl_printable(value, ctl->pool));
        }
        break;
    case OPT_AT:
        if (!ctl_time_read(value, &o->check.now)) {
            return ctl_misused(ctl, self, "--at takes a time in UTC, 2027-01-31 or 2027-01-31T12:00:00Z, not \"%s\"",
                               ctl_printable(value, ctl->pool));
        }
        break;
    case OPT_CERTIFICATES:
        APR_ARRAY_PUSH(o->certificates, const char *) = value;
        break;
    case OPT_HTTPD:
        o->check.httpd = value;
        break;
    }
    return CTL_OK;
}

/* The kind that the options in front of a file say. */
static ctl_kind_e kind_of_file(const options_t *o, int file)
{
    ctl_kind_e kind = CTL_KIND_UNKNOWN;
    int i;

    for (i = 0; i < o->from->nelts; i++) {
        const from_t *from = &APR_ARRAY_IDX(o->from, i, from_t);

        kind = from->file <= file ? from->kind : kind;
    }
    return kind;
}

static int sum_up(const ctl_t *ctl, int status)
{
    if (ctl->errors || ctl->warnings) {
        fprintf(stderr, "certmapctl: %d error%s, %d warning%s\n", ctl->errors, ctl->errors == 1 ? "" : "s",
                ctl->warnings, ctl->warnings == 1 ? "" : "s");
    }
    return status;
}

static int check_files(options_t *o, const apr_getopt_t *options)
{
    int i, status = CTL_OK;

    for (i = options->ind; i < options->argc; i++) {
        int found = check_file(&o->check, options->argv[i], kind_of_file(o, i - options->ind));

        status = found > status ? found : status;
    }
    return sum_up(o->check.ctl, status);
}

static int run(ctl_t *ctl, const ctl_command_t *self, int argc, const char *const *argv)
{
    options_t o = { .check = { .ctl = ctl, .min = CERTMAP_WEAK, .now = apr_time_now() } };
    apr_getopt_t *options = ctl_options(ctl, argc, argv);
    const char *value;
    apr_status_t rv;
    int option, i, status = CTL_OK;

    o.from = apr_array_make(ctl->pool, 4, sizeof(from_t));
    o.certificates = apr_array_make(ctl->pool, 4, sizeof(const char *));
    o.check.stale = apr_array_make(ctl->pool, 4, sizeof(ctl_stale_t));
    o.check.tables = apr_array_make(ctl->pool, 4, sizeof(ctl_table_t));
    while ((rv = ctl_option(ctl, self, options, table, &option, &value)) == APR_SUCCESS) {
        if (take_option(ctl, self, &o, options, option, value) != CTL_OK) {
            return CTL_ERROR;
        }
    }
    if (rv != APR_EOF) {
        return CTL_ERROR;
    }
    if (options->ind >= argc) {
        return ctl_misused(ctl, self, "which file?");
    }
    for (i = 0; i < o.certificates->nelts && status == CTL_OK; i++) {
        status = read_certificates(&o.check, APR_ARRAY_IDX(o.certificates, i, const char *));
    }
    return status == CTL_OK ? check_files(&o, options) : sum_up(ctl, status);
}

const ctl_command_t ctl_check = {
    .name = "check",
    .arguments = "[OPTION...] FILE...",
    .summary = "Tells what is wrong with rules, entries and httpd configurations",
    .help = "What a FILE is shows in its content, unless an option before it says so.\n"
            "Standard input is \"-\".\n"
            "\n"
            "  --rules               the files behind it are rule files\n"
            "  --entries             they are entry files\n"
            "  --httpd-conf          they are httpd configurations\n"
            "  --as KIND             the same: rules, entries or httpd\n"
            "  --min-strength WORD   what CertMapMinStrength will be: weak, scoped or\n"
            "                        strong\n"
            "  --at TIME             as if it were then: 2027-01-31 or\n"
            "                        2027-01-31T12:00:00Z (UTC)\n"
            "  --certificates PATH   a file or directory of certificates: rules and\n"
            "                        entries that pin one which has expired or is not\n"
            "                        yet valid are told\n"
            "  --httpd PROGRAM       the httpd that is asked what a configuration has in\n"
            "                        force; else HTTPD of the environment, else the one\n"
            "                        that mod_certmap was built for\n"
            "\n"
            "Each rule file is a list of its own; keys that stand in two entry files are\n"
            "told. Stores are checked by certmapctl store verify.\n"
            "\n"
            "Exit status: 0 nothing found, 1 warnings, 2 errors.\n"
            "\n"
            "  certmapctl check /etc/apache2/certmap.rules /etc/apache2/apache2.conf\n",
    .run = run,
};
