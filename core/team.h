/* SPDX-License-Identifier: BSD-3-Clause
 * team.h - the threads of one training. All members run the same function side by side and meet at
 * team_wait; member 0 is the thread that made the team. A step has three or four such meetings and
 * takes a millisecond or less, so waiting spins first and sleeps only then. */
#ifndef CORE_TEAM_H
#define CORE_TEAM_H
#include "host.h"

typedef struct team team;
rad_status team_new(team **, uint32_t members, diag *); /* 1 .. MAX_WORKERS */
void team_free(team *);                                 /* NULL is fine */
uint32_t team_size(const team *);
/* Cores that this process may use. */
uint32_t team_cores(void);

typedef void team_task(void *with, uint32_t member);
/* Runs the task on all members. The status of the lowest member that has failed, or RAD_OK. */
rad_status team_run(team *, team_task *, void *with);

/* --- inside a task --- */
void team_wait(team *);                              /* for all */
void team_fail(team *, uint32_t member, rad_status); /* a status >= 0 is no failure */
bool team_failed(const team *);                      /* has anybody? same for all after a wait */
/* Numbers 0, 1, 2, ... once each, to whoever asks next; starts anew where member 0 calls team_deal
 * between two waits (the others' calls do nothing). */
void team_deal(team *, uint32_t member);
size_t team_next(team *);
#endif
