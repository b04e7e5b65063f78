/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reads names that other software compares as text. Each reading is written again the way that software writes it, and
 * counts only when the same text comes out: no certificate ever had "/cn=x" or "CN=a, O=b" there, and one that matches
 * them here would be let in for the first time. OpenSSL escapes '/' and '+' in one-line names and joins multi-valued
 * RDNs with '+' since it was found that names can be forged otherwise; both are read, and the linked OpenSSL says what
 * is written.
 */
#include <string.h>

#include <apr_lib.h>
#include <apr_strings.h>
#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/objects.h>

#include "import/name.h"

/* ---- written as OpenSSL writes it ---------------------------------------------------------------------------- */

static int add_ava(X509_NAME *name, const certmap_ava_t *ava, int joined)
{
    ASN1_OBJECT *oid = OBJ_txt2obj(ava->oid, 1);
    int fine = oid != NULL
               && X509_NAME_add_entry_by_OBJ(name, oid, V_ASN1_UTF8STRING, (const unsigned char *)ava->value.data,
                                             (int)ava->value.len, -1, joined ? -1 : 0);

    ASN1_OBJECT_free(oid);
    return fine;
}

/* The name as a certificate would hold it. It goes through DER once, which sorts multi-valued RDNs. */
static X509_NAME *x509_name(const certmap_dn_t *dn)
{
    X509_NAME *made = X509_NAME_new();
    X509_NAME *name = NULL;
    unsigned char *der = NULL;
    const unsigned char *at;
    int fine = made != NULL;
    int len;
    int i;
    int j;

    for (i = 0; fine && i < dn->nrdns; i++) {
        for (j = 0; fine && j < dn->rdns[i].navas; j++) {
            fine = add_ava(made, &dn->rdns[i].avas[j], j > 0);
        }
    }
    len = fine ? i2d_X509_NAME(made, &der) : -1;
    if (len > 0) {
        at = der;
        name = d2i_X509_NAME(NULL, &at, len);
    }
    OPENSSL_free(der);
    X509_NAME_free(made);
    return name;
}

static const char *written_oneline(X509_NAME *name, apr_pool_t *p)
{
    char *line = X509_NAME_oneline(name, NULL, 0);
    const char *text = line ? apr_pstrdup(p, line) : NULL;

    OPENSSL_free(line);
    return text;
}

static const char *written_rfc2253(X509_NAME *name, unsigned long flags, apr_pool_t *p)
{
    BIO *bio = BIO_new(BIO_s_mem());
    const char *text = NULL;
    char *data;
    long len;

    if (bio != NULL && X509_NAME_print_ex(bio, name, 0, flags) >= 0) {
        len = BIO_get_mem_data(bio, &data);
        text = len > 0 ? apr_pstrmemdup(p, data, (apr_size_t)len) : NULL;
    }
    BIO_free(bio);
    return text;
}

/* The text that a style has for a name; NULL: none. */
static const char *written(const certmap_dn_t *dn, certmap_name_style_e style, apr_pool_t *p)
{
    X509_NAME *name;
    const char *text = NULL;

    ERR_set_mark();
    name = x509_name(dn);
    if (name != NULL) {
        switch (style) {
        case CERTMAP_NAME_ONELINE:
        case CERTMAP_NAME_GLOBUS:
            text = written_oneline(name, p);
            break;
        case CERTMAP_NAME_RFC2253:
            text = written_rfc2253(name, XN_FLAG_RFC2253, p);
            break;
        case CERTMAP_NAME_RFC2253_UTF8:
            text = written_rfc2253(name, XN_FLAG_RFC2253 & ~(unsigned long)ASN1_STRFLGS_ESC_MSB, p);
            break;
        }
    }
    X509_NAME_free(name);
    ERR_pop_to_mark();
    return text;
}

/* As OpenSSL wrote one-line names before it escaped anything but bytes. */
static const char *written_before(const certmap_dn_t *dn, apr_pool_t *p)
{
    apr_array_header_t *parts = apr_array_make(p, 32, sizeof(const char *));
    int i;
    int j;
    apr_size_t k;

    for (i = 0; i < dn->nrdns; i++) {
        for (j = 0; j < dn->rdns[i].navas; j++) {
            const certmap_ava_t *ava = &dn->rdns[i].avas[j];
            int nid = OBJ_txt2nid(ava->oid);
            char *value = apr_palloc(p, 4 * ava->value.len + 1);
            char *to = value;

            for (k = 0; k < ava->value.len; k++) {
                unsigned char c = (unsigned char)ava->value.data[k];

                to += apr_snprintf(to, 5, c < ' ' || c > '~' ? "\\x%02X" : "%c", c);
            }
            *to = '\0';
            APR_ARRAY_PUSH(parts, const char *) = apr_pstrcat(p, "/", nid == NID_undef ? ava->oid : OBJ_nid2sn(nid),
                                                              "=", value, NULL);
        }
    }
    return apr_array_pstrcat(p, parts, 0);
}

/* ---- one line, read ------------------------------------------------------------------------------------------ */

typedef struct name_reader_t {
    certmap_str_t in;
    apr_size_t at;
    int escapes;                /* "\/" and "\+" stand for '/' and '+', and an unescaped '+' joins */
    apr_array_header_t *avas;   /* of certmap_ava_t */
    apr_array_header_t *counts; /* of int: attributes of each RDN */
    const char *why;
    apr_pool_t *p;
} name_reader_t;

/* The length of TYPE if "TYPE=" begins there, else 0. */
static apr_size_t type_at(certmap_str_t in, apr_size_t at)
{
    apr_size_t i = at;

    while (i < in.len && (apr_isalnum(in.data[i]) || in.data[i] == '.' || in.data[i] == '-')) {
        i++;
    }
    return i < in.len && in.data[i] == '=' ? i - at : 0;
}

static int upper_hex(char c)
{
    return apr_isdigit(c) || (c >= 'A' && c <= 'F');
}

/* The byte that OpenSSL's \xHH stands for; -1 where there is none: it never writes what it need not. */
static int hex_byte(certmap_str_t in, apr_size_t at)
{
    int byte;

    if (at + 3 >= in.len || in.data[at] != '\\' || in.data[at + 1] != 'x' || !upper_hex(in.data[at + 2])
        || !upper_hex(in.data[at + 3])) {
        return -1;
    }
    byte = 16 * certmap_hexval(in.data[at + 2]) + certmap_hexval(in.data[at + 3]);
    return byte < ' ' || byte > '~' ? byte : -1;
}

static certmap_str_t read_value(name_reader_t *r)
{
    char *value = apr_palloc(r->p, r->in.len - r->at + 1);
    char *to = value;

    while (r->at < r->in.len) {
        char c = r->in.data[r->at];
        int byte = hex_byte(r->in, r->at);

        if ((c == '/' || (c == '+' && r->escapes)) && type_at(r->in, r->at + 1) > 0) {
            break;
        }
        if (byte >= 0) {
            *to++ = (char)byte;
            r->at += 4;
            continue;
        }
        if (c == '\\' && r->escapes && r->at + 1 < r->in.len
            && (r->in.data[r->at + 1] == '/' || r->in.data[r->at + 1] == '+')) {
            c = r->in.data[++r->at];
        }
        *to++ = c;
        r->at++;
    }
    *to = '\0';
    return (certmap_str_t){ value, (apr_size_t)(to - value) };
}

static int read_ava(name_reader_t *r, certmap_ava_t *ava)
{
    certmap_str_t type = { r->in.data + r->at, type_at(r->in, r->at) };
    const char *bad;

    if (type.len == 0) {
        r->why = "this is not a name of the form /TYPE=VALUE/TYPE=VALUE";
        return 0;
    }
    ava->oid = certmap_attr_oid(type, r->p);
    if (ava->oid == NULL) {
        r->why = apr_psprintf(r->p,
                              "\"/%s=\" may begin an attribute of an unknown type, or be part of the value "
                              "before it",
                              apr_pstrmemdup(r->p, type.data, type.len));
        return 0;
    }
    r->at += type.len + 1;
    ava->value = read_value(r);
    bad = ava->value.len == 0 ? "a value is empty" : certmap_text_check(ava->value, NULL);
    if (bad != NULL) {
        r->why = apr_pstrcat(r->p, "no certificate that is accepted here has this name: ", bad, NULL);
        return 0;
    }
    ava->folded = certmap_fold(ava->value, r->p);
    return 1;
}

static const certmap_dn_t *read_oneline(certmap_str_t text, int escapes, const char **why, apr_pool_t *p)
{
    name_reader_t r = {
        text, 0, escapes, apr_array_make(p, 8, sizeof(certmap_ava_t)), apr_array_make(p, 8, sizeof(int)), NULL, p
    };
    certmap_dn_t *dn = apr_palloc(p, sizeof(*dn));
    certmap_rdn_t *rdns;
    const certmap_ava_t *avas;
    int i;

    do {
        if (r.at < text.len && text.data[r.at] == '+') {
            APR_ARRAY_IDX(r.counts, r.counts->nelts - 1, int)++;
        }
        else {
            APR_ARRAY_PUSH(r.counts, int) = 1;
        }
        r.at++;
        if (r.at > text.len || !read_ava(&r, apr_array_push(r.avas))) {
            *why = r.why ? r.why : "the name is empty";
            return NULL;
        }
    } while (r.at < text.len);
    avas = (const certmap_ava_t *)r.avas->elts;
    dn->nrdns = r.counts->nelts;
    dn->rdns = rdns = apr_palloc(p, (apr_size_t)dn->nrdns * sizeof(*rdns));
    for (i = 0; i < dn->nrdns; i++) {
        rdns[i].navas = APR_ARRAY_IDX(r.counts, i, int);
        rdns[i].avas = avas;
        avas += rdns[i].navas;
    }
    return dn;
}

/* ---- names --------------------------------------------------------------------------------------------------- */

const char *certmap_import_globus_key(certmap_str_t text, apr_pool_t *p)
{
    static const struct {
        const char *from;
        const char *to;
    } same[] = { { "uid=", "userid=" }, { "e=", "emailaddress=" }, { "email=", "emailaddress=" } };
    char *key = apr_palloc(p, text.len * 7 + 1);
    char *to = key;
    apr_size_t i = 0;
    apr_size_t k;

    while (i < text.len) {
        *to++ = (char)apr_tolower(text.data[i]);
        if (text.data[i++] != '/') {
            continue;
        }
        for (k = 0; k < sizeof(same) / sizeof(same[0]); k++) {
            apr_size_t n = strlen(same[k].from);

            if (text.len - i >= n && strncasecmp(text.data + i, same[k].from, n) == 0) {
                to = apr_cpystrn(to, same[k].to, strlen(same[k].to) + 1);
                i += n;
                break;
            }
        }
    }
    *to = '\0';
    return key;
}

static int same_text(certmap_str_t text, const char *other, certmap_name_style_e style, apr_pool_t *p)
{
    if (other == NULL) {
        return 0;
    }
    if (style != CERTMAP_NAME_GLOBUS) {
        return certmap_str_same(text, (certmap_str_t){ other, strlen(other) });
    }
    return strcmp(certmap_import_globus_key(text, p),
                  certmap_import_globus_key((certmap_str_t){ other, strlen(other) }, p))
           == 0;
}

int certmap_import_comma_name(certmap_str_t text, apr_pool_t *p)
{
    certmap_str_t type = { text.data, type_at(text, 0) };

    return type.len > 0 && certmap_attr_oid(type, p) != NULL;
}

static const certmap_dn_t *slash_name(certmap_str_t text, certmap_name_style_e style, const char **why, apr_pool_t *p)
{
    const certmap_dn_t *dn = NULL;
    int escapes;

    *why = "this is not a name of the form /TYPE=VALUE/TYPE=VALUE";
    if (text.len == 0 || text.data[0] != '/') {
        return NULL;
    }
    for (escapes = 1; escapes >= 0; escapes--) {
        dn = read_oneline(text, escapes, why, p);
        if (dn != NULL && same_text(text, written(dn, style, p), style, p)) {
            return dn;
        }
    }
    if (dn != NULL && style == CERTMAP_NAME_GLOBUS && same_text(text, written_before(dn, p), style, p)) {
        return dn;
    }
    if (dn != NULL) {
        const char *right = written(dn, style, p);

        *why = apr_psprintf(p, "no certificate's name is written like this%s%s", right ? "; OpenSSL would write " : "",
                            right ? right : "");
    }
    return NULL;
}

static const certmap_dn_t *comma_name(certmap_str_t text, certmap_name_style_e style, const char **why, apr_pool_t *p)
{
    const certmap_dn_t *dn;
    const char *right;
    apr_size_t at;
    int i;
    int j;

    if (certmap_dn_parse(text, &dn, why, &at, p) != APR_SUCCESS) {
        return NULL;
    }
    for (i = 0; i < dn->nrdns; i++) {
        for (j = 0; j < dn->rdns[i].navas; j++) {
            if (OBJ_txt2nid(dn->rdns[i].avas[j].oid) == NID_undef) {
                *why = "OpenSSL has no name for one of its attributes, and writes the ASN.1 type of its value too";
                return NULL;
            }
        }
    }
    right = written(dn, style, p);
    if (!same_text(text, right, style, p)) {
        *why = apr_psprintf(p, "no certificate's name is written like this%s%s", right ? "; OpenSSL would write " : "",
                            right ? right : "");
        return NULL;
    }
    return dn;
}

const certmap_dn_t *certmap_import_name(certmap_str_t text, certmap_name_style_e style, const char **why, apr_pool_t *p)
{
    if (text.len > CERTMAP_DN_MAX) {
        *why = "a name of more than 64 kB";
        return NULL;
    }
    return style == CERTMAP_NAME_ONELINE || style == CERTMAP_NAME_GLOBUS ? slash_name(text, style, why, p)
                                                                         : comma_name(text, style, why, p);
}

const char *certmap_import_root_first(const certmap_dn_t *dn, apr_pool_t *p)
{
    certmap_dn_t turned = { dn->nrdns, NULL };
    certmap_rdn_t *rdns = apr_palloc(p, (apr_size_t)dn->nrdns * sizeof(*rdns));
    int i;

    for (i = 0; i < dn->nrdns; i++) {
        rdns[i] = dn->rdns[dn->nrdns - 1 - i];
    }
    turned.rdns = rdns;
    return certmap_dn_text(&turned, p);
}

/* ---- what all texts have in common --------------------------------------------------------------------------- */

int certmap_import_issuer(certmap_import_out_t *out, const certmap_import_options_t *options, const char **issuer,
                          apr_pool_t *p)
{
    const certmap_dn_t *dn;
    const char *why;
    apr_size_t at;

    *issuer = options != NULL ? options->issuer : NULL;
    if (*issuer == NULL) {
        return 1;
    }
    if (certmap_dn_parse((certmap_str_t){ *issuer, strlen(*issuer) }, &dn, &why, &at, p) != APR_SUCCESS) {
        certmap_import_error(out, 1, 1, "the issuer \"%s\" cannot be read: %s", *issuer, why);
        return 0;
    }
    if (why != NULL) {
        certmap_import_warning(out, 1, 1, "the issuer \"%s\": %s", *issuer, why);
    }
    return 1;
}

void certmap_import_say_weak(certmap_import_out_t *out, const char *these, const char *name)
{
    certmap_import_comment(out,
                           "These %s are weak, as the file is: any CA that the server trusts may issue a "
                           "certificate with such a %s.\nImport again with --issuer DN, the name of the CA that issued "
                           "them, to have it asked for.",
                           these, name);
}

int certmap_import_is_text(certmap_import_out_t *out, certmap_str_t text, int mark)
{
    static const char pem[] = "-----BEGIN ";
    const char *nul = text.len > 0 ? memchr(text.data, '\0', text.len) : NULL;
    certmap_str_t line;
    apr_size_t pos = 0;
    int number;

    if (text.len >= 2 && (memcmp(text.data, "\xff\xfe", 2) == 0 || memcmp(text.data, "\xfe\xff", 2) == 0)) {
        certmap_import_error(out, 1, 1, "this is UTF-16; save it as UTF-8");
        return 0;
    }
    if (!mark && text.len >= 3 && memcmp(text.data, "\xef\xbb\xbf", 3) == 0) {
        certmap_import_error(out, 1, 1,
                             "the text begins with a byte order mark, which would be part of its first "
                             "word; save it without one");
        return 0;
    }
    for (number = 1; certmap_import_line(text, &pos, &line); number++) {
        if (nul != NULL && nul < text.data + pos) {
            certmap_import_error(out, number, (int)(nul - line.data) + 1, "a NUL: this is not text");
            return 0;
        }
        if (line.len >= sizeof(pem) - 1 && memcmp(line.data, pem, sizeof(pem) - 1) == 0) {
            certmap_import_error(out, number, 1, "this line begins a certificate or key in PEM");
            return 0;
        }
    }
    return 1;
}
