-- A group of runs that were launched together: one configuration, varied over settings and seeds.
CREATE TABLE sweeps (
  id uuid PRIMARY KEY,
  project_id uuid NOT NULL REFERENCES projects,
  created_by text NOT NULL,
  created_at timestamptz NOT NULL,
  name text NOT NULL,
  preset text,
  -- What was asked for (contracts/sweep.ts), and the settings that vary in the order they were named.
  spec jsonb NOT NULL,
  paths text[] NOT NULL,
  -- Chosen by whoever launches, so that a launch that is sent twice makes one sweep.
  client_key text NOT NULL,
  UNIQUE (project_id, client_key)
);
CREATE INDEX sweeps_created ON sweeps (project_id, created_at DESC, id);

-- Deleting a sweep leaves its runs, which are then runs of their own.
ALTER TABLE runs ADD COLUMN sweep_id uuid REFERENCES sweeps ON DELETE SET NULL;
-- Number of the combination, from 0: runs that differ by their seed alone share it. And its settings.
ALTER TABLE runs ADD COLUMN sweep_row integer CHECK (sweep_row >= 0);
ALTER TABLE runs ADD COLUMN varied jsonb;
ALTER TABLE runs ADD CONSTRAINT runs_sweep_place CHECK (sweep_id IS NULL OR (sweep_row IS NOT NULL AND varied IS NOT NULL));
CREATE INDEX runs_sweep ON runs (sweep_id, sweep_row) WHERE sweep_id IS NOT NULL;
