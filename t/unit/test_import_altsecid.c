/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Values of altSecurityIdentities: the six forms that Microsoft documents (KB5014754, [MS-PKCA]), which of them are
 * carried over, and which certificates they map: those whose fields Active Directory writes so, for one user only.
 */
#include "import_fixture.h"

#define LEFT "# left out, line 1: "
#define HASH "0011223344556677889900112233445566778899"
#define KDC "X509:<I>DC=com,DC=contoso,CN=CONTOSO-DC-CA"

/* ---- lines --------------------------------------------------------------------------------------------------- */

static const import_outcome_t cases[] = {
    /* the forms, as KB5014754 writes them */
    { .text = TEXT("alice\t" KDC "<SR>1200000000AC11000000002B\n"),
      .expected = KDC "<SR>1200000000AC11000000002B alice\n" },
    { .text = TEXT("alice\tX509:<SKI>123456789abcdef0"), .expected = "X509:<SKI>123456789abcdef0 alice\n" },
    { .text = TEXT("alice\tX509:<SHA1-PUKEY>" HASH),
      .expected = LEFT
      "alice\\x09X509:<SHA1-PUKEY>" HASH "\n"
      "#     <SHA1-PUKEY> is not taken: Microsoft's own documents disagree on what it hashes; write spki: or "
      "sha256:\n" },
    { .text = TEXT("alice\t" KDC "<S>DC=com,DC=contoso,CN=Alice"),
      .expected = KDC "<S>DC=com,DC=contoso,CN=Alice alice\n" },
    { .text = TEXT("alice\tX509:<S>DC=com,DC=contoso,CN=Alice"),
      .expected = "X509:<S>DC=com,DC=contoso,CN=Alice alice\n" },
    { .text = TEXT("alice\tX509:<RFC822>alice@contoso.com"), .expected = "X509:<RFC822>alice@contoso.com alice\n" },
    /* around them */
    { .text = TEXT("# who\n\n CONTOSO\\alice \t x509:<s>CN=Alice Lee \r\n"),
      .expected = "\"x509:<s>CN=Alice Lee\" CONTOSO\\alice\n" },
    { .text = TEXT("Alice Lee\tX509:<S>CN=\"a,b\""), .expected = "\"X509:<S>CN=\\\"a,b\\\"\" \"Alice Lee\"\n" },
    { .text = TEXT("\xef\xbb\xbf"
                   "alice\tX509:<S>CN=a"),
      .expected = "X509:<S>CN=a alice\n" },
    /* no certificate, no form, no user */
    { .text = TEXT("alice\tKerberos:alice@CONTOSO.COM"),
      .expected = LEFT "alice\\x09Kerberos:alice@CONTOSO.COM\n"
                       "#     this maps a Kerberos principal, not a certificate\n" },
    { .text = TEXT("alice\tX500:CN=a"),
      .expected = LEFT "alice\\x09X500:CN=a\n#     the value does not begin with "
                       "X509:\n" },
    { .text = TEXT("alice\tsha256:00"),
      .expected = LEFT "alice\\x09sha256:00\n"
                       "#     the value does not begin with X509:\n" },
    { .text = TEXT("alice\tX509:<I>CN=a"),
      .expected = LEFT
      "alice\\x09X509:<I>CN=a\n"
      "#     these tags do not form a key together; write X509:<I>ISSUER<SR>SERIAL, X509:<I>ISSUER<S>SUBJECT, "
      "X509:<S>SUBJECT, X509:<SKI>HEX or X509:<RFC822>ADDRESS\n" },
    { .text = TEXT("alice\tX509:<I>CN=a<SR>xyz"),
      .expected = LEFT "alice\\x09X509:<I>CN=a<SR>xyz\n"
                       "#     not a hex digit; write 0-9 a-f, with colons between octets or none\n" },
    { .text = TEXT("alice\tX509:"), .expected = LEFT "alice\\x09X509:\n#     there is nothing after X509:\n" },
    { .text = TEXT("alice X509:<S>CN=a\nbob\tX509:<S>CN=b"),
      .expected = LEFT "alice X509:<S>CN=a\n"
                       "#     there is no tab between a user and a value\nX509:<S>CN=b bob\n" },
    { .text = TEXT("\tX509:<S>CN=a"), .expected = LEFT "\\x09X509:<S>CN=a\n#     there is no user before the tab\n" },
    { .text = TEXT("a:b\tX509:<S>CN=a"),
      .expected = LEFT "a:b\\x09X509:<S>CN=a\n"
                       "#     the user: the user name has a colon in it\n" },
    { .text = TEXT("a\tX509:<S>CN=a\tX509:<S>CN=b"),
      .expected = LEFT "a\\x09X509:<S>CN=a\\x09X509:<S>CN=b\n"
                       "#     there is more than one tab; write one value on a line\n" },
    { .text = TEXT("deny\tX509:<S>CN=a\n-\tX509:<S>CN=b"),
      .expected = LEFT "deny\\x09X509:<S>CN=a\n"
                       "#     USER forgotten? a deny entry reads KEY - deny\n"
                       "# left out, line 2: -\\x09X509:<S>CN=b\n#     \"-\" stands for no user; write KEY - deny\n" },
    { .text = TEXT("alice X509:<S>CN=a"), .expected = "error 1: no line of this text is USER, a tab and X509:...\n" },
    /* one key for two users is nobody's; for one user it is his */
    { .text = TEXT("alice\tX509:<S>CN=a\nbob\tX509:<S>CN=A\ncid\tX509:<S>cn=a\nbob\tX509:<S>CN=b\n"),
      .expected = LEFT "alice\\x09X509:<S>CN=a\n"
                       "#     line 2 gives the same value to another user: Active Directory lets neither in\n"
                       "# left out, line 2: bob\\x09X509:<S>CN=A\n"
                       "#     line 1 gives the same value to another user: Active Directory lets neither in\n"
                       "# left out, line 3: cid\\x09X509:<S>cn=a\n"
                       "#     line 1 gives the same value to another user: Active Directory lets neither in\n"
                       "X509:<S>CN=b bob\n" },
    { .text = TEXT("a:b\tX509:<S>CN=a\nbob\tX509:<S>CN=A\ndeny\tX509:<S>CN=c\ncid\tX509:<S>CN=c\n"),
      .expected = LEFT "a:b\\x09X509:<S>CN=a\n"
                       "#     line 2 gives the same value to another user: Active Directory lets neither in\n"
                       "# left out, line 2: bob\\x09X509:<S>CN=A\n"
                       "#     line 1 gives the same value to another user: Active Directory lets neither in\n"
                       "# left out, line 3: deny\\x09X509:<S>CN=c\n"
                       "#     line 4 gives the same value to another user: Active Directory lets neither in\n"
                       "# left out, line 4: cid\\x09X509:<S>CN=c\n"
                       "#     line 3 gives the same value to another user: Active Directory lets neither in\n" },
    { .text = TEXT("alice\tX509:<S>CN=a\nALICE\tX509:<S>CN=A\n"), .expected = "X509:<S>CN=a alice\n" },
    { .text = TEXT("alice\tX509:<S>CN=a\nALICE\tX509:<S>CN=A\nbob\tX509:<S>CN=a"),
      .expected = LEFT "alice\\x09X509:<S>CN=a\n"
                       "#     line 3 gives the same value to another user: Active Directory lets neither in\n"
                       "# left out, line 2: ALICE\\x09X509:<S>CN=A\n"
                       "#     line 3 gives the same value to another user: Active Directory lets neither in\n"
                       "# left out, line 3: bob\\x09X509:<S>CN=a\n"
                       "#     line 1 gives the same value to another user: Active Directory lets neither in\n" },
};

static void check_comments(const char *text, const char *comment)
{
    certmap_import_result_t result;

    ok(import_run(certmap_import_altsecid, (certmap_str_t){ text, strlen(text) }, NULL, &result) == APR_SUCCESS
           && strstr(result.text.data, comment) != NULL,
       "its comment: %s", text);
}

/* What is weak is marked, and a name that is written the wrong way round is warned about. */
static void test_comments(void)
{
    static const char weak[] = "\n# weak in Active Directory (KB5014754)\nX509:";
    certmap_import_result_t result;
    const certmap_error_t *e;

    check_comments("a\tX509:<S>CN=a", weak);
    check_comments("a\tX509:<I>CN=ca<S>CN=a", weak);
    check_comments("a\tX509:<RFC822>a@b.c", weak);
    check_comments("a\tX509:<SKI>0a", "\n# weak here: another CA may write the same key identifier; ski:HEX "
                                      "\"ISSUER-DN\" is strong\nX509:<SKI>");
    check_comments("a\tX509:<I>CN=ca<SR>0a", "\n\nX509:<I>CN=ca<SR>0a a\n");
    import_run(certmap_import_altsecid, (certmap_str_t)TEXT("x\ty\na\tX509:<I>CN=CA,DC=contoso,DC=com<SR>0a"), NULL,
               &result);
    e = result.errors->nelts == 1 ? (const certmap_error_t *)result.errors->elts : NULL;
    ok(e != NULL && e->warning && e->line == 2 && e->column == 3 && strstr(e->text, "the other way round") != NULL,
       "a name with the root last is warned about");
}

/* ---- certificates -------------------------------------------------------------------------------------------- */

#define KDC_CA "issuer.DC", "com", "issuer.DC", "contoso", "issuer.CN", "CONTOSO-DC-CA"

static const char values[] = "alice\t" KDC "<SR>1200000000AC11000000002B\n" /* the serial number, its octets reversed */
                             "bob\t" KDC "<S>DC=com,CN=Bob\n"
                             "cid\tX509:<S>DC=com,CN=Cid\n"
                             "dan\tX509:<SKI>0a0b0c\n"
                             "eve\tX509:<RFC822>eve@contoso.com\n"
                             "fay\tX509:<S>CN=Twin\n"
                             "gus\tX509:<S>CN=twin\n"
                             "hal\tX509:<I>CN=CONTOSO-DC-CA,DC=contoso,DC=com<S>CN=Hal\n";

static const import_person_t people[] = {
    { .pairs = { "serial", "2B0000000011AC0000000012", "CN", "x", KDC_CA }, .expected = "=alice" },
    { .pairs = { "serial", "1200000000AC11000000002B", "CN", "x", KDC_CA }, .expected = "no-match" },
    { .pairs = { "serial", "2B0000000011AC0000000012", "CN", "x" }, .expected = "no-match" },
    { .pairs = { "DC", "com", "CN", "Bob", KDC_CA }, .expected = "=bob" },
    { .pairs = { "DC", "com", "CN", "Bob" }, .expected = "no-match" },
    { .pairs = { "CN", "Bob", "DC", "com", KDC_CA }, .expected = "no-match" },
    { .pairs = { "DC", "com", "CN", "Cid" }, .expected = "=cid" },
    { .pairs = { "CN", "Cid", "DC", "com" }, .expected = "no-match" },
    { .pairs = { "CN", "x", "ext:subjectKeyIdentifier", "0a0b0c" }, .expected = "=dan" },
    { .pairs = { "CN", "x", "ext:subjectKeyIdentifier", "0a0b0c00" }, .expected = "no-match" },
    { .pairs = { "CN", "x", "ext:subjectAltName", "email:Eve@contoso.com" }, .expected = "=eve" },
    { .pairs = { "CN", "x", "ext:subjectAltName", "DNS:eve.contoso.com" }, .expected = "no-match" },
    { .pairs = { "CN", "Twin" }, .expected = "no-match" },
    { .pairs = { "CN", "Hal", KDC_CA }, .expected = "no-match" },
    /* of several keys the strongest */
    { .pairs = { "serial", "2B0000000011AC0000000012", "DC", "com", "CN", "Bob", KDC_CA }, .expected = "=alice" },
};

int main(void)
{
    apr_size_t i;

    fixture_start();
    plan(0);
    for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        check_case(certmap_import_altsecid, &cases[i]);
    }
    test_comments();
    for (i = 0; i < sizeof(people) / sizeof(people[0]); i++) {
        check_person(certmap_import_altsecid, values, NULL, &people[i]);
    }
    other_kinds(certmap_import_altsecid);
    hostile(certmap_import_altsecid,
            "a\tX509:<I>DC=x,CN=\"c\"<SR>0a\nb\tX509:<S>CN=b\nc\tX509:<S>CN=B\nd\tKerberos:x\n");
    return fixture_done();
}
