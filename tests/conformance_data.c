/* SPDX-License-Identifier: BSD-3-Clause
 * conformance_data.c - data sets that need no files, and noise: both are functions of
 * addresses, so parts in any order are the whole. */
#include "conformance.h"
#include <math.h>
#include <string.h>

enum { N = 60 };

static size_t type_size(uint32_t type)
{
  return type == RAD_U8 ? 1 : 4;
}

/* --- data sets --- */
static size_t target_size(const rad_facts *f)
{
  return f->target == RAD_CLASS ? 4 : f->ntarget * (f->target == RAD_MULTI ? 1 : 4);
}

typedef struct samples {
  uint64_t id[N];
  size_t n, sample, target; /* bytes of one */
  uint8_t *x, *y;
} samples;

static samples *samples_new(bench *b, const rad_facts *f, uint32_t split)
{
  samples *s = room(b, 1, sizeof *s);
  s->n = f->n[split] < N ? (size_t)f->n[split] : N;
  s->sample = rad_count(&f->sample) * type_size(f->type);
  s->target = target_size(f);
  s->x = room(b, s->n, s->sample);
  s->y = room(b, s->n, s->target);
  for (size_t i = 0; i < s->n; i++) /* ascending, to the end of the split */
    s->id[i] = i * f->n[split] / s->n;
  return s;
}

static void read_part(bench *b, instance *i, const rad_facts *f, uint32_t split, samples *s,
                      size_t lo, size_t hi)
{
  float weight[N];
  for (size_t k = 0; k < N; k++)
    weight[k] = 1.0f;
  rad_part p = {.facts = f,
                .split = split,
                .n = hi - lo,
                .id = s->id + lo,
                .x = s->x + lo * s->sample,
                .y = s->y + lo * s->target,
                .weight = weight};
  const size_t mark = scratch_mark(&b->env);
  const rad_status r = i->plugin->ops.dataset.read(&i->ctx, i->self, &p);
  scratch_release(&b->env, mark);
  ck_assert_msg(r == RAD_OK, "%s", text_str(&b->diag.messages));
}

static void check_facts(const rad_facts *f)
{
  ck_assert(f->sample.rank >= 1 && f->sample.rank <= 5 && rad_count(&f->sample) > 0);
  ck_assert(f->type == RAD_U8 || f->type == RAD_F32);
  ck_assert(f->target >= RAD_CLASS && f->target <= RAD_REAL && f->ntarget > 0);
  ck_assert_msg(f->n[RAD_TRAIN] > 0 && f->n[RAD_VAL] == 0, "val is cut by the core");
  ck_assert(f->scale > 0.0f);
}

static void check_dataset(bench *b, instance *one, instance *two)
{
  rad_facts f = {0}, g = {0};
  const rad_dataset_ops *ops = &one->plugin->ops.dataset;
  ck_assert_int_eq(ops->open(&one->ctx, one->self, &f), RAD_OK);
  ck_assert_int_eq(ops->open(&two->ctx, two->self, &g), RAD_OK);
  check_facts(&f);
  for (uint32_t split = RAD_TRAIN; split <= RAD_TEST; split += 2) {
    if (f.n[split] == 0)
      continue;
    samples *s = samples_new(b, &f, split), *t = samples_new(b, &f, split);
    const size_t at = s->n / 3;
    read_part(b, one, &f, split, s, 0, s->n);
    read_part(b, two, &g, split, t, at, t->n);
    read_part(b, two, &g, split, t, 0, at);
    ck_assert_msg(same_bits(s->x, t->x, s->n * s->sample) &&
                      same_bits(s->y, t->y, s->n * s->target),
                  "parts and the whole differ, or two instances do");
    for (size_t k = 0; f.type == RAD_F32 && k < s->n * s->sample / 4; k++)
      ck_assert(isfinite(((const float *)(const void *)s->x)[k]));
    for (size_t k = 0; f.target == RAD_CLASS && k < s->n; k++) {
      const int32_t label = ((const int32_t *)(const void *)s->y)[k];
      ck_assert_msg(label >= -1 && label < (int32_t)f.ntarget, "label %d", label);
    }
  }
}

START_TEST(test_dataset)
{
  const plugin *p = nth_plugin(RAD_DATASET, (size_t)_i);
  for (size_t v = 0; v < variants(p); v++) {
    bench b;
    bench_open(&b, 21);
    instance *one = bench_variant(&b, p, v), *two = one ? bench_variant(&b, p, v) : NULL;
    if (two)
      check_dataset(&b, one, two);
    bench_close(&b);
  }
}
END_TEST

/* --- noise --- */
static const float mean[] = {0.4f, -0.1f, 0.25f}, std[] = {0.3f, 0.2f, 0.05f};
static const rad_facts classes = {.sample = {3, {5, 4, 3}},
                                  .type = RAD_F32,
                                  .target = RAD_CLASS,
                                  .ntarget = 7,
                                  .n = {400, 0, 90},
                                  .own = {400, 0, 90},
                                  .scale = 1.0f,
                                  .mean = mean,
                                  .std = std};

typedef struct noisy {
  uint64_t id[N];
  float x[N * 60], weight[N], soft[N * 7];
  int32_t label[N];
} noisy;

static void noisy_fill(noisy *z, bench *b)
{
  const float *x = numbers(b, 5, N * 60, 0.0f);
  memset(z, 0, sizeof *z);
  memcpy(z->x, x, sizeof z->x);
  for (size_t i = 0; i < N; i++) {
    z->id[i] = 3 + 6 * i;
    z->label[i] = (int32_t)(i * 5 % 7);
    z->soft[i * 7 + (size_t)z->label[i]] = 1.0f;
    z->weight[i] = 1.0f;
  }
}

static void split_part(bench *b, instance *i, noisy *z, size_t lo, size_t hi)
{
  const rad_noise_ops *ops = &i->plugin->ops.noise;
  const bool inputs = (ops->flags & RAD_CHANGES_INPUTS) != 0;
  rad_facts f = classes;
  f.target = ops->flags & RAD_WANT_SOFT ? RAD_SOFT : RAD_CLASS;
  rad_part p = {.facts = &f, .split = RAD_TRAIN, .n = hi - lo, .id = z->id + lo};
  if (inputs)
    p.x = z->x + lo * 60;
  else
    p.y = f.target == RAD_SOFT ? (void *)(z->soft + lo * 7) : (void *)(z->label + lo),
    p.weight = z->weight + lo;
  const size_t mark = scratch_mark(&b->env);
  const rad_status r = ops->split(&i->ctx, i->self, &p);
  scratch_release(&b->env, mark);
  ck_assert_msg(r == RAD_OK, "%s", text_str(&b->diag.messages));
}

static void batch_part(bench *b, instance *i, noisy *z, size_t lo, size_t hi)
{
  rad_batch p = {.when = {.epoch = 1, .step = 8, .nepoch = 3, .nstep = 7},
                 .facts = &classes,
                 .n = hi - lo,
                 .first = lo,
                 .total = N,
                 .id = z->id + lo,
                 .row = z->id + lo,
                 .x = z->x + lo * 60,
                 .target = z->soft + lo * 7,
                 .label = z->label + lo,
                 .weight = z->weight + lo};
  const size_t mark = scratch_mark(&b->env);
  const rad_status r = i->plugin->ops.noise.batch(&i->ctx, i->self, &p);
  scratch_release(&b->env, mark);
  ck_assert_msg(r == RAD_OK, "%s", text_str(&b->diag.messages));
}

static instance *plan_noise(bench *b, instance *i)
{
  const rad_noise_ops *ops = &i->plugin->ops.noise;
  if (ops->plan)
    ck_assert_msg(ops->plan(&i->ctx, i->self, &classes) == RAD_OK, "%s",
                  text_str(&b->diag.messages));
  ck_assert_int_eq(instance_state(i), RAD_OK);
  return i;
}

START_TEST(test_noise)
{
  static noisy z[2];
  const plugin *p = nth_plugin(RAD_NOISE, (size_t)_i);
  const rad_noise_ops *ops = &p->ops.noise;
  ck_assert_msg(ops->split || ops->batch, "does nothing");
  for (size_t v = 0; v < variants(p); v++) {
    bench b;
    bench_open(&b, 21);
    instance *i = bench_variant(&b, p, v);
    for (size_t k = 0; i && k < 2; k++) {
      noisy_fill(&z[k], &b);
      plan_noise(&b, k == 0 ? i : (i = bench_variant(&b, p, v)));
      const size_t at = k == 0 ? N : 17;
      if (ops->split && k == 1)
        split_part(&b, i, &z[k], at, N);
      if (ops->split)
        split_part(&b, i, &z[k], 0, at);
      if (ops->batch && k == 1)
        batch_part(&b, i, &z[k], at, N);
      if (ops->batch)
        batch_part(&b, i, &z[k], 0, at);
    }
    ck_assert_msg(!i || same_bits(&z[0], &z[1], sizeof z[0]), "%s: parts and the whole differ",
                  label_of(&b, p, v));
    for (size_t k = 0; i && k < N; k++)
      ck_assert(z[0].label[k] >= 0 && z[0].label[k] < 7 && z[0].weight[k] >= 0.0f);
    bench_close(&b);
  }
}
END_TEST

/* With a key `rate`: nothing is changed at 0, and what a low rate changes a higher one changes
 * alike. */
START_TEST(test_noise_subset)
{
  static const char *const rates[] = {"rate=0", "rate=0.31", "rate=0.62"};
  static noisy z[4];
  const plugin *p = nth_plugin(RAD_NOISE, (size_t)_i);
  const key_table table = {p->d.keys, p->d.nkeys};
  if (!p->ops.noise.split || !keys_find(&table, 1, "rate"))
    return;
  bench b;
  bench_open(&b, 21);
  for (size_t k = 0; k < 4; k++)
    noisy_fill(&z[k], &b);
  for (size_t k = 0; k < 3; k++)
    split_part(&b, plan_noise(&b, bench_make(&b, RAD_NOISE, p->d.name, rates[k])), &z[k], 0, N);
  ck_assert_msg(same_bits(&z[0], &z[3], sizeof z[0]), "something is changed at rate 0");
  size_t low = 0, high = 0;
  for (size_t i = 0; i < N; i++) {
    const bool was = z[1].label[i] != z[0].label[i];
    low += was;
    high += z[2].label[i] != z[0].label[i];
    ck_assert_msg(!was || z[1].label[i] == z[2].label[i], "sample %zu changes twice", i);
  }
  ck_assert_msg(p->ops.noise.flags & RAD_CHANGES_INPUTS || (low > 0 && high > low),
                "%zu changed at 0.31, %zu at 0.62", low, high);
  bench_close(&b);
}
END_TEST

TCase *data_cases(void)
{
  TCase *t = tcase_create("data");
  tcase_set_timeout(t, 60);
  tcase_add_loop_test(t, test_dataset, 0, (int)under_test(RAD_DATASET));
  tcase_add_loop_test(t, test_noise, 0, (int)under_test(RAD_NOISE));
  tcase_add_loop_test(t, test_noise_subset, 0, (int)under_test(RAD_NOISE));
  return t;
}
