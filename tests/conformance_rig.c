/* SPDX-License-Identifier: BSD-3-Clause
 * conformance_rig.c - runs one layer as the core does: sums, pieces, slices. */
#include "conformance_rig.h"
#include <string.h>

const size_t rig_whole[] = {N, 0}, rig_cut[] = {4, 4, 3, 0};

static void make_param(rig *r, size_t k)
{
  const declared *d = &r->i->tensor[k];
  rad_param *p = &r->param[k];
  *p = (rad_param){.name = d->t.name,
                   .layer = "it",
                   .role = d->t.role,
                   .type = d->t.type,
                   .shape = d->t.shape,
                   .n = d->count,
                   .keep = 0.0f};
  p->value = numbers(r->b, 100 + (uint32_t)k, p->n, 0.1f);
  for (size_t i = 0; d->t.role == RAD_BUFFER && i < p->n; i++)
    p->value[i] = (float)d->t.fill;
  if (d->t.role != RAD_BUFFER) {
    p->grad = room(r->b, p->n, sizeof *p->grad);
    r->rows = r->rows == 0 || d->t.shape.dim[0] < r->rows ? d->t.shape.dim[0] : r->rows;
  }
  if (d->t.flags & RAD_MAPPED)
    p->mapped = room(r->b, p->n, sizeof *p->mapped);
  r->w[k] = p;
}

/* Values of one channel at least 0.14 apart, none within 0.07 of 0: finite differences find no
 * kink, also where the largest of several counts. x (N,H,W,C), irregular numbers of about 1. */
static void spread(const rad_shape *s, float *x)
{
  const size_t C = s->dim[2], S = rad_count(s) / C;
  for (size_t i = 0; i < N; i++)
    for (size_t k = 0; k < C; k++) {
      float *at = x + i * S * C + k; /* stride C */
      float old[64];
      ck_assert_uint_le(S, sizeof old / sizeof *old);
      for (size_t q = 0; q < S; q++)
        old[q] = at[q * C];
      for (size_t q = 0; q < S; q++) {
        float rank = 0.5f - (float)(S / 2);
        for (size_t o = 0; o < S; o++)
          rank += old[o] < old[q] ? 1.0f : 0.0f;
        at[q * C] = 0.17f * rank + 0.003f * old[q];
      }
    }
}

bool rig_plan(rig *r, const rad_shape *shape, size_t nin)
{
  r->in[0] = r->in[1] = *shape;
  r->nin = nin;
  r->plan = (rad_plan){.nin = (uint32_t)nin, .in = r->in};
  instance_replan(r->i);
  r->i->planning = true;
  if (r->ops->plan(&r->i->ctx, r->i->self, &r->plan) < 0)
    return false;
  ck_assert_uint_le(r->i->ntensor, MOST);
  r->nx = rad_count(shape), r->ny = rad_count(&r->plan.out);
  r->nparam = r->i->ntensor;
  r->rows = 0;
  for (size_t k = 0; k < r->nparam; k++)
    make_param(r, k);
  for (size_t k = 0; k < nin; k++) {
    r->x[k] = numbers(r->b, 1 + (uint32_t)k, N * r->nx, 0.1f);
    if (shape->rank == 3)
      spread(shape, r->x[k]);
    r->dx[k] = room(r->b, N * r->nx, sizeof(float));
  }
  r->y = room(r->b, N * r->ny, sizeof(float));
  r->dy = numbers(r->b, 9, N * r->ny, 0.0f);
  r->cache = room(r->b, N, r->plan.cache + 1);
  r->fsum = room(r->b, 3 * (r->plan.nsum + 1), sizeof(double));
  r->bsum = r->fsum + r->plan.nsum + 1, r->part = r->bsum + r->plan.nsum + 1;
  for (size_t k = 0; k < N; k++)
    r->id[k] = 5 + 3 * k;
  r->pieces = rig_cut;
  return true;
}

typedef rad_status callback(rad_ctx *, const void *, const rad_pass *);
typedef struct piece_pointers {
  const float *x[2];
  float *dx[2];
} piece_pointers;

static rad_pass pass_of(const rig *r, size_t first, size_t n, bool back, piece_pointers *at)
{
  const bool x = !back || (r->plan.flags & RAD_KEEP_X);
  for (size_t k = 0; k < 2; k++) {
    at->x[k] = x && r->x[k] ? r->x[k] + first * r->nx : NULL;
    at->dx[k] = r->dx[k] ? r->dx[k] + first * r->nx : NULL;
  }
  return (rad_pass){.when = {.epoch = 1, .step = 12, .nepoch = 3, .nstep = 9},
                    .training = !r->evaluate,
                    .n = n,
                    .first = first,
                    .total = N,
                    .id = r->id + first,
                    .in = r->in,
                    .out = &r->plan.out,
                    .x = at->x,
                    .y = !back || (r->plan.flags & RAD_KEEP_Y) ? r->y + first * r->ny : NULL,
                    .dy = back ? r->dy + first * r->ny : NULL,
                    .dx = at->dx,
                    .w = r->w,
                    .cache = r->cache + first * r->plan.cache,
                    .fsum = r->evaluate ? NULL : r->fsum,
                    .bsum = r->bsum,
                    .hi = r->rows,
                    .act = r->act,
                    .act_alpha = r->act_alpha,
                    .type = RAD_F32};
}

static void call(rig *r, callback *f, const rad_pass *p)
{
  const size_t mark = scratch_mark(&r->b->env);
  const rad_status s = f(&r->i->ctx, r->i->self, p);
  scratch_release(&r->b->env, mark);
  ck_assert_msg(s == RAD_OK, "%s", text_str(&r->b->diag.messages));
}

/* On every piece; with `sum` the pieces' shares are added in piece order. */
static void on_pieces(rig *r, callback *f, bool back, double *sum)
{
  size_t at[N + 1] = {0}, n = 0;
  for (; r->pieces[n] > 0; n++)
    at[n + 1] = at[n] + r->pieces[n];
  for (size_t k = 0; k < n; k++) {
    const size_t q = r->reverse && !sum ? n - 1 - k : k;
    piece_pointers to;
    rad_pass p = pass_of(r, at[q], r->pieces[q], back, &to);
    if (sum) {
      memset(r->part, 0, (r->plan.nsum + 1) * sizeof *r->part);
      p.sum = r->part;
    }
    call(r, f, &p);
    for (size_t s = 0; sum && s < r->plan.nsum; s++)
      sum[s] += r->part[s];
  }
}

/* What the core does after each update. */
static void renew(rig *r)
{
  for (size_t k = 0; k < r->nparam; k++) {
    const rad_param *p = &r->param[k];
    if (p->mapped)
      ck_assert_int_eq(r->ops->map(&r->i->ctx, r->i->self, p, p->n, p->value, p->mapped), RAD_OK);
  }
}

void rig_forward(rig *r)
{
  renew(r);
  memset(r->fsum, 0, r->plan.nsum * sizeof *r->fsum);
  if (r->plan.nsum > 0 && !r->evaluate)
    on_pieces(r, r->ops->sum, false, r->fsum);
  on_pieces(r, r->ops->forward, false, NULL);
}

void rig_backward(rig *r)
{
  memset(r->bsum, 0, r->plan.nsum * sizeof *r->bsum);
  if (r->plan.nsum > 0)
    on_pieces(r, r->ops->sum, true, r->bsum);
  if (r->ops->backward)
    on_pieces(r, r->ops->backward, true, NULL);
}

void rig_gradient(rig *r, bool slices)
{
  piece_pointers to;
  rad_pass p = pass_of(r, 0, N, true, &to);
  if (!r->ops->gradient || r->nparam == 0)
    return;
  if (slices && (r->plan.flags & RAD_CUT_OUTPUT) && r->rows > 1) {
    p.lo = 1;
    call(r, r->ops->gradient, &p);
    p.lo = 0, p.hi = 1;
  }
  call(r, r->ops->gradient, &p);
}

void rig_joint(rig *r)
{
  piece_pointers to;
  const rad_pass p = pass_of(r, 0, N, true, &to);
  call(r, r->ops->joint, &p);
}

void rig_settle(rig *r)
{
  piece_pointers to;
  const rad_pass p = pass_of(r, 0, N, false, &to);
  if (r->ops->settle)
    call(r, r->ops->settle, &p);
}

void rig_shards(rig *r)
{
  float keep[MOST];
  for (size_t k = 0; k < r->nparam; k++)
    keep[k] = r->param[k].keep;
  for (size_t q = 0, first = 0; rig_cut[q] > 0; first += rig_cut[q++]) {
    piece_pointers to;
    rad_pass p = pass_of(r, first, rig_cut[q], true, &to);
    call(r, r->ops->gradient, &p);
    for (size_t k = 0; k < r->nparam; k++)
      r->param[k].keep = 1.0f;
  }
  for (size_t k = 0; k < r->nparam; k++)
    r->param[k].keep = keep[k];
}

void *rig_copy(rig *r, const void *p, size_t bytes)
{
  void *to = room(r->b, bytes, 1);
  memcpy(to, p, bytes);
  return to;
}
