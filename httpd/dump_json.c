/* SPDX-License-Identifier: Apache-2.0 */
/*
 * httpd -t -D DUMP_CERTMAP_JSON: what is in force, for programs; certmapctl reads it (ctl/conf.c). docs/internals.md
 * describes the members.
 *
 * Our own settings are what the directives became. Of other modules there is what the administrator wrote, as httpd's
 * configuration tree has it: what asks for a certificate, what verifies it, who may come in, and what chooses the file
 * of a request. Nothing here is secret: no directive with a password is in the table.
 */
#include "dump.h"

#include <apr_file_io.h>
#include <apr_hash.h>
#include <apr_strings.h>
#include <http_core.h>
#include <http_main.h>

#include "conftree.h"
#include "json.h"

#define FORMAT "certmap configuration"
#define SCHEMA 1

/* ---- other modules' directives ------------------------------------------------------------------------------- */

/* Sections: their settings hold for some requests only. */
static const char *const sections[] = {
    "<Directory", "<DirectoryMatch", "<Location", "<LocationMatch", "<Files",      "<FilesMatch",
    "<If",        "<ElseIf",         "<Else",     "<Proxy",         "<ProxyMatch",
};

/* Directives that say who may come in, and groups of them. */
static const char *const shown[] = {
    /* what asks for a certificate, and what verifies it */
    "SSLEngine",
    "SSLVerifyClient",
    "SSLVerifyDepth",
    "SSLCACertificateFile",
    "SSLCACertificatePath",
    "SSLCARevocationFile",
    "SSLCARevocationPath",
    "SSLCARevocationCheck",
    "SSLOCSPEnable",
    "SSLOpenSSLConfCmd",
    "SSLCipherSuite", /* its @SECLEVEL */
    "SSLPolicy",
    /* what lets requests in */
    "SSLRequireSSL",
    "SSLRequire",
    "SSLOptions",
    "SSLUserName",
    "AuthType",
    "AuthMerging",
    "Require",
    "<RequireAll",
    "<RequireAny",
    "<RequireNone",
    "<Limit",
    "<LimitExcept",
    "Satisfy",
    "Order",
    "Allow",
    "Deny",
    /* what may change all of this by a file in a directory */
    "AllowOverride",
    "AllowOverrideList",
    "AccessFileName",
    /* which file, or which other answer, a path becomes */
    "Alias",
    "AliasMatch",
    "ScriptAlias",
    "ScriptAliasMatch",
    "Redirect",
    "RedirectMatch",
    "RedirectPermanent",
    "RedirectTemp",
    "RewriteEngine",
    "RewriteOptions",
    "RewriteRule",
    "ProxyPass",
    "ProxyPassMatch",
    "UserDir",
    "VirtualDocumentRoot",
    "VirtualScriptAlias",
    "WSGIScriptAlias",
    "WSGIScriptAliasMatch",
    "DirectoryIndex",
};

/* A directive's name as the table writes it; NULL: it is not in the table. */
static const char *name_in(const char *const *names, apr_size_t n, const ap_directive_t *d)
{
    apr_size_t i;

    for (i = 0; i < n && strcasecmp(names[i], d->directive) != 0; i++) {
    }
    return i < n ? names[i] : NULL;
}

#define NAME_IN(table, d) name_in(table, sizeof(table) / sizeof((table)[0]), d)

/* ---- one run ------------------------------------------------------------------------------------------------- */

/* What we hold of a section. */
typedef struct ours_t {
    const certmap_dir_conf_t *raw;
    const certmap_dir_conf_t *merged; /* with what encloses it */
    const char *name;
    int written;
} ours_t;

typedef struct json_dump_t {
    certmap_json_t json;
    apr_pool_t *p;
    apr_hash_t *ids;           /* certmap_link_t to its int in links */
    apr_array_header_t *links; /* of const certmap_link_t *: many lists have the same */
    /* of one virtual host */
    server_rec *s;
    const certmap_dir_conf_t *level; /* its own */
    apr_array_header_t *ours;        /* of ours_t, its sections with something of ours */
} json_dump_t;

static void put_place(json_dump_t *dump, const char *file, int line)
{
    certmap_json_text(&dump->json, "file", file);
    certmap_json_number(&dump->json, "line", line);
}

/* ---- settings ------------------------------------------------------------------------------------------------ */

static int link_id(json_dump_t *dump, const certmap_link_t *link)
{
    int *id = apr_hash_get(dump->ids, &link, sizeof(link));

    if (!id) {
        const certmap_link_t **kept = apr_array_push(dump->links);

        *kept = link;
        id = apr_palloc(dump->p, sizeof(*id));
        *id = dump->links->nelts - 1;
        apr_hash_set(dump->ids, apr_pmemdup(dump->p, &link, sizeof(link)), sizeof(link), id);
    }
    return *id;
}

static void put_links(json_dump_t *dump, const certmap_links_t *links)
{
    if (links) {
        put_links(dump, links->outer);
        certmap_json_number(&dump->json, NULL, link_id(dump, links->link));
    }
}

static void put_list(json_dump_t *dump, const certmap_links_t *links)
{
    certmap_json_array(&dump->json, "list");
    put_links(dump, links);
    certmap_json_array_end(&dump->json);
}

static void put_flag(json_dump_t *dump, const char *name, int flag)
{
    if (flag == CERTMAP_UNSET) {
        certmap_json_text(&dump->json, name, NULL);
    }
    else {
        certmap_json_bool(&dump->json, name, flag);
    }
}

static void put_documents(json_dump_t *dump, const certmap_dir_conf_t *conf)
{
    int i;

    certmap_json_object(&dump->json, "documents");
    for (i = 0; conf->documents && i < CERTMAP_ANSWER_COUNT; i++) {
        if (conf->documents[i]) {
            certmap_json_text(&dump->json, certmap_answer_status((certmap_answer_e)i), conf->documents[i]);
        }
    }
    certmap_json_object_end(&dump->json);
}

/* As written in a place, where null is "not set". */
static void put_own(json_dump_t *dump, const certmap_dir_conf_t *conf)
{
    certmap_json_t *json = &dump->json;
    int i;

    certmap_json_object(json, "own");
    certmap_json_text(json, "mode", conf->mode == CERTMAP_MODE_UNSET ? NULL : certmap_mode_name(conf->mode));
    put_flag(dump, "exempt", conf->exempt);
    put_flag(dump, "reportOnly", conf->report_only);
    certmap_json_text(
        json, "minStrength",
        conf->min_strength == CERTMAP_UNSET ? NULL : certmap_strength_name((certmap_strength_e)conf->min_strength));
    put_documents(dump, conf);
    certmap_json_array(json, "layers");
    for (i = 0; i < conf->nlayers; i++) {
        certmap_json_object(json, NULL);
        put_flag(dump, "inherit", conf->layers[i]->inherit);
        put_list(dump, conf->layers[i]->links);
        certmap_json_object_end(json);
    }
    certmap_json_array_end(json);
    certmap_json_object_end(json);
}

/* What holds in a place when only what encloses it applies as well. */
static void put_effective(json_dump_t *dump, const certmap_dir_conf_t *conf)
{
    certmap_json_t *json = &dump->json;

    certmap_json_object(json, "effective");
    certmap_json_text(json, "mode", certmap_mode_name(conf->mode));
    certmap_json_bool(json, "exempt", conf->exempt == 1);
    certmap_json_bool(json, "reportOnly", conf->report_only == 1);
    certmap_json_text(json, "minStrength", certmap_strength_name(certmap_conf_min_strength(conf)));
    put_documents(dump, conf);
    put_list(dump, certmap_conf_links(conf, dump->p));
    certmap_json_object_end(json);
}

/* ---- directives and sections --------------------------------------------------------------------------------- */

/* Of a container, without the bracket that ends it. */
static const char *arguments_of(const ap_directive_t *d, apr_pool_t *p)
{
    const char *end = d->directive[0] == '<' ? strrchr(d->args, '>') : NULL;

    return end ? apr_pstrmemdup(p, d->args, (apr_size_t)(end - d->args)) : d->args;
}

static void put_words(json_dump_t *dump, const char *arguments)
{
    certmap_json_text(&dump->json, "arguments", arguments);
    certmap_json_array(&dump->json, "words");
    while (*arguments) {
        certmap_json_text(&dump->json, NULL, ap_getword_conf(dump->p, &arguments));
    }
    certmap_json_array_end(&dump->json);
}

static void put_directives(json_dump_t *dump, const char *name, const ap_directive_t *d)
{
    certmap_json_t *json = &dump->json;

    certmap_json_array(json, name);
    for (; d; d = d->next) {
        const char *known = NAME_IN(shown, d);

        if (!known) {
            continue;
        }
        certmap_json_object(json, NULL);
        certmap_json_text(json, "name", known);
        put_words(dump, arguments_of(d, dump->p));
        put_place(dump, d->filename, d->line_num);
        if (*known == '<') {
            put_directives(dump, "directives", d->first_child);
        }
        certmap_json_object_end(json);
    }
    certmap_json_array_end(json);
}

static ours_t *ours_of(json_dump_t *dump, const ap_directive_t *section)
{
    int i;

    for (i = 0; i < dump->ours->nelts; i++) {
        ours_t *ours = &APR_ARRAY_IDX(dump->ours, i, ours_t);

        if (ours->raw->section == section) {
            return ours;
        }
    }
    return NULL;
}

static void put_ours(json_dump_t *dump, ours_t *ours)
{
    if (ours) {
        put_own(dump, ours->raw);
        put_effective(dump, ours->merged);
        ours->written = 1;
    }
}

static void put_sections(json_dump_t *dump, const ap_directive_t *d)
{
    certmap_json_t *json = &dump->json;

    for (; d; d = d->next) {
        const char *known = NAME_IN(sections, d);

        if (!known) {
            continue;
        }
        certmap_json_object(json, NULL);
        certmap_json_text(json, "name", apr_pstrcat(dump->p, d->directive, " ", d->args, NULL));
        certmap_json_text(json, "type", known + 1);
        put_words(dump, arguments_of(d, dump->p));
        put_place(dump, d->filename, d->line_num);
        put_ours(dump, ours_of(dump, d));
        put_directives(dump, "directives", d->first_child);
        certmap_json_array(json, "sections");
        put_sections(dump, d->first_child);
        certmap_json_array_end(json);
        certmap_json_object_end(json);
    }
}

/* Sections that are not in the tree: mod_perl makes them. */
static void put_others(json_dump_t *dump)
{
    certmap_json_t *json = &dump->json;
    int i;

    for (i = 0; i < dump->ours->nelts; i++) {
        ours_t *ours = &APR_ARRAY_IDX(dump->ours, i, ours_t);

        if (!ours->written) {
            certmap_json_object(json, NULL);
            certmap_json_text(json, "name", ours->name);
            certmap_json_text(json, "type", NULL);
            put_place(dump, ours->raw->where_file, ours->raw->where_line);
            put_ours(dump, ours);
            certmap_json_object_end(json);
        }
    }
}

/* ---- virtual hosts ------------------------------------------------------------------------------------------- */

static void note_section(server_rec *s, const certmap_dir_conf_t *raw, const certmap_dir_conf_t *merged,
                         const char *name, void *baton)
{
    json_dump_t *dump = baton;

    (void)s;
    if (name) {
        APR_ARRAY_PUSH(dump->ours, ours_t) = (ours_t){ raw, merged, name, 0 };
    }
    else {
        dump->level = merged;
    }
}

static void put_names(json_dump_t *dump, const apr_array_header_t *names)
{
    int i;

    for (i = 0; names && i < names->nelts; i++) {
        certmap_json_text(&dump->json, NULL, APR_ARRAY_IDX(names, i, const char *));
    }
}

static void put_identity(json_dump_t *dump)
{
    certmap_json_t *json = &dump->json;
    const server_rec *s = dump->s;
    const core_server_config *core = ap_get_core_module_config(s->module_config);
    const server_addr_rec *addr;

    certmap_json_text(json, "name", s->server_hostname ? s->server_hostname : "_default_");
    certmap_json_number(json, "port", s->port || !s->addrs ? s->port : s->addrs->host_port);
    certmap_json_array(json, "aliases");
    put_names(dump, s->names);
    put_names(dump, s->wild_names);
    certmap_json_array_end(json);
    certmap_json_array(json, "addresses");
    for (addr = s->addrs; addr; addr = addr->next) {
        certmap_json_text(json, NULL, apr_psprintf(dump->p, "%s:%d", addr->virthost, addr->host_port));
    }
    certmap_json_array_end(json);
    put_place(dump, s->defn_name, (int)s->defn_line_number);
    certmap_json_text(json, "protocol", ap_get_server_protocol(dump->s));
    certmap_json_text(json, "documentRoot", core->ap_document_root);
    certmap_json_bool(json, "inTree", certmap_conftree_knows(s));
}

static void put_host(json_dump_t *dump, server_rec *s)
{
    certmap_json_t *json = &dump->json;
    const ap_directive_t *vhost = certmap_conftree_vhost(s);

    dump->s = s;
    dump->ours = apr_array_make(dump->p, 16, sizeof(ours_t));
    certmap_conf_walk(s, note_section, dump, dump->p);
    certmap_json_object(json, NULL);
    put_identity(dump);
    certmap_json_bool(json, "deferErrors", certmap_srv_conf(s)->defer == 1);
    put_own(dump, dump->level);
    put_effective(dump, dump->level);
    put_directives(dump, "mainDirectives", ap_conftree);
    put_directives(dump, "directives", vhost ? vhost->first_child : NULL);
    certmap_json_array(json, "sections");
    put_sections(dump, ap_conftree);
    put_sections(dump, vhost ? vhost->first_child : NULL);
    put_others(dump);
    certmap_json_array_end(json);
    certmap_json_object_end(json);
}

/* ---- rules and sources --------------------------------------------------------------------------------------- */

static void put_rules(json_dump_t *dump, const certmap_ruleset_t *rules)
{
    certmap_json_t *json = &dump->json;
    apr_size_t i, n = certmap_ruleset_count(rules);

    certmap_json_array(json, "rules");
    for (i = 0; i < n; i++) {
        const certmap_rule_t *rule = certmap_ruleset_rule(rules, i);

        certmap_json_object(json, NULL);
        certmap_json_text(json, "text", certmap_rule_text(rule, dump->p));
        certmap_json_text(json, "strength", rule->deny ? NULL : certmap_strength_name(rule->effect.strength));
        put_place(dump, rule->file, rule->line);
        certmap_json_object_end(json);
    }
    certmap_json_array_end(json);
}

static void put_link(json_dump_t *dump, const certmap_link_t *link)
{
    certmap_links_t alone = { .outer = NULL, .link = (certmap_link_t *)link };
    certmap_json_t *json = &dump->json;
    certmap_pinned_t pinned;

    certmap_json_object(json, NULL);
    if (link->source) {
        const char *provider = link->source->vtable->name;

        certmap_json_text(json, "provider", provider);
        certmap_json_text(json, "argument", link->source->name + strlen(provider) + 1);
    }
    else {
        certmap_json_text(json, "ruleFile", link->file ? certmap_reread_path(link->file) : NULL);
        certmap_links_pin(&alone, &pinned, dump->p);
        put_rules(dump, pinned.list->rules);
        certmap_links_unpin(&pinned);
    }
    certmap_json_object_end(json);
}

void certmap_dump_json(apr_pool_t *pconf, server_rec *s)
{
    certmap_out_t out = certmap_out_create(1 << 16, pconf);
    json_dump_t dump = { .json = certmap_json_create(&out, 1), .p = pconf };
    apr_file_t *file;
    int i;

    dump.ids = apr_hash_make(pconf);
    dump.links = apr_array_make(pconf, 16, sizeof(const certmap_link_t *));
    certmap_json_object(&dump.json, NULL);
    certmap_json_text(&dump.json, "format", FORMAT);
    certmap_json_number(&dump.json, "schema", SCHEMA);
    certmap_json_text(&dump.json, "version", CERTMAP_VERSION);
    certmap_json_text(&dump.json, "serverRoot", ap_server_root);
    certmap_json_array(&dump.json, "hosts");
    for (; s; s = s->next) {
        put_host(&dump, s);
    }
    certmap_json_array_end(&dump.json);
    certmap_json_array(&dump.json, "links");
    for (i = 0; i < dump.links->nelts; i++) {
        put_link(&dump, APR_ARRAY_IDX(dump.links, i, const certmap_link_t *));
    }
    certmap_json_array_end(&dump.json);
    certmap_json_object_end(&dump.json);
    if (apr_file_open_flags_stdout(&file, 0, pconf) == APR_SUCCESS) {
        apr_file_write_full(file, out.data, out.len, NULL);
    }
}
