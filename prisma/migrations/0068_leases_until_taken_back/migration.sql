-- A lease is held until it is taken back, not until its time: after an outage of the database each lease's time is over,
-- and the first report could come before the server has renewed it. Nobody else is given the run before that.

-- Takes a report of metrics in one call: fenced by the lease, in order, exactly once, as a whole. It is what
-- report-ingestion.ts does statement by statement for reports that hold something else, too. new_headlines: the value of
-- the run's one number by kind of run.
-- outcome: stored; repeated, it was stored before; out-of-order; stale, the worker holds no lease of this attempt; missing, there is no such run.
CREATE OR REPLACE FUNCTION ingest_metrics(
  of_run uuid, of_attempt integer, of_worker uuid, report integer, new_headlines jsonb, new_progress jsonb,
  lock_key bigint, channel text, new_events jsonb,
  series_names text[], series_counts integer[], firsts integer[], lasts integer[],
  last_values double precision[], last_ats double precision[], lows double precision[], highs double precision[],
  all_steps integer[], all_ats double precision[], all_values double precision[],
  OUT outcome text, OUT run_state text, OUT run_attempt integer, OUT stored integer
) LANGUAGE plpgsql AS $$
DECLARE
  new_headline double precision;
BEGIN
  SELECT r.state, r.attempt, (new_headlines ->> r.kind)::float8 INTO run_state, run_attempt, new_headline FROM runs r WHERE r.id = of_run FOR NO KEY UPDATE;
  IF NOT FOUND THEN
    outcome := 'missing';
    RETURN;
  END IF;
  SELECT a.sequence INTO stored FROM leases l JOIN attempts a ON a.run_id = l.run_id AND a.number = l.attempt
  WHERE l.run_id = of_run AND l.attempt = of_attempt AND l.worker_id = of_worker;
  IF stored IS NULL OR run_attempt <> of_attempt THEN
    outcome := 'stale';
    RETURN;
  END IF;
  IF report <> stored + 1 THEN
    outcome := CASE WHEN report <= stored THEN 'repeated' ELSE 'out-of-order' END;
    RETURN;
  END IF;
  PERFORM append_metrics(of_run, of_attempt, series_names, series_counts, firsts, lasts, last_values, last_ats, lows, highs, all_steps, all_ats, all_values);
  UPDATE attempts SET sequence = report WHERE run_id = of_run AND number = of_attempt;
  IF new_headline IS NOT NULL OR new_progress IS NOT NULL THEN
    UPDATE runs SET headline = coalesce(new_headline, headline), progress = coalesce(new_progress, progress)
    WHERE id = of_run;
  END IF;
  PERFORM store_events(lock_key, channel, new_events);
  outcome := 'stored';
END $$;
