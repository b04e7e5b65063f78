/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Pools for what is needed for a while.
 */
#include "base/internal.h"

apr_pool_t *certmap_pool_temporary(apr_pool_t *parent)
{
    apr_allocator_t *allocator;
    apr_pool_t *p;

    if (apr_allocator_create(&allocator) == APR_SUCCESS) {
        if (apr_pool_create_ex(&p, parent, NULL, allocator) == APR_SUCCESS) {
            apr_allocator_owner_set(allocator, p);
            return p;
        }
        apr_allocator_destroy(allocator);
    }
    apr_pool_create(&p, parent);
    return p;
}
