/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Start-up checks: the CAs and CRLs of a virtual host, and what keeps sound certificates out, or lets revoked ones in.
 * What is read from them is kept or read once for all virtual hosts (anchors.h).
 */
#include "check.h"

#include <stdlib.h>

#include <apr_strings.h>

#include "anchors.h"
#include "conftree.h"

#define DAY apr_time_from_sec(86400)

static const ap_directive_t *find(const certmap_check_t *check, const char *name)
{
    return certmap_conftree_find(check->s, name);
}

/* ---- CAs ------------------------------------------------------------------------------------------------------- */

/* What asks for certificates, or NULL: nothing does. */
static const ap_directive_t *asker(certmap_check_t *check)
{
    const ap_directive_t *all[2] = { check->verify, check->section_verify };
    int i;

    for (i = 0; i < 2; i++) {
        const char *level = all[i] ? certmap_check_first_word(check, all[i]) : "none";

        if (strcasecmp(level, "none") != 0 && strcasecmp(level, "off") != 0) {
            return all[i];
        }
    }
    return NULL;
}

static void check_any(certmap_check_t *check, const ap_directive_t *asks)
{
    const ap_directive_t *file = find(check, "SSLCACertificateFile"), *folder = find(check, "SSLCACertificatePath");

    if (!file && !folder) {
        certmap_check_say(check, APLOG_WARNING,
                          "%s: no CA is trusted in %s, so no certificate is accepted; write 'SSLCACertificateFile "
                          "PATH', with the CAs that issue client certificates",
                          certmap_check_at(check, asks), certmap_check_server_name(check));
    }
    else if (!file && !check->anchors->nelts) {
        certmap_check_say(check, APLOG_WARNING,
                          "%s: no file in it has a name that OpenSSL looks for (5ed36f99.0), so no CA is trusted; run "
                          "'openssl rehash %s'",
                          certmap_check_at(check, folder), certmap_check_first_word(check, folder));
    }
}

/* OpenSSL finds issuers by their names, in any case. */
static const char *key_of(certmap_check_t *check, const char *name)
{
    char *key = apr_pstrdup(check->p, name);

    ap_str_tolower(key);
    return key;
}

/* A CA, and the keys of its name and its issuer's. */
typedef struct node_t {
    const certmap_anchor_t *anchor;
    const char *subject;
    const char *issuer;
} node_t;

/* The trusted CA that has issued this one; NULL: it is not there. */
static const node_t *issuer_of(apr_hash_t *names, const node_t *node)
{
    return apr_hash_get(names, node->issuer, APR_HASH_KEY_STRING);
}

/* Whether it is signed by another CA, and not there as a root under the same name, too: that was cross-signed. */
static int is_intermediate(apr_hash_t *names, const node_t *node)
{
    const node_t *known = apr_hash_get(names, node->subject, APR_HASH_KEY_STRING);

    return !node->anchor->self_signed && !known->anchor->self_signed;
}

/* How many CAs there are from this one up to its root. @return 0 when the root is not there */
static int levels(apr_hash_t *names, const node_t *node)
{
    int n = 1;

    for (; node && !node->anchor->self_signed && n < 100; node = issuer_of(names, node)) {
        n++;
    }
    return node && node->anchor->self_signed ? n : 0;
}

static void check_depth(certmap_check_t *check, apr_hash_t *names, const apr_array_header_t *nodes, int depth,
                        const ap_directive_t *says)
{
    const certmap_anchor_t *deepest = NULL;
    int i, most = depth;

    for (i = 0; i < nodes->nelts; i++) {
        const node_t *node = &APR_ARRAY_IDX(nodes, i, node_t);
        int n = levels(names, node);

        if (is_intermediate(names, node) && n > most) {
            most = n;
            deepest = node->anchor;
        }
    }
    if (deepest) {
        certmap_check_say(check, APLOG_WARNING,
                          "%s: in %s the intermediate CA %s is trusted, and SSLVerifyDepth is %d%s: its certificates "
                          "are refused with 403.16 chain-too-long; write 'SSLVerifyDepth %d'",
                          certmap_check_at(check, says), certmap_check_server_name(check),
                          certmap_cert_subject_text(deepest->cert), depth,
                          find(check, "SSLVerifyDepth") ? "" : ", its default", most);
    }
}

/* OpenSSL wants the root, and takes none that the client has sent. */
static void check_roots(certmap_check_t *check, apr_hash_t *names, const apr_array_header_t *nodes,
                        const ap_directive_t *says)
{
    int i;

    for (i = 0; i < nodes->nelts; i++) {
        const node_t *node = &APR_ARRAY_IDX(nodes, i, node_t);

        if (is_intermediate(names, node) && !issuer_of(names, node)) {
            certmap_check_say(check, APLOG_WARNING,
                              "%s: the intermediate CA %s is there, and not the CA that has issued it, %s: its "
                              "certificates are refused with 403.16 untrusted-issuer (error 2); add that CA",
                              certmap_check_at(check, says), certmap_cert_subject_text(node->anchor->cert),
                              certmap_cert_issuer_text(node->anchor->cert));
        }
    }
}

static int find_depth(const ap_directive_t *d, certmap_level_e level, void *found)
{
    if (level == CERTMAP_LEVEL_SECTION && certmap_check_is(d, "SSLVerifyDepth")) {
        *(int *)found = 1;
    }
    return 1;
}

static void check_chains(certmap_check_t *check)
{
    const ap_directive_t *file = find(check, "SSLCACertificateFile"), *depth = find(check, "SSLVerifyDepth");
    const ap_directive_t *says = file ? file : find(check, "SSLCACertificatePath");
    apr_array_header_t *nodes = apr_array_make(check->p, check->anchors->nelts + 1, sizeof(node_t));
    apr_hash_t *names = apr_hash_make(check->p);
    int i, in_section = 0;

    for (i = 0; i < check->anchors->nelts; i++) {
        const certmap_anchor_t *anchor = &APR_ARRAY_IDX(check->anchors, i, certmap_anchor_t);
        node_t *node;

        if (anchor->is_ca) {
            node = apr_array_push(nodes);
            node->anchor = anchor;
            node->subject = key_of(check, certmap_cert_subject_text(anchor->cert));
            node->issuer = key_of(check, certmap_cert_issuer_text(anchor->cert));
            if (anchor->self_signed || !apr_hash_get(names, node->subject, APR_HASH_KEY_STRING)) {
                apr_hash_set(names, node->subject, APR_HASH_KEY_STRING, node);
            }
        }
    }
    certmap_conftree_each(check->s, find_depth, &in_section);
    if (says && !in_section) {
        check_depth(check, names, nodes, depth ? atoi(certmap_check_first_word(check, depth)) : 1,
                    depth ? depth : says);
    }
    if (says) {
        check_roots(check, names, nodes, says);
    }
}

/* ---- CRLs ------------------------------------------------------------------------------------------------------ */

/* When a CRL is about to end: a tenth of its time is left, and no more than three days. */
static int ends_soon(const certmap_crl_t *crl, apr_time_t now)
{
    apr_time_t tenth = (crl->ends - crl->begins) / 10;

    return crl->ends - now < (tenth < 3 * DAY ? tenth : 3 * DAY);
}

static void check_crl(certmap_check_t *check, const certmap_crl_t *crl, const ap_directive_t *says)
{
    apr_time_t now = apr_time_now();
    const char *at = certmap_check_at(check, says);

    if (crl->begins > now) {
        certmap_check_say(check, APLOG_WARNING,
                          "%s: the CRL of %s is not valid before %s: until then certificates of this CA are refused "
                          "with 403.13; look at the clock",
                          at, crl->issuer, certmap_time_text(crl->begins, CERTMAP_TIME_ISO, check->p));
    }
    else if (crl->ends && crl->ends <= now) {
        certmap_check_say(check, APLOG_WARNING,
                          "%s: the CRL of %s ran out at %s: certificates of this CA are refused with 403.13; fetch "
                          "the new CRL and reload httpd",
                          at, crl->issuer, certmap_time_text(crl->ends, CERTMAP_TIME_ISO, check->p));
    }
    else if (crl->ends && ends_soon(crl, now)) {
        certmap_check_say(check, APLOG_WARNING,
                          "%s: the CRL of %s runs out at %s: from then on certificates of this CA are refused with "
                          "403.13; fetch the new CRL and reload httpd",
                          at, crl->issuer, certmap_time_text(crl->ends, CERTMAP_TIME_ISO, check->p));
    }
}

/* Of several CRLs of one CA the newest counts. */
static void check_crls(certmap_check_t *check, const ap_directive_t *says)
{
    const apr_array_header_t *crls = certmap_crls(check->s, check->p);
    apr_hash_t *newest = apr_hash_make(check->p);
    int i;

    for (i = 0; i < crls->nelts; i++) {
        const certmap_crl_t *crl = &APR_ARRAY_IDX(crls, i, certmap_crl_t);
        const certmap_crl_t *other = apr_hash_get(newest, crl->issuer, APR_HASH_KEY_STRING);

        if (!other || crl->begins > other->begins) {
            apr_hash_set(newest, crl->issuer, APR_HASH_KEY_STRING, crl);
        }
    }
    for (i = 0; i < crls->nelts; i++) {
        const certmap_crl_t *crl = &APR_ARRAY_IDX(crls, i, certmap_crl_t);

        if (apr_hash_get(newest, crl->issuer, APR_HASH_KEY_STRING) == crl) {
            check_crl(check, crl, says);
        }
    }
}

static void check_revocation(certmap_check_t *check)
{
    const ap_directive_t *file = find(check, "SSLCARevocationFile"), *on = find(check, "SSLCARevocationCheck");
    const ap_directive_t *says = file ? file : find(check, "SSLCARevocationPath");

    if (says && !on && !find(check, "SSLOCSPEnable")) {
        certmap_check_say(check, APLOG_WARNING,
                          "%s: without SSLCARevocationCheck no CRL is asked in %s, so revoked certificates are "
                          "accepted; write 'SSLCARevocationCheck chain'",
                          certmap_check_at(check, says), certmap_check_server_name(check));
    }
    else if (says && on && strcasecmp(certmap_check_first_word(check, on), "none") != 0) {
        check_crls(check, says);
    }
}

void certmap_check_trust(certmap_check_t *check)
{
    const ap_directive_t *asks = asker(check);

    /* [promise mistakes] */
    if (!asks || !check->anchors) {
        return;
    }
    if (!find(check, "SSLOpenSSLConfCmd")) { /* which may name CAs, too */
        check_any(check, asks);
        check_chains(check);
    }
    check_revocation(check);
}
