/* SPDX-License-Identifier: BSD-3-Clause
 * fs.h - files: whole, atomic, locked. Failures are reported into the diag with the path and the
 * system's reason, and are RAD_EIO unless said otherwise. */
#ifndef CORE_FS_H
#define CORE_FS_H
#include "diag.h"

enum { FS_GUNZIP = 1 }; /* fs_map.flags: unpack where the content starts with the gzip magic */
typedef struct fs_bytes {
  const uint8_t *p;
  size_t n;
  void *mapping; /* NULL: p was allocated */
} fs_bytes;
/* A regular file's content (else RAD_EINVAL), mapped read-only, or unpacked into memory; a gzip
 * stream that is truncated, corrupt or longer than `limit` bytes is RAD_EINVAL. limit 0: none. */
rad_status fs_map(const char *path, unsigned flags, size_t limit, fs_bytes *out, diag *);
void fs_unmap(fs_bytes *);
/* Writes path.tmp.PID beside it, fsync, rename, fsync of the folder. Never leaves `path` half
 * written; removes the temporary file on failure. */
rad_status fs_write(const char *path, const void *bytes, size_t n, diag *);
/* The same in parts: fill `fd` with write(2) or stdio, then commit or abandon. */
typedef struct fs_new {
  int fd;
  char *path, *tmp;
} fs_new;
rad_status fs_new_open(fs_new *, const char *path, diag *);
rad_status fs_new_put(fs_new *, const void *bytes, size_t n, diag *); /* whole, EINTR-safe */
rad_status fs_new_commit(fs_new *, diag *);
void fs_new_abandon(fs_new *); /* also fine after commit */
rad_status fs_put(int fd, const void *bytes, size_t n, const char *path, diag *);
rad_status fs_mkdirs(const char *path, diag *); /* with parents; existing is fine */
/* Takes an exclusive flock on path (created, holds "PID HOST\n"); *fd stays open while it is held.
 * RAD_ECANCEL, with the owner in the message: another process has it. */
rad_status fs_lock(const char *path, int *fd, diag *);
bool fs_is_file(const char *path);
bool fs_is_dir(const char *path);
/* Names in a folder, sorted bytewise, without "." and "..", at most a million; folders end in '/'.
 * NULL-terminated, from the arena. */
rad_status fs_list(const char *path, arena *, const char ***names, size_t *n, diag *);
/* "DIR/NAME" in the arena; dir "" or NAME absolute: NAME. */
char *fs_join(arena *, const char *dir, const char *name);
char *fs_dirname(arena *, const char *path);  /* "" where there is no '/' */
char *fs_absolute(arena *, const char *path); /* against the working directory; not resolved */
/* Absolute path of this program: what the system says, else argv0 where it has a '/'; or NULL. */
char *fs_program(arena *, const char *argv0);
void fs_sha256(const void *bytes, size_t n, char hex[65]);
rad_status fs_sha256_file(const char *path, char hex[65], diag *);
/* Data homes in order: $RADEMACHER_DATA, else $XDG_DATA_HOME/rademacher, else
 * ~/.local/share/rademacher; then /usr/share/datasets. The first is where `data get` writes. */
size_t fs_data_homes(arena *, const char *home[2]);
/* The folder that names of files in a setting are relative to: that of the file where it was
 * written; "" for the command line. */
char *fs_origin_dir(arena *, origin);
/* "data:NAME/FILE" to the first existing HOME/NAME/FILE or HOME/NAME/FILE.gz; another path is
 * joined to `base`. Missing: RAD_EINVAL, and the message names `rademacher data get NAME`. */
rad_status fs_data_path(arena *, const char *base, const char *path, const char **out, diag *);
#endif
