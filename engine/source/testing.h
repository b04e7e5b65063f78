/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file engine/source/testing.h
 * @brief What tests and fuzzers see of source/ in addition to its public header.
 */
#ifndef CERTMAP_SOURCE_TESTING_H
#define CERTMAP_SOURCE_TESTING_H

#include "source/sealed.h"
#include "source/slot.h"

#endif
