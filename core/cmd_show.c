/* SPDX-License-Identifier: BSD-3-Clause
 * cmd_show.c - `rademacher show`: one trial of a run, with all that is known of its jobs. */
#include "commands.h"
#include "report.h"
#include <getopt.h>
#include <inttypes.h>
#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

const char show_usage[] =
    "Usage: rademacher show DIR TRIAL [options]\n"
    "\n"
    "Prints one trial of a run: searched keys, verdict, and of each job its state and metrics.\n"
    "\n"
    "  rademacher show runs/search 17\n"
    "\n"
    "      --plugin-dir DIR    look for plugins here first\n"
    "  -h, --help              this text\n";

static void put_number(text *out, double v)
{
  if (isnan(v))
    text_printf(out, " %12s", "-");
  else
    text_printf(out, " %12.6g", v);
}

static void put_job(const run_dir *r, const job *j, text *out)
{
  text_printf(out, "\n%s, seed %" PRIu64 ": %s", r->x.arm[j->arm], r->x.seed[j->seed],
              job_state_name(j->state));
  if (j->state >= JOB_COMPLETE)
    text_printf(out, " after %" PRIu64 " of %" PRIu64 " epochs, %.1f s", j->epochs,
                j->trial->epochs[j->arm], j->seconds);
  if (j->crashes > 0)
    text_printf(out, ", %" PRId32 " crash%s", j->crashes, j->crashes == 1 ? "" : "es");
  text_printf(out, "%s%s\n", j->reason ? ": " : "", j->reason ? j->reason : "");
  if (j->nmetric > 0)
    text_printf(out, "  %-28s %12s %12s %12s\n", "metric", "last", "greatest", "smallest");
  for (size_t m = 0; m < j->nmetric; m++) {
    text_printf(out, "  %-28s", j->metric[m].name);
    put_number(out, j->metric[m].last);
    put_number(out, j->metric[m].max);
    put_number(out, j->metric[m].min);
    text_puts(out, "\n");
  }
}

static rad_status put_trial(run_dir *r, const trial *t, text *out)
{
  char room[32];
  verdict v;
  text_printf(out, "Trial %" PRIu64 " of %s: %s", t->known.index, r->record.name,
              trial_state_name(t->state));
  text_printf(out, "%s%s\n", t->reason ? ": " : "", t->reason ? t->reason : "");
  for (size_t i = 0; i < r->x.space.n; i++)
    if (!isnan(t->value[i]))
      text_printf(out, "  %s = %s\n", r->x.space.dim[i].d.name,
                  space_text(&r->x.space.dim[i], t->value[i], room));
  for (size_t k = 0; t->state == TRIAL_COMPLETE && k < r->record.nscore; k++)
    text_printf(out, "  %s %.9g%s\n", r->record.nscore == 1 ? "objective" : r->x.term[k].metric,
                t->score[k], trial_feasible(&r->record, t) ? "" : " (breaks a constraint)");
  text_printf(out, "  runs alone: rademacher run %s/trials/%04" PRIu64 "/config.ini\n", r->dir,
              t->known.index);
  RAD_TRY(verdict_read(&v, r->summary, (int64_t)t->known.index, r->dir, r->env->diag));
  if (v.any) {
    text_puts(out, "\n");
    verdict_put(&v, out);
  }
  verdict_free(&v);
  for (size_t i = 0; i < t->njob; i++)
    put_job(r, &t->job[i], out);
  return RAD_OK;
}

static rad_status show(env *e, const char *dir, const char *which)
{
  run_dir r;
  text out = {0};
  int64_t id = -1;
  RAD_TRY(run_dir_open(&r, e, dir, false));
  rad_status s = run_dir_summary(&r);
  if (s >= 0 && (!text_to_int64(which, &id) || id < 0 || (uint64_t)id >= r.record.n))
    s = diag_error(e->diag, RAD_EINVAL, (origin){0},
                   "%s: has no trial '%s'; there are %zu, from 0 on", dir, which, r.record.n);
  if (s >= 0)
    s = put_trial(&r, r.record.trial[id], &out);
  if (s >= 0)
    fputs(text_str(&out), stdout);
  text_free(&out);
  run_dir_free(&r);
  return s;
}

int cmd_show(int argc, char **argv)
{
  static const struct option longs[] = {{"plugin-dir", required_argument, NULL, 'p'},
                                        {"help", no_argument, NULL, 'h'},
                                        {NULL, 0, NULL, 0}};
  const char *plugin_dir = NULL;
  optind = 1;
  for (int c; (c = getopt_long(argc, argv, "h", longs, NULL)) != -1;)
    if (c == 'p')
      plugin_dir = optarg;
    else {
      fputs(c == 'h' ? show_usage : "", stdout);
      return c == 'h' ? EXIT_DONE : EXIT_USAGE;
    }
  if (argc - optind != 2) {
    fputs("rademacher: show what? Name a run directory and a trial, e.g. runs/search 17\n", stderr);
    return EXIT_USAGE;
  }
  diag g = {0};
  env e = {.diag = &g};
  rad_status s = plugins_new(&e.plugins, plugin_dir, &g);
  if (s >= 0)
    s = show(&e, argv[optind], argv[optind + 1]);
  diag_flush(&g);
  plugins_free(e.plugins);
  env_free(&e);
  diag_free(&g);
  return exit_status(s);
}
