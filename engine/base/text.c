/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file engine/base/text.c
 * @brief Text: copies, folding for comparison, the parts of a URI, hex.
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

/** Whether a character may be part of a scheme, its first one apart. */
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
