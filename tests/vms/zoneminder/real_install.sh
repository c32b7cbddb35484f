#!/bin/sh
# What the test against the real ZoneMinder needs, from Debian: half a minute. It configures nothing; where systemd runs,
# Debian starts what it installs, which then has port 6802 only when somebody has set ZoneMinder up.
set -eu
command -v zmpkg.pl >/dev/null && command -v mariadbd >/dev/null && command -v apache2 >/dev/null && exit 0
if [ "$(id -u)" -ne 0 ] || ! command -v apt-get >/dev/null; then
  echo 'Install first: zoneminder mariadb-server apache2 libapache2-mod-php php-mysql' >&2
  exit 1
fi
export DEBIAN_FRONTEND=noninteractive RUNLEVEL=1
apt-get update -qq
apt-get install -y -qq --no-install-recommends zoneminder mariadb-server apache2 libapache2-mod-php php-mysql >/dev/null
