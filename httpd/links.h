/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file httpd/links.h
 * @brief What a list is made of: rules of the configuration itself, rule files, sources.
 *
 * Configurations hold lists of links; merging joins lists and compiles nothing. What a rule file or source says may
 * change while the server runs: to decide, a list is pinned, which holds the generations that are current until it
 * is unpinned.
 */
#ifndef CERTMAP_HTTPD_LINKS_H
#define CERTMAP_HTTPD_LINKS_H

#include <httpd.h>

#include "certmap.h"

/** One link; exactly one of rules, file and source is set when the configuration has been read. */
typedef struct certmap_link_t {
    const certmap_ruleset_t *rules; /**< CertMapRule lines one after another */
    certmap_builder_t *builder;     /**< of these while directives are read */
    const apr_array_header_t *said; /**< what the builder warned about, of certmap_error_t */
    certmap_reread_t *file;         /**< CertMapRuleFile */
    certmap_source_t *source;       /**< CertMapSource */
} certmap_link_t;

/** Links in the order in which they are asked: outer first. */
typedef struct certmap_links_t {
    const struct certmap_links_t *outer;
    certmap_link_t *link;
} certmap_links_t;

/** A list as the engine takes it. */
typedef struct certmap_pinned_t {
    const certmap_list_t *list; /**< NULL for an empty list */
    certmap_generation_t **held;
    int nheld;
    int incomplete; /**< rules are missing that should be there: do not decide */
} certmap_pinned_t;

/** Compiles what directives have gathered. */
void certmap_link_freeze(certmap_link_t *link);
/** A number that changes whenever an answer of the link might. Asked of each link by every request. */
static inline apr_uint64_t certmap_link_generation(const certmap_link_t *link)
{
    if (link->file) {
        return certmap_slot_number(certmap_reread_slot(link->file));
    }
    return link->source ? link->source->vtable->generation(link->source) : 0;
}

/** Number of links. */
apr_size_t certmap_links_count(const certmap_links_t *links);
/** Holds what is current. Always unpin. */
void certmap_links_pin(const certmap_links_t *links, certmap_pinned_t *pinned, apr_pool_t *p);
void certmap_links_unpin(certmap_pinned_t *pinned);

#endif
