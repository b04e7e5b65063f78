/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file engine/x509/internal.h
 * @brief What of x509/ only the engine uses: the view itself, the DER reader, attribute types, values by OID.
 *
 * The view is read from the certificate's own DER: what was signed is what is decided on, and lengths always travel
 * with bytes. What could be read in two ways makes the certificate malformed; a value that cannot be read spoils its
 * field and nothing else. OpenSSL has decoded the same bytes before, but its structures forget what matters here (empty
 * SETs, trailing bytes).
 */
#ifndef CERTMAP_X509_INTERNAL_H
#define CERTMAP_X509_INTERNAL_H

#include "base/internal.h"
#include "x509/x509.h"

/* ---- DER (der.c) --------------------------------------------------------------------------------------------- */

/** Bytes still to be read. */
typedef struct certmap_der_t {
    const unsigned char *at;
    const unsigned char *end;
} certmap_der_t;

/** Tags as they are in DER, constructed bit included. */
enum {
    CERTMAP_T_BOOLEAN = 0x01,
    CERTMAP_T_INTEGER = 0x02,
    CERTMAP_T_BITSTRING = 0x03,
    CERTMAP_T_OCTETSTRING = 0x04,
    CERTMAP_T_OID = 0x06,
    CERTMAP_T_UTF8 = 0x0c,
    CERTMAP_T_NUMERIC = 0x12,
    CERTMAP_T_PRINTABLE = 0x13,
    CERTMAP_T_TELETEX = 0x14,
    CERTMAP_T_IA5 = 0x16,
    CERTMAP_T_UTCTIME = 0x17,
    CERTMAP_T_GENERALTIME = 0x18,
    CERTMAP_T_VISIBLE = 0x1a,
    CERTMAP_T_GENERAL = 0x1b,
    CERTMAP_T_UNIVERSAL = 0x1c,
    CERTMAP_T_BMP = 0x1e,
    CERTMAP_T_SEQUENCE = 0x30,
    CERTMAP_T_SET = 0x31
};

#define certmap_der_left(d) ((apr_size_t)((d)->end - (d)->at))

/** Reads the next element. Definite minimal lengths and one-byte tags only. @return 1, or 0 when there is none */
int certmap_der_next(certmap_der_t *in, unsigned int *tag, certmap_der_t *content);
/** Reads the next element, which must have this tag. */
int certmap_der_expect(certmap_der_t *in, unsigned int tag, certmap_der_t *content);
/** The tag of the next element without reading it; 0 at the end. */
unsigned int certmap_der_peek(const certmap_der_t *in);
/** Dotted text of an OBJECT IDENTIFIER's content; NULL when it is none. */
const char *certmap_der_oid(certmap_der_t content, apr_pool_t *p);
/** Time of a UTCTime or GeneralizedTime in the two forms of RFC 5280. @return 1, or 0 for any other form */
int certmap_der_time(unsigned int tag, certmap_der_t content, apr_time_t *t);
/** Whether a tag is one of ASN.1's character strings that this engine reads. */
int certmap_der_is_string(unsigned int tag);
/** Decodes a character string, which may be empty, to UTF-8. @return NULL, or why it is malformed (a constant) */
const char *certmap_der_string(unsigned int tag, certmap_der_t content, certmap_str_t *text, apr_pool_t *p);
/** The same for display: what is malformed becomes U+FFFD. Never fails; looks at `most` bytes of content at most. */
certmap_str_t certmap_der_string_lenient(unsigned int tag, certmap_der_t content, apr_size_t most, apr_pool_t *p);

/* ---- attribute types (attr.c) -------------------------------------------------------------------------------- */

/** How an attribute type is written: "CN", an OpenSSL short name, or the dotted OID itself. */
const char *certmap_attr_name(const char *oid, apr_pool_t *p);
/** Whether an attribute type's values are character strings, so that anything else is malformed: CN, OU and the like,
 *  and not x500UniqueIdentifier or a type that nobody knows. */
int certmap_attr_is_text(const char *oid);
/** Whether they are ASCII only, whatever string type they are written in: DC, emailAddress. */
int certmap_attr_is_ascii(const char *oid);
/** Why an attribute of this type cannot have a text (a constant), or NULL. */
const char *certmap_attr_check(const char *oid, certmap_str_t text);
/** Canonical dotted text of a dotted OID as a person writes it ("OID." may come before it), or NULL. */
const char *certmap_oid_canonical(certmap_str_t text, apr_pool_t *p);

/* ---- names (dn.c) -------------------------------------------------------------------------------------------- */

/**
 * Decodes a Name. Its attributes may be malformed, each by itself.
 * @param rdns    content of its SEQUENCE
 * @param dn      out: the name, RDNs in encoded order
 * @param encoded out (or NULL): all of its attributes in encoded order, *nencoded of them
 * @param why     out: why it cannot be split into attributes, a constant ("empty RDN")
 * @return 1, or 0 when it cannot be split
 */
int certmap_dn_decode(certmap_der_t rdns, const certmap_dn_t **dn, certmap_ava_t **encoded, apr_size_t *nencoded,
                      const char **why, apr_pool_t *p);
/** Text of a Name that cannot be split, for display: what cannot be read is replaced, long ones are cut. */
const char *certmap_dn_display(certmap_der_t rdns, apr_pool_t *p);
/** What is malformed in a name, the first thing: "CN: NUL inside"; NULL: nothing. */
const char *certmap_dn_why(const certmap_dn_t *dn, apr_pool_t *p);
/** Whether name has base as its first RDNs (root side) and at least one RDN more. */
int certmap_dn_below(const certmap_dn_t *name, const certmap_dn_t *base, int exact);
/** Compares as certmap_dn_equal or, below, as certmap_dn_below. A name with a malformed attribute is certainly another
 *  one where the number or the types of parts, or a sound part, differ.
 *  @return 1 or 0, or -1: only a malformed attribute could tell */
int certmap_dn_compare(const certmap_dn_t *name, const certmap_dn_t *base, int below, int exact);

/* ---- the view (cert.c, value.c, extensions.c, san.c) --------------------------------------------------------- */

/** The values of one field. */
typedef struct certmap_vals_t {
    certmap_state_e state;
    apr_size_t n; /**< of a malformed field: only names are there */
    const certmap_value_t *v;
    const char *why; /**< it is malformed */
} certmap_vals_t;

/** Values by OID: sorted by OID, those of one OID in encoded order, so that each OID's values are one array. */
typedef struct certmap_keyed_t {
    apr_size_t n;
    const char **oid;
    const char **why; /**< a value is malformed, or NULL; NULL when none is */
    certmap_value_t *v;
} certmap_keyed_t;

/** One extension, undecoded. */
typedef struct certmap_rawext_t {
    certmap_der_t oid;
    certmap_der_t data;
} certmap_rawext_t;

/** What makes a certificate malformed as a whole, as far as it matters for what OpenSSL makes of it. */
typedef enum certmap_fault_e {
    CERTMAP_FAULT_NONE,
    CERTMAP_FAULT_FRAME, /**< OpenSSL does not object to it while it verifies */
    CERTMAP_FAULT_DATE,
    CERTMAP_FAULT_EXTENSION
} certmap_fault_e;

struct certmap_cert_t {
    const char *malformed;             /**< why it is as a whole, the first thing; or NULL */
    unsigned faults;                   /**< set of 1 << certmap_fault_e */
    const char *odd[CERTMAP_ODD_MOST]; /**< values that are malformed by themselves */
    apr_size_t nodd;
    int version;
    const certmap_dn_t *subject; /**< without RDNs when absent or not to be split into attributes */
    const certmap_dn_t *issuer;
    const char *subject_text;
    const char *issuer_text;
    const char *serial;
    apr_time_t not_before; /**< 0 when it cannot be read */
    apr_time_t not_after;
    int begins; /**< not_before could be read */
    int ends;
    certmap_vals_t f[CERTMAP_F_COUNT]; /**< _ATTR, SAN_OTHER, EXT: state of what they are read from */
    certmap_keyed_t subject_attrs;
    certmap_keyed_t issuer_attrs;
    certmap_keyed_t others; /**< otherName values */
    certmap_rawext_t *exts; /**< sorted by OID bytes */
    apr_size_t nexts;
};

/** The certificate is malformed as a whole; what is noted is the first thing. A why that begins with a dot names a
 *  part: "san" ".ip: ...". */
void certmap_cert_blame(certmap_cert_t *cert, certmap_fault_e fault, const char *field, const char *why, apr_pool_t *p);
/** A message for a name that is not a field: what was probably meant.
 *  @param names of all fields, without what follows "subject." or "ext:"; NULL-terminated */
const char *certmap_field_meant(certmap_str_t text, const char *const *names, apr_pool_t *p);
/** The same for an attribute that comes after "subject." or "issuer.". */
const char *certmap_attr_meant(certmap_str_t name, const char *stem, apr_pool_t *p);
/** A field's name, or what comes before its OID or attribute ("ext:"). */
const char *certmap_field_word(certmap_field_e field);
/** A value is malformed by itself. */
void certmap_cert_mark(certmap_cert_t *cert, const char *field, const char *why, apr_pool_t *p);
/** Sets a field's state. */
void certmap_cert_spoil(certmap_cert_t *cert, certmap_field_e field, const char *why);
/** Whether a value has nothing but blanks, and so is none. */
int certmap_value_blank(const certmap_value_t *v);
/** Sorts oid[], why[] (where it is there) and v[] together into a keyed list; the arrays are taken over. */
void certmap_keyed_sort(certmap_keyed_t *k, apr_pool_t *p);
/** The values of an OID. */
const certmap_value_t *certmap_keyed_find(const certmap_keyed_t *k, const char *oid, apr_size_t *n);
/** Fills a text value, folded form too. */
void certmap_value_text(certmap_value_t *v, certmap_str_t text, apr_pool_t *p);
/** Fills a value from the DER of one element: a character string is text, anything else the hex of its DER.
 *  @return NULL, or why it is malformed, a constant */
const char *certmap_value_read(certmap_value_t *v, certmap_der_t whole, apr_pool_t *p);
/** Fills a value whose folded form is its text: hex, OID, opaque. */
void certmap_value_plain(certmap_value_t *v, certmap_value_kind_e kind, certmap_str_t text);
/** Reads all extensions; those that cannot be read are blamed, values marked. */
void certmap_cert_extensions(certmap_cert_t *cert, certmap_der_t exts, apr_pool_t *p);
/** Values of ext:OID, decoded now. why: out: it is malformed, a constant */
certmap_state_e certmap_cert_ext(const certmap_cert_t *cert, const char *oid, const certmap_value_t **values,
                                 apr_size_t *n, const char **why, apr_pool_t *p);
/** Reads a subject alternative name extension's data into san.* fields; values that are malformed by themselves are
 *  marked. @return NULL, or why it cannot be read */
const char *certmap_san_decode(certmap_cert_t *cert, certmap_der_t data, apr_pool_t *p);
/** Whether text is a Windows security identifier, "S-1-5-21-...". */
int certmap_is_sid(certmap_str_t text);

/* ---- fields and verdicts (field.c, verdict.c) -------------------------------------------------------------------- */

/** Whether two fields are the same. */
int certmap_field_same(const certmap_field_t *a, const certmap_field_t *b);
/** The kind of value that a field holds (CERTMAP_V_TEXT for SAN_OTHER and EXT, whose single values may be OPAQUE). */
certmap_value_kind_e certmap_field_kind(const certmap_field_t *field);
/** How many hex digits a field's values have; 0: any number. */
apr_size_t certmap_hex_digits(certmap_field_e field);
const certmap_dn_t *certmap_cert_issuer(const certmap_cert_t *cert);
/** Why a field is malformed ("NUL inside"), in p or a constant; NULL when it is not. */
const char *certmap_cert_why(const certmap_cert_t *cert, const certmap_field_t *field, apr_pool_t *p);
/** Cause of one verification error. @param x509_err X509_V_ERR_*  @param depth 0 = leaf. Unknown codes:
 * UNTRUSTED_ISSUER. */
certmap_reason_e certmap_verdict_reason(int x509_err, int depth);
/** Whether the table of verdict.c knows a code. */
int certmap_verdict_known(int x509_err);

#endif
