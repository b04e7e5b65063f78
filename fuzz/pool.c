/* SPDX-License-Identifier: Apache-2.0 */
/*
 * APR's pools for the fuzzers and the replay of their seeds: every apr_palloc is a malloc of its own, freed when its
 * pool is cleared or destroyed, so that AddressSanitizer and valgrind see a byte read after an end and memory used
 * after its pool. The definitions here come before libapr's in the order of symbols; libapr calls them too, for a
 * pool's children as well.
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <dlfcn.h>

#include "fuzz.h"

/* libapr finds these although everything else may be built hidden. */
#define FOR_ALL __attribute__((visibility("default")))

unsigned long fuzz_allocations;

/* What precedes each allocation; as strictly aligned as anything that may follow it. */
typedef struct block_t {
    struct block_t *next;
    apr_pool_t *pool;
} __attribute__((aligned(16))) block_t;

/* Pools by address; a fuzzer has a handful of them at a time, its allocations are many. */
#define BUCKETS 1024

static block_t *buckets[BUCKETS];

static block_t **bucket(const apr_pool_t *p)
{
    return &buckets[((apr_uintptr_t)p >> 4) % BUCKETS];
}

FOR_ALL void *apr_palloc(apr_pool_t *p, apr_size_t size)
{
    block_t *b = malloc(sizeof(*b) + size);

    if (b == NULL) {
        abort();
    }
    fuzz_allocations++;
    b->pool = p;
    b->next = *bucket(p);
    *bucket(p) = b;
    return b + 1;
}

#undef apr_pcalloc /* a macro over apr_palloc; libapr and older code call the function */
FOR_ALL void *apr_pcalloc(apr_pool_t *p, apr_size_t size);
void *apr_pcalloc(apr_pool_t *p, apr_size_t size)
{
    return memset(apr_palloc(p, size), 0, size);
}

static void free_blocks(const apr_pool_t *p)
{
    block_t **at = bucket(p);

    while (*at != NULL) {
        block_t *b = *at;

        if (b->pool == p) {
            *at = b->next;
            free(b);
        }
        else {
            at = &b->next;
        }
    }
}

static void (*next_of(const char *name))(apr_pool_t *)
{
    void *found = dlsym(RTLD_NEXT, name);
    void (*function)(apr_pool_t *);

    if (found == NULL) {
        fprintf(stderr, "fuzz/pool.c: no %s\n", name);
        abort();
    }
    memcpy(&function, &found, sizeof(function));
    return function;
}

FOR_ALL void apr_pool_clear(apr_pool_t *p)
{
    static void (*next)(apr_pool_t *);

    if (next == NULL) {
        next = next_of("apr_pool_clear");
    }
    next(p);
    free_blocks(p);
}

FOR_ALL void apr_pool_destroy(apr_pool_t *p)
{
    static void (*next)(apr_pool_t *);

    if (next == NULL) {
        next = next_of("apr_pool_destroy");
    }
    next(p);
    free_blocks(p);
}
