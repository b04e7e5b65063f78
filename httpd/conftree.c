/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Walks httpd's configuration tree as one virtual host sees it: the directives outside any <VirtualHost>, which it
 * inherits, and then its own. <IfModule>, <IfDefine>, Include and macros are already resolved in the tree.
 */
#include "conftree.h"

#include <apr_strings.h>

static int is_container(const ap_directive_t *d)
{
    return d->directive[0] == '<';
}

static int is_vhost(const ap_directive_t *d)
{
    return strcasecmp(d->directive, "<VirtualHost") == 0;
}

static int walk(const ap_directive_t *d, certmap_level_e level, certmap_directive_fn *fn, void *baton)
{
    for (; d; d = d->next) {
        if (is_vhost(d)) {
            continue;
        }
        if (!fn(d, level, baton)) {
            return 0;
        }
        if (is_container(d) && d->first_child && !walk(d->first_child, CERTMAP_LEVEL_SECTION, fn, baton)) {
            return 0;
        }
    }
    return 1;
}

/*
 * A file may be read twice (Include, macros), and each time gives virtual hosts of its own on the same lines. The name
 * is compared as a pointer: httpd makes a new one for each reading of a file.
 */
const ap_directive_t *certmap_conftree_vhost(const server_rec *s)
{
    const ap_directive_t *d, *found = NULL;

    if (!s->is_virtual) {
        return NULL;
    }
    for (d = ap_conftree; d; d = d->next) {
        if (d->filename == s->defn_name && d->line_num == (int)s->defn_line_number && is_vhost(d)) {
            if (found) {
                return NULL; /* which one is it? */
            }
            found = d;
        }
    }
    return found;
}

int certmap_conftree_knows(const server_rec *s)
{
    return !s->is_virtual || certmap_conftree_vhost(s);
}

void certmap_conftree_each(const server_rec *s, certmap_directive_fn *fn, void *baton)
{
    const ap_directive_t *vhost = certmap_conftree_vhost(s);

    if (walk(ap_conftree, CERTMAP_LEVEL_MAIN, fn, baton) && vhost) {
        walk(vhost->first_child, CERTMAP_LEVEL_VHOST, fn, baton);
    }
}

typedef struct find_baton_t {
    const char *name;
    const ap_directive_t *found;
} find_baton_t;

static int find_one(const ap_directive_t *d, certmap_level_e level, void *baton)
{
    find_baton_t *find = baton;

    if (level != CERTMAP_LEVEL_SECTION && strcasecmp(d->directive, find->name) == 0) {
        find->found = d; /* the last one holds, the vhost's after the main server's */
    }
    return 1;
}

const ap_directive_t *certmap_conftree_find(const server_rec *s, const char *name)
{
    find_baton_t find = { name, NULL };

    certmap_conftree_each(s, find_one, &find);
    return find.found;
}
