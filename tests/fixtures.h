/* SPDX-License-Identifier: BSD-3-Clause
 * fixtures.h - tiny data sets in every format, whole and damaged, for the tests. */
#ifndef TESTS_FIXTURES_H
#define TESTS_FIXTURES_H
#include <stddef.h>
#include <stdint.h>

/* Writes them all below an existing folder; 0, or -1 where a file cannot be written:
 *   idx/     x-TT, y-TT: 7 images and labels of type TT, rank 3 (5 x 4); x-r2, x-r4; xt, yt: 3 for
 *            testing; x.gz, y.gz; and what is damaged: bad-*
 *   cifar10/ cifar100/   3 records in each file; cifar10-*: damaged
 *   images/train images/test: a/ and b/ with PNG and JPEG files; images-*: damaged */
int fixtures_write(const char *folder);

/* Pixel i of an image of the IDX and CIFAR files: irregular, and different in each file. */
uint8_t fixture_byte(unsigned file, size_t i);
#endif
