/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file engine/base/text.c
 * @brief Text: UTF-8 read strictly, characters that must not stand in names, folding for comparison, hex.
 *
 * Folding is ASCII only: no locale, no Unicode tables, so that two builds never disagree about who a person is.
 */
#include <string.h>

#include <apr_strings.h>

#include "base/internal.h"

certmap_str_t certmap_str_copy(const void *data, apr_size_t len, apr_pool_t *p)
{
    char *s = apr_palloc(p, len + 1);

    if (len) {
        memcpy(s, data, len);
    }
    s[len] = '\0';
    return (certmap_str_t){ s, len };
}

int certmap_str_same(certmap_str_t a, certmap_str_t b)
{
    return a.len == b.len && (a.len == 0 || memcmp(a.data, b.data, a.len) == 0);
}

certmap_str_t certmap_fold(certmap_str_t text, apr_pool_t *p)
{
    char *s = apr_palloc(p, text.len + 1);
    apr_size_t i, n = 0;
    int blank = 0;

    for (i = 0; i < text.len; i++) {
        char c = text.data[i];

        if (c == ' ' || c == '\t') {
            blank = n > 0;
            continue;
        }
        if (blank) {
            s[n++] = ' ';
            blank = 0;
        }
        s[n++] = (c >= 'A' && c <= 'Z') ? (char)(c + ('a' - 'A')) : c;
    }
    s[n] = '\0';
    return (certmap_str_t){ s, n };
}

/** Whether a character may stand in a scheme, its first one apart. */
static int is_scheme(char c, int first)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z')
           || (!first && ((c >= '0' && c <= '9') || c == '+' || c == '-' || c == '.'));
}

certmap_uri_t certmap_uri_parts(certmap_str_t uri)
{
    certmap_uri_t parts = { 0, 0, 0 };
    apr_size_t i = 0;

    while (i < uri.len && is_scheme(uri.data[i], i == 0)) {
        i++;
    }
    if (i == 0 || i == uri.len || uri.data[i] != ':') {
        return parts;
    }
    parts.scheme = i;
    if (uri.len - i < 3 || uri.data[i + 1] != '/' || uri.data[i + 2] != '/') {
        return parts;
    }
    parts.host = i + 3;
    for (i = parts.host; i < uri.len && strchr("/?#", uri.data[i]) == NULL; i++) {
        if (uri.data[i] == '@') {
            parts.host = i + 1;
        }
    }
    parts.end = i;
    return parts;
}

certmap_str_t certmap_fold_uri(certmap_str_t uri, apr_pool_t *p)
{
    certmap_uri_t parts = certmap_uri_parts(uri);
    char *s = apr_pstrmemdup(p, uri.data, uri.len);
    apr_size_t i, blank = 0;

    for (i = 0; i < uri.len; i++) {
        if (certmap_uri_ignores_case(&parts, i) && s[i] >= 'A' && s[i] <= 'Z') {
            s[i] = (char)(s[i] + ('a' - 'A'));
        }
        blank += s[i] == ' ' || s[i] == '\t';
    }
    return (certmap_str_t){ s, blank == uri.len ? 0 : uri.len };
}

certmap_str_t certmap_hex(const unsigned char *data, apr_size_t len, apr_pool_t *p)
{
    static const char digits[] = "0123456789abcdef";
    char *s = apr_palloc(p, 2 * len + 1);
    apr_size_t i;

    for (i = 0; i < len; i++) {
        s[2 * i] = digits[data[i] >> 4];
        s[2 * i + 1] = digits[data[i] & 15];
    }
    s[2 * len] = '\0';
    return (certmap_str_t){ s, 2 * len };
}

const signed char certmap_hex_values[256] = {
    [0 ... '0' - 1] = -1,
    0,
    1,
    2,
    3,
    4,
    5,
    6,
    7,
    8,
    9,
    ['9' + 1 ... 'A' - 1] = -1,
    10,
    11,
    12,
    13,
    14,
    15,
    ['F' + 1 ... 'a' - 1] = -1,
    10,
    11,
    12,
    13,
    14,
    15,
    ['f' + 1 ... 255] = -1,
};

int certmap_utf8_next(const unsigned char *s, apr_size_t len, apr_uint32_t *c)
{
    static const apr_uint32_t least[] = { 0, 0, 0x80, 0x800, 0x10000 };
    apr_uint32_t v;
    int i, n;

    if (len == 0) {
        return 0;
    }
    if (s[0] < 0x80) {
        *c = s[0];
        return 1;
    }
    n = (s[0] & 0xe0) == 0xc0 ? 2 : (s[0] & 0xf0) == 0xe0 ? 3 : (s[0] & 0xf8) == 0xf0 ? 4 : 0;
    if (n == 0 || (apr_size_t)n > len) {
        return 0;
    }
    v = s[0] & (0x7fu >> n);
    for (i = 1; i < n; i++) {
        if ((s[i] & 0xc0) != 0x80) {
            return 0;
        }
        v = (v << 6) | (s[i] & 0x3f);
    }
    if (v < least[n] || v > 0x10ffff || (v >= 0xd800 && v <= 0xdfff)) {
        return 0;
    }
    *c = v;
    return n;
}

int certmap_utf8_put(char *s, apr_uint32_t c)
{
    if (c < 0x80) {
        s[0] = (char)c;
        return 1;
    }
    if (c < 0x800) {
        s[0] = (char)(0xc0 | (c >> 6));
        s[1] = (char)(0x80 | (c & 0x3f));
        return 2;
    }
    if (c < 0x10000) {
        s[0] = (char)(0xe0 | (c >> 12));
        s[1] = (char)(0x80 | ((c >> 6) & 0x3f));
        s[2] = (char)(0x80 | (c & 0x3f));
        return 3;
    }
    s[0] = (char)(0xf0 | (c >> 18));
    s[1] = (char)(0x80 | ((c >> 12) & 0x3f));
    s[2] = (char)(0x80 | ((c >> 6) & 0x3f));
    s[3] = (char)(0x80 | (c & 0x3f));
    return 4;
}

const char *certmap_control_check(apr_uint32_t c)
{
    if (c >= 0xa0 || (c >= 0x20 && c < 0x7f)) {
        return NULL;
    }
    return c == 0 ? "NUL inside" : "control character inside";
}

const char *certmap_codepoint_check(apr_uint32_t c)
{
    if (c < 0xa0) {
        return certmap_control_check(c);
    }
    if (c == 0x061c || c == 0x200e || c == 0x200f || (c >= 0x202a && c <= 0x202e) || (c >= 0x2066 && c <= 0x2069)) {
        return "bidirectional control inside";
    }
    if ((c >= 0x200b && c <= 0x200d) || c == 0x2060 || c == 0xfeff) {
        return "zero-width character inside";
    }
    if (c == 0x2028 || c == 0x2029) {
        return "line separator inside";
    }
    return NULL;
}

static const char *check_text(certmap_str_t text, const char *(*check)(apr_uint32_t c), apr_size_t *at)
{
    apr_size_t i = 0;

    while (i < text.len) {
        apr_uint32_t c;
        int n = certmap_utf8_next((const unsigned char *)text.data + i, text.len - i, &c);
        const char *why = n ? check(c) : "not UTF-8";

        if (why) {
            if (at) {
                *at = i;
            }
            return why;
        }
        i += (apr_size_t)n;
    }
    return NULL;
}

const char *certmap_text_check(certmap_str_t text, apr_size_t *at)
{
    return check_text(text, certmap_codepoint_check, at);
}

const char *certmap_value_check(certmap_str_t text)
{
    return check_text(text, certmap_control_check, NULL);
}
