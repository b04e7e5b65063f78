/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is not wrong with a list but may not be meant. A start-up does not say it; those who check before they deploy
 * want to know: USER templates that give nothing for some of the certificates that the rule matches, who are then
 * refused and not passed on to the next rule. Also which rules name a certificate.
 */
#include <string.h>

#include <apr_strings.h>

#include "advice/advice.h"
#include "rules/compare.h"
#include "rules/ruleset.h"
#include "rules/template.h"

#define SIDES (CERTMAP_MOD_LOCAL | CERTMAP_MOD_DOMAIN)

typedef struct adviser_t {
    const certmap_rule_t *rule;
    certmap_sink_t *sink;
} adviser_t;

static void advise(const adviser_t *a, const certmap_piece_t *piece, const char *when, const char *remedy)
{
    certmap_sink_warning(a->sink, piece->place, "rule %s: %s gives nothing %s, and those requests get user-invalid%s",
                         a->rule->name, piece->source, when, remedy);
}

static int has_byte(certmap_str_t text, char c)
{
    return text.len > 0 && memchr(text.data, c, text.len) != NULL;
}

/* ---- fields --------------------------------------------------------------------------------------------------- */

/* Whether every certificate has it: what has none is malformed. */
static int is_everywhere(certmap_field_e kind)
{
    return kind == CERTMAP_F_ISSUER || kind == CERTMAP_F_SERIAL || kind == CERTMAP_F_SHA256 || kind == CERTMAP_F_SHA1
           || kind == CERTMAP_F_SPKI;
}

static int name_has(const certmap_dn_t *dn, const char *oid)
{
    int i;
    int j;

    for (i = 0; i < dn->nrdns; i++) {
        for (j = 0; j < dn->rdns[i].navas; j++) {
            if (strcmp(dn->rdns[i].avas[j].oid, oid) == 0 && dn->rdns[i].avas[j].folded.len > 0) {
                return 1;
            }
        }
    }
    return 0;
}

/* Whether a certificate for which a positive condition holds has a value of the field. */
static int asks_for(const certmap_cond_t *cond, const certmap_field_t *field)
{
    int name = cond->pattern == CERTMAP_P_DN || cond->pattern == CERTMAP_P_DN_BELOW;

    if (certmap_field_same(&cond->field, field)) {
        return 1;
    }
    if (field->kind == CERTMAP_F_SUBJECT) {
        return cond->field.kind == CERTMAP_F_SUBJECT_ATTR;
    }
    return name
           && ((field->kind == CERTMAP_F_SUBJECT_ATTR && cond->field.kind == CERTMAP_F_SUBJECT)
               || (field->kind == CERTMAP_F_ISSUER_ATTR && cond->field.kind == CERTMAP_F_ISSUER))
           && name_has(cond->u.dn, field->oid);
}

/* Whether a value for which a positive condition holds has an '@' in it. */
static int asks_for_at(const certmap_cond_t *cond)
{
    apr_size_t i;

    switch (cond->pattern) {
    case CERTMAP_P_LITERAL:
        return has_byte(cond->u.literal, '@');
    case CERTMAP_P_WILDCARD:
        for (i = 0; i < cond->u.wildcard.n; i++) {
            if (cond->u.wildcard.tokens[i] == '@') {
                return 1;
            }
        }
        return 0;
    case CERTMAP_P_REGEX:
        return has_byte(cond->raw, '@');
    case CERTMAP_P_NETWORK:
    case CERTMAP_P_DN:
    case CERTMAP_P_DN_BELOW:
        return 0;
    }
    return 0;
}

static void advise_field(const adviser_t *a, const certmap_piece_t *piece)
{
    const certmap_field_t *field = &piece->u.field;
    int there = is_everywhere(field->kind), at = field->kind == CERTMAP_F_SAN_EMAIL, opaque = 0;
    const char *name = field->name;
    apr_size_t i;

    for (i = 0; i < a->rule->nconds; i++) {
        const certmap_cond_t *cond = &a->rule->conds[i];

        if (cond->negated || !asks_for(cond, field)) {
            continue;
        }
        there = 1;
        if (certmap_field_same(&cond->field, field)) {
            at |= asks_for_at(cond);
            opaque |= cond->opaque;
        }
    }
    if (!there) {
        advise(a, piece, apr_psprintf(a->sink->pool, "where a certificate has no %s", name),
               field->kind == CERTMAP_F_SAN_DIRNAME ? ""
                                                    : apr_psprintf(a->sink->pool, "; ask for it with %s%s=*", name,
                                                                   field->kind == CERTMAP_F_SUBJECT ? ".CN" : ""));
    }
    else if (opaque) {
        advise(a, piece, "ever, because the rule asks for a value that is not text", "");
    }
    else if ((piece->mods & SIDES) && !at) {
        advise(a, piece, apr_psprintf(a->sink->pool, "where %s has no '@' in it", name),
               field->kind == CERTMAP_F_SUBJECT || field->kind == CERTMAP_F_ISSUER
                   ? ""
                   : apr_psprintf(a->sink->pool, "; ask for it with %s=*@*", name));
    }
}

/* ---- captures ------------------------------------------------------------------------------------------------- */

static void advise_capture(const adviser_t *a, const certmap_piece_t *piece)
{
    const certmap_cond_t *regex = certmap_template_regex(a->rule);
    certmap_capture_t capture;

    if (regex == NULL || !certmap_regex_capture(regex->raw, piece->u.capture, &capture)) {
        return;
    }
    if (capture.may_skip) {
        advise(a, piece, apr_psprintf(a->sink->pool, "where %s matches without that capture", regex->text), "");
    }
    else if (capture.may_be_empty) {
        advise(a, piece, apr_psprintf(a->sink->pool, "where that capture of %s matches nothing", regex->text),
               "; + in place of * asks for something");
    }
    else if ((piece->mods & SIDES) && !has_byte(capture.text, '@')
             && !(capture.whole && regex->field.kind == CERTMAP_F_SAN_EMAIL)) {
        advise(a, piece, apr_psprintf(a->sink->pool, "where that capture of %s has no '@' in it", regex->text), "");
    }
}

apr_array_header_t *certmap_list_advise(const certmap_list_t *list, apr_pool_t *p)
{
    apr_array_header_t *rules = certmap_list_flatten(list, p);
    certmap_sink_t sink = { .list = apr_array_make(p, 4, sizeof(certmap_error_t)), .pool = p };
    int i;

    for (i = 0; i < rules->nelts; i++) {
        adviser_t a = { APR_ARRAY_IDX(rules, i, const certmap_rule_t *), &sink };
        apr_size_t j;

        sink.file = a.rule->file;
        for (j = 0; a.rule->user != NULL && !a.rule->disabled && j < a.rule->user->npieces; j++) {
            const certmap_piece_t *piece = &a.rule->user->pieces[j];

            switch (piece->kind) {
            case CERTMAP_PIECE_TEXT:
                break;
            case CERTMAP_PIECE_FIELD:
                advise_field(&a, piece);
                break;
            case CERTMAP_PIECE_CAPTURE:
                advise_capture(&a, piece);
                break;
            }
        }
    }
    certmap_sink_end(&sink);
    return sink.list;
}

/* ---- certificates --------------------------------------------------------------------------------------------- */

static void collect_pinning(const certmap_ruleset_t *rules, certmap_eval_t *ev, apr_array_header_t *found)
{
    certmap_candidates_t candidates;
    apr_size_t i = 0;

    if (rules->index != NULL) {
        certmap_index_find(rules->index, ev, &candidates);
    }
    while (rules->index != NULL ? certmap_index_next(&candidates, &i) : i < rules->n) {
        const certmap_rule_t *rule = rules->rules[i];

        if (!rule->disabled && rule->effect.strength == CERTMAP_STRONG
            && certmap_rule_matches(ev, rule) == CERTMAP_MATCH_YES) {
            APR_ARRAY_PUSH(found, const certmap_rule_t *) = rule;
        }
        i += rules->index == NULL;
    }
}

apr_array_header_t *certmap_list_pinning(const certmap_list_t *list, const certmap_cert_t *cert, apr_pool_t *p)
{
    apr_array_header_t *found = apr_array_make(p, 4, sizeof(const certmap_rule_t *));
    certmap_eval_t ev;

    certmap_eval_init(&ev, cert, NULL, p);
    for (; list != NULL; list = list->outer) {
        if (list->rules != NULL) {
            collect_pinning(list->rules, &ev, found);
        }
    }
    return found;
}
