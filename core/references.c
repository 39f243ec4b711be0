/* SPDX-License-Identifier: BSD-3-Clause
 * references.c - names of layers and blocks in `input` and `apply`, and sections that must be
 * there. */
#include "blocks.h"
#include "sections.h"
#include <string.h>

typedef struct place {
  const setting *set;
  const char *title;
  const tree *tree;
  diag *diag;
} place;

static rad_status unknown_word(const place *p, const char *word)
{
  char hint[96];
  return diag_error(p->diag, RAD_EINVAL, p->set->at,
                    "%s %s = %.80s: there is no layer or block '%.80s'%s", p->title, p->set->key,
                    p->set->value, word, tree_hint(p->tree, word, hint));
}

static bool has_output(const part *p)
{
  if (!section_enabled(p->section))
    return false;
  bool any = !p->block;
  for (size_t i = 0; i < p->nchild && !any; i++)
    any = has_output(p->child[i]);
  return any;
}

static void check_input(const place *at, const part *p, const char *word)
{
  const part *w = tree_find(at->tree, word);
  const char *fault = NULL;
  if (!w) {
    unknown_word(at, word);
    return;
  }
  if (part_inside(p, w))
    fault = "a layer cannot read itself or the block it is in";
  else if (w->parent && !part_inside(p, w->parent))
    fault = "it is inside a block; name the block, which stands for its last output";
  else if (w->last >= p->first)
    fault = "it comes later in the file; a layer reads layers before it";
  else if (!has_output(w))
    fault = "it is switched off";
  if (fault)
    diag_error(at->diag, RAD_EINVAL, at->set->at, "%s input = %.80s: '%s': %s", at->title,
               at->set->value, word, fault);
}

static void check_apply(const place *at, const char *word)
{
  if (!tree_named(at->tree, word))
    unknown_word(at, word);
}

static void check_words(place *at, const section *s, const char *key, const part *p)
{
  arena mem = {0};
  const char *const *word;
  size_t n;
  char title[160];
  at->set = section_get(s, key);
  at->title = section_title(s, title);
  if (at->set && *at->set->value && config_words(&mem, at->set->value, &word, &n) == RAD_OK)
    for (size_t i = 0; i < n; i++) {
      if (p)
        check_input(at, p, word[i]);
      else
        check_apply(at, word[i]);
    }
  arena_free(&mem);
}

/* A fit that predicts by itself needs no network. */
static bool needs_layers(env *e, const config *c)
{
  const section *s = config_next(c, "fit", NULL);
  const char *name = s ? section_value(s, "plugin", NULL) : NULL;
  char title[160];
  if (!name || is_searched(name))
    return true;
  diag dropped = {0}; /* sections_check has reported it */
  const plugin *p =
      plugins_find(e->plugins, RAD_FIT, name, s->at, section_title(s, title), &dropped);
  diag_free(&dropped);
  return !p || !p->ops.fit.predict;
}

static void check_presence(env *e, const config *c, const tree *t)
{
  const section *data = config_find(c, "dataset", "");
  if (!data || !section_enabled(data))
    diag_error(e->diag, RAD_EINVAL, (origin){0},
               "there is no [dataset] section: name what to train on, with 'plugin = NAME' and its "
               "keys, or include a file that does");
  bool any = false;
  for (size_t i = 0; i < t->n && !any; i++)
    any = !t->v[i].block && part_enabled(&t->v[i]);
  if (!any && needs_layers(e, c))
    diag_error(
        e->diag, RAD_EINVAL, (origin){0},
        "there is no [layer NAME] section that is switched on: a network needs at least one");
}

rad_status references_check(env *e, const config *c)
{
  static const char *const hooked[] = {"optimizer", "regularizer", "measure", "compressor"};
  const size_t before = e->diag->errors;
  tree t;
  const rad_status s = tree_build(&t, c, e->diag);
  place at = {.tree = &t, .diag = e->diag};
  if (s == RAD_OK) {
    check_presence(e, c, &t);
    for (size_t i = 0; i < t.n; i++)
      if (!t.v[i].block && part_enabled(&t.v[i])) {
        check_words(&at, t.v[i].section, "input", &t.v[i]);
        for (size_t k = 0; k < t.v[i].nover; k++)
          check_words(&at, t.v[i].over[k], "input", &t.v[i]);
      }
    for (size_t k = 0; k < sizeof hooked / sizeof hooked[0]; k++)
      for (const section *h = NULL; (h = config_next(c, hooked[k], h));)
        check_words(&at, h, "apply", NULL);
  }
  tree_free(&t);
  return e->diag->errors > before ? RAD_EINVAL : s;
}
