// SPDX-License-Identifier: Apache-2.0
// Reading what the command line points at: files, standard input, times, numbers.
#ifndef PETREL_CLI_INPUT_H
#define PETREL_CLI_INPUT_H

#include "arguments.h"
#include "petrel/text.h"

enum { INPUT_ERROR_SIZE = 256 };

// The whole file into out (initialised here, up to max_bytes; the caller calls text_fini also on failure);
// "-" is standard input. error names the file.
bool input_read_file(const char *path, size_t max_bytes, struct text *out,
                     char error[INPUT_ERROR_SIZE]);

// "2026-01-31T12:00:00Z", or how long ago: "15m", "2h", "3d".
bool input_parse_instant(const char *given, int64_t now_ms, int64_t *wall_ms);
// A decimal number from least to most.
bool input_parse_number(const char *given, uint64_t least, uint64_t most, uint64_t *number);
// That of an option, if it is given; otherwise `number` stays as it is. False after telling why not.
bool input_take_number(const struct arguments *arguments, const char *name, uint64_t least,
                       uint64_t most, uint64_t *number);

// "127.0.0.1:9000", "[::1]:9000", "localhost:9000", ":9000" or "9000" (then host is 127.0.0.1).
enum { INPUT_HOST_SIZE = 64 };
bool input_parse_address(const char *given, char host[INPUT_HOST_SIZE], uint16_t *port);

#endif
