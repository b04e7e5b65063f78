/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is said of rules and entries that are read without an error: each warning together with a twin that is in order
 * and of which nothing may be said.
 */
#include "fixture.h"

#define HEX64 "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"
#define ONES "1111111111111111111111111111111111111111111111111111111111111111"

/* The findings that are of interest, one on a line: "line:column: text". */
static const char *found(const apr_array_header_t *a, const apr_array_header_t *b, const char *but)
{
    const char *out = "";
    int i;

    for (i = 0; i < a->nelts + (b ? b->nelts : 0); i++) {
        const certmap_error_t *e = i < a->nelts ? &APR_ARRAY_IDX(a, i, certmap_error_t)
                                                : &APR_ARRAY_IDX(b, i - a->nelts, certmap_error_t);

        if (but == NULL || strstr(e->text, but) == NULL) {
            out = apr_psprintf(pool, "%s%s%d:%d: %s%s", out, *out ? "\n" : "", e->line, e->column,
                               e->warning ? "" : "error: ", e->text);
        }
    }
    return out;
}

/* One test, whether one thing is said and has a part. */
static void one(const char *said, const char *part, const char *what)
{
    if (!ok(strstr(said, part) != NULL && strchr(said, '\n') == NULL, "%s", what)) {
        diag("    said: %s", said);
        diag("expected: %s", part);
    }
}

/* What is said of rules, while they are read or, when they are in order, of the list. */
static const char *found_in(const char *text)
{
    certmap_builder_t *b = certmap_builder_create(pool);
    certmap_list_t list = { .rules = NULL };

    if (certmap_builder_add_file_text(b, (certmap_str_t){ text, strlen(text) }, "rules") != APR_SUCCESS) {
        return found(certmap_builder_errors(b), NULL, NULL);
    }
    list.rules = certmap_builder_finish(b);
    return found(certmap_list_lint(&list, CERTMAP_WEAK, NOW, pool), certmap_list_advise(&list, pool), " is weak,");
}

/* ---- rules ------------------------------------------------------------------------------------------------------ */

/* Conditions that contradict one another, the two that are named, and others that do not. */
static const struct {
    const char *conds;
    const char *names;
    const char *twin;
} contradictions[] = {
    { "serial=12 serial=13", "serial=12 and serial=13", "serial=12 serial=0012" },
    { "sha256=" HEX64 " sha256=" ONES, "contradict", "sha256=" HEX64 " spki=" ONES },
    { "subject=CN=a subject=CN=b", "subject=CN=a and subject=CN=b", "subject=CN=a subject=cn=A" },
    { "issuer=CN=a case:issuer=CN=b", "contradict", "case:issuer=CN=a issuer=CN=A" },
    { "case:issuer=CN=a case:issuer=CN=A", "contradict", "case:issuer=CN=a case:issuer=CN=a" },
    { "subject=*,O=x subject=CN=a,O=y", "contradict", "subject=*,O=x subject=CN=a,O=x" },
    { "subject=*,O=x subject=O=x", "contradict", "subject=*,O=x subject=*,OU=y,O=x" },
    { "subject=*,O=x subject=*,O=y", "contradict", "subject=*,O=x subject=*,O=X" },
    { "subject=CN=a,O=y subject=*,O=x", "contradict", "subject=CN=a,O=x subject=*,O=x" },
    { "subject=*,OU=y,O=x subject=*,OU=z,O=x", "contradict", "subject=*,OU=y,O=x subject=*,O=x" },
    { "subject.CN=a subject.CN=b", "contradict", "subject.CN=a issuer.CN=b" },
    { "subject.CN=a case:subject.CN=B", "contradict", "subject.CN=a case:subject.CN=A" },
    { "case:subject.CN=a case:subject.CN=A", "contradict", "subject.CN=a subject.CN=A" },
    { "subject.CN=a subject.CN=b*", "contradict", "subject.CN=ab subject.CN=a*" },
    { "subject.CN=A case:subject.CN=b*", "contradict", "subject.CN=A case:subject.CN=a*" },
    { "case:subject.CN=a subject.CN~b.*", "contradict", "case:subject.CN=ab subject.CN~a.*" },
    { "subject.CN=a subject.CN~B", "contradict", "subject.CN=a subject.CN~A" },
    /* a folded literal stands for texts in any case and with more blanks */
    { "subject.CN=a subject.CN~(?i)b.*", "contradict", "subject.CN=A subject.CN~(?i)a.*" },
    { "subject.CN=a subject.CN~[b-z]+", NULL, "\"subject.CN=a b\" \"subject.CN~a  b\"" },
    { "\"subject.CN=a b\" \"subject.CN~a cb\"", NULL, "subject.CN=7 \"subject.CN~ 7\"" },
    { "serial=12 serial~13.*", "contradict", "serial=12 serial~1.*" },
    { "eku=clientAuth eku=1.2.*", "contradict", "eku=clientAuth eku=1.3.*" },
    { "eku=clientAuth eku~[0-4.]+", "contradict", "eku=clientAuth eku~[0-9.]+" },
    { "san.dns=a* san.dns=b*",
      "san.dns=a* and san.dns=b* contradict each other; conditions on san.dns must hold on "
      "one same value",
      "san.dns=a* san.dns=*b" },
    { "san.dns=*.a san.dns=*.b", "contradict", "san.dns=*.a san.dns=*" },
    { "san.dns=a*b san.dns=*c*d", "contradict", "san.dns=a*b san.dns=*c*b" },
    { "san.dns=a?c san.dns=ab", "contradict", "san.dns=a?c san.dns=abc" },
    { "san.dns=a?c san.dns=?b", "contradict", "san.dns=a?c san.dns=?b?" },
    { "san.dns=a?c san.dns=*bd?", "contradict", "san.dns=a?c* san.dns=*bd?" },
    { "subject.CN=\303\274? subject.CN=u?", "contradict", "subject.CN=\303\274? subject.CN=?u" },
    { "subject.CN=? subject.CN=\303\274x", "contradict", "subject.CN=? subject.CN=\303\274" },
    { "case:subject.CN=A* case:subject.CN=a*", "contradict", "subject.CN=A* case:subject.CN=a*" },
    { "case:subject.CN=A* subject.CN=b*", "contradict", "\"case:subject.CN= a*\" subject.CN=A*" },
    { "subject.CN~ab.* subject.CN=b*", "contradict", "subject.CN~ab.* subject.CN=*b*" },
    { "subject.CN~ab.* subject.CN~b.*(b)", "contradict", "subject.CN~ab.* subject.CN~(b).*b" },
    { "subject.CN~ab.+ subject.CN~b.+", "contradict", "subject.CN~ab.+ subject.CN~a.+" },
    { "san.uri=urn:a* san.uri=urn:b*", "contradict", "san.uri=urn:A* san.uri=URN:A*" },
    { "san.uri=urn:a san.uri=urn:A", "contradict", "san.uri=URN:a san.uri=urn:a" },
    { "san.uri=urn:a san.uri=urn:A*", "contradict", "san.uri=spiffe://x/a san.uri=*X/a" },
    { "serial=1?ab serial=0*", "contradict", "serial=1?ab serial=10*" },
    { "ku=digital* ku=key*", "contradict", "ku=digital* ku=*sig*" },
    { "subject=*,O=x subject.O=y", NULL, "subject=*,O=x subject.O=x" },
    { "subject=*,O=x subject.O!=x", "contradict", "subject=*,O=x subject.O!=y" },
    { "subject=*,O=x all:subject.O=y", "contradict", "subject=*,O=x all:subject.O=x*" },
    { "subject=\"CN=a,O=b\" subject.CN=c", "subject=CN=a,O=b and subject.CN=c contradict each other",
      "subject=\"CN=a,O=b\" subject.CN=A" },
    { "subject.CN=c subject=\"CN=a,O=b\"", "subject.CN=c and subject=CN=a,O=b", "subject.CN=a* subject=\"CN=ab,O=b\"" },
    { "subject=\"CN=a,O=b\" subject.OU=c", "contradict", "subject=\"CN=a,O=b\" subject.OU!=c" },
    { "subject=\"CN=a,O=b\" subject.OU=*", "contradict", "subject=\"CN=a,O=b\" subject.OU!=*" },
    { "subject=\"CN=a,O=b\" all:subject.OU!=*", "contradict", "subject=\"CN=a,O=b\" all:subject.CN!=b" },
    { "subject=\"CN=a,O=b\" subject.CN!=*", "contradict", "subject=\"CN=a,O=b\" issuer.CN!=*" },
    { "subject=\"CN=a,CN=b\" all:subject.CN=a", "contradict", "subject=\"CN=a,CN=b\" subject.CN=b subject.CN=?" },
    { "subject=\"CN=a,O=b\" subject.CN~x.*", "contradict", "subject=\"CN=a,O=b\" subject.CN~A" },
    { "case:subject=\"CN=a,O=b\" subject.CN~[b-z]", "contradict", "subject=\"CN=a,O=b\" subject.CN~[A]" },
    { "case:subject=\"CN=a,O=b\" case:subject.CN=A", "contradict", "subject=\"CN=a,O=b\" case:subject.CN=A" },
    { "issuer=\"CN=a,O=b\" subject.O=* issuer.O=c", "issuer=CN=a,O=b and issuer.O=c", "issuer=CN=a subject.CN=b" },
    { "subject=CN=a subject.2.5.4.3=b", "contradict", "any subject!=CN=a subject.CN=b" },
    { "san.ip=10.0.0.0/8 san.ip=11.0.0.1", "contradict", "san.ip=10.0.0.0/8 san.ip=10.0.0.1" },
    { "san.ip=10.0.0.0/8 san.ip=::1", "contradict", "san.ip=10.0.0.0/8 san.ip=*" },
    { "subject.CN=a subject.CN!=a", "subject.CN=a and subject.CN!=a", "subject.CN=a subject.CN!=b" },
    { "subject.CN=a subject.CN!=A", "contradict", "subject.CN=a case:subject.CN!=A" },
    { "subject.CN!=a* subject.CN=ab", "contradict", "subject.CN!=ab subject.CN=a*" },
    { "subject.CN=ab* subject.CN!=a*", "subject.CN=ab* and subject.CN!=a* contradict each other",
      "subject.CN=a* subject.CN!=ab*" },
    { "subject.CN=a?* subject.CN!=a*", "contradict", "subject.CN=a* subject.CN!=a?*" },
    { "subject.CN=a*?c subject.CN!=a?*", "contradict", "subject.CN=a*c subject.CN!=a?*d" },
    { "subject.CN=*x*y* subject.CN!=*y*", "contradict", "subject.CN=*x*y* subject.CN!=*y*x*" },
    { "subject.CN~ab.* subject.CN!=a*", "contradict", "subject.CN~ab.* subject.CN!=ab*c" },
    { "subject.CN~(?i)ab.* case:subject.CN!=a*", NULL, "subject.CN~(?i)ab.* subject.CN=a*" },
    { "case:subject.CN=Ab* subject.CN!=a*", "contradict", "subject.CN=ab* case:subject.CN!=a*" },
    { "\"case:subject.CN=a *\" \"subject.CN!=a *\"", NULL, "\"case:subject.CN=a *\" subject.CN=a" },
    { "serial=1f serial!~1.*", "contradict", "serial=1f serial!~2.*" },
    { "case:subject.CN=ab subject.CN!~[a-z]+", "contradict", "subject.CN=ab subject.CN!~[a-z]+" },
    { "san.uri=spiffe://x/Pay* san.uri!=spiffe://x/P*", "contradict",
      "san.uri=spiffe://x/Pay* san.uri!=spiffe://x/p*" },
    { "san.uri=spiffe://x/pay san.uri!=*X/pay", "contradict", "san.uri=spiffe://x/pay san.uri!=*X/Pay" },
    { "san.uri~spiffe://x/Pay.* san.uri!=spiffe://x/p*", NULL, "san.uri~spiffe://x/Pay.* case:san.uri=spiffe://x/P*" },
    { "san.ip=10.1.0.0/16 san.ip!=10.0.0.0/8", "contradict", "san.ip=10.0.0.0/8 san.ip!=10.1.0.0/16" },
    { "all:subject.OU!=a* subject.OU=ab", "contradict", "all:subject.OU!=ab subject.OU=a*" },
    { "subject.CN~x.+ subject.CN!~x.+", "contradict", "subject.CN~x.+ subject.CN!~y.+" },
    { "subject.OU=a all:subject.OU=b", "contradict", "subject.OU=a all:subject.OU=a*" },
    { "all:subject.OU=a subject.OU!=a", "contradict", "all:subject.OU!=a subject.OU=b" },
    { "subject.CN=a subject.CN!=*", "contradict", "subject.CN=a subject.OU!=*" },
    { "any all:subject.OU!=a subject.OU!=*", "contradict", "any all:subject.OU!=a subject.OU!=b" },
    { "ext:1.2.3=x ext:1.2.3=#0500", "contradict", "ext:1.2.3=x ext:1.2.4=#0500" },
    { "ext:1.2.3=a* ext:1.2.3=#0500", "contradict", "ext:1.2.3=* ext:1.2.3=#0500" },
    { "ext:1.2.3!=* ext:1.2.3=#0500", "contradict", "ext:1.2.3!=#* ext:1.2.3=x" },
    { "any all:ext:1.2.3!=a ext:1.2.3!=*", "contradict", "any all:ext:1.2.3!=a ext:1.2.3!=#*" },
    { "issuer=CN=a subject.CN=x issuer=CN=b", "issuer=CN=a and issuer=CN=b", "issuer=CN=a subject.CN=x" },
};

static void test_contradictions(void)
{
    apr_size_t i;

    for (i = 0; i < sizeof(contradictions) / sizeof(contradictions[0]); i++) {
        const char *said = found_in(apr_pstrcat(pool, "r allow u ", contradictions[i].conds, NULL));
        const char *names = contradictions[i].names;

        if (names != NULL) {
            one(said, "error: rule r can never match: ", contradictions[i].conds);
            one(said, names, "and why");
        }
        else {
            is_str(said, "", apr_pstrcat(pool, "not certain: ", contradictions[i].conds, NULL));
        }
        is_str(found_in(apr_pstrcat(pool, "r allow u ", contradictions[i].twin, NULL)), "", contradictions[i].twin);
    }
    is_str(found_in("r allow u disabled subject.CN=a subject.CN=b"), "", "a disabled rule is left alone");
    is_str(found_in("a allow u subject.CN=a subject.CN=b\nb deny subject.CN=a issuer.CN=x subject.CN!=a"),
           "1:24: error: rule a can never match: subject.CN=a and subject.CN=b contradict each other; conditions on "
           "subject.CN must hold on one same value\n"
           "2:33: error: rule b can never match: subject.CN=a and subject.CN!=a contradict each other",
           "each rule, at the condition that comes last");
}

/* Rules of which the last can never match because of one far before, with so many before and after that one that
 * they are not all compared. */
static const struct {
    const char *first;
    const char *last;
    int never;
} distant[] = {
    { "subject.CN~x.+y subject.OU=*", "subject.OU=* subject.CN~x.+y", 1 },
    { "subject.CN~x.+y subject.OU=*", "subject.CN~x.+z subject.OU=*", 0 },
    { "subject.CN=x* subject.CN=x*", "subject.CN=x* subject.CN=x*", 1 },
    { "any subject.OU!=a subject.O!=b", "any subject.O!=b subject.OU!=a", 1 },
    { "any all:subject.OU!=a", "any subject.OU!=a", 0 },
    { "any", "any", 1 },
    { "any", "subject.CN~no.such.+", 1 },
    { "any disabled", "subject.CN~no.such.+", 0 },
    { "subject.CN=one", "subject.CN=one subject.O~x.+", 1 },
};

#define BETWEEN 10000

static void test_distant(void)
{
    apr_size_t i;

    for (i = 0; i < sizeof(distant) / sizeof(distant[0]); i++) {
        apr_pool_t *outer = pool, *own;
        apr_array_header_t *lines;
        certmap_list_t list = { NULL, NULL, NULL };
        const apr_array_header_t *said;
        int k, never = 0;

        apr_pool_create(&own, outer);
        pool = own;
        lines = apr_array_make(pool, 2 * BETWEEN + 2, sizeof(const char *));
        for (k = 0; k < 2 * BETWEEN; k++) {
            /* after a rule that takes all, what is said would be said of each of these */
            APR_ARRAY_PUSH(lines, const char *) = apr_psprintf(pool, "r%d deny subject.CN=q%05d*%s", k, k,
                                                               k > BETWEEN ? " disabled" : "");
            if (k == BETWEEN) {
                APR_ARRAY_PUSH(lines, const char *) = apr_pstrcat(pool, "first deny ", distant[i].first, NULL);
            }
        }
        APR_ARRAY_PUSH(lines, const char *) = apr_pstrcat(pool, "last deny ", distant[i].last, NULL);
        list.rules = rules_of(apr_array_pstrcat(pool, lines, '\n'));
        said = certmap_list_lint(&list, CERTMAP_WEAK, NOW, pool);
        for (k = 0; k < said->nelts; k++) {
            never += strstr(APR_ARRAY_IDX(said, k, certmap_error_t).text,
                            "rule last can never match: first (rules:10002) comes before it")
                     != NULL;
        }
        is_int(never, distant[i].never,
               apr_psprintf(outer, "%d rules between: %s; %s", BETWEEN, distant[i].first, distant[i].last));
        pool = outer;
        apr_pool_destroy(own);
    }
}

/* Rules whose USER can come out empty, what is said, and twins of which nothing is said. */
static const struct {
    const char *rule;
    const char *said;
    const char *twin;
} templates[] = {
    { "%{subject.CN} subject.O=x",
      "9: rule r: %{subject.CN} gives nothing where a certificate has no subject.CN, and "
      "those requests get user-invalid; ask for it with subject.CN=*",
      "%{subject.CN} subject.CN=*" },
    { "x-%{subject.CN:lower} subject.O=x", "11: rule r: %{subject.CN:lower} gives nothing where a certificate",
      "x-%{subject.CN:lower} all:subject.CN=*" },
    { "%{subject.CN} any subject.CN!=x", "no subject.CN", "%{subject.CN} subject.CN=a*" },
    { "%{subject.CN} subject=*,O=x", "no subject.CN", "%{subject.O} subject=*,O=x" },
    { "%{subject.CN} subject=O=x", "no subject.CN", "%{subject.CN} subject=CN=y,O=x" },
    { "%{subject.CN} issuer=CN=y", "no subject.CN", "%{issuer.CN} issuer=CN=y" },
    { "%{issuer.CN} issuer=O=y", "no issuer.CN", "%{serial}@%{spki} issuer=O=y" },
    { "%{subject} issuer=O=y", "no subject, and those requests get user-invalid; ask for it with subject.CN=*",
      "%{subject} subject.CN=x" },
    { "%{subject} any", "where a certificate has no subject,", "%{issuer} any" },
    { "%{san.upn} san.email=*", "no san.upn", "%{san.email} san.email=*" },
    { "%{ext:1.2.3} ext:1.2.3=#0500", "nothing ever, because the rule asks for a value that is not text",
      "%{ext:1.2.3} ext:1.2.3=x*" },
    { "%{san.upn:local} san.upn=*",
      "where san.upn has no '@' in it, and those requests get user-invalid; "
      "ask for it with san.upn=*@*",
      "%{san.upn:local} san.upn=*@example.org" },
    { "%{san.upn:domain} san.upn~.+x", "has no '@'", "%{san.upn:domain} san.upn~.+@x" },
    { "%{subject.CN:local} subject.CN=a", "has no '@'", "%{subject.CN:local} subject.CN=a@b" },
    { "%{san.email:local} any", "no san.email", "%{san.email:local} san.email=*" },
    { "%{1} subject.CN~x(a)?", "%{1} gives nothing where subject.CN~x(a)? matches without that capture",
      "%{1} subject.CN~x(a)+" },
    { "%{1} subject.CN~x(a)*", "without that capture", "%{1} subject.CN~x(a)" },
    { "%{1} subject.CN~x(a){0,2}", "without that capture", "%{1} subject.CN~x(a){1,2}" },
    { "%{1} subject.CN~x(?:(a)y)?", "without that capture", "%{1} subject.CN~x(?:(a)y?)" },
    { "%{1} subject.CN~x(a)|y", "without that capture", "%{1} subject.CN~x(a|y)" },
    { "%{2} subject.CN~(?:(a)|(b))c", "without that capture", "%{1} subject.CN~((a)|(b))c" },
    { "%{1} subject.CN~x(?!y(a)).+", "without that capture", "%{1} subject.CN~x(?=y(a)).+" },
    { "%{1} subject.CN~x(.*)",
      "where that capture of subject.CN~x(.*) matches nothing, and those requests get "
      "user-invalid; + in place of * asks for something",
      "%{1} subject.CN~x(.+)" },
    { "%{1} subject.CN~x([a-z()]*)-", "matches nothing", "%{1} subject.CN~([a-z(]+)\\)" },
    { "%{1} subject.CN~x(|a)", "matches nothing", "%{1} subject.CN~x(a|b)" },
    { "%{1} subject.CN~x(?<n>a?)", "matches nothing", "%{1} subject.CN~x(?<n>a)" },
    { "%{2} subject.CN~(?i)x(a)\\((b*)", "matches nothing", "%{2} subject.CN~(?i)x(a)\\((b)" },
    { "%{1:local} subject.CN~x(.+)", "has no '@'", "%{1:local} subject.CN~x(.+@.+)" },
    { "%{1:local} subject.CN~(.+)", "has no '@'", "%{1:local} san.email~(.+)" },
    /* of what is not understood nothing is said */
    { "%{1} subject.CN~x\\Q(\\E(a)?", NULL, "%{1} subject.CN~(?|x(a)|y(b))" },
    { "%{1} subject.CN~(?x)x(a)?", NULL, "%{1} subject.CN~x(a)(?(1)b|c)" },
    { "%{1} subject.CN~(.*)@x", "matches nothing", "%{1} subject.CN~(.+)@x" },
};

static void test_templates(void)
{
    apr_size_t i;

    for (i = 0; i < sizeof(templates) / sizeof(templates[0]); i++) {
        const char *rule = apr_pstrcat(pool, "r allow ", templates[i].rule, NULL);
        const char *said = found_in(rule);

        if (templates[i].said != NULL) {
            one(said, templates[i].said, rule);
        }
        else {
            is_str(said, "", rule);
        }
        is_str(found_in(apr_pstrcat(pool, "r allow ", templates[i].twin, NULL)), "", templates[i].twin);
    }
    is_str(found_in("r allow %{subject.CN} disabled subject.O=x"), "", "a disabled rule is left alone");
    is_str(found_in("r deny subject.O=x"), "", "so is a deny rule");
}

/* A full value of a group is not an empty one: void values match nothing. */
static void test_whole(void)
{
    is_str(found_in("r allow %{1} subject.CN~(.+)"), "", "(.+)");
    ok(strstr(found_in("r allow %{1} subject.CN~(.*)"), "also matches an empty value") != NULL,
       "(.*) is said to match nothing");
    ok(strstr(found_in("r allow %{1} subject.CN~^(.*)$"), "gives nothing") == NULL,
       "but what it captures is the value, which is something");
    decides("r allow %{1} subject.CN~(.*)", person("CN", " ", NULL), "no-match", "and so it is decided");
}

/* ---- pinned certificates ---------------------------------------------------------------------------------------- */

static const struct {
    const char *conds;
    int pins;
} pinned[] = {
    { "issuer=\"CN=Test CA\" serial=1f3a", 1 },
    { "issuer=\"CN=Test CA\" serial=1f3a subject.CN=Ann", 1 },
    { "issuer=\"CN=Test CA\" serial=1f3a subject.CN=Bob", 0 },
    { "issuer=\"CN=Test CA\" serial=1f3b", 0 },
    { "issuer=\"CN=Test CA\" subject.CN=Ann", 0 },
    { "issuer=\"CN=Test CA\" serial=1f3a disabled", 0 },
    { "subject.CN=Ann", 0 },
};

static void test_pinning(void)
{
    const certmap_cert_t *ann = person("CN", "Ann", NULL);
    certmap_list_t outer = { .rules = rules_of(
                                 apr_pstrcat(pool, "own allow u sha256=", certmap_cert_sha256(ann), NULL)) };
    apr_size_t i;

    for (i = 0; i < sizeof(pinned) / sizeof(pinned[0]); i++) {
        certmap_list_t list = { .outer = &outer,
                                .rules = rules_of(apr_pstrcat(pool, "r allow u ", pinned[i].conds, NULL)) };

        is_int(certmap_list_pinning(&list, ann, pool)->nelts, pinned[i].pins + 1, pinned[i].conds);
    }
    is_int(certmap_list_pinning(NULL, ann, pool)->nelts, 0, "no list");
}

/* ---- entries ---------------------------------------------------------------------------------------------------- */

static const certmap_entries_t *entries_of(const char *text)
{
    const certmap_entries_t *entries;
    apr_array_header_t *errors;

    if (certmap_entries_parse((certmap_str_t){ text, strlen(text) }, "e", &entries, &errors, pool) != APR_SUCCESS) {
        fixture_fail(found(errors, NULL, NULL));
    }
    return entries;
}

static const struct {
    const char *text;
    certmap_strength_e min;
    const char *said;
    const char *twin;
} entries[] = {
    { "spki:" HEX64 " u expires=2026-06-14", CERTMAP_WEAK, "1:1: this entry has expired; it refuses",
      "spki:" HEX64 " u expires=2026-06-15" },
    { "\n\nspki:" HEX64 " - deny expires=2020-01-01", CERTMAP_WEAK, "3:1: this entry has expired; it still denies",
      "spki:" HEX64 " - deny" },
    { "X509:<RFC822>a@b u", CERTMAP_WEAK, "1:1: an entry of type X509:<RFC822> is weak", "X509:<RFC822>a@b - deny" },
    { "# x\nX509:<RFC822>a@b u\nX509:<RFC822>c@d u\nX509:<RFC822>e@f u", CERTMAP_WEAK, "; 2 more are like it",
      "sha256:" HEX64 " u" },
    { "# x\nX509:<RFC822>a@b u\nX509:<RFC822>c@d u", CERTMAP_WEAK, "2:1: an entry of type X509:<RFC822> is weak",
      "sha256:" HEX64 " u" },
    { "dn:CN=a CN=b u", CERTMAP_STRONG,
      "1:1: an entry of type dn is scoped, strong is required: it refuses the certificates that it",
      "sha256:" HEX64 " u" },
    { "X509:<RFC822>a@b u", CERTMAP_SCOPED, "is weak, scoped is required", "dn:CN=a CN=b u" },
};

/* Two files and what is said of the second. */
static const struct {
    const char *first;
    const char *second;
    const char *said;
} pairs[] = {
    { "sha256:" HEX64 " u", "# x\nsha256:" HEX64 " v",
      "2:1: this key is allowed in first:1 already; where both are "
      "asked, that one counts" },
    { "sha256:" HEX64 " u", "sha256:" HEX64 " - deny",
      "1:1: this key is allowed in first:1 already; where both are "
      "asked, the denial counts" },
    { "\nsha256:" HEX64 " - deny", "sha256:" HEX64 " u",
      "1:1: this key is denied in first:2 already; where both are "
      "asked, the denial counts" },
    { "dn:CN=a CN=b u", "dn:cn=A CN=B u", "1:1: this key is allowed in first:1 already" },
    { "sha256:" HEX64 " u", "spki:" HEX64 " u", NULL },
    { "sha256:" HEX64 " u", "sha256:" ONES " u", NULL },
};

static void test_entries(void)
{
    apr_size_t i;

    for (i = 0; i < sizeof(entries) / sizeof(entries[0]); i++) {
        const certmap_entries_t *table = entries_of(entries[i].text), *twin = entries_of(entries[i].twin);
        const char *said = found(certmap_entries_lint(table, "e", entries[i].min, NOW, pool), NULL, NULL);

        one(said, entries[i].said, entries[i].said);
        is_str(found(certmap_entries_lint(twin, "e", entries[i].min, NOW, pool), NULL, NULL), "", entries[i].twin);
    }
    for (i = 0; i < sizeof(pairs) / sizeof(pairs[0]); i++) {
        const char *said = found(
            certmap_entries_compare(entries_of(pairs[i].first), "first", entries_of(pairs[i].second), "second", pool),
            NULL, NULL);

        if (pairs[i].said != NULL) {
            one(said, pairs[i].said, pairs[i].said);
        }
        else {
            is_str(said, "", pairs[i].second);
        }
    }
}

static int note_line(void *baton, const char *key, const certmap_entry_t *entry, int line)
{
    const char **lines = baton;

    *lines = apr_psprintf(pool, "%s%s:%s:%d ", *lines, key, entry->effect.user ? entry->effect.user : "-", line);
    return 0;
}

static void test_naming(void)
{
    const certmap_cert_t *ann = person("CN", "Ann", NULL);
    const certmap_entries_t *table = entries_of(apr_psprintf(pool,
                                                             "sha256:" ONES
                                                             " no\nissuer-serial:1f3a \"CN=Test CA\" a\nsha256:%s b\n"
                                                             "dn:\"CN=Ann\" \"CN=Test CA\" - deny",
                                                             certmap_cert_sha256(ann)));
    const char *lines = "";

    is_int(certmap_entries_naming(table, ann, note_line, &lines, pool), APR_SUCCESS, "entries that name a certificate");
    is_str(lines, "sha256:b:3 issuer-serial:a:2 dn:-:4 ", "are those, strongest first");
}

int main(void)
{
    fixture_start();
    plan(0);
    test_contradictions();
    test_distant();
    test_templates();
    test_whole();
    test_pinning();
    test_entries();
    test_naming();
    return fixture_done();
}
