/* SPDX-License-Identifier: BSD-3-Clause
 * size.c - how much room a network takes: numbers that are not masked, and bits after entropy
 * coding. Of a tensor of n values, n0 of them 0, with m = n - n0 others of which d differ:
 *   n h(n0 / n) + min(32 m, m H + 32 d),
 * h the entropy of a yes or no (where the zeros are), H that of the others' distribution, in bits,
 * and 32 d for the table of values. Shannon 1948. */
#include "train.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

double model_numbers(const model *m)
{
  double n = 0;
  for (uint32_t i = 0; i < m->pub.nparam; i++)
    n += (double)m->param[i].count;
  return n;
}

static int by_bits(const void *a, const void *b)
{
  const uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
  return (x > y) - (x < y);
}

/* Bits per value of a sample of n in which one value comes k times, summed over k log2(n / k). */
static double term(double k, double n)
{
  return k > 0 ? k * log2(n / k) : 0;
}

static double coded(uint32_t *v, size_t n)
{
  size_t m = 0, distinct = 0;
  for (size_t i = 0; i < n; i++)
    if ((v[i] & 0x7fffffffu) != 0)
      v[m++] = v[i];
  qsort(v, m, sizeof *v, by_bits);
  double sum = 0;
  for (size_t i = 0, end; i < m; i = end, distinct++) {
    for (end = i + 1; end < m && v[end] == v[i];)
      end++;
    sum += term((double)(end - i), (double)m);
  }
  const double all = (double)n, some = (double)m;
  return term(some, all) + term(all - some, all) + fmin(32.0 * some, sum + 32.0 * (double)distinct);
}

rad_status model_coded_bits(const model *m, double *bits)
{
  *bits = 0;
  for (uint32_t i = 0; i < m->pub.nparam; i++) {
    const param *p = &m->param[i];
    const size_t n = p->decl->count;
    float *plain = malloc(2 * n * sizeof *plain + 1);
    const rad_status s = plain ? param_load(m, p, p->pub.value, plain) : RAD_ENOMEM;
    if (s >= 0) {
      uint32_t *v = (uint32_t *)(void *)(plain + n);
      memcpy(v, plain, n * sizeof *v);
      *bits += coded(v, n);
    }
    free(plain);
    RAD_TRY(s);
  }
  return RAD_OK;
}
