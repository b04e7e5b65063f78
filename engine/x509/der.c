/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file engine/x509/der.c
 * @brief A small strict DER reader: elements, object identifiers, times, character strings.
 *
 * It copies nothing but results, follows no pointer out of its bounds and accepts one encoding of each thing only.
 */
#include <string.h>

#include <openssl/asn1.h>
#include <openssl/err.h>
#include <openssl/objects.h>

#include "x509/internal.h"

int certmap_der_next(certmap_der_t *in, unsigned int *tag, certmap_der_t *content)
{
    const unsigned char *at = in->at;
    apr_size_t len, left = certmap_der_left(in);

    /* X.690, 8.1.2: tag numbers above 30, in several octets, are in no certificate. */
    if (left < 2 || (at[0] & 0x1f) == 0x1f) {
        return 0;
    }
    *tag = at[0];
    len = at[1];
    at += 2;
    left -= 2;
    if (len >= 0x80) {
        apr_size_t i, octets = len & 0x7f;

        /* X.690, 10.1: the definite form, in the fewest octets. */
        if (octets == 0 || octets > 4 || octets > left || at[0] == 0) {
            return 0;
        }
        for (len = 0, i = 0; i < octets; i++) {
            len = (len << 8) | at[i];
        }
        if (len < 0x80) {
            return 0;
        }
        at += octets;
        left -= octets;
    }
    /* [promise no-crash] */
    if (len > left) {
        return 0;
    }
    content->at = at;
    content->end = at + len;
    in->at = at + len;
    return 1;
}

int certmap_der_expect(certmap_der_t *in, unsigned int tag, certmap_der_t *content)
{
    unsigned int found;

    return certmap_der_peek(in) == tag && certmap_der_next(in, &found, content);
}

unsigned int certmap_der_peek(const certmap_der_t *in)
{
    return in->at < in->end ? in->at[0] : 0;
}

/** Arcs above 64 bits (2.25.UUID) are OpenSSL's: it has big numbers. */
static const char *long_oid(certmap_der_t content, apr_pool_t *p)
{
    apr_size_t len = certmap_der_left(&content);
    unsigned char *der;
    const unsigned char *at;
    ASN1_OBJECT *obj;
    const char *text = NULL;
    char buf[512];
    int n;

    der = apr_palloc(p, len + 2);
    der[0] = CERTMAP_T_OID;
    der[1] = (unsigned char)len;
    memcpy(der + 2, content.at, len);
    at = der;
    ERR_set_mark();
    obj = d2i_ASN1_OBJECT(NULL, &at, (long)len + 2);
    if (obj) {
        n = OBJ_obj2txt(buf, (int)sizeof(buf), obj, 1);
        if (n > 0 && n < (int)sizeof(buf)) {
            text = certmap_str_copy(buf, (apr_size_t)n, p).data;
        }
    }
    ASN1_OBJECT_free(obj);
    ERR_pop_to_mark();
    return text;
}

/** Writes a number in decimal. @return where its last digit ends */
static char *put_number(char *s, apr_uint64_t n)
{
    char digits[20];
    int i = 0;

    do {
        digits[i++] = (char)('0' + n % 10);
        n /= 10;
    } while (n);
    while (i) {
        *s++ = digits[--i];
    }
    return s;
}

const char *certmap_der_oid(certmap_der_t content, apr_pool_t *p)
{
    apr_size_t len = certmap_der_left(&content);
    const unsigned char *at = content.at;
    char *text, *s;
    int first = 1;

    /* X.690, 8.19.2: the last octet of an arc has bit 8 clear; an arc does not begin with 0x80. */
    if (len == 0 || len > CERTMAP_OID_MOST || (content.end[-1] & 0x80)) {
        return NULL;
    }
    /* seven bits make at most 2.2 digits, an arc adds a dot, the first octet two arcs: 4 characters an octet will do */
    text = s = apr_palloc(p, 4 * len + 4);
    while (at < content.end) {
        apr_uint64_t arc = 0;

        if (*at == 0x80) {
            return NULL;
        }
        do {
            if (arc >> 57) {
                return long_oid(content, p);
            }
            arc = (arc << 7) | (*at & 0x7f);
        } while (*at++ & 0x80);
        if (first) {
            unsigned int top = arc < 40 ? 0 : arc < 80 ? 1 : 2;

            *s++ = (char)('0' + top);
            arc -= 40 * top;
            first = 0;
        }
        *s++ = '.';
        s = put_number(s, arc);
    }
    *s = '\0';
    return text;
}

int certmap_der_time(unsigned int tag, certmap_der_t content, apr_time_t *t)
{
    int part[7]; /* century, year of it, month, day, hour, minute, second */
    int i = tag == CERTMAP_T_UTCTIME ? 1 : 0;
    certmap_calendar_t date;
    const unsigned char *at = content.at;

    if (tag != CERTMAP_T_UTCTIME && tag != CERTMAP_T_GENERALTIME) {
        return 0;
    }
    /* RFC 5280, 4.1.2.5.1 and 4.1.2.5.2: seconds, no fraction, "Z"; X.690, 11.7 and 11.8 say the same. */
    if (certmap_der_left(&content) != (apr_size_t)(2 * (7 - i) + 1) || content.end[-1] != 'Z') {
        return 0;
    }
    for (; i < 7; i++, at += 2) {
        if (at[0] < '0' || at[0] > '9' || at[1] < '0' || at[1] > '9') {
            return 0;
        }
        part[i] = 10 * (at[0] - '0') + at[1] - '0';
    }
    /* RFC 5280, 4.1.2.5.1: from 50 on the year is of the 20th century. */
    if (tag == CERTMAP_T_UTCTIME) {
        part[0] = part[1] >= 50 ? 19 : 20;
    }
    date = (certmap_calendar_t){ 100 * part[0] + part[1], part[2], part[3], part[4], part[5], part[6] };
    return certmap_calendar_time(&date, t);
}

int certmap_der_is_string(unsigned int tag)
{
    return tag == CERTMAP_T_UTF8 || tag == CERTMAP_T_PRINTABLE || tag == CERTMAP_T_IA5 || tag == CERTMAP_T_BMP
           || tag == CERTMAP_T_TELETEX || tag == CERTMAP_T_UNIVERSAL || tag == CERTMAP_T_NUMERIC
           || tag == CERTMAP_T_VISIBLE || tag == CERTMAP_T_GENERAL;
}

/**
 * Reads the next code point of a string of some type.
 * @return bytes read; on an encoding error 0 with *why set
 */
static int next_char(unsigned int tag, const unsigned char *s, apr_size_t len, apr_uint32_t *c, const char **why)
{
    int n;

    /* RFC 3629, 3: UTF-8; X.690, 8.23: BMPString has two octets a character, UniversalString four. */
    switch (tag) {
    case CERTMAP_T_UTF8:
        n = certmap_utf8_next(s, len, c);
        *why = n ? NULL : "not UTF-8";
        return n;
    case CERTMAP_T_TELETEX: /* as everybody uses it: ISO 8859-1 */
        *c = s[0];
        return 1;
    case CERTMAP_T_BMP:
        if (len < 2) {
            *why = "BMPString of odd length";
            return 0;
        }
        *c = ((apr_uint32_t)s[0] << 8) | s[1];
        n = 2;
        break;
    case CERTMAP_T_UNIVERSAL:
        if (len < 4) {
            /* X.690, 8.23: four octets a character. */
            *why = "UniversalString whose length is not a multiple of 4";
            return 0;
        }
        *c = ((apr_uint32_t)s[0] << 24) | ((apr_uint32_t)s[1] << 16) | ((apr_uint32_t)s[2] << 8) | s[3];
        n = 4;
        break;
    default:
        /* CAs write '@', '*', '_' and '&' into PrintableString; the line is drawn at ASCII */
        /* RFC 5280, A.1: PrintableString, IA5String, VisibleString and NumericString are ASCII. */
        if (s[0] >= 0x80) {
            *why = "byte above 0x7f in an ASCII string";
            return 0;
        }
        *c = s[0];
        return 1;
    }
    /* RFC 3629, 3: neither surrogates nor numbers above U+10FFFF. */
    if (*c > 0x10ffff || (*c >= 0xd800 && *c <= 0xdfff)) {
        *why = "surrogate or number beyond Unicode";
        return 0;
    }
    return n;
}

/** Room that a decoded string needs at most. */
static apr_size_t decoded_max(unsigned int tag, apr_size_t len)
{
    return tag == CERTMAP_T_TELETEX || tag == CERTMAP_T_BMP ? 2 * len : len;
}

const char *certmap_der_string(unsigned int tag, certmap_der_t content, certmap_str_t *text, apr_pool_t *p)
{
    const unsigned char *at = content.at;
    char *out, *s;

    /* RFC 5280, A.1: the types of DirectoryString, IA5String, and what else CAs write. */
    if (!certmap_der_is_string(tag)) {
        return "not a character string";
    }
    s = out = apr_palloc(p, decoded_max(tag, certmap_der_left(&content)) + 1);
    while (at < content.end) {
        apr_uint32_t c = 0;
        const char *why = NULL;
        int n = next_char(tag, at, (apr_size_t)(content.end - at), &c, &why);

        if (n) {
            why = certmap_control_check(c);
        }
        if (why) {
            return why;
        }
        s += certmap_utf8_put(s, c);
        at += n;
    }
    *s = '\0';
    text->data = out;
    text->len = (apr_size_t)(s - out);
    return NULL;
}

certmap_str_t certmap_der_string_lenient(unsigned int tag, certmap_der_t content, apr_size_t most, apr_pool_t *p)
{
    const unsigned char *at = content.at;
    const unsigned char *end = certmap_der_left(&content) > most ? at + most : content.end;
    /* one bad byte becomes the three of U+FFFD */
    char *out = apr_palloc(p, 3 * (apr_size_t)(end - at) + 1);
    char *s = out;

    if (!certmap_der_is_string(tag)) {
        return certmap_str_copy("\xef\xbf\xbd", 3, p);
    }
    while (at < end) {
        apr_uint32_t c = 0;
        const char *why = NULL;
        int n = next_char(tag, at, (apr_size_t)(end - at), &c, &why);

        if (n == 0 || certmap_control_check(c)) {
            c = 0xfffd;
        }
        s += certmap_utf8_put(s, c);
        at += n ? n : 1;
    }
    *s = '\0';
    return (certmap_str_t){ out, (apr_size_t)(s - out) };
}
