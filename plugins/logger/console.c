/* SPDX-License-Identifier: BSD-3-Clause
 * console.c - progress for people, on standard error: on a terminal what runs, redrawn in place
 * (board.h), with what has ended above it; elsewhere plain lines, at most one for a job every few
 * seconds. What it counts is a function of the events, and replayed ones are counted without a
 * word. */
#include "board.h"
#include <stdlib.h>

typedef struct console {
  float every;
  bool bar, quiet, colour;
  board *board;
} console;
static const rad_key keys[] = {
    RAD_KEY(console, every, "5", 0, 86400, RAD_FIXED, "seconds between two lines of one job"),
};

static rad_status init(rad_ctx *c, void *self)
{
  console *v = self;
  const char *quiet = getenv("RADEMACHER_QUIET"), *plain = getenv("NO_COLOR"),
             *term = getenv("TERM");
  v->quiet = quiet && *quiet;
  v->bar = isatty(STDERR_FILENO) && !(term && strcmp(term, "dumb") == 0);
  v->colour = v->bar && !(plain && *plain);
  v->board = c->host->alloc(c, 1, sizeof *v->board);
  return v->board ? RAD_OK : rad_fail(c, RAD_ENOMEM, "no memory for the progress of the jobs");
}

static entry *find(board *b, const rad_event *e)
{
  size_t free = b->n;
  for (size_t i = 0; i < b->n; i++) {
    entry *j = &b->entry[i];
    if (j->used && j->trial == e->trial && j->seed == e->seed && strcmp(j->arm, e->arm) == 0)
      return j;
    if (!j->used && free == b->n)
      free = i;
  }
  if (free == MOST_JOBS)
    return NULL;
  entry *j = &b->entry[free];
  *j = (entry){.used = true, .trial = e->trial, .seed = e->seed};
  snprintf(j->arm, sizeof j->arm, "%s", e->arm);
  b->n = free == b->n ? b->n + 1 : b->n;
  return j;
}

/* Of a trial that was given up the jobs count as done; one that was ruled out is none of those that
 * were asked for. */
static void forget(board *b, const rad_event *e, bool begun)
{
  for (size_t i = 0; i < b->n; i++)
    if (b->entry[i].used && b->entry[i].trial == e->trial)
      b->entry[i].used = false;
  b->trials -= !begun;
  b->jobs += begun ? e->njob / e->ntrial : 0;
}

/* A line of its own, above what runs. */
static void say(const console *v, const rad_event *e, bool bad, const char *text)
{
  if (v->bar)
    board_clear(v->board);
  fprintf(stderr, "%s%s%s\n", bad && v->colour ? "\033[31m" : "", text,
          bad && v->colour ? "\033[0m" : "");
  if (v->bar)
    board_draw(v->board, e);
}

static size_t put_job(char *out, size_t room, const rad_event *e)
{
  const int n = e->ntrial == 1 ? snprintf(out, room, "%s, seed %" PRIu64 ":", e->arm, e->seed)
                               : snprintf(out, room, "trial %" PRIu64 ", %s, seed %" PRIu64 ":",
                                          e->trial, e->arm, e->seed);
  return n > 0 && (size_t)n < room ? (size_t)n : 0;
}

static void say_epoch(const console *v, const rad_event *e, entry *j)
{
  char line[LINE];
  if (v->bar || v->quiet || e->replay || j->now.n == 0 || j->epoch == 0 ||
      e->time - j->said < (double)v->every)
    return;
  size_t n = put_job(line, sizeof line, e);
  n += (size_t)snprintf(line + n, 64, " epoch %" PRIu64 "/%" PRIu64, j->epoch, j->epochs);
  put_values(line + n, sizeof line - n, &j->now);
  say(v, e, false, line);
  j->said = e->time;
}

static bool is_shown(const char *name)
{
  static const char *const shown[] = {"train.loss", "train.accuracy", "val.loss", "val.accuracy"};
  for (size_t i = 0; i < sizeof shown / sizeof shown[0]; i++)
    if (strcmp(name, shown[i]) == 0)
      return true;
  return false;
}

/* Metrics come one by one: an epoch is complete when the next one begins. */
static void on_metric(const console *v, const rad_event *e)
{
  entry *j = find(v->board, e);
  if (!j)
    return;
  if (e->epoch != j->told) {
    say_epoch(v, e, j);
    j->last = j->now;
    j->now.n = 0;
    j->told = e->epoch;
    if (e->epoch != UINT64_MAX && e->epoch > j->epoch) {
      v->board->live += e->replay ? 0 : e->epoch - j->epoch;
      j->epoch = e->epoch;
    }
  }
  if (j->now.n < SHOWN && is_shown(e->name)) {
    snprintf(j->now.name[j->now.n], sizeof j->now.name[0], "%s", e->name);
    j->now.value[j->now.n++] = e->value;
  }
}

static void on_job_end(const console *v, const rad_event *e)
{
  char line[LINE];
  board *b = v->board;
  entry *j = find(b, e);
  const bool bad = e->state != RAD_FINISHED;
  b->jobs++;
  b->failed += bad;
  if (j)
    j->used = false; /* it counts as a whole one from here on */
  b->epochs += e->epoch;
  if (!v->quiet && !e->replay) {
    size_t n = put_job(line, sizeof line, e);
    n += (size_t)snprintf(line + n, 64, " %s after %" PRIu64 " epochs", bad ? "ended" : "done",
                          e->epoch);
    if (bad && e->text)
      snprintf(line + n, sizeof line - n, ": %s", e->text);
    else if (j)
      put_values(line + n, sizeof line - n, &j->now);
    say(v, e, bad, line);
  }
}

static void note_best(board *b, const rad_event *e)
{
  const rad_trial *t = e->trial_record;
  if (b->nscore != 1 || e->state != RAD_FINISHED || isnan(t->score[0]))
    return;
  for (size_t k = 0; k < b->nconstraint; k++)
    if (t->violation[k] > 0.0)
      return;
  if (!b->any || t->score[0] > b->best) {
    b->any = true;
    b->best = t->score[0];
    b->best_trial = e->trial;
  }
}

static void on_trial_end(const console *v, const rad_event *e)
{
  char line[LINE];
  const rad_trial *t = e->trial_record;
  v->board->trials++;
  note_best(v->board, e);
  if (e->state == RAD_PRUNED && e->ntrial > 0)
    forget(v->board, e, t->nrung > 0);
  if (v->quiet || e->replay || e->ntrial == 1)
    return;
  size_t n = (size_t)snprintf(line, sizeof line, "trial %" PRIu64 " %s", e->trial,
                              e->state == RAD_FINISHED ? "done"
                              : e->state == RAD_PRUNED ? "given up"
                                                       : "failed");
  if (e->state == RAD_FINISHED && t->score && !isnan(t->score[0]))
    snprintf(line + n, sizeof line - n, ": objective %.6g", t->score[0]);
  else if (e->text)
    snprintf(line + n, sizeof line - n, ": %s", e->text);
  say(v, e, e->state == RAD_FAILED, line);
}

static rad_status event(rad_ctx *c, const void *self, const rad_event *e)
{
  const console *v = self;
  board *b = v->board;
  (void)c;
  if (!e->replay && b->began <= 0.0)
    b->began = e->time;
  if (e->type == RAD_EV_STUDY && e->space) {
    b->nscore = e->space->nscore;
    b->nconstraint = e->space->nconstraint;
  } else if (e->type == RAD_EV_JOB && e->arm) {
    entry *j = find(b, e);
    if (j)
      j->epochs = e->epoch;
  } else if (e->type == RAD_EV_METRIC && e->arm && e->name) {
    on_metric(v, e);
  } else if (e->type == RAD_EV_JOB_END && e->arm) {
    on_job_end(v, e);
  } else if (e->type == RAD_EV_TRIAL_END && e->trial_record) {
    on_trial_end(v, e);
  }
  if (e->replay || v->quiet || !v->bar)
    return RAD_OK;
  if (e->type == RAD_EV_STUDY_END)
    board_clear(b);
  else if (e->time - b->drawn >= 0.1)
    board_draw(b, e);
  return RAD_OK;
}

static const rad_logger_ops ops = {.size = sizeof ops, .event = event, .flags = RAD_LOGGER_TALKS};
static const rad_plugin console_plugin = {RAD_PLUGIN(RAD_LOGGER, "console", console, &ops),
                                          RAD_KEYS(keys), .init = init, .version = "1",
                                          .summary = "progress, on standard error"};
RAD_EXPORT(&console_plugin)
