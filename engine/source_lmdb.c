/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The source that answers from a store: the file is mapped, shared by all processes that read it, and may be written to
 * at any time. Every question is answered from one version of the contents, the newest; a file that has been replaced,
 * grown or cut off is mapped anew.
 */
#include <pthread.h>
#include <string.h>
#include <time.h>

#include <apr_strings.h>

#include "store.h"

/* A store that was renamed away is noticed after this many seconds; one that was replaced, at once. */
#define PATH_SECONDS 1

/* How often a file may grow between opening and asking. */
#define TRIES_MAX 100

/* What a slot holds: a mapped file, or why there is none. */
typedef struct opened_t {
    certmap_pages_t *pages;         /* NULL: there is none */
    apr_status_t rv;
    const char *why;
    struct stat st;                 /* of the path when it was opened; all zero when there was nothing */
    apr_uint64_t known;             /* kinds of a version, 8 bits, below its number; atomic; 0: not known */
} opened_t;

typedef struct source_lmdb_t {
    certmap_source_t source;
    const char *path;
    certmap_slot_t *slot;
    pthread_mutex_t lock;           /* of those who would open it */
    long checked;                   /* second in which the path was looked at; atomic */
} source_lmdb_t;

/* ---- the file ------------------------------------------------------------------------------------------------ */

static long now_seconds(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC_COARSE, &t);
    return (long)t.tv_sec;
}

static int same_file(const struct stat *a, const struct stat *b)
{
    return a->st_dev == b->st_dev && a->st_ino == b->st_ino;
}

/* Whether the path has become something else than what was opened. Asked now and then, and while there is an error. */
static int path_changed(source_lmdb_t *s, const opened_t *opened)
{
    struct stat st;
    long now = now_seconds();

    if (opened->pages != NULL && now - __atomic_load_n(&s->checked, __ATOMIC_RELAXED) < PATH_SECONDS) {
        return 0;
    }
    __atomic_store_n(&s->checked, now, __ATOMIC_RELAXED);
    if (stat(s->path, &st) != 0) {
        memset(&st, 0, sizeof(st));
    }
    return !same_file(&st, &opened->st)
           || (opened->pages == NULL
               && (st.st_size != opened->st.st_size || st.st_mtim.tv_sec != opened->st.st_mtim.tv_sec
                   || st.st_mtim.tv_nsec != opened->st.st_mtim.tv_nsec || st.st_mode != opened->st.st_mode
                   || st.st_uid != opened->st.st_uid));
}

/* Whether what was opened will do. st: how the open file is now */
static int still_good(source_lmdb_t *s, const opened_t *opened, struct stat *st)
{
    if (opened->pages == NULL) {
        memset(st, 0, sizeof(*st));
    }
    else if (fstat(opened->pages->fd, st) != 0 || st->st_nlink == 0 || (apr_size_t)st->st_size < opened->pages->len) {
        return 0;
    }
    return !path_changed(s, opened);
}

/* Opens the file and makes it the current generation, errors too. */
static void open_again(source_lmdb_t *s)
{
    apr_pool_t *pool = certmap_generation_pool(s->slot);
    opened_t *opened;

    if (pool == NULL) {
        return;
    }
    opened = apr_pcalloc(pool, sizeof(*opened));
    opened->rv = certmap_pages_open(s->path, &opened->pages, &opened->why, pool);
    if (opened->rv == APR_SUCCESS) {
        opened->st = opened->pages->st;
    }
    else {
        opened->pages = NULL;
        if (stat(s->path, &opened->st) != 0) {
            memset(&opened->st, 0, sizeof(opened->st));
        }
    }
    __atomic_store_n(&s->checked, now_seconds(), __ATOMIC_RELAXED);
    certmap_slot_replace(s->slot, opened, pool);
}

/*
 * The current file, opened again when it must be. too_short: a generation whose mapping ends before a page that it
 * should have; 0 for none.
 */
static certmap_generation_t *current(source_lmdb_t *s, apr_uint64_t too_short, struct stat *st)
{
    certmap_generation_t *generation = certmap_slot_acquire(s->slot);

    if (generation != NULL && certmap_generation_number(generation) != too_short
        && still_good(s, certmap_generation_object(generation), st)) {
        return generation;
    }
    pthread_mutex_lock(&s->lock);
    /* Another thread may have opened it while this one waited. */
    if (generation == NULL || certmap_generation_number(generation) == certmap_slot_number(s->slot)) {
        open_again(s);
    }
    pthread_mutex_unlock(&s->lock);
    if (generation != NULL) {
        certmap_generation_release(generation);
    }
    generation = certmap_slot_acquire(s->slot);
    memset(st, 0, sizeof(*st));
    if (generation != NULL) {
        const opened_t *opened = certmap_generation_object(generation);

        if (opened->pages != NULL) {
            *st = opened->st;
        }
    }
    return generation;
}

/* ---- asking -------------------------------------------------------------------------------------------------- */

/* Has fn read one version of the file as it is now. */
static apr_status_t on_version(source_lmdb_t *s, certmap_version_fn *fn, void *baton, opened_t **asked,
                               const char **why, apr_pool_t *p)
{
    apr_uint64_t too_short = 0;
    apr_status_t rv = APR_EAGAIN;
    int tries;

    for (tries = 0; tries < TRIES_MAX && rv == APR_EAGAIN; tries++) {
        struct stat st;
        certmap_generation_t *generation = current(s, too_short, &st);

        if (generation == NULL) {
            *why = "out of memory";
            return APR_ENOMEM;
        }
        *asked = (opened_t *)(apr_uintptr_t)certmap_generation_object(generation);
        if ((*asked)->pages == NULL) {
            rv = (*asked)->rv;
            *why = apr_pstrdup(p, (*asked)->why);
        }
        else {
            rv = certmap_store_ask((*asked)->pages, fn, baton, why, p);
        }
        too_short = certmap_generation_number(generation);
        certmap_generation_release(generation);
    }
    if (rv == APR_EAGAIN) {
        *why = "it grows faster than it can be read";
    }
    return rv;
}

typedef struct question_t {
    const certmap_cert_t *cert;
    certmap_lookup_t *found;
    opened_t *opened;
} question_t;

/* The kinds of keys that a version holds. @return NULL, or what is wrong with it */
static const char *kinds_of(opened_t *opened, const certmap_snapshot_t *snapshot, unsigned *kinds, apr_pool_t *p)
{
    apr_uint64_t known = __atomic_load_n(&opened->known, __ATOMIC_RELAXED);
    certmap_header_t header;
    const char *why;

    if (known != 0 && known >> 8 == (snapshot->txnid & (~(apr_uint64_t)0 >> 8))) {
        *kinds = (unsigned)(known & 0xff);
        return NULL;
    }
    why = certmap_store_header(opened->pages, snapshot, &header, p);
    if (why == NULL) {
        *kinds = certmap_header_kinds(&header);
        if (certmap_pages_still(opened->pages, snapshot)) {
            __atomic_store_n(&opened->known, snapshot->txnid << 8 | *kinds, __ATOMIC_RELAXED);
        }
    }
    return why;
}

static const char *answer(void *baton, const certmap_pages_t *pages, const certmap_snapshot_t *snapshot, apr_pool_t *p)
{
    question_t *q = baton;
    unsigned kinds = 0;
    const char *why = kinds_of(q->opened, snapshot, &kinds, p);
    const certmap_key_t *keys;
    unsigned unformed;
    apr_size_t n;
    apr_size_t i;

    memset(q->found, 0, sizeof(*q->found));
    if (why != NULL) {
        return why;
    }
    if (certmap_cert_keys(q->cert, kinds, &keys, &n, &unformed, p) != APR_SUCCESS) {
        return "the certificate's keys could not be hashed";
    }
    q->found->unformed = certmap_kinds_first(unformed);     /* the header does not say whether these entries deny */
    for (i = 0; i < n && !q->found->has_deny; i++) {
        certmap_entry_t entry;
        apr_status_t rv = certmap_store_find(pages, snapshot, &keys[i], &entry, NULL, &why, p);

        if (rv == APR_SUCCESS) {
            certmap_lookup_add(q->found, &entry, keys[i].kind);
        }
        else if (rv != APR_NOTFOUND) {
            return why;
        }
    }
    return NULL;
}

static apr_status_t lmdb_lookup(certmap_source_t *source, const certmap_cert_t *cert, certmap_lookup_t *found,
                                const char **why, apr_pool_t *p)
{
    question_t q = { cert, found, NULL };
    apr_status_t rv = on_version((source_lmdb_t *)source, answer, &q, &q.opened, why, p);

    if (rv != APR_SUCCESS) {
        memset(found, 0, sizeof(*found));
    }
    return rv;
}

static apr_uint64_t mix(apr_uint64_t a, apr_uint64_t b)
{
    a = (a ^ b) * 0x9e3779b97f4a7c15u;
    return a ^ a >> 31;
}

/* The version's number alone would not tell a store from another that was copied over it. Asked by every request: a
 * number that was read while somebody wrote is another than before and after, and costs one decision more. */
static apr_uint64_t lmdb_generation(certmap_source_t *source)
{
    source_lmdb_t *s = (source_lmdb_t *)source;
    struct stat st;
    certmap_generation_t *generation = current(s, 0, &st);
    const opened_t *opened;
    apr_uint64_t marks[CERTMAP_MARKS];
    apr_uint64_t n;
    int i;

    if (generation == NULL) {
        return 0;
    }
    opened = certmap_generation_object(generation);
    n = mix(certmap_generation_number(generation),
            (apr_uint64_t)st.st_mtim.tv_sec * 1000000000 + (apr_uint64_t)st.st_mtim.tv_nsec);
    if (opened->pages != NULL) {
        certmap_pages_marks(opened->pages, marks);
        for (i = 0; i < CERTMAP_MARKS; i++) {
            n = mix(n, marks[i]);
        }
    }
    certmap_generation_release(generation);
    return n;
}

static const certmap_source_vtable_t lmdb_vtable = {
    .name = "lmdb",
    .lookup = lmdb_lookup,
    .generation = lmdb_generation,
};

/* ---- making one ---------------------------------------------------------------------------------------------- */

static apr_status_t forget_source(void *data)
{
    source_lmdb_t *s = data;

    pthread_mutex_destroy(&s->lock);
    return APR_SUCCESS;
}

certmap_source_t *certmap_source_lmdb_create(const char *path, apr_pool_t *p)
{
    source_lmdb_t *s = apr_pcalloc(p, sizeof(*s));

    s->source.vtable = &lmdb_vtable;
    s->source.name = apr_pstrcat(p, "lmdb ", path, NULL);
    s->path = apr_pstrdup(p, path);
    s->slot = certmap_slot_create(p);
    if (pthread_mutex_init(&s->lock, NULL) != 0) {
        return NULL;
    }
    apr_pool_cleanup_register(p, s, forget_source, apr_pool_cleanup_null);
    return &s->source;
}

certmap_slot_t *certmap_source_lmdb_slot(certmap_source_t *source)
{
    return ((source_lmdb_t *)source)->slot;
}

static const char *read_header(void *baton, const certmap_pages_t *pages, const certmap_snapshot_t *snapshot,
                               apr_pool_t *p)
{
    return certmap_store_header(pages, snapshot, baton, p);
}

apr_status_t certmap_source_lmdb_check(certmap_source_t *source, apr_size_t counts[CERTMAP_K_COUNT], const char **why,
                                       apr_pool_t *p)
{
    certmap_header_t header;
    opened_t *opened;
    apr_status_t rv = on_version((source_lmdb_t *)source, read_header, &header, &opened, why, p);
    int i;

    for (i = 0; i < CERTMAP_K_COUNT && rv == APR_SUCCESS; i++) {
        counts[i] = (apr_size_t)header.counts[i];
    }
    return rv;
}
