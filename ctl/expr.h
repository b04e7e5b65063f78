/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file ctl/expr.h
 * @brief httpd's expressions, as far as they ask what is known without a request.
 */
#ifndef CTL_EXPR_H
#define CTL_EXPR_H

#include "ctl.h"

typedef enum ctl_answer3_e {
    CTL_NO,
    CTL_YES,
    CTL_UNKNOWN
} ctl_answer3_e;

/** What is known of a request. */
typedef struct ctl_known_t {
    const char *path;
    const char *query;    /**< NULL: not known */
    const char *filename; /**< NULL: not known */
    const char *user;     /**< "": none yet */
    const char *verify;   /**< SSL_CLIENT_VERIFY; "FAILED": that and more text after it; NULL: not known */
    int is_tls;
} ctl_known_t;

/** What an expression says of the request; CTL_UNKNOWN where it asks for more, or is not understood. */
ctl_answer3_e ctl_expr(const char *text, const ctl_known_t *known, apr_pool_t *p);
/** Whether a regex of httpd (PCRE) matches. CTL_UNKNOWN: it cannot be compiled. */
ctl_answer3_e ctl_regex(const char *pattern, const char *text, int any_case);

#endif
