import type { Answer, Score } from "@/contracts/records/episode";
import type { Question } from "@/contracts/worker-protocol/questions";
import type { Stopwatch, StepPhase } from "@/gpu-workers/runtime/stopwatch";
import type { EpisodeGrader, Outcome } from "./episode-grader";
import type { Method } from "./method";

/** What naive RAG answered a question in an earlier run. */
export interface KnownBaseline {
  answer: Answer;
  /** As it counts; null: the answer is scored by this run's scorer. */
  score: Score | null;
}

/** Sets of one file may number their questions alike, so an id alone does not tell training from held-out questions. */
export const getBaselineKey = ({ id, question }: Pick<Question, "id" | "question">): string =>
  JSON.stringify([id, question]);

/** Naive RAG's outcome per question, computed once: what Gain Beyond RAG (GBR) subtracts. */
export class RagBaseline {
  private readonly outcomes = new Map<string, Outcome>();

  constructor(
    private readonly rag: Method,
    private readonly grader: EpisodeGrader,
    /** By the question's key (`getBaselineKey`): what is neither retrieved nor answered again. */
    private readonly known: ReadonlyMap<string, KnownBaseline> = new Map(),
  ) {}

  /** Outcomes in the order of the questions. Those not known yet are retrieved and answered as one batch. */
  async getOutcomes(
    questions: readonly Question[],
    stopwatch: Stopwatch<StepPhase>,
    signal: AbortSignal,
  ): Promise<Outcome[]> {
    const wanted = questions.filter((question) => !this.outcomes.has(getBaselineKey(question)));
    const missing = wanted.filter((question) => !this.known.has(getBaselineKey(question)));
    if (wanted.length > missing.length)
      await stopwatch.time("pool", () =>
        this.takeKnown(
          wanted.filter((question) => this.known.has(getBaselineKey(question))),
          signal,
        ),
      );
    if (missing.length > 0) {
      await stopwatch.time("pool", async () => {
        const episodes = await this.rag.run(missing, signal);
        const outcomes = await this.grader.grade(episodes, missing, signal);
        missing.forEach((question, i) => this.keep(question, outcomes[i]!));
      });
    }
    return questions.map((question) => this.outcomes.get(getBaselineKey(question))!);
  }

  private keep(question: Question, outcome: Outcome): void {
    this.outcomes.set(getBaselineKey(question), outcome);
  }

  /** Which documents an earlier run handed over is not known here, so an outcome names none. */
  private async takeKnown(questions: readonly Question[], signal: AbortSignal): Promise<void> {
    const unscored: Question[] = [];
    for (const question of questions) {
      const { answer, score } = this.known.get(getBaselineKey(question))!;
      if (score === null) unscored.push(question);
      else this.keep(question, { context: [], answer, score });
    }
    if (unscored.length === 0) return;
    const outcomes = await this.grader.scoreAnswers(
      unscored.map(() => ({ context: [] })),
      unscored.map((question) => this.known.get(getBaselineKey(question))!.answer),
      unscored,
      signal,
    );
    unscored.forEach((question, i) => this.keep(question, outcomes[i]!));
  }
}
