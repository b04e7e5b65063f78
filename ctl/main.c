/* SPDX-License-Identifier: Apache-2.0 */
/* certmapctl: finds the subcommand. */
#include "ctl/cmd/cmd.h"

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
    fputs("\ncertmapctl COMMAND --help says more; certmapctl --version prints the version;\n"
          "-h and -V are short for them.\n",
          out);
    return ferror(out) ? CTL_ERROR : CTL_OK;
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

static const char *command_meant(const char *wrote, apr_pool_t *p)
{
    const char *names[NCOMMANDS + 1] = { NULL };
    const char *meant;
    size_t i;

    for (i = 0; i < NCOMMANDS; i++) {
        names[i] = commands[i]->name;
    }
    meant = certmap_suggest((certmap_str_t){ wrote, strlen(wrote) }, names);
    return meant != NULL ? apr_psprintf(p, "; did you mean %s?", meant) : "";
}

static int is_help(const char *word)
{
    return strcmp(word, "--help") == 0 || strcmp(word, "-h") == 0;
}

static int is_version(const char *word)
{
    return strcmp(word, "--version") == 0 || strcmp(word, "-V") == 0;
}

static int version(void)
{
    printf("certmapctl %s\n", CERTMAP_VERSION);
    return CTL_OK;
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
    if (is_help(argv[1]) || strcmp(argv[1], "help") == 0) {
        return usage(stdout);
    }
    if (is_version(argv[1])) {
        return version();
    }
    for (i = 0; i < NCOMMANDS; i++) {
        if (strcmp(argv[1], commands[i]->name) == 0) {
            for (k = 2; k < argc && strcmp(argv[k], "--") != 0; k++) {
                if (is_help(argv[k])) {
                    return ctl_help(commands[i]);
                }
                if (is_version(argv[k])) {
                    return version();
                }
            }
            if (certmap_engine_init(p) != APR_SUCCESS) {
                return ctl_fail(&ctl, "OpenSSL offers no SHA-256 or SHA-1");
            }
            return commands[i]->run(&ctl, commands[i], argc - 1, argv + 1);
        }
    }
    ctl_fail(&ctl, "unknown command: %s%s", ctl_printable(argv[1], p), command_meant(argv[1], p));
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
