#!/bin/sh
# Removes the agent; with --purge also its settings, the enrolment secret, its log and what it knows.
set -eu
label=com.example.aipolicy
folder="/Library/Application Support/aipolicy"

if [ "$(id -u)" != 0 ]; then
  echo "run it as root: sudo sh uninstall.sh" >&2
  exit 2
fi
if launchctl print "system/$label" >/dev/null 2>&1; then
  launchctl bootout "system/$label"
fi
# Takes back what it wrote into the vendors' settings.
if [ -x "$folder/bundle/aipolicy" ] && [ -d /var/lib/aipolicy ]; then
  "$folder/bundle/aipolicy" control remove --state /var/lib/aipolicy || true
fi
rm -rf "/Library/LaunchDaemons/$label.plist" "$folder"
if [ -L /usr/local/bin/aipolicy ]; then
  rm -f /usr/local/bin/aipolicy
fi
if [ "${1:-}" = --purge ]; then
  rm -rf /etc/aipolicy /var/lib/aipolicy /var/cache/aipolicy /var/log/aipolicy.log
fi
pkgutil --forget "$label" >/dev/null 2>&1 || true
