/* SPDX-License-Identifier: BSD-3-Clause
 * options.c - reads the command line of `run` and `check`. Options and files may be mixed. */
#include "options.h"
#include "commands.h"
#include "fs.h"
#include "study.h"
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const char run_usage[] =
    "Usage: rademacher run FILE... [options]\n"
    "       rademacher run --resume DIR [options]\n"
    "\n"
    "Runs the experiments of FILE, or goes on where a run was stopped.\n"
    "\n"
    "  rademacher run configs/quickstart.ini\n"
    "  rademacher run configs/quickstart.ini -s run.epochs=5 -o runs/short\n"
    "\n"
    "  -s KEY=VALUE            set a key: layer.hidden.units=64, run.seeds=1,2,3\n"
    "  -i FILE                 one more include, stronger than the file\n"
    "  -o DIR                  run directory (default: runs/NAME); goes on if it is there\n"
    "      --resume DIR        go on with the run in DIR\n"
    "      --jobs N            worker processes at once (default: cores / threads)\n"
    "      --threads N         threads of each training (default: [run] threads, 1)\n"
    "      --plugin-dir DIR    look for plugins here first\n"
    "      --accept-numeric-change  go on although the arithmetic has changed\n"
    "      --no-report         draw no report.html at the end\n"
    "      --json              one JSON object per event on standard output\n"
    "  -q, --quiet             no progress\n"
    "  -v, --verbose           more messages\n"
    "  -h, --help              this text\n"
    "\n"
    "Exit status: 0 done; 1 failed; 2 bad usage or configuration; 3 done, but some trials\n"
    "crashed; 74 an input or output error; 75 try again: the run directory is in use, or the\n"
    "run was stopped after a checkpoint.\n";

const char check_usage[] =
    "Usage: rademacher check FILE... [options]\n"
    "\n"
    "Prints the resolved experiment, its networks, memory, FLOP, the number of jobs and an\n"
    "estimate of the time. Runs nothing.\n"
    "\n"
    "  rademacher check configs/quickstart.ini -s run.epochs=5\n"
    "\n"
    "  -s KEY=VALUE            set a key\n"
    "  -i FILE                 one more include\n"
    "      --jobs N            worker processes at once\n"
    "      --threads N         threads of each training\n"
    "      --plugin-dir DIR    look for plugins here first\n"
    "  -h, --help              this text\n";

enum { RESUME = 256, JOBS, THREADS, PLUGIN_DIR, NUMERIC, JSON, NO_REPORT };
static const struct option longs[] = {{"resume", required_argument, NULL, RESUME},
                                      {"jobs", required_argument, NULL, JOBS},
                                      {"threads", required_argument, NULL, THREADS},
                                      {"plugin-dir", required_argument, NULL, PLUGIN_DIR},
                                      {"accept-numeric-change", no_argument, NULL, NUMERIC},
                                      {"json", no_argument, NULL, JSON},
                                      {"no-report", no_argument, NULL, NO_REPORT},
                                      {"quiet", no_argument, NULL, 'q'},
                                      {"verbose", no_argument, NULL, 'v'},
                                      {"help", no_argument, NULL, 'h'},
                                      {NULL, 0, NULL, 0}};

static bool set_jobs(options *o, const char *s)
{
  int64_t n;
  if (!text_to_int64(s, &n) || n < 1 || n > 4096) {
    fprintf(stderr, "rademacher: --jobs %s: must be an integer from 1 to 4096\n", s);
    return false;
  }
  o->jobs = (int32_t)n;
  return true;
}

/* [run] threads, from the command line. */
static bool set_threads(options *o, const char *s)
{
  const char *set = arena_printf(&o->mem, "run.threads=%s", s);
  o->override[o->noverride++] = (override){.text = set};
  return set != NULL;
}

static bool add_override(options *o, const char *s, bool include)
{
  if (!include && !strchr(s, '=')) {
    fprintf(stderr, "rademacher: -s %s: must be KEY=VALUE, for example run.epochs=5\n", s);
    return false;
  }
  o->override[o->noverride++] = (override){.include = include, .text = s};
  return true;
}

static bool take(options *o, int c, const char *arg)
{
  switch (c) {
  case 's':
  case 'i':
    return add_override(o, arg, c == 'i');
  case 'o':
    o->dir = arg;
    return true;
  case RESUME:
    o->resume = arg;
    return true;
  case JOBS:
    return set_jobs(o, arg);
  case THREADS:
    return set_threads(o, arg);
  case PLUGIN_DIR:
    o->plugin_dir = arg;
    return true;
  case NUMERIC:
    return o->accept_numeric_change = true;
  case JSON:
    return o->json = true;
  case NO_REPORT:
    return o->no_report = true;
  case 'q':
    return o->quiet = true;
  case 'v':
    o->verbose++;
    return true;
  default: /* getopt has said what is wrong */
    return false;
  }
}

static const char *join(arena *mem, int argc, char **argv)
{
  text all = {0};
  text_puts(&all, "rademacher");
  for (int i = 0; i < argc; i++)
    text_printf(&all, " %s", argv[i]);
  const char *s = arena_strdup(mem, text_str(&all));
  text_free(&all);
  return s ? s : "rademacher";
}

static int complain(const options *o, int which)
{
  const char *what = NULL;
  if (o->resume && (o->nfile > 0 || o->dir))
    what = "--resume DIR takes the experiment from DIR: leave out FILE and -o";
  else if (!o->resume && o->nfile == 0)
    what = which == OPTIONS_RUN ? "run what? Name an INI file, e.g. configs/quickstart.ini"
                                : "check what? Name an INI file, e.g. configs/quickstart.ini";
  else if (o->dir && o->nfile > 1)
    what = "-o DIR is for one FILE";
  if (!what)
    return -1;
  fprintf(stderr, "rademacher: %s\n", what);
  return EXIT_USAGE;
}

int options_read(options *o, int argc, char **argv, int which)
{
  *o = (options){0};
  o->override = arena_alloc(&o->mem, (size_t)(argc + 1) * sizeof *o->override);
  o->file = arena_alloc(&o->mem, (size_t)(argc + 1) * sizeof *o->file);
  o->program = plugins_program();
  if (!o->override || !o->file)
    return EXIT_FAILED;
  o->command = join(&o->mem, argc, argv);
  for (optind = 1; optind < argc;) {
    const int c = getopt_long(argc, argv, "+s:i:o:qvh", longs, NULL);
    if (c == -1 && optind < argc)
      o->file[o->nfile++] = argv[optind++];
    else if (c == 'h') {
      fputs(which == OPTIONS_RUN ? run_usage : check_usage, stdout);
      return EXIT_DONE;
    } else if (c != -1 && !take(o, c, optarg))
      return EXIT_USAGE;
  }
  return complain(o, which);
}

void options_free(options *o)
{
  arena_free(&o->mem);
}
