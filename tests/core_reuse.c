/* SPDX-License-Identifier: BSD-3-Clause
 * core_reuse.c - a job that has been done is not done again, in one study and across studies; by
 * trainings that only pretend (fake_arm.c). */
#define _XOPEN_SOURCE 700
#include "study_rig.h"
#include <stdlib.h>
#include <string.h>

#define BODY                                                                                       \
  "[run]\nepochs = 4\n[dataset]\nplugin = blobs\ntrain = 41\ntest = 7\n"                           \
  "[layer h]\nplugin = dense\nunits = 10\n[optimizer]\nplugin = sgd\nlr = 0.25\n"                  \
  "[logger console]\nenabled = false\n[arm real]\n[arm noise]\n"                                   \
  "optimizer.momentum = choice(0.1, 0.2, 0.3)\n[objective]\nreal.val.accuracy = 1\n"

static int starts(const char *name)
{
  return count_lines(name, "journal.jsonl", "\"event\": \"job\"");
}

static int reused(const char *name)
{
  return count_lines(name, "journal.jsonl", "\"event\": \"reuse\"");
}

/* Only the noise of the three trials differs. */
START_TEST(in_one_study)
{
  for (int32_t jobs = 1; jobs <= 6; jobs += 5) {
    const char *name = jobs == 1 ? "one" : "six";
    ck_assert_msg(run(BODY, name, NULL, (study_options){.jobs = jobs}) == EXIT_DONE, "%s",
                  messages);
    ck_assert_int_eq(starts(name), 4);
    ck_assert_int_eq(reused(name), 2);
  }
  same_summaries("one", "six");
  ck_assert(fs_is_file(in_folder("six/trials/0002/real/1/metrics.jsonl")));
  json_t *o = summary("six");
  for (size_t i = 0; i < 3; i++) {
    ck_assert_double_eq_tol(value(trial_of(o, i), "metrics", "real.val.accuracy"),
                            1.0 - 1.0 / (1.0 + 0.37 * 4 + 0.11 + 0.25), 1e-12);
    ck_assert_double_eq_tol(value(trial_of(o, i), "metrics", "real.epochs"), 4, 1e-12);
  }
  json_decref(o);
  ck_assert_int_eq(count_lines("six", "metrics.csv", "real,1,3,val.accuracy"), 3);
}
END_TEST

/* Its twin crashes for good: then it is done by itself, and as badly. */
START_TEST(a_failure_is_not_used_again)
{
  setenv("FAKE_CRASH", "real", 1);
  ck_assert_int_eq(run(BODY, "a", NULL, (study_options){.jobs = 4}), EXIT_CRASHED);
  ck_assert_int_eq(starts("a"), 3 * 2 + 3);
  ck_assert_int_eq(reused("a"), 0);
}
END_TEST

static char cache[256], *over[4];

static const char *const *with(const char *more)
{
  snprintf(cache, sizeof cache, "search.cache=%s/cache", folder);
  over[0] = cache;
  over[1] = (char *)(uintptr_t)more;
  over[2] = NULL;
  return (const char *const *)over;
}

START_TEST(across_studies)
{
  const study_options two = {.jobs = 2};
  ck_assert_msg(run(BODY, "a", with(NULL), two) == EXIT_DONE, "%s", messages);
  ck_assert_int_eq(starts("a"), 4);
  ck_assert_msg(run(BODY, "b", with(NULL), two) == EXIT_DONE, "%s", messages);
  ck_assert_int_eq(starts("b"), 0);
  ck_assert_int_eq(reused("b"), 6);
  same_summaries("a", "b");
  ck_assert_int_eq(run(BODY, "c", with("run.seeds=1, 2"), two), EXIT_DONE);
  ck_assert_int_eq(starts("c"), 4); /* of the new seed alone */
  ck_assert_int_eq(run(BODY, "d", with("run.data_seed=3"), two), EXIT_DONE);
  ck_assert_int_eq(starts("d"), 4);
  setenv("FAKE_PRINT", "abacus", 1);
  ck_assert_int_eq(run(BODY, "e", with(NULL), two), EXIT_DONE);
  ck_assert_int_eq(starts("e"), 4);
  unsetenv("FAKE_PRINT");
  ck_assert_int_eq(run(BODY, "f", NULL, two), EXIT_DONE);
  ck_assert_int_eq(starts("f"), 4);
  ck_assert_int_eq(run(BODY, "f", with(NULL), two), EXIT_DONE); /* it may come later */
}
END_TEST

static void spoil(const char *path, const char *name)
{
  arena mem = {0};
  diag g = {0};
  const char **list;
  size_t n;
  ck_assert_int_eq(fs_list(path, &mem, &list, &n, &g), RAD_OK);
  ck_assert_uint_eq(n, 4);
  for (size_t i = 0; i < n; i++)
    ck_assert_int_eq(remove(fs_join(&mem, fs_join(&mem, path, list[i]), name)), 0);
  arena_free(&mem);
  diag_free(&g);
}

START_TEST(a_damaged_cache)
{
  const study_options two = {.jobs = 2};
  ck_assert_int_eq(run(BODY, "a", with(NULL), two), EXIT_DONE);
  spoil(in_folder("cache"), "result.json");
  ck_assert_int_eq(run(BODY, "b", with(NULL), two), EXIT_DONE);
  ck_assert_int_eq(starts("b"), 4);
  same_summaries("a", "b");
  ck_assert_int_eq(run(BODY, "c", with("search.cache=/dev/null/x"), two), EXIT_DONE);
  ck_assert_msg(strstr(messages, "cannot be kept") != NULL, "%s", messages);
}
END_TEST

/* What stops at rungs is trained, whatever is known; the rest is not. */
START_TEST(with_a_pruner)
{
  const study_options two = {.jobs = 2};
  const char *ini = BODY "[pruner]\nplugin = halving\ncohort = 3\n";
  ck_assert_msg(run(ini, "a", with(NULL), two) == EXIT_DONE, "%s", messages);
  ck_assert_int_eq(starts("a"), 3 + 2 + 1); /* to epoch 1, one to 3 and to its end, its noise */
  ck_assert_int_eq(run(ini, "b", with(NULL), two), EXIT_DONE);
  ck_assert_int_eq(starts("b"), 3 + 1); /* to the rungs */
  ck_assert_int_eq(reused("b"), 2);
  same_summaries("a", "b");
}
END_TEST

static Suite *suite(void)
{
  Suite *s = suite_create("reuse");
  TCase *t = tcase_create("reuse");
  tcase_set_timeout(t, 60);
  tcase_add_checked_fixture(t, set_up, tear_down);
  tcase_add_test(t, in_one_study);
  tcase_add_test(t, a_failure_is_not_used_again);
  tcase_add_test(t, across_studies);
  tcase_add_test(t, a_damaged_cache);
  tcase_add_test(t, with_a_pruner);
  suite_add_tcase(s, t);
  return s;
}

int main(int argc, char **argv)
{
  return study_main(argc, argv, suite);
}
