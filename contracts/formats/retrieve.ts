import { z } from "zod";
import { type CorpusRecord, formatContents, parseContents, withContents } from "./corpus-lines";

/**
 * The /retrieve dialect of upstream's retrieval server (s3/search/retrieval_server.py): a batch of queries in, a ranked
 * list for each out. Upstream's server fails where `return_scores` is false; ours answers bare documents then.
 */

/** Upper limits of a request; the settings of a serve run cannot exceed them. */
export const RETRIEVE_LIMITS = {
  /** Queries in one request. */
  queries: 512,
  /** Characters of a query; the encoder reads its first tokens only, but nothing shorter is cut silently. */
  queryCharacters: 200_000,
  topk: 1000,
} as const;
/** Documents a query where neither request nor service says how many. */
export const DEFAULT_TOPK = 3;

export type RetrieveLimits = { readonly [K in keyof typeof RETRIEVE_LIMITS]: number };

/**
 * The schema of a request to a service with these limits.
 * @param defaultTopk documents a query where the request names no `topk`
 */
export const buildRetrieveRequestSchema = (limits: RetrieveLimits, defaultTopk: number) =>
  z.object({
    queries: z
      .array(
        z
          .string()
          .max(limits.queryCharacters, `a query has at most ${limits.queryCharacters} characters`),
      )
      .min(1, "needs at least one query")
      .max(limits.queries, `at most ${limits.queries} queries in one request`),
    topk: z
      .int()
      .min(1)
      .max(limits.topk, `at most ${limits.topk} documents a query`)
      .nullish()
      .transform((k) => k ?? defaultTopk),
    return_scores: z.boolean().default(false),
  });

/**
 * A document on the wire: title and text, and both in one field as the corpus line has them. Upstream's clients read
 * `contents`, those for its cube data `title` and `text`. Other fields are ignored.
 */
const wireDocumentSchema = z.object({
  id: z.string(),
  title: z.string(),
  text: z.string(),
  contents: z.string(),
});
export type WireDocument = z.output<typeof wireDocumentSchema>;

const scoredWireDocumentSchema = z.object({
  document: wireDocumentSchema,
  score: z.number(),
});

export const retrieveResponseWithScoresSchema = z.object({
  result: z.array(z.array(scoredWireDocumentSchema)),
});
export const retrieveResponseSchema = z.object({ result: z.array(z.array(wireDocumentSchema)) });

/**
 * A document as any server of the dialect gives it: an object, or a text alone. Title and text are the fields of that
 * name where there is a text (`text`, else `content`), else they are read out of `contents`, or the text alone, as those
 * of a corpus line; a title beside `contents` is the title. A document without an id is known by its content.
 */
interface AnyDocument {
  /** Null where it has none. */
  id: string | null;
  title: string;
  text: string;
  /** As it was sent, where title and text alone do not give it. */
  contents?: string;
}

/** What servers put in the place of a text when they fail. */
const FAILURE = new RegExp(
  [
    String.raw`[\w.]*(?:Error|Exception)\s*(?:[:(]|$)`,
    String.raw`(?:Error|Failed) (?:occurred|while|during|retrieving|fetching|calling|to [a-z]+)\b`,
    String.raw`Traceback \(|Internal Server Error|Bad Gateway|<!DOCTYPE|<html`,
  ].join("|"),
);

const isFailure = (text: string): boolean => text.trimStart().search(FAILURE) === 0;

const textSchema = z
  .string()
  .transform((contents): AnyDocument =>
    withContents({ id: null, ...parseContents(contents) }, contents),
  );

const anyDocumentSchema = z
  .union([
    textSchema,
    z
      .object({
        // A number that JSON cannot hold exactly would be another document's id.
        id: z
          .union([
            z.string(),
            z
              .number()
              .refine((id) => Math.abs(id) <= Number.MAX_SAFE_INTEGER)
              .transform(String),
          ])
          .nullish(),
        title: z.string().nullish(),
        text: z.string().nullish(),
        content: z.string().nullish(),
        contents: z.string().nullish(),
      })
      .refine(({ contents, content, text }) => (text ?? content ?? contents) != null)
      .transform(({ id, title, text, content, contents }): AnyDocument => {
        const body = text ?? content;
        const parts = body == null ? parseContents(contents ?? "") : { title: "", text: body };
        const document = {
          ...parts,
          title: title ?? parts.title,
          id: id === "" ? null : (id ?? null),
        };
        return withContents<AnyDocument>(document, contents ?? undefined);
      }),
  ])
  .refine(
    ({ id, title, text }) => id !== null || (`${title}${text}`.trim() !== "" && !isFailure(text)),
  );

/** A hit: a document, or an object with a document in it and a score. What is no number is no score. */
const anyHitSchema = z.union(
  [
    z
      .object({ document: anyDocumentSchema, score: z.unknown().optional() })
      .transform(({ document, score }) => ({
        document,
        score: typeof score === "number" ? score : null,
      })),
    anyDocumentSchema.transform((document) => ({ document, score: null })),
  ],
  {
    error:
      "is no document: it needs `contents`, or `title` and `text`; an exact id, or, without one, a text that is not empty and no failure's",
  },
);
export type AnyHit = z.output<typeof anyHitSchema>;

/** The response of any server of the dialect, the best document first. */
export const retrieveResponseOfAnySchema = z.object({ result: z.array(z.array(anyHitSchema)) });

export const retrieveErrorSchema = z.object({
  error: z.object({ code: z.string(), message: z.string() }),
});

/**
 * Header of every answer of ours to POST /retrieve: the content that was ranked (see `retrieveHealth.key`), so that a
 * client notices a service that came back with another corpus.
 */
export const RETRIEVER_KEY_HEADER = "x-retriever-key";

/** GET /healthz; status 200 where it is ready, else 503. */
export const retrieveHealthSchema = z.object({
  status: z.enum(["starting", "ready", "stopping"]),
  /** What ranks, for people; what it is doing while it starts. */
  retriever: z.string(),
  documents: z.int().nullable(),
  /** Changes whenever rankings can: corpus, encoder, settings. Null while it starts. */
  key: z.string().nullable(),
  /** What a person should know of the documents' `contents`; absent: they are those of the corpus' lines. */
  note: z.string().optional(),
  limits: z.object({ queries: z.int(), queryCharacters: z.int(), topk: z.int() }),
  /** Documents a query for requests that name no `topk`; absent: an earlier version's service does not say. */
  defaultTopk: z.int().optional(),
});
export type RetrieveHealth = z.output<typeof retrieveHealthSchema>;

/** GET /metrics. Times in milliseconds, over the latest requests; null before the first. */
export interface RetrieveMetrics {
  uptimeSeconds: number;
  requests: number;
  queries: number;
  /** Requests that were wrong or failed. */
  errors: number;
  /** Requests answered with 503: too many waited, or the service was not ready. */
  refused: number;
  /** Encoder batches that the requests became. */
  batches: number;
  waitingQueries: number;
  latencyMs: { p50: number | null; p99: number | null };
  /** Over all requests answered. */
  latencySumMs: number;
  latencyCount: number;
  /** Resident memory of the process that serves, which is the whole worker's. */
  memoryMb: number;
}

export function toWireDocument({
  id,
  title,
  text,
  contents = formatContents({ title, text }),
}: CorpusRecord): WireDocument {
  return { id, title, text, contents };
}
