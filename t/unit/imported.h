/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file t/unit/imported.h
 * @brief What the tests of importers share: what an import comes to, told without its headings; what it decides for a
 *        certificate; texts that nobody should send.
 */
#ifndef IMPORTED_H
#define IMPORTED_H

#include "fixture.h"
#include "import.h"

/** A text and its length, which may have NULs in it. */
#define TEXT(literal) { literal, sizeof(literal) - 1 }

typedef struct import_case_t {
    certmap_str_t text;
    const char *issuer;
    const char *map;
    const char *expected;       /**< rules, entries, "# left out" and its reason, in lines; or "error LINE: TEXT" */
} import_case_t;

/** What somebody gets after an import. */
typedef struct import_person_t {
    const char *issuer;
    const char *pairs[12];      /**< for person() */
    const char *expected;       /**< "=USER" or a reason */
} import_person_t;

static inline apr_status_t imported(certmap_import_fn *import, certmap_str_t text, const char *issuer, const char *map,
                                    certmap_import_result_t *result)
{
    certmap_import_options_t options = { .issuer = issuer, .map = map };
    /* no byte behind the end, for the tools that watch */
    char *bytes = malloc(text.len + (text.len == 0));
    apr_status_t rv;

    memcpy(bytes, text.data, text.len);
    memset(result, 0, sizeof(*result));
    rv = import((certmap_str_t){ bytes, text.len }, "file", &options, result, pool);
    free(bytes);
    return rv;
}

/** What an import comes to: comments are left away but those for what was left out. */
static inline const char *outcome(certmap_import_fn *import, certmap_str_t text, const char *issuer, const char *map)
{
    certmap_import_result_t result;
    apr_status_t rv = imported(import, text, issuer, map, &result);
    const char *out = "";
    const char *line;
    char *last;
    apr_size_t left_out = 0;
    apr_size_t carried = 0;
    int reason = 0;
    int i;

    if (rv == APR_EINVAL) {
        for (i = 0; i < result.errors->nelts; i++) {
            const certmap_error_t *e = &APR_ARRAY_IDX(result.errors, i, certmap_error_t);

            out = apr_pstrcat(pool, out, apr_psprintf(pool, "error %d: ", e->line), e->text, "\n", NULL);
        }
        return result.text.data == NULL ? out : "an error, and a text";
    }
    if (rv != APR_SUCCESS) {
        return apr_psprintf(pool, "status %d", rv);
    }
    for (line = apr_strtok(apr_pstrdup(pool, result.text.data), "\n", &last); line != NULL;
         line = apr_strtok(NULL, "\n", &last)) {
        int comment = *line == '#';
        int gone = strncmp(line, "# left out", 10) == 0;

        if (!comment || gone || reason) {
            out = apr_pstrcat(pool, out, line, "\n", NULL);
        }
        reason = gone;
        left_out += (apr_size_t)gone;
        carried += (apr_size_t)!comment;
    }
    return left_out == result.left_out && carried == result.carried ? out : "the counts are not those of the text";
}

static inline void check_case(certmap_import_fn *import, const import_case_t *c)
{
    is_str(outcome(import, c->text, c->issuer, c->map), c->expected,
           apr_psprintf(pool, "%.*s", (int)strcspn(c->text.data, "\r\n"), c->text.data));
}

/* ---- deciding ------------------------------------------------------------------------------------------------ */

typedef struct entries_source_t {
    certmap_source_t base;
    const certmap_entries_t *entries;
} entries_source_t;

static apr_status_t entries_lookup(certmap_source_t *source, const certmap_cert_t *cert, certmap_lookup_t *found,
                                   const char **why, apr_pool_t *p)
{
    *why = NULL;
    return certmap_entries_lookup(((entries_source_t *)source)->entries, cert, found, p);
}

static apr_uint64_t entries_generation(certmap_source_t *source)
{
    (void)source;
    return 1;
}

/** What the server decides with the imported text. */
static inline const char *decided(const certmap_import_result_t *result, const certmap_cert_t *cert)
{
    static const certmap_source_vtable_t vtable = { "test", entries_lookup, entries_generation };
    entries_source_t source = { { &vtable, "test" }, NULL };
    certmap_verdict_t verdict = { .reason = CERTMAP_R_NONE };
    certmap_list_t list = { .rules = NULL };
    apr_array_header_t *errors;
    certmap_decision_t d;

    if (result->kind == CERTMAP_IMPORT_RULES) {
        list.rules = rules_of(result->text.data);
    }
    else if (certmap_entries_parse(result->text, "entries", &source.entries, &errors, pool) == APR_SUCCESS) {
        list.source = &source.base;
    }
    else {
        return "the entries do not read back";
    }
    if (certmap_decide(&list, cert, &verdict, CERTMAP_WEAK, NOW, &d, pool) != APR_SUCCESS) {
        return "no decision";
    }
    return in_a_word(&d);
}

static inline void check_person(certmap_import_fn *import, const char *text, const char *map,
const import_person_t *who)
{
    const char *const *a = who->pairs;
    const certmap_cert_t *cert = person(a[0], a[1], a[2], a[3], a[4], a[5], a[6], a[7], a[8], a[9], a[10], a[11], NULL);
    certmap_import_result_t result;
    const char *what = apr_psprintf(pool, "%s: %s", certmap_cert_subject_text(cert), who->expected);

    if (imported(import, (certmap_str_t){ text, strlen(text) }, who->issuer, map, &result) != APR_SUCCESS) {
        ok(0, "%s: not imported", what);
        return;
    }
    is_str(decided(&result, cert), who->expected, what);
}

/* ---- texts that nobody should send --------------------------------------------------------------------------- */

/** Whether an import ends well: with a text that reads back, or with an error and no text. */
static inline int ends_well(certmap_import_fn *import, certmap_str_t text)
{
    certmap_import_result_t result;
    apr_status_t rv = imported(import, text, NULL, NULL, &result);
    int errors = 0;
    int i;

    for (i = 0; result.errors != NULL && i < result.errors->nelts; i++) {
        errors += !APR_ARRAY_IDX(result.errors, i, certmap_error_t).warning;
    }
    if (rv == APR_EINVAL) {
        return errors > 0 && result.text.data == NULL;
    }
    return rv == APR_SUCCESS && errors == 0 && strlen(result.text.data) == result.text.len;
}

/** 5 tests around a text that the importer likes: cut off, changed, random, long, and repeated. */
static inline void hostile(certmap_import_fn *import, const char *good)
{
    apr_size_t len = strlen(good);
    apr_pool_t *outer = pool;
    unsigned seed = 20260615;
    char *text = apr_palloc(pool, 1 << 20);
    int fine[5] = { 1, 1, 1, 1, 1 };
    apr_size_t i;
    unsigned c;

    for (i = 0; i < len; i++) {
        static const char bytes[] = "\0\n\r\t \"'#\\/=+*<:,%@\x1b\x7f\xc3\xff";

        apr_pool_create(&pool, outer);
        fine[0] &= ends_well(import, (certmap_str_t){ good, i });
        for (c = 0; c < sizeof(bytes) - 1; c++) {
            memcpy(text, good, len);
            text[i] = bytes[c];
            fine[1] &= ends_well(import, (certmap_str_t){ text, len });
        }
        apr_pool_destroy(pool);
    }
    for (c = 0; c < 200; c++) {
        apr_pool_create(&pool, outer);
        for (i = 0; i < 400; i++) {
            seed = seed * 1103515245 + 12345;
            text[i] = (char)(c % 2 ? seed >> 16 : (seed >> 16) % 12 ? 32 + (seed >> 16) % 95 : '\n');
        }
        fine[2] &= ends_well(import, (certmap_str_t){ text, i });
        apr_pool_destroy(pool);
    }
    apr_pool_create(&pool, outer);
    memset(text, 'x', 1 << 20);
    memcpy(text, good, len < 60 ? len : 60);
    fine[3] = ends_well(import, (certmap_str_t){ text, 1 << 20 });
    for (i = 0; i + len < 200000; i += len) {
        memcpy(text + i, good, len);
    }
    fine[4] = ends_well(import, (certmap_str_t){ text, i });
    apr_pool_destroy(pool);
    pool = outer;
    ok(fine[0], "cut off at every byte");
    ok(fine[1], "every byte changed");
    ok(fine[2], "random bytes and characters");
    ok(fine[3], "a line of a megabyte");
    ok(fine[4], "the same many times over");
}

/** Texts of another kind, for an importer that takes no byte order mark. */
static inline void other_kinds(certmap_import_fn *import)
{
    static const import_case_t cases[] = {
        { .text = TEXT(""), .expected = "" },
        { .text = TEXT("\n\r\n  \n"), .expected = "" },
        { .text = TEXT("# nothing\n  # but\r\n# remarks"), .expected = "" },
        { .text = TEXT("\xff\xfe#\0 \0"), .expected = "error 1: this is UTF-16; save it as UTF-8\n" },
        { .text = TEXT("\xfe\xff\0#"), .expected = "error 1: this is UTF-16; save it as UTF-8\n" },
        { .text = TEXT("# a\n\0\n"), .expected = "error 2: a NUL: this is no text\n" },
        { .text = TEXT("0\x82\x03\x0f\x30\x82\x02\xf7\xa0\x03\0\x02"),
          .expected = "error 1: a NUL: this is no text\n" },
        { .text = TEXT("# key\n-----BEGIN PRIVATE KEY-----\nMC4CAQAw\n"),
          .expected = "error 2: a certificate or key in PEM stands here\n" },
    };
    apr_size_t i;

    for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        check_case(import, &cases[i]);
    }
}

#endif
