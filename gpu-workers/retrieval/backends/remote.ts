import { hashDocument } from "@/core/episode/document-hash";
import type { DocumentText } from "@/contracts/records/episode";
import { parseJsonOrNull, parsePythonJsonOrNull } from "@/lib/json";
import { parseRetryAfter } from "@/lib/retry";
import { AppError, parseOrThrow } from "@/contracts/errors";
import {
  RETRIEVE_LIMITS,
  RETRIEVER_KEY_HEADER,
  retrieveErrorSchema,
  retrieveHealthSchema,
  retrieveResponseOfAnySchema,
  type AnyHit,
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
  fetchText,
  isTransientStatus,
  withRequestRetry,
} from "@/gpu-workers/retrieval/request-retry";
import { chunk } from "@/lib/chunk";

/** Queries sent in one request. */
const REQUEST_QUERIES = 256;

/** FAISS fills places without a document with the largest float and row -1; such a hit is no result. */
const FILLER_SCORE = 3.4e38;

/**
 * A retriever behind any server that speaks upstream's /retrieve protocol, whose order is kept. Transient failures (no connection, time-out,
 * 429, 5xx) are tried again with backoff, then thrown as `retriever-unavailable`; an error never becomes a document.
 */
export class RemoteRetriever implements Retriever {
  private constructor(
    private readonly endpoint: URL,
    /** The server's /healthz; null where it has none, as upstream's server. */
    private readonly health: RetrieveHealth | null,
    private readonly headers: Record<string, string>,
    private readonly policy: RequestRetryPolicy,
  ) {}

  /**
   * Connects to a server. Our own service names the content it ranks (corpus, encoder, settings), which becomes the
   * cache key; any other server is identified by its address, and must answer one query.
   *
   * @param url address of the server, with or without the path /retrieve; the `?token=` of our own service is sent as a
   *   header, and named nowhere
   * @throws AppError `retriever-unavailable`, `invalid-input` where something else answers there
   */
  static async open(
    url: string,
    { signal, times = REQUEST_RETRY }: { signal?: AbortSignal; times?: RequestRetryPolicy } = {},
  ): Promise<RemoteRetriever> {
    const endpoint = new URL(url);
    if (!endpoint.pathname.endsWith("/retrieve"))
      endpoint.pathname = `${endpoint.pathname.replace(/\/$/, "")}/retrieve`;
    const bare = new URL(endpoint);
    bare.searchParams.delete("token");
    const health = await readHealth(bare, signal, times);
    const token = health ? endpoint.searchParams.get("token") : null;
    const headers: Record<string, string> = token ? { authorization: `Bearer ${token}` } : {};
    const retriever = new RemoteRetriever(health ? bare : endpoint, health, headers, times);
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
      // The second version keeps the server's order, whatever its scores mean; the third, other texts under one id.
      content === null ? ["remote", href, 3] : ["remote content", content],
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
      headers: { ...this.headers, "Content-Type": "application/json" },
      body: JSON.stringify({ queries, topk, return_scores: true }),
    });
    if (status !== 200) {
      const reason = `status ${status}: ${describeErrorBody(text)}`;
      if (isTransientStatus(status))
        throw new TransientFailure(reason, {}, parseRetryAfter(headers.get("retry-after")));
      const advice =
        status >= 300 && status < 400
          ? `; it redirects to ${headers.get("location") ?? "elsewhere"}, which is not followed: give that address`
          : status === 404
            ? "; is this the address of a /retrieve server?"
            : status === 401 || status === 403
              ? "; it wants credentials: one of ours gives its address with a ?token="
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
    const body = parsePythonJsonOrNull(text);
    if (body === null) throw new TransientFailure(`the answer is not JSON: ${text.slice(0, 80)}`);
    const { result } = parseOrThrow(
      retrieveResponseOfAnySchema,
      body,
      `the answer of the retriever ${this.endpoint.href}, ${JSON.stringify(text.slice(0, 120))},`,
    );
    if (result.length !== expected) {
      throw new AppError(
        "invalid-input",
        `the retriever ${this.endpoint.href} answered ${result.length} rankings to ${expected} queries`,
      );
    }
    return result.map((hits) => rankHits(hits).slice(0, topk));
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

/**
 * Documents in the server's order, each once. Scores that do not fall along it (distances, or none) say nothing that
 * others could compare: 1 / rank takes their place. A document without an id is known by its content, one with the id of
 * another text before it by both.
 */
function rankHits(hits: AnyHit[]): RankedDocument[] {
  const hashes = new Map<string, string>();
  const found = hits.flatMap(({ document: { id: given, ...sent }, score }) => {
    const hash = hashDocument(sent);
    const content = hash.slice(0, 16);
    const own = given ?? `content-${content}`;
    const id = (hashes.get(own) ?? hash) === hash ? own : `${own}#${content}`;
    const isFiller = score !== null && Math.abs(score) >= FILLER_SCORE;
    if (isFiller || hashes.has(id)) return [];
    hashes.set(id, hash);
    return [{ ...sent, id, hash, score }];
  });
  const falls = found.every(
    ({ score }, i) => score !== null && score <= (found[i - 1]?.score ?? Infinity),
  );
  return found.map((document, i) => ({
    ...document,
    score: falls ? (document.score ?? 0) : 1 / (i + 1),
  }));
}

function describeErrorBody(text: string): string {
  const error = retrieveErrorSchema.safeParse(parseJsonOrNull(text));
  return error.success ? error.data.error.message : text.slice(0, 200);
}
