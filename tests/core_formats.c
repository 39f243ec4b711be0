/* SPDX-License-Identifier: BSD-3-Clause
 * core_formats.c - files of the data set plugins: what each format becomes in memory, and that
 * damaged, lying and missing files are refused with a message and leave nothing behind. Expected
 * numbers were computed in Python from the formula of fixture_byte. */
#include "data_lab.h"
#include "fixtures.h"
#include <check.h>
#include <math.h>
#include <stdio.h>
#include <sys/stat.h>

static data_lab lab;
static void setup(void)
{
  lab_begin(&lab);
}
static void teardown(void)
{
  lab_end(&lab);
}

#define IDX                                                                                        \
  "[dataset]\nplugin = idx\ntrain_images = FIX/idx/x-08\ntrain_labels = FIX/idx/y-08\n"            \
  "test_images = FIX/idx/xt\ntest_labels = FIX/idx/yt\n"
#define CIFAR          "[dataset]\nplugin = cifar\nfolder = FIX/cifar10\nofficial = false\n"
#define BLOBS          "[dataset]\nplugin = blobs\nfeatures = 3\nclasses = 7\n"
#define near(a, b, by) ck_assert_double_eq_tol((double)(a), (double)(b), by)

/* One batch of the first n rows of a source. */
static batch *fill(data *d, rad_source *s, size_t n)
{
  batch *b;
  ck_assert_int_eq(batch_new(&b, d, n), RAD_OK);
  ck_assert_int_eq(batch_fill(b, s, NULL, 0, n, NULL, true), RAD_OK);
  return b;
}

START_TEST(idx_bytes_in_natural_units)
{
  data *d = lab_open(&lab, IDX "val = 0\nscale = unit\n", NULL, NULL);
  ck_assert_uint_eq(d->facts.sample.rank, 3);
  ck_assert_uint_eq(rad_count(&d->facts.sample), 20);
  ck_assert_uint_eq(d->facts.ntarget, 3);
  ck_assert_uint_eq(d->source[RAD_TRAIN].n, 7);
  ck_assert_uint_eq(d->source[RAD_VAL].n, 0);
  ck_assert_uint_eq(d->source[RAD_TEST].n, 3);
  batch *b = fill(d, &d->source[RAD_TRAIN], 7);
  for (size_t i = 0; i < 140; i++)
    near(b->b.x[i], fixture_byte(1, i) / 255.0, 1e-7);
  for (size_t i = 0; i < 7; i++)
    for (size_t k = 0; k < 3; k++)
      near(b->b.target[3 * i + k], k == (2 * i + 1) % 3, 1e-9);
  ck_assert_ptr_null(b->b.truth); /* nothing was changed */
  batch_free(b);
  b = fill(d, &d->source[RAD_TEST], 3);
  near(b->b.x[59], fixture_byte(2, 59) / 255.0, 1e-7);
  batch_free(b);
  data_free(d);
}
END_TEST

static const struct typed {
  const char *type;
  double value; /* of byte 2, number 17 */
} typed[] = {
    {"09", 2.0}, {"0B", -29486.0}, {"0C", -8868926.0}, {"0D", -71.71640014648438}, {"0E", 31.0758}};
START_TEST(idx_numbers_of_every_type)
{
  char ini[512];
  const struct typed *t = &typed[_i];
  snprintf(ini, sizeof ini,
           "[dataset]\nplugin = idx\ntrain_images = FIX/idx/x-%s\ntrain_labels = FIX/idx/y-%s\n"
           "val = 0\nscale = unit\n",
           t->type, _i < 3 ? t->type : "08");
  data *d = lab_open(&lab, ini, NULL, NULL);
  batch *b = fill(d, &d->source[RAD_TRAIN], 7);
  near(b->b.x[17], t->value, 1e-5);
  for (size_t i = 0; i < 7; i++)
    ck_assert_int_eq(b->b.label[i], (int)(2 * i + 1) % 3);
  ck_assert_uint_eq(d->source[RAD_TEST].n, 0);
  batch_free(b);
  data_free(d);
}
END_TEST

START_TEST(idx_ranks_and_gzip)
{
  static const char *const name[] = {"x-r2", "x-r4", "x.gz"};
  static const size_t rank[] = {1, 3, 3}, D[] = {20, 60, 20};
  char ini[512];
  snprintf(ini, sizeof ini,
           "[dataset]\nplugin = idx\ntrain_images = FIX/idx/%s\ntrain_labels = FIX/idx/y-08\n"
           "val = 0\nscale = none\n",
           name[_i]);
  data *d = lab_open(&lab, ini, NULL, NULL);
  ck_assert_uint_eq(d->facts.sample.rank, rank[_i]);
  ck_assert_uint_eq(rad_count(&d->facts.sample), D[_i]);
  batch *b = fill(d, &d->source[RAD_TRAIN], 7);
  for (size_t i = 0; i < 7 * D[_i]; i++)
    near(b->b.x[i], fixture_byte(1, i), 1e-9);
  batch_free(b);
  data_free(d);
}
END_TEST

START_TEST(cifar_planes_become_pixels)
{
  data *d = lab_open(&lab, CIFAR "val = 0\nscale = none\n", NULL, NULL);
  batch *b = fill(d, &d->source[RAD_TRAIN], 15);
  ck_assert_uint_eq(d->source[RAD_TEST].n, 3);
  ck_assert_str_eq(d->facts.labels[9], "truck");
  near(b->b.x[33 * 3 + 0], 160, 1e-9);
  near(b->b.x[33 * 3 + 1], 43, 1e-9);
  near(b->b.x[33 * 3 + 2], 182, 1e-9);
  ck_assert_int_eq(b->b.label[4], 3); /* file 2, record 1 */
  near(b->b.x[14 * 3072 + 3], fixture_byte(7, 1), 1e-9);
  batch_free(b);
  data_free(d);
}
END_TEST

START_TEST(cifar100_has_two_labels)
{
  static const char *const kind[] = {"fine", "coarse"};
  static const int32_t label[2][3] = {{31, 48, 65}, {1, 4, 7}};
  char ini[512];
  snprintf(ini, sizeof ini,
           "[dataset]\nplugin = cifar\nfolder = FIX/cifar100\nofficial = false\nclasses = 100\n"
           "labels = %s\nval = 0\n",
           kind[_i]);
  data *d = lab_open(&lab, ini, NULL, NULL);
  ck_assert_uint_eq(d->facts.ntarget, _i ? 20 : 100);
  for (size_t i = 0; i < 3; i++)
    ck_assert_int_eq(d->source[RAD_TRAIN].label[i], label[_i][i]);
  data_free(d);
}
END_TEST

START_TEST(folder_decodes_every_kind)
{
  data *d = lab_open(&lab,
                     "[dataset]\nplugin = folder\ntrain = FIX/images/train\n"
                     "test = FIX/images/test\nresize = true\nval = 0\nscale = none\n",
                     NULL, NULL);
  ck_assert_uint_eq(d->facts.sample.dim[0], 4); /* as the first image */
  ck_assert_uint_eq(d->facts.sample.dim[1], 6);
  ck_assert_str_eq(d->facts.labels[1], "b");
  batch *b = fill(d, &d->source[RAD_TRAIN], 6);
  const float *x = b->b.x;
  for (size_t i = 0; i < 72; i++) {
    near(x[i], fixture_byte(1, i), 1e-9);
    near(x[72 + i], fixture_byte(1, i / 3 * 4 + i % 3), 1e-9); /* without alpha */
    near(x[144 + i], fixture_byte(1, i), 1e-9);                /* interlaced */
    near(x[216 + i], fixture_byte(1, i / 3), 1e-9);            /* grey */
    near(x[288 + i], fixture_byte(1, i), 1);                   /* 16 bits */
    near(x[360 + i], 0x5b, 3);                                 /* JPEG */
  }
  ck_assert_int_eq(b->b.label[2], 0);
  ck_assert_int_eq(b->b.label[3], 1);
  batch_free(b);
  b = fill(d, &d->source[RAD_TEST], 2); /* the second: 12 x 8 to 6 x 4, means of 2 x 2 */
  near(b->b.x[72], 128, 0.5);
  near(b->b.x[72 + 69], 147, 0.5);
  batch_free(b);
  data_free(d);
}
END_TEST

/* --- bad input --- */

#define IDX_BAD(x, y)                                                                              \
  "[dataset]\nplugin = idx\ntrain_images = FIX/idx/" x "\ntrain_labels = FIX/idx/" y "\n"
#define CIFAR_BAD(folder, more)  "[dataset]\nplugin = cifar\nfolder = FIX/" folder "\n" more
#define IMAGES_BAD(folder, more) "[dataset]\nplugin = folder\ntrain = FIX/" folder "\n" more
static const struct bad {
  const char *ini, *text;
  size_t whole; /* 1: the samples are fine and were decoded */
} bad[] = {
    {IDX_BAD("bad-short", "y-08"), "truncated: 139 bytes of numbers, its header says 140", 0},
    {IDX_BAD("bad-long", "y-08"), "too long: 143 bytes of numbers, its header says 140", 0},
    {IDX_BAD("bad-lying", "y-08"), "truncated: 140 bytes of numbers, its header says 160", 0},
    {IDX_BAD("bad-huge", "y-08"), "impossible size", 0},
    {IDX_BAD("bad-zero", "y-08"), "impossible size 0 on axis 1", 0},
    {IDX_BAD("bad-type", "y-08"), "not an IDX file", 0},
    {IDX_BAD("bad-magic", "y-08"), "not an IDX file", 0},
    {IDX_BAD("bad-tiny", "y-08"), "not an IDX file", 0},
    {IDX_BAD("bad-empty", "y-08"), "not an IDX file", 0},
    {IDX_BAD("bad-header", "y-08"), "ends within its header", 0},
    {IDX_BAD("bad-rank", "y-08"), "has rank 1, needed is 2 to 4", 0},
    {IDX_BAD("bad-nan", "y-08"), "sample 3 has a number that is not finite", 0},
    {IDX_BAD("x-08", "bad-label") "classes = 3\n", "label 3 of sample 1 is not one of 0 .. 2", 0},
    {IDX_BAD("x-08", "bad-negative"), "label -1 of sample 0", 0},
    {IDX_BAD("x-08", "bad-count"), "6 labels for 7 images", 0},
    {IDX_BAD("x-08", "bad-float"), "labels must be integers", 0},
    {IDX_BAD("x-08", "x-08"), "has rank 3, needed is 1", 0},
    {IDX_BAD("bad-short.gz", "y-08"), "bad-short.gz", 0},
    {IDX_BAD("bad-head.gz", "y-08"), "bad-head.gz", 0},
    {IDX_BAD("bad-sum.gz", "y-08"), "bad-sum.gz", 0},
    {IDX_BAD("bad-bits.gz", "y-08"), "bad-bits.gz", 0},
    {IDX_BAD("nowhere", "y-08"), "nowhere", 0},
    {IDX_BAD("../images", "y-08"), "images", 0},
    {IDX_BAD("x-08", "y-08") "test_images = FIX/idx/xt\n", "belong together", 0},
    {IDX_BAD("x-08", "y-08") "test_images = FIX/idx/x-r4\ntest_labels = FIX/idx/y-08\n",
     "another size or type than for training", 0},
    {IDX_BAD("x-08", "y-08") "crop = 5\n", "crop = 5 is larger than the images, 5 x 4", 1},
    {IDX_BAD("x-r2", "y-08") "crop = 2\n", "crop needs images", 1},
    {IDX_BAD("x-08", "y-08") "limit = 1\nval = 0.7\n", "leaves none of 1 training samples", 1},
    {"[dataset]\nplugin = idx\ntrain_images = data:nowhere/x\ntrain_labels = data:nowhere/y\n",
     "rademacher data get nowhere", 0},
    {CIFAR_BAD("cifar10", ""), "has 9219 bytes, the official file 30730000", 0},
    {CIFAR_BAD("cifar10-short", "official = false\n"),
     "no whole number of CIFAR-10 records of 3073", 0},
    {CIFAR_BAD("cifar10-empty", "official = false\n"), "no whole number", 0},
    {CIFAR_BAD("cifar10-label", "official = false\n"), "label 10 of record 0 is not one of 0 .. 9",
     0},
    {CIFAR_BAD("cifar10", "official = false\nclasses = 100\n"), "train.bin", 0},
    {CIFAR_BAD("cifar10", "classes = 50\n"), "classes = 50", 0},
    {CIFAR_BAD("cifar10", "labels = coarse\n"), "only CIFAR-100 has coarse labels", 0},
    {IMAGES_BAD("images-text", ""), "b/2.png: neither a PNG nor a JPEG", 0},
    {IMAGES_BAD("images-empty", ""), "b/2.png: neither a PNG nor a JPEG", 0},
    {IMAGES_BAD("images-short", ""), "b/2.png: damaged PNG image", 0},
    {IMAGES_BAD("images-end", ""), "b/2.png: damaged PNG image", 0},
    {IMAGES_BAD("images-jpeg", ""), "b/2.jpg: ", 0},
    {IMAGES_BAD("images-bomb", ""), "60000 x 60000 pixels are more than max_pixels", 0},
    {IMAGES_BAD("images-none", ""), "has no .png, .jpg or .jpeg in it", 0},
    {IMAGES_BAD("images/train/a", ""), "has no folder in it", 0},
    {IMAGES_BAD("images/train", "height = 5\n"), "4 x 6 pixels, expected 5 x 6; or resize = true",
     0},
    {IMAGES_BAD("images/train", "max_pixels = 23\n"), "more than max_pixels = 23", 0},
    {IMAGES_BAD("images/train", "test = FIX/images\n"), "has other classes than", 0},
    {IMAGES_BAD("images/train", "channels = 2\n"), "1 or 3 are possible", 0},
    {BLOBS "[noise a]\nplugin = random_labels\nsplits = train, tests\n", "'tests'", 1},
    {BLOBS "[dataset more]\nplugin = blobs\nfeatures = 4\nclasses = 7\n", "another shape", 2},
    {"[run]\nepochs = 1\n", "there is no section [dataset]", 0},
    {"[dataset]\nval = 0\n", "plugin", 0},
};
enum { NBAD = sizeof bad / sizeof *bad };

START_TEST(bad_input_is_refused)
{
  const size_t files = lab_refuses(&lab, bad[_i].ini, RAD_EINVAL, bad[_i].text);
  ck_assert_uint_eq(files, bad[_i].whole);
}
END_TEST

START_TEST(fifo_does_not_block)
{
  char path[256];
  const char *const file = _i ? "images-none/a/1.png" : "idx/fifo";
  ck_assert_int_eq(mkfifo(lab_path(&lab, file, path), 0600), 0);
  lab_refuses(&lab, _i ? IMAGES_BAD("images-none", "") : IDX_BAD("fifo", "y-08"), RAD_EINVAL,
              _i ? "b/: has no .png" : "fifo");
  if (_i) {
    lab_path(&lab, "images-text/b/1.png", path);
    ck_assert_int_eq(mkfifo(path, 0600), 0);
    lab_refuses(&lab, IMAGES_BAD("images-text", ""), RAD_EINVAL, "1.png");
  }
}
END_TEST

int main(void)
{
  Suite *s = suite_create("formats");
  TCase *t = tcase_create("formats");
  tcase_set_timeout(t, 60);
  tcase_add_checked_fixture(t, setup, teardown);
  tcase_add_test(t, idx_bytes_in_natural_units);
  tcase_add_loop_test(t, idx_numbers_of_every_type, 0, 5);
  tcase_add_loop_test(t, idx_ranks_and_gzip, 0, 3);
  tcase_add_test(t, cifar_planes_become_pixels);
  tcase_add_loop_test(t, cifar100_has_two_labels, 0, 2);
#ifdef HAVE_JPEG
  tcase_add_test(t, folder_decodes_every_kind);
#endif
  tcase_add_loop_test(t, bad_input_is_refused, 0, NBAD);
  tcase_add_loop_test(t, fifo_does_not_block, 0, 2);
  suite_add_tcase(s, t);
  SRunner *r = srunner_create(s);
  srunner_run_all(r, CK_ENV);
  const int failed = srunner_ntests_failed(r);
  srunner_free(r);
  return failed ? 1 : 0;
}
