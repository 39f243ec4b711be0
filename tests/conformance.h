/* SPDX-License-Identifier: BSD-3-Clause
 * conformance.h - what the conformance tests share. Every plugin that is found is held to the
 * contract of its kind, once with its defaults and once more for each key with another value. */
#ifndef TESTS_CONFORMANCE_H
#define TESTS_CONFORMANCE_H
#include "host.h"
#include <check.h>

/* --- plugins under test --- */
size_t under_test(uint32_t kind); /* how many there are */
const plugin *nth_plugin(uint32_t kind, size_t i);
const plugin *named_plugin(uint32_t kind, const char *name); /* or NULL */
/* Of a plugin: 1 + number of keys. Variant 0 has the defaults, variant k + 1 another value of key
 * k. Required keys always get a value. */
size_t variants(const plugin *);

/* --- a test's world --- */
typedef struct bench {
  env env;
  diag diag;
  arena mem;
  instance *made[64]; /* freed by bench_close */
  size_t nmade;
} bench;
void bench_open(bench *, uint64_t seed);
void bench_close(bench *);
/* NULL: there is no such variant, or init refuses it with a message. */
instance *bench_variant(bench *, const plugin *, size_t variant);
/* keys: "rate=0.3 convention=wrong"; failing is an error of the test. */
instance *bench_make(bench *, uint32_t kind, const char *name, const char *keys);
/* Gaps filled from reference; NULL: refused with a message. */
instance *bench_backend(bench *, const plugin *, const char *keys, rad_math *);
void bench_math(bench *, instance *);       /* connects it to the reference's arithmetic */
void *room(bench *, size_t n, size_t size); /* zeroed, until bench_close */
/* Numbers off any lattice, none closer to 0 than `gap`, from the address `stream`. */
float *numbers(bench *, uint32_t stream, size_t n, float gap);
/* of the nonzeros of w (rows,cols) */
rad_pattern *pattern_of(bench *, const float *w, size_t rows, size_t cols);
const char *label_of(bench *, const plugin *, size_t variant); /* "layer elu, alpha changed" */

/* A backend in a world of its own. Way 0 .. backend_ways()-1: every backend with its defaults, then
 * with each choice of each key; false: this machine has no such instructions, which is said. */
typedef struct math_rig {
  bench b;
  rad_math math;
  instance *i;
} math_rig;
size_t backend_ways(void);
bool math_open(math_rig *, int way);

/* Largest |a - b| / max(1, |b|); infinite where one is NaN and the other is not. */
double distance(const float *a, const float *b, size_t n);
bool same_bits(const void *a, const void *b, size_t bytes);
/* dL/dx by central differences of fourth order, step 1/32: exact for cubic functions. */
typedef double function(void *with);
double derivative(function *, void *with, float *x);

/* --- a fake laboratory (lab_stub.c) --- */
typedef struct lab_stub {
  double value;     /* of every metric but "none", which does not exist */
  char name[8][32]; /* of the metrics reported, with their values */
  double metric[8];
  size_t nmetric;
  float vector[64];
  size_t nvector;           /* of the last vector reported */
  const rad_model *trained; /* the last model trained */
  size_t ntrained;
} lab_stub;
void lab_stub_connect(lab_stub *, instance *); /* sets ctx.lab; the stub is the instance's owner */
double lab_stub_metric(const lab_stub *, const char *name); /* NaN: not reported */

TCase *table_cases(void);
TCase *layer_cases(void);
TCase *loss_cases(void);
TCase *course_cases(void); /* optimizers, schedules */
TCase *hook_cases(void);   /* regularizers, measures, fits */
TCase *data_cases(void);   /* data sets, noise */
TCase *search_cases(void);
TCase *backend_cases(void);
TCase *conv_cases(void);
TCase *pool_cases(void);
TCase *packed_cases(void); /* backends with layouts of their own */
TCase *image_cases(void);  /* known numbers, refusals, noise of images */
TCase *sparse_cases(void); /* backends with sparse products of their own */
#endif
