/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file engine/x509/verdict.c
 * @brief From OpenSSL's verification errors, and the depth at which they happened, to the reason that is reported.
 *
 * Depth matters: an expired client certificate is its holder's to renew (403.17), an expired CA is not (403.16).
 */
#include <openssl/x509_vfy.h>

#include "x509/internal.h"

/* Codes of newer versions, for headers that do not have their names. */
#ifndef X509_V_ERR_RPK_UNTRUSTED
#define X509_V_ERR_RPK_UNTRUSTED 95 /* OpenSSL 3.2 */
#endif
#ifndef X509_V_ERR_OCSP_RESP_INVALID
#define X509_V_ERR_OCSP_RESP_INVALID 96 /* 3.6 */
#define X509_V_ERR_OCSP_SIGNATURE_FAILURE 97
#define X509_V_ERR_OCSP_NOT_YET_VALID 98
#define X509_V_ERR_OCSP_HAS_EXPIRED 99
#define X509_V_ERR_OCSP_NO_RESPONSE 100
#endif
#ifndef X509_V_ERR_CRL_VERIFY_FAILED
#define X509_V_ERR_CRL_VERIFY_FAILED 101 /* 4.0 */
#endif
#ifndef X509_V_ERR_EMPTY_AUTHORITY_KEY_IDENTIFIER
#define X509_V_ERR_EMPTY_AUTHORITY_KEY_IDENTIFIER 102
#define X509_V_ERR_AKID_ISSUER_SERIAL_NOT_PAIRED 103
#endif
#ifndef X509_V_ERR_DUPLICATE_EXTENSION
#define X509_V_ERR_DUPLICATE_EXTENSION 104
#endif

#define SELF_SIGNED CERTMAP_R_SELF_SIGNED
#define UNTRUSTED CERTMAP_R_UNTRUSTED_ISSUER
#define SIGNATURE CERTMAP_R_BAD_SIGNATURE
#define TOO_LONG CERTMAP_R_CHAIN_TOO_LONG
#define CONSTRAINT CERTMAP_R_CONSTRAINT_VIOLATION
#define PURPOSE CERTMAP_R_WRONG_PURPOSE
#define UNKNOWN CERTMAP_R_REVOCATION_UNKNOWN

/** leaf: at depth 0; above: at any other. Codes that are not here have both CERTMAP_R_NONE and read as UNTRUSTED. */
static const struct {
    certmap_reason_e leaf;
    certmap_reason_e above;
} causes[] = {
    [X509_V_ERR_UNSPECIFIED] = { UNTRUSTED, UNTRUSTED },

    /* no way to a trusted root */
    [X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT] = { SELF_SIGNED, UNTRUSTED },
    [X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN] = { UNTRUSTED, UNTRUSTED },
    [X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT] = { UNTRUSTED, UNTRUSTED },
    [X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY] = { UNTRUSTED, UNTRUSTED },
    [X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE] = { UNTRUSTED, UNTRUSTED },
    [X509_V_ERR_CERT_UNTRUSTED] = { UNTRUSTED, UNTRUSTED },
    /* "the root CA is marked to reject the specified purpose": the administrator distrusts that CA here */
    [X509_V_ERR_CERT_REJECTED] = { UNTRUSTED, UNTRUSTED },
    [X509_V_ERR_SUBJECT_ISSUER_MISMATCH] = { UNTRUSTED, UNTRUSTED },
    [X509_V_ERR_AKID_SKID_MISMATCH] = { UNTRUSTED, UNTRUSTED },
    [X509_V_ERR_AKID_ISSUER_SERIAL_MISMATCH] = { UNTRUSTED, UNTRUSTED },
    [X509_V_ERR_PATH_LOOP] = { UNTRUSTED, UNTRUSTED },
    [X509_V_ERR_DANE_NO_MATCH] = { UNTRUSTED, UNTRUSTED },
    [X509_V_ERR_RPK_UNTRUSTED] = { UNTRUSTED, UNTRUSTED },
    /* trouble of our own: trust was not established, and nothing better can be said of the certificate */
    [X509_V_ERR_OUT_OF_MEM] = { UNTRUSTED, UNTRUSTED },
    [X509_V_ERR_INVALID_CALL] = { UNTRUSTED, UNTRUSTED },
    [X509_V_ERR_STORE_LOOKUP] = { UNTRUSTED, UNTRUSTED },

    /* the signature is wrong, or there is no algorithm or key to check it with */
    [X509_V_ERR_UNABLE_TO_DECRYPT_CERT_SIGNATURE] = { SIGNATURE, SIGNATURE },
    [X509_V_ERR_UNABLE_TO_DECODE_ISSUER_PUBLIC_KEY] = { SIGNATURE, SIGNATURE },
    [X509_V_ERR_CERT_SIGNATURE_FAILURE] = { SIGNATURE, SIGNATURE },
    [X509_V_ERR_UNSUPPORTED_SIGNATURE_ALGORITHM] = { SIGNATURE, SIGNATURE },
    [X509_V_ERR_SIGNATURE_ALGORITHM_MISMATCH] = { SIGNATURE, SIGNATURE },
    [X509_V_ERR_SIGNATURE_ALGORITHM_INCONSISTENCY] = { SIGNATURE, SIGNATURE },

    /* dates */
    [X509_V_ERR_CERT_NOT_YET_VALID] = { CERTMAP_R_NOT_YET_VALID, CERTMAP_R_ISSUER_EXPIRED },
    [X509_V_ERR_CERT_HAS_EXPIRED] = { CERTMAP_R_EXPIRED, CERTMAP_R_ISSUER_EXPIRED },
    [X509_V_ERR_ERROR_IN_CERT_NOT_BEFORE_FIELD] = { CONSTRAINT, CONSTRAINT },
    [X509_V_ERR_ERROR_IN_CERT_NOT_AFTER_FIELD] = { CONSTRAINT, CONSTRAINT },

    /* the server's limit of depth; a CA's own pathLenConstraint (25, 38) is a constraint of RFC 5280, 4.2.1.9 */
    [X509_V_ERR_CERT_CHAIN_TOO_LONG] = { TOO_LONG, TOO_LONG },

    /* [promise revocation] */
    /* revocation: known, or CRL or OCSP is missing, stale, broken or silent */
    [X509_V_ERR_CERT_REVOKED] = { CERTMAP_R_REVOKED, CERTMAP_R_REVOKED },
    [X509_V_ERR_UNABLE_TO_GET_CRL] = { UNKNOWN, UNKNOWN },
    [X509_V_ERR_UNABLE_TO_DECRYPT_CRL_SIGNATURE] = { UNKNOWN, UNKNOWN },
    [X509_V_ERR_CRL_SIGNATURE_FAILURE] = { UNKNOWN, UNKNOWN },
    [X509_V_ERR_CRL_NOT_YET_VALID] = { UNKNOWN, UNKNOWN },
    [X509_V_ERR_CRL_HAS_EXPIRED] = { UNKNOWN, UNKNOWN },
    [X509_V_ERR_ERROR_IN_CRL_LAST_UPDATE_FIELD] = { UNKNOWN, UNKNOWN },
    [X509_V_ERR_ERROR_IN_CRL_NEXT_UPDATE_FIELD] = { UNKNOWN, UNKNOWN },
    [X509_V_ERR_UNABLE_TO_GET_CRL_ISSUER] = { UNKNOWN, UNKNOWN },
    [X509_V_ERR_KEYUSAGE_NO_CRL_SIGN] = { UNKNOWN, UNKNOWN },
    [X509_V_ERR_UNHANDLED_CRITICAL_CRL_EXTENSION] = { UNKNOWN, UNKNOWN },
    [X509_V_ERR_DIFFERENT_CRL_SCOPE] = { UNKNOWN, UNKNOWN },
    [X509_V_ERR_CRL_PATH_VALIDATION_ERROR] = { UNKNOWN, UNKNOWN },
    [X509_V_ERR_OCSP_VERIFY_NEEDED] = { UNKNOWN, UNKNOWN },
    [X509_V_ERR_OCSP_VERIFY_FAILED] = { UNKNOWN, UNKNOWN },
    [X509_V_ERR_OCSP_CERT_UNKNOWN] = { UNKNOWN, UNKNOWN },
    [X509_V_ERR_OCSP_RESP_INVALID] = { UNKNOWN, UNKNOWN },
    [X509_V_ERR_OCSP_SIGNATURE_FAILURE] = { UNKNOWN, UNKNOWN },
    [X509_V_ERR_OCSP_NOT_YET_VALID] = { UNKNOWN, UNKNOWN },
    [X509_V_ERR_OCSP_HAS_EXPIRED] = { UNKNOWN, UNKNOWN },
    [X509_V_ERR_OCSP_NO_RESPONSE] = { UNKNOWN, UNKNOWN },
    [X509_V_ERR_CRL_VERIFY_FAILED] = { UNKNOWN, UNKNOWN },
    /* mod_ssl's code when OCSP gave no usable answer */
    [X509_V_ERR_APPLICATION_VERIFICATION] = { UNKNOWN, UNKNOWN },

    /* [promise client-purpose] */
    /* a client's certificate for another use is its holder's mistake; a CA that may not issue it is its CA's */
    [X509_V_ERR_INVALID_PURPOSE] = { PURPOSE, CONSTRAINT },
    [X509_V_ERR_KEYUSAGE_NO_DIGITAL_SIGNATURE] = { PURPOSE, CONSTRAINT },

    /* what the chain's certificates, or the server's security level, do not allow */
    [X509_V_ERR_NO_ISSUER_PUBLIC_KEY] = { CONSTRAINT, CONSTRAINT },
    [X509_V_ERR_PATH_LENGTH_EXCEEDED] = { CONSTRAINT, CONSTRAINT },
    [X509_V_ERR_KEYUSAGE_NO_CERTSIGN] = { CONSTRAINT, CONSTRAINT },
    [X509_V_ERR_UNHANDLED_CRITICAL_EXTENSION] = { CONSTRAINT, CONSTRAINT },
    [X509_V_ERR_INVALID_NON_CA] = { CONSTRAINT, CONSTRAINT },
    [X509_V_ERR_PROXY_PATH_LENGTH_EXCEEDED] = { CONSTRAINT, CONSTRAINT },
    [X509_V_ERR_PROXY_CERTIFICATES_NOT_ALLOWED] = { CONSTRAINT, CONSTRAINT },
    [X509_V_ERR_INVALID_EXTENSION] = { CONSTRAINT, CONSTRAINT },
    [X509_V_ERR_INVALID_POLICY_EXTENSION] = { CONSTRAINT, CONSTRAINT },
    [X509_V_ERR_NO_EXPLICIT_POLICY] = { CONSTRAINT, CONSTRAINT },
    [X509_V_ERR_UNSUPPORTED_EXTENSION_FEATURE] = { CONSTRAINT, CONSTRAINT },
    [X509_V_ERR_UNNESTED_RESOURCE] = { CONSTRAINT, CONSTRAINT },
    [X509_V_ERR_PERMITTED_VIOLATION] = { CONSTRAINT, CONSTRAINT },
    [X509_V_ERR_EXCLUDED_VIOLATION] = { CONSTRAINT, CONSTRAINT },
    [X509_V_ERR_SUBTREE_MINMAX] = { CONSTRAINT, CONSTRAINT },
    [X509_V_ERR_UNSUPPORTED_CONSTRAINT_TYPE] = { CONSTRAINT, CONSTRAINT },
    [X509_V_ERR_UNSUPPORTED_CONSTRAINT_SYNTAX] = { CONSTRAINT, CONSTRAINT },
    [X509_V_ERR_UNSUPPORTED_NAME_SYNTAX] = { CONSTRAINT, CONSTRAINT },
    [X509_V_ERR_SUITE_B_INVALID_VERSION] = { CONSTRAINT, CONSTRAINT },
    [X509_V_ERR_SUITE_B_INVALID_ALGORITHM] = { CONSTRAINT, CONSTRAINT },
    [X509_V_ERR_SUITE_B_INVALID_CURVE] = { CONSTRAINT, CONSTRAINT },
    [X509_V_ERR_SUITE_B_INVALID_SIGNATURE_ALGORITHM] = { CONSTRAINT, CONSTRAINT },
    [X509_V_ERR_SUITE_B_LOS_NOT_ALLOWED] = { CONSTRAINT, CONSTRAINT },
    [X509_V_ERR_SUITE_B_CANNOT_SIGN_P_384_WITH_P_256] = { CONSTRAINT, CONSTRAINT },
    [X509_V_ERR_HOSTNAME_MISMATCH] = { CONSTRAINT, CONSTRAINT },
    [X509_V_ERR_EMAIL_MISMATCH] = { CONSTRAINT, CONSTRAINT },
    [X509_V_ERR_IP_ADDRESS_MISMATCH] = { CONSTRAINT, CONSTRAINT },
    [X509_V_ERR_EE_KEY_TOO_SMALL] = { CONSTRAINT, CONSTRAINT },
    [X509_V_ERR_CA_KEY_TOO_SMALL] = { CONSTRAINT, CONSTRAINT },
    [X509_V_ERR_CA_MD_TOO_WEAK] = { CONSTRAINT, CONSTRAINT },
    [X509_V_ERR_NO_VALID_SCTS] = { CONSTRAINT, CONSTRAINT },
    [X509_V_ERR_PROXY_SUBJECT_NAME_VIOLATION] = { CONSTRAINT, CONSTRAINT },
    [X509_V_ERR_INVALID_CA] = { CONSTRAINT, CONSTRAINT },
    [X509_V_ERR_PATHLEN_INVALID_FOR_NON_CA] = { CONSTRAINT, CONSTRAINT },
    [X509_V_ERR_PATHLEN_WITHOUT_KU_KEY_CERT_SIGN] = { CONSTRAINT, CONSTRAINT },
    [X509_V_ERR_KU_KEY_CERT_SIGN_INVALID_FOR_NON_CA] = { CONSTRAINT, CONSTRAINT },
    [X509_V_ERR_ISSUER_NAME_EMPTY] = { CONSTRAINT, CONSTRAINT },
    [X509_V_ERR_SUBJECT_NAME_EMPTY] = { CONSTRAINT, CONSTRAINT },
    [X509_V_ERR_MISSING_AUTHORITY_KEY_IDENTIFIER] = { CONSTRAINT, CONSTRAINT },
    [X509_V_ERR_MISSING_SUBJECT_KEY_IDENTIFIER] = { CONSTRAINT, CONSTRAINT },
    [X509_V_ERR_EMPTY_SUBJECT_ALT_NAME] = { CONSTRAINT, CONSTRAINT },
    [X509_V_ERR_EMPTY_SUBJECT_SAN_NOT_CRITICAL] = { CONSTRAINT, CONSTRAINT },
    [X509_V_ERR_CA_BCONS_NOT_CRITICAL] = { CONSTRAINT, CONSTRAINT },
    [X509_V_ERR_AUTHORITY_KEY_IDENTIFIER_CRITICAL] = { CONSTRAINT, CONSTRAINT },
    [X509_V_ERR_SUBJECT_KEY_IDENTIFIER_CRITICAL] = { CONSTRAINT, CONSTRAINT },
    [X509_V_ERR_CA_CERT_MISSING_KEY_USAGE] = { CONSTRAINT, CONSTRAINT },
    [X509_V_ERR_EXTENSIONS_REQUIRE_VERSION_3] = { CONSTRAINT, CONSTRAINT },
    [X509_V_ERR_EC_KEY_EXPLICIT_PARAMS] = { CONSTRAINT, CONSTRAINT },
    [X509_V_ERR_EMPTY_AUTHORITY_KEY_IDENTIFIER] = { CONSTRAINT, CONSTRAINT },
    [X509_V_ERR_AKID_ISSUER_SERIAL_NOT_PAIRED] = { CONSTRAINT, CONSTRAINT },
    [X509_V_ERR_DUPLICATE_EXTENSION] = { CONSTRAINT, CONSTRAINT },
};

int certmap_verdict_known(int x509_err)
{
    return x509_err > 0 && x509_err < (int)(sizeof(causes) / sizeof(causes[0]))
           && causes[x509_err].leaf != CERTMAP_R_NONE;
}

certmap_reason_e certmap_verdict_reason(int x509_err, int depth)
{
    if (x509_err == X509_V_OK) {
        return CERTMAP_R_NONE;
    }
    if (!certmap_verdict_known(x509_err)) {
        return UNTRUSTED;
    }
    return depth == 0 ? causes[x509_err].leaf : causes[x509_err].above;
}

void certmap_verdict_add(certmap_verdict_t *verdict, int x509_err, int depth)
{
    certmap_reason_e reason = certmap_verdict_reason(x509_err, depth);

    if (reason != CERTMAP_R_NONE && (verdict->reason == CERTMAP_R_NONE || reason < verdict->reason)) {
        verdict->reason = reason;
        verdict->x509_err = x509_err;
        verdict->depth = depth;
    }
}

/** Whether OpenSSL may have failed for what makes the certificate malformed as a whole. */
static int same_fault(unsigned faults, const certmap_verdict_t *verdict)
{
    switch (verdict->depth == 0 ? verdict->x509_err : X509_V_OK) {
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT:
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY:
    case X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE:
    case X509_V_ERR_INVALID_EXTENSION:
    case X509_V_ERR_INVALID_PURPOSE:
        return (faults & (1u << CERTMAP_FAULT_EXTENSION)) != 0;
    case X509_V_ERR_ERROR_IN_CERT_NOT_BEFORE_FIELD:
    case X509_V_ERR_ERROR_IN_CERT_NOT_AFTER_FIELD:
        return (faults & (1u << CERTMAP_FAULT_DATE)) != 0;
    case X509_V_ERR_EXTENSIONS_REQUIRE_VERSION_3:
        return (faults & (1u << CERTMAP_FAULT_FRAME)) != 0;
    default:
        return 0;
    }
}

/* Inline: every request asks. */
static inline certmap_reason_e dates_say(const certmap_cert_t *cert, apr_time_t now)
{
    /* [promise dates] */
    /* dates have whole seconds, and the last second is valid to its end */
    if (cert->ends && now >= cert->not_after + APR_USEC_PER_SEC) {
        return CERTMAP_R_EXPIRED;
    }
    return cert->begins && now < cert->not_before ? CERTMAP_R_NOT_YET_VALID : CERTMAP_R_NONE;
}

certmap_reason_e certmap_verdict_dates(const certmap_cert_t *cert, apr_time_t now)
{
    return dates_say(cert, now);
}

certmap_reason_e certmap_cert_refusal(const certmap_cert_t *cert, const certmap_verdict_t *verdict, apr_time_t now)
{
    certmap_reason_e dates;

    if (!verdict) {
        return cert ? CERTMAP_R_UNTRUSTED_ISSUER : CERTMAP_R_CERTIFICATE_MISSING;
    }
    /* [promise malformed] [promise verification-first] */
    if (verdict->reason != CERTMAP_R_NONE) {
        return cert && cert->malformed && same_fault(cert->faults, verdict) ? CERTMAP_R_MALFORMED : verdict->reason;
    }
    if (!cert) {
        return CERTMAP_R_MALFORMED;
    }
    dates = dates_say(cert, now);
    return dates != CERTMAP_R_NONE ? dates : cert->malformed ? CERTMAP_R_MALFORMED : CERTMAP_R_NONE;
}
