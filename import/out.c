/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The text that an importer makes, and the check that it says what the importer meant: each rule or entry is read by
 * the engine before it is written, the whole once more at the end.
 */
#include <stdarg.h>
#include <string.h>

#include <apr_hash.h>
#include <apr_strings.h>

#include "import/out.h"

static const char name_chars[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-";

struct certmap_import_out_t {
    certmap_import_kind_e kind;
    certmap_sink_t sink;
    char *text;
    apr_size_t len;
    apr_size_t room;
    apr_size_t carried;
    apr_size_t left_out;
    apr_hash_t *names; /* of rules; to how often each was wished for */
    apr_hash_t *keys;  /* hashes of entries; to the number of the entry */
    apr_pool_t *pool;
    apr_pool_t *scratch; /* of one line */
};

certmap_import_out_t *certmap_import_out_create(certmap_import_kind_e kind, const char *file, apr_pool_t *p)
{
    certmap_import_out_t *out = apr_pcalloc(p, sizeof(*out));

    out->kind = kind;
    out->sink.list = apr_array_make(p, 4, sizeof(certmap_error_t));
    out->sink.file = file;
    out->sink.pool = p;
    out->room = 4096;
    out->text = apr_palloc(p, out->room + 1);
    out->text[0] = '\0';
    out->names = apr_hash_make(p);
    out->keys = apr_hash_make(p);
    out->pool = p;
    apr_pool_create(&out->scratch, p);
    return out;
}

/* ---- pieces -------------------------------------------------------------------------------------------------- */

const char *certmap_import_shown(certmap_str_t text, apr_size_t most, apr_pool_t *p)
{
    apr_size_t len = text.len < most ? text.len : most;
    char *out = apr_palloc(p, 4 * len + 4);
    char *to = out;
    apr_size_t i = 0;

    while (i < len) {
        const unsigned char *at = (const unsigned char *)text.data + i;
        apr_uint32_t c = 0;
        int n = certmap_utf8_next(at, text.len - i, &c);

        if (n > 0 && i + (apr_size_t)n > len) {
            break; /* the character that the end cuts in two */
        }
        if (n > 0 && certmap_codepoint_check(c) == NULL) {
            memcpy(to, at, (apr_size_t)n);
            to += n;
            i += (apr_size_t)n;
        }
        else {
            to += apr_snprintf(to, 5, "\\x%02x", at[0]);
            i++;
        }
    }
    strcpy(to, text.len > most ? "..." : "");
    return out;
}

/* A copy of text with an escape before each of these characters. */
static const char *escaped(const char *text, const char *these, char escape, apr_pool_t *p)
{
    char *out = apr_palloc(p, 2 * strlen(text) + 1);
    char *to = out;

    for (; *text != '\0'; text++) {
        if (strchr(these, *text) != NULL) {
            *to++ = escape;
        }
        *to++ = *text;
    }
    *to = '\0';
    return out;
}

const char *certmap_import_user(const char *name, apr_pool_t *p)
{
    return escaped(name, "%", '%', p);
}

const char *certmap_import_literal(const char *text, apr_pool_t *p)
{
    return escaped(text, "*?\\", '\\', p);
}

const char *certmap_import_regex(const char *text, apr_pool_t *p)
{
    return escaped(text, "\\^$.[]|()?*+{}#", '\\', p);
}

/* The attributes of RFC 2253. */
static const struct {
    const char *oid;
    const char *name;
} plain_types[] = {
    { "2.5.4.3", "CN" },
    { "2.5.4.7", "L" },
    { "2.5.4.8", "ST" },
    { "2.5.4.10", "O" },
    { "2.5.4.11", "OU" },
    { "2.5.4.6", "C" },
    { "2.5.4.9", "STREET" },
    { "0.9.2342.19200300.100.1.25", "DC" },
    { "0.9.2342.19200300.100.1.1", "UID" },
};

static const char *plain_type(const char *oid)
{
    apr_size_t i;

    for (i = 0; i < sizeof(plain_types) / sizeof(plain_types[0]); i++) {
        if (strcmp(plain_types[i].oid, oid) == 0) {
            return plain_types[i].name;
        }
    }
    return NULL;
}

static int is_plain_value(certmap_str_t value)
{
    apr_size_t i;

    for (i = 0; i < value.len; i++) {
        if (value.data[i] < 0x20 || value.data[i] >= 0x7f || strchr(",+\"\\<>;=#", value.data[i]) != NULL) {
            return 0;
        }
    }
    return value.len > 0 && value.data[0] != ' ' && value.data[value.len - 1] != ' ';
}

const char *certmap_import_plain_name(const char *text, apr_pool_t *p)
{
    const char *written = "";
    const certmap_dn_t *dn;
    const char *why;
    apr_size_t at;
    int i;

    if (*text == '/' || certmap_dn_parse((certmap_str_t){ text, strlen(text) }, &dn, &why, &at, p) != APR_SUCCESS
        || dn->nrdns == 0) {
        return "it is not the text of a name";
    }
    for (i = dn->nrdns - 1; i >= 0; i--) {
        const certmap_rdn_t *rdn = &dn->rdns[i];
        const char *type = rdn->navas == 1 ? plain_type(rdn->avas[0].oid) : NULL;

        if (type == NULL) {
            return "the name has other attributes than CN L ST O OU C STREET DC UID, or several in one part";
        }
        if (!is_plain_value(rdn->avas[0].value)) {
            return "the name has characters in it that are written in more than one way";
        }
        written = apr_pstrcat(p, written, *written ? "," : "", type, "=", rdn->avas[0].value.data, NULL);
    }
    return strcmp(written, text) == 0 ? NULL : "no name is written like this (blanks, or the case of attributes)";
}

int certmap_import_line(certmap_str_t text, apr_size_t *pos, certmap_str_t *line)
{
    const char *from = text.data + *pos;
    const char *stop;

    if (*pos >= text.len) {
        return 0;
    }
    stop = memchr(from, '\n', text.len - *pos);
    line->data = from;
    line->len = stop ? (apr_size_t)(stop - from) : text.len - *pos;
    *pos += line->len + (stop != NULL);
    if (stop != NULL && line->len > 0 && from[line->len - 1] == '\r') {
        line->len--;
    }
    return 1;
}

/* ---- errors -------------------------------------------------------------------------------------------------- */

static void complain(certmap_import_out_t *out, int line, int column, int warning, const char *format, va_list ap)
{
    const char *text = apr_pvsprintf(out->pool, format, ap);
    certmap_place_t at = { line > 0 ? line : 1, column > 0 ? column : 1 };

    text = certmap_import_shown((certmap_str_t){ text, strlen(text) }, 4 * CERTMAP_IMPORT_SHOWN_MOST, out->pool);
    if (warning) {
        certmap_sink_warning(&out->sink, at, "%s", text);
    }
    else {
        certmap_sink_error(&out->sink, at, "%s", text);
    }
}

void certmap_import_error(certmap_import_out_t *out, int line, int column, const char *format, ...)
{
    va_list ap;

    va_start(ap, format);
    complain(out, line, column, 0, format, ap);
    va_end(ap);
}

void certmap_import_warning(certmap_import_out_t *out, int line, int column, const char *format, ...)
{
    va_list ap;

    va_start(ap, format);
    complain(out, line, column, 1, format, ap);
    va_end(ap);
}

int certmap_import_failed(const certmap_import_out_t *out)
{
    return out->sink.nerrors > 0;
}

/* ---- text ---------------------------------------------------------------------------------------------------- */

static void put(certmap_import_out_t *out, const char *text)
{
    apr_size_t len = strlen(text);

    if (out->len + len > out->room) {
        char *larger;

        while (out->len + len > out->room) {
            out->room *= 2;
        }
        larger = apr_palloc(out->pool, out->room + 1);
        memcpy(larger, out->text, out->len);
        out->text = larger;
    }
    memcpy(out->text + out->len, text, len);
    out->len += len;
    out->text[out->len] = '\0';
}

void certmap_import_blank(certmap_import_out_t *out)
{
    if (out->len > 0 && !(out->len >= 2 && out->text[out->len - 2] == '\n')) {
        put(out, "\n");
    }
}

/* Puts text as comment lines; what a comment cannot hold is made visible. */
static void put_comment(certmap_import_out_t *out, const char *text)
{
    while (text != NULL) {
        const char *end = strchr(text, '\n');
        apr_size_t len = end ? (apr_size_t)(end - text) : strlen(text);

        put(out, len > 0 ? "# " : "#");
        put(out, certmap_import_shown((certmap_str_t){ text, len }, len, out->scratch));
        put(out, "\n");
        text = end ? end + 1 : NULL;
    }
    apr_pool_clear(out->scratch);
}

void certmap_import_comment(certmap_import_out_t *out, const char *format, ...)
{
    va_list ap;

    va_start(ap, format);
    put_comment(out, apr_pvsprintf(out->scratch, format, ap));
    va_end(ap);
}

void certmap_import_left_out(certmap_import_out_t *out, int line, certmap_str_t original, const char *format, ...)
{
    const char *shown = certmap_import_shown(original, CERTMAP_IMPORT_SHOWN_MOST, out->scratch);
    const char *why;
    va_list ap;

    va_start(ap, format);
    why = apr_pvsprintf(out->scratch, format, ap);
    va_end(ap);
    put_comment(out, apr_psprintf(out->scratch, "left out, line %d: %s\n    %s", line, shown, why));
    out->left_out++;
}

/* ---- rules --------------------------------------------------------------------------------------------------- */

/* The name that a wish comes to: legal, and not given before. */
static const char *unique_name(certmap_import_out_t *out, const char *wish)
{
    char *name = apr_pstrndup(out->pool, wish, CERTMAP_RULE_NAME_MOST);
    char *to = name;
    int *times;

    for (; *wish != '\0' && to < name + CERTMAP_RULE_NAME_MOST; wish++) {
        if (strchr(name_chars, *wish) != NULL) {
            *to++ = *wish;
        }
        else if (to > name && to[-1] != '-') {
            *to++ = '-'; /* one for a run of them, so that names stay readable */
        }
    }
    while (to > name && to[-1] == '-') {
        to--;
    }
    *to = '\0';
    if (*name == '\0') {
        name = apr_pstrdup(out->pool, "rule");
    }
    while ((times = apr_hash_get(out->names, name, APR_HASH_KEY_STRING)) != NULL) {
        const char *number = apr_psprintf(out->pool, "-%d", ++*times + 1);

        name = apr_psprintf(out->pool, "%.*s%s", (int)(CERTMAP_RULE_NAME_MOST - strlen(number)), name, number);
    }
    return name;
}

/* The first error of a list, in p; NULL when there is none. */
static const char *first_error(const apr_array_header_t *errors, apr_pool_t *p)
{
    int i;

    for (i = 0; i < errors->nelts; i++) {
        const certmap_error_t *e = &APR_ARRAY_IDX(errors, i, certmap_error_t);

        if (!e->warning) {
            return apr_pstrdup(p, e->text);
        }
    }
    return NULL;
}

/* Whether there is a control character in a line before its end: nothing may begin a line of its own, or hide. */
static int has_control(const char *line)
{
    for (; *line != '\0' && !(line[0] == '\n' && line[1] == '\0'); line++) {
        if ((unsigned char)*line < 0x20 || *line == 0x7f) {
            return 1;
        }
    }
    return 0;
}

/* The words of a line, quoted, one blank before each. */
static const char *quoted(const apr_array_header_t *words, apr_pool_t *p)
{
    const char **parts = apr_palloc(p, (apr_size_t)words->nelts * sizeof(*parts));
    apr_array_header_t list = *words;
    int i;

    for (i = 0; i < words->nelts; i++) {
        parts[i] = apr_pstrcat(p, " ", certmap_lex_quote(APR_ARRAY_IDX(words, i, const char *), p), NULL);
    }
    list.elts = (char *)parts;
    return apr_array_pstrcat(p, &list, 0);
}

/* Why a line is not the one rule that it should be; NULL when it is. */
static const char *rule_fault(const char *line, const char *name, const char *user, const apr_array_header_t *words,
                              apr_pool_t *scratch, apr_pool_t *p)
{
    certmap_builder_t *b = certmap_builder_create(scratch);
    apr_status_t rv = certmap_builder_add_file_text(b, (certmap_str_t){ line, strlen(line) }, NULL);
    const char *why = first_error(certmap_builder_errors(b), p);
    const certmap_ruleset_t *rs = certmap_builder_finish(b);
    const certmap_rule_t *rule = certmap_ruleset_rule(rs, 0);
    apr_size_t others;

    if (rv != APR_SUCCESS || certmap_ruleset_count(rs) != 1) {
        return why ? why : "it cannot be written as a rule";
    }
    others = (apr_size_t)rule->disabled + (apr_size_t)rule->any + (rule->effect.ngroups > 0)
             + (rule->effect.expires != 0) + (rule->effect.note != NULL);
    if (strcmp(rule->name, name) != 0 || rule->deny != (user == NULL) || (rule->any && !rule->deny)
        || (user != NULL && strcmp(rule->effect.user, user) != 0)
        || rule->nconds + others != (apr_size_t)words->nelts) {
        return "it would read as another rule";
    }
    return NULL;
}

const char *certmap_import_rule(certmap_import_out_t *out, const char *name, const char *user,
                                const apr_array_header_t *words)
{
    const char *unique = unique_name(out, name);
    const char *line = apr_pstrcat(out->scratch, unique, user ? " allow " : " deny",
                                   user ? certmap_lex_quote(user, out->scratch) : "", quoted(words, out->scratch), "\n",
                                   NULL);
    const char *why = has_control(line) ? "there is a control character in it"
                                        : rule_fault(line, unique, user, words, out->scratch, out->pool);

    if (why == NULL) {
        apr_hash_set(out->names, unique, APR_HASH_KEY_STRING, apr_pcalloc(out->pool, sizeof(int)));
        put(out, line);
        out->carried++;
    }
    apr_pool_clear(out->scratch);
    return why;
}

/* ---- entries ------------------------------------------------------------------------------------------------- */

const char *certmap_import_entry(certmap_import_out_t *out, const apr_array_header_t *words)
{
    const char *line = apr_pstrcat(out->scratch, quoted(words, out->scratch) + (words->nelts > 0), "\n", NULL);
    apr_array_header_t *errors;
    certmap_key_t key;
    const char *why = NULL;
    int more;

    if (has_control(line)) {
        why = "there is a control character in it";
    }
    else if (certmap_entry_key((certmap_str_t){ line, strlen(line) }, &key, &more, &errors, out->scratch)
             != APR_SUCCESS) {
        why = first_error(errors, out->pool);
        why = why ? why : "it cannot be written as an entry";
    }
    else if (apr_hash_get(out->keys, key.hash, CERTMAP_HASH_LEN) != NULL) {
        why = "an earlier entry has the same key";
    }
    else {
        apr_hash_set(out->keys, apr_pmemdup(out->pool, key.hash, CERTMAP_HASH_LEN), CERTMAP_HASH_LEN, out);
        if (more) {
            why = "it would read as more than one entry";
        }
    }
    if (why == NULL) {
        put(out, line);
        out->carried++;
    }
    apr_pool_clear(out->scratch);
    return why;
}

/* ---- the end ------------------------------------------------------------------------------------------------- */

/* Whether the whole text reads back without an error, as so many rules or entries. */
static int reads_back(certmap_import_out_t *out)
{
    certmap_str_t text = { out->text, out->len };
    int fine;

    if (out->kind == CERTMAP_IMPORT_RULES) {
        certmap_builder_t *b = certmap_builder_create(out->scratch);

        fine = certmap_builder_add_file_text(b, text, NULL) == APR_SUCCESS;
        fine = certmap_ruleset_count(certmap_builder_finish(b)) == out->carried && fine;
    }
    else {
        const certmap_entries_t *entries = NULL;
        apr_array_header_t *errors;

        fine = certmap_entries_parse(text, NULL, &entries, &errors, out->scratch) == APR_SUCCESS
               && certmap_entries_count(entries, CERTMAP_K_COUNT) == out->carried;
    }
    apr_pool_clear(out->scratch);
    return fine;
}

apr_status_t certmap_import_finish(certmap_import_out_t *out, certmap_import_result_t *result)
{
    memset(result, 0, sizeof(*result));
    certmap_sink_end(&out->sink);
    result->kind = out->kind;
    result->errors = out->sink.list;
    if (out->sink.nerrors > 0) {
        return APR_EINVAL;
    }
    if (!reads_back(out)) {
        return APR_EGENERAL;
    }
    result->text = (certmap_str_t){ out->text, out->len };
    result->carried = out->carried;
    result->left_out = out->left_out;
    return APR_SUCCESS;
}
