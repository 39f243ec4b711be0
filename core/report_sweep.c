/* SPDX-License-Identifier: BSD-3-Clause
 * report_sweep.c - epochs to fit, and error, against each key that was varied; a line for each arm
 * and each setting of the other keys. Where nothing was varied, against the arms. A run that did
 * not fit is censored at its last epoch: it has a mark of its own and is in no mean. */
#include "report.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MOST_GROUPS = 14, MOST_FIGURES = 6 };

typedef struct group { /* a line */
  const trial *like;   /* its settings of the other keys */
  size_t arm;
  size_t rows[4]; /* of values, of censored runs, of means; and the end */
} group;
typedef struct sweep {
  run_dir *r;
  size_t dim;        /* space.n: the arms */
  bool words;        /* x is a place, not a number */
  const char *label; /* of x */
  group group[MOST_GROUPS];
  size_t n;
  range x, y;
} sweep;
typedef struct quantity { /* y */
  const char *metric, *name, *label;
  bool fit, error; /* epochs to fit; 1 - accuracy */
} quantity;

/* --- x --- */
static bool numbers_only(const rad_dim *d)
{
  double v;
  for (size_t i = 0; d->type == RAD_ENUM && i < d->nchoice; i++)
    if (!text_to_double(d->choice[i], &v))
      return false;
  return true;
}

static double x_of(const sweep *s, const trial *t, size_t arm)
{
  if (s->dim == s->r->x.space.n)
    return (double)arm;
  const rad_dim *d = &s->r->x.space.dim[s->dim].d;
  double v = t->value[s->dim];
  if (d->type == RAD_ENUM && !s->words && !isnan(v))
    text_to_double(d->choice[(size_t)v], &v);
  return v;
}

static const char *word_of(const sweep *s, size_t place)
{
  return s->dim == s->r->x.space.n ? s->r->x.arm[place] : s->r->x.space.dim[s->dim].d.choice[place];
}

static size_t places(const sweep *s)
{
  return s->dim == s->r->x.space.n ? s->r->x.narm : s->r->x.space.dim[s->dim].d.nchoice;
}

/* --- groups --- */
static bool same_others(const sweep *s, const trial *a, const trial *b)
{
  for (size_t i = 0; i < s->r->x.space.n; i++)
    if (i != s->dim && a->value[i] != b->value[i] && !(isnan(a->value[i]) && isnan(b->value[i])))
      return false;
  return true;
}

static bool add_group(sweep *s, const trial *t, size_t arm)
{
  for (size_t g = 0; g < s->n; g++)
    if (s->group[g].arm == arm && same_others(s, s->group[g].like, t))
      return true;
  if (s->n == MOST_GROUPS)
    return false;
  s->group[s->n++] = (group){.like = t, .arm = arm};
  return true;
}

static bool find_groups(sweep *s)
{
  const record *e = &s->r->record;
  for (size_t i = 0; i < e->n; i++)
    for (size_t a = 0; a < s->r->x.narm; a++)
      if (!add_group(s, e->trial[i], a))
        return false;
  return s->n > 0;
}

static const char *group_label(const sweep *s, const group *g)
{
  text all = {0};
  char room[32];
  run_dir *r = s->r;
  if (r->x.narm > 1)
    text_puts(&all, r->x.arm[g->arm]);
  for (size_t i = 0; i < r->x.space.n; i++)
    if (i != s->dim && dim_varies(r, i) && !isnan(g->like->value[i]))
      text_printf(&all, "%s%s = %s", all.n > 0 ? ", " : "", dim_label(r, i),
                  space_text(&r->x.space.dim[i], g->like->value[i], room));
  const char *label = arena_strdup(&r->mem, text_str(&all));
  text_free(&all);
  return label ? label : "";
}

/* --- y --- */
/* RAD_DONE: it did not fit. RAD_EINVAL: nothing is known of it. */
static rad_status y_of(const quantity *o, const job *j, double *y)
{
  *y = job_metric(j, o->metric);
  if (j->state != JOB_COMPLETE)
    return RAD_EINVAL;
  if (o->fit && isnan(*y)) {
    *y = (double)j->epochs;
    return RAD_DONE;
  }
  *y = o->error ? 1 - *y : *y;
  return isfinite(*y) ? RAD_OK : RAD_EINVAL;
}

static void put_row(sweep *s, figure *f, const quantity *o, const trial *t, const group *g,
                    double y, const char *seed, const char *what)
{
  char room[32];
  const dim *d = s->dim < s->r->x.space.n ? &s->r->x.space.dim[s->dim] : NULL;
  const double x = x_of(s, t, g->arm);
  figure_number(f, x);
  figure_number(f, y);
  figure_number(f, (double)t->known.index);
  figure_word(f, seed);
  figure_word(f, what);
  figure_word(f, s->r->x.arm[g->arm]);
  figure_word(f, d ? space_text(d, t->value[s->dim], room) : s->r->x.arm[g->arm]);
  figure_word(f, group_label(s, g));
  figure_row(f);
  range_add(&s->x, x);
  range_add(&s->y, o->error ? 100 * y : y);
}

static void put_jobs(sweep *s, figure *f, const quantity *o, const group *g, const trial *t,
                     rad_status wanted)
{
  char seed[32];
  const size_t nseed = s->r->x.nseed;
  double y;
  for (size_t k = 0; k < nseed; k++)
    if (y_of(o, &t->job[g->arm * nseed + k], &y) == wanted) {
      snprintf(seed, sizeof seed, "%llu", (unsigned long long)s->r->x.seed[k]);
      put_row(s, f, o, t, g, y, seed, wanted == RAD_DONE ? "not fitted" : "value");
    }
}

/* Where every seed has a value. */
static void put_mean(sweep *s, figure *f, const quantity *o, const group *g, const trial *t)
{
  const size_t nseed = s->r->x.nseed;
  double sum = 0, y;
  for (size_t k = 0; k < nseed; k++) {
    if (y_of(o, &t->job[g->arm * nseed + k], &y) != RAD_OK)
      return;
    sum += y;
  }
  put_row(s, f, o, t, g, sum / (double)nseed, "", "mean");
}

typedef struct place {
  double x;
  const trial *t;
} place;

static int by_x(const void *a, const void *b)
{
  const double x = ((const place *)a)->x, y = ((const place *)b)->x;
  return (x > y) - (x < y);
}

static void put_group(sweep *s, figure *f, const quantity *o, group *g, place *p)
{
  const record *e = &s->r->record;
  size_t n = 0;
  for (size_t i = 0; i < e->n; i++)
    if (same_others(s, e->trial[i], g->like) && !isnan(x_of(s, e->trial[i], g->arm)))
      p[n++] = (place){x_of(s, e->trial[i], g->arm), e->trial[i]};
  qsort(p, n, sizeof *p, by_x);
  g->rows[0] = f->rows;
  for (size_t i = 0; i < n; i++)
    put_jobs(s, f, o, g, p[i].t, RAD_OK);
  g->rows[1] = f->rows;
  for (size_t i = 0; i < n; i++)
    put_jobs(s, f, o, g, p[i].t, RAD_DONE);
  g->rows[2] = f->rows;
  for (size_t i = 0; i < n; i++)
    put_mean(s, f, o, g, p[i].t);
  g->rows[3] = f->rows;
}

/* --- the script --- */
static void put_axes(sweep *s, figure *f)
{
  text *t = &f->gp;
  const dim *d = s->dim < s->r->x.space.n ? &s->r->x.space.dim[s->dim] : NULL;
  range_put(&s->y, 'y', t);
  if (!s->words)
    range_put(&s->x, 'x', t);
  if (d && d->d.type != RAD_ENUM)
    return;
  text_puts(t, "set xtics (");
  for (size_t i = 0; i < places(s); i++) {
    text_puts(t, i > 0 ? ", " : "");
    gp_string(t, word_of(s, i));
    text_puts(t, " ");
    text_puts(t, s->words ? "" : word_of(s, i));
    if (s->words)
      text_printf(t, "%zu", i);
  }
  text_puts(t, ")\n");
  if (s->words)
    text_printf(t, "set xrange [-0.5:%zu.5]\n", places(s) - 1);
}

/* Lines side by side at the same place. */
static double shift(const sweep *s, size_t g)
{
  const bool side = s->words && s->dim < s->r->x.space.n;
  return side ? 0.6 * ((double)g + 0.5 - 0.5 * (double)s->n) / (double)s->n : 0;
}

static void plot_groups(sweep *s, figure *f, const quantity *o)
{
  bool first = true;
  char use[64];
  for (size_t i = 0; i < s->n; i++) {
    const group *g = &s->group[i];
    const char *color = figure_color(i);
    snprintf(use, sizeof use, "($1%+.3f):(%s$2)", shift(s, i), o->error ? "100*" : "");
    if (g->rows[3] > g->rows[2]) {
      figure_rows(f, first, g->rows[2], g->rows[3] - 1, use);
      if (s->words)
        text_printf(&f->gp, " with points pt 1 ps 2 lw 2 lc rgb '%s'", color);
      else
        text_printf(&f->gp, " with lines lw 1.5 dt %zu lc rgb '%s'", 1 + i / 7, color);
      first = false;
    }
    if (g->rows[1] > g->rows[0]) {
      figure_rows(f, first, g->rows[0], g->rows[1] - 1, use);
      text_printf(&f->gp, " with points pt 7 ps 0.7 lc rgb '%s'", color);
      first = false;
    }
    if (g->rows[2] > g->rows[1]) {
      figure_rows(f, first, g->rows[1], g->rows[2] - 1, use);
      text_printf(&f->gp, " with points pt 8 ps 1 lw 1.2 lc rgb '%s'", color);
      first = false;
    }
  }
  text_puts(&f->gp, "\n");
}

static void draw(sweep *s, figure *f, const quantity *o)
{
  key_entry key[MOST_GROUPS + 1];
  size_t nkey = 0;
  bool censored = false;
  for (size_t i = 0; i < s->n; i++)
    censored = censored || s->group[i].rows[2] > s->group[i].rows[1];
  for (size_t i = 0; s->n > 1 && s->dim < s->r->x.space.n && i < s->n; i++)
    key[nkey++] =
        (key_entry){group_label(s, &s->group[i]), arena_printf(&s->r->mem, "with %s lc rgb '%s'",
                                                               s->words ? "points pt 7 ps 0.7"
                                                                        : "linespoints pt 7 "
                                                                          "ps 0.7 lw 1.5",
                                                               figure_color(i))};
  if (censored)
    key[nkey++] = (key_entry){"did not fit", "with points pt 8 ps 1 lw 1.2 lc rgb '#000000'"};
  figure_begin(f, 1, key, nkey);
  figure_panel(f, 0, "", s->label, o->label);
  put_axes(s, f);
  plot_groups(s, f, o);
  figure_end(f);
  text_puts(&f->caption, s->r->x.nseed == 1 ? "A point is a run."
                         : s->words         ? "A point is a run, a cross the mean of all seeds."
                                            : "A point is a run, the line the mean of all seeds.");
  if (censored)
    text_puts(&f->caption, " Open triangles: runs that had not fitted when their epochs ended, "
                           "which says nothing of what more of them would do; where there is one, "
                           "there is no mean.");
}

static void one_figure(figures *fs, run_dir *r, size_t which, const quantity *o)
{
  sweep s = {.r = r, .dim = which, .label = which < r->x.space.n ? dim_label(r, which) : "arm"};
  const rad_dim *d = which < r->x.space.n ? &r->x.space.dim[which].d : NULL;
  s.words = !d || !numbers_only(d);
  s.x.log = d && (d->log || d->type == RAD_ENUM);
  place *p = calloc(r->record.n + 1, sizeof *p);
  if (o->fit)
    range_add(&s.y, 0);
  if (p && find_groups(&s)) {
    char *name = arena_printf(&r->mem, "%s%s-by-%s", r->prefix, o->name, d ? d->name : "arm");
    char *title = arena_printf(&r->mem, "%s by %s", o->label, s.label);
    for (char *c = name; c && *c; c++)
      *c = text_is_name((char[]){*c, '\0'}) ? *c : '-';
    figure *f =
        name && title ? figure_new(fs, name, title, "x,y,trial,seed,what,arm,setting,line") : NULL;
    fs->failed = fs->failed || !f;
    for (size_t i = 0; f && i < s.n; i++)
      put_group(&s, f, o, &s.group[i], p);
    if (f && f->rows > 0)
      draw(&s, f, o);
    else if (f)
      figure_drop(fs); /* no job has a value */
  }
  free(p);
}

/* Some job is asked for it, whether it has a value or not. */
static bool has_metric(const run_dir *r, const char *metric)
{
  for (size_t i = 0; i < r->record.n; i++)
    for (size_t k = 0; k < r->record.trial[i]->njob; k++) {
      const job *j = &r->record.trial[i]->job[k];
      for (size_t m = 0; m < j->nmetric; m++)
        if (strcmp(j->metric[m].name, metric) == 0)
          return true;
    }
  return false;
}

static bool find_error(const run_dir *r, quantity *o)
{
  static const quantity list[] = {
      {"test.accuracy", "test-error", "test error (%)", false, true},
      {"test.loss", "test-loss", "test loss", false, false},
      {"val.accuracy", "val-error", "validation error (%)", false, true},
      {"val.loss", "val-loss", "validation loss", false, false},
  };
  for (size_t i = 0; i < sizeof list / sizeof *list; i++)
    if (has_metric(r, list[i].metric)) {
      *o = list[i];
      return true;
    }
  return false;
}

void figures_sweep(figures *fs, run_dir *r)
{
  const quantity fit = {"epochs_to_fit", "epochs-to-fit", "epochs to fit", true, false};
  quantity error = {.metric = NULL};
  const bool fits = has_metric(r, "epochs_to_fit"), errs = find_error(r, &error);
  size_t n = 0;
  for (size_t d = 0; d < r->x.space.n; d++)
    n += dim_varies(r, d);
  if (r->record.n == 0 || n > MOST_FIGURES)
    return;
  for (size_t d = 0; d <= r->x.space.n; d++) {
    const bool arms = d == r->x.space.n;
    if (arms ? n > 0 || r->x.narm < 2 : !dim_varies(r, d))
      continue;
    if (fits)
      one_figure(fs, r, d, &fit);
    if (errs)
      one_figure(fs, r, d, &error);
  }
}
