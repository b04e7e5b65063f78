/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file engine/base/testing.h
 * @brief What tests and fuzzers see of base/ in addition to its public header.
 */
#ifndef CERTMAP_BASE_TESTING_H
#define CERTMAP_BASE_TESTING_H

#include "base/internal.h"
#include "base/limits.h"

#endif
