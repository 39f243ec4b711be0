/* SPDX-License-Identifier: BSD-3-Clause
 * core_host.c - instances, and the services that plugins call. The plugin is tests/bad_plugins/
 * good.c: a layer with an integer and a file. */
#include "folder.h"
#include "fs.h"
#include "host.h"
#include "philox.h"
#include <check.h>
#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>
#undef fail /* check.h has a macro of this name, rad_host a member */

typedef struct nothing { /* as in zoo.h */
  int32_t units;
  const char *file;
} nothing;

static char top[] = "core_host.XXXXXX";
static char home[2000], here[2100], ini[2200];
static arena mem;
static diag d;
static env e;
static setting settings[3];
static section layer = {.kind = "layer", .name = "h1", .v = settings, .n = 3, .cap = 3};

static const char *in(const char *name)
{
  return fs_join(&mem, here, name);
}

static void enter(void)
{
  ck_assert_ptr_nonnull(getcwd(home, sizeof home));
  memcpy(strchr(top, '.'), ".XXXXXX", 7);
  ck_assert_ptr_nonnull(mkdtemp(top));
  ck_assert_int_eq(chdir(top), 0);
  snprintf(here, sizeof here, "%s/%s", home, top);
  snprintf(ini, sizeof ini, "%s/conf/x.ini", here);
  ck_assert_int_eq(fs_mkdirs(in("p/layer"), &d), RAD_OK);
  ck_assert_int_eq(fs_mkdirs(in("conf/data"), &d), RAD_OK);
  ck_assert_int_eq(symlink(ZOO "/good.so", in("p/layer/good.so")), 0);
  unsetenv("RAD_PLUGIN_PATH");
  e = (env){.diag = &d, .seed = 4711, .checksums = true};
  ck_assert_int_eq(plugins_new(&e.plugins, in("p"), &d), RAD_OK);
  layer.at = (origin){ini, 3};
  settings[0] = (setting){.key = "plugin", .value = "good", .at = {ini, 4}};
  settings[1] = (setting){.key = "units", .value = "41", .at = {ini, 5}};
  settings[2] = (setting){.key = "file", .value = "data", .at = {ini, 6}};
}

static void leave(void)
{
  plugins_free(e.plugins);
  env_free(&e);
  ck_assert_int_eq(chdir(home), 0);
  folder_remove(top);
  arena_free(&mem);
  diag_free(&d);
}

static void ck_says(const char *what)
{
  ck_assert_msg(strstr(text_str(&d.messages), what) != NULL, "'%s' is not in: %s", what,
                text_str(&d.messages));
  diag_free(&d);
}

static instance *make(void)
{
  instance *i;
  ck_assert_msg(instance_new(&i, &e, RAD_LAYER, "good", &layer) == RAD_OK, "%s",
                text_str(&d.messages));
  return i;
}

/* --- instances --- */
START_TEST(an_instance_knows_its_section)
{
  instance *i = make();
  ck_assert_int_eq(((nothing *)i->self)->units, 41);
  ck_assert_str_eq(((nothing *)i->self)->file, "data");
  ck_assert_str_eq(((layer_keys *)i->common)->plugin, "good");
  ck_assert(((layer_keys *)i->common)->enabled);
  ck_assert_str_eq(i->title, "[layer h1] good");
  ck_assert_uint_eq(i->seedkey, philox_seedkey(4711, philox_salt("layer h1")));
  ck_assert(i->planning && i->ctx.host == &host_services && i->ctx.core == i);
  instance *s;
  ck_assert_int_eq(instance_site(&s, i, "conv3"), RAD_OK);
  ck_assert_ptr_eq(s->self, i->self);
  ck_assert_uint_eq(s->seedkey, philox_seedkey(4711, philox_salt("layer h1 conv3")));
  instance_free(s);
  instance_free(i);
  instance_free(NULL);
}
END_TEST

START_TEST(defaults_without_a_section)
{
  instance *i;
  ck_assert_msg(instance_new(&i, &e, RAD_LAYER, "good", NULL) == RAD_OK, "%s",
                text_str(&d.messages));
  ck_assert_int_eq(((nothing *)i->self)->units, 17);
  ck_assert_str_eq(((layer_keys *)i->common)->plugin, "good");
  ck_assert_str_eq(i->title, "layer good");
  instance_free(i);
}
END_TEST

START_TEST(all_faults_of_a_section_at_once)
{
  instance *i;
  settings[1].value = "0";
  settings[2] = (setting){.key = "gain", .value = "much", .at = {ini, 6}};
  ck_assert_int_eq(instance_new(&i, &e, RAD_LAYER, "good", &layer), RAD_EINVAL);
  ck_assert_ptr_null(i);
  ck_assert_uint_eq(d.errors, 2);
  ck_assert_ptr_nonnull(strstr(text_str(&d.messages), "x.ini:5: [layer h1] units = 0"));
  ck_says("x.ini:6: [layer h1] gain = much");
  ck_assert_int_eq(instance_new(&i, &e, RAD_LAYER, "none", &layer), RAD_EINVAL);
  ck_assert_ptr_null(i);
  ck_says("x.ini:4: [layer h1] there is no layer plugin 'none'");
}
END_TEST

/* --- fail, memory --- */
START_TEST(failures_say_where)
{
  instance *i = make();
  ck_assert_int_eq(rad_fail(&i->ctx, RAD_EDIVERGED, "%d of %s", 3, "them"), RAD_EDIVERGED);
  const char *want = arena_printf(&mem, "%s:3: [layer h1] good: 3 of them\n", ini);
  ck_assert_str_eq(text_str(&d.messages), want);
  rad_ctx copy = i->ctx; /* each worker has a copy */
  copy.worker = 1;
  diag_free(&d);
  ck_assert_int_eq(rad_fail(&copy, RAD_EIO, "x"), RAD_EIO);
  ck_says("[layer h1] good: x");
  instance_free(i);
}
END_TEST

static bool holds(const unsigned char *p, size_t n, unsigned char c)
{
  for (size_t i = 0; i < n; i++)
    if (p[i] != c)
      return false;
  return true;
}

START_TEST(memory_is_aligned_and_zero)
{
  instance *i = make();
  for (size_t n = 1; n < 100000; n = 3 * n + 1) {
    unsigned char *p = i->ctx.host->alloc(&i->ctx, n, 3);
    ck_assert_ptr_nonnull(p);
    ck_assert_uint_eq((uintptr_t)p % 64, 0);
    ck_assert(holds(p, 3 * n, 0));
    memset(p, 0xff, 3 * n);
  }
  ck_assert_ptr_null(i->ctx.host->alloc(&i->ctx, SIZE_MAX / 2, 3));
  ck_assert_ptr_null(i->ctx.host->alloc(&i->ctx, SIZE_MAX, 1));
  instance_free(i);
}
END_TEST

START_TEST(scratch_is_a_stack_of_distinct_areas)
{
  instance *i = make();
  enum { AREAS = 200 };
  unsigned char *p[AREAS];
  size_t size[AREAS];
  for (int round = 0; round < 3; round++) {
    const size_t mark = scratch_mark(&e);
    ck_assert_uint_eq(mark, 0);
    size_t inner = 0;
    for (size_t k = 0; k < AREAS; k++) {
      inner = k == AREAS / 2 ? scratch_mark(&e) : inner;
      size[k] = k * k * 7 % 20011;
      p[k] = i->ctx.host->scratch(&i->ctx, size[k]);
      ck_assert_ptr_nonnull(p[k]);
      ck_assert_uint_eq((uintptr_t)p[k] % 64, 0);
      memset(p[k], (int)k, size[k]);
    }
    for (size_t k = 0; k < AREAS; k++)
      ck_assert(holds(p[k], size[k], (unsigned char)k));
    scratch_release(&e, inner); /* the lower half stays */
    ck_assert_uint_eq(scratch_mark(&e), inner);
    memset(scratch_take(&e, 0, 1 << 20), 0xff, 1 << 20);
    for (size_t k = 0; k < AREAS / 2; k++)
      ck_assert(holds(p[k], size[k], (unsigned char)k));
    ck_assert_ptr_ne(scratch_take(&e, 0, 0), scratch_take(&e, 0, 0));
    scratch_release(&e, mark);
  }
  ck_assert_ptr_null(scratch_take(&e, 0, SIZE_MAX));
  ck_assert_ptr_nonnull(scratch_take(&e, 0, 256));
  ck_assert_ptr_null(scratch_take(&e, 0, SIZE_MAX - 200));
  instance_free(i);
}
END_TEST

/* --- tensors --- */
static const struct bad_tensor {
  rad_tensor t;
  const char *says;
} bad_tensors[] = {
    {{.size = 8, .name = "a", .role = RAD_BUFFER, .type = RAD_F32}, "no valid size"},
    {{.size = sizeof(rad_tensor), .role = RAD_BUFFER, .type = RAD_F32}, "needs a name"},
    {{.size = sizeof(rad_tensor), .name = "a b", .role = RAD_BUFFER, .type = RAD_F32}, "a name"},
    {{.size = sizeof(rad_tensor), .name = "a", .role = 9, .type = RAD_F32}, "unknown role"},
    {{.size = sizeof(rad_tensor), .name = "a", .role = RAD_BUFFER, .type = RAD_TEXT}, "a type"},
    {{.size = sizeof(rad_tensor), .name = "a", .role = RAD_BIAS, .type = RAD_I32}, "a type"},
    {{.size = sizeof(rad_tensor),
      .name = "a",
      .role = RAD_BUFFER,
      .type = RAD_F32,
      .shape = {7, {1}}},
     "number of axes"},
    {{.size = sizeof(rad_tensor), .name = "a", .role = RAD_WEIGHT, .type = RAD_F32},
     "number of axes"},
    {{.size = sizeof(rad_tensor),
      .name = "a",
      .role = RAD_BIAS,
      .type = RAD_F32,
      .shape = {2, {3, 0}}},
     "no elements"},
    {{.size = sizeof(rad_tensor),
      .name = "a",
      .role = RAD_BUFFER,
      .type = RAD_F32,
      .shape = {2, {SIZE_MAX / 2, 3}}},
     "more elements than"},
    {{.size = sizeof(rad_tensor),
      .name = "a",
      .role = RAD_BUFFER,
      .type = RAD_F64,
      .shape = {1, {SIZE_MAX / 2}}},
     "larger than any memory"},
    {{.size = sizeof(rad_tensor),
      .name = "a",
      .role = RAD_BUFFER,
      .type = RAD_F32,
      .shape = {2, {2, 2}},
      .axes = "o"},
     "one letter per axis"},
    {{.size = sizeof(rad_tensor), .name = "a", .role = RAD_BUFFER, .type = RAD_U8, .fill = 256},
     "first value"},
    {{.size = sizeof(rad_tensor), .name = "a", .role = RAD_BUFFER, .type = RAD_I64, .fill = NAN},
     "first value"},
    {{.size = sizeof(rad_tensor), .name = "a", .role = RAD_BUFFER, .type = RAD_F32, .flags = 64},
     "unknown flags"},
};

START_TEST(impossible_tensors)
{
  instance *i = make();
  ck_assert_int_eq(i->ctx.host->tensor(&i->ctx, &bad_tensors[_i].t), RAD_EINVAL);
  ck_says(bad_tensors[_i].says);
  ck_assert_uint_eq(i->ntensor, 0);
  ck_assert_int_eq(i->ctx.host->tensor(&i->ctx, NULL), RAD_EINVAL);
  instance_free(i);
}
END_TEST

static rad_status declare(instance *i, const char *name, uint32_t type, size_t n, double fill)
{
  return i->ctx.host->tensor(&i->ctx, RAD_NEW(rad_tensor, .name = name, .role = RAD_BUFFER,
                                              .type = type, .shape = {1, {n}}, .fill = fill));
}

START_TEST(state_is_declared_filled_and_forgotten)
{
  instance *i = make();
  char name[] = "best";
  ck_assert_int_eq(declare(i, name, RAD_F32, 7, -HUGE_VAL), RAD_OK);
  name[0] = 'r'; /* the declaration was copied */
  ck_assert_str_eq(i->tensor[0].t.name, "best");
  ck_assert_int_eq(declare(i, "best", RAD_F64, 1, 0), RAD_EINVAL);
  ck_says("tensor best is declared twice");
  ck_assert_int_eq(declare(i, "count", RAD_I64, 3, -0x1p63), RAD_OK);
  ck_assert_int_eq(declare(i, "seen", RAD_U8, 65, 255), RAD_OK);
  ck_assert_int_eq(declare(i, "none", RAD_I32, 0, 1), RAD_OK);
  ck_assert_int_eq(declare(i, "rate", RAD_F64, 1, 0.7318), RAD_OK);
  ck_assert_uint_eq(i->tensor[2].bytes, 128);
  ck_assert_ptr_null(i->ctx.state);
  ck_assert_int_eq(instance_state(i), RAD_OK);
  for (size_t k = 0; k < 7; k++)
    ck_assert(((float *)i->ctx.state[0])[k] == -HUGE_VALF);
  ck_assert_int_eq(((int64_t *)i->ctx.state[1])[2], INT64_MIN);
  ck_assert_uint_eq(((uint8_t *)i->ctx.state[2])[64], 255);
  ck_assert_uint_eq(((uint8_t *)i->ctx.state[2])[65], 0); /* what is behind stays 0 */
  ck_assert(((double *)i->ctx.state[4])[0] == 0.7318);
  for (size_t k = 0; k < 5; k++)
    ck_assert_uint_eq((uintptr_t)i->ctx.state[k] % 64, 0);
  ck_assert_int_eq(declare(i, "late", RAD_F32, 1, 0), RAD_EINVAL);
  ck_says("init, open and plan only");
  instance_replan(i);
  ck_assert_ptr_null(i->ctx.state);
  ck_assert_int_eq(declare(i, "best", RAD_F32, 2, 0), RAD_OK);
  ck_assert_uint_eq(i->ntensor, 1);
  instance_free(i);
}
END_TEST

START_TEST(tensors_have_a_limit)
{
  instance *i = make();
  for (int k = 0; k < 4096; k++)
    ck_assert_int_eq(declare(i, arena_printf(&mem, "t%d", k), RAD_U8, 1, 0), RAD_OK);
  ck_assert_int_eq(declare(i, "more", RAD_U8, 1, 0), RAD_EINVAL);
  ck_says("more than 4096 tensors");
  instance_free(i);
}
END_TEST

/* --- input --- */
static void put(const char *path, const char *content)
{
  ck_assert_int_eq(fs_write(in(path), content, strlen(content), &d), RAD_OK);
}

START_TEST(files_are_read_beside_their_ini)
{
  instance *i = make();
  const uint8_t *bytes, *again;
  size_t n;
  put("conf/data/a.bin", "irregular");
  gzFile z = gzopen(in("conf/data/b"), "wb"); /* the content decides, not the name */
  ck_assert(gzputs(z, "unpacked") == 8 && gzclose(z) == Z_OK);
  ck_assert_int_eq(i->ctx.host->read(&i->ctx, "data/a.bin", &bytes, &n), RAD_OK);
  ck_assert_uint_eq(n, 9);
  ck_assert_mem_eq(bytes, "irregular", 9);
  ck_assert_int_eq(i->ctx.host->read(&i->ctx, "data/b", &again, &n), RAD_OK);
  ck_assert_uint_eq(n, 8);
  ck_assert_mem_eq(again, "unpacked", 8);
  ck_assert_int_eq(i->ctx.host->read(&i->ctx, "data/b", &again, &n), RAD_OK);
  ck_assert_mem_eq(bytes, "irregular", 9); /* the first is still there */
  ck_assert_uint_eq(e.nfiles, 2);          /* each once */
  ck_assert_str_eq(e.files[0].path, in("conf/data/a.bin"));
  ck_assert_uint_eq(e.files[1].bytes, 8);
  char hex[65];
  fs_sha256("unpacked", 8, hex);
  ck_assert_str_eq(e.files[1].sha256, hex);
  instance_free(i);
}
END_TEST

START_TEST(files_that_cannot_be_read)
{
  instance *i = make();
  const uint8_t *bytes;
  size_t n;
  ck_assert_int_eq(i->ctx.host->read(&i->ctx, "data/none", &bytes, &n), RAD_EINVAL);
  ck_assert_ptr_nonnull(strstr(text_str(&d.messages), "[layer h1] good: there is no file "));
  ck_says("conf/data/none\n");
  ck_assert_int_eq(i->ctx.host->read(&i->ctx, "data", &bytes, &n), RAD_EINVAL);
  ck_says("is a directory");
  put("conf/data/cut.gz", "\x1f\x8b\x08 cut");
  ck_assert_int_eq(i->ctx.host->read(&i->ctx, "data/cut.gz", &bytes, &n), RAD_EINVAL);
  ck_says("[layer h1] good: ");
  ck_assert_int_eq(i->ctx.host->read(&i->ctx, "database", &bytes, &n), RAD_EINVAL);
  ck_says("there is no file database"); /* not below "data": from the working directory */
  setenv("RADEMACHER_DATA", in("homes"), 1);
  ck_assert_int_eq(i->ctx.host->read(&i->ctx, "data:mnist/x", &bytes, &n), RAD_EINVAL);
  ck_says("rademacher data get mnist");
  ck_assert_uint_eq(e.nfiles, 0);
  instance_free(i);
}
END_TEST

START_TEST(folders_are_listed_and_loaded)
{
  instance *i = make();
  const char *const *name;
  uint8_t buffer[16];
  size_t n;
  put("conf/data/b.png", "0123456789");
  put("conf/data/a.png", "");
  ck_assert_int_eq(fs_mkdirs(in("conf/data/cats"), &d), RAD_OK);
  ck_assert_int_eq(mkfifo(in("conf/data/fifo"), 0666), 0);
  ck_assert_int_eq(i->ctx.host->list(&i->ctx, "data", &name, &n), RAD_OK);
  ck_assert_uint_eq(n, 4);
  ck_assert_str_eq(name[0], "a.png");
  ck_assert_str_eq(name[2], "cats/");
  ck_assert_ptr_null(name[4]);
  ck_assert_int_eq(i->ctx.host->list(&i->ctx, "data/none", &name, &n), RAD_EINVAL);
  ck_says("there is no file");
  ck_assert_int_eq(i->ctx.host->load(&i->ctx, "data/b.png", NULL, &n), RAD_OK);
  ck_assert_uint_eq(n, 10);
  n = 4;
  ck_assert_int_eq(i->ctx.host->load(&i->ctx, "data/b.png", buffer, &n), RAD_OK);
  ck_assert_uint_eq(n, 4);
  ck_assert_mem_eq(buffer, "0123", 4);
  n = sizeof buffer;
  ck_assert_int_eq(i->ctx.host->load(&i->ctx, "data/b.png", buffer, &n), RAD_OK);
  ck_assert_uint_eq(n, 10);
  ck_assert_int_eq(i->ctx.host->load(&i->ctx, "data/fifo", buffer, &n), RAD_EINVAL);
  ck_says("not a regular file");
  ck_assert_int_eq(i->ctx.host->load(&i->ctx, "data/none", buffer, &n), RAD_EINVAL);
  ck_says("there is no file");
  instance_free(i);
}
END_TEST

/* --- output --- */
START_TEST(output_goes_into_the_run_directory)
{
  instance *i = make();
  ck_assert_int_eq(i->ctx.host->append(&i->ctx, "a.csv", "x", 1), RAD_EINVAL);
  ck_says("there is no run directory");
  e.run_dir = in("run");
  ck_assert_int_eq(i->ctx.host->append(&i->ctx, "a.csv", "x", 1), RAD_EIO);
  ck_says("cannot open");
  ck_assert_int_eq(fs_mkdirs(e.run_dir, &d), RAD_OK);
  ck_assert_int_eq(i->ctx.host->append(&i->ctx, "a.csv", "one\n", 4), RAD_OK);
  ck_assert_int_eq(i->ctx.host->append(&i->ctx, "a.csv", "two\n", 4), RAD_OK);
  fs_bytes b;
  ck_assert_int_eq(fs_map(in("run/a.csv"), 0, 0, &b, &d), RAD_OK);
  ck_assert_uint_eq(b.n, 8);
  ck_assert_mem_eq(b.p, "one\ntwo\n", 8);
  fs_unmap(&b);
  ck_assert_int_eq(i->ctx.host->append(&i->ctx, "a.csv/b", "x", 1), RAD_EIO);
  ck_says("cannot open");
  ck_assert_int_eq(i->ctx.host->append(&i->ctx, "sub/dir/b", "one\n", 4), RAD_OK);
  ck_assert(fs_is_file(in("run/sub/dir/b")));
  const char *path = i->ctx.host->path(&i->ctx, "study.db");
  ck_assert_str_eq(path, in("run/study.db"));
  ck_assert_ptr_eq(i->ctx.host->path(&i->ctx, "study.db"), path);
  static const char *const bad[] = {"../a", "a/../b", "a//b", "a/.b", "a/",  "/a",
                                    "",     ".",      "..",   ".a",   "a\n", "a b"};
  for (size_t k = 0; k < sizeof bad / sizeof *bad; k++) {
    ck_assert_int_eq(i->ctx.host->append(&i->ctx, bad[k], "x", 1), RAD_EINVAL);
    ck_assert_ptr_null(i->ctx.host->path(&i->ctx, bad[k]));
    ck_says("is not a plain file name");
  }
  ck_assert_int_eq(symlink(in("outside"), in("run/link")), 0);
  ck_assert_int_eq(i->ctx.host->append(&i->ctx, "link", "x", 1), RAD_EIO);
  ck_assert(!fs_is_file(in("outside")));
  instance_free(i);
}
END_TEST

START_TEST(no_half_line_on_a_full_disk)
{
  static char line[60000];
  instance *i = make();
  e.run_dir = here;
  ck_assert_int_eq(i->ctx.host->append(&i->ctx, "a.csv", line, sizeof line), RAD_OK);
  signal(SIGXFSZ, SIG_IGN);
  ck_assert_int_eq(setrlimit(RLIMIT_FSIZE, &(struct rlimit){70000, 70000}), 0);
  ck_assert_int_eq(i->ctx.host->append(&i->ctx, "a.csv", line, sizeof line), RAD_EIO);
  ck_says("cannot write");
  struct stat st;
  ck_assert_int_eq(stat(in("a.csv"), &st), 0);
  ck_assert_int_eq((int)st.st_size, 60000);
  instance_free(i);
}
END_TEST

/* --- the rest --- */
START_TEST(draws_are_those_of_the_section)
{
  instance *i = make();
  const rad_at at = {3, 17, 2};
  uint32_t a[5], b[5];
  float u[5], v[5];
  i->ctx.host->bits(&i->ctx, &at, 9, 5, a);
  philox_bits(i->seedkey, &at, 9, 5, b);
  ck_assert_mem_eq(a, b, sizeof a);
  i->ctx.host->uniform(&i->ctx, &at, 9, 5, u);
  philox_uniform(i->seedkey, &at, 9, 5, v);
  ck_assert_mem_eq(u, v, sizeof u);
  i->ctx.host->normal(&i->ctx, &at, 9, 5, u);
  philox_normal(i->seedkey, &at, 9, 5, v);
  ck_assert_mem_eq(u, v, sizeof u);
  ck_assert_ptr_null(i->ctx.host->extension(&i->ctx, "gpu/1"));
  instance_free(i);
}
END_TEST

START_TEST(log_shows_what_was_asked_for)
{
  instance *i = make();
  ck_assert_ptr_nonnull(freopen("err", "w", stderr));
  for (e.verbose = -1; e.verbose < 3; e.verbose++)
    for (int level = 0; level < 3; level++)
      i->ctx.host->log(&i->ctx, level, "%d at %d", level, e.verbose);
  fflush(stderr);
  fs_bytes b;
  ck_assert_int_eq(fs_map("err", 0, 0, &b, &d), RAD_OK);
  static const char want[] = "warning: [layer h1] good: 2 at -1\nwarning: [layer h1] good: 2 at 0\n"
                             "info: [layer h1] good: 1 at 1\nwarning: [layer h1] good: 2 at 1\n"
                             "debug: [layer h1] good: 0 at 2\ninfo: [layer h1] good: 1 at 2\n"
                             "warning: [layer h1] good: 2 at 2\n";
  ck_assert_uint_eq(b.n, sizeof want - 1);
  ck_assert_mem_eq(b.p, want, b.n);
  fs_unmap(&b);
  instance_free(i);
}
END_TEST

int main(void)
{
  Suite *s = suite_create("host");
  TCase *t = tcase_create("services");
  tcase_add_checked_fixture(t, enter, leave);
  tcase_add_test(t, an_instance_knows_its_section);
  tcase_add_test(t, defaults_without_a_section);
  tcase_add_test(t, all_faults_of_a_section_at_once);
  tcase_add_test(t, failures_say_where);
  tcase_add_test(t, memory_is_aligned_and_zero);
  tcase_add_test(t, scratch_is_a_stack_of_distinct_areas);
  tcase_add_loop_test(t, impossible_tensors, 0, sizeof bad_tensors / sizeof *bad_tensors);
  tcase_add_test(t, state_is_declared_filled_and_forgotten);
  tcase_add_test(t, tensors_have_a_limit);
  tcase_add_test(t, files_are_read_beside_their_ini);
  tcase_add_test(t, files_that_cannot_be_read);
  tcase_add_test(t, folders_are_listed_and_loaded);
  tcase_add_test(t, output_goes_into_the_run_directory);
  tcase_add_test(t, no_half_line_on_a_full_disk);
  tcase_add_test(t, draws_are_those_of_the_section);
  tcase_add_test(t, log_shows_what_was_asked_for);
  suite_add_tcase(s, t);
  SRunner *r = srunner_create(s);
  srunner_run_all(r, CK_NORMAL);
  const int failed = srunner_ntests_failed(r);
  srunner_free(r);
  return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
