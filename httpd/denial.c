/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Asks mod_authz_core once more after a refusal.
 */
#include "denial.h"

#include <http_log.h>
#include <http_request.h>

/* mod_authz_core's hook; NULL: it is not loaded. Set before the server runs. */
static ap_HOOK_access_checker_ex_t *require;

void certmap_denial_prepare(void)
{
    const apr_array_header_t *hooks = ap_hook_get_access_checker_ex();
    int i;

    require = NULL;
    for (i = 0; hooks && i < hooks->nelts; i++) {
        const ap_LINK_access_checker_ex_t *hook = &APR_ARRAY_IDX(hooks, i, ap_LINK_access_checker_ex_t);

        if (hook->szName && strcmp(hook->szName, "mod_authz_core.c") == 0) {
            require = hook->pFunc;
        }
    }
}

/* Every Require is asked again, so what they log would be there twice. */
int certmap_denial_is_for_all(request_rec *r, certmap_request_t *state)
{
    static const struct ap_logconf silent = { NULL, APLOG_EMERG };
    const struct ap_logconf *log = r->log;
    char *user = r->user, *auth_type = r->ap_auth_type;

    if (!require) {
        return 1;
    }
    if (state->asked_for_all != r->per_dir_config) {
        state->asked_for_all = r->per_dir_config;
        state->nobody = 1;
        r->user = NULL;
        r->ap_auth_type = NULL;
        r->log = &silent;
        state->for_all = require(r);
        r->log = log;
        r->ap_auth_type = auth_type;
        r->user = user;
        state->nobody = 0;
    }
    return state->for_all != OK && state->for_all != DECLINED;
}
