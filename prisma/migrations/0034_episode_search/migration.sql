-- What the list of episodes filters, sorts and counts by, once an episode in a narrow row: a run of 100,000 episodes is read
-- through in tens of milliseconds, whatever is asked for, without an index for every question. An episode is never changed;
-- only `doubtful` follows scores that come later.
CREATE TABLE episode_facts (
  id uuid PRIMARY KEY REFERENCES episodes ON DELETE CASCADE,
  ordinal bigint NOT NULL,
  run_id uuid NOT NULL,
  attempt integer NOT NULL,
  phase text NOT NULL,
  step integer,
  set_id uuid NOT NULL,
  question_id text NOT NULL,
  sample_index integer NOT NULL,
  answer_id bigint,
  reward double precision,
  advantage double precision,
  score double precision,
  baseline_score double precision,
  searches integer NOT NULL,
  documents integer NOT NULL,
  -- Tokens that models generated in the episode; null: not known.
  tokens bigint,
  attribution text,
  -- Null: none.
  format_errors text[],
  -- The question's.
  type text,
  -- Scorers that judge correctness themselves disagree about the answer.
  doubtful boolean NOT NULL
);

-- What its text search looks through. Documents stand as 64-bit hashes of their content hash.
CREATE TABLE episode_texts (
  episode_id uuid PRIMARY KEY REFERENCES episodes ON DELETE CASCADE,
  run_id uuid NOT NULL,
  words tsvector NOT NULL,
  documents bigint[] NOT NULL
);

-- The bodies below are bound when they are made: an index is built with no search path.

-- Chinese, Japanese and Korean stand without spaces: every two neighbouring characters count as a word, and the last one alone.
CREATE FUNCTION list_character_pairs(content text) RETURNS text LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN (SELECT coalesce(string_agg(substr(run[1], i, 2), ' '), '')
  FROM regexp_matches(content, '([\u3040-\u30FA\u30FC-\u30FF\u3400-\u4DBF\u4E00-\u9FFF\uAC00-\uD7AF\uF900-\uFAFF]+)', 'g') run, generate_series(1, length(run[1])) i);

-- Words of a text, in small letters. Punctuation only separates, whatever the language, so that a search can do the same.
CREATE FUNCTION extract_words(content text) RETURNS tsvector LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN to_tsvector('pg_catalog.simple', CASE WHEN content ~ '[\u3040-\u30FA\u30FC-\u30FF\u3400-\u4DBF\u4E00-\u9FFF\uAC00-\uD7AF\uF900-\uFAFF]'
  THEN regexp_replace(content, '[!-/:-@\[-`{-~\u00A0-\u00BF\u2000-\u206F\u3000-\u303F\u30FB\uFF00-\uFF0F\uFF1A-\uFF20\uFF3B-\uFF40\uFF5B-\uFF65\u3040-\u30FA\u30FC-\u30FF\u3400-\u4DBF\u4E00-\u9FFF\uAC00-\uD7AF\uF900-\uFAFF]+', ' ', 'g') || ' ' || list_character_pairs(content)
  ELSE regexp_replace(content, '[!-/:-@\[-`{-~\u00A0-\u00BF\u2000-\u206F\u3000-\u303F\u30FB\uFF00-\uFF0F\uFF1A-\uFF20\uFF3B-\uFF40\uFF5B-\uFF65]+', ' ', 'g') END);

-- Cut, as there is a largest tsvector.
CREATE FUNCTION extract_document_words(title text, content text) RETURNS tsvector LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN extract_words(left(title || ' ' || content, 50000));
CREATE INDEX documents_words ON documents USING gin (extract_document_words(title, text)) WITH (gin_pending_list_limit = 512);

-- Scorers that judge correctness, as server/features/scoring/judging-scorers.ts says.
CREATE FUNCTION is_doubtful(answer bigint, question_set uuid, question text) RETURNS boolean LANGUAGE sql STABLE AS $$
  SELECT coalesce(bool_or(value >= 0.5) AND bool_or(value < 0.5), false) FROM scores
  WHERE answer_id = answer AND set_id = question_set AND question_id = question AND scorer ~ '^(span|judge|option)'
$$;

-- Writes both rows of stored episodes, after their steps and scores. Null: of all there are.
CREATE FUNCTION index_episodes(ids uuid[]) RETURNS void LANGUAGE sql AS $$
  INSERT INTO episode_facts
  SELECT e.id, e.ordinal, e.run_id, e.attempt, e.phase, e.step, e.set_id, e.question_id, e.sample_index, e.answer_id, e.reward, e.advantage, s.value, b.value,
    e.searches, cardinality(e.context_ids), coalesce((e.usage->>'completionTokens')::bigint, st.tokens), e.attribution, nullif(e.format_errors, '{}'), q.type,
    is_doubtful(e.answer_id, e.set_id, e.question_id)
  FROM episodes e JOIN questions q ON q.set_id = e.set_id AND q.id = e.question_id
  LEFT JOIN scores s ON s.id = e.score_id LEFT JOIN scores b ON b.id = e.baseline_score_id
  CROSS JOIN LATERAL (
    SELECT sum(coalesce(completion_tokens, cardinality(array_positions(token_mask, 1::smallint)))) AS tokens
    FROM steps WHERE episode_id = coalesce(e.steps_of, e.id) AND kind IN ('generate', 'condense')
  ) st
  WHERE ids IS NULL OR e.id = ANY (ids)
  ON CONFLICT (id) DO NOTHING;

  INSERT INTO episode_texts
  SELECT e.id, e.run_id,
    setweight(extract_words(left(q.question, 50000)), 'A') || setweight(extract_words(left(coalesce(a.text, ''), 50000)), 'B') || setweight(extract_words(left(coalesce(st.queries, ''), 50000)), 'C'),
    ARRAY (SELECT DISTINCT hashtextextended(h, 0) FROM unnest(e.context_hashes || st.hashes) h)
  FROM episodes e JOIN questions q ON q.set_id = e.set_id AND q.id = e.question_id LEFT JOIN answers a ON a.id = e.answer_id
  CROSS JOIN LATERAL (
    SELECT string_agg(r.text, ' ') AS queries,
      (SELECT array_agg(h) FROM steps w, unnest(w.document_hashes) h WHERE w.episode_id = coalesce(e.steps_of, e.id) AND w.kind = 'retrieve') AS hashes
    FROM steps r WHERE r.episode_id = coalesce(e.steps_of, e.id) AND r.kind = 'retrieve'
  ) st
  WHERE ids IS NULL OR e.id = ANY (ids)
  ON CONFLICT (episode_id) DO NOTHING;
$$;

SELECT index_episodes(NULL);

CREATE INDEX episode_facts_run ON episode_facts (run_id, ordinal);
-- Where an attempt begins in a phase, and the episodes of one step.
CREATE INDEX episode_facts_step ON episode_facts (run_id, phase, attempt, step);
CREATE INDEX episode_facts_answer ON episode_facts (answer_id);
CREATE INDEX episode_texts_words ON episode_texts USING gin (words) WITH (gin_pending_list_limit = 512);
CREATE INDEX episode_texts_documents ON episode_texts USING gin (documents) WITH (gin_pending_list_limit = 512);

CREATE FUNCTION refresh_doubtful() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  UPDATE episode_facts f SET doubtful = is_doubtful(f.answer_id, f.set_id, f.question_id)
  FROM (SELECT DISTINCT answer_id FROM changed WHERE scorer ~ '^(span|judge|option)') c
  WHERE f.answer_id = c.answer_id AND f.doubtful <> is_doubtful(f.answer_id, f.set_id, f.question_id);
  RETURN NULL;
END $$;
CREATE TRIGGER scores_inserted_doubt AFTER INSERT ON scores REFERENCING NEW TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION refresh_doubtful();
CREATE TRIGGER scores_updated_doubt AFTER UPDATE ON scores REFERENCING NEW TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION refresh_doubtful();
CREATE TRIGGER scores_deleted_doubt AFTER DELETE ON scores REFERENCING OLD TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION refresh_doubtful();
ANALYZE episode_facts, episode_texts;
