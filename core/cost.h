/* SPDX-License-Identifier: BSD-3-Clause
 * cost.h - what the trials of an experiment take, in floating-point operations. */
#ifndef CORE_COST_H
#define CORE_COST_H
#include "arm.h"
#include "experiment.h"

/* Both passes over the training samples and the evaluations of one arm and seed, at most; of a fit
 * that predicts by itself, that and one evaluation. Rounds of compressors: arm_plan.flop_rounds. */
double cost_training(const arm_plan *);

typedef struct cost { /* of all arms of a trial, one seed */
  double mean, least, most;
  size_t n; /* trials that were drawn; 0: one stands for all */
} cost;
/* Draws trials from what is searched, the same ones every time, among those that the constraints on
 * the network alone let run. Changes nothing where nothing is searched, or none of them may run. */
rad_status cost_drawn(const experiment *, cost *);
#endif
