/* SPDX-License-Identifier: BSD-3-Clause
 * cmd_report.c - `rademacher report`: run directories as one page and its figures. */
#include "commands.h"
#include "report.h"
#include <getopt.h>
#include <stdio.h>
#include <string.h>

const char report_usage[] =
    "Usage: rademacher report DIR... [options]\n"
    "\n"
    "Draws run directories as one HTML file that needs no other, and their figures as SVG, PNG,\n"
    "CSV and gnuplot scripts in figures/ beside it. A run that was cut short, or still goes on, "
    "is\n"
    "drawn as far as it is. `run` does the same at its end.\n"
    "\n"
    "  rademacher report runs/quickstart\n"
    "  rademacher report runs/mlp runs/cnn -o compared/report.html\n"
    "\n"
    "  -o, --output FILE       where to (default: DIR/report.html)\n"
    "      --plugin-dir DIR    look for plugins here first\n"
    "  -q, --quiet             do not say where the report is\n"
    "  -h, --help              this text\n";

typedef struct choice {
  const char *file, *plugin_dir;
  bool quiet;
} choice;

/* An exit status, or -1: go on. */
static int read_options(choice *o, int argc, char **argv)
{
  static const struct option longs[] = {{"output", required_argument, NULL, 'o'},
                                        {"plugin-dir", required_argument, NULL, 'p'},
                                        {"quiet", no_argument, NULL, 'q'},
                                        {"help", no_argument, NULL, 'h'},
                                        {NULL, 0, NULL, 0}};
  optind = 1;
  for (int c; (c = getopt_long(argc, argv, "o:qh", longs, NULL)) != -1;)
    if (c == 'o')
      o->file = optarg;
    else if (c == 'p')
      o->plugin_dir = optarg;
    else if (c == 'q')
      o->quiet = true;
    else {
      fputs(report_usage, c == 'h' ? stdout : stderr);
      return c == 'h' ? EXIT_DONE : EXIT_USAGE;
    }
  const int n = argc - optind;
  if (n == 1 || (n > 1 && o->file))
    return -1;
  fputs(n == 0 ? "rademacher: report what? Name a run directory, e.g. runs/quickstart\n"
               : "rademacher: of several directories: say -o FILE, where the report goes\n",
        stderr);
  return EXIT_USAGE;
}

int cmd_report(int argc, char **argv)
{
  choice o = {0};
  const int stop = read_options(&o, argc, argv);
  if (stop >= 0)
    return stop;
  diag g = {0};
  env e = {.diag = &g};
  rad_status s = plugins_new(&e.plugins, o.plugin_dir, &g);
  if (s >= 0)
    s = report_write(&e, (const char *const *)(argv + optind), (size_t)(argc - optind), o.file,
                     o.quiet);
  diag_flush(&g);
  plugins_free(e.plugins);
  env_free(&e);
  diag_free(&g);
  return exit_status(s);
}
