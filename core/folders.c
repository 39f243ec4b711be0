/* SPDX-License-Identifier: BSD-3-Clause
 * folders.c - where the trials and jobs of a run directory have their files. */
#include "record.h"
#include <inttypes.h>

char *trial_folder(arena *mem, const char *dir, uint64_t index)
{
  return arena_printf(mem, "%s/trials/%04" PRIu64, dir, index);
}

char *trial_config(arena *mem, const char *dir, uint64_t index)
{
  return arena_printf(mem, "%s/trials/%04" PRIu64 "/config.ini", dir, index);
}

char *job_folder(arena *mem, const char *dir, uint64_t index, const char *arm, uint64_t seed,
                 double share)
{
  char room[32],
      *whole = arena_printf(mem, "%s/trials/%04" PRIu64 "/%s/%" PRIu64, dir, index, arm, seed);
  return !whole || share >= 1.0
             ? whole
             : arena_printf(mem, "%s/share-%s", whole, text_from_double(room, share));
}
