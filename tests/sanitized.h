/* SPDX-License-Identifier: BSD-3-Clause
 * sanitized.h - is this built with AddressSanitizer? Then a test looks for wrong memory, ten times
 * as slowly: what is a statistic of many runs is left to the plain build. */
#ifndef TESTS_SANITIZED_H
#define TESTS_SANITIZED_H

#if defined __has_feature
#if __has_feature(address_sanitizer)
#define SANITIZED 1
#endif
#endif
#if !defined SANITIZED && defined __SANITIZE_ADDRESS__
#define SANITIZED 1
#endif
#ifndef SANITIZED
#define SANITIZED 0
#endif
#endif
