/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reads what `httpd -t -D DUMP_CERTMAP_JSON` prints (docs/internals.md describes it) and makes lists of it, with the
 * engine's own parser. Anything that is not understood is an error: nothing may be decided on half a configuration.
 */
#include "conf.h"

#include <stdlib.h>
#include <string.h>

#include <apr_escape.h>
#include <apr_file_info.h>
#include <apr_hash.h>

#include <jansson.h>

#define BEGIN "{\n  \"format\": \"certmap configuration\","
#define SCHEMA 1

/* A link of lists. */
typedef struct conf_link_t {
    const certmap_ruleset_t *rules;
    certmap_source_t *source;
    const apr_array_header_t *said;
} conf_link_t;

typedef struct conf_list_t {
    const certmap_list_t *list;
    const apr_array_header_t *said;
} conf_list_t;

typedef struct ctl_conf_links_t {
    conf_link_t *links;
    int nlinks;
    apr_hash_t *lists; /* numbers of links, as bytes, to conf_list_t: many sections have the same list */
} ctl_conf_links_t;

typedef struct conf_reader_t {
    ctl_t *ctl;
    ctl_conf_links_t *made;
    apr_hash_t *sources; /* "PROVIDER ARGUMENT" to certmap_source_t */
    apr_pool_t *pool;
    const char *wrong; /* what was not understood first; NULL: nothing yet */
} conf_reader_t;

/* ---- values -------------------------------------------------------------------------------------------------- */

static void not_understood(conf_reader_t *r, const char *what)
{
    r->wrong = r->wrong ? r->wrong : what;
}

/* What is not UTF-8 is given as its bytes. */
static const char *text_of(conf_reader_t *r, const json_t *value)
{
    const char *hex = json_string_value(json_object_get(value, "hex"));
    apr_size_t len = 0;
    const char *bytes = hex ? apr_punescape_hex(r->pool, hex, 0, &len) : NULL;

    return bytes ? apr_pstrmemdup(r->pool, bytes, len) : apr_pstrdup(r->pool, json_string_value(value));
}

/* A member that may be null. */
static const char *get_text_or_null(conf_reader_t *r, const json_t *object, const char *name)
{
    const json_t *value = json_object_get(object, name);
    const char *text = text_of(r, value);

    if (!text && !json_is_null(value)) {
        not_understood(r, name);
    }
    return text;
}

/* "" when it is not there, which has been noted. */
static const char *get_text(conf_reader_t *r, const json_t *object, const char *name)
{
    const char *text = get_text_or_null(r, object, name);

    if (!text) {
        not_understood(r, name);
    }
    return text ? text : "";
}

static int get_number(conf_reader_t *r, const json_t *object, const char *name)
{
    const json_t *value = json_object_get(object, name);
    json_int_t number = json_integer_value(value);

    if (!json_is_integer(value) || number < 0 || number > 0x7fffffff) {
        not_understood(r, name);
        return 0;
    }
    return (int)number;
}

static int get_bool(conf_reader_t *r, const json_t *object, const char *name)
{
    const json_t *value = json_object_get(object, name);

    if (!json_is_boolean(value)) {
        not_understood(r, name);
    }
    return json_is_true(value);
}

static const json_t *get_array(conf_reader_t *r, const json_t *object, const char *name)
{
    const json_t *value = json_object_get(object, name);

    if (!json_is_array(value)) {
        not_understood(r, name);
    }
    return value;
}

/* ---- sources ------------------------------------------------------------------------------------------------- */

static apr_status_t only_httpd(certmap_source_t *source, const certmap_cert_t *cert, certmap_lookup_t *found,
                               const char **why, apr_pool_t *p)
{
    (void)cert;
    memset(found, 0, sizeof(*found));
    *why = apr_psprintf(p, "only httpd can ask %s", source->name);
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

/* The source that CertMapSource names; the same object for the same words. */
static certmap_source_t *source_of(conf_reader_t *r, const char *provider, const char *argument)
{
    const char *words = apr_pstrcat(r->pool, provider, " ", argument, NULL);
    certmap_source_t *source = apr_hash_get(r->sources, words, APR_HASH_KEY_STRING);

    if (source) {
        return source;
    }
    if (strcmp(provider, "file") == 0) {
        source = certmap_source_file_create(argument, r->pool);
    }
    else if (strcmp(provider, "store") == 0) {
        source = certmap_source_store_create(argument, NULL, r->pool);
        ctl_progress_look(r->ctl, source);
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

static void read_rules(conf_reader_t *r, const json_t *rules, conf_link_t *link)
{
    certmap_builder_t *builder = certmap_builder_create(r->pool);
    apr_size_t i;
    const json_t *rule;

    json_array_foreach(rules, i, rule)
    {
        const char *text = get_text(r, rule, "text");
        const char *file = get_text_or_null(r, rule, "file");

        if (certmap_builder_add_line(builder, (certmap_str_t){ text, strlen(text) }, file, get_number(r, rule, "line"))
                != APR_SUCCESS
            && !r->wrong) {
            ctl_report(r->ctl, certmap_builder_errors(builder), NULL, (certmap_str_t){ NULL, 0 });
            not_understood(r, "a rule");
        }
    }
    link->said = certmap_builder_errors(builder);
    link->rules = certmap_builder_finish(builder);
}

static void read_links(conf_reader_t *r, const json_t *links)
{
    apr_size_t i;
    const json_t *value;

    r->made->nlinks = (int)json_array_size(links);
    r->made->links = apr_pcalloc(r->pool, ((apr_size_t)r->made->nlinks + 1) * sizeof(*r->made->links));
    json_array_foreach(links, i, value)
    {
        conf_link_t *link = &r->made->links[i];

        if (json_object_get(value, "provider")) {
            const char *provider = get_text(r, value, "provider");

            link->source = source_of(r, provider, get_text(r, value, "argument"));
        }
        else {
            read_rules(r, get_array(r, value, "rules"), link);
        }
    }
}

static const conf_list_t *list_of(ctl_conf_links_t *links, const int *numbers, int n, apr_pool_t *p)
{
    apr_ssize_t len = (apr_ssize_t)((apr_size_t)n * sizeof(*numbers));
    conf_list_t *made = n ? apr_hash_get(links->lists, numbers, len) : NULL;
    apr_array_header_t *said;
    int i;

    if (made) {
        return made;
    }
    made = apr_pcalloc(p, sizeof(*made));
    said = apr_array_make(p, 4, sizeof(certmap_error_t));
    for (i = 0; i < n; i++) {
        const conf_link_t *link = &links->links[numbers[i]];
        certmap_list_t *member = apr_pcalloc(p, sizeof(*member));

        *member = (certmap_list_t){ .outer = made->list, .rules = link->rules, .source = link->source };
        made->list = member;
        if (link->said) {
            apr_array_cat(said, link->said);
        }
    }
    made->said = said;
    if (n) {
        apr_hash_set(links->lists, apr_pmemdup(p, numbers, (apr_size_t)len), len, made);
    }
    return made;
}

static const int *read_numbers(conf_reader_t *r, const json_t *values, int *n)
{
    int *numbers = apr_palloc(r->pool, (json_array_size(values) + 1) * sizeof(*numbers));
    apr_size_t i;
    const json_t *value;

    *n = 0;
    json_array_foreach(values, i, value)
    {
        json_int_t number = json_is_integer(value) ? json_integer_value(value) : -1;

        if (number < 0 || number >= r->made->nlinks) {
            not_understood(r, "list");
            break;
        }
        numbers[(*n)++] = (int)number;
    }
    return numbers;
}

static const conf_list_t *read_list(conf_reader_t *r, const json_t *values)
{
    int n;
    const int *numbers = read_numbers(r, values, &n);

    return list_of(r->made, numbers, n, r->pool);
}

/* ---- sections and hosts -------------------------------------------------------------------------------------- */

/* "mode" may be null where nothing is written. */
static ctl_mode_e read_mode(conf_reader_t *r, const json_t *settings)
{
    static const char *const modes[] = {
        [CTL_MODE_UNSET] = "unset",
        [CTL_MODE_OFF] = "Off",
        [CTL_MODE_OPTIONAL] = "Optional",
        [CTL_MODE_ON] = "On",
    };
    const char *word = json_is_null(json_object_get(settings, "mode")) ? "unset" : get_text(r, settings, "mode");
    int i;

    for (i = 0; i <= CTL_MODE_ON; i++) {
        if (strcmp(modes[i], word) == 0) {
            return (ctl_mode_e)i;
        }
    }
    not_understood(r, "mode");
    return CTL_MODE_UNSET;
}

static void read_settings(conf_reader_t *r, const json_t *settings, ctl_section_t *section)
{
    const conf_list_t *list = read_list(r, get_array(r, settings, "list"));

    section->mode = read_mode(r, settings);
    section->exempt = get_bool(r, settings, "exempt");
    section->report_only = get_bool(r, settings, "reportOnly");
    if (certmap_strength_parse(get_text(r, settings, "minStrength"), &section->min) != APR_SUCCESS) {
        not_understood(r, "minStrength");
    }
    section->list = list->list;
    section->said = list->said;
}

static int read_flag(conf_reader_t *r, const json_t *object, const char *name)
{
    return json_is_null(json_object_get(object, name)) ? CTL_UNSET : get_bool(r, object, name);
}

static const ctl_own_t *read_own(conf_reader_t *r, const json_t *value)
{
    const json_t *layers = get_array(r, value, "layers"), *layer;
    const char *min = get_text_or_null(r, value, "minStrength");
    ctl_own_t *own = apr_pcalloc(r->pool, sizeof(*own));
    ctl_layer_t *made = apr_pcalloc(r->pool, (json_array_size(layers) + 1) * sizeof(*made));
    certmap_strength_e strength;
    apr_size_t i;

    own->mode = read_mode(r, value);
    own->exempt = read_flag(r, value, "exempt");
    own->report_only = read_flag(r, value, "reportOnly");
    own->min = CTL_UNSET;
    if (min && certmap_strength_parse(min, &strength) == APR_SUCCESS) {
        own->min = (int)strength;
    }
    json_array_foreach(layers, i, layer)
    {
        made[i].inherit = read_flag(r, layer, "inherit");
        made[i].links = read_numbers(r, get_array(r, layer, "list"), &made[i].nlinks);
    }
    own->layers = made;
    own->nlayers = (int)json_array_size(layers);
    return own;
}

static const char *const *read_words(conf_reader_t *r, const json_t *object, int *n)
{
    const json_t *values = get_array(r, object, "words"), *value;
    const char **words = apr_pcalloc(r->pool, (json_array_size(values) + 1) * sizeof(*words));
    apr_size_t i;

    json_array_foreach(values, i, value)
    {
        words[i] = text_of(r, value);
        if (!words[i]) {
            not_understood(r, "words");
            words[i] = "";
        }
    }
    *n = (int)json_array_size(values);
    return words;
}

static const ctl_directive_t *read_directives(conf_reader_t *r, const json_t *values, int *n)
{
    ctl_directive_t *made = apr_pcalloc(r->pool, (json_array_size(values) + 1) * sizeof(*made));
    apr_size_t i;
    const json_t *value;

    json_array_foreach(values, i, value)
    {
        made[i].name = get_text(r, value, "name");
        made[i].arguments = get_text(r, value, "arguments");
        made[i].words = read_words(r, value, &made[i].nwords);
        made[i].file = get_text_or_null(r, value, "file");
        made[i].line = get_number(r, value, "line");
        made[i].inside = read_directives(r, json_object_get(value, "directives"), &made[i].ninside);
    }
    *n = (int)json_array_size(values);
    return made;
}

static ctl_type_e read_type(conf_reader_t *r, const json_t *value)
{
    static const char *const names[CTL_TYPE_COUNT] = {
        [CTL_TYPE_OTHER] = "",
        [CTL_TYPE_DIRECTORY] = "Directory",
        [CTL_TYPE_DIRECTORY_MATCH] = "DirectoryMatch",
        [CTL_TYPE_LOCATION] = "Location",
        [CTL_TYPE_LOCATION_MATCH] = "LocationMatch",
        [CTL_TYPE_FILES] = "Files",
        [CTL_TYPE_FILES_MATCH] = "FilesMatch",
        [CTL_TYPE_IF] = "If",
        [CTL_TYPE_ELSEIF] = "ElseIf",
        [CTL_TYPE_ELSE] = "Else",
        [CTL_TYPE_PROXY] = "Proxy",
        [CTL_TYPE_PROXY_MATCH] = "ProxyMatch",
    };
    const char *name = get_text_or_null(r, value, "type");
    int type;

    for (type = 0; name && type < CTL_TYPE_COUNT; type++) {
        if (strcmp(names[type], name) == 0) {
            return (ctl_type_e)type;
        }
    }
    return CTL_TYPE_OTHER;
}

/* All of them, and in sections those that have something of ours in them; the rest is other modules' business. */
static const ctl_block_t *read_blocks(conf_reader_t *r, const json_t *values, const ctl_block_t *outer,
                                      apr_array_header_t *sections, int *n)
{
    ctl_block_t *made = apr_pcalloc(r->pool, (json_array_size(values) + 1) * sizeof(*made));
    apr_size_t i;
    const json_t *value;

    json_array_foreach(values, i, value)
    {
        const json_t *settings = json_object_get(value, "effective");
        ctl_block_t *block = &made[i];

        *block = (ctl_block_t){ .type = read_type(r, value), .outer = outer, .name = get_text(r, value, "name") };
        block->file = get_text_or_null(r, value, "file");
        block->line = get_number(r, value, "line");
        if (block->type != CTL_TYPE_OTHER) {
            block->words = read_words(r, value, &block->nwords);
            block->directives = read_directives(r, get_array(r, value, "directives"), &block->ndirectives);
        }
        if (settings) {
            ctl_section_t section = { .name = block->name, .file = block->file, .line = block->line, .block = block };

            block->own = read_own(r, json_object_get(value, "own"));
            read_settings(r, settings, &section);
            APR_ARRAY_PUSH(sections, ctl_section_t) = section;
        }
        block->blocks = read_blocks(r, json_object_get(value, "sections"), block, sections, &block->nblocks);
    }
    *n = (int)json_array_size(values);
    return made;
}

static void read_host(conf_reader_t *r, const json_t *value, ctl_vhost_t *vhost)
{
    apr_array_header_t *sections = apr_array_make(r->pool, 4, sizeof(ctl_section_t));
    ctl_section_t level = { .name = "(server)" };

    vhost->name = get_text(r, value, "name");
    vhost->port = get_number(r, value, "port");
    vhost->file = get_text_or_null(r, value, "file");
    vhost->line = get_number(r, value, "line");
    vhost->defer = get_bool(r, value, "deferErrors");
    vhost->protocol = get_text_or_null(r, value, "protocol");
    vhost->root = get_text_or_null(r, value, "documentRoot");
    vhost->in_tree = get_bool(r, value, "inTree");
    vhost->own = read_own(r, json_object_get(value, "own"));
    vhost->main = read_directives(r, get_array(r, value, "mainDirectives"), &vhost->nmain);
    vhost->directives = read_directives(r, get_array(r, value, "directives"), &vhost->ndirectives);
    read_settings(r, json_object_get(value, "effective"), &level);
    APR_ARRAY_PUSH(sections, ctl_section_t) = level;
    vhost->blocks = read_blocks(r, get_array(r, value, "sections"), NULL, sections, &vhost->nblocks);
    vhost->sections = (const ctl_section_t *)sections->elts;
    vhost->nsections = sections->nelts;
}

static int read_document(conf_reader_t *r, const json_t *document, ctl_conf_t *conf)
{
    const json_t *hosts = get_array(r, document, "hosts");
    ctl_vhost_t *vhosts = apr_pcalloc(r->pool, (json_array_size(hosts) + 1) * sizeof(*vhosts));
    int schema = get_number(r, document, "schema");
    apr_size_t i;
    const json_t *host;

    if (schema != SCHEMA) {
        return ctl_fail(
            r->ctl,
            "httpd's mod_certmap describes its configuration in schema %d, this certmapctl reads schema %d; "
            "use those of one version",
            schema, SCHEMA);
    }
    read_links(r, get_array(r, document, "links"));
    conf->root = get_text(r, document, "serverRoot");
    json_array_foreach(hosts, i, host)
    {
        read_host(r, host, &vhosts[i]);
    }
    conf->vhosts = vhosts;
    conf->nvhosts = (int)json_array_size(hosts);
    if (conf->nvhosts == 0) {
        not_understood(r, "hosts");
    }
    return r->wrong ? ctl_fail(r->ctl,
                               "what httpd -t -D DUMP_CERTMAP_JSON prints is not understood (%s); is its mod_certmap "
                               "of another version?",
                               r->wrong)
                    : CTL_OK;
}

/* ---- what is asked of it --------------------------------------------------------------------------------------- */

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

int ctl_conf_list(ctl_t *ctl, const ctl_conf_t *conf, const apr_array_header_t *numbers, const certmap_list_t **list)
{
    *list = list_of(conf->links, (const int *)numbers->elts, numbers->nelts, ctl->pool)->list;
    return read_sources(ctl, *list);
}

const ctl_directive_t *ctl_conf_directive(const ctl_vhost_t *vhost, const char *name)
{
    int i;

    for (i = vhost->ndirectives - 1; i >= 0; i--) {
        if (strcmp(vhost->directives[i].name, name) == 0) {
            return &vhost->directives[i];
        }
    }
    for (i = vhost->nmain - 1; i >= 0; i--) {
        if (strcmp(vhost->main[i].name, name) == 0) {
            return &vhost->main[i];
        }
    }
    return NULL;
}

/* ---- asking httpd -------------------------------------------------------------------------------------------- */

/* Some other module may have printed something before. @return where ours begins, or NULL */
static const char *find_document(certmap_str_t out)
{
    const char *at = out.data;

    while (at && strncmp(at, BEGIN, strlen(BEGIN)) != 0) {
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

/* Variables of Debian's configuration are in a file next to it, which apachectl has the shell read. $0 is that file. */
static const char with_envvars[] = ": \"${APACHE_CONFDIR:=${0%/*}}\"; export APACHE_CONFDIR; . \"$0\" >&2; exec \"$@\"";

/* The envvars of a configuration's directory; NULL: there are none, or apachectl has read them. */
static const char *envvars_of(const char *path, apr_pool_t *p)
{
    const char *file = apr_pstrcat(p, apr_pstrmemdup(p, path, (apr_size_t)(strrchr(path, '/') - path)), "/envvars",
                                   NULL);
    apr_finfo_t info;

    return !getenv("APACHE_RUN_DIR") && apr_stat(&info, file, APR_FINFO_TYPE, p) == APR_SUCCESS
                   && info.filetype == APR_REG
               ? file
               : NULL;
}

static int ask_httpd(ctl_t *ctl, const char *program, const char *file, ctl_conf_t *conf, certmap_str_t *out)
{
    const char *words[] = { "/bin/sh",           "-c", with_envvars, NULL, program, "-t", "-D",
                            "DUMP_CERTMAP_JSON", "-f", NULL,         NULL };
    const char *const *argv = words;
    char *path;
    int status;

    /* httpd would look for a relative path below its ServerRoot. */
    if (apr_filepath_merge(&path, NULL, file, APR_FILEPATH_TRUENAME, ctl->pool) != APR_SUCCESS) {
        return ctl_fail(ctl, "%s: not a path", ctl_printable(file, ctl->pool));
    }
    words[9] = path;
    words[3] = envvars_of(path, ctl->pool);
    argv += words[3] ? 0 : 4;
    if (ctl_run(ctl, argv, CTL_DUMP_SECONDS_MOST, out, &conf->stderr_text, &status) != CTL_OK) {
        return CTL_ERROR;
    }
    if (status != 0) {
        show(ctl, conf->stderr_text);
        return ctl_fail(ctl, "%s: refused by %s -t, which ended with status %d", ctl_printable(file, ctl->pool),
                        ctl_printable(program, ctl->pool), status);
    }
    return CTL_OK;
}

int ctl_conf_read(ctl_t *ctl, const char *httpd, const char *file, const ctl_conf_t **conf)
{
    const char *program = httpd ? httpd : getenv("HTTPD") && *getenv("HTTPD") ? getenv("HTTPD") : CERTMAP_HTTPD;
    ctl_conf_t *made = apr_pcalloc(ctl->pool, sizeof(*made));
    conf_reader_t r = { .ctl = ctl, .pool = ctl->pool };
    certmap_str_t out;
    const char *begin;
    json_error_t error;
    json_t *document;
    int status;

    if (ask_httpd(ctl, program, file, made, &out) != CTL_OK) {
        return CTL_ERROR;
    }
    begin = find_document(out);
    if (!begin) {
        return ctl_fail(ctl,
                        "%s: %s says nothing about certmap: the configuration does not load mod_certmap, or one of "
                        "another version",
                        ctl_printable(file, ctl->pool), ctl_printable(program, ctl->pool));
    }
    /* And something after it. */
    document = json_loadb(begin, out.len - (apr_size_t)(begin - out.data),
                          JSON_REJECT_DUPLICATES | JSON_DISABLE_EOF_CHECK, &error);
    if (!document) {
        return ctl_fail(ctl, "line %d of what httpd -t -D DUMP_CERTMAP_JSON prints is not JSON: %s", error.line,
                        ctl_printable(error.text, ctl->pool));
    }
    made->links = r.made = apr_pcalloc(ctl->pool, sizeof(*r.made));
    r.made->lists = apr_hash_make(ctl->pool);
    r.sources = apr_hash_make(ctl->pool);
    made->file = file;
    status = read_document(&r, document, made);
    json_decref(document);
    *conf = made;
    return status;
}
