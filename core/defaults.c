/* SPDX-License-Identifier: BSD-3-Clause
 * defaults.c - where the file of defaults is. */
#include "experiment.h"
#include "fs.h"
#include <stdlib.h>
#include <unistd.h>

/* A program of the build tree, or a test beside it, has the core's own library near. */
static bool in_build_tree(arena *mem)
{
  char path[4096];
  const ssize_t n = readlink("/proc/self/exe", path, sizeof path - 1);
  if (n <= 0 || (size_t)n >= sizeof path - 1)
    return false;
  path[n] = '\0';
  const char *dir = path;
  for (int up = 0; up < 3 && dir && *dir; up++) {
    dir = fs_dirname(mem, dir);
    const char *near = dir ? fs_join(mem, dir, "core/libradcore.la") : NULL;
    if (near && fs_is_file(near))
      return true;
  }
  return false;
}

const char *experiment_defaults(arena *mem)
{
  const char *named = getenv("RADEMACHER_DEFAULTS");
  if (named && *named)
    return arena_strdup(mem, named);
  return in_build_tree(mem) ? SOURCE_CONFIGS "/defaults.ini" : PKGDATADIR "/defaults.ini";
}
