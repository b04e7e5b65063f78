/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Messages of the start-up checks, and reading the arguments of directives.
 */
#include "check.h"

#include <apr_strings.h>

#include "mod_certmap.h"

APLOG_USE_MODULE(certmap);

void certmap_check_say(certmap_check_t *check, int level, const char *fmt, ...)
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

const char *certmap_check_at(certmap_check_t *check, const ap_directive_t *d)
{
    return apr_psprintf(check->p, "%s:%d: %s %s", d->filename, d->line_num, d->directive, d->args);
}

const char *certmap_check_server_name(certmap_check_t *check)
{
    server_rec *s = check->s;

    return s->is_virtual && s->defn_name
               ? apr_psprintf(check->p, "virtual host %s (%s:%u)",
                              s->server_hostname ? s->server_hostname : "_default_", s->defn_name, s->defn_line_number)
               : "the main server";
}

const char *certmap_check_first_word(certmap_check_t *check, const ap_directive_t *d)
{
    const char *args = d->args;

    return ap_getword_conf(check->p, &args);
}

int certmap_check_is_enabled(certmap_check_t *check, const ap_directive_t *d)
{
    return strcasecmp(certmap_check_first_word(check, d), "off") != 0;
}

int certmap_check_has_word(const ap_directive_t *d, const char *word)
{
    const char *at = d->args;
    apr_size_t len;

    while (*(at += strspn(at, " \t\"'")) != '\0') {
        len = strcspn(at, " \t\"'");
        if (len == strlen(word) && strncasecmp(at, word, len) == 0) {
            return 1;
        }
        at += len;
    }
    return 0;
}

int certmap_check_is_certificate(const ap_directive_t *d)
{
    return certmap_check_is(d, "AuthType") && certmap_check_has_word(d, CERTMAP_AUTH_TYPE);
}
