-- Options of a multiple choice: {choices: [{letter, text}], answer: letter}; null: not one.
ALTER TABLE questions ADD COLUMN options jsonb;

-- The version of each question set that a run uses, fixed when it is created: importing a new one changes no run.
CREATE TABLE run_question_sets (
  run_id uuid NOT NULL REFERENCES runs,
  name text NOT NULL,
  set_id uuid NOT NULL REFERENCES question_sets,
  PRIMARY KEY (run_id, name)
);

-- Questions that a predict run could not answer. A question that has an episode since is no longer missing.
CREATE TABLE question_failures (
  run_id uuid NOT NULL REFERENCES runs,
  set_id uuid NOT NULL,
  question_id text NOT NULL,
  -- The last attempt that tried it, how often it was tried, and what came of it.
  attempt integer NOT NULL,
  tries integer NOT NULL DEFAULT 1,
  code text NOT NULL,
  reason text NOT NULL,
  at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (run_id, set_id, question_id),
  FOREIGN KEY (run_id, attempt) REFERENCES attempts (run_id, number),
  FOREIGN KEY (set_id, question_id) REFERENCES questions (set_id, id)
);

-- What a person says of an answer: the truth that the judge and the span rule are held against.
CREATE TABLE score_labels (
  answer_id bigint NOT NULL REFERENCES answers,
  set_id uuid NOT NULL,
  question_id text NOT NULL,
  correct boolean NOT NULL,
  labelled_by text NOT NULL,
  at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (answer_id, set_id, question_id, labelled_by),
  FOREIGN KEY (set_id, question_id) REFERENCES questions (set_id, id)
);

-- An imported run was executed by no worker of ours.
ALTER TABLE attempts ALTER COLUMN worker_id DROP NOT NULL;
