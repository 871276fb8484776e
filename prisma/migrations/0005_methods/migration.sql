-- What an episode and an answer took of models: {calls, promptTokens, completionTokens, costUsd}; null: not counted then.
ALTER TABLE episodes ADD COLUMN usage jsonb;
ALTER TABLE answers ADD COLUMN usage jsonb;

-- Tokens of one model call (steps generate and condense), as the model's server counts them.
ALTER TABLE steps ADD COLUMN prompt_tokens integer, ADD COLUMN completion_tokens integer;

-- API keys of model endpoints, by name. A key is sent only to the origin (scheme, host, port) it was stored for. `sealed` is AES-256-GCM: 12 bytes of nonce, 16 of tag, the ciphertext; the key
-- that opens it is a file of the data folder, never in the database.
CREATE TABLE endpoint_keys (
  id uuid PRIMARY KEY,
  project_id uuid NOT NULL REFERENCES projects,
  name text NOT NULL,
  origin text NOT NULL,
  sealed bytea NOT NULL,
  created_by text NOT NULL,
  created_at timestamptz NOT NULL DEFAULT now(),
  updated_at timestamptz NOT NULL DEFAULT now(),
  last_used_at timestamptz,
  UNIQUE (project_id, name)
);
