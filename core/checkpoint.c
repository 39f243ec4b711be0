/* SPDX-License-Identifier: BSD-3-Clause
 * checkpoint.c - everything that decides how a training goes on: tensors, momenta, slots, declared
 * state of every plugin, the marked copy, metrics, the step. Draws have addresses, so there is no
 * state of a generator. Tensors of the network are written as other programs expect them, whatever
 * their layout here: (out, in, h, w), zeros where they are masked, the mask beside them. */
#include "json.h"
#include "safetensors.h"
#include "train.h"
#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct list { /* the tensors of a checkpoint */
  const model *m;
  st_tensor *v; /* (n) they point into the trainer, or are made from it */
  size_t n, cap;
  arena mem;
  bool failed;
} list;
typedef struct stored { /* values, momenta or slots of one of the network's tensors */
  const model *m;
  const param *p;
  float *at; /* in the trainer, as it is stored there */
} stored;

static void add_tensor(list *l, st_tensor t)
{
  st_tensor *grown = array_grow(l->v, l->n, &l->cap, sizeof *grown);
  if (!grown || !t.name) {
    l->failed = true;
    return;
  }
  l->v = grown;
  l->v[l->n++] = t;
}

static void add(list *l, const char *name, uint32_t type, const rad_shape *shape, void *from,
                size_t bytes)
{
  add_tensor(l, (st_tensor){name, type, *shape, from, bytes, NULL, NULL});
}

static rad_status make_values(const void *of, void *out)
{
  const stored *s = of;
  return param_to_file(s->m, s->p, s->at, out);
}

static void add_param(list *l, const char *name, const param *p, float *at)
{
  stored *s = arena_alloc(&l->mem, sizeof *s);
  if (!s) {
    l->failed = true;
    return;
  }
  *s = (stored){l->m, p, at};
  add_tensor(l, (st_tensor){name, RAD_F32, file_shape(p), NULL, p->decl->count * sizeof(float),
                            make_values, s});
}

static const char *param_name(list *l, const char *prefix, const param *p)
{
  return arena_printf(&l->mem, "%s%s.%s", prefix, p->pub.layer, p->pub.name);
}

static void add_params(list *l, const char *prefix, float *values)
{
  for (uint32_t i = 0; i < l->m->pub.nparam; i++) {
    const param *p = &l->m->param[i];
    add_param(l, param_name(l, prefix, p), p, values + p->offset);
  }
}

/* One byte for each weight, in file order. */
static rad_status make_mask(const void *of, void *out)
{
  const param *p = ((const stored *)of)->p;
  const size_t n = p->decl->count;
  float *plain = malloc(2 * n * sizeof *plain);
  const rad_status r = plain ? param_mask(((const stored *)of)->m, p, plain) : RAD_ENOMEM;
  if (r >= 0)
    file_order(p, false, plain, plain + n);
  for (size_t i = 0; r >= 0 && i < n; i++)
    ((uint8_t *)out)[i] = plain[n + i] != 0.0f;
  free(plain);
  return r;
}

static void add_masks(list *l)
{
  for (uint32_t i = 0; i < l->m->pub.nparam; i++) {
    const param *p = &l->m->param[i];
    stored *s = arena_alloc(&l->mem, sizeof *s);
    if (!p->pub.mask && !p->pub.pattern)
      continue;
    l->failed |= s == NULL;
    if (s)
      *s = (stored){l->m, p, NULL};
    add_tensor(l, (st_tensor){param_name(l, "mask/", p), RAD_U8, file_shape(p), NULL,
                              p->decl->count, make_mask, s});
  }
}

static void add_updates(list *l, const trainer *t)
{
  for (uint32_t i = 0; i < t->model->pub.nparam; i++) {
    const param *p = &t->model->param[i];
    const update *u = &t->update[i];
    char prefix[24];
    if (!u->group)
      continue;
    if (u->group->plan.keep != 0.0f)
      add_param(l, param_name(l, "momentum/", p), p, p->pub.grad);
    for (uint32_t k = 0; k < u->group->plan.nslot; k++) {
      snprintf(prefix, sizeof prefix, "slot%" PRIu32 "/", k);
      add_param(l, param_name(l, prefix, p), p, u->slot[k]);
    }
  }
}

static void add_state(list *l, const instance *i)
{
  for (size_t k = 0; k < i->ntensor; k++) {
    const declared *d = &i->tensor[k];
    add(l, arena_printf(&l->mem, "state/%s/%s", i->title, d->t.name), d->t.type, &d->t.shape,
        i->state[k], d->count * type_bytes(d->t.type));
  }
}

static void collect(list *l, const trainer *t)
{
  l->m = t->model;
  add_params(l, "", t->model->value);
  add_masks(l);
  add_updates(l, t);
  add_state(l, t->loss);
  add_state(l, t->schedule);
  add_state(l, t->fit);
  for (size_t i = 0; i < t->ngroup; i++)
    add_state(l, t->group[i].optimizer);
  for (size_t i = 0; i < t->nhook; i++)
    add_state(l, t->hook[i].instance);
  if (t->marked)
    add_params(l, "best/", t->best);
}

static void add_vectors(list *l, const trainer *t)
{
  for (size_t i = 0; i < t->vectors.n; i++) {
    const vector *v = &t->vectors.v[i];
    add(l, arena_printf(&l->mem, "vector/%s", v->name), RAD_F32, &(rad_shape){1, {v->n}}, v->v,
        v->n * sizeof *v->v);
  }
}

static void list_free(list *l)
{
  free(l->v);
  arena_free(&l->mem);
}

static void metrics_text(const trainer *t, text *out)
{
  json_open(out, NULL, '{');
  for (size_t i = 0; i < t->nmetric; i++) {
    const metric *m = &t->metric[i];
    json_open(out, m->name, '[');
    json_double(out, NULL, m->last);
    json_double(out, NULL, m->max);
    json_double(out, NULL, m->min);
    json_close(out, ']');
  }
  json_close(out, '}');
}

static rad_status write_all(trainer *t, const char *path, const list *l)
{
  char epoch[24], step[24], seconds[32], penalty[32], lines[24];
  text metrics = {0};
  metrics_text(t, &metrics);
  snprintf(epoch, sizeof epoch, "%" PRIu64, t->epochs);
  snprintf(step, sizeof step, "%" PRIu64, t->when.step);
  text_from_double(seconds, t->seconds + clock_seconds() - t->started);
  text_from_double(penalty, t->penalty);
  snprintf(lines, sizeof lines, "%" PRIu64, t->parent ? t->parent->lines : t->epochs);
  const char *const key[] = {"format",      "rademacher", "epoch",   "step",
                             "seconds",     "metrics",    "stopped", "restore",
                             "fingerprint", "penalty",    "lines"};
  const char *const value[] = {"pt",
                               "checkpoint 1",
                               epoch,
                               step,
                               seconds,
                               text_str(&metrics),
                               t->stopped ? "1" : "0",
                               t->restore ? "1" : "0",
                               t->fingerprint ? t->fingerprint : "",
                               penalty,
                               lines};
  const rad_status s =
      l->failed || metrics.failed
          ? RAD_ENOMEM
          : st_write(path, l->v, l->n, key, value, sizeof key / sizeof *key, t->env->diag);
  text_free(&metrics);
  return s;
}

rad_status checkpoint_write(trainer *t)
{
  list l = {0};
  if (!t->dir)
    return RAD_OK;
  const char *path = fs_join(&l.mem, t->dir, t->file);
  collect(&l, t);
  add_vectors(&l, t);
  const rad_status s = path ? write_all(t, path, &l) : RAD_ENOMEM;
  list_free(&l);
  t->saved = clock_seconds();
  return s;
}

static rad_status read_metrics(trainer *t, const char *json)
{
  const char *name;
  json_t *v, *all = json_loads(json ? json : "{}", 0, NULL);
  rad_status s = json_is_object(all) ? RAD_OK : RAD_EINVAL;
  json_object_foreach(all, name, v)
  {
    double last, max, min;
    if (!json_to_double(json_array_get(v, 0), &last) ||
        !json_to_double(json_array_get(v, 1), &max) || !json_to_double(json_array_get(v, 2), &min))
      s = RAD_EINVAL;
    else if (s >= 0 && (s = metric_set(t, name, last)) >= 0) {
      metric *m = metric_find(t, name);
      *m = (metric){.name = m->name, .last = last, .max = max, .min = min};
    }
  }
  json_decref(all);
  return s;
}

/* RAD_EIO below: a refusal to go on is no result of the job. */

/* A mask in the file is the experiment's own. */
static rad_status same_mask(const st_tensor *ours, const st_tensor *file, bool *same)
{
  void *mask = malloc(ours->bytes + 1);
  const rad_status r = mask ? ours->make(ours->of, mask) : RAD_ENOMEM;
  *same = r >= 0 && memcmp(mask, file->data, ours->bytes) == 0;
  free(mask);
  return r;
}

static rad_status check_tensor(const trainer *t, const st_tensor *ours, const st_tensor *file,
                               const char *path)
{
  bool same = true;
  if (!file || file->type != ours->type || file->bytes != ours->bytes)
    return diag_error(t->env->diag, RAD_EIO, (origin){.file = path},
                      "not a checkpoint of this network: %s is %s", ours->name,
                      file ? "of another shape" : "missing");
  if (ours->make == make_mask)
    RAD_TRY(same_mask(ours, file, &same));
  return same ? RAD_OK
              : diag_error(t->env->diag, RAD_EIO, (origin){.file = path},
                           "%s leaves other weights than this experiment", ours->name);
}

/* Every tensor of the trainer from the file: all are checked before one byte is taken over. */
static rad_status take_over(trainer *t, const st_file *f, const list *l, const char *path)
{
  for (size_t i = 0; i < l->n; i++)
    RAD_TRY(check_tensor(t, &l->v[i], st_find(f, l->v[i].name), path));
  for (size_t i = 0; i < l->n; i++) {
    const void *from = st_find(f, l->v[i].name)->data;
    const stored *s = l->v[i].of;
    if (l->v[i].make == make_values)
      RAD_TRY(param_from_file(s->m, s->p, from, s->at));
    else if (!l->v[i].make)
      memcpy((void *)(uintptr_t)l->v[i].data, from, l->v[i].bytes);
  }
  return model_shadows(t->model);
}

static bool meta_number(const st_file *f, const char *key, double *out)
{
  const char *s = st_meta(f, key);
  return s && text_to_double(s, out);
}

static bool meta_count(const st_file *f, const char *key, uint64_t *out)
{
  int64_t n;
  const char *s = st_meta(f, key);
  if (!s || !text_to_int64(s, &n) || n < 0)
    return false;
  *out = (uint64_t)n;
  return true;
}

static rad_status check_fingerprint(const trainer *t, const st_file *f, const char *path,
                                    bool accept)
{
  const char *then = st_meta(f, "fingerprint");
  if (!then || !t->fingerprint || strcmp(then, t->fingerprint) == 0)
    return RAD_OK;
  if (accept) {
    diag_warning(t->env->diag, (origin){.file = path},
                 "goes on with other arithmetic than it began with: %s, before: %s", t->fingerprint,
                 then);
    return RAD_OK;
  }
  return diag_error(t->env->diag, RAD_EIO, (origin){.file = path},
                    "was computed by other arithmetic (%s) than there is now (%s); "
                    "--accept-numeric-change goes on all the same",
                    then, t->fingerprint);
}

static bool has_best(const model *m, const st_file *f)
{
  char name[256];
  snprintf(name, sizeof name, "best/%s.%s", m->pub.nparam ? m->param[0].pub.layer : "",
           m->pub.nparam ? m->param[0].pub.name : "");
  return st_find(f, name) != NULL;
}

static rad_status read_vectors(trainer *t, const st_file *f)
{
  static const char prefix[] = "vector/";
  for (size_t i = 0; i < f->n; i++) {
    const st_tensor *v = &f->tensor[i];
    if (v->type == RAD_F32 && strncmp(v->name, prefix, sizeof prefix - 1) == 0)
      RAD_TRY(
          vectors_set(&t->vectors, v->name + sizeof prefix - 1, v->bytes / sizeof(float), v->data));
  }
  return RAD_OK;
}

static rad_status apply(trainer *t, const st_file *f, const char *path)
{
  uint64_t epoch, step;
  double seconds, penalty;
  list l = {0};
  const bool best = has_best(t->model, f);
  if (!meta_count(f, "epoch", &epoch) || !meta_count(f, "step", &step) ||
      !meta_number(f, "seconds", &seconds) || !meta_number(f, "penalty", &penalty) ||
      read_metrics(t, st_meta(f, "metrics")) < 0)
    return diag_error(t->env->diag, RAD_EIO, (origin){.file = path},
                      "not a checkpoint: its metadata are missing");
  if (best) {
    t->best = calloc(t->model->nvalue + 1, sizeof(float));
    t->marked = t->best != NULL;
  }
  collect(&l, t);
  rad_status s = l.failed || (best && !t->best) ? RAD_ENOMEM : take_over(t, f, &l, path);
  list_free(&l);
  if (s >= 0)
    s = read_vectors(t, f);
  t->epochs = t->when.epoch = epoch;
  t->when.step = step;
  t->seconds = seconds;
  t->penalty = penalty;
  if (t->parent)
    meta_count(f, "lines", &t->parent->lines);
  t->stopped = st_meta(f, "stopped") && st_meta(f, "stopped")[0] == '1';
  t->restore = st_meta(f, "restore") && st_meta(f, "restore")[0] == '1';
  return s;
}

rad_status checkpoint_read(trainer *t, bool accept_numeric_change)
{
  st_file f;
  diag damage = {0};
  const char *path = fs_join(&t->mem, t->dir, t->file);
  if (!path)
    return RAD_ENOMEM;
  if (!fs_is_file(path))
    return RAD_DONE;
  if (st_read(&f, path, &damage) < 0) {
    diag_free(&damage);
    diag_warning(t->env->diag, (origin){.file = path},
                 "is damaged: the job starts from its beginning");
    return RAD_DONE;
  }
  rad_status s = check_fingerprint(t, &f, path, accept_numeric_change);
  if (s >= 0)
    s = apply(t, &f, path);
  st_free(&f);
  return s;
}

/* The network as it ends, or the marked copy where there is one. */
rad_status checkpoint_best(trainer *t)
{
  list l = {0};
  static const char *const key[] = {"format", "rademacher"}, *const value[] = {"pt", "network 1"};
  if (!t->dir || !t->marked)
    return RAD_OK;
  const char *path = fs_join(&l.mem, t->dir, "best.safetensors");
  l.m = t->model;
  add_params(&l, "", t->best);
  add_masks(&l);
  const rad_status s =
      l.failed || !path ? RAD_ENOMEM : st_write(path, l.v, l.n, key, value, 2, t->env->diag);
  list_free(&l);
  return s;
}

/* --- networks beside the arm's --- */
rad_status network_write(const trainer *network, const trainer *job, const char *path,
                         const char *const *key, const char *const *value, size_t n)
{
  list l = {.m = network->model};
  text metrics = {0};
  const char *k[8] = {"format", "rademacher", "metrics"}, *v[8] = {"pt", "network 1"};
  metrics_text(job, &metrics);
  v[2] = text_str(&metrics);
  for (size_t i = 0; i < n && i < 5; i++) {
    k[3 + i] = key[i];
    v[3 + i] = value[i];
  }
  add_params(&l, "", network->model->value);
  add_masks(&l);
  const rad_status s = l.failed || metrics.failed
                           ? RAD_ENOMEM
                           : st_write(path, l.v, l.n, k, v, 3 + n, network->env->diag);
  text_free(&metrics);
  list_free(&l);
  return s;
}

/* All there where the file has none. */
static rad_status take_mask(model *m, param *p, const st_tensor *file)
{
  const size_t n = p->decl->count;
  float *plain = malloc(2 * n * sizeof *plain);
  if (!plain)
    return RAD_ENOMEM;
  for (size_t i = 0; i < n; i++)
    plain[n + i] = file ? ((const uint8_t *)file->data)[i] : 1.0f;
  file_order(p, true, plain, plain + n);
  const rad_status s = file || p->pub.mask ? param_set_mask(m, p, plain) : RAD_OK;
  free(plain);
  return s;
}

rad_status network_read(trainer *network, trainer *job, const st_file *f, const char *path)
{
  list l = {.m = network->model};
  rad_status s = read_metrics(job, st_meta(f, "metrics"));
  for (size_t i = 0; i < job->nmetric; i++)
    job->metric[i].fresh = false;
  for (uint32_t i = 0; s >= 0 && i < l.m->pub.nparam; i++) {
    param *p = &network->model->param[i];
    const char *name = param_name(&l, "mask/", p);
    const st_tensor *mask = name ? st_find(f, name) : NULL;
    s = !name ? RAD_ENOMEM
        : mask && mask->bytes != p->decl->count
            ? diag_error(network->env->diag, RAD_EIO, (origin){.file = path}, "%s: another shape",
                         name)
            : take_mask(network->model, p, mask);
  }
  add_params(&l, "", network->model->value);
  if (s >= 0)
    s = l.failed ? RAD_ENOMEM : take_over(network, f, &l, path);
  list_free(&l);
  return s;
}
