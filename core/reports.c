/* SPDX-License-Identifier: BSD-3-Clause
 * reports.c - is there a metric of this name? Plugins say what they report (rad_plugin.metrics), so
 * that a misspelt one is found before anything has run. */
#include "sections.h"
#include <string.h>

enum { MOST = 256 };
typedef struct known {
  const char *name[MOST]; /* [n] that there are */
  size_t n;
  bool found; /* or it may be there: somebody does not say what he reports */
} known;

static bool speaks(const rad_hooks *h, bool of_split)
{
  return of_split ? h->eval != NULL : h->epoch || h->end || h->step || h->batch;
}

static void ask(env *e, const section *s, const char *plugin_name, bool of_split, const char *name,
                known *k)
{
  diag dropped = {0};
  const plugin *p =
      plugins_find(e->plugins, kind_by_name(s->kind)->kind, plugin_name, s->at, s->kind, &dropped);
  diag_free(&dropped);
  if (!p) { /* which is reported elsewhere */
    k->found = true;
    return;
  }
  if (!speaks(&p->ops.hooks, of_split))
    return;
  k->found |= plugin_reports(p, name);
  for (size_t i = 0; p->d.metrics && p->d.metrics[i] && k->n < MOST; i++)
    k->name[k->n++] = p->d.metrics[i];
}

rad_status metric_reported(env *e, const config *arm, bool disabled_too, const char *of,
                           const char *name, bool *found, char hint[96])
{
  arena mem = {0};
  known k = {.n = 0};
  rad_status status = RAD_OK;
  for (size_t i = 0; i < arm->n && status == RAD_OK; i++) {
    const section *s = arm->v[i];
    const char *const *plugin_name;
    size_t n;
    if ((strcmp(s->kind, "measure") != 0 && strcmp(s->kind, "regularizer") != 0) ||
        (!disabled_too && !section_enabled(s)) || (of && strcmp(s->name, of) != 0))
      continue;
    status = section_plugins(s, &mem, &plugin_name, &n);
    for (size_t j = 0; j < n && status == RAD_OK; j++)
      ask(e, s, plugin_name[j], !of, name, &k);
  }
  arena_free(&mem);
  *found = k.found;
  text_hint(hint, name, k.name, k.n);
  return status;
}
