/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file httpd/guard.h
 * @brief The guard: on a connection whose certificate failed verification nothing is answered but the refusal.
 *
 * Where TLS errors are deferred the guard takes the place of the TLS alert, for every request on the connection, unless
 * the place says CertMap Off. It is asked first in every access check (access.c). Other modules answer before these
 * checks (mod_alias, mod_rewrite), so it also is at the way out: a filter, the gate, withholds what anybody answers
 * on such a connection, and the refusal goes out in its place.
 */
#ifndef CERTMAP_HTTPD_GUARD_H
#define CERTMAP_HTTPD_GUARD_H

#include <httpd.h>
#include <util_filter.h>

#include "config.h"
#include "request.h"
#include "tls.h"

/** By that name the gate is registered: an output filter before all others of the request. */
#define CERTMAP_GUARD_FILTER "CERTMAP_GATE"

/** The virtual host of the handshake may be another one than the request's, by SNI: either may ask for the guard. */
static inline int certmap_guard_watches(const request_rec *r)
{
    const certmap_tls_record_t *record = certmap_tls_record(r->connection);

    return record && record->leaf && (record->deferred || certmap_srv_conf(r->server)->defer == 1);
}

/** Refuses for what is wrong with the certificate. @return the HTTP status */
int certmap_guard_refuse(request_rec *r, certmap_request_t *state);

/** Whether the guard has a say about a request under conf. */
static inline int certmap_guard_applies(const request_rec *r, const certmap_dir_conf_t *conf)
{
    return conf->exempt != 1 && certmap_guard_watches(r);
}

/** Hook post_read_request: the earliest place where httpd knows the request; where it leads to is known later. */
int certmap_guard_begin(request_rec *r);
/** Hook quick_handler: no other module's quick handler is asked; it would answer without a look at any section. */
int certmap_guard_quick(request_rec *r, int lookup);
/** Hook insert_error_filter: httpd writes an error answer, and has taken the gate away. */
void certmap_guard_error_answer(request_rec *r);
/** Hook log_transaction: the request is over. */
int certmap_guard_end(request_rec *r);
/** The gate. */
apr_status_t certmap_guard_gate(ap_filter_t *f, apr_bucket_brigade *answer);

#endif
