/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A decision in words: the answer first, then what it was made from. Everything that comes from a certificate or a file
 * passes ctl_printable.
 */
#include "decision.h"

#include <langinfo.h>
#include <locale.h>
#include <string.h>

#include <openssl/x509_vfy.h>

static const struct {
    const char *what;
    const char *advice;
} words[CERTMAP_R_COUNT] = {
    [CERTMAP_R_MALFORMED] = { "a part of the certificate that is needed breaks the rules for certificates",
                              "have it issued again" },
    [CERTMAP_R_SELF_SIGNED] = { "no CA has issued the certificate, it has signed itself",
                                "have one issued by a trusted CA, or trust it and map it by sha256=" },
    [CERTMAP_R_UNTRUSTED_ISSUER] = { "no way leads from the certificate to a CA of --ca",
                                     "append the intermediate CAs to the certificate's file, or add the CA to --ca" },
    [CERTMAP_R_BAD_SIGNATURE] = { "a signature of the chain is wrong, or cannot be checked",
                                  "have the certificate issued again, and ask who changed it" },
    [CERTMAP_R_ISSUER_EXPIRED] = { "a CA of the chain has expired, or is not valid yet",
                                   "renew the CA's certificate in --ca" },
    [CERTMAP_R_CHAIN_TOO_LONG] = { "the chain has more CAs than the server allows", "raise SSLVerifyDepth" },
    [CERTMAP_R_CONSTRAINT_VIOLATION] = { "the chain breaks a limit of one of its CAs, or a key or digest is too weak",
                                         "have the CA issue one within its limits" },
    [CERTMAP_R_WRONG_PURPOSE] = { "the certificate is not for client authentication",
                                  "have it issued with extendedKeyUsage clientAuth" },
    [CERTMAP_R_REVOKED] = { "the CA has revoked the certificate, or a CA above it", "have a new one issued" },
    [CERTMAP_R_REVOCATION_UNKNOWN] = { "no CRL in force says whether it is revoked",
                                       "renew the CRL of each CA of the chain in --crl" },
    [CERTMAP_R_EXPIRED] = { "the certificate has expired", "renew it" },
    [CERTMAP_R_NOT_YET_VALID] = { "the certificate is not valid yet", "wait, or check the clock" },
    [CERTMAP_R_SSL_REQUIRED] = { "the request came without TLS", "use https" },
    [CERTMAP_R_CERTIFICATE_MISSING] = { "there is no certificate", "send one" },
    [CERTMAP_R_CERTIFICATE_NOT_REQUESTABLE] = { "the connection cannot be asked for a certificate",
                                                "ask for it in the virtual host" },
    [CERTMAP_R_DENIED_BY_SOURCE] = { "an entry denies it", "remove the entry if that is not meant" },
    [CERTMAP_R_DENIED_BY_RULE] = { "a rule denies it", "change the rule if that is not meant" },
    [CERTMAP_R_MAPPING_EXPIRED] = { "what maps it has expired", "renew or remove its expires=" },
    [CERTMAP_R_MAPPING_TOO_WEAK] = { "what maps it binds less firmly than is required",
                                     "pin the certificate, its key, or issuer and serial" },
    [CERTMAP_R_USER_INVALID] = { "the user name that comes out is not acceptable", "make it of another field" },
    [CERTMAP_R_AMBIGUOUS] = { "more than one answer is possible", "pick one value by a condition, :first or :last" },
    [CERTMAP_R_NO_MATCH] = { "no entry and no rule is for this certificate",
                             "\"certmapctl suggest\" prints lines that would be" },
    [CERTMAP_R_USER_DENIED] = { "Require does not let the user in", "change Require" },
    [CERTMAP_R_SOURCE_UNAVAILABLE] = { "a source cannot be read", "repair the source" },
};

/* Neither yes nor no. */
#define DOUBT "?"

typedef struct teller_t {
    ctl_t *ctl;
    const ctl_case_t *c;
    const char *yes;
    const char *no;
} teller_t;

/* ---- small words --------------------------------------------------------------------------------------------- */

static int locale_is_utf8(void)
{
    locale_t locale = newlocale(LC_CTYPE_MASK, "", (locale_t)0);
    int yes = 0;

    if (locale != (locale_t)0) {
        yes = strcmp(nl_langinfo_l(CODESET, locale), "UTF-8") == 0;
        freelocale(locale);
    }
    return yes;
}

static const char *paint(const teller_t *t, const char *color, const char *text)
{
    return t->ctl->color_out ? apr_pstrcat(t->ctl->pool, color, text, "\033[0m", NULL) : text;
}

static const char *mark(const teller_t *t, int holds)
{
    return holds ? paint(t, "\033[32m", t->yes) : paint(t, "\033[31m", t->no);
}

static const char *show(const teller_t *t, const char *text)
{
    return ctl_printable(text, t->ctl->pool);
}

/* A value of a certificate, cut where it is long, between characters. */
static const char *show_value(const teller_t *t, const char *text)
{
    apr_size_t len = strlen(text);

    if (len <= CTL_VALUE_MOST) {
        return show(t, text);
    }
    for (len = CTL_VALUE_MOST; len > 0 && ((unsigned char)text[len] & 0xc0) == 0x80; len--) {
    }
    return apr_pstrcat(t->ctl->pool, show(t, apr_pstrmemdup(t->ctl->pool, text, len)), "...", NULL);
}

static const char *joined(const teller_t *t, const char *const *list, apr_size_t n)
{
    return show(t, ctl_joined(list, n, ", ", t->ctl->pool));
}

/* ---- the answer ---------------------------------------------------------------------------------------------- */

/* " by rule staff (scoped)", " by a dn entry of file x.map (scoped)", or nothing. */
static const char *by_whom(const teller_t *t, const certmap_decision_t *d)
{
    const char *strength = apr_pstrcat(t->ctl->pool, " (", certmap_strength_name(d->effect.strength), ")", NULL);
    int i;

    if (d->rule != NULL) {
        return apr_pstrcat(t->ctl->pool, " by rule ", show(t, d->rule->name), d->rule->deny ? "" : strength, NULL);
    }
    for (i = 0; d->source != NULL && i < t->c->asked->nelts; i++) {
        const ctl_asked_t *a = &APR_ARRAY_IDX(t->c->asked, i, ctl_asked_t);

        if (a->source->name == d->source && d->reason == CERTMAP_R_MALFORMED) {
            return apr_pstrcat(t->ctl->pool, " by ", show(t, d->source), NULL);
        }
        if (a->source->name == d->source && a->why == NULL) {
            int deny = d->reason == CERTMAP_R_DENIED_BY_SOURCE;

            return apr_pstrcat(t->ctl->pool, " by the ", deny ? a->found.deny.key : a->found.allow.key, " entry of ",
                               show(t, d->source), deny ? "" : strength, NULL);
        }
    }
    return d->source ? apr_pstrcat(t->ctl->pool, " (", show(t, d->source), ")", NULL) : "";
}

static const char *answer(const teller_t *t, const certmap_decision_t *d)
{
    apr_pool_t *p = t->ctl->pool;
    const char *detail = d->detail ? apr_pstrcat(p, " (", show_value(t, d->detail), ")", NULL) : "";

    if (d->outcome == CERTMAP_MAPPED) {
        return apr_pstrcat(p, "mapped to ", show(t, d->effect.user), by_whom(t, d),
                           d->effect.ngroups ? ", groups " : "", joined(t, d->effect.groups, d->effect.ngroups), NULL);
    }
    return apr_pstrcat(p,
                       d->outcome == CERTMAP_UNDECIDED ? "undecided: " : "refused: ", certmap_reason_status(d->reason),
                       " ", certmap_reason_name(d->reason), by_whom(t, d), ": ", words[d->reason].what, detail, "; ",
                       words[d->reason].advice, NULL);
}

static const char *reason_text(const teller_t *t, certmap_reason_e reason)
{
    certmap_decision_t refused = { .outcome = CERTMAP_REFUSED, .reason = reason };

    return answer(t, reason == t->c->decision.reason ? &t->c->decision : &refused);
}

/* What the server answers there. */
static const char *place_answer(const teller_t *t)
{
    const ctl_answer_t *a = &t->c->place->answer;

    if (a->reason != CERTMAP_R_NONE) {
        return reason_text(t, a->reason);
    }
    if (a->http != 200) {
        return apr_psprintf(t->ctl->pool, "refused: %d: %s", a->http,
                            a->because ? a->because : "Require lets nobody in");
    }
    return a->user ? answer(t, &t->c->decision) : "let in without a user";
}

/* Why nobody is mapped who is let in. */
static void tell_unmapped(const teller_t *t)
{
    const ctl_answer_t *a = &t->c->place->answer;

    if (a->mode == CTL_MODE_OFF) {
        printf("  CertMap is Off there: nobody is mapped\n");
    }
    if (a->mode == CTL_MODE_UNSET) {
        printf("  CertMap is not set there: only AuthType Certificate asks these rules\n");
    }
    if (a->mode == CTL_MODE_OPTIONAL && a->http == 200 && !a->user && !a->report_only) {
        printf("  CertMap Optional: the request continues without a user\n");
    }
    if (a->report_only) {
        printf("  CertMapReportOnly On: %s\n",
               a->http != 200 && !a->is_asked ? "it does not lift the guard of CertMapDeferErrors, which refuses anyway"
                                              : "this is logged, and the request continues without a user");
    }
}

/* What the place makes of the mapping. */
static void tell_place(const teller_t *t)
{
    const ctl_place_t *place = t->c->place;
    const ctl_answer_t *a = &place->answer;
    int i;

    printf("  in %s of %s:%d%s%s%s\n", show(t, place->name), show(t, place->vhost->name), place->vhost->port,
           a->min > CERTMAP_WEAK ? ", CertMapMinStrength " : "",
           a->min > CERTMAP_WEAK ? certmap_strength_name(a->min) : "",
           place->section && place->section->block ? ", where no other section is looked at" : "");
    for (i = 0; i < place->unknown->nelts; i++) {
        printf("  not known: %s\n", show(t, APR_ARRAY_IDX(place->unknown, i, const char *)));
    }
    if (a->require) {
        printf("  Require %s is not met [%s:%d]\n", show(t, a->require->arguments),
               a->require->file ? show(t, a->require->file) : "?", a->require->line);
    }
    tell_unmapped(t);
    if (a->http == 0) {
        printf("  CertMapDeferErrors is off there: mod_ssl ends the TLS handshake, and the client gets no answer\n");
    }
}

static void tell_answer(const teller_t *t)
{
    const certmap_decision_t *d = &t->c->decision;
    const ctl_place_t *place = t->c->place;
    const char *said = place ? place_answer(t) : answer(t, d), *apart = answer(t, &t->c->apart);
    int mapped = strncmp(said, "mapped", 6) == 0, certain = !place || place->certain;

    printf("%s\n", paint(t,
                         mapped && certain ? "\033[1;32m"
                         : certain         ? "\033[1;31m"
                                           : "\033[1;33m",
                         apr_pstrcat(t->ctl->pool, certain ? "" : "not certain: ", said, NULL)));
    if (d->effect.expires != 0 && mapped) {
        printf("  until %s, when it expires\n", ctl_time_text(d->effect.expires, t->ctl->pool));
    }
    if (place) {
        tell_place(t);
    }
    if (ctl_misses_chain(t->c)) {
        printf("  %s\n", ctl_chain_missed);
    }
    if (place ? place->answer.list != NULL && strcmp(apart, said) != 0
              : ctl_is_early(t->c) && t->c->apart.reason != d->reason) {
        printf("  %s: %s\n",
               place && ctl_is_unasked(t->c) && !ctl_is_early(t->c) ? "the rules, which are not asked, would say"
                                                                    : "apart from that",
               apart);
    }
}

/* ---- the certificate ----------------------------------------------------------------------------------------- */

static const char *name_of(const teller_t *t, const char *text)
{
    return *text ? show(t, text) : "(empty)";
}

static void tell_chain(const teller_t *t)
{
    const certmap_verdict_t *v = &t->c->verdict;

    if (t->c->verify == NULL) {
        printf("  chain    not looked at, taken as verified; --ca FILE verifies it\n");
    }
    else if (v->reason != CERTMAP_R_NONE) {
        printf("  chain    %s %s: %s (OpenSSL's error %d, %s)\n", certmap_reason_status(v->reason),
               certmap_reason_name(v->reason), X509_verify_cert_error_string(v->x509_err), v->x509_err,
               v->depth == 0 ? "of the certificate itself"
                             : apr_psprintf(t->ctl->pool, "%d above the certificate", v->depth));
    }
    else {
        static const char *const revocation[] = {
            [CTL_CRL_NONE] = "; revocation not looked at",
            [CTL_CRL_LEAF] = ", not revoked",
            [CTL_CRL_CHAIN] = ", none revoked",
        };

        printf("  chain    verified, %" APR_SIZE_T_FMT " %s above the certificate%s%s\n", v->nchain,
               v->nchain == 1 ? "CA" : "CAs", revocation[t->c->verify->crl_check],
               t->c->verify->crl_check != CTL_CRL_NONE ? ""
               : t->c->verify->is_httpd                ? " (SSLCARevocationCheck)"
                                                       : " (--crl)");
        if (t->c->verify->depth == CTL_ANY_DEPTH && v->nchain > 1) {
            printf("           the server needs SSLVerifyDepth %" APR_SIZE_T_FMT " or more; its default is 1\n",
                   v->nchain);
        }
    }
}

static void tell_certificate(const teller_t *t)
{
    const certmap_cert_t *view = t->c->view;
    const char *from = ctl_time_text(certmap_cert_not_before(view), t->ctl->pool);
    const char *to = ctl_time_text(certmap_cert_not_after(view), t->ctl->pool);
    certmap_reason_e dates = certmap_verdict_dates(view, t->c->now);
    apr_size_t i, n;
    const char *const *odd = certmap_cert_odd(view, &n);

    printf("\ncertificate\n  subject  %s\n", name_of(t, certmap_cert_subject_text(view)));
    printf("  issuer   %s\n", name_of(t, certmap_cert_issuer_text(view)));
    printf("  serial   %s\n  sha256   %s\n", show(t, certmap_cert_serial(view)), certmap_cert_sha256(view));
    if (certmap_cert_malformed(view) == NULL) {
        printf("  valid    %s to %s, %s at %s\n", from, to,
               dates == CERTMAP_R_NONE      ? "in force"
               : dates == CERTMAP_R_EXPIRED ? "expired"
                                            : "not yet valid",
               ctl_time_text(t->c->now, t->ctl->pool));
    }
    else {
        printf("  broken   %s\n", show(t, certmap_cert_malformed(view)));
    }
    for (i = 0; i < n; i++) {
        printf("  unusual  %s\n", show(t, odd[i]));
    }
    tell_chain(t);
}

/* ---- sources ------------------------------------------------------------------------------------------------- */

static void tell_entry(const teller_t *t, const certmap_entry_t *entry)
{
    printf("  %s %s entry: %s%s%s%s", mark(t, !entry->deny), show(t, entry->key), entry->deny ? "denies" : "maps to ",
           entry->deny ? "" : show(t, entry->effect.user), entry->effect.ngroups ? ", groups " : "",
           joined(t, entry->effect.groups, entry->effect.ngroups));
    printf(" (%s)%s%s%s\n", certmap_strength_name(entry->effect.strength), entry->effect.note ? ", note: " : "",
           entry->effect.note ? show_value(t, entry->effect.note) : "",
           entry->effect.expires != 0 && t->c->now >= entry->effect.expires ? ", expired" : "");
}

static void tell_sources(const teller_t *t)
{
    int i;

    for (i = 0; i < t->c->asked->nelts; i++) {
        const ctl_asked_t *a = &APR_ARRAY_IDX(t->c->asked, i, ctl_asked_t);

        printf("\nsource %s%s\n", show(t, a->source->name),
               ctl_is_unasked(t->c) ? ", which the server does not ask; it would say" : "");
        if (a->why != NULL) {
            printf("  %s cannot be asked: %s\n", mark(t, 0), show(t, a->why));
            continue;
        }
        if (a->found.has_deny) {
            tell_entry(t, &a->found.deny);
        }
        if (a->found.has_allow) {
            tell_entry(t, &a->found.allow);
        }
        if (a->found.unformed != NULL) {
            printf("  %s it may deny by %s, and what that key is made of is malformed\n", DOUBT,
                   show(t, a->found.unformed));
        }
        else if (!a->found.has_deny && !a->found.has_allow) {
            printf("  %s no entry under any key of this certificate\n", mark(t, 0));
        }
    }
}

/* ---- rules --------------------------------------------------------------------------------------------------- */

static const char *mark_of(const teller_t *t, const certmap_trace_cond_t *cond)
{
    return cond->told == CERTMAP_COND_MALFORMED || cond->told == CERTMAP_COND_OTHER_TYPE ? DOUBT : mark(t, cond->holds);
}

/* What a condition met: the value that it depends on, or all of them. */
static const char *met(const teller_t *t, const certmap_trace_cond_t *cond)
{
    const char *text = "";
    apr_size_t i;

    if (cond->error != NULL) {
        return apr_pstrcat(t->ctl->pool, "the matcher failed: ", show(t, cond->error), NULL);
    }
    if (cond->told == CERTMAP_COND_MALFORMED) {
        return apr_pstrcat(t->ctl->pool, "(malformed: ", show(t, cond->why), ")", NULL);
    }
    if (cond->told == CERTMAP_COND_OTHER_TYPE) {
        return "(another type than text)";
    }
    switch (cond->state) {
    case CERTMAP_ABSENT:
        return t->c->verdict.chain == NULL && ctl_asks_chain(cond) ? "(unknown without a chain verified by --ca)"
                                                                   : "(absent)";
    case CERTMAP_MALFORMED:
        return "(malformed)";
    case CERTMAP_VALID:
        break;
    }
    if (cond->which >= 0 && (apr_size_t)cond->which < cond->nvalues) {
        return show_value(t, cond->values[cond->which]);
    }
    for (i = 0; i < cond->nvalues; i++) {
        text = apr_pstrcat(t->ctl->pool, text, i ? " | " : "", show_value(t, cond->values[i]), NULL);
    }
    return cond->total > cond->nvalues
               ? apr_psprintf(t->ctl->pool, "%s | ... %" APR_SIZE_T_FMT " in all", text, cond->total)
               : text;
}

/* Of a whole name that is not the one asked for, how it differs. */
static void tell_difference(const teller_t *t, const certmap_trace_cond_t *cond)
{
    const char *how = cond->told == CERTMAP_COND_NO ? certmap_cond_differs(cond->cond, t->c->view, t->ctl->pool) : NULL;

    if (how != NULL) {
        printf("        %s\n", show_value(t, how));
    }
}

static void tell_rule(const teller_t *t, const certmap_trace_rule_t *rule)
{
    const certmap_rule_t *r = rule->rule;
    apr_size_t i;

    printf("  %s %s %s%s%s", rule->malformed ? DOUBT : mark(t, rule->matched), show(t, r->name),
           r->deny ? "deny" : "allow ", r->deny ? "" : show(t, r->effect.user),
           rule->decided && !ctl_is_unasked(t->c) ? ", which decides" : "");
    printf("  [%s:%d]\n", r->file ? show(t, r->file) : "?", r->line);
    for (i = 0; i < rule->nconds; i++) {
        const certmap_trace_cond_t *cond = &rule->conds[i];

        printf("      %s %-40s  %s\n", mark_of(t, cond), show_value(t, cond->text), met(t, cond));
        tell_difference(t, cond);
    }
    if (rule->malformed != NULL) {
        printf("      %s %s\n", DOUBT, show(t, rule->malformed));
    }
    else if (!rule->matched && rule->nconds > 0 && ctl_failing(rule) == 0) {
        printf("      %s but no one value meets all conditions on its field\n", mark(t, 0));
    }
    if (rule->matched && r->effect.expires != 0 && t->c->now >= r->effect.expires) {
        printf("      expired at %s\n", ctl_time_text(r->effect.expires, t->ctl->pool));
    }
}

/* Up to how many failing conditions a rule may have to be shown. Those with exactly so many: *room of them. */
static apr_size_t limit(const certmap_trace_t *trace, apr_size_t n, apr_size_t *room)
{
    apr_size_t counts[64] = { 0 };
    apr_size_t i, sum = 0;

    for (i = 0; i < n; i++) {
        apr_size_t failing = ctl_failing(&trace->rules[i]);

        counts[failing < 63 ? failing : 63]++;
    }
    for (i = 0; i < 63 && sum + counts[i] <= CTL_RULES_MOST; i++) {
        sum += counts[i];
    }
    *room = CTL_RULES_MOST - sum;
    return i;
}

static void tell_rules(const teller_t *t, int all)
{
    const certmap_trace_t *trace = t->c->trace;
    apr_size_t n = ctl_count_asked(t->c), room = 0, left_out = 0, i;
    apr_size_t most = all || n <= CTL_RULES_MOST ? trace->nrules : limit(trace, n, &room);
    apr_size_t disabled = certmap_list_count(t->c->list) - trace->nrules;

    if (certmap_list_count(t->c->list) == 0) {
        return;
    }
    printf("\nrules%s\n", ctl_is_unasked(t->c) && n > 0 ? ", which the server does not ask; they would say" : "");
    for (i = 0; i < n; i++) {
        const certmap_trace_rule_t *rule = &trace->rules[i];
        apr_size_t failing = ctl_failing(rule);
        int shown = all || n <= CTL_RULES_MOST || failing < most || rule->decided || rule->rule == t->c->nearest;

        if (failing == most && room > 0) {
            room--;
            shown = 1;
        }
        if (shown) {
            tell_rule(t, rule);
        }
        left_out += !shown;
    }
    if (left_out > 0) {
        printf("  %" APR_SIZE_T_FMT " more rules do not match; --all shows them\n", left_out);
    }
    if (n < trace->nrules) {
        printf("  not asked%s: %" APR_SIZE_T_FMT " %s, from %s on\n", n > 0 ? " any more" : "", trace->nrules - n,
               trace->nrules - n == 1 ? "rule" : "rules", show(t, trace->rules[n].rule->name));
    }
    if (disabled > 0) {
        printf("  not asked, because disabled: %" APR_SIZE_T_FMT "\n", disabled);
    }
}

/* ---- all of it ----------------------------------------------------------------------------------------------- */

static void tell_nearest(const teller_t *t)
{
    if (t->c->nearest != NULL) {
        const char *how = certmap_cond_differs(t->c->failed, t->c->view, t->ctl->pool);

        printf("\nnearest miss: rule %s, but not %s\n", show(t, t->c->nearest->name),
               show_value(t, certmap_cond_text(t->c->failed)));
        if (how != NULL) {
            printf("  the certificate has %s\n", show_value(t, how));
        }
    }
}

static void tell_renewals(const teller_t *t)
{
    const apr_array_header_t *renewals = ctl_renewals(t->ctl, t->c);
    int i;

    for (i = 0; i < renewals->nelts; i++) {
        const ctl_renewal_t *r = &APR_ARRAY_IDX(renewals, i, ctl_renewal_t);

        printf("\nThis looks like a renewal: %s\n", show(t, r->because));
        printf("If it is one, add to %s:\n  %s\n", show(t, r->where), show(t, r->line));
    }
}

void ctl_tell(ctl_t *ctl, const ctl_case_t *c, int all)
{
    int utf8 = locale_is_utf8();
    teller_t t = { ctl, c, utf8 ? "\xe2\x9c\x93" : "+", utf8 ? "\xe2\x9c\x97" : "-" };

    tell_answer(&t);
    tell_certificate(&t);
    tell_sources(&t);
    tell_rules(&t, all);
    tell_nearest(&t);
    tell_renewals(&t);
}
