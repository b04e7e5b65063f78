/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reads the lines of an entry file: KEY USER [OPT...] or KEY - deny [OPT...]. A file may have a million of them, so
 * lines of the usual form (one line, clean text, no backslash) are split here without a place for each byte. As soon as
 * anything about such a line is unusual or wrong, the lexer reads it again and reports what is wrong.
 */
#include <string.h>

#include <apr_strings.h>

#include "base/internal.h"
#include "entries/internal.h"

/* A usual line has few words. */
#define WORDS_MAX 8

/* The scratch pool is cleared after so many lines, and after each one that the lexer read. */
#define LINES_PER_CLEAR 256

struct certmap_line_reader_t {
    certmap_lexer_t lexer;
    certmap_sink_t *sink;
    int fast;
    unsigned lines;      /* since scratch was cleared */
    apr_pool_t *scratch; /* of the line that is being read */
    certmap_dn_cache_t *cache;
    certmap_sink_t trial; /* takes what is said about usual lines; anything at all sends them to the lexer */
    certmap_word_t words[WORDS_MAX];
    char *text; /* of these words */
    apr_size_t room;
};

certmap_line_reader_t *certmap_line_reader_create(certmap_str_t text, certmap_sink_t *sink, int fast, apr_pool_t *p)
{
    certmap_line_reader_t *reader = apr_pcalloc(p, sizeof(*reader));

    certmap_lex_init(&reader->lexer, text, CERTMAP_TEXT_FILE, (certmap_place_t){ 1, 1 }, sink);
    reader->sink = sink;
    reader->fast = fast;
    reader->cache = certmap_dn_cache_create(p);
    apr_pool_create(&reader->scratch, p);
    reader->room = 4096;
    reader->text = apr_palloc(p, reader->room);
    return reader;
}

/* ---- one entry from its words -------------------------------------------------------------------------------- */

typedef struct entry_job_t {
    const certmap_word_t *words;
    int nwords;
    certmap_sink_t *sink;
    apr_pool_t *pool;
    certmap_line_t *line;
} entry_job_t;

static int word_is(const certmap_word_t *w, const char *text)
{
    return !w->broken && w->text.len == strlen(text) && memcmp(w->text.data, text, w->text.len) == 0;
}

static int has_template(certmap_str_t text)
{
    apr_size_t i;

    for (i = 0; i + 1 < text.len; i++) {
        if (text.data[i] == '%' && text.data[i + 1] == '{') {
            return 1;
        }
    }
    return 0;
}

static void check_user(const entry_job_t *job, const certmap_word_t *w)
{
    const char *why = certmap_user_check(w->text);

    if (certmap_option_is(w->text, CERTMAP_OPTION_OF_ENTRY)) {
        certmap_sink_error(job->sink, w->place,
                           "USER forgotten? \"%s\" reads as an option; write KEY USER or KEY - deny", w->text.data);
    }
    else if (word_is(w, "deny")) {
        certmap_sink_error(job->sink, w->place, "USER forgotten? a deny entry reads KEY - deny");
    }
    else if (has_template(w->text)) {
        certmap_sink_error(job->sink, w->place, "the USER of an entry is taken unchanged; %%{...} is for rules");
    }
    else if (why != NULL) {
        certmap_sink_error(job->sink, w->place, "USER: %s", why);
    }
}

/* Reads USER, or "- deny". @return the index of the word after it */
static int read_user(const entry_job_t *job, int next)
{
    certmap_entry_t *entry = &job->line->entry;
    const certmap_word_t *w = &job->words[next];

    if (next >= job->nwords) {
        certmap_sink_error(job->sink, w[-1].place, "USER is missing; write KEY USER or KEY - deny");
        return next;
    }
    if (word_is(w, "-")) {
        entry->deny = 1;
        if (next + 1 < job->nwords && word_is(w + 1, "deny")) {
            return next + 2;
        }
        certmap_sink_error(job->sink, w->place, "\"-\" stands for no user; write KEY - deny");
        return next + 1;
    }
    if (!w->broken) {
        check_user(job, w);
        entry->effect.user = apr_pstrmemdup(job->pool, w->text.data, w->text.len);
    }
    return next + 1;
}

static void bad_word(const entry_job_t *job, const certmap_word_t *w)
{
    const char *equals = memchr(w->text.data, '=', w->text.len);
    apr_size_t len = equals != NULL ? (apr_size_t)(equals - w->text.data) : 0;
    const char *hint = equals == NULL ? NULL
                                      : certmap_option_suggest((certmap_str_t){ w->text.data, len },
                                                               CERTMAP_OPTION_OF_ENTRY, job->pool);

    if (hint != NULL) {
        certmap_sink_error(job->sink, w->place, "unknown option; did you mean %s?", hint);
    }
    else if (word_is(w, "deny") && !job->line->entry.deny) {
        certmap_sink_error(job->sink, w->place, "a deny entry has no USER; write KEY - deny");
    }
    else if (certmap_option_is(w->text, CERTMAP_OPTION_OF_RULE)) {
        certmap_sink_error(job->sink, w->place, "\"%s\" is for rules only; to disable an entry, begin its line with #",
                           w->text.data);
    }
    else if (word_is(w, "\\")) {
        certmap_sink_error(job->sink, w->place,
                           "a lone backslash; it continues a line only as its very last character");
    }
    else {
        certmap_sink_error(job->sink, w->place,
                           "\"%s\" is not an option; after USER write %s, and quote a value with blanks", w->text.data,
                           certmap_option_list(CERTMAP_OPTION_OF_ENTRY, job->pool));
    }
}

/* Makes an entry of words. What is wrong goes to the sink. */
static void parse_words(const entry_job_t *job, certmap_dn_cache_t *cache)
{
    certmap_line_t *line = job->line;
    certmap_key_reader_t keys = { job->sink, cache, job->pool };
    certmap_options_t options = { .seen = 0 };
    int next;

    memset(line, 0, sizeof(*line));
    line->place = job->words[0].place;
    line->words = job->words;
    line->nkey = next = certmap_key_read(&keys, job->words, job->nwords, &line->key);
    if (next == 0) {
        return; /* where the key ends is not known: what follows would only be guessed at */
    }
    for (next = read_user(job, next); next < job->nwords; next++) {
        const certmap_word_t *w = &job->words[next];

        if (w->broken) {
            continue;
        }
        if (certmap_option_is(w->text, CERTMAP_OPTION_OF_ENTRY)) {
            certmap_option_read(&options, CERTMAP_OPTION_OF_ENTRY, w, job->sink, job->pool);
        }
        else {
            bad_word(job, w);
        }
    }
    line->entry.effect.groups = options.groups;
    line->entry.effect.ngroups = options.ngroups;
    line->entry.effect.expires = options.expires;
    line->entry.effect.note = options.note;
    line->entry.key = certmap_key_kind_name(line->key.kind);
    line->entry.effect.strength = certmap_key_kind_strength(line->key.kind);
}

const char *certmap_line_key_text(const certmap_line_t *line, apr_pool_t *p)
{
    const char *text = certmap_lex_quote(line->words[0].text.data, p);
    int i;

    for (i = 1; i < line->nkey; i++) {
        text = apr_pstrcat(p, text, " ", certmap_lex_quote(line->words[i].text.data, p), NULL);
    }
    return text;
}

/* ---- usual lines --------------------------------------------------------------------------------------------- */

/* Classes of the bytes of a usual line. */
enum {
    BYTE_PLAIN,
    BYTE_BLANK,
    BYTE_QUOTE,
    BYTE_HIGH, /* begins a character of several bytes */
    BYTE_STOP  /* controls, backslash */
};

static const unsigned char byte_classes[256] = {
    [0 ... '\t' - 1] = BYTE_STOP, ['\t'] = BYTE_BLANK, ['\t' + 1 ... ' ' - 1] = BYTE_STOP,
    [' '] = BYTE_BLANK,           ['"'] = BYTE_QUOTE,  ['\''] = BYTE_QUOTE,
    ['\\'] = BYTE_STOP,           [0x7f] = BYTE_STOP,  [0x80 ... 0xff] = BYTE_HIGH,
};

static int byte_class(char c)
{
    return byte_classes[(unsigned char)c];
}

/* The bytes of a character as the lexer would take it, 0 when it would complain. */
static apr_size_t high_length(const char *s, apr_size_t left)
{
    apr_uint32_t cp = 0;
    int n = certmap_utf8_next((const unsigned char *)s, left, &cp);

    return n > 0 && certmap_char_is(cp) != CERTMAP_CHAR_CONTROL ? (apr_size_t)n : 0;
}

/* Copies what needs no thought: plain bytes, within quotes blanks and the other quote, too. @return where it ended */
static const char *usual_run(const char *s, const char *end, char quote, char **out)
{
    char *o = *out;
    int class;

    while (s < end
           && ((class = byte_class(*s)) == BYTE_PLAIN
               || (quote != '\0' && (class == BYTE_BLANK || (class == BYTE_QUOTE && *s != quote))))) {
        *o++ = *s++;
    }
    *out = o;
    return s;
}

/* Reads one word of a usual line; out has room for it. @return where it ended, NULL when the lexer must be asked */
static const char *usual_word(const char *s, const char *end, char **out)
{
    char quote = '\0';

    while ((s = usual_run(s, end, quote, out)) < end && byte_class(*s) != BYTE_BLANK) {
        apr_size_t n = 1;

        if (byte_class(*s) == BYTE_QUOTE) {
            quote = quote == '\0' ? *s : '\0';
        }
        else if (byte_class(*s) == BYTE_STOP || (n = high_length(s, (apr_size_t)(end - s))) == 0) {
            return NULL;
        }
        else {
            memcpy(*out, s, n);
            *out += n;
        }
        s += n;
    }
    *(*out)++ = '\0';
    return quote == '\0' ? s : NULL;
}

/* Splits a line into words. @return their number, -1 when the lexer must be asked */
static int usual_words(certmap_line_reader_t *reader, const char *line, const char *end)
{
    const char *s = line;
    char *out = reader->text;
    int n = 0;

    for (;;) {
        certmap_word_t *w = &reader->words[n];
        char *begin = out;

        while (s < end && (*s == ' ' || *s == '\t')) {
            s++;
        }
        if (s == end) {
            return n;
        }
        if (*s == '#' || n == WORDS_MAX) {
            return -1;
        }
        *w = (certmap_word_t){ .place = { reader->lexer.place.line, (int)(s - line) + 1 } };
        s = usual_word(s, end, &out);
        if (s == NULL) {
            return -1;
        }
        w->text = (certmap_str_t){ begin, (apr_size_t)(out - begin) - 1 };
        n++;
    }
}

/* Moves the lexer past a line that it did not have to read. */
static void skip_line(certmap_lexer_t *lexer, const char *next)
{
    lexer->pos = (apr_size_t)(next - lexer->text.data);
    lexer->place.line++;
    lexer->place.column = 1;
}

static void begin_trial(certmap_line_reader_t *reader)
{
    memset(&reader->trial, 0, sizeof(reader->trial));
    reader->trial.pool = reader->scratch;
    reader->trial.list = apr_array_make(reader->scratch, 0, sizeof(certmap_error_t));
}

/* Reads a usual line. @return 1 with an entry, 0 when there was none on it, -1 when the lexer must be asked */
static int usual_line(certmap_line_reader_t *reader, certmap_line_t *line)
{
    certmap_lexer_t *lexer = &reader->lexer;
    const char *s = lexer->text.data + lexer->pos;
    const char *end = memchr(s, '\n', lexer->text.len - lexer->pos);
    const char *next = end != NULL ? end + 1 : NULL;
    entry_job_t job = { reader->words, 0, &reader->trial, reader->scratch, line };

    if (end == NULL) {
        return -1;
    }
    end -= end > s && end[-1] == '\r';
    if ((apr_size_t)(end - s) + WORDS_MAX > reader->room || lexer->place.column != 1) {
        return -1;
    }
    job.nwords = usual_words(reader, s, end);
    if (job.nwords > 0) {
        if (reader->lines++ >= LINES_PER_CLEAR) {
            apr_pool_clear(reader->scratch);
            reader->lines = 0;
        }
        begin_trial(reader);
        parse_words(&job, reader->cache);
        if (reader->trial.list->nelts > 0) {
            return -1;
        }
    }
    if (job.nwords >= 0) {
        skip_line(lexer, next);
    }
    return job.nwords > 0 ? 1 : job.nwords;
}

/* ---- all lines ----------------------------------------------------------------------------------------------- */

apr_status_t certmap_line_next(certmap_line_reader_t *reader, certmap_line_t *line)
{
    entry_job_t job = { NULL, 0, reader->sink, reader->scratch, line };
    apr_array_header_t *words;

    for (;;) {
        int from = reader->sink->list->nelts;
        int errors = reader->sink->nerrors;
        int found = reader->fast && reader->lexer.pos < reader->lexer.text.len ? usual_line(reader, line) : -1;
        apr_status_t rv;

        if (found > 0) {
            return APR_SUCCESS;
        }
        if (found == 0) {
            continue;
        }
        apr_pool_clear(reader->scratch);
        reader->lines = 0;
        rv = certmap_lex_line(&reader->lexer, &words, reader->scratch);
        if (rv == APR_SUCCESS) {
            job.words = (const certmap_word_t *)words->elts;
            job.nwords = words->nelts;
            parse_words(&job, reader->cache);
            certmap_errors_sort(reader->sink->list, from);
        }
        if (rv != APR_SUCCESS || reader->sink->nerrors == errors) {
            return rv;
        }
    }
}

apr_status_t certmap_entry_key(certmap_str_t text, certmap_key_t *key, int *more, apr_array_header_t **errors,
                               apr_pool_t *p)
{
    certmap_sink_t sink = { .list = apr_array_make(p, 4, sizeof(certmap_error_t)), .pool = p };
    certmap_line_reader_t *reader = certmap_line_reader_create(text, &sink, 0, p);
    certmap_line_t line;

    *errors = sink.list;
    *more = 0;
    if (certmap_line_next(reader, &line) != APR_SUCCESS || sink.nerrors > 0) {
        return APR_EINVAL;
    }
    *key = line.key;
    *more = certmap_line_next(reader, &line) == APR_SUCCESS;
    return APR_SUCCESS;
}
