/* SPDX-License-Identifier: BSD-3-Clause
 * record.c - what is known of a study: its trials and jobs, from the journal's lines. */
#include "record.h"
#include <jansson.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

static const char *const trial_states[] = {"running", "complete", "pruned", "diverged", "failed"};
static const char *const job_states[] = {"waiting",  "running",  "paused",
                                         "complete", "diverged", "failed"};

const char *job_state_name(enum job_state s)
{
  return job_states[s];
}

const char *trial_state_name(enum trial_state s)
{
  return trial_states[s];
}

void record_new(record *r, const experiment *x)
{
  *r = (record){.x = x};
  r->nscore = x->nterm == 0 ? 0 : x->objective.direction == DIRECTION_SUM ? 1 : x->nterm;
}

void record_free(record *r)
{
  for (size_t i = 0; i < r->n; i++) {
    for (size_t k = 0; k < r->trial[i]->njob; k++)
      free(r->trial[i]->job[k].metric);
    free(r->trial[i]->rung);
    free(r->trial[i]->job);
  }
  free(r->trial);
  arena_free(&r->mem);
  *r = (record){0};
}

/* --- one trial more --- */
static double *doubles(arena *mem, size_t n)
{
  size_t bytes;
  if (!size_mul(n + 1, sizeof(double), &bytes))
    return NULL;
  double *v = arena_alloc(mem, bytes);
  for (size_t i = 0; v && i < n; i++)
    v[i] = (double)NAN;
  return v;
}

static trial *new_trial(record *r)
{
  const experiment *x = r->x;
  size_t njob, bytes;
  trial *t = arena_alloc(&r->mem, sizeof *t);
  if (!t || !size_mul(x->narm, x->nseed, &njob) || !size_mul(x->narm, sizeof(uint64_t), &bytes))
    return NULL;
  t->value = doubles(&r->mem, x->space.n);
  t->score = doubles(&r->mem, r->nscore);
  t->violation = doubles(&r->mem, x->nconstraint);
  double *unknown = doubles(&r->mem, r->nscore), *open = doubles(&r->mem, x->nconstraint);
  t->epochs = arena_alloc(&r->mem, bytes);
  t->job = calloc(njob, sizeof *t->job);
  if (!t->value || !t->score || !t->violation || !unknown || !open || !t->epochs || !t->job) {
    free(t->job);
    return NULL;
  }
  t->njob = njob;
  t->share = 1.0;
  for (size_t i = 0; i < njob; i++)
    t->job[i] = (job){.trial = t, .arm = i / x->nseed, .seed = i % x->nseed};
  t->known = (rad_trial){.index = r->n,
                         .state = RAD_RUNNING,
                         .value = t->value,
                         .score = t->score,
                         .violation = t->violation};
  t->hidden = t->known;
  t->hidden.score = unknown;
  t->hidden.violation = open;
  return t;
}

/* An array of exactly n numbers. */
static bool read_numbers(const json_t *a, double *v, size_t n)
{
  if (json_array_size(a) != n)
    return false;
  for (size_t i = 0; i < n; i++)
    if (!json_to_double(json_array_get(a, i), &v[i]))
      return false;
  return true;
}

static bool apply_trial(record *r, const json_t *line)
{
  if (json_member_uint(line, "trial") != r->n)
    return false;
  trial **grown = array_grow(r->trial, r->n, &r->cap, sizeof *grown);
  if (!grown)
    return false;
  r->trial = grown;
  trial *t = new_trial(r);
  if (!t)
    return false;
  if (r->n > 0 && (r->trial[r->n - 1]->state != TRIAL_PRUNED || r->trial[r->n - 1]->given_up))
    r->in_a_row = 0;
  r->trial[r->n++] = t;
  const char *name = json_member_text(line, "given");
  t->given = name ? arena_strdup(&r->mem, name) : NULL;
  t->known.given = t->hidden.given = name != NULL;
  const json_t *epochs = json_object_get(line, "epochs");
  for (size_t i = 0; i < r->x->narm && i < json_array_size(epochs); i++)
    t->epochs[i] = (uint64_t)json_integer_value(json_array_get(epochs, i));
  return (!name || t->given) &&
         read_numbers(json_object_get(line, "point"), t->value, r->x->space.n);
}

/* --- finding --- */
trial *record_trial(const record *r, const json_t *line)
{
  const json_t *index = json_object_get(line, "trial");
  if (!json_is_integer(index) || json_integer_value(index) < 0)
    return NULL;
  const uint64_t i = (uint64_t)json_integer_value(index);
  return i < r->n ? r->trial[i] : NULL;
}

job *record_job(const record *r, const json_t *line)
{
  trial *t = record_trial(r, line);
  const char *arm = json_member_text(line, "arm");
  const uint64_t seed = json_member_uint(line, "seed");
  for (size_t i = 0; t && arm && i < t->njob; i++)
    if (r->x->seed[t->job[i].seed] == seed && strcmp(r->x->arm[t->job[i].arm], arm) == 0)
      return &t->job[i];
  return NULL;
}

/* --- rungs --- */
bool job_ready(const record *r, const job *j)
{
  const trial *t = j->trial;
  const size_t first = r->x->watch.arm * r->x->nseed;
  if (j->state != JOB_WAITING)
    return false;
  if (!r->x->watch.metric)
    return true;
  if (t->level == 0 || t->paused || t->given_up)
    return false;
  for (size_t k = 0; j->arm != r->x->watch.arm && k < r->x->nseed; k++)
    if (t->job[first + k].state < JOB_COMPLETE)
      return false;
  return true;
}

static void go_on(const record *r, trial *t, uint64_t until, double share)
{
  const size_t first = r->x->watch.arm * r->x->nseed;
  t->until = until;
  t->share = share;
  t->arrived = false;
  for (size_t k = 0; k < r->x->nseed; k++)
    if (t->job[first + k].state == JOB_PAUSED)
      t->job[first + k].state = JOB_WAITING;
}

static bool add_rung(trial *t, uint64_t epoch, double value)
{
  rad_rung *grown = array_grow(t->rung, t->nrung, &t->crung, sizeof *grown);
  if (!grown)
    return false;
  t->rung = grown;
  t->rung[t->nrung++] = (rad_rung){.epoch = epoch, .value = value};
  t->known.rung = t->rung;
  t->known.nrung = t->nrung;
  return true;
}

/* Once all jobs of the watched arm have stopped or ended: the trial is at a rung, or at its end
 * (which nobody is asked about). Where one has failed, the others go on to theirs. */
static bool rung_reached(record *r, trial *t)
{
  const watch *w = &r->x->watch;
  const job *j = &t->job[w->arm * r->x->nseed];
  size_t stopped = 0, failed = 0;
  uint64_t epochs = 0;
  if (!w->metric || t->level == 0)
    return true;
  for (size_t k = 0; k < r->x->nseed; k++) {
    if (j[k].state < JOB_PAUSED)
      return true;
    stopped += j[k].state == JOB_PAUSED;
    failed += j[k].state > JOB_COMPLETE;
    epochs = j[k].epochs > epochs ? j[k].epochs : epochs;
  }
  const double v = w->sign * trial_metric(r, t, w->metric, NULL, NULL);
  if (failed == 0 && !isnan(v) && (stopped > 0 || !t->ended)) {
    const uint64_t worth = (uint64_t)fmax(1.0, round(t->share * (double)t->until));
    t->ended = stopped == 0;
    t->arrived = stopped > 0;
    if (!add_rung(t, stopped > 0 ? worth : epochs, v))
      return false;
  }
  if (stopped == 0 || failed > 0 || isnan(v))
    go_on(r, t, 0, 1.0);
  return true;
}

/* --- ends --- */
static bool find_state(const char *const *names, size_t n, const char *name, size_t *out)
{
  for (*out = 0; name && *out < n; (*out)++)
    if (strcmp(names[*out], name) == 0)
      return true;
  return false;
}

static bool read_reason(record *r, const json_t *line, const char **out)
{
  const char *reason = json_member_text(line, "reason");
  *out = reason ? arena_strdup(&r->mem, reason) : NULL;
  return !reason || *out;
}

/* What a job has come to, instead of what was known of it at an earlier rung. */
static bool read_metrics(record *r, const json_t *line, job *j)
{
  json_t *metrics = json_object_get(line, "metrics"), *m;
  const size_t n = json_object_size(metrics);
  const char *name;
  free(j->metric);
  j->nmetric = 0;
  if (!(j->metric = calloc(n + 1, sizeof *j->metric)))
    return false;
  j->epochs = json_member_uint(line, "epochs");
  j->seconds = json_member_double(line, "seconds");
  json_object_foreach(metrics, name, m)
  {
    outcome *o = &j->metric[j->nmetric];
    if (!(o->name = arena_strdup(&r->mem, name)))
      return false;
    o->last = json_member_double(m, "last");
    o->max = json_member_double(m, "max");
    o->min = json_member_double(m, "min");
    j->nmetric++;
  }
  return true;
}

static bool apply_job_end(record *r, const json_t *line)
{
  job *j = record_job(r, line);
  size_t state;
  if (!j || j->state >= JOB_COMPLETE ||
      !find_state(job_states, JOB_FAILED + 1, json_member_text(line, "state"), &state) ||
      state < JOB_COMPLETE || !read_reason(r, line, &j->reason) || !read_metrics(r, line, j))
    return false;
  j->state = (enum job_state)state;
  const char *key = json_member_text(line, "key");
  if (!j->key && key && !(j->key = arena_strdup(&r->mem, key)))
    return false;
  return rung_reached(r, j->trial);
}

static bool apply_pause(record *r, const json_t *line)
{
  job *j = record_job(r, line);
  if (!j || j->state >= JOB_PAUSED || !read_metrics(r, line, j))
    return false;
  j->state = JOB_PAUSED;
  return rung_reached(r, j->trial);
}

static bool apply_verdict(record *r, const json_t *line)
{
  trial *t = record_trial(r, line);
  const char *action = json_member_text(line, "action");
  if (!t || t->state != TRIAL_RUNNING || !action || json_member_uint(line, "level") != t->level)
    return false;
  const bool left = strcmp(action, "leave") == 0; /* no verdict on this level */
  t->level += !left;
  t->given_up = left || strcmp(action, "give up") == 0;
  t->paused = strcmp(action, "pause") == 0;
  if (!t->given_up && !t->paused)
    go_on(r, t, json_member_uint(line, "next"),
          json_object_get(line, "share") ? json_member_double(line, "share") : 1.0);
  return true;
}

static bool apply_trial_end(record *r, const json_t *line)
{
  static const uint32_t seen[] = {RAD_RUNNING, RAD_FINISHED, RAD_PRUNED, RAD_FAILED, RAD_FAILED};
  trial *t = record_trial(r, line);
  size_t state;
  if (!t || t->state != TRIAL_RUNNING ||
      !find_state(trial_states, TRIAL_FAILED + 1, json_member_text(line, "state"), &state) ||
      state == TRIAL_RUNNING || !read_reason(r, line, &t->reason))
    return false;
  t->state = (enum trial_state)state;
  t->known.state = seen[state];
  if (t->state == TRIAL_PRUNED && !t->given_up) {
    r->ruled_out++;
    r->in_a_row += t->known.index + 1 == r->n;
  }
  return read_numbers(json_object_get(line, "score"), t->score, r->nscore) &&
         read_numbers(json_object_get(line, "violation"), t->violation, r->x->nconstraint);
}

static bool apply_epoch(record *r, const json_t *line)
{
  job *j = record_job(r, line);
  const uint64_t epoch = json_member_uint(line, "epoch");
  if (j && epoch >= j->seen)
    j->seen = epoch + 1;
  return j != NULL;
}

static bool apply_crash(record *r, const json_t *line)
{
  job *j = record_job(r, line);
  if (j)
    j->crashes++;
  return j != NULL;
}

static bool apply_fingerprint(record *r, const json_t *line)
{
  const char *f = json_member_text(line, "fingerprint");
  r->changed = r->changed || (r->fingerprint && f && strcmp(f, r->fingerprint) != 0);
  r->fingerprint = f ? arena_strdup(&r->mem, f) : NULL;
  return r->fingerprint != NULL;
}

static bool apply_measures(record *r, const json_t *line)
{
  json_t *metrics = json_object_get(line, "metrics"), *m;
  const size_t n = json_object_size(metrics);
  const char *name;
  r->nmetric = 0;
  r->metric = arena_alloc(&r->mem, (n + 1) * sizeof *r->metric);
  if (!r->metric)
    return false;
  json_object_foreach(metrics, name, m)
  {
    outcome *o = &r->metric[r->nmetric++];
    o->name = arena_strdup(&r->mem, name);
    if (!o->name || !json_to_double(m, &o->last))
      return false;
  }
  return true;
}

static bool apply_study(record *r, const json_t *line)
{
  const char *name = json_member_text(line, "name");
  if (!r->name)
    r->name = name ? arena_strdup(&r->mem, name) : NULL;
  return r->name != NULL;
}

static bool apply_end(record *r, const json_t *line)
{
  const char *state = json_member_text(line, "text");
  r->complete = state && strcmp(state, "complete") == 0;
  return state != NULL;
}

static bool ignore(record *r, const json_t *line)
{
  return r && line;
}

rad_status record_apply(record *r, const json_t *line, diag *d)
{
  static const struct {
    const char *name;
    bool (*apply)(record *, const json_t *);
  } events[] = {
      {"epoch", apply_epoch},
      {"trial", apply_trial},
      {"trial_end", apply_trial_end},
      {"job_end", apply_job_end},
      {"crash", apply_crash},
      {"fingerprint", apply_fingerprint},
      {"study", apply_study},
      {"job", ignore},
      {"end", apply_end},
      {"measures", apply_measures},
      {"pause", apply_pause},
      {"verdict", apply_verdict},
      {"reuse", ignore},
  };
  const char *event = json_member_text(line, "event");
  const double time = json_member_double(line, "time");
  const unsigned seq = (unsigned)json_member_uint(line, "seq");
  if (event && strcmp(event, "study") != 0 && time > r->last)
    r->wall += time - r->last;
  r->last = time;
  r->complete = false;
  for (size_t i = 0; event && i < sizeof events / sizeof events[0]; i++)
    if (strcmp(event, events[i].name) == 0) {
      if (events[i].apply(r, line))
        return RAD_OK;
      break;
    }
  return diag_error(d, RAD_EIO, (origin){.file = "journal.jsonl", .line = seq},
                    "this event does not fit what is before it (%s)", event ? event : "no name");
}

/* --- metrics --- */
static const outcome *find_outcome(const job *j, const char *name, size_t n)
{
  for (size_t i = 0; i < j->nmetric; i++)
    if (strlen(j->metric[i].name) == n && strncmp(j->metric[i].name, name, n) == 0)
      return &j->metric[i];
  return NULL;
}

double job_metric(const job *j, const char *name)
{
  size_t n = strlen(name);
  const char *part = n > 4 ? name + n - 4 : "";
  const bool max = strcmp(part, ".max") == 0, min = strcmp(part, ".min") == 0;
  if (max || min)
    n -= 4;
  const outcome *o = find_outcome(j, name, n);
  if (!o && n == 6 && strncmp(name, "epochs", n) == 0)
    return (double)j->epochs;
  if (!o && n == 7 && strncmp(name, "seconds", n) == 0)
    return j->seconds;
  return !o ? (double)NAN : max ? o->max : min ? o->min : o->last;
}

/* Which arm a metric is of, and its name there. */
static size_t metric_arm(const experiment *x, const char **metric)
{
  for (size_t i = 0; i < x->narm; i++) {
    const size_t n = strlen(x->arm[i]);
    if (strncmp(*metric, x->arm[i], n) == 0 && (*metric)[n] == '.') {
      *metric += n + 1;
      return i;
    }
  }
  return 0; /* model.*: every arm has the same network */
}

double trial_metric(const record *r, const trial *t, const char *metric, double *v, size_t *n)
{
  const size_t arm = metric_arm(r->x, &metric), nseed = r->x->nseed;
  double sum = 0.0;
  size_t count = 0;
  for (size_t s = 0; s < nseed; s++) {
    const job *j = &t->job[arm * nseed + s];
    const double x = j->state >= JOB_PAUSED ? job_metric(j, metric) : (double)NAN;
    if (isnan(x))
      continue;
    if (v)
      v[count] = x;
    sum += x;
    count++;
  }
  if (n)
    *n = count;
  return count > 0 ? sum / (double)count : (double)NAN;
}

bool trial_feasible(const record *r, const trial *t)
{
  for (size_t i = 0; i < r->x->nconstraint; i++)
    if (!(t->violation[i] <= 0.0))
      return false;
  return true;
}

const trial *record_best(const record *r)
{
  const trial *best = NULL;
  for (size_t i = 0; r->nscore == 1 && i < r->n; i++) {
    const trial *t = r->trial[i];
    if (t->state == TRIAL_COMPLETE && trial_feasible(r, t) &&
        (!best || t->score[0] > best->score[0]))
      best = t;
  }
  return best;
}
