/* SPDX-License-Identifier: BSD-3-Clause
 * spectral.h - the largest singular value of a matrix, by power iteration on W'W in double. It
 * comes from below; the relative error is that of r^2k with r the ratio of the two largest singular
 * values, k the iterations, less where `change` ends it. */
#ifndef MEASURE_SPECTRAL_H
#define MEASURE_SPECTRAL_H
#include <math.h>
#include <rademacher/measure.h>

enum { SPECTRAL_MOST = 1000 }; /* iterations */

/* Of the layers' tensors, those that are matrices: weights of (outputs, everything else). Filters
 * (out, h, w, in) count as (out, h w in); that is not the norm of the convolution. */
static inline bool is_matrix(const rad_param *p)
{
  return p->role == RAD_WEIGHT && p->shape.rank >= 2;
}

/* v = W' (W v) and |W v|^2; W (R,C), v and sum (C). */
static inline double spectral_step(const float *W, size_t R, size_t C, double *v, double *sum)
{
  double square = 0;
  for (size_t k = 0; k < C; k++)
    sum[k] = 0;
  for (size_t r = 0; r < R; r++) {
    const float *w = W + r * C;
    double u = 0;
    for (size_t k = 0; k < C; k++)
      u += (double)w[k] * v[k];
    for (size_t k = 0; k < C; k++)
      sum[k] += u * (double)w[k];
    square += u * u;
  }
  for (size_t k = 0; k < C; k++)
    v[k] = sum[k];
  return square;
}

/* Norm of v (C), which is scaled to 1; 0 stays 0. */
static inline double spectral_scale(double *v, size_t C)
{
  double square = 0;
  for (size_t k = 0; k < C; k++)
    square += v[k] * v[k];
  const double norm = sqrt(square);
  for (size_t k = 0; k < C && norm > 0; k++)
    v[k] /= norm;
  return norm;
}

/* W (R,C); room: 2 C doubles and C floats more. */
static inline double spectral_norm(rad_ctx *c, const float *W, size_t R, size_t C, double *room)
{
  const double change = 1e-11;
  double *v = room, *sum = room + C, norm = 0;
  float *z = (float *)(void *)(room + 2 * C);
  c->host->normal(c, &(rad_at){.stream = 1}, 0, C, z);
  for (size_t k = 0; k < C; k++)
    v[k] = (double)z[k];
  spectral_scale(v, C);
  for (size_t i = 0; i < SPECTRAL_MOST; i++) {
    const double before = norm;
    norm = sqrt(spectral_step(W, R, C, v, sum));
    if (!(spectral_scale(v, C) > 0) || fabs(norm - before) <= change * norm)
      break;
  }
  return norm;
}

/* Elements of the largest tensor of a model. */
static inline size_t largest_tensor(const rad_model *m)
{
  size_t most = 1;
  for (uint32_t i = 0; i < m->nparam; i++) {
    const size_t n = rad_count(&m->param[i]->shape);
    most = n > most ? n : most;
  }
  return most;
}

/* Room for the values of any tensor of the model, and for spectral_norm of it. */
static inline rad_status spectral_room(rad_ctx *c, const rad_model *m, float **W, double **room)
{
  const size_t n = largest_tensor(m);
  *W = c->host->scratch(c, n * sizeof **W);
  *room = c->host->scratch(c, n * (2 * sizeof **room + sizeof **W));
  return *W && *room ? RAD_OK : rad_fail(c, RAD_ENOMEM, "no memory for %zu weights", n);
}
#endif
