/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Sections as httpd's walks find them (server/request.c): <Directory> from the root down, those with a regex after
 * them, then <Files>, <Location>, <If>. What only the server can know is a doubt.
 */
#include "walk.h"

#include <errno.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>

#include <apr_file_info.h>
#include <apr_fnmatch.h>

static void apply(ctl_walk_t *w, const ctl_block_t *block)
{
    APR_ARRAY_PUSH(w->applied, const ctl_block_t *) = block;
}

const char *ctl_block_text(const ctl_block_t *block, apr_pool_t *p)
{
    return block->file ? apr_psprintf(p, "%s (%s:%d)", block->name, block->file, block->line) : block->name;
}

static int doubt_of(ctl_walk_t *w, const ctl_block_t *block, const char *why)
{
    return ctl_doubt(w->doubts, apr_pstrcat(w->p, "whether ", ctl_block_text(block, w->p), " applies: ", why, NULL));
}

/* A regex that cannot be compiled is a doubt. */
static int regex_applies(ctl_walk_t *w, const ctl_block_t *block, const char *pattern, const char *text)
{
    ctl_answer3_e answer = ctl_regex(pattern, text, 0);

    return answer == CTL_UNKNOWN ? doubt_of(w, block, "its regular expression is not understood") : answer == CTL_YES;
}

/* The pattern of "<Files ~ x>" and "<FilesMatch x>"; NULL: it is not a regex. */
static const char *regex_of(const ctl_block_t *block, ctl_type_e match)
{
    if (block->type == match) {
        return block->nwords > 0 ? block->words[0] : "";
    }
    return block->nwords > 1 && strcmp(block->words[0], "~") == 0 ? block->words[1] : NULL;
}

static const char *argument_of(const ctl_block_t *block)
{
    return block->nwords > 0 ? block->words[0] : "";
}

/* ---- <Location> ---------------------------------------------------------------------------------------------- */

static int location_applies(ctl_walk_t *w, const ctl_block_t *block)
{
    const char *regex = regex_of(block, CTL_TYPE_LOCATION_MATCH), *d = argument_of(block), *path = w->known.path;
    apr_size_t n = strlen(d);

    if (regex) {
        return regex_applies(w, block, regex, path);
    }
    if (apr_fnmatch_test(d)) {
        return apr_fnmatch(d, path, APR_FNM_PATHNAME) == APR_SUCCESS;
    }
    return n > 0 && strncmp(d, path, n) == 0 && (d[n - 1] == '/' || path[n] == '/' || path[n] == '\0');
}

static void walk_locations(ctl_walk_t *w)
{
    int i;

    for (i = 0; i < w->vhost->nblocks; i++) {
        const ctl_block_t *block = &w->vhost->blocks[i];

        if ((block->type == CTL_TYPE_LOCATION || block->type == CTL_TYPE_LOCATION_MATCH)
            && location_applies(w, block)) {
            apply(w, block);
        }
    }
}

/* ---- which file it is ---------------------------------------------------------------------------------------- */

typedef enum target_e {
    TARGET_FILE,
    TARGET_PROXY,
    TARGET_UNKNOWN
} target_e;

/* As mod_alias compares: "/x" is for /x and /x/y. @return what follows, or NULL */
static const char *rest_behind(const char *alias, const char *path)
{
    apr_size_t n = strlen(alias);

    if (n == 0 || strncmp(alias, path, n) != 0 || (alias[n - 1] != '/' && path[n] != '/' && path[n] != '\0')) {
        return NULL;
    }
    return path + n;
}

static int name_is(const ctl_directive_t *d, const char *const *names)
{
    for (; *names; names++) {
        if (strcmp(d->name, *names) == 0) {
            return 1;
        }
    }
    return 0;
}

static const char *directive_text(const ctl_walk_t *w, const ctl_directive_t *d)
{
    return apr_psprintf(w->p, "%s %s (%s:%d)", d->name, d->arguments, d->file ? d->file : "?", d->line);
}

/* Whether a directive that names a path or a regex is about this request. */
static int concerns(const ctl_walk_t *w, const ctl_directive_t *d, int is_regex)
{
    int i;

    for (i = 0; i < d->nwords; i++) {
        if (is_regex ? ctl_regex(d->words[i], w->known.path, 0) != CTL_NO
                     : *d->words[i] == '/' && rest_behind(d->words[i], w->known.path) != NULL) {
            return 1;
        }
        if (strcmp(d->words[i], "!") != 0 && (*d->words[i] == '/' || is_regex)) {
            return 0; /* what follows is where it leads to */
        }
    }
    return 0;
}

/* Whether a host takes over the main server's RewriteRules. */
static int inherits_rewriting(const ctl_walk_t *w)
{
    const ctl_directive_t *options = ctl_conf_directive(w->vhost, "RewriteOptions");
    int i;

    for (i = 0; options && i < options->nwords; i++) {
        if (strncasecmp(options->words[i], "Inherit", 7) == 0) {
            return 1;
        }
    }
    return 0;
}

/* Whether somebody else answers before any access check, or makes another path of it. */
static int is_taken(ctl_walk_t *w, const ctl_directive_t *d, int inherited)
{
    static const char *const redirects[] = { "Redirect", "RedirectPermanent", "RedirectTemp", NULL };
    const ctl_directive_t *engine;

    if (name_is(d, redirects) || strcmp(d->name, "RedirectMatch") == 0) {
        return concerns(w, d, d->name[8] == 'M')
               && ctl_doubt(w->doubts, apr_pstrcat(w->p, directive_text(w, d), " answers it, perhaps", NULL));
    }
    if (strcmp(d->name, "RewriteRule") == 0) {
        engine = ctl_conf_directive(w->vhost, "RewriteEngine");
        return (!inherited || inherits_rewriting(w)) && engine && engine->nwords > 0
               && strcasecmp(engine->words[0], "on") == 0
               && ctl_doubt(w->doubts, apr_pstrcat(w->p, "what ", directive_text(w, d), " makes of the path", NULL));
    }
    return 0;
}

/* What one directive makes of the path. @return whether it decides */
static int maps_file(ctl_walk_t *w, const ctl_directive_t *d, target_e *target)
{
    static const char *const aliases[] = { "Alias", "ScriptAlias", "WSGIScriptAlias", NULL };
    static const char *const patterns[] = { "AliasMatch", "ScriptAliasMatch", "WSGIScriptAliasMatch", NULL };
    static const char *const hosts[] = { "VirtualDocumentRoot", "VirtualScriptAlias", NULL };
    const char *rest = d->nwords > 0 ? rest_behind(d->words[0], w->known.path) : NULL;

    if (name_is(d, aliases) && rest && d->nwords > 1) {
        w->known.filename = apr_pstrcat(w->p, d->words[1], rest, NULL);
        *target = TARGET_FILE;
        return 1;
    }
    if ((name_is(d, patterns) && concerns(w, d, 1)) || name_is(d, hosts)
        || (strcmp(d->name, "UserDir") == 0 && strncmp(w->known.path, "/~", 2) == 0)) {
        *target = TARGET_UNKNOWN;
        return 1;
    }
    return 0;
}

/* @return whether httpd fetches the answer from another server */
static int is_proxied(ctl_walk_t *w, const ctl_directive_t *d, int n, target_e *target)
{
    int i;

    for (i = 0; i < n; i++) {
        int is_match = strcmp(d[i].name, "ProxyPassMatch") == 0;

        if ((is_match || strcmp(d[i].name, "ProxyPass") == 0) && concerns(w, &d[i], is_match)) {
            *target = d[i].nwords > 1 && strcmp(d[i].words[1], "!") == 0 ? TARGET_FILE : TARGET_PROXY;
            return 1;
        }
    }
    return 0;
}

/* A ProxyPass or Alias that has its path from the section that it is in. */
static int is_in_location(ctl_walk_t *w, target_e *target)
{
    int i, k, found = 0;

    for (i = 0; i < w->applied->nelts; i++) {
        const ctl_block_t *block = APR_ARRAY_IDX(w->applied, i, const ctl_block_t *);

        for (k = 0; k < block->ndirectives; k++) {
            const char *name = block->directives[k].name;

            if (strncmp(name, "ProxyPass", 9) == 0) {
                *target = TARGET_PROXY;
                found = 1;
            }
            else if (strcmp(name, "Alias") == 0 || strcmp(name, "ScriptAlias") == 0) {
                *target = TARGET_UNKNOWN;
                found = 1;
            }
        }
    }
    return found;
}

/* @return 0: somebody else may answer */
static int find_target(ctl_walk_t *w, target_e *target)
{
    const ctl_vhost_t *v = w->vhost;
    int i;

    for (i = 0; i < v->ndirectives; i++) {
        if (is_taken(w, &v->directives[i], 0)) {
            return 0;
        }
    }
    for (i = 0; i < v->nmain; i++) {
        if (is_taken(w, &v->main[i], v->file != NULL)) {
            return 0;
        }
    }
    if (is_in_location(w, target) || is_proxied(w, v->main, v->nmain, target)
        || is_proxied(w, v->directives, v->ndirectives, target)) {
        if (*target != TARGET_FILE) {
            return 1;
        }
    }
    *target = TARGET_FILE;
    for (i = 0; i < v->ndirectives; i++) {
        if (maps_file(w, &v->directives[i], target)) {
            return 1;
        }
    }
    for (i = 0; i < v->nmain; i++) {
        if (maps_file(w, &v->main[i], target)) {
            return 1;
        }
    }
    if (!v->root) {
        *target = TARGET_UNKNOWN;
        return 1;
    }
    w->known.filename = apr_pstrcat(w->p, v->root, w->known.path, NULL);
    return 1;
}

/* ---- <Directory> --------------------------------------------------------------------------------------------- */

static int slashes(const char *path)
{
    int n = 0;

    for (; *path; path++) {
        n += *path == '/';
    }
    return n;
}

/* dir ends with a slash. */
static int directory_applies(const ctl_walk_t *w, const ctl_block_t *block, const char *dir)
{
    const char *d = argument_of(block);
    apr_size_t n = strlen(d);

    if (*d != '/') {
        return 0;
    }
    d = apr_pstrcat(w->p, d, d[n - 1] == '/' ? "" : "/", NULL);
    if (slashes(d) != slashes(dir)) {
        return 0;
    }
    return apr_fnmatch_test(d) ? apr_fnmatch(d, dir, APR_FNM_PATHNAME) == APR_SUCCESS : strcmp(d, dir) == 0;
}

/* Whether files in the directory may change the configuration. */
static int is_overridden(const ctl_walk_t *w)
{
    int i, k, yes = 0;

    for (i = 0; i < w->applied->nelts; i++) {
        const ctl_block_t *block = APR_ARRAY_IDX(w->applied, i, const ctl_block_t *);

        for (k = 0; k < block->ndirectives; k++) {
            const ctl_directive_t *d = &block->directives[k];

            if ((strcmp(d->name, "AllowOverride") == 0 || strcmp(d->name, "AllowOverrideList") == 0) && d->nwords > 0) {
                yes = strcasecmp(d->words[0], "none") != 0;
            }
        }
    }
    return yes;
}

/* @return 0: a .htaccess file may say anything */
static int look_for_htaccess(ctl_walk_t *w, const char *dir)
{
    static const char *const usual[] = { ".htaccess" };
    const ctl_directive_t *names = ctl_conf_directive(w->vhost, "AccessFileName");
    const char *const *name = names ? names->words : usual;
    int i, n = names ? names->nwords : 1;
    struct stat info;

    for (i = 0; i < n; i++) {
        const char *file = apr_pstrcat(w->p, dir, name[i], NULL);

        if ((stat(file, &info) == 0 || (errno != ENOENT && errno != ENOTDIR))
            && ctl_doubt(w->doubts, apr_pstrcat(w->p, "what ", file, " says: httpd reads it for each request", NULL))) {
            return 0;
        }
    }
    return 1;
}

/* @return 0: what applies cannot be known */
static int walk_directory(ctl_walk_t *w, const char *dir)
{
    int i;

    for (i = 0; i < w->vhost->nblocks; i++) {
        const ctl_block_t *block = &w->vhost->blocks[i];

        if (block->type == CTL_TYPE_DIRECTORY && directory_applies(w, block, dir)) {
            apply(w, block);
        }
    }
    return !is_overridden(w) || look_for_htaccess(w, dir);
}

/* httpd compares the regex with the directory or the file, as versions and requests differ. */
static void walk_regex_directories(ctl_walk_t *w, const char *dir)
{
    int i;

    for (i = 0; i < w->vhost->nblocks; i++) {
        const ctl_block_t *block = &w->vhost->blocks[i];
        const char *regex = regex_of(block, CTL_TYPE_DIRECTORY_MATCH);
        int yes;

        if (!regex || (block->type != CTL_TYPE_DIRECTORY && block->type != CTL_TYPE_DIRECTORY_MATCH)) {
            continue;
        }
        yes = regex_applies(w, block, regex, dir);
        if (yes != regex_applies(w, block, regex, w->known.filename)
            || yes != regex_applies(w, block, regex, apr_pstrmemdup(w->p, dir, strlen(dir) - (dir[1] != '\0')))) {
            yes = doubt_of(w, block, "it matches the directory or the file, but not both");
        }
        if (yes) {
            apply(w, block);
        }
    }
}

typedef enum found_e {
    FOUND_NOTHING,
    FOUND_FILE,
    FOUND_DIRECTORY,
    FOUND_ANYTHING /* cannot be known */
} found_e;

/* From the root down to the last directory that is there; what follows the first file is not a part of its name. */
static found_e walk_directories(ctl_walk_t *w)
{
    const char *path = w->known.filename, *at = path;
    const char *dir = "/";
    found_e found = FOUND_DIRECTORY;

    while (found == FOUND_DIRECTORY) {
        struct stat info;
        apr_size_t n;

        if (!walk_directory(w, dir)) {
            return FOUND_ANYTHING;
        }
        at += strspn(at, "/");
        n = strcspn(at, "/");
        if (n == 0) {
            w->known.filename = dir;
            break;
        }
        w->known.filename = apr_pstrcat(w->p, dir, apr_pstrmemdup(w->p, at, n), NULL);
        at += n;
        if (stat(w->known.filename, &info) == 0) {
            found = S_ISDIR(info.st_mode) ? FOUND_DIRECTORY : FOUND_FILE;
        }
        else if (errno == ENOENT || errno == ENOTDIR) {
            found = FOUND_NOTHING;
        }
        else {
            return ctl_doubt(w->doubts,
                             apr_pstrcat(w->p, "what ", w->known.filename, " is: it cannot be looked at", NULL))
                       ? FOUND_ANYTHING
                       : FOUND_FILE;
        }
        if (found == FOUND_DIRECTORY) {
            dir = apr_pstrcat(w->p, w->known.filename, "/", NULL);
        }
    }
    walk_regex_directories(w, dir);
    return found;
}

/* ---- <Files> ------------------------------------------------------------------------------------------------- */

static int file_applies(ctl_walk_t *w, const ctl_block_t *block, const char *name)
{
    const char *regex = regex_of(block, CTL_TYPE_FILES_MATCH), *d = argument_of(block);

    if (regex) {
        return regex_applies(w, block, regex, name);
    }
    return apr_fnmatch_test(d) ? apr_fnmatch(d, name, 0) == APR_SUCCESS : strcmp(d, name) == 0;
}

/* Whether mod_negotiation (MultiViews) could find something in place of a file that is not there: "x.html" for "x". */
static int has_variants(const ctl_walk_t *w, const char *name)
{
    const char *dir = apr_pstrmemdup(w->p, w->known.filename, (apr_size_t)(name - w->known.filename));
    apr_size_t n = strlen(name);
    apr_finfo_t info;
    apr_dir_t *open;
    int found = 0;

    if (apr_dir_open(&open, dir, w->p) != APR_SUCCESS) {
        return 1;
    }
    while (!found && apr_dir_read(&info, APR_FINFO_NAME, open) == APR_SUCCESS) {
        found = strncmp(info.name, name, n) == 0 && info.name[n] == '.';
    }
    apr_dir_close(open);
    return found;
}

static void walk_files_of(ctl_walk_t *w, const ctl_block_t *blocks, int n, const char *name, found_e found)
{
    int i;

    for (i = 0; i < n; i++) {
        if (blocks[i].type != CTL_TYPE_FILES && blocks[i].type != CTL_TYPE_FILES_MATCH) {
            continue;
        }
        if (file_applies(w, &blocks[i], name)
            || (found == FOUND_NOTHING
                && doubt_of(w, &blocks[i], "there is no such file, and httpd may find another (MultiViews)"))) {
            apply(w, &blocks[i]);
        }
    }
}

static void walk_files(ctl_walk_t *w, found_e found)
{
    const char *name = strrchr(w->known.filename, '/') + 1;
    int i, n = w->applied->nelts;

    if (*name == '\0') {
        return;
    }
    if (found == FOUND_NOTHING && !has_variants(w, name)) {
        found = FOUND_FILE;
    }
    walk_files_of(w, w->vhost->blocks, w->vhost->nblocks, name, found);
    for (i = 0; i < n; i++) {
        const ctl_block_t *block = APR_ARRAY_IDX(w->applied, i, const ctl_block_t *);

        walk_files_of(w, block->blocks, block->nblocks, name, found);
    }
}

/* Where the file is not known, each section of files is a doubt. */
static void doubt_files(ctl_walk_t *w, ctl_type_e first, ctl_type_e last, const char *why)
{
    int i;

    for (i = 0; i < w->vhost->nblocks; i++) {
        const ctl_block_t *block = &w->vhost->blocks[i];

        if (block->type >= first && block->type <= last && doubt_of(w, block, why)) {
            apply(w, block);
        }
    }
}

/* ---- <If> ---------------------------------------------------------------------------------------------------- */

static int condition_holds(ctl_walk_t *w, const ctl_block_t *block)
{
    switch (ctl_expr(argument_of(block), &w->known, w->p)) {
    case CTL_NO:
        return 0;
    case CTL_YES:
        return 1;
    case CTL_UNKNOWN:
        break;
    }
    return doubt_of(w, block, "it depends on the request");
}

static void walk_ifs_of(ctl_walk_t *w, const ctl_block_t *blocks, int n, int *before)
{
    int i;

    for (i = 0; i < n; i++) {
        const ctl_block_t *block = &blocks[i];

        if (block->type < CTL_TYPE_IF || block->type > CTL_TYPE_ELSE || (block->type != CTL_TYPE_IF && *before)) {
            continue;
        }
        *before = block->type == CTL_TYPE_ELSE || condition_holds(w, block);
        if (*before) {
            int inner = 0;

            apply(w, block);
            walk_ifs_of(w, block->blocks, block->nblocks, &inner);
        }
    }
}

static void walk_ifs(ctl_walk_t *w)
{
    int i, n = w->applied->nelts, before = 0;

    walk_ifs_of(w, w->vhost->blocks, w->vhost->nblocks, &before);
    for (i = 0; i < n; i++) {
        const ctl_block_t *block = APR_ARRAY_IDX(w->applied, i, const ctl_block_t *);

        walk_ifs_of(w, block->blocks, block->nblocks, &before);
    }
}

/* ---- all of it ----------------------------------------------------------------------------------------------- */

/* Sections that something else than httpd's files has made. */
static int has_others(const ctl_walk_t *w)
{
    int i;

    for (i = 0; i < w->vhost->nblocks; i++) {
        if (w->vhost->blocks[i].type == CTL_TYPE_OTHER) {
            return 1;
        }
    }
    return !w->vhost->in_tree;
}

int ctl_walk(ctl_walk_t *w)
{
    target_e target = TARGET_FILE;
    found_e found;

    w->applied = apr_array_make(w->p, 16, sizeof(const ctl_block_t *));
    w->known.filename = NULL;
    w->is_directory = 0;
    if (has_others(w)
        && ctl_doubt(w->doubts,
                     "what a part of the configuration says: it is in no file (mod_perl makes such parts)")) {
        return 0;
    }
    walk_locations(w); /* also where a ProxyPass or Alias may be */
    if (!find_target(w, &target)) {
        return 0;
    }
    w->applied->nelts = 0;
    switch (target) {
    case TARGET_FILE:
        found = walk_directories(w);
        if (found == FOUND_ANYTHING) {
            return 0;
        }
        w->is_directory = found == FOUND_DIRECTORY;
        walk_files(w, found);
        break;
    case TARGET_PROXY:
        doubt_files(w, CTL_TYPE_PROXY, CTL_TYPE_PROXY_MATCH, "it depends on where the request is sent to");
        break;
    case TARGET_UNKNOWN:
        doubt_files(w, CTL_TYPE_DIRECTORY, CTL_TYPE_DIRECTORY_MATCH, "which file it is only httpd knows");
        doubt_files(w, CTL_TYPE_FILES, CTL_TYPE_FILES_MATCH, "which file it is only httpd knows");
        break;
    }
    walk_locations(w);
    walk_ifs(w);
    return 1;
}

void ctl_walk_section(ctl_walk_t *w, const ctl_block_t *block)
{
    const ctl_block_t *outer[32];
    int n = 0;

    w->applied = apr_array_make(w->p, 16, sizeof(const ctl_block_t *));
    for (; block && n < 32; block = block->outer) {
        outer[n++] = block;
    }
    while (n > 0) {
        apply(w, outer[--n]);
    }
}
