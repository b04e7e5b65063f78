/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file httpd/respond.h
 * @brief From a decision to what httpd, logs and people see of it.
 *
 * A refusal is announced before anyone knows whether it will be needed: mod_ssl and mod_authz_core answer 403
 * themselves, and only then is there an answer to dress. Announcing costs a few stores. The incident id, notes,
 * environment, headers and the log line are made when httpd begins to answer (certmap_respond_commit), and only then.
 */
#ifndef CERTMAP_HTTPD_RESPOND_H
#define CERTMAP_HTTPD_RESPOND_H

#include <httpd.h>
#include <util_filter.h>

#include "certmap.h"
#include "request.h"

/** Sets the error document that fits what was announced, in place of an earlier one. */
void certmap_respond_set_document(request_rec *r, certmap_request_t *state);
/** Takes it back. */
void certmap_respond_clear_document(request_rec *r, certmap_request_t *state);

/** Announces a refusal: sets the error document that fits the reason. Announcing again replaces. Inline: nearly every
 *  request of a mapped user is announced and continues. */
static inline void certmap_respond_announce(request_rec *r, certmap_request_t *state, certmap_refusal_e who,
                                            certmap_reason_e reason)
{
    if (!state->committed) {
        state->refusal = who;
        state->refusal_reason = reason;
        if (state->document || certmap_dir_conf(r)->documents) {
            certmap_respond_set_document(r, state);
        }
    }
}

/** Takes an announcement back. */
static inline void certmap_respond_withdraw(request_rec *r, certmap_request_t *state)
{
    if (!state->committed) {
        state->refusal = CERTMAP_REFUSAL_NONE;
        state->refusal_reason = CERTMAP_R_NONE;
        if (state->document) {
            certmap_respond_clear_document(r, state);
        }
    }
}

/**
 * Refuses the request: announces, and takes its user away. Of a part of a request, which nobody answers, the main one
 * is informed.
 * @return the HTTP status
 */
int certmap_respond_refuse(request_rec *r, certmap_request_t *state, certmap_reason_e reason);
/**
 * httpd answers with the status that was announced: log line, notes, environment, headers. Does it once.
 * @return 0 when the answer is somebody else's: nothing was announced, or mod_ssl did not say what was expected of it
 */
int certmap_respond_commit(request_rec *r, certmap_request_t *state);
/** The request is served for a mapped user, or for nobody (CertMap Optional): notes and environment. */
void certmap_respond_accept(request_rec *r, certmap_request_t *state);
/** The user is not the mapped one any more: what says who that was goes from notes and environment. */
void certmap_respond_forget(request_rec *r);
/** CertMapReportOnly: log line and notes of a refusal that does not happen. */
void certmap_respond_report(request_rec *r, certmap_request_t *state, certmap_reason_e reason);

/** An internal redirect begins: perhaps to the error document of a refusal, which then gets its reason. */
void certmap_respond_redirected(request_rec *r);
/** httpd is about to write an error answer itself: dresses it, if it is a refusal of ours. */
void certmap_respond_error_answer(request_rec *r);

/** The filter that drops what httpd writes and sends the built-in answer instead, at the first brigade. */
apr_status_t certmap_respond_page(ap_filter_t *f, apr_bucket_brigade *in);
/** By that name it is registered. */
#define CERTMAP_RESPOND_FILTER "CERTMAP_PAGE"

#endif
