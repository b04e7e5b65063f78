/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file bench/bench.h
 * @brief What the benchmarks share: clocks, memory, a median.
 */
#ifndef BENCH_H
#define BENCH_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/** Processor time of this process in seconds: what other processes do does not count. */
static inline double bench_cpu(void)
{
    struct timespec t;

    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

/** A line of /proc/self/status in MB: "VmRSS:", "VmHWM:". */
static inline double bench_memory(const char *name)
{
    FILE *f = fopen("/proc/self/status", "r");
    char line[256];
    double mb = 0;

    while (f != NULL && fgets(line, sizeof(line), f) != NULL) {
        if (strncmp(line, name, strlen(name)) == 0) {
            mb = strtod(line + strlen(name), NULL) / 1024;
        }
    }
    if (f != NULL) {
        fclose(f);
    }
    return mb;
}

/** Forgets the peak so far. */
static inline void bench_forget_peak(void)
{
    FILE *f = fopen("/proc/self/clear_refs", "w");

    if (f != NULL) {
        fputs("5", f);
        fclose(f);
    }
}

static inline int bench_order(const void *a, const void *b)
{
    double x = *(const double *)a;
    double y = *(const double *)b;

    return (x > y) - (x < y);
}

static inline double bench_median(double *values, size_t n)
{
    qsort(values, n, sizeof(*values), bench_order);
    return values[n / 2];
}

/** Measures calls of what(arg): nanoseconds of processor time each, the median of seven rounds that take `seconds`. */
static inline double bench_ns(void (*what)(void *arg), void *arg, double seconds)
{
    double rounds[7];
    size_t calls = 1;
    size_t i;
    size_t r;
    double spent = 0;

    while (spent < seconds / 20) {
        double start = bench_cpu();

        calls *= 2;
        for (i = 0; i < calls; i++) {
            what(arg);
        }
        spent = bench_cpu() - start;
    }
    calls = (size_t)((double)calls * seconds / 7 / spent) + 1;
    for (r = 0; r < 7; r++) {
        double start = bench_cpu();

        for (i = 0; i < calls; i++) {
            what(arg);
        }
        rounds[r] = 1e9 * (bench_cpu() - start) / (double)calls;
    }
    return bench_median(rounds, 7);
}

#endif
