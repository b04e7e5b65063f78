/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file ctl/doubt.h
 * @brief What cannot be known here. Each doubt is a question that is answered no in one run and yes in another; what
 *        comes out of all runs is certain.
 *
 * A run asks ctl_doubt() whenever it comes to something that only the server knows. Then ctl_doubts_next() prepares the
 * next run, until every combination of answers that leads to other questions has been tried.
 */
#ifndef CTL_DOUBT_H
#define CTL_DOUBT_H

#include "ctl.h"

typedef struct ctl_doubt_t {
    const char *why; /**< what is not known, in words; the same words are the same question */
    int yes;
} ctl_doubt_t;

typedef struct ctl_doubts_t {
    apr_array_header_t *asked; /**< of ctl_doubt_t, in the order in which this run asked */
    int replayed;              /**< so many of them have been asked in this run so far */
} ctl_doubts_t;

ctl_doubts_t ctl_doubts_make(apr_pool_t *p);
/** @return whether it is so in this run; in the first run nothing is */
int ctl_doubt(ctl_doubts_t *doubts, const char *why);
/** Prepares the next run. @return 0: there is none */
int ctl_doubts_next(ctl_doubts_t *doubts);

#endif
