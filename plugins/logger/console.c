/* SPDX-License-Identifier: BSD-3-Clause
 * console.c - progress for people, on standard error: on a terminal one line that is redrawn, with
 * rate and time to go; elsewhere plain lines, at most one for a job every few seconds. What it
 * counts is a function of the events, and replayed ones are counted without a word. */
#include <inttypes.h>
#include <rademacher/logger.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

enum { MOST_JOBS = 4096, ARM = 72, SHOWN = 4, LINE = 512 };

typedef struct entry { /* a job that runs */
  bool used;
  char arm[ARM];
  uint64_t trial, seed, epoch, epochs;
  uint64_t told; /* the epoch that is being told; UINT64_MAX: the job's last values */
  double said;   /* when its last line was printed */
  size_t n;      /* metrics of the epoch that is being told */
  char name[SHOWN][32];
  double value[SHOWN];
} entry;
typedef struct board {
  uint64_t jobs, trials; /* ended */
  uint64_t epochs, live; /* trained: of ended jobs; since this process started */
  uint64_t planned;      /* epochs of the jobs that ended */
  double began, drawn;
  entry entry[MOST_JOBS];
  size_t n;
} board;
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

static entry *find(board *b, const rad_event *e, bool add)
{
  size_t free = b->n;
  for (size_t i = 0; i < b->n; i++) {
    entry *j = &b->entry[i];
    if (j->used && j->trial == e->trial && j->seed == e->seed && strcmp(j->arm, e->arm) == 0)
      return j;
    if (!j->used && free == b->n)
      free = i;
  }
  if (!add || free == MOST_JOBS)
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

/* --- the bar --- */
static int columns(void)
{
  struct winsize w;
  return ioctl(STDERR_FILENO, TIOCGWINSZ, &w) == 0 && w.ws_col > 0 ? (int)w.ws_col : 80;
}

static void put_time(char out[32], double seconds)
{
  const uint64_t s = seconds > 0.0 && seconds < 3.6e8 ? (uint64_t)(seconds + 0.5) : 0;
  if (s >= 3600)
    snprintf(out, 32, "%" PRIu64 ":%02" PRIu64 ":%02" PRIu64, s / 3600, s / 60 % 60, s % 60);
  else
    snprintf(out, 32, "%" PRIu64 ":%02" PRIu64, s / 60, s % 60);
}

/* Share of the work that is done, in jobs; an early end of a job counts as a whole one. */
static double done(const board *b)
{
  double jobs = (double)b->jobs;
  for (size_t i = 0; i < b->n; i++)
    if (b->entry[i].used && b->entry[i].epochs > 0) /* rounds of compression count on */
      jobs += fmin(1.0, (double)b->entry[i].epoch / (double)b->entry[i].epochs);
  return jobs;
}

static void draw(const console *v, const rad_event *e)
{
  board *b = v->board;
  char line[LINE], rest[160], eta[32] = "-";
  const double seconds = e->time - b->began;
  const double share = e->njob > 0 ? done(b) / (double)e->njob : 0.0;
  const double left = e->njob > 0 ? (double)e->njob - done(b) : 0.0;
  double jobs = 0.0; /* that this process has got through */
  if (b->jobs > 0 && b->epochs > 0)
    jobs = (double)b->live * (double)b->jobs / (double)b->epochs;
  else
    jobs = done(b);
  const double rate = seconds > 0.0 ? (double)b->live / seconds : 0.0;
  if (jobs > 0.0 && seconds > 0.0)
    put_time(eta, left * seconds / jobs);
  const int width = columns();
  const int n = snprintf(rest, sizeof rest,
                         " %3.0f %%  job %" PRIu64 "/%" PRIu64 "  trial %" PRIu64 "/%" PRIu64
                         "  %.1f epochs/s  ETA %s",
                         100.0 * share, b->jobs, e->njob, b->trials, e->ntrial, rate, eta);
  int room = width - n - 3;
  room = room > 60 ? 60 : room < 0 ? 0 : room;
  int full = (int)((double)room * share);
  full = full > room ? room : full < 0 ? 0 : full;
  size_t at = 0;
  if (room > 5) {
    line[at++] = '[';
    for (int i = 0; i < room; i++)
      line[at++] = i < full ? '=' : i == full ? '>' : ' ';
    line[at++] = ']';
  }
  snprintf(line + at, sizeof line - at, "%.*s", width > 1 ? width - 1 - (int)at : 1, rest);
  fprintf(stderr, "\r\033[K%s", line);
  b->drawn = e->time;
}

/* A line of its own, above the bar. */
static void say(const console *v, const rad_event *e, bool bad, const char *text)
{
  if (v->bar)
    fputs("\r\033[K", stderr);
  fprintf(stderr, "%s%s%s\n", bad && v->colour ? "\033[31m" : "", text,
          bad && v->colour ? "\033[0m" : "");
  if (v->bar)
    draw(v, e);
}

/* --- lines --- */
static size_t put_job(char *out, size_t room, const rad_event *e)
{
  const int n = e->ntrial == 1 ? snprintf(out, room, "%s, seed %" PRIu64 ":", e->arm, e->seed)
                               : snprintf(out, room, "trial %" PRIu64 ", %s, seed %" PRIu64 ":",
                                          e->trial, e->arm, e->seed);
  return n > 0 && (size_t)n < room ? (size_t)n : 0;
}

static void put_values(char *out, size_t room, const entry *j)
{
  for (size_t i = 0; i < j->n && room > 1; i++) {
    const int n = snprintf(out, room, "  %s %.4g", j->name[i], j->value[i]);
    if (n < 0 || (size_t)n >= room)
      return;
    out += n;
    room -= (size_t)n;
  }
}

static void say_epoch(const console *v, const rad_event *e, entry *j)
{
  char line[LINE];
  if (v->bar || v->quiet || e->replay || j->n == 0 || j->epoch == 0 ||
      e->time - j->said < (double)v->every)
    return;
  size_t n = put_job(line, sizeof line, e);
  n += (size_t)snprintf(line + n, 64, " epoch %" PRIu64 "/%" PRIu64, j->epoch, j->epochs);
  put_values(line + n, sizeof line - n, j);
  say(v, e, false, line);
  j->said = e->time;
}

static bool is_shown(const char *name)
{
  static const char *const shown[] = {"train.loss", "train.accuracy", "val.loss", "val.accuracy"};
  for (size_t i = 0; i < sizeof shown / sizeof shown[0]; i++)
    if (strcmp(name, shown[i]) == 0)
      return true;
  const char *last = strrchr(name, '.');
  return last && strcmp(last, ".round") == 0;
}

/* Metrics come one by one: an epoch is complete when the next one begins. */
static void on_metric(const console *v, const rad_event *e)
{
  entry *j = find(v->board, e, true);
  if (!j)
    return;
  if (e->epoch != j->told) {
    say_epoch(v, e, j);
    j->n = 0;
    j->told = e->epoch;
    if (e->epoch != UINT64_MAX && e->epoch > j->epoch) {
      v->board->live += e->replay ? 0 : e->epoch - j->epoch;
      j->epoch = e->epoch;
    }
  }
  if (j->n < SHOWN && is_shown(e->name)) {
    snprintf(j->name[j->n], sizeof j->name[0], "%s", e->name);
    j->value[j->n++] = e->value;
  }
}

static void on_job_end(const console *v, const rad_event *e)
{
  char line[LINE];
  board *b = v->board;
  entry *j = find(b, e, true);
  const bool bad = e->state != RAD_FINISHED;
  b->jobs++;
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
      put_values(line + n, sizeof line - n, j);
    say(v, e, bad, line);
  }
}

static void on_trial_end(const console *v, const rad_event *e)
{
  char line[LINE];
  const rad_trial *t = e->trial_record;
  v->board->trials++;
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
  if (e->type == RAD_EV_JOB && e->arm) {
    entry *j = find(b, e, true);
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
    fputs("\r\033[K", stderr);
  else if (e->time - b->drawn >= 0.1)
    draw(v, e);
  return RAD_OK;
}

static const rad_logger_ops ops = {.size = sizeof ops, .event = event};
static const rad_plugin console_plugin = {RAD_PLUGIN(RAD_LOGGER, "console", console, &ops),
                                          RAD_KEYS(keys), .init = init, .version = "1",
                                          .summary = "progress, on standard error"};
RAD_EXPORT(&console_plugin)
