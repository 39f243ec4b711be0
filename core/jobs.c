/* SPDX-License-Identifier: BSD-3-Clause
 * jobs.c - one (trial, arm, seed) each: given to the executor, watched, stopped. */
#include "running.h"
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { WAIT_MS = 100 };

static const rad_executor_ops *ops(const study *s)
{
  return &s->executor->plugin->ops.executor;
}

rad_status jobs_open(study *s)
{
  const section *sec = config_find(&s->x->base, "executor", "");
  const char *name = sec ? section_value(sec, "plugin", NULL) : NULL;
  uint32_t most = UINT32_MAX;
  if (!name)
    return diag_error(s->diag, RAD_EINVAL, sec ? sec->at : (origin){0},
                      "[executor] plugin is missing; `rademacher help executor` lists them");
  RAD_TRY(instance_new(&s->executor, s->env, RAD_EXECUTOR, name, sec));
  if (ops(s)->slots)
    RAD_TRY(ops(s)->slots(&s->executor->ctx, s->executor->self, &most));
  RAD_TRY(instance_state(s->executor));
  const int32_t asked = s->o->jobs > 0 ? s->o->jobs : s->x->search.jobs;
  s->slots = asked > 0 ? (size_t)asked : experiment_slots(s->x);
  if (s->slots > most)
    s->slots = most > 0 ? most : 1;
  s->running = arena_alloc(&s->mem, s->slots * sizeof(running *));
  return s->running ? RAD_OK : RAD_ENOMEM;
}

/* --- starting --- */
uint64_t job_until(const study *s, const job *j)
{
  return s->x->watch.metric && j->arm == s->x->watch.arm ? j->trial->until : 0;
}

double job_share(const study *s, const job *j)
{
  return s->x->watch.metric && j->arm == s->x->watch.arm ? j->trial->share : 1.0;
}

/* program worker DIR TRIAL ARM SEED [--until EPOCH] [--share SHARE], or
 * program worker DIR prepare TRIAL */
static rad_status command(const study *s, running *r)
{
  const job *j = r->job;
  const char **v = arena_alloc(&r->mem, 16 * sizeof *v);
  char share[32];
  size_t n = 0;
  if (!v)
    return RAD_ENOMEM;
  v[n++] = s->o->program;
  v[n++] = "worker";
  v[n++] = s->dir;
  if (j) {
    v[n++] = arena_printf(&r->mem, "%04" PRIu64, j->trial->known.index);
    v[n++] = s->x->arm[j->arm];
    v[n++] = arena_printf(&r->mem, "%" PRIu64, s->x->seed[j->seed]);
  } else {
    v[n++] = "prepare";
    v[n++] = arena_printf(&r->mem, "%04" PRIu64, s->first);
  }
  if (s->o->plugin_dir) {
    v[n++] = "--plugin-dir";
    v[n++] = s->o->plugin_dir;
  }
  v[n++] = "--threads"; /* a study may be gone on with on another machine */
  v[n++] = arena_printf(&r->mem, "%d", (int)s->x->run.threads);
  if (s->record.changed || s->o->accept_numeric_change)
    v[n++] = "--accept-numeric-change";
  if (j && job_until(s, j) > 0) {
    v[n++] = "--until";
    v[n++] = arena_printf(&r->mem, "%" PRIu64, job_until(s, j));
  }
  if (j && job_share(s, j) < 1.0) {
    v[n++] = "--share";
    v[n++] = arena_strdup(&r->mem, text_from_double(share, job_share(s, j)));
  }
  for (size_t i = 0; i < n; i++)
    if (!v[i])
      return RAD_ENOMEM;
  r->r = (rad_job){.id = s->journal.seq,
                   .argv = v,
                   .env = plugins_environment,
                   .dir = s->dir,
                   .log = fs_join(&r->mem, r->dir, "log.txt"),
                   .cores = (uint32_t)s->x->run.threads};
  return r->r.log ? RAD_OK : RAD_ENOMEM;
}

static void free_running(running *r)
{
  text_free(&r->line);
  arena_free(&r->mem);
  free(r);
}

static rad_status launch(study *s, running *r)
{
  RAD_TRY(fs_mkdirs(r->dir, s->diag));
  if (r->job) { /* an earlier coordinator was killed before it saw this */
    RAD_TRY(reuse_take(s, r->job, r->dir));
    const rad_status done = job_result(s, r->job, r->dir);
    if (done != RAD_DONE)
      return done < 0 ? done : RAD_DONE;
  }
  RAD_TRY(command(s, r));
  const size_t mark = scratch_mark(s->env);
  const rad_status started = ops(s)->start(&s->executor->ctx, s->executor->self, &r->r);
  scratch_release(s->env, mark);
  RAD_TRY(started);
  s->running[s->nrunning++] = r;
  if (!r->job)
    return RAD_OK;
  r->job->state = JOB_RUNNING;
  text line = {0};
  rad_status status = job_post(s, &line, "job", r->job);
  if (status >= 0)
    status = study_post(s, &line, false);
  text_free(&line);
  return status;
}

rad_status jobs_start(study *s, job *j)
{
  running *r = calloc(1, sizeof *r);
  if (!r)
    return RAD_ENOMEM;
  r->job = j;
  r->dir = j ? job_folder(&r->mem, s->dir, j->trial->known.index, s->x->arm[j->arm],
                          s->x->seed[j->seed], job_share(s, j))
             : fs_join(&r->mem, s->dir, "cache");
  const size_t before = s->nrunning;
  const rad_status status = r->dir ? launch(s, r) : RAD_ENOMEM;
  if (s->nrunning == before)
    free_running(r);
  return status < 0 ? status : RAD_OK;
}

/* --- watching --- */
static rad_status wait_a_little(study *s)
{
  if (ops(s)->wait) {
    const size_t mark = scratch_mark(s->env);
    const rad_status status = ops(s)->wait(&s->executor->ctx, s->executor->self, WAIT_MS);
    scratch_release(s->env, mark);
    return status;
  }
  nanosleep(&(struct timespec){.tv_nsec = WAIT_MS * 1000000L / 2}, NULL);
  return RAD_OK;
}

rad_status jobs_watch(study *s)
{
  RAD_TRY(wait_a_little(s));
  for (size_t i = 0; i < s->nrunning;) {
    running *r = s->running[i];
    const size_t mark = scratch_mark(s->env);
    const rad_status state = ops(s)->poll(&s->executor->ctx, s->executor->self, &r->r);
    scratch_release(s->env, mark);
    RAD_TRY(state);
    if (r->job)
      RAD_TRY(job_tail(s, r));
    if (state != RAD_DONE) {
      i++;
      continue;
    }
    s->nrunning--; /* keeps the order of starting */
    memmove(&s->running[i], &s->running[i + 1], (s->nrunning - i) * sizeof *s->running);
    const rad_status ended = job_finish(s, r);
    free_running(r);
    RAD_TRY(ended);
  }
  return RAD_OK;
}

static void stop_all(study *s, bool now)
{
  for (size_t i = 0; i < s->nrunning; i++) { /* one that is gone already is no error */
    diag ignored = {0};
    s->env->diag = &ignored;
    ops(s)->stop(&s->executor->ctx, s->executor->self, &s->running[i]->r, now);
    s->env->diag = s->diag;
    diag_free(&ignored);
  }
}

rad_status jobs_drain(study *s)
{
  const int before = study_signals() > 0; /* two may have come at once */
  bool killed = false;
  stop_all(s, false);
  while (s->nrunning > 0) {
    if (!killed && study_signals() > before) {
      stop_all(s, true);
      killed = true;
    }
    RAD_TRY(wait_a_little(s));
    for (size_t i = s->nrunning; i-- > 0;) {
      running *r = s->running[i];
      const rad_status state = ops(s)->poll(&s->executor->ctx, s->executor->self, &r->r);
      if (state == RAD_OK)
        continue;
      s->running[i] = s->running[--s->nrunning];
      free_running(r);
    }
  }
  return RAD_OK;
}

void jobs_close(study *s)
{
  for (size_t i = 0; i < s->nrunning; i++)
    free_running(s->running[i]);
  s->nrunning = 0;
  instance_free(s->executor);
  s->executor = NULL;
}
