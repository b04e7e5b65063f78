/* SPDX-License-Identifier: Apache-2.0 */
/* Runs over everything that cannot be known: as a counter whose digits are the questions. */
#include "doubt.h"

#include <string.h>

ctl_doubts_t ctl_doubts_make(apr_pool_t *p)
{
    return (ctl_doubts_t){ .asked = apr_array_make(p, 8, sizeof(ctl_doubt_t)) };
}

int ctl_doubt(ctl_doubts_t *doubts, const char *why)
{
    int i;

    for (i = 0; i < doubts->replayed; i++) {
        if (strcmp(APR_ARRAY_IDX(doubts->asked, i, ctl_doubt_t).why, why) == 0) {
            return APR_ARRAY_IDX(doubts->asked, i, ctl_doubt_t).yes;
        }
    }
    /* The answers so far are those of the run before, so that its questions come again. */
    if (doubts->replayed == doubts->asked->nelts) {
        APR_ARRAY_PUSH(doubts->asked, ctl_doubt_t) = (ctl_doubt_t){ why, 0 };
    }
    return APR_ARRAY_IDX(doubts->asked, doubts->replayed++, ctl_doubt_t).yes;
}

int ctl_doubts_next(ctl_doubts_t *doubts)
{
    apr_array_header_t *asked = doubts->asked;

    doubts->replayed = 0;
    while (asked->nelts > 0 && APR_ARRAY_IDX(asked, asked->nelts - 1, ctl_doubt_t).yes) {
        apr_array_pop(asked);
    }
    if (asked->nelts == 0) {
        return 0;
    }
    APR_ARRAY_IDX(asked, asked->nelts - 1, ctl_doubt_t).yes = 1;
    return 1;
}
