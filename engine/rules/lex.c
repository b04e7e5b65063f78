/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The one lexer: text of directives and of files becomes words that know where each of their bytes was, so that every
 * later complaint can point at its place. httpd's own tokenizer is not used because it lets an unclosed quote swallow
 * the rest and passes "# remarks" on as arguments.
 */
#include <string.h>

#include <apr_lib.h>
#include <apr_strings.h>

#include "base/limits.h"
#include "base/internal.h"
#include "rules/words.h"

/* ---- characters ---------------------------------------------------------------------------------------------- */

typedef enum unit_e {
    UNIT_TEXT, /* one character */
    UNIT_BAD,  /* a byte or character that is not allowed here; reported */
    UNIT_EOL,
    UNIT_EOF
} unit_e;

/* One character of the text, after continued lines have been joined. */
typedef struct unit_t {
    unit_e kind;
    const char *data;
    unsigned len;
    certmap_place_t place;
} unit_t;

static void advance(certmap_lexer_t *lx, apr_size_t n, int newline)
{
    lx->pos += n;
    if (newline) {
        lx->place.line++;
        lx->place.column = 1;
    }
    else {
        lx->place.column += (int)n;
    }
}

/* The length of the line end at offset pos: 1, 2, or 0 when there is none. */
static unsigned line_end(const certmap_lexer_t *lx, apr_size_t pos)
{
    if (pos < lx->text.len && lx->text.data[pos] == '\n') {
        return 1;
    }
    if (pos + 1 < lx->text.len && lx->text.data[pos] == '\r' && lx->text.data[pos + 1] == '\n') {
        return 2;
    }
    return 0;
}

static void complain(certmap_lexer_t *lx, const char *what, unsigned code)
{
    if (!lx->complained) {
        lx->complained = 1;
        certmap_sink_error(lx->sink, lx->place, what, code);
    }
}

/* Skips backslashes at line ends. A text that ends after one has been cut off, which nobody may overlook. */
static void join_lines(certmap_lexer_t *lx)
{
    while (lx->pos < lx->text.len && lx->text.data[lx->pos] == '\\') {
        unsigned n = line_end(lx, lx->pos + 1);

        if (n == 0 && lx->pos + 1 < lx->text.len) {
            return;
        }
        if (lx->pos + 1 + n == lx->text.len) {
            if (!lx->complained) {
                certmap_sink_error(lx->sink, lx->place,
                                   "the text ends in a continued line: the line after the "
                                   "backslash is missing");
            }
            lx->complained = 1;
        }
        advance(lx, 1 + n, n > 0);
    }
}

static unit_t next_unit(certmap_lexer_t *lx, int comment)
{
    unit_t u = { UNIT_TEXT, NULL, 0, { 0, 0 } };
    apr_uint32_t cp = 0;
    unsigned n;

    if (lx->mode == CERTMAP_TEXT_FILE && !comment) {
        join_lines(lx);
    }
    u.place = lx->place;
    u.data = lx->text.data + lx->pos;
    if (lx->pos >= lx->text.len) {
        u.kind = UNIT_EOF;
        return u;
    }
    n = lx->mode == CERTMAP_TEXT_FILE ? line_end(lx, lx->pos) : 0;
    if (n > 0) {
        u.kind = UNIT_EOL;
        u.len = n;
        advance(lx, n, 1);
        return u;
    }
    u.len = (unsigned)certmap_utf8_next((const unsigned char *)u.data, lx->text.len - lx->pos, &cp);
    if (u.len == 0) {
        complain(lx, "invalid UTF-8 (byte 0x%02x); the text must be UTF-8", (unsigned char)u.data[0]);
        u.kind = UNIT_BAD;
        u.len = 1;
    }
    else if (cp != '\t' && certmap_char_is(cp) == CERTMAP_CHAR_CONTROL) {
        complain(lx, "control character U+%04X; take it out", (unsigned)cp);
        u.kind = UNIT_BAD;
    }
    advance(lx, u.len, 0);
    return u;
}

static unit_t peek_unit(const certmap_lexer_t *lx)
{
    certmap_lexer_t copy = *lx;

    copy.complained = 1; /* what is wrong there is said when it is read */
    return next_unit(&copy, 0);
}

/* ---- words --------------------------------------------------------------------------------------------------- */

/* A word while it grows. */
typedef struct growing_word_t {
    apr_array_header_t *bytes;
    apr_array_header_t *places;
    certmap_word_t word;
} growing_word_t;

static void grow(const certmap_lexer_t *lx, growing_word_t *g, const unit_t *u)
{
    unsigned i;

    if (g->bytes->nelts >= CERTMAP_WORD_MOST) {
        if (!g->word.broken) {
            certmap_sink_error(lx->sink, g->word.place, "this word is too long; 1 MB is the most");
        }
        g->word.broken = 1;
        return;
    }
    for (i = 0; i < u->len; i++) {
        APR_ARRAY_PUSH(g->bytes, char) = u->data[i];
        APR_ARRAY_PUSH(g->places, certmap_place_t) = (certmap_place_t){ u->place.line, u->place.column + (int)i };
    }
}

static int is_blank(const unit_t *u)
{
    return u->kind == UNIT_TEXT && (u->data[0] == ' ' || u->data[0] == '\t');
}

static int is_end(const unit_t *u)
{
    return u->kind == UNIT_EOL || u->kind == UNIT_EOF;
}

/* Reads to the closing quote. u is the opening one; returns what ended the reading. */
static void read_quoted(certmap_lexer_t *lx, growing_word_t *g, unit_t open)
{
    for (;;) {
        unit_t u = peek_unit(lx);

        if (is_end(&u)) {
            g->word.broken = 1;
            certmap_sink_error(lx->sink, open.place, "unclosed quote: the %s that begins here has no end on its line",
                               open.data[0] == '"' ? "double quote" : "single quote");
            return;
        }
        u = next_unit(lx, 0);
        if (u.kind == UNIT_BAD) {
            g->word.broken = 1;
        }
        else if (u.data[0] == open.data[0]) {
            return;
        }
        else if (u.data[0] == '\\') {
            unit_t behind = peek_unit(lx);

            if (behind.kind == UNIT_TEXT && (behind.data[0] == open.data[0] || behind.data[0] == '\\')) {
                u = next_unit(lx, 0);
            }
        }
        grow(lx, g, &u);
    }
}

/* httpd has replaced the variables that it knows; what is left has no value, and no text may stand for it. Where quotes
 * keep '$' and '{' apart ($""{) no variable was meant. */
static void check_variables(certmap_lexer_t *lx, const growing_word_t *g, certmap_word_t *w)
{
    apr_size_t i;

    for (i = 0; lx->mode == CERTMAP_TEXT_DIRECTIVE && i + 1 < w->text.len; i++) {
        const certmap_place_t *place = &APR_ARRAY_IDX(g->places, (int)i, certmap_place_t);

        if (w->text.data[i] == '$' && w->text.data[i + 1] == '{' && place[1].column == place->column + 1) {
            certmap_sink_error(
                lx->sink, *place,
                "unresolved variable \"${\": Define it before this line, or write $\"\"{ where none is meant");
            w->broken = 1;
            return;
        }
    }
}

/* Reads one word, which begins with u. */
static void read_word(certmap_lexer_t *lx, unit_t u, apr_array_header_t *words, apr_pool_t *p)
{
    growing_word_t g = { apr_array_make(p, 32, 1),
                         apr_array_make(p, 32, sizeof(certmap_place_t)),
                         { .place = u.place } };
    certmap_word_t *w = apr_array_push(words);

    for (;;) {
        if (u.kind == UNIT_BAD) {
            g.word.broken = 1;
        }
        else if (u.data[0] == '"' || u.data[0] == '\'') {
            read_quoted(lx, &g, u);
        }
        else {
            grow(lx, &g, &u);
        }
        u = peek_unit(lx);
        if (is_end(&u) || is_blank(&u)) {
            break;
        }
        u = next_unit(lx, 0);
    }
    APR_ARRAY_PUSH(g.places, certmap_place_t) = lx->place;
    APR_ARRAY_PUSH(g.bytes, char) = '\0';
    *w = g.word;
    w->text.data = g.bytes->elts;
    w->text.len = (apr_size_t)g.bytes->nelts - 1;
    w->at = (const certmap_place_t *)g.places->elts;
    check_variables(lx, &g, w);
}

/* A '#' at the start of a word. In a directive everything after it is lost, so a broken word stands for it. */
static unit_t read_comment(certmap_lexer_t *lx, unit_t u, apr_array_header_t *words)
{
    if (lx->mode == CERTMAP_TEXT_DIRECTIVE) {
        certmap_word_t *w = apr_array_push(words);

        certmap_sink_error(lx->sink, u.place,
                           "'#' does not begin a comment in a directive; put comments on lines of their own, "
                           "or quote the word");
        *w = (certmap_word_t){ .text = { "", 0 }, .place = u.place, .broken = 1 };
        lx->pos = lx->text.len;
    }
    do {
        u = next_unit(lx, 1);
    } while (!is_end(&u));
    return u;
}

/* Reads to the end of a line that has too many words, the last of which begins with u. */
static unit_t skip_words(certmap_lexer_t *lx, unit_t u)
{
    certmap_sink_error(lx->sink, u.place, "too many words; a line has at most %d", CERTMAP_WORDS_MOST);
    while (!is_end(&u)) {
        u = next_unit(lx, 0);
    }
    return u;
}

void certmap_lex_init(certmap_lexer_t *lx, certmap_str_t text, certmap_text_e mode, certmap_place_t place,
                      certmap_sink_t *sink)
{
    memset(lx, 0, sizeof(*lx));
    lx->text = text;
    lx->mode = mode;
    lx->place = place;
    lx->sink = sink;
    if (mode == CERTMAP_TEXT_FILE && text.len >= 3 && memcmp(text.data, "\xef\xbb\xbf", 3) == 0) {
        lx->pos = 3;
    }
}

apr_status_t certmap_lex_line(certmap_lexer_t *lx, apr_array_header_t **words, apr_pool_t *p)
{
    unit_t u;

    *words = apr_array_make(p, 8, sizeof(certmap_word_t));
    lx->complained = 0;
    do {
        u = next_unit(lx, 0);
        if (is_blank(&u)) {
            continue;
        }
        if (u.kind == UNIT_TEXT && u.data[0] == '#') {
            u = read_comment(lx, u, *words);
        }
        else if (!is_end(&u) && (*words)->nelts == CERTMAP_WORDS_MOST) {
            /* [promise texts] */
            u = skip_words(lx, u);
        }
        else if (!is_end(&u)) {
            read_word(lx, u, *words, p);
        }
        if (u.kind == UNIT_EOL && (*words)->nelts == 0) {
            lx->complained = 0;
            u.kind = UNIT_TEXT;
        }
    } while (!is_end(&u));
    return (*words)->nelts > 0 ? APR_SUCCESS : APR_EOF;
}

const char *certmap_lex_quote(const char *text, apr_pool_t *p)
{
    const char *s;
    char *out;
    char *o;

    if (*text != '\0' && *text != '#' && strpbrk(text, " \t\"'") == NULL && text[strlen(text) - 1] != '\\') {
        return text;
    }
    out = o = apr_palloc(p, 2 * strlen(text) + 3);
    *o++ = '"';
    for (s = text; *s != '\0'; s++) {
        if (*s == '"' || *s == '\\') {
            *o++ = '\\';
        }
        *o++ = *s;
    }
    *o++ = '"';
    *o = '\0';
    return out;
}
