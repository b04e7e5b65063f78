/* SPDX-License-Identifier: Apache-2.0 */
/*
 * httpd -t -D DUMP_CERTMAP: what is in force, for every virtual host and section, on standard output. The rules are
 * written as a rule file has them, so that they can be copied, and each says where it stands.
 *
 * certmapctl reads this too (ctl/conf.c), so every line can be taken apart in one way only:
 *
 *   # certmap configuration, format 1
 *   HOST:PORT (FILE:LINE): CertMapDeferErrors On|Off           the first one: (main server)
 *     SECTION: CertMap MODE, CertMapMinStrength STRENGTH, CertMapReportOnly On|Off (FILE:LINE)
 *       CertMapErrorDocument 403.N DOCUMENT
 *       CertMapSource PROVIDER ARGUMENT
 *       CertMapRuleFile FILE                                    its rules follow
 *       RULE  # STRENGTH, FILE:LINE                             without STRENGTH where the rule denies
 *   # end
 *
 * SECTION is "(server)" for the level of the host, which comes first and has no place of its own. HOST and FILE are
 * words, SECTION ends before ": CertMap ", DOCUMENT, ARGUMENT and the FILE of a CertMapRuleFile end with their line;
 * text that would read differently stands in double quotes, in which \" \\ and \xHH are escapes. In MODE, "(outside
 * the guard)" may stand behind the word.
 */
#include "config.h"

#include <apr_file_io.h>
#include <apr_lib.h>
#include <apr_strings.h>
#include <http_core.h>

#define FORMAT "# certmap configuration, format 1\n"

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

/* text, in quotes where it would not be read as it stands: it ends before `end`, or with the line when that is "". */
static const char *plain(const char *text, const char *end, apr_pool_t *p)
{
    static const char hex[] = "0123456789abcdef";
    int odd = *text == '"' || *text == '\0' || (*end && strstr(text, end));
    const char *s;
    char *out, *to;

    for (s = text; *s && !odd; s++) {
        odd = apr_iscntrl(*s);
    }
    if (!odd) {
        return text;
    }
    to = out = apr_palloc(p, 4 * strlen(text) + 3);
    *to++ = '"';
    for (s = text; *s; s++) {
        if (apr_iscntrl(*s)) {
            *to++ = '\\';
            *to++ = 'x';
            *to++ = hex[(unsigned char)*s >> 4];
            *to++ = hex[*s & 15];
            continue;
        }
        if (*s == '"' || *s == '\\') {
            *to++ = '\\';
        }
        *to++ = *s;
    }
    *to++ = '"';
    *to = '\0';
    return out;
}

static const char *word(const char *text, apr_pool_t *p)
{
    return plain(text, " ", p);
}

static void dump_part(dump_t *dump, const certmap_part_t *part, const certmap_ruleset_t *rules, apr_pool_t *p)
{
    apr_size_t i, n = rules ? certmap_ruleset_count(rules) : 0;

    if (part->source) {
        apr_file_printf(dump->out, "    CertMapSource %s\n", plain(part->source->name, "", p));
    }
    if (part->file) {
        apr_file_printf(dump->out, "    CertMapRuleFile %s\n", plain(certmap_reread_path(part->file), "", p));
    }
    for (i = 0; i < n; i++) {
        const certmap_rule_t *rule = certmap_ruleset_rule(rules, i);

        apr_file_printf(dump->out, "    %s  # %s%s%s:%d\n", certmap_rule_text(rule, p),
                        rule->deny ? "" : certmap_strength_name(rule->strength), rule->deny ? "" : ", ",
                        word(rule->file ? rule->file : "?", p), rule->line);
    }
}

/* list is the chain as it is pinned, link by link. */
static void dump_chain(dump_t *dump, const certmap_chain_t *chain, const certmap_list_t *list)
{
    apr_pool_t *p;

    if (!chain) {
        return;
    }
    dump_chain(dump, chain->outer, list->outer);
    if (apr_pool_create(&p, dump->p) == APR_SUCCESS) {
        dump_part(dump, chain->part, list->rules, p);
        apr_pool_destroy(p);
    }
}

static void dump_section(server_rec *s, const certmap_dir_conf_t *raw, const certmap_dir_conf_t *merged,
                         const char *name, void *baton)
{
    static const char *const statuses[CERTMAP_DOC_COUNT] = {
        [CERTMAP_DOC_4] = "403.4",   [CERTMAP_DOC_7] = "403.7",   [CERTMAP_DOC_12] = "403.12",
        [CERTMAP_DOC_13] = "403.13", [CERTMAP_DOC_16] = "403.16", [CERTMAP_DOC_17] = "403.17",
    };
    dump_t *dump = baton;
    const certmap_chain_t *chain = certmap_conf_chain(merged, dump->p);
    certmap_pinned_t pinned;
    int i;

    (void)s;
    apr_file_printf(dump->out, "  %s: CertMap %s%s, CertMapMinStrength %s, CertMapReportOnly %s",
                    name ? plain(name, ": CertMap ", dump->p) : "(server)", mode_name(merged->mode),
                    merged->exempt == 1 ? " (outside the guard)" : "",
                    certmap_strength_name(certmap_conf_min_strength(merged)), merged->report_only == 1 ? "On" : "Off");
    if (name) {
        apr_file_printf(dump->out, " (%s:%d)", raw->where_file ? word(raw->where_file, dump->p) : "?", raw->where_line);
    }
    apr_file_putc('\n', dump->out);
    for (i = 0; merged->documents && i < CERTMAP_DOC_COUNT; i++) {
        if (merged->documents[i]) {
            apr_file_printf(dump->out, "    CertMapErrorDocument %s %s\n", statuses[i],
                            plain(merged->documents[i], "", dump->p));
        }
    }
    certmap_chain_pin(chain, &pinned, dump->p);
    dump_chain(dump, chain, pinned.list);
    certmap_chain_unpin(&pinned);
}

void certmap_dump_config(apr_pool_t *pconf, server_rec *s)
{
    dump_t dump = { NULL, pconf };
    apr_int32_t flags = APR_FOPEN_WRITE | APR_FOPEN_BUFFERED;

    if (!ap_exists_config_define("DUMP_CERTMAP")
        || apr_file_open_flags_stdout(&dump.out, flags, pconf) != APR_SUCCESS) {
        return;
    }
    apr_file_puts(FORMAT, dump.out);
    for (; s; s = s->next) {
        apr_file_printf(dump.out, "%s:%d ", word(s->server_hostname ? s->server_hostname : "_default_", pconf),
                        s->port || !s->addrs ? s->port : s->addrs->host_port);
        if (s->defn_name) {
            apr_file_printf(dump.out, "(%s:%u)", word(s->defn_name, pconf), s->defn_line_number);
        }
        else {
            apr_file_puts("(main server)", dump.out);
        }
        apr_file_printf(dump.out, ": CertMapDeferErrors %s\n", certmap_srv_conf(s)->defer == 1 ? "On" : "Off");
        certmap_conf_walk(s, dump_section, &dump, pconf);
    }
    apr_file_puts("# end\n", dump.out);
    apr_file_flush(dump.out);
}
