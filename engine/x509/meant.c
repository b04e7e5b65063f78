/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What was probably meant by a name that is not a field: slips of the fingers, and what other software calls the same
 * thing (mod_ssl, nginx, HAProxy, Caddy, IIS, OpenSSL).
 */
#include <string.h>

#include <apr_cstr.h>
#include <apr_lib.h>
#include <apr_strings.h>

#include "x509/internal.h"

#define SAN_FIELDS "san.email, san.dns, san.uri, san.ip, san.upn, san.dirname, san.rid or san.other:OID"
#define DATES "dates are checked for every certificate; no condition is needed"
#define VERIFIED "only verified certificates reach the rules; no condition is needed"

/* By letters and digits alone, in lower case: one line for subject_alt_name and subjectAltName. */
static const struct {
    const char *wrote;
    const char *hint; /* "did you mean ...?" */
    const char
        *stem; /* where an attribute follows in what was written: the field that it belongs to: SSL_CLIENT_S_DN_OU */
    const char *other; /* there is no such field: why none is needed */
} habits[] = {
    { "sslclientsdn", "subject", "subject.", NULL },
    { "sslclientidn", "issuer", "issuer.", NULL },
    { "sslcsdn", "subject", "subject.", NULL },
    { "sslcidn", "issuer", "issuer.", NULL },
    { "sslclientsubjectdn", "subject", "subject.", NULL },
    { "sslclientissuerdn", "issuer", "issuer.", NULL },
    { "tlsclientsubject", "subject", "subject.", NULL },
    { "tlsclientissuer", "issuer", "issuer.", NULL },
    { "certsubject", "subject", "subject.", NULL },
    { "certissuer", "issuer", "issuer.", NULL },
    { "subjectdn", "subject", "subject.", NULL },
    { "issuerdn", "issuer", "issuer.", NULL },
    { "subject", "subject", "subject.", NULL },
    { "issuer", "issuer", "issuer.", NULL },
    { "sslclientsdnlegacy", "subject", NULL, NULL },
    { "sslclientidnlegacy", "issuer", NULL, NULL },
    { "dn", "subject or issuer", NULL, NULL },
    { "sslclientmserial", "serial", NULL, NULL },
    { "sslclientserial", "serial", NULL, NULL },
    { "sslcserial", "serial", NULL, NULL },
    { "tlsclientserial", "serial", NULL, NULL },
    { "certserialnumber", "serial", NULL, NULL },
    { "serialno", "serial", NULL, NULL },
    { "serialnumber", "serial or subject.serialNumber", NULL, NULL },
    { "sslclientcertrfc4523cea", "serial and issuer", NULL, NULL },
    { "sslclientsanemail", "san.email", NULL, NULL },
    { "sslclientsandns", "san.dns", NULL, NULL },
    { "sslclientsanothermsupn", "san.upn", NULL, NULL },
    { "sslclientcert", "sha256", NULL, NULL },
    { "sslclientrawcert", "sha256", NULL, NULL },
    { "sslclientescapedcert", "sha256", NULL, NULL },
    { "sslcder", "sha256", NULL, NULL },
    { "sslclientfingerprint", "sha1", NULL, NULL },
    { "sslcsha1", "sha1", NULL, NULL },
    { "tlsclientfingerprint", "sha256", NULL, NULL },
    { "fingerprint", "sha256", NULL, NULL },
    { "thumbprint", "sha256 or sha1", NULL, NULL },
    { "md5", "sha256", NULL, NULL },
    { "sha512", "sha256", NULL, NULL },
    { "sslclientverify", NULL, NULL, VERIFIED },
    { "sslcverify", NULL, NULL, VERIFIED },
    { "sslclientvstart", NULL, NULL, DATES },
    { "sslclientvend", NULL, NULL, DATES },
    { "sslclientvremain", NULL, NULL, DATES },
    { "sslcnotbefore", NULL, NULL, DATES },
    { "sslcnotafter", NULL, NULL, DATES },
    { "notbefore", NULL, NULL, DATES },
    { "notafter", NULL, NULL, DATES },
    { "san", SAN_FIELDS, NULL, NULL },
    { "altname", SAN_FIELDS, NULL, NULL },
    { "subjectaltname", SAN_FIELDS, NULL, NULL },
    { "subjectalternativename", SAN_FIELDS, NULL, NULL },
    { "email", "san.email or subject.emailAddress", NULL, NULL },
    { "emailaddress", "san.email or subject.emailAddress", NULL, NULL },
    { "mail", "san.email or subject.emailAddress", NULL, NULL },
    { "rfc822", "san.email", NULL, NULL },
    { "rfc822name", "san.email", NULL, NULL },
    { "sanrfc822", "san.email", NULL, NULL },
    { "sanrfc822name", "san.email", NULL, NULL },
    { "dns", "san.dns", NULL, NULL },
    { "dnsname", "san.dns", NULL, NULL },
    { "sandnsname", "san.dns", NULL, NULL },
    { "uri", "san.uri", NULL, NULL },
    { "url", "san.uri", NULL, NULL },
    { "sanuniformresourceidentifier", "san.uri", NULL, NULL },
    { "ip", "san.ip", NULL, NULL },
    { "ipaddress", "san.ip", NULL, NULL },
    { "sanipaddress", "san.ip", NULL, NULL },
    { "upn", "san.upn", NULL, NULL },
    { "userprincipalname", "san.upn", NULL, NULL },
    { "sanuserprincipalname", "san.upn", NULL, NULL },
    { "dirname", "san.dirname", NULL, NULL },
    { "directoryname", "san.dirname", NULL, NULL },
    { "sandirectoryname", "san.dirname", NULL, NULL },
    { "registeredid", "san.rid", NULL, NULL },
    { "sanregisteredid", "san.rid", NULL, NULL },
    { "othername", "san.other:OID", NULL, NULL },
    { "sanother", "san.other:OID", NULL, NULL },
    { "sanothername", "san.other:OID", NULL, NULL },
    { "publickey", "spki", NULL, NULL },
    { "pubkey", "spki", NULL, NULL },
    { "subjectkeyidentifier", "ski", NULL, NULL },
    { "authoritykeyidentifier", "aki", NULL, NULL },
    { "extendedkeyusage", "eku", NULL, NULL },
    { "keyusage", "ku", NULL, NULL },
    { "policies", "policy", NULL, NULL },
    { "certificatepolicies", "policy", NULL, NULL },
    { "objectsid", "sid", NULL, NULL },
    { "chain", "chain.sha256", NULL, NULL },
    { "root", "root.sha256", NULL, NULL },
};

#define NHABITS (sizeof(habits) / sizeof(habits[0]))

/* What people call attribute types that OpenSSL has other names for. */
static const struct {
    const char *wrote;
    const char *name;
} attr_habits[] = {
    { "org", "O" },
    { "organization", "O" },
    { "organisation", "O" },
    { "orgunit", "OU" },
    { "organizationalunit", "OU" },
    { "organisationalunit", "OU" },
    { "department", "OU" },
    { "country", "C" },
    { "state", "ST" },
    { "province", "ST" },
    { "locality", "L" },
    { "city", "L" },
    { "lastname", "SN" },
    { "firstname", "GN" },
    { "user", "UID" },
    { "username", "UID" },
    { "login", "UID" },
    { "serial", "serialNumber" },
};

static const char *const attr_long_names[] = {
    "commonName",
    "organizationName",
    "organizationalUnitName",
    "countryName",
    "stateOrProvinceName",
    "localityName",
    "domainComponent",
    "emailAddress",
    "surname",
    "givenName",
    "title",
    "initials",
    "serialNumber",
    "userId",
    "streetAddress",
    "postalCode",
    "description",
    "pseudonym",
    "dnQualifier",
    "generationQualifier",
    "businessCategory",
    "organizationIdentifier",
    NULL,
};

/* Letters and digits of a text, in lower case: "$ssl_client_s_dn" is "sslclientsdn". @return 0: it is longer than any
 * name */
static int simplify(certmap_str_t text, char word[CERTMAP_HINT_FIELD_MOST])
{
    apr_size_t i, n = 0;

    for (i = 0; i < text.len; i++) {
        if (n + 1 == CERTMAP_HINT_FIELD_MOST) {
            return 0;
        }
        if (apr_isalnum(text.data[i])) {
            word[n++] = (char)apr_tolower(text.data[i]);
        }
    }
    word[n] = '\0';
    return 1;
}

/* Counted from 0, as mod_ssl and HAProxy count several values: "SSL_CLIENT_SAN_Email_0", "ssl_c_s_dn(cn,1)". */
static void cut_number(char *word)
{
    apr_size_t n = strlen(word);

    while (n > 0 && apr_isdigit(word[n - 1])) {
        word[--n] = '\0';
    }
}

static const char *attr_called(const char *word, apr_pool_t *p)
{
    const char *oid;
    apr_size_t i;

    for (i = 0; i < sizeof(attr_habits) / sizeof(attr_habits[0]); i++) {
        if (strcmp(word, attr_habits[i].wrote) == 0) {
            return attr_habits[i].name;
        }
    }
    oid = certmap_attr_oid((certmap_str_t){ word, strlen(word) }, p);
    return oid ? certmap_attr_name(oid, p) : NULL;
}

/* "subject.OU" for "SSL_CLIENT_S_DN_OU", or NULL. */
static const char *with_attribute(char *word, apr_pool_t *p)
{
    const char *attr;
    apr_size_t i, n;

    cut_number(word);
    for (i = 0; i < NHABITS; i++) {
        n = strlen(habits[i].wrote);
        if (habits[i].stem && strncmp(word, habits[i].wrote, n) == 0 && word[n]) {
            attr = attr_called(word + n, p);
            if (attr) {
                return apr_pstrcat(p, habits[i].stem, attr, NULL);
            }
        }
    }
    return NULL;
}

/* @return the index of what was written among the habits, or NHABITS */
static apr_size_t habit_of(const char *word)
{
    apr_size_t i;

    for (i = 0; i < NHABITS && strcmp(word, habits[i].wrote) != 0; i++) {
    }
    return i;
}

/* What has an attribute or OID after it, up to that: "sbject." of "sbject.OU", "san.othr:" of "san.othr:1.2.3". */
static const char *slip_before(certmap_str_t text, int sign, const char *const *names, apr_pool_t *p)
{
    const char *at = text.len ? memchr(text.data, sign, text.len) : NULL, *stem, *oid;
    certmap_str_t tail;

    if (!at) {
        return NULL;
    }
    at++;
    tail = (certmap_str_t){ at, text.len - (apr_size_t)(at - text.data) };
    stem = certmap_suggest((certmap_str_t){ text.data, (apr_size_t)(at - text.data) }, names);
    if (!stem || stem[strlen(stem) - 1] != sign || tail.len == 0) {
        return NULL;
    }
    oid = certmap_attr_oid(tail, p);
    return apr_pstrcat(p, stem, oid ? certmap_attr_name(oid, p) : apr_pstrmemdup(p, tail.data, tail.len), NULL);
}

/* A slip of the fingers. */
static const char *slip(certmap_str_t text, const char *const *names, apr_pool_t *p)
{
    const char *found = slip_before(text, '.', names, p);
    int i;

    found = found ? found : slip_before(text, ':', names, p);
    if (found || !(found = certmap_suggest(text, names))) {
        return found;
    }
    i = found[strlen(found) - 1];
    return i == '.' || i == ':' ? apr_pstrcat(p, found, i == '.' ? "CN" : "OID", NULL) : found;
}

const char *certmap_field_meant(certmap_str_t text, const char *const *names, apr_pool_t *p)
{
    const char *wrote = apr_pstrmemdup(p, text.data, text.len), *attr, *hint = NULL;
    char word[CERTMAP_HINT_FIELD_MOST];
    apr_size_t i = NHABITS;

    if (simplify(text, word) && *word) {
        i = habit_of(word);
        if (i == NHABITS) {
            attr = attr_called(word, p);
            hint = attr ? apr_pstrcat(p, "subject.", attr, " or issuer.", attr, NULL) : with_attribute(word, p);
            i = habit_of(word); /* without a number */
        }
    }
    if (!hint && i < NHABITS) {
        if (habits[i].other) {
            return apr_psprintf(p, "unknown field \"%s\"; %s", wrote, habits[i].other);
        }
        hint = habits[i].hint;
    }
    if (!hint) {
        hint = slip(text, names, p);
    }
    return apr_psprintf(p, "unknown field \"%s\"; did you mean %s?", wrote,
                        hint ? hint
                             : "subject, subject.CN, issuer, san.email, san.upn, serial, sha256 and others of the "
                               "documentation");
}

const char *certmap_attr_meant(certmap_str_t name, const char *stem, apr_pool_t *p)
{
    const char *wrote = apr_pstrmemdup(p, name.data, name.len), *meant = NULL;
    int n = (int)strlen(stem) - 1;
    char word[CERTMAP_HINT_FIELD_MOST];

    if (simplify(name, word) && *word) {
        meant = attr_called(word, p);
    }
    if (!meant && name.len > 4) { /* every short word is near to another one */
        meant = certmap_suggest(name, attr_long_names);
        meant = meant ? attr_called(meant, p) : NULL;
    }
    return meant ? apr_psprintf(p, "unknown attribute \"%s\" of the %.*s; did you mean %s%s?", wrote, n, stem, stem,
                                meant)
                 : apr_psprintf(p,
                                "unknown attribute \"%s\" of the %.*s; use a name as CN, OU, O, UID, emailAddress, "
                                "an OpenSSL name or a dotted OID",
                                wrote, n, stem);
}
