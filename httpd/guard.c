/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The guard's hooks, and the gate.
 */
#include "guard.h"

#include <http_core.h>
#include <http_request.h>

#include "respond.h"
#include "tls.h"
#include "user.h"

static const char refusal; /* its address: a gate that lets the refusal out, and nothing after it */

int certmap_guard_refuse(request_rec *r, certmap_request_t *state)
{
    certmap_request_forget_mapping(state);
    return certmap_respond_refuse(r, state, certmap_request_unproved(state));
}

/* httpd looks up <Location> before it translates the name, and again after all other sections. A module that answers in
 * between comes before the second look-up; it is made here, for the path does not change any more. */
static int is_exempt(request_rec *r, const certmap_request_t *state)
{
    if (certmap_dir_conf(r)->exempt != 1 && state->routed) {
        ap_location_walk(r);
    }
    return certmap_dir_conf(r)->exempt == 1;
}

/* 421 shows nothing of the site, and makes the client come back on the right connection: it may go out. */
static int is_withheld(request_rec *r, const certmap_request_t *state)
{
    return state && state->withheld && certmap_request_unproved(state) != CERTMAP_R_NONE && !state->committed
           && r->status != HTTP_MISDIRECTED_REQUEST && !is_exempt(r, state);
}

static int has_end(const apr_bucket_brigade *bb)
{
    const apr_bucket *b;

    for (b = APR_BRIGADE_FIRST(bb); b != APR_BRIGADE_SENTINEL(bb); b = APR_BUCKET_NEXT(b)) {
        if (APR_BUCKET_IS_EOS(b)) {
            return 1;
        }
    }
    return 0;
}

/*
 * Sees the first bytes of any answer, and sends the refusal in their place, with its error document. httpd removes this
 * filter when it writes an error answer, so the refusal gets a gate of its own. What comes after the refusal is from
 * the handler that was interrupted and does not know it.
 */
apr_status_t certmap_guard_gate(ap_filter_t *f, apr_bucket_brigade *answer)
{
    request_rec *r = f->r;
    certmap_request_t *state = certmap_request_if_any(r);
    int status;

    if (f->ctx == &refusal) {
        if (has_end(answer)) {
            f->ctx = state;
        }
        return ap_pass_brigade(f->next, answer);
    }
    if (!f->ctx) {
        if (!is_withheld(r, state)) {
            if (state && state->status && r->status == HTTP_OK) {
                r->status = r->prev->status = state->status;
            }
            ap_remove_output_filter(f);
            return ap_pass_brigade(f->next, answer);
        }
        /* [promise withheld] */
        f->ctx = state;
        state->interrupts = 1;
        status = certmap_guard_refuse(r, state);
        r->status = HTTP_OK; /* else ap_die sees an error within an error; none was sent */
        ap_die(status, r);
    }
    apr_brigade_cleanup(answer);
    return APR_SUCCESS;
}

int certmap_guard_begin(request_rec *r)
{
    certmap_request_t *state;

    if (r->prev) {
        certmap_user_keep_known(r->prev);
        if (!r->main) {
            certmap_respond_redirected(r);
        }
    }
    if (r->main || !certmap_guard_watches(r)) {
        return DECLINED;
    }
    state = certmap_request(r);
    certmap_request_look(r, state);
    if (certmap_request_unproved(state) != CERTMAP_R_NONE && !state->error_document) {
        state->withheld = 1;
        if (r->prev && is_withheld(r->prev, certmap_request_if_any(r->prev))) {
            state->status = r->status;
            r->prev->status = r->status = HTTP_OK; /* as in gate, which sets it again where CertMap is Off */
        }
        ap_add_output_filter(CERTMAP_GUARD_FILTER, NULL, r, r->connection);
    }
    return DECLINED;
}

int certmap_guard_quick(request_rec *r, int lookup)
{
    certmap_request_t *state = certmap_request_if_any(r);
    int status;

    if (lookup || !state || !state->withheld) {
        return DECLINED;
    }
    state->routed = 1;
    status = ap_process_request_internal(r);
    return status == OK ? ap_invoke_handler(r) : status;
}

void certmap_guard_error_answer(request_rec *r)
{
    certmap_request_t *state;

    certmap_respond_error_answer(r);
    state = certmap_request_if_any(r);
    if (state && state->refusal == CERTMAP_REFUSAL_OURS && !certmap_user_is_proved(r)) {
        certmap_user_forget(r); /* refused for a part of it */
    }
    certmap_user_keep_known(r); /* nobody may have looked yet whose user that is */
    if (state && state->interrupts) {
        ap_add_output_filter(CERTMAP_GUARD_FILTER, (void *)&refusal, r, r->connection);
    }
    else if (is_withheld(r, state)) {
        ap_add_output_filter(CERTMAP_GUARD_FILTER, NULL, r, r->connection);
    }
}

/*
 * A request that ended before, or without, mod_ssl's check: what comes later was not asked for by anybody. And the log
 * says what the answer would have been that was withheld (%s).
 */
int certmap_guard_end(request_rec *r)
{
    certmap_tls_settle(r);
    for (r = r->next; r; r = r->next) {
        const certmap_request_t *state = certmap_request_if_any(r);

        if (state && state->status) {
            r->prev->status = state->status;
        }
    }
    return DECLINED;
}
