/* SPDX-License-Identifier: Apache-2.0 */
/* Errors and warnings on standard error, with their place, their line and a caret. */
#include "ctl.h"

#include <stdarg.h>
#include <string.h>

static const char bold[] = "\033[1m";
static const char red[] = "\033[1;31m";
static const char magenta[] = "\033[1;35m";
static const char plain[] = "\033[0m";

static const char *paint(const ctl_t *ctl, const char *color)
{
    return ctl->color_err ? color : "";
}

/* more: how many others it stands for. */
static void tell(ctl_t *ctl, const ctl_finding_t *f)
{
    const char *place = f->file
                            ? apr_psprintf(ctl->pool, "%s:%d:%d", ctl_printable(f->file, ctl->pool), f->line, f->column)
                            : "certmapctl";

    if (f->warning) {
        ctl->warnings += 1 + f->more;
    }
    else {
        ctl->errors += 1 + f->more;
    }
    if (ctl->findings) {
        APR_ARRAY_PUSH(ctl->findings, ctl_finding_t) = *f;
        return;
    }
    fprintf(stderr, "%s%s:%s %s%s:%s %s\n", paint(ctl, bold), place, paint(ctl, plain),
            paint(ctl, f->warning ? magenta : red), f->warning ? "warning" : "error", paint(ctl, plain),
            ctl_printable(f->text, ctl->pool));
}

int ctl_fail(ctl_t *ctl, const char *format, ...)
{
    va_list ap;

    va_start(ap, format);
    tell(ctl, &(ctl_finding_t){ .text = apr_pvsprintf(ctl->pool, format, ap) });
    va_end(ap);
    return CTL_ERROR;
}

void ctl_warn(ctl_t *ctl, const char *format, ...)
{
    va_list ap;

    va_start(ap, format);
    tell(ctl, &(ctl_finding_t){ .warning = 1, .text = apr_pvsprintf(ctl->pool, format, ap) });
    va_end(ap);
}

apr_uint32_t ctl_character(const char *text, int *n)
{
    apr_uint32_t c = CTL_NO_CHARACTER;

    *n = certmap_utf8_next((const unsigned char *)text, 4, &c);
    *n = *n > 0 ? *n : 1;
    return c;
}

const char *ctl_printable(const char *text, apr_pool_t *p)
{
    const char *at = text;
    char *out, *to;
    int n;

    while (*at && !certmap_char_hides(ctl_character(at, &n))) {
        at += n;
    }
    if (!*at) {
        return text;
    }
    to = out = apr_palloc(p, strlen(text) * 4 + 1);
    for (at = text; *at; at += n) {
        apr_uint32_t c = ctl_character(at, &n);

        if (!certmap_char_hides(c)) {
            memcpy(to, at, (size_t)n);
            to += n;
        }
        else if (c < 0x100 || c == CTL_NO_CHARACTER) {
            to += apr_snprintf(to, 5, "\\x%02x", c < 0x100 ? (unsigned)c : (unsigned char)*at);
        }
        else {
            to += apr_snprintf(to, 11, "\\u{%04x}", (unsigned)c);
        }
    }
    *to = '\0';
    return out;
}

const char *ctl_joined(const char *const *list, apr_size_t n, const char *between, apr_pool_t *p)
{
    apr_size_t len = 1, i;
    char *out, *to;

    for (i = 0; i < n; i++) {
        len += strlen(list[i]) + strlen(between);
    }
    to = out = apr_palloc(p, len);
    *to = '\0';
    for (i = 0; i < n; i++) {
        to = apr_cpystrn(to, i ? between : "", len - (apr_size_t)(to - out));
        to = apr_cpystrn(to, list[i], len - (apr_size_t)(to - out));
    }
    return out;
}

const char *ctl_why(ctl_t *ctl, apr_status_t rv)
{
    char *text = apr_palloc(ctl->pool, 200);

    return apr_strerror(rv, text, 200);
}

/* A line of a text that has been found: most errors come in the order of their lines, and there may be many. */
typedef struct cursor_t {
    int line;
    const char *at;
} cursor_t;

/* One line of a text and a caret below one of its bytes. */
static void show_line(ctl_t *ctl, certmap_str_t text, int line, int column, cursor_t *cursor)
{
    const char *at, *end = text.data + text.len, *stop;
    apr_size_t caret, first, i;
    int n;

    if (line < cursor->line) {
        *cursor = (cursor_t){ 1, text.data };
    }
    for (; cursor->line < line && cursor->at < end; cursor->line++) {
        const char *next = memchr(cursor->at, '\n', (apr_size_t)(end - cursor->at));

        cursor->at = next ? next + 1 : end;
    }
    at = cursor->at;
    if (line != cursor->line || at >= end) {
        return;
    }
    stop = memchr(at, '\n', (apr_size_t)(end - at));
    stop = stop ? stop : end;
    caret = column > 0 ? (apr_size_t)(column - 1) : 0;
    if (caret > (apr_size_t)(stop - at)) {
        return;
    }
    /* A long line is shown from where the caret is still in sight, never from the middle of a character. */
    first = caret > CTL_LINE_MOST / 2 ? caret - CTL_LINE_MOST / 2 : 0;
    for (i = 0; i < 3 && first > 0 && ((unsigned char)at[first] & 0xc0) == 0x80; i++) {
        first--;
    }
    fputs("  ", stderr);
    for (i = first; at + i < stop && i < first + CTL_LINE_MOST; i += (apr_size_t)n) {
        /* What is not shown as it is takes one column, so that the caret is where it should be. */
        if (certmap_char_hides(ctl_character(at + i, &n))) {
            fputc(at[i] == '\t' ? ' ' : '?', stderr);
        }
        else {
            fwrite(at + i, 1, (size_t)n, stderr);
        }
    }
    fputs("\n  ", stderr);
    for (i = first; i < caret; i += (apr_size_t)n) {
        ctl_character(at + i, &n);
        fputc(' ', stderr);
    }
    fprintf(stderr, "%s^%s\n", paint(ctl, red), paint(ctl, plain));
}

int ctl_report(ctl_t *ctl, const apr_array_header_t *errors, const char *file, certmap_str_t text)
{
    cursor_t cursor = { 1, text.data };
    int i, status = CTL_OK;

    for (i = 0; errors && i < errors->nelts; i++) {
        const certmap_error_t *error = &APR_ARRAY_IDX(errors, i, certmap_error_t);
        const char *name = error->file ? error->file : file ? file : "certmapctl";

        tell(ctl, &(ctl_finding_t){ error->warning, name, error->line, error->column, error->text, error->more });
        if (!ctl->findings && text.data && (!error->file || !file || strcmp(error->file, file) == 0)) {
            show_line(ctl, text, error->line, error->column, &cursor);
        }
        if (!error->warning) {
            status = CTL_ERROR;
        }
        else if (status == CTL_OK) {
            status = CTL_FINDINGS;
        }
    }
    return status;
}
