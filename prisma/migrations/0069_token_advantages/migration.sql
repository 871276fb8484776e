-- Advantage of each token as it entered the policy's loss: 0 where none did, as it was given, forced or cut off.
-- Null: not recorded, or all action tokens of the episode have the same, which is episodes.advantage.
ALTER TABLE steps ADD COLUMN token_advantages real[];
