/* SPDX-License-Identifier: Apache-2.0 */
/* certmapctl: finds the subcommand, and reads options for it. */
#include "ctl.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <apr_general.h>

static const ctl_command_t *const commands[] = { &ctl_check, &ctl_explain, &ctl_suggest, &ctl_import, &ctl_store };

#define NCOMMANDS (sizeof(commands) / sizeof(commands[0]))

static int usage(FILE *out)
{
    size_t i;

    fputs("usage: certmapctl COMMAND [ARGUMENT...]\n\n"
          "Maps TLS client certificates to users as mod_certmap does, and says why.\n\n",
          out);
    for (i = 0; i < NCOMMANDS; i++) {
        fprintf(out, "  %-8s %s\n", commands[i]->name, commands[i]->summary);
    }
    fputs("\ncertmapctl COMMAND --help tells more; certmapctl --version tells the version.\n", out);
    return ferror(out) ? CTL_ERROR : CTL_OK;
}

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
        ctl_misused(ctl, command, "unknown option: %s", ctl_printable(ctl->option, ctl->pool));
    }
    else if (rv == APR_BADARG) {
        ctl_misused(ctl, command, "an option lacks its argument, or has one that it does not take: %s",
                    ctl_printable(ctl->option, ctl->pool));
    }
    return rv;
}

static int may_color(int fd)
{
    const char *no = getenv("NO_COLOR");
    const char *term = getenv("TERM");

    return !(no && *no) && isatty(fd) && term && strcmp(term, "dumb") != 0;
}

/* Memory that cannot be had ends the command; nothing is decided without it. */
static int out_of_memory(int code)
{
    (void)code;
    fputs("certmapctl: error: out of memory\n", stderr);
    exit(CTL_ERROR);
}

static int run(int argc, const char *const *argv, apr_pool_t *p)
{
    ctl_t ctl = { .pool = p, .color_out = may_color(STDOUT_FILENO), .color_err = may_color(STDERR_FILENO) };
    size_t i;
    int k;

    if (argc < 2) {
        usage(stderr);
        return CTL_ERROR;
    }
    if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "help") == 0) {
        return usage(stdout);
    }
    if (strcmp(argv[1], "--version") == 0) {
        printf("certmapctl %s\n", CERTMAP_VERSION);
        return CTL_OK;
    }
    for (i = 0; i < NCOMMANDS; i++) {
        if (strcmp(argv[1], commands[i]->name) == 0) {
            for (k = 2; k < argc && strcmp(argv[k], "--") != 0; k++) {
                if (strcmp(argv[k], "--help") == 0) {
                    return ctl_help(commands[i]);
                }
            }
            if (certmap_engine_init(p) != APR_SUCCESS) {
                return ctl_fail(&ctl, "OpenSSL offers no SHA-256 or SHA-1");
            }
            return commands[i]->run(&ctl, commands[i], argc - 1, argv + 1);
        }
    }
    ctl_fail(&ctl, "unknown command: %s", ctl_printable(argv[1], p));
    usage(stderr);
    return CTL_ERROR;
}

int main(int argc, const char *const *argv)
{
    apr_pool_t *pool;
    int status;

    if (apr_initialize() != APR_SUCCESS || apr_pool_create_ex(&pool, NULL, out_of_memory, NULL) != APR_SUCCESS) {
        return out_of_memory(0);
    }
    status = run(argc, argv, pool);
    /* What did not arrive (a full disk, a closed pipe) was not said. */
    if (fflush(stdout) != 0 || ferror(stdout)) {
        fputs("certmapctl: error: cannot write to standard output\n", stderr);
        status = CTL_ERROR;
    }
    apr_pool_destroy(pool);
    apr_terminate();
    return status;
}
