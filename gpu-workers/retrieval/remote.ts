import { createHash } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import type { DocumentText } from "@/contracts/episode";
import { AppError, parseOrThrow, toWireError } from "@/contracts/errors";
import { RETRIEVE_LIMITS, fromWireDocument, retrieveError, retrieveResponseWithScores } from "@/contracts/retrieve";
import { documentHash } from "@/contracts/document-hash";
import type { RankedDocument, Retriever, RetrieverDescription } from "./retriever";

export interface RemoteRetrieverTimes {
  /** A request that has no answer after this long has failed. */
  requestMs: number;
  /** Wait before the first repetition; doubled before each further one. */
  backoffMs: number;
  /** Requests in all before the search fails. */
  attempts: number;
}
const TIMES: RemoteRetrieverTimes = { requestMs: 60_000, backoffMs: 500, attempts: 5 };

/** Queries sent in one request. */
const REQUEST_QUERIES = 256;

/**
 * A retriever behind any server of upstream's /retrieve dialect. Failures that may pass (no connection, time-out, 429,
 * 5xx) are tried again with backoff, then thrown as `retriever-unavailable`: an error never becomes a document.
 */
export class RemoteRetriever implements Retriever {
  private readonly endpoint: URL;

  /** @param url address of the server, with or without the path /retrieve. */
  constructor(
    url: string,
    private readonly times: RemoteRetrieverTimes = TIMES,
  ) {
    this.endpoint = new URL(url);
    if (!this.endpoint.pathname.endsWith("/retrieve")) this.endpoint.pathname = `${this.endpoint.pathname.replace(/\/$/, "")}/retrieve`;
  }

  async search(queries: readonly string[], k: number, signal?: AbortSignal): Promise<RankedDocument[][]> {
    const results: RankedDocument[][] = [];
    const topk = Math.min(k, RETRIEVE_LIMITS.topk);
    for (let start = 0; start < queries.length; start += REQUEST_QUERIES) {
      results.push(...(await this.request(queries.slice(start, start + REQUEST_QUERIES), topk, signal)));
    }
    return results;
  }

  documents(): Promise<DocumentText[]> {
    return Promise.reject(new AppError("unsupported", "the /retrieve dialect has no way to ask for documents by id"));
  }

  describe(): RetrieverDescription {
    const key = createHash("sha256").update(JSON.stringify(["remote", this.endpoint.href])).digest("hex").slice(0, 32);
    return { kind: "remote", key, title: this.endpoint.href, documents: null };
  }

  async close(): Promise<void> {}

  private async request(queries: readonly string[], topk: number, signal?: AbortSignal): Promise<RankedDocument[][]> {
    for (let attempt = 1; ; attempt++) {
      try {
        return await this.requestOnce(queries, topk, signal);
      } catch (error) {
        if (signal?.aborted) throw new AppError("cancelled", "the search was cancelled");
        if (!(error instanceof AppError && error.code === "retriever-unavailable")) throw error;
        if (attempt >= this.times.attempts) {
          throw new AppError("retriever-unavailable", `the retriever ${this.endpoint.href} failed ${attempt} times: ${error.message}`, { cause: error });
        }
        await sleep(this.times.backoffMs * 2 ** (attempt - 1), undefined, { signal }).catch(() => undefined);
      }
    }
  }

  private async requestOnce(queries: readonly string[], topk: number, signal?: AbortSignal): Promise<RankedDocument[][]> {
    const limit = AbortSignal.timeout(this.times.requestMs);
    let response: Response;
    let text: string;
    try {
      response = await fetch(this.endpoint, {
        method: "POST",
        headers: { "Content-Type": "application/json" },
        body: JSON.stringify({ queries, topk, return_scores: true }),
        signal: signal ? AbortSignal.any([limit, signal]) : limit,
      });
      text = await response.text();
    } catch (cause) {
      const reason = limit.aborted ? `no answer within ${this.times.requestMs / 1000} s` : causeOf(cause);
      throw new AppError("retriever-unavailable", reason, { cause });
    }
    if (!response.ok) {
      const reason = `status ${response.status}: ${errorText(text)}`;
      if (response.status >= 500 || response.status === 429) throw new AppError("retriever-unavailable", reason);
      throw new AppError("invalid-input", `the retriever ${this.endpoint.href} refused the request with ${reason}`);
    }
    return this.parse(text, queries.length, topk);
  }

  private parse(text: string, expected: number, topk: number): RankedDocument[][] {
    let body: unknown;
    try {
      body = JSON.parse(text);
    } catch (cause) {
      throw new AppError("retriever-unavailable", `the answer is not JSON: ${text.slice(0, 80)}`, { cause });
    }
    const { result } = parseOrThrow(retrieveResponseWithScores, body, `the answer of the retriever ${this.endpoint.href}`);
    if (result.length !== expected) {
      throw new AppError("invalid-input", `the retriever ${this.endpoint.href} answered ${result.length} rankings to ${expected} queries`);
    }
    return result.map((ranked) => rank(ranked.map(({ document, score }) => {
      const { id, title, text } = fromWireDocument(document);
      return { id, title, text, hash: documentHash({ title, text }), score };
    })).slice(0, topk));
  }
}

/** Best score first (the server's order among equals), each document once. */
function rank(documents: RankedDocument[]): RankedDocument[] {
  const seen = new Set<string>();
  return documents.sort((a, b) => b.score - a.score).filter(({ id }) => !seen.has(id) && seen.add(id));
}

function errorText(text: string): string {
  try {
    return retrieveError.parse(JSON.parse(text)).error.message;
  } catch {
    return text.slice(0, 200);
  }
}

function causeOf(error: unknown): string {
  return error instanceof Error && error.cause instanceof Error ? error.cause.message : toWireError(error).message;
}
