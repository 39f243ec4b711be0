/* SPDX-License-Identifier: BSD-3-Clause
 * core_fetch.c - getting data sets: files that are there, addresses, packages; nothing is taken
 * that has not the right content. The programs are stand-ins in a PATH of their own. */
#include "data_sets.h"
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

static char folder[64];
static diag messages;
static const char one[] = "the first file, 31 bytes long..", two[] = "and the second\n";
static char hash[3][65];
static set_file file[2];
static data_set set;
static const char *const prefix[] = {"https://down.example/", "https://up.example/d/", NULL};
static const char *const address[] = {"https://up.example/tiny.tar.gz", NULL};
static const char *const member[] = {"package/in/one", "package/in/two", NULL};

static const char *in(const char *name)
{
  static char path[4][256]; /* a few at a time */
  static unsigned turn;
  char *p = path[turn++ % 4];
  ck_assert_int_lt(snprintf(p, 256, "%s/%s", folder, name), 256);
  return p;
}

static void put(const char *name, const void *p, size_t n)
{
  FILE *f = fopen(in(name), "wb");
  ck_assert_ptr_nonnull(f);
  ck_assert_uint_eq(fwrite(p, 1, n, f), n);
  ck_assert_int_eq(fclose(f), 0);
}

static void put_gz(const char *name, const void *p, size_t n)
{
  gzFile f = gzopen(in(name), "wb");
  ck_assert_int_eq(gzwrite(f, p, (unsigned)n), (int)n);
  ck_assert_int_eq(gzclose(f), Z_OK);
}

static void program(const char *name, const char *script)
{
  char path[64];
  text t = {0};
  text_printf(&t, "#!/bin/sh\nT=%s\necho \"%s $*\" >>$T/calls\nPATH=/usr/bin:/bin\n%s\n", folder,
              name, script);
  snprintf(path, sizeof path, "bin/%s", name);
  put(path, t.s, t.n);
  ck_assert_int_eq(chmod(in(path), 0755), 0);
  text_free(&t);
}

static bool called(const char *what)
{
  fs_bytes b;
  diag quiet = {0};
  bool found = false;
  if (fs_map(in("calls"), 0, 0, &b, &quiet) >= 0) {
    char *s = calloc(b.n + 1, 1);
    memcpy(s, b.p, b.n);
    found = strstr(s, what) != NULL;
    free(s);
    fs_unmap(&b);
  }
  diag_free(&quiet);
  return found;
}

static void setup(void)
{
  static const char *const dirs[] = {"bin", "home", "home/tiny", "serve", "system", "system/tiny"};
  snprintf(folder, sizeof folder, "/tmp/rademacher-fetch.XXXXXX");
  ck_assert_ptr_nonnull(mkdtemp(folder));
  for (size_t i = 0; i < sizeof dirs / sizeof *dirs; i++)
    ck_assert_int_eq(mkdir(in(dirs[i]), 0777), 0);
  setenv("PATH", in("bin"), 1);
  fs_sha256(one, strlen(one), hash[0]);
  fs_sha256(two, strlen(two), hash[1]);
  file[0] = (set_file){"one", hash[0], strlen(one)};
  file[1] = (set_file){"two", hash[1], strlen(two)};
  set = (data_set){.name = "tiny", .about = "", .file = file, .nfile = 2};
  program("tar", "exec tar \"$@\"");
}

static void teardown(void)
{
  const char *const argv[] = {"rm", "-r", "-f", folder, NULL};
  setenv("PATH", "/usr/bin:/bin", 1);
  spawn_run(argv, "/", NULL, &messages);
  diag_free(&messages);
}

static rad_status get(bool offline)
{
  const fetch_options o = {
      .home = in("home"), .more = {in("system")}, .nmore = 1, .offline = offline, .quiet = true};
  diag_free(&messages);
  return data_fetch(&set, &o, &messages);
}

static bool says(const char *what)
{
  return strstr(text_str(&messages.messages), what) != NULL;
}

static void is_complete(void)
{
  const char *const name[] = {"home/tiny/one", "home/tiny/two"}, *const content[] = {one, two};
  for (size_t i = 0; i < 2; i++) {
    fs_bytes b;
    ck_assert_int_eq(fs_map(in(name[i]), 0, 0, &b, &messages), RAD_OK);
    ck_assert_uint_eq(b.n, strlen(content[i]));
    ck_assert_mem_eq(b.p, content[i], b.n);
    fs_unmap(&b);
  }
  ck_assert_uint_eq(data_present(&set, in("home/tiny")), 2);
  ck_assert(!fs_is_dir(in("home/tiny/.part")));
  ck_assert_uint_eq(messages.errors, 0);
}

/* Serves files of `serve` for addresses below up.example; goes on where a file is partly there. */
static const char curl[] = "for a; do case $p in --output) o=$a;; esac; p=$a; done\n"
                           "case $a in https://up.example/*) ;; *) exit 6;; esac\n"
                           "f=$T/serve/${a##*/}; n=0\n"
                           "[ -f \"$o\" ] && n=$(wc -c <\"$o\")\n"
                           "echo resumed at $n >>$T/calls\n"
                           "tail -c +$((n + 1)) \"$f\" >>\"$o\"";

START_TEST(files_that_are_there_are_taken)
{
  put("home/tiny/one", one, strlen(one));
  put_gz("system/tiny/two.gz", two, strlen(two));
  ck_assert_uint_eq(data_present(&set, in("home/tiny")), 1);
  ck_assert_int_eq(get(true), RAD_OK);
  is_complete();
  ck_assert_int_eq(get(true), RAD_OK); /* and again */
  is_complete();
}
END_TEST

START_TEST(damaged_files_of_the_user_stay)
{
  static const char other[] = "the first file, 31 bytes wrong.";
  put(_i ? "home/tiny/two" : "home/tiny/one", other, strlen(other));
  put_gz(_i ? "home/tiny/one.gz" : "home/tiny/two.gz", two, strlen(two));
  program("curl", curl);
  set.prefix = prefix;
  ck_assert_int_eq(get(false), RAD_EINVAL);
  ck_assert(says(_i ? "31 bytes, expected 15" : hash[0]));
  ck_assert(says("move them away"));
  fs_bytes b;
  ck_assert_int_eq(fs_map(in(_i ? "home/tiny/two" : "home/tiny/one"), 0, 0, &b, &messages), RAD_OK);
  ck_assert_mem_eq(b.p, other, b.n);
  fs_unmap(&b);
  ck_assert(!called("curl"));
}
END_TEST

START_TEST(offline_asks_nobody)
{
  program("curl", curl);
  program("npm", "exit 0");
  set.prefix = prefix;
  set.npm = "tiny@1.0";
  set.npm_member = member;
  set.npm_folder = "package/in";
  ck_assert_int_eq(get(true), RAD_EIO);
  ck_assert(says("tiny is not complete. Put one, two (raw or .gz) into"));
  ck_assert(!called("curl") && !called("npm"));
}
END_TEST

START_TEST(addresses_one_after_the_other)
{
  put_gz("serve/one.gz", one, strlen(one));
  put_gz("serve/two.gz", two, strlen(two));
  program(
      _i ? "curl" : "wget",
      _i ? curl
         : "while [ $# -gt 1 ]; do [ $1 = --output-document ] && o=$2; shift; done\n"
           "case $1 in https://up.example/*) cp \"$T/serve/${1##*/}\" \"$o\";; *) exit 4;; esac");
  set.prefix = prefix;
  ck_assert_int_eq(get(false), RAD_OK);
  is_complete();
  ck_assert(called("https://down.example/one.gz"));
  ck_assert(!called("https://down.example/two.gz")); /* the first failed: its place is down */
  ck_assert(called("https://up.example/d/two.gz"));
  ck_assert(!_i || (called("--proto =https") && called("--connect-timeout 5")));
}
END_TEST

START_TEST(wrong_content_is_not_taken)
{
  put("serve/one.gz", "<html>log in first</html>", 25);
  program("curl", curl);
  set.prefix = prefix;
  ck_assert_int_eq(get(false), RAD_EIO);
  ck_assert(says("25 bytes, expected 31"));
  ck_assert(!fs_is_file(in("home/tiny/one")));
  ck_assert(!fs_is_file(in("home/tiny/.part/one.gz.part")));
  put_gz("serve/one.gz", one, strlen(one)); /* nothing of it is in the way */
  put_gz("serve/two.gz", two, strlen(two));
  ck_assert_int_eq(get(false), RAD_OK);
  is_complete();
}
END_TEST

START_TEST(stopped_downloads_go_on)
{
  put_gz("serve/one.gz", one, strlen(one));
  put_gz("serve/two.gz", two, strlen(two));
  program("curl", "for a; do case $p in --output) o=$a;; esac; p=$a; done\n"
                  "head -c 11 $T/serve/one.gz >$o\nkill -TERM $$");
  set.prefix = prefix;
  ck_assert_int_eq(get(false), RAD_ECANCEL);
  ck_assert(!called("up.example")); /* nothing more is tried */
  ck_assert(says("the next try goes on"));
  ck_assert(fs_is_file(in("home/tiny/.part/one.gz.part")));
  program("curl", curl);
  ck_assert_int_eq(get(false), RAD_OK);
  is_complete();
  ck_assert(called("resumed at 11"));
}
END_TEST

/* Makes serve/NAME of the two files in a folder. */
static void pack(const char *name, const char *inside)
{
  char path[128], script[512];
  snprintf(script, sizeof script,
           "d=$T/serve/%s; mkdir -p $d; cd $T/serve; cp $T/one $d/one; cp $T/two $d/two\n"
           "touch other; tar -czf %s %s/one %s/two other",
           inside, name, inside, inside);
  put("one", one, strlen(one));
  put("two", two, strlen(two));
  program("pack", script);
  snprintf(path, sizeof path, "serve/%s", name);
  const char *const argv[] = {"pack", NULL};
  ck_assert_int_eq(spawn_run(argv, "/", NULL, &messages), RAD_OK);
  ck_assert_int_eq(fs_sha256_file(in(path), hash[2], &messages), RAD_OK);
}

START_TEST(archives_are_unpacked)
{
  pack("tiny.tar.gz", "data-bin");
  program("curl", curl);
  set.archive = address;
  set.archive_file = "tiny.tar.gz";
  set.archive_folder = "data-bin";
  set.archive_sha256 = hash[2];
  if (_i == 0) {
    ck_assert_int_eq(get(false), RAD_OK);
    is_complete();
  } else if (_i == 1) { /* placed by the user */
    ck_assert_int_eq(rename(in("serve/tiny.tar.gz"), in("home/tiny/tiny.tar.gz")), 0);
    ck_assert_int_eq(get(true), RAD_OK);
    is_complete();
  } else { /* another archive: not even unpacked */
    set.archive_sha256 = hash[0];
    ck_assert_int_eq(get(false), RAD_EIO);
    ck_assert(says(hash[2]));
    ck_assert(!called("tar -x"));
  }
}
END_TEST

static rad_status swap(const char *path, size_t i, const char *out, diag *d)
{
  const char *content[] = {one, two};
  (void)path;
  return fs_write(out, content[i], strlen(content[i]), d);
}

START_TEST(npm_packages)
{
  pack("tiny-1.0.tgz", "package/in");
  program("npm", "cp $T/serve/tiny-1.0.tgz .");
  set.npm = "tiny@1.0";
  set.npm_member = member;
  set.npm_folder = "package/in";
  if (_i) { /* rebuilt from what is in it */
    put("one", "x", 1);
    set.rebuild = swap;
  }
  ck_assert_int_eq(get(false), RAD_OK);
  is_complete();
  ck_assert(called("npm pack --ignore-scripts --silent tiny@1.0"));
}
END_TEST

START_TEST(debian_packages)
{
  put_gz("serve/one.gz", one, strlen(one));
  put_gz("serve/two.gz", two, strlen(two));
  program("apt-get", "touch dataset-tiny_0.2_all.deb");
  program("dpkg-deb", "mkdir -p $3/usr/share/tiny; cp $T/serve/*.gz $3/usr/share/tiny");
  set.apt = "dataset-tiny";
  set.apt_folder = "usr/share/tiny";
  ck_assert_int_eq(get(false), RAD_OK);
  is_complete();
  ck_assert(called("dpkg-deb -x dataset-tiny_0.2_all.deb deb"));
}
END_TEST

START_TEST(one_process_at_a_time)
{
  int lock;
  ck_assert_int_eq(fs_lock(in("home/tiny/.lock"), &lock, &messages), RAD_OK);
  ck_assert_int_eq(get(true), RAD_ECANCEL);
  close(lock);
  put("home/tiny/one", one, strlen(one));
  put("home/tiny/two", two, strlen(two));
  ck_assert_int_eq(get(true), RAD_OK);
}
END_TEST

START_TEST(programs_are_of_absolute_folders)
{
  const char *const argv[] = {"here", "x", NULL};
  char path[256];
  program("here", "exit 3");
  ck_assert_int_eq(chdir(in("bin")), 0);
  setenv("PATH", ".::bin", 1);
  ck_assert_int_eq(spawn_run(argv, folder, NULL, &messages), RAD_DONE);
  snprintf(path, sizeof path, ".:%s/bin", folder);
  setenv("PATH", path, 1);
  ck_assert_int_eq(spawn_run(argv, folder, in("log"), &messages), RAD_EIO);
  ck_assert(says("here ended with status 3"));
  set.prefix = prefix;
  ck_assert_int_eq(get(false), RAD_EIO);
  ck_assert(says("needs curl or wget"));
}
END_TEST

START_TEST(known_sets_are_well_formed)
{
  size_t n;
  const data_set *s = data_sets(&n);
  ck_assert_uint_eq(n, 4);
  for (size_t i = 0; i < n; i++) {
    ck_assert_ptr_eq(data_set_find(s[i].name, &messages), &s[i]);
    for (size_t k = 0; k < s[i].nfile; k++) {
      ck_assert_uint_eq(strlen(s[i].file[k].sha256), 64);
      ck_assert_uint_gt(s[i].file[k].bytes, 10000);
      for (size_t j = 0; j < k; j++)
        ck_assert_str_ne(s[i].file[k].sha256, s[i].file[j].sha256);
    }
    for (size_t k = 0; s[i].prefix && s[i].prefix[k]; k++)
      ck_assert_int_eq(strncmp(s[i].prefix[k], "https://", 8), 0);
    ck_assert(!s[i].npm || strchr(s[i].npm, '@'));
  }
  ck_assert_ptr_null(data_set_find("cifar-10", &messages));
  ck_assert(says("did you mean 'cifar10'?"));
}
END_TEST

int main(void)
{
  Suite *s = suite_create("fetch");
  TCase *t = tcase_create("fetch");
  tcase_set_timeout(t, 60);
  tcase_add_checked_fixture(t, setup, teardown);
  tcase_add_test(t, files_that_are_there_are_taken);
  tcase_add_loop_test(t, damaged_files_of_the_user_stay, 0, 2);
  tcase_add_test(t, offline_asks_nobody);
  tcase_add_loop_test(t, addresses_one_after_the_other, 0, 2);
  tcase_add_test(t, wrong_content_is_not_taken);
  tcase_add_test(t, stopped_downloads_go_on);
  tcase_add_loop_test(t, archives_are_unpacked, 0, 3);
  tcase_add_loop_test(t, npm_packages, 0, 2);
  tcase_add_test(t, debian_packages);
  tcase_add_test(t, one_process_at_a_time);
  tcase_add_test(t, programs_are_of_absolute_folders);
  tcase_add_test(t, known_sets_are_well_formed);
  suite_add_tcase(s, t);
  SRunner *r = srunner_create(s);
  srunner_run_all(r, CK_ENV);
  const int failed = srunner_ntests_failed(r);
  srunner_free(r);
  return failed ? 1 : 0;
}
