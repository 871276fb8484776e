import { searchesLocally, type RetrieverConfig } from "@/contracts/run-config/retriever";
import type { Episode } from "@/contracts/records/episode";
import type { PredictConfig } from "@/contracts/run-config/predict-config";
import type { Question } from "@/contracts/worker-protocol/questions";
import type { Retriever } from "@/gpu-workers/retrieval/retriever";
import type { AttemptContext } from "@/gpu-workers/runtime/attempt-context";
import { computeOwnAnswerKey } from "@/gpu-workers/searcher/episode-grader";
import type { DocumentStore } from "@/gpu-workers/retrieval/corpus/document-store";
import type { ModelMethod, Method } from "@/gpu-workers/searcher/method";

/**
 * Whether equal keys mean equal episodes: the weights are known and so are the documents, or a person vouches for both.
 * @param retriever null where the method does not search
 */
export function canReuseByKey(
  {
    reuse: { equalEpisodes },
    searcher,
    retriever: config,
  }: Pick<PredictConfig, "reuse" | "searcher" | "retriever">,
  retriever: Pick<Retriever, "describe"> | null,
): boolean {
  if (equalEpisodes !== "known-weights") return equalEpisodes === "always";
  return searcher.endpoint === null && (retriever === null || isContentKnown(config, retriever));
}

/** OpenSearch and Qdrant tell how many documents they hold, not which; a `/retrieve` server of ours tells which, another nothing. */
const isContentKnown = (config: RetrieverConfig, retriever: Pick<Retriever, "describe">): boolean =>
  searchesLocally(config) || (config.kind === "remote" && retriever.describe().documents !== null);

/**
 * A method whose episodes are taken over where a run has stored them under the same cache key: equal work is done once.
 * Of a method that answers itself the stored answer must be its own, too, else the episode is made anew.
 */
export class CachedMethod implements Method {
  private readonly ids = new Set<string>();

  constructor(
    private readonly method: ModelMethod,
    private readonly context: Pick<AttemptContext, "findEpisodes">,
    private readonly documents: DocumentStore,
  ) {}

  get name(): Method["name"] {
    return this.method.name;
  }

  /** Episodes that were taken over so far. */
  get reusedCount(): number {
    return this.ids.size;
  }

  async run(questions: readonly Question[], signal: AbortSignal): Promise<Episode[]> {
    const found = await this.find(questions);
    const missing = questions.filter(({ id }) => !found.has(id));
    const made = (missing.length > 0 ? await this.method.run(missing, signal) : []).values();
    for (const id of found.keys()) this.ids.add(id);
    return questions.map(({ id }) => found.get(id) ?? made.next().value!);
  }

  /** By question id. */
  private async find(questions: readonly Question[]): Promise<Map<string, Episode>> {
    const { ownAnswerLabel: answersAs } = this.method;
    const idByKey = new Map(
      questions.map((question) => [this.method.computeEpisodeKey(question), question.id]),
    );
    const { episodes, documents } = await this.context.findEpisodes([...idByKey.keys()]);
    for (const text of documents) this.documents.add({ ...text, score: 0 });
    return new Map(
      episodes.flatMap(({ episode, answer }): [string, Episode][] => {
        const id = idByKey.get(episode.key)!;
        if (!answersAs) return [[id, episode]];
        return answer?.key === computeOwnAnswerKey(episode.key, answersAs)
          ? [[id, { ...episode, ownAnswer: { ...answersAs, text: answer.text } }]]
          : [];
      }),
    );
  }
}
