/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The source that answers from a store. Looking at the file is one thing, done now and then and outside of requests: a
 * new version is opened and checked, and takes the place of the old one when it is whole. Asking is another: it never
 * opens anything, and believes what it has read only if the file is still what was checked.
 */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include <apr_strings.h>

#include "source/sealed.h"
#include "source/slot.h"

/* What a slot holds: a store that has been checked, or why there is none. */
typedef struct opened_t {
    certmap_sealed_t *sealed; /* or NULL */
    const char *why;
} opened_t;

typedef struct source_store_t {
    certmap_source_t source;
    const char *path;
    certmap_checked_t *checked; /* or NULL */
    certmap_slot_t *slot;
    /* of the one thread that looks */
    certmap_sealed_t *current; /* in the slot, or NULL */
    apr_uint64_t build;        /* of the newest that was in force */
    int tried;                 /* refused says how a file was that is not used */
    int settled;               /* and it had */
    certmap_state_t refused;
    char said[256]; /* what was wrong at the last look; empty: nothing */
} source_store_t;

/* ---- asking -------------------------------------------------------------------------------------------------- */

static apr_status_t ask_keys(const certmap_sealed_t *sealed, const certmap_key_t *keys, apr_size_t n,
                             certmap_lookup_t *found, apr_pool_t *p)
{
    apr_status_t rv = APR_SUCCESS;
    apr_size_t i;

    for (i = 0; i < n && !found->has_deny; i++) {
        certmap_entry_t entry;

        rv = certmap_sealed_entry(sealed, &keys[i], &entry, NULL, p);
        if (rv == APR_SUCCESS) {
            certmap_lookup_add(found, &entry, keys[i].kind);
        }
        else if (rv != APR_NOTFOUND) {
            return rv;
        }
    }
    return APR_SUCCESS;
}

/* The file's length is looked at before, because reading what was cut off ends the process; and afterwards whether it
 * is what was checked, because only then what was read is an answer. */
static apr_status_t ask_sealed(const certmap_sealed_t *sealed, const certmap_cert_t *cert, certmap_lookup_t *found,
                               const char **why, apr_pool_t *p)
{
    const certmap_key_t *keys;
    unsigned unformed;
    apr_status_t rv;
    apr_size_t n;

    if (certmap_cert_keys(cert, sealed->kinds, &keys, &n, &unformed, p) != APR_SUCCESS) {
        *why = "the certificate's keys could not be hashed";
        return APR_EGENERAL;
    }
    found->unformed = certmap_kinds_first(unformed & sealed->deny_kinds);
    rv = certmap_sealed_is_long_enough(sealed) ? ask_keys(sealed, keys, n, found, p) : APR_EAGAIN;
    if (rv != APR_EAGAIN && !certmap_sealed_holds(sealed)) {
        rv = APR_EAGAIN;
    }
    if (rv != APR_SUCCESS) {
        *why = rv == APR_EAGAIN ? "the file has been changed in place and not been checked since"
                                : certmap_store_damaged;
    }
    return rv;
}

static apr_status_t store_lookup(certmap_source_t *source, const certmap_cert_t *cert, certmap_lookup_t *found,
                                 const char **why, apr_pool_t *p)
{
    certmap_generation_t *generation = certmap_slot_acquire(((source_store_t *)source)->slot);
    const opened_t *opened;
    apr_status_t rv = APR_ENOENT;

    *why = NULL;
    memset(found, 0, sizeof(*found));
    if (generation == NULL) {
        *why = "the store has not been opened";
        return rv;
    }
    opened = certmap_generation_object(generation);
    if (opened->sealed == NULL) {
        *why = apr_pstrdup(p, opened->why);
    }
    else {
        rv = ask_sealed(opened->sealed, cert, found, why, p);
    }
    certmap_generation_release(generation);
    if (rv != APR_SUCCESS) {
        memset(found, 0, sizeof(*found));
    }
    return rv;
}

static apr_uint64_t store_generation(certmap_source_t *source)
{
    return certmap_slot_number(((source_store_t *)source)->slot);
}

static const certmap_source_vtable_t store_vtable = {
    .name = "store",
    .lookup = store_lookup,
    .generation = store_generation,
};

certmap_source_t *certmap_source_store_create(const char *path, certmap_checked_t *checked, apr_pool_t *p)
{
    source_store_t *s = apr_pcalloc(p, sizeof(*s));

    s->source.vtable = &store_vtable;
    s->source.name = apr_pstrcat(p, "store ", path, NULL);
    s->path = apr_pstrdup(p, path);
    s->checked = checked;
    s->slot = certmap_slot_create(p);
    return &s->source;
}

const char *certmap_source_store_path(const certmap_source_t *source)
{
    return ((const source_store_t *)source)->path;
}

certmap_slot_t *certmap_source_store_slot(certmap_source_t *source)
{
    return ((source_store_t *)source)->slot;
}

int certmap_source_store_fd(const certmap_source_t *source)
{
    const certmap_sealed_t *current = ((const source_store_t *)source)->current;

    return current != NULL ? current->fd : -1;
}

/* ---- looking ------------------------------------------------------------------------------------------------- */

/* What a look is made with. */
typedef struct look_t {
    source_store_t *s;
    certmap_progress_fn *progress;
    void *baton;
    certmap_store_report_t *report;
    apr_pool_t *pool; /* of the report */
} look_t;

static void put_in_force(source_store_t *s, certmap_sealed_t *sealed, const char *why, apr_pool_t *pool)
{
    opened_t *opened = apr_palloc(pool, sizeof(*opened));

    opened->sealed = sealed;
    opened->why = why;
    s->current = sealed;
    certmap_slot_replace(s->slot, opened, pool);
}

static void replaced(look_t *look, certmap_sealed_t *sealed, apr_pool_t *pool)
{
    source_store_t *s = look->s;
    int i;

    look->report->outcome = CERTMAP_REREAD_REPLACED;
    for (i = 0; i < CERTMAP_K_COUNT; i++) {
        look->report->count += (apr_size_t)sealed->seal.counts[i];
    }
    s->said[0] = '\0';
    s->tried = 0;
    s->build = sealed->seal.build > s->build ? sealed->seal.build : s->build;
    put_in_force(s, sealed, NULL, pool);
}

/* Reported once, until something else is wrong, or nothing. @return whether it is news */
static int fault(look_t *look, apr_status_t rv, const char *why)
{
    source_store_t *s = look->s;
    int news = strncmp(s->said, why, sizeof(s->said) - 1) != 0;

    apr_cpystrn(s->said, why, sizeof(s->said));
    look->report->status = rv;
    look->report->why = apr_pstrdup(look->pool, why);
    look->report->outcome = news ? CERTMAP_REREAD_KEPT : CERTMAP_REREAD_SAME;
    return news;
}

/* There is nothing that could be asked. */
static void lost(look_t *look, apr_status_t rv, const char *why)
{
    int had = look->s->current != NULL;

    if (fault(look, rv, why) || had) {
        apr_pool_t *pool = certmap_generation_pool(look->s->slot);

        look->report->outcome = CERTMAP_REREAD_LOST;
        if (pool != NULL) {
            put_in_force(look->s, NULL, apr_pstrdup(pool, why), pool);
        }
    }
}

/* A file that is there cannot be used. When it is the one in force, that has been changed in place. */
static void refuse(look_t *look, const certmap_state_t *state, int settled, apr_status_t rv, const char *why)
{
    source_store_t *s = look->s;

    s->tried = rv == APR_EGENERAL || rv == APR_EINVAL;
    s->refused = *state;
    s->settled = settled;
    if (s->current == NULL || (s->current->state.dev == state->dev && s->current->state.ino == state->ino)) {
        lost(look, rv, why);
    }
    else {
        fault(look, rv, why);
    }
}

/* Checks a file that is open, and puts it in force. */
static void consider(look_t *look, certmap_sealed_t *sealed, apr_pool_t *pool)
{
    source_store_t *s = look->s;
    int settled = certmap_state_is_settled(&sealed->state);
    const char *why;
    apr_status_t rv = certmap_sealed_check(sealed, s->checked, look->progress, look->baton, &why);

    /* [promise store-replaced] */
    if (rv == APR_SUCCESS && sealed->seal.build < s->build) {
        rv = APR_EGENERAL;
        why = apr_psprintf(look->pool,
                           "it is older (built %s) than the one that was in force (built %s); restart to "
                           "go back to it, or build it again",
                           certmap_time_text((apr_time_t)sealed->seal.build, CERTMAP_TIME_PEOPLE, look->pool),
                           certmap_time_text((apr_time_t)s->build, CERTMAP_TIME_PEOPLE, look->pool));
    }
    if (rv == APR_SUCCESS) {
        replaced(look, sealed, pool);
        return;
    }
    if (rv != APR_EINTR && rv != APR_EAGAIN) {
        refuse(look, &sealed->state, settled, rv, why);
    }
    else if (s->current == NULL) {
        lost(look, rv, why);
    }
    apr_pool_destroy(pool);
}

/* Opens the file that is there. */
static void open_and_consider(look_t *look, const certmap_state_t *state)
{
    apr_pool_t *pool = certmap_generation_pool(look->s->slot);
    certmap_sealed_t *sealed;
    const char *why;
    apr_status_t rv;

    if (pool == NULL) {
        fault(look, APR_ENOMEM, "out of memory");
        return;
    }
    rv = certmap_sealed_open(look->s->path, &sealed, &why, pool);
    if (rv == APR_SUCCESS) {
        consider(look, sealed, pool);
        return;
    }
    refuse(look, state, certmap_state_is_settled(state), rv, why);
    apr_pool_destroy(pool);
}

/* What is in force was checked when it had changed just now: it is checked once more. */
static void check_again(look_t *look)
{
    certmap_sealed_t *current = look->s->current;
    const char *why;
    apr_status_t rv = certmap_sealed_check(current, look->s->checked, look->progress, look->baton, &why);

    if (rv != APR_SUCCESS && rv != APR_EINTR && rv != APR_EAGAIN) {
        refuse(look, &current->state, 1, rv, why);
    }
}

/* What is gone is not asked any more; what may only not be looked at stays. */
static void cannot_look(look_t *look, apr_status_t rv)
{
    char buf[200];

    look->s->tried = 0;
    apr_strerror(rv, buf, sizeof(buf));
    if (rv == ENOENT || rv == ENOTDIR || look->s->current == NULL) {
        lost(look, rv, buf);
    }
    else {
        fault(look, rv, buf);
    }
}

apr_status_t certmap_source_store_look(certmap_source_t *source, certmap_progress_fn *progress, void *baton,
                                       certmap_store_report_t *report, apr_pool_t *p)
{
    source_store_t *s = (source_store_t *)source;
    look_t look = { s, progress, baton, report, p };
    certmap_state_t state;
    struct stat st;

    memset(report, 0, sizeof(*report));
    report->outcome = CERTMAP_REREAD_SAME;
    if (stat(s->path, &st) != 0) {
        cannot_look(&look, errno);
        return s->current != NULL ? APR_SUCCESS : report->status;
    }
    certmap_state_of(&st, &state);
    if (s->current != NULL && certmap_state_same(&s->current->state, &state)) {
        s->tried = 0;
        s->said[0] = '\0';
        if (!s->current->settled && certmap_state_is_settled(&state)) {
            check_again(&look);
        }
    }
    else if (!s->tried || !certmap_state_same(&s->refused, &state)
             || (!s->settled && certmap_state_is_settled(&state))) {
        open_and_consider(&look, &state);
    }
    return s->current != NULL ? APR_SUCCESS : report->status != 0 ? report->status : APR_EGENERAL;
}

apr_status_t certmap_source_store_take(certmap_source_t *source, int fd)
{
    source_store_t *s = (source_store_t *)source;
    apr_pool_t *pool = certmap_generation_pool(s->slot);
    certmap_sealed_t *sealed;
    const char *why;
    apr_status_t rv;

    if (pool == NULL) {
        close(fd);
        return APR_ENOMEM;
    }
    rv = certmap_sealed_take(fd, &sealed, &why, pool);
    if (rv == APR_SUCCESS) {
        rv = certmap_sealed_check(sealed, s->checked, NULL, NULL, &why);
    }
    if (rv != APR_SUCCESS) {
        apr_pool_destroy(pool);
        return rv;
    }
    s->build = sealed->seal.build;
    put_in_force(s, sealed, NULL, pool);
    return APR_SUCCESS;
}
