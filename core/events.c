/* SPDX-License-Identifier: BSD-3-Clause
 * events.c - the journal's lines as events for loggers. A logger's files are drawn anew by every
 * process that runs the study: what it appends first replaces what was there. */
#include "running.h"
#include <errno.h>
#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* --- files --- */
static rad_status start_afresh(rad_ctx *c, loggers *l, const char *name)
{
  const char **grown = realloc(l->file, (l->nfile + 1) * sizeof *grown);
  const char *path = c->host->path(c, name);
  if (grown)
    l->file = grown;
  if (!path)
    return RAD_EINVAL;
  if (!grown || !(l->file[l->nfile] = arena_strdup(&l->mem, name)))
    return RAD_ENOMEM;
  l->nfile++;
  if (unlink(path) != 0 && errno != ENOENT)
    return rad_fail(c, RAD_EIO, "cannot replace %s: %s", path, strerror(errno));
  return RAD_OK;
}

static rad_status append(rad_ctx *c, const char *name, const void *bytes, size_t n)
{
  loggers *l = ((instance *)c->core)->owner;
  bool known = false;
  for (size_t i = 0; i < l->nfile; i++)
    known = known || strcmp(l->file[i], name) == 0;
  if (!known)
    RAD_TRY(start_afresh(c, l, name));
  return host_services.append(c, name, bytes, n);
}

rad_status loggers_open(loggers *l, experiment *x)
{
  const size_t n = config_count(&x->base, "logger");
  l->host = host_services;
  l->host.append = append;
  if (!(l->v = arena_alloc(&l->mem, (n + 1) * sizeof *l->v)))
    return RAD_ENOMEM;
  for (const section *s = NULL; (s = config_next(&x->base, "logger", s)); l->n++) {
    const char *name = section_value(s, "plugin", NULL);
    if (!name)
      return diag_error(x->env->diag, RAD_EINVAL, s->at, "[logger %s] plugin is missing", s->name);
    RAD_TRY(instance_new(&l->v[l->n], x->env, RAD_LOGGER, name, s));
    l->v[l->n]->ctx.host = &l->host;
    l->v[l->n]->owner = l;
    const rad_status status = instance_state(l->v[l->n]);
    if (status < 0) {
      l->n++;
      return status;
    }
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

static rad_status tell_job_end(loggers *l, rad_event e, const json_t *line)
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
  const rad_status s = tell(l, &e);
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
    e.space = &r->x->space.view;
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
    return tell_job_end(l, e, line);
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
                       .replay = replay};
  return dispatch(l, r, line, e);
}
