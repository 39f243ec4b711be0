/* SPDX-License-Identifier: BSD-3-Clause
 * report.c - from run directories to the page and its figures. */
#include "report.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *base_name(arena *mem, const char *dir)
{
  size_t n = strlen(dir);
  while (n > 1 && dir[n - 1] == '/')
    n--;
  size_t from = n;
  while (from > 0 && dir[from - 1] != '/')
    from--;
  char *s = arena_strndup(mem, dir + from, n - from);
  for (char *p = s; p && *p; p++)
    *p = text_is_name((char[]){*p, '\0'}) ? *p : '-';
  return s;
}

/* Of several runs each has its own names, also where folders are called alike. */
static rad_status set_prefix(run_dir *r, size_t i, size_t n)
{
  if (n == 1)
    return RAD_OK;
  const char *base = base_name(&r->mem, r->dir);
  r->prefix = base ? arena_printf(&r->mem, "%zu-%s-", i + 1, base) : NULL;
  return r->prefix ? RAD_OK : RAD_ENOMEM;
}

static void draw_all(figures *fs, run_dir *r)
{
  figures_sweep(fs, r);
  figures_search(fs, r);
  figures_importance(fs, r);
  figures_curves(fs, r);
  figures_weights(fs, r);
  figures_chains(fs, r);
}

static rad_status write_page(run_dir *r, size_t n, const char *file, bool quiet, diag *d)
{
  arena mem = {0};
  figures fs = {0};
  text out = {0};
  const char *folder = fs_dirname(&mem, file);
  fs.dir = folder ? fs_join(&mem, folder, "figures") : NULL;
  rad_status s = fs.dir ? fs_mkdirs(folder, d) : RAD_ENOMEM;
  for (size_t i = 0; s >= 0 && i < n; i++)
    s = set_prefix(&r[i], i, n);
  if (s >= 0 && n > 1)
    figures_compare(&fs, r, n);
  for (size_t i = 0; s >= 0 && i < n; i++)
    draw_all(&fs, &r[i]);
  if (s >= 0)
    s = figures_draw(&fs, d);
  if (s >= 0)
    s = page_write(r, n, &fs, &out, d);
  if (s >= 0)
    s = fs_write(file, out.s, out.n, d);
  if (s >= 0 && fs.trouble)
    diag_warning(d, (origin){0}, "%s", fs.trouble);
  if (s >= 0 && !quiet)
    printf("Report: %s\n", file);
  text_free(&out);
  figures_free(&fs);
  arena_free(&mem);
  return s;
}

rad_status report_write(env *e, const char *const *dir, size_t n, const char *file, bool quiet)
{
  arena mem = {0};
  run_dir *r = calloc(n, sizeof *r);
  rad_status s = r ? RAD_OK : RAD_ENOMEM;
  if (!file)
    file = fs_join(&mem, dir[0], "report.html");
  file = file ? fs_absolute(&mem, file) : NULL;
  size_t open = 0;
  for (; s >= 0 && open < n; open += s >= 0)
    s = run_dir_open(&r[open], e, dir[open], true);
  if (s >= 0)
    s = file ? write_page(r, n, file, quiet, e->diag) : RAD_ENOMEM;
  for (size_t i = 0; i < open; i++)
    run_dir_free(&r[i]);
  if (s == RAD_ENOMEM && e->diag->errors == 0)
    diag_error(e->diag, s, (origin){0}, "out of memory");
  free(r);
  arena_free(&mem);
  return s;
}
