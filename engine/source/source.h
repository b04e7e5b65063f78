/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file engine/source/source.h
 * @brief Sources: generations of what is read again, files and stores that are asked.
 */
#ifndef CERTMAP_SOURCE_H
#define CERTMAP_SOURCE_H

#include "entries/entries.h"

#ifdef __cplusplus
extern "C" {
#endif

/* ---- generations --------------------------------------------------------------------------------------------- */

/**
 * A slot holds the current generation of something immutable that threads read while one thread replaces it. Each
 * generation has a pool of its own, which ends when it is no longer current and its last reader has let go.
 */
typedef struct certmap_slot_t certmap_slot_t;
typedef struct certmap_generation_t certmap_generation_t;

/** Holds a generation once more; needs certmap_generation_release. */
void certmap_generation_hold(certmap_generation_t *generation);
/** Lets go of the current generation, so that there is none; readers keep theirs. The number stays.
 *  @param slot by the thread that replaces */
void certmap_slot_clear(certmap_slot_t *slot);
/** The current generation, held until certmap_generation_release; NULL when there is none.
 *  @param slot by any thread */
certmap_generation_t *certmap_slot_acquire(certmap_slot_t *slot);
/** The number of the current generation, without holding it; 0 when there is none. Costs a load.
 *  @param slot by any thread */
apr_uint64_t certmap_slot_number(certmap_slot_t *slot);
/** Lets go of one hold; with the last one, of a generation that is not current, its pool ends.
 *  @param generation not to be used afterwards */
void certmap_generation_release(certmap_generation_t *generation);
/** What a generation was made of. @param generation held by the caller */
const void *certmap_generation_object(const certmap_generation_t *generation);

/* ---- files that are read again ------------------------------------------------------------------------------- */

typedef enum certmap_file_e {
    CERTMAP_FILE_RULES,  /**< objects are certmap_ruleset_t */
    CERTMAP_FILE_ENTRIES /**< objects are certmap_entries_t */
} certmap_file_e;

typedef enum certmap_reread_e {
    CERTMAP_REREAD_SAME,     /**< nothing has changed since it was looked at last */
    CERTMAP_REREAD_REPLACED, /**< there is a new generation */
    CERTMAP_REREAD_KEPT,     /**< the file cannot be read, or its text has errors; what was there stays */
    CERTMAP_REREAD_LOST      /**< of stores: nothing is in force any more */
} certmap_reread_e;

/** What one look at a file found. Lives in the pool given to certmap_reread_check. */
typedef struct certmap_report_t {
    certmap_reread_e outcome;
    const char *why;                  /**< the file cannot be read: why; else NULL */
    const apr_array_header_t *errors; /**< of certmap_error_t, warnings too; never NULL */
    const apr_array_header_t *added;  /**< names of rules (const char *); NULL for entries */
    const apr_array_header_t *removed;
    const apr_array_header_t *changed; /**< the same name, another text */
    apr_size_t count;                  /**< rules or entries that are there now */
    apr_uint64_t generation;           /**< number of what is there now; 0: nothing */
} certmap_report_t;

/** A file and the slot that holds what it says. Looked at by one thread at a time; the slot is read by any. */
typedef struct certmap_reread_t certmap_reread_t;

/** What a text has to pass, in addition to its parser, before it takes its place. Adds to errors what is wrong with
 *  object, which would become the current one; their texts live in p or in object.
 *  @param baton as given to certmap_reread_accept  @param file whose text it is */
typedef void certmap_accept_fn(void *baton, const certmap_reread_t *file, const void *object,
                               apr_array_header_t *errors, apr_pool_t *p);

/** Nothing is read yet.
 *  @param path as errors name it, absolute or below the working directory  @param kind what the text is */
certmap_reread_t *certmap_reread_create(const char *path, certmap_file_e kind, apr_pool_t *p);
/** Asks fn about each text that has no error of its own from now on.
 *  @param file not looked at yet, or by the thread that looks  @param baton given to fn */
void certmap_reread_accept(certmap_reread_t *file, certmap_accept_fn *fn, void *baton);
/** The next look tries the text again if it was fn that turned it down. @return whether that is so
 *  @param file by the thread that looks */
int certmap_reread_retry(certmap_reread_t *file);
/** What is current, or NULL. Same thread as check.
 *  @param file lives until the next look */
const void *certmap_reread_object(const certmap_reread_t *file);
/**
 * Looks at the file: when it has changed (size, times, inode, and then the text itself) its text becomes a new
 * generation, unless it has an error. The same faults are reported once: the next look at an unchanged file says SAME.
 * @return APR_SUCCESS, whatever was found; errors are in the report
 */
apr_status_t certmap_reread_check(certmap_reread_t *file, certmap_report_t *report, apr_pool_t *p);
/**
 * What was read of a file, in its parsed form, with what shows whether a file still has that text. It outlives the file
 * that it was read by, and keeps the last good text through a restart.
 */
typedef struct certmap_kept_t certmap_kept_t;

/** What is current, held; NULL: nothing is. Same thread as check. Needs certmap_kept_release.
 *  @param file by the thread that looks */
certmap_kept_t *certmap_reread_keep(certmap_reread_t *file);
/** Holds kept once more. */
void certmap_kept_hold(certmap_kept_t *kept);
/** Lets go of one hold. @param kept not to be used afterwards */
void certmap_kept_release(certmap_kept_t *kept);
/**
 * The first look at a file. Where it has the text that one of kept was read from, that one is taken and nothing is
 * parsed; where it is the very same file, unchanged, it is not even read.
 * @param kept array of n, for this path; those of another kind do not count
 * @return as check; the warnings are those of the first time
 * @param report out: as of check
 */
apr_status_t certmap_reread_first(certmap_reread_t *file, certmap_kept_t *const *kept, apr_size_t n,
                                  certmap_report_t *report, apr_pool_t *p);
/**
 * Takes kept, whatever the file says now: the last good text, carried through a restart. Where fn is set, the text in
 * the file counts as turned down. Returns as check; KEPT: it is of another kind, or fn turned it down.
 * @param report out: as of check
 */
apr_status_t certmap_reread_restore(certmap_reread_t *file, certmap_kept_t *kept, certmap_report_t *report,
                                    apr_pool_t *p);
/** The slot that readers ask. @param file lives as long as the slot */
certmap_slot_t *certmap_reread_slot(certmap_reread_t *file);
/** The path as given. @param file any */
const char *certmap_reread_path(const certmap_reread_t *file);

/* ---- kinds of sources ---------------------------------------------------------------------------------------- */

/** A source that answers from an entry file. It answers APR_ENOENT until certmap_reread_check has read the file.
 *  @param path of the file, as certmap_reread_create has it */
certmap_source_t *certmap_source_file_create(const char *path, apr_pool_t *p);
/** The file of such a source. */
certmap_reread_t *certmap_source_file_reread(certmap_source_t *source);

/** Called now and then with how far a long task is. @return 0, or nonzero to stop: nothing is changed then
 *  @param baton as given with the function  @param done of total, in the unit of the task  @param total more than 0 */
typedef int certmap_progress_fn(void *baton, apr_size_t done, apr_size_t total);

/** Which stores have been checked, known to a process and to all that it forks from then on. It is never freed. */
typedef struct certmap_checked_t certmap_checked_t;
/** @return NULL when there is no memory for it */
certmap_checked_t *certmap_checked_create(void);

/** What one look at a store found. Lives in the pool given to certmap_source_store_look. */
typedef struct certmap_store_report_t {
    certmap_reread_e outcome;
    apr_status_t status; /**< what is wrong with the file, or APR_SUCCESS */
    const char *why;     /**< in words; NULL when nothing is */
    apr_size_t count;    /**< entries that are in force now; only when REPLACED */
} certmap_store_report_t;

/**
 * A source that answers from a store. It answers APR_ENOENT until certmap_source_store_look has opened it; what is open
 * may be asked by children after a fork(). Reading takes no lock and needs no more than the right to read the file. A
 * file that has changed since it was checked, or that is gone, is an error, never "nothing found"; one that somebody
 * cuts off while it is being asked is the kernel's SIGBUS, which no reader of a mapped file can prevent: replace stores
 * by renaming, as certmap_store_* do.
 * @param checked what other processes have checked, or NULL
 * @param path of the store
 */
certmap_source_t *certmap_source_store_create(const char *path, certmap_checked_t *checked, apr_pool_t *p);
/**
 * Looks at the file: when it has changed, all of it is read, unless another process has done so, and it takes the place
 * of what is in force. It does not when it is damaged, no store, or older. Then the old one stays in force, unless that
 * file itself has been changed in place, or there is none any more. The same fault is reported once. Called by one
 * thread at a time, never during a request.
 * @param progress may be NULL; called with bytes
 * @return APR_SUCCESS: there is a store that can be asked; else what is wrong
 * @param source made by certmap_source_store_create  @param baton given to progress
 * @param report out: filled whatever is returned
 */
apr_status_t certmap_source_store_look(certmap_source_t *source, certmap_progress_fn *progress, void *baton,
                                       certmap_store_report_t *report, apr_pool_t *p);
/** Puts a store in force that was in force before, by its open file, which is the source's from now on.
 *  @param source not looked at yet  @param fd of the store, open for reading; closed on an error
 *  @return APR_SUCCESS; APR_EINVAL or APR_EGENERAL: it is not a store, or damaged; APR_ENOMEM; errors of the system */
apr_status_t certmap_source_store_take(certmap_source_t *source, int fd);
/** The open file of what is in force, or -1. Same thread as look.
 *  @param source that owns it */
int certmap_source_store_fd(const certmap_source_t *source);
/** The path as given. @param source made by certmap_source_store_create */
const char *certmap_source_store_path(const certmap_source_t *source);
/** The slot whose number changes with each answer. @param source made by certmap_source_store_create */
certmap_slot_t *certmap_source_store_slot(certmap_source_t *source);

#ifdef __cplusplus
}
#endif
#endif
