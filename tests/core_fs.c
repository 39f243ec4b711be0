/* SPDX-License-Identifier: BSD-3-Clause
 * core_fs.c - files: whole or not at all, unpacked within limits, locked, found in data homes. */
#include "folder.h"
#include "fs.h"
#include <check.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include <zlib.h>

static char top[] =
    "core_fs.XXXXXX"; /* each test runs in a folder of its own, in its own process */
static char home[4096];
static diag d;

static void enter(void)
{
  ck_assert_ptr_nonnull(getcwd(home, sizeof home));
  memcpy(strchr(top, '.'), ".XXXXXX", 7);
  ck_assert_ptr_nonnull(mkdtemp(top));
  ck_assert_int_eq(chdir(top), 0);
}

static void leave(void)
{
  ck_assert_int_eq(chdir(home), 0);
  folder_remove(top);
  diag_free(&d);
}

static void put(const char *path, const void *bytes, size_t n)
{
  const int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0666);
  ck_assert_int_ge(fd, 0);
  ck_assert_int_eq((int)write(fd, bytes, n), (int)n);
  close(fd);
}

static void ck_says(const char *what)
{
  ck_assert_msg(strstr(text_str(&d.messages), what) != NULL, "'%s' is not in: %s", what,
                text_str(&d.messages));
  diag_free(&d);
}

/* How many names there are in a folder. */
static size_t names_in(const char *path)
{
  arena mem = {0};
  const char **name;
  size_t n;
  ck_assert_int_eq(fs_list(path, &mem, &name, &n, &d), RAD_OK);
  arena_free(&mem);
  return n;
}

/* --- gzip --- */
static size_t pack(const void *bytes, size_t n, uint8_t *out, size_t room)
{
  z_stream z = {0};
  ck_assert_int_eq(deflateInit2(&z, 9, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY), Z_OK);
  uint8_t *copy = malloc(n + 1);
  memcpy(copy, bytes, n);
  z.next_in = copy;
  z.avail_in = (uInt)n;
  z.next_out = out;
  z.avail_out = (uInt)room;
  ck_assert_int_eq(deflate(&z, Z_FINISH), Z_STREAM_END);
  const size_t packed = room - z.avail_out;
  deflateEnd(&z);
  free(copy);
  return packed;
}

static const char text1[] = "Irregular numbers: 0.7318, 410, 17; irregular numbers: 0.7318.";

static rad_status map_packed(const void *bytes, size_t n, size_t limit, fs_bytes *b)
{
  put("a.gz", bytes, n);
  return fs_map("a.gz", FS_GUNZIP, limit, b, &d);
}

START_TEST(gzip_is_unpacked)
{
  uint8_t z[512];
  fs_bytes b;
  const size_t n = pack(text1, sizeof text1, z, sizeof z);
  ck_assert_int_eq(map_packed(z, n, sizeof text1, &b), RAD_OK);
  ck_assert_uint_eq(b.n, sizeof text1);
  ck_assert_mem_eq(b.p, text1, sizeof text1);
  fs_unmap(&b);
  ck_assert_int_eq(fs_map("a.gz", 0, 0, &b, &d), RAD_OK); /* not asked for */
  ck_assert_uint_eq(b.n, n);
  ck_assert_mem_eq(b.p, z, n);
  fs_unmap(&b);
  fs_unmap(&b); /* harmless */
}
END_TEST

START_TEST(gzip_truncated_anywhere)
{
  uint8_t z[512];
  fs_bytes b;
  const size_t n = pack(text1, sizeof text1, z, sizeof z);
  for (size_t cut = 2; cut < n; cut++) {
    ck_assert_msg(map_packed(z, cut, 0, &b) == RAD_EINVAL, "cut at %zu", cut);
    ck_says("truncated");
    ck_assert_ptr_null(b.p);
  }
}
END_TEST

START_TEST(gzip_with_a_flipped_bit)
{
  uint8_t z[512];
  fs_bytes b;
  const size_t n = pack(text1, sizeof text1, z, sizeof z);
  for (size_t i = 10; i < n; i++) /* behind the header: its time stamp has no checksum */
    for (int bit = 0; bit < 8; bit++) {
      z[i] ^= (uint8_t)(1 << bit);
      const rad_status s = map_packed(z, n, 1 << 20, &b);
      if (s == RAD_OK) { /* a bit that fills up a byte carries nothing */
        ck_assert_uint_eq(b.n, sizeof text1);
        ck_assert_mem_eq(b.p, text1, sizeof text1);
      } else {
        ck_assert_int_eq(s, RAD_EINVAL);
      }
      fs_unmap(&b);
      diag_free(&d);
      z[i] ^= (uint8_t)(1 << bit);
    }
}
END_TEST

START_TEST(gzip_members_and_rubbish)
{
  uint8_t z[1024];
  fs_bytes b;
  size_t n = pack("abc", 3, z, sizeof z);
  const size_t one = n;
  n += pack("", 0, z + n, sizeof z - n);
  n += pack("defgh", 5, z + n, sizeof z - n);
  ck_assert_int_eq(map_packed(z, n, 8, &b), RAD_OK);
  ck_assert_uint_eq(b.n, 8);
  ck_assert_mem_eq(b.p, "abcdefgh", 8);
  fs_unmap(&b);
  ck_assert_int_eq(map_packed(z, n, 7, &b), RAD_EINVAL); /* over all members */
  ck_says("more than 7 bytes");
  memcpy(z + one, "rubbish", 7);
  ck_assert_int_eq(map_packed(z, one + 7, 0, &b), RAD_EINVAL);
  ck_says("behind the end");
  ck_assert_int_eq(map_packed(z, one, 0, &b), RAD_OK);
  fs_unmap(&b);
  ck_assert_int_eq(map_packed("\x1f\x8b\x08", 3, 0, &b), RAD_EINVAL);
  ck_says("truncated");
}
END_TEST

START_TEST(gzip_bomb)
{
  const size_t n = (size_t)1 << 26;
  uint8_t *zeros = calloc(n, 1), *z = malloc(1 << 18);
  fs_bytes b;
  const size_t packed = pack(zeros, n, z, 1 << 18);
  free(zeros);
  ck_assert_int_eq(map_packed(z, packed, 1 << 20, &b), RAD_EINVAL);
  ck_says("more than 1048576 bytes");
  ck_assert_int_eq(map_packed(z, packed, n - 1, &b), RAD_EINVAL);
  ck_says("more than 67108863 bytes");
  ck_assert_int_eq(map_packed(z, packed, n, &b), RAD_OK);
  ck_assert_uint_eq(b.n, n);
  fs_unmap(&b);
  ck_assert_int_eq(map_packed(z, packed, 0, &b), RAD_OK);
  ck_assert_uint_eq(b.n, n);
  fs_unmap(&b);
  free(z);
}
END_TEST

/* --- reading --- */
START_TEST(only_regular_files_are_read)
{
  fs_bytes b;
  ck_assert_int_eq(mkdir("dir", 0777), 0);
  ck_assert_int_eq(fs_map("dir", FS_GUNZIP, 0, &b, &d), RAD_EINVAL);
  ck_says("dir: is a directory");
  ck_assert_int_eq(mkfifo("fifo", 0666), 0); /* without a writer: must not wait for one */
  ck_assert_int_eq(fs_map("fifo", FS_GUNZIP, 0, &b, &d), RAD_EINVAL);
  ck_says("fifo: is not a regular file");
  ck_assert_int_eq(fs_map("/dev/zero", 0, 0, &b, &d), RAD_EINVAL);
  ck_says("is not a regular file");
  ck_assert_int_eq(fs_map("none", 0, 0, &b, &d), RAD_EIO);
  ck_says("cannot open none: No such file");
  ck_assert_int_eq(symlink("loop", "loop"), 0);
  ck_assert_int_eq(fs_map("loop", 0, 0, &b, &d), RAD_EIO);
  diag_free(&d);
  put("empty", "", 0);
  ck_assert_int_eq(fs_map("empty", FS_GUNZIP, 0, &b, &d), RAD_OK);
  ck_assert_uint_eq(b.n, 0);
  ck_assert_ptr_nonnull(b.p);
  fs_unmap(&b);
}
END_TEST

START_TEST(checksums)
{
  char hex[65];
  fs_sha256("abc", 3, hex); /* FIPS 180-2 */
  ck_assert_str_eq(hex, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  put("empty", "", 0);
  ck_assert_int_eq(fs_sha256_file("empty", hex, &d), RAD_OK);
  ck_assert_str_eq(hex, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
}
END_TEST

/* --- writing --- */
static void ck_content(const char *path, const char *want)
{
  fs_bytes b;
  ck_assert_int_eq(fs_map(path, 0, 0, &b, &d), RAD_OK);
  ck_assert_uint_eq(b.n, strlen(want));
  ck_assert_mem_eq(b.p, want, b.n);
  fs_unmap(&b);
}

START_TEST(a_file_is_replaced_as_a_whole)
{
  fs_new f;
  put("a", "old", 3);
  ck_assert_int_eq(fs_new_open(&f, "a", &d), RAD_OK);
  ck_assert_int_eq(fs_new_put(&f, "new ", 4, &d), RAD_OK);
  ck_content("a", "old");
  ck_assert_int_eq(fs_new_put(&f, "text", 4, &d), RAD_OK);
  ck_assert_int_eq(fs_new_commit(&f, &d), RAD_OK);
  fs_new_abandon(&f);
  ck_content("a", "new text");
  ck_assert_int_eq(fs_new_open(&f, "a", &d), RAD_OK);
  ck_assert_int_eq(fs_new_put(&f, "never", 5, &d), RAD_OK);
  fs_new_abandon(&f);
  fs_new_abandon(&f);
  ck_content("a", "new text");
  ck_assert_uint_eq(names_in("."), 1);
  fs_new zeroed = {0};
  fs_new_abandon(&zeroed); /* must not close descriptor 0 */
  ck_assert_int_ge(fcntl(0, F_GETFD), 0);
}
END_TEST

START_TEST(what_a_killed_process_left_is_no_hindrance)
{
  char stale[64];
  snprintf(stale, sizeof stale, "a.tmp.%ld", (long)getpid());
  put(stale, "half", 4);
  ck_assert_int_eq(fs_write("a", "whole", 5, &d), RAD_OK);
  ck_content("a", "whole");
  ck_content(stale, "half");
  ck_assert_int_eq(symlink("/etc/passwd", "b"), 0); /* replaced, not followed */
  ck_assert_int_eq(fs_write("b", "mine", 4, &d), RAD_OK);
  ck_content("b", "mine");
}
END_TEST

START_TEST(where_nothing_can_be_written)
{
  ck_assert_int_eq(fs_write("no/such/folder/a", "x", 1, &d), RAD_EIO);
  ck_says("cannot create no/such/folder/a.tmp.");
  ck_assert_int_eq(mkdir("a", 0777), 0);
  put("a/inside", "x", 1);
  ck_assert_int_eq(fs_write("a", "x", 1, &d), RAD_EIO); /* over a folder */
  ck_says("cannot replace a: ");
  ck_assert_uint_eq(names_in("."), 1);
  if (geteuid() != 0) {
    ck_assert_int_eq(chmod("a", 0500), 0);
    ck_assert_int_eq(fs_write("a/b", "x", 1, &d), RAD_EIO);
    ck_says("Permission denied");
  }
}
END_TEST

/* As a full disk: the write fails in the middle. */
START_TEST(a_file_that_outgrows_its_limit)
{
  static char big[100000];
  put("a", "old", 3);
  signal(SIGXFSZ, SIG_IGN);
  const struct rlimit small = {70000, 70000};
  ck_assert_int_eq(setrlimit(RLIMIT_FSIZE, &small), 0);
  ck_assert_int_eq(fs_write("a", big, sizeof big, &d), RAD_EIO);
  ck_says("cannot write a.tmp.");
  ck_content("a", "old");
  ck_assert_uint_eq(names_in("."), 1);
}
END_TEST

START_TEST(folders)
{
  ck_assert_int_eq(fs_mkdirs("x/y//z/", &d), RAD_OK);
  ck_assert_int_eq(fs_mkdirs("x/y/z", &d), RAD_OK);
  ck_assert(fs_is_dir("x/y/z") && !fs_is_file("x/y/z"));
  put("x/f", "", 0);
  ck_assert(fs_is_file("x/f") && !fs_is_dir("x/f"));
  ck_assert_int_eq(fs_mkdirs("x/f/g", &d), RAD_EIO);
  ck_says("x/f: Not a directory");
  ck_assert_int_eq(fs_mkdirs("x/f", &d), RAD_EIO);
  ck_says("x/f: Not a directory");
  ck_assert_int_eq(fs_mkdirs("", &d), RAD_EINVAL);
  diag_free(&d);
}
END_TEST

START_TEST(names_are_sorted_bytewise)
{
  arena mem = {0};
  const char **name;
  size_t n;
  static const char *const want[] = {".hidden", "B", "a", "a.txt", "a0/", "b", "gone", "\xc3\xa9"};
  for (size_t i = 8; i-- > 0;)
    if (i == 4)
      ck_assert_int_eq(mkdir("a0", 0777), 0);
    else if (i == 6)
      ck_assert_int_eq(symlink("nowhere", "gone"), 0);
    else
      put(want[i], "", 0);
  ck_assert_int_eq(fs_list(".", &mem, &name, &n, &d), RAD_OK);
  ck_assert_uint_eq(n, 8);
  for (size_t i = 0; i < n; i++)
    ck_assert_str_eq(name[i], want[i]);
  ck_assert_ptr_null(name[n]);
  ck_assert_int_eq(fs_list("b", &mem, &name, &n, &d), RAD_EIO);
  ck_says("cannot open the folder b: Not a directory");
  arena_free(&mem);
}
END_TEST

START_TEST(paths)
{
  arena mem = {0};
  ck_assert_str_eq(fs_join(&mem, "a", "b"), "a/b");
  ck_assert_str_eq(fs_join(&mem, "a/", "b"), "a/b");
  ck_assert_str_eq(fs_join(&mem, "", "b"), "b");
  ck_assert_str_eq(fs_join(&mem, "a", "/b"), "/b");
  ck_assert_str_eq(fs_join(&mem, "/", "b"), "/b");
  ck_assert_str_eq(fs_dirname(&mem, "a/b/c"), "a/b");
  ck_assert_str_eq(fs_dirname(&mem, "/a"), "/");
  ck_assert_str_eq(fs_dirname(&mem, "a"), "");
  ck_assert_str_eq(fs_absolute(&mem, "/a/../b"), "/a/../b");
  char here[4096];
  ck_assert_ptr_nonnull(getcwd(here, sizeof here));
  ck_assert_str_eq(fs_absolute(&mem, "x/y"), fs_join(&mem, here, "x/y"));
  const char *program = fs_program(&mem, "build/tests/core_fs");
  ck_assert_ptr_nonnull(program);
  ck_assert_int_eq(program[0], '/');
  arena_free(&mem);
}
END_TEST

/* --- lock --- */
START_TEST(a_lock_is_held_by_one_process)
{
  int ready[2], done[2], fd;
  char c;
  ck_assert(pipe(ready) == 0 && pipe(done) == 0);
  const pid_t owner = fork();
  if (owner == 0) {
    close(done[1]);
    const rad_status s = fs_lock("lock", &fd, &d);
    if (s != RAD_OK || write(ready[1], "x", 1) != 1)
      _exit(1);
    _exit(read(done[0], &c, 1) < 0);
  }
  close(done[0]);
  ck_assert_int_eq((int)read(ready[0], &c, 1), 1);
  ck_assert_int_eq(fs_lock("lock", &fd, &d), RAD_ECANCEL);
  ck_assert_int_eq(fd, -1);
  char who[32];
  snprintf(who, sizeof who, "(%ld ", (long)owner);
  ck_says(who);
  close(done[1]); /* the owner ends: its lock goes with it */
  int status;
  ck_assert_int_eq(waitpid(owner, &status, 0), owner);
  ck_assert_int_eq(status, 0);
  ck_assert_int_eq(fs_lock("lock", &fd, &d), RAD_OK);
  ck_assert_int_eq(fcntl(fd, F_GETFD) & FD_CLOEXEC, FD_CLOEXEC);
  close(fd);
  ck_assert_int_eq(fs_lock("no/lock", &fd, &d), RAD_EIO);
  ck_says("cannot open no/lock");
  ck_assert_int_eq(mkdir("dir", 0777), 0);
  ck_assert_int_eq(fs_lock("dir", &fd, &d), RAD_EIO);
  diag_free(&d);
}
END_TEST

/* --- data homes --- */
static const char *found(arena *mem, const char *path)
{
  const char *out;
  ck_assert_msg(fs_data_path(mem, "base", path, &out, &d) == RAD_OK, "%s: %s", path,
                text_str(&d.messages));
  return out;
}

START_TEST(data_are_found_in_their_homes)
{
  arena mem = {0};
  const char *h[2], *out, *dir = fs_absolute(&mem, "home");
  setenv("RADEMACHER_DATA", dir, 1);
  ck_assert_uint_eq(fs_data_homes(&mem, h), 2);
  ck_assert_str_eq(h[0], dir);
  ck_assert_str_eq(h[1], "/usr/share/datasets");
  ck_assert_int_eq(fs_mkdirs("home/mnist/sub", &d), RAD_OK);
  ck_assert_int_eq(fs_mkdirs("base", &d), RAD_OK);
  put("home/mnist/plain", "", 0);
  put("home/mnist/packed.gz", "", 0);
  put("home/mnist/both", "", 0);
  put("home/mnist/both.gz", "", 0);
  put("base/here", "", 0);
  ck_assert_str_eq(found(&mem, "data:mnist/plain"), fs_join(&mem, dir, "mnist/plain"));
  ck_assert_str_eq(found(&mem, "data:mnist/packed"), fs_join(&mem, dir, "mnist/packed.gz"));
  ck_assert_str_eq(found(&mem, "data:mnist/both"), fs_join(&mem, dir, "mnist/both"));
  ck_assert_str_eq(found(&mem, "data:mnist/sub"), fs_join(&mem, dir, "mnist/sub"));
  ck_assert_str_eq(found(&mem, "here"), "base/here");
  ck_assert_str_eq(found(&mem, dir), dir);
  ck_assert_int_eq(fs_data_path(&mem, "base", "data:mnist/none", &out, &d), RAD_EINVAL);
  ck_says("`rademacher data get mnist`");
  ck_assert_ptr_null(out);
  ck_assert_int_eq(fs_data_path(&mem, "base", "none", &out, &d), RAD_EINVAL);
  ck_says("there is no file base/none");
  static const char *const bad[] = {"data:", "data:/etc/passwd", "data:..", "data:mnist/../../x",
                                    ""};
  for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
    ck_assert_int_eq(fs_data_path(&mem, "base", bad[i], &out, &d), RAD_EINVAL);
    ck_assert_uint_eq(d.errors, 1);
    diag_free(&d);
  }
  arena_free(&mem);
}
END_TEST

START_TEST(homes_by_variables)
{
  arena mem = {0};
  const char *h[2];
  unsetenv("RADEMACHER_DATA");
  setenv("XDG_DATA_HOME", "/xdg", 1);
  setenv("HOME", "/home/u", 1);
  ck_assert_uint_eq(fs_data_homes(&mem, h), 2);
  ck_assert_str_eq(h[0], "/xdg/rademacher");
  setenv("XDG_DATA_HOME", "relative", 1); /* to be ignored, says the specification */
  ck_assert_uint_eq(fs_data_homes(&mem, h), 2);
  ck_assert_str_eq(h[0], "/home/u/.local/share/rademacher");
  unsetenv("HOME");
  ck_assert_uint_eq(fs_data_homes(&mem, h), 1);
  ck_assert_str_eq(h[0], "/usr/share/datasets");
  arena_free(&mem);
}
END_TEST

int main(void)
{
  Suite *s = suite_create("fs");
  TCase *t = tcase_create("reading"), *w = tcase_create("writing");
  tcase_add_checked_fixture(t, enter, leave);
  tcase_add_checked_fixture(w, enter, leave);
  tcase_set_timeout(t, 30);
  tcase_add_test(t, gzip_is_unpacked);
  tcase_add_test(t, gzip_truncated_anywhere);
  tcase_add_test(t, gzip_with_a_flipped_bit);
  tcase_add_test(t, gzip_members_and_rubbish);
  tcase_add_test(t, gzip_bomb);
  tcase_add_test(t, only_regular_files_are_read);
  tcase_add_test(t, checksums);
  tcase_add_test(t, data_are_found_in_their_homes);
  tcase_add_test(t, homes_by_variables);
  tcase_add_test(w, a_file_is_replaced_as_a_whole);
  tcase_add_test(w, what_a_killed_process_left_is_no_hindrance);
  tcase_add_test(w, where_nothing_can_be_written);
  tcase_add_test(w, a_file_that_outgrows_its_limit);
  tcase_add_test(w, folders);
  tcase_add_test(w, names_are_sorted_bytewise);
  tcase_add_test(w, paths);
  tcase_add_test(w, a_lock_is_held_by_one_process);
  suite_add_tcase(s, t);
  suite_add_tcase(s, w);
  SRunner *r = srunner_create(s);
  srunner_run_all(r, CK_NORMAL);
  const int failed = srunner_ntests_failed(r);
  srunner_free(r);
  return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
