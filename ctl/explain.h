/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file ctl/explain.h
 * @brief What the files behind "explain" and "suggest" share: a certificate that has been read, and one decision with
 *        all that is known about it, which tell.c puts into words and json.c into JSON.
 */
#ifndef CTL_EXPLAIN_H
#define CTL_EXPLAIN_H

#include "conf.h"
#include "ctl.h"

/* ---- certificates (certificate.c) ---------------------------------------------------------------------------- */

typedef struct ctl_certificate_t {
    X509 *x509;
    STACK_OF(X509) *all;        /**< the client's own first, then what stands behind it in the file */
    const certmap_cert_t *view; /**< of exactly the bytes that were given */
} ctl_certificate_t;

/** Reads a client's certificate, PEM or DER, "-": standard input. What is returned lives as long as the command.
 *  @return CTL_OK, or CTL_ERROR: what the file holds instead has been told */
int ctl_certificate_read(ctl_t *ctl, const char *path, ctl_certificate_t *certificate);
/** All certificates of a file. Same returns. */
int ctl_certificates_read(ctl_t *ctl, const char *path, STACK_OF(X509) **all);
/** All revocation lists of a file. Same returns. */
int ctl_crls_read(ctl_t *ctl, const char *path, STACK_OF(X509_CRL) **all);

/* ---- lines for a certificate (suggest.c) --------------------------------------------------------------------- */

/** A certificate's key of a kind as a line of an entry file begins; NULL: it has none, or no line can say it. */
const char *ctl_key_text(const certmap_cert_t *view, certmap_kind_e kind, apr_pool_t *p);
/** Whether a line is an entry that maps the certificate. */
int ctl_entry_maps(const certmap_cert_t *view, const char *line, apr_pool_t *p);
/** The rule of a line that maps the certificate; NULL: it does not, or is no rule. */
const certmap_rule_t *ctl_rule_maps(const certmap_cert_t *view, const char *line, certmap_strength_e min,
                                    apr_time_t now, apr_pool_t *p);
/** text in quotes, for any line. */
const char *ctl_quoted(const char *text, apr_pool_t *p);

/* ---- verification (verify.c) --------------------------------------------------------------------------------- */

/** SSLVerifyDepth is not given. */
#define CTL_ANY_DEPTH (-1)

typedef struct ctl_verify_t {
    const char *ca;  /**< file of trusted CAs */
    const char *crl; /**< file of CRLs, which are then asked for the whole chain; or NULL */
    int depth;       /**< SSLVerifyDepth, or CTL_ANY_DEPTH */
    apr_time_t now;
} ctl_verify_t;

/** Verifies as httpd would. @return CTL_OK with *verdict filled, or CTL_ERROR, which has been told */
int ctl_verify(ctl_t *ctl, const ctl_verify_t *how, const ctl_certificate_t *certificate, certmap_verdict_t *verdict);

/* ---- one decision -------------------------------------------------------------------------------------------- */

/** A source, and what it holds for the certificate. */
typedef struct ctl_asked_t {
    certmap_source_t *source;
    const char *path;
    int is_store;    /**< else an entry file */
    const char *why; /**< it could not be asked; else NULL */
    certmap_lookup_t found;
} ctl_asked_t;

typedef struct ctl_case_t {
    const ctl_certificate_t *certificate;
    const certmap_cert_t *view;
    const ctl_verify_t *verify; /**< NULL: the chain is taken as verified */
    certmap_verdict_t verdict;
    const certmap_list_t *list;
    const apr_array_header_t *asked; /**< of ctl_asked_t, in the list's order */
    const ctl_vhost_t *vhost;        /**< of --httpd-conf, with section; else NULL */
    const ctl_section_t *section;
    certmap_strength_e min;
    apr_time_t now;
    certmap_decision_t decision;   /**< the server's */
    certmap_decision_t apart;      /**< what it would be if the certificate were verified and in time */
    certmap_trace_t *trace;        /**< of apart */
    const certmap_rule_t *nearest; /**< after no-match; else NULL */
    const certmap_cond_t *failed;  /**< its first condition that fails */
} ctl_case_t;

/** Whether a refusal was made before sources and rules were asked. */
int ctl_is_early(const ctl_case_t *c);
/** Whether a condition asks for the verified chain. */
int ctl_asks_chain(const certmap_trace_cond_t *cond);
/** Whether a rule that was asked does, and no chain is known. ctl_chain_missed says so. */
int ctl_misses_chain(const ctl_case_t *c);
extern const char ctl_chain_missed[];
/** How many conditions of a rule fail by themselves; those on a malformed field do not, nor do they hold. */
apr_size_t ctl_failing(const certmap_trace_rule_t *rule);
/** Reads "2027-01-31" or "2027-01-31T12:00:00Z". @return whether it is one of them */
int ctl_time_read(const char *text, apr_time_t *at);
/** "2027-01-31T12:00:00Z"; NULL for a time that no calendar has. */
const char *ctl_time_text(apr_time_t t, apr_pool_t *p);

/** In words, on standard output. @param all tell every rule, however many there are */
void ctl_tell(ctl_t *ctl, const ctl_case_t *c, int all);
/** As one JSON document, on standard output. @return CTL_OK, or CTL_ERROR, which has been told */
int ctl_tell_json(ctl_t *ctl, const ctl_case_t *c);

/** That a certificate looks like the renewal of another one. */
typedef struct ctl_renewal_t {
    const char *because; /**< what is the same, and what is new */
    const char *line;    /**< to be added; tried on the certificate */
    const char *where;   /**< what file or list it belongs to */
} ctl_renewal_t;

/** After no-match, or a mapping by names that is too weak. @return array of ctl_renewal_t, never NULL */
const apr_array_header_t *ctl_renewals(ctl_t *ctl, const ctl_case_t *c);

#endif
