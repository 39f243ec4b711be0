/* SPDX-License-Identifier: BSD-3-Clause
 * board.h - what console.c knows of a study that runs, and how it is drawn on a terminal: a line
 * for each job that runs, as many as there is room for, and one for the whole:
 *
 *   trial 12  real   seed 1  epoch 17/60  train.loss 0.351  train.accuracy 0.912
 *   [=====>        ]  41 %  job 17/40  trial 9/20  failed 1  best 0.8533 (trial 9)  ETA 2:13
 *
 * It is redrawn in place: up by the lines that stand there, and cleared from there on. */
#ifndef LOGGER_BOARD_H
#define LOGGER_BOARD_H
#include <inttypes.h>
#include <math.h>
#include <rademacher/logger.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

enum { MOST_JOBS = 4096, ARM = 72, SHOWN = 4, LINE = 512 };

typedef struct values { /* metrics of one epoch of a job */
  size_t n;
  char name[SHOWN][32];
  double value[SHOWN];
} values;
typedef struct entry { /* a job that runs */
  bool used;
  char arm[ARM];
  uint64_t trial, seed, epoch, epochs;
  uint64_t told;    /* the epoch that is being told; UINT64_MAX: the job's last values */
  double said;      /* when its last line was printed */
  values now, last; /* of the epoch that is being told, and of the one before it */
} entry;
typedef struct board {
  uint64_t jobs, trials, failed; /* ended: jobs, trials, jobs that failed */
  uint64_t epochs, live;         /* trained: of ended jobs; since this process started */
  double began, drawn;
  bool any;            /* some trial has an objective: */
  double best;         /* the greatest one that keeps the constraints, */
  uint64_t best_trial; /* and whose it is */
  size_t nscore, nconstraint;
  int lines; /* on the screen, above the last one */
  entry entry[MOST_JOBS];
  size_t n;
} board;

static size_t put_values(char *out, size_t room, const values *v)
{
  size_t at = 0;
  for (size_t i = 0; i < v->n && room > at + 1; i++) {
    const int n = snprintf(out + at, room - at, "  %s %.4g", v->name[i], v->value[i]);
    if (n < 0 || (size_t)n >= room - at) {
      out[at] = '\0';
      break;
    }
    at += (size_t)n;
  }
  return at;
}

static void screen(int *columns, int *rows)
{
  struct winsize w;
  const bool known = ioctl(STDERR_FILENO, TIOCGWINSZ, &w) == 0;
  *columns = known && w.ws_col > 0 ? (int)w.ws_col : 80;
  *rows = known && w.ws_row > 0 ? (int)w.ws_row : 24;
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
static double board_done(const board *b)
{
  double jobs = (double)b->jobs;
  for (size_t i = 0; i < b->n; i++)
    if (b->entry[i].used && b->entry[i].epochs > 0) /* rounds of compression count on */
      jobs += fmin(1.0, (double)b->entry[i].epoch / (double)b->entry[i].epochs);
  return jobs;
}

/* Numbers of the whole; the time to go from what this process has got through. */
static void put_whole(const board *b, const rad_event *e, char *out, size_t room)
{
  char eta[32] = "-", failed[32] = "", best[64] = "";
  const double seconds = e->time - b->began, done = board_done(b);
  const double left = e->njob > 0 ? (double)e->njob - done : 0.0;
  const double jobs =
      b->jobs > 0 && b->epochs > 0 ? (double)b->live * (double)b->jobs / (double)b->epochs : done;
  if (jobs > 0.0 && seconds > 0.0)
    put_time(eta, left * seconds / jobs);
  if (b->failed > 0)
    snprintf(failed, sizeof failed, "  failed %" PRIu64, b->failed);
  if (b->any)
    snprintf(best, sizeof best, "  best %.5g (trial %" PRIu64 ")", b->best, b->best_trial);
  snprintf(out, room,
           " %3.0f %%  job %" PRIu64 "/%" PRIu64 "  trial %" PRIu64 "/%" PRIu64
           "%s%s  %.1f epochs/s  ETA %s",
           e->njob > 0 ? 100.0 * done / (double)e->njob : 0.0, b->jobs, e->njob, b->trials,
           e->ntrial, failed, best, seconds > 0.0 ? (double)b->live / seconds : 0.0, eta);
}

static void put_bar(const board *b, const rad_event *e, int columns, char *out, size_t room)
{
  char rest[LINE];
  put_whole(b, e, rest, sizeof rest);
  int cells = columns - (int)strlen(rest) - 3;
  cells = cells > 40 ? 40 : cells;
  const double share = e->njob > 0 ? board_done(b) / (double)e->njob : 0.0;
  const int full = (int)((double)cells * (share > 1.0 ? 1.0 : share));
  size_t at = 0;
  if (cells > 5) {
    out[at++] = '[';
    for (int i = 0; i < cells; i++)
      out[at++] = i < full ? '=' : i == full ? '>' : ' ';
    out[at++] = ']';
  }
  snprintf(out + at, room - at, "%s", rest);
}

static void put_entry(const entry *j, const rad_event *e, char *out, size_t room)
{
  const values *v = j->last.n > 0 ? &j->last : &j->now;
  char trial[32] = "";
  if (e->ntrial != 1)
    snprintf(trial, sizeof trial, "trial %" PRIu64 "  ", j->trial);
  const int n = snprintf(out, room, "  %s%s  seed %" PRIu64 "  epoch %" PRIu64 "/%" PRIu64, trial,
                         j->arm, j->seed, j->epoch, j->epochs);
  if (n > 0 && (size_t)n < room)
    put_values(out + n, room - (size_t)n, v);
}

/* Takes away what board_draw has put there. */
static void board_clear(board *b)
{
  fputs("\r", stderr);
  if (b->lines > 0)
    fprintf(stderr, "\033[%dA", b->lines);
  fputs("\033[J", stderr);
  b->lines = 0;
}

/* How much of a line goes on so many columns: whole parts, which two blanks keep apart. */
static int whole_parts(const char *line, int width)
{
  const int n = (int)strlen(line);
  if (n <= width)
    return n;
  for (int i = width; i > 2; i--)
    if (line[i] == ' ' && line[i - 1] != ' ' && line[i + 1] == ' ')
      return i;
  return width;
}

static void board_draw(board *b, const rad_event *e)
{
  char line[LINE];
  int columns, rows;
  screen(&columns, &rows);
  const int width = columns > 1 ? columns - 1 : 1;
  board_clear(b);
  for (size_t i = 0; i < b->n && b->lines < rows / 2 && b->lines < 16; i++) {
    if (!b->entry[i].used)
      continue;
    put_entry(&b->entry[i], e, line, sizeof line);
    fprintf(stderr, "%.*s\n", whole_parts(line, width), line);
    b->lines++;
  }
  put_bar(b, e, columns, line, sizeof line);
  fprintf(stderr, "%.*s", whole_parts(line, width), line);
  fflush(stderr);
  b->drawn = e->time;
}
#endif
