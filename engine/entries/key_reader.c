/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reads the key that a line of an entry file begins with: TYPE:VALUE, the value in the same word or the next one, then
 * the issuer's name where the type asks for it, or one of Active Directory's altSecurityIdentities strings,
 * unchanged. A key that could never be found, or that could mean two things, is an error and not a key.
 */
#include <string.h>

#include <apr_cstr.h>
#include <apr_lib.h>
#include <apr_strings.h>

#include "entries/internal.h"
#include "rules/condition.h"

typedef struct key_job_t {
    const certmap_key_reader_t *reader;
    const certmap_word_t *words;
    int nwords;
    int next; /* first word that has not been read */
    certmap_key_t *key;
} key_job_t;

/* Part of a word. */
typedef struct piece_t {
    const certmap_word_t *word;
    apr_size_t from;
    apr_size_t len;
} piece_t;

static certmap_str_t text_of(piece_t piece)
{
    return (certmap_str_t){ piece.word->text.data + piece.from, piece.len };
}

static certmap_place_t place_of(piece_t piece, apr_size_t offset)
{
    return certmap_word_at(piece.word, piece.from + offset);
}

/* ---- names --------------------------------------------------------------------------------------------------- */

#define CACHE_SIZE 256

/* More names than this do not repeat themselves: starting again bounds the memory. */
#define CACHE_FILLS 4096

typedef struct cached_dn_t {
    certmap_str_t text;
    certmap_str_t canonical;
} cached_dn_t;

struct certmap_dn_cache_t {
    apr_pool_t *pool; /* of what is in it */
    unsigned fills;
    cached_dn_t at[CACHE_SIZE];
};

certmap_dn_cache_t *certmap_dn_cache_create(apr_pool_t *p)
{
    certmap_dn_cache_t *cache = apr_pcalloc(p, sizeof(*cache));

    apr_pool_create(&cache->pool, p);
    return cache;
}

static cached_dn_t *cache_slot(certmap_dn_cache_t *cache, certmap_str_t text)
{
    apr_uint32_t h = 2166136261u;
    apr_size_t i;

    for (i = 0; i < text.len; i++) {
        h = (h ^ (unsigned char)text.data[i]) * 16777619u;
    }
    return &cache->at[(h ^ h >> 16) % CACHE_SIZE];
}

static void cache_fill(certmap_dn_cache_t *cache, cached_dn_t *slot, certmap_str_t text, certmap_str_t canonical)
{
    if (++cache->fills > CACHE_FILLS) {
        apr_pool_clear(cache->pool);
        memset(cache->at, 0, sizeof(cache->at));
        cache->fills = 0;
    }
    slot->text = certmap_str_copy(text.data, text.len, cache->pool);
    slot->canonical = certmap_str_copy(canonical.data, canonical.len, cache->pool);
}

/* Active Directory writes the root first; RFC 4514 reads it last. */
static const certmap_dn_t *turned(const certmap_dn_t *dn, apr_pool_t *p)
{
    certmap_dn_t *out = apr_palloc(p, sizeof(*out));
    certmap_rdn_t *rdns = apr_palloc(p, (apr_size_t)dn->nrdns * sizeof(*rdns));
    int i;

    for (i = 0; i < dn->nrdns; i++) {
        rdns[i] = dn->rdns[dn->nrdns - 1 - i];
    }
    out->nrdns = dn->nrdns;
    out->rdns = rdns;
    return out;
}

static int is_type(const certmap_rdn_t *rdn, const char *oid)
{
    return rdn->navas == 1 && strcmp(rdn->avas[0].oid, oid) == 0;
}

/* Whether a root-first name was written with the root last: CN=...,DC=... or CN=...,C=... */
static int ad_reversed(const certmap_dn_t *dn)
{
    const certmap_rdn_t *last = &dn->rdns[dn->nrdns - 1];

    return dn->nrdns > 1 && is_type(&dn->rdns[0], "2.5.4.3")
           && (is_type(last, "2.5.4.6") || is_type(last, "0.9.2342.19200300.100.1.25"));
}

/* Reads a name into the bytes that keys are made of. @return data NULL when there is an error */
static certmap_str_t read_dn(const key_job_t *job, piece_t piece, int root_first)
{
    const certmap_key_reader_t *reader = job->reader;
    certmap_str_t text = text_of(piece);
    certmap_str_t canonical = { NULL, 0 };
    cached_dn_t *slot = reader->cache != NULL && !root_first ? cache_slot(reader->cache, text) : NULL;
    const certmap_dn_t *dn;
    const char *impossible;
    const char *why;
    apr_size_t at;

    if (slot != NULL && slot->text.data != NULL && certmap_str_same(slot->text, text)) {
        return slot->canonical;
    }
    if (certmap_dn_parse(text, &dn, &why, &at, reader->pool) != APR_SUCCESS) {
        certmap_sink_error(reader->sink, place_of(piece, at), "%s", why);
        return canonical;
    }
    impossible = certmap_name_impossible(dn, reader->pool);
    if (impossible != NULL) {
        certmap_sink_error(reader->sink, place_of(piece, 0), "%s", impossible);
        return canonical;
    }
    if (root_first && text.data[0] != '/') {
        dn = turned(dn, reader->pool);
        why = ad_reversed(dn) ? "names in X509: strings begin with the root (DC=...,O=...,CN=...); this one is written "
                                "the other way round"
                              : NULL;
    }
    if (why != NULL) {
        certmap_sink_warning(reader->sink, piece.word->place, "%s", why);
    }
    canonical = certmap_dn_canonical(dn, reader->pool);
    if (slot != NULL && why == NULL) {
        cache_fill(reader->cache, slot, text, canonical);
        canonical = slot->canonical;
    }
    return canonical;
}

/* ---- hex ----------------------------------------------------------------------------------------------------- */

/* Reads hex digits, colons between octets or none. least to most octets. @return data NULL when there is an error */
static certmap_str_t read_hex(const key_job_t *job, piece_t piece, const char *what, apr_size_t least, apr_size_t most)
{
    certmap_sink_t *sink = job->reader->sink;
    certmap_str_t text = text_of(piece);
    certmap_str_t none = { NULL, 0 };
    unsigned char *out = apr_palloc(job->reader->pool, text.len / 2 + 1);
    apr_size_t digits = 0;
    apr_size_t i;

    for (i = 0; i < text.len; i++) {
        int v = certmap_hexval(text.data[i]);

        if (v >= 0) {
            out[digits / 2] = (unsigned char)(digits % 2 == 0 ? v << 4 : out[digits / 2] | v);
            digits++;
        }
        else if (text.data[i] != ':' || digits == 0 || digits % 2 != 0 || i + 1 == text.len
                 || text.data[i - 1] == ':') {
            certmap_sink_error(sink, place_of(piece, i),
                               digits == 1 && apr_tolower(text.data[i]) == 'x'
                                   ? "write hex digits without \"0x\""
                                   : "not a hex digit; write 0-9 a-f, with colons between octets or none");
            return none;
        }
    }
    if (digits == 0) {
        certmap_sink_error(sink, place_of(piece, 0), "no hex digits");
    }
    else if (least == most && digits != 2 * least) {
        certmap_sink_error(sink, place_of(piece, 0), "%s has %" APR_SIZE_T_FMT " hex digits, not %" APR_SIZE_T_FMT,
                           what, 2 * least, digits);
    }
    else if (digits % 2 != 0) {
        certmap_sink_error(sink, place_of(piece, 0),
                           "odd number of hex digits (%" APR_SIZE_T_FMT "); two make an "
                           "octet, write a leading zero",
                           digits);
    }
    else if (digits > 2 * most) {
        certmap_sink_error(sink, place_of(piece, 0),
                           "%s has at most %" APR_SIZE_T_FMT " hex digits, not %" APR_SIZE_T_FMT, what, 2 * most,
                           digits);
    }
    else {
        return (certmap_str_t){ (const char *)out, digits / 2 };
    }
    return none;
}

/* A serial number as certificates hold it: no zero octets before it, reversed when Active Directory wrote it. */
static certmap_str_t read_serial(const key_job_t *job, piece_t piece, int reversed)
{
    certmap_str_t none = { NULL, 0 };
    certmap_str_t serial = read_hex(job, piece, "a serial number", 1, CERTMAP_ENTRY_SERIAL_MOST + 1);
    unsigned char *s;
    apr_size_t i;

    if (serial.data == NULL) {
        return none;
    }
    if (reversed) {
        s = apr_pmemdup(job->reader->pool, serial.data, serial.len);
        for (i = 0; i < serial.len; i++) {
            s[i] = (unsigned char)serial.data[serial.len - 1 - i];
        }
        serial.data = (const char *)s;
    }
    while (serial.len > 0 && serial.data[0] == '\0') {
        serial.data++;
        serial.len--;
    }
    /* RFC 5280, 4.1.2.2: at most 20 octets. */
    if (serial.len == 0 || serial.len > CERTMAP_ENTRY_SERIAL_MOST) {
        certmap_sink_error(job->reader->sink, place_of(piece, 0),
                           serial.len == 0 ? "no certificate has the serial number 0"
                                           : "a serial number has at most 40 hex digits");
        return none;
    }
    return serial;
}

/* ---- parts --------------------------------------------------------------------------------------------------- */

static certmap_str_t read_email(const key_job_t *job, piece_t piece)
{
    certmap_str_t none = { NULL, 0 };
    certmap_str_t text = text_of(piece);
    const char *why = certmap_value_check(text);
    const char *sign = memchr(text.data, '@', text.len);

    if (why != NULL || sign == NULL || sign == text.data || sign + 1 == text.data + text.len
        || memchr(text.data, ' ', text.len) != NULL
        || memchr(sign + 1, '@', (apr_size_t)(text.data + text.len - sign - 1)) != NULL) {
        certmap_sink_error(job->reader->sink, place_of(piece, 0), "not an e-mail address%s%s", why ? ": " : "",
                           why ? why : "");
        return none;
    }
    why = certmap_email_impossible(text, job->reader->pool);
    if (why != NULL) {
        certmap_sink_error(job->reader->sink, place_of(piece, 0), "%s", why);
        return none;
    }
    return certmap_fold(text, job->reader->pool);
}

/* Reads what a kind of key is made of. ad: as Active Directory writes it. @return data NULL when there is an error */
static certmap_str_t read_part(const key_job_t *job, certmap_key_kind_e kind, piece_t piece, int ad)
{
    certmap_key_reader_t uncached = *job->reader;
    key_job_t subject = *job;

    switch (certmap_key_kinds[kind].part) {
    case CERTMAP_KEY_HASH:
        return read_hex(job, piece, certmap_key_kinds[kind].name, 32, 32);
    case CERTMAP_KEY_SKI:
        return read_hex(job, piece, "a key identifier", 1, CERTMAP_ENTRY_SKI_MOST);
    case CERTMAP_KEY_SERIAL:
        return read_serial(job, piece, ad);
    case CERTMAP_KEY_NAME:
        uncached.cache = NULL; /* subjects do not repeat */
        subject.reader = &uncached;
        return read_dn(&subject, piece, ad);
    case CERTMAP_KEY_EMAIL:
        return read_email(job, piece);
    }
    return (certmap_str_t){ NULL, 0 };
}

static int make(key_job_t *job, certmap_key_kind_e kind, certmap_str_t a, certmap_str_t b)
{
    if (!certmap_key_make(kind, a, b, job->key)) {
        certmap_sink_error(job->reader->sink, job->words[0].place, "OpenSSL could not hash the key");
        return 0;
    }
    return 1;
}

/* ---- types of our own ---------------------------------------------------------------------------------------- */

/* The name that the kind asks for after its value. */
static int issuer_word(key_job_t *job, certmap_key_kind_e kind, piece_t *piece)
{
    const certmap_word_t *last = &job->words[job->next - 1];
    const char *form = certmap_key_kinds[kind].part == CERTMAP_KEY_NAME ? "\"SUBJECT-DN\"" : "HEX";
    const certmap_word_t *w;

    if (job->next >= job->nwords) {
        certmap_sink_error(job->reader->sink, last->place,
                           "the issuer's name is missing; write %s:%s \"ISSUER-DN\" USER", certmap_key_kinds[kind].name,
                           form);
        return 0;
    }
    w = &job->words[job->next++];
    if (w->broken) {
        return 0;
    }
    if (memchr(w->text.data, '=', w->text.len) == NULL) {
        certmap_sink_error(job->reader->sink, w->place,
                           "the issuer's name is missing here, in quotes; write %s:%s \"ISSUER-DN\" USER",
                           certmap_key_kinds[kind].name, form);
        return 0;
    }
    *piece = (piece_t){ w, 0, w->text.len };
    return 1;
}

/* A value, and a name where the kind has one; both are read, so that both are complained about. */
static int read_own(key_job_t *job, certmap_key_kind_e kind, piece_t value)
{
    certmap_str_t part = read_part(job, kind, value, 0);
    certmap_str_t issuer = { NULL, 0 };
    piece_t piece;

    if (certmap_key_kinds[kind].issuer) {
        if (!issuer_word(job, kind, &piece)) {
            return 0;
        }
        issuer = read_dn(job, piece, 0);
        if (issuer.data == NULL) {
            return 0;
        }
    }
    return part.data != NULL && make(job, kind, part, issuer);
}

/* ---- Active Directory's strings ------------------------------------------------------------------------------ */

static const char *const ad_tags[CERTMAP_AD_COUNT] = {
    [CERTMAP_AD_ISSUER] = "<I>", [CERTMAP_AD_SUBJECT] = "<S>",    [CERTMAP_AD_SERIAL] = "<SR>",
    [CERTMAP_AD_SKI] = "<SKI>",  [CERTMAP_AD_EMAIL] = "<RFC822>", [CERTMAP_AD_PUKEY] = "<SHA1-PUKEY>",
    [CERTMAP_AD_SID] = "<SID>",
};

static const char ad_forms[] = "X509:<I>ISSUER<SR>SERIAL, X509:<I>ISSUER<S>SUBJECT, X509:<S>SUBJECT, X509:<SKI>HEX or "
                               "X509:<RFC822>ADDRESS";

/* The tag at an offset; CERTMAP_AD_COUNT when there is none. */
static certmap_ad_tag_e tag_at(certmap_str_t text, apr_size_t at)
{
    certmap_ad_tag_e tag;

    for (tag = CERTMAP_AD_ISSUER; tag < CERTMAP_AD_COUNT; tag++) {
        apr_size_t n = strlen(ad_tags[tag]);

        if (text.len - at >= n && apr_cstr_casecmpn(text.data + at, ad_tags[tag], n) == 0) {
            return tag;
        }
    }
    return CERTMAP_AD_COUNT;
}

/* Where the value that begins at an offset ends: at the next '<' that is neither escaped nor in quotes. */
static apr_size_t value_end(certmap_str_t text, apr_size_t at)
{
    int quoted = 0;

    for (; at < text.len; at++) {
        if (text.data[at] == '\\') {
            at++;
        }
        else if (text.data[at] == '"') {
            quoted = !quoted;
        }
        else if (text.data[at] == '<' && !quoted) {
            return at;
        }
    }
    return text.len;
}

/* Splits the string at its tags. @return the tags that it has, or 0 */
static unsigned ad_split(const key_job_t *job, piece_t value, piece_t parts[CERTMAP_AD_COUNT])
{
    certmap_sink_t *sink = job->reader->sink;
    certmap_str_t text = text_of(value);
    unsigned seen = 0;
    apr_size_t at = 0;

    while (at < text.len) {
        certmap_ad_tag_e tag = tag_at(text, at);
        apr_size_t from;

        if (tag == CERTMAP_AD_COUNT) {
            certmap_sink_error(sink, place_of(value, at), "a tag is missing here; write %s", ad_forms);
            return 0;
        }
        if (tag == CERTMAP_AD_PUKEY) {
            certmap_sink_error(sink, place_of(value, at),
                               "<SHA1-PUKEY> is not taken: Microsoft's own documents disagree "
                               "on what it hashes; write spki: or sha256:");
            return 0;
        }
        if (seen & CERTMAP_AD_BIT(tag)) {
            certmap_sink_error(sink, place_of(value, at), "%s appears twice", ad_tags[tag]);
            return 0;
        }
        from = at + strlen(ad_tags[tag]);
        at = value_end(text, from);
        parts[tag] = (piece_t){ value.word, value.from + from, at - from };
        if (at == from) {
            certmap_sink_error(sink, place_of(value, from), "a value is missing after %s", ad_tags[tag]);
            return 0;
        }
        seen |= CERTMAP_AD_BIT(tag);
    }
    return seen;
}

static int read_ad(key_job_t *job, piece_t value)
{
    piece_t parts[CERTMAP_AD_COUNT];
    unsigned seen = ad_split(job, value, parts);
    certmap_ad_tag_e tag = CERTMAP_AD_ISSUER;
    certmap_key_kind_e kind = CERTMAP_K_SHA256;
    certmap_str_t part;
    certmap_str_t issuer = { NULL, 0 };

    if (seen == 0) {
        return 0;
    }
    while (kind < CERTMAP_K_COUNT && certmap_key_kinds[kind].ad != seen) {
        kind++;
    }
    if (kind == CERTMAP_K_COUNT) {
        certmap_sink_error(job->reader->sink, place_of(value, 0), "these tags do not form a key together; write %s%s",
                           ad_forms,
                           seen & CERTMAP_AD_BIT(CERTMAP_AD_SID) ? " (a SID is what sid= of a rule asks for)" : "");
        return 0;
    }
    while (tag == CERTMAP_AD_ISSUER || !(seen & CERTMAP_AD_BIT(tag))) {
        tag++;
    }
    part = read_part(job, kind, parts[tag], 1);
    if (certmap_key_kinds[kind].issuer) {
        issuer = read_dn(job, parts[CERTMAP_AD_ISSUER], 1);
        if (issuer.data == NULL) {
            return 0;
        }
    }
    return part.data != NULL && make(job, kind, part, issuer);
}

/* ---- all of them --------------------------------------------------------------------------------------------- */

/* The word of the kinds that Active Directory writes. */
static const char ad_word[] = "X509";

static int is_word(const char *word, certmap_str_t type)
{
    return strlen(word) == type.len && apr_cstr_casecmpn(word, type.data, type.len) == 0;
}

/* The words that keys begin with, NULL after the last. */
static void all_words(const char *words[CERTMAP_K_COUNT + 2])
{
    certmap_key_kind_e kind;
    int n = 0;

    for (kind = CERTMAP_K_SHA256; kind < CERTMAP_K_COUNT; kind++) {
        if (strchr(certmap_key_kinds[kind].name, ':') == NULL) {
            words[n++] = certmap_key_kinds[kind].name;
        }
    }
    words[n++] = ad_word;
    words[n] = NULL;
}

static void unknown_type(const key_job_t *job, certmap_str_t type)
{
    const certmap_word_t *w = &job->words[0];
    const char *words[CERTMAP_K_COUNT + 2];
    const char *listed = "";
    const char *hint;
    int i;

    all_words(words);
    hint = certmap_suggest(type, words);
    for (i = 0; words[i] != NULL; i++) {
        listed = apr_pstrcat(job->reader->pool, listed,
                             i == 0                 ? ""
                             : words[i + 1] != NULL ? ", "
                                                    : " or ",
                             words[i], NULL);
    }
    if (type.len == w->text.len) {
        certmap_sink_error(job->reader->sink, w->place, "an entry begins with its key, TYPE:VALUE; TYPE is %s", listed);
    }
    else if (hint != NULL) {
        certmap_sink_error(job->reader->sink, w->place, "unknown type of key; did you mean %s:?", hint);
    }
    else if (type.len == 4 && apr_cstr_casecmpn(type.data, "sha1", 4) == 0) {
        certmap_sink_error(job->reader->sink, w->place, "SHA-1 can be forged and cannot be a key; write sha256:");
    }
    else {
        certmap_sink_error(job->reader->sink, w->place, "unknown type of key; it is %s", listed);
    }
}

int certmap_key_read(const certmap_key_reader_t *reader, const certmap_word_t *words, int nwords, certmap_key_t *key)
{
    key_job_t job = { reader, words, nwords, 1, key };
    const char *colon = memchr(words[0].text.data, ':', words[0].text.len);
    certmap_str_t type = { words[0].text.data,
                           colon != NULL ? (apr_size_t)(colon - words[0].text.data) : words[0].text.len };
    piece_t value = { &words[0], type.len + 1, words[0].text.len - type.len - 1 };
    certmap_key_kind_e kind = CERTMAP_K_SHA256;
    int ad = is_word(ad_word, type);

    if (words[0].broken) {
        return 0;
    }
    while (kind < CERTMAP_K_COUNT && !is_word(certmap_key_kinds[kind].name, type)) {
        kind++;
    }
    if (colon == NULL || (kind == CERTMAP_K_COUNT && !ad)) {
        unknown_type(&job, type);
        return 0;
    }
    if (value.len == 0) {
        if (nwords < 2) {
            certmap_sink_error(reader->sink, words[0].place, "the key's value is missing after \"%s:\"",
                               ad ? ad_word : certmap_key_kinds[kind].name);
            return 0;
        }
        if (words[1].broken) {
            return 0;
        }
        value = (piece_t){ &words[1], 0, words[1].text.len };
        job.next = 2;
    }
    return (ad ? read_ad(&job, value) : read_own(&job, kind, value)) ? job.next : 0;
}
