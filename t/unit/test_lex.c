/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The lexer: what is a word, where it stood, and what is refused, in directives and in files.
 */
#include "fixture.h"
#include "rules.h"

/* Words in brackets, broken ones as [!]; lines divided by '/'; then every error as "line:column text". */
static const char *lexed_bytes(certmap_text_e mode, certmap_str_t text)
{
    certmap_sink_t sink = { apr_array_make(pool, 2, sizeof(certmap_error_t)), NULL, 0, pool };
    certmap_lexer_t lx;
    apr_array_header_t *words;
    const char *out = "";
    int lines = 0;
    int i;

    certmap_lex_init(&lx, text, mode, (certmap_place_t){ 1, 1 }, &sink);
    while (certmap_lex_line(&lx, &words, pool) == APR_SUCCESS) {
        out = apr_pstrcat(pool, out, lines++ ? "/" : "", NULL);
        for (i = 0; i < words->nelts; i++) {
            const certmap_word_t *w = &APR_ARRAY_IDX(words, i, certmap_word_t);

            out = apr_pstrcat(pool, out, "[", w->broken ? "!" : w->text.data, "]", NULL);
        }
    }
    for (i = 0; i < sink.list->nelts; i++) {
        const certmap_error_t *e = &APR_ARRAY_IDX(sink.list, i, certmap_error_t);

        out = apr_psprintf(pool, "%s %d:%d %.13s", out, e->line, e->column, e->text);
    }
    return out;
}

static const char *lexed(certmap_text_e mode, const char *text)
{
    return lexed_bytes(mode, (certmap_str_t){ text, strlen(text) });
}

typedef struct case_t {
    const char *text;
    const char *expected;
} case_t;

/* The same in directives and files. */
static const case_t both[] = {
    { "", "" },
    { "  \t ", "" },
    { "a b  c\td", "[a][b][c][d]" },
    { " a ", "[a]" },
    { "subject.O=\"Example Ltd\" x", "[subject.O=Example Ltd][x]" },
    { "\"subject.O=Example Ltd\"", "[subject.O=Example Ltd]" },
    { "a'b c'd\"e f\"g", "[ab cde fg]" },
    { "note=\"\" x", "[note=][x]" },
    { "\"\" ''", "[][]" },
    { "\"a\\\"b\"", "[a\"b]" },
    { "\"a\\\\b\"", "[a\\b]" },
    { "\"a\\nb\"", "[a\\nb]" },
    { "\"a\\'b\"", "[a\\'b]" },
    { "'a\\'b'", "[a'b]" },
    { "'a\\\"b'", "[a\\\"b]" },
    { "a\\*b", "[a\\*b]" },
    { "a\\\\b", "[a\\\\b]" },
    { "a\\\"b\"", "[a\\b]" },
    { "a\\ b", "[a\\][b]" },
    { "~\\d+", "[~\\d+]" },
    { "a#b", "[a#b]" },
    { "\"#a\" '#b'", "[#a][#b]" },
    { "\"a", "[!] 1:1 unclosed quot" },
    { "x b=\"a c", "[x][!] 1:5 unclosed quot" },
    { "'a\" b", "[!] 1:1 unclosed quot" },
    { "\"a\\\"", "[!] 1:1 unclosed quot" },
    { "caf\xc3\xa9 \xe2\x82\xac \xf0\x9f\x98\x80", "[caf\xc3\xa9][\xe2\x82\xac][\xf0\x9f\x98\x80]" },
    { "a \xff", "[a][!] 1:3 invalid UTF-8" },
    { "a \xc0\xaf", "[a][!] 1:3 invalid UTF-8" },
    { "a\xed\xa0\x80 b", "[!][b] 1:2 invalid UTF-8" },
    { "a b\x01 c", "[a][!][c] 1:4 control chara" },
    { "a \x7f", "[a][!] 1:3 control chara" },
    { "a \xc2\x85", "[a][!] 1:3 control chara" },
    { "a\rb", "[!] 1:2 control chara" },
    { "\"a\x1b[0m\" b", "[!][b] 1:3 control chara" },
};

static const case_t directive[] = {
    { "a # b", "[a][!] 1:3 '#' begins no" },
    { "#a", "[!] 1:1 '#' begins no" },
    { "a ${x} b", "[a][!][b] 1:3 unresolved va" },
    { "a b${x}", "[a][!] 1:4 unresolved va" },
    { "a \"b ${x\"", "[a][!] 1:6 unresolved va" },
    { "a $x {} $ [$]{", "[a][$x][{}][$][[$]{]" },
    { "a \\", "[a][\\]" },
    { "\xef\xbb\xbf" "a", "[\xef\xbb\xbf" "a]" },
};

static const case_t file[] = {
    { "a # b\nc", "[a]/[c]" },
    { "# a\n\n  # b\nc", "[c]" },
    { "a #b \\\nc", "[a]/[c]" },
    { "# a \\\nc", "[c]" },
    { "# \"a\nb", "[b]" },
    { "# \x01\na", "[a] 1:3 control chara" },
    { "a\r\nb\r\n", "[a]/[b]" },
    { "\xef\xbb\xbf" "a", "[a]" },
    { "a \xef\xbb\xbf", "[a][\xef\xbb\xbf]" },
    { "a \\\n b\nc", "[a][b]/[c]" },
    { "a \\\r\n b", "[a][b]" },
    { "a\\\nb", "[ab]" },
    { "\"a \\\n b\" c", "[a  b][c]" },
    { "a \\\n# b\nc", "[a]/[c]" },
    { "a \\\n\nc", "[a]/[c]" },
    { "a \\ \nb", "[a][\\]/[b]" },
    { "a \\", "[a] 1:3 the text ends" },
    { "a \\\n", "[a] 1:3 the text ends" },
    { "a \\\nb \\\n \"c", "[a][b][!] 3:2 unclosed quot" },
    { "\"a\nb", "[!]/[b] 1:1 unclosed quot" },
    { "a ${x} b", "[a][${x}][b]" },
    { "\xff\n\xff\nb", "[!]/[!]/[b] 1:1 invalid UTF-8 2:1 invalid UTF-8" },
    { "\xff \xff \x01", "[!][!][!] 1:1 invalid UTF-8" },
};

/* For a test's title: what would break a TAP line shown as '?'. */
static const char *printable(const char *text)
{
    char *out = apr_pstrdup(pool, text);
    char *c;

    for (c = out; *c != '\0'; c++) {
        if ((unsigned char)*c < 0x20 || (unsigned char)*c >= 0x7f || *c == '#') {
            *c = '?';
        }
    }
    return out;
}

static void run(certmap_text_e mode, const case_t *cases, apr_size_t n)
{
    apr_size_t i;

    for (i = 0; i < n; i++) {
        is_str(lexed(mode, cases[i].text), cases[i].expected,
               apr_psprintf(pool, "%s: %s", mode == CERTMAP_TEXT_FILE ? "file" : "directive",
                            printable(cases[i].text[0] ? cases[i].text : "(empty)")));
    }
}

/* Every byte knows its place, behind quotes, escapes and continued lines. */
static void test_places(void)
{
    static const char text[] = "one\n  two=\"a \\\"b\" \\\n   x\\\ny";
    static const certmap_place_t expected[] = { { 2, 3 }, { 2, 4 }, { 2, 5 }, { 2, 6 }, { 2, 8 }, { 2, 9 }, { 2, 11 },
                                                { 2, 12 }, { 2, 14 } };
    certmap_sink_t sink = { apr_array_make(pool, 2, sizeof(certmap_error_t)), NULL, 0, pool };
    certmap_lexer_t lx;
    apr_array_header_t *words;
    const certmap_word_t *w;
    apr_size_t i;

    certmap_lex_init(&lx, (certmap_str_t){ text, sizeof(text) - 1 }, CERTMAP_TEXT_FILE, (certmap_place_t){ 1, 1 },
                     &sink);
    certmap_lex_line(&lx, &words, pool);
    certmap_lex_line(&lx, &words, pool);
    is_int(words->nelts, 2, "two words in the second line");
    w = &APR_ARRAY_IDX(words, 0, certmap_word_t);
    is_str(w->text.data, "two=a \"b", "the first of them");
    for (i = 0; i <= w->text.len; i++) {
        ok(w->at[i].line == expected[i].line && w->at[i].column == expected[i].column, "byte %d stands at %d:%d",
           (int)i, expected[i].line, expected[i].column);
    }
    w++;
    is_str(w->text.data, "xy", "the second");
    ok(w->at[0].line == 3 && w->at[0].column == 4 && w->at[1].line == 4 && w->at[1].column == 1,
       "a word that goes on in the next line");
}

static void test_nul(void)
{
    is_str(lexed_bytes(CERTMAP_TEXT_FILE, (certmap_str_t){ "a b\0c d\ne", 9 }), "[a][!][d]/[e] 1:4 control chara",
           "NUL inside");
    is_str(lexed_bytes(CERTMAP_TEXT_FILE, (certmap_str_t){ "a # \0\nb", 7 }), "[a]/[b] 1:5 control chara",
           "NUL in a comment");
}

/* What quoting writes, lexing reads. */
static void test_quote(void)
{
    static const char *const texts[] = {
        "", "a", "a b", " a", "#a", "a#", "a\"b", "a'b", "\\", "a\\", "a b\\", "\\\"", "\\\\", "a\\\\b c",
        "'\"' \\n", "\ta", "caf\xc3\xa9 x",
    };
    apr_size_t i;

    for (i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        const char *quoted = certmap_lex_quote(texts[i], pool);

        is_str(lexed(CERTMAP_TEXT_FILE, apr_pstrcat(pool, quoted, "\nz", NULL)),
               apr_pstrcat(pool, "[", texts[i], "]/[z]", NULL),
               apr_psprintf(pool, "%s is read as it was", printable(quoted)));
    }
}

int main(void)
{
    plan(0);
    fixture_start();
    run(CERTMAP_TEXT_DIRECTIVE, both, sizeof(both) / sizeof(both[0]));
    run(CERTMAP_TEXT_FILE, both, sizeof(both) / sizeof(both[0]));
    run(CERTMAP_TEXT_DIRECTIVE, directive, sizeof(directive) / sizeof(directive[0]));
    run(CERTMAP_TEXT_FILE, file, sizeof(file) / sizeof(file[0]));
    test_places();
    test_nul();
    test_quote();
    return fixture_done();
}
