echo "Error: Amp native binary not installed." >&2
echo "Run postinstall manually or reinstall with: npm install -g @ampcode/cli" >&2
exit 1
