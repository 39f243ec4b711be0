/* SPDX-License-Identifier: BSD-3-Clause
 * study.c - runs the trials of one experiment in one folder: takes the folder, rebuilds what is
 * known from its journal, then starts jobs and takes in their results until there are no more.
 * To start is to recover: an interrupted study and a new one take the same way. */
#include "running.h"
#include <inttypes.h>
#include <jansson.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <unistd.h>

/* --- signals --- */
static volatile sig_atomic_t signals;

static void on_signal(int number)
{
  (void)number;
  if (signals < 100)
    signals++;
}

int study_signals(void)
{
  return (int)signals;
}

static const int caught[] = {SIGINT, SIGTERM, SIGHUP};
enum { NCAUGHT = sizeof caught / sizeof caught[0] };

static void catch_signals(struct sigaction old[NCAUGHT])
{
  struct sigaction a = {.sa_handler = on_signal};
  sigemptyset(&a.sa_mask);
  signals = 0;
  for (size_t i = 0; i < NCAUGHT; i++)
    if (sigaction(caught[i], NULL, &old[i]) == 0 && old[i].sa_handler != SIG_IGN) /* nohup */
      sigaction(caught[i], &a, NULL);
}

static void release_signals(const struct sigaction old[NCAUGHT])
{
  for (size_t i = 0; i < NCAUGHT; i++)
    if (old[i].sa_handler != SIG_IGN)
      sigaction(caught[i], &old[i], NULL);
}

int exit_status(rad_status s)
{
  return s >= 0             ? EXIT_DONE
         : s == RAD_EINVAL  ? EXIT_USAGE
         : s == RAD_EIO     ? EXIT_IO
         : s == RAD_ECANCEL ? EXIT_TRY_AGAIN
                            : EXIT_FAILED;
}

void study_stop(study *s, int exit)
{
  if (s->exit == EXIT_DONE)
    s->exit = exit;
}

/* --- the journal --- */
void study_begin(study *s, text *line, const char *event)
{
  journal_begin(&s->journal, line, event);
}

static rad_status take(study *s, const json_t *line, bool replay)
{
  RAD_TRY(record_apply(&s->record, line, s->diag));
  return loggers_send(&s->loggers, &s->record, line, replay);
}

static rad_status replay(void *user, const json_t *line, diag *d)
{
  (void)d;
  return take(user, line, true);
}

rad_status study_post(study *s, text *line, bool sync)
{
  RAD_TRY(journal_append(&s->journal, line, sync, s->diag));
  json_t *o = json_loadb(line->s, line->n - 1, 0, NULL);
  const rad_status status = o ? take(s, o, false) : RAD_ENOMEM;
  json_decref(o);
  if (s->o->json && (fputs(line->s, stdout) == EOF || fflush(stdout) != 0))
    return diag_error(s->diag, RAD_EIO, (origin){0}, "cannot write to standard output");
  return status;
}

static rad_status post_text(study *s, const char *event, const char *key, const char *value)
{
  text line = {0};
  study_begin(s, &line, event);
  json_text(&line, key, value);
  const rad_status status = study_post(s, &line, true);
  text_free(&line);
  return status;
}

static rad_status post_study(study *s)
{
  struct utsname host;
  text line = {0};
  study_begin(s, &line, "study");
  json_text(&line, "name", s->record.name ? s->record.name : s->x->name);
  json_int(&line, "pid", (int64_t)getpid());
  json_text(&line, "host", uname(&host) >= 0 ? host.nodename : "");
  const rad_status status = study_post(s, &line, true);
  text_free(&line);
  return status;
}

/* --- the folder --- */
/* Nothing is written into a folder that holds something else. */
static rad_status check_folder(study *s, const char *lock, const char *ini)
{
  const char **name;
  size_t n;
  if (!fs_is_dir(s->dir))
    return RAD_OK;
  RAD_TRY(fs_list(s->dir, &s->mem, &name, &n, s->diag));
  if (n == 0 || fs_is_file(lock)) /* asked last: another process may just have begun here */
    return RAD_OK;
  return diag_error(s->diag, RAD_EINVAL, (origin){0},
                    "%s: is not empty and no run directory%s; say -o with a new name", s->dir,
                    fs_is_file(ini) ? " (it has a config.ini, but no lock)" : "");
}

/* config.ini is written first: a journal alone may be that of another experiment. */
static rad_status check_journal(study *s)
{
  const char *path = fs_join(&s->mem, s->dir, "journal.jsonl");
  if (!path)
    return RAD_ENOMEM;
  if (!fs_is_file(path))
    return RAD_OK;
  return diag_error(s->diag, RAD_EINVAL, (origin){0},
                    "%s: has a journal but no config.ini; restore it from a copy, or say -o with "
                    "a new name",
                    s->dir);
}

static rad_status take_folder(study *s)
{
  char *lock = fs_join(&s->mem, s->dir, "lock"), *ini = fs_join(&s->mem, s->dir, "config.ini");
  bool changed = true;
  if (!lock || !ini)
    return RAD_ENOMEM;
  RAD_TRY(check_folder(s, lock, ini));
  const bool begun = fs_is_file(ini);
  if (!begun)
    RAD_TRY(trial_inspect(s)); /* what cannot run leaves no folder */
  RAD_TRY(fs_mkdirs(s->dir, s->diag));
  RAD_TRY(fs_lock(lock, &s->lock, s->diag));
  sweep(s->dir);
  RAD_TRY(fs_is_file(ini) ? experiment_same(s, ini, &changed) : check_journal(s));
  if (begun && changed)
    RAD_TRY(trial_inspect(s)); /* there may be points that it did not have */
  return changed ? experiment_write(s, ini) : RAD_OK;
}

static rad_status open_study(study *s)
{
  char *path = fs_join(&s->mem, s->dir, "journal.jsonl");
  if (!path)
    return RAD_ENOMEM;
  record_new(&s->record, s->x);
  RAD_TRY(trials_open(s)); /* a search that refuses the space leaves no folder */
  RAD_TRY(pruner_open(s));
  RAD_TRY(study_measures_open(s));
  RAD_TRY(take_folder(s));
  s->env->run_dir = s->dir;
  RAD_TRY(jobs_open(s));
  s->loggers.ntrial = s->planned;
  s->loggers.njob = s->planned * s->x->narm * s->x->nseed;
  RAD_TRY(loggers_open(&s->loggers, s->x));
  RAD_TRY(journal_open(&s->journal, path, replay, s, s->diag));
  if (s->record.complete && trials_over(s))
    return RAD_DONE;
  RAD_TRY(post_study(s));
  for (size_t i = 0; i < s->record.n; i++)
    if (s->record.trial[i]->state == TRIAL_RUNNING)
      RAD_TRY(trial_restore(s, s->record.trial[i]));
  return RAD_OK;
}

/* --- the course --- */
static job *next_job(const study *s)
{
  for (size_t i = 0; i < s->record.n; i++) {
    trial *t = s->record.trial[i];
    for (size_t k = 0; t->state == TRIAL_RUNNING && k < t->njob; k++)
      if (job_ready(&s->record, &t->job[k]) && !reuse_comes(s, &t->job[k]))
        return &t->job[k];
  }
  return NULL;
}

/* The arithmetic must be what it was, or the user must want the change. */
static rad_status check_numbers(study *s)
{
  fs_bytes now = {0};
  arena mem = {0};
  char *path = arena_printf(&mem, "%s/cache/fingerprint.txt", s->dir);
  rad_status status = path ? fs_map(path, 0, 1 << 20, &now, s->diag) : RAD_ENOMEM;
  char *print = NULL, hex[65];
  if (status >= 0)
    status = plugins_sha256(s, hex);
  if (status >= 0)
    print = arena_printf(&mem, "%.*s; plugins %.16s", (int)now.n, (const char *)now.p, hex);
  const char *before = s->record.fingerprint;
  fs_unmap(&now);
  if (status >= 0 && !print)
    status = RAD_ENOMEM;
  if (status >= 0 && before && strcmp(before, print) != 0 && !s->o->accept_numeric_change)
    status = diag_error(s->diag, RAD_EINVAL, (origin){0},
                        "%s: the arithmetic is not what it was, results would differ:\n  then %s\n"
                        "  now  %s\nGo on with --accept-numeric-change, or start in another folder",
                        s->dir, before, print);
  if (status >= 0 && (!before || strcmp(before, print) != 0))
    status = post_text(s, "fingerprint", "fingerprint", print);
  arena_free(&mem);
  return status < 0 ? status : manifest_write(s);
}

static rad_status prepare(study *s)
{
  if (s->nrunning > 0)
    return RAD_OK;
  s->first = next_job(s)->trial->known.index;
  return jobs_start(s, NULL);
}

/* Fills the free places: waiting jobs in order, then the next trial. */
static rad_status start_jobs(study *s)
{
  while (s->exit == EXIT_DONE && s->nrunning < s->slots && study_signals() == 0) {
    RAD_TRY(pruner_judge(s));
    job *j = next_job(s);
    if (j && !s->prepared)
      return prepare(s);
    if (j)
      RAD_TRY(jobs_start(s, j));
    else if (!trial_wanted(s))
      return RAD_OK;
    else
      RAD_TRY(trial_propose(s));
  }
  return RAD_OK;
}

static rad_status run(study *s)
{
  bool checked = false;
  for (;;) {
    if (study_signals() > 0)
      study_stop(s, EXIT_TRY_AGAIN);
    if (s->exit != EXIT_DONE)
      return RAD_OK;
    if (s->prepared && !checked)
      RAD_TRY(check_numbers(s));
    checked = s->prepared;
    RAD_TRY(start_jobs(s));
    if (s->nrunning == 0 && !next_job(s) && !trial_wanted(s)) {
      RAD_TRY(study_measures_run(s));
      return manifest_write(s); /* not yet there where every trial was ruled out */
    }
    RAD_TRY(jobs_watch(s));
  }
}

/* --- the end --- */
static void remove_cache(study *s)
{
  const char **name;
  size_t n;
  char *dir = fs_join(&s->mem, s->dir, "cache");
  if (!dir || !fs_is_dir(dir) || fs_list(dir, &s->mem, &name, &n, s->diag) < 0)
    return;
  for (size_t i = 0; i < n; i++) {
    char *path = fs_join(&s->mem, dir, name[i]);
    if (path)
      unlink(path);
  }
  rmdir(dir);
}

static int close_study(study *s, rad_status status)
{
  if (status < 0)
    study_stop(s, exit_status(status));
  const rad_status drained = jobs_drain(s);
  if (drained < 0)
    study_stop(s, exit_status(drained));
  const char *state = s->exit == EXIT_DONE        ? "complete"
                      : s->exit == EXIT_TRY_AGAIN ? "interrupted"
                                                  : "failed";
  if (s->journal.fd >= 0 && status != RAD_EIO) { /* a full disk has been reported once */
    rad_status last = s->record.complete ? RAD_OK : post_text(s, "end", "text", state);
    if (last >= 0)
      last = summary_write(s, state);
    if (last < 0)
      study_stop(s, exit_status(last));
  }
  if (s->exit == EXIT_DONE)
    remove_cache(s);
  for (size_t i = 0; s->exit == EXIT_DONE && i < s->record.n; i++)
    if (s->record.trial[i]->state == TRIAL_FAILED)
      s->exit = EXIT_CRASHED;
  return s->exit;
}

static void free_study(study *s)
{
  jobs_close(s);
  study_measures_close(s);
  instance_free(s->search);
  instance_free(s->pruner);
  loggers_close(&s->loggers);
  journal_close(&s->journal);
  record_free(&s->record);
  if (s->lock >= 0)
    close(s->lock);
  s->env->run_dir = NULL;
  arena_free(&s->mem);
}

int study_run(experiment *x, const study_options *o)
{
  struct sigaction old[NCAUGHT];
  study s = {.x = x, .o = o, .env = x->env, .diag = x->env->diag, .lock = -1};
  s.journal.fd = -1;
  if (o->quiet || o->json)
    setenv("RADEMACHER_QUIET", "1", 1); /* to loggers that talk to people */
  s.dir = fs_absolute(&s.mem, o->dir);
  catch_signals(old);
  rad_status status = s.dir ? open_study(&s) : RAD_ENOMEM;
  if (status == RAD_OK)
    status = run(&s);
  int exit = close_study(&s, status);
  if ((exit == EXIT_DONE || exit == EXIT_CRASHED) && x->nfinal > 0) {
    const int last = final_run(&s);
    exit = last != EXIT_DONE ? last : exit;
  }
  free_study(&s);
  release_signals(old);
  return exit;
}
