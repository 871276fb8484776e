-- A run can be paused: its worker lets go of it after a checkpoint, and a person resumes it.
ALTER TABLE runs DROP CONSTRAINT runs_state_check,
  ADD CONSTRAINT runs_state_check CHECK (state IN ('queued', 'leased', 'preparing', 'running', 'pausing', 'paused', 'cancelling', 'succeeded', 'failed', 'cancelled'));
ALTER TABLE attempts DROP CONSTRAINT attempts_outcome_check,
  ADD CONSTRAINT attempts_outcome_check CHECK (outcome IN ('succeeded', 'failed', 'cancelled', 'paused', 'lost'));
-- Runs that went on from a checkpoint of another.
CREATE INDEX runs_checkpoint ON runs ((config #>> '{searcher,checkpoint}')) WHERE config #>> '{searcher,checkpoint}' IS NOT NULL;
