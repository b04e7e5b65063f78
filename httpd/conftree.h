/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file httpd/conftree.h
 * @brief Reading other modules' directives from httpd's configuration tree.
 *
 * mod_ssl keeps its settings private. What the administrator wrote is in ap_conftree, as mod_info uses it, and that is
 * enough to check combinations that would be unsafe and to tell two verification set-ups apart.
 */
#ifndef CERTMAP_HTTPD_CONFTREE_H
#define CERTMAP_HTTPD_CONFTREE_H

#include <httpd.h>
#include <http_config.h>
#include <util_cfgtree.h>

/** Where a directive is, seen from a server. */
typedef enum certmap_level_e {
    CERTMAP_LEVEL_MAIN,   /**< outside any virtual host, outside sections: vhosts inherit it */
    CERTMAP_LEVEL_VHOST,  /**< in the virtual host itself */
    CERTMAP_LEVEL_SECTION /**< in a <Location>, <Directory>, <Files>, <If> of either */
} certmap_level_e;

/**
 * Whether what is in s is in the tree. What a module configures by itself (mod_perl's <Perl>) is not: then nothing
 * can be said of it.
 */
int certmap_conftree_knows(const server_rec *s);

/** The <VirtualHost> of s; NULL for the main server, and where the tree does not have it. */
const ap_directive_t *certmap_conftree_vhost(const server_rec *s);

/** @return 0 to stop the walk */
typedef int certmap_directive_fn(const ap_directive_t *d, certmap_level_e level, void *baton);

/** Calls fn for every directive that concerns s, in order: those outside any virtual host, then those of its own. */
void certmap_conftree_each(const server_rec *s, certmap_directive_fn *fn, void *baton);
/** The directive of that name that holds at the server level of s (its own, else the main server's), or NULL. */
const ap_directive_t *certmap_conftree_find(const server_rec *s, const char *name);

#endif
