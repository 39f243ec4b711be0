/* SPDX-License-Identifier: BSD-3-Clause
 * lab_stub.c - a laboratory that remembers what it is told and answers what it is given. */
#include "conformance.h"
#include <math.h>
#include <string.h>

static lab_stub *stub_of(rad_ctx *c)
{
  return ((instance *)(void *)c)->owner;
}

static rad_status metric(rad_ctx *c, const char *name, double value)
{
  lab_stub *s = stub_of(c);
  ck_assert_msg(s->nmetric < sizeof s->metric / sizeof *s->metric, "too many metrics");
  ck_assert_msg(strlen(name) < sizeof s->name[0], "metric name too long: %s", name);
  const plugin *p = ((instance *)(void *)c)->plugin;
  ck_assert_msg(plugin_reports(p, name), "%s: '%s' is none of its .metrics", p->d.name, name);
  memcpy(s->name[s->nmetric], name, strlen(name) + 1);
  s->metric[s->nmetric++] = value;
  return RAD_OK;
}

static rad_status vector(rad_ctx *c, const char *name, size_t n, const float *v)
{
  lab_stub *s = stub_of(c);
  ck_assert_msg(name[0] != '\0', "a vector without a name");
  ck_assert_msg(n <= sizeof s->vector / sizeof *s->vector, "vector of %zu numbers", n);
  memcpy(s->vector, v, n * sizeof *v);
  s->nvector = n;
  return RAD_OK;
}

static double value(rad_ctx *c, const char *name)
{
  return strcmp(name, "none") == 0 ? (double)NAN : stub_of(c)->value;
}

static rad_status train(rad_ctx *c, const rad_training *r)
{
  lab_stub *s = stub_of(c);
  s->trained = r->model;
  s->ntrained++;
  return r->size == sizeof *r ? RAD_OK : RAD_EINVAL;
}

/* The tensors of tests are stored as declared. */
static rad_status values(rad_ctx *c, const rad_param *p, float *out)
{
  (void)c;
  memcpy(out, p->value, p->n * sizeof *out);
  return RAD_OK;
}

static bool applies(rad_ctx *c, const char *layer)
{
  (void)c;
  return layer[0] != '\0';
}

/* Every source is there; no test looks into one. */
static rad_status source(rad_ctx *c, const char *name, rad_source **s, uint64_t *n)
{
  (void)c;
  *s = NULL;
  *n = name[0] != '\0' ? 40 : 0;
  return RAD_OK;
}

static const rad_lab stub = {.metric = metric,
                             .vector = vector,
                             .value = value,
                             .source = source,
                             .applies = applies,
                             .train = train,
                             .values = values};

void lab_stub_connect(lab_stub *s, instance *i)
{
  i->owner = s;
  i->ctx.lab = &stub;
}

double lab_stub_metric(const lab_stub *s, const char *name)
{
  for (size_t i = 0; i < s->nmetric; i++)
    if (strcmp(s->name[i], name) == 0)
      return s->metric[i];
  return (double)NAN;
}
