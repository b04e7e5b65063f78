/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Fuzz target: text of other software to rules or entries. The first byte picks the format and the options. Whatever
 * comes in, there is an error at a place, or a text that the engine reads without an error as what it is said to be, in
 * which nobody is let in by the word any.
 */
#include "fuzz.h"
#include "import/import.h"

static certmap_import_fn *const formats[] = {
    certmap_import_iis,     certmap_import_fakebasic, certmap_import_sssd,     certmap_import_gridmap,
    certmap_import_pgident, certmap_import_kafka,     certmap_import_altsecid,
};

#define NFORMATS (sizeof(formats) / sizeof(formats[0]))

static int count_errors(const apr_array_header_t *errors)
{
    int i, n = 0;

    for (i = 0; i < errors->nelts; i++) {
        n += !APR_ARRAY_IDX(errors, i, certmap_error_t).warning;
    }
    return n;
}

/* Lines of comments that say that something is left out. */
static apr_size_t count_left_out(certmap_str_t text)
{
    static const char mark[] = "# left out, line ";
    const char *at = text.data, *end = text.data + text.len;
    apr_size_t n = 0;

    while (at < end) {
        const char *stop = memchr(at, '\n', (size_t)(end - at));

        n += (size_t)(end - at) >= strlen(mark) && memcmp(at, mark, strlen(mark)) == 0;
        at = stop ? stop + 1 : end;
    }
    return n;
}

static void check_rules(const certmap_import_result_t *r, apr_pool_t *p)
{
    certmap_builder_t *b = certmap_builder_create(p);
    apr_status_t rv = certmap_builder_add_file_text(b, r->text, "import");
    const certmap_ruleset_t *rs;
    apr_size_t i;

    FUZZ_CHECK(rv == APR_SUCCESS && count_errors(certmap_builder_errors(b)) == 0);
    rs = certmap_builder_finish(b);
    FUZZ_CHECK(certmap_ruleset_count(rs) >= r->carried);
    for (i = 0; i < certmap_ruleset_count(rs); i++) {
        const certmap_rule_t *rule = certmap_ruleset_rule(rs, i);

        FUZZ_CHECK(rule->deny || !rule->any);
        FUZZ_CHECK(rule->deny || rule->nconds > 0);
    }
}

static void check_entries(const certmap_import_result_t *r, apr_pool_t *p)
{
    const certmap_entries_t *entries = NULL;
    apr_array_header_t *errors;

    FUZZ_CHECK(certmap_entries_parse(r->text, "import", &entries, &errors, p) == APR_SUCCESS);
    FUZZ_CHECK(certmap_entries_count(entries, CERTMAP_K_COUNT) >= r->carried);
}

int FUZZ_TARGET(import)(const uint8_t *data, size_t size)
{
    apr_pool_t *p = fuzz_pool();
    certmap_import_options_t options = { .issuer = NULL };
    certmap_import_result_t r;
    certmap_str_t text;
    unsigned pick;
    apr_status_t rv;

    if (size == 0) {
        return 0;
    }
    /* printable in seeds: '0' to '6', with an issuer '@' to 'F', and so on */
    pick = data[0] & 0x0f;
    if (pick >= NFORMATS) {
        return 0;
    }
    options.issuer = data[0] & 0x40 ? "CN=Test CA,O=Example Ltd" : NULL;
    options.location = data[0] & 0x80 ? "Site" : NULL;
    options.map = data[0] & 0x80 ? "d" : NULL;
    text = (certmap_str_t){ apr_pmemdup(p, data + 1, size - 1), size - 1 };
    memset(&r, 0, sizeof(r));
    rv = formats[pick](text, "fuzz", &options, &r, p);
    FUZZ_CHECK(rv == APR_SUCCESS || rv == APR_EINVAL);
    FUZZ_CHECK(r.errors != NULL);
    fuzz_check_errors(r.errors);
    if (rv != APR_SUCCESS) {
        FUZZ_CHECK(count_errors(r.errors) > 0 && r.text.data == NULL);
        return 0;
    }
    FUZZ_CHECK(count_errors(r.errors) == 0 && r.text.data != NULL && strlen(r.text.data) == r.text.len);
    FUZZ_CHECK(count_left_out(r.text) == r.left_out);
    if (r.kind == CERTMAP_IMPORT_RULES) {
        check_rules(&r, p);
    }
    else {
        check_entries(&r, p);
    }
    return 0;
}
