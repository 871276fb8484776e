-- What the leaderboard shows of a predict run, kept beside the scores so that no page reads a million of them: one row
-- for each question set, generator and scorer. server/leaderboard/statistics.ts writes it.
CREATE TABLE run_statistics (
  run_id uuid NOT NULL REFERENCES runs ON DELETE CASCADE,
  set_id uuid NOT NULL REFERENCES question_sets ON DELETE CASCADE,
  generator text NOT NULL,
  prompt_style text NOT NULL,
  scorer text NOT NULL,
  corpus text NOT NULL,
  -- Questions with an episode, and with a score of this scorer.
  answered integer NOT NULL,
  scored integer NOT NULL CHECK (scored > 0),
  mean double precision NOT NULL,
  low double precision NOT NULL,
  high double precision NOT NULL,
  -- Groups that the interval's bootstrap drew; null where the questions have no groups.
  clusters integer,
  searches double precision NOT NULL,
  documents double precision NOT NULL,
  seconds double precision NOT NULL,
  tokens double precision,
  cost_usd double precision,
  -- Counts: correct, scorer-doubtful, never-retrieved, not-selected, generator-failed, no-gold.
  attribution jsonb NOT NULL,
  -- Score of each question in the set's order: a byte each where all are 0 or 1 (255: none), else a little-endian
  -- float32 each (NaN: none). Paired tests read these.
  outcomes bytea NOT NULL,
  -- New with every change: what was computed from older outcomes is then old as well.
  version bigint GENERATED ALWAYS AS IDENTITY,
  updated_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (run_id, set_id, generator, prompt_style, scorer)
);

-- Runs whose episodes or scores changed since their statistics were made.
CREATE TABLE stale_statistics (
  run_id uuid PRIMARY KEY REFERENCES runs ON DELETE CASCADE,
  since timestamptz NOT NULL DEFAULT clock_timestamp()
);

CREATE INDEX episodes_answer ON episodes (answer_id) WHERE phase = 'predict';

CREATE FUNCTION mark_stale_by_episodes() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  INSERT INTO stale_statistics (run_id) SELECT DISTINCT run_id FROM changed WHERE phase = 'predict'
  ON CONFLICT (run_id) DO UPDATE SET since = clock_timestamp();
  RETURN NULL;
END $$;
CREATE TRIGGER episodes_inserted_stale AFTER INSERT ON episodes REFERENCING NEW TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION mark_stale_by_episodes();
CREATE TRIGGER episodes_updated_stale AFTER UPDATE ON episodes REFERENCING NEW TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION mark_stale_by_episodes();
CREATE TRIGGER episodes_deleted_stale AFTER DELETE ON episodes REFERENCING OLD TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION mark_stale_by_episodes();

-- A scorer may come to stored answers later, without an episode being touched.
CREATE FUNCTION mark_stale_by_scores() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  INSERT INTO stale_statistics (run_id)
  SELECT DISTINCT e.run_id FROM changed c JOIN episodes e ON e.answer_id = c.answer_id AND e.set_id = c.set_id AND e.question_id = c.question_id WHERE e.phase = 'predict'
  ON CONFLICT (run_id) DO UPDATE SET since = clock_timestamp();
  RETURN NULL;
END $$;
CREATE TRIGGER scores_inserted_stale AFTER INSERT ON scores REFERENCING NEW TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION mark_stale_by_scores();
CREATE TRIGGER scores_updated_stale AFTER UPDATE ON scores REFERENCING NEW TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION mark_stale_by_scores();
CREATE TRIGGER scores_deleted_stale AFTER DELETE ON scores REFERENCING OLD TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION mark_stale_by_scores();

-- Runs that were answered before this migration.
INSERT INTO stale_statistics (run_id) SELECT DISTINCT run_id FROM episodes WHERE phase = 'predict';
