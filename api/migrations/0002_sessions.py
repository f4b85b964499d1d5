"""Sessions, roles and static rules, and what they let through: targets, rules, grants; and who this installation is."""

import uuid
from typing import Any

import peewee

_TYPES = {
    "sqlite": {"uuid": "TEXT", "moment": "INTEGER", "boolean": "INTEGER"},
    "postgresql": {"uuid": "uuid", "moment": "bigint", "boolean": "boolean"},
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
ALTER TABLE organisations ADD COLUMN widest_ipv4_prefix integer NOT NULL DEFAULT 32;
ALTER TABLE organisations ADD COLUMN widest_ipv6_prefix integer NOT NULL DEFAULT 128;
CREATE INDEX credentials_deleting ON credentials (organisation_id) WHERE deleting_since IS NOT NULL;
CREATE INDEX resources_deleting ON resources (organisation_id) WHERE deleting_since IS NOT NULL;

CREATE TABLE roles (
    id {uuid} PRIMARY KEY,
    organisation_id {uuid} NOT NULL REFERENCES organisations (id),
    name text NOT NULL,
    description text,
    max_session_hours integer,
    revision integer NOT NULL,
    created_at {moment} NOT NULL,
    updated_at {moment} NOT NULL,
    UNIQUE (organisation_id, name),
    UNIQUE (organisation_id, id)
);

CREATE TABLE role_resources (
    organisation_id {uuid} NOT NULL,
    role_id {uuid} NOT NULL,
    resource_id {uuid} NOT NULL,
    PRIMARY KEY (role_id, resource_id),
    FOREIGN KEY (organisation_id, role_id) REFERENCES roles (organisation_id, id) ON DELETE CASCADE,
    FOREIGN KEY (organisation_id, resource_id) REFERENCES resources (organisation_id, id) ON DELETE CASCADE
);
CREATE INDEX role_resources_resource ON role_resources (resource_id);

CREATE TABLE role_users (
    organisation_id {uuid} NOT NULL,
    role_id {uuid} NOT NULL,
    user_id {uuid} NOT NULL,
    PRIMARY KEY (role_id, user_id),
    FOREIGN KEY (organisation_id, role_id) REFERENCES roles (organisation_id, id) ON DELETE CASCADE,
    FOREIGN KEY (organisation_id, user_id) REFERENCES users (organisation_id, id) ON DELETE CASCADE
);
CREATE INDEX role_users_user ON role_users (user_id);

CREATE TABLE role_api_keys (
    organisation_id {uuid} NOT NULL,
    role_id {uuid} NOT NULL,
    api_key_id {uuid} NOT NULL,
    PRIMARY KEY (role_id, api_key_id),
    FOREIGN KEY (organisation_id, role_id) REFERENCES roles (organisation_id, id) ON DELETE CASCADE,
    FOREIGN KEY (organisation_id, api_key_id) REFERENCES api_keys (organisation_id, id) ON DELETE CASCADE
);
CREATE INDEX role_api_keys_key ON role_api_keys (api_key_id);

CREATE TABLE sessions (
    id {uuid} PRIMARY KEY,
    organisation_id {uuid} NOT NULL REFERENCES organisations (id),
    user_id {uuid},
    api_key_id {uuid},
    user_name text NOT NULL,
    user_email text NOT NULL,
    ipv4_address text,
    ipv6_address text,
    reason text,
    status text NOT NULL CHECK
        (status IN ('PENDING', 'ACTIVE', 'PARTIAL', 'FAILED', 'EXPIRING', 'EXPIRED', 'CANCELLED')),
    started_at {moment},
    expires_at {moment} NOT NULL,
    ended_at {moment},
    ended_reason text,
    revision integer NOT NULL,
    created_at {moment} NOT NULL,
    {due}
    UNIQUE (organisation_id, id)
);
CREATE INDEX sessions_organisation ON sessions (organisation_id, created_at, id);
CREATE INDEX sessions_user ON sessions (user_id, created_at, id) WHERE user_id IS NOT NULL;
CREATE INDEX sessions_key ON sessions (api_key_id, created_at, id) WHERE api_key_id IS NOT NULL;
CREATE INDEX sessions_live ON sessions (organisation_id, user_id, api_key_id) WHERE ended_at IS NULL;
CREATE INDEX sessions_due ON sessions (organisation_id, due_priority, due_at) WHERE due_at IS NOT NULL;
CREATE INDEX sessions_due_at ON sessions (due_at) WHERE due_at IS NOT NULL;

CREATE TABLE static_ip_rules (
    id {uuid} PRIMARY KEY,
    organisation_id {uuid} NOT NULL REFERENCES organisations (id),
    label text NOT NULL,
    ip_address text NOT NULL,
    expires_at {moment},
    revision integer NOT NULL,
    created_at {moment} NOT NULL,
    updated_at {moment} NOT NULL,
    deleting_since {moment},
    {due}
    UNIQUE (organisation_id, id)
);
CREATE UNIQUE INDEX static_ip_rules_name ON static_ip_rules (organisation_id, ip_address, label)
    WHERE deleting_since IS NULL;
CREATE INDEX static_ip_rules_deleting ON static_ip_rules (organisation_id) WHERE deleting_since IS NOT NULL;
CREATE INDEX static_ip_rules_due ON static_ip_rules (organisation_id, due_priority, due_at) WHERE due_at IS NOT NULL;
CREATE INDEX static_ip_rules_due_at ON static_ip_rules (due_at) WHERE due_at IS NOT NULL;

CREATE TABLE static_ip_rule_resources (
    organisation_id {uuid} NOT NULL,
    static_rule_id {uuid} NOT NULL,
    resource_id {uuid} NOT NULL,
    PRIMARY KEY (static_rule_id, resource_id),
    FOREIGN KEY (organisation_id, static_rule_id) REFERENCES static_ip_rules (organisation_id, id) ON DELETE CASCADE,
    FOREIGN KEY (organisation_id, resource_id) REFERENCES resources (organisation_id, id) ON DELETE CASCADE
);
CREATE INDEX static_ip_rule_resources_resource ON static_ip_rule_resources (resource_id);

CREATE TABLE targets (
    id {uuid} PRIMARY KEY,
    organisation_id {uuid} NOT NULL REFERENCES organisations (id),
    credential_id {uuid} NOT NULL,
    provider text NOT NULL,
    account text NOT NULL,
    region text NOT NULL,
    identifier text NOT NULL,
    resource_type text NOT NULL,
    free_rules integer,
    listed_at {moment},
    {due}
    UNIQUE (organisation_id, provider, account, region, identifier),
    UNIQUE (organisation_id, id)
);
CREATE INDEX targets_due ON targets (organisation_id, due_priority, due_at) WHERE due_at IS NOT NULL;
CREATE INDEX targets_due_at ON targets (due_at) WHERE due_at IS NOT NULL;
CREATE INDEX targets_identifier ON targets (identifier);
CREATE INDEX targets_claimed ON targets (credential_id, claimed_until) WHERE claimed_until IS NOT NULL;

CREATE TABLE rules (
    id {uuid} PRIMARY KEY,
    organisation_id {uuid} NOT NULL,
    target_id {uuid} NOT NULL,
    credential_id {uuid} NOT NULL,
    address text NOT NULL,
    protocol text NOT NULL,
    ports text NOT NULL,
    options text NOT NULL,
    is_added {boolean} NOT NULL,
    asked_at {moment},
    is_seen {boolean} NOT NULL,
    is_applied {boolean} NOT NULL,
    is_foreign {boolean} NOT NULL,
    is_leaving {boolean} NOT NULL,
    twins integer NOT NULL,
    provider_ids text NOT NULL,
    error text,
    created_at {moment} NOT NULL,
    UNIQUE (target_id, address, protocol, ports, options),
    FOREIGN KEY (organisation_id, target_id) REFERENCES targets (organisation_id, id),
    FOREIGN KEY (organisation_id, credential_id) REFERENCES credentials (organisation_id, id)
);
CREATE INDEX rules_credential ON rules (credential_id);

CREATE TABLE grants (
    id {uuid} PRIMARY KEY,
    organisation_id {uuid} NOT NULL,
    session_id {uuid},
    static_rule_id {uuid},
    resource_id {uuid} NOT NULL,
    resource_name text NOT NULL,
    address text NOT NULL,
    rule_id {uuid} REFERENCES rules (id),
    status text NOT NULL CHECK (status IN ('PENDING', 'APPLIED', 'FAILED', 'REMOVING', 'REMOVED')),
    provider_rule_id text,
    error text,
    kept_by {uuid},
    applied_at {moment},
    ended_at {moment},
    removed_at {moment},
    created_at {moment} NOT NULL,
    FOREIGN KEY (organisation_id, session_id) REFERENCES sessions (organisation_id, id) ON DELETE CASCADE
);
CREATE INDEX grants_session ON grants (session_id);
CREATE INDEX grants_static_rule ON grants (static_rule_id) WHERE static_rule_id IS NOT NULL;
CREATE INDEX grants_rule ON grants (rule_id) WHERE rule_id IS NOT NULL;
CREATE INDEX grants_live ON grants (resource_id) WHERE ended_at IS NULL;
CREATE INDEX grants_removing ON grants (ended_at) WHERE status = 'REMOVING';

CREATE TABLE installation (
    id {uuid} PRIMARY KEY,
    database_identity text
)
"""


def up(migrator: Any, db: peewee.Database) -> None:
    """Make the tables."""
    types = _TYPES["sqlite" if isinstance(db, peewee.SqliteDatabase) else "postgresql"]
    for statement in _TABLES.format(due=_DUE.format(**types).strip(), **types).split(";"):
        db.execute_sql(statement)
    _identify(db)


def _identify(db: peewee.Database) -> None:
    """What tells the rules of this installation from those of others, for as long as there is a database."""
    mark = "?" if isinstance(db, peewee.SqliteDatabase) else "%s"
    db.execute_sql(f"INSERT INTO installation (id) VALUES ({mark})", (uuid.uuid4().hex,))  # noqa: S608 - a placeholder
