#!/bin/sh
# Before a removal ("remove" of a .deb, 0 of an .rpm); an upgrade stops nothing here.
set -e

case "$1" in
remove | 0)
	if [ -d /run/systemd/system ]; then
		systemctl disable --now schedule-server.service schedule-api.service schedule-beat.service schedule-worker.service
	fi
	;;
esac
