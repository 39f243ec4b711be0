/* SPDX-License-Identifier: BSD-3-Clause
 * data.h - from files to batches: decoded data sets (store), splits of an arm after cut, limit and
 * noise (source), gathered and scaled samples (batch).
 *
 * Order: crop to the centre; limit: N samples of the official train split, as if it had no others
 * (test stays whole); val, a share of what is left; both stratified by class, drawn by data_seed;
 * subset, the share of what is then left that is trained on, drawn by the job's seed, the others
 * are the rest; label noise once. Then for each batch: u8 -> natural units, input noise,
 * standardize or whiten, batch noise. */
#ifndef CORE_DATA_H
#define CORE_DATA_H
#include "fs.h"
#include "host.h"

/* --- store: one [dataset] section's train and test splits, decoded, as stored --- */
typedef struct store {
  rad_facts facts;     /* mean and std are set */
  const uint8_t *x[2]; /* train, test: (n,sample) of facts.type */
  const uint8_t *y[2]; /* (n) or (n,T), as facts.target says */
  fs_bytes *mapping;   /* of the cache file, or NULL: decoded in this process */
  instance *dataset;
  arena mem;
} store;
/* What is known before the samples are read; opens the replaced data set first where the section
 * has one (section.before). */
rad_status store_facts(env *, const config *arm, const char *name, rad_facts *, instance **);
/* Name of the cache file: a hash of plugin, keys, data_seed and the files' identities. */
rad_status store_key(env *, const config *arm, const char *name, char hex[65]);
/* Decodes into cache/HEX.data (atomic; nothing to do where it exists). */
rad_status store_prepare(env *, const config *arm, const char *name, const char *cache);
/* Maps cache/HEX.data read-only; cache NULL: decodes in this process. */
rad_status store_open(store **, env *, const config *arm, const char *name, const char *cache);
void store_free(store *);
size_t store_bytes(const rad_facts *); /* of both splits, decoded; SIZE_MAX: too many */
rad_status store_seed(env *, const config *arm, uint64_t *); /* [run] data_seed */

/* --- moments (moments.c): mean and deviation per channel, gathered line by line (a line: W*C
 * numbers) --- */
typedef struct moments {
  size_t line, C;
  uint64_t lines;
  uint32_t *part[2]; /* (line) sums and sums of squares of the last PENDING lines of bytes */
  size_t pending;
  double *sum[2]; /* (line) of x - shift and its square */
  double shift;
} moments;
rad_status moments_new(moments *, arena *, size_t line, size_t C);
void moments_add(moments *, uint32_t type, const void *x, size_t lines);
/* Into mean (C), std (C), times scale; frees nothing. No line was added: 0 and 1. */
void moments_end(moments *, double scale, float *mean, float *std);

/* --- source: the samples of one split, as an arm sees them --- */
typedef struct window { /* of a stored sample, in numbers: `lines` runs of `line` each */
  size_t offset, pitch, lines, line;
} window;
typedef struct affine { /* number k of a line becomes x * a[k % period] + b[k % period] */
  size_t period;        /* a multiple of the number of channels */
  const float *a, *b;   /* (period) */
  bool same;            /* for all */
} affine;
typedef struct pool { /* one [dataset] section, cut and cropped */
  const section *section;
  dataset_keys keys;
  store *store;
  window window;
  rad_facts facts; /* after crop, limit and cut; type, scale, target as stored */
  /* (C) on natural units: x * scale + shift; NULL unless standardize */
  float *scale, *shift;
  affine stored, noisy;  /* to what the network gets: from stored numbers, from those of noise */
  rad_facts noise_facts; /* what input noise is shown: RAD_F32 where one of the chain wants it */
} pool;
struct rad_source {
  struct data *data;
  const pool *pool;
  const char *name; /* "train", "val", "test", "rest", or "NAME.train" */
  store *store;
  uint32_t split; /* RAD_TRAIN, also of the rest, RAD_VAL, RAD_TEST */
  uint64_t n;
  uint64_t *id;     /* (n) index in the store's train or test split, ascending */
  int32_t *label;   /* (n) as given to the training; NULL unless RAD_CLASS */
  int32_t *truth;   /* (n) before noise; == label where no noise touched the split */
  float *soft;      /* (n,T) where noise made distributions, else NULL */
  float *weight;    /* (n) or NULL: all 1 */
  uint64_t changed; /* how many labels differ from the truth */
  instance **input, **target, **batch; /* noise that acts on it, each in file order */
  size_t ninput, ntarget, nbatch;
};
typedef struct data { /* of one arm */
  env *env;
  rad_facts facts; /* as the network sees it: sample after crop, type RAD_F32, n after cut and
                    * limit, mean and std over train before noise */
  dataset_keys keys;
  store *store;
  rad_source source[RAD_NSPLIT]; /* train, val, test, rest */
  rad_source **extra; /* (nextra) of [dataset NAME] sections: train, val, test, rest of each */
  size_t nextra;
  pool *pool; /* (npool) the main one first */
  size_t npool;
  instance **noise; /* (nnoise) in file order */
  size_t nnoise;
  float *scale, *shift; /* (C) standardize: x * scale + shift, on natural units */
  arena mem;
  const config *config;
} data;
/* Facts only (for `check`): no sample is read, mean and std are NULL. */
rad_status data_plan(data **, env *, const config *arm);
rad_status data_open(data **, env *, const config *arm, const char *cache);
void data_free(data *);
/* Bytes that data_open will hold: (stored samples, everything else). */
void data_memory(const data *, size_t *shared, size_t *own);
/* "train", "val", "test", "NAME.train": NULL and a message at the origin where there is none, or
 * where its targets are other ones than those of [dataset]. */
rad_source *data_source(data *, const char *name, origin, diag *);

/* --- batch: gathered samples; the buffers hold `cap` samples --- */
typedef struct batch {
  rad_batch b; /* first: plugins get &batch.b */
  size_t cap;
  uint64_t *id, *row;
  int32_t *label, *truth; /* (cap) */
  double *loss;           /* (cap) where b.loss points once there is one */
  float *dx;              /* (cap,sample) once somebody has asked for it, else NULL */
  uint8_t *raw;           /* (cap,sample) where input noise changes bytes */
  rad_source *source;
  arena mem;
} batch;
rad_status batch_new(batch **, const data *, size_t cap);
void batch_free(batch *);
rad_status batch_dx(batch *); /* room for b.dx, unless it is there */
/* Fills x, target, weight, label, truth, id, row with rows row[0..n) of the source (row NULL:
 * first .. first+n-1). `training`: batch noise (crop, flip) acts too. */
rad_status batch_fill(batch *, rad_source *, const uint64_t *row, uint64_t first, size_t n,
                      const rad_when *, bool training);
/* The same by several workers: batch_begin by one, then batch_rows by each for rows of its own. */
rad_status batch_begin(batch *, rad_source *, const uint64_t *row, uint64_t first, size_t n,
                       const rad_when *);
rad_status batch_rows(batch *, size_t from, size_t to, bool training, uint32_t worker);
/* rad_lab.stored */
rad_status batch_stored(rad_ctx *, const rad_source *, rad_part *);
/* Samples from .. to-1 of it, for a callback; y and dy have as many numbers as targets. */
rad_batch batch_part(const rad_batch *, size_t from, size_t to);
#endif
