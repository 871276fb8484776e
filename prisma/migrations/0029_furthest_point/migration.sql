-- How far a run had come when its worker was lost: deaths that come no further are counted, deaths after progress are not.
ALTER TABLE runs ADD COLUMN furthest jsonb NOT NULL DEFAULT '{}';
