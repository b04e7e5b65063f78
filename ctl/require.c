/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Require and its groups: AND, OR and NOT as mod_authz_core has them, and those of the module as httpd/authz.c answers
 * them. What other modules' Require lines say is a doubt.
 */
#include "require.h"

#include <string.h>
#include <strings.h>

typedef enum logic_e {
    LOGIC_UNSET,
    LOGIC_OFF,
    LOGIC_AND,
    LOGIC_OR
} logic_e;

struct ctl_require_t {
    const ctl_directive_t *line; /* of one Require; NULL: a group */
    logic_e op;
    int negate;
    int other_method;             /* not asked about GET */
    apr_array_header_t *children; /* of const ctl_require_t * */
};

int ctl_goes_on(certmap_reason_e reason)
{
    return reason == CERTMAP_R_SSL_REQUIRED || reason == CERTMAP_R_CERTIFICATE_MISSING
           || reason == CERTMAP_R_CERTIFICATE_NOT_REQUESTABLE || reason == CERTMAP_R_NO_MATCH;
}

/* ---- from lines to a tree ------------------------------------------------------------------------------------ */

static ctl_require_t *make(logic_e op, int negate, apr_pool_t *p)
{
    ctl_require_t *made = apr_pcalloc(p, sizeof(*made));

    made->op = op;
    made->negate = negate;
    made->children = apr_array_make(p, 4, sizeof(const ctl_require_t *));
    return made;
}

/* A group is asked where one of its lines is. */
static void add(ctl_require_t *group, const ctl_require_t *child)
{
    group->other_method = (group->children->nelts == 0 || group->other_method) && child->other_method;
    APR_ARRAY_PUSH(group->children, const ctl_require_t *) = child;
}

static int has_word(const ctl_directive_t *d, const char *word)
{
    int i;

    for (i = 0; i < d->nwords; i++) {
        if (strcmp(d->words[i], word) == 0) {
            return 1;
        }
    }
    return 0;
}

static void add_lines(ctl_require_t *group, const ctl_directive_t *d, int n, int other_method, apr_pool_t *p)
{
    static const struct {
        const char *name;
        logic_e op;
        int negate;
    } groups[] = {
        { "<RequireAll", LOGIC_AND, 0 },
        { "<RequireAny", LOGIC_OR, 0 },
        { "<RequireNone", LOGIC_OR, 1 },
    };
    int i;
    size_t k;

    for (i = 0; i < n; i++) {
        if (strcmp(d[i].name, "Require") == 0) {
            ctl_require_t *leaf = make(LOGIC_UNSET, d[i].nwords > 0 && strcasecmp(d[i].words[0], "not") == 0, p);

            leaf->line = &d[i];
            leaf->other_method = other_method;
            add(group, leaf);
        }
        else if (strcmp(d[i].name, "<Limit") == 0 || strcmp(d[i].name, "<LimitExcept") == 0) {
            int listed = has_word(&d[i], "GET");

            add_lines(group, d[i].inside, d[i].ninside, other_method || (d[i].name[6] ? listed : !listed), p);
        }
        for (k = 0; k < sizeof(groups) / sizeof(groups[0]); k++) {
            if (strcmp(d[i].name, groups[k].name) == 0) {
                ctl_require_t *inner = make(groups[k].op, groups[k].negate, p);

                add_lines(inner, d[i].inside, d[i].ninside, other_method, p);
                if (inner->children->nelts > 0) {
                    add(group, inner);
                }
            }
        }
    }
}

static logic_e merging(const ctl_block_t *block)
{
    logic_e op = LOGIC_UNSET;
    int i;

    for (i = 0; i < block->ndirectives; i++) {
        const ctl_directive_t *d = &block->directives[i];

        if (strcmp(d->name, "AuthMerging") == 0 && d->nwords > 0) {
            op = strcasecmp(d->words[0], "and") == 0  ? LOGIC_AND
                 : strcasecmp(d->words[0], "or") == 0 ? LOGIC_OR
                                                      : LOGIC_OFF;
        }
    }
    return op;
}

const ctl_require_t *ctl_require_merge(const ctl_require_t *base, const ctl_block_t *block, apr_pool_t *p)
{
    ctl_require_t *own = make(LOGIC_OR, 0, p), *both;
    logic_e op = merging(block);

    add_lines(own, block->directives, block->ndirectives, 0, p);
    if (own->children->nelts == 0) {
        return op == LOGIC_OFF ? NULL : base;
    }
    if (!base || op == LOGIC_UNSET || op == LOGIC_OFF) {
        return own;
    }
    both = make(op, 0, p);
    add(both, base);
    add(both, own);
    return both;
}

/* ---- one line ------------------------------------------------------------------------------------------------ */

static ctl_granted_e granted_if(int yes)
{
    return yes ? CTL_GRANTED : CTL_DENIED;
}

static const char *line_text(const ctl_requester_t *who, const ctl_directive_t *d)
{
    return apr_psprintf(who->p, "Require %s (%s:%d)", d->arguments, d->file ? d->file : "?", d->line);
}

static ctl_granted_e doubt(ctl_requester_t *who, const ctl_directive_t *d)
{
    return granted_if(ctl_doubt(
        who->doubts, apr_pstrcat(who->p, "whether ", line_text(who, d), " is met: only httpd can ask it", NULL)));
}

/* As denied() of httpd/authz.c. */
static ctl_granted_e denied(ctl_requester_t *who, certmap_reason_e reason)
{
    if (who->nobody) {
        return CTL_DENIED_NO_USER;
    }
    if (who->denied == CERTMAP_R_NONE) {
        who->denied = reason != CERTMAP_R_NONE ? reason : CERTMAP_R_USER_DENIED;
    }
    return CTL_DENIED;
}

/* As denied_by_mapping() there. */
static ctl_granted_e denied_by_mapping(ctl_requester_t *who)
{
    if (!who->wanted) {
        return CTL_DENIED;
    }
    if (who->report_only && !who->nobody) {
        return denied(who, CERTMAP_R_USER_DENIED);
    }
    if (who->reason != CERTMAP_R_NONE && !ctl_goes_on(who->reason)) {
        who->undecided = who->reason;
    }
    return denied(who, who->reason);
}

static int is_given(const ctl_directive_t *d, int first, const char *name)
{
    int i;

    for (i = first; i < d->nwords; i++) {
        if (strcmp(d->words[i], name) == 0) {
            return 1;
        }
    }
    return 0;
}

static ctl_granted_e ask_group(ctl_requester_t *who, const ctl_directive_t *d, int first)
{
    apr_size_t i;

    for (i = 0; who->decision && !who->report_only && !who->nobody && i < who->decision->effect.ngroups; i++) {
        if (is_given(d, first, who->decision->effect.groups[i])) {
            return CTL_GRANTED;
        }
    }
    return denied_by_mapping(who);
}

static ctl_granted_e ask_rule(ctl_requester_t *who, const ctl_directive_t *d, int first)
{
    return who->decision && who->decision->rule && !who->report_only && !who->nobody
                   && is_given(d, first, who->decision->rule->name)
               ? CTL_GRANTED
               : denied_by_mapping(who);
}

static ctl_granted_e ask_verified(ctl_requester_t *who, const ctl_directive_t *d, int first)
{
    (void)d;
    (void)first;
    return who->unverified == CERTMAP_R_NONE ? CTL_GRANTED : denied(who, who->unverified);
}

static ctl_granted_e ask_all(ctl_requester_t *who, const ctl_directive_t *d, int first)
{
    (void)who;
    return granted_if(first < d->nwords && strcasecmp(d->words[first], "granted") == 0);
}

/* Names may be made of an expression. */
static ctl_granted_e ask_user(ctl_requester_t *who, const ctl_directive_t *d, int first)
{
    if (!who->user) {
        return CTL_DENIED_NO_USER;
    }
    return strstr(d->arguments, "%{") ? doubt(who, d) : granted_if(is_given(d, first, who->user));
}

static ctl_granted_e ask_valid_user(ctl_requester_t *who, const ctl_directive_t *d, int first)
{
    (void)d;
    (void)first;
    return who->user ? CTL_GRANTED : CTL_DENIED_NO_USER;
}

static ctl_granted_e ask_method(ctl_requester_t *who, const ctl_directive_t *d, int first)
{
    (void)who;
    return granted_if(is_given(d, first, "GET"));
}

static ctl_granted_e ask_ssl(ctl_requester_t *who, const ctl_directive_t *d, int first)
{
    (void)d;
    (void)first;
    return granted_if(who->known.is_tls);
}

/* mod_authz_core asks for a user wherever an expression speaks of one. */
static ctl_granted_e ask_expr(ctl_requester_t *who, const ctl_directive_t *d, int first)
{
    const char *text = strstr(d->arguments, d->words[first - 1]) + strlen(d->words[first - 1]);
    apr_size_t n;

    text += strspn(text, " \t");
    n = strlen(text);
    if (n > 1 && *text == '"' && text[n - 1] == '"') {
        text = apr_pstrmemdup(who->p, text + 1, n - 2);
    }
    who->known.user = who->user ? who->user : "";
    switch (ctl_expr(text, &who->known, who->p)) {
    case CTL_NO:
        break;
    case CTL_YES:
        return CTL_GRANTED;
    case CTL_UNKNOWN:
        if (doubt(who, d) == CTL_GRANTED) {
            return CTL_GRANTED;
        }
        break;
    }
    return strstr(text, "REMOTE_USER") ? CTL_DENIED_NO_USER : CTL_DENIED;
}

/* What only another module knows, of a user. */
static ctl_granted_e ask_other_user(ctl_requester_t *who, const ctl_directive_t *d, int first)
{
    (void)first;
    return who->user ? doubt(who, d) : CTL_DENIED_NO_USER;
}

static const struct {
    const char *name;
    ctl_granted_e (*ask)(ctl_requester_t *who, const ctl_directive_t *d, int first);
} providers[] = {
    { "all", ask_all },
    { "user", ask_user },
    { "valid-user", ask_valid_user },
    { "method", ask_method },
    { "ssl", ask_ssl },
    { "expr", ask_expr },
    { "group", ask_other_user },
    { "certmap-group", ask_group },
    { "certmap-rule", ask_rule },
    { "certmap-verified", ask_verified },
};

static ctl_granted_e ask_line(ctl_requester_t *who, const ctl_directive_t *d, int first)
{
    size_t i;

    for (i = 0; first < d->nwords && i < sizeof(providers) / sizeof(providers[0]); i++) {
        if (strcasecmp(d->words[first], providers[i].name) == 0) {
            return providers[i].ask(who, d, first + 1);
        }
    }
    return doubt(who, d);
}

/* ---- all of them --------------------------------------------------------------------------------------------- */

static ctl_granted_e ask(const ctl_require_t *require, ctl_requester_t *who, logic_e outer);

static ctl_granted_e ask_children(const ctl_require_t *group, ctl_requester_t *who)
{
    ctl_granted_e result = CTL_NEUTRAL;
    int i;

    for (i = 0; i < group->children->nelts; i++) {
        ctl_granted_e one = ask(APR_ARRAY_IDX(group->children, i, const ctl_require_t *), who, group->op);

        if (one == CTL_NEUTRAL) {
            continue;
        }
        if (one == (group->op == LOGIC_AND ? CTL_DENIED : CTL_GRANTED)) {
            return one;
        }
        if (result == CTL_NEUTRAL
            || (one == CTL_DENIED_NO_USER && result == (group->op == LOGIC_AND ? CTL_GRANTED : CTL_DENIED))) {
            result = one;
        }
    }
    return result;
}

static ctl_granted_e ask(const ctl_require_t *require, ctl_requester_t *who, logic_e outer)
{
    ctl_granted_e result;

    if (require->other_method) {
        return outer == LOGIC_AND ? CTL_GRANTED : CTL_NEUTRAL;
    }
    result = require->line ? ask_line(who, require->line, require->negate) : ask_children(require, who);
    if (require->line && !who->failed && (result == CTL_GRANTED) == require->negate) {
        who->failed = require->line;
    }
    if (require->negate) {
        return result == CTL_GRANTED ? CTL_DENIED : CTL_NEUTRAL;
    }
    return result;
}

ctl_granted_e ctl_require_ask(const ctl_require_t *require, ctl_requester_t *who)
{
    who->denied = CERTMAP_R_NONE;
    who->undecided = CERTMAP_R_NONE;
    who->failed = NULL;
    return require ? ask(require, who, LOGIC_AND) : CTL_GRANTED;
}
