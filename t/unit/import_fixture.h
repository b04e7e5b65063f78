/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file t/unit/import_fixture.h
 * @brief What the tests of importers share: tables of texts and what they come to, compared whole or in pieces; what an
 *        import decides for a certificate; texts that nobody should send.
 */
#ifndef IMPORT_FIXTURE_H
#define IMPORT_FIXTURE_H

#include "fixture.h"
#include "import/import.h"

/** A text and its length, which may have NULs in it. */
#define TEXT(literal)                \
    {                                \
        literal, sizeof(literal) - 1 \
    }

/* ---- an import ----------------------------------------------------------------------------------------------- */

static inline apr_status_t import_run(certmap_import_fn *import, certmap_str_t text,
                                      const certmap_import_options_t *options, certmap_import_result_t *result)
{
    static const certmap_import_options_t none;
    /* no byte after the end, for the tools that watch */
    char *bytes = malloc(text.len + (text.len == 0));
    apr_status_t rv;

    memcpy(bytes, text.data, text.len);
    memset(result, 0, sizeof(*result));
    rv = import((certmap_str_t){ bytes, text.len }, "original", options ? options : &none, result, pool);
    free(bytes);
    return rv;
}

/** The first error, "line: text"; NULL when there is none. */
static inline const char *import_error(const certmap_import_result_t *r)
{
    int i;

    for (i = 0; i < r->errors->nelts; i++) {
        const certmap_error_t *e = &APR_ARRAY_IDX(r->errors, i, certmap_error_t);

        if (!e->warning) {
            return apr_psprintf(pool, "%d: %s", e->line, e->text);
        }
    }
    return NULL;
}

/** The text that an import gives; ends the program when there is none. */
static inline const char *imported(certmap_import_fn *import, const char *text, const certmap_import_options_t *options)
{
    certmap_import_result_t r;

    if (import_run(import, (certmap_str_t){ text, strlen(text) }, options, &r) != APR_SUCCESS) {
        fixture_fail(import_error(&r));
    }
    return r.text.data;
}

/* ---- what becomes of texts, compared whole -------------------------------------------------------------------- */

typedef struct import_outcome_t {
    certmap_str_t text;
    const char *issuer;
    const char *map;
    const char *expected; /**< rules, entries, "# left out" and its reason, in lines; or "error LINE: TEXT" */
} import_outcome_t;

/** What an import comes to: comments are left away but those for what was left out. */
static inline const char *outcome(certmap_import_fn *import, certmap_str_t text, const char *issuer, const char *map)
{
    const certmap_import_options_t options = { .issuer = issuer, .map = map };
    certmap_import_result_t result;
    apr_status_t rv = import_run(import, text, &options, &result);
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

static inline void check_case(certmap_import_fn *import, const import_outcome_t *c)
{
    is_str(outcome(import, c->text, c->issuer, c->map), c->expected,
           apr_psprintf(pool, "%.*s", (int)strcspn(c->text.data, "\r\n"), c->text.data));
}

/* ---- compared in pieces -------------------------------------------------------------------------------------- */

/** What a text should come to: the lines other than comments, and pieces of what is said. */
typedef struct import_case_t {
    const char *what;
    const char *text;
    certmap_import_options_t options;
    const char *lines; /**< all lines of the output but comments and empty ones; NULL: refused */
    const char *said;  /**< must be in the comments, or in the first error; NULL: nothing is left out */
    int left_out;
} import_case_t;

/** The output without comments and empty lines. */
static inline const char *import_lines(certmap_str_t text)
{
    const char *out = "", *at = text.data, *end = text.data + text.len;

    while (at < end) {
        const char *stop = memchr(at, '\n', (size_t)(end - at));

        stop = stop ? stop + 1 : end;
        if (*at != '#' && *at != '\n') {
            out = apr_pstrcat(pool, out, apr_pstrmemdup(pool, at, (apr_size_t)(stop - at)), NULL);
        }
        at = stop;
    }
    return out;
}

/** Imports, and checks what holds of every import. */
static inline apr_status_t import_text(certmap_import_fn *import, certmap_str_t text,
                                       const certmap_import_options_t *options, certmap_import_result_t *r,
                                       const char *what)
{
    apr_status_t rv = import_run(import, text, options, r);

    ok(rv == APR_SUCCESS ? r->text.data != NULL && import_error(r) == NULL
                         : rv == APR_EINVAL && r->text.data == NULL && import_error(r) != NULL,
       "%s: a text, or an error", what);
    return rv;
}

static inline void import_cases(certmap_import_fn *import, const import_case_t *cases, apr_size_t n)
{
    apr_size_t i;

    for (i = 0; i < n; i++) {
        const import_case_t *c = &cases[i];
        certmap_import_result_t r;
        apr_status_t rv = import_text(import, (certmap_str_t){ c->text, strlen(c->text) }, &c->options, &r, c->what);
        const char *said = rv == APR_SUCCESS ? r.text.data : import_error(&r);

        is_str(rv == APR_SUCCESS ? import_lines(r.text) : NULL, c->lines, c->what);
        is_int((long long)r.left_out, c->left_out, apr_psprintf(pool, "%s: left out", c->what));
        if (c->said != NULL && !ok(said != NULL && strstr(said, c->said) != NULL, "%s: says why", c->what)) {
            diag("expected: %s", c->said);
            diag("     got: %s", said ? said : "(null)");
        }
    }
}

/* ---- deciding ------------------------------------------------------------------------------------------------ */

/** What somebody gets after an import. */
typedef struct import_person_t {
    const char *issuer;
    const char *pairs[12]; /**< for person() */
    const char *expected;  /**< "=USER" or a reason */
} import_person_t;

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
    if (certmap_decide(QUESTION(&list, cert, &verdict, CERTMAP_WEAK, NOW), &d, pool) != APR_SUCCESS) {
        return "no decision";
    }
    return in_a_word(&d);
}

static inline void check_person(certmap_import_fn *import, const char *text, const char *map,
                                const import_person_t *who)
{
    const char *const *a = who->pairs;
    const certmap_cert_t *cert = person(a[0], a[1], a[2], a[3], a[4], a[5], a[6], a[7], a[8], a[9], a[10], a[11], NULL);
    const certmap_import_options_t options = { .issuer = who->issuer, .map = map };
    certmap_import_result_t result;
    const char *what = apr_psprintf(pool, "%s: %s", certmap_cert_subject_text(cert), who->expected);

    if (import_run(import, (certmap_str_t){ text, strlen(text) }, &options, &result) != APR_SUCCESS) {
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
    apr_status_t rv = import_run(import, text, NULL, &result);
    int errors = result.errors != NULL && import_error(&result) != NULL;

    if (rv == APR_EINVAL) {
        return errors && result.text.data == NULL;
    }
    return rv == APR_SUCCESS && !errors && strlen(result.text.data) == result.text.len;
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

/** Texts of no format, and texts around one that the importer likes. */
static inline void import_hostile(certmap_import_fn *import, const char *good)
{
    static const struct {
        const char *what;
        certmap_str_t text;
    } bad[] = {
        { "nothing", TEXT("") },
        { "NUL", TEXT("\0") },
        { "NULs in a line", TEXT("a\0b\0\n") },
        { "binary", TEXT("\x7f\x45\x4c\x46\x02\x01\x01\xff\xfe\x00") },
        { "DER", TEXT("\x30\x82\x01\x0a\x02\x82") },
        { "a line without an end", TEXT("aaaaaaaa") },
        { "not UTF-8", TEXT("\xff\xfe\xfd\n") },
    };
    certmap_import_result_t r;
    apr_size_t i;

    for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        ok(import_text(import, bad[i].text, NULL, &r, bad[i].what) == APR_EINVAL, "%s is refused", bad[i].what);
    }
    hostile(import, good);
}

/** Texts of another kind, for an importer that takes no byte order mark. */
static inline void other_kinds(certmap_import_fn *import)
{
    static const import_outcome_t cases[] = {
        { .text = TEXT(""), .expected = "" },
        { .text = TEXT("\n\r\n  \n"), .expected = "" },
        { .text = TEXT("# nothing\n  # but\r\n# remarks"), .expected = "" },
        { .text = TEXT("\xff\xfe#\0 \0"), .expected = "error 1: this is UTF-16; save it as UTF-8\n" },
        { .text = TEXT("\xfe\xff\0#"), .expected = "error 1: this is UTF-16; save it as UTF-8\n" },
        { .text = TEXT("# a\n\0\n"), .expected = "error 2: a NUL: this is not text\n" },
        { .text = TEXT("0\x82\x03\x0f\x30\x82\x02\xf7\xa0\x03\0\x02"),
          .expected = "error 1: a NUL: this is not text\n" },
        { .text = TEXT("# key\n-----BEGIN PRIVATE KEY-----\nMC4CAQAw\n"),
          .expected = "error 2: this line begins a certificate or key in PEM\n" },
    };
    apr_size_t i;

    for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        check_case(import, &cases[i]);
    }
}

#endif
