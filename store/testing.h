/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file store/testing.h
 * @brief What tests see of store/ in addition to its public header.
 */
#ifndef CERTMAP_STORE_TESTING_H
#define CERTMAP_STORE_TESTING_H

#include "store/internal.h"

#endif
