-- Training runs name the terms of their reward by weights, and Dr. GRPO is an algorithm of its own.
UPDATE runs SET config = jsonb_set(config #- '{reward,name}', '{reward,weights}', CASE config #>> '{reward,name}' WHEN 'upstream' THEN '{"gbr": 0, "upstream": 1}'::jsonb ELSE '{"gbr": 1}'::jsonb END)
WHERE kind = 'train' AND config #> '{reward,name}' IS NOT NULL;

UPDATE runs SET config = CASE WHEN config #>> '{rl,normaliseByDeviation}' = 'false' THEN jsonb_set(config, '{rl,algorithm}', '"dr-grpo"') ELSE config END #- '{rl,normaliseByDeviation}'
WHERE kind = 'train' AND config #> '{rl,normaliseByDeviation}' IS NOT NULL;

-- Metrics under upstream's names, so that curves of old and new runs lie on each other.
CREATE TEMPORARY TABLE renamed (old text, new text) ON COMMIT DROP;
INSERT INTO renamed VALUES
  ('actor/kl', 'actor/kl_loss'),
  ('actor/entropy', 'actor/entropy_loss'),
  ('actor/clip_fraction', 'actor/pg_clipfrac'),
  ('timing_s/rollout', 'timing_s/gen'),
  ('timing_s/gradient', 'timing_s/update_actor'),
  ('timing_s/evaluate', 'timing_s/testing'),
  ('timing_s/checkpoint', 'timing_s/save_checkpoint');
INSERT INTO metric_series (run_id, attempt, name, points, first_step, last_step, last_value, last_at)
  SELECT run_id, attempt, new, points, first_step, last_step, last_value, last_at FROM metric_series JOIN renamed ON name = old;
UPDATE metric_chunks SET name = new FROM renamed WHERE name = old;
DELETE FROM metric_series USING renamed WHERE name = old;
