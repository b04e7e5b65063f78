/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file httpd/document.h
 * @brief The error document of a refusal: what belongs to it goes out unchecked.
 */
#ifndef CERTMAP_HTTPD_DOCUMENT_H
#define CERTMAP_HTTPD_DOCUMENT_H

#include <httpd.h>

#include "request.h"

/** Whether a .htaccess file applies to the request. */
int certmap_document_has_htaccess(const request_rec *r);
/** Whether the ErrorDocument for the request's status is in a .htaccess file. */
int certmap_document_is_from_htaccess(const request_rec *r);
/**
 * Whether a request belongs to an error document.
 * @param uri the document's; NULL: the configuration has not translated it yet, so the request is the document
 */
int certmap_document_covers(const request_rec *r, const char *uri);

/** Of the request that is, or whose part is, the error document of a refusal of ours; NULL: of none. */
static inline const certmap_request_t *certmap_document_of(const request_rec *r)
{
    const certmap_request_t *state;

    while (r->main) {
        r = r->main;
    }
    state = certmap_request_if_any(r);
    return state && state->error_document ? state : NULL;
}

/** Whether the request is that document, or a part of it that goes out unchecked with it. */
static inline int certmap_document_is(const request_rec *r)
{
    const certmap_request_t *state = certmap_document_of(r);

    return state && certmap_document_covers(r, state->document_uri);
}

#endif
