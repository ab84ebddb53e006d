#!/usr/bin/env bash
# The commands of README.md and docs/data.md as they are written: see readme.sh.
exec bash "$BITSTATE_SOURCE/tests/command_line/readme.sh" whole
