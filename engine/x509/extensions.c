/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file engine/x509/extensions.c
 * @brief The extensions of a certificate: keys, purposes, policies, the AD SID. Subject alternative names have a file
 *        of their own.
 *
 * What the mapper knows is read when the view is made. An extension that cannot be read makes the certificate
 * malformed; a value in it that is wrong by itself spoils the fields that it belongs to. Any other extension is
 * nobody's business until a rule asks for it by OID.
 */
#include <stdlib.h>
#include <string.h>

#include <apr_strings.h>
#include <openssl/err.h>
#include <openssl/objects.h>

#include "x509/internal.h"

#define OID_SID "1.3.6.1.4.1.311.25.2.1"
#define SID_URI "tag:microsoft.com,2022-09-14:sid:"

static apr_size_t size_of(certmap_der_t d)
{
    return certmap_der_left(&d);
}

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
    cert->f[field] = (certmap_vals_t){ CERTMAP_VALID, n, v, NULL };
}

/** A value that is malformed by itself. */
static void set_malformed(certmap_cert_t *cert, certmap_field_e field, const char *why, apr_pool_t *p)
{
    certmap_cert_mark(cert, certmap_field_word(field), why, p);
    certmap_cert_spoil(cert, field, why);
}

static void set_key_id(certmap_cert_t *cert, certmap_field_e field, certmap_der_t id, apr_pool_t *p)
{
    certmap_value_t *v = apr_palloc(p, sizeof(*v));

    /* RFC 5280, 4.2.1.2: KeyIdentifier is an OCTET STRING that identifies a key; an empty one does not. */
    if (id.at == id.end) {
        set_malformed(cert, field, "empty", p);
        return;
    }
    certmap_value_plain(v, CERTMAP_V_HEX, certmap_hex(id.at, certmap_der_left(&id), p));
    set_values(cert, field, v, 1);
}

static const char *read_ski(certmap_cert_t *cert, certmap_der_t data, apr_pool_t *p)
{
    certmap_der_t id;

    /* RFC 5280, 4.2.1.2: an OCTET STRING. */
    if (!certmap_der_expect(&data, CERTMAP_T_OCTETSTRING, &id) || data.at != data.end) {
        return "not DER";
    }
    set_key_id(cert, CERTMAP_F_SKI, id, p);
    return NULL;
}

/** AuthorityKeyIdentifier: [0] key id, [1] issuer's names, [2] its serial, each optional, in this order. */
static const char *read_aki(certmap_cert_t *cert, certmap_der_t data, apr_pool_t *p)
{
    certmap_der_t seq, content;
    unsigned int tag;
    int last = -1;

    /* RFC 5280, 4.2.1.1: a SEQUENCE of [0] to [2], each optional. */
    if (!certmap_der_expect(&data, CERTMAP_T_SEQUENCE, &seq) || data.at != data.end) {
        return "not DER";
    }
    while (seq.at < seq.end) {
        int number;

        if (!certmap_der_next(&seq, &tag, &content) || (tag != 0x80 && tag != 0xa1 && tag != 0x82)) {
            return "not DER";
        }
        number = (int)(tag & 3);
        if (number <= last) {
            return "not DER";
        }
        last = number;
        if (number == 0) {
            set_key_id(cert, CERTMAP_F_AKI, content, p);
        }
    }
    return NULL;
}

/** BasicConstraints, which no rule asks for. An explicit FALSE is not DER, but common and harmless. */
static const char *read_basic(certmap_cert_t *cert, certmap_der_t data, apr_pool_t *p)
{
    certmap_der_t seq, content;

    (void)cert;
    (void)p;
    /* RFC 5280, 4.2.1.9: a SEQUENCE of cA and pathLenConstraint. X.690, 11.5 is not insisted on. */
    if (!certmap_der_expect(&data, CERTMAP_T_SEQUENCE, &seq) || data.at != data.end) {
        return "not DER";
    }
    if (certmap_der_peek(&seq) == CERTMAP_T_BOOLEAN
        && (!certmap_der_expect(&seq, CERTMAP_T_BOOLEAN, &content) || certmap_der_left(&content) != 1)) {
        return "not DER";
    }
    if (certmap_der_peek(&seq) == CERTMAP_T_INTEGER && !certmap_der_expect(&seq, CERTMAP_T_INTEGER, &content)) {
        return "not DER";
    }
    return seq.at == seq.end ? NULL : "not DER";
}

const char *const certmap_key_usages[CERTMAP_KEY_USAGES + 1] = {
    "digitalSignature", "nonRepudiation", "keyEncipherment", "dataEncipherment", "keyAgreement",
    "keyCertSign",      "cRLSign",        "encipherOnly",    "decipherOnly",     NULL,
};

static const char *read_ku(certmap_cert_t *cert, certmap_der_t data, apr_pool_t *p)
{
    certmap_value_t *v = apr_palloc(p, CERTMAP_KEY_USAGES * sizeof(*v));
    certmap_der_t bits;
    apr_size_t len, n = 0;
    unsigned int i;

    /* RFC 5280, 4.2.1.3: a BIT STRING of nine bits; X.690, 11.2.1: unused bits are zero. */
    if (!certmap_der_expect(&data, CERTMAP_T_BITSTRING, &bits) || data.at != data.end) {
        return "not DER";
    }
    len = certmap_der_left(&bits);
    if (len < 2 || len > 3 || bits.at[0] > 7 || (bits.at[len - 1] & ((1u << bits.at[0]) - 1))) {
        return "not DER";
    }
    for (i = 0; i < CERTMAP_KEY_USAGES && i < 8 * (len - 1); i++) {
        const char *usage = certmap_key_usages[i];

        if (bits.at[1 + i / 8] & (0x80u >> (i % 8))) {
            certmap_value_text(&v[n++], (certmap_str_t){ usage, strlen(usage) }, p);
        }
    }
    /* RFC 5280, 4.2.1.3: at least one bit is set. */
    if (n == 0) {
        set_malformed(cert, CERTMAP_F_KU, "no bit is set", p);
        return NULL;
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

    /* RFC 5280, 4.2.1.4 and 4.2.1.12: SEQUENCE SIZE (1..MAX). */
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
        /* RFC 5280, 4.2.1.4: PolicyInformation is an OID and optional qualifiers. */
        if (wrapped
            && (!certmap_der_expect(&item, CERTMAP_T_OID, &oid)
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

    /* MS-WCCE, 2.2.2.7.7.4: szOID_NTDS_CA_SECURITY_EXT. */
    if (!certmap_der_expect(&data, CERTMAP_T_SEQUENCE, &seq) || data.at != data.end
        || !certmap_der_expect(&seq, 0xa0, &other) || seq.at != seq.end
        || !certmap_der_expect(&other, CERTMAP_T_OID, &oid) || !certmap_der_expect(&other, 0xa0, &wrap)
        || other.at != other.end || !certmap_der_expect(&wrap, CERTMAP_T_OCTETSTRING, &text) || wrap.at != wrap.end) {
        return "not DER";
    }
    type = certmap_der_oid(oid, p);
    if (!type) {
        return "not DER";
    }
    sid = certmap_str_copy(text.at, certmap_der_left(&text), p);
    /* MS-DTYP, 2.4.2.1: the text of a SID. */
    if (strcmp(type, OID_SID) != 0 || !certmap_is_sid(sid)) {
        set_malformed(cert, CERTMAP_F_SID, "not a SID", p);
        return NULL;
    }
    certmap_value_text(v, sid, p);
    set_values(cert, CERTMAP_F_SID, v, 1);
    return NULL;
}

/** What a URI that holds a SID says; data NULL when it holds none. */
static certmap_str_t sid_of(const certmap_value_t *uri)
{
    const apr_size_t prefix = sizeof(SID_URI) - 1;
    certmap_str_t text = uri->text;

    if (text.len < prefix || memcmp(text.data, SID_URI, prefix) != 0) {
        return (certmap_str_t){ NULL, 0 };
    }
    return (certmap_str_t){ text.data + prefix, text.len - prefix };
}

/** The SAN URI form of the SID, for CAs that cannot write the extension. Where there are several, they must not differ:
 *  nobody could say which of two accounts is meant. */
static const char *join_sids(certmap_cert_t *cert, apr_pool_t *p)
{
    const certmap_vals_t *uris = &cert->f[CERTMAP_F_SAN_URI];
    const certmap_vals_t *own = &cert->f[CERTMAP_F_SID];
    certmap_value_t *v = NULL;
    apr_size_t i;

    /* KB5014754 of Microsoft: a URI may hold the SID that the account is found by. */
    if (uris->state == CERTMAP_MALFORMED) { /* said already, of the URI */
        certmap_cert_spoil(cert, CERTMAP_F_SID, "a URI, which could hold one, is malformed");
        return NULL;
    }
    for (i = 0; i < uris->n; i++) {
        certmap_str_t text = sid_of(&uris->v[i]);

        if (!text.data) {
            continue;
        }
        /* MS-DTYP, 2.4.2.1: the text of a SID. Something with two readings is not a value. */
        if (!certmap_is_sid(text)) {
            return "the URI holds no SID";
        }
        if (own->n && !certmap_str_same(own->v[0].text, text)) {
            return "the extension and the URI differ";
        }
        if (v && !certmap_str_same(v->text, text)) {
            return "two URIs differ";
        }
        if (!v) {
            v = apr_palloc(p, sizeof(*v));
            certmap_value_text(v, text, p);
        }
    }
    if (v && !own->n) {
        set_values(cert, CERTMAP_F_SID, v, 1);
    }
    return NULL;
}

/** The extensions that the view reads. */
static const struct {
    const char *name;
    const char *oid;       /**< its DER content */
    certmap_field_e field; /**< malformed where it cannot be read; CERTMAP_F_COUNT: no field of its own */
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

static void spoil_san(certmap_cert_t *cert, const char *why)
{
    certmap_field_e f;

    for (f = CERTMAP_F_SAN_EMAIL; f <= CERTMAP_F_SAN_OTHER; f++) {
        certmap_cert_spoil(cert, f, why);
    }
}

/** Nothing of extensions can be said. */
static void spoil_all(certmap_cert_t *cert, const char *why, apr_pool_t *p)
{
    certmap_field_e f;

    spoil_san(cert, why);
    for (f = CERTMAP_F_SKI; f <= CERTMAP_F_SID; f++) {
        certmap_cert_spoil(cert, f, why);
    }
    cert->nexts = 0;
    certmap_cert_blame(cert, CERTMAP_FAULT_EXTENSION, "extensions", why, p);
}

static int compare_oid(certmap_der_t a, certmap_der_t b)
{
    apr_size_t la = size_of(a), lb = size_of(b);
    int c = memcmp(a.at, b.at, la < lb ? la : lb);

    return c ? c : (la > lb) - (la < lb);
}

static int compare_exts(const void *x, const void *y)
{
    return compare_oid(((const certmap_rawext_t *)x)->oid, ((const certmap_rawext_t *)y)->oid);
}

/** Splits the list into OIDs and data. @return NULL or why that fails */
static const char *split(certmap_cert_t *cert, certmap_der_t list, apr_pool_t *p)
{
    apr_size_t i, n = count_elements(list, CERTMAP_T_SEQUENCE);
    certmap_der_t ext, critical;

    /* RFC 5280, 4.1.2.9: a SEQUENCE of one or more extensions. */
    if (n == 0) {
        return "empty or not DER";
    }
    cert->exts = apr_palloc(p, n * sizeof(*cert->exts));
    for (i = 0; i < n; i++) {
        certmap_der_expect(&list, CERTMAP_T_SEQUENCE, &ext);
        /* RFC 5280, 4.1: extnID, critical, extnValue. X.690, 11.5 is not insisted on. */
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
    /* RFC 5280, 4.2: no extension is there more than once. */
    for (i = 1; i < n; i++) {
        if (compare_oid(cert->exts[i - 1].oid, cert->exts[i].oid) == 0) {
            return "one appears there twice";
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
        certmap_cert_blame(cert, CERTMAP_FAULT_EXTENSION, known[i].name, why, p);
        if (known[i].field != CERTMAP_F_COUNT) {
            certmap_cert_spoil(cert, known[i].field, why);
        }
        else if (known[i].read == certmap_san_decode) {
            spoil_san(cert, why);
        }
    }
    if (cert->f[CERTMAP_F_SID].state != CERTMAP_MALFORMED) {
        why = join_sids(cert, p);
        if (why) {
            set_malformed(cert, CERTMAP_F_SID, why, p);
        }
    }
}

certmap_state_e certmap_cert_ext(const certmap_cert_t *cert, const char *oid, const certmap_value_t **values,
                                 apr_size_t *n, const char **why, apr_pool_t *p)
{
    unsigned char der[256];
    const certmap_rawext_t *ext;
    certmap_value_t *v;
    int len;

    *why = cert->f[CERTMAP_F_EXT].why;
    if (cert->f[CERTMAP_F_EXT].state == CERTMAP_MALFORMED) {
        return CERTMAP_MALFORMED;
    }
    ERR_set_mark();
    len = a2d_ASN1_OBJECT(der, (int)sizeof(der), oid, -1);
    ERR_pop_to_mark();
    /* X.690, 8.19: the OID as the certificate has it. */
    if (len <= 0) {
        *why = "its OID cannot be looked for";
        return CERTMAP_MALFORMED; /* no memory for a long arc: nobody can say that it is absent */
    }
    ext = find(cert, der, (apr_size_t)len);
    if (!ext) {
        return CERTMAP_ABSENT;
    }
    v = apr_palloc(p, sizeof(*v));
    *why = certmap_value_read(v, ext->data, p);
    if (*why) {
        return CERTMAP_MALFORMED;
    }
    if (certmap_value_blank(v)) {
        return CERTMAP_ABSENT;
    }
    *values = v;
    *n = 1;
    return CERTMAP_VALID;
}
