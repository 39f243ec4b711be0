/* SPDX-License-Identifier: BSD-3-Clause
 * config_parts.h - what the files of the configuration share. */
#ifndef CORE_CONFIG_PARTS_H
#define CORE_CONFIG_PARTS_H
#include "config.h"

rad_status section_put(arena *, section *, const setting *);               /* at the end */
section *section_new(arena *, const char *kind, const char *name, origin); /* copies the words */
rad_status config_push(config *, section *);
/* Does `now` in place of `old` mean another plugin? Not where old is choice(...) with now in it. */
bool plugin_changes(const char *old, const char *now);
/* The settings of the old plugin leave; `remember`: into s->before, where that is still free. */
rad_status section_drop_plugin(arena *, section *, bool remember);
/* "momentum@sgd" into "momentum" and "sgd", in place; NULL, or what is wrong. */
const char *key_split(char *key, const char **only);

/* --- index (config_index.c): of sections and settings while files are read --- */
typedef struct config_index {
  struct index_entry *v;
  size_t n, cap;
} config_index;
/* The number added for (owner, a, b); b may be NULL. SIZE_MAX: none. */
size_t index_find(const config_index *, const void *owner, const char *a, const char *b);
rad_status index_add(config_index *, const void *owner, const char *a, const char *b, size_t value);
void index_free(config_index *);
#endif
