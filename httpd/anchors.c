/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reads the certificates that a virtual host trusts, and its CRLs. OpenSSL's store reads the files, as it does for
 * mod_ssl. It would read a folder only when a name is looked up, so its files are named here.
 */
#include "anchors.h"

#include <apr_file_info.h>
#include <apr_strings.h>
#include <http_config.h>
#include <openssl/err.h>
#include <openssl/x509v3.h>

#include "conftree.h"

static void add_anchors(apr_array_header_t *anchors, X509_STORE *store, const char *path, apr_pool_t *p)
{
    STACK_OF(X509_OBJECT) *objects = X509_STORE_get0_objects(store);
    int i;

    for (i = 0; i < sk_X509_OBJECT_num(objects); i++) {
        X509 *x509 = X509_OBJECT_get0_X509(sk_X509_OBJECT_value(objects, i));
        certmap_anchor_t anchor = { NULL, 0, 0, path };

        if (x509 && certmap_cert_create(x509, &anchor.cert, p) == APR_SUCCESS) {
            anchor.self_signed = X509_self_signed(x509, 0) == 1;
            anchor.is_ca = X509_check_ca(x509) > 0;
            APR_ARRAY_PUSH(anchors, certmap_anchor_t) = anchor;
        }
    }
}

/* @return 0 when there is no such time */
static apr_time_t time_of(const ASN1_TIME *at)
{
    apr_time_t t = 0;
    struct tm tm;

    if (at && ASN1_TIME_to_tm(at, &tm)) {
        certmap_calendar_t date = { tm.tm_year + 1900, tm.tm_mon + 1, tm.tm_mday, tm.tm_hour, tm.tm_min, tm.tm_sec };

        certmap_calendar_time(&date, &t);
    }
    return t;
}

/* For display only. */
static const char *name_text(const X509_NAME *name, apr_pool_t *p)
{
    BIO *out = BIO_new(BIO_s_mem());
    const char *text = "?";
    char *data;
    long n;

    if (out && X509_NAME_print_ex(out, name, 0, XN_FLAG_RFC2253 & ~ASN1_STRFLGS_ESC_MSB) >= 0) {
        n = BIO_get_mem_data(out, &data);
        text = apr_pstrmemdup(p, data, (apr_size_t)n);
    }
    BIO_free(out);
    return text;
}

static void add_crls(apr_array_header_t *crls, X509_STORE *store, const char *path, apr_pool_t *p)
{
    STACK_OF(X509_OBJECT) *objects = X509_STORE_get0_objects(store);
    int i;

    for (i = 0; i < sk_X509_OBJECT_num(objects); i++) {
        const X509_CRL *crl = X509_OBJECT_get0_X509_CRL(sk_X509_OBJECT_value(objects, i));

        if (crl) {
            APR_ARRAY_PUSH(crls, certmap_crl_t) = (certmap_crl_t){ name_text(X509_CRL_get_issuer(crl), p),
                                                                   time_of(X509_CRL_get0_lastUpdate(crl)),
                                                                   time_of(X509_CRL_get0_nextUpdate(crl)), path };
        }
    }
}

/* OpenSSL finds a CA there under the hash of its name, "5ed36f99.0", and a CRL as "5ed36f99.r0". */
static int is_hashed(const char *name, int is_crl)
{
    const char *number = name + 9 + is_crl;

    return strspn(name, "0123456789abcdef") == 8 && name[8] == '.' && (!is_crl || name[9] == 'r') && *number
           && strspn(number, "0123456789") == strlen(number);
}

/* Something other than a file could keep a reader waiting for ever. */
static void load_file(X509_STORE *store, const char *path, apr_pool_t *p)
{
    apr_finfo_t info;

    if (apr_stat(&info, path, APR_FINFO_TYPE, p) == APR_SUCCESS && info.filetype == APR_REG) {
        X509_STORE_load_file(store, path);
    }
}

static void load_folder(X509_STORE *store, const char *path, int is_crl, apr_pool_t *p)
{
    apr_dir_t *folder;
    apr_finfo_t info;

    if (apr_dir_open(&folder, path, p) != APR_SUCCESS) {
        return;
    }
    while (apr_dir_read(&info, APR_FINFO_NAME, folder) == APR_SUCCESS) {
        if (is_hashed(info.name, is_crl)) {
            load_file(store, apr_pstrcat(p, path, "/", info.name, NULL), p);
        }
    }
    apr_dir_close(folder);
}

/* Adds what is in one file or folder to all, in the store's order. */
static void read_path(const char *path, int is_folder, int is_crl, apr_array_header_t *all, apr_pool_t *p)
{
    X509_STORE *store = X509_STORE_new();

    if (!store) {
        return;
    }
    ERR_set_mark();
    if (is_folder) {
        load_folder(store, path, is_crl, p);
    }
    else {
        load_file(store, path, p);
    }
    if (is_crl) {
        add_crls(all, store, path, p);
    }
    else {
        add_anchors(all, store, path, p);
    }
    ERR_pop_to_mark();
    X509_STORE_free(store);
}

/* The path that a directive of that name gives in s, or NULL. */
static const char *path_of(const server_rec *s, const char *name, apr_pool_t *p)
{
    const ap_directive_t *d = certmap_conftree_find(s, name);
    const char *args = d ? d->args : "";

    return d ? ap_server_root_relative(p, ap_getword_conf(p, &args)) : NULL;
}

apr_array_header_t *certmap_anchors(const server_rec *s, apr_hash_t *known, apr_pool_t *p)
{
    static const char *const names[] = { "SSLCACertificateFile", "SSLCACertificatePath" };
    apr_array_header_t *anchors = apr_array_make(p, 8, sizeof(certmap_anchor_t));
    int i;

    for (i = 0; i < 2; i++) {
        const char *path = path_of(s, names[i], p);
        apr_array_header_t *found = path ? apr_hash_get(known, path, APR_HASH_KEY_STRING) : NULL;

        if (path && !found) {
            found = apr_array_make(p, 8, sizeof(certmap_anchor_t));
            read_path(path, i == 1, 0, found, p);
            apr_hash_set(known, path, APR_HASH_KEY_STRING, found);
        }
        if (found) {
            apr_array_cat(anchors, found);
        }
    }
    return anchors;
}

/* ---- CRLs ------------------------------------------------------------------------------------------------------ */

/* What was read of one file, for as long as the file is the same: a CRL may be large, and httpd reads its configuration
 * twice at the start and once more at each restart. */
typedef struct kept_crls_t {
    apr_pool_t *pool; /* this struct is in it */
    apr_finfo_t file;
    apr_array_header_t *crls;
} kept_crls_t;

#define KEPT "certmap:crls"

/* As in reload.c: another build of this module has another address here. */
static const char mine;

typedef struct kept_t {
    const void *owner;
    apr_hash_t *by_path; /* of kept_crls_t * */
} kept_t;

static apr_hash_t *kept(process_rec *process)
{
    void *found = NULL;
    kept_t *all;

    apr_pool_userdata_get(&found, KEPT, process->pool);
    all = found;
    if (!all || all->owner != &mine) {
        all = apr_palloc(process->pool, sizeof(*all));
        all->owner = &mine;
        all->by_path = apr_hash_make(process->pool);
        apr_pool_userdata_set(all, KEPT, NULL, process->pool);
    }
    return all->by_path;
}

static int is_same_file(const apr_finfo_t *a, const apr_finfo_t *b)
{
    return a->mtime == b->mtime && a->ctime == b->ctime && a->size == b->size && a->inode == b->inode
           && a->device == b->device;
}

static void add_kept_crls(process_rec *process, const char *path, apr_array_header_t *all, apr_pool_t *p)
{
    const apr_int32_t wanted = APR_FINFO_MTIME | APR_FINFO_CTIME | APR_FINFO_SIZE | APR_FINFO_IDENT;
    kept_crls_t *crls = apr_hash_get(kept(process), path, APR_HASH_KEY_STRING);
    apr_finfo_t now;
    apr_pool_t *pool;

    if (apr_stat(&now, path, wanted, p) != APR_SUCCESS) {
        return;
    }
    if (crls && !is_same_file(&crls->file, &now)) {
        apr_hash_set(kept(process), path, APR_HASH_KEY_STRING, NULL);
        apr_pool_destroy(crls->pool);
        crls = NULL;
    }
    if (!crls) {
        apr_pool_create(&pool, process->pool);
        crls = apr_pcalloc(pool, sizeof(*crls));
        crls->pool = pool;
        crls->file = now;
        crls->crls = apr_array_make(pool, 2, sizeof(certmap_crl_t));
        path = apr_pstrdup(pool, path);
        read_path(path, 0, 1, crls->crls, pool);
        apr_hash_set(kept(process), path, APR_HASH_KEY_STRING, crls);
    }
    apr_array_cat(all, crls->crls);
}

apr_array_header_t *certmap_crls(const server_rec *s, apr_pool_t *p)
{
    apr_array_header_t *crls = apr_array_make(p, 4, sizeof(certmap_crl_t));
    const char *file = path_of(s, "SSLCARevocationFile", p), *folder = path_of(s, "SSLCARevocationPath", p);

    if (file) {
        add_kept_crls(s->process, file, crls, p);
    }
    if (folder) {
        read_path(folder, 1, 1, crls, p);
    }
    return crls;
}
