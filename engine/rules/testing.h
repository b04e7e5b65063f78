/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file engine/rules/testing.h
 * @brief What tests, fuzzers and benchmarks see of rules/ in addition to its public header.
 */
#ifndef CERTMAP_RULES_TESTING_H
#define CERTMAP_RULES_TESTING_H

#include "base/testing.h"
#include "rules/compare.h"
#include "rules/ruleset.h"
#include "rules/template.h"

#endif
