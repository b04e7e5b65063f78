/* SPDX-License-Identifier: Apache-2.0 */
/*
 * certmapctl import: mappings of other software become rules or entries. What cannot be carried over is in the
 * output as a comment with the reason, and the exit status says so; for what is not text of the format nothing is
 * written.
 */
#include <string.h>

#include "ctl/cmd/cmd.h"
#include "import/import.h"

/* An option that only some formats know. */
#define USES_ISSUER 1u
#define USES_LOCATION 2u
#define USES_MAP 4u

static const struct {
    const char *name;
    certmap_import_fn *import;
    unsigned uses;
} formats[] = {
    { .name = "iis", .import = certmap_import_iis, .uses = USES_LOCATION },
    { .name = "fakebasic", .import = certmap_import_fakebasic, .uses = USES_ISSUER },
    { .name = "sssd", .import = certmap_import_sssd, .uses = USES_MAP },
    { .name = "gridmap", .import = certmap_import_gridmap, .uses = USES_ISSUER },
    { .name = "pgident", .import = certmap_import_pgident, .uses = USES_ISSUER | USES_MAP },
    { .name = "kafka", .import = certmap_import_kafka, .uses = USES_ISSUER | USES_MAP },
    { .name = "altsecid", .import = certmap_import_altsecid },
};

#define NFORMATS (sizeof(formats) / sizeof(formats[0]))

enum {
    OPTION_ISSUER = 256,
    OPTION_LOCATION,
    OPTION_MAP,
    OPTION_HELP
};

static const apr_getopt_option_t option_table[] = {
    { "output", 'o', 1, NULL },     { "issuer", OPTION_ISSUER, 1, NULL }, { "location", OPTION_LOCATION, 1, NULL },
    { "map", OPTION_MAP, 1, NULL }, { "help", OPTION_HELP, 0, NULL },     { NULL, 0, 0, NULL },
};

static const char help[] = "FORMAT is what FILE (standard input without one, or -) holds:\n"
                           "\n"
                           "  iis        applicationHost.config or web.config of IIS: one-to-one and\n"
                           "             many-to-one mappings of iisClientCertificateMappingAuthentication\n"
                           "             -> rules; --location PATH of a site, \".\" for the server, where\n"
                           "             several have mappings\n"
                           "  fakebasic  an AuthUserFile for SSLOptions +FakeBasicAuth: names of subjects\n"
                           "             -> rules\n"
                           "  sssd       sssd.conf with [certmap/DOMAIN/NAME] sections -> rules;\n"
                           "             --map DOMAIN where several have sections\n"
                           "  gridmap    a grid-mapfile: \"/DC=org/CN=Name\" account -> entries\n"
                           "  pgident    pg_ident.conf of PostgreSQL -> rules; --map NAME where it has\n"
                           "             several\n"
                           "  kafka      ssl.principal.mapping.rules, alone or in a server.properties\n"
                           "             -> rules; --map LISTENER for that of listener.name.LISTENER\n"
                           "  altsecid   USER<tab>X509:..., as altSecurityIdentities of Active Directory has\n"
                           "             them -> entries\n"
                           "\n"
                           "Rules are for CertMapRuleFile, entries for CertMapSource file or\n"
                           "certmapctl store build. What decides alike in both is carried over. What does\n"
                           "not is left out, with a comment in the output that says why. What came after it\n"
                           "is left out, too, where it would now match more. Nothing is guessed, and\n"
                           "nothing is widened.\n"
                           "\n"
                           "  -o OUT, --output OUT   write to OUT, not to standard output\n"
                           "  --issuer DN            the CA of the certificates, for formats that name\n"
                           "                         subjects only\n"
                           "  --location PATH        iis: of several locations, this one\n"
                           "  --map NAME             of several maps, domains or listeners, this one\n"
                           "\n"
                           "Exit status: 0 all is carried over; 1 something is left out; 2 an error, and\n"
                           "nothing has been written.\n"
                           "\n"
                           "  certmapctl import iis web.config -o site.rules --location \"My Site\"\n";

/* Options that the format does not know would be silently without effect. @return CTL_OK, or CTL_ERROR and reported */
static int check_options(ctl_t *ctl, const ctl_command_t *self, size_t format, const certmap_import_options_t *options)
{
    const struct {
        const char *name;
        const char *value;
        unsigned bit;
    } given[] = {
        { "--issuer", options->issuer, USES_ISSUER },
        { "--location", options->location, USES_LOCATION },
        { "--map", options->map, USES_MAP },
    };
    size_t i;

    for (i = 0; i < sizeof(given) / sizeof(given[0]); i++) {
        if (given[i].value != NULL && !(formats[format].uses & given[i].bit)) {
            return ctl_misused(ctl, self, "%s means nothing to the format %s", given[i].name, formats[format].name);
        }
    }
    return CTL_OK;
}

static int import(ctl_t *ctl, size_t format, const char *path, const char *to, const certmap_import_options_t *options)
{
    const char *name = strcmp(path, "-") == 0 ? "standard input" : path;
    certmap_import_result_t result;
    certmap_str_t text;
    apr_status_t rv;
    int status;

    if (ctl_read(ctl, path, CTL_TEXT_MAX, &text) != CTL_OK) {
        return CTL_ERROR;
    }
    memset(&result, 0, sizeof(result));
    rv = formats[format].import(text, name, options, &result, ctl->pool);
    status = ctl_report(ctl, result.errors, name, text);
    if (rv != APR_SUCCESS) {
        return status == CTL_ERROR ? CTL_ERROR
                                   : ctl_fail(ctl, "%s: cannot be imported as %s", ctl_printable(name, ctl->pool),
                                              formats[format].name);
    }
    if (ctl_write(ctl, to, result.text) != CTL_OK) {
        return CTL_ERROR;
    }
    fprintf(stderr, "%" APR_SIZE_T_FMT " carried over, %" APR_SIZE_T_FMT " left out\n", result.carried,
            result.left_out);
    return result.left_out > 0 ? CTL_FINDINGS : CTL_OK;
}

static int run(ctl_t *ctl, const ctl_command_t *self, int argc, const char *const *argv)
{
    apr_getopt_t *options = ctl_options(ctl, argc, argv);
    certmap_import_options_t known = { .issuer = NULL };
    const char *to = NULL, *value, *format;
    apr_status_t rv;
    int option;
    size_t i;

    while ((rv = ctl_option(ctl, self, options, option_table, &option, &value)) == APR_SUCCESS) {
        switch (option) {
        case 'o':
            to = value;
            break;
        case OPTION_ISSUER:
            known.issuer = value;
            break;
        case OPTION_LOCATION:
            known.location = value;
            break;
        case OPTION_MAP:
            known.map = value;
            break;
        default:
            return ctl_help(self);
        }
    }
    if (rv != APR_EOF) {
        return CTL_ERROR;
    }
    if (options->ind == argc) {
        return ctl_misused(ctl, self, "FORMAT is missing");
    }
    if (argc - options->ind > 2) {
        return ctl_misused(ctl, self, "one FILE at a time");
    }
    format = options->argv[options->ind];
    for (i = 0; i < NFORMATS; i++) {
        if (strcmp(formats[i].name, format) == 0) {
            return check_options(ctl, self, i, &known) != CTL_OK
                       ? CTL_ERROR
                       : import(ctl, i, argc - options->ind == 2 ? options->argv[options->ind + 1] : "-", to, &known);
        }
    }
    return ctl_misused(ctl, self, "unknown format: %s; it is iis, fakebasic, sssd, gridmap, pgident, kafka or altsecid",
                       ctl_printable(format, ctl->pool));
}

const ctl_command_t ctl_import = {
    .name = "import",
    .arguments = "FORMAT [FILE] [OPTION...]",
    .summary = "Turns mappings of other software into rules or entries",
    .help = help,
    .run = run,
};
