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

static int days_of(int year, int month)
{
    static const int days[] = { 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 };

    return month == 2 && year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) ? 29 : days[month - 1];
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
    apr_time_exp_t t = { 0 };
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
    if (offset == NOT_A_ZONE || part[0] < 1950 || part[1] < 1 || part[1] > 12 || part[2] < 1
        || part[2] > days_of(part[0], part[1]) || part[3] > 23 || part[4] > 59 || part[5] > 59) {
        return 0;
    }
    t.tm_year = part[0] - 1900;
    t.tm_mon = part[1] - 1;
    t.tm_mday = part[2];
    t.tm_hour = part[3];
    t.tm_min = part[4];
    t.tm_sec = part[5];
    if (apr_time_exp_gmt_get(at, &t) != APR_SUCCESS) {
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
    if (n < 0 || n > 1000000000 || !unit || end[1] != '\0') {
        return 0;
    }
    *at = apr_time_now() + (*text == '-' ? -1 : 1) * apr_time_from_sec(n * seconds[unit - units]);
    return 1;
}

const char *ctl_time_text(apr_time_t t, apr_pool_t *p)
{
    char *text = apr_palloc(p, 32);
    apr_time_exp_t tm;
    apr_size_t len = 0;

    return apr_time_exp_gmt(&tm, t) == APR_SUCCESS
                   && apr_strftime(text, &len, 32, "%Y-%m-%dT%H:%M:%SZ", &tm) == APR_SUCCESS
               ? text
               : NULL;
}
