/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Import of IIS's mappings: each case of Microsoft's reference for iisClientCertificateMappingAuthentication and what
 * must be refused, and what the rules that come out make of certificates, against what IIS makes of them.
 */
#include "import_fixture.h"

#define BEGIN "<configuration>"
#define END "</configuration>"
#define SECTION(attributes, text)                                                                                 \
    "<system.webServer><security><authentication><iisClientCertificateMappingAuthentication " attributes ">" text \
    "</iisClientCertificateMappingAuthentication></authentication></security></system.webServer>"
#define AT(path, text) "<location path=\"" path "\">" text "</location>"
#define ON(text) BEGIN SECTION("enabled=\"true\"", text) END
#define MANY(text) ON("<manyToOneMappings>" text "</manyToOneMappings>")
#define ONE(text) ON("<oneToOneMappings>" text "</oneToOneMappings>")
#define CRITERION(field, sub, value) \
    "<rules><add certificateField=\"" field "\" certificateSubField=\"" sub "\" matchCriteria=\"" value "\"/></rules>"
#define STAFF \
    "<add name=\"Staff\" userName=\"DOM\\u\" password=\"secret\">" CRITERION("Subject", "O", "Contoso") "</add>"
#define OTHER "<add name=\"Other\" userName=\"o\">" CRITERION("Subject", "OU", "Other") "</add>"

static const import_case_t cases[] = {
    { "the reference's sample", MANY(STAFF), { NULL }, "Staff allow DOM\\u case:subject.O=Contoso\n", NULL, 0 },
    { "all sub-fields",
      MANY("<add name=\"a\" userName=\"u\"><rules>"
           "<add certificateField=\"Subject\" certificateSubField=\"CN\" matchCriteria=\"1\"/>"
           "<add certificateField=\"1\" certificateSubField=\"OU\" matchCriteria=\"2\"/>"
           "<add certificateField=\"Issuer\" certificateSubField=\"O\" matchCriteria=\"3\"/>"
           "<add certificateField=\"2\" certificateSubField=\"L\" matchCriteria=\"4\"/>"
           "<add certificateField=\"Issuer\" certificateSubField=\"S\" matchCriteria=\"5\"/>"
           "<add certificateField=\"Issuer\" certificateSubField=\"C\" matchCriteria=\"6\"/>"
           "<add certificateField=\"Subject\" certificateSubField=\"I\" matchCriteria=\"7\"/>"
           "<add certificateField=\"Subject\" certificateSubField=\"GN\" matchCriteria=\"8\"/>"
           "<add certificateField=\"Subject\" certificateSubField=\"T\" matchCriteria=\"9\"/>"
           "<add certificateField=\"Subject\" certificateSubField=\"Email\" matchCriteria=\"0\"/></rules></add>"),
      { NULL },
      "a allow u case:subject.CN=1 case:subject.OU=2 case:issuer.O=3 case:issuer.L=4 case:issuer.ST=5 case:issuer.C=6 "
      "case:subject.I=7 case:subject.GN=8 case:subject.T=9 case:subject.emailAddress=0\n",
      NULL,
      0 },
    { "wild",
      MANY("<add name=\"a\" userName=\"u\">" CRITERION("Subject", "O", "*Con?t\\oso *") "</add>"),
      { NULL },
      "a allow u \"case:subject.O=*Con\\\\?t\\\\\\\\oso *\"\n",
      NULL,
      0 },
    { "without case",
      MANY("<add name=\"a\" userName=\"u\"><rules><add certificateField=\"Subject\" "
           "certificateSubField="
           "\"O\" matchCriteria=\"Bank (x)*\" compareCaseSensitive=\"false\"/></rules></add>"),
      { NULL },
      "a allow u \"subject.O~(?i)Bank \\\\(x\\\\).*\"\n",
      NULL,
      0 },
    { "deny, disabled, description",
      MANY("<add name=\"No Way\" permissionMode=\"Deny\" description=\"d "
           "&quot;x&quot;\">" CRITERION("Subject", "O",
                                        "x") "</add><add name=\"No Way!\" enabled=\"false\" permissionMode=\"1\" "
                                             "userName=\"u\">" CRITERION("Subject", "O", "y") "</add>"),
      { NULL },
      "No-Way deny case:subject.O=x \"note=d \\\"x\\\"\"\nNo-Way-2 allow u case:subject.O=y disabled\n",
      NULL,
      0 },
    { "deny the rest",
      MANY(STAFF "<add name=\"Rest\" permissionMode=\"Deny\"/>"),
      { NULL },
      "Staff allow DOM\\u case:subject.O=Contoso\nRest deny any\n",
      NULL,
      0 },
    { "allow everybody", MANY("<add name=\"All\" userName=\"u\"/>" OTHER), { NULL }, "", "it has no rules", 2 },
    { "not enabled",
      BEGIN SECTION("", "<manyToOneMappings>" STAFF "</manyToOneMappings>") END,
      { NULL },
      "Staff allow DOM\\u case:subject.O=Contoso disabled\n",
      "enabled is false",
      0 },
    { "many-to-one not enabled",
      BEGIN SECTION("enabled=\"true\" manyToOneCertificateMappingsEnabled=\"false\"",
                    "<manyToOneMappings>" STAFF "</manyToOneMappings>") END,
      { NULL },
      "Staff allow DOM\\u case:subject.O=Contoso disabled\n",
      "manyToOneCertificateMappingsEnabled is false",
      0 },
    { "clear", MANY(STAFF "<clear/>" OTHER), { NULL }, "Other allow o case:subject.OU=Other\n", NULL, 0 },
    { "remove",
      MANY(STAFF OTHER "<remove name=\"Staff\"/>"),
      { NULL },
      "Other allow o case:subject.OU=Other\n",
      NULL,
      0 },
    { "one-to-one, cleared", ONE("<add userName=\"u\" certificate=\"AAAA\"/><clear/>"), { NULL }, "", NULL, 0 },
    { "one-to-one, removed",
      ONE("<add userName=\"u\" certificate=\"AAAA\"/><remove certificate=\"AAAA\"/>"),
      { NULL },
      "",
      NULL,
      0 },
    { "criteria that are removed",
      MANY("<add name=\"a\" userName=\"u\"><rules><clear/>"
           "<add certificateField=\"Subject\" certificateSubField=\"O\" matchCriteria=\"x\"/></rules></add>"),
      { NULL },
      "",
      "cleared or removed one by one",
      1 },
    { "a criterion of what it does not know",
      MANY("<add name=\"a\" userName=\"u\"><rules><add certificateField="
           "\"Subject\" certificateSubField=\"O\" matchCriteria=\"x\" also=\"y\"/></rules></add>"),
      { NULL },
      "",
      "also of a rule is unknown",
      1 },
    { "half a criterion",
      MANY("<add name=\"a\" userName=\"u\"><rules><add certificateField=\"Subject\" "
           "matchCriteria=\"x\"/></rules></add>"),
      { NULL },
      "",
      "lacks its",
      1 },
    { "a field that nobody knows",
      MANY("<add name=\"a\" userName=\"u\">" CRITERION("Serial", "O", "x") "</add>"),
      { NULL },
      "",
      "certificateField Serial is unknown",
      1 },
    { "case neither minded nor not",
      MANY("<add name=\"a\" userName=\"u\"><rules><add certificateField=\"Subject\" "
           "certificateSubField=\"O\" matchCriteria=\"x\" compareCaseSensitive=\"so\"/></rules></add>"),
      { NULL },
      "",
      "compareCaseSensitive is neither",
      1 },
    { "neither allowed nor denied",
      MANY("<add name=\"a\" userName=\"u\" permissionMode=\"Ask\">" CRITERION("Subject", "O", "x") "</add>"),
      { NULL },
      "",
      "permissionMode is neither",
      1 },
    { "neither enabled nor not",
      MANY("<add name=\"a\" userName=\"u\" enabled=\"so\">" CRITERION("Subject", "O", "x") "</add>"),
      { NULL },
      "",
      "enabled is neither",
      1 },
    { "a logon domain",
      BEGIN SECTION("enabled=\"true\" defaultLogonDomain=\"CORP\"", "<manyToOneMappings>" STAFF "</manyToOneMappings>")
          END,
      { NULL },
      "Staff allow DOM\\u case:subject.O=Contoso\n",
      "defaultLogonDomain was CORP",
      0 },
    { "perhaps removed",
      MANY(STAFF OTHER "<remove name=\"staff\"/>"),
      { NULL },
      "",
      "the <remove> of line 1 names it in another case of letters",
      2 },
    { "an unknown sub-field stops what follows",
      MANY("<add name=\"a\" userName=\"u\">" CRITERION(
          "Subject", "SN", "x") "</add>" STAFF
                                "<add name=\"no\" permissionMode=\"Deny\">" CRITERION("Subject", "O", "x") "</add>"),
      { NULL },
      "no deny case:subject.O=x\n",
      "which attribute IIS reads there",
      2 },
    { "a deny that is left out stops what follows",
      MANY("<add name=\"a\" permissionMode=\"Deny\">" CRITERION("Subject", "CN", "*") "</add>" STAFF),
      { NULL },
      "",
      "asks nothing of the value",
      2 },
    { "a disabled one that is left out stops nothing",
      MANY("<add name=\"a\" enabled=\"false\" userName=\"u\">" CRITERION("Subject", "XX", "x") "</add>" STAFF),
      { NULL },
      "Staff allow DOM\\u case:subject.O=Contoso\n",
      "XX",
      1 },
    { "two criteria of one field",
      MANY("<add name=\"a\" userName=\"u\"><rules>"
           "<add certificateField=\"Subject\" certificateSubField=\"OU\" matchCriteria=\"a\"/>"
           "<add certificateField=\"Subject\" certificateSubField=\"OU\" matchCriteria=\"b\"/></rules></add>"),
      { NULL },
      "",
      "on one same value",
      1 },
    { "letters beyond ASCII without case",
      MANY("<add name=\"a\" userName=\"u\"><rules><add "
           "certificateField=\"Subject\" "
           "certificateSubField=\"O\" matchCriteria=\"&#xd6;l\" compareCaseSensitive=\"false\"/></rules></add>"),
      { NULL },
      "",
      "beyond ASCII",
      1 },
    { "no user",
      MANY("<add name=\"a\">" CRITERION("Subject", "O", "x") "</add>"),
      { NULL },
      "",
      "without a userName",
      1 },
    { "a user that is none",
      MANY("<add name=\"a\" userName=\"a:b\">" CRITERION("Subject", "O", "x") "</add>"),
      { NULL },
      "",
      "colon",
      1 },
    { "a user with a percent sign",
      MANY("<add name=\"a\" userName=\"%{subject.CN}\">" CRITERION("Subject", "O", "x") "</add>"),
      { NULL },
      "a allow %%{subject.CN} case:subject.O=x\n",
      NULL,
      0 },
    { "a name that tries to be a line",
      MANY("<add name=\"a&#10;b allow root any\" userName=\"u\">" CRITERION("Subject", "O", "x&#10;y") "</add>"),
      { NULL },
      "",
      "control character",
      1 },
    { "an attribute that nobody knows",
      MANY("<add name=\"a\" username=\"u\"/>"),
      { NULL },
      "",
      "username is unknown",
      1 },
    { "no certificate",
      ONE("<add userName=\"u\" certificate=\"AAAA\"/><add userName=\"u\" certificate=\"A A\"/>"),
      { NULL },
      "",
      "is not a certificate",
      2 },
    { "inherited",
      BEGIN SECTION("enabled=\"false\"", "<manyToOneMappings>" STAFF "</manyToOneMappings>")
          AT("Site", SECTION("enabled=\"true\"", "<manyToOneMappings>" OTHER "</manyToOneMappings>")) END,
      { .location = "site" },
      "Staff allow DOM\\u case:subject.O=Contoso\nOther allow o case:subject.OU=Other\n",
      NULL,
      0 },
    { "the server itself",
      BEGIN AT(".", SECTION("enabled=\"true\"", "<manyToOneMappings>" STAFF "</manyToOneMappings>"))
          AT("Site", SECTION("", "<manyToOneMappings><clear/></manyToOneMappings>")) END,
      { .location = "." },
      "Staff allow DOM\\u case:subject.O=Contoso\n",
      NULL,
      0 },
    { "one location",
      BEGIN SECTION("enabled=\"false\"", "")
          AT("Site", SECTION("enabled=\"true\"", "<manyToOneMappings>" OTHER "</manyToOneMappings>"))
              AT("B", SECTION("enabled=\"false\"", "")) END,
      { NULL },
      "Other allow o case:subject.OU=Other\n",
      NULL,
      0 },
    { "several locations",
      BEGIN AT("A", SECTION("", "<manyToOneMappings>" STAFF "</manyToOneMappings>"))
          AT("B", SECTION("", "<manyToOneMappings>" OTHER "</manyToOneMappings>")) END,
      { NULL },
      NULL,
      "several locations have mappings, choose one (--location; \".\" is the server): \"A\", \"B\"",
      0 },
    { "no such location", MANY(STAFF), { .location = "X" }, NULL, "no mapping is configured for location \"X\"", 0 },
    { "no such section", BEGIN END, { NULL }, NULL, "there is no iisClientCertificateMappingAuthentication", 0 },
    { "another root", "<html/>", { NULL }, NULL, "1: not a configuration of IIS", 0 },
    { "not closed", "<configuration>\n<location>\n", { NULL }, NULL, "3: not well-formed XML", 0 },
    { "a document type",
      "<!DOCTYPE configuration [<!ENTITY a \"aaaa\"><!ENTITY b \"&a;&a;\">]>" MANY(STAFF),
      { NULL },
      NULL,
      "document type",
      0 },
    { "an external entity",
      "<!DOCTYPE x SYSTEM \"file:///etc/passwd\">" MANY(STAFF),
      { NULL },
      NULL,
      "document type",
      0 },
    { "an entity from nowhere", ON("&boom;"), { NULL }, NULL, "not well-formed XML", 0 },
    { "an unknown element", ON("<threeToOneMappings/>"), { NULL }, NULL, "<threeToOneMappings> is unknown here", 0 },
    { "another file", BEGIN SECTION("configSource=\"x.config\"", "") END, { NULL }, NULL, "configSource", 0 },
    { "neither true nor false", BEGIN SECTION("enabled=\"yes\"", "") END, { NULL }, NULL, "neither true nor false", 0 },
};

/* What IIS decides, by its reference, for criteria on the subject of certificates. */
static const struct {
    const char *criterion; /* of O */
    const char *sensitive;
    const char *value; /* of the certificate's O */
    int matches;       /* 1; 0; -1: no, and with a PCRE2 that could confuse letters, no answer */
} decisions[] = {
    { "Contoso", "true", "Contoso", 1 },
    { "Contoso", "true", "contoso", 0 },
    { "Contoso", "true", "Contoso Ltd", 0 },
    { "Contoso*", "true", "Contoso Ltd", 1 },
    { "Contoso*", "true", "Contoso", 1 },
    { "*toso", "true", "Contoso", 1 },
    { "*o*o", "true", "Contoso", 1 },
    { "Cont?so", "true", "Contoso", 0 },
    { "Cont?so", "true", "Cont?so", 1 },
    { "Contoso  Ltd", "true", "Contoso Ltd", 0 },
    { "contoso", "false", "CONTOSO", 1 },
    { "contoso", "false", "Contoso Ltd", 0 },
    { "contoso ltd", "false", "Contoso  Ltd", 0 },
    { "Cont.so", "false", "Contoso", 0 },
    { "sk", "false", "SK", 1 },
    { "sk", "false", "\xc5\xbf\xe2\x84\xaa", -1 },
    { "a\\*", "true", "a\\b", 1 },
    { "a\\*", "true", "a*", 0 },
};

static void test_decisions(void)
{
    static const certmap_import_options_t none;
    apr_size_t i;

    for (i = 0; i < sizeof(decisions) / sizeof(decisions[0]); i++) {
        const char *text = apr_psprintf(
            pool,
            MANY("<add name=\"a\" userName=\"u\"><rules><add "
                 "certificateField=\"Subject\""
                 " certificateSubField=\"O\" matchCriteria=\"%s\" compareCaseSensitive=\"%s\"/>"
                 "</rules></add>"),
            decisions[i].criterion, decisions[i].sensitive);

        const char *rules = imported(certmap_import_iis, text, &none);
        const certmap_cert_t *cert = person("CN", "Ann", "O", decisions[i].value, NULL);
        const char *what = apr_psprintf(pool, "%s, case %s, asked of %s", decisions[i].criterion,
                                        decisions[i].sensitive, decisions[i].value);

        if (decisions[i].matches >= 0) {
            decides(rules, cert, decisions[i].matches ? "=u" : "no-match", what);
        }
        else {
            ok(decide_text(rules, cert).outcome == CERTMAP_REFUSED, "%s", what);
        }
    }
}

/* A client's certificate as base64 in one line. */
static const char *in_base64(void)
{
    X509 *x = X509_new();
    unsigned char *der = NULL;
    char *text;
    int len;

    X509_set_version(x, X509_VERSION_3);
    ASN1_INTEGER_set(X509_get_serialNumber(x), 7);
    ASN1_TIME_set_string(X509_getm_notBefore(x), "20250101000000Z");
    ASN1_TIME_set_string(X509_getm_notAfter(x), "20350101000000Z");
    X509_set_pubkey(x, fixture_key());
    fixture_attribute(X509_get_subject_name(x), "CN", "Ann");
    fixture_attribute(X509_get_subject_name(x), "O", "Contoso");
    fixture_attribute(X509_get_issuer_name(x), "CN", "Test CA");
    X509_sign(x, fixture_key(), EVP_sha256());
    len = i2d_X509(x, &der);
    text = apr_palloc(pool, (apr_size_t)len * 2);
    EVP_EncodeBlock((unsigned char *)text, der, len);
    OPENSSL_free(der);
    X509_free(x);
    return text;
}

static const certmap_cert_t *from_base64(const char *text)
{
    unsigned char *der = apr_palloc(pool, strlen(text));
    int len = EVP_DecodeBlock(der, (const unsigned char *)text, (int)strlen(text));
    const certmap_cert_t *cert = NULL;

    while (len > 0 && certmap_cert_create_der(der, (apr_size_t)len, &cert, pool) == APR_SUCCESS
           && certmap_cert_malformed(cert) != NULL) {
        len--; /* what padding decoded to */
    }
    return cert;
}

/* One-to-one mappings, with Staff below them. */
static const struct {
    const char *what;
    const char *mappings; /* @: the certificate */
    const char *decision;
} pins[] = {
    { "one to one comes first", "<add userName=\"DOM\\ann\" password=\"x\" certificate=\"@\"/>", "=DOM\\ann" },
    { "a disabled one is not asked", "<add enabled=\"false\" userName=\"ann\" certificate=\"@\"/>", "=DOM\\u" },
    { "a disabled one behind",
      "<add userName=\"a\" certificate=\"@\"/>"
      "<add enabled=\"false\" userName=\"b\" certificate=\"@\"/>",
      "=a" },
    { "to two users: to none", "<add userName=\"a\" certificate=\"@\"/><add userName=\"b\" certificate=\"@\"/>",
      "denied-by-rule" },
    { "twice to one", "<add userName=\"a\" certificate=\"@\"/><add userName=\"a\" certificate=\"@\"/>", "=a" },
    { "to no user: nor to one below", "<add certificate=\"@\"/>", "denied-by-rule" },
    { "to a user that cannot be: nor to one below", "<add userName=\"a:b\" certificate=\"@\"/>", "denied-by-rule" },
    { "an unknown attribute: nor to one below", "<add user=\"a\" userName=\"a\" certificate=\"@\"/>",
      "denied-by-rule" },
    { "not in one piece: nor to one below", "<add userName=\"a\" certificate=\" @\"/>", "denied-by-rule" },
    { "another certificate", "<add userName=\"a\" certificate=\"AAAA\"/>", "=DOM\\u" },
};

static void test_pins(void)
{
    static const certmap_import_options_t none;
    const char *base64 = in_base64();
    const certmap_cert_t *ann = from_base64(base64);
    apr_size_t i;

    for (i = 0; i < sizeof(pins) / sizeof(pins[0]); i++) {
        const char *text = "", *at = pins[i].mappings, *next;

        while ((next = strchr(at, '@')) != NULL) {
            text = apr_pstrcat(pool, text, apr_pstrmemdup(pool, at, (apr_size_t)(next - at)), base64, NULL);
            at = next + 1;
        }
        text = apr_pstrcat(pool,
                           BEGIN "<system.webServer><security><authentication>"
                                 "<iisClientCertificateMappingAuthentication enabled=\"true\"><oneToOneMappings>",
                           text, at,
                           "</oneToOneMappings><manyToOneMappings>" STAFF "</manyToOneMappings>"
                           "</iisClientCertificateMappingAuthentication></authentication></security>"
                           "</system.webServer>" END,
                           NULL);
        text = imported(certmap_import_iis, text, &none);
        decides(text, ann, pins[i].decision, pins[i].what);
        ok(strstr(text, "secret") == NULL, "%s: no password", pins[i].what);
    }
}

static void test_deep(void)
{
    static const certmap_import_options_t none;
    apr_size_t n = 200000, i;
    char *text = malloc(3 * n);
    certmap_import_result_t r;

    for (i = 0; i < n; i++) {
        memcpy(text + 3 * i, "<a>", 3);
    }
    memcpy(text, "<configuration>", 15);
    import_text(certmap_import_iis, (certmap_str_t){ text, 3 * n }, &none, &r, "deep");
    is_str(import_error(&r), "1: elements are nested too deeply for a configuration", "nested deeply");
    free(text);
}

int main(void)
{
    plan(0);
    fixture_start();
    import_cases(certmap_import_iis, cases, sizeof(cases) / sizeof(cases[0]));
    test_decisions();
    test_pins();
    test_deep();
    import_hostile(certmap_import_iis, ONE("<add userName=\"u\" certificate=\"AAAA\"/>") "\n");
    return fixture_done();
}
