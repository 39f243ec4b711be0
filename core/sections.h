/* SPDX-License-Identifier: BSD-3-Clause
 * sections.h - the parts of the check of an experiment. */
#ifndef CORE_SECTIONS_H
#define CORE_SECTIONS_H
#include "experiment.h"

/* --- searched values (searched.c) --- */
typedef struct searched { /* search(lo, hi[, log|linear]) or choice(a, b) */
  bool range, log;
  double lo, hi;
  const char *const *choice; /* [n] */
  size_t n;
} searched;
/* Checks end points and choices as ordinary values of the key. */
rad_status searched_parse(const rad_key *, const setting *, const char *title, arena *, diag *,
                          searched *);

/* --- sections and their keys (sections.c) --- */
/* The plugins that a section may have: its `plugin`, or each choice of it; none: no such key. */
rad_status section_plugins(const section *, arena *, const char *const **names, size_t *n);
/* The key of a setting: of its own plugin (x@plugin), else of the first that has it; or NULL. */
const rad_key *section_key(env *, const section *, const setting *, arena *);
/* Every section and key of a configuration. `complete`: it is about to be run, so that plugins and
 * required keys must be there. */
rad_status sections_check(env *, const config *, bool complete);

/* --- files (paths.c) --- */
/* Values of RAD_FILE keys, in sections, arms and rows of axes, made absolute. */
rad_status paths_absolute(const experiment *, config *);

/* --- references between sections (references.c) --- */
/* Layers, blocks, `input`, `apply` of an arm's configuration, blocks not expanded. */
rad_status references_check(env *, const config *);

/* --- [point NAME] (given.c) --- */
/* Into the experiment, once its space is known. */
rad_status given_read(experiment *);

/* --- [final] (final.c) --- */
/* Into the experiment, after [run] and [objective]. */
rad_status final_read(experiment *);
/* Whole numbers, each once; `title` is their section's. */
rad_status seeds_read(experiment *, const rad_list *, const section *, const char *title,
                      uint64_t **seed, size_t *n);

/* --- metrics (metric.c) --- */
/* [objective], [constraint] and [pruner] into the experiment; `metric` of every section of an arm's
 * configuration. */
rad_status metrics_read(experiment *);
rad_status metrics_check(env *, const config *, bool allow_test);
/* Does a measure or regularizer of an arm report NAME, of the splits (`of` NULL) or for itself?
 * If none does, a hint; also true where one does not say what it reports (reports.c). */
rad_status metric_reported(env *, const config *arm, bool disabled_too, const char *of,
                           const char *name, bool *found, char hint[96]);
#endif
