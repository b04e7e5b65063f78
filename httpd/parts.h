/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file httpd/parts.h
 * @brief What a list is made of: rules of the configuration itself, rule files, sources.
 *
 * Configurations hold chains of parts; merging links parts and compiles nothing. What a rule file or source says may
 * change while the server runs: to decide, a chain is pinned, which holds the generations that are current until it
 * is unpinned.
 */
#ifndef CERTMAP_HTTPD_PARTS_H
#define CERTMAP_HTTPD_PARTS_H

#include <httpd.h>

#include "certmap.h"

/** One part; exactly one of rules, file and source is set when the configuration has been read. */
typedef struct certmap_part_t {
    const certmap_ruleset_t *rules; /**< CertMapRule lines one after another */
    certmap_builder_t *builder;     /**< of these while directives are read */
    const apr_array_header_t *said; /**< what the builder warned about, of certmap_error_t */
    certmap_reread_t *file;         /**< CertMapRuleFile */
    certmap_source_t *source;       /**< CertMapSource */
} certmap_part_t;

/** Parts in the order in which they are asked: outer first. */
typedef struct certmap_chain_t {
    const struct certmap_chain_t *outer;
    certmap_part_t *part;
} certmap_chain_t;

/** A chain as the engine takes it. */
typedef struct certmap_pinned_t {
    const certmap_list_t *list; /**< NULL for an empty chain */
    certmap_generation_t **held;
    int nheld;
    int incomplete; /**< rules are missing that should be there: do not decide */
} certmap_pinned_t;

/** Compiles what directives have gathered. */
void certmap_part_freeze(certmap_part_t *part);
/** A number that changes whenever an answer of the part might. Asked of each part by every request. */
static inline apr_uint64_t certmap_part_generation(const certmap_part_t *part)
{
    if (part->file) {
        return certmap_slot_number(certmap_reread_slot(part->file));
    }
    return part->source ? part->source->vtable->generation(part->source) : 0;
}

/** Number of parts. */
apr_size_t certmap_chain_length(const certmap_chain_t *chain);
/** Holds what is current. Always unpin. */
void certmap_chain_pin(const certmap_chain_t *chain, certmap_pinned_t *pinned, apr_pool_t *p);
void certmap_chain_unpin(certmap_pinned_t *pinned);

#endif
