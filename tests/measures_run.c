/* SPDX-License-Identifier: BSD-3-Clause
 * measures_run.c - whole trainings with every measure that there is: the weights are those of a
 * training without any; what is reported hangs neither on threads nor on kills. */
#include "arm.h"
#include "fs.h"
#include "json.h"
#include "measure_rig.h"
#include "safetensors.h"
#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static diag g;
static config trial;
static volatile int stop;

static void set(const char *key, const char *value)
{
  ck_assert_msg(config_set(&trial, key, value, (origin){0}, &g) >= 0, "%s", text_str(&g.messages));
}

static void setup(void)
{
  static const char *const keys[][2] = {{"run.epochs", "3"},
                                        {"run.batch", "30"},
                                        {"run.checkpoint", "0"},
                                        {"dataset.plugin", "blobs"},
                                        {"dataset.classes", "3"},
                                        {"dataset.features", "5"},
                                        {"dataset.train", "90"},
                                        {"dataset.test", "20"},
                                        {"dataset.sigma", "0.9"},
                                        {"dataset.subset", "0.8"},
                                        {"noise.labels.plugin", "random_labels"},
                                        {"noise.labels.rate", "0.4"},
                                        {"layer.h.plugin", "dense"},
                                        {"layer.h.units", "40"},
                                        {"layer.h.density", "0.6"},
                                        {"layer.norm.plugin", "batch_norm"},
                                        {"layer.act.plugin", "relu"},
                                        {"layer.out.plugin", "dense"},
                                        {"layer.out.units", "3"},
                                        {"backend.plugin", "native"},
                                        {"loss.plugin", "cross_entropy"},
                                        {"optimizer.plugin", "sgd"},
                                        {"optimizer.momentum", "0.9"},
                                        {"regularizer.drop.plugin", "dropout"},
                                        {"regularizer.drop.apply", "act"},
                                        {"schedule.plugin", "constant"},
                                        {"fit.plugin", "gradient"}};
  g = (diag){0};
  trial = (config){0};
  stop = 0;
  for (size_t i = 0; i < sizeof keys / sizeof *keys; i++)
    set(keys[i][0], keys[i][1]);
}

static void teardown(void)
{
  config_free(&trial);
  diag_free(&g);
}

/* A section for each measure, with its defaults; every third one looks every other epoch. */
static void measure_all(void)
{
  plugins *all;
  const plugin *const *v;
  size_t n, there = 0;
  char key[128];
  ck_assert_int_eq(plugins_new(&all, NULL, &g), RAD_OK);
  ck_assert_int_eq(plugins_scan(all, &v, &n, &g), RAD_OK);
  for (size_t i = 0; i < n; i++) {
    if (v[i]->d.kind != RAD_MEASURE)
      continue;
    snprintf(key, sizeof key, "measure.%s.plugin", v[i]->d.name);
    set(key, v[i]->d.name);
    snprintf(key, sizeof key, "measure.%s.every", v[i]->d.name);
    set(key, ++there % 3 == 0 ? "2" : "1");
  }
  plugins_free(all);
  ck_assert_uint_ge(there, 12);
}

static void new_folder(const char *dir)
{
  static const char *const files[] = {"result.json", "last.safetensors", "metrics.jsonl",
                                      "vectors.safetensors"};
  ck_assert_int_eq(fs_mkdirs(dir, &g), RAD_OK);
  for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
    char path[128];
    snprintf(path, sizeof path, "%s/%s", dir, files[i]);
    unlink(path);
  }
}

/* Decoding is not what is stopped here: the samples are in the cache before. */
static void decode(void)
{
  env e = {.diag = &g};
  config c = {0};
  ck_assert_int_eq(plugins_new(&e.plugins, NULL, &g), RAD_OK);
  ck_assert_int_eq(fs_mkdirs("cache", &g), RAD_OK);
  ck_assert_int_eq(experiment_arm(&e, &trial, "main", &c), RAD_OK);
  ck_assert_int_eq(store_prepare(&e, &c, "", "cache"), RAD_OK);
  config_free(&c);
  plugins_free(e.plugins);
  env_free(&e);
}

static rad_status train(const char *dir)
{
  env e = {.diag = &g, .cancelled = &stop};
  ck_assert_int_eq(plugins_new(&e.plugins, NULL, &g), RAD_OK);
  const arm_job j = {.trial = &trial, .arm = "main", .seed = 5, .dir = dir, .cache = "cache"};
  decode();
  const rad_status s = arm_run(&e, &j);
  plugins_free(e.plugins);
  env_free(&e);
  return s;
}

/* Every tensor of a's file is in b's, with the same bits; state of measures may be in b alone. */
static size_t same_tensors(const char *a, const char *b, const char *file)
{
  st_file x, y;
  char path[2][128];
  snprintf(path[0], sizeof path[0], "%s/%s", a, file);
  snprintf(path[1], sizeof path[1], "%s/%s", b, file);
  ck_assert_int_eq(st_read(&x, path[0], &g), RAD_OK);
  ck_assert_int_eq(st_read(&y, path[1], &g), RAD_OK);
  for (size_t i = 0; i < x.n; i++) {
    const st_tensor *t = st_find(&y, x.tensor[i].name);
    ck_assert_msg(t && t->bytes == x.tensor[i].bytes &&
                      memcmp(t->data, x.tensor[i].data, t->bytes) == 0,
                  "%s differs", x.tensor[i].name);
  }
  const size_t n = x.n;
  st_free(&x);
  st_free(&y);
  return n;
}

static json_t *metrics(const char *dir)
{
  char path[128];
  snprintf(path, sizeof path, "%s/result.json", dir);
  json_t *j = json_load_file(path, JSON_REJECT_DUPLICATES, NULL);
  ck_assert_ptr_nonnull(j);
  ck_assert_str_eq(json_string_value(json_object_get(j, "state")), "complete");
  json_t *m = json_incref(json_object_get(j, "metrics"));
  json_decref(j);
  return m;
}

static void same_metrics(const char *a, const char *b)
{
  json_t *x = metrics(a), *y = metrics(b), *v;
  const char *name;
  ck_assert_uint_eq(json_object_size(x), json_object_size(y));
  json_object_foreach(x, name, v) if (strcmp(name, "seconds") != 0)
      ck_assert_msg(json_equal(v, json_object_get(y, name)), "%s differs", name);
  json_decref(x);
  json_decref(y);
}

START_TEST(weights_are_the_same)
{
  new_folder("without");
  new_folder("with");
  ck_assert_msg(train("without") == RAD_OK, "%s", text_str(&g.messages));
  measure_all();
  ck_assert_msg(train("with") == RAD_OK, "%s", text_str(&g.messages));
  ck_assert_uint_gt(same_tensors("without", "with", "last.safetensors"), 8);
}
END_TEST

START_TEST(threads_do_not_matter)
{
  new_folder("one");
  new_folder("more");
  measure_all();
  ck_assert_msg(train("one") == RAD_OK, "%s", text_str(&g.messages));
  set("run.threads", "3");
  ck_assert_msg(train("more") == RAD_OK, "%s", text_str(&g.messages));
  same_metrics("one", "more");
  ck_assert_uint_gt(same_tensors("one", "more", "vectors.safetensors"), 6);
}
END_TEST

/* Stopped after every step; then after the last checkpoint, before the results were written. */
START_TEST(kills_do_not_matter)
{
  rad_status s;
  int runs = 0;
  new_folder("whole");
  new_folder("parts");
  measure_all();
  ck_assert_msg(train("whole") == RAD_OK, "%s", text_str(&g.messages));
  stop = 1;
  while ((s = train("parts")) == RAD_ECANCEL)
    ck_assert_int_lt(++runs, 30);
  ck_assert_msg(s == RAD_OK && runs == 9, "%d runs, %s", runs, text_str(&g.messages));
  same_metrics("whole", "parts");
  same_tensors("whole", "parts", "vectors.safetensors");
  unlink("parts/vectors.safetensors");
  unlink("parts/result.json");
  stop = 0;
  ck_assert_msg(train("parts") == RAD_OK, "%s", text_str(&g.messages));
  same_metrics("whole", "parts");
  same_tensors("whole", "parts", "vectors.safetensors");
}
END_TEST

static double last(const json_t *m, const char *name)
{
  double v = (double)NAN;
  json_to_double(json_object_get(json_object_get(m, name), "last"), &v);
  return v;
}

/* Clean and noisy samples make up all samples. */
START_TEST(clean_and_noisy_add_up)
{
  new_folder("parts");
  measure_all();
  ck_assert_msg(train("parts") == RAD_OK, "%s", text_str(&g.messages));
  json_t *m = metrics("parts");
  const double all = last(m, "train.accuracy"), clean = last(m, "train.accuracy_clean"),
               noisy = last(m, "train.accuracy_noisy");
  env e = {.diag = &g, .seed = 5};
  data *d;
  ck_assert_int_eq(plugins_new(&e.plugins, NULL, &g), RAD_OK);
  ck_assert_int_eq(data_open(&d, &e, &trial, NULL), RAD_OK);
  const double n = (double)d->source[RAD_TRAIN].n, wrong = (double)d->source[RAD_TRAIN].changed;
  ck_assert(wrong > 5 && n - wrong > 5 && clean != noisy);
  ck_assert(fabs(all - (clean * (n - wrong) + noisy * wrong) / n) < 1e-12);
  ck_assert(fabs(last(m, "train.loss") -
                 (last(m, "train.loss_clean") * (n - wrong) + last(m, "train.loss_noisy") * wrong) /
                     n) < 1e-12);
  data_free(d);
  json_decref(m);
  plugins_free(e.plugins);
  env_free(&e);
}
END_TEST

TCase *run_measure_cases(void)
{
  TCase *t = tcase_create("run");
  tcase_set_timeout(t, 60);
  tcase_add_checked_fixture(t, setup, teardown);
  tcase_add_test(t, weights_are_the_same);
  tcase_add_test(t, threads_do_not_matter);
  tcase_add_test(t, kills_do_not_matter);
  tcase_add_test(t, clean_and_noisy_add_up);
  return t;
}
