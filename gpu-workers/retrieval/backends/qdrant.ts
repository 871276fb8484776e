import { createHash } from "node:crypto";
import { QdrantClient, QdrantClientResourceExhaustedError } from "@qdrant/js-client-rest";
import { z } from "zod";
import type { RetrieverConfigOfKind } from "@/contracts/run-config/retriever";
import { hashDocument } from "@/core/episode/document-hash";
import type { DocumentText } from "@/contracts/records/episode";
import { describeFetchError } from "@/lib/errors";
import { AppError, parseOrThrow } from "@/contracts/errors";
import { Encoder } from "@/gpu-workers/retrieval/encoders/encoder";
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

export type QdrantConfig = Omit<RetrieverConfigOfKind<"qdrant">, "kind">;

/** The part of an `Encoder` that is used here. */
export type QueryEncoder = Pick<
  Encoder,
  "encode" | "dim" | "fingerprint" | "name" | "variant" | "close"
>;

/** Queries sent in one request. */
const REQUEST_QUERIES = 64;
/** Ids asked for in one request. */
const REQUEST_IDS = 500;

const vectorParamsSchema = z.object({
  size: z.int(),
  distance: z.enum(["Cosine", "Dot", "Euclid", "Manhattan"]),
});
const collectionInfoSchema = z.object({
  status: z.enum(["green", "yellow", "grey", "red"]),
  points_count: z.int().nullish(),
  config: z.object({
    params: z.object({
      vectors: z.union([vectorParamsSchema, z.record(z.string(), vectorParamsSchema)]).optional(),
    }),
  }),
});
const pointIdSchema = z.union([z.string(), z.number()]).transform(String);
const payloadSchema = z.record(z.string(), z.unknown()).nullish();
const rankingsSchema = z.array(
  z.object({
    points: z.array(z.object({ id: pointIdSchema, score: z.number(), payload: payloadSchema })),
  }),
);
const pointsSchema = z.array(z.object({ id: pointIdSchema, payload: payloadSchema }));

/** The client's calls by the names of Qdrant's API; each takes a signal, and its answer is parsed here. */
type Api = ReturnType<QdrantClient["api"]>;

/** One collection of a Qdrant server. */
export class QdrantConnection {
  private readonly api: Api;

  constructor(
    readonly config: QdrantConfig,
    private readonly policy: RequestRetryPolicy = REQUEST_RETRY,
    environment: NodeJS.ProcessEnv = process.env,
  ) {
    const key = readCredential(config.credential, config.url, environment);
    const { pathname, origin } = new URL(config.url);
    // A redirection would take the key elsewhere, so none is followed.
    // No time-out of the client: it would replace our signal. No version check: it is a request of its own.
    this.api = new QdrantClient({
      url: origin,
      prefix: pathname.replace(/\/+$/, ""),
      timeout: Infinity,
      checkCompatibility: false,
      headers: key === undefined ? {} : { "api-key": key },
    }).api();
  }

  /** Server and collection, for errors and titles. */
  get name(): string {
    return `${new URL(this.config.url).origin}/${this.config.collection}`;
  }

  /** Sends a request, again after transient failures, and parses its result. @throws AppError with what to do */
  request<T extends z.ZodType>(
    schema: T,
    signal: AbortSignal | undefined,
    send: (api: Api, init: RequestInit) => Promise<{ data: { result?: unknown } }>,
  ): Promise<z.output<T>> {
    return withRequestRetry(this.name, this.policy, signal, async (limit) => {
      try {
        const { data } = await send(this.api, { signal: limit, redirect: "manual" });
        return parseOrThrow(schema, data.result, `the answer of ${this.name}`);
      } catch (error) {
        throw this.toFailure(error);
      }
    });
  }

  private toFailure(error: unknown): unknown {
    if (error instanceof AppError) return error;
    if (error instanceof QdrantClientResourceExhaustedError)
      return new TransientFailure(
        "status 429: too many requests",
        { cause: error },
        error.retry_after * 1000,
      );
    const answered = apiErrorSchema.safeParse(error);
    if (!answered.success) return new TransientFailure(describeFetchError(error), { cause: error });
    const { status, data } = answered.data;
    const stated = z.object({ status: z.object({ error: z.string() }) }).safeParse(data);
    const reason = `status ${status}: ${stated.success ? stated.data.status.error : (typeof data === "string" ? data : JSON.stringify(data ?? "")).slice(0, 200)}`;
    if (isTransientStatus(status)) return new TransientFailure(reason, { cause: error });
    const { credential, collection, url } = this.config;
    if (status === 401 || status === 403) {
      const advice =
        credential === null
          ? "name the environment variable that holds the API key under Key variable"
          : `the key in ${credential} is not accepted or may not read it`;
      return new AppError("unauthorized", `${this.name} wants credentials (${reason}); ${advice}`);
    }
    if (status === 404)
      return new AppError(
        "not-found",
        `${new URL(url).origin} has no collection ${JSON.stringify(collection)} (${reason}); check its name, or fill it with: npm run s3 -- corpus push`,
      );
    return new AppError("invalid-input", `${this.name} refused the request with ${reason}`);
  }
}

/** What the client throws for every status but 200 and 201. */
const apiErrorSchema = z.object({ status: z.int(), data: z.unknown() });

/** Searches the vectors of a Qdrant collection. Queries are encoded here, by the encoder that made its vectors. */
export class QdrantRetriever implements Retriever {
  private constructor(
    private readonly connection: QdrantConnection,
    private readonly encoder: QueryEncoder,
    private readonly count: number,
    private readonly vector: CollectionVector,
  ) {}

  /** Checks that the collection exists, holds points, and that its vectors have the encoder's length. */
  static async open(
    config: QdrantConfig,
    options: {
      signal?: AbortSignal;
      times?: RequestRetryPolicy;
      environment?: NodeJS.ProcessEnv;
      loadEncoder?: (name: string, variant: string) => Promise<QueryEncoder>;
    } = {},
  ): Promise<QdrantRetriever> {
    const connection = new QdrantConnection(config, options.times, options.environment);
    const { collection } = config;
    const info = await connection.request(collectionInfoSchema, options.signal, (api, init) =>
      api.getCollection({ collection_name: collection }, init),
    );
    if (info.status === "red")
      throw new AppError(
        "retriever-unavailable",
        `${connection.name} reports the state red: a part of it failed; see the server's log`,
      );
    const { points_count: count } = info;
    if (!count)
      throw new AppError(
        "invalid-input",
        `${connection.name} holds no points; fill it with: npm run s3 -- corpus push`,
      );
    const vector = findVector(info.config.params.vectors, connection.name);
    const encoder = await (
      options.loadEncoder ?? ((name: string, variant: string) => Encoder.load(name, variant))
    )(config.encoder, config.variant);
    if (encoder.dim !== vector.size) {
      await encoder.close();
      throw new AppError(
        "invalid-input",
        `the vectors of ${connection.name} have ${vector.size} numbers, those of the encoder ${config.encoder} ${encoder.dim}; choose the encoder that the collection was filled with`,
      );
    }
    return new QdrantRetriever(connection, encoder, count, vector);
  }

  async search(
    queries: readonly string[],
    k: number,
    signal?: AbortSignal,
  ): Promise<RankedDocument[][]> {
    if (queries.length === 0) return [];
    const { dim } = this.encoder;
    const vectors = await this.encoder.encode(queries, "query", { signal });
    const results: RankedDocument[][] = [];
    for (let start = 0; start < queries.length; start += REQUEST_QUERIES) {
      const rows = Array.from(
        { length: Math.min(REQUEST_QUERIES, queries.length - start) },
        (_, i) => start + i,
      );
      const using = this.vector.name;
      const searches = rows.map((row) => ({
        query: Array.from(vectors.subarray(row * dim, (row + 1) * dim)),
        limit: k,
        with_payload: true,
        ...(using === null ? {} : { using }),
      }));
      const part = await this.connection.request(rankingsSchema, signal, (api, init) =>
        api.queryBatchPoints(
          { collection_name: this.connection.config.collection, searches },
          init,
        ),
      );
      if (part.length !== rows.length)
        throw new AppError(
          "invalid-input",
          `${this.connection.name} answered ${part.length} rankings to ${rows.length} queries`,
        );
      // A smaller distance is better, a higher score is.
      const sign = this.vector.isDistance ? -1 : 1;
      results.push(
        ...part.map(({ points }) =>
          points.slice(0, k).map(({ id, score, payload }) => ({
            ...this.toDocument(id, payload),
            score: score * sign,
          })),
        ),
      );
    }
    return results;
  }

  async getDocuments(ids: readonly string[]): Promise<DocumentText[]> {
    const found: DocumentText[] = [];
    for (const part of chunk(ids, REQUEST_IDS)) {
      const candidates = [...new Set(part.flatMap(listPointIds))];
      const retrieved = await this.connection.request(pointsSchema, undefined, (api, init) =>
        api.getPoints(
          {
            collection_name: this.connection.config.collection,
            ids: candidates,
            with_payload: true,
          },
          init,
        ),
      );
      const byId = new Map(
        retrieved
          .map(({ id, payload }) => this.toDocument(id, payload))
          .map((document) => [document.id, document]),
      );
      for (const id of part) {
        const document = byId.get(id);
        if (!document)
          throw new AppError(
            "not-found",
            `${this.connection.name} has no document ${JSON.stringify(id)}`,
          );
        found.push(document);
      }
    }
    return found;
  }

  describe(): RetrieverDescription {
    const { url, collection } = this.connection.config;
    const key = computeRetrievalKey([
      "qdrant",
      new URL(url).href,
      collection,
      this.count,
      this.vector,
      this.encoder.fingerprint,
    ]);
    return {
      kind: "qdrant",
      key,
      title: `${this.connection.name}, ${this.encoder.name} ${this.encoder.variant}`,
      documents: this.count,
    };
  }

  close(): Promise<void> {
    return this.encoder.close();
  }

  /** Makes a document of a point; its id is that in the payload where there is one, because Qdrant's ids are numbers or UUIDs. */
  private toDocument(
    id: string,
    payload: Record<string, unknown> | null | undefined,
  ): DocumentText {
    const text = payload?.text;
    if (typeof text !== "string")
      throw new AppError(
        "invalid-input",
        `the point ${id} of ${this.connection.name} has no text in its payload; every point needs the payload {id, title, text}`,
      );
    const title = typeof payload?.title === "string" ? payload.title : "";
    const own = payload?.id;
    return {
      id: typeof own === "string" || typeof own === "number" ? String(own) : id,
      title,
      text,
      hash: hashDocument({ title, text }),
    };
  }
}

interface CollectionVector {
  /** Null for the collection's one unnamed vector. */
  name: string | null;
  size: number;
  /** Whether scores are distances: smaller is nearer. */
  isDistance: boolean;
}

function findVector(
  vectors: z.output<typeof collectionInfoSchema>["config"]["params"]["vectors"],
  name: string,
): CollectionVector {
  const describe = (
    own: string | null,
    { size, distance }: z.output<typeof vectorParamsSchema>,
  ): CollectionVector => ({
    name: own,
    size,
    isDistance: distance === "Euclid" || distance === "Manhattan",
  });
  const single = vectorParamsSchema.safeParse(vectors);
  if (single.success) return describe(null, single.data);
  const named = Object.entries(
    (vectors ?? {}) as Record<string, z.output<typeof vectorParamsSchema>>,
  );
  const [only] = named;
  if (only && named.length === 1) return describe(...only);
  throw new AppError(
    "unsupported",
    named.length === 0
      ? `${name} has no dense vectors`
      : `${name} has several vectors (${named.map(([own]) => own).join(", ")}); a collection with one is needed`,
  );
}

/** Computes the point id of a document that is pushed from a corpus: a UUID of its id, so that a second push replaces it. */
export function computePointId(documentId: string): string {
  const hex = createHash("sha256").update(`s3 document ${documentId}`).digest("hex");
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-8${hex.slice(13, 16)}-a${hex.slice(17, 20)}-${hex.slice(20, 32)}`;
}

/** Lists the point ids that a document may have: that of a pushed document, or its own id where Qdrant allows it. */
function listPointIds(documentId: string): (string | number)[] {
  const number = /^\d{1,15}$/.test(documentId) ? [Number(documentId)] : [];
  return [
    computePointId(documentId),
    ...number,
    ...(z.uuid().safeParse(documentId).success ? [documentId] : []),
  ];
}
