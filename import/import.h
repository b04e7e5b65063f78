/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file import/import.h
 * @brief Importers: mappings of other software become rules or entries. For certmapctl, tests and fuzzers; no part of
 *        the module.
 *
 * An importer never guesses and never widens. What decides alike in both is carried over; what does not becomes a
 * comment in its place that quotes the original line and says why, and counts as left out. What is carried over but
 * means less than it did there (a rule that also asked what mod_ssl or Require decides here) is said in a comment.
 * Where leaving a line out would let a later line match what the line would have caught first, the later lines are
 * not carried over either, or the text says so: an order that denied before must not allow afterwards.
 */
#ifndef CERTMAP_IMPORT_H
#define CERTMAP_IMPORT_H

#include "certmap.h"

/** What the text that comes out is. */
typedef enum certmap_import_kind_e {
    CERTMAP_IMPORT_RULES,  /**< for CertMapRuleFile */
    CERTMAP_IMPORT_ENTRIES /**< for CertMapSource file, certmapctl store build */
} certmap_import_kind_e;

/** What the original does not say and the administrator knows. NULL: not given. */
typedef struct certmap_import_options_t {
    const char *issuer;   /**< DN of the CA that issued the certificates, for formats that name subjects only */
    const char *location; /**< iis: of several configuration locations, this one */
    const char *map;      /**< of several map names (pgident), domains (sssd) or listeners (kafka), this one */
} certmap_import_options_t;

typedef struct certmap_import_result_t {
    certmap_import_kind_e kind;
    certmap_str_t text;         /**< reads back without an error, comments included */
    apr_size_t carried;         /**< rules or entries in it */
    apr_size_t left_out;        /**< lines of the original that are comments in it now */
    apr_array_header_t *errors; /**< of certmap_error_t; never NULL: what is not text of this format; warnings too */
} certmap_import_result_t;

/**
 * @param text    of the original, any bytes
 * @param file    its name, for errors and comments
 * @return APR_SUCCESS with *result; APR_EINVAL: the text is not of this format, result->errors says where and why and
 *         there is no text; APR_ENOMEM or APR_EGENERAL: a library failed
 * @param options what the original does not say; never NULL
 */
typedef apr_status_t certmap_import_fn(certmap_str_t text, const char *file, const certmap_import_options_t *options,
                                       certmap_import_result_t *result, apr_pool_t *p);

/** applicationHost.config or web.config of IIS: iisClientCertificateMappingAuthentication. */
certmap_import_fn certmap_import_iis;
/** An AuthUserFile whose names are subjects, as FakeBasicAuth of mod_ssl reads it. */
certmap_import_fn certmap_import_fakebasic;
/** [certmap/DOMAIN/NAME] sections of sssd.conf: matchrule, maprule, priority. */
certmap_import_fn certmap_import_sssd;
/** A grid-mapfile: "/DC=org/CN=Name" account[,account...]. */
certmap_import_fn certmap_import_gridmap;
/** pg_ident.conf of PostgreSQL. */
certmap_import_fn certmap_import_pgident;
/** ssl.principal.mapping.rules of Kafka, alone or in a server.properties. */
certmap_import_fn certmap_import_kafka;
/** Lines of USER<TAB>X509:..., as altSecurityIdentities of Active Directory holds them. */
certmap_import_fn certmap_import_altsecid;

#endif
