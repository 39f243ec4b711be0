/* SPDX-License-Identifier: BSD-3-Clause
 * plugin_ops.c - the ops of each kind: copied over zeros as far as the plugin's struct goes, and
 * refused where a callback that the kind needs is missing. */
#include "plugin_file.h"
#include <string.h>

enum { MAX_STRUCT = 4096, MAX_NEEDED = 5 };

typedef struct needed {
  size_t offset;
  const char *fault;
} needed;
#define NEED(T, f)                                                                                 \
  {                                                                                                \
    offsetof(T, f), "the callback '" #f "' is missing"                                             \
  }
typedef struct rule {
  const char *name;
  size_t size; /* of today's ops */
  bool locked;
  needed need[MAX_NEEDED];
} rule;
static const rule rules[] = {
    [RAD_DATASET] = {"dataset",
                     sizeof(rad_dataset_ops),
                     false,
                     {NEED(rad_dataset_ops, open), NEED(rad_dataset_ops, read)}},
    [RAD_NOISE] = {"noise", sizeof(rad_noise_ops), false, {{0, NULL}}},
    [RAD_LAYER] = {"layer", sizeof(rad_layer_ops), false, {NEED(rad_layer_ops, plan)}},
    [RAD_LOSS] = {"loss", sizeof(rad_loss_ops), false, {NEED(rad_loss_ops, eval)}},
    [RAD_OPTIMIZER] = {"optimizer",
                       sizeof(rad_optimizer_ops),
                       false,
                       {NEED(rad_optimizer_ops, plan), NEED(rad_optimizer_ops, step)}},
    [RAD_SCHEDULE] = {"schedule",
                      sizeof(rad_schedule_ops),
                      false,
                      {NEED(rad_schedule_ops, factor)}},
    [RAD_REGULARIZER] = {"regularizer", sizeof(rad_hooks), false, {{0, NULL}}},
    [RAD_MEASURE] = {"measure", sizeof(rad_hooks), false, {{0, NULL}}},
    [RAD_FIT] = {"fit", sizeof(rad_fit_ops), true, {NEED(rad_fit_ops, fit)}},
    [RAD_SEARCH] = {"search", sizeof(rad_search_ops), false, {NEED(rad_search_ops, ask)}},
    [RAD_PRUNER] = {"pruner", sizeof(rad_pruner_ops), false, {NEED(rad_pruner_ops, judge)}},
    [RAD_COMPRESSOR] = {"compressor",
                        sizeof(rad_compressor_ops),
                        true,
                        {NEED(rad_compressor_ops, round)}},
    [RAD_EXECUTOR] = {"executor",
                      sizeof(rad_executor_ops),
                      true,
                      {NEED(rad_executor_ops, start), NEED(rad_executor_ops, poll),
                       NEED(rad_executor_ops, stop)}},
    [RAD_LOGGER] = {"logger", sizeof(rad_logger_ops), true, {NEED(rad_logger_ops, event)}},
    [RAD_EXPORTER] = {"exporter", sizeof(rad_exporter_ops), true, {NEED(rad_exporter_ops, write)}},
    [RAD_BACKEND] = {"backend",
                     sizeof(rad_math),
                     true,
                     {NEED(rad_math, gemm), NEED(rad_math, act), NEED(rad_math, act_back),
                      NEED(rad_math, axpy), NEED(rad_math, identity)}},
};

static const rule *rule_of(uint32_t kind)
{
  return kind < sizeof rules / sizeof rules[0] && rules[kind].name ? &rules[kind] : NULL;
}

const char *plugin_kind_name(uint32_t kind)
{
  const rule *r = rule_of(kind);
  return r ? r->name : NULL;
}

bool plugin_is_locked(uint32_t kind)
{
  const rule *r = rule_of(kind);
  return r && r->locked;
}

/* A struct that starts with its own size. */
static const char *copy_sized(void *to, size_t room, const void *from)
{
  uint32_t size;
  memcpy(&size, from, sizeof size);
  if (size < 2 * sizeof size || size > MAX_STRUCT || size % sizeof(void *) != 0)
    return "the size of its ops is not one that they ever had";
  memset(to, 0, room);
  memcpy(to, from, size < room ? size : room);
  return NULL;
}

static bool is_null(const void *ops, size_t offset)
{
  static const unsigned char zero[sizeof(void (*)(void))] = {0};
  return memcmp((const char *)ops + offset, zero, sizeof zero) == 0;
}

static const char *noise_fault(const rad_noise_ops *o)
{
  if (!o->split && !o->batch)
    return "one of the callbacks 'split' and 'batch' is needed";
  if (o->split && !(o->flags & (RAD_CHANGES_INPUTS | RAD_CHANGES_TARGETS)))
    return "'split' needs the flag RAD_CHANGES_INPUTS or RAD_CHANGES_TARGETS";
  return NULL;
}

static const char *hooks_fault(plugin *p)
{
  rad_hooks *h = &p->ops.hooks;
  if (p->d.kind == RAD_MEASURE && (h->after || h->batch || h->grad || h->weights))
    return "a measure must not change the training: 'after', 'batch', 'grad' and 'weights' are for "
           "regularizers";
  if (!h->after)
    return NULL;
  const char *fault = copy_sized(&p->after, sizeof p->after, h->after);
  h->after = &p->after;
  if (!fault && !p->after.plan)
    fault = "the callback 'plan' of its layer 'after' is missing";
  return fault;
}

const char *plugin_ops_copy(plugin *p)
{
  const rule *r = rule_of(p->d.kind);
  if (!r)
    return "it is of a kind that this program does not know";
  if (!p->d.ops)
    return "it has no ops";
  const char *fault = copy_sized(&p->ops, r->size, p->d.ops);
  for (size_t i = 0; i < MAX_NEEDED && !fault; i++)
    if (r->need[i].fault && is_null(&p->ops, r->need[i].offset))
      fault = r->need[i].fault;
  if (!fault && p->d.kind == RAD_NOISE)
    fault = noise_fault(&p->ops.noise);
  if (!fault && (p->d.kind == RAD_REGULARIZER || p->d.kind == RAD_MEASURE))
    fault = hooks_fault(p);
  p->d.ops = &p->ops;
  return fault;
}
