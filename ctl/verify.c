/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Verifies a chain as httpd does: the same purpose and security level as a TLS server of this system has, the same
 * order of checks as mod_ssl's, and the same cause reported of several. httpd/tls.c is where it is decided; what is
 * done here is the same, without OCSP.
 */
#include "verify.h"

#include <openssl/ssl.h>
#include <openssl/x509_vfy.h>

typedef struct ctl_verification_t {
    int most;     /* CAs above the client's certificate, or CTL_ANY_DEPTH */
    int may_miss; /* a missing CRL is not a failure */
    int failed;
    int is_hard;
    apr_uint64_t missing_crl; /* bit n: the certificate at depth n has no CRL, and its turn has not come */
    certmap_verdict_t verdict;
} ctl_verification_t;

/* As mod_ssl's ssl_verify_error_is_optional(). */
static int is_optional(int x509_err)
{
    return x509_err == X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT || x509_err == X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN
           || x509_err == X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY || x509_err == X509_V_ERR_CERT_UNTRUSTED
           || x509_err == X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE;
}

static int fails(ctl_verification_t *v, int x509_err, int depth)
{
    v->is_hard |= !is_optional(x509_err);
    certmap_verdict_add(&v->verdict, x509_err, depth);
    v->failed = 1;
    return 1; /* all of the chain is looked at */
}

static int step(int ok, X509_STORE_CTX *ctx)
{
    ctl_verification_t *v = X509_STORE_CTX_get_app_data(ctx);
    int x509_err = X509_STORE_CTX_get_error(ctx);
    int depth = X509_STORE_CTX_get_error_depth(ctx);
    apr_uint64_t bit = depth >= 0 && depth < CERTMAP_MISSING_CRL_DEPTHS ? (apr_uint64_t)1 << depth : 0;

    if (ok && v->failed) {
        v->is_hard |= (v->missing_crl & bit && !v->may_miss) || (v->most != CTL_ANY_DEPTH && depth > v->most);
        return 1;
    }
    /* A missing CRL comes up before the signature is checked; it counts when that has held. */
    if (!ok && x509_err == X509_V_ERR_UNABLE_TO_GET_CRL && bit != 0) {
        v->missing_crl |= bit;
        return 1;
    }
    if (ok && (v->missing_crl & bit)) {
        v->missing_crl &= ~bit;
        if (v->may_miss) {
            return 1;
        }
        return fails(v, X509_V_ERR_UNABLE_TO_GET_CRL, depth);
    }
    if (!ok) {
        return fails(v, x509_err, depth);
    }
    if (v->most != CTL_ANY_DEPTH && depth > v->most) {
        return fails(v, X509_V_ERR_CERT_CHAIN_TOO_LONG, depth);
    }
    return 1;
}

static int digest_chain(X509_STORE_CTX *ctx, certmap_verdict_t *verdict, apr_pool_t *p)
{
    STACK_OF(X509) *chain = X509_STORE_CTX_get0_chain(ctx);
    int i, n = chain ? sk_X509_num(chain) : 0;
    unsigned char(*digests)[32];

    if (n < 1 || n > CERTMAP_CHAIN_MOST) {
        return 0;
    }
    digests = apr_palloc(p, (apr_size_t)n * sizeof(*digests));
    for (i = 1; i < n; i++) {
        unsigned int len = sizeof(*digests);

        if (!X509_digest(sk_X509_value(chain, i), EVP_sha256(), digests[i - 1], &len)) {
            return 0;
        }
    }
    verdict->chain = (const unsigned char(*)[32])digests;
    verdict->nchain = (apr_size_t)n - 1;
    return 1;
}

/* What OpenSSL verifies with. */
typedef struct tools_t {
    SSL_CTX *server; /* for the settings that TLS servers of this system have */
    X509_STORE *store;
    X509_STORE_CTX *ctx;
} tools_t;

static apr_status_t free_tools(void *baton)
{
    tools_t *tools = baton;

    X509_STORE_CTX_free(tools->ctx);
    X509_STORE_free(tools->store);
    SSL_CTX_free(tools->server);
    return APR_SUCCESS;
}

/* Of the command's options: certificates and CRLs in any form. */
static int fill_by_options(ctl_t *ctl, const ctl_verify_t *how, X509_STORE *store)
{
    STACK_OF(X509) *cas;
    STACK_OF(X509_CRL) *crls = NULL;
    int i;

    if (ctl_certificates_read(ctl, how->ca, &cas) != CTL_OK) {
        return CTL_ERROR;
    }
    for (i = 0; i < sk_X509_num(cas); i++) {
        if (!X509_STORE_add_cert(store, sk_X509_value(cas, i))) {
            return ctl_fail(ctl, "%s: OpenSSL does not take a CA of it", ctl_printable(how->ca, ctl->pool));
        }
    }
    if (how->crl == NULL) {
        return CTL_OK;
    }
    if (ctl_crls_read(ctl, how->crl, &crls) != CTL_OK) {
        return CTL_ERROR;
    }
    for (i = 0; i < sk_X509_CRL_num(crls); i++) {
        if (!X509_STORE_add_crl(store, sk_X509_CRL_value(crls, i))) {
            return ctl_fail(ctl, "%s: OpenSSL does not take a CRL of it", ctl_printable(how->crl, ctl->pool));
        }
    }
    return CTL_OK;
}

/* As mod_ssl has it read them: whatever a file holds is taken. */
static int load(ctl_t *ctl, X509_STORE *store, const char *file, const char *path)
{
    if ((file || path) && !X509_STORE_load_locations(store, file, path)) {
        return ctl_fail(ctl, "%s: OpenSSL cannot read it, or finds nothing in it; httpd names it",
                        ctl_printable(file ? file : path, ctl->pool));
    }
    return CTL_OK;
}

static int fill_store(ctl_t *ctl, const ctl_verify_t *how, X509_STORE *store)
{
    static const unsigned long flags[] = {
        [CTL_CRL_NONE] = 0,
        [CTL_CRL_LEAF] = X509_V_FLAG_CRL_CHECK,
        [CTL_CRL_CHAIN] = X509_V_FLAG_CRL_CHECK | X509_V_FLAG_CRL_CHECK_ALL,
    };
    int status;

    if (how->is_httpd) {
        status = load(ctl, store, how->ca, how->ca_path);
        if (status == CTL_OK && how->crl_check != CTL_CRL_NONE) {
            status = load(ctl, store, how->crl, how->crl_path);
        }
    }
    else {
        status = fill_by_options(ctl, how, store);
    }
    if (status != CTL_OK || X509_STORE_set_flags(store, flags[how->crl_check])) {
        return status;
    }
    return ctl_fail(ctl, "OpenSSL does not check CRLs");
}

static int prepare(const tools_t *tools, const ctl_verify_t *how, const ctl_certificate_t *certificate,
                   ctl_verification_t *v)
{
    X509_VERIFY_PARAM *param;

    if (!X509_STORE_CTX_init(tools->ctx, tools->store, certificate->x509, certificate->all)) {
        return 0;
    }
    param = X509_STORE_CTX_get0_param(tools->ctx);
    X509_VERIFY_PARAM_set_auth_level(param, SSL_CTX_get_security_level(tools->server));
    if (!X509_STORE_CTX_set_default(tools->ctx, "ssl_client")
        || !X509_VERIFY_PARAM_set1(param, SSL_CTX_get0_param(tools->server))
        || !X509_STORE_CTX_set_app_data(tools->ctx, v)) {
        return 0;
    }
    X509_VERIFY_PARAM_set_time(param, (time_t)apr_time_sec(how->now));
    X509_STORE_CTX_set_verify_cb(tools->ctx, step);
    return 1;
}

int ctl_verify(ctl_t *ctl, const ctl_verify_t *how, const ctl_certificate_t *certificate, ctl_verified_t *verified)
{
    tools_t *tools = apr_pcalloc(ctl->pool, sizeof(*tools));
    ctl_verification_t v = { .most = how->depth, .may_miss = how->crl_may_miss };
    int rv;

    apr_pool_cleanup_register(ctl->pool, tools, free_tools, apr_pool_cleanup_null);
    tools->server = SSL_CTX_new(TLS_server_method());
    tools->store = X509_STORE_new();
    tools->ctx = X509_STORE_CTX_new();
    if (!tools->server || !tools->store || !tools->ctx) {
        return ctl_fail(ctl, "OpenSSL is out of memory");
    }
    if (how->ciphers && !SSL_CTX_set_cipher_list(tools->server, how->ciphers)) {
        return ctl_fail(ctl, "OpenSSL does not know these ciphers: %s", ctl_printable(how->ciphers, ctl->pool));
    }
    if (fill_store(ctl, how, tools->store) != CTL_OK) {
        return CTL_ERROR;
    }
    if (!prepare(tools, how, certificate, &v)) {
        return ctl_fail(ctl, "OpenSSL cannot verify certificates here");
    }
    rv = X509_verify_cert(tools->ctx);
    if (rv <= 0 && !v.failed) {
        return ctl_fail(ctl, "OpenSSL could not verify the certificate: %s",
                        X509_verify_cert_error_string(X509_STORE_CTX_get_error(tools->ctx)));
    }
    if (!v.failed && v.missing_crl != 0 && !v.may_miss) {
        fails(&v, X509_V_ERR_UNABLE_TO_GET_CRL, 0);
    }
    if (!v.failed && !digest_chain(tools->ctx, &v.verdict, ctl->pool)) {
        return ctl_fail(ctl, "the chain has more than %d certificates, or OpenSSL cannot hash them",
                        CERTMAP_CHAIN_MOST);
    }
    *verified = (ctl_verified_t){ .how = how, .verdict = v.verdict, .is_hard = v.is_hard };
    return CTL_OK;
}
