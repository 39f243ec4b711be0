/* SPDX-License-Identifier: BSD-3-Clause
 * cmd_data.c - `rademacher data`: gets data sets, shows what is there. */
#include "commands.h"
#include "data_sets.h"
#include "study.h"
#include <stdio.h>
#include <string.h>

const char data_usage[] =
    "Usage: rademacher data list\n"
    "       rademacher data get NAME... [--offline]\n"
    "       rademacher data path [NAME]\n"
    "\n"
    "list: the known data sets, and what of them is on this machine. get: gets what is missing:\n"
    "files that were put there, the set's own address (by curl or wget), packages with the same\n"
    "bytes (by npm or apt); every file's hash is checked; what is complete is left alone. path:\n"
    "the folder of data sets, or of one; data:NAME/FILE in an experiment is in it.\n"
    "\n"
    "  rademacher data get mnist cifar10\n"
    "\n"
    "      --offline           only from what is on this machine\n"
    "  -h, --help              this text\n"
    "\n"
    "The folder is $RADEMACHER_DATA, else $XDG_DATA_HOME/rademacher, else\n"
    "~/.local/share/rademacher; /usr/share/datasets is looked at too.\n";

static int wrong(const char *what, const char *which)
{
  fprintf(stderr, "rademacher data: %s%s; `rademacher data --help` explains it\n", what, which);
  return EXIT_USAGE;
}

static int list(const char *const *home, size_t nhome)
{
  size_t n;
  arena mem = {0};
  const data_set *s = data_sets(&n);
  for (size_t i = 0; i < n; i++) {
    size_t best = 0;
    const char *where = "";
    for (size_t h = 0; h < nhome; h++) {
      const char *folder = fs_join(&mem, home[h], s[i].name);
      const size_t have = folder ? data_present(&s[i], folder) : 0;
      if (have > best) {
        best = have;
        where = folder;
      }
    }
    char state[32];
    if (best == s[i].nfile || best == 0)
      snprintf(state, sizeof state, "%s", best ? "complete" : "missing");
    else
      snprintf(state, sizeof state, "%zu of %zu files", best, s[i].nfile);
    printf("%-14s %-13s %s%s%s\n", s[i].name, state, s[i].about,
           *where ? "\n               in " : "", where);
  }
  arena_free(&mem);
  return EXIT_DONE;
}

static int get(int argc, char **argv, fetch_options *o)
{
  int worst = EXIT_DONE, names = 0;
  diag d = {0};
  for (int i = 0; i < argc; i++) {
    if (strcmp(argv[i], "--offline") == 0)
      o->offline = true;
    else if (argv[i][0] == '-')
      worst = wrong("get does not know ", argv[i]);
    else if (!data_set_find(argv[i], &d))
      worst = EXIT_USAGE;
    else
      names++;
  }
  if (worst == EXIT_DONE && names == 0)
    worst = wrong("get needs the NAME of a data set", "");
  for (int i = 0; worst != EXIT_USAGE && i < argc; i++) {
    const data_set *s = argv[i][0] == '-' ? NULL : data_set_find(argv[i], &d);
    const rad_status r = s ? data_fetch(s, o, &d) : RAD_OK;
    diag_flush(&d);
    d.errors = 0;
    if (r < 0)
      worst = exit_status(r);
    else if (s)
      printf("%s is complete in %s/%s\n", s->name, o->home, s->name);
    if (r == RAD_ECANCEL)
      break;
  }
  diag_flush(&d);
  diag_free(&d);
  return worst;
}

static int path(int argc, char **argv, const char *const *home, size_t nhome)
{
  diag d = {0};
  arena mem = {0};
  int status = EXIT_DONE;
  if (argc == 0) {
    printf("%s\n", home[0]);
  } else if (!data_set_find(argv[0], &d)) {
    status = EXIT_USAGE;
  } else { /* the first home that has any of it, else where it would go */
    const char *where = fs_join(&mem, home[0], argv[0]);
    for (size_t h = nhome; h-- > 0;) {
      const char *folder = fs_join(&mem, home[h], argv[0]);
      if (folder && fs_is_dir(folder))
        where = folder;
    }
    printf("%s\n", where ? where : "");
  }
  diag_flush(&d);
  diag_free(&d);
  arena_free(&mem);
  return status;
}

static int dispatch(int argc, char **argv)
{
  arena mem = {0};
  const char *home[2] = {NULL, NULL};
  const size_t n = fs_data_homes(&mem, home);
  const char *what = argc > 1 ? argv[1] : "";
  int status;
  fetch_options o = {.home = home[0], .nmore = n - 1, .more = {home[1], NULL}};
  if (n < 2) /* only the system's, which is not ours to write */
    status =
        wrong("neither RADEMACHER_DATA nor XDG_DATA_HOME nor HOME names an absolute folder", "");
  else if (strcmp(what, "list") == 0 && argc == 2)
    status = list(home, n);
  else if (strcmp(what, "get") == 0)
    status = get(argc - 2, argv + 2, &o);
  else if (strcmp(what, "path") == 0 && argc <= 3)
    status = path(argc - 2, argv + 2, home, n);
  else
    status = wrong(argc > 1 ? "cannot do " : "needs list, get or path", what);
  arena_free(&mem);
  return status;
}

int cmd_data(int argc, char **argv)
{
  if (argc > 1 && (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0)) {
    fputs(data_usage, stdout);
    return EXIT_DONE;
  }
  return dispatch(argc, argv);
}
