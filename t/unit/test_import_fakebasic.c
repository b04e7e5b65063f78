/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Files for FakeBasicAuth: what mod_ssl's and mod_authn_file's documentation say of their lines, which certificates
 * they let in there (the subject's text is the user, "password" the password), and that the same ones are let in here.
 */
#include "import_fixture.h"

#define CRYPT "xxj31ZMTZzkVA"
#define NOBODY "# left out, line 1: "

/* ---- lines --------------------------------------------------------------------------------------------------- */

static const import_outcome_t cases[] = {
    /* the lines of mod_ssl's documentation */
    { .text = TEXT("/C=DE/L=Munich/O=Snake Oil, Ltd./OU=Staff/CN=Foo:" CRYPT "\n"
                   "/C=US/L=S.F./O=Snake Oil, Ltd./OU=CA/CN=Bar:" CRYPT "\n"),
      .expected = "fakebasic-1 allow \"/C=DE/L=Munich/O=Snake Oil, Ltd./OU=Staff/CN=Foo\" "
                  "\"case:subject=CN=Foo,OU=Staff,O=Snake Oil\\\\, Ltd.,L=Munich,C=DE\"\n"
                  "fakebasic-2 allow \"/C=US/L=S.F./O=Snake Oil, Ltd./OU=CA/CN=Bar\" "
                  "\"case:subject=CN=Bar,OU=CA,O=Snake Oil\\\\, Ltd.,L=S.F.,C=US\"\n" },
    { .text = TEXT("/CN=a:" CRYPT),
      .issuer = "CN=Test CA,O=x",
      .expected = "fakebasic-1 allow /CN=a case:subject=CN=a \"issuer=CN=Test CA,O=x\"\n" },
    { .text = TEXT("/CN=a:" CRYPT),
      .issuer = "nobody",
      .expected = "error 1: the issuer \"nobody\" cannot be read: TYPE=VALUE expected here\n" },
    /* with commas: AuthBasicFake %{SSL_CLIENT_S_DN} */
    { .text = TEXT("CN=Foo,OU=Staff,C=DE:" CRYPT),
      .expected = "fakebasic-1 allow CN=Foo,OU=Staff,C=DE case:subject=CN=Foo,OU=Staff,C=DE\n" },
    { .text = TEXT("UID=foo,DC=example,DC=org:" CRYPT),
      .expected = "fakebasic-1 allow %{subject} case:subject=UID=foo,DC=example,DC=org\n" },
    { .text = TEXT("CN=Jos\xc3\xa9\\, jr.,O=x:" CRYPT),
      .expected = "fakebasic-1 allow \"CN=Jos\xc3\xa9\\\\, jr.,O=x\" \"case:subject=CN=Jos\xc3\xa9\\\\, jr.,O=x\"\n" },
    { .text = TEXT("CN=Foo, O=x:" CRYPT),
      .expected = NOBODY "CN=Foo, O=x:...\n#     no certificate's name is written like this; OpenSSL would write "
                         "CN=Foo,O=x\n" },
    { .text = TEXT("CN=c+UID=d:" CRYPT),
      .expected = NOBODY "CN=c+UID=d:...\n"
                         "#     no certificate's name is written like this; OpenSSL would write UID=d+CN=c\n" },
    { .text = TEXT("CN=Jos\\C3\\A9:" CRYPT),
      .expected = NOBODY "CN=Jos\\C3\\A9:...\n"
                         "#     no certificate's name is written like this; OpenSSL would write CN=Jos\xc3\xa9\n" },
    { .text = TEXT("1.2.3.4=#0c0161:" CRYPT),
      .expected = NOBODY
      "1.2.3.4=#0c0161:...\n"
      "#     OpenSSL has no name for one of its attributes, and writes the ASN.1 type of its value too\n" },
    { .text = TEXT("CN=50%,O=x:" CRYPT), .expected = "fakebasic-1 allow CN=50%%,O=x case:subject=CN=50%,O=x\n" },
    /* bytes, as X509_NAME_oneline() writes them */
    { .text = TEXT("/CN=Jos\\xC3\\xA9:" CRYPT),
      .expected = "fakebasic-1 allow /CN=Jos\\xC3\\xA9 case:subject=CN=Jos\xc3\xa9\n" },
    { .text = TEXT("/CN=\\x41:" CRYPT), .expected = "fakebasic-1 allow /CN=\\x41 case:subject=CN=\\\\x41\n" },
    { .text = TEXT("/CN=Jos\xc3\xa9:" CRYPT),
      .expected = NOBODY "/CN=Jos\xc3\xa9:...\n"
                         "#     no certificate's name is written like this; OpenSSL would write /CN=Jos\\xC3\\xA9\n" },
    { .text = TEXT("/CN=\\xE9:" CRYPT),
      .expected = NOBODY "/CN=\\xE9:...\n"
                         "#     no certificate that is accepted here has this name: not UTF-8\n" },
    { .text = TEXT("/CN=a\\x00b:" CRYPT),
      .expected = NOBODY "/CN=a\\x00b:...\n"
                         "#     no certificate that is accepted here has this name: NUL inside\n" },
    /* spellings that OpenSSL does not have */
    { .text = TEXT("/cn=a:" CRYPT),
      .expected = NOBODY "/cn=a:...\n"
                         "#     no certificate's name is written like this; OpenSSL would write /CN=a\n" },
    { .text = TEXT("/E=a@b:" CRYPT),
      .expected = NOBODY "/E=a@b:...\n"
                         "#     no certificate's name is written like this; OpenSSL would write /emailAddress=a@b\n" },
    { .text = TEXT("/CN=a/foo=b:" CRYPT),
      .expected = NOBODY
      "/CN=a/foo=b:...\n"
      "#     \"/foo=\" may begin an attribute of an unknown type, or be part of the value before it\n" },
    { .text = TEXT("/CN=/O=b:" CRYPT),
      .expected = NOBODY "/CN=/O=b:...\n"
                         "#     no certificate that is accepted here has this name: a value is empty\n" },
    { .text = TEXT("/CN=a/b/:" CRYPT "\n/nothing:" CRYPT),
      .expected = NOBODY
      "/CN=a/b/:...\n"
      "#     no certificate's name is written like this; OpenSSL would write /CN=a\\/b\\/\n"
      "# left out, line 2: /nothing:...\n#     this is not a name of the form /TYPE=VALUE/TYPE=VALUE\n" },
    /* a colon ends the name, several are one, and what follows the hash is not looked at */
    { .text = TEXT("/CN=a::" CRYPT ":more"), .expected = "fakebasic-1 allow /CN=a case:subject=CN=a\n" },
    { .text = TEXT("/CN=http://x:" CRYPT),
      .expected = NOBODY "/CN=http:...\n#     what follows the name is not a hash that is known here\n" },
    /* the hash must be that of "password" */
    { .text = TEXT("/CN=a:{SHA}W6ph5Mm5Pz8GgiULbPgzG37mj9g="),
      .expected = "fakebasic-1 allow /CN=a case:subject=CN=a\n" },
    { .text = TEXT("/CN=a:$apr1$hjG9iMIG$87pZWP17aQU/1u5g0Fehr."),
      .expected = "fakebasic-1 allow /CN=a case:subject=CN=a\n" },
    { .text = TEXT("/CN=a:$2y$05$mgPMCAhztTQyY2pjwooC0e/4w7fhLuSc1RSB.SbHSdhMNKxPQSWIa"),
      .expected = "fakebasic-1 allow /CN=a case:subject=CN=a\n" },
    { .text = TEXT("/CN=a:$1$ab$oKsM6dtDD2L1bKowOBX.7."), .expected = "fakebasic-1 allow /CN=a case:subject=CN=a\n" },
    { .text = TEXT("/CN=a:$5$ab$qeQJSoyiYLyCNJ4nhnpINuEqxziLz7BmT6ldjwrEtl9"),
      .expected = "fakebasic-1 allow /CN=a case:subject=CN=a\n" },
    { .text = TEXT("/CN=a:$6$ab$WfYjcVtm04.lEYV07CdYGA5G9xet7/eU/m3ApNyi7sD."
                   "pE7qFDG1ek7dRQpI2KCf9ESl1WoIH04x.DMDvmIed1"),
      .expected = "fakebasic-1 allow /CN=a case:subject=CN=a\n" },
    { .text = TEXT("/CN=a:$apr1$hjG9iMIG$87pZWP17aQU/1u5g0Fehr/"),
      .expected = NOBODY
      "/CN=a:...\n"
      "#     the hash is not that of the word \"password\", which FakeBasicAuth sends: httpd refuses the "
      "certificate\n" },
    { .text = TEXT("/CN=a:xxj31ZMTZzkVB"),
      .expected = NOBODY
      "/CN=a:...\n"
      "#     the hash is not that of the word \"password\", which FakeBasicAuth sends: httpd refuses the "
      "certificate\n" },
    { .text = TEXT("/CN=a:$2y$31$mgPMCAhztTQyY2pjwooC0e/4w7fhLuSc1RSB.SbHSdhMNKxPQSWIa"),
      .expected = NOBODY "/CN=a:...\n#     checking its hash takes too long\n" },
    { .text = TEXT("/CN=a:$6$rounds=999999999$ab$x"),
      .expected = NOBODY "/CN=a:...\n#     checking its hash takes too long\n" },
    { .text = TEXT("/CN=a:password"),
      .expected = NOBODY "/CN=a:...\n#     what follows the name is not a hash that is known here\n" },
    { .text = TEXT("/CN=a:"),
      .expected = NOBODY "/CN=a:...\n#     there is no hash after the name: httpd refuses "
                         "it\n" },
    /* the first line of a name decides, whatever it says */
    { .text = TEXT("/CN=a:x\n/CN=a:" CRYPT "\n/CN=A:" CRYPT),
      .expected = NOBODY "/CN=a:...\n"
                         "#     what follows the name is not a hash that is known here\n"
                         "# left out, line 2: /CN=a:...\n#     httpd takes the first line of a name, line 1\n"
                         "fakebasic-3 allow /CN=A case:subject=CN=A\n" },
    /* other users of the same file, whose hashes are nobody's business */
    { .text = TEXT("# staff\n\nbob:$apr1$secret\n  /CN=a:" CRYPT "  \r\n#/CN=b:" CRYPT "\n"),
      .expected = "# left out, line 3: bob:...\n#     the hash is not that of the word \"password\", which "
                  "FakeBasicAuth "
                  "sends: httpd refuses the certificate\nfakebasic-4 allow /CN=a case:subject=CN=a\n" },
    { .text = TEXT("bob:" CRYPT "\n/CN=a:" CRYPT),
      .expected = "# left out, line 1: bob:...\n"
                  "#     the name is not a subject: FakeBasicAuth never looks it up\n"
                  "fakebasic-2 allow /CN=a case:subject=CN=a\n" },
    { .text = TEXT("/CN=a :" CRYPT), .expected = NOBODY "/CN=a :...\n#     USER: the user name ends with a blank\n" },
    /* continued lines */
    { .text = TEXT("/CN=a\\\nb:" CRYPT "\n/CN=c:" CRYPT),
      .expected = "fakebasic-1 allow /CN=ab case:subject=CN=ab\n"
                  "fakebasic-3 allow /CN=c case:subject=CN=c\n" },
    { .text = TEXT("bob:x\nann:y\n"),
      .expected = "error 1: no line of this text is SUBJECT:HASH: it is not an AuthUserFile for FakeBasicAuth\n" },
    { .text = TEXT("\xef\xbb\xbf/CN=a:" CRYPT),
      .expected = "error 1: the text begins with a byte order mark, which would "
                  "be part of its first word; save it without one\n" },
};

/* Names that depend on how OpenSSL writes '/' and '+' inside values: it escapes them, and did not always. */
static void test_escapes(void)
{
    X509_NAME *name = X509_NAME_new();
    char *line;
    int escapes;

    X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_UTF8, (const unsigned char *)"a/b+c", -1, -1, 0);
    line = X509_NAME_oneline(name, NULL, 0);
    escapes = strcmp(line, "/CN=a/b+c") != 0;
    is_str(outcome(certmap_import_fakebasic,
                   (certmap_str_t){ apr_pstrcat(pool, line, ":" CRYPT, NULL), strlen(line) + sizeof(CRYPT) }, NULL,
                   NULL),
           apr_pstrcat(pool, "fakebasic-1 allow ", line, " case:subject=CN=a/b\\+c\n", NULL),
           apr_pstrcat(pool, "as OpenSSL writes it: ", line, NULL));
    is_str(outcome(certmap_import_fakebasic, (certmap_str_t)TEXT("/CN=a/b:" CRYPT), NULL, NULL),
           escapes ? NOBODY "/CN=a/b:...\n#     no certificate's name is written like this; OpenSSL would write "
                            "/CN=a\\/b\n"
                   : "fakebasic-1 allow /CN=a/b case:subject=CN=a/b\n",
           "as older OpenSSL writes it");
    OPENSSL_free(line);
    X509_NAME_free(name);
}

/* After a line that is too long httpd reads nothing. */
static void test_long_line(void)
{
    char *text = apr_palloc(pool, 20000);
    apr_size_t len;

    memset(text, 'x', 20000);
    memcpy(text, "/CN=a:" CRYPT "\n/CN=", 24);
    len = 9000;
    memcpy(text + len, ":" CRYPT "\n/CN=b:" CRYPT "\n", 2 * strlen(CRYPT) + 9);
    len += 2 * strlen(CRYPT) + 9;
    ok(strstr(outcome(certmap_import_fakebasic, (certmap_str_t){ text, len }, NULL, NULL),
              "# left out, line 3: /CN=b:...\n#     httpd stops reading at line 2, which is too long for it\n")
           != NULL,
       "nothing behind a line of 9000 bytes");
}

/* ---- certificates -------------------------------------------------------------------------------------------- */

static const char users[] =
    "/C=US/O=Snake Oil/CN=Ann Lee:" CRYPT "\n"
    "/C=US/O=Snake Oil/CN=Bob:xxj31ZMTZzkVB\n" /* refused there: another password */
    "/C=US/O=Snake Oil/CN=Bob:" CRYPT "\n"     /* never looked at */
    "/C=US/O=Snake Oil/CN=Jos\\xC3\\xA9/emailAddress=j@x.org:{SHA}W6ph5Mm5Pz8GgiULbPgzG37mj9g=\n"
    "UID=c+CN=Cid,O=Snake Oil:" CRYPT "\n"
    "UID=dan,O=Snake Oil:" CRYPT "\n";

#define OIL "C", "US", "O", "Snake Oil"

static const import_person_t people[] = {
    { .pairs = { OIL, "CN", "Ann Lee" }, .expected = "=/C=US/O=Snake Oil/CN=Ann Lee" },
    { .issuer = "CN=Test CA", .pairs = { OIL, "CN", "Ann Lee" }, .expected = "=/C=US/O=Snake Oil/CN=Ann Lee" },
    { .issuer = "CN=Test CA", .pairs = { OIL, "CN", "Ann Lee", "issuer.CN", "Other CA" }, .expected = "no-match" },
    /* each of these has another text there */
    { .pairs = { OIL, "CN", "ann lee" }, .expected = "no-match" },
    { .pairs = { OIL, "CN", "Ann  Lee" }, .expected = "no-match" },
    { .pairs = { "C", "US", "CN", "Ann Lee", "O", "Snake Oil" }, .expected = "no-match" },
    { .pairs = { OIL, "CN", "Ann Lee", "OU", "x" }, .expected = "no-match" },
    { .pairs = { "O", "Snake Oil", "CN", "Ann Lee" }, .expected = "no-match" },
    { .pairs = { "C", "US", "O", "Snake Oil/CN=Ann Lee" }, .expected = "no-match" },
    { .pairs = { OIL, "+CN", "Ann Lee" }, .expected = "no-match" },
    { .pairs = { OIL, "CN", "Bob" }, .expected = "no-match" },
    { .pairs = { OIL, "CN", "Jos\xc3\xa9", "emailAddress", "j@x.org" },
      .expected = "=/C=US/O=Snake Oil/CN=Jos\\xC3\\xA9/emailAddress=j@x.org" },
    { .pairs = { OIL, "CN", "Jos\\xC3\\xA9", "emailAddress", "j@x.org" }, .expected = "no-match" },
    { .pairs = { "O", "Snake Oil", "CN", "Cid", "+UID", "c" }, .expected = "=UID=c+CN=Cid,O=Snake Oil" },
    { .pairs = { "O", "Snake Oil", "UID", "c", "CN", "Cid" }, .expected = "no-match" },
    { .pairs = { "O", "Snake Oil", "UID", "dan" }, .expected = "=UID=dan,O=Snake Oil" },
    { .pairs = { "O", "Snake Oil", "UID", "Dan" }, .expected = "no-match" },
};

int main(void)
{
    apr_size_t i;

    fixture_start();
    plan(0);
    for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        check_case(certmap_import_fakebasic, &cases[i]);
    }
    test_escapes();
    test_long_line();
    for (i = 0; i < sizeof(people) / sizeof(people[0]); i++) {
        check_person(certmap_import_fakebasic, users, NULL, &people[i]);
    }
    other_kinds(certmap_import_fakebasic);
    hostile(certmap_import_fakebasic, "# x\n/C=US/CN=Ann Lee:" CRYPT "\nCN=Bob,O=x:" CRYPT "\nbob:{SHA}x\n");
    return fixture_done();
}
