-- Corpora that workers hold, and files that people upload to be imported.

CREATE TABLE uploads (
  id uuid PRIMARY KEY,
  project_id uuid NOT NULL REFERENCES projects,
  file_name text NOT NULL,
  bytes bigint NOT NULL CHECK (bytes > 0),
  sha256 text NOT NULL,
  store text NOT NULL,
  created_by text NOT NULL,
  created_at timestamptz NOT NULL DEFAULT now(),
  -- The same content is stored once.
  UNIQUE (project_id, sha256)
);

-- What a worker last said of a corpus of its own: contracts/corpus-report.ts.
CREATE TABLE worker_corpora (
  worker_id uuid NOT NULL REFERENCES workers ON DELETE CASCADE,
  name text NOT NULL,
  report jsonb NOT NULL,
  updated_at timestamptz NOT NULL,
  PRIMARY KEY (worker_id, name)
);
CREATE INDEX worker_corpora_name ON worker_corpora (name);

ALTER TABLE tasks DROP CONSTRAINT tasks_kind_check;
ALTER TABLE tasks ADD CONSTRAINT tasks_kind_check CHECK (kind IN ('query', 'documents', 'dry-run', 'turn-gains'));
