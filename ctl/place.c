/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which virtual host and which section of an httpd configuration are meant. Only httpd knows what a request meets (its
 * files, its headers), so a path chooses a section only where there is no doubt; else the sections are told, and can
 * be named.
 */
#include "conf.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include <apr_fnmatch.h>

typedef enum match_e {
    MATCH_NO,
    MATCH_YES,
    MATCH_UNKNOWN /* it hangs on more than the path */
} match_e;

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

/* The argument of "<Location ARGUMENT>", quotes taken off. NULL: another section, or a regex. */
static const char *location_argument(const ctl_section_t *section, apr_pool_t *p)
{
    const char *s = section->name;
    apr_size_t n = strlen(s);
    char *out, *to;
    char quote;

    if (strncasecmp(s, "<Location ", 10) != 0 || s[n - 1] != '>') {
        return NULL;
    }
    s = apr_pstrmemdup(p, s + 10, n - 11);
    s += strspn(s, " \t");
    quote = *s == '"' || *s == '\'' ? *s : '\0';
    if (!quote) {
        return *s == '~' ? NULL : s;
    }
    to = out = apr_palloc(p, strlen(s));
    for (s++; *s && *s != quote; s++) {
        if (*s == '\\' && (s[1] == quote || s[1] == '\\')) {
            s++;
        }
        *to++ = *s;
    }
    *to = '\0';
    return out;
}

/* Whether a section applies to a path, as httpd's location walk has it. */
static match_e applies(const ctl_section_t *section, const char *path, apr_pool_t *p)
{
    const char *d = location_argument(section, p);
    apr_size_t n;

    if (!d || *d != '/') {
        return MATCH_UNKNOWN;
    }
    if (strpbrk(d, "*?")) {
        return apr_fnmatch(d, path, APR_FNM_PATHNAME) == APR_SUCCESS ? MATCH_YES : MATCH_NO;
    }
    n = strlen(d);
    return strncmp(d, path, n) == 0 && (d[n - 1] == '/' || path[n] == '/' || path[n] == '\0') ? MATCH_YES : MATCH_NO;
}

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

static int find_path(ctl_t *ctl, const ctl_vhost_t *vhost, const char *path, const ctl_section_t **found)
{
    const char *those = "";
    int i, yes = 0, unknown = 0;

    path = apr_pstrmemdup(ctl->pool, path, strcspn(path, "?#"));
    *found = &vhost->sections[0];
    for (i = 1; i < vhost->nsections; i++) {
        const ctl_section_t *section = &vhost->sections[i];

        switch (applies(section, path, ctl->pool)) {
        case MATCH_NO:
            continue;
        case MATCH_YES:
            *found = section;
            yes++;
            break;
        case MATCH_UNKNOWN:
            unknown++;
            break;
        }
        those = apr_pstrcat(ctl->pool, those, ", ", section_text(ctl, section), NULL);
    }
    if (!unknown && yes <= 1) {
        return CTL_OK;
    }
    return ctl_fail(ctl,
                    "--location %s: %s; name what you mean: --location '(server)', or the name or FILE:LINE of: "
                    "%s",
                    ctl_printable(path, ctl->pool),
                    unknown ? "only httpd can tell which of its sections apply" : "several sections apply together",
                    those + 2);
}

/* ---- what is in force ---------------------------------------------------------------------------------------- */

/* Entry files answer only when they have been read. */
static int read_sources(ctl_t *ctl, const certmap_list_t *list)
{
    for (; list; list = list->outer) {
        certmap_report_t report;
        certmap_reread_t *file;

        if (!list->source || strcmp(list->source->vtable->name, "file") != 0) {
            continue;
        }
        file = certmap_source_file_reread(list->source);
        if (certmap_reread_check(file, &report, ctl->pool) != APR_SUCCESS) {
            return ctl_fail(ctl, "%s: out of memory", ctl_printable(list->source->name, ctl->pool));
        }
        if (report.outcome == CERTMAP_REREAD_KEPT) {
            ctl_report(ctl, report.errors, certmap_reread_path(file), (certmap_str_t){ NULL, 0 });
            return ctl_fail(ctl, "%s: %s", ctl_printable(certmap_reread_path(file), ctl->pool),
                            report.why ? report.why : "has errors");
        }
    }
    return CTL_OK;
}

int ctl_conf_find(ctl_t *ctl, const ctl_conf_t *conf, const char *vhost, const char *location,
                  const ctl_vhost_t **server, const ctl_section_t **section)
{
    const ctl_vhost_t *host = NULL;
    int status = find_vhost(ctl, conf, vhost, &host);

    if (status != CTL_OK) {
        return status;
    }
    if (!location) {
        *section = &host->sections[0];
    }
    else if (is_no_path(host, location, ctl->pool)) {
        status = find_named(ctl, host, location, section);
    }
    else {
        status = find_path(ctl, host, location, section);
    }
    if (server) {
        *server = host;
    }
    return status == CTL_OK ? read_sources(ctl, (*section)->list) : status;
}
