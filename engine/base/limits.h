/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file engine/base/limits.h
 * @brief What one text and one decision may cost at most: every limit of the rule side, and why it is what it is.
 *
 * What people write and what CAs issue stays far below all of them. docs/conditions.md ("Limits") says what a rule
 * writer meets, bench/bench_worst what the worst shapes cost.
 */
#ifndef CERTMAP_BOUNDS_H
#define CERTMAP_BOUNDS_H

/* ---- one decision --------------------------------------------------------------------------------------------- */

/** Steps of one decision, all its rules together: about a byte that is looked at each, so that it takes at most half a
 *  second, more or less. A hundred thousand rules that no index can sort out take a tenth of them with an ordinary
 *  certificate. When they are used up, the matcher has failed: no rule that is still to be asked says yes. */
#define CERTMAP_STEPS_MOST 100000000
/** What asking a rule, and a value by a condition, cost beyond the bytes. */
#define CERTMAP_STEPS_RULE 50
#define CERTMAP_STEPS_VALUE 5
/** Of these, and of the time for regexes, what looking for the nearest miss may take: it is for a line of the log. */
#define CERTMAP_NEAREST_PART 10
/** And how many times as much explaining may take, which asks every rule, and each of its conditions by itself. */
#define CERTMAP_EXPLAIN_TIMES 5

/** Processor time, in nanoseconds, of all regexes of a decision: PCRE2 does not tell its steps. The clock is read
 *  before a regex when the texts since it was read last have so many bytes, a few for each of them added. */
#define CERTMAP_REGEX_TIME 500000000
#define CERTMAP_REGEX_CLOCK 1024
#define CERTMAP_REGEX_CALL 16

/** Texts longer than this are not given to PCRE2: an ordinary regex may take the square of the length there. Names of
 *  people and machines have at most a few hundred bytes, URIs of workloads 2,048. */
#define CERTMAP_REGEX_TEXT_MOST 4096

/** PCRE2's match limit by the length of the text, which each of its steps may go through as a whole: 10 ms in the worst
 *  regexes that were tried, with machine code and without. What passes over a text a few times stays below it. */
#define CERTMAP_REGEX_LIMITS           \
    { 256, 200000 }, { 1024, 50000 },  \
    {                                  \
        CERTMAP_REGEX_TEXT_MOST, 12500 \
    }
#define CERTMAP_REGEX_NLIMITS 3
/** The same for trying a regex on a few words when it is read. */
#define CERTMAP_REGEX_PROBE 2000
/** Depth and memory (in KiB) of a match without machine code. */
#define CERTMAP_REGEX_DEPTH 20000
#define CERTMAP_REGEX_HEAP 8192

/* ---- texts ---------------------------------------------------------------------------------------------------- */

/** Words of a logical line. Conditions of a rule are compared with one another, so that the time of reading a line
 *  grows faster than its length; and each word takes a few hundred bytes while its line is read. */
#define CERTMAP_WORDS_MOST 1000

/** Bytes of a word: 50,000 groups fit. Each byte has a place of its own, of 8 bytes, while its line is read. */
#define CERTMAP_WORD_MOST (1024 * 1024)

/** Bytes of all regexes of a set, compiled: (...){999} takes a thousand times what it has as text. A hundred thousand
 *  ordinary ones take 30 MB. */
#define CERTMAP_REGEX_BYTES_MOST (256 * 1024 * 1024)

/** Errors, and warnings, that one text is shown with; the others are counted. A hundred are enough. */
#define CERTMAP_MESSAGES_MOST 100

/** Bytes of one message: what it quotes may be as long as a word. */
#define CERTMAP_MESSAGE_MOST 1000

#endif
