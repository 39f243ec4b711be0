/* SPDX-License-Identifier: BSD-3-Clause
 * results.c - what a job leaves in its folder: metrics.jsonl while it trains, result.json at its
 * end, and where that is missing, how its process ended. */
#define _DEFAULT_SOURCE /* strsignal is POSIX; O_CLOEXEC too */
#include "running.h"
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <jansson.h>
#include <math.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { MOST_AT_ONCE = 1 << 22, LOG_BYTES = 2048, LOG_LINES = 8 };

rad_status job_post(study *s, text *line, const char *event, const job *j)
{
  study_begin(s, line, event);
  json_uint(line, "trial", j->trial->known.index);
  json_text(line, "arm", s->x->arm[j->arm]);
  json_uint(line, "seed", s->x->seed[j->seed]);
  return RAD_OK;
}

/* --- metrics.jsonl --- */
static rad_status post_epoch(study *s, const job *j, const char *line, size_t n)
{
  json_t *o = json_loadb(line, n, 0, NULL), *m;
  const json_t *epoch = json_object_get(o, "epoch");
  rad_status status = RAD_OK;
  if (json_is_integer(epoch) && json_member_uint(o, "epoch") >= j->seen) {
    text out = {0};
    const char *name;
    double v;
    job_post(s, &out, "epoch", j);
    json_uint(&out, "epoch", json_member_uint(o, "epoch"));
    json_double(&out, "seconds", json_member_double(o, "seconds"));
    json_open(&out, "metrics", '{');
    json_object_foreach(json_object_get(o, "metrics"), name, m) if (json_to_double(m, &v))
        json_double(&out, name, v);
    json_close(&out, '}');
    status = study_post(s, &out, false);
    text_free(&out);
  }
  json_decref(o);
  return status;
}

static bool read_at(int fd, off_t at, text *out, size_t n)
{
  char room[65536];
  while (n > 0) {
    const ssize_t got = pread(fd, room, n < sizeof room ? n : sizeof room, at);
    if (got < 0 && errno == EINTR)
      continue;
    if (got <= 0)
      return false;
    text_add(out, room, (size_t)got);
    n -= (size_t)got;
    at += got;
  }
  return !out->failed;
}

/* Is the line that was read last still the one before r->offset? A worker that starts again cuts
 * the file back to its checkpoint, and then writes other times. */
static bool same_place(int fd, const running *r, off_t size)
{
  text now = {0};
  if (r->line.n == 0 || size < r->offset)
    return false;
  const bool same = read_at(fd, r->offset - (off_t)r->line.n, &now, r->line.n) &&
                    memcmp(now.s, r->line.s, now.n) == 0;
  text_free(&now);
  return same;
}

static rad_status read_news(study *s, running *r, int fd, off_t size)
{
  text news = {0};
  rad_status status = RAD_OK;
  if (!same_place(fd, r, size))
    r->offset = 0;
  const off_t left = size - r->offset;
  if (left > 0 && read_at(fd, r->offset, &news, left < MOST_AT_ONCE ? (size_t)left : MOST_AT_ONCE))
    for (size_t at = 0; status >= 0 && at < news.n;) {
      const char *end = memchr(news.s + at, '\n', news.n - at);
      if (!end)
        break; /* it is being written */
      const size_t n = (size_t)(end - (news.s + at)) + 1;
      status = post_epoch(s, r->job, news.s + at, n);
      text_clear(&r->line);
      text_add(&r->line, news.s + at, n);
      r->offset += (off_t)n;
      at += n;
    }
  text_free(&news);
  return status < 0 ? status : r->line.failed ? RAD_ENOMEM : RAD_OK;
}

rad_status job_tail(study *s, running *r)
{
  struct stat st;
  if (job_share(s, r->job) < 1.0) /* no epochs of the whole training */
    return RAD_OK;
  char *path = fs_join(&r->mem, r->dir, "metrics.jsonl");
  const int fd = path ? open(path, O_RDONLY | O_CLOEXEC) : -1;
  rad_status status = path ? RAD_OK : RAD_ENOMEM;
  if (fd >= 0) {
    if (fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && st.st_size != r->offset)
      for (off_t before = -1; status >= 0 && r->offset != before && r->offset < st.st_size;) {
        before = r->offset;
        status = read_news(s, r, fd, st.st_size);
      }
    close(fd);
  }
  return status;
}

/* --- result.json --- */
static void put_metrics(text *line, json_t *metrics)
{
  json_t *m;
  const char *name;
  json_open(line, "metrics", '{');
  json_object_foreach(metrics, name, m)
  {
    json_open(line, name, '{');
    json_double(line, "last", json_member_double(m, "last"));
    json_double(line, "max", json_member_double(m, "max"));
    json_double(line, "min", json_member_double(m, "min"));
    json_close(line, '}');
  }
  json_close(line, '}');
}

static rad_status post_pause(study *s, job *j, const json_t *o)
{
  text line = {0};
  job_post(s, &line, "pause", j);
  json_uint(&line, "epochs", json_member_uint(o, "epochs"));
  json_double(&line, "seconds", json_member_double(o, "seconds"));
  put_metrics(&line, json_object_get(o, "metrics"));
  const rad_status status = study_post(s, &line, true);
  text_free(&line);
  return status;
}

static rad_status post_job_end(study *s, job *j, const char *state, const char *reason, json_t *o)
{
  text line = {0};
  job_post(s, &line, "job_end", j);
  if (j->key)
    json_text(&line, "key", j->key);
  json_text(&line, "state", state);
  if (reason && *reason)
    json_text(&line, "reason", reason);
  json_uint(&line, "epochs", json_member_uint(o, "epochs"));
  json_double(&line, "seconds", o ? json_member_double(o, "seconds") : 0.0);
  put_metrics(&line, json_object_get(o, "metrics"));
  const rad_status status = study_post(s, &line, true);
  text_free(&line);
  if (status < 0)
    return status;
  for (size_t i = 0; i < j->trial->njob; i++)
    if (j->trial->job[i].state < JOB_COMPLETE)
      return RAD_OK;
  return trial_end(s, j->trial);
}

/* Epochs that nobody has seen yet. */
static rad_status read_epochs(study *s, job *j, const char *dir)
{
  running look = {.job = j, .dir = dir};
  const rad_status status = job_tail(s, &look);
  text_free(&look.line);
  arena_free(&look.mem);
  return status;
}

/* `o`: its result.json. What ends well on a share of the samples has come to a rung. */
static rad_status job_ended(study *s, job *j, const char *state, json_t *o, const char *dir)
{
  const bool part = job_share(s, j) < 1.0;
  if (part && strcmp(state, "complete") == 0)
    return post_pause(s, j, o);
  RAD_TRY(read_epochs(s, j, dir));
  RAD_TRY(post_job_end(s, j, state, json_member_text(o, "reason"), o));
  if (!part)
    reuse_keep(s, j, dir);
  return RAD_OK;
}

/* Has it stopped at the rung that it was sent to? */
static rad_status job_paused(study *s, job *j, const char *path, const char *dir)
{
  json_t *o = fs_is_file(path) ? json_load_file(path, 0, NULL) : NULL;
  rad_status status = RAD_DONE;
  if (o && json_member_uint(o, "epochs") >= job_until(s, j)) {
    status = read_epochs(s, j, dir);
    if (status >= 0)
      status = post_pause(s, j, o);
  }
  json_decref(o);
  return status;
}

rad_status job_result(study *s, job *j, const char *dir)
{
  arena mem = {0};
  char *path = fs_join(&mem, dir, "result.json"), *paused = fs_join(&mem, dir, "paused.json");
  rad_status status = path && paused ? RAD_DONE : RAD_ENOMEM;
  if (status == RAD_DONE && fs_is_file(path)) {
    json_t *o = json_load_file(path, 0, NULL);
    const char *state = json_member_text(o, "state");
    if (state && (strcmp(state, "complete") == 0 || strcmp(state, "diverged") == 0 ||
                  strcmp(state, "failed") == 0)) {
      status = job_ended(s, j, state, o, dir);
    } else { /* left there, it would keep the job from ever being done */
      diag_warning(s->diag, (origin){.file = path},
                   "is damaged: the job goes on from its checkpoint");
      unlink(path);
    }
    json_decref(o);
  } else if (status == RAD_DONE && job_until(s, j) > 0) {
    status = job_paused(s, j, paused, dir);
  }
  arena_free(&mem);
  return status;
}

/* --- no result --- */
void log_tail(const char *path, text *out)
{
  struct stat st;
  text end = {0};
  const int fd = open(path, O_RDONLY | O_CLOEXEC);
  if (fd < 0)
    return;
  if (fstat(fd, &st) == 0 && st.st_size > 0) {
    const off_t n = st.st_size < LOG_BYTES ? st.st_size : LOG_BYTES;
    read_at(fd, st.st_size - n, &end, (size_t)n);
  }
  close(fd);
  while (end.n > 0 && end.s[end.n - 1] == '\n')
    end.s[--end.n] = '\0';
  size_t from = end.n;
  for (int lines = 0; from > 0; from--)
    if (end.s[from - 1] == '\n' && ++lines == LOG_LINES)
      break;
  text_puts(out, text_str(&end) + from);
  text_free(&end);
}

static void put_how(const rad_job *r, text *out)
{
  if (r->signal != 0)
    text_printf(out, "killed by signal %d (%s)", (int)r->signal, strsignal((int)r->signal));
  else if (r->exit < 0)
    text_puts(out, "lost");
  else
    text_printf(out, "ended with exit status %d and without a result", (int)r->exit);
  text last = {0};
  log_tail(r->log, &last);
  if (last.n > 0)
    text_printf(out, ": %s", last.s);
  text_free(&last);
}

/* Counted in the journal: a job that always crashes is not tried for ever, resumed or not. */
static rad_status crashed(study *s, job *j, const char *how)
{
  text line = {0};
  job_post(s, &line, "crash", j);
  json_text(&line, "reason", how);
  const rad_status status = study_post(s, &line, true);
  text_free(&line);
  if (status < 0 || j->crashes <= s->x->search.retries)
    return status;
  return post_job_end(s, j, "failed", how, NULL);
}

static rad_status prepared(study *s, const rad_job *r, const char *how)
{
  if (r->exit == 0 && r->signal == 0) {
    s->prepared = true;
    return RAD_OK;
  }
  if (r->signal != 0 && s->preparations++ < s->x->search.retries)
    return RAD_OK; /* it is started again */
  diag_error(s->diag, RAD_EINVAL, (origin){0}, "the data sets cannot be prepared: %s", how);
  study_stop(s, r->exit == EXIT_USAGE || r->exit == EXIT_IO ? r->exit : EXIT_FAILED);
  return RAD_OK;
}

rad_status job_finish(study *s, running *r)
{
  job *j = r->job;
  text how = {0};
  if (j) {
    j->state = JOB_WAITING;
    const rad_status status = job_result(s, j, r->dir);
    if (status != RAD_DONE)
      return status;
  }
  rad_status status = RAD_OK;
  put_how(&r->r, &how);
  if (!j) {
    status = prepared(s, &r->r, text_str(&how));
  } else if (r->r.exit == EXIT_IO && r->r.signal == 0) { /* a full disk fills for all */
    diag_error(s->diag, RAD_EIO, (origin){0}, "trial %" PRIu64 ", %s: %s", j->trial->known.index,
               s->x->arm[j->arm], text_str(&how));
    study_stop(s, EXIT_IO);
  } else if (s->exit == EXIT_DONE) {
    status = crashed(s, j, text_str(&how));
  } /* else it was stopped, and goes on from its checkpoint next time */
  text_free(&how);
  return status;
}
