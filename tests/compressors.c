/* SPDX-License-Identifier: BSD-3-Clause
 * compressors.c - every compressor that is found is held to the contract of its kind: on networks
 * of all sorts, with each choice of each key. Then what each of them promises. */
#include "compress_rig.h"
#include "folder.h"
#include "plugin.h"
#include <check.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static plugins *registry;
static const plugin *found[32];
static size_t nfound;

/* --- networks --- */
/* Filters, sums over the batch, a branch that is added, one that is joined, masks, an inserted
 * layer; then one that is convex. */
static const char *const sorts[][40][2] = {{{"dataset.plugin", "uniform"},
                                            {"dataset.height", "6"},
                                            {"dataset.width", "6"},
                                            {"dataset.channels", "2"},
                                            {"dataset.classes", "3"},
                                            {"dataset.train", "70"},
                                            {"dataset.test", "20"},
                                            {"layer.c1.plugin", "conv2d"},
                                            {"layer.c1.filters", "6"},
                                            {"layer.c1.same", "true"},
                                            {"layer.bn.plugin", "batch_norm"},
                                            {"layer.r1.plugin", "relu"},
                                            {"layer.c2.plugin", "conv2d"},
                                            {"layer.c2.filters", "6"},
                                            {"layer.c2.same", "true"},
                                            {"layer.sum.plugin", "add"},
                                            {"layer.sum.input", "c2, r1"},
                                            {"layer.c3.plugin", "conv2d"},
                                            {"layer.c3.filters", "4"},
                                            {"layer.c3.same", "true"},
                                            {"layer.c3.input", "sum"},
                                            {"layer.cat.plugin", "concat"},
                                            {"layer.cat.input", "c3, sum"},
                                            {"layer.pool.plugin", "max_pool"},
                                            {"layer.pool.kernel", "2"},
                                            {"layer.flat.plugin", "flatten"},
                                            {"layer.d.plugin", "dense"},
                                            {"layer.d.units", "9"},
                                            {"layer.d.density", "0.6"},
                                            {"layer.r2.plugin", "tanh"},
                                            {"layer.o.plugin", "dense"},
                                            {"layer.o.units", "3"},
                                            {"regularizer.drop.plugin", "dropout"},
                                            {"regularizer.drop.apply", "r2"}},
                                           {{"dataset.plugin", "blobs"},
                                            {"dataset.classes", "3"},
                                            {"dataset.features", "5"},
                                            {"dataset.train", "70"},
                                            {"dataset.test", "20"},
                                            {"layer.h.plugin", "dense"},
                                            {"layer.h.units", "10"},
                                            {"layer.a.plugin", "elu"},
                                            {"layer.v.plugin", "convex_dense"},
                                            {"layer.v.units", "8"},
                                            {"layer.b.plugin", "elu"},
                                            {"layer.o.plugin", "convex_dense"},
                                            {"layer.o.units", "3"},
                                            {"backend.plugin", "native"}}};
enum { SORTS = sizeof sorts / sizeof *sorts };
static const char *const rest[][2] = {{"run.epochs", "2"},
                                      {"run.batch", "24"},
                                      {"loss.plugin", "cross_entropy"},
                                      {"optimizer.plugin", "sgd"},
                                      {"optimizer.lr", "0.05"},
                                      {"schedule.plugin", "constant"},
                                      {"fit.plugin", "gradient"},
                                      {"measure.accuracy.plugin", "accuracy"},
                                      {"measure.loss.plugin", "loss"},
                                      {"backend.plugin", "reference"}};

static void setup(void)
{
  g = (diag){0};
  trial = (config){0};
  stop = 0;
}

static void network(size_t sort)
{
  sets(rest, sizeof rest / sizeof *rest);
  sets(sorts[sort], 40);
}

static bool has_key(const plugin *p, const char *name)
{
  for (size_t k = 0; k < p->d.nkeys; k++)
    if (strcmp(p->d.keys[k].name, name) == 0)
      return true;
  return false;
}

/* Choice `which` of key k: of an enumeration or a truth; false: there is none. */
static bool choose(const rad_key *key, size_t which)
{
  char dotted[96];
  snprintf(dotted, sizeof dotted, "compressor.it.%s", key->name);
  if (key->type == RAD_BOOL && which < 2)
    set(dotted, which ? "true" : "false");
  else if (key->type == RAD_ENUM && key->choices[which])
    set(dotted, key->choices[which]);
  else
    return false;
  return true;
}

static void compressor(const plugin *p)
{
  set("compressor.it.plugin", p->d.name);
  set("compressor.it.rounds", "2");
  if (has_key(p, "epochs"))
    set("compressor.it.epochs", "2");
}

static void finished(const char *dir)
{
  ck_assert_msg(run(dir) == RAD_OK, "%s", text_str(&g.messages));
  json_decref(result(dir));
}

/* --- the contract --- */
static void never_grows(const char *dir, const char *name)
{
  double v[8];
  const size_t n = course(dir, name, v, 8);
  ck_assert_uint_ge(n, 2);
  for (size_t i = 1; i < n; i++)
    ck_assert_msg(v[i] <= v[i - 1], "%s grows from %g to %g", name, v[i - 1], v[i]);
}

static void same_network(const char *a, const char *b)
{
  st_file x, y;
  open_tensors(&x, a, "last.safetensors");
  open_tensors(&y, b, "last.safetensors");
  for (size_t i = 0; i < x.n; i++)
    ck_assert_mem_eq(x.tensor[i].data, st_find(&y, x.tensor[i].name)->data, x.tensor[i].bytes);
  st_free(&x);
  st_free(&y);
}

static void keeps_contract(void)
{
  char file[64];
  finished("whole");
  snprintf(file, sizeof file, "it.round-%03d.safetensors", (int)last("whole", "it.round"));
  never_grows("whole", "it.parameters");
  never_grows("whole", "it.active_weights");
  never_grows("whole", "it.bytes");
  same_network("alone", "whole"); /* the arm's network is as it was */
  run_stopped("parts", 4);
  same_job("whole", "parts", file);
  set("run.threads", "3");
  finished("threads");
  same_job("whole", "threads", file);
  set("run.threads", "1");
}

START_TEST(contract)
{
  const plugin *p = found[(size_t)_i / SORTS];
  network((size_t)_i % SORTS);
  finished("alone");
  compressor(p);
  keeps_contract();
  for (size_t k = 0; k < p->d.nkeys; k++)
    for (size_t which = 0; choose(&p->d.keys[k], which); which++)
      keeps_contract();
}
END_TEST

/* --- distill --- */
static void blobs(const char *units)
{
  static const char *const keys[][2] = {
      {"dataset.train", "600"},     {"dataset.sigma", "1.1"},     {"layer.h.units", "24"},
      {"optimizer.plugin", "adam"}, {"optimizer.lr", "0.01"},     {"run.epochs", "10"},
      {"layer.act.plugin", "relu"}, {"schedule.plugin", "cosine"}};
  rig_setup();
  sets(keys, sizeof keys / sizeof *keys);
  set("layer.h.units", units);
  set("compressor.it.plugin", "distill");
  set("compressor.it.rounds", "1");
}

/* A network of the same size, from new weights, finds the function again. */
START_TEST(distill_recovers)
{
  blobs("64");
  set("compressor.it.keep", "1");
  set("compressor.it.epochs", "400");
  set("compressor.it.lr", "0.02");
  set("compressor.it.loss", _i ? "kl" : "mse");
  finished("a");
  ck_assert_double_gt(last("a", "it.train.agreement"), 0.99);
  ck_assert_double_gt(last("a", "it.test.agreement"), 0.9);
  ck_assert_double_eq(last("a", "it.fit.train.accuracy"), last("a", "it.train.agreement"));
  ck_assert_double_eq(last("a", "it.parameters"), 64 * 5 + 64 + 3 * 64 + 3);
}
END_TEST

/* 24 units, 80 % of them and rounded down: 19, 15; weights 5 and 3 at each. */
START_TEST(distill_sizes)
{
  double v[4], epochs;
  blobs("24");
  set("compressor.it.rounds", "2");
  set("compressor.it.epochs", "50");
  set("compressor.it.stop_at", "1");
  finished("a");
  ck_assert_uint_eq(course("a", "it.parameters", v, 4), 3);
  ck_assert_double_eq(v[1], 19 * 9 + 3);
  ck_assert_double_eq(v[2], 15 * 9 + 3);
  epochs = last("a", "it.epochs");
  ck_assert_double_lt(epochs, 50);
  ck_assert_double_le(last("a", "it.fit.train.loss"), 1);
}
END_TEST

/* The units that are kept, all of them: the same network before any training, so that with no
 * learning rate to speak of it stays what it was. */
START_TEST(distill_keeps_units)
{
  network((size_t)_i);
  set("compressor.it.plugin", "distill");
  set("compressor.it.rounds", "1");
  set("compressor.it.start", "kept");
  set("compressor.it.keep", "1");
  set("compressor.it.epochs", "1");
  set("compressor.it.lr", "1e-12");
  finished("a");
  st_file x, y;
  open_tensors(&x, "a", "last.safetensors");
  open_tensors(&y, "a", "it.round-001.safetensors");
  for (size_t i = 0; i < y.n; i++) {
    const st_tensor *t = st_find(&x, y.tensor[i].name);
    const float *v = t->data, *w = y.tensor[i].data;
    const bool moves = strstr(t->name, "bn.") != NULL; /* running statistics */
    for (size_t k = 0; t->type == RAD_F32 && !moves && k < t->bytes / sizeof(float); k++)
      ck_assert_float_eq_tol(v[k], w[k], 1e-6f);
  }
  st_free(&x);
  st_free(&y);
}
END_TEST

/* Each start of the student is a draw of its own. */
START_TEST(distill_draws_anew)
{
  blobs("24");
  set("compressor.it.keep", "1");
  set("compressor.it.epochs", "1");
  set("compressor.it.lr", "1e-12");
  finished("a");
  st_file x, y;
  open_tensors(&x, "a", "it.round-001.safetensors");
  set("compressor.it.rounds", "2");
  finished("b");
  open_tensors(&y, "b", "it.round-002.safetensors");
  const float *v = st_find(&x, "h.W")->data, *w = st_find(&y, "h.W")->data;
  size_t same = 0;
  for (size_t i = 0; i < 120; i++)
    same += v[i] == w[i];
  ck_assert_uint_lt(same, 4);
  st_free(&x);
  st_free(&y);
}
END_TEST

/* --- the others --- */
static const char *const tensors[] = {"h.W", "h.b", "out.W", "out.b"};
enum { HW, HB, OW, OB };

typedef struct nets { /* of the rig, as the arm trained it and as round k left it */
  st_file f[2];
  const float *v[2][4];
  size_t n[2][4];
} nets;

static void open_nets(nets *s, const char *dir, int round)
{
  char file[64];
  snprintf(file, sizeof file, "it.round-%03d.safetensors", round);
  open_tensors(&s->f[0], dir, "last.safetensors");
  open_tensors(&s->f[1], dir, file);
  for (size_t i = 0; i < 2; i++)
    for (size_t k = 0; k < 4; k++) {
      const st_tensor *t = st_find(&s->f[i], tensors[k]);
      ck_assert_ptr_nonnull(t);
      s->v[i][k] = t->data;
      s->n[i][k] = t->bytes / sizeof(float);
    }
}

static void close_nets(nets *s)
{
  st_free(&s->f[0]);
  st_free(&s->f[1]);
}

static void rig(const char *plugin_name, const char *rounds)
{
  rig_setup();
  set("compressor.it.plugin", plugin_name);
  set("compressor.it.rounds", rounds);
}

/* Of 8 units 25 % a round, the smallest first: 6, 4, with the values that they had. */
START_TEST(unit_ablation_by_norm)
{
  double v[4];
  nets s;
  size_t k = 0;
  rig("unit_ablation", "2");
  set("compressor.it.share", "0.25");
  set("compressor.it.order", "norm");
  finished("a");
  ck_assert_uint_eq(course("a", "it.parameters", v, 4), 3);
  ck_assert_double_eq(v[0], 75);
  ck_assert_double_eq(v[1], 6 * 9 + 3);
  ck_assert_double_eq(v[2], 4 * 9 + 3);
  open_nets(&s, "a", 2);
  ck_assert_uint_eq(s.n[1][HW], 4 * 5);
  double gone = 0, least = INFINITY;
  for (size_t u = 0; u < 8; u++) {
    double norm = 0;
    for (size_t j = 0; j < 5; j++)
      norm += pow((double)s.v[0][HW][u * 5 + j], 2);
    if (k < 4 && memcmp(s.v[0][HW] + u * 5, s.v[1][HW] + k * 5, 5 * sizeof(float)) == 0) {
      ck_assert_float_eq(s.v[0][HB][u], s.v[1][HB][k]);
      for (size_t o = 0; o < 3; o++)
        ck_assert_float_eq(s.v[0][OW][o * 8 + u], s.v[1][OW][o * 4 + k]);
      least = fmin(least, norm);
      k++;
    } else
      gone = fmax(gone, norm);
  }
  ck_assert_uint_eq(k, 4);
  ck_assert_double_lt(gone, least);
  close_nets(&s);
}
END_TEST

/* It ends with one unit, however much is to go. */
START_TEST(unit_ablation_leaves_one)
{
  rig("unit_ablation", "9");
  set("compressor.it.share", "0.4");
  finished("a");
  ck_assert_double_eq(last("a", "it.parameters"), 9 + 3);
  ck_assert_double_eq(last("a", "it.round"), 3);
}
END_TEST

/* With 3 bits no weight is further off than half a step of (max - min) / 7, and there are at most
 * 8 values; 64 weights of 3 bits, two tables of two numbers, 11 biases. */
START_TEST(quantize_within_half_a_step)
{
  nets s;
  rig("quantize", "5");
  set("compressor.it.bits", "5, 3");
  finished("a");
  ck_assert_double_eq(last("a", "it.round"), 2);
  open_nets(&s, "a", 2);
  for (size_t k = 0; k < 4; k += 2) {
    const float *v = s.v[0][k], *w = s.v[1][k];
    float lo = v[0], hi = v[0], value[65];
    size_t distinct = 0;
    for (size_t i = 0; i < s.n[0][k]; i++)
      lo = fminf(lo, v[i]), hi = fmaxf(hi, v[i]);
    const double step = ((double)hi - (double)lo) / 7;
    for (size_t i = 0; i < s.n[0][k]; i++) {
      size_t j = 0;
      ck_assert_double_le(fabs((double)v[i] - (double)w[i]), step / 2 * (1 + 1e-5));
      while (j < distinct && value[j] != w[i])
        j++;
      value[j] = w[i];
      distinct += j == distinct;
    }
    ck_assert_uint_le(distinct, 8);
    ck_assert_uint_ge(distinct, 4);
  }
  for (size_t k = 1; k < 4; k += 2)
    ck_assert_mem_eq(s.v[0][k], s.v[1][k], s.n[0][k] * sizeof(float));
  ck_assert_double_eq(last("a", "it.bytes"), ceil((64 * 3 + 2 * 64 + 11 * 32) / 8.0));
  ck_assert_double_le(last("a", "it.bytes_coded"), last("a", "it.bytes"));
  close_nets(&s);
}
END_TEST

/* At full rank nothing is changed, bit for bit. */
START_TEST(low_rank_in_full)
{
  nets s;
  rig("low_rank", "1");
  set("compressor.it.keep", "1");
  finished("a");
  open_nets(&s, "a", 1);
  for (size_t k = 0; k < 4; k++)
    ck_assert_mem_eq(s.v[0][k], s.v[1][k], s.n[0][k] * sizeof(float));
  ck_assert_double_eq(last("a", "it.test.loss"), last("a", "test.loss"));
  ck_assert_double_eq(last("a", "it.parameters"), 75);
  close_nets(&s);
}
END_TEST

/* The largest singular value of w (rows,cols) by iteration from a fixed vector, squared. */
static double greatest(const float *w, size_t rows, size_t cols)
{
  double x[8] = {0.3, -0.7, 0.9, 0.4, 0.8, -0.2, 0.6, 0.5}, y[8], norm = 0;
  for (int step = 0; step < 2000; step++) {
    memset(y, 0, sizeof y);
    for (size_t i = 0; i < rows; i++) {
      double sum = 0;
      for (size_t j = 0; j < cols; j++)
        sum += (double)w[i * cols + j] * x[j];
      for (size_t j = 0; j < cols; j++)
        y[j] += (double)w[i * cols + j] * sum;
    }
    norm = 0;
    for (size_t j = 0; j < cols; j++)
      norm += y[j] * y[j];
    norm = sqrt(norm);
    for (size_t j = 0; j < cols; j++)
      x[j] = y[j] / norm;
  }
  return norm;
}

/* Of rank 1, and no other of rank 1 is nearer: |W - W1|^2 = |W|^2 - sigma^2. W (8,5) and (3,8). */
START_TEST(low_rank_is_the_nearest)
{
  static const size_t rows[] = {8, 3}, cols[] = {5, 8};
  nets s;
  rig("low_rank", "1");
  set("compressor.it.keep", "0.35");
  finished("a");
  open_nets(&s, "a", 1);
  for (size_t k = 0; k < 2; k++) {
    const float *v = s.v[0][2 * k], *w = s.v[1][2 * k];
    double all = 0, off = 0;
    for (size_t i = 0; i < rows[k] * cols[k]; i++) {
      all += pow((double)v[i], 2);
      off += pow((double)v[i] - (double)w[i], 2);
    }
    ck_assert_double_eq_tol(off, all - greatest(v, rows[k], cols[k]), 1e-5 * all);
    for (size_t i = 1; i < rows[k]; i++) /* every row is a multiple of the first */
      for (size_t j = 1; j < cols[k]; j++)
        ck_assert_double_eq_tol((double)w[i * cols[k] + j] * (double)w[0],
                                (double)w[i * cols[k]] * (double)w[j], 1e-6);
  }
  ck_assert_double_eq(last("a", "it.parameters"), 8 + 5 + 8 + 3 + 8 + 3);
  ck_assert_double_eq(last("a", "it.bytes"), 4 * 35);
  close_nets(&s);
}
END_TEST

/* Layers that are narrowed are narrowed, whatever stands between them. */
START_TEST(all_sorts_are_narrowed)
{
  network(0);
  set("compressor.it.plugin", "unit_ablation");
  set("compressor.it.share", "0.5");
  set("compressor.it.rounds", "1");
  finished("a");
  /* c1, c2 3 of 6 filters of 3x3x2 and 3x3x3, bn 3, c3 2 of 4, dense 4 of 9 units on 9 places of 5
   * channels with the mask of those that are left, 3 x 4; biases */
  st_file f;
  open_tensors(&f, "a", "it.round-001.safetensors");
  ck_assert_uint_eq(st_find(&f, "c1.W")->bytes, 4 * 3 * 9 * 2);
  ck_assert_uint_eq(st_find(&f, "c2.W")->bytes, 4 * 3 * 9 * 3);
  ck_assert_uint_eq(st_find(&f, "bn.mean")->bytes, 4 * 3);
  ck_assert_uint_eq(st_find(&f, "c3.W")->bytes, 4 * 2 * 9 * 3);
  ck_assert_uint_eq(st_find(&f, "d.W")->bytes, 4 * 4 * 9 * 5);
  ck_assert_uint_eq(st_find(&f, "o.W")->bytes, 4 * 3 * 4);
  st_free(&f);
}
END_TEST

static void find_all(void)
{
  const plugin *const *list;
  size_t n;
  diag d = {0};
  if (plugins_new(&registry, NULL, &d) < 0 || plugins_scan(registry, &list, &n, &d) < 0)
    diag_flush(&d);
  else
    for (size_t i = 0; i < n && nfound < 32; i++)
      if (list[i]->d.kind == RAD_COMPRESSOR)
        found[nfound++] = list[i];
  diag_free(&d);
}

int main(void)
{
  char room[] = "compressors.XXXXXX";
  find_all();
  if (nfound == 0 || !mkdtemp(room) || chdir(room) != 0)
    return EXIT_FAILURE;
  Suite *s = suite_create("compressors");
  TCase *t = tcase_create("contract");
  tcase_set_timeout(t, 300);
  tcase_add_checked_fixture(t, setup, rig_teardown);
  tcase_add_loop_test(t, contract, 0, (int)(nfound * SORTS));
  suite_add_tcase(s, t);
  t = tcase_create("distill");
  tcase_set_timeout(t, 120);
  tcase_add_checked_fixture(t, setup, rig_teardown);
  tcase_add_loop_test(t, distill_recovers, 0, 2);
  tcase_add_test(t, distill_sizes);
  tcase_add_loop_test(t, distill_keeps_units, 0, SORTS);
  tcase_add_test(t, distill_draws_anew);
  suite_add_tcase(s, t);
  t = tcase_create("others");
  tcase_set_timeout(t, 120);
  tcase_add_checked_fixture(t, setup, rig_teardown);
  tcase_add_test(t, unit_ablation_by_norm);
  tcase_add_test(t, unit_ablation_leaves_one);
  tcase_add_test(t, quantize_within_half_a_step);
  tcase_add_test(t, low_rank_in_full);
  tcase_add_test(t, low_rank_is_the_nearest);
  tcase_add_test(t, all_sorts_are_narrowed);
  suite_add_tcase(s, t);
  SRunner *r = srunner_create(s);
  srunner_run_all(r, CK_NORMAL);
  const int failed = srunner_ntests_failed(r);
  srunner_free(r);
  plugins_free(registry);
  if (chdir("..") == 0)
    folder_remove(room);
  return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
