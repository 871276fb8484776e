-- Where the metrics of native runs are mirrored to, and how far each run is.
CREATE TABLE mirrors (
  id uuid PRIMARY KEY,
  project_id uuid NOT NULL REFERENCES projects (id),
  name text NOT NULL,
  kind text NOT NULL CHECK (kind IN ('mlflow', 'tensorboard', 'wandb', 'console')),
  -- What may be shown of the address: a host, a folder.
  target text NOT NULL,
  -- Whether runs that were there before the mirror are mirrored, too.
  earlier boolean NOT NULL,
  -- The address with its secret, sealed as endpoint keys are.
  sealed bytea NOT NULL,
  created_by text NOT NULL,
  created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  UNIQUE (project_id, name)
);
CREATE TABLE mirrored_runs (
  mirror_id uuid NOT NULL REFERENCES mirrors (id) ON DELETE CASCADE,
  run_id uuid NOT NULL REFERENCES runs (id) ON DELETE CASCADE,
  -- Raised by whoever takes the row; a writer that was overtaken is refused by it.
  claim int NOT NULL DEFAULT 0,
  -- Where the points lie there, and how many of each series: {generation, place, sent}.
  position jsonb NOT NULL DEFAULT '{"generation": 0, "place": null, "sent": {}}',
  -- Newest report of metrics that was looked at.
  report bigint NOT NULL DEFAULT 0,
  -- State and attempt of the end that was told; null: the run has not ended there.
  ended text,
  tries int NOT NULL DEFAULT 0,
  next_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  error text,
  PRIMARY KEY (mirror_id, run_id)
);
CREATE INDEX mirrored_runs_run ON mirrored_runs (run_id);
