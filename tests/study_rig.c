/* SPDX-License-Identifier: BSD-3-Clause
 * study_rig.c - studies in a folder that is gone after the test; the trainings only pretend. */
#define _XOPEN_SOURCE 700
#include "study_rig.h"
#include "folder.h"
#include <check.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

const char *program;
char folder[128];

/* --- running one --- */
char *in_folder(const char *name)
{
  static char path[4][256];
  static int next;
  next = (next + 1) % 4;
  snprintf(path[next], sizeof path[next], "%s/%s", folder, name);
  return path[next];
}

void write_text(const char *path, const char *content, const char *mode)
{
  FILE *f = fopen(path, mode);
  ck_assert_ptr_nonnull(f);
  fputs(content, f);
  fclose(f);
}

char messages[4096];

/* Runs an experiment in folder/NAME; the messages are kept. */
int run(const char *ini, const char *name, const char *const *set, study_options o)
{
  diag g = {0};
  env e = {.diag = &g};
  experiment x = {0};
  override v[4];
  size_t n = 0;
  char dir[256];
  write_text(in_folder("x.ini"), ini, "w");
  for (; set && set[n]; n++)
    v[n] = (override){.text = set[n]};
  ck_assert_int_eq(plugins_new(&e.plugins, o.plugin_dir, &g), RAD_OK);
  const rad_status s = experiment_open(&x, &e, in_folder("x.ini"), v, n);
  ck_assert_msg(s == RAD_OK, "%s", text_str(&g.messages));
  snprintf(dir, sizeof dir, "%s/%s", folder, name);
  o.dir = dir;
  o.program = program;
  o.command = "a test";
  const int exit = study_run(&x, &o);
  snprintf(messages, sizeof messages, "%s", text_str(&g.messages));
  experiment_free(&x);
  plugins_free(e.plugins);
  env_free(&e);
  diag_free(&g);
  return exit;
}

json_t *summary(const char *name)
{
  char path[256];
  snprintf(path, sizeof path, "%s/%s/summary.json", folder, name);
  json_t *o = json_load_file(path, 0, NULL);
  ck_assert_ptr_nonnull(o);
  return o;
}

json_t *trial_of(json_t *o, size_t i)
{
  return json_array_get(json_object_get(o, "trials"), i);
}

double value(const json_t *o, const char *a, const char *b)
{
  const json_t *inner = json_object_get(o, a);
  return json_member_double(b ? inner : o, b ? b : a);
}

/* Removes what depends on time. */
static void timeless(json_t *o)
{
  const char *key;
  json_t *v;
  void *next;
  size_t i;
  json_array_foreach(o, i, v) timeless(v);
  json_object_foreach_safe(o, next, key, v)
  {
    timeless(v);
    if (strstr(key, "seconds") || strcmp(key, "wall_s") == 0)
      json_object_del(o, key);
  }
}

void same_summaries(const char *a, const char *b)
{
  json_t *x = summary(a), *y = summary(b);
  timeless(x);
  timeless(y);
  ck_assert(json_equal(x, y));
  json_decref(x);
  json_decref(y);
}

/* How many lines of the journal have a text. */
int count_lines(const char *name, const char *file, const char *what)
{
  char path[256], line[65536];
  int n = 0;
  snprintf(path, sizeof path, "%s/%s/%s", folder, name, file);
  FILE *f = fopen(path, "r");
  ck_assert_ptr_nonnull(f);
  while (fgets(line, sizeof line, f))
    n += strstr(line, what) != NULL;
  fclose(f);
  return n;
}

void set_up(void)
{
  static const char *const fakes[] = {"FAKE_CRASH", "FAKE_CRASH_ONCE", "FAKE_FULL", "FAKE_DIVERGE",
                                      "FAKE_SLOW",  "FAKE_PRINT",      "FAKE_HANG"};
  for (size_t i = 0; i < sizeof fakes / sizeof *fakes; i++)
    unsetenv(fakes[i]);
  const char *tmp = getenv("TMPDIR");
  snprintf(folder, sizeof folder, "%s/rademacher-study.XXXXXX",
           tmp && strlen(tmp) < 64 ? tmp : "/tmp");
  ck_assert_ptr_nonnull(mkdtemp(folder));
}

void tear_down(void)
{
  folder_remove(folder);
}

int study_main(int argc, char **argv, Suite *(*suite)(void))
{
  if (argc > 1 && strcmp(argv[1], "worker") == 0)
    return worker_main(argc - 1, argv + 1);
  if (!(program = realpath(argv[0], NULL)))
    return 99;
  SRunner *r = srunner_create(suite());
  srunner_run_all(r, CK_ENV);
  const int failed = srunner_ntests_failed(r);
  srunner_free(r);
  return failed == 0 ? 0 : 1;
}
