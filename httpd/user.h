/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file httpd/user.h
 * @brief The user of a request: where the mapping gives it, and where it is somebody else's.
 *
 * mod_ssl takes a user from the certificate (SSLUserName), and other modules' access checks may set one. mod_authz_core
 * believes any user that it finds. So a user that was not mapped is dropped wherever users are ours to give.
 */
#ifndef CERTMAP_HTTPD_USER_H
#define CERTMAP_HTTPD_USER_H

#include <string.h>

#include <http_core.h>
#include <httpd.h>

#include "config.h"
#include "mod_certmap.h"
#include "request.h"

/** Whether an AuthType is the module's own. */
static inline int certmap_user_is_type(const char *auth_type)
{
    return auth_type && strcasecmp(auth_type, CERTMAP_AUTH_TYPE) == 0;
}

/** Whether users are ours to give here. CertMap Off counts under AuthType Certificate: there is none to be had. */
static inline int certmap_user_is_ours(request_rec *r, const certmap_dir_conf_t *conf)
{
    return certmap_conf_maps(conf) || certmap_user_is_type(ap_auth_type(r));
}

/** With another AuthType a certificate never replaces its password. */
static inline int certmap_user_may_set(request_rec *r)
{
    const char *auth_type = ap_auth_type(r);

    /* [promise password] */
    return !auth_type || strcasecmp(auth_type, "None") == 0 || certmap_user_is_type(auth_type);
}

/**
 * Under AuthType Certificate the mapping is wanted even where CertMap is unset; there it is made when Require is
 * about to be asked, so that "Require all granted" still needs no certificate.
 */
static inline int certmap_user_is_wanted(request_rec *r, const certmap_dir_conf_t *conf)
{
    return certmap_conf_maps(conf) || (conf->mode == CERTMAP_MODE_UNSET && certmap_user_is_type(ap_auth_type(r)));
}

/** The user is the mapped one. */
static inline void certmap_user_set(request_rec *r, certmap_request_t *state)
{
    r->user = (char *)state->memo->decision.effect.user;
    r->ap_auth_type = (char *)CERTMAP_AUTH_TYPE;
    state->user_set = 1;
}

/** From now on there is no user. */
static inline void certmap_user_forget(request_rec *r)
{
    r->user = NULL;
    r->ap_auth_type = NULL;
}

/** An earlier configuration of this request had a user. */
static inline void certmap_user_drop(request_rec *r, certmap_request_t *state)
{
    if (state->user_set) {
        certmap_user_forget(r);
        state->user_set = 0;
    }
}

/** Another AuthType has asked for a password; mod_ssl names no type with the user of SSLUserName. */
static inline int certmap_user_is_proved(request_rec *r)
{
    return r->ap_auth_type && !certmap_user_may_set(r);
}

/** Whether the user is the mapped one, set by us and left alone since. */
static inline int certmap_user_is_own(const request_rec *r, const certmap_request_t *state)
{
    return state && state->user_set && r->user == state->memo->decision.effect.user;
}

/** No user but the mapping's, for a request whose user is not known to be that. state may be NULL. */
void certmap_user_keep_own(request_rec *r, const certmap_dir_conf_t *conf, certmap_request_t *state);
/** The same, unless the user has shown a password. */
void certmap_user_keep_proved(request_rec *r);

/** The access checks are over: without a password there is the mapping's user, or nobody. */
static inline void certmap_user_keep_known(request_rec *r)
{
    if (r->user && !certmap_user_is_own(r, certmap_request_if_any(r))) {
        certmap_user_keep_proved(r);
    }
}

#endif
