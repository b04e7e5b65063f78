/* SPDX-License-Identifier: Apache-2.0 */
/*
 * httpd -t -D DUMP_CERTMAP: what is in force, for every virtual host and section, on standard output. The rules are
 * written as a rule file has them, so that they can be copied, and each says where it stands.
 */
#include "config.h"

#include <apr_file_io.h>
#include <http_core.h>

typedef struct dump_t {
    apr_file_t *out;
    apr_pool_t *p;
} dump_t;

static const char *mode_name(certmap_mode_e mode)
{
    switch (mode) {
    case CERTMAP_MODE_UNSET:
        return "unset";
    case CERTMAP_MODE_OFF:
        return "Off";
    case CERTMAP_MODE_OPTIONAL:
        return "Optional";
    case CERTMAP_MODE_ON:
        return "On";
    }
    return "?";
}

static void dump_list(dump_t *dump, const certmap_list_t *list)
{
    apr_size_t i, n;

    if (!list) {
        return;
    }
    dump_list(dump, list->outer);
    if (list->source) {
        apr_file_printf(dump->out, "    CertMapSource %s\n", list->source->name);
    }
    n = list->rules ? certmap_ruleset_count(list->rules) : 0;
    for (i = 0; i < n; i++) {
        const certmap_rule_t *rule = certmap_ruleset_rule(list->rules, i);

        apr_file_printf(dump->out, "    %s  # %s%s%s:%d\n", certmap_rule_text(rule, dump->p),
                        rule->deny ? "" : certmap_strength_name(rule->strength), rule->deny ? "" : ", ",
                        rule->file ? rule->file : "?", rule->line);
    }
}

static void dump_section(server_rec *s, const certmap_dir_conf_t *raw, const certmap_dir_conf_t *merged,
                         const char *name, void *baton)
{
    static const char *const statuses[CERTMAP_DOC_COUNT] = {
        [CERTMAP_DOC_4] = "403.4", [CERTMAP_DOC_7] = "403.7", [CERTMAP_DOC_12] = "403.12",
        [CERTMAP_DOC_13] = "403.13", [CERTMAP_DOC_16] = "403.16", [CERTMAP_DOC_17] = "403.17"
    };
    dump_t *dump = baton;
    certmap_pinned_t pinned;
    int i;

    (void)s;
    (void)raw;
    apr_file_printf(dump->out, "  %s: CertMap %s%s, CertMapMinStrength %s, CertMapReportOnly %s\n",
                    name ? name : "(server)", mode_name(merged->mode),
                    merged->exempt == 1 ? " (outside the guard)" : "",
                    certmap_strength_name(certmap_conf_min_strength(merged)), merged->report_only == 1 ? "On" : "Off");
    for (i = 0; merged->documents && i < CERTMAP_DOC_COUNT; i++) {
        if (merged->documents[i]) {
            apr_file_printf(dump->out, "    CertMapErrorDocument %s %s\n", statuses[i], merged->documents[i]);
        }
    }
    certmap_chain_pin(certmap_conf_chain(merged, dump->p), &pinned, dump->p);
    dump_list(dump, pinned.list);
    certmap_chain_unpin(&pinned);
}

void certmap_dump_config(apr_pool_t *pconf, server_rec *s)
{
    dump_t dump = { NULL, pconf };

    if (!ap_exists_config_define("DUMP_CERTMAP") || apr_file_open_stdout(&dump.out, pconf) != APR_SUCCESS) {
        return;
    }
    for (; s; s = s->next) {
        apr_file_printf(dump.out, "%s:%d (%s:%u): CertMapDeferErrors %s\n",
                        s->server_hostname ? s->server_hostname : "_default_", s->port,
                        s->defn_name ? s->defn_name : "main server", s->defn_line_number,
                        certmap_srv_conf(s)->defer == 1 ? "On" : "Off");
        certmap_conf_walk(s, dump_section, &dump, pconf);
    }
}
