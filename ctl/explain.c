/* SPDX-License-Identifier: Apache-2.0 */
/*
 * certmapctl explain: asks the engine what the server would ask it, in the server's order. A malformed certificate
 * comes first, then what verification found, then the certificate's dates, then sources and rules.
 */
#include "explain.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

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

static int number(const char *text, const char **end, int digits)
{
    int n = 0;

    for (; digits > 0; digits--, text++) {
        if (*text < '0' || *text > '9') {
            return -1;
        }
        n = n * 10 + *text - '0';
    }
    *end = text;
    return n;
}

static int days_of(int year, int month)
{
    static const int days[] = { 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 };

    return month == 2 && year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) ? 29 : days[month - 1];
}

int ctl_time_read(const char *text, apr_time_t *at)
{
    static const char separators[] = "--T::Z";
    static const int digits[] = { 4, 2, 2, 2, 2, 2 };
    apr_time_exp_t t = { 0 };
    int part[6] = { 0 };
    int i;

    for (i = 0; i < 6; i++) {
        part[i] = number(text, &text, digits[i]);
        if (part[i] < 0) {
            return 0;
        }
        if (i == 2 && *text == '\0') {
            break;
        }
        if (*text++ != separators[i]) {
            return 0;
        }
    }
    if (*text != '\0' || part[0] < 1950 || part[1] < 1 || part[1] > 12 || part[2] < 1
        || part[2] > days_of(part[0], part[1]) || part[3] > 23 || part[4] > 59 || part[5] > 59) {
        return 0;
    }
    t.tm_year = part[0] - 1900;
    t.tm_mon = part[1] - 1;
    t.tm_mday = part[2];
    t.tm_hour = part[3];
    t.tm_min = part[4];
    t.tm_sec = part[5];
    return apr_time_exp_gmt_get(at, &t) == APR_SUCCESS;
}

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
    if (strcmp(provider, "dbd") == 0 || strcmp(provider, "ldap") == 0) {
        return ctl_fail(ctl,
                        "--source %s: %s is asked through httpd's own modules and cannot be asked here; test it "
                        "on a server, or give --source file:PATH or store:PATH",
                        text, provider);
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

/* ---- deciding ------------------------------------------------------------------------------------------------ */

int ctl_is_early(const ctl_case_t *c)
{
    return certmap_reason_is_verification(c->decision.reason)
           || (c->decision.reason == CERTMAP_R_MALFORMED && c->decision.rule == NULL && c->decision.source == NULL);
}

const char ctl_chain_missed[] = "rules ask for the chain, which is unknown without --ca: the server may decide "
                                "otherwise";

int ctl_asks_chain(const certmap_trace_cond_t *cond)
{
    static const char *const fields[] = { "chain.sha256", "root.sha256" };
    apr_size_t len = strcspn(cond->text, "!=~"), i;

    for (i = 0; i < sizeof(fields) / sizeof(fields[0]); i++) {
        apr_size_t n = strlen(fields[i]);

        if (len >= n && strncasecmp(cond->text + len - n, fields[i], n) == 0) {
            return 1;
        }
    }
    return 0;
}

int ctl_misses_chain(const ctl_case_t *c)
{
    apr_size_t i, k;

    if (c->verify != NULL || (c->apart.rule == NULL && c->apart.source != NULL)) {
        return 0;
    }
    for (i = 0; i < c->trace->nrules; i++) {
        const certmap_trace_rule_t *rule = &c->trace->rules[i];

        for (k = 0; k < rule->nconds; k++) {
            if (ctl_asks_chain(&rule->conds[k])) {
                return 1;
            }
        }
        if (rule->decided) {
            break;
        }
    }
    return 0;
}

apr_size_t ctl_failing(const certmap_trace_rule_t *rule)
{
    apr_size_t i, n = 0;

    for (i = 0; i < rule->nconds; i++) {
        n += rule->conds[i].told == CERTMAP_COND_NO || rule->conds[i].told == CERTMAP_COND_ERROR;
    }
    return n;
}

const char *ctl_time_text(apr_time_t t, apr_pool_t *p)
{
    char *text = apr_palloc(p, 32);
    apr_time_exp_t tm;
    apr_size_t len = 0;

    return apr_time_exp_gmt(&tm, t) == APR_SUCCESS
                   && apr_strftime(text, &len, 32, "%Y-%m-%dT%H:%M:%SZ", &tm) == APR_SUCCESS
               ? text
               : NULL;
}

/* What refuses before anything is asked: as check() and map() of httpd/access.c have it. */
static certmap_reason_e early(const ctl_case_t *c)
{
    certmap_reason_e dates = certmap_verdict_dates(c->view, c->now);

    return c->verdict.reason == CERTMAP_R_NONE && dates != CERTMAP_R_NONE ? dates
                                                                          : certmap_cert_refusal(c->view, &c->verdict);
}

static int decide(ctl_t *ctl, ctl_case_t *c)
{
    certmap_verdict_t verified = { .reason = CERTMAP_R_NONE, .chain = c->verdict.chain, .nchain = c->verdict.nchain };
    certmap_reason_e reason = early(c);
    int i;

    for (i = 0; i < c->asked->nelts; i++) {
        ctl_asked_t *a = &APR_ARRAY_IDX(c->asked, i, ctl_asked_t);

        if (a->source->vtable->lookup(a->source, c->view, &a->found, &a->why, ctl->pool) != APR_SUCCESS) {
            a->why = a->why ? a->why : "it cannot be asked";
        }
        else {
            a->why = NULL;
        }
    }
    if (certmap_explain(c->list, c->view, &verified, c->min, c->now, &c->apart, &c->trace, ctl->pool) != APR_SUCCESS) {
        return ctl_fail(ctl, "the engine could not decide");
    }
    c->decision = c->apart;
    if (reason != CERTMAP_R_NONE) {
        c->decision = (certmap_decision_t){ .outcome = CERTMAP_REFUSED, .reason = reason };
        c->decision.detail = reason == CERTMAP_R_MALFORMED ? certmap_cert_malformed(c->view) : NULL;
    }
    if (c->decision.reason == CERTMAP_R_NO_MATCH) {
        certmap_nearest(c->list, c->view, &verified, certmap_list_count(c->list), &c->nearest, &c->failed, ctl->pool);
    }
    return CTL_OK;
}

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
        || decide(ctl, &c) != CTL_OK) {
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
