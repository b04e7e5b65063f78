/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Start-up checks: names in Require certmap-rule and certmap-group that nothing gives, and an AuthType that is nearly
 * ours. A section may apply in several virtual hosts, each with rules of its own: a name is missing when it is missing
 * in all of them.
 */
#include "check.h"

#include <apr_strings.h>

#include "conftree.h"
#include "mod_certmap.h"

/* A name that a directive asks for. */
typedef struct required_t {
    const ap_directive_t *d;
    const char *name;
    int group;
    int found;               /* or it cannot be known whether anything gives it */
    struct required_t *next; /* of the same name and kind, seen from one server */
} required_t;

struct certmap_check_names_t {
    apr_hash_t *all; /* "ADDRESS KIND NAME" to required_t * */
    apr_array_header_t *order;
    apr_array_header_t *known[2]; /* rules, groups */
    /* of the current server */
    apr_hash_t *here[2]; /* name to the first required_t */
    apr_hash_t *looked;  /* rulesets that have been looked through */
    int missing;
};

static certmap_check_names_t *names_of(certmap_check_t *check)
{
    certmap_check_names_t *names = check->names;
    int i;

    if (!names) {
        check->names = names = apr_pcalloc(check->p, sizeof(*names));
        names->all = apr_hash_make(check->p);
        names->order = apr_array_make(check->p, 4, sizeof(required_t *));
        for (i = 0; i < 2; i++) {
            names->known[i] = apr_array_make(check->p, 16, sizeof(const char *));
        }
    }
    return names;
}

/* ---- what is asked for ----------------------------------------------------------------------------------------- */

static void require_name(certmap_check_t *check, const ap_directive_t *d, const char *name, int group)
{
    certmap_check_names_t *names = names_of(check);
    const char *key = apr_psprintf(check->p, "%pp %d %s", (const void *)d, group, name);
    required_t *required = apr_hash_get(names->all, key, APR_HASH_KEY_STRING);

    if (!required) {
        required = apr_pcalloc(check->p, sizeof(*required));
        required->d = d;
        required->name = name;
        required->group = group;
        apr_hash_set(names->all, key, APR_HASH_KEY_STRING, required);
        APR_ARRAY_PUSH(names->order, required_t *) = required;
    }
    if (!required->found) {
        required->next = apr_hash_get(names->here[group], name, APR_HASH_KEY_STRING);
        apr_hash_set(names->here[group], name, APR_HASH_KEY_STRING, required);
        names->missing++;
    }
}

/* Require [not] certmap-rule NAME..., <AuthzProviderAlias certmap-rule ALIAS "NAME..."> */
static void read_names(certmap_check_t *check, const ap_directive_t *d)
{
    int alias = certmap_check_is(d, "<AuthzProviderAlias");
    apr_size_t n = strlen(d->args);
    const char *args = apr_pstrmemdup(check->p, d->args, n - (alias && n && d->args[n - 1] == '>'));
    const char *word = ap_getword_conf(check->p, &args);
    int group;

    if (!alias && strcasecmp(word, "not") == 0) {
        word = ap_getword_conf(check->p, &args);
    }
    group = strcasecmp(word, "certmap-group") == 0;
    if (!group && strcasecmp(word, "certmap-rule") != 0) {
        return;
    }
    if (alias) {
        ap_getword_conf(check->p, &args);
        args = ap_getword_conf(check->p, &args);
    }
    while (*(word = ap_getword_conf(check->p, &args))) {
        require_name(check, d, word, group);
    }
}

static void check_type(certmap_check_t *check, const ap_directive_t *d)
{
    static const char *const types[] = { CERTMAP_AUTH_TYPE, NULL };
    const char *type = certmap_check_first_word(check, d);

    if (strcasecmp(type, CERTMAP_AUTH_TYPE) != 0 && certmap_suggest((certmap_str_t){ type, strlen(type) }, types)) {
        certmap_check_say(check, APLOG_WARNING,
                          "%s: no module gives users under this type; did you mean AuthType " CERTMAP_AUTH_TYPE "?",
                          certmap_check_at(check, d));
    }
}

static int read_directive(const ap_directive_t *d, certmap_level_e level, void *baton)
{
    certmap_check_t *check = baton;

    (void)level;
    if (certmap_check_is(d, "Require") || certmap_check_is(d, "<AuthzProviderAlias")) {
        read_names(check, d);
    }
    else if (certmap_check_is(d, "AuthType")) {
        check_type(check, d);
    }
    return 1;
}

/* ---- what there is --------------------------------------------------------------------------------------------- */

static void give(certmap_check_names_t *names, const char *name, int group)
{
    required_t *required = apr_hash_get(names->here[group], name, APR_HASH_KEY_STRING);

    for (; required; required = required->next) {
        names->missing -= !required->found;
        required->found = 1;
    }
    if (names->known[group]->nelts < CERTMAP_HINT_NAMES_MOST) {
        APR_ARRAY_PUSH(names->known[group], const char *) = name;
    }
}

/* A source's groups are its entries', which come and go. */
static void give_any_group(certmap_check_t *check)
{
    apr_hash_index_t *i;

    for (i = apr_hash_first(check->p, check->names->here[1]); i; i = apr_hash_next(i)) {
        give(check->names, apr_hash_this_key(i), 1);
    }
}

static void give_rules(certmap_check_t *check, const certmap_ruleset_t *rules)
{
    apr_size_t i, k, n = certmap_ruleset_count(rules);

    for (i = 0; i < n && check->names->missing > 0; i++) {
        const certmap_rule_t *rule = certmap_ruleset_rule(rules, i);

        give(check->names, rule->name, 0);
        for (k = 0; k < rule->effect.ngroups; k++) {
            if (strchr(rule->effect.groups[k], '%')) { /* whatever the certificate has */
                give_any_group(check);
            }
            give(check->names, rule->effect.groups[k], 1);
        }
    }
}

static void look_at(server_rec *s, const certmap_dir_conf_t *raw, const certmap_dir_conf_t *merged, const char *name,
                    void *baton)
{
    certmap_check_t *check = baton;
    const certmap_list_t *list;
    certmap_pinned_t pinned;

    (void)s;
    (void)raw;
    (void)name;
    certmap_links_pin(certmap_conf_links(merged, check->p), &pinned, check->p);
    for (list = pinned.list; list && check->names->missing > 0; list = list->outer) {
        if (list->source) {
            give_any_group(check);
        }
        if (list->rules && !apr_hash_get(check->names->looked, &list->rules, sizeof(list->rules))) {
            apr_hash_set(check->names->looked, apr_pmemdup(check->p, &list->rules, sizeof(list->rules)),
                         sizeof(list->rules), "");
            give_rules(check, list->rules);
        }
    }
    certmap_links_unpin(&pinned);
}

void certmap_check_names(certmap_check_t *check)
{
    certmap_check_names_t *names = names_of(check);

    names->here[0] = apr_hash_make(check->p);
    names->here[1] = apr_hash_make(check->p);
    names->looked = apr_hash_make(check->p);
    names->missing = 0;
    certmap_conftree_each(check->s, read_directive, check);
    if (names->missing > 0) {
        certmap_conf_walk(check->s, look_at, check, check->p);
    }
}

void certmap_check_names_end(certmap_check_t *check)
{
    certmap_check_names_t *names = names_of(check);
    int i;

    for (i = 0; i < 2; i++) {
        APR_ARRAY_PUSH(names->known[i], const char *) = NULL;
    }
    for (i = 0; i < names->order->nelts; i++) {
        const required_t *required = APR_ARRAY_IDX(names->order, i, required_t *);
        const char *meant;

        if (required->found) {
            continue;
        }
        meant = certmap_suggest((certmap_str_t){ required->name, strlen(required->name) },
                                (const char *const *)names->known[required->group]->elts);
        certmap_check_say(check, APLOG_WARNING, "%s: no rule %s %s%s%s%s", certmap_check_at(check, required->d),
                          required->group ? "gives the group" : "has the name", required->name,
                          meant ? "; did you mean " : "", meant ? meant : "", meant ? "?" : "");
    }
}
