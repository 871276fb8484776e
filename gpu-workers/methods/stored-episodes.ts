import { AppError } from "@/contracts/errors";
import {
  listEpisodeDocuments,
  type Answer,
  type DocumentText,
  type Episode,
} from "@/contracts/records/episode";
import type { WorkerResponse } from "@/contracts/worker-protocol/worker-protocol";
import type { Question } from "@/contracts/worker-protocol/questions";
import type { AttemptContext } from "@/gpu-workers/runtime/attempt-context";
import type { DocumentStore } from "@/gpu-workers/retrieval/corpus/document-store";

/** Questions whose episodes are fetched together: some batches of a predict run. */
const PAGE = 120;
/** Batches under way lie in neighbouring pages; the next page is fetched while they are worked on. */
const KEPT_PAGES = 4;

type Stored = WorkerResponse<"storedEpisodes">["episodes"][number];

interface Page {
  byQuestion: ReadonlyMap<string, Stored>;
  textByHash: ReadonlyMap<string, DocumentText>;
}

/**
 * Episodes that another predict run has stored, taken as they are: nothing is searched again. Their answers come with
 * them, for a run that only scores. They are fetched in pages, ahead of the batches that ask for them.
 */
export class StoredEpisodes {
  private readonly pages = new Map<number, Promise<Page>>();
  private readonly pageById: ReadonlyMap<string, number>;

  /** @param questions all that will be asked for, about in that order */
  constructor(
    private readonly context: Pick<AttemptContext, "readStoredEpisodes">,
    private readonly runId: string,
    private readonly documents: DocumentStore,
    private readonly questions: readonly Question[],
  ) {
    this.pageById = new Map(questions.map(({ id }, i) => [id, Math.floor(i / PAGE)]));
    this.prefetchPage(0);
  }

  /** One per question, in order. @throws AppError "not-found" where that run has not answered a question */
  async getEpisodes(
    batch: readonly Question[],
  ): Promise<{ episode: Episode; answer: Answer | null }[]> {
    const numbers = [...new Set(batch.map(({ id }) => this.pageById.get(id) ?? 0))].sort(
      (a, b) => a - b,
    );
    const loading = numbers.map((number) => this.page(number));
    this.prefetchPage(numbers.at(-1)! + 1);
    const pages = await Promise.all(loading);
    return batch.map(({ id }) => {
      const loadPage = pages.find(({ byQuestion }) => byQuestion.has(id));
      const stored = loadPage?.byQuestion.get(id);
      if (!loadPage || !stored)
        throw new AppError(
          "not-found",
          `Run ${this.runId} has stored no episode of question ${id}. Let that run finish, or set the same limit.`,
        );
      for (const { hash } of listEpisodeDocuments(stored.episode)) {
        const text = loadPage.textByHash.get(hash);
        if (text) this.documents.add({ ...text, score: 0 });
      }
      return stored;
    });
  }

  /** Where it fails, whoever needs the page asks again and hears why. */
  private prefetchPage(number: number): void {
    void this.page(number).catch(() => undefined);
  }

  private page(number: number): Promise<Page> {
    const known = this.pages.get(number);
    if (known) return known;
    const ids = this.questions.slice(number * PAGE, (number + 1) * PAGE).map(({ id }) => id);
    if (ids.length === 0) return Promise.resolve({ byQuestion: new Map(), textByHash: new Map() });
    const page = this.context
      .readStoredEpisodes(this.runId, ids)
      .then(({ episodes, documents }) => ({
        byQuestion: new Map(episodes.map((stored) => [stored.episode.questionId, stored])),
        textByHash: new Map(documents.map((text) => [text.hash, text])),
      }));
    this.pages.set(number, page);
    page.catch(() => this.pages.delete(number));
    for (const oldest of this.pages.keys())
      if (this.pages.size > KEPT_PAGES) this.pages.delete(oldest);
    return page;
  }
}
