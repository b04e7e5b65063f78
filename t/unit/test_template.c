/* SPDX-License-Identifier: Apache-2.0 */
/*
 * USER templates: what a placeholder gives, where it refuses to choose, and what may be a user name.
 */
#include "fixture.h"

/* ---- expanding -------------------------------------------------------------------------------------------------- */

static const struct {
    const char *rule;
    const char *expected;
} cases[] = {
    /* text */
    { "allow ann subject.CN=*", "=ann" },
    { "allow 100%% subject.CN=*", "=100%" },
    { "allow %%{subject.CN} subject.CN=*", "=%{subject.CN}" },
    { "allow x-%{subject.CN}-y subject.CN=*", "=x-Ann.Lee-y" },
    { "allow \"DOM\\%{subject.CN}\" subject.CN=*", "=DOM\\Ann.Lee" },
    { "allow \"%{subject.O} %{subject.CN}\" any", "=Example Ltd Ann.Lee" },
    /* fields */
    { "allow %{subject.CN} any", "=Ann.Lee" },
    { "allow %{subject.2.5.4.3} any", "=Ann.Lee" },
    { "allow %{subject.L} any", "user-invalid" },
    { "allow u%{subject.L} any", "user-invalid" },
    { "allow %{serial} any", "=1f3a" },
    { "allow %{issuer} any", "=CN=Test CA" },
    { "allow %{san.upn} any", "=ann@corp.example" },
    { "allow %{ext:1.2.3.5} any", "=admin" },
    { "allow %{ext:1.2.3.5:upper} any", "=ADMIN" },
    { "allow %{ext:1.2.3.6} any", "user-invalid" },
    { "allow %{ext:1.2.3.7} any", "user-invalid" },
    { "allow %{san.other:1.3.6.1.4.1.311.20.2.3:local} any", "=ann" },
    { "allow %{san.other:1.3.6.1.4.1.311.20.2.4:local} any", "user-invalid" },
    /* several values */
    { "allow %{subject.OU} any", "ambiguous" },
    { "allow %{subject.OU} subject.OU=Sales", "=Sales" },
    { "allow %{subject.OU} subject.OU=sales", "=Sales" },
    { "allow %{subject.OU} subject.OU=*", "ambiguous" },
    { "allow %{subject.OU} subject.OU~.*d.*", "=Audit" },
    { "allow %{subject.OU} any subject.OU!=x", "ambiguous" },
    { "allow %{subject.OU} all:subject.OU=*", "ambiguous" },
    { "allow %{subject.OU} subject.OU=Audit all:subject.OU=*", "=Audit" },
    { "allow %{subject.OU:first} any", "=Audit" }, /* OU=Audit,OU=Sales: as it is written */
    { "allow %{subject.OU:last} any", "=Sales" },
    { "allow %{subject.OU:last:lower} any", "=sales" },
    { "allow %{subject.OU:first} subject.OU=Audit", "=Audit" },
    { "allow %{subject.DC} any", "=twice" },
    { "allow %{subject.UID} any", "ambiguous" },
    { "allow %{subject.UID:lower} any", "ambiguous" },
    { "allow %{subject.UID:lower:first} any", "=x" },
    { "allow %{subject.OU}%{subject.OU:first} subject.OU=Audit", "=AuditAudit" },
    /* modifiers */
    { "allow %{subject.CN:lower} any", "=ann.lee" },
    { "allow %{subject.CN:upper} any", "=ANN.LEE" },
    { "allow %{san.email:local} san.email=*@example.org", "=ann" },
    { "allow %{san.email:domain} san.email=*@example.org", "=Example.org" },
    { "allow %{san.email:domain:upper} san.email=*@example.org", "=EXAMPLE.ORG" },
    { "allow %{san.email:local} san.email=*", "ambiguous" },
    { "allow %{subject.initials:local} any", "user-invalid" },
    { "allow %{subject.initials:domain} any", "user-invalid" },
    { "allow %{san.upn:local} any", "=ann" },
    { "allow %{san.upn:domain} any", "=corp.example" },
    { "allow %{subject.CN:local} any", "user-invalid" },
    { "allow %{subject.CN:domain} any", "user-invalid" },
    { "allow %{subject.SN:local} any", "user-invalid" },
    { "allow %{subject.GN:domain} any", "user-invalid" },
    { "allow %{subject.T:lower} any", "=\xc3\x84rzt" },
    /* captures */
    { "allow %{1} subject.CN~(.*)[.].*", "=Ann" },
    { "allow %{2}.%{1} subject.CN~(.*)[.](.*)", "=Lee.Ann" },
    { "allow %{1:lower} subject.CN~(.*)[.].*", "=ann" },
    { "allow %{1} subject.CN~(.*)[.].* subject.O=ex*", "=Ann" },
    { "allow %{1} subject.CN~(.*)[.].* subject.O~(.*)\\s.*", "=Example" },
    { "allow %{1} subject.CN~(.*)[.].* any subject.O!~(x)", "=Ann" },
    { "allow %{1} subject.CN~(.*)[.].* all:subject.O~(.*)\\s.*", "=Ann" },
    { "allow %{1} subject.CN~(A)?nn.*|(A).*", "=A" },
    { "allow %{1} subject.CN~(B)?Ann.*", "user-invalid" },
    { "allow %{2} subject.CN~(A)nn.*|(B).*", "user-invalid" },
    { "allow u%{1} subject.CN~Ann(x*).*", "user-invalid" },
    { "allow %{1} subject.OU~(.).*", "ambiguous" },
    { "allow %{1:first} subject.OU~(.).*", "=A" },
    { "allow %{1:last} subject.OU~(.).*", "=S" },
    { "allow %{1} subject.OU~(.).* subject.OU=a*", "=A" },
    { "allow %{1} subject.OU~.*(u|l).*", "ambiguous" },
    { "allow %{1} san.email~(?i)([a-z]+)@.*", "ambiguous" },
    { "allow %{1} subject.OU~(S)?.*", "ambiguous" },
    { "allow %{1:first} subject.OU~(S)?.*", "user-invalid" },
    { "allow %{1:last} subject.OU~(S)?.*", "=S" },
    { "allow %{1} subject.DC~(tw).*", "=tw" },
    { "allow %{1} subject.CN~(?<n>Ann).*", "=Ann" },
    /* the result */
    { "allow %{subject.serialNumber} any", "user-invalid" },
    { "allow x%{subject.title}%{san.uri} any", "user-invalid" },
    { "allow %{subject.1.2.3.4} any", "=256" },
    { "allow x%{subject.1.2.3.4} any", "user-invalid" },
};

static void test_expand(void)
{
    char street[257];
    const certmap_cert_t *cert;
    apr_size_t i;

    memset(street, 's', 256);
    street[256] = '\0';
    /* Beyond what its attribute is meant to hold, so in one that OpenSSL sets no limit for. */
    cert = person("O", "Example Ltd", "OU", "Sales", "OU", "Audit", "CN", "Ann.Lee", "DC", "twice", "DC", "twice",
                  "UID", "X", "UID", "x", "initials", "a@b@c", "SN", "@x", "GN", "x@", "title", "\xc3\x84RZT",
                  "serialNumber", "a:b", "1.2.3.4", street, "ext:subjectAltName",
                  "email:ann@Example.org,email:Lee@example.net,URI:http://x/,"
                  "otherName:1.3.6.1.4.1.311.20.2.3;UTF8:ann@corp.example",
                  "ext:1.2.3.5", "DER:0c0561646d696e", "ext:1.2.3.6", "DER:3003020105", NULL);
    is_str(certmap_cert_malformed(cert), NULL, "the certificate is well-formed");
    for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        const char *expected = strcmp(cases[i].expected, "=256") == 0 ? apr_pstrcat(pool, "=", street, NULL)
                                                                      : cases[i].expected;
        const char *rule = apr_pstrcat(pool, "r ", cases[i].rule, "\nnext allow next any", NULL);

        decides(rule, cert, expected, cases[i].rule);
    }
}

static void test_detail(void)
{
    const certmap_cert_t *two = person("CN", "a", "CN", "b", NULL);
    certmap_decision_t d = decide_text("r allow %{subject.CN} any", two);

    is_str(d.detail, "rule r: %{subject.CN}: 2 values that differ", "the log is told which placeholder and why");
    is_str(d.effect.user, NULL, "no user");
    is_str(d.rule ? d.rule->name : NULL, "r", "the rule is named");
    d = decide_text("r allow %{subject.L:lower} any", two);
    is_str(d.detail, "rule r: %{subject.L:lower}: the certificate has no such value", "an absent field");
    d = decide_text("r allow %{subject.CN:local} subject.CN=a", two);
    is_str(d.detail, "rule r: %{subject.CN:local}: the value is not one '@' with something on both sides", "no '@'");
}

/* ---- compiling -------------------------------------------------------------------------------------------------- */

static const struct {
    const char *user;
    int column;
    const char *part;
} errors[] = {
    { "%", 9, "a lone \"%\"" },
    { "50%x", 11, "a lone \"%\"" },
    { "%{", 9, "unclosed" },
    { "%{subject.CN", 9, "unclosed" },
    { "x%{}", 10, "empty placeholder" },
    { "%{:lower}", 9, "empty placeholder" },
    { "%{nonsense}", 11, "nonsense" },
    { "%{sbject.CN}", 11, "subject.CN" },
    { "%{subject.CN:}", 21, "unknown modifier" },
    { "%{subject.CN:LOWER}", 21, "did you mean :lower" },
    { "%{subject.CN:lower:lower}", 27, "appears twice" },
    { "%{subject.CN:lower:upper}", 27, "together with its opposite" },
    { "%{subject.CN:first:last}", 27, "together with its opposite" },
    { "%{subject.CN:local:domain}", 27, "together with its opposite" },
    { "%{ext:1.2.3:x}", 20, "unknown modifier" },
    { "%{99999999999}", 9, "has 1 capture" },
    { "%{-1}", 11, "-1" },
};

static void test_compile(void)
{
    apr_size_t i;

    for (i = 0; i < sizeof(errors) / sizeof(errors[0]); i++) {
        certmap_builder_t *b = certmap_builder_create(pool);
        const apr_array_header_t *found = certmap_builder_errors(b);
        const certmap_error_t *e;

        certmap_builder_add_directive(b, apr_psprintf(pool, "r allow %s subject.CN~(x)", errors[i].user), NULL, 1, 1);
        e = found->nelts == 1 ? &APR_ARRAY_IDX(found, 0, certmap_error_t) : NULL;
        if (!ok(e != NULL && e->column == errors[i].column && !e->warning && strstr(e->text, errors[i].part) != NULL,
                "refused: %s", errors[i].user)) {
            diag("%d errors; %d: %s", found->nelts, e ? e->column : 0, e ? e->text : "-");
        }
    }
}

/* ---- user names ------------------------------------------------------------------------------------------------- */

static const struct {
    const char *user;
    int good;
} users[] = {
    { "a", 1 },
    { "ann@example.org", 1 },
    { "DOM\\ann", 1 },
    { "a b", 1 },
    { "CN=x,O=y", 1 },
    { "/C=DE/CN=x", 1 },
    { "caf\xc3\xa9", 1 },
    { "\xd0\xb0\xd0\xbd\xd0\xbd\xd0\xb0", 1 },
    { "\xf0\x9f\x98\x80", 1 },
    { "a\"b", 1 },
    { "%", 1 },
    { "a\xc2\xa0"
      "b",
      1 },
    { "", 0 },
    { " a", 0 },
    { "a ", 0 },
    { " ", 0 },
    { "a:b", 0 },
    { ":", 0 },
    { "a\tb", 0 },
    { "a\nb", 0 },
    { "a\rb", 0 },
    { "\x1b[1m", 0 },
    { "a\x7f", 0 },
    { "a\xc2\x80", 0 },
    { "a\xc2\x9f", 0 },
    { "\xc2\xa0"
      "a",
      0 },
    { "a\xc2\xa0", 0 },
    { "a\xe3\x80\x80", 0 },
    { "a\xe2\x80\x83", 0 },
    { "a\xe2\x80\xae"
      "b",
      0 },
    { "a\xe2\x80\x8b"
      "b",
      0 },
    { "a\xe2\x80\x8d"
      "b",
      0 },
    { "a\xe2\x80\x8f"
      "b",
      0 },
    { "a\xe2\x81\xa6"
      "b",
      0 },
    { "a\xe2\x81\xa0"
      "b",
      0 },
    { "\xef\xbb\xbf"
      "a",
      0 },
    { "a\xc2\xad"
      "b",
      0 },
    { "a\xd8\x9c"
      "b",
      0 },
    { "a\xe2\x80\xa8"
      "b",
      0 },
    { "a\xf3\xa0\x81\x81", 0 },
    { "a\xef\xb8\x8f", 0 },
    { "\xff", 0 },
    { "a\xc3", 0 },
    { "\xc0\xaf", 0 },
    { "\xed\xa0\x80", 0 },
    { "\xf4\x90\x80\x80", 0 },
    { "\xe0\x80\xaf", 0 },
};

static void test_users(void)
{
    char long_name[258];
    apr_size_t i;

    for (i = 0; i < sizeof(users) / sizeof(users[0]); i++) {
        const char *why = certmap_user_check((certmap_str_t){ users[i].user, strlen(users[i].user) });

        if (!ok((why == NULL) == users[i].good, "user name %d is %s", (int)i, users[i].good ? "good" : "refused")) {
            diag("said: %s", why ? why : "good");
        }
    }
    memset(long_name, 'a', sizeof(long_name));
    ok(certmap_user_check((certmap_str_t){ long_name, 256 }) == NULL, "256 bytes");
    ok(certmap_user_check((certmap_str_t){ long_name, 257 }) != NULL, "257 bytes");
    ok(certmap_user_check((certmap_str_t){ "a\0b", 3 }) != NULL, "NUL inside");
}

int main(void)
{
    plan(0);
    fixture_start();
    test_expand();
    test_detail();
    test_compile();
    test_users();
    return fixture_done();
}
