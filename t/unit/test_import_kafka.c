/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Import of Kafka's ssl.principal.mapping.rules: each case of its documentation, of Java's properties and of its
 * replacements, and what the rules that come out make of certificates, against what Kafka makes of their subjects.
 */
#include "import_fixture.h"

static const import_case_t cases[] = {
    /* the documentation's own: a text of any length is not a part of a name */
    { "the documentation's list",
      "RULE:^CN=(.*?),OU=ServiceUsers.*$/$1/,RULE:^CN=(.*?),OU=(.*?),O=(.*?),L=(.*?),ST="
      "(.*?),"
      "C=(.*?)$/$1@$2/L,RULE:^.*[Cc][Nn]=([a-zA-Z0-9.]*).*$/$1/L,DEFAULT",
      { NULL },
      "",
      "have more parts",
      4 },
    { "one name",
      "RULE:^CN=serviceuser,OU=ServiceUsers,O=Unknown,C=Unknown$/serviceuser/",
      { NULL },
      "serviceuser allow serviceuser case:subject=CN=serviceuser,OU=ServiceUsers,O=Unknown,C=Unknown\n",
      NULL,
      0 },
    { "a group",
      "RULE:^CN=(ann),O=Example Ltd$/$1@example/",
      { NULL },
      "ann-example allow ann@example \"case:subject=CN=ann,O=Example Ltd\"\n",
      NULL,
      0 },
    { "without anchors", "RULE:CN=(ann),O=x/$1/", { NULL }, "ann allow ann case:subject=CN=ann,O=x\n", NULL, 0 },
    { "upper and lower",
      "RULE:CN=Ann,O=x/Ann/U,RULE:CN=Bob,O=x/Bob/L",
      { NULL },
      "ANN allow ANN case:subject=CN=Ann,O=x\nbob allow bob case:subject=CN=Bob,O=x\n",
      NULL,
      0 },
    { "alternatives, classes, counts",
      "RULE:^CN=((?:a|b)[1-2]{2}c?),O=x$/$1/",
      { NULL },
      "a11 allow a11 case:subject=CN=a11,O=x\na11c allow a11c case:subject=CN=a11c,O=x\n"
      "a12 allow a12 case:subject=CN=a12,O=x\na12c allow a12c case:subject=CN=a12c,O=x\n"
      "a21 allow a21 case:subject=CN=a21,O=x\na21c allow a21c case:subject=CN=a21c,O=x\n"
      "a22 allow a22 case:subject=CN=a22,O=x\na22c allow a22c case:subject=CN=a22c,O=x\n"
      "b11 allow b11 case:subject=CN=b11,O=x\nb11c allow b11c case:subject=CN=b11c,O=x\n"
      "b12 allow b12 case:subject=CN=b12,O=x\nb12c allow b12c case:subject=CN=b12c,O=x\n"
      "b21 allow b21 case:subject=CN=b21,O=x\nb21c allow b21c case:subject=CN=b21c,O=x\n"
      "b22 allow b22 case:subject=CN=b22,O=x\nb22c allow b22c case:subject=CN=b22c,O=x\n",
      NULL,
      0 },
    { "alternatives without anchors", "RULE:CN=(a|ab),O=x/$1/", { NULL }, "", "not anchored", 1 },
    { "too many names", "RULE:^CN=[a-z][a-z],O=x$/u/", { NULL }, "", "more than 64 names", 1 },
    { "what stands for more than a few names",
      "RULE:^CN=(?i)a$/u/,RULE:^CN=[a-/$1/,RULE:^CN=[^a]$/u/,"
      "RULE:^CN=[a-Z]$/u/,RULE:^CN=\\d$/u/,RULE:^CN=a^$/u/,RULE:^CN=a{2$/u/,"
      "RULE:^CN=a{0}$/u/,RULE:^CN=a{2}?$/u/,RULE:^CN=a??$/u/,"
      "RULE:^CN=[]$/u/,RULE:^CN=(a$/u/,RULE:^CN=a)$/u/,RULE:^CN=a+$/u/",
      { NULL },
      "",
      "a class of its pattern is empty or has no end",
      14 },
    { "many groups", "RULE:^(C)(N)(=)(a)(,)(O)(=)(x)()()$/$1/", { NULL }, "", "more than 9 groups", 1 },
    { "many alternatives",
      "RULE:^CN=(a|b|c|d)(a|b|c|d)(a|b|c|d)(a|b|c|d),O=x$/u/",
      { NULL },
      "",
      "more than 64 names",
      1 },
    { "a class after one that is left out",
      "RULE:^CN=[a-c]*,O=x$/u/,RULE:^CN=d,O=x$/v/,"
      "RULE:^CN=[[:alpha:]]+,O=x$/w/,"
      "RULE:^CN=e,O=x$/z/",
      { NULL },
      "v allow v case:subject=CN=d,O=x\n",
      "may catch this name",
      3 },
    { "an escaped dot, and one that is not",
      "RULE:^CN=a\\.b,O=x$/u/,RULE:^CN=a.b,O=x$/v/",
      { NULL },
      "u allow u case:subject=CN=a.b,O=x\n",
      "have more parts",
      1 },
    { "an escaped slash", "RULE:^CN=a\\/b,O=x$/c\\/d/", { NULL }, "c-d allow c/d case:subject=CN=a/b,O=x\n", NULL, 0 },
    { "an escaped comma", "RULE:^CN=a\\\\,b,O=x$/u/", { NULL }, "", "for the name", 1 },
    { "no text of Java's",
      "RULE:^cn=a,O=x$/u/,RULE:^CN=a, O=x$/u/,RULE:^emailAddress=a@b$/u/,RULE:^$/u/",
      { NULL },
      "",
      "no name is written like this",
      4 },
    { "references",
      "RULE:^CN=(a)(b),O=x$/$2$1$0/,RULE:^CN=c(d),O=x$/$1x$10/",
      { NULL },
      "baCN-ab-O-x allow baCN=ab,O=x case:subject=CN=ab,O=x\ndxd0 allow dxd0 case:subject=CN=cd,O=x\n",
      NULL,
      0 },
    { "references to nothing",
      "RULE:^CN=a,O=x$/$1/,RULE:^CN=(b),O=x$/$2/,RULE:^CN=c,O=x$/u$/,RULE:^CN=d,O=x$/\\$1/",
      { NULL },
      "",
      "its replacement",
      4 },
    { "a group that takes no part",
      "RULE:^CN=a(b)?,O=x$/u$1/",
      { NULL },
      "u allow u case:subject=CN=a,O=x\nub allow ub case:subject=CN=ab,O=x\n",
      NULL,
      0 },
    { "the first rule wins",
      "RULE:^CN=a,O=x$/u/,RULE:^CN=(a|b),O=x$/v$1/",
      { NULL },
      "u allow u case:subject=CN=a,O=x\nvb allow vb case:subject=CN=b,O=x\n",
      "has this name already",
      1 },
    { "what a pattern left out catches",
      "RULE:^CN=(.*),OU=x$/$1/,RULE:^CN=a,OU=x$/u/,RULE:^CN=a,OU=y$/v/",
      { NULL },
      "v allow v case:subject=CN=a,OU=y\n",
      "may catch this name",
      2 },
    { "what a pattern may catch",
      "RULE:^CN=(?i)a,OU=x$/u/,RULE:^CN=a,OU=y$/v/",
      { NULL },
      "",
      "may catch this name",
      2 },
    { "behind DEFAULT",
      "RULE:^CN=a,O=x$/u/,DEFAULT,RULE:^CN=b,O=x$/v/",
      { NULL },
      "u allow u case:subject=CN=a,O=x\n",
      "never reached",
      2 },
    { "a user that is none", "RULE:^CN=a,O=x$/a:b/,RULE:^CN=b,O=x$//", { NULL }, "", "colon", 2 },
    { "a user that is a template",
      "RULE:^CN=a,O=x$/%{subject.CN}/",
      { NULL },
      "subject.CN allow %%{subject.CN} case:subject=CN=a,O=x\n",
      NULL,
      0 },
    { "with an issuer",
      "RULE:^CN=a,O=x$/u/",
      { .issuer = "CN=Test CA" },
      "u allow u case:subject=CN=a,O=x \"issuer=CN=Test CA\"\n",
      NULL,
      0 },
    { "an issuer that is none",
      "RULE:^CN=a,O=x$/u/",
      { .issuer = "nobody" },
      NULL,
      "the issuer \"nobody\" cannot be read",
      0 },
    { "properties",
      "# RULE:x\n!y\nbroker.id = 1\n  ssl.principal.mapping.rules : RULE:^CN=a\\\\.b,O=x$/u/L, \\\n"
      "\\\n      RULE:^CN=\\u0061,O=x$/v/\nother=\\\\\n",
      { NULL },
      "u allow u case:subject=CN=a.b,O=x\nv allow v case:subject=CN=a,O=x\n",
      NULL,
      0 },
    { "the last of two",
      "ssl.principal.mapping.rules=RULE:^CN=a,O=x$/u/\n"
      "ssl.principal.mapping.rules=RULE:^CN=a,O=x$/v/\n",
      { NULL },
      "v allow v case:subject=CN=a,O=x\n",
      NULL,
      0 },
    { "a listener's",
      "listener.name.int.ssl.principal.mapping.rules=RULE:^CN=a,O=x$/u/\n"
      "ssl.principal.mapping.rules=DEFAULT\n",
      { .map = "int" },
      "u allow u case:subject=CN=a,O=x\n",
      NULL,
      0 },
    { "several listeners",
      "listener.name.int.ssl.principal.mapping.rules=RULE:^CN=a,O=x$/u/\n"
      "ssl.principal.mapping.rules=DEFAULT\n",
      { NULL },
      NULL,
      "choose one (--map); there are rules for (\".\" means every "
      "listener): \"int\", \".\"",
      0 },
    { "no such listener", "ssl.principal.mapping.rules=DEFAULT\n", { .map = "x" }, NULL, "has no rules", 0 },
    { "no rules", "ssl.principal.mapping.rules=\n", { NULL }, "", "which is as DEFAULT", 1 },
    { "a wrong escape", "ssl.principal.mapping.rules=RULE:\\u00g1/u/\n", { NULL }, NULL, "\\u escape", 0 },
    { "no replacement", "RULE:^CN=a$", { NULL }, NULL, "rule 1: not RULE:", 0 },
    { "something behind", "RULE:^CN=a,O=x$/u/LU", { NULL }, NULL, "followed by something", 0 },
    { "something else", "DEFAULT,rule:x", { NULL }, NULL, "rule 2: not RULE:", 0 },
    { "another file", "broker.id=1\n", { NULL }, NULL, "there is no ssl.principal.mapping.rules here", 0 },
};

/* Subjects, most specific part last, and what Kafka makes of Java's text of them. */
static void test_decisions(void)
{
    static const certmap_import_options_t none;
    const char *text = imported(certmap_import_kafka,
                                "RULE:^CN=(kafka[12])\\.example\\.org,OU=Brokers,O=Example$/$1/,"
                                "RULE:^CN=Ann Lee,O=Example$/Ann/L",
                                &none);

    decides(text, person("O", "Example", "OU", "Brokers", "CN", "kafka1.example.org", NULL), "=kafka1", "a broker");
    decides(text, person("O", "Example", "OU", "Brokers", "CN", "kafka2.example.org", NULL), "=kafka2", "another");
    decides(text, person("O", "Example", "OU", "Brokers", "CN", "kafka3.example.org", NULL), "no-match", "no third");
    decides(text, person("O", "Example", "OU", "Brokers", "CN", "KAFKA1.example.org", NULL), "no-match",
            "Java sees case");
    decides(text, person("O", "Example", "OU", "Brokers", "CN", "kafka1.example.org", "UID", "x", NULL), "no-match",
            "a name with more parts");
    decides(text, person("O", "Example", "CN", "kafka1.example.org,OU=Brokers", NULL), "no-match", "a forged part");
    decides(text, person("O", "Example", "OU", "Brokers", "+CN", "kafka1.example.org", NULL), "no-match", "a set");
    decides(text, person("CN", "kafka1.example.org", "OU", "Brokers", "O", "Example", NULL), "no-match", "reversed");
    decides(text, person("O", "Example", "CN", "Ann Lee", NULL), "=ann", "in lower case");
    decides(text, person("O", "Example", "CN", "Ann  Lee", NULL), "no-match", "two blanks");
}

int main(void)
{
    plan(0);
    fixture_start();
    import_cases(certmap_import_kafka, cases, sizeof(cases) / sizeof(cases[0]));
    test_decisions();
    import_hostile(certmap_import_kafka, "a=b\\\n c\nssl.principal.mapping.rules=RULE:^CN=(a|[b-c]),O=\\u0061\\\n"
                                         "$/$1\\\\x/L,DEFAULT\n");
    return fixture_done();
}
