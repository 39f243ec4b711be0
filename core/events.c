/* SPDX-License-Identifier: BSD-3-Clause
 * events.c - the journal's lines as events for loggers. A logger's files are drawn anew by every
 * process that runs the study: what it appends first replaces what was there. */
#include "running.h"
#include "services.h"
#include <inttypes.h>
#include <jansson.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* --- files --- */
static bool is_known(const loggers *l, const char *name, size_t *at)
{
  size_t lo = 0, hi = l->nfile;
  int order = 1;
  while (lo < hi && order != 0) {
    const size_t mid = lo + (hi - lo) / 2;
    order = strcmp(name, l->file[mid]);
    lo = order > 0 ? mid + 1 : lo;
    hi = order > 0 ? hi : mid;
  }
  *at = lo;
  return order == 0;
}

static rad_status append(rad_ctx *c, const char *name, const void *bytes, size_t n)
{
  loggers *l = ((instance *)c->core)->owner;
  size_t at;
  if (name && !is_known(l, name, &at)) {
    RAD_TRY(service_remove(c, name));
    const char **grown = array_grow(l->file, l->nfile, &l->cfile, sizeof *grown);
    const char *copy = arena_strdup(&l->mem, name);
    l->file = grown ? grown : l->file;
    if (!grown || !copy)
      return rad_fail(c, RAD_ENOMEM, "out of memory");
    memmove(l->file + at + 1, l->file + at, (l->nfile++ - at) * sizeof *l->file);
    l->file[at] = copy;
  }
  return host_services.append(c, name, bytes, n);
}

/* Terms of the objective, by the names that people know them by. */
static rad_status name_terms(loggers *l, const experiment *x)
{
  const size_t n = x->space.view.nscore;
  if (!(l->term = arena_alloc(&l->mem, (n + 1) * sizeof *l->term)))
    return RAD_ENOMEM;
  const bool sum = n == 1 && (x->nterm > 1 || x->term[0].weight != 1.0);
  for (size_t i = 0; i < n; i++)
    l->term[i] = sum ? "objective" : x->term[i].metric;
  return RAD_OK;
}

static rad_status begin(loggers *l, const experiment *x, size_t most)
{
  l->host = host_services;
  l->host.append = append;
  l->diag = x->env->diag;
  l->v = arena_alloc(&l->mem, (most + 1) * sizeof *l->v);
  return l->v ? name_terms(l, x) : RAD_ENOMEM;
}

static rad_status add(loggers *l, env *e, const char *name, const section *s)
{
  RAD_TRY(instance_new(&l->v[l->n], e, RAD_LOGGER, name, s));
  instance *v = l->v[l->n++];
  v->ctx.host = &l->host;
  v->owner = l;
  return instance_state(v);
}

rad_status loggers_open(loggers *l, experiment *x)
{
  RAD_TRY(begin(l, x, config_count(&x->base, "logger")));
  for (const section *s = NULL; (s = config_next(&x->base, "logger", s));) {
    const char *name = section_value(s, "plugin", NULL);
    if (!name)
      return diag_error(x->env->diag, RAD_EINVAL, s->at, "[logger %s] plugin is missing", s->name);
    RAD_TRY(add(l, x->env, name, s));
  }
  return RAD_OK;
}

rad_status loggers_talk(loggers *l, experiment *x)
{
  const plugin *const *v;
  size_t n;
  RAD_TRY(plugins_scan(x->env->plugins, &v, &n, x->env->diag));
  RAD_TRY(begin(l, x, n));
  for (size_t i = 0; i < n; i++) {
    const section plain = {.kind = "logger", .name = v[i]->d.name};
    if (v[i]->d.kind == RAD_LOGGER && (v[i]->ops.logger.flags & RAD_LOGGER_TALKS))
      RAD_TRY(add(l, x->env, v[i]->d.name, &plain));
  }
  return RAD_OK;
}

void loggers_close(loggers *l)
{
  for (size_t i = 0; i < l->n; i++)
    instance_free(l->v[i]);
  free(l->file);
  arena_free(&l->mem);
  *l = (loggers){0};
}

/* --- events --- */
/* Reads `file` of the job that has ended, once; what cannot be read is not there, and a warning. */
static rad_status job_arrays(rad_ctx *c, arrays *a, const char *file,
                             rad_status read(arrays *, const char *, diag *))
{
  const loggers *l = ((instance *)c->core)->owner;
  diag why = {0};
  arena mem = {0};
  if (!l->job)
    return rad_fail(c, RAD_EINVAL, "asks for what a job has left where none has ended");
  const char *path = a->v ? NULL : fs_join(&mem, l->job, file);
  if (path && read(a, path, &why) < 0)
    diag_warning(l->diag, (origin){.file = path}, "is left out: %.*s",
                 (int)(why.messages.n > 0 ? why.messages.n - 1 : 0), text_str(&why.messages));
  const bool failed = !a->v && !path;
  diag_free(&why);
  arena_free(&mem);
  return failed ? rad_fail(c, RAD_ENOMEM, "out of memory") : RAD_OK;
}

static rad_status weights(rad_ctx *c, const rad_event *e, size_t *n, const rad_array *const **v)
{
  loggers *l = ((instance *)c->core)->owner;
  (void)e;
  RAD_TRY(job_arrays(c, &l->weights, "last.safetensors", arrays_weights));
  *n = l->weights.n;
  *v = l->weights.v;
  return RAD_OK;
}

static rad_status samples(rad_ctx *c, const rad_event *e, size_t *n, const rad_array *const **v)
{
  loggers *l = ((instance *)c->core)->owner;
  (void)e;
  RAD_TRY(job_arrays(c, &l->samples, "samples.safetensors", arrays_all));
  *n = l->samples.n;
  *v = l->samples.v;
  return RAD_OK;
}

static rad_status tell(loggers *l, const rad_event *e)
{
  for (size_t i = 0; i < l->n; i++) {
    instance *v = l->v[i];
    const size_t mark = scratch_mark(v->env);
    const rad_status s = v->plugin->ops.logger.event(&v->ctx, v->self, e);
    scratch_release(v->env, mark);
    RAD_TRY(s);
  }
  return RAD_OK;
}

static rad_status tell_metrics(loggers *l, rad_event e, const json_t *metrics, bool final)
{
  const char *name;
  json_t *m;
  e.type = RAD_EV_METRIC;
  json_object_foreach((json_t *)(uintptr_t)metrics, name, m)
  {
    e.name = name;
    e.value = (double)NAN;
    if (final)
      e.value = json_member_double(m, "last");
    else
      json_to_double(m, &e.value);
    RAD_TRY(tell(l, &e));
  }
  return RAD_OK;
}

static rad_status tell_end(loggers *l, const rad_event *e, const char *dir)
{
  arena mem = {0};
  l->job = job_folder(&mem, dir, e->trial, e->arm, e->seed, 1.0);
  const rad_status s = l->job ? tell(l, e) : RAD_ENOMEM;
  arrays_free(&l->weights);
  arrays_free(&l->samples);
  l->job = NULL;
  arena_free(&mem);
  return s;
}

/* A line with "NAME.round" is that of a round of compressor NAME. */
static rad_status tell_round(loggers *l, rad_event e, const json_t *metrics)
{
  const char *name;
  json_t *m;
  json_object_foreach((json_t *)(uintptr_t)metrics, name, m)
  {
    const char *dot = strrchr(name, '.');
    if (!dot || strcmp(dot, ".round") != 0 || !json_to_double(m, &e.value))
      continue;
    text of = {0};
    text_add(&of, name, (size_t)(dot - name));
    e.type = RAD_EV_ROUND;
    e.name = text_str(&of);
    const rad_status s = of.failed ? RAD_ENOMEM : tell(l, &e);
    text_free(&of);
    return s;
  }
  return RAD_OK;
}

static rad_status tell_job_end(loggers *l, const record *r, rad_event e, const json_t *line)
{
  const char *state = json_member_text(line, "state");
  text why = {0};
  e.epoch = UINT64_MAX;
  RAD_TRY(tell_metrics(l, e, json_object_get(line, "metrics"), true));
  e.epoch = json_member_uint(line, "epochs");
  e.type = RAD_EV_JOB_END;
  e.state = strcmp(state, "complete") == 0 ? RAD_FINISHED : RAD_FAILED;
  const char *reason = json_member_text(line, "reason");
  if (e.state == RAD_FAILED)
    text_printf(&why, "%s%s%s", state, reason ? ": " : "", reason ? reason : "");
  e.text = e.state == RAD_FAILED ? text_str(&why) : NULL;
  const rad_status s = tell_end(l, &e, r->x->env->run_dir);
  text_free(&why);
  return s;
}

static rad_status tell_trial(loggers *l, rad_event e, const trial *t, const json_t *line, bool end)
{
  if (!t)
    return RAD_OK;
  e.type = end ? RAD_EV_TRIAL_END : RAD_EV_TRIAL;
  e.trial_record = &t->known;
  e.state = end ? t->known.state : RAD_RUNNING;
  e.text = json_member_text(line, "reason");
  return tell(l, &e);
}

static rad_status dispatch(loggers *l, const record *r, const json_t *line, rad_event e)
{
  const char *event = json_member_text(line, "event");
  const trial *t = record_trial(r, line);
  const job *j = record_job(r, line);
  if (strcmp(event, "study") == 0) { /* once, however often it was resumed */
    e.type = RAD_EV_STUDY;
    const bool first = !l->begun;
    l->begun = true;
    return first ? tell(l, &e) : RAD_OK;
  }
  if (strcmp(event, "trial") == 0)
    return tell_trial(l, e, t, line, false);
  if (strcmp(event, "trial_end") == 0)
    return tell_trial(l, e, t, line, true);
  if (strcmp(event, "job") == 0 && j) {
    e.type = RAD_EV_JOB;
    e.epoch = j->trial->epochs[j->arm];
    return tell(l, &e);
  }
  if (strcmp(event, "epoch") == 0) {
    RAD_TRY(tell_metrics(l, e, json_object_get(line, "metrics"), false));
    return tell_round(l, e, json_object_get(line, "metrics"));
  }
  if (strcmp(event, "job_end") == 0)
    return tell_job_end(l, r, e, line);
  if (strcmp(event, "end") == 0) {
    e.type = RAD_EV_STUDY_END;
    e.text = json_member_text(line, "text");
    return tell(l, &e);
  }
  return RAD_OK;
}

rad_status loggers_send(loggers *l, const record *r, const json_t *line, bool replay)
{
  const rad_event e = {.seq = json_member_uint(line, "seq"),
                       .time = json_member_double(line, "time"),
                       .trial = json_member_uint(line, "trial"),
                       .seed = json_member_uint(line, "seed"),
                       .epoch = json_member_uint(line, "epoch"),
                       .arm = json_member_text(line, "arm"),
                       .ntrial = l->ntrial,
                       .njob = l->njob,
                       .replay = replay,
                       .space = &r->x->space.view,
                       .experiment = r->name ? r->name : r->x->name,
                       .narm = r->x->narm,
                       .nseed = r->x->nseed,
                       .arms = r->x->arm,
                       .seeds = r->x->seed,
                       .terms = l->term,
                       .weights = weights,
                       .samples = samples};
  return dispatch(l, r, line, e);
}
