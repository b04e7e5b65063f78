/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reads an applicationHost.config or web.config with expat. A document type, and with it every entity beyond XML's own
 * five, is refused; so is nesting that no configuration has. Inside of the sections that are asked for, nothing unknown
 * is passed over.
 */
#include <limits.h>
#include <string.h>

#include <apr_strings.h>
#include <expat.h>

#include "import/iis.h"

typedef enum node_e {
    AT_TOP,
    AT_CONFIGURATION,
    AT_LOCATION,
    AT_WEBSERVER,
    AT_SECURITY,
    AT_AUTHENTICATION,
    AT_SECTION,
    AT_ONE,
    AT_MANY,
    AT_ONE_ITEM,
    AT_MANY_ADD,
    AT_MANY_ITEM,
    AT_RULES,
    AT_RULE,
    AT_ELSEWHERE
} node_e;

static const struct {
    node_e in;
    const char *name;
    node_e to;
    int op; /* an iis_op_e, or -1 */
} steps[] = {
    { .in = AT_TOP, .name = "configuration", .to = AT_CONFIGURATION, .op = -1 },
    { .in = AT_CONFIGURATION, .name = "location", .to = AT_LOCATION, .op = -1 },
    { .in = AT_CONFIGURATION, .name = "system.webServer", .to = AT_WEBSERVER, .op = -1 },
    { .in = AT_LOCATION, .name = "system.webServer", .to = AT_WEBSERVER, .op = -1 },
    { .in = AT_WEBSERVER, .name = "security", .to = AT_SECURITY, .op = -1 },
    { .in = AT_SECURITY, .name = "authentication", .to = AT_AUTHENTICATION, .op = -1 },
    { .in = AT_AUTHENTICATION, .name = "iisClientCertificateMappingAuthentication", .to = AT_SECTION, .op = -1 },
    { .in = AT_SECTION, .name = "oneToOneMappings", .to = AT_ONE, .op = -1 },
    { .in = AT_SECTION, .name = "manyToOneMappings", .to = AT_MANY, .op = -1 },
    { .in = AT_ONE, .name = "add", .to = AT_ONE_ITEM, .op = IIS_ADD_ONE },
    { .in = AT_ONE, .name = "clear", .to = AT_ONE_ITEM, .op = IIS_CLEAR_ONE },
    { .in = AT_ONE, .name = "remove", .to = AT_ONE_ITEM, .op = IIS_REMOVE_ONE },
    { .in = AT_MANY, .name = "add", .to = AT_MANY_ADD, .op = IIS_ADD_MANY },
    { .in = AT_MANY, .name = "clear", .to = AT_MANY_ITEM, .op = IIS_CLEAR_MANY },
    { .in = AT_MANY, .name = "remove", .to = AT_MANY_ITEM, .op = IIS_REMOVE_MANY },
    { .in = AT_MANY_ADD, .name = "rules", .to = AT_RULES, .op = -1 },
    { .in = AT_RULES, .name = "add", .to = AT_RULE, .op = IIS_ADD_RULE },
    { .in = AT_RULES, .name = "clear", .to = AT_RULE, .op = IIS_CLEAR_RULES },
    { .in = AT_RULES, .name = "remove", .to = AT_RULE, .op = IIS_REMOVE_RULE },
};

#define NSTEPS (sizeof(steps) / sizeof(steps[0]))

typedef struct xml_reader_t {
    XML_Parser parser;
    certmap_import_out_t *out;
    apr_pool_t *pool;
    apr_array_header_t *sections;
    iis_section_t *section;
    iis_item_t *mapping; /* the IIS_ADD_MANY that is open */
    const char *location;
    node_e path[CERTMAP_IMPORT_XML_DEPTH_MOST];
    int depth;
    int stopped; /* an error that expat does not know of has been reported */
} xml_reader_t;

static int line_of(const xml_reader_t *r)
{
    XML_Size line = XML_GetCurrentLineNumber(r->parser);

    return line < INT_MAX ? (int)line : INT_MAX;
}

static int column_of(const xml_reader_t *r)
{
    XML_Size column = XML_GetCurrentColumnNumber(r->parser);

    return column < INT_MAX - 1 ? (int)column + 1 : INT_MAX;
}

static void stop(xml_reader_t *r, const char *why)
{
    if (!r->stopped) {
        certmap_import_error(r->out, line_of(r), column_of(r), "%s", why);
        r->stopped = 1;
        XML_StopParser(r->parser, XML_FALSE);
    }
}

const char *certmap_iis_attribute(const char *const *attributes, const char *name)
{
    for (; *attributes != NULL; attributes += 2) {
        if (strcmp(attributes[0], name) == 0) {
            return attributes[1];
        }
    }
    return NULL;
}

/* A copy that lasts. A password is not even kept in memory. */
static const char *const *copy_attributes(const XML_Char **from, apr_pool_t *p)
{
    const char **to;
    apr_size_t n = 0;
    apr_size_t i;

    while (from[n] != NULL) {
        n++;
    }
    to = apr_palloc(p, (n + 1) * sizeof(*to));
    for (i = 0; i < n; i++) {
        to[i] = i % 2 == 1 && strcmp(from[i - 1], "password") == 0 ? "" : apr_pstrdup(p, from[i]);
    }
    to[n] = NULL;
    return to;
}

static void add_item(xml_reader_t *r, iis_op_e op, const XML_Char **attributes)
{
    iis_item_t *item = apr_pcalloc(r->pool, sizeof(*item));

    item->op = op;
    item->line = line_of(r);
    item->column = column_of(r);
    item->attributes = copy_attributes(attributes, r->pool);
    switch (op) {
    case IIS_ADD_MANY:
        item->rules = apr_array_make(r->pool, 2, sizeof(iis_item_t *));
        r->mapping = item;
        break;
    case IIS_ADD_RULE:
    case IIS_CLEAR_RULES:
    case IIS_REMOVE_RULE:
        APR_ARRAY_PUSH(r->mapping->rules, iis_item_t *) = item;
        return;
    case IIS_ADD_ONE:
    case IIS_CLEAR_ONE:
    case IIS_REMOVE_ONE:
    case IIS_CLEAR_MANY:
    case IIS_REMOVE_MANY:
        break;
    }
    APR_ARRAY_PUSH(r->section->items, iis_item_t *) = item;
}

static void begin_section(xml_reader_t *r, const XML_Char **attributes)
{
    iis_section_t *section = apr_pcalloc(r->pool, sizeof(*section));

    section->location = r->location;
    section->line = line_of(r);
    section->column = column_of(r);
    section->attributes = copy_attributes(attributes, r->pool);
    section->items = apr_array_make(r->pool, 4, sizeof(iis_item_t *));
    r->section = section;
    APR_ARRAY_PUSH(r->sections, iis_section_t *) = section;
    if (certmap_iis_attribute(section->attributes, "configSource") != NULL) {
        stop(r, "configSource: the section is in another file; import that file");
    }
}

static void begin_location(xml_reader_t *r, const XML_Char **attributes)
{
    const char *path = certmap_iis_attribute(attributes, "path");

    r->location = path && strcmp(path, ".") != 0 ? apr_pstrdup(r->pool, path) : "";
}

static void XMLCALL on_start(void *baton, const XML_Char *name, const XML_Char **attributes)
{
    xml_reader_t *r = baton;
    node_e in = r->depth > 0 ? r->path[r->depth - 1] : AT_TOP;
    node_e to = AT_ELSEWHERE;
    int op = -1;
    apr_size_t i;

    if (r->stopped) {
        return;
    }
    if (r->depth == CERTMAP_IMPORT_XML_DEPTH_MOST) {
        stop(r, "elements are nested too deeply for a configuration");
        return;
    }
    for (i = 0; i < NSTEPS; i++) {
        if (steps[i].in == in && strcmp(steps[i].name, name) == 0) {
            to = steps[i].to;
            op = steps[i].op;
        }
    }
    if (in == AT_TOP && to == AT_ELSEWHERE) {
        stop(r, apr_psprintf(r->pool, "not a configuration of IIS: it begins with <%.40s>, not with <configuration>",
                             name));
        return;
    }
    if (to == AT_ELSEWHERE && in >= AT_SECTION && in < AT_ELSEWHERE) {
        stop(r, apr_psprintf(r->pool, "<%.40s> is unknown here, and nothing in this section may be overlooked", name));
        return;
    }
    r->path[r->depth++] = to;
    if (to == AT_LOCATION) {
        begin_location(r, attributes);
    }
    else if (to == AT_SECTION) {
        begin_section(r, attributes);
    }
    else if (op >= 0) {
        add_item(r, (iis_op_e)op, attributes);
    }
}

static void XMLCALL on_end(void *baton, const XML_Char *name)
{
    xml_reader_t *r = baton;

    (void)name;
    if (!r->stopped && r->path[--r->depth] == AT_LOCATION) {
        r->location = "";
    }
}

static void XMLCALL on_doctype(void *baton, const XML_Char *name, const XML_Char *system_id, const XML_Char *public_id,
                               int internal)
{
    (void)name;
    (void)system_id;
    (void)public_id;
    (void)internal;
    stop(baton, "a document type (<!DOCTYPE) has no place in a configuration of IIS; entities are not expanded");
}

apr_array_header_t *certmap_iis_read(certmap_str_t text, certmap_import_out_t *out, apr_pool_t *p)
{
    xml_reader_t r = {
        .out = out, .pool = p, .location = "", .sections = apr_array_make(p, 4, sizeof(iis_section_t *))
    };

    if (text.len >= CERTMAP_IMPORT_XML_MOST) {
        certmap_import_error(out, 1, 1, "larger than any configuration of IIS");
        return r.sections;
    }
    r.parser = XML_ParserCreate(NULL);
    if (r.parser == NULL) {
        certmap_import_error(out, 1, 1, "the XML parser cannot be made: out of memory");
        return r.sections;
    }
    XML_SetUserData(r.parser, &r);
    XML_SetElementHandler(r.parser, on_start, on_end);
    XML_SetStartDoctypeDeclHandler(r.parser, on_doctype);
    /* In one piece: expat reads long tokens again with each piece. */
    if (XML_Parse(r.parser, text.data, (int)text.len, 1) == XML_STATUS_ERROR && !r.stopped) {
        certmap_import_error(out, line_of(&r), column_of(&r), "not well-formed XML: %s",
                             XML_ErrorString(XML_GetErrorCode(r.parser)));
    }
    XML_ParserFree(r.parser);
    return r.sections;
}
