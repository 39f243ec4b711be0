/* SPDX-License-Identifier: BSD-3-Clause
 * conformance_rig.h - one layer with all that the core would give it, over a batch of N samples. */
#ifndef TESTS_CONFORMANCE_RIG_H
#define TESTS_CONFORMANCE_RIG_H
#include "conformance.h"

enum { N = 11, MOST = 8 }; /* samples; tensors */

typedef struct rig {
  bench *b;
  instance *i;
  const rad_layer_ops *ops;
  rad_plan plan;
  rad_shape in[2];
  rad_param param[MOST], *w[MOST];
  size_t nin, nparam, nx, ny, rows; /* elements per sample; rows of axis 0 to cut at */
  float *x[2], *y, *dy, *dx[2];
  uint64_t id[N];
  uint8_t *cache;
  double *fsum, *bsum, *part;
  const size_t *pieces;
  bool reverse;  /* pieces from the last to the first */
  bool evaluate; /* not a training: no totals of forward */
  uint32_t act;
  float act_alpha;
} rig;

extern const size_t rig_whole[], rig_cut[]; /* sizes of pieces, up to a 0 */

/* Plans r->i for inputs of a shape; false: the layer does not take it. */
bool rig_plan(rig *, const rad_shape *, size_t nin);
void rig_forward(rig *);
void rig_backward(rig *);
/* In one call for the whole batch, or in two slices of axis 0. */
void rig_gradient(rig *, bool slices);
void rig_joint(rig *); /* of all samples */
/* Buffers take in the sums of rig_forward. */
void rig_settle(rig *);
/* Over some samples at a time, each call adding to those before. */
void rig_shards(rig *);
void *rig_copy(rig *, const void *, size_t bytes);
#endif
