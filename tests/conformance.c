/* SPDX-License-Identifier: BSD-3-Clause
 * conformance.c - loads every plugin of the path and holds it to its kind's contract. */
#include "conformance.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static plugins *registry;
static const plugin *const *all;
static size_t nall;

size_t under_test(uint32_t kind)
{
  size_t n = 0;
  for (size_t i = 0; i < nall; i++)
    n += all[i]->d.kind == kind;
  return n;
}

const plugin *nth_plugin(uint32_t kind, size_t n)
{
  for (size_t i = 0; i < nall; i++)
    if (all[i]->d.kind == kind && n-- == 0)
      return all[i];
  ck_abort_msg("no such plugin");
  return NULL;
}

const plugin *named_plugin(uint32_t kind, const char *name)
{
  for (size_t i = 0; i < nall; i++)
    if (all[i]->d.kind == kind && strcmp(all[i]->d.name, name) == 0)
      return all[i];
  return NULL;
}

size_t variants(const plugin *p)
{
  return 1 + p->d.nkeys;
}

void bench_open(bench *b, uint64_t seed)
{
  memset(b, 0, sizeof *b);
  b->env.plugins = registry;
  b->env.diag = &b->diag;
  b->env.seed = seed;
}

void bench_close(bench *b)
{
  while (b->nmade > 0)
    instance_free(b->made[--b->nmade]);
  b->env.plugins = NULL; /* shared by all tests */
  env_free(&b->env);
  diag_free(&b->diag);
  arena_free(&b->mem);
}

void *room(bench *b, size_t n, size_t size)
{
  void *p = arena_alloc(&b->mem, (n > 0 ? n : 1) * size);
  ck_assert_ptr_nonnull(p);
  return p;
}

/* Another value than the default, or NULL: a text could mean anything. */
static const char *other_value(bench *b, const rad_key *k)
{
  const double lo = k->lo > -1 ? k->lo : -1, hi = k->hi < lo + 1 ? k->hi : lo + 1;
  switch (k->type) {
  case RAD_BOOL:
    return k->def && strcmp(k->def, "true") == 0 ? "false" : "true";
  case RAD_ENUM:
    for (size_t i = 0; k->choices[i]; i++)
      if (!k->def || strcmp(k->choices[i], k->def) != 0)
        return k->choices[i];
    return NULL;
  case RAD_INT:
  case RAD_LONG:
    return arena_printf(&b->mem, "%.0f", k->lo > 3 ? ceil(k->lo) : k->hi < 3 ? floor(k->hi) : 3);
  case RAD_FLOAT:
  case RAD_DOUBLE:
  case RAD_LIST:
    return arena_printf(&b->mem, "%.9g", lo + 0.37 * (hi - lo));
  default:
    return NULL;
  }
}

static instance *make(bench *b, const plugin *p, setting *v, size_t n)
{
  section *s = room(b, 1, sizeof *s);
  instance *made = NULL;
  v[n++] = (setting){.key = "plugin", .value = p->d.name};
  *s = (section){.kind = plugin_kind_name(p->d.kind), .name = "it", .v = v, .n = n, .cap = n};
  ck_assert_msg(b->nmade < sizeof b->made / sizeof *b->made, "too many instances in one test");
  if (instance_new(&made, &b->env, p->d.kind, p->d.name, s) < 0)
    return NULL;
  return b->made[b->nmade++] = made;
}

instance *bench_variant(bench *b, const plugin *p, size_t variant)
{
  setting *v = room(b, p->d.nkeys + 1, sizeof *v);
  size_t n = 0;
  for (size_t k = 0; k < p->d.nkeys; k++) {
    const rad_key *key = &p->d.keys[k];
    if (key->def && k + 1 != variant)
      continue;
    const char *value = other_value(b, key);
    if (!value)
      return NULL;
    v[n++] = (setting){.key = key->name, .value = value};
  }
  instance *made = make(b, p, v, n);
  ck_assert_msg(made || b->diag.messages.n > 0, "%s: refused without a message",
                label_of(b, p, variant));
  return made;
}

static instance *try_make(bench *b, uint32_t kind, const char *name, const char *keys)
{
  const plugin *p = named_plugin(kind, name);
  setting *v = room(b, 16, sizeof *v);
  char *s = arena_strdup(&b->mem, keys);
  size_t n = 0;
  ck_assert_msg(p != NULL, "there is no %s %s", plugin_kind_name(kind), name);
  while (s && *s != '\0' && n < 15) { /* KEY=VALUE, separated by blanks */
    char *eq = strchr(s, '='), *end = strchr(s, ' ');
    ck_assert_msg(eq != NULL, "no = in %s", keys);
    *eq = '\0';
    if (end)
      *end = '\0';
    v[n++] = (setting){.key = s, .value = eq + 1};
    s = end ? end + 1 : NULL;
  }
  return make(b, p, v, n);
}

instance *bench_make(bench *b, uint32_t kind, const char *name, const char *keys)
{
  instance *made = try_make(b, kind, name, keys);
  ck_assert_msg(made != NULL, "%s %s: %s", name, keys, text_str(&b->diag.messages));
  return made;
}

/* Defaults, then each choice of each key: way 0 .. n-1 of all backends in turn. */
static const plugin *backend_way(size_t n, const rad_key **key, const char **choice)
{
  for (size_t i = 0; i < under_test(RAD_BACKEND); i++) {
    const plugin *p = nth_plugin(RAD_BACKEND, i);
    *key = NULL;
    if (n-- == 0)
      return p;
    for (size_t q = 0; q < p->d.nkeys; q++)
      for (size_t k = 0; p->d.keys[q].choices && p->d.keys[q].choices[k]; k++)
        if (n-- == 0) {
          *key = &p->d.keys[q];
          *choice = p->d.keys[q].choices[k];
          return p;
        }
  }
  return NULL;
}

size_t backend_ways(void)
{
  const rad_key *key;
  const char *choice;
  size_t n = 0;
  while (backend_way(n, &key, &choice))
    n++;
  return n;
}

bool math_open(math_rig *r, int way)
{
  const rad_key *key = NULL;
  const char *choice = NULL;
  const plugin *p = backend_way((size_t)way, &key, &choice);
  bench_open(&r->b, 17);
  ck_assert_ptr_nonnull(p);
  r->i = bench_backend(&r->b, p, key ? arena_printf(&r->b.mem, "%s=%s", key->name, choice) : "",
                       &r->math);
  if (!r->i) {
    ck_assert_msg(key && r->b.diag.messages.n > 0, "%s: refused", p->d.name);
    fprintf(stderr, "skipped: %s", text_str(&r->b.diag.messages));
    bench_close(&r->b);
  }
  return r->i != NULL;
}

void bench_math(bench *b, instance *i)
{
  rad_math *math = room(b, 1, sizeof *math);
  const instance *backend = bench_backend(b, named_plugin(RAD_BACKEND, "reference"), "", math);
  i->ctx.math = math;
  i->ctx.backend = backend->self;
}

instance *bench_backend(bench *b, const plugin *p, const char *keys, rad_math *math)
{
  instance *i = try_make(b, RAD_BACKEND, p->d.name, keys);
  const rad_math *whole = &named_plugin(RAD_BACKEND, "reference")->ops.math;
  if (!i)
    return NULL;
  *math = p->ops.math;
  math->conv = math->conv ? math->conv : whole->conv;
  math->conv_input = math->conv_input ? math->conv_input : whole->conv_input;
  math->conv_weight = math->conv_weight ? math->conv_weight : whole->conv_weight;
  math->sparse = math->sparse ? math->sparse : whole->sparse;
  math->sparse_input = math->sparse_input ? math->sparse_input : whole->sparse_input;
  math->sparse_weight = math->sparse_weight ? math->sparse_weight : whole->sparse_weight;
  math->sparse_both = math->sparse_both ? math->sparse_both : whole->sparse_both;
  math->sparse_conv = math->sparse_conv ? math->sparse_conv : whole->sparse_conv;
  math->sparse_conv_input =
      math->sparse_conv_input ? math->sparse_conv_input : whole->sparse_conv_input;
  math->sparse_conv_weight =
      math->sparse_conv_weight ? math->sparse_conv_weight : whole->sparse_conv_weight;
  math->max_pool = math->max_pool ? math->max_pool : whole->max_pool;
  math->max_pool_back = math->max_pool_back ? math->max_pool_back : whole->max_pool_back;
  i->ctx.math = math;
  i->ctx.backend = i->self;
  return i;
}

float *numbers(bench *b, uint32_t stream, size_t n, float gap)
{
  float *x = room(b, n, sizeof *x);
  instance *any = bench_make(b, RAD_BACKEND, "reference", "");
  any->ctx.host->normal(&any->ctx, &(rad_at){.stream = stream}, 0, n, x);
  for (size_t i = 0; i < n; i++)
    x[i] += x[i] < 0.0f ? -gap : gap;
  instance_free(b->made[--b->nmade]);
  return x;
}

rad_pattern *pattern_of(bench *b, const float *w, size_t rows, size_t cols)
{
  const size_t n = rows * cols;
  rad_pattern *p = room(b, 1, sizeof *p);
  uint64_t *row = room(b, rows + 1, sizeof *row), *order = room(b, n, sizeof *order),
           *start = room(b, cols + 1, sizeof *start);
  uint32_t *col = room(b, n, sizeof *col), *by = room(b, n, sizeof *by);
  *p = (rad_pattern){rows, cols, 0, row, col, order, start, by};
  for (size_t r = 0; r < rows; row[++r] = p->nnz)
    for (size_t k = 0; k < cols; k++)
      if (w[r * cols + k] != 0.0f)
        col[p->nnz++] = (uint32_t)k;
  for (size_t k = 0, q = 0; k < cols; start[++k] = q)
    for (size_t r = 0; r < rows; r++)
      for (uint64_t i = row[r]; i < row[r + 1]; i++)
        if (col[i] == k) {
          order[q] = i;
          by[q++] = (uint32_t)r;
        }
  return p;
}

const char *label_of(bench *b, const plugin *p, size_t variant)
{
  return arena_printf(&b->mem, "%s %s, %s%s", plugin_kind_name(p->d.kind), p->d.name,
                      variant > 0 ? p->d.keys[variant - 1].name : "defaults",
                      variant > 0 ? " changed" : "");
}

double distance(const float *a, const float *b, size_t n)
{
  double worst = 0;
  for (size_t i = 0; i < n; i++) {
    const double x = (double)a[i], y = (double)b[i];
    if (isnan(x) != isnan(y))
      return INFINITY;
    const double d = x == y || isnan(x) ? 0 : fabs(x - y) / fmax(1, fabs(y));
    worst = fmax(worst, d);
  }
  return worst;
}

bool same_bits(const void *a, const void *b, size_t bytes)
{
  return bytes == 0 || memcmp(a, b, bytes) == 0;
}

double derivative(function *f, void *with, float *x)
{
  static const int at[] = {1, -1, 2, -2};
  static const double factor[] = {8, -8, -1, 1};
  const float h = 1.0f / 32, old = *x;
  double sum = 0;
  for (size_t i = 0; i < 4; i++) {
    *x = old + h * (float)at[i];
    sum += factor[i] * f(with);
  }
  *x = old;
  return sum / (12 * (double)h);
}

/* What was found: a test that found no plugins must not pass. */
START_TEST(test_found)
{
  static const uint32_t kinds[] = {RAD_LAYER,       RAD_LOSS,    RAD_OPTIMIZER, RAD_SCHEDULE,
                                   RAD_REGULARIZER, RAD_MEASURE, RAD_FIT,       RAD_BACKEND};
  for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
    ck_assert_msg(under_test(kinds[i]) > 0, "no plugin of kind %s", plugin_kind_name(kinds[i]));
}
END_TEST

/* Key tables are checked by the core at load; here what makes help useful. */
START_TEST(test_tables)
{
  const plugin *p = all[_i];
  ck_assert_msg(p->d.summary && strlen(p->d.summary) > 3, "%s has no summary", p->d.name);
  for (size_t k = 0; k < p->d.nkeys; k++) {
    text t = {0};
    keys_help(&p->d.keys[k], &t);
    ck_assert_msg(p->d.keys[k].help && strlen(p->d.keys[k].help) > 3 && t.n > 0,
                  "%s: key %s has no help", p->d.name, p->d.keys[k].name);
    text_free(&t);
  }
}
END_TEST

/* Some variant of every plugin that needs no files can be made, twice with the same keys. */
START_TEST(test_instances)
{
  const plugin *p = all[_i];
  size_t made = 0, texts = 0;
  for (size_t k = 0; k < p->d.nkeys; k++)
    texts += !p->d.keys[k].def && p->d.keys[k].type == RAD_TEXT;
  for (size_t v = 0; v < variants(p); v++) {
    bench b;
    bench_open(&b, 3);
    instance *one = bench_variant(&b, p, v), *two = one ? bench_variant(&b, p, v) : NULL;
    ck_assert_msg(!one == !two, "%s: refused the second time", label_of(&b, p, v));
    made += one != NULL;
    bench_close(&b);
  }
  ck_assert_msg(made > 0 || texts > 0, "%s: no instance can be made", p->d.name);
}
END_TEST

TCase *table_cases(void)
{
  TCase *t = tcase_create("tables");
  tcase_add_test(t, test_found);
  tcase_add_loop_test(t, test_tables, 0, (int)nall);
  tcase_add_loop_test(t, test_instances, 0, (int)nall);
  return t;
}

int main(void)
{
  diag d = {0};
  setenv("OPENBLAS_NUM_THREADS", "1", 1);
  if (plugins_new(&registry, NULL, &d) < 0 || plugins_scan(registry, &all, &nall, &d) < 0 ||
      d.warnings > 0) {
    diag_flush(&d);
    return EXIT_FAILURE;
  }
  Suite *s = suite_create("conformance");
  suite_add_tcase(s, table_cases());
  suite_add_tcase(s, layer_cases());
  suite_add_tcase(s, loss_cases());
  suite_add_tcase(s, course_cases());
  suite_add_tcase(s, hook_cases());
  suite_add_tcase(s, data_cases());
  suite_add_tcase(s, search_cases());
  suite_add_tcase(s, backend_cases());
  suite_add_tcase(s, packed_cases());
  suite_add_tcase(s, image_cases());
  suite_add_tcase(s, conv_cases());
  suite_add_tcase(s, pool_cases());
  suite_add_tcase(s, sparse_cases());
  SRunner *r = srunner_create(s);
  srunner_run_all(r, CK_ENV);
  const int failed = srunner_ntests_failed(r);
  srunner_free(r);
  plugins_free(registry);
  diag_free(&d);
  return failed > 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}
