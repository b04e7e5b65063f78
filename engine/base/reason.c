/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file engine/base/reason.c
 * @brief Reasons and strengths: their names and the statuses that answer them.
 */
#include <apr_cstr.h>

#include "base/base.h"

static const struct {
    const char *text;
    int http;
    int substatus;
} answers[CERTMAP_ANSWER_COUNT] = {
    [CERTMAP_ANSWER_OK] = { .text = "200", .http = 200 },
    [CERTMAP_ANSWER_403_16] = { .text = "403.16", .http = 403, .substatus = 16 },
    [CERTMAP_ANSWER_403_13] = { .text = "403.13", .http = 403, .substatus = 13 },
    [CERTMAP_ANSWER_403_17] = { .text = "403.17", .http = 403, .substatus = 17 },
    [CERTMAP_ANSWER_403_4] = { .text = "403.4", .http = 403, .substatus = 4 },
    [CERTMAP_ANSWER_403_7] = { .text = "403.7", .http = 403, .substatus = 7 },
    [CERTMAP_ANSWER_403_12] = { .text = "403.12", .http = 403, .substatus = 12 },
    [CERTMAP_ANSWER_503] = { .text = "503", .http = 503 },
};

/** In the order of precedence. verification: found by verifying the certificate, not by mapping it. What people read
 *  about a reason is elsewhere: httpd/page.c and ctl/tell.c have a row for each. */
static const struct {
    const char *name;
    certmap_answer_e answer;
    int verification;
} reasons[CERTMAP_R_COUNT] = {
    [CERTMAP_R_NONE] = { .name = "none", .answer = CERTMAP_ANSWER_OK },
    [CERTMAP_R_MALFORMED] = { .name = "malformed", .answer = CERTMAP_ANSWER_403_16 },
    [CERTMAP_R_SELF_SIGNED] = { .name = "self-signed", .answer = CERTMAP_ANSWER_403_16, .verification = 1 },
    [CERTMAP_R_UNTRUSTED_ISSUER] = { .name = "untrusted-issuer", .answer = CERTMAP_ANSWER_403_16, .verification = 1 },
    [CERTMAP_R_BAD_SIGNATURE] = { .name = "bad-signature", .answer = CERTMAP_ANSWER_403_16, .verification = 1 },
    [CERTMAP_R_ISSUER_EXPIRED] = { .name = "issuer-expired", .answer = CERTMAP_ANSWER_403_16, .verification = 1 },
    [CERTMAP_R_CHAIN_TOO_LONG] = { .name = "chain-too-long", .answer = CERTMAP_ANSWER_403_16, .verification = 1 },
    [CERTMAP_R_CONSTRAINT_VIOLATION] = { .name = "constraint-violation",
                                         .answer = CERTMAP_ANSWER_403_16,
                                         .verification = 1 },
    [CERTMAP_R_WRONG_PURPOSE] = { .name = "wrong-purpose", .answer = CERTMAP_ANSWER_403_16, .verification = 1 },
    [CERTMAP_R_REVOKED] = { .name = "revoked", .answer = CERTMAP_ANSWER_403_13, .verification = 1 },
    [CERTMAP_R_REVOCATION_UNKNOWN] = { .name = "revocation-unknown",
                                       .answer = CERTMAP_ANSWER_403_13,
                                       .verification = 1 },
    [CERTMAP_R_EXPIRED] = { .name = "expired", .answer = CERTMAP_ANSWER_403_17, .verification = 1 },
    [CERTMAP_R_NOT_YET_VALID] = { .name = "not-yet-valid", .answer = CERTMAP_ANSWER_403_17, .verification = 1 },
    [CERTMAP_R_SSL_REQUIRED] = { .name = "ssl-required", .answer = CERTMAP_ANSWER_403_4 },
    [CERTMAP_R_CERTIFICATE_MISSING] = { .name = "certificate-missing", .answer = CERTMAP_ANSWER_403_7 },
    [CERTMAP_R_CERTIFICATE_NOT_REQUESTABLE] = { .name = "certificate-not-requestable", .answer = CERTMAP_ANSWER_403_7 },
    [CERTMAP_R_DENIED_BY_SOURCE] = { .name = "denied-by-source", .answer = CERTMAP_ANSWER_403_12 },
    [CERTMAP_R_DENIED_BY_RULE] = { .name = "denied-by-rule", .answer = CERTMAP_ANSWER_403_12 },
    [CERTMAP_R_MAPPING_EXPIRED] = { .name = "mapping-expired", .answer = CERTMAP_ANSWER_403_12 },
    [CERTMAP_R_MAPPING_TOO_WEAK] = { .name = "mapping-too-weak", .answer = CERTMAP_ANSWER_403_12 },
    [CERTMAP_R_USER_INVALID] = { .name = "user-invalid", .answer = CERTMAP_ANSWER_403_12 },
    [CERTMAP_R_AMBIGUOUS] = { .name = "ambiguous", .answer = CERTMAP_ANSWER_403_12 },
    [CERTMAP_R_NO_MATCH] = { .name = "no-match", .answer = CERTMAP_ANSWER_403_12 },
    [CERTMAP_R_USER_DENIED] = { .name = "user-denied", .answer = CERTMAP_ANSWER_403_12 },
    [CERTMAP_R_SOURCE_UNAVAILABLE] = { .name = "source-unavailable", .answer = CERTMAP_ANSWER_503 },
};

static const char *const strengths[] = {
    [CERTMAP_WEAK] = "weak",
    [CERTMAP_SCOPED] = "scoped",
    [CERTMAP_STRONG] = "strong",
};

/** A number that is not a reason must not read as "not refused". */
static certmap_reason_e bounded(certmap_reason_e reason)
{
    return (unsigned int)reason < CERTMAP_R_COUNT ? reason : CERTMAP_R_MALFORMED;
}

const char *certmap_reason_name(certmap_reason_e reason)
{
    return reasons[bounded(reason)].name;
}

certmap_answer_e certmap_reason_answer(certmap_reason_e reason)
{
    return reasons[bounded(reason)].answer;
}

int certmap_reason_http(certmap_reason_e reason)
{
    return answers[certmap_reason_answer(reason)].http;
}

int certmap_reason_substatus(certmap_reason_e reason)
{
    return certmap_answer_substatus(certmap_reason_answer(reason));
}

const char *certmap_reason_status(certmap_reason_e reason)
{
    return certmap_answer_status(certmap_reason_answer(reason));
}

int certmap_reason_is_verification(certmap_reason_e reason)
{
    return reasons[bounded(reason)].verification;
}

int certmap_answer_substatus(certmap_answer_e answer)
{
    return answers[answer].substatus;
}

const char *certmap_answer_status(certmap_answer_e answer)
{
    return answers[answer].text;
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
