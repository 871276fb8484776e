import { AppError } from "@/contracts/errors";
import type { Answer, Episode } from "@/contracts/episode";
import type { Question } from "@/contracts/worker-protocol";
import type { RunContext } from "../run-context";
import type { DocumentBook } from "../s3/documents";

/**
 * Episodes that another predict run has stored, taken as they are: nothing is searched again. Their answers come with
 * them, for a run that only scores.
 */
export class StoredEpisodes {
  constructor(
    private readonly context: Pick<RunContext, "storedEpisodes">,
    private readonly runId: string,
    private readonly documents: DocumentBook,
  ) {}

  /** One per question, in order. @throws AppError "not-found" where that run has not answered a question */
  async of(questions: readonly Question[]): Promise<{ episode: Episode; answer: Answer | null }[]> {
    const { episodes, documents } = await this.context.storedEpisodes(
      this.runId,
      questions.map(({ id }) => id),
    );
    for (const document of documents) this.documents.add({ ...document, score: 0 });
    const byQuestion = new Map(episodes.map((stored) => [stored.episode.questionId, stored]));
    return questions.map(({ id }) => {
      const stored = byQuestion.get(id);
      if (!stored) throw new AppError("not-found", `Run ${this.runId} has stored no episode of question ${id}. Let that run finish, or set the same limit.`);
      return stored;
    });
  }
}
