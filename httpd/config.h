/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file httpd/config.h
 * @brief What the directives of mod_certmap become.
 */
#ifndef CERTMAP_HTTPD_CONFIG_H
#define CERTMAP_HTTPD_CONFIG_H

#include <httpd.h>
#include <http_config.h>

#include "certmap.h"
#include "links.h"

/* The one symbol that httpd looks up; everything else is hidden, which also makes calls between files cheaper. */
extern module AP_MODULE_DECLARE_DATA certmap_module __attribute__((visibility("default")));

#define CERTMAP_UNSET (-1)

typedef enum certmap_mode_e {
    CERTMAP_MODE_UNSET = CERTMAP_UNSET,
    CERTMAP_MODE_OFF,
    CERTMAP_MODE_OPTIONAL,
    CERTMAP_MODE_ON
} certmap_mode_e;

/** One place of the configuration that has rules or sources of its own or says CertMapInherit. */
typedef struct certmap_layer_t {
    const certmap_links_t *links; /**< this layer's links alone, the last one first; NULL: none */
    int inherit;                  /**< CERTMAP_UNSET, 0, 1 */
} certmap_layer_t;

/**
 * Settings of a section, or of a server as the outermost section. Every field has an unset value, so that merging is
 * associative: httpd merges sections with one another before it merges them into the server's.
 */
typedef struct certmap_dir_conf_t {
    certmap_mode_e mode;
    int exempt; /**< CertMap Off was written in a section: the guard does nothing */
    int report_only;
    int min_strength;               /**< CERTMAP_UNSET or certmap_strength_e */
    const char **documents;         /**< by certmap_answer_e, entries NULL where unset; NULL: none at all */
    certmap_layer_t *own;           /**< of the place itself, NULL in merged configurations */
    certmap_layer_t *const *layers; /**< outermost first */
    int nlayers;
    const char *where;      /**< for messages: "<Location /x>", or NULL at server level */
    const char *where_file; /**< and where that begins */
    int where_line;
    const ap_directive_t *section; /**< that section in httpd's configuration tree; NULL in merged configurations */
} certmap_dir_conf_t;

/** Settings of a virtual host. */
typedef struct certmap_srv_conf_t {
    int defer;                  /**< CertMapDeferErrors */
    int asks_in_sections;       /**< SSLVerifyClient is in a section: mod_ssl may refuse before we are asked */
    int used;                   /**< something here depends on certificates, as far as start-up sees */
    const unsigned char *trust; /**< tls.c: digest of what is trusted here, 32 bytes; NULL: cannot be found out */
    const char *defer_file;     /**< where CertMapDeferErrors is, for messages */
    int defer_line;
} certmap_srv_conf_t;

extern const command_rec certmap_commands[];

void *certmap_dir_conf_create(apr_pool_t *p, char *path);
void *certmap_dir_conf_merge(apr_pool_t *p, void *base, void *add);
void *certmap_srv_conf_create(apr_pool_t *p, server_rec *s);
void *certmap_srv_conf_merge(apr_pool_t *p, void *base, void *add);

/* Inline, here and in tls.h and request.h: several of each for every request. */
static inline certmap_dir_conf_t *certmap_dir_conf(const request_rec *r)
{
    return ap_get_module_config(r->per_dir_config, &certmap_module);
}

static inline certmap_srv_conf_t *certmap_srv_conf(const server_rec *s)
{
    return ap_get_module_config(s->module_config, &certmap_module);
}

/** Whether certificates are mapped there: CertMap On or Optional. */
static inline int certmap_conf_maps(const certmap_dir_conf_t *conf)
{
    return conf->mode == CERTMAP_MODE_ON || conf->mode == CERTMAP_MODE_OPTIONAL;
}

/** What the layers of a configuration ask together, with CertMapInherit resolved; in p only when linked. */
const certmap_links_t *certmap_conf_merged(const certmap_dir_conf_t *conf, apr_pool_t *p);

/** What a configuration asks; NULL when there is nothing. */
static inline const certmap_links_t *certmap_conf_links(const certmap_dir_conf_t *conf, apr_pool_t *p)
{
    return conf->nlayers == 1 ? conf->layers[0]->links : certmap_conf_merged(conf, p);
}

/** CertMapMinStrength, weak by default. */
static inline certmap_strength_e certmap_conf_min_strength(const certmap_dir_conf_t *conf)
{
    return conf->min_strength == CERTMAP_UNSET ? CERTMAP_WEAK : (certmap_strength_e)conf->min_strength;
}

/** As CertMap takes it, "unset" where it is not set. */
const char *certmap_mode_name(certmap_mode_e mode);

/** A section of the effective configuration. */
typedef void certmap_section_fn(server_rec *s, const certmap_dir_conf_t *raw, const certmap_dir_conf_t *merged,
                                const char *name, void *baton);
/** Calls fn for the server level of s (name NULL, raw == merged) and for each of its sections, nested ones too.
 *  Compiles what directives have gathered there, the first time. */
void certmap_conf_walk(server_rec *s, certmap_section_fn *fn, void *baton, apr_pool_t *p);

#endif
