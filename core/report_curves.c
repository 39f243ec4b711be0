/* SPDX-License-Identifier: BSD-3-Clause
 * report_curves.c - learning curves: a figure for each metric, a panel for each trial, a line for
 * each arm. The line is the mean over seeds, the band goes from the lowest seed to the highest;
 * where some seeds have ended, the rest of the mean is dotted and has no band. */
#include "report.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MOST_POINTS = 400, MOST_LETTERS = 36 };

typedef struct point { /* of several seeds, in one epoch */
  double epoch, sum, lo, hi;
  size_t n;
} point;

static int by_epoch(const void *a, const void *b)
{
  const double x = ((const point *)a)->epoch, y = ((const point *)b)->epoch;
  return (x > y) - (x < y);
}

/* Points of the seeds side by side, sorted, then those of one epoch become one. */
static point *merge(const run_dir *r, size_t shown, size_t arm, const char *metric, size_t *n,
                    size_t *nseed)
{
  size_t all = 0;
  *n = *nseed = 0;
  for (size_t k = 0; k < r->x.nseed; k++) {
    const series *s = run_dir_series(r, shown, arm * r->x.nseed + k, metric);
    all += s ? s->n : 0;
    *nseed += s != NULL;
  }
  point *p = calloc(all + 1, sizeof *p);
  for (size_t k = 0, at = 0; p && k < r->x.nseed; k++) {
    const series *s = run_dir_series(r, shown, arm * r->x.nseed + k, metric);
    for (size_t i = 0; s && i < s->n; i++)
      p[at++] = (point){s->epoch[i], s->value[i], s->value[i], s->value[i], 1};
  }
  if (!p)
    return NULL;
  qsort(p, all, sizeof *p, by_epoch);
  for (size_t i = 0; i < all; i++) {
    point *last = *n > 0 ? &p[*n - 1] : NULL;
    if (!last || last->epoch != p[i].epoch) {
      p[(*n)++] = p[i];
      continue;
    }
    last->sum += p[i].sum;
    last->lo = p[i].lo < last->lo ? p[i].lo : last->lo;
    last->hi = p[i].hi > last->hi ? p[i].hi : last->hi;
    last->n++;
  }
  return p;
}

curve curve_put(figure *f, const run_dir *r, size_t shown, size_t arm, const char *metric,
                range y[2], const char *run)
{
  size_t n, nseed;
  curve l = {.from = f->rows, .all = f->rows, .to = f->rows};
  point *p = merge(r, shown, arm, metric, &n, &nseed);
  const double scale = metric_is_share(metric) ? 100 : 1;
  const size_t step = n / MOST_POINTS + 1;
  for (size_t i = 0; p && i < n; i += i + 1 == n || i + step < n ? step : n - 1 - i) {
    figure_number(f, p[i].epoch);
    figure_number(f, p[i].sum / (double)p[i].n);
    figure_number(f, p[i].lo);
    figure_number(f, p[i].hi);
    figure_number(f, (double)p[i].n);
    figure_number(f, (double)r->shown[shown]->known.index);
    figure_word(f, r->x.arm[arm]);
    if (run)
      figure_word(f, run);
    l.to = figure_row(f) + 1;
    l.all = p[i].n == nseed ? l.to : l.all;
    range_add(&y[0], p[i].epoch);
    range_add(&y[1], scale * p[i].lo);
    range_add(&y[1], scale * p[i].hi);
  }
  l.band = nseed > 1;
  free(p);
  return l;
}

void curve_plot(figure *f, const curve *l, size_t color, bool share, bool *first)
{
  const char *by = share ? "100*" : "";
  char use[64];
  if (l->band && l->all > l->from) {
    snprintf(use, sizeof use, "1:(%s$3):(%s$4)", by, by);
    figure_rows(f, *first, l->from, l->all - 1, use);
    text_printf(&f->gp, " with filledcurves lc rgb '%s'", figure_color(color));
    *first = false;
  }
  snprintf(use, sizeof use, "1:(%s$2)", by);
  if (l->all > l->from) {
    figure_rows(f, *first, l->from, l->all - 1, use);
    const bool line = l->all - l->from > 1;
    text_printf(&f->gp, " with %s lw 1.5 dt %zu lc rgb '%s'",
                !line     ? "points"
                : l->mark ? "linespoints"
                          : "lines",
                l->dashed ? 2 : 1 + color / 7, figure_color(color));
    if (l->mark || !line)
      text_printf(&f->gp, " pt %d ps 0.6", l->mark ? l->mark : 7);
    *first = false;
  }
  if (l->to > l->all) {
    figure_rows(f, *first, l->all > l->from ? l->all - 1 : l->from, l->to - 1, use);
    text_printf(&f->gp, " with lines lw 1 dt 3 lc rgb '%s'", figure_color(color));
    *first = false;
  }
}

/* What does not fit above a panel is in the table of trials. */
static const char *panel_title(run_dir *r, const trial *t)
{
  const char *label = trial_label(r, t);
  char *number = arena_printf(&r->mem, "trial %llu", (unsigned long long)t->known.index);
  return strlen(label) > MOST_LETTERS && number ? number : label;
}

const char *curve_style(arena *mem, size_t color)
{
  return arena_printf(mem, "with lines lw 1.5 dt %zu lc rgb '%s'", 1 + color / 7,
                      figure_color(color));
}

static key_entry *arm_key(run_dir *r)
{
  key_entry *key = arena_alloc(&r->mem, (r->x.narm + 1) * sizeof *key);
  for (size_t i = 0; key && i < r->x.narm; i++)
    key[i] = (key_entry){r->x.arm[i], curve_style(&r->mem, i)};
  return key;
}

/* The numbers first: axes are the same for all panels. */
static void draw(figure *f, run_dir *r, const char *metric, curve *l)
{
  const size_t narm = r->x.narm;
  const bool share = metric_is_share(metric);
  const char *part = strchr(metric, '.');
  range axis[2] = {{.any = false}, {.log = part && strncmp(part, ".loss", 5) == 0}};
  key_entry *key = arm_key(r);
  size_t panels = 0;
  for (size_t i = 0; i < r->nshown; i++) {
    bool any = false;
    for (size_t a = 0; a < narm; a++) {
      l[i * narm + a] = curve_put(f, r, i, a, metric, axis, NULL);
      any = any || l[i * narm + a].to > l[i * narm + a].from;
    }
    panels += any;
  }
  figure_begin(f, panels, key, key && narm > 1 ? narm : 0);
  range_put(&axis[0], 'x', &f->gp);
  range_put(&axis[1], 'y', &f->gp);
  for (size_t i = 0, at = 0; i < r->nshown; i++) {
    bool first = true;
    for (size_t a = 0; a < narm; a++) {
      const curve *one = &l[i * narm + a];
      if (one->to > one->from && first)
        figure_panel(f, at++, panel_title(r, r->shown[i]), "epoch", metric_label(r, metric));
      curve_plot(f, one, a, share, &first);
    }
    text_puts(&f->gp, first ? "" : "\n");
  }
  figure_end(f);
}

static void one_figure(figures *fs, run_dir *r, const char *metric, bool minor)
{
  curve *l = calloc(r->nshown * r->x.narm + 1, sizeof *l);
  char *name = arena_printf(&r->mem, "%scurves-%s", r->prefix, metric);
  char *title = arena_printf(&r->mem, "%s by epoch", metric_label(r, metric));
  for (char *p = name; p && *p; p++)
    *p = *p == '.' ? '-' : *p;
  figure *f = l && name && title
                  ? figure_new(fs, name, title, "epoch,mean,lowest,highest,seeds,trial,arm")
                  : NULL;
  fs->failed = fs->failed || !f;
  if (f) {
    draw(f, r, metric, l);
    f->part = minor ? FIGURE_MINOR : FIGURE_PLAIN;
    if (r->x.nseed > 1)
      text_puts(&f->caption, "Mean over the seeds, band from the lowest to the highest; dotted "
                             "where some seeds have ended.");
    if (r->record.n > r->nshown)
      text_printf(&f->caption, " %zu of %zu trials: the %s.", r->nshown, r->record.n,
                  r->record.nscore > 0 ? "best" : "first");
  }
  free(l);
}

/* Parts of a metric, like train.accuracy_noisy, are looked at second. */
static bool is_minor(const char *metric)
{
  const char *dot = strrchr(metric, '.');
  return dot && (strchr(dot, '_') || strchr(metric, '.') != dot);
}

void figures_curves(figures *fs, run_dir *r)
{
  const char *done[64];
  size_t n = 0;
  const size_t njob = r->x.narm * r->x.nseed;
  for (size_t i = 0; i < r->nshown * njob; i++)
    for (const series *s = r->series[i]; s && n < 64; s = s->next) {
      size_t k = 0;
      while (k < n && strcmp(done[k], s->name) != 0)
        k++;
      if (k == n && s->n > 1 && /* a single value is no curve */
          !series_of_rounds(r, i / njob, i % njob, s))
        done[n++] = s->name;
    }
  for (int minor = 0; minor < 2; minor++)
    for (size_t i = 0; i < n; i++)
      if (is_minor(done[i]) == (minor == 1))
        one_figure(fs, r, done[i], minor == 1);
}
