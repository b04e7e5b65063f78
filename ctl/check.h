/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file ctl/check.h
 * @brief What the files of "check" share: what was asked for, findings, and what a file is.
 */
#ifndef CTL_CHECK_H
#define CTL_CHECK_H

#include "ctl.h"

typedef enum ctl_kind_e {
    CTL_KIND_UNKNOWN,
    CTL_KIND_NOTHING, /**< empty, or nothing but comments */
    CTL_KIND_RULES,
    CTL_KIND_ENTRIES,
    CTL_KIND_HTTPD
} ctl_kind_e;

/** One run of "check". */
typedef struct ctl_check_t {
    ctl_t *ctl;
    certmap_strength_e min;
    apr_time_t now;
    const char *httpd;          /**< or NULL */
    apr_array_header_t *stale;  /**< of ctl_stale_t: certificates of --certificates that are not valid now */
    apr_array_header_t *tables; /**< of ctl_table_t: entry files that have been read */
} ctl_check_t;

/** A certificate that has expired or is not yet valid. */
typedef struct ctl_stale_t {
    const certmap_cert_t *cert;
    const char *text; /**< "ann.pem: CN=Ann has expired on 2026-01-31T12:00:00Z" */
} ctl_stale_t;

/** Entries that have been read. */
typedef struct ctl_table_t {
    const char *file;
    const certmap_entries_t *entries;
} ctl_table_t;

/** What a text is by its content. */
ctl_kind_e ctl_kind_of(certmap_str_t text);
/** What a file is that is not text at all, in words and with what to do; NULL: it may be text. */
const char *ctl_no_text(certmap_str_t text, apr_pool_t *p);

/** Puts what is said of one file into the order of its places. */
void ctl_sort_findings(apr_array_header_t *findings);
/** Adds a warning of a line. */
void ctl_add_warning(apr_array_header_t *findings, const char *file, int line, const char *text);
/** Adds what the engine says of a list that has been read without an error. */
void ctl_check_list(const ctl_check_t *check, const certmap_list_t *list, certmap_strength_e min,
                    apr_array_header_t *findings);
/** Checks a file of rules. @return an exit status */
int ctl_check_rules(ctl_check_t *check, const char *path, certmap_str_t text);
/** Checks a file of entries. @return an exit status */
int ctl_check_entries(ctl_check_t *check, const char *path, certmap_str_t text, certmap_strength_e min);
/** Checks what an httpd configuration has in force. @return an exit status */
int ctl_check_conf(ctl_check_t *check, const char *path);

/** Reads a file or directory of certificates, and remembers those that are not valid now. @return CTL_OK, or CTL_ERROR,
 *  which has been reported */
int ctl_check_dates(ctl_check_t *check, const char *path);

#endif
