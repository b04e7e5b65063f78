/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Start-up checks: how a virtual host asks for certificates, and whether its handshakes can end as is meant.
 */
#include "check.h"

#include <ap_listen.h>
#include <http_core.h>

#include "conftree.h"

/* As mod_ssl finds it: without SSLEngine the listener's protocol decides. httpd gives virtual hosts theirs later on. */
int certmap_check_is_tls(certmap_check_t *check)
{
    const ap_directive_t *engine = certmap_conftree_find(check->s, "SSLEngine");
    const char *protocol = ap_get_server_protocol(check->s);
    const server_addr_rec *addr;
    const ap_listen_rec *listener;

    if (engine) {
        return certmap_check_is_enabled(check, engine);
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

static const char *verify_level(certmap_check_t *check)
{
    return check->verify ? certmap_check_first_word(check, check->verify) : "none";
}

static int is_none(const char *level)
{
    return strcasecmp(level, "none") == 0 || strcasecmp(level, "off") == 0;
}

void certmap_check_deferral(certmap_check_t *check)
{
    const certmap_srv_conf_t *conf = certmap_srv_conf(check->s);
    const certmap_dir_conf_t *dir = ap_get_module_config(check->s->lookup_defaults, &certmap_module);
    const char *level = verify_level(check);

    if (strcasecmp(level, "optional_no_ca") != 0 && !(is_none(level) && check->section_verify)) {
        certmap_check_say(
            check, APLOG_ERR,
            "%s:%d: CertMapDeferErrors On in %s needs 'SSLVerifyClient optional_no_ca' at the "
            "level of the virtual host (or none there and SSLVerifyClient in sections), but it has 'SSLVerifyClient "
            "%s': mod_ssl would end the handshake with an alert before there is a page to show",
            conf->defer_file, conf->defer_line, certmap_check_server_name(check), level);
    }
    if (dir->mode == CERTMAP_MODE_OFF) {
        certmap_check_say(
            check, APLOG_ERR,
            "%s:%d: CertMapDeferErrors On and CertMap Off at the level of %s contradict each "
            "other; write CertMap Off in the <Location> or <Directory> that is to be open to failed certificates",
            conf->defer_file, conf->defer_line, certmap_check_server_name(check));
    }
}

/* Whether SSLProtocol leaves TLS 1.3 in; without one it is in. */
static int has_tls13(const ap_directive_t *protocol)
{
    return protocol == NULL
           || (!certmap_check_has_word(protocol, "-TLSv1.3")
               && (certmap_check_has_word(protocol, "TLSv1.3") || certmap_check_has_word(protocol, "+TLSv1.3")
                   || certmap_check_has_word(protocol, "all") || certmap_check_has_word(protocol, "+all")));
}

void certmap_check_asking(certmap_check_t *check)
{
    const char *level = verify_level(check);
    const ap_directive_t *protocol = certmap_conftree_find(check->s, "SSLProtocol");
    const ap_directive_t *protocols = certmap_conftree_find(check->s, "Protocols");
    int asked = !is_none(level);

    if (check->has_on && !asked && !check->section_verify) {
        certmap_check_say(
            check, APLOG_WARNING,
            "CertMap On%s%s in %s refuses every request with 403.7: no SSLVerifyClient asks "
            "for a certificate there; write 'SSLVerifyClient optional_no_ca' and 'CertMapDeferErrors On' (or "
            "'SSLVerifyClient require') in the virtual host",
            check->on_where ? " in " : "", check->on_where ? check->on_where : "", certmap_check_server_name(check));
    }
    if (asked && strcasecmp(level, "optional_no_ca") == 0 && certmap_srv_conf(check->s)->defer != 1) {
        certmap_check_say(check, APLOG_WARNING,
                          "%s: without 'CertMapDeferErrors On' certificates that fail verification are let "
                          "in wherever CertMap is not On",
                          certmap_check_at(check, check->verify));
    }
    if (certmap_srv_conf(check->s)->used != 1 || !check->section_verify
        || is_none(certmap_check_first_word(check, check->section_verify))) {
        return;
    }
    if (has_tls13(protocol)) {
        certmap_check_say(
            check, APLOG_WARNING,
            "%s is in a section: over TLS 1.3 it needs post-handshake authentication, "
            "which browsers do not offer (AH10158), even where a good certificate was presented already; ask for the "
            "certificate at the level of the virtual host, or write 'SSLProtocol all -TLSv1.3'",
            certmap_check_at(check, check->section_verify));
    }
    if (protocols && certmap_check_has_word(protocols, "h2")) {
        certmap_check_say(check, APLOG_WARNING,
                          "%s is in a section: over HTTP/2 no certificate can be asked for; ask for it "
                          "at the level of the virtual host, or take h2 out of '%s'",
                          certmap_check_at(check, check->section_verify), certmap_check_at(check, protocols));
    }
}
