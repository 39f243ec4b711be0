/* SPDX-License-Identifier: BSD-3-Clause
 * weights.h - the parameters of a network from a file, and the network as a job has left it. */
#ifndef CORE_WEIGHTS_H
#define CORE_WEIGHTS_H
#include "train.h"
#include <rademacher/exporter.h>

/* All tensors of a network from a safetensors file: of this program, or with the names of PyTorch
 * (LAYER.weight, bias, running_mean, running_var). Tensors that the network lacks are a warning,
 * those that the file lacks an error. Masked elements stay 0. Before model_alloc the file is
 * checked, and that is all. */
rad_status weights_read(model *, const char *path, diag *);
/* Those of [run] weights, where it names a file, which is then in the list of input files. */
rad_status weights_begin(trainer *);
/* The network of an arm (blocks expanded) with weights from a file; its buffers hold `rows`
 * samples. Of the data set only facts are read. trainer_free. */
rad_status network_open(trainer **, env *, const config *arm, const char *path, size_t rows);

/* graph.c: the network in inference, in operators of ONNX. An error for a layer without them. */
typedef struct graph { /* zero-initialised is empty */
  rad_graph pub;       /* first */
  const model *m;
  const rad_operation **operation; /* (pub.noperation) */
  const rad_array **constant;      /* (pub.nconstant) */
  size_t coperation, cconstant;
  arena mem;
} graph;
rad_status graph_make(graph *, const model *);
void graph_free(graph *);
#endif
