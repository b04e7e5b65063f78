/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Fuzz target: deciding. The input chooses rules and a certificate out of a small vocabulary, so that they meet often.
 * A plain first-match loop, which works on the words themselves and knows nothing of the engine, must come to the same
 * outcome, reason, user and rule as certmap_decide, and to the same answer for each rule and condition as
 * certmap_explain reports.
 */
#include "fuzz.h"

#define VALUES_MOST 8
#define RULES_MOST 12
#define CONDS_MOST 4

typedef struct want_cond_t {
    char kind; /* of fuzz_value_t */
    int all;
    int exact;
    int negated;
    const char *pattern;
} want_cond_t;

typedef struct want_rule_t {
    const char *name;
    int deny;
    int any;
    int disabled;
    int expired;
    char user_kind; /* 0: the user is "u", else %{the field} */
    int first;      /* :first */
    want_cond_t conds[CONDS_MOST];
    apr_size_t nconds;
} want_rule_t;

typedef struct world_t {
    fuzz_value_t values[VALUES_MOST];
    apr_size_t nvalues;
    want_rule_t rules[RULES_MOST];
    apr_size_t nrules;
    apr_size_t nouter; /* how many of them are the outer list's */
    apr_pool_t *p;
} world_t;

typedef struct answer_t {
    certmap_reason_e reason;
    const char *user;
    const char *rule;
} answer_t;

static const struct {
    char kind;
    const char *field;
} fields[] = {
    { 'C', "subject.CN" }, { 'U', "subject.OU" }, { 'O', "subject.O" }, { 'e', "san.email" }, { 'd', "san.dns" },
};

/* ASCII only: an SAN must hold them too. The one with a control character is malformed. */
static const char *const words[] = {
    "ann",   "Ann",     "bob", "ann lee", "ann  lee", "a*b",    "b",       " ",
    "ann@x", "bob@x.y", "a?b", "a\\b",    "ab",       "AnnAnn", "ann\x01", "x",
};

/* Text of subject attributes also has characters of several bytes. */
static const char *const wide[] = { "\xc3\xa9", "ann\xc3\xa9",
                                    "\xe2\x82\xac"
                                    "b",
                                    "a\xf0\x9f\x98\x80"
                                    "b" };

static const char *const patterns[] = {
    "ann",    "Ann",   "ANN",   "ann lee",  "ann   lee", "*",   "?",   "??", "???", "a*",    "*b",
    "*n*",    "a\\*b", "a\\?b", "a\\\\b",   "a?b",       "*@x", "*@*", "b",  "bob", "a*n*e", "*nn",
    "AnnAnn", "?*",    "*x*y",  "\xc3\xa9", "ann?",      "?b",  " a",  "x",  "bo*", "ab",
};

static const char *field_name(char kind)
{
    apr_size_t i = 0;

    while (fields[i].kind != kind) {
        i++;
    }
    return fields[i].field;
}

/* ---- the world, out of the input ----------------------------------------------------------------------------- */

static void choose_certificate(world_t *w, fuzz_in_t *in)
{
    w->nvalues = fuzz_pick(in, VALUES_MOST + 1);
    for (apr_size_t i = 0; i < w->nvalues; i++) {
        unsigned choice = fuzz_byte(in);
        fuzz_value_t *v = &w->values[i];
        const char *text = words[choice % 16];

        v->kind = fields[(choice >> 4) % 5].kind;
        v->tag = 0x0c;
        if (v->kind != 'e' && v->kind != 'd' && choice / 80 == 2) {
            text = wide[choice % 4];
        }
        v->text = (certmap_str_t){ text, strlen(text) };
    }
}

static void choose_rule(want_rule_t *r, fuzz_in_t *in, apr_size_t number, apr_pool_t *p)
{
    unsigned how = fuzz_byte(in);
    unsigned user = fuzz_byte(in);
    int positive = 0;
    apr_size_t i;

    r->name = apr_psprintf(p, "r%d", (int)number);
    r->deny = (how & 3) == 0;
    r->disabled = (how & 0x1c) == 0x1c;
    r->expired = (how & 0xe0) == 0xe0;
    r->user_kind = user & 1 ? fields[(user >> 1) % 5].kind : 0;
    r->first = (user & 0xc0) == 0xc0;
    r->nconds = fuzz_pick(in, CONDS_MOST + 1);
    for (i = 0; i < r->nconds; i++) {
        unsigned flags = fuzz_byte(in);
        want_cond_t *c = &r->conds[i];

        c->kind = fields[flags % 5].kind;
        c->negated = (flags & 0x60) == 0x60;
        c->all = (flags & 0x90) == 0x90;
        c->exact = (flags & 0x08) != 0;
        c->pattern = patterns[fuzz_pick(in, 32)];
        if ((c->kind == 'e' || c->kind == 'd') && (unsigned char)c->pattern[0] >= 0x80) {
            c->pattern = "ann"; /* what an SAN cannot hold is an error */
        }
        positive |= !c->negated;
    }
    r->any = !positive;
}

static const char *rule_text(const want_rule_t *r, apr_pool_t *p)
{
    const char *text = apr_pstrcat(p, r->name, r->deny ? " deny" : " allow", NULL);
    apr_size_t i;

    if (!r->deny) {
        text = r->user_kind ? apr_pstrcat(p, text, " %{", field_name(r->user_kind), r->first ? ":first}" : "}", NULL)
                            : apr_pstrcat(p, text, " u", NULL);
    }
    for (i = 0; i < r->nconds; i++) {
        const want_cond_t *c = &r->conds[i];
        char quoted[64];
        const char *s;
        char *q = quoted;

        for (s = c->pattern; *s != '\0'; s++) {
            if (*s == '\\') {
                *q++ = '\\';
            }
            *q++ = *s;
        }
        *q = '\0';
        text = apr_pstrcat(p, text, c->all ? " all:" : " ", c->exact ? "case:" : "", field_name(c->kind),
                           c->negated ? "!=\"" : "=\"", quoted, "\"", NULL);
    }
    return apr_pstrcat(p, text, r->any ? " any" : "", r->disabled ? " disabled" : "",
                       r->expired ? " expires=2020-02-29\n" : " expires=2030-01-31\n", NULL);
}

/* ---- the plain loop ------------------------------------------------------------------------------------------ */

static int value_meets(const world_t *w, const want_cond_t *c, const fuzz_value_t *v)
{
    return fuzz_meets((certmap_str_t){ c->pattern, strlen(c->pattern) }, c->exact, v->text, w->p);
}

/* Whether value i is one of this kind; blanks alone are none. */
static int is_value(const world_t *w, apr_size_t i, char kind)
{
    return w->values[i].kind == kind && fuzz_fold(w->values[i].text, w->p).len > 0;
}

/* Whether the field of a kind is malformed: one of its values is. */
static int is_malformed(const world_t *w, char kind)
{
    apr_size_t i;

    for (i = 0; i < w->nvalues; i++) {
        if (w->values[i].kind == kind && memchr(w->values[i].text.data, 1, w->values[i].text.len) != NULL) {
            return 1;
        }
    }
    return 0;
}

/* A condition by itself, on a field that is sound. */
static int holds(const world_t *w, const want_cond_t *c)
{
    int met = 0;
    int unmet = 0;
    apr_size_t i;

    for (i = 0; i < w->nvalues; i++) {
        if (is_value(w, i, c->kind)) {
            int yes = value_meets(w, c, &w->values[i]);

            met += yes;
            unmet += !yes;
        }
    }
    if (c->negated) {
        return met == 0 && (!c->all || unmet > 0);
    }
    return c->all ? unmet == 0 && met > 0 : met > 0;
}

/* Whether a value meets all conditions that bind values of its field. */
static int is_bound(const world_t *w, const want_rule_t *r, const fuzz_value_t *v)
{
    apr_size_t i;

    for (i = 0; i < r->nconds; i++) {
        const want_cond_t *c = &r->conds[i];

        if (c->kind == v->kind && !c->negated && !c->all && !value_meets(w, c, v)) {
            return 0;
        }
    }
    return 1;
}

typedef enum match_e {
    NO,
    MALFORMED,
    YES
} match_e;

/* No, if a condition on a sound field does not hold; else malformed, if a malformed field is asked for anywhere. */
static match_e matches(const world_t *w, const want_rule_t *r)
{
    int malformed = !r->deny && r->user_kind && is_malformed(w, r->user_kind);
    apr_size_t i;
    apr_size_t j;

    for (i = 0; i < r->nconds; i++) {
        const want_cond_t *c = &r->conds[i];
        int found = 0;

        if (is_malformed(w, c->kind)) {
            malformed = 1;
            continue;
        }
        if (c->negated || c->all) {
            found = holds(w, c);
        }
        for (j = 0; j < w->nvalues && !c->negated && !c->all; j++) {
            found |= is_value(w, j, c->kind) && is_bound(w, r, &w->values[j]);
        }
        if (!found) {
            return NO;
        }
    }
    return malformed ? MALFORMED : YES;
}

/* Rules that are in error, because their conditions contradict one another, must not match; they are left out. */
static const certmap_ruleset_t *compile(world_t *w, apr_size_t from, apr_size_t to)
{
    certmap_builder_t *b = certmap_builder_create(w->p);

    for (; from < to; from++) {
        const char *text = rule_text(&w->rules[from], w->p);

        if (certmap_builder_add_file_text(b, (certmap_str_t){ text, strlen(text) }, NULL) != APR_SUCCESS) {
            const apr_array_header_t *errors = certmap_builder_errors(b);

            FUZZ_CHECK(strstr(APR_ARRAY_IDX(errors, errors->nelts - 1, certmap_error_t).text, "can never match"));
            FUZZ_CHECK(!w->rules[from].disabled && !matches(w, &w->rules[from]));
            w->rules[from].disabled = 1;
        }
    }
    return certmap_builder_finish(b);
}

static certmap_reason_e user_of(const world_t *w, const want_rule_t *r, const char **user)
{
    const fuzz_value_t *chosen = NULL;
    apr_size_t i;

    *user = "u";
    if (!r->user_kind) {
        return CERTMAP_R_NONE;
    }
    for (i = 0; i < w->nvalues; i++) {
        const fuzz_value_t *v = &w->values[i];

        if (!is_value(w, i, r->user_kind) || !is_bound(w, r, v)) {
            continue;
        }
        if (chosen != NULL && !r->first && !fuzz_same(chosen->text, v->text)) {
            return CERTMAP_R_AMBIGUOUS;
        }
        chosen = chosen ? chosen : v;
    }
    if (chosen == NULL || !fuzz_is_user(chosen->text)) {
        return CERTMAP_R_USER_INVALID;
    }
    *user = chosen->text.data;
    return CERTMAP_R_NONE;
}

static answer_t decide_plainly(const world_t *w)
{
    answer_t a = { CERTMAP_R_NO_MATCH, NULL, NULL };
    apr_size_t i;

    for (i = 0; i < w->nrules; i++) {
        const want_rule_t *r = &w->rules[i];
        match_e m = r->disabled ? NO : matches(w, r);

        if (m == NO) {
            continue;
        }
        a.rule = r->name;
        a.reason = r->deny          ? CERTMAP_R_DENIED_BY_RULE
                   : m == MALFORMED ? CERTMAP_R_MALFORMED
                   : r->expired     ? CERTMAP_R_MAPPING_EXPIRED
                                    : user_of(w, r, &a.user);
        break;
    }
    a.user = a.reason == CERTMAP_R_NONE ? a.user : NULL;
    return a;
}

/* ---- comparing ----------------------------------------------------------------------------------------------- */

static void compare(const answer_t *want, const certmap_decision_t *d)
{
    fuzz_check_decision(d);
    FUZZ_CHECK(d->reason == want->reason);
    FUZZ_CHECK((d->effect.user == NULL) == (want->user == NULL)
               && (d->effect.user == NULL || strcmp(d->effect.user, want->user) == 0));
    FUZZ_CHECK((d->rule == NULL) == (want->rule == NULL));
    FUZZ_CHECK(d->rule == NULL || strcmp(d->rule->name, want->rule) == 0);
}

static void compare_trace(const world_t *w, const answer_t *want, const certmap_trace_t *trace)
{
    apr_size_t told = 0;
    apr_size_t i;
    apr_size_t j;

    for (i = 0; i < w->nrules; i++) {
        const want_rule_t *r = &w->rules[i];
        const certmap_trace_rule_t *t = &trace->rules[told];

        if (r->disabled) {
            continue;
        }
        FUZZ_CHECK(told++ < trace->nrules);
        FUZZ_CHECK(strcmp(t->rule->name, r->name) == 0 && t->nconds == r->nconds);
        FUZZ_CHECK(t->matched == (matches(w, r) == YES) && (t->malformed != NULL) == (matches(w, r) == MALFORMED));
        FUZZ_CHECK(t->decided == (want->rule != NULL && strcmp(want->rule, r->name) == 0));
        for (j = 0; j < r->nconds; j++) {
            FUZZ_CHECK(t->conds[j].error == NULL);
            FUZZ_CHECK(is_malformed(w, r->conds[j].kind)
                           ? t->conds[j].told == CERTMAP_COND_MALFORMED && t->conds[j].why != NULL
                           : t->conds[j].holds == holds(w, &r->conds[j]));
        }
    }
    FUZZ_CHECK(told == trace->nrules);
}

static void compare_nearest(const world_t *w, const certmap_list_t *list, const certmap_cert_t *cert,
                            const certmap_verdict_t *verdict)
{
    const certmap_rule_t *rule;
    const certmap_cond_t *failed;
    apr_size_t i;

    certmap_nearest(QUESTION(list, cert, verdict, CERTMAP_WEAK, 0), RULES_MOST, &rule, &failed, w->p);
    FUZZ_CHECK((rule == NULL) == (failed == NULL));
    for (i = 0; rule != NULL && i < w->nrules; i++) {
        if (strcmp(w->rules[i].name, rule->name) == 0) {
            FUZZ_CHECK(!w->rules[i].deny && !w->rules[i].disabled && matches(w, &w->rules[i]) == NO);
        }
    }
}

int FUZZ_TARGET(decide)(const uint8_t *data, size_t size)
{
    fuzz_in_t in = { data, data + size };
    certmap_verdict_t verified = { .reason = CERTMAP_R_NONE };
    world_t *w;
    apr_pool_t *p = fuzz_pool();
    certmap_list_t outer = { .rules = NULL };
    certmap_list_t list = { .outer = &outer, .rules = NULL };
    const certmap_cert_t *cert;
    certmap_decision_t d;
    certmap_decision_t again;
    certmap_trace_t *trace;
    answer_t want;
    apr_size_t i;

    w = apr_pcalloc(p, sizeof(*w));
    w->p = p;
    choose_certificate(w, &in);
    w->nrules = fuzz_pick(&in, RULES_MOST + 1);
    w->nouter = w->nrules ? fuzz_pick(&in, (unsigned)w->nrules + 1) : 0;
    for (i = 0; i < w->nrules; i++) {
        choose_rule(&w->rules[i], &in, i, p);
    }
    outer.rules = w->nouter ? compile(w, 0, w->nouter) : NULL;
    list.rules = compile(w, w->nouter, w->nrules);
    cert = fuzz_cert(w->values, w->nvalues, p);
    FUZZ_CHECK(certmap_cert_malformed(cert) == NULL);
    want = decide_plainly(w);

    FUZZ_CHECK(certmap_decide(QUESTION(&list, cert, &verified, CERTMAP_WEAK, FUZZ_NOW), &d, p) == APR_SUCCESS);
    compare(&want, &d);
    FUZZ_CHECK(certmap_decide(QUESTION(&list, cert, &verified, CERTMAP_WEAK, FUZZ_NOW), &again, p) == APR_SUCCESS);
    FUZZ_CHECK(fuzz_same_decision(&d, &again));
    FUZZ_CHECK(certmap_explain(QUESTION(&list, cert, &verified, CERTMAP_WEAK, FUZZ_NOW), &again, &trace, p)
               == APR_SUCCESS);
    FUZZ_CHECK(fuzz_same_decision(&d, &again));
    compare_trace(w, &want, trace);
    compare_nearest(w, &list, cert, &verified);
    return 0;
}
