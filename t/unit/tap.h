/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file t/unit/tap.h
 * @brief The few words of the Test Anything Protocol that the engine's unit tests speak.
 *
 * A test program calls plan() first (or plan(0) and lets tap_done() print the plan at the end, counted), then one of
 * ok, is_str, is_int per test, and returns tap_done() from main: 0 only when every test passed and their number is the
 * plan's.
 */
#ifndef TAP_H
#define TAP_H

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static int tap_planned, tap_run, tap_failed;

/** Prints lines of comment. */
static inline void __attribute__((format(printf, 1, 2))) diag(const char *format, ...)
{
    va_list ap;

    fputs("# ", stdout);
    va_start(ap, format);
    vprintf(format, ap);
    va_end(ap);
    putchar('\n');
    fflush(stdout);
}

/** How many tests will follow; 0: tap_done() counts them. */
static inline void plan(int tests)
{
    tap_planned = tests;
    if (tests > 0) {
        printf("1..%d\n", tests);
    }
}

/** One test. @return whether it held. */
static inline int __attribute__((format(printf, 2, 3))) ok(int holds, const char *format, ...)
{
    va_list ap;

    tap_run++;
    if (!holds) {
        tap_failed++;
    }
    printf("%sok %d - ", holds ? "" : "not ", tap_run);
    va_start(ap, format);
    vprintf(format, ap);
    va_end(ap);
    putchar('\n');
    fflush(stdout);
    return holds;
}

/** Whether two strings are equal; NULL equals only NULL. */
static inline int is_str(const char *got, const char *expected, const char *what)
{
    int same = got == expected || (got && expected && strcmp(got, expected) == 0);

    if (!ok(same, "%s", what)) {
        diag("     got: %s", got ? got : "(null)");
        diag("expected: %s", expected ? expected : "(null)");
    }
    return same;
}

/** Whether two numbers are equal. */
static inline int is_int(long long got, long long expected, const char *what)
{
    if (!ok(got == expected, "%s", what)) {
        diag("     got: %lld", got);
        diag("expected: %lld", expected);
    }
    return got == expected;
}

/** The program's exit status: 0 when all planned tests ran and passed. */
static inline int tap_done(void)
{
    if (tap_planned == 0) {
        printf("1..%d\n", tap_run);
    }
    else if (tap_planned != tap_run) {
        diag("planned %d tests, ran %d", tap_planned, tap_run);
        return 1;
    }
    if (tap_failed) {
        diag("%d of %d tests failed", tap_failed, tap_run);
    }
    return tap_failed || tap_run == 0;
}

#endif
