#!/bin/sh
# Publishes a folder from any CI, or from cron: DRAYER_KEY (or DRAYER_KEY_FILE) and DRAYER_SERVER in the
# environment, DRAYER_MIRRORS for servers to wait for. Ends with drayer's own status.
set -eu

: "${DRAYER_SERVER:?the address of the server that has the stream}"
directory=${1:-dist}

set -- publish "$directory" --to "$DRAYER_SERVER"
for url in ${DRAYER_MIRRORS:-}; do set -- "$@" --mirror "$url"; done
if [ -n "${DRAYER_MIRRORS:-}" ]; then set -- "$@" --wait-mirrors 1 --timeout 120; fi

status=0
npx --no-install drayer "$@" || status=$?
case $status in
  3) echo "published, but no mirror has it yet" >&2 ;;
  5) echo "somebody else published meanwhile; run this again" >&2 ;;
  7) echo "the server cannot be reached; run this again later" >&2 ;;
esac
exit "$status"
