/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The front door of mod_certmap: the module record, and all that it registers with httpd, in the order in which a
 * server and a request meet it. Directives are in httpd/config.c; what happens to a request begins in httpd/access.c.
 */
#include <httpd.h>

#include <apr_optional_hooks.h>
#include <http_config.h>
#include <http_connection.h>
#include <http_core.h>
#include <http_protocol.h>
#include <http_request.h>
#include <mod_auth.h>
#include <mod_ssl_openssl.h> /* the types of two hooks */
#include <mpm_common.h>
#include <util_filter.h>

#include "httpd/access.h"
#include "httpd/asking.h"
#include "httpd/authn.h"
#include "httpd/authz.h"
#include "httpd/config.h"
#include "httpd/dump.h"
#include "httpd/fakebasic.h"
#include "httpd/guard.h"
#include "httpd/peer.h"
#include "httpd/reload.h"
#include "httpd/respond.h"
#include "httpd/startup.h"
#include "httpd/tls.h"

static const char *const ssl[] = { "mod_ssl.c", NULL };
static const char *const http2[] = { "mod_http2.c", NULL };
static const char *const host_checks[] = { "mod_access_compat.c", NULL };
static const char *const authz[] = { "mod_authz_core.c", NULL };

static const certmap_tls_listener_t listener = { .verified = certmap_asking_verified, .closed = certmap_peer_closed };

static void register_server(void)
{
    ap_hook_pre_config(certmap_startup_engine, NULL, NULL, APR_HOOK_MIDDLE);
    ap_hook_check_config(certmap_startup_check, NULL, NULL, APR_HOOK_MIDDLE);
    ap_hook_test_config(certmap_dump_config, NULL, NULL, APR_HOOK_MIDDLE);
    ap_hook_post_config(certmap_reload_start, NULL, NULL, APR_HOOK_MIDDLE);
    ap_hook_post_config(certmap_startup_prepare, NULL, NULL, APR_HOOK_MIDDLE);
    APR_OPTIONAL_HOOK(ssl, init_server, certmap_tls_init_server, NULL, NULL, APR_HOOK_MIDDLE);
    ap_hook_child_init(certmap_reload_child, NULL, NULL, APR_HOOK_MIDDLE);
    ap_hook_monitor(certmap_reload_monitor, NULL, NULL, APR_HOOK_MIDDLE);
}

static void register_connection(void)
{
    certmap_tls_listen(&listener);
    APR_OPTIONAL_HOOK(ssl, pre_handshake, certmap_tls_pre_handshake, NULL, NULL, APR_HOOK_MIDDLE);
    /* between mod_ssl, which finishes the handshake there, and HTTP/2, which takes the connection over */
    ap_hook_process_connection(certmap_tls_drop, ssl, http2, APR_HOOK_MIDDLE);
}

/* PER_URI: the answers depend on more than the configuration, so httpd has to ask for every request. */
static void register_request(void)
{
    /* before any other module can answer */
    ap_hook_post_read_request(certmap_guard_begin, NULL, NULL, APR_HOOK_REALLY_FIRST);
    ap_hook_quick_handler(certmap_guard_quick, NULL, NULL, APR_HOOK_REALLY_FIRST);
    ap_hook_map_to_storage(certmap_access_storage, NULL, NULL, APR_HOOK_REALLY_FIRST);

    /* on both sides of mod_ssl's check, which may ask for a certificate; next to it, so that no other module's 403
     * falls between */
    ap_hook_check_access(certmap_asking_begin, host_checks, ssl, APR_HOOK_MIDDLE, AP_AUTH_INTERNAL_PER_URI);
    ap_hook_check_access(certmap_access_check, ssl, NULL, APR_HOOK_MIDDLE, AP_AUTH_INTERNAL_PER_URI);

    /* before mod_authz_core asks Require: once to refuse, and as the last one of all to keep strangers' users away, and
     * to see what Require says */
    ap_hook_check_access_ex(certmap_access_again, NULL, authz, APR_HOOK_FIRST, AP_AUTH_INTERNAL_PER_URI);
    ap_hook_check_access_ex(certmap_authn_before_require, NULL, authz, APR_HOOK_LAST, AP_AUTH_INTERNAL_PER_URI);

    /* Require has been asked */
    ap_hook_force_authn(certmap_authn_force, NULL, NULL, APR_HOOK_MIDDLE);
    ap_hook_check_authn(certmap_authn_after_require, NULL, NULL, APR_HOOK_REALLY_FIRST, AP_AUTH_INTERNAL_PER_URI);
    /* on both sides of mod_ssl, which invents a Basic header there, and before modules that read it */
    ap_hook_check_authn(certmap_fakebasic_before, NULL, ssl, APR_HOOK_FIRST, AP_AUTH_INTERNAL_PER_URI);
    ap_hook_check_authn(certmap_fakebasic_after, ssl, NULL, APR_HOOK_FIRST, AP_AUTH_INTERNAL_PER_URI);
    ap_hook_check_authn(certmap_authn_authenticate, NULL, NULL, APR_HOOK_FIRST, AP_AUTH_INTERNAL_PER_URI);

    /* as the last one before mod_authz_core asks Require of a user */
    ap_hook_check_authz(certmap_authn_before_require_user, NULL, authz, APR_HOOK_LAST, AP_AUTH_INTERNAL_PER_URI);

    /* authorization has passed; before any other module acts on it */
    ap_hook_fixups(certmap_access_passed, NULL, NULL, APR_HOOK_REALLY_FIRST);
    ap_hook_handler(certmap_access_replaced, NULL, NULL, APR_HOOK_REALLY_FIRST);
    ap_hook_insert_error_filter(certmap_guard_error_answer, NULL, NULL, APR_HOOK_MIDDLE);
    ap_hook_log_transaction(certmap_guard_end, NULL, NULL, APR_HOOK_REALLY_FIRST);

    /* the gate is before all that other modules add to a response, and so before the page */
    ap_register_output_filter(CERTMAP_GUARD_FILTER, certmap_guard_gate, NULL, AP_FTYPE_RESOURCE - 1);
    ap_register_output_filter(CERTMAP_RESPOND_FILTER, certmap_respond_page, NULL, AP_FTYPE_RESOURCE);
}

static void register_providers(apr_pool_t *p)
{
    ap_register_auth_provider(p, AUTHZ_PROVIDER_GROUP, "certmap-rule", AUTHZ_PROVIDER_VERSION, &certmap_authz_rule,
                              AP_AUTH_INTERNAL_PER_CONF);
    ap_register_auth_provider(p, AUTHZ_PROVIDER_GROUP, "certmap-group", AUTHZ_PROVIDER_VERSION, &certmap_authz_group,
                              AP_AUTH_INTERNAL_PER_CONF);
    ap_register_auth_provider(p, AUTHZ_PROVIDER_GROUP, "certmap-verified", AUTHZ_PROVIDER_VERSION,
                              &certmap_authz_verified, AP_AUTH_INTERNAL_PER_CONF);
}

static void register_hooks(apr_pool_t *p)
{
    register_server();
    register_connection();
    register_request();
    register_providers(p);
}

/* clang-format off */
AP_DECLARE_MODULE(certmap) = {
    STANDARD20_MODULE_STUFF,
    certmap_dir_conf_create,
    certmap_dir_conf_merge,
    certmap_srv_conf_create,
    certmap_srv_conf_merge,
    certmap_commands,
    register_hooks,
    AP_MODULE_FLAG_ALWAYS_MERGE     /* each virtual host has a struct of its own, whatever it says */
};
/* clang-format on */
