/* SPDX-License-Identifier: BSD-3-Clause
 * folder.h - takes away what a test has written. */
#ifndef TESTS_FOLDER_H
#define TESTS_FOLDER_H
#include <dirent.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* Removes a file, or a folder with all in it; links are not followed. */
static inline void folder_remove(const char *path)
{
  char inside[4096];
  struct stat st;
  if (lstat(path, &st) != 0 || !S_ISDIR(st.st_mode)) {
    unlink(path);
    return;
  }
  chmod(path, 0700);
  DIR *dir = opendir(path);
  for (struct dirent *e; dir && (e = readdir(dir));) {
    if (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0)
      continue;
    const int n = snprintf(inside, sizeof inside, "%s/%s", path, e->d_name);
    if (n > 0 && (size_t)n < sizeof inside)
      folder_remove(inside);
  }
  if (dir)
    closedir(dir);
  rmdir(path);
}
#endif
