/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Store records: what an entry says, packed into bytes for tables and stores, and read back from bytes that may have
 * been damaged on the way: every length is checked against what is there, and what does not add up is not a record.
 */
#include <string.h>

#include <apr_strings.h>

#include "entries/internal.h"

/*
 * A store record: version, tag of the kind, flags, 0; then big-endian numbers: lengths of user, groups, note and key
 * text (32 bits each), expires (64); then these four texts without anything between them. Groups are joined by commas.
 */
#define RECORD_VERSION 1
#define RECORD_HEAD 28

#define FLAG_DENY 1u
#define FLAG_NOTE 2u
#define FLAGS_ALL 3u

void certmap_put_number(unsigned char *s, apr_uint64_t n, int octets)
{
    while (octets-- > 0) {
        s[octets] = (unsigned char)n;
        n >>= 8;
    }
}

apr_uint64_t certmap_get_number(const unsigned char *s, int octets)
{
    apr_uint64_t n = 0;

    while (octets-- > 0) {
        n = n << 8 | *s++;
    }
    return n;
}

static apr_size_t groups_length(const certmap_entry_t *entry)
{
    apr_size_t n = 0;
    apr_size_t i;

    for (i = 0; i < entry->effect.ngroups; i++) {
        n += strlen(entry->effect.groups[i]) + (i > 0);
    }
    return n;
}

static apr_size_t length(const char *text)
{
    return text != NULL ? strlen(text) : 0;
}

apr_size_t certmap_store_record_size(const certmap_entry_t *entry, const char *key_text)
{
    return RECORD_HEAD + length(entry->effect.user) + groups_length(entry) + length(entry->effect.note)
           + length(key_text);
}

static unsigned char *put_text(unsigned char *s, const char *text)
{
    apr_size_t n = length(text);

    if (n > 0) {
        memcpy(s, text, n);
    }
    return s + n;
}

void certmap_store_record_pack(certmap_key_kind_e kind, const certmap_entry_t *entry, const char *key_text,
                               unsigned char *to)
{
    unsigned char *s = to + RECORD_HEAD;
    apr_size_t i;

    to[0] = RECORD_VERSION;
    to[1] = certmap_key_kinds[kind].tag;
    to[2] = (unsigned char)((entry->deny ? FLAG_DENY : 0) | (entry->effect.note != NULL ? FLAG_NOTE : 0));
    to[3] = 0;
    certmap_put_number(to + 4, length(entry->effect.user), 4);
    certmap_put_number(to + 8, groups_length(entry), 4);
    certmap_put_number(to + 12, length(entry->effect.note), 4);
    certmap_put_number(to + 16, length(key_text), 4);
    certmap_put_number(to + 20, (apr_uint64_t)entry->effect.expires, 8);
    s = put_text(s, entry->effect.user);
    for (i = 0; i < entry->effect.ngroups; i++) {
        if (i > 0) {
            *s++ = ',';
        }
        s = put_text(s, entry->effect.groups[i]);
    }
    s = put_text(s, entry->effect.note);
    put_text(s, key_text);
}

/* Splits "a,b". An empty text has no groups; empty groups do not occur. */
static void unpack_groups(certmap_entry_t *entry, char *text, apr_pool_t *p)
{
    const char **groups;
    apr_size_t n = 1;
    char *s;

    if (*text == '\0') {
        return;
    }
    for (s = text; (s = strchr(s, ',')) != NULL; s++) {
        n++;
    }
    entry->effect.groups = groups = apr_palloc(p, n * sizeof(*groups));
    entry->effect.ngroups = n;
    for (s = text; n > 0; n--) {
        *groups++ = s;
        s += strcspn(s, ",");
        if (*s == ',') {
            *s++ = '\0';
        }
    }
}

int certmap_store_record_head(const unsigned char *record, apr_size_t len, certmap_key_kind_e *kind, int *deny)
{
    if (len < RECORD_HEAD || len > CERTMAP_STORE_RECORD_MAX || record[0] != RECORD_VERSION || record[2] & ~FLAGS_ALL
        || record[3] != 0 || (*kind = certmap_key_kind_of_tag(record[1])) == CERTMAP_K_COUNT) {
        return 0;
    }
    *deny = (record[2] & FLAG_DENY) != 0;
    return 1;
}

int certmap_store_record_unpack(const unsigned char *record, apr_size_t len, certmap_key_kind_e *kind,
                                certmap_entry_t *entry, const char **key_text, apr_pool_t *p)
{
    apr_size_t lengths[4];
    char *texts[4];
    char *copy;
    apr_size_t left;
    int i;

    memset(entry, 0, sizeof(*entry));
    if (!certmap_store_record_head(record, len, kind, &entry->deny)) {
        return 0;
    }
    left = len - RECORD_HEAD;
    for (i = 0; i < 4; i++) {
        lengths[i] = (apr_size_t)certmap_get_number(record + 4 + 4 * i, 4);
        if (lengths[i] > left) {
            return 0;
        }
        left -= lengths[i];
    }
    if (left != 0) {
        return 0;
    }
    if (memchr(record + RECORD_HEAD, '\0', len - RECORD_HEAD) != NULL) {
        return 0;
    }
    copy = apr_palloc(p, len - RECORD_HEAD + 4);
    for (i = 0, left = RECORD_HEAD; i < 4; left += lengths[i++]) {
        texts[i] = copy;
        memcpy(copy, record + left, lengths[i]);
        copy[lengths[i]] = '\0';
        copy += lengths[i] + 1;
    }
    entry->effect.user = entry->deny ? NULL : texts[0];
    entry->effect.note = record[2] & FLAG_NOTE ? texts[2] : NULL;
    entry->effect.expires = (apr_time_t)certmap_get_number(record + 20, 8);
    entry->key = certmap_key_kind_name(*kind);
    entry->effect.strength = certmap_key_kind_strength(*kind);
    unpack_groups(entry, texts[1], p);
    if (key_text != NULL) {
        *key_text = texts[3];
    }
    /* A name that nobody could have put in is a damaged record, not a user. */
    return entry->effect.expires >= 0
           && (entry->deny ? lengths[0] == 0 : certmap_user_check((certmap_str_t){ texts[0], lengths[0] }) == NULL);
}

/* Whether two allow entries come to the same. */
static int says_same(const certmap_entry_t *a, const certmap_entry_t *b)
{
    apr_size_t i;

    if (strcmp(a->effect.user, b->effect.user) != 0 || a->effect.expires != b->effect.expires
        || a->effect.ngroups != b->effect.ngroups) {
        return 0;
    }
    for (i = 0; i < a->effect.ngroups; i++) {
        if (strcmp(a->effect.groups[i], b->effect.groups[i]) != 0) {
            return 0;
        }
    }
    return 1;
}

void certmap_lookup_add(certmap_lookup_t *found, const certmap_entry_t *entry, certmap_key_kind_e kind)
{
    if (entry->deny) {
        if (!found->has_deny) {
            found->has_deny = 1;
            found->deny = *entry;
        }
    }
    else if (!found->has_allow) {
        found->has_allow = 1;
        found->allow = *entry;
    }
    else if (strcmp(found->allow.key, certmap_key_kind_name(kind)) == 0 && !says_same(&found->allow, entry)) {
        found->ambiguous = 1;
    }
}

const char *certmap_entry_text(const char *key, const certmap_entry_t *entry, apr_pool_t *p)
{
    const char *text = apr_pstrcat(p, key, entry->deny ? " - deny" : " ",
                                   entry->deny ? NULL : certmap_lex_quote(entry->effect.user, p), NULL);

    if (entry->effect.ngroups > 0) {
        text = apr_pstrcat(
            p, text, " groups=",
            certmap_lex_quote(certmap_option_groups_text(entry->effect.groups, entry->effect.ngroups, p), p), NULL);
    }
    if (entry->effect.expires != 0) {
        text = apr_pstrcat(p, text, " expires=", certmap_option_expires_text(entry->effect.expires, p), NULL);
    }
    return entry->effect.note != NULL ? apr_pstrcat(p, text, " note=", certmap_lex_quote(entry->effect.note, p), NULL)
                                      : text;
}
