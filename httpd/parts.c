/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Chains of parts, and pinning them for a decision.
 */
#include "parts.h"

void certmap_part_freeze(certmap_part_t *part)
{
    if (part->builder) {
        part->said = certmap_builder_errors(part->builder);
        part->rules = certmap_builder_finish(part->builder);
        part->builder = NULL;
    }
}

apr_size_t certmap_chain_length(const certmap_chain_t *chain)
{
    apr_size_t n = 0;

    for (; chain; chain = chain->outer) {
        n++;
    }
    return n;
}

void certmap_chain_pin(const certmap_chain_t *chain, certmap_pinned_t *pinned, apr_pool_t *p)
{
    apr_size_t n = certmap_chain_length(chain);
    certmap_list_t *lists = apr_pcalloc(p, sizeof(*lists) * (n + 1));

    pinned->list = n ? lists : NULL;
    pinned->held = apr_palloc(p, sizeof(*pinned->held) * (n + 1));
    pinned->nheld = 0;
    pinned->incomplete = 0;
    for (; chain; chain = chain->outer, lists++) {
        const certmap_part_t *part = chain->part;

        lists->outer = chain->outer ? lists + 1 : NULL;
        lists->rules = part->rules;
        if (part->builder) { /* is where the start-up checks did not find it */
            pinned->incomplete = 1;
        }
        lists->source = part->source;
        if (part->file) {
            certmap_generation_t *generation = certmap_slot_acquire(certmap_reread_slot(part->file));

            if (generation) {
                lists->rules = certmap_generation_object(generation);
                pinned->held[pinned->nheld++] = generation;
            }
            else {
                pinned->incomplete = 1;
            }
        }
    }
}

void certmap_chain_unpin(certmap_pinned_t *pinned)
{
    while (pinned->nheld) {
        certmap_generation_release(pinned->held[--pinned->nheld]);
    }
    pinned->list = NULL;
}
