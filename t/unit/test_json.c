/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The module's JSON: structure, escapes, and text that is not UTF-8.
 */
#include <string.h>

#include <apr_general.h>

#include "httpd/json.h"
#include "tap.h"

static apr_pool_t *pool;

static const char *text(const char *name, const char *value, int ascii)
{
    certmap_out_t out = certmap_out_create(2, pool);
    certmap_json_t json = certmap_json_create(&out, ascii);

    certmap_json_text(&json, name, value);
    return out.data;
}

static void test_structure(void)
{
    certmap_out_t out = certmap_out_create(1, pool);
    certmap_json_t json = certmap_json_create(&out, 0);

    certmap_json_object(&json, NULL);
    certmap_json_text(&json, "a", "x");
    certmap_json_text(&json, "b", NULL);
    certmap_json_array(&json, "c");
    certmap_json_number(&json, NULL, -12);
    certmap_json_bool(&json, NULL, 1);
    certmap_json_object(&json, NULL);
    certmap_json_object_end(&json);
    certmap_json_array_end(&json);
    certmap_json_array(&json, "d");
    certmap_json_array_end(&json);
    certmap_json_bool(&json, "e", 0);
    certmap_json_object_end(&json);
    is_str(out.data,
           "{\n  \"a\": \"x\",\n  \"b\": null,\n  \"c\": [\n    -12,\n    true,\n    {}\n  ],\n  \"d\": [],\n"
           "  \"e\": false\n}\n",
           "objects and arrays, empty ones too");
    is_int((long)out.len, (long)strlen(out.data), "its length");
}

int main(void)
{
    static const struct {
        const char *text, *utf8, *ascii;
    } table[] = {
        { "", "\"\"", "\"\"" },
        { "a/b c", "\"a/b c\"", "\"a/b c\"" },
        { "\"\\", "\"\\\"\\\\\"", "\"\\\"\\\\\"" },
        { "</a>", "\"\\u003c/a>\"", "\"\\u003c/a>\"" },
        { "\n\x1b\x7f", "\"\\u000a\\u001b\\u007f\"", "\"\\u000a\\u001b\\u007f\"" },
        { "\xc3\xb6", "\"\xc3\xb6\"", "\"\\u00f6\"" },
        { "\xe2\x80\xae", "\"\xe2\x80\xae\"", "\"\\u202e\"" },
        { "\xf0\x90\x80\x80", "\"\xf0\x90\x80\x80\"", "\"\\ud800\\udc00\"" },
        { "\xf4\x8f\xbf\xbf", "\"\xf4\x8f\xbf\xbf\"", "\"\\udbff\\udfff\"" },
        { "a\xff", "{\n  \"hex\": \"61ff\"\n}\n", "{\n  \"hex\": \"61ff\"\n}\n" },
        { "\xc3", "{\n  \"hex\": \"c3\"\n}\n", "{\n  \"hex\": \"c3\"\n}\n" },
        { "\xed\xa0\x80", "{\n  \"hex\": \"eda080\"\n}\n", "{\n  \"hex\": \"eda080\"\n}\n" },
    };
    apr_size_t i;

    apr_initialize();
    apr_pool_create(&pool, NULL);
    plan(0);
    test_structure();
    for (i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
        is_str(text(NULL, table[i].text, 0), table[i].utf8, "text in UTF-8");
        is_str(text(NULL, table[i].text, 1), table[i].ascii, "and in ASCII");
    }
    is_str(text("name", "x", 0), "\"name\": \"x\"", "a member");
    return tap_done();
}
