-- How people keep many runs in order. A deleted run is hidden at once; what only it uses is removed later (purged_at), so that
-- deleting can be undone. Its row stays, as histories, checkpoints and episodes of other runs may name it.
ALTER TABLE runs ADD COLUMN tags text[] NOT NULL DEFAULT '{}';
ALTER TABLE runs ADD COLUMN notes text NOT NULL DEFAULT '';
ALTER TABLE runs ADD COLUMN archived_at timestamptz;
ALTER TABLE runs ADD COLUMN deleted_at timestamptz;
ALTER TABLE runs ADD COLUMN purged_at timestamptz;

-- The list's orders, each walked by its cursor.
DROP INDEX runs_created;
CREATE INDEX runs_created ON runs (project_id, created_at DESC, id DESC);
CREATE INDEX runs_name ON runs (project_id, lower(name), id);
CREATE INDEX runs_headline ON runs (project_id, coalesce(headline, '-Infinity'::float8) DESC, id DESC);
CREATE INDEX runs_tags ON runs USING gin (tags);
CREATE INDEX runs_config ON runs USING gin (config jsonb_path_ops);
CREATE INDEX runs_deleted ON runs (deleted_at) WHERE deleted_at IS NOT NULL AND purged_at IS NULL;

-- Least and greatest value of a series. Null: not known, and read from its points.
ALTER TABLE metric_series ADD COLUMN min_value double precision;
ALTER TABLE metric_series ADD COLUMN max_value double precision;
-- Values of one metric over all runs.
CREATE INDEX metric_series_name ON metric_series (name, run_id, attempt);

-- What the worker was when it took the attempt: its row changes with every attach. Null: from before this was recorded.
ALTER TABLE attempts ADD COLUMN environment jsonb;

-- Filters and panels that people keep under a name; contracts/api/saved-views.ts says what a value of each kind is.
CREATE TABLE saved_views (
  id uuid PRIMARY KEY,
  project_id uuid NOT NULL REFERENCES projects,
  created_by text NOT NULL,
  created_at timestamptz NOT NULL DEFAULT now(),
  updated_at timestamptz NOT NULL DEFAULT now(),
  kind text NOT NULL,
  name text NOT NULL,
  value jsonb NOT NULL,
  UNIQUE (project_id, kind, name)
);
