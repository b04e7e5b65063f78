/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file fuzz/fuzz.h
 * @brief What the fuzz targets share: a pool for each run, checks that end the process, readers of the input,
 *        certificates written as DER, and second opinions on text that owe nothing to the engine.
 *
 * A target defines FUZZ_TARGET(name)(data, size). For libFuzzer that is LLVMFuzzerTestOneInput; in t/unit/test_seeds,
 * which holds all targets at once and replays their seeds with the plain compiler, it is fuzz_one_NAME.
 */
#ifndef FUZZ_H
#define FUZZ_H

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <apr_strings.h>

#include "certmap.h"

#ifdef CERTMAP_LIBFUZZER
#define FUZZ_TARGET(name) LLVMFuzzerTestOneInput
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
#else
#define FUZZ_TARGET(name) fuzz_one_##name
#endif
int fuzz_one_cert(const uint8_t *data, size_t size);
int fuzz_one_decide(const uint8_t *data, size_t size);
int fuzz_one_dn(const uint8_t *data, size_t size);
int fuzz_one_entry(const uint8_t *data, size_t size);
int fuzz_one_import(const uint8_t *data, size_t size);
int fuzz_one_index(const uint8_t *data, size_t size);
int fuzz_one_rules(const uint8_t *data, size_t size);
int fuzz_one_store(const uint8_t *data, size_t size);
int fuzz_one_template(const uint8_t *data, size_t size);

/** What must hold. Says what does not, and ends the process so that the fuzzer keeps the input. */
#define FUZZ_CHECK(holds) ((holds) ? (void)0 : fuzz_fail(__FILE__, __LINE__, #holds))
void fuzz_fail(const char *file, int line, const char *what) __attribute__((noreturn));

/** The pool of this run; what the run before had in it is freed. The first call starts APR and the engine. */
apr_pool_t *fuzz_pool(void);
/** A pool that lives as long as the process. */
apr_pool_t *fuzz_lasting_pool(void);

/** How often pools have given memory, counted by pool.c. */
extern unsigned long fuzz_allocations;

/** "Now": 2026-06-15T12:00:00Z. */
#define FUZZ_NOW (apr_time_from_sec(1781524800))

/** A question in one line. */
#define QUESTION(l, c, v, m, n) \
    (&(certmap_question_t){ .list = (l), .cert = (c), .verdict = (v), .min = (m), .now = (n) })

/* ---- input --------------------------------------------------------------------------------------------------- */

typedef struct fuzz_in_t {
    const uint8_t *at;
    const uint8_t *end;
} fuzz_in_t;

/** The next byte, 0 at the end. */
unsigned fuzz_byte(fuzz_in_t *in);
/** A number from 0 to n - 1. */
unsigned fuzz_pick(fuzz_in_t *in, unsigned n);
/** The next line without its end, as a string with its length; NULs are in it unchanged. @return 0 at the end */
int fuzz_line(fuzz_in_t *in, certmap_str_t *line, apr_pool_t *p);

/* ---- certificates -------------------------------------------------------------------------------------------- */

/** One value of a certificate that is to be made. */
typedef struct fuzz_value_t {
    char kind;         /**< see fuzz_kind_known */
    unsigned char tag; /**< ASN.1 type of a subject attribute or UPN */
    int joined;        /**< in the RDN of the attribute before */
    certmap_str_t text;
} fuzz_value_t;

/** Whether a kind is one. Subject: C CN, O O, U OU, S serialNumber, T title. SAN: e email, d dns, u uri, p UPN. */
int fuzz_kind_known(char kind);
/** DER of a certificate that has these values, with a key and a signature that mean nothing. Joined attributes must
 *  come in the order of their encodings, as DER has it. */
certmap_str_t fuzz_der(const fuzz_value_t *values, apr_size_t n, apr_pool_t *p);
/** Its view. Never NULL. */
const certmap_cert_t *fuzz_cert(const fuzz_value_t *values, apr_size_t n, apr_pool_t *p);

/** A certificate of the lines up to an empty one, each a value: its kind, a digit for its ASN.1 type, '+' or '-' for
 *  "in the RDN before" or not, and the text. Never NULL. */
const certmap_cert_t *fuzz_read_cert(fuzz_in_t *in, apr_pool_t *p);

/* ---- second opinions ----------------------------------------------------------------------------------------- */

/** Whether bytes are valid UTF-8 without controls, NUL, bidi controls, zero-width characters, line separators. */
int fuzz_is_clean(certmap_str_t text);
/** Whether bytes are valid UTF-8 without controls and NUL: what a certificate's text is. */
int fuzz_is_sound(certmap_str_t text);
/** Whether text is valid UTF-8 without controls but the tab; errors quote what was written, bidi controls too. */
int fuzz_is_line(const char *text);
/** Whether bytes are a user name as docs/conditions.md describes it. */
int fuzz_is_user(certmap_str_t text);
/** ASCII lower case, runs of blanks one space, none at the ends. */
certmap_str_t fuzz_fold(certmap_str_t text, apr_pool_t *p);
int fuzz_same(certmap_str_t a, certmap_str_t b);
/** Whether text meets a pattern in which '*' and '?' are wild and a backslash escapes them and itself. */
int fuzz_wild(certmap_str_t pattern, certmap_str_t text);
/** The same, as a condition with or without case: compares. */
int fuzz_meets(certmap_str_t pattern, int exact, certmap_str_t text, apr_pool_t *p);
/** Whether two decisions say the same. */
int fuzz_same_decision(const certmap_decision_t *a, const certmap_decision_t *b);
/** Whether the regexes of a decision ran out of processor time, which depends on the machine. */
int fuzz_timed_out(const certmap_decision_t *d);
/** Checks that a decision does not contradict itself. */
void fuzz_check_decision(const certmap_decision_t *d);
/** Checks an error or warning as people will see it. */
void fuzz_check_errors(const apr_array_header_t *errors);

#endif
