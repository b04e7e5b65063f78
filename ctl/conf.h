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

/** Another module's directive, as it was written. */
typedef struct ctl_directive_t {
    const char *name; /**< of a group with its bracket: "<RequireAll" */
    const char *arguments;
    const char *const *words; /**< the arguments without quotes */
    int nwords;
    const char *file;
    int line;
    const struct ctl_directive_t *inside; /**< of a group */
    int ninside;
} ctl_directive_t;

typedef enum ctl_type_e {
    CTL_TYPE_OTHER, /**< not in httpd's configuration tree, or of a kind that is not known here */
    CTL_TYPE_DIRECTORY,
    CTL_TYPE_DIRECTORY_MATCH,
    CTL_TYPE_LOCATION,
    CTL_TYPE_LOCATION_MATCH,
    CTL_TYPE_FILES,
    CTL_TYPE_FILES_MATCH,
    CTL_TYPE_IF,
    CTL_TYPE_ELSEIF,
    CTL_TYPE_ELSE,
    CTL_TYPE_PROXY,
    CTL_TYPE_PROXY_MATCH,
    CTL_TYPE_COUNT
} ctl_type_e;

#define CTL_UNSET (-1)

/** Rules and sources that are written in one place. */
typedef struct ctl_layer_t {
    int inherit; /**< CertMapInherit, or CTL_UNSET */
    const int *links;
    int nlinks;
} ctl_layer_t;

/** Our settings as they are written in one place. */
typedef struct ctl_own_t {
    ctl_mode_e mode;
    int exempt; /**< or CTL_UNSET, as the next two */
    int report_only;
    int min; /**< certmap_strength_e */
    const ctl_layer_t *layers;
    int nlayers;
} ctl_own_t;

/** A section as it is written. */
typedef struct ctl_block_t {
    ctl_type_e type;
    const char *name;
    const char *const *words;
    int nwords;
    const char *file;
    int line;
    const ctl_own_t *own; /**< NULL: nothing of ours */
    const ctl_directive_t *directives;
    int ndirectives;
    const struct ctl_block_t *outer;
    const struct ctl_block_t *blocks; /**< that are in it */
    int nblocks;
} ctl_block_t;

/** A section of a virtual host, or the host's own level. Settings are what is in force, not what is written there. */
typedef struct ctl_section_t {
    const char *name; /**< as configured, "<Location /x>"; "(server)" for the host's own level */
    const char *file; /**< where it begins; NULL for "(server)" */
    int line;
    const ctl_block_t *block; /**< NULL for "(server)" */
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
    /* as it is written */
    const char *protocol; /**< "https" where TLS is spoken without SSLEngine */
    const char *root;     /**< DocumentRoot */
    int in_tree;          /**< else directives and sections may be missing */
    const ctl_own_t *own;
    const ctl_directive_t *main; /**< of the main server, which the host inherits */
    int nmain;
    const ctl_directive_t *directives; /**< its own */
    int ndirectives;
    const ctl_block_t *blocks; /**< all sections: the main server's first */
    int nblocks;
} ctl_vhost_t;

typedef struct ctl_conf_t {
    const char *file;          /**< as it was asked for */
    const ctl_vhost_t *vhosts; /**< the main server first */
    int nvhosts;
    const char *root;               /**< ServerRoot */
    struct ctl_conf_links_t *links; /**< what lists are made of */
    certmap_str_t stderr_text;      /**< what else httpd said: warnings */
} ctl_conf_t;

/**
 * Asks httpd what a configuration has in force.
 * @param httpd the program; NULL: what HTTPD in the environment names, else what configure found
 * @return CTL_OK, or CTL_ERROR: the reason has been reported
 */
int ctl_conf_read(ctl_t *ctl, const char *httpd, const char *file, const ctl_conf_t **conf);
/** The list of these links (of int), outer ones first, whose entry files have been read; the same links make the same
 *  list. NULL links: none. @return CTL_OK, or CTL_ERROR: the reason has been reported */
int ctl_conf_list(ctl_t *ctl, const ctl_conf_t *conf, const apr_array_header_t *numbers, const certmap_list_t **list);
/** The last directive of a name outside of sections, the host's own after the main server's; or NULL. */
const ctl_directive_t *ctl_conf_directive(const ctl_vhost_t *vhost, const char *name);
/* ---- other programs (program.c) ------------------------------------------------------------------------------ */

/**
 * Runs a program, without a shell and with an empty standard input.
 * @param argv    the program, looked for in PATH, and its arguments; ends with NULL
 * @param seconds after so many it is killed, which is an error
 * @param out     out: what it printed; data is followed by a NUL
 * @param err     out: the same of standard error, its first megabyte
 * @param status  out: exit status
 * @return CTL_OK whatever the exit status, or CTL_ERROR: it did not run to its end, and the reason has been reported
 */
int ctl_run(ctl_t *ctl, const char *const *argv, int seconds, certmap_str_t *out, certmap_str_t *err, int *status);

#endif
