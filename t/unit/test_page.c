/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file t/unit/test_page.c
 * @brief The built-in answer: which kind of page, every reason in every kind, and what hostile text turns into.
 *
 * "test_page --render html|json|text REASON" prints one page instead, for t/guard/page.t, which reads pages with real
 * parsers, and for people who want to look at one. A second argument "hostile" puts hostile text in every place.
 */
#include <apr_general.h>
#include <apr_strings.h>
#include <stdlib.h>

#include "page.h"
#include "tap.h"
#include "certmap.h"

#define INCIDENT "3f9a1c2e5b7d"
#define DAY apr_time_from_sec(86400)
/* 2026-11-22T15:00:00Z */
#define NOW apr_time_from_sec(1795359600)

static const char *const type_names[] = { "html", "json", "text" };

static certmap_page_t ordinary(certmap_reason_e reason)
{
    certmap_page_t page = {
        .reason = reason,
        .incident = INCIDENT,
        .admin = "help@example.com",
        .subject = "CN=Ann Example,O=Example Ltd",
        .issuer = "CN=Example CA,O=Example Ltd",
        .serial = "0A1B2C",
        .now = NOW,
    };

    page.not_before = NOW - 400 * DAY;
    page.not_after = NOW + 30 * DAY;
    if (reason == CERTMAP_R_EXPIRED) {
        page.not_after = NOW - 3 * DAY;
    }
    else if (reason == CERTMAP_R_NOT_YET_VALID) {
        page.not_before = NOW + DAY / 12;
    }
    else if (reason == CERTMAP_R_SSL_REQUIRED || reason == CERTMAP_R_CERTIFICATE_MISSING
             || reason == CERTMAP_R_CERTIFICATE_NOT_REQUESTABLE) {
        page.subject = page.issuer = page.serial = NULL;
    }
    return page;
}

static const char *const hostile_text =
    "CN=<script>alert(1)</script>&\"'\\\"\n\r\x1b[31m\x7f\xc2\x85" /* markup, quotes, controls of C0 and C1 */
    "\xe2\x80\xae"
    "nimda"
    "\xe2\x81\xa6\xe2\x80\x8b\xef\xbb\xbf\xe2\x80\xa8" /* overrides, zero width, line end */
    "\xff\xc0\xaf\xed\xa0\x80\xf5\x80\x80\x80\xe2\x82" /* no UTF-8: lone, overlong, surrogate, cut */
    " \xc3\xa9\xe2\x82\xac\xf0\x9f\x99\x82";           /* sound UTF-8 of 2, 3 and 4 bytes */

static certmap_page_t hostile(certmap_reason_e reason)
{
    certmap_page_t page = ordinary(reason);

    page.subject = page.issuer = page.serial = page.incident = hostile_text;
    page.admin = "\"><img src=x onerror=alert(1)>@example.com";
    return page;
}

/* ---- helpers ----------------------------------------------------------------------------------------------------- */

/** Strict UTF-8, without controls other than the newlines that a page is laid out with. Written apart from page.c's. */
static int clean_utf8(certmap_str_t s)
{
    apr_size_t i = 0;

    while (i < s.len) {
        unsigned char b = (unsigned char)s.data[i];
        apr_size_t more = b < 0x80 ? 0 : (b & 0xe0) == 0xc0 ? 1 : (b & 0xf0) == 0xe0 ? 2 : (b & 0xf8) == 0xf0 ? 3 : 9;

        if (more == 9 || i + more >= s.len + (more == 0) || b == 0xc0 || b == 0xc1 || b > 0xf4) {
            return 0;
        }
        if ((b < 0x20 && b != '\n') || b == 0x7f || (b == 0xc2 && (unsigned char)s.data[i + 1] < 0xa0)) {
            return 0;
        }
        for (i++; more > 0; more--, i++) {
            if (((unsigned char)s.data[i] & 0xc0) != 0x80) {
                return 0;
            }
        }
    }
    return 1;
}

static int count(const char *haystack, const char *needle)
{
    int n = 0;

    while ((haystack = strstr(haystack, needle)) != NULL) {
        n++;
        haystack += strlen(needle);
    }
    return n;
}

static int has(certmap_str_t body, const char *needle)
{
    return strstr(body.data, needle) != NULL;
}

/* ---- which kind of page ------------------------------------------------------------------------------------------ */

static void test_negotiate(void)
{
    static const struct {
        const char *accept;
        certmap_page_type_e type;
    } table[] = {
        /* what clients send: none, curl, Firefox, Chrome, jQuery, axios, lynx, fetch of an image */
        { NULL, CERTMAP_PAGE_TEXT },
        { "", CERTMAP_PAGE_TEXT },
        { "*/*", CERTMAP_PAGE_TEXT },
        { "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8", CERTMAP_PAGE_HTML },
        { "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,image/apng,*/*;q=0.8,"
          "application/signed-exchange;v=b3;q=0.7",
          CERTMAP_PAGE_HTML },
        { "application/json, text/javascript, */*; q=0.01", CERTMAP_PAGE_PROBLEM_JSON },
        { "application/json, text/plain, */*", CERTMAP_PAGE_PROBLEM_JSON },
        { "text/html, text/plain, text/sgml, text/css, */*;q=0.01", CERTMAP_PAGE_HTML },
        { "image/avif,image/webp,*/*;q=0.8", CERTMAP_PAGE_TEXT },
        /* names, wildcards, case */
        { "text/html", CERTMAP_PAGE_HTML },
        { "TEXT/HTML", CERTMAP_PAGE_HTML },
        { "application/xhtml+xml", CERTMAP_PAGE_HTML },
        { "application/problem+json", CERTMAP_PAGE_PROBLEM_JSON },
        { "application/json", CERTMAP_PAGE_PROBLEM_JSON },
        { "application/*", CERTMAP_PAGE_PROBLEM_JSON },
        { "text/plain", CERTMAP_PAGE_TEXT },
        { "text/*", CERTMAP_PAGE_HTML },
        { "image/png", CERTMAP_PAGE_TEXT },
        /* weights */
        { "text/html;q=0.5, application/json", CERTMAP_PAGE_PROBLEM_JSON },
        { "text/html;q=0.5,application/json;q=0.499", CERTMAP_PAGE_HTML },
        { "text/html ; Q=0.2 , text/plain ; q=0.3", CERTMAP_PAGE_TEXT },
        { "text/html;q=0, application/json;q=0.1", CERTMAP_PAGE_PROBLEM_JSON },
        { "text/html;q=0", CERTMAP_PAGE_TEXT },
        { "text/*;q=0.9, text/html;q=0.1, text/plain;q=0.2", CERTMAP_PAGE_TEXT },
        { "text/*, text/html;q=0.1", CERTMAP_PAGE_TEXT },
        { "application/*;q=0.9, application/problem+json;q=0, application/json", CERTMAP_PAGE_TEXT },
        { "text/html;q=0.1, */*", CERTMAP_PAGE_TEXT },
        { "application/json;q=0.001, text/html;q=0.000", CERTMAP_PAGE_PROBLEM_JSON },
        /* equals: named over wildcard, then HTML, JSON, text */
        { "text/plain, text/html, application/json", CERTMAP_PAGE_HTML },
        { "text/plain, application/json", CERTMAP_PAGE_PROBLEM_JSON },
        { "text/*, application/json", CERTMAP_PAGE_PROBLEM_JSON },
        /* a malformed weight: the range says nothing */
        { "text/html;q=2", CERTMAP_PAGE_TEXT },
        { "text/html;q=1.001", CERTMAP_PAGE_TEXT },
        { "text/html;q=0.1234", CERTMAP_PAGE_TEXT },
        { "text/html;q=-1, application/json;q=0.1", CERTMAP_PAGE_PROBLEM_JSON },
        { "text/html;q=, application/json;q=0.1", CERTMAP_PAGE_PROBLEM_JSON },
        { "text/html;q=.5, application/json;q=0.1", CERTMAP_PAGE_PROBLEM_JSON },
        /* parameters, quotes, stray separators */
        { "text/html;level=1;q=0.3, application/json;q=0.2", CERTMAP_PAGE_HTML },
        { "text/html;a=\"x,application/json;q=1\\\"\";q=0.3, text/plain;q=0.4", CERTMAP_PAGE_TEXT },
        { "text/html;a=\"never closed", CERTMAP_PAGE_HTML },
        { ",, ;, application/json ,,", CERTMAP_PAGE_PROBLEM_JSON },
        { "text/html;;;q=0.1;, application/json;q=0.05", CERTMAP_PAGE_HTML },
        { "xtext/html, text/htmlx", CERTMAP_PAGE_TEXT },
    };
    apr_size_t i;

    for (i = 0; i < sizeof table / sizeof table[0]; i++) {
        certmap_page_type_e got = certmap_page_negotiate(table[i].accept);

        ok(got == table[i].type, "Accept %s: %s (got %s)", table[i].accept ? table[i].accept : "absent",
           type_names[table[i].type], type_names[got]);
    }
    is_str(certmap_page_content_type(CERTMAP_PAGE_HTML), "text/html; charset=utf-8", "type of HTML");
    is_str(certmap_page_content_type(CERTMAP_PAGE_PROBLEM_JSON), "application/problem+json", "type of JSON");
    is_str(certmap_page_content_type(CERTMAP_PAGE_TEXT), "text/plain; charset=utf-8", "type of text");
}

/* ---- every reason in every kind ---------------------------------------------------------------------------------- */

static void test_reason(certmap_reason_e reason, certmap_page_type_e type, apr_pool_t *p)
{
    certmap_page_t page = ordinary(reason);
    certmap_str_t body = certmap_page_body(&page, type, p);
    const char *what = apr_pstrcat(p, certmap_reason_name(reason), " as ", type_names[type], NULL);

    ok(body.len == strlen(body.data) && clean_utf8(body), "%s: sound text", what);
    ok(has(body, certmap_reason_status(reason)) && has(body, certmap_reason_name(reason)), "%s: status, reason", what);
    ok(has(body, "ask ") && has(body, "help@example.com") && has(body, INCIDENT), "%s: whom to ask, what to quote",
       what);
    if (page.subject) {
        ok(has(body, page.subject) && has(body, page.issuer) && has(body, page.serial)
               && (has(body, "2025-10-18 15:00:00 UTC") || has(body, "2025-10-18T15:00:00Z")
                   || reason == CERTMAP_R_NOT_YET_VALID),
           "%s: the certificate", what);
    }
    else {
        ok(!has(body, "Issuer") && !has(body, "\"issuer\"") && !has(body, "1970"), "%s: speaks of no certificate",
           what);
    }
    ok(!has(body, "Apache") && !has(body, "(null)"), "%s: nothing of the server", what);
}

static void test_reasons(apr_pool_t *p)
{
    const char *titles[CERTMAP_R_COUNT];
    int reason, other, type;

    for (reason = CERTMAP_R_NONE + 1; reason < CERTMAP_R_COUNT; reason++) {
        certmap_page_t page = ordinary((certmap_reason_e)reason);
        certmap_str_t body = certmap_page_body(&page, CERTMAP_PAGE_TEXT, p);

        for (type = CERTMAP_PAGE_HTML; type <= CERTMAP_PAGE_TEXT; type++) {
            test_reason((certmap_reason_e)reason, (certmap_page_type_e)type, p);
        }
        titles[reason] = apr_pstrmemdup(p, body.data, strcspn(body.data, "\n"));
        for (other = CERTMAP_R_NONE + 1; other < reason && strcmp(titles[other], titles[reason]) != 0; other++)
            ;
        ok(other == reason && strchr(titles[reason], ' '), "\"%s\" is a title of its own", titles[reason]);
    }
}

static void test_blame(apr_pool_t *p)
{
    certmap_page_t page = ordinary(CERTMAP_R_REVOCATION_UNKNOWN);

    ok(has(certmap_page_body(&page, CERTMAP_PAGE_TEXT, p), "server's problem"), "revocation-unknown blames the server");
    page = ordinary(CERTMAP_R_SOURCE_UNAVAILABLE);
    ok(has(certmap_page_body(&page, CERTMAP_PAGE_TEXT, p), "server's problem"), "source-unavailable blames the server");
    ok(has(certmap_page_body(&page, CERTMAP_PAGE_PROBLEM_JSON, p), "\"status\": 503")
           && !has(certmap_page_body(&page, CERTMAP_PAGE_PROBLEM_JSON, p), "substatus"),
       "503 has no substatus");
    page = ordinary(CERTMAP_R_NONE);
    ok(has(certmap_page_body(&page, CERTMAP_PAGE_TEXT, p), "403 You cannot open this page"),
       "without a reason the page still refuses");
    page = ordinary(CERTMAP_R_EXPIRED);
    ok(has(certmap_page_body(&page, CERTMAP_PAGE_TEXT, p), "Renew your certificate"), "expired: renew");
    ok(has(certmap_page_body(&page, CERTMAP_PAGE_PROBLEM_JSON, p), "\"substatus\": 17")
           && has(certmap_page_body(&page, CERTMAP_PAGE_PROBLEM_JSON, p), "urn:certmap:incident:" INCIDENT),
       "problem+json: substatus, instance");
}

/* ---- dates ------------------------------------------------------------------------------------------------------- */

static void test_dates(apr_pool_t *p)
{
    static const struct {
        apr_int64_t seconds;
        const char *words;
    } table[] = {
        { -1, "(expired less than a minute ago)" }, { -60, "(expired 1 minute ago)" },
        { -3599, "(expired 59 minutes ago)" },      { -7200, "(expired 2 hours ago)" },
        { -86400, "(expired 1 day ago)" },          { -3 * 86400 - 5, "(expired 3 days ago)" },
        { -90 * 86400, "(expired 2 months ago)" },  { -800 * 86400, "(expired 2 years ago)" },
        { 0, "(expires in less than a minute)" },   { 59 * 86400, "(expires in 59 days)" },
        { 400 * 86400, "(expires in 13 months)" },  { 3650 * 86400LL, "(expires in 9 years)" },
    };
    certmap_page_t page = ordinary(CERTMAP_R_NO_MATCH);
    certmap_str_t body;
    apr_size_t i;

    for (i = 0; i < sizeof table / sizeof table[0]; i++) {
        page.not_after = NOW + apr_time_from_sec(table[i].seconds);
        ok(has(certmap_page_body(&page, CERTMAP_PAGE_TEXT, p), table[i].words), "%ld s: %s", (long)table[i].seconds,
           table[i].words);
    }
    page = ordinary(CERTMAP_R_EXPIRED);
    body = certmap_page_body(&page, CERTMAP_PAGE_HTML, p);
    ok(has(body, "<time datetime=\"2026-11-19T15:00:00Z\">2026-11-19 15:00:00 UTC</time>")
           && has(body, "It expired 3 days ago."),
       "HTML: both spellings of a date, and words");
    page = ordinary(CERTMAP_R_NOT_YET_VALID);
    ok(has(certmap_page_body(&page, CERTMAP_PAGE_TEXT, p), "It becomes valid in 2 hours."), "not yet valid: when");
    page.not_before = page.not_after = 0;
    ok(!has(certmap_page_body(&page, CERTMAP_PAGE_TEXT, p), "Valid "), "dates that nobody knows are not told");
    page = ordinary(CERTMAP_R_NO_MATCH);
    page.not_after = apr_time_from_sec(253402300799LL);
    ok(has(certmap_page_body(&page, CERTMAP_PAGE_PROBLEM_JSON, p), "\"notAfter\": \"9999-12-31T23:59:59Z\""),
       "the last date that a certificate can hold");
}

/* ---- text from outside ------------------------------------------------------------------------------------------- */

static void test_admin(apr_pool_t *p)
{
    static const struct {
        const char *admin, *html;
    } table[] = {
        { NULL, "ask the administrator of this site and quote" },
        { "", "ask the administrator of this site and quote" },
        { "[no address given]", "ask the administrator of this site and quote" },
        { "root@example.com", "ask <a href=\"mailto:root@example.com?subject=Certificate%20refused%3A%20403.12%20no"
                              "-match%2C%20incident%20" INCIDENT "\">root@example.com</a> and quote" },
        { "mailto:root@example.com", "<a href=\"mailto:root@example.com?" },
        { "a?cc=b&c=d@example.com", "<a href=\"mailto:a%3Fcc%3Db%26c%3Dd@example.com?" },
        { "https://example.com/help?a=1&b=\"", "<a href=\"https://example.com/help?a=1&amp;b=%22\">" },
        { "javascript:alert(1)", "ask javascript:alert(1) and quote" },
        { "the front desk", "ask the front desk and quote" },
    };
    certmap_page_t page = ordinary(CERTMAP_R_NO_MATCH);
    apr_size_t i;

    for (i = 0; i < sizeof table / sizeof table[0]; i++) {
        page.admin = table[i].admin;
        ok(has(certmap_page_body(&page, CERTMAP_PAGE_HTML, p), table[i].html), "ServerAdmin %s",
           table[i].admin ? table[i].admin : "unset");
    }
    page.incident = NULL;
    ok(has(certmap_page_body(&page, CERTMAP_PAGE_TEXT, p), "and say when this happened."), "no incident id to quote");
    ok(!has(certmap_page_body(&page, CERTMAP_PAGE_PROBLEM_JSON, p), "\"incident\""), "no incident member either");
}

static void test_hostile(apr_pool_t *p)
{
    certmap_page_t page = hostile(CERTMAP_R_NO_MATCH);
    certmap_str_t body;
    char *longer;
    int type, i;

    for (type = CERTMAP_PAGE_HTML; type <= CERTMAP_PAGE_TEXT; type++) {
        body = certmap_page_body(&page, (certmap_page_type_e)type, p);
        ok(body.len == strlen(body.data) && clean_utf8(body), "hostile text as %s: sound text", type_names[type]);
        ok(!has(body, "\xe2\x80\xae") && !has(body, "\xe2\x80\x8b") && !has(body, "\xe2\x81\xa6")
               && !has(body, "\xef\xbb\xbf") && !has(body, "\xe2\x80\xa8"),
           "%s: nothing that turns or hides", type_names[type]);
        ok(has(body, " \xc3\xa9\xe2\x82\xac\xf0\x9f\x99\x82"), "%s: sound characters stay", type_names[type]);
        ok(type == CERTMAP_PAGE_TEXT || !has(body, "<script"), "%s: no element", type_names[type]);
    }
    body = certmap_page_body(&page, CERTMAP_PAGE_HTML, p);
    ok(has(body, "CN=&lt;script&gt;alert(1)&lt;/script&gt;&amp;&quot;&#39;\\&quot;"
                 "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd[31m"),
       "HTML: escaped, shown as it stands");
    ok(!has(body, "<img") && count(body.data, "<a ") == 1, "HTML: ServerAdmin adds no element");
    body = certmap_page_body(&page, CERTMAP_PAGE_PROBLEM_JSON, p);
    ok(has(body, "CN=\\u003cscript>alert(1)\\u003c/script>&\\\"'\\\\\\\""), "JSON: escaped");

    longer = apr_palloc(p, 70001);
    for (i = 0; i < 70000; i += 2) {
        memcpy(longer + i, "\xc3\xa9", 2);
    }
    longer[70000] = '\0';
    page = ordinary(CERTMAP_R_NO_MATCH);
    page.subject = longer;
    body = certmap_page_body(&page, CERTMAP_PAGE_TEXT, p);
    ok(body.len < 8192 && has(body, "\xc3\xa9\xe2\x80\xa6\n") && clean_utf8(body), "a long name is cut between"
                                                                                   " characters");
    page.subject = "";
    ok(has(certmap_page_body(&page, CERTMAP_PAGE_TEXT, p), "(empty)"), "an empty subject is shown as one");
}

/** Whatever hides, in a certificate or anywhere, is not on the page as it is. */
static void test_hidden(apr_pool_t *p)
{
    certmap_page_t page = ordinary(CERTMAP_R_NO_MATCH);
    unsigned long shown = 0, hidden = 0;
    apr_uint32_t c;
    int type;

    for (c = 1; c <= 0x10ffff; c++) {
        char text[8] = "a";

        if (!certmap_char_hides(c)) {
            continue;
        }
        page.subject = text;
        text[1 + certmap_utf8_put(text + 1, c)] = '\0';
        hidden++;
        for (type = CERTMAP_PAGE_HTML; type <= CERTMAP_PAGE_TEXT; type++) {
            certmap_str_t body = certmap_page_body(&page, (certmap_page_type_e)type, p);

            shown += has(body, text) || !has(body, "a\xef\xbf\xbd");
        }
        apr_pool_clear(p);
    }
    ok(hidden > 4000 && shown == 0, "%lu characters hide, and none of them is on a page (%lu)", hidden, shown);
}

static void test_layout(apr_pool_t *p)
{
    int reason, longest = 0;

    for (reason = CERTMAP_R_NONE; reason < CERTMAP_R_COUNT; reason++) {
        certmap_page_t page = ordinary((certmap_reason_e)reason);
        const char *line = certmap_page_body(&page, CERTMAP_PAGE_TEXT, p).data;

        for (; *line; line += strspn(line, "\n")) {
            int len = (int)strcspn(line, "\n");

            longest = len > longest ? len : longest;
            line += len;
        }
    }
    ok(longest > 40 && longest <= 80, "text fits a terminal: longest line has %d columns", longest);
}

/* ------------------------------------------------------------------------------------------------------------------ */

static int render(int argc, const char *const *argv, apr_pool_t *p)
{
    certmap_page_t page;
    certmap_str_t body;
    int reason, type;

    for (type = CERTMAP_PAGE_HTML; type <= CERTMAP_PAGE_TEXT && strcmp(type_names[type], argv[2]) != 0; type++)
        ;
    for (reason = 0; reason < CERTMAP_R_COUNT; reason++) {
        if (strcmp(certmap_reason_name((certmap_reason_e)reason), argv[3]) == 0) {
            break;
        }
    }
    if (type > CERTMAP_PAGE_TEXT || reason == CERTMAP_R_COUNT) {
        fprintf(stderr, "usage: test_page --render html|json|text REASON [hostile]\n");
        return 2;
    }
    page = argc > 4 ? hostile((certmap_reason_e)reason) : ordinary((certmap_reason_e)reason);
    body = certmap_page_body(&page, (certmap_page_type_e)type, p);
    return fwrite(body.data, 1, body.len, stdout) == body.len ? 0 : 1;
}

int main(int argc, const char *const *argv)
{
    apr_pool_t *p;

    apr_initialize();
    atexit(apr_terminate);
    apr_pool_create(&p, NULL);
    if (argc > 3 && strcmp(argv[1], "--render") == 0) {
        return render(argc, argv, p);
    }
    plan(0);
    test_negotiate();
    test_reasons(p);
    test_blame(p);
    test_dates(p);
    test_admin(p);
    test_hostile(p);
    test_layout(p);
    test_hidden(p);
    return tap_done();
}
