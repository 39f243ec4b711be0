/* SPDX-License-Identifier: BSD-3-Clause
 * inspect.c - what `check` and static constraints know of an arm without reading a sample: layers,
 * shapes, parameters, FLOP, memory. */
#include "arm.h"
#include "experiment.h"
#include "train.h"
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

static const char *shape_text(const rad_shape *s, char out[96])
{
  size_t n = 0;
  out[0] = '\0';
  for (size_t i = 0; i < s->rank && n < 80; i++)
    n += (size_t)snprintf(out + n, 96 - n, "%s%zu", i ? "x" : "", s->dim[i]);
  return out;
}

static void print_layers(const model *m, const double *flop, text *out)
{
  text_printf(out, "  %-20s %-14s %-14s %12s %12s\n", "layer", "plugin", "output", "parameters",
              "FLOP");
  for (uint32_t i = 0; i < m->pub.nnode; i++) {
    const node *nd = &m->node[i];
    char shape[96];
    size_t n = 0;
    for (uint32_t k = 0; k < nd->pub.nparam; k++)
      n += m->param[nd->param[k]->index].trained ? m->param[nd->param[k]->index].count : 0;
    text_printf(out, "  %-20s %-14s %-14s %12zu %12.0f%s%s\n", nd->pub.name, nd->pub.plugin,
                shape_text(&nd->plan.out, shape), n, flop[i], nd->inserted ? "  in training" : "",
                nd->absorbed ? "  in one pass with the layer before" : "");
  }
}

static void print_plan(model *m, const arm_plan *p, text *out)
{
  text_printf(out, "  arithmetic: %s\n", m->math.identity(&m->backend->ctx));
  text_printf(out, "  parameters %zu, weights %zu; per image %.4g MFLOP forward, %.4g backward\n",
              p->parameters, p->active_weights, p->flop_forward * 1e-6, p->flop_backward * 1e-6);
  text_printf(out, "  samples: %" PRIu64 " train, %" PRIu64 " val, %" PRIu64 " test\n", p->ntrain,
              p->nval, p->ntest);
}

static rad_status plan_of(trainer *t, arm_plan *p, text *table)
{
  size_t own;
  const rad_facts *f = &t->data->facts;
  *p = (arm_plan){.parameters = model_parameters(t->model),
                  .active_weights = model_active_weights(t->model),
                  .ntrain = f->n[RAD_TRAIN],
                  .nval = f->n[RAD_VAL],
                  .ntest = f->n[RAD_TEST]};
  data_memory(t->data, &p->shared_bytes, &own);
  /* The program and the libraries of its plugins take what they take here, with no network yet. */
  p->own_bytes = trainer_bytes(t) + (size_t)arm_peak_bytes();
  RAD_TRY(model_alloc(t->model, 1));
  double *flop = arena_alloc(&t->mem, (t->model->pub.nnode + 1) * sizeof *flop);
  if (!flop)
    return RAD_ENOMEM;
  RAD_TRY(model_flop(t->model, &p->flop_forward, &p->flop_backward, flop));
  if (table) {
    print_layers(t->model, flop, table);
    print_plan(t->model, p, table);
  }
  return RAD_OK;
}

rad_status arm_inspect(env *e, const config *trial, const char *arm, arm_plan *p, text *table)
{
  config c = {0};
  trainer *t = NULL;
  rad_status s = experiment_arm(e, trial, arm, &c);
  if (s >= 0)
    s = trainer_new(&t, e, &c, NULL, true);
  if (s >= 0)
    s = plan_of(t, p, table);
  trainer_free(t);
  config_free(&c);
  return s;
}
