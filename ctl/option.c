/* SPDX-License-Identifier: Apache-2.0 */
/* Options of a subcommand, its help, and what is said when they are wrong. */
#include "ctl.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

int ctl_help(const ctl_command_t *command)
{
    printf("usage: certmapctl %s %s\n\n%s.\n\n%s", command->name, command->arguments, command->summary, command->help);
    return CTL_OK;
}

int ctl_misused(ctl_t *ctl, const ctl_command_t *command, const char *format, ...)
{
    va_list ap;

    va_start(ap, format);
    ctl_fail(ctl, "%s: %s", command->name, apr_pvsprintf(ctl->pool, format, ap));
    va_end(ap);
    fprintf(stderr, "usage: certmapctl %s %s\n", command->name, command->arguments);
    return CTL_ERROR;
}

/* APR's own message names the program by its path and ends with the option: "certmapctl: invalid option: --x". */
static void note_option(void *baton, const char *format, ...)
{
    ctl_t *ctl = baton;
    char *text;
    char *end;
    va_list ap;

    va_start(ap, format);
    text = apr_pvsprintf(ctl->pool, format, ap);
    va_end(ap);
    end = strchr(text, '\n');
    if (end != NULL) {
        *end = '\0';
    }
    end = strstr(text, ": ");
    end = end != NULL ? strstr(end + 2, ": ") : NULL;
    ctl->option = end != NULL ? end + 2 : text;
}

/* Stands for "-" while options are read: APR takes a bare one for an option without a letter. */
static const char bare[] = "standard input";

apr_getopt_t *ctl_options(ctl_t *ctl, int argc, const char *const *argv)
{
    apr_getopt_t *options;
    int i;

    if (apr_getopt_init(&options, ctl->pool, argc, argv) != APR_SUCCESS) {
        abort(); /* it only allocates */
    }
    for (i = 1; i < argc; i++) {
        if (strcmp(argv[i], "-") == 0) {
            options->argv[i] = bare;
        }
    }
    options->interleave = 1;
    options->errfn = note_option;
    options->errarg = ctl;
    return options;
}

/* "; did you mean --rules?" for an option that is none, or "". */
static const char *option_meant(const ctl_t *ctl, const apr_getopt_option_t *table)
{
    const char *wrote = ctl->option + strspn(ctl->option, "-");
    apr_array_header_t *names = apr_array_make(ctl->pool, 16, sizeof(const char *));
    const char *meant = NULL;
    size_t n = strcspn(wrote, "=");

    for (; table->optch != 0; table++) {
        if (table->name == NULL) {
            continue;
        }
        APR_ARRAY_PUSH(names, const char *) = table->name;
        if (n >= 3 && strncmp(wrote, table->name, n) == 0) {
            meant = table->name;
        }
    }
    APR_ARRAY_PUSH(names, const char *) = NULL;
    if (meant == NULL) {
        meant = certmap_suggest((certmap_str_t){ wrote, n }, (const char *const *)names->elts);
    }
    return meant != NULL ? apr_psprintf(ctl->pool, "; did you mean --%s?", meant) : "";
}

apr_status_t ctl_option(ctl_t *ctl, const ctl_command_t *command, apr_getopt_t *options,
                        const apr_getopt_option_t *table, int *option, const char **value)
{
    apr_status_t rv;
    int i;

    *value = NULL;
    rv = apr_getopt_long(options, table, option, value);
    if (rv == APR_SUCCESS && *value == bare) {
        *value = "-";
    }
    for (i = options->ind; rv == APR_EOF && i < options->argc; i++) {
        if (options->argv[i] == bare) {
            options->argv[i] = "-";
        }
    }
    if (rv == APR_BADCH) {
        ctl_misused(ctl, command, "unknown option: %s%s", ctl_printable(ctl->option, ctl->pool),
                    option_meant(ctl, table));
    }
    else if (rv == APR_BADARG) {
        ctl_misused(ctl, command, "an option lacks its argument, or has one that it does not take: %s",
                    ctl_printable(ctl->option, ctl->pool));
    }
    return rv;
}
