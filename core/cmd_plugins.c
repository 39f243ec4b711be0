/* SPDX-License-Identifier: BSD-3-Clause
 * cmd_plugins.c - `rademacher plugins`: what is found, where, and what does not load. */
#include "commands.h"
#include "json.h"
#include "plugin.h"
#include "study.h"
#include <getopt.h>
#include <stdio.h>
#include <string.h>

const char plugins_usage[] =
    "Usage: rademacher plugins [options]\n"
    "\n"
    "Lists the plugins that experiments can name. Files that do not load are reported on standard\n"
    "error, with the reason.\n"
    "\n"
    "  rademacher plugins\n"
    "  rademacher plugins --json\n"
    "\n"
    "      --all               also those that are hidden by another of the same name\n"
    "      --json              one JSON array on standard output\n"
    "      --plugin-dir DIR    look for plugins here first\n"
    "  -h, --help              this text\n";

typedef struct choice {
  const char *dir;
  bool all, json;
} choice;

static size_t longer(size_t n, const char *s)
{
  return strlen(s) > n ? strlen(s) : n;
}

static const char *shown(const char *s)
{
  return *s ? s : "-";
}

static void put_table(text *t, const plugin *const *p, size_t n)
{
  size_t kind = 4, name = 4, version = 7, summary = 7;
  for (size_t i = 0; i < n; i++) {
    kind = longer(kind, plugin_kind_name(p[i]->d.kind));
    name = longer(name, p[i]->d.name);
    version = longer(version, p[i]->d.version);
    summary = longer(summary, p[i]->d.summary);
  }
  text_printf(t, "%-*s  %-*s  %-*s  %-*s  %s\n", (int)kind, "KIND", (int)name, "NAME", (int)version,
              "VERSION", (int)summary, "SUMMARY", "FILE");
  for (size_t i = 0; i < n; i++)
    text_printf(t, "%-*s  %-*s  %-*s  %-*s  %s%s%s\n", (int)kind, plugin_kind_name(p[i]->d.kind),
                (int)name, p[i]->d.name, (int)version, shown(p[i]->d.version), (int)summary,
                shown(p[i]->d.summary), p[i]->file, p[i]->hidden_by ? ", hidden by " : "",
                p[i]->hidden_by ? p[i]->hidden_by->file : "");
}

static void put_json(text *t, const plugin *const *p, size_t n)
{
  json_open(t, NULL, '[');
  for (size_t i = 0; i < n; i++) {
    json_open(t, NULL, '{');
    json_text(t, "kind", plugin_kind_name(p[i]->d.kind));
    json_text(t, "name", p[i]->d.name);
    json_text(t, "version", p[i]->d.version);
    json_text(t, "summary", p[i]->d.summary);
    json_text(t, "reference", p[i]->d.reference);
    json_text(t, "file", p[i]->file);
    json_text(t, "hidden_by", p[i]->hidden_by ? p[i]->hidden_by->file : NULL);
    json_close(t, '}');
  }
  json_close(t, ']');
  text_puts(t, "\n");
}

static rad_status list(plugins *p, const choice *o, diag *d)
{
  const plugin *const *v;
  size_t n;
  text t = {0};
  RAD_TRY(o->all ? plugins_all(p, &v, &n, d) : plugins_scan(p, &v, &n, d));
  if (o->json)
    put_json(&t, v, n);
  else
    put_table(&t, v, n);
  rad_status s = t.failed ? RAD_ENOMEM : RAD_OK;
  if (s == RAD_OK && (fputs(text_str(&t), stdout) < 0 || fflush(stdout) != 0))
    s = diag_error(d, RAD_EIO, (origin){0}, "cannot write to standard output");
  text_free(&t);
  return s;
}

/* An exit status, or -1: go on. */
static int read_options(choice *o, int argc, char **argv)
{
  enum { ALL = 256, JSON, DIR };
  static const struct option longs[] = {{"all", no_argument, NULL, ALL},
                                        {"json", no_argument, NULL, JSON},
                                        {"plugin-dir", required_argument, NULL, DIR},
                                        {"help", no_argument, NULL, 'h'},
                                        {NULL, 0, NULL, 0}};
  optind = 1;
  for (int c; (c = getopt_long(argc, argv, "h", longs, NULL)) != -1;)
    if (c == ALL)
      o->all = true;
    else if (c == JSON)
      o->json = true;
    else if (c == DIR)
      o->dir = optarg;
    else {
      fputs(plugins_usage, c == 'h' ? stdout : stderr);
      return c == 'h' ? EXIT_DONE : EXIT_USAGE;
    }
  if (optind == argc)
    return -1;
  fprintf(stderr, "rademacher: plugins takes no argument '%s'; `rademacher help KIND` explains\n",
          argv[optind]);
  return EXIT_USAGE;
}

int cmd_plugins(int argc, char **argv)
{
  choice o = {0};
  const int stop = read_options(&o, argc, argv);
  if (stop >= 0)
    return stop;
  diag d = {0};
  plugins *p;
  rad_status s = plugins_new(&p, o.dir, &d);
  if (s == RAD_OK)
    s = list(p, &o, &d);
  diag_flush(&d);
  diag_free(&d);
  plugins_free(p);
  return exit_status(s);
}
