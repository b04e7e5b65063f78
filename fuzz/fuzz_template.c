/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Fuzz target: USER templates. The first line is a USER, the second the conditions of its rule, the others are the
 * certificate (fuzz_read_cert). A user that comes out must be acceptable and must be spelt by the template from values
 * that the conditions bound, and nothing else.
 */
#include <apr_lib.h>

#include "fuzz.h"
#include "rules/testing.h"
#include "x509/testing.h"

#define PARTS_MOST 12

/* What one part of a template may give. */
typedef struct template_part_t {
    certmap_str_t text; /* literal text, or what the only candidate gives */
    int capture;        /* any piece of one of these values, of modified case */
    const certmap_value_t *values;
    apr_size_t nvalues;
} template_part_t;

/* A rule file's word for any text. */
static const char *quoted(certmap_str_t text, apr_pool_t *p)
{
    char *out = apr_pcalloc(p, 2 * text.len + 3);
    char *s = out;
    apr_size_t i;

    *s++ = '"';
    for (i = 0; i < text.len; i++) {
        if (text.data[i] == '"' || text.data[i] == '\\') {
            *s++ = '\\';
        }
        *s++ = text.data[i];
    }
    *s = '"';
    return out;
}

/* What a condition says of a value, where this file can tell: 1 met, 0 not met, -1 no opinion. */
static int met(const char *text, const certmap_field_t *field, const certmap_value_t *value, apr_pool_t *p)
{
    certmap_field_t other;
    const char *why = NULL;
    apr_size_t n;
    int exact = 0;

    if (strncmp(text, "case:", 5) == 0) {
        exact = 1;
        text += 5;
    }
    n = strcspn(text, "!=~");
    if (strncmp(text, "all:", 4) == 0 || text[n] != '='
        || certmap_field_parse((certmap_str_t){ text, n }, &other, &why, p) != APR_SUCCESS
        || !certmap_field_same(field, &other) || value->kind != CERTMAP_V_TEXT || field->kind == CERTMAP_F_KU
        || field->kind == CERTMAP_F_SID || (field->oid != NULL && text[n + 1] == '#') || strlen(text) > 64) {
        return -1;
    }
    return fuzz_meets((certmap_str_t){ text + n + 1, strlen(text + n + 1) }, exact, value->text, p);
}

/* The values of a field that no condition of the rule speaks against. */
static template_part_t bound(const certmap_rule_t *rule, const certmap_cert_t *cert, const certmap_field_t *field,
                             apr_pool_t *p)
{
    const certmap_value_t *all = NULL;
    certmap_value_t *kept;
    template_part_t part = { { "", 0 }, 0, NULL, 0 };
    apr_size_t n = 0;
    apr_size_t i;
    apr_size_t j;

    certmap_cert_values(cert, NULL, field, &all, &n, p);
    part.values = kept = apr_pcalloc(p, (n + 1) * sizeof(*kept));
    for (i = 0; i < n; i++) {
        for (j = 0; j < rule->nconds; j++) {
            if (met(certmap_cond_text(certmap_rule_cond(rule, j)), field, &all[i], p) == 0) {
                break;
            }
        }
        if (j == rule->nconds) {
            kept[part.nvalues++] = all[i];
        }
    }
    return part;
}

static int has_mod(const char *mods, const char *mod)
{
    const char *at = strstr(mods, mod);

    return at != NULL;
}

static char change_case(char c, const char *mods)
{
    return has_mod(mods, ":lower") ? (char)apr_tolower(c) : has_mod(mods, ":upper") ? (char)apr_toupper(c) : c;
}

/* The text that a placeholder gives of one value. */
static certmap_str_t modified(certmap_str_t text, const char *mods, apr_pool_t *p)
{
    const char *at = NULL;
    char *out;
    apr_size_t i;

    for (i = 0; i < text.len; i++) {
        at = text.data[i] == '@' ? text.data + i : at;
    }
    if (has_mod(mods, ":local")) {
        FUZZ_CHECK(at != NULL);
        text.len = (apr_size_t)(at - text.data);
    }
    else if (has_mod(mods, ":domain")) {
        FUZZ_CHECK(at != NULL);
        text.len -= (apr_size_t)(at + 1 - text.data);
        text.data = at + 1;
    }
    out = apr_pstrmemdup(p, text.data, text.len);
    for (i = 0; i < text.len; i++) {
        out[i] = (unsigned char)out[i] < 0x80 ? change_case(out[i], mods) : out[i];
    }
    return (certmap_str_t){ out, text.len };
}

/* The field of the rule's last positive regex without all:, which captures mean. */
static int captured_field(const certmap_rule_t *rule, certmap_field_t *field, apr_pool_t *p)
{
    const char *why = NULL;
    apr_size_t i;

    for (i = rule->nconds; i-- > 0;) {
        const char *text = certmap_cond_text(certmap_rule_cond(rule, i));
        int all = 0;
        apr_size_t n;

        while (strncmp(text, "all:", 4) == 0 || strncmp(text, "case:", 5) == 0) {
            all |= *text == 'a';
            text += *text == 'a' ? 4 : 5;
        }
        n = strcspn(text, "!=~");
        if (!all && text[n] == '~') {
            return certmap_field_parse((certmap_str_t){ text, n }, field, &why, p) == APR_SUCCESS;
        }
    }
    return 0;
}

/* What the placeholder between "%{" and "}" may give. @return 0: this file has no opinion */
static int read_placeholder(const char *inner, const certmap_rule_t *rule, const certmap_cert_t *cert,
                            template_part_t *part, apr_pool_t *p)
{
    apr_size_t n = strcspn(inner, ":");
    const char *mods = inner + n;
    certmap_field_t field;
    const char *why = NULL;
    apr_size_t i;

    if (strncasecmp(inner, "ext", n) == 0 || strncasecmp(inner, "san.other", n) == 0) {
        return 0;
    }
    if (strspn(inner, "0123456789") == n) {
        if (!captured_field(rule, &field, p)) {
            return 0;
        }
        *part = bound(rule, cert, &field, p);
        part->capture = 1;
        return 1;
    }
    FUZZ_CHECK(certmap_field_parse((certmap_str_t){ inner, n }, &field, &why, p) == APR_SUCCESS);
    *part = bound(rule, cert, &field, p);
    FUZZ_CHECK(part->nvalues > 0);
    for (i = 1; i < part->nvalues && !has_mod(mods, ":first") && !has_mod(mods, ":last"); i++) {
        if (!fuzz_same(part->values[0].text, part->values[i].text)) {
            return 0; /* only what this file cannot judge can have chosen among them */
        }
    }
    if (part->nvalues > 1 && rule->nconds > 0) {
        for (i = 0; i < rule->nconds; i++) {
            if (met(certmap_cond_text(certmap_rule_cond(rule, i)), &field, &part->values[0], p) < 0) {
                return 0;
            }
        }
    }
    part->text = modified(part->values[has_mod(mods, ":last") ? part->nvalues - 1 : 0].text, mods, p);
    return 1;
}

/* Reads a template into parts. @return their number, 0: no opinion */
static apr_size_t read_template(const certmap_rule_t *rule, const certmap_cert_t *cert, template_part_t *parts,
                                apr_pool_t *p)
{
    const char *s = rule->effect.user;
    apr_size_t n = 0;

    while (*s != '\0') {
        const char *close;

        if (n == PARTS_MOST) {
            return 0;
        }
        if (*s != '%' || s[1] == '%') {
            parts[n++] = (template_part_t){ { s, 1 }, 0, NULL, 0 };
            s += *s == '%' ? 2 : 1;
            for (; *s != '\0' && *s != '%' && s[-1] != '%'; s++) {
                parts[n - 1].text.len++;
            }
            continue;
        }
        close = strchr(s, '}');
        FUZZ_CHECK(s[1] == '{' && close != NULL);
        if (!read_placeholder(apr_pstrmemdup(p, s + 2, (apr_size_t)(close - s) - 2), rule, cert, &parts[n++], p)) {
            return 0;
        }
        s = close + 1;
    }
    return n;
}

/* Whether some value has these bytes, in any case. */
static int piece_of(const template_part_t *part, const char *piece, apr_size_t len)
{
    apr_size_t i;
    apr_size_t at;

    for (i = 0; i < part->nvalues; i++) {
        for (at = 0; at + len <= part->values[i].text.len; at++) {
            if (strncasecmp(part->values[i].text.data + at, piece, len) == 0) {
                return 1;
            }
        }
    }
    return 0;
}

/* Whether a user is what the parts spell, one after the other. */
static int spelt(const template_part_t *parts, apr_size_t n, const char *user)
{
    apr_size_t len;

    if (n == 0) {
        return *user == '\0';
    }
    if (!parts->capture) {
        len = parts->text.len;
        return strncmp(user, parts->text.data, len) == 0 && spelt(parts + 1, n - 1, user + len);
    }
    for (len = 1; len <= strlen(user) && piece_of(parts, user, len); len++) {
        if (spelt(parts + 1, n - 1, user + len)) {
            return 1;
        }
    }
    return 0;
}

int FUZZ_TARGET(template)(const uint8_t *data, size_t size)
{
    apr_pool_t *p = fuzz_pool();
    certmap_verdict_t verified = { .reason = CERTMAP_R_NONE };
    certmap_builder_t *b = certmap_builder_create(p);
    fuzz_in_t in = { data, data + size };
    certmap_str_t user = { "", 0 };
    certmap_str_t conditions = { "", 0 };
    template_part_t parts[PARTS_MOST];
    const certmap_ruleset_t *rs;
    const certmap_cert_t *cert;
    certmap_decision_t d;
    certmap_list_t list;
    apr_size_t n;
    char *text;

    fuzz_line(&in, &user, p);
    fuzz_line(&in, &conditions, p);
    if (memchr(user.data, '\0', user.len) != NULL || memchr(conditions.data, '\0', conditions.len) != NULL) {
        return 0; /* the lexer refuses them: fuzz_rules */
    }
    text = apr_pstrcat(p, "r allow ", quoted(user, p), " ", conditions.data, NULL);
    if (certmap_builder_add_file_text(b, (certmap_str_t){ text, strlen(text) }, NULL) != APR_SUCCESS) {
        return 0;
    }
    rs = certmap_builder_finish(b);
    FUZZ_CHECK(certmap_ruleset_count(rs) == 1);
    list = (certmap_list_t){ .rules = rs };
    cert = fuzz_read_cert(&in, p);
    FUZZ_CHECK(certmap_decide(QUESTION(&list, cert, &verified, CERTMAP_WEAK, FUZZ_NOW), &d, p) == APR_SUCCESS);
    fuzz_check_decision(&d);
    if (d.effect.user == NULL) {
        return 0;
    }
    FUZZ_CHECK(certmap_cert_malformed(cert) == NULL);
    n = read_template(d.rule, cert, parts, p);
    FUZZ_CHECK(n == 0 || spelt(parts, n, d.effect.user));
    return 0;
}
