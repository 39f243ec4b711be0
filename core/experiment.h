/* SPDX-License-Identifier: BSD-3-Clause
 * experiment.h - a checked experiment: what it searches, its arms, seeds, objective. From one
 * point of its space to the configuration of one trial. */
#ifndef CORE_EXPERIMENT_H
#define CORE_EXPERIMENT_H
#include "host.h"

typedef struct dim {  /* rad_dim and where its value goes */
  rad_dim d;          /* d.name: "layer.h1.units", "axis.model", "arm.noise.noise.labels.rate" */
  const char *dotted; /* for config_set; NULL: an axis, whose rows are d.choice */
  const char *axis;
  const char *copy; /* block copy that the value is for: "body.2", or NULL */
  origin at;
  bool first; /* of a key's copies: its value is also that of the section itself */
  const char *kind, *name, *key, *only; /* the setting in the base configuration */
} dim;
typedef struct space { /* parents before children; `view` is what search plugins get */
  dim *dim;
  size_t n;
  rad_space view;
} space;
typedef struct term { /* one line of [objective]: weight x arm.split.name[.last|.max|.min] */
  const char *metric; /* canonical: "real.val.accuracy", ".last" left out */
  double weight;
  origin at;
} term;
typedef struct constraint {
  const char *name, *metric;
  double min, max;
  bool is_static; /* model.*: known before training */
} constraint;
typedef struct given_point { /* [point NAME]: a point that is tried before the search proposes its
                                own */
  const char *name;
  const double *value; /* (ndim) */
  origin at;
} given_point;
typedef struct watch { /* what [pruner] looks at */
  const char *metric;  /* canonical; NULL: there is no pruner */
  size_t arm;          /* whose it is */
  double sign;         /* -1: less is better */
} watch;
typedef struct experiment {
  const char *name; /* the file's name without folder and .ini */
  const char *file;
  config base; /* as read, with overrides; [arm] sections inside */
  const char *const *arm;
  size_t narm; /* at least 1 ("main") */
  uint64_t *seed;
  size_t nseed;
  run_keys run;
  search_keys search;
  objective_keys objective;
  term *term;
  size_t nterm; /* 0: nothing is optimised */
  constraint *constraint;
  size_t nconstraint;
  watch watch;
  uint64_t *final_seed; /* [nfinal] of [final]; none: there is none */
  size_t nfinal;
  double final_val;
  space space;
  given_point *given; /* (ngiven) in the order of the file, all different */
  size_t ngiven;
  env *env;
  arena mem;
} experiment;

/* The file of defaults, so that the core names no plugin: $RADEMACHER_DEFAULTS, else the source
 * tree's configs/defaults.ini where the program runs uninstalled, else $(pkgdatadir)/defaults.ini.
 * Every experiment starts from it. */
const char *experiment_defaults(arena *);
/* Reads and checks everything that can be known without opening a data set: sections, plugins,
 * keys of all arms, axis rows and choices of plugins, dimensions, objective, references between
 * sections. All errors are reported; RAD_EINVAL if there was one. */
rad_status experiment_open(experiment *, env *, const char *file, const override *, size_t n);
void experiment_free(experiment *);
/* How many jobs run at once where nobody says: as many as have cores for their threads. */
uint32_t experiment_slots(const experiment *);
/* The planned instance of [search], to be freed also after an error, and how many trials it has of
 * its own, 0: without end. */
rad_status experiment_search(const experiment *, instance **, uint64_t *n);
/* How many trials it will have; 0: without end, and [search] trials does not say. */
rad_status experiment_trials(const experiment *, uint64_t *n);
/* The configuration of one trial: base with the point's values put in, axes applied, values of
 * RAD_FILE keys absolute (or data:), [search], [axis], [objective], [constraint], [pruner],
 * [point] and [final] left out; [arm] sections stay. Runnable as it stands. */
rad_status experiment_trial(const experiment *, const double *point, config *out);
/* trial.c: builds the networks of a given point's arms; the error names it. */
rad_status given_inspect(const experiment *, const given_point *);
/* One arm of a trial's configuration: overrides applied, blocks expanded into layers. */
rad_status experiment_arm(env *, const config *trial, const char *arm, config *out);
/* Replaces [block] sections by their layers' copies ("body.1.hidden"), inputs resolved. */
rad_status blocks_expand(config *, diag *);
/* Dimensions of a configuration; errors for searched keys that are fixed or malformed. */
rad_status space_build(space *, env *, const config *, arena *);
/* Puts into point[d] the place u (0 to 1) of a dimension's range or choices, NaN where the values of
 * its parents leave it out. */
void space_at(const space *, size_t d, double u, double *point);
/* Puts into point[d] the middle of a dimension's range or its first choice, NaN where the values of
 * its parents leave it out. */
void space_middle(const space *, size_t d, double *point);
bool space_same(const space *, const double *a, const double *b); /* are two points one? */
/* "layer.h1.units" of a point as INI text: "64", "0.001", "relu". */
const char *space_text(const dim *, double value, char out[32]);
#endif
