/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reads certificates and CRLs from files, PEM or DER, and says what a file holds that has none. Nothing here decrypts
 * anything, so nothing here asks for a passphrase: a private key next to a certificate is passed over.
 */
#include "certificate.h"

#include <string.h>

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/pkcs12.h>
#include <openssl/pkcs7.h>

static const char to_pem[] = "give the certificate itself";
static const char from_key[] = "give the certificate that belongs to it; a private key never leaves its owner";
static const char from_request[] = "give the certificate that the CA has issued for it";
static const char from_crl[] = "it lists what has been revoked (--crl reads it); give the certificate";
static const char from_pkcs7[] = "take its certificates out: openssl pkcs7 -print_certs -in FILE (-inform DER)";
static const char from_pkcs12[] = "take its certificate out: openssl pkcs12 -clcerts -nokeys -in FILE -out CERT.pem";

typedef struct content_kind_t {
    const char *label; /* of PEM, or how the text of something else begins */
    const char *name;
    const char *advice;
} content_kind_t;

static const content_kind_t pem_kinds[] = {
    { "PRIVATE KEY", "a private key", from_key },
    { "ENCRYPTED PRIVATE KEY", "an encrypted private key", from_key },
    { "RSA PRIVATE KEY", "an RSA private key", from_key },
    { "EC PRIVATE KEY", "an EC private key", from_key },
    { "DSA PRIVATE KEY", "a DSA private key", from_key },
    { "OPENSSH PRIVATE KEY", "an OpenSSH private key", from_key },
    { "PUBLIC KEY", "a public key", "give the certificate that holds it" },
    { "RSA PUBLIC KEY", "an RSA public key", "give the certificate that holds it" },
    { "CERTIFICATE REQUEST", "a certificate request (CSR)", from_request },
    { "NEW CERTIFICATE REQUEST", "a certificate request (CSR)", from_request },
    { "X509 CRL", "a revocation list (CRL)", from_crl },
    { "PKCS7", "a PKCS#7 bundle", from_pkcs7 },
    { "CMS", "a CMS bundle", from_pkcs7 },
    { "PKCS12", "a PKCS#12 bundle", from_pkcs12 },
    { "EC PARAMETERS", "EC parameters", to_pem },
    { "DH PARAMETERS", "DH parameters", to_pem },
    { "PGP PUBLIC KEY BLOCK", "an OpenPGP key", "OpenPGP keys are not X.509 certificates" },
    { "PGP PRIVATE KEY BLOCK", "an OpenPGP key", "OpenPGP keys are not X.509 certificates" },
    { NULL, NULL, NULL },
};

static const content_kind_t text_kinds[] = {
    { "ssh-", "an SSH public key", "SSH keys are not X.509 certificates" },
    { "ecdsa-sha2-", "an SSH public key", "SSH keys are not X.509 certificates" },
    { "PuTTY-User-Key-File", "a PuTTY key", "SSH keys are not X.509 certificates" },
    { "\xfe\xed\xfe\xed", "a Java key store", "export the certificate: keytool -exportcert -rfc" },
    { "\xff\xfe", "UTF-16 text", "save it as UTF-8 or ASCII" },
    { "\xfe\xff", "UTF-16 text", "save it as UTF-8 or ASCII" },
    { "<", "HTML or XML", "give the certificate in PEM or DER" },
    { NULL, NULL, NULL },
};

/* ---- DER that is something else ------------------------------------------------------------------------------ */

/* One d2i function for a kind of DER: whether it takes all of the bytes. */
#define TAKES(function, type)                                \
    static int is_##type(const unsigned char *der, long len) \
    {                                                        \
        type *made = function(NULL, &der, len);              \
        int yes = made != NULL;                              \
                                                             \
        type##_free(made);                                   \
        return yes;                                          \
    }

TAKES(d2i_X509_REQ, X509_REQ)
TAKES(d2i_X509_CRL, X509_CRL)
TAKES(d2i_PKCS7, PKCS7)
TAKES(d2i_PKCS12, PKCS12)
TAKES(d2i_PKCS8_PRIV_KEY_INFO, PKCS8_PRIV_KEY_INFO)
TAKES(d2i_X509_SIG, X509_SIG)
TAKES(d2i_PUBKEY, EVP_PKEY)

static int is_private_key(const unsigned char *der, long len)
{
    EVP_PKEY *key = d2i_AutoPrivateKey(NULL, &der, len);
    int yes = key != NULL;

    EVP_PKEY_free(key);
    return yes;
}

static const struct {
    int (*is)(const unsigned char *der, long len);
    content_kind_t kind;
} der_kinds[] = {
    { is_PKCS12, { NULL, "a PKCS#12 bundle", from_pkcs12 } },
    { is_PKCS7, { NULL, "a PKCS#7 bundle", from_pkcs7 } },
    { is_X509_REQ, { NULL, "a certificate request (CSR)", from_request } },
    { is_X509_CRL, { NULL, "a revocation list (CRL)", from_crl } },
    { is_PKCS8_PRIV_KEY_INFO, { NULL, "a private key", from_key } },
    { is_private_key, { NULL, "a private key", from_key } },
    { is_X509_SIG, { NULL, "an encrypted private key", from_key } },
    { is_EVP_PKEY, { NULL, "a public key", "give the certificate that holds it" } },
};

/* The length of an element with its header, as its header announces it; 0: none that DER would write. */
static apr_uint64_t announced(certmap_str_t bytes)
{
    const unsigned char *at = (const unsigned char *)bytes.data;
    apr_uint64_t len = 0;
    unsigned n, i;

    if (bytes.len < 2 || at[0] != 0x30) {
        return 0;
    }
    if (at[1] < 0x80) {
        return 2 + (apr_uint64_t)at[1];
    }
    n = at[1] & 0x7fu;
    if (n == 0 || n > 4 || bytes.len < 2 + n) {
        return 0;
    }
    for (i = 0; i < n; i++) {
        len = len << 8 | at[2 + i];
    }
    return len + 2 + n;
}

/* ---- what there is instead ----------------------------------------------------------------------------------- */

typedef struct file_t {
    ctl_t *ctl;
    const char *name;   /* as it may be shown */
    const char *wanted; /* "certificate" or "revocation list (CRL)" */
    certmap_str_t text;
    const content_kind_t *other; /* the first thing that was not wanted */
} file_t;

static int found_instead(const file_t *file, const content_kind_t *kind)
{
    return ctl_fail(file->ctl, "%s: this is %s, not a %s; %s", file->name, kind->name, file->wanted, kind->advice);
}

/* Nothing but base64, which would be the inside of a PEM text. */
static int is_base64(certmap_str_t text)
{
    apr_size_t i, n = 0;

    for (i = 0; i < text.len; i++) {
        if (strchr("\r\n\t ", text.data[i]) != NULL && text.data[i] != '\0') {
            continue;
        }
        if (text.data[i] == '\0'
            || strchr("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/=", text.data[i]) == NULL) {
            return 0;
        }
        n++;
    }
    return n >= 64;
}

static int is_text(certmap_str_t text)
{
    apr_size_t i;

    for (i = 0; i < text.len; i++) {
        unsigned char c = (unsigned char)text.data[i];

        if ((c < 0x20 && strchr("\t\n\f\r", c) == NULL) || c == 0 || c == 0x7f) {
            return 0;
        }
    }
    return 1;
}

/* PEM in two bytes a character, without the mark that would say so. */
static int is_utf16(certmap_str_t text)
{
    return text.len >= 4 && (memcmp(text.data, "-\0-\0", 4) == 0 || memcmp(text.data, "\0-\0-", 4) == 0);
}

static int nothing_found(const file_t *file)
{
    const unsigned char *der = (const unsigned char *)file->text.data;
    apr_uint64_t size = announced(file->text);
    const content_kind_t *kind;
    apr_size_t i;

    if (file->other != NULL) {
        return found_instead(file, file->other);
    }
    if (file->text.len == 0) {
        return ctl_fail(file->ctl, "%s: empty; a %s in PEM or DER is wanted", file->name, file->wanted);
    }
    for (kind = text_kinds; kind->label != NULL; kind++) {
        if ((file->text.len >= strlen(kind->label) && memcmp(der, kind->label, strlen(kind->label)) == 0)
            || (strcmp(kind->label, "\xff\xfe") == 0 && is_utf16(file->text))) {
            return found_instead(file, kind);
        }
    }
    for (i = 0; i < sizeof(der_kinds) / sizeof(der_kinds[0]); i++) {
        if (size != 0 && size <= file->text.len && der_kinds[i].is(der, (long)file->text.len)) {
            return found_instead(file, &der_kinds[i].kind);
        }
    }
    if (size > file->text.len && file->text.len > 2 && !is_text(file->text)) {
        return ctl_fail(file->ctl,
                        "%s: cut off: it begins as DER of %" APR_UINT64_T_FMT " bytes, but has only %" APR_SIZE_T_FMT
                        "; copy it again",
                        file->name, size, file->text.len);
    }
    if (size != 0 && size <= file->text.len && !is_text(file->text)) {
        return ctl_fail(
            file->ctl,
            "%s: DER, but not a %s, or a damaged one: OpenSSL cannot decode it; openssl asn1parse -inform DER -in "
            "FILE shows what it has",
            file->name, file->wanted);
    }
    if (is_base64(file->text)) {
        return ctl_fail(file->ctl,
                        "%s: base64 without its -----BEGIN CERTIFICATE----- and -----END CERTIFICATE----- "
                        "lines; add them, or decode it: base64 -d",
                        file->name);
    }
    return ctl_fail(file->ctl, "%s: %s, not a %s; PEM begins with a line -----BEGIN ...-----, DER with the byte 30",
                    file->name, is_text(file->text) ? "text" : "binary data", file->wanted);
}

/* ---- PEM and DER --------------------------------------------------------------------------------------------- */

/* One object. @return 1: it was wanted and is read, 0: it is something else, -1: it is damaged */
typedef int take_fn(void *baton, const char *label, const unsigned char *data, long len);

static void note_other(file_t *file, const char *label)
{
    const content_kind_t *kind = pem_kinds;
    content_kind_t *unknown;

    while (kind->label != NULL && strcmp(kind->label, label) != 0) {
        kind++;
    }
    if (kind->label == NULL) {
        kind = unknown = apr_pcalloc(file->ctl->pool, sizeof(*unknown));
        unknown->name = apr_psprintf(file->ctl->pool, "PEM labelled \"%.40s\"", ctl_printable(label, file->ctl->pool));
        unknown->advice = to_pem;
    }
    file->other = file->other != NULL ? file->other : kind;
}

/* @return how many were taken; -1: an error, which has been reported */
static int take_pem(file_t *file, take_fn *take, void *baton)
{
    BIO *bio = BIO_new_mem_buf(file->text.data, (int)file->text.len);
    char *label = NULL, *header = NULL;
    unsigned char *data = NULL;
    int n = 0, taken = 0;
    long len;

    ERR_clear_error();
    while (bio != NULL && taken >= 0 && PEM_read_bio(bio, &label, &header, &data, &len) == 1) {
        taken = take(baton, label, data, len);
        if (taken == 0) {
            note_other(file, label);
        }
        else if (taken < 0) {
            ctl_fail(
                file->ctl,
                "%s: number %d of its %ss is damaged, or has what OpenSSL cannot decode; openssl asn1parse -in FILE "
                "shows what it has",
                file->name, n + 1, file->wanted);
        }
        n += taken > 0;
        OPENSSL_free(label);
        OPENSSL_free(header);
        OPENSSL_free(data);
    }
    if (taken >= 0 && ERR_GET_REASON(ERR_peek_last_error()) != PEM_R_NO_START_LINE) {
        taken = -1;
        ctl_fail(file->ctl,
                 "%s: PEM that is cut off or damaged, after %d whole %ss; copy it again, from -----BEGIN "
                 "to the end of the -----END line",
                 file->name, n, file->wanted);
    }
    ERR_clear_error();
    BIO_free(bio);
    return taken < 0 ? -1 : n;
}

/* A line end after DER is an editor's, and no part of it. */
static void trim_der(certmap_str_t *text)
{
    apr_uint64_t size = announced(*text);
    apr_size_t len = text->len;

    while (len > size && size != 0 && strchr("\r\n", text->data[len - 1]) && text->data[len - 1] != '\0') {
        len--;
    }
    text->len = len == size ? len : text->len;
}

/* PEM where a line begins so, DER otherwise. @return as take_pem; 0 has been reported, too */
static int take_all(ctl_t *ctl, const char *path, const char *wanted, take_fn *take, void *baton)
{
    file_t file = { .ctl = ctl, .wanted = wanted };
    int n;

    file.name = strcmp(path, "-") == 0 ? "standard input" : ctl_printable(path, ctl->pool);
    if (ctl_read(ctl, path, CTL_CERTIFICATE_MAX, &file.text) != CTL_OK) {
        return -1;
    }
    if (file.text.len >= 3 && memcmp(file.text.data, "\xef\xbb\xbf", 3) == 0) {
        file.text.data += 3;
        file.text.len -= 3;
    }
    if (strncmp(file.text.data, "-----BEGIN ", 11) == 0 || strstr(file.text.data, "\n-----BEGIN ") != NULL) {
        n = take_pem(&file, take, baton);
    }
    else {
        trim_der(&file.text);
        n = file.text.len > 0 && take(baton, NULL, (const unsigned char *)file.text.data, (long)file.text.len) > 0;
    }
    ERR_clear_error();
    if (n == 0) {
        nothing_found(&file);
        ERR_clear_error();
    }
    return n;
}

/* ---- certificates -------------------------------------------------------------------------------------------- */

typedef struct certificates_t {
    ctl_t *ctl;
    STACK_OF(X509) *all;
    certmap_str_t first; /* its DER, every byte of it */
} certificates_t;

static int take_certificate(void *baton, const char *label, const unsigned char *data, long len)
{
    certificates_t *c = baton;
    int trusted = label != NULL && strcmp(label, PEM_STRING_X509_TRUSTED) == 0;
    const unsigned char *end = data;
    X509 *x;

    if (label != NULL && !trusted && strcmp(label, PEM_STRING_X509) != 0 && strcmp(label, PEM_STRING_X509_OLD) != 0) {
        return 0;
    }
    x = trusted ? d2i_X509_AUX(NULL, &end, len) : d2i_X509(NULL, &end, len);
    if (x == NULL || !sk_X509_push(c->all, x)) {
        X509_free(x);
        return -1;
    }
    if (c->first.data == NULL) {
        if (trusted) { /* what follows is OpenSSL's and no part of the certificate */
            end = data;
            X509_free(d2i_X509(NULL, &end, len));
            len = (long)(end - data);
        }
        c->first.data = apr_pmemdup(c->ctl->pool, data, (apr_size_t)len);
        c->first.len = (apr_size_t)len;
    }
    return 1;
}

static apr_status_t free_certificates(void *all)
{
    sk_X509_pop_free(all, X509_free);
    return APR_SUCCESS;
}

static int read_certificates(ctl_t *ctl, const char *path, certificates_t *c)
{
    *c = (certificates_t){ .ctl = ctl, .all = sk_X509_new_null() };
    if (c->all == NULL) {
        return ctl_fail(ctl, "OpenSSL is out of memory");
    }
    apr_pool_cleanup_register(ctl->pool, c->all, free_certificates, apr_pool_cleanup_null);
    return take_all(ctl, path, "certificate", take_certificate, c) > 0 ? CTL_OK : CTL_ERROR;
}

int ctl_certificates_read(ctl_t *ctl, const char *path, STACK_OF(X509) **all)
{
    certificates_t c;
    int status = read_certificates(ctl, path, &c);

    *all = c.all;
    return status;
}

int ctl_certificate_read(ctl_t *ctl, const char *path, ctl_certificate_t *certificate)
{
    certificates_t c;
    int status = read_certificates(ctl, path, &c);
    apr_status_t rv;

    if (status != CTL_OK) {
        return status;
    }
    certificate->x509 = sk_X509_value(c.all, 0);
    certificate->all = c.all;
    rv = certmap_cert_create_der((const unsigned char *)c.first.data, c.first.len, &certificate->view, ctl->pool);
    return rv == APR_SUCCESS ? CTL_OK : ctl_fail(ctl, "the certificate cannot be read: OpenSSL failed");
}

/* ---- CRLs ---------------------------------------------------------------------------------------------------- */

static int take_crl(void *baton, const char *label, const unsigned char *data, long len)
{
    STACK_OF(X509_CRL) *all = baton;
    X509_CRL *crl;

    if (label != NULL && strcmp(label, PEM_STRING_X509_CRL) != 0) {
        return 0;
    }
    crl = d2i_X509_CRL(NULL, &data, len);
    if (crl == NULL || !sk_X509_CRL_push(all, crl)) {
        X509_CRL_free(crl);
        return -1;
    }
    return 1;
}

static apr_status_t free_crls(void *all)
{
    sk_X509_CRL_pop_free(all, X509_CRL_free);
    return APR_SUCCESS;
}

int ctl_crls_read(ctl_t *ctl, const char *path, STACK_OF(X509_CRL) **all)
{
    *all = sk_X509_CRL_new_null();
    if (*all == NULL) {
        return ctl_fail(ctl, "OpenSSL is out of memory");
    }
    apr_pool_cleanup_register(ctl->pool, *all, free_crls, apr_pool_cleanup_null);
    return take_all(ctl, path, "revocation list (CRL)", take_crl, *all) > 0 ? CTL_OK : CTL_ERROR;
}
