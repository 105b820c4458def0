-- Tables of the state of a fleet.
CREATE TABLE meta (name TEXT PRIMARY KEY, value) WITHOUT ROWID;
CREATE TABLE shards (
    number INTEGER, count INTEGER, listed INTEGER, PRIMARY KEY (count, number)) WITHOUT ROWID;
CREATE TABLE list_gaps (document TEXT PRIMARY KEY) WITHOUT ROWID;
CREATE TABLE repositories (
    number INTEGER PRIMARY KEY, id TEXT UNIQUE NOT NULL, name TEXT NOT NULL, status TEXT NOT NULL,
    digest TEXT NOT NULL DEFAULT '', fetched INTEGER NOT NULL DEFAULT 0, refs INTEGER NOT NULL DEFAULT 0,
    objects INTEGER NOT NULL DEFAULT 0, objects_read INTEGER NOT NULL DEFAULT 0,
    bytes_read INTEGER NOT NULL DEFAULT 0, seconds REAL NOT NULL DEFAULT 0, ended REAL NOT NULL DEFAULT 0);
CREATE TABLE gaps (
    repository INTEGER, number INTEGER, document TEXT, PRIMARY KEY (repository, number)) WITHOUT ROWID;
CREATE TABLE keys (
    repository INTEGER, fingerprint TEXT, severity INTEGER, shape INTEGER, situation INTEGER,
    blocking INTEGER, suppressed INTEGER, pushed INTEGER, first_seen TEXT, last_seen TEXT,
    still_present INTEGER, first_time INTEGER, first_date TEXT, first_path TEXT, first_commit TEXT,
    locations INTEGER, document TEXT,
    PRIMARY KEY (fingerprint, repository)) WITHOUT ROWID;
CREATE INDEX keys_of_repository ON keys (repository);
CREATE TABLE locations (
    repository INTEGER, fingerprint TEXT, number INTEGER, document TEXT,
    PRIMARY KEY (repository, fingerprint, number)) WITHOUT ROWID;
