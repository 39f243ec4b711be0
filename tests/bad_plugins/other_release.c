/* SPDX-License-Identifier: BSD-3-Clause
 * other_release.c - of a kind that works with one release only, and built for another */
#include "zoo.h"

static rad_status fit(rad_ctx *c, const void *self, rad_model *m, rad_source *train)
{
  (void)c;
  (void)self;
  (void)m;
  (void)train;
  return nothing_ops.size > 0 ? RAD_OK : RAD_EINVAL;
}
static const rad_fit_ops ops = {.size = sizeof ops, .fit = fit};
static const rad_plugin p = {.abi = RAD_ABI,
                             .size = sizeof p,
                             .kind = RAD_FIT,
                             .release = RAD_RELEASE + 1,
                             .name = "other_release",
                             .ops = &ops};
RAD_EXPORT(&p)
