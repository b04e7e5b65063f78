/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Entries of a store as lines. What is printed is first put together in memory, so that writers need not wait for a
 * pipe, and so that nothing is printed of a store that turns out to be damaged.
 */
#include "store.h"

#include <stdlib.h>
#include <string.h>

#include "store/store.h"

int ctl_store_append(store_lines_t *lines, const char *text)
{
    apr_size_t len = strlen(text);
    char *larger;

    if (lines->len + len + 1 > lines->room) {
        lines->room = 2 * (lines->len + len + 1) + 65536;
        larger = realloc(lines->data, lines->room);
        if (larger == NULL) {
            lines->failed = 1;
            return 1;
        }
        lines->data = larger;
    }
    memcpy(lines->data + lines->len, text, len);
    lines->len += len;
    lines->data[lines->len++] = '\n';
    return 0;
}

static int append_entry(void *baton, const char *key, const certmap_entry_t *entry, int line)
{
    store_lines_t *lines = baton;
    const char *text;

    (void)line;
    if (lines->kind != NULL && strcmp(lines->kind, entry->key) != 0) {
        return 0;
    }
    apr_pool_clear(lines->scratch);
    text = lines->line(key, entry, lines->scratch);
    return ctl_store_append(lines, lines->exact ? text : ctl_printable(text, lines->scratch));
}

int ctl_store_write(ctl_t *ctl, const store_arguments_t *arguments, store_lines_t *lines)
{
    const char *why;
    apr_status_t rv;
    int status;

    apr_pool_create(&lines->scratch, ctl->pool);
    rv = certmap_store_each(arguments->store, append_entry, lines, &why, ctl->pool);
    status = lines->failed ? ctl_fail(ctl, "out of memory") : ctl_store_ended(ctl, arguments->store, rv, why);
    if (status == CTL_OK) {
        status = ctl_write(ctl, arguments->output,
                           (certmap_str_t){ lines->data != NULL ? lines->data : "", lines->len });
    }
    free(lines->data);
    return status;
}
