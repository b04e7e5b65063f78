/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file engine/x509/x509.h
 * @brief Certificates: names, fields and their values, the view of a certificate, the verdict on its chain.
 */
#ifndef CERTMAP_X509_H
#define CERTMAP_X509_H

#include <openssl/x509.h>

#include "base/base.h"

#ifdef __cplusplus
extern "C" {
#endif

/* ---- distinguished names ------------------------------------------------------------------------------------- */

/** What an attribute's value is. */
typedef enum certmap_ava_e {
    CERTMAP_AVA_TEXT,
    CERTMAP_AVA_OPAQUE,   /**< of another type: value and folded are the lower-case hex of its DER, as after '#' */
    CERTMAP_AVA_MALFORMED /**< value is for display, what cannot be read replaced; folded is empty */
} certmap_ava_e;

/** One attribute type and value of an RDN. */
typedef struct certmap_ava_t {
    const char *oid;      /**< dotted */
    certmap_str_t value;  /**< decoded to UTF-8, exactly as encoded otherwise */
    certmap_str_t folded; /**< ASCII lower case, runs of blanks one blank, none at the ends */
    certmap_ava_e kind;
    const char *why; /**< it is malformed; else NULL */
} certmap_ava_t;

/** A relative distinguished name: a set of attributes, in a canonical order so that sets compare as arrays. */
typedef struct certmap_rdn_t {
    int navas;
    const certmap_ava_t *avas;
} certmap_rdn_t;

/** A distinguished name, in encoded order (root first). */
typedef struct certmap_dn_t {
    int nrdns;
    const certmap_rdn_t *rdns;
} certmap_dn_t;

/**
 * Reads a DN: RFC 4514 text (most specific RDN first, so reversed here), or OpenSSL's slash form (root first; '/'
 * begins an RDN only before TYPE=). Escapes of RFC 4514, 2.4 apply in the comma form; '+' joins a multi-valued
 * RDN.
 * @param text the text; no leading "*," (the caller strips that)
 * @param dn   out: the name
 * @param why  out: on error, what is wrong, in words; on success NULL or a warning (comma text in the wrong order)
 * @param at   out: byte offset in text of what why speaks of
 * @return APR_SUCCESS, or APR_EINVAL
 */
apr_status_t certmap_dn_parse(certmap_str_t text, const certmap_dn_t **dn, const char **why, apr_size_t *at,
                              apr_pool_t *p);
/** RFC 4514 text of a name, most specific RDN first; controls and non-ASCII kept out by escapes only where RFC 4514
 * asks.
 *  @param dn may have malformed values, which are shown as certmap_ava_t has them */
const char *certmap_dn_text(const certmap_dn_t *dn, apr_pool_t *p);
/** Whether two names are equal RDN by RDN (RFC 5280, 7.1 without Unicode preparation); exact: byte for byte.
 *  @param a a name  @param b another; a malformed value is equal to nothing */
int certmap_dn_equal(const certmap_dn_t *a, const certmap_dn_t *b, int exact);
/** Dotted OID of an attribute type or other object: an alias (CN, E, ...) in any case, an OpenSSL name, a dotted OID
 *  with or without "OID." before it. NULL when it is none of these. */
const char *certmap_attr_oid(certmap_str_t name, apr_pool_t *p);

/* ---- the certificate view ------------------------------------------------------------------------------------ */

/** What a field of a certificate is. On a malformed field nobody can say whether a condition holds, negated or not.
 *  Values of another type than text (CERTMAP_V_OPAQUE) are valid. */
typedef enum certmap_state_e {
    CERTMAP_ABSENT,
    CERTMAP_VALID,
    CERTMAP_MALFORMED
} certmap_state_e;

/** The fields that a condition can name. CERTMAP_F_*_ATTR, SAN_OTHER and EXT carry an OID. */
typedef enum certmap_field_e {
    CERTMAP_F_SUBJECT,
    CERTMAP_F_ISSUER,
    CERTMAP_F_SUBJECT_ATTR,
    CERTMAP_F_ISSUER_ATTR,
    CERTMAP_F_SAN_EMAIL,
    CERTMAP_F_SAN_DNS,
    CERTMAP_F_SAN_URI,
    CERTMAP_F_SAN_IP,
    CERTMAP_F_SAN_UPN,
    CERTMAP_F_SAN_DIRNAME,
    CERTMAP_F_SAN_RID,
    CERTMAP_F_SAN_OTHER,
    CERTMAP_F_SERIAL,
    CERTMAP_F_SHA256,
    CERTMAP_F_SHA1,
    CERTMAP_F_SPKI,
    CERTMAP_F_SKI,
    CERTMAP_F_AKI,
    CERTMAP_F_EKU,
    CERTMAP_F_KU,
    CERTMAP_F_POLICY,
    CERTMAP_F_EXT,
    CERTMAP_F_SID,
    CERTMAP_F_CHAIN_SHA256,
    CERTMAP_F_ROOT_SHA256,
    CERTMAP_F_COUNT
} certmap_field_e;

/** How values of a field are written and compared. */
typedef enum certmap_value_kind_e {
    CERTMAP_V_TEXT,  /**< UTF-8 text */
    CERTMAP_V_HEX,   /**< lower-case hex digits without separators */
    CERTMAP_V_IP,    /**< text form of an address; octets in value.ip */
    CERTMAP_V_DN,    /**< a name; value.dn is set and value.text is its RFC 4514 text */
    CERTMAP_V_OID,   /**< dotted OID (eku, policy, san.rid) */
    CERTMAP_V_OPAQUE /**< of another type than text, in san.other, ext and attributes: lower-case hex of its DER; a
                             rule writes it "#0c05..."; it never names a user */
} certmap_value_kind_e;

/** A field named in a rule or template. Two fields are the same when kind and oid are. */
typedef struct certmap_field_t {
    certmap_field_e kind;
    const char *oid;  /**< dotted, for *_ATTR, SAN_OTHER and EXT; else NULL */
    const char *name; /**< the canonical spelling, "subject.CN", "ext:1.2.3" */
} certmap_field_t;

/** One decoded value. */
typedef struct certmap_value_t {
    certmap_value_kind_e kind;
    certmap_str_t text;     /**< as templates and traces show it; NUL-terminated, no controls */
    certmap_str_t folded;   /**< ASCII lower case, runs of blanks one blank, none at the ends; = text for hex; of
                                     a URI only scheme and host are folded */
    const certmap_dn_t *dn; /**< CERTMAP_V_DN */
    unsigned char ip[16];   /**< CERTMAP_V_IP, network order */
    unsigned char iplen;    /**< 4 or 16 */
    apr_uint32_t rdn;       /**< of an attribute of a name: the RDN that it is in, 0 = the first one encoded */
} certmap_value_t;

/** Opaque view of a certificate; immutable once made, readable from any thread. */
typedef struct certmap_cert_t certmap_cert_t;

/** The verdict on the certificate's chain. */
typedef struct certmap_verdict_t {
    certmap_reason_e reason;          /**< CERTMAP_R_NONE: verified */
    int x509_err;                     /**< the X509_V_ERR_* that led to reason, for the log; 0 when verified */
    int depth;                        /**< at which depth, 0 = the client's own certificate */
    const unsigned char (*chain)[32]; /**< SHA-256 of the CAs of the verified chain, issuer first, root last; or
                                             NULL */
    apr_size_t nchain;
} certmap_verdict_t;

/** Reads a field name ("subject.CN", "san.other:1.2.3", aliases such as "Email"). @return
 * APR_SUCCESS, or
 *  APR_EINVAL with why = what is wrong and a hint (what was probably meant).
 *  @param text of the name alone, without an operator  @param field out: its texts live in p */
apr_status_t certmap_field_parse(certmap_str_t text, certmap_field_t *field, const char **why, apr_pool_t *p);
#define CERTMAP_KEY_USAGES 9
/** The values of ku, in the order of their bits (RFC 5280, 4.2.1.3); NULL at the end. */
extern const char *const certmap_key_usages[CERTMAP_KEY_USAGES + 1];

/**
 * Makes the view of a certificate; every byte it needs is copied, the X509 is not kept.
 * @return APR_SUCCESS also for a malformed certificate (see certmap_cert_malformed), APR_ENOMEM or APR_EGENERAL
 * (OpenSSL
 *         failed) when there is no view; the caller then refuses.
 * @param x509 NULL: APR_EGENERAL  @param cert out: NULL when there is no view
 */
apr_status_t certmap_cert_create(X509 *x509, const certmap_cert_t **cert, apr_pool_t *p);
/** The same from DER. Bytes after the certificate make the view malformed. APR_EINVAL: OpenSSL cannot decode it.
 *  @param der len bytes, which are not kept  @param len 1 to 2 GB  @param cert out: NULL when there is no view
 *  @return APR_SUCCESS also for a malformed certificate, APR_EINVAL, or APR_EGENERAL (OpenSSL failed) */
apr_status_t certmap_cert_create_der(const unsigned char *der, apr_size_t len, const certmap_cert_t **cert,
                                     apr_pool_t *p);
/** NULL, or why the certificate is malformed as a whole, in words for a log ("san: not DER").
 *  @param cert a view */
const char *certmap_cert_malformed(const certmap_cert_t *cert);
/** The values that are malformed by themselves, in words ("subject.CN: NUL inside"); the first CERTMAP_ODD_MOST.
 *  @param n out: how many are given
 *  @param cert a view; the array lives as long */
const char *const *certmap_cert_odd(const certmap_cert_t *cert, apr_size_t *n);
/**
 * What refuses a certificate before any source or rule is asked, in this order, which is decided here and nowhere else:
 * none was presented; what verification found, or nothing has verified it; there is no view of it (malformed: what
 * nobody can read is never taken for missing); its dates; it is malformed as a whole. A failure of verification is
 * called malformed where OpenSSL may have failed for that very fault: for a certificate with an extension that it
 * cannot read it finds no issuer.
 * @param cert    NULL: none was presented; with a verdict: there is no view of it
 * @param verdict NULL: nothing has verified it
 * @return CERTMAP_R_NONE: nothing; sources and rules decide
 * @param now of the request, for the dates
 */
certmap_reason_e certmap_cert_refusal(const certmap_cert_t *cert, const certmap_verdict_t *verdict, apr_time_t now);
/** Whether what refuses a certificate takes its proof away, wherever that matters: verification failed, it is out of
 *  date, or there is no view of it. One that was verified and is malformed is refused only where it is to be mapped.
 *  @param refusal of certmap_cert_refusal for the same certificate and verdict
 *  @param cert as given there  @param verdict as given there */
static inline int certmap_cert_unproved(certmap_reason_e refusal, const certmap_cert_t *cert,
                                        const certmap_verdict_t *verdict)
{
    return refusal != CERTMAP_R_NONE
           && (refusal != CERTMAP_R_MALFORMED || cert == NULL || verdict->reason != CERTMAP_R_NONE);
}
/** The subject. @param cert a view; the name lives as long  @return one without RDNs where it is empty or unreadable */
const certmap_dn_t *certmap_cert_subject(const certmap_cert_t *cert);
/** RFC 4514 texts, made with the view. In a malformed name what cannot be read is replaced: for display only.
 *  @param cert a view; the text lives as long */
const char *certmap_cert_subject_text(const certmap_cert_t *cert);
/** The same of the issuer. @param cert a view; the text lives as long */
const char *certmap_cert_issuer_text(const certmap_cert_t *cert);
/** Upper-case hex without separators, even number of digits, as `openssl x509 -serial` prints it.
 *  @param cert a view  @return empty where it cannot be read */
const char *certmap_cert_serial(const certmap_cert_t *cert);
/** Lower-case hex, 64 digits.
 *  @param cert a view */
const char *certmap_cert_sha256(const certmap_cert_t *cert);
/** The date from which it is valid. @param cert a view  @return 0 where it cannot be read */
apr_time_t certmap_cert_not_before(const certmap_cert_t *cert);
/** The last second in which it is valid. @param cert a view  @return 0 where it cannot be read */
apr_time_t certmap_cert_not_after(const certmap_cert_t *cert);

/**
 * The values of a field.
 * @param verdict for chain.sha256 and root.sha256; may be NULL (then these are absent)
 * @param values  out: array of *n values in encoded order, or NULL
 * @return CERTMAP_ABSENT (n = 0), CERTMAP_VALID (n >= 1) or CERTMAP_MALFORMED (n = 0)
 * @param cert a view  @param field as certmap_field_parse made it
 */
certmap_state_e certmap_cert_values(const certmap_cert_t *cert, const certmap_verdict_t *verdict,
                                    const certmap_field_t *field, const certmap_value_t **values, apr_size_t *n,
                                    apr_pool_t *p);

/* ---- verdicts ------------------------------------------------------------------------------------------------ */

/** Adds an error to a verdict: the reason of higher precedence stays, with its code and depth.
 *  @param verdict zeroed before the first  @param x509_err an X509_V_ERR_*; X509_V_OK adds nothing
 *  @param depth from 0 */
void certmap_verdict_add(certmap_verdict_t *verdict, int x509_err, int depth);
/** What the dates alone say now: NONE, EXPIRED or NOT_YET_VALID (RFC 5280, 4.1.2.5: both ends included). A date
 *  that cannot be read, which makes the certificate malformed, says nothing.
 *  @param cert a view  @param now of the request */
certmap_reason_e certmap_verdict_dates(const certmap_cert_t *cert, apr_time_t now);

#ifdef __cplusplus
}
#endif
#endif
