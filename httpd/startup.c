/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Start-up: the engine, the checks of the configuration in their order, and what requests need of the process.
 * Combinations that would be unsafe refuse to start, those that cannot work as meant are warned about.
 */
#include "startup.h"

#include <http_log.h>

#include "anchors.h"
#include "authn.h"
#include "check.h"
#include "conftree.h"
#include "denial.h"
#include "findings.h"
#include "incident.h"
#include "peer.h"
#include "reload.h"

APLOG_USE_MODULE(certmap);

int certmap_startup_engine(apr_pool_t *pconf, apr_pool_t *plog, apr_pool_t *ptemp)
{
    (void)plog;
    (void)ptemp;
    return certmap_engine_init(pconf) == APR_SUCCESS ? OK : HTTP_INTERNAL_SERVER_ERROR;
}

/* ---- what the checks look at ----------------------------------------------------------------------------------- */

/* Whether access depends on certificates here, wherever CertMap is On or not. */
static int relies(certmap_check_t *check, const ap_directive_t *d)
{
    const char *args = d->args, *word;

    if (certmap_check_is(d, "Require") || certmap_check_is(d, "<AuthzProviderAlias")) {
        word = ap_getword_conf(check->p, &args);
        if (strcasecmp(word, "not") == 0) {
            word = ap_getword_conf(check->p, &args);
        }
        return strncasecmp(word, "certmap-", 8) == 0;
    }
    return certmap_check_is_certificate(d);
}

static int read_directive(const ap_directive_t *d, certmap_level_e level, void *baton)
{
    certmap_check_t *check = baton;

    if (certmap_check_is(d, "SSLVerifyClient")) {
        if (level == CERTMAP_LEVEL_SECTION) {
            check->section_verify = d;
        }
        else {
            check->verify = d;
        }
    }
    else if (certmap_check_is(d, "CacheEnable") && level != CERTMAP_LEVEL_SECTION) {
        check->cache = d; /* one in a section needs CacheQuickHandler off to do anything */
    }
    else if (certmap_check_is(d, "LuaQuickHandler")) {
        check->lua = d;
    }
    else if (certmap_check_is(d, "SSLVHostSNIPolicy")) {
        check->sni = certmap_check_has_word(d, "insecure") ? d : NULL;
    }
    else {
        certmap_check_users_read(check, d);
    }
    return 1;
}

static int find_reliance(const ap_directive_t *d, certmap_level_e level, void *baton)
{
    certmap_check_t *check = baton;

    (void)level;
    if (relies(check, d)) {
        certmap_srv_conf(check->s)->used = 1;
        return 0;
    }
    return 1;
}

static void find_mode(server_rec *s, const certmap_dir_conf_t *raw, const certmap_dir_conf_t *merged, const char *name,
                      void *baton)
{
    (void)raw;
    (void)name;
    (void)baton;
    if (certmap_conf_maps(merged)) {
        certmap_srv_conf(s)->used = 1;
    }
}

/* Whether anything in this server depends on certificates: where nothing does in any, nothing is said. */
static void find_use(certmap_check_t *check)
{
    certmap_srv_conf_t *conf = certmap_srv_conf(check->s);

    conf->used = 0;
    certmap_conf_walk(check->s, find_mode, check, check->p);
    certmap_conftree_each(check->s, find_reliance, check);
    check->maps |= conf->used;
    conf->used |= conf->defer == 1;
    check->used |= conf->used;
}

static void note_list(server_rec *s, const certmap_dir_conf_t *raw, const certmap_dir_conf_t *merged, const char *name,
                      void *baton)
{
    certmap_check_t *check = baton;

    (void)s;
    (void)raw;
    (void)name;
    certmap_reload_stands_in(certmap_conf_links(merged, check->p), certmap_conf_min_strength(merged));
}

static void check_server(certmap_check_t *check)
{
    certmap_srv_conf_t *conf = certmap_srv_conf(check->s);

    check->verify = check->section_verify = check->cache = check->lua = check->sni = NULL;
    certmap_check_users_begin(check);
    check->uses = check->has_on = 0;
    check->on_where = NULL;

    check->anchors = conf->used && certmap_check_is_tls(check) ? certmap_anchors(check->s, check->ca_files, check->p)
                                                               : NULL;
    certmap_conf_walk(check->s, certmap_check_list, check, check->p);
    certmap_conftree_each(check->s, read_directive, check);
    conf->asks_in_sections = check->section_verify != NULL;
    certmap_check_modes(check);
    certmap_check_names(check);
    /* [promise silence] */
    if (!check->used) {
        return;
    }
    if ((check->uses || conf->defer == 1) && !ap_find_linked_module("mod_ssl.c")) {
        certmap_check_say(check, APLOG_ERR,
                          "CertMap is used in %s, but mod_ssl is not loaded: there are no client certificates; "
                          "add 'LoadModule ssl_module modules/mod_ssl.so' (Debian: a2enmod ssl)",
                          certmap_check_server_name(check));
        return;
    }
    if (!certmap_conftree_knows(check->s)) {
        certmap_check_say(check, APLOG_WARNING,
                          "%s is not in httpd's configuration files: unsafe directives there are not "
                          "found at start-up; write it into a file",
                          certmap_check_server_name(check));
        return;
    }
    if (conf->used) {
        certmap_check_early(check);
        certmap_check_documents(check);
    }
    certmap_check_files(check);
    if (check->sni) {
        certmap_check_say(check, APLOG_WARNING,
                          "%s: a session or connection of one virtual host may be used at another one with "
                          "other client verification; use 'secure' or 'authonly'",
                          certmap_check_at(check, check->sni));
    }
    if (!certmap_check_is_tls(check)) {
        return;
    }
    if (conf->defer == 1) {
        certmap_check_deferral(check);
        certmap_check_strangers(check);
    }
    certmap_check_users(check);
    certmap_check_asking(check);
    certmap_check_trust(check);
    if (check->uses) {
        certmap_check_anchor_names(check);
    }
}

int certmap_startup_check(apr_pool_t *pconf, apr_pool_t *plog, apr_pool_t *ptemp, server_rec *s)
{
    certmap_check_t check = { 0 };
    server_rec *server;

    (void)plog;
    check.p = ptemp;
    check.said = apr_hash_make(ptemp);
    check.ca_files = apr_hash_make(ptemp);
    for (server = s; server; server = server->next) {
        certmap_conf_walk(server, note_list, &check, ptemp);
    }
    certmap_reload_settle(s, ptemp);
    for (server = s; server; server = server->next) {
        check.s = server;
        find_use(&check);
    }
    for (server = s; server; server = server->next) {
        check.s = server;
        check_server(&check);
    }
    check.s = s;
    certmap_check_names_end(&check);
    if (check.rule && !check.maps) {
        certmap_check_say(&check, APLOG_WARNING,
                          "%s:%d: CertMapRule %s: CertMap is On or Optional nowhere, so no rule is asked; "
                          "write 'CertMap On' where certificates are to be mapped",
                          check.rule->file, check.rule->line, check.rule->name);
    }
    if (!check.errors) {
        certmap_findings_settle(s->process, ptemp);
        certmap_reload_keep(s, pconf);
    }
    return check.errors ? HTTP_INTERNAL_SERVER_ERROR : OK;
}

/* ---- what requests need ---------------------------------------------------------------------------------------- */

/* Of the configuration's pool, which never ends in a child: HTTP/2's threads may outlive the child's own. */
int certmap_startup_prepare(apr_pool_t *pconf, apr_pool_t *plog, apr_pool_t *ptemp, server_rec *s)
{
    (void)plog;
    (void)ptemp;
    certmap_authn_prepare();
    certmap_denial_prepare();
    if (certmap_peer_prepare(pconf) != APR_SUCCESS) {
        ap_log_error(APLOG_MARK, APLOG_EMERG, 0, s, "certmap: no memory for connections");
        return HTTP_INTERNAL_SERVER_ERROR;
    }
    if (certmap_incident_init(pconf) != APR_SUCCESS) {
        ap_log_error(APLOG_MARK, APLOG_WARNING, 0, s,
                     "certmap: no table of incidents; every refusal will be logged as new");
    }
    return OK;
}
