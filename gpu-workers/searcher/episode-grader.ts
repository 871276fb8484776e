import { askedText } from "@/core/scoring/rule-scoring";
import { attributeFailure } from "@/core/episode/turns";
import { AppError } from "@/contracts/errors";
import type {
  Answer,
  DocumentRef,
  Episode,
  EpisodePhase,
  EpisodeRecord,
  Reward,
  Score,
} from "@/contracts/records/episode";
import type { Question } from "@/contracts/worker-protocol/worker-protocol";
import type { Generator } from "@/gpu-workers/llm/generator/generator";
import type { Method } from "./method";
import type { AnswerScorer } from "@/gpu-workers/llm/scoring/answer-scorer";
import type { DocumentBook } from "@/gpu-workers/retrieval/corpus/documents";
import { cacheKey } from "@/gpu-workers/runtime/keys";
import type { Stopwatch, StepPhase } from "@/gpu-workers/runtime/stopwatch";

/** What the frozen generator made of the documents that were handed over. */
export interface Outcome {
  context: DocumentRef[];
  answer: Answer;
  score: Score;
  /** By other scorers than the configured one. */
  otherScores?: Score[];
}

/** Answers and scores episodes. A generator that fails throws; it never scores 0. */
export class EpisodeGrader {
  constructor(
    /** Null where answers are only scored. */
    private readonly generator: Generator | null,
    private readonly documents: DocumentBook,
    private readonly scorer: AnswerScorer,
  ) {}

  async grade(
    episodes: readonly Episode[],
    questions: readonly Question[],
    signal: AbortSignal,
  ): Promise<Outcome[]> {
    const asked = episodes.flatMap((episode, i) =>
      episode.ownAnswer
        ? []
        : [
            {
              question: askedText(questions[i]!),
              documents: episode.context.map((ref) => this.documents.textOf(ref)),
            },
          ],
    );
    if (asked.length > 0 && this.generator === null)
      throw new AppError("internal", "Without a generator there are no answers.");
    const generated = (
      asked.length > 0 ? await this.generator!.answer(asked, signal) : []
    ).values();
    return this.scoreAnswers(
      episodes,
      episodes.map((episode) => buildOwnAnswer(episode) ?? generated.next().value!),
      questions,
      signal,
    );
  }

  /** Scores answers that are there already. */
  async scoreAnswers(
    episodes: readonly Episode[],
    answers: readonly Answer[],
    questions: readonly Question[],
    signal: AbortSignal,
  ): Promise<Outcome[]> {
    const scores = await this.scorer.score(
      answers.map((answer, i) => ({ answer, question: questions[i]! })),
      signal,
    );
    return episodes.map(({ context }, i) => ({
      context,
      answer: answers[i]!,
      score: scores[i]!.main,
      otherScores: scores[i]!.others,
    }));
  }
}

/** The answer that a method gave by itself; null where the frozen generator answers. */
function buildOwnAnswer({ key, ownAnswer }: Episode): Answer | null {
  if (!ownAnswer) return null;
  const { model, prompt, text } = ownAnswer;
  return {
    key: computeOwnAnswerKey(key, { model, prompt }),
    generator: model,
    promptStyle: prompt,
    text,
    seconds: 0,
  };
}

/** Cache key of the answer that a method gave by itself in the episode of that key. */
export const computeOwnAnswerKey = (
  episode: string,
  { model, prompt }: { model: string; prompt: string },
): string => cacheKey({ record: "own-answer", episode, model, prompt });

/** Naive RAG's outcome per question: the baseline of GBR, made once. */
export class RagBaseline {
  private readonly outcomes = new Map<string, Outcome>();

  constructor(
    private readonly rag: Method,
    private readonly grader: EpisodeGrader,
  ) {}

  /** Outcomes in the order of the questions; those not known yet are retrieved and answered as one batch. */
  async getOutcomes(
    questions: readonly Question[],
    clock: Stopwatch<StepPhase>,
    signal: AbortSignal,
  ): Promise<Outcome[]> {
    const missing = questions.filter(({ id }) => !this.outcomes.has(id));
    if (missing.length > 0) {
      await clock.time("pool", async () => {
        const episodes = await this.rag.run(missing, signal);
        const outcomes = await this.grader.grade(episodes, missing, signal);
        missing.forEach(({ id }, i) => this.outcomes.set(id, outcomes[i]!));
      });
    }
    return questions.map(({ id }) => this.outcomes.get(id)!);
  }
}

/** A judge's verdicts on a baseline's answer, which other runs then find; rules are free to ask again. */
function selectJudgeScores(phase: EpisodePhase, { otherScores = [] }: Outcome): { otherScores?: Score[] } {
  const verdicts =
    phase === "predict" ? otherScores.filter(({ scorer }) => scorer.startsWith("judge/")) : [];
  return verdicts.length > 0 ? { otherScores: verdicts } : {};
}

/** Puts together what is reported of one episode. */
export function buildEpisodeRecord(parts: {
  phase: EpisodePhase;
  step: number | null;
  question: Question;
  episode: Episode;
  outcome: Outcome;
  baseline: Outcome | null;
  reward: Reward | null;
  advantage: number | null;
}): EpisodeRecord {
  const { phase, step, question, episode, outcome, baseline, reward, advantage } = parts;
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
