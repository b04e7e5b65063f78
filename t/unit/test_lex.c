/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The lexer: what is a word, where it was, and what is refused, in directives and in files.
 */
#include "fixture.h"
#include "rules/testing.h"

/* Words in brackets, broken ones as [!]; lines divided by '/'; then every error as "line:column text". */
static const char *lexed_bytes(certmap_text_e mode, certmap_str_t text)
{
    certmap_sink_t sink = { .list = apr_array_make(pool, 2, sizeof(certmap_error_t)), .pool = pool };
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

typedef struct lex_case_t {
    const char *text;
    const char *expected;
} lex_case_t;

/* The same in directives and files. */
static const lex_case_t both[] = {
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

static const lex_case_t directive[] = {
    { "a # b", "[a][!] 1:3 '#' does not " },
    { "#a", "[!] 1:1 '#' does not " },
    { "a ${x} b", "[a][!][b] 1:3 unresolved va" },
    { "a b${x}", "[a][!] 1:4 unresolved va" },
    { "a \"b ${x\"", "[a][!] 1:6 unresolved va" },
    { "a $x {} $ [$]{", "[a][$x][{}][$][[$]{]" },
    { "a \\", "[a][\\]" },
    { "\xef\xbb\xbf"
      "a",
      "[\xef\xbb\xbf"
      "a]" },
};

static const lex_case_t file[] = {
    { "a # b\nc", "[a]/[c]" },
    { "# a\n\n  # b\nc", "[c]" },
    { "a #b \\\nc", "[a]/[c]" },
    { "# a \\\nc", "[c]" },
    { "# \"a\nb", "[b]" },
    { "# \x01\na", "[a] 1:3 control chara" },
    { "a\r\nb\r\n", "[a]/[b]" },
    { "\xef\xbb\xbf"
      "a",
      "[a]" },
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

static void run(certmap_text_e mode, const lex_case_t *cases, apr_size_t n)
{
    apr_size_t i;

    for (i = 0; i < n; i++) {
        is_str(lexed(mode, cases[i].text), cases[i].expected,
               apr_psprintf(pool, "%s: %s", mode == CERTMAP_TEXT_FILE ? "file" : "directive",
                            printable(cases[i].text[0] ? cases[i].text : "(empty)")));
    }
}

/* Every byte knows its place, after quotes, escapes and continued lines. */
static void test_places(void)
{
    static const char text[] = "one\n  two=\"a \\\"b\" \\\n   x\\\ny";
    static const certmap_place_t expected[] = { { 2, 3 }, { 2, 4 },  { 2, 5 },  { 2, 6 }, { 2, 8 },
                                                { 2, 9 }, { 2, 11 }, { 2, 12 }, { 2, 14 } };
    certmap_sink_t sink = { .list = apr_array_make(pool, 2, sizeof(certmap_error_t)), .pool = pool };
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
        "",    "a",     "a b",  " a",   "#a",       "a#",       "a\"b", "a'b",           "\\",
        "a\\", "a b\\", "\\\"", "\\\\", "a\\\\b c", "'\"' \\n", "\ta",  "caf\xc3\xa9 x",
    };
    apr_size_t i;

    for (i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        const char *quoted = certmap_lex_quote(texts[i], pool);

        is_str(lexed(CERTMAP_TEXT_FILE, apr_pstrcat(pool, quoted, "\nz", NULL)),
               apr_pstrcat(pool, "[", texts[i], "]/[z]", NULL),
               apr_psprintf(pool, "%s is read as it was", printable(quoted)));
    }
}

/* ---- bounds ----------------------------------------------------------------------------------------------------- */

/* So many times the same. */
static const char *times(int n, const char *what)
{
    apr_size_t len = strlen(what);
    char *out = apr_palloc(pool, (apr_size_t)n * len + 1);
    int i;

    for (i = 0; i < n; i++) {
        memcpy(out + (apr_size_t)i * len, what, len);
    }
    out[(apr_size_t)n * len] = '\0';
    return out;
}

/* The words of the first line of a text, and its messages. */
static int count_words(const char *text, certmap_sink_t *sink, const certmap_word_t **last)
{
    apr_array_header_t *words;
    certmap_lexer_t lx;

    memset(sink, 0, sizeof(*sink));
    sink->list = apr_array_make(pool, 1, sizeof(certmap_error_t));
    sink->pool = pool;
    certmap_lex_init(&lx, (certmap_str_t){ text, strlen(text) }, CERTMAP_TEXT_FILE, (certmap_place_t){ 1, 1 }, sink);
    certmap_lex_line(&lx, &words, pool);
    *last = &APR_ARRAY_IDX(words, words->nelts - 1, certmap_word_t);
    return words->nelts;
}

static void test_long_lines(void)
{
    const certmap_word_t *last;
    const certmap_error_t *e;
    certmap_sink_t sink;

    is_int(count_words(times(CERTMAP_WORDS_MOST, "a "), &sink, &last), CERTMAP_WORDS_MOST, "a thousand words");
    is_int(sink.nerrors, 0, "may stand on a line");
    is_int(count_words(times(100 * CERTMAP_WORDS_MOST, "a \\\n'#' "), &sink, &last), CERTMAP_WORDS_MOST,
           "a hundred thousand are not kept");
    is_int(sink.nerrors, 1, "which is said once");
    e = &APR_ARRAY_IDX(sink.list, 0, certmap_error_t);
    is_str(apr_psprintf(pool, "%d:%d %s", e->line, e->column, e->text), "501:5 too many words; a line has at most 1000",
           "at the first of the others");
    count_words(times(CERTMAP_WORD_MOST, "a"), &sink, &last);
    ok(sink.nerrors == 0 && !last->broken && last->text.len == CERTMAP_WORD_MOST, "a word of 1 MB");
    is_int(count_words(apr_pstrcat(pool, "b \"", times(3 * CERTMAP_WORD_MOST, "a"), "\"", NULL), &sink, &last), 2,
           "a longer one");
    ok(last->broken && last->text.len == CERTMAP_WORD_MOST, "is broken, and its end is not kept");
    is_int(sink.nerrors, 1, "which is said once");
    e = &APR_ARRAY_IDX(sink.list, 0, certmap_error_t);
    is_str(apr_psprintf(pool, "%d:%d %s", e->line, e->column, e->text), "1:3 this word is too long; 1 MB is the most",
           "where it begins");
}

/* What is reported about a text of rules or entries, in a line: "errors, warnings; the first; the last". */
static const char *messages_of(const apr_array_header_t *list)
{
    const certmap_error_t *e = (const certmap_error_t *)list->elts;
    int n[2] = { 0, 0 };
    int all[2] = { 0, 0 };
    int i;

    for (i = 0; i < list->nelts; i++) {
        n[e[i].warning]++;
        all[e[i].warning] += 1 + e[i].more;
    }
    e += list->nelts - 1;
    return apr_psprintf(pool, "%d of %d errors, %d of %d warnings; %d:%d %s", n[0], all[0], n[1], all[1], e->line,
                        e->column, e->text);
}

static const char *of_rules(const char *text)
{
    certmap_builder_t *b = certmap_builder_create(pool);
    apr_status_t rv = certmap_builder_add_file_text(b, (certmap_str_t){ text, strlen(text) }, "rules");

    return apr_pstrcat(pool, rv == APR_SUCCESS ? "" : "refused: ", messages_of(certmap_builder_errors(b)), NULL);
}

static const char *of_entries(const char *text)
{
    const certmap_entries_t *entries;
    apr_array_header_t *errors;
    apr_status_t rv = certmap_entries_parse((certmap_str_t){ text, strlen(text) }, "entries", &entries, &errors, pool);

    return apr_pstrcat(pool, rv == APR_SUCCESS && entries != NULL ? "" : "refused: ", messages_of(errors), NULL);
}

#define KEY "sha256:0000000000000000000000000000000000000000000000000000000000000001 u\n"
#define ODD "odd allow u subject=C=DE,CN=a\n" /* a warning, and from the second on an error: the name */

static void test_messages(void)
{
    const char *bad = "b allow u sybject.CN=x\n";
    certmap_builder_t *b = certmap_builder_create(pool);
    apr_array_header_t *lines = apr_array_make(pool, 501, sizeof(char *));
    certmap_list_t list = { .rules = NULL };
    int i;

    is_str(of_rules(times(100, "x! deny any\n")),
           "refused: 100 of 100 errors, 0 of 0 warnings; 100:2 a rule's NAME "
           "has letters, digits, '.', '_' and '-' only",
           "a hundred errors");
    is_str(of_rules(times(101, "x! deny any\n")),
           "refused: 101 of 101 errors, 0 of 0 warnings; "
           "101:2 ... and 1 more error from here on",
           "one more");
    is_str(of_rules(times(20000, bad)),
           "refused: 101 of 39999 errors, 0 of 0 warnings; 51:11 ... and 39899 more "
           "errors from here on",
           "all of them count");
    is_str(of_rules(apr_pstrcat(pool, ODD, times(5000, ODD), NULL)),
           "refused: 101 of 5000 errors, 101 of 5001 "
           "warnings; 101:21 ... and 4901 more warnings from here on",
           "warnings for themselves");
    for (i = 0; i < 300; i++) {
        certmap_builder_add_directive(b, apr_psprintf(pool, "r%d allow u subject=C=DE,CN=a", i), "conf", i + 1, 1);
    }
    is_str(messages_of(certmap_builder_errors(b)),
           "0 of 0 errors, 300 of 300 warnings; 300:22 with commas the most "
           "specific part comes first (CN=...,O=...,C=...); this name is written the other way round",
           "each directive may have its own");
    is_str(of_entries(times(5000, KEY)),
           "refused: 101 of 4999 errors, 0 of 0 warnings; 102:1 ... and 4899 more "
           "errors from here on",
           "a key that stands 5,000 times");
    is_str(of_entries(times(5000, "sha265:00 u\n")),
           "refused: 101 of 5000 errors, 0 of 0 warnings; 101:1 ... and 4900 "
           "more errors from here on",
           "bad entries");
    for (i = 0; i < 500; i++) {
        APR_ARRAY_PUSH(lines, const char *) = apr_psprintf(pool, "r%d allow u subject.CN=x%d expires=2020-01-01", i, i);
    }
    APR_ARRAY_PUSH(lines, const char *) = "last allow u subject.CN=x1 subject.CN=*";
    list.rules = rules_of(apr_array_pstrcat(pool, lines, '\n'));
    is_str(messages_of(certmap_list_lint(&list, CERTMAP_WEAK, NOW, pool)),
           "0 of 0 errors, 203 of 1002 warnings; "
           "101:1 ... and 400 more warnings from here on",
           "what is found in rules, each kind by itself");
}

/* What a message quotes may be long. */
static void test_long_messages(void)
{
    certmap_builder_t *b = certmap_builder_create(pool);
    const char *text = apr_pstrcat(pool, "r allow u subject.CN=x ", times(5000, "\xc3\xa9"), NULL);
    const certmap_error_t *e;

    certmap_builder_add_directive(b, text, NULL, 1, 1);
    e = &APR_ARRAY_IDX(certmap_builder_errors(b), 0, certmap_error_t);
    ok(strlen(e->text) > CERTMAP_MESSAGE_MOST - 4 && strlen(e->text) <= CERTMAP_MESSAGE_MOST + 3, "it is cut off");
    ok(certmap_text_check((certmap_str_t){ e->text, strlen(e->text) }, NULL) == NULL, "between characters");
    is_str(e->text + strlen(e->text) - 5, "\xc3\xa9...", "and says so");
}

/* What many of took the square of their number. */
static void test_many(void)
{
    apr_array_header_t *groups = apr_array_make(pool, 50000, sizeof(char *));
    certmap_builder_t *b = certmap_builder_create(pool);
    certmap_options_t options = { .seen = 0 };
    certmap_sink_t sink = { .list = apr_array_make(pool, 1, sizeof(certmap_error_t)), .pool = pool };
    certmap_word_t word = { .at = NULL };
    const certmap_dn_t *dn;
    const char *why;
    const char *text;
    apr_size_t at;
    int i;

    for (i = 0; i < 50000; i++) {
        APR_ARRAY_PUSH(groups, const char *) = apr_psprintf(pool, "g%d", i);
    }
    text = apr_pstrcat(pool, "groups=", apr_array_pstrcat(pool, groups, ','), ",g49999,g7", NULL);
    word.text = (certmap_str_t){ text, strlen(text) };
    certmap_option_read(&options, CERTMAP_OPTION_OF_RULE, &word, &sink, pool);
    ok(options.ngroups == 50002 && strcmp(options.groups[49999], "g49999") == 0, "50,000 groups");
    is_int(sink.nerrors, 2, "two of which stand twice");
    is_str(APR_ARRAY_IDX(sink.list, 1, certmap_error_t).text, "group \"g7\" appears twice", "and are named");
    certmap_builder_add_directive(b, apr_pstrcat(pool, "r allow ", times(30000, "%%"), " any", NULL), NULL, 1, 1);
    certmap_builder_add_directive(
        b, apr_pstrcat(pool, "s allow ", times(200, "%%"), times(57, "%{subject.CN}"), " any", NULL), NULL, 2, 1);
    certmap_builder_add_directive(
        b, apr_pstrcat(pool, "t allow ", times(200, "%%"), times(56, "%{subject.CN}"), " any", NULL), NULL, 3, 1);
    is_str(messages_of(certmap_builder_errors(b)),
           "2 of 2 errors, 0 of 0 warnings; 2:9 USER: the user name is longer "
           "than 256 bytes",
           "a USER that is too long whatever a certificate has in it");
    text = apr_pstrcat(pool, times(20000, "OU=\"a,\",OU=#0c0162,"), "O=c", NULL);
    ok(certmap_dn_parse((certmap_str_t){ text, strlen(text) }, &dn, &why, &at, pool) == APR_SUCCESS
           && dn->nrdns == 40001,
       "a name of 40,000 parts");
    ok(strcmp(dn->rdns[0].avas[0].value.data, "c") == 0 && strcmp(dn->rdns[1].avas[0].value.data, "b") == 0
           && strcmp(dn->rdns[40000].avas[0].value.data, "a,") == 0,
       "each with its value");
}

/* A hint is what it was: looking for it stops where none can be found. */
static void test_suggest(void)
{
    static const char *const names[] = { "groups", "expires", "note", "subject.emailAddress", NULL };
    static const struct {
        const char *word;
        const char *hint;
    } words[] = {
        { "group", "groups" },
        { "gruops", "groups" },
        { "gorusp", "groups" },
        { "gorups", "groups" },
        { "expire", "expires" },
        { "xepires", "expires" },
        { "exipers", "expires" },
        { "Expiers", "expires" },
        { "noet", "note" },
        { "not", "note" },
        { "nots", "note" },
        { "nt", NULL },
        { "no", NULL },
        { "ntoes", NULL },
        { "groupings", NULL },
        { "", NULL },
        { "sbuject.emailAdress", "subject.emailAddress" },
        { "subject.emailAddresses", "subject.emailAddress" },
        { "subject.emailAddresss17", NULL },
        { "ujbect.emailAddress", "subject.emailAddress" },
        { "ujbcet.emailAddress", NULL },
    };
    apr_size_t i;

    for (i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
        is_str(certmap_suggest((certmap_str_t){ words[i].word, strlen(words[i].word) }, names), words[i].hint,
               words[i].word);
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
    test_long_lines();
    test_messages();
    test_long_messages();
    test_many();
    test_suggest();
    test_quote();
    return fixture_done();
}
