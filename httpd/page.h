/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file httpd/page.h
 * @brief The built-in answer to a refused request: HTML, problem+json (RFC 9457) or plain text.
 *
 * Knows the engine's reasons and APR only, no request_rec, so that a unit test can read every page without a server.
 * What the caller hands in may come from a hostile certificate: it is escaped here, for each kind of page, and
 * nowhere else. The page speaks of the person's own certificate and of nothing of the server's: no rule, no path, no
 * version.
 */
#ifndef CERTMAP_PAGE_H
#define CERTMAP_PAGE_H

#include <apr_pools.h>
#include <apr_time.h>

#include "certmap.h"

/** The three kinds of page. */
typedef enum certmap_page_type_e {
    CERTMAP_PAGE_HTML,
    CERTMAP_PAGE_PROBLEM_JSON,
    CERTMAP_PAGE_TEXT
} certmap_page_type_e;

/** What a page says. Strings end with NUL, belong to the caller and may hold any bytes. */
typedef struct certmap_page_t {
    certmap_reason_e reason; /**< CERTMAP_R_NONE gives a page that names no cause */
    const char *incident;    /**< or NULL */
    const char *admin;       /**< ServerAdmin: mail address or URL; NULL or httpd's "[no address given]" when
                                     unset */
    const char *subject;     /**< RFC 4514 texts of the client's own certificate; */
    const char *issuer;      /**< all three NULL when there is none */
    const char *serial;
    apr_time_t not_before; /**< both 0: not shown */
    apr_time_t not_after;
    apr_time_t now;
} certmap_page_t;

/**
 * Chooses by the Accept header (RFC 9110, 12.5.1). The greatest weight wins; of equals a type that is named wins
 * over one that a wildcard lets in; then HTML, JSON, text. A client that names none of them (a lone "*" "/" "*" as
 * curl sends it, no header, nothing acceptable) gets text, which reads well in any terminal and log. Browsers always
 * name text/html.
 * @param accept the header's value, or NULL
 */
certmap_page_type_e certmap_page_negotiate(const char *accept);

/** The Content-Type of a kind of page. Never NULL. */
const char *certmap_page_content_type(certmap_page_type_e type);

/** Writes the page. Never fails; what is written is valid UTF-8 whatever the strings hold. */
certmap_str_t certmap_page_body(const certmap_page_t *page, certmap_page_type_e type, apr_pool_t *p);

#endif
