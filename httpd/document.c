/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which requests are the error document of a refusal or belong to it, and what .htaccess files say of error documents.
 */
#include "document.h"

#include <string.h>

#include <apr_hash.h>
#include <http_core.h>
#include <http_protocol.h>

/* Anybody who may write a file there could turn the document into another one, in more ways than can be listed. */
int certmap_document_has_htaccess(const request_rec *r)
{
    const struct htaccess_result *file;

    for (file = r->htaccess; file; file = file->next) {
        if (file->htaccess && r->filename && strncmp(r->filename, file->dir, strlen(file->dir)) == 0) {
            return 1;
        }
    }
    return 0;
}

/*
 * The error document of a refusal goes out unchecked: what the configuration names, and what that is put together from
 * if it lies in the document's own directory or below, where that is not the whole site. Not what .htaccess may make of
 * it, nor where it redirects to.
 */
int certmap_document_covers(const request_rec *r, const char *uri)
{
    apr_size_t dir;

    /* [promise error-document] */
    if (certmap_document_has_htaccess(r)) {
        return 0;
    }
    if (!uri || strcmp(r->uri, uri) == 0) {
        return 1;
    }
    dir = (apr_size_t)(strrchr(uri, '/') - uri) + 1;
    return dir > 1 && strncmp(r->uri, uri, dir) == 0;
}

/* Whether an ErrorDocument for the response of that index is in a configuration, or in <Files> or <If> in it. */
static int has_document(const ap_conf_vector_t *conf, int response)
{
    const core_dir_config *core = ap_get_core_module_config(conf);
    const apr_array_header_t *sections[2];
    int i, k;

    if (!core) { /* no directive of the core */
        return 0;
    }
    sections[0] = core->sec_file;
    sections[1] = core->sec_if;
    if (core->response_code_exprs && apr_hash_get(core->response_code_exprs, &response, sizeof(response))) {
        return 1;
    }
    for (i = 0; i < 2; i++) {
        for (k = 0; sections[i] && k < sections[i]->nelts; k++) {
            if (has_document(APR_ARRAY_IDX(sections[i], k, const ap_conf_vector_t *), response)) {
                return 1;
            }
        }
    }
    return 0;
}

/* Anybody who may write a file in a directory must not choose what is shown without a check. */
int certmap_document_is_from_htaccess(const request_rec *r)
{
    const struct htaccess_result *file;

    for (file = r->htaccess; file; file = file->next) {
        if (file->htaccess && has_document(file->htaccess, ap_index_of_response(r->status))) {
            return 1;
        }
    }
    return 0;
}
