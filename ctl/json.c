/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What documents in JSON are made of, and how they are written: in ASCII, so that a terminal neither obeys nor hides
 * any of it.
 */
#include "json.h"

#include <stdlib.h>
#include <string.h>

struct ctl_documents_t {
    ctl_t *ctl;
    int several;
    int written;
    int failed;
};

/* A document from which something is missing would be a lie: without memory the command ends, as everywhere. */
static void *must_allocate(size_t size)
{
    void *made = malloc(size);

    if (made == NULL) {
        fputs("certmapctl: error: out of memory\n", stderr);
        exit(CTL_ERROR);
    }
    return made;
}

void ctl_json_begin(void)
{
    json_set_alloc_funcs(must_allocate, free);
}

ctl_documents_t *ctl_documents_begin(ctl_t *ctl, int several)
{
    ctl_documents_t *documents = apr_pcalloc(ctl->pool, sizeof(*documents));

    ctl_json_begin();
    documents->ctl = ctl;
    documents->several = several;
    return documents;
}

static void put(ctl_documents_t *documents, const char *text)
{
    documents->failed |= fputs(text, stdout) < 0;
}

void ctl_documents_add(ctl_documents_t *documents, json_t *document)
{
    if (documents->several) {
        put(documents, documents->written ? ",\n" : "[\n");
    }
    documents->failed |= document == NULL || json_dumpf(document, stdout, JSON_INDENT(2) | JSON_ENSURE_ASCII) != 0;
    documents->written++;
    json_decref(document);
}

int ctl_documents_end(ctl_documents_t *documents)
{
    if (documents->several) {
        put(documents, documents->written ? "\n]\n" : "[]\n");
    }
    else if (documents->written) {
        put(documents, "\n");
    }
    return documents->failed ? ctl_fail(documents->ctl, "the JSON document could not be made or written") : CTL_OK;
}

json_t *ctl_json_text(const char *data)
{
    apr_size_t len = data ? strlen(data) : 0;
    json_t *made, *whole = data ? json_stringn(data, len) : json_null();
    char *copy, *to;
    int n;

    if (whole != NULL) {
        return whole;
    }
    to = copy = must_allocate(len * 3 + 1);
    for (; *data != '\0'; data += n) {
        int fine = ctl_character(data, &n) != CTL_NO_CHARACTER;

        memcpy(to, fine ? data : "\xef\xbf\xbd", fine ? (size_t)n : 3);
        to += fine ? n : 3;
    }
    made = json_stringn(copy, (size_t)(to - copy));
    free(copy);
    return made;
}

json_t *ctl_json_texts(const char *const *list, apr_size_t n)
{
    json_t *array = json_array();
    apr_size_t i;

    for (i = 0; i < n; i++) {
        json_array_append_new(array, ctl_json_text(list[i]));
    }
    return array;
}

json_t *ctl_json_time(apr_time_t t, apr_pool_t *p)
{
    return ctl_json_text(t != 0 ? ctl_time_text(t, p) : NULL);
}

json_t *ctl_json_place(const char *file, int line)
{
    return file ? json_pack("{s:o, s:i}", "file", ctl_json_text(file), "line", line) : json_null();
}
