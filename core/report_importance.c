/* SPDX-License-Identifier: BSD-3-Clause
 * report_importance.c - what decided, once a search is complete: each key's share of the
 * objective's variance, the objective along each key, and the top tenth of the trials against the
 * rest. All of it is in summary.json (importance.h says what it is). */
#include "report.h"
#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MOST_BARS = 16, MOST_PANELS = 12, FEW = 6, MARGIN = 8 };

typedef struct key { /* a dimension that has had several values */
  size_t d;
  double share;
  const json_t *bins; /* [{"value", "score", "n", "top"}] */
} key;
typedef struct keys {
  key *v; /* (n) the most important first */
  size_t n;
  double together; /* the share of several at once */
} keys;

static int by_share(const void *pa, const void *pb)
{
  const key *a = pa, *b = pb;
  return a->share != b->share ? (a->share < b->share) - (a->share > b->share)
                              : (a->d > b->d) - (a->d < b->d);
}

static keys read_keys(run_dir *r)
{
  const json_t *all = json_object_get(r->summary, "importance");
  keys k = {.v = arena_alloc(&r->mem, (r->x.space.n + 1) * sizeof *k.v)};
  k.together = json_member_double(all, "interactions");
  for (size_t d = 0; all && k.v && d < r->x.space.n; d++) {
    const char *name = r->x.space.dim[d].d.name;
    const json_t *bins = json_object_get(json_object_get(all, "marginal"), name);
    if (json_array_size(bins) > 1)
      k.v[k.n++] = (key){d, json_member_double(json_object_get(all, "share"), name), bins};
  }
  if (k.n > 0)
    qsort(k.v, k.n, sizeof *k.v, by_share);
  return k;
}

/* A bin's value as a number, of a choice its place; NaN: the key is not there. */
static double bin_value(const rad_dim *m, const json_t *bin)
{
  const char *word = json_string_value(json_object_get(bin, "value"));
  for (size_t i = 0; m->type == RAD_ENUM && word && i < m->nchoice; i++)
    if (strcmp(m->choice[i], word) == 0)
      return (double)i;
  return m->type == RAD_ENUM ? (double)NAN : json_member_double(bin, "value");
}

static const rad_dim *dim_of(const run_dir *r, const key *k)
{
  return &r->x.space.dim[k->d].d;
}

/* --- shares --- */
static void put_bar(figure *f, size_t i, double share, const char *name)
{
  figure_number(f, (double)i);
  figure_number(f, 100.0 * share);
  figure_word(f, name);
  figure_row(f);
}

static void draw_shares(figures *fs, run_dir *r, const keys *k)
{
  static const char together[] = "several together";
  figure *f = figure_of(fs, r, "importance", "What decided", "place,share (%),key");
  const size_t n = k->n < MOST_BARS ? k->n : MOST_BARS;
  size_t longest = sizeof together;
  if (!f)
    return;
  for (size_t i = 0; i < n; i++) {
    const size_t length = strlen(dim_label(r, k->v[i].d));
    longest = length > longest ? length : longest;
    put_bar(f, i, k->v[i].share, r->x.space.dim[k->v[i].d].d.name);
  }
  put_bar(f, n, k->together, together);
  figure_begin(f, 1, NULL, 0);
  figure_panel(f, 0, "", "share of the variance (%)", "");
  const double left = ((double)longest * MARGIN + 20.0) / f->width;
  text_printf(&f->gp, "set lmargin at screen %.4f\nset style fill solid 0.85 noborder\nset ytics (",
              left < 0.5 ? left : 0.5);
  for (size_t i = 0; i <= n; i++) {
    text_puts(&f->gp, i > 0 ? ", " : "");
    gp_string(&f->gp, i < n ? dim_label(r, k->v[i].d) : together);
    text_printf(&f->gp, " %zu", i);
  }
  text_printf(
      &f->gp,
      ")\nset yrange [%zu.6:-0.6]\nset xrange [0:*]\n"
      "plot '%s.csv' skip 1 using ($2/2):1:($2/2):(0.35) with boxxyerror lc rgb '#0072B2'\n",
      n, f->name);
  figure_end(f);
  text_printf(&f->caption,
              "What each searched key explains of the objective's variance by itself (functional "
              "ANOVA of a random forest), of %zu trials. The forest foretells %.0f %% of the "
              "variance of trials that it has not seen: so far it can be trusted.",
              (size_t)json_member_uint(json_object_get(r->summary, "importance"), "trials"),
              100.0 * json_member_double(json_object_get(r->summary, "importance"), "explained"));
}

/* --- the objective along each key --- */
typedef struct rows {
  size_t from, to;
} rows;

static rows put_curve(figure *f, run_dir *r, const key *k, range *y)
{
  const rad_dim *m = dim_of(r, k);
  rows out = {f->rows, f->rows};
  const json_t *bin;
  size_t i;
  char room[32];
  json_array_foreach(k->bins, i, bin)
  {
    const double v = bin_value(m, bin), score = json_member_double(bin, "score");
    figure_number(f, v);
    figure_number(f, score);
    figure_number(f, (double)json_member_uint(bin, "n"));
    figure_number(f, (double)json_member_uint(bin, "top"));
    figure_word(f, m->name);
    figure_word(f, isnan(v) ? "not there" : space_text(&r->x.space.dim[k->d], v, room));
    out.to = figure_row(f);
    range_add(y, score);
  }
  return out;
}

static void draw_panel(figure *f, run_dir *r, const key *k, size_t at, rows own, range *y)
{
  const rad_dim *m = dim_of(r, k);
  const json_t *bin;
  size_t i;
  range x = {.log = m->log};
  json_array_foreach(k->bins, i, bin) range_add(&x, bin_value(m, bin));
  figure_panel(f, at, "", dim_label(r, k->d), at % f->columns == 0 ? objective_label(r, 0) : "");
  text_puts(&f->gp, "set xtics autofreq\n");
  if (m->type == RAD_ENUM)
    figure_choices(m, &f->gp);
  else
    range_put(&x, 'x', &f->gp);
  range_put(y, 'y', &f->gp);
  figure_rows(f, true, own.from, own.to, "1:2");
  text_printf(&f->gp, " with %s pt 7 ps 0.5 lw 1.5 lc rgb '#0072B2'\n",
              m->type == RAD_ENUM ? "points" : "linespoints");
}

static void draw_curves(figures *fs, run_dir *r, const keys *k)
{
  figure *f = figure_of(fs, r, "marginals", "The objective along each key",
                        "value,objective,trials,of the top tenth,key,text");
  const size_t n = k->n < MOST_PANELS ? k->n : MOST_PANELS;
  rows own[MOST_PANELS];
  range y = {.any = false};
  if (!f)
    return;
  for (size_t i = 0; i < n; i++)
    own[i] = put_curve(f, r, &k->v[i], &y);
  figure_begin(f, n, NULL, 0);
  for (size_t i = 0; i < n; i++)
    draw_panel(f, r, &k->v[i], i, own[i], &y);
  figure_end(f);
  text_puts(&f->caption, "The mean over all values of the other keys, as the forest sees it; the "
                         "most important key first.");
}

void figures_importance(figures *fs, run_dir *r)
{
  const keys k = read_keys(r);
  fs->failed = fs->failed || !k.v;
  if (k.n == 0)
    return;
  draw_shares(fs, r, &k);
  draw_curves(fs, r, &k);
}

/* --- the top tenth against the rest --- */
static double count_of(const json_t *bin, bool top)
{
  const double n = (double)json_member_uint(bin, "n"), t = (double)json_member_uint(bin, "top");
  return top ? t : n - t;
}

static double count_all(const key *k, bool top)
{
  double n = 0;
  const json_t *bin;
  size_t i;
  json_array_foreach(k->bins, i, bin) n += count_of(bin, top);
  return n;
}

/* The value below which a share q of those trials are that have one; bins ascend. */
static double quantile(const rad_dim *m, const key *k, bool top, double q)
{
  double n = 0, sum = 0, last = (double)NAN;
  const json_t *bin;
  size_t i;
  json_array_foreach(k->bins, i, bin) n += isnan(bin_value(m, bin)) ? 0 : count_of(bin, top);
  json_array_foreach(k->bins, i, bin)
  {
    const double v = bin_value(m, bin), own = isnan(v) ? 0 : count_of(bin, top);
    if (own > 0 && (isnan(last) || sum < q * n)) /* up to the bin that reaches q */
      last = v;
    sum += own;
  }
  return last;
}

static void cell_of(html_table *h, const char *format, double v)
{
  char room[64] = "";
  if (isfinite(v))
    snprintf(room, sizeof room, format, v);
  html_cell(h, room);
}

static void key_cells(html_table *h, const run_dir *r, const key *k)
{
  html_cell(h, dim_label(r, k->d));
  cell_of(h, "%.1f", 100.0 * k->share);
}

static void put_median(html_table *h, const run_dir *r, const key *k)
{
  char room[96];
  key_cells(h, r, k);
  html_cell(h, "median (middle half)");
  for (int rest = 0; rest < 2; rest++) {
    const double v[] = {quantile(dim_of(r, k), k, rest == 0, 0.5),
                        quantile(dim_of(r, k), k, rest == 0, 0.25),
                        quantile(dim_of(r, k), k, rest == 0, 0.75)};
    snprintf(room, sizeof room, "%.4g (%.4g to %.4g)", v[0], v[1], v[2]);
    html_cell(h, isnan(v[0]) ? "" : room);
  }
  html_cell(h, "");
}

static void put_value(html_table *h, const run_dir *r, const key *k, const json_t *bin)
{
  const double v = bin_value(dim_of(r, k), bin);
  char room[32];
  key_cells(h, r, k);
  html_cell(h, isnan(v)                          ? "(not there)"
               : dim_of(r, k)->type == RAD_FLOAT ? (snprintf(room, sizeof room, "%.4g", v), room)
                                                 : space_text(&r->x.space.dim[k->d], v, room));
  cell_of(h, "%.0f %%", 100.0 * count_of(bin, true) / count_all(k, true));
  cell_of(h, "%.0f %%", 100.0 * count_of(bin, false) / count_all(k, false));
  cell_of(h, "%.4g", json_member_double(bin, "score"));
}

static void put_key(html_table *h, const run_dir *r, const key *k)
{
  const rad_dim *m = dim_of(r, k);
  const bool each = m->type == RAD_ENUM || json_array_size(k->bins) <= FEW;
  const json_t *bin;
  size_t i;
  if (!each)
    put_median(h, r, k);
  json_array_foreach(k->bins, i, bin) if (each || isnan(bin_value(m, bin))) put_value(h, r, k, bin);
}

void importance_put(run_dir *r, text *t)
{
  static const char *const head[] = {"<key",      "share (%)", "<value",
                                     "top tenth", "the rest",  "mean objective"};
  const keys k = read_keys(r);
  html_table h;
  char *id = arena_printf(&r->mem, "%sdecided", r->prefix);
  if (k.n == 0)
    return;
  text_puts(t, "<h2 id=\"");
  html_text(t, r->prefix);
  text_puts(t, "top\">What the best have in common</h2>\n");
  html_table_begin(&h, t, id ? id : "decided", head, sizeof head / sizeof *head);
  for (size_t i = 0; i < k.n; i++)
    put_key(&h, r, &k.v[i]);
  html_table_end(&h);
  text_printf(t,
              "<p class=\"dim\">The best tenth of the trials (%.0f) against the other %.0f: how "
              "many of them have a value, or where their values lie; and the mean objective of a "
              "value over all others of the other keys.</p>\n",
              count_all(&k.v[0], true), count_all(&k.v[0], false));
}
