/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The Gregorian calendar, in UTC. Certificates have dates up to year 9999, and the functions of the system use time_t,
 * which ends in 2038 where it has 32 bits.
 */
#include <apr_strings.h>

#include "base/base.h"

#define DAY 86400
#define EPOCH 719162          /* days from 0001-01-01 to 1970-01-01 */
#define FOUR_CENTURIES 146097 /* days; after these the calendar repeats */

static int is_leap(apr_int64_t year)
{
    return (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
}

static int days_in(apr_int64_t year, int month)
{
    static const int days[] = { 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 };

    return days[month - 1] + (month == 2 && is_leap(year));
}

/* Days from 0001-01-01 to the first day of a year. */
static apr_int64_t days_before(apr_int64_t year)
{
    apr_int64_t past = year - 1;

    return past * 365 + past / 4 - past / 100 + past / 400;
}

int certmap_calendar_time(const certmap_calendar_t *date, apr_time_t *t)
{
    apr_int64_t days;
    int month;

    if (date->year < 1 || date->year > 9999 || date->month < 1 || date->month > 12 || date->day < 1
        || date->day > days_in(date->year, date->month) || date->hour < 0 || date->hour > 23 || date->minute < 0
        || date->minute > 59 || date->second < 0 || date->second > 59) {
        return 0;
    }
    days = days_before(date->year) - EPOCH + date->day - 1;
    for (month = 1; month < date->month; month++) {
        days += days_in(date->year, month);
    }
    *t = apr_time_from_sec(days * DAY + date->hour * 3600 + date->minute * 60 + date->second);
    return 1;
}

/* Rounds down before the epoch, too. */
static apr_int64_t divided(apr_int64_t n, apr_int64_t by, apr_int64_t *rest)
{
    apr_int64_t whole = n / by - (n % by < 0);

    *rest = n - whole * by;
    return whole;
}

certmap_calendar_t certmap_calendar(apr_time_t t)
{
    certmap_calendar_t date;
    apr_int64_t rest;
    apr_int64_t seconds = divided(t, APR_USEC_PER_SEC, &rest);
    apr_int64_t days = divided(seconds, DAY, &rest) + EPOCH;
    apr_int64_t year;

    date.hour = (int)(rest / 3600);
    date.minute = (int)(rest % 3600 / 60);
    date.second = (int)(rest % 60);
    year = 400 * divided(days, FOUR_CENTURIES, &rest) + 1;
    date.year = (int)(year + rest / 366); /* this year, or one of the next: most years have a day less */
    while (date.year < year + 399 && days_before(date.year + 1 - year + 1) <= rest) {
        date.year++;
    }
    rest -= days_before(date.year - year + 1);
    for (date.month = 1; rest >= days_in(date.year, date.month); date.month++) {
        rest -= days_in(date.year, date.month);
    }
    date.day = (int)rest + 1;
    return date;
}

const char *certmap_time_text(apr_time_t t, certmap_time_form_e form, apr_pool_t *p)
{
    static const char *const forms[] = {
        [CERTMAP_TIME_DAY] = "%04d-%02d-%02d",
        [CERTMAP_TIME_ISO] = "%04d-%02d-%02dT%02d:%02d:%02dZ",
        [CERTMAP_TIME_PEOPLE] = "%04d-%02d-%02d %02d:%02d:%02d UTC",
    };
    certmap_calendar_t date = certmap_calendar(t);

    return apr_psprintf(p, forms[form], date.year, date.month, date.day, date.hour, date.minute, date.second);
}
