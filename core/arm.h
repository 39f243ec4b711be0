/* SPDX-License-Identifier: BSD-3-Clause
 * arm.h - one job: trains one arm of one trial with one seed, in its folder. Everything that the
 * study learns of it, it reads there:
 *   metrics.jsonl      a line per evaluated epoch: {"epoch": 3, "seconds": 1.2, "metrics":
 *                      {"train.loss": 0.31, ...}}; on resume cut back to the checkpoint's epoch
 *   last.safetensors   the checkpoint, best.safetensors what a regularizer marked as best
 *   vectors.safetensors   what measures tell per sample
 *   samples.safetensors  a few training images as they go into the network
 *   paused.json        stopped at a rung: as result.json, "state": "paused"; the later one counts
 *   result.json        written last: {"state": "complete|diverged|failed", "reason", "epochs",
 *                      "seconds", "peak_bytes", "metrics": {"train.loss": {"last", "max", "min"}},
 *                      "files": [{"path", "sha256", "bytes"}], "fingerprint"} */
#ifndef CORE_ARM_H
#define CORE_ARM_H
#include "data.h"

typedef struct arm_job {
  const config *trial; /* one trial's configuration, with its [arm] sections */
  const char *arm;
  uint64_t seed;
  const char *dir;   /* the job's folder, exists */
  const char *cache; /* folder of decoded data sets, or NULL */
  uint64_t until;    /* stop after this epoch with a checkpoint and paused.json; 0: never */
  double share;      /* of the training samples; 0 and 1: all */
  bool accept_numeric_change;
  bool samples; /* leave samples.safetensors, where this is the first seed */
} arm_job;
/* Trains, or goes on from last.safetensors. RAD_OK: result.json is there (also diverged, and failed
 * with the reason). RAD_ECANCEL: stopped by a signal or at a rung, after a checkpoint. Other: an
 * error that is no result (input or output), with the message in the diag. */
rad_status arm_run(env *, const arm_job *);

typedef struct arm_plan { /* what `check` and constraints want to know, without any sample */
  size_t parameters, active_weights;
  double flop_forward, flop_backward; /* per image: 2 per multiply-add */
  double flop_fit;                    /* in all, of a fit that predicts by itself */
  double flop_rounds;                 /* in all, of rounds of compressors, at most */
  bool predicts;                      /* it does; what it takes may not be known: 0 */
  size_t shared_bytes, own_bytes;     /* decoded data; all else that the job allocates */
  uint64_t ntrain, nval, ntest, nrest;
  uint64_t epochs, evaluate; /* at most so many; evaluated at each so many */
} arm_plan;
/* Builds the network of an arm; prints its table (layers, shapes, parameters, FLOP) into `table`
 * unless NULL. */
rad_status arm_inspect(env *, const config *trial, const char *arm, arm_plan *, text *table);
/* The most memory that this process has had, shared data included; 0: not known. */
uint64_t arm_peak_bytes(void);
/* backend, its identity, libm, compiler: two equal fingerprints give equal bits. */
rad_status arm_fingerprint(env *, const config *trial, const char *arm, text *out);
#endif
