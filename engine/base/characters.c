/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file engine/base/characters.c
 * @brief Characters: UTF-8 read strictly and written, and what of Unicode a reader does not see as what it is.
 *
 * This is the one table for user names, groups, pages and terminals. t/guard/unicode.t holds it against the data of
 * Unicode that perl has: every Default_Ignorable_Code_Point, every format character but those that show a sign, every
 * noncharacter and every blank is in it. A character that a later Unicode adds to these is unassigned here until then.
 */
#include "base/internal.h"

/** A set of characters, from one to another. In their order. */
static const struct {
    apr_uint32_t from;
    apr_uint32_t to;
    certmap_char_e is;
} sets[] = {
    { 0x0000, 0x001f, CERTMAP_CHAR_CONTROL },
    { 0x0020, 0x0020, CERTMAP_CHAR_BLANK },
    { 0x007f, 0x009f, CERTMAP_CHAR_CONTROL },
    { 0x00a0, 0x00a0, CERTMAP_CHAR_BLANK },
    { 0x00ad, 0x00ad, CERTMAP_CHAR_INVISIBLE }, /* soft hyphen */
    { 0x034f, 0x034f, CERTMAP_CHAR_INVISIBLE },
    { 0x061c, 0x061c, CERTMAP_CHAR_BIDI },
    { 0x115f, 0x1160, CERTMAP_CHAR_INVISIBLE }, /* Hangul fillers */
    { 0x1680, 0x1680, CERTMAP_CHAR_BLANK },
    { 0x17b4, 0x17b5, CERTMAP_CHAR_INVISIBLE },
    { 0x180b, 0x180f, CERTMAP_CHAR_INVISIBLE },
    { 0x2000, 0x200a, CERTMAP_CHAR_BLANK },
    { 0x200b, 0x200d, CERTMAP_CHAR_INVISIBLE }, /* zero-width space and joiners */
    { 0x200e, 0x200f, CERTMAP_CHAR_BIDI },
    { 0x2028, 0x2029, CERTMAP_CHAR_LINE },
    { 0x202a, 0x202e, CERTMAP_CHAR_BIDI },
    { 0x202f, 0x202f, CERTMAP_CHAR_BLANK },
    { 0x205f, 0x205f, CERTMAP_CHAR_BLANK },
    { 0x2060, 0x2065, CERTMAP_CHAR_INVISIBLE },
    { 0x2066, 0x2069, CERTMAP_CHAR_BIDI },
    { 0x206a, 0x206f, CERTMAP_CHAR_INVISIBLE },
    { 0x2800, 0x2800, CERTMAP_CHAR_INVISIBLE }, /* Braille pattern without dots */
    { 0x3000, 0x3000, CERTMAP_CHAR_BLANK },
    { 0x3164, 0x3164, CERTMAP_CHAR_INVISIBLE }, /* Hangul filler */
    { 0xfdd0, 0xfdef, CERTMAP_CHAR_NONE },
    { 0xfe00, 0xfe0f, CERTMAP_CHAR_INVISIBLE }, /* variation selectors */
    { 0xfeff, 0xfeff, CERTMAP_CHAR_INVISIBLE },
    { 0xffa0, 0xffa0, CERTMAP_CHAR_INVISIBLE }, /* Hangul filler */
    { 0xfff0, 0xfffc, CERTMAP_CHAR_INVISIBLE }, /* up to the marks of annotations and the place of an object */
    { 0xfffe, 0xffff, CERTMAP_CHAR_NONE },
    { 0x13430, 0x1343f, CERTMAP_CHAR_INVISIBLE }, /* how Egyptian hieroglyphs are put together */
    { 0x16fe4, 0x16fe4, CERTMAP_CHAR_INVISIBLE }, /* Khitan filler */
    { 0x1bca0, 0x1bca3, CERTMAP_CHAR_INVISIBLE },
    { 0x1d159, 0x1d159, CERTMAP_CHAR_INVISIBLE }, /* a note without a head */
    { 0x1d173, 0x1d17a, CERTMAP_CHAR_INVISIBLE },
    { 0xe0000, 0xe0fff, CERTMAP_CHAR_INVISIBLE }, /* tags, more variation selectors */
};

certmap_char_e certmap_char_is(apr_uint32_t c)
{
    apr_size_t low = 0;
    apr_size_t high = sizeof(sets) / sizeof(sets[0]);

    if (c > 0x20 && c < 0x7f) { /* most of all text */
        return CERTMAP_CHAR_SEEN;
    }
    if ((c & 0xfffe) == 0xfffe) { /* the last two of each plane */
        return CERTMAP_CHAR_NONE;
    }
    while (low < high) {
        apr_size_t middle = (low + high) / 2;

        if (c > sets[middle].to) {
            low = middle + 1;
        }
        else if (c < sets[middle].from) {
            high = middle;
        }
        else {
            return sets[middle].is;
        }
    }
    return CERTMAP_CHAR_SEEN;
}

/* ---- UTF-8 ----------------------------------------------------------------------------------------------------- */

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

/* ---- checks ---------------------------------------------------------------------------------------------------- */

const char *certmap_control_check(apr_uint32_t c)
{
    if (certmap_char_is(c) != CERTMAP_CHAR_CONTROL) {
        return NULL;
    }
    return c == 0 ? "NUL inside" : "control character inside";
}

const char *certmap_codepoint_check(apr_uint32_t c)
{
    switch (certmap_char_is(c)) {
    case CERTMAP_CHAR_SEEN:
    case CERTMAP_CHAR_BLANK:
        return NULL;
    case CERTMAP_CHAR_CONTROL:
        return certmap_control_check(c);
    case CERTMAP_CHAR_BIDI:
        return "bidirectional control inside";
    case CERTMAP_CHAR_LINE:
        return "line separator inside";
    case CERTMAP_CHAR_INVISIBLE:
        return "invisible character inside";
    case CERTMAP_CHAR_NONE:
        return "a code point inside that is not a character";
    }
    return "a code point inside that is not a character";
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
