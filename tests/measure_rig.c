/* SPDX-License-Identifier: BSD-3-Clause
 * measure_rig.c - see measure_rig.h. */
#include "measure_rig.h"
#include <check.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

void rig_begin(measure_rig *r, const char *samples)
{
  const char *const keys[][2] = {{"run.epochs", "4"},          {"run.batch", "16"},
                                 {"run.eval_batch", "7"},      {"dataset.plugin", samples},
                                 {"dataset.classes", "3"},     {"dataset.features@blobs", "4"},
                                 {"dataset.train", "40"},      {"dataset.test", "9"},
                                 {"dataset.val", "0"},         {"dataset.sigma@blobs", "0.9"},
                                 {"layer.h.plugin", "dense"},  {"layer.h.units", "5"},
                                 {"layer.act.plugin", "relu"}, {"layer.out.plugin", "dense"},
                                 {"layer.out.units", "3"},     {"backend.plugin", "reference"},
                                 {"optimizer.plugin", "sgd"},  {"loss.plugin", "cross_entropy"},
                                 {"fit.plugin", "gradient"},   {"schedule.plugin", "constant"}};
  *r = (measure_rig){.env = {.seed = 5}};
  r->env.diag = &r->diag;
  ck_assert_int_eq(plugins_new(&r->env.plugins, NULL, &r->diag), RAD_OK);
  for (size_t i = 0; i < sizeof keys / sizeof *keys; i++)
    rig_set(r, keys[i][0], keys[i][1]);
}

void rig_set(measure_rig *r, const char *key, const char *value)
{
  ck_assert_msg(config_set(&r->trial, key, value, (origin){0}, &r->diag) >= 0, "%s",
                text_str(&r->diag.messages));
}

float rig_weight(size_t i)
{
  return (float)(0.37 * sin(1.7 * (double)i + 0.3) + 0.11);
}

void rig_open(measure_rig *r)
{
  size_t at = 0;
  rad_status s = experiment_arm(&r->env, &r->trial, "main", &r->arm);
  if (s >= 0)
    s = trainer_new(&r->t, &r->env, &r->arm, NULL, false);
  if (s >= 0)
    s = trainer_alloc(r->t);
  ck_assert_msg(s >= 0, "%s", text_str(&r->diag.messages));
  for (uint32_t i = 0; i < r->t->model->pub.nparam; i++) {
    param *p = &r->t->model->param[i];
    if (p->pub.role == RAD_BUFFER)
      continue;
    float *plain = malloc(p->decl->count * sizeof *plain);
    ck_assert_ptr_nonnull(plain);
    for (size_t k = 0; k < p->decl->count; k++)
      plain[k] = rig_weight(at++);
    ck_assert_int_eq(param_store(r->t->model, p, plain, p->pub.value), RAD_OK);
    for (size_t k = 0; p->pub.mask && k < p->pub.n; k++)
      p->pub.value[k] = p->pub.mask[k] ? p->pub.value[k] : 0.0f;
    free(plain);
  }
  ck_assert_int_eq(model_shadows(r->t->model), RAD_OK);
}

void rig_end(measure_rig *r)
{
  trainer_free(r->t);
  config_free(&r->arm);
  config_free(&r->trial);
  plugins_free(r->env.plugins);
  env_free(&r->env);
  diag_free(&r->diag);
}

hook *rig_hook(const measure_rig *r, const char *name)
{
  for (size_t i = 0; i < r->t->nhook; i++)
    if (strcmp(r->t->hook[i].instance->section->name, name) == 0)
      return &r->t->hook[i];
  ck_abort_msg("no hook %s", name);
  return NULL;
}

static rad_status call(trainer *t, const hook *h, rad_report *r)
{
  CALLBACK(t, h->ops->epoch(&h->instance->ctx, h->instance->self, r));
  return RAD_OK;
}

void rig_epoch(measure_rig *r, const char *name, uint64_t epochs)
{
  rad_report report = {.when = {.epoch = epochs - 1, .nepoch = 4, .nstep = 3},
                       .model = &r->t->model->pub};
  r->t->epochs = epochs;
  ck_assert_msg(call(r->t, rig_hook(r, name), &report) == RAD_OK, "%s",
                text_str(&r->diag.messages));
}

static rad_status call_eval(trainer *t, const hook *h, const rad_batch *b)
{
  CALLBACK(t, h->ops->eval(&h->instance->ctx, h->instance->self, b));
  return RAD_OK;
}

void rig_eval(measure_rig *r, const char *name, const char *split, size_t n, const float *y,
              const int32_t *label, const int32_t *truth, const double *loss)
{
  static const uint64_t row[] = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11};
  const hook *h = rig_hook(r, name);
  ck_assert_uint_le(n, sizeof row / sizeof *row);
  r->t->split = split;
  for (size_t first = 0, to = n / 3; first < n; first = to, to = n) {
    const rad_batch b = {.facts = &r->t->data->facts,
                         .n = to - first,
                         .total = to - first,
                         .id = row + first,
                         .row = row + first,
                         .label = label + first,
                         .truth = truth ? truth + first : NULL,
                         .y = (float *)(uintptr_t)y + 3 * first,
                         .loss = (double *)(uintptr_t)loss + first};
    ck_assert_msg(call_eval(r->t, h, &b) == RAD_OK, "%s", text_str(&r->diag.messages));
  }
  ck_assert_msg(call_eval(r->t, h, NULL) == RAD_OK, "%s", text_str(&r->diag.messages));
  r->t->split = NULL;
}

double rig_metric(const measure_rig *r, const char *name)
{
  const metric *m = metric_find(r->t, name);
  return m ? m->last : (double)NAN;
}

const vector *rig_vector(const measure_rig *r, const char *name)
{
  for (size_t i = 0; i < r->t->vectors.n; i++)
    if (strcmp(r->t->vectors.v[i].name, name) == 0)
      return &r->t->vectors.v[i];
  ck_abort_msg("no vector %s", name);
  return NULL;
}

void rig_expect(const measure_rig *r, const char *name, double value, double most)
{
  const double got = rig_metric(r, name);
  ck_assert_msg(isnan(value) ? isnan(got) : fabs(got - value) <= most * fabs(value),
                "%s is %.15g, not %.15g", name, got, value);
}
