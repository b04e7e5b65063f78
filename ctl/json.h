/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file ctl/json.h
 * @brief JSON on standard output. It is UTF-8 and nothing else: bytes of a file's name that are not become U+FFFD.
 *        Without memory the command ends, so that nothing here returns NULL.
 */
#ifndef CTL_JSON_H
#define CTL_JSON_H

#include "ctl.h"

#include <jansson.h>

/** Of the documents of this command; it changes when a reader of the old ones would misunderstand the new ones. */
#define CTL_JSON_SCHEMA 1

/** Before anything is made: without memory the command ends. */
void ctl_json_begin(void);

/** One document, or an array of several. */
typedef struct ctl_documents_t ctl_documents_t;

ctl_documents_t *ctl_documents_begin(ctl_t *ctl, int several);
/** Adds one, and takes it over. Of several, each is written at once. */
void ctl_documents_add(ctl_documents_t *documents, json_t *document);
/** @return CTL_OK, or CTL_ERROR: it could not be written, which has been reported */
int ctl_documents_end(ctl_documents_t *documents);

/** NULL is null. */
json_t *ctl_json_text(const char *data);
json_t *ctl_json_texts(const char *const *list, apr_size_t n);
/** 0 is null. */
json_t *ctl_json_time(apr_time_t t, apr_pool_t *p);
/** {"file": ..., "line": ...}; NULL file is null. */
json_t *ctl_json_place(const char *file, int line);

#endif
