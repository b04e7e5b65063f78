/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Start-up checks: files of rules and entries that the account of the children cannot read, or can write; error
 * documents that do not exist.
 */
#include "check.h"

#include <sys/stat.h>

#include <apr_file_info.h>
#include <apr_fnmatch.h>
#include <apr_strings.h>
#include <http_core.h>
#include <unixd.h>

#include "account.h"
#include "conftree.h"

/* ---- which accounts may read and write ------------------------------------------------------------------------ */

/* An account that can write a folder can put another file in place of any in it, unless the folder is sticky. */
static int folder_counts(const struct stat *info)
{
    return !(info->st_mode & S_ISVTX);
}

static void check_writers(certmap_check_t *check, const ap_directive_t *d, const char *path, const struct stat *file)
{
    const char *slash = strrchr(path, '/'),
               *advice = "an account that can do that can get any user; let root own it, and "
                         "let nobody else write to it";
    const char *folder = slash == path ? "/" : apr_pstrmemdup(check->p, path, (apr_size_t)(slash - path));
    struct stat info;
    int replaceable = stat(folder, &info) == 0 && folder_counts(&info);

    if (file->st_mode & S_IWOTH) {
        certmap_check_say(check, APLOG_WARNING, "%s: everybody can write this file: %s", certmap_check_at(check, d),
                          advice);
    }
    else if (replaceable && (info.st_mode & S_IWOTH)) {
        certmap_check_say(check, APLOG_WARNING, "%s: everybody can write the folder %s, and so replace this file: %s",
                          certmap_check_at(check, d), folder, advice);
    }
    else if (certmap_account_is_other() && certmap_account_writes(path, check->p)) {
        certmap_check_say(check, APLOG_WARNING, "%s: the account of 'User', %s, can write this file: %s",
                          certmap_check_at(check, d), ap_unixd_config.user_name, advice);
    }
    else if (certmap_account_is_other() && replaceable && certmap_account_writes(folder, check->p)) {
        certmap_check_say(check, APLOG_WARNING,
                          "%s: the account of 'User', %s, can write the folder %s, and so replace this file: %s",
                          certmap_check_at(check, d), ap_unixd_config.user_name, folder, advice);
    }
}

static void check_file(certmap_check_t *check, const ap_directive_t *d, const char *path)
{
    struct stat info;

    if (!path || stat(path, &info) != 0 || !strchr(path, '/')) {
        return; /* what cannot be read at all has been refused */
    }
    if (certmap_account_is_other() && !certmap_account_reads(path, check->p)) {
        certmap_check_say(check, APLOG_WARNING,
                          "%s: the account of 'User', %s, cannot read this file: its changes will be seen at the next "
                          "restart only",
                          certmap_check_at(check, d), ap_unixd_config.user_name);
    }
    check_writers(check, d, path, &info);
}

static int read_file(const ap_directive_t *d, certmap_level_e level, void *baton)
{
    certmap_check_t *check = baton;
    const char *args = d->args;

    (void)level;
    if (certmap_check_is(d, "CertMapSource")) {
        ap_getword_conf(check->p, &args);
    }
    else if (!certmap_check_is(d, "CertMapRuleFile")) {
        return 1;
    }
    check_file(check, d, ap_server_root_relative(check->p, ap_getword_conf(check->p, &args)));
    return 1;
}

void certmap_check_files(certmap_check_t *check)
{
    certmap_conftree_each(check->s, read_file, check);
}

/* ---- error documents --------------------------------------------------------------------------------------------- */

/* Of the current server. */
typedef struct mapping_t {
    apr_array_header_t *documents; /* CertMapErrorDocument */
    apr_array_header_t *aliases;   /* Alias, ScriptAlias */
    apr_array_header_t *others;    /* what may lead a path elsewhere than into a folder */
} mapping_t;

/* Where the path of a document leads, as far as the configuration shows it. */
typedef struct document_t {
    certmap_check_t *check;
    const char *path;
    int unsure; /* something else may answer for it */
    int found;
} document_t;

/* A file, or one further up that gets the rest as its path; or mod_negotiation's "NAME.LANGUAGE". */
static int exists(const char *file, apr_pool_t *p)
{
    char *path = apr_pstrdup(p, file), *slash;
    const char *name;
    apr_finfo_t info;
    apr_dir_t *dir;
    apr_status_t rv = apr_stat(&info, path, APR_FINFO_TYPE, p);
    int found = 0;

    if (!APR_STATUS_IS_ENOENT(rv) && !APR_STATUS_IS_ENOTDIR(rv)) {
        return 1; /* or nobody can tell */
    }
    slash = strrchr(path, '/');
    if (!slash) {
        return 0;
    }
    *slash = '\0';
    name = slash + 1;
    if (apr_dir_open(&dir, *path ? path : "/", p) == APR_SUCCESS) {
        while (!found && apr_dir_read(&info, APR_FINFO_NAME, dir) == APR_SUCCESS) {
            found = *name && strncmp(info.name, name, strlen(name)) == 0 && info.name[strlen(name)] == '.';
        }
        apr_dir_close(dir);
        return found;
    }
    while (*path && (rv = apr_stat(&info, path, APR_FINFO_TYPE, p)) != APR_SUCCESS && (slash = strrchr(path, '/'))) {
        if (!APR_STATUS_IS_ENOENT(rv) && !APR_STATUS_IS_ENOTDIR(rv)) {
            return 1;
        }
        *slash = '\0';
    }
    return rv == APR_SUCCESS && info.filetype != APR_DIR;
}

/* What follows a prefix of the path, as mod_alias finds it; NULL: it is none. */
static const char *after_prefix(const char *path, const char *prefix)
{
    apr_size_t n = strlen(prefix);

    if (strncmp(path, prefix, n) != 0 || (n && prefix[n - 1] != '/' && path[n] && path[n] != '/')) {
        return NULL;
    }
    return path + n;
}

static void read_alias(document_t *doc, const ap_directive_t *d)
{
    const char *args = d->args, *prefix = ap_getword_conf(doc->check->p, &args);
    const char *target = ap_getword_conf(doc->check->p, &args), *rest;

    if (!*target || *prefix != '/') { /* in a <Location> the section's path is the prefix */
        doc->unsure = 1;
        return;
    }
    rest = after_prefix(doc->path, prefix);
    target = ap_server_root_relative(doc->check->p, target);
    if (rest && target) {
        doc->found |= exists(apr_pstrcat(doc->check->p, target, rest, NULL), doc->check->p);
    }
}

/* SetHandler, ProxyPass and the like in a section: whether that is about the document. */
static int section_applies(document_t *doc, const ap_directive_t *d)
{
    const ap_directive_t *section = d->parent;
    const char *name = strrchr(doc->path, '/') + 1, *args, *word;
    ap_regex_t regex;
    int match;

    for (; section && !certmap_check_is(section, "<VirtualHost"); section = section->parent) {
        args = apr_pstrmemdup(doc->check->p, section->args, strcspn(section->args, ">"));
        word = ap_getword_conf(doc->check->p, &args);
        if (certmap_check_is(section, "<Location") && *word == '/' && !strpbrk(word, "*?[")
            && !after_prefix(doc->path, word)) {
            return 0;
        }
        if (certmap_check_is(section, "<Files") && strcmp(word, "~") != 0
            && apr_fnmatch(word, name, APR_FNM_PERIOD) != APR_SUCCESS) {
            return 0;
        }
        if (certmap_check_is(section, "<FilesMatch") && ap_regcomp(&regex, word, AP_REG_EXTENDED) == 0) {
            match = ap_regexec(&regex, name, 0, NULL, 0) == 0;
            ap_regfree(&regex);
            if (!match) {
                return 0;
            }
        }
    }
    return 1;
}

/* Whether a directive that may lead a path elsewhere is about another one. */
static int is_of_other_path(document_t *doc, const ap_directive_t *d)
{
    const char *first = certmap_check_first_word(doc->check, d);

    if (certmap_check_is(d, "UserDir")) {
        return doc->path[1] != '~';
    }
    return (certmap_check_is(d, "ProxyPass") || certmap_check_is(d, "Redirect") || certmap_check_is(d, "RedirectTemp")
            || certmap_check_is(d, "RedirectPermanent"))
           && *first == '/' && !after_prefix(doc->path, first);
}

static void check_document(certmap_check_t *check, const mapping_t *mapping, const ap_directive_t *d)
{
    core_server_config *core = ap_get_core_module_config(check->s->module_config);
    const char *args = d->args, *status = ap_getword_conf(check->p, &args);
    char *path = ap_getword_conf(check->p, &args);
    document_t doc = { .check = check, .path = path };
    int i;

    if (*path != '/') {
        return;
    }
    path[strcspn(path, "?#")] = '\0';
    if (!core->ap_document_root || ap_unescape_url(path) != OK
        || exists(apr_pstrcat(check->p, core->ap_document_root, path, NULL), check->p)) {
        return;
    }
    for (i = 0; i < mapping->aliases->nelts; i++) {
        read_alias(&doc, APR_ARRAY_IDX(mapping->aliases, i, const ap_directive_t *));
    }
    for (i = 0; i < mapping->others->nelts && !doc.unsure && !doc.found; i++) {
        const ap_directive_t *other = APR_ARRAY_IDX(mapping->others, i, const ap_directive_t *);

        doc.unsure = !is_of_other_path(&doc, other) && section_applies(&doc, other);
    }
    if (!doc.unsure && !doc.found) {
        certmap_check_say(check, APLOG_WARNING,
                          "%s: in %s there is no such file (%s%s): the built-in page is shown in place of the document "
                          "of %s",
                          certmap_check_at(check, d), certmap_check_server_name(check), core->ap_document_root, path,
                          status);
    }
}

static int read_mapping(const ap_directive_t *d, certmap_level_e level, void *baton)
{
    static const char *const others[] = {
        "AliasMatch",
        "ScriptAliasMatch",
        "RewriteRule",
        "Redirect",
        "RedirectMatch",
        "RedirectTemp",
        "RedirectPermanent",
        "VirtualDocumentRoot",
        "VirtualDocumentRootIP",
        "VirtualScriptAlias",
        "VirtualScriptAliasIP",
        "FallbackResource",
        "SetHandler",
        "ProxyPass",
        "ProxyPassMatch",
        "WSGIScriptAlias",
        "WSGIScriptAliasMatch",
        "JkMount",
        "LuaMapHandler",
        "LuaHookTranslateName",
        "PerlTransHandler",
        "PerlMapToStorageHandler",
        "Action",
        "UserDir",
    };
    mapping_t *mapping = baton;
    apr_size_t i;

    (void)level;
    if (certmap_check_is(d, "CertMapErrorDocument")) {
        APR_ARRAY_PUSH(mapping->documents, const ap_directive_t *) = d;
    }
    else if (certmap_check_is(d, "Alias") || certmap_check_is(d, "ScriptAlias")) {
        APR_ARRAY_PUSH(mapping->aliases, const ap_directive_t *) = d;
    }
    for (i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
        if (certmap_check_is(d, others[i])) {
            APR_ARRAY_PUSH(mapping->others, const ap_directive_t *) = d;
        }
    }
    return 1;
}

void certmap_check_documents(certmap_check_t *check)
{
    mapping_t mapping = { apr_array_make(check->p, 4, sizeof(const ap_directive_t *)),
                          apr_array_make(check->p, 8, sizeof(const ap_directive_t *)),
                          apr_array_make(check->p, 8, sizeof(const ap_directive_t *)) };
    int i;

    certmap_conftree_each(check->s, read_mapping, &mapping);
    for (i = 0; i < mapping.documents->nelts; i++) {
        check_document(check, &mapping, APR_ARRAY_IDX(mapping.documents, i, const ap_directive_t *));
    }
}
