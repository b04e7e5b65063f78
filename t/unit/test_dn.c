/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file t/unit/test_dn.c
 * @brief Names as text, their comparison, field names, attribute types and folding.
 */
#include <stdlib.h>

#include <apr_general.h>
#include <apr_strings.h>

#include "x509/testing.h"
#include "tap.h"

static apr_pool_t *pool;

/** A literal with its length, NULs inside included. */
#define L(literal) ((certmap_str_t){ (literal), sizeof(literal) - 1 })

static certmap_str_t str(const char *s)
{
    return (certmap_str_t){ s, strlen(s) };
}

/** A name that must be readable. */
static const certmap_dn_t *dn(const char *text)
{
    const certmap_dn_t *name = NULL;
    const char *why;
    apr_size_t at;

    if (certmap_dn_parse(str(text), &name, &why, &at, pool) != APR_SUCCESS) {
        diag("%s: %s at %d", text, why, (int)at);
        abort();
    }
    return name;
}

/* ---- text ---------------------------------------------------------------------------------------------------- */

/** Text and the same name as it is written. */
static const struct {
    const char *text;
    const char *canonical;
} good[] = {
    { "CN=ann", "CN=ann" },
    { "CN=ann,O=Example Ltd,C=NL", "CN=ann,O=Example Ltd,C=NL" },
    { " CN = ann ,  O = Example Ltd ", "CN=ann,O=Example Ltd" },
    { "cn=ann,ou=x,o=y", "CN=ann,OU=x,O=y" },
    { "/C=NL/O=Example Ltd/CN=ann", "CN=ann,O=Example Ltd,C=NL" },
    { "/CN=host/web.example.com", "CN=host/web.example.com" },
    { "/O=a, b/CN=c", "CN=c,O=a\\, b" },
    { "/CN=ann/emailAddress=ann@example.com", "emailAddress=ann@example.com,CN=ann" },
    { "/CN=a+b@c", "CN=a\\+b@c" },
    { "/CN=a+x=b", "CN=a\\+x=b" },
    { "/CN=a+UID=b", "UID=b+CN=a" },
    { "/CN=a\\b", "CN=a\\\\b" },
    { "CN=Smith\\, Ann", "CN=Smith\\, Ann" },
    { "CN=Smith\\2C Ann", "CN=Smith\\, Ann" },
    { "CN=\"Smith, Ann\"", "CN=Smith\\, Ann" },
    { "CN=\"Smith; \\\"Ann\\\"\" , O=x", "CN=Smith\\; \\\"Ann\\\",O=x" },
    { "CN=Zo\\C3\\AB", "CN=Zo\xc3\xab" },
    { "CN=Zo\xc3\xab", "CN=Zo\xc3\xab" },
    { "CN=#0c0561646d696e", "CN=admin" },
    { "CN=#1e0400610062,O=x", "CN=ab,O=x" },
    { "x500UniqueIdentifier=#030200AA,O=x", "x500UniqueIdentifier=#030200aa,O=x" },
    { "1.2.3.4=#3003020105+CN=a", "1.2.3.4=#3003020105+CN=a" },
    { "CN=a\xe2\x80\x8c"
      "b",
      "CN=a\xe2\x80\x8c"
      "b" },
    { "CN=\xe2\x80\xae"
      "a",
      "CN=\xe2\x80\xae"
      "a" },
    { "CN=\\#0c0561646d696e", "CN=\\#0c0561646d696e" },
    { "CN=a#b", "CN=a#b" },
    { "CN=\\ a\\ ", "CN=\\ a\\ " },
    { "CN=a=b", "CN=a=b" },
    { "CN=a\\=b", "CN=a=b" },
    { "CN=a+UID=b,O=c", "UID=b+CN=a,O=c" },
    { "UID=b + CN=a,O=c", "UID=b+CN=a,O=c" },
    { "S=x,ST=y", "ST=x,ST=y" },
    { "E=a,Email=b,emailAddress=c", "emailAddress=a,emailAddress=b,emailAddress=c" },
    { "SN=a,surname=b,G=c,GN=d,givenName=e", "SN=a,SN=b,GN=c,GN=d,GN=e" },
    { "T=a,title=b,I=c,initials=d", "title=a,title=b,initials=c,initials=d" },
    { "serialNumber=1,SERIALNUMBER=2,2.5.4.5=3", "serialNumber=1,serialNumber=2,serialNumber=3" },
    { "DC=corp,DC=local", "DC=corp,DC=local" },
    { "1.2.3.4=x,OID.1.2.3.5=y,oid.2.5.4.3=z", "1.2.3.4=x,1.2.3.5=y,CN=z" },
    { "2.25.329800735698586629295641978511506172918=x", "2.25.329800735698586629295641978511506172918=x" },
    { "uid=ann,userId=bob", "UID=ann,UID=bob" },
    { "postalCode=1,street=2,dnQualifier=3", "postalCode=1,street=2,dnQualifier=3" },
    { "CN=<", NULL },
    { "CN=\\<\\>", "CN=\\<\\>" },
    { "", NULL },
    { "/", NULL },
    { "ann", NULL },
    { "CN=", NULL },
    { "CN=a,", NULL },
    { "CN=a,,O=b", NULL },
    { "CN=a+", NULL },
    { ",CN=a", NULL },
    { "*,O=a", NULL },
    { "CN=a;O=b", NULL },
    { "CN=a\"b", NULL },
    { "CN=\"a", NULL },
    { "CN=\"a\"b", NULL },
    { "CN=a\\", NULL },
    { "CN=a\\x", NULL },
    { "CN=a\\4", NULL },
    { "CN=\\00", NULL },
    { "CN=\\FF", NULL },
    { "CN=\\C0\\AF", NULL },
    { "CN=\\E0\\80\\AF", NULL },
    { "CN=\\ED\\A0\\80", NULL },
    { "CN=\\F4\\90\\80\\80", NULL },
    { "CN=\\C3", NULL },
    { "CN=\\0A", NULL },
    { "CN=#", NULL },
    { "CN=#0c", NULL },
    { "CN=#020105", NULL },
    { "CN=#0c0561646d696eff", NULL },
    { "CN=#0c0561646d696ex", NULL },
    { "CN=#0c03610062", NULL },
    { "Foo=a", NULL },
    { "1.02.3=a", NULL },
    { "1..2=a", NULL },
    { "3.1=a", NULL },
    { "/CN=a/Foo=b", NULL },
    { "/CN=/O=a", NULL },
    { "/CN=Zo\\xC3\\xAB", NULL },
};

static void test_text(void)
{
    apr_size_t i;

    for (i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
        const certmap_dn_t *name = NULL, *again;
        const char *why = NULL;
        apr_size_t at = 0;
        apr_status_t rv = certmap_dn_parse(str(good[i].text), &name, &why, &at, pool);

        if (!good[i].canonical) {
            ok(rv == APR_EINVAL && why && *why && at <= strlen(good[i].text) && !name, "\"%s\" is refused: %s at %d",
               good[i].text, why ? why : "(nothing)", (int)at);
            continue;
        }
        if (is_str(rv == APR_SUCCESS ? certmap_dn_text(name, pool) : why, good[i].canonical, good[i].text)) {
            again = dn(good[i].canonical);
            ok(certmap_dn_equal(name, again, 1) && strcmp(certmap_dn_text(again, pool), good[i].canonical) == 0,
               "  and back");
        }
    }
}

static void test_positions(void)
{
    static const struct {
        const char *text;
        apr_size_t at;
    } table[] = {
        { "CN=a,Foo=b", 5 }, { "CN=a,O=b;c", 8 },  { "CN=a\\xb", 4 },   { "/CN=a/O=b/Foo=c", 10 },
        { "CN=a,O=", 7 },    { "CN=a, , O=b", 6 }, { "CN=a,O=#zz", 7 }, { "CN=\"ab", 3 },
    };
    apr_size_t i;

    for (i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
        const certmap_dn_t *name;
        const char *why;
        apr_size_t at = 999;

        certmap_dn_parse(str(table[i].text), &name, &why, &at, pool);
        is_int((long long)at, (long long)table[i].at, table[i].text);
    }
}

static void test_order_warning(void)
{
    static const struct {
        const char *text;
        int warns;
    } table[] = {
        { "C=NL,O=x,CN=ann", 1 }, { "DC=local,DC=corp,CN=ann", 1 },
        { "CN=ann,O=x,C=NL", 0 }, { "/C=NL/O=x/CN=ann", 0 },
        { "O=x,CN=ann", 0 },      { "CN=ann", 0 },
        { "CN=a,CN=b", 0 },       { "C=NL,O=x", 0 },
    };
    apr_size_t i;

    for (i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
        const certmap_dn_t *name;
        const char *why;
        apr_size_t at;

        ok(certmap_dn_parse(str(table[i].text), &name, &why, &at, pool) == APR_SUCCESS && !!why == table[i].warns,
           "%s: %s", table[i].text, table[i].warns ? "warned about" : "no warning");
    }
}

static void test_nul(void)
{
    const certmap_dn_t *name;
    const char *why;
    apr_size_t at;

    is_int(certmap_dn_parse(L("CN=admin\0.evil"), &name, &why, &at, pool), APR_EINVAL, "NUL in text");
    is_int(certmap_dn_parse(L("/CN=admin\0.evil"), &name, &why, &at, pool), APR_EINVAL, "NUL in slash text");
    is_int(certmap_dn_parse(L("CN=a\\\0"), &name, &why, &at, pool), APR_EINVAL, "NUL behind a backslash");
    is_int(certmap_dn_parse(L("C\0N=a"), &name, &why, &at, pool), APR_EINVAL, "NUL in a type");
}

/* ---- compare ------------------------------------------------------------------------------------------------- */

static const struct {
    const char *a;
    const char *b;
    int equal;
    int exact;
    int below;
} pairs[] = {
    { "CN=ann,O=x", "CN=ann,O=x", 1, 1, 0 },
    { "CN=Ann,O=X", "CN=ann,O=x", 1, 0, 0 },
    { "CN=ann  smith", "CN=ann smith", 1, 0, 0 },
    { "CN=\\ ann\\ ", "CN=ann", 1, 0, 0 },
    { "CN=annsmith", "CN=ann smith", 0, 0, 0 },
    { "1.2.3.4=#0500", "1.2.3.4=#0500", 1, 1, 0 },
    { "1.2.3.4=#0500", "1.2.3.4=0500", 0, 0, 0 },
    { "1.2.3.4=#030200aa", "1.2.3.4=#0302000a", 0, 0, 0 },
    { "CN=a\xe2\x80\x8c"
      "b",
      "CN=ab", 0, 0, 0 },
    { "CN=ann,O=x", "O=x,CN=ann", 0, 0, 0 },
    { "CN=ann+UID=1,O=x", "UID=1+CN=ann,O=x", 1, 1, 0 },
    { "CN=Ann+CN=bob", "CN=BOB+CN=ann", 1, 0, 0 },
    { "CN=ann+UID=1,O=x", "CN=ann,UID=1,O=x", 0, 0, 0 },
    { "CN=ann+UID=1", "CN=ann", 0, 0, 0 },
    { "CN=ann,O=x", "O=x", 0, 0, 1 },
    { "CN=ann,OU=y,O=x", "O=X", 0, 0, 1 },
    { "O=x", "O=x", 1, 1, 0 },
    { "O=x", "CN=ann,O=x", 0, 0, 0 },
    { "CN=ann,O=xy", "O=x", 0, 0, 0 },
    { "O=x,CN=ann", "O=x", 0, 0, 0 },
    { "CN=ann\\,O=x", "CN=ann,O=x", 0, 0, 0 },
    { "CN=bob\\,CN=admin", "CN=admin", 0, 0, 0 },
    { "CN=evil+UID=admin", "UID=admin", 0, 0, 0 },
    { "CN=admins", "CN=admin", 0, 0, 0 },
    { "1.2.3=admin", "CN=admin", 0, 0, 0 },
    { "CN=\xd0\xb0"
      "dmin",
      "CN=admin", 0, 0, 0 },
    { "CN=Zo\xc3\xab", "CN=ZO\xc3\xab", 1, 0, 0 },
    { "CN=Zo\xc3\xab", "CN=Zoe\xcc\x88", 0, 0, 0 },
    { "CN=Zo\xc3\xab", "CN=Zo\xc3\x8b", 0, 0, 0 },
};

static void test_compare(void)
{
    apr_size_t i;

    for (i = 0; i < sizeof(pairs) / sizeof(pairs[0]); i++) {
        const certmap_dn_t *a = dn(pairs[i].a), *b = dn(pairs[i].b);

        ok(certmap_dn_equal(a, b, 0) == pairs[i].equal && certmap_dn_equal(b, a, 0) == pairs[i].equal, "%s %s %s",
           pairs[i].a, pairs[i].equal ? "equals" : "is not", pairs[i].b);
        ok(certmap_dn_equal(a, b, 1) == pairs[i].exact, "  exact: %d", pairs[i].exact);
        ok(certmap_dn_below(a, b, 0) == pairs[i].below, "  below: %d", pairs[i].below);
    }
    ok(certmap_dn_below(dn("CN=a,O=X"), dn("O=x"), 0) && !certmap_dn_below(dn("CN=a,O=X"), dn("O=x"), 1),
       "below, exactly");
}

/* ---- fields and folding -------------------------------------------------------------------------------------- */

static const struct {
    const char *text;
    const char *name; /**< canonical, or NULL */
    const char *hint; /**< what an error speaks of */
} fields[] = {
    { "subject", "subject", NULL },
    { "SUBJECT", "subject", NULL },
    { "issuer", "issuer", NULL },
    { "subject.CN", "subject.CN", NULL },
    { "Subject.cn", "subject.CN", NULL },
    { "issuer.O", "issuer.O", NULL },
    { "subject.S", "subject.ST", NULL },
    { "subject.E", "subject.emailAddress", NULL },
    { "subject.T", "subject.title", NULL },
    { "subject.I", "subject.initials", NULL },
    { "subject.G", "subject.GN", NULL },
    { "subject.SN", "subject.SN", NULL },
    { "subject.2.5.4.3", "subject.CN", NULL },
    { "subject.1.2.3", "subject.1.2.3", NULL },
    { "subject.countryName", "subject.C", NULL },
    { "subject.postalCode", "subject.postalCode", NULL },
    { "san.email", "san.email", NULL },
    { "san.DNS", "san.dns", NULL },
    { "san.uri", "san.uri", NULL },
    { "san.ip", "san.ip", NULL },
    { "san.upn", "san.upn", NULL },
    { "san.dirname", "san.dirname", NULL },
    { "san.rid", "san.rid", NULL },
    { "san.other:1.2.3", "san.other:1.2.3", NULL },
    { "serial", "serial", NULL },
    { "sha256", "sha256", NULL },
    { "SHA1", "sha1", NULL },
    { "spki", "spki", NULL },
    { "ski", "ski", NULL },
    { "aki", "aki", NULL },
    { "eku", "eku", NULL },
    { "ku", "ku", NULL },
    { "policy", "policy", NULL },
    { "ext:2.5.29.17", "ext:2.5.29.17", NULL },
    { "EXT:OID.1.2.3", "ext:1.2.3", NULL },
    { "sid", "sid", NULL },
    { "chain.sha256", "chain.sha256", NULL },
    { "root.sha256", "root.sha256", NULL },
    { "subjekt", NULL, "subject" },
    { "san.emial", NULL, "san.email" },
    { "CN", NULL, "subject.CN" },
    { "san", NULL, "san.email" },
    { "fingerprint", NULL, "sha256" },
    { "sha265", NULL, "sha256" },
    { "subject.Foo", NULL, "Foo" },
    { "subject.", NULL, "subject" },
    { "ext:", NULL, "OID" },
    { "ext:foo", NULL, "OID" },
    { "san.other:1..2", NULL, "OID" },
    { "", NULL, "field" },
    { "sha2566", NULL, "sha256" },
    { "a-very-long-word-that-is-no-field-at-all-and-goes-on", NULL, "field" },
};

static void test_fields(void)
{
    certmap_field_t field, same;
    const char *why;
    apr_size_t i;

    for (i = 0; i < sizeof(fields) / sizeof(fields[0]); i++) {
        apr_status_t rv = certmap_field_parse(str(fields[i].text), &field, &why, pool);

        if (fields[i].name) {
            if (is_str(rv == APR_SUCCESS ? field.name : why, fields[i].name, fields[i].text)) {
                ok(certmap_field_parse(str(field.name), &same, &why, pool) == APR_SUCCESS
                       && certmap_field_same(&field, &same),
                   "  and back");
            }
        }
        else {
            ok(rv == APR_EINVAL && why && strstr(why, fields[i].hint), "\"%s\" is refused: %s", fields[i].text,
               why ? why : "(nothing)");
        }
    }
    is_int(certmap_field_parse(L("subject\0x"), &field, &why, pool), APR_EINVAL, "NUL in a field");
    is_int(certmap_field_parse(L("subject.CN\0x"), &field, &why, pool), APR_EINVAL, "NUL in an attribute");
}

static certmap_field_t field_of(const char *text)
{
    certmap_field_t field;
    const char *why;

    if (certmap_field_parse(str(text), &field, &why, pool) != APR_SUCCESS) {
        abort();
    }
    return field;
}

static void test_field_relations(void)
{
    static const struct {
        const char *field;
        certmap_value_kind_e kind;
    } kinds[] = {
        { "subject", CERTMAP_V_DN },      { "issuer", CERTMAP_V_DN },
        { "subject.CN", CERTMAP_V_TEXT }, { "san.ip", CERTMAP_V_IP },
        { "san.dirname", CERTMAP_V_DN },  { "san.rid", CERTMAP_V_OID },
        { "serial", CERTMAP_V_HEX },      { "eku", CERTMAP_V_OID },
        { "ku", CERTMAP_V_TEXT },         { "policy", CERTMAP_V_OID },
        { "ext:1.2.3", CERTMAP_V_TEXT },  { "sid", CERTMAP_V_TEXT },
        { "root.sha256", CERTMAP_V_HEX }, { "san.other:1.2", CERTMAP_V_TEXT },
    };
    certmap_field_t a = field_of("subject.CN"), b = field_of("subject.2.5.4.3"), c = field_of("issuer.CN"),
                    d = field_of("subject.O"), e = field_of("subject");
    apr_size_t i;

    ok(certmap_field_same(&a, &b), "aliases are the same field");
    ok(!certmap_field_same(&a, &c) && !certmap_field_same(&a, &d) && !certmap_field_same(&a, &e), "others are not");
    for (i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
        certmap_field_t f = field_of(kinds[i].field);

        is_int(certmap_field_kind(&f), kinds[i].kind, kinds[i].field);
    }
}

static void test_fold(void)
{
    static const char *const table[][2] = {
        { "Ann", "ann" },
        { "  Ann   SMITH ", "ann smith" },
        { "", "" },
        { "   ", "" },
        { "a\t b", "a b" },
        { "\xc3\x8b", "\xc3\x8b" },
        { "[Z@", "[z@" },
        { "a\xc2\xa0"
          "b",
          "a\xc2\xa0"
          "b" },
    };
    certmap_str_t folded;
    apr_size_t i;

    for (i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
        is_str(certmap_fold(str(table[i][0]), pool).data, table[i][1], table[i][0]);
    }
    folded = certmap_fold(L("A\0B"), pool);
    ok(folded.len == 3 && memcmp(folded.data, "a\0b", 4) == 0, "length is kept");
}

int main(void)
{
    apr_initialize();
    atexit(apr_terminate);
    apr_pool_create(&pool, NULL);
    plan(0);
    test_text();
    test_positions();
    test_order_warning();
    test_nul();
    test_compare();
    test_fields();
    test_field_relations();
    test_fold();
    apr_pool_destroy(pool);
    return tap_done();
}
