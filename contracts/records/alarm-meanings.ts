import type { AlarmName } from "./alarms";

/** What each alarm is called and means. */
export const ALARM_MEANINGS: Readonly<Record<AlarmName, { title: string; meaning: string }>> = {
  "reward-hacking": {
    title: "Reward up, held-out GBR down",
    meaning:
      "The training reward rises while Gain Beyond RAG on held-out questions falls: what is learned does not carry over, or exploits the reward.",
  },
  "entropy-collapse": {
    title: "Entropy collapse",
    meaning:
      "The policy is nearly sure of every token: its samples are all alike, so it no longer explores and hardly learns.",
  },
  "length-explosion": {
    title: "Length explosion",
    meaning:
      "The searcher writes ever more without earning more, or most of its texts are cut by a token limit.",
  },
  "question-copied": {
    title: "Question copied as query",
    meaning:
      "Most queries after the first retrieval are the question itself: such a search finds what was found already.",
  },
  "format-drift": {
    title: "Format drift",
    meaning: "Format errors per episode have multiplied: the searcher unlearns the protocol.",
  },
  "no-variance": {
    title: "Groups without variance",
    meaning:
      "In nearly every group all samples earn the same, so there is no advantage and no gradient: steps cost time and teach nothing.",
  },
  "kl-runaway": {
    title: "KL runaway",
    meaning:
      "The policy leaves the one that reinforcement learning began with fast and far; language and protocol break next.",
  },
  "value-useless": {
    title: "Value function worse than nothing",
    meaning:
      "The critic predicts returns much worse than their mean would: its advantages are noise.",
  },
  "gradient-explosion": {
    title: "Exploding gradient",
    meaning:
      "Gradient norms stay far above their usual size and above the clip: the direction of each step is decided by few tokens.",
  },
  "generator-errors": {
    title: "Errors of the generator",
    meaning:
      "Many requests to the generator or judge fail and are sent again. Each is answered in the end or stops the run, so no reward is wrong, but steps take long.",
  },
  "likelihood-displacement": {
    title: "Likelihood displacement",
    meaning:
      "The policy finds the tokens of its own good episodes ever less likely while the training reward still rises: the gradient pushes down good and bad alike, and collapse follows.",
  },
  "queries-alike": {
    title: "Queries alike",
    meaning:
      "Queries hardly depend on the question any more: the searcher writes the same whatever is asked, so its searches find nothing for it.",
  },
  "swallowed-errors": {
    title: "Errors swallowed",
    meaning:
      "The trainer writes errors to its console and goes on: upstream's code skips the batch, so a run may succeed though nothing is learnt. The count is a metric.",
  },
  "dead-questions": {
    title: "Dead questions",
    meaning:
      "Of nearly every question no sample is right, over ten steps: what earns a reward is not found by sampling.",
  },
};
