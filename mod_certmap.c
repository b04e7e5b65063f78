/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The front door of mod_certmap: the module record, and the order in which its rooms hang their hooks into httpd.
 * Directives are in httpd/config.c, what happens to a request in httpd/access.c.
 */
#include <httpd.h>
#include <http_config.h>
#include <http_core.h>

#include "certmap.h"
#include "httpd/access.h"
#include "httpd/config.h"
#include "httpd/reload.h"
#include "httpd/respond.h"
#include "httpd/startup.h"

static int pre_config(apr_pool_t *pconf, apr_pool_t *plog, apr_pool_t *ptemp)
{
    (void)plog;
    (void)ptemp;
    return certmap_engine_init(pconf) == APR_SUCCESS ? OK : HTTP_INTERNAL_SERVER_ERROR;
}

static void register_hooks(apr_pool_t *p)
{
    ap_hook_pre_config(pre_config, NULL, NULL, APR_HOOK_MIDDLE);
    ap_hook_check_config(certmap_startup_check, NULL, NULL, APR_HOOK_MIDDLE);
    ap_hook_test_config(certmap_dump_config, NULL, NULL, APR_HOOK_MIDDLE);
    certmap_reload_register(p);  /* files that are read again while the server runs */
    certmap_access_register(p);  /* TLS, access checks, authentication, authorization */
    certmap_respond_register(p); /* error documents and pages */
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
