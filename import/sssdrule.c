/* SPDX-License-Identifier: Apache-2.0 */
/*
 * SSSD's matching rules as conditions, its mapping rules as users. Its regular expressions are POSIX extended ones that
 * search; those over names of the certificate are carried over only where they are one whole name, those over
 * alternative names where PCRE2 reads them as POSIX does.
 */
#include <string.h>

#include <apr_lib.h>
#include <apr_strings.h>

#include "import/sssd.h"

/* ---- regular expressions ------------------------------------------------------------------------------------- */

/* A pattern that is one text between ^ and $; NULL: it is something else. */
static const char *whole_text(const char *pattern, apr_pool_t *p)
{
    apr_size_t len = strlen(pattern);
    char *out = apr_palloc(p, len + 1);
    char *to = out;
    const char *c;

    if (len < 3 || *pattern != '^' || pattern[len - 1] != '$') {
        return NULL;
    }
    for (c = pattern + 1; c < pattern + len - 1; c++) {
        if (*c == '\\') {
            c++;
            if (c == pattern + len - 1 || strchr("^.[$()|*+?{\\", *c) == NULL) {
                return NULL;
            }
        }
        else if (strchr("^.[$()|*+?{", *c) != NULL) {
            return NULL;
        }
        *to++ = *c;
    }
    *to = '\0';
    return out;
}

typedef struct posix_t {
    const char *at;
    const char *end;
    int depth;
    int parentheses;
    int branches; /* a '|' outside of groups */
    int atom;     /* something comes before that a quantifier may follow */
} posix_t;

/* Whether a bracket expression has nothing in it that POSIX and PCRE2 read differently; moves past it. */
static int common_class(posix_t *x)
{
    const char *from;

    x->at += x->at < x->end && *x->at == '^';
    for (from = x->at; x->at < x->end && *x->at != ']'; x->at++) {
        if (!apr_isalnum(*x->at) && strchr("_.@ -", *x->at) == NULL) {
            return 0;
        }
    }
    if (x->at == x->end || x->at == from) {
        return 0;
    }
    x->at++;
    return 1;
}

/* Whether "{" N "}" or "{" N "," M "}" follows; moves past it. */
static int common_count(posix_t *x)
{
    int digits = 0, commas = 0;

    for (; x->at < x->end && *x->at != '}'; x->at++) {
        digits += apr_isdigit(*x->at) != 0;
        commas += *x->at == ',';
        if ((!apr_isdigit(*x->at) && *x->at != ',') || (commas && !digits)) {
            return 0;
        }
    }
    if (x->at == x->end || digits == 0 || digits > 4 || commas > 1) {
        return 0;
    }
    x->at++;
    return 1;
}

/* One character of a pattern and what belongs to it. @return 0 when POSIX and PCRE2 may differ */
static int common_step(posix_t *x)
{
    char c = *x->at++;
    int atom = x->atom;

    x->atom = 1;
    switch (c) {
    case '\\':
        return x->at < x->end && strchr("^.[$()|*+?{\\", *x->at++) != NULL;
    case '[':
        return common_class(x);
    case '(':
        x->depth++;
        x->atom = 0;
        return x->depth < 10 && ++x->parentheses < 50;
    case ')':
        x->depth--;
        return x->depth >= 0 && atom;
    case '|':
        x->branches |= x->depth == 0;
        x->atom = 0;
        return atom != 0 && x->at < x->end && *x->at != '|' && *x->at != ')';
    case '*':
    case '+':
    case '?':
        x->atom = 2; /* no quantifier may follow a quantifier, but all else */
        return atom == 1;
    case '{':
        x->atom = 2;
        return atom == 1 && common_count(x);
    case '^':
    case '$':
    case ']':
    case '}':
        return 0;
    default:
        return (unsigned char)c >= 0x20 && (unsigned char)c < 0x7f;
    }
}

/*
 * A searching POSIX pattern over ASCII values as one of PCRE2 that is anchored at both ends. NULL: they may differ.
 */
static const char *anchored(const char *pattern, apr_pool_t *p)
{
    posix_t x = { .at = pattern, .end = pattern + strlen(pattern) };
    int first = *pattern == '^';
    int last = x.end > x.at + first && x.end[-1] == '$';
    const char *from;

    if (last && x.end - x.at >= 2 && x.end[-2] == '\\') {
        return NULL; /* escaped, or not: not worth a guess */
    }
    x.at += first;
    x.end -= last;
    from = x.at;
    if (x.at == x.end) {
        return NULL;
    }
    while (x.at < x.end) {
        if (!common_step(&x)) {
            return NULL;
        }
    }
    if (x.depth != 0 || x.atom == 0 || (x.branches && (first || last))) {
        return NULL;
    }
    pattern = apr_pstrmemdup(p, from, (apr_size_t)(x.end - from));
    return apr_pstrcat(p, first ? "" : ".*", x.branches ? "(?:" : "", pattern, x.branches ? ")" : "", last ? "" : ".*",
                       NULL);
}

/* ---- components ---------------------------------------------------------------------------------------------- */

static const struct {
    const char *sssd;
    const char *ours;
} purposes[] = {
    { "serverAuth", "serverAuth" },
    { "clientAuth", "clientAuth" },
    { "codeSigning", "codeSigning" },
    { "emailProtection", "emailProtection" },
    { "timeStamping", "timeStamping" },
    { "OCSPSigning", "OCSPSigning" },
    { "KPClientAuth", "1.3.6.1.5.2.3.4" },
    { "pkinit", "1.3.6.1.5.2.3.4" },
    { "msScLogin", "1.3.6.1.4.1.311.20.2.2" },
};

/* Alternative names whose values are ASCII in both. */
static const struct {
    const char *sssd;
    const char *ours;
} names[] = {
    { "SAN:rfc822Name", "san.email" },
    { "SAN:dNSName", "san.dns" },
    { "SAN:uniformResourceIdentifier", "san.uri" },
};

static const char *name_component(const char *field, const char *value, const char **word, apr_pool_t *p)
{
    const char *text = whole_text(value, p);
    const char *why = text ? certmap_import_plain_name(text, p) : NULL;

    if (text == NULL) {
        return apr_psprintf(p,
                            "its <%s> pattern searches in the text of a name; text of names can be forged, and "
                            "rules here compare their parts: only ^NAME$ with every special character escaped is "
                            "carried over",
                            *field == 's' ? "SUBJECT" : "ISSUER");
    }
    if (why == NULL && (strncmp(text, "STREET=", 7) == 0 || strstr(text, ",STREET=") != NULL)) {
        why = "STREET is written in different ways by different builds of SSSD";
    }
    if (why != NULL) {
        return why;
    }
    *word = apr_pstrcat(p, "case:", field, "=", text, NULL);
    return NULL;
}

/* One of a list; SSSD asks all of a list, and conditions here would ask them of one value. */
static const char *single(const char *value, apr_pool_t *p)
{
    char *copy = apr_pstrdup(p, value);

    apr_collapse_spaces(copy, copy);
    return strchr(copy, ',') == NULL && strlen(copy) > 0 ? copy : NULL;
}

static const char *usage_component(const char *value, const char **word, apr_pool_t *p)
{
    const char *usage = single(value, p);
    const char *const *k;

    if (usage == NULL) {
        return "its <KU> asks for several usages at once, which no rule here can";
    }
    for (k = certmap_key_usages; *k != NULL; k++) {
        if (strcasecmp(*k, usage) == 0) {
            *word = apr_pstrcat(p, "ku=", *k, NULL);
            return NULL;
        }
    }
    return "its <KU> is not a key usage that has a name";
}

static const char *purpose_component(const char *value, const char **word, apr_pool_t *p)
{
    const char *purpose = single(value, p);
    apr_size_t i;

    if (purpose == NULL) {
        return "its <EKU> asks for several purposes at once, which no rule here can";
    }
    for (i = 0; i < sizeof(purposes) / sizeof(purposes[0]); i++) {
        if (strcasecmp(purposes[i].sssd, purpose) == 0) {
            *word = apr_pstrcat(p, "eku=", purposes[i].ours, NULL);
            return NULL;
        }
    }
    if (strspn(purpose, "0123456789.") != strlen(purpose)) {
        return "its <EKU> is not a purpose that SSSD knows";
    }
    *word = apr_pstrcat(p, "eku=", purpose, NULL);
    return NULL;
}

/* One component as a condition. */
static const char *component(const char *keyword, const char *value, const char **word, apr_pool_t *p)
{
    const char *pattern;
    apr_size_t i;

    if (*value == '\0') {
        return apr_psprintf(p, "its <%.40s> has no value", keyword);
    }
    if (strcmp(keyword, "SUBJECT") == 0) {
        return name_component("subject", value, word, p);
    }
    if (strcmp(keyword, "ISSUER") == 0) {
        return name_component("issuer", value, word, p);
    }
    if (strcmp(keyword, "KU") == 0) {
        return usage_component(value, word, p);
    }
    if (strcmp(keyword, "EKU") == 0) {
        return purpose_component(value, word, p);
    }
    for (i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        if (strcasecmp(names[i].sssd, keyword) == 0) {
            pattern = anchored(value, p);
            /* SSSD asks all values of the type, and at least one. */
            *word = pattern ? apr_pstrcat(p, "all:", names[i].ours, "~", pattern, NULL) : NULL;
            return pattern ? NULL : apr_psprintf(p, "the pattern of its <%s> may mean something else here", keyword);
        }
    }
    return apr_psprintf(p, "its <%.60s> has no exact counterpart", keyword);
}

const char *certmap_sssd_match(const char *text, sssd_match_t *match, apr_pool_t *p)
{
    apr_array_header_t *words = apr_array_make(p, 4, sizeof(const char *));
    int any_of = 0, i;

    match->alternatives = apr_array_make(p, 2, sizeof(apr_array_header_t *));
    match->asks_ku = 0;
    text += strncmp(text, "KRB5:", 5) == 0 ? 5 : 0;
    any_of = strncmp(text, "||", 2) == 0;
    text += any_of || strncmp(text, "&&", 2) == 0 ? 2 : 0;
    while (*text != '\0') {
        const char *close = *text == '<' ? strchr(text, '>') : NULL;
        const char *end, *why, *word = NULL;

        if (close == NULL) {
            return "its matching rule does not read <KEYWORD>VALUE..., which SSSD does not take either";
        }
        end = strchr(close, '<');
        end = end ? end : close + strlen(close);
        why = component(apr_pstrmemdup(p, text + 1, (apr_size_t)(close - text - 1)),
                        apr_pstrmemdup(p, close + 1, (apr_size_t)(end - close - 1)), &word, p);
        if (why != NULL) {
            return why;
        }
        match->asks_ku |= strncmp(word, "ku=", 3) == 0;
        APR_ARRAY_PUSH(words, const char *) = word;
        text = end;
    }
    if (words->nelts == 0 || words->nelts > 50) {
        return words->nelts ? "its matching rule has more than 50 components" : "its matching rule is empty";
    }
    for (i = 0; !any_of && i < words->nelts; i++) {
        int j;

        for (j = 0; j < i; j++) {
            const char *word = APR_ARRAY_IDX(words, i, const char *);
            apr_size_t len = strcspn(word, "=~") + 1;

            if (strncmp(word, "all:", 4) != 0 && strncmp(word, APR_ARRAY_IDX(words, j, const char *), len) == 0) {
                return "it asks one field twice; here both would have to hold on one same value";
            }
        }
    }
    if (!any_of) {
        APR_ARRAY_PUSH(match->alternatives, apr_array_header_t *) = words;
    }
    for (i = 0; any_of && i < words->nelts; i++) {
        apr_array_header_t *alone = apr_array_make(p, 3, sizeof(const char *));

        APR_ARRAY_PUSH(alone, const char *) = APR_ARRAY_IDX(words, i, const char *);
        APR_ARRAY_PUSH(match->alternatives, apr_array_header_t *) = alone;
    }
    return NULL;
}

/* ---- users --------------------------------------------------------------------------------------------------- */

/* Attributes that SSSD takes as the login name. */
static const char *const login_names[] = { "uid", "sAMAccountName", NULL };

static const struct {
    const char *template;
    const char *user;
    const char *condition; /* SSSD's short name ends at the first '@', and is all of it without one */
    int ldapu1;
} templates[] = {
    { .template = "{subject_rfc822_name}", .user = "%{san.email}" },
    { .template = "{subject_rfc822_name.short_name}", .user = "%{1}", .condition = "san.email~([^@]+)(?:@.*)?" },
    { .template = "{subject_nt_principal}", .user = "%{san.upn}" },
    { .template = "{subject_nt_principal.short_name}", .user = "%{1}", .condition = "san.upn~([^@]+)(?:@.*)?" },
    { .template = "{subject_dns_name}", .user = "%{san.dns}" },
    { .template = "{subject_dn_component.cn}", .user = "%{subject.CN}", .ldapu1 = 1 },
    { .template = "{subject_dn_component.uid}", .user = "%{subject.UID}", .ldapu1 = 1 },
};

const char *certmap_sssd_map(const char *text, sssd_map_t *map, apr_pool_t *p)
{
    int ldapu1 = strncmp(text, "LDAPU1:", 7) == 0;
    const char *equals, *value;
    const char *const *l;
    apr_size_t len, i;

    text += ldapu1 ? 7 : strncmp(text, "LDAP:", 5) == 0 ? 5 : 0;
    len = strlen(text);
    equals = strchr(text, '=');
    if (len < 2 || *text != '(' || text[len - 1] != ')' || equals == NULL || strchr(text + 1, '(') != NULL) {
        return "its mapping rule is a search in the directory, which rules cannot do; write an entry for each account";
    }
    for (l = login_names; *l != NULL; l++) {
        if (strlen(*l) == (apr_size_t)(equals - text - 1) && strncasecmp(*l, text + 1, strlen(*l)) == 0) {
            break;
        }
    }
    if (*l == NULL) {
        return apr_psprintf(p,
                            "its mapping rule searches the directory for %.60s, which is not the login name; "
                            "write an entry for each account",
                            apr_pstrmemdup(p, text + 1, (apr_size_t)(equals - text - 1)));
    }
    value = apr_pstrmemdup(p, equals + 1, len - (apr_size_t)(equals + 1 - text) - 1);
    for (i = 0; i < sizeof(templates) / sizeof(templates[0]); i++) {
        if (strcasecmp(templates[i].template, value) == 0 && (!templates[i].ldapu1 || ldapu1)) {
            map->user = templates[i].user;
            map->condition = templates[i].condition;
            return NULL;
        }
    }
    return "the template of its mapping rule has no exact counterpart; write an entry for each account";
}
