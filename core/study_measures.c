/* SPDX-License-Identifier: BSD-3-Clause
 * study_measures.c - measures over a finished study: their `study` is called once all trials have
 * ended, in the coordinator; they read the vectors that jobs have left, and what they report goes
 * into the journal, summary.json and vectors.safetensors of the run directory. To do it again after
 * a kill gives the same. */
#include "running.h"
#include "safetensors.h"
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static study *of(rad_ctx *c)
{
  return ((instance *)(void *)c)->owner;
}

/* "INSTANCE.name", or "INSTANCE" alone. */
static rad_status full_name(rad_ctx *c, const char *name, char out[160])
{
  const char *where = ((const instance *)(void *)c)->section->name;
  const int n = snprintf(out, 160, *name ? "%s.%s" : "%s", where, name);
  return n > 0 && n < 160 ? RAD_OK : rad_fail(c, RAD_EINVAL, "name too long: %s", name);
}

static rad_status put_metric(rad_ctx *c, const char *name, double value)
{
  char full[160];
  RAD_TRY(full_name(c, name, full));
  json_double(&of(c)->results, full, value);
  return of(c)->results.failed ? RAD_ENOMEM : RAD_OK;
}

static rad_status put_vector(rad_ctx *c, const char *name, size_t n, const float *v)
{
  char full[160];
  RAD_TRY(full_name(c, name, full));
  return vectors_set(&of(c)->vectors, full, n, v);
}

/* --- vectors of jobs --- */
static rad_status copy_vector(rad_ctx *c, const st_file *f, const char *name, size_t seed,
                              size_t *n, float **v)
{
  const size_t nseed = of(c)->x->nseed;
  const st_tensor *t = st_find(f, name);
  size_t bytes;
  if (!t || t->type != RAD_F32)
    return RAD_OK;
  if (!*v) {
    *n = t->bytes / sizeof(float);
    *v = size_mul(t->bytes, nseed, &bytes) ? c->host->scratch(c, bytes + 1) : NULL;
    if (!*v)
      return rad_fail(c, RAD_ENOMEM, "no memory for %s of %zu jobs", name, nseed);
    for (size_t i = 0; i < *n * nseed; i++)
      (*v)[i] = NAN;
  }
  if (t->bytes / sizeof(float) != *n)
    return rad_fail(c, RAD_EINVAL, "%s has %zu numbers with one seed, %zu with another", name, *n,
                    t->bytes / sizeof(float));
  memcpy(*v + seed * *n, t->data, t->bytes);
  return RAD_OK;
}

static rad_status read_job(rad_ctx *c, const trial *t, const job *j, const char *name, size_t *n,
                           float **v)
{
  study *s = of(c);
  arena mem = {0};
  st_file f;
  const char *dir =
      job_folder(&mem, s->dir, t->known.index, s->x->arm[j->arm], s->x->seed[j->seed], 1.0);
  const char *path = dir ? fs_join(&mem, dir, "vectors.safetensors") : NULL;
  rad_status r = path ? RAD_OK : RAD_ENOMEM;
  if (r >= 0 && fs_is_file(path)) {
    r = st_read(&f, path, s->diag);
    if (r >= 0) {
      r = copy_vector(c, &f, name, j->seed, n, v);
      st_free(&f);
    }
  }
  arena_free(&mem);
  return r;
}

static rad_status recall(rad_ctx *c, uint64_t index, const char *arm, const char *name, size_t *n,
                         const float **v)
{
  const study *s = of(c);
  float *all = NULL;
  *n = 0;
  *v = NULL;
  if (index >= s->record.n)
    return rad_fail(c, RAD_EINVAL, "there is no trial %" PRIu64, index);
  const trial *t = s->record.trial[index];
  for (size_t i = 0; i < t->njob; i++)
    if (t->job[i].state == JOB_COMPLETE && strcmp(s->x->arm[t->job[i].arm], arm) == 0)
      RAD_TRY(read_job(c, t, &t->job[i], name, n, &all));
  *v = all;
  return all ? RAD_OK : RAD_DONE;
}

/* --- what there is inside an arm only --- */
static rad_status refuse(rad_ctx *c)
{
  return rad_fail(c, RAD_EINVAL, "there is no network and no sample after the study");
}
static double no_value(rad_ctx *c, const char *metric)
{
  (void)c;
  (void)metric;
  return (double)NAN;
}
static rad_status no_source(rad_ctx *c, const char *name, rad_source **s, uint64_t *n)
{
  (void)name;
  *s = NULL;
  *n = 0;
  return refuse(c);
}
static rad_status no_fetch(rad_ctx *c, rad_source *s, const uint64_t *row, uint64_t first, size_t n,
                           rad_batch **b)
{
  (void)s, (void)row, (void)first, (void)n;
  *b = NULL;
  return refuse(c);
}
static rad_status no_pass(rad_ctx *c, rad_model *m, rad_batch *b, uint32_t flags, float scale)
{
  (void)m, (void)b, (void)flags, (void)scale;
  return refuse(c);
}
static rad_status no_derive(rad_ctx *c, const rad_model *m, const rad_set *s, size_t n,
                            rad_model **out)
{
  (void)m, (void)s, (void)n;
  *out = NULL;
  return refuse(c);
}
static rad_status no_train(rad_ctx *c, const rad_training *t)
{
  (void)t;
  return refuse(c);
}
static rad_status no_values(rad_ctx *c, const rad_param *p, float *out)
{
  (void)p, (void)out;
  return refuse(c);
}
static rad_status no_gradient(rad_ctx *c, rad_model *m, rad_batch *b, size_t first, size_t n,
                              float *const *out)
{
  (void)m, (void)b, (void)first, (void)n, (void)out;
  return refuse(c);
}
static rad_status no_replace(rad_ctx *c, const rad_param *p, const float *in)
{
  (void)p, (void)in;
  return refuse(c);
}
static rad_status no_stored(rad_ctx *c, const rad_source *s, rad_part *p)
{
  (void)s, (void)p;
  return refuse(c);
}
static void no_drop(rad_ctx *c)
{
  (void)c;
}
static rad_status pause_study(rad_ctx *c)
{
  (void)c;
  return study_signals() > 0 ? RAD_ECANCEL : RAD_OK;
}
static const rad_lab lab = {.metric = put_metric,
                            .vector = put_vector,
                            .value = no_value,
                            .recall = recall,
                            .source = no_source,
                            .fetch = no_fetch,
                            .pass = no_pass,
                            .derive = no_derive,
                            .train = no_train,
                            .values = no_values,
                            .gradient = no_gradient,
                            .replace = no_replace,
                            .drop = no_drop,
                            .pause = pause_study,
                            .stored = no_stored};

/* --- the measures --- */
static bool looks_at_studies(study *s, const section *m, const char *name)
{
  char room[160];
  const plugin *p = is_searched(name) ? NULL
                                      : plugins_find(s->env->plugins, RAD_MEASURE, name, m->at,
                                                     section_title(m, room), s->diag);
  return p && p->ops.hooks.study;
}

rad_status study_measures_open(study *s)
{
  const config *c = &s->x->base;
  s->env->seed = s->x->seed[0];
  s->measure = arena_alloc(&s->mem, (config_count(c, "measure") + 1) * sizeof *s->measure);
  if (!s->measure)
    return RAD_ENOMEM;
  for (const section *m = NULL; (m = config_next(c, "measure", m));) {
    const char *name = section_value(m, "plugin", "");
    if (!looks_at_studies(s, m, name))
      continue;
    RAD_TRY(instance_new(&s->measure[s->nmeasure], s->env, RAD_MEASURE, name, m));
    instance *i = s->measure[s->nmeasure++];
    i->owner = s;
    i->ctx.lab = &lab;
  }
  return RAD_OK;
}

static rad_status call(study *s, const rad_study *view)
{
  for (size_t i = 0; i < s->nmeasure; i++) {
    instance *m = s->measure[i];
    const size_t mark = scratch_mark(s->env);
    const rad_status r = m->plugin->ops.hooks.study(&m->ctx, m->self, view);
    scratch_release(s->env, mark);
    RAD_TRY(r);
  }
  return RAD_OK;
}

static rad_status measure(study *s, arena *mem)
{
  const record *r = &s->record;
  const rad_trial **list = arena_alloc(mem, (r->n + 1) * sizeof *list);
  rad_study view = {.trial = list,
                    .narm = s->x->narm,
                    .arm = s->x->arm,
                    .nseed = s->x->nseed,
                    .seed = s->x->seed};
  if (!list)
    return RAD_ENOMEM;
  for (size_t i = 0; i < r->n; i++)
    if (r->trial[i]->state == TRIAL_COMPLETE)
      list[view.ntrial++] = &r->trial[i]->known;
  study_begin(s, &s->results, "measures");
  json_open(&s->results, "metrics", '{');
  RAD_TRY(call(s, &view));
  json_close(&s->results, '}');
  RAD_TRY(vectors_write(&s->vectors, s->dir, s->diag));
  return study_post(s, &s->results, true);
}

rad_status study_measures_run(study *s)
{
  arena mem = {0};
  if (s->nmeasure == 0 || s->record.n == 0)
    return RAD_OK;
  rad_status r = measure(s, &mem);
  arena_free(&mem);
  if (r == RAD_EINVAL) { /* what the trials have found stays */
    study_stop(s, EXIT_FAILED);
    r = RAD_OK;
  }
  return r;
}

void study_measures_close(study *s)
{
  for (size_t i = 0; i < s->nmeasure; i++)
    instance_free(s->measure[i]);
  vectors_free(&s->vectors);
  text_free(&s->results);
}
