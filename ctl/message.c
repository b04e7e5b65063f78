/* SPDX-License-Identifier: Apache-2.0 */
/* Errors and warnings on standard error, with their place, their line and a caret. */
#include "ctl.h"

#include <stdarg.h>
#include <string.h>

/* More of a line than this helps nobody. */
#define LINE_MAX_SHOWN 160

static const char bold[] = "\033[1m";
static const char red[] = "\033[1;31m";
static const char magenta[] = "\033[1;35m";
static const char plain[] = "\033[0m";

static const char *paint(const ctl_t *ctl, const char *color)
{
    return ctl->color_err ? color : "";
}

static void tell(ctl_t *ctl, const char *place, int warning, const char *text)
{
    fprintf(stderr, "%s%s:%s %s%s:%s %s\n", paint(ctl, bold), place, paint(ctl, plain),
            paint(ctl, warning ? magenta : red), warning ? "warning" : "error", paint(ctl, plain),
            ctl_printable(text, ctl->pool));
    if (warning) {
        ctl->warnings++;
    }
    else {
        ctl->errors++;
    }
}

int ctl_fail(ctl_t *ctl, const char *format, ...)
{
    va_list ap;

    va_start(ap, format);
    tell(ctl, "certmapctl", 0, apr_pvsprintf(ctl->pool, format, ap));
    va_end(ap);
    return CTL_ERROR;
}

void ctl_warn(ctl_t *ctl, const char *format, ...)
{
    va_list ap;

    va_start(ap, format);
    tell(ctl, "certmapctl", 1, apr_pvsprintf(ctl->pool, format, ap));
    va_end(ap);
}

const char *ctl_printable(const char *text, apr_pool_t *p)
{
    static const char hex[] = "0123456789abcdef";
    const unsigned char *at;
    char *out, *to;

    /* C1 controls are two bytes in UTF-8, C2 80 to C2 9F. */
    at = (const unsigned char *)text;
    while (*at >= 0x20 && *at != 0x7f && !(*at == 0xc2 && at[1] >= 0x80 && at[1] < 0xa0)) {
        at++;
    }
    if (!*at) {
        return text;
    }
    to = out = apr_palloc(p, strlen(text) * 4 + 1);
    for (at = (const unsigned char *)text; *at; at++) {
        int c1 = *at == 0xc2 && at[1] >= 0x80 && at[1] < 0xa0;

        if (c1) {
            at++;
        }
        if (c1 || *at < 0x20 || *at == 0x7f) {
            *to++ = '\\';
            *to++ = 'x';
            *to++ = hex[*at >> 4];
            *to++ = hex[*at & 15];
        }
        else {
            *to++ = (char)*at;
        }
    }
    *to = '\0';
    return out;
}

/* One line of a text and a caret below one of its bytes. */
static void show_line(ctl_t *ctl, certmap_str_t text, int line, int column)
{
    const char *at = text.data, *end = text.data + text.len, *stop;
    apr_size_t caret, first, i;

    for (; line > 1 && at < end; line--) {
        const char *next = memchr(at, '\n', (apr_size_t)(end - at));

        at = next ? next + 1 : end;
    }
    if (line != 1 || at >= end) {
        return;
    }
    stop = memchr(at, '\n', (apr_size_t)(end - at));
    stop = stop ? stop : end;
    caret = column > 0 ? (apr_size_t)(column - 1) : 0;
    if (caret > (apr_size_t)(stop - at)) {
        return;
    }
    /* A long line is shown from where the caret is still in sight, never from the middle of a character. */
    first = caret > LINE_MAX_SHOWN / 2 ? caret - LINE_MAX_SHOWN / 2 : 0;
    while (first > 0 && ((unsigned char)at[first] & 0xc0) == 0x80) {
        first--;
    }
    fputs("  ", stderr);
    for (i = first; at + i < stop && i < first + LINE_MAX_SHOWN; i++) {
        unsigned char c = (unsigned char)at[i];

        /* Each byte that is not shown as it is takes one column, so that the caret stands where it should. */
        fputc(c == '\t' ? ' ' : c < 0x20 || c == 0x7f || (c == 0xc2 && (unsigned char)at[i + 1] < 0xa0) ? '?' : c,
              stderr);
    }
    fputs("\n  ", stderr);
    for (i = first; i < caret; i++) {
        if (((unsigned char)at[i] & 0xc0) != 0x80) {
            fputc(' ', stderr);
        }
    }
    fprintf(stderr, "%s^%s\n", paint(ctl, red), paint(ctl, plain));
}

int ctl_report(ctl_t *ctl, const apr_array_header_t *errors, const char *file, certmap_str_t text)
{
    int i, status = CTL_OK;

    for (i = 0; errors && i < errors->nelts; i++) {
        const certmap_error_t *error = &APR_ARRAY_IDX(errors, i, certmap_error_t);
        const char *name = error->file ? error->file : file ? file : "certmapctl";

        tell(ctl, apr_psprintf(ctl->pool, "%s:%d:%d", ctl_printable(name, ctl->pool), error->line, error->column),
             error->warning, error->text);
        if (text.data && (!error->file || !file || strcmp(error->file, file) == 0)) {
            show_line(ctl, text, error->line, error->column);
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
