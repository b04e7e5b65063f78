/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The calendar: each day of the years 1 to 9999, against a count from day to day; days that do not exist; texts.
 */
#include <time.h>

#include "fixture.h"
#include "certmap.h"

#define DAY apr_time_from_sec(86400)

static int same(const certmap_calendar_t *a, const certmap_calendar_t *b)
{
    return a->year == b->year && a->month == b->month && a->day == b->day && a->hour == b->hour
           && a->minute == b->minute && a->second == b->second;
}

/* The last day of a month is the one after which there is none. */
static int next_day(certmap_calendar_t *date)
{
    apr_time_t t;

    date->day++;
    if (certmap_calendar_time(date, &t)) {
        return 1;
    }
    date->day = 1;
    date->month++;
    if (certmap_calendar_time(date, &t)) {
        return 1;
    }
    date->month = 1;
    date->year++;
    return certmap_calendar_time(date, &t);
}

static void test_each_day(void)
{
    certmap_calendar_t date = { 1, 1, 1, 0, 0, 0 };
    apr_time_t first;
    apr_time_t t;
    int days = 0;
    int wrong = 0;

    ok(certmap_calendar_time(&date, &first), "0001-01-01");
    do {
        certmap_calendar_t begins;
        certmap_calendar_t ends;

        certmap_calendar_time(&date, &t);
        begins = certmap_calendar(t);
        ends = certmap_calendar(t + DAY - 1);
        wrong += t != first + days * DAY || !same(&begins, &date) || ends.day != date.day || ends.hour != 23
                 || ends.minute != 59 || ends.second != 59;
        days++;
    } while (next_day(&date));
    is_int(days, 3652059, "days up to 9999-12-31");
    is_int(wrong, 0, "each is one day after the one before, and is read back");
}

/* Against the C library. */
static void test_library(void)
{
    int wrong = 0;
    time_t s;

    for (s = -5000000000; s < 200000000000; s += 86400 * 97 + 12345) {
        certmap_calendar_t date = certmap_calendar(apr_time_from_sec((apr_time_t)s) + 999999);
        struct tm tm;

        gmtime_r(&s, &tm);
        wrong += date.year != tm.tm_year + 1900 || date.month != tm.tm_mon + 1 || date.day != tm.tm_mday
                 || date.hour != tm.tm_hour || date.minute != tm.tm_min || date.second != tm.tm_sec;
    }
    is_int(wrong, 0, "the C library has the same dates");
}

static void test_none(void)
{
    static const certmap_calendar_t none[] = {
        { 0, 1, 1, 0, 0, 0 },     { 10000, 1, 1, 0, 0, 0 }, { 2026, 0, 1, 0, 0, 0 },  { 2026, 13, 1, 0, 0, 0 },
        { 2026, 1, 0, 0, 0, 0 },  { 2026, 1, 32, 0, 0, 0 }, { 2026, 4, 31, 0, 0, 0 }, { 2026, 2, 29, 0, 0, 0 },
        { 2100, 2, 29, 0, 0, 0 }, { 2000, 2, 30, 0, 0, 0 }, { 2026, 1, 1, 24, 0, 0 }, { 2026, 1, 1, 0, 60, 0 },
        { 2026, 1, 1, 0, 0, 60 }, { 2026, 1, 1, -1, 0, 0 }, { 2026, 1, 1, 0, -1, 0 }, { 2026, 1, 1, 0, 0, -1 },
        { -1, 1, 1, 0, 0, 0 },    { 2026, -1, 1, 0, 0, 0 }, { 2026, 1, -1, 0, 0, 0 },
    };
    static const certmap_calendar_t leap = { 2000, 2, 29, 23, 59, 59 };
    apr_time_t t = 0;
    apr_size_t i;

    for (i = 0; i < sizeof(none) / sizeof(none[0]); i++) {
        ok(!certmap_calendar_time(&none[i], &t), "no such day or time: %d", (int)i);
    }
    ok(certmap_calendar_time(&leap, &t) && t == apr_time_from_sec(951868799), "2000-02-29 is a day");
}

static void test_text(void)
{
    apr_time_t t = apr_time_from_sec(APR_INT64_C(4102444799)); /* after time_t of 32 bits */

    is_str(certmap_time_text(t, CERTMAP_TIME_DAY, pool), "2099-12-31", "a day");
    is_str(certmap_time_text(t, CERTMAP_TIME_ISO, pool), "2099-12-31T23:59:59Z", "for programs");
    is_str(certmap_time_text(t, CERTMAP_TIME_PEOPLE, pool), "2099-12-31 23:59:59 UTC", "for people");
    is_str(certmap_time_text(-1, CERTMAP_TIME_PEOPLE, pool), "1969-12-31 23:59:59 UTC", "before the epoch");
    is_str(certmap_time_text(0, CERTMAP_TIME_DAY, pool), "1970-01-01", "the epoch");
}

int main(void)
{
    plan(0);
    fixture_start();
    test_each_day();
    test_library();
    test_none();
    test_text();
    return fixture_done();
}
