/* SPDX-License-Identifier: BSD-3-Clause
 * blocks.h - how [block] sections nest around [layer] sections. A copy has a full name,
 * "body.2.hidden", nested "outer.1.inner.3.hidden". A section [layer body.2.hidden] or
 * [block outer.1.inner] is an overlay: its settings go over those of the copies whose full name
 * has these repetitions among its own. */
#ifndef CORE_BLOCKS_H
#define CORE_BLOCKS_H
#include "config.h"
#include "keys.h"

enum { BLOCK_DEPTH = 16, MAX_COPIES = 100000 };

typedef struct part { /* a layer or a block */
  const section *section;
  bool block;
  struct part *parent; /* the block around it, or NULL */
  struct part **child; /* (nchild) in order */
  size_t nchild;
  size_t first, last;   /* of the layers in file order */
  const section **over; /* (nover) overlays, the less specific first */
  size_t nover;
} part;
typedef struct tree {
  part *v; /* (n) in file order */
  size_t n;
  arena mem;
} tree;

/* Reports every fault of structure: unknown or repeated members, cycles, layers that are not
 * consecutive, overlays of copies that cannot exist. `config` must outlive the tree. */
rad_status tree_build(tree *, const config *, diag *);
void tree_free(tree *);
part *tree_find(const tree *, const char *name); /* no two parts have one name */
const char *tree_hint(const tree *, const char *word, char out[96]); /* text_hint, all parts */
/* The part that "hidden", "body.2.hidden" or "body.2" (one repetition) names; NULL: there can be no
 * copy of that name. */
part *tree_named(const tree *, const char *name);
bool part_inside(const part *, const part *block);
bool part_enabled(const part *); /* with all blocks around it */
/* The section of the copy of that full name: its own settings, overlaid. From the arena. */
section *part_copy(const part *, const char *full, arena *);
/* Is the section an overlay? */
bool section_is_overlay(const section *);

/* Is the copy of that full name one that `name` stands for? "inner.2.hidden" leaves out the block
 * around `inner`: it stands for that layer in all its repetitions. */
bool name_covers(const char *name, const char *full);
/* Does `apply` ("a, b"; "" is all) name this layer? A word names the layer of that name, and every
 * layer of a block, or of one repetition of a block, of that name, in all copies. */
bool name_applies(const char *apply, const char *layer);

typedef struct copies { /* a repetition of each block with same = false around a part */
  const part *block[BLOCK_DEPTH + 1]; /* [n] outermost first */
  int32_t least[BLOCK_DEPTH + 1], most[BLOCK_DEPTH + 1], r[BLOCK_DEPTH + 1];
  size_t n;
} copies;
rad_status copies_around(copies *, const part *, diag *); /* the first one */
bool copies_next(copies *);
const char *copies_path(const copies *, size_t n, arena *); /* of the outermost n: "outer.1." */
#endif
