/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Dropping users that the mapping did not give.
 */
#include "user.h"

#include "document.h"

/*
 * No user but the mapping's. mod_ssl takes one from the certificate, whatever the mapping says of that (SSLUserName),
 * and other modules' access checks may; mod_authz_core believes any user that it finds, and no password is asked for
 * then.
 */
void certmap_user_keep_own(request_rec *r, const certmap_dir_conf_t *conf, certmap_request_t *state)
{
    if (state && state->user_set) {
        certmap_user_set(r, state);
    }
    else if (r->user && (certmap_user_is_ours(r, conf) || certmap_document_is(r))) {
        /* [promise own-users] */
        certmap_user_forget(r);
    }
}

void certmap_user_keep_proved(request_rec *r)
{
    if (!certmap_user_is_proved(r)) {
        certmap_user_keep_own(r, certmap_dir_conf(r), certmap_request_if_any(r));
    }
}
