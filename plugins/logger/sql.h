/* SPDX-License-Identifier: BSD-3-Clause
 * sql.h - one statement of SQLite with its values. */
#ifndef PLUGINS_LOGGER_SQL_H
#define PLUGINS_LOGGER_SQL_H
#include <math.h>
#include <sqlite3.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>

/* What Optuna calls a number that may be none. */
static inline const char *sql_kind(double x)
{
  return isnan(x) ? "NAN" : isfinite(x) ? "FINITE" : x > 0 ? "INF_POS" : "INF_NEG";
}

/* types, a letter for each value: i int64_t, d double (NULL unless finite), t a double's kind, s
 * text. false: sqlite3_errmsg says why. */
static inline bool sql_run(sqlite3 *db, const char *sql, const char *types, ...)
{
  sqlite3_stmt *q = NULL;
  va_list ap;
  int r = sqlite3_prepare_v2(db, sql, -1, &q, NULL);
  va_start(ap, types);
  for (int i = 1; r == SQLITE_OK && types[i - 1] != '\0'; i++) {
    const char type = types[i - 1];
    const double x = type == 'd' || type == 't' ? va_arg(ap, double) : 0.0;
    if (type == 'i')
      r = sqlite3_bind_int64(q, i, va_arg(ap, int64_t));
    else if (type == 's')
      r = sqlite3_bind_text(q, i, va_arg(ap, const char *), -1, SQLITE_TRANSIENT);
    else if (type == 't')
      r = sqlite3_bind_text(q, i, sql_kind(x), -1, SQLITE_STATIC);
    else
      r = isfinite(x) ? sqlite3_bind_double(q, i, x) : sqlite3_bind_null(q, i);
  }
  va_end(ap);
  const bool done = r == SQLITE_OK && sqlite3_step(q) == SQLITE_DONE;
  sqlite3_finalize(q);
  return done;
}
#endif
