/* SPDX-License-Identifier: BSD-3-Clause
 * report_chains.c - what rounds of compressors have left of a network: a figure for each quantity,
 * a panel for each compressor, a line for each arm, against the size as a share of the first
 * network's; and a table of the smallest sizes that keep most of the metric. Everything is read
 * from the curves, so that a chain that was cut short is there too. */
#include "chains.h"
#include "json.h"
#include "report.h"
#include <inttypes.h>
#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MOST_PANELS = 12, NAMES = 192, GREEN = 2 };

/* --- what rounds have recorded --- */
static const series *find(const run_dir *r, size_t shown, size_t k, const char *chain,
                          const char *name)
{
  char full[NAMES];
  const int n = snprintf(full, sizeof full, "%s.%s", chain, name);
  return n > 0 && n < NAMES ? run_dir_series(r, shown, k, full) : NULL;
}

/* Its last value up to the line of a round, behind that of the round before; NaN: none. */
static double in_round(const series *rounds, const series *s, size_t round)
{
  const double to = rounds->epoch[round];
  const double from = round > 0 ? rounds->epoch[round - 1] : -HUGE_VAL;
  for (size_t i = s ? s->n : 0; i-- > 0;)
    if (s->epoch[i] <= to)
      return s->epoch[i] > from ? s->value[i] : (double)NAN;
  return (double)NAN;
}

bool series_of_rounds(const run_dir *r, size_t shown, size_t k, const series *s)
{
  char name[NAMES];
  const size_t n = strcspn(s->name, ".");
  snprintf(name, sizeof name, "%.*s.round", (int)(n < NAMES - 8 ? n : 0), s->name);
  const series *rounds = run_dir_series(r, shown, k, name);
  size_t at = 0;
  for (size_t i = 0; rounds && i < s->n; i++) {
    while (at < rounds->n && rounds->epoch[at] < s->epoch[i])
      at++;
    if (at == rounds->n || rounds->epoch[at] != s->epoch[i])
      return false;
  }
  return rounds != NULL;
}

typedef struct shown_trial {
  const run_dir *r;
  size_t shown;
} shown_trial;

static double get(const void *user, size_t arm, size_t seed, const char *metric,
                  enum chain_part part)
{
  const shown_trial *v = user;
  const series *s = run_dir_series(v->r, v->shown, arm * v->r->x.nseed + seed, metric);
  if (!s || s->n == 0)
    return (double)NAN;
  double least = s->value[0];
  for (size_t i = 1; i < s->n; i++)
    least = fmin(least, s->value[i]);
  return part == CHAIN_FIRST ? s->value[0] : part == CHAIN_LEAST ? least : s->value[s->n - 1];
}

json_t *chains_of(const run_dir *r, size_t shown)
{
  const shown_trial v = {r, shown};
  chain_source s = {.x = &r->x, .user = &v, .get = get};
  text all = {0};
  json_t *o = NULL;
  rad_status status = RAD_OK;
  for (size_t k = 0; k < r->x.narm * r->x.nseed; k++)
    for (const series *c = r->series[shown * r->shown[shown]->njob + k]; c && status >= 0;
         c = c->next)
      status = chain_found(&s, c->name);
  if (status >= 0 && s.n > 0) {
    chains_put(&s, NULL, &all);
    o = json_loadb(text_str(&all), all.n, 0, NULL);
  }
  text_free(&all);
  arena_free(&s.mem);
  return o;
}

bool chains_any(const run_dir *r)
{
  for (size_t i = 0; i < r->nshown; i++) {
    json_t *o = chains_of(r, i);
    json_decref(o);
    if (o)
      return true;
  }
  return false;
}

/* --- figures --- */
typedef struct quantity {
  const char *file;
  struct {
    const char *metric, *label;
  } y[2];              /* of a round; the second where nobody has the first */
  const char *control; /* of networks trained from scratch, or NULL */
  const char *caption;
} quantity;
static const quantity quantities[] = {
    {"compression-train-accuracy",
     {{"train.accuracy", "training accuracy (%)"}, {"train.loss", "training loss"}},
     "control.",
     "On the training data as the arm was trained on them, wrong labels included."},
    {"compression-test-accuracy",
     {{"test.accuracy", "test accuracy (%)"}, {"test.loss", "test loss"}},
     "control.",
     "On test data, which have their true labels unless a [noise] says otherwise."},
    {"compression-agreement",
     {{"test.agreement", "agreement on test data (%)"},
      {"train.agreement", "agreement on training data (%)"}},
     NULL,
     "Share of the samples whose largest output is that of the first network."},
    {"compression-fit-loss",
     {{"fit.train.loss", "loss of the fit"}, {NULL, NULL}},
     NULL,
     "On what a round is fitted to, after its last epoch."},
};
typedef struct panel {
  size_t shown;
  const char *chain, *of, *word; /* of: the size that is counted */
} panel;
typedef struct panels {
  panel v[MOST_PANELS];
  size_t n, all;
  bool trials; /* of several */
} panels;
typedef struct lines { /* of an arm in a panel */
  curve own, control;
} lines;

static bool is_best(const run_dir *r, size_t shown)
{
  const trial *best = r->record.nscore > 0 ? record_best(&r->record) : NULL;
  return !best || r->shown[shown] == best;
}

static panels find_panels(run_dir *r)
{
  panels p = {.n = 0};
  for (size_t i = 0; i < r->nshown; i++) {
    json_t *all = is_best(r, i) ? chains_of(r, i) : NULL, *chain;
    const char *name;
    json_object_foreach(all, name, chain)
    {
      char *own = arena_strdup(&r->mem, name);
      char *of = arena_strdup(&r->mem, json_member_text(chain, "of"));
      p.all += own && of;
      p.trials = p.trials || (p.n > 0 && p.v[0].shown != i);
      if (own && of && p.n < MOST_PANELS)
        p.v[p.n++] = (panel){i, own, of, chain_size_word(chain)};
    }
    json_decref(all);
  }
  return p;
}

typedef struct point { /* of a round, over seeds */
  double size, share, sum, lo, hi;
  size_t n;
} point;

static point at_round(const run_dir *r, const panel *p, size_t arm, const char *metric,
                      size_t round)
{
  point q = {.lo = HUGE_VAL, .hi = -HUGE_VAL};
  for (size_t k = arm * r->x.nseed; k < (arm + 1) * r->x.nseed; k++) {
    const series *rounds = find(r, p->shown, k, p->chain, "round");
    const series *size = find(r, p->shown, k, p->chain, p->of);
    if (!rounds || round >= rounds->n || !size)
      continue;
    const double v = in_round(rounds, find(r, p->shown, k, p->chain, metric), round);
    const double own = in_round(rounds, size, round), first = in_round(rounds, size, 0);
    if (isnan(v) || !(own > 0) || !(first > 0))
      continue;
    q.size += own;
    q.share += log(own / first);
    q.sum += v;
    q.lo = fmin(q.lo, v);
    q.hi = fmax(q.hi, v);
    q.n++;
  }
  return q;
}

static void put_row(figure *f, const run_dir *r, const panel *p, size_t arm, size_t round,
                    const point *q, bool control)
{
  const double n = (double)q->n;
  figure_number(f, 100 * exp(q->share / n));
  figure_number(f, q->sum / n);
  figure_number(f, q->lo);
  figure_number(f, q->hi);
  figure_number(f, n);
  figure_number(f, (double)round);
  figure_number(f, q->size / n);
  figure_number(f, (double)r->shown[p->shown]->known.index);
  figure_word(f, p->of);
  figure_word(f, p->chain);
  figure_word(f, r->x.arm[arm]);
  figure_word(f, control ? "from scratch" : "compressed");
  figure_row(f);
}

/* Circles, triangles, squares, diamonds; open ones of networks that were trained from scratch. */
static int mark_of(size_t arm, bool control)
{
  static const int mark[] = {7, 9, 5, 13};
  return mark[arm % 4] - control;
}

/* Up to `all` every seed is there that has a round at all. */
static curve put_line(figure *f, const run_dir *r, const panel *p, size_t arm, const char *metric,
                      bool control, range axis[2])
{
  curve l = {.from = f->rows,
             .all = f->rows,
             .band = r->x.nseed > 1,
             .dashed = control,
             .mark = mark_of(arm, control)};
  size_t rounds = 0, most = 0;
  const double scale = metric_is_share(metric) ? 100 : 1;
  for (size_t k = arm * r->x.nseed; k < (arm + 1) * r->x.nseed; k++) {
    const series *s = find(r, p->shown, k, p->chain, "round");
    rounds = s && s->n > rounds ? s->n : rounds;
  }
  for (size_t i = 0; i < rounds; i++) {
    const point q = at_round(r, p, arm, metric, i);
    if (q.n == 0)
      continue;
    put_row(f, r, p, arm, i, &q, control);
    most = q.n > most ? q.n : most;
    l.all = q.n == most ? f->rows : l.all;
    range_add(&axis[0], 100 * exp(q.share / (double)q.n));
    range_add(&axis[1], scale * q.lo);
    range_add(&axis[1], scale * q.hi);
  }
  l.to = f->rows;
  return l;
}

/* The arm called real is green here, as in the figure that this one goes back to, where the second
 * one is red; all are colours of figure_color. */
static size_t color_of(const run_dir *r, size_t arm)
{
  const size_t real = chain_reference(r->x.arm, r->x.narm);
  if (!arm_is_real(r->x.arm[real]))
    return arm;
  return arm == real ? GREEN : arm == GREEN ? real : arm;
}

static key_entry *make_key(run_dir *r, bool control, size_t *n)
{
  key_entry *key = arena_alloc(&r->mem, (r->x.narm + 2) * sizeof *key);
  *n = 0;
  for (size_t a = 0; key && a < r->x.narm; a++)
    key[(*n)++] = (key_entry){
        r->x.arm[a], arena_printf(&r->mem, "with linespoints lw 1.5 pt %d ps 0.6 lc rgb '%s'",
                                  mark_of(a, false), figure_color(color_of(r, a)))};
  if (key && control)
    key[(*n)++] =
        (key_entry){"from scratch", "with linespoints lw 1.5 dt 2 pt 6 ps 0.6 lc rgb '#000000'"};
  return key;
}

static const char *panel_title(run_dir *r, const panels *p, const panel *one)
{
  char *s = p->trials ? arena_printf(&r->mem, "trial %" PRIu64 ": %s",
                                     r->shown[one->shown]->known.index, one->chain)
                      : NULL;
  return s ? s : one->chain;
}

/* Less than two decades have too few powers of ten to be read by. */
static void put_ticks(const range *x, text *t)
{
  static const double step[] = {1, 2, 5};
  const char *between = "set xtics (";
  if (x->lo <= 0 || x->hi / x->lo < 10 || x->hi / x->lo >= 100) {
    text_puts(t, "set xtics autofreq\n");
    return;
  }
  for (double decade = pow(10, floor(log10(x->lo))); decade <= x->hi; decade *= 10)
    for (size_t i = 0; i < 3; i++, between = ", ")
      text_printf(t, "%s%g", between, decade * step[i]);
  text_puts(t, ")\n");
}

static void draw_panel(figure *f, run_dir *r, const panels *p, const panel *one, const lines *l,
                       range axis[2], size_t at, const char *metric, const char *label)
{
  bool first = true;
  char *x = arena_printf(&r->mem, "%s kept (%%)", one->word);
  figure_panel(f, at, panel_title(r, p, one), x ? x : "", at % f->columns == 0 ? label : "");
  range_put(&axis[0], 'x', &f->gp);
  range_put(&axis[1], 'y', &f->gp);
  put_ticks(&axis[0], &f->gp);
  for (size_t a = 0; a < r->x.narm; a++) {
    curve_plot(f, &l[a].own, color_of(r, a), metric_is_share(metric), &first);
    curve_plot(f, &l[a].control, color_of(r, a), metric_is_share(metric), &first);
  }
  text_puts(&f->gp, "\n");
}

static bool has(const run_dir *r, const panels *p, const char *metric)
{
  for (size_t i = 0; metric && i < p->n; i++)
    for (size_t k = 0; k < r->x.narm * r->x.nseed; k++)
      if (find(r, p->v[i].shown, k, p->v[i].chain, metric))
        return true;
  return false;
}

static void put_caption(figure *f, const run_dir *r, const panels *p, const quantity *q)
{
  text_printf(&f->caption, "%s A mark is a round; the size is a share of the first network's.",
              q->caption);
  if (r->x.nseed > 1)
    text_puts(&f->caption, " Mean over the seeds, band from the lowest to the highest; dotted "
                           "where the rounds of some seeds have ended.");
  if (p->all > p->n)
    text_printf(&f->caption, " The first %zu of %zu.", p->n, p->all);
}

/* The numbers first: how many panels there are, and the y axis, which is the same for all. */
static size_t put_lines(figure *f, const run_dir *r, const panels *p, const char *metric,
                        const char *control, lines *l, range axis[][2])
{
  size_t n = 0;
  range y = {.log = strstr(metric, "loss") != NULL};
  for (size_t i = 0; i < p->n; i++) {
    const size_t from = f->rows;
    range own[2] = {{.log = true, .down = true}, y};
    for (size_t a = 0; a < r->x.narm; a++) {
      lines *one = &l[i * r->x.narm + a];
      one->own = put_line(f, r, &p->v[i], a, metric, false, own);
      if (control)
        one->control = put_line(f, r, &p->v[i], a, control, true, own);
    }
    n += f->rows > from;
    axis[i][0] = own[0];
    y = own[1];
  }
  for (size_t i = 0; i < p->n; i++)
    axis[i][1] = y;
  return n;
}

static void draw(figures *fs, run_dir *r, const panels *p, const quantity *q, lines *l)
{
  const size_t which = has(r, p, q->y[0].metric) ? 0 : 1;
  const char *metric = q->y[which].metric, *label = q->y[which].label;
  range axis[MOST_PANELS][2];
  char *control = q->control ? arena_printf(&r->mem, "%s%s", q->control, metric) : NULL;
  char *title = arena_printf(&r->mem, "%s by size", label);
  const bool controls = has(r, p, control);
  size_t nkey, at = 0;
  figure *f = title ? figure_of(fs, r, q->file, title,
                                "kept (%),mean,lowest,highest,seeds,round,size,trial,of,compressor,"
                                "arm,network")
                    : NULL;
  if (!f)
    return;
  f->part = FIGURE_CHAINS;
  const size_t n = put_lines(f, r, p, metric, controls ? control : NULL, l, axis);
  const key_entry *key = make_key(r, controls, &nkey);
  figure_begin(f, n, key, r->x.narm > 1 || controls ? nkey : 0);
  for (size_t i = 0; i < p->n; i++)
    if (axis[i][0].any)
      draw_panel(f, r, p, &p->v[i], &l[i * r->x.narm], axis[i], at++, metric, label);
  figure_end(f);
  put_caption(f, r, p, q);
}

void figures_chains(figures *fs, run_dir *r)
{
  const panels p = find_panels(r);
  for (size_t i = 0; p.n > 0 && i < sizeof quantities / sizeof *quantities; i++) {
    const quantity *q = &quantities[i];
    lines *l = calloc(p.n * r->x.narm, sizeof *l);
    fs->failed = fs->failed || !l;
    if (l && (has(r, &p, q->y[0].metric) || has(r, &p, q->y[1].metric)))
      draw(fs, r, &p, q, l);
    free(l);
  }
}
