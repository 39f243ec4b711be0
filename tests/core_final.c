/* SPDX-License-Identifier: BSD-3-Clause
 * core_final.c - [final]: the winner of a study again, with other seeds and no val; by trainings
 * that only pretend (fake_arm.c). */
#define _XOPEN_SOURCE 700
#include "study_rig.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define HEAD                                                                                       \
  "[run]\nepochs = 4\nseeds = 2, 3\n[dataset]\nplugin = blobs\ntrain = 41\ntest = 7\n"             \
  "[layer h]\nplugin = dense\nunits = 10\n[optimizer]\nplugin = sgd\nlr = search(0.013, 0.9)\n"    \
  "[search]\nplugin = random\ntrials = 4\n[logger console]\nenabled = false\n"
#define BODY  HEAD "[arm real]\n[arm noise]\ndataset.val = 0.2\noptimizer.momentum = 0.5\n"
#define AIM   "[objective]\nreal.val.accuracy = 1\n"
#define FINAL "[final]\nseeds = 7, 9, 11\n"

static const study_options two = {.jobs = 2};

static double accuracy(double lr, double seed)
{
  return 1.0 - 1.0 / (1.0 + 0.37 * 4 + 0.11 * seed + lr);
}

/* Reads a key of the final training's configuration. */
static const char *setting_of(const char *path, const char *kind, const char *name, const char *key)
{
  static char value[256];
  config c = {0};
  diag g = {0};
  ck_assert_int_eq(config_read(&c, NULL, path, NULL, 0, &g), RAD_OK);
  const section *s = config_find(&c, kind, name);
  ck_assert_ptr_nonnull(s);
  const setting *v = section_find(s, key, NULL);
  snprintf(value, sizeof value, "%s", v ? v->value : "(none)");
  config_free(&c);
  diag_free(&g);
  return value;
}

START_TEST(the_winner_again)
{
  ck_assert_msg(run(BODY AIM FINAL, "a", NULL, two) == EXIT_DONE, "%s", messages);
  json_t *o = summary("a"), *last = json_object_get(o, "final");
  ck_assert_str_eq(json_member_text(o, "state"), "complete");
  ck_assert_ptr_nonnull(last);
  const uint64_t best = json_member_uint(o, "best");
  double lr = value(trial_of(o, best), "params", "optimizer.lr"), most = 0.0;
  for (size_t i = 0; i < 4; i++)
    most = fmax(most, value(trial_of(o, i), "params", "optimizer.lr"));
  ck_assert_double_eq(lr, most);
  ck_assert_uint_eq(json_member_uint(last, "id"), best);
  ck_assert_str_eq(json_member_text(last, "state"), "complete");
  const double want = (accuracy(lr, 7) + accuracy(lr, 9) + accuracy(lr, 11)) / 3;
  ck_assert_double_eq_tol(value(last, "metrics", "real.val.accuracy"), want, 1e-12);
  ck_assert_uint_eq(
      json_member_uint(json_object_get(json_object_get(last, "seeds"), "real.val.accuracy"), "n"),
      3);
  char path[128];
  snprintf(path, sizeof path, "a/final/%04d/trials/0000/config.ini", (int)best);
  ck_assert_str_eq(setting_of(in_folder(path), "run", "", "seeds"), "7, 9, 11");
  ck_assert_str_eq(setting_of(in_folder(path), "dataset", "", "val"), "0");
  ck_assert_str_eq(setting_of(in_folder(path), "arm", "noise", "dataset.val"), "0");
  json_decref(o);
}
END_TEST

START_TEST(once)
{
  ck_assert_int_eq(run(BODY AIM FINAL, "a", NULL, two), EXIT_DONE);
  json_t *o = summary("a");
  char path[64];
  snprintf(path, sizeof path, "a/final/%04d", (int)json_member_uint(o, "best"));
  json_decref(o);
  const int before = count_lines(path, "journal.jsonl", "\"seq\"");
  ck_assert_int_eq(run(BODY AIM FINAL, "a", NULL, two), EXIT_DONE);
  ck_assert_int_eq(count_lines(path, "journal.jsonl", "\"seq\""), before);
  o = summary("a");
  ck_assert_ptr_nonnull(json_object_get(o, "final"));
  json_decref(o);
}
END_TEST

/* After the study, where it was not asked for at first; and what is in the way goes on later. */
START_TEST(afterwards)
{
  ck_assert_int_eq(run(BODY AIM, "a", NULL, two), EXIT_DONE);
  json_t *o = summary("a");
  ck_assert_ptr_null(json_object_get(o, "final"));
  json_decref(o);
  setenv("FAKE_FULL", "noise", 1);
  ck_assert_int_eq(run(BODY AIM FINAL, "a", NULL, two), EXIT_IO);
  unsetenv("FAKE_FULL");
  ck_assert_int_eq(run(BODY AIM FINAL, "a", NULL, two), EXIT_DONE);
  ck_assert_int_eq(run(BODY AIM FINAL, "b", NULL, two), EXIT_DONE);
  same_summaries("a", "b");
}
END_TEST

/* A greater study may have another winner: that is said. */
START_TEST(another_winner)
{
  static const char *const one[] = {"search.trials=1", "run.seeds=4", NULL};
  static const char *const four[] = {"run.seeds=4", NULL}; /* with which the first is not best */
  diag g = {0};
  text out = {0};
  ck_assert_int_eq(run(BODY AIM FINAL, "a", one, two), EXIT_DONE);
  ck_assert_int_eq(run(BODY AIM FINAL, "a", four, two), EXIT_DONE);
  json_t *o = summary("a");
  ck_assert_uint_ne(json_member_uint(o, "best"), 0);
  const json_t *before = json_object_get(json_object_get(o, "final"), "tested_before");
  ck_assert_uint_eq(json_array_size(before), 1);
  ck_assert_int_eq(json_integer_value(json_array_get(before, 0)), 0);
  json_decref(o);
  ck_assert_int_eq(verdict_print(in_folder("a"), &g, &out), RAD_OK);
  ck_assert_ptr_nonnull(strstr(text_str(&out), "again, on train and val, seeds 7, 9, 11:"));
  ck_assert_ptr_nonnull(strstr(text_str(&out), "were tested before, 1 of them"));
  text_free(&out);
  diag_free(&g);
}
END_TEST

START_TEST(no_winner)
{
  setenv("FAKE_DIVERGE", "real", 1);
  ck_assert_int_eq(run(BODY AIM FINAL, "a", NULL, two), EXIT_DONE);
  ck_assert_msg(strstr(messages, "nothing to train again") != NULL, "%s", messages);
  ck_assert(!fs_is_dir(in_folder("a/final")));
}
END_TEST

static void refused(const char *ini, const char *what)
{
  diag g = {0};
  env e = {.diag = &g};
  experiment x = {0};
  write_text(in_folder("x.ini"), ini, "w");
  ck_assert_int_eq(plugins_new(&e.plugins, NULL, &g), RAD_OK);
  const rad_status s = experiment_open(&x, &e, in_folder("x.ini"), NULL, 0);
  ck_assert_msg(s == (what ? RAD_EINVAL : RAD_OK), "%s", text_str(&g.messages));
  ck_assert_msg(!what || strstr(text_str(&g.messages), what), "%s", text_str(&g.messages));
  experiment_free(&x);
  plugins_free(e.plugins);
  env_free(&e);
  diag_free(&g);
}

START_TEST(what_cannot_be)
{
#define STOP "[regularizer stop]\nplugin = early_stopping\npatience = 3\n"
  refused(BODY AIM "[final]\nseeds = 7, 3\n", "3 had a part in the selection");
  refused(BODY AIM "[final]\nseeds = 7, 7\n", "7 is there twice");
  refused(BODY AIM "[final]\n", "needs a key 'seeds'");
  refused(BODY FINAL, "needs one best trial");
  refused(BODY AIM "direction = pareto\n" FINAL, "needs one best trial");
  refused(BODY AIM STOP FINAL, "[regularizer stop] goes by val.loss");
  refused(BODY AIM STOP FINAL "val = 0.2\n", NULL);
  refused(BODY AIM STOP "metric = train.loss\n" FINAL, NULL);
  refused(BODY AIM FINAL "seed = 3\n", "did you mean 'seeds'?");
}
END_TEST

static Suite *suite(void)
{
  Suite *s = suite_create("final");
  TCase *t = tcase_create("final");
  tcase_set_timeout(t, 60);
  tcase_add_checked_fixture(t, set_up, tear_down);
  tcase_add_test(t, the_winner_again);
  tcase_add_test(t, once);
  tcase_add_test(t, afterwards);
  tcase_add_test(t, another_winner);
  tcase_add_test(t, no_winner);
  tcase_add_test(t, what_cannot_be);
  suite_add_tcase(s, t);
  return s;
}

int main(int argc, char **argv)
{
  return study_main(argc, argv, suite);
}
