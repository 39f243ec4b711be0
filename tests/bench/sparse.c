/* SPDX-License-Identifier: BSD-3-Clause
 * sparse.c - how long a step of one layer takes by the density of its weights: forward, gradients
 * of its input and its weights with momentum, update. Dense and sparse ones in turns of a few
 * steps, one thread, CPU time, each part the shortest of all: what else the machine does counts
 * little.
 *
 *   sparse [-r ROUNDS] [-d DEPTH] [-b BACKEND] [-i ISA] [NAME...]
 *
 * 200 rounds of every layer, alone; -d: a network of that many, where activations stay near.
 *
 * Every density is stored sparse here, also where the backend would rather have it masked: the last
 * column says from where on that is faster. */
#include "model.h"
#include "philox.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { BATCH = 128, DENSITIES = 7, KEYS = 8, WARM = 4 };
static const char *const density[DENSITIES] = {"1", "0.05", "0.1", "0.2", "0.25", "0.3", "0.4"};

typedef struct shape {
  const char *name;
  rad_shape in;
  const char *key[KEYS][2];
} shape;
static const shape shapes[] = {
    {"dense-784-512", {1, {784}}, {{"plugin", "dense"}, {"units", "512"}}},
    {"dense-512-512", {1, {512}}, {{"plugin", "dense"}, {"units", "512"}}},
    {"dense-1024-1024", {1, {1024}}, {{"plugin", "dense"}, {"units", "1024"}}},
    {"conv-32x32-16-16",
     {3, {32, 32, 16}},
     {{"plugin", "conv2d"}, {"filters", "16"}, {"same", "true"}}},
    {"conv-32x32-64-64",
     {3, {32, 32, 64}},
     {{"plugin", "conv2d"}, {"filters", "64"}, {"same", "true"}}},
    {"conv-16x16-128-128",
     {3, {16, 16, 128}},
     {{"plugin", "conv2d"}, {"filters", "128"}, {"same", "true"}}},
    {"conv-8x8-256-256",
     {3, {8, 8, 256}},
     {{"plugin", "conv2d"}, {"filters", "256"}, {"same", "true"}}},
    {"conv-16x16-64-128-stride",
     {3, {16, 16, 64}},
     {{"plugin", "conv2d"}, {"filters", "128"}, {"same", "true"}, {"stride", "2"}}},
    {"conv-28x28-6-16-5x5",
     {3, {28, 28, 6}},
     {{"plugin", "conv2d"}, {"filters", "16"}, {"kernel", "5"}}},
    {"conv-16x16-256-256-1x1",
     {3, {16, 16, 256}},
     {{"plugin", "conv2d"}, {"filters", "256"}, {"kernel", "1"}}},
};
enum { SHAPES = sizeof shapes / sizeof *shapes };

typedef struct layer { /* of one density, alone in its network */
  config config;
  model *model;
  double time[3]; /* forward, backward, update: seconds, the shortest so far */
} layer;

typedef struct run {
  diag diag;
  env env;
  const char *backend, *isa;
  int rounds, depth;
  float *x, *dx;
} run;

static double always(rad_ctx *c, const rad_param *p)
{
  (void)c, (void)p;
  return 1;
}

static bool set(run *r, layer *l, const char *key, const char *value)
{
  return config_set(&l->config, key, value, (origin){0}, &r->diag) >= 0;
}

static bool open_layer(run *r, layer *l, const shape *s, const char *share)
{
  bool ok =
      set(r, l, "backend.plugin", r->backend) && (!r->isa || set(r, l, "backend.isa", r->isa));
  for (int i = 0; ok && i < r->depth; i++)
    for (size_t k = 0; ok && k <= KEYS; k++) {
      const char *const *set_to = k < KEYS ? s->key[k] : (const char *const[]){"density", share};
      char key[64];
      snprintf(key, sizeof key, "layer.l%d.%s", i, set_to[0]);
      ok = !set_to[0] || set(r, l, key, set_to[1]);
    }
  if (!ok || model_plan(&l->model, &r->env, &l->config, &s->in, NULL, 0) < 0)
    return false;
  l->model->math.sparse_below = always;
  for (uint32_t i = 0; i < l->model->pub.nparam; i++)
    l->model->param[i].pub.keep = 0.9f;
  if (model_layout(l->model, 1) < 0 || model_alloc(l->model, BATCH) < 0 || model_init(l->model) < 0)
    return false;
  const node *nd = &l->model->node[l->model->pub.nnode - 1];
  philox_normal(philox_seedkey(5, 6), &(rad_at){0}, 0, BATCH * nd->width, model_dy(l->model));
  for (int k = 0; k < 3; k++)
    l->time[k] = 1e9;
  return true;
}

static double now(void)
{
  struct timespec t;
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
  return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static bool update(layer *l)
{
  for (uint32_t i = 0; i < l->model->pub.nparam; i++) {
    const rad_param *p = &l->model->param[i].pub;
    rad_ctx *c = &l->model->node[0].layer->ctx;
    if (l->model->math.axpy(c, p->n, -1e-6f, p->grad, p->value) < 0)
      return false;
  }
  return model_shadows(l->model) >= 0;
}

static bool step(run *r, layer *l)
{
  static const uint64_t id[BATCH];
  const model_pass p = {
      .training = true, .grads = true, .x = r->x, .n = BATCH, .id = id, .dx = r->dx};
  double at[4];
  at[0] = now();
  bool ok = model_forward(l->model, &p) >= 0;
  at[1] = now();
  ok = ok && model_backward(l->model, &p) >= 0;
  at[2] = now();
  ok = ok && update(l);
  at[3] = now();
  for (int k = 0; k < 3; k++)
    if (at[k + 1] - at[k] < l->time[k])
      l->time[k] = at[k + 1] - at[k];
  return ok;
}

static double total(const layer *l)
{
  return l->time[0] + l->time[1] + l->time[2];
}

static void print(const shape *s, int depth, const layer *l)
{
  printf("%s, %d in a row, batch %d\n%8s %12s %12s %12s %12s %8s\n", s->name, depth, BATCH,
         "density", "forward us", "backward us", "update us", "all us", "dense/it");
  for (int k = 0; k < DENSITIES; k++)
    printf("%8s %12.1f %12.1f %12.1f %12.1f %8.2f\n", density[k], 1e6 * l[k].time[0],
           1e6 * l[k].time[1], 1e6 * l[k].time[2], 1e6 * total(&l[k]), total(l) / total(&l[k]));
  fflush(stdout);
}

static bool measure(run *r, const shape *s)
{
  const size_t n = BATCH * rad_count(&s->in);
  layer l[DENSITIES] = {0};
  bool ok = (r->x = malloc(n * sizeof *r->x)) && (r->dx = malloc(n * sizeof *r->dx));
  if (ok)
    philox_normal(philox_seedkey(3, 4), &(rad_at){0}, 0, n, r->x);
  for (int k = 0; ok && k < DENSITIES; k++)
    ok = open_layer(r, &l[k], s, density[k]);
  for (int i = 0; ok && i < r->rounds; i++)
    for (int k = 0; ok && k < DENSITIES; k++)
      for (int again = 0; ok && again < WARM; again++)
        ok = step(r, &l[k]);
  if (ok)
    print(s, r->depth, l);
  for (int k = 0; k < DENSITIES; k++) {
    model_free(l[k].model);
    config_free(&l[k].config);
  }
  free(r->x);
  free(r->dx);
  return ok;
}

/* Takes the options; the index of the first name. */
static int options(run *r, int argc, char **argv)
{
  int i = 1;
  for (; i + 1 < argc && argv[i][0] == '-'; i += 2)
    switch (argv[i][1]) {
    case 'r':
      r->rounds = (int)strtol(argv[i + 1], NULL, 10);
      break;
    case 'd':
      r->depth = (int)strtol(argv[i + 1], NULL, 10);
      break;
    case 'b':
      r->backend = argv[i + 1];
      break;
    default:
      r->isa = argv[i + 1];
    }
  return i;
}

int main(int argc, char **argv)
{
  run r = {.backend = "native", .rounds = 200, .depth = 1};
  const int first = options(&r, argc, argv);
  r.env = (env){.diag = &r.diag, .seed = 11};
  bool ok = plugins_new(&r.env.plugins, NULL, &r.diag) >= 0;
  for (size_t k = 0; ok && k < SHAPES; k++) {
    bool wanted = first >= argc;
    for (int a = first; a < argc; a++)
      wanted |= strcmp(argv[a], shapes[k].name) == 0;
    ok = !wanted || measure(&r, &shapes[k]);
  }
  if (!ok)
    fprintf(stderr, "sparse: %s\n", text_str(&r.diag.messages));
  plugins_free(r.env.plugins);
  env_free(&r.env);
  diag_free(&r.diag);
  return ok ? EXIT_SUCCESS : EXIT_FAILURE;
}
