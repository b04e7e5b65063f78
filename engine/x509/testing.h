/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file engine/x509/testing.h
 * @brief What tests, fuzzers and benchmarks see of x509/ in addition to its public header.
 */
#ifndef CERTMAP_X509_TESTING_H
#define CERTMAP_X509_TESTING_H

#include "x509/internal.h"

#endif
