/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Start-up checks: quick handlers, which httpd asks before it knows who may have what.
 */
#include "check.h"

#include "conftree.h"

static int may_answer_early(certmap_check_t *check, const char *module)
{
    if (strcmp(module, "mod_lua.c") == 0) {
        return check->lua != NULL;
    }
    return strcmp(module, "mod_certmap.c") != 0 && strcmp(module, "mod_log_debug.c") != 0
           && strcmp(module, "mod_cache.c") != 0; /* whose directives are checked */
}

void certmap_check_early(certmap_check_t *check)
{
    const ap_directive_t *quick = certmap_conftree_find(check->s, "CacheQuickHandler");
    const apr_array_header_t *hooks = ap_hook_get_quick_handler();
    int i;

    /* [promise start-up] */
    if (check->cache && (!quick || certmap_check_is_enabled(check, quick))) {
        certmap_check_say(check, APLOG_ERR,
                          "%s: mod_cache's quick handler answers before any access check, so cached content "
                          "would reach people without a certificate; write 'CacheQuickHandler off'",
                          certmap_check_at(check, check->cache));
    }
    for (i = 0; hooks && i < hooks->nelts; i++) {
        const char *name = APR_ARRAY_IDX(hooks, i, ap_LINK_quick_handler_t).szName;

        if (may_answer_early(check, name)) {
            certmap_check_say(check, APLOG_WARNING,
                              "%s has a quick handler, which may answer before any access check in %s: what it "
                              "answers reaches people without a certificate",
                              name, certmap_check_server_name(check));
        }
    }
}
