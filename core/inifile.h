/* SPDX-License-Identifier: BSD-3-Clause
 * inifile.h - one INI file as a sequence of sections and settings, each with its line. */
#ifndef CORE_INIFILE_H
#define CORE_INIFILE_H
#include "diag.h"

enum {
  INI_LINE = 1 << 20, /* bytes of a line */
  INI_FILE = 1 << 28, /* bytes of a file */
  INI_KEY = 180,      /* bytes of a key: what inih's buffer of 200 takes whole */
  INI_NAME = 180      /* bytes of a section's name */
};

/* What is found, in order; a status below 0 ends the reading and is returned. */
typedef struct ini_events {
  rad_status (*section)(void *user, const char *kind, const char *name, origin);
  rad_status (*setting)(void *user, const char *key, const char *value, origin);
  void *user;
} ini_events;

/* Opens a regular file for reading, not waiting for anything; `at` is where it was named. *id: the
 * same for two names of one file only. */
typedef struct ini_id {
  uint64_t device, inode;
} ini_id;
rad_status ini_open(const char *path, origin at, int *fd, ini_id *id, diag *);
/* Reads it all. `path` is the origins' file and must live as long as they. Faults are reported,
 * each with its line, and the reading goes on. */
rad_status ini_read(int fd, const char *path, const ini_events *, diag *);

/* NULL, or why the reader would not give back this value from "key = value". */
const char *ini_value_fault(const char *value);
bool ini_is_key(const char *key); /* [A-Za-z0-9_.@-]{1,180} */
#endif
