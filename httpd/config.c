/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Directives to configuration: the command table, create and merge. Rules are compiled when the configuration has
 * been read; merging only links what was compiled, so that it can run for each request.
 */
#include "config.h"

#include <apr_strings.h>
#include <http_core.h>
#include <http_log.h>

#include "reload.h"

APLOG_USE_MODULE(certmap);

/* ---- create and merge ---------------------------------------------------------------------------------------- */

void *certmap_dir_conf_create(apr_pool_t *p, char *path)
{
    certmap_dir_conf_t *conf = apr_pcalloc(p, sizeof(*conf));

    (void)path;
    conf->mode = CERTMAP_MODE_UNSET;
    conf->exempt = CERTMAP_UNSET;
    conf->report_only = CERTMAP_UNSET;
    conf->min_strength = CERTMAP_UNSET;
    return conf;
}

/* When the configuration has been read. Merging compiles nothing: httpd merges for each request, in any thread. */
static void freeze(const certmap_dir_conf_t *conf)
{
    const certmap_links_t *links;
    int i;

    for (i = 0; i < conf->nlayers; i++) {
        for (links = conf->layers[i]->links; links; links = links->outer) {
            certmap_link_freeze(links->link);
        }
    }
}

/* A merged configuration keeps all layers and resolves CertMapInherit when it is asked: resolving while merging would
 * not be associative, because an outer CertMapInherit may be met after the inner sections were merged with one
 * another. */
static void merge_layers(certmap_dir_conf_t *conf, const certmap_dir_conf_t *base, const certmap_dir_conf_t *add,
                         apr_pool_t *p)
{
    certmap_layer_t **layers;
    int i;

    if (!add->nlayers || !base->nlayers) {
        conf->layers = add->nlayers ? add->layers : base->layers;
        conf->nlayers = add->nlayers ? add->nlayers : base->nlayers;
        return;
    }
    conf->nlayers = base->nlayers + add->nlayers;
    layers = apr_palloc(p, sizeof(*layers) * (apr_size_t)conf->nlayers);
    for (i = 0; i < base->nlayers; i++) {
        layers[i] = base->layers[i];
    }
    for (i = 0; i < add->nlayers; i++) {
        layers[base->nlayers + i] = add->layers[i];
    }
    conf->layers = layers;
}

static const char **merge_documents(const char *const *base, const char *const *add, apr_pool_t *p)
{
    const char **merged = apr_palloc(p, sizeof(*merged) * CERTMAP_ANSWER_COUNT);
    int i;

    for (i = 0; i < CERTMAP_ANSWER_COUNT; i++) {
        merged[i] = add[i] ? add[i] : base[i];
    }
    return merged;
}

void *certmap_dir_conf_merge(apr_pool_t *p, void *base_, void *add_)
{
    const certmap_dir_conf_t *base = base_, *add = add_;
    certmap_dir_conf_t *conf = apr_pmemdup(p, base, sizeof(*base));

    conf->own = NULL;
    conf->section = NULL;
    if (add->mode != CERTMAP_MODE_UNSET) {
        conf->mode = add->mode;
    }
    if (add->exempt != CERTMAP_UNSET) {
        conf->exempt = add->exempt;
    }
    if (add->report_only != CERTMAP_UNSET) {
        conf->report_only = add->report_only;
    }
    if (add->min_strength != CERTMAP_UNSET) {
        conf->min_strength = add->min_strength;
    }
    if (add->documents) {
        conf->documents = base->documents ? merge_documents(base->documents, add->documents, p) : add->documents;
    }
    if (add->where) {
        conf->where = add->where;
        conf->where_file = add->where_file;
        conf->where_line = add->where_line;
    }
    merge_layers(conf, base, add, p);
    return conf;
}

void *certmap_srv_conf_create(apr_pool_t *p, server_rec *s)
{
    certmap_srv_conf_t *conf = apr_pcalloc(p, sizeof(*conf));

    (void)s;
    conf->defer = CERTMAP_UNSET;
    conf->asks_in_sections = CERTMAP_UNSET;
    conf->used = CERTMAP_UNSET;
    return conf;
}

void *certmap_srv_conf_merge(apr_pool_t *p, void *base_, void *add_)
{
    certmap_srv_conf_t *base = base_, *add = add_, *conf = apr_pmemdup(p, base, sizeof(*base));

    if (add->defer != CERTMAP_UNSET) {
        conf->defer = add->defer;
        conf->defer_file = add->defer_file;
        conf->defer_line = add->defer_line;
    }
    if (add->asks_in_sections != CERTMAP_UNSET) {
        conf->asks_in_sections = add->asks_in_sections;
    }
    if (add->used != CERTMAP_UNSET) {
        conf->used = add->used;
    }
    conf->trust = NULL; /* of each virtual host by itself, when mod_ssl has read it */
    return conf;
}

const char *certmap_mode_name(certmap_mode_e mode)
{
    switch (mode) {
    case CERTMAP_MODE_UNSET:
        return "unset";
    case CERTMAP_MODE_OFF:
        return "Off";
    case CERTMAP_MODE_OPTIONAL:
        return "Optional";
    case CERTMAP_MODE_ON:
        return "On";
    }
    return "?";
}

/* inner's links, asked after outer's */
static const certmap_links_t *joined(const certmap_links_t *outer, const certmap_links_t *inner, apr_pool_t *p)
{
    certmap_links_t *links = apr_palloc(p, sizeof(*links) * certmap_links_count(inner)), *first = links;

    for (; inner; inner = inner->outer, links++) {
        links->link = inner->link;
        links->outer = inner->outer ? links + 1 : outer;
    }
    return first;
}

const certmap_links_t *certmap_conf_merged(const certmap_dir_conf_t *conf, apr_pool_t *p)
{
    const certmap_links_t *links = NULL;
    int i, inherit = 0;

    for (i = 0; i < conf->nlayers; i++) {
        const certmap_layer_t *layer = conf->layers[i];

        if (layer->inherit != CERTMAP_UNSET) {
            inherit = layer->inherit;
        }
        if (layer->links) {
            links = inherit && links ? joined(links, layer->links, p) : layer->links;
        }
    }
    return links;
}

/* ---- directives ---------------------------------------------------------------------------------------------- */

/* <Proxy> is mod_proxy's own: what is there is not found when the configuration is checked. */
static const char *check_context(cmd_parms *cmd, unsigned forbidden)
{
    const ap_directive_t *d;

    for (d = cmd->directive->parent; d; d = d->parent) {
        if (strcasecmp(d->directive, "<Proxy") == 0 || strcasecmp(d->directive, "<ProxyMatch") == 0) {
            return apr_psprintf(cmd->pool, "%s is not allowed in %s>; use <Location>", cmd->cmd->name, d->directive);
        }
    }
    return ap_check_cmd_context(cmd, forbidden);
}

/* Where the directive is, for messages; sections know their own text only from the directive's parent. */
static void remember_place(cmd_parms *cmd, certmap_dir_conf_t *conf)
{
    const ap_directive_t *parent = cmd->directive->parent;

    if (!conf->where && cmd->path && parent) {
        conf->where = apr_pstrcat(cmd->pool, parent->directive, " ", parent->args, NULL);
        conf->where_file = parent->filename;
        conf->where_line = parent->line_num;
        conf->section = parent;
    }
}

static certmap_layer_t *own_layer(cmd_parms *cmd, certmap_dir_conf_t *conf)
{
    if (!conf->own) {
        certmap_layer_t **layers = apr_palloc(cmd->pool, sizeof(*layers));

        conf->own = apr_pcalloc(cmd->pool, sizeof(*conf->own));
        conf->own->inherit = CERTMAP_UNSET;
        layers[0] = conf->own;
        conf->layers = layers;
        conf->nlayers = 1;
    }
    return conf->own;
}

/* After those that are in this place already. */
static certmap_link_t *add_link(cmd_parms *cmd, certmap_dir_conf_t *conf)
{
    certmap_layer_t *own = own_layer(cmd, conf);
    certmap_links_t *member = apr_pcalloc(cmd->pool, sizeof(*member));

    member->link = apr_pcalloc(cmd->pool, sizeof(*member->link));
    member->outer = own->links;
    own->links = member;
    return member->link;
}

static const char *set_mode(cmd_parms *cmd, void *dconf, const char *arg)
{
    certmap_dir_conf_t *conf = dconf;
    const char *error = check_context(cmd, NOT_IN_LIMIT | NOT_IN_HTACCESS);

    if (error) {
        return error;
    }
    remember_place(cmd, conf);
    if (strcasecmp(arg, "on") == 0) {
        conf->mode = CERTMAP_MODE_ON;
    }
    else if (strcasecmp(arg, "optional") == 0) {
        conf->mode = CERTMAP_MODE_OPTIONAL;
    }
    else if (strcasecmp(arg, "off") == 0) {
        conf->mode = CERTMAP_MODE_OFF;
    }
    else {
        return apr_psprintf(cmd->pool, "CertMap: '%s' is not On, Optional or Off", arg);
    }
    conf->exempt = cmd->path ? conf->mode == CERTMAP_MODE_OFF : CERTMAP_UNSET;
    return NULL;
}

static const char *add_rule(cmd_parms *cmd, void *dconf, const char *args)
{
    certmap_dir_conf_t *conf = dconf;
    certmap_link_t *link;
    const apr_array_header_t *errors;
    const char *message = check_context(cmd, NOT_IN_LIMIT | NOT_IN_HTACCESS);
    int i, before;

    if (message) {
        return message;
    }
    remember_place(cmd, conf);
    link = own_layer(cmd, conf)->links ? conf->own->links->link : NULL;
    if (!link || !link->builder) {
        link = add_link(cmd, conf);
        link->builder = certmap_builder_create(cmd->pool);
    }
    errors = certmap_builder_errors(link->builder);
    before = errors->nelts;
    if (certmap_builder_add_directive(link->builder, args, cmd->directive->filename, cmd->directive->line_num, 1)
        == APR_SUCCESS) {
        return NULL;
    }
    errors = certmap_builder_errors(link->builder);
    for (i = before; i < errors->nelts; i++) {
        const certmap_error_t *e = &APR_ARRAY_IDX(errors, i, certmap_error_t);

        message = apr_psprintf(cmd->pool, "%s%sCertMapRule, column %d: %s%s", message ? message : "",
                               message ? "; " : "", e->column, e->warning ? "warning: " : "", e->text);
    }
    return apr_psprintf(cmd->pool, "%s (in: CertMapRule %s)", message ? message : "CertMapRule: not a rule", args);
}

static const char *add_rule_file(cmd_parms *cmd, void *dconf, const char *path)
{
    certmap_dir_conf_t *conf = dconf;
    const char *error = check_context(cmd, NOT_IN_LIMIT | NOT_IN_HTACCESS);
    const char *full = ap_server_root_relative(cmd->pool, path);
    certmap_reread_t *file;

    if (error) {
        return error;
    }
    if (!full) {
        return apr_psprintf(cmd->pool, "CertMapRuleFile: '%s' is not a path", path);
    }
    remember_place(cmd, conf);
    file = certmap_reread_create(full, CERTMAP_FILE_RULES, cmd->pool);
    if (!file) {
        return "CertMapRuleFile: out of memory";
    }
    error = certmap_reload_first(cmd, "CertMapRuleFile", file);
    if (!error) {
        add_link(cmd, conf)->file = file;
    }
    return error;
}

static const char *add_source(cmd_parms *cmd, void *dconf, const char *kind, const char *path)
{
    certmap_dir_conf_t *conf = dconf;
    const char *error = check_context(cmd, NOT_IN_LIMIT | NOT_IN_HTACCESS);
    const char *full = ap_server_root_relative(cmd->pool, path);
    certmap_source_t *source;

    if (error) {
        return error;
    }
    if (!full) {
        return apr_psprintf(cmd->pool, "CertMapSource: '%s' is not a path", path);
    }
    remember_place(cmd, conf);
    if (strcasecmp(kind, "file") == 0) {
        source = certmap_source_file_create(full, cmd->pool);
        error = source ? certmap_reload_first(cmd, "CertMapSource file", certmap_source_file_reread(source))
                       : "CertMapSource: out of memory";
    }
    else if (strcasecmp(kind, "store") == 0) {
        error = certmap_reload_store(cmd, full, &source);
    }
    else {
        error = apr_psprintf(cmd->pool, "CertMapSource: '%s' is not file or store", kind);
    }
    if (!error) {
        add_link(cmd, conf)->source = source;
    }
    return error;
}

static const char *set_inherit(cmd_parms *cmd, void *dconf, int on)
{
    certmap_dir_conf_t *conf = dconf;
    const char *error = check_context(cmd, NOT_IN_LIMIT | NOT_IN_HTACCESS);

    if (error) {
        return error;
    }
    remember_place(cmd, conf);
    own_layer(cmd, conf)->inherit = on != 0;
    return NULL;
}

/** Whether CertMapErrorDocument takes it. */
static int has_document(int answer)
{
    return certmap_answer_substatus((certmap_answer_e)answer) > 0;
}

static const char *bad_document_status(const char *status, apr_pool_t *p)
{
    const char *message = apr_psprintf(p, "CertMapErrorDocument: '%s' is not one of", status);
    int i, n = 0;

    for (i = 0; i < CERTMAP_ANSWER_COUNT; i++) {
        if (has_document(i)) {
            message = apr_pstrcat(p, message, n++ ? ", " : " ", certmap_answer_status((certmap_answer_e)i), NULL);
        }
    }
    return message;
}

static const char *set_document(cmd_parms *cmd, void *dconf, const char *status, const char *document)
{
    certmap_dir_conf_t *conf = dconf;
    const char *error = check_context(cmd, NOT_IN_LIMIT | NOT_IN_HTACCESS);
    int i;

    if (error) {
        return error;
    }
    remember_place(cmd, conf);
    if (!*document) {
        return "CertMapErrorDocument: the document is empty; give a path, a URL, a text or 'default'";
    }
    if (strstr(document, "%{")) {
        return apr_psprintf(cmd->pool,
                            "CertMapErrorDocument: '%s' has an expression, and this directive evaluates none "
                            "(ErrorDocument does); write it without %%{...}",
                            document);
    }
    /* "errors/x.html" without its slash would be sent as a text; nobody means that. */
    if (*document != '/' && !ap_is_url(document) && !strpbrk(document, " \t\n") && strchr(document, '/')) {
        return apr_psprintf(cmd->pool,
                            "CertMapErrorDocument: '%s' is neither a local path (it would begin with '/'), "
                            "nor an absolute URL, nor a text of several words",
                            document);
    }
    if (!conf->documents) {
        conf->documents = apr_pcalloc(cmd->pool, sizeof(*conf->documents) * CERTMAP_ANSWER_COUNT);
    }
    for (i = 0; i < CERTMAP_ANSWER_COUNT; i++) {
        if (has_document(i) && strcmp(certmap_answer_status((certmap_answer_e)i), status) == 0) {
            conf->documents[i] = strcasecmp(document, "default") == 0 ? "default" : document;
            return NULL;
        }
    }
    return bad_document_status(status, cmd->pool);
}

static const char *set_defer(cmd_parms *cmd, void *dconf, int on)
{
    certmap_srv_conf_t *conf = certmap_srv_conf(cmd->server);
    const char *error = check_context(cmd, NOT_IN_DIR_CONTEXT | NOT_IN_HTACCESS);

    (void)dconf;
    if (error) {
        return error;
    }
    conf->defer = on != 0;
    conf->defer_file = cmd->directive->filename;
    conf->defer_line = cmd->directive->line_num;
    return NULL;
}

static const char *set_min_strength(cmd_parms *cmd, void *dconf, const char *arg)
{
    certmap_dir_conf_t *conf = dconf;
    const char *error = check_context(cmd, NOT_IN_LIMIT | NOT_IN_HTACCESS);
    certmap_strength_e strength;

    if (error) {
        return error;
    }
    remember_place(cmd, conf);
    if (certmap_strength_parse(arg, &strength) != APR_SUCCESS) {
        return apr_psprintf(cmd->pool, "CertMapMinStrength: '%s' is not weak, scoped or strong", arg);
    }
    conf->min_strength = (int)strength;
    return NULL;
}

static const char *set_report_only(cmd_parms *cmd, void *dconf, int on)
{
    certmap_dir_conf_t *conf = dconf;
    const char *error = check_context(cmd, NOT_IN_LIMIT | NOT_IN_HTACCESS);

    if (error) {
        return error;
    }
    remember_place(cmd, conf);
    conf->report_only = on != 0;
    return NULL;
}

const command_rec certmap_commands[] = {
    AP_INIT_TAKE1("CertMap", set_mode, NULL, RSRC_CONF | ACCESS_CONF,
                  "On: the request needs a verified client certificate that maps to a user; Optional: maps when "
                  "possible; Off: maps nothing"),
    AP_INIT_RAW_ARGS("CertMapRule", add_rule, NULL, RSRC_CONF | ACCESS_CONF,
                     "NAME allow USER CONDITION... [OPTION...] | NAME deny CONDITION... [OPTION...]"),
    AP_INIT_TAKE1("CertMapRuleFile", add_rule_file, NULL, RSRC_CONF | ACCESS_CONF,
                  "a file of rules, which is read again when it changes"),
    AP_INIT_TAKE2("CertMapSource", add_source, NULL, RSRC_CONF | ACCESS_CONF,
                  "one-to-one mappings: 'file PATH' or 'store PATH'"),
    AP_INIT_FLAG("CertMapInherit", set_inherit, NULL, RSRC_CONF | ACCESS_CONF,
                 "On: rules of outer sections are asked first; Off: own rules replace them"),
    AP_INIT_TAKE2("CertMapErrorDocument", set_document, NULL, RSRC_CONF | ACCESS_CONF,
                  "403.N followed by a local path, an absolute URL, a text or 'default'"),
    AP_INIT_FLAG("CertMapDeferErrors", set_defer, NULL, RSRC_CONF,
                 "On: a certificate that fails verification is refused with a page, not with a TLS alert"),
    AP_INIT_TAKE1("CertMapMinStrength", set_min_strength, NULL, RSRC_CONF | ACCESS_CONF,
                  "weak, scoped or strong: weaker rules are refused at start-up"),
    AP_INIT_FLAG("CertMapReportOnly", set_report_only, NULL, RSRC_CONF | ACCESS_CONF,
                 "On: evaluate and log, but refuse nothing and set no user"),
    { .name = NULL },
};

/* ---- walking what is in force -------------------------------------------------------------------------------- */

static void walk_sections(server_rec *s, const apr_array_header_t *sections, const certmap_dir_conf_t *outer,
                          certmap_section_fn *fn, void *baton, apr_pool_t *p)
{
    int i;

    if (!sections) {
        return;
    }
    for (i = 0; i < sections->nelts; i++) {
        ap_conf_vector_t *vector = APR_ARRAY_IDX(sections, i, ap_conf_vector_t *);
        core_dir_config *core = ap_get_core_module_config(vector);
        certmap_dir_conf_t *raw = ap_get_module_config(vector, &certmap_module);
        const certmap_dir_conf_t *merged = outer;

        if (raw) {
            freeze(raw);
            merged = certmap_dir_conf_merge(p, (void *)outer, raw);
            fn(s, raw, merged, raw->where ? raw->where : core->d ? core->d : "section", baton);
        }
        walk_sections(s, core->sec_file, merged, fn, baton, p);
        walk_sections(s, core->sec_if, merged, fn, baton, p);
    }
}

void certmap_conf_walk(server_rec *s, certmap_section_fn *fn, void *baton, apr_pool_t *p)
{
    core_server_config *core = ap_get_core_module_config(s->module_config);
    core_dir_config *core_dir = ap_get_core_module_config(s->lookup_defaults);
    certmap_dir_conf_t *conf = ap_get_module_config(s->lookup_defaults, &certmap_module);

    freeze(conf);
    fn(s, conf, conf, NULL, baton);
    walk_sections(s, core->sec_dir, conf, fn, baton, p);
    walk_sections(s, core->sec_url, conf, fn, baton, p);
    walk_sections(s, core_dir->sec_file, conf, fn, baton, p);
    walk_sections(s, core_dir->sec_if, conf, fn, baton, p);
}
