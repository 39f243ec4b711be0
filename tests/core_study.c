/* SPDX-License-Identifier: BSD-3-Clause
 * core_study.c - studies, from the folder to the summary, with a training that only pretends: this
 * program is also the worker, and its arm_run writes what arm.h says it writes.
 *
 * After epoch e with seed s and learning rate lr: val.accuracy = 1 - 1 / (1 + 0.37 e + 0.11 s +
 * lr), and train.loss = 1 / (e + lr). */
#define _XOPEN_SOURCE 700
#include "study_rig.h"
#include <fcntl.h>
#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static const char plain[] = "[run]\nepochs = 4\nseeds = 3, 5, 8\n"
                            "[dataset]\nplugin = blobs\ntrain = 41\ntest = 7\n"
                            "[layer h]\nplugin = dense\nunits = 10\n"
                            "[optimizer]\nplugin = sgd\nlr = 0.25\n"
                            "[logger console]\nenabled = false\n";
static const char searched[] = "[run]\nepochs = 4\n"
                               "[dataset]\nplugin = blobs\ntrain = 41\ntest = 7\n"
                               "[layer h]\nplugin = dense\nunits = search(3, 60)\n"
                               "[optimizer]\nplugin = sgd\nlr = search(0.013, 0.9)\n"
                               "[arm real]\n[arm noise]\noptimizer.momentum = 0.5\n"
                               "[objective]\nreal.val.accuracy = 1\nnoise.train.loss.max = -0.01\n"
                               "[search]\nplugin = random\ntrials = 5\nretries = 1\n"
                               "[logger console]\nenabled = false\n";

static const study_options two = {.jobs = 2};

/* --- tests --- */
/* Computed with Python: mean, sample deviation, and t(0.975, 2) = 4.3027 of the three values. */
START_TEST(mean_over_seeds)
{
  ck_assert_msg(run(plain, "a", NULL, two) == EXIT_DONE, "%s", messages);
  json_t *o = summary("a"), *t = trial_of(o, 0);
  ck_assert_str_eq(json_member_text(o, "state"), "complete");
  ck_assert_str_eq(json_member_text(o, "experiment"), "x");
  ck_assert(json_is_null(json_object_get(o, "best")));
  const json_t *seeds = json_object_get(json_object_get(t, "seeds"), "main.val.accuracy");
  ck_assert_double_eq_tol(value(t, "metrics", "main.val.accuracy"), 0.6971054184497633, 1e-12);
  ck_assert_double_eq_tol(value(t, "metrics", "main.train.loss.max"), 9.5, 1e-12);
  ck_assert_double_eq_tol(value(t, "metrics", "main.epochs"), 4, 1e-12);
  ck_assert(json_object_get(json_object_get(t, "metrics"), "main.val.accuracy.min") == NULL);
  ck_assert_uint_eq(json_member_uint(seeds, "n"), 3);
  ck_assert_double_eq_tol(value(seeds, "std", NULL), 0.02495372944631749, 1e-12);
  ck_assert_double_eq_tol(value(seeds, "ci95", NULL), 0.0619885, 1e-5);
  ck_assert_int_eq(count_lines("a", "metrics.csv", "val.accuracy"), 3 * (4 + 1));
  ck_assert(!fs_is_dir(in_folder("a/cache")));
  ck_assert(fs_is_file(in_folder("a/manifest.json")));
  json_decref(o);
}
END_TEST

START_TEST(objective_and_best)
{
  ck_assert_msg(run(searched, "a", NULL, two) == EXIT_DONE, "%s", messages);
  json_t *o = summary("a");
  double best = -1.0;
  uint64_t which = 99;
  ck_assert_uint_eq(json_array_size(json_object_get(o, "trials")), 5);
  for (size_t i = 0; i < 5; i++) {
    const json_t *t = trial_of(o, i);
    const double lr = value(t, "params", "optimizer.lr");
    const double want = 1.0 - 1.0 / (1.0 + 0.37 * 4 + 0.11 + lr) - 0.01 * 9.5;
    ck_assert_double_eq_tol(value(t, "objective", NULL), want, 1e-12);
    ck_assert(lr >= 0.013 && lr <= 0.9);
    if (want > best) {
      best = want;
      which = i;
    }
  }
  ck_assert_uint_eq(json_member_uint(o, "best"), which);
  json_decref(o);
  ck_assert_int_eq(run(searched, "b", NULL, (study_options){.jobs = 1}), EXIT_DONE);
  same_summaries("a", "b");
}
END_TEST

START_TEST(pareto_front)
{
  static const char *const set[] = {"objective.direction=pareto", NULL};
  ck_assert_msg(run(searched, "a", set, two) == EXIT_DONE, "%s", messages);
  json_t *o = summary("a");
  ck_assert_uint_eq(json_array_size(json_object_get(trial_of(o, 0), "objective")), 2);
  ck_assert_uint_eq(json_array_size(json_object_get(o, "best")), 1); /* the losses are alike */
  json_decref(o);
}
END_TEST

START_TEST(a_crash_costs_one_job)
{
  setenv("FAKE_CRASH_ONCE", "noise", 1);
  ck_assert_int_eq(run(searched, "a", NULL, two), EXIT_DONE);
  unsetenv("FAKE_CRASH_ONCE");
  ck_assert_int_eq(count_lines("a", "journal.jsonl", "\"crash\""), 5);
  ck_assert_int_eq(run(searched, "b", NULL, two), EXIT_DONE);
  same_summaries("a", "b");
  /* the epochs that were trained again are in no table twice */
  ck_assert_int_eq(count_lines("a", "metrics.csv", "val.accuracy"),
                   count_lines("b", "metrics.csv", "val.accuracy"));
}
END_TEST

START_TEST(a_job_that_always_crashes)
{
  setenv("FAKE_CRASH", "noise", 1);
  ck_assert_int_eq(run(searched, "a", NULL, two), EXIT_CRASHED);
  json_t *o = summary("a"), *t = trial_of(o, 3);
  ck_assert_str_eq(json_member_text(t, "state"), "failed");
  ck_assert_ptr_nonnull(strstr(json_member_text(t, "reason"), "signal 9"));
  ck_assert_ptr_nonnull(strstr(json_member_text(t, "reason"), "an ounce of \"quicksilver\""));
  ck_assert(json_is_null(json_object_get(t, "objective")));
  ck_assert_double_eq_tol(value(t, "metrics", "real.epochs"), 4, 1e-12);
  ck_assert_int_eq(count_lines("a", "journal.jsonl", "\"crash\""), 10); /* twice each */
  ck_assert_uint_eq(json_member_uint(json_object_get(o, "counts"), "failed"), 5);
  json_decref(o);
}
END_TEST

START_TEST(divergence_is_a_result)
{
  setenv("FAKE_DIVERGE", "real", 1);
  ck_assert_int_eq(run(searched, "a", NULL, two), EXIT_DONE);
  json_t *o = summary("a");
  ck_assert_uint_eq(json_member_uint(json_object_get(o, "counts"), "diverged"), 5);
  ck_assert(json_is_null(json_object_get(o, "best")));
  json_decref(o);
}
END_TEST

START_TEST(a_full_disk_stops_and_resumes)
{
  setenv("FAKE_FULL", "noise", 1);
  ck_assert_int_eq(run(searched, "a", NULL, two), EXIT_IO);
  ck_assert_ptr_nonnull(strstr(messages, "no space left"));
  unsetenv("FAKE_FULL");
  json_t *o = summary("a");
  ck_assert_str_eq(json_member_text(o, "state"), "failed");
  json_decref(o);
  ck_assert_int_eq(run(searched, "a", NULL, two), EXIT_DONE);
  ck_assert_int_eq(run(searched, "b", NULL, two), EXIT_DONE);
  same_summaries("a", "b");
}
END_TEST

/* Where a job cannot have a log, as on a full disk, it has not crashed. */
START_TEST(a_job_without_a_log)
{
  setenv("FAKE_FULL", "noise", 1);
  ck_assert_int_eq(run(searched, "a", NULL, two), EXIT_IO);
  unsetenv("FAKE_FULL");
  ck_assert_int_eq(remove(in_folder("a/trials/0000/noise/1/log.txt")), 0);
  ck_assert_int_eq(mkdir(in_folder("a/trials/0000/noise/1/log.txt"), 0777), 0);
  ck_assert_int_eq(run(searched, "a", NULL, two), EXIT_IO);
  ck_assert_msg(strstr(messages, "log.txt") != NULL, "%s", messages);
  ck_assert_int_eq(count_lines("a", "journal.jsonl", "\"crash\""), 0);
  ck_assert_int_eq(rmdir(in_folder("a/trials/0000/noise/1/log.txt")), 0);
  ck_assert_int_eq(run(searched, "a", NULL, two), EXIT_DONE);
}
END_TEST

static const char *const longer[] = {"run.epochs=200", NULL};

static void pause_ms(long ms)
{
  nanosleep(&(struct timespec){.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000}, NULL);
}

/* A study of its own process, once its first job is in mid-training. */
static pid_t run_apart(const char *name)
{
  char metrics[128];
  const pid_t p = fork();
  if (p == 0)
    _exit(run(searched, name, longer, two));
  snprintf(metrics, sizeof metrics, "%s/trials/0000/real/1/metrics.jsonl", name);
  for (int i = 0; i < 1000 && !fs_is_file(in_folder(metrics)); i++)
    pause_ms(20);
  return p;
}

START_TEST(a_signal_stops_after_a_checkpoint)
{
  int st;
  setenv("FAKE_SLOW", "1", 1);
  const pid_t p = run_apart("a");
  kill(p, SIGTERM);
  ck_assert_int_eq(waitpid(p, &st, 0), p);
  ck_assert(WIFEXITED(st));
  ck_assert_int_eq(WEXITSTATUS(st), EXIT_TRY_AGAIN);
  json_t *o = summary("a");
  ck_assert_str_eq(json_member_text(o, "state"), "interrupted");
  json_decref(o);
  unsetenv("FAKE_SLOW");
  ck_assert_int_eq(run(searched, "a", longer, two), EXIT_DONE);
  ck_assert_int_eq(run(searched, "b", longer, two), EXIT_DONE);
  same_summaries("a", "b");
  ck_assert_int_eq(count_lines("a", "journal.jsonl", "\"crash\""), 0);
}
END_TEST

/* A worker that does not listen: the first signal waits for it, the second does not, nor do two
 * that come at once. */
START_TEST(a_second_signal_stops_now)
{
  for (int at_once = 0; at_once < 2; at_once++) {
    int st;
    setenv("FAKE_HANG", "real", 1);
    const pid_t p = run_apart(at_once ? "b" : "a");
    kill(p, at_once ? SIGSTOP : SIGTERM);
    pause_ms(50);
    ck_assert_int_eq(waitpid(p, &st, WNOHANG), 0);
    kill(p, SIGTERM);
    kill(p, SIGINT);
    kill(p, SIGCONT);
    pid_t ended = 0;
    for (int i = 0; i < 100 && ended == 0; i++) {
      pause_ms(50);
      ended = waitpid(p, &st, WNOHANG);
    }
    if (ended == 0)
      kill(p, SIGKILL);
    ck_assert_int_eq(ended, p);
    ck_assert(WIFEXITED(st));
    ck_assert_int_eq(WEXITSTATUS(st), EXIT_TRY_AGAIN);
  }
}
END_TEST

START_TEST(one_coordinator)
{
  int st;
  setenv("FAKE_SLOW", "1", 1);
  const pid_t p = run_apart("a");
  char owner[32];
  snprintf(owner, sizeof owner, "%ld", (long)p);
  ck_assert_int_eq(run(searched, "a", longer, two), EXIT_TRY_AGAIN);
  ck_assert_msg(strstr(messages, owner) != NULL, "%s", messages);
  kill(p, SIGTERM);
  waitpid(p, &st, 0);
}
END_TEST

START_TEST(workers_die_with_their_coordinator)
{
  int st;
  setenv("FAKE_SLOW", "1", 1);
  const pid_t p = run_apart("a");
  kill(p, SIGKILL);
  waitpid(p, &st, 0);
  int lock = open(in_folder("a/trials/0000/real/1/lock"), O_RDWR);
  ck_assert_int_ge(lock, 0);
  close(lock);
  diag g = {0};
  rad_status held = RAD_ECANCEL;
  for (int i = 0; i < 250 && held == RAD_ECANCEL; i++) { /* it ends soon after, not at once */
    pause_ms(20);
    held = fs_lock(in_folder("a/trials/0000/real/1/lock"), &lock, &g);
  }
  ck_assert_int_eq(held, RAD_OK);
  close(lock);
  diag_free(&g);
  unsetenv("FAKE_SLOW");
  ck_assert_int_eq(run(searched, "a", longer, two), EXIT_DONE);
  ck_assert_int_eq(run(searched, "b", longer, two), EXIT_DONE);
  same_summaries("a", "b");
}
END_TEST

START_TEST(another_experiment)
{
  static const char *const raised[] = {"search.trials=7", "search.jobs=1", NULL};
  static const char *const lowered[] = {"search.trials=2", NULL};
  static const char *const other[] = {"layer.h.units=8", NULL};
  static const char *const logged[] = {"logger.more.plugin=jsonl", NULL};
  ck_assert_int_eq(run(searched, "a", NULL, two), EXIT_DONE);
  ck_assert_int_eq(run(searched, "a", other, two), EXIT_USAGE);
  ck_assert_msg(strstr(messages, "[layer h] units") != NULL, "%s", messages);
  ck_assert_int_eq(run(searched, "a", lowered, two), EXIT_USAGE);
  ck_assert_int_eq(run(plain, "a", NULL, two), EXIT_USAGE);
  ck_assert_int_eq(run(searched, "a", raised, two), EXIT_DONE);
  ck_assert_int_eq(run(searched, "b", raised, two), EXIT_DONE);
  same_summaries("a", "b");
  const int before = count_lines("a", "journal.jsonl", "\"seq\"");
  ck_assert_int_eq(run(searched, "a", raised, two), EXIT_DONE); /* nothing is left to do */
  ck_assert_int_eq(count_lines("a", "journal.jsonl", "\"seq\""), before);
  ck_assert_int_eq(run(searched, "c", logged, two), EXIT_DONE);
  ck_assert_int_eq(run(searched, "c", NULL, two), EXIT_DONE);
}
END_TEST

/* Whose journal it is, only config.ini says. */
START_TEST(a_journal_without_its_experiment)
{
  ck_assert_int_eq(run(searched, "a", NULL, two), EXIT_DONE);
  ck_assert_int_eq(remove(in_folder("a/config.ini")), 0);
  ck_assert_int_eq(run(plain, "a", NULL, two), EXIT_USAGE);
  ck_assert_msg(strstr(messages, "no config.ini") != NULL, "%s", messages);
  ck_assert(!fs_is_file(in_folder("a/config.ini")));
}
END_TEST

START_TEST(a_folder_of_something_else)
{
  ck_assert_int_eq(mkdir(in_folder("a"), 0777), 0);
  write_text(in_folder("a/thesis.tex"), "x", "w");
  ck_assert_int_eq(run(searched, "a", NULL, two), EXIT_USAGE);
  ck_assert(!fs_is_file(in_folder("a/lock")));
}
END_TEST

START_TEST(another_arithmetic)
{
  setenv("FAKE_FULL", "noise", 1);
  ck_assert_int_eq(run(searched, "a", NULL, two), EXIT_IO);
  unsetenv("FAKE_FULL");
  setenv("FAKE_PRINT", "abacus", 1);
  ck_assert_int_eq(run(searched, "a", NULL, two), EXIT_USAGE);
  ck_assert_msg(strstr(messages, "now  abacus") != NULL, "%s", messages);
  ck_assert_int_eq(
      run(searched, "a", NULL, (study_options){.jobs = 2, .accept_numeric_change = true}),
      EXIT_DONE);
  ck_assert_int_eq(count_lines("a", "journal.jsonl", "\"event\": \"fingerprint\""), 2);
}
END_TEST

START_TEST(a_torn_journal)
{
  static const char *const more[] = {"search.trials=6", NULL};
  ck_assert_int_eq(run(searched, "b", NULL, two), EXIT_DONE);
  setenv("FAKE_FULL", "noise", 1);
  ck_assert_int_eq(run(searched, "a", NULL, two), EXIT_IO);
  unsetenv("FAKE_FULL");
  write_text(in_folder("a/journal.jsonl"), "{\"seq\": 12, \"ti", "a");
  ck_assert_int_eq(run(searched, "a", NULL, two), EXIT_DONE);
  same_summaries("a", "b");
  ck_assert_int_eq(run(searched, "a", more, two), EXIT_DONE); /* the torn line is gone */
  write_text(in_folder("a/journal.jsonl"), "nonsense\n{}\n", "a");
  ck_assert_int_eq(run(searched, "a", more, two), EXIT_IO);
  ck_assert_msg(strstr(messages, "damaged") != NULL, "%s", messages);
}
END_TEST

START_TEST(constraints_before_training)
{
  char ini[2048];
  snprintf(ini, sizeof ini, "%s[constraint small]\nmetric = model.active_weights\nmax = 150\n",
           searched);
  ck_assert_msg(run(ini, "a", NULL, two) == EXIT_DONE, "%s", messages);
  json_t *o = summary("a");
  unsigned pruned = 0;
  const size_t n = json_array_size(json_object_get(o, "trials"));
  for (size_t i = 0; i < n; i++) {
    const json_t *t = trial_of(o, i);
    const bool large = value(t, "params", "layer.h.units") > 15.0;
    char path[64];
    snprintf(path, sizeof path, "a/trials/%04zu/real", i);
    ck_assert_str_eq(json_member_text(t, "state"), large ? "pruned" : "complete");
    ck_assert(fs_is_dir(in_folder(path)) == !large);
    pruned += large;
  }
  ck_assert_uint_gt(pruned, 0);
  ck_assert_uint_eq(n - pruned, 5); /* what is ruled out is not one of the five */
  json_decref(o);
  const int lines = count_lines("a", "journal.jsonl", "\"seq\"");
  ck_assert_int_eq(run(ini, "a", NULL, two), EXIT_DONE); /* nothing is left to do */
  ck_assert_int_eq(count_lines("a", "journal.jsonl", "\"seq\""), lines);
  static const char *const none[] = {"constraint.small.max=1", NULL};
  ck_assert_int_eq(run(ini, "b", none, two), EXIT_DONE);
  ck_assert_msg(strstr(messages, "broke a static constraint") != NULL, "%s", messages);
  ck_assert_int_eq(count_lines("b", "journal.jsonl", "\"trial_end\""), 1000);
  ck_assert(fs_is_file(in_folder("b/manifest.json")));
}
END_TEST

/* --- points that are given --- */
static const char given_points[] =
    "[point b]\nlayer.h.units = 44\n[point a]\noptimizer.lr = 0.0625\n";

static void given_is(const json_t *t, const char *name, double units, double lr)
{
  const char *said = json_member_text(t, "given");
  ck_assert_str_eq(said ? said : "(none)", name);
  ck_assert_double_eq_tol(value(t, "params", "layer.h.units"), units, 1e-12);
  if (!isnan(lr))
    ck_assert_double_eq_tol(value(t, "params", "optimizer.lr"), lr, 1e-12);
}

/* Units are log scaled, 2.5 .. 60.5: the middle is 12; the rate too: sqrt(0.013 0.9). */
START_TEST(given_points_come_first)
{
  char ini[2048];
  static const char *const more[] = {"search.trials=7", "point.c.layer.h.units=7", NULL};
  const double middle = sqrt(0.013 * 0.9);
  snprintf(ini, sizeof ini, "%s%s", searched, given_points);
  ck_assert_msg(run(ini, "a", NULL, two) == EXIT_DONE, "%s", messages);
  ck_assert_int_eq(run(searched, "plain", NULL, two), EXIT_DONE);
  json_t *o = summary("a"), *p = summary("plain");
  ck_assert_uint_eq(json_array_size(json_object_get(o, "trials")), 5); /* they count */
  given_is(trial_of(o, 0), "b", 44, middle);
  given_is(trial_of(o, 1), "a", 12, 0.0625);
  for (size_t i = 2; i < 5; i++) /* random draws at the index */
    given_is(trial_of(o, i), "(none)", value(trial_of(p, i), "params", "layer.h.units"), NAN);
  json_decref(o);
  json_decref(p);
  ck_assert_msg(run(ini, "a", more, two) == EXIT_DONE, "%s", messages); /* one more is given */
  o = summary("a");
  ck_assert_uint_eq(json_array_size(json_object_get(o, "trials")), 7);
  given_is(trial_of(o, 5), "c", 7, middle);
  given_is(trial_of(o, 6), "(none)", value(trial_of(o, 6), "params", "layer.h.units"), NAN);
  json_decref(o);
}
END_TEST

/* A kill after the first trial had been proposed: the same study. */
START_TEST(given_points_survive_a_kill)
{
  char ini[2048], line[65536];
  snprintf(ini, sizeof ini, "%s%s", searched, given_points);
  ck_assert_int_eq(run(ini, "a", NULL, two), EXIT_DONE);
  ck_assert_int_eq(run(ini, "b", NULL, two), EXIT_DONE);
  FILE *from = fopen(in_folder("a/journal.jsonl"), "r"),
       *to = fopen(in_folder("b/journal.jsonl"), "w");
  ck_assert(from && to);
  while (fgets(line, sizeof line, from)) {
    fputs(line, to);
    if (strstr(line, "\"event\": \"trial\""))
      break;
  }
  ck_assert_ptr_nonnull(strstr(line, "\"given\": \"b\""));
  fclose(from);
  fclose(to);
  ck_assert_msg(run(ini, "b", NULL, two) == EXIT_DONE, "%s", messages);
  same_summaries("a", "b");
}
END_TEST

/* Every point once, and no trial more than there are points. */
START_TEST(given_points_of_a_grid)
{
  char ini[2048];
  static const char *const set[] = {"search.plugin=grid", "search.trials=0",
                                    "layer.h.units=search(3, 6)", "optimizer.lr=choice(0.1, 0.2)",
                                    NULL};
  snprintf(ini, sizeof ini,
           "%s[point a]\nlayer.h.units = 4\n[point b]\noptimizer.lr = 0.2\n"
           "layer.h.units = 3\n",
           searched);
  ck_assert_msg(run(ini, "a", set, two) == EXIT_DONE, "%s", messages);
  json_t *o = summary("a");
  bool there[4][2] = {{false}};
  ck_assert_uint_eq(json_array_size(json_object_get(o, "trials")), 8);
  given_is(trial_of(o, 0), "a", 4, NAN);
  given_is(trial_of(o, 1), "b", 3, NAN);
  for (size_t i = 0; i < 8; i++) {
    const json_t *params = json_object_get(trial_of(o, i), "params");
    const size_t units = (size_t)value(params, "layer.h.units", NULL) - 3,
                 lr = strcmp(json_member_text(params, "optimizer.lr"), "0.2") == 0;
    ck_assert_msg(!there[units][lr], "trial %zu was there", i);
    there[units][lr] = true;
  }
  json_decref(o);
}
END_TEST

/* What a search is shown of trial i: results below i - lag, beyond that values only. */
static unsigned shown, proposals;
static rad_status (*real_ask)(rad_ctx *, const void *, const rad_space *, const rad_history *,
                              double *);
static rad_status spy(rad_ctx *c, const void *self, const rad_space *s, const rad_history *h,
                      double *point)
{
  proposals++;
  for (size_t k = 0; k < h->n; k++) {
    const bool below = k + 2 < h->n;
    ck_assert_uint_eq(h->trial[k]->index, k);
    ck_assert(!isnan(h->trial[k]->value[0]));
    ck_assert(isnan(h->trial[k]->score[0]) == !below);
    ck_assert_uint_eq(h->trial[k]->state, below ? RAD_FINISHED : RAD_RUNNING);
    shown += below;
  }
  return real_ask(c, self, s, h, point);
}

static void end_of_job(study *s, job *j)
{
  text line = {0};
  job_post(s, &line, "job_end", j);
  json_text(&line, "state", "complete");
  text_puts(&line,
            ", \"metrics\": {\"val.accuracy\": {\"last\": 0.4}, \"train.loss\": {\"max\": 2}}");
  ck_assert_int_eq(study_post(s, &line, false), RAD_OK);
  text_free(&line);
}

START_TEST(a_search_sees_what_it_may)
{
  static const override lag = {.text = "search.lag=2"};
  diag g = {0};
  env e = {.diag = &g};
  experiment x = {0};
  study_options o = {.jobs = 1};
  write_text(in_folder("x.ini"), searched, "w");
  ck_assert_int_eq(plugins_new(&e.plugins, NULL, &g), RAD_OK);
  ck_assert_int_eq(experiment_open(&x, &e, in_folder("x.ini"), &lag, 1), RAD_OK);
  study s = {.x = &x, .o = &o, .env = &e, .diag = &g, .dir = folder, .lock = -1};
  record_new(&s.record, &x);
  ck_assert_int_eq(trials_open(&s), RAD_OK);
  ck_assert_int_eq(journal_open(&s.journal, in_folder("j"), NULL, NULL, &g), RAD_OK);
  plugin p = *s.search->plugin;
  real_ask = p.ops.search.ask;
  p.ops.search.ask = spy;
  s.search->plugin = &p;
  for (size_t i = 0; i < 5; i++) {
    ck_assert(trial_wanted(&s));
    ck_assert_int_eq(trial_propose(&s), RAD_OK);
    if (i < 2 || i > 3)
      continue;
    trial *t = s.record.trial[i - 2]; /* the next one is proposed from this one's results too */
    ck_assert(!trial_wanted(&s));
    for (size_t k = 0; k < t->njob; k++)
      end_of_job(&s, &t->job[k]);
    ck_assert_int_eq(trial_end(&s, t), RAD_OK);
  }
  ck_assert(!trial_wanted(&s)); /* all five */
  ck_assert_uint_eq(proposals, 5);
  ck_assert_uint_eq(shown, 0 + 0 + 0 + 1 + 2);
  instance_free(s.search);
  journal_close(&s.journal);
  record_free(&s.record);
  arena_free(&s.mem);
  experiment_free(&x);
  plugins_free(e.plugins);
  env_free(&e);
  diag_free(&g);
}
END_TEST

START_TEST(a_verdict)
{
  diag g = {0};
  text out = {0};
  ck_assert_int_eq(run(searched, "a", NULL, two), EXIT_DONE);
  ck_assert_int_eq(verdict_print(in_folder("a"), &g, &out), RAD_OK);
  ck_assert_ptr_nonnull(strstr(text_str(&out), "of 5 trials"));
  ck_assert_ptr_nonnull(strstr(text_str(&out), "budget was 4 epochs"));
  ck_assert_ptr_nonnull(strstr(text_str(&out), in_folder("a")));
  text_clear(&out);
  ck_assert_int_eq(verdict_print(in_folder("nowhere"), &g, &out), RAD_EIO);
  text_free(&out);
  diag_free(&g);
}
END_TEST

static Suite *suite(void)
{
  Suite *s = suite_create("study");
  TCase *t = tcase_create("study");
  tcase_set_timeout(t, 60);
  tcase_add_checked_fixture(t, set_up, tear_down);
  tcase_add_test(t, mean_over_seeds);
  tcase_add_test(t, objective_and_best);
  tcase_add_test(t, pareto_front);
  tcase_add_test(t, a_crash_costs_one_job);
  tcase_add_test(t, a_job_that_always_crashes);
  tcase_add_test(t, divergence_is_a_result);
  tcase_add_test(t, a_full_disk_stops_and_resumes);
  tcase_add_test(t, a_job_without_a_log);
  tcase_add_test(t, a_signal_stops_after_a_checkpoint);
  tcase_add_test(t, a_second_signal_stops_now);
  tcase_add_test(t, one_coordinator);
  tcase_add_test(t, workers_die_with_their_coordinator);
  tcase_add_test(t, another_experiment);
  tcase_add_test(t, a_journal_without_its_experiment);
  tcase_add_test(t, a_folder_of_something_else);
  tcase_add_test(t, another_arithmetic);
  tcase_add_test(t, a_torn_journal);
  tcase_add_test(t, constraints_before_training);
  tcase_add_test(t, given_points_come_first);
  tcase_add_test(t, given_points_survive_a_kill);
  tcase_add_test(t, given_points_of_a_grid);
  tcase_add_test(t, a_search_sees_what_it_may);
  tcase_add_test(t, a_verdict);
  suite_add_tcase(s, t);
  return s;
}

int main(int argc, char **argv)
{
  return study_main(argc, argv, suite);
}
