/* SPDX-License-Identifier: Apache-2.0 */
/*
 * USER templates. A placeholder gives what the rule's conditions matched, never another value, and where it could
 * give two things it gives nothing: a certificate must not choose between users. What may be a user name is decided
 * here too.
 */
#include <string.h>

#include <apr_lib.h>
#include <apr_strings.h>

#include "rules/ruleset.h"
#include "rules/template.h"

static const struct {
    const char *name;
    unsigned bit;
    unsigned excludes;
} modifiers[] = {
    { .name = "lower", .bit = CERTMAP_MOD_LOWER, .excludes = CERTMAP_MOD_UPPER },
    { .name = "upper", .bit = CERTMAP_MOD_UPPER, .excludes = CERTMAP_MOD_LOWER },
    { .name = "local", .bit = CERTMAP_MOD_LOCAL, .excludes = CERTMAP_MOD_DOMAIN },
    { .name = "domain", .bit = CERTMAP_MOD_DOMAIN, .excludes = CERTMAP_MOD_LOCAL },
    { .name = "first", .bit = CERTMAP_MOD_FIRST, .excludes = CERTMAP_MOD_LAST },
    { .name = "last", .bit = CERTMAP_MOD_LAST, .excludes = CERTMAP_MOD_FIRST },
};

#define NMODIFIERS (sizeof(modifiers) / sizeof(modifiers[0]))

/* ---- what may be a user name ---------------------------------------------------------------------------------- */

/* ASCII letters, digits and what is between them in nearly all names: nothing is wrong with these. No isalnum(),
 * which asks the locale. */
static int is_plain(certmap_str_t user)
{
    apr_size_t i;

    for (i = 0; i < user.len; i++) {
        char c = user.data[i];

        if (!((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || c == '.' || c == '-'
              || c == '_' || c == '@')) {
            return 0;
        }
    }
    return 1;
}

const char *certmap_user_check(certmap_str_t user)
{
    apr_size_t i = 0;
    apr_uint32_t c = 0;

    /* [promise user-name] */
    if (user.len == 0) {
        return "the user name is empty";
    }
    if (user.len > CERTMAP_USER_MOST) {
        return "the user name is longer than 256 bytes";
    }
    if (is_plain(user)) {
        return NULL;
    }
    while (i < user.len) {
        int n = certmap_utf8_next((const unsigned char *)user.data + i, user.len - i, &c);

        if (n == 0) {
            return "the user name is not valid UTF-8";
        }
        if (certmap_char_is(c) == CERTMAP_CHAR_CONTROL) {
            return "the user name has a control character in it";
        }
        if (certmap_char_hides(c)) {
            return "the user name has an invisible or bidirectional control character in it";
        }
        if (c == ':') {
            return "the user name has a colon in it";
        }
        if (i == 0 && certmap_char_is(c) == CERTMAP_CHAR_BLANK) {
            return "the user name begins with a blank";
        }
        i += (apr_size_t)n;
    }
    return certmap_char_is(c) == CERTMAP_CHAR_BLANK ? "the user name ends with a blank" : NULL;
}

/* ---- compiling ------------------------------------------------------------------------------------------------ */

/* Splits "subject.CN:local:lower" after the field; the OID of ext: and san.other: belongs to the field. */
static apr_size_t name_length(certmap_str_t text)
{
    const char *colon = memchr(text.data, ':', text.len);
    apr_size_t n = colon ? (apr_size_t)(colon - text.data) : text.len;

    if (colon != NULL
        && ((n == 3 && strncasecmp(text.data, "ext", n) == 0)
            || (n == 9 && strncasecmp(text.data, "san.other", n) == 0))) {
        colon = memchr(colon + 1, ':', text.len - n - 1);
        n = colon ? (apr_size_t)(colon - text.data) : text.len;
    }
    return n;
}

/* "did you mean :lower", or all of them. */
static const char *modifier_hint(certmap_str_t name, apr_pool_t *p)
{
    const char *names[NMODIFIERS + 1] = { NULL };
    const char *all = "known are";
    const char *hint;
    apr_size_t m;

    for (m = 0; m < NMODIFIERS; m++) {
        names[m] = modifiers[m].name;
        all = apr_pstrcat(p, all, " :", names[m], NULL);
    }
    hint = certmap_suggest(name, names);
    return hint != NULL ? apr_pstrcat(p, "did you mean :", hint, NULL) : all;
}

/* Reads ":lower:first". at: the place of each byte. */
static void compile_modifiers(certmap_piece_t *piece, certmap_str_t text, const certmap_place_t *at,
                              certmap_sink_t *sink)
{
    apr_size_t i = 0;

    while (i < text.len) {
        certmap_str_t name = { text.data + i + 1, 0 };
        apr_size_t m;

        while (i + 1 + name.len < text.len && name.data[name.len] != ':') {
            name.len++;
        }
        for (m = 0; m < NMODIFIERS; m++) {
            if (strlen(modifiers[m].name) == name.len && memcmp(modifiers[m].name, name.data, name.len) == 0) {
                break;
            }
        }
        if (m == NMODIFIERS) {
            certmap_sink_error(sink, at[i], "unknown modifier \":%.*s\"; %s", (int)name.len, name.data,
                               modifier_hint(name, sink->pool));
        }
        else if (piece->mods & (modifiers[m].bit | modifiers[m].excludes)) {
            certmap_sink_error(sink, at[i], "the modifier \":%s\" appears twice or together with its opposite",
                               modifiers[m].name);
        }
        else {
            piece->mods |= modifiers[m].bit;
        }
        i += 1 + name.len;
    }
}

/* Reads what is between "%{" and "}"; at: the place of each byte, from "%" on. */
static void compile_placeholder(certmap_builder_t *b, certmap_piece_t *piece, certmap_str_t inner,
                                const certmap_place_t *at)
{
    certmap_sink_t *sink = &b->sink;
    apr_size_t n = name_length(inner);
    certmap_str_t name = { apr_pstrmemdup(b->scratch, inner.data, n), n };
    const char *why = NULL;

    piece->place = at[0];
    piece->source = apr_pstrcat(b->pool, "%{", apr_pstrmemdup(b->scratch, inner.data, inner.len), "}", NULL);
    if (n > 0 && strspn(name.data, "0123456789") == n) {
        piece->kind = CERTMAP_PIECE_CAPTURE;
        piece->u.capture = n > 5 ? 0xffff : (apr_uint32_t)apr_atoi64(name.data);
    }
    else {
        piece->kind = CERTMAP_PIECE_FIELD;
        if (n == 0) {
            certmap_sink_error(sink, at[0],
                               "empty placeholder; write %%{subject.CN}, or %%{1} for what a regex captured");
        }
        else if (certmap_field_parse(name, &piece->u.field, &why, b->pool) != APR_SUCCESS) {
            certmap_sink_error(sink, at[2], "%s", why);
        }
    }
    compile_modifiers(piece, (certmap_str_t){ inner.data + n, inner.len - n }, at + 2 + n, sink);
}

/* data lasts. */
static void push_text(apr_array_header_t *pieces, const char *data, apr_size_t len)
{
    if (len > 0) {
        certmap_piece_t *piece = apr_array_push(pieces);

        memset(piece, 0, sizeof(*piece));
        piece->kind = CERTMAP_PIECE_TEXT;
        piece->u.text.data = data;
        piece->u.text.len = len;
    }
}

static void check_literal(certmap_builder_t *b, const certmap_template_t *t, const certmap_word_t *word)
{
    const char *text = "";
    const char *why;
    apr_size_t i;

    for (i = 0; i < t->npieces; i++) {
        const certmap_str_t *piece = &t->pieces[i].u.text;

        text = apr_pstrcat(b->scratch, text, apr_pstrmemdup(b->scratch, piece->data, piece->len), NULL);
    }
    why = certmap_user_check((certmap_str_t){ text, strlen(text) });
    if (why != NULL) {
        certmap_sink_error(&b->sink, word->place, "USER: %s", why);
    }
}

apr_status_t certmap_template_compile(certmap_builder_t *b, const certmap_word_t *word, certmap_str_t text,
                                      const certmap_template_t **t)
{
    apr_array_header_t *pieces = apr_array_make(b->scratch, 4, sizeof(certmap_piece_t));
    certmap_template_t *out = apr_pcalloc(b->pool, sizeof(*out));
    int before = b->sink.nerrors;
    apr_size_t least = 0; /* bytes of the user name */
    apr_size_t from = 0;
    apr_size_t i = 0;

    out->literal = 1;
    while (i < text.len && least <= CERTMAP_USER_MOST) {
        const char *close;
        char next = i + 1 < text.len ? text.data[i + 1] : '\0';

        least++; /* every placeholder gives something, or there is no user */
        if (text.data[i] != '%') {
            i++;
            continue;
        }
        push_text(pieces, text.data + from, i - from);
        close = next == '{' ? memchr(text.data + i, '}', text.len - i) : NULL;
        if (next == '%') {
            push_text(pieces, "%", 1);
            i += 2;
        }
        else if (close != NULL) {
            certmap_piece_t *piece = apr_array_push(pieces);

            memset(piece, 0, sizeof(*piece));
            out->literal = 0;
            compile_placeholder(b, piece, (certmap_str_t){ text.data + i + 2, (apr_size_t)(close - text.data) - i - 2 },
                                word->at + i);
            i = (apr_size_t)(close - text.data) + 1;
        }
        else {
            certmap_sink_error(&b->sink, word->at[i],
                               next == '{'
                                   ? "unclosed placeholder: the \"}\" is missing"
                                   : "a lone \"%%\"; write %%{FIELD} for a placeholder, %%%% for a percent sign");
            i++;
            out->literal = 0;
        }
        from = i;
    }
    push_text(pieces, text.data + from, i - from);
    out->npieces = (apr_size_t)pieces->nelts;
    out->pieces = apr_pmemdup(b->pool, pieces->elts, out->npieces * sizeof(certmap_piece_t));
    if (least > CERTMAP_USER_MOST) {
        certmap_sink_error(&b->sink, word->place, "USER: the user name is longer than 256 bytes");
    }
    else if (out->literal) {
        check_literal(b, out, word);
    }
    *t = out;
    return b->sink.nerrors == before ? APR_SUCCESS : APR_EINVAL;
}

const certmap_cond_t *certmap_template_regex(const certmap_rule_t *rule)
{
    apr_size_t i;

    for (i = rule->nconds; i > 0; i--) {
        const certmap_cond_t *cond = &rule->conds[i - 1];

        if (cond->pattern == CERTMAP_P_REGEX && !cond->negated && !cond->all) {
            return cond;
        }
    }
    return NULL;
}

void certmap_template_check(const certmap_template_t *t, const certmap_rule_t *rule, certmap_sink_t *sink)
{
    const certmap_cond_t *regex = certmap_template_regex(rule);
    apr_size_t i;

    for (i = 0; i < t->npieces; i++) {
        const certmap_piece_t *piece = &t->pieces[i];

        if (piece->kind != CERTMAP_PIECE_CAPTURE) {
            continue;
        }
        if (regex == NULL) {
            certmap_sink_error(sink, piece->place,
                               "%s without a regex: the rule needs a condition FIELD~REGEX (not negated, without all:)",
                               piece->source);
        }
        else if (piece->u.capture == 0) {
            certmap_sink_error(sink, piece->place, "captures count from 1; the whole value is %%{%s}",
                               regex->field.name);
        }
        else if (piece->u.capture > regex->u.regex.captures) {
            certmap_sink_error(sink, piece->place, "%s: the rule's last regex (%s) has %u capture%s", piece->source,
                               regex->text, (unsigned)regex->u.regex.captures, regex->u.regex.captures == 1 ? "" : "s");
        }
    }
}

/* ---- expanding ------------------------------------------------------------------------------------------------ */

/* One thing that a placeholder could give; data NULL: nothing (a capture that took no part, an opaque value). */
typedef struct candidate_t {
    certmap_str_t text;
    int opaque;
    apr_uint32_t rdn;
} candidate_t;

/* What expanding works with. */
typedef struct expansion_t {
    const certmap_rule_t *rule;
    certmap_eval_t *ev;
    const certmap_piece_t *piece;
    const char *detail;
    apr_array_header_t *candidates; /* of candidate_t, of one placeholder after the other */
    apr_pool_t *pool;
} expansion_t;

static certmap_reason_e refuse(expansion_t *x, certmap_reason_e reason, const char *why)
{
    x->detail = apr_pstrcat(x->pool, x->piece->source, ": ", why, NULL);
    return reason;
}

/* What a value gave as capture; the value has been matched just now. */
static candidate_t captured(const expansion_t *x, const certmap_value_t *value)
{
    const PCRE2_SIZE *ovector = pcre2_get_ovector_pointer(x->ev->match);
    apr_uint32_t n = x->piece->u.capture;
    candidate_t c = { { NULL, 0 }, 0, value->rdn };

    if (ovector[2 * n] != PCRE2_UNSET && ovector[2 * n] <= ovector[2 * n + 1]
        && ovector[2 * n + 1] <= value->text.len) {
        c.text = (certmap_str_t){ value->text.data + ovector[2 * n], ovector[2 * n + 1] - ovector[2 * n] };
    }
    return c;
}

/* Whether the conditions that bind a field compared it without the blanks at its ends: then these do not belong to what
 * was matched. Conditions about the unchanged text (case:, a regex, a URI) have seen them, "=*" has not looked. */
static int bound_folded(const certmap_rule_t *rule, int leader)
{
    int folded = 0;
    apr_size_t i;

    for (i = 0; i < rule->nconds && leader >= 0; i++) {
        const certmap_cond_t *cond = &rule->conds[i];

        if (cond->leader == leader
            && (cond->exact || cond->pattern == CERTMAP_P_REGEX || cond->field.kind == CERTMAP_F_SAN_URI)) {
            return 0;
        }
        folded |= cond->leader == leader && !certmap_cond_is_presence(cond);
    }
    return folded;
}

static certmap_str_t without_blanks(certmap_str_t text)
{
    while (text.len > 0 && (text.data[0] == ' ' || text.data[0] == '\t')) {
        text.data++;
        text.len--;
    }
    while (text.len > 0 && (text.data[text.len - 1] == ' ' || text.data[text.len - 1] == '\t')) {
        text.len--;
    }
    return text;
}

static candidate_t whole(const certmap_value_t *value, int folded)
{
    candidate_t c = { value->text, value->kind == CERTMAP_V_OPAQUE, value->rdn };

    if (folded && value->kind == CERTMAP_V_TEXT) {
        c.text = without_blanks(c.text);
    }
    return c;
}

/* Collects what the conditions bound of a field: of all its values, those that all of them met. */
static certmap_reason_e collect(expansion_t *x, const certmap_field_t *field, const certmap_cond_t *regex,
                                apr_array_header_t *out)
{
    certmap_values_t all = certmap_eval_values(x->ev, field);
    int leader = -1;
    int folded;
    apr_size_t i;

    for (i = 0; i < x->rule->nconds && leader < 0; i++) {
        if (certmap_field_same(&x->rule->conds[i].field, field)) {
            leader = x->rule->conds[i].leader;
        }
    }
    folded = bound_folded(x->rule, leader);
    if (all.state == CERTMAP_MALFORMED) {
        return refuse(x, CERTMAP_R_MALFORMED, "the field is malformed");
    }
    for (i = 0; i < all.n; i++) {
        const certmap_value_t *value = &all.values[i];
        certmap_match_e m = CERTMAP_MATCH_YES;

        if (leader >= 0) {
            m = certmap_binding_value(x->ev, x->rule, (apr_size_t)leader, x->rule->nconds - 1, value);
        }
        if (m == CERTMAP_MATCH_YES && regex != NULL) {
            m = certmap_cond_value(x->ev, regex, value); /* again, so that its captures are the last ones */
        }
        if (m == CERTMAP_MATCH_ERROR) {
            return refuse(x, CERTMAP_R_AMBIGUOUS, certmap_eval_error(x->ev, x->pool));
        }
        if (m == CERTMAP_MATCH_YES) {
            APR_ARRAY_PUSH(out, candidate_t) = regex != NULL ? captured(x, value) : whole(value, folded);
        }
    }
    return CERTMAP_R_NONE;
}

static int same_candidate(const candidate_t *a, const candidate_t *b)
{
    return (a->text.data == NULL) == (b->text.data == NULL) && a->opaque == b->opaque
           && certmap_str_same(a->text, b->text);
}

/* Names are written most specific RDN first (RFC 4514, 2.1) and encoded the other way round. */
static int is_reversed(const certmap_field_t *field)
{
    return field->kind == CERTMAP_F_SUBJECT_ATTR || field->kind == CERTMAP_F_ISSUER_ATTR;
}

/* Picks the one thing that the placeholder means: :first and :last in the order in which names are written, for other
 * fields in encoded order. */
static certmap_reason_e pick(expansion_t *x, const certmap_field_t *field, const apr_array_header_t *from,
                             certmap_str_t *text)
{
    const candidate_t *c = (const candidate_t *)from->elts;
    int chooses = (x->piece->mods & (CERTMAP_MOD_FIRST | CERTMAP_MOD_LAST)) != 0;
    int i = ((x->piece->mods & CERTMAP_MOD_LAST) != 0) != (chooses && is_reversed(field)) ? from->nelts - 1 : 0;
    int j;

    if (from->nelts == 0) {
        return refuse(x, CERTMAP_R_USER_INVALID, "the certificate has no such value");
    }
    for (j = 0; j < from->nelts; j++) {
        if (!chooses && !same_candidate(&c[i], &c[j])) {
            /* [promise value-used] */
            return refuse(x, CERTMAP_R_AMBIGUOUS, apr_psprintf(x->pool, "%d values that differ", from->nelts));
        }
        if (chooses && is_reversed(field) && c[i].rdn == c[j].rdn && !same_candidate(&c[i], &c[j])) {
            return refuse(x, CERTMAP_R_AMBIGUOUS, "values of one RDN, which have no order");
        }
    }
    if (c[i].opaque) {
        return refuse(x, CERTMAP_R_USER_INVALID, "the value is not text");
    }
    if (c[i].text.len == 0) {
        return refuse(x, CERTMAP_R_USER_INVALID,
                      c[i].text.data ? "the value is empty" : "the capture took no part in the match");
    }
    *text = c[i].text;
    return CERTMAP_R_NONE;
}

static certmap_reason_e modify(expansion_t *x, certmap_str_t *text)
{
    unsigned mods = x->piece->mods;

    if (mods & (CERTMAP_MOD_LOCAL | CERTMAP_MOD_DOMAIN)) {
        const char *sign = memchr(text->data, '@', text->len);
        apr_size_t at = sign != NULL ? (apr_size_t)(sign - text->data) : 0;

        /* with two of them, either could be the one that parts the name from the domain */
        if (at == 0 || at + 1 == text->len || memchr(sign + 1, '@', text->len - at - 1) != NULL) {
            return refuse(x, CERTMAP_R_USER_INVALID, "the value is not one '@' with something on both sides");
        }
        *text = mods & CERTMAP_MOD_LOCAL ? (certmap_str_t){ text->data, at }
                                         : (certmap_str_t){ text->data + at + 1, text->len - at - 1 };
    }
    if (mods & (CERTMAP_MOD_LOWER | CERTMAP_MOD_UPPER)) {
        char *copy = apr_pstrmemdup(x->pool, text->data, text->len);
        apr_size_t i;

        for (i = 0; i < text->len; i++) {
            char c = copy[i];

            if (mods & CERTMAP_MOD_LOWER ? c >= 'A' && c <= 'Z' : c >= 'a' && c <= 'z') {
                copy[i] = (char)(c ^ 0x20);
            }
        }
        text->data = copy;
    }
    return CERTMAP_R_NONE;
}

static certmap_reason_e expand_piece(expansion_t *x, apr_array_header_t *bytes)
{
    const certmap_piece_t *piece = x->piece;
    certmap_reason_e reason = CERTMAP_R_NONE;
    certmap_str_t text = { NULL, 0 };

    if (piece->kind == CERTMAP_PIECE_TEXT) {
        text = piece->u.text;
    }
    else {
        const certmap_cond_t *regex = piece->kind == CERTMAP_PIECE_CAPTURE ? certmap_template_regex(x->rule) : NULL;
        const certmap_field_t *field = regex ? &regex->field : &piece->u.field;

        apr_array_clear(x->candidates);
        reason = collect(x, field, regex, x->candidates);
        if (reason == CERTMAP_R_NONE) {
            reason = pick(x, field, x->candidates, &text);
        }
        if (reason == CERTMAP_R_NONE) {
            reason = modify(x, &text);
        }
    }
    if (reason == CERTMAP_R_NONE) {
        apr_size_t i;

        for (i = 0; i < text.len; i++) {
            APR_ARRAY_PUSH(bytes, char) = text.data[i];
        }
    }
    return reason;
}

certmap_reason_e certmap_template_expand(const certmap_rule_t *rule, certmap_eval_t *ev, const char **user,
                                         const char **detail, apr_pool_t *p)
{
    expansion_t x = { .rule = rule, .ev = ev, .candidates = apr_array_make(p, 4, sizeof(candidate_t)), .pool = p };
    apr_array_header_t *bytes = apr_array_make(p, 64, 1);
    certmap_reason_e reason = CERTMAP_R_NONE;
    const char *why;
    apr_size_t i;

    *user = NULL;
    *detail = NULL;
    for (i = 0; i < rule->user->npieces && reason == CERTMAP_R_NONE; i++) {
        x.piece = &rule->user->pieces[i];
        reason = expand_piece(&x, bytes);
    }
    if (reason != CERTMAP_R_NONE) {
        *detail = x.detail;
        return reason;
    }
    why = certmap_user_check((certmap_str_t){ bytes->elts, (apr_size_t)bytes->nelts });
    if (why != NULL) {
        *detail = why;
        return CERTMAP_R_USER_INVALID;
    }
    *user = apr_pstrmemdup(p, bytes->elts, (apr_size_t)bytes->nelts);
    return CERTMAP_R_NONE;
}
