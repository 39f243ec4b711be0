/* SPDX-License-Identifier: BSD-3-Clause
 * core_plugin.c - where plugins are found, what is refused and in which words. ZOO is the folder
 * into which the build has put tests/bad_plugins and tests/abi. */
#include "folder.h"
#include "fs.h"
#include "plugin.h"
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static char top[] = "core_plugin.XXXXXX"; /* each test runs in a folder and a process of its own */
static char home[2000], here[2100];
static const origin at = {"x.ini", 7};
static arena mem;
static diag d;

static void enter(void)
{
  ck_assert_ptr_nonnull(getcwd(home, sizeof home));
  memcpy(strchr(top, '.'), ".XXXXXX", 7);
  ck_assert_ptr_nonnull(mkdtemp(top));
  ck_assert_int_eq(chdir(top), 0);
  snprintf(here, sizeof here, "%s/%s", home, top);
  unsetenv("RAD_PLUGIN_PATH");
}

static void leave(void)
{
  ck_assert_int_eq(chdir(home), 0);
  folder_remove(top);
  arena_free(&mem);
  diag_free(&d);
}

static const char *in(const char *dir)
{
  return fs_join(&mem, here, dir);
}

static void put(const char *path, const void *bytes, size_t n)
{
  ck_assert_int_eq(fs_mkdirs(fs_dirname(&mem, in(path)), &d), RAD_OK);
  ck_assert_int_eq(fs_write(in(path), bytes, n, &d), RAD_OK);
}

/* The first n bytes of a plugin of the zoo, at a path; 0: all. */
static void place(const char *animal, const char *path, size_t n)
{
  fs_bytes b;
  const char *from = arena_printf(&mem, "%s/%s.so", ZOO, animal);
  ck_assert_msg(fs_map(from, 0, 0, &b, &d) == RAD_OK, "%s", text_str(&d.messages));
  put(path, b.p, n ? n : b.n);
  fs_unmap(&b);
}

static void ck_says(const char *what)
{
  ck_assert_msg(strstr(text_str(&d.messages), what) != NULL, "'%s' is not in: %s", what,
                text_str(&d.messages));
  diag_free(&d);
}

static plugins *open_path(const char *dir)
{
  plugins *p;
  ck_assert_msg(plugins_new(&p, dir, &d) == RAD_OK, "%s", text_str(&d.messages));
  return p;
}

static const plugin *find(plugins *p, uint32_t kind, const char *name)
{
  return plugins_find(p, kind, name, at, "[layer h1]", &d);
}

/* --- found --- */
START_TEST(found_by_name)
{
  static const char *const places[] = {"a/layer/good.so", "a/layer/.libs/good.so"};
  place("good", places[_i], 0);
  plugins *p = open_path(in("a"));
  const plugin *q = find(p, RAD_LAYER, "good");
  ck_assert_msg(q != NULL, "%s", text_str(&d.messages));
  ck_assert_ptr_eq(q, find(p, RAD_LAYER, "good"));
  ck_assert_str_eq(q->file, in(places[_i]));
  ck_assert_str_eq(q->d.version, "1.2");
  ck_assert_uint_eq(q->d.nkeys, 2);
  ck_assert_str_eq(q->d.keys[1].name, "file");
  ck_assert(q->ops.layer.plan && !q->ops.layer.forward);
  ck_assert_ptr_eq(q->d.ops, &q->ops);
  ck_assert_ptr_null(find(p, RAD_LOSS, "good"));
  ck_says("x.ini:7: [layer h1] there is no loss plugin 'good'");
  plugins_free(p);
}
END_TEST

START_TEST(found_by_a_scan)
{
  place("good", "a/deep/er/any.so", 0);
  place("good", "a/.hidden/x.so", 0);
  plugins *p = open_path(in("a"));
  const plugin *q = find(p, RAD_LAYER, "second");
  ck_assert_msg(q != NULL, "%s", text_str(&d.messages));
  ck_assert_str_eq(q->file, in("a/deep/er/any.so"));
  ck_assert_str_eq(q->d.summary, "");
  ck_assert_ptr_nonnull(find(p, RAD_LAYER, "good"));
  plugins_free(p);
}
END_TEST

START_TEST(the_first_folder_wins)
{
  place("good", "b/layer/good.so", 0);
  place("good", "c/layer/good.so", 0);
  place("good", "a/early.so", 0); /* earlier in the path, but not under its own name */
  setenv("RAD_PLUGIN_PATH", arena_printf(&mem, "%s:%s/", in("b"), in("c")), 1);
  plugins *p = open_path(in("a"));
  size_t n;
  const char *const *dir = plugins_path(p, &n);
  ck_assert_uint_eq(n, 4);
  ck_assert_str_eq(dir[0], in("a"));
  ck_assert_str_eq(dir[2], in("c"));
  ck_assert_str_eq(dir[3], PKGLIBDIR "/plugins");
  const plugin *q = find(p, RAD_LAYER, "good");
  ck_assert_msg(q != NULL, "%s", text_str(&d.messages));
  ck_assert_str_eq(q->file, in("b/layer/good.so"));
  const plugin *const *v;
  ck_assert_int_eq(plugins_scan(p, &v, &n, &d), RAD_OK);
  ck_assert_uint_eq(n, 2);
  ck_assert_ptr_eq(v[0], q); /* the list says what find returns */
  ck_assert_str_eq(v[1]->d.name, "second");
  ck_assert_str_eq(v[1]->file, in("a/early.so"));
  ck_assert_int_eq(plugins_all(p, &v, &n, &d), RAD_OK);
  ck_assert_uint_eq(n, 6);
  ck_assert_str_eq(v[1]->file, in("c/layer/good.so"));
  ck_assert_ptr_eq(v[1]->hidden_by, q);
  ck_assert_str_eq(v[2]->file, in("a/early.so"));
  ck_assert_ptr_null(v[0]->hidden_by);
  plugins_free(p);
}
END_TEST

START_TEST(an_older_plugin)
{
  place("old", "a/layer/old.so", 0);
  plugins *p = open_path(in("a"));
  const plugin *q = find(p, RAD_LAYER, "old");
  ck_assert_msg(q != NULL, "%s", text_str(&d.messages));
  ck_assert(q->ops.layer.plan && q->ops.layer.forward && q->ops.layer.backward);
  ck_assert(!q->ops.layer.gradient && !q->ops.layer.sum && !q->ops.layer.settle);
  ck_assert(!q->d.init && !q->d.fini);
  ck_assert_uint_eq(q->d.key_size, sizeof(rad_key));
  ck_assert_str_eq(q->d.keys[1].name, "rate");
  ck_assert_uint_eq(q->d.keys[0].flags, 0);
  ck_assert_uint_eq(q->d.keys[1].flags, 0);
  plugins_free(p);
}
END_TEST

/* --- refused --- */
static const struct refusal {
  const char *name;
  uint32_t kind;
  const char *says;
} refusals[] = {
    {"other_abi", RAD_LAYER, "built for plugin ABI 7, this program has ABI 1"},
    {"no_symbol", RAD_LAYER, "no symbol rademacher_plugins"},
    {"twice", RAD_LAYER, "it holds layer twice twice"},
    {"no_plan", RAD_LAYER, "no_plan: the callback 'plan' is missing"},
    {"short_ops", RAD_LAYER, "short_ops: the callback 'plan' is missing"},
    {"half_pointer", RAD_LAYER, "half_pointer: the size of its ops"},
    {"no_ops", RAD_LAYER, "no_ops: it has no ops"},
    {"short_descriptor", RAD_LAYER, "impossible size of 40 bytes"},
    {"other_release", RAD_FIT, "that is 101, this program is 100"},
    {"newer", RAD_LAYER, "newer: it needs plugin ABI 1.4, this program has 1.1"},
    {"unknown_kind", RAD_LAYER, "of a kind that this program does not know"},
    {"bad_name", RAD_LAYER, "the name of a plugin must be"},
    {"escape", RAD_LAYER, "escape: summary, version or reference"},
    {"empty", RAD_LAYER, "its list of plugins is empty"},
    {"null_list", RAD_LAYER, "it exports nothing"},
    {"endless", RAD_LAYER, "its list of plugins has no end"},
    {"meddling", RAD_MEASURE, "a measure must not change the training"},
    {"aimless", RAD_NOISE, "'split' needs the flag RAD_CHANGES_INPUTS"},
    {"key_outside", RAD_LAYER, "key 'far'"},
    {"key_default", RAD_LAYER, "key 'units'"},
    {"key_clash", RAD_LAYER, "key 'init'"},
    {"key_twice", RAD_LAYER, "key 'units'"},
    {"key_nan", RAD_LAYER, "key 'units'"},
    {"key_stride", RAD_LAYER, "1 keys of 3 bytes"},
};

START_TEST(what_is_refused)
{
  const struct refusal *r = &refusals[_i];
  const char *file = arena_printf(&mem, "a/%s/%s.so", plugin_kind_name(r->kind), r->name);
  place(r->name, file, 0);
  plugins *p = open_path(in("a"));
  ck_assert_ptr_null(find(p, r->kind, r->name));
  ck_assert_uint_eq(d.errors, 1);
  ck_assert(strncmp(text_str(&d.messages), "x.ini:7: [layer h1] plugin ", 27) == 0);
  ck_assert_ptr_nonnull(strstr(text_str(&d.messages), in(file)));
  ck_says(r->says);
  const plugin *const *v;
  size_t n;
  ck_assert_int_eq(plugins_scan(p, &v, &n, &d), RAD_OK);
  ck_assert_uint_eq(n, 0);
  ck_assert_uint_eq(d.warnings, 1);
  ck_says(r->says);
  plugins_free(p);
}
END_TEST

/* A plugin that does not load is an error, even where another folder has one that does. */
START_TEST(no_silent_replacement)
{
  place("other_abi", "a/layer/good.so", 0);
  place("good", "b/layer/good.so", 0);
  setenv("RAD_PLUGIN_PATH", in("b"), 1);
  plugins *p = open_path(in("a"));
  ck_assert_ptr_null(find(p, RAD_LAYER, "good"));
  ck_says("a/layer/good.so does not load: it was built for plugin ABI 7");
  plugins_free(p);
}
END_TEST

START_TEST(a_file_without_the_plugin_of_its_name)
{
  place("good", "a/layer/dense.so", 0);
  plugins *p = open_path(in("a"));
  ck_assert_ptr_null(find(p, RAD_LAYER, "dense"));
  ck_says("there is no layer plugin 'dense'");
  ck_assert_ptr_nonnull(find(p, RAD_LAYER, "good")); /* by a scan */
  plugins_free(p);
}
END_TEST

START_TEST(no_shared_object)
{
  static const char text1[] = "#!/bin/sh\necho I am a script\n";
  put("a/layer/script.so", text1, sizeof text1);
  put("a/layer/nothing.so", "", 0);
  ck_assert_int_eq(mkdir(in("a/layer/folder.so"), 0777), 0);
  ck_assert_int_eq(mkfifo(in("a/layer/fifo.so"), 0666), 0);
  ck_assert_int_eq(symlink("/nowhere", in("a/layer/gone.so")), 0);
  plugins *p = open_path(in("a"));
  ck_assert_ptr_null(find(p, RAD_LAYER, "script"));
  ck_says("script.so does not load: it is not a shared object");
  ck_assert_ptr_null(find(p, RAD_LAYER, "nothing"));
  ck_says("nothing.so does not load: it is not a shared object");
  ck_assert_ptr_null(find(p, RAD_LAYER, "folder"));
  ck_says("is a directory");
  ck_assert_ptr_null(find(p, RAD_LAYER, "fifo"));
  ck_says("is not a regular file");
  ck_assert_ptr_null(find(p, RAD_LAYER, "gone"));
  ck_says("there is no layer plugin 'gone'");
  plugins_free(p);
}
END_TEST

/* A copy that was broken off: mapped by the loader, it would kill this process. */
START_TEST(truncated)
{
  fs_bytes b;
  ck_assert_int_eq(fs_map(ZOO "/good.so", 0, 0, &b, &d), RAD_OK);
  const size_t whole = b.n;
  uint8_t header[64];
  memcpy(header, b.p, sizeof header);
  fs_unmap(&b);
  for (size_t i = 0; i < 40; i++) {
    const char *name = arena_printf(&mem, "cut%zu", i);
    place("good", arena_printf(&mem, "a/layer/%s.so", name), 1 + whole * i / 120);
    plugins *p = open_path(in("a"));
    ck_assert_ptr_null(find(p, RAD_LAYER, name));
    ck_says("does not load: ");
    plugins_free(p);
    ck_assert_int_eq(unlink(in(arena_printf(&mem, "a/layer/%s.so", name))), 0);
  }
  header[4] ^= 3; /* the other word size */
  put("a/layer/foreign.so", header, sizeof header);
  plugins *p = open_path(in("a"));
  ck_assert_ptr_null(find(p, RAD_LAYER, "foreign"));
  ck_says("for another machine");
  plugins_free(p);
}
END_TEST

/* --- names and paths --- */
START_TEST(impossible_names)
{
  place("good", "good.so", 0);
  ck_assert_int_eq(fs_mkdirs(in("a/layer"), &d), RAD_OK);
  plugins *p = open_path(in("a"));
  static const char *const bad[] = {"../../good", "/etc/passwd", "a b", ".", "good.so"};
  for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
    ck_assert_ptr_null(find(p, RAD_LAYER, bad[i]));
    ck_says("must be a name of letters");
  }
  ck_assert_ptr_null(find(p, RAD_LAYER, ""));
  ck_says("needs `plugin =`, the name of a layer plugin");
  ck_assert_ptr_null(find(p, RAD_LAYER, NULL));
  ck_says("needs `plugin =`");
  ck_assert_ptr_null(find(p, 99, "good"));
  ck_says("needs `plugin =`");
  ck_assert_ptr_null(plugin_kind_name(0));
  ck_assert_ptr_null(plugin_kind_name(17));
  ck_assert_str_eq(plugin_kind_name(RAD_BACKEND), "backend");
  plugins_free(p);
}
END_TEST

START_TEST(near_names_and_places)
{
  place("good", "a/layer/good.so", 0);
  place("empty", "a/layer/broken.so", 0);
  plugins *p = open_path(in("a"));
  ck_assert_ptr_null(find(p, RAD_LAYER, "godo"));
  ck_assert_ptr_nonnull(strstr(text_str(&d.messages), "(did you mean 'good'?)"));
  ck_assert_ptr_nonnull(strstr(text_str(&d.messages), in("a")));
  ck_assert_ptr_nonnull(strstr(text_str(&d.messages), PKGLIBDIR "/plugins"));
  ck_says("some files there do not load: `rademacher plugins` says why");
  plugins_free(p);
}
END_TEST

START_TEST(only_absolute_folders)
{
  static const char *const bad[] = {"relative", ":/x", "/x:", "/x::/y", "/x:.:/y", "."};
  plugins *p;
  place("good", "layer/good.so", 0);
  for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
    setenv("RAD_PLUGIN_PATH", bad[i], 1);
    ck_assert_int_eq(plugins_new(&p, NULL, &d), RAD_EINVAL);
    ck_assert_ptr_null(p);
    ck_says("RAD_PLUGIN_PATH: '");
  }
  setenv("RAD_PLUGIN_PATH", "", 1); /* as if it were not set */
  ck_assert_int_eq(plugins_new(&p, ".", &d), RAD_EINVAL);
  ck_says("--plugin-dir: '.' is not an absolute path");
  ck_assert_int_eq(plugins_new(&p, in("none"), &d), RAD_EINVAL);
  ck_says("--plugin-dir: there is no folder");
  p = open_path(NULL);
  ck_assert_ptr_null(find(p, RAD_LAYER, "good")); /* it is in the current directory */
  diag_free(&d);
  plugins_free(p);
}
END_TEST

START_TEST(uninstalled)
{
  ck_assert_int_eq(plugins_set_program("sub/program"), RAD_OK);
  const char *program = plugins_program();
  ck_assert_ptr_nonnull(program);
  ck_assert_int_eq(program[0], '/');
}
END_TEST

START_TEST(links_in_circles)
{
  place("good", "a/x/good.so", 0);
  for (int i = 0; i < 6; i++) /* followed without end, these would be 6^8 folders */
    ck_assert_int_eq(symlink("..", in(arena_printf(&mem, "a/x/up%d", i))), 0);
  ck_assert_int_eq(symlink(".", in("a/x/same")), 0);
  plugins *p = open_path(in("a"));
  const plugin *const *v;
  size_t n;
  ck_assert_int_eq(plugins_all(p, &v, &n, &d), RAD_OK);
  ck_assert_uint_eq(n, 2);
  plugins_free(p);
}
END_TEST

START_TEST(too_deep)
{
  place("good", "a/1/2/3/4/5/6/7/8/good.so", 0);
  plugins *p = open_path(in("a"));
  ck_assert_ptr_nonnull(find(p, RAD_LAYER, "good"));
  plugins_free(p);
  p = open_path(in("a/1/2/3"));
  place("good", "b/1/2/3/4/5/6/7/8/9/good.so", 0);
  plugins_free(p);
  p = open_path(in("b"));
  ck_assert_ptr_null(find(p, RAD_LAYER, "good"));
  diag_free(&d);
  plugins_free(p);
}
END_TEST

int main(void)
{
  Suite *s = suite_create("plugin");
  TCase *f = tcase_create("found"), *r = tcase_create("refused"), *n = tcase_create("paths");
  tcase_add_checked_fixture(f, enter, leave);
  tcase_add_checked_fixture(r, enter, leave);
  tcase_add_checked_fixture(n, enter, leave);
  tcase_add_loop_test(f, found_by_name, 0, 2);
  tcase_add_test(f, found_by_a_scan);
  tcase_add_test(f, the_first_folder_wins);
  tcase_add_test(f, an_older_plugin);
  tcase_add_loop_test(r, what_is_refused, 0, sizeof refusals / sizeof *refusals);
  tcase_add_test(r, no_silent_replacement);
  tcase_add_test(r, a_file_without_the_plugin_of_its_name);
  tcase_add_test(r, no_shared_object);
  tcase_add_test(r, truncated);
  tcase_add_test(n, impossible_names);
  tcase_add_test(n, near_names_and_places);
  tcase_add_test(n, only_absolute_folders);
  tcase_add_test(n, uninstalled);
  tcase_add_test(n, links_in_circles);
  tcase_add_test(n, too_deep);
  suite_add_tcase(s, f);
  suite_add_tcase(s, r);
  suite_add_tcase(s, n);
  SRunner *run = srunner_create(s);
  srunner_run_all(run, CK_NORMAL);
  const int failed = srunner_ntests_failed(run);
  srunner_free(run);
  return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
