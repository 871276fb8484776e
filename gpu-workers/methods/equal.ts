import type { Episode } from "@/contracts/episode";
import type { Question } from "@/contracts/worker-protocol";
import type { RunContext } from "../run-context";
import { ownAnswerKey } from "../s3/assess";
import type { DocumentBook } from "../s3/documents";
import type { AskingMethod, Method } from "./method";

/**
 * A method whose episodes are taken over where a run has stored them under the same cache key: equal work is done once.
 * Of a method that answers itself the answer is found by its key, too, or the episode is made anew.
 */
export class EqualEpisodes implements Method {
  /** Episodes that were taken over so far. */
  taken = 0;

  constructor(
    private readonly method: AskingMethod,
    private readonly context: Pick<RunContext, "findEpisodes" | "findAnswers">,
    private readonly documents: DocumentBook,
  ) {}

  get name(): Method["name"] {
    return this.method.name;
  }

  async run(questions: readonly Question[], signal: AbortSignal): Promise<Episode[]> {
    const found = await this.find(questions);
    const missing = questions.filter(({ id }) => !found.has(id));
    const made = (missing.length > 0 ? await this.method.run(missing, signal) : []).values();
    this.taken += found.size;
    return questions.map(({ id }) => found.get(id) ?? made.next().value!);
  }

  /** By question id. */
  private async find(questions: readonly Question[]): Promise<Map<string, Episode>> {
    const { answersAs } = this.method;
    const idOf = new Map(questions.map((question) => [this.method.keyOf(question), question.id]));
    const { episodes, documents } = await this.context.findEpisodes([...idOf.keys()]);
    const answers = answersAs && episodes.length > 0 ? await this.context.findAnswers(episodes.map(({ key }) => ownAnswerKey(key, answersAs))) : new Map<string, { text: string }>();
    for (const text of documents) this.documents.add({ ...text, score: 0 });
    return new Map(
      episodes.flatMap((episode) => {
        if (!answersAs) return [[idOf.get(episode.key)!, episode] as const];
        const answer = answers.get(ownAnswerKey(episode.key, answersAs));
        return answer ? [[idOf.get(episode.key)!, { ...episode, ownAnswer: { ...answersAs, text: answer.text } }] as const] : [];
      }),
    );
  }
}
