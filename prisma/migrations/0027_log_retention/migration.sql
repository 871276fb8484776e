-- Old lines are found by their time; they lie in its order, so a block range index is enough.
CREATE INDEX logs_at ON logs USING brin (at);

-- What the work of a token's workers is; each read by a worker asks.
CREATE INDEX workers_token ON workers (token_id);
CREATE INDEX tasks_worker ON tasks (worker_id) WHERE state = 'running';
