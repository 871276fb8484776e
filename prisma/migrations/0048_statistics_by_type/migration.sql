-- Figures of each type of question (in upstream's sets the data source), and how many replies of the judge could not be read.
ALTER TABLE run_statistics
  ADD COLUMN types jsonb NOT NULL DEFAULT '[]',
  ADD COLUMN replies int NOT NULL DEFAULT 0,
  ADD COLUMN unread int NOT NULL DEFAULT 0;
-- Made anew where they have something to say: sets of several types, and judged figures.
INSERT INTO stale_statistics (run_id)
SELECT DISTINCT rs.run_id FROM run_statistics rs
WHERE rs.scorer ~ '^(judge|generation-accuracy)/'
  OR EXISTS (SELECT 1 FROM (SELECT min(q.type) AS least, max(q.type) AS greatest FROM questions q WHERE q.set_id = rs.set_id) t WHERE t.least <> t.greatest)
ON CONFLICT DO NOTHING;
