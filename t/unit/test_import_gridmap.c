/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Grid-mapfiles: lines as the Globus Toolkit's documentation and its own reader have them, which account a certificate
 * gets there when it asks for none, and that it gets the same here.
 */
#include "import_fixture.h"

#define CA "CN=Grid CA,DC=org"
#define LEFT "# left out, line 1: "
#define FQAN                                                                                            \
    "#     a line of a vorolemap (dCache): a VOMS group or role follows the name, not an account; the " \
    "attributes with it are not read here\n"

/* ---- lines --------------------------------------------------------------------------------------------------- */

static const import_outcome_t cases[] = {
    /* as the documentation of grid-mapfiles writes them */
    { .text = TEXT("\"/O=Globus/OU=GT3 Tutorial/CN=Borja Sotomayor\" borja\n"),
      .expected = "\"X509:<S>O=Globus,OU=GT3 Tutorial,CN=Borja Sotomayor\" borja\n" },
    { .text = TEXT("\"/DC=org/DC=doegrids/OU=People/CN=Ann Lee 12345\" ann"),
      .issuer = CA,
      .expected = "\"dn:CN=Ann Lee 12345,OU=People,DC=doegrids,DC=org\" \"" CA "\" ann\n" },
    { .text = TEXT("/O=Grid/CN=ann ann"), .expected = "X509:<S>O=Grid,CN=ann ann\n" },
    { .text = TEXT(" \t\"/O=Grid/CN=ann\"\t \tann \n"), .expected = "X509:<S>O=Grid,CN=ann ann\n" },
    { .text = TEXT("\"/O=Grid/CN=ann\"ann"), .expected = "X509:<S>O=Grid,CN=ann ann\n" },
    { .text = TEXT("\"/O=Grid/CN=host/a.example.org\" daemon"),
      .expected = "X509:<S>O=Grid,CN=host/a.example.org daemon\n" },
    /* several accounts: the first is the one that Globus takes by itself */
    { .text = TEXT("\"/O=Grid/CN=ann\" ann,wheel,ops\n"),
      .expected = "X509:<S>O=Grid,CN=ann ann\n" LEFT "wheel,ops\n"
                  "#     accounts that this name may ask for instead of ann; here a certificate has one user\n" },
    { .text = TEXT("\"/O=Grid/CN=ann\" ann ops"),
      .expected = "X509:<S>O=Grid,CN=ann ann\n" LEFT "ops\n"
                  "#     accounts that this name may ask for instead of ann; here a certificate has one user\n" },
    { .text = TEXT("\"/O=Grid/CN=ann\" ann # since May"), .expected = "X509:<S>O=Grid,CN=ann ann\n" },
    { .text = TEXT("\"/O=Grid/CN=ann\" ,ann"),
      .expected = LEFT "\"/O=Grid/CN=ann\" ,ann\n"
                       "#     no account follows the name\n" },
    /* several lines of a name: the first one, whatever it says */
    { .text = TEXT("\"/O=Grid/CN=ann\" a\n\"/o=grid/cn=ANN\" b\n"),
      .expected = "X509:<S>O=Grid,CN=ann a\n"
                  "# left out, line 2: \"/o=grid/cn=ANN\" b\n#     Globus takes the first line of a name, line 1\n" },
    { .text = TEXT("\"/O=Grid/CN=ann\" .pool\n\"/O=Grid/CN=ann\" b\n"),
      .expected = LEFT
      "\"/O=Grid/CN=ann\" .pool\n"
      "#     a pool account: Globus chooses it at the first login, and keeps it in GRIDMAPDIR\n"
      "# left out, line 2: \"/O=Grid/CN=ann\" b\n#     Globus takes the first line of a name, line 1\n" },
    { .text = TEXT("\"/O=Grid/CN=ann\"\n\"/O=Grid/CN=ann\" b\n"),
      .expected = LEFT
      "\"/O=Grid/CN=ann\"\n"
      "#     no account follows the name\n"
      "# left out, line 2: \"/O=Grid/CN=ann\" b\n#     Globus takes the first line of a name, line 1\n" },
    /* other spellings of two attributes */
    { .text = TEXT("\"/O=Grid/Email=a@b.c\" a\n\"/O=Grid/E=b@b.c\" b\n\"/O=Grid/emailaddress=c@b.c\" c\n"
                   "\"/O=Grid/E=a@b.c\" d\n"),
      .expected = "X509:<S>O=Grid,emailAddress=a@b.c a\nX509:<S>O=Grid,emailAddress=b@b.c b\n"
                  "X509:<S>O=Grid,emailAddress=c@b.c c\n"
                  "# left out, line 4: \"/O=Grid/E=a@b.c\" d\n#     Globus takes the first line of a name, line 1\n" },
    { .text = TEXT("\"/O=Grid/USERID=a\" a\n\"/O=Grid/UID=b\" b\n"),
      .expected = "X509:<S>O=Grid,UID=a a\nX509:<S>O=Grid,UID=b b\n" },
    { .text = TEXT("\"/O=Grid/S=Texas\" a"),
      .expected = LEFT "\"/O=Grid/S=Texas\" a\n"
                       "#     no certificate's name is written like this; OpenSSL would write /O=Grid/ST=Texas\n" },
    { .text = TEXT("\"/O=Grid/foo=x\" a"),
      .expected = LEFT
      "\"/O=Grid/foo=x\" a\n"
      "#     \"/foo=\" may begin an attribute of an unknown type, or be part of the value before it\n" },
    /* escapes */
    { .text = TEXT("\"/O=Grid/CN=the \\\"boss\\\"\" a"),
      .expected = "\"X509:<S>O=Grid,CN=the \\\\\\\"boss\\\\\\\"\" a\n" },
    { .text = TEXT("\"/O=Grid/CN=a\\x42c\" a"), .expected = "X509:<S>O=Grid,CN=aBc a\n" },
    { .text = TEXT("\"/O=Grid/CN=Jos\\xc3\\xA9\" a\n\"/O=Grid/CN=Ren\xc3\xa9\" b"),
      .expected = "X509:<S>O=Grid,CN=Jos\xc3\xa9 a\nX509:<S>O=Grid,CN=Ren\xc3\xa9 b\n" },
    { .text = TEXT("\"/O=Grid/CN=a\\x00b\" a"),
      .expected = LEFT "\"/O=Grid/CN=a\\x00b\" a\n"
                       "#     no certificate that is accepted here has this name: NUL inside\n" },
    { .text = TEXT("\"/O=Grid/CN=\\xe9\" a"),
      .expected = LEFT "\"/O=Grid/CN=\\xe9\" a\n"
                       "#     no certificate that is accepted here has this name: not UTF-8\n" },
    /* what Globus cannot read */
    { .text = TEXT("\"/O=Grid/CN=ann ann\n\"/O=Grid/CN=b\" b"),
      .expected = LEFT "\"/O=Grid/CN=ann ann\n"
                       "#     the closing quote is missing\nX509:<S>O=Grid,CN=b b\n" },
    { .text = TEXT("\"/O=Grid/CN=ann\\\" ann"),
      .expected = LEFT "\"/O=Grid/CN=ann\\\" ann\n"
                       "#     the closing quote is missing\n" },
    { .text = TEXT("/O=Grid/CN=ann"), .expected = LEFT "/O=Grid/CN=ann\n#     no account follows the name\n" },
    /* what others put there */
    { .text = TEXT("\"/dteam/Role=production\" .dteam\n\"/dteam\" dteam\n\"/O=x/CN=y\" y"),
      .expected = LEFT "\"/dteam/Role=production\" .dteam\n"
                       "#     this is a VOMS group or role; the attributes with it are not read here\n"
                       "# left out, line 2: \"/dteam\" dteam\n"
                       "#     this is a VOMS group or role; the attributes with it are not read here\n"
                       "X509:<S>O=x,CN=y y\n" },
    /* a vorolemap of dCache: subject, VOMS group or role, user */
    { .text = TEXT("\"/O=Grid/CN=ann\" \"/dteam/Role=production\" prod\n\"/O=Grid/CN=b\" /dteam dteam\n"
                   "\"*\" \"/dteam\" dteam\n\"/O=Grid/CN=c\" c\n\"/O=Grid/CN=ann\" ann\n/O=x/CN=d \"\" d\n"),
      .expected = LEFT
      "\"/O=Grid/CN=ann\" \"/dteam/Role=production\" prod\n" FQAN
      "# left out, line 2: \"/O=Grid/CN=b\" /dteam dteam\n" FQAN "# left out, line 3: \"*\" \"/dteam\" dteam\n" FQAN
      "X509:<S>O=Grid,CN=c c\n"
      "# left out, line 5: \"/O=Grid/CN=ann\" ann\n#     Globus takes the first line of a name, line 1\n"
      "# left out, line 6: /O=x/CN=d \"\" d\n" FQAN },
    { .text = TEXT("/O=Grid/CN=z z\n\"/O=grid/*\" .grid\n\"/O=Grid/CN=a\" a\n\"/O=Other/CN=a\" b\n"),
      .expected = "X509:<S>O=Grid,CN=z z\n# left out, line 2: \"/O=grid/*\" .grid\n"
                  "#     this is a pattern (LCMAPS), or a name with '*' in it; write a rule for it\n"
                  "# left out, line 3: \"/O=Grid/CN=a\" a\n#     the pattern in line 2 may catch this name first\n"
                  "X509:<S>O=Other,CN=a b\n" },
    { .text = TEXT("\"CN=ann,O=Grid\" ann\n/O=x/CN=y y"),
      .expected = LEFT "\"CN=ann,O=Grid\" ann\n"
                       "#     Globus compares names with slashes (/DC=org/CN=Name), and never matches one with commas\n"
                       "X509:<S>O=x,CN=y y\n" },
    { .text = TEXT("\"/O=Grid/CN=ann/CN=proxy\" ann"),
      .expected = LEFT "\"/O=Grid/CN=ann/CN=proxy\" ann\n"
                       "#     this is the name of a proxy certificate, which Globus never looks for\n" },
    { .text = TEXT("\"/O=Grid/CN=ann\" a:b"),
      .expected = LEFT "\"/O=Grid/CN=ann\" a:b\n"
                       "#     USER: the user name has a colon in it\n" },
    { .text = TEXT("\"/O=Grid/CN=ann\" deny"),
      .expected = LEFT "\"/O=Grid/CN=ann\" deny\n"
                       "#     USER forgotten? a deny entry reads KEY - deny\n" },
    { .text = TEXT("\"/O=Grid/CN=ann\" -"),
      .expected = LEFT "\"/O=Grid/CN=ann\" -\n"
                       "#     \"-\" stands for no user; write KEY - deny\n" },
    { .text = TEXT("# a\r\n\"/O=Grid/CN=ann\" ann\r\n"), .expected = "X509:<S>O=Grid,CN=ann ann\n" },
    { .text = TEXT("bob\nann ann\n"),
      .expected = "error 1: no line of this text begins with a name (/DC=org/CN=Name): it is not a grid-mapfile\n" },
    { .text = TEXT("\xef\xbb\xbf/O=x/CN=y y"),
      .expected = "error 1: the text begins with a byte order mark, which would "
                  "be part of its first word; save it without one\n" },
    { .text = TEXT("/CN=a a"),
      .issuer = "CN=",
      .expected = "error 1: the issuer \"CN=\" cannot be read: a value is "
                  "missing after '='\n" },
};

/* ---- certificates -------------------------------------------------------------------------------------------- */

static const char map[] = "\"/DC=org/DC=grid/CN=Ann Lee\" ann,ops\n"
                          "\"/DC=org/DC=grid/CN=Bob\" .pool\n"
                          "\"/DC=org/DC=grid/CN=Bob\" bob\n"
                          "\"/DC=org/DC=grid/CN=host/a.example.org\" daemon\n"
                          "\"/DC=org/DC=grid/CN=Jos\\xC3\\xA9/Email=j@x.org\" jose\n"
                          "\"/DC=org/DC=grid/USERID=uma\" uma\n";

#define GRID "DC", "org", "DC", "grid"
#define GRID_CA "issuer.DC", "org", "issuer.CN", "Grid CA"

static const import_person_t people[] = {
    { .pairs = { GRID, "CN", "Ann Lee" }, .expected = "=ann" },
    { .issuer = CA, .pairs = { GRID, "CN", "Ann Lee", GRID_CA }, .expected = "=ann" },
    { .issuer = CA, .pairs = { GRID, "CN", "Ann Lee" }, .expected = "no-match" },
    { .pairs = { GRID, "CN", "ANN LEE" }, .expected = "=ann" }, /* strcasecmp() */
    { .pairs = { GRID, "CN", "Ann Lee", "CN", "12345" }, .expected = "no-match" },
    { .pairs = { GRID, "+CN", "Ann Lee" }, .expected = "no-match" },
    { .pairs = { "DC", "grid", "DC", "org", "CN", "Ann Lee" }, .expected = "no-match" },
    { .pairs = { "DC", "org", "DC", "grid/CN=Ann Lee" }, .expected = "no-match" },
    { .pairs = { GRID, "CN", "Bob" }, .expected = "no-match" },
    { .pairs = { GRID, "CN", "host/a.example.org" }, .expected = "=daemon" },
    { .pairs = { GRID, "CN", "Jos\xc3\xa9", "emailAddress", "j@x.org" }, .expected = "=jose" },
    { .pairs = { GRID, "UID", "uma" }, .expected = "=uma" },
    { .pairs = { GRID, "CN", "uma" }, .expected = "no-match" },
};

int main(void)
{
    apr_size_t i;

    fixture_start();
    plan(0);
    for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        check_case(certmap_import_gridmap, &cases[i]);
    }
    for (i = 0; i < sizeof(people) / sizeof(people[0]); i++) {
        check_person(certmap_import_gridmap, map, NULL, &people[i]);
    }
    other_kinds(certmap_import_gridmap);
    hostile(certmap_import_gridmap, "\"/O=Grid/CN=Ann \\\"Lee\" ann,b\n/O=x/UID=c c # d\n\"/O=x/*\" .p\n/O=x/E=f g\n");
    return fixture_done();
}
