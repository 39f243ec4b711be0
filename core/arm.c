/* SPDX-License-Identifier: BSD-3-Clause
 * arm.c - one job from its configuration to result.json, and what can be known of it before. */
#include "arm.h"
#include "experiment.h"
#include "json.h"
#include "train.h"
#include "weights.h"
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

/* --- fingerprint --- */
static const char *libc_version(char out[64])
{
#ifdef _CS_GNU_LIBC_VERSION
  if (confstr(_CS_GNU_LIBC_VERSION, out, 64) > 0)
    return out;
#endif
  (void)out;
  return "libc";
}

static void fingerprint(model *m, text *out)
{
  char libc[64];
  text_printf(out, "%s: %s; %s; compiler %s; release %u", m->backend->plugin->d.name,
              m->math.identity(&m->backend->ctx), libc_version(libc), __VERSION__, RAD_RELEASE);
}

rad_status arm_fingerprint(env *e, const config *trial, const char *arm, text *out)
{
  config c = {0};
  trainer *t = NULL;
  rad_status s = experiment_arm(e, trial, arm, &c);
  if (s >= 0)
    s = trainer_new(&t, e, &c, NULL, true);
  if (s >= 0)
    fingerprint(t->model, out);
  trainer_free(t);
  config_free(&c);
  return s;
}

/* --- files of the job --- */
static char *job_path(const arm_job *j, arena *mem, const char *name)
{
  return fs_join(mem, j->dir, name);
}

/* Keeps the lines of metrics.jsonl that the checkpoint knows of; the rest is trained again. */
static rad_status cut_metrics(const char *path, uint64_t epochs, bool fresh, diag *g)
{
  fs_bytes old = {0};
  size_t keep = 0;
  rad_status s = RAD_OK;
  if (!fs_is_file(path))
    return RAD_OK;
  RAD_TRY(fs_map(path, 0, 0, &old, g));
  for (size_t at = 0; !fresh && at < old.n;) {
    const uint8_t *end = memchr(old.p + at, '\n', old.n - at);
    if (!end)
      break;
    json_t *line = json_loadb((const char *)old.p + at, (size_t)(end - old.p) - at, 0, NULL);
    const json_t *epoch = json_object_get(line, "epoch");
    const bool known = json_is_integer(epoch) && (uint64_t)json_integer_value(epoch) <= epochs;
    json_decref(line);
    if (!known)
      break;
    at = keep = (size_t)(end - old.p) + 1;
  }
  if (keep < old.n)
    s = fs_write(path, old.p, keep, g);
  fs_unmap(&old);
  return s;
}

static rad_status open_log(trainer *t, const char *path, bool fresh)
{
  t->lines = t->epochs;
  RAD_TRY(fresh ? compress_forget(t) : compress_lines(t));
  RAD_TRY(cut_metrics(path, t->lines, fresh, t->env->diag));
  t->log = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0666);
  return t->log >= 0
             ? RAD_OK
             : diag_error(t->env->diag, RAD_EIO, (origin){.file = path}, "%s", strerror(errno));
}

static void put_metric(text *out, const char *name, double last, double max, double min)
{
  json_open(out, name, '{');
  json_double(out, "last", last);
  json_double(out, "max", max);
  json_double(out, "min", min);
  json_close(out, '}');
}

static void put_plain(text *out, const char *name, double value)
{
  put_metric(out, name, value, value, value);
}

static void put_metrics(text *out, trainer *t)
{
  json_open(out, "metrics", '{');
  for (size_t i = 0; i < t->nmetric; i++)
    put_metric(out, t->metric[i].name, t->metric[i].last, t->metric[i].max, t->metric[i].min);
  put_plain(out, "epochs", (double)t->epochs);
  put_plain(out, "seconds", t->seconds);
  put_plain(out, "model.parameters", (double)trainer_parameters(t));
  put_plain(out, "model.active_weights", (double)trainer_active_weights(t));
  put_plain(out, "model.flop", t->flop);
  json_close(out, '}');
}

uint64_t arm_peak_bytes(void)
{
  struct rusage r;
  if (getrusage(RUSAGE_SELF, &r) != 0 || r.ru_maxrss < 0)
    return 0;
#ifdef __APPLE__
  return (uint64_t)r.ru_maxrss;
#else
  return (uint64_t)r.ru_maxrss * 1024;
#endif
}

static rad_status write_result(env *e, const char *path, const char *state, const char *reason,
                               trainer *t)
{
  text out = {0};
  json_open(&out, NULL, '{');
  json_text(&out, "state", state);
  json_text(&out, "reason", reason);
  json_uint(&out, "epochs", t ? t->epochs : 0);
  json_double(&out, "seconds", t ? t->seconds : 0.0);
  json_uint(&out, "peak_bytes", arm_peak_bytes());
  if (t && t->data && t->model && t->metric)
    put_metrics(&out, t);
  if (t && t->fingerprint)
    json_text(&out, "fingerprint", t->fingerprint);
  env_files(e, "files", &out);
  json_close(&out, '}');
  text_puts(&out, "\n");
  const rad_status s = out.failed ? RAD_ENOMEM : fs_write(path, out.s, out.n, e->diag);
  text_free(&out);
  return s;
}

/* --- the job --- */
static rad_status end_hooks(trainer *t)
{
  rad_report r = {.when = t->when, .model = &t->model->pub};
  for (size_t i = 0; i < t->nhook; i++) {
    const hook *h = &t->hook[i];
    if (h->ops->end)
      CALLBACK(t, h->ops->end(&h->instance->ctx, h->instance->self, &r));
  }
  return RAD_OK;
}

static rad_status prepare(trainer *t, const arm_job *j)
{
  text print = {0};
  RAD_TRY(trainer_alloc(t));
  fingerprint(t->model, &print);
  t->fingerprint = arena_strdup(&t->mem, text_str(&print));
  text_free(&print);
  t->dir = j->dir;
  t->until = j->until;
  const rad_status s = checkpoint_read(t, j->accept_numeric_change);
  if (s == RAD_DONE)
    RAD_TRY(weights_begin(t));
  t->started = t->saved = clock_seconds();
  return s < 0 ? s : open_log(t, job_path(j, &t->mem, "metrics.jsonl"), s == RAD_DONE);
}

static rad_status count_flop(trainer *t)
{
  rad_cost cost;
  if (!fit_predicts(t))
    return model_flop(t->model, &t->flop, &(double){0}, NULL);
  RAD_TRY(fit_cost(t, &cost));
  t->flop = cost.predict > 0 ? cost.predict : (double)NAN;
  return RAD_OK;
}

static rad_status run(trainer *t, const arm_job *j)
{
  RAD_TRY(prepare(t, j));
  if (j->samples && t->run.seeds.n > 0 && t->run.seeds.v[0] == (double)j->seed)
    RAD_TRY(samples_write(t, j->dir));
  const rad_status fitted = fit_run(t);
  if (t->paused)
    RAD_TRY(count_flop(t));
  RAD_TRY(fitted);
  RAD_TRY(end_hooks(t));
  RAD_TRY(checkpoint_write(t));
  RAD_TRY(checkpoint_best(t));
  RAD_TRY(vectors_write(&t->vectors, j->dir, t->env->diag));
  RAD_TRY(compress_run(t));
  return count_flop(t);
}

rad_status arm_run(env *e, const arm_job *j)
{
  config c = {0};
  trainer *t = NULL;
  arena mem = {0};
  const char *result = job_path(j, &mem, "result.json");
  const char *paused = job_path(j, &mem, "paused.json");
  rad_status s = result && paused ? RAD_OK : RAD_ENOMEM;
  if (s >= 0 && fs_is_file(result)) {
    arena_free(&mem);
    return RAD_OK;
  }
  e->seed = j->seed;
  e->share = j->share;
  if (s >= 0)
    s = experiment_arm(e, j->trial, j->arm, &c);
  if (s >= 0)
    s = trainer_new(&t, e, &c, j->cache, false);
  if (s >= 0)
    s = run(t, j);
  if (s >= 0)
    s = write_result(e, result, "complete", "", t);
  else if (s == RAD_EDIVERGED)
    s = write_result(e, result, "diverged", t->reason[0] ? t->reason : "a plugin says so", t);
  else if (s == RAD_EINVAL || s == RAD_ENOMEM)
    s = write_result(e, result, "failed", text_str(&e->diag->messages), t);
  else if (s == RAD_ECANCEL && t->paused && write_result(e, paused, "paused", "", t) < 0)
    s = RAD_EIO;
  if (t && t->log >= 0)
    close(t->log);
  trainer_free(t);
  config_free(&c);
  arena_free(&mem);
  return s;
}
