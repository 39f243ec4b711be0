/* SPDX-License-Identifier: BSD-3-Clause
 * files.c - files for other programs are the golden ones, byte by byte. */
#include "files_rig.h"
#include <png.h>
#include <stdio.h>
#ifdef HAVE_SQLITE
#include <sqlite3.h>
#endif

START_TEST(tensorboard)
{
  files_rig r;
  files_begin(&r, RAD_LOGGER, "tensorboard", NULL, 0);
  files_study(&r);
  files_same("tb/events.out.tfevents.rademacher", "tb/events.out.tfevents.rademacher");
  files_same("tb/0000/seed-4/events.out.tfevents.rademacher",
             "tb/0000/seed-4/events.out.tfevents.rademacher");
  files_same("tb/0000/seed-4/real/events.out.tfevents.rademacher",
             "tb/0000/seed-4/real/events.out.tfevents.rademacher");
  files_same("tb/0001/seed-9/events.out.tfevents.rademacher",
             "tb/0001/seed-9/events.out.tfevents.rademacher");
  files_same("tb/0001/seed-9/noise/events.out.tfevents.rademacher",
             "tb/0001/seed-9/noise/events.out.tfevents.rademacher");
  files_end(&r);
}
END_TEST

/* PNG files in an event file, decoded: no golden file, since zlibs differ. */
static size_t pictures(const uint8_t *p, size_t n, uint8_t out[][3])
{
  size_t k = 0;
  for (size_t i = 0; i + 8 < n; i++) {
    png_image image = {.version = PNG_IMAGE_VERSION};
    if (memcmp(p + i, "\x89PNG\r\n\x1a\n", 8) != 0)
      continue;
    ck_assert_int_ne(png_image_begin_read_from_memory(&image, p + i, n - i), 0);
    ck_assert_uint_eq(image.width, 1);
    ck_assert_uint_eq(image.height, 3);
    image.format = PNG_FORMAT_GRAY;
    ck_assert_int_ne(png_image_finish_read(&image, NULL, out[k++], 0, NULL), 0);
  }
  return k;
}

START_TEST(tensorboard_images)
{
  /* act.W: grey is 0, black and white as far from it as its largest weight */
  static const uint8_t filter[2][3] = {{202, 0, 127}, {127, 127, 255}};
  static uint8_t bytes[1 << 16], picture[64][3];
  files_rig r;
  files_begin(&r, RAD_LOGGER, "tensorboard", NULL, 0);
  r.images = true;
  files_study(&r);
  FILE *f = fopen("files.tmp/tb/0000/seed-4/real/events.out.tfevents.rademacher", "rb");
  ck_assert_ptr_nonnull(f);
  const size_t n = fread(bytes, 1, sizeof bytes, f);
  fclose(f);
  ck_assert_uint_eq(pictures(bytes, n, picture), 4);
  ck_assert_mem_eq(picture[0], files_image, sizeof files_image);
  ck_assert_mem_eq(picture[2], filter, sizeof filter);
  files_end(&r);
}
END_TEST

static void one_table(const char *name, const char *file)
{
  files_rig r;
  files_begin(&r, RAD_LOGGER, name, NULL, 0);
  files_study(&r);
  files_same(file, file);
  files_end(&r);
}

START_TEST(tables)
{
  one_table("csv", "metrics.csv");
  one_table("jsonl", "metrics.jsonl");
}
END_TEST

static void one_export(const char *name, const char *golden)
{
  files_rig r;
  files_begin(&r, RAD_EXPORTER, name, NULL, 0);
  files_export(&r);
  files_same("exported", golden);
  files_end(&r);
}

START_TEST(exporters)
{
  one_export("safetensors", "weights.safetensors");
  one_export("npz", "arrays.npz");
  one_export("onnx", "network.onnx");
}
END_TEST

#ifdef HAVE_SQLITE
static int put_row(void *to, int n, char **value, char **name)
{
  (void)name;
  for (int i = 0; i < n; i++)
    fprintf(to, "%s%s", value[i] ? value[i] : "NULL", i + 1 < n ? "|" : "\n");
  return 0;
}

/* Bytes of a data base depend on the library: its rows count. */
START_TEST(optuna)
{
  static const char *const table[] = {"alembic_version",
                                      "version_info",
                                      "studies",
                                      "study_directions",
                                      "study_system_attributes",
                                      "trials",
                                      "trial_params",
                                      "trial_values",
                                      "trial_intermediate_values",
                                      "trial_user_attributes",
                                      "trial_system_attributes"};
  static const char *const set[] = {"metric", "noise.train.loss"};
  files_rig r;
  sqlite3 *db;
  char path[256], sql[256];
  files_begin(&r, RAD_LOGGER, "optuna", set, 1);
  files_study(&r);
  snprintf(path, sizeof path, "%s/study.db", files_dir);
  ck_assert_int_eq(sqlite3_open(path, &db), SQLITE_OK);
  snprintf(path, sizeof path, "%s/rows", files_dir);
  FILE *to = fopen(path, "w");
  ck_assert_ptr_nonnull(to);
  for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
    fprintf(to, "--- %s\n", table[i]);
    snprintf(sql, sizeof sql, "SELECT * FROM %s ORDER BY 1", table[i]);
    ck_assert_int_eq(sqlite3_exec(db, sql, put_row, to, NULL), SQLITE_OK);
  }
  fclose(to);
  sqlite3_close(db);
  files_same("rows", "study.txt");
  files_end(&r);
}
END_TEST
#endif

int main(void)
{
  Suite *s = suite_create("files");
  TCase *c = tcase_create("golden");
  tcase_add_test(c, tensorboard);
  tcase_add_test(c, tensorboard_images);
  tcase_add_test(c, tables);
  tcase_add_test(c, exporters);
#ifdef HAVE_SQLITE
  tcase_add_test(c, optuna);
#endif
  suite_add_tcase(s, c);
  SRunner *r = srunner_create(s);
  srunner_run_all(r, CK_ENV);
  const int failed = srunner_ntests_failed(r);
  srunner_free(r);
  return failed > 0;
}
