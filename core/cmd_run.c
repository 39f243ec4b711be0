/* SPDX-License-Identifier: BSD-3-Clause
 * cmd_run.c - `rademacher run` and `rademacher check`: the command line of experiments. */
#include "commands.h"
#include "fs.h"
#include "options.h"
#include "report.h"
#include "study.h"
#include "verdict.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int report(diag *g, rad_status s)
{
  diag_flush(g);
  return exit_status(s);
}

/* "runs/NAME" for configs/NAME.ini. */
static char *default_dir(arena *mem, const char *name)
{
  return arena_printf(mem, "runs/%s", name);
}

/* The results are there; that they cannot be drawn does not take them back. */
static void draw(const options *o, env *e, const char *dir)
{
  const size_t before = e->diag->errors;
  if (report_write(e, &dir, 1, NULL, o->json || o->quiet) < 0)
    diag_warning(e->diag, (origin){0}, "no report was drawn; `rademacher report %s` tries again",
                 dir);
  e->diag->errors = before;
  diag_flush(e->diag);
}

static int run_one(const options *o, env *e, const char *file, const char *dir)
{
  experiment x = {0};
  text words = {0};
  const rad_status s = experiment_open(&x, e, file, o->override, o->noverride);
  if (s < 0) {
    experiment_free(&x);
    return report(e->diag, s);
  }
  dir = dir ? dir : default_dir(&x.mem, x.name);
  dir = dir ? fs_absolute(&x.mem, dir) : NULL;
  if (!dir) {
    diag_error(e->diag, RAD_ENOMEM, (origin){0}, "out of memory");
    experiment_free(&x);
    return report(e->diag, RAD_ENOMEM);
  }
  const study_options so = {.dir = dir,
                            .jobs = o->jobs,
                            .accept_numeric_change = o->accept_numeric_change,
                            .quiet = o->quiet,
                            .json = o->json,
                            .program = o->program,
                            .plugin_dir = o->plugin_dir,
                            .command = o->command};
  int exit = study_run(&x, &so);
  diag_flush(e->diag);
  if ((exit == EXIT_DONE || exit == EXIT_CRASHED) && !o->json) {
    const rad_status v = verdict_print(dir, e->diag, &words);
    fputs(text_str(&words), stdout);
    exit = v < 0 ? report(e->diag, v) : exit;
  }
  fflush(stdout);
  if ((exit == EXIT_DONE || exit == EXIT_CRASHED) && !o->no_report)
    draw(o, e, dir);
  text_free(&words);
  experiment_free(&x);
  return exit;
}

static int with_env(const options *o, int (*f)(const options *, env *))
{
  diag g = {0};
  env e = {.diag = &g, .verbose = o->verbose};
  const rad_status s = plugins_new(&e.plugins, o->plugin_dir, &g);
  const int exit = s < 0 ? report(&g, s) : f(o, &e);
  plugins_free(e.plugins);
  env_free(&e);
  diag_free(&g);
  return exit;
}

static int run_all(const options *o, env *e)
{
  int worst = EXIT_DONE;
  if (o->resume) {
    char *file = fs_join(&e->mem, o->resume, "config.ini");
    return file ? run_one(o, e, file, o->resume) : EXIT_FAILED;
  }
  for (size_t i = 0; i < o->nfile; i++) {
    const int exit = run_one(o, e, o->file[i], o->dir);
    if (exit == EXIT_TRY_AGAIN || exit == EXIT_IO)
      return exit;
    worst = exit != EXIT_DONE ? exit : worst;
  }
  return worst;
}

int cmd_run(int argc, char **argv)
{
  options o;
  int exit = options_read(&o, argc, argv, OPTIONS_RUN);
  if (exit < 0)
    exit = with_env(&o, run_all);
  options_free(&o);
  return exit;
}

static int check_all(const options *o, env *e)
{
  int worst = EXIT_DONE;
  for (size_t i = 0; i < o->nfile; i++) {
    text out = {0};
    const rad_status s = check_experiment(e, o->file[i], o->override, o->noverride, o->jobs, &out);
    if (s >= 0)
      fputs(text_str(&out), stdout);
    text_free(&out);
    const int exit = s < 0 ? report(e->diag, s) : EXIT_DONE;
    diag_flush(e->diag);
    worst = exit != EXIT_DONE ? exit : worst;
  }
  return worst;
}

int cmd_check(int argc, char **argv)
{
  options o;
  int exit = options_read(&o, argc, argv, OPTIONS_CHECK);
  if (exit < 0)
    exit = with_env(&o, check_all);
  options_free(&o);
  return exit;
}
