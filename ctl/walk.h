/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file ctl/walk.h
 * @brief Which sections apply to a request, in the order in which httpd merges them.
 */
#ifndef CTL_WALK_H
#define CTL_WALK_H

#include "conf.h"
#include "doubt.h"
#include "expr.h"

/** One run over one request. */
typedef struct ctl_walk_t {
    apr_pool_t *p;
    const ctl_conf_t *conf;
    const ctl_vhost_t *vhost;
    ctl_known_t known; /**< known.filename is filled in here */
    ctl_doubts_t *doubts;
    apr_array_header_t *applied; /**< of const ctl_block_t * */
    int is_directory;            /**< the path is a directory that is there */
} ctl_walk_t;

/** Finds the sections for known.path. @return 0: what applies, or who answers, cannot be known (in this run) */
int ctl_walk(ctl_walk_t *walk);
/** A section and those that it is in, when nothing else applies. */
void ctl_walk_section(ctl_walk_t *walk, const ctl_block_t *block);
/** "<Location /x> (FILE:LINE)" */
const char *ctl_block_text(const ctl_block_t *block, apr_pool_t *p);

#endif
