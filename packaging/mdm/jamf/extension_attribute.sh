#!/bin/sh
# Jamf Pro, extension attribute (data type: string): healthy, something is wrong, not running or not installed.
# For a smart group: "AI-tool policy agent" is not "healthy".
PATH=$PATH:/usr/local/bin

if ! command -v aipolicy >/dev/null; then
  state="not installed"
else
  aipolicy status >/dev/null 2>&1
  case $? in
    0) state="healthy" ;;
    1) state="something is wrong" ;;
    *) state="not running" ;;
  esac
fi
echo "<result>$state</result>"
