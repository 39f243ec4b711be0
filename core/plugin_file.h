/* SPDX-License-Identifier: BSD-3-Clause
 * plugin_file.h - one shared object: loaded, checked, its plugins copied. */
#ifndef CORE_PLUGIN_FILE_H
#define CORE_PLUGIN_FILE_H
#include "plugin.h"

typedef struct plugin_file {
  const char *path;  /* absolute */
  size_t dir;        /* which folder of the path it was found in */
  plugin **v;        /* (n) checked copies */
  size_t n;          /* 0 where it does not load */
  const char *error; /* why it does not load, or NULL */
} plugin_file;
/* Everything from the arena; only RAD_ENOMEM fails, all else is in `error`. */
rad_status plugin_file_load(plugin_file *, const char *path, arena *);
/* "layer dense" of a file, or NULL. */
plugin *plugin_file_find(const plugin_file *, uint32_t kind, const char *name);
/* What is wrong with the ops of a copied descriptor; NULL: nothing. Fills p->ops, p->after. */
const char *plugin_ops_copy(plugin *p);
bool plugin_is_locked(uint32_t kind); /* only for the release it was built for */
#endif
