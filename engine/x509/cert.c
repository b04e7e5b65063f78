/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file engine/x509/cert.c
 * @brief The certificate view: every field absent, valid or malformed, decoded once from the certificate's own DER.
 *
 * One pass over the bytes that were signed. A structure that could be read in two ways is blamed, and a view that
 * blames anything never maps; what can be read is still there for the log and for explain. A value that cannot be read
 * is marked, spoils its field, and is nobody's business but of those who ask for that field.
 */
#include <stdlib.h>
#include <string.h>

#include <apr_strings.h>
#include <openssl/err.h>
#include <openssl/objects.h>

#include "x509/internal.h"

/** Sets a field to one hex value. */
static void set_hex(certmap_cert_t *cert, certmap_field_e field, const unsigned char *data, apr_size_t len,
                    apr_pool_t *p)
{
    certmap_value_t *v = apr_palloc(p, sizeof(*v));

    certmap_value_plain(v, CERTMAP_V_HEX, certmap_hex(data, len, p));
    cert->f[field] = (certmap_vals_t){ CERTMAP_VALID, 1, v, NULL };
}

/* ---- the parts of a certificate ------------------------------------------------------------------------------ */

/** Versions 1 and 2 cannot have what later ones brought, which is looked at when that is read. */
static int read_version(certmap_cert_t *cert, certmap_der_t *tbs, apr_pool_t *p)
{
    certmap_der_t wrap, number;

    cert->version = 1;
    if (certmap_der_peek(tbs) != 0xa0) {
        return 1;
    }
    /* RFC 5280, 4.1: version is [0] EXPLICIT INTEGER. */
    if (!certmap_der_expect(tbs, 0xa0, &wrap) || !certmap_der_expect(&wrap, CERTMAP_T_INTEGER, &number)
        || wrap.at != wrap.end) {
        return 0;
    }
    /* RFC 5280, 4.1.2.1: 1 to 3; X.690, 11.5: the default, version 1, is not encoded. */
    if (certmap_der_left(&number) != 1 || (number.at[0] != 1 && number.at[0] != 2)) {
        certmap_cert_blame(
            cert, CERTMAP_FAULT_FRAME, "version",
            certmap_der_left(&number) == 1 && number.at[0] == 0 ? "1, but written out" : "none of 1 to 3", p);
        cert->version = 3; /* of what is refused, all is shown */
        return 1;
    }
    cert->version = number.at[0] + 1;
    return 1;
}

static void upper(char *s)
{
    for (; *s; s++) {
        if (*s >= 'a' && *s <= 'f') {
            *s = (char)(*s - 'a' + 'A');
        }
    }
}

static int read_serial(certmap_cert_t *cert, certmap_der_t *tbs, apr_pool_t *p)
{
    certmap_der_t number;
    apr_size_t len;
    const char *why = NULL;
    char *text;

    if (!certmap_der_expect(tbs, CERTMAP_T_INTEGER, &number) || number.at == number.end) {
        return 0;
    }
    len = certmap_der_left(&number);
    /* X.690, 8.3.2: an INTEGER has the fewest octets. */
    if (len > 1 && ((number.at[0] == 0 && !(number.at[1] & 0x80)) || (number.at[0] == 0xff && number.at[1] & 0x80))) {
        return 0;
    }
    /* RFC 5280, 4.1.2.2: a positive INTEGER of at most 20 octets; users must handle others gracefully. */
    if (number.at[0] & 0x80) {
        why = "negative";
    }
    else if (len > 1 && number.at[0] == 0) {
        number.at++; /* the sign */
        len--;
    }
    if (!why && len > CERTMAP_SERIAL_MOST) {
        why = "longer than 64 octets";
    }
    if (why) {
        certmap_cert_mark(cert, "serial", why, p);
        certmap_cert_spoil(cert, CERTMAP_F_SERIAL, why);
        len = len > CERTMAP_SERIAL_MOST ? CERTMAP_SERIAL_MOST : len;
    }
    else {
        set_hex(cert, CERTMAP_F_SERIAL, number.at, len, p);
    }
    text = (char *)certmap_hex(number.at, len, p).data;
    upper(text);
    cert->serial = text;
    return 1;
}

/** Sets a field to one name. */
static void set_dn(certmap_cert_t *cert, certmap_field_e field, const certmap_dn_t *dn, const char *text, apr_pool_t *p)
{
    certmap_value_t *v = apr_palloc(p, sizeof(*v));
    certmap_str_t str = { text, strlen(text) }; /* our own text, without NUL inside */

    certmap_value_text(v, str, p);
    v->kind = CERTMAP_V_DN;
    v->dn = dn;
    cert->f[field] = (certmap_vals_t){ CERTMAP_VALID, 1, v, certmap_dn_why(dn, p) };
    if (cert->f[field].why) {
        cert->f[field].state = CERTMAP_MALFORMED;
    }
}

/** Lists a name's attributes by OID; nothing but blanks is not a value. */
static void index_attrs(certmap_cert_t *cert, int subject, const certmap_dn_t *dn, const certmap_ava_t *avas,
                        apr_size_t n, apr_pool_t *p)
{
    certmap_keyed_t *k = subject ? &cert->subject_attrs : &cert->issuer_attrs;
    const char *name = subject ? "subject." : "issuer.";
    apr_uint32_t rdn = 0;
    apr_size_t end = n > 0 ? (apr_size_t)dn->rdns[0].navas : 0; /* of this RDN's attributes */
    apr_size_t i;

    k->oid = apr_palloc(p, (n + 1) * sizeof(*k->oid));
    k->v = apr_pcalloc(p, (n + 1) * sizeof(*k->v));
    for (i = 0; i < n; i++) {
        certmap_value_t *v = &k->v[k->n];

        v->kind = avas[i].kind == CERTMAP_AVA_OPAQUE ? CERTMAP_V_OPAQUE : CERTMAP_V_TEXT;
        v->text = avas[i].value;
        v->folded = avas[i].folded;
        for (; i >= end; end += (apr_size_t)dn->rdns[rdn].navas) {
            rdn++;
        }
        v->rdn = rdn;
        if (avas[i].why) {
            if (!k->why) {
                k->why = apr_pcalloc(p, (n + 1) * sizeof(*k->why));
            }
            k->why[k->n] = avas[i].why;
            certmap_cert_mark(cert, apr_pstrcat(p, name, certmap_attr_name(avas[i].oid, p), NULL), avas[i].why, p);
        }
        else if (certmap_value_blank(v)) {
            continue;
        }
        k->oid[k->n++] = avas[i].oid;
    }
    certmap_keyed_sort(k, p);
}

/** Reads subject or issuer. A name without RDNs is absent (RFC 5280 lets a subject be empty when there is a SAN). */
static int read_name(certmap_cert_t *cert, certmap_der_t *tbs, certmap_field_e field, apr_pool_t *p)
{
    int subject = field == CERTMAP_F_SUBJECT;
    certmap_field_e attr = subject ? CERTMAP_F_SUBJECT_ATTR : CERTMAP_F_ISSUER_ATTR;
    const char *word = subject ? "subject" : "issuer";
    const certmap_dn_t **dn = subject ? &cert->subject : &cert->issuer;
    const char **text = subject ? &cert->subject_text : &cert->issuer_text;
    const certmap_dn_t *name;
    certmap_der_t rdns;
    certmap_ava_t *avas;
    apr_size_t navas;
    const char *why;

    if (!certmap_der_expect(tbs, CERTMAP_T_SEQUENCE, &rdns)) {
        return 0;
    }
    /* RFC 5280, 4.1.2.4: a Name is a SEQUENCE of RDNs. */
    if (!certmap_dn_decode(rdns, &name, &avas, &navas, &why, p)) {
        certmap_cert_blame(cert, CERTMAP_FAULT_FRAME, word, why, p);
        *text = certmap_dn_display(rdns, p);
        return 1;
    }
    *dn = name;
    *text = certmap_dn_text(name, p);
    cert->f[field].state = cert->f[attr].state = CERTMAP_ABSENT;
    if (name->nrdns > 0) {
        set_dn(cert, field, name, *text, p);
        index_attrs(cert, subject, name, avas, navas, p);
        cert->f[attr].state = CERTMAP_VALID;
    }
    else if (!subject) {
        /* RFC 5280, 4.1.2.4: the issuer is a non-empty name. */
        certmap_cert_mark(cert, word, "empty", p);
        certmap_cert_spoil(cert, field, "empty");
        certmap_cert_spoil(cert, attr, "empty");
    }
    return 1;
}

static int read_validity(certmap_cert_t *cert, certmap_der_t *tbs, apr_pool_t *p)
{
    certmap_der_t both, from, to;
    unsigned int from_tag, to_tag;

    if (!certmap_der_expect(tbs, CERTMAP_T_SEQUENCE, &both) || !certmap_der_next(&both, &from_tag, &from)
        || !certmap_der_next(&both, &to_tag, &to) || both.at != both.end) {
        return 0;
    }
    cert->begins = certmap_der_time(from_tag, from, &cert->not_before);
    cert->ends = certmap_der_time(to_tag, to, &cert->not_after);
    /* RFC 5280, 4.1.2.5: UTCTime to 2049, GeneralizedTime, both as certmap_der_time reads them. */
    if (!cert->begins) {
        certmap_cert_blame(cert, CERTMAP_FAULT_DATE, "notBefore", "not a date of RFC 5280", p);
    }
    if (!cert->ends) {
        certmap_cert_blame(cert, CERTMAP_FAULT_DATE, "notAfter", "not a date of RFC 5280", p);
    }
    return 1;
}

/** Digests cover the elements whole, tag and length included. @return 0 when OpenSSL failed */
static int set_digests(certmap_cert_t *cert, certmap_der_t der, apr_pool_t *p)
{
    unsigned char sum[32];

    if (!certmap_digest_sha256(der.at, certmap_der_left(&der), sum)) {
        return 0;
    }
    set_hex(cert, CERTMAP_F_SHA256, sum, 32, p);
    if (!certmap_digest_sha1(der.at, certmap_der_left(&der), sum)) {
        return 0;
    }
    set_hex(cert, CERTMAP_F_SHA1, sum, 20, p);
    return 1;
}

static int read_spki(certmap_cert_t *cert, certmap_der_t *tbs, apr_pool_t *p)
{
    certmap_der_t whole, content;
    unsigned char sum[32];

    whole.at = tbs->at;
    if (!certmap_der_expect(tbs, CERTMAP_T_SEQUENCE, &content)) {
        return 0;
    }
    whole.end = tbs->at;
    if (!certmap_digest_sha256(whole.at, certmap_der_left(&whole), sum)) {
        return 0;
    }
    set_hex(cert, CERTMAP_F_SPKI, sum, 32, p);
    return 1;
}

/** Fields that extensions fill are absent until one does. */
static void no_extensions(certmap_cert_t *cert)
{
    static const certmap_field_e of[] = {
        CERTMAP_F_SAN_EMAIL,   CERTMAP_F_SAN_DNS, CERTMAP_F_SAN_URI,   CERTMAP_F_SAN_IP, CERTMAP_F_SAN_UPN,
        CERTMAP_F_SAN_DIRNAME, CERTMAP_F_SAN_RID, CERTMAP_F_SAN_OTHER, CERTMAP_F_SKI,    CERTMAP_F_AKI,
        CERTMAP_F_EKU,         CERTMAP_F_KU,      CERTMAP_F_POLICY,    CERTMAP_F_EXT,    CERTMAP_F_SID,
    };
    apr_size_t i;

    for (i = 0; i < sizeof(of) / sizeof(of[0]); i++) {
        cert->f[of[i]].state = CERTMAP_ABSENT;
    }
}

static int read_tail(certmap_cert_t *cert, certmap_der_t *tbs, apr_pool_t *p)
{
    certmap_der_t skip, wrap, exts;

    /* RFC 5280, 4.1.2.8: unique identifiers are of versions 2 and 3. */
    if (cert->version == 1 && (certmap_der_peek(tbs) == 0x81 || certmap_der_peek(tbs) == 0x82)) {
        certmap_cert_blame(cert, CERTMAP_FAULT_FRAME, "version", "1, but with a unique identifier", p);
    }
    if (certmap_der_peek(tbs) == 0x81 && !certmap_der_expect(tbs, 0x81, &skip)) {
        return 0;
    }
    if (certmap_der_peek(tbs) == 0x82 && !certmap_der_expect(tbs, 0x82, &skip)) {
        return 0;
    }
    if (tbs->at == tbs->end) {
        no_extensions(cert);
        return 1;
    }
    /* RFC 5280, 4.1: extensions are the last part, [3] EXPLICIT. */
    if (!certmap_der_expect(tbs, 0xa3, &wrap) || tbs->at != tbs->end
        || !certmap_der_expect(&wrap, CERTMAP_T_SEQUENCE, &exts) || wrap.at != wrap.end) {
        return 0;
    }
    /* RFC 5280, 4.1.2.9: extensions are of version 3. */
    if (cert->version < 3) {
        certmap_cert_blame(cert, CERTMAP_FAULT_FRAME, "version",
                           cert->version == 1 ? "1, but with extensions" : "2, but with extensions", p);
    }
    no_extensions(cert);
    certmap_cert_extensions(cert, exts, p);
    return 1;
}

/** Reads all of a certificate. @return 0 when its frame is not DER */
static int read_certificate(certmap_cert_t *cert, certmap_der_t der, apr_pool_t *p)
{
    certmap_der_t outer, tbs, skip;

    return certmap_der_expect(&der, CERTMAP_T_SEQUENCE, &outer) && der.at == der.end
           && certmap_der_expect(&outer, CERTMAP_T_SEQUENCE, &tbs) && read_version(cert, &tbs, p)
           && read_serial(cert, &tbs, p) && certmap_der_expect(&tbs, CERTMAP_T_SEQUENCE, &skip)
           && read_name(cert, &tbs, CERTMAP_F_ISSUER, p) && read_validity(cert, &tbs, p)
           && read_name(cert, &tbs, CERTMAP_F_SUBJECT, p) && read_spki(cert, &tbs, p) && read_tail(cert, &tbs, p)
           && certmap_der_expect(&outer, CERTMAP_T_SEQUENCE, &skip)
           && certmap_der_expect(&outer, CERTMAP_T_BITSTRING, &skip) && outer.at == outer.end;
}

/* ---- the view ------------------------------------------------------------------------------------------------ */

static certmap_cert_t *new_view(apr_pool_t *p)
{
    static const certmap_dn_t nobody = { 0, NULL };
    certmap_cert_t *cert = apr_pcalloc(p, sizeof(*cert));
    int i;

    cert->subject = cert->issuer = &nobody;
    cert->subject_text = cert->issuer_text = "(unreadable)";
    cert->serial = "";
    for (i = 0; i < CERTMAP_F_COUNT; i++) {
        cert->f[i].state = CERTMAP_MALFORMED;
    }
    return cert;
}

/** The certificate's DER; the signed part of a certificate that came from outside is what came, byte for byte. */
static apr_status_t encode(X509 *x509, certmap_der_t *der, apr_pool_t *p)
{
    apr_status_t rv = APR_EGENERAL;
    unsigned char *at;
    int len;

    ERR_set_mark();
    len = i2d_X509(x509, NULL);
    if (len > 0) {
        at = apr_palloc(p, (apr_size_t)len);
        der->at = at;
        der->end = at + len;
        rv = i2d_X509(x509, &at) == len ? APR_SUCCESS : APR_EGENERAL;
    }
    ERR_pop_to_mark();
    return rv;
}

/** Makes the view; why (or NULL) is what the caller already knows to be malformed. */
static apr_status_t make_view(certmap_der_t der, const char *why, const certmap_cert_t **out, apr_pool_t *p)
{
    certmap_cert_t *cert = new_view(p);

    if (!set_digests(cert, der, p)) {
        return APR_EGENERAL;
    }
    if (why) {
        certmap_cert_blame(cert, CERTMAP_FAULT_FRAME, "certificate", why, p);
    }
    /* RFC 5280, 4.1: what is signed is the DER of X.690. */
    if (!read_certificate(cert, der, p)) {
        certmap_cert_blame(cert, CERTMAP_FAULT_FRAME, "certificate", "not DER", p);
    }
    *out = cert;
    return APR_SUCCESS;
}

apr_status_t certmap_cert_create(X509 *x509, const certmap_cert_t **cert, apr_pool_t *p)
{
    certmap_der_t der;
    apr_status_t rv;

    *cert = NULL;
    if (!x509) {
        return APR_EGENERAL;
    }
    rv = encode(x509, &der, p);
    return rv == APR_SUCCESS ? make_view(der, NULL, cert, p) : rv;
}

apr_status_t certmap_cert_create_der(const unsigned char *der, apr_size_t len, const certmap_cert_t **cert,
                                     apr_pool_t *p)
{
    const unsigned char *at = der;
    const char *why = NULL;
    certmap_der_t own;
    apr_status_t rv = APR_EINVAL;
    X509 *x509;

    *cert = NULL;
    if (len == 0 || len > 0x7fffffff) {
        return APR_EINVAL;
    }
    ERR_set_mark();
    x509 = d2i_X509(NULL, &at, (long)len);
    ERR_pop_to_mark();
    if (x509) {
        rv = encode(x509, &own, p);
    }
    if (rv == APR_SUCCESS) {
        /* X.690, 10.1: one encoding, and nothing after it. */
        if (at != der + len) {
            why = "bytes after its end";
        }
        else if (certmap_der_left(&own) != len || memcmp(own.at, der, len) != 0) {
            why = "not DER";
        }
        rv = make_view(own, why, cert, p);
    }
    X509_free(x509);
    return rv;
}

const char *certmap_cert_malformed(const certmap_cert_t *cert)
{
    return cert->malformed;
}

const char *const *certmap_cert_odd(const certmap_cert_t *cert, apr_size_t *n)
{
    *n = cert->nodd;
    return cert->odd;
}

const certmap_dn_t *certmap_cert_subject(const certmap_cert_t *cert)
{
    return cert->subject;
}

const certmap_dn_t *certmap_cert_issuer(const certmap_cert_t *cert)
{
    return cert->issuer;
}

const char *certmap_cert_subject_text(const certmap_cert_t *cert)
{
    return cert->subject_text;
}

const char *certmap_cert_issuer_text(const certmap_cert_t *cert)
{
    return cert->issuer_text;
}

const char *certmap_cert_serial(const certmap_cert_t *cert)
{
    return cert->serial;
}

const char *certmap_cert_sha256(const certmap_cert_t *cert)
{
    return cert->f[CERTMAP_F_SHA256].v->text.data;
}

apr_time_t certmap_cert_not_before(const certmap_cert_t *cert)
{
    return cert->not_before;
}

apr_time_t certmap_cert_not_after(const certmap_cert_t *cert)
{
    return cert->not_after;
}

/** SHA-256 of CAs first..last of a verified chain as hex values. */
static certmap_state_e chain_values(const certmap_verdict_t *verdict, apr_size_t first, const certmap_value_t **values,
                                    apr_size_t *n, apr_pool_t *p)
{
    certmap_value_t *v = apr_palloc(p, (verdict->nchain - first) * sizeof(*v));
    apr_size_t i;

    for (i = first; i < verdict->nchain; i++) {
        certmap_value_plain(&v[i - first], CERTMAP_V_HEX, certmap_hex(verdict->chain[i], 32, p));
    }
    *values = v;
    *n = verdict->nchain - first;
    return CERTMAP_VALID;
}

/** One OID's values, of a part of the certificate that has this state. One malformed value spoils all of them. */
static certmap_state_e keyed_values(const certmap_vals_t *part, const certmap_keyed_t *k, const char *oid,
                                    const certmap_value_t **values, apr_size_t *n, const char **why)
{
    apr_size_t i, first;

    *why = part->why;
    if (part->state != CERTMAP_VALID) {
        return part->state;
    }
    *values = certmap_keyed_find(k, oid, n);
    if (*n == 0) {
        return CERTMAP_ABSENT;
    }
    first = (apr_size_t)(*values - k->v);
    for (i = first; k->why && i < first + *n; i++) {
        if (k->why[i]) {
            *why = k->why[i];
            *values = NULL;
            *n = 0;
            return CERTMAP_MALFORMED;
        }
    }
    return CERTMAP_VALID;
}

/** A field's values, or why it is malformed. */
static certmap_vals_t look(const certmap_cert_t *cert, const certmap_verdict_t *verdict, const certmap_field_t *field,
                           apr_pool_t *p)
{
    certmap_vals_t found = { .state = CERTMAP_MALFORMED };
    certmap_field_e kind = field->kind;

    switch (kind) {
    /* [promise subject-only] */
    case CERTMAP_F_SUBJECT_ATTR:
        found.state = keyed_values(&cert->f[kind], &cert->subject_attrs, field->oid, &found.v, &found.n, &found.why);
        break;
    case CERTMAP_F_ISSUER_ATTR:
        found.state = keyed_values(&cert->f[kind], &cert->issuer_attrs, field->oid, &found.v, &found.n, &found.why);
        break;
    case CERTMAP_F_SAN_OTHER:
        found.state = keyed_values(&cert->f[kind], &cert->others, field->oid, &found.v, &found.n, &found.why);
        break;
    case CERTMAP_F_EXT:
        found.state = certmap_cert_ext(cert, field->oid, &found.v, &found.n, &found.why, p);
        break;
    case CERTMAP_F_CHAIN_SHA256:
    case CERTMAP_F_ROOT_SHA256:
        if (!verdict || !verdict->chain || verdict->nchain == 0 || verdict->reason != CERTMAP_R_NONE) {
            found.state = CERTMAP_ABSENT; /* only a verified chain says anything */
            break;
        }
        found.state = chain_values(verdict, kind == CERTMAP_F_CHAIN_SHA256 ? 0 : verdict->nchain - 1, &found.v,
                                   &found.n, p);
        break;
    case CERTMAP_F_SUBJECT:
    case CERTMAP_F_ISSUER:
    case CERTMAP_F_SAN_EMAIL:
    case CERTMAP_F_SAN_DNS:
    case CERTMAP_F_SAN_URI:
    case CERTMAP_F_SAN_IP:
    case CERTMAP_F_SAN_UPN:
    case CERTMAP_F_SAN_DIRNAME:
    case CERTMAP_F_SAN_RID:
    case CERTMAP_F_SERIAL:
    case CERTMAP_F_SHA256:
    case CERTMAP_F_SHA1:
    case CERTMAP_F_SPKI:
    case CERTMAP_F_SKI:
    case CERTMAP_F_AKI:
    case CERTMAP_F_EKU:
    case CERTMAP_F_KU:
    case CERTMAP_F_POLICY:
    case CERTMAP_F_SID:
        found = cert->f[kind];
        break;
    case CERTMAP_F_COUNT:
        break;
    }
    if (found.state != CERTMAP_VALID) {
        found.v = NULL;
        found.n = 0;
    }
    return found;
}

certmap_state_e certmap_cert_values(const certmap_cert_t *cert, const certmap_verdict_t *verdict,
                                    const certmap_field_t *field, const certmap_value_t **values, apr_size_t *n,
                                    apr_pool_t *p)
{
    certmap_vals_t found = look(cert, verdict, field, p);

    *values = found.v;
    *n = found.n;
    return found.state;
}

const char *certmap_cert_why(const certmap_cert_t *cert, const certmap_field_t *field, apr_pool_t *p)
{
    certmap_vals_t found = look(cert, NULL, field, p);

    if (found.state != CERTMAP_MALFORMED) {
        return NULL;
    }
    return found.why ? found.why : "it cannot be read";
}
