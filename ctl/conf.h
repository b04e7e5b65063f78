/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file ctl/conf.h
 * @brief What an httpd configuration has in force, as `httpd -t -D DUMP_CERTMAP_JSON` prints it: includes, macros and
 *        defines are httpd's own business. docs/internals.md describes the format.
 */
#ifndef CTL_CONF_H
#define CTL_CONF_H

#include "ctl.h"

typedef enum ctl_mode_e {
    CTL_MODE_UNSET,
    CTL_MODE_OFF,
    CTL_MODE_OPTIONAL,
    CTL_MODE_ON
} ctl_mode_e;

/** A section of a virtual host, or the host's own level. Settings are what is in force, not what stands there. */
typedef struct ctl_section_t {
    const char *name; /**< as configured, "<Location /x>"; "(server)" for the host's own level */
    const char *file; /**< where it begins; NULL for "(server)" */
    int line;
    ctl_mode_e mode;
    int exempt; /**< outside the guard of CertMapDeferErrors */
    int report_only;
    certmap_strength_e min;
    const certmap_list_t *list;     /**< rules and sources, outer ones first; NULL: none. Equal lists are one list */
    const apr_array_header_t *said; /**< what the engine warned about when it read the rules, of certmap_error_t */
} ctl_section_t;

typedef struct ctl_vhost_t {
    const char *name; /**< of ServerName */
    int port;         /**< 0: any, or not known */
    const char *file; /**< where it begins; NULL for the main server */
    int line;
    int defer;                     /**< CertMapDeferErrors On */
    const ctl_section_t *sections; /**< the first one is "(server)" */
    int nsections;
} ctl_vhost_t;

typedef struct ctl_conf_t {
    const char *file;          /**< as it was asked for */
    const ctl_vhost_t *vhosts; /**< the main server first */
    int nvhosts;
    certmap_str_t stderr_text; /**< what httpd said beside it: warnings */
} ctl_conf_t;

/**
 * Asks httpd what a configuration has in force.
 * @param httpd the program; NULL: what HTTPD in the environment names, else what configure found
 * @return CTL_OK, or CTL_ERROR: it has been told why
 */
int ctl_conf_read(ctl_t *ctl, const char *httpd, const char *file, const ctl_conf_t **conf);
/**
 * Finds what is in force for a request, and reads the entry files that its list speaks of.
 * @param vhost    NAME or NAME:PORT; NULL: the one in which CertMap is used
 * @param location the path of a URL, a section's name, or FILE:LINE of a section; NULL: the host's own level. A path
 *                 is not guessed at: where several sections may apply, they are told, so that one can be named
 * @param server   out: or NULL
 * @return CTL_OK, or CTL_ERROR: it has been told why
 */
int ctl_conf_find(ctl_t *ctl, const ctl_conf_t *conf, const char *vhost, const char *location,
                  const ctl_vhost_t **server, const ctl_section_t **section);

/* ---- other programs (program.c) ------------------------------------------------------------------------------ */

/**
 * Runs a program, without a shell and with an empty standard input.
 * @param argv    the program, looked for in PATH, and its arguments; ends with NULL
 * @param seconds after so many it is killed, which is an error
 * @param out     out: what it printed; data is followed by a NUL
 * @param err     out: the same of standard error, its first megabyte
 * @param status  out: exit status
 * @return CTL_OK whatever the exit status, or CTL_ERROR: it did not run to its end, and it has been told why
 */
int ctl_run(ctl_t *ctl, const char *const *argv, int seconds, certmap_str_t *out, certmap_str_t *err, int *status);

#endif
