import { hashDocument } from "@/core/episode/document-hash";
import type { DocumentText } from "@/contracts/records/episode";
import { parseJsonOrNull } from "@/lib/json";
import { parseRetryAfter } from "@/lib/retry";
import { AppError, parseOrThrow } from "@/contracts/errors";
import {
  RETRIEVE_LIMITS,
  RETRIEVER_KEY_HEADER,
  fromWireDocument,
  retrieveErrorSchema,
  retrieveHealthSchema,
  retrieveResponseOfAnySchema,
  type RetrieveHealth,
} from "@/contracts/formats/retrieve";
import {
  computeRetrievalKey,
  type RankedDocument,
  type Retriever,
  type RetrieverDescription,
} from "@/gpu-workers/retrieval/retriever";
import {
  TransientFailure,
  REQUEST_RETRY,
  type RequestRetryPolicy,
  isTransientStatus,
  describeCause,
  withRequestRetry,
} from "./request-retry";
import { chunk } from "@/lib/chunk";

/** Queries sent in one request. */
const REQUEST_QUERIES = 256;

/** FAISS fills places without a document with the least float and row -1; such a hit is no result. */
const FILLER_SCORE = 3.4e38;

/**
 * A retriever behind any server that speaks upstream's /retrieve protocol. Transient failures (no connection, time-out,
 * 429, 5xx) are tried again with backoff, then thrown as `retriever-unavailable`; an error never becomes a document.
 */
export class RemoteRetriever implements Retriever {
  private constructor(
    private readonly endpoint: URL,
    /** The server's /healthz; null where it has none, as upstream's server. */
    private readonly health: RetrieveHealth | null,
    private readonly policy: RequestRetryPolicy,
  ) {}

  /**
   * Connects to a server. Our own service names the content it ranks (corpus, encoder, settings), which becomes the
   * cache key; any other server is identified by its address, and must answer one query.
   *
   * @param url address of the server, with or without the path /retrieve
   * @throws AppError `retriever-unavailable`, `invalid-input` where something else answers there
   */
  static async open(
    url: string,
    { signal, times = REQUEST_RETRY }: { signal?: AbortSignal; times?: RequestRetryPolicy } = {},
  ): Promise<RemoteRetriever> {
    const endpoint = new URL(url);
    if (!endpoint.pathname.endsWith("/retrieve"))
      endpoint.pathname = `${endpoint.pathname.replace(/\/$/, "")}/retrieve`;
    const health = await readHealth(endpoint, signal, times);
    const retriever = new RemoteRetriever(endpoint, health, times);
    if (health === null) await retriever.search(["ready?"], 1, signal);
    return retriever;
  }

  async search(
    queries: readonly string[],
    k: number,
    signal?: AbortSignal,
  ): Promise<RankedDocument[][]> {
    const results: RankedDocument[][] = [];
    const topk = Math.min(k, RETRIEVE_LIMITS.topk);
    const size = Math.min(REQUEST_QUERIES, this.health?.limits?.queries ?? REQUEST_QUERIES);
    for (const part of chunk(queries, size)) {
      results.push(
        ...(await withRequestRetry(
          `the retriever ${this.endpoint.href}`,
          this.policy,
          signal,
          (limit) => this.request(part, topk, limit),
        )),
      );
    }
    return results;
  }

  getDocuments(): Promise<DocumentText[]> {
    return Promise.reject(
      new AppError("unsupported", "the /retrieve dialect has no way to ask for documents by id"),
    );
  }

  describe(): RetrieverDescription {
    const { href } = this.endpoint;
    const content = this.health?.key ?? null;
    const key = computeRetrievalKey(
      content === null ? ["remote", href] : ["remote content", content],
    );
    const title =
      content === null
        ? `${href}, known by its address only`
        : `${href} (${this.health?.retriever})`;
    return { kind: "remote", key, title, documents: this.health?.documents ?? null };
  }

  async close(): Promise<void> {}

  private async request(
    queries: readonly string[],
    topk: number,
    signal: AbortSignal,
  ): Promise<RankedDocument[][]> {
    const { status, headers, text } = await fetchText(this.endpoint, signal, {
      method: "POST",
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify({ queries, topk, return_scores: true }),
    });
    if (status !== 200) {
      const reason = `status ${status}: ${describeErrorBody(text)}`;
      if (isTransientStatus(status))
        throw new TransientFailure(reason, {}, parseRetryAfter(headers.get("retry-after")));
      const advice =
        status === 404
          ? "; is this the address of a /retrieve server?"
          : status === 401 || status === 403
            ? "; it wants credentials, which the /retrieve dialect does not know"
            : "";
      throw new AppError(
        "invalid-input",
        `the retriever ${this.endpoint.href} refused the request with ${reason}${advice}`,
      );
    }
    const served = headers.get(RETRIEVER_KEY_HEADER);
    if (this.health?.key && served !== this.health.key) {
      throw new AppError(
        "conflict",
        `the retriever ${this.endpoint.href} serves another corpus or encoder than when this run began; its documents would not belong to the same run. Start the service as it was, or start the run again`,
      );
    }
    return this.parse(text, queries.length, topk);
  }

  private parse(text: string, expected: number, topk: number): RankedDocument[][] {
    let body: unknown;
    try {
      body = JSON.parse(text);
    } catch (cause) {
      throw new TransientFailure(`the answer is not JSON: ${text.slice(0, 80)}`, { cause });
    }
    const { result } = parseOrThrow(
      retrieveResponseOfAnySchema,
      body,
      `the answer of the retriever ${this.endpoint.href}`,
    );
    if (result.length !== expected) {
      throw new AppError(
        "invalid-input",
        `the retriever ${this.endpoint.href} answered ${result.length} rankings to ${expected} queries`,
      );
    }
    return result.map((ranked) =>
      sortUnique(
        ranked.flatMap((hit, i) => {
          // A server without scores still gives an order, which 1 / rank keeps.
          const { document, score } =
            "document" in hit ? hit : { document: hit, score: 1 / (i + 1) };
          if (Math.abs(score) >= FILLER_SCORE) return [];
          const { id, title, text } = fromWireDocument(document);
          return [{ id, title, text, hash: hashDocument({ title, text }), score }];
        }),
      ).slice(0, topk),
    );
  }
}

/** Reads the server's /healthz; null where it has none. While the server starts, the request is repeated. */
async function readHealth(
  endpoint: URL,
  signal: AbortSignal | undefined,
  times: RequestRetryPolicy,
): Promise<RetrieveHealth | null> {
  const address = new URL(endpoint);
  address.pathname = address.pathname.replace(/\/retrieve$/, "/healthz");
  return withRequestRetry(`the retriever ${endpoint.href}`, times, signal, async (limit) => {
    const { status, headers, text } = await fetchText(address, limit, {});
    const body = retrieveHealthSchema.safeParse(parseJsonOrNull(text));
    if (status === 200) return body.success ? body.data : null;
    if (body.success)
      throw new TransientFailure(
        `it is ${body.data.status}`,
        {},
        parseRetryAfter(headers.get("retry-after")),
      );
    // These are a proxy's answers for a server that is down; any other status means that there is no /healthz.
    if (status === 502 || status === 503 || status === 504 || status === 429)
      throw new TransientFailure(
        `status ${status}: ${describeErrorBody(text)}`,
        {},
        parseRetryAfter(headers.get("retry-after")),
      );
    return null;
  });
}

async function fetchText(
  address: URL,
  signal: AbortSignal,
  init: RequestInit,
): Promise<{ status: number; headers: Headers; text: string }> {
  try {
    const response = await fetch(address, { ...init, signal });
    return { status: response.status, headers: response.headers, text: await response.text() };
  } catch (cause) {
    throw new TransientFailure(describeCause(cause), { cause });
  }
}

/** Sorts by score, the best first (equal scores in the server's order), and keeps each document once. */
function sortUnique(documents: RankedDocument[]): RankedDocument[] {
  const seen = new Set<string>();
  return documents
    .sort((a, b) => b.score - a.score)
    .filter(({ id }) => !seen.has(id) && seen.add(id));
}

function describeErrorBody(text: string): string {
  const error = retrieveErrorSchema.safeParse(parseJsonOrNull(text));
  return error.success ? error.data.error.message : text.slice(0, 200);
}
