# SPDX-License-Identifier: Apache-2.0
"""Real parts for the tests: redis-server, the petrel binary, scripted HTTP receivers, official judges."""
