/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file import/kafka.h
 * @brief The two halves of the importer for Kafka: patterns that stand for a few texts, and all else. Private to
 *        import/kafka*.c.
 */
#ifndef CERTMAP_IMPORT_KAFKA_H
#define CERTMAP_IMPORT_KAFKA_H

#include "import/out.h"

/** Groups that a pattern may have. */
#define KAFKA_CAPTURES_MAX 9

/** A text that a pattern matches. */
typedef struct kafka_text_t {
    const char *text;
    int from[KAFKA_CAPTURES_MAX + 1]; /**< of each group, [0] unused; -1: it takes no part */
    int to[KAFKA_CAPTURES_MAX + 1];
} kafka_text_t;

/**
 * All texts that a Java regular expression matches as a whole, when they are few.
 * @param captures out: how many the pattern has
 * @param why    out: what keeps it from that
 * @return array of kafka_text_t, or NULL
 */
apr_array_header_t *certmap_kafka_texts(const char *pattern, int *captures, const char **why, apr_pool_t *p);
/** Whether a Java regular expression is certain not to match a text of printable ASCII. */
int certmap_kafka_excludes(const char *pattern, const char *text);

#endif
