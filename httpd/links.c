/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Lists as configurations have them, and pinning them for a decision.
 */
#include "links.h"

void certmap_link_freeze(certmap_link_t *link)
{
    if (link->builder) {
        link->said = certmap_builder_errors(link->builder);
        link->rules = certmap_builder_finish(link->builder);
        link->builder = NULL;
    }
}

apr_size_t certmap_links_count(const certmap_links_t *links)
{
    apr_size_t n = 0;

    for (; links; links = links->outer) {
        n++;
    }
    return n;
}

void certmap_links_pin(const certmap_links_t *links, certmap_pinned_t *pinned, apr_pool_t *p)
{
    apr_size_t n = certmap_links_count(links);
    certmap_list_t *lists = apr_pcalloc(p, sizeof(*lists) * (n + 1));

    pinned->list = n ? lists : NULL;
    pinned->held = apr_palloc(p, sizeof(*pinned->held) * (n + 1));
    pinned->nheld = 0;
    pinned->incomplete = 0;
    for (; links; links = links->outer, lists++) {
        const certmap_link_t *link = links->link;

        lists->outer = links->outer ? lists + 1 : NULL;
        lists->rules = link->rules;
        if (link->builder) { /* is where the start-up checks did not find it */
            pinned->incomplete = 1;
        }
        lists->source = link->source;
        if (link->file) {
            certmap_generation_t *generation = certmap_slot_acquire(certmap_reread_slot(link->file));

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

void certmap_links_unpin(certmap_pinned_t *pinned)
{
    while (pinned->nheld) {
        certmap_generation_release(pinned->held[--pinned->nheld]);
    }
    pinned->list = NULL;
}
