/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Import of SSSD's certificate mapping rules: each component and template of sss-certmap(5), the format of sssd.conf,
 * and what the rules that come out make of certificates, against the accounts that SSSD looks for.
 */
#include "import_fixture.h"

#define EMAIL "maprule = (uid={subject_rfc822_name})\n"
#define SHORT "maprule = LDAP:(uid={subject_rfc822_name.short_name})\n"
#define RULE(match) "[certmap/d/r]\nmatchrule = " match "\n" EMAIL
#define LDAP "write an entry for each account"

static const import_case_t cases[] = {
    /* the examples of sss-certmap(5), in its order */
    { "<SUBJECT> 1", RULE("<SUBJECT>.*,DC=MY,DC=DOMAIN"), { NULL }, "", "text of names can be forged", 1 },
    { "<SUBJECT> 2", RULE("<SUBJECT>^CN=.* \\(Admin\\),DC=MY,DC=DOMAIN$"), { NULL }, "", "can be forged", 1 },
    { "<ISSUER>",
      RULE("<ISSUER>^CN=My-CA,DC=MY,DC=DOMAIN$"),
      { NULL },
      "r allow %{san.email} case:issuer=CN=My-CA,DC=MY,DC=DOMAIN\n",
      NULL,
      0 },
    { "STREET", RULE("<SUBJECT>^CN=a,STREET=b,O=c$"), { NULL }, "", "STREET is written in different ways", 1 },
    { "<KU>", RULE("<KU>digitalSignature,keyEncipherment"), { NULL }, "", "several usages", 1 },
    { "<EKU>", RULE("<EKU>clientAuth,1.3.6.1.5.2.3.4"), { NULL }, "", "several purposes", 1 },
    { "<SAN>", RULE("<SAN>.*@MY\\.REALM"), { NULL }, "", "<SAN> has no exact counterpart", 1 },
    { "<SAN:Principal>", RULE("<SAN:Principal>.*@MY\\.REALM"), { NULL }, "", "no exact counterpart", 1 },
    { "<SAN:ntPrincipalName>", RULE("<SAN:ntPrincipalName>.*@MY.AD.REALM"), { NULL }, "", "no exact counterpart", 1 },
    { "<SAN:pkinit>", RULE("<SAN:pkinit>.*@MY"), { NULL }, "", "no exact counterpart", 1 },
    { "<SAN:OID>", RULE("<SAN:1.2.3.4>test"), { NULL }, "", "no exact counterpart", 1 },
    { "<SAN:otherName>", RULE("<SAN:otherName>MTIz"), { NULL }, "", "no exact counterpart", 1 },
    { "<SAN:rfc822Name>",
      RULE("<SAN:rfc822Name>.*@email\\.domain"),
      { NULL },
      "r allow %{san.email} all:san.email~.*.*@email\\.domain.*\n",
      NULL,
      0 },
    { "<SAN:dNSName>",
      RULE("<SAN:dNSName>^.*\\.my\\.dns\\.domain$"),
      { NULL },
      "r allow %{san.email} all:san.dns~.*\\.my\\.dns\\.domain\n",
      NULL,
      0 },
    { "<SAN:directoryName>", RULE("<SAN:directoryName>.*,DC=com"), { NULL }, "", "no exact counterpart", 1 },
    { "<SAN:uniformResourceIdentifier>",
      RULE("<SAN:uniformResourceIdentifier>URN:.*"),
      { NULL },
      "r allow %{san.email} all:san.uri~.*URN:.*.*\n",
      NULL,
      0 },
    { "<SAN:iPAddress>", RULE("<SAN:iPAddress>192\\.168\\..*"), { NULL }, "", "no exact counterpart", 1 },
    /* relations, prefixes, names of purposes */
    { "and",
      RULE("KRB5:&&<KU>nonRepudiation<EKU>msScLogin<ISSUER>^CN=a$"),
      { NULL },
      "r allow %{san.email} ku=nonRepudiation eku=1.3.6.1.4.1.311.20.2.2 case:issuer=CN=a\n",
      NULL,
      0 },
    { "or",
      RULE("||<EKU>pkinit<SUBJECT>^CN=a\\.b,O=x$"),
      { NULL },
      "r allow %{san.email} eku=1.3.6.1.5.2.3.4\nr-2 allow %{san.email} case:subject=CN=a.b,O=x\n",
      NULL,
      0 },
    { "the default",
      "[certmap/d/r]\n" EMAIL,
      { NULL },
      "r allow %{san.email} ku=digitalSignature eku=clientAuth\n",
      NULL,
      0 },
    { "one field twice", RULE("<EKU>clientAuth<EKU>pkinit"), { NULL }, "", "one field twice", 1 },
    { "an unknown prefix", RULE("OTHER:<EKU>clientAuth"), { NULL }, "", "does not read <KEYWORD>VALUE", 1 },
    { "no component", RULE("KRB5:&&"), { NULL }, "", "is empty", 1 },
    { "an unknown purpose", RULE("<EKU>clientAuht"), { NULL }, "", "not a purpose that SSSD knows", 1 },
    { "another spelling of a name", RULE("<SUBJECT>^cn=a, o=b$"), { NULL }, "", "no name is written like this", 1 },
    /* patterns that POSIX and PCRE2 read alike, and others */
    { "branches", RULE("<SAN:dNSName>a|b"), { NULL }, "r allow %{san.email} all:san.dns~.*(?:a|b).*\n", NULL, 0 },
    { "branches with an anchor", RULE("<SAN:dNSName>^a|b"), { NULL }, "", "may mean something else", 1 },
    { "a lazy quantifier", RULE("<SAN:dNSName>a+?"), { NULL }, "", "may mean something else", 1 },
    { "a class of PCRE2", RULE("<SAN:dNSName>\\w"), { NULL }, "", "may mean something else", 1 },
    { "a class of POSIX", RULE("<SAN:dNSName>[[:alpha:]]"), { NULL }, "", "may mean something else", 1 },
    { "a backslash in a class", RULE("<SAN:dNSName>[\\.]"), { NULL }, "", "may mean something else", 1 },
    { "an option", RULE("<SAN:dNSName>(?i)a"), { NULL }, "", "may mean something else", 1 },
    { "a count",
      RULE("<SAN:dNSName>^[a-z]{2,3}(x{4})$"),
      { NULL },
      "r allow %{san.email} "
      "all:san.dns~[a-z]{2,3}(x{4})\n",
      NULL,
      0 },
    { "an anchor in the middle", RULE("<SAN:dNSName>a$b"), { NULL }, "", "may mean something else", 1 },
    /* mapping rules */
    { "no mapping rule", "[certmap/d/r]\nmatchrule = <EKU>clientAuth\n", { NULL }, "", LDAP, 1 },
    { "the whole certificate",
      "[certmap/d/r]\nmaprule = LDAP:(userCertificate;binary={cert!bin})\n",
      { NULL },
      "",
      LDAP,
      1 },
    { "an address", "[certmap/d/r]\nmaprule = (mail={subject_rfc822_name})\n", { NULL }, "", "for mail", 1 },
    { "two attributes",
      "[certmap/d/r]\nmaprule = (|(mail={subject_rfc822_name})(uid={subject_rfc822_name.short_name"
      "}))\n",
      { NULL },
      "",
      LDAP,
      1 },
    { "Active Directory's login name",
      "[certmap/d/r]\nmaprule = (samAccountName={subject_nt_principal.short_name})\n",
      { NULL },
      "r allow %{1} ku=digitalSignature eku=clientAuth san.upn~([^@]+)(?:@.*)?\n",
      NULL,
      0 },
    { "LDAPU1",
      "[certmap/d/r]\nmaprule = LDAPU1:(uid={subject_dn_component.uid})\n",
      { NULL },
      "r allow %{subject.UID} ku=digitalSignature eku=clientAuth\n",
      NULL,
      0 },
    { "LDAPU1's templates are its own",
      "[certmap/d/r]\nmaprule = (uid={subject_dn_component.uid})\n",
      { NULL },
      "",
      "template",
      1 },
    { "a principal of two kinds",
      "[certmap/d/r]\nmaprule = (uid={subject_principal.short_name})\n",
      { NULL },
      "",
      "template",
      1 },
    /* sssd.conf */
    { "accounts in files",
      "[certmap/implicit_files/foo]\nmatchrule = <SUBJECT>^CN=Foo$\n",
      { NULL },
      "foo allow foo case:subject=CN=Foo\n",
      NULL,
      0 },
    { "accounts in files, named",
      "[domain/d]\nid_provider=files\n[certmap/d/r]\nmatchrule=<SUBJECT>^CN=Foo$\n"
      "maprule = (bar)\n",
      { NULL },
      "r allow bar case:subject=CN=Foo\n",
      NULL,
      0 },
    { "accounts in files, by a template",
      "[certmap/implicit_files/foo]\nmaprule = (uid={cert})\n",
      { NULL },
      "",
      "not (NAME)",
      1 },
    { "priorities",
      "[certmap/d/a]\nmatchrule=<EKU>serverAuth\npriority = 10\n" EMAIL "[certmap/d/b]\n"
      "matchrule=<EKU>clientAuth\n" EMAIL "[certmap/d/c]\nmatchrule=<EKU>pkinit\npriority=9\n" EMAIL,
      { NULL },
      "c allow %{san.email} eku=1.3.6.1.5.2.3.4\na allow %{san.email} eku=serverAuth\nb allow %{san.email} "
      "eku=clientAuth\n",
      NULL,
      0 },
    { "one priority",
      "[certmap/d/a]\nmatchrule=<EKU>clientAuth\n" EMAIL "[certmap/d/b]\nmatchrule=<EKU>clientAuth\n" SHORT,
      { NULL },
      "",
      "it has the priority of [certmap/d/b]",
      2 },
    { "one priority, one user",
      "[certmap/d/a]\nmatchrule=<EKU>clientAuth\n" EMAIL "[certmap/d/b]\n"
      "matchrule=<EKU>pkinit\n" EMAIL,
      { NULL },
      "a allow %{san.email} eku=clientAuth\n"
      "b allow %{san.email} eku=1.3.6.1.5.2.3.4\n",
      NULL,
      0 },
    { "one priority, no certificate in common",
      "[certmap/d/a]\nmatchrule=<ISSUER>^CN=a$\n" EMAIL "[certmap/d/b]\n"
      "matchrule=<ISSUER>^CN=b$\nmaprule = (uid={subject_dns_name})\n",
      { NULL },
      "a allow %{san.email} case:issuer=CN=a\nb allow %{san.dns} case:issuer=CN=b\n",
      NULL,
      0 },
    { "one priority with what is left out",
      "[certmap/d/a]\nmatchrule=<EKU>clientAuth\n" EMAIL "[certmap/d/b]\n"
      "matchrule=<SUBJECT>x\n" EMAIL,
      { NULL },
      "",
      "it has the priority of [certmap/d/b]",
      2 },
    { "key usages are asked of later rules too",
      "[certmap/d/a]\nmatchrule=<KU>digitalSignature\npriority=1\n" EMAIL
      "[certmap/d/b]\nmatchrule=<EKU>clientAuth\n" EMAIL,
      { NULL },
      "a allow %{san.email} ku=digitalSignature\nb allow %{san.email} eku=clientAuth ku=*\n",
      NULL,
      0 },
    { "what is left out stops what follows",
      "[certmap/d/a]\nmatchrule=<SUBJECT>x\npriority=1\n" EMAIL "[certmap/d/b]\nmatchrule=<EKU>clientAuth\n" EMAIL,
      { NULL },
      "",
      "[certmap/d/a] catches first",
      2 },
    { "a priority that is none", "[certmap/d/a]\npriority = 4294967296\n" EMAIL, { NULL }, "", "its priority", 1 },
    { "other domains", "[certmap/d/a]\ndomains = d, e\n" EMAIL, { NULL }, "", "other domains", 1 },
    { "a rule twice", "[certmap/d/a]\nmaprule = x\n" EMAIL, { NULL }, "", "maprule appears in it twice", 1 },
    { "an unknown option", "[certmap/d/a]\nmaprul = x\n" EMAIL, { NULL }, "", "maprul is unknown", 1 },
    { "comments",
      "# x\n; y\n[sssd]\nservices = pam\n going on\n\n" RULE("<EKU>clientAuth") "# z\n\n",
      { NULL },
      "r allow %{san.email} eku=clientAuth\n",
      NULL,
      0 },
    { "one of two domains",
      "[certmap/d/a]\nmatchrule=<EKU>clientAuth\n" EMAIL "[certmap/e/b]\n" EMAIL,
      { .map = "d" },
      "a allow %{san.email} eku=clientAuth\n",
      NULL,
      0 },
    { "two domains", "[certmap/d/a]\n" EMAIL "[certmap/e/b]\n" EMAIL, { NULL }, NULL, "choose one (--map): d, e", 0 },
    { "no such domain", "[certmap/d/a]\n" EMAIL, { .map = "x" }, NULL, "domain x has no rules", 0 },
    { "a continued value",
      "[certmap/d/a]\nmatchrule=<EKU>\n  clientAuth\n",
      { NULL },
      NULL,
      "3: neither KEY = VALUE",
      0 },
    { "a section twice", "[certmap/d/a]\n[certmap/d/a]\n", { NULL }, NULL, "2: [certmap/d/a] appears here", 0 },
    { "a section without a name", "[certmap/d]\n", { NULL }, NULL, "[certmap/DOMAIN/NAME]", 0 },
    { "no section", "[sssd]\nservices = pam\n", { NULL }, NULL, "there is no [certmap/DOMAIN/NAME]", 0 },
};

#define AS "ext:extendedKeyUsage", "clientAuth"

static void test_decisions(void)
{
    static const certmap_import_options_t none;
    const char *text = imported(certmap_import_sssd,
                                "[certmap/d/one]\nmatchrule = <ISSUER>^CN=Test CA$<EKU>clientAuth"
                                "<SAN:rfc822Name>@example\\.org$\n" SHORT "priority = 1\n"
                                "[certmap/d/two]\nmatchrule = <EKU>clientAuth\n"
                                "maprule = LDAPU1:(uid={subject_dn_component.cn})\n",
                                &none);

    decides(text, person("CN", "c", AS, "ext:subjectAltName", "email:ann@example.org", NULL), "=ann", "the short name");
    decides(text, person("CN", "c", AS, "ext:subjectAltName", "email:ann@a@example.org", NULL), "malformed",
            "an address with two @ is none");
    decides(text, person("CN", "c", AS, "ext:subjectAltName", "email:ann@example.org.uk", NULL), "=c",
            "anchored at its end");
    decides(text, person("CN", "c", AS, "ext:subjectAltName", "email:ann@Example.org", NULL), "=c", "case counts");
    decides(text, person("CN", "c", AS, "ext:subjectAltName", "email:a@example.org,email:b@x", NULL), "=c",
            "all addresses must match");
    decides(text, person("CN", "c", AS, "ext:subjectAltName", "email:a@example.org,email:b@example.org", NULL),
            "ambiguous", "SSSD takes one of two, which is not said");
    decides(text, person("CN", "c", AS, "ext:subjectAltName", "email:@example.org", NULL), "denied-by-rule",
            "no account, and the next rule is not asked");
    decides(text, person("CN", "c", AS, NULL), "=c", "no address: the next rule");
    decides(text,
            person("CN", "c", "issuer.CN", "Test CA", "issuer.O", "x", AS, "ext:subjectAltName",
                   "email:ann@example.org", NULL),
            "=c", "another issuer");
    decides(text, person("CN", "c", "ext:subjectAltName", "email:ann@example.org", NULL), "no-match",
            "another purpose");
    decides(text, person("O", "x", AS, NULL), "user-invalid", "no account");
}

int main(void)
{
    plan(0);
    fixture_start();
    import_cases(certmap_import_sssd, cases, sizeof(cases) / sizeof(cases[0]));
    test_decisions();
    import_hostile(certmap_import_sssd, "[domain/d]\nid_provider=files\n[certmap/d/r]\nmatchrule = "
                                        "||<EKU>clientAuth<SUBJECT>"
                                        "^CN=a$<SAN:dNSName>^(a|b){2}[c-d]$\nmaprule = (x)\npriority = 7\n");
    return fixture_done();
}
