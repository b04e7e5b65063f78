/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How firmly a rule is bound to one certificate: what its conditions pin, and whether they ask enough of the subject
 * for that. Judged by how a pattern is written, by letters and digits that a value must have.
 */
#include <string.h>

#include "rules/ruleset.h"
#include "rules/template.h"

/* So many letters or digits of a value must be asked for, and so many hex digits: fewer tell hardly anybody apart. */
#define LETTERS_LEAST 3
#define HEX_LEAST 8
/* And so many bits of an address. */
#define BITS_LEAST_4 16
#define BITS_LEAST_6 32

/* Two letters, which it shares with a whole country. */
#define OID_COUNTRY "2.5.4.6"

/* Letters and digits; of others than ASCII's each byte counts, since each is worth more. */
static unsigned letters_in(const char *text, apr_size_t n)
{
    unsigned count = 0;
    apr_size_t i;

    for (i = 0; i < n; i++) {
        char c = text[i];

        count += (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || (unsigned char)c >= 0x80;
    }
    return count;
}

/* ---- what the syntax of a field forces ------------------------------------------------------------------------ */

/* What every SID of a domain has: "S-1-5-21-". */
#define LETTERS_OF_SID 5

/* How much of a URI's pattern is about its scheme: all up to the last "://", or to the first ':'. */
static apr_size_t scheme_of(certmap_str_t pattern)
{
    apr_size_t first = 0;
    apr_size_t i;

    for (i = pattern.len; i >= 3; i--) {
        if (memcmp(pattern.data + i - 3, "://", 3) == 0) {
            return i;
        }
    }
    for (i = 0; i < pattern.len && first == 0; i++) {
        first = pattern.data[i] == ':' ? i + 1 : 0;
    }
    return first;
}

/* Letters and digits that a part of a pattern asks for; all of it may be understood where a part is not. */
static int letters_of(certmap_pattern_e pattern, certmap_str_t text)
{
    int n = pattern == CERTMAP_P_REGEX ? certmap_regex_letters(text) : -1;

    return n >= 0 ? n : (int)letters_in(text.data, text.len);
}

static int unforced_letters(const certmap_cond_t *cond)
{
    certmap_str_t scheme = { cond->raw.data, cond->field.kind == CERTMAP_F_SAN_URI ? scheme_of(cond->raw) : 0 };
    int all = cond->pattern == CERTMAP_P_REGEX ? certmap_regex_letters(cond->raw)
                                               : (int)letters_in(cond->raw.data, cond->raw.len);

    return all - (cond->field.kind == CERTMAP_F_SID ? LETTERS_OF_SID : letters_of(cond->pattern, scheme));
}

/* ---- what a condition asks for --------------------------------------------------------------------------------- */

/* Letters and digits that the names below a name have in common. */
static unsigned letters_of_name(const certmap_dn_t *dn)
{
    unsigned n = 0;
    int i;
    int j;

    for (i = 0; i < dn->nrdns; i++) {
        for (j = 0; j < dn->rdns[i].navas; j++) {
            const certmap_ava_t *ava = &dn->rdns[i].avas[j];

            n += strcmp(ava->oid, OID_COUNTRY) != 0 ? letters_in(ava->folded.data, ava->folded.len) : 0;
        }
    }
    return n;
}

/* Whether a positive condition leaves few enough certificates of one CA. */
static int asks_enough(const certmap_cond_t *cond)
{
    int hex = certmap_field_kind(&cond->field) == CERTMAP_V_HEX || cond->opaque;
    int least = hex ? HEX_LEAST : LETTERS_LEAST;

    switch (cond->pattern) {
    case CERTMAP_P_LITERAL:
        return cond->field.oid == NULL || strcmp(cond->field.oid, OID_COUNTRY) != 0;
    case CERTMAP_P_WILDCARD:
    case CERTMAP_P_REGEX:
        return unforced_letters(cond) >= least;
    case CERTMAP_P_NETWORK:
        return cond->u.network.bits >= (cond->u.network.len == 4 ? BITS_LEAST_4 : BITS_LEAST_6);
    case CERTMAP_P_DN:
        return 1;
    case CERTMAP_P_DN_BELOW:
        return letters_of_name(cond->u.dn) >= LETTERS_LEAST;
    }
    return 0;
}

/* Whether a regex takes any number of any hex digits. */
static int takes_hex(certmap_str_t pattern)
{
    static const char digits[] = "0123456789abcdef";
    certmap_str_t atom;
    pcre2_code *code;
    pcre2_match_data *md;
    PCRE2_SIZE at;
    unsigned met = 0;
    unsigned i;
    int rc;

    if (!certmap_regex_repeats(pattern, &atom)) {
        return 0;
    }
    code = pcre2_compile((PCRE2_SPTR)atom.data, atom.len, PCRE2_ANCHORED | PCRE2_ENDANCHORED | PCRE2_UTF, &rc, &at,
                         NULL);
    md = code ? pcre2_match_data_create_from_pattern(code, NULL) : NULL;
    for (i = 0; md != NULL && i < 16; i++) {
        met += pcre2_match(code, (PCRE2_SPTR)&digits[i], 1, 0, 0, md, NULL) >= 0;
    }
    pcre2_match_data_free(md);
    pcre2_code_free(code);
    return met == 16;
}

int certmap_cond_asks_nothing(const certmap_cond_t *cond)
{
    apr_size_t i;
    int ones = 0;
    int any = 0;

    if (cond->negated
        || (cond->field.kind != CERTMAP_F_SERIAL && cond->field.kind != CERTMAP_F_SHA256
            && cond->field.kind != CERTMAP_F_SHA1 && cond->field.kind != CERTMAP_F_SPKI)) {
        return 0;
    }
    if (cond->pattern == CERTMAP_P_REGEX) {
        return takes_hex(cond->raw);
    }
    for (i = 0; cond->pattern == CERTMAP_P_WILDCARD && i < cond->u.wildcard.n; i++) {
        apr_uint16_t token = cond->u.wildcard.tokens[i];

        ones += token == CERTMAP_TOKEN_ONE;
        if (token < CERTMAP_TOKEN_ONE || ones > 2) {
            return 0; /* a serial number may have two digits only */
        }
        any |= token == CERTMAP_TOKEN_ANY;
    }
    return any;
}

/* ---- what a rule pins ------------------------------------------------------------------------------------------ */

/* What of a certificate the conditions of a rule pin. */
typedef struct pins_t {
    int leaf;   /* the certificate or its key */
    int issuer; /* the whole issuer DN */
    int ca;     /* a CA certificate of the chain */
    int number; /* what an issuer gives once: serial number, SID */
    int ski;
} pins_t;

/* Whether values of a field are the subject's own, and not what the CA gives to all alike. */
static int is_personal(certmap_field_e field)
{
    switch (field) {
    case CERTMAP_F_SUBJECT:
    case CERTMAP_F_SUBJECT_ATTR:
    case CERTMAP_F_SAN_EMAIL:
    case CERTMAP_F_SAN_DNS:
    case CERTMAP_F_SAN_URI:
    case CERTMAP_F_SAN_IP:
    case CERTMAP_F_SAN_UPN:
    case CERTMAP_F_SAN_DIRNAME:
    case CERTMAP_F_SAN_RID:
    case CERTMAP_F_SAN_OTHER:
    case CERTMAP_F_SERIAL:
    case CERTMAP_F_SHA256:
    case CERTMAP_F_SHA1:
    case CERTMAP_F_SPKI:
    case CERTMAP_F_SKI:
    case CERTMAP_F_SID:
        return 1;
    case CERTMAP_F_ISSUER:
    case CERTMAP_F_ISSUER_ATTR:
    case CERTMAP_F_AKI:
    case CERTMAP_F_EKU:
    case CERTMAP_F_KU:
    case CERTMAP_F_POLICY:
    case CERTMAP_F_EXT:
    case CERTMAP_F_CHAIN_SHA256:
    case CERTMAP_F_ROOT_SHA256:
    case CERTMAP_F_COUNT:
        break;
    }
    return 0;
}

/* What one positive condition adds. pinned: it leaves one value only. */
static void pin(pins_t *pins, const certmap_cond_t *cond)
{
    int pinned = cond->pattern == CERTMAP_P_LITERAL || cond->pattern == CERTMAP_P_DN;
    certmap_field_e kind = cond->field.kind;

    pins->leaf |= pinned && (kind == CERTMAP_F_SHA256 || kind == CERTMAP_F_SPKI);
    pins->issuer |= pinned && kind == CERTMAP_F_ISSUER;
    pins->ca |= pinned && (kind == CERTMAP_F_CHAIN_SHA256 || kind == CERTMAP_F_ROOT_SHA256);
    pins->number |= pinned && (kind == CERTMAP_F_SERIAL || kind == CERTMAP_F_SID);
    pins->ski |= pinned && kind == CERTMAP_F_SKI;
}

/* Whether USER is made of what the CA calls the subject: then everybody gets a name of their own. */
static int takes_name(const certmap_rule_t *rule)
{
    apr_size_t i;

    for (i = 0; rule->user != NULL && i < rule->user->npieces; i++) {
        const certmap_piece_t *piece = &rule->user->pieces[i];
        const certmap_cond_t *regex = piece->kind == CERTMAP_PIECE_CAPTURE ? certmap_template_regex(rule) : NULL;

        if ((piece->kind == CERTMAP_PIECE_FIELD && is_personal(piece->u.field.kind))
            || (regex != NULL && is_personal(regex->field.kind))) {
            return 1;
        }
    }
    return 0;
}

static pins_t pins_of(const certmap_rule_t *rule)
{
    pins_t pins = { 0, 0, 0, 0, 0 };
    apr_size_t i;

    for (i = 0; i < rule->nconds; i++) {
        if (!rule->conds[i].negated) {
            pin(&pins, &rule->conds[i]);
        }
    }
    return pins;
}

/* Whether a rule's conditions, or its USER, ask enough of the subject. */
static int has_subject(const certmap_rule_t *rule)
{
    apr_size_t i;

    for (i = 0; i < rule->nconds; i++) {
        if (!rule->conds[i].negated && is_personal(rule->conds[i].field.kind) && asks_enough(&rule->conds[i])) {
            return 1;
        }
    }
    return takes_name(rule);
}

int certmap_rule_has_issuer(const certmap_rule_t *rule)
{
    pins_t pins = pins_of(rule);

    return pins.issuer || pins.ca;
}

certmap_strength_e certmap_rule_strength(const certmap_rule_t *rule)
{
    pins_t pins = pins_of(rule);

    /* [promise weak] */
    if (pins.leaf || (pins.issuer && pins.number) || ((pins.issuer || pins.ca) && pins.ski)) {
        return CERTMAP_STRONG;
    }
    return (pins.issuer || pins.ca) && has_subject(rule) ? CERTMAP_SCOPED : CERTMAP_WEAK;
}
