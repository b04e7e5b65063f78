/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file engine/x509/attr.c
 * @brief Attribute types: the short names that people write, and the dotted OIDs that everything is compared by.
 *
 * Names of the table are read in any case, as LDAP does; then come OpenSSL's names. The table comes first because
 * OpenSSL's "uid" is another attribute than its "UID", and nobody means that one.
 */
#include <string.h>

#include <apr_lib.h>
#include <apr_strings.h>
#include <openssl/err.h>
#include <openssl/objects.h>

#include "x509/internal.h"

#define OID_DC "0.9.2342.19200300.100.1.25"
#define OID_EMAIL "1.2.840.113549.1.9.1"

/** The first name of an OID is the one that is written. */
static const struct {
    const char *name;
    const char *oid;
} attr_names[] = {
    { .name = "CN", .oid = "2.5.4.3" },
    { .name = "commonName", .oid = "2.5.4.3" },
    { .name = "OU", .oid = "2.5.4.11" },
    { .name = "O", .oid = "2.5.4.10" },
    { .name = "C", .oid = "2.5.4.6" },
    { .name = "ST", .oid = "2.5.4.8" },
    { .name = "S", .oid = "2.5.4.8" },
    { .name = "L", .oid = "2.5.4.7" },
    { .name = "DC", .oid = OID_DC },
    { .name = "UID", .oid = "0.9.2342.19200300.100.1.1" },
    { .name = "emailAddress", .oid = OID_EMAIL },
    { .name = "E", .oid = OID_EMAIL },
    { .name = "Email", .oid = OID_EMAIL },
    { .name = "SN", .oid = "2.5.4.4" },
    { .name = "GN", .oid = "2.5.4.42" },
    { .name = "G", .oid = "2.5.4.42" },
    { .name = "title", .oid = "2.5.4.12" },
    { .name = "T", .oid = "2.5.4.12" },
    { .name = "initials", .oid = "2.5.4.43" },
    { .name = "I", .oid = "2.5.4.43" },
    { .name = "serialNumber", .oid = "2.5.4.5" },
    { .name = "street", .oid = "2.5.4.9" },
};

#define NNAMES (sizeof(attr_names) / sizeof(attr_names[0]))

/** Types whose values are character strings as well, but which are written by OpenSSL's names. */
static const char *const more_texts[] = {
    "2.5.4.13",                  /* description */
    "2.5.4.15",                  /* businessCategory */
    "2.5.4.17",                  /* postalCode */
    "2.5.4.18",                  /* postOfficeBox */
    "2.5.4.41",                  /* name */
    "2.5.4.44",                  /* generationQualifier */
    "2.5.4.46",                  /* dnQualifier */
    "2.5.4.51",                  /* houseIdentifier */
    "2.5.4.65",                  /* pseudonym */
    "2.5.4.97",                  /* organizationIdentifier */
    "0.9.2342.19200300.100.1.3", /* mail */
    "1.2.840.113549.1.9.2",      /* unstructuredName */
    "1.3.6.1.4.1.311.60.2.1.1",  /* jurisdictionL, ST, C */
    "1.3.6.1.4.1.311.60.2.1.2",
    "1.3.6.1.4.1.311.60.2.1.3",
};

/** Whether text is this word, ASCII case aside. */
static int same_word(certmap_str_t text, const char *word)
{
    apr_size_t len = strlen(word);
    apr_size_t i;

    if (len != text.len) {
        return 0;
    }
    for (i = 0; i < len; i++) {
        if (apr_tolower(text.data[i]) != apr_tolower(word[i])) {
            return 0;
        }
    }
    return 1;
}

/** Dotted text of one of OpenSSL's objects. */
static const char *nid_oid(int nid, apr_pool_t *p)
{
    char buf[256];
    const ASN1_OBJECT *obj = nid == NID_undef ? NULL : OBJ_nid2obj(nid);
    int n = obj ? OBJ_obj2txt(buf, (int)sizeof(buf), obj, 1) : 0;

    return n > 0 && n < (int)sizeof(buf) ? apr_pstrmemdup(p, buf, (apr_size_t)n) : NULL;
}

/** OpenSSL's name in any case, if exactly one object has it. */
static int nid_any_case(certmap_str_t name)
{
    int nid, last = OBJ_new_nid(0), found = NID_undef;

    for (nid = 1; nid < last; nid++) {
        const char *sn = OBJ_nid2sn(nid);
        const char *ln = sn ? OBJ_nid2ln(nid) : NULL;

        if ((sn && same_word(name, sn)) || (ln && same_word(name, ln))) {
            if (found != NID_undef) {
                return NID_undef;
            }
            found = nid;
        }
    }
    return found;
}

/** Walking all of OpenSSL's objects leaves "unknown NID" errors for the numbers it does not use. */
static const char *openssl_oid(certmap_str_t name, apr_pool_t *p)
{
    const char *text = apr_pstrmemdup(p, name.data, name.len);
    const char *oid;
    int nid;

    if (strlen(text) != name.len) {
        return NULL;
    }
    ERR_set_mark();
    nid = OBJ_sn2nid(text);
    if (nid == NID_undef) {
        nid = OBJ_ln2nid(text);
    }
    if (nid == NID_undef) {
        nid = nid_any_case(name);
    }
    oid = nid_oid(nid, p);
    ERR_pop_to_mark();
    return oid;
}

int certmap_attr_is_text(const char *oid)
{
    apr_size_t i;

    for (i = 0; i < NNAMES; i++) {
        if (strcmp(oid, attr_names[i].oid) == 0) {
            return 1;
        }
    }
    for (i = 0; i < sizeof(more_texts) / sizeof(more_texts[0]); i++) {
        if (strcmp(oid, more_texts[i]) == 0) {
            return 1;
        }
    }
    return 0;
}

int certmap_attr_is_ascii(const char *oid)
{
    return strcmp(oid, OID_DC) == 0 || strcmp(oid, OID_EMAIL) == 0;
}

const char *certmap_attr_check(const char *oid, certmap_str_t text)
{
    apr_size_t i, signs = 0;

    if (!certmap_attr_is_ascii(oid)) {
        return NULL;
    }
    /* RFC 5280, A.1: both are IA5Strings; RFC 5321, 4.1.2: an address has one "@". */
    for (i = 0; i < text.len; i++) {
        if ((unsigned char)text.data[i] > 0x7f) {
            return "byte above 0x7f in an ASCII string";
        }
        signs += text.data[i] == '@';
    }
    return signs > 1 && strcmp(oid, OID_EMAIL) == 0 ? "more than one '@' in an address" : NULL;
}

const char *certmap_oid_canonical(certmap_str_t text, apr_pool_t *p)
{
    ASN1_OBJECT *obj;
    const char *oid = NULL;
    char buf[512];
    apr_size_t i;
    int n;

    if (text.len > 4 && same_word((certmap_str_t){ text.data, 4 }, "OID.")) {
        text.data += 4;
        text.len -= 4;
    }
    if (text.len == 0 || text.len >= sizeof(buf)) {
        return NULL;
    }
    /* RFC 4512, 1.4: a numericoid has no empty arc and no leading zero. */
    for (i = 0; i < text.len; i++) {
        if (text.data[i] != '.' && !apr_isdigit(text.data[i])) {
            return NULL;
        }
        /* no empty arcs, no leading zeros: one OID has one text */
        if (text.data[i] == '.' && (i == 0 || i + 1 == text.len || text.data[i + 1] == '.')) {
            return NULL;
        }
        if (text.data[i] == '0' && (i == 0 || text.data[i - 1] == '.') && i + 1 < text.len && text.data[i + 1] != '.') {
            return NULL;
        }
    }
    ERR_set_mark();
    obj = OBJ_txt2obj(apr_pstrmemdup(p, text.data, text.len), 1);
    n = obj ? OBJ_obj2txt(buf, (int)sizeof(buf), obj, 1) : 0;
    /* Without memory for a long arc OpenSSL makes an object of whatever its buffer held: the text must come back. */
    if (n > 0 && (apr_size_t)n == text.len && memcmp(buf, text.data, text.len) == 0) {
        oid = apr_pstrmemdup(p, buf, (apr_size_t)n);
    }
    ASN1_OBJECT_free(obj);
    ERR_pop_to_mark();
    return oid;
}

const char *certmap_attr_oid(certmap_str_t name, apr_pool_t *p)
{
    apr_size_t i;

    if (name.len == 0) {
        return NULL;
    }
    for (i = 0; i < NNAMES; i++) {
        if (same_word(name, attr_names[i].name)) {
            return attr_names[i].oid;
        }
    }
    if (apr_isdigit(name.data[0]) || (name.len > 4 && same_word((certmap_str_t){ name.data, 4 }, "OID."))) {
        return certmap_oid_canonical(name, p);
    }
    return openssl_oid(name, p);
}

const char *certmap_attr_name(const char *oid, apr_pool_t *p)
{
    const char *sn, *back;
    apr_size_t i, len;
    int nid;

    for (i = 0; i < NNAMES; i++) {
        if (strcmp(attr_names[i].oid, oid) == 0) {
            return attr_names[i].name;
        }
    }
    ERR_set_mark();
    nid = OBJ_txt2nid(oid);
    sn = nid == NID_undef ? NULL : OBJ_nid2sn(nid);
    ERR_pop_to_mark();
    if (!sn) {
        return oid;
    }
    /* a name is written only if it can be read again: letters, digits and dashes, and the same OID for it */
    len = strlen(sn);
    for (i = 0; i < len; i++) {
        if (!(i == 0 ? apr_isalpha(sn[i]) : (apr_isalnum(sn[i]) || sn[i] == '-'))) {
            return oid;
        }
    }
    back = certmap_attr_oid((certmap_str_t){ sn, len }, p);
    return back && strcmp(back, oid) == 0 ? sn : oid;
}
