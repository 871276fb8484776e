-- Alarms of training runs, as they were raised and cleared. Which of them are shown follows the surviving lineage.
CREATE TABLE alarm_changes (
  run_id uuid NOT NULL,
  attempt integer NOT NULL,
  name text NOT NULL,
  -- Step after which it was noticed. An alarm changes at most once a step.
  step integer NOT NULL CHECK (step >= 0),
  raised boolean NOT NULL,
  -- First step that belongs to it, and what was seen; of a cleared alarm null.
  since integer,
  evidence jsonb,
  at timestamptz NOT NULL DEFAULT clock_timestamp(),
  PRIMARY KEY (run_id, attempt, name, step),
  FOREIGN KEY (run_id, attempt) REFERENCES attempts (run_id, number),
  CHECK (raised = (since IS NOT NULL) AND raised = (evidence IS NOT NULL))
);
