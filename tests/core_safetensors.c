/* SPDX-License-Identifier: BSD-3-Clause
 * core_safetensors.c - files of tensors: what is written reads back; a damaged file never does. */
#include "safetensors.h"
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static char path[] = "core_safetensors.tmp";

static rad_status squares(const void *of, void *out)
{
  for (int i = 0; i < 3; i++)
    ((uint8_t *)out)[i] = (uint8_t)((i + 2) * (i + 2) + *(const uint8_t *)of);
  return RAD_OK;
}

static void write_sample(void)
{
  static const float w[6] = {0.7318f, -1.25f, 3e-39f, 0.0f, -0.0f, 12345.678f};
  static const double d[1] = {-0.1};
  static const uint8_t u[3] = {1, 2, 255};
  static const int64_t n[2] = {INT64_MIN, 7};
  const st_tensor t[] = {{"bytes", RAD_U8, {1, {3}}, u, sizeof u, NULL, NULL},
                         {"layer.W", RAD_F32, {2, {2, 3}}, w, sizeof w, NULL, NULL},
                         {"scalar", RAD_F64, {0, {0}}, d, sizeof d, NULL, NULL},
                         {"count", RAD_I64, {1, {2}}, n, sizeof n, NULL, NULL},
                         {"made", RAD_U8, {1, {3}}, NULL, 3, squares, u + 1},
                         {"empty", RAD_F32, {1, {0}}, w, 0, NULL, NULL}};
  static const char *const key[] = {"epoch", "text"}, *const value[] = {"17", "a \"b\" \xc3\xa9\n"};
  diag g = {0};
  ck_assert_int_eq(st_write(path, t, 6, key, value, 2, &g), RAD_OK);
  diag_free(&g);
}

static uint8_t *slurp(size_t *n)
{
  FILE *f = fopen(path, "rb");
  uint8_t *p = malloc(1 << 16);
  ck_assert_ptr_nonnull(f);
  *n = fread(p, 1, 1 << 16, f);
  fclose(f);
  return p;
}

static void dump(const uint8_t *p, size_t n)
{
  FILE *f = fopen(path, "wb");
  ck_assert_ptr_nonnull(f);
  ck_assert_uint_eq(fwrite(p, 1, n, f), n);
  fclose(f);
}

START_TEST(reads_back_what_was_written)
{
  st_file f;
  diag g = {0};
  write_sample();
  ck_assert_msg(st_read(&f, path, &g) == RAD_OK, "%s", text_str(&g.messages));
  ck_assert_uint_eq(f.n, 6);
  ck_assert_mem_eq(st_find(&f, "made")->data, "\6\13\22", 3); /* 2 + 4, 9, 16 */
  const st_tensor *w = st_find(&f, "layer.W"), *u = st_find(&f, "bytes");
  ck_assert_ptr_nonnull(w);
  ck_assert_uint_eq(w->shape.rank, 2);
  ck_assert_uint_eq(w->shape.dim[1], 3);
  ck_assert_int_eq((int)(((const float *)w->data)[5] * 1000.0f), 12345678);
  ck_assert_uint_eq(((const uint8_t *)u->data)[2], 255);
  ck_assert_uint_eq(st_find(&f, "empty")->bytes, 0);
  ck_assert_str_eq(st_meta(&f, "text"), "a \"b\" \xc3\xa9\n");
  ck_assert_ptr_null(st_meta(&f, "nothing"));
  ck_assert_ptr_null(st_find(&f, "nothing"));
  st_free(&f);
  diag_free(&g);
  unlink(path);
}
END_TEST

/* Every truncation, and every flipped bit of the data, is noticed. */
START_TEST(damage_is_noticed)
{
  size_t n;
  write_sample();
  uint8_t *p = slurp(&n);
  for (size_t k = 0; k < n; k++) {
    st_file f;
    diag g = {0};
    dump(p, k);
    ck_assert_msg(st_read(&f, path, &g) < 0, "accepted %zu of %zu bytes", k, n);
    diag_free(&g);
  }
  for (size_t k = n - 44; k < n; k++) { /* the data: 44 bytes, see write_sample */
    st_file f;
    diag g = {0};
    p[k] ^= 4;
    dump(p, n);
    ck_assert_msg(st_read(&f, path, &g) < 0, "accepted a flipped bit in byte %zu", k);
    p[k] ^= 4;
    diag_free(&g);
  }
  free(p);
  unlink(path);
}
END_TEST

/* Any flipped bit of the header is refused, or leaves tensors inside the file. */
START_TEST(no_header_leads_outside)
{
  size_t n;
  write_sample();
  uint8_t *p = slurp(&n);
  for (size_t k = 0; k < n - 44; k++)
    for (unsigned bit = 0; bit < 8; bit++) {
      st_file f;
      diag g = {0};
      p[k] ^= (uint8_t)(1u << bit);
      dump(p, n);
      if (st_read(&f, path, &g) >= 0) {
        for (size_t i = 0; i < f.n; i++) {
          const uint8_t *d = f.tensor[i].data;
          ck_assert(d >= f.bytes.p && d + f.tensor[i].bytes <= f.bytes.p + f.bytes.n);
        }
        st_free(&f);
      }
      p[k] ^= (uint8_t)(1u << bit);
      diag_free(&g);
    }
  free(p);
  unlink(path);
}
END_TEST

static const struct lie {
  const char *header;
  size_t data;
} lies[] = {
    {"{\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8]}}", 7},
    {"{\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8]}}", 9},
    {"{\"a\":{\"dtype\":\"F32\",\"shape\":[3],\"data_offsets\":[0,8]}}", 8},
    {"{\"a\":{\"dtype\":\"F32\",\"shape\":[-2],\"data_offsets\":[0,8]}}", 8},
    {"{\"a\":{\"dtype\":\"F32\",\"shape\":[2.0],\"data_offsets\":[0,8]}}", 8},
    {"{\"a\":{\"dtype\":\"F32\",\"shape\":[4611686018427387904,4],\"data_offsets\":[0,0]}}", 0},
    {"{\"a\":{\"dtype\":\"F8_E4M3\",\"shape\":[8],\"data_offsets\":[0,8]}}", 8},
    {"{\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[8,0]}}", 8},
    {"{\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[4,12]}}", 12},
    {"{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4]},"
     "\"b\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4]}}",
     4},
    {"{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4]},"
     "\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[4,8]}}",
     8},
    {"{\"a\":{\"dtype\":\"F32\",\"shape\":[1,1,1,1,1,1,1],\"data_offsets\":[0,4]}}", 4},
    {"{\"a\":[]}", 0},
    {"[]", 0},
    {"{", 0},
};

START_TEST(lies_are_refused)
{
  uint8_t file[512] = {0};
  const struct lie *l = &lies[_i];
  const size_t n = strlen(l->header);
  st_file f;
  diag g = {0};
  file[0] = (uint8_t)n;
  memcpy(file + 8, l->header, n);
  dump(file, 8 + n + l->data);
  ck_assert_msg(st_read(&f, path, &g) == RAD_EINVAL, "accepted %s", l->header);
  ck_assert_uint_eq(g.errors, 1);
  diag_free(&g);
  unlink(path);
}
END_TEST

int main(void)
{
  Suite *s = suite_create("safetensors");
  TCase *t = tcase_create("files");
  tcase_set_timeout(t, 60);
  tcase_add_test(t, reads_back_what_was_written);
  tcase_add_test(t, damage_is_noticed);
  tcase_add_test(t, no_header_leads_outside);
  tcase_add_loop_test(t, lies_are_refused, 0, sizeof lies / sizeof *lies);
  suite_add_tcase(s, t);
  SRunner *r = srunner_create(s);
  srunner_run_all(r, CK_NORMAL);
  const int failed = srunner_ntests_failed(r);
  srunner_free(r);
  return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
