import { attributeFailure } from "@/core/episode/turns";
import { parseUnreadId } from "@/core/scoring/judged-scoring";
import type {
  Episode,
  EpisodePhase,
  EpisodeRecord,
  Reward,
  Score,
} from "@/contracts/records/episode";
import type { Question } from "@/contracts/worker-protocol/questions";
import type { Outcome } from "./episode-grader";

/** Judge scores of a baseline's answer, and whether its replies could be read: reported so that other runs find them. Scores by rule cost nothing to compute again. */
function selectJudgeScores(
  phase: EpisodePhase,
  { otherScores = [] }: Outcome,
): { otherScores?: Score[] } {
  const judged =
    phase === "predict"
      ? otherScores.filter(
          ({ scorer }) => scorer.startsWith("judge/") || parseUnreadId(scorer) !== null,
        )
      : [];
  return judged.length > 0 ? { otherScores: judged } : {};
}

interface GradedEpisode {
  phase: EpisodePhase;
  /** Training step; null outside training. */
  step: number | null;
  question: Question;
  episode: Episode;
  outcome: Outcome;
  /** Naive RAG's outcome; null where none was asked for. */
  baseline: Outcome | null;
  reward: Reward | null;
  /** Mean advantage of its action tokens. */
  advantage: number | null;
}

/** Builds the record of one episode that is reported to the server and stored. */
export function buildEpisodeRecord({
  phase,
  step,
  question,
  episode,
  outcome,
  baseline,
  reward,
  advantage,
}: GradedEpisode): EpisodeRecord {
  return {
    phase,
    step,
    episode,
    answer: outcome.answer,
    score: outcome.score,
    ...(phase === "predict" && outcome.otherScores && { otherScores: outcome.otherScores }),
    baseline: baseline && {
      context: baseline.context,
      answer: baseline.answer,
      score: baseline.score,
      ...selectJudgeScores(phase, baseline),
    },
    reward,
    advantage,
    attribution: attributeFailure(
      episode.steps,
      episode.context,
      question.goldIds,
      outcome.score.value === 1,
    ),
    formatErrors: episode.steps.flatMap((s) => (s.kind === "reject" ? [s.error] : [])),
  };
}
