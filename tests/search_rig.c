/* SPDX-License-Identifier: BSD-3-Clause
 * search_rig.c - a search plugin on a function. */
#define _XOPEN_SOURCE 700
#include "search_rig.h"
#include <stdlib.h>
#include <string.h>
#include <time.h>

static bool make_room(search_rig *r)
{
  const rad_space *s = r->space;
  r->value = calloc(r->most * s->ndim + 1, sizeof(double));
  r->score = calloc(r->most * s->nscore + 1, sizeof(double));
  r->violation = calloc(r->most * s->nconstraint + 1, sizeof(double));
  r->nothing = calloc(s->nscore + s->nconstraint + 1, sizeof(double));
  r->known = calloc(r->most, sizeof *r->known);
  r->hidden = calloc(r->most, sizeof *r->hidden);
  r->list = calloc(r->most + 1, sizeof *r->list);
  for (size_t k = 0; r->nothing && k < s->nscore + s->nconstraint; k++)
    r->nothing[k] = (double)NAN;
  return r->value && r->score && r->violation && r->nothing && r->known && r->hidden && r->list;
}

static rad_status make(search_rig *r, const char *name, const char *keys)
{
  arena *mem = &r->env.mem;
  section *s = arena_alloc(mem, sizeof *s);
  setting *v = arena_alloc(mem, 16 * sizeof *v);
  char *words = arena_strdup(mem, keys);
  size_t n = 0;
  if (!s || !v || !words)
    return RAD_ENOMEM;
  v[n++] = (setting){.key = "plugin", .value = name};
  for (char *k = words, *end; *k != '\0' && n < 16; k = end) { /* KEY=VALUE, separated by blanks */
    char *eq = strchr(k, '=');
    if (!eq)
      return RAD_EINVAL;
    end = eq + strcspn(eq, " ");
    end += *end == ' ' ? (*end = '\0', 1) : 0;
    *eq = '\0';
    v[n++] = (setting){.key = k, .value = eq + 1};
  }
  *s = (section){.kind = "search", .name = "", .v = v, .n = n, .cap = 16};
  return instance_new(&r->i, &r->env, RAD_SEARCH, name, s);
}

rad_status search_open(search_rig *r, plugins *registry, const char *name, const char *keys,
                       uint64_t seed)
{
  r->env.plugins = registry;
  r->env.diag = &r->diag;
  r->env.seed = seed;
  if (!make_room(r))
    return RAD_ENOMEM;
  RAD_TRY(make(r, name, keys));
  const rad_search_ops *ops = &r->i->plugin->ops.search;
  uint64_t n = 0;
  if (ops->plan)
    RAD_TRY(ops->plan(&r->i->ctx, r->i->self, r->space));
  RAD_TRY(instance_state(r->i));
  return ops->count ? ops->count(&r->i->ctx, r->i->self, r->space, &n) : RAD_OK;
}

static double now(void)
{
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

rad_status search_ask(search_rig *r, double *point)
{
  const rad_history h = {.n = r->n, .trial = r->list};
  for (size_t i = 0; i < r->n; i++)
    r->list[i] = i + r->lag < r->n ? &r->known[i] : &r->hidden[i];
  for (size_t d = 0; d < r->space->ndim; d++)
    point[d] = (double)NAN;
  const size_t mark = scratch_mark(&r->env);
  const double start = now();
  const rad_status s = r->i->plugin->ops.search.ask(&r->i->ctx, r->i->self, r->space, &h, point);
  const double took = now() - start;
  r->seconds += took;
  r->slowest = took > r->slowest ? took : r->slowest;
  scratch_release(&r->env, mark);
  return s;
}

rad_status search_step(search_rig *r)
{
  const rad_space *s = r->space;
  double *x = r->value + r->n * s->ndim, *score = r->score + r->n * s->nscore,
         *violation = r->violation + r->n * s->nconstraint;
  if (r->n >= r->most)
    return RAD_DONE;
  const rad_status status = search_ask(r, x);
  if (status != RAD_OK)
    return status;
  for (size_t k = 0; k < s->nscore; k++)
    score[k] = (double)NAN;
  const uint32_t state = r->f(x, r->with, score, violation);
  r->known[r->n] = (rad_trial){
      .index = r->n, .state = state, .value = x, .score = score, .violation = violation};
  r->hidden[r->n] = (rad_trial){.index = r->n,
                                .state = RAD_RUNNING,
                                .value = x,
                                .score = r->nothing,
                                .violation = r->nothing + s->nscore};
  r->n++;
  return RAD_OK;
}

void search_run(search_rig *r, size_t n)
{
  while (n-- > 0 && search_step(r) == RAD_OK)
    ;
}

double search_best(const search_rig *r, size_t n)
{
  double best = -HUGE_VAL;
  for (size_t i = 0; i < n && i < r->n; i++) {
    bool kept = r->known[i].state == RAD_FINISHED;
    for (size_t k = 0; k < r->space->nconstraint; k++)
      kept = kept && r->known[i].violation[k] <= 0.0;
    if (kept && r->known[i].score[0] > best)
      best = r->known[i].score[0];
  }
  return best;
}

void search_close(search_rig *r)
{
  instance_free(r->i);
  r->env.plugins = NULL; /* shared */
  env_free(&r->env);
  diag_free(&r->diag);
  free(r->value);
  free(r->score);
  free(r->violation);
  free(r->nothing);
  free(r->known);
  free(r->hidden);
  free((void *)r->list);
}
