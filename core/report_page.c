/* SPDX-License-Identifier: BSD-3-Clause
 * report_page.c - the page: verdict first, then figures, trials, network, what was asked,
 * environment, failures; several runs one after the other, and a table of all their arms before. */
#include "arm.h"
#include "report.h"
#include "trial_table.h"
#include <inttypes.h>
#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

enum { MOST_NETWORKS = 6, MOST_FAILURES = 300 };

static void heading(text *t, const run_dir *r, const char *id, const char *title)
{
  text_puts(t, "<h2 id=\"");
  html_text(t, r->prefix);
  text_printf(t, "%s\">%s</h2>\n", id, title);
}

/* --- top --- */
static void put_state(const run_dir *r, text *t)
{
  const record *e = &r->record;
  size_t state[TRIAL_FAILED + 1] = {0};
  for (size_t i = 0; i < e->n; i++)
    state[e->trial[i]->state]++;
  text_printf(t, "<p class=\"dim\">%zu trial%s", e->n, e->n == 1 ? "" : "s");
  for (int k = 0; k <= TRIAL_FAILED; k++)
    if (state[k] > 0)
      text_printf(t, ", %zu %s", state[k],
                  k == TRIAL_RUNNING ? "not ended" : trial_state_name((enum trial_state)k));
  text_printf(t, "; %zu arm%s, %zu seed%s; %.0f s</p>\n", r->x.narm, r->x.narm == 1 ? "" : "s",
              r->x.nseed, r->x.nseed == 1 ? "" : "s", e->wall);
  if (e->complete)
    return;
  const size_t open = run_dir_open_jobs(r);
  text_printf(t,
              "<p class=\"warn\">This run is incomplete: it was stopped, or goes on. %zu job%s of "
              "the trials that have begun %s not ended. What is here is what its journal "
              "has.</p>\n",
              open, open == 1 ? "" : "s", open == 1 ? "has" : "have");
}

/* --- figures --- */
static rad_status put_figures(const run_dir *r, const figures *fs, text *t, diag *d)
{
  const size_t minor = html_count(fs, r, FIGURE_MINOR);
  heading(t, r, "figures", "Figures");
  if (fs->trouble)
    html_put(t, "p class=\"warn\"", fs->trouble);
  RAD_TRY(html_figures(t, fs, r, FIGURE_PLAIN, d));
  if (minor == 0)
    return RAD_OK;
  text_printf(t, "<details><summary>%zu more curves</summary>", minor);
  RAD_TRY(html_figures(t, fs, r, FIGURE_MINOR, d));
  text_puts(t, "</details>\n");
  return RAD_OK;
}

static rad_status put_chains(run_dir *r, const figures *fs, text *t, diag *d)
{
  if (!chains_any(r))
    return RAD_OK;
  heading(t, r, "compression", "Compression");
  chains_put_table(r, t);
  return html_figures(t, fs, r, FIGURE_CHAINS, d);
}

/* --- trials --- */
static rad_status put_trials(run_dir *r, text *t)
{
  trial_table table;
  const trial_column *column[MOST_COLUMNS];
  const char *head[MOST_COLUMNS];
  size_t n = 0;
  char room[64];
  html_table h;
  RAD_TRY(trial_table_new(&table, &r->record));
  char *id = arena_printf(&r->mem, "%strials", r->prefix);
  for (size_t k = 0; k < table.n && n < MOST_COLUMNS; k++) {
    const trial_column *c = &table.column[k];
    if (c->minor)
      continue;
    head[n] = column_is_words(&table, c) ? arena_printf(&r->mem, "<%s", c->name) : c->name;
    head[n] = head[n] ? head[n] : "";
    column[n++] = c;
  }
  heading(t, r, "trials-of", "Trials");
  html_table_begin(&h, t, id ? id : "trials", head, n);
  for (size_t i = 0; i < r->record.n; i++)
    for (size_t k = 0; k < n; k++)
      html_cell(&h, trial_word(&table, r->record.trial[i], column[k], 4, room));
  html_table_end(&h);
  html_put(t, "p class=\"dim\"",
           "Metrics are means over seeds, of the last epoch. \">60\": some seed "
           "had not fitted after 60 epochs.");
  trial_table_free(&table);
  return RAD_OK;
}

/* --- network --- */
static char *network_text(run_dir *r, const trial *tr)
{
  config c = {0};
  arm_plan plan;
  text table = {0};
  diag own = {0}, *user = r->env->diag;
  char *path = trial_config(&r->mem, r->dir, tr->known.index);
  r->env->diag = &own; /* data may be elsewhere: a report without this table is still one */
  rad_status s = path ? config_read(&c, NULL, path, NULL, 0, &own) : RAD_ENOMEM;
  if (s >= 0)
    s = arm_inspect(r->env, &c, r->x.arm[0], &plan, &table);
  r->env->diag = user;
  char *out = s >= 0
                  ? arena_strdup(&r->mem, text_str(&table))
                  : arena_printf(&r->mem, "It cannot be built here:\n%s", text_str(&own.messages));
  diag_free(&own);
  text_free(&table);
  config_free(&c);
  return out;
}

static void put_networks(run_dir *r, text *t)
{
  const char *seen[MOST_NETWORKS];
  size_t n = 0;
  heading(t, r, "network", "Network");
  for (size_t i = 0; i < r->nshown && n < MOST_NETWORKS; i++) {
    const char *s = network_text(r, r->shown[i]);
    size_t k = 0;
    while (s && k < n && strcmp(seen[k], s) != 0)
      k++;
    if (!s || k < n)
      continue;
    seen[n++] = s;
    if (r->record.n > 1) {
      text_printf(t, "<h3>Trial %" PRIu64 ": ", r->shown[i]->known.index);
      html_text(t, trial_label(r, r->shown[i]));
      text_puts(t, "</h3>\n");
    }
    html_put(t, "pre", s);
  }
}

/* --- what was asked, where it ran --- */
static void put_fact(text *t, const char *name, const char *value)
{
  if (!value || !*value)
    return;
  text_printf(t, "<tr><th class=\"t\" scope=\"row\">%s</th><td class=\"t\">", name);
  html_text(t, value);
  text_puts(t, "</td></tr>\n");
}

static void put_list(const run_dir *r, text *t, const char *member, const char *const *head,
                     const char *const *key, size_t n)
{
  const json_t *list = json_object_get(r->manifest, member), *o;
  size_t i;
  html_table h;
  char id[64], room[32];
  if (json_array_size(list) == 0)
    return;
  snprintf(id, sizeof id, "%.40s%s", r->prefix, member);
  text_printf(t, "<details><summary>%s</summary>\n", head[n]);
  html_table_begin(&h, t, id, head, n);
  json_array_foreach(list, i, o)
  {
    for (size_t k = 0; k < n; k++) {
      const char *s = json_member_text(o, key[k]);
      const double v = json_member_double(o, key[k]);
      html_cell(&h, s ? s : isnan(v) ? "" : text_from_double(room, v));
    }
  }
  html_table_end(&h);
  text_puts(t, "</details>\n");
}

static void put_asked(run_dir *r, text *t)
{
  static const char *const head[] = {"<key", "<value", "<instead of", "<said in",
                                     "What the file itself and the command line say"};
  static const char *const key[] = {"key", "value", "was", "from"};
  text ini = {0};
  const char *command = json_member_text(r->manifest, "command");
  heading(t, r, "asked", "What was asked");
  if (command)
    html_put(t, "pre", command);
  put_list(r, t, "own", head, key, 4);
  config_write(&r->x.base, &ini);
  text_puts(t, "<details><summary>The resolved experiment (config.ini)</summary>\n");
  html_put(t, "pre", text_str(&ini));
  text_puts(t, "</details>\n");
  text_free(&ini);
}

static void put_times(run_dir *r, text *t)
{
  static const char *const head[] = {"<arm", "jobs ended", "mean (s)", "longest (s)",
                                     "per epoch (s)"};
  html_table h;
  char room[64];
  char *id = arena_printf(&r->mem, "%stimes", r->prefix);
  html_table_begin(&h, t, id ? id : "times", head, 5);
  for (size_t a = 0; a < r->x.narm; a++) {
    double n = 0, sum = 0, most = 0, epochs = 0;
    for (size_t i = 0; i < r->record.n; i++)
      for (size_t k = 0; k < r->x.nseed; k++) {
        const job *j = &r->record.trial[i]->job[a * r->x.nseed + k];
        n += j->state >= JOB_COMPLETE;
        sum += j->seconds;
        most = j->seconds > most ? j->seconds : most;
        epochs += (double)j->epochs;
      }
    const double v[] = {n, sum / n, most, sum / epochs};
    html_cell(&h, r->x.arm[a]);
    for (size_t k = 0; k < 4; k++) {
      snprintf(room, sizeof room, "%.4g", v[k]);
      html_cell(&h, isfinite(v[k]) ? room : "");
    }
  }
  html_table_end(&h);
}

static void put_environment(run_dir *r, text *t)
{
  static const char *const plugin_head[] = {"<kind",   "<name", "<version",
                                            "<sha256", "<file", "Plugins"};
  static const char *const plugin_key[] = {"kind", "name", "version", "sha256", "file"};
  static const char *const data_head[] = {"<file", "bytes", "<sha256", "Data"};
  static const char *const data_key[] = {"path", "bytes", "sha256"};
  const json_t *host = json_object_get(r->manifest, "host");
  heading(t, r, "environment", "Environment and timings");
  text_puts(t, "<div class=\"wide\"><table>\n");
  put_fact(t, "folder", r->dir);
  put_fact(t, "rademacher", json_member_text(r->manifest, "version"));
  put_fact(t, "begun", json_member_text(r->manifest, "start"));
  put_fact(t, "host", json_member_text(host, "name"));
  put_fact(t, "system", json_member_text(host, "system"));
  put_fact(t, "release", json_member_text(host, "release"));
  put_fact(t, "machine", json_member_text(host, "machine"));
  put_fact(t, "arithmetic", r->record.fingerprint);
  put_fact(t, "changed",
           r->record.changed ? "the arithmetic has changed in mid-study, and that "
                               "was accepted"
                             : NULL);
  text_puts(t, "</table></div>\n");
  put_times(r, t);
  put_list(r, t, "plugins", plugin_head, plugin_key, 5);
  put_list(r, t, "data", data_head, data_key, 3);
}

/* --- failures --- */
static void put_failure(const run_dir *r, html_table *h, const trial *tr, const job *j)
{
  char room[32];
  const char *reason = j ? j->reason : tr->reason;
  snprintf(room, sizeof room, "%" PRIu64, tr->known.index);
  html_cell(h, room);
  html_cell(h, j ? r->x.arm[j->arm] : "");
  snprintf(room, sizeof room, "%" PRIu64, j ? r->x.seed[j->seed] : 0);
  html_cell(h, j ? room : "");
  html_cell(h, j && j->state == JOB_DIVERGED     ? "diverged"
               : j && j->state != JOB_FAILED     ? "crashed, then went on"
               : !j && tr->state == TRIAL_PRUNED ? "pruned"
                                                 : "failed");
  snprintf(room, sizeof room, "%" PRId32, j ? j->crashes : 0);
  html_cell(h, room);
  html_cell(h, reason ? reason : "");
}

static void put_failures(run_dir *r, text *t)
{
  static const char *const head[] = {"trial", "<arm", "seed", "<what", "crashes", "<reason"};
  html_table h;
  size_t n = 0;
  char *id = arena_printf(&r->mem, "%sfailures-of", r->prefix);
  for (size_t i = 0; i < r->record.n && n < MOST_FAILURES; i++) {
    const trial *tr = r->record.trial[i];
    bool any = false;
    for (size_t k = 0; k <= tr->njob; k++) {
      const job *j = k < tr->njob ? &tr->job[k] : NULL;
      const bool bad = j ? j->state == JOB_FAILED || j->state == JOB_DIVERGED || j->crashes > 0
                         : !any && tr->reason;
      if (!bad)
        continue;
      any = true;
      if (n++ == 0) {
        heading(t, r, "failures", "Failed and pruned");
        html_table_begin(&h, t, id ? id : "failures", head, 6);
      }
      put_failure(r, &h, tr, j);
    }
  }
  if (n > 0)
    html_table_end(&h);
}

/* --- the whole --- */
static rad_status put_run(run_dir *r, const figures *fs, bool alone, text *t, diag *d)
{
  static const char *const part[] = {"figures", "compression", "trials-of",
                                     "network", "asked",       "environment"};
  static const char *const word[] = {"Figures", "Compression",    "Trials",
                                     "Network", "What was asked", "Environment"};
  text_printf(t, alone ? "<h1>" : "<h1 id=\"%s\">", r->prefix);
  html_text(t, r->record.name);
  text_printf(t, " <span class=\"state\">%s</span></h1>\n",
              r->record.complete ? "complete" : "incomplete");
  put_state(r, t);
  text_puts(t, "<nav>");
  for (size_t i = 0; i < sizeof part / sizeof *part; i++)
    if (strcmp(part[i], "compression") != 0 || chains_any(r))
      text_printf(t, "<a href=\"#%s%s\">%s</a>", r->prefix, part[i], word[i]);
  text_puts(t, "</nav>\n");
  verdict_html(r, t);
  RAD_TRY(put_figures(r, fs, t, d));
  RAD_TRY(put_chains(r, fs, t, d));
  importance_put(r, t);
  images_put(r, t);
  RAD_TRY(put_trials(r, t));
  put_networks(r, t);
  put_asked(r, t);
  put_environment(r, t);
  put_failures(r, t);
  return RAD_OK;
}

/* Side by side: each arm of each run, with the columns that some run has. */
static rad_status put_comparison(run_dir *r, size_t n, const figures *fs, text *t, diag *d)
{
  const char *head[MOST_COLUMNS] = {"<run", "<trial", "<arm"};
  size_t columns = 3;
  html_table h;
  for (size_t i = 0; i < n; i++)
    columns = verdict_titles(r[i].verdict, r[i].nverdict, head, 3, columns);
  text_printf(t, "<h1>%zu runs</h1>\n", n);
  html_table_begin(&h, t, "comparison", head, columns);
  for (size_t i = 0; i < n; i++)
    for (size_t k = 0; k < r[i].nverdict; k++)
      verdict_rows(&r[i], &h, &r[i].verdict[k], r[i].record.name, true, head, columns);
  html_table_end(&h);
  html_put(t, "p class=\"dim\"",
           "Of each run the best trial; without an objective all, where they "
           "are few.");
  text_puts(t, "<div class=\"figures\">\n");
  for (size_t i = 0; i < fs->n; i++)
    if (strncmp(fs->v[i]->name, "compared-", 9) == 0)
      RAD_TRY(html_figure(t, fs, fs->v[i], d));
  text_puts(t, "</div>\n");
  return RAD_OK;
}

rad_status page_write(run_dir *r, size_t n, const figures *fs, text *out, diag *d)
{
  html_begin(out, n == 1 ? r->record.name : "rademacher: several runs");
  text_puts(out, "<main>\n");
  if (n > 1)
    RAD_TRY(put_comparison(r, n, fs, out, d));
  for (size_t i = 0; i < n; i++)
    RAD_TRY(put_run(&r[i], fs, n == 1, out, d));
  text_printf(out, "</main>\n<p class=\"dim\">Drawn by rademacher %s.</p>\n", PACKAGE_VERSION);
  html_end(out);
  return out->failed ? RAD_ENOMEM : RAD_OK;
}
