-- Episodes are found by their cache key, so that equal work is done once.
CREATE INDEX episodes_key ON episodes (key) WHERE phase = 'predict';
