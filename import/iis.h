/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file import/iis.h
 * @brief What is read from IIS's XML before anything is made of it: sections with their attributes and the operations
 *        on their collections, in the order of the file. Private to import/iis*.c.
 */
#ifndef CERTMAP_IMPORT_IIS_H
#define CERTMAP_IMPORT_IIS_H

#include "import/out.h"

typedef enum iis_op_e {
    IIS_ADD_ONE, /**< oneToOneMappings/add */
    IIS_CLEAR_ONE,
    IIS_REMOVE_ONE,
    IIS_ADD_MANY, /**< manyToOneMappings/add */
    IIS_CLEAR_MANY,
    IIS_REMOVE_MANY,
    IIS_ADD_RULE, /**< manyToOneMappings/add/rules/add; belongs to the IIS_ADD_MANY before it */
    IIS_CLEAR_RULES,
    IIS_REMOVE_RULE
} iis_op_e;

/** An element of a collection. */
typedef struct iis_item_t {
    iis_op_e op;
    int line;
    int column;
    const char *const *attributes; /**< names and values in turns, NULL at the end; no value of a password */
    int doubtful;                  /**< line of what may have removed it; 0: nothing */
    apr_array_header_t *rules;     /**< IIS_ADD_MANY: of iis_item_t, IIS_ADD_RULE and what undoes it */
} iis_item_t;

/** An iisClientCertificateMappingAuthentication element. */
typedef struct iis_section_t {
    const char *location; /**< as <location path> has it; "" outside of one and for "." */
    int line;
    int column;
    const char *const *attributes;
    apr_array_header_t *items; /**< of iis_item_t *, in order */
} iis_section_t;

/** The value of an attribute, NULL when there is none. */
const char *certmap_iis_attribute(const char *const *attributes, const char *name);
/** Reads XML; faults go to out. @return array of iis_section_t *, in the order of the file */
apr_array_header_t *certmap_iis_read(certmap_str_t text, certmap_import_out_t *out, apr_pool_t *p);

#endif
