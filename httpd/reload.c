/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Rule files and entry files while the server runs. Each child looks at its files once a second in a thread of
 * mod_watchdog; the parent looks too, now and then, so that a graceful restart with a broken file has the last good
 * text. What was in force, in its parsed form, is held by the process pool when the configuration ends, the only pool
 * that a restart leaves alone, and is let go when the new configuration is known to be good. So a file that has not
 * changed is not parsed again, neither when httpd reads its configuration twice at the start nor at a restart. What is
 * held points into this module, which is therefore never unloaded (configure.ac, "nodelete").
 */
#include "reload.h"

#include <apr_hash.h>
#include <apr_optional.h>
#include <apr_strings.h>
#include <apr_thread_mutex.h>
#include <http_core.h>
#include <ap_mpm.h>
#include <http_log.h>
#include <mod_watchdog.h>
#include <mpm_common.h>

#include "config.h"
#include "stores.h"

APLOG_USE_MODULE(certmap);

#define IN_FORCE "certmap:in-force"
#define LOOK_STEP apr_time_from_msec(10)

/* What was in force when the configuration ended, for the next one. Lives in the process pool. */
typedef struct in_force_t {
    const void *owner;
    apr_hash_t *paths; /* of apr_array_header_t *, of certmap_kept_t * */
} in_force_t;

/* A list that has a file's rules. */
typedef struct place_t {
    const certmap_links_t *links;
    certmap_strength_e min;
} place_t;

typedef struct watched_t {
    certmap_reread_t *file;
    int nth;                    /* among the files of this path, from 0 */
    apr_array_header_t *places; /* of place_t */
} watched_t;

/* The configuration's files; filled while it is read, by one thread. */
static apr_array_header_t *files; /* of watched_t * */
static apr_array_header_t *slots; /* of certmap_slot_t *: of these files, and of stores */
/* In a child. mod_watchdog's thread continues while the process ends, and then it must not look any more. */
static apr_thread_mutex_t *looking;
static int ended; /* under looking */

static apr_status_t forget(void *unused)
{
    (void)unused;
    files = slots = NULL;
    looking = NULL;
    return APR_SUCCESS;
}

static void remember(apr_pool_t *pconf)
{
    if (!files) {
        files = apr_array_make(pconf, 4, sizeof(watched_t *));
        slots = apr_array_make(pconf, 4, sizeof(certmap_slot_t *));
        apr_pool_cleanup_register(pconf, NULL, forget, apr_pool_cleanup_null);
    }
}

/* ---- what was in force ----------------------------------------------------------------------------------------- */

/* Another build of this module, loaded in addition to this one by a restart, has another address here: what this one
 * has kept means nothing to it. */
static const char mine;

static void release_all(apr_array_header_t *list)
{
    while (list->nelts) {
        certmap_kept_release(*(certmap_kept_t **)apr_array_pop(list));
    }
}

static apr_status_t release_kept(void *table)
{
    apr_hash_index_t *i;

    for (i = apr_hash_first(NULL, ((in_force_t *)table)->paths); i; i = apr_hash_next(i)) {
        release_all(apr_hash_this_val(i));
    }
    return APR_SUCCESS;
}

/* Of each path: arrays of certmap_kept_t *, by the order of its places. */
static apr_hash_t *in_force(process_rec *process)
{
    void *found = NULL;
    in_force_t *table;

    apr_pool_userdata_get(&found, IN_FORCE, process->pool);
    table = found;
    if (!table || table->owner != &mine) {
        table = apr_palloc(process->pool, sizeof(*table));
        table->owner = &mine;
        table->paths = apr_hash_make(process->pool);
        /* not setn: the key is ours, and a build that is no longer loaded might have set it */
        apr_pool_userdata_set(table, IN_FORCE, NULL, process->pool);
        apr_pool_cleanup_register(process->pool, table, release_kept, apr_pool_cleanup_null);
    }
    return table->paths;
}

static apr_array_header_t *kept_of(process_rec *process, const char *path)
{
    return apr_hash_get(in_force(process), path, APR_HASH_KEY_STRING);
}

static void keep(process_rec *process, certmap_reread_t *file)
{
    const char *path = certmap_reread_path(file);
    apr_array_header_t *list = kept_of(process, path);
    certmap_kept_t *kept = certmap_reread_keep(file);

    if (!list) {
        list = apr_array_make(process->pool, 1, sizeof(certmap_kept_t *));
        apr_hash_set(in_force(process), apr_pstrdup(process->pool, path), APR_HASH_KEY_STRING, list);
    }
    if (kept) {
        APR_ARRAY_PUSH(list, certmap_kept_t *) = kept;
    }
}

/* Goes back to what was in force in this place. If that does not fit, the configuration has changed as well: then what
 * another place had may fit. @return whether there is such a text */
static int fall_back(certmap_reread_t *file, const apr_array_header_t *list, int nth, apr_pool_t *p)
{
    certmap_report_t report;
    int i;

    for (i = 0; i < list->nelts; i++) {
        if (certmap_reread_restore(file, APR_ARRAY_IDX(list, (nth + i) % list->nelts, certmap_kept_t *), &report, p)
                == APR_SUCCESS
            && report.outcome == CERTMAP_REREAD_REPLACED) {
            return 1;
        }
    }
    return 0;
}

/* The configuration ends, and its files with it. What they said is kept for the next configuration, after a restart. If
 * the process ends instead, its pool ends, too. (httpd -X is its own child: what it has read since its start is
 * lost.) */
static apr_status_t keep_all(void *process)
{
    int i;

    if (ap_state_query(AP_SQ_MAIN_STATE) != AP_SQ_MS_DESTROY_CONFIG) {
        return APR_SUCCESS;
    }
    for (i = 0; files && i < files->nelts; i++) {
        keep(process, APR_ARRAY_IDX(files, i, watched_t *)->file);
    }
    certmap_stores_hand_over(process);
    return APR_SUCCESS;
}

/* The first look at a file. It takes what was in force before, or what another place of this configuration has read,
 * where that is what the file says. */
static apr_status_t first_look(process_rec *process, certmap_reread_t *file, certmap_report_t *report, apr_pool_t *p)
{
    const char *path = certmap_reread_path(file);
    const apr_array_header_t *before = kept_of(process, path);
    apr_array_header_t *others = apr_array_make(p, 2, sizeof(certmap_kept_t *));
    apr_status_t rv;
    int i;

    for (i = 0; i < files->nelts; i++) {
        certmap_reread_t *other = APR_ARRAY_IDX(files, i, watched_t *)->file;
        certmap_kept_t *kept = strcmp(certmap_reread_path(other), path) == 0 ? certmap_reread_keep(other) : NULL;

        if (kept) {
            APR_ARRAY_PUSH(others, certmap_kept_t *) = kept;
        }
    }
    for (i = 0; before && i < before->nelts; i++) {
        certmap_kept_t *kept = APR_ARRAY_IDX(before, i, certmap_kept_t *);

        certmap_kept_hold(kept);
        APR_ARRAY_PUSH(others, certmap_kept_t *) = kept;
    }
    rv = certmap_reread_first(file, (certmap_kept_t *const *)others->elts, (apr_size_t)others->nelts, report, p);
    release_all(others);
    return rv;
}

/* ---- telling ------------------------------------------------------------------------------------------------- */

static const char *names(const apr_array_header_t *list, const char *what, apr_pool_t *p)
{
    if (!list || !list->nelts) {
        return "";
    }
    return apr_pstrcat(p, "; ", what, " ", apr_array_pstrcat(p, list, ' '), NULL);
}

static const char *error_text(const certmap_error_t *e, apr_pool_t *p)
{
    return apr_psprintf(p, "%s:%d:%d: %s%s", e->file ? e->file : "?", e->line, e->column, e->warning ? "warning: " : "",
                        e->text);
}

static void tell(const certmap_reread_t *file, const certmap_report_t *report, int level, server_rec *s, apr_pool_t *p)
{
    const char *path = certmap_reread_path(file);
    int i;

    if (report->outcome == CERTMAP_REREAD_SAME) {
        return;
    }
    for (i = 0; i < report->errors->nelts; i++) {
        const certmap_error_t *e = &APR_ARRAY_IDX(report->errors, i, certmap_error_t);

        ap_log_error(APLOG_MARK, (e->warning ? APLOG_WARNING : APLOG_ERR) | level, 0, s, "certmap: %s",
                     error_text(e, p));
    }
    if (report->outcome == CERTMAP_REREAD_KEPT) {
        ap_log_error(APLOG_MARK, APLOG_ERR | level, 0, s, "certmap: %s%s%s; what was read before stays in force", path,
                     report->why ? " cannot be read: " : " has errors", report->why ? report->why : "");
        return;
    }
    ap_log_error(APLOG_MARK, APLOG_NOTICE | level, 0, s,
                 "certmap: %s has been read: %" APR_SIZE_T_FMT " in force%s%s%s", path, report->count,
                 names(report->added, "added", p), names(report->removed, "removed", p),
                 names(report->changed, "changed", p));
}

/* What httpd prints when it refuses to start. */
static const char *refusal(const char *directive, certmap_reread_t *file, const certmap_report_t *report, apr_pool_t *p)
{
    const char *text = apr_psprintf(p, "%s %s: %s", directive, certmap_reread_path(file),
                                    report->why ? report->why : "");
    int i, told = 0;

    for (i = 0; i < report->errors->nelts; i++) {
        const certmap_error_t *e = &APR_ARRAY_IDX(report->errors, i, certmap_error_t);

        if (!e->warning && told++ < CERTMAP_STARTUP_ERRORS_MOST) {
            text = apr_pstrcat(p, text, told > 1 || report->why ? "; " : "", error_text(e, p), NULL);
        }
    }
    return told > CERTMAP_STARTUP_ERRORS_MOST
               ? apr_psprintf(p, "%s; and %d more", text, told - CERTMAP_STARTUP_ERRORS_MOST)
               : text;
}

/* ---- lists ---------------------------------------------------------------------------------------------------- */

/* What would be wrong with the lists that a file is in, if its rules were these. A certmap_accept_fn. */
static void check_places(void *baton, const certmap_reread_t *file, const void *object, apr_array_header_t *errors,
                         apr_pool_t *p)
{
    const watched_t *watched = baton;
    int i;

    for (i = 0; i < watched->places->nelts; i++) {
        const place_t *place = &APR_ARRAY_IDX(watched->places, i, place_t);
        const certmap_links_t *member;
        certmap_pinned_t pinned;
        certmap_list_t *list;

        certmap_links_pin(place->links, &pinned, p);
        list = (certmap_list_t *)pinned.list; /* made for us, just now */
        for (member = place->links; member; member = member->outer, list++) {
            if (member->link->file == file) {
                list->rules = object;
            }
        }
        apr_array_cat(errors, certmap_list_errors(pinned.list, place->min, p));
        certmap_links_unpin(&pinned);
    }
}

/* ---- start-up ------------------------------------------------------------------------------------------------ */

static int places_of(const char *path)
{
    int i, n = 0;

    for (i = 0; i < files->nelts; i++) {
        n += strcmp(certmap_reread_path(APR_ARRAY_IDX(files, i, watched_t *)->file), path) == 0;
    }
    return n;
}

/* While directives are read, a virtual host has no log level yet and would log nothing. Such messages do not belong to
 * a server. */
const char *certmap_reload_first(cmd_parms *cmd, const char *directive, certmap_reread_t *file)
{
    certmap_report_t report;
    watched_t *watched;
    int nth;

    remember(cmd->pool);
    nth = places_of(certmap_reread_path(file));
    if (first_look(cmd->server->process, file, &report, cmd->temp_pool) != APR_SUCCESS) {
        return apr_psprintf(cmd->pool, "%s %s: out of memory", directive, certmap_reread_path(file));
    }
    if (report.outcome == CERTMAP_REREAD_KEPT) {
        const apr_array_header_t *before = kept_of(cmd->server->process, certmap_reread_path(file));

        if (!before || !before->nelts) {
            return refusal(directive, file, &report, cmd->pool);
        }
        tell(file, &report, APLOG_STARTUP, NULL, cmd->temp_pool);
        if (!fall_back(file, before, nth, cmd->temp_pool)) {
            return apr_psprintf(cmd->pool, "%s %s: the last good text cannot be used", directive,
                                certmap_reread_path(file));
        }
    }
    else {
        int i;

        for (i = 0; i < report.errors->nelts; i++) {
            ap_log_error(APLOG_MARK, APLOG_WARNING | APLOG_STARTUP, 0, NULL, "certmap: %s",
                         error_text(&APR_ARRAY_IDX(report.errors, i, certmap_error_t), cmd->temp_pool));
        }
    }
    watched = apr_pcalloc(cmd->pool, sizeof(*watched));
    watched->file = file;
    watched->nth = nth;
    watched->places = apr_array_make(cmd->pool, 1, sizeof(place_t));
    certmap_reread_accept(file, check_places, watched);
    APR_ARRAY_PUSH(files, watched_t *) = watched;
    APR_ARRAY_PUSH(slots, certmap_slot_t *) = certmap_reread_slot(file);
    return NULL;
}

static int same_links(const certmap_links_t *a, const certmap_links_t *b)
{
    while (a && b && a->link == b->link) {
        a = a->outer;
        b = b->outer;
    }
    return !a && !b;
}

static const certmap_links_t *copy_links(const certmap_links_t *links, apr_pool_t *p)
{
    certmap_links_t *copy;

    if (!links) {
        return NULL;
    }
    copy = apr_palloc(p, sizeof(*copy));
    copy->link = links->link;
    copy->outer = copy_links(links->outer, p);
    return copy;
}

static void add_place(watched_t *watched, const certmap_links_t *links, certmap_strength_e min)
{
    place_t *place;
    int i;

    for (i = 0; i < watched->places->nelts; i++) {
        place = &APR_ARRAY_IDX(watched->places, i, place_t);
        if (place->min == min && same_links(place->links, links)) {
            return;
        }
    }
    place = apr_array_push(watched->places);
    place->links = copy_links(links, watched->places->pool);
    place->min = min;
}

void certmap_reload_stands_in(const certmap_links_t *links, certmap_strength_e min)
{
    const certmap_links_t *member;
    int i;

    for (member = links; member; member = member->outer) {
        for (i = 0; member->link->file && i < files->nelts; i++) {
            watched_t *watched = APR_ARRAY_IDX(files, i, watched_t *);

            if (watched->file == member->link->file) {
                add_place(watched, links, min);
            }
        }
    }
}

void certmap_reload_settle(server_rec *s, apr_pool_t *ptemp)
{
    int i;

    for (i = 0; files && i < files->nelts && ap_state_query(AP_SQ_CONFIG_GEN) > 0; i++) {
        watched_t *watched = APR_ARRAY_IDX(files, i, watched_t *);
        const apr_array_header_t *before = kept_of(s->process, certmap_reread_path(watched->file));
        certmap_report_t report = { .outcome = CERTMAP_REREAD_KEPT };
        apr_array_header_t *errors = apr_array_make(ptemp, 1, sizeof(certmap_error_t));

        check_places(watched, watched->file, certmap_reread_object(watched->file), errors, ptemp);
        if (errors->nelts && before) {
            report.errors = errors;
            tell(watched->file, &report, APLOG_STARTUP, s, ptemp);
            /* Where nothing fits, the checks refuse the configuration. */
            fall_back(watched->file, before, watched->nth, ptemp);
        }
    }
}

void certmap_reload_keep(server_rec *s, apr_pool_t *pconf)
{
    apr_hash_index_t *i;

    /* Those of files that are no longer asked for go, too. */
    for (i = apr_hash_first(pconf, in_force(s->process)); i; i = apr_hash_next(i)) {
        release_all(apr_hash_this_val(i));
    }
    certmap_stores_forget_kept(s->process, pconf);
    if (files) {
        /* after the files' own cleanups, and so run before them when the configuration ends */
        apr_pool_cleanup_register(pconf, s->process, keep_all, apr_pool_cleanup_null);
    }
}

const char *certmap_reload_store(cmd_parms *cmd, const char *path, certmap_source_t **source)
{
    const char *error;

    remember(cmd->pool);
    error = certmap_stores_first(cmd, path, source);
    APR_ARRAY_PUSH(slots, certmap_slot_t *) = certmap_source_store_slot(*source);
    return error;
}

/* Whether there is anything to be looked at. */
static int has_files(void)
{
    return (files && files->nelts) || certmap_stores();
}

/* ---- while the server runs ----------------------------------------------------------------------------------- */

/* The parent says little: every child says the same.
 * @return whether a file has a new text */
static int look_once(int in_parent, server_rec *s, apr_pool_t *scratch)
{
    int i, replaced = 0;

    for (i = 0; i < files->nelts; i++) {
        certmap_reread_t *file = APR_ARRAY_IDX(files, i, watched_t *)->file;
        certmap_report_t report;

        if (certmap_reread_check(file, &report, scratch) == APR_SUCCESS) {
            replaced = replaced || report.outcome == CERTMAP_REREAD_REPLACED;
            if (!in_parent) {
                tell(file, &report, 0, s, scratch);
            }
            else if (report.outcome == CERTMAP_REREAD_REPLACED) {
                ap_log_error(APLOG_MARK, APLOG_DEBUG, 0, s, "certmap: %s: its text is kept for a graceful restart",
                             certmap_reread_path(file));
            }
        }
        apr_pool_clear(scratch);
    }
    return replaced;
}

static void look_again(int in_parent, server_rec *s, apr_pool_t *p)
{
    apr_pool_t *scratch;
    int i, again = 0;

    if (!files || apr_pool_create(&scratch, p) != APR_SUCCESS) {
        return;
    }
    /* What did not fit its list may fit it when another file of it has changed: a rule that moves between two. */
    if (look_once(in_parent, s, scratch)) {
        for (i = 0; i < files->nelts; i++) {
            again += certmap_reread_retry(APR_ARRAY_IDX(files, i, watched_t *)->file);
        }
        if (again) {
            look_once(in_parent, s, scratch);
        }
    }
    certmap_stores_look(in_parent, s, scratch); /* last: it may read much */
    apr_pool_destroy(scratch);
}

static apr_status_t on_watchdog(int state, void *server, apr_pool_t *p)
{
    if (state == AP_WATCHDOG_STATE_RUNNING) {
        apr_thread_mutex_lock(looking);
        if (!ended) {
            look_again(0, server, p);
        }
        apr_thread_mutex_unlock(looking);
    }
    return APR_SUCCESS;
}

int certmap_reload_monitor(apr_pool_t *p, server_rec *s)
{
    look_again(1, s, p);
    return DECLINED;
}

int certmap_reload_start(apr_pool_t *pconf, apr_pool_t *plog, apr_pool_t *ptemp, server_rec *s)
{
    APR_OPTIONAL_FN_TYPE(ap_watchdog_get_instance) *get = APR_RETRIEVE_OPTIONAL_FN(ap_watchdog_get_instance);
    APR_OPTIONAL_FN_TYPE(ap_watchdog_register_callback) *add = APR_RETRIEVE_OPTIONAL_FN(ap_watchdog_register_callback);
    ap_watchdog_t *watchdog;

    (void)plog;
    (void)ptemp;
    if (ap_state_query(AP_SQ_MAIN_STATE) == AP_SQ_MS_CREATE_PRE_CONFIG || !has_files()) {
        return OK;
    }
    /* nested: prefork ends a child in a signal's handler, in whatever thread that comes by */
    if (apr_thread_mutex_create(&looking, APR_THREAD_MUTEX_NESTED, pconf) != APR_SUCCESS) {
        ap_log_error(APLOG_MARK, APLOG_EMERG, 0, s, "certmap: no mutex for reading files again");
        return HTTP_INTERNAL_SERVER_ERROR;
    }
    /* [promise change-counts] */
    if (!get || !add || get(&watchdog, "_certmap_", 0, 0, pconf) != APR_SUCCESS
        || add(watchdog, apr_time_from_sec(1), s, on_watchdog) != APR_SUCCESS) {
        ap_log_error(APLOG_MARK, APLOG_WARNING, 0, s,
                     "certmap: without mod_watchdog changes of rule files, entry "
                     "files and stores are seen at the next restart only; load it");
    }
    return OK;
}

/* A look that has begun is waited for, because it reads what is current, and OpenSSL, which it uses, ends as well. The
 * configuration's pool never ends in a child, but what a child has read since is its own and goes, unless the child
 * ends in a signal's handler, as prefork's do: the thread that was stopped there may hold what is needed, and is not
 * waited for long. */
static apr_status_t look_no_more(void *unused)
{
    int i, threaded = 0;

    (void)unused;
    /* [promise orderly-end] */
    certmap_stores_stop();
    for (i = 0; looking && i < CERTMAP_LOOK_STEPS_MOST; i++) {
        if (apr_thread_mutex_trylock(looking) == APR_SUCCESS) {
            ended = 1;
            apr_thread_mutex_unlock(looking);
            break;
        }
        apr_sleep(LOOK_STEP);
    }
    if (i == CERTMAP_LOOK_STEPS_MOST || ap_mpm_query(AP_MPMQ_IS_THREADED, &threaded) != APR_SUCCESS
        || threaded == AP_MPMQ_NOT_SUPPORTED) {
        return APR_SUCCESS;
    }
    for (i = 0; slots && i < slots->nelts; i++) {
        certmap_slot_clear(APR_ARRAY_IDX(slots, i, certmap_slot_t *));
    }
    return APR_SUCCESS;
}

void certmap_reload_child(apr_pool_t *pchild, server_rec *s)
{
    if (looking) {
        apr_thread_mutex_lock(looking);
        look_again(0, s, pchild);
        apr_thread_mutex_unlock(looking);
    }
    apr_pool_cleanup_register(pchild, NULL, look_no_more, apr_pool_cleanup_null);
}
