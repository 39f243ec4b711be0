/* SPDX-License-Identifier: BSD-3-Clause
 * cmd_help.c - `rademacher help`: kinds of sections, plugins and their keys, from the very tables
 * that check experiments. */
#include "commands.h"
#include "keys.h"
#include "plugin.h"
#include "study.h"
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const char help_usage[] = "Usage: rademacher help [KIND [NAME]] [options]\n"
                          "\n"
                          "Explains the sections of an experiment file: without KIND which there "
                          "are, with KIND its keys\n"
                          "and plugins, with NAME the keys of one plugin.\n"
                          "\n"
                          "  rademacher help layer\n"
                          "  rademacher help layer dense\n"
                          "\n"
                          "      --all               everything, as Markdown\n"
                          "      --plugin-dir DIR    look for plugins here first\n"
                          "  -h, --help              this text\n";

typedef struct reader { /* what there is to explain */
  plugins *plugins;
  const plugin *const *v; /* (n) */
  size_t n;
  diag *d;
  text out;
} reader;

static void put_keys(text *t, const rad_key *k, size_t n, const char *indent)
{
  for (size_t i = 0; i < n; i++) {
    text_puts(t, indent);
    keys_help(&k[i], t);
  }
}

static void put_plugin(text *t, const plugin *p, const char *indent)
{
  if (p->d.nkeys > 0)
    put_keys(t, p->d.keys, p->d.nkeys, indent);
  else
    text_printf(t, "%sno keys of its own\n", indent);
}

/* "[layer NAME]" */
static void put_title(text *t, const kind_info *k)
{
  if (k->flags & KIND_NAMED)
    text_printf(t, "[%s NAME]", k->name);
  else if (k->flags & KIND_BOTH)
    text_printf(t, "[%s] or [%s NAME]", k->name, k->name);
  else
    text_printf(t, "[%s]", k->name);
}

static void put_overview(reader *r)
{
  size_t n;
  const kind_info *k = kind_list(&n);
  text_puts(&r->out, "Sections of an experiment file:\n\n");
  for (size_t i = 0; i < n; i++)
    text_printf(&r->out, "  %-12s %s\n", k[i].name, k[i].help);
  text_puts(&r->out, "\n`rademacher help KIND` lists its keys and plugins, `rademacher help KIND "
                     "NAME` the keys of a plugin.\n");
}

static void put_kind(reader *r, const kind_info *k)
{
  put_title(&r->out, k);
  text_printf(&r->out, ": %s\n\nKeys:\n", k->help);
  put_keys(&r->out, k->common, k->ncommon, "  ");
  if (k->flags & KIND_FREE)
    text_puts(&r->out, "  and keys of the user's: docs/config.md\n");
  if (!(k->flags & KIND_PLUGIN))
    return;
  text_puts(&r->out, "\nPlugins:\n");
  size_t count = 0;
  for (size_t i = 0; i < r->n; i++)
    if (r->v[i]->d.kind == k->kind) {
      text_printf(&r->out, "  %-16s %s\n", r->v[i]->d.name, r->v[i]->d.summary);
      count++;
    }
  if (count == 0)
    text_puts(&r->out, "  none is installed\n");
}

static void put_one(reader *r, const kind_info *k, const plugin *p)
{
  text_printf(&r->out, "%s %s: %s\n", k->name, p->d.name, p->d.summary);
  if (p->d.reference)
    text_printf(&r->out, "Reference: %s\n", p->d.reference);
  text_printf(&r->out, "File: %s%s%s\n\nKeys:\n", p->file, *p->d.version ? ", version " : "",
              p->d.version);
  put_plugin(&r->out, p, "  ");
  for (size_t i = 0; p->d.metrics && p->d.metrics[i]; i++)
    text_printf(&r->out, "%s%s", i == 0 ? "\nReports: " : ", ",
                *p->d.metrics[i] ? p->d.metrics[i] : "its own name");
  text_printf(&r->out, "%s\nKeys of every %s:\n", p->d.metrics ? "\n" : "", k->name);
  put_keys(&r->out, k->common, k->ncommon, "  ");
}

static void put_markdown(reader *r)
{
  size_t n;
  const kind_info *k = kind_list(&n);
  text_puts(&r->out, "# Sections, plugins and keys\n\nMade by `rademacher help --all`.\n");
  for (size_t i = 0; i < n; i++) {
    text_printf(&r->out, "\n## %s\n\n`", k[i].name);
    put_title(&r->out, &k[i]);
    text_printf(&r->out, "`: %s.\n\n", k[i].help);
    put_keys(&r->out, k[i].common, k[i].ncommon, "    ");
    for (size_t j = 0; j < r->n; j++) {
      const plugin *p = r->v[j];
      if (k[i].kind == 0 || p->d.kind != k[i].kind)
        continue;
      text_printf(&r->out, "\n### %s %s\n\n%s.\n", k[i].name, p->d.name, p->d.summary);
      if (p->d.reference)
        text_printf(&r->out, "\n%s\n", p->d.reference);
      text_puts(&r->out, "\n");
      put_plugin(&r->out, p, "    ");
    }
  }
}

static rad_status explain(reader *r, int argc, char **argv, bool all)
{
  char hint[96];
  if (argc == 0 && !all) {
    put_overview(r);
    return RAD_OK;
  }
  const kind_info *k = argc > 0 ? kind_by_name(argv[0]) : NULL;
  if (argc > 0 && !k)
    return diag_error(r->d, RAD_EINVAL, (origin){0},
                      "there are no sections [%.80s]%s; `rademacher help` lists them", argv[0],
                      kind_hint(hint, argv[0]));
  if (argc > 1 && !(k->flags & KIND_PLUGIN))
    return diag_error(r->d, RAD_EINVAL, (origin){0},
                      "[%s] has no plugins; `rademacher help %s` lists its keys", k->name, k->name);
  if (argc > 1) {
    const plugin *p = plugins_find(r->plugins, k->kind, argv[1], (origin){0}, "help:", r->d);
    if (!p)
      return RAD_EINVAL;
    put_one(r, k, p);
    return RAD_OK;
  }
  RAD_TRY(plugins_scan(r->plugins, &r->v, &r->n, r->d));
  if (all)
    put_markdown(r);
  else
    put_kind(r, k);
  return RAD_OK;
}

static int complain(const char *what)
{
  fprintf(stderr, "rademacher: help: %s\n", what);
  return EXIT_USAGE;
}

/* An exit status, or -1: go on with the arguments from optind on. */
static int read_options(int argc, char **argv, const char **dir, bool *all)
{
  enum { ALL = 256, DIR };
  static const struct option longs[] = {{"all", no_argument, NULL, ALL},
                                        {"plugin-dir", required_argument, NULL, DIR},
                                        {"help", no_argument, NULL, 'h'},
                                        {NULL, 0, NULL, 0}};
  optind = 1;
  for (int c; (c = getopt_long(argc, argv, "h", longs, NULL)) != -1;)
    if (c == ALL)
      *all = true;
    else if (c == DIR)
      *dir = optarg;
    else {
      fputs(help_usage, c == 'h' ? stdout : stderr);
      return c == 'h' ? EXIT_DONE : EXIT_USAGE;
    }
  if (*all && optind < argc)
    return complain("--all explains everything: leave out KIND");
  return argc - optind > 2 ? complain("takes KIND and NAME, no more") : -1;
}

int cmd_help(int argc, char **argv)
{
  const char *dir = NULL;
  bool all = false;
  const int stop = read_options(argc, argv, &dir, &all);
  if (stop >= 0)
    return stop;
  diag d = {0};
  reader r = {.d = &d};
  rad_status s = plugins_new(&r.plugins, dir, &d);
  if (s == RAD_OK)
    s = explain(&r, argc - optind, argv + optind, all);
  if (s == RAD_OK && r.out.failed)
    s = RAD_ENOMEM;
  if (s == RAD_OK && (fputs(text_str(&r.out), stdout) < 0 || fflush(stdout) != 0))
    s = diag_error(&d, RAD_EIO, (origin){0}, "cannot write to standard output");
  diag_flush(&d);
  diag_free(&d);
  text_free(&r.out);
  plugins_free(r.plugins);
  return exit_status(s);
}
