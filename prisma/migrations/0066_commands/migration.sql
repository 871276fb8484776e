-- Other trainers as jobs of a worker: a command that reports its run by MLflow's API.
ALTER TABLE runs DROP CONSTRAINT runs_kind_check,
  ADD CONSTRAINT runs_kind_check CHECK (kind IN ('train', 'predict', 'index', 'serve', 'evaluate', 'command', 'external'));

ALTER TABLE external_runs
  -- What the trainer of a command reported of its own configuration; of other runs that is in the run's configuration.
  ADD COLUMN parameters jsonb NOT NULL DEFAULT '{}',
  -- Whether the trainer has asked for its run and was given this one.
  ADD COLUMN is_claimed boolean NOT NULL DEFAULT false;
