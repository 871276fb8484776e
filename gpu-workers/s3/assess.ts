import { attributeFailure } from "@/contracts/turns";
import type { Answer, DocumentRef, Episode, EpisodePhase, EpisodeRecord, Reward, Score } from "@/contracts/episode";
import type { ScorerName } from "@/contracts/run-config";
import type { Question } from "@/contracts/worker-protocol";
import type { Generator } from "../generation/generator";
import { scoreAnswer } from "../generation/scoring";
import type { Method } from "../methods/method";
import type { DocumentBook } from "./documents";
import type { Stopwatch, StepPhase } from "./stopwatch";

/** What the frozen generator made of the documents that were handed over. */
export interface Outcome {
  context: DocumentRef[];
  answer: Answer;
  score: Score;
}

/** Answers and scores episodes. A generator that fails throws; it never scores 0. */
export class Assessor {
  constructor(
    private readonly generator: Generator,
    private readonly documents: DocumentBook,
    private readonly scorer: ScorerName,
  ) {}

  async assess(episodes: readonly Episode[], questions: readonly Question[], signal: AbortSignal): Promise<Outcome[]> {
    const requests = episodes.map(({ context }, i) => ({ question: questions[i]!.question, documents: context.map((ref) => this.documents.textOf(ref)) }));
    const answers = await this.generator.answer(requests, signal);
    return episodes.map(({ context }, i) => ({ context, answer: answers[i]!, score: scoreAnswer(this.scorer, answers[i]!.text, questions[i]!.answers) }));
  }
}

/** Naive RAG's outcome per question: the baseline of GBR, made once. */
export class Baseline {
  private readonly outcomes = new Map<string, Outcome>();

  constructor(
    private readonly rag: Method,
    private readonly assessor: Assessor,
  ) {}

  /** Outcomes in the order of the questions; those not known yet are retrieved and answered as one batch. */
  async of(questions: readonly Question[], clock: Stopwatch<StepPhase>, signal: AbortSignal): Promise<Outcome[]> {
    const missing = questions.filter(({ id }) => !this.outcomes.has(id));
    if (missing.length > 0) {
      await clock.time("pool", async () => {
        const episodes = await this.rag.run(missing, signal);
        const outcomes = await this.assessor.assess(episodes, missing, signal);
        missing.forEach(({ id }, i) => this.outcomes.set(id, outcomes[i]!));
      });
    }
    return questions.map(({ id }) => this.outcomes.get(id)!);
  }
}

/** Puts together what is reported of one episode. */
export function recordOf(parts: {
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
    baseline,
    reward,
    advantage,
    attribution: attributeFailure(episode.steps, episode.context, question.goldIds, outcome.score.value === 1),
    formatErrors: episode.steps.flatMap((s) => (s.kind === "reject" ? [s.error] : [])),
  };
}
