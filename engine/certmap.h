/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file engine/certmap.h
 * @brief libcertmap: a client certificate, a verdict and a list of rules become a decision.
 *
 * The engine knows certificates, rules and decisions. It knows nothing of httpd, opens no socket, logs nothing and
 * prints nothing: what went wrong comes back as positioned errors, what happened comes back as a trace.
 *
 * Concepts
 *  - A *certificate view* (certmap_cert_t) is made once from an X509. Every field is absent, valid or malformed: a
 *    malformed value spoils its field, and refuses only where a rule or a source asks for that field. A structure that
 *    could be read in two ways makes the whole view malformed, and a malformed view never maps.
 *  - A *verdict* (certmap_verdict_t) says whether TLS verified the certificate and, if not, the cause that counts.
 *  - A *ruleset* (certmap_ruleset_t) is an immutable, compiled sequence of rules. It may be read by any number of
 * threads.
 *  - A *list* (certmap_list_t) links rulesets in the order in which they are asked; linking never compiles.
 *  - A *decision* (certmap_decision_t) is mapped, refused, or undecided (a source could not be asked).
 *
 * Conventions
 *  - Text is UTF-8 and travels with its length; a NUL follows the bytes for convenience but never ends them.
 *  - Arguments come in the order: object, inputs, outputs, pool last. What is returned lives in that pool.
 *  - apr_status_t says whether a function ran; the outcome is an enum of its own.
 *  - Times are apr_time_t (microseconds since 1970-01-01T00:00:00Z).
 *  - Pools must have an abort function, as httpd's have: without memory for a pool the process ends and does not go on
 *    with half a decision. A new pool without a parent has none until it is given one. Without memory elsewhere
 *    (OpenSSL, PCRE2) functions fail or refuse, and nobody is mapped who would not be.
 *  - Nothing here keeps global mutable state; certmap_engine_init() must be called once, before threads.
 */
#ifndef CERTMAP_H
#define CERTMAP_H

#include "base/base.h"
#include "x509/x509.h"

#ifdef __cplusplus
extern "C" {
#endif

/* ---- words, states ------------------------------------------------------------------------------------------- */

/* ---- rules --------------------------------------------------------------------------------------------------- */

typedef struct certmap_cond_t certmap_cond_t;         /**< one compiled condition */
typedef struct certmap_template_t certmap_template_t; /**< a compiled USER */

/** A rule. Read-only. */
typedef struct certmap_rule_t {
    const char *name;
    int deny;
    int disabled;
    int any;                        /**< the word "any" stands in it */
    const certmap_template_t *user; /**< NULL for deny */
    const char *user_text;          /**< as written; NULL for deny */
    const certmap_cond_t *conds;
    apr_size_t nconds;
    const char *const *groups;
    apr_size_t ngroups;
    apr_time_t expires; /**< first instant at which it has expired; 0: never */
    const char *note;   /**< or NULL */
    certmap_strength_e strength;
    const char *file; /**< where it stands */
    int line;
} certmap_rule_t;

/** The text of a condition as written. */
const char *certmap_cond_text(const certmap_cond_t *cond);
const certmap_cond_t *certmap_rule_cond(const certmap_rule_t *rule, apr_size_t i);

typedef struct certmap_ruleset_t certmap_ruleset_t;
typedef struct certmap_builder_t certmap_builder_t;

/** Where text comes from: an httpd directive's arguments or a file. The lexer differs as INTERFACE says ("Words"). */
typedef enum certmap_text_e {
    CERTMAP_TEXT_DIRECTIVE,
    CERTMAP_TEXT_FILE
} certmap_text_e;

/** Starts a ruleset. Everything lives in p. */
certmap_builder_t *certmap_builder_create(apr_pool_t *p);
/**
 * Adds the rule that one line holds ("NAME allow USER COND..." or "NAME deny COND..."), all of its errors reported.
 * @param text the words of the directive behind its name
 * @param column where text begins in its line, from 1
 * @return APR_SUCCESS (warnings may have been added) or APR_EINVAL (the rule was not added, errors were)
 */
apr_status_t certmap_builder_add_directive(certmap_builder_t *b, const char *text, const char *file, int line,
                                           int column);
/** Adds all rules of a file's text (comments, continued lines). Same returns; goes on after an error to report all. */
apr_status_t certmap_builder_add_file_text(certmap_builder_t *b, certmap_str_t text, const char *file);
/** Adds the rule on one line of such a text, which stands at that line of its file. Same returns. */
apr_status_t certmap_builder_add_line(certmap_builder_t *b, certmap_str_t text, const char *file, int line);
/** Errors and warnings so far, of certmap_error_t, in order of place. Never NULL. */
const apr_array_header_t *certmap_builder_errors(const certmap_builder_t *b);
/** Compiles and freezes. The builder must not be used afterwards. @return never NULL; only rules without error are in
 * it, so
 *  a caller that saw an error must not use the set. */
const certmap_ruleset_t *certmap_builder_finish(certmap_builder_t *b);

apr_size_t certmap_ruleset_count(const certmap_ruleset_t *rs);
const certmap_rule_t *certmap_ruleset_rule(const certmap_ruleset_t *rs, apr_size_t i);

/**
 * Sources and rulesets in the order in which they are asked: outer first. Deny entries of all sources come first, then
 * the sources' allow entries, then the rules.
 */
typedef struct certmap_list_t {
    const struct certmap_list_t *outer; /**< asked before, or NULL */
    const certmap_ruleset_t *rules;     /**< or NULL */
    struct certmap_source_t *source;    /**< or NULL */
} certmap_list_t;

/** How many rules a list holds, outer ones included. list may be NULL. */
apr_size_t certmap_list_count(const certmap_list_t *list);

/**
 * What is wrong with a list as a whole: names used twice across linked rulesets (errors), rules that can never match
 * because one before always does or their conditions contradict one another, weak rules (warnings), rules below min
 * (errors), expired rules (warnings). This is what a start-up says.
 * @return array of certmap_error_t
 */
apr_array_header_t *certmap_list_lint(const certmap_list_t *list, certmap_strength_e min, apr_time_t now,
                                      apr_pool_t *p);
/** The errors of these alone, which take a small part of the time. */
apr_array_header_t *certmap_list_errors(const certmap_list_t *list, certmap_strength_e min, apr_pool_t *p);

/**
 * What is not wrong but may not be meant, for those who check before they deploy: USER templates that give nothing for
 * some of the certificates that their rule matches (warnings).
 * @return array of certmap_error_t
 */
apr_array_header_t *certmap_list_advise(const certmap_list_t *list, apr_pool_t *p);
/** The enabled rules that pin a certificate: strong ones whose conditions hold. @return array of
 *  const certmap_rule_t * */
apr_array_header_t *certmap_list_pinning(const certmap_list_t *list, const certmap_cert_t *cert, apr_pool_t *p);

/** One rule as a line of a rule file, quoted so that parsing gives the same rule. */
const char *certmap_rule_text(const certmap_rule_t *rule, apr_pool_t *p);

/* ---- sources ------------------------------------------------------------------------------------------------- */

/** What is stored for one key (INTERFACE, "One-to-one entries"). */
typedef struct certmap_entry_t {
    int deny;
    const char *user; /**< a literal user name; NULL for deny */
    const char *const *groups;
    apr_size_t ngroups;
    apr_time_t expires;          /**< first instant at which it has expired; 0: never */
    const char *note;            /**< or NULL */
    certmap_strength_e strength; /**< of the key */
    const char *key;             /**< the key's type, for logs: "sha256", "issuer-serial", ... */
} certmap_entry_t;

/** What a source holds for a certificate. */
typedef struct certmap_lookup_t {
    int has_deny; /**< a deny entry under any of the certificate's keys */
    certmap_entry_t deny;
    int has_allow; /**< the allow entry under its strongest key that has one */
    certmap_entry_t allow;
    int ambiguous;        /**< several e-mail addresses, and their allow entries say different things */
    const char *unformed; /**< NULL, or a type of key ("dn") that this certificate has, but not in a form that
                                         anybody could compare, while the source holds, or may hold, deny entries under
                                         keys of that type */
} certmap_lookup_t;

typedef struct certmap_source_t certmap_source_t;

/**
 * How a kind of source answers. lookup may be called by any thread at any time; what it returns lives in p. It returns
 * APR_SUCCESS (also when there is nothing), or an error with *why in words: the source could not be asked, and the
 * request is answered 503. generation changes whenever an answer might.
 */
typedef struct certmap_source_vtable_t {
    const char *name; /**< "file", "store" */
    apr_status_t (*lookup)(certmap_source_t *source, const certmap_cert_t *cert, certmap_lookup_t *found,
                           const char **why, apr_pool_t *p);
    apr_uint64_t (*generation)(certmap_source_t *source);
} certmap_source_vtable_t;

/** A source of one-to-one mappings. Providers put it first in a struct of their own. */
struct certmap_source_t {
    const certmap_source_vtable_t *vtable;
    const char *name; /**< as configured, for logs and notes: "file /etc/x.map" */
};

/**
 * Keys of entries, strongest first. A certificate has at most one key of each kind, and one CERTMAP_K_EMAIL for each
 * address of its subject alternative name. Active Directory's strings are these keys in another spelling:
 * X509:<I>...<SR>... is an ISSUER_SERIAL, X509:<I>...<S>... a DN. X509:<SKI>... alone is weak here: a key identifier is
 * what a CA wrote into a certificate, and another CA may write the same.
 */
typedef enum certmap_kind_e {
    CERTMAP_K_SHA256,        /**< the certificate; strong */
    CERTMAP_K_SPKI,          /**< its key; strong */
    CERTMAP_K_SKI_ISSUER,    /**< subject key identifier and issuer; strong */
    CERTMAP_K_ISSUER_SERIAL, /**< strong */
    CERTMAP_K_DN,            /**< subject and issuer; scoped */
    CERTMAP_K_SKI,           /**< subject key identifier alone; weak */
    CERTMAP_K_SUBJECT,       /**< subject alone; weak */
    CERTMAP_K_EMAIL,         /**< an address of the subject alternative name; weak */
    CERTMAP_K_COUNT
} certmap_kind_e;

/** How an entry's type is written: "sha256", "issuer-serial", "X509:<S>", ... */
const char *certmap_kind_name(certmap_kind_e kind);
certmap_strength_e certmap_kind_strength(certmap_kind_e kind);

/* ---- entries of a file --------------------------------------------------------------------------------------- */

/** A table of entries, immutable, in memory. */
typedef struct certmap_entries_t certmap_entries_t;

/**
 * Reads the text of an entry file. All errors are told, duplicate keys too.
 * @param errors out: array of certmap_error_t, never NULL
 * @return APR_SUCCESS, APR_EINVAL (an error is among them) or APR_ENOMEM; *entries is set on success only
 */
apr_status_t certmap_entries_parse(certmap_str_t text, const char *file, const certmap_entries_t **entries,
                                   apr_array_header_t **errors, apr_pool_t *p);
/** How many entries of a kind there are; CERTMAP_K_COUNT: of all kinds. */
apr_size_t certmap_entries_count(const certmap_entries_t *entries, certmap_kind_e kind);
/** What the table holds for a certificate. @return APR_SUCCESS (also for nothing), or APR_EGENERAL: OpenSSL failed */
apr_status_t certmap_entries_lookup(const certmap_entries_t *entries, const certmap_cert_t *cert,
                                    certmap_lookup_t *found, apr_pool_t *p);

/**
 * Told of each entry. @param key as a line of a file would write it, quotes included ("ski:0a1b "CN=x"")
 * @param line of the text, 0 from a store  @return 0, or nonzero to stop
 */
typedef int certmap_entry_fn(void *baton, const char *key, const certmap_entry_t *entry, int line);
/** Calls fn for each entry of a text in its order, without a table and without looking for duplicate keys. What fn is
 *  given lives until it returns. Errors and returns as certmap_entries_parse. */
apr_status_t certmap_entries_each(certmap_str_t text, const char *file, certmap_entry_fn *fn, void *baton,
                                  apr_array_header_t **errors, apr_pool_t *p);
/**
 * What is not wrong but may not be meant: entries that have expired, and, once for each type, entries that are weak or
 * weaker than min. In no order of lines.
 * @return array of certmap_error_t, all warnings
 */
apr_array_header_t *certmap_entries_lint(const certmap_entries_t *entries, const char *file, certmap_strength_e min,
                                         apr_time_t now, apr_pool_t *p);
/** Keys that stand in two files that are asked together. Returns as certmap_entries_lint, in order of file's lines. */
apr_array_header_t *certmap_entries_compare(const certmap_entries_t *before, const char *before_file,
                                            const certmap_entries_t *entries, const char *file, apr_pool_t *p);
/** Calls fn for each entry that is under one of a certificate's keys; what is told as the key is its type. @return
 *  APR_SUCCESS, or APR_EGENERAL: OpenSSL failed */
apr_status_t certmap_entries_naming(const certmap_entries_t *entries, const certmap_cert_t *cert, certmap_entry_fn *fn,
                                    void *baton, apr_pool_t *p);
/** An entry as a line of an entry file, which reads back as the same entry. */
const char *certmap_entry_text(const char *key, const certmap_entry_t *entry, apr_pool_t *p);

/* ---- generations --------------------------------------------------------------------------------------------- */

/**
 * A slot holds the current generation of something immutable that threads read while one thread replaces it. Each
 * generation has a pool of its own, which ends when it is no longer current and its last reader has let go.
 */
typedef struct certmap_slot_t certmap_slot_t;
typedef struct certmap_generation_t certmap_generation_t;

/** An empty slot. It lets go of its generation when p ends; no thread may use the slot then. */
certmap_slot_t *certmap_slot_create(apr_pool_t *p);
/** A pool for the next generation, with the abort function of the slot's own pool. It belongs to nothing yet: hand it
 *  to certmap_slot_replace, or destroy it. NULL: no memory. */
apr_pool_t *certmap_generation_pool(const certmap_slot_t *slot);
/** A generation that is in no slot yet, held once. object lives in pool, which is the generation's from now on. */
certmap_generation_t *certmap_generation_create(const void *object, apr_pool_t *pool);
/** Holds a generation once more; needs certmap_generation_release. */
void certmap_generation_hold(certmap_generation_t *generation);
/** Makes a generation the current one. It may be in other slots, too. One hold becomes the slot's. @return the number
 *  of what is current in this slot, from 1 */
apr_uint64_t certmap_slot_put(certmap_slot_t *slot, certmap_generation_t *generation);
/** Makes object the current one, in a new generation: create and put. */
apr_uint64_t certmap_slot_replace(certmap_slot_t *slot, const void *object, apr_pool_t *pool);
/** Lets go of the current generation, so that there is none; readers keep theirs. The number stays. */
void certmap_slot_clear(certmap_slot_t *slot);
/** The current generation, held until certmap_generation_release; NULL when there is none. */
certmap_generation_t *certmap_slot_acquire(certmap_slot_t *slot);
/** The number of the current generation, without holding it; 0 when there is none. Costs a load. */
apr_uint64_t certmap_slot_number(certmap_slot_t *slot);
void certmap_generation_release(certmap_generation_t *generation);
const void *certmap_generation_object(const certmap_generation_t *generation);
/** Its number in the slot that it was put into first; 0: in none yet. */
apr_uint64_t certmap_generation_number(const certmap_generation_t *generation);

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

/** What a text has to pass besides its parser before it takes its place. Adds to errors what is wrong with object,
 *  which would become the current one; their texts live in p or in object. */
typedef void certmap_accept_fn(void *baton, const certmap_reread_t *file, const void *object,
                               apr_array_header_t *errors, apr_pool_t *p);

/** Nothing is read yet. */
certmap_reread_t *certmap_reread_create(const char *path, certmap_file_e kind, apr_pool_t *p);
/** Asks fn about each text that has no error of its own from now on. */
void certmap_reread_accept(certmap_reread_t *file, certmap_accept_fn *fn, void *baton);
/** The next look tries the text again if it was fn that turned it down. @return whether that is so */
int certmap_reread_retry(certmap_reread_t *file);
/** What is current, or NULL. Same thread as check. */
const void *certmap_reread_object(const certmap_reread_t *file);
/**
 * Looks at the file: when it has changed (size, times, inode, and then the text itself) its text becomes a new
 * generation, unless it has an error. The same faults are told once: the next look at an unchanged file says SAME.
 * @return APR_SUCCESS, whatever was found; errors are in the report
 */
apr_status_t certmap_reread_check(certmap_reread_t *file, certmap_report_t *report, apr_pool_t *p);
/**
 * What was read of a file, in its parsed form, with what tells whether a file still has that text. It outlives the file
 * that it was read by, and stands for the last good text through a restart.
 */
typedef struct certmap_kept_t certmap_kept_t;

/** What is current, held; NULL: nothing is. Same thread as check. Needs certmap_kept_release. */
certmap_kept_t *certmap_reread_keep(certmap_reread_t *file);
/** Holds kept once more. */
void certmap_kept_hold(certmap_kept_t *kept);
void certmap_kept_release(certmap_kept_t *kept);
/**
 * The first look at a file. Where it has the text that one of kept was read from, that one is taken and nothing is
 * parsed; where it is the very same file, unchanged, it is not even read.
 * @param kept array of n, for this path; those of another kind do not count
 * @return as check; the warnings are those of the first time
 */
apr_status_t certmap_reread_first(certmap_reread_t *file, certmap_kept_t *const *kept, apr_size_t n,
                                  certmap_report_t *report, apr_pool_t *p);
/**
 * Takes kept, whatever the file says now: the last good text, carried through a restart. Where fn is set, the text in
 * the file counts as turned down. Returns as check; KEPT: it is of another kind, or fn turned it down.
 */
apr_status_t certmap_reread_restore(certmap_reread_t *file, certmap_kept_t *kept, certmap_report_t *report,
                                    apr_pool_t *p);
certmap_slot_t *certmap_reread_slot(certmap_reread_t *file);
const char *certmap_reread_path(const certmap_reread_t *file);

/* ---- kinds of sources ---------------------------------------------------------------------------------------- */

/** A source that answers from an entry file. It answers APR_ENOENT until certmap_reread_check has read the file. */
certmap_source_t *certmap_source_file_create(const char *path, apr_pool_t *p);
/** The file behind such a source. */
certmap_reread_t *certmap_source_file_reread(certmap_source_t *source);

/** Told now and then how far a long task is. @return 0, or nonzero to stop: nothing is changed then */
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
 */
certmap_source_t *certmap_source_store_create(const char *path, certmap_checked_t *checked, apr_pool_t *p);
/**
 * Looks at the file: when it has changed, all of it is read, unless another process has done so, and it takes the place
 * of what is in force. It does not when it is damaged, no store, or older. Then the old one stays in force, unless that
 * file itself has been changed in place, or there is none any more. The same fault is reported once. Called by one
 * thread at a time, never during a request.
 * @param progress may be NULL; told of bytes
 * @return APR_SUCCESS: there is a store that can be asked; else what is wrong
 */
apr_status_t certmap_source_store_look(certmap_source_t *source, certmap_progress_fn *progress, void *baton,
                                       certmap_store_report_t *report, apr_pool_t *p);
/** Puts a store in force that was in force before, by its open file, which is the source's from now on. */
apr_status_t certmap_source_store_take(certmap_source_t *source, int fd);
/** The open file of what is in force, or -1. Same thread as look. */
int certmap_source_store_fd(const certmap_source_t *source);
const char *certmap_source_store_path(const certmap_source_t *source);
certmap_slot_t *certmap_source_store_slot(certmap_source_t *source);

/* ---- stores -------------------------------------------------------------------------------------------------- */

/*
 * A store is one file that is written whole beside the old one and takes its place; all of these work while servers
 * read it. A writer that is killed at any moment leaves the old contents or the new, and at most PATH.new, which the
 * next one takes over. Where a function fails, *why says why in words, and *errors (where there is one) what is wrong
 * with the text that was given.
 * Returns: APR_EINVAL: the text has errors, or the file is no store; APR_EBUSY: another process writes, *why says
 * which; APR_EINTR: stopped by the progress function; APR_ENOENT and other errors of the system; APR_EGENERAL: the
 * store is damaged, or would be too large.
 */

/** Replaces all contents by a text's entries, in one step. The store is made when it is not there, readable by all whom
 *  the umask does not keep out; else it keeps its mode and owner.
 *  @param progress may be NULL  @param count out: how many entries there are now */
apr_status_t certmap_store_build(const char *path, certmap_str_t text, const char *file, certmap_progress_fn *progress,
                                 void *baton, apr_size_t *count, apr_array_header_t **errors, const char **why,
                                 apr_pool_t *p);
/** Adds entries, all or none. @param replace keys that have an entry already get the new one; else that is an error.
 *  @param count out: how many were added or replaced */
apr_status_t certmap_store_add(const char *path, certmap_str_t text, const char *file, int replace,
                               certmap_progress_fn *progress, void *baton, apr_size_t *count,
                               apr_array_header_t **errors, const char **why, apr_pool_t *p);
/** Removes entries, all or none. @param keys one a line, as lines of an entry file begin
 *  @param count out: how many were removed  @return APR_NOTFOUND: some have none, *errors says which */
apr_status_t certmap_store_remove(const char *path, certmap_str_t keys, const char *file, certmap_progress_fn *progress,
                                  void *baton, apr_size_t *count, apr_array_header_t **errors, const char **why,
                                  apr_pool_t *p);
/** One key's entry. @param text out: the key as it was written when it was added; APR_NOTFOUND: it has none */
apr_status_t certmap_store_get(const char *path, certmap_str_t key, const char **text, certmap_entry_t *entry,
                               apr_array_header_t **errors, const char **why, apr_pool_t *p);
/** Calls fn for each entry of one version, in no order that would mean anything. */
apr_status_t certmap_store_each(const char *path, certmap_entry_fn *fn, void *baton, const char **why, apr_pool_t *p);
/** Reads and checks everything, each key against its text too. @param counts out: entries of each kind */
apr_status_t certmap_store_verify(const char *path, certmap_progress_fn *progress, void *baton,
                                  apr_size_t counts[CERTMAP_K_COUNT], const char **why, apr_pool_t *p);

/* ---- deciding ------------------------------------------------------------------------------------------------ */

typedef enum certmap_outcome_e {
    CERTMAP_MAPPED,
    CERTMAP_REFUSED,
    CERTMAP_UNDECIDED /**< a source could not be asked: 503 */
} certmap_outcome_e;

typedef struct certmap_decision_t {
    certmap_outcome_e outcome;
    certmap_reason_e reason;    /**< CERTMAP_R_NONE when mapped */
    const char *user;           /**< NUL-terminated, valid (certmap_user_check); NULL unless mapped */
    const certmap_rule_t *rule; /**< that decided, or NULL */
    const char *source;         /**< that decided, or could not be asked, or NULL */
    const char *const *groups;
    apr_size_t ngroups;
    certmap_strength_e strength; /**< of the mapping */
    apr_time_t until;            /**< the decision holds before this instant (expires=); 0: no end */
    const char *detail;          /**< more for the log ("%{subject.CN}: 2 values"), or NULL */
} certmap_decision_t;

/**
 * Decides. The verdict is asked first: a certificate that failed verification, or is malformed as a whole, is refused
 * whatever the rules say. Then the rules in order; the first that matches, or that asks for a malformed field and is
 * not ruled out by what is sound, decides. cert NULL is refused as CERTIFICATE_MISSING.
 * Dates of the certificate are the caller's, per request (certmap_verdict_dates).
 * @param now for expires=
 * @return APR_SUCCESS with *decision filled (strings in p or in the list), or an error: the caller refuses
 */
apr_status_t certmap_decide(const certmap_list_t *list, const certmap_cert_t *cert, const certmap_verdict_t *verdict,
                            certmap_strength_e min, apr_time_t now, certmap_decision_t *decision, apr_pool_t *p);

/** Why a user name is not acceptable (INTERFACE, templates), or NULL when it is. */
const char *certmap_user_check(certmap_str_t user);

/* ---- telling ------------------------------------------------------------------------------------------------- */

/** What is to be said of a condition by itself. */
typedef enum certmap_told_e {
    CERTMAP_COND_NO,
    CERTMAP_COND_YES,
    CERTMAP_COND_MALFORMED,  /**< its field is malformed */
    CERTMAP_COND_OTHER_TYPE, /**< it asks for text, and its field has a value of another type */
    CERTMAP_COND_ERROR       /**< the matcher failed */
} certmap_told_e;

typedef struct certmap_trace_cond_t {
    const certmap_cond_t *cond;
    const char *text; /**< the condition as written */
    int holds;        /**< told is CERTMAP_COND_YES */
    certmap_told_e told;
    const char *why;           /**< the field is malformed, or NULL */
    certmap_state_e state;     /**< of the field */
    const char *const *values; /**< the values met (RFC 4514 for DNs), at most 16 */
    apr_size_t nvalues;        /**< of values */
    apr_size_t total;          /**< of the certificate */
    int which;                 /**< index of the value that made it hold, or fail; -1: no single one did */
    const char *error;         /**< matcher error, or NULL */
} certmap_trace_cond_t;

typedef struct certmap_trace_rule_t {
    const certmap_rule_t *rule;
    int matched;           /**< all conditions together hold, values bound to one another */
    const char *malformed; /**< nobody can say whether it matches: what is malformed; or NULL */
    int decided;           /**< this rule made the decision */
    const certmap_trace_cond_t *conds;
    apr_size_t nconds;
} certmap_trace_rule_t;

typedef struct certmap_trace_t {
    const certmap_trace_rule_t *rules; /**< every enabled rule up to the one that decided, and those behind it */
    apr_size_t nrules;
} certmap_trace_t;

/** Decides as certmap_decide does, and tells of every rule and condition. Same returns. */
apr_status_t certmap_explain(const certmap_list_t *list, const certmap_cert_t *cert, const certmap_verdict_t *verdict,
                             certmap_strength_e min, apr_time_t now, certmap_decision_t *decision,
                             certmap_trace_t **trace, apr_pool_t *p);

/**
 * The nearest miss among the first `most` enabled allow rules: the one with the fewest failing conditions (at least one
 * condition must hold; on a malformed field they neither hold nor fail), the first of equals. For a certificate of many
 * values (from 64 on) fewer rules are looked at, so that the time it takes is bounded.
 * @param rule   out: or NULL when there is none
 * @param failed out: its first failing condition
 */
void certmap_nearest(const certmap_list_t *list, const certmap_cert_t *cert, const certmap_verdict_t *verdict,
                     apr_size_t most, const certmap_rule_t **rule, const certmap_cond_t **failed, apr_pool_t *p);

#ifdef __cplusplus
}
#endif
#endif
