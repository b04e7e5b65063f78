/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file ctl/stores.h
 * @brief What the subcommands of "certmapctl store" share with one another.
 */
#ifndef CTL_STORES_H
#define CTL_STORES_H

#include "ctl.h"

/* Options, by their letters: each subcommand takes some of them. */
enum {
    STORE_FILE = 'f',
    STORE_KIND = 'k',
    STORE_OUTPUT = 'o',
    STORE_REPLACE = 'r'
};

/** What stood behind the subcommand. */
typedef struct store_arguments_t {
    const char *store;
    const char *const *words; /**< behind STORE */
    int nwords;
    const char *file;   /**< or NULL */
    const char *kind;   /**< or NULL */
    const char *output; /**< or NULL */
    int replace;
} store_arguments_t;

/* store_write.c */
extern const ctl_command_t ctl_store_build;
extern const ctl_command_t ctl_store_add;
extern const ctl_command_t ctl_store_remove;
/* store_read.c */
extern const ctl_command_t ctl_store_get;
extern const ctl_command_t ctl_store_list;
extern const ctl_command_t ctl_store_export;
extern const ctl_command_t ctl_store_verify;

/**
 * Reads the arguments of a subcommand.
 * @param table ends with a zero entry
 * @return CTL_OK, or CTL_ERROR: what is wrong has been told
 */
int ctl_store_arguments(ctl_t *ctl, const ctl_command_t *self, int argc, const char *const *argv,
                        const apr_getopt_option_t *table, store_arguments_t *arguments);
/**
 * Tells how a function of the engine ended: the errors and warnings of a text, and why it failed.
 * @param file the text's name, and text: as for ctl_report
 * @return an exit status: CTL_FINDINGS for warnings and for a key without an entry
 */
int ctl_store_tell(ctl_t *ctl, const char *store, apr_status_t rv, const char *why, const apr_array_header_t *errors,
                   const char *file, certmap_str_t text);

#endif
