/* SPDX-License-Identifier: Apache-2.0 */
/* What is said of a file, in the order of its places. */
#include "check.h"

#include <stdlib.h>

/* A finding and its number, so that those of one place stay as they came. */
typedef struct numbered_t {
    certmap_error_t error;
    int number;
} numbered_t;

static int by_place(const void *a, const void *b)
{
    const numbered_t *x = a, *y = b;

    if (x->error.line != y->error.line) {
        return x->error.line < y->error.line ? -1 : 1;
    }
    if (x->error.column != y->error.column) {
        return x->error.column < y->error.column ? -1 : 1;
    }
    return x->number - y->number;
}

void ctl_sort_findings(apr_array_header_t *findings)
{
    int i, n = findings->nelts;
    numbered_t *all = apr_palloc(findings->pool, (apr_size_t)n * sizeof(*all) + 1);

    for (i = 0; i < n; i++) {
        all[i] = (numbered_t){ APR_ARRAY_IDX(findings, i, certmap_error_t), i };
    }
    qsort(all, (size_t)n, sizeof(*all), by_place);
    for (i = 0; i < n; i++) {
        APR_ARRAY_IDX(findings, i, certmap_error_t) = all[i].error;
    }
}

void ctl_add_warning(apr_array_header_t *findings, const char *file, int line, const char *text)
{
    APR_ARRAY_PUSH(findings, certmap_error_t) = (certmap_error_t){
        .file = file, .line = line, .column = 1, .warning = 1, .text = text
    };
}
