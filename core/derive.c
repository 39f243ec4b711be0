/* SPDX-License-Identifier: BSD-3-Clause
 * derive.c - networks beside the arm's: the same experiment with some keys changed, and their
 * training. Each has a trainer of its own (train.h, PART_NETWORK, PART_TRAINING). */
#include "arm.h"
#include "experiment.h"
#include "sections.h"
#include "train.h"
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* --- keys --- */
/* The keys of a configuration changed; `add`: sections may be new. The place is the section's that
 * wants it. */
static rad_status change(trainer *t, config *c, const rad_set *set, size_t n, bool add, origin at)
{
  diag *d = t->env->diag;
  const size_t before = d->errors;
  for (size_t i = 0; i < n; i++) {
    const size_t sections = c->n;
    RAD_TRY(config_set(c, set[i].key, set[i].value, at, d));
    if (!add && c->n > sections)
      return diag_error(d, RAD_EINVAL, at, "%s: the network has no such layer", set[i].key);
  }
  if (n > 0)
    sections_check(t->env, c, true);
  return d->errors > before ? RAD_EINVAL : RAD_OK;
}

/* The seed of the initial weights: the job's, or what the set says. */
static rad_status seed_of(trainer *t, const rad_set *set, size_t n, origin at, uint64_t *seed)
{
  int64_t v;
  *seed = t->env->seed;
  for (size_t i = 0; i < n; i++)
    if (strcmp(set[i].key, "run.seeds") == 0) {
      if (!text_to_int64(set[i].value, &v) || v < 0)
        return diag_error(t->env->diag, RAD_EINVAL, at, "run.seeds = %s: one seed is wanted",
                          set[i].value);
      *seed = (uint64_t)v;
    }
  return RAD_OK;
}

/* --- masks and values --- */
static bool same_shape(const param *a, const param *b)
{
  bool same = a->pub.shape.rank == b->pub.shape.rank;
  for (size_t k = 0; same && k < a->pub.shape.rank; k++)
    same = a->pub.shape.dim[k] == b->pub.shape.dim[k];
  return same;
}

static rad_status copy_param(model *to, param *p, const model *from, const param *q, bool values)
{
  const bool masked = p->pub.mask || q->pub.mask || q->pub.pattern;
  float *plain = malloc(p->decl->count * sizeof *plain);
  rad_status s = plain ? RAD_OK : RAD_ENOMEM;
  if (s >= 0 && masked && (s = param_mask(from, q, plain)) >= 0)
    s = param_set_mask(to, p, plain);
  if (s >= 0 && values && (s = param_load(from, q, q->pub.value, plain)) >= 0)
    s = param_store(to, p, plain, p->pub.value);
  free(plain);
  return s;
}

rad_status model_copy(model *to, const model *from)
{
  for (uint32_t i = 0; i < to->pub.nparam; i++)
    RAD_TRY(copy_param(to, &to->param[i], from, &from->param[i], true));
  return model_shadows(to);
}

/* Tensors that have kept their shape keep their mask. */
static rad_status inherit_masks(model *to, const model *from)
{
  const bool alike = to->pub.nparam == from->pub.nparam;
  for (uint32_t i = 0; alike && i < to->pub.nparam; i++)
    if (same_shape(&to->param[i], &from->param[i]))
      RAD_TRY(copy_param(to, &to->param[i], from, &from->param[i], false));
  return model_shadows(to);
}

/* --- networks --- */
static rad_status add(trainer *t, trainer *network)
{
  trainer **grown = realloc(t->made, (t->nmade + 1) * sizeof *grown);
  if (!grown)
    return RAD_ENOMEM;
  t->made = grown;
  t->made[t->nmade++] = network;
  return RAD_OK;
}

/* `c` is taken over. */
static rad_status make(trainer *t, config *c, uint64_t seed, trainer **out)
{
  const uint64_t own = t->env->seed;
  t->env->seed = seed;
  rad_status s = trainer_part(out, t, PART_NETWORK, c, &t->data->source[RAD_TRAIN]);
  t->env->seed = own;
  if (s >= 0)
    s = add(t, *out);
  if (s < 0) {
    trainer_free(*out);
    *out = NULL;
    return s;
  }
  (*out)->model->owner = *out;
  return RAD_OK;
}

rad_status network_derive(trainer *t, const model *from, const rad_set *set, size_t n, origin at,
                          trainer **out)
{
  config c = {0};
  uint64_t seed;
  const trainer *parent = from->owner;
  RAD_TRY(seed_of(t, set, n, at, &seed));
  RAD_TRY(config_copy(&c, from->config));
  const rad_status s = change(t, &c, set, n, false, at);
  if (s < 0) {
    config_free(&c);
    return s;
  }
  RAD_TRY(make(t, &c, seed, out));
  text *sets = &(*out)->sets;
  if (parent)
    text_puts(sets, text_str(&parent->sets));
  for (size_t i = 0; i < n; i++)
    text_printf(sets, "%s=%s\n", set[i].key, set[i].value);
  return sets->failed ? RAD_ENOMEM : inherit_masks((*out)->model, from);
}

rad_status network_derive_lines(trainer *t, const char *lines, trainer **out)
{
  config c = {0};
  rad_status s = config_copy(&c, t->config);
  char *all = arena_strdup(&t->mem, lines);
  for (char *line = all; s >= 0 && line && *line;) {
    char *end = strchr(line, '\n'), *equals = strchr(line, '=');
    if (!end || !equals || equals > end)
      s = RAD_EIO;
    else {
      *end = *equals = '\0';
      s = config_set(&c, line, equals + 1, (origin){0}, t->env->diag);
      line = end + 1;
    }
  }
  if (s < 0 || !all) {
    config_free(&c);
    return all ? s : RAD_ENOMEM;
  }
  RAD_TRY(make(t, &c, t->env->seed, out));
  text_puts(&(*out)->sets, lines);
  return (*out)->sets.failed ? RAD_ENOMEM : RAD_OK;
}

trainer *network_of(const trainer *t, const rad_model *m)
{
  for (size_t i = 0; i < t->nmade; i++)
    if (m && &t->made[i]->model->pub == m)
      return t->made[i];
  return NULL;
}

void networks_free(trainer *t, const trainer *except)
{
  for (size_t i = 0; i < t->nmade; i++)
    if (t->made[i] != except)
      trainer_free(t->made[i]);
  t->nmade = 0;
}

/* --- training --- */
/* What an earlier process has reported of this training. */
static rad_status report_again(trainer *t)
{
  for (size_t i = 0; i < t->nmetric; i++) {
    const metric *m = &t->metric[i];
    const double v[] = {m->max, m->min, m->last};
    char full[160];
    const int n = snprintf(full, sizeof full, "%s.%s", t->name, m->name);
    if (n < 0 || (size_t)n >= sizeof full)
      return RAD_EINVAL;
    for (size_t k = 0; k < 3; k++)
      if (!isnan(v[k]) || k == 2)
        RAD_TRY(metric_set(t->parent, full, v[k]));
    metric_find(t->parent, full)->fresh = false;
  }
  for (size_t i = 0; i < t->nmetric; i++)
    t->metric[i].fresh = false;
  return RAD_OK;
}

static rad_status check_rows(const trainer *t, const instance *who)
{
  const int32_t most = t->run.batch > t->run.eval_batch ? t->run.batch : t->run.eval_batch;
  if (!t->teacher || (size_t)most <= t->teacher->batch)
    return RAD_OK;
  return diag_error(t->env->diag, RAD_EINVAL, who->section ? who->section->at : (origin){0},
                    "%s: batches of %" PRId32 " samples, and the teacher takes %zu", who->title,
                    most, t->teacher->batch);
}

/* From its checkpoint on, to the end. */
static rad_status go_on(trainer *t)
{
  const rad_status there = t->dir ? checkpoint_read(t, true) : RAD_DONE;
  RAD_TRY(there);
  if (there != RAD_DONE)
    RAD_TRY(report_again(t));
  t->started = t->saved = clock_seconds();
  RAD_TRY(train_run(t));
  return checkpoint_write(t);
}

rad_status network_train(trainer *t, const rad_training *r, const instance *who)
{
  config c = {0};
  trainer *part = NULL;
  model *m = r->model->core;
  const origin at = who->section ? who->section->at : (origin){0};
  const char *name = who->section && *who->section->name ? who->section->name : who->plugin->d.name;
  RAD_TRY(config_copy(&c, m->config));
  rad_status s = change(t, &c, r->set, r->nset, true, at);
  if (s >= 0)
    s = trainer_part(&part, t, PART_TRAINING, &c, r->source);
  else
    config_free(&c);
  if (s >= 0) {
    part->teacher = r->teacher ? r->teacher->core : NULL;
    part->name = arena_printf(&part->mem, "%s.%s", name, r->name ? r->name : "training");
    part->file = arena_printf(&part->mem, "%s.train-%" PRIu32 ".safetensors", t->round, t->ncall++);
    s = part->name && part->file ? check_rows(part, who) : RAD_ENOMEM;
  }
  if (s >= 0)
    s = model_copy(part->model, m);
  if (s >= 0)
    s = go_on(part);
  if (s >= 0) {
    t->round_epochs += part->epochs;
    s = model_copy(m, part->model);
  }
  trainer_free(part);
  return s;
}
