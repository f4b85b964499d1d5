"""The first tables: accounts, credentials and resources, what is due, the audit trail."""

from typing import Any

import peewee

# SQLite gives a column of an unknown type numeric affinity, and would turn a UUID such as 1e10… into a number.
_TYPES = {
    "sqlite": {"uuid": "TEXT", "bytes": "BLOB", "moment": "INTEGER", "boolean": "INTEGER"},
    "postgresql": {"uuid": "uuid", "bytes": "bytea", "moment": "bigint", "boolean": "boolean"},
}

_DUE = """
    due_at {moment},
    due_priority smallint NOT NULL,
    wanted_revision integer NOT NULL,
    seen_revision integer NOT NULL,
    claim_token {uuid},
    claimed_until {moment},
    attempts integer NOT NULL,
    unserved_since {moment},
    last_failure text,
"""

_TABLES = """
CREATE TABLE organisations (
    id {uuid} PRIMARY KEY,
    slug text NOT NULL UNIQUE,
    name text NOT NULL,
    tier text NOT NULL CHECK (tier IN ('FREE', 'PAID')),
    revision integer NOT NULL,
    created_at {moment} NOT NULL,
    updated_at {moment} NOT NULL,
    suspended_at {moment}
);

CREATE TABLE turns (
    organisation_id {uuid} PRIMARY KEY REFERENCES organisations (id) ON DELETE CASCADE,
    served_at {moment} NOT NULL
);

CREATE TABLE users (
    id {uuid} PRIMARY KEY,
    organisation_id {uuid} NOT NULL REFERENCES organisations (id),
    email text NOT NULL,
    name text NOT NULL,
    password_hash text,
    role text NOT NULL CHECK (role IN ('ORG_ADMIN', 'USER')),
    is_active {boolean} NOT NULL,
    revision integer NOT NULL,
    created_at {moment} NOT NULL,
    updated_at {moment} NOT NULL,
    UNIQUE (organisation_id, email),
    UNIQUE (organisation_id, id)
);
CREATE INDEX users_email ON users (email);

CREATE TABLE logins (
    id {uuid} PRIMARY KEY,
    organisation_id {uuid} NOT NULL,
    user_id {uuid} NOT NULL,
    refresh_hash {bytes} NOT NULL,
    created_at {moment} NOT NULL,
    expires_at {moment} NOT NULL,
    ended_at {moment},
    FOREIGN KEY (organisation_id, user_id) REFERENCES users (organisation_id, id) ON DELETE CASCADE
);
CREATE INDEX logins_user ON logins (user_id);
CREATE INDEX logins_expiry ON logins (expires_at);

CREATE TABLE api_keys (
    id {uuid} PRIMARY KEY,
    organisation_id {uuid} NOT NULL REFERENCES organisations (id),
    user_id {uuid},
    created_by text NOT NULL,
    name text NOT NULL,
    key_prefix text NOT NULL,
    key_hash {bytes} NOT NULL UNIQUE,
    scopes text NOT NULL,
    allowed_cidrs text,
    created_at {moment} NOT NULL,
    expires_at {moment},
    last_used_at {moment},
    revoked_at {moment},
    UNIQUE (organisation_id, id),
    FOREIGN KEY (organisation_id, user_id) REFERENCES users (organisation_id, id) ON DELETE CASCADE
);
CREATE INDEX api_keys_organisation ON api_keys (organisation_id, created_at);

CREATE TABLE sign_in_failures (
    subject {bytes} PRIMARY KEY,
    failures integer NOT NULL,
    blocked_until {moment} NOT NULL,
    forgotten_at {moment} NOT NULL
);

CREATE TABLE credentials (
    id {uuid} PRIMARY KEY,
    organisation_id {uuid} NOT NULL REFERENCES organisations (id),
    name text NOT NULL,
    provider text NOT NULL,
    credential_type text NOT NULL,
    account text,
    is_valid {boolean},
    last_verified_at {moment},
    verification_error text,
    missing_permissions text,
    secret_version integer NOT NULL,
    verified_secret_version integer,
    candidate_status text CHECK (candidate_status IN ('VERIFYING', 'REJECTED')),
    candidate_error text,
    candidate_since {moment},
    paused_until {moment},
    revision integer NOT NULL,
    created_at {moment} NOT NULL,
    updated_at {moment} NOT NULL,
    deleting_since {moment},
    {due}
    UNIQUE (organisation_id, id)
);
CREATE INDEX credentials_organisation ON credentials (organisation_id, created_at, id);
CREATE INDEX credentials_due ON credentials (organisation_id, due_priority, due_at) WHERE due_at IS NOT NULL;
CREATE INDEX credentials_due_at ON credentials (due_at) WHERE due_at IS NOT NULL;

CREATE TABLE key_checks (
    key_id text PRIMARY KEY,
    check_value {bytes} NOT NULL
);

CREATE TABLE credential_secrets (
    credential_id {uuid} NOT NULL,
    organisation_id {uuid} NOT NULL,
    version integer NOT NULL,
    state text NOT NULL CHECK (state IN ('CURRENT', 'CANDIDATE')),
    key_id text NOT NULL REFERENCES key_checks (key_id),
    wrapped_key {bytes} NOT NULL,
    sealed_data {bytes} NOT NULL,
    created_at {moment} NOT NULL,
    PRIMARY KEY (credential_id, version),
    UNIQUE (credential_id, state),
    FOREIGN KEY (organisation_id, credential_id) REFERENCES credentials (organisation_id, id) ON DELETE CASCADE
);
CREATE INDEX credential_secrets_key ON credential_secrets (key_id);

CREATE TABLE target_listings (
    id {uuid} PRIMARY KEY,
    organisation_id {uuid} NOT NULL,
    credential_id {uuid} NOT NULL,
    region text NOT NULL,
    targets text,
    error text,
    listed_at {moment},
    {due}
    UNIQUE (credential_id, region),
    FOREIGN KEY (organisation_id, credential_id) REFERENCES credentials (organisation_id, id) ON DELETE CASCADE
);
CREATE INDEX target_listings_due ON target_listings (organisation_id, due_priority, due_at) WHERE due_at IS NOT NULL;
CREATE INDEX target_listings_due_at ON target_listings (due_at) WHERE due_at IS NOT NULL;
CREATE INDEX target_listings_claimed ON target_listings (credential_id, claimed_until) WHERE claimed_until IS NOT NULL;

CREATE TABLE resources (
    id {uuid} PRIMARY KEY,
    organisation_id {uuid} NOT NULL,
    credential_id {uuid} NOT NULL,
    name text NOT NULL,
    provider text NOT NULL,
    resource_type text NOT NULL,
    resource_identifier text NOT NULL,
    region text,
    config text,
    max_session_minutes integer,
    is_active {boolean} NOT NULL,
    last_verified_at {moment},
    verification_error text,
    missing_permissions text,
    revision integer NOT NULL,
    verified_revision integer,
    created_at {moment} NOT NULL,
    updated_at {moment} NOT NULL,
    deleting_since {moment},
    {due}
    UNIQUE (organisation_id, id),
    FOREIGN KEY (organisation_id, credential_id) REFERENCES credentials (organisation_id, id) ON DELETE CASCADE
);
CREATE INDEX resources_organisation ON resources (organisation_id, created_at, id);
CREATE INDEX resources_credential ON resources (credential_id);
CREATE INDEX resources_due ON resources (organisation_id, due_priority, due_at) WHERE due_at IS NOT NULL;
CREATE INDEX resources_due_at ON resources (due_at) WHERE due_at IS NOT NULL;
CREATE INDEX resources_claimed ON resources (credential_id, claimed_until) WHERE claimed_until IS NOT NULL;

CREATE TABLE worker_heartbeats (
    process text PRIMARY KEY,
    seen_at {moment} NOT NULL
);

CREATE TABLE idempotency_keys (
    caller text NOT NULL,
    route text NOT NULL,
    key text NOT NULL,
    body_hash {bytes} NOT NULL,
    object_id {uuid} NOT NULL,
    created_at {moment} NOT NULL,
    PRIMARY KEY (caller, route, key)
);
CREATE INDEX idempotency_keys_age ON idempotency_keys (created_at);

CREATE TABLE audit_log (
    position {position},
    id {uuid} NOT NULL UNIQUE,
    organisation_id {uuid},
    event_type text NOT NULL,
    actor_type text NOT NULL CHECK (actor_type IN ('USER', 'API_KEY', 'SYSTEM')),
    actor_email text,
    ip_address text,
    resource_type text,
    resource_id text,
    resource_name text,
    result text NOT NULL CHECK (result IN ('SUCCESS', 'FAILURE')),
    error_message text,
    details text,
    request_id text,
    created_at {moment} NOT NULL
);
CREATE INDEX audit_log_organisation ON audit_log (organisation_id, position);
CREATE INDEX audit_log_resource ON audit_log (resource_id, position)
"""

_SQLITE_GUARD = """
CREATE TRIGGER audit_log_no_{event} BEFORE {event} ON audit_log
BEGIN SELECT RAISE(ABORT, 'the audit log is append-only'); END
"""

# REPLACE deletes what is in its way without a word to the trigger on DELETE.
_SQLITE_GUARD_ON_INSERT = """
CREATE TRIGGER audit_log_no_replace BEFORE INSERT ON audit_log
WHEN EXISTS (SELECT 1 FROM audit_log WHERE position = NEW.position OR id = NEW.id)
BEGIN SELECT RAISE(ABORT, 'the audit log is append-only'); END
"""

_POSTGRESQL_GUARD = """
CREATE FUNCTION audit_log_refuse() RETURNS trigger LANGUAGE plpgsql AS
$$ BEGIN RAISE EXCEPTION 'the audit log is append-only'; END $$;
CREATE TRIGGER audit_log_guard BEFORE UPDATE OR DELETE OR TRUNCATE ON audit_log
FOR EACH STATEMENT EXECUTE FUNCTION audit_log_refuse()
"""


def up(migrator: Any, db: peewee.Database) -> None:
    """Make the tables and the guards that keep the audit trail append-only."""
    sqlite = isinstance(db, peewee.SqliteDatabase)
    types = _TYPES["sqlite" if sqlite else "postgresql"]
    position = "INTEGER PRIMARY KEY AUTOINCREMENT" if sqlite else "bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY"
    for statement in _TABLES.format(due=_DUE.format(**types).strip(), position=position, **types).split(";"):
        db.execute_sql(statement)
    if sqlite:
        for event in ("UPDATE", "DELETE"):
            db.execute_sql(_SQLITE_GUARD.format(event=event))
        db.execute_sql(_SQLITE_GUARD_ON_INSERT)
    else:
        db.execute_sql(_POSTGRESQL_GUARD)
