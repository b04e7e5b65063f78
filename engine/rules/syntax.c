/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Values that no certificate can have in a field: letters beyond ASCII where the field holds ASCII only, other
 * characters than hex digits, numbers of digits that no fingerprint has. A condition that asks for one never matches,
 * which is a hole when it is a deny rule's.
 */
#include <string.h>

#include <apr_strings.h>

#include "rules/compare.h"
#include "rules/eval.h"

#define OID_EMAIL "1.2.840.113549.1.9.1"

/* ---- host names in A-labels (RFC 3492) ------------------------------------------------------------------------- */

/* Whether IDNA leaves these letters as they are: lower case, or of a script without cases. What it would map first
 * (capitals, letters with marks apart, ...) needs its tables, and then no A-label is shown. */
static int is_mapped(certmap_str_t label)
{
    static const char letters[] = "(?:[-a-zA-Z0-9]|(?![\\x{17f}\\x{fb00}-\\x{fb4f}])[\\p{Ll}\\p{Lo}])+";
    PCRE2_SIZE at;
    int rc;
    pcre2_code *code = pcre2_compile((PCRE2_SPTR)letters, sizeof(letters) - 1,
                                     PCRE2_ANCHORED | PCRE2_ENDANCHORED | PCRE2_UTF, &rc, &at, NULL);
    pcre2_match_data *md = code ? pcre2_match_data_create_from_pattern(code, NULL) : NULL;
    int yes = md != NULL && pcre2_match(code, (PCRE2_SPTR)label.data, label.len, 0, 0, md, NULL) > 0;

    pcre2_match_data_free(md);
    pcre2_code_free(code);
    return yes;
}

/* Writes one number. @return the bias after it */
static apr_uint32_t put_number(char **to, apr_uint32_t q, apr_uint32_t bias, apr_uint32_t handled, int first)
{
    apr_uint32_t delta = q;
    apr_uint32_t k;
    apr_uint32_t t;

    for (k = 36; (t = k <= bias ? 1 : k >= bias + 26 ? 26 : k - bias) <= q; k += 36) {
        apr_uint32_t digit = t + (q - t) % (36 - t);

        *(*to)++ = (char)(digit < 26 ? 'a' + digit : '0' + digit - 26);
        q = (q - t) / (36 - t);
    }
    *(*to)++ = (char)(q < 26 ? 'a' + q : '0' + q - 26);
    delta = first ? delta / 700 : delta / 2;
    delta += delta / handled;
    for (k = 0; delta > 35 * 26 / 2; k += 36) {
        delta /= 35;
    }
    return k + 36 * delta / (delta + 38);
}

/* @return the A-label of a label, or NULL */
static const char *a_label(certmap_str_t label, apr_pool_t *p)
{
    apr_uint32_t c[CERTMAP_LABEL_MOST + 1];
    char out[8 + CERTMAP_LABEL_MOST * 8];
    char *to = out + 4;
    apr_uint32_t n = 128, delta = 0, bias = 72, basic = 0, handled, count = 0, i;
    apr_size_t at = 0;

    if (!is_mapped(label)) {
        return NULL;
    }
    while (at < label.len) {
        int len = certmap_utf8_next((const unsigned char *)label.data + at, label.len - at, &c[count]);

        /* RFC 1035, 2.3.4: a label has 1 to 63 octets. */
        if (len == 0 || count == CERTMAP_LABEL_MOST) {
            return NULL;
        }
        at += (apr_size_t)len;
        if (c[count] < 128) {
            *to++ = (char)(c[count] >= 'A' && c[count] <= 'Z' ? c[count] + 32 : c[count]);
            basic++;
        }
        count++;
    }
    memcpy(out, "xn--", 4);
    if (basic > 0) {
        *to++ = '-';
    }
    for (handled = basic; handled < count; delta++, n++) {
        apr_uint32_t least = 0x110000;

        for (i = 0; i < count; i++) {
            least = c[i] >= n && c[i] < least ? c[i] : least;
        }
        delta += (least - n) * (handled + 1);
        n = least;
        for (i = 0; i < count; i++) {
            delta += c[i] < n;
            if (c[i] == n) {
                bias = put_number(&to, delta, bias, handled + 1, handled == basic);
                delta = 0;
                handled++;
            }
        }
    }
    return to - out <= CERTMAP_LABEL_MOST ? apr_pstrmemdup(p, out, (apr_size_t)(to - out)) : NULL;
}

const char *certmap_a_labels(certmap_str_t name, apr_pool_t *p)
{
    const char *out = "";
    apr_size_t from;
    apr_size_t to;
    apr_size_t i;

    for (from = 0; from <= name.len; from = to + 1) {
        certmap_str_t label = { name.data + from, 0 };
        const char *text;
        int ascii = 1;

        for (to = from; to < name.len && name.data[to] != '.'; to++) {
        }
        label.len = to - from;
        for (i = 0; i < label.len; i++) {
            ascii &= (unsigned char)label.data[i] < 0x80;
        }
        text = ascii ? apr_pstrmemdup(p, label.data, label.len) : a_label(label, p);
        if (text == NULL) {
            return NULL;
        }
        out = apr_pstrcat(p, out, from > 0 ? "." : "", text, NULL);
    }
    return out;
}

/* ---- what a pattern asks for ------------------------------------------------------------------------------------ */

typedef int byte_fn(unsigned char c);

static int is_ascii(unsigned char c)
{
    return c < 0x80;
}

static int is_hex(unsigned char c)
{
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f');
}

static int is_oid(unsigned char c)
{
    return (c >= '0' && c <= '9') || c == '.';
}

static int is_ip(unsigned char c)
{
    return is_hex(c) || c == '.' || c == ':';
}

static int all_are(certmap_str_t text, byte_fn *good)
{
    apr_size_t i;

    for (i = 0; i < text.len && good((unsigned char)text.data[i]); i++) {
    }
    return i == text.len;
}

/* Whether all characters that a pattern is certain to ask for are of a kind. */
static int asks_only(const certmap_cond_t *cond, byte_fn *good)
{
    const certmap_needs_t *needs;
    apr_size_t i;

    switch (cond->pattern) {
    case CERTMAP_P_LITERAL:
        return all_are(cond->u.literal, good);
    case CERTMAP_P_WILDCARD:
        for (i = 0; i < cond->u.wildcard.n; i++) {
            apr_uint16_t token = cond->u.wildcard.tokens[i];

            if (token != CERTMAP_TOKEN_ONE && token != CERTMAP_TOKEN_ANY && !good((unsigned char)(token & 0xff))) {
                return 0;
            }
        }
        return 1;
    case CERTMAP_P_REGEX:
        needs = cond->u.regex.needs;
        return needs == NULL
               || (all_are(needs->prefix, good) && all_are(needs->inner, good) && all_are(needs->suffix, good));
    case CERTMAP_P_NETWORK:
    case CERTMAP_P_DN:
    case CERTMAP_P_DN_BELOW:
        break;
    }
    return 1;
}

/* ---- ASCII ------------------------------------------------------------------------------------------------------ */

/* What to write in place of a value with letters beyond ASCII. */
static const char *ascii_hint(certmap_field_e field, const char *oid, certmap_str_t raw, apr_pool_t *p)
{
    int email = field == CERTMAP_F_SAN_EMAIL || (oid != NULL && strcmp(oid, OID_EMAIL) == 0);
    const char *at = email && raw.len > 0 ? memchr(raw.data, '@', raw.len) : NULL;
    certmap_str_t before = { raw.data, at ? (apr_size_t)(at + 1 - raw.data) : 0 };
    const char *labels;

    if (field == CERTMAP_F_SAN_URI) {
        return "a URI has them percent-encoded, and the A-label of its host (xn--...)";
    }
    if (!all_are(before, is_ascii)) {
        return "no CA can write such an address";
    }
    labels = certmap_a_labels((certmap_str_t){ raw.data + before.len, raw.len - before.len }, p);
    if (raw.len == 0 || labels == NULL || (email && at == NULL)) {
        return "host names are written there as A-labels (xn--...)";
    }
    return apr_pstrcat(p,
                       "a certificate has the A-label: ", apr_pstrmemdup(p, before.data ? before.data : "", before.len),
                       labels, NULL);
}

static const char *say_ascii(const char *name, certmap_field_e field, const char *oid, certmap_str_t raw, apr_pool_t *p)
{
    return apr_psprintf(p, "%s holds ASCII only, so that this can never match; %s", name,
                        ascii_hint(field, oid, raw, p));
}

const char *certmap_name_impossible(const certmap_dn_t *dn, apr_pool_t *p)
{
    int i;
    int j;

    for (i = 0; i < dn->nrdns; i++) {
        for (j = 0; j < dn->rdns[i].navas; j++) {
            const certmap_ava_t *ava = &dn->rdns[i].avas[j];

            if (certmap_attr_is_ascii(ava->oid) && !all_are(ava->value, is_ascii)) {
                return say_ascii(certmap_attr_name(ava->oid, p), CERTMAP_F_SUBJECT_ATTR, ava->oid, ava->value, p);
            }
        }
    }
    return NULL;
}

const char *certmap_email_impossible(certmap_str_t address, apr_pool_t *p)
{
    return all_are(address, is_ascii) ? NULL : say_ascii("<RFC822>", CERTMAP_F_SAN_EMAIL, NULL, address, p);
}

static const char *beyond_ascii(const certmap_cond_t *cond, apr_pool_t *p)
{
    certmap_field_e kind = cond->field.kind;
    int ia5 = kind == CERTMAP_F_SAN_EMAIL || kind == CERTMAP_F_SAN_DNS || kind == CERTMAP_F_SAN_URI
              || ((kind == CERTMAP_F_SUBJECT_ATTR || kind == CERTMAP_F_ISSUER_ATTR)
                  && certmap_attr_is_ascii(cond->field.oid));

    return !ia5 || asks_only(cond, is_ascii)
               ? NULL
               : say_ascii(cond->field.name, kind, cond->field.oid,
                           cond->pattern == CERTMAP_P_REGEX ? (certmap_str_t){ "", 0 } : cond->raw, p);
}

/* ---- hex and the rest ------------------------------------------------------------------------------------------- */

/* How many digits a pattern asks for. @return whether these are all */
static int digits_of(const certmap_cond_t *cond, apr_size_t *n)
{
    const certmap_needs_t *needs;
    apr_size_t i;
    apr_size_t stars = 0;

    switch (cond->pattern) {
    case CERTMAP_P_LITERAL:
        *n = cond->u.literal.len;
        return 1;
    case CERTMAP_P_WILDCARD:
        for (i = 0; i < cond->u.wildcard.n; i++) {
            stars += cond->u.wildcard.tokens[i] == CERTMAP_TOKEN_ANY;
        }
        *n = cond->u.wildcard.n - stars;
        return stars == 0;
    case CERTMAP_P_REGEX:
        needs = cond->u.regex.needs;
        *n = needs ? needs->prefix.len + needs->inner.len + needs->suffix.len : 0;
        return needs != NULL && needs->whole;
    case CERTMAP_P_NETWORK:
    case CERTMAP_P_DN:
    case CERTMAP_P_DN_BELOW:
        break;
    }
    *n = 0;
    return 0;
}

static const char *no_hex(const certmap_cond_t *cond, apr_pool_t *p)
{
    apr_size_t want = certmap_hex_digits(cond->field.kind);
    apr_size_t n;
    int all = digits_of(cond, &n);

    if (!asks_only(cond, is_hex)) {
        return apr_psprintf(p, "values of %s are lower-case hex without colons: this can never match",
                            cond->field.name);
    }
    if (want != 0 && (n > want || (all && n != want))) {
        return apr_psprintf(p, "%s has %" APR_SIZE_T_FMT " hex digits, not %" APR_SIZE_T_FMT, cond->field.name, want,
                            n);
    }
    return all && n % 2 != 0 ? apr_psprintf(p, "odd number of hex digits (%" APR_SIZE_T_FMT "); two make an octet", n)
                             : NULL;
}

/* A value that is one sound character string is text, so its DER is not a value. */
static const char *der_of_text(const certmap_cond_t *cond, apr_pool_t *p)
{
    certmap_str_t hex = cond->pattern == CERTMAP_P_LITERAL ? cond->u.literal : (certmap_str_t){ "", 0 };
    unsigned char *der = apr_palloc(p, hex.len / 2 + 1);
    certmap_der_t in = { der, der + hex.len / 2 };
    certmap_der_t content;
    certmap_str_t text;
    unsigned int tag;
    apr_size_t i;

    for (i = 0; i + 1 < hex.len; i += 2) {
        der[i / 2] = (unsigned char)(16 * certmap_hexval(hex.data[i]) + certmap_hexval(hex.data[i + 1]));
    }
    if (!certmap_der_next(&in, &tag, &content) || in.at != in.end || !certmap_der_is_string(tag)
        || certmap_der_string(tag, content, &text, p) != NULL) {
        return NULL;
    }
    return apr_psprintf(p, "a character string compares as text, so that this can never match; write the text: %s",
                        text.data);
}

/* Whether a pattern meets none of the names of key usages. */
static int no_usage(const certmap_cond_t *cond, apr_pool_t *p)
{
    const char *const *names;

    for (names = certmap_key_usages; *names != NULL; names++) {
        certmap_value_t value;
        certmap_eval_t ev;

        certmap_value_text(&value, (certmap_str_t){ *names, strlen(*names) }, p);
        certmap_eval_init(&ev, NULL, NULL, p);
        if (certmap_cond_value(&ev, cond, &value) != CERTMAP_MATCH_NO) {
            return 0;
        }
    }
    return 1;
}

static int no_sid(const certmap_cond_t *cond, apr_pool_t *p)
{
    static const apr_uint16_t begins[] = { 'S', '-', '1', '-', CERTMAP_TOKEN_ANY };
    certmap_cond_t sid = { .field = cond->field, .exact = 1, .pattern = CERTMAP_P_WILDCARD };
    certmap_compare_t c = { p, 100000 };

    sid.raw = (certmap_str_t){ "S-1-*", 5 };
    sid.u.wildcard.tokens = begins;
    sid.u.wildcard.n = sizeof(begins) / sizeof(begins[0]);
    return certmap_cond_disjoint(&c, cond, &sid);
}

const char *certmap_cond_impossible(const certmap_cond_t *cond, apr_pool_t *p)
{
    const char *why;

    switch (certmap_field_kind(&cond->field)) {
    case CERTMAP_V_TEXT:
        if (cond->opaque) {
            why = no_hex(cond, p);
            return why != NULL ? why : der_of_text(cond, p);
        }
        if (cond->field.kind == CERTMAP_F_KU && no_usage(cond, p)) {
            return "no key usage has a name that matches this (contentCommitment is nonRepudiation here)";
        }
        if (cond->field.kind == CERTMAP_F_SID && no_sid(cond, p)) {
            return "a SID reads S-1-5-21-...: this can never match";
        }
        return beyond_ascii(cond, p);
    case CERTMAP_V_DN:
        return certmap_name_impossible(cond->u.dn, p);
    case CERTMAP_V_HEX:
        return no_hex(cond, p);
    case CERTMAP_V_OID:
        return asks_only(cond, is_oid) ? NULL : "values are dotted OIDs: this can never match";
    case CERTMAP_V_IP:
        return asks_only(cond, is_ip) ? NULL : "no address has such characters: this can never match";
    case CERTMAP_V_OPAQUE:
        break;
    }
    return NULL;
}
