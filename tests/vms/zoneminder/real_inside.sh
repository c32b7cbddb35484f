#!/bin/sh
# Runs ZoneMinder (the Debian package) in mount and process namespaces of its own, so that nothing of the machine is
# changed and everything ends with this script. $1: a folder for logs; $2: the web server's port; $3: the camera's URL.
# Says "ready"; then takes a line each over stdin and answers with one: stop, start, kill NAME, hold, go on, crash, logs,
# sql STATEMENT. It ends when stdin does.
set -eu
work=$1 port=$2 camera=$3
www=/usr/share/zoneminder/www

for place in /run /var/log /var/cache/zoneminder /var/lib/mysql /dev/shm; do mount -t tmpfs tmpfs "$place"; done
mkdir -p /run/zm /run/mysqld /run/apache2 /run/lock /run/etc-zm /var/log/zm /tmp/zm \
  /var/cache/zoneminder/events /var/cache/zoneminder/temp /var/cache/zoneminder/images
cp -r /etc/zm/. /run/etc-zm
chgrp -R www-data /run/etc-zm
chmod -R g+rX /run/etc-zm
mount --bind /run/etc-zm /etc/zm
mount -t tmpfs tmpfs /tmp/zm
chown -R www-data:www-data /run/zm /var/log/zm /var/cache/zoneminder /tmp/zm
chown -R mysql:mysql /run/mysqld /var/lib/mysql
chmod 1777 /dev/shm

mariadb-install-db --user=mysql --datadir=/var/lib/mysql --auth-root-authentication-method=normal --skip-test-db \
  >"$work/install-db.log" 2>&1
database() {
  mariadbd --no-defaults --user=mysql --datadir=/var/lib/mysql --socket=/run/mysqld/mysqld.sock --skip-networking \
    --character-set-server=utf8mb4 --collation-server=utf8mb4_general_ci \
    --pid-file=/run/mysqld/mysqld.pid >>"$work/mariadbd.log" 2>&1 &
  until mariadb-admin ping >/dev/null 2>&1; do sleep 0.1; done
}
database

mariadb <<SQL
source /usr/share/zoneminder/db/zm_create.sql
create user 'zmuser'@localhost identified by 'zmpass';
grant all on zm.* to 'zmuser'@localhost;
use zm;
update Config set Value='1' where Name in ('ZM_OPT_TRIGGERS', 'ZM_OPT_USE_API', 'ZM_OPT_USE_AUTH');
update Config set Value='0' where Name in ('ZM_TELEMETRY_DATA', 'ZM_CHECK_FOR_UPDATES', 'ZM_SHOW_PRIVACY');
update Config set Value='a secret of this test alone' where Name='ZM_AUTH_HASH_SECRET';
update Users set APIEnabled=1, Password='$(php -r 'echo password_hash("first pass", PASSWORD_BCRYPT);' )' where Username='admin';
insert into Monitors (Name, Type, Function, Enabled, Path, Method, Width, Height, Colours, ImageBufferCount,
  PreEventCount, PostEventCount, MinSectionLength, SaveJPEGs, VideoWriter, WarmupCount, AlarmFrameCount, MaxFPS)
values ('Dock', 'Ffmpeg', 'Nodect', 1, '$camera', 'rtpRtsp', 320, 240, 4, 20, 5, 5, 2, 3, 0, 0, 1, null),
       ('Gate', 'Ffmpeg', 'Nodect', 1, '$camera', 'rtpRtsp', 320, 240, 4, 20, 5, 5, 2, 3, 1, 0, 1, null);
SQL

cat >"$work/apache.conf" <<CONF
ServerRoot /etc/apache2
ServerName localhost
PidFile /run/apache2/test.pid
Mutex file:/run/lock default
ErrorLog $work/apache-error.log
LogFormat "%t %r %>s %D" short
CustomLog $work/apache-access.log short
Listen 127.0.0.1:$port
User www-data
Group www-data
LoadModule mpm_prefork_module /usr/lib/apache2/modules/mod_mpm_prefork.so
LoadModule authz_core_module /usr/lib/apache2/modules/mod_authz_core.so
LoadModule alias_module /usr/lib/apache2/modules/mod_alias.so
LoadModule rewrite_module /usr/lib/apache2/modules/mod_rewrite.so
LoadModule dir_module /usr/lib/apache2/modules/mod_dir.so
LoadModule mime_module /usr/lib/apache2/modules/mod_mime.so
LoadModule cgi_module /usr/lib/apache2/modules/mod_cgi.so
LoadModule php_module $(ls /usr/lib/apache2/modules/libphp8*.so | head -1)
TypesConfig /etc/mime.types
DirectoryIndex index.php
<FilesMatch "\.php$">
  SetHandler application/x-httpd-php
</FilesMatch>
# The package ships neither the API's rewrite rules nor its .htaccess files.
Alias /zm $www
<Directory $www>
  Require all granted
  AllowOverride None
</Directory>
<Directory $www/api>
  RewriteEngine on
  RewriteBase /zm/api
  RewriteRule ^$ app/webroot/ [L]
  RewriteRule (.*) app/webroot/\$1 [L]
</Directory>
<Directory $www/api/app>
  RewriteEngine on
  RewriteBase /zm/api
  RewriteRule ^$ app/webroot/ [L]
  RewriteRule ^(.*)$ app/webroot/\$1 [L]
</Directory>
<Directory $www/api/app/webroot>
  RewriteEngine on
  RewriteBase /zm/api
  RewriteCond %{REQUEST_FILENAME} !-f
  RewriteRule ^ index.php [L]
</Directory>
CONF
web() { apache2 -f "$work/apache.conf" -DFOREGROUND >>"$work/apache.log" 2>&1 & }
web

zm() { setpriv --reuid=www-data --regid=www-data --init-groups env PERL5LIB= "$@"; }
zm zmpkg.pl start >"$work/zmpkg.log" 2>&1 || { cat "$work/zmpkg.log" >&2; exit 1; }
# Only this namespace's processes can be seen from here.
slay() { slain=$(pgrep -f "$1") && kill -KILL $slain; }
echo ready
while read -r word name; do
  case $word in
    start) zm zmpkg.pl start >>"$work/zmpkg.log" 2>&1 && echo done ;;
    stop) zm zmpkg.pl stop >>"$work/zmpkg.log" 2>&1 && echo done ;;
    # What was killed before may not be back yet.
    kill)
      told=gone
      for _ in $(seq 120); do
        slay "$name" && told=done && break
        sleep 0.25
      done
      echo "$told"
      ;;
    # All of it but its web pages and its database.
    crash) slay '^(/usr/bin/perl.*/zm|/usr/bin/zm)' && echo done ;;
    # The daemon that starts the others again.
    hold) kill -STOP $(pgrep -f zmdc.pl) && echo done ;;
    # That one goes on, and what nobody starts again is started.
    go)
      kill -CONT $(pgrep -f zmdc.pl) 2>/dev/null || true
      pgrep -x mariadbd >/dev/null || database
      pgrep -x apache2 >/dev/null || web
      echo done
      ;;
    sql) mariadb zm -N -B -e "$name" | tr '\n' '\036'; echo ;;
    logs) cp -r /var/log/zm "$work/"; echo done ;;
  esac
done
