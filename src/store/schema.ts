/**
 * The schema, as the list of steps that lead to it. A step that has been released is never edited; a change is a new
 * step. `PRAGMA user_version` holds the number of steps a file has been through.
 */
export const migrations: readonly string[] = [
  `
  CREATE TABLE containers (
    id TEXT PRIMARY KEY,
    name TEXT NOT NULL UNIQUE,
    record TEXT NOT NULL
  ) STRICT;

  CREATE TABLE volumes (
    name TEXT PRIMARY KEY,
    record TEXT NOT NULL
  ) STRICT;

  -- dir is the number of the layer's directory; AUTOINCREMENT keeps a number from being used twice.
  CREATE TABLE layers (
    dir INTEGER PRIMARY KEY AUTOINCREMENT,
    chain_id TEXT NOT NULL UNIQUE,
    diff_id TEXT NOT NULL,
    parent TEXT REFERENCES layers(chain_id),
    size INTEGER NOT NULL
  ) STRICT;
  CREATE INDEX layers_parent ON layers(parent);

  -- config holds the image configuration's exact bytes: they hash to id.
  CREATE TABLE images (
    id TEXT PRIMARY KEY,
    config BLOB NOT NULL,
    top_layer TEXT REFERENCES layers(chain_id),
    parent TEXT,
    last_tag_time TEXT NOT NULL
  ) STRICT;

  -- name is the full repository name (docker.io/library/busybox); exactly one of tag and digest is not empty.
  CREATE TABLE image_references (
    name TEXT NOT NULL,
    tag TEXT NOT NULL,
    digest TEXT NOT NULL,
    image TEXT NOT NULL REFERENCES images(id),
    PRIMARY KEY (name, tag, digest)
  ) STRICT;
  CREATE INDEX image_references_image ON image_references(image);
  `,
  `
  CREATE TABLE networks (
    number INTEGER PRIMARY KEY,
    id TEXT NOT NULL UNIQUE,
    name TEXT NOT NULL UNIQUE,
    record TEXT NOT NULL
  ) STRICT;
  `,
  `
  -- Which blobs registries have of a layer: what was pulled from or pushed to a repository needs no upload, or can be mounted.
  CREATE TABLE layer_blobs (
    diff_id TEXT NOT NULL,
    digest TEXT NOT NULL,
    size INTEGER NOT NULL,
    media_type TEXT NOT NULL,
    repository TEXT NOT NULL,
    PRIMARY KEY (diff_id, digest, repository)
  ) STRICT;
  `,
  `
  -- What building has given, by what it was made of. A record with a layer keeps that layer; one without knows when a step was taken.
  -- Times are milliseconds since 1970; parts is JSON, to say later what has changed.
  CREATE TABLE build_cache (
    key TEXT PRIMARY KEY,
    top_layer TEXT REFERENCES layers(chain_id),
    has_tree INTEGER NOT NULL,
    description TEXT NOT NULL,
    parts TEXT NOT NULL,
    content TEXT NOT NULL,
    size INTEGER NOT NULL,
    created_at INTEGER NOT NULL,
    used_at INTEGER NOT NULL,
    uses INTEGER NOT NULL
  ) STRICT;
  CREATE INDEX build_cache_description ON build_cache(description, created_at);
  `,
  `
  -- When containers last used images, or they came; only kept where images are collected. Milliseconds since 1970.
  CREATE TABLE image_uses (
    image TEXT PRIMARY KEY,
    used_at INTEGER NOT NULL
  ) STRICT;
  `,
];
