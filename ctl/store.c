/* SPDX-License-Identifier: Apache-2.0 */
/* Arguments of the subcommands of "store", texts of entries, and how a function of the engine ended. */
#include "store.h"

#include <string.h>

#include <apr_errno.h>

#include "check.h"

int ctl_store_arguments(ctl_t *ctl, const ctl_command_t *self, int argc, const char *const *argv,
                        const apr_getopt_option_t *table, store_arguments_t *arguments)
{
    apr_getopt_t *options = ctl_options(ctl, argc, argv);
    const char *value;
    apr_status_t rv;
    int option;

    memset(arguments, 0, sizeof(*arguments));
    while ((rv = ctl_option(ctl, self, options, table, &option, &value)) == APR_SUCCESS) {
        switch (option) {
        case STORE_FILE:
            arguments->file = value;
            break;
        case STORE_JSON:
            arguments->json = 1;
            break;
        case STORE_KIND:
            arguments->kind = value;
            break;
        case STORE_OUTPUT:
            arguments->output = value;
            break;
        case STORE_REPLACE:
            arguments->replace = 1;
            break;
        }
    }
    if (rv != APR_EOF) {
        return CTL_ERROR;
    }
    if (options->ind >= argc) {
        return ctl_misused(ctl, self, "STORE is missing");
    }
    arguments->store = options->argv[options->ind];
    arguments->words = options->argv + options->ind + 1;
    arguments->nwords = argc - options->ind - 1;
    return CTL_OK;
}

int ctl_store_ended(ctl_t *ctl, const char *store, apr_status_t rv, const char *why)
{
    if (rv == APR_SUCCESS) {
        return CTL_OK;
    }
    ctl_fail(ctl, "%s: %s%s", store, why, APR_STATUS_IS_EBUSY(rv) ? "; try again when it has ended" : "");
    return rv == APR_NOTFOUND ? CTL_FINDINGS : CTL_ERROR;
}

int ctl_store_tell(ctl_t *ctl, const char *store, apr_status_t rv, const certmap_store_change_t *change,
                   const certmap_store_outcome_t *outcome)
{
    int status = ctl_report(ctl, outcome->errors, change->file, change->text);

    if (rv != APR_SUCCESS && status == CTL_ERROR) { /* the text's errors say why */
        return rv == APR_NOTFOUND ? CTL_FINDINGS : CTL_ERROR;
    }
    return rv == APR_SUCCESS ? status : ctl_store_ended(ctl, store, rv, outcome->why);
}

int ctl_store_text(ctl_t *ctl, const char *path, const char **name, certmap_str_t *text)
{
    const char *other;

    *name = strcmp(path, "-") == 0 ? "standard input" : path;
    if (ctl_read(ctl, path, CTL_TEXT_MAX, text) != CTL_OK) {
        return CTL_ERROR;
    }
    other = ctl_no_text(*text, ctl->pool);
    return other == NULL ? CTL_OK : ctl_fail(ctl, "%s: %s", *name, other);
}

int ctl_store_given(ctl_t *ctl, const ctl_command_t *self, const store_arguments_t *arguments, const char *what,
                    const char **name, certmap_str_t *text)
{
    apr_array_header_t *lines = apr_array_make(ctl->pool, arguments->nwords, sizeof(const char *));
    int i;

    if (arguments->file != NULL) {
        return arguments->nwords == 0 ? ctl_store_text(ctl, arguments->file, name, text)
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

void ctl_store_count(const char *store, const char *what, apr_size_t count)
{
    printf("%s: %" APR_SIZE_T_FMT " %s %s\n", store, count, count == 1 ? "entry" : "entries", what);
}

void ctl_store_remind(ctl_t *ctl, const store_arguments_t *arguments)
{
    if (arguments->nwords > 1 && strchr(arguments->words[0], ' ') == NULL) {
        fprintf(stderr, "Each argument is one entry: quote it for the shell, '%s %s'.\n",
                ctl_printable(arguments->words[0], ctl->pool), ctl_printable(arguments->words[1], ctl->pool));
    }
}
