/* SPDX-License-Identifier: Apache-2.0 */
/*
 * check over an httpd configuration: every list that is in force, reported where its rules were written. httpd names a
 * line only; the column is looked for in that line.
 */
#include "check.h"

#include <stdlib.h>
#include <string.h>

#include <apr_file_info.h>
#include <apr_hash.h>
#include <apr_lib.h>

#include "conf.h"

typedef struct work_t {
    ctl_check_t *check;
    apr_hash_t *lists;         /* lists that have been checked, with the strength that was asked for */
    apr_hash_t *sources;       /* entry files that have been checked */
    apr_hash_t *told;          /* findings: a list may be part of many others */
    apr_hash_t *rules;         /* "FILE:LINE" to the rule there */
    apr_hash_t *files;         /* name to array of certmap_error_t */
    apr_array_header_t *names; /* of these files, in the order in which they were met */
    int status;
} work_t;

static void worse(work_t *w, int status)
{
    w->status = status > w->status ? status : w->status;
}

static const char *place_key(const char *file, int line, apr_pool_t *p)
{
    return apr_psprintf(p, "%s:%d", file ? file : "", line);
}

static void add_finding(work_t *w, const certmap_error_t *error)
{
    apr_pool_t *p = w->check->ctl->pool;
    const char *file = error->file ? error->file : "?";
    const char *key = apr_psprintf(p, "%s:%d:%s", file, error->line, error->text);
    apr_array_header_t *all = apr_hash_get(w->files, file, APR_HASH_KEY_STRING);

    if (apr_hash_get(w->told, key, APR_HASH_KEY_STRING)) {
        return;
    }
    apr_hash_set(w->told, key, APR_HASH_KEY_STRING, "");
    if (!all) {
        all = apr_array_make(p, 4, sizeof(certmap_error_t));
        apr_hash_set(w->files, file, APR_HASH_KEY_STRING, all);
        APR_ARRAY_PUSH(w->names, const char *) = file;
    }
    APR_ARRAY_PUSH(all, certmap_error_t) = *error;
}

/* ---- lists ----------------------------------------------------------------------------------------------------- */

static void check_source(work_t *w, certmap_source_t *source, certmap_strength_e min)
{
    const char *path;
    certmap_str_t text;

    if (strcmp(source->vtable->name, "file") != 0 || apr_hash_get(w->sources, source->name, APR_HASH_KEY_STRING)) {
        return;
    }
    apr_hash_set(w->sources, source->name, APR_HASH_KEY_STRING, "");
    path = certmap_reread_path(certmap_source_file_reread(source));
    worse(w, ctl_read(w->check->ctl, path, CTL_TEXT_MAX, &text) != CTL_OK
                 ? CTL_ERROR
                 : ctl_check_entries(w->check, path, text, min));
}

static void remember_rules(work_t *w, const certmap_ruleset_t *rules)
{
    apr_pool_t *p = w->check->ctl->pool;
    apr_size_t i, n = rules ? certmap_ruleset_count(rules) : 0;

    for (i = 0; i < n; i++) {
        const certmap_rule_t *rule = certmap_ruleset_rule(rules, i);

        apr_hash_set(w->rules, place_key(rule->file, rule->line, p), APR_HASH_KEY_STRING, rule);
    }
}

static void check_section(work_t *w, const ctl_section_t *section)
{
    apr_pool_t *p = w->check->ctl->pool;
    certmap_strength_e min = section->min > w->check->min ? section->min : w->check->min;
    const char *key = apr_psprintf(p, "%" APR_UINT64_T_HEX_FMT " %d", (apr_uint64_t)(apr_uintptr_t)section->list,
                                   (int)min);
    apr_array_header_t *findings = apr_array_copy(p, section->said);
    const certmap_list_t *list;
    int i;

    if (!section->list || apr_hash_get(w->lists, key, APR_HASH_KEY_STRING)) {
        return;
    }
    apr_hash_set(w->lists, key, APR_HASH_KEY_STRING, "");
    for (list = section->list; list; list = list->outer) {
        remember_rules(w, list->rules);
        if (list->source) {
            check_source(w, list->source, min);
        }
    }
    ctl_check_list(w->check, section->list, min, findings);
    for (i = 0; i < findings->nelts; i++) {
        add_finding(w, &APR_ARRAY_IDX(findings, i, certmap_error_t));
    }
}

/* ---- what httpd itself has said -------------------------------------------------------------------------------- */

/* "FILE:LINE: " at the beginning; text is what follows it. */
static int split_place(const char *said, const char **file, int *line, const char **text, apr_pool_t *p)
{
    const char *at = said;

    while ((at = strchr(at, ':')) != NULL) {
        apr_size_t n = strspn(++at, "0123456789");

        if (n > 0 && n < 10 && at[n] == ':' && at[n + 1] == ' ') {
            *file = apr_pstrmemdup(p, said, (apr_size_t)(at - 1 - said));
            *line = atoi(at);
            *text = at + n + 2;
            return 1;
        }
    }
    return 0;
}

/* mod_certmap's warnings that are about more than rules, which are reported above. */
static void add_said(work_t *w, const char *conf, certmap_str_t said)
{
    static const char mark[] = "certmap: warning: ";
    apr_pool_t *p = w->check->ctl->pool;
    char *copy = apr_pstrmemdup(p, said.data, said.len), *line, *last;

    for (line = apr_strtok(copy, "\n", &last); line; line = apr_strtok(NULL, "\n", &last)) {
        const char *text = strstr(line, mark);
        certmap_error_t error = { .file = conf, .line = 0, .column = 1, .warning = 1 };

        if (!text) {
            continue;
        }
        text += strlen(mark);
        if (!split_place(text, &error.file, &error.line, &error.text, p)) {
            ctl_warn(w->check->ctl, "%s: %s", ctl_printable(conf, p), text);
            worse(w, CTL_FINDINGS);
        }
        else if (strncmp(error.text, "CertMapRule: ", 13) != 0) {
            add_finding(w, &error);
        }
    }
}

/* ---- telling --------------------------------------------------------------------------------------------------- */

/* The word at a column of a rule as httpd prints it. */
static certmap_str_t word_at(const char *rule, int column)
{
    certmap_str_t word = { rule + column - 1, 0 };
    char quote = '\0';

    if (column < 1 || (apr_size_t)column > strlen(rule)) {
        return (certmap_str_t){ rule, 0 };
    }
    for (; word.data[word.len] && (quote || word.data[word.len] != ' '); word.len++) {
        char c = word.data[word.len];

        if (quote ? c == quote : c == '"' || c == '\'') {
            quote = quote ? '\0' : c;
        }
    }
    return word;
}

/* Whether a word is at the beginning of a text, quotes in either aside: httpd prints fewer than may be written. */
static int stands_at(const char *text, const char *end, certmap_str_t word)
{
    apr_size_t i;

    for (i = 0; i < word.len; i++) {
        if (word.data[i] == '"' || word.data[i] == '\'') {
            continue;
        }
        while (text < end && (*text == '"' || *text == '\'')) {
            text++;
        }
        if (text == end || *text++ != word.data[i]) {
            return 0;
        }
    }
    return 1;
}

/* The column of a word after a blank; where it is not found, of the line's first word. */
static int find_column(const char *line, apr_size_t len, certmap_str_t word)
{
    apr_size_t i, first = 0;

    while (first < len && (line[first] == ' ' || line[first] == '\t')) {
        first++;
    }
    for (i = first; word.len > 0 && i < len; i++) {
        if ((i == 0 || line[i - 1] == ' ' || line[i - 1] == '\t') && stands_at(line + i, line + len, word)) {
            return (int)i + 1;
        }
    }
    return (int)first + 1;
}

/* Gives the findings of one file, in the order of their lines, the columns of the file. */
static void place_findings(work_t *w, apr_array_header_t *findings, certmap_str_t text)
{
    apr_pool_t *p = w->check->ctl->pool;
    const char *at = text.data, *end = text.data + text.len;
    int i, line = 1;

    for (i = 0; i < findings->nelts; i++) {
        certmap_error_t *e = &APR_ARRAY_IDX(findings, i, certmap_error_t);
        const certmap_rule_t *rule = apr_hash_get(w->rules, place_key(e->file, e->line, p), APR_HASH_KEY_STRING);
        const char *newline;

        while (line < e->line && at < end) {
            newline = memchr(at, '\n', (apr_size_t)(end - at));
            at = newline ? newline + 1 : end;
            line++;
        }
        if (line == e->line && at < end) {
            newline = memchr(at, '\n', (apr_size_t)(end - at));
            e->column = find_column(at, (apr_size_t)((newline ? newline : end) - at),
                                    rule ? word_at(certmap_rule_text(rule, p), e->column) : (certmap_str_t){ "", 0 });
        }
    }
}

/* The text of a file that findings are in, if it is one: of a macro there is none. */
static certmap_str_t text_of(work_t *w, const char *file)
{
    apr_pool_t *p = w->check->ctl->pool;
    certmap_str_t text = { NULL, 0 };
    apr_finfo_t info;

    if (apr_stat(&info, file, APR_FINFO_TYPE | APR_FINFO_SIZE, p) == APR_SUCCESS && info.filetype == APR_REG
        && info.size <= (apr_off_t)CTL_SHOWN_MAX && ctl_read(w->check->ctl, file, CTL_SHOWN_MAX, &text) != CTL_OK) {
        worse(w, CTL_ERROR);
    }
    return text;
}

int ctl_check_conf(ctl_check_t *check, const char *path)
{
    apr_pool_t *p = check->ctl->pool;
    work_t w = { .check = check,
                 .lists = apr_hash_make(p),
                 .sources = apr_hash_make(p),
                 .told = apr_hash_make(p),
                 .rules = apr_hash_make(p),
                 .files = apr_hash_make(p),
                 .names = apr_array_make(p, 4, sizeof(const char *)) };
    const ctl_conf_t *conf;
    int i, k;

    if (ctl_conf_read(check->ctl, check->httpd, path, &conf) != CTL_OK) {
        return CTL_ERROR;
    }
    for (i = 0; i < conf->nvhosts; i++) {
        for (k = 0; k < conf->vhosts[i].nsections; k++) {
            check_section(&w, &conf->vhosts[i].sections[k]);
        }
    }
    add_said(&w, path, conf->stderr_text);
    for (i = 0; i < w.names->nelts; i++) {
        const char *file = APR_ARRAY_IDX(w.names, i, const char *);
        apr_array_header_t *findings = apr_hash_get(w.files, file, APR_HASH_KEY_STRING);
        certmap_str_t text = text_of(&w, file);

        ctl_sort_findings(findings);
        if (text.data) {
            place_findings(&w, findings, text);
            ctl_sort_findings(findings);
        }
        worse(&w, ctl_report(check->ctl, findings, file, text));
    }
    return w.status;
}
