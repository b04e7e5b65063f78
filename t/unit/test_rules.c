/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Rules as text: what is accepted, every complaint with its place and hint, strength, what is said of whole lists, and
 * that a rule written out is read back as the same rule.
 */
#include "fixture.h"

#define HEX64 "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"
#define HEX40 "00112233445566778899aabbccddeeff00112233"

/* ---- complaints ------------------------------------------------------------------------------------------------- */

/* A text and all that is to be said of it, in order: column, and a part of the sentence. '!' begins a warning's. */
typedef struct complaint_t {
    int column;
    const char *part;
} complaint_t;

#define MOST 5

static const struct {
    const char *text;
    complaint_t said[MOST];
} complaints[] = {
    { "r allow u subject.CN=x", { { 0, NULL } } },
    { "", { { 1, "empty rule" } } },
    { "r", { { 1, "ends behind its name" } } },
    { "r allow", { { 3, "USER is missing" } } },
    { "r deny", { { 3, "no condition" } } },
    { "r allow u", { { 9, "no condition" } } },
    { "r allow subject.CN=x", { { 9, "USER forgotten?" } } },
    { "r allow subject.CN=x subject.O=y", { { 9, "USER forgotten?" } } },
    { "r allow case:subject.CN=x", { { 9, "USER forgotten?" } } },
    { "r allow subjct.CN=x subject.O=y", { { 9, "USER forgotten?" }, { 9, "subject" } } },
    { "r allow any", { { 9, "USER forgotten?" } } },
    { "r allow groups=a subject.CN=x", { { 9, "USER forgotten?" } } },
    { "r allow disabled subject.CN=x", { { 9, "USER forgotten?" } } },
    { "r allow u:v subject.CN=x", { { 9, "colon" } } },
    { "r allow \" u\" subject.CN=x", { { 9, "begins with a blank" } } },
    { "r allow \"\" subject.CN=x", { { 9, "empty" } } },
    { "r alow u subject.CN=x", { { 3, "did you mean allow?" } } },
    { "r dney subject.CN=x", { { 3, "did you mean deny?" } } },
    { "r permit u subject.CN=x", { { 3, "is not allow or deny" } } },
    { "r permit subject.CN=x", { { 3, "is not allow or deny" } } },
    { "r Allow u subject.CN=x", { { 3, "did you mean allow?" } } },
    { "allow u subject.CN=x", { { 1, "NAME forgotten?" } } },
    { "deny subject.CN=x", { { 1, "NAME forgotten?" } } },
    { "subject.CN=x allow u", { { 11, "NAME forgotten?" } } },
    { "r/x allow u subject.CN=x", { { 2, "letters, digits" } } },
    { "\"r x\" allow u subject.CN=x", { { 3, "letters, digits" } } },
    { "r deny joe subject.CN=x", { { 8, "a deny rule has no USER" } } },
    { "r allow u subject.CN!=x", { { 11, "only negative conditions" } } },
    { "r allow u all:subject.CN!=x", { { 11, "only negative conditions" } } },
    { "r deny subject.CN!=x subject.O!~y", { { 8, "only negative conditions" } } },
    { "r allow u any subject.CN!=x", { { 0, NULL } } },
    { "r allow u any subject.CN=x", { { 15, "!\"any\" beside a positive" } } },
    { "r allow u any any", { { 15, "stands twice" } } },
    { "r allow u subject.CN = x", { { 22, "blanks around the operator; write subject.CN=x" } } },
    { "r allow u subject.CN =x", { { 22, "blanks around the operator; write subject.CN=x" } } },
    { "r allow u subject.CN= x", { { 21, "blank behind the operator" } } },
    { "r allow u subject.CN=", { { 21, "the value is empty" } } },
    { "r allow u subject.CN=\" \"", { { 23, "nothing but blanks" } } },
    { "r allow u subject.CN=a b", { { 24, "neither a condition nor an option" } } },
    { "r allow u =x", { { 11, "field before the operator is missing" } } },
    { "r allow u subject.CN!x", { { 21, "unknown operator" } } },
    { "r allow u subject.CN==x", { { 21, "!begins with '='" } } },
    { "r allow u subject.CN=~x", { { 21, "!begins with '~'" } } },
    { "r allow u subject.CX=x", { { 11, "CX" } } },
    { "r allow u subjct.CN=x", { { 11, "subject.CN" } } },
    { "r allow u case:sha265=x", { { 16, "sha256" } } },
    { "r allow u CN=x", { { 11, "subject.CN" } } },
    { "r allow u case:case:subject.CN=x", { { 16, "case:" } } },
    { "r allow u all:case:subject.CN=x", { { 0, NULL } } },
    { "r allow u case:all:subject.CN=x", { { 0, NULL } } },
    { "r allow u case:serial=12", { { 11, "!does nothing" } } },
    { "r allow u case:subject.CN~x", { { 11, "!does nothing" } } },
    { "r allow u subject.CN=x group=a", { { 24, "did you mean groups=" } } },
    { "r allow u subject.CN=x expire=2027-01-01", { { 24, "did you mean expires=" } } },
    { "r allow u subject.CN=x disable", { { 24, "did you mean disabled" } } },
    { "r allow u subject.CN=x disabled disabled", { { 33, "stands twice" } } },
    { "r allow u subject.CN=x note=a note=b", { { 31, "stands twice" } } },
    { "r allow u subject.CN=x groups=", { { 31, "empty group" } } },
    { "r allow u subject.CN=x groups=a,,b", { { 33, "empty group" } } },
    { "r allow u subject.CN=x groups=a,", { { 33, "empty group" } } },
    { "r allow u subject.CN=x groups=a,a", { { 33, "stands twice" } } },
    { "r allow u subject.CN=x groups=\"a, b\"", { { 34, "blank at the end" } } },
    { "r allow u subject.CN=x expires=2027-02-29", { { 32, "no such day" } } },
    { "r allow u subject.CN=x expires=2028-02-29", { { 0, NULL } } },
    { "r allow u subject.CN=x expires=2100-02-29", { { 32, "no such day" } } },
    { "r allow u subject.CN=x expires=2027-13-01", { { 32, "no such day" } } },
    { "r allow u subject.CN=x expires=2027-00-10", { { 32, "no such day" } } },
    { "r allow u subject.CN=x expires=31.1.2027", { { 32, "bad date" } } },
    { "r allow u subject.CN=x expires=2027-1-31", { { 32, "bad date" } } },
    { "r allow u subject.CN=x expires=2027-01-31T", { { 32, "bad date" } } },
    { "r allow u subject.CN~(a", { { 24, "regex: missing closing parenthesis" } } },
    { "r allow u subject.CN~a**+?[", { { 24, "regex: " } } },
    { "r allow u subject.CN~\\C", { { 24, "regex: " } } },
    { "r allow u subject~CN=x", { { 11, "subject.CN~" } } },
    { "r allow u issuer!~x any", { { 11, "issuer.CN~" } } },
    { "r allow u san.dirname~x", { { 11, "san.dirname=" } } },
    { "r allow u subject=x", { { 19, "" } } },
    { "r allow u subject=*", { { 19, "alone is no name" } } },
    { "r allow u subject=*,", { { 21, "" } } },
    { "r allow u issuer=\"C=DE,O=x,CN=ca\"", { { 19, "!" } } },
    { "r allow u sha256=00", { { 18, "sha256 has 64 hex digits, not 2" } } },
    { "r allow u sha1=" HEX64, { { 16, "sha1 has 40 hex digits, not 64" } } },
    { "r allow u spki=" HEX40, { { 16, "spki has 64" } } },
    { "r allow u sha256=00*", { { 0, NULL } } },
    { "r allow u sha256=" HEX64 "0*", { { 18, "longer than" } } },
    { "r allow u serial=123", { { 18, "odd number" } } },
    { "r allow u serial=0x12", { { 19, "without \"0x\"" } } },
    { "r allow u serial=12:3", { { 18, "odd number" } } },
    { "r allow u serial=1:23", { { 19, "not a hex digit" } } },
    { "r allow u serial=12:", { { 20, "not a hex digit" } } },
    { "r allow u serial=12g4", { { 20, "not a hex digit" } } },
    { "r allow u serial~12AB", { { 20, "!lower-case hex" } } },
    { "r allow u ext:1.2.3=#", { { 21, "no hex digits" } } },
    { "r allow u ext:1.2.3=#0", { { 21, "odd number" } } },
    { "r allow u ext:x.y=1", { { 11, "" } } },
    { "r allow u san.ip=192.0.2.1/24", { { 18, "the network is 192.0.2.0/24" } } },
    { "r allow u san.ip=2001:db8::1/32", { { 18, "the network is 2001:db8::/32" } } },
    { "r allow u san.ip=192.0.2.0/33", { { 28, "0 to 32" } } },
    { "r allow u san.ip=192.0.2.0/", { { 28, "0 to 32" } } },
    { "r allow u san.ip=192.0.2.0/024", { { 28, "0 to 32" } } },
    { "r allow u san.ip=192.0.2", { { 18, "not an IP address" } } },
    { "r allow u san.ip=192.0.2.*", { { 18, "not an IP address" } } },
    { "r allow u san.ip=::ffff:192.0.2.1/129", { { 35, "0 to 128" } } },
    { "r allow u eku=clientAuht", { { 15, "did you mean clientAuth" } } },
    { "r allow u eku=client*", { { 15, "dotted OIDs" } } },
    { "r allow u policy=nonesuch", { { 18, "unknown OID" } } },
    { "r allow u ku=digitalSignatur", { { 14, "did you mean digitalSignature" } } },
    { "r allow u ku=x", { { 14, "unknown key usage" } } },
    { "r allow u sid=1-5-21", { { 15, "not a SID" } } },
    { "r allow u sid=S-1-5-21-1-2-3-500", { { 0, NULL } } },
    { "r allow %{1} subject.CN=x", { { 9, "without a regex" } } },
    { "r allow %{1} subject.CN~x", { { 9, "has 0 capturing groups" } } },
    { "r allow a%{2} subject.CN~(x)", { { 10, "has 1 capturing group" } } },
    { "r allow %{1} any subject.CN!~(x)", { { 9, "without a regex" } } },
    { "r allow %{1} all:subject.CN~(x)", { { 9, "without a regex" } } },
    { "r allow %{0} subject.CN~(x)", { { 9, "count from 1" } } },
    { "r allow %{subject.CN:lowr} subject.CN=x", { { 21, "did you mean :lower" } } },
    { "r allow %{subject.CN subject.CN=x", { { 9, "unclosed placeholder" } } },
    { "r allow %{subject.CX} subject.CN=x", { { 11, "CX" } } },
    { "r allow u subject.CN=x # y", { { 24, "begins no comment" } } },
    { "r allow u subject.CN=${X}", { { 22, "unresolved variable" } } },
    { "r allow \"u subject.CN=x", { { 9, "unclosed quote" } } },
    /* all of a rule's errors, in order */
    { "r/ allow u:v subject.CX=x sha256=1 expires=x", { { 2, "letters" }, { 10, "colon" }, { 14, "CX" },
                                                        { 34, "64 hex digits" }, { 44, "bad date" } } },
    { "r allow %{1:x} subject.CN~( groups=", { { 12, "unknown modifier" }, { 28, "regex:" }, { 36, "empty group" } } },
};

static const char *tell(const apr_array_header_t *errors)
{
    const char *out = "";
    int i;

    for (i = 0; i < errors->nelts; i++) {
        const certmap_error_t *e = &APR_ARRAY_IDX(errors, i, certmap_error_t);

        out = apr_psprintf(pool, "%s\n#   %s%d:%d: %s", out, e->warning ? "!" : "", e->line, e->column, e->text);
    }
    return out;
}

static int said(const certmap_error_t *e, const complaint_t *expected)
{
    const char *part = expected->part;
    int warning = part[0] == '!';

    return e->column == expected->column && e->line == 1 && e->warning == warning && strcmp(e->file, "f.conf") == 0
           && strstr(e->text, part + warning) != NULL && strchr(e->text, '\n') == NULL;
}

static void test_complaints(void)
{
    apr_size_t i;

    for (i = 0; i < sizeof(complaints) / sizeof(complaints[0]); i++) {
        certmap_builder_t *b = certmap_builder_create(pool);
        apr_status_t rv = certmap_builder_add_directive(b, complaints[i].text, "f.conf", 1, 1);
        const apr_array_header_t *errors = certmap_builder_errors(b);
        int wrong = 0;
        int good = 1;
        int n;

        for (n = 0; n < MOST && complaints[i].said[n].part != NULL; n++) {
            wrong |= complaints[i].said[n].part[0] != '!';
            good &= n < errors->nelts && said(&APR_ARRAY_IDX(errors, n, certmap_error_t), &complaints[i].said[n]);
        }
        good &= n == errors->nelts && (rv != APR_SUCCESS) == wrong;
        if (!ok(good, "%d complaint%s about: %s", n, n == 1 ? "" : "s", complaints[i].text[0] == '\0' ? "(nothing)"
                : apr_pstrcat(pool, "`", complaints[i].text, "`", NULL))) {
            diag("said:%s", tell(errors));
        }
        is_int((long long)certmap_ruleset_count(certmap_builder_finish(b)), !wrong,
               "a rule with errors is not in the set");
    }
}

static void test_places(void)
{
    static const char text[] = "# one\r\na allow u subject.CN=x\r\n"
                               "b allow v \\\r\n   subject.CN=\"x\" \\\r\n   subject.O=\"y\"~ sha256=00\r\n"
                               "a deny any\r\n"
                               "c deny subject.CN=z";
    certmap_builder_t *b = certmap_builder_create(pool);
    const apr_array_header_t *errors = certmap_builder_errors(b);
    const certmap_error_t *e;
    const certmap_ruleset_t *rs;

    is_int(certmap_builder_add_file_text(b, (certmap_str_t){ text, sizeof(text) - 1 }, "r.rules"), APR_EINVAL,
           "a bad file");
    is_int(certmap_builder_add_directive(b, "c allow u subject.CN=x", "httpd.conf", 7, 13), APR_EINVAL,
           "a directive behind");
    is_int(errors->nelts, 3, "three errors");
    e = &APR_ARRAY_IDX(errors, 0, certmap_error_t);
    ok(e->line == 5 && e->column == 26 && strcmp(e->file, "r.rules") == 0, "on a continued line: %d:%d", e->line,
       e->column);
    e = &APR_ARRAY_IDX(errors, 1, certmap_error_t);
    ok(e->line == 6 && e->column == 1 && strstr(e->text, "r.rules:2:1"), "a name given twice: %s", e->text);
    e = &APR_ARRAY_IDX(errors, 2, certmap_error_t);
    ok(e->line == 7 && e->column == 13 && strstr(e->text, "r.rules:7:1") && strcmp(e->file, "httpd.conf") == 0,
       "in a directive, at the column it begins: %s", e->text);
    rs = certmap_builder_finish(b);
    is_int((long long)certmap_ruleset_count(rs), 2, "what is right is kept");
    is_str(certmap_ruleset_rule(rs, 1)->name, "c", "in order");
    is_int(certmap_ruleset_rule(rs, 1)->line, 7, "with its line");
    is_str(certmap_ruleset_rule(rs, 1)->file, "r.rules", "and file");
    ok(certmap_ruleset_rule(rs, 2) == NULL, "no rule behind the last");
}

static void test_names(void)
{
    char text[128] = "";

    memset(text, 'n', 64);
    strcpy(text + 64, " deny any");
    is_str(rules_of(text) ? "read" : NULL, "read", "a name of 64 characters");
    memset(text, 'n', 65);
    strcpy(text + 65, " deny any");
    {
        certmap_builder_t *b = certmap_builder_create(pool);

        is_int(certmap_builder_add_directive(b, text, NULL, 1, 1), APR_EINVAL, "a name of 65 characters");
    }
    is_str(certmap_ruleset_rule(rules_of("A.b_c-9 deny any"), 0)->name, "A.b_c-9", "all kinds of characters");
}

/* ---- strength --------------------------------------------------------------------------------------------------- */

#define ISSUER "issuer=\"CN=CA,O=x\" "

static const struct {
    const char *conds;
    certmap_strength_e strength;
} strengths[] = {
    { "sha256=" HEX64, CERTMAP_STRONG },
    { "spki=" HEX64, CERTMAP_STRONG },
    { "all:sha256=" HEX64, CERTMAP_STRONG },
    { "sha256=" HEX64 " subject.CN=x", CERTMAP_STRONG },
    { "sha256=0011*", CERTMAP_WEAK },
    { "sha256~" HEX64, CERTMAP_WEAK },
    { "any sha256!=" HEX64, CERTMAP_WEAK },
    { "sha1=" HEX40, CERTMAP_WEAK },
    { "sha1=" HEX40 " subject.CN=x", CERTMAP_WEAK },
    { "serial=12", CERTMAP_WEAK },
    { "ski=12", CERTMAP_WEAK },
    { "sid=S-1-5-21-1-2-3-500", CERTMAP_WEAK },
    { "any", CERTMAP_WEAK },
    { "subject.CN=x", CERTMAP_WEAK },
    { "subject=\"CN=x\" issuer.CN=y", CERTMAP_WEAK },
    { ISSUER, CERTMAP_WEAK },
    { ISSUER "serial=12", CERTMAP_STRONG },
    { ISSUER "serial=12*", CERTMAP_SCOPED },
    { ISSUER "serial~12", CERTMAP_SCOPED },
    { ISSUER "serial!=12", CERTMAP_WEAK },
    { ISSUER "ski=12", CERTMAP_STRONG },
    { ISSUER "ski=*", CERTMAP_WEAK },
    { ISSUER "ski=1*", CERTMAP_SCOPED },
    { "issuer=\"*,O=x\" serial=12", CERTMAP_WEAK },
    { "issuer=\"*,O=x\" ski=12", CERTMAP_WEAK },
    { "issuer=\"*,O=x\" subject.CN=y", CERTMAP_WEAK },
    { "issuer.CN=CA issuer.O=x serial=12", CERTMAP_WEAK },
    { "chain.sha256=" HEX64, CERTMAP_WEAK },
    { "chain.sha256=" HEX64 " serial=12", CERTMAP_SCOPED },
    { "chain.sha256=" HEX64 " ski=12", CERTMAP_STRONG },
    { "root.sha256=" HEX64 " ski=12", CERTMAP_STRONG },
    { "root.sha256=00* ski=12", CERTMAP_WEAK },
    { "root.sha256=" HEX64 " subject.CN=x", CERTMAP_SCOPED },
    { "chain.sha256=" HEX64 " san.email=*@example.org", CERTMAP_SCOPED },
    { "chain.sha256=" HEX64 " sha1=" HEX40, CERTMAP_SCOPED },
    { "chain.sha256=" HEX64 " sid=S-1-5-21-1-2-3-500", CERTMAP_SCOPED },
    { "chain.sha256=" HEX64 " subject.CN=*", CERTMAP_WEAK },
    { "chain.sha256=" HEX64 " subject.CN=**", CERTMAP_WEAK },
    { "chain.sha256=" HEX64 " subject.CN=?*", CERTMAP_WEAK },
    { "chain.sha256=" HEX64 " subject.CN~.*", CERTMAP_WEAK },
    { "chain.sha256=" HEX64 " subject.CN~a*", CERTMAP_WEAK },
    { "chain.sha256=" HEX64 " subject.CN~.+", CERTMAP_WEAK },
    { "chain.sha256=" HEX64 " subject.CN~a.+", CERTMAP_SCOPED },
    { "chain.sha256=" HEX64 " subject.CN!=x", CERTMAP_WEAK },
    { "chain.sha256=" HEX64 " san.ip=0.0.0.0/0", CERTMAP_WEAK },
    { "chain.sha256=" HEX64 " san.ip=10.0.0.0/8", CERTMAP_SCOPED },
    { "chain.sha256=" HEX64 " eku=clientAuth", CERTMAP_WEAK },
    { "chain.sha256=" HEX64 " issuer.CN=x", CERTMAP_WEAK },
    { "chain.sha256=" HEX64 " subject=\"*,O=x\"", CERTMAP_SCOPED },
    { ISSUER "subject.CN=x", CERTMAP_SCOPED },
    { ISSUER "san.upn=x@y", CERTMAP_SCOPED },
};

static void test_strength(void)
{
    apr_size_t i;

    for (i = 0; i < sizeof(strengths) / sizeof(strengths[0]); i++) {
        const certmap_rule_t *rule =
            certmap_ruleset_rule(rules_of(apr_psprintf(pool, "r allow u %s", strengths[i].conds)), 0);

        is_str(certmap_strength_name(rule->strength), certmap_strength_name(strengths[i].strength), strengths[i].conds);
    }
}

/* ---- whole lists ------------------------------------------------------------------------------------------------ */

/* How often something is said of a list. */
static int says(const apr_array_header_t *found, const char *part, int warning)
{
    int n = 0;
    int i;

    for (i = 0; i < found->nelts; i++) {
        const certmap_error_t *e = &APR_ARRAY_IDX(found, i, certmap_error_t);

        n += e->warning == warning && strstr(e->text, part) != NULL;
    }
    return n;
}

/* Two rules; whether the second can never match. */
static const struct {
    const char *first;
    const char *second;
    int never;
} reach[] = {
    { "any", "subject.CN=x", 1 },
    { "any", "any", 1 },
    { "any subject.O!=x", "subject.CN=x", 0 },
    { "any subject.O!=x", "subject.CN=x subject.O!=x", 1 },
    { "any subject.O!=x", "subject.CN=x subject.O!=x*", 1 },
    { "any subject.O!=x*", "subject.CN=x subject.O!=xy", 0 },
    { "subject.CN=x", "subject.CN=x", 1 },
    { "subject.CN=x", "subject.CN=X", 1 },
    { "subject.CN=x", "case:subject.CN=X", 1 },
    { "case:subject.CN=x", "subject.CN=x", 0 },
    { "case:subject.CN=x", "case:subject.CN=x", 1 },
    { "case:subject.CN=x", "case:subject.CN=X", 0 },
    { "subject.CN=x", "subject.CN=y", 0 },
    { "subject.CN=x", "issuer.CN=x", 0 },
    { "subject.CN=x", "subject.2.5.4.3=x subject.O=y", 1 },
    { "subject.CN=x subject.O=y", "subject.CN=x", 0 },
    { "subject.CN=x*", "subject.CN=xavier", 1 },
    { "subject.CN=x*", "subject.CN=yx", 0 },
    { "subject.CN=x*", "subject.CN=x*", 1 },
    { "subject.CN=x*", "subject.CN=xy*", 0 },
    { "subject.CN=*", "subject.CN=xy*", 1 },
    { "subject.CN=*", "subject.CN~x.*", 1 },
    { "subject.CN=*", "subject.O=x", 0 },
    { "subject.CN=*", "any subject.CN!=x", 0 },
    { "case:subject.CN=x*", "subject.CN=xavier", 0 },
    { "case:subject.CN=x*", "case:subject.CN=xavier", 1 },
    { "subject.CN=x*", "case:subject.CN=Xavier", 1 },
    { "subject.CN~x.*", "subject.CN~x.*", 1 },
    { "subject.CN~x.*", "subject.CN~y.*", 0 },
    { "subject.OU=a", "all:subject.OU=a", 1 },
    { "all:subject.OU=a", "subject.OU=a", 0 },
    { "all:subject.OU=*", "all:subject.OU=a", 1 },
    { "subject.OU=a subject.OU=a*", "subject.OU=a subject.CN=x", 1 },
    { "subject.OU=a subject.OU=b", "subject.OU=a subject.OU=b subject.CN=x", 1 },
    { "san.ip=10.0.0.0/8", "san.ip=10.1.0.0/16", 1 },
    { "san.ip=10.1.0.0/16", "san.ip=10.0.0.0/8", 0 },
    { "san.ip=10.0.0.0/8", "san.ip=11.0.0.1", 0 },
    { "san.ip=::/0", "san.ip=11.0.0.1", 0 },
    { "subject=\"*,O=x\"", "subject=\"CN=a,O=x\"", 1 },
    { "subject=\"*,O=x\"", "subject=\"*,OU=b,O=x\"", 1 },
    { "subject=\"*,O=x\"", "subject=\"*,O=x\" subject.CN=y", 1 },
    { "subject=\"*,O=x\"", "subject=\"O=x\"", 0 },
    { "subject=\"O=x\"", "subject=\"*,O=x\"", 0 },
    { "case:subject=\"O=x\"", "subject=\"O=x\"", 0 },
    { "subject=\"O=X\"", "case:subject=\"O=x\"", 1 },
    { "sha256=" HEX64, "sha256=" HEX64, 1 },
    { "serial=0012", "serial=12 subject.CN=x", 1 },
    { "eku=clientAuth", "eku=1.3.6.1.5.5.7.3.2 subject.CN=x", 1 },
    { "ext:1.2.3=*", "ext:1.2.3=#05*", 1 },
    { "ext:1.2.3=a*", "ext:1.2.3=#05*", 0 },
    { "ext:1.2.3=#*", "ext:1.2.3=#0500", 1 },
    { "subject.CN=x disabled", "subject.CN=x", 0 },
    { "subject.CN=x expires=2020-01-01", "subject.CN=x", 1 },
};

static apr_array_header_t *lint(const char *text, certmap_strength_e min)
{
    certmap_list_t list = { .rules = rules_of(text) };

    return certmap_list_lint(&list, min, NOW, pool);
}

static void test_reach(void)
{
    apr_size_t i;

    for (i = 0; i < sizeof(reach) / sizeof(reach[0]); i++) {
        apr_array_header_t *found =
            lint(apr_psprintf(pool, "a allow u %s\nb allow v %s", reach[i].first, reach[i].second), CERTMAP_WEAK);

        is_int(says(found, "rule b can never match", 1), reach[i].never,
               apr_psprintf(pool, "%s; %s", reach[i].first, reach[i].second));
    }
    is_int(says(lint("a deny any\nb allow u subject.CN=x", CERTMAP_WEAK), "rule b can never match: a (rules:1)", 1), 1,
           "a deny rule before, and where");
    is_int(says(lint("a allow u subject.CN=x\nb deny subject.CN=x", CERTMAP_WEAK), "rule b can never match", 1), 1,
           "a deny rule behind");
}

static void test_lint(void)
{
    apr_array_header_t *found = lint("a allow u subject.CN=x\nb deny subject.CN=y\nc allow u sha256=" HEX64 "\n"
                                     "d allow u subject.L=z disabled\ne allow u " ISSUER "subject.CN=q\n",
                                     CERTMAP_WEAK);
    certmap_list_t outer = { .rules = rules_of("a deny any") };
    certmap_list_t inner = { .outer = &outer, .rules = rules_of("b deny any\na deny subject.CN=x") };

    is_int(found->nelts, 1, "one thing to say");
    is_int(says(found, "rule a is weak", 1), 1, "a weak allow rule; not deny, strong, scoped or disabled ones");
    found = lint("a allow u subject.CN=x\nb deny subject.CN=y\nc allow u sha256=" HEX64 "\ne allow u " ISSUER
                 "subject.CN=q\n", CERTMAP_STRONG);
    is_int(says(found, "strong is asked for", 0), 2, "rules below the minimum are errors");
    is_int(found->nelts, 2, "and nothing else");
    found = lint("a allow u sha256=" HEX64 " expires=2026-06-14\nb deny subject.CN=x expires=2026-06-14\n"
                 "c allow u spki=" HEX64 " expires=2026-06-15", CERTMAP_WEAK);
    is_int(says(found, "has expired; it refuses", 1), 1, "an expired allow");
    is_int(says(found, "has expired; it still denies", 1), 1, "an expired deny");
    is_int(found->nelts, 2, "today is not expired");
    found = lint("a deny subject.CN~a*\nb deny any subject.O!~a*", CERTMAP_WEAK);
    is_int(says(found, "matches nothing at all", 1), 1, "a positive regex that matches the empty text");
    is_int(found->nelts, 1, "a negated one is not told");
    found = certmap_list_lint(&inner, CERTMAP_WEAK, NOW, pool);
    is_int(says(found, "the name \"a\" has been given before, at rules:1", 0), 1, "a name twice in a list");
    is_int(says(found, "can never match", 1), 2, "rules behind an outer any");
    is_int(certmap_list_lint(NULL, CERTMAP_STRONG, NOW, pool)->nelts, 0, "no list, nothing to say");
}

/* ---- there and back --------------------------------------------------------------------------------------------- */

static const char *const lines[] = {
    "r allow u subject.CN=x",
    "r deny any",
    "r deny any subject.CN!=x",
    "r allow \"a b\" subject.O=\"Example Ltd\" all:case:subject.OU!=\"x y\" groups=a,b expires=2027-01-31 disabled",
    "r allow u any disabled note=\"two words\"",
    "r allow %{subject.CN:lower:first} subject.CN~([a-z]+)\\d",
    "r allow u subject.CN=a\\*b",
    "r allow u subject.CN=\"a\\\\*b c\"",
    "r allow u subject.CN='a\"b'",
    "r allow u subject.CN=\"it's\"",
    "r allow u \"subject.CN=#x\"",
    "r allow \"#u\" subject.CN=\"a\\\\\"",
    "r allow u ext:1.2.3=#0500 san.ip=10.0.0.0/8",
    "r allow u subject=\"*,O=x y\" groups=\"a b,c\"",
    "r allow u subject.CN=x note=\"\"",
    "r allow u subject.CN=\"=x\"",
    "r allow u subject.CN~\"!a\"",
    "r allow u subject.CN=\" x\"",
    "r allow caf\xc3\xa9 subject.CN=\xd0\xb0 expires=1999-12-31",
    "r allow u subject.CN=x groups=#a",
    "r allow u subject.CN=x groups=\"#a\" note=#b",
};

static void test_text(void)
{
    apr_size_t i;

    for (i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
        const certmap_rule_t *a = certmap_ruleset_rule(rules_of(lines[i]), 0);
        const char *text = certmap_rule_text(a, pool);
        const certmap_rule_t *b = certmap_ruleset_rule(rules_of(apr_pstrcat(pool, text, "\nz deny any", NULL)), 0);
        apr_size_t j;
        int same = strcmp(a->name, b->name) == 0 && a->deny == b->deny && a->disabled == b->disabled && a->any == b->any
                   && a->expires == b->expires && a->ngroups == b->ngroups && a->nconds == b->nconds
                   && (a->deny || strcmp(a->user_text, b->user_text) == 0) && (a->note == NULL) == (b->note == NULL)
                   && (a->note == NULL || strcmp(a->note, b->note) == 0);

        for (j = 0; same && j < a->nconds; j++) {
            same = strcmp(certmap_cond_text(certmap_rule_cond(a, j)), certmap_cond_text(certmap_rule_cond(b, j))) == 0;
        }
        for (j = 0; same && j < a->ngroups; j++) {
            same = strcmp(a->groups[j], b->groups[j]) == 0;
        }
        ok(same, "`%s` is read back as the same rule", text);
        is_str(certmap_rule_text(b, pool), text, "and written the same again");
    }
    is_str(
        certmap_rule_text(certmap_ruleset_rule(rules_of("r  allow 'u'  \"subject.O=Example Ltd\" groups=a"), 0), pool),
        "r allow u subject.O=\"Example Ltd\" groups=a", "only what must be quoted is");
}

int main(void)
{
    plan(0);
    fixture_start();
    test_complaints();
    test_places();
    test_names();
    test_strength();
    test_reach();
    test_lint();
    test_text();
    return fixture_done();
}
