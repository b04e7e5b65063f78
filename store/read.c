/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reads stores for those who administer them: one key, all entries, or all of it with every check there is. A reader
 * takes no lock: what is open stays what it was, even if another file is put in its place.
 */
#include <string.h>

#include <apr_strings.h>

#include "store/internal.h"

/* How often progress is reported. */
#define PROGRESS_STEP 4096

static const char interrupted[] = "stopped before it was done";

/* ---- one key ------------------------------------------------------------------------------------------------- */

/* @return APR_SUCCESS, APR_NOTFOUND, or an error with *why, which lives in own */
static apr_status_t open_whole(const char *path, certmap_sealed_t **sealed, const char **why, apr_pool_t *own)
{
    apr_status_t rv = certmap_sealed_open(path, sealed, why, own);

    return rv == APR_SUCCESS ? certmap_sealed_check(*sealed, NULL, NULL, NULL, why) : rv;
}

/* @return APR_SUCCESS, APR_NOTFOUND, or an error; *why says why */
static apr_status_t get_key(const certmap_sealed_t *sealed, const certmap_key_t *key, certmap_entry_t *entry,
                            const char **text, const char **why, apr_pool_t *p)
{
    apr_status_t rv = certmap_sealed_entry(sealed, key, entry, text, p);

    if (!certmap_sealed_holds(sealed)) {
        *why = certmap_store_changing;
        return APR_EGENERAL;
    }
    *why = rv == APR_SUCCESS    ? NULL
           : rv == APR_NOTFOUND ? "the store has no entry for this key"
                                : certmap_store_damaged;
    return rv;
}

apr_status_t certmap_store_get(const char *path, certmap_str_t key, const char **text, certmap_entry_t *entry,
                               certmap_store_outcome_t *outcome, apr_pool_t *p)
{
    apr_array_header_t *keys;
    certmap_sealed_t *sealed;
    apr_pool_t *own;
    apr_status_t rv = certmap_keys_read(key, NULL, &keys, &outcome->errors, &outcome->why, p);

    *text = NULL;
    outcome->count = 0;
    if (rv == APR_SUCCESS && keys->nelts != 1) {
        outcome->why = "one key can be asked for at a time";
        rv = APR_EINVAL;
    }
    if (rv != APR_SUCCESS) {
        return rv;
    }
    if (apr_pool_create(&own, p) != APR_SUCCESS) {
        outcome->why = "out of memory";
        return APR_ENOMEM;
    }
    rv = open_whole(path, &sealed, &outcome->why, own);
    if (rv == APR_SUCCESS) {
        rv = get_key(sealed, &APR_ARRAY_IDX(keys, 0, certmap_wanted_t).key, entry, text, &outcome->why, p);
    }
    outcome->why = outcome->why != NULL ? apr_pstrdup(p, outcome->why) : NULL;
    apr_pool_destroy(own);
    return rv;
}

/* ---- everything ---------------------------------------------------------------------------------------------- */

typedef struct all_t {
    certmap_entry_fn *fn;          /* or NULL */
    certmap_progress_fn *progress; /* or NULL */
    void *baton;
    int check; /* keys against their texts, and that each is found */
    apr_size_t n;
    apr_size_t total;
    apr_size_t counts[CERTMAP_K_COUNT];
    apr_size_t denies[CERTMAP_K_COUNT];
} all_t;

/* Whether a key's text is the key under which it is stored. */
static int is_key_of(const char *text, const unsigned char *hash, certmap_key_kind_e kind, apr_pool_t *p)
{
    const certmap_wanted_t *wanted;
    apr_array_header_t *keys;
    apr_array_header_t *errors;
    const char *why;

    if (certmap_keys_read((certmap_str_t){ text, strlen(text) }, NULL, &keys, &errors, &why, p) != APR_SUCCESS) {
        return 0;
    }
    wanted = (const certmap_wanted_t *)keys->elts;
    return keys->nelts == 1 && wanted->key.kind == kind && memcmp(wanted->key.hash, hash, CERTMAP_HASH_LEN) == 0;
}

/* @return APR_SUCCESS, APR_EOF to stop, or an error with *why */
static apr_status_t visit(all_t *all, const certmap_sealed_t *sealed, const certmap_sealed_iter_t *iter,
                          const char **why, apr_pool_t *p)
{
    const unsigned char *record;
    certmap_entry_t entry;
    certmap_key_kind_e kind;
    const char *text;
    apr_size_t len;

    if (!certmap_store_record_unpack(iter->record, iter->len, &kind, &entry, &text, p)) {
        *why = "an entry is damaged";
        return APR_EGENERAL;
    }
    if (all->check
        && (!is_key_of(text, iter->hash, kind, p) || certmap_sealed_find(sealed, iter->hash, &record, &len) != 1
            || record != iter->record)) {
        *why = "an entry is stored under a key that is not its own";
        return APR_EGENERAL;
    }
    all->counts[kind]++;
    all->denies[kind] += entry.deny != 0;
    all->n++;
    if (all->progress != NULL && all->n % PROGRESS_STEP == 0 && all->progress(all->baton, all->n, all->total) != 0) {
        *why = interrupted;
        return APR_EINTR;
    }
    return all->fn != NULL && all->fn(all->baton, text, &entry, 0) != 0 ? APR_EOF : APR_SUCCESS;
}

/* Visits all records, each with a pool that ends with it. */
static apr_status_t visit_all(all_t *all, const certmap_sealed_t *sealed, const char **why, apr_pool_t *p)
{
    certmap_sealed_iter_t iter;
    apr_status_t rv = APR_SUCCESS;
    apr_pool_t *scratch;
    int has = 0;

    if (apr_pool_create(&scratch, p) != APR_SUCCESS) {
        *why = "out of memory";
        return APR_ENOMEM;
    }
    certmap_sealed_first(sealed, &iter);
    while (rv == APR_SUCCESS && (has = certmap_sealed_next(&iter)) > 0) {
        rv = visit(all, sealed, &iter, why, scratch);
        apr_pool_clear(scratch);
    }
    apr_pool_destroy(scratch);
    if (rv == APR_SUCCESS && has < 0) {
        *why = "its entries are not in order";
        rv = APR_EGENERAL;
    }
    return rv;
}

/* While the seal is checked no entry has been read, but the task can be stopped. */
static int only_stop(void *baton, apr_size_t done, apr_size_t total)
{
    const all_t *all = baton;

    (void)done;
    (void)total;
    return all->progress != NULL && all->progress(all->baton, 0, all->total) != 0;
}

/* The seal is checked before anything is handed out. */
static apr_status_t read_all(const char *path, all_t *all, const char **why, apr_pool_t *p)
{
    certmap_sealed_t *sealed;
    int i;
    apr_status_t rv = certmap_sealed_open(path, &sealed, why, p);

    if (rv != APR_SUCCESS) {
        return rv;
    }
    for (i = 0; i < CERTMAP_K_COUNT; i++) {
        all->total += (apr_size_t)sealed->seal.counts[i];
    }
    rv = certmap_sealed_check(sealed, NULL, only_stop, all, why);
    if (rv == APR_SUCCESS) {
        rv = visit_all(all, sealed, why, p);
    }
    if (rv == APR_EOF) {
        return APR_SUCCESS;
    }
    for (i = 0; i < CERTMAP_K_COUNT && rv == APR_SUCCESS; i++) {
        if (all->counts[i] != sealed->seal.counts[i] || all->denies[i] != sealed->seal.denies[i]) {
            *why = "its seal counts other entries than there are";
            rv = APR_EGENERAL;
        }
    }
    if (rv == APR_SUCCESS && !certmap_sealed_holds(sealed)) {
        *why = certmap_store_changing;
        rv = APR_EGENERAL;
    }
    return rv;
}

static apr_status_t read_whole(const char *path, all_t *all, const char **why, apr_pool_t *p)
{
    apr_pool_t *own;
    apr_status_t rv = apr_pool_create(&own, p);

    *why = "out of memory";
    if (rv == APR_SUCCESS) {
        *why = NULL;
        rv = read_all(path, all, why, own);
        *why = *why != NULL ? apr_pstrdup(p, *why) : NULL;
        apr_pool_destroy(own);
    }
    return rv;
}

apr_status_t certmap_store_each(const char *path, certmap_entry_fn *fn, void *baton, const char **why, apr_pool_t *p)
{
    all_t all = { .fn = fn, .baton = baton };

    return read_whole(path, &all, why, p);
}

apr_status_t certmap_store_verify(const char *path, certmap_progress_fn *progress, void *baton,
                                  apr_size_t counts[CERTMAP_K_COUNT], const char **why, apr_pool_t *p)
{
    all_t all = { .progress = progress, .baton = baton, .check = 1 };
    apr_status_t rv = read_whole(path, &all, why, p);

    memcpy(counts, all.counts, sizeof(all.counts));
    if (rv == APR_SUCCESS && progress != NULL) {
        progress(baton, all.n, all.n);
    }
    return rv;
}
