/* SPDX-License-Identifier: GPL-2.0-or-later */
/* file-error - image locks to ask for, and the sentences for files that do not open. */
#ifndef QIC_FILE_ERROR_H
#define QIC_FILE_ERROR_H

#include "session.h"

/* Fill in the locks that the reference takes for such an opening. */
void file_locks_choose(struct vmm_open *request, const FileOpen *open, bool force_share);

/* The opened file is not what its driver wants; always false. */
bool file_type_failure(GError **error, const FileOpen *open);

/* Set the error to the reference's words for the failed opening; always false. */
bool file_open_failure(GError **error, const FileOpen *open, const struct vmm_open_result *result);

#endif
