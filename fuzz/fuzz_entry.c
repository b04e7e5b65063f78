/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Fuzz target: text to one-to-one entries. The short way through usual lines gives what the lexer gives; an entry that
 * was taken can be written and read again as the same; every error has a place and one clean line; a table holds each
 * key once.
 */
#include "fuzz.h"
#include "base/testing.h"
#include "entries/testing.h"

typedef struct read_t {
    const char *text; /* hashes, places and entries, all of it */
    int entries;
    certmap_sink_t sink;
} read_t;

static read_t read_text(certmap_str_t text, int fast, apr_pool_t *p)
{
    apr_array_header_t *parts = apr_array_make(p, 32, sizeof(const char *));
    read_t r = { .sink = { .list = apr_array_make(p, 4, sizeof(certmap_error_t)), .pool = p } };
    certmap_line_reader_t *reader = certmap_line_reader_create(text, &r.sink, fast, p);
    certmap_line_t line;
    int i;

    while (certmap_line_next(reader, &line) == APR_SUCCESS) {
        const char *key = certmap_line_key_text(&line, p);

        FUZZ_CHECK(line.entry.deny
                       ? line.entry.effect.user == NULL
                       : fuzz_is_user((certmap_str_t){ line.entry.effect.user, strlen(line.entry.effect.user) }));
        APR_ARRAY_PUSH(parts, const char *) = apr_psprintf(p, "%d:%d %s %s\n", line.place.line, line.place.column,
                                                           certmap_hex(line.key.hash, CERTMAP_HASH_LEN, p).data,
                                                           certmap_entry_text(key, &line.entry, p));
        r.entries++;
    }
    fuzz_check_errors(r.sink.list);
    for (i = 0; i < r.sink.list->nelts; i++) {
        const certmap_error_t *e = &APR_ARRAY_IDX(r.sink.list, i, certmap_error_t);

        APR_ARRAY_PUSH(parts, const char *) = apr_psprintf(p, "%d:%d: %s\n", e->line, e->column, e->text);
    }
    r.text = apr_array_pstrcat(p, parts, 0);
    return r;
}

/* An entry by itself, packed, unpacked, written and read. */
static int check_entry(void *baton, const char *key, const certmap_entry_t *entry, int line)
{
    apr_pool_t *p = baton;
    apr_size_t size = certmap_store_record_size(entry, key);
    unsigned char *record = apr_palloc(p, size);
    const char *text = certmap_entry_text(key, entry, p);
    read_t once = read_text((certmap_str_t){ text, strlen(text) }, 1, p);
    const char *key_back;
    certmap_entry_t back;
    certmap_key_kind_e kind;

    (void)line;
    FUZZ_CHECK(once.entries == 1 && once.sink.nerrors == 0);
    if (size <= CERTMAP_STORE_RECORD_MAX) {
        certmap_store_record_pack(CERTMAP_K_DN, entry, key, record);
        FUZZ_CHECK(certmap_store_record_unpack(record, size, &kind, &back, &key_back, p) && kind == CERTMAP_K_DN);
        FUZZ_CHECK(strcmp(certmap_entry_text(key_back, &back, p), text) == 0);
    }
    return 0;
}

/* What a table says of a certificate does not contradict itself. */
static void ask(const certmap_entries_t *entries, apr_pool_t *p)
{
    static const fuzz_value_t ann[] = {
        { 'C', 0x0c, 0, { "Ann Lee", 7 } },
        { 'O', 0x0c, 0, { "Example Ltd", 11 } },
        { 'e', 0, 0, { "ann@x", 5 } },
        { 'e', 0, 0, { "lee@x", 5 } },
    };
    static const certmap_cert_t *cert;
    certmap_lookup_t found;

    if (cert == NULL) {
        cert = fuzz_cert(ann, 4, fuzz_lasting_pool());
    }
    FUZZ_CHECK(certmap_entries_lookup(entries, cert, &found, p) == APR_SUCCESS);
    FUZZ_CHECK(!found.has_deny || (found.deny.deny && found.deny.effect.user == NULL));
    FUZZ_CHECK(!found.has_allow || (!found.allow.deny && found.allow.effect.user != NULL));
}

int FUZZ_TARGET(entry)(const uint8_t *data, size_t size)
{
    apr_pool_t *p = fuzz_pool();
    certmap_str_t text = { apr_pmemdup(p, data, size), size };
    read_t fast = read_text(text, 1, p);
    read_t slow = read_text(text, 0, p);
    const certmap_entries_t *entries;
    apr_array_header_t *errors;
    apr_status_t rv;

    FUZZ_CHECK(strcmp(fast.text, slow.text) == 0 && fast.sink.nerrors == slow.sink.nerrors);
    certmap_entries_each(text, "fuzz", check_entry, p, &errors, p);
    rv = certmap_entries_read(text, "fuzz", 1, &entries, &errors, p);
    fuzz_check_errors(errors);
    FUZZ_CHECK((rv == APR_SUCCESS) == (entries != NULL) && (rv == APR_SUCCESS || rv == APR_EINVAL));
    if (entries != NULL) {
        const certmap_packed_t **all = certmap_entries_sorted(entries, p);
        apr_size_t n = certmap_entries_count(entries, CERTMAP_K_COUNT);
        apr_size_t i;

        FUZZ_CHECK(n == (apr_size_t)fast.entries);
        for (i = 1; i < n; i++) {
            FUZZ_CHECK(memcmp(all[i - 1]->hash, all[i]->hash, CERTMAP_HASH_LEN) < 0);
        }
        ask(entries, p);
    }
    return 0;
}
