/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What decides about a client's certificate in a virtual host. Where OpenSSL shows what came of a setting, that is
 * digested, else what was written. Everything is text or bytes, the same on all machines that share a ticket key.
 */
#include "trust.h"

#include <apr_file_info.h>
#include <apr_file_io.h>
#include <apr_strings.h>
#include <http_config.h>
#include <openssl/evp.h>
#include <stdlib.h>

#include "conftree.h"

#define DIGEST_LEN 32

/* ---- all of mod_ssl's directives ------------------------------------------------------------------------------- */

typedef enum counts_e {
    /* For trust: a certificate that is good under one of them may be bad under another. */
    IN_CONTEXT, /* the SSL_CTX shows what came of it: certificates, CRLs, security level */
    FOLDER,     /* where OpenSSL reads when it needs something, and what is there now */
    CONTENT,    /* of a file that mod_ssl keeps to itself */
    WORDS,      /* the last one's words; upper and lower case are the same to mod_ssl */
    AS_WRITTEN, /* the last one's words */
    COMMANDS,   /* see there */
    UNSEEN,     /* cannot be found out */
    /* Not for trust, but sessions from before a change are verified again. As written, in sections too. */
    SESSIONS,
    /* Neither. */
    NOT
} counts_e;

typedef struct setting_t {
    const char *name;
    counts_e counts;
    const char *unset; /* what mod_ssl takes when it is not there, for WORDS and AS_WRITTEN */
} setting_t;

static const setting_t directives[] = {
    /* which CAs are trusted, and what was revoked */
    { "SSLCACertificateFile", IN_CONTEXT, NULL },
    { "SSLCACertificatePath", FOLDER, NULL },
    { "SSLCARevocationFile", IN_CONTEXT, NULL },
    { "SSLCARevocationPath", FOLDER, NULL },
    { "SSLCARevocationCheck", WORDS, "none" },
    { "SSLVerifyDepth", WORDS, "1" },       /* of sections too, see put_sections() */
    { "SSLCipherSuite", IN_CONTEXT, NULL }, /* its @SECLEVEL; of sections too. Ciphers themselves do not matter */
    { "SSLOpenSSLConfCmd", COMMANDS, NULL },
    /* whether who showed the certificate is who asks */
    { "SSLInsecureRenegotiation", IN_CONTEXT, NULL },
    /* whose word on revocation to take: only where somebody asks, see put_directive() */
    { "SSLOCSPEnable", WORDS, "off" },
    { "SSLOCSPDefaultResponder", AS_WRITTEN, "" },
    { "SSLOCSPOverrideResponder", WORDS, "off" },
    { "SSLOCSPResponseTimeSkew", WORDS, "300" },
    { "SSLOCSPResponseMaxAge", WORDS, "-1" },
    { "SSLOCSPUseRequestNonce", WORDS, "on" },
    { "SSLOCSPProxyURL", AS_WRITTEN, "" }, /* under SSLOCSPNoVerify it is who answers */
    { "SSLOCSPNoVerify", WORDS, "off" },
    { "SSLOCSPResponderCertificateFile", CONTENT, NULL },
    { "SSLOCSPResponderTimeout", NOT, NULL }, /* no answer is a refusal, sooner or later */

    /* how a certificate is asked for, and in what surroundings */
    { "SSLVerifyClient", SESSIONS, NULL },
    { "SSLProtocol", SESSIONS, NULL },
    { "SSLPolicy", SESSIONS, NULL },         /* protocols and ciphers; the level is IN_CONTEXT */
    { "SSLFIPS", SESSIONS, NULL },           /* of the whole server, so no two virtual hosts differ */
    { "SSLVHostSNIPolicy", SESSIONS, NULL }, /* likewise */

    /* the server's own certificate, key and stapled OCSP answers */
    { "SSLCertificateFile", NOT, NULL },
    { "SSLCertificateKeyFile", NOT, NULL },
    { "SSLCertificateChainFile", NOT, NULL },
    { "SSLPassPhraseDialog", NOT, NULL },
    { "SSLUseStapling", NOT, NULL },
    { "SSLStaplingCache", NOT, NULL },
    { "SSLStaplingErrorCacheTimeout", NOT, NULL },
    { "SSLStaplingFakeTryLater", NOT, NULL },
    { "SSLStaplingForceURL", NOT, NULL },
    { "SSLStaplingResponderTimeout", NOT, NULL },
    { "SSLStaplingResponseMaxAge", NOT, NULL },
    { "SSLStaplingResponseTimeSkew", NOT, NULL },
    { "SSLStaplingReturnResponderErrors", NOT, NULL },
    { "SSLStaplingStandardCacheTimeout", NOT, NULL },
    /* only names for the client to choose by */
    { "SSLCADNRequestFile", NOT, NULL },
    { "SSLCADNRequestPath", NOT, NULL },
    /* where sessions are and for how long; a proof's age is asked by itself */
    { "SSLSessionCache", NOT, NULL },
    { "SSLSessionCacheTimeout", NOT, NULL },
    { "SSLSessionTicketKeyFile", NOT, NULL },
    { "SSLSessionTickets", NOT, NULL },
    /* how the connection is made, not who the client is */
    { "SSLEngine", NOT, NULL },
    { "SSLHonorCipherOrder", NOT, NULL },
    { "SSLCompression", NOT, NULL },
    { "SSLCryptoDevice", NOT, NULL },
    { "SSLRandomSeed", NOT, NULL },
    { "SSLRenegBufferSize", NOT, NULL },
    { "SSLClientHelloVars", NOT, NULL },
    { "SSLStrictSNIVHostCheck", NOT, NULL },
    /* passwords in place of certificates */
    { "SSLSRPVerifierFile", NOT, NULL },
    { "SSLSRPUnknownUserSeed", NOT, NULL },
    /* of a request, when the certificate has been verified */
    { "SSLOptions", NOT, NULL },
    { "SSLRequire", NOT, NULL },
    { "SSLRequireSSL", NOT, NULL },
    { "SSLUserName", NOT, NULL },
    { "SSLLog", NOT, NULL },
    { "SSLLogLevel", NOT, NULL },
    /* where httpd is the client */
    { "SSLProxyEngine", NOT, NULL },
    { "SSLProxyProtocol", NOT, NULL },
    { "SSLProxyCipherSuite", NOT, NULL },
    { "SSLProxyVerify", NOT, NULL },
    { "SSLProxyVerifyDepth", NOT, NULL },
    { "SSLProxyCACertificateFile", NOT, NULL },
    { "SSLProxyCACertificatePath", NOT, NULL },
    { "SSLProxyCARevocationFile", NOT, NULL },
    { "SSLProxyCARevocationPath", NOT, NULL },
    { "SSLProxyCARevocationCheck", NOT, NULL },
    { "SSLProxyMachineCertificateFile", NOT, NULL },
    { "SSLProxyMachineCertificatePath", NOT, NULL },
    { "SSLProxyMachineCertificateChainFile", NOT, NULL },
    { "SSLProxyCheckPeerExpire", NOT, NULL },
    { "SSLProxyCheckPeerCN", NOT, NULL },
    { "SSLProxyCheckPeerName", NOT, NULL },
    { NULL, NOT, NULL },
};

/* What SSLOpenSSLConfCmd may say. */
static const setting_t commands[] = {
    /* These CAs take the place of SSLCACertificateFile's. */
    { "VerifyCAFile", IN_CONTEXT, NULL },
    { "VerifyCAPath", FOLDER, NULL },
    { "VerifyCAStore", UNSEEN, NULL },
    { "CipherString", IN_CONTEXT, NULL }, /* its @SECLEVEL */
    { "Options", IN_CONTEXT, NULL },      /* UnsafeLegacyRenegotiation */
    /* what a client may sign with when it shows its key */
    { "SignatureAlgorithms", AS_WRITTEN, "" },
    { "ClientSignatureAlgorithms", AS_WRITTEN, "" },

    { "VerifyMode", SESSIONS, NULL },
    { "Protocol", SESSIONS, NULL },
    { "MinProtocol", SESSIONS, NULL },
    { "MaxProtocol", SESSIONS, NULL },

    /* the server's own certificate and what it sends along */
    { "Certificate", NOT, NULL },
    { "PrivateKey", NOT, NULL },
    { "ServerInfoFile", NOT, NULL },
    { "ChainCAFile", NOT, NULL },
    { "ChainCAPath", NOT, NULL },
    { "ChainCAStore", NOT, NULL },
    /* only names for the client to choose by */
    { "ClientCAFile", NOT, NULL },
    { "ClientCAPath", NOT, NULL },
    { "ClientCAStore", NOT, NULL },
    { "RequestCAFile", NOT, NULL },
    { "RequestCAPath", NOT, NULL },
    { "RequestCAStore", NOT, NULL },
    /* how the connection is made */
    { "Ciphersuites", NOT, NULL },
    { "Curves", NOT, NULL },
    { "Groups", NOT, NULL },
    { "ECDHParameters", NOT, NULL },
    { "DHParameters", NOT, NULL },
    { "RecordPadding", NOT, NULL },
    { "NumTickets", NOT, NULL },
    { NULL, NOT, NULL },
};

static const setting_t *setting_of(const setting_t *table, const char *name)
{
    for (; table->name; table++) {
        if (strcasecmp(table->name, name) == 0) {
            return table;
        }
    }
    return NULL;
}

/* ---- into the digest ------------------------------------------------------------------------------------------- */

/* One run over a virtual host's settings. */
typedef struct digester_t {
    EVP_MD_CTX *md;
    const server_rec *s;
    SSL_CTX *ctx;
    apr_pool_t *p;
    const setting_t *command;        /* the one that put_commands() is at */
    const char *value;               /* the last one's, or NULL */
    int depth;                       /* SSLVerifyDepth outside of sections */
    apr_array_header_t *of_sections; /* char *: what sections have of their own */
    int ok;
} digester_t;

/* The NUL ends each text, so that "ab" "c" and "a" "bc" differ. */
static int put_text(digester_t *to, const char *text)
{
    return EVP_DigestUpdate(to->md, text, strlen(text) + 1);
}

static int put_number(digester_t *to, const char *name, long number)
{
    return put_text(to, apr_psprintf(to->p, "%s %ld", name, number));
}

static int put_file(digester_t *to, const char *name)
{
    apr_file_t *file;
    char buf[8192];
    apr_size_t len = sizeof(buf);
    apr_status_t rv = apr_file_open(&file, name, APR_FOPEN_READ | APR_FOPEN_BINARY, APR_OS_DEFAULT, to->p);

    if (rv != APR_SUCCESS) {
        return APR_STATUS_IS_ENOENT(rv); /* a link to nothing: OpenSSL finds nothing there either */
    }
    while ((rv = apr_file_read(file, buf, &len)) == APR_SUCCESS && EVP_DigestUpdate(to->md, buf, len)) {
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

/* OpenSSL reads these directories when it needs something from them, so the store does not hold it yet. What is the
 * same in two of them now may change in one; so the place counts, too. */
static int put_folder(digester_t *to, const char *name)
{
    const char *path = ap_server_root_relative(to->p, name);
    apr_array_header_t *names = apr_array_make(to->p, 16, sizeof(const char *));
    apr_dir_t *dir;
    apr_finfo_t info;
    apr_status_t rv;
    int i, ok = 1;

    if (!path || !put_text(to, path) || apr_dir_open(&dir, path, to->p) != APR_SUCCESS) {
        return 0;
    }
    while ((rv = apr_dir_read(&info, APR_FINFO_NAME, dir)) == APR_SUCCESS || rv == APR_INCOMPLETE) {
        if (is_hashed(info.name)) {
            APR_ARRAY_PUSH(names, const char *) = apr_pstrdup(to->p, info.name);
        }
    }
    apr_dir_close(dir);
    qsort(names->elts, (size_t)names->nelts, sizeof(const char *), compare_names);
    for (i = 0; ok && i < names->nelts; i++) {
        const char *entry = APR_ARRAY_IDX(names, i, const char *);

        ok = put_text(to, entry) && put_file(to, apr_pstrcat(to->p, path, "/", entry, NULL));
    }
    return ok && APR_STATUS_IS_ENOENT(rv);
}

static int compare_digests(const void *a, const void *b)
{
    return memcmp(a, b, DIGEST_LEN);
}

/* With what a TRUSTED CERTIFICATE says of its uses, which OpenSSL asks too. @return 0 on failure */
static int digest_certificate(X509 *cert, unsigned char *digest)
{
    unsigned char *der = NULL;
    int len = i2d_X509_AUX(cert, &der);
    int ok = len > 0 && EVP_Digest(der, (size_t)len, digest, NULL, EVP_sha256(), NULL);

    OPENSSL_free(der);
    return ok;
}

static int put_param(digester_t *to, X509_VERIFY_PARAM *param)
{
    return put_number(to, "flags", (long)X509_VERIFY_PARAM_get_flags(param))
           && put_number(to, "depth", X509_VERIFY_PARAM_get_depth(param))
           && put_number(to, "level", X509_VERIFY_PARAM_get_auth_level(param));
}

/* Sorted, because OpenSSL may change the order of the store's objects at any look-up. */
static int put_store(digester_t *to, X509_STORE *store)
{
    STACK_OF(X509_OBJECT) *objects = store ? X509_STORE_get0_objects(store) : NULL;
    int i, n = objects ? sk_X509_OBJECT_num(objects) : 0, used = 0;
    unsigned char(*digests)[DIGEST_LEN] = apr_palloc(to->p, (apr_size_t)(n + 1) * DIGEST_LEN);

    for (i = 0; i < n; i++) {
        X509_OBJECT *object = sk_X509_OBJECT_value(objects, i);
        X509 *cert = X509_OBJECT_get0_X509(object);
        X509_CRL *crl = X509_OBJECT_get0_X509_CRL(object);
        unsigned int len = DIGEST_LEN;

        if (!cert && !crl) {
            continue;
        }
        if (!(cert ? digest_certificate(cert, digests[used])
                   : X509_CRL_digest(crl, EVP_sha256(), digests[used], &len))) {
            return 0;
        }
        used++;
    }
    qsort(digests, (size_t)used, DIGEST_LEN, compare_digests);
    return put_number(to, "store", used) && EVP_DigestUpdate(to->md, digests, (size_t)used * DIGEST_LEN)
           && (!store || put_param(to, X509_STORE_get0_param(store)));
}

/* What IN_CONTEXT means. */
static int put_context(digester_t *to)
{
    X509_STORE *instead = NULL;
    int renegotiates = (SSL_CTX_get_options(to->ctx) & SSL_OP_ALLOW_UNSAFE_LEGACY_RENEGOTIATION) != 0;

    return put_store(to, SSL_CTX_get_cert_store(to->ctx)) && put_param(to, SSL_CTX_get0_param(to->ctx))
           && SSL_CTX_get0_verify_cert_store(to->ctx, &instead) && put_store(to, instead)
           && put_number(to, "security", SSL_CTX_get_security_level(to->ctx))
           && put_number(to, "renegotiation", renegotiates);
}

/* ---- trust ----------------------------------------------------------------------------------------------------- */

static const char *words(digester_t *to, const char *args, int lower)
{
    const char *text = "";

    while (*args) {
        text = apr_pstrcat(to->p, text, *text ? " " : "", ap_getword_conf(to->p, &args), NULL);
    }
    if (lower) {
        char *copy = apr_pstrdup(to->p, text);

        ap_str_tolower(copy);
        text = copy;
    }
    return text;
}

/* value is NULL where nothing is written. */
static int put_value(digester_t *to, const setting_t *setting, const char *value)
{
    const char *path;

    switch (setting->counts) {
    case FOLDER:
        return !value || (put_text(to, setting->name) && put_folder(to, words(to, value, 0)));
    case CONTENT:
        path = value ? ap_server_root_relative(to->p, words(to, value, 0)) : NULL;
        return !value || (path && put_text(to, setting->name) && put_file(to, path));
    case WORDS:
    case AS_WRITTEN:
        return put_text(to, setting->name)
               && put_text(to, value ? words(to, value, setting->counts == WORDS) : setting->unset);
    case UNSEEN:
        return !value;
    default:
        return 1;
    }
}

/* The name is taken off an SSLOpenSSLConfCmd's arguments, what remains is the value. */
static const char *command_name(digester_t *to, const ap_directive_t *d, const char **value)
{
    *value = d->args;
    return strcasecmp(d->directive, "SSLOpenSSLConfCmd") == 0 ? ap_getword_conf(to->p, value) : NULL;
}

static int find_command(const ap_directive_t *d, certmap_level_e level, void *baton)
{
    digester_t *to = baton;
    const char *value, *name = command_name(to, d, &value);

    (void)level;
    if (name && strcasecmp(name, to->command->name) == 0) {
        if (to->value && to->command->counts == FOLDER) {
            to->ok = put_value(to, to->command, to->value); /* these add up, of the others the last one holds */
        }
        to->value = value;
    }
    return to->ok;
}

static int put_commands(digester_t *to)
{
    for (to->command = commands; to->ok && to->command->name; to->command++) {
        if (to->command->counts != SESSIONS && to->command->counts != NOT) {
            to->value = NULL;
            certmap_conftree_each(to->s, find_command, to);
            to->ok = to->ok && put_value(to, to->command, to->value);
        }
    }
    return to->ok;
}

static int put_directives(digester_t *to)
{
    const ap_directive_t *ocsp = certmap_conftree_find(to->s, "SSLOCSPEnable");
    int asks_ocsp = ocsp && strcasecmp(words(to, ocsp->args, 0), "off") != 0;
    const setting_t *setting;

    for (setting = directives; to->ok && setting->name; setting++) {
        if (setting->counts == COMMANDS) {
            to->ok = put_commands(to);
        }
        else if (asks_ocsp || strncmp(setting->name, "SSLOCSP", 7) != 0) {
            const ap_directive_t *d = certmap_conftree_find(to->s, setting->name);

            to->ok = put_value(to, setting, d ? d->args : NULL);
        }
    }
    return to->ok;
}

/* A later version's directives and commands may decide about anything. */
static int put_unknown(const ap_directive_t *d, certmap_level_e level, void *baton)
{
    digester_t *to = baton;
    const char *value, *name = command_name(to, d, &value);

    (void)level;
    /* [promise session-proof] */
    if (name ? !setting_of(commands, name)
             : strncasecmp(d->directive, "SSL", 3) == 0 && !setting_of(directives, d->directive)) {
        to->ok = put_text(to, d->directive) && put_text(to, d->args);
    }
    return to->ok;
}

/*
 * A section that asks for a certificate may have a depth and a security level of its own. What was verified there is
 * what the connection has from then on, in the virtual host's other places too; so these count, wherever they are.
 */
static int find_in_section(const ap_directive_t *d, certmap_level_e level, void *baton)
{
    digester_t *to = baton;
    const char *text = NULL, *secured;

    if (level != CERTMAP_LEVEL_SECTION) {
        return 1;
    }
    if (strcasecmp(d->directive, "SSLVerifyDepth") == 0) {
        int depth = atoi(words(to, d->args, 0));

        text = depth == to->depth ? NULL : apr_psprintf(to->p, "depth %d", depth);
    }
    else if (strcasecmp(d->directive, "SSLCipherSuite") == 0) {
        secured = strstr(d->args, "@SECLEVEL=");
        text = secured ? apr_pstrdup(to->p, secured) : NULL;
    }
    if (text) {
        APR_ARRAY_PUSH(to->of_sections, const char *) = text;
    }
    return 1;
}

static int put_sections(digester_t *to)
{
    const ap_directive_t *outside = certmap_conftree_find(to->s, "SSLVerifyDepth");
    const char *before = "";
    int i;

    to->depth = outside ? atoi(words(to, outside->args, 0)) : 1;
    to->of_sections = apr_array_make(to->p, 4, sizeof(const char *));
    certmap_conftree_each(to->s, find_in_section, to);
    qsort(to->of_sections->elts, (size_t)to->of_sections->nelts, sizeof(const char *), compare_names);
    for (i = 0; to->ok && i < to->of_sections->nelts; i++) {
        const char *text = APR_ARRAY_IDX(to->of_sections, i, const char *);

        to->ok = strcmp(text, before) == 0 || put_text(to, text);
        before = text;
    }
    return to->ok;
}

static int put_trust(digester_t *to)
{
    to->ok = certmap_conftree_knows(to->s) && put_text(to, "certmap trust") && put_context(to);
    if (to->ok && put_directives(to) && put_sections(to)) {
        certmap_conftree_each(to->s, put_unknown, to);
    }
    return to->ok;
}

static int begin(digester_t *to, const server_rec *s, SSL_CTX *ctx, apr_pool_t *p)
{
    memset(to, 0, sizeof(*to));
    to->s = s;
    to->ctx = ctx;
    to->ok = 1;
    to->md = EVP_MD_CTX_new();
    return apr_pool_create(&to->p, p) == APR_SUCCESS && to->md && EVP_DigestInit_ex(to->md, EVP_sha256(), NULL);
}

static apr_status_t end(digester_t *to, int ok, certmap_trust_digest_t *digest)
{
    ok = ok && EVP_DigestFinal_ex(to->md, digest->bytes, NULL);
    EVP_MD_CTX_free(to->md);
    if (to->p) {
        apr_pool_destroy(to->p);
    }
    return ok ? APR_SUCCESS : APR_EGENERAL;
}

apr_status_t certmap_trust(const server_rec *s, SSL_CTX *ctx, certmap_trust_digest_t *trust, apr_pool_t *p)
{
    digester_t to;
    int ok = begin(&to, s, ctx, p) && put_trust(&to);

    return end(&to, ok, trust);
}

/* ---- settings -------------------------------------------------------------------------------------------------- */

static int put_for_sessions(const ap_directive_t *d, certmap_level_e level, void *baton)
{
    digester_t *to = baton;
    const char *value, *name = command_name(to, d, &value);
    const setting_t *setting = name ? setting_of(commands, name) : setting_of(directives, d->directive);

    if (setting && setting->counts == SESSIONS) {
        to->ok = put_text(to, level == CERTMAP_LEVEL_SECTION && d->parent ? d->parent->args : "")
                 && put_text(to, d->directive) && put_text(to, d->args);
    }
    return to->ok;
}

static int put_identity(digester_t *to)
{
    const server_addr_rec *addr;
    int ok = put_text(to, to->s->server_hostname ? to->s->server_hostname : "") && put_number(to, "port", to->s->port);

    for (addr = to->s->addrs; ok && addr; addr = addr->next) {
        ok = put_text(to, addr->virthost);
    }
    return ok;
}

apr_status_t certmap_trust_settings(const server_rec *s, SSL_CTX *ctx, const certmap_trust_digest_t *trust,
                                    certmap_trust_digest_t *settings, apr_pool_t *p)
{
    digester_t to;
    int ok = begin(&to, s, ctx, p) && put_text(&to, "certmap settings")
             && EVP_DigestUpdate(to.md, trust->bytes, sizeof(trust->bytes)) && put_identity(&to)
             && put_number(&to, "mode", SSL_CTX_get_verify_mode(ctx));

    if (ok) {
        certmap_conftree_each(s, put_for_sessions, &to);
        ok = to.ok;
    }
    return end(&to, ok, settings);
}
