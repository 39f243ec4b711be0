/* SPDX-License-Identifier: BSD-3-Clause
 * report_compare.c - several runs in one figure: for each metric that at least two have, a panel
 * for each arm by its name and a line for each run, of its best trial (without an objective its
 * first). */
#include "report.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { MOST_ARMS = 12 };

typedef struct comparison {
  run_dir *run; /* (n) */
  size_t n;
  const char *arm[MOST_ARMS]; /* (narm) of any run */
  size_t narm;
  const char **label; /* (n) */
} comparison;

/* SIZE_MAX: the run has no such arm. */
static size_t arm_of(const run_dir *r, const char *name)
{
  for (size_t i = 0; i < r->x.narm; i++)
    if (strcmp(r->x.arm[i], name) == 0)
      return i;
  return SIZE_MAX;
}

static void find_arms(comparison *c)
{
  for (size_t i = 0; i < c->n; i++)
    for (size_t a = 0; a < c->run[i].x.narm && c->narm < MOST_ARMS; a++) {
      size_t k = 0;
      while (k < c->narm && strcmp(c->arm[k], c->run[i].x.arm[a]) != 0)
        k++;
      if (k == c->narm)
        c->arm[c->narm++] = c->run[i].x.arm[a];
    }
}

/* Which of the shown trials stands for the run. */
static size_t best_shown(const run_dir *r)
{
  const trial *best = r->record.nscore > 0 ? record_best(&r->record) : NULL;
  for (size_t i = 0; best && i < r->nshown; i++)
    if (r->shown[i] == best)
      return i;
  return 0;
}

static size_t runs_with(const comparison *c, const char *metric)
{
  size_t n = 0;
  for (size_t i = 0; i < c->n; i++) {
    const run_dir *r = &c->run[i];
    bool any = false;
    for (size_t k = 0; r->nshown > 0 && k < r->x.narm * r->x.nseed; k++) {
      const series *s = run_dir_series(r, best_shown(r), k, metric);
      any = any || (s && s->n > 1);
    }
    n += any;
  }
  return n;
}

static void draw(figures *fs, const comparison *c, figure *f, const char *metric, curve *l)
{
  const bool share = metric_is_share(metric);
  range axis[2] = {{.any = false}, {.log = strstr(metric, ".loss") != NULL}};
  key_entry *key = arena_alloc(&fs->mem, c->n * sizeof *key);
  size_t panels = 0;
  for (size_t a = 0; a < c->narm; a++) {
    bool any = false;
    for (size_t i = 0; i < c->n; i++) {
      const run_dir *r = &c->run[i];
      const size_t own = arm_of(r, c->arm[a]);
      curve *one = &l[a * c->n + i];
      if (own != SIZE_MAX && r->nshown > 0)
        *one = curve_put(f, r, best_shown(r), own, metric, axis, c->label[i]);
      any = any || one->to > one->from;
    }
    panels += any;
  }
  for (size_t i = 0; key && i < c->n; i++)
    key[i] = (key_entry){c->label[i], curve_style(&fs->mem, i)};
  figure_begin(f, panels, key, key ? c->n : 0);
  range_put(&axis[0], 'x', &f->gp);
  range_put(&axis[1], 'y', &f->gp);
  for (size_t a = 0, at = 0; a < c->narm; a++) {
    bool first = true;
    for (size_t i = 0; i < c->n; i++) {
      const curve *one = &l[a * c->n + i];
      if (one->to > one->from && first)
        figure_panel(f, at++, c->arm[a], "epoch", metric_label(&c->run[0], metric));
      curve_plot(f, one, i, share, &first);
    }
    text_puts(&f->gp, first ? "" : "\n");
  }
  figure_end(f);
}

static void one_figure(figures *fs, const comparison *c, const char *metric)
{
  curve *l = calloc(c->narm * c->n + 1, sizeof *l);
  char *name = arena_printf(&fs->mem, "compared-%s", metric);
  char *title =
      arena_printf(&fs->mem, "%s by epoch, of each run", metric_label(&c->run[0], metric));
  for (char *p = name; p && *p; p++)
    *p = *p == '.' ? '-' : *p;
  figure *f = l && name && title
                  ? figure_new(fs, name, title, "epoch,mean,lowest,highest,seeds,trial,arm,run")
                  : NULL;
  fs->failed = fs->failed || !f;
  if (f)
    draw(fs, c, f, metric, l);
  free(l);
}

void figures_compare(figures *fs, run_dir *r, size_t n)
{
  static const char *const metrics[] = {"train.loss", "train.accuracy", "val.accuracy",
                                        "test.accuracy"};
  comparison c = {.run = r, .n = n};
  c.label = arena_alloc(&fs->mem, n * sizeof *c.label);
  fs->failed = fs->failed || !c.label;
  if (fs->failed)
    return;
  for (size_t i = 0; i < n; i++) { /* "1-fig1a-" */
    c.label[i] = arena_strndup(&fs->mem, r[i].prefix, strlen(r[i].prefix) - 1);
    fs->failed = fs->failed || !c.label[i];
  }
  find_arms(&c);
  for (size_t k = 0; k < sizeof metrics / sizeof *metrics && !fs->failed; k++)
    if (runs_with(&c, metrics[k]) > 1)
      one_figure(fs, &c, metrics[k]);
}
