/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file engine/entries/testing.h
 * @brief What tests, fuzzers and benchmarks see of entries/ in addition to its public header.
 */
#ifndef CERTMAP_ENTRIES_TESTING_H
#define CERTMAP_ENTRIES_TESTING_H

#include "entries/internal.h"

#endif
