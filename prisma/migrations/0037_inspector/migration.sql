-- A task that plays one question live: from its beginning, or from the middle of a recorded episode. `partial`: what there is of
-- it before its end.
ALTER TABLE tasks DROP CONSTRAINT tasks_kind_check;
ALTER TABLE tasks ADD CONSTRAINT tasks_kind_check CHECK (kind IN ('query', 'documents', 'dry-run', 'index-plan', 'corpus-preview', 'remove-corpus', 'turn-gains', 'play'));
ALTER TABLE tasks ADD COLUMN partial jsonb;

-- Entropy in nats of the distribution that each token was drawn from, 0 where it was given or forced. Null: not recorded.
ALTER TABLE steps ADD COLUMN token_entropies real[];

-- What people write at an episode.
CREATE TABLE episode_comments (
  id uuid PRIMARY KEY,
  project_id uuid NOT NULL REFERENCES projects,
  created_by text NOT NULL,
  created_at timestamptz NOT NULL DEFAULT now(),
  episode_id uuid NOT NULL REFERENCES episodes ON DELETE CASCADE,
  text text NOT NULL
);
CREATE INDEX episode_comments_episode ON episode_comments (episode_id, created_at);

-- Labels of an episode, from a list that grows with what is typed.
CREATE TABLE episode_labels (
  episode_id uuid NOT NULL REFERENCES episodes ON DELETE CASCADE,
  label text NOT NULL,
  project_id uuid NOT NULL REFERENCES projects,
  created_by text NOT NULL,
  created_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (episode_id, label)
);
CREATE INDEX episode_labels_label ON episode_labels (label);
