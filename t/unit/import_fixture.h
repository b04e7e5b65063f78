/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file t/unit/import_fixture.h
 * @brief What the tests of importers share: an import of a text as text, and the decision of what came out.
 */
#ifndef IMPORT_FIXTURE_H
#define IMPORT_FIXTURE_H

#include "fixture.h"
#include "import.h"

/** What a text should come to: the lines that are no comments, and pieces of what is said. */
typedef struct import_case_t {
    const char *what;
    const char *text;
    certmap_import_options_t options;
    const char *lines;          /**< all lines of the output but comments and empty ones; NULL: refused */
    const char *said;           /**< must stand among the comments, or in the first error; NULL: nothing is left out */
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

/** Imports, and checks what holds of every import. */
static inline apr_status_t import_text(certmap_import_fn *import, const char *text, apr_size_t len,
                                       const certmap_import_options_t *options, certmap_import_result_t *r,
                                       const char *what)
{
    apr_status_t rv = import((certmap_str_t){ text, len }, "original", options, r, pool);

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
        apr_status_t rv = import_text(import, c->text, strlen(c->text), &c->options, &r, c->what);
        const char *said = rv == APR_SUCCESS ? r.text.data : import_error(&r);

        is_str(rv == APR_SUCCESS ? import_lines(r.text) : NULL, c->lines, c->what);
        is_int((long long)r.left_out, c->left_out, apr_psprintf(pool, "%s: left out", c->what));
        if (c->said != NULL && !ok(said != NULL && strstr(said, c->said) != NULL, "%s: says why", c->what)) {
            diag("expected: %s", c->said);
            diag("     got: %s", said ? said : "(null)");
        }
    }
}

/** The text that an import gives; ends the program when there is none. */
static inline const char *imported(certmap_import_fn *import, const char *text, const certmap_import_options_t *options)
{
    certmap_import_result_t r;

    if (import((certmap_str_t){ text, strlen(text) }, "original", options, &r, pool) != APR_SUCCESS) {
        fixture_fail(import_error(&r));
    }
    return apr_pstrmemdup(pool, r.text.data, r.text.len);
}

/** Bytes that are no text of any format, and all beginnings of one that is: an error or a text, never a fall. */
static inline void import_hostile(certmap_import_fn *import, const char *good)
{
    static const certmap_import_options_t none;
    static const struct {
        const char *what;
        const char *data;
        apr_size_t len;
    } bad[] = {
        { "nothing", "", 0 }, { "NUL", "\0", 1 }, { "NULs in a line", "a\0b\0\n", 5 },
        { "binary", "\x7f\x45\x4c\x46\x02\x01\x01\xff\xfe\x00", 10 }, { "DER", "\x30\x82\x01\x0a\x02\x82", 6 },
        { "a line without an end", "aaaaaaaa", 8 }, { "not UTF-8", "\xff\xfe\xfd\n", 4 }
    };
    apr_size_t len = strlen(good), i;
    certmap_import_result_t r;
    char *text;

    for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        apr_status_t rv = import_text(import, bad[i].data, bad[i].len, &none, &r, bad[i].what);

        ok(rv == APR_EINVAL, "%s is refused", bad[i].what);
    }
    for (i = 0; i < len; i++) {
        apr_status_t rv;

        text = malloc(i + !i);      /* no byte behind the end, for the tools that watch */
        memcpy(text, good, i);
        rv = import((certmap_str_t){ text, i }, "original", &none, &r, pool);
        if (rv != APR_SUCCESS && (rv != APR_EINVAL || r.text.data != NULL || import_error(&r) == NULL)) {
            ok(0, "cut off after %d bytes: a text, or an error", (int)i);
        }
        free(text);
    }
    ok(i == len, "cut off after each of %d bytes", (int)len);
    text = malloc(1 << 20);
    memset(text, 'A', 1 << 20);
    import_text(import, text, 1 << 20, &none, &r, "a line of a mebibyte");
    free(text);
}

#endif
