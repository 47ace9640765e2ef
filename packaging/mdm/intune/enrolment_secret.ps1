# Intune platform script, after the app: gives the agent its enrolment secret where only administrators may read it.
$ErrorActionPreference = 'Stop'
$secret = 'PUT-THE-SECRET-HERE' # aipolicy server secret new --uses ... --expires ...
if (-not (Test-Path 'HKLM:\SOFTWARE\aipolicy\Secret')) {
    Write-Error 'The agent is not installed: its installer makes this key, closed to all but administrators.'
    exit 1
}
Set-ItemProperty -Path 'HKLM:\SOFTWARE\aipolicy\Secret' -Name 'enrolment_secret' -Value $secret
Restart-Service -Name 'aipolicy'
