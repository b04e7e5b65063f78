/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file engine/base/base.h
 * @brief What every room speaks of: text with its length, reasons and strengths, errors with their places.
 *
 * This holds for the public headers of all rooms. What a function returns, or writes where "out:" says, lives in p, its
 * last parameter, unless its comment says otherwise; without p it is a constant, or lives as long as what it was asked
 * of. Pointers are not NULL unless the comment says that they may be. Text is UTF-8; `const char *` ends with NUL.
 * Times are apr_time_t (microseconds since 1970), lengths are bytes. Pools need an abort function for lack of memory,
 * as httpd's have. What is const may be read by any number of threads, all else by one.
 */
#ifndef CERTMAP_BASE_H
#define CERTMAP_BASE_H

#include <apr_pools.h>
#include <apr_tables.h>
#include <apr_time.h>

#include "base/limits.h"

#ifdef __cplusplus
extern "C" {
#endif

/* ---- reasons and strengths ------------------------------------------------------------------------------------- */

/**
 * Why a request is refused, in order of precedence: of two reasons the smaller one is reported. CERTMAP_R_MALFORMED
 * is reported only where verification did not fail (certmap_cert_refusal). CERTMAP_R_NONE is "not refused". The
 * names, in lower case with dashes, are what notes, logs and pages show.
 */
typedef enum certmap_reason_e {
    CERTMAP_R_NONE = 0,
    /* 403.16 */
    CERTMAP_R_MALFORMED,
    CERTMAP_R_SELF_SIGNED,
    CERTMAP_R_UNTRUSTED_ISSUER,
    CERTMAP_R_BAD_SIGNATURE,
    CERTMAP_R_ISSUER_EXPIRED,
    CERTMAP_R_CHAIN_TOO_LONG,
    CERTMAP_R_CONSTRAINT_VIOLATION,
    CERTMAP_R_WRONG_PURPOSE,
    /* 403.13 */
    CERTMAP_R_REVOKED,
    CERTMAP_R_REVOCATION_UNKNOWN,
    /* 403.17 */
    CERTMAP_R_EXPIRED,
    CERTMAP_R_NOT_YET_VALID,
    /* 403.4 */
    CERTMAP_R_SSL_REQUIRED,
    /* 403.7 */
    CERTMAP_R_CERTIFICATE_MISSING,
    CERTMAP_R_CERTIFICATE_NOT_REQUESTABLE,
    /* 403.12 */
    CERTMAP_R_DENIED_BY_SOURCE,
    CERTMAP_R_DENIED_BY_RULE,
    CERTMAP_R_MAPPING_EXPIRED,
    CERTMAP_R_MAPPING_TOO_WEAK,
    CERTMAP_R_USER_INVALID,
    CERTMAP_R_AMBIGUOUS,
    CERTMAP_R_NO_MATCH,
    CERTMAP_R_USER_DENIED,
    /* 503 */
    CERTMAP_R_SOURCE_UNAVAILABLE,
    CERTMAP_R_COUNT
} certmap_reason_e;

/** What reasons are answered with, in the order of their precedence: the substatus groups reasons by what a person can
 *  do about them. */
typedef enum certmap_answer_e {
    CERTMAP_ANSWER_OK, /**< not refused */
    CERTMAP_ANSWER_403_16,
    CERTMAP_ANSWER_403_13,
    CERTMAP_ANSWER_403_17,
    CERTMAP_ANSWER_403_4,
    CERTMAP_ANSWER_403_7,
    CERTMAP_ANSWER_403_12,
    CERTMAP_ANSWER_503,
    CERTMAP_ANSWER_COUNT
} certmap_answer_e;

/** How firmly a mapping is bound to one certificate (CertMapMinStrength). */
typedef enum certmap_strength_e {
    CERTMAP_WEAK,
    CERTMAP_SCOPED,
    CERTMAP_STRONG
} certmap_strength_e;

/** What a mapping gives: a rule, an entry, and the decision that results from them. */
typedef struct certmap_effect_t {
    const char *user; /**< of a rule as written, with placeholders; NULL where nobody is mapped */
    const char *const *groups;
    apr_size_t ngroups;
    apr_time_t expires; /**< the first instant at which it no longer holds; 0: never */
    const char *note;   /**< or NULL */
    certmap_strength_e strength;
} certmap_effect_t;

/** The reason's name as notes and logs show it ("no-match"); "none" for CERTMAP_R_NONE. Never NULL. */
const char *certmap_reason_name(certmap_reason_e reason);
/** What answers the reason. */
certmap_answer_e certmap_reason_answer(certmap_reason_e reason);
/** HTTP status that answers the reason: 200, 403 or 503. */
int certmap_reason_http(certmap_reason_e reason);
/** The part after "403.", 0 for CERTMAP_R_NONE and for 503.
 *  @param reason any */
int certmap_reason_substatus(certmap_reason_e reason);
/** "403.12", "503", "200". Never NULL.
 *  @param reason any */
const char *certmap_reason_status(certmap_reason_e reason);
/** Whether a verification failure (403.13, 403.16 but malformed, 403.17) and not the mapper's own finding.
 *  @param reason any */
int certmap_reason_is_verification(certmap_reason_e reason);
/** The part after "403.", 0 for CERTMAP_ANSWER_OK and CERTMAP_ANSWER_503.
 *  @param answer any */
int certmap_answer_substatus(certmap_answer_e answer);
/** "403.12", "503", "200".
 *  @param answer any */
const char *certmap_answer_status(certmap_answer_e answer);
/** "weak", "scoped", "strong".
 *  @param strength any  @return never NULL */
const char *certmap_strength_name(certmap_strength_e strength);
/** Reads "weak", "scoped", "strong" in any case; APR_NOTFOUND for anything else.
 *  @param text ends with NUL  @param strength out: unchanged on an error
 *  @return APR_SUCCESS or APR_NOTFOUND */
apr_status_t certmap_strength_parse(const char *text, certmap_strength_e *strength);

/** Call before threads start. Fetches the digests, for as long as p lives. @return APR_SUCCESS or APR_EGENERAL. */
apr_status_t certmap_engine_init(apr_pool_t *p);

/* ---- text ------------------------------------------------------------------------------------------------------ */

/** Bytes and their number, always together. */
typedef struct certmap_str_t {
    const char *data;
    apr_size_t len;
} certmap_str_t;

/** ASCII lower case, runs of blanks (space, tab) one space, none at the ends. Always a new copy, with a NUL after it.
 *  @param text any bytes */
certmap_str_t certmap_fold(certmap_str_t text, apr_pool_t *p);
/** Whether both are the same bytes.
 *  @param a any bytes  @param b any bytes; no case is ignored */
int certmap_str_same(certmap_str_t a, certmap_str_t b);
/** What a reader sees of a character. Everything from CERTMAP_CHAR_CONTROL on hides, or hides what is next to it: it is
 *  escaped wherever text is shown, and no part of a user name or group. */
typedef enum certmap_char_e {
    CERTMAP_CHAR_SEEN,
    CERTMAP_CHAR_BLANK,   /**< white space within a line */
    CERTMAP_CHAR_CONTROL, /**< U+0000 to U+001F, U+007F to U+009F */
    CERTMAP_CHAR_BIDI,    /**< changes the order in which others are shown */
    CERTMAP_CHAR_LINE,    /**< ends a line, as some see it */
    CERTMAP_CHAR_INVISIBLE,
    CERTMAP_CHAR_NONE /**< a code point that is not a character */
} certmap_char_e;

/** @param c a code point, up to U+10FFFF */
certmap_char_e certmap_char_is(apr_uint32_t c);
/** Whether a reader does not see it as what it is.
 *  @param c a code point, up to U+10FFFF */
static inline int certmap_char_hides(apr_uint32_t c)
{
    return certmap_char_is(c) >= CERTMAP_CHAR_CONTROL;
}
/**
 * Reads one code point of UTF-8, strictly: no overlong forms, no surrogates, nothing beyond U+10FFFF.
 * @param len bytes that there are; where a NUL ends the text, 4 is always right: nothing after the NUL is read
 * @param c   out: the code point, when there is one
 * @return its bytes, 1 to 4; 0 when there is none, or len is 0
 * @param s   the text; nothing of it is read when len is 0
 */
int certmap_utf8_next(const unsigned char *s, apr_size_t len, apr_uint32_t *c);
/** Writes a code point as UTF-8. @return bytes written, 1 to 4
 *  @param s room for 4 bytes; no NUL is added  @param c a code point, up to U+10FFFF, no surrogate */
int certmap_utf8_put(char *s, apr_uint32_t c);
/** Why text is not clean UTF-8 (bad encoding, or a character that hides), or NULL. The answer is a constant.
 *  at (may be NULL): offset of the first byte that is wrong. */
const char *certmap_text_check(certmap_str_t text, apr_size_t *at);
/** Why a code point must not be in what we make of a certificate (users, groups), or NULL.
 *  @param c a code point  @return a constant */
const char *certmap_codepoint_check(apr_uint32_t c);
/** By the digit's code; -1 where it is none. Inline, because each entry and each look-up asks for dozens. */
extern const signed char certmap_hex_values[256];
/** Value of a hex digit, -1 when it is none.
 *  @param c any byte */
static inline int certmap_hexval(char c)
{
    return certmap_hex_values[(unsigned char)c];
}

/* ---- the calendar --------------------------------------------------------------------------------------------- */

/** A time of the Gregorian calendar, UTC. */
typedef struct certmap_calendar_t {
    int year;
    int month; /**< from 1 */
    int day;   /**< from 1 */
    int hour;
    int minute;
    int second;
} certmap_calendar_t;

/** How a time is written. */
typedef enum certmap_time_form_e {
    CERTMAP_TIME_DAY,   /**< 2026-11-19 */
    CERTMAP_TIME_ISO,   /**< 2026-11-19T14:02:00Z, for programs */
    CERTMAP_TIME_PEOPLE /**< 2026-11-19 14:02:00 UTC */
} certmap_time_form_e;

/** The time of a date of the years 1 to 9999.
 *  @param date in UTC  @param t out: set only when there is such a time  @return 1, or 0 when there is no such day or
 *  time */
int certmap_calendar_time(const certmap_calendar_t *date, apr_time_t *t);
/** The date of any time, without what is less than a second.
 *  @param t any time  @return in UTC */
certmap_calendar_t certmap_calendar(apr_time_t t);
/** A time as text, in p.
 *  @param t any time  @param form how it is written, in UTC */
const char *certmap_time_text(apr_time_t t, certmap_time_form_e form, apr_pool_t *p);

/* ---- errors and their places ----------------------------------------------------------------------------------- */

typedef struct certmap_place_t {
    int line;   /**< from 1 */
    int column; /**< in bytes, from 1 */
} certmap_place_t;

/** An error or warning with its place. */
typedef struct certmap_error_t {
    const char *file; /**< or NULL */
    int line;         /**< from 1 */
    int column;       /**< in bytes, from 1 */
    int warning;      /**< 0 error, 1 warning */
    const char *text; /**< what is wrong and how to fix it; one sentence, one line */
    int more;         /**< how many others it stands for: "... and N more", the first of which is at its place */
} certmap_error_t;

/** A copy of errors (of certmap_error_t) with their texts, in p: errors often live in the pool of what they concern. */
apr_array_header_t *certmap_errors_copy(const apr_array_header_t *errors, apr_pool_t *p);

/** Messages of one kind that are not in a sink's list, because it has enough of them. */
typedef struct certmap_unsaid_t {
    int said; /**< that are in the list */
    int more;
    certmap_place_t first; /**< of these */
} certmap_unsaid_t;

/** Where errors go. Their text lives in pool. */
typedef struct certmap_sink_t {
    apr_array_header_t *list; /**< of certmap_error_t */
    const char *file;         /**< or NULL */
    int nerrors;              /**< errors, without the warnings, that passed through here, unsaid ones too */
    apr_pool_t *pool;
    certmap_unsaid_t unsaid[2]; /**< errors, warnings: of the text that is read */
} certmap_sink_t;

/** Adds an error. @param sink where to  @param at its place  @param fmt as of apr_psprintf; the text is cut off after
 *  CERTMAP_MESSAGE_MOST bytes, and only counted after CERTMAP_MESSAGES_MOST errors */
void certmap_sink_error(certmap_sink_t *sink, certmap_place_t at, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
/** Adds a warning. @param sink where to  @param at its place  @param fmt as of certmap_sink_error */
void certmap_sink_warning(certmap_sink_t *sink, certmap_place_t at, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

/** The end of a text: says how many messages there were beyond CERTMAP_MESSAGES_MOST. The next one may have as many.
 *  @param sink of the text that ends */
void certmap_sink_end(certmap_sink_t *sink);

/** The name of a NULL-terminated list nearest to word, or NULL when none is near enough to be a slip of the fingers.
 *  @param names what may have been meant; the first of equals wins */
const char *certmap_suggest(certmap_str_t word, const char *const *names);

#ifdef __cplusplus
}
#endif
#endif
