/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file import/out.h
 * @brief What importers share: the text that comes out grows here, line by line, and no line gets in that the engine
 *        does not read as it is meant. Private to import/.
 *
 * Words (conditions, options, keys, users) are handed over as they mean, without quotes; what is written is quoted as
 * the lexer reads it. Text of the original that goes into comments and messages may have any bytes in it.
 */
#ifndef CERTMAP_IMPORT_OUT_H
#define CERTMAP_IMPORT_OUT_H

#include "import/import.h"

typedef struct certmap_import_out_t certmap_import_out_t;

/** @param file the original's name, for errors and comments; NULL: none */
certmap_import_out_t *certmap_import_out_create(certmap_import_kind_e kind, const char *file, apr_pool_t *p);
/**
 * Reads the whole text back, as rules with unique names or as entries with unique keys, and fills in the result.
 * @return APR_SUCCESS; APR_EINVAL when certmap_import_error was called; APR_EGENERAL when the text does not read back
 */
apr_status_t certmap_import_finish(certmap_import_out_t *out, certmap_import_result_t *result);

/* ---- what is wrong with the original ------------------------------------------------------------------------- */

void certmap_import_error(certmap_import_out_t *out, int line, int column, const char *format, ...)
    __attribute__((format(printf, 4, 5)));
void certmap_import_warning(certmap_import_out_t *out, int line, int column, const char *format, ...)
    __attribute__((format(printf, 4, 5)));
/** Whether certmap_import_error was called. */
int certmap_import_failed(const certmap_import_out_t *out);

/* ---- what comes out ------------------------------------------------------------------------------------------ */

/** An empty line, unless there is one, or nothing, before it. */
void certmap_import_blank(certmap_import_out_t *out);
/** A comment; a newline in it begins another line of it. */
void certmap_import_comment(certmap_import_out_t *out, const char *format, ...) __attribute__((format(printf, 2, 3)));
/** A comment in the place of something: its line in the original, its text (cut when long) and why it is left out.
 *  Counts. */
void certmap_import_left_out(certmap_import_out_t *out, int line, certmap_str_t original, const char *format, ...)
    __attribute__((format(printf, 4, 5)));
/**
 * Writes a rule, and counts it.
 * @param name  what it should be called; characters that no name has become '-', a name given before gets a number
 * @param user  a template (certmap_import_user for literal text); NULL: a deny rule
 * @param words of const char *: conditions and options; a deny rule may have the word any among them, no other
 * @return NULL, or why the engine does not take this rule, for certmap_import_left_out; nothing is written then
 */
const char *certmap_import_rule(certmap_import_out_t *out, const char *name, const char *user,
                                const apr_array_header_t *words);
/**
 * Writes an entry, and counts it.
 * @param words of const char *: the key's words ("sha256:00...", or "dn:CN=a" and "CN=ca"), the user, options; a deny
 *              entry has "-" and "deny" instead of the user
 * @return NULL, or why the engine does not take this entry, or that its key has been written before; nothing is
 *         written then
 */
const char *certmap_import_entry(certmap_import_out_t *out, const apr_array_header_t *words);

/* ---- words and pieces of them -------------------------------------------------------------------------------- */

/** Text for comments and messages: UTF-8 in one line, everything else as \xHH; at most `most` bytes of the original,
 *  then "...". */
const char *certmap_import_shown(certmap_str_t text, apr_size_t most, apr_pool_t *p);
/** A user name as a template that gives just this. */
const char *certmap_import_user(const char *name, apr_pool_t *p);
/** A value after '=' that stands for exactly this text: '*', '?' and backslashes escaped. Not for names (DN) and
 *  hex. */
const char *certmap_import_literal(const char *text, apr_pool_t *p);
/** A regular expression that matches just this text, in its case. */
const char *certmap_import_regex(const char *text, apr_pool_t *p);
/**
 * Whether a name's text is what RFC 2253 has for it and nothing else, whatever writes it (OpenSSL, Java): attributes CN
 * L ST O OU C STREET DC UID in capitals, one to an RDN, values of printable ASCII without a character that is escaped.
 * @return NULL, or why it is not
 */
const char *certmap_import_plain_name(const char *text, apr_pool_t *p);
/** The next line of a text, without its end (LF or CRLF). @param pos offset, 0 at first  @return 0 at the end */
int certmap_import_line(certmap_str_t text, apr_size_t *pos, certmap_str_t *line);

#endif
