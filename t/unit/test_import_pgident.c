/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pg_ident.conf: the fields and expressions of PostgreSQL's documentation and tokenizer, which certificates may have
 * which role there (clientname=CN and DN), and that they get the first of these roles here, and nobody more.
 */
#include "import_fixture.h"
#include "rules/testing.h"

#define LEFT "# left out, line 1: "
#define CN(value) "all:case:subject.CN=" value
#define RE(pattern) "all:subject.CN~" pattern " subject.CN~" pattern

/* ---- lines --------------------------------------------------------------------------------------------------- */

static const import_outcome_t cases[] = {
    /* the documentation's example, and parts that take several lines of it */
    { .text = TEXT("# MAPNAME       SYSTEM-USERNAME         PG-USERNAME\n\n"
                   "omicron         bryanh                  bryanh\n"
                   "omicron         ann                     ann\n"
                   "# bob has user name robert on these machines\n"
                   "omicron         robert                  bob\n"
                   "# bryanh can also connect as guest1\n"
                   "omicron         bryanh                  guest1\n"),
      .expected = "omicron-3 allow bryanh " CN("bryanh") "\nomicron-4 allow ann " CN(
          "ann") "\n"
                 "omicron-6 allow bob " CN(
                     "robert") "\n"
                               "# left out, line 8: omicron         bryanh                  guest1\n"
                               "#     another role for the name in line 3; here a certificate has one user\n" },
    { .text = TEXT("mymap   /^(.*)@mydomain\\.com$      \\1\nmymap   /^(.*)@otherdomain\\.com$   guest\n"),
      .expected = "mymap-1 allow %{1} " RE("(.*)@mydomain\\.com") "\nmymap-2 allow guest "
                                                                  "" RE("(.*)@otherdomain\\.com") "\n" },
    { .text = TEXT("m a b"), .issuer = "CN=CA,O=x", .expected = "m-1 allow b " CN("a") " issuer=CN=CA,O=x\n" },
    /* names: quotes, comments, keywords */
    { .text = TEXT("m \"Ann Lee\" \"a \"\"b\"\"\" # and so on\r\n"),
      .expected = "m-1 allow \"a \\\"b\\\"\" \"" CN("Ann Lee") "\"\n" },
    { .text = TEXT("m Ann\" \"Lee ann#x"), .expected = "m-1 allow ann \"" CN("Ann Lee") "\"\n" },
    { .text = TEXT("m \"a,b\" \"c#d\""), .expected = "m-1 allow c#d " CN("a,b") "\n" },
    { .text = TEXT("m a*b? 50%"), .expected = "m-1 allow 50%% " CN("a\\*b\\?") "\n" },
    { .text = TEXT("m a \\\nb\nm \\\n c \\\n d\nm e f"),
      .expected = "m-1 allow b " CN("a") "\nm-3 allow d " CN("c") "\nm-6 allow f " CN("e") "\n" },
    { .text = TEXT("m a all\nm b \"all\"\nm c +staff\nm d \"+staff\"\nm e /^x\n"),
      .expected = LEFT
      "m a all\n#     \"all\" grants every role; here a certificate has one user\n"
      "m-2 allow all " CN(
          "b") "\n"
               "# left out, line 3: m c +staff\n#     this grants the roles of a group; here a certificate has "
               "one user\n"
               "m-4 allow +staff " CN("d") "\n"
                                           "# left out, line 5: m e /^x\n"
                                           "#     this grants every role that a regular expression matches; "
                                           "here a certificate has one user\n" },
    { .text = TEXT("m a \\1"),
      .expected = LEFT "m a \\1\n"
                       "#     \\1 stands for nothing where the system name is not a regular expression\n" },
    { .text = TEXT("m a b:c"), .expected = LEFT "m a b:c\n#     USER: the user name has a colon in it\n" },
    { .text = TEXT("m a b extra words"), .expected = "m-1 allow b " CN("a") "\n" },
    /* names of clientname=DN, as OpenSSL writes RFC 2253 */
    { .text = TEXT("m \"CN=Ann Lee,OU=Staff,C=US\" ann"),
      .expected = "m-1 allow ann \"case:subject=CN=Ann Lee,OU=Staff,C=US\"\n" },
    { .text = TEXT("m CN=Jos\\C3\\A9 j"), .expected = "m-1 allow j case:subject=CN=Jos\xc3\xa9\n" },
    { .text = TEXT("m CN=Jos\xc3\xa9 j"),
      .expected = LEFT "m CN=Jos\xc3\xa9 j\n"
                       "#     no certificate's name is written like this; OpenSSL would write CN=Jos\\C3\\A9\n" },
    { .text = TEXT("m \"CN=a, O=b\" c"),
      .expected = LEFT "m \"CN=a, O=b\" c\n"
                       "#     no certificate's name is written like this; OpenSSL would write CN=a,O=b\n" },
    { .text = TEXT("m /CN=a,O=b c"),
      .expected = "error 1: several values in one field: PostgreSQL does not load "
                  "this file "
                  "(quote a name that has a comma)\n" },
    { .text = TEXT("m foo=bar c"), .expected = "m-1 allow c " CN("foo=bar") "\n" },
    /* files that PostgreSQL does not load, or not alone */
    { .text = TEXT("m a b\nm a"),
      .expected = "error 2: the role is missing: a line is MAP-NAME SYSTEM-NAME ROLE, and "
                  "PostgreSQL does not load this file\n" },
    { .text = TEXT("m"),
      .expected = "error 1: the system name is missing: a line is MAP-NAME SYSTEM-NAME ROLE, and "
                  "PostgreSQL does not load this file\n" },
    { .text = TEXT("m a,b c"),
      .expected = "error 1: several values in one field: PostgreSQL does not load this file "
                  "(quote a name that has a comma)\n" },
    { .text = TEXT("include more.conf"),
      .expected = "error 1: include names another file, which is not read; put "
                  "its text "
                  "here\n" },
    { .text = TEXT("include_dir d\ninclude_if_exists e"),
      .expected = "error 1: include_dir names another file, which is not read; put its text here\n"
                  "error 2: include_if_exists names another file, which is not read; put its text here\n" },
    { .text = TEXT("include a b"), .expected = "include-1 allow b " CN("a") "\n" },
    { .text = TEXT("m @users b"),
      .expected = "error 1: @users names another file, which is not read; put its text "
                  "here\n" },
    { .text = TEXT("m \"@users\" b"), .expected = "m-1 allow b " CN("@users") "\n" },
    /* maps */
    { .text = TEXT("m a b\nn a c\nm d e"),
      .expected = "error 1: there are several maps; say which one with --map: m n\n" },
    { .text = TEXT("m a b\nn a c\nm d e"),
      .map = "m",
      .expected = "m-1 allow b " CN("a") "\nm-3 allow e " CN("d") "\n" },
    { .text = TEXT("m a b\nn a c\nm d e"),
      .map = "M",
      .expected = "error 1: there is no map \"M\" here; there are: m n\n" },
    { .text = TEXT("m a b"),
      .issuer = "/",
      .expected = "error 1: the issuer \"/\" cannot be read: TYPE=VALUE expected "
                  "here\n" },
    { .text = TEXT("\xef\xbb\xbfm a b"),
      .expected = "error 1: the text begins with a byte order mark, which would "
                  "be part "
                  "of its first word; save it without one\n" },
    /* expressions about DNs, or perhaps about them */
    { .text = TEXT("m /^CN=(.*)$ \\1"),
      .expected = LEFT "m /^CN=(.*)$ \\1\n"
                       "#     a regular expression about whole DNs; a rule asks for attributes\n" },
    { .text = TEXT("m /^a r\nm ann r\nn CN=x r\nm CN=b r"),
      .map = "m",
      .expected =
          "error 4: the map has a name for "
          "clientname=DN in line 4 and one for clientname=CN in line 2; pg_hba.conf says which of them count: import a "
          "file that has these alone\n" },
    { .text = TEXT("m /^a r\nm CN=b r"),
      .expected = LEFT "m /^a r\n"
                       "#     the map has a DN in line 2, so this may be about DNs; a rule asks for attributes\n"
                       "m-2 allow r case:subject=CN=b\n" },
    /* \1 */
    { .text = TEXT("m /^([a-z]+)@.*$ x_\\1_%"), .expected = "m-1 allow x_%{1}_%% " RE("([a-z]+)@.*") "\n" },
    { .text = TEXT("m /^(.*)@(.*)$ \\1"),
      .expected = LEFT "m /^(.*)@(.*)$ \\1\n"
                       "#     what \\1 is may differ: more than one part of it may give way to another\n" },
    { .text = TEXT("m /(.*)@x \\1"),
      .expected = LEFT "m /(.*)@x \\1\n"
                       "#     what \\1 is may differ: it is not anchored with ^ and $\n" },
    { .text = TEXT("m /^(a|ab)(c|bcd)$ \\1"),
      .expected = LEFT "m /^(a|ab)(c|bcd)$ \\1\n"
                       "#     what \\1 is may differ: several branches\n" },
    { .text = TEXT("m /^(a)*b$ \\1"),
      .expected = LEFT "m /^(a)*b$ \\1\n"
                       "#     what \\1 is may differ: a group that is repeated\n" },
    { .text = TEXT("m /^(.*)@x$ \\1\\1"),
      .expected = LEFT "m /^(.*)@x$ \\1\\1\n"
                       "#     \\1 appears twice in the role, and only the first is replaced\n" },
    /* a line that fails for the names that it matches: none of them gets to the lines after it */
    { .text = TEXT("m a r\nm /^.*@x$ \\1\nm b@x s"),
      .expected = "m-1 allow r " CN("a") "\nm-2 deny subject.CN~.*@x\nm-3 allow s " CN("b@x") "\n" },
    { .text = TEXT("m a r\nm /^.@x$ \\1\nm b@x s"),
      .expected = "m-1 allow r " CN(
          "a") "\n# left out, line 2: m /^.@x$ \\1\n"
               "#     where it would deny cannot be said exactly\n# left out, line 3: m b@x s\n"
               "#     line 2 fails in PostgreSQL for the names that it meets, before this line is looked at\n" },
    { .text = TEXT("m /\\yx \\1\nm b s"),
      .expected = LEFT
      "m /\\yx \\1\n"
      "#     the regular expression has no exact equivalent: an escape that is not known here\n"
      "# left out, line 2: m b s\n"
      "#     line 1 fails in PostgreSQL for the names that it meets, before this line is looked at\n" },
};

/* ---- regular expressions ------------------------------------------------------------------------------------- */

static const struct {
    const char *are;
    const char *pattern; /* or, after "!", why there is none */
} expressions[] = {
    { "^abc$", "abc" },
    { "^abc", "abc.*" },
    { "abc$", ".*abc" },
    { "abc", ".*abc.*" },
    { "^a|b$", ".*(?:^a|b$).*" },
    { "^(a|b)$", "(a|b)" },
    { "^(?:a|b)c$", "(?:a|b)c" },
    { "^a.c$", "a[ -~]c" },
    { "^a.*c.+$", "a.*c.+" },
    { "^.{2,3}$", "[ -~]{2,3}" },
    { "^.{2,}$", "[ -~]{2,}" },
    { "^[a-c]x$", "[a-c]x" },
    { "^[^@]+@x$", "[^@]+@x" },
    { "^[^@]@x$", "[ -?A-~]@x" },
    { "^[]a]$", "[\\]a]" },
    { "^[a\\]-]$", "[\\-\\]a]" },
    { "^[[:alpha:]_]$", "[A-Z_a-z]" },
    { "^[\\d.]$", "[.0-9]" },
    { "^\\d\\w\\s$", "[0-9][0-9A-Z_a-z][ ]" },
    { "^a\\.b\\\\$", "a\\.b\\\\" },
    { "^a{x$", "a\\{x" },
    { "^a]}$", "a\\]\\}" },
    { "^a{3}b*?$", "a{3,3}b*?" },
    { "^Jos\xc3\xa9$", "Jos\xc3\xa9" },
    { "^[^[:print:]]+$", "[^ -~]+" },
    { "^", ".*" },
    { "^^a$", "^a" },
    { "", "!an empty branch" },
    { "a||b", "!an empty branch" },
    { "a|", "!an empty branch" },
    { "()", "!an empty "
            "branch" },
    { "***=abc", "!a quantifier with nothing before it" },
    { "*a", "!a quantifier with nothing before it" },
    { "a**", "!a quantifier after a quantifier" },
    { "a*+", "!a quantifier after a quantifier" },
    { "^*", "!a quantifier after an anchor" },
    { "\xc3\xa9+", "!a quantifier after a character that is not ASCII" },
    { "(?i)a", "!an option, or a constraint on what comes before or after" },
    { "(?=a)", "!an option, or a constraint on what comes before or after" },
    { "(?<!a)b", "!an option, or a constraint on what comes before or after" },
    { "(a)\\1", "!an escape that is not known here" },
    { "\\ma", "!an escape that is not known here" },
    { "\\Aa", "!an escape that is not known here" },
    { "a\\", "!an escape that is not known here" },
    { "\\D", "!an escape that is not known here" },
    { "[\\n]", "!an escape in a bracket expression that is not known "
               "here" },
    { "[[.-.]]", "!an element of a bracket expression that is not known here" },
    { "[[:<:]]a", "!an element of a bracket expression that is not known here" },
    { "[[=a=]]", "!an element of a bracket expression that is not known here" },
    { "[z-a]", "!a range in a bracket expression that runs backwards" },
    { "[a-c-e]", "!a range after a range" },
    { "[\\w-z]", "!a range after a class" },
    { "[a", "!a bracket expression without an end" },
    { "[\xc3\xa9]", "!a bracket expression with characters that are not printable ASCII" },
    { "(a", "!a group without an end" },
    { "a)", "!a parenthesis that ends no group" },
    { "a{1,x}", "!a bound that is not known here" },
    { "a{2,1}", "!a bound that is not known here" },
    { "a{256}", "!a bound that is not known here" },
    { "a{1", "!a bound that is not known here" },
    { "\xff", "!a character that no name has" },
    { "[^ -~[:space:]]?", "!a bracket expression that no character "
                          "meets" },
};

static void test_expressions(void)
{
    apr_size_t i;

    for (i = 0; i < sizeof(expressions) / sizeof(expressions[0]); i++) {
        const char *quoted = apr_pstrcat(pool, "m \"/", expressions[i].are, "\" r", NULL);
        const char *want = expressions[i].pattern;
        certmap_import_result_t result;
        const char *got = NULL;
        const char *end;

        if (import_run(certmap_import_pgident, (certmap_str_t){ quoted, strlen(quoted) }, NULL, &result)
            == APR_SUCCESS) {
            if (result.carried == 1) {
                certmap_list_t list = { .rules = rules_of(result.text.data) };

                got = certmap_cond_text(certmap_rule_cond(certmap_ruleset_rule(list.rules, 0), 1));
                got += strlen("subject.CN~");
            }
            else if ((got = strstr(result.text.data, "no exact equivalent: ")) != NULL) {
                got += strlen("no exact equivalent: ");
                end = strchr(got, '\n');
                got = apr_pstrcat(pool, "!", apr_pstrmemdup(pool, got, (apr_size_t)(end - got)), NULL);
            }
        }
        is_str(got, want, apr_pstrcat(pool, "/", expressions[i].are, NULL));
    }
    {
        char *deep = apr_palloc(pool, 5000);

        memset(deep, '(', 4999);
        memcpy(deep, "m \"/", 4);
        memcpy(deep + 4000, "\" r", 4);
        ok(strstr(outcome(certmap_import_pgident, (certmap_str_t){ deep, 4003 }, NULL, NULL), "too many "
                                                                                              "groups")
               != NULL,
           "4000 parentheses");
        memset(deep, 'a', 4999);
        memcpy(deep, "m \"/", 4);
        memcpy(deep + 4990, "\" r", 4);
        ok(strstr(outcome(certmap_import_pgident, (certmap_str_t){ deep, 4993 }, NULL, NULL), "4096 bytes") != NULL,
           "nearly 5000 letters");
    }
}

/* ---- certificates -------------------------------------------------------------------------------------------- */

static const char by_cn[] = "m bob@example.org admin\n"
                            "m bob@example.org other\n"
                            "m \"/^([a-z]+)@example\\.org$\" \\1\n"
                            "m /@guest\\.example$ guest\n"
                            "m /^.*@bad$ \\1\n"
                            "m x@bad never\n"
                            "m \"/^[^@]@one$\" one\n";

static const import_person_t cn_people[] = {
    { .pairs = { "CN", "bob@example.org" }, .expected = "=admin" },
    { .issuer = "CN=Test CA", .pairs = { "CN", "bob@example.org" }, .expected = "=admin" },
    { .issuer = "CN=Test CA", .pairs = { "CN", "bob@example.org", "issuer.CN", "x" }, .expected = "no-match" },
    { .pairs = { "CN", "Bob@example.org" }, .expected = "no-match" },
    { .pairs = { "CN", "ann@example.org" }, .expected = "=ann" },
    { .pairs = { "CN", "ann@exampleXorg" }, .expected = "no-match" },
    { .pairs = { "CN", "ann@example.org.evil" }, .expected = "no-match" },
    { .pairs = { "CN", "xann@example.org", "OU", "y" }, .expected = "=xann" },
    { .pairs = { "OU", "ann@example.org" }, .expected = "no-match" },
    { .pairs = { "CN", "any body@guest.example" }, .expected = "=guest" },
    { .pairs = { "CN", "Jos\xc3\xa9@guest.example" }, .expected = "=guest" },
    { .pairs = { "CN", "a@guest.example.org" }, .expected = "no-match" },
    { .pairs = { "CN", "x@bad" }, .expected = "denied-by-rule" },
    { .pairs = { "CN", "a@one" }, .expected = "=one" },
    { .pairs = { "CN", "\xc3\xa9@one" }, .expected = "no-match" }, /* two bytes there */
    { .pairs = { "CN", "ab@one" }, .expected = "no-match" },
    /* of several CNs PostgreSQL takes the first: here nobody gets in that the first would not let in */
    { .pairs = { "CN", "zed", "CN", "bob@example.org" }, .expected = "no-match" },
    { .pairs = { "CN", "bob@example.org", "CN", "zed" }, .expected = "no-match" },
    { .pairs = { "CN", "bob@example.org", "CN", "bob@example.org" }, .expected = "=admin" },
    { .pairs = { "CN", "zed", "CN", "a@guest.example" }, .expected = "no-match" },
    { .pairs = { "CN", "a@guest.example", "CN", "b@guest.example" }, .expected = "=guest" },
    { .pairs = { "CN", "ann@example.org", "CN", "eve@example.org" }, .expected = "ambiguous" },
};

static const char by_dn[] = "m \"CN=Ann Lee,OU=Staff,C=US\" ann\n"
                            "m \"UID=u+CN=Cid,O=x\" cid\n"
                            "m \"CN=Smith\\, J,O=x\" smith\n"
                            "m CN=Jos\\C3\\A9 jose\n";

static const import_person_t dn_people[] = {
    { .pairs = { "C", "US", "OU", "Staff", "CN", "Ann Lee" }, .expected = "=ann" },
    { .pairs = { "C", "US", "OU", "staff", "CN", "Ann Lee" }, .expected = "no-match" },
    { .pairs = { "C", "US", "OU", "Staff", "CN", "Ann  Lee" }, .expected = "no-match" },
    { .pairs = { "CN", "Ann Lee", "OU", "Staff", "C", "US" }, .expected = "no-match" },
    { .pairs = { "C", "US", "CN", "Ann Lee,OU=Staff" }, .expected = "no-match" },
    { .pairs = { "CN", "CN=Ann Lee,OU=Staff,C=US" }, .expected = "no-match" },
    { .pairs = { "O", "x", "CN", "Cid", "+UID", "u" }, .expected = "=cid" },
    { .pairs = { "O", "x", "CN", "Cid", "UID", "u" }, .expected = "no-match" },
    { .pairs = { "CN", "Jos\xc3\xa9" }, .expected = "=jose" },
    { .pairs = { "CN", "Jos\\C3\\A9" }, .expected = "no-match" },
    { .pairs = { "O", "x", "CN", "Smith, J" }, .expected = "=smith" },
    { .pairs = { "O", "x", "CN", "Smith", "+CN", " J" }, .expected = "no-match" },
};

int main(void)
{
    apr_size_t i;

    fixture_start();
    plan(0);
    for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        check_case(certmap_import_pgident, &cases[i]);
    }
    test_expressions();
    for (i = 0; i < sizeof(cn_people) / sizeof(cn_people[0]); i++) {
        check_person(certmap_import_pgident, by_cn, NULL, &cn_people[i]);
    }
    for (i = 0; i < sizeof(dn_people) / sizeof(dn_people[0]); i++) {
        check_person(certmap_import_pgident, by_dn, NULL, &dn_people[i]);
    }
    other_kinds(certmap_import_pgident);
    hostile(certmap_import_pgident, "m \"/^([a-z]+)@[^x]{2,3}(?:a|b)$\" \"a\"\"\\1\"\nm CN=a\\\\,b,O=c d # e\n"
                                    "m f \\\n g\nm /^.*h$ \\1\nm i +j\n");
    return fixture_done();
}
