/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file import/name.h
 * @brief Names as other software writes and compares them: as text. A name is read here only when the text is just what
 *        that software writes for it, so that what is carried over meets no certificate that did not meet the text.
 *        Private to import/.
 */
#ifndef CERTMAP_IMPORT_NAME_H
#define CERTMAP_IMPORT_NAME_H

#include "import/out.h"

typedef enum certmap_name_style_e {
    CERTMAP_NAME_ONELINE,     /**< /C=x/CN=y, as X509_NAME_oneline() of the OpenSSL that is linked */
    CERTMAP_NAME_GLOBUS,      /**< the same or as older OpenSSL wrote it, as Globus compares it: in any case, and with
                                     E, Email, emailAddress and UID, USERID for one another */
    CERTMAP_NAME_RFC2253,     /**< CN=y,C=x, as X509_NAME_print_ex() with XN_FLAG_RFC2253 (PostgreSQL) */
    CERTMAP_NAME_RFC2253_UTF8 /**< the same without escapes for what is not ASCII (mod_ssl) */
} certmap_name_style_e;

/** Whether text reads as a name with commas: it begins with an attribute type that is known, or an OID, and '='. */
int certmap_import_comma_name(certmap_str_t text, apr_pool_t *p);
/**
 * Reads a name.
 * @param why out: without a name, why not, in words for certmap_import_left_out
 * @return NULL when there is no certificate whose name is written so, or which one is not certain
 */
const certmap_dn_t *certmap_import_name(certmap_str_t text, certmap_name_style_e style, const char **why,
                                        apr_pool_t *p);
/** A name with commas and the root first, as X509:<S> holds it. */
const char *certmap_import_root_first(const certmap_dn_t *dn, apr_pool_t *p);
/** The name under which Globus knows a text: two texts with the same one are the same name there. */
const char *certmap_import_globus_key(certmap_str_t text, apr_pool_t *p);

/**
 * Checks options->issuer. What is wrong with it is reported.
 * @param issuer out: NULL when it was not given
 * @return whether to go on
 */
int certmap_import_issuer(certmap_import_out_t *out, const certmap_import_options_t *options, const char **issuer,
                          apr_pool_t *p);
/** A comment for what was imported without an issuer: "rules" or "entries", and "subject" or "name". */
void certmap_import_say_weak(certmap_import_out_t *out, const char *these, const char *name);
/**
 * Checks that a text is one: no NUL, no UTF-16, no PEM, which may hold a key and is quoted nowhere.
 * @param mark whether a byte order mark is allowed  @return whether to go on
 */
int certmap_import_is_text(certmap_import_out_t *out, certmap_str_t text, int mark);

#endif
