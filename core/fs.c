/* SPDX-License-Identifier: BSD-3-Clause
 * fs.c - writing whole files or none, locks, folders, paths. Reading is in fs_read.c. */
#include "fs.h"
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

enum { MAX_TRIES = 100, MAX_NAMES = 1000000 };

static rad_status failed(diag *d, const char *what, const char *path)
{
  return diag_error(d, RAD_EIO, (origin){0}, "cannot %s %s: %s", what, path, strerror(errno));
}

static rad_status no_memory(diag *d)
{
  return diag_error(d, RAD_ENOMEM, (origin){0}, "out of memory");
}

/* --- paths --- */
char *fs_join(arena *mem, const char *dir, const char *name)
{
  const size_t n = strlen(dir);
  if (n == 0 || name[0] == '/')
    return arena_strdup(mem, name);
  return arena_printf(mem, "%s%s%s", dir, dir[n - 1] == '/' ? "" : "/", name);
}

char *fs_dirname(arena *mem, const char *path)
{
  const char *slash = strrchr(path, '/');
  if (!slash)
    return arena_strdup(mem, "");
  return arena_strndup(mem, path, slash == path ? 1 : (size_t)(slash - path));
}

char *fs_absolute(arena *mem, const char *path)
{
  if (path[0] == '/')
    return arena_strdup(mem, path);
  for (size_t room = 256; room <= 1 << 20; room *= 2) {
    char *dir = malloc(room);
    if (!dir)
      return NULL;
    if (getcwd(dir, room)) {
      char *out = fs_join(mem, dir, path);
      free(dir);
      return out;
    }
    free(dir);
    if (errno != ERANGE) /* the working directory is gone: nothing to be relative to */
      return arena_strdup(mem, path);
  }
  return NULL;
}

char *fs_program(arena *mem, const char *argv0)
{
  static const char *const links[] = {"/proc/self/exe", "/proc/curproc/file", "/proc/curproc/exe"};
  char path[4096];
  for (size_t i = 0; i < sizeof links / sizeof links[0]; i++) {
    const ssize_t n = readlink(links[i], path, sizeof path);
    if (n > 0 && (size_t)n < sizeof path && path[0] == '/')
      return arena_strndup(mem, path, (size_t)n);
  }
  return argv0 && strchr(argv0, '/') ? fs_absolute(mem, argv0) : NULL;
}

static bool mode_is(const char *path, mode_t type)
{
  struct stat st;
  return stat(path, &st) == 0 && (st.st_mode & S_IFMT) == type;
}

bool fs_is_file(const char *path)
{
  return mode_is(path, S_IFREG);
}

bool fs_is_dir(const char *path)
{
  return mode_is(path, S_IFDIR);
}

/* --- writing --- */
rad_status fs_put(int fd, const void *bytes, size_t n, const char *path, diag *d)
{
  const char *p = bytes;
  while (n > 0) {
    const ssize_t put = write(fd, p, n < (1u << 30) ? n : 1u << 30);
    if (put < 0 && errno == EINTR)
      continue;
    if (put < 0)
      return failed(d, "write", path);
    p += put;
    n -= (size_t)put;
  }
  return RAD_OK;
}

static int sync_fd(int fd)
{
  int r;
  do
    r = fsync(fd);
  while (r < 0 && errno == EINTR);
  return r;
}

/* The folder's entry must reach the disk too. Some file systems cannot sync a folder: EINVAL. */
static rad_status sync_folder_of(const char *path, diag *d)
{
  arena mem = {0};
  const char *dir = fs_dirname(&mem, path);
  if (!dir) {
    arena_free(&mem);
    return no_memory(d);
  }
  dir = *dir ? dir : ".";
  const int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  rad_status s = RAD_OK;
  if (fd < 0 || (sync_fd(fd) < 0 && errno != EINVAL))
    s = failed(d, "sync the folder", dir);
  if (fd >= 0)
    close(fd);
  arena_free(&mem);
  return s;
}

rad_status fs_new_open(fs_new *f, const char *path, diag *d)
{
  *f = (fs_new){.fd = -1};
  text name = {0};
  text_puts(&name, path);
  f->path = name.failed ? NULL : name.s;
  if (!f->path) {
    text_free(&name);
    return no_memory(d);
  }
  for (int i = 0; i < MAX_TRIES && f->fd < 0; i++) { /* a killed process may have left one */
    text tmp = {0};
    text_printf(&tmp, "%s.tmp.%ld", path, (long)getpid());
    if (i > 0)
      text_printf(&tmp, ".%d", i);
    free(f->tmp);
    f->tmp = tmp.s;
    if (tmp.failed || !tmp.s) {
      fs_new_abandon(f);
      return no_memory(d);
    }
    f->fd = open(f->tmp, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
    if (f->fd < 0 && errno != EEXIST)
      break;
  }
  if (f->fd >= 0)
    return RAD_OK;
  const rad_status s = failed(d, "create", f->tmp);
  fs_new_abandon(f);
  return s;
}

rad_status fs_new_put(fs_new *f, const void *bytes, size_t n, diag *d)
{
  return fs_put(f->fd, bytes, n, f->tmp, d);
}

rad_status fs_new_commit(fs_new *f, diag *d)
{
  rad_status s = sync_fd(f->fd) < 0 ? failed(d, "sync", f->tmp) : RAD_OK;
  if (close(f->fd) < 0 && s == RAD_OK)
    s = failed(d, "close", f->tmp);
  f->fd = -1;
  if (s == RAD_OK && rename(f->tmp, f->path) < 0)
    s = failed(d, "replace", f->path);
  if (s < 0)
    unlink(f->tmp);
  else
    s = sync_folder_of(f->path, d);
  free(f->tmp);
  f->tmp = NULL;
  fs_new_abandon(f);
  return s;
}

void fs_new_abandon(fs_new *f)
{
  if (f->fd >= 0 && f->tmp) { /* a zeroed one holds nothing */
    close(f->fd);
    unlink(f->tmp);
  }
  free(f->path);
  free(f->tmp);
  *f = (fs_new){.fd = -1};
}

rad_status fs_write(const char *path, const void *bytes, size_t n, diag *d)
{
  fs_new f;
  RAD_TRY(fs_new_open(&f, path, d));
  rad_status s = fs_new_put(&f, bytes, n, d);
  if (s == RAD_OK)
    s = fs_new_commit(&f, d);
  fs_new_abandon(&f);
  return s;
}

/* --- lock --- */
/* What the owner wrote into the lock file, on one line. */
static void read_owner(int fd, char out[128])
{
  ssize_t n = pread(fd, out, 127, 0);
  n = n < 0 ? 0 : n;
  for (ssize_t i = 0; i < n; i++)
    if (out[i] == '\n')
      n = i;
    else if (out[i] < ' ' || out[i] == 0x7f)
      out[i] = '?';
  out[n] = '\0';
}

static rad_status write_owner(int fd, const char *path, diag *d)
{
  char host[256] = "";
  if (gethostname(host, sizeof host - 1) < 0)
    host[0] = '\0';
  text t = {0};
  text_printf(&t, "%ld %s\n", (long)getpid(), host);
  rad_status s = ftruncate(fd, 0) < 0 ? failed(d, "write", path) : RAD_OK;
  if (s == RAD_OK)
    s = fs_put(fd, text_str(&t), t.n, path, d);
  text_free(&t);
  return s;
}

rad_status fs_lock(const char *path, int *out, diag *d)
{
  *out = -1;
  const int fd = open(path, O_RDWR | O_CREAT | O_NONBLOCK | O_CLOEXEC, 0666);
  if (fd < 0)
    return failed(d, "open", path);
  int r;
  do
    r = flock(fd, LOCK_EX | LOCK_NB);
  while (r < 0 && errno == EINTR);
  rad_status s = RAD_OK;
  if (r < 0 && errno == EWOULDBLOCK) {
    char owner[128];
    read_owner(fd, owner);
    s = diag_error(d, RAD_ECANCEL, (origin){0},
                   "%s is locked by another process (%s): wait until it ends, or stop it", path,
                   *owner ? owner : "unknown");
  } else if (r < 0) {
    s = failed(d, "lock", path);
  } else {
    s = write_owner(fd, path, d);
  }
  if (s < 0)
    close(fd);
  else
    *out = fd;
  return s;
}

/* --- folders --- */
rad_status fs_mkdirs(const char *path, diag *d)
{
  text t = {0};
  text_puts(&t, path);
  if (t.failed || t.n == 0) {
    const bool empty = !t.failed;
    text_free(&t);
    return empty ? diag_error(d, RAD_EINVAL, (origin){0}, "a folder needs a name") : no_memory(d);
  }
  rad_status s = RAD_OK;
  for (size_t i = 1; i <= t.n && s == RAD_OK; i++) {
    const char c = t.s[i];
    if (c != '/' && c != '\0')
      continue;
    t.s[i] = '\0';
    const int why = mkdir(t.s, 0777) < 0 ? errno : 0;
    if (why != 0 && !fs_is_dir(t.s)) {
      errno = why == EEXIST ? ENOTDIR : why;
      s = failed(d, "create the folder", t.s);
    }
    t.s[i] = c;
  }
  text_free(&t);
  return s;
}

static int by_name(const void *a, const void *b)
{
  return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* "name", or "name/" where it is a folder. */
static char *entry_name(arena *mem, int dir, const char *name)
{
  struct stat st;
  const bool folder = fstatat(dir, name, &st, 0) == 0 && S_ISDIR(st.st_mode);
  return arena_printf(mem, "%s%s", name, folder ? "/" : "");
}

/* All names into a growing array; *v belongs to the caller, also after a failure. */
static rad_status collect(DIR *dir, const char *path, arena *mem, char ***v, size_t *n, diag *d)
{
  size_t cap = 0;
  for (;;) {
    errno = 0;
    const struct dirent *e = readdir(dir);
    if (!e)
      return errno ? failed(d, "read the folder", path) : RAD_OK;
    if (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0)
      continue;
    if (*n == MAX_NAMES)
      return diag_error(d, RAD_EINVAL, (origin){0}, "%s holds more than %d names", path, MAX_NAMES);
    if (*n == cap) {
      cap = cap ? 2 * cap : 64;
      char **more = realloc(*v, cap * sizeof *more);
      if (!more)
        return no_memory(d);
      *v = more;
    }
    if (!((*v)[*n] = entry_name(mem, dirfd(dir), e->d_name)))
      return no_memory(d);
    ++*n;
  }
}

rad_status fs_list(const char *path, arena *mem, const char ***names, size_t *n, diag *d)
{
  *names = NULL;
  *n = 0;
  DIR *dir = opendir(path); /* sets FD_CLOEXEC */
  if (!dir)
    return failed(d, "open the folder", path);
  char **v = NULL;
  rad_status s = collect(dir, path, mem, &v, n, d);
  closedir(dir);
  const char **out = s == RAD_OK ? arena_alloc(mem, (*n + 1) * sizeof *out) : NULL;
  if (s == RAD_OK && !out)
    s = no_memory(d);
  if (s == RAD_OK) {
    if (*n > 0) {
      qsort(v, *n, sizeof *v, by_name);
      memcpy(out, v, *n * sizeof *v);
    }
    out[*n] = NULL;
    *names = out;
  }
  free(v);
  return s;
}
