/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reads keys without an entry, as those who remove entries or ask for one write them.
 */
#include <apr_hash.h>
#include <apr_strings.h>

#include "entries/internal.h"

/* Reads one line's words as a key and nothing else. */
static int read_key(const certmap_key_reader_t *reader, const apr_array_header_t *words, certmap_wanted_t *wanted)
{
    const certmap_word_t *w = (const certmap_word_t *)words->elts;
    int n = certmap_key_read(reader, w, words->nelts, &wanted->key);

    wanted->place = w->place;
    if (n > 0 && n < words->nelts) {
        certmap_sink_error(reader->sink, w[n].place, "the key ends before this word");
    }
    return n == words->nelts;
}

/* A key that is given twice could be removed only once. */
static void find_twice(const apr_array_header_t *keys, certmap_sink_t *sink, apr_pool_t *p)
{
    apr_hash_t *seen = apr_hash_make(p);
    int i;

    for (i = 0; i < keys->nelts; i++) {
        const certmap_wanted_t *wanted = &APR_ARRAY_IDX(keys, i, certmap_wanted_t);
        const certmap_wanted_t *before = apr_hash_get(seen, wanted->key.hash, CERTMAP_HASH_LEN);

        if (before != NULL) {
            certmap_sink_error(sink, wanted->place, "this key is already in line %d", before->place.line);
        }
        else {
            apr_hash_set(seen, wanted->key.hash, CERTMAP_HASH_LEN, wanted);
        }
    }
}

apr_status_t certmap_keys_read(certmap_str_t text, const char *file, apr_array_header_t **keys,
                               apr_array_header_t **errors, const char **why, apr_pool_t *p)
{
    certmap_sink_t sink;
    certmap_key_reader_t reader = { .sink = &sink };
    certmap_lexer_t lexer;
    apr_array_header_t *words;
    certmap_wanted_t wanted;

    if (apr_pool_create(&reader.pool, p) != APR_SUCCESS) {
        *why = "out of memory";
        return APR_ENOMEM;
    }
    *errors = apr_array_make(p, 1, sizeof(certmap_error_t));
    *keys = apr_array_make(p, 1, sizeof(certmap_wanted_t));
    sink = (certmap_sink_t){ .list = *errors, .file = file != NULL ? apr_pstrdup(p, file) : NULL, .pool = p };
    certmap_lex_init(&lexer, text, CERTMAP_TEXT_FILE, (certmap_place_t){ 1, 1 }, &sink);
    while (certmap_lex_line(&lexer, &words, reader.pool) == APR_SUCCESS) {
        if (read_key(&reader, words, &wanted)) {
            APR_ARRAY_PUSH(*keys, certmap_wanted_t) = wanted;
        }
        apr_pool_clear(reader.pool);
    }
    apr_pool_destroy(reader.pool);
    if ((*keys)->nelts == 0 && sink.nerrors == 0) {
        certmap_sink_error(&sink, (certmap_place_t){ 1, 1 }, "a key is missing");
    }
    if ((*keys)->nelts > 1) {
        find_twice(*keys, &sink, p);
    }
    certmap_sink_end(&sink);
    *why = sink.nerrors > 0 ? "the key has errors" : NULL;
    return sink.nerrors > 0 ? APR_EINVAL : APR_SUCCESS;
}
