/* SPDX-License-Identifier: BSD-3-Clause
 * memorization.c - which samples a network gets right only by having been trained on them: over the
 * seeds of a study in which each trains on another random subset ([dataset] subset below 1),
 *   mem(i)     = P(right on i | i was trained on) - P(right on i | it was not)
 *   infl(i, j) = P(right on test sample j | i was trained on) - P(right on j | it was not)
 * "Right" is against the label given, so under label noise use [noise] fixed = true: the same
 * labels for every seed. Each job keeps the vectors `id` and `correct` of its splits; after the
 * study, for trial T and arm ARM, T.ARM.mean, .above   mean of mem, share of samples with mem >
 * `threshold` T.ARM.mean_clean, .mean_noisy   of samples with the right label, and with a wrong one
 *   T.ARM.samples        how many were trained on with some seed and left out with another
 *   T.ARM.influence      mean over the `influence` most memorised samples of their largest infl
 *   T.ARM.pairs          how many infl of theirs are above `pair`
 * and the vectors T.ARM (mem by the sample's index in the data set's train split, NaN: no
 * estimate), T.ARM.influence (rows: samples, columns: test samples) and T.ARM.influence_id (its
 * rows). Feldman and Zhang 2020, arXiv 2008.03703. */
#include "samples.h"
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

typedef struct memorization {
  double threshold, pair;
  int32_t influence;
  size_t T; /* classes; set by plan */
} memorization;
static const rad_key keys[] = {
    RAD_KEY(memorization, threshold, "0.25", -1, 1, RAD_FIXED, "above it a sample is memorised"),
    RAD_KEY(memorization, influence, "100", 0, 1e6, RAD_FIXED,
            "look at the influence on test samples of this many, the most memorised; 0: of none"),
    RAD_KEY(memorization, pair, "0.15", -1, 1, RAD_FIXED, "above it an influence is counted"),
};
enum { CORRECT, ID, SEEN };              /* state: f32, f32 (most samples of a split), f64 (1) */
enum { RIGHT = 1, NOISY = 2 };           /* bits of `correct`; NaN: no label */
static const double most_id = 1ul << 24; /* whole numbers that a float holds */

/* --- in each job --- */
static rad_status plan(rad_ctx *c, void *self, const rad_model *m, const rad_facts *f)
{
  memorization *s = self;
  const size_t n = most_samples(f);
  RAD_TRY(classes_check(c, m, f));
  if (f->n[RAD_REST] == 0)
    return rad_fail(c, RAD_EINVAL,
                    "every seed would train on all samples: say [dataset] subset = 0.7, and "
                    "[run] seeds of which there are many");
  s->T = f->ntarget;
  RAD_TRY(c->host->tensor(c, RAD_NEW(rad_tensor, .name = "correct", .role = RAD_BUFFER,
                                     .type = RAD_F32, .shape = {1, {n}})));
  RAD_TRY(c->host->tensor(c, RAD_NEW(rad_tensor, .name = "id", .role = RAD_BUFFER, .type = RAD_F32,
                                     .shape = {1, {n}})));
  return c->host->tensor(c, RAD_NEW(rad_tensor, .name = "seen", .role = RAD_BUFFER, .type = RAD_F64,
                                    .shape = {1, {1}}));
}

static rad_status eval(rad_ctx *c, const void *self, const rad_batch *b)
{
  const memorization *s = self;
  float *correct = c->state[CORRECT], *id = c->state[ID];
  double *seen = c->state[SEEN];
  for (size_t i = 0; b && i < b->n; i++, *seen += 1) {
    const int32_t label = b->label[i];
    const bool noisy = b->truth && b->truth[i] != label;
    const int bits = (top_class(b->y + i * s->T, s->T) == label ? RIGHT : 0) | (noisy ? NOISY : 0);
    if ((double)b->id[i] > most_id)
      return rad_fail(c, RAD_EINVAL, "sample %" PRIu64 ": only %.0f are possible", b->id[i],
                      most_id);
    correct[b->row[i]] = label < 0 ? NAN : (float)bits;
    id[b->row[i]] = (float)b->id[i];
  }
  if (b || !(*seen > 0))
    return RAD_OK;
  const size_t n = (size_t)*seen;
  *seen = 0;
  RAD_TRY(c->lab->vector(c, "correct", n, correct));
  return c->lab->vector(c, "id", n, id);
}

/* --- over all jobs of an arm --- */
typedef struct split { /* (nseed, n) each */
  size_t n;
  const float *correct, *id;
} split;
typedef struct jobs {
  char name[96]; /* "T.ARM" */
  size_t nseed, M;
  split train, rest, test;
  double *n[2], *right[2]; /* (M) seeds that trained on the sample [1] or not [0]; right ones */
  uint8_t *noisy, *in;     /* (M), (nseed,M) */
  float *mem;              /* (M) */
} jobs;

static rad_status recall_split(rad_ctx *c, uint64_t trial, const char *arm, const char *name,
                               split *s)
{
  char full[16];
  size_t n = 0;
  snprintf(full, sizeof full, "%s.id", name);
  RAD_TRY(c->lab->recall(c, trial, arm, full, &n, &s->id));
  snprintf(full, sizeof full, "%s.correct", name);
  RAD_TRY(c->lab->recall(c, trial, arm, full, &s->n, &s->correct));
  return s->n == n ? RAD_OK : rad_fail(c, RAD_EINVAL, "%s: %zu ids of %zu samples", full, n, s->n);
}

static void find_most(jobs *v, const split *s)
{
  for (size_t i = 0; i < s->n * v->nseed; i++)
    if (s->id[i] >= (float)v->M)
      v->M = (size_t)s->id[i] + 1;
}

static rad_status room(rad_ctx *c, jobs *v)
{
  double *d = c->host->scratch(c, (4 * v->M + 1) * sizeof *d);
  uint8_t *u = c->host->scratch(c, v->M * (v->nseed + 1) + 1);
  v->mem = c->host->scratch(c, (v->M + 1) * sizeof *v->mem);
  if (!d || !u || !v->mem)
    return rad_fail(c, RAD_ENOMEM, "no memory for %zu samples of %zu jobs", v->M, v->nseed);
  for (size_t i = 0; i < 4 * v->M; i++)
    d[i] = 0;
  for (size_t i = 0; i < v->M * (v->nseed + 1); i++)
    u[i] = 0;
  v->n[0] = d, v->n[1] = d + v->M, v->right[0] = d + 2 * v->M, v->right[1] = d + 3 * v->M;
  v->noisy = u, v->in = u + v->M;
  return RAD_OK;
}

static bool is_right(float correct)
{
  return ((int)correct & RIGHT) != 0;
}

static void count(jobs *v, const split *s, int in)
{
  for (size_t i = 0; i < s->n * v->nseed; i++) {
    if (isnan(s->correct[i])) /* no label, or no job */
      continue;
    const size_t id = (size_t)s->id[i];
    v->n[in][id]++;
    v->right[in][id] += is_right(s->correct[i]);
    v->noisy[id] = ((int)s->correct[i] & NOISY) != 0;
    v->in[i / s->n * v->M + id] = (uint8_t)in;
  }
}

static rad_status metric(rad_ctx *c, const jobs *v, const char *what, double value)
{
  char name[128];
  snprintf(name, sizeof name, "%s.%s", v->name, what);
  return c->lab->metric(c, name, value);
}

static rad_status report(rad_ctx *c, const memorization *s, jobs *v)
{
  double n[2] = {0, 0}, sum[2] = {0, 0}, above = 0; /* clean, noisy */
  for (size_t i = 0; i < v->M; i++) {
    const bool known = v->n[0][i] > 0 && v->n[1][i] > 0;
    const double mem = known ? v->right[1][i] / v->n[1][i] - v->right[0][i] / v->n[0][i] : 0;
    v->mem[i] = known ? (float)mem : NAN;
    n[v->noisy[i]] += known;
    sum[v->noisy[i]] += mem;
    above += known && mem > s->threshold;
  }
  const double all = n[0] + n[1];
  if (!(all > 0))
    return rad_fail(c, RAD_EINVAL,
                    "%s: no sample was trained on with one seed and left out with "
                    "another: give more [run] seeds",
                    v->name);
  RAD_TRY(metric(c, v, "mean", (sum[0] + sum[1]) / all));
  RAD_TRY(metric(c, v, "above", above / all));
  RAD_TRY(metric(c, v, "samples", all));
  if (n[0] > 0 && n[1] > 0) {
    RAD_TRY(metric(c, v, "mean_clean", sum[0] / n[0]));
    RAD_TRY(metric(c, v, "mean_noisy", sum[1] / n[1]));
  }
  return c->lab->vector(c, v->name, v->M, v->mem);
}

/* --- influence --- */
typedef struct ranked {
  float mem;
  size_t id;
} ranked;

static int by_mem(const void *a, const void *b)
{
  const ranked *x = a, *y = b;
  if (x->mem < y->mem || x->mem > y->mem)
    return x->mem < y->mem ? 1 : -1;
  return x->id < y->id ? -1 : 1;
}

/* Of sample id on every test sample; returns the largest. */
static double influence_of(const jobs *v, size_t id, float *out)
{
  double most = -1;
  for (size_t j = 0; j < v->test.n; j++) {
    double n[2] = {0, 0}, right[2] = {0, 0};
    for (size_t k = 0; k < v->nseed; k++) {
      const float correct = v->test.correct[k * v->test.n + j];
      const int in = v->in[k * v->M + id];
      if (isnan(correct))
        continue;
      n[in]++;
      right[in] += is_right(correct);
    }
    const double infl = n[0] > 0 && n[1] > 0 ? right[1] / n[1] - right[0] / n[0] : 0;
    out[j] = (float)infl;
    most = infl > most ? infl : most;
  }
  return most;
}

static rad_status report_influence(rad_ctx *c, const memorization *s, const jobs *v)
{
  char name[128];
  ranked *r = c->host->scratch(c, (v->M + 1) * sizeof *r);
  size_t n = 0;
  double pairs = 0, most = 0;
  for (size_t i = 0; r && i < v->M; i++)
    if (!isnan(v->mem[i]))
      r[n++] = (ranked){v->mem[i], i};
  const size_t K = n < (size_t)s->influence ? n : (size_t)s->influence;
  float *out = c->host->scratch(c, (K * v->test.n + 1) * sizeof *out);
  float *id = c->host->scratch(c, (K + 1) * sizeof *id);
  if (!r || !out || !id)
    return rad_fail(c, RAD_ENOMEM, "no memory for %zu x %zu influences", K, v->test.n);
  qsort(r, n, sizeof *r, by_mem);
  for (size_t i = 0; i < K; i++) {
    id[i] = (float)r[i].id;
    most += influence_of(v, r[i].id, out + i * v->test.n) / (double)K;
  }
  for (size_t i = 0; i < K * v->test.n; i++)
    pairs += (double)out[i] > s->pair;
  RAD_TRY(metric(c, v, "influence", most));
  RAD_TRY(metric(c, v, "pairs", pairs));
  snprintf(name, sizeof name, "%s.influence", v->name);
  RAD_TRY(c->lab->vector(c, name, K * v->test.n, out));
  snprintf(name, sizeof name, "%s.influence_id", v->name);
  return c->lab->vector(c, name, K, id);
}

static rad_status arm(rad_ctx *c, const memorization *s, uint64_t trial, const char *name,
                      size_t nseed)
{
  jobs v = {.nseed = nseed};
  snprintf(v.name, sizeof v.name, "%" PRIu64 ".%s", trial, name);
  const rad_status there = recall_split(c, trial, name, "train", &v.train);
  if (there < 0 || v.train.n == 0) /* this arm is not measured */
    return there;
  RAD_TRY(recall_split(c, trial, name, "rest", &v.rest));
  RAD_TRY(recall_split(c, trial, name, "test", &v.test));
  find_most(&v, &v.train);
  find_most(&v, &v.rest);
  RAD_TRY(room(c, &v));
  count(&v, &v.train, 1);
  count(&v, &v.rest, 0);
  RAD_TRY(report(c, s, &v));
  return v.test.n > 0 && s->influence > 0 ? report_influence(c, s, &v) : RAD_OK;
}

static rad_status study(rad_ctx *c, const void *self, const rad_study *s)
{
  for (size_t i = 0; i < s->ntrial; i++)
    for (size_t k = 0; k < s->narm; k++)
      RAD_TRY(arm(c, self, s->trial[i]->index, s->arm[k], s->nseed));
  return RAD_OK;
}

static const rad_hooks ops = {.size = sizeof ops, .plan = plan, .eval = eval, .study = study};
static const rad_plugin memorization_plugin = {
    RAD_PLUGIN(RAD_MEASURE, "memorization", memorization, &ops),
    RAD_KEYS(keys),
    .needs = 1,
    RAD_METRICS("*.*"),
    .summary = "which samples are right only by having been trained on",
    .reference = "Feldman and Zhang 2020, arXiv 2008.03703"};
RAD_EXPORT(&memorization_plugin)
