/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Recognises the renewal of a certificate that is mapped already. What can be recognised:
 *  - a rule that names somebody and pins a certificate: everything else holds, only the pin does not;
 *  - an entry that pins a certificate, with the subject's name as its note ("suggest" writes it): that name is this
 *    certificate's, and the issuer too where the key has one;
 *  - an entry for this subject and issuer that is too weak here.
 * An entry that says nothing but a fingerprint belongs to nobody that could be recognised.
 */
#include "decision.h"

#include <string.h>

#include "line.h"
#include "store/store.h"

static void found(apr_array_header_t *renewals, const char *because, const char *line, const char *where)
{
    ctl_renewal_t *r = apr_array_push(renewals);

    *r = (ctl_renewal_t){ because, line, where };
}

/* ---- rules --------------------------------------------------------------------------------------------------- */

/* What a condition asks, in so far as it is positive, about one value and by "=". @return whether it is */
static int plain_field(const char *text, certmap_field_t *field, apr_pool_t *p)
{
    apr_size_t len;
    const char *why;

    if (strncmp(text, "case:", 5) == 0) {
        text += 5;
    }
    len = strcspn(text, "!=~");
    return text[len] == '=' && certmap_field_parse((certmap_str_t){ text, len }, field, &why, p) == APR_SUCCESS;
}

static int is_pin(certmap_field_e field)
{
    return field == CERTMAP_F_SHA256 || field == CERTMAP_F_SHA1 || field == CERTMAP_F_SPKI || field == CERTMAP_F_SERIAL
           || field == CERTMAP_F_SKI;
}

static int is_name(certmap_field_e field)
{
    return field == CERTMAP_F_SUBJECT || field == CERTMAP_F_SUBJECT_ATTR || field == CERTMAP_F_SAN_EMAIL
           || field == CERTMAP_F_SAN_UPN || field == CERTMAP_F_SAN_URI || field == CERTMAP_F_SAN_DNS;
}

static int is_taken(const certmap_list_t *list, const char *name)
{
    apr_size_t i;

    for (; list != NULL; list = list->outer) {
        for (i = 0; list->rules != NULL && i < certmap_ruleset_count(list->rules); i++) {
            if (strcmp(certmap_ruleset_rule(list->rules, i)->name, name) == 0) {
                return 1;
            }
        }
    }
    return 0;
}

static const char *free_name(const ctl_case_t *c, const char *name, apr_pool_t *p)
{
    const char *made;
    int i = 2;

    do {
        made = apr_psprintf(p, "%s-%d", name, i++);
    } while (is_taken(c->list, made));
    return made;
}

/* The value that the certificate has in a pin's place; NULL: none. */
static const char *own_value(const ctl_case_t *c, const certmap_field_t *field, apr_pool_t *p)
{
    const certmap_value_t *values;
    apr_size_t n;

    return certmap_cert_values(c->view, NULL, field, &values, &n, p) == CERTMAP_VALID
               ? apr_pstrmemdup(p, values[0].text.data, values[0].text.len)
               : NULL;
}

/* The rule with this certificate's values in the place of its pins; NULL when it is not such a rule. */
static const char *renewed(const ctl_case_t *c, const certmap_trace_rule_t *rule, const char **pin, apr_pool_t *p)
{
    const char *line = apr_pstrcat(p, " allow ", ctl_quoted(rule->rule->effect.user, p), rule->rule->any ? " any" : "",
                                   NULL);
    apr_size_t i, named = 0;

    *pin = NULL;
    for (i = 0; i < rule->nconds; i++) {
        const char *text = rule->conds[i].text, *value;
        certmap_field_t field;
        int plain = plain_field(text, &field, p);

        if (!rule->conds[i].holds) {
            value = plain && is_pin(field.kind) ? own_value(c, &field, p) : NULL;
            if (value == NULL) {
                return NULL;
            }
            *pin = text;
            text = apr_pstrcat(p, field.name, "=", value, NULL);
        }
        else if (plain) {
            named += is_name(field.kind);
        }
        line = apr_pstrcat(p, line, " ", ctl_quoted(text, p), NULL);
    }
    if (rule->rule->effect.ngroups > 0) {
        line = apr_pstrcat(p, line,
                           " groups=", ctl_joined(rule->rule->effect.groups, rule->rule->effect.ngroups, ",", p), NULL);
    }
    if (rule->rule->effect.note != NULL) {
        line = apr_pstrcat(p, line, " note=", ctl_quoted(rule->rule->effect.note, p), NULL);
    }
    return named > 0 && *pin != NULL ? apr_pstrcat(p, free_name(c, rule->rule->name, p), line, NULL) : NULL;
}

static void look_at_rules(const ctl_case_t *c, apr_array_header_t *renewals, apr_pool_t *p)
{
    apr_pool_t *scratch;
    apr_size_t i;

    apr_pool_create(&scratch, p);
    for (i = 0; i < c->trace->nrules && renewals->nelts < CTL_RENEWALS_MOST; i++) {
        const certmap_trace_rule_t *rule = &c->trace->rules[i];
        const certmap_rule_t *mapping;
        const char *pin, *line;

        if (rule->matched || rule->rule->deny
            || (rule->rule->effect.expires != 0 && c->now >= rule->rule->effect.expires)) {
            continue;
        }
        apr_pool_clear(scratch);
        line = renewed(c, rule, &pin, scratch);
        mapping = line ? ctl_rule_maps(c->view, line, c->min, c->now, scratch) : NULL;
        if (mapping != NULL) {
            found(renewals,
                  apr_psprintf(p, "rule %s holds except for %s, which pins another certificate", rule->rule->name, pin),
                  apr_pstrdup(p, certmap_rule_text(mapping, scratch)),
                  apr_pstrcat(p, "the rules, before or in place of ", rule->rule->name, NULL));
        }
    }
    apr_pool_destroy(scratch);
}

/* ---- entries ------------------------------------------------------------------------------------------------- */

typedef struct search_t {
    const ctl_case_t *c;
    const ctl_asked_t *asked;
    apr_array_header_t *renewals;
    apr_pool_t *scratch; /* of one entry */
    apr_pool_t *pool;
} search_t;

/* Whether the note is this certificate's subject. */
static int is_noted(const search_t *s, const char *note)
{
    const certmap_dn_t *dn;
    const char *why;
    apr_size_t at;

    return note != NULL && strchr(note, '=') != NULL
           && certmap_dn_parse((certmap_str_t){ note, strlen(note) }, &dn, &why, &at, s->scratch) == APR_SUCCESS
           && dn->nrdns > 0 && certmap_dn_equal(dn, certmap_cert_subject(s->c->view), 0);
}

/* Whether the issuer that a key ends with is this certificate's: with its own serial number the key must be found. */
static int has_issuer(const search_t *s, const char *issuer)
{
    return ctl_entry_maps(
        s->c->view, apr_pstrcat(s->scratch, "issuer-serial:", certmap_cert_serial(s->c->view), " ", issuer, " x", NULL),
        s->scratch);
}

static int look_at_entry(void *baton, const char *key, const certmap_entry_t *entry, int line)
{
    static const struct {
        const char *prefix;
        certmap_key_kind_e kind;
        int issuer;
    } pins[] = {
        { "sha256:", CERTMAP_K_SHA256, 0 },
        { "spki:", CERTMAP_K_SPKI, 0 },
        { "ski:", CERTMAP_K_SKI_ISSUER, 1 },
        { "issuer-serial:", CERTMAP_K_ISSUER_SERIAL, 1 },
    };
    search_t *s = baton;
    const char *issuer = strchr(key, ' '), *own;
    size_t i = 0;

    apr_pool_clear(s->scratch);
    while (i < sizeof(pins) / sizeof(pins[0]) && strncmp(key, pins[i].prefix, strlen(pins[i].prefix)) != 0) {
        i++;
    }
    if (i == sizeof(pins) / sizeof(pins[0]) || entry->deny
        || (entry->effect.expires != 0 && s->c->now >= entry->effect.expires) || !is_noted(s, entry->effect.note)
        || (pins[i].issuer && (issuer == NULL || !has_issuer(s, issuer)))) {
        return 0;
    }
    own = ctl_key_text(s->c->view, pins[i].kind, s->scratch);
    own = certmap_entry_text(own ? own : ctl_key_text(s->c->view, CERTMAP_K_SHA256, s->scratch), entry, s->scratch);
    if (ctl_entry_maps(s->c->view, own, s->scratch)) {
        found(s->renewals,
              apr_psprintf(
                  s->pool, "%s%s has an entry for %s whose note is this subject%s, but it pins another %s",
                  s->asked->source->name, line ? apr_psprintf(s->scratch, ":%d", line) : "", entry->effect.user,
                  pins[i].issuer ? " and whose issuer is this one" : " (its issuer is not known)",
                  pins[i].kind == CERTMAP_K_SPKI || pins[i].kind == CERTMAP_K_SKI_ISSUER ? "key" : "certificate"),
              apr_pstrdup(s->pool, own), s->asked->path);
    }
    return s->renewals->nelts >= CTL_RENEWALS_MOST;
}

static void look_at_source(ctl_t *ctl, search_t *s)
{
    apr_array_header_t *errors;
    certmap_str_t text;
    const char *why;

    if (s->asked->is_store) {
        certmap_store_each(s->asked->path, look_at_entry, s, &why, ctl->pool);
    }
    else if (ctl_read(ctl, s->asked->path, CTL_TEXT_MAX, &text) == CTL_OK) {
        certmap_entries_each(text, s->asked->path, look_at_entry, s, &errors, ctl->pool);
    }
}

/* The dn entry that has decided, and is too weak. */
static void look_at_weak(const ctl_case_t *c, apr_array_header_t *renewals, apr_pool_t *p)
{
    int i;

    for (i = 0; i < c->asked->nelts; i++) {
        const ctl_asked_t *a = &APR_ARRAY_IDX(c->asked, i, ctl_asked_t);
        const certmap_entry_t *allow = &a->found.allow;
        certmap_entry_t entry = *allow;
        const char *line;

        if (a->source->name != c->decision.source || strcmp(allow->key, certmap_key_kind_name(CERTMAP_K_DN)) != 0) {
            continue;
        }
        entry.effect.note = allow->effect.note ? allow->effect.note : certmap_cert_subject_text(c->view);
        line = certmap_entry_text(ctl_key_text(c->view, CERTMAP_K_SHA256, p), &entry, p);
        if (ctl_entry_maps(c->view, line, p)) {
            found(renewals,
                  apr_psprintf(p,
                               "%s has this subject and issuer for %s, but nothing there pins this "
                               "certificate or its key",
                               a->source->name, allow->effect.user),
                  line, a->path);
        }
        return;
    }
}

const apr_array_header_t *ctl_renewals(ctl_t *ctl, const ctl_case_t *c)
{
    apr_array_header_t *renewals = apr_array_make(ctl->pool, 2, sizeof(ctl_renewal_t));
    search_t s = { .c = c, .renewals = renewals, .pool = ctl->pool };
    int i;

    if (c->decision.reason == CERTMAP_R_MAPPING_TOO_WEAK && c->decision.source != NULL) {
        look_at_weak(c, renewals, ctl->pool);
    }
    if (c->decision.reason != CERTMAP_R_NO_MATCH) {
        return renewals;
    }
    look_at_rules(c, renewals, ctl->pool);
    apr_pool_create(&s.scratch, ctl->pool);
    for (i = 0; i < c->asked->nelts && renewals->nelts < CTL_RENEWALS_MOST; i++) {
        s.asked = &APR_ARRAY_IDX(c->asked, i, ctl_asked_t);
        look_at_source(ctl, &s);
    }
    apr_pool_destroy(s.scratch);
    return renewals;
}
