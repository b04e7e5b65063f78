/* SPDX-License-Identifier: Apache-2.0 */
/*
 * httpd -t -D DUMP_CERTMAP: what is in force, for every virtual host and section, on standard output, for people. The
 * rules are written as a rule file has them, so that they can be copied, and each says where it is.
 */
#include "dump.h"

#include <apr_file_io.h>
#include <apr_lib.h>
#include <apr_strings.h>
#include <http_core.h>

typedef struct text_dump_t {
    apr_file_t *out;
    apr_pool_t *p;
} text_dump_t;

/* text, with escapes for the controls that a terminal would obey. */
static const char *plain(const char *text, apr_pool_t *p)
{
    static const char hex[] = "0123456789abcdef";
    char *out = apr_palloc(p, 4 * strlen(text) + 1), *to = out;

    for (; *text; text++) {
        if (apr_iscntrl(*text)) {
            *to++ = '\\';
            *to++ = 'x';
            *to++ = hex[(unsigned char)*text >> 4];
            *to++ = hex[*text & 15];
        }
        else {
            *to++ = *text;
        }
    }
    *to = '\0';
    return out;
}

static void dump_link(text_dump_t *dump, const certmap_link_t *link, const certmap_ruleset_t *rules, apr_pool_t *p)
{
    apr_size_t i, n = rules ? certmap_ruleset_count(rules) : 0;

    if (link->source) {
        apr_file_printf(dump->out, "    CertMapSource %s\n", plain(link->source->name, p));
    }
    if (link->file) {
        apr_file_printf(dump->out, "    CertMapRuleFile %s\n", plain(certmap_reread_path(link->file), p));
    }
    for (i = 0; i < n; i++) {
        const certmap_rule_t *rule = certmap_ruleset_rule(rules, i);

        apr_file_printf(dump->out, "    %s  # %s%s%s:%d\n", certmap_rule_text(rule, p),
                        rule->deny ? "" : certmap_strength_name(rule->effect.strength), rule->deny ? "" : ", ",
                        plain(rule->file ? rule->file : "?", p), rule->line);
    }
}

/* list is what links are as it is pinned, link by link. */
static void dump_links(text_dump_t *dump, const certmap_links_t *links, const certmap_list_t *list)
{
    apr_pool_t *p;

    if (!links) {
        return;
    }
    dump_links(dump, links->outer, list->outer);
    if (apr_pool_create(&p, dump->p) == APR_SUCCESS) {
        dump_link(dump, links->link, list->rules, p);
        apr_pool_destroy(p);
    }
}

static void dump_section(server_rec *s, const certmap_dir_conf_t *raw, const certmap_dir_conf_t *merged,
                         const char *name, void *baton)
{
    text_dump_t *dump = baton;
    const certmap_links_t *links = certmap_conf_links(merged, dump->p);
    certmap_pinned_t pinned;
    int i;

    (void)s;
    apr_file_printf(dump->out, "  %s: CertMap %s%s, CertMapMinStrength %s, CertMapReportOnly %s",
                    name ? plain(name, dump->p) : "(server)", certmap_mode_name(merged->mode),
                    merged->exempt == 1 ? " (outside the guard)" : "",
                    certmap_strength_name(certmap_conf_min_strength(merged)), merged->report_only == 1 ? "On" : "Off");
    if (name) {
        apr_file_printf(dump->out, " (%s:%d)", raw->where_file ? plain(raw->where_file, dump->p) : "?",
                        raw->where_line);
    }
    apr_file_putc('\n', dump->out);
    for (i = 0; merged->documents && i < CERTMAP_ANSWER_COUNT; i++) {
        if (merged->documents[i]) {
            apr_file_printf(dump->out, "    CertMapErrorDocument %s %s\n", certmap_answer_status((certmap_answer_e)i),
                            plain(merged->documents[i], dump->p));
        }
    }
    certmap_links_pin(links, &pinned, dump->p);
    dump_links(dump, links, pinned.list);
    certmap_links_unpin(&pinned);
}

static void dump_words(apr_pool_t *pconf, server_rec *s)
{
    text_dump_t dump = { NULL, pconf };

    if (apr_file_open_flags_stdout(&dump.out, APR_FOPEN_WRITE | APR_FOPEN_BUFFERED, pconf) != APR_SUCCESS) {
        return;
    }
    for (; s; s = s->next) {
        apr_file_printf(dump.out, "%s:%d ", plain(s->server_hostname ? s->server_hostname : "_default_", pconf),
                        s->port || !s->addrs ? s->port : s->addrs->host_port);
        if (s->defn_name) {
            apr_file_printf(dump.out, "(%s:%u)", plain(s->defn_name, pconf), s->defn_line_number);
        }
        else {
            apr_file_puts("(main server)", dump.out);
        }
        apr_file_printf(dump.out, ": CertMapDeferErrors %s\n", certmap_srv_conf(s)->defer == 1 ? "On" : "Off");
        certmap_conf_walk(s, dump_section, &dump, pconf);
    }
    apr_file_flush(dump.out);
}

void certmap_dump_config(apr_pool_t *pconf, server_rec *s)
{
    if (ap_exists_config_define("DUMP_CERTMAP")) {
        dump_words(pconf, s);
    }
    if (ap_exists_config_define("DUMP_CERTMAP_JSON")) {
        certmap_dump_json(pconf, s);
    }
}
