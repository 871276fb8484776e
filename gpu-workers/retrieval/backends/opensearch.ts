import { Client, errors } from "@opensearch-project/opensearch";
import { z } from "zod";
import type { RetrieverConfigOfKind } from "@/contracts/run-config/retriever";
import { hashDocument } from "@/core/episode/document-hash";
import type { DocumentText } from "@/contracts/records/episode";
import { parseRetryAfter } from "@/lib/retry";
import { describeFetchError } from "@/lib/errors";
import { AppError, parseOrThrow } from "@/contracts/errors";
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
  withRequestRetry,
} from "@/gpu-workers/retrieval/request-retry";
import { chunk } from "@/lib/chunk";
import { readCredential } from "@/gpu-workers/runtime/credentials";

export type OpenSearchConfig = Omit<RetrieverConfigOfKind<"opensearch">, "kind">;

/** Queries sent in one _msearch. */
const REQUEST_QUERIES = 64;
/** Ids asked for in one _mget. */
const REQUEST_IDS = 500;

const countResponseSchema = z.object({ count: z.int(), _shards: z.object({ failed: z.int() }) });
const fieldsResponseSchema = z.object({
  fields: z.record(z.string(), z.record(z.string(), z.object({ searchable: z.boolean() }))),
});
const settingsResponseSchema = z.record(
  z.string(),
  z.object({ settings: z.object({ index: z.object({ uuid: z.string().optional() }) }) }),
);
const sourceSchema = z.record(z.string(), z.unknown());
const searchResponseSchema = z.object({
  timed_out: z.boolean(),
  _shards: z.object({ failed: z.int() }),
  hits: z.object({
    hits: z.array(
      z.object({ _id: z.string(), _score: z.number(), _source: sourceSchema.optional() }),
    ),
  }),
});
const failedResponseSchema = z.object({
  status: z.int(),
  error: z.union([z.string(), z.record(z.string(), z.unknown())]),
});
const msearchResponseSchema = z.object({
  responses: z.array(z.union([failedResponseSchema, searchResponseSchema])),
});
const mgetResponseSchema = z.object({
  docs: z.array(
    z.object({
      _id: z.string(),
      found: z.boolean().optional(),
      _source: sourceSchema.optional(),
      error: z.unknown().optional(),
    }),
  ),
});

/** A request of the client: a promise that can be aborted. */
type Request = PromiseLike<{ body: unknown }> & { abort(): void };

/**
 * An OpenSearch or Elasticsearch server over its HTTP API, with OpenSearch's client, which does not check the product.
 * Only requests that both servers answer in the same form are sent: _count, _field_caps, _settings, _msearch, _mget,
 * _bulk.
 */
export class OpenSearchConnection {
  private readonly client: Client;

  constructor(
    readonly config: OpenSearchConfig,
    private readonly policy: RequestRetryPolicy = REQUEST_RETRY,
    environment: NodeJS.ProcessEnv = process.env,
  ) {
    const key = readCredential(config.credential, config.url, environment);
    // Retries and time-outs are those of withRequestRetry: the client's have no backoff.
    this.client = new Client({
      node: config.url,
      maxRetries: 0,
      requestTimeout: policy.requestMs * 2,
      headers: key === undefined ? {} : { authorization: buildAuthorization(key) },
    });
  }

  /** Server and index, for errors and titles. */
  get name(): string {
    return `${new URL(this.config.url).origin}/${this.config.index}`;
  }

  /** Sends a request, again after transient failures, and parses the answer. @throws AppError with what to do */
  request<T extends z.ZodType>(
    schema: T,
    signal: AbortSignal | undefined,
    send: (client: Client) => Request,
  ): Promise<z.output<T>> {
    return withRequestRetry(this.name, this.policy, signal, async (limit) => {
      const request = send(this.client);
      // `abort` returns the request, and a listener that returns a promise turns its rejection into an uncaught exception.
      const abort = (): void => {
        request.abort();
      };
      limit.addEventListener("abort", abort, { once: true });
      try {
        const { body } = await request;
        return parseOrThrow(schema, body, `the answer of ${this.name}`);
      } catch (error) {
        throw this.toFailure(error);
      } finally {
        limit.removeEventListener("abort", abort);
      }
    });
  }

  close(): Promise<void> {
    return this.client.close();
  }

  /** Turns an error of the client into one that says what to do. */
  toFailure(error: unknown): unknown {
    if (error instanceof AppError) return error;
    if (error instanceof errors.ResponseError) {
      const { statusCode, body, headers } = error;
      return this.toRefusal(statusCode, body, headers?.["retry-after"] as string | undefined);
    }
    if (error instanceof errors.DeserializationError)
      return new TransientFailure("the answer is not JSON", { cause: error });
    if (error instanceof errors.OpenSearchClientError)
      return new TransientFailure(describeFetchError(error), { cause: error });
    return error;
  }

  /** The error for an error status, of a whole answer or of one search in it. */
  toRefusal(status: number, body: unknown, retryHeader = ""): AppError {
    const reason = `status ${status}: ${describeErrorBody(body)}`;
    if (isTransientStatus(status))
      return new TransientFailure(reason, {}, parseRetryAfter(retryHeader));
    const { credential, index } = this.config;
    if (status === 401) {
      const advice =
        credential === null
          ? "name the environment variable that holds the API key under Key variable"
          : `the key in ${credential} is not accepted`;
      return new AppError("unauthorized", `${this.name} wants credentials (${reason}); ${advice}`);
    }
    if (status === 403)
      return new AppError(
        "unauthorized",
        `the credentials may not read ${this.name} (${reason}); they need the privileges read and view_index_metadata on it`,
      );
    if (status === 404)
      return new AppError(
        "not-found",
        `${new URL(this.config.url).origin} has no index ${JSON.stringify(index)} (${reason}); check its name, or fill it with: npm run s3 -- corpus push`,
      );
    if (/too_many_(nested_)?clauses|maxClauseCount/.test(reason))
      return new AppError(
        "invalid-input",
        `the query has more words than ${this.name} takes (${reason}); shorten it, or raise indices.query.bool.max_clause_count there`,
      );
    return new AppError("invalid-input", `${this.name} refused the request with ${reason}`);
  }
}

/** BM25 of an OpenSearch or Elasticsearch index: the scores of title and text are added. */
export class OpenSearchRetriever implements Retriever {
  private constructor(
    private readonly connection: OpenSearchConnection,
    private readonly count: number,
    /** Uuids of the indexes behind the name, so that another index under the same name has another key. */
    private readonly uuids: readonly string[],
    private readonly hasTitle: boolean,
  ) {}

  /** Checks that the index exists, holds documents and has the fields. @throws AppError with what to do */
  static async open(
    config: OpenSearchConfig,
    options: {
      signal?: AbortSignal;
      times?: RequestRetryPolicy;
      environment?: NodeJS.ProcessEnv;
    } = {},
  ): Promise<OpenSearchRetriever> {
    const { signal } = options;
    const connection = new OpenSearchConnection(config, options.times, options.environment);
    try {
      const { index, titleField, textField } = config;
      const { count } = await connection.request(countResponseSchema, signal, (client) =>
        client.count({ index }),
      );
      if (count === 0)
        throw new AppError(
          "invalid-input",
          `${connection.name} holds no documents; fill it with: npm run s3 -- corpus push`,
        );
      const { fields } = await connection.request(fieldsResponseSchema, signal, (client) =>
        client.fieldCaps({ index, fields: ["*"] }),
      );
      const searchable = Object.entries(fields).flatMap(([name, types]) =>
        Object.values(types).some((type) => type.searchable) && !name.startsWith("_") ? [name] : [],
      );
      if (!searchable.includes(textField)) {
        throw new AppError(
          "invalid-input",
          `${connection.name} has no searchable field ${JSON.stringify(textField)}; set Text field to one of: ${searchable.slice(0, 30).join(", ")}`,
        );
      }
      const hasTitle = searchable.includes(titleField);
      // The default title field may be missing: many indexes have no titles.
      if (!hasTitle && titleField !== "title")
        throw new AppError(
          "invalid-input",
          `${connection.name} has no searchable field ${JSON.stringify(titleField)}; set Title field to one of: ${searchable.slice(0, 30).join(", ")}`,
        );
      const settings = await connection.request(settingsResponseSchema, signal, (client) =>
        client.indices.getSettings({ index }),
      );
      const uuids = Object.values(settings)
        .flatMap(({ settings }) => settings.index.uuid ?? [])
        .sort();
      return new OpenSearchRetriever(connection, count, uuids, hasTitle);
    } catch (error) {
      await connection.close();
      throw error;
    }
  }

  async search(
    queries: readonly string[],
    k: number,
    signal?: AbortSignal,
  ): Promise<RankedDocument[][]> {
    const results: RankedDocument[][] = [];
    for (const part of chunk(queries, REQUEST_QUERIES)) {
      results.push(...(await this.searchBatch(part, k, signal)));
    }
    return results;
  }

  async getDocuments(ids: readonly string[]): Promise<DocumentText[]> {
    const found: DocumentText[] = [];
    for (const part of chunk(ids, REQUEST_IDS)) {
      const { index } = this.connection.config;
      const { docs } = await this.connection.request(mgetResponseSchema, undefined, (client) =>
        client.mget({ index, _source: this.sourceFields, body: { ids: part } }),
      );
      const byId = new Map(docs.filter(({ found }) => found).map((doc) => [doc._id, doc._source]));
      for (const id of part) {
        if (!byId.has(id))
          throw new AppError(
            "not-found",
            `${this.connection.name} has no document ${JSON.stringify(id)}`,
          );
        found.push(this.toDocument(id, byId.get(id)));
      }
    }
    return found;
  }

  describe(): RetrieverDescription {
    const { index, titleField, textField, url } = this.connection.config;
    const key = computeRetrievalKey([
      "opensearch",
      new URL(url).href,
      index,
      this.uuids,
      this.count,
      this.hasTitle ? titleField : null,
      textField,
    ]);
    return {
      kind: "opensearch",
      key,
      title: `${this.connection.name}, BM25`,
      documents: this.count,
    };
  }

  close(): Promise<void> {
    return this.connection.close();
  }

  private get sourceFields(): string[] {
    const { titleField, textField } = this.connection.config;
    return this.hasTitle ? [titleField, textField] : [textField];
  }

  private async searchBatch(
    queries: readonly string[],
    k: number,
    signal?: AbortSignal,
  ): Promise<RankedDocument[][]> {
    const { index } = this.connection.config;
    const body = queries.flatMap((query) => [
      {},
      {
        size: k,
        _source: this.sourceFields,
        query: { multi_match: { query, fields: this.sourceFields, type: "most_fields" as const } },
      },
    ]);
    const rankingsSchema = z
      .object({})
      .loose()
      .transform((raw) => {
        const { responses } = parseOrThrow(
          msearchResponseSchema,
          raw,
          `the answer of ${this.connection.name}`,
        );
        if (responses.length !== queries.length)
          throw new AppError(
            "invalid-input",
            `${this.connection.name} answered ${responses.length} rankings to ${queries.length} queries`,
          );
        return responses.map((response) => {
          if ("error" in response) throw this.connection.toRefusal(response.status, response);
          // Where a part of the index does not answer, documents are missing: a failure, not a ranking.
          if (response.timed_out)
            throw new TransientFailure("the search ran out of time on the server");
          if (response._shards.failed > 0)
            throw new TransientFailure(`${response._shards.failed} shards failed`);
          return response.hits.hits;
        });
      });
    const rankings = await this.connection.request(rankingsSchema, signal, (client) =>
      client.msearch({ index, body }),
    );
    return rankings.map((hits) =>
      hits
        .slice(0, k)
        .map(({ _id, _score, _source }) => ({ ...this.toDocument(_id, _source), score: _score })),
    );
  }

  private toDocument(id: string, source: Record<string, unknown> | undefined): DocumentText {
    const { titleField, textField } = this.connection.config;
    const text = readTextAt(source, textField);
    if (text === undefined)
      throw new AppError(
        "invalid-input",
        `the document ${JSON.stringify(id)} of ${this.connection.name} has no text in its field ${JSON.stringify(textField)}; set Text field to the one that holds the passage`,
      );
    const title = readTextAt(source, titleField) ?? "";
    return { id, title, text, hash: hashDocument({ title, text }) };
  }
}

/** Reads the text of a field by its path; several values are joined in the order of the index. */
function readTextAt(source: Record<string, unknown> | undefined, path: string): string | undefined {
  let value: unknown = source;
  if (source && path in source) value = source[path];
  else
    for (const part of path.split("."))
      value =
        typeof value === "object" && value !== null
          ? (value as Record<string, unknown>)[part]
          : undefined;
  if (typeof value === "string") return value;
  return Array.isArray(value) && value.every((item) => typeof item === "string")
    ? value.join("\n")
    : undefined;
}

/**
 * Builds the Authorization header: a whole header value is used as it is, `user:password` as basic authentication,
 * anything else as an API key.
 */
function buildAuthorization(key: string): string {
  if (/^(ApiKey|Basic|Bearer) /i.test(key)) return key;
  return key.includes(":") ? `Basic ${Buffer.from(key).toString("base64")}` : `ApiKey ${key}`;
}

/** Describes an error body; both servers send {error: {type, reason, root_cause}} or {error: "text"}. */
function describeErrorBody(body: unknown): string {
  const detailed = z
    .object({
      error: z.object({
        type: z.string(),
        reason: z.string().nullish(),
        root_cause: z
          .array(z.object({ type: z.string(), reason: z.string().nullish() }))
          .optional(),
      }),
    })
    .safeParse(body);
  if (!detailed.success)
    return (typeof body === "string" ? body : JSON.stringify(body ?? "")).slice(0, 300);
  const { error } = detailed.data;
  const cause = error.root_cause?.[0] ?? error;
  return `${cause.type}: ${cause.reason ?? ""}`.slice(0, 300);
}
