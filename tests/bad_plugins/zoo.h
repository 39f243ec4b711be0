/* SPDX-License-Identifier: BSD-3-Clause
 * zoo.h - a layer that does nothing. The plugins of this folder are this one, each with one fault;
 * tests/core_plugin.c says what the core makes of it. */
#include <rademacher/rademacher.h>

typedef struct nothing {
  int32_t units;
  const char *file;
} nothing;

static rad_status plan(rad_ctx *c, void *self, rad_plan *p)
{
  (void)c;
  (void)self;
  p->out = p->in[0];
  p->flags = RAD_VIEW;
  return RAD_OK;
}
static const rad_layer_ops nothing_ops = {.size = sizeof nothing_ops, .plan = plan};
