/* SPDX-License-Identifier: BSD-3-Clause
 * report_kept.c - the table of the report's section on compression: of each compressor and arm the
 * smallest sizes that keep most of the first network's metric. */
#include "chains.h"
#include "report.h"
#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <string.h>

static void put_rounds(html_table *h, const run_dir *r, size_t shown, size_t arm, const char *chain)
{
  char room[96] = "", name[192], diverged[192];
  double least = 0, most = 0;
  size_t n = 0, broken = 0;
  snprintf(diverged, sizeof diverged, "%s.diverged", chain);
  snprintf(name, sizeof name, "%s.round", chain);
  for (size_t k = arm * r->x.nseed; k < (arm + 1) * r->x.nseed; k++) {
    const series *s = run_dir_series(r, shown, k, name);
    const double last = s && s->n > 0 ? s->value[s->n - 1] : -1;
    broken += job_metric(&r->shown[shown]->job[k], diverged) > 0;
    if (last < 0)
      continue;
    least = n == 0 || last < least ? last : least;
    most = n == 0 || last > most ? last : most;
    n++;
  }
  if (n > 0 && least == most)
    snprintf(room, sizeof room, "%.0f", most);
  else if (n > 0)
    snprintf(room, sizeof room, "%.0f to %.0f", least, most);
  if (broken > 0)
    snprintf(room + strlen(room), sizeof room - strlen(room), "; then diverged in %zu of %zu seeds",
             broken, n);
  html_cell(h, room);
}

static void put_kept(html_table *h, const json_t *chain, size_t k, const char *arm)
{
  text cell = {0};
  const chain_spread s = chain_kept(chain, k, arm);
  if (s.n > 0 && s.none == s.n)
    text_puts(&cell, "no round");
  else if (s.n > 0)
    chain_spread_put(&s, 100, " %", &cell);
  if (s.none > 0 && s.none < s.n)
    text_printf(&cell, "; no round in %zu of %zu seeds", s.none, s.n);
  html_cell(h, text_str(&cell));
  text_free(&cell);
}

static void put_times(html_table *h, const json_t *chain, size_t k, const char *arm,
                      const char *ref)
{
  text cell = {0};
  const chain_spread s = chain_ratio(chain, k, arm, ref);
  if (arm != ref && s.n > 0 && s.none < s.n && (s.less == 0 || s.more == 0))
    chain_spread_put(&s, 1, "", &cell);
  html_cell(h, text_str(&cell));
  text_free(&cell);
}

static void put_rows(html_table *h, run_dir *r, size_t shown, const json_t *all)
{
  const char *ref = r->x.arm[chain_reference(r->x.arm, r->x.narm)], *name;
  json_t *chain;
  char room[32];
  json_object_foreach((json_t *)(uintptr_t)all, name, chain) for (size_t a = 0; a < r->x.narm; a++)
  {
    if (r->record.n > 1) {
      snprintf(room, sizeof room, "%" PRIu64, r->shown[shown]->known.index);
      html_cell(h, room);
    }
    html_cell(h, name);
    html_cell(h, r->x.arm[a]);
    put_rounds(h, r, shown, a, name);
    html_cell(h, chain_size_word(chain));
    for (size_t k = 0; k < CHAIN_SHARES; k++) {
      put_kept(h, chain, k, r->x.arm[a]);
      if (r->x.narm > 1)
        put_times(h, chain, k, r->x.arm[a], ref);
    }
  }
}

static void put_notes(const run_dir *r, const char *metric, text *t)
{
  text_puts(t, "<p class=\"dim\">The smallest size that keeps so much of the first network's ");
  html_text(t, metric);
  text_puts(t,
            ", as a share of its size in what some round changes (weights that are not masked; "
            "else parameters, bytes, bytes after coding). It is that of a round: all smaller ones "
            "kept less.");
  if (r->x.nseed > 1)
    text_puts(t, " Geometric means over seeds, with their 95 % intervals (Student's t of the "
                 "logarithms); ratios are taken seed by seed.");
  else
    text_puts(t, " One seed: no interval.");
  text_puts(t, "</p>\n");
}

void chains_put_table(run_dir *r, text *t)
{
  const char *const ref = r->x.arm[chain_reference(r->x.arm, r->x.narm)];
  const char *head[9], *id = arena_printf(&r->mem, "%skept", r->prefix);
  html_table h;
  char metric[64] = "";
  size_t n = 0;
  if (r->record.n > 1)
    head[n++] = "trial";
  head[n++] = "<compressor";
  head[n++] = "<arm";
  head[n++] = "rounds";
  head[n++] = "<size in";
  for (size_t k = 0; k < CHAIN_SHARES; k++) {
    const char *keeps = arena_printf(&r->mem, "<keeps %d %%", chain_share[k]);
    const char *times = arena_printf(&r->mem, "<times %s (%d %%)", ref, chain_share[k]);
    head[n++] = keeps ? keeps : "";
    if (r->x.narm > 1)
      head[n++] = times ? times : "";
  }
  html_table_begin(&h, t, id ? id : "kept", head, n);
  for (size_t i = 0; i < r->nshown; i++) {
    json_t *all = chains_of(r, i);
    put_rows(&h, r, i, all);
    if (all)
      snprintf(metric, sizeof metric, "%s", chains_metric(all));
    json_decref(all);
  }
  html_table_end(&h);
  put_notes(r, metric, t);
}
