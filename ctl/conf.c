/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reads what `httpd -t -D DUMP_CERTMAP` prints (httpd/dump.c tells the format) and makes lists of it, with the engine's
 * own parser. Anything that is not understood is an error: nothing may be decided on half a configuration.
 */
#include "conf.h"

#include <stdlib.h>
#include <string.h>

#include <apr_file_info.h>
#include <apr_hash.h>
#include <apr_lib.h>

#define FORMAT "# certmap configuration, format "
#define OURS FORMAT "1"
#define SECONDS 120

typedef struct reader_t {
    ctl_t *ctl;
    const char *at; /* of the line that is next */
    const char *end;
    int line;            /* its number */
    apr_hash_t *lists;   /* text of a list to list_t: many sections have the same */
    apr_hash_t *sources; /* "PROVIDER ARGUMENT" to certmap_source_t */
    apr_pool_t *pool;
} reader_t;

typedef struct list_t {
    const certmap_list_t *list;
    const apr_array_header_t *said;
} list_t;

/* ---- lines --------------------------------------------------------------------------------------------------- */

/* The next line, or NULL at the end. */
static const char *peek(const reader_t *r, apr_size_t *len)
{
    const char *newline = r->at < r->end ? memchr(r->at, '\n', (apr_size_t)(r->end - r->at)) : NULL;

    *len = newline ? (apr_size_t)(newline - r->at) : 0;
    return newline ? r->at : NULL; /* what does not end was cut off */
}

static void skip(reader_t *r, apr_size_t len)
{
    r->at += len + 1;
    r->line++;
}

static int begins(const char *line, apr_size_t len, const char *with)
{
    apr_size_t n = strlen(with);

    return line && len >= n && memcmp(line, with, n) == 0;
}

static int not_understood(const reader_t *r, const char *what)
{
    return ctl_fail(r->ctl,
                    "line %d of what httpd -t -D DUMP_CERTMAP prints is not understood (%s); is its "
                    "mod_certmap of another version?",
                    r->line, what);
}

/* ---- words --------------------------------------------------------------------------------------------------- */

/* Text in double quotes. @return NULL when it is not in order */
static const char *read_quoted(const char **at, apr_pool_t *p)
{
    const char *s = *at + 1;
    char *out, *to;

    to = out = apr_palloc(p, strlen(s) + 1);
    while (*s && *s != '"') {
        if (*s != '\\') {
            *to++ = *s++;
        }
        else if (s[1] == '"' || s[1] == '\\') {
            *to++ = s[1];
            s += 2;
        }
        else if (s[1] == 'x' && apr_isxdigit(s[2]) && apr_isxdigit(s[3])) {
            char digits[3] = { s[2], s[3], '\0' };

            *to++ = (char)strtol(digits, NULL, 16);
            s += 4;
        }
        else {
            return NULL;
        }
    }
    *to = '\0';
    *at = s + 1;
    return *s ? out : NULL;
}

/* Text that ends before `end`, or with the line when that is "". */
static const char *read_text(const char **at, const char *end, apr_pool_t *p)
{
    const char *stop;
    const char *text;

    if (**at == '"') {
        return read_quoted(at, p);
    }
    stop = *end ? strstr(*at, end) : *at + strlen(*at);
    if (!stop) {
        return NULL;
    }
    text = apr_pstrmemdup(p, *at, (apr_size_t)(stop - *at));
    *at = stop;
    return text;
}

/* WORD:NUMBER and what must stand behind it; *at is moved behind that. */
static int read_place(const char **at, const char *behind, const char **text, int *number, apr_pool_t *p)
{
    const char *s = *at;
    const char *colon = NULL;
    apr_size_t n;

    if (*s == '"') {
        *text = read_quoted(&s, p);
        colon = *text && *s == ':' ? s : NULL;
    }
    else {
        apr_size_t length = strcspn(s, " ");
        apr_size_t tail = strcspn(behind, " ");

        for (n = length > tail ? length - tail : 0; n > 0 && s[n] != ':'; n--) {
        }
        colon = n > 0 ? s + n : NULL;
        *text = apr_pstrmemdup(p, s, n);
    }
    n = colon ? strspn(colon + 1, "0123456789") : 0;
    if (n == 0 || n > 9 || strncmp(colon + 1 + n, behind, strlen(behind)) != 0) {
        return 0;
    }
    *number = atoi(colon + 1);
    *at = colon + 1 + n + strlen(behind);
    return 1;
}

/* One of some words, and its index; -1 when it is none of them. *at is moved behind it. */
static int read_choice(const char **at, const char *const *words)
{
    int i, found = -1;
    apr_size_t length = 0;

    for (i = 0; words[i]; i++) {
        apr_size_t n = strlen(words[i]);

        if (n > length && strncmp(*at, words[i], n) == 0) {
            found = i;
            length = n;
        }
    }
    *at += length;
    return found;
}

static int read_fixed(const char **at, const char *text)
{
    apr_size_t n = strlen(text);

    if (strncmp(*at, text, n) != 0) {
        return 0;
    }
    *at += n;
    return 1;
}

/* ---- sources ------------------------------------------------------------------------------------------------- */

static apr_status_t only_httpd(certmap_source_t *source, const certmap_cert_t *cert, certmap_lookup_t *found,
                               const char **why, apr_pool_t *p)
{
    (void)cert;
    memset(found, 0, sizeof(*found));
    *why = apr_psprintf(p, "%s can be asked by httpd only", source->name);
    return APR_ENOTIMPL;
}

static apr_uint64_t never_changes(certmap_source_t *source)
{
    (void)source;
    return 1;
}

static const certmap_source_vtable_t unasked = {
    .name = "unasked",
    .lookup = only_httpd,
    .generation = never_changes,
};

/* The source that CertMapSource speaks of; the same object for the same words. */
static certmap_source_t *source_of(reader_t *r, const char *words)
{
    certmap_source_t *source = apr_hash_get(r->sources, words, APR_HASH_KEY_STRING);

    if (source) {
        return source;
    }
    if (strncmp(words, "file ", 5) == 0) {
        source = certmap_source_file_create(words + 5, r->pool);
    }
    else if (strncmp(words, "store ", 6) == 0) {
        certmap_store_report_t report;

        source = certmap_source_store_create(words + 6, NULL, r->pool);
        certmap_source_store_look(source, NULL, NULL, &report, r->pool); /* asked, it says what is wrong */
    }
    else {
        source = apr_pcalloc(r->pool, sizeof(*source));
        source->vtable = &unasked;
        source->name = words;
    }
    apr_hash_set(r->sources, words, APR_HASH_KEY_STRING, source);
    return source;
}

/* ---- lists --------------------------------------------------------------------------------------------------- */

/* A list while it grows: rules are gathered until a source stands between them. */
typedef struct growing_t {
    certmap_builder_t *builder;
    const certmap_list_t *list;
    apr_array_header_t *said;
} growing_t;

static void add_link(reader_t *r, growing_t *g, const certmap_ruleset_t *rules, certmap_source_t *source)
{
    certmap_list_t *link = apr_pcalloc(r->pool, sizeof(*link));

    link->outer = g->list;
    link->rules = rules;
    link->source = source;
    g->list = link;
}

static void end_rules(reader_t *r, growing_t *g)
{
    if (g->builder) {
        apr_array_cat(g->said, certmap_builder_errors(g->builder));
        add_link(r, g, certmap_builder_finish(g->builder), NULL);
        g->builder = NULL;
    }
}

/* Where the comment of a rule's line begins: at a '#' that begins a word outside quotes. NULL: there is none. */
static const char *find_comment(const char *line)
{
    const char *s;
    char quote = '\0';

    for (s = line; *s; s++) {
        if (quote && *s == '\\' && (s[1] == quote || s[1] == '\\')) {
            s++;
        }
        else if (quote ? *s == quote : *s == '"' || *s == '\'') {
            quote = quote ? '\0' : *s;
        }
        else if (!quote && *s == '#' && s > line && s[-1] == ' ') {
            return s;
        }
    }
    return NULL;
}

static int read_rule(reader_t *r, growing_t *g, const char *line)
{
    static const char *const strengths[] = { "weak, ", "scoped, ", "strong, ", NULL };
    const char *comment = find_comment(line), *at = comment, *file;
    int number;

    if (!comment || !read_fixed(&at, "# ")) {
        return not_understood(r, "a rule without its place");
    }
    read_choice(&at, strengths);
    if (!read_place(&at, "", &file, &number, r->pool) || *at) {
        return not_understood(r, "the place of a rule");
    }
    if (!g->builder) {
        g->builder = certmap_builder_create(r->pool);
    }
    if (certmap_builder_add_line(g->builder, (certmap_str_t){ line, (apr_size_t)(comment - line) }, file, number)
        != APR_SUCCESS) {
        ctl_report(r->ctl, certmap_builder_errors(g->builder), NULL, (certmap_str_t){ NULL, 0 });
        return not_understood(r, "a rule");
    }
    return CTL_OK;
}

/* Whether a line is a directive and not a rule of that name. */
static int is_directive(const char **at, const char *name)
{
    const char *s = *at;

    if (!read_fixed(&s, name) || strncmp(s, "allow ", 6) == 0 || strncmp(s, "deny ", 5) == 0) {
        return 0;
    }
    *at = s;
    return 1;
}

static int read_member(reader_t *r, growing_t *g, const char *line)
{
    const char *at = line;
    const char *text;

    if (is_directive(&at, "CertMapRuleFile ")) {
        return read_text(&at, "", r->pool) && !*at ? CTL_OK : not_understood(r, "CertMapRuleFile");
    }
    if (is_directive(&at, "CertMapSource ")) {
        text = read_text(&at, "", r->pool);
        if (!text || *at) {
            return not_understood(r, "CertMapSource");
        }
        end_rules(r, g);
        add_link(r, g, NULL, source_of(r, text));
        return CTL_OK;
    }
    return read_rule(r, g, line);
}

/* The lines of a section's list. */
static int read_list(reader_t *r, const list_t **list)
{
    const char *begin = r->at, *line;
    growing_t g = { NULL, NULL, apr_array_make(r->pool, 4, sizeof(certmap_error_t)) };
    apr_pool_t *scratch;
    apr_size_t len;
    int status = CTL_OK, first = r->line;
    list_t *made;

    while ((line = peek(r, &len)) && begins(line, len, "    ")) {
        skip(r, len);
    }
    *list = apr_hash_get(r->lists, begin, r->at - begin);
    if (*list) {
        return CTL_OK;
    }
    apr_pool_create(&scratch, r->pool);
    r->at = begin;
    r->line = first;
    while (status == CTL_OK && (line = peek(r, &len)) && begins(line, len, "    ")) {
        status = read_member(r, &g, apr_pstrmemdup(scratch, line + 4, len - 4));
        skip(r, len);
        apr_pool_clear(scratch);
    }
    end_rules(r, &g);
    made = apr_palloc(r->pool, sizeof(*made));
    *made = (list_t){ g.list, g.said };
    apr_hash_set(r->lists, begin, r->at - begin, made);
    *list = made;
    return status;
}

/* ---- sections and hosts -------------------------------------------------------------------------------------- */

static const char *const switches[] = { "Off", "On", NULL };

static int read_section_line(reader_t *r, ctl_section_t *section, const char *line, int first)
{
    static const char *const modes[] = {
        [CTL_MODE_UNSET] = "unset",
        [CTL_MODE_OFF] = "Off",
        [CTL_MODE_OPTIONAL] = "Optional",
        [CTL_MODE_ON] = "On",
        NULL,
    };
    static const char *const strengths[] = {
        [CERTMAP_WEAK] = "weak",
        [CERTMAP_SCOPED] = "scoped",
        [CERTMAP_STRONG] = "strong",
        NULL,
    };
    const char *at = line;
    int mode, min, report;

    section->name = read_text(&at, ": CertMap ", r->pool);
    if (!section->name || !read_fixed(&at, ": CertMap ") || (mode = read_choice(&at, modes)) < 0) {
        return not_understood(r, "a section");
    }
    section->mode = (ctl_mode_e)mode;
    section->exempt = read_fixed(&at, " (outside the guard)");
    if (!read_fixed(&at, ", CertMapMinStrength ") || (min = read_choice(&at, strengths)) < 0
        || !read_fixed(&at, ", CertMapReportOnly ") || (report = read_choice(&at, switches)) < 0) {
        return not_understood(r, "a section");
    }
    section->min = (certmap_strength_e)min;
    section->report_only = report;
    if (first ? *at != '\0'
              : !read_fixed(&at, " (") || !read_place(&at, ")", &section->file, &section->line, r->pool) || *at) {
        return not_understood(r, "the place of a section");
    }
    return CTL_OK;
}

static int read_section(reader_t *r, ctl_section_t *section, int first)
{
    apr_size_t len;
    const char *line = peek(r, &len);
    const list_t *list;
    int status = read_section_line(r, section, apr_pstrmemdup(r->pool, line + 2, len - 2), first);

    if (status != CTL_OK) {
        return status;
    }
    skip(r, len);
    while ((line = peek(r, &len)) && begins(line, len, "    CertMapErrorDocument 403.")) {
        skip(r, len);
    }
    status = read_list(r, &list);
    if (status == CTL_OK) {
        section->list = list->list;
        section->said = list->said;
    }
    return status;
}

static int read_vhost(reader_t *r, ctl_vhost_t *vhost, int first)
{
    apr_array_header_t *sections = apr_array_make(r->pool, 4, sizeof(ctl_section_t));
    apr_size_t len;
    const char *line = peek(r, &len);
    const char *at = apr_pstrmemdup(r->pool, line, len);
    int status = CTL_OK;

    if (!read_place(&at, " (", &vhost->name, &vhost->port, r->pool)
        || (first ? !read_fixed(&at, "main server): CertMapDeferErrors ")
                  : !read_place(&at, "): CertMapDeferErrors ", &vhost->file, &vhost->line, r->pool))
        || (vhost->defer = read_choice(&at, switches)) < 0 || *at) {
        return not_understood(r, "a virtual host");
    }
    skip(r, len);
    while (status == CTL_OK && (line = peek(r, &len)) && begins(line, len, "  ")) {
        ctl_section_t *section = apr_array_push(sections);

        memset(section, 0, sizeof(*section));
        status = read_section(r, section, sections->nelts == 1);
    }
    vhost->sections = (const ctl_section_t *)sections->elts;
    vhost->nsections = sections->nelts;
    return status != CTL_OK || vhost->nsections > 0 ? status : not_understood(r, "a virtual host without its level");
}

static int read_dump(reader_t *r, ctl_conf_t *conf)
{
    apr_array_header_t *vhosts = apr_array_make(r->pool, 4, sizeof(ctl_vhost_t));
    apr_size_t len;
    const char *line = peek(r, &len);
    int status = CTL_OK;

    if (!begins(line, len, OURS) || len != strlen(OURS)) {
        return not_understood(r, "its format");
    }
    skip(r, len);
    while (status == CTL_OK && (line = peek(r, &len)) && !begins(line, len, "#")) {
        ctl_vhost_t *vhost = apr_array_push(vhosts);

        memset(vhost, 0, sizeof(*vhost));
        status = read_vhost(r, vhost, vhosts->nelts == 1);
    }
    if (status == CTL_OK && (!line || !begins(line, len, "# end") || len != 5 || vhosts->nelts == 0)) {
        return not_understood(r, "its end is missing");
    }
    conf->vhosts = (const ctl_vhost_t *)vhosts->elts;
    conf->nvhosts = vhosts->nelts;
    return status;
}

/* ---- asking httpd -------------------------------------------------------------------------------------------- */

/* Some other module may have printed something before. @return where ours begins, or NULL */
static const char *find_dump(certmap_str_t out)
{
    const char *at = out.data;

    while (at && strncmp(at, FORMAT, strlen(FORMAT)) != 0) {
        at = strchr(at, '\n');
        at = at ? at + 1 : NULL;
    }
    return at;
}

static void show(ctl_t *ctl, certmap_str_t text)
{
    char *copy = apr_pstrmemdup(ctl->pool, text.data, text.len), *line, *last;

    for (line = apr_strtok(copy, "\n", &last); line; line = apr_strtok(NULL, "\n", &last)) {
        fprintf(stderr, "%s\n", ctl_printable(line, ctl->pool));
    }
}

int ctl_conf_read(ctl_t *ctl, const char *httpd, const char *file, const ctl_conf_t **conf)
{
    const char *program = httpd ? httpd : getenv("HTTPD") && *getenv("HTTPD") ? getenv("HTTPD") : CERTMAP_HTTPD;
    const char *argv[] = { program, "-t", "-D", "DUMP_CERTMAP", "-f", NULL, NULL };
    ctl_conf_t *made = apr_pcalloc(ctl->pool, sizeof(*made));
    reader_t r = { .ctl = ctl, .line = 1, .pool = ctl->pool };
    certmap_str_t out;
    char *path;
    int status;

    /* httpd would look for a relative path below its ServerRoot. */
    if (apr_filepath_merge(&path, NULL, file, APR_FILEPATH_TRUENAME, ctl->pool) != APR_SUCCESS) {
        return ctl_fail(ctl, "%s: not a path", ctl_printable(file, ctl->pool));
    }
    argv[5] = path;
    if (ctl_run(ctl, argv, SECONDS, &out, &made->stderr_text, &status) != CTL_OK) {
        return CTL_ERROR;
    }
    if (status != 0) {
        show(ctl, made->stderr_text);
        return ctl_fail(ctl, "%s: refused by %s -t, which ended with status %d", ctl_printable(file, ctl->pool),
                        ctl_printable(program, ctl->pool), status);
    }
    made->file = file;
    r.at = find_dump(out);
    if (!r.at) {
        return ctl_fail(ctl, "%s: %s says nothing of certmap: the configuration does not load mod_certmap",
                        ctl_printable(file, ctl->pool), ctl_printable(program, ctl->pool));
    }
    r.end = out.data + out.len;
    r.lists = apr_hash_make(ctl->pool);
    r.sources = apr_hash_make(ctl->pool);
    *conf = made;
    return read_dump(&r, made);
}
