/* SPDX-License-Identifier: BSD-3-Clause
 * files_rig.c - see files_rig.h. */
#include "files_rig.h"
#include "folder.h"
#include "services.h"
#include <math.h>
#include <stdlib.h>

const char files_dir[] = "files.tmp";

static rad_status append(rad_ctx *c, const char *name, const void *bytes, size_t n)
{
  return service_append(c, name ? name : "exported", bytes, n);
}

void files_begin(files_rig *r, uint32_t kind, const char *name, const char *const *set, size_t nset)
{
  static setting v[8];
  static section s;
  *r = (files_rig){.env = {.run_dir = files_dir}};
  folder_remove(files_dir);
  ck_assert_int_eq(mkdir(files_dir, 0777), 0);
  r->env.diag = &r->diag;
  for (size_t k = 0; k < nset; k++)
    v[k] = (setting){.key = set[2 * k], .value = set[2 * k + 1]};
  v[nset] = (setting){.key = "plugin", .value = name};
  s = (section){.kind = plugin_kind_name(kind), .name = "it", .v = v, .n = nset + 1};
  ck_assert_int_eq(plugins_new(&r->env.plugins, NULL, &r->diag), RAD_OK);
  ck_assert_msg(instance_new(&r->i, &r->env, kind, name, &s) == RAD_OK, "%s",
                text_str(&r->diag.messages));
  ck_assert_int_eq(instance_state(r->i), RAD_OK);
  r->host = host_services;
  r->host.append = append;
  r->i->ctx.host = &r->host;
}

void files_end(files_rig *r)
{
  instance_free(r->i);
  plugins_free(r->env.plugins);
  env_free(&r->env);
  diag_free(&r->diag);
  folder_remove(files_dir);
}

/* --- golden files --- */
static char *slurp(const char *path, size_t *n)
{
  FILE *f = fopen(path, "rb");
  char *p = malloc(1 << 20);
  *n = f && p ? fread(p, 1, 1 << 20, f) : 0;
  if (f)
    fclose(f);
  return p;
}

void files_same(const char *made, const char *golden)
{
  char ours[512], theirs[512];
  size_t n, m;
  const char *top = getenv("top_srcdir"), *write = getenv("GOLDEN");
  snprintf(ours, sizeof ours, "%s/%s", files_dir, made);
  snprintf(theirs, sizeof theirs, "%s/tests/golden/%s", top ? top : ".", golden);
  char *a = slurp(ours, &n);
  if (write && strcmp(write, "write") == 0) {
    FILE *f = fopen(theirs, "wb");
    ck_assert_msg(f && fwrite(a, 1, n, f) == n && fclose(f) == 0, "cannot write %s", theirs);
  }
  char *b = slurp(theirs, &m);
  size_t at = 0;
  while (at < n && at < m && a[at] == b[at])
    at++;
  ck_assert_uint_gt(n, 0);
  ck_assert_msg(n == m && at == n, "%s: %zu bytes, %s: %zu; they differ from byte %zu on", ours, n,
                theirs, m, at);
  free(a);
  free(b);
}

/* --- a study --- */
static const float weight[] = {0.7318f, -1.25f, 3e-39f, 0.0f, -0.0f, 12.678f},
                   bias[] = {NAN, -INFINITY};
static const int64_t count = 7;
static const rad_array arrays[] = {{"act.W", RAD_F32, {2, {2, 3}}, weight},
                                   {"act.b", RAD_F32, {1, {2}}, bias},
                                   {"n", RAD_I64, {0, {0}}, &count}};
static const rad_array *const list[] = {&arrays[0], &arrays[1], &arrays[2]};

const rad_array *const *files_arrays(size_t *n)
{
  *n = sizeof list / sizeof *list;
  return list;
}

static rad_status weights(rad_ctx *c, const rad_event *e, size_t *n,
                          const rad_array *const **weight_list)
{
  (void)c;
  (void)e;
  *weight_list = files_arrays(n);
  return RAD_OK;
}

const uint8_t files_image[2][3] = {{0, 255, 7}, {9, 8, 200}};
static const rad_array image = {"x", RAD_U8, {4, {2, 3, 1, 1}}, files_image};
static const rad_array *const images[] = {&image};

static rad_status samples(rad_ctx *c, const rad_event *e, size_t *n,
                          const rad_array *const **image_list)
{
  const instance *i = c->core;
  const files_rig *r = i->owner;
  (void)e;
  *image_list = images;
  *n = r->images ? 1 : 0;
  return RAD_OK;
}

static const char *const label[] = {"relu", "a \"b\" <\xc3\xa9>\n'c'"}, *const arm[] = {"real",
                                                                                        "noise"};
static const rad_dim dim[] = {
    {.name = "optimizer.lr", .type = RAD_FLOAT, .log = true, .lo = 1e-3, .hi = 1, .parent = -1},
    {.name = "layer.h.units", .type = RAD_INT, .lo = 3, .hi = 20, .parent = -1},
    {.name = "layer.act.plugin",
     .type = RAD_ENUM,
     .hi = 1,
     .nchoice = 2,
     .choice = label,
     .parent = -1}};
static const rad_dim *const dims[] = {&dim[0], &dim[1], &dim[2]};
static const rad_space space = {.ndim = 3, .nscore = 2, .dim = dims};
static const char *const terms[] = {"real.val.accuracy", "noise.train.accuracy.max"};
static const uint64_t seeds[] = {4, 9};

static double now;
static void send(files_rig *r, rad_event e)
{
  e.time = 1700000000.25 + now++;
  e.space = &space;
  e.experiment = "a <study> of \"caf\xc3\xa9s\"";
  e.narm = e.nseed = 2;
  e.arms = arm;
  e.seeds = seeds;
  e.terms = terms;
  e.ntrial = 2;
  e.njob = 8;
  e.weights = weights;
  e.samples = samples;
  r->i->owner = r;
  const size_t mark = scratch_mark(&r->env);
  const rad_status s = r->i->plugin->ops.logger.event(&r->i->ctx, r->i->self, &e);
  scratch_release(&r->env, mark);
  ck_assert_msg(s == RAD_OK, "%s", text_str(&r->diag.messages));
}

static void metric(files_rig *r, rad_event job, uint64_t epoch, const char *name, double value)
{
  job.type = RAD_EV_METRIC;
  job.epoch = epoch;
  job.name = name;
  job.value = value;
  send(r, job);
}

static void send_job(files_rig *r, uint64_t trial, size_t a, uint64_t seed)
{
  const bool fails = trial == 1 && a == 1;
  const rad_event job = {.trial = trial, .arm = arm[a], .seed = seed};
  rad_event e = job;
  e.type = RAD_EV_JOB;
  e.epoch = 2;
  send(r, e);
  const double x = (double)trial + 0.125 * (double)a + 0.01 * (double)seed;
  metric(r, job, 0, "train.loss", 2.5 + x);
  metric(r, job, 1, "train.loss", fails ? (double)INFINITY : 0.7318 + x);
  metric(r, job, 1, "val.accuracy", (double)NAN);
  metric(r, job, 2, "train.loss", fails ? (double)NAN : 0.25 + x);
  metric(r, job, UINT64_MAX, "val.accuracy", 0.5 + x / 4);
  e.type = RAD_EV_JOB_END;
  e.state = fails ? RAD_FAILED : RAD_FINISHED;
  e.text = fails ? "diverged: \"loss\" is <nan>,\nsee it" : NULL;
  send(r, e);
}

void files_study(files_rig *r)
{
  static const double point[2][3] = {{0.0123, 17, 1}, {0.5, NAN, 0}}, score[] = {0.7318, -0.25},
                      none[] = {NAN, NAN};
  static const rad_rung rung[] = {{1, 0.4}, {2, NAN}};
  now = 0;
  send(r, (rad_event){.type = RAD_EV_STUDY});
  for (uint64_t t = 0; t < 2; t++) {
    rad_trial record = {.index = t, .state = RAD_RUNNING, .value = point[t], .score = none};
    send(r, (rad_event){
                .type = RAD_EV_TRIAL, .trial = t, .state = RAD_RUNNING, .trial_record = &record});
    for (size_t a = 0; a < 2; a++)
      for (size_t s = 0; s < 2; s++)
        send_job(r, t, a, seeds[s]);
    record.state = t == 0 ? RAD_FINISHED : RAD_FAILED;
    record.score = t == 0 ? score : none;
    record.nrung = 2;
    record.rung = rung;
    send(r, (rad_event){.type = RAD_EV_TRIAL_END,
                        .trial = t,
                        .state = record.state,
                        .text = t == 0 ? NULL : "noise diverged",
                        .trial_record = &record});
  }
  send(r, (rad_event){.type = RAD_EV_STUDY_END, .text = "complete"});
}

/* --- an export --- */
void files_export(files_rig *r)
{
  static const float counts[] = {3, 1, 0, 2};
  static const rad_array vector = {"a.confusion", RAD_F32, {1, {4}}, counts};
  static const rad_array *const vectors[] = {&vector};
  static const char *const first[] = {"input", "act.W"}, *const second[] = {"h.t0"};
  static const rad_attr transposed = RAD_ATTR_INT("transB", 1),
                        slope = RAD_ATTR_FLOAT("alpha", 0.25f);
  static const rad_operation operation[] = {{"Gemm", 2, 1, first, "h.t0", &transposed},
                                            {"LeakyRelu", 1, 1, second, "h.y", &slope}};
  static const rad_operation *const operations[] = {&operation[0], &operation[1]};
  const rad_graph g = {.input = "input",
                       .output = "h.y",
                       .in = {1, {3}},
                       .out = {1, {2}},
                       .noperation = 2,
                       .nconstant = 1,
                       .operation = operations,
                       .constant = list};
  rad_export x = {.experiment = "a <study> of \"caf\xc3\xa9s\"\n",
                  .arm = "real",
                  .trial = 17,
                  .seed = 4,
                  .nvector = 1,
                  .vector = vectors,
                  .graph = &g};
  x.weight = files_arrays(&x.nweight);
  const rad_status s = r->i->plugin->ops.exporter.write(&r->i->ctx, r->i->self, &x);
  ck_assert_msg(s == RAD_OK, "%s", text_str(&r->diag.messages));
}
