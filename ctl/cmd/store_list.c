/* SPDX-License-Identifier: Apache-2.0 */
/* certmapctl store list: all entries in columns. */
#include <stdlib.h>
#include <string.h>

#include "ctl/cmd/cmd.h"
#include "ctl/json.h"
#include "ctl/store.h"

#define COLUMNS "%-8s  %-10s  %-20s  %-16s  %s"

static const char *groups_of(const certmap_entry_t *entry, apr_pool_t *p)
{
    return entry->effect.ngroups > 0 ? ctl_joined(entry->effect.groups, entry->effect.ngroups, ",", p) : "-";
}

/* The last day on which it holds. */
static const char *expiry_of(const certmap_entry_t *entry, apr_pool_t *p)
{
    return entry->effect.expires != 0 ? certmap_time_text(entry->effect.expires - 1, CERTMAP_TIME_DAY, p) : "-";
}

static const char *columns_line(const char *key, const certmap_entry_t *entry, apr_pool_t *p)
{
    const char *line = apr_psprintf(p, COLUMNS, certmap_strength_name(entry->effect.strength), expiry_of(entry, p),
                                    entry->deny ? "- deny" : entry->effect.user, groups_of(entry, p), key);

    return entry->effect.note != NULL ? apr_pstrcat(p, line, "  # ", entry->effect.note, NULL) : line;
}

/* A document for each entry, on a line of its own, so that a million of them are read one by one. */
static const char *json_line(const char *key, const certmap_entry_t *entry, apr_pool_t *p)
{
    json_t *made = json_pack("{s:i, s:o, s:s, s:b, s:o, s:o, s:s, s:o, s:o}", "schema", CTL_JSON_SCHEMA, "key",
                             ctl_json_text(key), "kind", entry->key, "deny", entry->deny != 0, "user",
                             ctl_json_text(entry->deny ? NULL : entry->effect.user), "groups",
                             ctl_json_texts(entry->effect.groups, entry->effect.ngroups), "strength",
                             certmap_strength_name(entry->effect.strength), "expires",
                             ctl_json_time(entry->effect.expires, p), "note", ctl_json_text(entry->effect.note));
    char *text = json_dumps(made, JSON_ENSURE_ASCII);
    const char *line = apr_pstrdup(p, text);

    free(text);
    json_decref(made);
    return line;
}

/* The name of a kind as it is shown, NULL when there is none. */
static const char *kind_named(const char *name)
{
    certmap_key_kind_e kind;

    for (kind = CERTMAP_K_SHA256; kind < CERTMAP_K_COUNT; kind++) {
        if (apr_strnatcasecmp(name, certmap_key_kind_name(kind)) == 0) {
            return certmap_key_kind_name(kind);
        }
    }
    return NULL;
}

static const char *all_kinds(apr_pool_t *p)
{
    const char *names = certmap_key_kind_name(CERTMAP_K_SHA256);
    certmap_key_kind_e kind;

    for (kind = CERTMAP_K_SHA256 + 1; kind < CERTMAP_K_COUNT; kind++) {
        names = apr_pstrcat(p, names, ", ", certmap_key_kind_name(kind), NULL);
    }
    return names;
}

static int run(ctl_t *ctl, const ctl_command_t *self, int argc, const char *const *argv)
{
    static const apr_getopt_option_t table[] = {
        { "kind", STORE_KIND, 1, NULL },
        { "json", STORE_JSON, 0, NULL },
        { NULL, 0, 0, NULL },
    };
    store_lines_t lines = { .line = columns_line };
    store_arguments_t arguments;
    int status = ctl_store_arguments(ctl, self, argc, argv, table, &arguments);

    if (status != CTL_OK) {
        return status;
    }
    if (arguments.nwords > 0) {
        return ctl_misused(ctl, self, "more than STORE");
    }
    if (arguments.kind != NULL && (lines.kind = kind_named(arguments.kind)) == NULL) {
        return ctl_misused(ctl, self, "--kind is one of %s", all_kinds(ctl->pool));
    }
    if (arguments.json) {
        ctl_json_begin();
        lines.line = json_line;
        return ctl_store_write(ctl, &arguments, &lines);
    }
    ctl_store_append(&lines, apr_psprintf(ctl->pool, COLUMNS, "STRENGTH", "EXPIRES", "USER", "GROUPS", "KEY"));
    return ctl_store_write(ctl, &arguments, &lines);
}

const ctl_command_t ctl_store_list = { .name = "store list", .arguments = "[--kind KIND] [--json] STORE", .run = run };
