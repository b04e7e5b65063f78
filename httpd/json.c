/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Writes JSON, a member a line, two blanks a level.
 */
#include "json.h"

#include <apr_escape.h>
#include <apr_strings.h>
#include <string.h>

#include "certmap.h"

certmap_json_t certmap_json_create(certmap_out_t *out, int ascii)
{
    return (certmap_json_t){ .out = out, .ascii = ascii, .depth = 0, .begun = 1 };
}

static void new_line(certmap_json_t *j)
{
    int i;

    certmap_out_text(j->out, "\n");
    for (i = 0; i < j->depth; i++) {
        certmap_out_text(j->out, "  ");
    }
}

/* What comes before a value. */
static void begin_value(certmap_json_t *j, const char *name)
{
    if (!j->begun) {
        certmap_out_text(j->out, ",");
    }
    if (j->depth > 0) {
        new_line(j);
    }
    if (name) {
        certmap_out_text(j->out, "\"");
        certmap_out_text(j->out, name);
        certmap_out_text(j->out, "\": ");
    }
    j->begun = 0;
}

static void begin(certmap_json_t *j, const char *name, const char *bracket)
{
    begin_value(j, name);
    certmap_out_text(j->out, bracket);
    j->depth++;
    j->begun = 1;
}

static void end(certmap_json_t *j, const char *bracket)
{
    j->depth--;
    if (!j->begun) {
        new_line(j);
    }
    certmap_out_text(j->out, bracket);
    j->begun = 0;
    if (j->depth == 0) {
        certmap_out_text(j->out, "\n");
    }
}

void certmap_json_object(certmap_json_t *j, const char *name)
{
    begin(j, name, "{");
}

void certmap_json_object_end(certmap_json_t *j)
{
    end(j, "}");
}

void certmap_json_array(certmap_json_t *j, const char *name)
{
    begin(j, name, "[");
}

void certmap_json_array_end(certmap_json_t *j)
{
    end(j, "]");
}

static void put_escape(certmap_out_t *out, apr_uint32_t unit)
{
    char escape[8];

    apr_snprintf(escape, sizeof(escape), "\\u%04x", (unsigned)unit);
    certmap_out_text(out, escape);
}

static void put_character(certmap_json_t *j, const char *s, apr_size_t len, apr_uint32_t cp)
{
    /* '<' so that a script element could never end inside a page that embeds this */
    if (cp < 0x20 || cp == '<' || cp == 0x7f || (j->ascii && cp > 0x7f && cp < 0x10000)) {
        put_escape(j->out, cp);
    }
    else if (j->ascii && cp > 0x7f) {
        put_escape(j->out, 0xd7c0 + (cp >> 10));
        put_escape(j->out, 0xdc00 + (cp & 0x3ff));
    }
    else {
        if (cp == '"' || cp == '\\') {
            certmap_out_text(j->out, "\\");
        }
        certmap_out_bytes(j->out, s, len);
    }
}

static int is_utf8(const char *text)
{
    apr_uint32_t cp = 0;
    int len = 1;

    for (; *text && len > 0; text += len) {
        len = certmap_utf8_next((const unsigned char *)text, 4, &cp);
    }
    return len > 0;
}

void certmap_json_text(certmap_json_t *j, const char *name, const char *text)
{
    apr_uint32_t cp = 0;
    int len;

    if (text && !is_utf8(text)) {
        certmap_json_object(j, name);
        certmap_json_text(j, "hex", apr_pescape_hex(j->out->p, text, strlen(text), 0));
        certmap_json_object_end(j);
        return;
    }
    begin_value(j, name);
    if (!text) {
        certmap_out_text(j->out, "null");
        return;
    }
    certmap_out_text(j->out, "\"");
    for (; *text; text += len) {
        len = certmap_utf8_next((const unsigned char *)text, 4, &cp);
        put_character(j, text, (apr_size_t)len, cp);
    }
    certmap_out_text(j->out, "\"");
}

void certmap_json_number(certmap_json_t *j, const char *name, long number)
{
    char digits[24];

    begin_value(j, name);
    apr_snprintf(digits, sizeof(digits), "%ld", number);
    certmap_out_text(j->out, digits);
}

void certmap_json_bool(certmap_json_t *j, const char *name, int yes)
{
    begin_value(j, name);
    certmap_out_text(j->out, yes ? "true" : "false");
}
