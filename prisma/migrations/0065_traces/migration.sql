-- Where a project reads the rollouts and traces of other trainers otherwise than by the mappings that it began with: the
-- highest version of a format counts.
CREATE TABLE trace_mappings (
  project_id uuid NOT NULL REFERENCES projects (id),
  format text NOT NULL,
  version integer NOT NULL,
  mapping jsonb NOT NULL,
  created_by text NOT NULL,
  created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  PRIMARY KEY (project_id, format, version)
);

-- Spans that were sent, until their trace is whole and becomes an episode; then without their content, so that a span
-- that is sent again is known.
CREATE TABLE trace_spans (
  run_id uuid NOT NULL REFERENCES runs (id) ON DELETE CASCADE,
  trace_id text NOT NULL,
  span_id text NOT NULL,
  parent_id text,
  span jsonb,
  received_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  PRIMARY KEY (run_id, trace_id, span_id)
);

-- What of a run's rollouts is no part of an episode, and why: how often, and one example.
CREATE TABLE rollout_issues (
  run_id uuid NOT NULL REFERENCES runs (id) ON DELETE CASCADE,
  format text NOT NULL,
  reason text NOT NULL,
  count integer NOT NULL,
  example text NOT NULL,
  last_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  PRIMARY KEY (run_id, format, reason)
);

ALTER TABLE external_runs
  -- What the alarms' rules know of the run.
  ADD COLUMN alarms jsonb,
  -- The last step whose rollouts were summed up as metrics.
  ADD COLUMN summed_step integer NOT NULL DEFAULT -1,
  -- The run of naive RAG that its episodes are compared with.
  ADD COLUMN baseline_run_id uuid REFERENCES runs (id);
