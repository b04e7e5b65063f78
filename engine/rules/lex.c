/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The one lexer: text of directives and of files becomes words that know where each of their bytes stood, so that every
 * later complaint can point at its place. httpd's own tokenizer is not used because it lets an unclosed quote swallow
 * the rest and passes "# remarks" on as arguments.
 */
#include <stdarg.h>
#include <string.h>

#include <apr_lib.h>
#include <apr_strings.h>

#include "rules/rules.h"

/* ---- errors and hints ---------------------------------------------------------------------------------------- */

static void sink_push(const certmap_sink_t *sink, certmap_place_t at, int warning, const char *text, int more)
{
    certmap_error_t *e = apr_array_push(sink->list);

    *e = (certmap_error_t){ sink->file, at.line, at.column, warning, text, more };
}

/* A message, cut off where it is too long, but not within a character. */
static const char *short_text(const certmap_sink_t *sink, const char *fmt, va_list ap)
{
    char text[CERTMAP_MESSAGE_MOST + 4];
    apr_size_t n = (apr_size_t)apr_vsnprintf(text, CERTMAP_MESSAGE_MOST + 1, fmt, ap);

    if (n >= CERTMAP_MESSAGE_MOST) {
        n = CERTMAP_MESSAGE_MOST;
        while (n > 0 && ((unsigned char)text[n - 1] & 0xc0) == 0x80) {
            n--;
        }
        n -= n > 0 && ((unsigned char)text[n - 1] & 0x80);
        strcpy(text + n, "...");
    }
    return apr_pstrdup(sink->pool, text);
}

static void sink_add(certmap_sink_t *sink, certmap_place_t at, int warning, const char *fmt, va_list ap)
{
    certmap_unsaid_t *unsaid = &sink->unsaid[warning];

    sink->nerrors += !warning;
    if (unsaid->said == CERTMAP_MESSAGES_MOST) {
        unsaid->first = unsaid->more == 0 ? at : unsaid->first;
        unsaid->more++;
        return;
    }
    unsaid->said++;
    sink_push(sink, at, warning, short_text(sink, fmt, ap), 0);
}

void certmap_sink_end(certmap_sink_t *sink)
{
    int warning;

    for (warning = 0; warning <= 1; warning++) {
        certmap_unsaid_t *unsaid = &sink->unsaid[warning];

        if (unsaid->more > 0) {
            sink_push(sink, unsaid->first, warning,
                      apr_psprintf(sink->pool, "... and %d more %s%s from here on", unsaid->more,
                                   warning ? "warning" : "error", unsaid->more == 1 ? "" : "s"),
                      unsaid->more - 1);
        }
        memset(unsaid, 0, sizeof(*unsaid));
    }
}

void certmap_sink_error(certmap_sink_t *sink, certmap_place_t at, const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    sink_add(sink, at, 0, fmt, ap);
    va_end(ap);
}

void certmap_sink_warning(certmap_sink_t *sink, certmap_place_t at, const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    sink_add(sink, at, 1, fmt, ap);
    va_end(ap);
}

#define SUGGEST_MAX 24

/* Edit distance with swaps of neighbours, case ignored: the slips of the fingers that a hint should see through. What
 * is more than `most` is not told apart: a text may have a million words that are none of ours. */
static int distance(certmap_str_t a, const char *b, int most)
{
    int row[3][SUGGEST_MAX + 2];
    apr_size_t n = a.len;
    apr_size_t m = strlen(b);
    apr_size_t band = (apr_size_t)most;
    int least = 0; /* of the row before */
    apr_size_t i;
    apr_size_t j;

    if (n > SUGGEST_MAX || m > SUGGEST_MAX || n > m + band || m > n + band) {
        return SUGGEST_MAX;
    }
    for (j = 0; j <= m; j++) {
        row[0][j] = (int)j;
    }
    for (i = 1; i <= n; i++) {
        apr_size_t from = i > band ? i - band : 1;
        apr_size_t to = i + band < m ? i + band : m;
        int *cur = row[i % 3];
        const int *prev = row[(i + 2) % 3];
        const int *before = row[(i + 1) % 3];
        int last = least;

        least = cur[from - 1] = from > 1 ? SUGGEST_MAX : (int)i; /* beside the diagonal all is too far away */
        cur[to + 1] = SUGGEST_MAX;
        for (j = from; j <= to; j++) {
            int ca = apr_tolower(a.data[i - 1]);
            int cb = apr_tolower(b[j - 1]);
            int best = prev[j - 1] + (ca != cb);

            if (prev[j] + 1 < best) {
                best = prev[j] + 1;
            }
            if (cur[j - 1] + 1 < best) {
                best = cur[j - 1] + 1;
            }
            if (i > 1 && j > 1 && ca == apr_tolower(b[j - 2]) && apr_tolower(a.data[i - 2]) == cb
                && before[j - 2] + 1 < best) {
                best = before[j - 2] + 1;
            }
            cur[j] = best;
            least = best < least ? best : least;
        }
        if (least > most && last > most) { /* two rows, because a swap goes back as far */
            return SUGGEST_MAX;
        }
    }
    return row[n % 3][m];
}

const char *certmap_suggest(certmap_str_t word, const char *const *names)
{
    const char *best = NULL;
    int least = SUGGEST_MAX;

    for (; *names != NULL; names++) {
        int most = strlen(*names) <= 4 ? 1 : 2;
        int d = distance(word, *names, most);

        if (d <= most && d < least) {
            least = d;
            best = *names;
        }
    }
    return best;
}

/* ---- characters ---------------------------------------------------------------------------------------------- */

typedef enum unit_e {
    UNIT_TEXT, /* one character */
    UNIT_BAD,  /* a byte or character that may not stand here; reported */
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

/* Skips backslashes at line ends. A text that ends behind one has been cut off, which nobody may overlook. */
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
                                   "the text ends in a continued line: the line behind the "
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
    else if ((cp < 0x20 && cp != '\t') || (cp >= 0x7f && cp < 0xa0)) {
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
typedef struct growing_t {
    apr_array_header_t *bytes;
    apr_array_header_t *places;
    certmap_word_t word;
} growing_t;

static void grow(const certmap_lexer_t *lx, growing_t *g, const unit_t *u)
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
static void read_quoted(certmap_lexer_t *lx, growing_t *g, unit_t open)
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

/* httpd has replaced the variables that it knows; what is left has no value, and no text may stand for it. */
static void check_variables(certmap_lexer_t *lx, const growing_t *g, certmap_word_t *w)
{
    apr_size_t i;

    for (i = 0; lx->mode == CERTMAP_TEXT_DIRECTIVE && i + 1 < w->text.len; i++) {
        if (w->text.data[i] == '$' && w->text.data[i + 1] == '{') {
            certmap_sink_error(lx->sink, APR_ARRAY_IDX(g->places, (int)i, certmap_place_t),
                               "unresolved variable \"${\": Define it before this line (in a regex write [$]{)");
            w->broken = 1;
            return;
        }
    }
}

/* Reads one word, which begins with u. */
static void read_word(certmap_lexer_t *lx, unit_t u, apr_array_header_t *words, apr_pool_t *p)
{
    growing_t g = { apr_array_make(p, 32, 1), apr_array_make(p, 32, sizeof(certmap_place_t)), { .place = u.place } };
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

/* A '#' at the start of a word. In a directive everything behind it is lost, so a broken word stands for it. */
static unit_t read_comment(certmap_lexer_t *lx, unit_t u, apr_array_header_t *words)
{
    if (lx->mode == CERTMAP_TEXT_DIRECTIVE) {
        certmap_word_t *w = apr_array_push(words);

        certmap_sink_error(lx->sink, u.place,
                           "'#' begins no comment in a directive; put comments on lines of their own, "
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
