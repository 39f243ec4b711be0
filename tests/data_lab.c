/* SPDX-License-Identifier: BSD-3-Clause
 * data_lab.c - what the tests of data share. */
#include "data_lab.h"
#include "fixtures.h"
#include "folder.h"
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

const char *lab_path(const data_lab *l, const char *name, char out[256])
{
  ck_assert_int_lt(snprintf(out, 256, "%s/%s", l->folder, name), 256);
  return out;
}

void lab_begin(data_lab *l)
{
  *l = (data_lab){.folder = "/tmp/rademacher-data.XXXXXX"};
  ck_assert_ptr_nonnull(mkdtemp(l->folder));
  ck_assert_int_eq(fixtures_write(l->folder), 0);
  char home[256];
  setenv("RADEMACHER_DATA", lab_path(l, "home", home), 1);
  ck_assert_int_eq(plugins_new(&l->plugins, NULL, &l->diag), RAD_OK);
  l->env = (env){.plugins = l->plugins, .diag = &l->diag, .seed = 20};
}

void lab_end(data_lab *l)
{
  config_free(&l->arm);
  config_free(&l->base);
  env_free(&l->env);
  plugins_free(l->plugins);
  diag_free(&l->diag);
  folder_remove(l->folder);
}

void lab_idx(const data_lab *l, const char *name, size_t n, const uint8_t *x, const uint8_t *y)
{
  for (int labels = 0; labels < 2; labels++) {
    char file[32], path[256];
    const uint8_t head[16] = {
        0, 0, 8, labels ? 1 : 3, 0, 0, (uint8_t)(n >> 8), (uint8_t)n, 0, 0, 0, 2, 0, 0, 0, 2};
    snprintf(file, sizeof file, "%s-%c", name, labels ? 'y' : 'x');
    FILE *f = fopen(lab_path(l, file, path), "wb");
    ck_assert_ptr_nonnull(f);
    fwrite(head, 1, labels ? 8 : 16, f);
    fwrite(labels ? y : x, 1, labels ? n : n * 4, f);
    ck_assert_int_eq(fclose(f), 0);
  }
}

void lab_config(data_lab *l, const char *ini, const char *arm)
{
  char path[256];
  text t = {0};
  config_free(&l->arm);
  config_free(&l->base);
  l->arm = l->base = (config){0};
  for (const char *p = ini; *p; p++)
    if (strncmp(p, "FIX/", 4) == 0) {
      text_printf(&t, "%s/", l->folder);
      p += 3;
    } else {
      text_add(&t, p, 1);
    }
  ck_assert_int_eq(fs_write(lab_path(l, "exp.ini", path), t.s, t.n, &l->diag), RAD_OK);
  text_free(&t);
  if (config_read(&l->base, NULL, path, NULL, 0, &l->diag) != RAD_OK ||
      config_arm(&l->arm, &l->base, arm ? arm : "main", &l->diag) != RAD_OK)
    ck_abort_msg("%s", text_str(&l->diag.messages));
}

data *lab_open(data_lab *l, const char *ini, const char *arm, const char *cache)
{
  char path[256];
  data *d;
  lab_config(l, ini, arm);
  if (data_open(&d, &l->env, &l->arm, cache ? lab_path(l, cache, path) : NULL) != RAD_OK)
    ck_abort_msg("%s", text_str(&l->diag.messages));
  ck_assert_uint_eq(l->diag.errors, 0);
  return d;
}

static size_t count_files(data_lab *l, const char *folder)
{
  arena mem = {0};
  const char **name;
  size_t n = 0;
  if (fs_is_dir(folder) && fs_list(folder, &mem, &name, &n, &l->diag) < 0)
    ck_abort_msg("%s", text_str(&l->diag.messages));
  arena_free(&mem);
  return n;
}

size_t lab_refuses(data_lab *l, const char *ini, rad_status status, const char *what)
{
  char path[256];
  data *d;
  lab_config(l, ini, NULL);
  const rad_status r = data_open(&d, &l->env, &l->arm, lab_path(l, "cache", path));
  if (r != status || d || !strstr(text_str(&l->diag.messages), what))
    ck_abort_msg("status %d, expected %d and '%s', said: %s", r, status, what,
                 text_str(&l->diag.messages));
  ck_assert_uint_gt(l->diag.errors, 0);
  diag_free(&l->diag);
  return count_files(l, path);
}
