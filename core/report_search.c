/* SPDX-License-Identifier: BSD-3-Clause
 * report_search.c - what a search has seen: the objective over trials with the best so far, against
 * each dimension, and parallel coordinates; of several objectives, the first two and their front.
 * Of many trials the figures show the best and every k-th; the CSV has them all. */
#include "report.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
  MOST_POINTS = 1200,
  MOST_LINES = 300,
  MOST_PANELS = 12,
  BEST = 20,
  FEWEST = 3,
  FEW_AXES = 6
};

/* --- which trials --- */
static bool has_score(const run_dir *r, const trial *t)
{
  return t->state == TRIAL_COMPLETE && isfinite(t->score[0]) && r->record.nscore > 0;
}

static size_t count_scores(const run_dir *r)
{
  size_t n = 0;
  for (size_t i = 0; i < r->record.n; i++)
    n += has_score(r, r->record.trial[i]);
  return n;
}

static int by_score(const void *a, const void *b)
{
  const double x = (*(const trial *const *)a)->score[0], y = (*(const trial *const *)b)->score[0];
  return (x > y) - (x < y);
}

/* Those with a score: first those that break a constraint, then the others, the best last. */
static const trial **sorted(const run_dir *r, size_t *n)
{
  const trial **v = calloc(r->record.n + 1, sizeof *v);
  size_t broken = 0;
  *n = 0;
  for (int feasible = 0; v && feasible < 2; feasible++) {
    broken = *n;
    for (size_t i = 0; i < r->record.n; i++) {
      const trial *t = r->record.trial[i];
      if (has_score(r, t) && trial_feasible(&r->record, t) == (feasible == 1))
        v[(*n)++] = t;
    }
    qsort(v + broken, *n - broken, sizeof *v, by_score);
  }
  return v;
}

static const char *every(run_dir *r, size_t n, size_t most)
{
  const char *s = arena_printf(&r->mem, "%zu", n / most + 1);
  return s ? s : "1";
}

/* --- over trials --- */
static void put_over_trials(figure *f, const run_dir *r, range *x, range *y)
{
  double best = (double)NAN;
  for (size_t i = 0; i < r->record.n; i++) {
    const trial *t = r->record.trial[i];
    const bool good = has_score(r, t);
    if (good && trial_feasible(&r->record, t) && !(t->score[0] <= best))
      best = t->score[0];
    figure_number(f, (double)i);
    figure_number(f, good ? t->score[0] : (double)NAN);
    figure_number(f, best);
    figure_number(f, trial_feasible(&r->record, t) ? 1 : 0);
    figure_number(f, !good && t->state != TRIAL_RUNNING ? 1 : 0);
    figure_word(f, trial_state_name(t->state));
    figure_row(f);
    range_add(x, (double)i);
    range_add(y, good ? t->score[0] : (double)NAN);
  }
}

static void over_trials(figures *fs, run_dir *r)
{
  range x = {.any = false}, y = {.any = false};
  figure *f = figure_of(fs, r, "objective", "Objective over trials",
                        "trial,objective,best so far,feasible,no value,state");
  const char *step = every(r, r->record.n, MOST_POINTS);
  const key_entry key[] = {{"trial", "with points pt 7 ps 0.5 lc rgb '#56B4E9'"},
                           {"breaks a constraint", "with points pt 6 ps 0.6 lc rgb '#E69F00'"},
                           {"best so far", "with lines lw 2 lc rgb '#D55E00'"},
                           {"no value", "with points pt 2 ps 0.6 lc rgb '#000000'"}};
  if (!f)
    return;
  put_over_trials(f, r, &x, &y);
  figure_begin(f, 1, key, 4);
  figure_panel(f, 0, "", "trial", objective_label(r, 0));
  range_put(&x, 'x', &f->gp);
  range_put(&y, 'y', &f->gp);
  text_printf(&f->gp,
              "bottom = %.9g\n"
              "plot '%s.csv' skip 1 every %s using 1:($4==1?$2:NaN) %s, \\\n"
              "  '' skip 1 every %s using 1:($4==0?$2:NaN) %s, \\\n"
              "  '' skip 1 every %s using 1:($5==1?bottom:NaN) %s, \\\n"
              "  '' skip 1 every %s using 1:3 with steps lw 2 lc rgb '#D55E00'\n",
              y.lo, f->name, step, key[0].style, step, key[1].style, step, key[3].style, step);
  figure_end(f);
  text_puts(&f->caption, "Greater is better. Crosses below: trials without a value (pruned, "
                         "diverged or failed).");
}

/* --- by dimension --- */
static bool is_words(const rad_dim *d)
{
  return d->type == RAD_ENUM;
}

static void scatter_panel(figure *f, run_dir *r, size_t at, size_t d, size_t n, range *y)
{
  const rad_dim *m = &r->x.space.dim[d].d;
  range x = {.log = m->log};
  for (size_t i = 0; i < r->record.n; i++)
    range_add(&x, r->record.trial[i]->value[d]);
  figure_panel(f, at, "", dim_label(r, d), at % f->columns == 0 ? objective_label(r, 0) : "");
  text_puts(&f->gp, "set xtics autofreq\n");
  if (is_words(m))
    figure_choices(m, &f->gp);
  else
    range_put(&x, 'x', &f->gp);
  range_put(y, 'y', &f->gp);
  const size_t best = n < BEST ? n / 4 : BEST;
  const char *spread =
      is_words(m) ? "+0.3*sin(7.31*$1)" : ""; /* side by side, the same each time */
  text_printf(&f->gp,
              "plot '%s.csv' skip 1 every %s::0::%zu using ($%zu%s):2 with points pt 7 ps 0.4 "
              "lc rgb '#56B4E9'",
              f->name, every(r, n, MOST_POINTS), n - best > 0 ? n - best - 1 : 0, d + 3, spread);
  if (best > 0)
    text_printf(&f->gp,
                ", \\\n  '' skip 1 every ::%zu::%zu using ($%zu%s):2 with points pt 7 ps 0.6 "
                "lc rgb '#D55E00'",
                n - best, n - 1, d + 3, spread);
  text_puts(&f->gp, "\n");
}

static void put_values(figure *f, const run_dir *r, const trial *t)
{
  figure_number(f, (double)t->known.index);
  figure_number(f, t->score[0]);
  for (size_t d = 0; d < r->x.space.n; d++)
    figure_number(f, t->value[d]);
  figure_row(f);
}

static char *header(run_dir *r)
{
  text all = {0};
  text_puts(&all, "trial,objective");
  for (size_t d = 0; d < r->x.space.n; d++)
    text_printf(&all, ",%s", r->x.space.dim[d].d.name);
  char *s = arena_strdup(&r->mem, text_str(&all));
  text_free(&all);
  return s;
}

static void by_dimension(figures *fs, run_dir *r, const trial **v, size_t n, const size_t *dims,
                         size_t ndim)
{
  range y = {.any = false};
  char *head = header(r);
  figure *f = head ? figure_of(fs, r, "scatter", "Objective by each searched key", head) : NULL;
  const size_t panels = ndim < MOST_PANELS ? ndim : MOST_PANELS;
  const key_entry key[] = {{"trial", "with points pt 7 ps 0.4 lc rgb '#56B4E9'"},
                           {"among the best", "with points pt 7 ps 0.6 lc rgb '#D55E00'"}};
  if (!f)
    return;
  for (size_t i = 0; i < n; i++) {
    put_values(f, r, v[i]);
    range_add(&y, v[i]->score[0]);
  }
  figure_begin(f, panels, key, 2);
  for (size_t k = 0; k < panels; k++)
    scatter_panel(f, r, k, dims[k], n, &y);
  figure_end(f);
}

/* --- parallel coordinates --- */
/* The ends of axis k; of many, every other one's are farther out, as words would touch. */
static void put_ends(figure *f, size_t k, bool many, const char *lo, const char *hi)
{
  const double out = many && k % 2 == 1 ? 1.6 : 0.7;
  text_printf(&f->gp, "set arrow from %zu,0 to %zu,1 nohead lc rgb '#888888'\nset label ", k, k);
  gp_string(&f->gp, lo);
  text_printf(&f->gp, " at %zu,0 center offset 0,-%.1f\nset label ", k, out);
  gp_string(&f->gp, hi);
  text_printf(&f->gp, " at %zu,1 center offset 0,%.1f\n", k, out);
}

static void put_axis_labels(figure *f, run_dir *r, const size_t *dims, size_t ndim, const range *y)
{
  char lo[32], hi[32];
  text_puts(&f->gp, "set xtics scale 0 (");
  for (size_t k = 0; k < ndim; k++) {
    gp_string(&f->gp, dim_label(r, dims[k]));
    text_printf(&f->gp, " %zu, ", k);
  }
  gp_string(&f->gp, objective_label(r, 0));
  text_printf(&f->gp, " %zu) rotate by 30 right offset 0,-%d noenhanced\n", ndim,
              ndim > FEW_AXES ? 2 : 1);
  for (size_t k = 0; k < ndim; k++) {
    const dim *d = &r->x.space.dim[dims[k]];
    put_ends(f, k, ndim > FEW_AXES, space_text(d, d->d.lo, lo), space_text(d, d->d.hi, hi));
  }
  snprintf(lo, sizeof lo, "%.4g", y->lo);
  snprintf(hi, sizeof hi, "%.4g", y->hi);
  put_ends(f, ndim, ndim > FEW_AXES, lo, hi);
}

static void put_trial_line(figure *f, const run_dir *r, const trial *t, const size_t *dims,
                           size_t ndim, const range *y)
{
  const double span = y->hi > y->lo ? y->hi - y->lo : 1;
  for (size_t k = 0; k <= ndim; k++) {
    const double v = k < ndim ? t->value[dims[k]] : t->score[0];
    if (isnan(v))
      continue; /* a key that is not there in this trial */
    figure_number(f, (double)k);
    figure_number(f, k < ndim ? rad_dim_unit(&r->x.space.dim[dims[k]].d, v) : (v - y->lo) / span);
    figure_number(f, v);
    figure_number(f, t->score[0]);
    figure_number(f, (double)t->known.index);
    figure_word(f, k < ndim ? r->x.space.dim[dims[k]].d.name : "objective");
    figure_row(f);
  }
  figure_gap(f);
}

static void parallel(figures *fs, run_dir *r, const trial **v, size_t n, const size_t *dims,
                     size_t ndim)
{
  range y = {.any = false};
  figure *f =
      figure_of(fs, r, "parallel", "Parallel coordinates", "axis,height,value,objective,trial,key");
  if (!f)
    return;
  for (size_t i = 0; i < n; i++)
    range_add(&y, v[i]->score[0]);
  const size_t step = n / MOST_LINES + 1;
  for (size_t i = 0; i < n; i++) /* the best last, so on top */
    if (i % step == 0 || i + BEST >= n)
      put_trial_line(f, r, v[i], dims, ndim, &y);
  figure_begin(f, 1, NULL, 0);
  f->height += 80;
  figure_panel(f, 0, "", "", "");
  put_axis_labels(f, r, dims, ndim, &y);
  text_printf(
      &f->gp,
      "unset ytics\nunset grid\nset border 0\nset xrange [-0.3:%zu.3]\n"
      "set yrange [-0.12:1.12]\nset bmargin at screen 0.33\nset lmargin at screen 0.17\nset "
      "rmargin at screen 0.97\n"
      "set palette defined (0 '#00224E', 0.25 '#35456C', 0.5 '#7D7C78', 0.75 '#BCAF6F', "
      "1 '#FEE838')\nunset colorbox\n"
      "set cbrange [%.9g:%.9g]\n"
      "plot '%s.csv' skip 1 using 1:2:4 with lines lw 1 lc palette\n",
      ndim, y.lo, y.hi > y.lo ? y.hi : y.lo + 1, f->name);
  figure_end(f);
  text_puts(&f->caption, "A line is a trial; the lighter, the greater its objective.");
}

/* --- several objectives --- */
static void front(figures *fs, run_dir *r, const trial **v, size_t n)
{
  range x = {.any = false}, y = {.any = false};
  figure *f = figure_of(fs, r, "front", "The first two objectives", "first,second,trial,feasible");
  if (!f)
    return;
  size_t on = 0;
  qsort(v, n, sizeof *v, by_score);
  for (int pass = 0; pass < 2; pass++) { /* v ascends in the first: from the right, records of the
                                          * second are on the front */
    double best = -HUGE_VAL;
    for (size_t i = n; i-- > 0;) {
      const bool feasible = trial_feasible(&r->record, v[i]);
      const bool first = feasible && v[i]->score[1] > best;
      best = first ? v[i]->score[1] : best;
      if (first != (pass == 0))
        continue;
      figure_number(f, v[i]->score[0]);
      figure_number(f, v[i]->score[1]);
      figure_number(f, (double)v[i]->known.index);
      figure_number(f, feasible);
      figure_row(f);
      on += first;
      range_add(&x, v[i]->score[0]);
      range_add(&y, v[i]->score[1]);
    }
  }
  const key_entry key[] = {{"trial", "with points pt 7 ps 0.5 lc rgb '#56B4E9'"},
                           {"front", "with linespoints pt 7 ps 0.7 lc rgb '#D55E00'"}};
  figure_begin(f, 1, key, 2);
  figure_panel(f, 0, "", objective_label(r, 0), objective_label(r, 1));
  range_put(&x, 'x', &f->gp);
  range_put(&y, 'y', &f->gp);
  text_printf(&f->gp,
              "plot '%s.csv' skip 1 every %s::%zu using 1:2 with points pt 7 ps 0.5 "
              "lc rgb '#56B4E9', \\\n"
              "  '' skip 1 every ::0::%zu using 1:2 with linespoints pt 7 ps 0.7 "
              "lc rgb '#D55E00'\n",
              f->name, every(r, n, MOST_POINTS), on, on > 0 ? on - 1 : 0);
  figure_end(f);
  text_puts(&f->caption, "Greater is better on both axes.");
}

void figures_search(figures *fs, run_dir *r)
{
  size_t n, ndim = 0;
  size_t *dims = arena_alloc(&r->mem, (r->x.space.n + 1) * sizeof *dims);
  if (r->record.nscore == 0 || !dims || count_scores(r) < FEWEST)
    return;
  for (size_t d = 0; d < r->x.space.n; d++)
    if (dim_varies(r, d))
      dims[ndim++] = d;
  const trial **v = sorted(r, &n);
  if (v && ndim > 0) {
    if (r->record.nscore == 1)
      over_trials(fs, r);
    by_dimension(fs, r, v, n, dims, ndim);
    if (ndim > 1)
      parallel(fs, r, v, n, dims, ndim < MOST_PANELS ? ndim : MOST_PANELS);
    if (r->record.nscore > 1)
      front(fs, r, v, n);
  }
  fs->failed = fs->failed || !v;
  free(v);
}
