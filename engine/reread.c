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

#include "source.h"

struct certmap_reread_t {
    const char *path;
    certmap_file_e kind;
    int keep_text;
    certmap_slot_t *slot;
    const void *current;            /* what the slot holds; only the thread that looks replaces it */
    certmap_str_t text;             /* of current, in its pool; data NULL: not kept */
    int looked;                     /* errnum and st say how the file was */
    int errnum;                     /* it could not be read: why, or 0 */
    struct stat st;
    certmap_accept_fn *accept;      /* or NULL */
    void *baton;
    int turned_down;                /* the text that was tried last, by accept */
    int has_digest;
    unsigned char digest[32];       /* of the text that was tried last */
};

certmap_reread_t *certmap_reread_create(const char *path, certmap_file_e kind, int keep_text, apr_pool_t *p)
{
    certmap_reread_t *file = apr_pcalloc(p, sizeof(*file));

    file->path = apr_pstrdup(p, path);
    file->kind = kind;
    file->keep_text = keep_text;
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

const void *certmap_reread_object(const certmap_reread_t *file)
{
    return file->current;
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

void certmap_reread_drop_texts(certmap_reread_t *file)
{
    file->keep_text = 0;
}

certmap_str_t certmap_reread_text(const certmap_reread_t *file)
{
    return file->text;
}

/* ---- what has changed ---------------------------------------------------------------------------------------- */

/* The texts of rules by their names. */
static apr_hash_t *texts_by_name(const certmap_ruleset_t *rules, apr_pool_t *p)
{
    apr_hash_t *texts = apr_hash_make(p);
    apr_size_t i;

    for (i = 0; rules != NULL && i < certmap_ruleset_count(rules); i++) {
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
    for (i = 0; before != NULL && i < certmap_ruleset_count(before); i++) {
        const char *name = certmap_ruleset_rule(before, i)->name;

        if (apr_hash_get(new, name, APR_HASH_KEY_STRING) == NULL) {
            add_name(removed, name);
        }
    }
    apr_pool_destroy(scratch);
}

/* ---- taking a text ------------------------------------------------------------------------------------------- */

/* Errors outlive the pool of a generation that came to nothing. */
static apr_array_header_t *copy_errors(const apr_array_header_t *errors, apr_pool_t *p)
{
    apr_array_header_t *copy = apr_array_copy(p, errors);
    int i;

    for (i = 0; i < copy->nelts; i++) {
        certmap_error_t *e = &APR_ARRAY_IDX(copy, i, certmap_error_t);

        e->file = e->file != NULL ? apr_pstrdup(p, e->file) : NULL;
        e->text = apr_pstrdup(p, e->text);
    }
    return copy;
}

static apr_size_t count(const certmap_reread_t *file)
{
    if (file->current == NULL) {
        return 0;
    }
    return file->kind == CERTMAP_FILE_RULES ? certmap_ruleset_count(file->current)
                                            : certmap_entries_count(file->current, CERTMAP_K_COUNT);
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

/* Makes a text the current one. It is in pool when it is kept; pool is the new generation's. */
static void take_text(certmap_reread_t *file, certmap_str_t text, apr_pool_t *pool, certmap_report_t *report,
                      apr_pool_t *p)
{
    const apr_array_header_t *errors;
    const void *object = parse_text(file, text, &errors, pool);

    apr_array_header_t *told = apr_array_copy(p, errors);

    file->turned_down = 0;
    if (object != NULL && file->accept != NULL) {
        file->accept(file->baton, file, object, told, p);
        file->turned_down = has_error(told);
    }
    report->errors = copy_errors(told, p);
    if (object == NULL || file->turned_down) {
        report->outcome = CERTMAP_REREAD_KEPT;
        apr_pool_destroy(pool);
        return;
    }
    report->outcome = CERTMAP_REREAD_REPLACED;
    if (file->kind == CERTMAP_FILE_RULES) {
        compare_rules(file->current, object, report, p);
    }
    file->text = file->keep_text ? text : (certmap_str_t){ NULL, 0 };
    file->current = object;
    certmap_slot_replace(file->slot, object, pool);
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
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);     /* not to wait for the writer of a FIFO */
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

/* The file cannot be read. Told when it is news. */
static void cannot_read(certmap_reread_t *file, apr_status_t rv, certmap_report_t *report, apr_pool_t *p)
{
    if (!file->looked || file->errnum != rv) {
        report->outcome = CERTMAP_REREAD_KEPT;
        report->why = error_text(rv, p);
    }
    file->looked = 1;
    file->errnum = rv;
}

/* Whether this is the text that was tried last. */
static int tried_before(certmap_reread_t *file, certmap_str_t text)
{
    certmap_der_t bytes = { (const unsigned char *)text.data, (const unsigned char *)text.data + text.len };
    unsigned char digest[32];
    int has = certmap_digest_sha256(bytes, digest);
    int same = has && file->has_digest && memcmp(digest, file->digest, sizeof(digest)) == 0;

    file->has_digest = has;
    memcpy(file->digest, digest, sizeof(digest));
    return same;
}

/* Reads the text anew. */
static void read_again(certmap_reread_t *file, certmap_report_t *report, apr_pool_t *p)
{
    apr_pool_t *pool = certmap_generation_pool(file->slot);
    apr_pool_t *text_pool = file->keep_text ? pool : certmap_generation_pool(file->slot);
    certmap_str_t text = { NULL, 0 };
    struct stat st;
    apr_status_t rv = pool != NULL && text_pool != NULL ? read_file(file->path, &text, &st, text_pool) : APR_ENOMEM;
    int taken = 0;

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
        if (!tried_before(file, text)) {
            take_text(file, text, pool, report, p);
            taken = 1;
        }
    }
    if (text_pool != NULL && text_pool != pool) {
        apr_pool_destroy(text_pool);
    }
    if (pool != NULL && !taken) {
        apr_pool_destroy(pool);
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
    struct stat st;

    begin_report(report, p);
    if (stat(file->path, &st) != 0) {
        cannot_read(file, errno, report, p);
    }
    else if (!file->looked || file->errnum != 0 || !same_state(&st, &file->st)) {
        read_again(file, report, p);
    }
    return end_report(file, report);
}

apr_status_t certmap_reread_seed(certmap_reread_t *file, certmap_str_t text, certmap_report_t *report, apr_pool_t *p)
{
    apr_pool_t *pool = certmap_generation_pool(file->slot);

    begin_report(report, p);
    if (pool == NULL) {
        return APR_ENOMEM;
    }
    if (file->keep_text) {
        text = certmap_str_copy(text.data, text.len, pool);
    }
    take_text(file, text, pool, report, p);
    file->turned_down = file->accept != NULL;
    return end_report(file, report);
}
