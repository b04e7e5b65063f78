/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Rules as text: what is accepted, every complaint with its place and hint, strength, what is said of whole lists, and
 * that a rule written out is read back as the same rule.
 */
#include "fixture.h"
#include "rules/testing.h"

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
    { "r", { { 1, "ends after its name" } } },
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
    { "r allow u serial=*", { { 11, "every certificate meets serial=*; write \"any\"" } } },
    { "r deny sha256=?*", { { 8, "every certificate meets sha256=?*" } } },
    { "r deny subject.CN!=x all:spki=*", { { 22, "every certificate meets all:spki=*" } } },
    { "r allow u serial~.+", { { 11, "every certificate meets" } } },
    { "r allow u serial~[0-9a-f]*", { { 11, "every certificate meets" } } },
    { "r allow u serial~(\\S++)$", { { 11, "every certificate meets" } } },
    { "r allow u sha1~[[:xdigit:]]+", { { 11, "every certificate meets" } } },
    { "r allow u serial~[0-9]+", { { 0, NULL } } },
    { "r allow u serial=????*", { { 0, NULL } } },
    { "r allow u serial=* subject.CN=x", { { 0, NULL } } },
    { "r allow u any serial=*", { { 0, NULL } } },
    { "r allow u ski=*", { { 0, NULL } } },
    { "r allow u any subject.CN=x", { { 15, "!\"any\" together with a positive" } } },
    { "r allow u any any", { { 15, "appears twice" } } },
    { "r allow u subject.CN = x", { { 22, "blanks around the operator; write subject.CN=x" } } },
    { "r allow u subject.CN =x", { { 22, "blanks around the operator; write subject.CN=x" } } },
    { "r allow u subject.CN= x", { { 21, "blank after the operator" } } },
    { "r allow u subject.CN=", { { 21, "the value is empty" } } },
    { "r allow u subject.CN=\" \"", { { 23, "only blanks" } } },
    { "r allow u subject.CN=a b", { { 24, "neither a condition nor an option" } } },
    { "r allow u =x", { { 11, "field before the operator is missing" } } },
    { "r allow u subject.CN!x", { { 21, "unknown operator" } } },
    { "r allow u subject.CN==x", { { 21, "!begins with '='" } } },
    { "r allow u subject.CN=~x", { { 21, "!begins with '~'" } } },
    { "r allow u subject.CX=x", { { 11, "CX" } } },
    { "r allow u subjct.CN=x", { { 11, "subject.CN" } } },
    { "r allow u case:sha265=x", { { 16, "sha256" } } },
    { "r allow u CN=x", { { 11, "subject.CN" } } },
    { "r allow u sbject.OU=x", { { 11, "did you mean subject.OU?" } } },
    { "r allow u subjet.email=x", { { 11, "did you mean subject.emailAddress?" } } },
    { "r allow u isuer.CN=x", { { 11, "did you mean issuer.CN?" } } },
    { "r allow u subject_OU=x", { { 11, "did you mean subject.OU?" } } },
    { "r allow u subject:OU=x", { { 11, "did you mean subject.OU?" } } },
    { "r allow u san.emial=x", { { 11, "did you mean san.email?" } } },
    { "r allow u san.othr:1.2.3=x", { { 11, "did you mean san.other:1.2.3?" } } },
    { "r allow u SSL_CLIENT_S_DN=x", { { 11, "did you mean subject?" } } },
    { "r allow u SSL_CLIENT_S_DN_OU=x", { { 11, "did you mean subject.OU?" } } },
    { "r allow u SSL_CLIENT_S_DN_OU_0=x", { { 11, "did you mean subject.OU?" } } },
    { "r allow u SSL_CLIENT_S_DN_Email=x", { { 11, "did you mean subject.emailAddress?" } } },
    { "r allow u SSL_CLIENT_S_DN_UID=x", { { 11, "did you mean subject.UID?" } } },
    { "r allow u %{SSL_CLIENT_I_DN_CN}=x", { { 11, "did you mean issuer.CN?" } } },
    { "r allow u SSL_CLIENT_I_DN=x", { { 11, "did you mean issuer?" } } },
    { "r allow u SSL_CLIENT_M_SERIAL=x", { { 11, "did you mean serial?" } } },
    { "r allow u SSL_CLIENT_SAN_Email_0=x", { { 11, "did you mean san.email?" } } },
    { "r allow u SSL_CLIENT_SAN_OTHER_msUPN_0=x", { { 11, "did you mean san.upn?" } } },
    { "r allow u SSL_CLIENT_CERT_RFC4523_CEA=x", { { 11, "did you mean serial and issuer?" } } },
    { "r allow u SSL_CLIENT_VERIFY=x", { { 11, "only verified certificates" } } },
    { "r allow u SSL_CLIENT_V_END=x", { { 11, "dates are checked" } } },
    { "r allow u $ssl_client_s_dn=x", { { 11, "did you mean subject?" } } },
    { "r allow u $ssl_client_i_dn=x", { { 11, "did you mean issuer?" } } },
    { "r allow u $ssl_client_serial=x", { { 11, "did you mean serial?" } } },
    { "r allow u $ssl_client_fingerprint=x", { { 11, "did you mean sha1?" } } },
    { "r allow u ssl_c_s_dn(cn)=x", { { 11, "did you mean subject.CN?" } } },
    { "r allow u ssl_c_s_dn(ou,1)=x", { { 11, "did you mean subject.OU?" } } },
    { "r allow u ssl_c_i_dn=x", { { 11, "did you mean issuer?" } } },
    { "r allow u ssl_c_sha1=x", { { 11, "did you mean sha1?" } } },
    { "r allow u CERT_SUBJECT=x", { { 11, "did you mean subject?" } } },
    { "r allow u subjectAltName=x", { { 11, "did you mean san.email, san.dns" } } },
    { "r allow u subject_alt_name=x", { { 11, "did you mean san.email, san.dns" } } },
    { "r allow u san.rfc822Name=x", { { 11, "did you mean san.email?" } } },
    { "r allow u extendedKeyUsage=x", { { 11, "did you mean eku?" } } },
    { "r allow u OU=x", { { 11, "did you mean subject.OU or issuer.OU?" } } },
    { "r allow u emailAddress=x", { { 11, "did you mean san.email or subject.emailAddress?" } } },
    { "r allow u serialNumber=x", { { 11, "did you mean serial or subject.serialNumber?" } } },
    { "r allow u subject.organisation=x", { { 11, "did you mean subject.O?" } } },
    { "r allow u subject.emailAdress=x", { { 11, "did you mean subject.emailAddress?" } } },
    { "r allow u issuer.comonName=x", { { 11, "did you mean issuer.CN?" } } },
    { "r allow %{SSL_CLIENT_S_DN_CN} subject.CN=x", { { 11, "did you mean subject.CN?" } } },
    { "r allow u case:case:subject.CN=x", { { 16, "case:" } } },
    { "r allow u all:case:subject.CN=x", { { 0, NULL } } },
    { "r allow u case:all:subject.CN=x", { { 0, NULL } } },
    { "r allow u case:serial=12", { { 11, "!does nothing" } } },
    { "r allow u case:subject.CN~x", { { 11, "!does nothing" } } },
    { "r allow u subject.CN=x group=a", { { 24, "did you mean groups=" } } },
    { "r allow u subject.CN=x expire=2027-01-01", { { 24, "did you mean expires=" } } },
    { "r allow u subject.CN=x disable", { { 24, "did you mean disabled" } } },
    { "r allow u subject.CN=x disabled disabled", { { 33, "appears twice" } } },
    { "r allow u subject.CN=x note=a note=b", { { 31, "appears twice" } } },
    { "r allow u subject.CN=x groups=", { { 31, "empty group" } } },
    { "r allow u subject.CN=x groups=a,,b", { { 33, "empty group" } } },
    { "r allow u subject.CN=x groups=a,", { { 33, "empty group" } } },
    { "r allow u subject.CN=x groups=a,a", { { 33, "appears twice" } } },
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
    { "r allow u subject.CN~a[", { { 24, "regex: missing terminating ]" } } },
    { "r allow u subject.CN~\\C", { { 24, "regex: " } } },
    { "r allow u subject~CN=x", { { 11, "subject.CN~" } } },
    { "r allow u issuer!~x any", { { 11, "issuer.CN~" } } },
    { "r allow u san.dirname~x", { { 11, "san.dirname=" } } },
    { "r allow u subject=x", { { 19, "" } } },
    { "r allow u subject=*", { { 19, "alone is not a name" } } },
    { "r allow u subject=*,", { { 21, "" } } },
    { "r allow u issuer=\"C=DE,O=x,CN=ca\"", { { 19, "!" } } },
    { "r allow u sha256=00", { { 18, "sha256 has 64 hex digits, not 2" } } },
    { "r allow u sha1=" HEX64, { { 16, "sha1 has 40 hex digits, not 64" } } },
    { "r allow u spki=" HEX40, { { 16, "spki has 64" } } },
    { "r allow u sha256=00*", { { 0, NULL } } },
    { "r allow u sha256=" HEX64 "0*", { { 18, "sha256 has 64 hex digits, not 65" } } },
    { "r allow u serial=123", { { 18, "odd number" } } },
    { "r allow u serial=0x12", { { 19, "without \"0x\"" } } },
    { "r allow u serial=12:3", { { 18, "odd number" } } },
    { "r allow u serial=1:23", { { 19, "not a hex digit" } } },
    { "r allow u serial=12:", { { 20, "not a hex digit" } } },
    { "r allow u serial=12g4", { { 20, "not a hex digit" } } },
    { "r allow u serial~12AB", { { 18, "lower-case hex" } } },
    { "r allow u serial~(12)AB.*", { { 18, "lower-case hex" } } },
    { "r allow u serial~[A-F]+", { { 19, "!lower-case hex" } } },
    { "r allow u serial~(?i)12AB", { { 24, "!lower-case hex" } } },
    { "r allow u sha256~00", { { 18, "sha256 has 64 hex digits, not 2" } } },
    { "r allow u sha256=00??", { { 18, "sha256 has 64 hex digits, not 4" } } },
    { "r allow u sha1~" HEX40 "0.*", { { 16, "sha1 has 40 hex digits, not 41" } } },
    { "r allow u serial=1?3", { { 18, "odd number" } } },
    { "r allow u ext:1.2.3=#0?0", { { 21, "odd number" } } },
    { "r deny ext:1.2.3=#0C0561646D696E",
      { { 18, "compares as text, so that this can never match; write the text: "
              "admin" } } },
    { "r deny any san.other:1.2.3!=#130161", { { 29, "write the text: a" } } },
    { "r deny ext:1.2.3=#0C0120", { { 18, "compares as text" } } },
    { "r deny ext:1.2.3=#0C0161*", { { 0, NULL } } },
    { "r deny ext:1.2.3=#0C016100", { { 0, NULL } } },
    { "r deny ext:1.2.3=#0C0200FF", { { 0, NULL } } },
    { "r deny ext:1.2.3=#30030C0161", { { 0, NULL } } },
    { "r allow u eku~client.*", { { 15, "dotted OIDs" } } },
    { "r allow u san.ip~10,.*", { { 18, "no address" } } },
    { "r allow u san.ip~10[.].*", { { 0, NULL } } },
    { "r deny sid=*x", { { 0, NULL } } },
    { "r deny sid=x*", { { 12, "a SID reads" } } },
    { "r deny sid~s-1-5-.*", { { 12, "a SID reads" } } },
    { "r deny sid=s-1-5-*", { { 0, NULL } } },
    { "r deny ku=digitalsig?", { { 11, "no key usage" } } },
    { "r deny ku~digitalsignature", { { 11, "no key usage" } } },
    { "r deny ku~(?i)digitalsignature", { { 0, NULL } } },
    { "r deny ku=contentCommitment", { { 0, NULL } } },
    { "r deny ku=content*", { { 11, "no key usage" } } },
    { "r deny ku~contentCommitment", { { 11, "no key usage" } } },
    /* letters beyond ASCII */
    { "r deny san.dns=b\303\274cher.example",
      { { 16, "san.dns holds ASCII only, so that this can never match; a "
              "certificate has the A-label: xn--bcher-kva.example" } } },
    { "r deny any san.dns!=b\303\274cher.example", { { 21, "xn--bcher-kva.example" } } },
    { "r deny san.dns=*.B\303\274cher.example", { { 16, "the A-label: *.xn--bcher-kva.example" } } },
    { "r deny san.dns=B\303\234CHER.example", { { 16, "written there as A-labels (xn--...)" } } },
    { "r deny san.dns=bu\314\210cher.example", { { 16, "written there as A-labels (xn--...)" } } },
    { "r deny san.dns=b\303\274*.example", { { 16, "written there as A-labels (xn--...)" } } },
    { "r deny san.dns~.*b\303\274cher.*", { { 16, "written there as A-labels" } } },
    { "r deny san.dns~[a-z\303\274]+", { { 0, NULL } } },
    { "r deny san.dns=\351\203\250.\331\205\330\265\330\261", { { 16, "A-label: xn--" } } },
    { "r deny san.dns=stra\303\237e.example", { { 16, "A-label: xn--strae-oqa.example" } } },
    { "r deny san.email=ann@b\303\274cher.example", { { 18, "A-label: ann@xn--bcher-kva.example" } } },
    { "r deny san.email=b\303\274@x.example", { { 18, "no CA can write such an address" } } },
    { "r deny san.email=*@*\303\274*", { { 18, "A-labels" } } },
    { "r deny san.uri=https://b\303\274cher.example/", { { 16, "percent-encoded" } } },
    { "r deny subject.DC=b\303\274cher",
      { { 19, "subject.DC holds ASCII only, so that this can never match; a "
              "certificate has the A-label: xn--bcher-kva" } } },
    { "r deny issuer.E=b\303\274@x", { { 17, "issuer.emailAddress holds ASCII only" } } },
    { "r deny subject=CN=a,DC=b\303\274cher", { { 16, "DC holds ASCII only" } } },
    { "r deny subject=*,DC=b\303\274cher", { { 16, "DC holds ASCII only" } } },
    { "r deny subject.CN=b\303\274cher", { { 0, NULL } } },
    { "r deny subject=CN=b\303\274cher,DC=x", { { 0, NULL } } },
    { "r deny san.upn=b\303\274@x", { { 0, NULL } } },
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
    { "r allow %{1} subject.CN~x", { { 9, "has 0 captures" } } },
    { "r allow a%{2} subject.CN~(x)", { { 10, "has 1 capture" } } },
    { "r allow %{1} any subject.CN!~(x)", { { 9, "without a regex" } } },
    { "r allow %{1} all:subject.CN~(x)", { { 9, "without a regex" } } },
    { "r allow %{0} subject.CN~(x)", { { 9, "count from 1" } } },
    { "r allow %{subject.CN:lowr} subject.CN=x", { { 21, "did you mean :lower" } } },
    { "r allow %{subject.CN subject.CN=x", { { 9, "unclosed placeholder" } } },
    { "r allow %{subject.CX} subject.CN=x", { { 11, "CX" } } },
    { "r allow u subject.CN=x # y", { { 24, "does not begin a comment" } } },
    { "r allow u subject.CN=${X}", { { 22, "unresolved variable" } } },
    { "r allow \"u subject.CN=x", { { 9, "unclosed quote" } } },
    /* all of a rule's errors, in order */
    { "r/ allow u:v subject.CX=x sha256=1 expires=x",
      { { 2, "letters" }, { 10, "colon" }, { 14, "CX" }, { 34, "64 hex digits" }, { 44, "bad date" } } },
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
        if (!ok(good, "%d complaint%s about: %s", n, n == 1 ? "" : "s",
                complaints[i].text[0] == '\0' ? "(nothing)" : apr_pstrcat(pool, "`", complaints[i].text, "`", NULL))) {
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
    { ISSUER "serial=12*", CERTMAP_WEAK },
    { ISSUER "serial=1234567*", CERTMAP_WEAK },
    { ISSUER "serial=12345678*", CERTMAP_SCOPED },
    { ISSUER "serial~12", CERTMAP_WEAK },
    { ISSUER "serial~12345678.+", CERTMAP_SCOPED },
    { ISSUER "serial~[0-9a-f]+", CERTMAP_WEAK },
    { ISSUER "serial~[0-9a-f]{8}[0-9a-f]*", CERTMAP_WEAK },
    { ISSUER "serial~.*[1-9].*", CERTMAP_WEAK },
    { ISSUER "serial=*", CERTMAP_WEAK },
    { ISSUER "sid=S-1-5-21-1-2-3-500", CERTMAP_STRONG },
    { ISSUER "sid=S-1-5-21-*", CERTMAP_WEAK },
    { ISSUER "sid=S-1-5-*", CERTMAP_WEAK },
    { ISSUER "sid=S-1-5-21-12*", CERTMAP_WEAK },
    { ISSUER "sid=S-1-5-21-123-*", CERTMAP_SCOPED },
    { ISSUER "sid~S-1-5-21-.*", CERTMAP_WEAK },
    { ISSUER "sid~(?i)s-1-5-21-[0-9]+-.*", CERTMAP_WEAK },
    { ISSUER "sid~S-1-5-21-1111-.*", CERTMAP_SCOPED },
    { ISSUER "serial!=12", CERTMAP_WEAK },
    { ISSUER "ski=12", CERTMAP_STRONG },
    { ISSUER "ski=*", CERTMAP_WEAK },
    { ISSUER "ski=1*", CERTMAP_WEAK },
    { ISSUER "ski=0102030405*", CERTMAP_SCOPED },
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
    { "chain.sha256=" HEX64 " subject.CN~a.+", CERTMAP_WEAK },
    { "chain.sha256=" HEX64 " subject.CN~abc.+", CERTMAP_SCOPED },
    { "chain.sha256=" HEX64 " subject.CN~ab?c.+", CERTMAP_WEAK },
    { "chain.sha256=" HEX64 " subject.CN~(abc|.+d)", CERTMAP_WEAK },
    { "chain.sha256=" HEX64 " subject.CN~(abc|.+def)", CERTMAP_SCOPED },
    { "chain.sha256=" HEX64 " subject.CN~abc|d", CERTMAP_WEAK },
    { "chain.sha256=" HEX64 " subject.CN~(?:ab)+[Cc]-\\d{6}", CERTMAP_SCOPED },
    { "chain.sha256=" HEX64 " subject.CN~(?:ab)*c-\\d{6}", CERTMAP_WEAK },
    { "chain.sha256=" HEX64 " subject.CN~(?=abc).+", CERTMAP_WEAK },
    { "chain.sha256=" HEX64 " subject.CN~.+(?!abc)", CERTMAP_WEAK },
    { "chain.sha256=" HEX64 " subject.CN~[abc]+", CERTMAP_WEAK },
    { "chain.sha256=" HEX64 " subject.CN~[a][b]c", CERTMAP_SCOPED },
    { "chain.sha256=" HEX64 " subject.CN~(?i)kis.*", CERTMAP_SCOPED },
    { "chain.sha256=" HEX64 " subject.CN~(?i:kis).*", CERTMAP_SCOPED },
    { "chain.sha256=" HEX64 " subject.CN~(?x)abc", CERTMAP_WEAK },
    { "chain.sha256=" HEX64 " subject.CN~abc(*ACCEPT)", CERTMAP_WEAK },
    { "chain.sha256=" HEX64 " subject.CN=ab*", CERTMAP_WEAK },
    { "chain.sha256=" HEX64 " subject.CN=a*b?c", CERTMAP_SCOPED },
    { "chain.sha256=" HEX64 " subject.CN=\346\235\216*", CERTMAP_SCOPED },
    { "chain.sha256=" HEX64 " subject.C=DE", CERTMAP_WEAK },
    { "chain.sha256=" HEX64 " subject.CN=DE", CERTMAP_SCOPED },
    { "chain.sha256=" HEX64 " subject.C=D*", CERTMAP_WEAK },
    { "chain.sha256=" HEX64 " subject=\"*,O=x,C=DE\"", CERTMAP_WEAK },
    { "chain.sha256=" HEX64 " subject=\"*,C=DE\"", CERTMAP_WEAK },
    { "chain.sha256=" HEX64 " subject=\"CN=x\"", CERTMAP_SCOPED },
    { "chain.sha256=" HEX64 " san.email=*@*.*", CERTMAP_WEAK },
    { "chain.sha256=" HEX64 " san.email~.+@.+\\..+", CERTMAP_WEAK },
    { "chain.sha256=" HEX64 " san.email~.+@example\\.org", CERTMAP_SCOPED },
    { "chain.sha256=" HEX64 " san.uri=spiffe://*", CERTMAP_WEAK },
    { "chain.sha256=" HEX64 " san.uri=spiffe:*", CERTMAP_WEAK },
    { "chain.sha256=" HEX64 " san.uri=https://a/*", CERTMAP_WEAK },
    { "chain.sha256=" HEX64 " san.uri=https://abc/*", CERTMAP_SCOPED },
    { "chain.sha256=" HEX64 " san.uri~spiffe://.*", CERTMAP_WEAK },
    { "chain.sha256=" HEX64 " san.uri~(spiffe|https)://.*", CERTMAP_WEAK },
    { "chain.sha256=" HEX64 " san.uri~(spiffe|https)://abc/.*", CERTMAP_SCOPED },
    { "chain.sha256=" HEX64 " san.dns=*.*", CERTMAP_WEAK },
    { "chain.sha256=" HEX64 " subject.CN!=x", CERTMAP_WEAK },
    { "chain.sha256=" HEX64 " san.ip=0.0.0.0/0", CERTMAP_WEAK },
    { "chain.sha256=" HEX64 " san.ip=10.0.0.0/8", CERTMAP_WEAK },
    { "chain.sha256=" HEX64 " san.ip=10.1.0.0/16", CERTMAP_SCOPED },
    { "chain.sha256=" HEX64 " eku=clientAuth", CERTMAP_WEAK },
    { "chain.sha256=" HEX64 " issuer.CN=x", CERTMAP_WEAK },
    { "chain.sha256=" HEX64 " subject=\"*,O=xyz\"", CERTMAP_SCOPED },
    { ISSUER "subject.CN=x", CERTMAP_SCOPED },
    { ISSUER "subject.CN~x", CERTMAP_WEAK },
    { ISSUER "san.upn=x@y", CERTMAP_SCOPED },
};

/* The same for templates. */
static const struct {
    const char *rule;
    certmap_strength_e strength;
} takers[] = {
    { "%{subject.CN} " ISSUER, CERTMAP_SCOPED },
    { "x-%{subject.CN:lower} " ISSUER, CERTMAP_SCOPED },
    { "%{san.email:local} " ISSUER "san.email=*", CERTMAP_SCOPED },
    { "%{serial} " ISSUER, CERTMAP_SCOPED },
    { "%{1} " ISSUER "subject.UID~(.+)", CERTMAP_SCOPED },
    { "%{subject.CN} root.sha256=" HEX64, CERTMAP_SCOPED },
    { "%{subject.CN} any", CERTMAP_WEAK },
    { "%{subject.CN} issuer.CN=CA", CERTMAP_WEAK },
    { "%{subject.CN} issuer=\"*,O=x\"", CERTMAP_WEAK },
    { "%{issuer.CN} " ISSUER, CERTMAP_WEAK },
    { "%{1} " ISSUER "issuer.CN~(.+)", CERTMAP_WEAK },
    { "%{eku} " ISSUER "eku=clientAuth", CERTMAP_WEAK },
    { "guest " ISSUER, CERTMAP_WEAK },
};

static void test_strength(void)
{
    apr_size_t i;

    for (i = 0; i < sizeof(strengths) / sizeof(strengths[0]); i++) {
        const certmap_rule_t *rule = certmap_ruleset_rule(
            rules_of(apr_psprintf(pool, "r allow u %s", strengths[i].conds)), 0);

        is_str(certmap_strength_name(rule->effect.strength), certmap_strength_name(strengths[i].strength),
               strengths[i].conds);
    }
    for (i = 0; i < sizeof(takers) / sizeof(takers[0]); i++) {
        const certmap_rule_t *rule = certmap_ruleset_rule(rules_of(apr_pstrcat(pool, "r allow ", takers[i].rule, NULL)),
                                                          0);

        is_str(certmap_strength_name(rule->effect.strength), certmap_strength_name(takers[i].strength), takers[i].rule);
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
    { "subject.CN=x*", "subject.CN=xy*", 1 },
    { "subject.CN=xy*", "subject.CN=x*", 0 },
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
    { "subject.OU=a subject.O=b", "subject.O=b subject.OU=a subject.CN=x", 1 },
    { "san.dns=*.example.com", "san.dns=*.dev.example.com", 1 },
    { "san.dns=*.dev.example.com", "san.dns=*.example.com", 0 },
    { "subject.CN=m*", "subject.CN=ma*", 1 },
    { "subject.CN=M*", "subject.CN=ma*b", 1 },
    { "subject.CN=ma*", "subject.CN=m*", 0 },
    { "subject.CN=m*", "subject.CN=*m", 0 },
    { "subject.CN=*m*", "subject.CN=*om*e", 1 },
    { "subject.CN=m?*", "subject.CN=m*?", 1 },
    { "subject.CN=m?", "subject.CN=m*", 0 },
    { "subject.CN=m?", "subject.CN=m\303\274", 1 },
    { "subject.CN=m??", "subject.CN=m\303\274", 0 },
    { "subject.CN=m*", "subject.CN~ma.*", 1 },
    { "subject.CN=m*", "subject.CN~[m]a.*", 0 },
    { "subject.CN=m*", "subject.CN~(?i)ma.*", 1 },
    { "case:subject.CN=m*", "subject.CN~(?i)ma.*", 0 },
    { "case:subject.CN=m*", "subject.CN~ma.*", 1 },
    { "case:subject.CN=m*", "subject.CN=ma*", 0 },
    { "subject.CN=m*", "case:subject.CN=Ma*", 1 },
    { "subject.CN=\"m *\"", "case:subject.CN=\"m *\"", 0 },
    { "subject.CN=m*", "all:subject.CN=ma*", 1 },
    { "all:subject.CN=m*", "subject.CN=ma*", 0 },
    { "any subject.CN!=ma*", "subject.O=x subject.CN!=m*", 1 },
    { "any subject.CN!=m*", "subject.O=x subject.CN!=ma*", 0 },
    { "any subject.CN!=m*", "all:subject.CN=a*", 1 },
    { "any subject.CN!=m*", "subject.CN=a*", 0 },
    { "subject.CN=m*", "subject.CN=*z subject.CN=ma*", 1 },
    { "san.uri=spiffe://x/*", "san.uri=spiffe://X/Sa/*", 1 },
    { "san.uri=spiffe://x/S*", "san.uri=spiffe://x/Sa/*", 1 },
    { "san.uri=spiffe://x/S*", "san.uri=spiffe://x/sa/*", 0 },
    { "san.uri=spiffe://x/s*", "san.uri=spiffe://x/Sa/b", 0 },
    { "san.uri=*/S*", "san.uri=spiffe://x/Sa/b", 1 },
    { "san.uri=spiffe://x/s*", "san.uri~spiffe://x/Sa.*", 0 },
    { "subject.O=X", "subject=\"CN=a,O=X\"", 1 },
    { "subject.O=X", "subject=\"CN=a,O=Y\"", 0 },
    { "subject.O=X", "subject=\"*,O=X\"", 1 },
    { "subject.O=X*", "subject=\"*,O=xy\" subject.CN=z", 1 },
    { "case:subject.O=X", "subject=\"CN=a,O=X\"", 0 },
    { "case:subject.O=X", "case:subject=\"CN=a,O=X\"", 1 },
    { "subject.O~X", "subject=\"CN=a,O=X\"", 0 },
    { "subject.CN=*", "subject=\"CN=a,O=X\"", 1 },
    { "all:subject.O=X", "subject=\"CN=a,O=X\"", 1 },
    { "all:subject.O=X", "subject=\"*,O=X\"", 0 },
    { "any subject.OU!=x", "subject=\"CN=a,O=X\"", 1 },
    { "any subject.OU!=x", "subject=\"*,O=X\"", 0 },
    { "any subject.CN!=x", "subject=\"CN=a,O=X\"", 1 },
    { "any subject.CN!=a", "subject=\"CN=A,O=X\"", 0 },
    { "issuer.O=X", "issuer=\"CN=a,O=X\" serial=12", 1 },
    { "subject.O=X", "issuer=\"CN=a,O=X\" serial=12", 0 },
    { "serial~1.+", "serial=1234", 1 },
    { "serial~1.+", "serial=2234", 0 },
    { "subject.CN~a.+", "subject.CN=ab", 0 },
    { "subject.CN~a.+", "case:subject.CN=ab", 1 },
    { "san.ip=*", "san.ip=10.0.0.0/8", 1 },
    { "san.ip=10.0.0.0/8", "san.ip=10.1.0.0/16", 1 },
    { "san.ip=10.1.0.0/16", "san.ip=10.0.0.0/8", 0 },
    { "san.ip=10.0.0.0/8", "san.ip=10.0.0.0/8 subject.CN=x", 1 },
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
    { "ext:1.2.3~.*", "ext:1.2.3=#05*", 0 },
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
        apr_array_header_t *found = lint(
            apr_psprintf(pool, "a allow u %s\nb allow v %s", reach[i].first, reach[i].second), CERTMAP_WEAK);

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
                                     "d allow u subject.L=z disabled\ne allow u " ISSUER "subject.CN=qrs\n",
                                     CERTMAP_WEAK);
    certmap_list_t outer = { .rules = rules_of("a deny any") };
    certmap_list_t inner = { .outer = &outer, .rules = rules_of("b deny any\na deny subject.CN=x") };

    is_int(found->nelts, 1, "one thing to say");
    is_int(says(lint("a allow u " ISSUER "subject.CN=q*", CERTMAP_WEAK),
                "rule a is weak, it accepts almost every "
                "certificate of its CA",
                1),
           1, "an issuer with hardly anything");
    is_int(says(found, "rule a is weak, any trusted CA could", 1), 1,
           "a weak allow rule; not deny, strong, scoped or disabled ones");
    found = lint("a allow u subject.CN=x\nb deny subject.CN=y\nc allow u sha256=" HEX64 "\ne allow u " ISSUER
                 "subject.CN=q\n",
                 CERTMAP_STRONG);
    is_int(says(found, "strong is required", 0), 2, "rules below the minimum are errors");
    is_int(found->nelts, 2, "and nothing else");
    found = lint("a allow u sha256=" HEX64 " expires=2026-06-14\nb deny subject.CN=x expires=2026-06-14\n"
                 "c allow u spki=" HEX64 " expires=2026-06-15",
                 CERTMAP_WEAK);
    is_int(says(found, "has expired; it refuses", 1), 1, "an expired allow");
    is_int(says(found, "has expired; it still denies", 1), 1, "an expired deny");
    is_int(found->nelts, 2, "today is not expired");
    found = lint("a deny subject.CN~a*\nb deny any subject.O!~a*", CERTMAP_WEAK);
    is_int(says(found, "matches an empty value", 1), 1, "a positive regex that matches the empty text");
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
                   && a->effect.expires == b->effect.expires && a->effect.ngroups == b->effect.ngroups
                   && a->nconds == b->nconds && (a->deny || strcmp(a->effect.user, b->effect.user) == 0)
                   && (a->effect.note == NULL) == (b->effect.note == NULL)
                   && (a->effect.note == NULL || strcmp(a->effect.note, b->effect.note) == 0);

        for (j = 0; same && j < a->nconds; j++) {
            same = strcmp(certmap_cond_text(certmap_rule_cond(a, j)), certmap_cond_text(certmap_rule_cond(b, j))) == 0;
        }
        for (j = 0; same && j < a->effect.ngroups; j++) {
            same = strcmp(a->effect.groups[j], b->effect.groups[j]) == 0;
        }
        ok(same, "`%s` is read back as the same rule", text);
        is_str(certmap_rule_text(b, pool), text, "and written the same again");
    }
    is_str(
        certmap_rule_text(certmap_ruleset_rule(rules_of("r  allow 'u'  \"subject.O=Example Ltd\" groups=a"), 0), pool),
        "r allow u subject.O=\"Example Ltd\" groups=a", "only what must be quoted is");
}

/* ---- case ------------------------------------------------------------------------------------------------------- */

#define KELVIN "\342\204\252"
#define LONG_S "\305\277"

/* PCRE2 from 10.43 on keeps ASCII and other letters apart by itself; before, a text that could mix them is an error. */
static int keeps_apart(void)
{
#ifdef PCRE2_EXTRA_CASELESS_RESTRICT
    char version[64] = "";

    pcre2_config(PCRE2_CONFIG_VERSION, version);
    return atoi(version) > 10 || (atoi(version) == 10 && atoi(strchr(version, '.') + 1) >= 43);
#else
    return 0;
#endif
}

/* A rule, a common name, what is decided where PCRE2 cannot keep letters apart, and where it can. */
static const struct {
    const char *rule;
    const char *cn;
    const char *before;
    const char *apart;
} caseless[] = {
    { "r allow %{1} subject.CN~(?i)(kea)", "KEA", "=KEA", "=KEA" },
    { "r allow kea subject.CN~(?i)kea", KELVIN "ea", "ambiguous", "no-match" },
    { "r allow kea subject.CN~(?i:k)ea", KELVIN "ea", "ambiguous", "no-match" },
    { "r allow kea subject.CN~.*(?i)a", "m" KELVIN "a", "ambiguous", "=kea" },
    { "r allow kea subject.CN~(?i)[^x]*", KELVIN "ea", "ambiguous", "=kea" },
    { "r allow kea subject.CN~(*UCP)(?i)kea", KELVIN "ea", "ambiguous", "no-match" },
    { "r allow kea subject.CN~(?xi)kea", KELVIN "ea", "ambiguous", "no-match" },
    { "r allow kea subject.CN~(?^i)kea", KELVIN "ea", "ambiguous", "ambiguous" },
    { "r allow kea subject.CN~(?-x:(?i:KEA))", KELVIN "ea", "ambiguous", "no-match" },
    { "r allow staff subject.CN~(?i)staff", LONG_S "taff", "ambiguous", "no-match" },
    { "r allow staff subject.CN~(?i).*staff", "a" LONG_S "taff", "ambiguous", "no-match" },
    { "r deny subject.CN~(?i)mallory-kea\nz allow u any", "mallory-" KELVIN "ea", "denied-by-rule", "=u" },
    { "r deny subject.CN~(?i).*staff.*\nz allow u any", "x" LONG_S "taffy", "denied-by-rule", "=u" },
    { "r allow u subject.O=x subject.CN!~(?i)staff", LONG_S "taff", "ambiguous", "=u" },
    { "r deny any subject.CN!~(?i)kea\nz allow u any", KELVIN "ea", "denied-by-rule", "denied-by-rule" },
    /* a text without what the regex needs does not match, and where no regex ignores case letters are letters */
    { "r allow kea subject.CN~(?i)kea", KELVIN "eb", "no-match", "no-match" },
    { "r allow kea subject.CN~kea|" KELVIN "ea", KELVIN "ea", "=kea", "=kea" },
    { "r allow kea subject.CN=kea", KELVIN "ea", "no-match", "no-match" },
    { "r allow kea subject.CN=" KELVIN "EA", KELVIN "ea", "=kea", "=kea" },
    { "r allow u subject.CN~\\d", "\331\241", "no-match", "no-match" }, /* an Arabic digit */
    { "r allow u subject.CN~\\w", "\303\274", "no-match", "no-match" },
    { "r allow u subject.CN~(*UCP)\\w", "\303\274", "=u", "=u" },
};

static void test_caseless(void)
{
    apr_size_t i;

    for (i = 0; i < sizeof(caseless) / sizeof(caseless[0]); i++) {
        const char *expected = keeps_apart() ? caseless[i].apart : caseless[i].before;

        decides(caseless[i].rule, person("O", "x", "CN", caseless[i].cn, NULL), expected,
                apr_pstrcat(pool, caseless[i].rule, "; ", caseless[i].cn, NULL));
    }
    if (!keeps_apart()) {
        certmap_list_t list = { .rules = rules_of("r allow kea subject.CN~(?i)kea") };
        certmap_verdict_t verdict = { .reason = CERTMAP_R_NONE };
        certmap_decision_t d;

        certmap_decide(QUESTION(&list, person("CN", KELVIN "ea", NULL), &verdict, CERTMAP_WEAK, NOW), &d, pool);
        is_str(d.detail,
               "rule r: matcher error: subject.CN~(?i)kea: the value has U+212A or U+017F in it, which a "
               "regex that ignores case takes for k or s",
               "and why");
    }
}

/* A condition, a URI, whether it holds. */
static const struct {
    const char *cond;
    const char *uri;
    int holds;
} uris[] = {
    { "san.uri=spiffe://x/sa/payments", "spiffe://x/sa/payments", 1 },
    { "san.uri=spiffe://x/sa/payments", "spiffe://x/sa/Payments", 0 },
    { "san.uri=SPIFFE://X/sa/payments", "spiffe://x/sa/payments", 1 },
    { "san.uri=spiffe://x/sa/payments", "Spiffe://X/sa/payments", 1 },
    { "case:san.uri=spiffe://x/sa/payments", "Spiffe://x/sa/payments", 0 },
    { "case:san.uri=spiffe://x/sa/Payments", "spiffe://x/sa/Payments", 1 },
    { "san.uri=spiffe://x/sa/*", "SPIFFE://X/sa/Payments", 1 },
    { "san.uri=spiffe://x/SA/*", "spiffe://x/sa/Payments", 0 },
    { "san.uri=spiffe://*/sa/Payments", "spiffe://x/sa/Payments", 1 },
    { "san.uri=spiffe://*/sa/Payments", "spiffe://x/sa/payments", 0 },
    { "san.uri=spiffe://*/sa/payments", "spiffe://x/sa/Payments", 0 },
    { "san.uri=*/sa/P?yments", "spiffe://x/sa/Payments", 1 },
    { "san.uri=*/sa/P?yments", "spiffe://x/sa/payments", 0 },
    { "san.uri=*Example.ORG/x", "https://www.example.org/x", 1 },
    { "san.uri=*Example.ORG/x", "https://www.EXAMPLE.org/x", 1 },
    { "san.uri=*Example.ORG/x", "https://www/example.org/x", 0 },
    { "san.uri=*Example.ORG/x", "https://www/Example.ORG/x", 1 },
    { "san.uri=S*x/A", "spiffe://x/A", 1 },
    { "san.uri=S*x/A", "spiffe://x/a", 0 },
    { "san.uri=?PIFFE:*", "spiffe://x/a", 1 },
    { "case:san.uri=*Example.ORG/x", "https://www.example.org/x", 0 },
    { "san.uri=https://Ann@x/y", "https://Ann@X/y", 1 },
    { "san.uri=https://ann@x/y", "https://Ann@x/y", 0 },
    { "san.uri=https://A*@X/y", "https://Ann@x/y", 1 },
    { "san.uri=https://A*@X/y", "https://ann@x/y", 0 },
    { "san.uri=https://x:443/", "https://X:443/", 1 },
    { "san.uri=https://[2001:DB8::1]/", "https://[2001:db8::1]/", 1 },
    { "san.uri=https://x?A", "https://X?A", 1 },
    { "san.uri=https://x\\?a", "https://x?A", 0 },
    { "san.uri=https://x#a", "https://x#A", 0 },
    { "san.uri=https://x#a", "https://X#a", 1 },
    { "san.uri=Urn:x:Y*", "URN:x:Yz", 1 },
    { "san.uri=Urn:x:Y*", "URN:x:yz", 0 },
    { "san.uri=Urn:*Y", "urn://y", 1 },
    { "san.uri=Urn:*Y", "urn:y", 0 },
    { "san.uri=Https://A*", "https://ab/", 1 },
    { "san.uri=Https://A*", "https://ab@c/", 0 },
    { "san.uri=Https://A*", "https://Ab@c/", 1 },
    { "san.uri=Https://A/B*", "https://a/Bc", 1 },
    { "san.uri=Https://A/B*", "https://a/bc", 0 },
    { "san.uri=urn:x:Y", "URN:x:Y", 1 },
    { "san.uri=urn:x:y", "urn:x:Y", 0 },
    { "san.uri=tag:microsoft.com,2022-09-14:a", "TAG:microsoft.com,2022-09-14:a", 1 },
    { "san.uri=tag:microsoft.com,2022-09-14:a", "tag:Microsoft.com,2022-09-14:a", 0 },
    { "san.uri=/a/b", "/A/b", 0 },
    { "san.uri=1x://A/b", "1x://a/b", 0 },
    { "\"san.uri=urn:x y\"", "urn:x  y", 0 },
    { "\"san.uri=urn:x  y\"", "urn:x  y", 1 },
    { "san.uri~spiffe://x/sa/payments", "spiffe://x/sa/Payments", 0 },
    { "san.uri~spiffe://x/sa/[A-Z]ayments", "spiffe://x/sa/Payments", 1 },
    { "any san.uri!=spiffe://x/sa/payments", "spiffe://x/sa/Payments", 1 },
    { "any san.uri!=spiffe://x/sa/payments", "spiffe://X/sa/payments", 0 },
};

static void test_uris(void)
{
    apr_size_t i;

    for (i = 0; i < sizeof(uris) / sizeof(uris[0]); i++) {
        apr_size_t n = strlen(uris[i].uri);
        const char *san = apr_psprintf(pool, "DER:30%02x86%02x%s", (unsigned)n + 2, (unsigned)n,
                                       certmap_hex((const unsigned char *)uris[i].uri, n, pool).data);

        decides(apr_psprintf(pool, "r allow u %s", uris[i].cond), person("CN", "x", "ext:subjectAltName", san, NULL),
                uris[i].holds ? "=u" : "no-match", apr_pstrcat(pool, uris[i].cond, "; ", uris[i].uri, NULL));
    }
}

/* ---- A-labels --------------------------------------------------------------------------------------------------- */

/* Those of RFC 3492, 7.1 that are in lower case or have none, as one label each; NULL: none is certain. */
static const char *const labels[][2] = {
    { "\331\204\331\212\331\207\331\205\330\247\330\250\330\252\331\203\331\204\331\205\331\210\330\264\330\271\330\261"
      "\330\250\331\212\330\237",
      NULL }, /* a question mark is not a letter */
    { "\344\273\226\344\273\254\344\270\272\344\273\200\344\271\210\344\270\215\350\257\264\344\270\255\346\226\207",
      "xn--ihqwcrb4cv8a8dqg056pqjye" },
    { "\344\273\226\345\200\221\347\210\262\344\273\200\351\272\275\344\270\215\350\252\252\344\270\255\346\226\207",
      "xn--ihqwctvzc91f659drss3x8bo0yb" },
    { "\327\234\327\236\327\224\327\224\327\235\327\244\327\251\327\225\327\230\327\234\327\220\327\236"
      "\327\223\327\221\327\250\327\231\327\235\327\242\327\221\327\250\327\231\327\252",
      "xn--4dbcagdahymbxekheh6e0a7fei0b" },
    { "3\345\271\264b\347\265\204\351\207\221\345\205\253\345\205\210\347\224\237", "xn--3b-ww4c5e180e575a65lsy2b" },
    { "b\303\274cher", "xn--bcher-kva" },
    { "\303\274", "xn--tda" },
    { "a.b\303\274cher.\303\274", "a.xn--bcher-kva.xn--tda" },
    { "plain.example", "plain.example" },
    { "\303\234", NULL },
    { "\357\254\201", NULL }, /* a ligature */
    { "a\314\210", NULL },    /* a mark apart */
    { "\303\274 b", NULL },
    { "\303\274aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", NULL },
};

static void test_labels(void)
{
    apr_size_t i;

    for (i = 0; i < sizeof(labels) / sizeof(labels[0]); i++) {
        is_str(certmap_a_labels((certmap_str_t){ labels[i][0], strlen(labels[i][0]) }, pool), labels[i][1],
               apr_pstrcat(pool, "A-labels of ", labels[i][0], NULL));
    }
}

int main(void)
{
    plan(0);
    fixture_start();
    test_labels();
    test_caseless();
    test_uris();
    test_complaints();
    test_places();
    test_names();
    test_strength();
    test_reach();
    test_lint();
    test_text();
    return fixture_done();
}
