-- The version of its corpus that a predict run searched, by its content: fixed when its first attempt begins, so that an
-- import during the run, or after it, changes no result's label. Null where neither the server nor the worker's report of
-- an imported corpus tells it. A run on another run's episodes takes over what those are of: their corpus, and the files
-- that brought them in.
ALTER TABLE runs ADD COLUMN corpus_version text;

CREATE FUNCTION fix_corpus_version() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
  run runs%ROWTYPE;
  source runs%ROWTYPE;
BEGIN
  SELECT * INTO run FROM runs WHERE id = NEW.run_id;
  IF run.kind <> 'predict' THEN
    RETURN NULL;
  END IF;
  SELECT * INTO source FROM runs WHERE id = (run.config #>> '{reuse,episodesOf}')::uuid;
  IF FOUND THEN
    -- With every attempt: the first may have come before that run's own.
    UPDATE runs SET corpus_version = source.corpus_version, imported_from = source.imported_from WHERE id = run.id;
    RETURN NULL;
  END IF;
  IF NEW.number > 1 THEN
    RETURN NULL;
  END IF;
  UPDATE runs SET corpus_version = coalesce(
    (SELECT c.content_hash FROM corpora c WHERE c.project_id = run.project_id AND c.name = run.config ->> 'corpus' ORDER BY c.created_at DESC LIMIT 1),
    -- Its own worker's; a method that does not search may be on one without the corpus.
    (SELECT w.report -> 'manifest' ->> 'hash' FROM worker_corpora w WHERE NEW.worker_id IS NOT NULL AND w.name = run.config ->> 'corpus' ORDER BY (w.worker_id = NEW.worker_id) DESC, w.updated_at DESC LIMIT 1)
  ) WHERE id = run.id;
  RETURN NULL;
END $$;
CREATE TRIGGER attempts_inserted_corpus_version AFTER INSERT ON attempts FOR EACH ROW EXECUTE FUNCTION fix_corpus_version();

-- Runs from before: the server's version of then; else what a worker holds, where it was imported before the run began.
UPDATE runs r SET corpus_version = coalesce(
  (SELECT c.content_hash FROM corpora c WHERE c.project_id = r.project_id AND c.name = r.config ->> 'corpus' AND c.created_at <= r.started_at ORDER BY c.created_at DESC LIMIT 1),
  (SELECT w.report -> 'manifest' ->> 'hash' FROM worker_corpora w WHERE r.executor = 'native' AND w.name = r.config ->> 'corpus'
    AND (w.report -> 'manifest' ->> 'importedAt')::float8 <= extract(epoch FROM r.started_at) * 1000 ORDER BY w.updated_at DESC LIMIT 1))
WHERE r.kind = 'predict' AND r.started_at IS NOT NULL;

-- Runs on stored episodes said of these what their own configuration said: now what the run says that made them, and who
-- answered them (contracts/comparability.ts).
WITH RECURSIVE origins AS (
  SELECT id, config, corpus_version, imported_from, false AS anew FROM runs WHERE kind = 'predict' AND config #>> '{reuse,episodesOf}' IS NULL
  UNION ALL
  SELECT r.id, o.config, o.corpus_version, o.imported_from, o.anew OR (r.config #>> '{reuse,keepAnswers}')::boolean IS NOT TRUE FROM origins o JOIN runs r ON r.config #>> '{reuse,episodesOf}' = o.id::text
)
UPDATE runs r SET corpus_version = o.corpus_version, imported_from = o.imported_from,
  config = jsonb_set(
    r.config || (SELECT jsonb_object_agg(key, value) FROM jsonb_each(o.config) WHERE key IN ('retriever', 'search', 'searcher', 'methodSettings', 'documents', 'matchRun')),
    '{methodSettings,answeredBy}',
    CASE WHEN o.anew THEN '"generator"'::jsonb WHEN o.config ->> 'method' IN ('direct', 'cot', 'r1', 'sft') THEN '"method"'::jsonb ELSE coalesce(o.config #> '{methodSettings,answeredBy}', '"method"'::jsonb) END)
FROM origins o WHERE o.id = r.id AND r.config #>> '{reuse,episodesOf}' IS NOT NULL;
