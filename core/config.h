/* SPDX-License-Identifier: BSD-3-Clause
 * config.h - the experiment language: sections of settings. Knows INI, includes, overrides, arms
 * and axes; knows no plugin and no network. docs/config.md is its manual. */
#ifndef CORE_CONFIG_H
#define CORE_CONFIG_H
#include "diag.h"

typedef struct setting {
  const char *key;   /* without "@plugin" */
  const char *value; /* trimmed, never NULL */
  const char *only;  /* the plugin after '@' in momentum@sgd, or NULL */
  const char *was;   /* the value that it has replaced: of an include, of defaults; or NULL */
  origin at;
} setting;
typedef struct section {   /* [kind] or [kind name] */
  const char *kind, *name; /* name "" where there is none */
  origin at;
  setting *v; /* (n) in order of first appearance, one for each (key, only) */
  size_t n, cap;
  const char
      *replaced; /* the plugin that a later file, arm, row or override has replaced, or NULL */
  struct section
      *before; /* the section as it was before that (its own keys "before.KEY"), or NULL */
} section;
typedef struct config {
  section **v; /* (n) in order of first appearance: the order of layers */
  size_t n, cap;
  const char **files; /* (nfiles) read, the main file first */
  size_t nfiles, cfiles;
  arena mem; /* owns all of it */
} config;

typedef struct override { /* one -s or -i of the command line, in order */
  bool include;           /* text names a file, else "key=value" */
  const char *text;
} override;
/* Reads `defaults` (NULL: none; its settings are the weakest, and replacing one of its plugins is
 * not remembered), a file with its includes, then applies the overrides. Every problem of syntax is
 * reported; RAD_EINVAL if there was one. Settings of the command line have the origin "-s TEXT"
 * with line 0. The config is empty after a failure other than RAD_EINVAL. */
rad_status config_read(config *, const char *defaults, const char *file, const override *, size_t n,
                       diag *);
void config_free(config *);
rad_status config_copy(config *to, const config *from); /* deep */

/* Sets "section.key" or "kind.name.key" (the name may contain dots; in [arm], [axis] and
 * [constraint]-like kinds with dotted keys, the key is all after the name). Adds a missing section
 * at the end. Where `key` is "plugin" and the value changes, the keys of the old plugin are
 * dropped; those with "@plugin" and the kind's common keys stay. Of "choice(a, b)", a and b are no
 * change. Origin: where it was written. */
rad_status config_set(config *, const char *dotted, const char *value, origin, diag *);

section *config_find(const config *, const char *kind, const char *name);
/* The next section of a kind after `after` (NULL: the first), disabled ones (enabled = false) left
 * out. */
const section *config_next(const config *, const char *kind, const section *after);
size_t config_count(const config *, const char *kind); /* how many config_next goes through */
/* Of that name, or without a name and of that plugin; or NULL. */
const section *config_compressor(const config *, const char *name);
/* The setting with exactly these, or NULL, also where the section is NULL. */
setting *section_find(const section *, const char *key, const char *only);
/* The next row of an [axis], or override of an [arm], after `after` (NULL: the first): all that is
 * not `enabled`. */
setting *section_row(const section *, const setting *after);
/* The value that counts: "key@plugin" where it matches the section's plugin, else "key"; or NULL.
 */
const setting *section_get(const section *, const char *key);
const char *section_value(const section *, const char *key, const char *otherwise);
bool section_enabled(const section *);
const char *section_title(const section *, char out[160]);             /* "[layer h1]" */
const char *section_dotted(const section *, const char *key, arena *); /* "layer.h1.units" */

/* Copies `from`, applies the settings of [arm NAME] and drops all [arm] sections. */
rad_status config_arm(config *to, const config *from, const char *arm, diag *);
/* Names of enabled arms in order, {"main"} where there is none. From the config's arena. */
rad_status config_arms(config *, const char *const **names, size_t *n);
/* Applies the row of that name of [axis NAME]: "layer.a.units=3, block.b.enabled=false". A word
 * without '=' goes on with the value before it: "layer.c.input=a, b". */
rad_status config_row(config *, const char *axis, const char *row, diag *);

/* The whole as an INI text that reads back to the same; sections in order, without includes.
 * Values of RAD_FILE keys are made absolute by the caller beforehand. Sets text.failed also where a
 * value has been put in that no line can hold; config_set refuses those. */
void config_write(const config *, text *);

/* "a, b, c" into trimmed words; commas inside parentheses do not separate. From the arena. */
rad_status config_words(arena *, const char *list, const char *const **words, size_t *n);

/* A searched value is a range, search(lo, hi[, log|linear]), or choice(a, b). */
bool is_range(const char *value);
bool is_choice(const char *value);
bool is_searched(const char *value);
/* What stands between the parentheses of a searched value, as config_words. */
rad_status searched_words(arena *, const char *value, const char *const **words, size_t *n);
#endif
