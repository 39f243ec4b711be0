/* SPDX-License-Identifier: BSD-3-Clause
 * exporter.h - what a job came to, as a file for other programs (`rademacher export`).
 * Version-locked. */
#ifndef RADEMACHER_EXPORTER_H
#define RADEMACHER_EXPORTER_H
#include <rademacher/layer.h>

/* rad_exporter_ops.wants */
enum { RAD_WANTS_WEIGHTS = 1, RAD_WANTS_VECTORS = 2, RAD_WANTS_GRAPH = 4 };

typedef struct rad_operation { /* an operator of the network in inference (layer.h: rad_op) */
  const char *type;            /* "Conv" */
  uint32_t nin, nattr;
  const char *const *in; /* [nin] names: the graph's input, outputs before it, constants */
  const char *out;
  const rad_attr *attr; /* (nattr) */
} rad_operation;
typedef struct rad_graph {
  const char *input, *output;
  rad_shape in, out; /* of one sample, images (C,H,W) */
  size_t noperation, nconstant;
  const rad_operation *const *operation; /* [noperation] in order of evaluation */
  const rad_array *const *constant;      /* [nconstant] weights and constants that they read */
} rad_graph;

typedef struct rad_export {
  const char *experiment, *arm;
  uint64_t trial, seed;
  size_t nweight, nvector;
  const rad_array *const *weight; /* [nweight] by name: "hidden.W", "fit.alpha"; at least one */
  const rad_array *const *vector; /* [nvector] by name: "train.margin" */
  const rad_graph *graph;         /* NULL unless wanted */
} rad_export;
typedef struct rad_exporter_ops {
  uint32_t size, wants; /* what is read at all; the rest is empty */
  /* Writes the file, from its start, by host->append with a NULL name. Where this fails no file is
   * left. [serial] */
  rad_status (*write)(rad_ctx *, const void *self, const rad_export *);
} rad_exporter_ops;
#endif
