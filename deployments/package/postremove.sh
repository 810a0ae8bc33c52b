#!/bin/sh
# After a removal. Data, key and users are only deleted by a purge, which .rpm does not have.
set -e

if [ -d /run/systemd/system ]; then
	systemctl daemon-reload
fi

if [ "$1" = purge ]; then
	rm -rf /var/lib/schedule-server /etc/schedule-server
	for user in schedule-worker schedule-server; do
		if getent passwd "$user" >/dev/null; then userdel "$user"; fi
		if getent group "$user" >/dev/null; then groupdel "$user"; fi
	done
fi
