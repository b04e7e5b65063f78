/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Files that are read again while others use what they said: a look costs one stat() when nothing has changed. A text
 * is taken whole or not at all, and one that was only written again, unchanged, makes no new generation.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <apr_hash.h>
#include <apr_strings.h>

#include "base/internal.h"
#include "source/slot.h"

/* Lives in the pool of its generation. */
struct certmap_kept_t {
    certmap_generation_t *generation;
    certmap_file_e kind;
    const apr_array_header_t *errors; /* warnings */
    int settled;                      /* st says enough: a file found like this need not be read */
    struct stat st;
    unsigned char digest[32]; /* of the text */
};

struct certmap_reread_t {
    const char *path;
    certmap_file_e kind;
    certmap_slot_t *slot;
    certmap_kept_t *current; /* what the slot holds; only the thread that looks replaces it */
    int looked;              /* errnum and st say how the file was */
    int errnum;              /* it could not be read: why, or 0 */
    struct stat st;
    certmap_accept_fn *accept; /* or NULL */
    void *baton;
    int turned_down; /* the text that was tried last, by accept */
    int has_digest;
    unsigned char digest[32]; /* of the text that was tried last */
};

certmap_reread_t *certmap_reread_create(const char *path, certmap_file_e kind, apr_pool_t *p)
{
    certmap_reread_t *file = apr_pcalloc(p, sizeof(*file));

    file->path = apr_pstrdup(p, path);
    file->kind = kind;
    file->slot = certmap_slot_create(p);
    return file;
}

certmap_slot_t *certmap_reread_slot(certmap_reread_t *file)
{
    return file->slot;
}

const char *certmap_reread_path(const certmap_reread_t *file)
{
    return file->path;
}

static const void *object_of(const certmap_kept_t *kept)
{
    return kept != NULL ? certmap_generation_object(kept->generation) : NULL;
}

const void *certmap_reread_object(const certmap_reread_t *file)
{
    return object_of(file->current);
}

void certmap_reread_accept(certmap_reread_t *file, certmap_accept_fn *fn, void *baton)
{
    file->accept = fn;
    file->baton = baton;
}

int certmap_reread_retry(certmap_reread_t *file)
{
    if (!file->turned_down) {
        return 0;
    }
    file->looked = file->has_digest = file->turned_down = 0;
    return 1;
}

certmap_kept_t *certmap_reread_keep(certmap_reread_t *file)
{
    if (file->current != NULL) {
        certmap_generation_hold(file->current->generation);
    }
    return file->current;
}

void certmap_kept_hold(certmap_kept_t *kept)
{
    certmap_generation_hold(kept->generation);
}

void certmap_kept_release(certmap_kept_t *kept)
{
    certmap_generation_release(kept->generation);
}

/* ---- what has changed ---------------------------------------------------------------------------------------- */

/* The texts of rules by their names. */
static apr_hash_t *texts_by_name(const certmap_ruleset_t *rules, apr_pool_t *p)
{
    apr_hash_t *texts = apr_hash_make(p);
    apr_size_t i;

    for (i = 0; i < certmap_ruleset_count(rules); i++) {
        const certmap_rule_t *rule = certmap_ruleset_rule(rules, i);

        apr_hash_set(texts, rule->name, APR_HASH_KEY_STRING, certmap_rule_text(rule, p));
    }
    return texts;
}

static void add_name(apr_array_header_t *names, const char *name)
{
    APR_ARRAY_PUSH(names, const char *) = apr_pstrdup(names->pool, name);
}

/* Rules that are new or read differently, and those that are gone. */
static void compare_rules(const certmap_ruleset_t *before, const certmap_ruleset_t *now, certmap_report_t *report,
                          apr_pool_t *p)
{
    apr_array_header_t *added = apr_array_make(p, 4, sizeof(const char *));
    apr_array_header_t *removed = apr_array_make(p, 4, sizeof(const char *));
    apr_array_header_t *changed = apr_array_make(p, 4, sizeof(const char *));
    apr_pool_t *scratch;
    apr_hash_t *old;
    apr_hash_t *new;
    apr_size_t i;

    report->added = added;
    report->removed = removed;
    report->changed = changed;
    if (before == NULL || before == now) {
        for (i = 0; before == NULL && i < certmap_ruleset_count(now); i++) {
            add_name(added, certmap_ruleset_rule(now, i)->name);
        }
        return;
    }
    apr_pool_create(&scratch, p);
    old = texts_by_name(before, scratch);
    new = texts_by_name(now, scratch);
    for (i = 0; i < certmap_ruleset_count(now); i++) {
        const char *name = certmap_ruleset_rule(now, i)->name;
        const char *text = apr_hash_get(old, name, APR_HASH_KEY_STRING);

        if (text == NULL) {
            add_name(added, name);
        }
        else if (strcmp(text, apr_hash_get(new, name, APR_HASH_KEY_STRING)) != 0) {
            add_name(changed, name);
        }
    }
    for (i = 0; i < certmap_ruleset_count(before); i++) {
        const char *name = certmap_ruleset_rule(before, i)->name;

        if (apr_hash_get(new, name, APR_HASH_KEY_STRING) == NULL) {
            add_name(removed, name);
        }
    }
    apr_pool_destroy(scratch);
}

/* ---- taking a text ------------------------------------------------------------------------------------------- */

static apr_size_t count(const certmap_reread_t *file)
{
    const void *object = object_of(file->current);

    if (object == NULL) {
        return 0;
    }
    return file->kind == CERTMAP_FILE_RULES ? certmap_ruleset_count(object)
                                            : certmap_entries_count(object, CERTMAP_K_COUNT);
}

/* Parses a text. @return the object in pool, NULL when it has an error */
static const void *parse_text(const certmap_reread_t *file, certmap_str_t text, const apr_array_header_t **errors,
                              apr_pool_t *pool)
{
    if (file->kind == CERTMAP_FILE_RULES) {
        certmap_builder_t *builder = certmap_builder_create(pool);
        apr_status_t rv = certmap_builder_add_file_text(builder, text, file->path);

        *errors = certmap_builder_errors(builder);
        return rv == APR_SUCCESS ? certmap_builder_finish(builder) : NULL;
    }
    else {
        const certmap_entries_t *entries;
        apr_array_header_t *list;

        certmap_entries_parse(text, file->path, &entries, &list, pool);
        *errors = list;
        return entries;
    }
}

static int has_error(const apr_array_header_t *errors)
{
    int i;

    for (i = 0; i < errors->nelts; i++) {
        if (!APR_ARRAY_IDX(errors, i, certmap_error_t).warning) {
            return 1;
        }
    }
    return 0;
}

/* Makes kept the current one, unless it is turned down. One hold of kept is taken over. */
static void take(certmap_reread_t *file, certmap_kept_t *kept, certmap_report_t *report, apr_pool_t *p)
{
    const void *object = object_of(kept);
    apr_array_header_t *told = apr_array_copy(p, kept->errors);

    file->turned_down = 0;
    if (file->accept != NULL) {
        file->accept(file->baton, file, object, told, p);
        file->turned_down = has_error(told);
    }
    report->errors = certmap_errors_copy(told, p);
    if (file->turned_down) {
        report->outcome = CERTMAP_REREAD_KEPT;
        certmap_kept_release(kept);
        return;
    }
    report->outcome = CERTMAP_REREAD_REPLACED;
    if (file->kind == CERTMAP_FILE_RULES) {
        compare_rules(object_of(file->current), object, report, p);
    }
    file->current = kept;
    certmap_slot_put(file->slot, kept->generation);
}

/* Parses a text and makes what it says the current one; pool is the new generation's. The digest is the text's. */
static void take_text(certmap_reread_t *file, certmap_str_t text, apr_pool_t *pool, certmap_report_t *report,
                      apr_pool_t *p)
{
    const apr_array_header_t *errors;
    const void *object = parse_text(file, text, &errors, pool);
    certmap_kept_t *kept;

    /* [promise file-error] */
    if (object == NULL) {
        file->turned_down = 0;
        report->errors = certmap_errors_copy(errors, p);
        report->outcome = CERTMAP_REREAD_KEPT;
        apr_pool_destroy(pool);
        return;
    }
    kept = apr_pcalloc(pool, sizeof(*kept));
    kept->generation = certmap_generation_create(object, pool);
    kept->kind = file->kind;
    kept->errors = errors;
    kept->settled = file->looked;
    kept->st = file->st;
    memcpy(kept->digest, file->digest, sizeof(kept->digest));
    take(file, kept, report, p);
}

/* ---- looking at the file ------------------------------------------------------------------------------------- */

static int same_state(const struct stat *a, const struct stat *b)
{
    return a->st_dev == b->st_dev && a->st_ino == b->st_ino && a->st_size == b->st_size
           && a->st_mtim.tv_sec == b->st_mtim.tv_sec && a->st_mtim.tv_nsec == b->st_mtim.tv_nsec
           && a->st_ctim.tv_sec == b->st_ctim.tv_sec && a->st_ctim.tv_nsec == b->st_ctim.tv_nsec;
}

/* File systems count time in steps: what was changed just now may change again and look the same. */
static int is_settled(const struct stat *st)
{
    return apr_time_sec(apr_time_now()) - st->st_ctim.tv_sec > 2;
}

static apr_status_t read_all(int fd, apr_size_t size, certmap_str_t *text, apr_pool_t *p)
{
    char *data = apr_palloc(p, size + 1);
    apr_size_t n = 0;

    while (n < size) {
        ssize_t got = read(fd, data + n, size - n);

        if (got < 0 && errno != EINTR) {
            return errno;
        }
        if (got == 0) {
            break;
        }
        n += got > 0 ? (apr_size_t)got : 0;
    }
    data[n] = '\0';
    *text = (certmap_str_t){ data, n };
    return APR_SUCCESS;
}

/* Reads the file and how it is. @return APR_SUCCESS, APR_EAGAIN (it changed meanwhile), or why not */
static apr_status_t read_file(const char *path, certmap_str_t *text, struct stat *st, apr_pool_t *p)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK); /* not to wait for the writer of a FIFO */
    struct stat after;
    apr_status_t rv = APR_SUCCESS;

    if (fd < 0) {
        return errno;
    }
    if (fstat(fd, st) != 0) {
        rv = errno;
    }
    else if (!S_ISREG(st->st_mode)) {
        rv = S_ISDIR(st->st_mode) ? EISDIR : EINVAL;
    }
    else {
        rv = read_all(fd, (apr_size_t)st->st_size, text, p);
    }
    if (rv == APR_SUCCESS && fstat(fd, &after) != 0) {
        rv = errno;
    }
    else if (rv == APR_SUCCESS && (!same_state(st, &after) || text->len != (apr_size_t)st->st_size)) {
        rv = APR_EAGAIN;
    }
    close(fd);
    return rv;
}

static const char *error_text(apr_status_t rv, apr_pool_t *p)
{
    char buf[200];

    return rv == EINVAL ? "not a regular file" : apr_pstrdup(p, apr_strerror(rv, buf, sizeof(buf)));
}

/* The file cannot be read. Reported when it is news. */
static void cannot_read(certmap_reread_t *file, apr_status_t rv, certmap_report_t *report, apr_pool_t *p)
{
    if (!file->looked || file->errnum != rv) {
        report->outcome = CERTMAP_REREAD_KEPT;
        report->why = error_text(rv, p);
    }
    file->looked = 1;
    file->errnum = rv;
}

/* Whether this is the text that was tried last. @return -1 when OpenSSL failed: the digest says nothing */
static int tried_before(certmap_reread_t *file, certmap_str_t text)
{
    unsigned char digest[32];
    int had = file->has_digest;

    file->has_digest = certmap_digest_sha256(text.data, text.len, digest);
    if (!file->has_digest) {
        memset(file->digest, 0, sizeof(file->digest));
        return -1;
    }
    had = had && memcmp(digest, file->digest, sizeof(digest)) == 0;
    memcpy(file->digest, digest, sizeof(digest));
    return had;
}

/* Of those that were read from such a text. */
static certmap_kept_t *find_kept(const certmap_reread_t *file, certmap_kept_t *const *kept, apr_size_t n)
{
    apr_size_t i;

    for (i = 0; i < n; i++) {
        if (kept[i]->kind == file->kind && memcmp(kept[i]->digest, file->digest, sizeof(file->digest)) == 0) {
            return kept[i];
        }
    }
    return NULL;
}

static void take_again(certmap_reread_t *file, certmap_kept_t *kept, certmap_report_t *report, apr_pool_t *p)
{
    certmap_kept_hold(kept);
    take(file, kept, report, p);
}

/* Tries a text that has been read. kept may have what it says. */
static void try_text(certmap_reread_t *file, certmap_str_t text, certmap_kept_t *const *kept, apr_size_t n,
                     certmap_report_t *report, apr_pool_t *p)
{
    int before = tried_before(file, text);
    certmap_kept_t *same = before == 0 ? find_kept(file, kept, n) : NULL;
    apr_pool_t *pool;

    if (before > 0) {
        return;
    }
    if (same != NULL) {
        same->settled = file->looked;
        same->st = file->st;
        take_again(file, same, report, p);
        return;
    }
    pool = certmap_generation_pool(file->slot);
    if (pool == NULL) {
        file->looked = file->has_digest = 0;
        cannot_read(file, APR_ENOMEM, report, p);
        return;
    }
    take_text(file, text, pool, report, p);
}

/* Reads the text again. It is needed for a moment, and has a pool that gives its memory back. */
static void read_again(certmap_reread_t *file, certmap_kept_t *const *kept, apr_size_t n, certmap_report_t *report,
                       apr_pool_t *p)
{
    apr_pool_t *text_pool = certmap_generation_pool(file->slot);
    certmap_str_t text = { NULL, 0 };
    struct stat st;
    apr_status_t rv = text_pool != NULL ? read_file(file->path, &text, &st, text_pool) : APR_ENOMEM;

    if (rv == APR_EAGAIN) {
        file->looked = 0;
    }
    else if (rv != APR_SUCCESS) {
        cannot_read(file, rv, report, p);
    }
    else {
        file->looked = is_settled(&st);
        file->errnum = 0;
        file->st = st;
        try_text(file, text, kept, n, report, p);
    }
    if (text_pool != NULL) {
        apr_pool_destroy(text_pool);
    }
}

static void begin_report(certmap_report_t *report, apr_pool_t *p)
{
    memset(report, 0, sizeof(*report));
    report->outcome = CERTMAP_REREAD_SAME;
    report->errors = apr_array_make(p, 1, sizeof(certmap_error_t));
}

static apr_status_t end_report(certmap_reread_t *file, certmap_report_t *report)
{
    report->count = count(file);
    report->generation = certmap_slot_number(file->slot);
    return APR_SUCCESS;
}

apr_status_t certmap_reread_check(certmap_reread_t *file, certmap_report_t *report, apr_pool_t *p)
{
    return certmap_reread_first(file, NULL, 0, report, p);
}

/* One that was read from this very file as it is now, or NULL. */
static certmap_kept_t *unchanged(const certmap_reread_t *file, const struct stat *st, certmap_kept_t *const *kept,
                                 apr_size_t n)
{
    apr_size_t i;

    for (i = 0; i < n && file->current == NULL; i++) {
        if (kept[i]->kind == file->kind && kept[i]->settled && same_state(st, &kept[i]->st)) {
            return kept[i];
        }
    }
    return NULL;
}

apr_status_t certmap_reread_first(certmap_reread_t *file, certmap_kept_t *const *kept, apr_size_t n,
                                  certmap_report_t *report, apr_pool_t *p)
{
    certmap_kept_t *same;
    struct stat st;

    begin_report(report, p);
    if (stat(file->path, &st) != 0) {
        cannot_read(file, errno, report, p);
    }
    else if ((same = unchanged(file, &st, kept, n)) != NULL) {
        file->looked = file->has_digest = 1;
        file->errnum = 0;
        file->st = st;
        memcpy(file->digest, same->digest, sizeof(file->digest));
        take_again(file, same, report, p);
    }
    else if (!file->looked || file->errnum != 0 || !same_state(&st, &file->st)) {
        read_again(file, kept, n, report, p);
    }
    return end_report(file, report);
}

apr_status_t certmap_reread_restore(certmap_reread_t *file, certmap_kept_t *kept, certmap_report_t *report,
                                    apr_pool_t *p)
{
    begin_report(report, p);
    if (kept->kind == file->kind) {
        take_again(file, kept, report, p);
    }
    else {
        report->outcome = CERTMAP_REREAD_KEPT;
    }
    file->turned_down = file->accept != NULL;
    return end_report(file, report);
}
