/* SPDX-License-Identifier: BSD-3-Clause
 * noise.h - what corrupts samples: once, on a split, or afresh on each batch. Chained in file
 * order. */
#ifndef RADEMACHER_NOISE_H
#define RADEMACHER_NOISE_H
#include <rademacher/data.h>

/* rad_noise_ops.flags */
enum {
  RAD_WANT_F32 = 1,       /* part->x is float in natural units, whatever the data set stores */
  RAD_WANT_SOFT = 2,      /* part->y is float (n,T), whatever the data set stores */
  RAD_CHANGES_INPUTS = 4, /* split changes x: called for the samples of each batch, y is NULL;
                           * default of the common key `splits`: train, val, test */
  RAD_CHANGES_TARGETS = 8 /* split changes y, weight: called once before training, x is NULL;
                           * default of `splits`: train */
};
typedef struct rad_noise_ops {
  uint32_t size, flags;
  /* Optional: tables that all parts share (a permutation), by host->alloc or tensor. [main] */
  rad_status (*plan)(rad_ctx *, void *self, const rad_facts *);
  /* Changes a private copy: a pure function of (seed, keys, part->split, part->id[i]). Train and
   * val share their draws' addresses, test has its own. The core finds the changed labels by
   * comparison. Needs one of RAD_CHANGES_*. At least one of split and batch. [worker] */
  rad_status (*split)(rad_ctx *, const void *self, rad_part *);
  /* Changes x, target, weight of training batches after gathering: a pure function of (seed, keys,
   * when, id). [worker] */
  rad_status (*batch)(rad_ctx *, const void *self, rad_batch *);
} rad_noise_ops;
#endif
