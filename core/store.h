/* SPDX-License-Identifier: BSD-3-Clause
 * store.h - what store.c and cache.c share. */
#ifndef CORE_STORE_H
#define CORE_STORE_H
#include "data.h"

enum { PART_SAMPLES = 256 }; /* at most, read at once */
typedef struct decoder {     /* where decoded samples go: to memory, or to a file */
  instance *dataset;
  const rad_facts *facts;
  uint8_t *x[2], *y[2]; /* x NULL: through `buffer` into `file` */
  uint8_t *buffer;      /* (part,sample) */
  fs_new *file;
  moments moments;
  size_t part, xb, yb; /* samples of a part; bytes of a sample, of a target */
} decoder;

rad_status decoder_new(decoder *, instance *dataset, const rad_facts *, arena *);
rad_status decoder_split(decoder *, int s); /* 0: train, 1: test */

size_t store_target(const rad_facts *);     /* bytes of one sample's target; 0: too many */
size_t store_sample(const rad_facts *);     /* bytes of one sample; 0: none, or too many */
const char *store_fault(const rad_facts *); /* NULL: none */
rad_status store_section(env *, const config *arm, const char *name, const section **);
rad_status store_plugin(env *, const section *, const char **name);
/* Names of classes: one after the other, each with its NUL; none at all is fine. */
rad_status store_names_text(const rad_facts *, text *);
rad_status store_names_read(store *, const char *, size_t n);

/* RAD_DONE: there is no such file, or it is not whole. */
rad_status cache_map(store *, const char *path, env *);
rad_status cache_write(instance *dataset, const rad_facts *, const char *path);
#endif
