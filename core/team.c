/* SPDX-License-Identifier: BSD-3-Clause
 * team.c - threads, and a barrier that spins and then sleeps. */
#include "team.h"
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { SPINS = 4000, LINE = 64 };

struct team {
  uint32_t members, started; /* threads are members - 1; started: of them */
  int spins;                 /* 0: there are more members than cores, who spins is in the way */
  pthread_t *thread;
  team_task *task;
  void *with;
  bool quit;
  rad_status *status; /* (members) */
  pthread_mutex_t mutex;
  pthread_cond_t turned;
  _Alignas(LINE) atomic_uint arrived;
  _Alignas(LINE) atomic_uint turn;
  atomic_uint sleeping;
  atomic_bool failed;
  _Alignas(LINE) atomic_size_t next;
};

static void relax(void)
{
#if defined __x86_64__ || defined __i386__
  __builtin_ia32_pause();
#endif
}

/* Who sleeps has said so before it looks at `turn` again, and who turns looks for sleepers after:
 * no wake-up is lost. */
static void sleep_until(team *t, unsigned turn)
{
  pthread_mutex_lock(&t->mutex);
  atomic_fetch_add(&t->sleeping, 1);
  while (atomic_load(&t->turn) == turn)
    pthread_cond_wait(&t->turned, &t->mutex);
  atomic_fetch_sub(&t->sleeping, 1);
  pthread_mutex_unlock(&t->mutex);
}

void team_wait(team *t)
{
  if (t->members == 1)
    return;
  const unsigned turn = atomic_load(&t->turn);
  if (atomic_fetch_add(&t->arrived, 1) + 1 == t->members) {
    atomic_store(&t->arrived, 0);
    atomic_fetch_add(&t->turn, 1);
    if (atomic_load(&t->sleeping) > 0) {
      pthread_mutex_lock(&t->mutex);
      pthread_cond_broadcast(&t->turned);
      pthread_mutex_unlock(&t->mutex);
    }
    return;
  }
  for (int i = 0; i < t->spins; i++, relax())
    if (atomic_load_explicit(&t->turn, memory_order_acquire) != turn)
      return;
  sleep_until(t, turn);
}

typedef struct post {
  team *t;
  uint32_t member;
} post;

static void *serve(void *arg)
{
  const post p = *(post *)arg;
  free(arg);
  for (;;) {
    team_wait(p.t);
    if (p.t->quit)
      return NULL;
    p.t->task(p.t->with, p.member);
    team_wait(p.t);
  }
}

/* Signals are for the thread that made the team. */
static bool start(team *t, uint32_t member)
{
  sigset_t all, old;
  post *p = malloc(sizeof *p);
  if (!p)
    return false;
  *p = (post){t, member};
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &old);
  const bool ok = pthread_create(&t->thread[t->started], NULL, serve, p) == 0;
  pthread_sigmask(SIG_SETMASK, &old, NULL);
  if (!ok)
    free(p);
  t->started += ok;
  return ok;
}

rad_status team_new(team **out, uint32_t members, diag *d)
{
  const size_t size = (sizeof(team) + LINE - 1) / LINE * LINE;
  team *t = aligned_alloc(LINE, size);
  if (!(*out = t))
    return RAD_ENOMEM;
  memset(t, 0, size);
  t->members = 1;
  t->spins = members > team_cores() ? 0 : SPINS;
  pthread_mutex_init(&t->mutex, NULL);
  pthread_cond_init(&t->turned, NULL);
  t->status = calloc(members, sizeof *t->status);
  t->thread = calloc(members, sizeof *t->thread);
  if (!t->status || !t->thread)
    return RAD_ENOMEM;
  t->members = members;
  while (t->started + 1 < members)
    if (!start(t, t->started + 1)) {
      const uint32_t missing = members - 1 - t->started;
      for (uint32_t i = 0; i < missing; i++) /* those that are there wait for all */
        atomic_fetch_add(&t->arrived, 1);
      return diag_error(d, RAD_ENOMEM, (origin){0},
                        "cannot start %u threads; a smaller [run] threads needs fewer",
                        (unsigned)members);
    }
  return RAD_OK;
}

void team_free(team *t)
{
  if (!t)
    return;
  t->quit = true;
  if (t->started > 0)
    team_wait(t);
  for (uint32_t i = 0; i < t->started; i++)
    pthread_join(t->thread[i], NULL);
  pthread_cond_destroy(&t->turned);
  pthread_mutex_destroy(&t->mutex);
  free(t->thread);
  free(t->status);
  free(t);
}

uint32_t team_size(const team *t)
{
  return t->members;
}

uint32_t team_cores(void)
{
  const long n = sysconf(_SC_NPROCESSORS_ONLN);
  return n > 0 && n < 4096 ? (uint32_t)n : 1;
}

rad_status team_run(team *t, team_task *task, void *with)
{
  memset(t->status, 0, t->members * sizeof *t->status);
  atomic_store(&t->failed, false);
  atomic_store(&t->next, 0);
  t->task = task;
  t->with = with;
  team_wait(t);
  task(with, 0);
  team_wait(t);
  for (uint32_t i = 0; i < t->members; i++)
    if (t->status[i] < 0)
      return t->status[i];
  return RAD_OK;
}

void team_fail(team *t, uint32_t member, rad_status s)
{
  if (s >= 0)
    return;
  t->status[member] = t->status[member] < 0 ? t->status[member] : s;
  atomic_store(&t->failed, true);
}

bool team_failed(const team *t)
{
  return atomic_load(&t->failed);
}

void team_deal(team *t, uint32_t member)
{
  if (member == 0)
    atomic_store(&t->next, 0);
}

size_t team_next(team *t)
{
  return atomic_fetch_add(&t->next, 1);
}
