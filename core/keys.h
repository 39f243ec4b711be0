/* SPDX-License-Identifier: BSD-3-Clause
 * keys.h - one table parses, checks, documents and searches: a section's text into the fields of a
 * struct, by a rad_key table. Also the core's own tables: what every kind of section may contain
 * whatever its plugin. */
#ifndef CORE_KEYS_H
#define CORE_KEYS_H
#include "config.h"

enum { MAX_WORKERS = 64 }; /* threads of one training */

/* Checks a table once: names, defaults that parse and are in range, offsets inside `size`,
 * duplicates, clashes with `common`. `who` starts the messages. */
rad_status keys_check_table(const rad_key *, size_t n, size_t size, const rad_key *common,
                            size_t ncommon, const char *who, diag *);
/* Parses `value` as the key's type into `field` (NULL: only checks). Text and lists live in the
 * arena. search(...) and choice(...) are errors here. Messages name the section and the key, what
 * is wrong and what is allowed. */
rad_status keys_parse(const rad_key *, const char *value, void *field, arena *, origin,
                      const char *title, diag *);
/* Defaults, then the section's settings, into `self`. Required keys that are missing and values
 * out of range are errors. Unknown keys are not looked at: sections_check does that. */
rad_status keys_fill(const rad_key *, size_t n, const section *, void *self, arena *, diag *);
typedef struct key_table {
  const rad_key *v;
  size_t n;
} key_table;
/* Reports a setting that is in none of the tables, with a suggestion: RAD_EINVAL. */
rad_status keys_unknown(const setting *, const key_table *, size_t ntables, const char *title,
                        diag *);
const rad_key *keys_find(const key_table *, size_t ntables, const char *name);
/* One line for `help`: name, type with range or choices, default, help. */
void keys_help(const rad_key *, text *);

/* --- sections of the core --- */
enum {
  KIND_PLUGIN = 1, /* has `plugin =` and a plugin's own table */
  KIND_NAMED = 2,  /* [kind NAME]; without it [kind] only */
  KIND_BOTH = 4,   /* [kind] and [kind NAME] */
  KIND_FREE = 8,   /* any dotted key: [arm], [objective], [axis]; checked elsewhere */
  KIND_STUDY = 16  /* the same for all trials: nothing in it can be searched */
};
typedef struct kind_info {
  const char *name; /* "layer" */
  uint32_t kind;    /* rad_kind, 0: the core's own section */
  unsigned flags;
  const rad_key *common; /* (ncommon) into the struct below */
  size_t ncommon, size;  /* of that struct */
  const char *help;
} kind_info;
const kind_info *kind_by_name(const char *name);
const kind_info *kind_by_id(uint32_t kind);
const kind_info *kind_list(size_t *n);
const char *kind_hint(char out[96], const char *word); /* text_hint with the names of kinds */

typedef struct run_keys { /* [run] */
  int32_t epochs, batch, evaluate, eval_batch, threads, checkpoint;
  rad_list seeds;
  int64_t data_seed;
  const char *weights; /* file to begin with; "": drawn */
} run_keys;
typedef struct layer_keys {
  const char *plugin, *input; /* "" : the layer before */
  bool enabled, freeze;
  int32_t init, mask; /* enum init, enum mask */
  double gain, density;
} layer_keys;
enum mask { MASK_UNIFORM, MASK_ERDOS_RENYI, MASK_CONCENTRATED };
enum init {
  INIT_KAIMING_UNIFORM,
  INIT_KAIMING_NORMAL,
  INIT_XAVIER_UNIFORM,
  INIT_XAVIER_NORMAL,
  INIT_NORMAL,
  INIT_ZERO
};
typedef struct dataset_keys {
  const char *plugin;
  double val, subset;
  int64_t limit;       /* 0: all */
  int32_t scale, crop; /* crop 0: none */
  bool enabled;
} dataset_keys;
enum scale { SCALE_NONE, SCALE_UNIT, SCALE_STANDARDIZE, SCALE_WHITEN };
typedef struct noise_keys {
  const char *plugin, *splits; /* "": as the plugin's flags say */
  bool enabled, fixed;
} noise_keys;
typedef struct optimizer_keys {
  const char *plugin, *apply;
  bool enabled;
  double lr;
} optimizer_keys;
typedef struct hook_keys {    /* regularizer, measure */
  const char *plugin, *apply; /* names of layers or blocks; "": all */
  bool enabled;
  int32_t every;
} hook_keys;
typedef struct block_keys {
  const char *layers;
  int32_t repeat;
  bool same, enabled;
} block_keys;
typedef struct search_keys {
  const char *plugin;
  int64_t trials; /* 0: as many as the space holds */
  int32_t jobs, lag, retries;
  const char *cache; /* folder of jobs that any study has done; "": none */
} search_keys;
typedef struct pruner_keys {
  const char *plugin, *metric; /* "": the objective's first term that is not of noise */
  int32_t goal;                /* enum goal */
  bool enabled;
} pruner_keys;
enum goal { GOAL_MAX, GOAL_MIN };
typedef struct final_keys { /* [final] */
  rad_list seeds;
  double val;
  bool enabled;
} final_keys;
typedef struct plain_keys { /* loss, schedule, fit, executor, logger, backend */
  const char *plugin;
  bool enabled;
} plain_keys;
typedef struct compressor_keys {
  const char *plugin, *apply, *metric; /* apply "": all layers */
  bool enabled, control;
  int32_t rounds;
  double floor;
  int64_t min_parameters;
} compressor_keys;
typedef struct free_section_keys { /* arm, axis */
  bool enabled;
} free_section_keys;
typedef struct objective_keys {
  int32_t direction; /* enum direction */
  bool allow_test;
} objective_keys;
enum direction { DIRECTION_SUM, DIRECTION_PARETO };
typedef struct constraint_keys {
  const char *metric;
  double min, max; /* -HUGE_VAL, HUGE_VAL where not given */
  bool enabled;
} constraint_keys;
#endif
