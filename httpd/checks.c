/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Start-up checks: combinations that would be unsafe refuse to start, those that cannot work as meant are warned
 * about. Every message says where it stands, what is wrong and how to fix it. All are reported before the server
 * refuses.
 *
 * They run in check_config, so that `httpd -t` tells them. mod_ssl's settings are read from the configuration tree.
 */
#include "config.h"

#include <apr_hash.h>
#include <apr_strings.h>
#include <ap_listen.h>
#include <http_core.h>
#include <http_log.h>

#include "anchors.h"
#include "conftree.h"
#include "findings.h"
#include "mod_certmap.h"
#include "reload.h"

APLOG_USE_MODULE(certmap);

typedef struct check_t {
    server_rec *s;
    apr_pool_t *p;
    int errors;
    apr_hash_t *said; /* main server's sections are seen from every virtual host; one message is enough */
    /* of the current server, from the configuration tree */
    const ap_directive_t *verify;         /* SSLVerifyClient at server level, or NULL */
    const ap_directive_t *section_verify; /* the last one in a section, or NULL */
    const ap_directive_t *cache;          /* CacheEnable at server level */
    const ap_directive_t *lua;            /* LuaQuickHandler */
    const ap_directive_t *sni;            /* SSLVHostSNIPolicy insecure */
    apr_array_header_t *places;           /* place_t */
    /* of the current server, from our own configuration */
    int uses;             /* CertMap On or Optional somewhere */
    const char *on_where; /* the first place with On */
    int has_on;
    const apr_array_header_t *anchors; /* of certmap_anchor_t; NULL: of no interest */
    /* of all servers */
    apr_hash_t *ca_files;       /* certmap_anchors's */
    int used;                   /* something depends on certificates somewhere */
    int maps;                   /* on rules, too */
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
               ? apr_psprintf(check->p, "virtual host %s (%s:%u)",
                              s->server_hostname ? s->server_hostname : "_default_", s->defn_name, s->defn_line_number)
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

static int is_certificate(const ap_directive_t *d)
{
    return is(d, "AuthType") && has_word(d, CERTMAP_AUTH_TYPE);
}

/* Whether access depends on certificates here, wherever CertMap is On or not. */
static int relies(check_t *check, const ap_directive_t *d)
{
    const char *args = d->args, *word;

    if (is(d, "Require") || is(d, "<AuthzProviderAlias")) {
        word = ap_getword_conf(check->p, &args);
        if (strcasecmp(word, "not") == 0) {
            word = ap_getword_conf(check->p, &args);
        }
        return strncasecmp(word, "certmap-", 8) == 0;
    }
    return is_certificate(d);
}

/* ---- who else names a user --------------------------------------------------------------------------------------- */

/* A section, or the level of the server: what it says itself of CertMap and of users that mod_ssl names. */
typedef struct place_t {
    const ap_directive_t *section;   /* NULL: the level of the server */
    const ap_directive_t *speaks;    /* CertMap On or Optional, or AuthType Certificate */
    int off;                         /* CertMap Off */
    const ap_directive_t *user_name; /* SSLUserName */
    const ap_directive_t *fake;      /* SSLOptions that say something of FakeBasicAuth, the last ones */
    int fakes;                       /* what they say; CERTMAP_UNSET: nothing */
} place_t;

/* The section that d stands in; <Limit>, <RequireAll> and their like are none. */
static const ap_directive_t *section_of(const ap_directive_t *d)
{
    static const char *const sections[] = { "<Directory", "<DirectoryMatch", "<Location",  "<LocationMatch",
                                            "<Files",     "<FilesMatch",     "<If",        "<ElseIf",
                                            "<Else",      "<Proxy",          "<ProxyMatch" };
    apr_size_t i;

    for (d = d->parent; d; d = d->parent) {
        for (i = 0; i < sizeof(sections) / sizeof(sections[0]); i++) {
            if (is(d, sections[i])) {
                return d;
            }
        }
    }
    return NULL;
}

static place_t *find_place(const check_t *check, const ap_directive_t *section)
{
    int i;

    for (i = check->places->nelts - 1; i >= 0; i--) {
        place_t *place = &APR_ARRAY_IDX(check->places, i, place_t);

        if (place->section == section) {
            return place;
        }
    }
    return NULL;
}

static place_t *place_of(check_t *check, const ap_directive_t *d)
{
    const ap_directive_t *section = section_of(d);
    place_t *place = find_place(check, section);

    if (!place) {
        place = apr_array_push(check->places);
        memset(place, 0, sizeof(*place));
        place->section = section;
        place->fakes = CERTMAP_UNSET;
    }
    return place;
}

/* As mod_ssl reads it: a list without signs replaces what was said before. */
static void read_options(check_t *check, const ap_directive_t *d)
{
    const char *args = d->args, *word;
    place_t *place;
    int says = CERTMAP_UNSET, replaces = 0;

    while (*args) {
        word = ap_getword_conf(check->p, &args);
        if (*word != '+' && *word != '-' && !replaces) {
            replaces = 1;
            says = 0;
        }
        if (strcasecmp(*word == '+' || *word == '-' ? word + 1 : word, "FakeBasicAuth") == 0) {
            says = *word != '-';
        }
    }
    if (says != CERTMAP_UNSET) {
        place = place_of(check, d);
        place->fakes = says;
        place->fake = d;
    }
}

static void read_place(check_t *check, const ap_directive_t *d)
{
    place_t *place;

    if (is(d, "SSLUserName")) {
        place_of(check, d)->user_name = d;
    }
    else if (is(d, "SSLOptions")) {
        read_options(check, d);
    }
    else if (is_certificate(d)) {
        place_of(check, d)->speaks = d;
    }
    else if (is(d, "CertMap")) {
        place = place_of(check, d);
        place->off = !is_enabled(check, d);
        place->speaks = place->off ? NULL : d; /* the virtual host's comes after the main server's */
    }
}

static int is_inside(const place_t *inner, const place_t *outer)
{
    const ap_directive_t *d;

    for (d = inner->section; d && d != outer->section; d = section_of(d)) {
    }
    return d == outer->section;
}

/* Whether what stands nearest to a section, or in it, says CertMap Off, or that there is no FakeBasicAuth. */
static int is_off(const check_t *check, const place_t *place, int fake)
{
    const ap_directive_t *d;

    for (d = place->section; d; d = section_of(d)) {
        const place_t *near = find_place(check, d);

        if (near && fake && near->fakes != CERTMAP_UNSET) {
            return !near->fakes;
        }
        if (near && !fake && (near->off || near->speaks)) {
            return near->off && !near->speaks;
        }
    }
    return 0;
}

/* Whether one request may be in both: not when both say a plain path and neither lies within the other. */
static int may_meet(check_t *check, const ap_directive_t *a, const ap_directive_t *b)
{
    const char *path = a ? first_word(check, a) : "", *other = b ? first_word(check, b) : "";
    apr_size_t n = strcspn(path, ">"), m = strcspn(other, ">"), len = n < m ? n : m;

    if (*path != '/' || *other != '/' || strcasecmp(a->directive, b->directive) != 0
        || (!is(a, "<Location") && !is(a, "<Directory")) || strpbrk(path, "*?[") || strpbrk(other, "*?[")) {
        return 1;
    }
    return strncmp(path, other, len) == 0 && (n == m || path[len - 1] == '/' || (n > m ? path : other)[len] == '/');
}

/* Whether what one place says of a user meets what another says of CertMap, as far as can be told. */
static int meets(check_t *check, const place_t *user, const place_t *certmap, int fake)
{
    if (!certmap->speaks) {
        return 0;
    }
    if (user == certmap) {
        return 1;
    }
    if (is_inside(certmap, user)) {
        return !(fake && is_off(check, certmap, 1));
    }
    return !is_off(check, user, 0) && !(fake && is_off(check, certmap, 1))
           && (is_inside(user, certmap) || may_meet(check, user->section, certmap->section));
}

static void check_user(check_t *check, const place_t *place, const ap_directive_t *d)
{
    int i, fake = is(d, "SSLOptions");
    const char *what = fake ? "remove FakeBasicAuth" : "remove it";

    if (certmap_srv_conf(check->s)->defer == 1) {
        say(check, APLOG_ERR,
            "%s: with CertMapDeferErrors On it would take a user from a certificate that may have "
            "failed verification; %s, CertMapRule gives the user",
            at(check, d), what);
        return;
    }
    for (i = 0; i < check->places->nelts; i++) {
        const place_t *other = &APR_ARRAY_IDX(check->places, i, place_t);

        if (meets(check, place, other, fake)) {
            say(check, APLOG_WARNING,
                "%s: it names a user where CertMap is in use (%s), and there only the mapping "
                "does; %s, CertMapRule gives the user",
                at(check, d), at(check, other->speaks), what);
            return;
        }
    }
}

static void check_users(check_t *check)
{
    int i;

    for (i = 0; i < check->places->nelts; i++) {
        const place_t *place = &APR_ARRAY_IDX(check->places, i, place_t);

        if (place->user_name) {
            check_user(check, place, place->user_name);
        }
        if (place->fakes == 1) {
            check_user(check, place, place->fake);
        }
    }
}

/* ---- what the checks go by --------------------------------------------------------------------------------------- */

static int read_directive(const ap_directive_t *d, certmap_level_e level, void *baton)
{
    check_t *check = baton;

    if (is(d, "SSLVerifyClient")) {
        if (level == CERTMAP_LEVEL_SECTION) {
            check->section_verify = d;
        }
        else {
            check->verify = d;
        }
    }
    else if (is(d, "CacheEnable") && level != CERTMAP_LEVEL_SECTION) {
        check->cache = d; /* one in a section needs CacheQuickHandler off to do anything */
    }
    else if (is(d, "LuaQuickHandler")) {
        check->lua = d;
    }
    else if (is(d, "SSLVHostSNIPolicy")) {
        check->sni = has_word(d, "insecure") ? d : NULL;
    }
    else {
        read_place(check, d);
    }
    return 1;
}

static int find_reliance(const ap_directive_t *d, certmap_level_e level, void *baton)
{
    check_t *check = baton;

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
    if (merged->mode == CERTMAP_MODE_ON || merged->mode == CERTMAP_MODE_OPTIONAL) {
        certmap_srv_conf(s)->used = 1;
    }
}

/* Whether anything in this server depends on certificates: where nothing does in any, nothing is said. */
static void find_use(check_t *check)
{
    certmap_srv_conf_t *conf = certmap_srv_conf(check->s);

    conf->used = 0;
    certmap_conf_walk(check->s, find_mode, check, check->p);
    certmap_conftree_each(check->s, find_reliance, check);
    check->maps |= conf->used;
    conf->used |= conf->defer == 1;
    check->used |= conf->used;
}

/* As mod_ssl finds it: without SSLEngine the listener's protocol decides. httpd gives virtual hosts theirs later on. */
static int is_tls(check_t *check)
{
    const ap_directive_t *engine = certmap_conftree_find(check->s, "SSLEngine");
    const char *protocol = ap_get_server_protocol(check->s);
    const server_addr_rec *addr;
    const ap_listen_rec *listener;

    if (engine) {
        return is_enabled(check, engine);
    }
    for (addr = check->s->addrs; !protocol && addr; addr = addr->next) {
        for (listener = ap_listeners; !protocol && listener; listener = listener->next) {
            if (listener->bind_addr->port == addr->host_port
                && apr_sockaddr_equal(listener->bind_addr, addr->host_addr)) {
                protocol = listener->protocol;
            }
        }
    }
    return protocol && strcasecmp(protocol, "https") == 0 && certmap_conftree_find(check->s, "SSLCertificateFile");
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
        say(check, APLOG_ERR,
            "%s:%d: CertMapDeferErrors On in %s needs 'SSLVerifyClient optional_no_ca' at the "
            "level of the virtual host (or none there and SSLVerifyClient in sections), but it has 'SSLVerifyClient "
            "%s': mod_ssl would end the handshake with an alert before there is a page to show",
            conf->defer_file, conf->defer_line, server_name(check), level);
    }
    if (dir->mode == CERTMAP_MODE_OFF) {
        say(check, APLOG_ERR,
            "%s:%d: CertMapDeferErrors On and CertMap Off at the level of %s contradict each "
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
        say(check, APLOG_WARNING,
            "CertMap On%s%s in %s refuses every request with 403.7: no SSLVerifyClient asks "
            "for a certificate there; write 'SSLVerifyClient optional_no_ca' and 'CertMapDeferErrors On' (or "
            "'SSLVerifyClient require') in the virtual host",
            check->on_where ? " in " : "", check->on_where ? check->on_where : "", server_name(check));
    }
    if (asked && strcasecmp(level, "optional_no_ca") == 0 && certmap_srv_conf(check->s)->defer != 1) {
        say(check, APLOG_WARNING,
            "%s: without 'CertMapDeferErrors On' certificates that fail verification are let "
            "in wherever CertMap is not On",
            at(check, check->verify));
    }
    if (certmap_srv_conf(check->s)->used != 1 || !check->section_verify
        || is_none(first_word(check, check->section_verify))) {
        return;
    }
    if (!protocol || has_word(protocol, "TLSv1.3") || (has_word(protocol, "all") && !has_word(protocol, "-TLSv1.3"))) {
        say(check, APLOG_WARNING,
            "%s stands in a section: over TLS 1.3 it needs post-handshake authentication, "
            "which browsers do not offer (AH10158), even where a good certificate was presented already; ask for the "
            "certificate at the level of the virtual host, or write 'SSLProtocol -TLSv1.3'",
            at(check, check->section_verify));
    }
    if (protocols && has_word(protocols, "h2")) {
        say(check, APLOG_WARNING,
            "%s stands in a section: over HTTP/2 no certificate can be asked for; ask for it "
            "at the level of the virtual host, or take h2 out of '%s'",
            at(check, check->section_verify), at(check, protocols));
    }
}

static int may_answer_early(check_t *check, const char *module)
{
    if (strcmp(module, "mod_lua.c") == 0) {
        return check->lua != NULL;
    }
    return strcmp(module, "mod_certmap.c") != 0 && strcmp(module, "mod_log_debug.c") != 0
           && strcmp(module, "mod_cache.c") != 0; /* which has directives to go by */
}

/* Handlers that httpd asks before it knows who may have what. */
static void check_early(check_t *check)
{
    const ap_directive_t *quick = certmap_conftree_find(check->s, "CacheQuickHandler");
    const apr_array_header_t *hooks = ap_hook_get_quick_handler();
    int i;

    if (check->cache && (!quick || is_enabled(check, quick))) {
        say(check, APLOG_ERR,
            "%s: mod_cache's quick handler answers before any access check, so cached content "
            "would reach people without a certificate; write 'CacheQuickHandler off'",
            at(check, check->cache));
    }
    for (i = 0; hooks && i < hooks->nelts; i++) {
        const char *name = APR_ARRAY_IDX(hooks, i, ap_LINK_quick_handler_t).szName;

        if (may_answer_early(check, name)) {
            say(check, APLOG_WARNING,
                "%s has a quick handler, which may answer before any access check in %s: what it "
                "answers reaches people without a certificate",
                name, server_name(check));
        }
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

/* Whoever holds the key of such a certificate can issue others in any name, and is trusted. */
static void check_anchors(check_t *check, const certmap_list_t *list, certmap_strength_e min)
{
    const certmap_verdict_t verified = { 0 };
    certmap_decision_t decision;
    int i;

    for (i = 0; i < check->anchors->nelts; i++) {
        const certmap_anchor_t *anchor = &APR_ARRAY_IDX(check->anchors, i, certmap_anchor_t);

        if (anchor->self_signed && anchor->is_ca
            && certmap_decide(list, anchor->cert, &verified, min, apr_time_now(), &decision, check->p) == APR_SUCCESS
            && decision.outcome == CERTMAP_MAPPED) {
            say(check, APLOG_WARNING,
                "%s: %s maps the certificate %s, which is there as a trusted CA: who holds its "
                "key can issue certificates in any name; have it made again without CA:TRUE (openssl req -x509 "
                "-addext basicConstraints=critical,CA:FALSE)",
                anchor->file, decision.rule ? apr_psprintf(check->p, "rule %s", decision.rule->name) : decision.source,
                certmap_cert_subject_text(anchor->cert));
        }
    }
}

/* OpenSSL finds an issuer by its name, and so does a rule with issuer=: both CAs are meant by it. */
static void check_anchor_names(check_t *check)
{
    apr_hash_t *names = apr_hash_make(check->p);
    const certmap_field_t key = { .kind = CERTMAP_F_SPKI, .name = "spki" };
    int i;

    for (i = 0; i < check->anchors->nelts; i++) {
        const certmap_anchor_t *anchor = &APR_ARRAY_IDX(check->anchors, i, certmap_anchor_t);
        const char *name = certmap_cert_subject_text(anchor->cert);
        const certmap_anchor_t *other = apr_hash_get(names, name, APR_HASH_KEY_STRING);
        const certmap_value_t *mine, *theirs;
        apr_size_t n;

        apr_hash_set(names, name, APR_HASH_KEY_STRING, anchor);
        if (other && certmap_cert_values(anchor->cert, NULL, &key, &mine, &n, check->p) == CERTMAP_VALID
            && certmap_cert_values(other->cert, NULL, &key, &theirs, &n, check->p) == CERTMAP_VALID
            && strcmp(mine->text.data, theirs->text.data) != 0) {
            say(check, APLOG_WARNING,
                "%s: two trusted CAs have the name %s and different keys; issuer= means both of "
                "them, so where they are not the same CA's write chain.sha256= or root.sha256=",
                anchor->file, name);
        }
    }
}

static void check_section(server_rec *s, const certmap_dir_conf_t *raw, const certmap_dir_conf_t *merged,
                          const char *name, void *baton)
{
    check_t *check = baton;
    const certmap_chain_t *chain = certmap_conf_chain(merged, check->p), *link;
    certmap_pinned_t pinned;

    if (merged->mode == CERTMAP_MODE_ON || merged->mode == CERTMAP_MODE_OPTIONAL) {
        check->uses = 1;
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
    say_all(check, certmap_findings(s->process, &pinned, certmap_conf_min_strength(merged), apr_time_now(), check->p));
    if (check->anchors && (merged->mode == CERTMAP_MODE_ON || merged->mode == CERTMAP_MODE_OPTIONAL)) {
        check_anchors(check, pinned.list, certmap_conf_min_strength(merged));
    }
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

    check->verify = check->section_verify = check->cache = check->lua = check->sni = NULL;
    check->places = apr_array_make(check->p, 8, sizeof(place_t));
    check->uses = check->has_on = 0;
    check->on_where = NULL;

    check->anchors = conf->used && is_tls(check) ? certmap_anchors(check->s, check->ca_files, check->p) : NULL;
    certmap_conf_walk(check->s, check_section, check, check->p);
    certmap_conftree_each(check->s, read_directive, check);
    conf->asks_in_sections = check->section_verify != NULL;
    if (!check->used) {
        return;
    }
    if ((check->uses || conf->defer == 1) && !ap_find_linked_module("mod_ssl.c")) {
        say(check, APLOG_ERR,
            "CertMap is used in %s, but mod_ssl is not loaded: there are no client certificates; "
            "add 'LoadModule ssl_module modules/mod_ssl.so' (Debian: a2enmod ssl)",
            server_name(check));
        return;
    }
    if (!certmap_conftree_knows(check->s)) {
        say(check, APLOG_WARNING,
            "%s does not stand in httpd's configuration files: what would be unsafe there is not "
            "found at start-up; write it into a file",
            server_name(check));
        return;
    }
    if (conf->used) {
        check_early(check);
    }
    if (check->sni) {
        say(check, APLOG_WARNING,
            "%s: a session or connection of one virtual host may be used at another one with "
            "other client verification; use 'secure' or 'authonly'",
            at(check, check->sni));
    }
    if (!is_tls(check)) {
        return;
    }
    if (conf->defer == 1) {
        check_deferral(check);
    }
    check_users(check);
    check_asking(check);
    if (check->uses) {
        check_anchor_names(check);
    }
}

int certmap_check_config(apr_pool_t *pconf, apr_pool_t *plog, apr_pool_t *ptemp, server_rec *s)
{
    check_t check = { 0 };
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
    if (check.rule && !check.maps) {
        say(&check, APLOG_WARNING,
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
