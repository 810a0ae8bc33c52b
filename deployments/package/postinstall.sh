#!/bin/sh
# After an installation or an upgrade, of a .deb ("configure [old version]") and of an .rpm (1 or 2).
set -e

if command -v systemd-sysusers >/dev/null; then
	systemd-sysusers schedule-server.conf
else
	for user in schedule-server schedule-worker; do
		getent passwd "$user" >/dev/null ||
			useradd --system --user-group --no-create-home --home-dir /var/lib/schedule-server --shell /usr/sbin/nologin "$user"
	done
fi

# The key for secrets is made once. systemd hands it to the programs; only root can read the file.
key=/etc/schedule-server/secret.key
if [ ! -e "$key" ]; then
	(umask 077 && head -c 32 /dev/urandom | base64 >"$key.new" && mv "$key.new" "$key")
fi

if [ -d /run/systemd/system ]; then
	systemctl daemon-reload
	# What ran before the upgrade runs the new version now; nothing is started otherwise.
	systemctl try-restart schedule-server.service schedule-api.service schedule-beat.service schedule-worker.service
fi

case "$1 $2" in
"configure " | "1 ")
	cat <<'EOF'
schedule-server is installed and not started. Everything in one process, on http://127.0.0.1:8000:
  systemctl enable --now schedule-server
Settings: /etc/schedule-server/schedule-server.env
Keep a copy of /etc/schedule-server/secret.key elsewhere: without it, stored secrets cannot be read.
EOF
	;;
esac
