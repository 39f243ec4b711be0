/* SPDX-License-Identifier: BSD-3-Clause
 * driver.c - runs one plugin on numbers from standard input and writes what it makes of them, so
 * that a script can compare it with another framework. All numbers are of this machine's format.
 *
 *   driver layer NAME KEY=VALUE...      in:  u64 n, inputs, rank and dims of each; f32 x (n,in) of
 *                                            each, tensors but buffers in order of declaration,
 *                                            dy (n,out)
 *                                       out: f32 y, dx of each input, gradients of the tensors,
 *                                            buffers
 *   driver loss NAME KEY=VALUE...       in:  u64 n, K, target; f32 scale, y, target (n,K), weight
 *                                       out: f64 loss (n); f32 dy
 *   driver optimizer NAME KEY=VALUE... [-- REGULARIZER KEY=VALUE...]
 *                                       in:  u64 n, steps, pure; f64 lr; f32 w (n), g (steps,n)
 *                                       out: f32 w after each step (steps,n)
 *   driver schedule NAME KEY=VALUE...   in:  u64 epochs, steps per epoch; f64 metric after each
 *                                            epoch
 *                                       out: f64 factor before each step */
#include "host.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct driver {
  env env;
  diag diag;
  arena mem;
  instance *plugin, *backend, *regularizer;
  rad_math math;
  double metric; /* what the laboratory answers */
  bool short_input;
} driver;

/* --- numbers in and out --- */
static void *get(driver *d, size_t n, size_t size)
{
  size_t bytes = 0;
  void *p = size_mul(n, size, &bytes) ? arena_alloc(&d->mem, bytes + 1) : NULL;
  if (!p || fread(p, size, n, stdin) != n) {
    d->short_input = true;
    return NULL;
  }
  return p;
}

static uint64_t get_u64(driver *d)
{
  const uint64_t *v = get(d, 1, sizeof *v);
  return v ? *v : 0;
}

static void *room(driver *d, size_t n, size_t size)
{
  size_t bytes = 0;
  void *p = size_mul(n, size, &bytes) ? arena_alloc(&d->mem, bytes + 1) : NULL;
  d->short_input |= !p;
  return p;
}

static void put(const void *p, size_t n, size_t size)
{
  fwrite(p, size, n, stdout);
}

/* --- layers --- */
enum { MOST = 8 }; /* tensors, inputs */
typedef struct layer {
  size_t n, ny, nin, nparam; /* samples; elements of y */
  size_t nx[MOST];           /* elements of each input */
  rad_shape in[MOST];
  rad_plan plan;
  rad_param param[MOST], *w[MOST];
  const float *x[MOST];
  float *dx[MOST];
} layer;

static rad_status plan_layer(driver *d, layer *l)
{
  l->n = (size_t)get_u64(d);
  l->nin = (size_t)get_u64(d);
  if (d->short_input || l->nin > MOST)
    return RAD_EINVAL;
  for (size_t k = 0; k < l->nin; k++) {
    l->in[k].rank = (size_t)get_u64(d);
    if (d->short_input || l->in[k].rank >= RAD_MAX_RANK)
      return RAD_EINVAL;
    for (size_t i = 0; i < l->in[k].rank; i++)
      l->in[k].dim[i] = (size_t)get_u64(d);
    l->nx[k] = l->n * rad_count(&l->in[k]);
  }
  l->plan = (rad_plan){.nin = (uint32_t)l->nin, .in = l->in};
  RAD_TRY(d->plugin->plugin->ops.layer.plan(&d->plugin->ctx, d->plugin->self, &l->plan));
  l->ny = l->n * rad_count(&l->plan.out);
  return RAD_OK;
}

static void get_tensors(driver *d, layer *l)
{
  l->nparam = d->plugin->ntensor < MOST ? d->plugin->ntensor : MOST;
  for (size_t k = 0; k < l->nparam; k++) {
    const declared *t = &d->plugin->tensor[k];
    const bool buffer = t->t.role == RAD_BUFFER;
    l->param[k] = (rad_param){
        .name = t->t.name, .role = t->t.role, .type = RAD_F32, .shape = t->t.shape, .n = t->count};
    l->param[k].value = buffer ? room(d, t->count, sizeof(float)) : get(d, t->count, sizeof(float));
    for (size_t i = 0; buffer && l->param[k].value && i < t->count; i++)
      l->param[k].value[i] = (float)t->t.fill;
    l->param[k].grad = buffer ? NULL : room(d, t->count, sizeof(float));
    l->w[k] = &l->param[k];
    l->param[k].mapped = t->t.flags & RAD_MAPPED ? room(d, t->count, sizeof(float)) : NULL;
  }
}

static rad_status map_tensors(driver *d, layer *l)
{
  const rad_layer_ops *ops = &d->plugin->plugin->ops.layer;
  for (size_t k = 0; k < l->nparam; k++) {
    const rad_param *q = &l->param[k];
    if (q->mapped)
      RAD_TRY(ops->map(&d->plugin->ctx, d->plugin->self, q, q->n, q->value, q->mapped));
  }
  return RAD_OK;
}

/* What the core does with one piece that is the whole batch; a view copies nothing. */
static rad_status pass_layer(driver *d, layer *l, rad_pass *p, const float *dy)
{
  const rad_layer_ops *ops = &d->plugin->plugin->ops.layer;
  rad_ctx *c = &d->plugin->ctx;
  double *fsum = room(d, l->plan.nsum, sizeof *fsum), *bsum = room(d, l->plan.nsum, sizeof *bsum);
  if (l->plan.flags & RAD_VIEW) {
    memcpy(p->y, p->x[0], l->ny * sizeof *p->y);
    memcpy(p->dx[0], dy, l->nx[0] * sizeof *dy);
    return RAD_OK;
  }
  p->sum = fsum;
  if (ops->sum)
    RAD_TRY(ops->sum(c, d->plugin->self, p));
  p->fsum = fsum;
  RAD_TRY(ops->forward(c, d->plugin->self, p));
  if (ops->settle)
    RAD_TRY(ops->settle(c, d->plugin->self, p));
  p->dy = dy;
  p->sum = bsum;
  if (ops->sum)
    RAD_TRY(ops->sum(c, d->plugin->self, p));
  p->bsum = bsum;
  RAD_TRY(ops->backward(c, d->plugin->self, p));
  return ops->gradient && l->nparam > 0 ? ops->gradient(c, d->plugin->self, p) : RAD_OK;
}

static void put_layer(const layer *l, const float *y)
{
  put(y, l->ny, sizeof *y);
  for (size_t k = 0; k < l->nin; k++)
    put(l->dx[k], l->nx[k], sizeof *l->dx[k]);
  for (size_t k = 0; k < l->nparam; k++)
    if (l->param[k].grad)
      put(l->param[k].grad, l->param[k].n, sizeof(float));
  for (size_t k = 0; k < l->nparam; k++)
    if (!l->param[k].grad)
      put(l->param[k].value, l->param[k].n, sizeof(float));
}

static rad_status run_layer(driver *d)
{
  layer l = {0};
  RAD_TRY(plan_layer(d, &l));
  for (size_t k = 0; k < l.nin; k++) {
    l.x[k] = get(d, l.nx[k], sizeof(float));
    l.dx[k] = room(d, l.nx[k], sizeof(float));
  }
  get_tensors(d, &l);
  const float *dy = get(d, l.ny, sizeof *dy);
  float *y = room(d, l.ny, sizeof *y);
  uint64_t *id = room(d, l.n, sizeof *id);
  if (d->short_input)
    return RAD_EINVAL;
  rad_pass p = {.training = true,
                .n = l.n,
                .total = l.n,
                .id = id,
                .in = l.in,
                .out = &l.plan.out,
                .x = l.x,
                .y = y,
                .dx = l.dx,
                .w = l.w,
                .cache = room(d, l.n, l.plan.cache),
                .type = RAD_F32};
  RAD_TRY(map_tensors(d, &l));
  p.hi = l.nparam > 0 ? l.param[0].shape.dim[0] : 0;
  RAD_TRY(pass_layer(d, &l, &p, dy));
  put_layer(&l, y);
  return RAD_OK;
}

/* --- losses --- */
static rad_status run_loss(driver *d)
{
  const rad_loss_ops *ops = &d->plugin->plugin->ops.loss;
  const size_t n = (size_t)get_u64(d);
  const size_t K = (size_t)get_u64(d);
  rad_facts f = {.sample = {1, {1}}, .type = RAD_F32, .ntarget = K};
  const rad_shape out = {1, {K}};
  f.target = (uint32_t)get_u64(d);
  const float *scale = get(d, 1, sizeof *scale);
  rad_batch b = {.facts = &f, .n = n, .total = n};
  b.y = get(d, n * K, sizeof *b.y); /* in the order of the input: not in the initialiser */
  b.target = get(d, n * K, sizeof *b.target);
  b.weight = get(d, n, sizeof *b.weight);
  b.dy = room(d, n * K, sizeof *b.dy);
  b.loss = room(d, n, sizeof *b.loss);
  b.id = b.row = room(d, n, sizeof(uint64_t));
  if (d->short_input)
    return RAD_EINVAL;
  if (ops->plan)
    RAD_TRY(ops->plan(&d->plugin->ctx, d->plugin->self, &f, &out));
  RAD_TRY(instance_state(d->plugin));
  RAD_TRY(ops->eval(&d->plugin->ctx, d->plugin->self, &b, *scale));
  put(b.loss, n, sizeof *b.loss);
  put(b.dy, n * K, sizeof *b.dy);
  return RAD_OK;
}

/* --- optimizers, in the order of the core: hooks.grad, step, hooks.weights --- */
static rad_status on_slice(driver *d, rad_status (*f)(rad_ctx *, const void *, const rad_slice *),
                           const rad_update *u, float *g)
{
  double penalty = 0;
  const rad_slice s = {.param = u->param,
                       .when = u->when,
                       .lr = u->lr,
                       .n = u->n,
                       .w = u->w,
                       .g = g,
                       .penalty = &penalty};
  return f ? f(&d->regularizer->ctx, d->regularizer->self, &s) : RAD_OK;
}

/* The regularizer sees a network of two affine layers, the tensor being the second one's. */
static rad_status plan_regularizer(driver *d, rad_param *last)
{
  rad_param first = {.name = "W", .layer = "first", .role = RAD_WEIGHT, .shape = {1, {1}}, .n = 1};
  rad_param *param[] = {&first, last};
  const uint32_t from[] = {UINT32_MAX, 0};
  rad_node node[2];
  const rad_node *list[] = {&node[0], &node[1]};
  const rad_model m = {.nnode = 2, .nparam = 2, .node = list, .param = param};
  const rad_facts f = {.sample = {1, {1}}, .type = RAD_F32};
  for (uint32_t i = 0; i < 2; i++)
    node[i] = (rad_node){.name = "it",
                         .plugin = "dense",
                         .index = i,
                         .props = RAD_AFFINE,
                         .nin = 1,
                         .nparam = 1,
                         .from = &from[i],
                         .in = &first.shape,
                         .out = first.shape,
                         .param = &param[i]};
  last->index = last->depth = 1;
  const rad_hooks *h = d->regularizer ? &d->regularizer->plugin->ops.hooks : NULL;
  return h && h->plan ? h->plan(&d->regularizer->ctx, d->regularizer->self, &m, &f) : RAD_OK;
}

static rad_status run_optimizer(driver *d)
{
  const rad_optimizer_ops *ops = &d->plugin->plugin->ops.optimizer;
  const size_t n = (size_t)get_u64(d), steps = (size_t)get_u64(d);
  rad_opt_plan plan = {.pure = get_u64(d) != 0};
  const double *lr = get(d, 1, sizeof *lr);
  float *w = get(d, n, sizeof *w), *g = room(d, n, sizeof *g), *slot[8];
  RAD_TRY(ops->plan(&d->plugin->ctx, d->plugin->self, &plan));
  for (uint32_t k = 0; k < 8; k++)
    slot[k] = room(d, n, sizeof(float));
  rad_param param = {.name = "W",
                     .role = RAD_WEIGHT,
                     .type = RAD_F32,
                     .shape = {1, {n}},
                     .n = n,
                     .value = w,
                     .grad = g,
                     .keep = plan.keep};
  RAD_TRY(plan_regularizer(d, &param));
  for (size_t t = 0; t < steps; t++) {
    const float *gradient = get(d, n, sizeof *gradient);
    if (d->short_input || plan.nslot > 8)
      return RAD_EINVAL;
    for (size_t i = 0; i < n; i++)
      g[i] = plan.keep * g[i] + gradient[i];
    const rad_update u = {.param = &param,
                          .when = {.step = t, .nepoch = 1, .nstep = steps},
                          .t = t + 1,
                          .lr = *lr,
                          .n = n,
                          .w = w,
                          .g = g,
                          .slot = slot};
    if (d->regularizer)
      RAD_TRY(on_slice(d, d->regularizer->plugin->ops.hooks.grad, &u, g));
    RAD_TRY(ops->step(&d->plugin->ctx, d->plugin->self, &u));
    if (d->regularizer)
      RAD_TRY(on_slice(d, d->regularizer->plugin->ops.hooks.weights, &u, NULL));
    put(w, n, sizeof *w);
  }
  return RAD_OK;
}

/* --- schedules --- */
static double lab_value(rad_ctx *c, const char *name)
{
  (void)name;
  return ((driver *)((instance *)(void *)c)->owner)->metric;
}

static rad_status run_schedule(driver *d)
{
  static const rad_lab lab = {.value = lab_value};
  const rad_schedule_ops *ops = &d->plugin->plugin->ops.schedule;
  rad_when w = {0};
  w.nepoch = get_u64(d);
  w.nstep = get_u64(d);
  const double *metric = get(d, (size_t)w.nepoch, sizeof *metric);
  if (d->short_input)
    return RAD_EINVAL;
  d->plugin->owner = d;
  d->plugin->ctx.lab = &lab;
  d->metric = (double)NAN;
  if (ops->plan)
    RAD_TRY(ops->plan(&d->plugin->ctx, d->plugin->self));
  RAD_TRY(instance_state(d->plugin));
  for (w.epoch = 0; w.epoch < w.nepoch; w.epoch++) {
    for (uint64_t s = 0; s < w.nstep; s++, w.step++) {
      double f = 0;
      RAD_TRY(ops->factor(&d->plugin->ctx, d->plugin->self, &w, &f));
      put(&f, 1, sizeof f);
    }
    d->metric = metric[w.epoch];
  }
  return RAD_OK;
}

/* --- instances from the command line --- */
static instance *make(driver *d, uint32_t kind, const char *name, char **key, int n)
{
  setting *v = room(d, (size_t)n + 1, sizeof *v);
  section *s = room(d, 1, sizeof *s);
  instance *i = NULL;
  if (!v || !s)
    return NULL;
  for (int k = 0; k < n; k++) {
    char *eq = strchr(key[k], '=');
    if (!eq)
      return NULL;
    *eq = '\0';
    v[k] = (setting){.key = key[k], .value = eq + 1};
  }
  v[n] = (setting){.key = "plugin", .value = name};
  *s = (section){.kind = plugin_kind_name(kind), .name = "it", .v = v, .n = (size_t)n + 1};
  return instance_new(&i, &d->env, kind, name, s) < 0 ? NULL : i;
}

static rad_status run(driver *d, int argc, char **argv)
{
  static const struct {
    const char *name;
    uint32_t kind;
    rad_status (*run)(driver *);
  } kinds[] = {{"layer", RAD_LAYER, run_layer},
               {"loss", RAD_LOSS, run_loss},
               {"optimizer", RAD_OPTIMIZER, run_optimizer},
               {"schedule", RAD_SCHEDULE, run_schedule}};
  const char *backend = getenv("BACKEND");
  int end = 3;
  while (end < argc && strcmp(argv[end], "--") != 0)
    end++;
  for (size_t k = 0; argc > 2 && k < sizeof kinds / sizeof *kinds; k++)
    if (strcmp(argv[1], kinds[k].name) == 0) {
      d->backend = make(d, RAD_BACKEND, backend ? backend : "reference", NULL, 0);
      d->plugin = make(d, kinds[k].kind, argv[2], argv + 3, end - 3);
      if (end + 1 < argc)
        d->regularizer = make(d, RAD_REGULARIZER, argv[end + 1], argv + end + 2, argc - end - 2);
      if (!d->backend || !d->plugin || (end + 1 < argc && !d->regularizer))
        return RAD_EINVAL;
      d->math = d->backend->plugin->ops.math;
      d->plugin->ctx.math = &d->math;
      d->plugin->ctx.backend = d->backend->self;
      return kinds[k].run(d);
    }
  return diag_error(&d->diag, RAD_EINVAL, (origin){0}, "usage: driver KIND NAME KEY=VALUE...");
}

int main(int argc, char **argv)
{
  driver d = {0};
  d.env.diag = &d.diag;
  rad_status s = plugins_new(&d.env.plugins, NULL, &d.diag);
  if (s == RAD_OK)
    s = run(&d, argc, argv);
  if (d.short_input)
    fputs("driver: too few numbers on standard input\n", stderr);
  if (fflush(stdout) != 0 || ferror(stdout))
    s = RAD_EIO;
  diag_flush(&d.diag);
  instance_free(d.plugin);
  instance_free(d.regularizer);
  instance_free(d.backend);
  plugins_free(d.env.plugins);
  d.env.plugins = NULL;
  env_free(&d.env);
  arena_free(&d.mem);
  diag_free(&d.diag);
  return s < 0 || d.short_input ? EXIT_FAILURE : EXIT_SUCCESS;
}
