/* SPDX-License-Identifier: BSD-3-Clause
 * report_verdict.c - the top of the page: which arms have fitted, in words and as a table; the
 * winner's training for [final]. */
#include "report.h"
#include <inttypes.h>
#include <string.h>

size_t verdict_titles(const verdict *v, size_t nv, const char **head, size_t from, size_t n)
{
  for (size_t i = 0; i < nv; i++)
    for (size_t k = 0; k < v[i].ncolumn; k++) {
      size_t at = from;
      while (at < n && strcmp(head[at], v[i].title[k]) != 0)
        at++;
      if (at == n && n < MOST_COLUMNS)
        head[n++] = v[i].title[k];
    }
  return n;
}

void verdict_rows(run_dir *r, html_table *h, const verdict *v, const char *run, bool trials,
                  const char *const *head, size_t n)
{
  for (size_t a = 0; a < v->narm; a++) {
    if (run)
      html_cell(h, run);
    if (trials)
      html_cell(h, trial_label(r, r->record.trial[v->trial]));
    html_cell(h, v->arm[a]);
    for (size_t at = 1 + (run ? 1u : 0) + (trials ? 1u : 0); at < n; at++) {
      size_t k = 0;
      while (k < v->ncolumn && strcmp(v->title[k], head[at]) != 0)
        k++;
      html_cell(h, k < v->ncolumn ? v->cell[a * v->ncolumn + k] : "");
    }
  }
}

static void put_arms(run_dir *r, const char *name, const verdict *v, size_t nv, text *t)
{
  const bool trials = nv > 1;
  const char *head[MOST_COLUMNS] = {"<arm"};
  if (trials) {
    head[0] = "<trial";
    head[1] = "<arm";
  }
  html_table h;
  char *id = arena_printf(&r->mem, "%s%s", r->prefix, name);
  const size_t n = verdict_titles(v, nv, head, trials ? 2 : 1, trials ? 2 : 1);
  html_table_begin(&h, t, id ? id : name, head, n);
  for (size_t i = 0; i < nv; i++)
    verdict_rows(r, &h, &v[i], NULL, trials, head, n);
  html_table_end(&h);
}

static void put_words(run_dir *r, const char *words, text *t)
{
  for (const char *s = words; *s;) {
    const size_t n = strcspn(s, "\n");
    char *line = arena_strndup(&r->mem, s, n);
    html_put(t, "p", line ? line : "");
    s += n + (s[n] == '\n');
  }
}

static void put_sentences(run_dir *r, const verdict *v, text *t)
{
  text_puts(t, "<div class=\"verdict\">\n");
  if (r->record.n > 1) {
    text_printf(t, "<h3>%s %" PRIu64 ": ",
                r->nverdict > 1        ? "Trial"
                : r->record.nscore > 0 ? "The best trial,"
                                       : "The first trial,",
                v->trial);
    html_text(t, trial_label(r, r->record.trial[v->trial]));
    text_puts(t, "</h3>\n");
  }
  put_words(r, v->words, t);
  text_puts(t, "</div>\n");
}

/* The winner's training for [final], with seeds of its own. */
static void put_final(run_dir *r, text *t)
{
  text title = {0};
  if (r->final.any) {
    verdict_final_title(r->summary, &title);
    text_puts(t, "<div class=\"verdict\">\n");
    html_put(t, "h3", text_str(&title));
    put_words(r, r->final.words, t);
    put_arms(r, "final", &r->final, 1, t);
    text_clear(&title);
    verdict_final_warning(r->summary, &title);
    if (title.n > 0)
      html_put(t, "p class=\"warn\"", text_str(&title));
    text_puts(t, "</div>\n");
  }
  text_free(&title);
}

/* What measures tell of the whole study. */
static void put_measures(const run_dir *r, text *t)
{
  for (size_t i = 0; i < r->record.nmetric; i++) {
    text_puts(t, i == 0 ? "<p>Of the whole study: " : ", ");
    html_text(t, r->record.metric[i].name);
    text_printf(t, " = %.6g", r->record.metric[i].last);
  }
  text_puts(t, r->record.nmetric > 0 ? ".</p>\n" : "");
}

void verdict_html(run_dir *r, text *t)
{
  for (size_t i = 0; i < r->nverdict; i++)
    put_sentences(r, &r->verdict[i], t);
  put_measures(r, t);
  if (r->x.objective.allow_test)
    html_put(t, "p class=\"warn\"",
             "The test split took part in the selection: its numbers are no "
             "estimate.");
  if (r->nverdict == 0) {
    html_put(t, "p", "No trial has ended yet.");
    return;
  }
  put_arms(r, "arms", r->verdict, r->nverdict, t);
  html_put(t, "p class=\"dim\"",
           r->x.nseed > 1 ? "Means over seeds, +- the half width of their 95 % "
                            "interval (Student's t)."
                          : "One seed: no interval.");
  put_final(r, t);
}
