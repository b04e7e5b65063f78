/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Writing and reading the proof of verification that a TLS session carries. The content is authenticated by what
 * protects the session itself (the ticket key, or the server's own cache); it needs no signature of its own.
 */
#include "proof.h"

#include <apr_file_info.h>
#include <apr_file_io.h>
#include <apr_strings.h>
#include <http_config.h>
#include <openssl/evp.h>
#include <stdlib.h>

#include "conftree.h"

#define PROOF_VERSION 1
#define DIGEST_LEN 32
#define CHAIN_MAX 32        /* CAs in a chain; OpenSSL's own default depth limit is 100, practice stays below ten */

/* Fixed-width and the same on every machine that shares a ticket key: version, time in seconds (big endian),
 * settings, number of CAs, their digests. */
typedef struct proof_head_t {
    unsigned char version;
    unsigned char verified[8];
    unsigned char settings[DIGEST_LEN];
    unsigned char nchain;
} proof_head_t;

static int put_text(EVP_MD_CTX *md, const char *text)
{
    /* the NUL ends each text, so that "ab" "c" and "a" "bc" differ */
    return !text ? EVP_DigestUpdate(md, "", 1) : EVP_DigestUpdate(md, text, strlen(text) + 1);
}

static int put_file(EVP_MD_CTX *md, const char *name, apr_pool_t *p)
{
    apr_file_t *file;
    char buf[8192];
    apr_size_t len = sizeof(buf);
    apr_status_t rv = apr_file_open(&file, name, APR_FOPEN_READ | APR_FOPEN_BINARY, APR_OS_DEFAULT, p);

    if (rv != APR_SUCCESS) {
        return APR_STATUS_IS_ENOENT(rv);    /* a link to nothing: OpenSSL finds nothing there either */
    }
    while ((rv = apr_file_read(file, buf, &len)) == APR_SUCCESS && EVP_DigestUpdate(md, buf, len)) {
        len = sizeof(buf);
    }
    apr_file_close(file);
    return APR_STATUS_IS_EOF(rv);
}

/* What OpenSSL looks for in a directory: the hash of a name, then ".0", ".r0", ... */
static int is_hashed(const char *name)
{
    return strspn(name, "0123456789abcdef") == 8 && name[8] == '.';
}

static int compare_names(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static const char *argument_path(const char *args, apr_pool_t *p)
{
    return ap_server_root_relative(p, ap_getword_conf(p, &args));
}

/* OpenSSL reads these directories when it needs something from them, so the store does not hold it yet. */
static int put_directory(EVP_MD_CTX *md, const char *args, apr_pool_t *p)
{
    const char *path = argument_path(args, p);
    apr_array_header_t *names = apr_array_make(p, 16, sizeof(const char *));
    apr_dir_t *dir;
    apr_finfo_t info;
    apr_status_t rv;
    int i, ok = 1;

    if (!path || apr_dir_open(&dir, path, p) != APR_SUCCESS) {
        return 0;
    }
    while ((rv = apr_dir_read(&info, APR_FINFO_NAME, dir)) == APR_SUCCESS || rv == APR_INCOMPLETE) {
        if (is_hashed(info.name)) {
            APR_ARRAY_PUSH(names, const char *) = apr_pstrdup(p, info.name);
        }
    }
    apr_dir_close(dir);
    qsort(names->elts, (size_t)names->nelts, sizeof(const char *), compare_names);
    for (i = 0; ok && i < names->nelts; i++) {
        const char *name = APR_ARRAY_IDX(names, i, const char *);

        ok = put_text(md, name) && put_file(md, apr_pstrcat(p, path, "/", name, NULL), p);
    }
    return ok && APR_STATUS_IS_ENOENT(rv);
}

typedef struct directives_baton_t {
    EVP_MD_CTX *md;
    int ok;
    apr_pool_t *p;
} directives_baton_t;

static int is_directory_of_store(const ap_directive_t *d)
{
    return strcasecmp(d->directive, "SSLCACertificatePath") == 0
           || strcasecmp(d->directive, "SSLCARevocationPath") == 0;
}

/* mod_ssl keeps these certificates to itself: no store holds them. */
static int put_responders(directives_baton_t *baton, const ap_directive_t *d)
{
    const char *name;

    if (strcasecmp(d->directive, "SSLOCSPResponderCertificateFile") != 0) {
        return 1;
    }
    name = argument_path(d->args, baton->p);
    return name && put_file(baton->md, name, baton->p);
}

static int put_directive(const ap_directive_t *d, certmap_level_e level, void *baton_)
{
    static const char *const prefixes[] = { "SSLVerify", "SSLCA", "SSLOCSP", "SSLProtocol", "SSLFIPS",
                                            "SSLOpenSSLConfCmd",
                                            "SSLInsecureRenegotiation", "SSLVHostSNIPolicy" };
    directives_baton_t *baton = baton_;
    apr_size_t i;

    for (i = 0; i < sizeof(prefixes) / sizeof(prefixes[0]); i++) {
        if (strncasecmp(d->directive, prefixes[i], strlen(prefixes[i])) == 0) {
            const char *where = level == CERTMAP_LEVEL_SECTION && d->parent ? d->parent->args : NULL;

            baton->ok = put_text(baton->md, where) && put_text(baton->md, d->directive) && put_text(baton->md, d->args);
            if (baton->ok && is_directory_of_store(d)) {
                baton->ok = put_directory(baton->md, d->args, baton->p);
            }
            baton->ok = baton->ok && put_responders(baton, d);
            return baton->ok;
        }
    }
    return 1;
}

/* What of trust is not in the store. */
static int put_trust(const ap_directive_t *d, certmap_level_e level, void *baton_)
{
    directives_baton_t *baton = baton_;

    if (level == CERTMAP_LEVEL_SECTION) {
        return 1;
    }
    if (is_directory_of_store(d)) {
        baton->ok = put_directory(baton->md, d->args, baton->p);
    }
    else if (strncasecmp(d->directive, "SSLOCSP", 7) == 0 || strcasecmp(d->directive, "SSLCARevocationCheck") == 0
             || strcasecmp(d->directive, "SSLVerifyDepth") == 0) {
        baton->ok = put_text(baton->md, d->directive) && put_text(baton->md, d->args) && put_responders(baton, d);
    }
    return baton->ok;
}

static int compare_digests(const void *a, const void *b)
{
    return memcmp(a, b, DIGEST_LEN);
}

/* Sorted, because OpenSSL may order the store's objects anew at any look-up. */
static int put_store(EVP_MD_CTX *md, SSL_CTX *ctx, apr_pool_t *p)
{
    X509_STORE *store = SSL_CTX_get_cert_store(ctx);
    STACK_OF(X509_OBJECT) *objects = store ? X509_STORE_get0_objects(store) : NULL;
    X509_VERIFY_PARAM *params[2] = { SSL_CTX_get0_param(ctx), store ? X509_STORE_get0_param(store) : NULL };
    int i, n = objects ? sk_X509_OBJECT_num(objects) : 0, used = 0;
    unsigned char (*digests)[DIGEST_LEN] = apr_palloc(p, (apr_size_t)(n + 1) * DIGEST_LEN);

    for (i = 0; i < n; i++) {
        X509_OBJECT *object = sk_X509_OBJECT_value(objects, i);
        X509 *cert = X509_OBJECT_get0_X509(object);
        X509_CRL *crl = X509_OBJECT_get0_X509_CRL(object);
        unsigned int len = DIGEST_LEN;

        if (!cert && !crl) {
            continue;
        }
        if (!(cert ? X509_digest(cert, EVP_sha256(), digests[used], &len)
                   : X509_CRL_digest(crl, EVP_sha256(), digests[used], &len))) {
            return 0;
        }
        used++;
    }
    qsort(digests, (size_t)used, DIGEST_LEN, compare_digests);
    if (!EVP_DigestUpdate(md, digests, (size_t)used * DIGEST_LEN)) {
        return 0;
    }
    for (i = 0; i < 2; i++) {
        unsigned long flags = params[i] ? X509_VERIFY_PARAM_get_flags(params[i]) : 0;
        int depth = params[i] ? X509_VERIFY_PARAM_get_depth(params[i]) : 0;

        if (!EVP_DigestUpdate(md, &flags, sizeof(flags)) || !EVP_DigestUpdate(md, &depth, sizeof(depth))) {
            return 0;
        }
    }
    return 1;
}

apr_status_t certmap_proof_settings(const server_rec *s, SSL_CTX *ctx, certmap_proof_settings_t *settings,
                                    apr_pool_t *p)
{
    EVP_MD_CTX *md = EVP_MD_CTX_new();
    const char *port = apr_psprintf(p, "%d", s->port);
    const char *mode = apr_psprintf(p, "%d:%d", SSL_CTX_get_verify_mode(ctx), SSL_CTX_get_verify_depth(ctx));
    directives_baton_t baton = { md, 1, p };
    const server_addr_rec *addr;
    int ok;

    ok = md && EVP_DigestInit_ex(md, EVP_sha256(), NULL)
         && put_text(md, "certmap proof") && put_text(md, s->server_hostname) && put_text(md, port)
         && put_text(md, mode);
    for (addr = s->addrs; ok && addr; addr = addr->next) {
        ok = put_text(md, addr->virthost);
    }
    if (ok) {
        certmap_conftree_each(s, put_directive, &baton);
        ok = baton.ok;
    }
    ok = ok && put_store(md, ctx, p) && EVP_DigestFinal_ex(md, settings->digest, NULL);
    EVP_MD_CTX_free(md);
    return ok ? APR_SUCCESS : APR_EGENERAL;
}

apr_status_t certmap_proof_trust(const server_rec *s, SSL_CTX *ctx, certmap_proof_settings_t *trust, apr_pool_t *p)
{
    EVP_MD_CTX *md = EVP_MD_CTX_new();
    directives_baton_t baton = { md, 1, p };
    int ok = md && EVP_DigestInit_ex(md, EVP_sha256(), NULL) && put_text(md, "certmap trust");

    if (ok) {
        certmap_conftree_each(s, put_trust, &baton);
        ok = baton.ok;
    }
    ok = ok && put_store(md, ctx, p) && EVP_DigestFinal_ex(md, trust->digest, NULL);
    EVP_MD_CTX_free(md);
    return ok ? APR_SUCCESS : APR_EGENERAL;
}

int certmap_proof_write(SSL_SESSION *session, const certmap_proof_settings_t *settings, apr_time_t now,
                        const unsigned char (*chain)[32], apr_size_t nchain)
{
    unsigned char buf[sizeof(proof_head_t) + CHAIN_MAX * DIGEST_LEN];
    proof_head_t *head = (proof_head_t *)buf;
    apr_uint64_t seconds = (apr_uint64_t)apr_time_sec(now);
    int i;

    if (!session || nchain > CHAIN_MAX) {
        return 0;
    }
    head->version = PROOF_VERSION;
    for (i = 0; i < 8; i++) {
        head->verified[i] = (unsigned char)(seconds >> (56 - 8 * i));
    }
    memcpy(head->settings, settings->digest, DIGEST_LEN);
    head->nchain = (unsigned char)nchain;
    if (nchain) {
        memcpy(buf + sizeof(*head), chain, nchain * DIGEST_LEN);
    }
    return SSL_SESSION_set1_ticket_appdata(session, buf, sizeof(*head) + nchain * DIGEST_LEN) == 1;
}

int certmap_proof_holds(SSL_SESSION *session, const certmap_proof_settings_t *settings, apr_time_t now, long timeout,
                        const unsigned char (**chain)[32], apr_size_t *nchain)
{
    void *data = NULL;
    size_t len = 0;
    const proof_head_t *head;
    apr_int64_t seconds = 0, age;
    int i;

    if (!SSL_SESSION_get0_ticket_appdata(session, &data, &len) || !data || len < sizeof(*head)) {
        return 0;
    }
    head = data;
    if (head->version != PROOF_VERSION || len != sizeof(*head) + (size_t)head->nchain * DIGEST_LEN
        || memcmp(head->settings, settings->digest, DIGEST_LEN) != 0) {
        return 0;
    }
    for (i = 0; i < 8; i++) {
        seconds = (apr_int64_t)(((apr_uint64_t)seconds << 8) | head->verified[i]);
    }
    age = apr_time_sec(now) - seconds;
    if (age < 0 || age > timeout) {     /* a time in the future is a clock that cannot be relied upon */
        return 0;
    }
    if (chain) {
        *chain = (const unsigned char (*)[32])((const unsigned char *)data + sizeof(*head));
        *nchain = head->nchain;
    }
    return 1;
}
