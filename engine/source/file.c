/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The source that answers from an entry file: a table in memory, replaced when the file has changed.
 */
#include <apr_strings.h>

#include "source/source.h"

typedef struct source_file_t {
    certmap_source_t source;
    certmap_reread_t *file;
} source_file_t;

static apr_status_t file_lookup(certmap_source_t *source, const certmap_cert_t *cert, certmap_lookup_t *found,
                                const char **why, apr_pool_t *p)
{
    certmap_slot_t *slot = certmap_reread_slot(((source_file_t *)source)->file);
    certmap_generation_t *generation = certmap_slot_acquire(slot);
    apr_status_t rv = APR_ENOENT;

    *why = NULL;
    memset(found, 0, sizeof(*found));
    if (generation == NULL) {
        *why = "the file has not been read";
        return rv;
    }
    rv = certmap_entries_lookup(certmap_generation_object(generation), cert, found, p);
    certmap_generation_release(generation);
    if (rv != APR_SUCCESS) {
        *why = "the certificate's keys could not be hashed";
    }
    return rv;
}

static apr_uint64_t file_generation(certmap_source_t *source)
{
    return certmap_slot_number(certmap_reread_slot(((source_file_t *)source)->file));
}

static const certmap_source_vtable_t file_vtable = {
    .name = "file",
    .lookup = file_lookup,
    .generation = file_generation,
};

certmap_source_t *certmap_source_file_create(const char *path, apr_pool_t *p)
{
    source_file_t *s = apr_pcalloc(p, sizeof(*s));

    s->source.vtable = &file_vtable;
    s->source.name = apr_pstrcat(p, "file ", path, NULL);
    s->file = certmap_reread_create(path, CERTMAP_FILE_ENTRIES, p);
    return s->file != NULL ? &s->source : NULL;
}

certmap_reread_t *certmap_source_file_reread(certmap_source_t *source)
{
    return ((source_file_t *)source)->file;
}
