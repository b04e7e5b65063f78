/* SPDX-License-Identifier: Apache-2.0 */
/* certmapctl check: what is wrong with rules, entries and configurations, and what may not be meant, before a server
 * reads them. */
#include <string.h>

#include "ctl/check.h"
#include "ctl/json.h"
#include "ctl/cmd/cmd.h"

typedef enum option_e {
    OPT_RULES = 256,
    OPT_ENTRIES,
    OPT_CONF,
    OPT_AS,
    OPT_MIN,
    OPT_AT,
    OPT_CERTIFICATES,
    OPT_HTTPD,
    OPT_JSON
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
    { "json", OPT_JSON, 0, NULL },
    { NULL, 0, 0, NULL },
};

/* From which file on which kind is meant. */
typedef struct from_t {
    int file;
    ctl_kind_e kind;
} from_t;

typedef struct check_options_t {
    ctl_check_t check;
    apr_array_header_t *from;         /* of from_t */
    apr_array_header_t *certificates; /* of const char * */
} check_options_t;

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
        return ctl_check_rules(check, name, text);
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
                    "%s: is it rules, entries or an httpd configuration? Say it with --rules, "
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

static void from_here(check_options_t *o, const apr_getopt_t *options, ctl_kind_e kind)
{
    /* APR has moved the files before this option together; they are so many. */
    APR_ARRAY_PUSH(o->from, from_t) = (from_t){ options->skip_end - options->skip_start, kind };
}

static int take_option(ctl_t *ctl, const ctl_command_t *self, check_options_t *o, const apr_getopt_t *options,
                       int option, const char *value)
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
            return ctl_misused(ctl, self, "--at takes a time: " CTL_TIMES ", not \"%s\"",
                               ctl_printable(value, ctl->pool));
        }
        break;
    case OPT_CERTIFICATES:
        APR_ARRAY_PUSH(o->certificates, const char *) = value;
        break;
    case OPT_HTTPD:
        o->check.httpd = value;
        break;
    case OPT_JSON:
        ctl->findings = ctl->findings ? ctl->findings : apr_array_make(ctl->pool, 16, sizeof(ctl_finding_t));
        break;
    }
    return CTL_OK;
}

/* The kind that the options in front of a file say. */
static ctl_kind_e kind_of_file(const check_options_t *o, int file)
{
    ctl_kind_e kind = CTL_KIND_UNKNOWN;
    int i;

    for (i = 0; i < o->from->nelts; i++) {
        const from_t *from = &APR_ARRAY_IDX(o->from, i, from_t);

        kind = from->file <= file ? from->kind : kind;
    }
    return kind;
}

static int sum_up_json(ctl_t *ctl, int status)
{
    ctl_documents_t *documents = ctl_documents_begin(ctl, 0);
    const apr_array_header_t *findings = ctl->findings;
    json_t *all = json_array();
    int i;

    for (i = 0; i < findings->nelts; i++) {
        const ctl_finding_t *f = &APR_ARRAY_IDX(findings, i, ctl_finding_t);

        json_array_append_new(all, json_pack("{s:s, s:o, s:o, s:o, s:o, s:i}", "severity",
                                             f->warning ? "warning" : "error", "file", ctl_json_text(f->file), "line",
                                             f->file && f->line > 0 ? json_integer(f->line) : json_null(), "column",
                                             f->file && f->line > 0 ? json_integer(f->column) : json_null(), "text",
                                             ctl_json_text(f->text), "more", f->more));
    }
    ctl_documents_add(documents, json_pack("{s:i, s:i, s:i, s:o}", "schema", CTL_JSON_SCHEMA, "errors", ctl->errors,
                                           "warnings", ctl->warnings, "findings", all));
    return ctl_documents_end(documents) == CTL_OK ? status : CTL_ERROR;
}

static int sum_up(ctl_t *ctl, int status)
{
    if (ctl->findings) {
        return sum_up_json(ctl, status);
    }
    if (ctl->errors || ctl->warnings) {
        fprintf(stderr, "certmapctl: %d error%s, %d warning%s\n", ctl->errors, ctl->errors == 1 ? "" : "s",
                ctl->warnings, ctl->warnings == 1 ? "" : "s");
    }
    return status;
}

static int check_files(check_options_t *o, const apr_getopt_t *options)
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
    check_options_t o = { .check = { .ctl = ctl, .min = CERTMAP_WEAK, .now = apr_time_now() } };
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
        status = ctl_check_dates(&o.check, APR_ARRAY_IDX(o.certificates, i, const char *));
    }
    return status == CTL_OK ? check_files(&o, options) : sum_up(ctl, status);
}

const ctl_command_t ctl_check = {
    .name = "check",
    .arguments = "[OPTION...] FILE...",
    .summary = "Reports what is wrong with rules, entries and httpd configurations",
    .help = "The content of a FILE shows what it is, unless an option before it says so.\n"
            "Standard input is \"-\".\n"
            "\n"
            "  --rules               the files after it are rule files\n"
            "  --entries             they are entry files\n"
            "  --httpd-conf          they are httpd configurations\n"
            "  --as KIND             the same: rules, entries or httpd\n"
            "  --min-strength WORD   what CertMapMinStrength will be: weak, scoped or\n"
            "                        strong\n"
            "  --at TIME             as if it were then: 2027-01-31,\n"
            "                        2027-01-31T12:00:00Z (or +01:00), @SECONDS since\n"
            "                        1970, or from now on: +30d, -12h\n"
            "  --certificates PATH   a file or directory of certificates: rules and\n"
            "                        entries that pin one which has expired or is not\n"
            "                        yet valid are reported\n"
            "  --httpd PROGRAM       the httpd that is asked what a configuration has in\n"
            "                        force; else HTTPD of the environment, else the one\n"
            "                        that mod_certmap was built for\n"
            "  --json                one JSON document with all findings, on standard output\n"
            "\n"
            "Each rule file is a list of its own; keys that are in two entry files are\n"
            "reported. Stores are checked by certmapctl store verify.\n"
            "\n"
            "Exit status: 0 nothing found, 1 warnings, 2 errors.\n"
            "\n"
            "  certmapctl check /etc/apache2/certmap.rules /etc/apache2/apache2.conf\n",
    .run = run,
};
