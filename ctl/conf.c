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
#define SECONDS 120

/* A part of lists. */
typedef struct part_t {
    const certmap_ruleset_t *rules;
    certmap_source_t *source;
    const apr_array_header_t *said;
} part_t;

typedef struct list_t {
    const certmap_list_t *list;
    const apr_array_header_t *said;
} list_t;

typedef struct reader_t {
    ctl_t *ctl;
    part_t *parts;
    apr_size_t nparts;
    apr_hash_t *lists;   /* numbers of parts, as text, to list_t: many sections have the same list */
    apr_hash_t *sources; /* "PROVIDER ARGUMENT" to certmap_source_t */
    apr_pool_t *pool;
    const char *wrong; /* what was not understood first; NULL: nothing yet */
} reader_t;

/* ---- values -------------------------------------------------------------------------------------------------- */

static void not_understood(reader_t *r, const char *what)
{
    r->wrong = r->wrong ? r->wrong : what;
}

/* Of what is no UTF-8 there are the bytes. */
static const char *text_of(reader_t *r, const json_t *value)
{
    const char *hex = json_string_value(json_object_get(value, "hex"));
    apr_size_t len = 0;
    const char *bytes = hex ? apr_punescape_hex(r->pool, hex, 0, &len) : NULL;

    return bytes ? apr_pstrmemdup(r->pool, bytes, len) : apr_pstrdup(r->pool, json_string_value(value));
}

/* A member that may be null. */
static const char *get_text_or_null(reader_t *r, const json_t *object, const char *name)
{
    const json_t *value = json_object_get(object, name);
    const char *text = text_of(r, value);

    if (!text && !json_is_null(value)) {
        not_understood(r, name);
    }
    return text;
}

/* "" when it is not there, which has been noted. */
static const char *get_text(reader_t *r, const json_t *object, const char *name)
{
    const char *text = get_text_or_null(r, object, name);

    if (!text) {
        not_understood(r, name);
    }
    return text ? text : "";
}

static int get_number(reader_t *r, const json_t *object, const char *name)
{
    const json_t *value = json_object_get(object, name);
    json_int_t number = json_integer_value(value);

    if (!json_is_integer(value) || number < 0 || number > 0x7fffffff) {
        not_understood(r, name);
        return 0;
    }
    return (int)number;
}

static int get_bool(reader_t *r, const json_t *object, const char *name)
{
    const json_t *value = json_object_get(object, name);

    if (!json_is_boolean(value)) {
        not_understood(r, name);
    }
    return json_is_true(value);
}

static const json_t *get_array(reader_t *r, const json_t *object, const char *name)
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

/* The source that CertMapSource names; the same object for the same words. */
static certmap_source_t *source_of(reader_t *r, const char *provider, const char *argument)
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
        certmap_store_report_t report;

        source = certmap_source_store_create(argument, NULL, r->pool);
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

static void read_rules(reader_t *r, const json_t *rules, part_t *part)
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
    part->said = certmap_builder_errors(builder);
    part->rules = certmap_builder_finish(builder);
}

static void read_parts(reader_t *r, const json_t *parts)
{
    apr_size_t i;
    const json_t *value;

    r->nparts = json_array_size(parts);
    r->parts = apr_pcalloc(r->pool, (r->nparts + 1) * sizeof(*r->parts));
    json_array_foreach(parts, i, value)
    {
        if (json_object_get(value, "provider")) {
            const char *provider = get_text(r, value, "provider");

            r->parts[i].source = source_of(r, provider, get_text(r, value, "argument"));
        }
        else {
            read_rules(r, get_array(r, value, "rules"), &r->parts[i]);
        }
    }
}

static const list_t *make_list(reader_t *r, const json_t *numbers)
{
    list_t *made = apr_pcalloc(r->pool, sizeof(*made));
    apr_array_header_t *said = apr_array_make(r->pool, 4, sizeof(certmap_error_t));
    apr_size_t i;
    const json_t *number;

    json_array_foreach(numbers, i, number)
    {
        json_int_t n = json_is_integer(number) ? json_integer_value(number) : -1;
        certmap_list_t *link = apr_pcalloc(r->pool, sizeof(*link));

        if (n < 0 || (apr_size_t)n >= r->nparts) {
            not_understood(r, "list");
            break;
        }
        *link = (certmap_list_t){ .outer = made->list, .rules = r->parts[n].rules, .source = r->parts[n].source };
        made->list = link;
        if (r->parts[n].said) {
            apr_array_cat(said, r->parts[n].said);
        }
    }
    made->said = said;
    return made;
}

static const list_t *read_list(reader_t *r, const json_t *numbers)
{
    char *key = json_dumps(numbers, JSON_COMPACT);
    const list_t *list = key ? apr_hash_get(r->lists, key, APR_HASH_KEY_STRING) : NULL;

    if (!list) {
        list = make_list(r, numbers);
        apr_hash_set(r->lists, apr_pstrdup(r->pool, key ? key : ""), APR_HASH_KEY_STRING, list);
    }
    free(key);
    return list;
}

/* ---- sections and hosts -------------------------------------------------------------------------------------- */

static ctl_mode_e read_mode(reader_t *r, const json_t *settings)
{
    static const char *const modes[] = {
        [CTL_MODE_UNSET] = "unset",
        [CTL_MODE_OFF] = "Off",
        [CTL_MODE_OPTIONAL] = "Optional",
        [CTL_MODE_ON] = "On",
    };
    const char *word = get_text(r, settings, "mode");
    int i;

    for (i = 0; i <= CTL_MODE_ON; i++) {
        if (strcmp(modes[i], word) == 0) {
            return (ctl_mode_e)i;
        }
    }
    not_understood(r, "mode");
    return CTL_MODE_UNSET;
}

static void read_settings(reader_t *r, const json_t *settings, ctl_section_t *section)
{
    const list_t *list = read_list(r, get_array(r, settings, "list"));

    section->mode = read_mode(r, settings);
    section->exempt = get_bool(r, settings, "exempt");
    section->report_only = get_bool(r, settings, "reportOnly");
    if (certmap_strength_parse(get_text(r, settings, "minStrength"), &section->min) != APR_SUCCESS) {
        not_understood(r, "minStrength");
    }
    section->list = list->list;
    section->said = list->said;
}

/* Those that have something of ours in them; the rest is other modules' business. */
static void read_sections(reader_t *r, const json_t *values, apr_array_header_t *sections)
{
    apr_size_t i;
    const json_t *value;

    json_array_foreach(values, i, value)
    {
        const json_t *settings = json_object_get(value, "effective");

        if (settings) {
            ctl_section_t section = { .name = get_text(r, value, "name") };

            section.file = get_text_or_null(r, value, "file");
            section.line = get_number(r, value, "line");
            read_settings(r, settings, &section);
            APR_ARRAY_PUSH(sections, ctl_section_t) = section;
        }
        read_sections(r, json_object_get(value, "sections"), sections);
    }
}

static void read_host(reader_t *r, const json_t *value, ctl_vhost_t *vhost)
{
    apr_array_header_t *sections = apr_array_make(r->pool, 4, sizeof(ctl_section_t));
    ctl_section_t level = { .name = "(server)" };

    vhost->name = get_text(r, value, "name");
    vhost->port = get_number(r, value, "port");
    vhost->file = get_text_or_null(r, value, "file");
    vhost->line = get_number(r, value, "line");
    vhost->defer = get_bool(r, value, "deferErrors");
    read_settings(r, json_object_get(value, "effective"), &level);
    APR_ARRAY_PUSH(sections, ctl_section_t) = level;
    read_sections(r, get_array(r, value, "sections"), sections);
    vhost->sections = (const ctl_section_t *)sections->elts;
    vhost->nsections = sections->nelts;
}

static int read_document(reader_t *r, const json_t *document, ctl_conf_t *conf)
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
    read_parts(r, get_array(r, document, "parts"));
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

static int ask_httpd(ctl_t *ctl, const char *program, const char *file, ctl_conf_t *conf, certmap_str_t *out)
{
    const char *argv[] = { program, "-t", "-D", "DUMP_CERTMAP_JSON", "-f", NULL, NULL };
    char *path;
    int status;

    /* httpd would look for a relative path below its ServerRoot. */
    if (apr_filepath_merge(&path, NULL, file, APR_FILEPATH_TRUENAME, ctl->pool) != APR_SUCCESS) {
        return ctl_fail(ctl, "%s: not a path", ctl_printable(file, ctl->pool));
    }
    argv[5] = path;
    if (ctl_run(ctl, argv, SECONDS, out, &conf->stderr_text, &status) != CTL_OK) {
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
    reader_t r = { .ctl = ctl, .pool = ctl->pool };
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
                        "%s: %s says nothing of certmap: the configuration does not load mod_certmap, or one of "
                        "another version",
                        ctl_printable(file, ctl->pool), ctl_printable(program, ctl->pool));
    }
    /* And something behind it. */
    document = json_loadb(begin, out.len - (apr_size_t)(begin - out.data),
                          JSON_REJECT_DUPLICATES | JSON_DISABLE_EOF_CHECK, &error);
    if (!document) {
        return ctl_fail(ctl, "line %d of what httpd -t -D DUMP_CERTMAP_JSON prints is not JSON: %s", error.line,
                        ctl_printable(error.text, ctl->pool));
    }
    r.lists = apr_hash_make(ctl->pool);
    r.sources = apr_hash_make(ctl->pool);
    made->file = file;
    status = read_document(&r, document, made);
    json_decref(document);
    *conf = made;
    return status;
}
