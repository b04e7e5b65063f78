/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the fuzz targets share; see fuzz.h. The second opinions are written from the words of docs/, not from the
 * engine's code: where both are wrong in the same way no fuzzer can help, so they are kept as plain as they can be.
 */
#include <apr_general.h>
#include <apr_lib.h>

#include "fuzz.h"

void fuzz_fail(const char *file, int line, const char *what)
{
    fflush(stdout);
    fprintf(stderr, "%s:%d: does not hold: %s\n", file, line, what);
    abort();
}

/* ---- pools --------------------------------------------------------------------------------------------------- */

static int out_of_memory(int status)
{
    (void)status;
    fuzz_fail("pool", 0, "memory");
}

apr_pool_t *fuzz_lasting_pool(void)
{
    static apr_pool_t *root;
    unsigned long before;

    if (root == NULL) {
        FUZZ_CHECK(apr_initialize() == APR_SUCCESS);
        /* what the last input leaves in its pool is not a leak, but LeakSanitizer does not look into mapped blocks */
        atexit(apr_terminate);
        FUZZ_CHECK(apr_pool_create_ex(&root, NULL, out_of_memory, NULL) == APR_SUCCESS);
        before = fuzz_allocations;
        apr_pstrdup(root, "libapr asks pool.c, too");
        FUZZ_CHECK(fuzz_allocations > before);
        FUZZ_CHECK(certmap_engine_init(root) == APR_SUCCESS);
    }
    return root;
}

apr_pool_t *fuzz_pool(void)
{
    static apr_pool_t *run;

    if (run == NULL) {
        FUZZ_CHECK(apr_pool_create(&run, fuzz_lasting_pool()) == APR_SUCCESS);
    }
    apr_pool_clear(run);
    return run;
}

/* ---- input --------------------------------------------------------------------------------------------------- */

unsigned fuzz_byte(fuzz_in_t *in)
{
    return in->at < in->end ? *in->at++ : 0;
}

unsigned fuzz_pick(fuzz_in_t *in, unsigned n)
{
    return fuzz_byte(in) % n;
}

int fuzz_line(fuzz_in_t *in, certmap_str_t *line, apr_pool_t *p)
{
    const uint8_t *from = in->at;
    const uint8_t *stop;

    if (in->at == in->end) {
        return 0;
    }
    stop = memchr(from, '\n', (size_t)(in->end - from));
    in->at = stop ? stop + 1 : in->end;
    line->len = (apr_size_t)((stop ? stop : in->end) - from);
    line->data = apr_pstrmemdup(p, (const char *)from, line->len);
    return 1;
}

/* ---- certificates -------------------------------------------------------------------------------------------- */

/* DER is written from its end, so that every length is known when it is needed. */
typedef struct writer_t {
    unsigned char *buf;
    apr_size_t at;
    apr_pool_t *p;
} writer_t;

static void put(writer_t *w, const void *data, apr_size_t len)
{
    FUZZ_CHECK(w->at >= len);
    w->at -= len;
    if (len > 0) {
        memcpy(w->buf + w->at, data, len);
    }
}

/* Puts tag and length before what has been written since end. */
static void wrap(writer_t *w, unsigned char tag, apr_size_t end)
{
    apr_size_t len = end - w->at;
    unsigned char head[6];
    int n = 6;

    if (len < 0x80) {
        head[--n] = (unsigned char)len;
    }
    else {
        for (; len > 0; len >>= 8) {
            head[--n] = (unsigned char)len;
        }
        head[n - 1] = (unsigned char)(0x80 | (6 - n));
        n--;
    }
    head[--n] = tag;
    put(w, head + n, (apr_size_t)(6 - n));
}

static const struct {
    char kind;
    unsigned char type; /* last arc of 2.5.4, or the context tag of a general name */
} kinds[] = {
    { 'C', 3 },    { 'O', 10 },   { 'U', 11 },   { 'S', 5 },    { 'T', 12 },
    { 'e', 0x81 }, { 'd', 0x82 }, { 'u', 0x86 }, { 'p', 0xa0 },
};

static unsigned char type_of(char kind)
{
    apr_size_t i;

    for (i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
        if (kinds[i].kind == kind) {
            return kinds[i].type;
        }
    }
    return 0;
}

int fuzz_kind_known(char kind)
{
    return type_of(kind) != 0;
}

static void put_attribute(writer_t *w, const fuzz_value_t *v)
{
    unsigned char oid[] = { 0x06, 3, 0x55, 4, type_of(v->kind) };
    apr_size_t end = w->at;

    put(w, v->text.data, v->text.len);
    wrap(w, v->tag, end);
    put(w, oid, sizeof(oid));
    wrap(w, 0x30, end);
}

/* The subject, its first attribute first. */
static void put_subject(writer_t *w, const fuzz_value_t *values, apr_size_t n)
{
    apr_size_t end = w->at;
    apr_size_t set = w->at;
    int open = 0;

    while (n-- > 0) {
        if (type_of(values[n].kind) >= 0x80) {
            continue;
        }
        if (!open) {
            set = w->at;
        }
        put_attribute(w, &values[n]);
        open = values[n].joined;
        if (!open) {
            wrap(w, 0x31, set);
        }
    }
    if (open) {
        wrap(w, 0x31, set); /* "joined" to no attribute before it */
    }
    wrap(w, 0x30, end);
}

static void put_san(writer_t *w, const fuzz_value_t *values, apr_size_t n)
{
    static const unsigned char upn[] = { 0x06, 10, 0x2b, 6, 1, 4, 1, 0x82, 0x37, 20, 2, 3 };
    static const unsigned char san[] = { 0x06, 3, 0x55, 0x1d, 0x11 };
    apr_size_t end = w->at;

    while (n-- > 0) {
        apr_size_t from = w->at;
        unsigned char tag = type_of(values[n].kind);

        if (tag < 0x80) {
            continue;
        }
        put(w, values[n].text.data, values[n].text.len);
        if (tag == 0xa0) {
            wrap(w, values[n].tag, from);
            wrap(w, 0xa0, from);
            put(w, upn, sizeof(upn));
        }
        wrap(w, tag, from);
    }
    if (w->at == end) {
        return;
    }
    wrap(w, 0x30, end);
    wrap(w, 0x04, end);
    put(w, san, sizeof(san));
    wrap(w, 0x30, end);
    wrap(w, 0x30, end);
    wrap(w, 0xa3, end);
}

certmap_str_t fuzz_der(const fuzz_value_t *values, apr_size_t n, apr_pool_t *p)
{
    static const unsigned char ed25519[] = { 0x30, 5, 0x06, 3, 0x2b, 0x65, 0x70 };
    static const unsigned char head[] = { 0xa0, 3, 0x02, 1, 2, 0x02, 2, 0x1f, 0x3a };
    static const unsigned char issuer[] = "\x30\x12\x31\x10\x30\x0e\x06\x03\x55\x04\x03\x0c\x07"
                                          "Test CA";
    static const char validity[] = "\x30\x1e\x17\x0d"
                                   "250101000000Z"
                                   "\x17\x0d"
                                   "350101000000Z";
    unsigned char bits[65] = { 0 };
    apr_size_t room = 1024;
    apr_size_t end;
    apr_size_t i;
    writer_t w;

    for (i = 0; i < n; i++) {
        room += values[i].text.len + 64;
    }
    w = (writer_t){ apr_palloc(p, room), room, p };
    put(&w, bits, 65);
    wrap(&w, 0x03, room);
    put(&w, ed25519, sizeof(ed25519));
    end = w.at;
    put_san(&w, values, n);
    i = w.at;
    put(&w, bits, 33);
    wrap(&w, 0x03, i);
    put(&w, ed25519, sizeof(ed25519));
    wrap(&w, 0x30, i);
    put_subject(&w, values, n);
    put(&w, validity, sizeof(validity) - 1);
    put(&w, issuer, sizeof(issuer) - 1);
    put(&w, ed25519, sizeof(ed25519));
    put(&w, head, sizeof(head));
    wrap(&w, 0x30, end);
    wrap(&w, 0x30, room);
    return (certmap_str_t){ (const char *)w.buf + w.at, room - w.at };
}

const certmap_cert_t *fuzz_cert(const fuzz_value_t *values, apr_size_t n, apr_pool_t *p)
{
    certmap_str_t der = fuzz_der(values, n, p);
    const certmap_cert_t *cert = NULL;

    if (certmap_cert_create_der((const unsigned char *)der.data, der.len, &cert, p) != APR_SUCCESS) {
        /* OpenSSL refuses strings of some types by itself; then nobody is there. */
        FUZZ_CHECK(n > 0);
        return fuzz_cert(NULL, 0, p);
    }
    return cert;
}

#define VALUES_MOST 24

const certmap_cert_t *fuzz_read_cert(fuzz_in_t *in, apr_pool_t *p)
{
    static const unsigned char tags[] = { 0x0c, 0x13, 0x16, 0x14, 0x1e, 0x1c, 0x12, 0x04 };
    fuzz_value_t values[VALUES_MOST];
    certmap_str_t line;
    apr_size_t n = 0;

    while (n < VALUES_MOST && fuzz_line(in, &line, p) && line.len > 0) {
        if (line.len >= 3 && fuzz_kind_known(line.data[0])) {
            values[n].kind = line.data[0];
            values[n].tag = tags[(unsigned char)line.data[1] % 8];
            values[n].joined = line.data[2] == '+';
            values[n].text = (certmap_str_t){ line.data + 3, line.len - 3 };
            n++;
        }
    }
    return fuzz_cert(values, n, p);
}

/* ---- second opinions ----------------------------------------------------------------------------------------- */

/* The code point at *at, which is moved past it; -1 when the bytes there are not UTF-8 (RFC 3629). */
static long code_point(const unsigned char **at, const unsigned char *end)
{
    const unsigned char *s = *at;
    long c = s[0];
    int more = c < 0x80 ? 0 : c >= 0xc2 && c < 0xe0 ? 1 : c >= 0xe0 && c < 0xf0 ? 2 : c >= 0xf0 && c < 0xf5 ? 3 : -1;
    int i;

    if (more < 0 || end - s <= more) {
        return -1;
    }
    c &= more == 0 ? 0x7f : 0x3f >> more;
    for (i = 1; i <= more; i++) {
        if (s[i] < 0x80 || s[i] > 0xbf) {
            return -1;
        }
        c = c * 64 + (s[i] - 0x80);
    }
    if ((more == 2 && c < 0x800) || (more == 3 && c < 0x10000) || c > 0x10ffff || (c >= 0xd800 && c <= 0xdfff)) {
        return -1;
    }
    *at = s + more + 1;
    return c;
}

int fuzz_is_clean(certmap_str_t text)
{
    static const struct {
        long from, to;
    } bad[] = {
        { 0, 0x1f },        { 0x7f, 0x9f },     { 0x61c, 0x61c },   { 0x200b, 0x200f },
        { 0x2028, 0x202e }, { 0x2060, 0x2060 }, { 0x2066, 0x2069 }, { 0xfeff, 0xfeff },
    };
    const unsigned char *at = (const unsigned char *)text.data;
    const unsigned char *end = at + text.len;
    apr_size_t i;

    while (at < end) {
        long c = code_point(&at, end);

        for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
            if (c < 0 || (c >= bad[i].from && c <= bad[i].to)) {
                return 0;
            }
        }
    }
    return 1;
}

int fuzz_is_sound(certmap_str_t text)
{
    const unsigned char *at = (const unsigned char *)text.data;
    const unsigned char *end = at + text.len;

    while (at < end) {
        long c = code_point(&at, end);

        if (c < 0x20 || (c >= 0x7f && c < 0xa0)) {
            return 0;
        }
    }
    return 1;
}

int fuzz_is_line(const char *text)
{
    const unsigned char *at = (const unsigned char *)text;
    const unsigned char *end = at + strlen(text);

    while (at < end) {
        long c = code_point(&at, end);

        if ((c < 0x20 && c != '\t') || (c >= 0x7f && c < 0xa0)) {
            return 0;
        }
    }
    return 1;
}

int fuzz_is_user(certmap_str_t text)
{
    return text.len >= 1 && text.len <= 256 && fuzz_is_clean(text) && memchr(text.data, ':', text.len) == NULL
           && text.data[0] != ' ' && text.data[text.len - 1] != ' ';
}

certmap_str_t fuzz_fold(certmap_str_t text, apr_pool_t *p)
{
    char *out = apr_pcalloc(p, text.len + 1);
    apr_size_t from = 0;
    apr_size_t to = text.len;
    apr_size_t n = 0;

#define BLANK(i) (text.data[i] == ' ' || text.data[i] == '\t')
    while (from < to && BLANK(from)) {
        from++;
    }
    while (from < to && BLANK(to - 1)) {
        to--;
    }
    for (; from < to; from++) {
        if (!BLANK(from)) {
            char c = text.data[from];

            out[n++] = c >= 'A' && c <= 'Z' ? (char)(c + 32) : c;
        }
        else if (!BLANK(from - 1)) {
            out[n++] = ' ';
        }
    }
#undef BLANK
    return (certmap_str_t){ out, n };
}

int fuzz_same(certmap_str_t a, certmap_str_t b)
{
    return a.len == b.len && (a.len == 0 || memcmp(a.data, b.data, a.len) == 0);
}

/* The plain recursion, with the number of steps bounded by the shortness of what targets ask. */
int fuzz_wild(certmap_str_t pattern, certmap_str_t text)
{
    while (pattern.len > 0) {
        char c = pattern.data[0];

        pattern.data++;
        pattern.len--;
        if (c == '*') {
            for (;; text.data++, text.len--) {
                if (fuzz_wild(pattern, text)) {
                    return 1;
                }
                if (text.len == 0) {
                    return 0;
                }
            }
        }
        if (text.len == 0) {
            return 0;
        }
        if (c == '?') {
            const unsigned char *at = (const unsigned char *)text.data;

            if (code_point(&at, at + text.len) < 0) {
                return 0;
            }
            text.len -= (apr_size_t)((const char *)at - text.data);
            text.data = (const char *)at;
            continue;
        }
        if (c == '\\' && pattern.len > 0 && strchr("*?\\", pattern.data[0]) != NULL) {
            c = pattern.data[0];
            pattern.data++;
            pattern.len--;
        }
        if (c != text.data[0]) {
            return 0;
        }
        text.data++;
        text.len--;
    }
    return text.len == 0;
}

int fuzz_meets(certmap_str_t pattern, int exact, certmap_str_t text, apr_pool_t *p)
{
    certmap_str_t folded = fuzz_fold(text, p);

    if (folded.len == 0) {
        return 0; /* a value of blanks is not a value */
    }
    return exact ? fuzz_wild(pattern, text) : fuzz_wild(fuzz_fold(pattern, p), folded);
}

static int same_text(const char *a, const char *b)
{
    return a == b || (a != NULL && b != NULL && strcmp(a, b) == 0);
}

int fuzz_same_decision(const certmap_decision_t *a, const certmap_decision_t *b)
{
    return a->outcome == b->outcome && a->reason == b->reason && same_text(a->effect.user, b->effect.user)
           && a->rule == b->rule && a->effect.groups == b->effect.groups && a->effect.ngroups == b->effect.ngroups
           && a->effect.strength == b->effect.strength && a->effect.expires == b->effect.expires
           && same_text(a->detail, b->detail);
}

int fuzz_timed_out(const certmap_decision_t *d)
{
    return d->detail != NULL && strstr(d->detail, "took too long") != NULL;
}

void fuzz_check_decision(const certmap_decision_t *d)
{
    FUZZ_CHECK(d->outcome == CERTMAP_MAPPED || d->outcome == CERTMAP_REFUSED || d->outcome == CERTMAP_UNDECIDED);
    FUZZ_CHECK((d->outcome == CERTMAP_MAPPED) == (d->reason == CERTMAP_R_NONE));
    FUZZ_CHECK((d->outcome == CERTMAP_MAPPED) == (d->effect.user != NULL));
    if (d->effect.user != NULL) {
        FUZZ_CHECK(d->rule != NULL && !d->rule->deny && !d->rule->disabled);
        FUZZ_CHECK(fuzz_is_user((certmap_str_t){ d->effect.user, strlen(d->effect.user) }));
    }
}

void fuzz_check_errors(const apr_array_header_t *errors)
{
    int i;

    for (i = 0; i < errors->nelts; i++) {
        const certmap_error_t *e = &APR_ARRAY_IDX(errors, i, certmap_error_t);

        FUZZ_CHECK(e->line >= 1 && e->column >= 1);
        FUZZ_CHECK(e->text != NULL && e->text[0] != '\0');
        FUZZ_CHECK(fuzz_is_line(e->text));
    }
}
