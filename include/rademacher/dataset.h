/* SPDX-License-Identifier: BSD-3-Clause
 * dataset.h - where samples come from. Scaling, cropping, cutting `val`: common keys, core. */
#ifndef RADEMACHER_DATASET_H
#define RADEMACHER_DATASET_H
#include <rademacher/data.h>

typedef struct rad_dataset_ops {
  uint32_t size;
  /* Fills in facts: reads headers (host->read), checks sizes, keeps pointers in self. Where an arm,
   * axis or override has replaced the data set, facts are those of the replaced one (rank > 0), and
   * generated data take shape, classes and split sizes from there. [main] */
  rad_status (*open)(rad_ctx *, void *self, rad_facts *);
  /* Fills part->x and part->y (both there; split is RAD_TRAIN or RAD_TEST; ids ascend): a pure
   * function of (seed, keys, split, id), so that any number of workers may read parts in any order.
   * A label outside 0..T-1 is an error. [worker] */
  rad_status (*read)(rad_ctx *, const void *self, rad_part *);
} rad_dataset_ops;
#endif
