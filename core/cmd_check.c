/* SPDX-License-Identifier: BSD-3-Clause
 * cmd_check.c - what an experiment will be and take, without running it. */
#include "cost.h"
#include "options.h"
#include "train.h"
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* The middle of the space: what a typical trial looks like. */
static double *middle(const experiment *x, arena *mem)
{
  double *point = arena_alloc(mem, (x->space.n + 1) * sizeof *point);
  for (size_t d = 0; point && d < x->space.n; d++)
    space_middle(&x->space, d, point);
  return point;
}

/* Products of the size of a training step, by the experiment's backend, for a few milliseconds. */
static double flop_per_second(env *e, const config *c)
{
  enum { M = 128, N = 512, K = 512 };
  instance *b = NULL;
  float *a = calloc(M * K + K * N + M * N, sizeof *a);
  double best = 0;
  if (a && instance_single(&b, e, c, RAD_BACKEND) >= 0) {
    const rad_gemm g = {.size = sizeof g,
                        .tb = true,
                        .m = M,
                        .n = N,
                        .k = K,
                        .a = a,
                        .lda = K,
                        .b = a + M * K,
                        .ldb = K,
                        .c = a + M * K + K * N,
                        .ldc = N};
    b->ctx.backend = b->self;
    for (int i = 0; i < 4; i++) {
      const double from = clock_seconds();
      if (b->plugin->ops.math.gemm(&b->ctx, &g) < 0)
        break;
      best = fmax(best, 2.0 * M * N * K / (clock_seconds() - from + 1e-9));
    }
  }
  instance_free(b);
  free(a);
  return best;
}

static void print_space(const experiment *x, text *out)
{
  if (x->space.n > 0)
    text_puts(out, "\nSearched\n");
  for (size_t i = 0; i < x->space.n; i++) {
    const rad_dim *d = &x->space.dim[i].d;
    text_printf(out, "  %-30s", d->name);
    for (size_t k = 0; d->type == RAD_ENUM && k < d->nchoice; k++)
      text_printf(out, "%s%s", k ? ", " : " ", d->choice[k]);
    if (d->type != RAD_ENUM)
      text_printf(out, " %g .. %g%s%s", d->lo, d->hi, d->type == RAD_INT ? ", whole" : "",
                  d->log ? ", log" : "");
    if (d->parent >= 0)
      text_printf(out, "   (depends on %s)", x->space.dim[d->parent].d.name);
    text_puts(out, "\n");
  }
}

static rad_status print_points(const experiment *x, arena *mem, text *out)
{
  const rad_space *s = &x->space.view;
  const size_t width = rad_space_width(s);
  size_t room, bytes, real = 0;
  if (s->ndim == 0)
    return RAD_OK;
  for (size_t d = 0; d < s->ndim; d++)
    real += s->dim[d]->type == RAD_FLOAT;
  if (!size_add(s->ndim, width, &room) || !size_mul(room + 1, sizeof(double), &bytes))
    return RAD_ENOMEM;
  double *below = arena_alloc(mem, bytes);
  if (!below)
    return RAD_ENOMEM;
  const double n = rad_space_size(s, below, below + s->ndim);
  text_printf(out, "  %zu dimension%s", s->ndim, s->ndim == 1 ? "" : "s");
  if (real > 0)
    text_printf(out, ", %zu of them %s of real numbers", real, real == 1 ? "a range" : "ranges");
  if (real < s->ndim)
    text_printf(out, n < 1e12 ? "%s %.0f %s%s%s" : "%s %.3g %s%s%s", real > 0 ? ";" : ",", n,
                real > 0 ? "combination" : "point", n == 1 ? "" : "s",
                real > 0 ? " of the others" : "");
  text_puts(out, "\n");
  return RAD_OK;
}

static void put_point(const experiment *x, const double *point, text *out)
{
  char room[32];
  const char *between = "";
  for (size_t i = 0; i < x->space.n; i++)
    if (!isnan(point[i])) {
      text_printf(out, "%s%s = %s", between, x->space.dim[i].d.name,
                  space_text(&x->space.dim[i], point[i], room));
      between = ", ";
    }
}

static rad_status print_given(const experiment *x, text *out)
{
  if (x->ngiven > 0)
    text_puts(out, "\nTried first\n");
  for (size_t i = 0; i < x->ngiven; i++) {
    text_printf(out, "  %-12s ", x->given[i].name);
    put_point(x, x->given[i].value, out);
    text_puts(out, "\n");
    RAD_TRY(given_inspect(x, &x->given[i]));
  }
  return RAD_OK;
}

static const char *duration(double s, char out[48])
{
  if (s < 120)
    snprintf(out, 48, "%.0f s", ceil(s));
  else if (s < 7200)
    snprintf(out, 48, "%.0f min", s / 60);
  else
    snprintf(out, 48, "%.1f h", s / 3600);
  return out;
}

static rad_status print_arms(const experiment *x, const config *trial, double *flop, text *out)
{
  *flop = 0;
  for (size_t i = 0; i < x->narm; i++) {
    arm_plan p;
    text_printf(out, "\nArm %s\n", x->arm[i]);
    RAD_TRY(arm_inspect(x->env, trial, x->arm[i], &p, out));
    text_printf(out, "  memory: %.1f MiB shared by all jobs, %.1f MiB for each\n",
                (double)p.shared_bytes / 1048576.0, (double)p.own_bytes / 1048576.0);
    const double own = cost_training(&p);
    if (p.flop_rounds > 0)
      text_printf(out, "  training at most %.4g GFLOP, rounds of compressors at most %.4g\n",
                  own * 1e-9, p.flop_rounds * 1e-9);
    *flop += own + p.flop_rounds;
  }
  return RAD_OK;
}

/* Trials differ in what they take: one for all says nothing of a search among networks. */
static void print_time(const experiment *x, const cost *c, uint64_t trials, double at_once,
                       text *out)
{
  char time[48];
  const double rate = 0.5 * flop_per_second(x->env, &x->base); /* a step is not all products */
  const double jobs = (double)trials * (double)x->nseed + (double)x->nfinal;
  const double side = fmin(at_once, jobs * (double)x->narm) * (double)x->run.threads;
  if (trials == 0 || !(rate > 0))
    return;
  text_printf(out, "Roughly %s at %.0f GFLOP/s per thread, measured now",
              duration(c->mean * jobs / rate / side, time), rate * 1e-9);
  if (c->n > 0)
    text_printf(out, ": of %zu trials drawn at random one takes %.3g to %.3g GFLOP", c->n,
                c->least * (double)x->nseed * 1e-9, c->most * (double)x->nseed * 1e-9);
  text_puts(out, "\n");
}

static rad_status print_size(const experiment *x, const cost *c, int32_t jobs, text *out)
{
  uint64_t trials;
  const int32_t asked = jobs > 0 ? jobs : x->search.jobs;
  const double at_once = asked > 0 ? (double)asked : (double)experiment_slots(x);
  RAD_TRY(experiment_trials(x, &trials));
  const double njobs = (double)trials * (double)x->narm * (double)x->nseed;
  text_puts(out, "\n");
  if (trials == 0)
    text_printf(out, "Trials without end: give [search] trials a number\n");
  else
    text_printf(out, "%" PRIu64 " trial%s x %zu arm%s x %zu seed%s = %.0f job%s, %.0f at once\n",
                trials, trials == 1 ? "" : "s", x->narm, x->narm == 1 ? "" : "s", x->nseed,
                x->nseed == 1 ? "" : "s", njobs, njobs == 1 ? "" : "s", at_once);
  if (x->nfinal > 0)
    text_printf(out, "Then the best trial again, on train and %s: %zu jobs\n",
                x->final_val > 0.0 ? "another cut of val" : "val", x->narm * x->nfinal);
  print_time(x, c, trials, at_once, out);
  return RAD_OK;
}

/* What has just failed is one trial of many. */
static void name_point(const experiment *x, const double *point)
{
  text all = {0};
  put_point(x, point, &all);
  if (x->space.n > 0)
    diag_error(
        x->env->diag, RAD_EINVAL, (origin){0},
        "that was the middle of what is searched: %s; a search reports such trials as failed "
        "and goes on",
        text_str(&all));
  text_free(&all);
}

static rad_status print_experiment(const experiment *x, int32_t jobs, text *out)
{
  arena mem = {0};
  config trial = {0};
  cost c = {0};
  const double *point = middle(x, &mem);
  config_write(&x->base, out);
  print_space(x, out);
  rad_status s = print_points(x, &mem, out);
  if (s >= 0)
    s = print_given(x, out);
  if (s >= 0)
    s = point ? experiment_trial(x, point, &trial) : RAD_ENOMEM;
  if (s >= 0 && (s = print_arms(x, &trial, &c.mean, out)) < 0)
    name_point(x, point);
  if (s >= 0)
    s = cost_drawn(x, &c);
  if (s >= 0)
    s = print_size(x, &c, jobs, out);
  config_free(&trial);
  arena_free(&mem);
  return s;
}

rad_status check_experiment(env *e, const char *file, const override *o, size_t n, int32_t jobs,
                            text *out)
{
  experiment x = {0};
  rad_status s = experiment_open(&x, e, file, o, n);
  if (s >= 0)
    s = print_experiment(&x, jobs, out);
  experiment_free(&x);
  return s;
}
