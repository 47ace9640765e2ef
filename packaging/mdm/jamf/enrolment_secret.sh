#!/bin/sh
# Jamf Pro, script of a policy that runs once before the package: lays the enrolment secret for root alone.
# Parameter 4: the secret. The profile packaging/macos/profiles/settings.mobileconfig names the file.
set -eu
volume=${1%/}

if [ -z "${4:-}" ]; then
  echo "parameter 4 is empty: it is to be the enrolment secret" >&2
  exit 1
fi
install -d -m 0755 "$volume/etc/aipolicy"
umask 077
printf '%s\n' "$4" >"$volume/etc/aipolicy/enrolment-secret.new"
mv -f "$volume/etc/aipolicy/enrolment-secret.new" "$volume/etc/aipolicy/enrolment-secret"
