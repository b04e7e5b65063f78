/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Start-up checks: combinations that would be unsafe refuse to start, those that cannot work as meant are warned
 * about. Every message says where it stands, what is wrong and how to mend it. All are reported before the server
 * refuses.
 *
 * They run in check_config, so that `httpd -t` tells them. mod_ssl's settings are read from the configuration tree.
 */
#include "config.h"

#include <apr_hash.h>
#include <apr_strings.h>
#include <http_core.h>
#include <http_log.h>

#include "conftree.h"
#include "mod_certmap.h"
#include "reload.h"

APLOG_USE_MODULE(certmap);

typedef struct check_t {
    server_rec *s;
    apr_pool_t *p;
    int errors;
    apr_hash_t *said;           /* main server's sections are seen from every virtual host; one message is enough */
    /* of the current server, from the configuration tree */
    int ssl;
    const ap_directive_t *verify;           /* SSLVerifyClient at server level, or NULL */
    const ap_directive_t *section_verify;   /* the last one in a section, or NULL */
    const ap_directive_t *cache;
    /* of the current server, from our own configuration */
    int uses;                   /* CertMap On or Optional somewhere */
    const char *on_where;       /* the first place with On */
    int has_on;
    /* of all servers */
    int used;
    const certmap_rule_t *rule; /* the first one */
} check_t;

static void say(check_t *check, int level, const char *fmt, ...) __attribute__((format(printf, 3, 4)));

static void say(check_t *check, int level, const char *fmt, ...)
{
    va_list args;
    const char *text;

    va_start(args, fmt);
    text = apr_pvsprintf(check->p, fmt, args);
    va_end(args);
    if (level == APLOG_ERR) {
        check->errors++;
    }
    if (!apr_hash_get(check->said, text, APR_HASH_KEY_STRING)) {
        apr_hash_set(check->said, text, APR_HASH_KEY_STRING, "");
        ap_log_error(APLOG_MARK, level | APLOG_STARTUP, 0, check->s, "certmap: %s%s",
                     level == APLOG_ERR ? "" : "warning: ", text);
    }
}

static const char *at(check_t *check, const ap_directive_t *d)
{
    return apr_psprintf(check->p, "%s:%d: %s %s", d->filename, d->line_num, d->directive, d->args);
}

static const char *server_name(check_t *check)
{
    server_rec *s = check->s;

    return s->is_virtual && s->defn_name
           ? apr_psprintf(check->p, "virtual host %s (%s:%u)", s->server_hostname ? s->server_hostname : "_default_",
                          s->defn_name, s->defn_line_number)
           : "the main server";
}

/* ---- what other modules are told ------------------------------------------------------------------------------- */

static int is(const ap_directive_t *d, const char *name)
{
    return strcasecmp(d->directive, name) == 0;
}

/* The directive's first argument, quotes taken off. */
static const char *first_word(check_t *check, const ap_directive_t *d)
{
    const char *args = d->args;

    return ap_getword_conf(check->p, &args);
}

static int is_enabled(check_t *check, const ap_directive_t *d)
{
    return strcasecmp(first_word(check, d), "off") != 0;
}

static int has_word(const ap_directive_t *d, const char *word)
{
    return ap_strcasestr(d->args, word) != NULL;
}

/* Each directive of the server: what identifies the certificate's owner behind our back, and what we need to know
 * later. */
static int read_directive(const ap_directive_t *d, certmap_level_e level, void *baton)
{
    check_t *check = baton;
    int defer = certmap_srv_conf(check->s)->defer == 1;

    if (is(d, "SSLVerifyClient")) {
        if (level == CERTMAP_LEVEL_SECTION) {
            check->section_verify = d;
        }
        else {
            check->verify = d;
        }
    }
    else if (is(d, "CacheEnable")) {
        check->cache = d;
    }
    else if (is(d, "AuthType") && has_word(d, CERTMAP_AUTH_TYPE)) {
        check->used = 1;
    }
    else if (defer && check->ssl && is(d, "SSLUserName")) {
        say(check, APLOG_ERR, "%s: with CertMapDeferErrors On it would take a user name from a certificate that may "
            "have failed verification; remove it, CertMapRule gives the user", at(check, d));
    }
    else if (defer && check->ssl && is(d, "SSLOptions") && has_word(d, "FakeBasicAuth")
             && !has_word(d, "-FakeBasicAuth")) {
        say(check, APLOG_ERR, "%s: with CertMapDeferErrors On it would log in the subject of a certificate that may "
            "have failed verification; remove FakeBasicAuth, CertMapRule gives the user", at(check, d));
    }
    else if (is(d, "SSLVHostSNIPolicy") && has_word(d, "insecure")) {
        say(check, APLOG_WARNING, "%s: a session or connection of one virtual host may be used at another one with "
            "other client verification; use 'secure' or 'authonly'", at(check, d));
    }
    return 1;
}


/* ---- checks of one server --------------------------------------------------------------------------------------- */

static const char *verify_level(check_t *check)
{
    return check->verify ? first_word(check, check->verify) : "none";
}

static int is_none(const char *level)
{
    return strcasecmp(level, "none") == 0 || strcasecmp(level, "off") == 0;
}

static void check_deferral(check_t *check)
{
    const certmap_srv_conf_t *conf = certmap_srv_conf(check->s);
    const certmap_dir_conf_t *dir = ap_get_module_config(check->s->lookup_defaults, &certmap_module);
    const char *level = verify_level(check);

    if (strcasecmp(level, "optional_no_ca") != 0 && !(is_none(level) && check->section_verify)) {
        say(check, APLOG_ERR, "%s:%d: CertMapDeferErrors On in %s needs 'SSLVerifyClient optional_no_ca' at the "
            "level of the virtual host (or none there and SSLVerifyClient in sections), but it has 'SSLVerifyClient "
            "%s': mod_ssl would end the handshake with an alert before there is a page to show",
            conf->defer_file, conf->defer_line, server_name(check), level);
    }
    if (dir->mode == CERTMAP_MODE_OFF) {
        say(check, APLOG_ERR, "%s:%d: CertMapDeferErrors On and CertMap Off at the level of %s contradict each "
            "other; write CertMap Off in the <Location> or <Directory> that is to be open to failed certificates",
            conf->defer_file, conf->defer_line, server_name(check));
    }
}

static void check_asking(check_t *check)
{
    const char *level = verify_level(check);
    const ap_directive_t *protocol = certmap_conftree_find(check->s, "SSLProtocol");
    const ap_directive_t *protocols = certmap_conftree_find(check->s, "Protocols");
    int asked = !is_none(level);

    if (check->has_on && !asked && !check->section_verify) {
        say(check, APLOG_WARNING, "CertMap On%s%s in %s refuses every request with 403.7: no SSLVerifyClient asks "
            "for a certificate there; write 'SSLVerifyClient optional_no_ca' and 'CertMapDeferErrors On' (or "
            "'SSLVerifyClient require') in the virtual host",
            check->on_where ? " in " : "", check->on_where ? check->on_where : "", server_name(check));
    }
    if (asked && strcasecmp(level, "optional_no_ca") == 0 && certmap_srv_conf(check->s)->defer != 1) {
        say(check, APLOG_WARNING, "%s: without 'CertMapDeferErrors On' certificates that fail verification are let "
            "in wherever CertMap is not On", at(check, check->verify));
    }
    if (!check->section_verify || is_none(first_word(check, check->section_verify))) {
        return;
    }
    if (!protocol || has_word(protocol, "TLSv1.3") || (has_word(protocol, "all") && !has_word(protocol, "-TLSv1.3"))) {
        say(check, APLOG_WARNING, "%s stands in a section: over TLS 1.3 it needs post-handshake authentication, "
            "which browsers do not offer (AH10158), even where a good certificate was presented already; ask for the "
            "certificate at the level of the virtual host, or write 'SSLProtocol -TLSv1.3'",
            at(check, check->section_verify));
    }
    if (protocols && has_word(protocols, "h2")) {
        say(check, APLOG_WARNING, "%s stands in a section: over HTTP/2 no certificate can be asked for; ask for it "
            "at the level of the virtual host, or take h2 out of '%s'", at(check, check->section_verify),
            at(check, protocols));
    }
}

static void check_cache(check_t *check)
{
    const ap_directive_t *quick = certmap_conftree_find(check->s, "CacheQuickHandler");

    if (check->cache && (check->uses || certmap_srv_conf(check->s)->defer == 1)
        && (!quick || is_enabled(check, quick))) {
        say(check, APLOG_ERR, "%s: mod_cache's quick handler answers before any access check, so cached content "
            "would reach people without a certificate; write 'CacheQuickHandler off'", at(check, check->cache));
    }
}

static void say_all(check_t *check, const apr_array_header_t *errors)
{
    int i;

    for (i = 0; errors && i < errors->nelts; i++) {
        const certmap_error_t *e = &APR_ARRAY_IDX(errors, i, certmap_error_t);

        say(check, e->warning ? APLOG_WARNING : APLOG_ERR, "%s:%d: CertMapRule: %s", e->file ? e->file : "?", e->line,
            e->text);
    }
}

static void check_section(server_rec *s, const certmap_dir_conf_t *raw, const certmap_dir_conf_t *merged,
                          const char *name, void *baton)
{
    check_t *check = baton;
    const certmap_chain_t *chain = certmap_conf_chain(merged, check->p), *link;
    certmap_pinned_t pinned;

    (void)s;
    if (merged->mode == CERTMAP_MODE_ON || merged->mode == CERTMAP_MODE_OPTIONAL) {
        check->uses = check->used = 1;
    }
    if (raw->mode == CERTMAP_MODE_ON && !check->has_on) {
        check->has_on = 1;
        check->on_where = name;
    }
    for (link = chain; link; link = link->outer) {
        if (link->part->rules && !check->rule) {
            check->rule = certmap_ruleset_rule(link->part->rules, 0);
        }
        say_all(check, link->part->said);
    }
    if (merged->mode == CERTMAP_MODE_ON && !chain) {
        say(check, APLOG_WARNING, "CertMap On%s%s has no CertMapRule: everybody is refused with 403.12 no-match",
            name ? " in " : "", name ? name : "");
    }
    certmap_chain_pin(chain, &pinned, check->p);
    say_all(check, certmap_list_lint(pinned.list, certmap_conf_min_strength(merged), apr_time_now(), check->p));
    certmap_chain_unpin(&pinned);
}

static void note_list(server_rec *s, const certmap_dir_conf_t *raw, const certmap_dir_conf_t *merged, const char *name,
                      void *baton)
{
    check_t *check = baton;

    (void)s;
    (void)raw;
    (void)name;
    certmap_reload_stands_in(certmap_conf_chain(merged, check->p), certmap_conf_min_strength(merged));
}

static void check_server(check_t *check)
{
    certmap_srv_conf_t *conf = certmap_srv_conf(check->s);
    const ap_directive_t *engine = certmap_conftree_find(check->s, "SSLEngine");
    const char *protocol = ap_get_server_protocol(check->s);

    check->ssl = engine ? is_enabled(check, engine) : protocol && strcmp(protocol, "https") == 0;
    check->verify = check->section_verify = check->cache = NULL;
    check->uses = check->has_on = 0;
    check->on_where = NULL;

    certmap_conf_walk(check->s, check_section, check, check->p);
    certmap_conftree_each(check->s, read_directive, check);
    if (check->section_verify) {
        conf->asks_in_sections = 1;     /* may be shared with other servers: then it costs them a few stores */
    }
    if ((check->uses || conf->defer == 1) && !ap_find_linked_module("mod_ssl.c")) {
        say(check, APLOG_ERR, "CertMap is used in %s, but mod_ssl is not loaded: there are no client certificates; "
            "add 'LoadModule ssl_module modules/mod_ssl.so' (Debian: a2enmod ssl)", server_name(check));
        return;
    }
    check_cache(check);
    if (!check->ssl) {
        return;
    }
    if (conf->defer == 1) {
        check_deferral(check);
    }
    check_asking(check);
}

int certmap_check_config(apr_pool_t *pconf, apr_pool_t *plog, apr_pool_t *ptemp, server_rec *s)
{
    check_t check = { 0 };
    server_rec *server;

    (void)plog;
    check.p = ptemp;
    check.said = apr_hash_make(ptemp);
    for (server = s; server; server = server->next) {
        certmap_conf_walk(server, note_list, &check, ptemp);
    }
    certmap_reload_settle(s, ptemp);
    for (server = s; server; server = server->next) {
        check.s = server;
        check_server(&check);
    }
    check.s = s;
    if (check.rule && !check.used) {
        say(&check, APLOG_WARNING, "%s:%d: CertMapRule %s: CertMap is On or Optional nowhere, so no rule is asked; "
            "write 'CertMap On' where certificates are to be mapped",
            check.rule->file, check.rule->line, check.rule->name);
    }
    if (!check.errors) {
        certmap_reload_keep(s, pconf);
    }
    return check.errors ? HTTP_INTERNAL_SERVER_ERROR : OK;
}
