/* SPDX-License-Identifier: BSD-3-Clause
 * source.h - what source.c, cut.c and targets.c share. */
#ifndef CORE_SOURCE_H
#define CORE_SOURCE_H
#include "data.h"

/* Sizes of the pool's splits by its keys `limit`, `val` and `subset`, into pool.facts.n. */
rad_status cut_sizes(pool *, env *);
/* The ids of one pool's train, val, test and rest, by its sizes; `subset` by the job's seed. */
rad_status cut_ids(rad_source *const v[RAD_NSPLIT], uint64_t data_seed);

/* A stored target as T numbers; of a class, which `label` gives (-1: none), one-hot. */
void target_dense(const rad_source *, uint64_t row, int32_t label, float *out);
/* Labels as stored; label and truth are one array until a noise changes them. */
rad_status targets_read(rad_source *);
/* One noise of the chain changes the targets. */
rad_status targets_change(rad_source *, instance *noise);
void targets_count(rad_source *); /* into source.changed */

/* pool.stored and pool.noisy, when scale, shift and noise_facts are known. */
rad_status batch_scales(pool *, arena *);
#endif
