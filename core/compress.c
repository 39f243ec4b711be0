/* SPDX-License-Identifier: BSD-3-Clause
 * compress.c - what [compressor] sections do once an arm is trained: rounds, each of which makes
 * the last one's network smaller, is measured on the arm's own data, and leaves a line in
 * metrics.jsonl and a file that the next process goes on from.
 *   NAME.round-003.safetensors   the newest round's network; what it differs in, the metrics
 *   NAME.round-004.train-0.safetensors   a training of the round after it, while that runs
 * Round 0 is the network as the arm has trained it. */
#include "safetensors.h"
#include "train.h"
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

typedef struct chain {
  trainer *t; /* the job's */
  const compressor *k;
  const char *name;
  trainer *first, *last; /* networks; last: of the newest round, may be the first */
  double had;            /* the first one's metric; NaN: it has none */
  uint64_t round;        /* the newest that is done */
} chain;
static const struct share { /* of the first network's metric */
  const char *name;
  double of;
} shares[] = {{"kept_99", 0.99}, {"kept_90", 0.9}};
static const char *const sizes[] = {"parameters", "active_weights", "bytes", "bytes_coded"};
enum { NSIZE = 4, LONGEST = 160 };

const char *compressor_name(const compressor *k)
{
  const instance *i = k->instance;
  return i->section && *i->section->name ? i->section->name : i->plugin->d.name;
}

/* --- files --- */
static const char *round_file(trainer *t, const char *name, uint64_t round)
{
  return arena_printf(&t->mem, "%s/%s.round-%03" PRIu64 ".safetensors", t->dir, name, round);
}

static const char *train_file(trainer *t, const char *name, uint64_t round, uint32_t call)
{
  return arena_printf(&t->mem, "%s/%s.round-%03" PRIu64 ".train-%" PRIu32 ".safetensors", t->dir,
                      name, round, call);
}

/* The newest round on disk; SIZE_MAX: none. */
static uint64_t newest(trainer *t, const compressor *k)
{
  for (uint64_t i = (uint64_t)k->keys->rounds + 1; t->dir && i-- > 0;) {
    const char *path = round_file(t, compressor_name(k), i);
    if (path && fs_is_file(path))
      return i;
  }
  return UINT64_MAX;
}

static void remove_trainings(trainer *t, const char *name, uint64_t round)
{
  for (uint32_t i = 0;; i++) {
    const char *path = t->dir ? train_file(t, name, round, i) : NULL;
    if (!path || unlink(path) != 0)
      return;
  }
}

rad_status compress_forget(const trainer *job)
{
  trainer *t = (trainer *)(uintptr_t)job;
  for (size_t i = 0; i < t->ncompressor; i++) {
    const char *name = compressor_name(&t->compressor[i]);
    for (uint64_t k = 0; k <= (uint64_t)t->compressor[i].keys->rounds; k++) {
      const char *path = round_file(t, name, k);
      if (!path)
        return RAD_ENOMEM;
      unlink(path);
      remove_trainings(t, name, k);
    }
  }
  return RAD_OK;
}

/* A damaged file is as good as none: what it stands for is done again. */
static bool read_file(trainer *t, const char *path, st_file *f)
{
  diag damage = {0};
  const bool there = path && fs_is_file(path) && st_read(f, path, &damage) >= 0;
  if (path && !there && fs_is_file(path)) {
    diag_warning(t->env->diag, (origin){.file = path}, "is damaged: it is made again");
    unlink(path);
  }
  diag_free(&damage);
  return there;
}

static bool know_lines(trainer *t, const char *path)
{
  st_file f;
  int64_t n;
  if (!read_file(t, path, &f))
    return false;
  const char *lines = st_meta(&f, "lines");
  if (lines && text_to_int64(lines, &n) && n > 0 && (uint64_t)n > t->lines)
    t->lines = (uint64_t)n;
  st_free(&f);
  return true;
}

rad_status compress_lines(trainer *t)
{
  for (size_t i = 0; i < t->ncompressor; i++) {
    const char *name = compressor_name(&t->compressor[i]);
    const uint64_t k = newest(t, &t->compressor[i]);
    if (k != UINT64_MAX)
      know_lines(t, round_file(t, name, k));
    for (uint32_t call = 0;; call++)
      if (!know_lines(t, train_file(t, name, k + 1, call))) /* of round 0 there is none */
        break;
  }
  return RAD_OK;
}

static rad_status save(const chain *c)
{
  trainer *t = c->t;
  char lines[24];
  const char *path = t->dir ? round_file(t, c->name, c->round) : NULL;
  const char *before = t->dir && c->round > 0 ? round_file(t, c->name, c->round - 1) : NULL;
  snprintf(lines, sizeof lines, "%" PRIu64, t->lines);
  const char *const key[] = {"sets", "lines"}, *const value[] = {text_str(&c->last->sets), lines};
  if (!t->dir)
    return RAD_OK;
  if (!path)
    return RAD_ENOMEM;
  RAD_TRY(network_write(c->last, t, path, key, value, 2));
  remove_trainings(t, c->name, c->round);
  if (before)
    unlink(before);
  return RAD_OK;
}

/* A round is done: who is asked to stop does it here. */
static rad_status leave(const chain *c)
{
  RAD_TRY(metrics_write(c->t, ++c->t->lines));
  RAD_TRY(save(c));
  return cancelled(c->t) ? RAD_ECANCEL : RAD_OK;
}

/* --- what is recorded --- */
static rad_status put(const chain *c, const char *name, double v)
{
  char full[LONGEST];
  const int n = snprintf(full, sizeof full, "%s.%s", c->name, name);
  if (n < 0 || n >= LONGEST)
    return rad_fail(&c->k->instance->ctx, RAD_EINVAL, "metric name too long: %s", name);
  return metric_set(c->t, full, v);
}

static double get(const chain *c, const char *name)
{
  char full[LONGEST];
  const int n = snprintf(full, sizeof full, "%s.%s", c->name, name);
  const metric *m = n > 0 && n < LONGEST ? metric_find(c->t, full) : NULL;
  return m ? m->last : (double)NAN;
}

/* What the measures say of a network. */
static rad_status put_measured(const chain *c, trainer *network, const char *prefix)
{
  char name[LONGEST];
  for (size_t i = 0; i < network->nmetric; i++) {
    snprintf(name, sizeof name, "%s%s", prefix, network->metric[i].name);
    RAD_TRY(put(c, name, network->metric[i].last));
  }
  return RAD_OK;
}

static rad_status put_agreement(const chain *c, const trainer *network)
{
  char name[LONGEST];
  for (size_t k = 0; c->t->data->facts.ntarget > 1 && k < RAD_NSPLIT; k++) {
    const rad_source *s = &c->t->data->source[k];
    uint64_t same = 0;
    for (uint64_t i = 0; i < s->n; i++)
      same += network->answer[k][i] == c->first->answer[k][i];
    snprintf(name, sizeof name, "%s.agreement", s->name);
    if (s->n > 0)
      RAD_TRY(put(c, name, (double)same / (double)s->n));
  }
  return RAD_OK;
}

static rad_status put_sizes(const chain *c, const model *m, const rad_round *r)
{
  double coded;
  const double bits = r->bits > 0 ? r->bits : 32.0 * model_numbers(m);
  RAD_TRY(model_coded_bits(m, &coded));
  if (r->bits > 0 ||
      r->parameters > 0) /* it is stored in another way, which may be the better one */
    coded = fmin(coded, bits);
  const double v[NSIZE] = {r->parameters > 0 ? r->parameters : (double)model_parameters(m),
                           (double)model_active_weights(m), ceil(bits / 8.0), ceil(coded / 8.0)};
  for (size_t i = 0; i < NSIZE; i++)
    RAD_TRY(put(c, sizes[i], v[i]));
  return RAD_OK;
}

/* The smallest sizes so far at which enough of the metric is left. */
static rad_status put_kept(const chain *c)
{
  char name[LONGEST];
  const double now = get(c, c->k->keys->metric);
  for (size_t i = 0; i < sizeof shares / sizeof *shares; i++)
    for (size_t k = 0; k < NSIZE && now >= shares[i].of * c->had; k++) {
      snprintf(name, sizeof name, "%s.%s", shares[i].name, sizes[k]);
      const double least = get(c, name), v = get(c, sizes[k]);
      RAD_TRY(put(c, name, least < v ? least : v));
    }
  return RAD_OK;
}

static rad_status record(chain *c, trainer *network, const rad_round *r)
{
  trainer *t = c->t;
  RAD_TRY(evaluate(network));
  RAD_TRY(put_measured(c, network, ""));
  if (!c->first) {
    c->first = network;
    c->had = get(c, c->k->keys->metric);
  }
  RAD_TRY(put(c, "round", (double)c->round));
  RAD_TRY(put(c, "epochs", (double)t->round_epochs));
  RAD_TRY(put_agreement(c, network));
  RAD_TRY(put_sizes(c, network->model, r));
  return put_kept(c);
}

/* --- a round --- */
/* The same network from its initial weights, as the arm was trained. */
static rad_status control(chain *c, const trainer *network)
{
  trainer *t = c->t, *fresh = NULL;
  const instance *who = c->k->instance;
  const uint64_t epochs = t->round_epochs;
  if (!c->k->keys->control)
    return RAD_OK;
  RAD_TRY(network_derive(t, network->model, NULL, 0, (origin){0}, &fresh));
  rad_status s = network_train(t,
                               RAD_NEW(rad_training, .model = &fresh->model->pub,
                                       .source = &t->data->source[RAD_TRAIN], .name = "control"),
                               who);
  t->round_epochs = epochs; /* not the round's */
  if (s >= 0)
    s = evaluate(fresh);
  return s < 0 ? s : put_measured(c, fresh, "control.");
}

static void take(chain *c, trainer *network)
{
  trainer *t = c->t;
  networks_free(t, network);
  if (c->last != c->first)
    trainer_free(c->last);
  c->last = network;
}

/* By the plugin; RAD_DONE: it cannot go on. */
static rad_status make(chain *c, rad_round *r)
{
  trainer *t = c->t;
  instance *i = c->k->instance;
  rad_status s = RAD_OK;
  CALLBACK(t, s = i->plugin->ops.compressor.round(&i->ctx, i->self, r));
  if (s == RAD_OK && !network_of(t, r->to))
    return rad_fail(&i->ctx, RAD_EINVAL, "round %" PRIu64 " gave back no network that it derived",
                    r->index + 1);
  return s;
}

static rad_status round_once(chain *c)
{
  trainer *t = c->t;
  rad_round r = {.index = c->round, .first = &c->first->model->pub, .from = &c->last->model->pub};
  t->round = arena_printf(&t->mem, "%s.round-%03" PRIu64, c->name, c->round + 1);
  t->ncall = 0;
  t->round_epochs = 0;
  if (!t->round)
    return RAD_ENOMEM;
  rad_status s = make(c, &r);
  trainer *network = s == RAD_OK ? network_of(t, r.to) : NULL;
  if (network) {
    c->round++;
    s = control(c, network); /* first: its lines are of its own metrics alone */
    if (s >= 0)
      s = record(c, network, &r);
    take(c, network);
  }
  networks_free(t, NULL);
  t->round = NULL;
  if (s != RAD_OK)
    return s;
  return leave(c);
}

static bool has_ended(const chain *c)
{
  const compressor_keys *k = c->k->keys;
  return c->round >= (uint64_t)k->rounds || get(c, k->metric) < k->floor * c->had ||
         get(c, "parameters") <= (double)k->min_parameters;
}

/* --- the chain --- */
/* The arm's network, without what regularizers have inserted. */
static rad_status start(chain *c)
{
  trainer *t = c->t, *network = NULL;
  const rad_round none = {0};
  t->round_epochs = 0;
  RAD_TRY(network_derive(t, t->model, NULL, 0, (origin){0}, &network));
  RAD_TRY(model_copy(network->model, t->model));
  t->nmade = 0; /* it is the chain's */
  c->last = network;
  return record(c, network, &none);
}

static rad_status go_on(chain *c, uint64_t round)
{
  trainer *t = c->t, *network = NULL;
  st_file f;
  const char *path = round_file(t, c->name, round);
  if (!path || !read_file(t, path, &f))
    return RAD_DONE;
  const char *sets = st_meta(&f, "sets");
  rad_status s = sets ? network_derive_lines(t, sets, &network)
                      : diag_error(t->env->diag, RAD_EIO, (origin){.file = path},
                                   "no network of a compressor");
  if (s >= 0)
    s = network_read(network, t, &f, path);
  st_free(&f);
  if (s < 0)
    return s;
  take(c, network);
  c->round = round;
  return RAD_OK;
}

static rad_status run_chain(chain *c)
{
  trainer *t = c->t;
  const uint64_t round = newest(t, c->k);
  RAD_TRY(start(c));
  const rad_status there = round == UINT64_MAX ? RAD_DONE : go_on(c, round);
  RAD_TRY(there);
  if (there == RAD_DONE)
    RAD_TRY(leave(c));
  for (rad_status s = RAD_OK; s == RAD_OK && !has_ended(c);) {
    s = round_once(c);
    if (s != RAD_EDIVERGED) {
      RAD_TRY(s);
      continue;
    }
    diag_warning(t->env->diag, (origin){0}, "%s: round %" PRIu64 " diverged: the chain ends",
                 c->k->instance->title, c->round + 1);
    RAD_TRY(put(c, "diverged", (double)c->round + 1.0));
  }
  return RAD_OK;
}

rad_status compress_run(trainer *t)
{
  t->lines = t->lines > t->epochs ? t->lines : t->epochs;
  for (size_t i = 0; i < t->ncompressor; i++) {
    chain c = {.t = t,
               .k = &t->compressor[i],
               .name = compressor_name(&t->compressor[i]),
               .had = (double)NAN};
    const rad_status s = run_chain(&c);
    networks_free(t, NULL);
    t->round = NULL;
    if (c.last != c.first)
      trainer_free(c.last);
    trainer_free(c.first);
    RAD_TRY(s);
  }
  return RAD_OK;
}

/* --- what it will take --- */
/* Operations of a training of `epochs` on `samples`, with what is evaluated in it. */
static double training_flop(const trainer *t, const rad_round_cost *c, double forward,
                            double backward, double teacher)
{
  const double seen = (double)c->samples + (double)t->data->facts.n[RAD_VAL];
  const double evaluated = seen / (double)t->run.evaluate;
  return c->epochs * ((double)c->samples * (forward + backward) + evaluated * forward +
                      ((double)c->samples + evaluated) * teacher);
}

rad_status compress_flop(trainer *t, double forward, double backward, double *flop)
{
  const rad_round_cost again = {.epochs = t->run.epochs, .samples = t->train->n};
  double all = 0;
  for (uint32_t k = 0; k < RAD_NSPLIT; k++)
    all += (double)t->data->source[k].n;
  *flop = 0;
  for (size_t i = 0; i < t->ncompressor; i++) {
    const compressor *k = &t->compressor[i];
    const rad_compressor_ops *ops = &k->instance->plugin->ops.compressor;
    rad_round_cost c = {.left = 1};
    if (ops->cost)
      CALLBACK(t, ops->cost(&k->instance->ctx, k->instance->self, &t->model->pub, &c));
    *flop += all * forward; /* the first network, as round 0 */
    double size = 1;
    for (int32_t r = 0; r < k->keys->rounds; r++) {
      const double before = size * forward;
      size *= c.left;
      *flop += training_flop(t, &c, size * forward, size * backward, c.teacher ? before : 0);
      *flop += all * size * forward;
      if (k->keys->control)
        *flop +=
            training_flop(t, &again, size * forward, size * backward, 0) + all * size * forward;
    }
  }
  return RAD_OK;
}
