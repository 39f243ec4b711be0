/* SPDX-License-Identifier: BSD-3-Clause
 * model.h - a network: layers in order of evaluation, all tensors in flat aligned arrays, forward
 * and backward over a batch. Knows no loss, no optimizer, no data.
 *
 * A batch is cut into pieces of PIECE rows, whatever the number of threads; sums over the batch are
 * taken in piece order. */
#ifndef CORE_MODEL_H
#define CORE_MODEL_H
#include "host.h"

enum { PIECE = 128, MAX_INPUTS = 16 };

typedef struct param { /* one tensor of a layer */
  rad_param pub;       /* first: a rad_param * of the core is a param * */
  const declared *decl;
  size_t offset;      /* of its value in the model's flat array */
  size_t grad_offset; /* of its gradient */
  bool trained;       /* not a buffer and not frozen */
} param;

typedef struct node { /* one layer */
  rad_node pub;       /* first */
  instance *layer;
  const rad_layer_ops *ops;
  rad_plan plan;
  rad_shape in[MAX_INPUTS];
  uint32_t from[MAX_INPUTS];
  bool inserted;       /* by a regularizer: not there outside training */
  bool absorbed;       /* its function is applied by the layer before, whose buffers it shares */
  struct node *act;    /* the layer whose function this one applies, or NULL */
  bool alias;          /* y is the input's: a view, or absorbed */
  uint32_t readers;    /* how many layers read it */
  bool wants_dx;       /* something before it is trained */
  bool dy_written;     /* during backward: the gradient of its output has a first share */
  size_t width;        /* elements of one sample's output */
  float *y, *dy;       /* (batch, width) */
  uint8_t *cache;      /* (batch, plan.cache) */
  double *fsum, *bsum; /* (plan.nsum) totals over the batch */
  rad_param **param;   /* (pub.nparam) */
} node;

typedef struct model {
  rad_model pub; /* first */
  env *env;
  const config *config; /* of the arm, blocks expanded */
  node *node;           /* (capacity), pub.nnode of them used */
  size_t capacity;
  param *param; /* (pub.nparam) */
  instance *backend;
  rad_math math; /* the backend's, gaps filled with refusals */
  size_t batch;  /* rows that the buffers hold */
  float *value;  /* (nvalue) all float tensors */
  float *grad;   /* (ngrad) */
  size_t nvalue, ngrad;
  float *spare; /* (nspare, batch, widest) second shares of gradients, by input */
  size_t nspare, widest;
  double *flop;   /* where counting arithmetic adds up, or NULL */
  size_t bytes;   /* allocated in all */
  const float *x; /* during a pass: the batch (n,sample) */
  bool training;  /* of the last forward pass */
  arena mem;
} model;

typedef struct model_hook { /* a regularizer's layer, to be inserted behind layers of `apply` */
  instance *instance;
  const rad_layer_ops *ops;
  const char *apply;
} model_hook;

/* Plans the network of an arm for samples of a shape; all errors of layers are reported. No memory
 * for tensors yet. */
rad_status model_plan(model **, env *, const config *arm, const rad_shape *sample,
                      const model_hook *, size_t nhooks);
/* Allocates tensors and buffers for batches of at most `batch` samples. */
rad_status model_alloc(model *, size_t batch);
/* Initial weights by the common key `init` and the env's seed; everything else to its fill. */
rad_status model_init(model *);
void model_free(model *);
/* Bytes that model_alloc takes for a batch size. */
bool model_bytes(const model *, size_t batch, size_t *bytes);

typedef struct model_pass {
  rad_when when;
  bool training;      /* inserted layers, sums of the batch */
  bool settle;        /* running statistics are written */
  const float *x;     /* (n,sample) */
  size_t n;           /* rows */
  const uint64_t *id; /* (n) */
  bool grads;         /* backward: gradients of the tensors too */
  float *dx;          /* (n,sample) gradient of the input, or NULL */
} model_pass;
rad_status model_forward(model *, const model_pass *);
/* From the gradient in model_dy(m), after model_forward with the same pass. Gradients:
 * grad = keep * grad + (param.pub.keep). */
rad_status model_backward(model *, const model_pass *);
const float *model_y(const model *); /* (n,out) of the last layer, after model_forward */
float *model_dy(const model *);      /* (n,out) to be filled before model_backward */

/* Multiply-adds x 2 of one sample, forward and backward, counted by running the layers on
 * arithmetic that only counts. */
rad_status model_flop(model *, double *forward, double *backward);
size_t model_parameters(const model *);            /* trained ones with biases and scales */
size_t model_active_weights(const model *);        /* of role weight, not masked */
void math_fill(rad_math *, const plugin *backend); /* gaps filled with refusals */
rad_math math_counting(void); /* adds to ((instance *)ctx)->owner: a double *, or NULL */
#endif
