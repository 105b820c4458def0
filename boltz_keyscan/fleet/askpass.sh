#!/bin/sh
# Password helper of git (gitcredentials(7)). GitHub and GitLab take any user name with a token.
case "$1" in
Username*) printf '%s\n' x-access-token ;;
*) printf '%s\n' "$BOLTZ_KEYSCAN_GIT_TOKEN" ;;
esac
