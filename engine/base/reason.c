/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file engine/base/reason.c
 * @brief Reasons and strengths: their names and the statuses that answer them.
 */
#include <apr_cstr.h>

#include "base/base.h"

/** What a reason is answered with. */
typedef enum answer_e {
    ANSWER_OK,
    ANSWER_403_4,
    ANSWER_403_7,
    ANSWER_403_12,
    ANSWER_403_13,
    ANSWER_403_16,
    ANSWER_403_17,
    ANSWER_503
} answer_e;

static const struct {
    int http;
    int substatus;
    const char *text;
} answers[] = {
    [ANSWER_OK] = { 200, 0, "200" },         [ANSWER_403_4] = { 403, 4, "403.4" },
    [ANSWER_403_7] = { 403, 7, "403.7" },    [ANSWER_403_12] = { 403, 12, "403.12" },
    [ANSWER_403_13] = { 403, 13, "403.13" }, [ANSWER_403_16] = { 403, 16, "403.16" },
    [ANSWER_403_17] = { 403, 17, "403.17" }, [ANSWER_503] = { 503, 0, "503" },
};

static const struct {
    const char *name;
    answer_e answer;
} reasons[CERTMAP_R_COUNT] = {
    [CERTMAP_R_NONE] = { "none", ANSWER_OK },
    [CERTMAP_R_MALFORMED] = { "malformed", ANSWER_403_16 },
    [CERTMAP_R_SELF_SIGNED] = { "self-signed", ANSWER_403_16 },
    [CERTMAP_R_UNTRUSTED_ISSUER] = { "untrusted-issuer", ANSWER_403_16 },
    [CERTMAP_R_BAD_SIGNATURE] = { "bad-signature", ANSWER_403_16 },
    [CERTMAP_R_ISSUER_EXPIRED] = { "issuer-expired", ANSWER_403_16 },
    [CERTMAP_R_CHAIN_TOO_LONG] = { "chain-too-long", ANSWER_403_16 },
    [CERTMAP_R_CONSTRAINT_VIOLATION] = { "constraint-violation", ANSWER_403_16 },
    [CERTMAP_R_WRONG_PURPOSE] = { "wrong-purpose", ANSWER_403_16 },
    [CERTMAP_R_REVOKED] = { "revoked", ANSWER_403_13 },
    [CERTMAP_R_REVOCATION_UNKNOWN] = { "revocation-unknown", ANSWER_403_13 },
    [CERTMAP_R_EXPIRED] = { "expired", ANSWER_403_17 },
    [CERTMAP_R_NOT_YET_VALID] = { "not-yet-valid", ANSWER_403_17 },
    [CERTMAP_R_SSL_REQUIRED] = { "ssl-required", ANSWER_403_4 },
    [CERTMAP_R_CERTIFICATE_MISSING] = { "certificate-missing", ANSWER_403_7 },
    [CERTMAP_R_CERTIFICATE_NOT_REQUESTABLE] = { "certificate-not-requestable", ANSWER_403_7 },
    [CERTMAP_R_DENIED_BY_SOURCE] = { "denied-by-source", ANSWER_403_12 },
    [CERTMAP_R_DENIED_BY_RULE] = { "denied-by-rule", ANSWER_403_12 },
    [CERTMAP_R_MAPPING_EXPIRED] = { "mapping-expired", ANSWER_403_12 },
    [CERTMAP_R_MAPPING_TOO_WEAK] = { "mapping-too-weak", ANSWER_403_12 },
    [CERTMAP_R_USER_INVALID] = { "user-invalid", ANSWER_403_12 },
    [CERTMAP_R_AMBIGUOUS] = { "ambiguous", ANSWER_403_12 },
    [CERTMAP_R_NO_MATCH] = { "no-match", ANSWER_403_12 },
    [CERTMAP_R_USER_DENIED] = { "user-denied", ANSWER_403_12 },
    [CERTMAP_R_SOURCE_UNAVAILABLE] = { "source-unavailable", ANSWER_503 },
};

static const char *const strengths[] = {
    [CERTMAP_WEAK] = "weak",
    [CERTMAP_SCOPED] = "scoped",
    [CERTMAP_STRONG] = "strong",
};

/** A number that is no reason must not read as "not refused". */
static certmap_reason_e bounded(certmap_reason_e reason)
{
    return (unsigned int)reason < CERTMAP_R_COUNT ? reason : CERTMAP_R_MALFORMED;
}

const char *certmap_reason_name(certmap_reason_e reason)
{
    return reasons[bounded(reason)].name;
}

int certmap_reason_http(certmap_reason_e reason)
{
    return answers[reasons[bounded(reason)].answer].http;
}

int certmap_reason_substatus(certmap_reason_e reason)
{
    return answers[reasons[bounded(reason)].answer].substatus;
}

const char *certmap_reason_status(certmap_reason_e reason)
{
    return answers[reasons[bounded(reason)].answer].text;
}

int certmap_reason_is_verification(certmap_reason_e reason)
{
    switch (reasons[bounded(reason)].answer) {
    case ANSWER_403_13:
    case ANSWER_403_17:
        return 1;
    case ANSWER_403_16:
        return bounded(reason) != CERTMAP_R_MALFORMED;
    case ANSWER_OK:
    case ANSWER_403_4:
    case ANSWER_403_7:
    case ANSWER_403_12:
    case ANSWER_503:
        return 0;
    }
    return 0;
}

const char *certmap_strength_name(certmap_strength_e strength)
{
    return (unsigned int)strength <= CERTMAP_STRONG ? strengths[strength] : strengths[CERTMAP_WEAK];
}

apr_status_t certmap_strength_parse(const char *text, certmap_strength_e *strength)
{
    int i;

    for (i = CERTMAP_WEAK; text && i <= CERTMAP_STRONG; i++) {
        if (apr_cstr_casecmp(text, strengths[i]) == 0) {
            *strength = (certmap_strength_e)i;
            return APR_SUCCESS;
        }
    }
    return APR_NOTFOUND;
}
