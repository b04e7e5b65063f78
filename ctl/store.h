/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file ctl/store.h
 * @brief What the subcommands of "certmapctl store" share with one another.
 */
#ifndef CTL_STORE_H
#define CTL_STORE_H

#include "ctl.h"
#include "store/store.h"

/* Options, by their letters: each subcommand takes some of them. */
enum {
    STORE_FILE = 'f',
    STORE_KIND = 'k',
    STORE_JSON = 256,
    STORE_OUTPUT = 'o',
    STORE_REPLACE = 'r'
};

/** What followed the subcommand. */
typedef struct store_arguments_t {
    int json; /**< --json */
    const char *store;
    const char *const *words; /**< after STORE */
    int nwords;
    const char *file;   /**< or NULL */
    const char *kind;   /**< or NULL */
    const char *output; /**< or NULL */
    int replace;
} store_arguments_t;

/**
 * Reads the arguments of a subcommand.
 * @param table ends with a zero entry
 * @return CTL_OK, or CTL_ERROR: what is wrong has been reported
 */
int ctl_store_arguments(ctl_t *ctl, const ctl_command_t *self, int argc, const char *const *argv,
                        const apr_getopt_option_t *table, store_arguments_t *arguments);
/** Reports why a function of libcertstore failed. @return an exit status: CTL_FINDINGS for a key without an entry */
int ctl_store_ended(ctl_t *ctl, const char *store, apr_status_t rv, const char *why);
/** The same of a function that was given a text, and the text's errors and warnings. @return CTL_FINDINGS for warnings,
 *  too */
int ctl_store_tell(ctl_t *ctl, const char *store, apr_status_t rv, const certmap_store_change_t *change,
                   const certmap_store_outcome_t *outcome);

/** Reads an entry file, or a file of keys. @param name out: what it is called in messages
 *  @return CTL_OK, or CTL_ERROR, which has been reported */
int ctl_store_text(ctl_t *ctl, const char *path, const char **name, certmap_str_t *text);
/** What was given as arguments, one a line, or as a file. @param what the arguments are called  Same returns. */
int ctl_store_given(ctl_t *ctl, const ctl_command_t *self, const store_arguments_t *arguments, const char *what,
                    const char **name, certmap_str_t *text);
/** "STORE: 3 entries WHAT", on standard output. */
void ctl_store_count(const char *store, const char *what, apr_size_t count);
/** For people who forgot the shell's quotes and get errors about words that are not entries. */
void ctl_store_remind(ctl_t *ctl, const store_arguments_t *arguments);

/* ---- lines (store_lines.c) ----------------------------------------------------------------------------------- */

/** Lines put together of all entries. */
typedef struct store_lines_t {
    const char *(*line)(const char *key, const certmap_entry_t *entry, apr_pool_t *p);
    const char *kind; /**< only these; NULL: all */
    int exact;        /**< as they are: for a program, not for a terminal */
    char *data;       /**< malloc's */
    apr_size_t len;
    apr_size_t room;
    int failed;          /**< no memory */
    apr_pool_t *scratch; /**< of ctl_store_write */
} store_lines_t;

/** Appends one line. @return nonzero when there is no memory, which is noted */
int ctl_store_append(store_lines_t *lines, const char *text);
/** Reads all entries of a store, appends the line of each, and writes all lines to --output, or to standard output.
 *  @return an exit status */
int ctl_store_write(ctl_t *ctl, const store_arguments_t *arguments, store_lines_t *lines);

#endif
