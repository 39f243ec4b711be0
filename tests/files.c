/* SPDX-License-Identifier: BSD-3-Clause
 * files.c - files for other programs are the golden ones, byte by byte. */
#include "files_rig.h"

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

int main(void)
{
  Suite *s = suite_create("files");
  TCase *c = tcase_create("golden");
  tcase_add_test(c, tensorboard);
  tcase_add_test(c, exporters);
  suite_add_tcase(s, c);
  SRunner *r = srunner_create(s);
  srunner_run_all(r, CK_ENV);
  const int failed = srunner_ntests_failed(r);
  srunner_free(r);
  return failed > 0;
}
