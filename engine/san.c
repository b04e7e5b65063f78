/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file engine/san.c
 * @brief The extensions of a certificate: subject alternative names above all, keys, purposes, policies, the AD SID.
 *
 * What the mapper knows is read when the view is made, and malformed there means a malformed certificate. Any other
 * extension is nobody's business until a rule asks for it by OID.
 */
#include <stdlib.h>
#include <string.h>

#include <arpa/inet.h>
#include <apr_strings.h>
#include <openssl/err.h>
#include <openssl/objects.h>

#include "cert.h"

#define OID_UPN "1.3.6.1.4.1.311.20.2.3"
#define OID_SID "1.3.6.1.4.1.311.25.2.1"
#define SID_URI "tag:microsoft.com,2022-09-14:sid:"

static apr_size_t size_of(certmap_der_t d)
{
    return certmap_der_left(&d);
}

/* ---- subject alternative names ------------------------------------------------------------------------------- */

/** Where the values of a SAN go while it is read. */
typedef struct san_t {
    certmap_value_t *v[CERTMAP_F_COUNT];
    apr_size_t n[CERTMAP_F_COUNT];
    const char **oids;          /**< of SAN_OTHER */
} san_t;

/** email, dns */
static const char *read_ia5(san_t *san, certmap_value_t *v, certmap_der_t content, apr_pool_t *p)
{
    certmap_str_t text;
    const char *why = certmap_der_string(CERTMAP_T_IA5, content, &text, p);

    (void) san;
    if (!why) {
        certmap_value_text(v, text, p);
    }
    return why;
}

static const char *read_uri(san_t *san, certmap_value_t *v, certmap_der_t content, apr_pool_t *p)
{
    const char *why = read_ia5(san, v, content, p);

    if (!why) {
        v->folded = certmap_fold_uri(v->text, p);
    }
    return why;
}

static const char *read_rid(san_t *san, certmap_value_t *v, certmap_der_t content, apr_pool_t *p)
{
    const char *oid = certmap_der_oid(content, p);

    (void) san;
    if (!oid) {
        return "not an OID";
    }
    certmap_value_plain(v, CERTMAP_V_OID, (certmap_str_t) { oid, strlen(oid) });
    return NULL;
}

static const char *read_dirname(san_t *san, certmap_value_t *v, certmap_der_t content, apr_pool_t *p)
{
    certmap_der_t rdns;
    const certmap_dn_t *dn;
    const char *why, *text;

    (void) san;
    if (!certmap_der_expect(&content, CERTMAP_T_SEQUENCE, &rdns) || content.at != content.end) {
        return "not DER";
    }
    if (!certmap_dn_decode(rdns, &dn, NULL, NULL, &why, p)) {
        return why;
    }
    if (dn->nrdns == 0) {
        return "empty";
    }
    text = certmap_dn_text(dn, p);
    certmap_value_text(v, (certmap_str_t) { text, strlen(text) }, p);
    v->kind = CERTMAP_V_DN;
    v->dn = dn;
    return NULL;
}

static const char *read_ip(san_t *san, certmap_value_t *v, certmap_der_t content, apr_pool_t *p)
{
    apr_size_t len = certmap_der_left(&content);
    char text[INET6_ADDRSTRLEN];

    (void) san;
    if (len != 4 && len != 16) {
        return "an address of neither 4 nor 16 octets";
    }
    if (!inet_ntop(len == 4 ? AF_INET : AF_INET6, content.at, text, sizeof(text))) {
        return "not an address";
    }
    certmap_value_plain(v, CERTMAP_V_IP, certmap_str_copy(text, strlen(text), p));
    memcpy(v->ip, content.at, len);
    v->iplen = (unsigned char) len;
    return NULL;
}

/** A value that is one character string is text, anything else is kept as the hex of its DER. */
static const char *read_any(certmap_value_t *v, certmap_der_t whole, apr_pool_t *p)
{
    certmap_der_t in = whole, content;
    certmap_str_t text;
    unsigned int tag;
    const char *why;

    if (!certmap_der_next(&in, &tag, &content) || in.at != in.end || !certmap_der_is_string(tag)) {
        certmap_value_plain(v, CERTMAP_V_OPAQUE, certmap_hex(whole.at, certmap_der_left(&whole), p));
        return NULL;
    }
    why = certmap_der_string(tag, content, &text, p);
    if (!why) {
        certmap_value_text(v, text, p);
    }
    return why;
}

static const char *read_other(san_t *san, certmap_value_t *v, certmap_der_t content, apr_pool_t *p)
{
    certmap_der_t oid, value, check;
    unsigned int tag;
    const char *type, *why;

    if (!certmap_der_expect(&content, CERTMAP_T_OID, &oid) || !certmap_der_expect(&content, 0xa0, &value)
        || content.at != content.end) {
        return "otherName is not DER";
    }
    check = value;
    if (!certmap_der_next(&check, &tag, &content) || check.at != check.end) {
        return "otherName's value is not DER";
    }
    type = certmap_der_oid(oid, p);
    if (!type) {
        return "otherName's type is no OID";
    }
    why = read_any(v, value, p);
    if (why) {
        return why;
    }
    san->oids[san->n[CERTMAP_F_SAN_OTHER]] = type;
    if (strcmp(type, OID_UPN) == 0) {
        if (tag != CERTMAP_T_UTF8) {
            return "UPN is not a UTF8String";
        }
        san->v[CERTMAP_F_SAN_UPN][san->n[CERTMAP_F_SAN_UPN]++] = *v;
    }
    return NULL;
}

/** The forms of a GeneralName. x400Address and ediPartyName are known, but no rule asks for them. */
static const struct {
    unsigned int tag;
    const char *name;
    certmap_field_e field;
    const char *(*read)(san_t *san, certmap_value_t *v, certmap_der_t content, apr_pool_t *p);
} forms[] = {
    { 0xa0, ".other", CERTMAP_F_SAN_OTHER, read_other },
    { 0x81, ".email", CERTMAP_F_SAN_EMAIL, read_ia5 },
    { 0x82, ".dns", CERTMAP_F_SAN_DNS, read_ia5 },
    { 0xa3, ".x400Address", CERTMAP_F_COUNT, NULL },
    { 0xa4, ".dirname", CERTMAP_F_SAN_DIRNAME, read_dirname },
    { 0xa5, ".ediPartyName", CERTMAP_F_COUNT, NULL },
    { 0x86, ".uri", CERTMAP_F_SAN_URI, read_uri },
    { 0x87, ".ip", CERTMAP_F_SAN_IP, read_ip },
    { 0x88, ".rid", CERTMAP_F_SAN_RID, read_rid },
};

#define NFORMS (sizeof(forms) / sizeof(forms[0]))

static apr_size_t form_of(unsigned int tag)
{
    apr_size_t i;

    for (i = 0; i < NFORMS && forms[i].tag != tag; i++) {
    }
    return i;
}

/** Counts the names of each kind, so that each kind is one array. @return NULL or why the frame is malformed */
static const char *count_names(certmap_der_t names, apr_size_t count[CERTMAP_F_COUNT + 1])
{
    certmap_der_t content;
    unsigned int tag;

    if (names.at == names.end) {
        return "empty";
    }
    while (names.at < names.end) {
        apr_size_t form;

        if (!certmap_der_next(&names, &tag, &content)) {
            return "not DER";
        }
        form = form_of(tag);
        if (form == NFORMS) {
            return "not a form of name";
        }
        count[forms[form].field]++;
    }
    return NULL;
}

const char *certmap_san_decode(certmap_cert_t *cert, certmap_der_t data, apr_pool_t *p)
{
    apr_size_t count[CERTMAP_F_COUNT + 1] = { 0 };
    certmap_der_t names, content;
    unsigned int tag;
    san_t san;
    const char *why;
    int i;

    if (!certmap_der_expect(&data, CERTMAP_T_SEQUENCE, &names)) {
        return "not DER";
    }
    if (data.at != data.end) {
        return "bytes behind its end";
    }
    why = count_names(names, count);
    if (why) {
        return why;
    }
    memset(&san, 0, sizeof(san));
    count[CERTMAP_F_SAN_UPN] = count[CERTMAP_F_SAN_OTHER];
    for (i = 0; i < CERTMAP_F_COUNT; i++) {
        san.v[i] = count[i] ? apr_palloc(p, count[i] * sizeof(certmap_value_t)) : NULL;
    }
    san.oids = apr_palloc(p, (count[CERTMAP_F_SAN_OTHER] + 1) * sizeof(*san.oids));
    while (certmap_der_next(&names, &tag, &content)) {
        apr_size_t form = form_of(tag);
        certmap_field_e field = forms[form].field;

        if (!forms[form].read) {
            continue;
        }
        why = forms[form].read(&san, &san.v[field][san.n[field]], content, p);
        if (why) {
            return apr_pstrcat(p, forms[form].name, *why == '.' ? "" : ": ", why, NULL);
        }
        san.n[field]++;
    }
    for (i = 0; i < CERTMAP_F_COUNT; i++) {
        if (san.n[i]) {
            cert->f[i] = (certmap_vals_t) { CERTMAP_VALID, san.n[i], san.v[i] };
        }
    }
    cert->others = (certmap_keyed_t) { san.n[CERTMAP_F_SAN_OTHER], san.oids, san.v[CERTMAP_F_SAN_OTHER] };
    certmap_keyed_sort(&cert->others, p);
    return NULL;
}

/* ---- the other extensions ------------------------------------------------------------------------------------ */

int certmap_is_sid(certmap_str_t text)
{
    apr_size_t i, dashes = 0;

    if (text.len < 7 || text.len > 256 || memcmp(text.data, "S-1-", 4) != 0) {
        return 0;
    }
    for (i = 4; i < text.len; i++) {
        if (text.data[i] == '-') {
            if (text.data[i - 1] == '-' || i + 1 == text.len) {
                return 0;
            }
            dashes++;
        }
        else if (text.data[i] < '0' || text.data[i] > '9') {
            return 0;
        }
    }
    return dashes > 0;
}

static void set_values(certmap_cert_t *cert, certmap_field_e field, const certmap_value_t *v, apr_size_t n)
{
    cert->f[field] = (certmap_vals_t) { CERTMAP_VALID, n, v };
}

static const char *set_key_id(certmap_cert_t *cert, certmap_field_e field, certmap_der_t id, apr_pool_t *p)
{
    certmap_value_t *v = apr_palloc(p, sizeof(*v));

    if (id.at == id.end) {
        return "empty";
    }
    certmap_value_plain(v, CERTMAP_V_HEX, certmap_hex(id.at, certmap_der_left(&id), p));
    set_values(cert, field, v, 1);
    return NULL;
}

static const char *read_ski(certmap_cert_t *cert, certmap_der_t data, apr_pool_t *p)
{
    certmap_der_t id;

    if (!certmap_der_expect(&data, CERTMAP_T_OCTETSTRING, &id) || data.at != data.end) {
        return "not DER";
    }
    return set_key_id(cert, CERTMAP_F_SKI, id, p);
}

/** AuthorityKeyIdentifier: [0] key id, [1] issuer's names, [2] its serial, each optional, in this order. */
static const char *read_aki(certmap_cert_t *cert, certmap_der_t data, apr_pool_t *p)
{
    certmap_der_t seq, content;
    unsigned int tag;
    int last = -1;

    if (!certmap_der_expect(&data, CERTMAP_T_SEQUENCE, &seq) || data.at != data.end) {
        return "not DER";
    }
    while (seq.at < seq.end) {
        int number;

        if (!certmap_der_next(&seq, &tag, &content) || (tag != 0x80 && tag != 0xa1 && tag != 0x82)) {
            return "not DER";
        }
        number = (int) (tag & 3);
        if (number <= last) {
            return "not DER";
        }
        last = number;
        if (number == 0) {
            const char *why = set_key_id(cert, CERTMAP_F_AKI, content, p);

            if (why) {
                return why;
            }
        }
    }
    return NULL;
}

/** BasicConstraints: nothing but whether this is a CA. An explicit FALSE is not DER, but common and harmless. */
static const char *read_basic(certmap_cert_t *cert, certmap_der_t data, apr_pool_t *p)
{
    certmap_der_t seq, content;

    (void) cert;
    (void) p;
    if (!certmap_der_expect(&data, CERTMAP_T_SEQUENCE, &seq) || data.at != data.end) {
        return "not DER";
    }
    if (certmap_der_peek(&seq) == CERTMAP_T_BOOLEAN) {
        if (!certmap_der_expect(&seq, CERTMAP_T_BOOLEAN, &content) || certmap_der_left(&content) != 1) {
            return "not DER";
        }
        if (content.at[0] != 0) {
            return "the certificate of a CA";
        }
    }
    if (certmap_der_peek(&seq) == CERTMAP_T_INTEGER && !certmap_der_expect(&seq, CERTMAP_T_INTEGER, &content)) {
        return "not DER";
    }
    return seq.at == seq.end ? NULL : "not DER";
}

static const char *read_ku(certmap_cert_t *cert, certmap_der_t data, apr_pool_t *p)
{
    static const char *const names[] = {
        "digitalSignature", "nonRepudiation", "keyEncipherment", "dataEncipherment", "keyAgreement", "keyCertSign",
        "cRLSign", "encipherOnly", "decipherOnly"
    };
    const unsigned int nnames = sizeof(names) / sizeof(names[0]);
    certmap_value_t *v = apr_palloc(p, nnames * sizeof(*v));
    certmap_der_t bits;
    apr_size_t len, n = 0;
    unsigned int i;

    if (!certmap_der_expect(&data, CERTMAP_T_BITSTRING, &bits) || data.at != data.end) {
        return "not DER";
    }
    len = certmap_der_left(&bits);
    if (len < 2 || len > 3 || bits.at[0] > 7 || (bits.at[len - 1] & ((1u << bits.at[0]) - 1))) {
        return "not DER";
    }
    for (i = 0; i < nnames && i < 8 * (len - 1); i++) {
        if (bits.at[1 + i / 8] & (0x80u >> (i % 8))) {
            certmap_value_text(&v[n++], (certmap_str_t) { names[i], strlen(names[i]) }, p);
        }
    }
    if (n == 0) {
        return "no bit is set";
    }
    set_values(cert, CERTMAP_F_KU, v, n);
    return NULL;
}

/** How many elements of one tag fill some bytes; 0 when there are none or others. */
static apr_size_t count_elements(certmap_der_t in, unsigned int tag)
{
    certmap_der_t content;
    apr_size_t n = 0;

    while (in.at < in.end) {
        if (!certmap_der_expect(&in, tag, &content)) {
            return 0;
        }
        n++;
    }
    return n;
}

/** SEQUENCE of OIDs (wrapped: of SEQUENCEs that begin with one) to a field. */
static const char *read_oids(certmap_cert_t *cert, certmap_field_e field, certmap_der_t data, int wrapped,
                             apr_pool_t *p)
{
    unsigned int tag = wrapped ? CERTMAP_T_SEQUENCE : CERTMAP_T_OID;
    certmap_der_t seq, item, oid;
    certmap_value_t *v;
    apr_size_t i, n;

    if (!certmap_der_expect(&data, CERTMAP_T_SEQUENCE, &seq) || data.at != data.end) {
        return "not DER";
    }
    n = count_elements(seq, tag);
    if (n == 0) {
        return "empty or not DER";
    }
    v = apr_palloc(p, n * sizeof(*v));
    for (i = 0; i < n; i++) {
        certmap_str_t text;

        certmap_der_expect(&seq, tag, &item);
        oid = item;
        if (wrapped && (!certmap_der_expect(&item, CERTMAP_T_OID, &oid)
                        || (item.at != item.end && count_elements(item, CERTMAP_T_SEQUENCE) != 1))) {
            return "not DER";
        }
        text.data = certmap_der_oid(oid, p);
        if (!text.data) {
            return "not an OID";
        }
        text.len = strlen(text.data);
        certmap_value_plain(&v[i], CERTMAP_V_OID, text);
    }
    set_values(cert, field, v, n);
    return NULL;
}

static const char *read_eku(certmap_cert_t *cert, certmap_der_t data, apr_pool_t *p)
{
    return read_oids(cert, CERTMAP_F_EKU, data, 0, p);
}

static const char *read_policies(certmap_cert_t *cert, certmap_der_t data, apr_pool_t *p)
{
    return read_oids(cert, CERTMAP_F_POLICY, data, 1, p);
}

/** SEQUENCE { [0] { OID, [0] OCTET STRING } }, as Active Directory's CA writes it. */
static const char *read_sid(certmap_cert_t *cert, certmap_der_t data, apr_pool_t *p)
{
    certmap_der_t seq, other, oid, wrap, text;
    certmap_value_t *v = apr_palloc(p, sizeof(*v));
    const char *type;
    certmap_str_t sid;

    if (!certmap_der_expect(&data, CERTMAP_T_SEQUENCE, &seq) || data.at != data.end
        || !certmap_der_expect(&seq, 0xa0, &other) || seq.at != seq.end
        || !certmap_der_expect(&other, CERTMAP_T_OID, &oid) || !certmap_der_expect(&other, 0xa0, &wrap)
        || other.at != other.end || !certmap_der_expect(&wrap, CERTMAP_T_OCTETSTRING, &text) || wrap.at != wrap.end) {
        return "not DER";
    }
    type = certmap_der_oid(oid, p);
    if (!type || strcmp(type, OID_SID) != 0) {
        return "not a SID";
    }
    sid = certmap_str_copy(text.at, certmap_der_left(&text), p);
    if (!certmap_is_sid(sid)) {
        return "not a SID";
    }
    certmap_value_text(v, sid, p);
    set_values(cert, CERTMAP_F_SID, v, 1);
    return NULL;
}

/** The SAN URI form of the SID, for CAs that cannot write the extension. */
static const char *sid_from_uris(certmap_cert_t *cert, apr_pool_t *p)
{
    const certmap_vals_t *uris = &cert->f[CERTMAP_F_SAN_URI];
    const apr_size_t prefix = sizeof(SID_URI) - 1;
    apr_size_t i, n = 0, room = 0;
    certmap_value_t *v;

    for (i = 0; i < uris->n; i++) {
        room += uris->v[i].text.len > prefix && memcmp(uris->v[i].text.data, SID_URI, prefix) == 0;
    }
    if (room == 0) {
        return NULL;
    }
    v = apr_palloc(p, room * sizeof(*v));
    for (i = 0; i < uris->n; i++) {
        certmap_str_t text = uris->v[i].text;

        if (text.len > prefix && memcmp(text.data, SID_URI, prefix) == 0) {
            text.data += prefix;
            text.len -= prefix;
            if (!certmap_is_sid(text)) {
                return "the URI holds no SID";
            }
            certmap_value_text(&v[n++], text, p);
        }
    }
    set_values(cert, CERTMAP_F_SID, v, n);
    return NULL;
}

/** The extensions that the view reads. */
static const struct {
    const char *name;
    const char *oid;            /**< its DER content */
    certmap_field_e field;      /**< malformed when it is; CERTMAP_F_COUNT: no field of its own */
    const char *(*read)(certmap_cert_t *cert, certmap_der_t data, apr_pool_t *p);
} known[] = {
    { "ski", "\x55\x1d\x0e", CERTMAP_F_SKI, read_ski },
    { "ku", "\x55\x1d\x0f", CERTMAP_F_KU, read_ku },
    { "san", "\x55\x1d\x11", CERTMAP_F_COUNT, certmap_san_decode },
    { "basicConstraints", "\x55\x1d\x13", CERTMAP_F_COUNT, read_basic },
    { "policy", "\x55\x1d\x20", CERTMAP_F_POLICY, read_policies },
    { "aki", "\x55\x1d\x23", CERTMAP_F_AKI, read_aki },
    { "eku", "\x55\x1d\x25", CERTMAP_F_EKU, read_eku },
    { "sid", "\x2b\x06\x01\x04\x01\x82\x37\x19\x02", CERTMAP_F_SID, read_sid },
};

static void spoil_san(certmap_cert_t *cert)
{
    certmap_field_e f;

    for (f = CERTMAP_F_SAN_EMAIL; f <= CERTMAP_F_SAN_OTHER; f++) {
        cert->f[f] = (certmap_vals_t) { CERTMAP_MALFORMED, 0, NULL };
    }
    cert->f[CERTMAP_F_SID] = (certmap_vals_t) { CERTMAP_MALFORMED, 0, NULL };
}

/** Nothing of extensions can be said. */
static void spoil_all(certmap_cert_t *cert, const char *why, apr_pool_t *p)
{
    certmap_field_e f;

    spoil_san(cert);
    for (f = CERTMAP_F_SKI; f <= CERTMAP_F_SID; f++) {
        cert->f[f] = (certmap_vals_t) { CERTMAP_MALFORMED, 0, NULL };
    }
    cert->nexts = 0;
    certmap_cert_blame(cert, "extensions", why, p);
}

static int compare_oid(certmap_der_t a, certmap_der_t b)
{
    apr_size_t la = size_of(a), lb = size_of(b);
    int c = memcmp(a.at, b.at, la < lb ? la : lb);

    return c ? c : (la > lb) - (la < lb);
}

static int compare_exts(const void *x, const void *y)
{
    return compare_oid(((const certmap_rawext_t *) x)->oid, ((const certmap_rawext_t *) y)->oid);
}

/** Splits the list into OIDs and data. @return NULL or why that fails */
static const char *split(certmap_cert_t *cert, certmap_der_t list, apr_pool_t *p)
{
    apr_size_t i, n = count_elements(list, CERTMAP_T_SEQUENCE);
    certmap_der_t ext, critical;

    if (n == 0) {
        return "empty or not DER";
    }
    cert->exts = apr_palloc(p, n * sizeof(*cert->exts));
    for (i = 0; i < n; i++) {
        certmap_der_expect(&list, CERTMAP_T_SEQUENCE, &ext);
        if (!certmap_der_expect(&ext, CERTMAP_T_OID, &cert->exts[i].oid)) {
            return "not DER";
        }
        if (certmap_der_peek(&ext) == CERTMAP_T_BOOLEAN
            && (!certmap_der_expect(&ext, CERTMAP_T_BOOLEAN, &critical) || certmap_der_left(&critical) != 1)) {
            return "not DER";
        }
        if (!certmap_der_expect(&ext, CERTMAP_T_OCTETSTRING, &cert->exts[i].data) || ext.at != ext.end) {
            return "not DER";
        }
    }
    qsort(cert->exts, n, sizeof(*cert->exts), compare_exts);
    for (i = 1; i < n; i++) {
        if (compare_oid(cert->exts[i - 1].oid, cert->exts[i].oid) == 0) {
            return "one stands there twice";
        }
    }
    cert->nexts = n;
    return NULL;
}

/** The extension with this OID, or NULL. */
static const certmap_rawext_t *find(const certmap_cert_t *cert, const void *oid, apr_size_t len)
{
    certmap_rawext_t key;

    key.oid.at = oid;
    key.oid.end = key.oid.at + len;
    return cert->nexts ? bsearch(&key, cert->exts, cert->nexts, sizeof(key), compare_exts) : NULL;
}

void certmap_cert_extensions(certmap_cert_t *cert, certmap_der_t exts, apr_pool_t *p)
{
    const char *why = split(cert, exts, p);
    apr_size_t i;

    if (why) {
        spoil_all(cert, why, p);
        return;
    }
    for (i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
        const certmap_rawext_t *ext = find(cert, known[i].oid, strlen(known[i].oid));

        why = ext ? known[i].read(cert, ext->data, p) : NULL;
        if (!why) {
            continue;
        }
        certmap_cert_blame(cert, known[i].name, why, p);
        if (known[i].field != CERTMAP_F_COUNT) {
            cert->f[known[i].field] = (certmap_vals_t) { CERTMAP_MALFORMED, 0, NULL };
        }
        else if (known[i].read == certmap_san_decode) {
            spoil_san(cert);
        }
    }
    if (cert->f[CERTMAP_F_SID].state == CERTMAP_ABSENT) {
        why = sid_from_uris(cert, p);
        if (why) {
            certmap_cert_blame(cert, "sid", why, p);
            cert->f[CERTMAP_F_SID] = (certmap_vals_t) { CERTMAP_MALFORMED, 0, NULL };
        }
    }
}

certmap_state_e certmap_cert_ext(const certmap_cert_t *cert, const char *oid, const certmap_value_t **values,
                                 apr_size_t *n, apr_pool_t *p)
{
    unsigned char der[256];
    const certmap_rawext_t *ext;
    certmap_value_t *v;
    int len;

    if (cert->f[CERTMAP_F_EXT].state == CERTMAP_MALFORMED) {
        return CERTMAP_MALFORMED;
    }
    ERR_set_mark();
    len = a2d_ASN1_OBJECT(der, (int) sizeof(der), oid, -1);
    ERR_pop_to_mark();
    if (len <= 0) {
        return CERTMAP_MALFORMED;       /* no memory for a long arc: nobody can say that it is absent */
    }
    ext = find(cert, der, (apr_size_t) len);
    if (!ext) {
        return CERTMAP_ABSENT;
    }
    v = apr_palloc(p, sizeof(*v));
    if (read_any(v, ext->data, p)) {
        return CERTMAP_MALFORMED;
    }
    *values = v;
    *n = 1;
    return CERTMAP_VALID;
}
