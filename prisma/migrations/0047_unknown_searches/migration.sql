-- How often an episode searched is not known where the files that it was imported from do not show it: null, no longer 0.
ALTER TABLE episodes ALTER COLUMN searches DROP NOT NULL;
ALTER TABLE episode_facts ALTER COLUMN searches DROP NOT NULL;
ALTER TABLE run_statistics ALTER COLUMN searches DROP NOT NULL;

-- Result files of upstream, of methods that search: what they do not show was stored as no search.
CREATE TEMP TABLE unknown_searches ON COMMIT DROP AS
  SELECT e.id, e.run_id FROM episodes e JOIN episodes o ON o.id = coalesce(e.steps_of, e.id) JOIN runs r ON r.id = o.run_id
  WHERE r.executor = 'external' AND o.phase = 'predict' AND o.method IN ('s3', 'ircot', 'search-o1', 'search-r1', 'deepretrieval')
    AND NOT EXISTS (SELECT 1 FROM steps s WHERE s.episode_id = o.id AND s.kind = 'retrieve');
UPDATE episodes e SET searches = NULL FROM unknown_searches u WHERE e.id = u.id;
UPDATE episode_facts e SET searches = NULL FROM unknown_searches u WHERE e.id = u.id;
INSERT INTO stale_statistics (run_id) SELECT DISTINCT run_id FROM unknown_searches ON CONFLICT (run_id) DO UPDATE SET since = clock_timestamp();
