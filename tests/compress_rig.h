/* SPDX-License-Identifier: BSD-3-Clause
 * compress_rig.h - one job with a compressor, on generated data: run, stopped, and what it leaves.
 */
#ifndef TESTS_COMPRESS_RIG_H
#define TESTS_COMPRESS_RIG_H
#include "arm.h"
#include "safetensors.h"
#include <jansson.h>

extern diag g;
extern config trial;
extern volatile int stop; /* 1: each call of run ends with its first step or round */

void rig_setup(void); /* 3 classes of 5 features, 63 + 7 + 20 samples, dense 8, elu, dense 3 */
void rig_teardown(void);
void set(const char *key, const char *value);
void sets(const char *const (*keys)[2], size_t n);
rad_status run(const char *dir); /* in an emptied folder unless `stop` */
void empty(const char *dir);
void run_stopped(const char *dir, int least); /* started again until it is done */
json_t *result(const char *dir);
double last(const char *dir, const char *name); /* a metric; NaN: not there */
/* The same metrics, lines of metrics.jsonl, and files named `file` in both; seconds left out. */
void same_job(const char *a, const char *b, const char *file);
void open_tensors(st_file *, const char *dir, const char *file);
/* Values of metric `name` in metrics.jsonl, in order; how many. */
size_t course(const char *dir, const char *name, double *v, size_t most);
#endif
