/* SPDX-License-Identifier: BSD-3-Clause */
#include "compress_rig.h"
#include "experiment.h"
#include "folder.h"
#include "json.h"
#include "store.h"
#include <check.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

diag g;
config trial;
volatile int stop;

void set(const char *key, const char *value)
{
  ck_assert_msg(config_set(&trial, key, value, (origin){.file = "exp.ini", .line = 7}, &g) >= 0,
                "%s", text_str(&g.messages));
}

void sets(const char *const (*keys)[2], size_t n)
{
  for (size_t i = 0; i < n && keys[i][0]; i++)
    set(keys[i][0], keys[i][1]);
}

void rig_setup(void)
{
  static const char *const keys[][2] = {{"run.epochs", "4"},
                                        {"run.batch", "16"},
                                        {"dataset.plugin", "blobs"},
                                        {"dataset.classes", "3"},
                                        {"dataset.features", "5"},
                                        {"dataset.train", "70"},
                                        {"dataset.test", "20"},
                                        {"dataset.sigma", "0.9"},
                                        {"layer.h.plugin", "dense"},
                                        {"layer.h.units", "8"},
                                        {"layer.act.plugin", "elu"},
                                        {"layer.out.plugin", "dense"},
                                        {"layer.out.units", "3"},
                                        {"backend.plugin", "reference"},
                                        {"loss.plugin", "cross_entropy"},
                                        {"optimizer.plugin", "sgd"},
                                        {"optimizer.lr", "0.05"},
                                        {"schedule.plugin", "constant"},
                                        {"fit.plugin", "gradient"},
                                        {"measure.accuracy.plugin", "accuracy"},
                                        {"measure.loss.plugin", "loss"}};
  g = (diag){0};
  trial = (config){0};
  stop = 0;
  sets(keys, sizeof keys / sizeof *keys);
}

void rig_teardown(void)
{
  config_free(&trial);
  diag_free(&g);
}

void empty(const char *dir)
{
  ck_assert_int_eq(fs_mkdirs(dir, &g), RAD_OK);
  folder_remove(dir);
  ck_assert_int_eq(fs_mkdirs(dir, &g), RAD_OK);
}

/* Decoding is not what is stopped here: the samples are in the cache before. */
static void decode(env *e, const char *cache)
{
  config c = {0};
  const int kept = stop;
  stop = 0;
  ck_assert_int_eq(fs_mkdirs(cache, &g), RAD_OK);
  rad_status s = experiment_arm(e, &trial, "main", &c);
  for (const section *d = NULL; s >= 0 && (d = config_next(&c, "dataset", d));)
    s = store_prepare(e, &c, d->name, cache);
  ck_assert_msg(s >= 0, "%s", text_str(&g.messages));
  stop = kept;
  config_free(&c);
}

rad_status run(const char *dir)
{
  env e = {.diag = &g, .cancelled = &stop};
  if (!stop)
    empty(dir);
  ck_assert_int_eq(plugins_new(&e.plugins, NULL, &g), RAD_OK);
  const arm_job j = {.trial = &trial, .arm = "main", .seed = 5, .dir = dir, .cache = "cache"};
  decode(&e, "cache");
  const rad_status s = arm_run(&e, &j);
  plugins_free(e.plugins);
  env_free(&e);
  return s;
}

void run_stopped(const char *dir, int least)
{
  int runs = 0;
  rad_status s;
  empty(dir);
  stop = 1;
  while ((s = run(dir)) == RAD_ECANCEL)
    ck_assert_int_lt(++runs, 400);
  stop = 0;
  ck_assert_msg(s == RAD_OK, "%s", text_str(&g.messages));
  ck_assert_int_ge(runs, least);
}

json_t *result(const char *dir)
{
  char path[128];
  snprintf(path, sizeof path, "%s/result.json", dir);
  json_t *j = json_load_file(path, JSON_REJECT_DUPLICATES, NULL);
  ck_assert_ptr_nonnull(j);
  ck_assert_msg(strcmp(json_string_value(json_object_get(j, "state")), "complete") == 0, "%s",
                json_string_value(json_object_get(j, "reason")));
  return j;
}

double last(const char *dir, const char *name)
{
  json_t *j = result(dir);
  double v = (double)NAN;
  json_to_double(json_object_get(json_object_get(json_object_get(j, "metrics"), name), "last"), &v);
  json_decref(j);
  return v;
}

void open_tensors(st_file *f, const char *dir, const char *file)
{
  char path[160];
  snprintf(path, sizeof path, "%s/%s", dir, file);
  ck_assert_msg(st_read(f, path, &g) >= 0, "%s", text_str(&g.messages));
}

static json_t *lines_of(const char *dir)
{
  char path[128], line[8192];
  json_t *all = json_array();
  snprintf(path, sizeof path, "%s/metrics.jsonl", dir);
  FILE *f = fopen(path, "r");
  ck_assert_ptr_nonnull(f);
  while (fgets(line, sizeof line, f)) {
    json_t *j = json_loads(line, 0, NULL);
    ck_assert_ptr_nonnull(j);
    json_object_del(j, "seconds");
    ck_assert_int_eq(json_integer_value(json_object_get(j, "epoch")),
                     (json_int_t)json_array_size(all));
    json_array_append_new(all, j);
  }
  fclose(f);
  return all;
}

size_t course(const char *dir, const char *name, double *v, size_t most)
{
  json_t *all = lines_of(dir), *line;
  size_t i, n = 0;
  json_array_foreach(all, i, line)
  {
    const json_t *x = json_object_get(json_object_get(line, "metrics"), name);
    if (x && n < most)
      v[n++] = json_number_value(x);
  }
  json_decref(all);
  return n;
}

void same_job(const char *a, const char *b, const char *file)
{
  st_file x, y;
  open_tensors(&x, a, file);
  open_tensors(&y, b, file);
  ck_assert_uint_eq(x.n, y.n);
  for (size_t i = 0; i < x.n; i++) {
    const st_tensor *t = st_find(&y, x.tensor[i].name);
    ck_assert_msg(t && t->bytes == x.tensor[i].bytes &&
                      memcmp(t->data, x.tensor[i].data, t->bytes) == 0,
                  "%s differs", x.tensor[i].name);
  }
  st_free(&x);
  st_free(&y);
  json_t *p = lines_of(a), *q = lines_of(b), *r = result(a), *s = result(b), *v;
  const char *name;
  ck_assert_uint_eq(json_array_size(p), json_array_size(q));
  for (size_t i = 0; i < json_array_size(p); i++)
    ck_assert_msg(json_equal(json_array_get(p, i), json_array_get(q, i)),
                  "line %zu differs:\n%s\n%s", i, json_dumps(json_array_get(p, i), 0),
                  json_dumps(json_array_get(q, i), 0));
  json_object_foreach(json_object_get(r, "metrics"), name, v)
  {
    if (strcmp(name, "seconds") != 0)
      ck_assert_msg(json_equal(v, json_object_get(json_object_get(s, "metrics"), name)),
                    "%s differs", name);
  }
  json_decref(p);
  json_decref(q);
  json_decref(r);
  json_decref(s);
}
