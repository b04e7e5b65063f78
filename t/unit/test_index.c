/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The index gives the answer of the plain loop: random rules are put before random certificates of the same vocabulary,
 * with and without it, and every rule that does not clearly fail must be among the candidates. In every third
 * certificate one field is malformed, or of another type than text, each in turn. What a rule says must be what its
 * conditions say one by one, in any order. Also which literals are read from regexes.
 *
 * A pair is one rule and one certificate. CERTMAP_PAIRS asks for more of them than fit into an ordinary test run,
 * CERTMAP_SEED for others.
 */
#include <time.h>

#include "fixture.h"
#include "advice/testing.h"
#include "decide/testing.h"
#include "rules/testing.h"

#define PAIRS 3000000

/* ---- chance --------------------------------------------------------------------------------------------------- */

static apr_uint64_t state;

static unsigned chance(unsigned n)
{
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return (unsigned)((state >> 33) % n);
}

static int percent(unsigned n)
{
    return chance(100) < n;
}

#define PICK(list) ((list)[chance(sizeof(list) / sizeof((list)[0]))])

/* ---- the vocabulary ------------------------------------------------------------------------------------------- */

/* Made of few parts, so that texts share beginnings, ends and insides. */
static const char *const parts[] = {
    "ann",
    "bob",
    "Ann",
    "lee",
    "-",
    ".",
    " ",
    "  ",
    "x",
    "a",
    "aa",
    "ab",
    "007",
    "42",
    "user",
    "*",
    "?",
    "\\",
    "[k]",
    "(s)",
    "m\303\274ller",
    "\303\226",
    "\342\204\252",
    "\305\277",
    "ops",
    "k",
    "s",
    "1",
    "+",
    "|",
    "^",
    "$",
    "{2}",
};

/* What ordinary certificates hold. */
static const char *const words[] = {
    "ann",
    "Ann Lee",
    "ann lee",
    "bob-007",
    "user 42",
    "USER  42",
    "m\303\274ller",
    "admin",
    "ops",
    "a",
    "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaab",
    "department-of-long-names-00017-section-north-east-0004",
    "department-of-long-names-00018-section-north-east-0004",
};

static const char *const mails[] = { "ann@example.org", "Bob@example.org", "ops-42@corp.example", "x@y.example" };
static const char *const hosts[] = { "ann.example.org", "a.b.c.example", "ops.example", "example.org" };
static const char *const uris[] = {
    "spiffe://example/ns/a/sa/ann",
    "spiffe://example/ns/b/sa/bob",
    "SPIFFE://Example/ns/a/sa/Ann",
    "urn:x:42",
    "URN:x:Ann",
    "https://Ann@WWW.Example:443/Ns",
    "https://ann@www.example:443/ns?A",
    "Ns/A",
};
static const char *const addresses[] = { "192.0.2.1", "192.0.2.77", "10.0.0.1", "2001:db8::1", "2001:db8:1::77" };
static const char *const networks[] = {
    "192.0.2.1",     "192.0.2.0/24",  "192.0.2.64/26", "10.0.0.0/8", "0.0.0.0/0",
    "2001:db8::/32", "2001:db8::/63", "::/0",          "*",
};
static const char *const serials[] = { "01", "00ab12cd", "1f3a", "7fffffffffffffff0102" };
static const char *const names[] = {
    "CN=Root CA",
    "CN=Issuing CA,O=Example Ltd,C=DE",
    "CN=issuing ca,O=EXAMPLE  Ltd,C=de",
    "O=Example Ltd,C=DE",
    "CN=ann,OU=ops,O=Example Ltd,C=DE",
    "CN=bob-007,O=Example Ltd,C=DE",
    "C=DE",
};
static const char *const oids[] = { "1.2.3.4", "1.2.3.5", "1.3.6.1.4.1.99.7" };
static const char *const eku[] = { "clientAuth", "emailProtection", "serverAuth", "1.3.6.1.5.5.7.3.2", "1.3.6.1.*" };
static const char *const ku[] = { "digitalSignature", "nonRepudiation", "keyEncipherment", "digital*", "*ment" };
static const char *const sids[] = { "S-1-5-21-1-2-3-500", "S-1-5-21-1-2-3-501" };

static unsigned char chain_sums[3][32];

static const char *text_of_parts(void)
{
    const char *text = PICK(parts);
    unsigned n = chance(6);

    while (n-- > 0) {
        text = apr_pstrcat(pool, text, PICK(parts), NULL);
    }
    return text;
}

static const char *word(void)
{
    return percent(40) ? text_of_parts() : PICK(words);
}

/* ---- certificates --------------------------------------------------------------------------------------------- */

static void maybe_attribute(X509_NAME *name, unsigned often, const char *type)
{
    const char *text = word();

    while (percent(often)) {
        if (strspn(text, " ") < strlen(text)) {
            fixture_attribute(name, type, text);
        }
        often /= 2;
        text = word();
    }
}

static void fill_issuer(X509_NAME *issuer)
{
    int folded = percent(30);

    if (percent(20)) {
        fixture_attribute(issuer, "CN", "Root CA");
        return;
    }
    fixture_attribute(issuer, "C", folded ? "de" : "DE");
    fixture_attribute(issuer, "O", folded ? "EXAMPLE  Ltd" : "Example Ltd");
    fixture_attribute(issuer, "CN", folded ? "issuing ca" : "Issuing CA");
    if (percent(10)) {
        fixture_attribute(issuer, "+UID", "ca-7");
    }
}

static void add_san(X509 *x)
{
    const char *list = "";

#define ADD(often, text) (list = percent(often) ? apr_pstrcat(pool, list, *list ? "," : "", (text), NULL) : list)
    ADD(60, apr_pstrcat(pool, "email:", PICK(mails), NULL));
    ADD(30, apr_pstrcat(pool, "email:", PICK(mails), NULL));
    ADD(40, apr_pstrcat(pool, "DNS:", PICK(hosts), NULL));
    ADD(30, apr_pstrcat(pool, "DNS:", PICK(hosts), NULL));
    ADD(40, apr_pstrcat(pool, "URI:", PICK(uris), NULL));
    ADD(40, apr_pstrcat(pool, "IP:", PICK(addresses), NULL));
    ADD(30, apr_pstrcat(pool, "IP:", PICK(addresses), NULL));
    ADD(40, apr_pstrcat(pool, "otherName:1.3.6.1.4.1.311.20.2.3;UTF8:", PICK(mails), NULL));
    ADD(20, apr_pstrcat(pool, "otherName:1.2.3.4;UTF8:", PICK(mails), NULL));
    ADD(20, "otherName:1.2.3.5;INTEGER:7");
    ADD(20, apr_pstrcat(pool, "RID:", PICK(oids), NULL));
#undef ADD
    if (*list) {
        fixture_extension(x, "subjectAltName", list);
    }
}

/* DER of a UTF8String, as "DER:hex". */
static const char *utf8_der(const char *text)
{
    certmap_str_t hex = certmap_hex((const unsigned char *)text, strlen(text), pool);

    return apr_psprintf(pool, "DER:0c%02x%s", (unsigned)strlen(text) & 0x7f, hex.data);
}

static void add_extensions(X509 *x)
{
    add_san(x);
    if (percent(50)) {
        fixture_extension(x, "extendedKeyUsage",
                          percent(50) ? "clientAuth" : "clientAuth,emailProtection,1.3.6.1.4.1.99.7");
    }
    if (percent(50)) {
        fixture_extension(x, "keyUsage", percent(50) ? "digitalSignature" : "digitalSignature,keyEncipherment");
    }
    if (percent(30)) {
        fixture_extension(x, "subjectKeyIdentifier", percent(50) ? "hash" : "01:02:ab");
    }
    if (percent(30)) {
        fixture_extension(x, "certificatePolicies",
                          percent(50) ? "DER:3007300506032a0304" : "DER:300e300506032a0304300506032a0305");
    }
    if (percent(30)) {
        fixture_extension(x, "1.2.3.4.5", utf8_der(PICK(words)));
    }
    if (percent(20)) {
        fixture_extension(x, "1.2.3.4.6", "DER:3003020105");
    }
    if (percent(33)) { /* which only those who ask for it may notice */
        static int turn;

        fixture_spoil(x, turn++);
    }
    else if (percent(10)) {
        fixture_extension(x, "1.2.3.4.7", "DER:0c0161");
    }
}

static const certmap_cert_t *random_cert(void)
{
    X509 *x = X509_new();
    X509_NAME *name = X509_get_subject_name(x);
    BIGNUM *serial = NULL;
    const certmap_cert_t *cert = NULL;

    X509_set_version(x, X509_VERSION_3);
    ASN1_TIME_set_string(X509_getm_notBefore(x), "20250101000000Z");
    ASN1_TIME_set_string(X509_getm_notAfter(x), "20350101000000Z");
    X509_set_pubkey(x, fixture_key());
    BN_hex2bn(&serial, PICK(serials));
    BN_to_ASN1_INTEGER(serial, X509_get_serialNumber(x));
    BN_free(serial);
    if (percent(15)) { /* one of the names that rules name */
        fixture_attribute(name, "C", "DE");
        fixture_attribute(name, "O", "Example Ltd");
        fixture_attribute(name, "CN", percent(50) ? "bob-007" : "ann");
    }
    else if (percent(10)) {
        fixture_attribute(name, "CN", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaab");
    }
    else {
        maybe_attribute(name, 50, "O");
        maybe_attribute(name, 60, "OU");
        maybe_attribute(name, 90, "CN");
        maybe_attribute(name, 20, "UID");
        if (percent(15)) {
            fixture_attribute(name, "CN", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaab");
        }
        maybe_attribute(name, 10, "+CN");
    }
    fill_issuer(X509_get_issuer_name(x));
    add_extensions(x);
    if (!X509_sign(x, fixture_key(), EVP_sha256()) || certmap_cert_create(x, &cert, pool) != APR_SUCCESS) {
        fixture_fail("no certificate");
    }
    X509_free(x);
    return cert;
}

/* ---- rules ---------------------------------------------------------------------------------------------------- */

static const char *quoted(const char *text)
{
    const char *s;
    char *out = apr_palloc(pool, 2 * strlen(text) + 3);
    char *o = out;

    *o++ = '"';
    for (s = text; *s; s++) {
        if (*s == '"' || *s == '\\') {
            *o++ = '\\';
        }
        *o++ = *s;
    }
    *o++ = '"';
    *o = '\0';
    return out;
}

/* The length of the character at s. */
static apr_size_t width(const char *s)
{
    apr_size_t n = 1;

    while (((unsigned char)s[n] & 0xc0) == 0x80) {
        n++;
    }
    return n;
}

/* The text with other case and blanks, or as it is. */
static const char *respelt(const char *text)
{
    char *copy = apr_pstrdup(pool, text);
    char *s;

    for (s = copy; *s && percent(70); s++) {
        if (*s >= 'a' && *s <= 'z' && percent(50)) {
            *s = (char)(*s - 32);
        }
    }
    return percent(10) ? apr_pstrcat(pool, " ", copy, " ", NULL) : copy;
}

/* The text as (?i) may see it: in other case, with characters that Unicode takes for k and s in other case. */
static const char *recased(const char *text)
{
    const char *out = "";

    for (; *text; text++) {
        char c = *text;

        if (((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z')) && percent(30)) {
            c = (char)(c ^ 0x20);
        }
        out = apr_pstrcat(pool, out,
                          c == 'k' && percent(50)   ? "\342\204\252"
                          : c == 's' && percent(50) ? "\305\277"
                                                    : apr_pstrmemdup(pool, &c, 1),
                          NULL);
    }
    return out;
}

/* A wildcard pattern that the text meets, or nearly. */
static const char *wildcard(const char *text)
{
    const char *out = "";

    while (*text) {
        apr_size_t n = width(text);
        unsigned r = chance(12);

        if (r == 0) {
            out = apr_pstrcat(pool, out, "*", NULL);
            text += chance((unsigned)strlen(text) + 1);
            while (((unsigned char)*text & 0xc0) == 0x80) {
                text++;
            }
            continue;
        }
        out = apr_pstrcat(pool, out,
                          r == 1                  ? "?"
                          : strchr("*?\\", *text) ? "\\"
                                                  : "",
                          r == 1 ? "" : apr_pstrmemdup(pool, text, n), NULL);
        text += n;
    }
    return percent(30) ? apr_pstrcat(pool, out, "*", NULL) : percent(20) ? apr_pstrcat(pool, "*", out, NULL) : out;
}

/* What a regex may hold in the place of one character. %s is that character, escaped. */
static const char *const pieces[] = {
    "%s",
    "%s",
    "%s",
    "%s",
    "%s",
    "%s",
    "%s",
    "%s",
    "%s",
    "%s",
    "%s",
    "%s",
    "%s",
    "%s",
    "%s",
    "%s",
    "(%s)",
    "(?:%s)",
    "[^]]",
    ".",
    ".*",
    ".*?",
    ".+",
    "%s?",
    "%s*",
    "%s+",
    "%s{1}",
    "%s{0,2}",
    "%s{1,}",
    "(%s|Q)",
    "(?<n>%s)",
    "(?=%s)%s",
    "(?!Q)%s",
    "(?>%s)",
    "\\w*",
    "\\S",
    "\\b%s",
    "[%s]",
    "[[:^cntrl:]]",
    "(%s|)",
    "\\p{L}*",
    "\\p{Lu}?%s",
    "(?i:%s)",
    "(?<=.)%s",
    "%s++",
    "(?#c)%s",
    "%s|%s",
    "(?i)%s",
    "^%s",
    "%s$",
    "(?(?=%s)%s|Q)",
    "\\Q%s\\E",
    "%s\\K",
    "\\x{61}?%s",
    "(?|(%s)|(Q))",
    "(%s)?",
    "[]%s]",
    "[\\]%s]",
    "([(%s)]|\\))",
    "(?x) %s",
    "(?P<m>%s)",
    "\\d*",
    "(*ACCEPT)%s",
    "(?'o'%s)",
    "(?s:.)",
    "(?-i)%s",
    "\\R?",
};

static const char *fill_piece(const char *piece, const char *escaped)
{
    const char *out = "";
    const char *hole;

    while ((hole = strstr(piece, "%s")) != NULL) {
        out = apr_pstrcat(pool, out, apr_pstrmemdup(pool, piece, (apr_size_t)(hole - piece)), escaped, NULL);
        piece = hole + 2;
    }
    return apr_pstrcat(pool, out, piece, NULL);
}

/* A regex that the text meets, or nearly. */
static const char *regex(const char *text)
{
    const char *out = "";
    unsigned plain = chance(4) * 2 + 1; /* characters left alone for each that is not */

    if (percent(15)) {
        out = PICK(((const char *const[]){ "(?i)", "(?i)", "(?i)", "(?i)^", "^", "(?s)", "(*UCP)", "(?-i)", "(?n)" }));
    }
    while (*text) {
        apr_size_t n = width(text);
        const char *c = apr_pstrcat(pool, strchr("\\^$.[]|()?*+{}#-", *text) ? "\\" : "", apr_pstrmemdup(pool, text, n),
                                    NULL);

        out = apr_pstrcat(pool, out, fill_piece(chance(plain) ? "%s" : PICK(pieces), c), NULL);
        text += n;
        if (percent(5)) {
            out = apr_pstrcat(pool, out, percent(50) ? ".*" : "(.+)", NULL);
            text += strlen(text) > 8 ? 8 : strlen(text);
            while (((unsigned char)*text & 0xc0) == 0x80) {
                text++;
            }
        }
    }
    return out;
}

/* A field's kind of value, and one value of it. */
typedef enum like_e {
    LIKE_TEXT,
    LIKE_HEX,
    LIKE_PLAIN /* the list says it all */
} like_e;

#define LIST(l) (l), sizeof(l) / sizeof((l)[0])

static const char *const opaque[] = { "#020107", "#3003020105", "#0c*", "#*05" };
static const char *const hexes[] = { "0102ab", "00ab12cd", "ab12cd", "01:02:AB", "*", "*ab", "01*", "*2*" };

static const struct {
    const char *field;
    like_e like;
    const char *const *list; /* NULL: words */
    size_t nlist;
} askable[] = {
    { "subject.CN", LIKE_TEXT, NULL, 0 },
    { "subject.CN", LIKE_TEXT, NULL, 0 },
    { "subject.CN", LIKE_TEXT, NULL, 0 },
    { "subject.OU", LIKE_TEXT, NULL, 0 },
    { "subject.O", LIKE_TEXT, NULL, 0 },
    { "subject.UID", LIKE_TEXT, NULL, 0 },
    { "issuer.CN", LIKE_TEXT, NULL, 0 },
    { "issuer.O", LIKE_TEXT, NULL, 0 },
    { "san.email", LIKE_TEXT, LIST(mails) },
    { "san.email", LIKE_TEXT, LIST(mails) },
    { "san.dns", LIKE_TEXT, LIST(hosts) },
    { "san.uri", LIKE_TEXT, LIST(uris) },
    { "san.upn", LIKE_TEXT, LIST(mails) },
    { "san.ip", LIKE_PLAIN, LIST(networks) },
    { "san.rid", LIKE_PLAIN, LIST(oids) },
    { "san.other:1.2.3.4", LIKE_TEXT, LIST(mails) },
    { "san.other:1.2.3.5", LIKE_PLAIN, LIST(opaque) },
    { "ext:1.2.3.4.5", LIKE_TEXT, NULL, 0 },
    { "ext:1.2.3.4.6", LIKE_PLAIN, LIST(opaque) },
    { "subject", LIKE_PLAIN, LIST(names) },
    { "issuer", LIKE_PLAIN, LIST(names) },
    { "issuer", LIKE_PLAIN, LIST(names) },
    { "san.dirname", LIKE_PLAIN, LIST(names) },
    { "serial", LIKE_HEX, LIST(serials) },
    { "ski", LIKE_PLAIN, LIST(hexes) },
    { "aki", LIKE_PLAIN, LIST(hexes) },
    { "eku", LIKE_PLAIN, LIST(eku) },
    { "ku", LIKE_PLAIN, LIST(ku) },
    { "policy", LIKE_PLAIN, LIST(oids) },
    { "sid", LIKE_PLAIN, LIST(sids) },
    { "sha256", LIKE_HEX, NULL, 0 },
    { "sha1", LIKE_HEX, NULL, 0 },
    { "spki", LIKE_HEX, NULL, 0 },
    { "chain.sha256", LIKE_HEX, NULL, 0 },
    { "root.sha256", LIKE_HEX, NULL, 0 },
    { "subject.1.2.3.9", LIKE_TEXT, NULL, 0 },
    { "ext:1.2.3.4.7", LIKE_TEXT, NULL, 0 },
};

/* A value that some certificate has in a hex field. */
static const char *hex_value(const char *field, const certmap_cert_t *some)
{
    certmap_field_t f;
    const char *why;
    const certmap_value_t *v;
    apr_size_t n;

    if (strstr(field, "chain") || strstr(field, "root")) {
        return certmap_hex(chain_sums[chance(3)], 32, pool).data;
    }
    certmap_field_parse((certmap_str_t){ field, strlen(field) }, &f, &why, pool);
    return certmap_cert_values(some, NULL, &f, &v, &n, pool) == CERTMAP_VALID ? v[0].text.data : "00";
}

static const char *random_condition(const certmap_cert_t *some)
{
    size_t i = chance(sizeof(askable) / sizeof(askable[0]));
    const char *field = askable[i].field;
    const char *value = askable[i].list ? askable[i].list[chance((unsigned)askable[i].nlist)] : word();
    const char *prefix = apr_pstrcat(pool, percent(12) ? "all:" : "", percent(15) ? "case:" : "", NULL);
    const char *no = percent(12) ? "!" : "";

    if (percent(3)) { /* runs into PCRE2's limits before many a's */
        return apr_pstrcat(pool, prefix, "subject.CN", no, "~(a|aa)+", percent(50) ? "[yz]" : "bc.?b", NULL);
    }
    if (askable[i].list == names && percent(30)) {
        value = apr_pstrcat(pool, "*,", value, NULL);
    }
    if (askable[i].like == LIKE_HEX) {
        value = hex_value(field, some);
        value = percent(30) ? wildcard(value) : value;
    }
    else if (askable[i].like == LIKE_TEXT && percent(40)) {
        return apr_pstrcat(pool, prefix, field, no, "~", quoted(regex(value)), NULL);
    }
    else if (askable[i].like == LIKE_TEXT) {
        value = percent(45) ? wildcard(respelt(value)) : percent(5) ? "*" : wildcard(value);
    }
    return apr_pstrcat(pool, prefix, field, no, "=", quoted(value), NULL);
}

static const char *const users[] = {
    "someone",   "%{subject.CN}",        "%{subject.CN:first:lower}", "%{1}",           "%{san.email:local}",
    "%{serial}", "x-%{subject.OU:last}", "%{ext:1.2.3.4.5}",          "%{subject.UID}",
};

static const char *random_rule(unsigned number, const certmap_cert_t *some)
{
    int deny = percent(15);
    const char *text = apr_psprintf(pool, "r%u %s %s", number, deny ? "deny" : "allow", deny ? "" : PICK(users));
    unsigned n = 1 + chance(2) + chance(3);

    if (percent(1)) {
        text = apr_pstrcat(pool, text, " any", NULL);
        n = chance(2);
    }
    while (n-- > 0) {
        text = apr_pstrcat(pool, text, " ", random_condition(some), NULL);
    }
    return apr_pstrcat(pool, text, percent(5) ? " disabled" : "", percent(10) ? " expires=2026-01-01" : "",
                       percent(10) ? " expires=2030-01-01" : "", percent(20) ? " groups=a,b" : "", NULL);
}

static unsigned refused_rules;

/* A ruleset of so many random rules; what does not parse is not counted. */
static const certmap_ruleset_t *random_rules(unsigned n, unsigned *number, const certmap_cert_t *const *certs,
                                             unsigned ncerts)
{
    certmap_builder_t *b = certmap_builder_create(pool);
    unsigned have = 0;

    while (have < n) {
        const char *text = random_rule(++*number, certs[chance(ncerts)]);

        if (certmap_builder_add_directive(b, text, NULL, (int)*number, 1) == APR_SUCCESS) {
            have++;
        }
        else {
            refused_rules++;
        }
    }
    return certmap_builder_finish(b);
}

/* ---- comparing ------------------------------------------------------------------------------------------------ */

static int same_text(const char *a, const char *b)
{
    return a == b || (a && b && strcmp(a, b) == 0);
}

static int same_decision(const certmap_decision_t *a, const certmap_decision_t *b)
{
    return a->outcome == b->outcome && a->reason == b->reason && same_text(a->effect.user, b->effect.user)
           && a->rule == b->rule && a->effect.groups == b->effect.groups && a->effect.ngroups == b->effect.ngroups
           && a->effect.strength == b->effect.strength && a->effect.expires == b->effect.expires
           && same_text(a->detail, b->detail);
}

/* What has been seen. */
static struct {
    apr_uint64_t pairs;
    apr_uint64_t asked;      /* pairs: by themselves */
    apr_uint64_t matches;    /* pairs */
    apr_uint64_t errors;     /* pairs: the matcher failed */
    apr_uint64_t malformed;  /* pairs: it asks for a malformed field */
    apr_uint64_t candidates; /* pairs */
    apr_uint64_t missed;     /* pairs: a rule that does not clearly fail is not a candidate */
    apr_uint64_t disorder;   /* candidates not in order, or twice */
    apr_uint64_t decisions;
    apr_uint64_t mapped;
    apr_uint64_t reasons[CERTMAP_R_COUNT];
    apr_uint64_t different;
    apr_uint64_t taken_apart; /* pairs */
    apr_uint64_t misjudged;   /* of these: the rule says something else than its conditions */
    apr_uint64_t reordered;   /* or than the same conditions in another order */
} seen;

static void complain(const char *what, const certmap_rule_t *rule, const certmap_cert_t *cert)
{
    if (seen.missed + seen.disorder + seen.different + seen.misjudged + seen.reordered <= 5) {
        diag("%s: %s", what, rule ? certmap_rule_text(rule, pool) : "no rule");
        diag("  certificate: %s", certmap_cert_subject_text(cert));
    }
}

/* Each rule of a set that does not clearly fail must be a candidate. */
static void compare_candidates(const certmap_ruleset_t *rs, const certmap_cert_t *cert,
                               const certmap_verdict_t *verdict, apr_pool_t *p)
{
    certmap_eval_t *ev = apr_palloc(p, sizeof(*ev));
    certmap_candidates_t c;
    apr_size_t next = 0;
    apr_size_t i = 0;
    int more;

    certmap_eval_init(ev, cert, verdict, p);
    certmap_index_find(rs->index, ev, &c);
    more = certmap_index_next(&c, &next);
    for (i = 0; i < rs->n; i++) {
        int candidate = more && next == i;
        certmap_match_e m;

        seen.asked++;
        certmap_eval_init(ev, cert, verdict, p);
        m = rs->rules[i]->disabled ? CERTMAP_MATCH_NO : certmap_rule_matches(ev, rs->rules[i]);
        seen.matches += m == CERTMAP_MATCH_YES;
        seen.errors += m == CERTMAP_MATCH_ERROR;
        seen.malformed += m == CERTMAP_MATCH_MALFORMED;
        seen.candidates += (apr_uint64_t)candidate;
        if (!candidate && m != CERTMAP_MATCH_NO) {
            seen.missed++;
            complain("no candidate", rs->rules[i], cert);
        }
        if (candidate) {
            apr_size_t last = next;

            more = certmap_index_next(&c, &next);
            seen.disorder += more && next <= last;
        }
    }
    seen.disorder += more != 0;
}

/* ---- what a rule says, from what its conditions say ------------------------------------------------------------- */

/* The rule of some conditions of a rule, from number `first` on and then around; all: not only those of one group. */
static const certmap_rule_t *part_of(const certmap_rule_t *rule, apr_size_t first, int all, apr_pool_t *p)
{
    certmap_builder_t *b = certmap_builder_create(p);
    int captures = rule->effect.user != NULL && strstr(rule->effect.user, "%{1") != NULL;
    const char *text = all && !rule->deny && !captures ? apr_pstrcat(p, "r allow ", rule->effect.user, " any", NULL)
                                                       : "r deny any";
    apr_size_t i;

    for (i = 0; i < rule->nconds; i++) {
        const certmap_cond_t *cond = &rule->conds[(first + i) % rule->nconds];

        if (all || cond == &rule->conds[first] || (cond->leader >= 0 && cond->leader == rule->conds[first].leader)) {
            text = apr_pstrcat(p, text, " ", quoted(cond->text), NULL);
        }
    }
    if (certmap_builder_add_directive(b, text, NULL, 1, 1) != APR_SUCCESS) {
        return NULL; /* any one condition with "any" is a rule; two may contradict each other */
    }
    return certmap_ruleset_rule(certmap_builder_finish(b), 0);
}

static certmap_match_e asked(const certmap_rule_t *rule, const certmap_cert_t *cert, const certmap_verdict_t *verdict,
                             apr_pool_t *p)
{
    certmap_eval_t *ev = apr_palloc(p, sizeof(*ev));

    certmap_eval_init(ev, cert, verdict, p);
    return certmap_rule_matches(ev, rule);
}

/* What a condition that cannot be compared must say, if that is certain; else YES. */
static certmap_match_e expected_of(const certmap_cond_t *cond, const certmap_cert_t *cert,
                                   const certmap_verdict_t *verdict, apr_pool_t *p)
{
    const certmap_value_t *v;
    const char *value = cond->text + strcspn(cond->text, "=~") + 1;
    int presence = value[-1] == '=' && strspn(value, " *") == strlen(value);
    apr_size_t n, i;

    if (certmap_cert_values(cert, verdict, &cond->field, &v, &n, p) == CERTMAP_MALFORMED) {
        return certmap_field_kind(&cond->field) == CERTMAP_V_DN ? CERTMAP_MATCH_YES : CERTMAP_MATCH_MALFORMED;
    }
    for (i = 0; i < n && !presence && *value != '#'; i++) {
        if (v[i].kind == CERTMAP_V_OPAQUE) {
            return CERTMAP_MATCH_MALFORMED;
        }
    }
    return CERTMAP_MATCH_YES;
}

/* Whether a rule says what its groups of conditions say, each of them asked alone, and says it in any order. */
static void take_apart(const certmap_rule_t *rule, const certmap_cert_t *cert, const certmap_verdict_t *verdict,
                       apr_pool_t *p)
{
    certmap_match_e m = asked(rule, cert, verdict, p), least = CERTMAP_MATCH_YES, shuffled = m;
    apr_size_t i;

    for (i = 0; i < rule->nconds; i++) {
        const certmap_rule_t *part = part_of(rule, i, 0, p);
        const certmap_rule_t *other = part_of(rule, i, 1, p);
        certmap_match_e one = part != NULL ? asked(part, cert, verdict, p) : CERTMAP_MATCH_NO;
        certmap_match_e sure = expected_of(&rule->conds[i], cert, verdict, p);

        if (sure != CERTMAP_MATCH_YES && one != sure) {
            seen.misjudged++;
            complain(rule->conds[i].text, part, cert);
        }
        least = one < least ? one : least;
        shuffled = other != NULL ? asked(other, cert, verdict, p) : m;
        if (shuffled != m
            && !(shuffled > CERTMAP_MATCH_MALFORMED && m == CERTMAP_MATCH_MALFORMED && rule->effect.user != NULL
                 && strstr(rule->effect.user, "%{1"))) {
            seen.reordered++;
            complain("in another order", rule, cert);
        }
    }
    for (i = 0; rule->user != NULL && i < rule->user->npieces; i++) {
        const certmap_value_t *v;
        apr_size_t n;

        if (least > CERTMAP_MATCH_MALFORMED && rule->user->pieces[i].kind == CERTMAP_PIECE_FIELD
            && certmap_cert_values(cert, verdict, &rule->user->pieces[i].u.field, &v, &n, p) == CERTMAP_MALFORMED) {
            least = CERTMAP_MATCH_MALFORMED;
        }
    }
    seen.taken_apart++;
    if (m != least) {
        seen.misjudged++;
        complain("not what its conditions say", rule, cert);
    }
}

static void compare(const certmap_list_t *list, const certmap_cert_t *cert, const certmap_verdict_t *verdict,
                    apr_pool_t *p)
{
    certmap_decision_t with;
    certmap_decision_t without;

    certmap_decide(QUESTION(list, cert, verdict, CERTMAP_WEAK, NOW), &with, p);
    certmap_decide_plain(QUESTION(list, cert, verdict, CERTMAP_WEAK, NOW), &without, p);
    seen.pairs += certmap_list_count(list);
    seen.decisions++;
    seen.mapped += without.outcome == CERTMAP_MAPPED;
    seen.reasons[without.reason]++;
    if (!same_decision(&with, &without)) {
        seen.different++;
        complain("plain", without.rule, cert);
        complain("indexed", with.rule, cert);
    }
}

/* ---- what is said of rules ------------------------------------------------------------------------------------- */

static struct {
    apr_uint64_t covered;      /* rules of which it is said that one before matches whatever they do */
    apr_uint64_t contradicted; /* rules whose conditions are said to contradict one another */
    apr_uint64_t tried;        /* such rules before certificates */
    apr_uint64_t wrong;
} claims;

static certmap_match_e matches(const certmap_rule_t *rule, const certmap_cert_t *cert, const certmap_verdict_t *verdict,
                               apr_pool_t *p)
{
    certmap_eval_t *ev = apr_palloc(p, sizeof(*ev));

    certmap_eval_init(ev, cert, verdict, p);
    return certmap_rule_matches(ev, rule);
}

/* Two conditions on one field, or about one name. */
static const char *random_couple(const certmap_cert_t *some)
{
    const char *first = random_condition(some);
    const char *second = random_condition(some);
    unsigned i;

    for (i = 0; i < 300; i++, second = random_condition(some)) {
        const char *a = strstr(first, "subject") ? "subject" : strstr(first, "issuer") ? "issuer" : NULL;

        if (a != NULL ? strstr(second, a) != NULL : strncmp(first, second, strcspn(first, "!=~")) == 0) {
            break;
        }
    }
    return apr_pstrcat(pool, "any ", first, " ", second, NULL);
}

/* Rules before certificates; of a rule that is said never to match because of another, both are asked. */
static void try_claim(const certmap_rule_t *before, const certmap_rule_t *rule, const certmap_cert_t *const *certs,
                      unsigned ncerts, const certmap_verdict_t *verdict)
{
    unsigned i;

    for (i = 0; i < ncerts; i++) {
        claims.tried++;
        if (matches(rule, certs[i], verdict, pool) == CERTMAP_MATCH_YES
            && (before == NULL || matches(before, certs[i], verdict, pool) == CERTMAP_MATCH_NO) && claims.wrong++ < 5) {
            diag("it matches: %s", certmap_rule_text(rule, pool));
            diag("     before: %s", before ? certmap_rule_text(before, pool) : "-");
            diag("certificate: %s", certmap_cert_subject_text(certs[i]));
        }
    }
}

static void try_claims(const certmap_cert_t *const *certs, unsigned ncerts, const certmap_verdict_t *verdict)
{
    certmap_builder_t *b = certmap_builder_create(pool);
    certmap_list_t list = { .rules = NULL };
    certmap_reach_t *reach;
    apr_size_t i;
    unsigned n;

    for (n = 0; n < 300; n++) { /* disabled: read although they contradict themselves */
        certmap_builder_add_directive(b,
                                      apr_psprintf(pool, "r%u deny %s%s", n,
                                                   percent(60) ? random_couple(certs[0]) : random_condition(certs[0]),
                                                   percent(50) ? " disabled" : ""),
                                      NULL, (int)n, 1);
    }
    list.rules = certmap_builder_finish(b);
    reach = certmap_reach_create(&list, pool);
    for (i = 0; i < list.rules->n; i++) {
        const certmap_rule_t *rule = list.rules->rules[i];
        certmap_compare_t c = { pool, 1000000 };
        const certmap_cond_t *first;
        const certmap_cond_t *second;
        const certmap_rule_t *before;

        if (certmap_rule_contradicts(&c, rule, &first, &second)) {
            claims.contradicted++;
            try_claim(NULL, rule, certs, ncerts, verdict);
        }
        before = rule->disabled ? NULL : certmap_reach_covering(reach, rule, pool);
        if (before != NULL) {
            claims.covered++;
            try_claim(before, rule, certs, ncerts, verdict);
        }
    }
}

static double share(apr_uint64_t n)
{
    return seen.asked ? 100.0 * (double)n / (double)seen.asked : 0;
}

static void compare_round(apr_pool_t *parent)
{
    const certmap_cert_t *certs[60];
    const unsigned ncerts = sizeof(certs) / sizeof(certs[0]);
    certmap_verdict_t verdict = { .reason = CERTMAP_R_NONE };
    certmap_list_t outer = { .rules = NULL };
    certmap_list_t list = { .outer = &outer, .rules = NULL };
    unsigned number = 0;
    unsigned i;

    apr_pool_create(&pool, parent);
    for (i = 0; i < ncerts; i++) {
        certs[i] = random_cert();
    }
    outer.rules = percent(50) ? random_rules(1 + chance(60), &number, certs, ncerts) : NULL;
    list.rules = random_rules(50 + chance(150), &number, certs, ncerts);
    for (i = 0; i < ncerts; i++) {
        apr_pool_t *p;

        apr_pool_create(&p, pool);
        verdict.chain = percent(80) ? (const unsigned char(*)[32])chain_sums + chance(2) : NULL;
        verdict.nchain = verdict.chain ? 1 + chance(2) : 0;
        compare(&list, certs[i], &verdict, p);
        compare_candidates(list.rules, certs[i], &verdict, p);
        if (i % 3 == 0) {
            take_apart(list.rules->rules[chance((unsigned)list.rules->n)], certs[i], &verdict, p);
        }
        apr_pool_destroy(p);
    }
    try_claims(certs, ncerts, &verdict);
    apr_pool_destroy(pool);
    pool = parent;
}

static void differential(void)
{
    const char *more = getenv("CERTMAP_PAIRS");
    const char *seed = getenv("CERTMAP_SEED");
    apr_uint64_t pairs = more ? (apr_uint64_t)apr_atoi64(more) : PAIRS;
    unsigned rounds = 0;
    int i;

    state = APR_UINT64_C(0x2545f4914f6cdd1d) ^ (seed ? (apr_uint64_t)apr_atoi64(seed) * 0x9e3779b9u : 0);
    for (i = 0; i < 96; i++) {
        chain_sums[i / 32][i % 32] = (unsigned char)chance(256);
    }
    for (; seen.pairs < pairs; rounds++) {
        compare_round(pool);
    }
    diag("%u rulesets, %" APR_UINT64_T_FMT " decisions, %" APR_UINT64_T_FMT " pairs of a rule and a certificate",
         rounds, seen.decisions, seen.pairs);
    diag("of %" APR_UINT64_T_FMT " pairs asked one by one %.2f %% match, %.2f %% make the matcher fail, %.2f %% ask "
         "for something malformed, %.2f %% are candidates",
         seen.asked, share(seen.matches), share(seen.errors), share(seen.malformed), share(seen.candidates));
    diag("%u random rules did not parse", refused_rules);
    diag("%" APR_UINT64_T_FMT " rules are said to be covered, %" APR_UINT64_T_FMT
         " to contradict themselves: tried %" APR_UINT64_T_FMT " times",
         claims.covered, claims.contradicted, claims.tried);
    for (i = 0; i < CERTMAP_R_COUNT; i++) {
        if (seen.reasons[i] > 0) {
            diag("%5.1f %% %s", 100.0 * (double)seen.reasons[i] / (double)seen.decisions,
                 certmap_reason_name((certmap_reason_e)i));
        }
    }
    ok(seen.different == 0, "decisions are the same with and without the index");
    ok(claims.wrong == 0, "no rule matches that is said never to match");
    ok(claims.covered > seen.pairs / 3000 && claims.contradicted > seen.pairs / 3000, "that is said of many");
    ok(seen.missed == 0, "every rule that does not plainly fail is a candidate");
    ok(seen.disorder == 0, "candidates come in the order of the rules, each once");
    ok(seen.taken_apart > 1000 && seen.misjudged == 0, "a rule says what its conditions say, asked one by one");
    ok(seen.reordered == 0, "and says it in any order of its conditions");
    ok(share(seen.malformed) >= 0.3, "three pairs of a thousand ask for something malformed");
    ok(share(seen.matches) >= 1, "at least one pair of a hundred matches");
    ok(share(seen.candidates) < 50, "less than half of the pairs are candidates");
    ok(seen.mapped * 10 > seen.decisions && seen.mapped < seen.decisions * 9 / 10, "some are mapped, some are not");
    ok(seen.errors > 100 && seen.reasons[CERTMAP_R_MALFORMED] > 0 && seen.reasons[CERTMAP_R_DENIED_BY_RULE] > 0
           && seen.reasons[CERTMAP_R_NO_MATCH] > 0 && seen.reasons[CERTMAP_R_MAPPING_EXPIRED] > 0,
       "matchers failed, fields were malformed, rules denied, expired, or none matched");
}

/* ---- literals of regexes -------------------------------------------------------------------------------------- */

/* "prefix<inner>suffix", "=whole", or "-": nothing is known. */
static const struct {
    const char *pattern;
    const char *needs;
} literals[] = {
    { "abc", "=abc" },
    { "^abc$", "=abc" },
    { "a\\.b", "=a.b" },
    { "m\303\274ller", "=m\303\274ller" },
    { "a\\_b", "=a_b" },
    { "ab.*cd", "ab<>cd" },
    { "ab.*cd.+ef", "ab<cd>ef" },
    { ".*x.yy.z.*", "<yy>" },
    { "ab?c", "a<>c" },
    { "ab*c", "a<>c" },
    { "ab+c", "ab<>c" },
    { "ab{0}c", "a<>c" },
    { "ab{0,3}c", "a<>c" },
    { "ab{2}c", "ab<>c" },
    { "ab{10,}?c", "ab<>c" },
    { "m\303\274?ller", "m<>ller" },
    { "a(b|c)d", "a<>d" },
    { "a(?:b)d", "a<>d" },
    { "a(?<n>b)d", "a<>d" },
    { "a(?P<n>b)d", "a<>d" },
    { "a(?'n'b)d", "a<>d" },
    { "a(?=b)bd", "a<>bd" },
    { "a(?!b)d", "a<>d" },
    { "a(?<=a)d", "a<>d" },
    { "a(?<!b)d", "a<>d" },
    { "a(?>b)d", "a<>d" },
    { "a(?|(b)|(c))d", "a<>d" },
    { "a(b(c)[)]\\))d", "a<>d" },
    { "a[]b]d", "a<>d" },
    { "a[^]b]d", "a<>d" },
    { "a[[:alpha:]]d", "a<>d" },
    { "a[\\]b]d", "a<>d" },
    { "a[b[c]d", "a<>d" },
    { "a\\d\\w\\bd", "a<>d" },
    { "a\\p{Lu}d", "a<>d" },
    { "a\\pLd", "a<>d" },
    { "(a)?b", "<>b" },
    { "(a)+?b", "<>b" },
    { "a#b c", "=a#b c" },
    { "ab.", "ab<>" },
    { ".ab", "<>ab" },
    { "a$b", "a<>b" },
    { "a^b", "a<>b" },
    { "ab++c", "ab<>c" },
    { "ab|cd", "-" },
    { "(?i)ab", "=ab" },
    { "(?i)^aB$", "=ab" },
    { "(?i)ab.*C\\.D", "ab<>c.d" },
    { "(?i)akb", "a<>b" },
    { "(?i)aSb?cd", "a<>cd" },
    { "(?i)a b\303\244c d", "a<b>d" },
    { "(?i)s", "-" },
    { "(?i)(?-i)ab", "-" },
    { "(?i)a|b", "-" },
    { "a(?i)b", "-" },
    { "a(?i:b)c", "-" },
    { "(a(?i)b)c", "-" },
    { "(?x)a b", "-" },
    { "\\Qab\\E", "-" },
    { "a\\Kb", "-" },
    { "a(*ACCEPT)b", "-" },
    { "(a(*ACCEPT)b|c)d", "-" },
    { "(*UCP)ab", "-" },
    { "a(?#c)b", "-" },
    { "(a)\\1b", "-" },
    { "a\\x41b", "-" },
    { "a\\x{41}b", "-" },
    { "(?<n>a)\\k<n>b", "-" },
    { "a(?R)?b", "-" },
    { "(a)(?1)b", "-" },
    { "(a)?(?(1)b|c)d", "-" },
    { "a{,2}b", "-" },
    { "a{b", "-" },
    { ".*", "-" },
    { "a[[:<:]]b", "-" },
    { "a[[.x.]b", "-" },
    { "(?-i)ab", "-" },
    { "\\N{U+61}b", "-" },
    { "a\\cAb", "-" },
    { "", "-" },
    { "a\\o{141}b", "-" },
    { "a\\Nb", "-" },
    { "(a", "-" },
    { "[a", "-" },
    { "a\\", "-" },
};

static const char *needs_text(const certmap_needs_t *needs)
{
    if (needs == NULL) {
        return "-";
    }
#define PART(s) (needs->s.len ? apr_pstrmemdup(pool, needs->s.data, needs->s.len) : "")
    return needs->whole ? apr_pstrcat(pool, "=", PART(prefix), NULL)
                        : apr_pstrcat(pool, PART(prefix), "<", PART(inner), ">", PART(suffix), NULL);
#undef PART
}

static void test_literals(void)
{
    size_t i;

    for (i = 0; i < sizeof(literals) / sizeof(literals[0]); i++) {
        certmap_str_t pattern = { literals[i].pattern, strlen(literals[i].pattern) };

        is_str(needs_text(certmap_regex_needs(pattern, pool)), literals[i].needs, literals[i].pattern);
    }
}

/* Whatever PCRE2 matches has what the regex needs. */
static void test_needs(void)
{
    pcre2_match_context *limits = certmap_cond_limits(pool)[0];
    apr_pool_t *parent = pool;
    unsigned known = 0;
    unsigned matched = 0;
    unsigned wrong = 0;
    unsigned tries;

    for (tries = 0; tries < 60000; tries++) {
        const char *text;
        certmap_str_t pattern;
        const certmap_needs_t *needs;
        pcre2_code *code;
        pcre2_match_data *md;
        PCRE2_SIZE at;
        int rc;

        apr_pool_create(&pool, parent);
        text = word();
        pattern.data = regex(text);
        pattern.len = strlen(pattern.data);
        needs = certmap_regex_needs(pattern, pool);
        text = percent(30) ? recased(text) : text;
        code = pcre2_compile((PCRE2_SPTR)pattern.data, pattern.len,
                             PCRE2_ANCHORED | PCRE2_ENDANCHORED | PCRE2_UTF | PCRE2_DOLLAR_ENDONLY, &rc, &at, NULL);
        if (code != NULL) {
            md = pcre2_match_data_create_from_pattern(code, NULL);
            if (pcre2_match(code, (PCRE2_SPTR)text, strlen(text), 0, 0, md, limits) >= 0) {
                matched++;
                known += needs != NULL;
                if (needs != NULL && !certmap_needs_met(needs, (certmap_str_t){ text, strlen(text) })) {
                    wrong++;
                    diag("%s matches %s, but needs %s", pattern.data, text, needs_text(needs));
                }
            }
            pcre2_match_data_free(md);
            pcre2_code_free(code);
        }
        apr_pool_destroy(pool);
        pool = parent;
    }
    diag("%u random regexes matched, of %u literals are known", matched, known);
    ok(wrong == 0, "every text that a regex matches has the literals that it needs");
    ok(matched > 10000 && known > 3000, "many regexes matched, and of many the literals are known");
}

int main(void)
{
    fixture_start();
    plan((int)(sizeof(literals) / sizeof(literals[0])) + 14);
    test_literals();
    state = APR_UINT64_C(88172645463325252);
    test_needs();
    differential();
    return fixture_done();
}
