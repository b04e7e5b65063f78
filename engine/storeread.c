/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reads stores for those who administer them: one key, all entries, or all of it with every check there is.
 */
#include <string.h>

#include <apr_strings.h>

#include "store.h"

/* How often a file may grow between opening and asking. */
#define TRIES_MAX 100

/* How often progress is told. */
#define PROGRESS_STEP 4096

/* ---- one key ------------------------------------------------------------------------------------------------- */

typedef struct get_t {
    certmap_key_t key;
    certmap_entry_t entry;
    const char *text;
    int found;
} get_t;

static const char *get_key(void *baton, const certmap_pages_t *pages, const certmap_snapshot_t *snapshot,
                           apr_pool_t *p)
{
    get_t *get = baton;
    certmap_header_t header;
    const char *why = certmap_store_header(pages, snapshot, &header, p);

    if (why == NULL) {
        get->found = certmap_store_find(pages, snapshot, &get->key, &get->entry, &get->text, &why, p) == APR_SUCCESS;
    }
    return why;
}

apr_status_t certmap_store_get(const char *path, certmap_str_t key, const char **text, certmap_entry_t *entry,
                               apr_array_header_t **errors, const char **why, apr_pool_t *p)
{
    get_t get = { .found = 0 };
    certmap_pages_t *pages;
    apr_array_header_t *keys;
    apr_pool_t *own;
    apr_status_t rv = certmap_store_keys(key, NULL, &keys, errors, why, p);
    int tries;

    *text = NULL;
    if (rv == APR_SUCCESS && keys->nelts != 1) {
        *why = "one key can be asked for at a time";
        rv = APR_EINVAL;
    }
    if (rv != APR_SUCCESS) {
        return rv;
    }
    get.key = APR_ARRAY_IDX(keys, 0, certmap_wanted_t).key;
    if (apr_pool_create(&own, p) != APR_SUCCESS) {
        *why = "out of memory";
        return APR_ENOMEM;
    }
    for (tries = 0, rv = APR_EAGAIN; tries < TRIES_MAX && rv == APR_EAGAIN; tries++) {
        apr_pool_clear(own);
        rv = certmap_pages_open(path, &pages, why, own);
        if (rv == APR_SUCCESS) {
            rv = certmap_store_ask(pages, get_key, &get, why, p);
        }
    }
    if (rv == APR_EAGAIN) {
        *why = "it grows faster than it can be read";
    }
    *why = *why != NULL ? apr_pstrdup(p, *why) : NULL;
    apr_pool_destroy(own);
    if (rv == APR_SUCCESS && !get.found) {
        *why = "the store has no entry for this key";
        return APR_NOTFOUND;
    }
    *entry = get.entry;
    *text = get.text;
    return rv;
}

/* ---- everything ---------------------------------------------------------------------------------------------- */

typedef struct all_t {
    certmap_entry_fn *fn;           /* or NULL */
    certmap_progress_fn *progress;  /* or NULL */
    void *baton;
    int check;                      /* keys against their texts, and the pages that are free */
    apr_size_t n;
    apr_size_t total;
    apr_size_t counts[CERTMAP_K_COUNT];
} all_t;

/* By the function that is told of entries; by the one that is told of progress. */
static const char stopped[] = "stopped";
static const char interrupted[] = "stopped before it was done";

/* Whether a key's text is the key that it stands under. */
static int is_key_of(const char *text, const certmap_node_t *node, certmap_kind_e kind, apr_pool_t *p)
{
    const certmap_wanted_t *wanted;
    apr_array_header_t *keys;
    apr_array_header_t *errors;
    const char *why;

    if (certmap_store_keys((certmap_str_t){ text, strlen(text) }, NULL, &keys, &errors, &why, p) != APR_SUCCESS) {
        return 0;
    }
    wanted = (const certmap_wanted_t *)keys->elts;
    return keys->nelts == 1 && wanted->key.kind == kind
           && memcmp(wanted->key.hash, node->key, CERTMAP_HASH_LEN) == 0;
}

static const char *visit(void *baton, const certmap_node_t *node, apr_pool_t *p)
{
    all_t *all = baton;
    certmap_entry_t entry;
    certmap_kind_e kind;
    const char *text;
    const char *why;

    if (node->keylen == CERTMAP_HEADER_KEY_LEN && memcmp(node->key, CERTMAP_HEADER_KEY, node->keylen) == 0) {
        return NULL;
    }
    why = certmap_store_unpack(node, &kind, &entry, &text, p);
    if (why != NULL) {
        return why;
    }
    if (all->check && !is_key_of(text, node, kind, p)) {
        return "an entry stands under a key that is not its own";
    }
    all->counts[kind]++;
    all->n++;
    if (all->progress != NULL && all->n % PROGRESS_STEP == 0
        && all->progress(all->baton, all->n, all->total) != 0) {
        return interrupted;
    }
    return all->fn != NULL && all->fn(all->baton, text, &entry, 0) != 0 ? stopped : NULL;
}

/* Reads all of a store that nobody writes to meanwhile. */
static apr_status_t read_all(const char *path, all_t *all, const char **why, apr_pool_t *p)
{
    certmap_snapshot_t snapshot;
    certmap_header_t header;
    certmap_pages_t *pages;
    int fd;
    int i;
    apr_status_t rv = certmap_store_lock(path, O_RDONLY, &fd, why, p);

    if (rv == APR_SUCCESS) {
        rv = certmap_pages_open(path, &pages, why, p);
    }
    if (rv != APR_SUCCESS) {
        return rv;
    }
    *why = certmap_pages_snapshot(pages, &snapshot) ? certmap_store_header(pages, &snapshot, &header, p)
                                                    : "its first pages make no sense";
    if (*why != NULL) {
        return APR_EGENERAL;
    }
    all->total = (apr_size_t)snapshot.entries - 1;
    rv = certmap_pages_walk(pages, &snapshot, visit, all, why, p);
    if (*why == stopped) {
        *why = NULL;
        return APR_SUCCESS;
    }
    rv = *why == interrupted ? APR_EINTR : rv;
    if (rv == APR_SUCCESS && all->check) {
        rv = certmap_pages_check(pages, &snapshot, why, p);
    }
    for (i = 0; i < CERTMAP_K_COUNT && rv == APR_SUCCESS; i++) {
        if (all->counts[i] != header.counts[i]) {
            *why = "its header counts other entries than there are";
            rv = APR_EGENERAL;
        }
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
