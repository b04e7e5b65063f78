/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which virtual host and which place in it are meant: a path, or a section by its name.
 */
#include "answer.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* ---- virtual hosts ------------------------------------------------------------------------------------------- */

static const char *vhost_text(ctl_t *ctl, const ctl_vhost_t *vhost)
{
    const char *place = vhost->file ? apr_psprintf(ctl->pool, "%s:%d", vhost->file, vhost->line) : "main server";

    return ctl_printable(apr_psprintf(ctl->pool, "%s:%d (%s)", vhost->name, vhost->port, place), ctl->pool);
}

static int vhost_is(const ctl_vhost_t *vhost, const char *wanted)
{
    apr_size_t n = strlen(vhost->name);

    return strncasecmp(vhost->name, wanted, n) == 0
           && (wanted[n] == '\0'
               || (wanted[n] == ':' && wanted[n + 1] && strspn(wanted + n + 1, "0123456789") == strlen(wanted + n + 1)
                   && atoi(wanted + n + 1) == vhost->port));
}

/* Whether certificates are mapped somewhere in it. */
static int maps(const ctl_vhost_t *vhost)
{
    int i;

    for (i = 0; i < vhost->nsections; i++) {
        if (vhost->sections[i].mode >= CTL_MODE_OPTIONAL) {
            return 1;
        }
    }
    return 0;
}

static int find_vhost(ctl_t *ctl, const ctl_conf_t *conf, const char *wanted, const ctl_vhost_t **found)
{
    const char *all = "", *those = "";
    int i, n = 0;

    for (i = 0; i < conf->nvhosts; i++) {
        const ctl_vhost_t *vhost = &conf->vhosts[i];
        const char *text = vhost_text(ctl, vhost);

        all = apr_pstrcat(ctl->pool, all, *all ? ", " : "", text, NULL);
        if (wanted ? vhost_is(vhost, wanted) : conf->nvhosts == 1 || maps(vhost)) {
            those = apr_pstrcat(ctl->pool, those, *those ? ", " : "", text, NULL);
            *found = vhost;
            n++;
        }
    }
    if (n == 1) {
        return CTL_OK;
    }
    if (wanted) {
        wanted = ctl_printable(wanted, ctl->pool);
        return n ? ctl_fail(ctl, "--vhost %s may be any of: %s; write NAME:PORT", wanted, those)
                 : ctl_fail(ctl, "no virtual host has the ServerName %s; there are: %s", wanted, all);
    }
    return n ? ctl_fail(ctl, "CertMap is used in several virtual hosts; name one with --vhost NAME[:PORT]: %s", those)
             : ctl_fail(ctl, "CertMap is used in no virtual host; name one with --vhost NAME[:PORT]: %s", all);
}

/* ---- sections ------------------------------------------------------------------------------------------------ */

static const char *section_text(ctl_t *ctl, const ctl_section_t *section)
{
    return ctl_printable(section->file
                             ? apr_psprintf(ctl->pool, "%s (%s:%d)", section->name, section->file, section->line)
                             : section->name,
                         ctl->pool);
}

static int is_named(const ctl_section_t *section, const char *wanted, apr_pool_t *p)
{
    return strcmp(section->name, wanted) == 0
           || (section->file && strcmp(wanted, apr_psprintf(p, "%s:%d", section->file, section->line)) == 0);
}

/* Whether what is wanted can only be a section: its name, or a place in a file that has sections. */
static int is_no_path(const ctl_vhost_t *vhost, const char *wanted, apr_pool_t *p)
{
    const char *colon = strrchr(wanted, ':');
    int i, named = *wanted != '/';

    for (i = 0; i < vhost->nsections && !named; i++) {
        const char *file = vhost->sections[i].file;

        named = is_named(&vhost->sections[i], wanted, p)
                || (file && colon && strlen(file) == (apr_size_t)(colon - wanted)
                    && memcmp(file, wanted, strlen(file)) == 0);
    }
    return named;
}

static int find_named(ctl_t *ctl, const ctl_vhost_t *vhost, const char *wanted, const ctl_section_t **found)
{
    const char *all = "", *those = "";
    int i, n = 0;

    for (i = 0; i < vhost->nsections; i++) {
        const ctl_section_t *section = &vhost->sections[i];
        const char *text = section_text(ctl, section);

        all = apr_pstrcat(ctl->pool, all, *all ? ", " : "", text, NULL);
        if (is_named(section, wanted, ctl->pool)) {
            those = apr_pstrcat(ctl->pool, those, *those ? ", " : "", text, NULL);
            *found = section;
            n++;
        }
    }
    if (n == 1) {
        return CTL_OK;
    }
    wanted = ctl_printable(wanted, ctl->pool);
    return n ? ctl_fail(ctl, "--location %s may be any of: %s; write FILE:LINE", wanted, those)
             : ctl_fail(ctl,
                        "--location %s: neither a path nor a section that has anything of CertMap in it; there "
                        "are: %s",
                        wanted, all);
}

/* Paths are compared as httpd compares them, when it has decoded and shortened what the client has sent. */
static int check_path(ctl_t *ctl, const char *path)
{
    apr_size_t n = strcspn(path, "?");
    const char *plain = apr_pstrcat(ctl->pool, apr_pstrmemdup(ctl->pool, path, n), "/", NULL);

    if (strpbrk(plain, "%#") || strstr(plain, "/./") || strstr(plain, "/../")
        || (strstr(plain, "//") && strstr(plain, "//") - plain < (long)n - 1)) {
        return ctl_fail(ctl,
                        "--location %s: give the path as httpd has it when it looks for sections: decoded, without //, "
                        "/./ and /../",
                        ctl_printable(path, ctl->pool));
    }
    return CTL_OK;
}

int ctl_place_find(ctl_t *ctl, const ctl_conf_t *conf, const char *vhost, const char *location, ctl_place_t *place)
{
    int status;

    *place = (ctl_place_t){ .conf = conf, .name = location ? location : "/" };
    status = find_vhost(ctl, conf, vhost, &place->vhost);
    if (status != CTL_OK || !location) {
        return status;
    }
    if (!is_no_path(place->vhost, location, ctl->pool)) {
        return check_path(ctl, location);
    }
    status = find_named(ctl, place->vhost, location, &place->section);
    if (status == CTL_OK) {
        place->name = place->section->name;
    }
    return status;
}
