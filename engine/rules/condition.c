/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Compiles conditions: "[PREFIX...]FIELD OP VALUE" becomes a typed pattern, and every value that could never match
 * (half a fingerprint, an address with host bits, a misspelt key usage) is refused here, because a rule that silently
 * never matches is a hole when it is a deny rule.
 */
#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>

#include <apr_lib.h>
#include <apr_strings.h>
#include <openssl/err.h>
#include <openssl/objects.h>

#include "base/limits.h"
#include "rules/ruleset.h"

#define REGEX_OPTIONS (PCRE2_ANCHORED | PCRE2_ENDANCHORED | PCRE2_UTF | PCRE2_DOLLAR_ENDONLY | PCRE2_NEVER_BACKSLASH_C)

static const char *const extended_usages[] = {
    "clientAuth",  "serverAuth",          "codeSigning",      "emailProtection",  "timeStamping",
    "OCSPSigning", "anyExtendedKeyUsage", "msSmartcardLogin", "pkInitClientAuth", NULL,
};

/* What compiling a condition works with. */
typedef struct cond_job_t {
    certmap_cond_t *cond;
    const certmap_word_t *word;
    apr_size_t value_at; /* where the value begins in the word */
    certmap_builder_t *b;
    certmap_sink_t *sink;
    apr_pool_t *pool;    /* for what lasts */
    apr_pool_t *scratch; /* for all else */
} cond_job_t;

static certmap_place_t place_of(const cond_job_t *job, apr_size_t offset)
{
    apr_size_t i = job->value_at + offset;

    return job->word->at[i < job->word->text.len ? i : job->word->text.len];
}

/* ---- wildcards ----------------------------------------------------------------------------------------------- */

/* A copy that lasts; the value as written serves where it is the same. */
static certmap_str_t lasting(const cond_job_t *job, certmap_str_t text)
{
    return certmap_str_same(text, job->cond->raw) ? job->cond->raw : certmap_str_copy(text.data, text.len, job->pool);
}

/* Text with escapes becomes a literal or, when it has '*' or '?', tokens. */
static void compile_wildcard(cond_job_t *job, certmap_str_t text)
{
    certmap_cond_t *cond = job->cond;
    apr_uint16_t *tokens = apr_palloc(job->scratch, (text.len + 1) * sizeof(*tokens));
    char *literal;
    apr_size_t n = 0;
    apr_size_t i;
    int wild = 0;

    for (i = 0; i < text.len; i++) {
        char c = text.data[i];

        if (c == '\\' && i + 1 < text.len && strchr("*?\\", text.data[i + 1]) != NULL) {
            tokens[n++] = (unsigned char)text.data[++i];
        }
        else if (c == '?') {
            tokens[n++] = CERTMAP_TOKEN_ONE;
            wild = 1;
        }
        else if (c != '*') {
            tokens[n++] = (unsigned char)c;
        }
        else if (n == 0 || tokens[n - 1] != CERTMAP_TOKEN_ANY) {
            tokens[n++] = CERTMAP_TOKEN_ANY;
            wild = 1;
        }
    }
    if (wild) {
        cond->pattern = CERTMAP_P_WILDCARD;
        cond->u.wildcard.tokens = apr_pmemdup(job->pool, tokens, n * sizeof(*tokens));
        cond->u.wildcard.n = n;
        return;
    }
    literal = apr_palloc(job->scratch, n + 1);
    for (i = 0; i < n; i++) {
        literal[i] = (char)tokens[i];
    }
    cond->pattern = CERTMAP_P_LITERAL;
    cond->u.literal = lasting(job, (certmap_str_t){ literal, n });
}

/* ---- values by kind ------------------------------------------------------------------------------------------ */

static int has_wildcard(certmap_str_t text)
{
    return memchr(text.data, '*', text.len) != NULL || memchr(text.data, '?', text.len) != NULL;
}

/* "digitalSignature, nonRepudiation, ..." */
static const char *all_key_usages(apr_pool_t *p)
{
    const char *all = certmap_key_usages[0];
    apr_size_t i;

    for (i = 1; i < CERTMAP_KEY_USAGES; i++) {
        all = apr_pstrcat(p, all, ", ", certmap_key_usages[i], NULL);
    }
    return all;
}

static void check_ku(const cond_job_t *job, certmap_str_t text)
{
    const char *const *k;
    const char *hint = certmap_suggest(text, certmap_key_usages);

    for (k = certmap_key_usages; *k != NULL; k++) {
        if (strlen(*k) == text.len && strncasecmp(*k, text.data, text.len) == 0) {
            return;
        }
    }
    certmap_sink_error(job->sink, place_of(job, 0), "unknown key usage \"%s\"; %s%s", text.data,
                       hint ? "did you mean " : "known are ", hint ? hint : all_key_usages(job->scratch));
}

/* Where a URI ignores case in what comes before the first wildcard. @return whether that is all of it */
static int uri_beginning(const apr_uint16_t *tokens, apr_size_t ntokens, certmap_uri_t *parts, apr_pool_t *p)
{
    char *text = apr_palloc(p, ntokens + 1);
    apr_size_t n;

    for (n = 0; n < ntokens && tokens[n] < CERTMAP_TOKEN_ONE; n++) {
        text[n] = (char)tokens[n];
    }
    *parts = certmap_uri_parts((certmap_str_t){ text, n });
    if (parts->scheme > 0 && parts->host == 0) {
        return n - parts->scheme >= 3; /* no "//" can follow */
    }
    if (parts->end == n) {
        parts->host = parts->end = 0; /* a wildcard may be in the host, or before its '@' */
        return 0;
    }
    return parts->scheme > 0;
}

/* A URI ignores case in its scheme and host only. Where these are in a value that a wildcard matches, often only the
 * value can say: a letter in upper case is marked then, one in lower case meets the value's folded form as it is. */
static void compile_uri(cond_job_t *job)
{
    certmap_cond_t *cond = job->cond;
    certmap_uri_t parts;
    apr_uint16_t *tokens;
    apr_size_t i;
    int known;

    compile_wildcard(job, cond->raw);
    if (cond->exact) {
        return;
    }
    if (cond->pattern == CERTMAP_P_LITERAL) {
        cond->u.literal = lasting(job, certmap_fold_uri(cond->u.literal, job->scratch));
        return;
    }
    tokens = (apr_uint16_t *)cond->u.wildcard.tokens;
    known = uri_beginning(tokens, cond->u.wildcard.n, &parts, job->scratch);
    for (i = 0; i < cond->u.wildcard.n; i++) {
        if (tokens[i] < 'A' || tokens[i] > 'Z') {
            continue;
        }
        if (certmap_uri_ignores_case(&parts, i)) {
            tokens[i] = (apr_uint16_t)(tokens[i] + ('a' - 'A'));
        }
        else if (!known) {
            tokens[i] |= CERTMAP_TOKEN_UPPER;
            cond->u.wildcard.upper = 1;
        }
    }
}

static void compile_text(cond_job_t *job)
{
    certmap_cond_t *cond = job->cond;
    certmap_str_t folded = certmap_fold(cond->raw, job->scratch);

    if (folded.len == 0) {
        certmap_sink_error(job->sink, place_of(job, 0), "the value is only blanks");
    }
    if (cond->field.kind == CERTMAP_F_KU && !has_wildcard(cond->raw)) {
        if (strcasecmp(cond->raw.data, "contentCommitment") == 0) {
            cond->raw = (certmap_str_t){ "nonRepudiation", 14 }; /* RFC 5280's older name, which the field has */
        }
        check_ku(job, cond->raw);
    }
    if (cond->field.kind == CERTMAP_F_SID && !has_wildcard(cond->raw) && !certmap_is_sid(cond->raw)) {
        certmap_sink_error(job->sink, place_of(job, 0), "not a SID: write S-1-5-21-...");
    }
    if (cond->field.kind == CERTMAP_F_SAN_URI) {
        compile_uri(job);
        return;
    }
    compile_wildcard(job, cond->exact ? cond->raw : certmap_fold(cond->raw, job->scratch));
}

/* Checks the number of digits of a value without wildcards. */
static void check_hex_length(const cond_job_t *job, apr_size_t digits)
{
    apr_size_t want = certmap_hex_digits(job->cond->field.kind);

    if (want != 0 && digits != want) {
        certmap_sink_error(job->sink, place_of(job, 0), "%s has %" APR_SIZE_T_FMT " hex digits, not %" APR_SIZE_T_FMT,
                           job->cond->field.name, want, digits);
    }
    else if (digits == 0) {
        certmap_sink_error(job->sink, place_of(job, 0), "no hex digits");
    }
    else if (digits % 2 != 0) {
        certmap_sink_error(job->sink, place_of(job, 0),
                           "odd number of hex digits (%" APR_SIZE_T_FMT "); two make an "
                           "octet, write a leading zero",
                           digits);
    }
}

/* Hex from value offset `from` on: colons dropped, lower case. */
static void compile_hex(cond_job_t *job, apr_size_t from)
{
    certmap_cond_t *cond = job->cond;
    int wild = has_wildcard(cond->raw);
    char *out = apr_palloc(job->scratch, cond->raw.len + 1);
    apr_size_t n = 0;
    apr_size_t i;

    for (i = from; i < cond->raw.len; i++) {
        char c = cond->raw.data[i];

        if (apr_isxdigit(c) || c == '*' || c == '?') {
            out[n++] = (char)apr_tolower(c);
        }
        else if (c != ':' || (!wild && (n == 0 || n % 2 != 0 || i + 1 == cond->raw.len))) {
            certmap_sink_error(job->sink, place_of(job, i),
                               n == 1 && apr_tolower(c) == 'x' ? "write hex digits without \"0x\""
                                                               : "not a hex digit; write 0-9 a-f, with colons between "
                                                                 "octets or none");
            return;
        }
    }
    out[n] = '\0';
    if (!wild) {
        check_hex_length(job, n);
    }
    if (cond->field.kind == CERTMAP_F_SERIAL && !wild) {
        while (n > 2 && out[0] == '0' && out[1] == '0') {
            out += 2;
            n -= 2;
        }
    }
    compile_wildcard(job, (certmap_str_t){ out, n });
}

/* Whether bits of an address after the prefix are set. */
static int host_bits(const unsigned char *octets, unsigned len, unsigned bits)
{
    unsigned i;

    for (i = bits; i < len * 8; i++) {
        if (octets[i / 8] & (0x80u >> (i % 8))) {
            return 1;
        }
    }
    return 0;
}

static void compile_ip(cond_job_t *job)
{
    certmap_cond_t *cond = job->cond;
    const char *slash = strchr(cond->raw.data, '/');
    const char *address = slash ? apr_pstrmemdup(job->scratch, cond->raw.data, (apr_size_t)(slash - cond->raw.data))
                                : cond->raw.data;
    unsigned bits = 0;
    const char *d;

    if (cond->raw.len == 1 && cond->raw.data[0] == '*') {
        compile_wildcard(job, cond->raw);
        return;
    }
    cond->pattern = CERTMAP_P_NETWORK;
    cond->u.network.len = strchr(address, ':') ? 16 : 4;
    if (inet_pton(cond->u.network.len == 16 ? AF_INET6 : AF_INET, address, cond->u.network.octets) != 1) {
        certmap_sink_error(job->sink, place_of(job, 0),
                           "not an IP address: write 192.0.2.1, 192.0.2.0/24, 2001:db8::/32, or a single *");
        return;
    }
    for (d = slash ? slash + 1 : ""; apr_isdigit(*d) && bits < 1000; d++) {
        bits = bits * 10 + (unsigned)(*d - '0');
    }
    if (slash == NULL) {
        bits = cond->u.network.len * 8u;
    }
    else if (slash[1] == '\0' || *d != '\0' || bits > cond->u.network.len * 8u
             || (slash[1] == '0' && slash[2] != '\0')) {
        certmap_sink_error(job->sink, place_of(job, (apr_size_t)(slash + 1 - cond->raw.data)),
                           "bad prefix length \"%s\": a number from 0 to %u", slash + 1, cond->u.network.len * 8u);
        return;
    }
    cond->u.network.bits = (unsigned char)bits;
    if (host_bits(cond->u.network.octets, cond->u.network.len, bits)) {
        unsigned i;
        char text[INET6_ADDRSTRLEN];
        unsigned char net[16];

        memcpy(net, cond->u.network.octets, sizeof(net));
        for (i = bits; i < cond->u.network.len * 8u; i++) {
            net[i / 8] &= (unsigned char)~(0x80u >> (i % 8));
        }
        inet_ntop(cond->u.network.len == 16 ? AF_INET6 : AF_INET, net, text, sizeof(text));
        certmap_sink_error(job->sink, place_of(job, 0),
                           "address bits after the prefix are set; the network is %s/%u, the single address %s", text,
                           bits, address);
    }
}

static void compile_dn(cond_job_t *job)
{
    certmap_cond_t *cond = job->cond;
    certmap_str_t text = cond->raw;
    const char *why = NULL;
    apr_size_t at = 0;
    apr_size_t skip = 0;

    cond->pattern = CERTMAP_P_DN;
    if (text.len >= 2 && text.data[0] == '*' && text.data[1] == ',') {
        cond->pattern = CERTMAP_P_DN_BELOW;
        skip = 2;
        while (skip < text.len && text.data[skip] == ' ') {
            skip++;
        }
        text.data += skip;
        text.len -= skip;
    }
    else if (text.len == 1 && text.data[0] == '*') {
        certmap_sink_error(job->sink, place_of(job, 0),
                           "\"*\" alone is not a name: write \"*,DN\" for everything below DN, or "
                           "conditions on attributes (subject.CN=*)");
        return;
    }
    if (certmap_dn_parse(text, &cond->u.dn, &why, &at, job->pool) != APR_SUCCESS) {
        certmap_sink_error(job->sink, place_of(job, skip + at), "%s", why);
    }
    else if (cond->u.dn->nrdns == 0) {
        certmap_sink_error(job->sink, place_of(job, skip), "the name is empty");
    }
    else if (why != NULL) {
        certmap_sink_warning(job->sink, place_of(job, skip + at), "%s", why);
    }
}

/* Dotted text of an OID that is written as a name or dotted, or NULL. */
static const char *read_oid(const cond_job_t *job)
{
    const char *name = job->cond->raw.data;
    const char *oid = NULL;
    ASN1_OBJECT *obj;
    char dotted[256];
    int n;

    if (apr_isdigit(name[0])) {
        return certmap_oid_canonical(job->cond->raw, job->scratch);
    }
    ERR_set_mark();
    obj = OBJ_txt2obj(name, 0);
    n = obj ? OBJ_obj2txt(dotted, sizeof(dotted), obj, 1) : 0;
    if (n > 0 && (apr_size_t)n < sizeof(dotted)) {
        oid = apr_pstrmemdup(job->scratch, dotted, (apr_size_t)n);
    }
    ASN1_OBJECT_free(obj);
    ERR_pop_to_mark();
    return oid;
}

static void compile_oid(cond_job_t *job)
{
    certmap_cond_t *cond = job->cond;
    const char *hint;
    const char *oid;

    if (has_wildcard(cond->raw)) {
        if (strspn(cond->raw.data, "0123456789.*?") != cond->raw.len) {
            certmap_sink_error(job->sink, place_of(job, 0),
                               "wildcards work on dotted OIDs (1.3.6.1.4.1.*), not on names");
        }
        compile_wildcard(job, cond->raw);
        return;
    }
    oid = read_oid(job);
    if (oid == NULL) {
        hint = cond->field.kind == CERTMAP_F_EKU ? certmap_suggest(cond->raw, extended_usages) : NULL;
        certmap_sink_error(job->sink, place_of(job, 0), "unknown %s \"%s\"; %s%s",
                           cond->field.kind == CERTMAP_F_EKU ? "extended key usage" : "OID", cond->raw.data,
                           hint ? "did you mean " : "write a name that OpenSSL knows, or a dotted OID",
                           hint ? hint : "");
        return;
    }
    cond->pattern = CERTMAP_P_LITERAL;
    cond->u.literal = lasting(job, (certmap_str_t){ oid, strlen(oid) });
}

/* ---- regexes ------------------------------------------------------------------------------------------------- */

static apr_status_t free_code(void *code)
{
    pcre2_code_free(code);
    return APR_SUCCESS;
}

/* Values of hex fields are lower-case digits; a regex that asks for anything else never matches, unnoticed. */
static void check_hex_regex(const cond_job_t *job)
{
    const certmap_str_t *raw = &job->cond->raw;
    apr_size_t i;

    for (i = 0; i < raw->len; i++) {
        char c = raw->data[i];

        if (c == '\\') {
            i++;
        }
        else if ((c >= 'A' && c <= 'F')
                 || (c == ':' && (i == 0 || strchr("?[", raw->data[i - 1]) == NULL) && raw->data[i + 1] != ']')) {
            certmap_sink_warning(job->sink, place_of(job, i),
                                 "values of %s are lower-case hex without colons: this regex may never match",
                                 job->cond->field.name);
            return;
        }
    }
}

/* Counts what a regex takes. @return 0 when all regexes of the set together take too much */
static int count_bytes(const cond_job_t *job)
{
    size_t size = 0;

    pcre2_pattern_info(job->cond->u.regex.code, PCRE2_INFO_SIZE, &size);
    job->b->regex_bytes += size;
    if (job->b->regex_bytes <= CERTMAP_REGEX_BYTES_MOST) {
        return 1;
    }
    certmap_sink_error(job->sink, job->word->place,
                       "the regexes up to here take more than %d MB when they are "
                       "compiled; a group that repeats takes as much for each time",
                       CERTMAP_REGEX_BYTES_MOST / 1024 / 1024);
    return 0;
}

static void compile_regex(cond_job_t *job)
{
    certmap_cond_t *cond = job->cond;
    certmap_value_kind_e kind = certmap_field_kind(&cond->field);
    int rc = 0;
    PCRE2_SIZE at = 0;
    PCRE2_UCHAR message[160];

    if (kind == CERTMAP_V_DN) {
        certmap_sink_error(job->sink, job->word->place,
                           "a regex over a whole name can be forged; ask its attributes instead (%s)",
                           cond->field.kind == CERTMAP_F_ISSUER    ? "issuer.CN~..., or issuer=DN"
                           : cond->field.kind == CERTMAP_F_SUBJECT ? "subject.CN~..., subject.O=..., or subject=*,DN"
                                                                   : "san.dirname=DN, san.dirname=*,DN");
        return;
    }
    cond->pattern = CERTMAP_P_REGEX;
    cond->u.regex.limits = job->b->limits;
    if (job->b->limits == NULL) {
        certmap_sink_error(job->sink, job->word->place, "no memory for the limits of regexes");
        return;
    }
    cond->u.regex.code = pcre2_compile((PCRE2_SPTR)cond->raw.data, cond->raw.len, REGEX_OPTIONS, &rc, &at,
                                       job->b->compiling);
    if (cond->u.regex.code == NULL) {
        pcre2_get_error_message(rc, message, sizeof(message));
        certmap_sink_error(job->sink, place_of(job, at), "regex: %s at offset %" APR_SIZE_T_FMT, (const char *)message,
                           (apr_size_t)at);
        return;
    }
    if (!count_bytes(job)) {
        pcre2_code_free(cond->u.regex.code);
        return;
    }
    apr_pool_cleanup_register(job->pool, cond->u.regex.code, free_code, apr_pool_cleanup_null);
    if (job->b->njit < CERTMAP_REGEX_JIT_MOST && pcre2_jit_compile(cond->u.regex.code, PCRE2_JIT_COMPLETE) == 0) {
        job->b->njit++; /* without JIT it is slower, no less right */
    }
    pcre2_pattern_info(cond->u.regex.code, PCRE2_INFO_CAPTURECOUNT, &cond->u.regex.captures);
    cond->u.regex.needs = certmap_regex_needs(cond->raw, job->pool);
    /* [promise ascii] */
    cond->u.regex.mixes = certmap_regex_mixes(cond->raw, job->b->restricts);
    if (cond->u.regex.needs == NULL) {
        cond->matches_empty = certmap_regex_takes_empty(cond) != 0;
    }
    if (kind == CERTMAP_V_HEX && certmap_cond_impossible(cond, job->scratch) == NULL) {
        check_hex_regex(job);
    }
    if (cond->exact) {
        certmap_sink_warning(job->sink, job->word->place,
                             "\"case:\" does nothing for a regex, which always compares case");
    }
}

/* ---- a whole condition --------------------------------------------------------------------------------------- */

static void compile_value(cond_job_t *job);

/* What a condition may begin with, each once, in any order. */
typedef enum prefix_e {
    PREFIX_ALL,
    PREFIX_CASE,
    PREFIX_COUNT
} prefix_e;

static const char *const prefixes[PREFIX_COUNT] = {
    [PREFIX_ALL] = "all:",
    [PREFIX_CASE] = "case:",
};

/* None is the beginning of another. */
static const struct {
    const char *name;
    int negated;
    void (*compile)(cond_job_t *job);
} operators[] = {
    { .name = "=", .compile = compile_value },
    { .name = "!=", .negated = 1, .compile = compile_value },
    { .name = "~", .compile = compile_regex },
    { .name = "!~", .negated = 1, .compile = compile_regex },
};

#define NOPERATORS (sizeof(operators) / sizeof(operators[0]))

static int begins(certmap_str_t text, const char *with)
{
    apr_size_t n = strlen(with);

    return text.len >= n && memcmp(text.data, with, n) == 0;
}

/* The prefix that a text begins with; PREFIX_COUNT: none. */
static prefix_e prefix_of(certmap_str_t text)
{
    prefix_e i;

    for (i = PREFIX_ALL; i < PREFIX_COUNT && !begins(text, prefixes[i]); i++) {
    }
    return i;
}

/* "= != ~ !~" */
static const char *all_operators(apr_pool_t *p)
{
    const char *all = operators[0].name;
    apr_size_t i;

    for (i = 1; i < NOPERATORS; i++) {
        all = apr_pstrcat(p, all, " ", operators[i].name, NULL);
    }
    return all;
}

/* How many bytes there are before the operator; text.len when there is none. */
static apr_size_t operator_at(certmap_str_t text)
{
    apr_size_t i;

    for (i = 0; i < text.len && strchr(CERTMAP_OPERATOR_CHARS, text.data[i]) == NULL; i++) {
    }
    return i;
}

/* Whether a word is nearly a field's name, without the OID or attribute type after it. */
static int is_nearly_field(certmap_str_t word, apr_pool_t *p)
{
    const char *names[CERTMAP_F_COUNT + 2] = { "san" };
    int i;

    for (i = 0; i < CERTMAP_F_COUNT; i++) {
        const char *name = certmap_field_word((certmap_field_e)i);
        apr_size_t n = strlen(name);

        names[i + 1] = apr_isalnum(name[n - 1]) ? name : apr_pstrmemdup(p, name, n - 1);
    }
    return certmap_suggest(word, names) != NULL;
}

int certmap_cond_looks_like(certmap_builder_t *b, certmap_str_t text)
{
    certmap_field_t field;
    const char *why = NULL;
    apr_size_t n = operator_at(text);
    certmap_str_t name = { text.data, n };
    certmap_str_t stem;

    if (n == text.len) {
        return 0;
    }
    if (prefix_of(name) < PREFIX_COUNT) {
        return 1;
    }
    if (apr_hash_get(b->fields, name.data, (apr_ssize_t)name.len) != NULL
        || certmap_field_parse(name, &field, &why, b->scratch) == APR_SUCCESS) {
        return 1;
    }
    for (stem = name, n = 0; n < name.len && name.data[n] != '.' && name.data[n] != ':'; n++) {
    }
    stem.len = n;
    return n > 0 && (is_nearly_field(name, b->scratch) || is_nearly_field(stem, b->scratch));
}

/* Reads prefixes and field. @return the offset of the operator, or 0 on error */
static apr_size_t parse_field(cond_job_t *job)
{
    certmap_cond_t *cond = job->cond;
    certmap_str_t rest = job->word->text;
    const certmap_field_t *known;
    const char *why = NULL;
    apr_size_t from;
    apr_size_t op;
    unsigned seen = 0;
    prefix_e prefix;

    while ((prefix = prefix_of(rest)) < PREFIX_COUNT && !(seen & 1u << prefix)) {
        seen |= 1u << prefix;
        rest.data += strlen(prefixes[prefix]);
        rest.len -= strlen(prefixes[prefix]);
    }
    cond->all = (seen & 1u << PREFIX_ALL) != 0;
    cond->exact = (seen & 1u << PREFIX_CASE) != 0;
    from = job->word->text.len - rest.len;
    op = operator_at(rest);
    if (op == 0) {
        certmap_sink_error(job->sink, job->word->at[from], "the field before the operator is missing");
        return 0;
    }
    rest = certmap_str_copy(rest.data, op, job->scratch);
    known = apr_hash_get(job->b->fields, rest.data, (apr_ssize_t)op);
    if (known != NULL) {
        cond->field = *known;
    }
    else if (certmap_field_parse(rest, &cond->field, &why, job->pool) == APR_SUCCESS) {
        apr_hash_set(job->b->fields, apr_pstrmemdup(job->b->temporary, rest.data, op), (apr_ssize_t)op,
                     apr_pmemdup(job->b->temporary, &cond->field, sizeof(cond->field)));
    }
    else {
        certmap_sink_error(job->sink, job->word->at[from], "%s", why);
        return 0;
    }
    return from + op;
}

/* Reads the operator at offset op. @return which one, or NOPERATORS on error */
static apr_size_t parse_operator(cond_job_t *job, apr_size_t op)
{
    const certmap_word_t *word = job->word;
    certmap_cond_t *cond = job->cond;
    certmap_str_t rest = { word->text.data + op, word->text.len - op };
    apr_size_t i;

    for (i = 0; i < NOPERATORS && !begins(rest, operators[i].name); i++) {
    }
    if (i == NOPERATORS) {
        certmap_sink_error(job->sink, word->at[op], "unknown operator: write one of %s, with no blanks around it",
                           all_operators(job->scratch));
        return NOPERATORS;
    }
    cond->negated = operators[i].negated;
    job->value_at = op + strlen(operators[i].name);
    cond->raw.data = cond->text + job->value_at;
    cond->raw.len = word->text.len - job->value_at;
    if (cond->raw.len == 0) {
        certmap_sink_error(job->sink, word->at[job->value_at - 1],
                           "the value is empty; a field that is absent or has no value is written %s!=*",
                           cond->field.name);
        return NOPERATORS;
    }
    if (operators[i].compile == compile_value && (cond->raw.data[0] == '=' || cond->raw.data[0] == '~')) {
        certmap_sink_warning(job->sink, word->at[op], "the value begins with '%c'; the operators are %s",
                             cond->raw.data[0], all_operators(job->scratch));
    }
    return i;
}

static void compile_value(cond_job_t *job)
{
    certmap_cond_t *cond = job->cond;
    certmap_value_kind_e kind = certmap_field_kind(&cond->field);

    if (cond->exact && kind != CERTMAP_V_TEXT && kind != CERTMAP_V_DN) {
        certmap_sink_warning(job->sink, job->word->place,
                             "\"case:\" does nothing for %s, whose values have one spelling", cond->field.name);
    }
    switch (kind) {
    case CERTMAP_V_TEXT:
        if ((cond->field.kind == CERTMAP_F_EXT || cond->field.kind == CERTMAP_F_SAN_OTHER)
            && cond->raw.data[0] == '#') {
            cond->opaque = 1;
            compile_hex(job, 1);
        }
        else {
            compile_text(job);
        }
        break;
    case CERTMAP_V_HEX:
        compile_hex(job, 0);
        break;
    case CERTMAP_V_IP:
        compile_ip(job);
        break;
    case CERTMAP_V_DN:
        compile_dn(job);
        break;
    case CERTMAP_V_OID:
        compile_oid(job);
        break;
    case CERTMAP_V_OPAQUE:
        certmap_sink_error(job->sink, job->word->place, "%s cannot be compared", cond->field.name);
        break;
    }
}

apr_status_t certmap_cond_compile(certmap_builder_t *b, const certmap_word_t *word, certmap_cond_t *cond)
{
    cond_job_t job = { cond, word, 0, b, &b->sink, b->pool, b->scratch };
    int before = b->sink.nerrors;
    const char *why;
    apr_size_t op;
    apr_size_t which;

    memset(cond, 0, sizeof(*cond));
    cond->text = apr_pstrmemdup(b->pool, word->text.data, word->text.len);
    cond->place = word->place;
    cond->leader = -1;
    op = parse_field(&job);
    if (op == 0) {
        return APR_EINVAL;
    }
    which = parse_operator(&job, op);
    if (which < NOPERATORS) {
        operators[which].compile(&job);
    }
    if (b->sink.nerrors == before && (why = certmap_cond_impossible(cond, b->scratch)) != NULL) {
        certmap_sink_error(&b->sink, place_of(&job, 0), "%s", why);
    }
    return b->sink.nerrors == before ? APR_SUCCESS : APR_EINVAL;
}
