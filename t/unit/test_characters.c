/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Characters: UTF-8 read strictly, and what hides from readers, which no user name or group may have in it.
 *
 * "test_characters --print" prints the table as the engine answers from it, "FROM TO NAME" a line in hex, for
 * t/guard/unicode.t.
 */
#include <stdlib.h>

#include "fixture.h"
#include "certmap.h"

#define LAST 0x10ffff

static const char *const names[] = {
    [CERTMAP_CHAR_SEEN] = "seen",         [CERTMAP_CHAR_BLANK] = "blank", [CERTMAP_CHAR_CONTROL] = "control",
    [CERTMAP_CHAR_BIDI] = "bidi",         [CERTMAP_CHAR_LINE] = "line",   [CERTMAP_CHAR_INVISIBLE] = "invisible",
    [CERTMAP_CHAR_NONE] = "noncharacter",
};

static int print_table(void)
{
    apr_uint32_t from = 0;
    apr_uint32_t c;

    for (c = 1; c <= LAST + 1; c++) {
        if (c > LAST || certmap_char_is(c) != certmap_char_is(from)) {
            printf("%x %x %s\n", (unsigned)from, (unsigned)c - 1, names[certmap_char_is(from)]);
            from = c;
        }
    }
    return 0;
}

/* What is none, with the bytes that follow it. */
static const struct {
    const char *what;
    const char *bytes;
} broken[] = {
    { "a byte that only continues", "\x80xxx" },
    { "U+0000 in two bytes", "\xc0\x80xx" },
    { "'/' in two bytes", "\xc0\xafxx" },
    { "U+007F in two bytes", "\xc1\xbfxx" },
    { "U+07FF in three bytes", "\xe0\x9f\xbfx" },
    { "U+FFFF in four bytes", "\xf0\x8f\xbf\xbf" },
    { "the first surrogate", "\xed\xa0\x80x" },
    { "the last surrogate", "\xed\xbf\xbfx" },
    { "U+110000", "\xf4\x90\x80\x80" },
    { "a byte that begins five", "\xf8\x88\x80\x80" },
    { "two bytes cut off", "\xc3" },
    { "three bytes cut off", "\xe2\x82" },
    { "four bytes cut off", "\xf0\x9f\x99" },
    { "two bytes, the second one a letter", "\xc3xxx" },
    { "three bytes, the third one a letter", "\xe2\x82xx" },
    { "four bytes, the fourth one a letter", "\xf0\x9f\x99x" },
};

static void test_broken(void)
{
    apr_size_t i;

    for (i = 0; i < sizeof(broken) / sizeof(broken[0]); i++) {
        apr_size_t len = strlen(broken[i].bytes);
        unsigned char *copy = malloc(len + 1); /* what reads beyond it is found by the sanitizers */
        apr_uint32_t c = 7;

        if (copy == NULL) {
            abort();
        }
        memcpy(copy, broken[i].bytes, len + 1);
        ok(certmap_utf8_next(copy, len, &c) == 0 && c == 7, "%s: none", broken[i].what);
        ok(certmap_utf8_next(copy, 4, &c) == 0 && c == 7, "%s: none where a NUL ends the text", broken[i].what);
        free(copy);
    }
}

/* Each character there is: written and read again, and let into a user name and a group unless it hides. */
static void test_all(void)
{
    unsigned long wrong_utf8 = 0;
    unsigned long wrong_user = 0;
    unsigned long wrong_group = 0;
    unsigned long wrong_end = 0;
    apr_uint32_t c;

    for (c = 0; c <= LAST; c++) {
        char s[8] = "a";
        apr_uint32_t back = 0;
        int surrogate = c >= 0xd800 && c <= 0xdfff;
        int n = certmap_utf8_put(s + 1, c);
        int read = certmap_utf8_next((const unsigned char *)s + 1, 4, &back);
        certmap_str_t end = { s, (apr_size_t)n + 1 };
        certmap_str_t text = { s, (apr_size_t)n + 2 };
        int hides = surrogate || certmap_char_hides(c);

        s[n + 1] = 'b';
        wrong_utf8 += surrogate ? read != 0 : read != n || back != c;
        wrong_user += (certmap_user_check(text) == NULL) != (!hides && c != ':');
        wrong_group += (certmap_text_check(text, NULL) == NULL) != !hides;
        wrong_end += (certmap_user_check(end) == NULL)
                     != (!hides && c != ':' && certmap_char_is(c) != CERTMAP_CHAR_BLANK);
    }
    is_int((long long)wrong_utf8, 0, "every character is read as it was written, and no surrogate is");
    is_int((long long)wrong_user, 0, "what hides is in no user name, all else but ':' may be");
    is_int((long long)wrong_group, 0, "what hides is in no group");
    is_int((long long)wrong_end, 0, "and no blank ends a user name");
}

static void test_some(void)
{
    static const struct {
        apr_uint32_t c;
        certmap_char_e is;
    } some[] = {
        { 'a', CERTMAP_CHAR_SEEN },         { 0xe9, CERTMAP_CHAR_SEEN },        { 0x0600, CERTMAP_CHAR_SEEN },
        { 0xfffd, CERTMAP_CHAR_SEEN },      { 0x1f642, CERTMAP_CHAR_SEEN },     { 0xe000, CERTMAP_CHAR_SEEN },
        { ' ', CERTMAP_CHAR_BLANK },        { 0xa0, CERTMAP_CHAR_BLANK },       { 0, CERTMAP_CHAR_CONTROL },
        { '\t', CERTMAP_CHAR_CONTROL },     { 0x9b, CERTMAP_CHAR_CONTROL },     { 0x202e, CERTMAP_CHAR_BIDI },
        { 0x2028, CERTMAP_CHAR_LINE },      { 0x200c, CERTMAP_CHAR_INVISIBLE }, { 0x2800, CERTMAP_CHAR_INVISIBLE },
        { 0x115f, CERTMAP_CHAR_INVISIBLE }, { 0x3164, CERTMAP_CHAR_INVISIBLE }, { 0xfe0f, CERTMAP_CHAR_INVISIBLE },
        { 0xfff9, CERTMAP_CHAR_INVISIBLE }, { 0xfeff, CERTMAP_CHAR_INVISIBLE }, { 0xe0100, CERTMAP_CHAR_INVISIBLE },
        { 0xfdd0, CERTMAP_CHAR_NONE },      { 0x1ffff, CERTMAP_CHAR_NONE },     { 0x10fffe, CERTMAP_CHAR_NONE },
    };
    apr_size_t i;

    for (i = 0; i < sizeof(some) / sizeof(some[0]); i++) {
        ok(certmap_char_is(some[i].c) == some[i].is, "U+%04X is %s", (unsigned)some[i].c, names[some[i].is]);
    }
}

int main(int argc, char **argv)
{
    if (argc == 2 && strcmp(argv[1], "--print") == 0) {
        return print_table();
    }
    plan(0);
    fixture_start();
    test_broken();
    test_some();
    test_all();
    return fixture_done();
}
