-- The points of a report lie series by series: each name once with how many points it has, the points in that order.
-- Rows written before have a name for each point, and so one point for each name.
ALTER TABLE metric_reports ADD COLUMN counts integer[];
UPDATE metric_reports SET counts = array_fill(1, ARRAY[cardinality(names)]);
ALTER TABLE metric_reports ALTER COLUMN counts SET NOT NULL;
ALTER TABLE metric_reports DROP CONSTRAINT metric_reports_check;
ALTER TABLE metric_reports ADD CHECK (cardinality(names) > 0 AND cardinality(counts) = cardinality(names)
  AND cardinality(at) = cardinality(steps) AND cardinality(metric_values) = cardinality(steps));

-- A row lives for seconds: one of a step is not worth compressing.
ALTER TABLE metric_reports SET (toast_tuple_target = 4080);

-- Stores events and tells those who listen. Their ids are drawn under a lock that is held until commit, so that they
-- become visible in order.
CREATE FUNCTION store_events(lock_key bigint, channel text, new_events jsonb) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
  newest bigint;
BEGIN
  PERFORM pg_advisory_xact_lock(lock_key);
  WITH stored AS (
    INSERT INTO events (kind, run_id, payload)
    SELECT e.kind, e."runId", e.payload
    FROM ROWS FROM (jsonb_to_recordset(new_events) AS (kind text, "runId" uuid, payload jsonb)) WITH ORDINALITY AS e(kind, "runId", payload, n)
    ORDER BY e.n
    RETURNING id
  )
  SELECT max(id) INTO newest FROM stored;
  PERFORM pg_notify(channel, newest::text);
END $$;

-- Extends the series of an attempt, and keeps the points themselves until they are compacted. Call it under the lock of
-- the run's row.
CREATE FUNCTION append_metrics(
  of_run uuid, of_attempt integer, series_names text[], series_counts integer[], firsts integer[], lasts integer[],
  last_values double precision[], last_ats double precision[], lows double precision[], highs double precision[],
  all_steps integer[], all_ats double precision[], all_values double precision[]
) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
  INSERT INTO metric_series AS s (run_id, attempt, name, points, first_step, last_step, last_value, last_at, min_value, max_value)
  SELECT of_run, of_attempt, n.name, n.points, n.first, n.last, n.value, to_timestamp(n.at / 1000), n.low, n.high
  FROM unnest(series_names, series_counts, firsts, lasts, last_values, last_ats, lows, highs) AS n(name, points, first, last, value, at, low, high)
  ON CONFLICT (run_id, attempt, name) DO UPDATE SET points = s.points + excluded.points, first_step = least(s.first_step, excluded.first_step),
    last_step = excluded.last_step, last_value = excluded.last_value, last_at = excluded.last_at,
    min_value = CASE WHEN s.min_value IS NOT NULL THEN least(s.min_value, excluded.min_value) END,
    max_value = CASE WHEN s.max_value IS NOT NULL THEN greatest(s.max_value, excluded.max_value) END;
  INSERT INTO metric_reports (run_id, attempt, names, counts, steps, at, metric_values)
  VALUES (of_run, of_attempt, series_names, series_counts, all_steps, all_ats, all_values);
END $$;

-- Takes a report of metrics in one call: fenced by the lease, in order, exactly once, as a whole. It is what
-- report-ingestion.ts does statement by statement for reports that hold something else, too. new_headlines: the value of
-- the run's one number by kind of run.
-- outcome: stored; repeated, it was stored before; out-of-order; stale, the worker holds no lease of this attempt; missing, there is no such run.
CREATE FUNCTION ingest_metrics(
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
  WHERE l.run_id = of_run AND l.attempt = of_attempt AND l.worker_id = of_worker AND l.expires_at > clock_timestamp();
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
