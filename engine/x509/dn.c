/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file engine/x509/dn.c
 * @brief Distinguished names: read from DER and from text, written as RFC 4514, compared RDN by RDN.
 *
 * A name is never compared as a string, because strings of names can be forged: a CN may hold ",CN=admin". Text is read
 * only where an administrator wrote it, and written only where a person reads it.
 */
#include <stdlib.h>
#include <string.h>

#include <apr_lib.h>
#include <apr_strings.h>

#include "x509/internal.h"

/* ---- common -------------------------------------------------------------------------------------------------- */

static int compare_str(certmap_str_t a, certmap_str_t b)
{
    apr_size_t n = a.len < b.len ? a.len : b.len;
    int c = n ? memcmp(a.data, b.data, n) : 0;

    return c ? c : (a.len > b.len) - (a.len < b.len);
}

static int compare_avas(const void *x, const void *y)
{
    const certmap_ava_t *a = x, *b = y;
    int c = strcmp(a->oid, b->oid);

    if (c == 0) {
        c = (a->kind > b->kind) - (a->kind < b->kind);
    }
    if (c == 0) {
        c = compare_str(a->folded, b->folded);
    }
    return c ? c : compare_str(a->value, b->value);
}

/** Brings an RDN's attributes into the order in which sets compare as arrays. */
static void sort_rdn(certmap_ava_t *avas, int n)
{
    if (n > 1) {
        qsort(avas, (size_t)n, sizeof(*avas), compare_avas);
    }
}

static int same_ava(const certmap_ava_t *a, const certmap_ava_t *b, int exact)
{
    /* [promise attributes] */
    return a->kind == b->kind && a->kind != CERTMAP_AVA_MALFORMED && strcmp(a->oid, b->oid) == 0
           && (exact ? certmap_str_same(a->value, b->value) : certmap_str_same(a->folded, b->folded));
}

/** Whether RDNs of which some attribute is malformed are certainly different (0): other types, or a sound attribute of
 *  one that the other does not have. Else -1. Both are sorted, so one pass over both will do. */
static int maybe_same_rdn(const certmap_rdn_t *a, const certmap_rdn_t *b, int exact)
{
    int i, j = 0;

    for (i = 0; i < a->navas; i++) {
        if (strcmp(a->avas[i].oid, b->avas[i].oid) != 0) {
            return 0;
        }
    }
    for (i = 0; i < a->navas; i++) {
        if (a->avas[i].kind == CERTMAP_AVA_MALFORMED) {
            continue;
        }
        while (j < b->navas && !same_ava(&a->avas[i], &b->avas[j], exact)
               && compare_avas(&b->avas[j], &a->avas[i]) < 0) {
            j++;
        }
        if (j == b->navas || !same_ava(&a->avas[i], &b->avas[j++], exact)) {
            return 0;
        }
    }
    return -1;
}

/** @return 1 or 0, or -1: only a malformed attribute of a could tell */
static int compare_rdn(const certmap_rdn_t *a, const certmap_rdn_t *b, int exact)
{
    int i, malformed = 0;

    if (a->navas != b->navas) {
        return 0;
    }
    for (i = 0; i < a->navas; i++) {
        malformed |= a->avas[i].kind == CERTMAP_AVA_MALFORMED;
    }
    if (malformed) {
        return maybe_same_rdn(a, b, exact);
    }
    for (i = 0; i < a->navas && same_ava(&a->avas[i], &b->avas[i], exact); i++) {
    }
    return i == a->navas;
}

int certmap_dn_compare(const certmap_dn_t *name, const certmap_dn_t *base, int below, int exact)
{
    int i, result = 1;

    if (below ? name->nrdns <= base->nrdns : name->nrdns != base->nrdns) {
        return 0;
    }
    for (i = 0; i < base->nrdns; i++) {
        int c = compare_rdn(&name->rdns[i], &base->rdns[i], exact);

        if (c == 0) {
            return 0;
        }
        result = c < 0 ? c : result;
    }
    return result;
}

int certmap_dn_equal(const certmap_dn_t *a, const certmap_dn_t *b, int exact)
{
    return certmap_dn_compare(a, b, 0, exact) == 1;
}

int certmap_dn_below(const certmap_dn_t *name, const certmap_dn_t *base, int exact)
{
    return certmap_dn_compare(name, base, 1, exact) == 1;
}

/* ---- written ------------------------------------------------------------------------------------------------- */

/** Writes a value with the escapes of RFC 4514, 2.4. @return where it ends */
static char *put_value(char *s, certmap_str_t value)
{
    apr_size_t i;

    for (i = 0; i < value.len; i++) {
        char c = value.data[i];

        if (c == '\0') {
            memcpy(s, "\\00", 3);
            s += 3;
            continue;
        }
        if (strchr("\"+,;<>\\", c) || (c == '#' && i == 0) || (c == ' ' && (i == 0 || i + 1 == value.len))) {
            *s++ = '\\';
        }
        *s++ = c;
    }
    return s;
}

const char *certmap_dn_text(const certmap_dn_t *dn, apr_pool_t *p)
{
    const char **names, **name;
    apr_size_t room = 1, total = 0;
    char *text, *s;
    int i, j;

    for (i = 0; i < dn->nrdns; i++) {
        total += (apr_size_t)dn->rdns[i].navas;
    }
    name = names = apr_palloc(p, (total + 1) * sizeof(*names));
    for (i = dn->nrdns; i-- > 0;) {
        for (j = 0; j < dn->rdns[i].navas; j++) {
            *name = certmap_attr_name(dn->rdns[i].avas[j].oid, p);
            room += strlen(*name++) + 3 + 3 * dn->rdns[i].avas[j].value.len;
        }
    }
    s = text = apr_palloc(p, room);
    name = names;
    for (i = dn->nrdns; i-- > 0;) {
        for (j = 0; j < dn->rdns[i].navas; j++) {
            apr_size_t len = strlen(*name);

            if (s > text) {
                *s++ = j ? '+' : ',';
            }
            memcpy(s, *name++, len);
            s += len;
            *s++ = '=';
            if (dn->rdns[i].avas[j].kind == CERTMAP_AVA_OPAQUE) {
                *s++ = '#';
                memcpy(s, dn->rdns[i].avas[j].value.data, dn->rdns[i].avas[j].value.len);
                s += dn->rdns[i].avas[j].value.len;
                continue;
            }
            s = put_value(s, dn->rdns[i].avas[j].value);
        }
    }
    *s = '\0';
    return text;
}

/* ---- read from DER ------------------------------------------------------------------------------------------- */

/** Counts RDNs and attributes. @return 0 when the structure is broken or an RDN is empty */
static int count_name(certmap_der_t in, int *nrdns, int *navas, const char **why)
{
    certmap_der_t set, ava;

    /* RFC 5280, 4.1.2.4: RDNs are SETs of at least one attribute. */
    *nrdns = *navas = 0;
    *why = "not DER";
    while (in.at < in.end) {
        if (!certmap_der_expect(&in, CERTMAP_T_SET, &set)) {
            return 0;
        }
        if (set.at == set.end) {
            *why = "empty RDN";
            return 0;
        }
        ++*nrdns;
        while (set.at < set.end) {
            if (!certmap_der_expect(&set, CERTMAP_T_SEQUENCE, &ava)) {
                return 0;
            }
            ++*navas;
        }
    }
    *why = NULL;
    return 1;
}

/** Makes a value of what it is encoded as: text, something else, or malformed. whole: tag and length included. */
static void decode_value(certmap_ava_t *ava, unsigned int tag, certmap_der_t value, certmap_der_t whole, apr_pool_t *p)
{
    if (!certmap_der_is_string(tag) && !certmap_attr_is_text(ava->oid)) {
        ava->kind = CERTMAP_AVA_OPAQUE;
        ava->value = ava->folded = certmap_hex(whole.at, certmap_der_left(&whole), p);
        return;
    }
    ava->why = certmap_der_string(tag, value, &ava->value, p);
    if (!ava->why) {
        ava->why = certmap_attr_check(ava->oid, ava->value);
    }
    if (ava->why) {
        ava->kind = CERTMAP_AVA_MALFORMED;
        ava->value = certmap_der_string_lenient(tag, value, CERTMAP_DISPLAY_BYTES_MOST, p);
        ava->folded = (certmap_str_t){ "", 0 };
        return;
    }
    ava->kind = CERTMAP_AVA_TEXT;
    ava->folded = certmap_fold(ava->value, p);
}

/** @return NULL, or why this is not an attribute at all */
static const char *decode_ava(certmap_der_t content, certmap_ava_t *ava, apr_pool_t *p)
{
    certmap_der_t oid, value, whole;
    unsigned int tag;

    /* RFC 5280, 4.1.2.4: AttributeTypeAndValue is an OID and one value. */
    if (!certmap_der_expect(&content, CERTMAP_T_OID, &oid)) {
        return "not DER";
    }
    whole = content;
    if (!certmap_der_next(&content, &tag, &value) || content.at != content.end) {
        return "not DER";
    }
    ava->oid = certmap_der_oid(oid, p);
    if (!ava->oid) {
        return "attribute type is not an OID";
    }
    decode_value(ava, tag, value, whole, p);
    return NULL;
}

int certmap_dn_decode(certmap_der_t rdns, const certmap_dn_t **dn, certmap_ava_t **encoded, apr_size_t *nencoded,
                      const char **why, apr_pool_t *p)
{
    certmap_dn_t *name;
    certmap_rdn_t *rdn;
    certmap_ava_t *avas;
    certmap_der_t set, content;
    int nrdns, navas, n;

    if (certmap_der_left(&rdns) > CERTMAP_DN_MAX) {
        *why = "longer than 64 kB";
        return 0;
    }
    if (!count_name(rdns, &nrdns, &navas, why)) {
        return 0;
    }
    name = apr_palloc(p, sizeof(*name));
    name->nrdns = nrdns;
    name->rdns = rdn = apr_pcalloc(p, ((apr_size_t)nrdns + 1) * sizeof(*rdn));
    avas = apr_pcalloc(p, ((apr_size_t)navas + 1) * sizeof(*avas));
    n = 0;
    while (certmap_der_expect(&rdns, CERTMAP_T_SET, &set)) {
        rdn->avas = avas + n;
        while (certmap_der_expect(&set, CERTMAP_T_SEQUENCE, &content)) { /* as count_name found them, to the end */
            *why = decode_ava(content, &avas[n], p);
            if (*why) {
                return 0;
            }
            n++;
            rdn->navas++;
        }
        rdn++;
    }
    if (encoded) {
        *encoded = apr_pmemdup(p, avas, ((apr_size_t)n + 1) * sizeof(*avas));
        *nencoded = (apr_size_t)n;
    }
    for (n = 0, rdn -= nrdns; nrdns-- > 0; n += rdn++->navas) {
        sort_rdn(avas + n, rdn->navas);
    }
    *dn = name;
    return 1;
}

const char *certmap_dn_why(const certmap_dn_t *dn, apr_pool_t *p)
{
    int i, j;

    for (i = 0; i < dn->nrdns; i++) {
        for (j = 0; j < dn->rdns[i].navas; j++) {
            const certmap_ava_t *ava = &dn->rdns[i].avas[j];

            if (ava->why) {
                return apr_pstrcat(p, certmap_attr_name(ava->oid, p), ": ", ava->why, NULL);
            }
        }
    }
    return NULL;
}

const char *certmap_dn_display(certmap_der_t rdns, apr_pool_t *p)
{
    certmap_rdn_t rdn[CERTMAP_DISPLAY_AVAS_MOST];
    certmap_ava_t ava[CERTMAP_DISPLAY_AVAS_MOST];
    certmap_dn_t dn = { 0, rdn };
    certmap_der_t set, content, oid, value;
    unsigned int tag;
    int n = 0, cut = 0;

    while (!cut && rdns.at < rdns.end) {
        cut = dn.nrdns == CERTMAP_DISPLAY_AVAS_MOST || !certmap_der_expect(&rdns, CERTMAP_T_SET, &set);
        if (cut || set.at == set.end) {
            continue;
        }
        rdn[dn.nrdns].avas = ava + n;
        rdn[dn.nrdns].navas = 0;
        while (!cut && set.at < set.end) {
            cut = n == CERTMAP_DISPLAY_AVAS_MOST || !certmap_der_expect(&set, CERTMAP_T_SEQUENCE, &content)
                  || !certmap_der_expect(&content, CERTMAP_T_OID, &oid) || certmap_der_left(&oid) > 64
                  || !(ava[n].oid = certmap_der_oid(oid, p)) || !certmap_der_next(&content, &tag, &value);
            if (!cut) {
                ava[n].kind = CERTMAP_AVA_TEXT;
                ava[n].value = certmap_der_string_lenient(tag, value, CERTMAP_DISPLAY_BYTES_MOST, p);
                rdn[dn.nrdns].navas++;
                n++;
            }
        }
        dn.nrdns += rdn[dn.nrdns].navas > 0;
    }
    if (dn.nrdns == 0) {
        return "(unreadable)";
    }
    return cut ? apr_pstrcat(p, certmap_dn_text(&dn, p), ",...", NULL) : certmap_dn_text(&dn, p);
}

/* ---- read from text ------------------------------------------------------------------------------------------ */

/** Text being read. */
typedef struct dn_reader_t {
    certmap_str_t in;
    apr_size_t at;              /**< next byte */
    char *out;                  /**< where the next value goes: with its NUL it is shorter than TYPE=VALUE */
    apr_array_header_t *avas;   /**< certmap_ava_t, as written */
    apr_array_header_t *counts; /**< int: attributes of each RDN, as written */
    const char *why;
    apr_size_t where;
    apr_pool_t *p;
} dn_reader_t;

static int complain(dn_reader_t *r, apr_size_t where, const char *why)
{
    r->why = why;
    r->where = where;
    return 0;
}

static int more(const dn_reader_t *r)
{
    return r->at < r->in.len;
}

static char peek(const dn_reader_t *r)
{
    return r->in.data[r->at];
}

static void skip_blanks(dn_reader_t *r)
{
    while (more(r) && peek(r) == ' ') {
        r->at++;
    }
}

/** Length of "TYPE" when "TYPE=" begins at an offset, else 0. */
static apr_size_t type_at(certmap_str_t in, apr_size_t at)
{
    apr_size_t i = at;

    while (i < in.len && (apr_isalnum(in.data[i]) || in.data[i] == '.' || in.data[i] == '-')) {
        i++;
    }
    return i > at && i < in.len && in.data[i] == '=' ? i - at : 0;
}

/** Reads "TYPE =", blanks allowed around both. */
static int read_type(dn_reader_t *r, const char **oid)
{
    apr_size_t start, end;
    certmap_str_t name;

    /* RFC 4514, 2.3 and 3: TYPE=VALUE, the type a short name or a dotted OID. */
    skip_blanks(r);
    start = r->at;
    while (more(r) && (apr_isalnum(peek(r)) || peek(r) == '.' || peek(r) == '-')) {
        r->at++;
    }
    end = r->at;
    skip_blanks(r);
    if (end == start || !more(r) || peek(r) != '=') {
        return complain(r, start, "TYPE=VALUE expected here");
    }
    r->at++;
    name.data = r->in.data + start;
    name.len = end - start;
    *oid = certmap_attr_oid(name, r->p);
    if (!*oid) {
        return complain(r, start,
                        apr_psprintf(r->p,
                                     "unknown attribute type \"%s\"; use a name as CN, OU, O or "
                                     "a dotted OID",
                                     apr_pstrmemdup(r->p, name.data, name.len)));
    }
    return 1;
}

/** Reads what follows a backslash: a special character, or two hex digits that are a byte. */
static int read_escape(dn_reader_t *r, char *out)
{
    apr_size_t start = r->at - 1;

    /* RFC 4514, 2.4 and 3: which characters may be escaped, and by two hex digits any octet. */
    if (more(r) && peek(r) != '\0' && strchr(" \"#+,;<=>\\", peek(r))) {
        *out = r->in.data[r->at++];
        return 1;
    }
    if (r->at + 1 < r->in.len && certmap_hexval(peek(r)) >= 0 && certmap_hexval(r->in.data[r->at + 1]) >= 0) {
        *out = (char)(16 * certmap_hexval(peek(r)) + certmap_hexval(r->in.data[r->at + 1]));
        r->at += 2;
        return 1;
    }
    return complain(r, start,
                    "a backslash must be followed by one of \" + , ; < > = # \\ or blank, "
                    "or by two hex digits");
}

/** "#" and the hex digits of one DER value: a string, or of a type that may be something else, that. */
static int read_hex_value(dn_reader_t *r, certmap_ava_t *ava)
{
    apr_size_t start = r->at++, n = 0;
    unsigned char *der = (unsigned char *)r->out;
    certmap_der_t in, content;
    unsigned int tag;

    while (r->at + 1 < r->in.len && certmap_hexval(peek(r)) >= 0 && certmap_hexval(r->in.data[r->at + 1]) >= 0) {
        der[n++] = (unsigned char)(16 * certmap_hexval(peek(r)) + certmap_hexval(r->in.data[r->at + 1]));
        r->at += 2;
    }
    in.at = der;
    in.end = der + n;
    /* RFC 4514, 2.4: "#" and the hex of the BER of the value; here of its DER. */
    if (!certmap_der_next(&in, &tag, &content) || in.at != in.end) {
        return complain(r, start, "after # comes the hex of one DER value; write \\# for a literal #");
    }
    in.at = der;
    decode_value(ava, tag, content, in, r->p);
    return ava->why ? complain(r, start, apr_pstrcat(r->p, "value after #: ", ava->why, NULL)) : 1;
}

/** A value in double quotes (RFC 2253). */
static int read_quoted_value(dn_reader_t *r, certmap_str_t *value)
{
    apr_size_t start = r->at++;
    char *out = r->out, *s = out;

    while (more(r) && peek(r) != '"') {
        char c = r->in.data[r->at++];

        if (c == '\\' && !read_escape(r, &c)) {
            return 0;
        }
        *s++ = c;
    }
    /* RFC 2253, 4: a value may be in double quotes, as older software writes it. */
    if (!more(r)) {
        return complain(r, start, "this quote is not closed");
    }
    r->at++;
    *s = '\0';
    value->data = out;
    value->len = (apr_size_t)(s - out);
    r->out = s + 1;
    return 1;
}

/** A value up to the next ',' or '+'; blanks at its ends belong to it only when escaped. */
static int read_plain_value(dn_reader_t *r, certmap_str_t *value)
{
    char *out = r->out, *s = out, *keep = out;

    while (more(r) && peek(r) != ',' && peek(r) != '+') {
        char c = r->in.data[r->at++];

        if (c == '\\') {
            if (!read_escape(r, &c)) {
                return 0;
            }
            *s++ = c;
            keep = s;
            continue;
        }
        /* RFC 4514, 3: these are escaped in a value. */
        if (c == '"' || c == ';' || c == '<' || c == '>') {
            return complain(r, r->at - 1, "one of \" ; < > is here without a backslash before it");
        }
        *s++ = c;
        if (c != ' ') {
            keep = s;
        }
    }
    *keep = '\0';
    value->data = out;
    value->len = (apr_size_t)(keep - out);
    r->out = keep + 1;
    return 1;
}

static int read_comma_value(dn_reader_t *r, certmap_ava_t *ava)
{
    int fine;

    skip_blanks(r);
    if (more(r) && peek(r) == '#') {
        fine = read_hex_value(r, ava);
    }
    else if (more(r) && peek(r) == '"') {
        fine = read_quoted_value(r, &ava->value);
    }
    else {
        return read_plain_value(r, &ava->value);
    }
    skip_blanks(r);
    /* RFC 4514, 3: after a value comes "," or "+", or the end. */
    if (fine && more(r) && peek(r) != ',' && peek(r) != '+') {
        return complain(r, r->at, "',' or '+' expected here");
    }
    return fine;
}

/**
 * A value of the slash form, up to '/' before TYPE=, or '+' before a TYPE= that is known. Everything else is literal;
 * only OpenSSL's \xHH is refused, because it looks like the same four characters in a name.
 */
static int read_slash_value(dn_reader_t *r, certmap_str_t *value)
{
    apr_size_t start = r->at, n;

    for (; more(r); r->at++) {
        if (peek(r) == '/' && type_at(r->in, r->at + 1)) {
            break;
        }
        if (peek(r) == '+' && (n = type_at(r->in, r->at + 1)) > 0) {
            certmap_str_t name = { r->in.data + r->at + 1, n };

            if (certmap_attr_oid(name, r->p)) {
                break;
            }
        }
        /* RFC 4514, 2.4 writes bytes as \XX; \xXX is of X509_NAME_oneline. */
        if (peek(r) == '\\' && r->at + 3 < r->in.len && r->in.data[r->at + 1] == 'x'
            && certmap_hexval(r->in.data[r->at + 2]) >= 0 && certmap_hexval(r->in.data[r->at + 3]) >= 0) {
            return complain(r, r->at,
                            "\\x and hex digits are ambiguous in the slash form; "
                            "write the name with commas");
        }
    }
    *value = certmap_str_copy(r->in.data + start, r->at - start, r->p);
    return 1;
}

/** Reads TYPE=VALUE and adds it to the RDN being read. */
static int read_ava(dn_reader_t *r, int slash)
{
    certmap_ava_t *ava = apr_array_push(r->avas);
    apr_size_t start;
    const char *bad;

    memset(ava, 0, sizeof(*ava));
    if (!read_type(r, &ava->oid)) {
        return 0;
    }
    start = r->at;
    if (!(slash ? read_slash_value(r, &ava->value) : read_comma_value(r, ava))) {
        return 0;
    }
    /* RFC 4514, 2.3 permits an empty value; no rule can mean it. RFC 5280, A.1: it has SIZE (1..MAX). */
    if (ava->value.len == 0) {
        return complain(r, start, "a value is missing after '='");
    }
    if (ava->kind == CERTMAP_AVA_OPAQUE) {
        return 1;
    }
    bad = certmap_value_check(ava->value);
    if (bad) {
        return complain(r, start, apr_pstrcat(r->p, "no certificate can hold this value: ", bad, NULL));
    }
    ava->folded = certmap_fold(ava->value, r->p);
    return 1;
}

static int read_rdns(dn_reader_t *r, int slash)
{
    char sep = slash ? '/' : ',';

    if (slash) {
        r->at++;
    }
    for (;;) {
        int *count = apr_array_push(r->counts);

        for (*count = 0;; r->at++) {
            if (!read_ava(r, slash)) {
                return 0;
            }
            ++*count;
            if (!more(r) || peek(r) != '+') {
                break;
            }
        }
        if (!more(r)) {
            return 1;
        }
        /* RFC 4514, 2.1: RDNs are separated. */
        if (peek(r) != sep) {
            return complain(r, r->at, "the name must continue with a separator here");
        }
        r->at++;
    }
}

/** The RDNs as read, or reversed: RFC 4514 writes the root last. */
static const certmap_dn_t *assemble(const dn_reader_t *r, int reverse)
{
    certmap_dn_t *dn = apr_palloc(r->p, sizeof(*dn));
    certmap_ava_t *ava = (certmap_ava_t *)r->avas->elts;
    certmap_rdn_t *rdns;
    int i;

    dn->nrdns = r->counts->nelts;
    dn->rdns = rdns = apr_palloc(r->p, (apr_size_t)dn->nrdns * sizeof(*rdns));
    for (i = 0; i < dn->nrdns; i++) {
        certmap_rdn_t *rdn = &rdns[reverse ? dn->nrdns - 1 - i : i];

        rdn->navas = APR_ARRAY_IDX(r->counts, i, int);
        rdn->avas = ava;
        sort_rdn(ava, rdn->navas);
        ava += rdn->navas;
    }
    return dn;
}

static int has_type(const certmap_rdn_t *rdn, const char *oid)
{
    int i;

    for (i = 0; i < rdn->navas; i++) {
        if (strcmp(rdn->avas[i].oid, oid) == 0) {
            return 1;
        }
    }
    return 0;
}

/** Root-first text with commas is a common slip: C or DC first, CN last. */
static int looks_reversed(const certmap_dn_t *dn)
{
    const certmap_rdn_t *written_first = &dn->rdns[dn->nrdns - 1];

    return dn->nrdns > 1 && has_type(&dn->rdns[0], "2.5.4.3")
           && (has_type(written_first, "2.5.4.6") || has_type(written_first, "0.9.2342.19200300.100.1.25"));
}

apr_status_t certmap_dn_parse(certmap_str_t text, const certmap_dn_t **dn, const char **why, apr_size_t *at,
                              apr_pool_t *p)
{
    dn_reader_t r = { .in = text, .p = p };
    int slash = text.len > 0 && text.data[0] == '/';

    *dn = NULL;
    *why = NULL;
    *at = 0;
    /* RFC 4514, 2.1: the empty name is an empty text, which nobody means in a rule. */
    if (text.len == 0) {
        *why = "the name is empty";
        return APR_EINVAL;
    }
    r.out = apr_palloc(p, text.len + 1);
    r.avas = apr_array_make(p, 8, sizeof(certmap_ava_t));
    r.counts = apr_array_make(p, 8, sizeof(int));
    if (!read_rdns(&r, slash)) {
        *why = r.why;
        *at = r.where;
        return APR_EINVAL;
    }
    *dn = assemble(&r, !slash);
    /* RFC 4514, 2.1: the last RDN of the sequence is written first. */
    if (!slash && looks_reversed(*dn)) {
        *why = "with commas the most specific part comes first (CN=...,O=...,C=...); "
               "this name is written the other way round";
    }
    return APR_SUCCESS;
}
