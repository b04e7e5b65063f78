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

apr_size_t certmap_out_character(const unsigned char *s, unsigned long *cp)
{
    static const unsigned long least[] = { 0, 0, 0x80, 0x800, 0x10000 };
    apr_size_t len = s[0] < 0x80 ? 1 : s[0] < 0xc2 ? 0 : s[0] < 0xe0 ? 2 : s[0] < 0xf0 ? 3 : s[0] < 0xf5 ? 4 : 0;
    apr_size_t i;

    if (len <= 1) {
        *cp = s[0];
        return len;
    }
    *cp = s[0] & (0x7fu >> len);
    for (i = 1; i < len; i++) {
        if ((s[i] & 0xc0) != 0x80) {
            return 0;
        }
        *cp = (*cp << 6) | (s[i] & 0x3f);
    }
    return *cp >= least[len] && *cp <= 0x10ffff && (*cp < 0xd800 || *cp > 0xdfff) ? len : 0;
}
