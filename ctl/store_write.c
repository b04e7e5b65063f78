/* SPDX-License-Identifier: Apache-2.0 */
/* certmapctl store build, add and remove. */
#include "stores.h"

#include <string.h>

#include "check.h"

/* ---- texts --------------------------------------------------------------------------------------------------- */

/* Reads an entry file, or a file of keys. @return CTL_OK, or CTL_ERROR and it has been told */
static int read_text(ctl_t *ctl, const char *path, const char **name, certmap_str_t *text)
{
    const char *other;

    *name = strcmp(path, "-") == 0 ? "standard input" : path;
    if (ctl_read(ctl, path, CTL_TEXT_MAX, text) != CTL_OK) {
        return CTL_ERROR;
    }
    other = ctl_no_text(*text, ctl->pool);
    return other == NULL ? CTL_OK : ctl_fail(ctl, "%s: %s", *name, other);
}

/* What was given as arguments, one a line, or as a file. @return CTL_OK, or CTL_ERROR and it has been told */
static int given_text(ctl_t *ctl, const ctl_command_t *self, const store_arguments_t *arguments, const char *what,
                      const char **name, certmap_str_t *text)
{
    apr_array_header_t *lines = apr_array_make(ctl->pool, arguments->nwords, sizeof(const char *));
    int i;

    if (arguments->file != NULL) {
        return arguments->nwords == 0 ? read_text(ctl, arguments->file, name, text)
                                      : ctl_misused(ctl, self, "%s and --file together", what);
    }
    if (arguments->nwords == 0) {
        return ctl_misused(ctl, self, "%s is missing", what);
    }
    for (i = 0; i < arguments->nwords; i++) {
        APR_ARRAY_PUSH(lines, const char *) = arguments->words[i];
    }
    *name = "arguments";
    text->data = apr_array_pstrcat(ctl->pool, lines, '\n');
    text->len = strlen(text->data);
    return CTL_OK;
}

static void tell_count(const char *store, const char *what, apr_size_t count)
{
    printf("%s: %" APR_SIZE_T_FMT " %s %s\n", store, count, count == 1 ? "entry" : "entries", what);
}

/* ---- build --------------------------------------------------------------------------------------------------- */

static int run_build(ctl_t *ctl, const ctl_command_t *self, int argc, const char *const *argv)
{
    static const apr_getopt_option_t none[] = { { NULL, 0, 0, NULL } };
    store_arguments_t arguments;
    apr_array_header_t *errors = NULL;
    ctl_progress_t *progress;
    certmap_str_t text;
    const char *store;
    const char *name;
    const char *why;
    apr_size_t count;
    apr_status_t rv;
    int status = ctl_store_arguments(ctl, self, argc, argv, none, &arguments);

    if (status != CTL_OK) {
        return status;
    }
    if (arguments.nwords != 1) {
        return ctl_misused(ctl, self, arguments.nwords == 0 ? "ENTRIES is missing" : "more than STORE and ENTRIES");
    }
    status = read_text(ctl, arguments.words[0], &name, &text);
    if (status != CTL_OK) {
        return status;
    }
    store = ctl_printable(arguments.store, ctl->pool);
    progress = ctl_progress_start(ctl, store);
    rv = certmap_store_build(arguments.store, text, name, ctl_progress_step, progress, &count, &errors, &why,
                             ctl->pool);
    ctl_progress_end(progress);
    status = ctl_store_tell(ctl, arguments.store, rv, why, errors, name, text);
    if (rv == APR_SUCCESS) {
        tell_count(store, "in all", count);
    }
    return status;
}

const ctl_command_t ctl_store_build = { .name = "store build", .arguments = "STORE ENTRIES", .run = run_build };

/* ---- add ----------------------------------------------------------------------------------------------------- */

/* Somebody who forgot the shell's quotes gets errors about words that are no entries. */
static void remind_of_quotes(ctl_t *ctl, const store_arguments_t *arguments)
{
    if (arguments->nwords > 1 && strchr(arguments->words[0], ' ') == NULL) {
        fprintf(stderr, "Each argument is one entry: quote it for the shell, '%s %s'.\n",
                ctl_printable(arguments->words[0], ctl->pool), ctl_printable(arguments->words[1], ctl->pool));
    }
}

static int run_add(ctl_t *ctl, const ctl_command_t *self, int argc, const char *const *argv)
{
    static const apr_getopt_option_t table[] = {
        { "file", STORE_FILE, 1, NULL },
        { "replace", STORE_REPLACE, 0, NULL },
        { NULL, 0, 0, NULL },
    };
    store_arguments_t arguments;
    apr_array_header_t *errors = NULL;
    ctl_progress_t *progress;
    certmap_str_t text;
    const char *name;
    const char *why;
    apr_size_t count;
    apr_status_t rv;
    int status = ctl_store_arguments(ctl, self, argc, argv, table, &arguments);

    if (status == CTL_OK) {
        status = given_text(ctl, self, &arguments, "ENTRY", &name, &text);
    }
    if (status != CTL_OK) {
        return status;
    }
    progress = ctl_progress_start(ctl, ctl_printable(arguments.store, ctl->pool));
    rv = certmap_store_add(arguments.store, text, name, arguments.replace, ctl_progress_step, progress, &count, &errors,
                           &why, ctl->pool);
    ctl_progress_end(progress);
    if (rv == APR_ENOENT) {
        why = apr_pstrcat(ctl->pool, why, "; certmapctl store build makes a store", NULL);
    }
    status = ctl_store_tell(ctl, arguments.store, rv, why, errors, name, text);
    if (rv == APR_SUCCESS) {
        tell_count(ctl_printable(arguments.store, ctl->pool), arguments.replace ? "added or replaced" : "added", count);
    }
    else if (rv == APR_EINVAL) {
        remind_of_quotes(ctl, &arguments);
    }
    return status;
}

const ctl_command_t ctl_store_add = {
    .name = "store add",
    .arguments = "[--replace] STORE ENTRY...|--file FILE",
    .run = run_add,
};

/* ---- remove -------------------------------------------------------------------------------------------------- */

static int run_remove(ctl_t *ctl, const ctl_command_t *self, int argc, const char *const *argv)
{
    static const apr_getopt_option_t table[] = { { "file", STORE_FILE, 1, NULL }, { NULL, 0, 0, NULL } };
    store_arguments_t arguments;
    apr_array_header_t *errors = NULL;
    ctl_progress_t *progress;
    certmap_str_t text;
    const char *name;
    const char *why;
    apr_size_t count;
    apr_status_t rv;
    int status = ctl_store_arguments(ctl, self, argc, argv, table, &arguments);

    if (status == CTL_OK) {
        status = given_text(ctl, self, &arguments, "KEY", &name, &text);
    }
    if (status != CTL_OK) {
        return status;
    }
    progress = ctl_progress_start(ctl, ctl_printable(arguments.store, ctl->pool));
    rv = certmap_store_remove(arguments.store, text, name, ctl_progress_step, progress, &count, &errors, &why,
                              ctl->pool);
    ctl_progress_end(progress);
    status = ctl_store_tell(ctl, arguments.store, rv, why, errors, name, text);
    if (rv == APR_SUCCESS) {
        tell_count(ctl_printable(arguments.store, ctl->pool), "removed", count);
    }
    else if (rv == APR_EINVAL) {
        remind_of_quotes(ctl, &arguments);
    }
    return status;
}

const ctl_command_t ctl_store_remove = {
    .name = "store remove",
    .arguments = "STORE KEY...|--file FILE",
    .run = run_remove,
};
