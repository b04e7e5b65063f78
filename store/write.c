/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Writes stores. Whatever changes, a new file is written next to the old one, sealed, synced and renamed: a reader
 * sees the old contents or the new. The old entries and the new come in the order of their hashes, so adding one is
 * copying.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <apr_hash.h>
#include <apr_strings.h>

#include "store/internal.h"

/* How often progress is reported. */
#define PROGRESS_STEP 4096

/* How many entries ahead memory is asked for. */
#define AHEAD 16

/* What each record takes in the file in addition to its key and itself: two lengths, and two places in a table. */
#define BESIDE_RECORD (8 + 16)

/* Where records begin, and the mark. */
#define BEFORE_RECORDS (2048 + BESIDE_RECORD + CERTMAP_STORE_MARK_LEN)

/* What is to be written. */
typedef struct write_job_t {
    const char *path;            /* links followed */
    const char *made;            /* the new file; NULL when it has the store's name */
    int fd;                      /* of that */
    const certmap_sealed_t *old; /* what is there, or NULL; a build does not copy it */
    int copy;
    const certmap_packed_t *const *all; /* entries to be put in, by hash */
    apr_size_t n;
    const certmap_wanted_t **gone; /* keys to be left out, by hash */
    apr_size_t ngone;
    apr_size_t nextgone;
    certmap_progress_fn *progress; /* or NULL */
    void *baton;
    apr_size_t done;
    apr_size_t total;
    struct cdb_make make;
    certmap_seal_t seal;
    const char *why;
    apr_pool_t *pool;
} write_job_t;

static const char *system_text(apr_status_t rv, apr_pool_t *p)
{
    char buf[200];

    return apr_pstrdup(p, apr_strerror(rv, buf, sizeof(buf)));
}

static apr_status_t failed(write_job_t *job, apr_status_t rv)
{
    job->why = system_text(rv, job->pool);
    return rv;
}

/* ---- size ---------------------------------------------------------------------------------------------------- */

const char *certmap_store_fits(apr_uint64_t entries, apr_uint64_t bytes, apr_pool_t *p)
{
    apr_uint64_t size = BEFORE_RECORDS + bytes + BESIDE_RECORD * entries + CERTMAP_SEAL_LEN;

    if (size <= CERTMAP_STORE_MAX) {
        return NULL;
    }
    return apr_psprintf(p,
                        "%" APR_UINT64_T_FMT " entries would take %" APR_UINT64_T_FMT " MB; 4,096 MB are the most "
                        "that a store holds: shorten their notes, or make several stores",
                        entries, (size >> 20) + 1);
}

/* What is copied, what is put in, and less what goes; a key that is replaced counts twice unless its old record is
 * known. */
static apr_status_t check_size(write_job_t *job, apr_uint64_t gone_entries, apr_uint64_t gone_bytes)
{
    apr_uint64_t entries = job->n;
    apr_uint64_t bytes = 0;
    apr_size_t i;

    for (i = 0; i < job->n; i++) {
        bytes += CERTMAP_HASH_LEN + job->all[i]->len;
    }
    if (job->copy) {
        certmap_key_kind_e kind;
        apr_uint64_t old = 0;

        for (kind = CERTMAP_K_SHA256; kind < CERTMAP_K_COUNT; kind++) {
            old += job->old->seal.counts[kind];
        }
        entries += old;
        bytes += job->old->state.size - BEFORE_RECORDS - CERTMAP_SEAL_LEN - BESIDE_RECORD * old;
    }
    job->total = (apr_size_t)(entries - gone_entries);
    job->why = certmap_store_fits(entries - gone_entries, bytes - gone_bytes, job->pool);
    return job->why == NULL ? APR_SUCCESS : APR_EGENERAL;
}

/* ---- records ------------------------------------------------------------------------------------------------- */

static apr_status_t tell(write_job_t *job)
{
    if (job->progress == NULL || job->progress(job->baton, job->done, job->total) == 0) {
        return APR_SUCCESS;
    }
    job->why = "stopped before it was done";
    return APR_EINTR;
}

static apr_status_t put(write_job_t *job, const unsigned char *hash, const unsigned char *record, apr_size_t len)
{
    certmap_key_kind_e kind;
    int deny;

    if (!certmap_store_record_head(record, len, &kind, &deny)) {
        job->why = certmap_store_damaged;
        return APR_EGENERAL;
    }
    if (cdb_make_add(&job->make, hash, CERTMAP_HASH_LEN, record, (unsigned)len) != 0) {
        return failed(job, errno);
    }
    job->seal.counts[kind]++;
    job->seal.denies[kind] += deny != 0;
    return ++job->done % PROGRESS_STEP == 0 ? tell(job) : APR_SUCCESS;
}

static int is_gone(write_job_t *job, const unsigned char *hash)
{
    int order = -1;

    while (job->nextgone < job->ngone
           && (order = memcmp(job->gone[job->nextgone]->key.hash, hash, CERTMAP_HASH_LEN)) < 0) {
        job->nextgone++;
    }
    return order == 0;
}

/* Entries are in memory in the order of the text, not of the hashes: some are fetched before they are needed. */
static void fetch_ahead(const write_job_t *job, apr_size_t i)
{
    if (i + AHEAD < job->n) {
        const certmap_packed_t *packed = job->all[i + AHEAD];

        __builtin_prefetch(packed);
        __builtin_prefetch((const char *)packed + 64);
        __builtin_prefetch((const char *)packed + 128);
    }
}

/* Old and new records, in order; where both have a key the new one counts. */
static apr_status_t put_all(write_job_t *job)
{
    certmap_sealed_iter_t iter;
    apr_status_t rv = APR_SUCCESS;
    apr_size_t i = 0;
    int has = 0;

    if (job->copy) {
        certmap_sealed_first(job->old, &iter);
        has = certmap_sealed_next(&iter);
    }
    while (rv == APR_SUCCESS && (has > 0 || i < job->n)) {
        const certmap_packed_t *packed = i < job->n ? job->all[i] : NULL;
        int order = packed == NULL ? -1 : has <= 0 ? 1 : memcmp(iter.hash, packed->hash, CERTMAP_HASH_LEN);

        if (order >= 0) {
            fetch_ahead(job, i);
            rv = put(job, packed->hash, packed->record, packed->len);
            i++;
        }
        else if (!is_gone(job, iter.hash)) {
            rv = put(job, iter.hash, iter.record, iter.len);
        }
        if (order <= 0) {
            has = certmap_sealed_next(&iter);
        }
    }
    if (rv == APR_SUCCESS && has < 0) {
        job->why = certmap_store_damaged;
        rv = APR_EGENERAL;
    }
    return rv;
}

static apr_status_t write_at(write_job_t *job, const void *data, apr_size_t len, off_t at)
{
    ssize_t n;

    do {
        n = pwrite(job->fd, data, len, at);
    } while (n < 0 && errno == EINTR);
    return n == (ssize_t)len ? APR_SUCCESS : failed(job, n < 0 ? errno : ENOSPC);
}

/* Stops a check of the seal when the task is to stop. */
static int tell_end(void *baton, apr_size_t done, apr_size_t total)
{
    (void)done;
    (void)total;
    return tell(baton) != APR_SUCCESS;
}

static apr_status_t put_seal(write_job_t *job)
{
    unsigned char bytes[CERTMAP_SEAL_LEN];
    apr_uint64_t now = (apr_uint64_t)apr_time_now();
    off_t end = lseek(job->fd, 0, SEEK_END);
    apr_status_t rv;

    job->seal.build = job->old != NULL && job->old->seal.build >= now ? job->old->seal.build + 1 : now;
    certmap_seal_pack(&job->seal, bytes);
    rv = end < 0 ? failed(job, errno) : write_at(job, bytes, sizeof(bytes), end);
    if (rv == APR_SUCCESS) {
        rv = certmap_sealed_digest(job->fd, (apr_uint64_t)end + CERTMAP_SEAL_LEN - 32, job->seal.digest, tell_end, job,
                                   &job->why);
    }
    return rv == APR_SUCCESS ? write_at(job, job->seal.digest, 32, end + CERTMAP_SEAL_LEN - 32) : rv;
}

static apr_status_t write_new(write_job_t *job)
{
    apr_status_t rv;

    if (ftruncate(job->fd, 0) != 0 || lseek(job->fd, 0, SEEK_SET) != 0 || cdb_make_start(&job->make, job->fd) != 0) {
        return failed(job, errno);
    }
    rv = cdb_make_add(&job->make, CERTMAP_STORE_MARK, CERTMAP_STORE_MARK_LEN, "", 0) == 0 ? put_all(job)
                                                                                          : failed(job, errno);
    /* This frees what it holds, too. */
    if (cdb_make_finish(&job->make) != 0 && rv == APR_SUCCESS) {
        rv = failed(job, errno);
    }
    return rv == APR_SUCCESS ? put_seal(job) : rv;
}

/* ---- the new file's place ------------------------------------------------------------------------------------ */

/* So that a rename outlives a power failure. */
static apr_status_t sync_directory(const char *path, apr_pool_t *p)
{
    const char *slash = strrchr(path, '/');
    const char *dir = slash == NULL ? "." : slash == path ? "/" : apr_pstrmemdup(p, path, (apr_size_t)(slash - path));
    int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    apr_status_t rv = fd >= 0 && fsync(fd) == 0 ? APR_SUCCESS : errno;

    if (fd >= 0) {
        close(fd);
    }
    return rv;
}

/*
 * The new file gets the old one's mode and owner. An account that may not give files away keeps at least the group;
 * where that cannot be, another group gets no more rights than everybody, and that must do for those who could read
 * the old one.
 */
static apr_status_t keep_owner(write_job_t *job, const struct stat *st)
{
    mode_t mode = st->st_mode & 07777;

    if (fchown(job->fd, st->st_uid, st->st_gid) != 0) {
        mode &= 0777; /* somebody else's bits are not taken along */
        if (fchown(job->fd, (uid_t)-1, st->st_gid) != 0) {
            if ((mode & 044) == 040) {
                job->why = "its group, which alone may read it, cannot be kept; run this as its owner, or "
                           "as root";
                return APR_EACCES;
            }
            mode = (mode & 0707) | (mode & 7) << 3;
        }
    }
    return fchmod(job->fd, mode) == 0 ? APR_SUCCESS : failed(job, errno);
}

static apr_status_t put_in_place(write_job_t *job)
{
    struct stat st;
    apr_status_t rv;

    if (job->old != NULL ? fstat(job->old->fd, &st) == 0 : stat(job->path, &st) == 0) {
        rv = keep_owner(job, &st);
    }
    else {
        mode_t mask = umask(077);

        umask(mask);
        rv = fchmod(job->fd, 0644 & ~mask) == 0 ? APR_SUCCESS : failed(job, errno);
    }
    /* [promise writer-killed] */
    if (rv == APR_SUCCESS && (fsync(job->fd) != 0 || rename(job->made, job->path) != 0)) {
        rv = failed(job, errno);
    }
    if (rv == APR_SUCCESS) {
        job->made = NULL; /* the next writer may have made another file of that name */
    }
    if (rv == APR_SUCCESS && (rv = sync_directory(job->path, job->pool)) != APR_SUCCESS) {
        job->why = apr_pstrcat(job->pool, "the new contents are in place, but may be lost at a power failure: ",
                               system_text(rv, job->pool), NULL);
    }
    return rv;
}

/* The file that a link names: it is replaced, not the link. */
static const char *behind_links(const char *path, apr_pool_t *p)
{
    char *real = realpath(path, NULL);

    if (real != NULL) {
        path = apr_pstrdup(p, real);
        free(real);
    }
    return path;
}

/*
 * Opens and locks the new file. What an earlier writer has left is taken over; anything else of that name, which
 * somebody may have put there to have another file overwritten, is not.
 */
static apr_status_t open_new(write_job_t *job)
{
    struct stat st;
    apr_status_t rv = certmap_store_lock(job->made, &job->fd, &job->why, job->pool);

    if (rv == APR_SUCCESS
        && (fstat(job->fd, &st) != 0 || !S_ISREG(st.st_mode) || st.st_nlink != 1 || st.st_uid != geteuid())) {
        rv = APR_EEXIST;
    }
    if (rv == APR_EEXIST || rv == ELOOP || rv == EISDIR) {
        job->why = apr_pstrcat(job->pool, job->made, " is in the way: this account did not make it; remove it", NULL);
        rv = APR_EEXIST;
    }
    else if (rv != APR_SUCCESS && rv != APR_EBUSY) {
        job->why = apr_pstrcat(job->pool, job->made, ": ", job->why, NULL);
    }
    return rv;
}

/* Opens what is there, to be copied or replaced: a store, and for a build a damaged one or nothing at all, too. */
static apr_status_t open_old(write_job_t *job)
{
    certmap_sealed_t *sealed = NULL;
    apr_status_t rv = certmap_sealed_open(job->path, &sealed, &job->why, job->pool);

    job->old = sealed;
    if (job->copy || (rv != APR_ENOENT && rv != APR_EGENERAL)) {
        return rv;
    }
    job->why = NULL;
    return APR_SUCCESS;
}

typedef apr_status_t prepare_fn(write_job_t *job, void *baton);

/* What is done while nobody else writes. What is there is opened once more: it may be another file by now. */
static apr_status_t write_and_place(write_job_t *job, prepare_fn *prepare, void *baton)
{
    apr_status_t rv = open_old(job);

    if (rv == APR_SUCCESS && job->copy) {
        rv = certmap_sealed_check((certmap_sealed_t *)(apr_uintptr_t)job->old, NULL, tell_end, job, &job->why);
    }
    if (rv == APR_SUCCESS) {
        rv = prepare != NULL ? prepare(job, baton) : check_size(job, 0, 0);
    }
    if (rv == APR_SUCCESS) {
        rv = write_new(job);
    }
    if (rv == APR_SUCCESS && job->copy && !certmap_sealed_holds(job->old)) {
        job->why = certmap_store_changing;
        rv = APR_EGENERAL;
    }
    if (rv == APR_SUCCESS) {
        rv = tell(job);
    }
    return rv == APR_SUCCESS ? put_in_place(job) : rv;
}

/*
 * Does a job from its beginning to its end. What is there is looked at before anything is made. prepare (or NULL)
 * compares it with what is asked for.
 */
static apr_status_t do_job(const char *path, write_job_t *job, prepare_fn *prepare, void *baton, const char **why)
{
    apr_status_t rv;

    job->path = behind_links(path, job->pool);
    job->made = apr_pstrcat(job->pool, job->path, ".new", NULL);
    job->total = job->n + 1;
    rv = open_old(job);
    if (rv == APR_SUCCESS) {
        rv = tell(job); /* from here on a signal stops the task, and does not end it */
    }
    if (rv == APR_SUCCESS) {
        rv = open_new(job);
    }
    if (rv == APR_SUCCESS && (rv = write_and_place(job, prepare, baton)) != APR_SUCCESS && job->made != NULL) {
        unlink(job->made);
    }
    *why = job->why;
    return rv;
}

/* ---- building ------------------------------------------------------------------------------------------------ */

apr_status_t certmap_store_build(const char *path, const certmap_store_change_t *change,
                                 certmap_store_outcome_t *outcome, apr_pool_t *p)
{
    const certmap_entries_t *entries;
    write_job_t job = { .progress = change->progress, .baton = change->baton };
    apr_status_t rv = certmap_entries_read(change->text, change->file, 1, &entries, &outcome->errors, p);

    outcome->count = 0;
    outcome->why = NULL;
    if (rv != APR_SUCCESS) {
        outcome->why = "the text has errors";
        return rv;
    }
    if (apr_pool_create(&job.pool, p) != APR_SUCCESS) {
        outcome->why = "out of memory";
        return APR_ENOMEM;
    }
    job.all = certmap_entries_sorted(entries, job.pool);
    job.n = certmap_entries_count(entries, CERTMAP_K_COUNT);
    rv = do_job(path, &job, NULL, NULL, &outcome->why);
    outcome->count = rv == APR_SUCCESS ? job.n : 0;
    outcome->why = outcome->why != NULL ? apr_pstrdup(p, outcome->why) : NULL;
    apr_pool_destroy(job.pool);
    return rv;
}

/* ---- changing ------------------------------------------------------------------------------------------------ */

static int compare_lines(const void *a, const void *b)
{
    int x = ((const certmap_error_t *)a)->line;
    int y = ((const certmap_error_t *)b)->line;

    return (x > y) - (x < y);
}

/* Keys were looked up in the order of their hashes. */
static void sort_by_line(apr_array_header_t *errors)
{
    qsort(errors->elts, (size_t)errors->nelts, sizeof(certmap_error_t), compare_lines);
}

static certmap_sink_t sink_on(apr_array_header_t *errors, const char *file, apr_pool_t *p)
{
    certmap_sink_t sink = { .list = errors, .file = file != NULL ? apr_pstrdup(p, file) : NULL, .pool = p };

    return sink;
}

/* What an addition is prepared with. */
typedef struct adding_t {
    certmap_sink_t *sink;
    int replace;
} adding_t;

static void told_before(const adding_t *adding, const certmap_packed_t *packed, const unsigned char *record,
                        apr_size_t len, apr_pool_t *p)
{
    certmap_entry_t before;
    certmap_key_kind_e kind;

    if (certmap_store_record_unpack(record, len, &kind, &before, NULL, p)) {
        certmap_sink_error(adding->sink, (certmap_place_t){ (int)packed->line, 1 },
                           "this key is in the store already, "
                           "%s%s",
                           before.deny ? "denied" : "for ", before.deny ? "" : before.effect.user);
    }
}

static apr_status_t prepare_add(write_job_t *job, void *baton)
{
    const adding_t *adding = baton;
    apr_uint64_t entries = 0;
    apr_uint64_t bytes = 0;
    apr_size_t i;

    for (i = 0; i < job->n; i++) {
        const unsigned char *record;
        apr_size_t len;
        int found = certmap_sealed_find(job->old, job->all[i]->hash, &record, &len);

        if (found < 0) {
            job->why = certmap_store_damaged;
            return APR_EGENERAL;
        }
        if (found > 0) {
            entries++;
            bytes += CERTMAP_HASH_LEN + len;
            if (!adding->replace) {
                told_before(adding, job->all[i], record, len, job->pool);
            }
        }
    }
    if (entries > 0 && !adding->replace) {
        certmap_sink_end(adding->sink);
        sort_by_line(adding->sink->list);
        job->why = "keys are in the store already";
        return APR_EINVAL;
    }
    return check_size(job, entries, bytes);
}

apr_status_t certmap_store_add(const char *path, const certmap_store_change_t *change, certmap_store_outcome_t *outcome,
                               apr_pool_t *p)
{
    write_job_t job = { .progress = change->progress, .baton = change->baton, .copy = 1 };
    const certmap_entries_t *entries;
    apr_status_t rv = certmap_entries_read(change->text, change->file, 1, &entries, &outcome->errors, p);
    certmap_sink_t sink = sink_on(outcome->errors, change->file, p);
    adding_t adding = { &sink, change->replace };

    outcome->count = 0;
    outcome->why = NULL;
    if (rv != APR_SUCCESS) {
        outcome->why = "the text has errors";
        return rv;
    }
    if (apr_pool_create(&job.pool, p) != APR_SUCCESS) {
        outcome->why = "out of memory";
        return APR_ENOMEM;
    }
    job.all = certmap_entries_sorted(entries, job.pool);
    job.n = certmap_entries_count(entries, CERTMAP_K_COUNT);
    rv = do_job(path, &job, prepare_add, &adding, &outcome->why);
    outcome->count = rv == APR_SUCCESS ? job.n : 0;
    outcome->why = outcome->why != NULL ? apr_pstrdup(p, outcome->why) : NULL;
    apr_pool_destroy(job.pool);
    return rv;
}

/* ---- removing ------------------------------------------------------------------------------------------------ */

static int compare_wanted(const void *a, const void *b)
{
    return memcmp((*(const certmap_wanted_t *const *)a)->key.hash, (*(const certmap_wanted_t *const *)b)->key.hash,
                  CERTMAP_HASH_LEN);
}

static apr_status_t prepare_remove(write_job_t *job, void *baton)
{
    certmap_sink_t *sink = baton;
    apr_uint64_t bytes = 0;
    apr_size_t i;

    for (i = 0; i < job->ngone; i++) {
        const unsigned char *record;
        apr_size_t len;
        int found = certmap_sealed_find(job->old, job->gone[i]->key.hash, &record, &len);

        if (found < 0) {
            job->why = certmap_store_damaged;
            return APR_EGENERAL;
        }
        if (found == 0) {
            certmap_sink_error(sink, job->gone[i]->place, "the store has no entry for this key");
        }
        bytes += found > 0 ? CERTMAP_HASH_LEN + len : 0;
    }
    if (sink->nerrors > 0) {
        certmap_sink_end(sink);
        sort_by_line(sink->list);
        job->why = "the store has no entry for some keys";
        return APR_NOTFOUND;
    }
    return check_size(job, job->ngone, bytes);
}

apr_status_t certmap_store_remove(const char *path, const certmap_store_change_t *change,
                                  certmap_store_outcome_t *outcome, apr_pool_t *p)
{
    write_job_t job = { .progress = change->progress, .baton = change->baton, .copy = 1 };
    apr_array_header_t *wanted;
    apr_status_t rv = certmap_keys_read(change->text, change->file, &wanted, &outcome->errors, &outcome->why, p);
    certmap_sink_t sink = sink_on(outcome->errors, change->file, p);
    int i;

    outcome->count = 0;
    if (rv != APR_SUCCESS) {
        return rv;
    }
    if (apr_pool_create(&job.pool, p) != APR_SUCCESS) {
        outcome->why = "out of memory";
        return APR_ENOMEM;
    }
    job.ngone = (apr_size_t)wanted->nelts;
    job.gone = apr_palloc(job.pool, job.ngone * sizeof(*job.gone));
    for (i = 0; i < wanted->nelts; i++) {
        job.gone[i] = &APR_ARRAY_IDX(wanted, i, certmap_wanted_t);
    }
    qsort(job.gone, job.ngone, sizeof(*job.gone), compare_wanted);
    rv = do_job(path, &job, prepare_remove, &sink, &outcome->why);
    outcome->count = rv == APR_SUCCESS ? job.ngone : 0;
    outcome->why = outcome->why != NULL ? apr_pstrdup(p, outcome->why) : NULL;
    apr_pool_destroy(job.pool);
    return rv;
}
