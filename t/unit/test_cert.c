/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file t/unit/test_cert.c
 * @brief The certificate view: every field, every malformed certificate that is about decoding, forgeries, dates, time.
 *
 * Most certificates here are written in DER by hand, because OpenSSL would not make them; all of them pass through
 * d2i_X509 as in a handshake. One real, signed certificate made by OpenSSL is compared with OpenSSL's own accessors.
 */
#include <stdlib.h>

#include <apr_general.h>
#include <apr_strings.h>
#include <openssl/evp.h>
#include <openssl/objects.h>
#include <openssl/x509v3.h>

#include "x509/testing.h"
#include "tap.h"

static apr_pool_t *pool;

/* ---- DER by hand --------------------------------------------------------------------------------------------- */

typedef certmap_str_t bytes_t;

/** Bytes of a literal, NULs inside included. */
#define B(literal) ((bytes_t){ (literal), sizeof(literal) - 1 })

static bytes_t cat(bytes_t a, bytes_t b)
{
    char *s = apr_palloc(pool, a.len + b.len + 1);

    if (a.len) {
        memcpy(s, a.data, a.len);
    }
    if (b.len) {
        memcpy(s + a.len, b.data, b.len);
    }
    return (bytes_t){ s, a.len + b.len };
}

static bytes_t tlv(int tag, bytes_t content)
{
    unsigned char head[6];
    apr_size_t n = 2, len = content.len;

    head[0] = (unsigned char)tag;
    if (len < 0x80) {
        head[1] = (unsigned char)len;
    }
    else {
        int octets = len < 0x100 ? 1 : len < 0x10000 ? 2 : 3, i;

        head[1] = (unsigned char)(0x80 | octets);
        for (i = octets; i-- > 0;) {
            head[n++] = (unsigned char)(len >> (8 * i));
        }
    }
    return cat(certmap_str_copy(head, n, pool), content);
}

static bytes_t seq(bytes_t content)
{
    return tlv(0x30, content);
}

static bytes_t oid(const char *dotted)
{
    unsigned char der[128];
    int len = a2d_ASN1_OBJECT(der, (int)sizeof(der), dotted, -1);

    return tlv(0x06, certmap_str_copy(der, (apr_size_t)len, pool));
}

static bytes_t ava(const char *type, int tag, bytes_t value)
{
    return seq(cat(oid(type), tlv(tag, value)));
}

static bytes_t rdn(const char *type, int tag, bytes_t value)
{
    return tlv(0x31, ava(type, tag, value));
}

static bytes_t ext(const char *type, bytes_t data)
{
    return seq(cat(oid(type), tlv(0x04, data)));
}

#define DC "0.9.2342.19200300.100.1.25"
#define EMAIL "1.2.840.113549.1.9.1"
#define CN "2.5.4.3"
#define UPN "1.3.6.1.4.1.311.20.2.3"
#define SAN "2.5.29.17"
#define SID "1.3.6.1.4.1.311.25.2"

static bytes_t other(const char *type, int tag, bytes_t value)
{
    return tlv(0xa0, cat(oid(type), tlv(0xa0, tlv(tag, value))));
}

/** What a certificate is made of; a part without data gets the usual. */
typedef struct spec_t {
    bytes_t version;  /**< whole [0]; data "" for none */
    bytes_t serial;   /**< content */
    bytes_t issuer;   /**< RDNs */
    bytes_t validity; /**< both dates */
    bytes_t subject;  /**< RDNs */
    bytes_t ids;      /**< unique identifiers; data NULL for none */
    bytes_t exts;     /**< extensions; data NULL for no list */
    bytes_t behind;   /**< bytes after the certificate */
} spec_t;

static bytes_t the_spki(void)
{
    /* P-256's base point is a public key as good as any here */
    static const char spki[] =
        "\x30\x59\x30\x13\x06\x07\x2a\x86\x48\xce\x3d\x02\x01\x06\x08\x2a\x86\x48\xce\x3d\x03\x01\x07\x03\x42\x00\x04"
        "\x6b\x17\xd1\xf2\xe1\x2c\x42\x47\xf8\xbc\xe6\xe5\x63\xa4\x40\xf2\x77\x03\x7d\x81\x2d\xeb\x33\xa0\xf4\xa1\x39"
        "\x45\xd8\x98\xc2\x96\x4f\xe3\x42\xe2\xfe\x1a\x7f\x9b\x8e\xe7\xeb\x4a\x7c\x0f\x9e\x16\x2b\xce\x33\x57\x6b\x31"
        "\x5e\xce\xcb\xb6\x40\x68\x37\xbf\x51\xf5";

    return B(spki);
}

static bytes_t or_else(bytes_t given, bytes_t usual)
{
    return given.data ? given : usual;
}

static bytes_t build(const spec_t *s)
{
    bytes_t alg = seq(oid("1.2.840.10045.4.3.2"));
    bytes_t tbs = or_else(s->version, B("\xa0\x03\x02\x01\x02"));

    tbs = cat(tbs, tlv(0x02, or_else(s->serial, B("\x0a\xbc"))));
    tbs = cat(tbs, alg);
    tbs = cat(tbs, seq(or_else(s->issuer, rdn(CN, 0x0c, B("Test CA")))));
    tbs = cat(tbs, seq(or_else(s->validity, cat(tlv(0x17, B("240101000000Z")), tlv(0x17, B("340101000000Z"))))));
    tbs = cat(tbs, seq(or_else(s->subject, rdn(CN, 0x0c, B("ann")))));
    tbs = cat(tbs, the_spki());
    tbs = s->ids.data ? cat(tbs, s->ids) : tbs;
    if (s->exts.data) {
        tbs = cat(tbs, tlv(0xa3, seq(s->exts)));
    }
    tbs = seq(cat(cat(seq(tbs), alg), tlv(0x03, B("\0\x30\x06\x02\x01\x01\x02\x01\x01"))));
    return s->behind.data ? cat(tbs, s->behind) : tbs;
}

static apr_status_t view_of(const spec_t *s, const certmap_cert_t **cert)
{
    bytes_t der = build(s);

    return certmap_cert_create_der((const unsigned char *)der.data, der.len, cert, pool);
}

/** The values of a field by name, joined by "|"; "(absent)", "(malformed)". */
static const char *show(const certmap_cert_t *cert, const certmap_verdict_t *verdict, const char *name)
{
    certmap_field_t field;
    const certmap_value_t *v;
    const char *why, *text = NULL;
    apr_size_t n, i;

    if (certmap_field_parse((certmap_str_t){ name, strlen(name) }, &field, &why, pool) != APR_SUCCESS) {
        return why;
    }
    switch (certmap_cert_values(cert, verdict, &field, &v, &n, pool)) {
    case CERTMAP_ABSENT:
        return n == 0 && !v ? "(absent)" : "(absent with values)";
    case CERTMAP_MALFORMED:
        return n == 0 && !v ? "(malformed)" : "(malformed with values)";
    case CERTMAP_VALID:
        for (i = 0; i < n; i++) {
            if (v[i].text.len != strlen(v[i].text.data)) {
                return "(length)";
            }
            text = text ? apr_pstrcat(pool, text, "|", v[i].text.data, NULL) : v[i].text.data;
        }
        return text;
    }
    return "(no state)";
}

/** What a view complains of: "!" and what makes it malformed as a whole, then the values that are by themselves. */
static const char *odd(apr_status_t rv, const certmap_cert_t *cert)
{
    const char *const *values;
    const char *text;
    apr_size_t n, i;

    if (rv != APR_SUCCESS) {
        return "(no view)";
    }
    text = certmap_cert_malformed(cert) ? apr_pstrcat(pool, "!", certmap_cert_malformed(cert), NULL) : "";
    values = certmap_cert_odd(cert, &n);
    for (i = 0; i < n; i++) {
        text = apr_pstrcat(pool, text, *text ? "; " : "", values[i], NULL);
    }
    return text;
}

/** Why a field is malformed. */
static const char *why_of(const certmap_cert_t *cert, const char *name)
{
    certmap_field_t field;
    const char *why;

    return certmap_field_parse((certmap_str_t){ name, strlen(name) }, &field, &why, pool) == APR_SUCCESS
               ? certmap_cert_why(cert, &field, pool)
               : why;
}

/* ---- text in names ------------------------------------------------------------------------------------------- */

/** A value put into CN, and what becomes of it: text, or NULL and the complaint ("" when OpenSSL refuses to decode). */
static const struct {
    const char *what;
    int tag;
    bytes_t value;
    const char *text;
    const char *why;
} strings[] = {
    { "UTF8String", 0x0c, B("admin"), "admin", NULL },
    { "PrintableString", 0x13, B("admin"), "admin", NULL },
    { "IA5String", 0x16, B("admin"), "admin", NULL },
    { "NumericString", 0x12, B("42"), "42", NULL },
    { "BMPString", 0x1e, B("\0a\0d\0m\0i\0n"), "admin", NULL },
    { "UniversalString", 0x1c, B("\0\0\0a\0\0\0d\0\0\0m\0\0\0i\0\0\0n"), "admin", NULL },
    { "TeletexString is Latin-1", 0x14, B("Zo\xeb"), "Zo\xc3\xab", NULL },
    { "BMPString beyond ASCII", 0x1e, B("\x04\x30\x20\xac"), "\xd0\xb0\xe2\x82\xac", NULL },
    { "UniversalString beyond the BMP", 0x1c, B("\0\x01\xf6\0"), "\xf0\x9f\x98\x80", NULL },
    { "what CAs write into PrintableString", 0x13, B("*.a_b@c&d!"), "*.a_b@c&d!", NULL },
    { "blanks stay", 0x0c, B("  a  b "), "  a  b ", NULL },
    { "comma", 0x0c, B("bob,CN=admin"), "bob,CN=admin", NULL },
    { "slash", 0x0c, B("admin/emailAddress=x"), "admin/emailAddress=x", NULL },
    { "plus", 0x0c, B("bob+CN=admin"), "bob+CN=admin", NULL },
    { "escape", 0x0c, B("bob\\2CCN=admin"), "bob\\2CCN=admin", NULL },
    { "hex form", 0x0c, B("#0c0561646d696e"), "#0c0561646d696e", NULL },
    { "quotes", 0x0c, B("\"bob\",CN=admin"), "\"bob\",CN=admin", NULL },
    { "colon", 0x0c, B("admin:password"), "admin:password", NULL },
    { "Cyrillic a", 0x0c,
      B("\xd0\xb0"
        "dmin"),
      "\xd0\xb0"
      "dmin",
      NULL },
    { "NFD stays NFD", 0x0c, B("Zoe\xcc\x88"), "Zoe\xcc\x88", NULL },
    { "bidirectional override stays", 0x0c, B("a\xe2\x80\xae"), "a\xe2\x80\xae", NULL },
    { "bidirectional isolate as BMPString", 0x1e, B("\0a\x20\x69"), "a\xe2\x81\xa9", NULL },
    { "zero-width joiner stays", 0x0c, B("ad\xe2\x80\x8dmin"), "ad\xe2\x80\x8dmin", NULL },
    { "byte order mark stays", 0x1e, B("\xfe\xff\0a"),
      "\xef\xbb\xbf"
      "a",
      NULL },
    { "line separator stays", 0x0c, B("a\xe2\x80\xa8"), "a\xe2\x80\xa8", NULL },
    { "empty is no value", 0x0c, B(""), "(absent)", NULL },
    { "blanks alone are no value", 0x1e, B("\0 \0 "), "(absent)", NULL },

    { "NUL inside", 0x0c, B("admin\0.evil"), NULL, "NUL inside" },
    { "NUL at the end", 0x0c, B("admin\0"), NULL, "NUL inside" },
    { "NUL in PrintableString", 0x13, B("admin\0x"), NULL, "NUL inside" },
    { "NUL in BMPString", 0x1e, B("\0a\0\0"), NULL, "NUL inside" },
    { "NUL in UniversalString", 0x1c, B("\0\0\0a\0\0\0\0"), NULL, "NUL inside" },
    { "BIT STRING", 0x03, B("\0admin"), NULL, "not a character string" },
    { "SEQUENCE", 0x30,
      B("\x0c\x05"
        "admin"),
      NULL, "not a character string" },
    { "high byte in PrintableString", 0x13, B("adm\xeen"), NULL, "byte above 0x7f in an ASCII string" },
    { "high byte in IA5String", 0x16, B("adm\xeen"), NULL, "byte above 0x7f in an ASCII string" },
    { "CR", 0x0c, B("a\rb"), NULL, "control character inside" },
    { "LF", 0x0c, B("a\nb"), NULL, "control character inside" },
    { "TAB", 0x13, B("a\tb"), NULL, "control character inside" },
    { "ESC", 0x0c, B("a\x1b[2J"), NULL, "control character inside" },
    { "DEL", 0x0c, B("a\x7f"), NULL, "control character inside" },
    { "C1", 0x0c, B("a\xc2\x9b"), NULL, "control character inside" },
    { "C1 in TeletexString", 0x14, B("a\x9b"), NULL, "control character inside" },

    { "overlong UTF-8", 0x0c, B("a\xc0\xaf"), NULL, "" },
    { "bad UTF-8", 0x0c, B("a\xff"), NULL, "" },
    { "surrogate in UTF-8", 0x0c, B("a\xed\xa0\x80"), NULL, "" },
    { "surrogate in BMPString", 0x1e, B("\xd8\0\xdc\0"), NULL, "" },
    { "odd BMPString", 0x1e, B("\0a\0"), NULL, "" },
    { "UniversalString of 3", 0x1c, B("\0\0a"), NULL, "" },
    { "beyond Unicode", 0x1c, B("\0\x11\0\0"), NULL, "" },
    { "INTEGER", 0x02, B("\x05"), NULL, "" },
    { "OCTET STRING", 0x04, B("admin"), NULL, "" },
};

static void test_strings(void)
{
    apr_size_t i;

    for (i = 0; i < sizeof(strings) / sizeof(strings[0]); i++) {
        spec_t s = { .subject = rdn(CN, strings[i].tag, strings[i].value) };
        const certmap_cert_t *cert;
        apr_status_t rv = view_of(&s, &cert);

        if (strings[i].text) {
            is_str(odd(rv, cert), "", strings[i].what);
            is_str(cert ? show(cert, NULL, "subject.CN") : "(no view)", strings[i].text, strings[i].what);
        }
        else if (*strings[i].why) {
            is_str(odd(rv, cert), apr_pstrcat(pool, "subject.CN: ", strings[i].why, NULL), strings[i].what);
            is_str(cert ? why_of(cert, "subject.CN") : "(no view)", strings[i].why, "... which says why");
            ok(cert && strcmp(show(cert, NULL, "subject.CN"), "(malformed)") == 0
                   && strcmp(show(cert, NULL, "subject.O"), "(absent)") == 0
                   && strcmp(show(cert, NULL, "subject"), "(malformed)") == 0
                   && strcmp(show(cert, NULL, "issuer.CN"), "Test CA") == 0,
               "%s: the attribute and the whole name", strings[i].what);
        }
        else {
            ok(rv == APR_EINVAL || (rv == APR_SUCCESS && certmap_cert_malformed(cert)), "%s: refused (%s)",
               strings[i].what, rv ? "by OpenSSL" : certmap_cert_malformed(cert));
        }
    }
}

/* ---- malformed frames, malformed values ---------------------------------------------------------------------- */

/** A certificate with these parts complains so: "!" and what it is malformed for as a whole, or values alone. NULL: it
 *  does not; "": OpenSSL or the view refuses it. */
static void complains(const char *what, spec_t s, const char *why)
{
    const certmap_cert_t *cert;
    apr_status_t rv = view_of(&s, &cert);

    if (why && !*why) {
        ok(rv == APR_EINVAL || (rv == APR_SUCCESS && certmap_cert_malformed(cert)), "%s: refused (%s)", what,
           rv ? "by OpenSSL" : certmap_cert_malformed(cert));
        return;
    }
    is_str(odd(rv, cert), why ? why : "", what);
}

static bytes_t san(bytes_t names)
{
    return ext(SAN, seq(names));
}

static bytes_t repeat(bytes_t b, int n)
{
    char *s = apr_palloc(pool, b.len * (apr_size_t)n + 1);
    int i;

    for (i = 0; i < n; i++) {
        memcpy(s + (apr_size_t)i * b.len, b.data, b.len);
    }
    return (bytes_t){ s, b.len * (apr_size_t)n };
}

static void test_names(void)
{
    bytes_t a = ava(CN, 0x0c, B("a")), b = ava(CN, 0x0c, B("b"));
    bytes_t three = seq(cat(cat(oid(CN), tlv(0x0c, B("a"))), tlv(0x05, B(""))));

    complains("plain", (spec_t){ .exts = { NULL, 0 } }, NULL);
    complains("emailAddress beyond ASCII", (spec_t){ .subject = rdn(EMAIL, 0x0c, B("b\xc3\xbc@x.org")) },
              "subject.emailAddress: byte above 0x7f in an ASCII string");
    complains("DC beyond ASCII", (spec_t){ .subject = rdn(DC, 0x1e, B("\0b\0\xfc")) },
              "subject.DC: byte above 0x7f in an ASCII string");
    complains("ASCII in another type",
              (spec_t){ .subject = cat(rdn(DC, 0x1e, B("\0b")), rdn(EMAIL, 0x0c, B("b@x.org"))) }, NULL);
    complains("two '@' in emailAddress", (spec_t){ .subject = rdn(EMAIL, 0x16, B("admin@evil.org@x.org")) },
              "subject.emailAddress: more than one '@' in an address");
    complains("no '@' in emailAddress", (spec_t){ .subject = rdn(EMAIL, 0x16, B("admin")) }, NULL);
    complains("empty RDN", (spec_t){ .subject = cat(rdn(CN, 0x0c, B("a")), tlv(0x31, B(""))) }, "!subject: empty RDN");
    complains("sorted SET", (spec_t){ .subject = tlv(0x31, cat(a, b)) }, NULL);
    complains("unsorted SET", (spec_t){ .subject = tlv(0x31, cat(b, a)) }, NULL);
    complains("unsorted SET in the issuer", (spec_t){ .issuer = tlv(0x31, cat(b, a)) }, NULL);
    complains("an AVA of three", (spec_t){ .subject = tlv(0x31, three) }, "");
    complains("empty issuer", (spec_t){ .issuer = B("") }, "issuer: empty");
    complains("long name", (spec_t){ .subject = rdn(CN, 0x0c, repeat(B("x"), 65537)) }, "!subject: longer than 64 kB");
    complains("many attributes", (spec_t){ .subject = repeat(rdn(CN, 0x0c, B("x")), 5957) },
              "!subject: longer than 64 kB");
    complains("just short enough", (spec_t){ .subject = rdn(CN, 0x0c, repeat(B("x"), 65000)) }, NULL);
    complains("issuer with LF", (spec_t){ .issuer = rdn("2.5.4.10", 0x0c, B("a\n")) },
              "issuer.O: control character inside");
    complains("two bad ones", (spec_t){ .subject = cat(rdn("2.5.4.10", 0x0c, B("a\n")), rdn(CN, 0x0c, B("a\0"))) },
              "subject.O: control character inside; subject.CN: NUL inside");
    complains("bytes behind", (spec_t){ .behind = B("\0") }, "!certificate: bytes after its end");
}

/** Attributes that are not text: of a type that must be one, malformed; of any other, of another type. */
static void test_other_types(void)
{
    static const struct {
        const char *oid;
        int tag;
        bytes_t value;
        const char *shown;
    } table[] = {
        { "2.5.4.45", 0x03, B("\0\xaa\xbb"), "030300aabb" },
        { "1.2.3.4", 0x30, B("\x0c\x01x"), "30030c0178" },
        { "1.2.3.4", 0x03, B("\0\xaa"), "030200aa" },
        { "2.5.4.16", 0x30, B("\x0c\x01x"), "30030c0178" },
        { "2.5.4.45", 0x0c, B("text"), "text" },
        { "2.5.4.45", 0x0c, B("a\n"), "(malformed)" },
        { "2.5.4.11", 0x03, B("\0x"), "(malformed)" },
        { "2.5.4.6", 0x30, B("\x0c\x01x"), "(malformed)" },
        { "2.5.4.5", 0x03, B("\0x"), "(malformed)" },
        { "2.5.4.65", 0x03, B("\0x"), "(malformed)" },
        { "0.9.2342.19200300.100.1.3", 0x03, B("\0x"), "(malformed)" },
    };
    const certmap_cert_t *cert;
    const certmap_dn_t *dn;
    const char *why;
    apr_size_t i, at;

    for (i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
        spec_t s = { .subject = cat(rdn(table[i].oid, table[i].tag, table[i].value), rdn(CN, 0x0c, B("ann"))) };
        const char *what = apr_psprintf(pool, "%s of tag %02x", table[i].oid, table[i].tag);

        if (ok(view_of(&s, &cert) == APR_SUCCESS && !certmap_cert_malformed(cert), "%s: a view", what)) {
            is_str(show(cert, NULL, apr_pstrcat(pool, "subject.", table[i].oid, NULL)), table[i].shown, what);
            is_str(show(cert, NULL, "subject.CN"), "ann", "... and its sibling is not touched");
            ok((show(cert, NULL, "subject")[0] == '(') == (table[i].shown[0] == '('),
               "... nor the name, if it is sound");
        }
    }
    {
        spec_t s = { .subject = cat(rdn("2.5.4.45", 0x03, B("\0\xaa\xbb")), rdn(CN, 0x0c, B("ann"))) };

        ok(view_of(&s, &cert) == APR_SUCCESS, "a name with an attribute of another type");
        is_str(certmap_cert_subject_text(cert), "CN=ann,x500UniqueIdentifier=#030300aabb", "is written so");
        why = certmap_cert_subject_text(cert);
        ok(certmap_dn_parse((certmap_str_t){ why, strlen(why) }, &dn, &why, &at, pool) == APR_SUCCESS
               && certmap_dn_equal(dn, certmap_cert_subject(cert), 1),
           "and read back");
    }
}

/** How names with a malformed attribute compare: "no", "yes", "who knows". */
static void test_compare(void)
{
    static const struct {
        const char *pattern;
        int below;
        int answer;
    } table[] = {
        { "CN=mallory,OU=x,O=Example", 0, -1 },
        { "CN=anybody at all,OU=x,O=Example", 0, -1 },
        { "CN=mallory,OU=y,O=Example", 0, 0 },
        { "CN=mallory,OU=x,O=Other", 0, 0 },
        { "CN=mallory,O=Example", 0, 0 },
        { "UID=mallory,OU=x,O=Example", 0, 0 },
        { "CN=mallory+UID=a,OU=x,O=Example", 0, 0 },
        { "OU=x,O=Example", 1, -2 },
        { "O=Example", 1, -2 },
        { "O=Other", 1, 0 },
        { "CN=mallory,OU=x,O=Example", 1, 0 },
    };
    static const struct {
        const char *pattern;
        int answer;
    } sets[] = {
        { "CN=a+CN=b+OU=u", -1 }, { "CN=b+CN=c+OU=u", -1 }, { "CN=a+CN=c+OU=u", 0 }, { "CN=B+CN=b+OU=u", -1 },
        { "CN=a+CN=b+OU=v", 0 },  { "CN=b+OU=a+OU=u", 0 },  { "CN=b+OU=u", 0 },      { "CN=b", 0 },
    };
    spec_t s = { .subject = cat(cat(rdn("2.5.4.10", 0x0c, B("Example")), rdn("2.5.4.11", 0x0c, B("x"))),
                                rdn(CN, 0x0c, B("mallory\0"))) };
    const certmap_cert_t *cert;
    const certmap_dn_t *dn;
    const char *why;
    apr_size_t i, at;

    ok(view_of(&s, &cert) == APR_SUCCESS, "a name whose CN is malformed");
    for (i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
        certmap_dn_parse((certmap_str_t){ table[i].pattern, strlen(table[i].pattern) }, &dn, &why, &at, pool);
        /* -2: what lies below is not looked at, so that the names agree as far as they go */
        is_int(certmap_dn_compare(certmap_cert_subject(cert), dn, table[i].below, 0),
               table[i].answer == -2 ? 1 : table[i].answer, table[i].pattern);
        ok(!certmap_dn_equal(certmap_cert_subject(cert), dn, 0), "... which is not equal to it");
    }
    s.subject = tlv(0x31, cat(ava(CN, 0x0c, B("b")), cat(ava("2.5.4.11", 0x0c, B("u")), ava(CN, 0x0c, B("\0")))));
    ok(view_of(&s, &cert) == APR_SUCCESS, "an RDN of three, one of them malformed");
    for (i = 0; i < sizeof(sets) / sizeof(sets[0]); i++) {
        certmap_dn_parse((certmap_str_t){ sets[i].pattern, strlen(sets[i].pattern) }, &dn, &why, &at, pool);
        is_int(certmap_dn_compare(certmap_cert_subject(cert), dn, 0, 0), sets[i].answer, sets[i].pattern);
    }
    ok(!certmap_dn_equal(certmap_cert_subject(cert), certmap_cert_subject(cert), 0), "it is not even equal to itself");
}

/** What dates say in 2040. */
static void dates_say(const char *what, spec_t s, certmap_reason_e expected)
{
    const certmap_cert_t *cert;

    if (ok(view_of(&s, &cert) == APR_SUCCESS, "%s: a view", what)) {
        is_int(certmap_verdict_dates(cert, apr_time_from_sec(2208988800)), expected, what);
    }
}

static void test_frame(void)
{
    bytes_t basic_true = ext("2.5.29.19", B("\x30\x03\x01\x01\xff"));
    bytes_t basic_false = ext("2.5.29.19", B("\x30\x03\x01\x01\0"));
    bytes_t some = ext("1.2.3", B("\x0c\x01x"));

    complains("v1", (spec_t){ .version = B("") }, NULL);
    complains("v2", (spec_t){ .version = B("\xa0\x03\x02\x01\x01") }, NULL);
    complains("v1 written out", (spec_t){ .version = B("\xa0\x03\x02\x01\0") }, "!version: 1, but written out");
    complains("v4", (spec_t){ .version = B("\xa0\x03\x02\x01\x03") }, "!version: none of 1 to 3");
    complains("version of two octets", (spec_t){ .version = B("\xa0\x04\x02\x02\x01\x02") },
              "!version: none of 1 to 3");
    complains("v1 with extensions", (spec_t){ .version = B(""), .exts = some }, "!version: 1, but with extensions");
    complains("v2 with extensions", (spec_t){ .version = B("\xa0\x03\x02\x01\x01"), .exts = some },
              "!version: 2, but with extensions");
    complains("v1 with a unique identifier", (spec_t){ .version = B(""), .ids = tlv(0x82, B("\0\x01")) },
              "!version: 1, but with a unique identifier");
    complains(
        "v2 with unique identifiers",
        (spec_t){ .version = B("\xa0\x03\x02\x01\x01"), .ids = cat(tlv(0x81, B("\0\x01")), tlv(0x82, B("\0\x01"))) },
        NULL);
    complains("serial zero", (spec_t){ .serial = B("\0") }, NULL);
    complains("serial negative", (spec_t){ .serial = B("\xff") }, "serial: negative");
    complains("serial of 20 octets and a sign", (spec_t){ .serial = cat(B("\0"), repeat(B("\xff"), 20)) }, NULL);
    complains("serial of 22 octets", (spec_t){ .serial = repeat(B("\x7f"), 22) }, NULL);
    complains("serial of 64 octets", (spec_t){ .serial = cat(B("\0"), repeat(B("\xff"), 64)) }, NULL);
    complains("serial of 65 octets", (spec_t){ .serial = repeat(B("\x7f"), 65) }, "serial: longer than 64 octets");
    complains("serial padded", (spec_t){ .serial = B("\0\x01") }, "");
    complains("serial padded below zero", (spec_t){ .serial = B("\xff\xff") }, "");
    complains("CA", (spec_t){ .exts = basic_true }, NULL);
    complains("explicitly no CA", (spec_t){ .exts = basic_false }, NULL);
    complains("no CA", (spec_t){ .exts = ext("2.5.29.19", B("\x30\0")) }, NULL);
    complains("month 13", (spec_t){ .validity = cat(tlv(0x17, B("241301000000Z")), tlv(0x17, B("340101000000Z"))) },
              "!notBefore: not a date of RFC 5280");
    complains("date with a zone",
              (spec_t){ .validity = cat(tlv(0x17, B("240101000000Z")), tlv(0x17, B("340101000000+0100"))) },
              "!notAfter: not a date of RFC 5280");
    complains("30 February", (spec_t){ .validity = cat(tlv(0x17, B("240101000000Z")), tlv(0x17, B("340230000000Z"))) },
              "!notAfter: not a date of RFC 5280");
    dates_say("dates that are read", (spec_t){ .serial = B("\1") }, CERTMAP_R_EXPIRED);
    dates_say("an end that is no date",
              (spec_t){ .validity = cat(tlv(0x17, B("240101000000Z")), tlv(0x17, B("340230000000Z"))) },
              CERTMAP_R_NONE);
    dates_say("a begin that is no date",
              (spec_t){ .validity = cat(tlv(0x17, B("241301000000Z")), tlv(0x17, B("340101000000Z"))) },
              CERTMAP_R_EXPIRED);
    complains("a length that is not DER", (spec_t){ .version = B("\xa0\x81\x03\x02\x01\x02") },
              "!certificate: not DER");
    dates_say("dates behind what is not DER", (spec_t){ .version = B("\xa0\x81\x03\x02\x01\x02") }, CERTMAP_R_NONE);
    complains("two SANs", (spec_t){ .exts = cat(san(tlv(0x82, B("a"))), san(tlv(0x82, B("b")))) },
              "!extensions: one appears there twice");
    complains("two unknown alike", (spec_t){ .exts = cat(ext("1.2.3", B("\5\0")), ext("1.2.3", B("\5\0"))) },
              "!extensions: one appears there twice");
    complains("empty list of extensions", (spec_t){ .exts = B("") }, "");
    complains("extensions without OID", (spec_t){ .exts = seq(tlv(0x04, B(""))) }, "");
}

static void test_malformed_extensions(void)
{
    static const struct {
        const char *what;
        const char *oid;
        bytes_t data;
        const char *why;
    } table[] = {
        { "SAN garbage", SAN, B("garbage"), "!san: not DER" },
        { "SAN empty", SAN, B("\x30\0"), "!san: empty" },
        { "SAN trailing bytes", SAN,
          B("\x30\x03\x82\x01"
            "a\0"),
          "!san: bytes after its end" },
        { "SAN trailing byte inside", SAN,
          B("\x30\x04\x82\x01"
            "a\x82"),
          "!san: not DER" },
        { "SAN unknown form", SAN,
          B("\x30\x03\x89\x01"
            "a"),
          "!san: not a form of name" },
        { "SAN long length", SAN,
          B("\x30\x81\x03\x82\x01"
            "a"),
          "!san: not DER" },
        { "SAN indefinite length", SAN,
          B("\x30\x80\x82\x01"
            "a\0\0"),
          "!san: not DER" },
        { "ip of 0", SAN, B("\x30\x02\x87\0"), "!san.ip: an address of neither 4 nor 16 octets" },
        { "ip of 3", SAN, B("\x30\x05\x87\x03\1\2\3"), "!san.ip: an address of neither 4 nor 16 octets" },
        { "ip of 5", SAN, B("\x30\x07\x87\x05\1\2\3\4\5"), "!san.ip: an address of neither 4 nor 16 octets" },
        { "rid cut", SAN, B("\x30\x04\x88\x02\x2a\x83"), "!san.rid: not an OID" },
        { "rid padded", SAN, B("\x30\x05\x88\x03\x2a\x80\x01"), "!san.rid: not an OID" },
        { "dirname with an empty RDN", SAN, B("\x30\x06\xa4\x04\x30\x02\x31\0"), "!san.dirname: empty RDN" },
        { "otherName of one", SAN, B("\x30\x06\xa0\x04\x06\x02\x2a\x03"), "!san.other: otherName is not DER" },
        { "otherName of two values", SAN, B("\x30\x0c\xa0\x0a\x06\x02\x2a\x03\xa0\x04\x05\0\x05\0"),
          "!san.other: otherName's value is not DER" },
        { "eku garbage", "2.5.29.37", B("\x30\x02\x05\0"), "!eku: empty or not DER" },
        { "eku empty", "2.5.29.37", B("\x30\0"), "!eku: empty or not DER" },
        { "ku garbage", "2.5.29.15", B("\x03\x01\0"), "!ku: not DER" },
        { "ku unused bits set", "2.5.29.15", B("\x03\x02\x05\x81"), "!ku: not DER" },
        { "policy garbage", "2.5.29.32", B("\x30\x03\x06\x01\x2a"), "!policy: empty or not DER" },
        { "ski garbage", "2.5.29.14", B("\x04\x02\x01"), "!ski: not DER" },
        { "aki garbage", "2.5.29.35", B("\x30\x04\x85\x02\1\2"), "!aki: not DER" },
        { "aki out of order", "2.5.29.35", B("\x30\x06\x82\x01\1\x80\x01\2"), "!aki: not DER" },
        { "basic constraints garbage", "2.5.29.19", B("\x04\0"), "!basicConstraints: not DER" },
        { "sid garbage", SID, B("\x04\x07S-1-5-1"), "!sid: not DER" },

        { "dns with NUL", SAN,
          B("\x30\x05\x82\x03"
            "a\0b"),
          "san.dns: NUL inside" },
        { "dns with NUL at its end", SAN,
          B("\x30\x04\x82\x02"
            "a\0"),
          "san.dns: NUL inside" },
        { "dns empty", SAN, B("\x30\x02\x82\0"), NULL },
        { "dns high byte", SAN,
          B("\x30\x04\x82\x02"
            "a\xe9"),
          "san.dns: byte above 0x7f in an ASCII string" },
        { "email with LF", SAN,
          B("\x30\x05\x81\x03"
            "a\nb"),
          "san.email: control character inside" },
        { "email in UTF-8", SAN,
          B("\x30\x08\x81\x06"
            "\xc3\xab"
            "@x.y"),
          "san.email: byte above 0x7f in an ASCII string" },
        { "email of two domains", SAN,
          B("\x30\x07\x81\x05"
            "a@b@c"),
          "san.email: more than one '@' in an address" },
        { "email with two '@' together", SAN,
          B("\x30\x06\x81\x04"
            "a@@c"),
          "san.email: more than one '@' in an address" },
        { "uri with ESC", SAN,
          B("\x30\x05\x86\x03"
            "a\x1b"
            "b"),
          "san.uri: control character inside" },
        { "dirname empty", SAN, B("\x30\x04\xa4\x02\x30\0"), "san.dirname: empty" },
        { "dirname with NUL", SAN,
          B("\x30\x11\xa4\x0f\x30\x0d\x31\x0b\x30\x09\x06\x03\x55\x04\x03\x0c\x02"
            "a\0"),
          "san.dirname: CN: NUL inside" },
        { "otherName with LF", SAN, B("\x30\x0b\xa0\x09\x06\x02\x2a\x03\xa0\x03\x0c\x01\n"),
          "san.other:1.2.3: control character inside" },
        { "otherName as GeneralString", SAN,
          B("\x30\x0d\xa0\x0b\x06\x02\x2a\x03\xa0\x05\x1b\x03"
            "a@b"),
          NULL },
        { "GeneralString beyond ASCII", SAN,
          B("\x30\x0d\xa0\x0b\x06\x02\x2a\x03\xa0\x05\x1b\x03"
            "a\xe9"
            "b"),
          "san.other:1.2.3: byte above 0x7f in an ASCII string" },
        { "ku of no bit", "2.5.29.15", B("\x03\x02\x07\0"), "ku: no bit is set" },
        { "ski empty", "2.5.29.14", B("\x04\0"), "ski: empty" },
        { "aki empty", "2.5.29.35", B("\x30\x02\x80\0"), "aki: empty" },
        { "sid in a URI is none", SAN, B("\x30\x25\x86\x23tag:microsoft.com,2022-09-14:sid:S1"),
          "sid: the URI holds no SID" },
    };
    apr_size_t i;

    for (i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
        complains(table[i].what, (spec_t){ .exts = ext(table[i].oid, table[i].data) }, table[i].why);
    }
}

static void test_upn(void)
{
#define UPN_FIELD "san.other:" UPN ": "
    static const struct {
        const char *what;
        int tag;
        bytes_t value;
        const char *why;
    } table[] = {
        { "UPN", 0x0c, B("ann@corp.local"), NULL },
        { "UPN as IA5String", 0x16, B("ann@corp"), "UPN is not a UTF8String" },
        { "UPN as BMPString", 0x1e, B("\0a\0n\0n"), "UPN is not a UTF8String" },
        { "UPN as SEQUENCE", 0x30,
          B("\x0c\x03"
            "ann"),
          "UPN is not a UTF8String" },
        { "UPN as INTEGER", 0x02, B("\x05"), "UPN is not a UTF8String" },
        { "UPN with NUL", 0x0c, B("ann@corp\0.evil"), "NUL inside" },
        { "UPN with NUL at its end", 0x0c, B("ann@corp\0"), "NUL inside" },
        { "UPN empty", 0x0c, B(""), NULL },
        { "UPN not UTF-8", 0x0c, B("ann\xff"), "not UTF-8" },
    };
    apr_size_t i;

    for (i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
        const char *why = table[i].why;

        why = why ? apr_pstrcat(pool, "san.upn: ", why, "; " UPN_FIELD, why, NULL) : NULL;
        complains(table[i].what, (spec_t){ .exts = san(other(UPN, table[i].tag, table[i].value)) }, why);
    }
}

/** One malformed value spoils its own field and what is made of it, whatever is next to it. */
static void test_units(void)
{
    static const char *const fields[] = {
        "subject", "subject.CN", "subject.O", "issuer",      "issuer.CN",   "san.email",       "san.dns",
        "san.uri", "san.ip",     "san.upn",   "san.dirname", "san.rid",     "san.other:1.2.3", "san.other:1.2.4",
        "serial",  "ski",        "ku",        "sid",         "ext:1.2.3.4", "ext:1.2.3.5",
    };
    bytes_t beside = cat(cat(tlv(0x81, B("a@b")), tlv(0x82, B("h"))),
                         cat(tlv(0x86, B("u:x")), tlv(0x87, B("\1\2\3\4"))));
    bytes_t names, exts;
    struct {
        const char *what;
        spec_t s;
        const char *spoils;
    } table[9];
    const certmap_cert_t *cert;
    apr_size_t i, k;

    beside = cat(beside,
                 cat(cat(other(UPN, 0x0c, B("u@p")), tlv(0xa4, seq(rdn(CN, 0x0c, B("d"))))),
                     cat(tlv(0x88, B("\x2a\x03")), cat(other("1.2.3", 0x0c, B("x")), other("1.2.4", 0x0c, B("y"))))));
    exts = cat(
        cat(ext("2.5.29.14", B("\x04\x01\1")), ext("2.5.29.15", B("\x03\x02\x07\x80"))),
        cat(ext("1.2.3.5", B("\x0c\x01x")),
            ext(SID, seq(tlv(0xa0, cat(oid("1.3.6.1.4.1.311.25.2.1"), tlv(0xa0, tlv(0x04, B("S-1-5-21-8")))))))));
#define WITH(name) cat(exts, cat(san(cat(beside, (name))), ext("1.2.3.4", B("\x0c\x01x"))))
    names = cat(rdn("2.5.4.10", 0x0c, B("o")), cat(rdn(CN, 0x0c, B("c")), rdn(CN, 0x0c, B("c\n"))));
    table[0].what = "a CN";
    table[0].s = (spec_t){ .subject = names, .exts = WITH(B("")) };
    table[0].spoils = " subject subject.CN";
    names = cat(rdn("2.5.4.10", 0x0c, B("o")), rdn(CN, 0x0c, B("c")));
    table[1].what = "a dns";
    table[1].s = (spec_t){ .subject = names, .exts = WITH(tlv(0x82, B("a\0"))) };
    table[1].spoils = " san.dns";
    table[2].what = "an email";
    table[2].s = (spec_t){ .subject = names, .exts = WITH(tlv(0x81, B("a@b@c"))) };
    table[2].spoils = " san.email";
    table[3].what = "a uri";
    table[3].s = (spec_t){ .subject = names, .exts = WITH(tlv(0x86, B("a\n"))) };
    table[3].spoils = " san.uri sid";
    table[4].what = "an otherName";
    table[4].s = (spec_t){ .subject = names, .exts = WITH(other("1.2.3", 0x0c, B("a\n"))) };
    table[4].spoils = " san.other:1.2.3";
    table[5].what = "a UPN";
    table[5].s = (spec_t){ .subject = names, .exts = WITH(other(UPN, 0x16, B("a"))) };
    table[5].spoils = " san.upn";
    table[6].what = "a dirname";
    table[6].s = (spec_t){ .subject = names, .exts = WITH(tlv(0xa4, seq(rdn(CN, 0x0c, B("\n"))))) };
    table[6].spoils = " san.dirname";
    table[7].what = "a serial";
    table[7].s = (spec_t){ .subject = names, .serial = B("\x80"), .exts = WITH(B("")) };
    table[7].spoils = " serial";
    table[8].what = "another SID";
    table[8].s = (spec_t){ .subject = names,
                           .exts = WITH(tlv(0x86, B("tag:microsoft.com,2022-09-14:sid:S-1-5-21-9"))) };
    table[8].spoils = " sid";
    for (i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
        const char *spoilt = "", *lost = "";

        ok(view_of(&table[i].s, &cert) == APR_SUCCESS && !certmap_cert_malformed(cert), "%s: a view", table[i].what);
        for (k = 0; k < sizeof(fields) / sizeof(fields[0]); k++) {
            const char *shown = show(cert, NULL, fields[k]);

            if (strcmp(shown, "(malformed)") == 0) {
                spoilt = apr_pstrcat(pool, spoilt, " ", fields[k], NULL);
            }
            else if (*shown == '(') {
                lost = apr_pstrcat(pool, lost, " ", fields[k], NULL);
            }
        }
        is_str(spoilt, table[i].spoils, table[i].what);
        is_str(lost, "", "... and all else is there");
    }
}

/* ---- every field --------------------------------------------------------------------------------------------- */

static bytes_t rich_subject(void)
{
    bytes_t s = cat(rdn("0.9.2342.19200300.100.1.25", 0x16, B("local")),
                    rdn("0.9.2342.19200300.100.1.25", 0x16, B("corp")));

    s = cat(s, rdn("2.5.4.6", 0x13, B("NL")));
    s = cat(s, rdn("2.5.4.8", 0x0c, B("Utrecht")));
    s = cat(s, rdn("2.5.4.7", 0x0c, B("Soest")));
    s = cat(s, rdn("2.5.4.10", 0x0c, B("Example  Ltd")));
    s = cat(s, rdn("2.5.4.11", 0x0c, B("One")));
    s = cat(s, tlv(0x31, cat(ava(CN, 0x0c, B("Ann")), ava("2.5.4.11", 0x0c, B("Two")))));
    s = cat(s, rdn("0.9.2342.19200300.100.1.1", 0x0c, B("ann1")));
    s = cat(s, rdn("1.2.840.113549.1.9.1", 0x16, B("Ann@Example.com")));
    s = cat(s, rdn("2.5.4.4", 0x0c, B("Smith")));
    s = cat(s, rdn("2.5.4.42", 0x0c, B("Ann")));
    s = cat(s, rdn("2.5.4.12", 0x0c, B("Dr")));
    s = cat(s, rdn("2.5.4.43", 0x0c, B("AS")));
    s = cat(s, rdn("2.5.4.5", 0x13, B("123")));
    return cat(s, rdn("1.2.3.4", 0x0c, B("admin")));
}

static bytes_t rich_extensions(void)
{
    bytes_t names = cat(tlv(0x81, B("Ann@example.com")), tlv(0x81, B("second@example.com")));
    bytes_t sid = cat(oid("1.3.6.1.4.1.311.25.2.1"), tlv(0xa0, tlv(0x04, B("S-1-5-21-1-2-3-1104"))));
    bytes_t e;

    names = cat(names, cat(tlv(0x82, B("host.example.com")), tlv(0x86, B("spiffe://td/x"))));
    names = cat(names, cat(tlv(0x87, B("\x0a\0\0\1")), tlv(0x87, B("\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\1"))));
    names = cat(names, cat(other(UPN, 0x0c, B("ann@corp.local")), other("1.2.3", 0x16, B("plain"))));
    names = cat(names, other("1.2.5", 0x1b, B("krbtgt")));
    names = cat(names, cat(other("1.3.6.1.5.2.2", 0x30, B("\x05\0")), other("1.2.3", 0x13, B("again"))));
    names = cat(names, tlv(0xa4, seq(cat(rdn("2.5.4.10", 0x0c, B("Dir")), rdn(CN, 0x0c, B("admin"))))));
    names = cat(names, cat(tlv(0x88, B("\x2a\x03\x04")), tlv(0xa5, B("\xa1\x03\x0c\x01x"))));
    e = cat(san(names), ext("2.5.29.14", B("\x04\x03\xab\xcd\xef")));
    e = cat(e, ext("2.5.29.35", B("\x30\x0a\x80\x02\xca\xfe\xa1\x01\0\x82\x01\1")));
    e = cat(e, ext("2.5.29.37", seq(cat(oid("1.3.6.1.5.5.7.3.2"), oid("1.3.6.1.4.1.311.20.2.2")))));
    e = cat(e, seq(cat(cat(oid("2.5.29.15"), B("\x01\x01\xff")), tlv(0x04, B("\x03\x03\x07\xa0\x80")))));
    e = cat(e, ext("2.5.29.32", seq(cat(seq(oid("2.23.140.1.2.1")), seq(cat(oid("1.2.3.4"), seq(B(""))))))));
    e = cat(e, ext(SID, seq(tlv(0xa0, sid))));
    e = cat(e, ext("2.16.840.1.113730.1.13", tlv(0x16, B("a\ncomment"))));
    e = cat(e, ext("1.2.3.4.5", tlv(0x1e, B("\0H\0i"))));
    return cat(e, ext("1.2.3.4.6", B("\x30\x03\x02\x01\x05")));
}

static void test_fields(void)
{
    static const char *const table[][2] = {
        { "subject", "1.2.3.4=admin,serialNumber=123,initials=AS,title=Dr,GN=Ann,SN=Smith,emailAddress=Ann@Example.com,"
                     "UID=ann1,OU=Two+CN=Ann,OU=One,O=Example  Ltd,L=Soest,ST=Utrecht,C=NL,DC=corp,DC=local" },
        { "subject.CN", "Ann" },
        { "SUBJECT.cn", "Ann" },
        { "subject.commonName", "Ann" },
        { "subject.2.5.4.3", "Ann" },
        { "subject.OU", "One|Two" },
        { "subject.O", "Example  Ltd" },
        { "subject.C", "NL" },
        { "subject.ST", "Utrecht" },
        { "subject.S", "Utrecht" },
        { "subject.L", "Soest" },
        { "subject.DC", "local|corp" },
        { "subject.UID", "ann1" },
        { "subject.E", "Ann@Example.com" },
        { "subject.Email", "Ann@Example.com" },
        { "subject.emailAddress", "Ann@Example.com" },
        { "subject.SN", "Smith" },
        { "subject.surname", "Smith" },
        { "subject.GN", "Ann" },
        { "subject.G", "Ann" },
        { "subject.givenName", "Ann" },
        { "subject.T", "Dr" },
        { "subject.title", "Dr" },
        { "subject.I", "AS" },
        { "subject.serialNumber", "123" },
        { "subject.1.2.3.4", "admin" },
        { "subject.OID.1.2.3.4", "admin" },
        { "subject.street", "(absent)" },
        { "issuer", "CN=Test CA" },
        { "issuer.CN", "Test CA" },
        { "issuer.O", "(absent)" },
        { "san.email", "Ann@example.com|second@example.com" },
        { "san.dns", "host.example.com" },
        { "san.uri", "spiffe://td/x" },
        { "san.ip", "10.0.0.1|2001:db8::1" },
        { "san.upn", "ann@corp.local" },
        { "san.dirname", "CN=admin,O=Dir" },
        { "san.rid", "1.2.3.4" },
        { "san.other:1.2.3", "plain|again" },
        { "san.other:1.3.6.1.5.2.2", "30020500" },
        { "san.other:1.3.6.1.4.1.311.20.2.3", "ann@corp.local" },
        { "san.other:1.2.5", "krbtgt" },
        { "san.other:1.2.4", "(absent)" },
        { "serial", "0abc" },
        { "ski", "abcdef" },
        { "aki", "cafe" },
        { "eku", "1.3.6.1.5.5.7.3.2|1.3.6.1.4.1.311.20.2.2" },
        { "ku", "digitalSignature|keyEncipherment|decipherOnly" },
        { "policy", "2.23.140.1.2.1|1.2.3.4" },
        { "sid", "S-1-5-21-1-2-3-1104" },
        { "ext:2.16.840.1.113730.1.13", "(malformed)" },
        { "ext:1.2.3.4.5", "Hi" },
        { "ext:1.2.3.4.6", "3003020105" },
        { "ext:2.5.29.14", "0403abcdef" },
        { "ext:1.2.3.4.7", "(absent)" },
        { "chain.sha256", "(absent)" },
        { "root.sha256", "(absent)" },
    };
    spec_t s = { .subject = rich_subject(), .exts = rich_extensions() };
    const certmap_cert_t *cert;
    certmap_field_t field = { .kind = CERTMAP_F_SAN_IP };
    const certmap_value_t *v;
    apr_size_t i, n;

    if (!ok(view_of(&s, &cert) == APR_SUCCESS, "a certificate with everything")) {
        return;
    }
    is_str(odd(APR_SUCCESS, cert), "", "nothing of it is malformed");
    for (i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
        is_str(show(cert, NULL, table[i][0]), table[i][1], table[i][0]);
    }
    is_str(certmap_cert_serial(cert), "0ABC", "serial for display");
    ok(certmap_cert_values(cert, NULL, &field, &v, &n, pool) == CERTMAP_VALID && n == 2 && v[0].kind == CERTMAP_V_IP
           && v[0].iplen == 4 && memcmp(v[0].ip, "\x0a\0\0\1", 4) == 0 && v[1].iplen == 16,
       "octets of addresses");
    field.kind = CERTMAP_F_SUBJECT;
    ok(certmap_cert_values(cert, NULL, &field, &v, &n, pool) == CERTMAP_VALID && v[0].kind == CERTMAP_V_DN
           && v[0].dn == certmap_cert_subject(cert),
       "the subject's value is its name");
    field = (certmap_field_t){ .kind = CERTMAP_F_SUBJECT_ATTR, .oid = "2.5.4.10" };
    ok(certmap_cert_values(cert, NULL, &field, &v, &n, pool) == CERTMAP_VALID
           && strcmp(v[0].folded.data, "example ltd") == 0 && v[0].folded.len == 11,
       "folded form");
    field = (certmap_field_t){ .kind = CERTMAP_F_EXT, .oid = "1.2.3.4.6" };
    ok(certmap_cert_values(cert, NULL, &field, &v, &n, pool) == CERTMAP_VALID && v[0].kind == CERTMAP_V_OPAQUE,
       "DER that is no text is opaque");
}

static void test_absent(void)
{
    static const char *const optional[] = {
        "subject", "subject.CN",  "san.email", "san.dns",         "san.uri", "san.ip",
        "san.upn", "san.dirname", "san.rid",   "san.other:1.2.3", "ski",     "aki",
        "eku",     "ku",          "policy",    "ext:1.2.3",       "sid",
    };
    spec_t s = { .subject = B("") };
    const certmap_cert_t *cert;
    apr_size_t i;

    if (!ok(view_of(&s, &cert) == APR_SUCCESS && !certmap_cert_malformed(cert), "an empty subject is no fault")) {
        return;
    }
    for (i = 0; i < sizeof(optional) / sizeof(optional[0]); i++) {
        is_str(show(cert, NULL, optional[i]), "(absent)", optional[i]);
    }
    is_str(certmap_cert_subject_text(cert), "", "text of an empty subject");
    s.exts = san(tlv(0x86, B("tag:microsoft.com,2022-09-14:sid:S-1-5-21-7")));
    ok(view_of(&s, &cert) == APR_SUCCESS, "SID as a URI");
    is_str(show(cert, NULL, "sid"), "S-1-5-21-7", "sid from the URI");
    s.exts = cat(s.exts,
                 ext(SID, seq(tlv(0xa0, cat(oid("1.3.6.1.4.1.311.25.2.1"), tlv(0xa0, tlv(0x04, B("S-1-5-21-8"))))))));
    ok(view_of(&s, &cert) == APR_SUCCESS, "SID both ways");
    is_str(show(cert, NULL, "sid"), "(malformed)", "but not each its own");
    is_str(why_of(cert, "sid"), "the extension and the URI differ", "... and that is why");
    is_str(show(cert, NULL, "san.uri"), "tag:microsoft.com,2022-09-14:sid:S-1-5-21-7", "... the URI is what it is");
    s.exts = cat(san(tlv(0x86, B("tag:microsoft.com,2022-09-14:sid:S-1-5-21-8"))),
                 ext(SID, seq(tlv(0xa0, cat(oid("1.3.6.1.4.1.311.25.2.1"), tlv(0xa0, tlv(0x04, B("S-1-5-21-8"))))))));
    ok(view_of(&s, &cert) == APR_SUCCESS, "the same SID both ways");
    is_str(show(cert, NULL, "sid"), "S-1-5-21-8", "is one");
    s.exts = san(cat(tlv(0x86, B("tag:microsoft.com,2022-09-14:sid:S-1-5-21-7")),
                     tlv(0x86, B("tag:microsoft.com,2022-09-14:sid:S-1-5-21-8"))));
    ok(view_of(&s, &cert) == APR_SUCCESS, "two SIDs as URIs");
    is_str(why_of(cert, "sid"), "two URIs differ", "are of two accounts, and nobody could say which is meant");
    s.exts = san(repeat(tlv(0x86, B("tag:microsoft.com,2022-09-14:sid:S-1-5-21-7")), 2));
    ok(view_of(&s, &cert) == APR_SUCCESS, "the same SID in two URIs");
    is_str(show(cert, NULL, "sid"), "S-1-5-21-7", "is one, too");
    s.exts = ext("1.2.3", B(""));
    ok(view_of(&s, &cert) == APR_SUCCESS, "an extension with nothing in it");
    is_str(show(cert, NULL, "ext:1.2.3"), "", "is there");
    s.exts = ext("1.2.3", B("\x0c\x01 "));
    ok(view_of(&s, &cert) == APR_SUCCESS, "an extension with a blank in it");
    is_str(show(cert, NULL, "ext:1.2.3"), "(absent)", "has no value");
    s.exts = san(tlv(0x87, B("a\0")));
    ok(view_of(&s, &cert) == APR_SUCCESS, "malformed SAN");
    is_str(show(cert, NULL, "san.email"), "(malformed)", "makes every san field malformed");
    is_str(show(cert, NULL, "sid"), "(malformed)", "and the SID");
    is_str(show(cert, NULL, "eku"), "(absent)", "not the EKU");
    is_str(why_of(cert, "eku"), NULL, "of which nothing is to be said");
}

static void test_chain(void)
{
    unsigned char sums[2][32] = { { 0x11 }, { 0xee } };
    certmap_verdict_t verdict = { .chain = (const unsigned char(*)[32])sums, .nchain = 2 };
    spec_t s = { .exts = { NULL, 0 } };
    const certmap_cert_t *cert;
    char first[65], last[65];

    memset(first, '0', 64);
    memset(last, '0', 64);
    memcpy(first, "11", 2);
    memcpy(last, "ee", 2);
    first[64] = last[64] = '\0';
    if (!ok(view_of(&s, &cert) == APR_SUCCESS, "a view")) {
        return;
    }
    is_str(show(cert, &verdict, "chain.sha256"), apr_pstrcat(pool, first, "|", last, NULL), "chain.sha256");
    is_str(show(cert, &verdict, "root.sha256"), last, "root.sha256");
    verdict.reason = CERTMAP_R_UNTRUSTED_ISSUER;
    is_str(show(cert, &verdict, "chain.sha256"), "(absent)", "a chain that failed says nothing");
}

/* ---- compared with OpenSSL, display, dates, time ---------------------------------------------------------------- */

static X509 *real_certificate(EVP_PKEY *key)
{
    X509 *x = X509_new();
    X509_NAME *name = X509_get_subject_name(x);
    X509_EXTENSION *e;

    X509_set_version(x, 2);
    ASN1_INTEGER_set(X509_get_serialNumber(x), 0x123456);
    X509_gmtime_adj(X509_getm_notBefore(x), -3600);
    X509_gmtime_adj(X509_getm_notAfter(x), 86400);
    X509_NAME_add_entry_by_txt(name, "O", MBSTRING_UTF8, (const unsigned char *)"Example", -1, -1, 0);
    X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_UTF8, (const unsigned char *)"Zo\xc3\xab", -1, -1, 0);
    X509_set_issuer_name(x, name);
    X509_set_pubkey(x, key);
    e = X509V3_EXT_conf_nid(NULL, NULL, NID_subject_alt_name, "email:zoe@example.com,DNS:zoe.example.com,IP:192.0.2.1");
    X509_add_ext(x, e, -1);
    X509_EXTENSION_free(e);
    e = X509V3_EXT_conf_nid(NULL, NULL, NID_ext_key_usage, "clientAuth");
    X509_add_ext(x, e, -1);
    X509_EXTENSION_free(e);
    e = X509V3_EXT_conf_nid(NULL, NULL, NID_key_usage, "critical,digitalSignature");
    X509_add_ext(x, e, -1);
    X509_EXTENSION_free(e);
    X509_sign(x, key, EVP_sha256());
    return x;
}

static void test_real(void)
{
    EVP_PKEY *key = EVP_PKEY_Q_keygen(NULL, NULL, "EC", "P-256");
    X509 *x = real_certificate(key);
    const certmap_cert_t *cert;
    unsigned char sum[32], *der = NULL;
    unsigned int len;
    int n;

    if (ok(certmap_cert_create(x, &cert, pool) == APR_SUCCESS && !certmap_cert_malformed(cert), "a real certificate")) {
        X509_digest(x, EVP_sha256(), sum, &len);
        is_str(certmap_cert_sha256(cert), certmap_hex(sum, len, pool).data, "sha256 as OpenSSL has it");
        X509_digest(x, EVP_sha1(), sum, &len);
        is_str(show(cert, NULL, "sha1"), certmap_hex(sum, len, pool).data, "sha1 as OpenSSL has it");
        n = i2d_X509_PUBKEY(X509_get_X509_PUBKEY(x), &der);
        EVP_Digest(der, (size_t)n, sum, &len, EVP_sha256(), NULL);
        OPENSSL_free(der);
        is_str(show(cert, NULL, "spki"), certmap_hex(sum, len, pool).data, "spki is the public key info's SHA-256");
        is_str(certmap_cert_serial(cert), "123456", "serial");
        is_str(certmap_cert_subject_text(cert), "CN=Zo\xc3\xab,O=Example", "subject");
        is_str(show(cert, NULL, "san.email"), "zoe@example.com", "san.email");
        is_str(show(cert, NULL, "eku"), "1.3.6.1.5.5.7.3.2", "eku");
        is_str(show(cert, NULL, "ku"), "digitalSignature", "ku");
        is_int(certmap_verdict_dates(cert, apr_time_now()), CERTMAP_R_NONE, "valid now");
    }
    X509_free(x);
    EVP_PKEY_free(key);
}

static void test_display(void)
{
    spec_t s = { .subject = cat(rdn("2.5.4.10", 0x0c, B("Ev,il")), rdn(CN, 0x0c, B("ad\0min\r\n\x1b[2J"))) };
    const certmap_cert_t *cert;

    ok(view_of(&s, &cert) == APR_SUCCESS, "a malformed subject has a view");
    is_str(certmap_cert_subject_text(cert), "CN=ad\xef\xbf\xbdmin\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd[2J,O=Ev\\,il",
           "and a text without controls");
    is_str(show(cert, NULL, "subject"), "(malformed)", "but no value");
    s.subject = repeat(rdn(CN, 0x0c, B("x")), 6000);
    ok(view_of(&s, &cert) == APR_SUCCESS && strlen(certmap_cert_subject_text(cert)) < 1000, "a huge one is cut");
    s.subject = B("");
    s.serial = B("\xff\x7f");
    ok(view_of(&s, &cert) == APR_SUCCESS, "a negative serial");
    is_str(certmap_cert_serial(cert), "FF7F", "is shown as it stands");
}

static void test_dates(void)
{
    static const struct {
        const char *from;
        const char *to;
        long long before;
        long long after;
    } table[] = {
        { "700101000000Z", "491231235959Z", 0, 2524607999 },
        { "500101000000Z", "20500101000000Z", -631152000, 2524608000 },
        { "240229120000Z", "99991231235959Z", 1709208000, 253402300799 },
        { "000301000000Z", "21000301000000Z", 951868800, 4107542400 },
    };
    spec_t s = { .exts = { NULL, 0 } };
    const certmap_cert_t *cert;
    apr_size_t i;

    for (i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
        bytes_t from = { table[i].from, strlen(table[i].from) }, to = { table[i].to, strlen(table[i].to) };

        s.validity = cat(tlv(from.len == 15 ? 0x18 : 0x17, from), tlv(to.len == 15 ? 0x18 : 0x17, to));
        if (ok(view_of(&s, &cert) == APR_SUCCESS && !certmap_cert_malformed(cert), "%s to %s", table[i].from,
               table[i].to)) {
            apr_time_t before = table[i].before * APR_USEC_PER_SEC, after = table[i].after * APR_USEC_PER_SEC;

            is_int(certmap_cert_not_before(cert), before, "notBefore");
            is_int(certmap_cert_not_after(cert), after, "notAfter");
            is_int(certmap_verdict_dates(cert, before), CERTMAP_R_NONE, "valid from the first instant");
            is_int(certmap_verdict_dates(cert, before - 1), CERTMAP_R_NOT_YET_VALID, "not before");
            is_int(certmap_verdict_dates(cert, after + 999999), CERTMAP_R_NONE, "valid to the end of its last second");
            is_int(certmap_verdict_dates(cert, after + 1000000), CERTMAP_R_EXPIRED, "not after");
        }
    }
}

/** Microseconds that one view takes, the best of some. */
static double cost(const spec_t *s, int views)
{
    bytes_t der = build(s);
    const unsigned char *at = (const unsigned char *)der.data;
    X509 *x = d2i_X509(NULL, &at, (long)der.len);
    const certmap_cert_t *cert;
    apr_pool_t *p;
    double best = 1e12;
    int i, round;

    apr_pool_create(&p, pool);
    for (round = 0; round < 5; round++) {
        apr_time_t start = apr_time_now();
        double took;

        for (i = 0; i < views; i++) {
            if (certmap_cert_create(x, &cert, p) != APR_SUCCESS) {
                best = 0;
            }
            apr_pool_clear(p);
        }
        took = (double)(apr_time_now() - start) / views;
        best = took < best ? took : best;
    }
    apr_pool_destroy(p);
    X509_free(x);
    return best;
}

static void test_time(void)
{
    spec_t common = { .subject = cat(cat(rdn("2.5.4.6", 0x13, B("NL")), rdn("2.5.4.10", 0x0c, B("Example Ltd"))),
                                     cat(rdn("2.5.4.11", 0x0c, B("Staff")), rdn(CN, 0x0c, B("Ann Smith")))) };
    spec_t many = { .exts = san(repeat(tlv(0x82, B("host.example.com")), 10000)) };
    spec_t more = { .exts = san(repeat(tlv(0x82, B("host.example.com")), 20000)) };
    const certmap_cert_t *cert;
    certmap_field_t field = { .kind = CERTMAP_F_SAN_DNS };
    const certmap_value_t *v;
    apr_size_t n = 0;
    double ten, twenty;

    common.exts = rich_extensions();
    diag("a common certificate's view takes %.2f us", cost(&common, 2000));
    ok(view_of(&many, &cert) == APR_SUCCESS && certmap_cert_values(cert, NULL, &field, &v, &n, pool) == CERTMAP_VALID
           && n == 10000,
       "10,000 names");
    ten = cost(&many, 5);
    twenty = cost(&more, 5);
    diag("10,000 names take %.0f us, 20,000 take %.0f us", ten, twenty);
    ok(ten > 0 && twenty < 4 * ten, "twice the names take about twice the time");
}

/** Every certificate cut short, and with each octet changed, is read or refused without harm (run under valgrind). */
static void test_mangled(void)
{
    spec_t s = { .subject = rich_subject(), .exts = rich_extensions() };
    bytes_t der = build(&s);
    unsigned char *copy = apr_pmemdup(pool, der.data, der.len);
    const certmap_cert_t *cert;
    apr_pool_t *p;
    apr_size_t i;
    int cut = 0, views = 0, clean = 0, refused = 0;

    apr_pool_create(&p, pool);
    for (i = 0; i < der.len; i++) {
        apr_status_t rv;

        cut += certmap_cert_create_der((const unsigned char *)der.data, i, &cert, p) == APR_EINVAL && !cert;
        copy[i] ^= 0x21;
        rv = certmap_cert_create_der(copy, der.len, &cert, p);
        copy[i] ^= 0x21;
        views += rv == APR_SUCCESS;
        clean += rv == APR_SUCCESS && !certmap_cert_malformed(cert);
        refused += rv == APR_EINVAL && !cert;
        apr_pool_clear(p);
    }
    apr_pool_destroy(p);
    diag("of %d changed certificates OpenSSL refused %d, %d were malformed", (int)der.len, refused, views - clean);
    is_int(cut, (long long)der.len, "a certificate cut short is none");
    is_int(views + refused, (long long)der.len, "every changed certificate was answered");
    ok(clean < views && refused > 0, "both refuse some");
}

int main(void)
{
    apr_initialize();
    atexit(apr_terminate);
    apr_pool_create(&pool, NULL);
    plan(0);
    is_int(certmap_engine_init(pool), APR_SUCCESS, "engine");
    test_strings();
    test_names();
    test_other_types();
    test_compare();
    test_frame();
    test_malformed_extensions();
    test_upn();
    test_units();
    test_fields();
    test_absent();
    test_chain();
    test_real();
    test_display();
    test_dates();
    test_time();
    test_mangled();
    apr_pool_destroy(pool);
    return tap_done();
}
