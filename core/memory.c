/* SPDX-License-Identifier: BSD-3-Clause
 * memory.c - how much memory can still be had: what the kernel says is available, but no more than
 * the control group leaves (version 2, the group that the mount shows as its root). */
#include "host.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The first number behind `key` in a small text file; key "": at its start. */
static bool number_in(const char *folder, const char *name, const char *key, uint64_t *out)
{
  char path[256], all[8192];
  const int n = snprintf(path, sizeof path, "%s/%s", folder, name);
  FILE *f = n > 0 && (size_t)n < sizeof path ? fopen(path, "r") : NULL;
  if (!f)
    return false;
  all[fread(all, 1, sizeof all - 1, f)] = '\0';
  fclose(f);
  const char *at = strstr(all, key);
  char *end = NULL;
  if (!at)
    return false;
  at += strlen(key);
  const unsigned long long v = strtoull(at, &end, 10);
  *out = (uint64_t)v;
  return end != at;
}

uint64_t memory_left(const char *proc, const char *group)
{
  uint64_t kib, limit, used, cache = 0;
  uint64_t left = number_in(proc, "meminfo", "MemAvailable:", &kib) ? kib * 1024 : 0;
  if (number_in(group, "memory.max", "", &limit) && number_in(group, "memory.current", "", &used)) {
    number_in(group, "memory.stat", "inactive_file ", &cache); /* can be given back */
    used = used > cache ? used - cache : 0;
    const uint64_t rest = limit > used ? limit - used : 0;
    left = left == 0 || rest < left ? rest : left;
  }
  return left;
}

uint64_t memory_free(void)
{
  return memory_left("/proc", "/sys/fs/cgroup");
}
