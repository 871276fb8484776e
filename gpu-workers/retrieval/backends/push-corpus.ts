import { z } from "zod";
import type { RetrieverConfigOfKind } from "@/contracts/run-config/retriever";
import type { CorpusRecord } from "@/contracts/formats/corpus-lines";
import { AppError } from "@/contracts/errors";
import { readCorpus } from "@/gpu-workers/corpora/file/corpus-file";
import { Encoder } from "@/gpu-workers/retrieval/encoders/encoder";
import { OpenSearchConnection } from "./opensearch";
import { QdrantConnection, computePointId, type QueryEncoder } from "./qdrant";
import { formatPassage } from "@/gpu-workers/retrieval/corpus/passage-text";
import {
  TransientFailure,
  isTransientStatus,
  type RequestRetryPolicy,
} from "@/gpu-workers/retrieval/request-retry";

/** A server that a corpus is written into. */
interface PushTarget {
  /** Creates the index or collection where it is missing. @throws AppError where it exists with other settings */
  prepare(): Promise<void>;
  /** Ids of those documents that the server holds already. */
  findPresent(ids: readonly string[]): Promise<ReadonlySet<string>>;
  write(documents: readonly CorpusRecord[]): Promise<void>;
  /** Makes all documents visible to searches, after the last one was written. @returns how many the server holds */
  finish(): Promise<number>;
  close(): Promise<void>;
}

export interface PushOptions {
  /** Writes documents again that the server holds already, for example after their texts changed. */
  replace?: boolean;
  signal?: AbortSignal;
  times?: RequestRetryPolicy;
  environment?: NodeJS.ProcessEnv;
  loadEncoder?: (name: string, variant: string) => Promise<QueryEncoder>;
  onProgress?: (read: number, written: number) => void;
}

/** Documents in one request. */
const BATCH = 256;

/**
 * Writes a corpus into the server of a retriever, in batches and in constant memory. Documents keep their ids, so that
 * a push that was interrupted can be repeated: documents that the server holds are neither encoded nor sent again.
 *
 * @returns documents read, documents written now, and documents there at the end
 */
export async function pushCorpus(
  path: string,
  config: RetrieverConfigOfKind<"opensearch" | "qdrant">,
  options: PushOptions = {},
): Promise<{ read: number; written: number; total: number }> {
  const target =
    config.kind === "opensearch"
      ? new OpenSearchTarget(config, options)
      : await QdrantTarget.open(config, options);
  try {
    await target.prepare();
    let [read, written] = [0, 0];
    const send = async (batch: readonly CorpusRecord[]): Promise<void> => {
      if (options.signal?.aborted)
        throw new AppError(
          "cancelled",
          "the push was cancelled; the same command goes on where it stopped",
        );
      const present = options.replace
        ? new Set<string>()
        : await target.findPresent(batch.map(({ id }) => id));
      const missing = batch.filter(({ id }) => !present.has(id));
      if (missing.length > 0) await target.write(missing);
      read += batch.length;
      written += missing.length;
      options.onProgress?.(read, written);
    };
    let batch: CorpusRecord[] = [];
    for await (const { record } of readCorpus(path)) {
      batch.push(record);
      if (batch.length < BATCH) continue;
      await send(batch);
      batch = [];
    }
    if (batch.length > 0) await send(batch);
    return { read, written, total: await target.finish() };
  } finally {
    await target.close();
  }
}

const anythingSchema = z.unknown();
const bulkResponseSchema = z.object({
  errors: z.boolean(),
  items: z.array(
    z.record(
      z.string(),
      z.object({
        status: z.int(),
        error: z.object({ type: z.string(), reason: z.string().nullish() }).optional(),
      }),
    ),
  ),
});

class OpenSearchTarget implements PushTarget {
  private readonly connection: OpenSearchConnection;
  private readonly signal: AbortSignal | undefined;

  constructor(
    private readonly config: RetrieverConfigOfKind<"opensearch">,
    { times, environment, signal }: PushOptions,
  ) {
    this.connection = new OpenSearchConnection(config, times, environment);
    this.signal = signal;
  }

  async prepare(): Promise<void> {
    const { index, titleField, textField } = this.config;
    const exists = await this.connection.request(z.boolean(), this.signal, (client) =>
      client.indices.exists({ index }),
    );
    if (exists) return;
    const text = { type: "text" as const, analyzer: "english" };
    await this.connection.request(anythingSchema, this.signal, (client) =>
      client.indices.create({
        index,
        body: { mappings: { properties: { [titleField]: text, [textField]: text } } },
      }),
    );
  }

  async findPresent(ids: readonly string[]): Promise<ReadonlySet<string>> {
    const { index } = this.config;
    const foundSchema = z.object({
      docs: z.array(z.object({ _id: z.string(), found: z.boolean().optional() })),
    });
    const { docs } = await this.connection.request(foundSchema, this.signal, (client) =>
      client.mget({ index, _source: false, body: { ids: [...ids] } }),
    );
    return new Set(docs.flatMap(({ _id, found }) => (found ? _id : [])));
  }

  async write(documents: readonly CorpusRecord[]): Promise<void> {
    const { index, titleField, textField } = this.config;
    const body = documents.flatMap(({ id, title, text }) => [
      { index: { _id: id } },
      { [titleField]: title, [textField]: text },
    ]);
    const acceptedSchema = bulkResponseSchema.transform(({ items }) => {
      for (const item of items.flatMap((one) => Object.values(one))) {
        if (!item.error) continue;
        const reason = `${item.error.type}: ${item.error.reason ?? ""}`;
        throw isTransientStatus(item.status)
          ? new TransientFailure(reason)
          : new AppError(
              "invalid-input",
              `${this.connection.name} did not take a document: ${reason}`,
            );
      }
    });
    await this.connection.request(acceptedSchema, this.signal, (client) =>
      client.bulk({ index, body }),
    );
  }

  async finish(): Promise<number> {
    const { index } = this.config;
    await this.connection.request(anythingSchema, this.signal, (client) =>
      client.indices.refresh({ index }),
    );
    return (
      await this.connection.request(z.object({ count: z.int() }), this.signal, (client) =>
        client.count({ index }),
      )
    ).count;
  }

  close(): Promise<void> {
    return this.connection.close();
  }
}

class QdrantTarget implements PushTarget {
  private constructor(
    private readonly config: RetrieverConfigOfKind<"qdrant">,
    private readonly connection: QdrantConnection,
    private readonly encoder: QueryEncoder,
    private readonly signal: AbortSignal | undefined,
  ) {}

  static async open(
    config: RetrieverConfigOfKind<"qdrant">,
    options: PushOptions,
  ): Promise<QdrantTarget> {
    const connection = new QdrantConnection(config, options.times, options.environment);
    const load =
      options.loadEncoder ?? ((name: string, variant: string) => Encoder.load(name, variant));
    return new QdrantTarget(
      config,
      connection,
      await load(config.encoder, config.variant),
      options.signal,
    );
  }

  private get name(): { collection_name: string } {
    return { collection_name: this.config.collection };
  }

  async prepare(): Promise<void> {
    const { exists } = await this.connection.request(
      z.object({ exists: z.boolean() }),
      this.signal,
      (api, init) => api.collectionExists(this.name, init),
    );
    if (!exists) {
      // Encoders' vectors are compared by their inner product.
      await this.connection.request(anythingSchema, this.signal, (api, init) =>
        api.createCollection(
          { ...this.name, vectors: { size: this.encoder.dim, distance: "Dot" } },
          init,
        ),
      );
      return;
    }
    const singleVectorSchema = z.object({
      config: z.object({ params: z.object({ vectors: z.object({ size: z.int() }) }) }),
    });
    const { config } = await this.connection.request(singleVectorSchema, this.signal, (api, init) =>
      api.getCollection(this.name, init),
    );
    const { size } = config.params.vectors;
    if (size !== this.encoder.dim)
      throw new AppError(
        "conflict",
        `${this.connection.name} exists with vectors of ${size} numbers, those of the encoder ${this.config.encoder} have ${this.encoder.dim}; choose another collection`,
      );
  }

  async findPresent(ids: readonly string[]): Promise<ReadonlySet<string>> {
    const pointsSchema = z.array(
      z.object({ id: z.union([z.string(), z.number()]).transform(String) }),
    );
    const found = await this.connection.request(pointsSchema, this.signal, (api, init) =>
      api.getPoints(
        { ...this.name, ids: ids.map(computePointId), with_payload: false, with_vector: false },
        init,
      ),
    );
    const present = new Set(found.map(({ id }) => id));
    return new Set(ids.filter((id) => present.has(computePointId(id))));
  }

  async write(documents: readonly CorpusRecord[]): Promise<void> {
    const { dim } = this.encoder;
    const vectors = await this.encoder.encode(documents.map(formatPassage), "passage", {
      signal: this.signal,
    });
    const points = documents.map(({ id, title, text }, row) => ({
      id: computePointId(id),
      vector: Array.from(vectors.subarray(row * dim, (row + 1) * dim)),
      payload: { id, title, text },
    }));
    await this.connection.request(anythingSchema, this.signal, (api, init) =>
      api.upsertPoints({ ...this.name, wait: true, points }, init),
    );
  }

  async finish(): Promise<number> {
    const { count } = await this.connection.request(
      z.object({ count: z.int() }),
      this.signal,
      (api, init) => api.countPoints({ ...this.name, exact: true }, init),
    );
    return count;
  }

  close(): Promise<void> {
    return this.encoder.close();
  }
}
