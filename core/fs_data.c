/* SPDX-License-Identifier: BSD-3-Clause
 * fs_data.c - where data sets are: "data:NAME/FILE" in the data homes, other paths beside the file
 * that names them. */
#include "fs.h"
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

static const char system_home[] = "/usr/share/datasets";

/* An environment variable that names an absolute folder, else NULL: a relative one would mean
 * another folder in each working directory (and the XDG specification says to ignore it). */
static const char *folder_of(const char *variable)
{
  const char *value = getenv(variable);
  return value && value[0] == '/' ? value : NULL;
}

size_t fs_data_homes(arena *mem, const char *home[2])
{
  size_t n = 0;
  const char *own = folder_of("RADEMACHER_DATA"), *xdg = folder_of("XDG_DATA_HOME"),
             *user = folder_of("HOME"), *p = NULL;
  if (own)
    p = arena_strdup(mem, own);
  else if (xdg)
    p = fs_join(mem, xdg, "rademacher");
  else if (user)
    p = fs_join(mem, user, ".local/share/rademacher");
  if (p)
    home[n++] = p;
  home[n++] = system_home;
  return n;
}

static bool exists(const char *path)
{
  struct stat st;
  return stat(path, &st) == 0;
}

/* Is there a component ".."? */
static bool climbs(const char *path)
{
  for (const char *p = path; p; p = strchr(p, '/')) {
    p += *p == '/';
    if (strncmp(p, "..", 2) == 0 && (p[2] == '/' || p[2] == '\0'))
      return true;
  }
  return false;
}

static rad_status find_data(arena *mem, const char *name, const char **out, diag *d)
{
  static const char *const suffix[] = {"", ".gz"};
  const char *home[2] = {NULL, NULL};
  const size_t n = fs_data_homes(mem, home);
  if (*name == '\0' || *name == '/' || climbs(name))
    return diag_error(d, RAD_EINVAL, (origin){0},
                      "data:%s: must be data:NAME/FILE, without '..' in it", name);
  for (size_t i = 0; i < n; i++)
    for (size_t s = 0; s < 2; s++) {
      const char *file = fs_join(mem, home[i], name);
      const char *path = file ? arena_printf(mem, "%s%s", file, suffix[s]) : NULL;
      if (!path)
        return diag_error(d, RAD_ENOMEM, (origin){0}, "out of memory");
      if (exists(path)) {
        *out = path;
        return RAD_OK;
      }
    }
  return diag_error(d, RAD_EINVAL, (origin){0},
                    "data:%s is not in %s%s%s: get it with `rademacher data get %.*s`", name,
                    home[0], n > 1 ? " or " : "", n > 1 ? home[1] : "", (int)strcspn(name, "/"),
                    name);
}

char *fs_origin_dir(arena *mem, origin at)
{
  return at.file && at.line > 0 ? fs_dirname(mem, at.file) : arena_strdup(mem, "");
}

rad_status fs_data_path(arena *mem, const char *base, const char *path, const char **out, diag *d)
{
  *out = NULL;
  if (strncmp(path, "data:", 5) == 0)
    return find_data(mem, path + 5, out, d);
  if (*path == '\0')
    return diag_error(d, RAD_EINVAL, (origin){0}, "a file needs a name");
  const char *file = fs_join(mem, base, path);
  if (!file)
    return diag_error(d, RAD_ENOMEM, (origin){0}, "out of memory");
  if (!exists(file))
    return diag_error(d, RAD_EINVAL, (origin){0}, "there is no file %s", file);
  *out = file;
  return RAD_OK;
}
