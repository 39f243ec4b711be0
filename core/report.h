/* SPDX-License-Identifier: BSD-3-Clause
 * report.h - run directories as one page and its figures. Each part uses those above it:
 *   report_run.c      a run directory as it is read: record, curves, verdict
 *   report_figure.c   figures: CSV, gnuplot script, SVG and PNG
 *   report_curves.c   learning curves
 *   report_compare.c  several runs in one figure
 *   report_sweep.c    epochs to fit and error against what was varied
 *   report_search.c   objective over trials, by dimension, parallel coordinates
 *   report_importance.c  what decided: shares, marginal curves, the top tenth against the rest
 *   report_weights.c  histograms of weights
 *   report_chains.c   what rounds of compressors have left
 *   report_kept.c     how far compressors could go, as a table
 *   report_html.c     HTML: escaped text, tables, inlined SVG
 *   report_images.c   samples as they were trained on, filters of the first layer
 *   report_verdict.c  the top of the page: arms in words and as a table
 *   report_page.c     the page
 *   report.c          all of it, in order */
#ifndef CORE_REPORT_H
#define CORE_REPORT_H
#include "fs.h"
#include "record.h"
#include "verdict.h"

/* --- report_run.c --- */
enum { MOST_SHOWN = 12, BEST_SHOWN = 4 }; /* trials that have curves of their own; of more */
typedef struct series { /* a metric of one job over its epochs, finite values only */
  const job *job;
  const char *name;      /* "train.loss" */
  double *epoch, *value; /* (n) */
  size_t n, cap;
  struct series *next; /* of the same job */
} series;
typedef struct run_dir {
  const char *dir;    /* as it was named */
  const char *prefix; /* of ids and figures: "", or "NAME-" where there are several */
  env *env;
  experiment x;
  record record;
  struct json_t *manifest, *summary; /* manifest NULL: the run did not come that far */
  verdict *verdict; /* (nverdict) of the best trial; without an objective of all that are shown */
  size_t nverdict;
  verdict final;       /* of the winner's training for [final] */
  const trial **shown; /* (nshown) all, or of many the best */
  size_t nshown;
  series **series; /* (nshown,narm,nseed) of each job its first, or NULL */
  arena mem;
} run_dir;
/* Of dir and env alone: a folder that is empty, foreign or damaged is an error that says so. */
rad_status run_dir_check(run_dir *);
/* As run_dir_check, then all but curves. `curves`: also the metrics
 * of each epoch of the trials that are shown. */
rad_status run_dir_open(run_dir *, env *, const char *dir, bool curves);
rad_status run_dir_summary(run_dir *); /* part of `curves` too */
void run_dir_free(run_dir *);
/* Of shown[i], job k; NULL: it has no value of it. */
const series *run_dir_series(const run_dir *, size_t i, size_t k, const char *metric);
bool dim_varies(const run_dir *, size_t d);        /* not the same in all trials */
const char *dim_label(const run_dir *, size_t d);  /* "hidden.units" */
const char *trial_label(run_dir *, const trial *); /* "network = mlp1, lr = 0.1" */
const char *objective_label(const run_dir *, size_t k);
bool metric_is_share(const char *name);                /* shown in per cent */
const char *metric_label(run_dir *, const char *name); /* "train accuracy (%)" */
size_t run_dir_open_jobs(const run_dir *);             /* of trials that have not ended */

/* --- report_figure.c --- */
typedef struct figure {
  const char *name, *title; /* of the files; a sentence */
  text csv, gp, caption;
  size_t rows; /* of the CSV, without its head */
  bool begun;  /* a row */
  enum figure_part { FIGURE_PLAIN, FIGURE_MINOR, FIGURE_CHAINS } part; /* where on the page */
  bool drawn;                                                          /* there is an SVG */
  size_t panels, columns;
  double width, height, top; /* px; of the key above the panels */
} figure;
typedef struct figures {
  const char *dir; /* where they go, absolute */
  figure **v;
  size_t n, cap;
  bool failed;         /* memory ran out */
  const char *trouble; /* why there are no SVG and PNG, or NULL */
  arena mem;
} figures;
figure *figure_new(figures *, const char *name, const char *title, const char *head); /* or NULL */
/* The same, with the run's prefix before the name. */
figure *figure_of(figures *, run_dir *, const char *name, const char *title, const char *head);
void figure_drop(figures *);          /* the last one */
void figure_number(figure *, double); /* cells of a row ... */
void figure_word(figure *, const char *);
size_t figure_row(figure *); /* ... and its end: which row it was */
/* An empty line: lines of a plot break here. */
void figure_gap(figure *);
/* The script: begin with the number of panels and what the key has, then each panel, then end. */
typedef struct key_entry {
  const char *label, *style; /* "with lines lc rgb '#0072B2'" */
} key_entry;
void figure_begin(figure *, size_t panels, const key_entry *, size_t nkey);
void figure_panel(figure *, size_t i, const char *title, const char *xlabel, const char *ylabel);
void figure_end(figure *);
void gp_string(text *, const char *);           /* quoted */
void figure_choices(const rad_dim *, text *gp); /* its words along the x axis */
/* ", 'NAME.csv' skip 1 every ::FROM::TO using USING", first of a plot without the comma. */
void figure_rows(figure *, bool first, size_t from, size_t to, const char *use);
const char *figure_color(size_t i); /* of the i-th line: Okabe and Ito's, black last */
typedef struct range {
  double lo, hi;
  bool log, any, down; /* down: the greatest value comes first */
} range;
void range_add(range *, double);
void range_put(range *, char axis, text *gp); /* with some room at both ends */
/* Writes all files and runs gnuplot, where there is one. */
rad_status figures_draw(figures *, diag *);
void figures_free(figures *);

/* --- figures of a run --- */
void figures_curves(figures *, run_dir *);
typedef struct curve {
  size_t from, all, to; /* rows of the CSV: up to `all` every seed is there; to == from: none */
  bool band, dashed;
  int mark; /* of gnuplot's points; 0: none */
} curve;
/* The rows of one arm of shown[i]: epoch, mean, lowest, highest, seeds, trial, arm, and `run` where
 * that is not NULL; widens the ranges of both axes. Then, in the script, its band and its line. */
curve curve_put(figure *, const run_dir *, size_t i, size_t arm, const char *metric, range axis[2],
                const char *run);
void curve_plot(figure *, const curve *, size_t color, bool share, bool *first);
const char *curve_style(arena *, size_t color); /* for the key; NULL: no memory */
/* Curves of the best trial of each of n runs, a panel for each arm: "compared-METRIC". */
void figures_compare(figures *, run_dir *, size_t n);
void figures_sweep(figures *, run_dir *);
void figures_search(figures *, run_dir *);
void figures_importance(figures *, run_dir *);
void importance_put(run_dir *, text *); /* the table */
void figures_weights(figures *, run_dir *);
void figures_chains(figures *, run_dir *);
bool chains_any(const run_dir *); /* of the trials that are shown */
/* Of shown[i], as the summary has it of a trial that has ended (chains.h), to be released; NULL:
 * there is none. */
struct json_t *chains_of(const run_dir *, size_t i);
/* Is a series of a round's own network, with no value between rounds? */
bool series_of_rounds(const run_dir *, size_t i, size_t k, const series *);
/* A file of the first seed's job of an arm; NULL: no memory. */
const char *job_file(run_dir *, const trial *, size_t arm, const char *name);
/* The first of the trials that are shown that has it of some arm; NULL: none. */
const trial *trial_with(run_dir *, const char *name);

/* --- report_kept.c --- */
void chains_put_table(run_dir *, text *); /* with what it means */

/* --- report_html.c --- */
void html_text(text *, const char *);                  /* escaped */
void html_put(text *, const char *tag, const char *s); /* "p class=\"warn\"": and its end */
void html_begin(text *, const char *title);
void html_end(text *);
typedef struct html_table { /* filled cell by cell; a title with "<" before it: a column of words */
  text *out;
  const char *id;
  const char *const *head;
  size_t columns, rows, cell;
  text rest; /* rows that only a script shows, as JSON */
} html_table;
void html_table_begin(html_table *, text *out, const char *id, const char *const *head,
                      size_t columns);
void html_cell(html_table *, const char *s);
void html_table_end(html_table *);
/* A figure with its caption: its SVG, ids made unique, black made the colour of the text. */
rad_status html_figure(text *, const figures *, const figure *, diag *);
/* Those of a run, of one part of its page; and how many they are. */
rad_status html_figures(text *, const figures *, const run_dir *, enum figure_part, diag *);
size_t html_count(const figures *, const run_dir *, enum figure_part);

/* --- report_images.c --- */
void images_put(run_dir *, text *);

/* --- report_verdict.c --- */
enum { MOST_COLUMNS = 40 }; /* of a table */
void verdict_html(run_dir *, text *);
/* Columns that some verdict has, after those that are there, from `from` on; how many they are. */
size_t verdict_titles(const verdict *, size_t nv, const char **head, size_t from, size_t n);
/* Rows of a table of arms; the run (NULL: no such column) and the trial stand before the arm. */
void verdict_rows(run_dir *, html_table *, const verdict *, const char *run, bool trials,
                  const char *const *head, size_t n);

/* --- report_page.c --- */
rad_status page_write(run_dir *, size_t n, const figures *, text *out, diag *);

/* --- report.c --- */
/* Reads `dir` (n), writes the page into `file` (NULL: report.html in the only folder) and figures/
 * beside it. */
rad_status report_write(env *, const char *const *dir, size_t n, const char *file, bool quiet);
#endif
