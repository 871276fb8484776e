-- A run may be pinned to one worker, by its name or its id.
ALTER TABLE runs ADD COLUMN needs_worker text;
