/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file ctl/answer.h
 * @brief What a server with a configuration answers to a GET request that shows a certificate in a new TLS connection.
 */
#ifndef CTL_ANSWER_H
#define CTL_ANSWER_H

#include "conf.h"
#include "verify.h"

/** One answer. */
typedef struct ctl_answer_t {
    int http; /**< 200: it is let in, 403 and so on; 0: the TLS handshake fails; CTL_UNSET: cannot be known */
    certmap_reason_e reason;
    certmap_reason_e passed_over;   /**< why the request is let in but not mapped, as notes and log have it */
    const char *user;               /**< who is let in; NULL: nobody by name */
    const ctl_directive_t *require; /**< that refuses, or NULL */
    const char *because;            /**< more, in words, or NULL */
    /* what holds there */
    ctl_mode_e mode;
    int exempt;
    int report_only;
    certmap_strength_e min;
    const certmap_list_t *list;
    int is_asked; /**< the list is */
} ctl_answer_t;

/** A place that was asked about, and what is known of the answer. */
typedef struct ctl_place_t {
    const char *name; /**< a path, "(server)", or a section's name */
    const ctl_conf_t *conf;
    const ctl_vhost_t *vhost;
    const ctl_section_t *section;      /**< asked of it alone; NULL: a path */
    ctl_answer_t answer;               /**< when nothing of what is not known is so */
    int certain;                       /**< else `unknown` says what the answer depends on */
    const apr_array_header_t *unknown; /**< of const char * */
} ctl_place_t;

/**
 * Finds what is asked about.
 * @param vhost    NAME or NAME:PORT; NULL: the one in which CertMap is used
 * @param location the path of a URL, a section's name, or FILE:LINE of a section; NULL: "/"
 * @param place    out: conf, vhost, name and section
 * @return CTL_OK, or CTL_ERROR: the reason has been reported
 */
int ctl_place_find(ctl_t *ctl, const ctl_conf_t *conf, const char *vhost, const char *location, ctl_place_t *place);
/** How the host verifies. Files are those of its directives. */
void ctl_answer_verify(const ctl_conf_t *conf, const ctl_vhost_t *vhost, ctl_verify_t *how, apr_pool_t *p);
/**
 * Finds the answer in place->vhost, for place->section or else the path place->name.
 * @param verified what verification found
 * @return CTL_OK, or CTL_ERROR, which has been reported
 */
int ctl_answer(ctl_t *ctl, ctl_place_t *place, const ctl_certificate_t *certificate, const ctl_verified_t *verified,
               apr_time_t now);

#endif
