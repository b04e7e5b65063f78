/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A table of entries in memory: records packed one after another, found through a hash table of pointers. Made once
 * from a text, never changed; a million entries are a few dozen megabytes.
 */
#include <stdlib.h>
#include <string.h>

#include <apr_strings.h>

#include "entries/internal.h"

/* Records are cut from blocks of this size. */
#define BLOCK_SIZE (1024 * 1024 - 64)

/* How many slots ahead memory is asked for. */
#define AHEAD 32

struct certmap_entries_t {
    const certmap_packed_t **slots; /* open addressing, nearly in the order of the hashes; NULL: free */
    apr_size_t mask;
    int shift; /* from a hash's first 64 bits to its slot */
    apr_size_t n;
    apr_size_t counts[CERTMAP_K_COUNT];
    unsigned kinds;
    unsigned denied; /* kinds of which there are deny entries */
};

/* A table while it is filled. */
typedef struct filling_t {
    certmap_entries_t *entries;
    const char *file;
    int key_texts;
    unsigned char *block;
    apr_size_t left;
    certmap_sink_t sink;
    apr_pool_t *pool;
} filling_t;

/* ---- the hash table ------------------------------------------------------------------------------------------ */

/* The first bits of a hash. */
static apr_uint64_t first_bits(const unsigned char *hash)
{
    return (apr_uint64_t)hash[0] << 56 | (apr_uint64_t)hash[1] << 48 | (apr_uint64_t)hash[2] << 40
           | (apr_uint64_t)hash[3] << 32 | (apr_uint64_t)hash[4] << 24 | (apr_uint64_t)hash[5] << 16
           | (apr_uint64_t)hash[6] << 8 | (apr_uint64_t)hash[7];
}

/* Where a hash belongs. Hashes are SHA-256, so their bytes are as good as random. */
static apr_size_t home_of(const certmap_entries_t *entries, const unsigned char *hash)
{
    return (apr_size_t)(first_bits(hash) >> entries->shift);
}

/* The slot of a hash: where it is, or where it would go. */
static const certmap_packed_t **find_slot(const certmap_entries_t *entries, const unsigned char *hash)
{
    apr_size_t i;

    for (i = home_of(entries, hash); entries->slots[i] != NULL; i = (i + 1) & entries->mask) {
        if (memcmp(entries->slots[i]->hash, hash, CERTMAP_HASH_LEN) == 0) {
            break;
        }
    }
    return &entries->slots[i];
}

/* How many entries a text can have at most: no more than it has lines. */
static apr_size_t count_lines(certmap_str_t text)
{
    const char *end = text.data + text.len;
    const char *s = text.data;
    apr_size_t n = 1;

    while (s < end && (s = memchr(s, '\n', (apr_size_t)(end - s))) != NULL) {
        n++;
        s++;
    }
    return n;
}

static certmap_entries_t *new_table(apr_size_t most, apr_pool_t *p)
{
    certmap_entries_t *entries = apr_pcalloc(p, sizeof(*entries));
    apr_size_t size = 16;

    entries->shift = 64 - 4;
    while (size < most + most / 3) {
        size *= 2;
        entries->shift--;
    }
    entries->mask = size - 1;
    entries->slots = apr_pcalloc(p, size * sizeof(*entries->slots));
    return entries;
}

static void *cut(filling_t *f, apr_size_t size)
{
    unsigned char *at;

    size = (size + 7) & ~(apr_size_t)7;
    if (size > f->left) {
        f->left = size > BLOCK_SIZE ? size : BLOCK_SIZE;
        f->block = apr_palloc(f->pool, f->left);
    }
    at = f->block;
    f->block += size;
    f->left -= size;
    return at;
}

/* ---- filling ------------------------------------------------------------------------------------------------- */

static void told_before(filling_t *f, const certmap_line_t *line, const certmap_packed_t *first, apr_pool_t *scratch)
{
    certmap_entry_t entry;
    certmap_key_kind_e kind;
    const char *what = "this key has an entry";

    if (certmap_store_record_unpack(first->record, first->len, &kind, &entry, NULL, scratch)) {
        what = entry.deny == line->entry.deny ? what : entry.deny ? "this key is denied" : "this key is allowed";
    }
    certmap_sink_error(&f->sink, line->place, "%s already, in line %u; a key has one entry", what,
                       (unsigned)first->line);
}

static void add_line(filling_t *f, const certmap_line_t *line, apr_pool_t *scratch)
{
    certmap_entries_t *entries = f->entries;
    const certmap_packed_t **slot = entries->slots + home_of(entries, line->key.hash);
    const char *key_text;
    apr_size_t size;
    certmap_packed_t *packed;

    __builtin_prefetch(slot); /* while the text is made */
    key_text = f->key_texts ? certmap_line_key_text(line, scratch) : "";
    size = certmap_store_record_size(&line->entry, key_text);
    slot = find_slot(entries, line->key.hash);
    if (*slot != NULL) {
        told_before(f, line, *slot, scratch);
        return;
    }
    if (size + strlen(key_text) > CERTMAP_STORE_RECORD_MAX - 4096) {
        certmap_sink_error(&f->sink, line->place, "this entry is too long; 60 kB are the most");
        return;
    }
    packed = cut(f, sizeof(*packed) + size);
    packed->line = (apr_uint32_t)line->place.line;
    packed->len = (apr_uint32_t)size;
    memcpy(packed->hash, line->key.hash, CERTMAP_HASH_LEN);
    certmap_store_record_pack(line->key.kind, &line->entry, key_text, packed->record);
    *slot = packed;
    entries->n++;
    entries->counts[line->key.kind]++;
    entries->kinds |= CERTMAP_KIND_BIT(line->key.kind);
    entries->denied |= line->entry.deny ? CERTMAP_KIND_BIT(line->key.kind) : 0;
}

static void begin_sink(certmap_sink_t *sink, const char *file, apr_pool_t *p)
{
    memset(sink, 0, sizeof(*sink));
    sink->list = apr_array_make(p, 4, sizeof(certmap_error_t));
    sink->file = file != NULL ? apr_pstrdup(p, file) : NULL;
    sink->pool = p;
}

apr_status_t certmap_entries_read(certmap_str_t text, const char *file, int key_texts,
                                  const certmap_entries_t **entries, apr_array_header_t **errors, apr_pool_t *p)
{
    filling_t f = { .file = file, .key_texts = key_texts, .pool = p };
    certmap_line_reader_t *reader;
    apr_pool_t *scratch;
    apr_pool_t *key_pool;
    certmap_line_t line;

    *entries = NULL;
    begin_sink(&f.sink, file, p);
    *errors = f.sink.list;
    if (apr_pool_create(&scratch, p) != APR_SUCCESS || apr_pool_create(&key_pool, scratch) != APR_SUCCESS) {
        return APR_ENOMEM;
    }
    f.entries = new_table(count_lines(text), p);
    reader = certmap_line_reader_create(text, &f.sink, 1, scratch);
    while (certmap_line_next(reader, &line) == APR_SUCCESS) {
        add_line(&f, &line, key_pool);
        if (key_texts) {
            apr_pool_clear(key_pool);
        }
    }
    apr_pool_destroy(scratch);
    certmap_sink_end(&f.sink);
    if (f.sink.nerrors > 0) {
        return APR_EINVAL;
    }
    *entries = f.entries;
    return APR_SUCCESS;
}

apr_status_t certmap_entries_parse(certmap_str_t text, const char *file, const certmap_entries_t **entries,
                                   apr_array_header_t **errors, apr_pool_t *p)
{
    return certmap_entries_read(text, file, 0, entries, errors, p);
}

apr_status_t certmap_entries_each(certmap_str_t text, const char *file, certmap_entry_fn *fn, void *baton,
                                  apr_array_header_t **errors, apr_pool_t *p)
{
    certmap_sink_t sink;
    certmap_line_reader_t *reader;
    certmap_line_t line;
    apr_pool_t *scratch;
    apr_pool_t *key_pool;
    int stop = 0;

    begin_sink(&sink, file, p);
    *errors = sink.list;
    if (apr_pool_create(&scratch, p) != APR_SUCCESS || apr_pool_create(&key_pool, scratch) != APR_SUCCESS) {
        return APR_ENOMEM;
    }
    reader = certmap_line_reader_create(text, &sink, 1, scratch);
    while (!stop && certmap_line_next(reader, &line) == APR_SUCCESS) {
        stop = fn(baton, certmap_line_key_text(&line, key_pool), &line.entry, line.place.line);
        apr_pool_clear(key_pool);
    }
    apr_pool_destroy(scratch);
    certmap_sink_end(&sink);
    return sink.nerrors > 0 ? APR_EINVAL : APR_SUCCESS;
}

/* ---- asking -------------------------------------------------------------------------------------------------- */

apr_size_t certmap_entries_count(const certmap_entries_t *entries, certmap_key_kind_e kind)
{
    return kind == CERTMAP_K_COUNT ? entries->n : entries->counts[kind];
}

unsigned certmap_entries_kinds(const certmap_entries_t *entries)
{
    return entries->kinds;
}

apr_status_t certmap_entries_lookup(const certmap_entries_t *entries, const certmap_cert_t *cert,
                                    certmap_lookup_t *found, apr_pool_t *p)
{
    const certmap_key_t *keys;
    unsigned unformed;
    apr_size_t n;
    apr_size_t i;
    apr_status_t rv;

    memset(found, 0, sizeof(*found));
    rv = certmap_cert_keys(cert, entries->kinds, &keys, &n, &unformed, p);
    found->unformed = certmap_kinds_first(unformed & entries->denied);
    for (i = 0; i < n && rv == APR_SUCCESS && !found->has_deny; i++) {
        const certmap_packed_t *packed = *find_slot(entries, keys[i].hash);
        certmap_entry_t entry;
        certmap_key_kind_e kind;

        if (packed == NULL) {
            continue;
        }
        if (!certmap_store_record_unpack(packed->record, packed->len, &kind, &entry, NULL, p) || kind != keys[i].kind) {
            rv = APR_EGENERAL;
            break;
        }
        certmap_lookup_add(found, &entry, kind);
    }
    return rv;
}

/* What entries are sorted by, in an array of its own: going to each of them for every comparison takes longer than the
 * rest. */
typedef struct sorting_t {
    apr_uint64_t by; /* the first bytes of the hash, or the line */
    const certmap_packed_t *packed;
} sorting_t;

static int compare_sorting(const void *a_, const void *b_)
{
    const sorting_t *a = a_;
    const sorting_t *b = b_;

    return a->by != b->by ? (a->by > b->by) - (a->by < b->by)
                          : memcmp(a->packed->hash, b->packed->hash, CERTMAP_HASH_LEN);
}

/* Sorts what nearly is: an entry is close to its place, except for those few that the table's end has sent back to
 * its beginning. */
static void sort_by_insertion(sorting_t *sorting, apr_size_t n)
{
    apr_size_t i;
    apr_size_t j;

    for (i = 1; i < n; i++) {
        sorting_t moved = sorting[i];

        for (j = i; j > 0 && compare_sorting(&sorting[j - 1], &moved) > 0; j--) {
            sorting[j] = sorting[j - 1];
        }
        sorting[j] = moved;
    }
}

const certmap_packed_t *certmap_entries_find(const certmap_entries_t *entries, const unsigned char *hash)
{
    return *find_slot(entries, hash);
}

static const certmap_packed_t **sorted(const certmap_entries_t *entries, int by_line, apr_pool_t *p)
{
    const certmap_packed_t **all = apr_palloc(p, (entries->n + 1) * sizeof(*all));
    sorting_t *sorting = apr_palloc(p, (entries->n + 1) * sizeof(*sorting));
    apr_size_t n = 0;
    apr_size_t i;

    for (i = 0; i <= entries->mask; i++) {
        const certmap_packed_t *packed = entries->slots[i];

        if (i + AHEAD <= entries->mask && entries->slots[i + AHEAD] != NULL) {
            __builtin_prefetch(entries->slots[i + AHEAD]);
        }
        if (packed != NULL) {
            sorting[n++] = (sorting_t){ by_line ? packed->line : first_bits(packed->hash), packed };
        }
    }
    if (by_line) {
        qsort(sorting, n, sizeof(*sorting), compare_sorting);
    }
    else {
        sort_by_insertion(sorting, n);
    }
    for (i = 0; i < n; i++) {
        all[i] = sorting[i].packed;
    }
    return all;
}

const certmap_packed_t **certmap_entries_sorted(const certmap_entries_t *entries, apr_pool_t *p)
{
    return sorted(entries, 0, p);
}

const certmap_packed_t **certmap_entries_by_line(const certmap_entries_t *entries, apr_pool_t *p)
{
    return sorted(entries, 1, p);
}
