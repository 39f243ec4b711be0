/* SPDX-License-Identifier: BSD-3-Clause
 * axes.h - the rows of all [axis] sections, and which settings they leave alone. */
#ifndef CORE_AXES_H
#define CORE_AXES_H
#include "blocks.h"
#include "host.h"

typedef struct condition { /* a dimension is there where `parent` has one of these values */
  const char *parent;      /* name of a dimension; NULL: it is always there */
  const double *when;      /* (n) */
  size_t n;
} condition;

typedef struct axis {
  const section *section;
  const char *name;   /* of the dimension: "axis.model" */
  const char **label; /* [n] names of the rows */
  config *row;        /* [n] the configuration with that row */
  tree *tree;         /* [n] */
  size_t n;
} axis;
typedef struct axes {
  env *env;
  const config *config; /* without any row */
  const tree *tree;
  arena *mem;
  axis *v; /* [n] */
  size_t n;
} axes;

/* Applies every row; to be freed after a failure too. The others must outlive it. */
rad_status axes_open(axes *, env *, const config *, const tree *, arena *);
void axes_free(axes *);
/* The rows of the first axis that matters to a setting, where `c` has no parent yet; *exists: is
 * the setting in any trial at all? */
rad_status axes_condition(const axes *, const section *, const setting *, condition *c,
                          bool *exists);
#endif
