-- Advantage of each token as it entered the policy's loss: 0 where it was given or forced, null where nothing was learned from it.
-- Null as a whole: not recorded, or all action tokens of the episode have the same, which is episodes.advantage.
ALTER TABLE steps ADD COLUMN token_advantages real[];
