/* SPDX-License-Identifier: Apache-2.0 */
/*
 * APR's pools for AddressSanitizer, preloaded into httpd and the unit tests by "tools/check --sanitize". A pool
 * hands out parts of large mapped blocks, where an overrun meets the next part, memory used after its pool meets
 * another pool, and the leak detector does not look. Here every allocation of a pool is a malloc of its own,
 * freed when the pool is cleared or destroyed. A pool without a parent (nobody else destroys it) that is still there
 * when the process ends is reported as the leak of its stand-in, with the stack of its creation. Any number of
 * threads may run.
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <dlfcn.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <apr_general.h>
#include <apr_pools.h>
#include <apr_strings.h>
#include <apr_thread_proc.h>

/* What one pool holds. Freed by the cleanup that is registered before any other of its pool, and so runs last. */
typedef struct holding_t {
    struct holding_t *next;
    const apr_pool_t *pool;
    void **blocks;
    size_t n, room;
    uintptr_t hidden; /* the stand-in of a pool without a parent, written so that the leak detector misses it */
    void *shown;      /* the same in a process that was forked off later: the pool is its maker's to destroy */
} holding_t;

enum {
    BUCKETS = 4096
};

static holding_t *buckets[BUCKETS];
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static int exiting;
static __thread int lasting; /* memory comes from the pool itself, as without us */

static void fail(const char *what)
{
    fprintf(stderr, "pools.c: %s\n", what);
    abort();
}

static void *checked(void *memory)
{
    if (memory == NULL) {
        fail("out of memory");
    }
    return memory;
}

/* The function that ours replaces. */
static void next_of(const char *name, void *function)
{
    void *found = dlsym(RTLD_NEXT, name);

    if (found == NULL) {
        fail(name);
    }
    memcpy(function, &found, sizeof(found));
}

static holding_t **find(const apr_pool_t *p)
{
    holding_t **at = &buckets[((uintptr_t)p >> 4) % BUCKETS];

    while (*at != NULL && (*at)->pool != p) {
        at = &(*at)->next;
    }
    return at;
}

static void hold(holding_t *h, void *block)
{
    if (h->n == h->room) {
        h->room = h->room ? h->room * 2 : 16;
        h->blocks = checked(realloc(h->blocks, h->room * sizeof(*h->blocks)));
    }
    h->blocks[h->n++] = block;
}

static apr_status_t let_go(void *data)
{
    holding_t *h = data;
    holding_t **at;
    size_t i;

    pthread_mutex_lock(&lock);
    at = find(h->pool);
    *at = h->next;
    pthread_mutex_unlock(&lock);
    for (i = 0; i < h->n; i++) {
        free(h->blocks[i]);
    }
    free(h->blocks);
    if (h->hidden) {
        free((void *)~h->hidden);
    }
    free(h);
    return APR_SUCCESS;
}

/* One thread at a time uses a pool, so nobody else makes the same holding. */
static holding_t *holding_of(apr_pool_t *p)
{
    holding_t **at;
    holding_t *h;

    pthread_mutex_lock(&lock);
    at = find(p);
    h = *at;
    if (h == NULL) {
        h = *at = checked(calloc(1, sizeof(*h)));
        h->pool = p;
        pthread_mutex_unlock(&lock);
        apr_pool_cleanup_register(p, h, let_go, apr_pool_cleanup_null); /* comes back here for its own memory */
        return h;
    }
    pthread_mutex_unlock(&lock);
    return h;
}

void *apr_palloc(apr_pool_t *p, apr_size_t size)
{
    static void *(*next)(apr_pool_t *, apr_size_t);
    holding_t *h;
    void *block;

    if (lasting) {
        if (next == NULL) {
            next_of("apr_palloc", &next);
        }
        return next(p, size);
    }
    h = holding_of(p);
    block = checked(malloc(size));
    hold(h, block);
    return block;
}

#undef apr_pcalloc /* a macro over apr_palloc; libapr and httpd call the function */
void *apr_pcalloc(apr_pool_t *p, apr_size_t size);
void *apr_pcalloc(apr_pool_t *p, apr_size_t size)
{
    return memset(apr_palloc(p, size), 0, size);
}

/* libapr writes into the pool's block directly. */
char *apr_pvsprintf(apr_pool_t *p, const char *format, va_list ap)
{
    size_t room = 256;
    char *text = NULL;
    char *copy;
    int len;

    do {
        va_list again;

        room *= 2;
        text = checked(realloc(text, room));
        va_copy(again, ap);
        len = apr_vsnprintf(text, room, format, again);
        va_end(again);
    } while (len < 0 || (size_t)len >= room - 1);
    copy = memcpy(apr_palloc(p, (size_t)len + 1), text, (size_t)len + 1);
    free(text);
    return copy;
}

char *apr_psprintf(apr_pool_t *p, const char *format, ...)
{
    va_list ap;
    char *text;

    va_start(ap, format);
    text = apr_pvsprintf(p, format, ap);
    va_end(ap);
    return text;
}

static void show_all(void)
{
    size_t i;

    for (i = 0; i < BUCKETS; i++) {
        holding_t *h;

        for (h = buckets[i]; h != NULL; h = h->next) {
            h->shown = h->hidden ? (void *)~h->hidden : NULL;
        }
    }
}

/* The process that puts httpd into the background ends here, and destroys nothing: the one that continues has it
 * all. */
apr_status_t apr_proc_detach(int daemonize)
{
    static apr_status_t (*next)(int);

    if (next == NULL) {
        next_of("apr_proc_detach", &next);
    }
    show_all();
    return next(daemonize);
}

__attribute__((constructor)) static void watch_forks(void)
{
    pthread_atfork(NULL, NULL, show_all);
}

apr_status_t apr_pool_create_unmanaged_ex(apr_pool_t **p, apr_abortfunc_t abort_fn, apr_allocator_t *allocator)
{
    static apr_status_t (*next)(apr_pool_t **, apr_abortfunc_t, apr_allocator_t *);
    apr_status_t rv;

    if (next == NULL) {
        next_of("apr_pool_create_unmanaged_ex", &next);
    }
    rv = next(p, abort_fn, allocator);
    if (rv == APR_SUCCESS) {
        holding_of(*p)->hidden = ~(uintptr_t)checked(malloc(1));
    }
    return rv;
}

/* libapr looks at the processes of a pool after its last cleanup, when what we hold has been let go. */
void apr_pool_note_subprocess(apr_pool_t *p, apr_proc_t *proc, apr_kill_conditions_e how)
{
    static void (*next)(apr_pool_t *, apr_proc_t *, apr_kill_conditions_e);
    apr_proc_t *copy;

    if (next == NULL) {
        next_of("apr_pool_note_subprocess", &next);
    }
    lasting = 1;
    copy = apr_palloc(p, sizeof(*copy));
    *copy = *proc;
    next(p, copy, how);
    lasting = 0;
}

void apr_terminate(void)
{
    static void (*next)(void);

    if (next == NULL) {
        next_of("apr_terminate", &next);
    }
    exiting = 1;
    next();
}

/* What is unloaded has no names in the report of leaks, which is made last. */
int dlclose(void *handle)
{
    static int (*next)(void *);

    if (next == NULL) {
        next_of("dlclose", &next);
    }
    return exiting ? 0 : next(handle);
}
