/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file engine/certmap.h
 * @brief libcertmap: a client certificate, a verdict and a list of rules become a decision.
 *
 * The engine knows certificates, rules and decisions. It knows nothing of httpd, opens no socket, logs nothing and
 * prints nothing: what went wrong comes back as positioned errors, what happened comes back as a trace.
 *
 * Concepts
 *  - A *certificate view* (certmap_cert_t) is made once from an X509. Every field is absent, valid or malformed: a
 *    malformed value spoils its field, and refuses only where a rule or a source asks for that field. A structure that
 *    could be read in two ways makes the whole view malformed, and a malformed view never maps.
 *  - A *verdict* (certmap_verdict_t) says whether TLS verified the certificate and, if not, the cause that counts.
 *  - A *ruleset* (certmap_ruleset_t) is an immutable, compiled sequence of rules. It may be read by any number of
 * threads.
 *  - A *list* (certmap_list_t) links rulesets in the order in which they are asked; linking never compiles.
 *  - A *decision* (certmap_decision_t) is mapped, refused, or undecided (a source could not be asked).
 *
 * Conventions
 *  - Text is UTF-8 and travels with its length; a NUL follows the bytes for convenience but never ends them.
 *  - Arguments come in the order: object, inputs, outputs, pool last. What is returned lives in that pool.
 *  - apr_status_t says whether a function ran; the outcome is an enum of its own.
 *  - Times are apr_time_t (microseconds since 1970-01-01T00:00:00Z).
 *  - Pools must have an abort function, as httpd's have: without memory for a pool the process ends and does not go on
 *    with half a decision. A new pool without a parent has none until it is given one. Without memory elsewhere
 *    (OpenSSL, PCRE2) functions fail or refuse, and nobody is mapped who would not be.
 *  - Nothing here keeps global mutable state; certmap_engine_init() must be called once, before threads.
 */
#ifndef CERTMAP_H
#define CERTMAP_H

#include "base/base.h"
#include "x509/x509.h"
#include "rules/rules.h"
#include "entries/entries.h"
#include "decide/decide.h"
#include "source/source.h"
#include "advice/advice.h"

#endif
