/* SPDX-License-Identifier: BSD-3-Clause
 * compress.c - chains of rounds: sizes and counts against a calculation by hand, what ends a chain,
 * the same bits for any threads and after any number of stops; magnitude. */
#include "compress_rig.h"
#include "folder.h"
#include <check.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void prune(const char *share, const char *rounds)
{
  set("compressor.p.plugin", "magnitude");
  set("compressor.p.share", share);
  set("compressor.p.rounds", rounds);
}

static void finished(const char *dir)
{
  ck_assert_msg(run(dir) == RAD_OK, "%s", text_str(&g.messages));
  json_decref(result(dir));
}

/* Tensor `name` of the arm's network and of the newest round's. */
static void both(const char *dir, const char *file, const char *name, st_file f[2],
                 const float *v[2], size_t *n)
{
  open_tensors(&f[0], dir, "last.safetensors");
  open_tensors(&f[1], dir, file);
  for (size_t i = 0; i < 2; i++) {
    const st_tensor *t = st_find(&f[i], name);
    ck_assert_ptr_nonnull(t);
    v[i] = t->data;
    *n = t->bytes / sizeof(float);
  }
}

static const char *const tensors[] = {"h.W", "h.b", "out.W", "out.b"};

/* Taking nothing away changes nothing, bit for bit. */
START_TEST(none_taken_none_changed)
{
  static const char *const same[] = {"train.accuracy", "train.loss", "test.accuracy", "test.loss"};
  char name[64];
  prune("0", "2");
  finished("a");
  for (size_t k = 0; k < 4; k++) {
    st_file f[2];
    const float *v[2];
    size_t n;
    both("a", "p.round-002.safetensors", tensors[k], f, v, &n);
    ck_assert_mem_eq(v[0], v[1], n * sizeof(float));
    snprintf(name, sizeof name, "p.%s", same[k]);
    ck_assert_double_eq(last("a", same[k]), last("a", name));
    st_free(&f[0]);
    st_free(&f[1]);
  }
  ck_assert_double_eq(last("a", "p.train.agreement"), 1);
  ck_assert_double_eq(last("a", "p.parameters"), 5 * 8 + 8 + 8 * 3 + 3);
  ck_assert_double_eq(last("a", "p.active_weights"), 5 * 8 + 8 * 3);
  ck_assert_double_eq(last("a", "p.bytes"), 4 * 75);
}
END_TEST

/* 64 weights, a third of those left each time: 64 - 21 = 43, 43 - 14 = 29. */
START_TEST(the_smallest_go)
{
  double v[8];
  prune("0.3333333", "2");
  finished("a");
  ck_assert_uint_eq(course("a", "p.active_weights", v, 8), 3);
  ck_assert_double_eq(v[0], 64);
  ck_assert_double_eq(v[1], 43);
  ck_assert_double_eq(v[2], 29);
  ck_assert_double_eq(last("a", "p.parameters"), 29 + 11);
  ck_assert_double_eq(last("a", "p.bytes"), 4 * 40);
  float most = 0, least = INFINITY;
  for (size_t k = 0; k < 4; k += 2) {
    st_file f[2];
    const float *w[2];
    size_t n;
    both("a", "p.round-002.safetensors", tensors[k], f, w, &n);
    for (size_t i = 0; i < n; i++) {
      ck_assert(w[1][i] == w[0][i] || w[1][i] == 0.0f);
      if (w[1][i] == 0.0f)
        most = fmaxf(most, fabsf(w[0][i]));
      else
        least = fminf(least, fabsf(w[0][i]));
    }
    st_free(&f[0]);
    st_free(&f[1]);
  }
  ck_assert_float_gt(most, 0);
  ck_assert_float_lt(most, least);
}
END_TEST

static size_t zeros(const char *dir, const char *file, const char *name)
{
  st_file f[2];
  const float *w[2];
  size_t n, z = 0;
  both(dir, file, name, f, w, &n);
  for (size_t i = 0; i < n; i++)
    z += w[1][i] == 0.0f;
  st_free(&f[0]);
  st_free(&f[1]);
  return z;
}

/* Of 40 and of 24 weights a quarter each; of one layer alone. */
START_TEST(of_each_layer)
{
  prune("0.25", "1");
  set("compressor.p.scope", "layer");
  finished("a");
  ck_assert_uint_eq(zeros("a", "p.round-001.safetensors", "h.W"), 10);
  ck_assert_uint_eq(zeros("a", "p.round-001.safetensors", "out.W"), 6);
  set("compressor.p.apply", "out");
  finished("a");
  ck_assert_uint_eq(zeros("a", "p.round-001.safetensors", "h.W"), 0);
  ck_assert_uint_eq(zeros("a", "p.round-001.safetensors", "out.W"), 6);
}
END_TEST

/* A bit of entropy: 29 of 64 weights left, all different; biases too. */
START_TEST(bytes_by_hand)
{
  prune("0.546875", "1");
  set("compressor.p.apply", "h, out");
  set("compressor.p.scope", "global");
  finished("a");
  const size_t zh = zeros("a", "p.round-001.safetensors", "h.W");
  const size_t zo = zeros("a", "p.round-001.safetensors", "out.W");
  ck_assert_uint_eq(zh + zo, 35);
  const double p = (double)zh / 40, q = (double)zo / 24;
  const double bits = 40 * -(p * log2(p) + (1 - p) * log2(1 - p)) +
                      24 * -(q * log2(q) + (1 - q) * log2(1 - q)) + 32 * (29 + 11);
  ck_assert_double_eq(last("a", "p.bytes_coded"), ceil(bits / 8));
}
END_TEST

/* The newest network has the masked weights at 0 after training, the others moved. */
START_TEST(trained_again)
{
  prune("0.4", "1");
  set("compressor.p.epochs", "3");
  finished("a");
  st_file f[2];
  const float *w[2];
  size_t n, moved = 0;
  both("a", "p.round-001.safetensors", "h.W", f, w, &n);
  for (size_t i = 0; i < n; i++)
    moved += w[1][i] != 0.0f && w[1][i] != w[0][i];
  ck_assert_uint_eq(moved, n - zeros("a", "p.round-001.safetensors", "h.W"));
  st_free(&f[0]);
  st_free(&f[1]);
  ck_assert_uint_eq(zeros("a", "p.round-001.safetensors", "h.W") +
                        zeros("a", "p.round-001.safetensors", "out.W"),
                    26);
  ck_assert_double_eq(last("a", "p.epochs"), 3);
  ck_assert(isfinite(last("a", "p.fit.train.loss")));
  ck_assert_double_eq(last("a", "p.fit.train.loss"), last("a", "p.train.loss"));
  ck_assert_double_eq(last("a", "p.fit.val.accuracy"), last("a", "p.val.accuracy"));
}
END_TEST

/* With nothing taken away and rewound, a round trains what the arm trained. */
START_TEST(rewound_and_control_are_the_arm)
{
  prune("0", "1");
  set("compressor.p.epochs", "4");
  set("compressor.p.rewind", "true");
  set("compressor.p.control", "true");
  finished("a");
  for (size_t k = 0; k < 4; k++) {
    st_file f[2];
    const float *v[2];
    size_t n;
    both("a", "p.round-001.safetensors", tensors[k], f, v, &n);
    ck_assert_mem_eq(v[0], v[1], n * sizeof(float));
    st_free(&f[0]);
    st_free(&f[1]);
  }
  ck_assert_double_eq(last("a", "p.control.test.loss"), last("a", "test.loss"));
  ck_assert_double_eq(last("a", "p.epochs"), 4);
}
END_TEST

static void everything(void)
{
  static const char *const keys[][2] = {
      {"layer.h.density", "0.6"},        {"regularizer.drop.plugin", "dropout"},
      {"regularizer.drop.apply", "act"}, {"noise.labels.plugin", "random_labels"},
      {"noise.labels.rate", "0.3"},      {"optimizer.momentum", "0.9"}};
  sets(keys, sizeof keys / sizeof *keys);
  prune("0.3", "3");
  set("compressor.p.epochs", "2");
  set("compressor.p.control", "true");
  set("compressor.q.plugin", "magnitude");
  set("compressor.q.rounds", "2");
}

START_TEST(stopped_after_every_step)
{
  everything();
  finished("whole");
  run_stopped("parts", 40);
  same_job("whole", "parts", "p.round-003.safetensors");
  same_job("whole", "parts", "q.round-002.safetensors");
  ck_assert_double_eq(last("whole", "p.round"), 3);
}
END_TEST

START_TEST(threads_give_the_same_bits)
{
  everything();
  set("run.batch", "40");
  finished("one");
  set("run.threads", "3");
  finished("three");
  same_job("one", "three", "p.round-003.safetensors");
}
END_TEST

/* A chain is the same whether there is another one before it. */
START_TEST(chains_know_nothing_of_each_other)
{
  everything();
  finished("both");
  set("compressor.p.enabled", "false");
  finished("one");
  st_file x, y;
  open_tensors(&x, "both", "q.round-002.safetensors");
  open_tensors(&y, "one", "q.round-002.safetensors");
  for (size_t i = 0; i < x.n; i++)
    ck_assert_mem_eq(x.tensor[i].data, st_find(&y, x.tensor[i].name)->data, x.tensor[i].bytes);
  st_free(&x);
  st_free(&y);
  ck_assert_double_eq(last("both", "q.test.loss"), last("one", "q.test.loss"));
}
END_TEST

START_TEST(what_ends_a_chain)
{
  double v[40], had;
  prune("0.3", "30");
  set("compressor.p.floor", "0.8");
  finished("a");
  size_t n = course("a", "p.train.accuracy", v, 40);
  had = v[0];
  ck_assert_uint_lt(n, 30);
  for (size_t i = 0; i + 1 < n; i++)
    ck_assert_double_ge(v[i], 0.8 * had);
  ck_assert_double_lt(v[n - 1], 0.8 * had);
  set("compressor.p.floor", "0");
  set("compressor.p.min_parameters", "50");
  finished("a");
  n = course("a", "p.parameters", v, 40); /* weights 64, 45, 31, with 11 biases */
  ck_assert_uint_eq(n, 3);
  ck_assert_double_eq(v[2], 42);
}
END_TEST

/* The smallest sizes that keep 99 and 90 % of the first network's accuracy. */
START_TEST(kept_sizes)
{
  double a[40], size[40], least[2] = {INFINITY, INFINITY};
  prune("0.2", "12");
  finished("a");
  const size_t n = course("a", "p.train.accuracy", a, 40);
  ck_assert_uint_eq(n, 13);
  ck_assert_uint_eq(course("a", "p.active_weights", size, 40), n);
  for (size_t i = 0; i < n; i++)
    for (size_t k = 0; k < 2; k++)
      if (a[i] >= (k ? 0.9 : 0.99) * a[0])
        least[k] = fmin(least[k], size[i]);
  ck_assert_double_lt(least[1], 64);
  ck_assert_double_eq(last("a", "p.kept_99.active_weights"), least[0]);
  ck_assert_double_eq(last("a", "p.kept_90.active_weights"), least[1]);
}
END_TEST

/* A damaged file of a round is made again. */
START_TEST(damaged_round)
{
  everything();
  finished("whole");
  empty("parts");
  stop = 1;
  while (access("parts/p.round-002.safetensors", F_OK) != 0)
    ck_assert_int_eq(run("parts"), RAD_ECANCEL);
  ck_assert_int_eq(truncate("parts/p.round-002.safetensors", 500), 0);
  rad_status s;
  while ((s = run("parts")) == RAD_ECANCEL)
    ;
  ck_assert_int_eq(s, RAD_OK);
  stop = 0;
  ck_assert_uint_ge(g.warnings, 1);
  same_job("whole", "parts", "p.round-003.safetensors");
}
END_TEST

int main(void)
{
  char room[] = "compress.XXXXXX";
  if (!mkdtemp(room) || chdir(room) != 0)
    return EXIT_FAILURE;
  Suite *s = suite_create("compress");
  TCase *t = tcase_create("compress");
  tcase_set_timeout(t, 120);
  tcase_add_checked_fixture(t, rig_setup, rig_teardown);
  tcase_add_test(t, none_taken_none_changed);
  tcase_add_test(t, the_smallest_go);
  tcase_add_test(t, of_each_layer);
  tcase_add_test(t, bytes_by_hand);
  tcase_add_test(t, trained_again);
  tcase_add_test(t, rewound_and_control_are_the_arm);
  tcase_add_test(t, stopped_after_every_step);
  tcase_add_test(t, threads_give_the_same_bits);
  tcase_add_test(t, chains_know_nothing_of_each_other);
  tcase_add_test(t, what_ends_a_chain);
  tcase_add_test(t, kept_sizes);
  tcase_add_test(t, damaged_round);
  suite_add_tcase(s, t);
  SRunner *r = srunner_create(s);
  srunner_run_all(r, CK_NORMAL);
  const int failed = srunner_ntests_failed(r);
  srunner_free(r);
  if (chdir("..") == 0)
    folder_remove(room);
  return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
