/* SPDX-License-Identifier: BSD-3-Clause
 * cmd_export.c - `rademacher export`: what one job of a run came to, as a file for other
 * programs. */
#include "arrays.h"
#include "commands.h"
#include "report.h"
#include "weights.h"
#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const char export_usage[] =
    "Usage: rademacher export DIR --format NAME -o FILE [options]\n"
    "\n"
    "Writes what a job of a run came to, its network as it ended, for other programs.\n"
    "\n"
    "  rademacher export runs/quickstart --format onnx -o network.onnx\n"
    "  rademacher export runs/search --trial 17 --arm real --seed 2 --format npz -o out.npz\n"
    "\n"
    "      --format NAME       an exporter (`rademacher help exporter` lists them), or a section\n"
    "                          [exporter NAME] of the experiment\n"
    "  -o FILE                 where to\n"
    "      --trial N           default: the best, without an objective the first\n"
    "      --arm NAME          default: the first\n"
    "      --seed S            default: the first\n"
    "      --checkpoint NAME   default: last, the network as it ended; best: the epoch that early\n"
    "                          stopping has marked; or of a compressor, e.g. prune.round-003\n"
    "  -s KEY=VALUE            set a key of the exporter\n"
    "      --plugin-dir DIR    look for plugins here first\n"
    "  -h, --help              this text\n";

typedef struct request {
  const char *dir, *format, *file, *trial, *arm, *seed, *checkpoint, *plugin_dir;
  setting *set; /* (nset) of the exporter */
  size_t nset;
} request;
typedef struct job_ref { /* which job it is */
  const trial *trial;
  size_t arm, seed;
  const char *folder;
} job_ref;

/* --- which job --- */
static rad_status wrong(const run_dir *r, const char *what, const char *value, const char *allowed)
{
  return diag_error(r->env->diag, RAD_EINVAL, (origin){0}, "%s: has no %s '%s'; there %s", r->dir,
                    what, value, allowed);
}

static rad_status find_trial(run_dir *r, const request *q, const trial **t)
{
  int64_t id = 0;
  char allowed[64];
  const trial *best = record_best(&r->record);
  snprintf(allowed, sizeof allowed, "are %zu, from 0 on", r->record.n);
  if (!q->trial && r->record.n > 0) {
    *t = best ? best : r->record.trial[0];
    return RAD_OK;
  }
  if (!q->trial || !text_to_int64(q->trial, &id) || id < 0 || (uint64_t)id >= r->record.n)
    return wrong(r, "trial", q->trial ? q->trial : "0", allowed);
  *t = r->record.trial[id];
  return RAD_OK;
}

static rad_status find_arm(run_dir *r, const request *q, size_t *arm)
{
  text all = {0};
  *arm = 0;
  while (q->arm && *arm < r->x.narm && strcmp(r->x.arm[*arm], q->arm) != 0)
    text_printf(&all, "%s %s", *arm > 0 ? "," : "is", r->x.arm[*arm]), (*arm)++;
  const rad_status s = *arm < r->x.narm ? RAD_OK : wrong(r, "arm", q->arm, text_str(&all));
  text_free(&all);
  return s;
}

static rad_status find_seed(run_dir *r, const request *q, size_t *seed)
{
  text all = {0};
  int64_t want = 0;
  const bool number = q->seed && text_to_int64(q->seed, &want);
  *seed = 0;
  while (q->seed && *seed < r->x.nseed && !(number && r->x.seed[*seed] == (uint64_t)want))
    text_printf(&all, "%s %" PRIu64, *seed > 0 ? "," : "is", r->x.seed[*seed]), (*seed)++;
  const rad_status s = *seed < r->x.nseed ? RAD_OK : wrong(r, "seed", q->seed, text_str(&all));
  text_free(&all);
  return s;
}

static rad_status find_job(run_dir *r, const request *q, job_ref *j)
{
  RAD_TRY(find_trial(r, q, &j->trial));
  RAD_TRY(find_arm(r, q, &j->arm));
  RAD_TRY(find_seed(r, q, &j->seed));
  j->folder =
      job_folder(&r->mem, r->dir, j->trial->known.index, r->x.arm[j->arm], r->x.seed[j->seed], 1.0);
  return j->folder ? RAD_OK : RAD_ENOMEM;
}

/* --- what it has left --- */
typedef struct content {
  arrays weights, vectors;
  config trial, arm;
  trainer *network;
  graph graph;
  rad_export e;
} content;

static rad_status read_graph(content *c, run_dir *r, const job_ref *j, const char *checkpoint)
{
  env *e = r->env;
  const char *ini = trial_config(&r->mem, r->dir, j->trial->known.index);
  e->seed = r->x.seed[j->seed]; /* of the masks */
  RAD_TRY(ini ? config_read(&c->trial, NULL, ini, NULL, 0, e->diag) : RAD_ENOMEM);
  RAD_TRY(experiment_arm(e, &c->trial, r->x.arm[j->arm], &c->arm));
  RAD_TRY(network_open(&c->network, e, &c->arm, checkpoint, 1));
  RAD_TRY(graph_make(&c->graph, c->network->model));
  c->e.graph = &c->graph.pub;
  return RAD_OK;
}

static bool ends_in(const char *s, const char *end, size_t *stem)
{
  const size_t n = strlen(s), m = strlen(end);
  *stem = n > m ? n - m : 0;
  return n > m && strcmp(s + n - m, end) == 0;
}

/* What there is instead of a checkpoint that is not there. */
static rad_status no_checkpoint(run_dir *r, const job_ref *j, const char *path)
{
  text all = {0};
  diag ignored = {0};
  const char **name = NULL;
  size_t n = 0, stem;
  if (fs_is_dir(j->folder) && fs_list(j->folder, &r->mem, &name, &n, &ignored) < 0)
    n = 0;
  for (size_t i = 0; i < n; i++)
    if (ends_in(name[i], ".safetensors", &stem) && strcmp(name[i], "vectors.safetensors") != 0 &&
        strcmp(name[i], "samples.safetensors") != 0)
      text_printf(&all, "%s%.*s", all.n > 0 ? ", " : "; there is ", (int)stem, name[i]);
  diag_error(r->env->diag, RAD_EINVAL, (origin){.file = path}, "is not there%s",
             all.n > 0 ? text_str(&all) : ": the job has not been trained, or not yet");
  diag_free(&ignored);
  text_free(&all);
  return RAD_EINVAL;
}

static rad_status read_content(content *c, run_dir *r, const job_ref *j, const char *which,
                               uint32_t wants)
{
  diag *d = r->env->diag;
  const char *checkpoint =
      arena_printf(&r->mem, "%s/%s.safetensors", j->folder, which ? which : "last");
  const char *told = fs_join(&r->mem, j->folder, "vectors.safetensors");
  if (!checkpoint || !told)
    return RAD_ENOMEM;
  if (!fs_is_file(checkpoint))
    return no_checkpoint(r, j, checkpoint);
  c->e = (rad_export){.experiment = r->record.name,
                      .arm = r->x.arm[j->arm],
                      .trial = j->trial->known.index,
                      .seed = r->x.seed[j->seed]};
  if (wants & RAD_WANTS_WEIGHTS)
    RAD_TRY(arrays_weights(&c->weights, checkpoint, d));
  if (wants & RAD_WANTS_VECTORS)
    RAD_TRY(arrays_all(&c->vectors, told, d));
  c->e.weight = c->weights.v;
  c->e.nweight = c->weights.n;
  c->e.vector = c->vectors.v;
  c->e.nvector = c->vectors.n;
  return wants & RAD_WANTS_GRAPH ? read_graph(c, r, j, checkpoint) : RAD_OK;
}

static void content_free(content *c)
{
  graph_free(&c->graph);
  trainer_free(c->network);
  config_free(&c->arm);
  config_free(&c->trial);
  arrays_free(&c->weights);
  arrays_free(&c->vectors);
}

/* --- the file --- */
typedef struct target {
  fs_new file;
  diag *d;
} target;

static rad_status append(rad_ctx *c, const char *name, const void *bytes, size_t n)
{
  target *to = ((instance *)c->core)->owner;
  return name ? rad_fail(c, RAD_EINVAL, "an exporter writes one file, not %.100s", name)
              : fs_new_put(&to->file, bytes, n, to->d);
}

static rad_status write_file(instance *i, const request *q, const rad_export *x)
{
  rad_host host = host_services;
  target to = {.d = i->env->diag};
  host.append = append;
  i->ctx.host = &host;
  i->owner = &to;
  RAD_TRY(fs_new_open(&to.file, q->file, to.d));
  const size_t mark = scratch_mark(i->env);
  rad_status s = i->plugin->ops.exporter.write(&i->ctx, i->self, x);
  scratch_release(i->env, mark);
  if (s >= 0)
    s = fs_new_commit(&to.file, to.d);
  fs_new_abandon(&to.file);
  i->ctx.host = &host_services;
  return s;
}

/* The section of the experiment with that name, or one with nothing but the plugin, and the keys of
 * the command line. */
static rad_status make_section(run_dir *r, const request *q, section *s)
{
  const section *own = config_find(&r->x.base, "exporter", q->format);
  const size_t nown = own ? own->n : 1;
  *s = (section){.kind = "exporter", .name = q->format};
  if (!(s->v = arena_alloc(&r->mem, (nown + q->nset) * sizeof *s->v)))
    return RAD_ENOMEM;
  s->v[0] = (setting){.key = "plugin", .value = q->format};
  if (own)
    memcpy(s->v, own->v, nown * sizeof *s->v);
  s->at = own ? own->at : s->at;
  s->n = nown;
  for (size_t i = 0; i < q->nset; i++) {
    size_t k = 0;
    while (k < s->n && strcmp(s->v[k].key, q->set[i].key) != 0)
      k++;
    s->v[k] = q->set[i];
    s->n += k == s->n;
  }
  return RAD_OK;
}

static rad_status check_keys(const instance *i, const section *s)
{
  const kind_info *k = kind_by_id(RAD_EXPORTER);
  const key_table tables[] = {{i->plugin->d.keys, i->plugin->d.nkeys}, {k->common, k->ncommon}};
  rad_status worst = RAD_OK;
  char title[160];
  for (size_t n = 0; n < s->n; n++)
    if (keys_unknown(&s->v[n], tables, 2, section_title(s, title), i->env->diag) < 0)
      worst = RAD_EINVAL;
  return worst;
}

static rad_status export_job(run_dir *r, const request *q)
{
  job_ref j = {0};
  section s;
  instance *i = NULL;
  content c = {0};
  RAD_TRY(find_job(r, q, &j));
  RAD_TRY(make_section(r, q, &s));
  RAD_TRY(instance_new(&i, r->env, RAD_EXPORTER, section_value(&s, "plugin", ""), &s));
  rad_status status = check_keys(i, &s);
  if (status >= 0)
    status = read_content(&c, r, &j, q->checkpoint, i->plugin->ops.exporter.wants);
  if (status >= 0)
    status = write_file(i, q, &c.e);
  content_free(&c);
  instance_free(i);
  return status;
}

/* --- the command line --- */
enum { FORMAT = 256, TRIAL, ARM, SEED, CHECKPOINT, PLUGIN_DIR };
static const struct option longs[] = {{"format", required_argument, NULL, FORMAT},
                                      {"trial", required_argument, NULL, TRIAL},
                                      {"arm", required_argument, NULL, ARM},
                                      {"seed", required_argument, NULL, SEED},
                                      {"checkpoint", required_argument, NULL, CHECKPOINT},
                                      {"plugin-dir", required_argument, NULL, PLUGIN_DIR},
                                      {"help", no_argument, NULL, 'h'},
                                      {NULL, 0, NULL, 0}};

static bool add_key(request *q, char *arg)
{
  char *eq = strchr(arg, '=');
  if (!eq || eq == arg) {
    fprintf(stderr, "rademacher: -s %s: must be KEY=VALUE\n", arg);
    return false;
  }
  *eq = '\0';
  q->set[q->nset++] = (setting){.key = arg, .value = eq + 1, .at = {.file = "-s"}};
  return true;
}

static bool take(request *q, int c, char *arg)
{
  const char **text_of[] = {&q->format, &q->trial, &q->arm, &q->seed, &q->checkpoint};
  if (c >= FORMAT && c <= CHECKPOINT)
    *text_of[c - FORMAT] = arg;
  else if (c == 'o')
    q->file = arg;
  else if (c == PLUGIN_DIR)
    q->plugin_dir = arg;
  else
    return c == 's' && add_key(q, arg);
  return true;
}

static int read_request(request *q, int argc, char **argv)
{
  optind = 1;
  for (int c; (c = getopt_long(argc, argv, "o:s:h", longs, NULL)) != -1;) {
    if (c == 'h') {
      fputs(export_usage, stdout);
      return EXIT_DONE;
    }
    if (!take(q, c, optarg))
      return EXIT_USAGE;
  }
  q->dir = argc - optind == 1 ? argv[optind] : NULL;
  if (q->dir && q->format && q->file)
    return -1;
  fprintf(stderr, "rademacher: export what? %s\n",
          !q->dir ? "Name one run directory"
          : !q->format
              ? "Say --format, e.g. --format safetensors; `rademacher help exporter` lists "
                "them"
              : "Say where to: -o FILE");
  return EXIT_USAGE;
}

int cmd_export(int argc, char **argv)
{
  diag g = {0};
  env e = {.diag = &g};
  run_dir r;
  arena mem = {0};
  request q = {.set = arena_alloc(&mem, (size_t)argc * sizeof *q.set)};
  const int exit = q.set ? read_request(&q, argc, argv) : EXIT_FAILED;
  if (exit >= 0) {
    arena_free(&mem);
    return exit;
  }
  rad_status s = plugins_new(&e.plugins, q.plugin_dir, &g);
  if (s >= 0)
    s = run_dir_open(&r, &e, q.dir, false);
  if (s >= 0) {
    s = export_job(&r, &q);
    run_dir_free(&r);
  }
  if (s == RAD_ENOMEM && g.errors == 0)
    diag_error(&g, s, (origin){0}, "out of memory");
  diag_flush(&g);
  plugins_free(e.plugins);
  env_free(&e);
  diag_free(&g);
  arena_free(&mem);
  return exit_status(s);
}
