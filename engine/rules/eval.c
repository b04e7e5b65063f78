/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One certificate before many rules: whether a value meets a pattern, and whether a rule's conditions hold. It is kept
 * apart from the loop over the rules (certmap_rule_matches), allocates nothing for a rule that clearly does not match,
 * and has two more answers than yes and no: the field is malformed, and the matcher failed. Nobody is mapped on
 * these answers, and no deny rule is passed over because of them.
 */
#include <string.h>
#include <time.h>

#include <apr_strings.h>

#include "base/limits.h"
#include "rules/eval.h"
#include "rules/template.h"

/* Added to PCRE2's own codes, all of which are above them. */
#define ERROR_TIME (-100000)
#define ERROR_STEPS (-100001)
#define ERROR_LONG (-100002)
#define ERROR_MIXED (-100003)

void certmap_eval_init(certmap_eval_t *ev, const certmap_cert_t *cert, const certmap_verdict_t *verdict, apr_pool_t *p)
{
    memset(ev, 0, sizeof(*ev));
    ev->cert = cert;
    ev->verdict = verdict;
    ev->pool = p;
    ev->steps = CERTMAP_STEPS_MOST;
    ev->regex_time = CERTMAP_REGEX_TIME;
}

/* Remembers a field's values. Extensions are decoded when they are asked for, which may not happen once for each of
 * many rules: what the cache has no room for is put into a hash table. */
static void remember(certmap_eval_t *ev, const certmap_values_t *v)
{
    if (ev->ncached < CERTMAP_EVAL_CACHE) {
        ev->cache[ev->ncached++] = *v;
        return;
    }
    if (ev->more == NULL) {
        ev->more = apr_hash_make(ev->pool);
    }
    apr_hash_set(ev->more, v->field->name, APR_HASH_KEY_STRING, apr_pmemdup(ev->pool, v, sizeof(*v)));
}

static int is_name(const certmap_field_t *field)
{
    return field->kind == CERTMAP_F_SUBJECT || field->kind == CERTMAP_F_ISSUER || field->kind == CERTMAP_F_SAN_DIRNAME;
}

/* A field's values, and what is unusual about them. */
static certmap_values_t find_values(const certmap_eval_t *ev, const certmap_field_t *field)
{
    certmap_values_t v = { field, CERTMAP_ABSENT, 0, NULL, 0 };
    apr_size_t i;

    v.state = certmap_cert_values(ev->cert, ev->verdict, field, &v.values, &v.n, ev->pool);
    if (v.state == CERTMAP_MALFORMED && is_name(field)) {
        v.values = ev->cert->f[field->kind].v;
        v.n = ev->cert->f[field->kind].n;
    }
    for (i = 0; i < v.n && field->oid != NULL && !v.odd; i++) {
        v.odd = v.values[i].kind == CERTMAP_V_OPAQUE;
    }
    return v;
}

certmap_values_t certmap_eval_values(certmap_eval_t *ev, const certmap_field_t *field)
{
    certmap_values_t v = { field, CERTMAP_ABSENT, 0, NULL, 0 };
    const certmap_values_t *known;
    apr_size_t i;

    for (i = 0; i < ev->ncached; i++) {
        if (ev->cache[i].field == field || certmap_field_same(ev->cache[i].field, field)) {
            return ev->cache[i];
        }
    }
    if (ev->cert == NULL) {
        return v; /* what a rule asks for, in place of what a certificate has, is all here */
    }
    if (ev->more != NULL && (known = apr_hash_get(ev->more, field->name, APR_HASH_KEY_STRING)) != NULL) {
        return *known;
    }
    v = find_values(ev, field);
    remember(ev, &v);
    return v;
}

const char *certmap_eval_error(const certmap_eval_t *ev, apr_pool_t *p)
{
    PCRE2_UCHAR message[160];

    if (ev->failed == NULL) {
        return "matcher error";
    }
    if (ev->failed_rc == ERROR_TIME) {
        return apr_psprintf(p, "%s: the regexes of this decision took too long", ev->failed->text);
    }
    if (ev->failed_rc == ERROR_STEPS) {
        return apr_psprintf(p, "%s: the rules and this certificate take too long", ev->failed->text);
    }
    if (ev->failed_rc == ERROR_LONG) {
        return apr_psprintf(p, "%s: a value of more than %d bytes", ev->failed->text, CERTMAP_REGEX_TEXT_MOST);
    }
    if (ev->failed_rc == ERROR_MIXED) {
        return apr_pstrcat(p, ev->failed->text,
                           ": the value has U+212A or U+017F in it, which a regex that ignores "
                           "case takes for k or s",
                           NULL);
    }
    if (pcre2_get_error_message(ev->failed_rc, message, sizeof(message)) < 0) {
        return apr_psprintf(p, "%s: PCRE2 error %d", ev->failed->text, ev->failed_rc);
    }
    return apr_psprintf(p, "%s: %s", ev->failed->text, (const char *)message);
}

/* ---- one value against one pattern ---------------------------------------------------------------------------- */

static apr_size_t character(certmap_str_t text, apr_size_t at)
{
    apr_size_t n = 1;

    while (at + n < text.len && ((unsigned char)text.data[at + n] & 0xc0) == 0x80) {
        n++;
    }
    return n;
}

/* Whether a token other than a wildcard is the byte at this place. Letters in upper case meet those of a URI's folded
 * form, in which scheme and host are in lower case, and all else is as it is. */
static int is_byte(apr_uint16_t token, certmap_str_t text, apr_size_t at, const certmap_uri_t *uri)
{
    unsigned char c = (unsigned char)text.data[at];

    return token < CERTMAP_TOKEN_UPPER
               ? token == c
               : token == (CERTMAP_TOKEN_UPPER | c)
                     || (token + ('a' - 'A') == (CERTMAP_TOKEN_UPPER | c) && certmap_uri_ignores_case(uri, at));
}

static certmap_match_e fail(certmap_eval_t *ev, const certmap_cond_t *cond, int rc)
{
    /* [promise no-user] */
    ev->failed = cond;
    ev->failed_rc = rc;
    return CERTMAP_MATCH_ERROR;
}

/* Goes back to the last '*' only, never further: at most text times pattern steps, and no recursion. */
static certmap_match_e match_wildcard(certmap_eval_t *ev, const certmap_cond_t *cond, certmap_str_t text)
{
    const apr_uint16_t *tokens = cond->u.wildcard.tokens;
    apr_size_t ntokens = cond->u.wildcard.n;
    apr_size_t t = 0;
    apr_size_t s = 0;
    apr_size_t star = ntokens; /* where the last '*' is */
    apr_size_t resume = 0;     /* where the text continues after it */
    certmap_uri_t uri = { 0, 0, 0 };

    if (cond->u.wildcard.upper) {
        ev->steps -= (apr_int64_t)text.len / 8;
        uri = certmap_uri_parts(text);
    }
    while (s < text.len) {
        if (!certmap_eval_spend(ev, 1)) {
            return fail(ev, cond, ERROR_STEPS);
        }
        if (t < ntokens && tokens[t] == CERTMAP_TOKEN_ANY) {
            star = t++;
            resume = s;
            if (t == ntokens) {
                return CERTMAP_MATCH_YES; /* of a long value only the beginning is looked at */
            }
        }
        else if (t < ntokens && tokens[t] == CERTMAP_TOKEN_ONE) {
            s += character(text, s);
            t++;
        }
        else if (t < ntokens && is_byte(tokens[t], text, s, &uri)) {
            s++;
            t++;
        }
        else if (star < ntokens) {
            resume += character(text, resume);
            s = resume;
            t = star + 1;
        }
        else {
            return CERTMAP_MATCH_NO;
        }
    }
    while (t < ntokens && tokens[t] == CERTMAP_TOKEN_ANY) {
        t++;
    }
    return t == ntokens ? CERTMAP_MATCH_YES : CERTMAP_MATCH_NO;
}

static apr_status_t free_match(void *match)
{
    pcre2_match_data_free(match);
    return APR_SUCCESS;
}

static int need_match_data(certmap_eval_t *ev, apr_uint32_t pairs)
{
    if (ev->match != NULL && ev->match_pairs >= pairs) {
        return 1;
    }
    pairs = pairs < 16 ? 16 : pairs;
    ev->match = pcre2_match_data_create(pairs, NULL);
    ev->match_pairs = ev->match ? pairs : 0;
    if (ev->match != NULL) {
        apr_pool_cleanup_register(ev->pool, ev->match, free_match, apr_pool_cleanup_null);
    }
    return ev->match != NULL;
}

/* Processor time of this thread in nanoseconds; 0 when it is not known. */
static apr_int64_t processor_time(void)
{
    struct timespec t;

    return clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t) == 0 ? (apr_int64_t)t.tv_sec * 1000000000 + t.tv_nsec : 0;
}

apr_int64_t certmap_eval_regex_used(const certmap_eval_t *ev)
{
    return ev->regex_end == 0 ? 0 : processor_time() - (ev->regex_end - ev->regex_time);
}

/* Whether the regexes of this decision have had their time. Reading the clock takes as long as a short match. */
static int out_of_time(certmap_eval_t *ev, apr_size_t len)
{
    apr_int64_t now;

    /* [promise time-limit] */
    ev->regex_bytes += CERTMAP_REGEX_CALL + len;
    if (ev->regex_late || (ev->regex_end != 0 && ev->regex_bytes < CERTMAP_REGEX_CLOCK)) {
        return ev->regex_late;
    }
    now = processor_time();
    ev->regex_bytes = 0;
    if (ev->regex_end == 0) {
        ev->regex_end = now + ev->regex_time;
    }
    ev->regex_late = now == 0 || now > ev->regex_end;
    return ev->regex_late;
}

/* Whether a text has what a regex needs; a text without it is a plain "no", whatever a regex would run into. */
static certmap_match_e match_needs(certmap_eval_t *ev, const certmap_cond_t *cond, certmap_str_t text)
{
    const certmap_needs_t *needs = cond->u.regex.needs;

    if (needs == NULL) {
        return CERTMAP_MATCH_YES;
    }
    if (!certmap_eval_spend(ev, CERTMAP_STEPS_VALUE + certmap_needs_cost(needs, text))) {
        return fail(ev, cond, ERROR_STEPS);
    }
    return certmap_needs_met(needs, text) ? CERTMAP_MATCH_YES : CERTMAP_MATCH_NO;
}

static certmap_match_e match_regex(certmap_eval_t *ev, const certmap_cond_t *cond, certmap_str_t text)
{
    PCRE2_SPTR subject = (PCRE2_SPTR)text.data;
    pcre2_match_context *limit = certmap_cond_limit(cond, text.len, ev->trying);
    certmap_match_e needs = match_needs(ev, cond, text);
    int rc = PCRE2_ERROR_NOMEMORY;

    if (needs != CERTMAP_MATCH_YES) {
        return needs;
    }
    if (limit == NULL) {
        rc = ERROR_LONG;
    }
    else if (out_of_time(ev, text.len)) {
        rc = ERROR_TIME;
    }
    else if (cond->u.regex.mixes && certmap_text_mixes(text)) {
        rc = ERROR_MIXED;
    }
    else if (need_match_data(ev, cond->u.regex.captures + 1)) {
        rc = pcre2_match(cond->u.regex.code, subject, text.len, 0, 0, ev->match, limit);
        if (rc == PCRE2_ERROR_JIT_STACKLIMIT) { /* a long value; the interpreter has the heap */
            rc = pcre2_match(cond->u.regex.code, subject, text.len, 0, PCRE2_NO_JIT, ev->match, limit);
        }
    }
    if (rc == PCRE2_ERROR_NOMATCH) {
        return CERTMAP_MATCH_NO;
    }
    if (rc <= 0) {
        return fail(ev, cond, rc == 0 ? PCRE2_ERROR_NOMEMORY : rc);
    }
    /* Anchored at both ends already; checked again, because everything here relies on whole values. */
    return pcre2_get_ovector_pointer(ev->match)[1] == text.len ? CERTMAP_MATCH_YES : CERTMAP_MATCH_NO;
}

static int match_network(const certmap_cond_t *cond, const certmap_value_t *value)
{
    unsigned whole = cond->u.network.bits / 8u;
    unsigned rest = cond->u.network.bits % 8u;

    return value->iplen == cond->u.network.len && memcmp(value->ip, cond->u.network.octets, whole) == 0
           && (rest == 0 || ((value->ip[whole] ^ cond->u.network.octets[whole]) >> (8 - rest)) == 0);
}

static certmap_match_e match_name(const certmap_cond_t *cond, const certmap_value_t *value, int below)
{
    int c = value->kind == CERTMAP_V_DN ? certmap_dn_compare(value->dn, cond->u.dn, below, cond->exact) : 0;

    return c < 0 ? CERTMAP_MATCH_MALFORMED : c ? CERTMAP_MATCH_YES : CERTMAP_MATCH_NO;
}

certmap_match_e certmap_cond_value(certmap_eval_t *ev, const certmap_cond_t *cond, const certmap_value_t *value)
{
    certmap_str_t text = cond->exact ? value->text : value->folded;
    int yes = 0;

    /* [promise time-limit] */
    if (!certmap_eval_spend(ev, CERTMAP_STEPS_VALUE)) {
        return fail(ev, cond, ERROR_STEPS);
    }
    if (certmap_cond_is_presence(cond)) {
        return CERTMAP_MATCH_YES;
    }
    if ((value->kind == CERTMAP_V_OPAQUE) != cond->opaque) {
        return CERTMAP_MATCH_NO; /* DER is not text: it meets only what is written as DER */
    }
    switch (cond->pattern) {
    case CERTMAP_P_LITERAL:
        yes = certmap_str_same(cond->u.literal, text);
        break;
    case CERTMAP_P_WILDCARD:
        return match_wildcard(ev, cond, text);
    case CERTMAP_P_REGEX:
        return match_regex(ev, cond, value->text);
    case CERTMAP_P_NETWORK:
        yes = value->kind == CERTMAP_V_IP && match_network(cond, value);
        break;
    case CERTMAP_P_DN:
        return match_name(cond, value, 0);
    case CERTMAP_P_DN_BELOW:
        return match_name(cond, value, 1);
    }
    return yes ? CERTMAP_MATCH_YES : CERTMAP_MATCH_NO;
}

/* ---- conditions and rules ------------------------------------------------------------------------------------- */

/* Negated or all:, that is, a condition that looks at every value and binds none. */
static certmap_match_e every_value(certmap_eval_t *ev, const certmap_cond_t *cond, const certmap_values_t *v)
{
    apr_size_t i;

    for (i = 0; i < v->n; i++) {
        certmap_match_e m = certmap_cond_value(ev, cond, &v->values[i]);

        if (m == CERTMAP_MATCH_ERROR) {
            return m;
        }
        if ((m == CERTMAP_MATCH_YES) == (cond->negated != 0)) {
            return CERTMAP_MATCH_NO;
        }
    }
    return cond->all && v->n == 0 ? CERTMAP_MATCH_NO : CERTMAP_MATCH_YES;
}

/* What of a condition is asked before any regex: all of it, or the literals that a regex needs. So a value that another
 * condition clearly refuses never makes a regex fail. */
static certmap_match_e plain_part(certmap_eval_t *ev, const certmap_cond_t *cond, const certmap_value_t *value)
{
    if (cond->pattern != CERTMAP_P_REGEX) {
        return certmap_cond_value(ev, cond, value);
    }
    if (value->kind == CERTMAP_V_OPAQUE) {
        return CERTMAP_MATCH_NO;
    }
    return match_needs(ev, cond, value->text);
}

certmap_match_e certmap_binding_value(certmap_eval_t *ev, const certmap_rule_t *rule, apr_size_t leader,
                                      apr_size_t last, const certmap_value_t *value)
{
    certmap_match_e result = CERTMAP_MATCH_YES;
    int regexes;
    apr_size_t i;

    ev->steps -= (apr_int64_t)(last - leader) / 2; /* conditions on other fields are between them */
    /* [promise value-used] */
    for (regexes = 0; regexes <= 1; regexes++) {
        for (i = leader; i <= last; i++) {
            const certmap_cond_t *cond = &rule->conds[i];

            if (cond->leader == (int)leader && (!regexes || cond->pattern == CERTMAP_P_REGEX)) {
                certmap_match_e m = regexes ? certmap_cond_value(ev, cond, value) : plain_part(ev, cond, value);

                if (m == CERTMAP_MATCH_NO) {
                    return m;
                }
                result = m < result ? m : result;
            }
        }
        if (!rule->conds[leader].regex_binding) {
            break;
        }
    }
    return result;
}

/* Whether conditions of a binding ask for what cannot be compared. */
static int binding_touches(const certmap_rule_t *rule, apr_size_t leader, apr_size_t last, const certmap_values_t *v)
{
    apr_size_t i;

    if (v->state != CERTMAP_MALFORMED && !v->odd) {
        return 0;
    }
    for (i = leader; i <= last; i++) {
        if (rule->conds[i].leader == (int)leader && certmap_cond_touches(&rule->conds[i], v)) {
            return 1;
        }
    }
    return 0;
}

certmap_match_e certmap_binding_holds(certmap_eval_t *ev, const certmap_rule_t *rule, apr_size_t leader,
                                      apr_size_t last)
{
    certmap_values_t v = certmap_eval_values(ev, &rule->conds[leader].field);
    certmap_match_e found = CERTMAP_MATCH_NO;
    apr_size_t i;

    if (binding_touches(rule, leader, last, &v)) {
        /* of names, what is sound may tell each of them from what is asked for */
        for (i = 0; i < v.n && is_name(v.field)
                    && certmap_binding_value(ev, rule, leader, last, &v.values[i]) == CERTMAP_MATCH_NO;
             i++) {
        }
        return i == v.n && v.n > 0 ? CERTMAP_MATCH_NO : CERTMAP_MATCH_MALFORMED;
    }
    for (i = 0; i < v.n; i++) {
        certmap_match_e m = certmap_binding_value(ev, rule, leader, last, &v.values[i]);

        if (m == CERTMAP_MATCH_ERROR) {
            return m;
        }
        if (m == CERTMAP_MATCH_YES) {
            found = m;
            if (!rule->conds[leader].regex_binding) {
                break; /* after a match only a failing regex could matter */
            }
        }
    }
    return found;
}

/* A condition by itself that asks for what cannot be compared. It does not hold where names are certainly others. */
static certmap_match_e touching(certmap_eval_t *ev, const certmap_cond_t *cond, const certmap_values_t *v)
{
    apr_size_t no = 0;
    apr_size_t i;

    for (i = 0; i < v->n && is_name(v->field) && !cond->negated; i++) {
        no += certmap_cond_value(ev, cond, &v->values[i]) == CERTMAP_MATCH_NO;
    }
    return no > 0 && (cond->all || no == v->n) ? CERTMAP_MATCH_NO : CERTMAP_MATCH_MALFORMED;
}

certmap_match_e certmap_cond_holds(certmap_eval_t *ev, const certmap_cond_t *cond)
{
    certmap_values_t v = certmap_eval_values(ev, &cond->field);
    certmap_match_e found = CERTMAP_MATCH_NO;
    apr_size_t i;

    if (certmap_cond_touches(cond, &v)) {
        return touching(ev, cond, &v);
    }
    if (cond->negated || cond->all) {
        return every_value(ev, cond, &v);
    }
    for (i = 0; i < v.n && found == CERTMAP_MATCH_NO; i++) {
        found = certmap_cond_value(ev, cond, &v.values[i]);
    }
    return found;
}

/* One pass over the rule's bindings: those that ask regexes, or those that do not. */
static certmap_match_e match_pass(certmap_eval_t *ev, const certmap_rule_t *rule, int regexes)
{
    certmap_match_e result = CERTMAP_MATCH_YES;
    apr_size_t i;

    for (i = 0; i < rule->nconds; i++) {
        const certmap_cond_t *cond = &rule->conds[i];
        certmap_match_e m;

        if ((cond->leader >= 0 && cond->leader != (int)i) || cond->regex_binding != regexes) {
            continue;
        }
        m = cond->leader < 0 ? certmap_cond_holds(ev, cond) : certmap_binding_holds(ev, rule, i, rule->nconds - 1);
        if (m == CERTMAP_MATCH_NO) {
            return m;
        }
        result = m < result ? m : result; /* a "no" of another condition would still be the rule's answer */
    }
    return result;
}

/* The first placeholder of a rule's USER whose field is malformed, or NULL. */
static const certmap_field_t *malformed_piece(certmap_eval_t *ev, const certmap_rule_t *rule)
{
    apr_size_t i;

    for (i = 0; rule->user != NULL && i < rule->user->npieces; i++) {
        const certmap_piece_t *piece = &rule->user->pieces[i];

        if (piece->kind == CERTMAP_PIECE_FIELD && certmap_eval_values(ev, &piece->u.field).state == CERTMAP_MALFORMED) {
            return &piece->u.field;
        }
    }
    return NULL;
}

certmap_match_e certmap_rule_matches(certmap_eval_t *ev, const certmap_rule_t *rule)
{
    certmap_match_e m;

    ev->steps -= CERTMAP_STEPS_RULE;
    m = rule->nconds > 0 || rule->any ? match_pass(ev, rule, 0) : CERTMAP_MATCH_NO;
    if (m != CERTMAP_MATCH_NO) {
        certmap_match_e r = match_pass(ev, rule, 1);

        m = r < m ? r : m;
    }
    /* [promise unreadable] */
    return m > CERTMAP_MATCH_MALFORMED && malformed_piece(ev, rule) != NULL ? CERTMAP_MATCH_MALFORMED : m;
}

const char *certmap_rule_malformed(certmap_eval_t *ev, const certmap_rule_t *rule, apr_pool_t *p)
{
    const certmap_field_t *field = NULL;
    apr_size_t i;

    for (i = 0; i < rule->nconds && field == NULL; i++) {
        certmap_values_t v = certmap_eval_values(ev, &rule->conds[i].field);

        if (v.state != CERTMAP_MALFORMED && certmap_cond_touches(&rule->conds[i], &v)) {
            return apr_psprintf(p, "%s has a value of another type than text", v.field->name);
        }
        field = v.state == CERTMAP_MALFORMED ? &rule->conds[i].field : NULL;
    }
    field = field != NULL ? field : malformed_piece(ev, rule);
    return field != NULL ? apr_psprintf(p, "%s is malformed: %s", field->name, certmap_cert_why(ev->cert, field, p))
                         : "a field is malformed";
}
