/* SPDX-License-Identifier: BSD-3-Clause
 * old.c - y = 2 x, as built against headers of the same ABI whose structs were shorter: the
 * descriptor ended after its ops, a key after its flags, a layer's ops after backward. Today's core
 * loads it, and what it lacks reads as NULL. */
#include <rademacher/layer.h>

typedef struct old {
  int32_t units;
  float rate;
} old;

static rad_status plan(rad_ctx *c, void *self, rad_plan *p)
{
  (void)c;
  (void)self;
  p->out = p->in[0];
  p->props = RAD_AFFINE;
  return RAD_OK;
}
static rad_status forward(rad_ctx *c, const void *self, const rad_pass *p)
{
  (void)c;
  (void)self;
  for (size_t i = 0; i < p->n * rad_count(p->out); i++)
    p->y[i] = 2.0f * p->x[0][i];
  return RAD_OK;
}
static rad_status backward(rad_ctx *c, const void *self, const rad_pass *p)
{
  (void)c;
  (void)self;
  for (size_t i = 0; p->dx[0] && i < p->n * rad_count(p->out); i++)
    p->dx[0][i] = 2.0f * p->dy[i];
  return RAD_OK;
}

/* Behind each struct lies what must not be read as part of it. */
static const struct old_layer_ops {
  uint32_t size;
  rad_status (*plan)(rad_ctx *, void *, rad_plan *);
  rad_status (*forward)(rad_ctx *, const void *, const rad_pass *);
  rad_status (*backward)(rad_ctx *, const void *, const rad_pass *);
  uintptr_t rubbish[4];
} ops = {offsetof(struct old_layer_ops, rubbish), plan, forward, backward, {1, 3, 5, 7}};

typedef struct old_key {
  const char *name, *help, *def;
  const char *const *choices;
  double lo, hi;
  uint32_t offset, type;
} old_key; /* 56 bytes: as if `flags` had come later */
static const old_key keys[] = {
    {"units", "outputs", "17", NULL, 1, 1000, offsetof(old, units), RAD_INT},
    {"rate", "share", "0.25", NULL, 0, 1, offsetof(old, rate), RAD_FLOAT}};

static const struct old_plugin {
  uint32_t abi, size, key_size, kind, needs, release;
  const char *name, *summary, *version, *reference;
  const old_key *keys;
  size_t nkeys, self_size;
  const void *ops;
  uintptr_t rubbish[4];
} old_plugin = {RAD_ABI,
                offsetof(struct old_plugin, rubbish),
                sizeof(old_key),
                RAD_LAYER,
                0,
                0,
                "old",
                "an old plugin",
                "0.1",
                NULL,
                keys,
                2,
                sizeof(old),
                &ops,
                {1, 3, 5, 7}};

__attribute__((visibility("default"))) const struct old_plugin *const *rademacher_plugins(uint32_t);
const struct old_plugin *const *rademacher_plugins(uint32_t host_abi)
{
  static const struct old_plugin *const list[] = {&old_plugin, NULL};
  (void)host_abi;
  return list;
}
