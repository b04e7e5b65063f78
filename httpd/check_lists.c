/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Start-up checks: lists of rules, and what they say of the CAs that a virtual host trusts.
 */
#include "check.h"

#include <apr_strings.h>

#include "anchors.h"
#include "conftree.h"
#include "findings.h"

static void say_all(certmap_check_t *check, const apr_array_header_t *errors)
{
    int i;

    for (i = 0; errors && i < errors->nelts; i++) {
        const certmap_error_t *e = &APR_ARRAY_IDX(errors, i, certmap_error_t);

        certmap_check_say(check, e->warning ? APLOG_WARNING : APLOG_ERR, "%s:%d: CertMapRule: %s",
                          e->file ? e->file : "?", e->line, e->text);
    }
}

/* The holder of such a certificate's key can issue others in any name, and is trusted: from its first day on,
 * if that is yet to come. */
static void check_anchors(certmap_check_t *check, const certmap_list_t *list, certmap_strength_e min)
{
    const certmap_verdict_t verified = { 0 };
    certmap_question_t question = { .list = list, .verdict = &verified, .min = min };
    certmap_decision_t decision;
    int i;

    for (i = 0; i < check->anchors->nelts; i++) {
        const certmap_anchor_t *anchor = &APR_ARRAY_IDX(check->anchors, i, certmap_anchor_t);

        question.cert = anchor->cert;
        question.now = apr_time_now();
        if (certmap_verdict_dates(anchor->cert, question.now) == CERTMAP_R_NOT_YET_VALID) {
            question.now = certmap_cert_not_before(anchor->cert);
        }
        if (anchor->self_signed && anchor->is_ca && certmap_decide(&question, &decision, check->p) == APR_SUCCESS
            && decision.outcome == CERTMAP_MAPPED) {
            certmap_check_say(
                check, APLOG_WARNING,
                "%s: %s maps the certificate %s, which is there as a trusted CA: the holder of its "
                "key can issue certificates in any name; have it made again without CA:TRUE (openssl req -x509 "
                "-addext basicConstraints=critical,CA:FALSE)",
                anchor->file, decision.rule ? apr_psprintf(check->p, "rule %s", decision.rule->name) : decision.source,
                certmap_cert_subject_text(anchor->cert));
        }
    }
}

/* OpenSSL finds an issuer by its name, and so does a rule with issuer=: both CAs are meant by it. */
void certmap_check_anchor_names(certmap_check_t *check)
{
    apr_hash_t *names = apr_hash_make(check->p);
    const certmap_field_t key = { .kind = CERTMAP_F_SPKI, .name = "spki" };
    int i;

    for (i = 0; i < check->anchors->nelts; i++) {
        const certmap_anchor_t *anchor = &APR_ARRAY_IDX(check->anchors, i, certmap_anchor_t);
        const char *name = certmap_cert_subject_text(anchor->cert);
        const certmap_anchor_t *other = apr_hash_get(names, name, APR_HASH_KEY_STRING);
        const certmap_value_t *mine, *theirs;
        apr_size_t n;

        apr_hash_set(names, name, APR_HASH_KEY_STRING, anchor);
        if (other && certmap_cert_values(anchor->cert, NULL, &key, &mine, &n, check->p) == CERTMAP_VALID
            && certmap_cert_values(other->cert, NULL, &key, &theirs, &n, check->p) == CERTMAP_VALID
            && strcmp(mine->text.data, theirs->text.data) != 0) {
            certmap_check_say(check, APLOG_WARNING,
                              "%s: two trusted CAs have the name %s and different keys; issuer= means both of "
                              "them, so where they are not the same CA's write chain.sha256= or root.sha256=",
                              anchor->file, name);
        }
    }
}

static void say_no_rules(certmap_check_t *check, const certmap_dir_conf_t *raw, const char *name)
{
    const ap_directive_t *d = name ? NULL : certmap_conftree_find(check->s, "CertMap");

    certmap_check_say(check, APLOG_WARNING,
                      "%s:%d: CertMap On%s%s has no CertMapRule in %s: everybody is refused with 403.12 no-match",
                      d                 ? d->filename
                      : raw->where_file ? raw->where_file
                                        : "?",
                      d ? d->line_num : raw->where_line, name ? " in " : "", name ? name : "",
                      certmap_check_server_name(check));
}

void certmap_check_list(server_rec *s, const certmap_dir_conf_t *raw, const certmap_dir_conf_t *merged,
                        const char *name, void *baton)
{
    certmap_check_t *check = baton;
    const certmap_links_t *links = certmap_conf_links(merged, check->p), *member;
    certmap_pinned_t pinned;

    if (certmap_conf_maps(merged)) {
        check->uses = 1;
    }
    if (raw->mode == CERTMAP_MODE_ON && !check->has_on) {
        check->has_on = 1;
        check->on_where = name;
    }
    for (member = links; member; member = member->outer) {
        if (member->link->rules && !check->rule) {
            check->rule = certmap_ruleset_rule(member->link->rules, 0);
        }
        say_all(check, member->link->said);
    }
    if (merged->mode == CERTMAP_MODE_ON && !links) {
        say_no_rules(check, raw, name);
    }
    certmap_links_pin(links, &pinned, check->p);
    say_all(check, certmap_findings(s->process, &pinned, certmap_conf_min_strength(merged), apr_time_now(), check->p));
    if (check->anchors && (certmap_conf_maps(merged))) {
        check_anchors(check, pinned.list, certmap_conf_min_strength(merged));
    }
    certmap_links_unpin(&pinned);
}
