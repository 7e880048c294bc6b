#!/bin/sh
# Run once by the postgres image, when its data folder is made: the same roles
# and grants as the embedded server (cro_portal/embedded/servers.py).
set -eu
psql -v ON_ERROR_STOP=1 --username "$POSTGRES_USER" --dbname postgres \
  -v owner_password="$CRO_OWNER_PASSWORD" -v app_password="$CRO_APP_PASSWORD" <<'SQL'
create role cro_owner login createdb nosuperuser nobypassrls;
create role cro_app login nosuperuser nobypassrls nocreatedb nocreaterole;
alter role cro_owner password :'owner_password';
alter role cro_app password :'app_password';
create database cro owner cro_owner;
SQL
psql -v ON_ERROR_STOP=1 --username "$POSTGRES_USER" --dbname cro <<'SQL'
alter schema public owner to cro_owner;
grant usage on schema public to cro_app;
alter default privileges for role cro_owner in schema public grant select, insert, update, delete on tables to cro_app;
alter default privileges for role cro_owner in schema public grant usage, select on sequences to cro_app;
SQL
