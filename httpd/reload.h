/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file httpd/reload.h
 * @brief Rule files, entry files and stores while the server runs: read at start-up, looked at again once a second.
 */
#ifndef CERTMAP_HTTPD_RELOAD_H
#define CERTMAP_HTTPD_RELOAD_H

#include <httpd.h>
#include <http_config.h>

#include "links.h"

/**
 * Reads a file for the first time. What is wrong with it refuses a cold start; at a restart the text that was good last
 * is used, and everything is logged.
 * @return NULL, or the message for httpd
 */
const char *certmap_reload_first(cmd_parms *cmd, const char *directive, certmap_reread_t *file);

/**
 * Says that a list is in force somewhere. What is wrong with it as a whole (a name used twice, a rule that is too weak)
 * is asked of each of its files before a new text takes its place.
 */
void certmap_reload_stands_in(const certmap_links_t *links, certmap_strength_e min);
/** When all lists are known: at a restart, files whose new text does not fit its list go back to the last good one. */
void certmap_reload_settle(server_rec *s, apr_pool_t *ptemp);
/** When nothing is wrong with the configuration: its texts are the last good ones, when it ends. */
void certmap_reload_keep(server_rec *s, apr_pool_t *pconf);

/** Makes the source for a store, which is checked and stays open: children have it from the parent. Returns as
 *  above. */
const char *certmap_reload_store(cmd_parms *cmd, const char *path, certmap_source_t **source);

/** Hook post_config: what a child needs to look again, in a thread of mod_watchdog. */
int certmap_reload_start(apr_pool_t *pconf, apr_pool_t *plog, apr_pool_t *ptemp, server_rec *s);
/** Hook child_init: a child that begins between two looks of the parent does not begin with what was true then. */
void certmap_reload_child(apr_pool_t *pchild, server_rec *s);
/** Hook monitor: looks again in the parent, about every ten seconds, and keeps the last good text. */
int certmap_reload_monitor(apr_pool_t *p, server_rec *s);

#endif
