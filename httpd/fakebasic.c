/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Takes back the Authorization header of FakeBasicAuth.
 */
#include "fakebasic.h"

#include <http_protocol.h>

#include "config.h"
#include "request.h"
#include "user.h"

/*
 * FakeBasicAuth: mod_ssl invents a Basic header from the certificate's subject and a password that everybody knows,
 * in place of what the client has sent. Where users are ours to give it does not count as a password.
 */
int certmap_fakebasic_before(request_rec *r)
{
    if (certmap_user_is_ours(r, certmap_dir_conf(r))) {
        certmap_request(r)->authorization = apr_table_get(r->headers_in, "Authorization");
    }
    return DECLINED;
}

/*
 * One that was made up for the request before an internal redirect is still there. mod_ssl lets no client send such a
 * one, but the password files for it are crypt()'s, who reads eight letters of a password; and what follows a colon in
 * the subject is part of it.
 */
static int is_fake(const request_rec *r)
{
    static const char fake[] = "password";
    const char *user, *password;

    return ap_get_basic_auth_components(r, &user, &password) == APR_SUCCESS && (*user == '/' || !*user)
           && strncmp(password, fake, sizeof(fake) - 1) == 0;
}

int certmap_fakebasic_after(request_rec *r)
{
    certmap_request_t *state = certmap_request_if_any(r);

    if (!certmap_user_is_ours(r, certmap_dir_conf(r))) {
        return DECLINED;
    }
    if (state && state->authorization != apr_table_get(r->headers_in, "Authorization")) {
        if (state->authorization) {
            apr_table_setn(r->headers_in, "Authorization", state->authorization);
        }
        else {
            apr_table_unset(r->headers_in, "Authorization");
        }
    }
    if (is_fake(r)) {
        apr_table_unset(r->headers_in, "Authorization");
    }
    return DECLINED;
}
