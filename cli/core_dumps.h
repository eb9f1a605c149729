// SPDX-License-Identifier: Apache-2.0
// Whether a crash leaves an image of the memory behind, in which secrets, keys and bodies can be read.
#ifndef PETREL_CLI_CORE_DUMPS_H
#define PETREL_CLI_CORE_DUMPS_H

// Before anything secret is read. Also keeps other processes of the same user from attaching as debuggers or reading
// the memory. Children (the private Redis) inherit the limit.
void core_dumps_disable(void);
// For those who ask for them: as large as the hard limit allows.
void core_dumps_enable(void);

#endif
