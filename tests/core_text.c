/* SPDX-License-Identifier: BSD-3-Clause
 * core_text.c - sizes, texts, arenas, numbers, near words, messages, JSON. Expected numbers are
 * Python's repr(). */
#include "diag.h"
#include "json.h"
#include <check.h>
#include <jansson.h>
#include <locale.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* --- sizes --- */
START_TEST(sizes_do_not_overflow)
{
  size_t out = 5;
  ck_assert(size_mul(7, 11, &out) && out == 77);
  ck_assert(size_mul(SIZE_MAX, 1, &out) && out == SIZE_MAX);
  ck_assert(size_mul(SIZE_MAX, 0, &out) && out == 0);
  out = 5;
  ck_assert(!size_mul(SIZE_MAX / 2 + 1, 2, &out) && out == 5);
  ck_assert(!size_mul(2, SIZE_MAX / 2 + 1, &out) && out == 5);
  ck_assert(size_add(SIZE_MAX - 3, 3, &out) && out == SIZE_MAX);
  out = 5;
  ck_assert(!size_add(SIZE_MAX - 3, 4, &out) && out == 5);
}
END_TEST

/* --- texts --- */
START_TEST(text_grows)
{
  text t = {0};
  ck_assert_str_eq(text_str(&t), "");
  for (int i = 0; i < 1000; i++)
    text_printf(&t, "%d,", i);
  ck_assert_uint_eq(t.n, 3890);
  ck_assert_uint_eq(strlen(t.s), 3890);
  ck_assert_str_eq(t.s + 3880, "7,998,999,");
  text_clear(&t);
  ck_assert_str_eq(text_str(&t), "");
  text_add(&t, "a\0b", 3);
  text_puts(&t, "c");
  ck_assert_mem_eq(t.s, "a\0bc", 5);
  text_free(&t);
  ck_assert_ptr_null(t.s);
}
END_TEST

START_TEST(text_failure_is_remembered)
{
  text t = {0};
  text_puts(&t, "kept");
  text_add(&t, "", SIZE_MAX); /* fails before anything is read */
  ck_assert(t.failed);
  text_puts(&t, "lost");
  ck_assert_str_eq(text_str(&t), "kept");
  text_clear(&t);
  text_puts(&t, "again");
  ck_assert(!t.failed);
  ck_assert_str_eq(text_str(&t), "again");
  text_free(&t);
}
END_TEST

/* --- arenas --- */
START_TEST(arena_is_zeroed_and_aligned)
{
  arena a = {0};
  unsigned char *last = NULL;
  for (size_t n = 0; n < 3000; n = n * 5 / 4 + 1)
    for (int k = 0; k < 9; k++) {
      unsigned char *p = arena_alloc(&a, n);
      ck_assert_ptr_nonnull(p);
      ck_assert_ptr_ne(p, last);
      ck_assert_uint_eq((uintptr_t)p % _Alignof(max_align_t), 0);
      for (size_t i = 0; i < n; i++)
        ck_assert_uint_eq(p[i], 0);
      memset(p, 0xA5, n);
      last = p;
    }
  ck_assert_ptr_nonnull(arena_alloc(&a, 5000000)); /* larger than any chunk */
  ck_assert_ptr_null(arena_alloc(&a, SIZE_MAX));
  ck_assert_ptr_null(arena_alloc(&a, SIZE_MAX - 40));
  ck_assert_ptr_null(arena_strndup(&a, "x", SIZE_MAX));
  ck_assert_str_eq(arena_strdup(&a, "word"), "word");
  ck_assert_str_eq(arena_strndup(&a, "words", 3), "wor");
  ck_assert_str_eq(arena_printf(&a, "%s-%d", "a", 17), "a-17");
  arena_free(&a);
  ck_assert_ptr_null(a.chunk);
  arena_free(&a);
}
END_TEST

START_TEST(arrays_keep_what_they_hold)
{
  arena mem = {0};
  uint32_t *v = NULL, *w = NULL;
  size_t vcap = 0, wcap = 0;
  for (uint32_t i = 0; i < 1237; i++) {
    ck_assert_ptr_nonnull(v = array_grow(v, i, &vcap, sizeof *v));
    ck_assert_ptr_nonnull(w = arena_grow(&mem, w, i, &wcap, sizeof *w));
    ck_assert(vcap > i && wcap > i);
    v[i] = w[i] = 3 * i + 7;
  }
  for (uint32_t i = 0; i < 1237; i++)
    ck_assert(v[i] == 3 * i + 7 && w[i] == 3 * i + 7);
  vcap = SIZE_MAX / 7;
  ck_assert_ptr_null(array_grow(v, vcap, &vcap, sizeof *v));
  ck_assert_uint_eq(vcap, SIZE_MAX / 7);
  wcap = 5; /* filled to its last place, and not a power of two */
  ck_assert_ptr_nonnull(w = arena_grow(&mem, w, 5, &wcap, sizeof *w));
  ck_assert(wcap > 5 && w[4] == 19);
  ck_assert_uint_eq((uintptr_t)arena_aligned(&mem, 3, 5) % 64, 0);
  ck_assert_ptr_null(arena_aligned(&mem, SIZE_MAX / 3, 5));
  free(v);
  arena_free(&mem);
}
END_TEST

/* --- numbers --- */
static const struct {
  double v;
  const char *text;
} written[] = {
    {64, "64"},
    {0.1, "0.1"},
    {-12.5, "-12.5"},
    {100, "100"},
    {0.0001, "0.0001"},
    {0.00001234, "1.234e-5"},
    {123456789012345, "123456789012345"},
    {1e15, "1e15"},
    {1.0 / 3, "0.3333333333333333"},
    {2.0 / 3, "0.6666666666666666"},
    {0.1 + 0.2, "0.30000000000000004"},
    {123456789012345678.0, "1.2345678901234568e17"},
    {5e-324, "5e-324"},
    {2.2250738585072014e-308, "2.2250738585072014e-308"},
    {1.7976931348623157e308, "1.7976931348623157e308"},
    {0, "0"},
    {-0.0, "-0.0"},
    {HUGE_VAL, "inf"},
    {-HUGE_VAL, "-inf"},
};

START_TEST(doubles_are_written_short)
{
  char out[32];
  double back;
  ck_assert_str_eq(text_from_double(out, written[_i].v), written[_i].text);
  if (isfinite(written[_i].v)) {
    ck_assert(text_to_double(out, &back));
    ck_assert_mem_eq(&back, &written[_i].v, sizeof back); /* with the sign of zero */
  }
}
END_TEST

/* xorshift64, https://www.jstatsoft.org/article/view/v008i14 */
static uint64_t next(uint64_t *x)
{
  *x ^= *x << 13;
  *x ^= *x >> 7;
  *x ^= *x << 17;
  return *x;
}

START_TEST(any_number_reads_back)
{
  uint64_t x = 88172645463325252u;
  for (int i = 0; i < 20000; i++) {
    char out[32];
    const uint64_t bits = next(&x);
    const uint32_t half = (uint32_t)(bits >> 32);
    double v, back;
    float f;
    memcpy(&v, &bits, sizeof v);
    memcpy(&f, &half, sizeof f);
    if (isfinite(v)) {
      ck_assert(text_to_double(text_from_double(out, v), &back));
      ck_assert_mem_eq(&v, &back, sizeof v);
    }
    if (isfinite(f)) {
      ck_assert(text_to_double(text_from_float(out, f), &back));
      const float narrow = (float)back;
      ck_assert_mem_eq(&f, &narrow, sizeof f);
      ck_assert_uint_le(strlen(out), 16);
    }
  }
}
END_TEST

START_TEST(floats_are_written_short)
{
  char out[32];
  ck_assert_str_eq(text_from_float(out, 0.1f), "0.1");
  ck_assert_str_eq(text_from_float(out, 16777216.0f), "16777216");
  ck_assert_str_eq(text_from_float(out, 0.0073f), "0.0073");
  ck_assert_str_eq(text_from_float(out, 1e-45f), "1e-45");
  ck_assert_str_eq(text_from_float(out, -3.4028235e38f), "-3.4028235e38");
  ck_assert_str_eq(text_from_double(out, NAN), "nan");
}
END_TEST

static const char *const no_doubles[] = {
    "",       " ",     "nan",   "inf",   "-inf",   "infinity",   "0x10", "1e",  "1e+",
    ".",      "+",     "-.",    "1,5",   "1 2",    "1.5x",       "e5",   "--1", "1e400",
    "-1e309", "1.2.3", "0x1p3", "1_000", "nan(1)", "\xC2\xA0 1", "1d5",
};
START_TEST(what_is_no_double)
{
  double v = 0.7318;
  ck_assert_msg(!text_to_double(no_doubles[_i], &v), "'%s'", no_doubles[_i]);
  ck_assert(v == 0.7318);
}
END_TEST

START_TEST(what_is_a_double)
{
  static const struct {
    const char *s;
    double v;
  } good[] = {{" 1.5 ", 1.5},  {"+3", 3},     {"-.25", -0.25}, {"7.", 7},     {"\t1E3\n", 1000},
              {"1e-3", 0.001}, {"1e-400", 0}, {"00012", 12},   {"0.1e+1", 1}, {"-0", 0}};
  char digits[1000];
  double v;
  for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
    ck_assert_msg(text_to_double(good[i].s, &v), "%s", good[i].s);
    ck_assert_msg(v == good[i].v, "%s", good[i].s);
  }
  memset(digits, '3', sizeof digits);
  digits[0] = '.';
  digits[999] = '\0';
  ck_assert(text_to_double(digits, &v) && v == 1.0 / 3);
}
END_TEST

/* A locale with a decimal comma, where the machine has one. */
START_TEST(the_locale_does_not_matter)
{
  static const char *const names[] = {"de_DE.UTF-8", "fr_FR.UTF-8", "de_DE", "ru_RU.UTF-8"};
  char out[32];
  double v;
  size_t i = 0;
  while (i < 4 && !setlocale(LC_ALL, names[i]))
    i++;
  ck_assert(text_to_double("1.5", &v) && v == 1.5);
  ck_assert(!text_to_double("1,5", &v));
  ck_assert_str_eq(text_from_double(out, -2.75), "-2.75");
  setlocale(LC_ALL, "C");
}
END_TEST

START_TEST(integers)
{
  static const char *const bad[] = {"",
                                    "x",
                                    "1.0",
                                    "1e3",
                                    "9223372036854775808",
                                    "0x1",
                                    "+",
                                    "- 1",
                                    "1 2",
                                    "-9223372036854775809",
                                    "99999999999999999999"};
  int64_t v = 17;
  for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
    ck_assert_msg(!text_to_int64(bad[i], &v), "'%s'", bad[i]);
    ck_assert_int_eq(v, 17);
  }
  ck_assert(text_to_int64("-9223372036854775808", &v) && v == INT64_MIN);
  ck_assert(text_to_int64(" +9223372036854775807\t", &v) && v == INT64_MAX);
  ck_assert(text_to_int64("-0", &v) && v == 0);
  ck_assert(text_to_int64("0042", &v) && v == 42);
}
END_TEST

/* --- words --- */
START_TEST(near_words)
{
  static const char *const list[] = {"units", "density", "plugin", "momentum", "lr"};
  static const struct {
    const char *word, *near;
  } pairs[] = {{"unit", "units"},
               {"untis", "units"},
               {"Plugin", "plugin"},
               {"densty", "density"},
               {"momentun", "momentum"},
               {"epochs", NULL},
               {"l", NULL},
               {"", NULL},
               {"pl", NULL},
               {"momnetmu", "momentum"}};
  for (size_t i = 0; i < sizeof pairs / sizeof *pairs; i++) {
    const char *near = text_nearest(pairs[i].word, list, 5);
    ck_assert_msg(near == NULL ? pairs[i].near == NULL
                               : pairs[i].near && strcmp(near, pairs[i].near) == 0,
                  "%s: %s", pairs[i].word, near ? near : "nothing");
  }
  char longer[300];
  memset(longer, 'u', 299);
  longer[299] = '\0';
  const char *const one = longer;
  ck_assert_ptr_null(text_nearest(longer, list, 5));
  ck_assert_ptr_null(text_nearest("units", &one, 1));
}
END_TEST

START_TEST(names)
{
  char name[66] = "";
  ck_assert(text_is_name("a") && text_is_name("A_b-9"));
  ck_assert(!text_is_name("") && !text_is_name("a b") && !text_is_name("a.b"));
  ck_assert(!text_is_name("\xC3\xA9"));
  memset(name, 'x', 64);
  ck_assert(text_is_name(name));
  name[64] = 'x';
  ck_assert(!text_is_name(name));
}
END_TEST

/* --- messages --- */
START_TEST(messages_say_where)
{
  diag d = {0};
  const origin at = {"exp.ini", 14}, line = {"-s a.b=1", 0};
  ck_assert_int_eq(diag_error(&d, RAD_EIO, at, "no %s", "disk"), RAD_EIO);
  diag_warning(&d, line, "odd");
  diag_error(&d, RAD_EINVAL, (origin){0}, "bare");
  ck_assert_str_eq(text_str(&d.messages), "exp.ini:14: no disk\n-s a.b=1: warning: odd\nbare\n");
  ck_assert_uint_eq(d.errors, 2);
  ck_assert_uint_eq(d.warnings, 1);
  diag_free(&d);
  ck_assert_uint_eq(d.errors, 0);
}
END_TEST

START_TEST(a_flood_of_messages_is_counted)
{
  diag d = {0};
  size_t lines = 0;
  for (unsigned i = 0; i < 5000; i++)
    diag_error(&d, RAD_EINVAL, (origin){"x", i}, "wrong");
  for (const char *s = text_str(&d.messages); *s; s++)
    lines += *s == '\n';
  ck_assert_uint_eq(lines, 101);
  ck_assert_uint_eq(d.errors, 5000);
  ck_assert_ptr_nonnull(strstr(d.messages.s, "more errors"));
  diag_free(&d);
}
END_TEST

START_TEST(flush_keeps_the_counts)
{
  diag d = {0};
  char got[64] = "";
  FILE *out = tmpfile();
  ck_assert_ptr_nonnull(out);
  const int kept = dup(2);
  ck_assert_int_ge(dup2(fileno(out), 2), 0);
  diag_error(&d, RAD_EINVAL, (origin){"f", 3}, "once");
  diag_flush(&d);
  diag_flush(&d);
  fflush(stderr);
  dup2(kept, 2);
  close(kept);
  rewind(out);
  const size_t n = fread(got, 1, sizeof got - 1, out);
  fclose(out);
  got[n] = '\0';
  ck_assert_str_eq(got, "f:3: once\n");
  ck_assert_uint_eq(d.errors, 1);
  ck_assert_uint_eq(d.messages.n, 0);
  diag_free(&d);
}
END_TEST

/* --- JSON --- */
START_TEST(json_is_read_back)
{
  text t = {0};
  json_open(&t, NULL, '{');
  json_text(&t, "k\"\\\n\t\x01", "\xC3\xA9 \xF0\x9F\x98\x80 ]");
  json_text(&t, "none", NULL);
  json_open(&t, "list", '[');
  json_double(&t, NULL, 0.7318);
  json_double(&t, NULL, NAN);
  json_double(&t, NULL, -HUGE_VAL);
  json_open(&t, NULL, '{');
  json_close(&t, '}');
  json_open(&t, NULL, '[');
  json_close(&t, ']');
  json_close(&t, ']');
  json_int(&t, "least", INT64_MIN);
  json_uint(&t, "most", INT64_MAX);
  json_bool(&t, "yes", true);
  json_bool(&t, "no", false);
  json_close(&t, '}');
  json_error_t e;
  json_t *j = json_loadb(t.s, t.n, JSON_REJECT_DUPLICATES, &e);
  ck_assert_msg(j != NULL, "%s in %s", e.text, t.s);
  ck_assert_str_eq(json_string_value(json_object_get(j, "k\"\\\n\t\x01")),
                   "\xC3\xA9 \xF0\x9F\x98\x80 ]");
  ck_assert(json_is_null(json_object_get(j, "none")));
  double v = 0;
  const json_t *list = json_object_get(j, "list");
  ck_assert_uint_eq(json_array_size(list), 5);
  ck_assert(json_to_double(json_array_get(list, 0), &v) && v == 0.7318);
  ck_assert(json_to_double(json_array_get(list, 1), &v) && isnan(v));
  ck_assert(json_to_double(json_array_get(list, 2), &v) && v == -HUGE_VAL);
  v = 3.25;
  ck_assert(!json_to_double(json_array_get(list, 3), &v) && v == 3.25);
  ck_assert(!json_to_double(json_object_get(j, "none"), &v));
  ck_assert(!json_to_double(NULL, &v));
  ck_assert(json_integer_value(json_object_get(j, "least")) == INT64_MIN);
  ck_assert(json_integer_value(json_object_get(j, "most")) == INT64_MAX);
  ck_assert(json_is_true(json_object_get(j, "yes")) && json_is_false(json_object_get(j, "no")));
  json_decref(j);
  text_free(&t);
}
END_TEST

START_TEST(json_lines_have_no_comma)
{
  text t = {0};
  for (int i = 0; i < 2; i++) {
    json_open(&t, NULL, '{');
    json_int(&t, "i", i);
    json_double(&t, "x", 2);
    json_close(&t, '}');
    text_puts(&t, "\n");
  }
  ck_assert_str_eq(t.s, "{\"i\": 0, \"x\": 2}\n{\"i\": 1, \"x\": 2}\n");
  text_free(&t);
}
END_TEST

/* Unicode 15, table 3-7: each is ill-formed; what jansson takes is well-formed. */
START_TEST(json_repairs_ill_formed_utf8)
{
  static const char *const bad[] = {"\x80",
                                    "\xC0\xAF",
                                    "\xC3",
                                    "\xE0\x9F\xBF",
                                    "\xED\xA0\x80",
                                    "\xE2\x82",
                                    "\xF4\x90\x80\x80",
                                    "\xF0\x8F\xBF\xBF",
                                    "\xFF",
                                    "a\xF5z"};
  for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
    text t = {0};
    json_open(&t, NULL, '[');
    json_text(&t, NULL, bad[i]);
    json_close(&t, ']');
    json_t *j = json_loadb(t.s, t.n, 0, NULL);
    ck_assert_msg(j != NULL, "%s", t.s);
    ck_assert_ptr_nonnull(strstr(json_string_value(json_array_get(j, 0)), "\xEF\xBF\xBD"));
    json_decref(j);
    text_free(&t);
  }
}
END_TEST

int main(void)
{
  Suite *s = suite_create("text");
  TCase *t = tcase_create("text");
  tcase_add_test(t, sizes_do_not_overflow);
  tcase_add_test(t, text_grows);
  tcase_add_test(t, text_failure_is_remembered);
  tcase_add_test(t, arena_is_zeroed_and_aligned);
  tcase_add_test(t, arrays_keep_what_they_hold);
  tcase_add_loop_test(t, doubles_are_written_short, 0, sizeof written / sizeof *written);
  tcase_add_test(t, any_number_reads_back);
  tcase_add_test(t, floats_are_written_short);
  tcase_add_loop_test(t, what_is_no_double, 0, sizeof no_doubles / sizeof *no_doubles);
  tcase_add_test(t, what_is_a_double);
  tcase_add_test(t, the_locale_does_not_matter);
  tcase_add_test(t, integers);
  tcase_add_test(t, near_words);
  tcase_add_test(t, names);
  tcase_add_test(t, messages_say_where);
  tcase_add_test(t, a_flood_of_messages_is_counted);
  tcase_add_test(t, flush_keeps_the_counts);
  tcase_add_test(t, json_is_read_back);
  tcase_add_test(t, json_lines_have_no_comma);
  tcase_add_test(t, json_repairs_ill_formed_utf8);
  suite_add_tcase(s, t);
  SRunner *r = srunner_create(s);
  srunner_run_all(r, CK_NORMAL);
  const int failed = srunner_ntests_failed(r);
  srunner_free(r);
  return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
