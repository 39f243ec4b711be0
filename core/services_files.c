/* SPDX-License-Identifier: BSD-3-Clause
 * services_files.c - files for plugins: input by the values of RAD_FILE keys, output into the run
 * directory. */
#include "fs.h"
#include "services.h"
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* the most that one packed input file may grow to */
#define READ_LIMIT (SIZE_MAX > 0xffffffffu ? (size_t)8 << 20 << 10 : SIZE_MAX / 2)

struct held {
  struct held *next;
  fs_bytes bytes;   /* of host->read */
  const char *path; /* of host->path */
};

static struct held *hold(instance *i)
{
  struct held *h = arena_alloc(&i->mem, sizeof *h);
  if (!h)
    return NULL;
  *h = (struct held){.next = i->held};
  return i->held = h;
}

void held_free(instance *i)
{
  for (struct held *h = i->held; h; h = h->next)
    fs_unmap(&h->bytes);
  i->held = NULL;
}

/* --- input --- */
/* Is `path` a setting's value, or below the folder that it names? */
static bool is_below(const char *path, const char *value)
{
  const size_t n = strlen(value);
  return n > 0 && strncmp(path, value, n) == 0 &&
         (path[n] == '\0' || path[n] == '/' || value[n - 1] == '/');
}

/* The file in which a path was written: that of the RAD_FILE setting whose value it starts with. */
static origin origin_of(const instance *i, const char *path)
{
  const rad_plugin *p = &i->plugin->d;
  for (size_t k = 0; i->section && k < p->nkeys; k++) {
    const setting *s =
        p->keys[k].flags & RAD_FILE ? section_get(i->section, p->keys[k].name) : NULL;
    if (s && is_below(path, s->value))
      return s->at;
  }
  return (origin){0};
}

/* Passes a failure on, with the section and the plugin in front of its message. */
static rad_status relay(instance *i, rad_status s, diag *d)
{
  const size_t n = d->messages.n;
  if (s < 0)
    rad_fail(&i->ctx, s, "%.*s", n > 0 ? (int)n - 1 : 0, text_str(&d->messages));
  diag_free(d);
  return s;
}

/* Where a path of a plugin is; `out` from the arena. */
static rad_status resolve(instance *i, arena *mem, const char *path, const char **out)
{
  const origin at = origin_of(i, path);
  const char *base = fs_origin_dir(mem, at);
  diag d = {0};
  if (!base)
    return diag_error(i->env->diag, RAD_ENOMEM, at, "%s: out of memory", i->title);
  return relay(i, fs_data_path(mem, base, path, out, &d), &d);
}

static rad_status record(env *e, const char *path, const fs_bytes *b)
{
  for (size_t n = 0; n < e->nfiles; n++)
    if (strcmp(e->files[n].path, path) == 0)
      return RAD_OK;
  input_file *v = array_grow(e->files, e->nfiles, &e->cfiles, sizeof *v);
  if (!v)
    return RAD_ENOMEM;
  e->files = v;
  input_file f = {.path = arena_strdup(&e->mem, path), .bytes = b->n};
  if (!f.path)
    return RAD_ENOMEM;
  if (e->checksums)
    fs_sha256(b->p, b->n, f.sha256);
  e->files[e->nfiles++] = f;
  return RAD_OK;
}

rad_status env_add_file(env *e, const char *path)
{
  fs_bytes b;
  const char *absolute = fs_absolute(&e->mem, path);
  RAD_TRY(absolute ? fs_map(absolute, 0, 0, &b, e->diag) : RAD_ENOMEM);
  const rad_status s = record(e, absolute, &b);
  fs_unmap(&b);
  return s;
}

rad_status service_read(rad_ctx *c, const char *path, const uint8_t **bytes, size_t *n)
{
  instance *i = c->core;
  const char *file;
  RAD_TRY(resolve(i, &i->mem, path, &file));
  const char *absolute = fs_absolute(&i->mem, file);
  struct held *h = absolute ? hold(i) : NULL;
  if (!h)
    return rad_fail(c, RAD_ENOMEM, "out of memory");
  diag d = {0};
  RAD_TRY(relay(i, fs_map(absolute, FS_GUNZIP, READ_LIMIT, &h->bytes, &d), &d));
  if (record(i->env, absolute, &h->bytes) < 0)
    return rad_fail(c, RAD_ENOMEM, "out of memory");
  *bytes = h->bytes.p;
  *n = h->bytes.n;
  return RAD_OK;
}

rad_status service_list(rad_ctx *c, const char *path, const char *const **names, size_t *n)
{
  instance *i = c->core;
  const char *folder, **v;
  RAD_TRY(resolve(i, &i->mem, path, &folder));
  diag d = {0};
  RAD_TRY(relay(i, fs_list(folder, &i->mem, &v, n, &d), &d));
  *names = v;
  return RAD_OK;
}

/* At most *n bytes from the start of an open file; *n: how many there are. */
static rad_status read_start(int fd, uint8_t *out, size_t *n)
{
  size_t have = 0;
  while (have < *n) {
    const ssize_t got = read(fd, out + have, *n - have);
    if (got < 0 && errno == EINTR)
      continue;
    if (got < 0)
      return RAD_EIO;
    if (got == 0)
      break;
    have += (size_t)got;
  }
  *n = have;
  return RAD_OK;
}

rad_status service_load(rad_ctx *c, const char *path, uint8_t *out, size_t *n)
{
  instance *i = c->core;
  arena mem = {0}; /* not the instance's: workers come here, and often */
  const char *file;
  rad_status s = resolve(i, &mem, path, &file);
  if (s < 0) {
    arena_free(&mem);
    return s;
  }
  struct stat st;
  const int fd = open(file, O_RDONLY | O_CLOEXEC | O_NONBLOCK); /* a FIFO must not block */
  if (fd < 0 || fstat(fd, &st) < 0)
    s = rad_fail(c, RAD_EIO, "cannot open %s: %s", file, strerror(errno));
  else if (!S_ISREG(st.st_mode))
    s = rad_fail(c, RAD_EINVAL, "%s is not a regular file", file);
  else if (!out)
    *n = (size_t)st.st_size;
  else if (read_start(fd, out, n) < 0)
    s = rad_fail(c, RAD_EIO, "cannot read %s: %s", file, strerror(errno));
  if (fd >= 0)
    close(fd);
  arena_free(&mem);
  return s;
}

/* --- output --- */
/* Parts that are no "." or "..", nor hidden, with one '/' between two. */
static bool is_plain_name(const char *name)
{
  const size_t n = strlen(name);
  if (n == 0 || n > 250 || name[n - 1] == '/')
    return false;
  for (size_t i = 0; i < n; i++) {
    const bool begins = i == 0 || name[i - 1] == '/';
    if (name[i] <= ' ' || name[i] == 0x7f || name[i] == '\\' ||
        (begins && (name[i] == '.' || name[i] == '/')))
      return false;
  }
  return true;
}

/* Absolute path of a file of the run directory, from the arena. */
static const char *run_file(rad_ctx *c, arena *mem, const char *name)
{
  const instance *i = c->core;
  if (!i->env->run_dir) {
    rad_fail(c, RAD_EINVAL, "there is no run directory for %.100s", name ? name : "");
    return NULL;
  }
  if (!name || !is_plain_name(name)) {
    rad_fail(c, RAD_EINVAL, "'%.100s' is not a plain file name of the run directory",
             name ? name : "");
    return NULL;
  }
  const char *path = fs_join(mem, i->env->run_dir, name);
  path = path ? fs_absolute(mem, path) : NULL;
  if (!path)
    rad_fail(c, RAD_ENOMEM, "out of memory");
  return path;
}

const char *service_path(rad_ctx *c, const char *name)
{
  instance *i = c->core;
  const char *dir = i->env->run_dir;
  const size_t n = dir ? strlen(dir) : 0;
  for (const struct held *h = i->held; h && name; h = h->next) /* it may be asked for again */
    if (dir && h->path && strncmp(h->path, dir, n) == 0 && h->path[n] == '/' &&
        strcmp(h->path + n + 1, name) == 0)
      return h->path;
  const char *path = run_file(c, &i->mem, name);
  struct held *h = path ? hold(i) : NULL;
  if (path && !h)
    rad_fail(c, RAD_ENOMEM, "out of memory");
  if (h)
    h->path = path;
  return h ? path : NULL;
}

rad_status service_remove(rad_ctx *c, const char *name)
{
  arena mem = {0};
  rad_status s = RAD_OK;
  const char *path = run_file(c, &mem, name);
  if (path && unlink(path) != 0 && errno != ENOENT)
    s = rad_fail(c, RAD_EIO, "cannot replace %s: %s", path, strerror(errno));
  arena_free(&mem);
  return path ? s : RAD_EINVAL;
}

static int open_to_append(const char *path)
{
  return open(path, O_WRONLY | O_CREAT | O_APPEND | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC, 0666);
}

/* Makes the folders that its name has, where they are missing; never the run directory. */
static int open_in_folder(const char *run_dir, const char *path)
{
  arena mem = {0};
  diag ignored = {0}; /* the second open says what is wrong */
  int fd = open_to_append(path);
  if (fd < 0 && errno == ENOENT && fs_is_dir(run_dir)) {
    const char *dir = fs_dirname(&mem, path);
    if (dir && fs_mkdirs(dir, &ignored) >= 0)
      fd = open_to_append(path);
    else
      errno = ENOTDIR;
  }
  diag_free(&ignored);
  const int why = errno;
  arena_free(&mem);
  errno = why;
  return fd;
}

static rad_status append_to(rad_ctx *c, const char *path, const void *bytes, size_t n)
{
  instance *i = c->core;
  const int fd = open_in_folder(i->env->run_dir, path);
  struct stat st;
  if (fd < 0 || fstat(fd, &st) < 0) {
    const rad_status s = rad_fail(c, RAD_EIO, "cannot open %s: %s", path, strerror(errno));
    if (fd >= 0)
      close(fd);
    return s;
  }
  diag d = {0};
  rad_status s = relay(i, fs_put(fd, bytes, n, path, &d), &d);
  if (s < 0 && ftruncate(fd, st.st_size) < 0) /* no half line where the disk is full */
    s = rad_fail(c, RAD_EIO, "cannot take back half a line of %s: %s", path, strerror(errno));
  if (close(fd) < 0 && s == RAD_OK)
    s = rad_fail(c, RAD_EIO, "cannot write %s: %s", path, strerror(errno));
  return s;
}

rad_status service_append(rad_ctx *c, const char *name, const void *bytes, size_t n)
{
  arena mem = {0};
  const char *path = run_file(c, &mem, name);
  const rad_status s = path ? append_to(c, path, bytes, n) : RAD_EINVAL;
  arena_free(&mem);
  return s;
}
