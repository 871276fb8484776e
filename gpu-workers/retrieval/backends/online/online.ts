import { setTimeout as sleep } from "node:timers/promises";
import type { RetrieverConfigOfKind } from "@/contracts/run-config/retriever";
import type { DocumentText } from "@/contracts/records/episode";
import { AppError } from "@/contracts/errors";
import { hashDocument } from "@/core/episode/document-hash";
import { parseJsonOrNull } from "@/lib/json";
import { parseRetryAfter } from "@/lib/retry";
import { readCredential } from "@/gpu-workers/runtime/credentials";
import {
  computeRetrievalKey,
  throwIfCancelled,
  type RankedDocument,
  type Retriever,
  type RetrieverDescription,
} from "@/gpu-workers/retrieval/retriever";
import {
  fetchText,
  isTransientStatus,
  REQUEST_RETRY,
  TransientFailure,
  withRequestRetry,
  type RequestRetryPolicy,
} from "@/gpu-workers/retrieval/request-retry";
import { explainStatus, PROVIDERS, type OnlineResult } from "./providers";
import { ResultStore, type KeptResults } from "./result-store";

/** How answers are read into documents: part of the key of kept results and rankings. */
const READER_VERSION = 1;

/** Longest wait for a turn: many queries may wait at a slow pace. */
const LONGEST_TURN_MS = 24 * 60 * 60 * 1000;

type OnlineConfig = RetrieverConfigOfKind<"online">;

/** When the next request to an origin may leave, for all retrievers of this process. */
const nextRequest = new Map<string, number>();

/**
 * Online search: what a search service answers becomes documents (id: the address, title, text: the snippet) in its
 * order. The web changes, so each result says when it was fetched; what was asked once for a snapshot is kept on disk
 * and not asked again. Requests keep a pace and a budget. Failures are errors, never documents.
 */
export class OnlineRetriever implements Retriever {
  /** Queries that are being asked, so that a query that comes twice at once is asked once. */
  private readonly asking = new Map<string, Promise<KeptResults>>();

  private constructor(
    private readonly config: OnlineConfig,
    private readonly base: string,
    private readonly key: string | undefined,
    private readonly store: ResultStore,
    private readonly policy: RequestRetryPolicy,
  ) {}

  /** Opens without a request; the check before a run searches once. @throws AppError "unauthorized" without its key */
  static async open(
    config: OnlineConfig,
    dataDir: string,
    policy: RequestRetryPolicy = REQUEST_RETRY,
    environment: NodeJS.ProcessEnv = process.env,
  ): Promise<OnlineRetriever> {
    const base = config.url.replace(/\/+$/, "");
    const key = readCredential(config.credential, base, environment);
    const store = await ResultStore.open(dataDir, computeKey(config, base));
    return new OnlineRetriever(config, base, key, store, policy);
  }

  async search(
    queries: readonly string[],
    k: number,
    signal?: AbortSignal,
  ): Promise<RankedDocument[][]> {
    const wanted = Math.min(k, PROVIDERS[this.config.provider].most);
    const found = await Promise.all(queries.map((query) => this.findOrAsk(query, wanted, signal)));
    return found.map(({ results, fetchedAt }) =>
      results.map(({ url, title, text }, i) => ({
        id: url,
        hash: hashDocument({ title, text }),
        title,
        text,
        // Providers give ranks, and scores of their own kind or none.
        score: 1 / (i + 1),
        fetchedAt,
      })),
    );
  }

  getDocuments(): Promise<DocumentText[]> {
    return Promise.reject(
      new AppError("unsupported", "an online search has no way to ask for documents by id"),
    );
  }

  describe(): RetrieverDescription {
    const { provider, snapshot } = this.config;
    return {
      kind: "online",
      key: computeKey(this.config, this.base),
      title: `${provider} at ${new URL(this.base).host}, snapshot ${snapshot}`,
      documents: null,
      note: "Results of the web, of the day on which each was fetched; they come under the terms of the provider and of the pages.",
    };
  }

  async close(): Promise<void> {}

  private async findOrAsk(
    query: string,
    k: number,
    signal: AbortSignal | undefined,
  ): Promise<KeptResults> {
    throwIfCancelled(signal);
    const kept = await this.store.find(query, k);
    if (kept !== null) return kept;
    const name = JSON.stringify([query, k]);
    const asking = this.asking.get(name);
    // Another search may be cancelled; this one then asks by itself.
    if (asking)
      return asking.catch((error: unknown) => {
        if (!(error instanceof AppError && error.code === "cancelled")) throw error;
        return this.findOrAsk(query, k, signal);
      });
    const asked = this.ask(query, k, signal).finally(() => this.asking.delete(name));
    this.asking.set(name, asked);
    return asked;
  }

  /** Asks page after page until k results are there, or there are no more, and keeps them. */
  private async ask(
    query: string,
    k: number,
    signal: AbortSignal | undefined,
  ): Promise<KeptResults> {
    const results = new Map<string, OnlineResult>();
    for (let page = 0, more = true; more && results.size < k; page++) {
      const before = results.size;
      const read = await this.askPage(query, k - before, page, signal);
      for (const result of read.results)
        if (!results.has(result.url)) results.set(result.url, result);
      more = read.more && results.size > before;
    }
    // Only now: a turn at a slow pace may come a day later.
    const fetchedAt = new Date().toISOString();
    const kept = { query, k, fetchedAt, results: [...results.values()].slice(0, k) };
    await this.store.save(kept);
    return kept;
  }

  private askPage(query: string, wanted: number, page: number, signal: AbortSignal | undefined) {
    const { provider, engineId } = this.config;
    const { base, key } = this;
    const request = { base, key, engineId, query, wanted, page };
    // A request's time begins when its turn has come.
    const policy = { ...this.policy, requestMs: LONGEST_TURN_MS };
    return withRequestRetry(`${provider} at ${base}`, policy, signal, async (cancelled) => {
      const { address, init } = PROVIDERS[provider].buildRequest(request);
      await this.takeTurn(signal);
      const limit = AbortSignal.any([cancelled, AbortSignal.timeout(this.policy.requestMs)]);
      const { status, headers, text } = await fetchText(address, limit, init);
      if (status !== 200) throw this.toFailure(status, headers, text);
      const body = parseJsonOrNull(text);
      if (body === null) throw new TransientFailure("the answer is not JSON");
      return PROVIDERS[provider].readPage(body, request);
    });
  }

  /** Waits for the pace, and takes one request of the budget. */
  private async takeTurn(signal: AbortSignal | undefined): Promise<void> {
    const { requestsPerSecond, requestBudget, snapshot, provider } = this.config;
    const now = performance.now();
    const at = Math.max(now, nextRequest.get(this.base) ?? 0);
    nextRequest.set(this.base, at + 1000 / requestsPerSecond);
    if (at > now)
      await sleep(at - now, undefined, signal && { signal }).catch(() => throwIfCancelled(signal));
    if (!this.store.takeRequest(requestBudget))
      throw new AppError(
        "unsupported",
        `The budget of ${requestBudget} requests to ${provider} for snapshot ${snapshot} is spent on this worker. Raise retriever.requestBudget; what was asked is kept.`,
      );
  }

  private toFailure(status: number, headers: Headers, text: string): AppError {
    const said = this.key ? text.replaceAll(this.key, "[key]") : text;
    const reason = `status ${status}: ${said.slice(0, 200)}`;
    if (isTransientStatus(status))
      return new TransientFailure(reason, {}, parseRetryAfter(headers.get("retry-after")));
    const { provider } = this.config;
    return new AppError(
      status === 401 || status === 403 ? "unauthorized" : "invalid-input",
      `${provider} at ${this.base} refused the search with ${reason}${explainStatus(provider, status)}`,
    );
  }
}

const computeKey = ({ provider, engineId, snapshot }: OnlineConfig, base: string): string =>
  computeRetrievalKey(["online", READER_VERSION, provider, base, engineId, snapshot]);
