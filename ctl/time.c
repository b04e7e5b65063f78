/* SPDX-License-Identifier: Apache-2.0 */
/* Times as they are given and printed: UTC, as ISO 8601 has them. */
#include "ctl.h"

#include <string.h>

#define NOT_A_ZONE 0x7fffffff

static int number(const char *text, const char **end, int digits)
{
    int n = 0;

    for (; digits > 0; digits--, text++) {
        if (*text < '0' || *text > '9') {
            return -1;
        }
        n = n * 10 + *text - '0';
    }
    *end = text;
    return n;
}

/* "Z", "+01:00" or "-0730". @return seconds east of Greenwich, or NOT_A_ZONE */
static int zone(const char *text)
{
    int sign = *text == '-' ? -1 : 1, hours, minutes;

    if (strcmp(text, "Z") == 0) {
        return 0;
    }
    if (*text != '+' && *text != '-') {
        return NOT_A_ZONE;
    }
    hours = number(text + 1, &text, 2);
    if (hours < 0 || hours > 23) {
        return NOT_A_ZONE;
    }
    minutes = number(text + (*text == ':'), &text, 2);
    return minutes < 0 || minutes > 59 || *text != '\0' ? NOT_A_ZONE : sign * (hours * 3600 + minutes * 60);
}

static int read_date(const char *text, apr_time_t *at)
{
    static const char separators[] = "--T::";
    static const int digits[] = { 4, 2, 2, 2, 2, 2 };
    certmap_calendar_t date;
    int part[6] = { 0 };
    int i, offset = 0;

    for (i = 0; i < 6; i++) {
        part[i] = number(text, &text, digits[i]);
        if (part[i] < 0) {
            return 0;
        }
        if (i == 2 && *text == '\0') {
            break;
        }
        if (i < 5 && *text++ != separators[i]) {
            return 0;
        }
    }
    if (i == 6) {
        offset = zone(text);
    }
    date = (certmap_calendar_t){ part[0], part[1], part[2], part[3], part[4], part[5] };
    if (offset == NOT_A_ZONE || date.year < 1950 || !certmap_calendar_time(&date, at)) {
        return 0;
    }
    *at -= apr_time_from_sec(offset);
    return 1;
}

/* Digits that fit; -1: something else. */
static apr_int64_t digits_of(const char *text, const char **end)
{
    size_t n = strspn(text, "0123456789");

    *end = text + n;
    return n > 0 && n < 12 ? apr_atoi64(text) : -1;
}

int ctl_time_read(const char *text, apr_time_t *at)
{
    static const char units[] = "smhd";
    static const int seconds[] = { 1, 60, 3600, 86400 };
    const char *end, *unit;
    apr_int64_t n;

    if (*text == '@') {
        n = digits_of(text + 1, &end);
        *at = apr_time_from_sec(n);
        return n >= 0 && *end == '\0';
    }
    if (*text != '+' && *text != '-') {
        return read_date(text, at);
    }
    n = digits_of(text + 1, &end);
    unit = *end ? strchr(units, *end) : NULL;
    if (n < 0 || !unit || n > CTL_SECONDS_MOST / seconds[unit - units] || end[1] != '\0') {
        return 0;
    }
    *at = apr_time_now() + (*text == '-' ? -1 : 1) * apr_time_from_sec(n * seconds[unit - units]);
    return 1;
}

const char *ctl_time_text(apr_time_t t, apr_pool_t *p)
{
    return certmap_time_text(t, CERTMAP_TIME_ISO, p);
}
