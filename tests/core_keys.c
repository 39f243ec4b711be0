/* SPDX-License-Identifier: BSD-3-Clause
 * core_keys.c - key tables: what passes, what does not, and what the messages say. */
#include "keys.h"
#include <check.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

typedef struct sample {
  bool flag;
  int32_t count, mode;
  int64_t big;
  float rate;
  double fine;
  const char *path;
  rad_list list;
} sample;
static const char *const modes[] = {"any", "wrong", NULL};
static const rad_key table[] = {
    RAD_KEY(sample, flag, "no", 0, 0, 0, "a switch"),
    RAD_KEY(sample, count, "17", 1, 1e6, RAD_LOG, "how many"),
    RAD_CHOICE(sample, mode, "wrong", modes, "which"),
    RAD_KEY(sample, big, "-3", -9007199254740993.0, 9007199254740993.0, 0, "a large number"),
    RAD_KEY(sample, rate, "0.7318", 0, 1, 0, "a share"),
    RAD_KEY(sample, fine, "2.5", -HUGE_VAL, HUGE_VAL, 0, "a real number"),
    RAD_KEY(sample, path, "", 0, 0, RAD_FILE, "a file"),
    RAD_KEY(sample, list, "1, 2.5", -4, 8, 0, "several"),
};
enum { N = sizeof table / sizeof table[0] };

static diag said;
static arena mem;
static void begin(void)
{
  said = (diag){0};
  mem = (arena){0};
}
static void end(void)
{
  diag_free(&said);
  arena_free(&mem);
}

static bool parses(const char *key, const char *value, void *field)
{
  const rad_key *k = keys_find(&(key_table){table, N}, 1, key);
  return keys_parse(k, value, field, &mem, (origin){"exp.ini", 14}, "[layer h1]", &said) == RAD_OK;
}
static bool says(const char *what)
{
  return strstr(text_str(&said.messages), what) != NULL;
}

START_TEST(integers)
{
  int32_t v = 0;
  ck_assert(parses("count", "417", &v) && v == 417);
  ck_assert(parses("count", "1000000", &v) && v == 1000000);
  static const char *const bad[] = {"0",   "1000001", "-3",  "4294967297", "3.5", "1e3", "0x10",
                                    "nan", "",        "7 8", "12a",        "--3", "inf"};
  for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
    ck_assert_msg(!parses("count", bad[i], &v), "'%s' passed", bad[i]);
  ck_assert_int_eq(v, 1000000);
  ck_assert(says("exp.ini:14: [layer h1] count = -3: must be an integer from 1 to 1000000\n"));
}
END_TEST

/* 2^53 + 1 is no double: a range test in doubles would let 2^53 + 2 pass where hi is 2^53. */
START_TEST(longs_keep_their_digits)
{
  rad_key k = table[3];
  int64_t v = 0;
  k.hi = 9007199254740992.0;
  const origin at = {0};
  ck_assert(keys_parse(&k, "9007199254740992", &v, &mem, at, "t", &said) == RAD_OK);
  ck_assert(v == INT64_C(9007199254740992));
  ck_assert(keys_parse(&k, "9007199254740993", &v, &mem, at, "t", &said) == RAD_EINVAL);
  k.hi = 1e300;
  k.lo = -1e300;
  ck_assert(keys_parse(&k, "9223372036854775807", &v, &mem, at, "t", &said) == RAD_OK);
  ck_assert(v == INT64_MAX);
  ck_assert(keys_parse(&k, "-9223372036854775808", &v, &mem, at, "t", &said) == RAD_OK);
  ck_assert(v == INT64_MIN);
  ck_assert(keys_parse(&k, "9223372036854775808", &v, &mem, at, "t", &said) == RAD_EINVAL);
  k.lo = 9223372036854775808.0;
  ck_assert(keys_parse(&k, "9223372036854775807", &v, &mem, at, "t", &said) == RAD_EINVAL);
  k.lo = 2.5;
  ck_assert(keys_parse(&k, "2", &v, &mem, at, "t", &said) == RAD_EINVAL);
  ck_assert(keys_parse(&k, "3", &v, &mem, at, "t", &said) == RAD_OK);
}
END_TEST

START_TEST(reals)
{
  float f = 0;
  double d = 0;
  ck_assert(parses("rate", "0.125", &f) && f == 0.125f);
  ck_assert(parses("rate", "1", &f) && parses("rate", "0", &f));
  ck_assert(!parses("rate", "nan", &f) && !parses("rate", "-nan", &f));
  ck_assert(!parses("rate", "1.0000001", &f) && !parses("rate", "-1e-9", &f));
  ck_assert(!parses("rate", "1e-300", &f)); /* would become 0 */
  ck_assert(parses("fine", "1e300", &d) && d == 1e300);
  ck_assert(!parses("fine", "nan", &d) && !parses("fine", "1,5", &d));
  rad_key wide = table[4];
  wide.hi = 1e300;
  ck_assert(keys_parse(&wide, "1e39", &f, &mem, (origin){0}, "t", &said) == RAD_EINVAL);
  ck_assert(keys_parse(&wide, "3e38", &f, &mem, (origin){0}, "t", &said) == RAD_OK);
  ck_assert(says("[layer h1] rate = nan: must be a number from 0 to 1\n"));
  wide.lo = wide.hi = 0;
  ck_assert(keys_parse(&wide, "0.5", &f, &mem, (origin){0}, "t", &said) == RAD_EINVAL);
  ck_assert(says("t rate = 0.5: must be a number equal to 0\n"));
}
END_TEST

START_TEST(words)
{
  bool b = false;
  int32_t mode = -1;
  const char *path = NULL;
  ck_assert(parses("flag", "yes", &b) && b);
  ck_assert(parses("flag", "off", &b) && !b);
  ck_assert(parses("flag", "true", &b) && b);
  ck_assert(!parses("flag", "True", &b) && !parses("flag", "1", &b) && b);
  ck_assert(parses("mode", "any", &mode) && mode == 0);
  ck_assert(!parses("mode", "Any", &mode) && !parses("mode", "", &mode));
  ck_assert(says("[layer h1] mode = Any: must be one of any, wrong\n"));
  char given[] = "data:x/y";
  ck_assert(parses("path", given, &path));
  given[0] = 'D';
  ck_assert_str_eq(path, "data:x/y");
}
END_TEST

START_TEST(lists)
{
  rad_list l = {0};
  ck_assert(parses("list", "3, -1.5,7", &l));
  ck_assert_uint_eq(l.n, 3);
  ck_assert(l.v[0] == 3 && l.v[1] == -1.5 && l.v[2] == 7);
  ck_assert(!parses("list", "3, 9", &l) && !parses("list", "3, x", &l));
  ck_assert(!parses("list", "nan", &l));
  ck_assert(says("must be numbers separated by commas, each from -4 to 8\n"));
}
END_TEST

START_TEST(searches_are_no_values)
{
  int32_t v = 5;
  const char *t = NULL;
  ck_assert(!parses("count", "search(1, 4)", &v) && v == 5);
  ck_assert(!parses("path", "choice(a, b)", &t) && t == NULL);
  ck_assert(says("one value is needed here"));
}
END_TEST

static section make(setting *v, size_t n)
{
  return (section){.kind = "layer", .name = "h1", .at = {"exp.ini", 12}, .v = v, .n = n, .cap = n};
}

START_TEST(fills_defaults_then_settings)
{
  setting v[] = {{.key = "count", .value = "31"}, {.key = "rate", .value = "0.5"}};
  const section s = make(v, 2);
  sample x;
  memset(&x, 0x5a, sizeof x);
  ck_assert(keys_fill(table, N, &s, &x, &mem, &said) == RAD_OK);
  ck_assert(!x.flag && x.count == 31 && x.mode == 1 && x.big == -3 && x.rate == 0.5f);
  ck_assert(x.fine == 2.5 && strcmp(x.path, "") == 0 && x.list.n == 2 && x.list.v[1] == 2.5);
  ck_assert(keys_fill(table, N, NULL, &x, &mem, &said) == RAD_OK);
  ck_assert(x.count == 17);
}
END_TEST

START_TEST(required_keys_are_missed)
{
  rad_key k = table[1];
  k.def = NULL;
  const section s = make(NULL, 0);
  sample x;
  ck_assert(keys_fill(&k, 1, &s, &x, &mem, &said) == RAD_EINVAL);
  ck_assert(says("exp.ini:12: [layer h1] needs a key 'count' (how many): an integer from 1 to"));
  ck_assert(keys_fill(&k, 1, NULL, &x, &mem, &said) == RAD_EINVAL);
}
END_TEST

START_TEST(every_error_is_reported)
{
  setting v[] = {{.key = "count", .value = "x"}, {.key = "mode", .value = "y"}};
  const section s = make(v, 2);
  sample x;
  ck_assert(keys_fill(table, N, &s, &x, &mem, &said) == RAD_EINVAL);
  ck_assert_uint_eq(said.errors, 2);
}
END_TEST

START_TEST(unknown_keys_get_a_suggestion)
{
  setting v[] = {{.key = "cuont", .value = "3", .at = {"exp.ini", 14}},
                 {.key = "zebra", .value = "3", .at = {"exp.ini", 15}},
                 {.key = "rate", .value = "3"},
                 {.key = "plugin", .value = "dense"}};
  const rad_key plugin = {.name = "plugin"};
  const key_table tables[] = {{table, N}, {&plugin, 1}};
  for (size_t i = 0; i < 4; i++)
    ck_assert(keys_unknown(&v[i], tables, 2, "[layer h1]", &said) == (i < 2 ? RAD_EINVAL : RAD_OK));
  ck_assert_uint_eq(said.errors, 2);
  ck_assert(says("exp.ini:14: [layer h1] unknown key 'cuont' (did you mean 'count'?)\n"));
  ck_assert(says("exp.ini:15: [layer h1] unknown key 'zebra'\n"));
}
END_TEST

/* --- what a bad plugin could state --- */
static rad_status table_of(rad_key k)
{
  rad_key two[] = {table[4], k};
  return keys_check_table(two, 2, sizeof(sample), NULL, 0, "layer x", &said);
}

START_TEST(tables_that_are_good)
{
  ck_assert(keys_check_table(table, N, sizeof(sample), NULL, 0, "layer x", &said) == RAD_OK);
  ck_assert(keys_check_table(NULL, 0, 0, NULL, 0, "layer x", &said) == RAD_OK);
  ck_assert_uint_eq(said.errors, 0);
  size_t n;
  const kind_info *all = kind_list(&n);
  for (size_t i = 0; i < n; i++) /* the core's own tables, too */
    ck_assert_msg(keys_check_table(all[i].common, all[i].ncommon, all[i].size, NULL, 0, all[i].name,
                                   &said) == RAD_OK,
                  "%s", text_str(&said.messages));
  ck_assert_uint_eq(n, 24);
}
END_TEST

START_TEST(tables_that_are_bad)
{
  const rad_key good = table[1];
  static const char *const none[] = {NULL};
  ck_assert(table_of(good) == RAD_OK);
#define BAD(change, word)                                                                          \
  do {                                                                                             \
    rad_key k = good;                                                                              \
    change;                                                                                        \
    text_clear(&said.messages);                                                                    \
    ck_assert_msg(table_of(k) == RAD_EINVAL, #change);                                             \
    ck_assert_msg(says(word), "%s", text_str(&said.messages));                                     \
  } while (0)
  BAD(k.name = NULL, "name");
  BAD(k.name = "", "name");
  BAD(k.name = "two words", "name");
  BAD(k.name = "a.b", "name");
  BAD(k.help = NULL, "help");
  BAD(k.name = "rate", "twice");
  BAD(k.offset = sizeof(sample) - 3, "beyond");
  BAD(k.offset = UINT32_MAX, "beyond");
  BAD(k.offset += 1, "misaligned");
  BAD(k.type = 99, "type");
  BAD(k.type = RAD_F32, "type");
  BAD(k.lo = 5; k.hi = 4, "range");
  BAD(k.lo = (double)NAN, "range");
  BAD(k.hi = (double)NAN, "range");
  BAD(k.def = "0", "default");
  BAD(k.def = "many", "default");
  BAD(k.def = "search(1, 2)", "default");
  BAD(k.type = RAD_ENUM, "choices");
  BAD(k.type = RAD_ENUM; k.choices = none, "choices");
  BAD(k.type = RAD_ENUM; k.choices = modes; k.def = "never", "default");
  BAD(k.flags = RAD_FILE, "file");
  BAD(k.flags = 1u << 20, "flags");
#undef BAD
  ck_assert(keys_check_table(NULL, 3, 64, NULL, 0, "layer x", &said) == RAD_EINVAL);
  ck_assert(keys_check_table(&good, 1, sizeof(sample), &good, 1, "layer x", &said) == RAD_EINVAL);
  ck_assert(keys_check_table(&good, 1, 0, NULL, 0, "layer x", &said) == RAD_EINVAL);
}
END_TEST

START_TEST(help_says_what_is_allowed)
{
  text t = {0};
  keys_help(&table[1], &t);
  keys_help(&table[2], &t);
  ck_assert(strstr(text_str(&t), "count            an integer from 1 to 1000000, searched on a log "
                                 "scale, default 17: how many\n"));
  ck_assert(strstr(text_str(&t), "one of any, wrong, default wrong: which\n"));
  text_free(&t);
}
END_TEST

START_TEST(kinds)
{
  ck_assert_uint_eq(kind_by_name("layer")->kind, RAD_LAYER);
  ck_assert_str_eq(kind_by_id(RAD_BACKEND)->name, "backend");
  ck_assert_ptr_null(kind_by_name("layers"));
  ck_assert_ptr_null(kind_by_id(0));
  run_keys run;
  const kind_info *k = kind_by_name("run");
  ck_assert(keys_fill(k->common, k->ncommon, NULL, &run, &mem, &said) == RAD_OK);
  ck_assert(run.epochs == 10 && run.batch == 128 && run.evaluate == 1 && run.eval_batch == 256);
  ck_assert(run.seeds.n == 1 && run.seeds.v[0] == 1);
}
END_TEST

int main(void)
{
  Suite *s = suite_create("keys");
  TCase *t = tcase_create("keys");
  tcase_add_checked_fixture(t, begin, end);
  tcase_add_test(t, integers);
  tcase_add_test(t, longs_keep_their_digits);
  tcase_add_test(t, reals);
  tcase_add_test(t, words);
  tcase_add_test(t, lists);
  tcase_add_test(t, searches_are_no_values);
  tcase_add_test(t, fills_defaults_then_settings);
  tcase_add_test(t, required_keys_are_missed);
  tcase_add_test(t, every_error_is_reported);
  tcase_add_test(t, unknown_keys_get_a_suggestion);
  tcase_add_test(t, tables_that_are_good);
  tcase_add_test(t, tables_that_are_bad);
  tcase_add_test(t, help_says_what_is_allowed);
  tcase_add_test(t, kinds);
  suite_add_tcase(s, t);
  SRunner *r = srunner_create(s);
  srunner_run_all(r, CK_ENV);
  const int failed = srunner_ntests_failed(r);
  srunner_free(r);
  return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
