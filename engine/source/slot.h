/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file engine/source/slot.h
 * @brief Making generations and putting them into slots.
 */
#ifndef CERTMAP_SOURCE_SLOT_H
#define CERTMAP_SOURCE_SLOT_H

#include "source/source.h"

/** An empty slot. It lets go of its generation when p ends; no thread may use the slot then. */
certmap_slot_t *certmap_slot_create(apr_pool_t *p);
/** A pool for the next generation, with the abort function of the slot's own pool. It belongs to nothing yet: hand it
 *  to certmap_slot_replace, or destroy it. NULL: no memory. */
apr_pool_t *certmap_generation_pool(const certmap_slot_t *slot);
/** A generation that is in no slot yet, held once. object lives in pool, which is the generation's from now on. */
certmap_generation_t *certmap_generation_create(const void *object, apr_pool_t *pool);
/** Makes a generation the current one. It may be in other slots, too. One hold becomes the slot's. @return the number
 *  of what is current in this slot, from 1 */
apr_uint64_t certmap_slot_put(certmap_slot_t *slot, certmap_generation_t *generation);
/** Makes object the current one, in a new generation: create and put. */
apr_uint64_t certmap_slot_replace(certmap_slot_t *slot, const void *object, apr_pool_t *pool);
/** Its number in the slot that it was put into first; 0: in none yet. */
apr_uint64_t certmap_generation_number(const certmap_generation_t *generation);

#endif
