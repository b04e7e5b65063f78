/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reads the certificates that a virtual host trusts. OpenSSL's store reads the files, as it does for mod_ssl. It would
 * read a folder only when a name is looked up, so its files are named here.
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

/* OpenSSL finds a CA there under the hash of its name: "5ed36f99.0". */
static int is_hashed(const char *name)
{
    return strspn(name, "0123456789abcdef") == 8 && name[8] == '.' && name[9] != '\0'
           && strspn(name + 9, "0123456789") == strlen(name + 9);
}

/* What is no file could keep a reader waiting for ever. */
static void load_file(X509_STORE *store, const char *path, apr_pool_t *p)
{
    apr_finfo_t info;

    if (apr_stat(&info, path, APR_FINFO_TYPE, p) == APR_SUCCESS && info.filetype == APR_REG) {
        X509_STORE_load_file(store, path);
    }
}

static void load_folder(X509_STORE *store, const char *path, apr_pool_t *p)
{
    apr_dir_t *folder;
    apr_finfo_t info;

    if (apr_dir_open(&folder, path, p) != APR_SUCCESS) {
        return;
    }
    while (apr_dir_read(&info, APR_FINFO_NAME, folder) == APR_SUCCESS) {
        if (is_hashed(info.name)) {
            load_file(store, apr_pstrcat(p, path, "/", info.name, NULL), p);
        }
    }
    apr_dir_close(folder);
}

/* The certificates of one file or folder. */
static apr_array_header_t *read_path(const char *path, int is_folder, apr_pool_t *p)
{
    apr_array_header_t *anchors = apr_array_make(p, 8, sizeof(certmap_anchor_t));
    X509_STORE *store = X509_STORE_new();

    if (store) {
        ERR_set_mark();
        if (is_folder) {
            load_folder(store, path, p);
        }
        else {
            load_file(store, path, p);
        }
        add_anchors(anchors, store, path, p);
        ERR_pop_to_mark();
        X509_STORE_free(store);
    }
    return anchors;
}

apr_array_header_t *certmap_anchors(const server_rec *s, apr_hash_t *known, apr_pool_t *p)
{
    static const char *const names[] = { "SSLCACertificateFile", "SSLCACertificatePath" };
    apr_array_header_t *anchors = apr_array_make(p, 8, sizeof(certmap_anchor_t));
    int i;

    for (i = 0; i < 2; i++) {
        const ap_directive_t *d = certmap_conftree_find(s, names[i]);
        const char *args = d ? d->args : "";
        const char *path = d ? ap_server_root_relative(p, ap_getword_conf(p, &args)) : NULL;
        apr_array_header_t *found = path ? apr_hash_get(known, path, APR_HASH_KEY_STRING) : NULL;

        if (path && !found) {
            found = read_path(path, i == 1, p);
            apr_hash_set(known, path, APR_HASH_KEY_STRING, found);
        }
        if (found) {
            apr_array_cat(anchors, found);
        }
    }
    return anchors;
}
