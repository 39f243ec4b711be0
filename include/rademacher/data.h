/* SPDX-License-Identifier: BSD-3-Clause
 * data.h - samples at rest (facts, parts) and samples in motion (batches). */
#ifndef RADEMACHER_DATA_H
#define RADEMACHER_DATA_H
#include <rademacher/abi.h>

enum { RAD_TRAIN = 0, RAD_VAL, RAD_TEST, RAD_NSPLIT = 4 };
/* how targets are stored, T = facts.ntarget */
enum rad_target {
  RAD_CLASS = 1, /* int32 (n): 0..T-1, -1 = unlabelled (its weight is 0) */
  RAD_MULTI,     /* uint8 (n,T): 0 or 1, several may be 1 */
  RAD_SOFT,      /* float (n,T): a distribution */
  RAD_REAL       /* float (n,T): regression */
};
typedef struct rad_facts { /* what is known of a data set before its samples are read */
  rad_shape sample;        /* of one sample, at most rank 5 */
  uint32_t type;           /* of x in memory: RAD_U8 or RAD_F32 */
  uint32_t target;         /* rad_target */
  size_t ntarget;          /* T: classes, or numbers per sample */
  uint64_t n[RAD_NSPLIT];
  float scale;               /* x * scale is in the natural unit (1/255 for pixels) */
  const char *const *labels; /* (T) or NULL */
  const float *mean, *std;   /* (C) over train, last axis, in natural units, before any noise;
                              * NULL until the data are read */
  uint64_t own[RAD_NSPLIT];  /* sizes of the data set's own train and test splits, which ids count
                              * in; `n` is what `limit` and the cut of `val` leave. Set for noise
                              * and later, not in open. Since minor 1. */
} rad_facts;

typedef struct rad_part { /* some samples of a split, as stored */
  const rad_facts *facts;
  uint32_t split; /* RAD_TRAIN, RAD_VAL (cut from train by the core) or RAD_TEST */
  size_t n;
  const uint64_t *id; /* (n) index in the data set's own train or test split: the address of random
                       * draws, which neither `limit` nor the cut of `val` changes */
  void *x;            /* (n,sample) of facts.type; NULL where only targets are wanted */
  void *y;            /* as facts.target says; NULL where only inputs are wanted */
  float *weight;      /* (n), all 1 unless changed; NULL where there is no y */
} rad_part;

typedef struct rad_when {
  uint64_t epoch, step;   /* from 0; step counts over the whole training */
  uint64_t nepoch, nstep; /* planned epochs; steps per epoch */
} rad_when;

/* Samples first .. first+n-1 of a batch of `total`. */
typedef struct rad_batch {
  rad_when when;
  const rad_facts *facts;
  size_t n, first, total;
  const uint64_t *id;  /* (n) as in rad_part: the address of random draws */
  const uint64_t *row; /* (n) index in the source, 0..N-1: where per-sample state is kept */
  float *x;            /* (n,sample) scaled */
  float *target; /* (n,T) always dense: one-hot, distribution, values or a teacher's outputs */
  const int32_t *label; /* (n) as given to the training, before mixing; NULL unless RAD_CLASS */
  const int32_t *truth; /* (n) label before noise: differs where it was corrupted; else NULL */
  float *weight;        /* (n) factor of each sample's loss */
  float *y, *dy; /* (n,out) the network's output; gradient of the batch's loss; NULL before */
  float *dx;     /* (n,sample) where a pass was asked for input gradients, else NULL */
  double *loss;  /* (n) loss of each sample, before `weight`; NULL before the forward pass */
} rad_batch;
#endif
