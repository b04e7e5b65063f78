/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file ctl/ctl.h
 * @brief certmapctl: what its subcommands share. Each subcommand is a file of ctl/cmd/ with one ctl_command_t;
 *        main.c holds the table. All that is known of certificates, rules and stores is the engine's.
 *
 * Results go to standard output; errors, warnings and progress to standard error. The exit status is 0 for success, 1
 * for findings (warnings, a refusal, something not carried over), 2 for errors; on 2 nothing has been written.
 */
#ifndef CTL_H
#define CTL_H

#include <stdio.h>

#include <apr_getopt.h>
#include <apr_strings.h>

#include "certmap.h"

enum ctl_status_e {
    CTL_OK = 0,
    CTL_FINDINGS = 1,
    CTL_ERROR = 2
};

/** One run of the command. */
typedef struct ctl_t {
    apr_pool_t *pool;
    int color_out; /**< standard output is a terminal that may be coloured */
    int color_err; /**< standard error is one */
    int errors;    /**< reported so far */
    int warnings;
    const char *option;           /**< that apr_getopt found fault with */
    apr_array_header_t *findings; /**< of ctl_finding_t: they are kept and not printed; NULL: they are printed */
} ctl_t;

/** An error or a warning. */
typedef struct ctl_finding_t {
    int warning;
    const char *file; /**< NULL: the command itself */
    int line;
    int column;
    const char *text;
    int more; /**< so many of the same kind, which have no finding of their own */
} ctl_finding_t;

typedef struct ctl_command_t {
    const char *name;
    const char *arguments; /**< after the name in "usage:" */
    const char *summary;   /**< one line without a full stop */
    const char *help;      /**< what --help says below usage and summary: the options, the exit status, an example */
    /** @param argv argv[0] is the subcommand's name  @return an exit status */
    int (*run)(ctl_t *ctl, const struct ctl_command_t *self, int argc, const char *const *argv);
} ctl_command_t;

/* ---- options (option.c) --------------------------------------------------------------------------------------- */

/** Prints usage, summary and help of a subcommand on standard output. @return CTL_OK */
int ctl_help(const ctl_command_t *command);
/** Says on standard error what is wrong with the arguments, and where help is. @return CTL_ERROR */
int ctl_misused(ctl_t *ctl, const ctl_command_t *command, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/** Starts reading options; they may come before and after the other arguments. */
apr_getopt_t *ctl_options(ctl_t *ctl, int argc, const char *const *argv);
/**
 * The next option. What follows the last one is options->argv[options->ind] to [argc - 1].
 * @param table ends with a zero entry
 * @param option out: optch of the table
 * @return APR_SUCCESS, APR_EOF at the end, or another code: ctl_misused has reported what is wrong
 */
apr_status_t ctl_option(ctl_t *ctl, const ctl_command_t *command, apr_getopt_t *options,
                        const apr_getopt_option_t *table, int *option, const char **value);

/* ---- telling (message.c) ------------------------------------------------------------------------------------- */

/** "certmapctl: error: TEXT", and counts it. @return CTL_ERROR */
int ctl_fail(ctl_t *ctl, const char *format, ...) __attribute__((format(printf, 2, 3)));
/** "certmapctl: warning: TEXT", and counts it. */
void ctl_warn(ctl_t *ctl, const char *format, ...) __attribute__((format(printf, 2, 3)));
/**
 * Prints errors and warnings as "file:line:column: error: text", with the line and a caret below it, and counts them.
 * @param errors of certmap_error_t; NULL: none
 * @param file   whose text is given; errors of other files are printed without their lines
 * @param text   that the lines are taken from; data NULL: no lines
 * @return CTL_OK, CTL_FINDINGS (warnings only) or CTL_ERROR
 */
int ctl_report(ctl_t *ctl, const apr_array_header_t *errors, const char *file, certmap_str_t text);
/** Hides as noncharacters do, and is none. */
#define CTL_NO_CHARACTER 0xffffffffu
/** The character that a text begins with, of *n bytes; CTL_NO_CHARACTER: one byte that is not UTF-8. */
apr_uint32_t ctl_character(const char *text, int *n);
/** The texts of a list with something between them. */
const char *ctl_joined(const char *const *list, apr_size_t n, const char *between, apr_pool_t *p);
/** text with what a terminal would obey or hide (certmap_char_hides) made visible: controls and what is not UTF-8 as
 *  \xHH, all else as \u{HHHH}. */
const char *ctl_printable(const char *text, apr_pool_t *p);

/** What a status means, in words. */
const char *ctl_why(ctl_t *ctl, apr_status_t rv);

/* ---- times (time.c) ------------------------------------------------------------------------------------------ */

/** What ctl_time_read reads, for messages. */
#define CTL_TIMES "2027-01-31, 2027-01-31T12:00:00Z, 2027-01-31T12:00:00+01:00, @1801396800, +30d or -12h"

/** Reads a date, a time with its zone, @ and seconds since 1970, or a distance from now in s, m, h or d.
 *  @return whether it is one of them */
int ctl_time_read(const char *text, apr_time_t *at);
/** "2027-01-31T12:00:00Z" */
const char *ctl_time_text(apr_time_t t, apr_pool_t *p);

/* ---- files (file.c) ------------------------------------------------------------------------------------------ */

/** Reads a whole file, "-": standard input, at most `most` bytes. data is followed by a NUL. @return CTL_OK, or
 *  CTL_ERROR, and ctl_fail has said why. */
int ctl_read(ctl_t *ctl, const char *path, apr_size_t most, certmap_str_t *text);
/** Writes a whole file, or leaves what is there: a new file next to it takes its name, mode and owner. What a symbolic
 *  link names is replaced; a device or pipe is written to. path NULL or "-": standard output. Same returns. */
int ctl_write(ctl_t *ctl, const char *path, certmap_str_t text);

/* ---- long tasks (progress.c) --------------------------------------------------------------------------------- */

/**
 * A bar on standard error, if that is a terminal and the task takes longer than a moment. From the first step on,
 * signals that would end the command stop the task instead.
 */
typedef struct ctl_progress_t ctl_progress_t;

/** @param what comes before the bar */
ctl_progress_t *ctl_progress_start(ctl_t *ctl, const char *what);
/** A certmap_progress_fn; its baton is the progress. @return nonzero when a signal came */
int ctl_progress_step(void *progress, apr_size_t done, apr_size_t total);
/** Wipes the bar out; signals are what they were. */
void ctl_progress_end(ctl_progress_t *progress);
/** Looks at a store that is to be asked, with a bar where it is large. What is wrong with it is reported when it is
 *  asked. */
void ctl_progress_look(ctl_t *ctl, certmap_source_t *store);
/** Ends the command by the signal that stopped the task; returns when there was none. */
void ctl_progress_obey(void);

#endif
