/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Start-up checks: CertMap Off at the level of a server or virtual host, where CertMap is On next to it. One of the two
 * does not do what was meant.
 */
#include "check.h"

#include "conftree.h"

/* What one server says of CertMap, by level, the last directive of each kind. */
typedef struct modes_t {
    certmap_check_t *check;
    const ap_directive_t *on[3]; /* On or Optional */
    const ap_directive_t *off[3];
} modes_t;

static int read_mode(const ap_directive_t *d, certmap_level_e level, void *baton)
{
    modes_t *modes = baton;

    if (certmap_check_is(d, "CertMap")) {
        if (certmap_check_is_enabled(modes->check, d)) {
            modes->on[level] = d;
        }
        else {
            modes->off[level] = d;
        }
    }
    return 1;
}

static void check_off(certmap_check_t *check, const modes_t *modes, certmap_level_e level)
{
    const ap_directive_t *off = modes->off[level], *on = modes->on[level];
    const char *at;

    if (!off) {
        return;
    }
    at = certmap_check_at(check, off);
    if (on) {
        certmap_check_say(check, APLOG_WARNING, "%s: %s is at the same level; the last one counts, remove the other",
                          at, certmap_check_at(check, on));
    }
    else if (level == CERTMAP_LEVEL_VHOST && modes->on[CERTMAP_LEVEL_MAIN]) {
        certmap_check_say(check, APLOG_WARNING,
                          "%s: all of %s is open without a certificate, although %s asks for one; if that is meant, "
                          "write it into <Location \"/\">",
                          at, certmap_check_server_name(check), certmap_check_at(check, modes->on[CERTMAP_LEVEL_MAIN]));
    }
    else {
        on = modes->on[CERTMAP_LEVEL_SECTION];
        on = on || level == CERTMAP_LEVEL_VHOST ? on : modes->on[CERTMAP_LEVEL_VHOST];
        if (on) {
            certmap_check_say(check, APLOG_WARNING,
                              "%s: it changes nothing where %s applies, and elsewhere CertMap is off without it; "
                              "remove it, or write it into the <Location> that is to be open",
                              at, certmap_check_at(check, on));
        }
    }
}

void certmap_check_modes(certmap_check_t *check)
{
    modes_t modes = { .check = check };

    certmap_conftree_each(check->s, read_mode, &modes);
    check_off(check, &modes, CERTMAP_LEVEL_MAIN);
    check_off(check, &modes, CERTMAP_LEVEL_VHOST);
}
