/* SPDX-License-Identifier: BSD-3-Clause
 * services.h - the services of rad_host that touch files (abi.h says what they do). */
#ifndef CORE_SERVICES_H
#define CORE_SERVICES_H
#include "host.h"

rad_status service_read(rad_ctx *, const char *path, const uint8_t **bytes, size_t *n);
rad_status service_list(rad_ctx *, const char *path, const char *const **names, size_t *n);
rad_status service_load(rad_ctx *, const char *path, uint8_t *out, size_t *n);
rad_status service_append(rad_ctx *, const char *name, const void *bytes, size_t n);
rad_status service_remove(rad_ctx *, const char *name); /* of the run directory; none is fine */
const char *service_path(rad_ctx *, const char *name);
#endif
