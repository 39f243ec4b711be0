/* SPDX-License-Identifier: BSD-3-Clause
 * cmd_watch.c - `rademacher watch`: a run that another process is doing, here or on another machine
 * with the same file system. Only the journal is read; nothing is written or locked. */
#include "commands.h"
#include "report.h"
#include "running.h"
#include <getopt.h>
#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <time.h>

const char watch_usage[] =
    "Usage: rademacher watch DIR [options]\n"
    "\n"
    "Shows the progress of a run that goes on elsewhere, and its verdict once it is complete.\n"
    "\n"
    "  rademacher watch runs/search\n"
    "\n"
    "      --once              what is there now; do not wait for more\n"
    "      --plugin-dir DIR    look for plugins here first\n"
    "  -h, --help              this text\n";

typedef struct view {
  run_dir run;
  loggers loggers;
  bool old; /* the line was there when we came */
} view;

static rad_status take(void *user, const json_t *line, diag *d)
{
  view *v = user;
  RAD_TRY(record_apply(&v->run.record, line, d));
  return loggers_send(&v->loggers, &v->run.record, line, v->old);
}

static rad_status open_run(view *v, journal *j)
{
  run_dir *r = &v->run;
  uint64_t trials;
  RAD_TRY(run_dir_check(r));
  const char *ini = fs_join(&r->mem, r->dir, "config.ini");
  j->path = fs_join(&r->mem, r->dir, "journal.jsonl");
  if (!ini || !j->path)
    return RAD_ENOMEM;
  RAD_TRY(experiment_open(&r->x, r->env, ini, NULL, 0));
  record_new(&r->record, &r->x);
  r->env->seed = r->x.seed[0];
  r->env->run_dir = r->dir;
  RAD_TRY(experiment_trials(&r->x, &trials));
  v->loggers.ntrial = trials;
  v->loggers.njob = trials * r->x.narm * r->x.nseed;
  return loggers_talk(&v->loggers, &r->x);
}

static void put_state(const record *r, const loggers *l, text *out)
{
  uint64_t jobs = 0;
  for (size_t i = 0; i < r->n; i++)
    for (size_t k = 0; k < r->trial[i]->njob; k++)
      jobs += r->trial[i]->job[k].state >= JOB_COMPLETE;
  text_printf(out, "%s is incomplete: %" PRIu64 " of %" PRIu64 " jobs have ended.\n\n", r->name,
              jobs, l->njob);
}

static rad_status follow(view *v, bool once, text *out)
{
  static const struct timespec pause = {.tv_nsec = 300000000};
  run_dir *r = &v->run;
  diag *d = r->env->diag;
  journal j = {.fd = -1};
  RAD_TRY(open_run(v, &j));
  v->old = true;
  RAD_TRY(journal_follow(&j, take, v, d));
  v->old = false;
  while (!r->record.complete && !once) {
    nanosleep(&pause, NULL);
    RAD_TRY(journal_follow(&j, take, v, d));
  }
  RAD_TRY(run_dir_summary(r));
  if (!r->record.complete)
    put_state(&r->record, &v->loggers, out);
  return verdict_study(r->summary, r->dir, d, out);
}

/* An exit status, or -1: go on. */
static int read_options(int argc, char **argv, const char **plugin_dir, bool *once)
{
  static const struct option longs[] = {{"once", no_argument, NULL, 'o'},
                                        {"plugin-dir", required_argument, NULL, 'p'},
                                        {"help", no_argument, NULL, 'h'},
                                        {NULL, 0, NULL, 0}};
  optind = 1;
  for (int c; (c = getopt_long(argc, argv, "h", longs, NULL)) != -1;)
    if (c == 'p')
      *plugin_dir = optarg;
    else if (c == 'o')
      *once = true;
    else {
      fputs(c == 'h' ? watch_usage : "", stdout);
      return c == 'h' ? EXIT_DONE : EXIT_USAGE;
    }
  if (argc - optind == 1)
    return -1;
  fputs("rademacher: watch what? Name one run directory, e.g. runs/quickstart\n", stderr);
  return EXIT_USAGE;
}

int cmd_watch(int argc, char **argv)
{
  const char *plugin_dir = NULL;
  bool once = false;
  const int stop = read_options(argc, argv, &plugin_dir, &once);
  if (stop >= 0)
    return stop;
  diag g = {0};
  env e = {.diag = &g};
  text out = {0};
  rad_status s = plugins_new(&e.plugins, plugin_dir, &g);
  view v = {.run = {.dir = argv[optind], .env = &e, .prefix = ""}};
  if (s >= 0)
    s = follow(&v, once, &out);
  if (s >= 0)
    fputs(text_str(&out), stdout);
  diag_flush(&g);
  loggers_close(&v.loggers);
  run_dir_free(&v.run);
  plugins_free(e.plugins);
  text_free(&out);
  env_free(&e);
  diag_free(&g);
  return exit_status(s);
}
