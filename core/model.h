/* SPDX-License-Identifier: BSD-3-Clause
 * model.h - a network: layers in order of evaluation, all tensors in flat aligned arrays, forward
 * and backward over a batch. Knows no loss, no optimizer, no data.
 *
 * How several threads share a batch, with the same bits for any number of them. A batch has at most
 * SHARDS shards, runs of whole pieces of PIECE samples; where they are depends on the batch alone.
 * Each worker takes some shards through the whole network and back, layer by layer, without waiting
 * for the others; it waits only where a layer wants sums over the batch, which are taken in piece
 * order. Gradients of the tensors come in one of two ways:
 *   RAD_CUT_OUTPUT   after all are back: slices of rows of the tensor, over the whole batch, to
 *                    whoever is free (dense layers: large tensors, no copies)
 *   else             on the way back, by shard, each into its own array; added in shard order
 *                    (convolutions: small tensors, and the samples are still in the cache) */
#ifndef CORE_MODEL_H
#define CORE_MODEL_H
#include "team.h"

enum { PIECE = 16, CALL = 64, SHARDS = 8, MAX_INPUTS = 16 };

typedef struct param { /* one tensor of a layer */
  rad_param pub;       /* first: a rad_param * of the core is a param * */
  const declared *decl;
  const struct node *node; /* its layer */
  struct model *model;
  size_t offset;       /* of its value in the model's flat array */
  size_t grad_offset;  /* of its gradient */
  size_t shard_offset; /* of its gradient in a shard's array */
  bool trained;        /* not a buffer and not frozen */
  bool plain;          /* somebody wants it as declared, whatever the backend would like */
  bool whole;          /* its optimizer wants it in one call */
  size_t count;        /* elements that are not masked */
  size_t shadow;       /* bytes */
} param;

typedef struct node { /* one layer */
  rad_node pub;       /* first */
  instance *layer;
  const rad_layer_ops *ops;
  rad_plan plan;
  rad_shape in[MAX_INPUTS];
  uint32_t from[MAX_INPUTS];
  bool again[MAX_INPUTS]; /* backward: another reader of that input has left a share before */
  bool inserted;          /* by a regularizer: not there outside training */
  bool absorbed;          /* its function is applied by the layer before, whose buffers it shares */
  struct node *act;       /* the layer whose function this one applies, or NULL */
  bool alias;             /* y is the input's: a view, or absorbed */
  bool sharded;           /* its gradients come by shard */
  bool joined;            /* they came with dx in the last pass back */
  uint32_t readers;       /* how many layers read it */
  bool wants_dx;          /* something before it is trained */
  size_t width;           /* elements of one sample's output */
  float *y, *dy;          /* (batch, width) */
  size_t near_y, near_dy; /* 0, or it lives only within a step: (nworkers, near, width) */
  uint8_t *cache;         /* (batch, plan.cache) */
  double *fsum, *bsum;    /* (plan.nsum) totals over the batch */
  rad_param **param;      /* (pub.nparam) */
  rad_param **of[SHARDS]; /* (pub.nparam) the same with a shard's gradients, where sharded */
} node;

typedef struct stage {  /* a run of layers that a worker takes `rows` samples at a time through */
  uint32_t first, last; /* nodes first .. last-1 */
  size_t rows;          /* 0: all that the worker has */
  bool sums;            /* totals come before: forward of node `first`, backward of node last-1 */
} stage;

typedef struct portion { /* of gradients: what one worker computes in one go */
  node *node;
  uint32_t from, to; /* tensors from .. to-1 of the layer */
  size_t lo, hi;     /* rows of axis 0 */
} portion;

typedef struct model {
  rad_model pub; /* first */
  env *env;
  const config *config; /* of the arm, blocks expanded */
  void *owner;          /* the trainer of a network beside the arm's, else NULL */
  node *node;           /* (capacity), pub.nnode of them used */
  size_t capacity;
  param *param; /* (pub.nparam) */
  instance *backend;
  rad_math math;     /* the backend's, gaps filled with refusals */
  bool masked;       /* what is not there is masked, never left out of a tensor: masks may change */
  size_t batch;      /* rows that the buffers hold */
  uint32_t nworkers; /* most that will share a batch */
  team *alone;       /* of one: for passes of a single thread */
  float *value;      /* (nvalue) all float tensors */
  float *grad;       /* (ngrad) */
  size_t nvalue, ngrad;
  float *spare; /* (nspare, batch, widest) second shares of gradients, by input */
  size_t nspare, widest;
  float *shard; /* (SHARDS, nshard) gradients by shard */
  size_t nshard;
  rad_param *shard_param; /* (SHARDS, pub.nparam) */
  double *part;           /* (pieces, most sums) of one layer */
  size_t most_sums;
  stage *forward, *backward; /* backward: in order of evaluation too, taken from the end */
  size_t nforward, nbackward;
  portion *portion; /* (nportion) */
  size_t nportion;
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
 * for tensors yet. sample NULL: one without layers, for a fit that predicts by itself. */
rad_status model_plan(model **, env *, const config *arm, const rad_shape *sample,
                      const model_hook *, size_t nhooks);
/* Draws masks, lets the backend choose layouts and plans the work of at most `nworkers` threads:
 * after `plain` has been set where it must be. */
rad_status model_layout(model *, uint32_t nworkers);
/* Allocates tensors and buffers for batches of at most `batch` samples; model_layout first. */
rad_status model_alloc(model *, size_t batch);
/* Initial weights by the common key `init` and the env's seed; everything else to its fill. */
rad_status model_init(model *);
void model_free(model *);
/* Bytes that model_alloc takes for a batch size. */
bool model_bytes(const model *, size_t batch, size_t *bytes);

/* --- a pass --- */
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
/* By the calling thread alone, all rows. */
rad_status model_forward(model *, const model_pass *);
/* From the gradient in model_dy(m), after model_forward with the same pass. Gradients:
 * grad = keep * grad + (param.pub.keep). */
rad_status model_backward(model *, const model_pass *);
const float *model_y(const model *); /* (n,out) of the last layer, after model_forward */
float *model_dy(const model *);      /* (n,out) to be filled before model_backward */

/* By a team: pass_begin by one, then the others by every member, in this order, its number last.
 * forward and backward leave a member's own rows complete; between backward and gradients all must
 * have waited. Failures go to the team. */
void pass_begin(model *, const model_pass *);
void pass_rows(const model *, size_t n, const team *, uint32_t member, size_t *from, size_t *to);
void pass_forward(model *, const model_pass *, team *, uint32_t member);
void pass_backward(model *, const model_pass *, team *, uint32_t member);
/* Rows of one of a portion's tensors. */
void portion_rows(const portion *, const param *, size_t *lo, size_t *hi);
/* What is done with a portion once its gradients are there: number k of model.portion. */
typedef rad_status portion_task(void *with, size_t k, uint32_t member);
/* gradients false: they are there already. task may be NULL. */
void pass_portions(model *, const model_pass *, bool gradients, team *, uint32_t member,
                   portion_task *, void *with);

/* --- tensors in their layouts (layout.c) --- */
/* Elements of a tensor before row r of axis 0; r is a multiple of pub.rows, or all of them. */
size_t param_row(const param *, size_t r);
size_t param_rows(const param *); /* of axis 0; 1 for a scalar */
/* Between the declared order (decl->count, zeros where masked) and the stored one (pub.n). */
rad_status param_store(const model *, const param *, const float *plain, float *stored);
rad_status param_load(const model *, const param *, const float *stored, float *plain);
/* 1 where there is a weight, in the declared order. */
rad_status param_mask(const model *, const param *, float *active);
/* What products and the backend derive from rows lo .. hi-1, after these have changed. */
rad_status param_renew(const model *, const param *, size_t lo, size_t hi, uint32_t member);
rad_status model_shadows(const model *); /* the same of all tensors */
/* In files axes stand in the order (out, in, h, w): is that another one, which shape is it, and
 * from the declared order to it, or back. */
bool file_is_other(const param *);
rad_shape file_shape(const param *);
void file_order(const param *, bool back, float *plain, float *file);
/* From how it is stored to how files hold it (decl->count), and back. */
rad_status param_to_file(const model *, const param *, const float *stored, float *file);
rad_status param_from_file(const model *, const param *, const float *file, float *stored);

/* network.c: calls a layer's plan with its `in` and checks what it answered; what plugins see. */
rad_status node_plan(model *, node *);
void node_publish(node *, const char *name);
/* fuse.c: which layers work in one pass, and share buffers. */
rad_status fuse_layers(model *);

/* stages.c */
rad_status stages_plan(model *); /* after layouts are known */
size_t shard_count(const model *, size_t n);
size_t shard_first(const model *, size_t n, size_t k); /* k = count: n */

/* mask.c: masks or patterns of the layers with a density. */
rad_status masks_draw(model *);
/* Another mask: active (decl->count) in the declared order, 0 where there is no weight; values
 * there become 0. Of models that are `masked`. */
rad_status param_set_mask(model *, param *, const float *active);

/* Multiply-adds x 2 of one sample, forward and backward, counted by running the layers on
 * arithmetic that only counts. layer (nnode), or NULL: what of the first is each layer's. */
rad_status model_flop(model *, double *forward, double *backward, double *layer);
size_t model_parameters(const model *);            /* trained ones with biases and scales */
size_t model_active_weights(const model *);        /* of role weight, not masked */
void math_fill(rad_math *, const plugin *backend); /* gaps filled with refusals */
/* Adds to ((instance *)ctx)->owner, a double *, or refuses what the backend lacks. */
rad_math math_counting(const plugin *backend);
#endif
