-- Run once by PostgreSQL's image: a database and a role for each part of the stack. Passwords: deploy/passwords.sql.
CREATE ROLE mlflow LOGIN;
CREATE ROLE prefect LOGIN;
CREATE ROLE unlearning LOGIN;
CREATE ROLE looker LOGIN;
CREATE DATABASE mlflow OWNER mlflow;
CREATE DATABASE prefect OWNER prefect;
CREATE DATABASE unlearning OWNER unlearning;
\connect unlearning
GRANT ALL ON SCHEMA public TO unlearning;
GRANT USAGE ON SCHEMA public TO looker;
-- The console of `unlearn serve` may look at every table that the service makes, and change none.
ALTER DEFAULT PRIVILEGES FOR ROLE unlearning IN SCHEMA public GRANT SELECT ON TABLES TO looker;
