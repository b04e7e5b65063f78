/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Stores while the server runs. The parent opens and checks them when it reads the configuration, and its children have
 * them from it; who looks later and finds a new version checks it for all, in memory that outlives the configuration.
 * What is in force when a configuration ends is kept, open, in the process pool: the next one falls back to it.
 */
#include "stores.h"

#include <fcntl.h>
#include <unistd.h>

#include <apr_hash.h>
#include <apr_strings.h>
#include <http_core.h>
#include <http_log.h>

#include "config.h"

APLOG_USE_MODULE(certmap);

#define CHECKED "certmap:checked-stores-" CERTMAP_VERSION
#define KEPT "certmap:kept-stores"

/* The configuration's; filled while it is read, by one thread. */
static apr_array_header_t *stores; /* of certmap_source_t * */
static int stop;                   /* atomic */

static apr_status_t forget(void *unused)
{
    (void)unused;
    stores = NULL;
    return APR_SUCCESS;
}

const apr_array_header_t *certmap_stores(void)
{
    return stores;
}

/* What is known of stores that have been checked. No memory for it: each process checks for itself. */
static certmap_checked_t *checked(process_rec *process)
{
    void *found = NULL;

    apr_pool_userdata_get(&found, CHECKED, process->pool);
    if (!found) {
        found = certmap_checked_create();
        /* not setn: the key is ours, and another build of this module may ask for it after a restart */
        apr_pool_userdata_set(found, CHECKED, NULL, process->pool);
    }
    return found;
}

/* ---- what is kept over a restart ------------------------------------------------------------------------------- */

/* Open files by their paths, as numbers above the descriptor's. */
static apr_hash_t *kept_files(process_rec *process)
{
    void *found = NULL;

    apr_pool_userdata_get(&found, KEPT, process->pool);
    if (!found) {
        found = apr_hash_make(process->pool);
        apr_pool_userdata_set(found, KEPT, NULL, process->pool);
    }
    return found;
}

static int *kept_file(process_rec *process, const char *path)
{
    apr_hash_t *kept = kept_files(process);
    int *fd = apr_hash_get(kept, path, APR_HASH_KEY_STRING);

    if (!fd) {
        fd = apr_palloc(process->pool, sizeof(*fd));
        *fd = -1;
        apr_hash_set(kept, apr_pstrdup(process->pool, path), APR_HASH_KEY_STRING, fd);
    }
    return fd;
}

void certmap_stores_hand_over(process_rec *process)
{
    int i;

    for (i = 0; stores && i < stores->nelts; i++) {
        const certmap_source_t *source = APR_ARRAY_IDX(stores, i, certmap_source_t *);
        int fd = certmap_source_store_fd(source);
        int *kept = kept_file(process, certmap_source_store_path(source));

        if (fd >= 0 && *kept < 0) { /* one store may have several places */
            *kept = fcntl(fd, F_DUPFD_CLOEXEC, 3);
        }
    }
}

void certmap_stores_forget_kept(process_rec *process, apr_pool_t *p)
{
    apr_hash_index_t *i;

    for (i = apr_hash_first(p, kept_files(process)); i; i = apr_hash_next(i)) {
        int *fd = apr_hash_this_val(i);

        if (*fd >= 0) {
            close(*fd);
            *fd = -1;
        }
    }
}

/* @return whether the store that was in force is so again */
static int fall_back(process_rec *process, certmap_source_t *source)
{
    int fd = *kept_file(process, certmap_source_store_path(source));

    fd = fd >= 0 ? fcntl(fd, F_DUPFD_CLOEXEC, 3) : -1;
    return fd >= 0 && certmap_source_store_take(source, fd) == APR_SUCCESS;
}

/* ---- looking --------------------------------------------------------------------------------------------------- */

static int is_stopped(void *baton, apr_size_t done, apr_size_t total)
{
    (void)baton;
    (void)done;
    (void)total;
    return __atomic_load_n(&stop, __ATOMIC_RELAXED);
}

void certmap_stores_stop(void)
{
    __atomic_store_n(&stop, 1, __ATOMIC_RELAXED);
}

/* While directives are read a message does not belong to a server. */
const char *certmap_stores_first(cmd_parms *cmd, const char *path, certmap_source_t **source)
{
    certmap_store_report_t report;
    const char *what;
    apr_status_t rv;

    if (!stores) {
        stores = apr_array_make(cmd->pool, 4, sizeof(certmap_source_t *));
        apr_pool_cleanup_register(cmd->pool, NULL, forget, apr_pool_cleanup_null);
    }
    *source = certmap_source_store_create(path, checked(cmd->server->process), cmd->pool);
    APR_ARRAY_PUSH(stores, certmap_source_t *) = *source;
    rv = certmap_source_store_look(*source, NULL, NULL, &report, cmd->temp_pool);
    if (rv == APR_SUCCESS) {
        return NULL;
    }
    if (ap_state_query(AP_SQ_CONFIG_GEN) == 0) {
        return apr_psprintf(cmd->pool, "CertMapSource store %s: %s", path, report.why);
    }
    /* a restart must not end the server */
    what = rv != APR_ENOENT && fall_back(cmd->server->process, *source) ? "what was in force before stays in force"
                                                                        : "requests that need it are refused with 503";
    ap_log_error(APLOG_MARK, APLOG_ERR | APLOG_STARTUP, 0, NULL, "certmap: %s: %s; %s", path, report.why, what);
    return NULL;
}

static void tell(const char *path, const certmap_store_report_t *report, server_rec *s)
{
    switch (report->outcome) {
    case CERTMAP_REREAD_SAME:
        break;
    case CERTMAP_REREAD_REPLACED:
        ap_log_error(APLOG_MARK, APLOG_NOTICE, 0, s,
                     "certmap: %s has been checked: %" APR_SIZE_T_FMT " entries in "
                     "force",
                     path, report->count);
        break;
    case CERTMAP_REREAD_KEPT:
        ap_log_error(APLOG_MARK, APLOG_ERR, 0, s, "certmap: %s: %s; what was in force before stays in force", path,
                     report->why);
        break;
    case CERTMAP_REREAD_LOST:
        ap_log_error(APLOG_MARK, APLOG_ERR, 0, s, "certmap: %s: %s; requests that need it are refused with 503", path,
                     report->why);
        break;
    }
}

void certmap_stores_look(int in_parent, server_rec *s, apr_pool_t *scratch)
{
    int i;

    for (i = 0; stores && i < stores->nelts; i++) {
        certmap_source_t *source = APR_ARRAY_IDX(stores, i, certmap_source_t *);
        certmap_store_report_t report;

        certmap_source_store_look(source, is_stopped, NULL, &report, scratch);
        if (!in_parent) {
            tell(certmap_source_store_path(source), &report, s);
        }
        else if (report.outcome == CERTMAP_REREAD_REPLACED) {
            ap_log_error(APLOG_MARK, APLOG_DEBUG, 0, s, "certmap: %s: what is in force is kept for a graceful restart",
                         certmap_source_store_path(source));
        }
        apr_pool_clear(scratch);
    }
}
