import { buildQuestionText } from "@/core/scoring/rule-scoring";
import { AppError } from "@/contracts/errors";
import type { Answer, DocumentRef, Episode, Score } from "@/contracts/records/episode";
import type { Question } from "@/contracts/worker-protocol/questions";
import type { Generator } from "@/gpu-workers/llm/generator/generator";
import type { AnswerScorer } from "@/gpu-workers/llm/scoring/answer-scorer";
import type { DocumentStore } from "@/gpu-workers/retrieval/corpus/document-store";
import { computeCacheKey } from "@/gpu-workers/runtime/keys";

/** The frozen generator's answer from the documents that an episode selected, with its score. */
export interface Outcome {
  context: DocumentRef[];
  answer: Answer;
  /** By the configured scorer. */
  score: Score;
  /** By other scorers. */
  otherScores?: Score[];
}

/** Has the frozen generator answer episodes, and scores the answers. A failure is an error, never a score of 0. */
export class EpisodeGrader {
  constructor(
    /** Null where answers are only scored. */
    private readonly generator: Generator | null,
    private readonly documents: DocumentStore,
    private readonly scorer: AnswerScorer,
  ) {}

  /**
   * Answers and scores episodes; an answer that the method gave by itself is only scored.
   * @returns an outcome per episode, in order
   * @throws AppError where the generator or the judge stays unavailable
   */
  async grade(
    episodes: readonly Episode[],
    questions: readonly Question[],
    signal: AbortSignal,
  ): Promise<Outcome[]> {
    const answers = await this.answer(episodes, questions, signal);
    return this.scoreAnswers(episodes, answers, questions, signal);
  }

  /** Answers of episodes, in order: what the method answered by itself, else the generator's. */
  async answer(
    episodes: readonly Episode[],
    questions: readonly Question[],
    signal: AbortSignal,
  ): Promise<Answer[]> {
    const requests = episodes.flatMap((episode, i) =>
      episode.ownAnswer
        ? []
        : [
            {
              ...buildQuestionText(questions[i]!),
              documents: episode.context.map((ref) => this.documents.getText(ref)),
            },
          ],
    );
    if (requests.length > 0 && this.generator === null)
      throw new AppError("internal", "Without a generator there are no answers.");
    const generated = (
      requests.length > 0 ? await this.generator!.answer(requests, signal) : []
    ).values();
    return episodes.map((episode) => buildOwnAnswer(episode) ?? generated.next().value!);
  }

  /** Scores answers that already exist. */
  async scoreAnswers(
    episodes: readonly Pick<Episode, "context">[],
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

/** The answer that the method gave by itself; null where the frozen generator answers. */
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

/** Cache key of the answer that a method gave by itself in the episode with this key. */
export const computeOwnAnswerKey = (
  episode: string,
  { model, prompt }: { model: string; prompt: string },
): string => computeCacheKey({ record: "own-answer", episode, model, prompt });
