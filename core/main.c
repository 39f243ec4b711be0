/* SPDX-License-Identifier: BSD-3-Clause
 * main.c - the program: finds the subcommand. */
#include "commands.h"
#include "study.h"
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static void usage(FILE *to)
{
  fputs("Usage: rademacher COMMAND [arguments]\n"
        "\n"
        "Trains networks on real data and on noise, side by side: which of them fit noise?\n"
        "\n"
        "  rademacher data get fashion-mnist\n"
        "  rademacher run configs/quickstart.ini\n"
        "\n",
        to);
  size_t n;
  const command *list = command_list(&n);
  for (size_t i = 0; i < n; i++)
    if (list[i].help)
      fprintf(to, "  %-9s %s\n", list[i].name, list[i].help);
  fputs("\n`rademacher COMMAND --help` explains a command.\n", to);
}

static int unknown(const char *name)
{
  const char *names[32];
  size_t n, known = 0;
  const command *list = command_list(&n);
  for (size_t i = 0; i < n && known < sizeof names / sizeof *names; i++)
    if (list[i].help)
      names[known++] = list[i].name;
  const char *near = text_nearest(name, names, known);
  fprintf(stderr, "rademacher: no command '%s'%s%s%s; `rademacher --help` lists them\n", name,
          near ? " (did you mean '" : "", near ? near : "", near ? "'?)" : "");
  return EXIT_USAGE;
}

/* One of the standard descriptors that is closed would be that of the next file: messages would
 * go into the journal. */
static bool fill_descriptors(void)
{
  for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++)
    if (fcntl(fd, F_GETFD) < 0 && open("/dev/null", O_RDWR) != fd)
      return false;
  return true;
}

/* Results that nobody got are no success. */
static int finish(int exit)
{
  if ((fflush(stdout) == 0 && !ferror(stdout)) || (exit != EXIT_DONE && exit != EXIT_CRASHED))
    return exit;
  fputs("rademacher: cannot write to standard output\n", stderr);
  return EXIT_IO;
}

int main(int argc, char **argv)
{
  if (!fill_descriptors())
    return EXIT_IO;
  if (plugins_set_program(argv[0]) < 0 || plugins_set_environment() < 0) {
    fputs("rademacher: the path of this program is too long, or there is no memory\n", stderr);
    return EXIT_FAILED;
  }
  if (argc < 2) {
    usage(stderr);
    return EXIT_USAGE;
  }
  if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0) {
    usage(stdout);
    return finish(EXIT_DONE);
  }
  if (strcmp(argv[1], "--version") == 0) {
    printf("rademacher %s, plugin ABI %u.%u\n", PACKAGE_VERSION, RAD_ABI, RAD_MINOR);
    return finish(EXIT_DONE);
  }
  const command *c = command_find(argv[1]);
  if (c && !c->tells)
    signal(SIGPIPE, SIG_IGN); /* a reader that goes away is an error of write */
  return c ? finish(c->run(argc - 1, argv + 1)) : unknown(argv[1]);
}
