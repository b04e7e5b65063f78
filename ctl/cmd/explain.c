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

typedef struct explain_options_t {
    const char *const *certificates;
    int ncertificates;
    apr_array_header_t *rules;   /* of const char *, files */
    apr_array_header_t *sources; /* of const char *, PROVIDER:ARGUMENT */
    const char *conf;            /* of httpd, in place of rules and sources */
    const char *vhost;
    apr_array_header_t *locations; /* of const char * */
    ctl_verify_t verify;
    int json;
    int all;
    int has_min;
    certmap_strength_e min;
} explain_options_t;

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

static int take_option(ctl_t *ctl, const ctl_command_t *self, explain_options_t *o, int option, const char *value)
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
        APR_ARRAY_PUSH(o->locations, const char *) = value;
        break;
    case OPT_CA:
        o->verify.ca = value;
        break;
    case OPT_CRL:
        o->verify.crl = value;
        o->verify.crl_check = CTL_CRL_CHAIN;
        break;
    case OPT_DEPTH:
        return take_depth(ctl, self, value, &o->verify.depth);
    case OPT_AT:
        if (!ctl_time_read(value, &o->verify.now)) {
            return ctl_misused(ctl, self, "--at takes a time: " CTL_TIMES ", not \"%s\"", value);
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

static int is_stdin(const char *path)
{
    return path != NULL && strcmp(path, "-") == 0;
}

/* How often standard input would have to be read. */
static int count_stdin(const explain_options_t *o)
{
    int i, n = is_stdin(o->verify.ca) + is_stdin(o->verify.crl);

    for (i = 0; i < o->ncertificates; i++) {
        n += is_stdin(o->certificates[i]);
    }
    for (i = 0; i < o->rules->nelts; i++) {
        n += is_stdin(APR_ARRAY_IDX(o->rules, i, const char *));
    }
    return n;
}

static int read_options(ctl_t *ctl, const ctl_command_t *self, int argc, const char *const *argv, explain_options_t *o)
{
    apr_getopt_t *options = ctl_options(ctl, argc, argv);
    const char *value;
    apr_status_t rv;
    int option;

    *o = (explain_options_t){ .verify = { .depth = CTL_ANY_DEPTH, .now = apr_time_now() }, .min = CERTMAP_WEAK };
    o->rules = apr_array_make(ctl->pool, 4, sizeof(const char *));
    o->sources = apr_array_make(ctl->pool, 4, sizeof(const char *));
    o->locations = apr_array_make(ctl->pool, 4, sizeof(const char *));
    while ((rv = ctl_option(ctl, self, options, table, &option, &value)) == APR_SUCCESS) {
        if (take_option(ctl, self, o, option, value) != CTL_OK) {
            return CTL_ERROR;
        }
    }
    if (rv != APR_EOF) {
        return CTL_ERROR;
    }
    if (argc == options->ind) {
        return ctl_misused(ctl, self, "which certificate?");
    }
    o->certificates = &options->argv[options->ind];
    o->ncertificates = argc - options->ind;
    if (count_stdin(o) > 1) {
        return ctl_misused(ctl, self, "standard input (-) can be read once, and is asked for twice");
    }
    if (o->verify.ca == NULL && (o->verify.crl != NULL || o->verify.depth != CTL_ANY_DEPTH)) {
        return ctl_misused(ctl, self, "--crl and --verify-depth need --ca: without it no chain is verified");
    }
    if (o->conf == NULL && (o->vhost != NULL || o->locations->nelts > 0)) {
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

/* Warnings are for "check"; here they would come before every answer. */
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
        ctl_progress_look(ctl, a->source);
    }
    link_to(list, NULL, a->source, ctl->pool);
    return CTL_OK;
}

/* All files are read before any error ends this, so that all errors are reported at once. */
static int make_list(ctl_t *ctl, const explain_options_t *o, const certmap_list_t **made, apr_array_header_t *asked)
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
    *made = list;
    if (status != CTL_OK) {
        return status;
    }
    /* Names that are in two files: the server would not start. Weak rules are the decision's own business. */
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

/* ---- the run ------------------------------------------------------------------------------------------------- */

/* What all certificates are asked about. */
typedef struct explanation_t {
    ctl_t *ctl;
    const explain_options_t *o;
    const ctl_conf_t *conf; /* of --httpd-conf, with places; else NULL */
    ctl_place_t *places;
    int nplaces;
    const certmap_list_t *list; /* of the other options */
    apr_array_header_t *asked;
    ctl_verify_t verify;
    ctl_documents_t *documents; /* of --json; else NULL */
    int answers;                /* printed so far */
    int status;
} explanation_t;

static int find_places(explanation_t *e)
{
    const explain_options_t *o = e->o;
    int i, n = o->locations->nelts > 0 ? o->locations->nelts : 1;

    e->places = apr_pcalloc(e->ctl->pool, (apr_size_t)n * sizeof(*e->places));
    if (ctl_conf_read(e->ctl, NULL, o->conf, &e->conf) != CTL_OK) {
        return CTL_ERROR;
    }
    for (i = 0; i < n; i++) {
        const char *location = o->locations->nelts > 0 ? APR_ARRAY_IDX(o->locations, i, const char *) : NULL;

        if (ctl_place_find(e->ctl, e->conf, o->vhost, location, &e->places[i]) != CTL_OK) {
            return CTL_ERROR;
        }
    }
    e->nplaces = n;
    if (o->verify.ca == NULL) {
        ctl_answer_verify(e->conf, e->places[0].vhost, &e->verify, e->ctl->pool);
    }
    return CTL_OK;
}

static int tell(explanation_t *e, const ctl_case_t *c)
{
    int status = ctl_status(c);

    if (e->documents != NULL) {
        if (ctl_misses_chain(c)) {
            ctl_warn(e->ctl, "%s", ctl_chain_missed);
        }
        ctl_documents_add(e->documents, ctl_tell_json(e->ctl, c));
    }
    else {
        if (e->o->ncertificates > 1 || e->nplaces > 1) {
            printf("%s%s:\n", e->answers > 0 ? "\n" : "", ctl_printable(c->file, e->ctl->pool));
        }
        ctl_tell(e->ctl, c, e->o->all);
    }
    e->answers++;
    return status;
}

static void worse(explanation_t *e, int status)
{
    e->status = status > e->status ? status : e->status;
}

/* One certificate in one place (NULL: none). */
static int explain_in(explanation_t *e, ctl_case_t *c, ctl_place_t *place, const ctl_verified_t *verified)
{
    apr_array_header_t *asked = e->asked;

    if (place != NULL) {
        if (ctl_answer(e->ctl, place, c->certificate, verified, c->now) != CTL_OK) {
            return CTL_ERROR;
        }
        c->list = place->answer.list;
        c->min = place->answer.min;
        asked = apr_array_make(e->ctl->pool, 4, sizeof(ctl_asked_t));
        collect(c->list, asked);
    }
    c->place = place;
    c->asked = asked;
    return ctl_decide(e->ctl, c) == CTL_OK ? tell(e, c) : CTL_ERROR;
}

static int explain(explanation_t *e, const char *file)
{
    ctl_certificate_t certificate;
    ctl_verified_t verified = { .how = &e->verify };
    ctl_case_t c = { .file = file, .certificate = &certificate, .min = e->o->min, .now = e->verify.now };
    int i;

    if (ctl_certificate_read(e->ctl, file, &certificate) != CTL_OK) {
        return CTL_ERROR;
    }
    c.view = certificate.view;
    c.list = e->list;
    c.verify = e->conf != NULL || e->verify.ca != NULL ? &e->verify : NULL;
    if (c.verify != NULL && ctl_verify(e->ctl, c.verify, &certificate, &verified) != CTL_OK) {
        return CTL_ERROR;
    }
    c.verdict = verified.verdict;
    if (e->conf == NULL) {
        return explain_in(e, &c, NULL, &verified);
    }
    for (i = 0; i < e->nplaces; i++) {
        worse(e, explain_in(e, &c, &e->places[i], &verified));
    }
    return e->status;
}

static int run(ctl_t *ctl, const ctl_command_t *self, int argc, const char *const *argv)
{
    explanation_t e = { .ctl = ctl };
    explain_options_t o;
    int i;

    if (read_options(ctl, self, argc, argv, &o) != CTL_OK) {
        return CTL_ERROR;
    }
    e.o = &o;
    e.verify = o.verify;
    e.asked = apr_array_make(ctl->pool, 4, sizeof(ctl_asked_t));
    if ((o.conf ? find_places(&e) : make_list(ctl, &o, &e.list, e.asked)) != CTL_OK) {
        return CTL_ERROR;
    }
    e.documents = o.json ? ctl_documents_begin(ctl, o.ncertificates > 1 || e.nplaces > 1) : NULL;
    for (i = 0; i < o.ncertificates; i++) {
        worse(&e, explain(&e, o.certificates[i]));
    }
    if (e.documents != NULL) {
        worse(&e, ctl_documents_end(e.documents));
    }
    return e.status;
}

const ctl_command_t ctl_explain = {
    .name = "explain",
    .arguments = "CERT... [OPTION...]",
    .summary = "Shows what would happen to a certificate, and why",
    .help = "CERT is a file with the client's certificate, PEM or DER; - is standard input.\n"
            "Certificates after the first one are intermediates.\n\n"
            "  --rules FILE             a rule file; several are one list, in this order\n"
            "  --source file:PATH       one-to-one entries of a file\n"
            "  --source store:PATH      one-to-one entries of a store\n"
            "  --httpd-conf FILE        what a server with this configuration answers: its\n"
            "                           CAs, CRLs and depth, sections, rules and Require, as\n"
            "                           httpd -t reports them; HTTPD in the environment names\n"
            "                           another httpd\n"
            "  --vhost NAME[:PORT]      in which virtual host; without it, the one that uses\n"
            "                           CertMap\n"
            "  --location PATH          in which place: the path of a URL; or a section's\n"
            "                           name or FILE:LINE, which is then asked alone; several\n"
            "                           are asked in turn; without it, /\n"
            "  --min-strength STRENGTH  weak, scoped or strong, as CertMapMinStrength\n"
            "  --ca FILE                verify the chain with these CAs, as\n"
            "                           SSLCACertificateFile; without it, and without\n"
            "                           --httpd-conf, the chain is taken as verified, and\n"
            "                           only the certificate's dates are checked\n"
            "  --crl FILE               ask these CRLs for the whole chain, as\n"
            "                           SSLCARevocationCheck chain\n"
            "  --verify-depth N         as SSLVerifyDepth; without it a chain may be of any\n"
            "                           length\n"
            "  --at TIME                what would happen then: 2027-01-31,\n"
            "                           2027-01-31T12:00:00Z (or +01:00), @SECONDS since\n"
            "                           1970, or from now on: +30d, -12h\n"
            "  --all                    show every rule, not only those nearest to a match\n"
            "  --json                   one JSON document in place of words\n\n"
            "Exit status: 0 mapped, 1 refused or not certain, 2 an error, or a source that\n"
            "cannot be asked; of several answers the highest.\n\n"
            "  certmapctl explain ann.pem --rules certmap.rules --ca ca.pem --crl crl.pem\n",
    .run = run,
};
