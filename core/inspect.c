/* SPDX-License-Identifier: BSD-3-Clause
 * inspect.c - what `check` and static constraints know of an arm without reading a sample: layers,
 * shapes, parameters, FLOP, memory. */
#include "arm.h"
#include "experiment.h"
#include "train.h"
#include "weights.h"
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

/* What a fit that predicts by itself keeps. */
static void print_fit(const instance *fit, text *out)
{
  text_printf(out, "  %s predicts by itself: no layers\n", fit->title);
  for (size_t k = 0; k < fit->ntensor; k++) {
    const declared *d = &fit->tensor[k];
    char shape[96];
    text_printf(out, "  %-20s %-14s %-14s %12zu\n", d->t.name,
                d->t.type == RAD_F64 ? "double" : "float", shape_text(&d->t.shape, shape),
                d->t.role == RAD_BUFFER ? 0 : d->count);
  }
}

static void print_plan(model *m, const arm_plan *p, text *out)
{
  text_printf(out, "  arithmetic: %s\n", m->math.identity(&m->backend->ctx));
  text_printf(out, "  parameters %zu, weights %zu; ", p->parameters, p->active_weights);
  if (!p->predicts)
    text_printf(out, "per image %.4g MFLOP forward, %.4g backward\n", p->flop_forward * 1e-6,
                p->flop_backward * 1e-6);
  else if (p->flop_forward > 0)
    text_printf(out, "fit %.4g GFLOP, per image %.4g MFLOP\n", p->flop_fit * 1e-9,
                p->flop_forward * 1e-6);
  else
    text_puts(out, "the plugin does not say what fit and prediction take\n");
  text_printf(out, "  samples: %" PRIu64 " train, %" PRIu64 " val, %" PRIu64 " test", p->ntrain,
              p->nval, p->ntest);
  if (p->nrest > 0)
    text_printf(out, ", %" PRIu64 " rest", p->nrest);
  text_puts(out, "\n");
}

/* layer (nnode): FLOP of each, forward. */
static rad_status plan_of(trainer *t, arm_plan *p, double *layer)
{
  size_t own;
  rad_cost cost;
  const rad_facts *f = &t->data->facts;
  *p = (arm_plan){.parameters = trainer_parameters(t),
                  .active_weights = trainer_active_weights(t),
                  .predicts = fit_predicts(t),
                  .ntrain = f->n[RAD_TRAIN],
                  .nval = f->n[RAD_VAL],
                  .ntest = f->n[RAD_TEST],
                  .nrest = f->n[RAD_REST],
                  .epochs = (uint64_t)t->run.epochs,
                  .evaluate = (uint64_t)t->run.evaluate};
  data_memory(t->data, &p->shared_bytes, &own);
  RAD_TRY(fit_cost(t, &cost));
  RAD_TRY(fit_memory(t));
  /* The program and the libraries of its plugins take what they take here, with no network yet. */
  p->own_bytes = trainer_bytes(t) + (size_t)arm_peak_bytes() + (size_t)cost.bytes;
  if (p->predicts) {
    p->flop_fit = cost.flop;
    p->flop_forward = cost.predict;
    return RAD_OK;
  }
  RAD_TRY(model_alloc(t->model, 1));
  RAD_TRY(model_flop(t->model, &p->flop_forward, &p->flop_backward, layer));
  return compress_flop(t, p->flop_forward, p->flop_backward, &p->flop_rounds);
}

static void print_all(const trainer *t, const arm_plan *p, const double *flop, text *table)
{
  if (p->predicts)
    print_fit(t->fit, table);
  else
    print_layers(t->model, flop, table);
  print_plan(t->model, p, table);
}

rad_status arm_inspect(env *e, const config *trial, const char *arm, arm_plan *p, text *table)
{
  config c = {0};
  trainer *t = NULL;
  rad_status s = experiment_arm(e, trial, arm, &c);
  if (s >= 0)
    s = trainer_new(&t, e, &c, NULL, true);
  if (s >= 0)
    s = weights_begin(t);
  double *flop = s >= 0 ? arena_alloc(&t->mem, (t->model->pub.nnode + 1) * sizeof *flop) : NULL;
  if (s >= 0)
    s = flop ? plan_of(t, p, flop) : RAD_ENOMEM;
  if (s >= 0 && table)
    print_all(t, p, flop, table);
  trainer_free(t);
  config_free(&c);
  return s;
}
