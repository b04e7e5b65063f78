/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Slots: what is current, replaced by one thread while others read. A generation is counted by its readers and by the
 * slot; who lets go last ends its pool. A lock guards only the moment between finding a generation and counting oneself
 * in, and is never held while anything is made or freed. It is a flag to spin on, not a mutex: what it guards is three
 * instructions, and each request asks a store for its generation.
 */
#include <sched.h>

#include "source/slot.h"

struct certmap_generation_t {
    const void *object;
    apr_uint64_t number;
    unsigned refs;    /* atomic */
    apr_pool_t *pool; /* this struct is in it */
};

struct certmap_slot_t {
    char locked;                   /* atomic */
    apr_abortfunc_t abort;         /* of the pool that the slot is in */
    certmap_generation_t *current; /* or NULL; under lock */
    apr_uint64_t number;           /* of current; atomic, so that it can be asked without the lock */
};

static void lock(certmap_slot_t *slot)
{
    int tries = 0;

    while (__atomic_test_and_set(&slot->locked, __ATOMIC_ACQUIRE)) {
        /* its holder may have lost the processor */
        if (++tries % 100 == 0) {
            sched_yield();
        }
    }
}

static void unlock(certmap_slot_t *slot)
{
    __atomic_clear(&slot->locked, __ATOMIC_RELEASE);
}

void certmap_slot_clear(certmap_slot_t *slot)
{
    certmap_generation_t *generation;

    lock(slot);
    generation = slot->current;
    slot->current = NULL;
    unlock(slot);
    if (generation != NULL) {
        certmap_generation_release(generation);
    }
}

static apr_status_t forget_slot(void *data)
{
    certmap_slot_clear(data);
    return APR_SUCCESS;
}

certmap_slot_t *certmap_slot_create(apr_pool_t *p)
{
    certmap_slot_t *slot = apr_pcalloc(p, sizeof(*slot));

    slot->abort = apr_pool_abort_get(p);
    apr_pool_cleanup_register(p, slot, forget_slot, apr_pool_cleanup_null);
    return slot;
}

/* An allocator of its own gives the memory back to the system when the generation ends. */
apr_pool_t *certmap_generation_pool(const certmap_slot_t *slot)
{
    apr_allocator_t *allocator;
    apr_pool_t *pool;

    if (apr_allocator_create(&allocator) != APR_SUCCESS) {
        return NULL;
    }
    apr_allocator_max_free_set(allocator, 1);
    if (apr_pool_create_unmanaged_ex(&pool, slot->abort, allocator) != APR_SUCCESS) {
        apr_allocator_destroy(allocator);
        return NULL;
    }
    apr_allocator_owner_set(allocator, pool);
    return pool;
}

certmap_generation_t *certmap_generation_create(const void *object, apr_pool_t *pool)
{
    certmap_generation_t *generation = apr_palloc(pool, sizeof(*generation));

    generation->object = object;
    generation->number = 0;
    generation->refs = 1;
    generation->pool = pool;
    return generation;
}

void certmap_generation_hold(certmap_generation_t *generation)
{
    __atomic_add_fetch(&generation->refs, 1, __ATOMIC_RELAXED);
}

apr_uint64_t certmap_slot_put(certmap_slot_t *slot, certmap_generation_t *generation)
{
    certmap_generation_t *before;
    apr_uint64_t number;

    lock(slot);
    before = slot->current;
    number = slot->number + 1;
    /* One that comes from another slot keeps its number; that may be read there at this moment. */
    if (generation->number == 0) {
        generation->number = number;
    }
    slot->current = generation;
    __atomic_store_n(&slot->number, number, __ATOMIC_RELEASE);
    unlock(slot);
    if (before != NULL) {
        certmap_generation_release(before);
    }
    return number;
}

apr_uint64_t certmap_slot_replace(certmap_slot_t *slot, const void *object, apr_pool_t *pool)
{
    return certmap_slot_put(slot, certmap_generation_create(object, pool));
}

certmap_generation_t *certmap_slot_acquire(certmap_slot_t *slot)
{
    certmap_generation_t *generation;

    /* [promise parallel] */
    lock(slot);
    generation = slot->current;
    if (generation != NULL) {
        certmap_generation_hold(generation);
    }
    unlock(slot);
    return generation;
}

apr_uint64_t certmap_slot_number(certmap_slot_t *slot)
{
    return __atomic_load_n(&slot->number, __ATOMIC_ACQUIRE);
}

void certmap_generation_release(certmap_generation_t *generation)
{
    if (__atomic_sub_fetch(&generation->refs, 1, __ATOMIC_ACQ_REL) == 0) {
        apr_pool_destroy(generation->pool);
    }
}

const void *certmap_generation_object(const certmap_generation_t *generation)
{
    return generation->object;
}

apr_uint64_t certmap_generation_number(const certmap_generation_t *generation)
{
    return generation->number;
}
