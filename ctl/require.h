/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file ctl/require.h
 * @brief Require, as mod_authz_core combines and asks it.
 */
#ifndef CTL_REQUIRE_H
#define CTL_REQUIRE_H

#include "walk.h"

typedef struct ctl_require_t ctl_require_t;

typedef enum ctl_granted_e {
    CTL_GRANTED,
    CTL_DENIED,
    CTL_DENIED_NO_USER, /**< there is no user, and one might be let in */
    CTL_NEUTRAL
} ctl_granted_e;

/** The client. */
typedef struct ctl_requester_t {
    apr_pool_t *p;
    ctl_doubts_t *doubts;
    ctl_known_t known;
    const char *user; /**< or NULL */
    int wanted;       /**< the mapping is asked here */
    int report_only;
    certmap_reason_e reason;            /**< why nobody is mapped, or CERTMAP_R_NONE */
    const certmap_decision_t *decision; /**< of who is mapped */
    certmap_reason_e unverified;        /**< why the certificate is not verified, or CERTMAP_R_NONE */
    int nobody;                         /**< asked as if nobody had been mapped */
    /* out */
    certmap_reason_e denied;       /**< what the first Require of ours says that is not met */
    certmap_reason_e undecided;    /**< why a Require of ours cannot tell: refused even where all is granted */
    const ctl_directive_t *failed; /**< the first Require that is not met */
} ctl_requester_t;

/** Whether CertMap Optional continues without a user after such a refusal. */
int ctl_goes_on(certmap_reason_e reason);
/** What holds when a section is merged into what held before (NULL: nothing). */
const ctl_require_t *ctl_require_merge(const ctl_require_t *base, const ctl_block_t *block, apr_pool_t *p);
/** Asks all of it. NULL: nothing is required. */
ctl_granted_e ctl_require_ask(const ctl_require_t *require, ctl_requester_t *who);

#endif
