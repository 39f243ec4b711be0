/* SPDX-License-Identifier: BSD-3-Clause
 * study_rig.h - studies whose trainings only pretend (fake_arm.c), in a folder of the test's own:
 * the test is also the worker. */
#ifndef TESTS_STUDY_RIG_H
#define TESTS_STUDY_RIG_H
#include "arm.h"
#include "running.h"
#include "verdict.h"
#include <check.h>
#include <jansson.h>

extern const char *program; /* this one */
extern char folder[128];    /* of one test */
extern char messages[4096]; /* of the last run */

void set_up(void); /* the folder; no fake misbehaves */
void tear_down(void);
char *in_folder(const char *name); /* the last four stay */
void write_text(const char *path, const char *content, const char *mode);
/* Runs an experiment in folder/NAME with overrides, up to a NULL; returns the exit status. */
int run(const char *ini, const char *name, const char *const *set, study_options);
json_t *summary(const char *name);
json_t *trial_of(json_t *summary, size_t i);
double value(const json_t *, const char *a,
             const char *b);                       /* of member a.b, or a where b is NULL */
void same_summaries(const char *a, const char *b); /* but for times */
/* How many lines of folder/NAME/FILE have a text. */
int count_lines(const char *name, const char *file, const char *what);
int study_main(int argc, char **argv, Suite *(*suite)(void));
#endif
