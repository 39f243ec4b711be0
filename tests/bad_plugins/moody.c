/* SPDX-License-Identifier: BSD-3-Clause
 * moody.c - a pruner whose verdict is a hash of everything that it is shown, to the bit: a study
 * with it comes out the same only where it is shown the same. It refuses a rung on a share of the
 * samples that is not worth that share of the epochs. */
#include <rademacher/pruner.h>
#include <string.h>

typedef struct moody {
  int32_t cohort;
  bool shares;
} moody;
static const rad_key keys[] = {
    RAD_KEY(moody, cohort, "4", 1, 100, RAD_FIXED, "trials at once"),
    RAD_KEY(moody, shares, "false", 0, 0, RAD_FIXED, "a quarter and half of the samples first"),
};

static uint64_t stir(uint64_t h, const void *bytes, size_t n) /* FNV-1a */
{
  const unsigned char *p = bytes;
  for (size_t i = 0; i < n; i++)
    h = (h ^ p[i]) * UINT64_C(1099511628211);
  return h;
}

static rad_status judge(rad_ctx *c, const void *self, const rad_history *all, size_t which,
                        uint64_t epochs, rad_verdict *v)
{
  uint64_t h = UINT64_C(14695981039346656037);
  const rad_trial *t = all->trial[which];
  if (((const moody *)self)->shares && t->nrung > 0 && t->rung[0].epoch > 1 + epochs / 4)
    return rad_fail(c, RAD_EINVAL, "a quarter of the samples counts as %d epochs",
                    (int)t->rung[0].epoch);
  h = stir(h, &all->n, sizeof all->n);
  h = stir(h, &which, sizeof which);
  for (size_t i = 0; i < all->n; i++) {
    const rad_trial *o = all->trial[i];
    h = stir(h, &o->state, sizeof o->state);
    h = stir(h, o->value, sizeof *o->value);
    h = stir(h, o->score, sizeof *o->score);
    for (size_t k = 0; k < o->nrung; k++) {
      h = stir(h, &o->rung[k].epoch, sizeof o->rung[k].epoch);
      h = stir(h, &o->rung[k].value, sizeof o->rung[k].value);
    }
  }
  h ^= h >> 33;
  v->action = h % 100 < 75 ? RAD_GO_ON : h % 100 < 92 ? RAD_PAUSE : RAD_GIVE_UP;
  if (((const moody *)self)->shares && t->nrung < 2)
    v->share = t->nrung == 0 ? 0.25 : 0.5;
  v->next = (t->nrung > 0 ? t->rung[t->nrung - 1].epoch : 0) + 1 + h / 100 % 5;
  return RAD_OK;
}

static rad_status cohort(rad_ctx *c, void *self, uint64_t epochs, uint64_t *n)
{
  (void)c, (void)epochs;
  *n = (uint64_t)((const moody *)self)->cohort;
  return RAD_OK;
}

static const rad_pruner_ops ops = {.size = sizeof ops, .judge = judge, .cohort = cohort};
static const rad_plugin moody_plugin = {RAD_PLUGIN(RAD_PRUNER, "moody", moody, &ops),
                                        RAD_KEYS(keys)};
RAD_EXPORT(&moody_plugin)
