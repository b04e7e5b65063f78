/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is reported is what happens: random lists of rules and sources decide on random certificates by certmap_decide
 * and by certmap_explain, and both decisions are the same in every field. And the trace says the same: the rule that
 * it marks is the first one that matches, a rule that matches has conditions that hold, and a value that a condition
 * depends on is reported where one value did it.
 *
 * CERTMAP_PAIRS asks for more pairs than fit into an ordinary test run, CERTMAP_SEED for others.
 */
#include <unistd.h>

#include "fixture.h"

#define PAIRS 40000
#define CERTS 40
#define RULES_FEW 12
#define RULES_MOST 100 /* there is an index then */
#define ENTRIES_MOST 6

static apr_uint64_t state = APR_UINT64_C(88172645463325252);

static unsigned chance(unsigned n)
{
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return (unsigned)((state >> 33) % n);
}

static int percent(unsigned n)
{
    return chance(100) < n;
}

#define PICK(list) ((list)[chance(sizeof(list) / sizeof((list)[0]))])

/* ---- certificates -------------------------------------------------------------------------------------------- */

static const char *const names[] = { "ann", "Ann Lee", "ann  lee", "bob-007", "b", "a*b", "m\303\274ller", "ann@x.y" };
static const char *const mails[] = { "ann@x.y", "Bob@x.y", "ops-42@corp.example" };
static const char *const issuers[] = { "Test CA", "test  CA", "Other CA" };
static const char *const serials[] = { "01", "1f3a", "00ab12cd" };

static const certmap_cert_t *random_cert(void)
{
    const char *mail = PICK(mails), *other = PICK(mails);
    const char *san = percent(30) ? apr_pstrcat(pool, "email:", mail, ",email:", other, NULL)
                                  : apr_pstrcat(pool, "email:", mail, ",DNS:", "h.example", NULL);
    const char *ou = PICK(names), *cn = PICK(names), *serial = PICK(serials), *issuer = PICK(issuers);
    static int turn;

    switch (chance(5)) {
    case 0:
        return person("serial", serial, "issuer.CN", issuer, "OU", ou, "CN", cn, NULL);
    case 1:
        return person("serial", serial, "issuer.CN", issuer, "OU", ou, "OU", cn, "CN", cn, "ext:subjectAltName", san,
                      NULL);
    case 2:
        return person("serial", serial, "issuer.CN", issuer, "CN", ou, "CN", cn, "ext:subjectKeyIdentifier", "01:02:ab",
                      NULL);
    case 3:
        /* a field is malformed, or of another type than text, which only those who ask for it may notice */
        return person("serial", serial, "issuer.CN", issuer, "CN", cn, "ext:subjectAltName", san, "odd",
                      apr_psprintf(pool, "%d", turn++), NULL);
    default:
        return person("serial", serial, "issuer.CN", issuer, "O", ou, "CN", cn, "ext:subjectAltName", san, NULL);
    }
}

/* ---- rules --------------------------------------------------------------------------------------------------- */

static const char *const conditions[] = {
    "subject.CN=ann",
    "subject.CN=b*",
    "subject.CN~(ann|bob).*",
    "subject.CN!=b",
    "all:subject.CN=*",
    "case:subject.CN=ann",
    "subject.CN=\"ann lee\"",
    "all:subject.OU!=b",
    "subject.OU~[a-m].*",
    "subject.OU=*n*",
    "san.email=*@x.y",
    "san.email~(.+)@x\\.y",
    "san.email!=ann@x.y",
    "san.dns=h.example",
    "issuer.CN=\"test ca\"",
    "issuer=\"CN=Test CA\"",
    "issuer=\"CN=Other CA\"",
    "serial=1f3a",
    "serial=01",
    "ski=0102ab",
    "ku=*",
    "subject=\"CN=ann,OU=b\"",
    "subject.CN~(a|aa)+[yz]",
    "any subject.CN!=*",
    "subject.1.2.3.9=*",
    "subject.1.2.3.9=a*",
    "ext:1.2.3.4.7=*",
    "chain.sha256=00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff",
    "root.sha256=ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
};
static const char *const users[] = {
    "someone",   "%{subject.CN}",        "%{subject.CN:first:lower}", "%{1}", "%{san.email:local}",
    "%{serial}", "x-%{subject.OU:last}",
};

static const char *random_rule(unsigned number)
{
    int deny = percent(15);
    const char *text = apr_psprintf(pool, "r%u %s %s", number, deny ? "deny" : "allow", deny ? "" : PICK(users));
    unsigned n = 1 + chance(3);

    while (n-- > 0) {
        text = apr_pstrcat(pool, text, " ", PICK(conditions), NULL);
    }
    return apr_pstrcat(pool, text, percent(2) ? " any" : "", percent(2) ? " ext:1.2.3.4.7=*" : "",
                       percent(5) ? " disabled" : "", percent(10) ? " expires=2026-01-01" : "",
                       percent(20) ? " groups=a,b" : "", NULL);
}

static const certmap_ruleset_t *random_rules(unsigned *number)
{
    certmap_builder_t *b = certmap_builder_create(pool);
    unsigned have = 0, want = chance(percent(20) ? RULES_MOST : RULES_FEW);

    while (have < want) { /* what is not a rule ("%{1}" without a regex) is not counted */
        const char *text = random_rule(++*number);

        have += certmap_builder_add_directive(b, text, NULL, (int)*number, 1) == APR_SUCCESS;
    }
    return certmap_builder_finish(b);
}

/* ---- sources ------------------------------------------------------------------------------------------------- */

static const char *random_key(const certmap_cert_t *cert)
{
    const char *issuer = certmap_cert_issuer_text(cert);

    switch (chance(5)) {
    case 0:
        return apr_pstrcat(pool, "sha256:", certmap_cert_sha256(cert), NULL);
    case 1:
        return apr_pstrcat(pool, "issuer-serial:", certmap_cert_serial(cert), " \"", issuer, "\"", NULL);
    case 2:
        return apr_pstrcat(pool, "X509:<RFC822>", PICK(mails), NULL);
    case 3:
        return "ski:0102ab \"CN=Other CA\"";
    default:
        return apr_pstrcat(pool, "dn:\"", certmap_cert_subject_text(cert), "\" \"", issuer, "\"", NULL);
    }
}

static const char *random_entries(const certmap_cert_t *const *certs)
{
    const char *text = "";
    unsigned n = chance(ENTRIES_MOST + 1);

    while (n-- > 0) {
        text = apr_pstrcat(pool, text, random_key(certs[chance(CERTS)]), percent(20) ? " - deny" : " someone-else",
                           percent(15) ? " expires=2026-01-01" : "", percent(20) ? " groups=c" : "", "\n", NULL);
    }
    return text;
}

/* A source of random entries; one in ten cannot be asked. */
static certmap_source_t *random_source(const certmap_cert_t *const *certs)
{
    const char *path = apr_psprintf(pool, "/tmp/certmap-agree.%ld", (long)getpid());
    certmap_source_t *source = certmap_source_file_create(path, pool);
    certmap_report_t report = { .outcome = CERTMAP_REREAD_KEPT };

    while (report.outcome == CERTMAP_REREAD_KEPT && !percent(10)) { /* duplicate keys: once more */
        const char *text = random_entries(certs);

        FILE *f = fopen(path, "w");

        if (f == NULL || fputs(text, f) < 0 || fclose(f) != 0) {
            fixture_fail(path);
        }
        certmap_reread_check(certmap_source_file_reread(source), &report, pool);
    }
    unlink(path);
    return source;
}

/* ---- comparing ----------------------------------------------------------------------------------------------- */

static struct {
    unsigned pairs;
    unsigned different;
    unsigned wrong_rule;   /* the trace's first match is not the rule that decided */
    unsigned wrong_marks;  /* decided marks another rule, or none, or two */
    unsigned wrong_conds;  /* a rule matches, and a condition of it does not hold; or is malformed, and none is */
    unsigned malformed;    /* rules */
    unsigned wrong_values; /* the value that a condition depends on */
    unsigned values;
    unsigned mapped;
    unsigned by_source;
    unsigned reasons[CERTMAP_R_COUNT];
} seen;

static int same_text(const char *a, const char *b)
{
    return a == b || (a && b && strcmp(a, b) == 0);
}

static int same_decision(const certmap_decision_t *a, const certmap_decision_t *b)
{
    return a->outcome == b->outcome && a->reason == b->reason && same_text(a->effect.user, b->effect.user)
           && a->rule == b->rule && a->effect.ngroups == b->effect.ngroups
           && (a->effect.ngroups == 0 || same_text(a->effect.groups[0], b->effect.groups[0]))
           && a->effect.strength == b->effect.strength && a->effect.expires == b->effect.expires
           && same_text(a->detail, b->detail) && same_text(a->source, b->source);
}

/* Whether rules decided, or let everything pass. */
static int asked_rules(const certmap_decision_t *d)
{
    return d->source == NULL && (d->rule != NULL || d->reason == CERTMAP_R_NO_MATCH);
}

/* What the trace says of the value that a condition depends on. */
static void check_value(const certmap_trace_rule_t *rule, const certmap_trace_cond_t *cond)
{
    int negative = strstr(cond->text, "!=") != NULL || strncmp(cond->text, "all:", 4) == 0;
    int matched = rule->matched && !negative;

    if (cond->which >= 0) {
        seen.values++;
        seen.wrong_values += (apr_size_t)cond->which >= cond->nvalues || cond->holds == negative
                             || (strcmp(cond->text, "subject.CN=ann") == 0
                                 && apr_strnatcasecmp(cond->values[cond->which], "ann") != 0);
    }
    else {
        seen.wrong_values += matched; /* what matches does so on a value */
    }
}

static void check_trace(const certmap_decision_t *d, const certmap_trace_t *trace)
{
    const certmap_rule_t *first = NULL;
    unsigned marks = 0;
    apr_size_t i, k;

    for (i = 0; i < trace->nrules; i++) {
        const certmap_trace_rule_t *rule = &trace->rules[i];
        int error = 0, odd = 0;

        for (k = 0; k < rule->nconds; k++) {
            const certmap_trace_cond_t *cond = &rule->conds[k];

            error |= cond->error != NULL;
            odd |= cond->told == CERTMAP_COND_MALFORMED || cond->told == CERTMAP_COND_OTHER_TYPE;
            seen.wrong_conds += rule->matched && !cond->holds;
            seen.wrong_conds += cond->holds != (cond->told == CERTMAP_COND_YES)
                                || (cond->told == CERTMAP_COND_MALFORMED && cond->why == NULL)
                                || (cond->error != NULL) != (cond->told == CERTMAP_COND_ERROR);
            check_value(rule, cond);
        }
        seen.malformed += rule->malformed != NULL;
        seen.wrong_conds += rule->malformed != NULL
                            && (rule->matched || (!odd && (rule->rule->deny || !strchr(rule->rule->effect.user, '{'))));
        marks += rule->decided;
        seen.wrong_marks += rule->decided != (rule->rule == d->rule);
        /* a matcher that fails ends the search as a match does */
        if (first == NULL && (rule->matched || rule->malformed != NULL || (error && rule->rule == d->rule))) {
            first = rule->rule;
        }
    }
    seen.wrong_marks += marks != (d->rule != NULL);
    seen.wrong_rule += asked_rules(d) && first != d->rule;
}

static void compare(const certmap_list_t *list, const certmap_cert_t *cert)
{
    static const unsigned char sums[2][32] = { { 0x00, 0x11, 0x22 }, { 0xff } };
    certmap_verdict_t verdict = { .reason = CERTMAP_R_NONE };
    certmap_strength_e min = percent(80) ? CERTMAP_WEAK : percent(50) ? CERTMAP_SCOPED : CERTMAP_STRONG;
    certmap_decision_t decided, explained;
    certmap_trace_t *trace;

    if (percent(50)) {
        verdict.chain = sums;
        verdict.nchain = 2;
    }
    if (percent(3)) {
        certmap_verdict_add(&verdict, X509_V_ERR_CERT_REVOKED, 0);
    }
    if (certmap_decide(QUESTION(list, cert, &verdict, min, NOW), &decided, pool) != APR_SUCCESS
        || certmap_explain(QUESTION(list, cert, &verdict, min, NOW), &explained, &trace, pool) != APR_SUCCESS) {
        fixture_fail("no decision");
    }
    seen.pairs++;
    seen.reasons[decided.reason]++;
    seen.mapped += decided.outcome == CERTMAP_MAPPED;
    seen.by_source += decided.source != NULL;
    if (!same_decision(&decided, &explained)) {
        diag("%s: %s, explained %s", certmap_cert_subject_text(cert), in_a_word(&decided), in_a_word(&explained));
        seen.different++;
    }
    check_trace(&explained, trace);
}

/* One list of up to three links before each of the certificates. */
static void one_list(const certmap_cert_t *const *certs, unsigned *number)
{
    certmap_list_t links[3] = { { .outer = NULL } };
    unsigned i, n = 1 + chance(3);

    for (i = 0; i < n; i++) {
        links[i].outer = i ? &links[i - 1] : NULL;
        links[i].rules = percent(80) ? random_rules(number) : NULL;
        links[i].source = percent(30) ? random_source(certs) : NULL;
    }
    for (i = 0; i < CERTS; i++) {
        compare(&links[n - 1], certs[i]);
    }
}

int main(void)
{
    const char *pairs = getenv("CERTMAP_PAIRS"), *seed = getenv("CERTMAP_SEED");
    unsigned want = pairs && atoi(pairs) > 0 ? (unsigned)atoi(pairs) : PAIRS, i, number = 0;

    fixture_start();
    if (seed && strtoull(seed, NULL, 10) != 0) {
        state = strtoull(seed, NULL, 10);
    }
    while (seen.pairs < want) {
        const certmap_cert_t *certs[CERTS];
        apr_pool_t *parent = pool;

        apr_pool_create(&pool, parent);
        for (i = 0; i < CERTS; i++) {
            certs[i] = random_cert();
        }
        for (i = 0; i < 10; i++) {
            one_list(certs, &number);
        }
        apr_pool_destroy(pool);
        pool = parent;
    }
    for (i = 0; i < CERTMAP_R_COUNT; i++) {
        if (seen.reasons[i] > 0) {
            diag("%6u %s", seen.reasons[i], certmap_reason_name((certmap_reason_e)i));
        }
    }
    diag("%6u pairs, %u by a source, %u values, %u rules on something malformed", seen.pairs, seen.by_source,
         seen.values, seen.malformed);
    plan(9);
    ok(seen.pairs >= PAIRS && seen.different == 0, "%u pairs are decided and explained alike", seen.pairs);
    is_int(seen.wrong_rule, 0, "the first rule that the trace says matches is the one that decided");
    is_int(seen.wrong_marks, 0, "and that one alone is marked");
    is_int(seen.wrong_conds, 0, "all conditions of a rule that matches hold");
    is_int(seen.wrong_values, 0, "the value that a condition hangs on is one that makes it hold, or fail");
    ok(seen.values > seen.pairs, "many values were told");
    ok(seen.malformed > seen.pairs / 100, "rules have asked for what is malformed");
    ok(seen.mapped > seen.pairs / 10 && seen.by_source > seen.pairs / 20, "rules and sources have mapped");
    ok(seen.reasons[CERTMAP_R_MALFORMED] && seen.reasons[CERTMAP_R_REVOKED] && seen.reasons[CERTMAP_R_DENIED_BY_SOURCE]
           && seen.reasons[CERTMAP_R_DENIED_BY_RULE] && seen.reasons[CERTMAP_R_MAPPING_EXPIRED]
           && seen.reasons[CERTMAP_R_MAPPING_TOO_WEAK] && seen.reasons[CERTMAP_R_USER_INVALID]
           && seen.reasons[CERTMAP_R_AMBIGUOUS] && seen.reasons[CERTMAP_R_NO_MATCH]
           && seen.reasons[CERTMAP_R_SOURCE_UNAVAILABLE],
       "every reason that the engine gives has been given");
    return fixture_done();
}
