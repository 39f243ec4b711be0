/* SPDX-License-Identifier: BSD-3-Clause
 * worker.c - one job in a process of its own, so that whatever goes wrong in it costs this job
 * only. It holds the lock of its folder, and does not outlive the coordinator. */
#include "running.h"
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#ifdef __linux__
#include <sys/prctl.h>
#endif
#include "arm.h"

enum { LOCK_TRIES = 100, LOCK_WAIT_MS = 100, SAMPLE_TRIALS = 12 };

/* --- signals --- */
static volatile int cancelled; /* set to 1 and never back: any int will do in a handler */
static volatile sig_atomic_t parent;

static void on_term(int number)
{
  (void)number;
  cancelled = 1;
}

/* Has the coordinator that started this worker gone? */
static bool orphaned(void)
{
  return parent > 0 && getppid() != (pid_t)parent;
}

static void on_alarm(int number)
{
  (void)number;
  if (orphaned())
    cancelled = 1;
  alarm(1);
}

/* The executor says who started this, where that is a process of this machine. Where the system
 * cannot tie us to it, a look once in a second stops us after a checkpoint. */
static void catch_signals(void)
{
  static const int caught[] = {SIGINT, SIGTERM, SIGHUP};
  struct sigaction a = {.sa_handler = on_term, .sa_flags = SA_RESTART};
  int64_t id = 0;
  const char *starter = getenv("RADEMACHER_PARENT");
  sigemptyset(&a.sa_mask);
  for (size_t i = 0; i < sizeof caught / sizeof caught[0]; i++)
    sigaction(caught[i], &a, NULL);
  if (!starter || !text_to_int64(starter, &id) || id <= 1 || id > INT32_MAX)
    return;
  parent = (sig_atomic_t)id;
#ifdef __linux__
  prctl(PR_SET_PDEATHSIG, SIGKILL);
#endif
  a.sa_handler = on_alarm;
  sigaction(SIGALRM, &a, NULL);
  alarm(1);
}

/* --- the command line --- */
typedef struct request {
  const char *dir, *arm, *plugin_dir;
  const char *threads; /* instead of what the trial's file says, or NULL */
  uint64_t trial, seed, until;
  double share; /* of the training samples */
  bool prepare, accept;
} request;

static bool read_number(const char *s, uint64_t *out)
{
  const size_t n = strlen(s);
  int64_t v;
  if (n == 0 || n >= 20 || strspn(s, "0123456789") != n || !text_to_int64(s, &v))
    return false;
  *out = (uint64_t)v;
  return true;
}

static bool read_request(request *q, int argc, char **argv)
{
  const char *word[4];
  int n = 0;
  for (int i = 1; i < argc; i++) {
    const char *next = i + 1 < argc ? argv[i + 1] : "";
    if (strcmp(argv[i], "--accept-numeric-change") == 0)
      q->accept = true;
    else if (strcmp(argv[i], "--plugin-dir") == 0 && *next)
      q->plugin_dir = argv[++i];
    else if (strcmp(argv[i], "--threads") == 0 && *next)
      q->threads = argv[++i];
    else if (strcmp(argv[i], "--until") == 0 && read_number(next, &q->until))
      i++;
    else if (strcmp(argv[i], "--share") == 0 && text_to_double(next, &q->share))
      i++;
    else if (n < 4)
      word[n++] = argv[i];
    else
      return false;
  }
  q->dir = n > 0 ? word[0] : NULL;
  q->prepare = n == 3 && strcmp(word[1], "prepare") == 0;
  if (q->prepare)
    return read_number(word[2], &q->trial);
  q->arm = n == 4 ? word[2] : NULL;
  return n == 4 && text_is_name(q->arm) && read_number(word[1], &q->trial) &&
         read_number(word[3], &q->seed);
}

/* --- data sets --- */
static rad_status prepare_arm(env *e, const config *whole, const char *arm, const char *cache)
{
  config c = {0};
  rad_status s = experiment_arm(e, whole, arm, &c);
  for (const section *d = NULL; s >= 0 && (d = config_next(&c, "dataset", d));)
    s = store_prepare(e, &c, d->name, cache);
  config_free(&c);
  return s;
}

static rad_status write_files(env *e, const char *path)
{
  text out = {0};
  env_files(e, NULL, &out);
  const rad_status s = out.failed ? RAD_ENOMEM : fs_write(path, out.s, out.n, e->diag);
  text_free(&out);
  return s;
}

/* Checksums are taken while decoding: without their list, what is decoded is decoded again. */
static rad_status forget(env *e, const char *cache)
{
  const char **name;
  size_t n;
  RAD_TRY(fs_list(cache, &e->mem, &name, &n, e->diag));
  for (size_t i = 0; i < n; i++) {
    const size_t length = strlen(name[i]);
    const char *path = fs_join(&e->mem, cache, name[i]);
    if (path && length > 5 && strcmp(name[i] + length - 5, ".data") == 0)
      unlink(path);
  }
  return RAD_OK;
}

static rad_status write_fingerprint(env *e, const config *whole, const char *const *arm,
                                    size_t narm, const char *path)
{
  text all = {0}, one = {0};
  rad_status s = RAD_OK;
  for (size_t i = 0; s >= 0 && i < narm; i++) {
    text_clear(&one);
    s = arm_fingerprint(e, whole, arm[i], &one);
    if (i == 0 || !strstr(text_str(&all), text_str(&one)))
      text_printf(&all, "%s%s", i > 0 ? " | " : "", text_str(&one));
  }
  if (s >= 0)
    s = all.failed || one.failed ? RAD_ENOMEM : fs_write(path, text_str(&all), all.n, e->diag);
  text_free(&one);
  text_free(&all);
  return s;
}

static rad_status prepare(env *e, const request *q, config *whole)
{
  char *cache = fs_join(&e->mem, q->dir, "cache");
  char *files = cache ? fs_join(&e->mem, cache, "files.json") : NULL;
  char *print = cache ? fs_join(&e->mem, cache, "fingerprint.txt") : NULL;
  const char *const *arm;
  size_t narm;
  if (!files || !print)
    return RAD_ENOMEM;
  e->checksums = true;
  RAD_TRY(fs_mkdirs(cache, e->diag));
  if (!fs_is_file(files))
    RAD_TRY(forget(e, cache));
  RAD_TRY(config_arms(whole, &arm, &narm));
  for (size_t i = 0; i < narm; i++)
    RAD_TRY(prepare_arm(e, whole, arm[i], cache));
  if (!fs_is_file(files))
    RAD_TRY(write_files(e, files));
  return write_fingerprint(e, whole, arm, narm, print);
}

/* --- a job --- */
/* An old worker of this job may still be about to end: its coordinator was killed just now. */
static rad_status lock_folder(env *e, const char *dir, int *fd)
{
  const char *path = fs_join(&e->mem, dir, "lock");
  if (!path)
    return RAD_ENOMEM;
  for (int i = 1; !cancelled; i++) {
    diag g = {0};
    const rad_status s = fs_lock(path, fd, i < LOCK_TRIES ? &g : e->diag);
    diag_free(&g);
    if (s != RAD_ECANCEL || i == LOCK_TRIES)
      return s == RAD_ECANCEL ? RAD_ENOMEM : s; /* not "stopped": it counts as a crash */
    nanosleep(&(struct timespec){.tv_nsec = LOCK_WAIT_MS * 1000000L}, NULL);
  }
  return RAD_ECANCEL;
}

void sweep(const char *dir)
{
  arena mem = {0};
  diag ignored = {0};
  const char **name;
  size_t n;
  if (fs_is_dir(dir) && fs_list(dir, &mem, &name, &n, &ignored) >= 0)
    for (size_t i = 0; i < n; i++) {
      const char *path = strstr(name[i], ".tmp.") ? fs_join(&mem, dir, name[i]) : NULL;
      if (path)
        unlink(path);
    }
  diag_free(&ignored);
  arena_free(&mem);
}

static rad_status train(env *e, const request *q, config *whole)
{
  int lock = -1;
  char *dir = job_folder(&e->mem, q->dir, q->trial, q->arm, q->seed, q->share);
  char *cache = fs_join(&e->mem, q->dir, "cache");
  if (!dir || !cache)
    return RAD_ENOMEM;
  RAD_TRY(fs_mkdirs(dir, e->diag));
  RAD_TRY(lock_folder(e, dir, &lock));
  sweep(dir);
  e->seed = q->seed;
  const arm_job j = {.trial = whole,
                     .arm = q->arm,
                     .seed = q->seed,
                     .dir = dir,
                     .cache = cache,
                     .until = q->until,
                     .share = q->share,
                     .accept_numeric_change = q->accept,
                     .samples = q->trial < SAMPLE_TRIALS};
  const rad_status s = arm_run(e, &j);
  close(lock);
  return s;
}

static rad_status work(env *e, const request *q)
{
  config whole = {0};
  char *path = trial_config(&e->mem, q->dir, q->trial);
  RAD_TRY(plugins_new(&e->plugins, q->plugin_dir, e->diag));
  rad_status s = path ? config_read(&whole, NULL, path, NULL, 0, e->diag) : RAD_ENOMEM;
  if (s >= 0 && q->threads)
    s = config_set(&whole, "run.threads", q->threads, (origin){0}, e->diag);
  if (s >= 0)
    s = q->prepare ? prepare(e, q, &whole) : train(e, q, &whole);
  config_free(&whole);
  return s;
}

int worker_main(int argc, char **argv)
{
  diag messages = {0};
  env e = {.diag = &messages, .cancelled = &cancelled};
  request q = {.share = 1.0};
  if (!read_request(&q, argc, argv)) {
    fputs("usage: rademacher worker DIR TRIAL ARM SEED | DIR prepare TRIAL\n"
          "This is how `rademacher run` starts its jobs.\n",
          stderr);
    return EXIT_USAGE;
  }
  catch_signals();
  rad_status s = orphaned() ? RAD_ECANCEL : work(&e, &q);
  if (s == RAD_ENOMEM && messages.errors == 0)
    diag_error(&messages, s, (origin){0}, "out of memory");
  diag_flush(&messages);
  plugins_free(e.plugins);
  env_free(&e);
  diag_free(&messages);
  return exit_status(s);
}
