-- Pools of machines on which the server starts workers on demand.
CREATE TABLE pools (
  id uuid PRIMARY KEY,
  project_id uuid NOT NULL REFERENCES projects (id),
  name text NOT NULL,
  -- How its scheduler is reached, without a secret: {kind, ...}.
  target jsonb NOT NULL CHECK (target ->> 'kind' IN ('slurm', 'ray', 'kubernetes', 'ssh', 'skypilot')),
  -- The scheduler's secret, sealed as endpoint keys are; null: it wants none.
  sealed bytea,
  template text NOT NULL,
  server_url text NOT NULL,
  -- What each worker has: {models, corpora, gpus, vllm, engineSlots, lightSlots}.
  offers jsonb NOT NULL,
  quota int NOT NULL CHECK (quota >= 0),
  idle_seconds int NOT NULL,
  start_seconds int NOT NULL,
  cost_per_hour float8 NOT NULL,
  -- Whether it starts none.
  paused boolean NOT NULL DEFAULT false,
  -- Starts in a row that failed.
  failures int NOT NULL DEFAULT 0,
  error text,
  -- No worker is requested before, after one failed.
  next_start_at timestamptz NOT NULL DEFAULT 'epoch',
  -- Until when nobody else asks its scheduler.
  claimed_until timestamptz NOT NULL DEFAULT 'epoch',
  created_by text NOT NULL,
  created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  UNIQUE (project_id, name)
);
CREATE TABLE pool_workers (
  -- Also the name of its job, by which submitting it again makes no second one.
  id uuid PRIMARY KEY,
  pool_id uuid NOT NULL REFERENCES pools (id) ON DELETE CASCADE,
  name text NOT NULL,
  token_id uuid NOT NULL REFERENCES worker_tokens (id),
  -- The token itself, sealed, until the job was submitted.
  sealed_token bytea,
  state text NOT NULL CHECK (state IN ('requested', 'pending', 'attached', 'idle', 'ending', 'ended', 'failed')),
  -- Whether a person asked for it, so that it stays although no run waits for it.
  manual boolean NOT NULL,
  -- Of an ending one: whether it ends as failed.
  failing boolean NOT NULL DEFAULT false,
  -- Attempts to submit it that failed.
  submissions int NOT NULL DEFAULT 0,
  external_id text,
  detail text NOT NULL DEFAULT '',
  reason text,
  log_tail text,
  worker_id uuid REFERENCES workers (id),
  cost_per_hour float8 NOT NULL,
  requested_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  submitted_at timestamptz,
  started_at timestamptz,
  attached_at timestamptz,
  idle_since timestamptz,
  ended_at timestamptz
);
CREATE INDEX pool_workers_pool ON pool_workers (pool_id, requested_at DESC);
CREATE INDEX pool_workers_token ON pool_workers (token_id);
CREATE INDEX pool_workers_worker ON pool_workers (worker_id);
