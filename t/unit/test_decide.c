/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Deciding: what conditions mean on one, several and no values, what never becomes a user, in which order reasons are
 * reported, what the matcher does at its limits, and that the trace says what happened.
 */
#include "fixture.h"
#include "rules/testing.h"

/* ---- what conditions mean ------------------------------------------------------------------------------------- */

static const certmap_cert_t *ann(void)
{
    return person("C", "DE", "O", "Example Ltd", "OU", "Sales", "OU", "Audit  Team", "CN", "Ann Lee", "emailAddress",
                  "Ann@Example.org", "issuer.O", "Example Ltd", "issuer.CN", "Issuing CA", "serial", "00AB12CD",
                  "ext:subjectAltName",
                  "email:ann@example.org,email:Lee@example.net,DNS:ann.example.org,URI:spiffe://x/y,IP:192.0.2.77,"
                  "IP:2001:db8::77,otherName:1.3.6.1.4.1.311.20.2.3;UTF8:ann@corp.example,RID:1.2.3.4",
                  "ext:extendedKeyUsage", "clientAuth,emailProtection", "ext:keyUsage",
                  "digitalSignature,nonRepudiation", "ext:subjectKeyIdentifier", "hash", "ext:certificatePolicies",
                  "DER:300b300906072b060104016307", "ext:1.2.3.4.5", "DER:0c0561646d696e", "ext:1.2.3.4.6",
                  "DER:3003020105", NULL);
}

/* Conditions that hold for ann, and conditions that do not; each once as the only one of a rule. */
static const struct {
    const char *cond;
    int holds;
} conditions[] = {
    { "subject.CN=\"Ann Lee\"", 1 },
    { "subject.CN=\"ann  LEE\"", 1 },
    { "subject.CN=\" ann lee \"", 1 },
    { "subject.CN=Ann", 0 },
    { "subject.CN=\"Ann Leee\"", 0 },
    { "subject.CN=AnnLee", 0 },
    { "case:subject.CN=\"Ann Lee\"", 1 },
    { "case:subject.CN=\"ann Lee\"", 0 },
    { "case:subject.OU=\"Audit Team\"", 0 },
    { "case:subject.OU=\"Audit  Team\"", 1 },
    { "subject.CN=Ann*", 1 },
    { "subject.CN=*lee", 1 },
    { "subject.CN=a*e*e", 1 },
    { "subject.CN=a*x*e", 0 },
    { "subject.CN=\"??? ???\"", 1 },
    { "subject.CN=\"??? ??\"", 0 },
    { "case:subject.CN=ann*", 0 },
    { "subject.CN=Ann\\*", 0 },
    { "subject.CN=*", 1 },
    { "subject.L=*", 0 },
    { "subject.2.5.4.3=\"ann lee\"", 1 },
    { "subject.OU=sales", 1 },
    { "subject.OU=audit*", 1 },
    { "subject.OU~Sal.*", 1 },
    { "subject.OU~sal.*", 0 },
    { "subject.OU~(?i)sal.*", 1 },
    { "subject.OU~Sale", 0 },
    { "subject.OU~ales", 0 },
    { "subject.OU~Sale|Sales", 1 },
    { "subject.emailAddress=ann@example.org", 1 },
    { "san.email=ann@example.org", 1 },
    { "san.email=lee@EXAMPLE.net", 1 },
    { "san.email=*@example.com", 0 },
    { "all:san.email=*@example.*", 1 },
    { "all:san.email=*@example.org", 0 },
    { "all:subject.L=*", 0 },
    { "all:san.email~.*@example[.](org|net)", 1 },
    { "san.dns=ann.example.org", 1 },
    { "san.uri=spiffe://x/*", 1 },
    { "san.upn=ann@corp.example", 1 },
    { "san.rid=1.2.3.4", 1 },
    { "san.rid=1.2.3", 0 },
    { "san.ip=192.0.2.77", 1 },
    { "san.ip=192.0.2.0/24", 1 },
    { "san.ip=192.0.2.64/27", 1 },
    { "san.ip=192.0.2.0/26", 0 },
    { "san.ip=10.0.0.0/8", 0 },
    { "san.ip=2001:DB8:0::77", 1 },
    { "san.ip=2001:db8::/32", 1 },
    { "san.ip=2001:db9::/32", 0 },
    { "san.ip=::/0", 1 },
    { "san.ip=*", 1 },
    { "serial=ab12cd", 1 },
    { "serial=AB:12:CD", 1 },
    { "serial=0000ab12cd", 1 },
    { "serial=ab12ce", 0 },
    { "serial=ab*", 1 },
    { "serial=12*", 0 },
    { "serial=ab12c?", 1 },
    { "serial~ab[0-9]+cd", 1 },
    { "ski=*", 1 },
    { "aki=*", 0 },
    { "eku=clientAuth", 1 },
    { "eku=1.3.6.1.5.5.7.3.4", 1 },
    { "eku=serverAuth", 0 },
    { "ku=digitalsignature", 1 },
    { "ku=contentCommitment", 1 },
    { "ku=keyCertSign", 0 },
    { "policy=1.3.6.1.4.1.99.7", 1 },
    { "policy=1.3.6.1.4.1.99.*", 1 },
    { "policy=1.3.6.1.4.1.9", 0 },
    { "ext:1.2.3.4.5=admin", 1 },
    { "ext:1.2.3.4.5=#0c0561646d696e*", 0 },
    { "ext:1.2.3.4.6=#3003020105", 1 },
    { "ext:1.2.3.4.6=#30:03:02:01:05", 1 },
    { "ext:1.2.3.4.6=#30*", 1 },
    { "ext:1.2.3.4.6=#3003020106", 0 },
    { "ext:1.2.3.4.6=*", 1 },
    { "all:ext:1.2.3.4.6=*", 1 },
    { "ext:1.2.3.4.7=*", 0 },
    { "subject=\"emailAddress=ann@example.org,CN=Ann Lee,OU=Audit Team,OU=Sales,O=Example Ltd,C=DE\"", 1 },
    { "subject=\"/C=DE/O=Example Ltd/OU=Sales/OU=Audit Team/CN=Ann Lee/emailAddress=ann@example.org\"", 1 },
    { "subject=\"emailAddress=ann@example.org,CN=Ann Lee,OU=Sales,OU=Audit Team,O=Example Ltd,C=DE\"", 0 },
    { "subject=\"CN=Ann Lee,OU=Audit Team,OU=Sales,O=Example Ltd,C=DE\"", 0 },
    { "subject=\"*,O=Example Ltd,C=DE\"", 1 },
    { "subject=\"*,O=example  ltd,C=de\"", 1 },
    { "case:subject=\"*,O=example ltd,C=DE\"", 0 },
    { "subject=\"*,O=Example,C=DE\"", 0 },
    { "subject=\"*,CN=Issuing CA,O=Example Ltd\"", 0 },
    { "issuer=\"CN=Issuing CA,O=Example Ltd\"", 1 },
    { "issuer=\"O=Example Ltd,CN=Issuing CA\"", 0 },
    { "issuer=\"*,CN=Issuing CA,O=Example Ltd\"", 0 },
    { "issuer=\"*,O=Example Ltd\"", 1 },
    { "issuer.CN=\"issuing ca\"", 1 },
    { "chain.sha256=*", 0 },
    { "root.sha256=*", 0 },
    { "san.dirname=\"CN=Ann Lee\"", 0 },
    { "any subject.OU!=Guests", 1 },
    { "any subject.OU!=sales", 0 },
    { "any subject.OU!~Sal.*", 0 },
    { "any subject.OU!~sal.*", 1 },
    { "any subject.L!=x", 1 },
    { "any subject.L!~.*", 1 },
    { "any all:subject.L!=x", 0 },
    { "any all:subject.OU!=x", 1 },
    { "any all:subject.OU!=sales", 0 },
    { "any subject.L!=*", 1 },
    { "any subject.CN!=*", 0 },
    { "any issuer!=\"CN=Issuing CA,O=Example Ltd\"", 0 },
    { "any san.ip!=192.0.2.0/24", 0 },
    { "any san.ip!=198.51.100.0/24", 1 },
    { "any ext:1.2.3.4.6!=*", 0 },
    { "any ext:1.2.3.4.7!=*", 1 },
    { "any ext:1.2.3.4.6!=#3003020105", 0 },
};

static void test_conditions(void)
{
    const certmap_cert_t *cert = ann();
    apr_size_t i;

    is_str(certmap_cert_malformed(cert), NULL, "ann's certificate is well-formed");
    for (i = 0; i < sizeof(conditions) / sizeof(conditions[0]); i++) {
        decides(apr_psprintf(pool, "r allow u %s", conditions[i].cond), cert, conditions[i].holds ? "=u" : "no-match",
                NULL);
    }
}

static void test_hashes(void)
{
    const certmap_cert_t *cert = ann();
    const char *sha = certmap_cert_sha256(cert);
    char *upper = apr_pstrdup(pool, sha);
    char colons[3 * 32] = "";
    int i;

    for (i = 0; i < 64; i++) {
        upper[i] = (char)(sha[i] >= 'a' ? sha[i] - 32 : sha[i]);
    }
    for (i = 0; i < 32; i++) {
        memcpy(colons + 3 * i, upper + 2 * i, 2);
        colons[3 * i + 2] = i < 31 ? ':' : '\0';
    }
    decides(apr_psprintf(pool, "r allow u sha256=%s", sha), cert, "=u", "sha256, lower case");
    decides(apr_psprintf(pool, "r allow u sha256=%s", upper), cert, "=u", "sha256, upper case");
    decides(apr_psprintf(pool, "r allow u sha256=%s", colons), cert, "=u", "sha256, with colons");
    decides(apr_psprintf(pool, "r allow u sha256=%.10s*", upper), cert, "=u", "sha256, its beginning");
    upper[0] = upper[0] == 'F' ? '0' : 'F';
    decides(apr_psprintf(pool, "r allow u sha256=%s", upper), cert, "no-match", "sha256, another first digit");
}

/* Positive conditions on one field hold on one value, negations and all: bind nothing. */
static void test_binding(void)
{
    const certmap_cert_t *two = person("CN", "ann.smith", "CN", "bob.admin", "OU", "a", NULL);

    decides("r allow u subject.CN=ann.* subject.CN=*.admin", two, "no-match",
            "two conditions, each met by another value");
    decides("r allow u subject.CN=bob.* subject.CN=*.admin", two, "=u", "two conditions met by one value");
    decides("r allow u subject.CN~ann.* subject.CN=*.admin", two, "no-match", "the same with a regex");
    decides("r allow u subject.CN=ann.* subject.2.5.4.3=*.admin", two, "no-match", "the same field under two names");
    decides("r allow u subject.CN=ann.* case:subject.CN=*.smith", two, "=u", "case: binds, too");
    decides("r allow u subject.CN=ann.* all:subject.CN=*.*", two, "=u", "all: asks every value and binds none");
    decides("r allow u subject.CN=ann.* subject.CN!=*.admin", two, "no-match", "a negation looks at every value");
    decides("r allow %{subject.CN} subject.CN=bob.* subject.OU=a", two, "=bob.admin",
            "what was matched is what is used");
    decides("r allow %{subject.CN} subject.CN=ann.* all:subject.CN=*", two, "=ann.smith",
            "the bound value, not its sibling");
    decides("r allow %{subject.CN} subject.CN=* subject.CN~[a-z]+[.]smith", two, "=ann.smith",
            "bound by both conditions");
    decides("r allow %{subject.CN} all:subject.CN=*", two, "ambiguous", "all: binds none, so both values remain");
}

/* ---- what must never become admin ------------------------------------------------------------------------------ */

static const char *const admin_rules[] = {
    "r allow admin subject.CN=admin",
    "r allow admin case:subject.CN=admin",
    "r allow admin subject.CN~admin",
    "r allow %{1} subject.CN~(admin)",
    "r allow admin subject=CN=admin",
    "r allow admin subject=/CN=admin",
    "r allow admin subject=*,CN=admin",
    "r allow admin subject.UID=admin",
    "r allow admin subject.emailAddress=x subject.CN=admin",
};

static void test_forgeries(void)
{
    static const char *const names[] = {
        "bob,CN=admin",
        "admin,CN=bob",
        "admin/emailAddress=x",
        "bob/CN=admin",
        "/CN=admin",
        "CN=admin",
        "bob+CN=admin",
        "bob\\2CCN=admin",
        "#0c0561646d696e",
        "\"bob\",CN=admin",
        "admin:password",
        "admin\\",
        "\\admin",
        "evil+UID=admin",
        "\xd0\xb0"
        "dmin",
        "adm\xc4\xb1n",
        "admin2",
        "xadmin",
        "admin.",
        "ad min",
        "*",
        "adm*",
        "?dmin",
        "admin;CN=bob",
        "admin,",
        ",admin",
        "<admin>",
        "admin=admin",
        "\xef\xbc\xa1"
        "dmin",
    };
    apr_size_t i;
    apr_size_t j;

    for (i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        const certmap_cert_t *cert = person("CN", names[i], NULL);

        for (j = 0; j < sizeof(admin_rules) / sizeof(admin_rules[0]); j++) {
            decides(admin_rules[j], cert, "no-match", apr_psprintf(pool, "CN %s under: %s", names[i], admin_rules[j]));
        }
    }
    decides(admin_rules[0], person("CN", "admin", NULL), "=admin", "the real admin, folded");
    decides(admin_rules[2], person("CN", "admin", NULL), "=admin", "the real admin, regex");
    decides(admin_rules[3], person("CN", "admin", NULL), "=admin", "the real admin, captured");
    decides(admin_rules[4], person("CN", "admin", NULL), "=admin", "the real admin, whole name");
}

static void test_more_forgeries(void)
{
    const certmap_cert_t *two = person("CN", "bob", "CN", "admin", NULL);
    const certmap_cert_t *owt = person("CN", "admin", "CN", "bob", NULL);

    decides("r allow %{subject.CN} subject.CN=*", two, "ambiguous", "two CNs, and the template needs one");
    decides("r allow %{subject.CN} subject.CN=*", owt, "ambiguous", "two CNs the other way round");
    decides("r allow %{subject.CN:last} subject.CN=*", two, "=bob", "the last of two as written, when asked for");
    decides("r allow %{subject.CN:first} subject.CN=*", two, "=admin", "the first of two as written, when asked for");
    decides("r allow admin subject=CN=admin,O=x", person("CN", "admin", "O", "x", NULL), "no-match",
            "reversed RDN order");
    decides("r allow admin subject=CN=admin+UID=x", person("CN", "admin", "UID", "x", NULL), "no-match",
            "two RDNs are not one of two attributes");
    decides("r allow admin subject=UID=x+CN=admin", person("CN", "admin", "+UID", "x", NULL), "=admin",
            "a multi-valued RDN is a set");
    decides("r allow admin subject.CN=admin", person("O", "admin", "1.2.3.4.99", "admin", NULL), "no-match",
            "an unknown OID holds admin");
    decides("r allow admin san.email=admin@x.org", person("CN", "a", "emailAddress", "admin@x.org", NULL), "no-match",
            "the e-mail of the name is not the SAN's");
    decides("r allow admin subject.emailAddress=admin@x.org",
            person("CN", "a", "ext:subjectAltName", "email:admin@x.org", NULL), "no-match",
            "and the SAN's not the name's");
    decides("r allow admin san.dns=admin.org", person("CN", "admin.org", "ext:subjectAltName", "URI:admin.org", NULL),
            "no-match", "a SAN of another type");
    decides("r allow admin case:subject.CN=admin", person("CN", "admin ", NULL), "no-match",
            "trailing blank under case:");
    decides("r allow admin case:subject.CN=admin", person("CN", " admin", NULL), "no-match",
            "leading blank under case:");
    decides("r allow admin case:subject.CN=\"a b\"", person("CN", "a  b", NULL), "no-match",
            "doubled blank under case:");
    decides("r allow admin subject.CN=\"caf\xc3\xa9\"", person("CN", "cafe\xcc\x81", NULL), "no-match",
            "NFD is not NFC");
    decides("r allow %{subject.CN} subject.CN=*", person("CN", "admin:password", NULL), "user-invalid",
            "a colon never reaches the user name");
    decides("r allow %{subject.CN} subject.CN=*", person("CN", "admin ", NULL), "user-invalid",
            "nor does a blank at its end");
    decides("r allow %{subject.CN} any", person("CN", " admin", NULL), "user-invalid", "or at its beginning");
    decides("r allow %{subject.CN} subject.CN=\"ann lee\"", person("CN", " Ann Lee ", NULL), "=Ann Lee",
            "blanks at the ends are no part of what a condition compared");
    decides("r allow %{subject.CN} subject.CN=ann*", person("CN", "Ann Lee ", NULL), "=Ann Lee", "nor of a wildcard");
    decides("r allow %{subject.CN} subject.CN=ann* subject.CN~.*", person("CN", "Ann ", NULL), "user-invalid",
            "a regex has seen them");
    decides("r allow %{subject.CN} case:subject.CN=Ann*", person("CN", "Ann ", NULL), "user-invalid", "so has case:");
    decides("r allow %{1} subject.CN=ann* subject.CN~(.*)", person("CN", "Ann ", NULL), "user-invalid",
            "a capture is what was captured");
    decides("r allow %{san.uri} san.uri=adm*",
            person("CN", "x", "ext:subjectAltName", "DER:3008860661646d696e20", NULL), "user-invalid",
            "no blank of a URI is dropped, so one at its end stays");
    decides("r allow %{subject.CN:first} any", person("CN", "bob", "+CN", "admin", NULL), "ambiguous",
            "values of one RDN have no order");
    decides("r allow %{subject.CN:last} any", person("CN", "x", "CN", "bob", "+CN", "admin", NULL), "=x",
            "those of another RDN have");
    decides("r allow %{subject.CN:first} any", person("CN", "x", "CN", "bob", "+CN", "admin", NULL), "ambiguous",
            "the first are in one RDN");
    decides("r allow %{subject.CN:first} subject.CN=admin", person("CN", "bob", "+CN", "admin", NULL), "=admin",
            "only one is bound");
    decides("r allow u issuer.CN=admin", person("CN", "admin", NULL), "no-match", "the subject is not the issuer");
    decides("r allow %{1} subject.CN~(.*)", person("CN", "a", "CN", "b", NULL), "ambiguous",
            "captures of two values differ");
}

/* ---- order, options, reasons ----------------------------------------------------------------------------------- */

static void test_order(void)
{
    const certmap_cert_t *bob = person("CN", "bob", "O", "x", NULL);

    decides("a allow first subject.CN=bob\nb allow second subject.O=x", bob, "=first", "the first match wins");
    decides("a allow first subject.CN=ann\nb allow second subject.O=x", bob, "=second",
            "what does not match is passed over");
    decides("a deny subject.O=x\nb allow bob subject.CN=bob", bob, "denied-by-rule", "deny before allow");
    decides("b allow bob subject.CN=bob\na deny subject.O=x", bob, "=bob", "allow before deny");
    decides("a deny subject.O=x disabled\nb allow bob subject.CN=bob", bob, "=bob", "disabled rules are not asked");
    decides("a deny subject.O=x expires=2026-06-14\nb allow bob subject.CN=bob", bob, "denied-by-rule",
            "an expired deny denies");
    decides("a allow bob subject.CN=bob expires=2026-06-14\nb allow bob subject.O=x", bob, "mapping-expired",
            "an expired allow refuses, the next rule is not asked");
    decides("a allow bob subject.CN=bob expires=2026-06-15", bob, "=bob", "the day of expires= is the last one");
    decides("a allow %{subject.L} subject.CN=bob\nb allow bob subject.O=x", bob, "user-invalid",
            "a template that gives nothing refuses, the next rule is not asked");
    decides("", bob, "no-match", "no rules: nobody");
    decides("a allow bob any", bob, "=bob", "any");
}

static void test_fields_of_decision(void)
{
    certmap_list_t list = { .rules = rules_of("a allow bob subject.CN=bob groups=x,y expires=2026-12-31") };
    certmap_verdict_t good = { .reason = CERTMAP_R_NONE };
    certmap_decision_t d;

    certmap_decide(QUESTION(&list, person("CN", "bob", NULL), &good, CERTMAP_WEAK, NOW), &d, pool);
    is_str(d.rule ? d.rule->name : NULL, "a", "the rule that decided");
    is_int((long long)d.effect.ngroups, 2, "its groups");
    is_str(d.effect.ngroups == 2 ? d.effect.groups[1] : NULL, "y", "the second of them");
    is_int(d.effect.expires, apr_time_from_sec(1798761600), "holds until the end of that day");
    is_int(d.effect.strength, CERTMAP_WEAK, "its strength");
    certmap_decide(QUESTION(&list, person("CN", "bob", NULL), &good, CERTMAP_WEAK, apr_time_from_sec(1798761600) - 1),
                   &d, pool);
    is_str(in_a_word(&d), "=bob", "the last microsecond of expires=");
    certmap_decide(QUESTION(&list, person("CN", "bob", NULL), &good, CERTMAP_WEAK, apr_time_from_sec(1798761600)), &d,
                   pool);
    is_str(in_a_word(&d), "mapping-expired", "the first instant behind it");
    is_str(d.effect.user, NULL, "a refusal has no user");
    is_int((long long)d.effect.ngroups, 0, "and no groups");
    certmap_decide(QUESTION(&list, person("CN", "bob", NULL), &good, CERTMAP_SCOPED, NOW), &d, pool);
    is_str(in_a_word(&d), "mapping-too-weak", "weaker than asked for");
    certmap_decide(QUESTION(&list, person("CN", "bob", NULL), &good, CERTMAP_SCOPED, apr_time_from_sec(1798761600)), &d,
                   pool);
    is_str(in_a_word(&d), "mapping-expired", "expired and too weak: the reason of higher precedence");
}

static void test_verdicts(void)
{
    certmap_list_t list = { .rules = rules_of("a allow bob any") };
    certmap_verdict_t good = { .reason = CERTMAP_R_NONE };
    certmap_verdict_t revoked = { .reason = CERTMAP_R_REVOKED };
    certmap_verdict_t no_tls = { .reason = CERTMAP_R_SSL_REQUIRED };
    const certmap_cert_t *bob = person("CN", "bob", NULL);
    const certmap_cert_t *broken = person("CN", "bob", "ext:subjectAltName", "DER:30028700", NULL);
    const certmap_cert_t *odd = person("CN", "bob\tx", NULL);
    certmap_verdict_t no_issuer = { .reason = CERTMAP_R_UNTRUSTED_ISSUER, .x509_err = 20 };
    certmap_verdict_t no_root = { .reason = CERTMAP_R_UNTRUSTED_ISSUER, .x509_err = 20, .depth = 1 };
    certmap_verdict_t bad_date = { .reason = CERTMAP_R_CONSTRAINT_VIOLATION, .x509_err = 14 };
    const struct {
        const certmap_list_t *list;
        const certmap_cert_t *cert;
        const certmap_verdict_t *verdict;
        const char *expected;
        const char *what;
    } cases[] = {
        { &list, bob, &good, "=bob", "verified" },
        { &list, bob, &revoked, "revoked", "a certificate that failed is refused whatever the rules say" },
        { &list, bob, NULL, "untrusted-issuer", "no verdict: nobody" },
        { &list, NULL, &good, "malformed", "a certificate was verified, and there is no view of it" },
        { &list, NULL, NULL, "certificate-missing", "no certificate" },
        { &list, NULL, &no_tls, "ssl-required", "no TLS" },
        { &list, broken, &good, "malformed", "malformed as a whole" },
        { &list, broken, &revoked, "revoked", "malformed hides no failure of verification" },
        { &list, broken, NULL, "untrusted-issuer", "... nor that there was none" },
        { &list, broken, &no_issuer, "malformed",
          "but one that OpenSSL may find for an extension that it cannot read" },
        { &list, broken, &no_root, "untrusted-issuer", "... in the certificate itself" },
        { &list, broken, &bad_date, "constraint-violation", "... and not for a date" },
        { &list, odd, &good, "=bob", "a malformed value that nobody asks for" },
        { &list, odd, &revoked, "revoked", "a malformed value hides nothing" },
        { &list, odd, &no_issuer, "untrusted-issuer", "... whatever the failure" },
        { NULL, bob, &good, "no-match", "no list" },
    };
    apr_size_t i;

    ok(certmap_cert_malformed(broken) != NULL, "a SAN that cannot be read makes the certificate malformed");
    is_str(certmap_cert_malformed(odd), NULL, "a tab in a CN does not");
    for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        certmap_decision_t d;

        is_int(certmap_decide(QUESTION(cases[i].list, cases[i].cert, cases[i].verdict, CERTMAP_WEAK, NOW), &d, pool),
               APR_SUCCESS, "certmap_decide runs");
        is_str(in_a_word(&d), cases[i].expected, cases[i].what);
    }
}

static void test_dates(void)
{
    certmap_list_t list = { .rules = rules_of("a allow bob any") };
    certmap_verdict_t good = { .reason = CERTMAP_R_NONE };
    certmap_verdict_t revoked = { .reason = CERTMAP_R_REVOKED };
    const certmap_cert_t *bob = person("CN", "bob", NULL);
    const certmap_cert_t *broken = person("CN", "bob", "ext:subjectAltName", "DER:30028700", NULL);
    apr_time_t begins = certmap_cert_not_before(bob), ends = certmap_cert_not_after(bob) + APR_USEC_PER_SEC;
    const struct {
        const certmap_cert_t *cert;
        const certmap_verdict_t *verdict;
        apr_time_t now;
        const char *expected;
        const char *what;
    } cases[] = {
        { bob, &good, begins, "=bob", "the first instant of a certificate" },
        { bob, &good, begins - 1, "not-yet-valid", "before it" },
        { bob, &good, ends - 1, "=bob", "its last instant" },
        { bob, &good, ends, "expired", "after it" },
        { bob, &revoked, ends, "revoked", "a failure of verification comes before the dates" },
        { broken, &good, ends, "expired", "and the dates before malformed" },
        { broken, &good, ends - 1, "malformed", "which remains" },
    };
    apr_size_t i;

    for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        certmap_decision_t d;

        certmap_decide(QUESTION(&list, cases[i].cert, cases[i].verdict, CERTMAP_WEAK, cases[i].now), &d, pool);
        is_str(in_a_word(&d), cases[i].expected, cases[i].what);
    }
}

/* What sources and rules say by themselves. */
static void test_taken_as_valid(void)
{
    certmap_list_t list = { .rules = rules_of("a allow bob any") };
    certmap_verdict_t revoked = { .reason = CERTMAP_R_REVOKED };
    const certmap_cert_t *bob = person("CN", "bob", NULL);
    certmap_question_t question = { .list = &list, .cert = bob, .verdict = &revoked, .taken_as_valid = 1 };
    certmap_decision_t d;

    certmap_decide(&question, &d, pool);
    is_str(in_a_word(&d), "=bob", "a revoked certificate, before its dates");
    question.verdict = NULL;
    certmap_decide(&question, &d, pool);
    is_str(in_a_word(&d), "=bob", "one that nothing has verified");
    question.cert = person("CN", "bob", "ext:subjectAltName", "DER:30028700", NULL);
    certmap_decide(&question, &d, pool);
    is_str(in_a_word(&d), "malformed", "a malformed one is not valid");
    question.cert = NULL;
    certmap_decide(&question, &d, pool);
    is_str(in_a_word(&d), "certificate-missing", "nor is none");
}

/* What the guard refuses, too, where nobody is mapped. */
static void test_unproved(void)
{
    certmap_verdict_t good = { .reason = CERTMAP_R_NONE };
    certmap_verdict_t no_issuer = { .reason = CERTMAP_R_UNTRUSTED_ISSUER, .x509_err = 20 };
    const certmap_cert_t *bob = person("CN", "bob", NULL);
    const certmap_cert_t *broken = person("CN", "bob", "ext:subjectAltName", "DER:30028700", NULL);
    const struct {
        const certmap_cert_t *cert;
        const certmap_verdict_t *verdict;
        apr_time_t now;
        int expected;
        const char *what;
    } cases[] = {
        { bob, &good, NOW, 0, "verified and in force" },
        { bob, &good, 0, 1, "not in force" },
        { bob, &no_issuer, NOW, 1, "not verified" },
        { broken, &good, NOW, 0, "malformed, but verified" },
        { broken, &good, 0, 1, "... and not in force" },
        { broken, &no_issuer, NOW, 1, "malformed, and not verified for that" },
        { NULL, &good, NOW, 1, "no view" },
        { NULL, NULL, NOW, 1, "no certificate" },
    };
    apr_size_t i;

    for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        certmap_reason_e refusal = certmap_cert_refusal(cases[i].cert, cases[i].verdict, cases[i].now);

        is_int(certmap_cert_unproved(refusal, cases[i].cert, cases[i].verdict), cases[i].expected, cases[i].what);
    }
}

static void test_lists(void)
{
    certmap_list_t outer = { .rules = rules_of("a deny subject.O=evil\nb allow outer subject.CN=ann") };
    certmap_list_t empty = { .outer = &outer, .rules = NULL };
    certmap_list_t inner = { .outer = &empty, .rules = rules_of("c allow inner subject.CN=*") };
    certmap_verdict_t good = { .reason = CERTMAP_R_NONE };
    certmap_decision_t d;

    is_int((long long)certmap_list_count(&inner), 3, "rules of a list, outer ones included");
    is_int((long long)certmap_list_count(NULL), 0, "rules of no list");
    certmap_decide(QUESTION(&inner, person("CN", "ann", NULL), &good, CERTMAP_WEAK, NOW), &d, pool);
    is_str(in_a_word(&d), "=outer", "the outer list is asked first");
    certmap_decide(QUESTION(&inner, person("CN", "bob", NULL), &good, CERTMAP_WEAK, NOW), &d, pool);
    is_str(in_a_word(&d), "=inner", "then the inner one");
    certmap_decide(QUESTION(&inner, person("CN", "bob", "O", "evil", NULL), &good, CERTMAP_WEAK, NOW), &d, pool);
    is_str(in_a_word(&d), "denied-by-rule", "an outer deny holds for the inner list");
}

static void test_chain(void)
{
    static const unsigned char chain[2][32] = { { 0x11 }, { 0x22, 0xff } };
    certmap_verdict_t good = { .reason = CERTMAP_R_NONE, .chain = chain, .nchain = 2 };
    const char *zeros = "000000000000000000000000000000000000000000000000000000000000";
    const struct {
        const char *rule;
        const char *expected;
    } cases[] = {
        { "r allow u chain.sha256=1100%s", "=u" },
        { "r allow u chain.sha256=22FF%s", "=u" },
        { "r allow u root.sha256=22ff%s", "=u" },
        { "r allow u root.sha256=1100%s", "no-match" },
        { "r allow u any chain.sha256!=1100%s", "no-match" },
        { "r allow u any root.sha256!=1100%s", "=u" },
    };
    apr_size_t i;

    for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        certmap_list_t list = { .rules = rules_of(apr_psprintf(pool, cases[i].rule, zeros)) };
        certmap_decision_t d;

        certmap_decide(QUESTION(&list, person("CN", "bob", NULL), &good, CERTMAP_WEAK, NOW), &d, pool);
        is_str(in_a_word(&d), cases[i].expected, cases[i].rule);
    }
}

/* ---- what is malformed, and what is of another type ------------------------------------------------------------- */

/* What rules make of a certificate whose CN is "mallory" with a NUL after it, whose attribute 1.2.3.9 is a BIT
 * STRING, and whose extension 1.2.3.4.6 is an INTEGER; one sentence of the documentation after the other. */
static const struct {
    const char *rules;
    const char *expected;
} malformed_rules[] = {
    /* nobody asks */
    { "r allow u any", "=u" },
    { "r allow %{subject.O} subject.O=x", "=x" },
    { "r deny subject.O=y\ns allow u any", "=u" },
    /* a rule is "no" if a condition that touches nothing malformed is certainly false */
    { "r allow u subject.CN=mallory subject.O=y\ns allow v any", "=v" },
    { "r deny subject.O=y subject.CN=mallory\ns allow v any", "=v" },
    { "r allow u subject.CN=mallory subject.O!=x\ns allow v any", "=v" },
    { "r allow u subject.CN=mallory subject.O~y\ns allow v any", "=v" },
    { "r allow u subject.O~y subject.CN=mallory\ns allow v any", "=v" },
    { "r allow %{subject.CN} subject.O=y\ns allow v any", "=v" },
    /* else malformed, if it names a malformed field: in a condition of any kind, or in its user */
    { "r allow u subject.CN=mallory\ns allow v any", "malformed" },
    { "r allow u subject.CN=nobody\ns allow v any", "malformed" },
    { "r allow u subject.CN~m.*\ns allow v any", "malformed" },
    { "r allow u all:subject.CN=*\ns allow v any", "malformed" },
    { "r allow u any subject.CN!=mallory\ns allow v any", "malformed" },
    { "r allow u any all:subject.CN!~x\ns allow v any", "malformed" },
    { "r allow u case:subject.CN=mallory subject.O=x\ns allow v any", "malformed" },
    { "r allow u subject.O=x subject.CN=mallory\ns allow v any", "malformed" },
    { "r allow %{subject.CN} subject.O=x\ns allow v any", "malformed" },
    { "r allow u-%{subject.CN:first} any\ns allow v any", "malformed" },
    { "r allow %{subject} subject.O=x\ns allow v any", "malformed" },
    /* a deny rule refuses as denied */
    { "r deny subject.CN=mallory\ns allow v any", "denied-by-rule" },
    { "r deny subject.CN=nobody\ns allow v any", "denied-by-rule" },
    { "r deny any subject.CN!=mallory\ns allow v any", "denied-by-rule" },
    { "r deny subject.O=x subject.CN=mallory\ns allow v any", "denied-by-rule" },
    { "r deny subject.CN=mallory subject.O=x\ns allow v any", "denied-by-rule" },
    /* which is final, and only when its turn comes */
    { "r allow u subject.O=x\ns deny subject.CN=mallory", "=u" },
    { "r allow u subject.CN=mallory disabled\ns allow v any", "=v" },
    { "r allow u subject.CN=mallory expires=2026-01-01\ns allow v any", "malformed" },
    /* presence is asked after that */
    { "r allow u subject.CN=*\ns allow v any", "malformed" },
    { "r allow u any subject.CN!=*\ns allow v any", "malformed" },
    { "r deny subject.CN=*\ns allow v any", "denied-by-rule" },
    { "r deny any subject.CN!=*\ns allow v any", "denied-by-rule" },
    /* a failing matcher counts for less than what is malformed, and both for less than "no" */
    { "r allow u subject.OU~(a+)+[bc] subject.CN=mallory\ns allow v any", "malformed" },
    { "r allow u subject.CN=mallory subject.OU~(a+)+[bc]\ns allow v any", "malformed" },
    { "r allow u subject.CN=mallory subject.OU~(a+)+[bc] subject.O=y\ns allow v any", "=v" },
    { "r allow u subject.OU~(a+)+[bc]\ns allow v any", "ambiguous" },
    { "r allow u subject.OU~(a+)+[bc] subject.OU~b.*\ns allow v any", "=v" },
    { "r allow u subject.OU~b.* subject.OU~(a+)+[bc]\ns allow v any", "=v" },
    { "r allow u subject.OU~(a+)+[bc] subject.OU~[b-z]*\ns allow v any", "=v" },
    { "r allow u subject.OU~[b-z]* subject.OU~(a+)+[bc]\ns allow v any", "=v" },
    /* a whole name is another one where the number or the types of parts, or a sound part, differ */
    { "r deny subject=\"CN=mallory,O=x\"\ns allow v any", "=v" },
    { "r deny subject=\"CN=mallory,1.2.3.9=#030400616264,OU=aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaX,O=x\"\n"
      "s allow v any",
      "=v" },
    { "r deny subject=\"CN=mallory,1.2.3.9=#030400616263,OU=aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaX,O=x\"\n"
      "s allow v any",
      "denied-by-rule" },
    { "r deny subject=\"CN=x,1.2.3.9=#030400616263,OU=aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaX,O=x\"\n"
      "s allow v any",
      "denied-by-rule" },
    { "r deny subject=\"CN=x,1.2.3.9=#030400616263,OU=aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaX,O=y\"\n"
      "s allow v any",
      "=v" },
    { "r deny subject=\"CN=x,1.2.3.9=text,OU=aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaX,O=x\"\ns allow v any", "=v" },
    { "r deny any subject!=\"CN=mallory,O=x\"\ns allow v any", "denied-by-rule" },
    { "r deny subject=\"*,O=x\"\ns allow v any", "denied-by-rule" },
    { "r deny subject=\"*,O=y\"\ns allow v any", "=v" },
    { "r allow u issuer=\"CN=Test CA\"", "=u" },
    /* a value of another type: its presence is certain, and nothing asks for its text */
    { "r allow u subject.1.2.3.9=*", "=u" },
    { "r allow u all:subject.1.2.3.9=*", "=u" },
    { "r allow u any subject.1.2.3.9!=*", "no-match" },
    { "r allow u ext:1.2.3.4.6=*", "=u" },
    { "r deny ext:1.2.3.4.6=*\ns allow v any", "denied-by-rule" },
    { "r allow u any ext:1.2.3.4.6!=*", "no-match" },
    { "r allow u ext:1.2.3.4.6=#020105", "=u" },
    { "r allow u ext:1.2.3.4.6=#*05", "=u" },
    { "r allow u ext:1.2.3.4.6=#020106\ns allow v any", "=v" },
    { "r allow u any ext:1.2.3.4.6!=#020106", "=u" },
    { "r allow u ext:1.2.3.4.6=020105\ns allow v any", "malformed" },
    { "r allow u ext:1.2.3.4.6~.*\ns allow v any", "malformed" },
    { "r deny ext:1.2.3.4.6=x\ns allow v any", "denied-by-rule" },
    { "r allow u any ext:1.2.3.4.6!=x\ns allow v any", "malformed" },
    { "r allow u subject.1.2.3.9=abc\ns allow v any", "malformed" },
    { "r deny subject.1.2.3.9=abc\ns allow v any", "denied-by-rule" },
    { "r deny subject.1.2.3.9=abc subject.O=y\ns allow v any", "=v" },
    { "r allow u subject.1.2.3.9=* subject.1.2.3.9=a*\ns allow v any", "malformed" },
    { "r allow %{subject.1.2.3.9} any\ns allow v any", "user-invalid" },
    { "r allow %{ext:1.2.3.4.6} ext:1.2.3.4.6=*\ns allow v any", "user-invalid" },
    /* blanks alone are not a value */
    { "r allow u subject.L=*\ns allow v any", "=v" },
    { "r allow u any subject.L!=*", "=u" },
    { "r allow %{subject.L} any", "user-invalid" },
};

static void test_malformed(void)
{
    const certmap_cert_t *cert = person("O", "x", "OU", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaX", "raw:1.2.3.9",
                                        "03:616263", "raw:CN", "0c:6d616c6c6f727900", "ext:1.2.3.4.6", "DER:020105",
                                        NULL);
    const certmap_cert_t *blank = person("O", "x", "L", "  ", "ext:1.2.3.4.6", "DER:020105", NULL);
    apr_size_t i, n = sizeof(malformed_rules) / sizeof(malformed_rules[0]);
    certmap_decision_t d;

    is_str(certmap_cert_malformed(cert), NULL, "a malformed CN does not make the certificate malformed");
    for (i = 0; i < n; i++) {
        decides(malformed_rules[i].rules, i + 3 < n ? cert : blank, malformed_rules[i].expected, NULL);
    }
    d = decide_text("r deny subject.O=x subject.CN=mallory", cert);
    is_str(d.detail, "rule r: subject.CN is malformed: NUL inside", "a denial names the field, and why");
    d = decide_text("r allow u subject.CN=mallory", cert);
    is_str(d.detail, "rule r: subject.CN is malformed: NUL inside", "so does a refusal");
    is_str(d.rule ? d.rule->name : NULL, "r", "... and the rule");
    d = decide_text("r allow %{subject} any", cert);
    is_str(d.detail, "rule r: subject is malformed: CN: NUL inside", "of a whole name, the attribute");
    d = decide_text("r allow u ext:1.2.3.4.6=x", cert);
    is_str(d.detail, "rule r: ext:1.2.3.4.6 has a value of another type than text", "another type is called that");
}

/* Each field that can be malformed by itself, in turn: whatever asks for it refuses, whatever does not, maps. */
static void test_each_field(void)
{
    int which;

    for (which = 0; which < FIXTURE_ODD; which++) {
        X509 *x = X509_new();
        const char *field = fixture_spoil(x, which);
        const char *any = strcmp(field, "san.dirname") == 0 ? "\"*,O=Dir\"" : "*";
        int odd = which >= FIXTURE_ODD - 2;
        const certmap_cert_t *cert = person("C", "DE", "UID", "x", "CN", "c", "odd", apr_psprintf(pool, "%d", which),
                                            NULL);

        X509_free(x);
        is_str(certmap_cert_malformed(cert), NULL, field);
        decides("r allow u any subject.L!=x", cert, "=u", NULL);
        decides(apr_psprintf(pool, "r allow u subject.C=DE %s=%s\ns allow v any", field, any), cert,
                odd ? "=u" : "malformed", NULL);
        decides(apr_psprintf(pool, "r allow u any subject.C=DE %s!=%s\ns allow v any", field, any), cert,
                odd ? "=v" : "malformed", NULL);
        decides(apr_psprintf(pool, "r allow u any %s!=%s subject.C=DE\ns allow v any", field, any), cert,
                odd ? "=v" : "malformed", NULL);
        decides(apr_psprintf(pool, "r allow u %s=%s subject.C=FR\ns allow v any", field, any), cert, "=v", NULL);
        decides(apr_psprintf(pool, "r allow %%{%s} subject.C=DE\ns allow v any", field), cert,
                odd ? "user-invalid" : "malformed", NULL);
        decides(apr_psprintf(pool, "r deny any %s!=%s\ns allow v any", field, any), cert, odd ? "=v" : "denied-by-rule",
                NULL);
        /* every certificate has a serial number: that alone is not a condition */
        decides(
            apr_psprintf(pool, "r deny %s%s=%s\ns allow v any", strcmp(field, "serial") == 0 ? "any " : "", field, any),
            cert, "denied-by-rule", NULL);
    }
}

/* ---- the matcher at its limits ---------------------------------------------------------------------------------- */

static void test_matcher_errors(void)
{
    const certmap_cert_t *evil = person("CN", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaX", NULL);
    certmap_decision_t d = decide_text("r allow u subject.CN~(a+)+[bc]\ns allow v any", evil);

    is_str(in_a_word(&d), "ambiguous", "a regex beyond its limits in an allow rule refuses");
    ok(d.detail != NULL && strstr(d.detail, "rule r") && strstr(d.detail, "limit"), "and says which rule and why: %s",
       d.detail ? d.detail : "-");
    d = decide_text("r deny subject.CN~(a+)+[bc]\ns allow v any", evil);
    is_str(in_a_word(&d), "denied-by-rule", "in a deny rule it denies");
    ok(d.detail != NULL && strstr(d.detail, "limit"), "with the reason");
    decides("r allow u any subject.CN!~(a+)+[bc]\ns allow v any", evil, "ambiguous",
            "negated, it does not hold either");
    decides("r allow u all:subject.CN~(a+)+[bc]\ns allow v any", evil, "ambiguous", "nor under all:");
    decides("r allow u subject.CN~(a+)+[bc] subject.O=x\ns allow v any", evil, "=v",
            "a rule that another condition rules out is ruled out");
    decides("r allow u subject.CN~(a+)+[bc] subject.O~x\ns allow v any", evil, "=v", "by a regex behind it, too");
}

static void test_long(void)
{
    char *stars = apr_palloc(pool, 30001);
    char *san = apr_pstrdup(pool, "email:a0@x.org");
    apr_array_header_t *parts = apr_array_make(pool, 2000, sizeof(char *));
    const certmap_cert_t *cert;
    apr_time_t start;
    int i;

    memset(stars, 'a', 30000);
    stars[30000] = '\0';
    cert = person("O", "x", "ext:subjectAltName", apr_pstrcat(pool, "URI:", stars, NULL), NULL);
    start = apr_time_now();
    decides("r allow u san.uri=*a*a*a*a*a*a*a*a*a*a*b", cert, "no-match", "many stars over a long value");
    decides("r allow u san.uri=*a*a*a*a*a*a*a*a*a*a*", cert, "=u", "many stars that meet it");
    decides("r allow u san.uri~(a|b)*", cert, "ambiguous", "a regex is not asked about so long a value");
    decides("r deny san.uri~(a|b)*\ns allow v any", cert, "denied-by-rule", "and denies in a deny rule");
    decides("r allow u any san.uri!~(a|b)*\ns allow v any", cert, "ambiguous", "negated, it does not hold either");
    decides("r allow u san.uri~[ab]*x.*\ns allow v any", cert, "=v", "without the literal that it needs it is a no");
    decides("r allow u san.uri~(a|b)* subject.O=y\ns allow v any", cert, "=v", "so is another condition of its rule");
    for (i = CERTMAP_REGEX_TEXT_MOST + 1; i >= CERTMAP_REGEX_TEXT_MOST; i--) {
        stars[i] = '\0';
        cert = person("O", "x", "ext:subjectAltName", apr_pstrcat(pool, "URI:", stars, NULL), NULL);
        decides("r allow u san.uri~[a-z]*", cert, i > CERTMAP_REGEX_TEXT_MOST ? "ambiguous" : "=u",
                apr_psprintf(pool, "a regex over a value of %d bytes", i));
    }
    stars[2048] = '\0';
    cert = person("O", "x", "ext:subjectAltName", apr_pstrcat(pool, "URI:", stars, NULL), NULL);
    decides("r allow u san.uri~(a|b)*", cert, "=u", "a regex over a URI as long as they get");
    decides("r allow u san.uri~.*\\d+[A-Z]", cert, "no-match", "one that goes over it again and again");
    decides("r allow u san.uri~(?:\\w+/?)+", cert, "=u", "and one with repeats in repeats");
    ok(apr_time_now() - start < apr_time_from_sec(5), "in time");
    APR_ARRAY_PUSH(parts, const char *) = san;
    for (i = 1; i < 2000; i++) {
        APR_ARRAY_PUSH(parts, const char *) = apr_psprintf(pool, "email:aaaaaaaaaaaaaaaaaaaaaaaaa%d@x.org", i);
    }
    cert = person("CN", "x", "ext:subjectAltName", apr_array_pstrcat(pool, parts, ','), NULL);
    start = apr_time_now();
    decides("r allow u san.email~(email|(a+)+)+[!%]", cert, "ambiguous", "a slow regex over many values gives up");
    decides("r allow u san.email~.*1999@x[.]org san.email=a*", cert, "=u", "a quick one finds the last of them");
    decides("r allow %{san.email} san.email~a.*1999@x[.]org", cert, "=aaaaaaaaaaaaaaaaaaaaaaaaa1999@x.org",
            "and gives it");
    ok(apr_time_now() - start < apr_time_from_sec(20), "in time");
}

/* ---- telling --------------------------------------------------------------------------------------------------- */

static void test_trace(void)
{
    certmap_list_t list = { .rules = rules_of("a allow u subject.CN=ann subject.O=x\n"
                                              "off allow u any disabled\n"
                                              "b allow bob subject.CN=b* subject.CN=*b subject.L!=y\n"
                                              "c deny any\n") };
    certmap_verdict_t good = { .reason = CERTMAP_R_NONE };
    certmap_decision_t d;
    certmap_decision_t same;
    certmap_trace_t *trace = NULL;
    const certmap_cert_t *cert = person("O", "x", "CN", "bob", "CN", "bo", NULL);

    is_int(certmap_explain(QUESTION(&list, cert, &good, CERTMAP_WEAK, NOW), &d, &trace, pool), APR_SUCCESS,
           "explain runs");
    certmap_decide(QUESTION(&list, cert, &good, CERTMAP_WEAK, NOW), &same, pool);
    is_str(in_a_word(&d), in_a_word(&same), "it decides as certmap_decide does");
    is_str(in_a_word(&d), "=bob", "which is bob");
    is_int((long long)trace->nrules, 3, "every enabled rule is told");
    is_str(trace->rules[0].rule->name, "a", "in order");
    is_int(trace->rules[0].matched, 0, "a did not match");
    is_int(trace->rules[0].conds[0].holds, 0, "its first condition does not hold");
    is_int(trace->rules[0].conds[1].holds, 1, "its second does");
    is_str(trace->rules[0].conds[1].text, "subject.O=x", "as written");
    is_int((long long)trace->rules[0].conds[0].nvalues, 2, "the values met");
    is_str(trace->rules[0].conds[0].values[1], "bo", "the second of them");
    is_int(trace->rules[1].matched && trace->rules[1].decided, 1, "b matched and decided");
    is_int(trace->rules[1].conds[2].state, CERTMAP_ABSENT, "an absent field is told");
    is_int(trace->rules[2].matched && !trace->rules[2].decided, 1, "c would have matched");
    is_int(certmap_explain(QUESTION(&list, NULL, &good, CERTMAP_WEAK, NOW), &d, &trace, pool), APR_SUCCESS,
           "without a certificate");
    is_int((long long)trace->nrules, 0, "there is nothing to tell");
}

static void test_nearest(void)
{
    certmap_list_t list = { .rules = rules_of("z deny subject.O=x subject.CN=q\n"
                                              "off allow u subject.O=x subject.CN=q disabled\n"
                                              "far allow u subject.O=x subject.CN=q subject.L=q\n"
                                              "near allow u subject.O=x subject.C=DE subject.CN=q\n"
                                              "alsonear allow u subject.O=x subject.CN=q\n"
                                              "none allow u subject.L=q\n"
                                              "bound allow u subject.OU=a* subject.OU=*b\n") };
    const certmap_cert_t *cert = person("C", "DE", "O", "x", "CN", "ann", NULL);
    const certmap_cert_t *units = person("OU", "a", "OU", "b", NULL);
    const certmap_rule_t *rule = NULL;
    const certmap_cond_t *failed = NULL;

    certmap_nearest(QUESTION(&list, cert, NULL, CERTMAP_WEAK, 0), 100, &rule, &failed, pool);
    is_str(rule ? rule->name : NULL, "near", "fewest failing conditions, the first of equals");
    is_str(failed ? certmap_cond_text(failed) : NULL, "subject.CN=q", "its first failing condition");
    certmap_nearest(QUESTION(&list, cert, NULL, CERTMAP_WEAK, 0), 1, &rule, &failed, pool);
    is_str(rule ? rule->name : NULL, "far", "only so many rules are looked at");
    certmap_nearest(QUESTION(&list, units, NULL, CERTMAP_WEAK, 0), 100, &rule, &failed, pool);
    is_str(rule ? rule->name : NULL, "bound", "conditions that hold, but not on one value");
    is_str(failed ? certmap_cond_text(failed) : NULL, "subject.OU=*b", "the one that does not hold on the same value");
    certmap_nearest(QUESTION(&list, person("CN", "nobody", NULL), NULL, CERTMAP_WEAK, 0), 100, &rule, &failed, pool);
    is_str(rule ? rule->name : NULL, NULL, "no rule of which a condition holds");
    list.rules = rules_of("m allow u subject.CN=ann subject.L=q\n"
                          "both allow u subject.CN=ann subject.O=x subject.L=q subject.C=q\n"
                          "one allow u subject.CN=bob subject.O=x subject.L=q\n");
    certmap_nearest(QUESTION(&list, person("O", "x", "odd", "0", NULL), NULL, CERTMAP_WEAK, 0), 100, &rule, &failed,
                    pool);
    is_str(rule ? rule->name : NULL, "one", "conditions on a malformed field neither hold nor fail");
    is_str(failed ? certmap_cond_text(failed) : NULL, "subject.L=q", "what fails is sound");
    certmap_nearest(QUESTION(NULL, cert, NULL, CERTMAP_WEAK, 0), 100, &rule, &failed, pool);
    is_str(rule ? rule->name : NULL, NULL, "no list");
}

/* A condition, what the certificate C=DE, O=x, OU=a + UID=u, CN=ann has in its place. */
static const struct {
    const char *cond;
    const char *differs;
} differences[] = {
    { "subject=CN=ann,OU=a+UID=u,O=y,C=DE", "O=x in place of O=y" },
    { "subject=CN=ann,OU=b+UID=u,O=y,C=DE", "O=x in place of O=y; UID=u+OU=a in place of UID=u+OU=b" },
    { "subject=CN=ann,OU=a,O=x,C=DE", "OU=a is missing; UID=u+OU=a is there in addition" },
    { "subject=CN=ann,OU=a+UID=u,O=x", "C=DE is there in addition" },
    { "subject=CN=ann,OU=a+UID=u,O=x,ST=B,C=DE", "ST=B is missing" },
    { "subject=UID=ann,OU=a+UID=u,O=x,C=DE", "CN=ann in place of UID=ann" },
    { "subject=C=DE,O=x,OU=a+UID=u,CN=ann", "the same parts the other way round" },
    { "subject=CN=ann,O=x,OU=a+UID=u,C=DE", "the same parts in another order" },
    { "case:subject=CN=Ann,OU=a+UID=u,O=x,C=DE", "CN=ann in place of CN=Ann" },
    { "subject=O=1,O=2,O=3,O=4,O=5,O=6,CN=ann",
      "O=x in place of O=6; O=1 is missing; O=2 is missing; O=3 is missing; and 4 more" },
    { "subject=*,O=y,C=DE", "O=x in place of O=y" },
    { "subject=*,CN=ann,OU=a+UID=u,O=x,C=DE", "the name itself, with nothing below it" },
    { "subject=*,OU=b,CN=ann,OU=a+UID=u,O=x,C=DE", "OU=b is missing" },
    { "issuer=CN=z", "CN=Test CA in place of CN=z" },
    { "subject!=CN=ann,OU=a+UID=u,O=x,C=DE", NULL },
    { "subject.CN=z", NULL },
    { "san.dirname=CN=z", NULL },
};

static void test_differs(void)
{
    const certmap_cert_t *cert = person("C", "DE", "O", "x", "OU", "a", "+UID", "u", "CN", "ann", NULL);
    apr_size_t i;

    for (i = 0; i < sizeof(differences) / sizeof(differences[0]); i++) {
        const certmap_ruleset_t *rules = rules_of(apr_psprintf(pool, "r allow u \"%s\" any\n", differences[i].cond));

        is_str(certmap_cond_differs(certmap_rule_cond(certmap_ruleset_rule(rules, 0), 0), cert, pool),
               differences[i].differs, differences[i].cond);
    }
}

/* Each match is short of PCRE2's own limits; all of them together would take many seconds. */
static void test_time_limit(void)
{
    enum {
        RULES = 1024,
        VALUES = 64
    };
    static char text[RULES * 80];
    char uri[64];
    const char *san = "URI:http://x";
    const certmap_cert_t *cert;
    certmap_list_t list = { .rules = NULL };
    certmap_verdict_t verdict = { .reason = CERTMAP_R_NONE };
    certmap_decision_t d;
    apr_size_t n = 0;
    int i;

    memset(uri, 'a', sizeof(uri) - 1);
    uri[sizeof(uri) - 1] = '\0';
    for (i = 0; i < VALUES; i++) {
        san = apr_pstrcat(pool, san, ",URI:http:", uri, NULL);
    }
    cert = person("CN", "slow", "ext:subjectAltName", san, NULL);
    for (i = 0; i < RULES; i++) {
        n += (apr_size_t)apr_snprintf(text + n, sizeof(text) - n,
                                      "r%d allow x%d san.uri~http:[a-z]*[a-z]*[a-z]*[a-z]*[0-9]\n", i, i);
    }
    list.rules = rules_of(text);
    certmap_decide(QUESTION(&list, cert, &verdict, CERTMAP_WEAK, NOW), &d, pool);
    is_str(in_a_word(&d), "ambiguous", "regexes may not take longer than half a second of a decision");
    ok(d.detail && strstr(d.detail, "the regexes of this decision took too long"), "... says why: %s",
       d.detail ? d.detail : "-");
    ok(d.rule && strcmp(d.rule->name, "r0") != 0, "... and it was not the first one");
}

/* ---- steps ------------------------------------------------------------------------------------------------------ */

/* A certificate with so many DNS names, "dcba" and a number. */
static const certmap_cert_t *many_names(int n)
{
    apr_array_header_t *parts = apr_array_make(pool, n, sizeof(char *));
    int i;

    for (i = 0; i < n; i++) {
        APR_ARRAY_PUSH(parts, const char *) = apr_psprintf(pool, "DNS:dcba%d", i);
    }
    return person("O", "x", "ext:subjectAltName", apr_array_pstrcat(pool, parts, ','), NULL);
}

/* So many times a line, a number in it. */
static const char *many_rules(const char *line, int n)
{
    apr_array_header_t *lines = apr_array_make(pool, n, sizeof(char *));
    int i;

    for (i = 0; i < n; i++) {
        APR_ARRAY_PUSH(lines, const char *) = apr_psprintf(pool, line, i);
    }
    return apr_array_pstrcat(pool, lines, '\n');
}

/* Rules whose conditions no certificate of many_names meets, though every name has to be looked at; the last maps. */
static const struct {
    const char *line;
    const char *expected;
} endless[] = {
    { "r%d allow u san.dns=*a*b*c*d*", "ambiguous" },
    { "r%d deny san.dns=*a*b*c*d*", "denied-by-rule" },
    { "r%d allow u any san.dns!=dcba1999", "ambiguous" },
    { "r%d deny any all:san.dns=dcba* san.dns!=*1999", "denied-by-rule" },
    { "r%d deny san.dns~(?i).*abxcd.* san.dns=*c*b*", "=last" },
};

static void test_steps(void)
{
    const certmap_cert_t *many = many_names(2000);
    apr_size_t i;

    for (i = 0; i < sizeof(endless) / sizeof(endless[0]); i++) {
        const char *rules = apr_pstrcat(pool, many_rules(endless[i].line, 10000), "\nlast allow last any\n", NULL);
        certmap_list_t list = { .rules = rules_of(rules) };
        certmap_verdict_t verdict = { .reason = CERTMAP_R_NONE };
        certmap_decision_t d;

        certmap_decide(QUESTION(&list, many, &verdict, CERTMAP_WEAK, NOW), &d, pool);
        is_str(in_a_word(&d), endless[i].expected, endless[i].line);
        if (endless[i].expected[0] != '=') {
            ok(d.detail != NULL && strstr(d.detail, "take too long") && d.rule != NULL
                   && strcmp(d.rule->name, "r0") != 0,
               "some rules after the first, and says why: %s", d.detail);
        }
        certmap_decide(QUESTION(&list, person("O", "x", "ext:subjectAltName", "DNS:dcba1999,DNS:b", NULL), &verdict,
                                CERTMAP_WEAK, NOW),
                       &d, pool);
        is_str(in_a_word(&d), "=last", "an ordinary certificate is asked to the end");
    }
}

/* Steps that asking all rules takes, no index sorting them out. */
static apr_int64_t steps_of(const char *rules, const certmap_cert_t *cert)
{
    certmap_verdict_t verdict = { .reason = CERTMAP_R_NONE };
    const certmap_ruleset_t *rs = rules_of(rules);
    certmap_eval_t ev;
    apr_size_t i;

    certmap_eval_init(&ev, cert, &verdict, pool);
    for (i = 0; i < certmap_ruleset_count(rs); i++) {
        certmap_rule_matches(&ev, certmap_ruleset_rule(rs, i));
    }
    return CERTMAP_STEPS_MOST - ev.steps;
}

/* What people and machines have: nothing near a limit. */
static void test_steps_of_ordinary(void)
{
    static const char *const lines[] = {
        "r%d allow u issuer=\"CN=Test CA\" subject.CN=user%d",
        "r%d allow u subject.O=\"Example Ltd\" subject.CN=ann* subject.CN~\\w+(000017|x17)",
        "r%d allow u san.email=*@example.org san.email=a*g san.dns=*.example.org",
        "r%d deny any subject.OU!=Staff san.email!=*@*.example.org san.dns!=*x*y*",
        "r%d allow u subject.CN~(?i).*(smith|meyer).*example.* san.uri~spiffe://.*",
    };
    const certmap_cert_t *cert = person("C", "DE", "O", "Example Ltd", "OU", "Staff", "OU", "Research", "CN",
                                        "Ann Example of the Example Department", "ext:subjectAltName",
                                        "email:ann.example@research.example.org,email:ann@example.org,"
                                        "DNS:ann.research.example.org,DNS:laptop17.research.example.org,"
                                        "URI:spiffe://example.org/ns/research/sa/ann-example",
                                        NULL);
    apr_size_t i;

    for (i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
        apr_int64_t steps = steps_of(many_rules(lines[i], 1000), cert);

        ok(steps > 1000 * CERTMAP_STEPS_RULE && steps * 100 * 4 < CERTMAP_STEPS_MOST,
           "100,000 of these take %.1f %% of the steps: %s", (double)steps * 100 * 100 / CERTMAP_STEPS_MOST, lines[i]);
    }
}

/* One match by itself. */
static void test_steps_of_one(void)
{
    static const struct {
        const char *kind;
        const char *before;
        const char *after;
    } kinds[] = {
        { "wildcard", "r allow u any san.uri!=*", "b*" },
        { "literal in any case", "r allow u any san.uri!~(?i).*", "b.*" },
    };
    char *text = apr_palloc(pool, 60001);
    const certmap_cert_t *cert;
    apr_size_t i;

    memset(text, 'a', 60000);
    text[60000] = '\0';
    cert = person("O", "x", "ext:subjectAltName", apr_pstrcat(pool, "URI:", text, NULL), NULL);
    text[30000] = '\0';
    for (i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
        certmap_decision_t d = decide_text(apr_pstrcat(pool, kinds[i].before, text, kinds[i].after, NULL), cert);

        is_str(in_a_word(&d), "ambiguous", apr_psprintf(pool, "a long %s over a long value", kinds[i].kind));
        ok(d.detail != NULL && strstr(d.detail, "take too long"), "says why");
    }
    decides(apr_pstrcat(pool, "r allow u any san.uri!~.*", text, "b.*", NULL), cert, "=u",
            "a long literal is found in linear time");
}

/* Of more fields than a decision remembers by itself. */
static void test_fields_beyond(void)
{
    const certmap_cert_t *cert = person("O", "x", "ext:1.3.6.1.4.1.99999.90", "DER:0c0161", NULL);
    certmap_eval_t ev;
    certmap_values_t v = { .n = 0 };
    int i;
    int round;

    certmap_eval_init(&ev, cert, NULL, pool);
    for (round = 0; round < 2; round++) {
        for (i = 50; i <= 90; i++) {
            certmap_field_t *field = apr_pcalloc(pool, sizeof(*field));
            const char *name = apr_psprintf(pool, "ext:1.3.6.1.4.1.99999.%d", i);
            const certmap_value_t *before = v.values;
            const char *why;

            certmap_field_parse((certmap_str_t){ name, strlen(name) }, field, &why, pool);
            v = certmap_eval_values(&ev, field);
            if (i == 90) {
                ok(v.n == 1 && strcmp(v.values[0].text.data, "a") == 0, "a field beyond those in the cache");
                ok(round == 0 || v.values == before, "is decoded once");
            }
            else if (round == 1) {
                v.values = before;
            }
        }
    }
}

static void test_steps_of_telling(void)
{
    certmap_list_t list = { .rules = rules_of(many_rules("r%d allow u subject.O=x san.dns=*a*b*c*d*x*", 20000)) };
    certmap_verdict_t verdict = { .reason = CERTMAP_R_NONE };
    const certmap_cert_t *many = many_names(2000);
    const certmap_rule_t *rule = NULL;
    const certmap_cond_t *failed = NULL;
    certmap_trace_t *trace;
    certmap_decision_t d;
    apr_size_t i;
    apr_size_t told = 0;
    apr_size_t errors = 0;

    certmap_nearest(QUESTION(&list, many, &verdict, CERTMAP_WEAK, 0), 1000000, &rule, &failed, pool);
    is_str(rule ? rule->name : NULL, "r0", "the nearest of the rules that could be asked");
    certmap_explain(QUESTION(&list, many, &verdict, CERTMAP_WEAK, NOW), &d, &trace, pool);
    is_int(trace->nrules, 20000, "every rule is explained");
    is_str(trace->rules[0].conds[0].error, NULL, "as far as it can be");
    for (i = 0; i < trace->nrules; i++) {
        const char *error = trace->rules[i].conds[1].error;

        errors += error != NULL;
        told += error != NULL && strstr(error, "take too long") != NULL;
    }
    ok(errors > 1000 && errors < 20000 && told == errors, "what was left when the steps were used up says so (%d)",
       (int)errors);
    ok(trace->rules[0].conds[0].values == trace->rules[19999].conds[0].values, "values are told once for all rules");
}

int main(void)
{
    plan(0);
    fixture_start();
    test_conditions();
    test_hashes();
    test_binding();
    test_forgeries();
    test_more_forgeries();
    test_order();
    test_fields_of_decision();
    test_verdicts();
    test_dates();
    test_taken_as_valid();
    test_unproved();
    test_lists();
    test_chain();
    test_malformed();
    test_each_field();
    test_matcher_errors();
    test_time_limit();
    test_steps();
    test_steps_of_ordinary();
    test_steps_of_one();
    test_fields_beyond();
    test_steps_of_telling();
    test_long();
    test_trace();
    test_nearest();
    test_differs();
    return fixture_done();
}
