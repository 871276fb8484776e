-- By the answer alone, which has an index of its own: by question as well, every episode that ever asked it was read for
-- each new score. A run that is marked for another question's score is merely looked at again.
CREATE OR REPLACE FUNCTION mark_stale_by_scores() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  INSERT INTO stale_statistics (run_id)
  SELECT DISTINCT e.run_id FROM changed c JOIN episodes e ON e.answer_id = c.answer_id WHERE e.phase = 'predict'
  ON CONFLICT (run_id) DO UPDATE SET since = clock_timestamp();
  RETURN NULL;
END $$;

-- Every score locked its question's row, which runs at once share. Questions of a version are never changed or deleted,
-- and whoever stores scores has looked them up (requireQuestions in server/episodes/store.ts).
ALTER TABLE scores DROP CONSTRAINT scores_set_id_question_id_fkey;
