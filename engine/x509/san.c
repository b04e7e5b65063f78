/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file engine/x509/san.c
 * @brief Subject alternative names.
 *
 * A name that cannot be read makes the certificate malformed; a value that is wrong by itself spoils the field that it
 * belongs to.
 */
#include <string.h>

#include <arpa/inet.h>
#include <apr_strings.h>

#include "x509/internal.h"

#define OID_UPN "1.3.6.1.4.1.311.20.2.3"

/** Where the values of a SAN go while it is read. */
typedef struct san_t {
    certmap_value_t *v[CERTMAP_F_COUNT];
    apr_size_t n[CERTMAP_F_COUNT];
    const char *why[CERTMAP_F_COUNT]; /**< a value is malformed, the first of them */
    const char **oids;                /**< of SAN_OTHER */
    const char **whys;                /**< of SAN_OTHER, for each value */
} san_t;

/** A value of a field is malformed. */
static void spoil_value(san_t *san, certmap_field_e field, const char *why)
{
    if (!san->why[field]) {
        san->why[field] = why;
    }
}

/* Each of these reads one value into v, and counts it where it is one. What cannot be read at all is returned, what is
 * wrong with the value alone is noted. */

/** dns */
static const char *read_ia5(san_t *san, certmap_field_e field, certmap_value_t *v, certmap_der_t content, apr_pool_t *p)
{
    certmap_str_t text;
    const char *why = certmap_der_string(CERTMAP_T_IA5, content, &text, p);

    if (why) {
        spoil_value(san, field, why);
        return NULL;
    }
    certmap_value_text(v, text, p);
    san->n[field] += !certmap_value_blank(v);
    return NULL;
}

/** uri: the scheme and the host ignore case, everything after them does not. */
static const char *read_uri(san_t *san, certmap_field_e field, certmap_value_t *v, certmap_der_t content, apr_pool_t *p)
{
    apr_size_t before = san->n[field];
    const char *why = read_ia5(san, field, v, content, p);

    if (san->n[field] > before) {
        v->folded = certmap_fold_uri(v->text, p);
    }
    return why;
}

/** An address with two '@' reads as an address of either domain. */
static const char *read_email(san_t *san, certmap_field_e field, certmap_value_t *v, certmap_der_t content,
                              apr_pool_t *p)
{
    const unsigned char *sign = content.at < content.end ? memchr(content.at, '@', certmap_der_left(&content)) : NULL;

    /* RFC 5280, 4.2.1.6: a Mailbox of RFC 2821; RFC 5321, 4.1.2: one "@" after the local part. */
    if (sign && memchr(sign + 1, '@', (apr_size_t)(content.end - sign - 1))) {
        spoil_value(san, field, "more than one '@' in an address");
        return NULL;
    }
    return read_ia5(san, field, v, content, p);
}

static const char *read_rid(san_t *san, certmap_field_e field, certmap_value_t *v, certmap_der_t content, apr_pool_t *p)
{
    const char *oid = certmap_der_oid(content, p);

    /* RFC 5280, 4.2.1.6: registeredID is an OID. */
    if (!oid) {
        return "not an OID";
    }
    certmap_value_plain(v, CERTMAP_V_OID, (certmap_str_t){ oid, strlen(oid) });
    san->n[field]++;
    return NULL;
}

static const char *read_dirname(san_t *san, certmap_field_e field, certmap_value_t *v, certmap_der_t content,
                                apr_pool_t *p)
{
    certmap_der_t rdns;
    const certmap_dn_t *dn;
    const char *why, *text;

    /* RFC 5280, 4.2.1.6: directoryName is a Name, which is not empty as 4.1.2.4 has it for issuers. */
    if (!certmap_der_expect(&content, CERTMAP_T_SEQUENCE, &rdns) || content.at != content.end) {
        return "not DER";
    }
    if (!certmap_dn_decode(rdns, &dn, NULL, NULL, &why, p)) {
        return why;
    }
    why = dn->nrdns == 0 ? "empty" : certmap_dn_why(dn, p);
    if (why) {
        spoil_value(san, field, why);
    }
    text = certmap_dn_text(dn, p);
    certmap_value_text(v, (certmap_str_t){ text, strlen(text) }, p);
    v->kind = CERTMAP_V_DN;
    v->dn = dn;
    san->n[field]++;
    return NULL;
}

static const char *read_ip(san_t *san, certmap_field_e field, certmap_value_t *v, certmap_der_t content, apr_pool_t *p)
{
    apr_size_t len = certmap_der_left(&content);
    char text[INET6_ADDRSTRLEN];

    /* RFC 5280, 4.2.1.6: four octets for IPv4, sixteen for IPv6. */
    if (len != 4 && len != 16) {
        return "an address of neither 4 nor 16 octets";
    }
    if (!inet_ntop(len == 4 ? AF_INET : AF_INET6, content.at, text, sizeof(text))) {
        return "not an address";
    }
    certmap_value_plain(v, CERTMAP_V_IP, certmap_str_copy(text, strlen(text), p));
    memcpy(v->ip, content.at, len);
    v->iplen = (unsigned char)len;
    san->n[field]++;
    return NULL;
}

static const char *read_other(san_t *san, certmap_field_e field, certmap_value_t *v, certmap_der_t content,
                              apr_pool_t *p)
{
    apr_size_t at = san->n[field];
    certmap_der_t oid, value, check;
    unsigned int tag;
    int upn;

    /* RFC 5280, 4.2.1.6: otherName is an OID and [0] EXPLICIT one value. */
    if (!certmap_der_expect(&content, CERTMAP_T_OID, &oid) || !certmap_der_expect(&content, 0xa0, &value)
        || content.at != content.end) {
        return "otherName is not DER";
    }
    check = value;
    if (!certmap_der_next(&check, &tag, &content) || check.at != check.end) {
        return "otherName's value is not DER";
    }
    san->oids[at] = certmap_der_oid(oid, p);
    if (!san->oids[at]) {
        return "otherName's type is not an OID";
    }
    /* RFC 4556, C: the UPN is a UTF8String. */
    upn = strcmp(san->oids[at], OID_UPN) == 0;
    certmap_value_plain(v, CERTMAP_V_OPAQUE, (certmap_str_t){ "", 0 });
    san->whys[at] = upn && tag != CERTMAP_T_UTF8 ? "UPN is not a UTF8String" : certmap_value_read(v, value, p);
    if (!san->whys[at] && certmap_value_blank(v)) {
        return NULL;
    }
    san->n[field]++;
    if (upn && san->whys[at]) {
        spoil_value(san, CERTMAP_F_SAN_UPN, san->whys[at]);
    }
    else if (upn) {
        san->v[CERTMAP_F_SAN_UPN][san->n[CERTMAP_F_SAN_UPN]++] = *v;
    }
    return NULL;
}

/** The forms of a GeneralName. x400Address and ediPartyName are known, but no rule asks for them. */
static const struct {
    unsigned int tag;
    const char *name;
    certmap_field_e field;
    const char *(*read)(san_t *san, certmap_field_e field, certmap_value_t *v, certmap_der_t content, apr_pool_t *p);
} forms[] = {
    { 0xa0, ".other", CERTMAP_F_SAN_OTHER, read_other },
    { 0x81, ".email", CERTMAP_F_SAN_EMAIL, read_email },
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

    /* RFC 5280, 4.2.1.6: at least one entry, each of one of nine forms. */
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

/** Puts what has been read into the view. */
static void take_names(certmap_cert_t *cert, const san_t *san, apr_pool_t *p)
{
    apr_size_t i;
    int f;

    for (f = CERTMAP_F_SAN_EMAIL; f < CERTMAP_F_SAN_OTHER; f++) {
        if (san->why[f]) {
            certmap_cert_spoil(cert, (certmap_field_e)f, san->why[f]);
            certmap_cert_mark(cert, certmap_field_word((certmap_field_e)f), san->why[f], p);
            if (f == CERTMAP_F_SAN_DIRNAME) { /* what is sound of a name may tell it from another one */
                cert->f[f].v = san->v[f];
                cert->f[f].n = san->n[f];
            }
        }
        else if (san->n[f]) {
            cert->f[f] = (certmap_vals_t){ CERTMAP_VALID, san->n[f], san->v[f], NULL };
        }
    }
    for (i = 0; i < san->n[CERTMAP_F_SAN_OTHER] && cert->nodd < CERTMAP_ODD_MOST; i++) {
        if (san->whys[i]) {
            certmap_cert_mark(cert, apr_pstrcat(p, "san.other:", san->oids[i], NULL), san->whys[i], p);
        }
    }
    cert->f[CERTMAP_F_SAN_OTHER].state = CERTMAP_VALID;
    cert->others = (certmap_keyed_t){ san->n[CERTMAP_F_SAN_OTHER], san->oids, san->whys, san->v[CERTMAP_F_SAN_OTHER] };
    certmap_keyed_sort(&cert->others, p);
}

const char *certmap_san_decode(certmap_cert_t *cert, certmap_der_t data, apr_pool_t *p)
{
    apr_size_t count[CERTMAP_F_COUNT + 1] = { 0 };
    certmap_der_t names, content;
    unsigned int tag;
    san_t san;
    const char *why;
    int i;

    /* RFC 5280, 4.2.1.6: GeneralNames is a SEQUENCE, and all that there is. */
    if (!certmap_der_expect(&data, CERTMAP_T_SEQUENCE, &names)) {
        return "not DER";
    }
    if (data.at != data.end) {
        return "bytes after its end";
    }
    /* [promise linear] */
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
    san.whys = apr_palloc(p, (count[CERTMAP_F_SAN_OTHER] + 1) * sizeof(*san.whys));
    while (certmap_der_next(&names, &tag, &content)) {
        apr_size_t form = form_of(tag);
        certmap_field_e field = forms[form].field;

        why = forms[form].read ? forms[form].read(&san, field, &san.v[field][san.n[field]], content, p) : NULL;
        if (why) {
            return apr_pstrcat(p, forms[form].name, ": ", why, NULL);
        }
    }
    take_names(cert, &san, p);
    return NULL;
}
