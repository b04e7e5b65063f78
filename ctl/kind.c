/* SPDX-License-Identifier: Apache-2.0 */
/* What a file is, by its content: rules, entries, an httpd configuration, or something that was given by mistake. */
#include "check.h"

#include <string.h>
#include <strings.h>

#include <apr_lib.h>

/* A NUL in the first so many bytes, and it is not text; one further down is an error with its place. */
#define LOOKED_AT 512

/* A store's first record, after its tables and two lengths: engine/source/sealed.h. */
#define STORE_MARK "certmap-store"
#define STORE_MARK_AT (2048 + 8)

/* ---- no text --------------------------------------------------------------------------------------------------- */

static const struct {
    const char *bytes;
    apr_size_t len;
    const char *what;
} beginnings[] = {
    { "\xff\xfe", 2, "UTF-16 text; save it as UTF-8" },
    { "\xfe\xff", 2, "UTF-16 text; save it as UTF-8" },
    { "\x1f\x8b", 2, "compressed (gzip); unpack it first" },
    { "PK\x03\x04", 4, "a ZIP archive; unpack it first" },
    { "\x7f"
      "ELF",
      4, "a program" },
    { "SQLite format 3", 16, "an SQLite database" },
};

static int is_store(certmap_str_t text)
{
    apr_size_t len = strlen(STORE_MARK);

    return text.len > STORE_MARK_AT + len && memcmp(text.data + STORE_MARK_AT, STORE_MARK, len) == 0;
}

static int is_certificate(certmap_str_t text)
{
    const unsigned char *der = (const unsigned char *)text.data;
    X509 *x = text.len <= CTL_CERTIFICATE_MAX ? d2i_X509(NULL, &der, (long)text.len) : NULL;

    X509_free(x);
    return x != NULL;
}

/* Text in an encoding of two bytes, without a byte order mark. */
static int is_wide(certmap_str_t text)
{
    apr_size_t i, odd = 0, even = 0, n = text.len < LOOKED_AT ? text.len : LOOKED_AT;

    for (i = 0; i < n; i++) {
        odd += i % 2 == 1 && text.data[i] == '\0';
        even += i % 2 == 0 && text.data[i] == '\0';
    }
    return n >= 8 && ((odd > n / 3 && even == 0) || (even > n / 3 && odd == 0));
}

const char *ctl_no_text(certmap_str_t text, apr_pool_t *p)
{
    const char *begin = strncmp(text.data, "-----BEGIN ", 11) == 0 ? text.data : strstr(text.data, "\n-----BEGIN ");
    apr_size_t i;

    if (is_store(text)) {
        return "a store; certmapctl store verify checks it";
    }
    if (begin) {
        const char *label = strstr(begin, "BEGIN ") + 6;

        return apr_psprintf(p, "PEM (%s); certmapctl explain and suggest read certificates",
                            apr_pstrmemdup(p, label, strcspn(label, "-\r\n")));
    }
    if (text.len > 0 && text.data[0] == 0x30 && is_certificate(text)) {
        return "a certificate (DER); certmapctl explain and suggest read certificates";
    }
    for (i = 0; i < sizeof(beginnings) / sizeof(beginnings[0]); i++) {
        if (text.len >= beginnings[i].len && memcmp(text.data, beginnings[i].bytes, beginnings[i].len) == 0) {
            return beginnings[i].what;
        }
    }
    if (is_wide(text)) {
        return "UTF-16 text; save it as UTF-8";
    }
    return memchr(text.data, '\0', text.len < LOOKED_AT ? text.len : LOOKED_AT) ? "binary data" : NULL;
}

/* ---- text ------------------------------------------------------------------------------------------------------ */

/* Directives that a configuration with CertMap in it hardly does without, in addition to CertMap... and SSL... */
static const char *const directives[] = {
    "Include",
    "IncludeOptional",
    "LoadModule",
    "Define",
    "UnDefine",
    "ServerRoot",
    "ServerName",
    "ServerAlias",
    "Listen",
    "DocumentRoot",
    "ErrorLog",
    "CustomLog",
    "LogLevel",
    "LogFormat",
    "PidFile",
    "Mutex",
    "User",
    "Group",
    "Require",
    "AuthType",
    "Use",
    "Protocols",
    "DefaultRuntimeDir",
    "TypesConfig",
    "Timeout",
    "KeepAlive",
    NULL,
};

static int is_one_of(certmap_str_t word, const char *const *names)
{
    for (; *names; names++) {
        if (strlen(*names) == word.len && strncasecmp(*names, word.data, word.len) == 0) {
            return 1;
        }
    }
    return 0;
}

/* Whether it begins as the keys of entries do: with a kind's name, as far as its ':', and that. */
static int has_type(certmap_str_t word)
{
    int kind;

    for (kind = 0; kind < CERTMAP_K_COUNT; kind++) {
        const char *name = certmap_key_kind_name((certmap_key_kind_e)kind);
        apr_size_t len = strcspn(name, ":");

        if (word.len > len && word.data[len] == ':' && strncasecmp(word.data, name, len) == 0) {
            return 1;
        }
    }
    return 0;
}

/* The next word of a line, as far as blanks tell. */
static certmap_str_t next_word(const char **at, const char *end)
{
    certmap_str_t word;

    while (*at < end && (**at == ' ' || **at == '\t')) {
        (*at)++;
    }
    word.data = *at;
    while (*at < end && **at != ' ' && **at != '\t' && **at != '\r') {
        (*at)++;
    }
    word.len = (apr_size_t)(*at - word.data);
    return word;
}

static int word_is(certmap_str_t word, const char *text)
{
    return word.len == strlen(text) && memcmp(word.data, text, word.len) == 0;
}

static ctl_kind_e kind_of_line(const char *at, const char *end)
{
    certmap_str_t first = next_word(&at, end);
    certmap_str_t second = next_word(&at, end);

    if (first.len == 0 || first.data[0] == '#') {
        return CTL_KIND_NOTHING;
    }
    if (*first.data == '"' || *first.data == '\'') {
        first.data++;
        first.len--;
    }
    if (word_is(second, "allow") || word_is(second, "deny")) {
        return CTL_KIND_RULES;
    }
    if (has_type(first)) {
        return CTL_KIND_ENTRIES;
    }
    if ((first.len > 1 && first.data[0] == '<' && (apr_isalpha(first.data[1]) || first.data[1] == '/'))
        || (first.len >= 7 && strncasecmp(first.data, "CertMap", 7) == 0)
        || (first.len > 3 && strncasecmp(first.data, "SSL", 3) == 0) || is_one_of(first, directives)) {
        return CTL_KIND_HTTPD;
    }
    return CTL_KIND_UNKNOWN;
}

ctl_kind_e ctl_kind_of(certmap_str_t text)
{
    const char *at = text.data, *end = text.data + text.len;
    ctl_kind_e kind = CTL_KIND_NOTHING;

    if (text.len >= 3 && memcmp(at, "\xef\xbb\xbf", 3) == 0) {
        at += 3;
    }
    while (at < end) {
        const char *newline = memchr(at, '\n', (apr_size_t)(end - at));
        ctl_kind_e line = kind_of_line(at, newline ? newline : end);

        if (line >= CTL_KIND_RULES) {
            return line;
        }
        kind = line == CTL_KIND_UNKNOWN ? line : kind;
        at = newline ? newline + 1 : end;
    }
    return kind;
}
