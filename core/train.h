/* SPDX-License-Identifier: BSD-3-Clause
 * train.h - one training: data, network, loss, optimizers, schedule, hooks, metrics; the step loop
 * and what survives a kill. */
#ifndef CORE_TRAIN_H
#define CORE_TRAIN_H
#include "data.h"
#include "model.h"
#include "vectors.h"

enum { MAX_SLOTS = 16 };

typedef struct group { /* an [optimizer] and the tensors it updates */
  instance *optimizer;
  rad_opt_plan plan;
} group;
typedef struct update { /* of one tensor */
  group *group;         /* NULL: not trained */
  float **slot;         /* (group->plan.nslot) (n) */
} update;
typedef struct hook { /* a measure or a regularizer */
  instance *instance;
  const rad_hooks *ops;
  const hook_keys *keys;
  bool measure;
} hook;
typedef struct metric {
  const char *name;      /* "train.loss" */
  double last, max, min; /* max and min over the epochs from 1; NaN: no value */
  bool fresh;            /* since the last line of metrics.jsonl */
} metric;

typedef struct compressor { /* a chain of rounds behind the training */
  instance *instance;
  const compressor_keys *keys;
} compressor;
/* A trainer of a job has the network that the arm trains. Beside it compressors have others, each
 * with a trainer of its own that shares data, team, log and folder with the job's (`parent`):
 *   PART_NETWORK    is measured by those measures that look at splits; never trained
 *   PART_TRAINING   trains a copy of a network by regularizers, optimizers and the loss */
enum role { PART_JOB, PART_NETWORK, PART_TRAINING };
struct st_file;
typedef struct tally { /* over a split */
  double n, loss, right;
  double square, *sum; /* of the targets: all squares; (T) sums */
} tally;

typedef struct trainer {
  env *env;
  enum role role;
  struct trainer *parent; /* the job's, or NULL */
  config own;             /* what config points to, where there is a parent */
  text sets;              /* PART_NETWORK: lines "key=value" by which it differs from the arm */
  const char *name;       /* PART_TRAINING: prefix of its metrics in the parent */
  const char *file;       /* the checkpoint's name in dir */
  rad_source *train;      /* what is trained on */
  rad_facts facts;        /* data->facts with as many training samples as `train` has */
  model *teacher;         /* its outputs are the targets; or NULL */
  tally tally;
  uint32_t *answer[RAD_NSPLIT]; /* PART_NETWORK: (n) the largest output of each sample */
  compressor *compressor;       /* (ncompressor) of the job */
  size_t ncompressor;
  struct trainer **made; /* (nmade) networks that this callback has derived */
  size_t nmade;
  const char *round;     /* prefix of files, "shrink.round-003", while a round runs, else NULL */
  uint32_t ncall;        /* calls of lab->train in this round */
  uint64_t round_epochs; /* of all trainings in this round */
  uint64_t lines;        /* the last number of a line of metrics.jsonl: epochs, then rounds */
  team *team;
  const config *config; /* of the arm, blocks expanded */
  const char *dir;      /* the job's folder; NULL: nothing is written */
  run_keys run;
  data *data;
  model *model;
  instance *loss, *schedule, *fit;
  group *group;
  size_t ngroup;
  update *update; /* (model->pub.nparam) */
  hook *hook;     /* (nhook) measures first, then regularizers, both in file order */
  size_t nhook;
  model_hook *insert; /* (ninsert) regularizers that insert layers */
  size_t ninsert;
  batch *batch, *eval;
  float *predicted; /* (rows of a batch, targets) by the fit itself; NULL: by the network */
  batch **pool;     /* (npool) batches that hooks have fetched; nused: in this call */
  size_t npool, nused;
  float *own_grad; /* (model->ngrad) for lab->gradient, or NULL */
  float *kept;     /* (model->nvalue) the values, while a hook has replaced some, or NULL */
  bool replaced;
  uint64_t *order; /* (train n) rows in this epoch's order */
  rad_when when;
  rad_lab lab;
  metric *metric;
  size_t nmetric;
  vectors vectors;
  const char *split; /* while it is being evaluated, else NULL */
  uint64_t epochs;   /* finished */
  float *best;       /* (model->nvalue) the marked copy, or NULL */
  bool marked, restore, stopped;
  uint64_t until; /* the epoch after which it pauses; 0: none */
  bool paused;
  bool steps;     /* some hook has a `step`: gradients are all there before anything is updated */
  bool batches;   /* some hook changes batches */
  double factor;  /* of the learning rate, in this step */
  double *share;  /* (model->nportion) of the penalty, by portion */
  bool penalized; /* some regularizer adds a penalty to the loss */
  double penalty; /* its value before the last step */
  bool diverged;
  char reason[160];
  double seconds; /* spent before this process, then in all */
  double started; /* of this process, monotonic */
  double saved;   /* when the last checkpoint was written */
  double flop;    /* of a sample's forward pass, once the training is over */
  const char *fingerprint;
  int log; /* metrics.jsonl, or -1 */
  arena mem;
} trainer;

/* One callback of a worker: its scratch memory is given back. */
#define WORKER_CALL(t, w, call)                                                                    \
  do {                                                                                             \
    const size_t mark_ = scratch_mark_of((t)->env, w);                                             \
    const rad_status s_ = (call);                                                                  \
    scratch_release_of((t)->env, w, mark_);                                                        \
    if (s_ < 0)                                                                                    \
      return s_;                                                                                   \
  } while (0)

/* One [serial] callback, with its scratch memory and fetched batches given back, and the values
 * that it has replaced; a failure is returned. */
#define CALLBACK(t, call)                                                                          \
  do {                                                                                             \
    const size_t mark_ = scratch_mark((t)->env);                                                   \
    (t)->nused = 0;                                                                                \
    const rad_status s_ = (call);                                                                  \
    scratch_release((t)->env, mark_);                                                              \
    const rad_status back_ = (t)->replaced ? lab_put_back(t) : RAD_OK;                             \
    if (s_ < 0 || back_ < 0)                                                                       \
      return s_ < 0 ? s_ : back_;                                                                  \
  } while (0)

/* Does the fit predict by itself? Then there is no network. */
bool fit_predicts(const trainer *);

/* setup.c: a trainer beside a job's; `own` is moved into it. */
rad_status trainer_part(trainer **, trainer *parent, enum role, config *own, rad_source *train);
/* setup.c: instances of everything that the arm names, planned; no memory for tensors yet, no
 * sample read where `inspect`. */
rad_status trainer_new(trainer **, env *, const config *arm, const char *cache, bool inspect);
rad_status trainer_alloc(trainer *); /* tensors, buffers, initial weights */
void trainer_free(trainer *);
size_t trainer_bytes(const trainer *); /* what trainer_alloc takes */
/* Of the network, or of the fit: trained ones; of role weight, not masked. */
size_t trainer_parameters(const trainer *);
size_t trainer_active_weights(const trainer *);

/* fit.c */
rad_status fit_run(trainer *); /* from the checkpoint on to the end */
/* What a fit that predicts by itself says that it takes; a refusal where that is more memory than
 * is free. */
rad_status fit_cost(trainer *, rad_cost *);
rad_status fit_memory(trainer *);
/* Outputs of rows from .. to-1 of a batch into b->y, which points to t->predicted. */
rad_status fit_predict(trainer *, const rad_batch *b, size_t from, size_t to, uint32_t worker);

/* train.c */
rad_status train_run(trainer *);
rad_status train_end_epoch(trainer *); /* evaluates, lets hooks decide, writes what is due */
void train_order(const trainer *, uint64_t epoch, uint64_t *order); /* a permutation of the rows */

/* evaluate.c */
rad_status evaluate(trainer *); /* all splits, inference mode; measures report */
rad_status loss_of_rows(trainer *, rad_batch *, size_t from, size_t to, float *dy, float scale,
                        uint32_t worker); /* dy: of the whole batch, or NULL */
/* Where a teacher's outputs are the targets: by each member for its rows, after teach_begin. */
void teach_begin(trainer *, const batch *);
void teach(trainer *, batch *, uint32_t member);
metric *metric_find(trainer *, const char *name);
rad_status metric_set(trainer *, const char *name, double value);
rad_status metrics_write(trainer *, uint64_t epoch); /* a line of metrics.jsonl */

/* lab.c */
extern const rad_lab lab_services;
rad_status lab_put_back(trainer *); /* values that a hook has replaced */

/* derive.c: rad_lab.derive and train of compressors, and what they have derived. */
rad_status network_derive(trainer *, const model *from, const rad_set *, size_t nset, origin,
                          trainer **);
rad_status network_train(trainer *, const rad_training *, const instance *who);
rad_status network_derive_lines(trainer *, const char *lines, trainer **); /* trainer.sets */
trainer *network_of(const trainer *, const rad_model *); /* among `made`; NULL: none of them */
void networks_free(trainer *, const trainer *except);    /* what the callback has derived */
/* Values and masks of one network into another of the same shapes. */
rad_status model_copy(model *to, const model *from);

/* compress.c: the chains of a finished arm. */
rad_status compress_run(trainer *);
/* The last line of metrics.jsonl that the rounds on disk know of, into t->lines. */
rad_status compress_lines(trainer *);
/* Operations that all rounds take together, about, at most, from those of a sample's passes. */
rad_status compress_flop(trainer *, double forward, double backward, double *flop);
rad_status compress_forget(const trainer *); /* removes what earlier rounds have left */
const char *compressor_name(const compressor *);

/* size.c: bits of what is left of a network after entropy coding. */
rad_status model_coded_bits(const model *, double *bits);
/* Numbers that there are: no masked ones. Buffers are some. */
double model_numbers(const model *);

/* checkpoint.c: everything that decides how the training goes on, in dir/last.safetensors. */
rad_status checkpoint_write(trainer *);
/* RAD_DONE: there is none. A damaged one is a warning, and the job starts from the beginning. */
rad_status checkpoint_read(trainer *, bool accept_numeric_change);
rad_status checkpoint_best(trainer *); /* dir/best.safetensors: the network's tensors alone */
/* A network, its masks and the job's metrics, with more metadata; and back, metrics into `job`. */
rad_status network_write(const trainer *network, const trainer *job, const char *path,
                         const char *const *key, const char *const *value, size_t n);
rad_status network_read(trainer *network, trainer *job, const struct st_file *, const char *path);

rad_status samples_write(trainer *, const char *dir); /* dir/samples.safetensors */

double clock_seconds(void); /* monotonic */
bool cancelled(const trainer *);
#endif
