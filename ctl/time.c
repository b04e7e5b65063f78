/* SPDX-License-Identifier: Apache-2.0 */
/* Times as they are given and printed: UTC, as ISO 8601 has them. */
#include "ctl.h"

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

int ctl_time_read(const char *text, apr_time_t *at)
{
    static const char separators[] = "--T::Z";
    static const int digits[] = { 4, 2, 2, 2, 2, 2 };
    apr_time_exp_t t = { 0 };
    int part[6] = { 0 };
    int i;

    for (i = 0; i < 6; i++) {
        part[i] = number(text, &text, digits[i]);
        if (part[i] < 0) {
            return 0;
        }
        if (i == 2 && *text == '\0') {
            break;
        }
        if (*text++ != separators[i]) {
            return 0;
        }
    }
    if (*text != '\0' || part[0] < 1950 || part[1] < 1 || part[1] > 12 || part[2] < 1
        || part[2] > days_of(part[0], part[1]) || part[3] > 23 || part[4] > 59 || part[5] > 59) {
        return 0;
    }
    t.tm_year = part[0] - 1900;
    t.tm_mon = part[1] - 1;
    t.tm_mday = part[2];
    t.tm_hour = part[3];
    t.tm_min = part[4];
    t.tm_sec = part[5];
    return apr_time_exp_gmt_get(at, &t) == APR_SUCCESS;
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
