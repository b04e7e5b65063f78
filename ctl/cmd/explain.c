/* SPDX-License-Identifier: Apache-2.0 */
/*
 * certmapctl explain: what would happen to a certificate. The list is made of files, or is what httpd has in force.
 */
#include <stdlib.h>
#include <string.h>

#include "ctl/cmd/cmd.h"
#include "ctl/decision.h"

typedef enum kind_e {
    OPT_RULES = 256,
    OPT_SOURCE,
    OPT_CONF,
    OPT_VHOST,
    OPT_LOCATION,
    OPT_CA,
    OPT_CRL,
    OPT_DEPTH,
    OPT_AT,
    OPT_MIN,
    OPT_JSON,
    OPT_ALL
} kind_e;

static const apr_getopt_option_t table[] = {
    { "rules", OPT_RULES, 1, NULL },
    { "source", OPT_SOURCE, 1, NULL },
    { "ca", OPT_CA, 1, NULL },
    { "crl", OPT_CRL, 1, NULL },
    { "verify-depth", OPT_DEPTH, 1, NULL },
    { "at", OPT_AT, 1, NULL },
    { "httpd-conf", OPT_CONF, 1, NULL },
    { "vhost", OPT_VHOST, 1, NULL },
    { "location", OPT_LOCATION, 1, NULL },
    { "min-strength", OPT_MIN, 1, NULL },
    { "json", OPT_JSON, 0, NULL },
    { "all", OPT_ALL, 0, NULL },
    { NULL, 0, 0, NULL },
};

typedef struct options_t {
    const char *certificate;
    apr_array_header_t *rules;   /* of const char *, files */
    apr_array_header_t *sources; /* of const char *, PROVIDER:ARGUMENT */
    const char *conf;            /* of httpd, in place of rules and sources */
    const char *vhost;
    const char *location;
    ctl_verify_t verify;
    int json;
    int all;
    int has_min;
    certmap_strength_e min;
} options_t;

/* ---- options ------------------------------------------------------------------------------------------------- */

static int take_depth(ctl_t *ctl, const ctl_command_t *self, const char *value, int *depth)
{
    apr_size_t len = strlen(value);

    if (len < 1 || len > 3 || strspn(value, "0123456789") != len) {
        return ctl_misused(ctl, self, "--verify-depth takes a number from 0 to 999, not \"%s\"", value);
    }
    *depth = atoi(value);
    return CTL_OK;
}

static int take_option(ctl_t *ctl, const ctl_command_t *self, options_t *o, int option, const char *value)
{
    switch ((kind_e)option) {
    case OPT_RULES:
        APR_ARRAY_PUSH(o->rules, const char *) = value;
        break;
    case OPT_SOURCE:
        APR_ARRAY_PUSH(o->sources, const char *) = value;
        break;
    case OPT_CONF:
        o->conf = value;
        break;
    case OPT_VHOST:
        o->vhost = value;
        break;
    case OPT_LOCATION:
        o->location = value;
        break;
    case OPT_CA:
        o->verify.ca = value;
        break;
    case OPT_CRL:
        o->verify.crl = value;
        break;
    case OPT_DEPTH:
        return take_depth(ctl, self, value, &o->verify.depth);
    case OPT_AT:
        if (!ctl_time_read(value, &o->verify.now)) {
            return ctl_misused(ctl, self, "--at takes a time in UTC, 2027-01-31 or 2027-01-31T12:00:00Z, not \"%s\"",
                               value);
        }
        break;
    case OPT_MIN:
        if (certmap_strength_parse(value, &o->min) != APR_SUCCESS) {
            return ctl_misused(ctl, self, "--min-strength takes weak, scoped or strong, not \"%s\"", value);
        }
        o->has_min = 1;
        break;
    case OPT_JSON:
        o->json = 1;
        break;
    case OPT_ALL:
        o->all = 1;
        break;
    }
    return CTL_OK;
}

static int read_options(ctl_t *ctl, const ctl_command_t *self, int argc, const char *const *argv, options_t *o)
{
    apr_getopt_t *options = ctl_options(ctl, argc, argv);
    const char *value;
    apr_status_t rv;
    int option;

    *o = (options_t){ .verify = { .depth = CTL_ANY_DEPTH, .now = apr_time_now() }, .min = CERTMAP_WEAK };
    o->rules = apr_array_make(ctl->pool, 4, sizeof(const char *));
    o->sources = apr_array_make(ctl->pool, 4, sizeof(const char *));
    while ((rv = ctl_option(ctl, self, options, table, &option, &value)) == APR_SUCCESS) {
        if (take_option(ctl, self, o, option, value) != CTL_OK) {
            return CTL_ERROR;
        }
    }
    if (rv != APR_EOF) {
        return CTL_ERROR;
    }
    if (argc - options->ind != 1) {
        return ctl_misused(ctl, self, argc == options->ind ? "which certificate?" : "one certificate at a time");
    }
    o->certificate = options->argv[options->ind];
    if (o->verify.ca == NULL && (o->verify.crl != NULL || o->verify.depth != CTL_ANY_DEPTH)) {
        return ctl_misused(ctl, self, "--crl and --verify-depth need --ca: without it no chain is verified");
    }
    if (o->conf == NULL && (o->vhost != NULL || o->location != NULL)) {
        return ctl_misused(ctl, self, "--vhost and --location need --httpd-conf");
    }
    if (o->conf != NULL && (o->rules->nelts > 0 || o->sources->nelts > 0 || o->has_min)) {
        return ctl_misused(ctl, self, "--httpd-conf says what --rules, --source and --min-strength would");
    }
    if (o->conf == NULL && o->rules->nelts == 0 && o->sources->nelts == 0) {
        return ctl_misused(ctl, self, "nothing to ask: give --rules, --source or --httpd-conf");
    }
    return CTL_OK;
}

/* ---- the list ------------------------------------------------------------------------------------------------ */

static void link_to(certmap_list_t **list, const certmap_ruleset_t *rules, certmap_source_t *source, apr_pool_t *p)
{
    certmap_list_t *link = apr_pcalloc(p, sizeof(*link));

    link->outer = *list;
    link->rules = rules;
    link->source = source;
    *list = link;
}

/* Warnings are for "check"; here they would stand before every answer. */
static const apr_array_header_t *errors_only(const apr_array_header_t *errors, apr_pool_t *p)
{
    apr_array_header_t *only = apr_array_make(p, 4, sizeof(certmap_error_t));
    int i;

    for (i = 0; i < errors->nelts; i++) {
        if (!APR_ARRAY_IDX(errors, i, certmap_error_t).warning) {
            APR_ARRAY_PUSH(only, certmap_error_t) = APR_ARRAY_IDX(errors, i, certmap_error_t);
        }
    }
    return only;
}

static int add_rules(ctl_t *ctl, const char *path, certmap_list_t **list)
{
    certmap_builder_t *builder = certmap_builder_create(ctl->pool);
    certmap_str_t text;

    if (ctl_read(ctl, path, CTL_TEXT_MAX, &text) != CTL_OK) {
        return CTL_ERROR;
    }
    if (certmap_builder_add_file_text(builder, text, path) != APR_SUCCESS) {
        return ctl_report(ctl, errors_only(certmap_builder_errors(builder), ctl->pool), path, text);
    }
    link_to(list, certmap_builder_finish(builder), NULL, ctl->pool);
    return CTL_OK;
}

static int read_entries(ctl_t *ctl, const char *path, certmap_source_t *source)
{
    certmap_report_t report;
    certmap_str_t text;

    if (source == NULL || certmap_reread_check(certmap_source_file_reread(source), &report, ctl->pool) != APR_SUCCESS) {
        return ctl_fail(ctl, "%s: the entries cannot be kept", ctl_printable(path, ctl->pool));
    }
    if (report.outcome == CERTMAP_REREAD_REPLACED) {
        return CTL_OK;
    }
    if (report.why != NULL) {
        return ctl_fail(ctl, "%s: %s", ctl_printable(path, ctl->pool), report.why);
    }
    if (ctl_read(ctl, path, CTL_TEXT_MAX, &text) != CTL_OK) {
        return CTL_ERROR;
    }
    return ctl_report(ctl, errors_only(report.errors, ctl->pool), path, text);
}

static int add_source(ctl_t *ctl, const char *text, certmap_list_t **list, apr_array_header_t *asked)
{
    const char *colon = strchr(text, ':');
    const char *provider = colon ? apr_pstrmemdup(ctl->pool, text, (apr_size_t)(colon - text)) : text;
    certmap_store_report_t look;
    ctl_asked_t *a;

    if (colon == NULL || colon[1] == '\0') {
        return ctl_fail(ctl, "--source takes PROVIDER:ARGUMENT, file:PATH or store:PATH, not \"%s\"", text);
    }
    if (strcmp(provider, "file") != 0 && strcmp(provider, "store") != 0) {
        return ctl_fail(ctl, "--source %s: no provider is called \"%s\"; there are file and store", text, provider);
    }
    a = apr_array_push(asked);
    *a = (ctl_asked_t){ .path = colon + 1, .is_store = provider[0] == 's' };
    a->source = a->is_store ? certmap_source_store_create(a->path, NULL, ctl->pool)
                            : certmap_source_file_create(a->path, ctl->pool);
    if (!a->is_store && read_entries(ctl, a->path, a->source) != CTL_OK) {
        return CTL_ERROR;
    }
    if (a->is_store) {
        certmap_source_store_look(a->source, NULL, NULL, &look, ctl->pool); /* asked, it says what is wrong */
    }
    link_to(list, NULL, a->source, ctl->pool);
    return CTL_OK;
}

/* All files are read before any error ends this, so that all errors are told at once. */
static int make_list(ctl_t *ctl, const options_t *o, ctl_case_t *c, apr_array_header_t *asked)
{
    const apr_array_header_t *lint;
    certmap_list_t *list = NULL;
    int i, status = CTL_OK;

    for (i = 0; i < o->sources->nelts; i++) {
        if (add_source(ctl, APR_ARRAY_IDX(o->sources, i, const char *), &list, asked) != CTL_OK) {
            status = CTL_ERROR;
        }
    }
    for (i = 0; i < o->rules->nelts; i++) {
        if (add_rules(ctl, APR_ARRAY_IDX(o->rules, i, const char *), &list) != CTL_OK) {
            status = CTL_ERROR;
        }
    }
    c->list = list;
    c->min = o->min;
    if (status != CTL_OK) {
        return status;
    }
    /* Names that stand in two files: the server would not start. Weak rules are the decision's own business. */
    lint = certmap_list_lint(list, CERTMAP_WEAK, o->verify.now, ctl->pool);
    return ctl_report(ctl, errors_only(lint, ctl->pool), NULL, (certmap_str_t){ NULL, 0 });
}

/* The sources of a list, outer ones first. */
static void collect(const certmap_list_t *list, apr_array_header_t *asked)
{
    ctl_asked_t *a;

    if (list == NULL) {
        return;
    }
    collect(list->outer, asked);
    if (list->source != NULL) {
        const char *kind = list->source->vtable->name;

        a = apr_array_push(asked);
        *a = (ctl_asked_t){ .source = list->source, .is_store = strcmp(kind, "store") == 0 };
        a->path = list->source->name + strlen(kind) + 1;
    }
}

/* What httpd has in force in a place. */
static int find_list(ctl_t *ctl, const options_t *o, ctl_case_t *c, apr_array_header_t *asked)
{
    const ctl_conf_t *conf;

    if (ctl_conf_read(ctl, NULL, o->conf, &conf) != CTL_OK
        || ctl_conf_find(ctl, conf, o->vhost, o->location, &c->vhost, &c->section) != CTL_OK) {
        return CTL_ERROR;
    }
    if (c->section->mode == CTL_MODE_OFF) {
        return ctl_fail(ctl,
                        "CertMap is Off in %s of %s: no certificate is mapped there; --location names another "
                        "place",
                        ctl_printable(c->section->name, ctl->pool), ctl_printable(c->vhost->name, ctl->pool));
    }
    c->list = c->section->list;
    c->min = c->section->min;
    collect(c->list, asked);
    return CTL_OK;
}

/* ---- the run ------------------------------------------------------------------------------------------------- */

static int run(ctl_t *ctl, const ctl_command_t *self, int argc, const char *const *argv)
{
    ctl_certificate_t certificate;
    ctl_case_t c = { .certificate = &certificate, .min = CERTMAP_WEAK };
    apr_array_header_t *asked = apr_array_make(ctl->pool, 4, sizeof(ctl_asked_t));
    options_t o;

    if (read_options(ctl, self, argc, argv, &o) != CTL_OK
        || ctl_certificate_read(ctl, o.certificate, &certificate) != CTL_OK
        || (o.conf ? find_list(ctl, &o, &c, asked) : make_list(ctl, &o, &c, asked)) != CTL_OK) {
        return CTL_ERROR;
    }
    c.view = certificate.view;
    c.asked = asked;
    c.now = o.verify.now;
    c.verify = o.verify.ca ? &o.verify : NULL;
    if ((c.verify != NULL && ctl_verify(ctl, c.verify, &certificate, &c.verdict) != CTL_OK)
        || ctl_decide(ctl, &c) != CTL_OK) {
        return CTL_ERROR;
    }
    if (o.json) {
        if (ctl_misses_chain(&c)) {
            ctl_warn(ctl, "%s", ctl_chain_missed);
        }
        if (ctl_tell_json(ctl, &c) != CTL_OK) {
            return CTL_ERROR;
        }
    }
    else {
        ctl_tell(ctl, &c, o.all);
    }
    switch (c.decision.outcome) {
    case CERTMAP_MAPPED:
        return CTL_OK;
    case CERTMAP_REFUSED:
        return CTL_FINDINGS;
    case CERTMAP_UNDECIDED:
        break;
    }
    return CTL_ERROR;
}

const ctl_command_t ctl_explain = {
    .name = "explain",
    .arguments = "CERT [OPTION...]",
    .summary = "Tells what would happen to a certificate, and why",
    .help = "CERT is a file with the client's certificate, PEM or DER; - is standard input.\n"
            "Certificates behind the first one are intermediates.\n\n"
            "  --rules FILE             a rule file; several are one list, in this order\n"
            "  --source file:PATH       one-to-one entries of a file\n"
            "  --source store:PATH      one-to-one entries of a store\n"
            "  --httpd-conf FILE        what an httpd configuration has in force, as\n"
            "                           httpd -t tells it; HTTPD in the environment names\n"
            "                           another httpd\n"
            "  --vhost NAME[:PORT]      in which virtual host; without it, the one that uses\n"
            "                           CertMap\n"
            "  --location PATH          in which place: a path, a section's name, or\n"
            "                           FILE:LINE\n"
            "  --min-strength STRENGTH  weak, scoped or strong, as CertMapMinStrength\n"
            "  --ca FILE                verify the chain with these CAs, as\n"
            "                           SSLCACertificateFile; without it the chain is taken\n"
            "                           as verified, and only the certificate's dates are\n"
            "                           checked\n"
            "  --crl FILE               ask these CRLs for the whole chain, as\n"
            "                           SSLCARevocationCheck chain\n"
            "  --verify-depth N         as SSLVerifyDepth; without it a chain may be of any\n"
            "                           length\n"
            "  --at TIME                what would happen then: 2027-01-31 or\n"
            "                           2027-01-31T12:00:00Z\n"
            "  --all                    tell every rule, not only those nearest to a match\n"
            "  --json                   one JSON document in place of words\n\n"
            "Exit status: 0 mapped, 1 refused, 2 an error, or a source that cannot be asked.\n\n"
            "  certmapctl explain ann.pem --rules certmap.rules --ca ca.pem --crl crl.pem\n",
    .run = run,
};
