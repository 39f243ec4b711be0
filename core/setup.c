/* SPDX-License-Identifier: BSD-3-Clause
 * setup.c - makes a trainer: an instance of everything that an arm names, planned in the order in
 * which plugins may rely on each other: data, layers, loss, optimizers, hooks. */
#include "blocks.h"
#include "train.h"
#include <stdlib.h>
#include <string.h>

static rad_status open_single(trainer *t, instance **out, uint32_t kind)
{
  RAD_TRY(instance_single(out, t->env, t->config, kind));
  (*out)->owner = t;
  return RAD_OK;
}

static rad_status open_hooks(trainer *t, uint32_t kind)
{
  for (const section *s = NULL; (s = config_next(t->config, plugin_kind_name(kind), s));) {
    hook *h = &t->hook[t->nhook];
    RAD_TRY(instance_new(&h->instance, t->env, kind, section_value(s, "plugin", ""), s));
    h->ops = &h->instance->plugin->ops.hooks;
    if (t->role == PART_NETWORK && !h->ops->eval) {
      instance_free(h->instance);
      continue;
    }
    t->nhook++;
    h->keys = h->instance->common;
    h->measure = kind == RAD_MEASURE;
    h->instance->owner = t;
    t->penalized |= h->ops->grad != NULL;
    t->steps |= h->ops->step != NULL;
    t->batches |= h->ops->batch != NULL;
    if (!h->ops->after)
      continue;
    if (h->keys->apply[0] == '\0')
      return rad_fail(&h->instance->ctx, RAD_EINVAL,
                      "apply is missing: behind which layers? e.g. apply = act1, act2");
    t->insert[t->ninsert++] = (model_hook){h->instance, h->ops->after, h->keys->apply};
  }
  return RAD_OK;
}

static rad_status open_all_hooks(trainer *t)
{
  const size_t n = config_count(t->config, "measure") + config_count(t->config, "regularizer");
  t->hook = arena_alloc(&t->mem, (n + 1) * sizeof *t->hook);
  t->insert = arena_alloc(&t->mem, (n + 1) * sizeof *t->insert);
  if (!t->hook || !t->insert)
    return RAD_ENOMEM;
  if (t->role != PART_TRAINING)
    RAD_TRY(open_hooks(t, RAD_MEASURE));
  return fit_predicts(t) || t->role == PART_NETWORK ? RAD_OK : open_hooks(t, RAD_REGULARIZER);
}

static rad_status open_compressors(trainer *t)
{
  const size_t n = t->parent ? 0 : config_count(t->config, "compressor");
  t->compressor = arena_alloc(&t->mem, (n + 1) * sizeof *t->compressor);
  if (!t->compressor)
    return RAD_ENOMEM;
  for (const section *s = NULL; n > 0 && (s = config_next(t->config, "compressor", s));) {
    compressor *k = &t->compressor[t->ncompressor];
    RAD_TRY(instance_new(&k->instance, t->env, RAD_COMPRESSOR, section_value(s, "plugin", ""), s));
    t->ncompressor++;
    k->keys = k->instance->common;
    k->instance->owner = t;
    if (fit_predicts(t))
      return rad_fail(&k->instance->ctx, RAD_EINVAL,
                      "[fit] plugin = %s predicts by itself: there is no network to compress",
                      t->fit->plugin->d.name);
  }
  return RAD_OK;
}

static rad_status open_groups(trainer *t)
{
  const size_t n = config_count(t->config, "optimizer");
  t->group = arena_alloc(&t->mem, (n + 1) * sizeof *t->group);
  if (!t->group)
    return RAD_ENOMEM;
  for (const section *s = NULL; (s = config_next(t->config, "optimizer", s)); t->ngroup++) {
    group *g = &t->group[t->ngroup];
    RAD_TRY(instance_new(&g->optimizer, t->env, RAD_OPTIMIZER, section_value(s, "plugin", ""), s));
    g->optimizer->owner = t;
  }
  return RAD_OK;
}

/* The first group whose `apply` names the layer; one that names layers goes before one that takes
 * all. */
static group *group_of(const trainer *t, const rad_param *p)
{
  group *all = NULL;
  for (size_t i = 0; i < t->ngroup; i++) {
    const optimizer_keys *k = t->group[i].optimizer->common;
    if (k->apply[0] == '\0')
      all = all ? all : &t->group[i];
    else if (name_applies(k->apply, p->layer))
      return &t->group[i];
  }
  return all;
}

static rad_status plan_groups(trainer *t)
{
  bool pure = false;
  for (size_t i = 0; i < t->nhook; i++)
    pure |= (t->hook[i].ops->flags & RAD_PURE_GRAD) != 0;
  for (size_t i = 0; i < t->ngroup; i++) {
    group *g = &t->group[i];
    g->plan = (rad_opt_plan){.pure = pure};
    RAD_TRY(
        g->optimizer->plugin->ops.optimizer.plan(&g->optimizer->ctx, g->optimizer->self, &g->plan));
    if (g->plan.nslot > MAX_SLOTS)
      return rad_fail(&g->optimizer->ctx, RAD_EINVAL, "wants %u arrays per tensor, more than %d",
                      g->plan.nslot, MAX_SLOTS);
  }
  t->update = arena_alloc(&t->mem, (t->model->pub.nparam + 1) * sizeof *t->update);
  if (!t->update)
    return RAD_ENOMEM;
  for (uint32_t i = 0; i < t->model->pub.nparam; i++) {
    param *p = &t->model->param[i];
    group *g = p->trained ? group_of(t, &p->pub) : NULL;
    if (p->trained && !g)
      return diag_error(t->env->diag, RAD_EINVAL, (origin){0},
                        "no [optimizer] applies to layer %s: add one without `apply`",
                        p->pub.layer);
    t->update[i].group = g;
    p->pub.keep = g ? g->plan.keep : 0.0f;
    p->whole = g && g->plan.whole;
    p->plain = p->whole;
  }
  return RAD_OK;
}

static rad_status plan_loss(trainer *t)
{
  const uint32_t n = t->model->pub.nnode;
  const rad_shape targets = {1, {t->data->facts.ntarget}};
  const node *last = n > 0 ? &t->model->node[n - 1] : NULL;
  const rad_shape *out = last ? &last->plan.out : &targets;
  const rad_loss_ops *ops = &t->loss->plugin->ops.loss;
  if (last && last->width != t->data->facts.ntarget)
    return rad_fail(&last->layer->ctx, RAD_EINVAL,
                    "the last layer has %zu outputs, the data have %zu %s per sample", last->width,
                    t->data->facts.ntarget,
                    t->data->facts.target == RAD_REAL ? "target values" : "classes");
  return ops->plan ? ops->plan(&t->loss->ctx, t->loss->self, &t->data->facts, out) : RAD_OK;
}

/* Tensors that some hook treats by rows or places must be stored as declared. */
static void keep_plain(trainer *t)
{
  for (size_t i = 0; i < t->nhook; i++) {
    const hook *h = &t->hook[i];
    if ((!h->ops->grad && !h->ops->weights) || (h->ops->flags & RAD_ELEMENTWISE))
      continue;
    for (uint32_t k = 0; k < t->model->pub.nparam; k++)
      t->model->param[k].plain |= name_applies(h->keys->apply, t->model->param[k].pub.layer);
  }
}

static void connect(trainer *t, instance *i)
{
  i->ctx.lab = &t->lab;
  i->ctx.math = &t->model->math;
  i->ctx.backend = t->model->backend->self;
}

static rad_status plan_compressors(trainer *t)
{
  for (size_t i = 0; i < t->ncompressor; i++) {
    instance *k = t->compressor[i].instance;
    const rad_compressor_ops *ops = &k->plugin->ops.compressor;
    connect(t, k);
    for (size_t j = 0; j < i; j++)
      if (strcmp(compressor_name(&t->compressor[j]), compressor_name(&t->compressor[i])) == 0)
        return rad_fail(&k->ctx, RAD_EINVAL, "another section has this name: %s",
                        compressor_name(&t->compressor[i]));
    const size_t mark = scratch_mark(t->env);
    const rad_status s = ops->plan ? ops->plan(&k->ctx, k->self, &t->model->pub) : RAD_OK;
    scratch_release(t->env, mark);
    RAD_TRY(s);
  }
  return RAD_OK;
}

static rad_status plan_hooks(trainer *t)
{
  const rad_schedule_ops *s = &t->schedule->plugin->ops.schedule;
  for (size_t i = 0; i < t->ngroup; i++)
    connect(t, t->group[i].optimizer);
  connect(t, t->loss);
  connect(t, t->schedule);
  connect(t, t->fit);
  RAD_TRY(plan_loss(t));
  RAD_TRY(plan_groups(t));
  if (s->plan)
    RAD_TRY(s->plan(&t->schedule->ctx, t->schedule->self));
  for (size_t i = 0; i < t->nhook; i++) {
    const hook *h = &t->hook[i];
    connect(t, h->instance);
    if (h->ops->plan)
      RAD_TRY(h->ops->plan(&h->instance->ctx, h->instance->self, &t->model->pub, &t->facts));
    if (h->keys->apply[0] != '\0') {
      bool any = fit_predicts(t);
      for (uint32_t k = 0; k < t->model->pub.nnode; k++)
        any |= name_applies(h->keys->apply, t->model->node[k].pub.name);
      if (!any)
        return rad_fail(&h->instance->ctx, RAD_EINVAL, "apply = %s: no such layer", h->keys->apply);
    }
  }
  RAD_TRY(plan_compressors(t));
  const rad_fit_ops *f = &t->fit->plugin->ops.fit;
  return f->plan ? f->plan(&t->fit->ctx, t->fit->self, &t->data->facts) : RAD_OK;
}

static rad_status read_run(trainer *t)
{
  const kind_info *k = kind_by_name("run");
  static const section nothing = {.kind = "run", .name = ""};
  const section *s = config_find(t->config, "run", "");
  RAD_TRY(keys_fill(k->common, k->ncommon, s ? s : &nothing, &t->run, &t->mem, t->env->diag));
  if (t->parent) /* the team is there */
    t->run.threads = t->parent->run.threads;
  return RAD_OK;
}

static rad_status set_up(trainer *t, const char *cache, bool inspect)
{
  RAD_TRY(read_run(t));
  if (!t->parent)
    RAD_TRY(inspect ? data_plan(&t->data, t->env, t->config)
                    : data_open(&t->data, t->env, t->config, cache));
  t->train = t->train ? t->train : &t->data->source[RAD_TRAIN];
  t->facts = t->data->facts;
  t->facts.n[RAD_TRAIN] = t->train->n;
  RAD_TRY(open_single(t, &t->fit, RAD_FIT));
  RAD_TRY(open_all_hooks(t));
  RAD_TRY(open_compressors(t));
  RAD_TRY(open_single(t, &t->loss, RAD_LOSS));
  RAD_TRY(open_single(t, &t->schedule, RAD_SCHEDULE));
  RAD_TRY(open_groups(t));
  const rad_shape *sample = fit_predicts(t) ? NULL : &t->data->facts.sample;
  RAD_TRY(model_plan(&t->model, t->env, t->config, sample, t->insert, t->ninsert));
  t->model->masked = t->parent != NULL;
  RAD_TRY(plan_hooks(t));
  keep_plain(t);
  RAD_TRY(model_layout(t->model, (uint32_t)t->run.threads));
  const uint64_t n = t->train->n, rows = (uint64_t)t->run.batch;
  t->when.nepoch = sample ? (uint64_t)t->run.epochs : 1;
  t->when.nstep = sample ? (n + rows - 1) / rows : 1;
  if (n == 0)
    return diag_error(t->env->diag, RAD_EINVAL, (origin){0}, "[dataset] has no training samples");
  return RAD_OK;
}

rad_status trainer_new(trainer **out, env *e, const config *arm, const char *cache, bool inspect)
{
  trainer *t = calloc(1, sizeof *t);
  if (!(*out = t))
    return RAD_ENOMEM;
  t->env = e;
  t->config = arm;
  t->log = -1;
  t->lab = lab_services;
  t->file = "last.safetensors";
  return set_up(t, cache, inspect);
}

rad_status trainer_part(trainer **out, trainer *parent, enum role role, config *own,
                        rad_source *train)
{
  trainer *t = calloc(1, sizeof *t);
  if (!(*out = t)) {
    config_free(own);
    return RAD_ENOMEM;
  }
  t->env = parent->env;
  t->role = role;
  t->parent = parent;
  t->own = *own;
  *own = (config){0};
  t->config = &t->own;
  t->data = parent->data;
  t->team = parent->team;
  t->train = train;
  t->dir = parent->dir;
  t->fingerprint = parent->fingerprint;
  t->log = -1;
  t->lab = lab_services;
  RAD_TRY(set_up(t, NULL, false));
  return trainer_alloc(t);
}

size_t trainer_bytes(const trainer *t)
{
  size_t bytes = 0, shared, own;
  const size_t rows = (size_t)t->run.batch, eval = (size_t)t->run.eval_batch;
  const size_t sample = rad_count(&t->data->facts.sample) + t->data->facts.ntarget;
  if (!model_bytes(t->model, rows > eval ? rows : eval, &bytes))
    return SIZE_MAX;
  for (uint32_t i = 0; i < t->model->pub.nparam; i++)
    if (t->update[i].group)
      bytes += t->update[i].group->plan.nslot * t->model->param[i].pub.n * sizeof(float);
  for (size_t k = 0; k < t->fit->ntensor; k++)
    bytes += t->fit->tensor[k].bytes;
  data_memory(t->data, &shared, &own);
  return bytes + own + (rows + eval) * sample * sizeof(float) +
         t->data->facts.n[RAD_TRAIN] * sizeof(uint64_t);
}

/* Elements of a fit's declared tensors but buffers, or of role weight. */
static size_t found(const trainer *t, bool weights)
{
  size_t n = 0;
  for (size_t k = 0; k < t->fit->ntensor; k++) {
    const declared *d = &t->fit->tensor[k];
    n += d->t.role == RAD_WEIGHT || (d->t.role != RAD_BUFFER && !weights) ? d->count : 0;
  }
  return n;
}

size_t trainer_parameters(const trainer *t)
{
  return fit_predicts(t) ? found(t, false) : model_parameters(t->model);
}

size_t trainer_active_weights(const trainer *t)
{
  return fit_predicts(t) ? found(t, true) : model_active_weights(t->model);
}

static rad_status alloc_slots(trainer *t)
{
  for (uint32_t i = 0; i < t->model->pub.nparam; i++) {
    update *u = &t->update[i];
    const size_t n = u->group ? u->group->plan.nslot : 0;
    u->slot = arena_alloc(&t->mem, (n + 1) * sizeof *u->slot);
    if (!u->slot)
      return RAD_ENOMEM;
    for (size_t k = 0; k < n; k++)
      if (!(u->slot[k] = arena_alloc(&t->mem, t->model->param[i].pub.n * sizeof(float))))
        return RAD_ENOMEM;
  }
  return RAD_OK;
}

static rad_status alloc_states(trainer *t)
{
  instance *single[] = {t->loss, t->schedule, t->fit};
  for (size_t i = 0; i < sizeof single / sizeof *single; i++)
    RAD_TRY(instance_state(single[i]));
  for (size_t i = 0; i < t->ngroup; i++)
    RAD_TRY(instance_state(t->group[i].optimizer));
  for (size_t i = 0; i < t->nhook; i++)
    RAD_TRY(instance_state(t->hook[i].instance));
  return RAD_OK;
}

/* Contexts for all that workers call; the layers have theirs. */
static rad_status alloc_workers(trainer *t)
{
  const uint32_t n = team_size(t->team);
  RAD_TRY(instance_workers(t->loss, n));
  RAD_TRY(instance_workers(t->fit, n));
  RAD_TRY(instance_workers(t->model->backend, n));
  for (size_t i = 0; i < t->ngroup; i++)
    RAD_TRY(instance_workers(t->group[i].optimizer, n));
  for (size_t i = 0; i < t->nhook; i++)
    RAD_TRY(instance_workers(t->hook[i].instance, n));
  for (size_t i = 0; !t->parent && i < t->data->nnoise; i++)
    RAD_TRY(instance_workers(t->data->noise[i], n));
  return RAD_OK;
}

static rad_status alloc_answers(trainer *t)
{
  for (size_t k = 0; k < RAD_NSPLIT; k++) {
    t->answer[k] = arena_alloc(&t->mem, ((size_t)t->data->source[k].n + 1) * sizeof(uint32_t));
    if (!t->answer[k])
      return RAD_ENOMEM;
  }
  return RAD_OK;
}

rad_status trainer_alloc(trainer *t)
{
  const size_t rows = (size_t)t->run.batch, eval = (size_t)t->run.eval_batch;
  if (!t->parent)
    RAD_TRY(team_new(&t->team, (uint32_t)t->run.threads, t->env->diag));
  RAD_TRY(model_alloc(t->model, rows > eval ? rows : eval));
  RAD_TRY(model_init(t->model));
  t->lab.most = t->model->batch;
  RAD_TRY(batch_new(&t->batch, t->data, rows));
  RAD_TRY(batch_new(&t->eval, t->data, eval));
  RAD_TRY(alloc_slots(t));
  RAD_TRY(alloc_states(t));
  RAD_TRY(alloc_workers(t));
  if (t->role == PART_NETWORK)
    RAD_TRY(alloc_answers(t));
  t->share = arena_alloc(&t->mem, (t->model->nportion + 1) * sizeof *t->share);
  t->order = arena_alloc(&t->mem, t->train->n * sizeof *t->order);
  const bool predicts = fit_predicts(t);
  if (predicts)
    t->predicted = arena_aligned(&t->mem, t->model->batch * t->data->facts.ntarget, sizeof(float));
  return t->order && t->share && (t->predicted || !predicts) ? RAD_OK : RAD_ENOMEM;
}

void trainer_free(trainer *t)
{
  if (!t)
    return;
  networks_free(t, NULL);
  if (!t->parent)
    team_free(t->team);
  model_free(t->model); /* inserted layers share what their hook owns */
  for (size_t i = 0; i < t->nhook; i++)
    instance_free(t->hook[i].instance);
  for (size_t i = 0; i < t->ngroup; i++)
    instance_free(t->group[i].optimizer);
  for (size_t i = 0; i < t->ncompressor; i++)
    instance_free(t->compressor[i].instance);
  instance_free(t->loss);
  instance_free(t->schedule);
  instance_free(t->fit);
  batch_free(t->batch);
  batch_free(t->eval);
  for (size_t i = 0; i < t->npool; i++)
    batch_free(t->pool[i]);
  if (!t->parent)
    data_free(t->data);
  for (size_t i = 0; i < t->nmetric; i++)
    free((char *)(uintptr_t)t->metric[i].name);
  free(t->metric);
  vectors_free(&t->vectors);
  free(t->pool);
  free(t->best);
  free(t->kept);
  free(t->own_grad);
  free(t->made);
  text_free(&t->sets);
  config_free(&t->own);
  arena_free(&t->mem);
  free(t);
}
