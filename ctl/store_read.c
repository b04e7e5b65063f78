/* SPDX-License-Identifier: Apache-2.0 */
/*
 * certmapctl store get, list, export and verify. What is printed is first put together in memory, so that writers need
 * not wait for a pipe, and so that nothing is printed of a store that turns out to be damaged.
 */
#include "stores.h"

#include <stdlib.h>
#include <string.h>

static const certmap_str_t no_text = { NULL, 0 };
static const apr_getopt_option_t no_options[] = { { NULL, 0, 0, NULL } };

/* ---- get ----------------------------------------------------------------------------------------------------- */

static int run_get(ctl_t *ctl, const ctl_command_t *self, int argc, const char *const *argv)
{
    store_arguments_t arguments;
    apr_array_header_t *errors = NULL;
    certmap_entry_t entry;
    certmap_str_t key;
    const char *text;
    const char *why;
    apr_status_t rv;
    int status = ctl_store_arguments(ctl, self, argc, argv, no_options, &arguments);

    if (status != CTL_OK) {
        return status;
    }
    if (arguments.nwords != 1) {
        return ctl_misused(ctl, self,
                           arguments.nwords == 0 ? "KEY is missing" : "a KEY is one argument: quote it for the shell");
    }
    key = (certmap_str_t){ arguments.words[0], strlen(arguments.words[0]) };
    rv = certmap_store_get(arguments.store, key, &text, &entry, &errors, &why, ctl->pool);
    status = ctl_store_tell(ctl, arguments.store, rv, why, errors, "arguments", key);
    if (rv == APR_SUCCESS) {
        puts(ctl_printable(certmap_entry_text(text, &entry, ctl->pool), ctl->pool));
    }
    return status;
}

const ctl_command_t ctl_store_get = { .name = "store get", .arguments = "STORE KEY", .run = run_get };

/* ---- lines --------------------------------------------------------------------------------------------------- */

/* Lines put together of all entries. */
typedef struct lines_t {
    const char *(*line)(const char *key, const certmap_entry_t *entry, apr_pool_t *p);
    const char *kind; /* only these; NULL: all */
    char *data;       /* malloc's */
    apr_size_t len;
    apr_size_t room;
    int failed; /* no memory */
    apr_pool_t *scratch;
} lines_t;

static int append(lines_t *lines, const char *text)
{
    apr_size_t len = strlen(text);
    char *larger;

    if (lines->len + len + 1 > lines->room) {
        lines->room = 2 * (lines->len + len + 1) + 65536;
        larger = realloc(lines->data, lines->room);
        if (larger == NULL) {
            lines->failed = 1;
            return 1;
        }
        lines->data = larger;
    }
    memcpy(lines->data + lines->len, text, len);
    lines->len += len;
    lines->data[lines->len++] = '\n';
    return 0;
}

static int append_entry(void *baton, const char *key, const certmap_entry_t *entry, int line)
{
    lines_t *lines = baton;

    (void)line;
    if (lines->kind != NULL && strcmp(lines->kind, entry->key) != 0) {
        return 0;
    }
    apr_pool_clear(lines->scratch);
    return append(lines, ctl_printable(lines->line(key, entry, lines->scratch), lines->scratch));
}

/* Reads all entries of a store and writes their lines. */
static int write_lines(ctl_t *ctl, const store_arguments_t *arguments, lines_t *lines)
{
    const char *why;
    apr_status_t rv;
    int status;

    apr_pool_create(&lines->scratch, ctl->pool);
    rv = certmap_store_each(arguments->store, append_entry, lines, &why, ctl->pool);
    status = lines->failed ? ctl_fail(ctl, "out of memory")
                           : ctl_store_tell(ctl, arguments->store, rv, why, NULL, NULL, no_text);
    if (status == CTL_OK) {
        status = ctl_write(ctl, arguments->output,
                           (certmap_str_t){ lines->data != NULL ? lines->data : "", lines->len });
    }
    free(lines->data);
    return status;
}

/* ---- list ---------------------------------------------------------------------------------------------------- */

#define COLUMNS "%-8s  %-10s  %-20s  %-16s  %s"

static const char *groups_of(const certmap_entry_t *entry, apr_pool_t *p)
{
    return entry->ngroups > 0 ? ctl_joined(entry->groups, entry->ngroups, ",", p) : "-";
}

/* The last day on which it holds. */
static const char *expiry_of(const certmap_entry_t *entry, apr_pool_t *p)
{
    apr_time_exp_t t;

    if (entry->expires == 0 || apr_time_exp_gmt(&t, entry->expires - 1) != APR_SUCCESS) {
        return "-";
    }
    return apr_psprintf(p, "%04d-%02d-%02d", t.tm_year + 1900, t.tm_mon + 1, t.tm_mday);
}

static const char *columns_line(const char *key, const certmap_entry_t *entry, apr_pool_t *p)
{
    const char *line = apr_psprintf(p, COLUMNS, certmap_strength_name(entry->strength), expiry_of(entry, p),
                                    entry->deny ? "- deny" : entry->user, groups_of(entry, p), key);

    return entry->note != NULL ? apr_pstrcat(p, line, "  # ", entry->note, NULL) : line;
}

/* The name of a kind as it is told, NULL when there is none. */
static const char *kind_named(const char *name)
{
    certmap_kind_e kind;

    for (kind = CERTMAP_K_SHA256; kind < CERTMAP_K_COUNT; kind++) {
        if (apr_strnatcasecmp(name, certmap_kind_name(kind)) == 0) {
            return certmap_kind_name(kind);
        }
    }
    return NULL;
}

static const char *all_kinds(apr_pool_t *p)
{
    const char *names = certmap_kind_name(CERTMAP_K_SHA256);
    certmap_kind_e kind;

    for (kind = CERTMAP_K_SHA256 + 1; kind < CERTMAP_K_COUNT; kind++) {
        names = apr_pstrcat(p, names, ", ", certmap_kind_name(kind), NULL);
    }
    return names;
}

static int run_list(ctl_t *ctl, const ctl_command_t *self, int argc, const char *const *argv)
{
    static const apr_getopt_option_t table[] = { { "kind", STORE_KIND, 1, NULL }, { NULL, 0, 0, NULL } };
    lines_t lines = { .line = columns_line };
    store_arguments_t arguments;
    int status = ctl_store_arguments(ctl, self, argc, argv, table, &arguments);

    if (status != CTL_OK) {
        return status;
    }
    if (arguments.nwords > 0) {
        return ctl_misused(ctl, self, "more than STORE");
    }
    if (arguments.kind != NULL && (lines.kind = kind_named(arguments.kind)) == NULL) {
        return ctl_misused(ctl, self, "--kind is one of %s", all_kinds(ctl->pool));
    }
    append(&lines, apr_psprintf(ctl->pool, COLUMNS, "STRENGTH", "EXPIRES", "USER", "GROUPS", "KEY"));
    return write_lines(ctl, &arguments, &lines);
}

const ctl_command_t ctl_store_list = { .name = "store list", .arguments = "[--kind KIND] STORE", .run = run_list };

/* ---- export -------------------------------------------------------------------------------------------------- */

static int run_export(ctl_t *ctl, const ctl_command_t *self, int argc, const char *const *argv)
{
    static const apr_getopt_option_t table[] = { { "output", STORE_OUTPUT, 1, NULL }, { NULL, 0, 0, NULL } };
    lines_t lines = { .line = certmap_entry_text };
    store_arguments_t arguments;
    int status = ctl_store_arguments(ctl, self, argc, argv, table, &arguments);

    if (status != CTL_OK) {
        return status;
    }
    return arguments.nwords > 0 ? ctl_misused(ctl, self, "more than STORE") : write_lines(ctl, &arguments, &lines);
}

const ctl_command_t ctl_store_export = {
    .name = "store export",
    .arguments = "[--output OUT] STORE",
    .run = run_export,
};

/* ---- verify -------------------------------------------------------------------------------------------------- */

static int run_verify(ctl_t *ctl, const ctl_command_t *self, int argc, const char *const *argv)
{
    apr_size_t counts[CERTMAP_K_COUNT] = { 0 };
    store_arguments_t arguments;
    ctl_progress_t *progress;
    const char *store;
    const char *why;
    apr_size_t n = 0;
    apr_status_t rv;
    int kind;
    int status = ctl_store_arguments(ctl, self, argc, argv, no_options, &arguments);

    if (status != CTL_OK) {
        return status;
    }
    if (arguments.nwords > 0) {
        return ctl_misused(ctl, self, "more than STORE");
    }
    store = ctl_printable(arguments.store, ctl->pool);
    progress = ctl_progress_start(ctl, store);
    rv = certmap_store_verify(arguments.store, ctl_progress_step, progress, counts, &why, ctl->pool);
    ctl_progress_end(progress);
    status = ctl_store_tell(ctl, arguments.store, rv, why, NULL, NULL, no_text);
    if (status == CTL_OK) {
        for (kind = 0; kind < CERTMAP_K_COUNT; kind++) {
            n += counts[kind];
        }
        printf("%s: whole, %" APR_SIZE_T_FMT " %s\n", store, n, n == 1 ? "entry" : "entries");
        for (kind = 0; kind < CERTMAP_K_COUNT; kind++) {
            if (counts[kind] > 0) {
                printf("  %-16s %" APR_SIZE_T_FMT "\n", certmap_kind_name((certmap_kind_e)kind), counts[kind]);
            }
        }
    }
    return status;
}

const ctl_command_t ctl_store_verify = { .name = "store verify", .arguments = "STORE", .run = run_verify };
