/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Start-up checks: what else gives a user where the mapping does. What mod_ssl does is read from the configuration
 * tree.
 */
#include "check.h"

/* A section, or the level of the server: what it says itself of CertMap and of users that mod_ssl names. */
typedef struct user_place_t {
    const ap_directive_t *section;   /* NULL: the level of the server */
    const ap_directive_t *speaks;    /* CertMap On or Optional, or AuthType Certificate */
    const ap_directive_t *off;       /* CertMap Off */
    const ap_directive_t *user_name; /* SSLUserName */
    const ap_directive_t *fake;      /* SSLOptions that say something of FakeBasicAuth, the last ones */
    int fakes;                       /* what they say; CERTMAP_UNSET: nothing */
    const ap_directive_t *exporter;  /* the same for StdEnvVars and ExportCertData */
    int exports;
} user_place_t;

void certmap_check_users_begin(certmap_check_t *check)
{
    check->places = apr_array_make(check->p, 8, sizeof(user_place_t));
}

/* The section that d is in; <Limit>, <RequireAll> and their like are none. */
static const ap_directive_t *section_of(const ap_directive_t *d)
{
    static const char *const sections[] = { "<Directory", "<DirectoryMatch", "<Location",  "<LocationMatch",
                                            "<Files",     "<FilesMatch",     "<If",        "<ElseIf",
                                            "<Else",      "<Proxy",          "<ProxyMatch" };
    apr_size_t i;

    for (d = d->parent; d; d = d->parent) {
        for (i = 0; i < sizeof(sections) / sizeof(sections[0]); i++) {
            if (certmap_check_is(d, sections[i])) {
                return d;
            }
        }
    }
    return NULL;
}

static user_place_t *find_place(const certmap_check_t *check, const ap_directive_t *section)
{
    int i;

    for (i = check->places->nelts - 1; i >= 0; i--) {
        user_place_t *place = &APR_ARRAY_IDX(check->places, i, user_place_t);

        if (place->section == section) {
            return place;
        }
    }
    return NULL;
}

static user_place_t *place_of(certmap_check_t *check, const ap_directive_t *d)
{
    const ap_directive_t *section = section_of(d);
    user_place_t *place = find_place(check, section);

    if (!place) {
        place = apr_array_push(check->places);
        memset(place, 0, sizeof(*place));
        place->section = section;
        place->fakes = place->exports = CERTMAP_UNSET;
    }
    return place;
}

/* What SSLOptions say of an option. As mod_ssl reads it: a list without signs replaces what was said before. */
static int option_says(certmap_check_t *check, const ap_directive_t *d, const char *option)
{
    const char *args = d->args, *word;
    int says = CERTMAP_UNSET, replaces = 0;

    while (*args) {
        word = ap_getword_conf(check->p, &args);
        if (*word != '+' && *word != '-' && !replaces) {
            replaces = 1;
            says = 0;
        }
        if (strcasecmp(*word == '+' || *word == '-' ? word + 1 : word, option) == 0) {
            says = *word != '-';
        }
    }
    return says;
}

static void read_options(certmap_check_t *check, const ap_directive_t *d)
{
    int fakes = option_says(check, d, "FakeBasicAuth"), variables = option_says(check, d, "StdEnvVars"),
        data = option_says(check, d, "ExportCertData");
    user_place_t *place;

    if (fakes != CERTMAP_UNSET) {
        place = place_of(check, d);
        place->fakes = fakes;
        place->fake = d;
    }
    if (variables != CERTMAP_UNSET || data != CERTMAP_UNSET) {
        place = place_of(check, d);
        place->exports = variables == 1 || data == 1;
        place->exporter = d;
    }
}

void certmap_check_users_read(certmap_check_t *check, const ap_directive_t *d)
{
    user_place_t *place;

    if (certmap_check_is(d, "SSLUserName")) {
        place_of(check, d)->user_name = d;
    }
    else if (certmap_check_is(d, "SSLOptions")) {
        read_options(check, d);
    }
    else if (certmap_check_is_certificate(d)) {
        place_of(check, d)->speaks = d;
    }
    else if (certmap_check_is(d, "CertMap")) {
        place = place_of(check, d);
        place->off = certmap_check_is_enabled(check, d) ? NULL : d;
        place->speaks = place->off ? NULL : d; /* the virtual host's comes after the main server's */
    }
}

static int is_inside(const user_place_t *inner, const user_place_t *outer)
{
    const ap_directive_t *d;

    for (d = inner->section; d && d != outer->section; d = section_of(d)) {
    }
    return d == outer->section;
}

/* Whether what is nearest to a section, or in it, says CertMap Off, or that there is no FakeBasicAuth. */
static int is_off(const certmap_check_t *check, const user_place_t *place, int fake)
{
    const ap_directive_t *d;

    for (d = place->section; d; d = section_of(d)) {
        const user_place_t *near = find_place(check, d);

        if (near && fake && near->fakes != CERTMAP_UNSET) {
            return !near->fakes;
        }
        if (near && !fake && (near->off || near->speaks)) {
            return near->off && !near->speaks;
        }
    }
    return 0;
}

/* Whether one request may be in both: not when both say a plain path and neither lies within the other. */
static int may_meet(certmap_check_t *check, const ap_directive_t *a, const ap_directive_t *b)
{
    const char *path = a ? certmap_check_first_word(check, a) : "",
               *other = b ? certmap_check_first_word(check, b) : "";
    apr_size_t n = strcspn(path, ">"), m = strcspn(other, ">"), len = n < m ? n : m;

    if (*path != '/' || *other != '/' || strcasecmp(a->directive, b->directive) != 0
        || (!certmap_check_is(a, "<Location") && !certmap_check_is(a, "<Directory")) || strpbrk(path, "*?[")
        || strpbrk(other, "*?[")) {
        return 1;
    }
    return strncmp(path, other, len) == 0 && (n == m || path[len - 1] == '/' || (n > m ? path : other)[len] == '/');
}

/* Whether what one place says of a user meets what another says of CertMap, as far as is known. */
static int meets(certmap_check_t *check, const user_place_t *user, const user_place_t *certmap, int fake)
{
    if (!certmap->speaks) {
        return 0;
    }
    if (user == certmap) {
        return 1;
    }
    if (is_inside(certmap, user)) {
        return !(fake && is_off(check, certmap, 1));
    }
    return !is_off(check, user, 0) && !(fake && is_off(check, certmap, 1))
           && (is_inside(user, certmap) || may_meet(check, user->section, certmap->section));
}

static void check_user(certmap_check_t *check, const user_place_t *place, const ap_directive_t *d)
{
    int i, fake = certmap_check_is(d, "SSLOptions");
    const char *what = fake ? "remove FakeBasicAuth" : "remove it";

    /* [promise start-up] */
    if (certmap_srv_conf(check->s)->defer == 1) {
        certmap_check_say(check, APLOG_ERR,
                          "%s: with CertMapDeferErrors On it would take a user from a certificate that may have "
                          "failed verification; %s, CertMapRule gives the user",
                          certmap_check_at(check, d), what);
        return;
    }
    for (i = 0; i < check->places->nelts; i++) {
        const user_place_t *other = &APR_ARRAY_IDX(check->places, i, user_place_t);

        if (meets(check, place, other, fake)) {
            certmap_check_say(check, APLOG_WARNING,
                              "%s: it names a user where CertMap is in use (%s), and there only the mapping "
                              "does; %s, CertMapRule gives the user",
                              certmap_check_at(check, d), certmap_check_at(check, other->speaks), what);
            return;
        }
    }
}

void certmap_check_users(certmap_check_t *check)
{
    int i;

    for (i = 0; i < check->places->nelts; i++) {
        const user_place_t *place = &APR_ARRAY_IDX(check->places, i, user_place_t);

        if (place->user_name) {
            check_user(check, place, place->user_name);
        }
        if (place->fakes == 1) {
            check_user(check, place, place->fake);
        }
    }
}

/* ---- variables of strangers ------------------------------------------------------------------------------------- */

/* The nearest place, from one outwards, that says something of StdEnvVars; NULL: none does. */
static const user_place_t *nearest_exporter(const certmap_check_t *check, const user_place_t *place)
{
    const ap_directive_t *d = place->section;
    const user_place_t *near;

    for (;; d = section_of(d)) {
        near = find_place(check, d);
        if (near && near->exports != CERTMAP_UNSET) {
            return near;
        }
        if (!d) {
            return NULL;
        }
    }
}

/* Whether CertMap is On in a section within another one, or between the two. */
static int is_on_between(const certmap_check_t *check, const user_place_t *inner, const user_place_t *outer)
{
    const ap_directive_t *d;

    for (d = inner->section; d && d != outer->section; d = section_of(d)) {
        const user_place_t *near = find_place(check, d);

        if (near && near->speaks) {
            return 1;
        }
    }
    return 0;
}

static int exports_into(certmap_check_t *check, const user_place_t *exporter, const user_place_t *off)
{
    if (exporter->exports != 1) {
        return 0;
    }
    if (is_inside(exporter, off)) {
        return !is_on_between(check, exporter, off);
    }
    if (is_inside(off, exporter)) {
        return nearest_exporter(check, off) == exporter;
    }
    return off->exports != 0 && may_meet(check, exporter->section, off->section);
}

void certmap_check_strangers(certmap_check_t *check)
{
    int i, k;

    for (i = 0; i < check->places->nelts; i++) {
        const user_place_t *off = &APR_ARRAY_IDX(check->places, i, user_place_t);

        for (k = 0; off->off && off->section && k < check->places->nelts; k++) {
            const user_place_t *exporter = &APR_ARRAY_IDX(check->places, k, user_place_t);

            if (exports_into(check, exporter, off)) {
                certmap_check_say(check, APLOG_WARNING,
                                  "%s: certificates that failed verification are let in here, and %s gives "
                                  "applications what they say: SSL_CLIENT_... may come from a stranger; write "
                                  "'SSLOptions -StdEnvVars -ExportCertData' here, or believe them only where "
                                  "SSL_CLIENT_VERIFY is SUCCESS",
                                  certmap_check_at(check, off->off), certmap_check_at(check, exporter->exporter));
                break;
            }
        }
    }
}
