/* SPDX-License-Identifier: BSD-3-Clause
 * measure_rig.h - measures on a real network whose weights and samples are known: what they report
 * is compared with numbers computed elsewhere. */
#ifndef TESTS_MEASURE_RIG_H
#define TESTS_MEASURE_RIG_H
#include "experiment.h"
#include "fs.h"
#include "train.h"
#include <check.h>

typedef struct measure_rig {
  diag diag;
  env env;
  config trial, arm;
  trainer *t;
} measure_rig;

/* 3 classes, 40 training, 9 test samples of data set `samples` (blobs: 4 features); layers h
 * (dense, 5 units), act (relu), out (dense, 3). */
void rig_begin(measure_rig *, const char *samples);
void rig_set(measure_rig *, const char *key, const char *value);
/* A trainer before its first step; its weights, biases and scales are rig_weight(0), rig_weight(1),
 * ... in the order of the model's tensors, as declared. */
void rig_open(measure_rig *);
float rig_weight(size_t i);
void rig_end(measure_rig *);
hook *rig_hook(const measure_rig *, const char *name); /* [measure NAME] */
/* The hook's `epoch` after `epochs` epochs; must succeed. */
void rig_epoch(measure_rig *, const char *name, uint64_t epochs);
/* A split's evaluation in two batches, then its end: outputs y (n,3), labels, the labels before
 * noise or NULL, losses. */
void rig_eval(measure_rig *, const char *name, const char *split, size_t n, const float *y,
              const int32_t *label, const int32_t *truth, const double *loss);
double rig_metric(const measure_rig *, const char *name); /* NaN: not reported */
const vector *rig_vector(const measure_rig *, const char *name);
/* The metric is this number, to a relative error of `most`. */
void rig_expect(const measure_rig *, const char *name, double value, double most);

/* The cases of measures_loss.c, measures_run.c, measures_study.c */
TCase *loss_measure_cases(void);
TCase *run_measure_cases(void);
TCase *study_measure_cases(void);
#endif
