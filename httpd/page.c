/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file httpd/page.c
 * @brief The built-in answer: what happened, what the person can do, and what to tell the administrator.
 *
 * One table holds the words for every reason. One function per kind of page lays them out. Text that comes from outside
 * (the certificate, ServerAdmin) passes put_outside(), which makes it harmless for the sink it goes to.
 */
#include "page.h"

#include <apr_lib.h>
#include <apr_strings.h>
#include <stdlib.h>
#include <string.h>

#include "json.h"

/* ---- words ------------------------------------------------------------------------------------------------------- */

#define MAX_ADVICE 3

/** What a page says about one reason. An "ask the administrator" line follows the advice on every page. */
typedef struct words_t {
    const char *title;
    const char *happened;
    const char *advice[MAX_ADVICE];
} words_t;

#define OTHER                                                                                                \
    "If you have another certificate, use that one. In a browser: close all of its windows, open this page " \
    "again and choose it."
#define RENEW "Renew your certificate with the authority that issued it."
#define LATER "Wait a few minutes and try again."

/* clang-format off */
static const words_t words[CERTMAP_R_COUNT] = {
    [CERTMAP_R_NONE] = {
        .title = "You cannot open this page",
        .happened = "The server refused this request.",
        .advice = { NULL },
    },
    [CERTMAP_R_MALFORMED] = {
        .title = "Your certificate is not well formed",
        .happened = "A part of it that this server needs breaks the rules for certificates, so the server did not "
                    "use it.",
        .advice = { "Ask the authority that issued your certificate for a new one.",
                    OTHER },
    },
    [CERTMAP_R_SELF_SIGNED] = {
        .title = "Your certificate vouches for itself",
        .happened = "It was not issued by an authority that this server trusts. Anyone can make such a certificate.",
        .advice = { "Use a certificate from an authority that is accepted here.",
                    OTHER },
    },
    [CERTMAP_R_UNTRUSTED_ISSUER] = {
        .title = "Your certificate's issuer is not trusted here",
        .happened = "The server could not trace your certificate back to an authority that it trusts.",
        .advice = { OTHER },
    },
    [CERTMAP_R_BAD_SIGNATURE] = {
        .title = "Your certificate's signature is not valid",
        .happened = "A signature on your certificate, or on one of its issuers, is not correct. The certificate "
                    "may be damaged.",
        .advice = { "Install your certificate again from its original file or card.",
                    OTHER },
    },
    [CERTMAP_R_ISSUER_EXPIRED] = {
        .title = "Your certificate's issuer is out of date",
        .happened = "Your certificate leads back to an authority whose own certificate has expired or is not valid "
                    "yet.",
        .advice = { "Renew your certificate, so that it comes from a current authority.",
                    OTHER },
    },
    [CERTMAP_R_CHAIN_TOO_LONG] = {
        .title = "Your certificate has too many issuers",
        .happened = "Between your certificate and its root are more authorities than this server accepts. Often the "
                    "server's settings are the reason, not your certificate.",
        .advice = { OTHER },
    },
    [CERTMAP_R_CONSTRAINT_VIOLATION] = {
        .title = "Your certificate goes beyond its issuer's limits",
        .happened = "The authorities above your certificate limit what they issue, and your certificate does not "
                    "keep to that.",
        .advice = { "Ask the authority that issued your certificate for a new one.",
                    OTHER },
    },
    [CERTMAP_R_WRONG_PURPOSE] = {
        .title = "Your certificate is meant for something else",
        .happened = "It may not be used to sign in to a server.",
        .advice = { OTHER,
                    "If you have none, ask your authority for a certificate for client authentication." },
    },
    [CERTMAP_R_REVOKED] = {
        .title = "Your certificate was revoked",
        .happened = "The authority that issued it has withdrawn it.",
        .advice = { "Ask that authority for a new certificate.",
                    OTHER },
    },
    [CERTMAP_R_REVOCATION_UNKNOWN] = {
        .title = "The server could not check your certificate",
        .happened = "It could not find out whether your certificate was revoked. This is the server's problem: you "
                    "did nothing wrong, and your certificate may be in order.",
        .advice = { LATER },
    },
    [CERTMAP_R_EXPIRED] = {
        .title = "Your certificate has expired",
        .happened = "Its time of validity is over.",
        .advice = { RENEW,
                    OTHER },
    },
    [CERTMAP_R_NOT_YET_VALID] = {
        .title = "Your certificate is not valid yet",
        .happened = "Its time of validity has not begun.",
        .advice = { "Come back when your certificate has become valid.",
                    OTHER },
    },
    [CERTMAP_R_SSL_REQUIRED] = {
        .title = "This page needs a secure connection",
        .happened = "You used plain HTTP. The server can ask for your certificate over HTTPS only.",
        .advice = { "Open this page again with https:// at the beginning of its address." },
    },
    [CERTMAP_R_CERTIFICATE_MISSING] = {
        .title = "This page needs your certificate",
        .happened = "No certificate was sent.",
        .advice = { "If you have a certificate, make sure that it is installed, or that your smart card is in its "
                    "reader.",
                    "Close all browser windows, open this page again and choose your certificate when you are "
                    "asked." },
    },
    [CERTMAP_R_CERTIFICATE_NOT_REQUESTABLE] = {
        .title = "The server could not ask for your certificate",
        .happened = "This page needs your certificate, but on this connection there is no way to ask for it. Often "
                    "the server's settings are the reason, not your certificate.",
        .advice = { "Close all browser windows and open this page again.",
                    "Try another browser." },
    },
    [CERTMAP_R_DENIED_BY_SOURCE] = {
        .title = "Your certificate is blocked here",
        .happened = "The certificate itself is valid, but it is on a list of those that may not be used here.",
        .advice = { OTHER },
    },
    [CERTMAP_R_DENIED_BY_RULE] = {
        .title = "Your certificate is not allowed here",
        .happened = "The certificate itself is valid, but this server turns it away.",
        .advice = { OTHER },
    },
    [CERTMAP_R_MAPPING_EXPIRED] = {
        .title = "Your access has ended",
        .happened = "Your certificate is valid, but the access that it gave was limited in time, and that time is "
                    "over.",
        .advice = { OTHER },
    },
    [CERTMAP_R_MAPPING_TOO_WEAK] = {
        .title = "Your certificate is not bound firmly enough to an account",
        .happened = "Your certificate is valid, but what the server knows of it could fit another certificate as "
                    "well. This page needs more than that.",
        .advice = { OTHER },
    },
    [CERTMAP_R_USER_INVALID] = {
        .title = "Your certificate gives no usable user name",
        .happened = "Your certificate is valid, but no user name could be made from what it says.",
        .advice = { OTHER },
    },
    [CERTMAP_R_AMBIGUOUS] = {
        .title = "Your certificate leaves your user name open",
        .happened = "Your certificate is valid, but the server could not tell without doubt which user it stands "
                    "for.",
        .advice = { OTHER },
    },
    [CERTMAP_R_NO_MATCH] = {
        .title = "Your certificate is not known here",
        .happened = "Your certificate is valid, but no account on this server belongs to it.",
        .advice = { OTHER },
    },
    [CERTMAP_R_USER_DENIED] = {
        .title = "Your account may not open this page",
        .happened = "Your certificate was accepted and belongs to an account, but that account may not come in "
                    "here.",
        .advice = { OTHER },
    },
    [CERTMAP_R_SOURCE_UNAVAILABLE] = {
        .title = "Please try again later",
        .happened = "At the moment the server cannot look up your certificate. This is the server's problem: you "
                    "did nothing wrong.",
        .advice = { LATER },
    },
};
/* clang-format on */

/* ---- which kind of page ------------------------------------------------------------------------------------------ */

/** How precisely a media range speaks of a type. */
enum {
    SPEC_NONE,
    SPEC_ANY,
    SPEC_TYPE,
    SPEC_KIN,
    SPEC_EXACT
};

/** What the Accept header says of one kind of page: of the most precise range, its weight in thousandths. */
typedef struct offer_t {
    const char *exact; /* the media type itself */
    const char *kin;   /* another name that means it as well */
    const char *type;  /* the range of its main type */
    int spec;
    int q;
} offer_t;

static int is_ows(char c)
{
    return c == ' ' || c == '\t';
}

/** RFC 9110 qvalue in thousandths, -1 when it is none. */
static int parse_weight(const char *s, apr_size_t len)
{
    int q, unit = 100;
    apr_size_t i;

    if (len == 0 || len > 5 || (s[0] != '0' && s[0] != '1') || (len > 1 && s[1] != '.')) {
        return -1;
    }
    q = (s[0] - '0') * 1000;
    for (i = 2; i < len; i++, unit /= 10) {
        if (!apr_isdigit(s[i])) {
            return -1;
        }
        q += (s[i] - '0') * unit;
    }
    return q <= 1000 ? q : -1;
}

/** Steps over a parameter's value; a quoted one may hold commas and semicolons. */
static const char *skip_value(const char *s)
{
    if (*s == '"') {
        for (s++; *s && *s != '"'; s++) {
            if (*s == '\\' && s[1]) {
                s++;
            }
        }
        return *s ? s + 1 : s;
    }
    return s + strcspn(s, ",; \t");
}

/**
 * Reads the next media range of an Accept header. Parameters other than the weight are passed over.
 * @return the place after it, or NULL at the end; *q is -1 when the weight is malformed: such a range says nothing
 */
static const char *next_range(const char *s, const char **name, apr_size_t *len, int *q)
{
    s += strspn(s, ", \t");
    if (!*s) {
        return NULL;
    }
    *name = s;
    *len = strcspn(s, ",; \t");
    *q = 1000;
    s += *len;
    while (*s && *s != ',') {
        if (*s == ';' || is_ows(*s)) {
            s++;
        }
        else if ((*s == 'q' || *s == 'Q') && s[1] == '=') {
            const char *end = skip_value(s + 2);

            *q = parse_weight(s + 2, (apr_size_t)(end - (s + 2)));
            s = end;
        }
        else {
            s += strcspn(s, "=,; \t");
            s = *s == '=' ? skip_value(s + 1) : s;
        }
    }
    return s;
}

static int same_name(const char *name, apr_size_t len, const char *known)
{
    return known && strlen(known) == len && strncasecmp(name, known, len) == 0;
}

static void weigh(offer_t *offer, const char *name, apr_size_t len, int q)
{
    int spec = SPEC_NONE;

    if (same_name(name, len, offer->exact)) {
        spec = SPEC_EXACT;
    }
    else if (same_name(name, len, offer->kin)) {
        spec = SPEC_KIN;
    }
    else if (same_name(name, len, offer->type)) {
        spec = SPEC_TYPE;
    }
    else if (same_name(name, len, "*/*")) {
        spec = SPEC_ANY;
    }
    if (spec > offer->spec) {
        offer->spec = spec;
        offer->q = q;
    }
}

certmap_page_type_e certmap_page_negotiate(const char *accept)
{
    /* in the order that decides between equals */
    offer_t offers[] = { [CERTMAP_PAGE_HTML] = { "text/html", "application/xhtml+xml", "text/*", SPEC_NONE, 0 },
                         [CERTMAP_PAGE_PROBLEM_JSON] = { "application/problem+json", "application/json",
                                                         "application/*", SPEC_NONE, 0 },
                         [CERTMAP_PAGE_TEXT] = { "text/plain", NULL, "text/*", SPEC_NONE, 0 } };
    const int n = (int)(sizeof offers / sizeof offers[0]);
    int best = CERTMAP_PAGE_TEXT, best_q = 0, best_spec = SPEC_ANY, i, q;
    const char *name;
    apr_size_t len;

    /* RFC 9110, 12.5.1: the most specific range of Accept decides about a type. */
    while (accept && (accept = next_range(accept, &name, &len, &q)) != NULL) {
        for (i = 0; q >= 0 && i < n; i++) {
            weigh(&offers[i], name, len, q);
        }
    }
    for (i = 0; i < n; i++) {
        /* both names of JSON are names; what only the wildcard lets in never displaces the text it stands for */
        int spec = offers[i].spec >= SPEC_KIN ? SPEC_EXACT : offers[i].spec;

        if (spec > SPEC_ANY && offers[i].q > 0
            && (offers[i].q > best_q || (offers[i].q == best_q && spec > best_spec))) {
            best = i;
            best_q = offers[i].q;
            best_spec = spec;
        }
    }
    /* "text/html;q=0.1, * / *": a client that ranks everything else above what it names gets what a lone wildcard
     * gets */
    if (offers[CERTMAP_PAGE_TEXT].spec == SPEC_ANY && offers[CERTMAP_PAGE_TEXT].q > best_q) {
        best = CERTMAP_PAGE_TEXT;
    }
    return (certmap_page_type_e)best;
}

const char *certmap_page_content_type(certmap_page_type_e type)
{
    switch (type) {
    case CERTMAP_PAGE_HTML:
        return "text/html; charset=utf-8";
    case CERTMAP_PAGE_PROBLEM_JSON:
        return "application/problem+json";
    case CERTMAP_PAGE_TEXT:
        return "text/plain; charset=utf-8";
    }
    return "text/plain; charset=utf-8";
}

/* ---- writing ----------------------------------------------------------------------------------------------------- */

static void put(certmap_out_t *o, const char *s)
{
    certmap_out_text(o, s);
}

static void put_escaped_html(certmap_out_t *o, const char *s, apr_size_t len)
{
    static const char *const entities[128] = {
        ['&'] = "&amp;", ['<'] = "&lt;", ['>'] = "&gt;", ['"'] = "&quot;", ['\''] = "&#39;",
    };

    if (len == 1 && entities[(unsigned char)*s]) {
        put(o, entities[(unsigned char)*s]);
        return;
    }
    certmap_out_bytes(o, s, len);
}

/** Writes text from outside so that it is harmless: as HTML, or as text for JSON and for terminals. */
static void put_outside(certmap_out_t *o, const char *s, certmap_page_type_e type)
{
    const char *end = s;

    while (*end && (apr_size_t)(end - s) < CERTMAP_PAGE_VALUE_MOST) {
        apr_uint32_t c = 0;
        apr_size_t len = (apr_size_t)certmap_utf8_next((const unsigned char *)end, 4, &c);

        /* [promise page-text] */
        if (len == 0 || certmap_char_hides(c)) {
            put(o, "\xef\xbf\xbd");
            len = len ? len : 1;
        }
        else if (type == CERTMAP_PAGE_HTML) {
            put_escaped_html(o, end, len);
        }
        else {
            certmap_out_bytes(o, end, len);
        }
        end += len;
    }
    if (*end) {
        put(o, "\xe2\x80\xa6");
    }
}

/** Percent-encodes all but RFC 3986's unreserved characters and those in keep. */
static const char *url_escape(const char *s, const char *keep, apr_pool_t *p)
{
    char *to = apr_palloc(p, strlen(s) * 3 + 1), *at = to;

    for (; *s; s++) {
        if (apr_isalnum(*s) || strchr("-._~", *s) || strchr(keep, *s)) {
            *at++ = *s;
        }
        else {
            static const char hex[] = "0123456789ABCDEF";

            *at++ = '%';
            *at++ = hex[((unsigned char)*s) >> 4];
            *at++ = hex[((unsigned char)*s) & 15];
        }
    }
    *at = '\0';
    return to;
}

/* ---- what all kinds of page say ---------------------------------------------------------------------------------- */

/** A length of time in one unit, rounded down: "3 days". */
static const char *span_text(apr_time_t span, apr_pool_t *p)
{
    static const struct {
        apr_int64_t seconds, from;
        const char *name;
    } units[] = {
        { 31556952, 2 * 31556952, "year" },
        { 2629746, 2 * 2629746, "month" },
        { 86400, 86400, "day" },
        { 3600, 3600, "hour" },
        { 60, 60, "minute" },
    };
    apr_int64_t seconds = apr_time_sec(span < 0 ? -span : span);
    apr_size_t i;

    for (i = 0; i < sizeof units / sizeof units[0]; i++) {
        if (seconds >= units[i].from) {
            apr_int64_t n = seconds / units[i].seconds;

            return apr_psprintf(p, "%" APR_INT64_T_FMT " %s%s", n, units[i].name, n == 1 ? "" : "s");
        }
    }
    return "less than a minute";
}

/** What a page says, before anyone lays it out. */
typedef struct content_t {
    const words_t *words;
    const char *status; /* "403.12" */
    const char *name;   /* "no-match" */
    const char *happened;
    const char *ask_before; /* "... ask " */
    const char *ask_whom;   /* address, or words when there is none */
    const char *ask_href;   /* or NULL */
    const char *ask_after;  /* " and quote the incident id " or " and say when this happened." */
    int has_cert;
    int has_dates;
    const char *from_note;  /* "becomes valid in 2 hours", or NULL */
    const char *until_note; /* "expired 3 days ago" */
} content_t;

/** The administrator and how to reach them: only mail and http(s) become links. */
static void fill_admin(content_t *c, const certmap_page_t *page, apr_pool_t *p)
{
    const char *admin = page->admin;

    c->ask_whom = "the administrator of this site";
    if (!admin || !*admin || *admin == '[') {
        return;
    }
    if (strncasecmp(admin, "mailto:", 7) == 0) {
        admin += 7;
    }
    c->ask_whom = admin;
    if (strncasecmp(admin, "https://", 8) == 0 || strncasecmp(admin, "http://", 7) == 0) {
        c->ask_href = url_escape(admin, ":/?#[]@!$&'()*+,;=%", p);
    }
    else if (strchr(admin, '@')) {
        c->ask_href = apr_pstrcat(
            p, "mailto:", url_escape(admin, "@+", p), "?subject=",
            url_escape(apr_pstrcat(p, "Certificate refused: ", c->status, " ", c->name,
                                   page->incident ? ", incident " : "", page->incident ? page->incident : "", NULL),
                       "", p),
            NULL);
    }
}

static void fill(content_t *c, const certmap_page_t *page, apr_pool_t *p)
{
    int known = page->reason > CERTMAP_R_NONE && page->reason < CERTMAP_R_COUNT;
    certmap_reason_e reason = known ? page->reason : CERTMAP_R_NONE;
    int expired = page->not_after < page->now;

    memset(c, 0, sizeof *c);
    c->words = &words[reason];
    c->status = known ? certmap_reason_status(reason) : "403";
    c->name = known ? certmap_reason_name(reason) : "refused";
    /* [promise page-shows] */
    c->has_cert = page->subject || page->issuer || page->serial;
    c->has_dates = c->has_cert && (page->not_before || page->not_after);
    if (c->has_dates) {
        const char *span = span_text(page->not_after - page->now, p);

        c->until_note = expired ? apr_pstrcat(p, "expired ", span, " ago", NULL)
                                : apr_pstrcat(p, "expires in ", span, NULL);
        if (page->not_before > page->now) {
            c->from_note = apr_pstrcat(p, "becomes valid in ", span_text(page->not_before - page->now, p), NULL);
        }
    }
    c->happened = c->words->happened;
    if (reason == CERTMAP_R_EXPIRED && c->has_dates && expired) {
        c->happened = apr_pstrcat(p, "It ", c->until_note, ".", NULL);
    }
    else if (reason == CERTMAP_R_NOT_YET_VALID && c->from_note) {
        c->happened = apr_pstrcat(p, "It ", c->from_note, ".", NULL);
    }
    fill_admin(c, page, p);
    c->ask_before = c->words->advice[0] ? "If that does not help, ask " : "Ask ";
    c->ask_after = page->incident ? " and quote the incident id " : " and say when this happened.";
}

/* ---- HTML -------------------------------------------------------------------------------------------------------- */

/*
 * Every colour is a variable, text as --fg-*, surfaces as --bg-*, once for each scheme: a test computes the contrast of
 * every --fg with every --bg, and finds colours written anywhere else.
 */
static const char style[] =
    ":root{color-scheme:light dark;--bg-page:#f3f4f7;--bg-card:#ffffff;--fg-text:#1b2230;--fg-quiet:#515b6d;"
    "--fg-link:#1a55c4;--fg-status:#a3261c;--line:#d5dae3}\n"
    "@media (prefers-color-scheme:dark){:root{--bg-page:#11151c;--bg-card:#1a202a;--fg-text:#e8ebf1;--fg-quiet:#a9b3c3;"
    "--fg-link:#8db4ff;--fg-status:#ff9d92;--line:#343d4c}}\n"
    "*{box-sizing:border-box}\n"
    "body{margin:0;padding:clamp(1rem,4vh,3rem) 1rem;background:var(--bg-page);color:var(--fg-text);"
    "font:1rem/1.55 system-ui,-apple-system,\"Segoe UI\",Roboto,\"Noto Sans\",sans-serif}\n"
    "main{max-width:42rem;margin:0 auto;padding:clamp(1.25rem,5vw,2.5rem);background:var(--bg-card);"
    "border:1px solid var(--line);border-radius:.75rem}\n"
    ".status{margin:0;color:var(--fg-status);font-weight:600}\n"
    "h1{margin:.25rem 0 .75rem;font-size:clamp(1.5rem,5vw,2rem);line-height:1.2;text-wrap:balance}\n"
    "h2{margin:2rem 0 .5rem;font-size:1.125rem;line-height:1.3}\n"
    "p{margin:0}\n"
    "ul{margin:0;padding-left:1.25rem}\n"
    "li{margin:.4rem 0}\n"
    "a{color:var(--fg-link)}\n"
    "dl{margin:0;border-top:1px solid var(--line)}\n"
    "dl div{padding:.5rem 0;border-bottom:1px solid var(--line)}\n"
    "dt{color:var(--fg-quiet);font-size:.875rem}\n"
    "dd{margin:0}\n"
    "dd,a,code{overflow-wrap:anywhere}\n"
    "code{font:.9375em/1.4 ui-monospace,SFMono-Regular,Menlo,Consolas,monospace}\n"
    ".note{color:var(--fg-quiet)}\n"
    "@media (min-width:36rem){dl div{display:grid;grid-template-columns:8.5rem 1fr;gap:1rem;align-items:baseline}}\n";

static void html_fact(certmap_out_t *o, const char *label, const char *value, int code)
{
    if (!value) {
        return;
    }
    put(o, "<div><dt>");
    put(o, label);
    put(o, code ? "</dt><dd><code><bdi>" : "</dt><dd><bdi>");
    put_outside(o, *value ? value : "(empty)", CERTMAP_PAGE_HTML);
    put(o, code ? "</bdi></code></dd></div>\n" : "</bdi></dd></div>\n");
}

static void html_time(certmap_out_t *o, const char *label, apr_time_t t, const char *note)
{
    put(o, "<div><dt>");
    put(o, label);
    put(o, "</dt><dd><time datetime=\"");
    put(o, certmap_time_text(t, CERTMAP_TIME_ISO, o->p));
    put(o, "\">");
    put(o, certmap_time_text(t, CERTMAP_TIME_PEOPLE, o->p));
    put(o, "</time>");
    if (note) {
        put(o, " <span class=\"note\">(");
        put(o, note);
        put(o, ")</span>");
    }
    put(o, "</dd></div>\n");
}

static void html_advice(certmap_out_t *o, const certmap_page_t *page, const content_t *c)
{
    int i;

    put(o, "<section aria-labelledby=\"do\">\n<h2 id=\"do\">What you can do</h2>\n<ul>\n");
    for (i = 0; i < MAX_ADVICE && c->words->advice[i]; i++) {
        put(o, "<li>");
        put_outside(o, c->words->advice[i], CERTMAP_PAGE_HTML);
        put(o, "</li>\n");
    }
    put(o, "<li>");
    put(o, c->ask_before);
    if (c->ask_href) {
        put(o, "<a href=\"");
        put_outside(o, c->ask_href, CERTMAP_PAGE_HTML);
        put(o, "\">");
    }
    put_outside(o, c->ask_whom, CERTMAP_PAGE_HTML);
    put(o, c->ask_href ? "</a>" : "");
    put(o, c->ask_after);
    if (page->incident) {
        put(o, "<code>");
        put_outside(o, page->incident, CERTMAP_PAGE_HTML);
        put(o, "</code>.");
    }
    put(o, "</li>\n</ul>\n</section>\n");
}

static void html_body(certmap_out_t *o, const certmap_page_t *page, const content_t *c)
{
    put(o, "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
           "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
           "<meta name=\"robots\" content=\"noindex\">\n"
           "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'; "
           "base-uri 'none'; form-action 'none'\">\n<title>");
    put(o, c->status);
    put(o, " ");
    put_outside(o, c->words->title, CERTMAP_PAGE_HTML);
    put(o, "</title>\n<style>\n");
    put(o, style);
    put(o, "</style>\n</head>\n<body>\n<main>\n<p class=\"status\">Error ");
    put(o, c->status);
    put(o, "</p>\n<h1>");
    put_outside(o, c->words->title, CERTMAP_PAGE_HTML);
    put(o, "</h1>\n<p>");
    put_outside(o, c->happened, CERTMAP_PAGE_HTML);
    put(o, "</p>\n");
    html_advice(o, page, c);
    if (c->has_cert) {
        put(o, "<section aria-labelledby=\"cert\">\n<h2 id=\"cert\">Your certificate</h2>\n<dl>\n");
        html_fact(o, "Subject", page->subject, 0);
        html_fact(o, "Issuer", page->issuer, 0);
        html_fact(o, "Serial number", page->serial, 1);
        if (c->has_dates) {
            html_time(o, "Valid from", page->not_before, c->from_note);
            html_time(o, "Valid until", page->not_after, c->until_note);
        }
        put(o, "</dl>\n</section>\n");
    }
    put(o, "<section aria-labelledby=\"tell\">\n<h2 id=\"tell\">For the administrator</h2>\n<dl>\n");
    html_fact(o, "Status", apr_pstrcat(o->p, c->status, " ", c->name, NULL), 1);
    html_fact(o, "Incident id", page->incident, 1);
    html_time(o, "Time", page->now, NULL);
    put(o, "</dl>\n</section>\n</main>\n</body>\n</html>\n");
}

/* ---- problem+json ------------------------------------------------------------------------------------------------ */

/** A string with text from outside; nothing when that is NULL. */
static void json_outside(certmap_json_t *j, const char *name, const char *text)
{
    certmap_out_t harmless;

    if (text) {
        harmless = certmap_out_create(strlen(text) + 64, j->out->p);
        put_outside(&harmless, text, CERTMAP_PAGE_PROBLEM_JSON);
        certmap_json_text(j, name, harmless.data);
    }
}

/** The line that names the administrator, as one text. */
static const char *ask_text(const certmap_page_t *page, const content_t *c, apr_pool_t *p)
{
    return apr_pstrcat(p, c->ask_before, c->ask_whom, c->ask_after, page->incident ? page->incident : "",
                       page->incident ? "." : "", NULL);
}

static void json_certificate(certmap_json_t *j, const certmap_page_t *page, const content_t *c)
{
    certmap_json_object(j, "certificate");
    json_outside(j, "subject", page->subject);
    json_outside(j, "issuer", page->issuer);
    json_outside(j, "serial", page->serial);
    if (c->has_dates) {
        certmap_json_text(j, "notBefore", certmap_time_text(page->not_before, CERTMAP_TIME_ISO, j->out->p));
        certmap_json_text(j, "notAfter", certmap_time_text(page->not_after, CERTMAP_TIME_ISO, j->out->p));
    }
    certmap_json_object_end(j);
}

static void json_body(certmap_out_t *o, const certmap_page_t *page, const content_t *c)
{
    int substatus = certmap_reason_substatus(page->reason), i;
    certmap_json_t j = certmap_json_create(o, 0);

    certmap_json_object(&j, NULL);
    certmap_json_text(&j, "type", apr_pstrcat(o->p, "urn:certmap:", c->status, ":", c->name, NULL));
    certmap_json_text(&j, "title", c->words->title);
    certmap_json_number(&j, "status", atoi(c->status));
    certmap_json_text(&j, "detail", c->happened);
    if (page->incident) {
        certmap_json_text(&j, "instance",
                          apr_pstrcat(o->p, "urn:certmap:incident:", url_escape(page->incident, "", o->p), NULL));
    }
    if (substatus > 0) {
        certmap_json_number(&j, "substatus", substatus);
    }
    certmap_json_text(&j, "reason", c->name);
    json_outside(&j, "incident", page->incident);
    certmap_json_array(&j, "advice");
    for (i = 0; i < MAX_ADVICE && c->words->advice[i]; i++) {
        certmap_json_text(&j, NULL, c->words->advice[i]);
    }
    json_outside(&j, NULL, ask_text(page, c, o->p));
    certmap_json_array_end(&j);
    if (c->has_cert) {
        json_certificate(&j, page, c);
    }
    certmap_json_object_end(&j);
}

/* ---- plain text -------------------------------------------------------------------------------------------------- */

#define TEXT_WIDTH 76

/** Writes words in lines of at most TEXT_WIDTH bytes where blanks allow; lines after the first are indented. */
static void text_wrapped(certmap_out_t *o, const char *first, const char *rest, const char *s)
{
    apr_size_t column = strlen(first);
    const char *lead = first;

    while (*s) {
        apr_size_t len = strcspn(s, " ");

        if (*lead == '\0' && column + 1 + len > TEXT_WIDTH) {
            put(o, "\n");
            lead = rest;
            column = strlen(rest);
        }
        else if (*lead == '\0' && column > strlen(rest)) {
            put(o, " ");
            column++;
        }
        put(o, lead);
        lead = "";
        put_outside(o, apr_pstrmemdup(o->p, s, len), CERTMAP_PAGE_TEXT);
        column += len;
        s += len;
        s += strspn(s, " ");
    }
    put(o, "\n");
}

static void text_fact(certmap_out_t *o, const char *label, const char *value, const char *note)
{
    if (!value) {
        return;
    }
    put(o, apr_psprintf(o->p, "  %-15s", label));
    put_outside(o, *value ? value : "(empty)", CERTMAP_PAGE_TEXT);
    if (note) {
        put(o, " (");
        put(o, note);
        put(o, ")");
    }
    put(o, "\n");
}

static void text_body(certmap_out_t *o, const certmap_page_t *page, const content_t *c)
{
    int i;

    text_wrapped(o, "", "", apr_pstrcat(o->p, c->status, " ", c->words->title, NULL));
    put(o, "\n");
    text_wrapped(o, "", "", c->happened);
    put(o, "\nWhat you can do\n");
    for (i = 0; i < MAX_ADVICE && c->words->advice[i]; i++) {
        text_wrapped(o, "- ", "  ", c->words->advice[i]);
    }
    text_wrapped(o, "- ", "  ", ask_text(page, c, o->p));
    if (c->has_cert) {
        put(o, "\nYour certificate\n");
        text_fact(o, "Subject:", page->subject, NULL);
        text_fact(o, "Issuer:", page->issuer, NULL);
        text_fact(o, "Serial number:", page->serial, NULL);
        if (c->has_dates) {
            text_fact(o, "Valid from:", certmap_time_text(page->not_before, CERTMAP_TIME_PEOPLE, o->p), c->from_note);
            text_fact(o, "Valid until:", certmap_time_text(page->not_after, CERTMAP_TIME_PEOPLE, o->p), c->until_note);
        }
    }
    put(o, "\nFor the administrator\n");
    text_fact(o, "Status:", apr_pstrcat(o->p, c->status, " ", c->name, NULL), NULL);
    text_fact(o, "Incident id:", page->incident, NULL);
    text_fact(o, "Time:", certmap_time_text(page->now, CERTMAP_TIME_PEOPLE, o->p), NULL);
}

/* ------------------------------------------------------------------------------------------------------------------ */

certmap_str_t certmap_page_body(const certmap_page_t *page, certmap_page_type_e type, apr_pool_t *p)
{
    certmap_out_t o = certmap_out_create(8192, p);
    certmap_str_t body;
    content_t c;

    fill(&c, page, p);
    switch (type) {
    case CERTMAP_PAGE_HTML:
        html_body(&o, page, &c);
        break;
    case CERTMAP_PAGE_PROBLEM_JSON:
        json_body(&o, page, &c);
        break;
    case CERTMAP_PAGE_TEXT:
        text_body(&o, page, &c);
        break;
    }
    body.data = o.data;
    body.len = o.len;
    return body;
}
