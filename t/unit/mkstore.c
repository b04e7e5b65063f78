/* SPDX-License-Identifier: Apache-2.0 */
/*
 * mkstore STORE ENTRIES: writes a store with what an entry file says, for tests that change a store under a running
 * server.
 */
#include <stdio.h>
#include <string.h>

#include <apr_general.h>

#include "certmap.h"

int main(int argc, char **argv)
{
    static char text[65536];
    apr_array_header_t *errors = NULL;
    const char *why = NULL;
    apr_size_t count = 0;
    certmap_str_t entries = { text, 0 };
    apr_pool_t *pool;
    apr_status_t rv;
    FILE *file;

    if (argc != 3 || apr_initialize() != APR_SUCCESS || apr_pool_create(&pool, NULL) != APR_SUCCESS
        || certmap_engine_init(pool) != APR_SUCCESS || (file = fopen(argv[2], "rb")) == NULL) {
        fprintf(stderr, "usage: mkstore STORE ENTRIES\n");
        return 2;
    }
    entries.len = fread(text, 1, sizeof(text), file);
    fclose(file);
    rv = certmap_store_build(argv[1], entries, argv[2], NULL, NULL, &count, &errors, &why, pool);
    if (rv != APR_SUCCESS) {
        fprintf(stderr, "mkstore: %s: %s\n", argv[1], why ? why : "the entries have errors");
    }
    else {
        printf("%lu\n", (unsigned long)count);
    }
    apr_pool_destroy(pool);
    apr_terminate();
    return rv == APR_SUCCESS ? 0 : 1;
}
