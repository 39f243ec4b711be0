/* SPDX-License-Identifier: BSD-3-Clause
 * core_pruning.c - studies with a pruner: what it is shown, and when, is the same with one job or
 * five, after crashes and kills; what is given up costs no more than it has to. */
#define _XOPEN_SOURCE 700
#include "sanitized.h"
#include "study_rig.h"
#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static const char base[] = "[run]\nepochs = 9\nseeds = 3, 5\n"
                           "[dataset]\nplugin = blobs\ntrain = 41\ntest = 7\n"
                           "[layer h]\nplugin = dense\nunits = search(3, 60)\n"
                           "[optimizer]\nplugin = sgd\nlr = search(0.013, 0.9)\n"
                           "[arm noise]\nnoise.labels.plugin = random_labels\n[arm real]\n"
                           "[objective]\nnoise.train.loss.max = -0.01\nreal.val.accuracy = 1\n"
                           "[search]\nplugin = random\ntrials = 14\nlag = 3\n"
                           "[logger console]\nenabled = false\n[pruner]\n";

static const char *with(const char *pruner)
{
  static char ini[2048];
  snprintf(ini, sizeof ini, "%s%s", base, pruner);
  return ini;
}

static study_options jobs(int32_t n)
{
  return (study_options){.jobs = n, .plugin_dir = ZOO};
}

static uint64_t counted(const char *name, const char *state)
{
  json_t *o = summary(name);
  const uint64_t n = json_member_uint(json_object_get(o, "counts"), state);
  json_decref(o);
  return n;
}

/* --- what is shown --- */
START_TEST(any_number_of_jobs)
{
  static const char *const pruners[] = {"plugin = moody\n",
                                        "plugin = moody\ncohort = 1\n",
                                        "plugin = halving\ncohort = 5\n",
                                        "plugin = hyperband\n",
                                        "plugin = median\ntrials = 2\n",
                                        "plugin = curve\n",
                                        "plugin = subset\ncohort = 7\n",
                                        "plugin = moody\ncohort = 9\nshares = true\n"};
  const char *ini = with(pruners[_i]);
  ck_assert_msg(run(ini, "one", NULL, jobs(1)) == EXIT_DONE, "%s", messages);
  ck_assert_msg(run(ini, "five", NULL, jobs(5)) == EXIT_DONE, "%s", messages);
  same_summaries("one", "five");
  ck_assert((_i > 1 && _i < 7) || count_lines("one", "journal.jsonl", "\"pause\", \"next") > 0);
  ck_assert_uint_gt(counted("one", "complete"), 0);
  ck_assert_uint_eq(counted("one", "complete") + counted("one", "pruned"), 14);
  ck_assert_msg(counted("one", "pruned") > 0 || _i == 5, "%s gives nothing up", pruners[_i]);
  setenv("FAKE_CRASH_ONCE", "real", 1);
  ck_assert_msg(run(ini, "crashed", NULL, jobs(3)) == EXIT_DONE, "%s", messages);
  unsetenv("FAKE_CRASH_ONCE");
  same_summaries("one", "crashed");
}
END_TEST

static void pause_ms(long ms)
{
  nanosleep(&(struct timespec){.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000}, NULL);
}

/* Killed every so often, each time a bit later, until it is done. */
START_TEST(kills)
{
  enum { LATER = SANITIZED ? 10 : 2 };
  const char *ini = with("plugin = moody\nshares = true\n"); /* and epochs of all, later */
  int status = -1, n = 0;
  ck_assert_int_eq(run(ini, "whole", NULL, jobs(2)), EXIT_DONE);
  for (; n < 100 && !(WIFEXITED(status) && WEXITSTATUS(status) == EXIT_DONE); n++) {
    const pid_t p = fork();
    if (p == 0)
      _exit(run(ini, "killed", NULL, jobs(2)));
    pid_t ended = 0;
    for (int k = 0; k < 12 + LATER * n && ended == 0; k++) {
      pause_ms(7);
      ended = waitpid(p, &status, WNOHANG);
    }
    if (ended != 0)
      continue;
    kill(p, SIGKILL);
    waitpid(p, &status, 0);
  }
  ck_assert_msg(n > 5, "killed %d times only", n);
  same_summaries("whole", "killed");
  ck_assert_int_eq(count_lines("whole", "journal.jsonl", "\"verdict\""),
                   count_lines("killed", "journal.jsonl", "\"verdict\""));
}
END_TEST

/* --- what it costs --- */
START_TEST(halving_stops_where_it_says)
{
  ck_assert_msg(run(with("plugin = halving\ncohort = 7\n"), "a", NULL, jobs(2)) == EXIT_DONE, "%s",
                messages);
  json_t *o = summary("a");
  double lr[14];
  for (size_t i = 0; i < 14; i++)
    lr[i] = value(trial_of(o, i), "params", "optimizer.lr");
  for (size_t i = 0; i < 14; i++) { /* accuracy grows with the rate, at any epoch */
    const json_t *t = trial_of(o, i);
    char path[64];
    size_t better = 0;
    for (size_t k = i / 7 * 7; k < i / 7 * 7 + 7; k++)
      better += lr[k] > lr[i];
    const double want = better >= 2 ? 1 : better >= 1 ? 3 : 9; /* 7 / 3 = 2 stay, then 1 */
    ck_assert_double_eq_tol(value(t, "metrics", "real.epochs"), want, 1e-12);
    ck_assert_str_eq(json_member_text(t, "state"), better == 0 ? "complete" : "pruned");
    snprintf(path, sizeof path, "a/trials/%04zu/noise", i);
    ck_assert_msg(fs_is_dir(in_folder(path)) == (better == 0), "trial %zu, noise", i);
    const double accuracy = 0.5 * (2.0 - 1.0 / (1.0 + 0.37 * want + 0.33 + lr[i]) -
                                   1.0 / (1.0 + 0.37 * want + 0.55 + lr[i]));
    ck_assert_double_eq_tol(value(t, "metrics", "real.val.accuracy"), accuracy, 1e-12);
  }
  json_decref(o);
  ck_assert_int_eq(count_lines("a", "journal.jsonl", "\"event\": \"job\""),
                   2 * (14 + 4 + 2 + 2)); /* starts at epochs 0, 1, 3; noise */
}
END_TEST

/* Shares 0.3 of 9 epochs, then 0.6, then all: each a training of its own, of which the study has
 * the last metrics and no epochs. */
START_TEST(subset_trains_on_shares)
{
  static const double shares[] = {0.3, 0.6, 1.0};
  ck_assert_msg(run(with("plugin = subset\ncohort = 7\nfirst = 0.3\nfactor = 2\n"), "a", NULL,
                    jobs(2)) == EXIT_DONE,
                "%s", messages);
  json_t *o = summary("a");
  for (size_t i = 0; i < 14; i++) {
    const json_t *t = trial_of(o, i);
    const double lr = value(t, "params", "optimizer.lr");
    char path[64];
    size_t better = 0;
    for (size_t k = i / 7 * 7; k < i / 7 * 7 + 7; k++)
      better += value(trial_of(o, k), "params", "optimizer.lr") > lr;
    const size_t last = better >= 3 ? 0 : better >= 1 ? 1 : 2; /* 7 / 2 = 3 stay, then 1 */
    const double grown = 1.0 + 0.37 * 9.0 * shares[last] + lr;
    ck_assert_str_eq(json_member_text(t, "state"), last < 2 ? "pruned" : "complete");
    ck_assert(last == 2 || strstr(json_member_text(t, "reason"), last == 0 ? "0.3 of" : "0.6 of"));
    ck_assert_double_eq_tol(value(t, "metrics", "real.val.accuracy"),
                            0.5 * (2.0 - 1.0 / (grown + 0.33) - 1.0 / (grown + 0.55)), 1e-12);
    for (size_t k = 0; k < 2; k++) {
      snprintf(path, sizeof path, "a/trials/%04zu/real/5/share-%g", i, shares[k]);
      ck_assert_msg(fs_is_dir(in_folder(path)) == (k <= last), "%s", path);
    }
  }
  json_decref(o);
  ck_assert_int_eq(count_lines("a", "journal.jsonl", "\"event\": \"job\""),
                   2 * (14 + 6 + 2 + 2)); /* starts on shares 0.3, 0.6, 1; noise */
  ck_assert_int_eq(count_lines("a", "journal.jsonl", "\"event\": \"epoch\""), 2 * 2 * 2 * 9);
}
END_TEST

/* A network that diverges on a share is not trained on more. */
START_TEST(diverges_on_a_share)
{
  setenv("FAKE_DIVERGE", "real", 1);
  ck_assert_int_eq(run(with("plugin = subset\n"), "a", NULL, jobs(3)), EXIT_DONE);
  ck_assert_uint_eq(counted("a", "diverged"), 14);
  ck_assert(!fs_is_file(in_folder("a/trials/0003/real/3/result.json")));
  ck_assert(fs_is_file(in_folder("a/trials/0003/real/3/share-0.1/result.json")));
}
END_TEST

/* The part that was trained, and for the other the worst that was there: trials 0 to 6 are the ones
 * before the first cohort ends, of which the last three are not seen (lag 3). */
START_TEST(a_score_of_what_was_given_up)
{
  double score[14][1], worst = HUGE_VAL;
  char line[4096];
  size_t n = 0;
  ck_assert_int_eq(run(with("plugin = halving\ncohort = 7\n"), "a", NULL, jobs(2)), EXIT_DONE);
  FILE *f = fopen(in_folder("a/journal.jsonl"), "r");
  ck_assert_ptr_nonnull(f);
  while (fgets(line, sizeof line, f)) {
    json_t *o = json_loads(line, 0, NULL);
    if (strcmp(json_member_text(o, "event"), "trial_end") == 0)
      json_to_double(json_array_get(json_object_get(o, "score"), 0),
                     &score[json_member_uint(o, "trial")][0]);
    n += strcmp(json_member_text(o, "event"), "trial_end") == 0;
    json_decref(o);
  }
  fclose(f);
  ck_assert_uint_eq(n, 14);
  json_t *o = summary("a");
  for (size_t i = 0; i < 4; i++)
    if (strcmp(json_member_text(trial_of(o, i), "state"), "complete") == 0)
      worst = fmin(worst, -0.01 * value(trial_of(o, i), "metrics", "noise.train.loss.max"));
  for (size_t i = 0; i < 14; i++) {
    const json_t *t = trial_of(o, i);
    const bool whole = strcmp(json_member_text(t, "state"), "complete") == 0;
    const double noise = -0.01 * value(t, "metrics", "noise.train.loss.max");
    const double want = value(t, "metrics", "real.val.accuracy") + (whole ? noise : worst);
    if (!whole && (i < 7 || worst == HUGE_VAL))
      ck_assert_msg(isnan(score[i][0]), "trial %zu: nobody knows the other part", i);
    else
      ck_assert_double_eq_tol(score[i][0], want, 1e-12);
  }
  json_decref(o);
}
END_TEST

/* Nothing more is asked of a trial whose jobs fail; it is no reason to wait. */
START_TEST(failures)
{
  setenv("FAKE_DIVERGE", "real", 1);
  ck_assert_int_eq(run(with("plugin = halving\nfirst = 4\n"), "a", NULL, jobs(3)), EXIT_DONE);
  ck_assert_uint_eq(counted("a", "diverged"), 14);
  unsetenv("FAKE_DIVERGE");
  setenv("FAKE_CRASH", "noise", 1);
  ck_assert_int_eq(run(with("plugin = halving\n"), "b", NULL, jobs(3)), EXIT_CRASHED);
  ck_assert_uint_gt(counted("b", "failed"), 0);
  ck_assert_uint_eq(counted("b", "failed") + counted("b", "pruned"), 14);
}
END_TEST

/* Larger studies of the same experiment go on where the smaller one has stopped. */
START_TEST(more_trials)
{
  static const char *const fewer[] = {"search.trials=5", NULL};
  const char *ini = with("plugin = halving\ncohort = 5\n");
  ck_assert_int_eq(run(ini, "a", fewer, jobs(2)), EXIT_DONE);
  ck_assert_int_eq(run(ini, "a", NULL, jobs(2)), EXIT_DONE);
  ck_assert_int_eq(run(ini, "b", NULL, jobs(2)), EXIT_DONE);
  same_summaries("a", "b");
}
END_TEST

/* --- what is watched --- */
static void opens(const char *ini, const char *const *set, const char *metric, double sign)
{
  diag g = {0};
  env e = {.diag = &g};
  experiment x = {0};
  override v[4];
  size_t n = 0;
  for (; set && set[n]; n++)
    v[n] = (override){.text = set[n]};
  write_text(in_folder("x.ini"), ini, "w");
  ck_assert_int_eq(plugins_new(&e.plugins, NULL, &g), RAD_OK);
  const rad_status s = experiment_open(&x, &e, in_folder("x.ini"), v, n);
  snprintf(messages, sizeof messages, "%s", text_str(&g.messages));
  ck_assert_msg((s == RAD_OK) == (metric != NULL), "%s", messages);
  if (metric) {
    ck_assert_str_eq(x.watch.metric, metric);
    ck_assert_double_eq(x.watch.sign, sign);
    ck_assert_str_eq(x.arm[x.watch.arm], "real");
  }
  experiment_free(&x);
  plugins_free(e.plugins);
  env_free(&e);
  diag_free(&g);
}

START_TEST(the_metric)
{
  static const char *const only_noise[] = {"objective.real.val.accuracy=-1",
                                           "objective.noise.train.accuracy=1", NULL};
  static const char *const loss[] = {"pruner.metric=real.val.loss", "pruner.goal=min", NULL};
  static const char *const of_model[] = {"pruner.metric=model.flop", NULL};
  static const char *const test[] = {"pruner.metric=real.test.accuracy", NULL};
  static const char *const arm[] = {"pruner.metric=reel.val.accuracy", NULL};
  static const char *const negative[] = {"objective.real.train.loss=-0.2",
                                         "pruner.metric=real.train.loss", NULL};
  const char *ini = with("plugin = median\n");
  opens(ini, NULL, "real.val.accuracy", 1.0);
  opens(ini, loss, "real.val.loss", -1.0);
  opens(ini, negative, "real.train.loss", -1.0);
  opens(ini, only_noise, NULL, 0.0);
  ck_assert_msg(strstr(messages, "does not know what to watch") != NULL, "%s", messages);
  opens(ini, of_model, NULL, 0.0);
  ck_assert_msg(strstr(messages, "same after every epoch") != NULL, "%s", messages);
  opens(ini, test, NULL, 0.0);
  ck_assert_msg(strstr(messages, "may not see the test split") != NULL, "%s", messages);
  opens(ini, arm, NULL, 0.0);
  ck_assert_msg(strstr(messages, "did you mean 'real'") != NULL, "%s", messages);
}
END_TEST

static Suite *suite(void)
{
  Suite *s = suite_create("pruning");
  TCase *t = tcase_create("pruning");
  tcase_set_timeout(t, 120);
  tcase_add_checked_fixture(t, set_up, tear_down);
  tcase_add_loop_test(t, any_number_of_jobs, SANITIZED ? 6 : 0, 8);
  tcase_add_test(t, kills);
  tcase_add_test(t, halving_stops_where_it_says);
  tcase_add_test(t, subset_trains_on_shares);
  tcase_add_test(t, diverges_on_a_share);
  tcase_add_test(t, a_score_of_what_was_given_up);
  tcase_add_test(t, failures);
  tcase_add_test(t, more_trials);
  tcase_add_test(t, the_metric);
  suite_add_tcase(s, t);
  return s;
}

int main(int argc, char **argv)
{
  return study_main(argc, argv, suite);
}
