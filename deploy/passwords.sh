#!/bin/sh
# Run once by PostgreSQL's image, after databases.sql: passwords come from secrets and stand in no file of the repository.
set -eu
for role in mlflow prefect unlearning looker; do
  psql --username "$POSTGRES_USER" --quiet --set role="$role" --set secret="$(cat "/run/secrets/$role")" <<'SQL'
ALTER ROLE :"role" PASSWORD :'secret';
SQL
done
