-- The control plane. Invariants that must hold whatever the code does are constraints here.

CREATE TABLE projects (
  id uuid PRIMARY KEY,
  name text NOT NULL UNIQUE,
  created_by text NOT NULL,
  created_at timestamptz NOT NULL DEFAULT now()
);
INSERT INTO projects (id, name, created_by) VALUES ('00000000-0000-4000-8000-000000000001', 'default', 'server');

-- Workers ------------------------------------------------------------------------------------------------------------

CREATE TABLE worker_tokens (
  id uuid PRIMARY KEY,
  project_id uuid NOT NULL REFERENCES projects,
  name text NOT NULL,
  sha256 bytea NOT NULL UNIQUE CHECK (octet_length(sha256) = 32),
  created_by text NOT NULL,
  created_at timestamptz NOT NULL DEFAULT now(),
  last_used_at timestamptz,
  revoked_at timestamptz
);

CREATE TABLE workers (
  id uuid PRIMARY KEY,
  project_id uuid NOT NULL REFERENCES projects,
  token_id uuid NOT NULL REFERENCES worker_tokens,
  name text NOT NULL,
  hardware jsonb NOT NULL,
  slots jsonb NOT NULL,
  free_slots jsonb NOT NULL,
  capabilities jsonb NOT NULL,
  state text NOT NULL CHECK (state IN ('online', 'offline')),
  attached_at timestamptz NOT NULL,
  last_seen_at timestamptz NOT NULL
);
CREATE INDEX workers_state ON workers (state, last_seen_at);

CREATE TABLE worker_usage (
  worker_id uuid NOT NULL REFERENCES workers ON DELETE CASCADE,
  at timestamptz NOT NULL,
  cpu real NOT NULL,
  memory_mb real NOT NULL,
  gpus jsonb NOT NULL,
  PRIMARY KEY (worker_id, at)
);

CREATE TABLE services (
  worker_id uuid NOT NULL REFERENCES workers ON DELETE CASCADE,
  key text NOT NULL,
  kind text NOT NULL CHECK (kind IN ('engine', 'retriever', 'generator')),
  state text NOT NULL CHECK (state IN ('starting', 'ready', 'failed', 'stopped')),
  report jsonb NOT NULL,
  updated_at timestamptz NOT NULL,
  PRIMARY KEY (worker_id, key)
);

-- Catalogue ----------------------------------------------------------------------------------------------------------

-- Texts are stored once, by content.
CREATE TABLE documents (
  hash text PRIMARY KEY,
  title text NOT NULL,
  text text NOT NULL
);

-- A changed corpus or question set is a new version under the same name; the newest one is meant.
CREATE TABLE corpora (
  id uuid PRIMARY KEY,
  project_id uuid NOT NULL REFERENCES projects,
  name text NOT NULL,
  content_hash text NOT NULL,
  documents integer NOT NULL,
  created_by text NOT NULL,
  created_at timestamptz NOT NULL DEFAULT now(),
  UNIQUE (project_id, name, content_hash)
);

CREATE TABLE corpus_documents (
  corpus_id uuid NOT NULL REFERENCES corpora ON DELETE CASCADE,
  document_id text NOT NULL,
  hash text NOT NULL REFERENCES documents,
  PRIMARY KEY (corpus_id, document_id)
);

CREATE TABLE question_sets (
  id uuid PRIMARY KEY,
  project_id uuid NOT NULL REFERENCES projects,
  name text NOT NULL,
  content_hash text NOT NULL,
  questions integer NOT NULL,
  with_gold integer NOT NULL,
  created_by text NOT NULL,
  created_at timestamptz NOT NULL DEFAULT now(),
  UNIQUE (project_id, name, content_hash)
);

CREATE TABLE questions (
  set_id uuid NOT NULL REFERENCES question_sets ON DELETE CASCADE,
  id text NOT NULL,
  ordinal integer NOT NULL,
  question text NOT NULL CHECK (question <> ''),
  answers text[] NOT NULL CHECK (cardinality(answers) > 0),
  gold_ids text[] NOT NULL,
  type text,
  group_name text,
  gold_queries text[] NOT NULL,
  PRIMARY KEY (set_id, id),
  UNIQUE (set_id, ordinal)
);

-- Runs ---------------------------------------------------------------------------------------------------------------

CREATE TABLE runs (
  id uuid PRIMARY KEY,
  project_id uuid NOT NULL REFERENCES projects,
  created_by text NOT NULL,
  created_at timestamptz NOT NULL,
  -- external: a trainer that is only observed
  executor text NOT NULL DEFAULT 'native' CHECK (executor IN ('native', 'external')),
  kind text NOT NULL CHECK (kind IN ('train', 'predict', 'index', 'serve')),
  name text NOT NULL,
  preset text,
  config jsonb NOT NULL,
  -- What a worker must offer to be given this run.
  slot text NOT NULL CHECK (slot IN ('engine', 'light')),
  needs_models text[] NOT NULL,
  needs_corpora text[] NOT NULL,
  state text NOT NULL CHECK (state IN ('queued', 'leased', 'preparing', 'running', 'cancelling', 'succeeded', 'failed', 'cancelled')),
  -- The last attempt; 0 before the first. The fencing token.
  attempt integer NOT NULL DEFAULT 0 CHECK (attempt >= 0),
  -- Leases lost since a person last started it.
  lost_leases integer NOT NULL DEFAULT 0,
  queued_at timestamptz NOT NULL,
  started_at timestamptz,
  ended_at timestamptz,
  error text,
  progress jsonb,
  preflight jsonb NOT NULL DEFAULT '[]',
  headline double precision
);
CREATE INDEX runs_queue ON runs (queued_at) WHERE state = 'queued';
CREATE INDEX runs_state ON runs (project_id, state);
CREATE INDEX runs_created ON runs (project_id, created_at DESC, id);

CREATE TABLE artifacts (
  id uuid PRIMARY KEY,
  project_id uuid NOT NULL REFERENCES projects,
  run_id uuid NOT NULL REFERENCES runs,
  attempt integer NOT NULL,
  kind text NOT NULL CHECK (kind IN ('checkpoint', 'export')),
  step integer NOT NULL CHECK (step >= 0),
  files jsonb NOT NULL,
  bytes bigint NOT NULL,
  metadata jsonb NOT NULL,
  store text NOT NULL CHECK (store IN ('file', 's3')),
  created_at timestamptz NOT NULL,
  -- Set when the keep policy gave it up; its files are then removed.
  deleted_at timestamptz
);
CREATE INDEX artifacts_run ON artifacts (run_id, kind, step DESC) WHERE deleted_at IS NULL;

CREATE TABLE attempts (
  run_id uuid NOT NULL REFERENCES runs,
  number integer NOT NULL CHECK (number > 0),
  worker_id uuid NOT NULL REFERENCES workers,
  started_at timestamptz NOT NULL,
  ended_at timestamptz,
  outcome text CHECK (outcome IN ('succeeded', 'failed', 'cancelled', 'lost')),
  reason text,
  -- Where it went on; null: from the beginning.
  from_step integer,
  resume_artifact_id uuid REFERENCES artifacts,
  -- Last report taken.
  sequence integer NOT NULL DEFAULT 0,
  PRIMARY KEY (run_id, number),
  CHECK ((ended_at IS NULL) = (outcome IS NULL))
);
CREATE INDEX attempts_worker ON attempts (worker_id) WHERE ended_at IS NULL;
ALTER TABLE artifacts ADD FOREIGN KEY (run_id, attempt) REFERENCES attempts (run_id, number);

-- The primary key is the invariant: one live lease a run.
CREATE TABLE leases (
  run_id uuid PRIMARY KEY REFERENCES runs,
  attempt integer NOT NULL,
  worker_id uuid NOT NULL REFERENCES workers,
  acquired_at timestamptz NOT NULL,
  expires_at timestamptz NOT NULL,
  FOREIGN KEY (run_id, attempt) REFERENCES attempts (run_id, number)
);
CREATE INDEX leases_expiry ON leases (expires_at);
CREATE INDEX leases_worker ON leases (worker_id);

CREATE TABLE run_transitions (
  run_id uuid NOT NULL REFERENCES runs,
  sequence integer NOT NULL CHECK (sequence > 0),
  at timestamptz NOT NULL,
  from_state text,
  to_state text NOT NULL,
  attempt integer NOT NULL,
  actor text NOT NULL,
  reason text,
  PRIMARY KEY (run_id, sequence)
);
CREATE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  RAISE EXCEPTION '% is append-only', TG_TABLE_NAME;
END $$;
CREATE TRIGGER run_transitions_append_only BEFORE UPDATE OR DELETE ON run_transitions FOR EACH ROW EXECUTE FUNCTION refuse_change();

-- What runs report ---------------------------------------------------------------------------------------------------

CREATE TABLE metric_series (
  run_id uuid NOT NULL,
  attempt integer NOT NULL,
  name text NOT NULL,
  points integer NOT NULL,
  first_step integer NOT NULL,
  last_step integer NOT NULL,
  last_value double precision NOT NULL,
  last_at timestamptz NOT NULL,
  PRIMARY KEY (run_id, attempt, name),
  FOREIGN KEY (run_id, attempt) REFERENCES attempts (run_id, number)
);

-- Level 0 holds the points; an entry of level k stands for 2^k consecutive ones. A chunk that is full is rolled up
-- into the next level, so an entry is present on a level exactly when all its points are in full chunks below.
CREATE TABLE metric_chunks (
  run_id uuid NOT NULL,
  attempt integer NOT NULL,
  name text NOT NULL,
  level smallint NOT NULL CHECK (level >= 0),
  chunk integer NOT NULL CHECK (chunk >= 0),
  min_steps integer[] NOT NULL,
  max_steps integer[] NOT NULL,
  at double precision[] NOT NULL,
  means double precision[] NOT NULL,
  mins double precision[] NOT NULL,
  maxs double precision[] NOT NULL,
  PRIMARY KEY (run_id, attempt, name, level, chunk),
  FOREIGN KEY (run_id, attempt, name) REFERENCES metric_series,
  CHECK (cardinality(means) <= 512 AND cardinality(min_steps) = cardinality(means) AND cardinality(max_steps) = cardinality(means)
    AND cardinality(at) = cardinality(means) AND cardinality(mins) = cardinality(means) AND cardinality(maxs) = cardinality(means))
);

CREATE TABLE answers (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  project_id uuid NOT NULL REFERENCES projects,
  key text NOT NULL,
  generator text NOT NULL,
  prompt_style text NOT NULL,
  text text NOT NULL,
  seconds real NOT NULL,
  created_at timestamptz NOT NULL DEFAULT now()
);
-- A key determines the answer; should two machines disagree in the last bit, both are kept and the first is found.
CREATE UNIQUE INDEX answers_key ON answers (project_id, key, md5(text));

CREATE TABLE scores (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  answer_id bigint NOT NULL REFERENCES answers,
  set_id uuid NOT NULL,
  question_id text NOT NULL,
  scorer text NOT NULL,
  value double precision NOT NULL CHECK (value BETWEEN 0 AND 1),
  FOREIGN KEY (set_id, question_id) REFERENCES questions (set_id, id),
  UNIQUE (answer_id, set_id, question_id, scorer)
);

CREATE TABLE episodes (
  id uuid PRIMARY KEY,
  ordinal bigint GENERATED ALWAYS AS IDENTITY UNIQUE,
  project_id uuid NOT NULL REFERENCES projects,
  run_id uuid NOT NULL,
  attempt integer NOT NULL,
  corpus text NOT NULL,
  set_id uuid NOT NULL,
  question_id text NOT NULL,
  phase text NOT NULL CHECK (phase IN ('train', 'held-out', 'predict')),
  step integer,
  sample_index integer NOT NULL,
  key text NOT NULL,
  method text NOT NULL,
  protocol text NOT NULL,
  context_ids text[] NOT NULL,
  context_hashes text[] NOT NULL,
  context_scores double precision[] NOT NULL,
  answer_id bigint REFERENCES answers,
  score_id bigint REFERENCES scores,
  baseline_ids text[],
  baseline_hashes text[],
  baseline_scores double precision[],
  baseline_answer_id bigint REFERENCES answers,
  baseline_score_id bigint REFERENCES scores,
  reward double precision,
  reward_detail jsonb,
  advantage double precision,
  attribution text,
  format_errors text[] NOT NULL,
  searches integer NOT NULL,
  created_at timestamptz NOT NULL DEFAULT now(),
  FOREIGN KEY (run_id, attempt) REFERENCES attempts (run_id, number),
  FOREIGN KEY (set_id, question_id) REFERENCES questions (set_id, id),
  CHECK (phase = 'predict' OR step IS NOT NULL)
);
CREATE INDEX episodes_run ON episodes (run_id, phase, step, ordinal);
CREATE INDEX episodes_run_ordinal ON episodes (run_id, ordinal);
CREATE INDEX episodes_question ON episodes (set_id, question_id);
-- A predict run answers a question once, whatever attempt did it.
CREATE UNIQUE INDEX episodes_predict ON episodes (run_id, set_id, question_id) WHERE phase = 'predict';

CREATE TABLE steps (
  episode_id uuid NOT NULL REFERENCES episodes ON DELETE CASCADE,
  index smallint NOT NULL,
  kind text NOT NULL CHECK (kind IN ('generate', 'retrieve', 'select', 'condense', 'reject', 'stop')),
  turn smallint NOT NULL,
  seconds real NOT NULL,
  -- Text of generate, condense and reject; query of retrieve.
  text text,
  prompt text,
  token_ids integer[],
  token_mask smallint[],
  token_logprobs real[],
  -- Window of a retrieve step, in rank order.
  document_ids text[],
  document_hashes text[],
  document_scores double precision[],
  selected text[],
  implicit boolean,
  -- Error of a reject step, reason of a stop step.
  reason text,
  PRIMARY KEY (episode_id, index)
);

CREATE TABLE logs (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  run_id uuid,
  attempt integer,
  worker_id uuid REFERENCES workers,
  at timestamptz NOT NULL,
  level smallint NOT NULL CHECK (level BETWEEN 0 AND 3),
  source text NOT NULL,
  message text NOT NULL,
  FOREIGN KEY (run_id, attempt) REFERENCES attempts (run_id, number),
  CHECK (run_id IS NOT NULL OR worker_id IS NOT NULL)
);
CREATE INDEX logs_run ON logs (run_id, id) WHERE run_id IS NOT NULL;
CREATE INDEX logs_worker ON logs (worker_id, id) WHERE run_id IS NULL;

-- Tasks and live events ----------------------------------------------------------------------------------------------

CREATE TABLE tasks (
  id uuid PRIMARY KEY,
  project_id uuid NOT NULL REFERENCES projects,
  created_by text NOT NULL,
  created_at timestamptz NOT NULL,
  kind text NOT NULL CHECK (kind IN ('query', 'dry-run', 'turn-gains')),
  episode_id uuid REFERENCES episodes ON DELETE CASCADE,
  worker_id uuid NOT NULL REFERENCES workers,
  request jsonb NOT NULL,
  state text NOT NULL CHECK (state IN ('running', 'succeeded', 'failed', 'cancelled')),
  detail text NOT NULL DEFAULT '',
  fraction real NOT NULL DEFAULT 0,
  deadline timestamptz NOT NULL,
  ended_at timestamptz,
  result jsonb,
  error jsonb,
  CHECK ((state = 'running') = (ended_at IS NULL))
);
CREATE INDEX tasks_running ON tasks (deadline) WHERE state = 'running';
CREATE INDEX tasks_episode ON tasks (episode_id, created_at DESC) WHERE episode_id IS NOT NULL;

-- Ids are handed out under one advisory lock held until commit: whoever sees id n has seen everything below it.
CREATE TABLE events (
  id bigint GENERATED ALWAYS AS IDENTITY (CACHE 1) PRIMARY KEY,
  at timestamptz NOT NULL DEFAULT now(),
  kind text NOT NULL,
  run_id uuid REFERENCES runs,
  payload jsonb NOT NULL
);
CREATE INDEX events_run ON events (run_id, id);
CREATE INDEX events_at ON events (at);
