-- Reported points that are not in chunks yet: one row a report, its points column by column. A row is written once and
-- read until it is compacted, which moves its points into metric_chunks and deletes it in one transaction.
CREATE TABLE metric_reports (
  id bigint GENERATED ALWAYS AS IDENTITY,
  run_id uuid NOT NULL,
  attempt integer NOT NULL,
  names text[] NOT NULL,
  steps integer[] NOT NULL,
  at double precision[] NOT NULL,
  metric_values double precision[] NOT NULL,
  PRIMARY KEY (run_id, attempt, id),
  FOREIGN KEY (run_id, attempt) REFERENCES attempts (run_id, number),
  CHECK (cardinality(names) > 0 AND cardinality(steps) = cardinality(names) AND cardinality(at) = cardinality(names)
    AND cardinality(metric_values) = cardinality(names))
);

-- The newest report of an attempt whose points lie in chunks; 0 where none does.
ALTER TABLE attempts ADD COLUMN compacted_report bigint NOT NULL DEFAULT 0;

-- A point is its own minimum, maximum and last step: on level 0 these columns are empty from now on. Rows written
-- before hold them and stay as they are.
ALTER TABLE metric_chunks DROP CONSTRAINT metric_chunks_check;
ALTER TABLE metric_chunks ADD CHECK (cardinality(means) <= 512 AND cardinality(min_steps) = cardinality(means) AND cardinality(at) = cardinality(means)
  AND cardinality(max_steps) = cardinality(mins) AND cardinality(maxs) = cardinality(mins)
  AND (cardinality(mins) = cardinality(means) OR (level = 0 AND cardinality(mins) = 0)));
