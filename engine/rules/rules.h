/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file engine/rules/rules.h
 * @brief Rules: reading them, sets of them, lists of sets and sources.
 */
#ifndef CERTMAP_RULES_H
#define CERTMAP_RULES_H

#include "x509/x509.h"

#ifdef __cplusplus
extern "C" {
#endif

/* ---- rules --------------------------------------------------------------------------------------------------- */

typedef struct certmap_cond_t certmap_cond_t;         /**< one compiled condition */
typedef struct certmap_template_t certmap_template_t; /**< a compiled USER */

/** A rule. Read-only. */
typedef struct certmap_rule_t {
    const char *name;
    int deny;
    int disabled;
    int any;                        /**< it has the word "any" */
    const certmap_template_t *user; /**< effect.user compiled; NULL for deny */
    const certmap_cond_t *conds;
    apr_size_t nconds;
    certmap_effect_t effect;
    const char *file; /**< where it is */
    int line;
} certmap_rule_t;

/** The text of a condition as written.
 *  @param cond of a rule; the text lives as long */
const char *certmap_cond_text(const certmap_cond_t *cond);

typedef struct certmap_ruleset_t certmap_ruleset_t;
typedef struct certmap_builder_t certmap_builder_t;

/** Starts a ruleset. Everything lives in p. */
certmap_builder_t *certmap_builder_create(apr_pool_t *p);
/**
 * Adds the rule that one line holds ("NAME allow USER COND..." or "NAME deny COND..."), all of its errors reported.
 * @param text the words of the directive after its name
 * @param column where text begins in its line, from 1
 * @return APR_SUCCESS (warnings may have been added) or APR_EINVAL (the rule was not added, errors were)
 * @param b    the set that is built
 * @param file where the directive is, at line; or NULL
 */
apr_status_t certmap_builder_add_directive(certmap_builder_t *b, const char *text, const char *file, int line,
                                           int column);
/** Adds all rules of a file's text (comments, continued lines). Same returns; continues after an error to report all.
 *  @param b the set that is built */
apr_status_t certmap_builder_add_file_text(certmap_builder_t *b, certmap_str_t text, const char *file);
/** Adds the rule on one line of such a text, which is at that line of its file. Same returns.
 *  @param b the set that is built */
apr_status_t certmap_builder_add_line(certmap_builder_t *b, certmap_str_t text, const char *file, int line);
/** Errors and warnings so far, of certmap_error_t, in order of place. Never NULL.
 *  @param b a set that is not finished */
const apr_array_header_t *certmap_builder_errors(const certmap_builder_t *b);
/** Compiles and freezes. The builder must not be used afterwards. @return never NULL; only rules without error are in
 * it, so
 *  a caller that saw an error must not use the set.
 *  @param b its pool holds the set */
const certmap_ruleset_t *certmap_builder_finish(certmap_builder_t *b);

/** How many rules a set has, disabled ones included. @param rs not NULL */
apr_size_t certmap_ruleset_count(const certmap_ruleset_t *rs);
/** A rule by its place in the set. @param rs not NULL  @param i from 0, less than certmap_ruleset_count
 *  @return it lives as long as the set */
const certmap_rule_t *certmap_ruleset_rule(const certmap_ruleset_t *rs, apr_size_t i);
/** One rule as a line of a rule file, quoted so that parsing gives the same rule. */
const char *certmap_rule_text(const certmap_rule_t *rule, apr_pool_t *p);
/** Why a user name is not acceptable, or NULL when it is. */
const char *certmap_user_check(certmap_str_t user);
/** Puts a word into quotes where the lexer would read it differently otherwise.
 *  @param text ends with NUL */
const char *certmap_lex_quote(const char *text, apr_pool_t *p);

/* ---- sources and lists ------------------------------------------------------------------------------------------- */

/** What is stored for one key of a one-to-one entry. */
typedef struct certmap_entry_t {
    int deny;
    certmap_effect_t effect; /**< its user is literal, its strength the key's */
    const char *key;         /**< the key's type, for logs: "sha256", "issuer-serial", ... */
} certmap_entry_t;

/** What a source holds for a certificate. */
typedef struct certmap_lookup_t {
    int has_deny; /**< a deny entry under any of the certificate's keys */
    certmap_entry_t deny;
    int has_allow; /**< the allow entry under its strongest key that has one */
    certmap_entry_t allow;
    int ambiguous;        /**< several e-mail addresses, and their allow entries say different things */
    const char *unformed; /**< NULL, or a type of key ("dn") that this certificate has, but not in a form that
                                         anybody could compare, while the source holds, or may hold, deny entries under
                                         keys of that type */
} certmap_lookup_t;

typedef struct certmap_source_t certmap_source_t;

/**
 * How a kind of source answers. lookup may be called by any thread at any time; what it returns lives in p. It returns
 * APR_SUCCESS (also when there is nothing), or an error with *why in words: the source could not be asked, and the
 * request is answered 503. generation changes whenever an answer might.
 */
typedef struct certmap_source_vtable_t {
    const char *name; /**< "file", "store" */
    apr_status_t (*lookup)(certmap_source_t *source, const certmap_cert_t *cert, certmap_lookup_t *found,
                           const char **why, apr_pool_t *p);
    apr_uint64_t (*generation)(certmap_source_t *source);
} certmap_source_vtable_t;

/** A source of one-to-one mappings. Providers put it first in a struct of their own. */
struct certmap_source_t {
    const certmap_source_vtable_t *vtable;
    const char *name; /**< as configured, for logs and notes: "file /etc/x.map" */
};

/**
 * Sources and rulesets in the order in which they are asked: outer first. Deny entries of all sources come first, then
 * the sources' allow entries, then the rules.
 */
typedef struct certmap_list_t {
    const struct certmap_list_t *outer; /**< asked before, or NULL */
    const certmap_ruleset_t *rules;     /**< or NULL */
    struct certmap_source_t *source;    /**< or NULL */
} certmap_list_t;

/** How many rules a list holds, outer ones included. list may be NULL. */
apr_size_t certmap_list_count(const certmap_list_t *list);

#ifdef __cplusplus
}
#endif
#endif
