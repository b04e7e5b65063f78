/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Text that grows while it is written. What it has grown out of stays in the pool, at most as much again.
 */
#include "out.h"

#include <string.h>

certmap_out_t certmap_out_create(apr_size_t cap, apr_pool_t *p)
{
    certmap_out_t o = { apr_palloc(p, cap), 0, cap, p };

    o.data[0] = '\0';
    return o;
}

void certmap_out_bytes(certmap_out_t *o, const char *s, apr_size_t len)
{
    if (o->cap - o->len <= len) {
        apr_size_t cap = (o->cap + len) * 2;
        char *data = apr_palloc(o->p, cap);

        memcpy(data, o->data, o->len);
        o->data = data;
        o->cap = cap;
    }
    memcpy(o->data + o->len, s, len);
    o->len += len;
    o->data[o->len] = '\0';
}

void certmap_out_text(certmap_out_t *o, const char *s)
{
    certmap_out_bytes(o, s, strlen(s));
}
