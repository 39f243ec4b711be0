/* SPDX-License-Identifier: BSD-3-Clause
 * unit_ablation.c - hidden units are taken out, with all their weights, round by round more of
 * them: after round k of first n units n - round(k share n) are left. To the layers that read it a
 * unit that is out gives 0. Nothing is trained. How much a network hangs on single units: Morcos et
 * al. 2018, arXiv 1803.06959. */
#include "units_keep.h"

typedef struct unit_ablation {
  double share;
  int32_t order;
} unit_ablation;
enum { RANDOM, NORM };
static const char *const orders[] = {"random", "norm", NULL};
static const rad_key keys[] = {
    RAD_KEY(unit_ablation, share, "0.1", 0, 1, 0,
            "of the first network's hidden units of each layer, taken out in a round"),
    RAD_CHOICE(unit_ablation, order, "random", orders,
               "any, or those with the smallest weights first"),
};

/* How many are left of each group, at least one; false: no more can go. */
static bool count(const unit_ablation *a, const units *u, const units *first, uint64_t round,
                  size_t *left)
{
  bool any = a->share == 0.0;
  for (uint32_t g = 0; g < u->n; g++) {
    const double n = (double)first->size[g];
    const double out = floor(a->share * (double)(round + 1) * n + 0.5);
    left[g] = u->fixed[g] ? u->size[g] : n - out >= 1 ? (size_t)(n - out) : 1;
    any |= left[g] < u->size[g] && units_root(u, g) == g;
  }
  return any;
}

static rad_status round_once(rad_ctx *c, const void *self, rad_round *r)
{
  const unit_ablation *a = self;
  units u, first;
  rad_set *set;
  size_t n;
  uint32_t **kept;
  RAD_TRY(units_find(c, r->first, &first));
  RAD_TRY(units_find(c, r->from, &u));
  size_t *left = c->host->scratch(c, u.n * sizeof *left);
  if (!left)
    return RAD_ENOMEM;
  if (!count(a, &u, &first, r->index, left))
    return RAD_DONE;
  RAD_TRY(units_sets(c, &u, left, &set, &n));
  RAD_TRY(c->lab->derive(c, r->from, set, n, &r->to));
  RAD_TRY(units_choose(c, &u, left, a->order == RANDOM, r->index, &kept));
  return units_keep(c, &u, r->to, left, kept);
}

static const rad_compressor_ops ops = {.size = sizeof ops, .round = round_once};
static const rad_plugin unit_ablation_plugin = {
    RAD_PLUGIN(RAD_COMPRESSOR, "unit_ablation", unit_ablation, &ops), RAD_KEYS(keys), .needs = 1,
    .summary = "takes hidden units out", .reference = "Morcos et al. 2018, arXiv 1803.06959"};
RAD_EXPORT(&unit_ablation_plugin)
