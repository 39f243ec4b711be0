/* SPDX-License-Identifier: BSD-3-Clause
 * core_train.c - trainings as a whole: stopped after every single step and gone on with, they end
 * with the same bits; arms start alike; metrics are what the files say. */
#include "arm.h"
#include "experiment.h"
#include "folder.h"
#include "fs.h"
#include "json.h"
#include "safetensors.h"
#include "train.h"
#include <check.h>
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

/* What a training needs beside data and layers. */
static void rest(void)
{
  static const char *const keys[][2] = {
      {"loss.plugin", "cross_entropy"}, {"optimizer.plugin", "sgd"},
      {"optimizer.lr", "0.05"},         {"schedule.plugin", "constant"},
      {"fit.plugin", "gradient"},       {"measure.accuracy.plugin", "accuracy"},
      {"measure.loss.plugin", "loss"}};
  for (size_t i = 0; i < sizeof keys / sizeof *keys; i++)
    set(keys[i][0], keys[i][1]);
}

static void base(bool blobs)
{
  static const char *const keys[][2] = {
      {"run.epochs", "4"},         {"run.batch", "16"},
      {"dataset.plugin", "blobs"}, {"dataset.classes", "3"},
      {"dataset.features", "5"},   {"dataset.train", "70"},
      {"dataset.test", "20"},      {"dataset.sigma", "0.9"},
      {"layer.h.plugin", "dense"}, {"layer.h.units", "8"},
      {"layer.act.plugin", "elu"}, {"layer.out.plugin", "dense"},
      {"layer.out.units", "3"},    {"backend.plugin", "reference"}};
  for (size_t i = 0; i < sizeof keys / sizeof *keys; i++)
    if (blobs || strncmp(keys[i][0], "dataset.", 8) != 0)
      set(keys[i][0], keys[i][1]);
  rest();
}

static void setup(void)
{
  g = (diag){0};
  trial = (config){0};
  stop = 0;
  base(true);
}

static void teardown(void)
{
  config_free(&trial);
  diag_free(&g);
}

static void job_dir(char out[64], const char *name)
{
  snprintf(out, 64, "core_train.tmp.%s", name);
  ck_assert_int_eq(fs_mkdirs(out, &g), RAD_OK);
  static const char *const files[] = {"result.json", "last.safetensors", "best.safetensors",
                                      "metrics.jsonl", "vectors.safetensors"};
  for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
    char path[128];
    snprintf(path, sizeof path, "%s/%s", out, files[i]);
    unlink(path);
  }
}

/* Decoding is not what is stopped here: the samples are in the cache before. */
static void decode(env *e, const char *arm, const char *cache)
{
  config c = {0};
  const int kept = stop;
  stop = 0;
  ck_assert_int_eq(fs_mkdirs(cache, &g), RAD_OK);
  if (experiment_arm(e, &trial, arm, &c) < 0 || store_prepare(e, &c, "", cache) < 0)
    ck_abort_msg("%s", text_str(&g.messages));
  stop = kept;
  config_free(&c);
}

static rad_status run(const char *arm, uint64_t seed, const char *dir)
{
  static const char cache[] = "core_train.tmp.cache";
  env e = {.diag = &g, .cancelled = &stop};
  ck_assert_int_eq(plugins_new(&e.plugins, NULL, &g), RAD_OK);
  const arm_job j = {.trial = &trial, .arm = arm, .seed = seed, .dir = dir, .cache = cache};
  decode(&e, arm, cache);
  const rad_status s = arm_run(&e, &j);
  plugins_free(e.plugins);
  env_free(&e);
  return s;
}

static void read_tensors(st_file *f, const char *dir)
{
  char path[128];
  snprintf(path, sizeof path, "%s/last.safetensors", dir);
  ck_assert_msg(st_read(f, path, &g) >= 0, "%s", text_str(&g.messages));
}

static void same_tensors(const char *a, const char *b)
{
  st_file x, y;
  read_tensors(&x, a);
  read_tensors(&y, b);
  ck_assert_uint_eq(x.n, y.n);
  for (size_t i = 0; i < x.n; i++) {
    const st_tensor *t = st_find(&y, x.tensor[i].name);
    ck_assert_msg(t && t->bytes == x.tensor[i].bytes &&
                      memcmp(t->data, x.tensor[i].data, t->bytes) == 0,
                  "%s differs", x.tensor[i].name);
  }
  st_free(&x);
  st_free(&y);
}

static json_t *result(const char *dir)
{
  char path[128];
  snprintf(path, sizeof path, "%s/result.json", dir);
  json_t *j = json_load_file(path, JSON_REJECT_DUPLICATES, NULL);
  ck_assert_ptr_nonnull(j);
  return j;
}

static double last(const json_t *j, const char *name)
{
  double v = -1;
  json_to_double(json_object_get(json_object_get(json_object_get(j, "metrics"), name), "last"), &v);
  return v;
}

/* --- threads --- */

/* One network of all sorts: layers cut by rows, layers by shard, sums over the batch, inserted
 * layers, a penalty, several readers, and batches that do not divide evenly. */
static void all_sorts(void)
{
  static const char *const keys[][2] = {{"run.batch", "150"},
                                        {"run.epochs", "2"},
                                        {"dataset.train", "410"},
                                        {"layer.h.units", "70"},
                                        {"layer.h.density", "0.5"},
                                        {"layer.out.input", "act"},
                                        {"layer.side.plugin", "convex_dense"},
                                        {"layer.side.units", "40"},
                                        {"layer.side.input", "act"},
                                        {"layer.side.density", "0.1"},
                                        {"layer.end.plugin", "dense"},
                                        {"layer.end.units", "3"},
                                        {"layer.sum.plugin", "add"},
                                        {"layer.sum.input", "out, end, out"},
                                        {"noise.labels.plugin", "random_labels"},
                                        {"noise.labels.rate", "0.3"},
                                        {"optimizer.momentum", "0.9"},
                                        {"regularizer.drop.plugin", "dropout"},
                                        {"regularizer.drop.apply", "act"},
                                        {"regularizer.wd.plugin", "weight_decay"}};
  for (size_t i = 0; i < sizeof keys / sizeof *keys; i++)
    set(keys[i][0], keys[i][1]);
}

/* Images: convolutions by shard, one of them sparse, sums over the batch, two ways that join. */
static void images(void)
{
  static const char *const keys[][2] = {{"run.batch", "70"},
                                        {"run.epochs", "2"},
                                        {"dataset.plugin", "uniform"},
                                        {"dataset.height", "7"},
                                        {"dataset.width", "6"},
                                        {"dataset.channels", "3"},
                                        {"dataset.classes", "3"},
                                        {"dataset.train", "150"},
                                        {"dataset.test", "20"},
                                        {"layer.h.plugin", "conv2d"},
                                        {"layer.h.filters", "5"},
                                        {"layer.h.pad", "1"},
                                        {"layer.act.plugin", "batch_norm"},
                                        {"layer.out.plugin", "convex_conv2d"},
                                        {"layer.out.filters", "5"},
                                        {"layer.out.kernel", "1"},
                                        {"layer.out.density", "0.6"},
                                        {"layer.both.plugin", "concat"},
                                        {"layer.both.input", "act, out"},
                                        {"layer.thin.plugin", "conv2d"},
                                        {"layer.thin.filters", "8"},
                                        {"layer.thin.same", "true"},
                                        {"layer.thin.groups", "2"},
                                        {"layer.thin.density", "0.14"},
                                        {"layer.pool.plugin", "max_pool"},
                                        {"layer.pool.kernel", "3"},
                                        {"layer.pool.stride", "2"},
                                        {"layer.flat.plugin", "flatten"},
                                        {"layer.norm.plugin", "batch_norm"},
                                        {"layer.end.plugin", "dense"},
                                        {"layer.end.units", "3"},
                                        {"optimizer.momentum", "0.9"},
                                        {"noise.crop.plugin", "random_crop"},
                                        {"noise.crop.pad", "1"},
                                        {"noise.more.plugin", "fresh_gaussian"}};
  config_free(&trial);
  trial = (config){0};
  base(false);
  for (size_t i = 0; i < sizeof keys / sizeof *keys; i++)
    set(keys[i][0], keys[i][1]);
}

START_TEST(threads_give_the_same_bits)
{
  static const char *const n[] = {"1", "2", "3", "8", "11"};
  static const char *const backend[] = {"reference", "native",    "openblas",
                                        "native",    "reference", "native"};
  char one[64], many[64];
  if (_i < 3)
    all_sorts();
  else
    images();
  set("backend.plugin", backend[_i]);
  if (_i == 2) /* has no sparse products */
    set("layer.side.density", "0.3");
  if (_i == 3) { /* few samples at a time stay near */
    set("dataset.height", "24");
    set("dataset.width", "20");
    set("layer.h.filters", "24");
    set("layer.out.filters", "24");
  }
  job_dir(one, "one");
  for (size_t i = 0; i < sizeof n / sizeof *n; i++) {
    job_dir(many, "many");
    set("run.threads", n[i]);
    ck_assert_msg(run("main", 5, i ? many : one) == RAD_OK, "%s", text_str(&g.messages));
    if (i == 0)
      continue;
    same_tensors(one, many);
    json_t *a = result(one), *b = result(many);
    ck_assert(last(a, "train.loss") == last(b, "train.loss") &&
              last(a, "penalty") == last(b, "penalty") && last(a, "train.loss") > 0);
    json_decref(a);
    json_decref(b);
  }
}
END_TEST

/* An activation before a maximum is applied behind it. */
START_TEST(activations_wait_for_maxima)
{
  static const char *const order[2][2] = {{"relu", "max_pool"}, {"max_pool", "relu"}};
  static const char *const keys[][2] = {
      {"dataset.plugin", "uniform"}, {"dataset.height", "7"},  {"dataset.width", "6"},
      {"dataset.channels", "2"},     {"dataset.classes", "3"}, {"dataset.train", "60"},
      {"layer.h.plugin", "conv2d"},  {"layer.h.filters", "5"}, {"layer.h.pad", "2"},
      {"layer.out.plugin", "dense"}, {"layer.out.units", "3"}};
  char dir[2][64];
  for (int k = 0; k < 2; k++) {
    config_free(&trial);
    trial = (config){0};
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
      if (strcmp(keys[i][0], "layer.out.plugin") == 0) {
        set("layer.one.plugin", order[k][0]);
        set("layer.two.plugin", order[k][1]);
        set("layer.flat.plugin", "flatten");
      }
      set(keys[i][0], keys[i][1]);
    }
    set("backend.plugin", "native");
    rest();
    job_dir(dir[k], k ? "two" : "one");
    ck_assert_msg(run("main", 5, dir[k]) == RAD_OK, "%s", text_str(&g.messages));
  }
  same_tensors(dir[0], dir[1]);
}
END_TEST

/* A measure that reads weights sees what was declared, in whatever layout they are. */
START_TEST(measures_read_plain_weights)
{
  env e = {.diag = &g, .seed = 5};
  config c[2] = {{0}, {0}};
  trainer *t[2];
  all_sorts();
  ck_assert_int_eq(plugins_new(&e.plugins, NULL, &g), RAD_OK);
  for (int i = 0; i < 2; i++) {
    set("backend.plugin", i ? "native" : "reference");
    ck_assert_int_eq(experiment_arm(&e, &trial, "main", &c[i]), RAD_OK);
    ck_assert_msg(trainer_new(&t[i], &e, &c[i], NULL, false) >= 0 && trainer_alloc(t[i]) >= 0, "%s",
                  text_str(&g.messages));
  }
  bool packed = false;
  for (uint32_t k = 0; k < t[0]->model->pub.nparam; k++) {
    float v[2][40 * 70];
    packed |= t[1]->model->param[k].pub.layout != 0;
    for (int i = 0; i < 2; i++)
      ck_assert_int_eq(
          t[i]->lab.values(&t[i]->hook[0].instance->ctx, &t[i]->model->param[k].pub, v[i]), RAD_OK);
    ck_assert_mem_eq(v[0], v[1], t[0]->model->param[k].decl->count * sizeof(float));
  }
  ck_assert(packed);
  for (int i = 0; i < 2; i++) {
    trainer_free(t[i]);
    config_free(&c[i]);
  }
  plugins_free(e.plugins);
  env_free(&e);
}
END_TEST

/* The same initial weights and nearly no training: what native keeps in panels, or only where it is
 * not 0, is in the file as reference has it. Filters are (out, in, h, w). */
START_TEST(files_have_one_order)
{
  st_file x, y;
  char one[64], two[64];
  if (_i)
    images();
  else
    all_sorts();
  set("optimizer.lr", "1e-12");
  job_dir(one, "one");
  job_dir(two, "two");
  ck_assert_msg(run("main", 5, one) == RAD_OK, "%s", text_str(&g.messages));
  set("backend.plugin", "native");
  ck_assert_msg(run("main", 5, two) == RAD_OK, "%s", text_str(&g.messages));
  read_tensors(&x, one);
  read_tensors(&y, two);
  ck_assert_uint_eq(x.n, y.n);
  for (size_t i = 0; i < x.n; i++) {
    const st_tensor *t = &x.tensor[i], *u = st_find(&y, t->name);
    ck_assert(u && u->type == t->type && u->bytes == t->bytes && u->shape.rank == t->shape.rank);
    for (size_t k = 0; t->type == RAD_F32 && k < t->bytes / sizeof(float); k++)
      ck_assert_msg(
          fabs((double)((const float *)t->data)[k] - (double)((const float *)u->data)[k]) < 1e-4,
          "%s differs at %zu", t->name, k);
  }
  if (_i) {
    const rad_shape *s = &st_find(&y, "out.W")->shape;
    ck_assert(s->rank == 4 && s->dim[0] == 5 && s->dim[1] == 5 && s->dim[2] == 1 && s->dim[3] == 1);
    ck_assert_ptr_nonnull(st_find(&y, "mask/out.W"));
    ck_assert_ptr_nonnull(st_find(&y, "momentum/out.W"));
    ck_assert_uint_eq(st_find(&y, "thin.W")->bytes, 8 * 5 * 9 * sizeof(float));
    ck_assert_ptr_nonnull(st_find(&y, "mask/thin.W"));
    ck_assert_ptr_nonnull(st_find(&y, "momentum/thin.W"));
  }
  st_free(&x);
  st_free(&y);
}
END_TEST

static const char *const variants[][5][2] = {
    {{"optimizer.momentum", "0.9"}, {"regularizer.wd.plugin", "weight_decay"}, {0}},
    {{"optimizer.nesterov", "true"},
     {"schedule.plugin", "plateau"},
     {"schedule.patience", "0"},
     {0}},
    {{"optimizer.plugin", "adam"},
     {"regularizer.drop.plugin", "dropout"},
     {"regularizer.drop.apply", "act"},
     {0}},
    {{"regularizer.stop.plugin", "early_stopping"},
     {"regularizer.stop.patience", "1"},
     {"regularizer.stop.restore", "true"},
     {"optimizer.lr", "0.9"}},
    {{"noise.labels.plugin", "random_labels"},
     {"noise.labels.rate", "0.5"},
     {"dataset.scale", "standardize"},
     {0}},
    {{"run.evaluate", "3"}, {"schedule.plugin", "cosine"}, {"measure.c.plugin", "confusion"}, {0}},
    {{"backend.plugin", "native"},
     {"layer.h.density", "0.5"},
     {"regularizer.stop.plugin", "early_stopping"},
     {"regularizer.stop.restore", "true"}},
    {{"layer.h.plugin", "convex_dense"},
     {"layer.h.units", "40"},
     {"layer.h.density", "0.24"},
     {"backend.plugin", "native"},
     {"optimizer.plugin", "adam"}},
    {{"backend.plugin", "native"}, {"optimizer.nesterov", "true"}, {0}}, /* of images */
};
enum { VARIANTS = sizeof variants / sizeof *variants };

static void apply_variant(int i)
{
  if (i == VARIANTS - 1)
    images();
  for (size_t k = 0; k < 5 && variants[i][k][0]; k++)
    set(variants[i][k][0], variants[i][k][1]);
}

START_TEST(stopped_after_every_step)
{
  char whole[64], parts[64];
  int runs = 0;
  rad_status s;
  apply_variant(_i);
  job_dir(whole, "whole");
  job_dir(parts, "parts");
  ck_assert_msg(run("main", 5, whole) == RAD_OK, "%s", text_str(&g.messages));
  stop = 1;
  while ((s = run("main", 5, parts)) == RAD_ECANCEL)
    ck_assert_int_lt(++runs, 30);
  ck_assert_msg(s == RAD_OK, "%s", text_str(&g.messages));
  ck_assert_int_ge(runs, 4);
  same_tensors(whole, parts);
  json_t *a = result(whole), *b = result(parts);
  const char *name;
  json_t *v;
  json_object_foreach(json_object_get(a, "metrics"), name, v)
  {
    if (strcmp(name, "seconds") != 0)
      ck_assert_msg(json_equal(v, json_object_get(json_object_get(b, "metrics"), name)),
                    "%s differs", name);
  }
  json_decref(a);
  json_decref(b);
}
END_TEST

/* metrics.jsonl of a stopped and resumed job holds each epoch once */
START_TEST(no_epoch_is_doubled)
{
  char parts[64], path[128];
  double next = 0;
  job_dir(parts, "parts");
  stop = 1;
  while (run("main", 5, parts) == RAD_ECANCEL)
    ;
  snprintf(path, sizeof path, "%s/metrics.jsonl", parts);
  FILE *f = fopen(path, "r");
  char line[4096];
  ck_assert_ptr_nonnull(f);
  while (fgets(line, sizeof line, f)) {
    json_t *j = json_loads(line, 0, NULL);
    ck_assert_double_eq(json_number_value(json_object_get(j, "epoch")), next++);
    json_decref(j);
  }
  fclose(f);
  ck_assert_double_eq(next, 5);
}
END_TEST

START_TEST(arms_start_alike)
{
  char a[64], b[64], path[128];
  double x[2] = {-1, -2};
  set("arm.plain.enabled", "true");
  set("arm.decay.regularizer.wd.plugin", "weight_decay");
  set("arm.decay.regularizer.wd.lambda", "0.1");
  job_dir(a, "plain");
  job_dir(b, "decay");
  ck_assert_int_eq(run("plain", 3, a), RAD_OK);
  ck_assert_msg(run("decay", 3, b) == RAD_OK, "%s", text_str(&g.messages));
  for (int i = 0; i < 2; i++) {
    snprintf(path, sizeof path, "%s/metrics.jsonl", i ? b : a);
    FILE *f = fopen(path, "r");
    char line[4096];
    ck_assert_ptr_nonnull(fgets(line, sizeof line, f));
    json_t *j = json_loads(line, 0, NULL);
    json_to_double(json_object_get(json_object_get(j, "metrics"), "train.loss"), &x[i]);
    json_decref(j);
    fclose(f);
  }
  ck_assert(x[0] == x[1]);
  json_t *ra = result(a), *rb = result(b);
  ck_assert(last(ra, "train.loss") != last(rb, "train.loss"));
  json_decref(ra);
  json_decref(rb);
}
END_TEST

START_TEST(divergence_is_a_result)
{
  char dir[64];
  set("optimizer.lr", "900");
  set("loss.plugin", "mse");
  set("layer.act.plugin", "relu");
  set("run.epochs", "200");
  job_dir(dir, "diverged");
  ck_assert_int_eq(run("main", 1, dir), RAD_OK);
  json_t *j = result(dir);
  ck_assert_str_eq(json_string_value(json_object_get(j, "state")), "diverged");
  ck_assert(strstr(json_string_value(json_object_get(j, "reason")), "epoch") != NULL);
  json_decref(j);
}
END_TEST

START_TEST(failure_is_a_result_with_its_reason)
{
  char dir[64];
  set("layer.out.units", "7");
  job_dir(dir, "failed");
  ck_assert_int_eq(run("main", 1, dir), RAD_OK);
  json_t *j = result(dir);
  ck_assert_str_eq(json_string_value(json_object_get(j, "state")), "failed");
  ck_assert(strstr(json_string_value(json_object_get(j, "reason")), "7 outputs") != NULL);
  json_decref(j);
}
END_TEST

START_TEST(damaged_checkpoint_starts_over)
{
  char whole[64], broken[64], path[128];
  job_dir(whole, "whole");
  job_dir(broken, "broken");
  ck_assert_int_eq(run("main", 2, whole), RAD_OK);
  stop = 1;
  ck_assert_int_eq(run("main", 2, broken), RAD_ECANCEL);
  snprintf(path, sizeof path, "%s/last.safetensors", broken);
  ck_assert_int_eq(truncate(path, 700), 0);
  stop = 0;
  ck_assert_int_eq(run("main", 2, broken), RAD_OK);
  ck_assert_uint_ge(g.warnings, 1);
  same_tensors(whole, broken);
}
END_TEST

START_TEST(restored_weights_are_the_best)
{
  char dir[64];
  double best;
  set("run.epochs", "30");
  set("optimizer.lr", "1.5");
  set("regularizer.stop.plugin", "early_stopping");
  set("regularizer.stop.metric", "val.loss");
  set("regularizer.stop.patience", "3");
  set("regularizer.stop.restore", "true");
  job_dir(dir, "restored");
  ck_assert_int_eq(run("main", 4, dir), RAD_OK);
  json_t *j = result(dir);
  json_to_double(json_object_get(json_object_get(json_object_get(j, "metrics"), "val.loss"), "min"),
                 &best);
  ck_assert(last(j, "val.loss") == best);
  ck_assert(last(j, "epochs") < 30);
  json_decref(j);
}
END_TEST

START_TEST(order_is_a_permutation)
{
  env e = {.diag = &g, .seed = 9};
  trainer *t;
  uint64_t a[63], b[63];
  bool seen[63] = {false}, moved = false;
  ck_assert_int_eq(plugins_new(&e.plugins, NULL, &g), RAD_OK);
  ck_assert_msg(trainer_new(&t, &e, &trial, NULL, true) == RAD_OK, "%s", text_str(&g.messages));
  ck_assert_uint_eq(t->data->facts.n[RAD_TRAIN], 63);
  train_order(t, 0, a);
  train_order(t, 1, b);
  for (size_t i = 0; i < 63; i++) {
    ck_assert(a[i] < 63 && !seen[a[i]]);
    seen[a[i]] = true;
    moved |= a[i] != b[i];
  }
  ck_assert(moved);
  train_order(t, 0, b);
  ck_assert_mem_eq(a, b, sizeof a);
  trainer_free(t);
  plugins_free(e.plugins);
  env_free(&e);
}
END_TEST

int main(void)
{
  char room[] = "core_train.XXXXXX";
  if (!mkdtemp(room) || chdir(room) != 0)
    return EXIT_FAILURE;
  Suite *s = suite_create("train");
  TCase *t = tcase_create("train");
  tcase_set_timeout(t, 60);
  tcase_add_checked_fixture(t, setup, teardown);
  tcase_add_test(t, activations_wait_for_maxima);
  tcase_add_test(t, measures_read_plain_weights);
  tcase_add_loop_test(t, files_have_one_order, 0, 2);
  tcase_add_loop_test(t, threads_give_the_same_bits, 0, 6);
  tcase_add_loop_test(t, stopped_after_every_step, 0, VARIANTS);
  tcase_add_test(t, no_epoch_is_doubled);
  tcase_add_test(t, arms_start_alike);
  tcase_add_test(t, divergence_is_a_result);
  tcase_add_test(t, failure_is_a_result_with_its_reason);
  tcase_add_test(t, damaged_checkpoint_starts_over);
  tcase_add_test(t, restored_weights_are_the_best);
  tcase_add_test(t, order_is_a_permutation);
  suite_add_tcase(s, t);
  SRunner *r = srunner_create(s);
  srunner_run_all(r, CK_NORMAL);
  const int failed = srunner_ntests_failed(r);
  srunner_free(r);
  if (chdir("..") == 0)
    folder_remove(room);
  return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
