/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where errors and warnings go, each with its place. A sink keeps so many of one text and counts the others.
 */
#include <stdarg.h>
#include <string.h>

#include <apr_strings.h>

#include "base/internal.h"
#include "base/limits.h"

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

void certmap_errors_sort(apr_array_header_t *list, int from)
{
    certmap_error_t *e = (certmap_error_t *)list->elts;
    int i;
    int j;

    for (i = from + 1; i < list->nelts; i++) {
        certmap_error_t moved = e[i];

        for (j = i; j > from
                    && (e[j - 1].line > moved.line || (e[j - 1].line == moved.line && e[j - 1].column > moved.column));
             j--) {
            e[j] = e[j - 1];
        }
        e[j] = moved;
    }
}

apr_array_header_t *certmap_errors_copy(const apr_array_header_t *errors, apr_pool_t *p)
{
    apr_array_header_t *copy = apr_array_copy(p, errors);
    int i;

    for (i = 0; i < copy->nelts; i++) {
        certmap_error_t *e = &APR_ARRAY_IDX(copy, i, certmap_error_t);

        e->file = e->file != NULL ? apr_pstrdup(p, e->file) : NULL;
        e->text = apr_pstrdup(p, e->text);
    }
    return copy;
}
