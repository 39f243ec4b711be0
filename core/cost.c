/* SPDX-License-Identifier: BSD-3-Clause
 * cost.c - see cost.h. */
#include "cost.h"
#include "philox.h"
#include "running.h"
#include <math.h>

enum { DRAWN = 8, TRIED = 32 };

double cost_training(const arm_plan *p)
{
  const double all = (double)p->ntrain + (double)p->nval + (double)(p->ntest + p->nrest);
  if (p->predicts)
    return p->flop_fit + all * p->flop_forward;
  return (double)p->epochs * ((double)p->ntrain * (p->flop_forward + p->flop_backward) +
                              all * p->flop_forward / (double)p->evaluate);
}

/* What cannot be built, or may not run, has no cost. */
static rad_status trial_cost(const experiment *x, const config *t, double *flop)
{
  arm_plan p;
  *flop = 0;
  for (size_t a = 0; a < x->narm; a++) {
    const rad_status s = arm_inspect(x->env, t, x->arm[a], &p, NULL);
    if (s == RAD_EINVAL || (s >= 0 && a == 0 && !trial_allowed(x, &p))) {
      *flop = (double)NAN;
      return RAD_OK;
    }
    RAD_TRY(s);
    *flop += cost_training(&p) + p.flop_rounds;
  }
  return RAD_OK;
}

/* Of each dimension every eighth once in eight draws, in an order of its own (a Latin square):
 * every choice of a few is among them. */
static void place(const space *s, uint64_t i, double *point)
{
  const uint64_t key = philox_seedkey(0, philox_salt("cost"));
  for (size_t d = 0; d < s->n; d++) {
    float r[2];
    philox_uniform(key, &(rad_at){.when = i / DRAWN, .index = d}, 0, 2, r);
    const uint64_t step = 1 + 2 * (uint64_t)(r[0] * (DRAWN / 2)), from = (uint64_t)(r[1] * DRAWN);
    space_at(s, d, ((double)((step * i + from) % DRAWN) + 0.5) / DRAWN, point);
  }
}

static rad_status draw(const experiment *x, uint64_t i, double *point, double *flop)
{
  config c = {0};
  place(&x->space, i, point);
  rad_status s = experiment_trial(x, point, &c);
  if (s >= 0)
    s = trial_cost(x, &c, flop);
  config_free(&c);
  return s;
}

static void add(cost *c, double flop)
{
  c->least = c->n == 0 || flop < c->least ? flop : c->least;
  c->most = c->n == 0 || flop > c->most ? flop : c->most;
  c->mean = c->n == 0 ? flop : c->mean + (flop - c->mean) / (double)(c->n + 1);
  c->n++;
}

rad_status cost_drawn(const experiment *x, cost *c)
{
  arena mem = {0};
  diag own = {0}, *told = x->env->diag;
  double flop, *point = arena_alloc(&mem, (x->space.n + 1) * sizeof *point);
  rad_status s = point ? RAD_OK : RAD_ENOMEM;
  x->env->diag = &own; /* a search reports what cannot be built, and goes on */
  for (uint64_t i = 0; x->space.n > 0 && s >= 0 && i < TRIED && c->n < DRAWN; i++)
    if ((s = draw(x, i, point, &flop)) >= 0 && !isnan(flop))
      add(c, flop);
  x->env->diag = told;
  diag_free(&own);
  arena_free(&mem);
  return s;
}
