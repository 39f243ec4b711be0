/* SPDX-License-Identifier: BSD-3-Clause
 * report_figure.c - a figure is a CSV file and a gnuplot script that draws it, as SVG, PNG or PDF.
 * The CSV has numbers first and words last; rows of one line of the plot follow each other, and
 * the script takes them by number. Sizes are in px of the SVG: 14 px letters on a width of 900 are
 * 7.8 pt where a page is 7 inches wide. */
#include "data_sets.h"
#include "report.h"
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { LEFT = 78, RIGHT = 16, BOTTOM = 66, TITLE = 28, KEY_LINE = 21, LETTER = 8 };

/* https://jfly.uni-koeln.de/color/: told apart by all kinds of colour vision; without its yellow,
 * which is too light on white. */
const char *figure_color(size_t i)
{
  static const char *const color[] = {"#0072B2", "#D55E00", "#009E73", "#CC79A7",
                                      "#E69F00", "#56B4E9", "#000000"};
  return color[i % (sizeof color / sizeof *color)];
}

/* --- the table --- */
static char *upper(char *s)
{
  if (s && *s >= 'a' && *s <= 'z')
    *s = (char)(*s - 'a' + 'A');
  return s;
}

figure *figure_new(figures *f, const char *name, const char *title, const char *head)
{
  figure **grown = arena_grow(&f->mem, f->v, f->n, &f->cap, sizeof *grown);
  figure *g = arena_alloc(&f->mem, sizeof *g);
  f->v = grown ? grown : f->v;
  if (!grown || !g || !(g->name = arena_strdup(&f->mem, name)) ||
      !(g->title = upper(arena_strdup(&f->mem, title)))) {
    f->failed = true;
    return NULL;
  }
  text_printf(&g->csv, "%s\n", head);
  return f->v[f->n++] = g;
}

figure *figure_of(figures *fs, run_dir *r, const char *name, const char *title, const char *head)
{
  char *full = arena_printf(&r->mem, "%s%s", r->prefix, name);
  figure *f = full ? figure_new(fs, full, title, head) : NULL;
  fs->failed = fs->failed || !f;
  return f;
}

static void free_figure(figure *f)
{
  text_free(&f->csv);
  text_free(&f->gp);
  text_free(&f->caption);
}

void figure_drop(figures *f)
{
  free_figure(f->v[--f->n]);
}

static void cell(figure *f)
{
  text_puts(&f->csv, f->begun ? "," : "");
  f->begun = true;
}

void figure_number(figure *f, double v)
{
  char room[32];
  cell(f);
  text_puts(&f->csv, text_from_double(room, v));
}

void figure_word(figure *f, const char *s)
{
  cell(f);
  const bool quoted = strpbrk(s, ",\"\r\n") != NULL;
  text_puts(&f->csv, quoted ? "\"" : "");
  for (; *s; s++) /* gnuplot reads by lines, whatever is quoted */
    text_add(&f->csv, *s == '"' ? "\"\"" : (unsigned char)*s < 0x20 ? " " : s, *s == '"' ? 2 : 1);
  text_puts(&f->csv, quoted ? "\"" : "");
}

size_t figure_row(figure *f)
{
  text_puts(&f->csv, "\n");
  f->begun = false;
  return f->rows++;
}

void figure_gap(figure *f)
{
  text_puts(&f->csv, "\n");
}

/* --- the script --- */
/* Nothing is special between single quotes but the quote itself. */
void gp_string(text *t, const char *s)
{
  text_puts(t, "'");
  for (; *s; s++)
    text_add(t, *s == '\'' ? "''" : (unsigned char)*s < 0x20 ? " " : s, *s == '\'' ? 2 : 1);
  text_puts(t, "'");
}

/* A key of columns: how many entries stand below each other. */
static size_t key_rows(const key_entry *k, size_t n, double width)
{
  size_t longest = 0;
  for (size_t i = 0; i < n; i++)
    longest = strlen(k[i].label) > longest ? strlen(k[i].label) : longest;
  const double fit = floor(width / ((double)longest * LETTER + 60));
  return n == 0 ? 0 : (size_t)ceil((double)n / (fit < 1 ? 1 : fit));
}

static void put_terminals(const figure *f, text *t)
{
  text_printf(t,
              "if (!exists('format')) format = 'svg'\n"
              "if (format eq 'svg') set terminal svg noenhanced size %.0f,%.0f linewidth 1.3 "
              "font 'Helvetica,Arial,sans-serif,14'\n"
              "if (format eq 'png') set terminal pngcairo noenhanced size %.0f,%.0f fontscale 2 "
              "linewidth 2.4 pointscale 2 font 'Helvetica,10.5'\n"
              "if (format eq 'pdf') set terminal pdfcairo noenhanced size %.2fin,%.2fin "
              "linewidth 1.3 font 'Helvetica,8'\n",
              f->width, f->height, 2 * f->width, 2 * f->height, f->width * 7 / 900,
              f->height * 7 / 900);
  /* The SVG terminal takes lines for 1.5 times as high as their letters. */
  text_printf(t,
              "lift = format eq 'svg' ? 0.45 : 0\nsqueeze = format eq 'svg' ? 0.7 : 1\n"
              "set output '%s.'.format\n",
              f->name);
}

/* An empty plot holds the key, so that it does not hang on what a panel has. */
static void put_key(figure *f, const key_entry *key, size_t nkey, size_t lines)
{
  text *t = &f->gp;
  text_printf(t,
              "set key at screen 0.5,%.4f center top maxrows %zu Left reverse samplen 2.5 spacing "
              "squeeze\n",
              1 - 4 / f->height, lines);
  text_puts(t, "unset border\nunset tics\nset xrange [0:1]\nset yrange [0:1]\nplot ");
  for (size_t i = 0; i < nkey; i++) {
    text_printf(t, "%s-1 %s title ", i > 0 ? ", \\\n  " : "", key[i].style);
    gp_string(t, key[i].label);
  }
  text_puts(t, "\n");
}

void figure_begin(figure *f, size_t panels, const key_entry *key, size_t nkey)
{
  const size_t columns = panels > 4 ? 3 : panels > 1 ? 2 : 1;
  const size_t rows = (panels + columns - 1) / columns;
  f->panels = panels;
  f->columns = columns;
  f->width = columns == 1 ? 540 : columns == 2 ? 900 : 1080;
  const size_t lines = key_rows(key, nkey, f->width);
  f->top = (double)(lines * KEY_LINE) + 10;
  f->height = f->top + (double)rows * (columns == 1 ? 356 : 300);
  text *t = &f->gp;
  text_printf(t, "# %s\n# Draw it again: gnuplot %s.gp\n", f->title, f->name);
  text_printf(t, "# or as PNG or PDF: gnuplot -e \"format='pdf'\" %s.gp\nreset\n", f->name);
  text_puts(t, "set encoding utf8\n");
  put_terminals(f, t);
  text_puts(t, "set datafile separator comma\n"
               "set style fill transparent solid 0.2 noborder\nset multiplot\n");
  if (nkey > 0)
    put_key(f, key, nkey, lines);
  text_puts(t, "unset key\nset border 3\nset xtics nomirror\nset ytics nomirror\n"
               "set grid back lt 1 lc rgb '#BBBBBB' lw 0.5\n");
}
void figure_panel(figure *f, size_t i, const char *title, const char *xlabel, const char *ylabel)
{
  const double rows = (double)((f->panels + f->columns - 1) / f->columns);
  const double w = f->width / (double)f->columns, h = (f->height - f->top) / rows;
  const double x = (double)(i % f->columns) * w, y = f->top + (double)(i / f->columns) * h;
  text *t = &f->gp;
  text_printf(t,
              "set lmargin at screen %.4f\nset rmargin at screen %.4f\n"
              "set tmargin at screen %.4f\nset bmargin at screen %.4f\n",
              (x + LEFT) / f->width, (x + w - RIGHT) / f->width, 1 - (y + TITLE) / f->height,
              1 - (y + h - BOTTOM) / f->height);
  text_puts(t, "set title ");
  gp_string(t, title);
  text_puts(t, " offset 0,-lift\nset xlabel ");
  gp_string(t, xlabel);
  text_puts(t, " offset 0,lift\nset ylabel ");
  gp_string(t, ylabel);
  text_puts(t, " offset 1.2*lift,0\n");
}

void figure_end(figure *f)
{
  text_puts(&f->gp, "unset multiplot\nset output\n");
}

void figure_choices(const rad_dim *d, text *t)
{
  text_puts(t, "set xtics (");
  for (size_t i = 0; i < d->nchoice; i++) {
    text_puts(t, i > 0 ? ", " : "");
    gp_string(t, d->choice[i]);
    text_printf(t, " %zu", i);
  }
  text_printf(t, ")\nset format x '%%g'\nunset logscale x\nset xrange [-0.5:%zu.5]\n",
              d->nchoice - 1);
}

void figure_rows(figure *f, bool first, size_t from, size_t to, const char *use)
{
  text_printf(&f->gp, "%s'%s.csv' skip 1 every ::%zu::%zu using %s", first ? "plot " : ", \\\n  ",
              f->name, from, to, use);
}

/* --- axes --- */
void range_add(range *r, double v)
{
  if (!isfinite(v) || (r->log && v <= 0))
    return;
  r->lo = !r->any || v < r->lo ? v : r->lo;
  r->hi = !r->any || v > r->hi ? v : r->hi;
  r->any = true;
}

void range_put(range *r, char axis, text *gp)
{
  double lo = r->any ? r->lo : 0, hi = r->any ? r->hi : 1;
  const bool log = r->log && lo > 0 && hi / lo >= 10; /* less than a decade has no ticks */
  if (log) {
    const double room = pow(hi / lo, 0.04);
    lo /= room;
    hi *= room;
  } else {
    const double room = hi > lo ? 0.04 * (hi - lo) : hi != 0 ? 0.05 * fabs(hi) : 0.5;
    lo -= room;
    hi += room;
  }
  text_printf(gp, "%s logscale %c\nset %crange [%.9g:%.9g]\nset format %c '%%g'\n",
              log ? "set" : "unset", axis, axis, r->down ? hi : lo, r->down ? lo : hi, axis);
}

/* --- files --- */
static rad_status write_one(figures *f, const figure *g, diag *d)
{
  const char *csv = arena_printf(&f->mem, "%s/%s.csv", f->dir, g->name);
  const char *gp = arena_printf(&f->mem, "%s/%s.gp", f->dir, g->name);
  const char *svg = arena_printf(&f->mem, "%s/%s.svg", f->dir, g->name);
  const char *png = arena_printf(&f->mem, "%s/%s.png", f->dir, g->name);
  if (!csv || !gp || !svg || !png || g->csv.failed || g->gp.failed)
    return RAD_ENOMEM;
  unlink(svg); /* of another time: nobody shall take it for this one */
  unlink(png);
  RAD_TRY(fs_write(csv, g->csv.s, g->csv.n, d));
  return fs_write(gp, g->gp.s, g->gp.n, d);
}

/* One process for all, once for each format. */
static rad_status run_gnuplot(figures *f, diag *d)
{
  static const char *const format[] = {"format='svg'", "format='png'"};
  const char *log = fs_join(&f->mem, f->dir, "gnuplot.log");
  const char **argv = arena_alloc(&f->mem, (2 * (f->n + 2) + 2) * sizeof *argv);
  size_t n = 0;
  if (!log || !argv)
    return RAD_ENOMEM;
  argv[n++] = "gnuplot";
  for (size_t k = 0; k < 2; k++) {
    argv[n++] = "-e";
    argv[n++] = format[k];
    for (size_t i = 0; i < f->n; i++)
      if (!(argv[n++] = arena_printf(&f->mem, "%s.gp", f->v[i]->name)))
        return RAD_ENOMEM;
  }
  unlink(log);
  const rad_status s = spawn_run(argv, f->dir, log, d);
  if (s == RAD_OK)
    unlink(log);
  return s;
}

rad_status figures_draw(figures *f, diag *d)
{
  diag own = {0};
  if (f->failed)
    return RAD_ENOMEM;
  RAD_TRY(fs_mkdirs(f->dir, d));
  for (size_t i = 0; i < f->n; i++)
    RAD_TRY(write_one(f, f->v[i], d));
  if (f->n == 0)
    return RAD_OK;
  const rad_status s = run_gnuplot(f, &own);
  diag_free(&own);
  if (s == RAD_ENOMEM)
    return s;
  if (s == RAD_DONE)
    f->trouble = "gnuplot is not installed: figures are left as data (CSV) and scripts (.gp)";
  else if (s < 0)
    f->trouble = "gnuplot failed; figures/gnuplot.log says why";
  for (size_t i = 0; i < f->n; i++) {
    const char *svg = arena_printf(&f->mem, "%s/%s.svg", f->dir, f->v[i]->name);
    f->v[i]->drawn = svg && fs_is_file(svg);
  }
  return RAD_OK;
}

void figures_free(figures *f)
{
  for (size_t i = 0; i < f->n; i++)
    free_figure(f->v[i]);
  arena_free(&f->mem);
  *f = (figures){0};
}
