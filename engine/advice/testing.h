/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file engine/advice/testing.h
 * @brief What tests see of advice/ in addition to its public header.
 */
#ifndef CERTMAP_ADVICE_TESTING_H
#define CERTMAP_ADVICE_TESTING_H

#include "advice/internal.h"

#endif
