/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Does on purpose, one at a time, what the sanitizers are there to find: "tools/check --sanitize" believes in silence
 * only after it has seen them speak.
 */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <apr_general.h>
#include <apr_pools.h>
#include <apr_strings.h>

static volatile int sink, shared;

static void nothing(apr_pool_t *p)
{
    sink = apr_pstrdup(p, "text")[0];
}

static void overrun(apr_pool_t *p)
{
    const volatile char *text = apr_psprintf(p, "%s", "text");

    sink = text[sink + 5];
}

static void destroyed(apr_pool_t *p)
{
    apr_pool_t *child;
    const volatile char *text;

    apr_pool_create(&child, p);
    text = apr_pstrdup(child, "text");
    apr_pool_clear(p);
    sink = text[0];
}

static void abandoned(apr_pool_t *p)
{
    apr_pool_t *nobodys;

    apr_pool_create_unmanaged_ex(&nobodys, NULL, NULL);
    sink = apr_pstrdup(nobodys, "text") != NULL && p != NULL;
}

static void forgotten(apr_pool_t *p)
{
    char **places = apr_palloc(p, sizeof(*places) * 16);
    int i;

    /* one of them a register may still hold */
    for (i = 0; i < 16; i++) {
        places[i] = malloc(sizeof("text"));
        sink = places[i] != NULL;
    }
}

static void undefined(apr_pool_t *p)
{
    volatile int big = 0x7fffffff;

    sink = p ? big + 1 : 0;
}

static void *count(void *unused)
{
    int i;

    for (i = 0; i < 1000; i++) {
        shared++;
    }
    return unused;
}

static void race(apr_pool_t *p)
{
    pthread_t thread;

    pthread_create(&thread, NULL, count, p);
    count(NULL);
    pthread_join(thread, NULL);
}

static const struct {
    const char *name;
    void (*run)(apr_pool_t *p);
} wrongs[] = {
    { "nothing", nothing },     { "overrun", overrun },     { "destroyed", destroyed }, { "abandoned", abandoned },
    { "forgotten", forgotten }, { "undefined", undefined }, { "race", race },
};

int main(int argc, char **argv)
{
    apr_pool_t *p;
    size_t i;

    apr_initialize();
    atexit(apr_terminate);
    apr_pool_create(&p, NULL);
    for (i = 0; i < sizeof(wrongs) / sizeof(wrongs[0]); i++) {
        if (argc == 2 && strcmp(argv[1], wrongs[i].name) == 0) {
            wrongs[i].run(p);
            return 0;
        }
    }
    fprintf(stderr, "probe: say what to do wrong\n");
    return 0;
}
